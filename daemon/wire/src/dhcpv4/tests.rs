//! Tests of whole messages.

use super::*;
use crate::Layer;
use crate::dhcpv6::DuidKind;
use proptest::prelude::*;

fn header() -> Vec<u8> {
    let mut bytes = vec![1, 1, 6, 2, 0xde, 0xad, 0xbe, 0xef, 0, 3, 0x80, 0];
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 10, 0, 0, 4]);
    bytes.extend([2, 0, 0, 0, 0, 1]);
    bytes.resize(44, 0);
    bytes.extend(*b"server");
    bytes.resize(108, 0);
    bytes.extend(*b"boot.img");
    bytes.resize(HEADER_LEN, 0);
    bytes
}

fn message(options: &[u8]) -> Vec<u8> {
    [&header()[..], &COOKIE, options].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Dhcpv4)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

#[test]
fn every_field_of_the_header_is_read() {
    let bytes = message(&[255]);
    let m = read(&bytes);
    assert_eq!((m.op, m.htype, m.hlen, m.hops), (Operation::Request, 1, 6, 2));
    assert_eq!((m.xid, m.secs, m.flags), (0xdead_beef, 3, 0x8000));
    assert_eq!([m.ciaddr, m.yiaddr, m.siaddr, m.giaddr].map(|a| a.octets()[3]), [1, 2, 3, 4]);
    assert_eq!(m.mac(), Some(ethernet::Address([2, 0, 0, 0, 0, 1])));
    assert_eq!(m.sname.unwrap().to_string(), "server");
    assert_eq!(m.file.unwrap().to_string(), "boot.img");
    assert!(m.has_cookie && m.is_broadcast() && m.is_relayed() && m.malformed.is_empty());
}

#[test]
fn a_name_ends_at_its_first_nul() {
    let mut bytes = message(&[255]);
    bytes[52] = b'x';
    assert_eq!(read(&bytes).sname.unwrap().to_string(), "server");
}

#[test]
fn every_option_is_read() {
    let mut options = vec![53, 1, 3, 0, 0, 12, 2, b'p', b'c', 50, 4, 10, 0, 0, 9, 51, 4, 0, 0, 0x0e, 0x10];
    options.extend([54, 4, 10, 0, 0, 254, 55, 3, 1, 3, 6, 57, 2, 5, 0xdc, 60, 4, b'M', b'S', b'F', b'T']);
    options.extend([
        61, 7, 1, 2, 0, 0, 0, 0, 1, 81, 5, 0, 0, 0, b'a', b'.', 82, 8, 1, 2, b'p', b'1', 2, 2, b's', b'w',
    ]);
    options.extend([16, 1, b'x', 255, 12, 9]);
    let bytes = message(&options);
    let o = read(&bytes).options;
    assert_eq!(o.message_type, Some(MessageType::Request));
    assert_eq!(Text(o.hostname.as_ref().unwrap()).to_string(), "pc");
    assert_eq!(o.requested_address, Some(Ipv4Addr::new(10, 0, 0, 9)));
    assert_eq!((o.lease_time, o.maximum_message_size), (Some(3600), Some(1500)));
    assert_eq!(o.server_identifier, Some(Ipv4Addr::new(10, 0, 0, 254)));
    assert_eq!(o.parameter_request_list.as_deref(), Some(&[1, 3, 6][..]));
    assert_eq!(o.vendor_class.as_deref(), Some(&b"MSFT"[..]));
    assert_eq!(o.client_identifier.as_ref().map(|c| &c.0[..]), Some(&[1, 2, 0, 0, 0, 0, 1][..]));
    assert_eq!(o.client_fqdn.unwrap().name.as_str(), "a");
    let agent = o.relay_agent.unwrap();
    assert_eq!((agent.circuit_id(), agent.remote_id()), (Some(&b"p1"[..]), Some(&b"sw"[..])));
    assert_eq!(o.others[..], [OptionFact { code: 16, length: 1 }]);
    assert_eq!(faults(&bytes), []);
}

#[test]
fn a_split_option_is_read_as_one() {
    let bytes = message(&[12, 2, b'l', b'o', 53, 1, 1, 12, 2, b'n', b'g', 44, 1, 0, 44, 2, 0, 0, 255]);
    let o = read(&bytes).options;
    assert_eq!(o.hostname.as_deref(), Some(&b"long"[..]));
    assert_eq!(o.order[..], [12, 53, 12, 44, 44]);
    assert_eq!(o.others[..], [OptionFact { code: 44, length: 3 }]);
}

