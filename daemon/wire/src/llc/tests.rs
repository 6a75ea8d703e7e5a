//! Tests of LLC and SNAP headers.

use proptest::prelude::*;

use super::*;
use crate::Layer;

fn read(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    parse(&mut Cursor::new(bytes, 0, Layer::Llc))
}

fn header(bytes: &[u8]) -> Header {
    read(bytes).unwrap().unwrap()
}

const UI: Control = Control::Unnumbered { function: Unnumbered::Information, poll_final: false };

#[test]
fn a_snap_header_names_its_protocol() {
    for (oui, protocol, content) in [
        ([0, 0, 0], 0x0800, Content::Ethertype(ethernet::IPV4)),
        ([0, 0, 0xf8], 0x86dd, Content::Ethertype(ethernet::IPV6)),
        ([0, 0, 0x0c], 0x2000, Content::Organisation(CDP)),
        ([0, 0, 0x0c], 0x010b, Content::Organisation(PVST)),
        ([0, 0xe0, 0x2b], 0x00bb, Content::Organisation(EDP)),
        ([0, 0xe0, 0x52], 0x2000, Content::Organisation(FDP)),
        ([0, 0, 0x81], 0x01a2, Content::Organisation(SONMP)),
    ] {
        let mut bytes = vec![0xaa, 0xaa, 3];
        bytes.extend(oui);
        bytes.extend(u16::to_be_bytes(protocol));
        assert_eq!(header(&bytes).content(), content);
    }
}

#[test]
fn a_length_in_the_place_of_an_ethernet_type_is_not_followed() {
    let snap = Snap { oui: Oui::ETHERNET, protocol: 0x05ff };
    assert_eq!(header(&[0xaa, 0xaa, 3, 0, 0, 0, 5, 0xff]).content(), Content::Organisation(snap));
}

#[test]
fn an_access_point_names_what_follows_an_information_frame() {
    assert_eq!(header(&[0x42, 0x42, 3]).content(), Content::Service(Lsap::Bpdu));
    assert_eq!(header(&[0xfe, 0xfe, 3]).content(), Content::Service(Lsap::Osi));
    assert_eq!(header(&[0x06, 0x06, 3]).content(), Content::Ethertype(ethernet::IPV4));
    assert_eq!(header(&[0xf0, 0xf0, 2, 4]).content(), Content::Service(Lsap::NetBios));
    assert_eq!(header(&[0x11, 0x10, 3]).content(), Content::Service(Lsap::Unknown(0x11)));
}

#[test]
fn a_cut_within_novells_two_octets_is_not_a_short_header() {
    let whole = [0xff, 0xff];
    assert_eq!(read(&whole), Ok(None));
    for cut in 0..whole.len() {
        let fault = parse(&mut Cursor::new(&whole[..cut], 2, Layer::Llc)).unwrap_err();
        assert_eq!((fault.kind, fault.offset), (Kind::NotCaptured, 0));
    }
}

#[test]
fn frames_of_llc_itself_have_no_content() {
    for bytes in [&[0x42, 0x42, 0xbf][..], &[0xf0, 0xf1, 1, 4], &[0xaa, 0xaa, 0xe3]] {
        assert_eq!(header(bytes).content(), Content::Control, "{bytes:?}");
    }
}

#[test]
fn the_three_formats_of_the_control_field_are_told_apart() {
    assert_eq!(
        header(&[0xf0, 0xf1, 0x0c, 0x09]).control,
        Control::Information { send: 6, receive: 4, poll_final: true }
    );
    let function = Supervisory::Reject;
    assert_eq!(
        header(&[0xf0, 0xf1, 0x09, 0x08]).control,
        Control::Supervisory { function, receive: 4, poll_final: false }
    );
    let function = Unnumbered::SetMode;
    assert_eq!(header(&[0xf0, 0xf0, 0x7f]).control, Control::Unnumbered { function, poll_final: true });
}

#[test]
fn the_global_access_point_is_not_that_of_osi() {
    let header = header(&[0xff, 0x01, 0xaf]);
    assert_eq!((header.dsap, header.is_group(), header.response), (Lsap::Global, true, true));
}

#[test]
fn ipx_without_an_llc_header_is_told_apart() {
    let mut cursor = Cursor::new(&[0xff, 0xff, 0, 30], 0, Layer::Llc);
    assert_eq!(parse(&mut cursor), Ok(None));
    assert_eq!(cursor.offset(), 0);
}

