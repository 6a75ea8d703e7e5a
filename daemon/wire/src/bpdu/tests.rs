//! Tests of whole BPDUs.

use super::*;
use crate::Layer;

const BRIDGE: [u8; 8] = [0x80, 0x64, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55];

fn bpdu(version: u8, kind: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let times = [0x80, 0x01, 1, 0, 20, 0, 2, 0, 15, 0];
    [&[0, 0, version, kind, flags][..], &BRIDGE, &[0, 0, 0x4e, 0x20], &BRIDGE, &times, rest].concat()
}

fn instance(id: u8) -> Vec<u8> {
    [&[0xfc, 0x80, id][..], &BRIDGE[2..], &[0, 0, 0, id, 0x80, 0x90, 18]].concat()
}

fn mst(length: u16, instances: &[Vec<u8>]) -> Vec<u8> {
    let name: [u8; 32] = std::array::from_fn(|i| *b"region".get(i).unwrap_or(&0));
    let digest: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let head = [&[0][..], &length.to_be_bytes(), &[0], &name, &[0, 7], &digest, &[0, 0, 0, 55]].concat();
    [head, BRIDGE.to_vec(), vec![19], instances.concat()].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Bpdu)).unwrap()
}

fn faults(message: &Message<'_>) -> Vec<(u32, Kind)> {
    message.malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

#[test]
fn a_configuration_is_read_whole() {
    let bytes = bpdu(0, 0, 0x81, &[]);
    assert_eq!(bytes.len(), CONFIGURATION_LEN);
    let m = read(&bytes);
    assert!(m.malformed.is_empty() && m.is_spanning_tree());
    assert_eq!((m.version, m.kind), (Version::Stp, BpduType::Configuration));
    let c = m.configuration.unwrap();
    assert!(c.flags.topology_change && c.flags.topology_change_acknowledgment && !c.flags.forwarding);
    assert_eq!((c.root.priority, c.root.system_id_extension), (32_768, 100));
    assert_eq!(c.bridge.address.to_string(), "00:11:22:33:44:55");
    assert_eq!((c.root_path_cost, c.port_id), (20_000, 0x8001));
    let times = [c.message_age, c.max_age, c.hello_time, c.forward_delay];
    assert_eq!(times.map(|time| time / TIME_UNITS), [1, 20, 2, 15]);
}

#[test]
fn a_topology_change_notification_has_no_configuration() {
    let m = read(&[0, 0, 0, 0x80, 0, 0, 0]);
    assert_eq!((m.kind, m.configuration), (BpduType::TopologyChangeNotification, None));
    assert!(m.malformed.is_empty());
}

#[test]
fn the_flags_of_a_rapid_bpdu_have_names() {
    let flags = read(&bpdu(2, 2, 0x3e, &[0])).configuration.unwrap().flags;
    assert!(flags.proposal && flags.learning && flags.forwarding && !flags.agreement);
    assert_eq!(flags.port_role, PortRole::Designated);
}

#[test]
fn a_version_1_length_that_is_not_zero_is_named() {
    let bytes = bpdu(2, 2, 0x3c, &[7]);
    assert_eq!(faults(&read(&bytes)), [(35, Kind::Value)]);
    let bytes = bpdu(2, 2, 0x3c, &[]);
    assert_eq!(faults(&read(&bytes)), [(35, Kind::Short)]);
    assert!(read(&bytes).configuration.is_some());
}

#[test]
fn instances_are_read() {
    let bytes = bpdu(3, 2, 0x7c, &mst(96, &[instance(1), instance(2)]));
    let m = read(&bytes);
    assert!(m.malformed.is_empty());
    let mst = m.mst.unwrap();
    assert_eq!((mst.length, mst.internal_root_path_cost, mst.remaining_hops), (96, 55, 19));
    assert_eq!(mst.configuration_id.name.to_string(), "region");
    assert_eq!((mst.configuration_id.format, mst.configuration_id.revision), (0, 7));
    assert_eq!(mst.configuration_id.digest.0[15], 15);
    assert_eq!(mst.bridge.system_id_extension, 100);
    let second = mst.instances[1];
    assert_eq!((second.regional_root.priority, second.regional_root.system_id_extension), (32_768, 2));
    assert_eq!((second.internal_root_path_cost, second.remaining_hops), (2, 18));
    assert_eq!((second.bridge_priority, second.port_priority), (8, 9));
    assert!(second.flags.topology_change_acknowledgment && second.flags.agreement);
}

#[test]
fn a_version_3_length_that_cannot_be_is_named() {
    let bytes = bpdu(3, 2, 0x7c, &mst(63, &[]));
    assert_eq!(faults(&read(&bytes)), [(36, Kind::Length)]);
    assert!(read(&bytes).configuration.is_some());
    let bytes = bpdu(3, 2, 0x7c, &mst(64 + 17, &[instance(1), vec![0]]));
    assert_eq!(faults(&read(&bytes)), [(102, Kind::Length)]);
    assert_eq!(read(&bytes).mst.unwrap().instances.len(), 1);
    let bytes = bpdu(3, 2, 0x7c, &mst(64 + 32, &[instance(1)]));
    assert_eq!(faults(&read(&bytes)), [(118, Kind::Short)]);
    assert_eq!(read(&bytes).mst.unwrap().instances.len(), 1);
}

#[test]
fn instances_are_bounded() {
    let bytes = bpdu(3, 2, 0x7c, &mst(64 + 16 * 70, &vec![instance(1); 70]));
    let m = read(&bytes);
    assert_eq!((m.mst.unwrap().instances.len(), m.omitted), (MAX_MSTIS, 6));
    let bytes = bpdu(3, 2, 0x7c, &mst(u16::MAX, &vec![instance(1); 70]));
    assert_eq!(read(&bytes).malformed.first().map_err(|f| f.kind), Err(Kind::Short));
}

#[test]
fn shortest_paths_are_read_behind_the_instances() {
    let octets: Vec<u8> = (1..=51).chain(0x60..0x60 + 34).collect();
    let spt = [&85u16.to_be_bytes()[..], &octets].concat();
    let bytes = bpdu(4, 2, 0x7c, &[mst(80, &[instance(1)]), spt].concat());
    let m = read(&bytes);
    assert!(m.malformed.is_empty());
    let spt = m.spt.unwrap();
    assert_eq!((spt.length, spt.auxiliary_id.format, spt.auxiliary_id.revision), (85, 1, 0x2223));
    assert_eq!((spt.agreement_number, spt.agreement_valid, spt.restricted_role), (0, false, true));
    assert_eq!((spt.digest_format, spt.digest_format_capabilities), (6, 2));
    assert_eq!((spt.digest_convention, spt.digest_convention_capabilities), (6, 3));
    assert_eq!((spt.digest_edge_count, spt.digest.0[0], spt.digest.0.len()), (0x6465, 0x6e, 20));
}

#[test]
fn a_version_4_length_that_cannot_be_is_named_and_the_rest_stays() {
    let spt = |length: u16, octets: usize| [&length.to_be_bytes()[..], &vec![0; octets]].concat();
    for (length, octets, at, kind) in
        [(86, 85, 102, Kind::Length), (84, 85, 169, Kind::Short), (u16::MAX, 0, 102, Kind::Length)]
    {
        let bytes = bpdu(4, 2, 0x7c, &[mst(64, &[]), spt(length, octets)].concat());
        let m = read(&bytes);
        assert_eq!((faults(&m), m.spt), (vec![(at, kind)], None));
        assert!(m.mst.is_some());
    }
}

#[test]
fn a_bpdu_of_another_protocol_holds_no_more_than_its_identifier() {
    let m = read(&[0, 1, 1, 2, 3]);
    assert_eq!((m.protocol_id, m.is_spanning_tree(), m.configuration), (1, false, None));
    assert!(m.malformed.is_empty());
    assert_eq!(parse(Cursor::new(&[0, 0, 2], 0, Layer::Bpdu)).unwrap_err().kind, Kind::Short);
}

#[test]
fn unknown_versions_and_types_survive() {
    assert_eq!(read(&[0, 0, 2, 9]).kind, BpduType::Unknown(9));
    let bytes = bpdu(9, 0, 0, &[]);
    assert_eq!((read(&bytes).version, read(&bytes).configuration.is_some()), (Version::Unknown(9), true));
}

#[test]
fn a_cut_capture_is_not_malformed() {
    let bytes = bpdu(2, 2, 0, &[0]);
    let m = parse(Cursor::new(&bytes[..20], 36, Layer::Bpdu)).unwrap();
    assert_eq!(faults(&m), [(19, Kind::NotCaptured)]);
}

mod pvst {
    use super::*;

    fn read(bytes: &[u8]) -> Message<'_> {
        parse_pvst(Cursor::new(bytes, 0, Layer::Bpdu)).unwrap()
    }

    #[test]
    fn the_vlan_is_read_behind_both_types() {
        for (version, kind) in [(0, 0), (2, 2)] {
            let bytes = bpdu(version, kind, 0x3c, &[0, 0, 0, 0, 2, 0, 100, 0, 0]);
            let m = read(&bytes);
            assert_eq!((m.originating_vlan, faults(&m)), (Some(100), vec![]));
            assert!(m.configuration.is_some());
        }
    }

    #[test]
    fn another_tlv_does_not_hide_the_vlan() {
        let bytes = bpdu(2, 2, 0x3c, &[0, 0, 9, 0, 1, 7, 0, 0, 0, 2, 0, 100]);
        assert_eq!(read(&bytes).originating_vlan, Some(100));
    }

    #[test]
    fn a_missing_vlan_is_named() {
        assert_eq!(faults(&read(&bpdu(2, 2, 0x3c, &[0]))), [(36, Kind::Missing)]);
        let many = [&[0][..], &[0, 9, 0, 0].repeat(MAX_PVST_TLVS + 4)].concat();
        assert_eq!(faults(&read(&bpdu(2, 2, 0x3c, &many)))[0].1, Kind::Missing);
        assert!(read(&[0, 0, 0, 0x80]).malformed.is_empty());
    }

    #[test]
    fn a_tlv_beyond_the_bpdu_is_named() {
        assert_eq!(faults(&read(&bpdu(2, 2, 0x3c, &[0, 0, 0, 0, 9, 0]))), [(36, Kind::Length)]);
        assert_eq!(faults(&read(&bpdu(2, 2, 0x3c, &[0, 0, 0, 0, 1, 0]))), [(40, Kind::Short)]);
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            flags in any::<u8>(), root in any::<[u8; 8]>(), cost in any::<u32>(), bridge in any::<[u8; 8]>(),
            numbers in any::<[u16; 5]>(), ids in prop::collection::vec(any::<u8>(), 0..=MAX_MSTIS),
        ) {
            let numbers_octets: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
            let length = VERSION_3_MIN_LEN + 16 * u16::try_from(ids.len()).unwrap();
            let instances: Vec<_> = ids.iter().map(|id| instance(*id)).collect();
            let bytes = [
                &[0, 0, 3, 2, flags][..], &root, &cost.to_be_bytes(), &bridge, &numbers_octets,
                &mst(length, &instances),
            ]
            .concat();
            let m = read(&bytes);
            prop_assert!(m.malformed.is_empty());
            let c = m.configuration.unwrap();
            prop_assert_eq!([c.port_id, c.message_age, c.max_age, c.hello_time, c.forward_delay], numbers);
            let octets = |id: BridgeId| {
                let first = (id.priority | id.system_id_extension).to_be_bytes();
                [&first[..], &id.address.0].concat()
            };
            prop_assert_eq!((octets(c.root), octets(c.bridge)), (root.to_vec(), bridge.to_vec()));
            prop_assert_eq!((c.root_path_cost, c.flags), (cost, Flags::from(flags)));
            let read: Vec<_> = m.mst.unwrap().instances.iter().map(|i| i.regional_root.system_id_extension).collect();
            prop_assert_eq!(read, ids.iter().map(|id| u16::from(*id)).collect::<Vec<_>>());
        }

        #[test]
        fn no_octets_panic(
            version in 0u8..6, kind in prop::sample::select(vec![0u8, 2, 0x80]),
            rest in prop::collection::vec(any::<u8>(), 0..400), wire_len in 0u32..600,
        ) {
            let bytes = [&[0, 0, version, kind][..], &rest].concat();
            let _ = parse(Cursor::new(&bytes, wire_len, Layer::Bpdu));
            let _ = parse_pvst(Cursor::new(&bytes, wire_len, Layer::Bpdu));
        }
    }
}