#[test]
fn overloaded_fields_are_read_after_the_options_file_first() {
    let mut bytes = message(&[52, 1, 3, 12, 1, b'a', 255]);
    bytes[108..112].copy_from_slice(&[12, 1, b'b', 255]);
    bytes[44..48].copy_from_slice(&[12, 1, b'c', 255]);
    let m = read(&bytes);
    assert_eq!(m.options.hostname.as_deref(), Some(&b"abc"[..]));
    assert_eq!((m.sname, m.file), (None, None));
    assert_eq!(faults(&bytes), []);
}

#[test]
fn an_overload_that_means_nothing_is_named() {
    let bytes = message(&[52, 1, 4, 255]);
    assert_eq!(faults(&bytes), [(240, Kind::Value)]);
    assert!(read(&bytes).file.is_some());
}

#[test]
fn a_missing_end_is_named_and_the_options_are_read() {
    let bytes = message(&[53, 1, 1, 0]);
    assert_eq!(faults(&bytes), [(244, Kind::Missing)]);
    assert_eq!(read(&bytes).options.message_type, Some(MessageType::Discover));
}

#[test]
fn a_message_without_cookie_is_bootp() {
    let mut bytes = header();
    bytes.extend([0; 64]);
    let m = read(&bytes);
    assert!(!m.has_cookie && m.malformed.is_empty());
    assert_eq!(m.options, Options::default());
}

#[test]
fn an_option_beyond_the_message_ends_it() {
    let bytes = message(&[53, 1, 1, 12, 200, b'x']);
    assert_eq!(faults(&bytes), [(243, Kind::Length)]);
    assert_eq!(read(&bytes).options.message_type, Some(MessageType::Discover));
}

#[test]
fn a_cut_capture_is_not_a_malformed_option() {
    let bytes = message(&[53, 1, 1, 12, 200, b'x']);
    let m = parse(Cursor::new(&bytes, 500, Layer::Dhcpv4)).unwrap();
    assert_eq!(m.malformed.first().unwrap_err().kind, Kind::NotCaptured);
}

#[test]
fn a_cut_before_the_rest_of_a_split_option_is_not_a_wrong_length() {
    let bytes = message(&[3, 5, 10, 0, 0, 1, 10, 3, 3, 0, 0, 2, 255]);
    assert_eq!(faults(&bytes), []);
    let whole = u32::try_from(bytes.len()).unwrap();
    for cut in bytes.len() - 6..bytes.len() {
        let m = parse(Cursor::new(&bytes[..cut], whole, Layer::Dhcpv4)).unwrap();
        assert_eq!(m.malformed.iter().map(|f| f.kind).collect::<Vec<_>>(), [Kind::NotCaptured], "{cut}");
    }
}

#[test]
fn an_option_of_wrong_length_does_not_hide_the_next() {
    let bytes = message(&[50, 3, 1, 2, 3, 12, 0, 61, 1, 9, 53, 1, 2, 255]);
    let mut found = faults(&bytes);
    found.sort_unstable();
    assert_eq!(found, [(240, Kind::Length), (245, Kind::Length), (247, Kind::Length)]);
    let o = read(&bytes).options;
    assert_eq!((o.message_type, o.requested_address), (Some(MessageType::Offer), None));
}

#[test]
fn the_first_of_two_message_types_counts() {
    let bytes = message(&[53, 1, 1, 53, 1, 5, 255]);
    assert_eq!(faults(&bytes), [(240, Kind::Duplicate)]);
    assert_eq!(read(&bytes).options.message_type, Some(MessageType::Discover));
}

#[test]
fn a_domain_name_in_dns_encoding_is_read_to_its_first_bad_label() {
    let bytes = message(&[81, 11, 4, 0, 0, 2, b'p', b'c', 3, b'l', b'a', b'n', 0, 255]);
    assert_eq!(read(&bytes).options.client_fqdn.unwrap().name.as_str(), "pc.lan");
    let bytes = message(&[81, 8, 4, 0, 0, 2, b'p', b'c', 0xc0, 0, 255]);
    assert_eq!(read(&bytes).options.client_fqdn.unwrap().name.as_str(), "pc");
}

#[test]
fn a_malformed_sub_option_leaves_the_ones_before_it() {
    let bytes = message(&[82, 5, 1, 1, b'p', 2, 9, 255]);
    assert_eq!(faults(&bytes), [(240, Kind::Length)]);
    let agent = read(&bytes).options.relay_agent.unwrap();
    assert_eq!((agent.circuit_id(), agent.remote_id()), (Some(&b"p"[..]), None));
}

