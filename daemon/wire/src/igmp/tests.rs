//! Tests of whole messages.

use proptest::prelude::*;

use super::*;
use crate::Layer;

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Igmp)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

fn query_of<'a>(message: &'a Message<'a>) -> &'a Query<'a> {
    let Body::Query(query) = &message.body else { panic!("not a query") };
    query
}

fn report_of<'a>(message: &'a Message<'a>) -> &'a Report<'a> {
    let Body::Report(report) = &message.body else { panic!("not a report") };
    report
}

#[test]
fn the_version_of_a_query_is_told_by_its_length_and_code() {
    let version = |bytes: &[u8]| {
        let message = read(bytes);
        let query = query_of(&message);
        (query.version, query.max_response_ms, query.extension.is_some(), faults(bytes))
    };
    assert_eq!(version(&[0x11, 0, 0, 0, 0, 0, 0, 0]), (1, 10_000, false, vec![]));
    assert_eq!(version(&[0x11, 100, 0, 0, 0, 0, 0, 0]), (2, 10_000, false, vec![]));
    assert_eq!(version(&[0x11, 200, 0, 0, 0, 0, 0, 0]), (2, 20_000, false, vec![]));
    assert_eq!(version(&[0x11, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), (3, 307_200, true, vec![]));
    assert_eq!(version(&[0x11, 9, 0, 0, 0, 0, 0, 0, 0, 0]), (2, 900, false, vec![(8, Kind::Length)]));
}

#[test]
fn a_query_of_version_3_is_read_with_its_sources() {
    let bytes = [0x11, 24, 0, 0, 239, 1, 2, 3, 0x0a, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2, 99];
    let message = read(&bytes);
    let query = query_of(&message);
    assert_eq!((query.group, query.max_response_code), (Ipv4Addr::new(239, 1, 2, 3), 24));
    let extension = query.extension.unwrap();
    assert!(extension.suppress);
    assert_eq!((extension.robustness, extension.interval, extension.source_count), (2, 125, 2));
    assert!(extension.sources.iter().eq([Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]));
    assert_eq!(faults(&bytes), []);
}

#[test]
fn joining_and_leaving_name_a_group() {
    for (code, expected) in
        [(0x12, MessageType::ReportV1), (0x16, MessageType::ReportV2), (0x17, MessageType::Leave)]
    {
        let message = [code, 0, 0, 0, 224, 0, 0, 251];
        let message = read(&message);
        assert_eq!(message.message_type, expected);
        assert_eq!(message.body, Body::Membership { group: Ipv4Addr::new(224, 0, 0, 251) });
    }
}

#[test]
fn messages_of_other_protocols_are_named_and_not_read() {
    for (code, name) in [(0x13, "dvmrp"), (0x14, "pim-v1"), (0x1f, "mtrace"), (0x99, "unknown")] {
        let bytes = [code, 1, 0, 0];
        let message = read(&bytes);
        assert_eq!((message.message_type.name(), message.body), (name, Body::Other));
    }
}

#[test]
fn a_record_beyond_the_message_leaves_those_before_it() {
    let bytes =
        [0x22, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 224, 0, 0, 251, 9, 1, 0, 2, 239, 0, 0, 1, 10, 0, 0, 1];
    let message = read(&bytes);
    let report = report_of(&message);
    assert_eq!(report.group_count, 3);
    assert_eq!(report.groups[0].record_type, RecordType::ChangeToExclude);
    assert_eq!(report.groups[1].record_type, RecordType::Unknown(9));
    assert_eq!((report.groups[1].source_count, report.groups[1].sources.len()), (2, 1));
    assert_eq!(faults(&bytes), [(28, Kind::Short)]);
}

#[test]
fn a_cut_capture_is_not_malformed() {
    let bytes = [0x22, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 224, 0, 0, 251, 10, 0, 0, 1];
    for length in 0..bytes.len() {
        match parse(Cursor::new(&bytes[..length], 20, Layer::Igmp)) {
            Ok(m) => assert_eq!(m.malformed.iter().map(|m| m.kind).collect::<Vec<_>>(), [Kind::NotCaptured]),
            Err(fault) => assert_eq!(fault.kind, Kind::NotCaptured),
        }
    }
}

#[test]
fn groups_that_find_no_room_are_counted() {
    let count = u16::try_from(MAX_GROUPS + 5).unwrap();
    let mut bytes = [&[0x22, 0, 0, 0, 0, 0][..], &count.to_be_bytes()].concat();
    bytes.extend([2, 0, 0, 0, 224, 0, 0, 251].repeat(usize::from(count)));
    let message = read(&bytes);
    let report = report_of(&message);
    assert_eq!((report.groups.len(), report.omitted, faults(&bytes)), (MAX_GROUPS, 5, vec![]));
}

#[test]
fn a_message_without_its_group_is_refused() {
    for code in [0x11, 0x12, 0x16, 0x17, 0x22] {
        let bytes = [code, 0, 0, 0, 224, 0, 0];
        assert_eq!(parse(Cursor::new(&bytes, 0, Layer::Igmp)).unwrap_err().kind, Kind::Short);
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        code in any::<u8>(),
        group in any::<u32>(),
        flags in 0..16_u8,
        interval in any::<u8>(),
        sources in prop::collection::vec(any::<u32>(), 0..400),
        records in prop::collection::vec(
            (any::<u8>(), any::<u32>(), prop::collection::vec(any::<u32>(), 0..20), any::<u8>()), 0..70),
    ) {
        let list = |addresses: &[u32]| addresses.iter().flat_map(|a| a.to_be_bytes()).collect::<Vec<u8>>();
        let count = |addresses: &[u32]| u16::try_from(addresses.len()).unwrap();
        let tail = [&[flags, interval][..], &count(&sources).to_be_bytes(), &list(&sources)].concat();
        let bytes = [&[0x11, code, 0, 0][..], &group.to_be_bytes(), &tail].concat();
        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty());
        let query = query_of(&message);
        prop_assert_eq!((query.version, query.group), (3, Ipv4Addr::from(group)));
        prop_assert_eq!(query.max_response_code, u16::from(code));
        let extension = query.extension.unwrap();
        prop_assert_eq!((extension.suppress, extension.robustness), (flags & 8 != 0, flags & 7));
        prop_assert_eq!(extension.interval_code, interval);
        prop_assert!(extension.sources.iter().eq(sources.iter().map(|s| Ipv4Addr::from(*s))));

        let mut bytes = [&[0x22, 0, 0, 0, 0, 0][..], &u16::try_from(records.len()).unwrap().to_be_bytes()].concat();
        for (kind, group, sources, words) in &records {
            bytes.extend([&[*kind, *words][..], &count(sources).to_be_bytes(), &group.to_be_bytes(), &list(sources)].concat());
            bytes.resize(bytes.len() + 4 * usize::from(*words), 0xee);
        }
        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty());
        let report = report_of(&message);
        prop_assert_eq!(report.groups.len(), records.len().min(MAX_GROUPS));
        for (read, (kind, group, sources, words)) in report.groups.iter().zip(&records) {
            prop_assert_eq!((read.record_type.code(), read.group), (*kind, Ipv4Addr::from(*group)));
            prop_assert_eq!(read.auxiliary_length, 4 * u16::from(*words));
            prop_assert!(read.sources.iter().eq(sources.iter().map(|s| Ipv4Addr::from(*s))));
        }
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        kind in prop_oneof![Just(0x11_u8), Just(0x22), any::<u8>()],
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..600),
        wire_len in 0..2000_u32,
    ) {
        let bytes = [&[kind][..], &bytes].concat();
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Igmp)) {
            prop_assert!(message.malformed.iter().all(|m| m.layer == Layer::Igmp));
        }
    }
}
