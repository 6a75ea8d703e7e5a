//! Tests of radiotap headers.

use proptest::prelude::*;

use super::*;
use crate::Layer;

/// Presence words and octets of fields, then a frame.
fn write(present: &[u32], fields: &[u8], frame: &[u8]) -> Vec<u8> {
    let length = 4 + present.len() * 4 + fields.len();
    let mut bytes = vec![0, 0];
    bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
    bytes.extend(present.iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(fields);
    bytes.extend(frame);
    bytes
}

fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
    let mut cursor = Cursor::new(bytes, 0, Layer::Radiotap);
    (parse(&mut cursor).unwrap(), cursor.rest().to_vec())
}

fn fault(bytes: &[u8]) -> Option<(u32, Kind)> {
    read(bytes).0.malformed.map(|m| (m.offset, m.kind))
}

const FRAME: &[u8] = &[0xd4, 0, 0, 0, 1, 2, 3, 4];

#[test]
fn fields_are_read_from_their_aligned_places() {
    // TSFT, flags, rate, channel, signal, noise, antenna, RX flags, MCS.
    let fields = [8, 7, 6, 5, 4, 3, 2, 1, 0, 2, 0x6c, 0x09, 0xa0, 0x00, 0xd0, 0xa1, 3, 0, 0, 0, 7, 0, 15];
    let (header, rest) = read(&write(&[0x0008_486f], &fields, FRAME));
    assert_eq!(header.malformed, None);
    assert_eq!(header.timestamp, Some(0x0102_0304_0506_0708));
    assert_eq!((header.flags, header.rate), (Some(Flags(0)), Some(2)));
    assert_eq!(header.channel, Some(Channel { frequency: 2412, flags: 0x00a0 }));
    assert_eq!(
        (header.antenna_signal, header.antenna_noise, header.antenna),
        (Some(-48), Some(-95), Some(3))
    );
    assert_eq!(header.mcs, Some(Mcs { known: 7, flags: 0, index: 15 }));
    assert!(header.antennas.is_empty());
    assert_eq!(rest, FRAME);
}

#[test]
fn an_fcs_at_the_end_is_cut_off() {
    let (header, rest) = read(&write(&[2], &[0x10], FRAME));
    assert!(header.has_fcs() && !header.has_data_pad());
    assert_eq!(rest, [0xd4, 0, 0, 0]);
    assert_eq!(read(&write(&[2], &[0x20], FRAME)).1, FRAME);
    assert_eq!(fault(&write(&[2], &[0x10], &[1, 2, 3])), Some((9, Kind::Short)));
}

#[test]
fn an_fcs_that_was_not_captured_takes_nothing_away() {
    let bytes = write(&[2], &[0x10], FRAME);
    let mut cursor = Cursor::new(&bytes, 21, Layer::Radiotap);
    parse(&mut cursor).unwrap();
    assert_eq!((cursor.rest(), cursor.is_cut()), (FRAME, false));
}

#[test]
fn a_preamble_without_a_frame_has_no_fcs() {
    let (header, rest) = read(&write(&[0x0400_0002], &[0x10, 1], &[]));
    assert_eq!((header.zero_length_psdu, header.has_frame(), header.malformed), (Some(1), false, None));
    assert!(rest.is_empty());
}

#[test]
fn what_each_antenna_received_is_kept() {
    // Signal for all; then signal and antenna, twice.
    let present = [0xa000_0020, 0xa000_0820, 0x0000_0820];
    let (header, rest) = read(&write(&present, &[0xc0, 0xbf, 0, 0xbe, 1], FRAME));
    let antennas: Vec<_> = header.antennas.iter().map(|a| (a.antenna, a.signal)).collect();
    assert_eq!(antennas, [(None, Some(-64)), (Some(0), Some(-65)), (Some(1), Some(-66))]);
    assert_eq!((header.antenna_signal, header.antenna), (Some(-64), Some(0)));
    assert_eq!((header.malformed, &rest[..]), (None, FRAME));
}

#[test]
fn a_single_antenna_before_bits_that_are_not_defined_is_no_list() {
    let (header, _) = read(&write(&[0x8000_0020, 0x0000_0001], &[0xc0], FRAME));
    assert_eq!((header.antenna_signal, header.antennas.len()), (Some(-64), 0));
    let (header, _) = read(&write(&[0xa000_0020, 0x0000_0001], &[0xc0], &[]));
    assert_eq!((header.antenna_signal, header.antennas.len()), (Some(-64), 0));
}

#[test]
fn the_fields_of_a_vendor_are_stepped_over() {
    // Flags, a vendor's word of all bits, then the standard's again with a rate.
    let present = [0xc000_0002, 0xbfff_ffff, 0x0000_0004];
    let fields = [0x10, 0, 0, 0x11, 0x22, 1, 3, 0, 9, 9, 9, 22];
    let (header, rest) = read(&write(&present, &fields, FRAME));
    assert_eq!((header.malformed, header.rate), (None, Some(22)));
    assert_eq!(rest.len(), 4);
}

