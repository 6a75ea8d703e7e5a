//! Tests of PPP over Ethernet.

use proptest::prelude::*;

use super::*;
use crate::{Layer, ethernet};

/// A PADO as an access concentrator sent it.
const PADO: &[u8] = &[
    0x11, 0x07, 0, 0, 0, 36, 1, 1, 0, 0, 1, 2, 0, 4, b'b', b'r', b'a', b's', 1, 3, 0, 4, 1, 2, 3, 4, 1, 0x20,
    0, 2, 5, 0xd4, 1, 4, 0, 2, 0xca, 0xfe, 0, 0, 0, 0,
];

fn discovery(bytes: &[u8]) -> Discovery<'_> {
    parse_discovery(Cursor::new(bytes, 0, Layer::Pppoe)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    discovery(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x11, code, 0, 7];
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn session(payload: &[u8]) -> (Session, Vec<u8>) {
    let bytes = frame(0, payload);
    let mut cursor = Cursor::new(&bytes, 0, Layer::Pppoe);
    (parse_session(&mut cursor).unwrap(), cursor.rest().to_vec())
}

#[test]
fn an_offer_is_read() {
    let offer = discovery(PADO);
    assert_eq!((offer.header.code, offer.header.session), (Code::Offer, 0));
    assert_eq!(offer.tag(TagType::ServiceName), Some(Value::Text(Text(b""))));
    assert_eq!(offer.tag(TagType::AcName), Some(Value::Text(Text(b"bras"))));
    assert_eq!(offer.tag(TagType::HostUniq), Some(Value::Octets(Octets(&[1, 2, 3, 4]))));
    assert_eq!(offer.tag(TagType::MaxPayload), Some(Value::Number(1492)));
    assert_eq!(offer.tags.len(), 5);
    assert!(offer.malformed.is_empty());
}

#[test]
fn padding_is_not_a_tag() {
    let mut bytes = PADO.to_vec();
    bytes.extend([1, 2, 0, 1, b'x']);
    assert_eq!(discovery(&bytes), discovery(PADO));
}

#[test]
fn nothing_behind_the_end_of_the_list_is_read() {
    let bytes = frame(9, &[1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, b'x']);
    assert_eq!(discovery(&bytes).tags.len(), 1);
    assert_eq!(faults(&bytes), []);
    assert_eq!(faults(&frame(9, &[0, 0, 0, 1, 9])), [(6, Kind::Length)]);
}

#[test]
fn a_vendors_tag_names_the_vendor() {
    let bytes = frame(0x19, &[1, 5, 0, 7, 0, 0, 0x0d, 0xe9, 1, 1, b'p']);
    let value = Octets(&[1, 1, b'p']);
    assert_eq!(
        discovery(&bytes).tag(TagType::VendorSpecific),
        Some(Value::Vendor { enterprise: 3561, value })
    );
}

#[test]
fn a_tag_of_a_wrong_length_does_not_hide_the_next() {
    let bytes = frame(9, &[1, 0x20, 0, 1, 5, 1, 5, 0, 3, 0, 0, 1, 1, 2, 0, 1, b'x']);
    assert_eq!(faults(&bytes), [(6, Kind::Length), (11, Kind::Length)]);
    assert_eq!(discovery(&bytes).tag(TagType::AcName), Some(Value::Text(Text(b"x"))));
    assert_eq!(discovery(&bytes).tag(TagType::MaxPayload), Some(Value::Octets(Octets(&[5]))));
}

#[test]
fn a_tag_beyond_the_frame_is_named() {
    assert_eq!(faults(&frame(9, &[1, 1, 0, 0, 1, 2, 0, 9, b'x'])), [(10, Kind::Length)]);
    assert_eq!(faults(&frame(9, &[1, 1, 0])), [(8, Kind::Short)]);
}

#[test]
fn a_cut_capture_is_not_a_fault_of_the_tags() {
    let bytes = PADO.get(..20).unwrap();
    let cut = parse_discovery(Cursor::new(bytes, 60, Layer::Pppoe)).unwrap();
    assert_eq!(cut.malformed.first().map_err(|m| m.kind), Err(Kind::NotCaptured));
    assert_eq!(cut.tags.len(), 2);
}

#[test]
fn a_length_beyond_the_frame_is_named_and_the_tags_still_read() {
    let mut bytes = frame(9, &[1, 2, 0, 1, b'x']);
    bytes[5] = 200;
    assert_eq!(faults(&bytes), [(6, Kind::Length)]);
    assert_eq!(discovery(&bytes).tags.len(), 1);
}

#[test]
fn more_tags_than_are_followed_are_named() {
    let tags = |count: usize| frame(9, &[1, 1, 0, 0].repeat(count));
    assert_eq!(faults(&tags(MAX_TAGS)), []);
    assert_eq!(faults(&frame(9, &[&[1, 1, 0, 0].repeat(MAX_TAGS)[..], &[0; 4]].concat())), []);
    assert_eq!(faults(&tags(MAX_TAGS + 1)), [(134, Kind::Limit)]);
    assert_eq!(discovery(&tags(MAX_TAGS + 1)).tags.len(), MAX_TAGS);
}

#[test]
fn another_version_is_refused() {
    for first in [0x12, 0x21, 0x00, 0xff] {
        let error = parse_discovery(Cursor::new(&[first, 9, 0, 0, 0, 0], 0, Layer::Pppoe)).unwrap_err();
        assert_eq!(error, Malformed { layer: Layer::Pppoe, offset: 0, kind: Kind::Version });
    }
}

#[test]
fn a_header_that_ends_early_is_refused() {
    let error = parse_session(&mut Cursor::new(&[0x11, 0, 0, 1, 0], 0, Layer::Pppoe)).unwrap_err();
    assert_eq!(error.kind, Kind::Short);
}

#[test]
fn a_protocol_of_one_or_two_octets_is_read() {
    let (plain, rest) = session(&[0, 0x21, 0x45]);
    assert_eq!((plain.protocol, &rest[..]), (Some(Protocol::Ipv4), &[0x45][..]));
    let (compressed, rest) = session(&[0x57, 0x60]);
    assert_eq!((compressed.protocol, &rest[..]), (Some(Protocol::Ipv6), &[0x60][..]));
    assert_eq!(session(&[0xc0, 0x21]).0.protocol, Some(Protocol::Lcp));
    assert_eq!(Protocol::Ipv6.ethertype(), Some(ethernet::IPV6));
    assert_eq!(Protocol::Lcp.ethertype(), None);
}

#[test]
fn a_session_frame_without_a_whole_protocol_is_named() {
    for (payload, offset) in [(&[][..], 6), (&[0xc0], 7)] {
        let (session, _) = session(payload);
        assert_eq!(session.protocol, None);
        assert_eq!(session.malformed, Some(Malformed { layer: Layer::Pppoe, offset, kind: Kind::Short }));
    }
}

#[test]
fn padding_behind_a_session_frame_is_not_payload() {
    let mut bytes = frame(0, &[0, 0x21, 0x45]);
    bytes.extend([0; 30]);
    let mut cursor = Cursor::new(&bytes, 0, Layer::Pppoe);
    parse_session(&mut cursor).unwrap();
    assert_eq!(cursor.rest(), [0x45]);
}

#[test]
fn a_frame_of_the_session_stage_with_another_code_carries_nothing() {
    let bytes = frame(0xa7, &[0, 0x21]);
    assert_eq!(parse_session(&mut Cursor::new(&bytes, 0, Layer::Pppoe)).unwrap().protocol, None);
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        code: u8,
        session: u16,
        tags in prop::collection::vec((1_u16.., prop::collection::vec(any::<u8>(), 4..9)), 0..MAX_TAGS),
    ) {
        let mut payload = Vec::new();
        for (kind, value) in &tags {
            payload.extend(kind.to_be_bytes());
            payload.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            payload.extend(value);
        }
        let mut bytes = frame(code, &payload);
        bytes[2..4].copy_from_slice(&session.to_be_bytes());
        let read = discovery(&bytes);
        prop_assert_eq!((read.header.code.code(), read.header.session), (code, session));
        prop_assert_eq!(read.tags.len(), tags.len());
        for (tag, (kind, value)) in read.tags.iter().zip(&tags) {
            prop_assert_eq!((tag.kind.code(), usize::from(tag.length)), (*kind, value.len()));
            match tag.value {
                Value::Text(text) => prop_assert_eq!(text.0, &value[..]),
                Value::Octets(octets) => prop_assert_eq!(octets.0, &value[..]),
                Value::Vendor { value: octets, .. } => prop_assert_eq!(octets.0, &value[4..]),
                Value::Number(_) => prop_assert_eq!(tag.kind, TagType::MaxPayload),
            }
        }
    }

    #[test]
    fn every_known_tag_is_read(index in 0_usize..17, value in prop::collection::vec(any::<u8>(), 0..9)) {
        let kinds = [
            0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x110, 0x111, 0x112, 0x120, 0x121,
            0x201, 0x202, 0x203_u16,
        ];
        let mut payload = kinds[index].to_be_bytes().to_vec();
        payload.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        payload.extend(&value);
        let bytes = frame(9, &payload);
        let read = discovery(&bytes);
        prop_assert_eq!(read.tags.len(), 1);
        prop_assert!(!matches!(read.tags[0].kind, TagType::Unknown(_)));
    }

    #[test]
    fn no_octets_do_harm(mut bytes in any::<Vec<u8>>(), wire_len: u16, sound: bool) {
        if let (true, Some(first)) = (sound, bytes.first_mut()) {
            *first = 0x11;
        }
        let _ = parse_discovery(Cursor::new(&bytes, wire_len.into(), Layer::Pppoe));
        let _ = parse_session(&mut Cursor::new(&bytes, wire_len.into(), Layer::Pppoe));
    }
}