#[test]
fn what_is_neither_request_nor_reply_is_refused() {
    let mut bytes = header();
    bytes[0] = 3;
    assert_eq!(parse(Cursor::new(&bytes, 0, Layer::Dhcpv4)).unwrap_err().kind, Kind::Value);
    assert_eq!(parse(Cursor::new(&header()[..235], 0, Layer::Dhcpv4)).unwrap_err().kind, Kind::Short);
}

#[test]
fn a_hardware_address_of_another_kind_is_no_mac() {
    let mut bytes = message(&[255]);
    bytes[2] = 8;
    assert_eq!(read(&bytes).mac(), None);
    bytes[2] = 17;
    assert_eq!(faults(&bytes), [(0, Kind::Length)]);
}

#[test]
fn more_instances_than_the_bound_are_named() {
    let mut options = [224, 0].repeat(MAX_INSTANCES + 1);
    options.push(255);
    let bytes = message(&options);
    assert_eq!(read(&bytes).malformed.first().unwrap_err().kind, Kind::Limit);
}

/// Octets with a length before them.
fn counted(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).unwrap()], octets].concat()
}

/// An option, split into instances of at most `longest` octets.
fn option(code: u8, value: &[u8], longest: usize) -> Vec<u8> {
    value.chunks(longest).flat_map(|part| [vec![code], counted(part)].concat()).collect()
}

