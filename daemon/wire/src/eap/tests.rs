//! Tests of whole packets.

use proptest::prelude::*;

use super::*;
use crate::Layer;

fn packet(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap();
    [&[code, 7][..], &length.to_be_bytes(), body].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Eap)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

#[test]
fn an_identity_is_that_of_a_response_up_to_a_nul() {
    let bytes = packet(2, b"\x01user@example.org\0options");
    let message = read(&bytes);
    assert_eq!((message.code, message.identifier, message.length), (Code::Response, 7, 29));
    assert_eq!(message.method, Some(Method::Identity));
    assert_eq!(message.identity.unwrap().to_string(), "user@example.org");
    assert_eq!(read(&packet(1, b"\x01Who is there?")).identity, None);
    assert_eq!(read(&packet(2, b"\x01")).identity, Some(Text(b"")));
}

#[test]
fn success_and_failure_are_the_result() {
    assert_eq!(read(&packet(3, b"")).succeeded(), Some(true));
    assert_eq!(read(&packet(4, b"")).succeeded(), Some(false));
    assert_eq!(read(&packet(1, b"\x0d\x20")).succeeded(), None);
    assert_eq!(faults(&packet(3, b"x")), [(0, Kind::Length)]);
}

#[test]
fn a_nak_names_the_methods_that_are_wanted() {
    let bytes = packet(2, &[3, 25, 21, 43, 200]);
    let wanted = [Method::Peap, Method::Ttls, Method::Fast, Method::Unknown(200)];
    assert_eq!(read(&bytes).desired[..], wanted);
    let bytes = packet(2, &[&[3][..], &[13; MAX_DESIRED + 4]].concat());
    assert_eq!((read(&bytes).desired.len(), read(&bytes).omitted), (MAX_DESIRED, 4));
}

#[test]
fn an_expanded_method_is_that_of_a_vendor() {
    let bytes = packet(1, &[254, 0, 0x37, 0x2a, 0, 0, 0, 1, 9, 9]);
    let expanded = Expanded { vendor: 14_122, vendor_type: 1 };
    assert_eq!((read(&bytes).method, read(&bytes).expanded), (Some(Method::Expanded), Some(expanded)));
    assert_eq!(faults(&packet(1, &[254, 0, 0x37])), [(5, Kind::Short)]);
}

#[test]
fn an_expanded_nak_names_expanded_methods() {
    let entry = [254, 0, 0, 9, 0, 0, 0, 5];
    let bytes = packet(2, &[&[254, 0, 0, 0, 0, 0, 0, 3][..], &entry, &entry].concat());
    assert_eq!(read(&bytes).desired_expanded[..], [Expanded { vendor: 9, vendor_type: 5 }; 2]);
    let many = [&[254, 0, 0, 0, 0, 0, 0, 3][..], &entry.repeat(MAX_DESIRED + 2)].concat();
    let bytes = packet(2, &many);
    assert_eq!((read(&bytes).desired_expanded.len(), read(&bytes).omitted), (MAX_DESIRED, 2));
    let other = packet(2, &[254, 0, 0, 0, 0, 0, 0, 3, 25, 0]);
    assert_eq!(faults(&other), [(12, Kind::Value)]);
}

#[test]
fn a_length_that_cannot_be_is_named() {
    assert_eq!(faults(&[1, 7, 0, 3, 1]), [(0, Kind::Length)]);
    assert_eq!(faults(&[1, 7, 0, 9, 1]), [(0, Kind::Length)]);
    assert_eq!(faults(&[1, 7, 0, 4, 1]), [(4, Kind::Short)]);
    assert_eq!(parse(Cursor::new(&[1, 7, 0], 0, Layer::Eap)).unwrap_err().kind, Kind::Short);
}

#[test]
fn octets_behind_the_length_are_padding() {
    let bytes = [packet(2, b"\x01ann"), vec![0x41; 20]].concat();
    assert_eq!(read(&bytes).identity, Some(Text(b"ann")));
    assert_eq!(faults(&bytes), []);
}

#[test]
fn what_is_in_a_later_part_is_absent_and_not_malformed() {
    let bytes = packet(2, b"\x01someone");
    let part = parse_part(Cursor::new(&bytes[..8], 0, Layer::Eap), bytes.len()).unwrap();
    assert_eq!((part.method, part.identity), (Some(Method::Identity), None));
    assert!(part.malformed.is_empty());
    let whole = parse_part(Cursor::new(&bytes, 0, Layer::Eap), bytes.len() + 5).unwrap();
    assert_eq!(whole.identity, Some(Text(b"someone")));
    let beyond = parse_part(Cursor::new(&bytes[..8], 0, Layer::Eap), bytes.len() - 1).unwrap();
    assert_eq!(beyond.malformed.first().unwrap_err().kind, Kind::Length);
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        code in any::<u8>(), method in any::<u8>(), body in prop::collection::vec(1..=255_u8, 8..300),
    ) {
        let bytes = packet(code, &[&[method][..], &body].concat());
        let message = read(&bytes);
        prop_assert_eq!((message.code.code(), message.length), (code, u16::try_from(bytes.len()).unwrap()));
        let has_method = matches!(code, 1 | 2);
        prop_assert_eq!(message.method, has_method.then_some(Method::from(method)));
        let is_identity = code == 2 && method == 1;
        prop_assert_eq!(message.identity, is_identity.then_some(Text(&body[..])));
        prop_assert_eq!(message.expanded.is_some(), has_method && method == 254);
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        head in prop_oneof![Just(vec![2_u8, 0, 0]), Just(vec![2, 0]), Just(vec![])],
        bytes in prop::collection::vec(prop_oneof![Just(254_u8), 0..4_u8, any::<u8>()], 0..300),
        wire_len in 0..600_u32,
        whole in 0..600_usize,
    ) {
        let bytes = [head, bytes].concat();
        let cursor = Cursor::new(&bytes, wire_len, Layer::Eap);
        for message in [parse(cursor), parse_part(cursor, whole)].into_iter().flatten() {
            prop_assert!(message.malformed.iter().all(|m| m.layer == Layer::Eap));
        }
    }
}
