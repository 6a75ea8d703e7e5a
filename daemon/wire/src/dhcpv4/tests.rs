//! Tests of whole messages.

use super::*;
use crate::Layer;
use crate::dhcpv6::DuidKind;
use proptest::prelude::*;

mod options;

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

fn option(code: u8, value: &[u8], longest: usize) -> Vec<u8> {
    value.chunks(longest).flat_map(|part| [vec![code], counted(part)].concat()).collect()
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
