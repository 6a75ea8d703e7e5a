use super::*;
use crate::{Layer, Octets};
use proptest::prelude::*;

fn fixed(next_header: u8, payload_length: u16) -> Vec<u8> {
    let mut bytes = vec![0x6b, 0x9a, 0xbc, 0xde, 0, 0, next_header, 63];
    bytes[4..6].copy_from_slice(&payload_length.to_be_bytes());
    bytes.extend([0x20; 16]);
    bytes.extend([0x30; 16]);
    bytes
}

fn packet(next_header: u8, chain: &[u8]) -> Vec<u8> {
    let length = u16::try_from(chain.len()).unwrap_or(0);
    [fixed(next_header, length), chain.to_vec()].concat()
}

fn walk(bytes: &[u8]) -> (Header<'_>, Result<(), Malformed>, u32) {
    let mut cursor = Cursor::new(bytes, 0, Layer::Ipv6);
    let mut header = parse(&mut cursor).unwrap();
    let result = header.read_extensions(&mut cursor);
    (header, result, cursor.offset())
}

fn fault(next_header: u8, chain: &[u8]) -> Option<(u32, Kind)> {
    walk(&packet(next_header, chain)).1.err().map(|fault| (fault.offset, fault.kind))
}

fn body(next_header: u8, octets: &[u8]) -> String {
    let bytes = packet(next_header, octets);
    let (header, _, _) = walk(&bytes);
    let extension = header.chain.iter().next().unwrap();
    serde_json::to_string(&extension.body).unwrap()
}

#[test]
fn every_field_is_read_from_its_place() {
    let bytes = fixed(17, 8);
    let header = parse(&mut Cursor::new(&bytes, 0, Layer::Ipv6)).unwrap();
    assert_eq!((header.dscp, header.ecn, header.flow_label), (0x2e, 1, 0xabcde));
    assert_eq!((header.payload_length, header.protocol, header.hop_limit), (8, 17, 63));
    assert_eq!(header.source, Ipv6Addr::from([0x20; 16]));
    assert_eq!(header.destination, Ipv6Addr::from([0x30; 16]));
}

#[test]
fn another_version_is_refused() {
    let mut bytes = fixed(17, 8);
    bytes[0] = 0x40;
    assert_eq!(parse(&mut Cursor::new(&bytes, 0, Layer::Ipv6)).unwrap_err().kind, Kind::Version);
}

