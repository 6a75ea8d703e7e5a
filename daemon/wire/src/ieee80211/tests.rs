//! Tests of IEEE 802.11 headers.

use proptest::prelude::*;

use super::*;
use crate::Layer;

const A: [Address; 4] = [
    Address([2, 1, 1, 1, 1, 1]),
    Address([2, 2, 2, 2, 2, 2]),
    Address([2, 3, 3, 3, 3, 3]),
    Address([2, 4, 4, 4, 4, 4]),
];

/// Frame Control, duration, addresses and the octets behind them.
fn write(control: u8, flags: u8, addresses: usize, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![control, flags, 0x3a, 0x01];
    bytes.extend(A.iter().take(addresses.min(3)).flat_map(|a| a.0));
    if addresses >= 3 {
        bytes.extend([0x50, 0x12]);
    }
    bytes.extend(A.iter().take(addresses).skip(3).flat_map(|a| a.0));
    bytes.extend(rest);
    bytes
}

fn read_padded(bytes: &[u8], data_pad: bool) -> (Header, Vec<u8>) {
    let mut cursor = Cursor::new(bytes, 0, Layer::Ieee80211);
    (parse(&mut cursor, Form { data_pad, ..Form::default() }).unwrap(), cursor.rest().to_vec())
}

fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
    read_padded(bytes, false)
}

fn fault(bytes: &[u8]) -> Option<(u32, Kind)> {
    read(bytes).0.malformed.map(|m| (m.offset, m.kind))
}

const DATA: u8 = 0x08;
const QOS_DATA: u8 = 0x88;
const LLC: &[u8] = &[0xaa, 0xaa, 3];

#[test]
fn a_beacon_is_read_up_to_its_body() {
    let (header, rest) = read(&write(0x80, 0, 3, &[9; 12]));
    assert_eq!((header.kind, header.subtype), (Type::Management, Subtype::Beacon));
    assert_eq!((header.duration, header.fragment, header.sequence), (Some(0x013a), Some(0), Some(0x125)));
    assert_eq!((header.destination, header.source, header.bssid), (Some(A[0]), Some(A[1]), Some(A[2])));
    assert_eq!((header.payload, header.malformed, rest.len()), (Payload::Management, None, 12));
}

#[test]
fn the_association_of_a_ps_poll_was_shown_as_a_duration() {
    let header = read(&[&[0xa4, 0x10, 0x01, 0xc0][..], &A[0].0, &A[1].0].concat()).0;
    assert_eq!((header.subtype, header.duration, header.association_id), (Subtype::PsPoll, None, Some(1)));
}

#[test]
fn a_reserved_bit_of_a_frame_without_a_body_was_shown_as_an_amsdu() {
    let header = read(&write(0xc8, 1, 3, &[0x80, 0])).0;
    assert_eq!((header.subtype, header.qos.map(|qos| qos.amsdu)), (Subtype::QosNull, Some(false)));
}

#[test]
fn the_ds_bits_say_who_is_who() {
    let roles = |flags, addresses| {
        let (h, rest) = read(&write(DATA, flags, addresses, LLC));
        assert_eq!((h.payload, &rest[..], h.malformed), (Payload::Llc, LLC, None));
        assert_eq!((h.receiver, h.transmitter), (Some(A[0]), Some(A[1])));
        assert_eq!(h.addresses.as_slice(), A.get(..addresses).unwrap());
        [h.destination, h.source, h.bssid]
    };
    let [a1, a2, a3, a4] = A.map(Some);
    assert_eq!(roles(0, 3), [a1, a2, a3]);
    assert_eq!(roles(1, 3), [a3, a2, a1]);
    assert_eq!(roles(2, 3), [a1, a3, a2]);
    assert_eq!(roles(3, 4), [a3, a4, None]);
}

#[test]
fn an_amsdu_does_not_say_who_is_who() {
    let (header, _) = read(&write(QOS_DATA, 1, 3, &[0x80, 0, 1, 2, 3]));
    assert_eq!((header.destination, header.source, header.bssid), (None, Some(A[1]), Some(A[0])));
    assert_eq!(header.payload, Payload::Amsdu);
    let (header, _) = read(&write(QOS_DATA, 3, 4, &[0x80, 0, 1, 2, 3]));
    assert_eq!((header.destination, header.source, header.bssid), (None, None, Some(A[2])));
    let (header, _) = read(&write(0xc8, 2, 3, &[0x80, 0]));
    assert_eq!((header.source, header.payload), (Some(A[2]), Payload::None));
}

