//! Tests of whole messages.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::{Layer, Text, eap, ethernet};

fn attribute(attribute_type: u8, value: &[u8]) -> Vec<u8> {
    [&[attribute_type, u8::try_from(value.len() + 2).unwrap()], value].concat()
}

fn message(code: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = u16::try_from(attributes.len() + HEADER_LEN).unwrap();
    [&[code, 9][..], &length.to_be_bytes(), &[0xee; 16], &attributes].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Radius)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

fn number(attribute_type: u8, value: u32) -> Vec<u8> {
    attribute(attribute_type, &value.to_be_bytes())
}

#[test]
fn an_access_request_is_read_without_its_secrets() {
    let mut bytes = vec![1, 0x46, 0, 0x50];
    bytes.extend([0xee; 16]);
    bytes.extend(
        b"\x01\x0cbob-tagged\x02\x12\xa3\x0e\x22\xb0\x36\x9e\x89\xf8\x9e\xb6\xe0\x61\x2c\x2c\x3c\x23",
    );
    bytes.extend(b"\x04\x06\x7f\0\0\x01\x05\x06\0\0\0\x01");
    bytes.extend(b"\x50\x12\xff\xb1\x9e\x8e\xa9\x62\x0a\xec\x37\x2d\x7f\xa3\xb2\xc7\x62\x87");
    let message = read(&bytes);
    assert_eq!((message.code, message.identifier, message.length), (Code::AccessRequest, 0x46, 80));
    let attributes = &message.attributes;
    assert_eq!(attributes.user_name, Some(Text(b"bob-tagged")));
    assert_eq!((attributes.nas_ip_address, attributes.nas_port), (Some(Ipv4Addr::LOCALHOST), Some(1)));
    assert!(attributes.presence.user_password && attributes.presence.message_authenticator);
    assert!(!attributes.presence.chap_password && message.malformed.is_empty());
    let shown = format!("{message:?}");
    assert!(
        !shown.contains("a3:0e")
            && !shown.contains("163, 14")
            && !shown.contains("ee")
            && !shown.contains("238")
    );
}

#[test]
fn secrets_and_what_follows_a_person_are_present_and_no_more() {
    let secrets = [2, 3, 17, 60, 69, 70, 74, 80, 84, 89, 103, 127, 132];
    let bytes = message(1, &secrets.map(|t| attribute(t, b"hush")));
    let attributes = read(&bytes).attributes;
    let present = Presence {
        user_password: true,
        chap_password: true,
        old_password: true,
        chap_challenge: true,
        tunnel_password: true,
        arap: true,
        message_authenticator: true,
        chargeable_user_identity: true,
        digest_response: true,
        location: true,
    };
    assert_eq!(attributes, Attributes { presence: present, ..Attributes::default() });
}

#[test]
fn an_access_accept_assigns_vlans() {
    let bytes = message(
        2,
        &[
            number(64, 13),
            number(65, 6),
            attribute(81, b"120"),
            number(64, 0x0200_0003),
            attribute(81, b"\x02guests"),
            number(56, 0x3100_007b),
            number(57, 1),
            attribute(58, b"1vlanname"),
            attribute(59, b"\0\x01\x02\x03\x04\x05\x06\x07"),
        ],
    );
    let attributes = read(&bytes).attributes;
    let first = Tunnel {
        tag: 0,
        tunnel_type: Some(TunnelType::Vlan),
        medium_type: Some(TunnelMediumType::Ieee802),
        private_group_id: Some(Text(b"120")),
    };
    let second = Tunnel {
        tag: 2,
        tunnel_type: Some(TunnelType::L2tp),
        medium_type: None,
        private_group_id: Some(Text(b"guests")),
    };
    assert_eq!(attributes.tunnels[..], [first, second]);
    assert_eq!(attributes.egress_vlans[..], [EgressVlan { tagging: Tagging::Tagged, vid: 123 }]);
    assert_eq!(attributes.ingress_filters, Some(IngressFilters::Enabled));
    let named = EgressVlanName { tagging: Tagging::Tagged, name: Text(b"vlanname") };
    assert_eq!(attributes.egress_vlan_names[..], [named]);
    assert_eq!(attributes.user_priority_table.unwrap().to_string(), "00:01:02:03:04:05:06:07");
    assert_eq!(faults(&bytes), []);
}

