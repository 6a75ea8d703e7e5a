use super::*;
use proptest::prelude::*;

/// A UDP datagram from 10.0.0.1:1000 to 10.0.0.2:53.
const ORIGINAL: [u8; 28] =
    [0x45, 0, 0, 60, 0, 1, 0, 0, 1, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 0, 53, 0, 40, 0, 0];

fn read(bytes: &[u8]) -> Header<'_> {
    parse(&mut Cursor::new(bytes, 0, Layer::Icmp)).unwrap()
}

fn error(head: [u8; 8], original: &[u8]) -> Vec<u8> {
    [&head[..], original].concat()
}

#[test]
fn the_header_is_read_and_the_rest_is_its_body() {
    let header = read(&[8, 0, 0xab, 0xcd, 0, 1, 0, 2, 9]);
    assert_eq!((header.message_type, header.code, header.checksum), (MessageType::Echo, 0, 0xabcd));
    assert_eq!((header.body_length, header.body), (5, &[0, 1, 0, 2, 9][..]));
    assert_eq!(header.detail(), Some(Detail::Echo { identifier: 1, sequence: 2 }));
    assert_eq!((header.original(), header.extensions()), (None, None));
}

#[test]
fn a_message_without_checksum_is_refused() {
    assert_eq!(parse(&mut Cursor::new(&[3, 1], 2, Layer::Icmp)).unwrap_err().kind, Kind::Short);
}

#[test]
fn a_body_shorter_than_its_type_asks_for_is_a_fault_unless_the_capture_cut_it() {
    let check = |bytes: &[u8], wire_len| {
        let mut cursor = Cursor::new(bytes, wire_len, Layer::Icmp);
        parse(&mut cursor).unwrap().check(cursor).map_err(|fault| (fault.offset, fault.kind))
    };
    assert_eq!(check(&[8, 0, 0, 0, 0, 1, 0], 7), Err((4, Kind::Short)));
    assert_eq!(check(&[8, 0, 0, 0, 0, 1, 0], 8), Ok(()));
    assert_eq!(check(&[13, 0, 0, 0, 0, 1, 0, 1], 8), Err((4, Kind::Short)));
    assert_eq!(check(&[200, 0, 0, 0], 4), Ok(()));
}

#[test]
fn an_unreachable_destination_names_the_packet_and_the_mtu() {
    let bytes = error([3, 4, 0, 0, 0, 0, 5, 0], &ORIGINAL);
    let header = read(&bytes);
    assert_eq!(header.detail(), Some(Detail::NextHopMtu { mtu: 1280 }));
    assert_eq!(header.code_name(), "fragmentation-needed");
    let original = header.original().unwrap();
    assert_eq!(original.source, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(original.destination, IpAddr::from([10, 0, 0, 2]));
    assert_eq!((original.protocol, original.length, original.ttl), (17, 60, 1));
    assert_eq!(original.ports, Some(Ports { source: 1000, destination: 53 }));
    let bytes = error([3, 1, 0, 0, 0, 0, 5, 0], &ORIGINAL);
    assert_eq!(read(&bytes).detail(), None);
}

#[test]
fn an_original_that_is_cut_is_read_as_far_as_it_goes() {
    let bytes = error([11, 0, 0, 0, 0, 0, 0, 0], &ORIGINAL[..22]);
    assert_eq!(read(&bytes).original().map(|o| o.ports), Some(None));
    let bytes = error([11, 0, 0, 0, 0, 0, 0, 0], &ORIGINAL[..19]);
    assert_eq!(read(&bytes).original(), None);
    let mut fragment = ORIGINAL;
    fragment[7] = 1;
    let bytes = error([11, 0, 0, 0, 0, 0, 0, 0], &fragment);
    assert_eq!(read(&bytes).original().map(|o| o.ports), Some(None));
}

#[test]
fn bodies_are_read_by_type() {
    assert_eq!(
        read(&[5, 1, 0, 0, 10, 0, 0, 9]).detail(),
        Some(Detail::Redirect { gateway: Ipv4Addr::new(10, 0, 0, 9) })
    );
    assert_eq!(read(&[12, 0, 0, 0, 20, 0, 0, 0]).detail(), Some(Detail::ParameterProblem { pointer: 20 }));
    assert_eq!(
        read(&[14, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]).detail(),
        Some(Detail::Timestamps { identifier: 1, sequence: 2, originate: 3, receive: 4, transmit: 5 })
    );
    assert_eq!(
        read(&[18, 0, 0, 0, 0, 1, 0, 2, 255, 255, 0, 0]).detail(),
        Some(Detail::AddressMask { identifier: 1, sequence: 2, mask: Ipv4Addr::new(255, 255, 0, 0) })
    );
    assert_eq!(
        read(&[9, 0, 0, 0, 1, 2, 7, 8]).detail(),
        Some(Detail::RouterAdvertisement { addresses: 1, entry_size: 2, lifetime: 1800 })
    );
    assert_eq!(
        read(&[42, 0, 0, 0, 0, 1, 2, 1]).detail(),
        Some(Detail::ExtendedEcho(ExtendedEcho { identifier: 1, sequence: 2, local: true }))
    );
    let reply =
        ExtendedEchoReply { identifier: 1, sequence: 2, state: 2, active: true, ipv4: true, ipv6: false };
    assert_eq!(read(&[43, 0, 0, 0, 0, 1, 2, 0x46]).detail(), Some(Detail::ExtendedEchoReply(reply)));
}

#[test]
fn extensions_are_behind_the_padded_original() {
    let padded = [&ORIGINAL[..], &[0; 100], &[0x20, 0, 0, 0, 0, 8, 1, 1, 0, 0, 0, 0]].concat();
    let bytes = error([11, 0, 0, 0, 0, 32, 0, 0], &padded);
    assert_eq!(read(&bytes).extensions(), Some(Extensions { original_length: 128, length: 12 }));
    let bytes = error([11, 0, 0, 0, 0, 99, 0, 0], &padded);
    assert_eq!(read(&bytes).extensions(), None);
}

#[test]
fn a_message_is_shown_with_names() {
    let bytes = error([3, 3, 0, 0, 0, 0, 0, 0], &ORIGINAL);
    let shown = serde_json::to_value(read(&bytes)).unwrap();
    assert_eq!(shown["message_type"]["name"], "destination-unreachable");
    assert_eq!(shown["code"], serde_json::json!({"code": 3, "name": "port-unreachable"}));
    assert_eq!(shown["original"]["ports"]["destination"], 53);
    assert_eq!(shown.get("detail"), None);
}

proptest! {
    #[test]
    fn any_message_is_shown(bytes in prop::collection::vec(any::<u8>(), 4..200), wire_len in 0u32..300) {
        let header = parse(&mut Cursor::new(&bytes, wire_len, Layer::Icmp)).unwrap();
        prop_assert!(serde_json::to_string(&header).is_ok());
    }
}