#[test]
fn nothing_is_read_behind_bits_that_are_not_defined() {
    let (header, _) = read(&write(&[0x8000_0002, 0xa000_0001, 0x0000_0004], &[0, 5, 5], FRAME));
    assert_eq!((header.malformed, header.flags, header.rate), (None, Some(Flags(0)), None));
    assert_eq!(header.present.len(), 3);
}

#[test]
fn both_namespaces_at_once_are_named() {
    assert_eq!(fault(&write(&[0xe000_0000, 0], &[], FRAME)), Some((12, Kind::Value)));
}

#[test]
fn a_field_beyond_the_header_is_named_and_the_frame_still_found() {
    let bytes = write(&[0x0000_000e], &[0, 2, 0x6c, 0x09], FRAME);
    let (header, rest) = read(&bytes);
    assert_eq!((header.flags, header.rate, header.channel), (Some(Flags(0)), Some(2), None));
    assert_eq!((fault(&bytes), &rest[..]), (Some((10, Kind::Short)), FRAME));
}

#[test]
fn a_vendors_length_beyond_the_header_is_named() {
    let bytes = write(&[0xc000_0000, 0], &[0, 0, 0, 0, 0xff, 0xff], FRAME);
    assert_eq!((fault(&bytes), read(&bytes).1), (Some((18, Kind::Short)), FRAME.to_vec()));
}

#[test]
fn presence_words_without_end_are_bounded() {
    let words = |count| {
        let mut words = vec![MORE; count];
        words.push(0);
        write(&words, &[], FRAME)
    };
    assert_eq!(fault(&words(MAX_PRESENT_WORDS - 1)), None);
    assert_eq!(fault(&words(MAX_PRESENT_WORDS)), Some((68, Kind::Limit)));
    assert_eq!(fault(&write(&[MORE], &[], FRAME)), Some((8, Kind::Short)));
}

#[test]
fn a_length_outside_the_frame_is_named() {
    let mut bytes = write(&[2], &[0], FRAME);
    bytes[2] = 200;
    let (header, rest) = read(&bytes);
    assert_eq!(
        (header.malformed.map(|m| m.kind), header.flags, &rest[..]),
        (Some(Kind::Length), Some(Flags(0)), &[][..])
    );
    bytes[2] = 7;
    assert_eq!(parse(&mut Cursor::new(&bytes, 0, Layer::Radiotap)).map_err(|e| e.kind), Err(Kind::Length));
}

#[test]
fn a_header_cut_by_the_capture_is_not_malformed_otherwise() {
    let bytes = write(&[0x2f], &[0; 20], FRAME);
    let header = parse(&mut Cursor::new(bytes.get(..20).unwrap(), 40, Layer::Radiotap)).unwrap();
    assert_eq!(header.malformed.map(|m| m.kind), Some(Kind::NotCaptured));
    assert_eq!(header.timestamp, Some(0));
}

#[test]
fn another_version_is_refused() {
    let error = parse(&mut Cursor::new(&[1, 0, 8, 0, 0, 0, 0, 0], 0, Layer::Radiotap)).unwrap_err();
    assert_eq!(error.kind, Kind::Version);
    assert_eq!(parse(&mut Cursor::new(&[0; 7], 0, Layer::Radiotap)).map_err(|e| e.kind), Err(Kind::Short));
}

proptest! {
    #[test]
    fn what_was_written_is_read(word in 0_u32..1 << 28, seed in prop::array::uniform32(any::<u8>())) {
        let mut fields: Vec<u8> = Vec::new();
        let mut places = [None; 28];
        for (bit, (align, length)) in LAYOUT.iter().enumerate() {
            if word >> bit & 1 != 0 {
                fields.resize((fields.len() + 8).next_multiple_of(*align) - 8, 0xee);
                places[bit] = Some(fields.len());
                fields.extend(seed.iter().cycle().skip(bit).take(*length));
            }
        }
        if let Some(place) = places[1] {
            fields[place] &= !Flags::FCS.0;
        }
        let (header, rest) = read(&write(&[word], &fields, FRAME));
        prop_assert_eq!((header.malformed, &rest[..]), (None, FRAME));
        let octet = |bit: usize| places[bit].map(|place| fields[place]);
        prop_assert_eq!(header.flags.map(|f| f.0), octet(1));
        prop_assert_eq!(header.rate, octet(2));
        prop_assert_eq!(header.antenna, octet(11));
        prop_assert_eq!(header.antenna_signal.map(|s| s.to_le_bytes()[0]), octet(5));
        prop_assert_eq!(header.antenna_noise.map(|s| s.to_le_bytes()[0]), octet(6));
        prop_assert_eq!(header.timestamp.map(|t| t.to_le_bytes()[0]), octet(0));
        prop_assert_eq!(header.channel.map(|c| c.frequency.to_le_bytes()[0]), octet(3));
        prop_assert_eq!(header.mcs.map(|m| m.known), octet(19));
    }

    #[test]
    fn no_octets_do_harm(
        words in prop::collection::vec(any::<u32>(), 0..20), fields in any::<Vec<u8>>(), length: u8, wire_len: u16,
    ) {
        let mut bytes = write(&words, &fields, FRAME);
        bytes[2] = length;
        bytes[3] = 0;
        let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Radiotap));
        let _ = parse(&mut Cursor::new(&fields, wire_len.into(), Layer::Radiotap));
    }
}