#[test]
fn qos_and_ht_control_are_read() {
    let (header, rest) = read(&write(QOS_DATA, 0x82, 3, &[&[0x76, 0x20, 3, 0, 0, 0x40], LLC].concat()));
    let qos = QosControl { tid: 6, bit4: true, ack_policy: AckPolicy::BlockAck, amsdu: false, high: 0x20 };
    assert_eq!((header.qos, header.ht_control, &rest[..]), (Some(qos), Some(0x4000_0003), LLC));
    let (header, rest) = read(&write(DATA, 0x82, 3, LLC));
    assert_eq!((header.ht_control, &rest[..]), (None, LLC));
    let (header, _) = read(&write(0xd0, 0x80, 3, &[1, 0, 0, 0, 9]));
    assert_eq!((header.ht_control, header.payload), (Some(1), Payload::Management));
}

#[test]
fn a_mesh_header_is_read_with_its_addresses() {
    let mesh = [&[0, 1, 2, 31, 7, 0, 0, 0][..], &A[2].0, &A[3].0, LLC].concat();
    let (header, rest) = read(&write(QOS_DATA, 3, 4, &mesh));
    let mesh = header.mesh.unwrap();
    assert_eq!((mesh.address_extension, mesh.ttl, mesh.sequence), (2, 31, 7));
    assert_eq!(mesh.addresses.as_slice(), [A[2], A[3]]);
    assert_eq!(rest, LLC);
}

#[test]
fn a_mesh_bit_before_a_reserved_value_is_not_a_mesh_header() {
    let (header, rest) = read(&write(QOS_DATA, 2, 3, &[&[0, 1], LLC].concat()));
    assert_eq!((header.mesh, &rest[..]), (None, LLC));
    let (header, rest) = read(&write(QOS_DATA, 1, 3, &[0, 1, 0, 0, 0, 0, 0, 0]));
    assert_eq!((header.mesh, rest.len()), (None, 6));
}

#[test]
fn a_mesh_header_that_ends_early_is_named() {
    let bytes = write(QOS_DATA, 3, 4, &[0, 1, 1, 31, 7, 0, 0, 0, 2]);
    assert_eq!(fault(&bytes), Some((38, Kind::Short)));
    assert_eq!(read(&bytes).0.payload, Payload::None);
}

#[test]
fn a_protected_frame_ends_at_its_header() {
    assert_eq!(read(&write(QOS_DATA, 0x42, 3, &[0, 1, 0, 9, 9])).0.payload, Payload::Protected);
    assert_eq!(read(&write(0xb0, 0x40, 3, &[9])).0.payload, Payload::Protected);
}

#[test]
fn a_later_fragment_has_no_llc_header() {
    let mut bytes = write(DATA, 2, 3, LLC);
    bytes[22] |= 1;
    let (header, _) = read(&bytes);
    assert_eq!((header.fragment, header.payload), (Some(1), Payload::Fragment));
}

#[test]
fn a_frame_without_data_has_no_payload() {
    assert_eq!(read(&write(0x48, 0x11, 3, &[])).0.payload, Payload::None);
    assert_eq!(read(&write(0xc8, 0x51, 3, &[0, 0, 1])).0.payload, Payload::None);
}

#[test]
fn a_padded_header_is_filled_up_to_a_multiple_of_four() {
    let padded = write(QOS_DATA, 2, 3, &[&[0, 0, 0xee, 0xee], LLC].concat());
    assert_eq!(read_padded(&padded, true).1, LLC);
    assert_eq!(read_padded(&write(DATA, 2, 3, LLC), true).1, LLC);
}

#[test]
fn the_addresses_of_control_frames_are_read() {
    for (control, addresses, bssid) in [
        (0xb4, 2, None),
        (0xc4, 1, None),
        (0xd4, 1, None),
        (0xa4, 2, Some(A[0])),
        (0xe4, 2, Some(A[1])),
        (0x84, 2, None),
        (0x34, 0, None),
    ] {
        let bytes = write(control, 0, addresses, &[]);
        let (header, rest) = read(&bytes);
        assert_eq!((header.kind, header.malformed, rest.len()), (Type::Control, None, 0));
        assert_eq!((header.addresses.len(), header.bssid), (addresses, bssid), "{control:x}");
        assert_eq!(header.transmitter.is_some(), addresses == 2);
        assert_eq!((header.source, header.payload), (None, Payload::None));
    }
}

#[test]
fn the_frame_in_a_control_wrapper_is_named() {
    let (header, rest) = read(&write(0x74, 0, 1, &[&[0xb4, 0, 3, 0, 0, 0][..], &A[1].0, &[7]].concat()));
    assert_eq!((header.subtype, header.carried), (Subtype::ControlWrapper, Some(Subtype::Rts)));
    assert_eq!((header.ht_control, header.transmitter, &rest[..]), (Some(3), Some(A[1]), &[7][..]));
}