#[test]
fn a_chain_is_followed_to_its_protocol() {
    let mut chain = vec![ROUTING, 1];
    chain.extend([0; 14]);
    chain.extend([ipsec::AUTHENTICATION, 0, 99, 0, 0, 0, 0, 0]);
    chain.extend([DESTINATION_OPTIONS, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
    chain.extend([0xee; 12]);
    chain.extend([MOBILITY, 0, 0, 0, 0, 0, 0, 0]);
    chain.extend([6, 0, 5, 0, 0xab, 0xcd, 0, 0]);
    let bytes = packet(HOP_BY_HOP, &chain);
    let (header, result, offset) = walk(&bytes);
    assert_eq!(result, Ok(()));
    assert_eq!((header.next_header, header.protocol, header.extensions), (HOP_BY_HOP, 6, 5));
    assert!(header.is_chain_read());
    assert_eq!(usize::try_from(offset).unwrap(), HEADER_LEN + chain.len());
    let read: Vec<_> = header.chain.iter().map(|e| (e.header.code(), e.next_header, e.length)).collect();
    assert_eq!(read, [(0, 43, 16), (43, 51, 8), (51, 60, 24), (60, 135, 8), (135, 6, 8)]);
}

#[test]
fn a_later_fragment_ends_the_chain() {
    let bytes = packet(FRAGMENT, &[60, 0, 0, 9, 1, 2, 3, 4, 0xff, 0xff]);
    let (header, result, _) = walk(&bytes);
    assert_eq!(result, Ok(()));
    assert_eq!(header.fragment, Some(Fragment { offset: 8, more: true, identification: 0x0102_0304 }));
    assert!(header.is_later_fragment() && header.is_chain_read());
    assert_eq!(header.protocol, 60);
    assert_eq!(header.chain.iter().count(), 1);
}

#[test]
fn an_atomic_fragment_is_no_fragment() {
    let bytes = packet(FRAGMENT, &[17, 0, 0, 0, 1, 2, 3, 4]);
    let (header, _, _) = walk(&bytes);
    assert!(header.fragment.is_some() && !header.is_fragment());
}

#[test]
fn what_is_encrypted_or_nothing_ends_the_chain() {
    for next in [ipsec::ESP, NO_NEXT_HEADER] {
        let bytes = packet(DESTINATION_OPTIONS, &[next, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 1]);
        let (header, result, _) = walk(&bytes);
        assert_eq!((header.protocol, header.is_chain_read(), result), (next, true, Ok(())));
    }
}

#[test]
fn a_chain_without_end_is_left() {
    let bytes = packet(DESTINATION_OPTIONS, &[DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(20));
    let (header, result, _) = walk(&bytes);
    assert_eq!(result, Err(Malformed { layer: Layer::Ipv6, offset: 104, kind: Kind::Limit }));
    assert_eq!(header.extensions, MAX_EXTENSIONS);
    assert_eq!(header.chain.iter().count(), usize::from(MAX_EXTENSIONS));
    assert!(!header.is_chain_read());
}

#[test]
fn an_extension_header_cut_off_leaves_the_ones_before_it() {
    let bytes = packet(HOP_BY_HOP, &[43, 0, 1, 4, 0, 0, 0, 0, 6, 9, 0, 0, 0, 0, 0, 0]);
    let (header, result, offset) = walk(&bytes);
    assert_eq!(result.unwrap_err().kind, Kind::Short);
    assert_eq!((header.protocol, header.extensions, offset), (ROUTING, 1, 48));
    assert!(!header.is_chain_read());
    let mut cursor = Cursor::new(&bytes, 200, Layer::Ipv6);
    let mut header = parse(&mut cursor).unwrap();
    assert_eq!(header.read_extensions(&mut cursor).unwrap_err().kind, Kind::NotCaptured);
}

#[test]
fn a_fault_in_an_extension_header_does_not_end_the_chain() {
    let options = [ROUTING, 0, 5, 9, 0, 0, 0, 0];
    let route = [6, 0, 99, 0, 0, 0, 0, 0];
    let bytes = packet(HOP_BY_HOP, &[options, route].concat());
    let (header, result, _) = walk(&bytes);
    assert_eq!(result, Err(Malformed { layer: Layer::Ipv6, offset: 42, kind: Kind::Length }));
    assert_eq!((header.protocol, header.is_chain_read()), (6, true));
}

#[test]
fn hop_by_hop_options_anywhere_but_first_are_out_of_order() {
    let options = |next| [next, 0, 1, 4, 0, 0, 0, 0];
    let chain = [options(HOP_BY_HOP), options(6)].concat();
    assert_eq!(fault(DESTINATION_OPTIONS, &chain), Some((48, Kind::Order)));
}

#[test]
fn lengths_that_are_not_those_of_a_kind_are_faults() {
    // An AH of 8 octets, and a HIP header of 8.
    for (next_header, octets) in [(ipsec::AUTHENTICATION, [6; 8]), (HIP, [59, 0, 1, 0x11, 0, 0, 0, 0])] {
        let mut octets = octets;
        octets[1] = 0;
        assert_eq!(fault(next_header, &octets), Some((40, Kind::Length)), "{next_header}");
    }
}

#[test]
fn the_rarer_extension_headers_are_read() {
    assert_eq!(
        body(MOBILITY, &[59, 0, 5, 0, 0xab, 0xcd, 0, 0]),
        r#"{"mobility":{"message_type":{"code":5,"name":"binding-update"},"checksum":43981}}"#
    );
    assert_eq!(body(SHIM6, &[6, 0, 0x80, 0, 0, 0, 1, 2]), r#"{"shim6":{"payload":{"context_tag":258}}}"#);
    assert_eq!(
        body(SHIM6, &[59, 0, 66, 0, 0, 9, 0, 0]),
        r#"{"shim6":{"control":{"message_type":66,"checksum":9}}}"#
    );
    let hip = [&[59, 4, 1, 0x21, 0, 1, 0, 2][..], &[1; 16], &[2; 16]].concat();
    assert_eq!(
        body(HIP, &hip),
        concat!(
            r#"{"hip":{"packet_type":{"code":1,"name":"i1"},"version":2,"checksum":1,"controls":2,"#,
            r#""sender":"101:101:101:101:101:101:101:101","receiver":"202:202:202:202:202:202:202:202"}}"#
        )
    );
}

mod lengths {
    use super::*;

    const JUMBO: [u8; 8] = [6, 0, 0xc2, 4, 0, 1, 0, 0];

    fn limited(bytes: &[u8], wire_len: u32) -> Result<usize, Kind> {
        let mut cursor = Cursor::new(bytes, wire_len, Layer::Ipv6);
        let header = parse(&mut cursor).unwrap();
        header.limit(&mut cursor).map(|()| cursor.wire_remaining()).map_err(|fault| fault.kind)
    }

    #[test]
    fn the_payload_ends_where_its_length_says() {
        assert_eq!(limited(&fixed(6, 8), 60), Ok(8));
        assert_eq!(limited(&fixed(6, 8), 47), Err(Kind::Length));
        assert_eq!(limited(&fixed(59, 0), 60), Ok(0));
    }

    #[test]
    fn a_jumbogram_ends_where_its_option_says() {
        let bytes = [fixed(HOP_BY_HOP, 0), JUMBO.to_vec()].concat();
        assert_eq!(limited(&bytes, 70_000), Ok(65_536));
        assert_eq!(limited(&bytes, 60_000), Err(Kind::Length));
    }

    #[test]
    fn a_jumbogram_that_needs_no_option_is_malformed() {
        let mut bytes = [fixed(HOP_BY_HOP, 0), JUMBO.to_vec()].concat();
        bytes[45] = 0;
        bytes[47] = 8;
        assert_eq!(limited(&bytes, 70_000), Err(Kind::Value));
        assert_eq!(fault(HOP_BY_HOP, &JUMBO), Some((40, Kind::Value)));
    }

    #[test]
    fn a_packet_too_long_for_its_length_field_ends_with_its_frame() {
        assert_eq!(limited(&fixed(6, 0), 100_000), Ok(99_960));
    }
}

mod routes {
    use super::*;

    fn read(octets: &[u8]) -> Result<Routing<'_>, Kind> {
        let routing = Routing::read(&octets[2..])?;
        routing.check().map(|()| routing)
    }

    #[test]
    fn a_source_route_has_its_addresses() {
        let octets = [&[6, 4, 0, 1, 0, 0, 0, 0][..], &[1; 16], &[2; 16]].concat();
        let route = read(&octets).unwrap();
        let RoutingData::Addresses(addresses) = route.data else { panic!("{route:?}") };
        let expected = [Ipv6Addr::from([1; 16]), Ipv6Addr::from([2; 16])];
        assert_eq!(addresses.iter().collect::<Vec<_>>(), expected);
        assert_eq!((route.routing_type, route.segments_left), (RoutingType::SourceRoute, 1));
    }

    #[test]
    fn a_home_address_is_read() {
        let octets = [&[6, 2, 2, 1, 0, 0, 0, 0][..], &[9; 16]].concat();
        assert_eq!(read(&octets).unwrap().data, RoutingData::HomeAddress(Ipv6Addr::from([9; 16])));
        assert_eq!(read(&octets[..16]), Err(Kind::Length));
    }

    #[test]
    fn compressed_addresses_are_counted() {
        // Two of two octets and a last one of four, of 16 octets with padding of 8.
        let octets = [&[6, 2, 3, 2, 0xec, 0x80, 0, 0][..], &[0; 16]].concat();
        let RoutingData::Rpl(route) = read(&octets).unwrap().data else { panic!() };
        assert_eq!((route.compressed, route.compressed_last, route.padding), (14, 12, 8));
        assert_eq!(route.addresses, 3);
    }

    #[test]
    fn compressed_addresses_that_do_not_fill_their_header_are_faults() {
        for octets in [[6, 0, 3, 0, 0, 0x10, 0, 0], [6, 0, 3, 1, 0, 0, 0, 0]] {
            assert!(read(&octets).is_err(), "{octets:?}");
        }
        let octets = [&[6, 1, 3, 0, 0, 0, 0, 0][..], &[0; 8]].concat();
        assert_eq!(read(&octets), Err(Kind::Length));
    }

    #[test]
    fn segments_and_their_tlvs_are_read() {
        let tlvs = [4, 1, 0, 0, 5, 8, 0, 0, 0, 0, 0, 7, 9, 9, 0, 0];
        let octets = [&[6, 6, 4, 1, 1, 0x20, 0, 5][..], &[1; 16], &[2; 16], &tlvs].concat();
        let RoutingData::Segments(list) = read(&octets).unwrap().data else { panic!() };
        assert_eq!((list.last_entry, list.flags, list.tag, list.segments.len()), (1, 0x20, 5, 2));
        let read: Vec<_> = list.tlvs.iter().map(|t| (t.kind.name(), t.length, t.key_id)).collect();
        assert_eq!(
            read,
            [
                ("padn", 1, None),
                ("pad1", 0, None),
                ("hmac", 8, Some(7)),
                ("pad1", 0, None),
                ("pad1", 0, None)
            ]
        );
    }

    #[test]
    fn a_segment_list_that_contradicts_its_header_is_a_fault() {
        let octets = [&[6, 2, 4, 1, 0, 0, 0, 0][..], &[1; 16]].concat();
        let with = |at: usize, value| {
            let mut octets = octets.clone();
            octets[at] = value;
            read(&octets).err()
        };
        assert_eq!(with(3, 1), None);
        assert_eq!(with(3, 2), Some(Kind::Value));
        assert_eq!(with(4, 1), Some(Kind::Length));
        let tlv = [&octets[..], &[5, 9, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(read(&tlv), Err(Kind::Length));
    }

    #[test]
    fn an_unknown_type_is_no_fault() {
        let route = read(&[6, 0, 99, 7, 0, 0, 0, 0]).unwrap();
        assert_eq!((route.routing_type, route.data), (RoutingType::Unknown(99), RoutingData::Unknown));
    }
}

#[test]
fn a_header_is_shown_with_its_chain() {
    let bytes = packet(HOP_BY_HOP, &[58, 0, 5, 2, 0, 0, 1, 0]);
    let (header, result, _) = walk(&bytes);
    assert_eq!(result, Ok(()));
    let shown = serde_json::to_value(header).unwrap();
    assert_eq!(shown["source"], "2020:2020:2020:2020:2020:2020:2020:2020");
    assert_eq!(shown["chain"][0]["header"]["name"], "hop-by-hop-options");
    assert_eq!(shown["chain"][0]["body"]["options"][0]["value"]["router_alert"], 0);
    assert_eq!(shown.get("fragment"), None);
}

#[test]
fn a_header_stays_small() {
    assert!(size_of::<Header<'_>>() <= 80);
}

proptest! {
    #[test]
    fn any_chain_is_read_to_an_end(
        next_header in prop::sample::select(vec![0u8, 43, 44, 51, 60, 135, 139, 140, 6, 50, 59]),
        headers in prop::collection::vec(
            (prop::sample::select(vec![0u8, 43, 44, 51, 60, 135, 139, 140, 6]), 0u8..4, any::<[u8; 38]>()),
            0..12,
        ),
        wire_len in 0u32..1000,
    ) {
        let mut chain = Vec::new();
        for (next, length, octets) in headers {
            chain.extend([next, length]);
            chain.extend(&octets[..usize::from(length) * 8 + 6]);
        }
        let bytes = [fixed(next_header, 0), chain].concat();
        let mut cursor = Cursor::new(&bytes, wire_len, Layer::Ipv6);
        let mut header = parse(&mut cursor).unwrap();
        let _ = header.limit(&mut cursor);
        let result = header.read_extensions(&mut cursor);
        prop_assert!(header.extensions <= MAX_EXTENSIONS);
        prop_assert_eq!(header.chain.iter().count(), usize::from(header.extensions));
        prop_assert!(header.is_chain_read() || result.is_err());
        prop_assert!(serde_json::to_string(&header).is_ok(), "{:?}", Octets(&bytes));
    }
}