#[test]
fn a_tag_that_is_none_is_part_of_the_text_and_wrong_before_a_number() {
    let bytes = message(2, &[attribute(81, b"\x1fa"), attribute(81, b"\x20b"), number(64, 0x2000_000d)]);
    let attributes = read(&bytes).attributes;
    let groups =
        attributes.tunnels.iter().map(|t| (t.tag, t.private_group_id.unwrap().0)).collect::<Vec<_>>();
    assert_eq!(groups, [(0x1f, &b"a"[..]), (0, b"\x20b")]);
    assert_eq!(faults(&bytes), [(28, Kind::Value)]);
}

#[test]
fn octets_are_counted_beyond_32_bits() {
    let bytes = message(4, &[number(42, 7), number(52, 2), number(53, 1), number(47, 5)]);
    let attributes = read(&bytes).attributes;
    assert_eq!(attributes.acct_input_octets, Some((2 << 32) + 7));
    assert_eq!(attributes.acct_output_octets, Some(1 << 32));
    assert_eq!((attributes.acct_input_packets, attributes.acct_output_packets), (Some(5), None));
    let none = message(4, &[]);
    assert_eq!(read(&none).attributes.acct_input_octets, None);
}

#[test]
fn vendors_are_named_with_the_types_of_their_sub_attributes() {
    let cisco = [&[0, 0, 0, 9][..], &attribute(1, b"shell:priv-lvl=15"), &attribute(2, b"")].concat();
    let other = [0, 0, 1, 0x37, 16, 200, 1, 2];
    let wide = [0, 0, 0x1f, 0xe4, 0, 1, 0, 8, 0, 0, 0, 1];
    let bytes = message(2, &[attribute(26, &cisco), attribute(26, &other), attribute(26, &wide)]);
    let attributes = read(&bytes).attributes;
    let shown = attributes.vendor_specific.iter().map(|v| (v.vendor, v.length, v.sub_attributes.len()));
    let expected = [(Vendor::Cisco, 21, 2), (Vendor::Microsoft, 4, 0), (Vendor::Starent, 8, 0)];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let sub = attributes.vendor_specific[0].sub_attributes[0];
    assert_eq!((sub.vendor_type, sub.length), (1, 19));
    assert_eq!(faults(&bytes), []);
    let many = [&[0, 0, 0, 9][..], &[1, 2].repeat(MAX_SUB_ATTRIBUTES + 3)].concat();
    let bytes = message(2, &[attribute(26, &many)]);
    assert_eq!(read(&bytes).attributes.vendor_specific[0].omitted, 3);
    assert_eq!(faults(&message(2, &[attribute(26, &[0, 0, 9])])), [(20, Kind::Length)]);
}

#[test]
fn an_eap_packet_of_several_parts_is_told_by_its_first() {
    let bytes = message(1, &[attribute(79, b"\x02\x07\0\x0d\x01some"), attribute(79, b"body")]);
    let attributes = read(&bytes).attributes;
    let eap = attributes.eap.unwrap();
    assert_eq!((eap.code, eap.method, eap.length), (eap::Code::Response, Some(eap::Method::Identity), 13));
    assert_eq!((eap.identity, attributes.eap_parts), (None, 2));
    assert!(eap.malformed.is_empty());
    let whole = message(1, &[attribute(79, b"\x02\x07\0\x09\x01some")]);
    assert_eq!(read(&whole).attributes.eap.unwrap().identity, Some(Text(b"some")));
    let long = message(1, &[attribute(79, b"\x02\x07\0\x0d\x01some")]);
    assert_eq!(read(&long).attributes.eap.unwrap().malformed.first().unwrap_err().kind, Kind::Length);
}