#[test]
fn the_flags_of_an_extension_are_not_flags() {
    let (header, _) = read(&write(0x64, 0x82, 1, &[]));
    assert_eq!((header.extension, header.flags), (Some(2), Flags { order: true, ..Flags::default() }));
    let (beacon, _) = read(&write(0x0c, 0xff, 1, &[]));
    assert_eq!(
        (beacon.subtype, beacon.flags, beacon.bssid),
        (Subtype::DmgBeacon, Flags::default(), Some(A[0]))
    );
}

#[test]
fn fields_before_the_end_of_the_frame_are_kept() {
    let bytes = write(0x80, 0, 3, &[]);
    assert_eq!(fault(bytes.get(..16).unwrap()), Some((16, Kind::Short)));
    let (header, _) = read(bytes.get(..16).unwrap());
    assert_eq!((header.addresses.len(), header.source, header.payload), (2, None, Payload::None));
    assert_eq!(fault(&[0x80, 0, 0]), Some((2, Kind::Short)));
    let cut =
        parse(&mut Cursor::new(bytes.get(..20).unwrap(), 99, Layer::Ieee80211), Form::default()).unwrap();
    assert_eq!(cut.malformed.map(|m| m.kind), Some(Kind::NotCaptured));
}

#[test]
fn another_version_is_refused() {
    let error = parse(&mut Cursor::new(&[0x81, 0, 0, 0], 0, Layer::Ieee80211), Form::default()).unwrap_err();
    assert_eq!(error, Malformed { layer: Layer::Ieee80211, offset: 0, kind: Kind::Version });
    let error = parse(&mut Cursor::new(&[0x80], 0, Layer::Ieee80211), Form::default()).unwrap_err();
    assert_eq!(error.kind, Kind::Short);
}

#[test]
fn a_frame_control_that_is_written_the_other_way_round_is_read_where_that_may_be() {
    let bytes = write(QOS_DATA, 0x41, 3, LLC);
    let swapped = [&[0x41, QOS_DATA], bytes.get(2..).unwrap()].concat();
    let form = Form { may_be_swapped: true, ..Form::default() };
    let read = |bytes, form| parse(&mut Cursor::new(bytes, 0, Layer::Ieee80211), form);
    let expected = read(&bytes, Form::default());
    assert_eq!((read(&swapped, form), read(&bytes, form)), (expected.clone(), expected));
    assert_eq!(read(&swapped, Form::default()).unwrap_err().kind, Kind::Version);
    assert_eq!(read(&[0x41, 0x89], form).unwrap_err().kind, Kind::Version);
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        code in 0_u8..0x40, flags: u8, duration: u16, addresses: [[u8; 6]; 4], sequence: u16, qos: [u8; 2], htc: u32,
    ) {
        let subtype = Subtype::from(code);
        let control = code << 4 | (code >> 2) & 0x0c;
        let mut bytes = vec![control, flags];
        bytes.extend(duration.to_le_bytes());
        bytes.extend(addresses.iter().take(3).flatten());
        bytes.extend(sequence.to_le_bytes());
        let (four, qos_data) = (flags & 3 == 3, code & 0x28 == 0x28 && code < 0x30);
        if code >= 0x20 && four {
            bytes.extend(addresses[3]);
        }
        if qos_data {
            bytes.extend(qos);
        }
        let has_htc = flags & 0x80 != 0 && (qos_data || code < 0x10);
        if has_htc {
            bytes.extend(htc.to_le_bytes());
        }
        bytes.extend([0xff; 3]);
        let (header, rest) = read(&bytes);
        prop_assert_eq!((header.subtype, header.malformed), (subtype, None));
        if !matches!(header.kind, Type::Management | Type::Data) {
            return Ok(());
        }
        prop_assert_eq!(&rest[..], [0xff; 3]);
        prop_assert_eq!(header.duration, Some(duration));
        prop_assert_eq!(header.addresses.len(), if code >= 0x20 && four { 4 } else { 3 });
        for (read, written) in header.addresses.iter().zip(&addresses) {
            prop_assert_eq!(&read.0, written);
        }
        prop_assert_eq!((header.sequence, header.fragment.map(u16::from)), (Some(sequence >> 4), Some(sequence & 15)));
        prop_assert_eq!(header.ht_control, has_htc.then_some(htc));
        prop_assert_eq!(header.qos.is_some(), qos_data);
        let f = header.flags;
        let bits = [
            f.to_ds, f.from_ds, f.more_fragments, f.retry, f.power_management, f.more_data, f.protected, f.order,
        ];
        prop_assert_eq!(bits.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit)), flags);
    }

    #[test]
    fn no_octets_do_harm(mut bytes in any::<Vec<u8>>(), wire_len: u16, sound: bool, data_pad: bool, may_be_swapped: bool) {
        if let (true, Some(first)) = (sound, bytes.first_mut()) {
            *first &= 0xfc;
        }
        let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Ieee80211), Form { data_pad, may_be_swapped });
    }
}
