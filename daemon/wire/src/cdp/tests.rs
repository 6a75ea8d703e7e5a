//! Tests of whole messages.

use super::*;
use crate::Layer;

const HEADER: [u8; 4] = [2, 180, 0, 0];

fn tlv(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + TLV_HEADER_LEN).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

fn message(tlvs: &[Vec<u8>]) -> Vec<u8> {
    [&HEADER[..], &tlvs.concat()].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Cdp)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

/// A telephone's message, of an odd number of octets.
const PHONE: &[u8] = b"\x02\xb4\x22\x1f\x00\x01\x00\x13SEP001469960DE0\
    \x00\x02\x00\x11\x00\x00\x00\x01\x01\x01\xcc\x00\x04\xc0\x00\x02\x01\
    \x00\x04\x00\x08\x00\x00\x00\x90\x00\x0b\x00\x05\x01\x00\x10\x00\x06\x2e\xe0";

#[test]
fn a_message_is_read_whole() {
    let phone = read(PHONE);
    assert!(phone.malformed.is_empty() && phone.checksum_valid == Some(true));
    assert_eq!((phone.version, phone.ttl), (2, 180));
    assert_eq!(phone.device_id, Some(Text(b"SEP001469960DE0")));
    let capabilities = phone.capabilities.unwrap();
    assert!(capabilities.contains(Capabilities::PHONE) && capabilities.contains(Capabilities::HOST));
    assert_eq!((phone.full_duplex, phone.power_consumption), (Some(true), Some(12_000)));
    let addresses = phone.addresses.unwrap();
    assert_eq!((addresses.count, addresses.list.len()), (1, 1));
    assert_eq!(addresses.list[0].ip, Some([192, 0, 2, 1].into()));
}

#[test]
fn another_version_is_named_and_read_all_the_same() {
    for version in [0, 3, 0xff] {
        let mut bytes = message(&[tlv(1, b"sw")]);
        bytes[0] = version;
        assert_eq!(faults(&bytes), [(0, Kind::Version)]);
        assert!(read(&bytes).device_id.is_some());
    }
}

#[test]
fn every_tlv_is_read() {
    let bytes = message(&[
        tlv(3, b"Gi0/1"),
        tlv(5, b"IOS"),
        tlv(6, b"WS"),
        tlv(7, &[10, 0, 0, 0, 8, 192, 0, 2, 0, 24]),
        tlv(9, b"vtp"),
        tlv(0xa, &[0, 7]),
        tlv(0xe, &[1, 0, 100]),
        tlv(0xf, &[1]),
        tlv(0x11, &[0, 0, 5, 0xdc]),
        tlv(0x12, &[1]),
        tlv(0x13, &[3]),
        tlv(0x14, b"name"),
        tlv(0x15, &[0x2b, 6]),
        tlv(0x17, b"\x01room"),
        tlv(0x18, b"ext"),
        tlv(0x19, &[0, 1, 0, 2, 0, 0, 0x3c, 0x28]),
        tlv(0x1a, &[0, 1, 0, 2, 0, 0, 0x3c, 0x28, 0, 0, 0, 1]),
        tlv(0x1b, &[1]),
        tlv(0x1f, &[0x0d]),
        tlv(0x1003, &[0, 1]),
    ]);
    let m = read(&bytes);
    assert!(m.malformed.is_empty());
    let text = |t: &[u8]| Some(Text(t)).map(|t| t.to_string());
    assert_eq!(
        [m.port_id, m.software_version].map(|t| t.map(|t| t.to_string())),
        [text(b"Gi0/1"), text(b"IOS")]
    );
    assert_eq!((m.platform, m.vtp_domain), (Some(Text(b"WS")), Some(Text(b"vtp"))));
    assert_eq!(m.prefixes[1], Prefix { network: [192, 0, 2, 0].into(), length: 24 });
    assert_eq!((m.native_vlan, m.mtu, m.unidirectional), (Some(7), Some(1500), Some(1)));
    assert_eq!(m.voice_vlan_reply, Some(VoiceVlan { data: 1, vid: Some(100) }));
    assert_eq!(m.voice_vlan_query, Some(VoiceVlan { data: 1, vid: None }));
    assert_eq!((m.trust_bitmap, m.untrusted_port_cos), (Some(1), Some(3)));
    assert_eq!((m.system_name, m.system_oid), (Some(Text(b"name")), Some(Octets(&[0x2b, 6]))));
    assert_eq!(m.external_port_id, Some(Text(b"ext")));
    assert_eq!(m.location.map(|l| (l.kind, l.octets)), Some((1, 4)));
    assert_eq!(m.power_requested.map(|p| p.levels[0]), Some(15_400));
    assert_eq!(m.power_available.map(|p| (p.request_id, p.management_id, p.levels.len())), Some((1, 2, 2)));
    assert!(m.spare_pair.is_some_and(|s| s.supported && !s.shared_architecture && s.requested && s.enabled));
    assert_eq!((m.unknown, m.opaque[0]), (1, Opaque { tlv: TlvType::Radio1Channel, octets: 2 }));
}

