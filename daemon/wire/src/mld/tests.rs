//! Tests of whole messages.

use proptest::prelude::*;

use super::*;
use crate::Layer;

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Mld)).unwrap()
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

const GROUP: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x46, 0xe8, 0x84];

#[test]
fn a_report_of_version_2_is_read() {
    let head = [0x8f, 0, 0x7e, 0x8b, 0, 0, 0, 2, 4, 0, 0, 0];
    let bytes = [&head[..], &GROUP, &[4, 0, 0, 0, 0xff, 2], &[0; 13], &[2]].concat();
    let message = read(&bytes);
    let report = report_of(&message);
    let groups = report.groups.iter().map(|g| (g.record_type, g.group.to_string())).collect::<Vec<_>>();
    let joined = RecordType::ChangeToExclude;
    assert_eq!(groups, [(joined, "ff02::1:ff46:e884".into()), (joined, "ff02::2".into())]);
    assert_eq!((message.message_type, faults(&bytes)), (MessageType::ReportV2, vec![]));
}

#[test]
fn the_version_of_a_query_is_told_by_its_length() {
    let version = |behind: &[u8]| {
        let bytes = [&[130, 0, 0, 0, 0x80, 1, 0, 0][..], &GROUP, behind].concat();
        let message = read(&bytes);
        let query = query_of(&message);
        (query.version, query.max_response_ms, query.extension.is_some(), faults(&bytes))
    };
    assert_eq!(version(&[]), (1, 32_769, false, vec![]));
    assert_eq!(version(&[2, 125, 0, 0]), (2, 32_776, true, vec![]));
    assert_eq!(version(&[2, 125]), (1, 32_769, false, vec![(24, Kind::Length)]));
    assert_eq!(version(&[2, 125, 0, 1]), (2, 32_776, true, vec![(28, Kind::Short)]));
}

#[test]
fn reports_of_version_1_and_done_name_a_group() {
    for (code, expected) in [(131, MessageType::ReportV1), (132, MessageType::Done)] {
        let bytes = [&[code, 0, 0, 0, 0, 0, 0, 0][..], &GROUP].concat();
        let message = read(&bytes);
        assert_eq!(message.message_type, expected);
        assert_eq!(message.body, Body::Membership { group: GROUP.into() });
        assert_eq!(parse(Cursor::new(&bytes[..23], 0, Layer::Mld)).unwrap_err().kind, Kind::Short);
        assert_eq!(parse(Cursor::new(&bytes[..23], 24, Layer::Mld)).unwrap_err().kind, Kind::NotCaptured);
    }
}

#[test]
fn a_code_other_than_zero_is_named() {
    assert_eq!(faults(&[&[131, 1, 0, 0, 0, 0, 0, 0][..], &GROUP].concat()), [(0, Kind::Value)]);
}

#[test]
fn other_types_are_refused() {
    assert_eq!(parse(Cursor::new(&[128; 24], 0, Layer::Mld)).unwrap_err().kind, Kind::Value);
    assert_eq!((0..=u8::MAX).filter(|t| is_type(*t)).collect::<Vec<_>>(), [130, 131, 132, 143]);
}

#[test]
fn groups_that_find_no_room_are_counted() {
    let count = u16::try_from(MAX_GROUPS + 5).unwrap();
    let mut bytes = [&[143, 0, 0, 0, 0, 0][..], &count.to_be_bytes()].concat();
    bytes.extend([&[2, 0, 0, 0][..], &GROUP].concat().repeat(usize::from(count)));
    let message = read(&bytes);
    let report = report_of(&message);
    assert_eq!((report.groups.len(), report.omitted, faults(&bytes)), (MAX_GROUPS, 5, vec![]));
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        code in any::<u16>(),
        group in any::<u128>(),
        flags in 0..16_u8,
        interval in any::<u8>(),
        sources in prop::collection::vec(any::<u128>(), 0..90),
        records in prop::collection::vec(
            (any::<u8>(), any::<u128>(), prop::collection::vec(any::<u128>(), 0..10), any::<u8>()), 0..70),
    ) {
        let list = |addresses: &[u128]| addresses.iter().flat_map(|a| a.to_be_bytes()).collect::<Vec<u8>>();
        let count = |addresses: &[u128]| u16::try_from(addresses.len()).unwrap();
        let tail = [&[flags, interval][..], &count(&sources).to_be_bytes(), &list(&sources)].concat();
        let bytes = [&[130, 0, 0, 0][..], &code.to_be_bytes(), &[0, 0], &group.to_be_bytes(), &tail].concat();
        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty());
        let query = query_of(&message);
        prop_assert_eq!((query.version, query.group, query.max_response_code), (2, group.into(), code));
        let extension = query.extension.unwrap();
        prop_assert_eq!((extension.suppress, extension.robustness), (flags & 8 != 0, flags & 7));
        prop_assert_eq!(extension.interval_code, interval);
        prop_assert!(extension.sources.iter().eq(sources.iter().map(|s| Ipv6Addr::from(*s))));

        let mut bytes = [&[143, 0, 0, 0, 0, 0][..], &u16::try_from(records.len()).unwrap().to_be_bytes()].concat();
        for (kind, group, sources, words) in &records {
            bytes.extend([&[*kind, *words][..], &count(sources).to_be_bytes(), &group.to_be_bytes(), &list(sources)].concat());
            bytes.resize(bytes.len() + 4 * usize::from(*words), 0xee);
        }
        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty());
        let report = report_of(&message);
        prop_assert_eq!(report.groups.len(), records.len().min(MAX_GROUPS));
        for (read, (kind, group, sources, words)) in report.groups.iter().zip(&records) {
            prop_assert_eq!((read.record_type.code(), read.group), (*kind, Ipv6Addr::from(*group)));
            prop_assert_eq!(read.auxiliary_length, 4 * u16::from(*words));
            prop_assert!(read.sources.iter().eq(sources.iter().map(|s| Ipv6Addr::from(*s))));
        }
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        kind in prop_oneof![Just(130_u8), Just(143), 130..=132_u8],
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..600),
        wire_len in 0..2000_u32,
    ) {
        let bytes = [&[kind][..], &bytes].concat();
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Mld)) {
            prop_assert!(message.malformed.iter().all(|m| m.layer == Layer::Mld));
        }
    }
}