#[test]
fn an_empty_eap_message_asks_for_a_beginning() {
    let bytes = message(1, &[attribute(79, b"")]);
    assert_eq!((read(&bytes).attributes.eap, read(&bytes).attributes.eap_parts), (None, 1));
    assert_eq!(faults(&bytes), []);
}

#[test]
fn prefixes_are_filled_up_and_must_have_their_octets() {
    let bytes = message(2, &[attribute(97, &[0, 56, 0x20, 1, 0x0d, 0xb8, 0, 1, 2]), attribute(123, &[0, 0])]);
    let attributes = read(&bytes).attributes;
    let prefix = Prefix { prefix_length: 56, prefix: "2001:db8:1:200::".parse().unwrap() };
    assert_eq!(attributes.framed_ipv6_prefixes[..], [prefix]);
    assert_eq!(attributes.delegated_ipv6_prefixes[0].prefix, Ipv6Addr::UNSPECIFIED);
    assert_eq!(faults(&message(2, &[attribute(97, &[0, 57, 1, 1, 1, 1, 1, 1, 1])])), [(20, Kind::Length)]);
    assert_eq!(faults(&message(2, &[attribute(97, &[0, 129, 1])])), [(20, Kind::Value)]);
    assert_eq!(faults(&message(2, &[attribute(97, &[0; 19])])), [(20, Kind::Length)]);
    assert_eq!(faults(&message(2, &[attribute(97, &[0])])), [(20, Kind::Length)]);
}

#[test]
fn an_attribute_of_length_zero_or_one_does_not_loop() {
    for length in [0, 1] {
        let bytes = message(1, &[attribute(1, b"ann"), vec![2, length], attribute(32, b"ap")]);
        assert_eq!(faults(&bytes), [(25, Kind::Length)]);
        assert_eq!(
            (read(&bytes).attributes.user_name, read(&bytes).attributes.nas_identifier),
            (Some(Text(b"ann")), None)
        );
    }
}

#[test]
fn an_attribute_beyond_the_message_ends_it() {
    let bytes = message(1, &[attribute(1, b"ann"), vec![32, 9, b'x']]);
    assert_eq!(faults(&bytes), [(25, Kind::Length)]);
    assert_eq!(faults(&message(1, &[vec![32]])), [(20, Kind::Short)]);
}

#[test]
fn an_attribute_of_wrong_length_does_not_hide_the_next() {
    let bytes =
        message(1, &[attribute(4, b"abc"), attribute(1, b""), attribute(126, b"1"), attribute(32, b"ap")]);
    assert_eq!(faults(&bytes), [(20, Kind::Length), (25, Kind::Length), (27, Kind::Length)]);
    assert_eq!(read(&bytes).attributes.nas_identifier, Some(Text(b"ap")));
}

#[test]
fn a_station_is_known_by_every_form_of_its_mac_address() {
    let station = |id: &str| read(&message(1, &[attribute(31, id.as_bytes())])).attributes.station();
    let expected = Some(ethernet::Address([0x00, 0x1b, 0x21, 0xab, 0xcd, 0xef]));
    for id in ["00-1B-21-AB-CD-EF", "00:1b:21:ab:cd:ef", "001b.21ab.cdef", "001B21ABCDEF"] {
        assert_eq!(station(id), expected, "{id}");
    }
    for id in ["", "00-1B-21-AB-CD", "00-1B-21-AB-CD-EF-01", "01-80-C2-00-00-03", "+43 1 5550100", "anna"] {
        assert_eq!(station(id), None, "{id}");
    }
}

#[test]
fn the_first_of_two_counts() {
    let bytes = message(1, &[attribute(1, b"a"), attribute(1, b"b"), number(64, 13), number(64, 3)]);
    assert_eq!(faults(&bytes), [(23, Kind::Duplicate), (32, Kind::Duplicate)]);
    assert_eq!(read(&bytes).attributes.user_name, Some(Text(b"a")));
    assert_eq!(read(&bytes).attributes.tunnels[0].tunnel_type, Some(TunnelType::Vlan));
}