/// Reads one option by itself.
fn one<T>(code: u8, value: &[u8], get: impl Fn(Options<'_>) -> T) -> (T, Vec<Kind>) {
    let bytes = message(&[option(code, value, 255), vec![255]].concat());
    let message = read(&bytes);
    let faults = message.malformed.iter().map(|m| m.kind).collect();
    (get(message.options), faults)
}

#[test]
fn a_client_identifier_of_rfc_4361_holds_a_duid() {
    let mut value = vec![255, 0, 0, 0, 7, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    let (_, faults) = one(61, &value, |o| {
        let id = o.client_identifier.unwrap();
        let (iaid, duid) = id.iaid_and_duid().unwrap();
        assert_eq!((id.kind(), id.mac(), iaid, duid.kind), (255, None, 7, DuidKind::LinkLayer));
        assert_eq!(duid.link_layer.unwrap().mac, Some(ethernet::Address([2, 0, 0, 0, 0, 1])));
    });
    assert_eq!(faults, []);
    value.truncate(6);
    assert_eq!(
        one(61, &value, |o| o.client_identifier.unwrap().iaid_and_duid().is_some()),
        (false, vec![Kind::Length])
    );
    assert_eq!(one(61, &[1, 2, 0, 0, 0, 0, 1], |o| o.client_identifier.unwrap().mac()).0.unwrap().0[5], 1);
    assert_eq!(one(61, &[0, b'n'], |o| o.client_identifier.unwrap().mac()), (None, vec![]));
}

#[test]
fn a_user_class_is_a_list_or_one_plain_text() {
    let texts = |o: Options<'_>| {
        let class = o.user_class.unwrap();
        (class.is_plain, class.classes.iter().map(|c| c.text().to_string()).collect::<Vec<_>>())
    };
    assert_eq!(one(77, b"\x02ab\x03cde", texts), ((false, vec!["ab".into(), "cde".into()]), vec![]));
    assert_eq!(one(77, b"iPXE", texts), ((true, vec!["iPXE".into()]), vec![]));
    assert!(one(77, b"\x00", texts).0.0);
    let (classes, faults) = one(77, &b"\x01c".repeat(10), |o| o.user_class.unwrap().classes.len());
    assert_eq!((classes, faults), (MAX_USER_CLASSES, vec![]));
}

#[test]
fn routes_are_read_up_to_one_with_an_impossible_prefix() {
    let value = [0, 10, 0, 0, 1, 20, 172, 16, 16, 10, 0, 0, 2, 32, 1, 2, 3, 4, 0, 0, 0, 0];
    let (routes, faults) = one(121, &value, |o| o.routes);
    let shown = |r: &Route| format!("{}/{} {}", r.destination, r.prefix_len, r.router);
    let shown: Vec<_> = routes.iter().map(shown).collect();
    assert_eq!(shown, ["0.0.0.0/0 10.0.0.1", "172.16.16.0/20 10.0.0.2", "1.2.3.4/32 0.0.0.0"]);
    assert_eq!(faults, []);
    let value = [&value[..5], &[33, 1, 2, 3, 4, 5, 6, 7, 8, 9]].concat();
    assert_eq!(one(249, &value, |o| o.microsoft_routes.len()), (1, vec![Kind::Value]));
    assert_eq!(one(121, &value[..4], |o| o.routes.len()), (0, vec![Kind::Length]));
    let bytes = message(&[option(121, &[0, 1, 1, 1, 1].repeat(40), 255), vec![255]].concat());
    assert_eq!((read(&bytes).options.routes.len(), read(&bytes).omitted), (MAX_ROUTES, 8));
}

#[test]
fn a_domain_search_list_is_decompressed_over_its_instances() {
    let value = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04";
    for longest in [255, 7, 1] {
        let bytes = message(&[option(119, value, longest), vec![255]].concat());
        let m = read(&bytes);
        let names: Vec<_> = m.options.domain_search.iter().map(|n| n.as_str()).collect();
        assert_eq!(names, ["eng.apple.com", "marketing.apple.com"]);
        assert!(m.malformed.is_empty());
    }
    let many = [&b"\x01a\0"[..], &[0xc0, 0].repeat(40)].concat();
    let bytes = message(&[option(119, &many, 255), vec![255]].concat());
    assert_eq!((read(&bytes).options.domain_search.len(), read(&bytes).omitted), (MAX_DOMAINS, 25));
    assert_eq!(one(119, b"\x01a\xc0\0", |o| o.domain_search.len()), (0, vec![Kind::Value]));
    assert_eq!(one(119, b"\x01a\0\x01b", |o| o.domain_search.len()), (1, vec![Kind::Length]));
}

#[test]
fn vendors_are_read_with_their_options() {
    let value = [0, 0, 0x11, 0x8b, 7, 1, 2, b'a', b'b', 5, 1, 0, 0, 0, 0, 9, 0];
    let (vendors, faults) = one(125, &value, |o| o.vendor_options);
    assert_eq!((vendors[0].enterprise, vendors[0].length, vendors[1].enterprise), (4491, 7, 9));
    assert_eq!(
        vendors[0].options[..],
        [OptionFact { code: 1, length: 2 }, OptionFact { code: 5, length: 1 }]
    );
    assert_eq!(faults, []);
    assert_eq!(one(125, &[0, 0, 0, 9, 2, 1, 9], |o| o.vendor_options.len()), (1, vec![Kind::Length]));
    let classes =
        |o: Options<'_>| o.vendor_classes.iter().map(|v| (v.enterprise, v.data.to_vec())).collect::<Vec<_>>();
    assert_eq!(one(124, &[0, 0, 0, 9, 1, b'x'], classes), (vec![(9, vec![b'x'])], vec![]));
    assert_eq!(one(124, &[0, 0, 0, 9, 2, b'x'], classes), (vec![], vec![Kind::Length]));
}

#[test]
fn every_sub_option_of_a_relay_agent_is_read() {
    let value = [
        &[1, 2, b'p', b'1', 2, 1, b's', 4, 4, 0, 0, 0, 1, 5, 4, 10, 0, 0, 1, 6, 3, b's', b'u', b'b'][..],
        &[10, 1, 0x80, 11, 4, 10, 0, 0, 2, 12, 4, 0, 2, 0, 9, 19, 0, 151, 2, 1, 7, 152, 0, 99, 1, 0],
    ];
    let (_, faults) = one(82, &value.concat(), |o| {
        let a = o.relay_agent.unwrap();
        assert_eq!((a.circuit_id(), a.remote_id()), (Some(&b"p1"[..]), Some(&b"s"[..])));
        assert_eq!((a.docsis_device_class, a.subscriber_id_length, a.flags), (Some(1), Some(3), Some(0x80)));
        assert_eq!(a.link_selection.unwrap().octets()[3], 1);
        assert_eq!(a.server_identifier_override.unwrap().octets()[3], 2);
        assert_eq!(a.relay_agent_identifier.as_deref(), Some(&[0, 2, 0, 9][..]));
        assert!(a.source_port && a.virtual_subnet_control);
        assert_eq!(
            (a.virtual_subnet.as_ref().unwrap().kind, &a.virtual_subnet.unwrap().identifier[..]),
            (1, &[7][..])
        );
        assert_eq!(
            a.sub_options.iter().map(|s| s.code).collect::<Vec<_>>(),
            [1, 2, 4, 5, 6, 10, 11, 12, 19, 151, 152, 99]
        );
    });
    assert_eq!(faults, []);
    assert_eq!(
        one(82, &[5, 3, 1, 2, 3, 1, 1, b'c'], |o| o.relay_agent.unwrap().circuit_id.is_some()),
        (true, vec![Kind::Length])
    );
    assert_eq!(
        one(82, &[1, 1, b'a', 1, 1, b'b'], |o| o.relay_agent.unwrap().circuit_id().unwrap()[0]),
        (b'a', vec![Kind::Duplicate])
    );
}

#[test]
fn what_a_booting_machine_says_is_read() {
    assert_eq!(
        one(93, &[0, 7, 0, 99], |o| o.architectures[..].to_vec()).0,
        [Architecture::X64Uefi, Architecture::Unknown(99)]
    );
    assert_eq!(
        one(94, &[1, 3, 16], |o| o.network_interface),
        (Some(NetworkInterface { kind: 1, major: 3, minor: 16 }), vec![])
    );
    let uuid = [&[0][..], &[9; 16]].concat();
    assert_eq!(
        one(97, &uuid, |o| o.client_machine.map(|m| (m.kind, m.identifier.len()))),
        (Some((0, 16)), vec![])
    );
    assert_eq!(
        one(97, &uuid[..9], |o| o.client_machine.map(|m| m.identifier.len())),
        (Some(8), vec![Kind::Length])
    );
}

#[test]
fn an_authentication_is_read_without_its_secret() {
    let value = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4];
    let (authentication, faults) = one(90, &value, |o| o.authentication.unwrap());
    assert_eq!(
        (authentication.protocol, authentication.replay_detection, authentication.information_length),
        (1, 9, 4)
    );
    assert_eq!(faults, []);
    assert_eq!(one(90, &value[..10], |o| o.authentication), (None, vec![Kind::Length]));
}