#[test]
fn a_gateway_is_not_a_prefix() {
    let bytes = message(&[tlv(7, &[10, 0, 0, 1])]);
    assert_eq!((read(&bytes).gateway, read(&bytes).prefixes.len()), (Some([10, 0, 0, 1].into()), 0));
    assert_eq!(faults(&message(&[tlv(7, &[10, 0, 0, 1, 8, 9])])), [(4, Kind::Length)]);
}

#[test]
fn a_cluster_is_read_from_its_hello() {
    let hello = [&[0, 0, 0x0c, 1, 0x12][..], &(1..=27).collect::<Vec<_>>()].concat();
    let bytes = message(&[tlv(8, &hello)]);
    let cluster = read(&bytes).hello.unwrap().cluster.unwrap();
    assert_eq!((cluster.master, cluster.management_vlan), ([1, 2, 3, 4].into(), 0x1a1b));
    assert_eq!(cluster.switch, ethernet::Address([0x13, 0x14, 0x15, 0x16, 0x17, 0x18]));
    let other = message(&[tlv(8, &[0, 0, 0x0d, 1, 0x12, 7])]);
    assert_eq!(read(&other).hello.map(|h| (h.protocol, h.cluster, h.octets)), Some((0x0112, None, 1)));
    assert_eq!(faults(&message(&[tlv(8, &hello[..20])])), [(4, Kind::Short)]);
}

#[test]
fn a_tlv_of_zero_length_does_not_loop() {
    for length in 0..4 {
        let bytes = message(&[tlv(1, b"sw"), vec![0, 5, 0, length], tlv(6, b"WS")]);
        assert_eq!(faults(&bytes), [(10, Kind::Length)]);
        assert_eq!(read(&bytes).device_id, Some(Text(b"sw")));
    }
}

#[test]
fn a_tlv_beyond_the_message_is_named() {
    assert_eq!(faults(&message(&[tlv(1, b"sw"), vec![0, 5, 1, 0, b'x']])), [(10, Kind::Length)]);
    assert_eq!(faults(&message(&[tlv(1, b"sw"), vec![0, 5, 0]])), [(10, Kind::Short)]);
}

#[test]
fn addresses_beyond_their_tlv_are_named_and_hide_nothing() {
    let one = [1, 1, 0xcc, 0, 4, 192, 0, 2, 1];
    let list = |count: u32, octets: &[u8]| message(&[tlv(2, &[&count.to_be_bytes()[..], octets].concat())]);
    for octets in [&[][..], &[1], &[1, 200, 0xcc], &[1, 1, 0xcc, 0xff, 0xff, 1]] {
        let bytes = list(2, &[&one[..], octets].concat());
        assert_eq!(faults(&bytes), [(4, Kind::Short)]);
        assert_eq!(read(&bytes).addresses.unwrap().list.len(), 1);
    }
    assert_eq!(faults(&list(u32::MAX, &[0, 0, 0, 0].repeat(300))), [(4, Kind::Limit)]);
    let bytes = list(20, &one.repeat(20));
    assert_eq!(read(&bytes).addresses.map(|a| (a.list.len(), a.omitted)), Some((MAX_ADDRESSES, 4)));
    assert_eq!(faults(&message(&[tlv(2, &[0, 0, 1])])), [(4, Kind::Short)]);
}

#[test]
fn an_address_of_ipv6_is_known_by_its_llc_header() {
    let mut value = vec![0, 0, 0, 1, 2, 8, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd, 0, 16];
    value.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let bytes = message(&[tlv(0x16, &value)]);
    let addresses = read(&bytes).management_addresses.unwrap();
    assert_eq!(addresses.list[0].ip.unwrap().to_string(), "2001:db8::1");
    assert_eq!(addresses.list[0].protocol_type, ProtocolType::Llc);
}

#[test]
fn a_value_shorter_than_its_fields_is_refused_and_hides_no_other() {
    for (kind, length) in
        [(4, 4), (8, 5), (0xa, 2), (0xb, 1), (0xe, 1), (0x10, 2), (0x11, 4), (0x12, 1), (0x17, 1), (0x19, 4)]
    {
        let bytes = message(&[tlv(kind, &[0; 8][..length - 1]), tlv(1, b"sw")]);
        assert_eq!(faults(&bytes), [(4, Kind::Short)], "{kind}");
        assert_eq!(read(&bytes).device_id, Some(Text(b"sw")));
    }
}