#[test]
fn a_header_that_ends_early_is_refused() {
    for (bytes, offset) in [(&[0x42, 0x42][..], 0), (&[0xf0, 0xf0, 1], 3), (&[0xaa, 0xaa, 3, 0, 0, 0, 8], 3)]
    {
        assert_eq!(read(bytes), Err(Malformed { layer: Layer::Llc, offset, kind: Kind::Short }));
    }
    let mut cut = Cursor::new(&[0xaa, 0xaa, 3, 0], 60, Layer::Llc);
    assert_eq!(parse(&mut cut).map_err(|e| e.kind), Err(Kind::NotCaptured));
}

#[test]
fn padding_behind_the_length_is_not_payload() {
    let bytes = [0x42, 0x42, 3, 0, 0, 0, 0];
    let mut cursor = Cursor::new(&bytes, 0, Layer::Llc);
    limit(&mut cursor, 4).unwrap();
    parse(&mut cursor).unwrap();
    assert_eq!(cursor.rest(), [0]);
}

#[test]
fn a_length_beyond_the_frame_is_named_and_the_header_still_read() {
    let mut cursor = Cursor::new(&[0x42, 0x42, 3, 9], 0, Layer::Llc);
    assert_eq!(limit(&mut cursor, 5).map_err(|e| e.kind), Err(Kind::Length));
    assert_eq!(parse(&mut cursor).unwrap().unwrap().dsap, Lsap::Bpdu);
    assert_eq!(cursor.rest(), [9]);
}

#[test]
fn no_length_is_a_type() {
    assert!(is_length(0) && is_length(1500) && !is_length(1501) && !is_length(ethernet::FIRST_TYPE));
}

proptest! {
    #[test]
    fn what_was_written_is_read(dsap: u8, ssap: u8, first: u8, second: u8, oui: [u8; 3], protocol: u16) {
        prop_assume!([dsap, ssap] != NOVELL);
        let mut bytes = vec![dsap, ssap, first];
        if first & 3 != 3 {
            bytes.push(second);
        }
        let plain = bytes.len();
        bytes.extend(oui);
        bytes.extend(protocol.to_be_bytes());
        let mut cursor = Cursor::new(&bytes, 0, Layer::Llc);
        let header = parse(&mut cursor).unwrap().unwrap();
        prop_assert_eq!((header.dsap.code(), header.ssap.code() | u8::from(header.response)), (dsap, ssap));
        let written = match header.control {
            Control::Information { send, receive, poll_final } => vec![send << 1, receive << 1 | u8::from(poll_final)],
            Control::Supervisory { function, receive, poll_final } => {
                vec![function.code() << 2 | 1, receive << 1 | u8::from(poll_final)]
            }
            Control::Unnumbered { function, poll_final } => vec![function.code() | u8::from(poll_final) << 4],
        };
        if let Control::Supervisory { .. } = header.control {
            prop_assert_eq!((written[0], written[1]), (first & 0x0f, second));
        } else {
            prop_assert_eq!(&written[..], &bytes[2..plain]);
        }
        match header.snap {
            Some(snap) => {
                prop_assert_eq!((snap, cursor.rest()), (Snap { oui: Oui(oui), protocol }, &[][..]));
                prop_assert_eq!((dsap, ssap, first & 0xef), (0xaa, 0xaa, 3));
            }
            None => prop_assert_eq!(cursor.rest(), &bytes[plain..]),
        }
    }

    #[test]
    fn a_snap_frame_is_read_back(oui: [u8; 3], protocol: u16, rest in any::<Vec<u8>>()) {
        let mut bytes = vec![0xaa, 0xaa, 3];
        bytes.extend(oui);
        bytes.extend(protocol.to_be_bytes());
        bytes.extend(&rest);
        let mut cursor = Cursor::new(&bytes, 0, Layer::Llc);
        let snap = Some(Snap { oui: Oui(oui), protocol });
        let expected = Header { dsap: Lsap::Snap, ssap: Lsap::Snap, response: false, control: UI, snap };
        prop_assert_eq!(parse(&mut cursor), Ok(Some(expected)));
        prop_assert_eq!(cursor.rest(), &rest[..]);
    }

    #[test]
    fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16, length: u16) {
        let mut cursor = Cursor::new(&bytes, wire_len.into(), Layer::Llc);
        let _ = limit(&mut cursor, length);
        if let Ok(Some(header)) = parse(&mut cursor) {
            let _ = header.content();
        }
    }
}