#[test]
fn an_empty_option_is_named_where_it_may_not_be_empty() {
    for code in [
        1, 3, 6, 12, 26, 50, 51, 53, 55, 57, 60, 61, 77, 81, 82, 90, 93, 94, 97, 108, 114, 116, 119, 121,
        124, 125, 150, 161,
    ] {
        let bytes = message(&[code, 0, 54, 4, 1, 2, 3, 4, 255]);
        assert_eq!(faults(&bytes), [(240, Kind::Length)], "{code}");
        assert!(read(&bytes).options.server_identifier.is_some());
    }
}

#[test]
fn a_cut_capture_before_the_cookie_is_not_bootp() {
    let bytes = header();
    let m = parse(Cursor::new(&bytes, 300, Layer::Dhcpv4)).unwrap();
    assert_eq!(m.malformed.first().unwrap_err().kind, Kind::NotCaptured);
}

#[test]
fn more_other_options_than_the_bound_are_counted() {
    let options: Vec<u8> = (160..240_u8).flat_map(|code| [code, 1, b'x']).chain([255]).collect();
    let bytes = message(&options);
    let m = read(&bytes);
    // 161 is read, and the others are 79.
    assert_eq!((m.options.others.len(), m.omitted, m.options.order.len()), (MAX_OTHER_OPTIONS, 15, 80));
}