#[test]
fn a_length_that_cannot_be_is_named() {
    let mut bytes = message(1, &[attribute(1, b"ann")]);
    bytes[3] = 19;
    assert_eq!((faults(&bytes), read(&bytes).attributes.user_name), (vec![(0, Kind::Length)], None));
    bytes[3] = 26;
    assert_eq!(
        (faults(&bytes), read(&bytes).attributes.user_name),
        (vec![(0, Kind::Length)], Some(Text(b"ann")))
    );
    assert_eq!(parse(Cursor::new(&bytes[..19], 0, Layer::Radius)).unwrap_err().kind, Kind::Short);
    let long = message(1, &vec![attribute(200, &[0; 250]); 17]);
    assert_eq!(faults(&long), [(0, Kind::Length)]);
}

#[test]
fn octets_behind_the_length_are_padding() {
    let bytes = [message(2, &[attribute(1, b"ann")]), vec![1, 1, 1]].concat();
    assert_eq!((faults(&bytes), read(&bytes).attributes.user_name), (vec![], Some(Text(b"ann"))));
}

#[test]
fn a_cut_capture_is_not_malformed() {
    let bytes = message(
        4,
        &[attribute(1, b"ann"), number(42, 7), attribute(79, b"\x03\x01\0\x04"), attribute(200, b"x")],
    );
    let wire_len = u32::try_from(bytes.len()).unwrap();
    for length in 0..bytes.len() {
        match parse(Cursor::new(&bytes[..length], wire_len, Layer::Radius)) {
            Ok(m) => {
                assert!(m.malformed.iter().all(|m| m.kind == Kind::NotCaptured) && !m.malformed.is_empty())
            }
            Err(fault) => assert_eq!(fault.kind, Kind::NotCaptured),
        }
    }
}

/// So much of a message the kernel hands over.
#[test]
fn a_message_cut_behind_its_length_says_what_it_is() {
    let bytes = message(2, &[attribute(1, b"anna")]);
    let cut = parse(Cursor::new(&bytes[..4], u32::try_from(bytes.len()).unwrap(), Layer::Radius)).unwrap();
    assert_eq!((cut.code, cut.identifier, cut.length), (Code::AccessAccept, 9, 26));
    assert_eq!(cut.attributes, Attributes::default());
    let kinds: Vec<_> = cut.malformed.iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [Kind::NotCaptured]);
    // A datagram that ends there is no message.
    let short = parse(Cursor::new(&bytes[..4], 4, Layer::Radius)).unwrap_err();
    assert_eq!(short.kind, Kind::Short);
}

#[test]
fn what_finds_no_room_is_counted() {
    let filters = vec![attribute(11, b"acl"); MAX_INSTANCES + 1];
    let unknown = vec![attribute(241, b"x"); MAX_OTHER_ATTRIBUTES + 2];
    let tags = (0..).take(MAX_TUNNELS + 3).map(|tag: u32| number(64, tag << 24 | 13)).collect();
    let vendors = vec![attribute(26, &[0; 4]); MAX_VENDOR_SPECIFIC + 4];
    let bytes = message(2, &[filters, unknown, tags, vendors].concat());
    assert_eq!((read(&bytes).attributes.omitted, faults(&bytes)), (10, vec![]));
    assert_eq!(read(&bytes).attributes.others[0], AttributeFact { attribute_type: 241, length: 3 });
    let most = message(2, &vec![attribute(241, b""); MAX_ATTRIBUTES]);
    let kept = u32::try_from(MAX_ATTRIBUTES - MAX_OTHER_ATTRIBUTES).unwrap();
    assert_eq!((read(&most).attributes.omitted, faults(&most)), (kept, vec![]));
}

