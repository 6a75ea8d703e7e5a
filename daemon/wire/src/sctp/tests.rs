use super::*;
use crate::Layer;
use proptest::prelude::*;

fn packet(chunks: &[u8]) -> Vec<u8> {
    [&[0x0b, 0x59, 0x0b, 0x58, 0, 0, 0, 7, 0xaa, 0xbb, 0xcc, 0xdd][..], chunks].concat()
}

fn read(bytes: &[u8], wire_len: u32) -> (Header<'_>, Option<(u32, Kind)>) {
    let mut cursor = Cursor::new(bytes, wire_len, Layer::Sctp);
    let header = parse(&mut cursor).unwrap();
    (header, header.check(cursor).err().map(|fault| (fault.offset, fault.kind)))
}

fn values(chunks: &[u8]) -> (Vec<Value>, Option<(u32, Kind)>) {
    let bytes = packet(chunks);
    let (header, fault) = read(&bytes, 0);
    (header.chunks.iter().map(|chunk| chunk.value).collect(), fault)
}

#[test]
fn the_common_header_is_read_from_its_place() {
    let bytes = packet(&[]);
    let (header, fault) = read(&bytes, 0);
    assert_eq!((header.source, header.destination), (2905, 2904));
    assert_eq!((header.verification_tag, header.checksum, fault), (7, 0xaabb_ccdd, None));
    assert_eq!(parse(&mut Cursor::new(&bytes[..11], 11, Layer::Sctp)).unwrap_err().kind, Kind::Short);
}

#[test]
fn an_init_has_its_facts() {
    let init = Init { tag: 1, receiver_window: 2, outbound_streams: 3, inbound_streams: 4, initial_tsn: 5 };
    let octets = [1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 0, 0, 5];
    assert_eq!(values(&octets), (vec![Value::Init(init)], None));
}

#[test]
fn chunks_are_padded_to_four_octets() {
    let octets = [
        &[0, 3, 0, 17, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0, 4, 0xee, 0, 0, 0][..],
        &[3, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3, 0, 4],
        &[7, 0, 0, 8, 0, 0, 0, 9],
        &[6, 1, 0, 8, 0, 13, 0, 4],
        &[11, 0, 0, 4],
        &[99, 0, 0, 5, 1, 0, 0, 0],
    ]
    .concat();
    let expected = vec![
        Value::Data(Data { tsn: 1, stream: 2, sequence: 3, protocol: 4 }),
        Value::Sack(Sack { cumulative_tsn: 1, receiver_window: 2, gaps: 3, duplicates: 4 }),
        Value::CumulativeTsn(9),
        Value::Cause(Cause::ProtocolViolation),
        Value::None,
        Value::None,
    ];
    assert_eq!(values(&octets), (expected, None));
}

#[test]
fn the_padding_of_the_last_chunk_may_be_missing() {
    assert_eq!(values(&[99, 0, 0, 5, 1]), (vec![Value::None], None));
}

#[test]
fn a_chunk_too_short_for_its_type_hides_no_other() {
    let octets = [1, 0, 0, 8, 0, 0, 0, 1, 7, 0, 0, 8, 0, 0, 0, 9];
    let expected = vec![Value::Malformed(Kind::Length), Value::CumulativeTsn(9)];
    assert_eq!(values(&octets), (expected, Some((12, Kind::Length))));
}

#[test]
fn a_length_of_zero_or_beyond_the_packet_ends_the_list() {
    for octets in [[11, 0, 0, 0, 11, 0, 0, 4], [11, 0, 0, 3, 11, 0, 0, 4], [11, 0, 0, 9, 11, 0, 0, 4]] {
        assert_eq!(values(&octets), (vec![Value::Malformed(Kind::Length)], Some((12, Kind::Length))));
    }
}

#[test]
fn a_chunk_that_the_capture_cut_is_not_malformed() {
    let bytes = packet(&[0, 3, 4, 0, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0, 4, 0xee]);
    let (header, fault) = read(&bytes, 12 + 1024);
    let data = Data { tsn: 1, stream: 2, sequence: 3, protocol: 4 };
    assert_eq!((header.chunks.iter().next().unwrap().value, fault), (Value::Data(data), None));
    let (header, fault) = read(&bytes[..20], 12 + 1024);
    assert_eq!((header.chunks.iter().next().unwrap().value, fault), (Value::None, None));
    assert_eq!(read(&bytes, 12 + 1023).1, Some((12, Kind::Length)));
}

#[test]
fn chunks_beyond_the_bound_are_a_fault() {
    let bytes = packet(&[11, 0, 0, 4].repeat(MAX_CHUNKS + 1));
    let (header, fault) = read(&bytes, 0);
    assert_eq!(header.chunks.iter().count(), MAX_CHUNKS);
    assert_eq!(fault, Some((12 + 4 * 32, Kind::Limit)));
}

#[test]
fn chunks_are_shown_with_their_names() {
    let bytes = packet(&[6, 1, 0, 8, 0, 13, 0, 4]);
    let shown = serde_json::to_value(read(&bytes, 0).0).unwrap();
    assert_eq!(shown["chunks"][0]["kind"]["name"], "abort");
    assert_eq!(shown["chunks"][0]["value"]["cause"]["name"], "protocol-violation");
}

proptest! {
    #[test]
    fn any_octets_are_read_to_an_end(chunks in prop::collection::vec(any::<u8>(), 0..300), wire_len in 0u32..500) {
        let bytes = packet(&chunks);
        let (header, fault) = read(&bytes, wire_len);
        prop_assert!(header.chunks.iter().count() <= MAX_CHUNKS);
        let has_fault = header.chunks.iter().any(|c| matches!(c.value, Value::Malformed(_)));
        prop_assert!(!has_fault || fault.is_some());
    }

    #[test]
    fn a_written_list_is_read_back(lengths in prop::collection::vec((100u8..=120, 0usize..50), 0..20)) {
        let mut octets = Vec::new();
        for (kind, length) in &lengths {
            octets.extend([*kind, 0]);
            octets.extend(u16::try_from(length + 4).unwrap().to_be_bytes());
            octets.resize(octets.len() + length.next_multiple_of(4), 0xee);
        }
        let bytes = packet(&octets);
        let (header, fault) = read(&bytes, 0);
        let read: Vec<_> = header.chunks.iter().map(|c| (c.kind.code(), usize::from(c.length) - 4)).collect();
        prop_assert_eq!(read, lengths);
        prop_assert_eq!(fault, None);
    }
}
