//! What is written is read, and no octets do harm.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Layer, ethernet};

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let header = (u16::from(kind) << 9) | u16::try_from(value.len()).unwrap();
    [&header.to_be_bytes()[..], value].concat()
}

fn organisation(oui: [u8; 3], subtype: u8, value: &[u8]) -> Vec<u8> {
    tlv(127, &[&oui[..], &[subtype], value].concat())
}

fn unit(tlvs: &[Vec<u8>]) -> Vec<u8> {
    let head = [tlv(1, &[4, 0, 0x1b, 0x21, 1, 2, 3]), tlv(2, b"\x05eth0"), tlv(3, &[0, 120])].concat();
    [head, tlvs.concat(), tlv(0, &[])].concat()
}

fn read(bytes: &[u8]) -> Advertisement<'_> {
    parse(Cursor::new(bytes, 0, Layer::Lldp))
}

/// Octets of a value that is long enough for every fixed field of every subtype.
fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..120)
}

proptest! {
    #[test]
    fn basic_tlvs(
        chassis in vec(any::<u8>(), 1..=255), port in vec(any::<u8>(), 1..=255), ttl in any::<u16>(),
        texts in vec(vec(any::<u8>(), 0..=MAX_TEXT_LEN), 3), supported in any::<u16>(), mask in any::<u16>(),
        addresses in vec((any::<[u8; 4]>(), any::<u8>(), any::<u32>(), vec(any::<u8>(), 0..=128)),
            0..=MAX_MANAGEMENT_ADDRESSES),
    ) {
        let mut bytes = [
            tlv(1, &[&[7][..], &chassis].concat()),
            tlv(2, &[&[7][..], &port].concat()),
            tlv(3, &ttl.to_be_bytes()),
            tlv(7, &[supported.to_be_bytes(), (supported & mask).to_be_bytes()].concat()),
        ]
        .concat();
        for (kind, text) in (4..).zip(&texts) {
            bytes.extend(tlv(kind, text));
        }
        for (ip, subtype, number, oid) in &addresses {
            let length = u8::try_from(oid.len()).unwrap();
            let value = [&[5, 1][..], ip, &[*subtype], &number.to_be_bytes(), &[length], oid].concat();
            bytes.extend(tlv(8, &value));
        }
        bytes.extend(tlv(0, &[]));
        let a = read(&bytes);
        prop_assert!(a.malformed.is_empty() && a.omitted == 0);
        prop_assert_eq!((a.chassis_id.unwrap().value, a.port_id.unwrap().value), (&chassis[..], &port[..]));
        prop_assert_eq!(a.ttl, Some(ttl));
        let read = [a.port_description, a.system_name, a.system_description].map(|t| t.unwrap().0.to_vec());
        prop_assert_eq!(read.to_vec(), texts);
        let capabilities = a.capabilities.unwrap();
        prop_assert_eq!((capabilities.supported.0, capabilities.enabled.0), (supported, supported & mask));
        for (read, (ip, subtype, number, oid)) in a.management_addresses.iter().zip(&addresses) {
            prop_assert_eq!(read.address, NetworkAddress::Ip((*ip).into()));
            let interface = InterfaceNumber { subtype: (*subtype).into(), number: *number };
            prop_assert_eq!((read.interface, read.oid), (Some(interface), Octets(oid)));
        }
        prop_assert_eq!(a.management_addresses.len(), addresses.len());
    }

    #[test]
    fn tlvs_of_802_1(
        port_vlan in 0..=dot1::MAX_VID, management in 0..=dot1::MAX_VID, digest in any::<u32>(),
        port_protocol in vec((any::<bool>(), any::<bool>(), 0..=dot1::MAX_VID), 0..=dot1::MAX_PORT_PROTOCOL_VLANS),
        names in vec((0..=dot1::MAX_VID, vec(any::<u8>(), 0..=dot1::MAX_VLAN_NAME_LEN)), 0..=dot1::MAX_VLAN_NAMES),
        protocols in vec(vec(any::<u8>(), 0..=255), 0..=dot1::MAX_PROTOCOL_IDENTITIES),
        ets in any::<[u8; 21]>(), pfc in any::<[u8; 2]>(), topology in any::<[u8; 3]>(),
        priorities in vec((0u8..8, 0u8..8, any::<u16>()), 0..=dot1::MAX_APPLICATION_PRIORITIES),
        channels in vec((0u16..4096, 0u16..4096), 0..=dot1::MAX_CHANNELS),
    ) {
        // Each VLAN once.
        let names: Vec<_> = names.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        let by_vid: BTreeMap<_, _> = port_protocol.into_iter().map(|vlan| (vlan.2, vlan)).collect();
        let port_protocol: Vec<_> = by_vid.into_values().collect();
        let dot1 = |subtype, value: &[u8]| organisation(dot1::OUI, subtype, value);
        let mut tlvs = vec![
            dot1(1, &port_vlan.to_be_bytes()), dot1(5, &digest.to_be_bytes()), dot1(6, &management.to_be_bytes()),
            dot1(9, &ets), dot1(10, &ets), dot1(11, &pfc), dot1(20, &topology),
        ];
        tlvs.extend(port_protocol.iter().map(|(supported, enabled, vid)| {
            let flags = u8::from(*supported) << 1 | u8::from(*enabled) << 2;
            dot1(2, &[&[flags][..], &vid.to_be_bytes()].concat())
        }));
        tlvs.extend(names.iter().map(|(vid, name)| {
            dot1(3, &[&vid.to_be_bytes()[..], &[u8::try_from(name.len()).unwrap()], name].concat())
        }));
        tlvs.extend(protocols.iter().map(|protocol| {
            dot1(4, &[&[u8::try_from(protocol.len()).unwrap()][..], protocol].concat())
        }));
        let table: Vec<u8> = priorities
            .iter()
            .flat_map(|(priority, selector, protocol)| {
                [&[priority << 5 | selector][..], &protocol.to_be_bytes()].concat()
            })
            .collect();
        tlvs.push(dot1(12, &[&[0][..], &table].concat()));
        let table: Vec<u8> = channels
            .iter()
            .flat_map(|(scid, svid)| (u32::from(*scid) << 12 | u32::from(*svid)).to_be_bytes()[1..].to_vec())
            .collect();
        tlvs.push(dot1(14, &[&[0x80, 0, 0, 1][..], &table].concat()));
        let bytes = unit(&tlvs);
        let a = read(&bytes);
        prop_assert!(a.malformed.is_empty() && a.omitted == 0);
        let read = &a.dot1;
        prop_assert_eq!((read.port_vlan, read.management_vlan), (Some(port_vlan), Some(management)));
        prop_assert_eq!(read.vid_usage_digest, Some(digest));
        let place = read.topology_recognition.unwrap();
        prop_assert_eq!([place.device_type.code(), place.level, place.port_orientation.code()], topology);
        let vlans: Vec<_> = read.port_protocol_vlans.iter().map(|v| (v.supported, v.enabled, v.vid)).collect();
        prop_assert_eq!(vlans, port_protocol);
        let vlans: Vec<_> = read.vlan_names.iter().map(|v| (v.vid, v.name.0.to_vec())).collect();
        prop_assert_eq!(vlans, names);
        let identities: Vec<_> = read.protocol_identities.iter().map(|p| p.0.to_vec()).collect();
        prop_assert_eq!(identities, protocols);
        let table = read.ets_configuration.unwrap().table;
        prop_assert_eq!(&table.bandwidth[..], &ets[5..13]);
        prop_assert_eq!(read.ets_recommendation.unwrap().table, table);
        prop_assert_eq!(read.pfc_configuration.unwrap().enabled, pfc[1]);
        let table: Vec<_> =
            read.application_priorities.iter().map(|p| (p.priority, p.selector.code(), p.protocol)).collect();
        prop_assert_eq!(table, priorities);
        let table: Vec<_> = read.cdcp.as_ref().unwrap().channels.iter().map(|c| (c.scid, c.svid)).collect();
        prop_assert_eq!(table, channels);
    }

    #[test]
    fn tlvs_of_802_3_and_med(
        power in any::<[u8; 8]>(), type34 in any::<[u8; 17]>(), frame in any::<u16>(), eee in any::<[u16; 5]>(),
        applications in prop::collection::hash_set(any::<u8>(), 0..=med::MAX_POLICIES), bits in any::<[u8; 3]>(),
        inventory in vec(vec(any::<u8>(), 0..=med::MAX_INVENTORY_LEN), 7), extended in any::<[u8; 3]>(),
        elin in vec(any::<u8>(), 10..=25), mac in any::<[u8; 6]>(), node in any::<u32>(),
        measured in any::<[u8; 20]>(), price in any::<u16>(), rings in any::<[u16; 3]>(),
        controllers in vec((any::<u8>(), any::<[u8; 4]>(), "[0-9a-f-]{36}"), 0..=cisco::MAX_APPLIANCES),
    ) {
        let eee_octets: Vec<u8> = eee.iter().flat_map(|time| time.to_be_bytes()).collect();
        let mut tlvs = vec![
            organisation(dot3::OUI, 2, &[&power[..], &type34].concat()),
            organisation(dot3::OUI, 4, &frame.to_be_bytes()),
            organisation(dot3::OUI, 5, &eee_octets),
            organisation(med::OUI, 3, &[&[3][..], &elin].concat()),
            organisation(med::OUI, 4, &extended),
            organisation(profinet::OUI, 5, &mac),
            organisation(cisco::OUI, 0xcb, &node.to_be_bytes()),
            organisation(dot3::OUI, 8, &[&measured[..], &price.to_be_bytes()].concat()),
            organisation(profinet::OUI, 8, &rings.map(u16::to_be_bytes).concat()),
        ];
        let vector: Vec<u8> = controllers
            .iter()
            .flat_map(|(id, ip, uuid)| [&[*id][..], ip, uuid.as_bytes()].concat())
            .collect();
        tlvs.push(organisation(cisco::OUI, 0xcf, &vector));
        tlvs.extend(applications.iter().map(|a| organisation(med::OUI, 2, &[&[*a][..], &bits].concat())));
        tlvs.extend((5..).zip(&inventory).map(|(subtype, text)| organisation(med::OUI, subtype, text)));
        let bytes = unit(&tlvs);
        let a = read(&bytes);
        prop_assert!(a.malformed.is_empty() && a.omitted == 0);
        let read = a.dot3.power.unwrap();
        let data_link = read.data_link.unwrap();
        prop_assert_eq!(data_link.requested.to_be_bytes(), [power[4], power[5]]);
        prop_assert_eq!(data_link.allocated.to_be_bytes(), [power[6], power[7]]);
        let read = read.type34.unwrap();
        prop_assert_eq!(read.requested_mode_a.to_be_bytes(), [type34[0], type34[1]]);
        let status = read.pse_powering_status.code() << 6
            | read.pd_powered_status.code() << 4
            | read.pse_power_pairs.code() << 2
            | read.class_mode_a >> 1;
        let classes = read.class_mode_a << 7 | read.class_mode_b << 4 | read.class;
        prop_assert_eq!([status, classes], [type34[8], type34[9]]);
        let request = u32::from(read.power_down_request) << 18 | read.power_down_time;
        prop_assert_eq!(&request.to_be_bytes()[1..], &type34[14..]);
        prop_assert_eq!(a.dot3.max_frame_size, Some(frame));
        let read = a.dot3.eee.unwrap();
        prop_assert_eq!([read.transmit_wake, read.echo_receive_wake], [eee[0], eee[4]]);
        prop_assert_eq!(a.med.policies.len(), applications.len());
        for policy in &a.med.policies {
            let flags = u32::from(policy.unknown) << 23 | u32::from(policy.tagged) << 22;
            let numbers = u32::from(policy.vid) << 9 | u32::from(policy.priority) << 6 | u32::from(policy.dscp);
            let [_, reserved, _, _] = (u32::from(bits[0] & 0x20) << 16).to_be_bytes();
            let [_, first, second, third] = (flags | numbers).to_be_bytes();
            prop_assert_eq!([first | reserved, second, third], bits);
        }
        let m = &a.med;
        let read = [
            m.hardware_revision, m.firmware_revision, m.software_revision, m.serial_number, m.manufacturer, m.model,
            m.asset_id,
        ];
        prop_assert_eq!(read.map(|t| t.unwrap().0.to_vec()).to_vec(), inventory);
        prop_assert_eq!(m.locations[0].octets, elin.len());
        prop_assert_eq!(a.profinet.interface_mac, Some(ethernet::Address(mac)));
        prop_assert_eq!(a.cisco.node_id, Some(node));
        let read = a.dot3.power_measurements.unwrap();
        prop_assert_eq!((read.measurements.0, read.price_index), (&measured[..], price));
        let read = a.profinet.mrp_interconnection_port_status.unwrap();
        prop_assert_eq!([read.domain, read.role, read.position], rings);
        let read = &a.cisco.appliance_vector;
        let read: Vec<_> = read.iter().map(|c| (c.id, c.ip.octets(), c.uuid.to_string())).collect();
        prop_assert_eq!(read, controllers);
    }

    #[test]
    fn a_value_of_any_length_hides_no_other(
        values in vec((0usize..6, 0u8..24, value()), 0..60), kinds in vec((4u8..127, value()), 0..20),
    ) {
        let ouis = [dot1::OUI, dot3::OUI, med::OUI, profinet::OUI, cisco::OUI, IANA_OUI];
        let mut tlvs: Vec<_> =
            values.iter().map(|(oui, subtype, value)| organisation(ouis[*oui], *subtype, value)).collect();
        tlvs.extend(kinds.iter().map(|(kind, value)| tlv(*kind, value)));
        let bytes = unit(&tlvs);
        let a = read(&bytes);
        prop_assert!(a.is_usable());
        let framing = [Kind::NotCaptured, Kind::Missing, Kind::Limit, Kind::Order];
        prop_assert!(a.malformed.iter().all(|fault| !framing.contains(&fault.kind)));
    }

    #[test]
    fn no_octets_panic(bytes in vec(any::<u8>(), 0..800), wire_len in 0u32..1000) {
        let a = parse(Cursor::new(&bytes, wire_len, Layer::Lldp));
        prop_assert!(a.malformed.iter().all(|fault| fault.offset <= u32::try_from(bytes.len()).unwrap()));
    }
}