#[test]
fn the_ports_are_those_of_all_three_protocols() {
    let ports = (0..=u16::MAX).filter(|port| is_port(*port)).collect::<Vec<_>>();
    assert_eq!(ports, [1645, 1646, 1700, 1812, 1813, 3799]);
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        code in any::<u8>(),
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=253), 9),
        numbers in prop::collection::vec(any::<u32>(), 20),
        v4 in any::<(u32, u32)>(),
        v6 in any::<(u128, u128)>(),
        interface in any::<[u8; 8]>(),
        shuffle in any::<prop::sample::Index>(),
    ) {
        let text_types = [1, 30, 31, 32, 44, 50, 87, 100, 11];
        let number_types = [5, 6, 7, 12, 27, 28, 40, 41, 42, 43, 45, 46, 47, 48, 49, 52, 53, 55, 61, 101];
        let mut attributes: Vec<_> = text_types.iter().zip(&texts).map(|(t, text)| attribute(*t, text)).collect();
        attributes.extend(number_types.iter().zip(&numbers).map(|(t, n)| number(*t, *n)));
        attributes.extend([number(4, v4.0), number(8, v4.1), attribute(95, &v6.0.to_be_bytes())]);
        attributes.extend([attribute(168, &v6.1.to_be_bytes()), attribute(96, &interface)]);
        let middle = shuffle.index(attributes.len());
        attributes.rotate_left(middle);
        let bytes = message(code, &attributes);
        let read = read(&bytes);
        prop_assert!(read.malformed.is_empty());
        prop_assert_eq!(read.code.code(), code);
        let a = read.attributes;
        let read_texts = [a.user_name, a.called_station_id, a.calling_station_id, a.nas_identifier, a.acct_session_id,
            a.acct_multi_session_id, a.nas_port_id, a.framed_ipv6_pool, Some(a.filter_ids[0])];
        prop_assert!(read_texts.iter().zip(&texts).all(|(read, built)| read.unwrap().0 == built));
        let wide = |low: usize, high: usize| Some(u64::from(numbers[high]) << 32 | u64::from(numbers[low]));
        prop_assert_eq!((a.acct_input_octets, a.acct_output_octets), (wide(8, 15), wide(9, 16)));
        let read_numbers = [a.nas_port, a.service_type.map(|v| v.code()), a.framed_protocol.map(|v| v.code()), a.framed_mtu,
            a.session_timeout, a.idle_timeout, a.acct_status_type.map(|v| v.code()), a.acct_delay_time];
        prop_assert!(read_numbers.iter().zip(&numbers).all(|(read, built)| *read == Some(*built)));
        let read_numbers = [a.acct_authentic.map(|v| v.code()), a.acct_session_time, a.acct_input_packets,
            a.acct_output_packets, a.acct_terminate_cause.map(|v| v.code())];
        prop_assert!(read_numbers.iter().zip(&numbers[10..]).all(|(read, built)| *read == Some(*built)));
        let read_numbers = [a.event_timestamp, a.nas_port_type.map(|v| v.code()), a.error_cause.map(|v| v.code())];
        prop_assert!(read_numbers.iter().zip(&numbers[17..]).all(|(read, built)| *read == Some(*built)));
        prop_assert_eq!((a.nas_ip_address, a.framed_ip_address), (Some(v4.0.into()), Some(v4.1.into())));
        prop_assert_eq!((a.nas_ipv6_address, a.framed_ipv6_addresses[0]), (Some(v6.0.into()), v6.1.into()));
        prop_assert_eq!(a.framed_interface_id.unwrap().0, &interface);
    }

    #[test]
    fn arbitrary_attributes_are_read_to_an_end(
        attributes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..30)), 0..40),
        tail in prop::collection::vec(any::<u8>(), 0..10),
        wire_len in 0..2000_u32,
        length in prop::option::of(any::<u16>()),
    ) {
        let mut bytes = message(1, &attributes.iter().map(|(t, value)| attribute(*t, value)).collect::<Vec<_>>());
        bytes.extend(tail);
        if let Some(length) = length {
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
        }
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Radius)) {
            prop_assert!(message.malformed.iter().all(|m| matches!(m.layer, Layer::Radius | Layer::Eap)));
        }
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        bytes in prop::collection::vec(any::<u8>(), 0..300), wire_len in 0..2000_u32,
    ) {
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Radius)) {
            prop_assert!(message.malformed.iter().all(|m| matches!(m.layer, Layer::Radius | Layer::Eap)));
        }
    }
}