#[test]
fn the_first_of_two_counts() {
    let bytes = message(&[tlv(1, b"a"), tlv(1, b"b")]);
    assert_eq!((read(&bytes).device_id, faults(&bytes)), (Some(Text(b"a")), vec![(9, Kind::Duplicate)]));
}

#[test]
fn tlvs_are_bounded() {
    let bytes = message(&vec![tlv(0x99, &[]); MAX_TLVS + 1]);
    let m = read(&bytes);
    assert_eq!((m.unknown, m.opaque.len(), m.omitted), (256, MAX_OPAQUE, 224));
    assert_eq!(faults(&bytes), [(4 + 4 * 256, Kind::Limit)]);
    assert!(faults(&message(&vec![tlv(0x99, &[]); MAX_TLVS])).is_empty());
}

#[test]
fn a_cut_capture_has_no_checksum_and_no_malformed_tlv() {
    let bytes = message(&[tlv(1, b"sw")]);
    let cut = parse(Cursor::new(&bytes[..9], 10, Layer::Cdp)).unwrap();
    assert_eq!(
        (cut.checksum_valid, cut.malformed.first().map_err(|m| m.kind)),
        (None, Err(Kind::NotCaptured))
    );
    assert_eq!(read(&bytes).checksum_valid, Some(false));
    assert_eq!(parse(Cursor::new(&[2, 180, 0], 3, Layer::Cdp)).unwrap_err().kind, Kind::Short);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 7),
            capabilities in any::<u32>(), native in any::<u16>(), mtu in any::<u32>(), voice in any::<u16>(),
            levels in prop::collection::vec(any::<u32>(), 0..=MAX_POWER_LEVELS),
            addresses in prop::collection::vec(any::<[u8; 4]>(), 0..=MAX_ADDRESSES),
        ) {
            let kinds = [1, 3, 5, 6, 9, 0x14, 0x18];
            let mut tlvs: Vec<_> = kinds.iter().zip(&texts).map(|(kind, text)| tlv(*kind, text)).collect();
            tlvs.push(tlv(4, &capabilities.to_be_bytes()));
            tlvs.push(tlv(0xa, &native.to_be_bytes()));
            tlvs.push(tlv(0x11, &mtu.to_be_bytes()));
            tlvs.push(tlv(0xe, &[&[1][..], &voice.to_be_bytes()].concat()));
            let power: Vec<u8> = levels.iter().flat_map(|level| level.to_be_bytes()).collect();
            tlvs.push(tlv(0x1a, &[&[0; 4][..], &power].concat()));
            let count = u32::try_from(addresses.len()).unwrap().to_be_bytes();
            let list: Vec<u8> = addresses.iter().flat_map(|a| [&[1, 1, 0xcc, 0, 4][..], a].concat()).collect();
            tlvs.push(tlv(2, &[&count[..], &list].concat()));
            let bytes = message(&tlvs);
            let m = read(&bytes);
            prop_assert!(m.malformed.is_empty());
            let read = [
                m.device_id, m.port_id, m.software_version, m.platform, m.vtp_domain, m.system_name,
                m.external_port_id,
            ];
            prop_assert_eq!(read.map(|t| t.unwrap().0.to_vec()).to_vec(), texts);
            prop_assert_eq!(m.capabilities, Some(Capabilities(capabilities)));
            prop_assert_eq!((m.native_vlan, m.mtu), (Some(native), Some(mtu)));
            prop_assert_eq!(m.voice_vlan_reply, Some(VoiceVlan { data: 1, vid: Some(voice) }));
            prop_assert_eq!(m.power_available.unwrap().levels.to_vec(), levels);
            let ips: Vec<_> = m.addresses.unwrap().list.iter().map(|a| a.ip.unwrap()).collect();
            prop_assert_eq!(ips, addresses.into_iter().map(std::net::IpAddr::from).collect::<Vec<_>>());
        }

        #[test]
        fn no_octets_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), wire_len in 0u32..1000) {
            if let Ok(m) = parse(Cursor::new(&bytes, wire_len, Layer::Cdp)) {
                prop_assert!(m.malformed.iter().all(|f| f.offset <= u32::try_from(bytes.len()).unwrap()));
            }
        }

        #[test]
        fn no_framed_values_panic(
            values in prop::collection::vec((0u16..0x20, prop::collection::vec(any::<u8>(), 0..40)), 0..30),
        ) {
            let tlvs: Vec<_> = values.iter().map(|(kind, value)| tlv(*kind, value)).collect();
            let bytes = message(&tlvs);
            prop_assert!(read(&bytes).malformed.iter().all(|f| f.kind != Kind::Limit));
        }
    }
}