/// A message with every kind of option, as its parts.
fn full() -> Vec<Vec<u8>> {
    let parts: &[(u8, &[u8])] = &[
        (53, &[1]),
        (61, &[255, 0, 0, 0, 7, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
        (12, b"pc"),
        (55, &[1, 3, 6]),
        (77, b"\x02ab\x03cde"),
        (81, b"\x04\0\0\x02pc\x03lan\0"),
        (82, &[1, 2, b'p', b'1', 5, 4, 10, 0, 0, 1]),
        (90, &[1; 20]),
        (93, &[0, 7]),
        (97, &[0; 17]),
        (119, b"\x01a\0\x01b\xc0\0"),
        (121, &[20, 172, 16, 16, 10, 0, 0, 2]),
        (124, &[0, 0, 0, 9, 1, b'x']),
        (125, &[0, 0, 0, 9, 3, 1, 1, b'x']),
        (200, &[1]),
    ];
    parts.iter().map(|(code, value)| option(*code, value, 255)).collect()
}

#[test]
fn a_message_cut_anywhere_is_not_malformed() {
    let bytes = message(&[full().concat(), vec![255]].concat());
    assert_eq!(faults(&bytes), []);
    let whole = u32::try_from(bytes.len()).unwrap();
    for cut in 0..bytes.len() {
        match parse(Cursor::new(&bytes[..cut], whole, Layer::Dhcpv4)) {
            Ok(m) => assert_eq!(m.malformed.iter().map(|f| f.kind).collect::<Vec<_>>(), [Kind::NotCaptured]),
            Err(error) => assert!(cut < HEADER_LEN && error.kind == Kind::NotCaptured),
        }
    }
}

proptest! {
    #[test]
    fn options_are_read_back_in_any_order_and_split_anywhere(
        hostname in prop::collection::vec(1..=255_u8, 1..600),
        list in prop::collection::vec(any::<u8>(), 1..=255),
        routers in prop::collection::vec(any::<u32>(), 1..40),
        circuit in prop::collection::vec(any::<u8>(), 0..=255),
        labels in prop::collection::vec("[a-z]{1,63}", 1..4),
        routes in prop::collection::vec((0..=32_u8, any::<u32>()), 1..50),
        (lease, size, kind) in any::<(u32, u16, u8)>(),
        longest in 1..=255_usize,
        pads in 0..4_usize,
        swap in any::<prop::sample::Index>(),
    ) {
        // Instances of one octet each would be more than are read.
        let longest = longest.max(20);
        let name: Vec<u8> = labels.iter().flat_map(|l| counted(l.as_bytes())).chain([0]).collect();
        let packed: Vec<u8> = routes.iter().flat_map(|(length, router)| {
            let destination = vec![10; usize::from(length.div_ceil(8))];
            [vec![*length], destination, router.to_be_bytes().to_vec()].concat()
        }).collect();
        let mut options = vec![
            option(12, &hostname, longest),
            option(55, &list, longest),
            option(3, &routers.iter().flat_map(|r| r.to_be_bytes()).collect::<Vec<_>>(), longest),
            option(82, &[vec![1], counted(&circuit)].concat(), longest),
            option(119, &name, longest),
            option(121, &packed, longest),
            option(51, &lease.to_be_bytes(), 4),
            option(57, &size.to_be_bytes(), 2),
            option(53, &[kind], 1),
        ];
        let at = swap.index(options.len());
        options.rotate_left(at);
        let options = options.join(&vec![0; pads][..]);
        let bytes = message(&[options, vec![255]].concat());
        let m = read(&bytes);
        prop_assert!(m.malformed.is_empty(), "{:?}", m.malformed);
        let o = &m.options;
        prop_assert_eq!(o.hostname.as_deref(), Some(&hostname[..]));
        prop_assert_eq!(o.parameter_request_list.as_deref(), Some(&list[..]));
        let kept: Vec<u32> = o.routers.iter().map(|r| u32::from(*r)).collect();
        prop_assert_eq!(&kept[..], &routers[..routers.len().min(MAX_ADDRESSES)]);
        prop_assert_eq!(o.relay_agent.as_ref().unwrap().circuit_id(), Some(&circuit[..]));
        prop_assert_eq!(o.domain_search[0].as_str(), labels.join("."));
        for (read, (length, router)) in o.routes.iter().zip(&routes) {
            prop_assert_eq!((read.prefix_len, u32::from(read.router)), (*length, *router));
        }
        let omitted = routers.len().saturating_sub(MAX_ADDRESSES) + routes.len().saturating_sub(MAX_ROUTES);
        prop_assert_eq!(m.omitted, u32::try_from(omitted).unwrap());
        prop_assert_eq!((o.lease_time, o.maximum_message_size), (Some(lease), Some(size)));
        prop_assert_eq!(o.message_type.unwrap().code(), kind);
    }

    #[test]
    fn any_octets_are_read_without_panic(
        octets in prop::collection::vec(prop_oneof![any::<u8>(), 0..8_u8, 50..62_u8, 80..126_u8], 0..400),
        keep in 0..20_usize,
        wire_len in 0..1200_u32,
    ) {
        let known = full().into_iter().take(keep).collect::<Vec<_>>().concat();
        let bytes = message(&[known, octets.clone()].concat());
        for bytes in [&bytes[..], &octets[..]] {
            if let Ok(m) = parse(Cursor::new(bytes, wire_len, Layer::Dhcpv4)) {
                for fault in m.malformed.iter() {
                    prop_assert!(usize::try_from(fault.offset).unwrap() <= bytes.len());
                }
                let _ = format!("{m:?}");
            }
        }
    }
}
