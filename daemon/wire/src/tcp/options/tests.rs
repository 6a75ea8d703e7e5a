use super::*;
use crate::Layer;
use proptest::prelude::*;

const SYN: [u8; 20] = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7];

fn values(octets: &[u8]) -> Vec<Value> {
    Options::new(octets).iter().map(|option| option.value).collect()
}

fn fault(octets: &[u8]) -> Option<u32> {
    let result = Options::new(octets).check(Cursor::new(octets, 0, Layer::Tcp));
    result.err().map(|fault| {
        assert_eq!(fault.kind, Kind::Length);
        fault.offset
    })
}

#[test]
fn the_options_of_a_syn_are_read() {
    let options = Options::new(&SYN);
    assert_eq!((options.maximum_segment_size(), options.window_scale()), (Some(1460), Some(7)));
    assert!(options.sack_permitted());
    assert_eq!(options.timestamps(), Some(Timestamps { value: 1, echo_reply: 2 }));
    let kinds: Vec<u8> = options.iter().map(|option| option.kind.code()).collect();
    assert_eq!(kinds, [2, 4, 8, 1, 3]);
}

#[test]
fn what_is_sound_need_not_be_read_to_know_it() {
    let mut sound = 0;
    for (kind, length) in (0..=255).flat_map(|kind| (0..=40).map(move |length| (kind, length))) {
        let value = vec![kind; length];
        for value in [None, Some(&value[..])] {
            let framed = Framed { offset: 0, kind, length: 0, value };
            assert_eq!(is_sound(framed), !matches!(read(framed).value, Value::Malformed(_)), "{framed:?}");
            sound += usize::from(is_sound(framed));
        }
    }
    assert!((9_000..10_500).contains(&sound), "{sound}");
}

#[test]
fn the_options_of_a_segment_in_the_middle_are_read() {
    let options = Options::new(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    assert!(options.is_timestamps_alone());
    assert_eq!(options.timestamps(), Some(Timestamps { value: 1, echo_reply: 2 }));
    assert_eq!(options.iter().count(), 3);
    let elsewhere = Options::new(&[8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0]);
    assert!(!elsewhere.is_timestamps_alone());
    assert_eq!(elsewhere.timestamps(), options.timestamps());
}

#[test]
fn nothing_behind_the_end_of_the_list_is_read() {
    let options = Options::new(&[0, 2, 4, 5, 0xb4]);
    assert_eq!((options.maximum_segment_size(), options.iter().count()), (None, 1));
}

#[test]
fn blocks_of_a_selective_acknowledgment_are_read() {
    let mut octets = vec![1, 1, 5, 18];
    octets.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]);
    let blocks = [Block { left: 1, right: 2 }, Block { left: 3, right: 4 }].into_iter().collect();
    assert_eq!(values(&octets), [Value::None, Value::None, Value::Sack(blocks)]);
    assert_eq!(fault(&octets), None);
}

#[test]
fn rarer_options_are_read_as_far_as_they_are_facts() {
    let multipath = Multipath { subtype: MultipathSubtype::Capable, version: Some(1) };
    assert_eq!(values(&[30, 4, 0x01, 0x01]), [Value::Multipath(multipath)]);
    let join = Multipath { subtype: MultipathSubtype::Join, version: None };
    assert_eq!(values(&[30, 3, 0x10]), [Value::Multipath(join)]);
    assert_eq!(values(&[28, 4, 0x80, 5]), [Value::UserTimeout(UserTimeout { timeout: 5, minutes: true })]);
    assert_eq!(
        values(&[29, 6, 1, 2, 9, 9]),
        [Value::Authentication(Authentication { key_id: 1, next_key_id: 2 })]
    );
    assert_eq!(values(&[254, 4, 0xf9, 0x89]), [Value::Experiment(0xf989)]);
    let option = Options::new(&[77, 3, 9]).iter().next().unwrap();
    assert_eq!((option.kind, option.length, option.value), (OptionKind::Unknown(77), 3, Value::None));
}

#[test]
fn a_length_that_the_kind_does_not_allow_is_a_fault_and_hides_no_other() {
    for octets in [
        &[2, 3, 5][..],
        &[3, 4, 0, 0],
        &[4, 3, 0],
        &[5, 2],
        &[5, 9, 0, 0, 0, 1, 0, 0, 0],
        &[8, 9, 0, 0, 0, 1, 0, 0, 0],
        &[19, 4, 0, 0],
        &[28, 3, 0],
        &[29, 3, 0],
        &[30, 2],
        &[34, 5, 0, 0, 0],
    ] {
        let octets = [octets, &[3, 3, 7]].concat();
        assert_eq!(fault(&octets), Some(0), "{octets:?}");
        assert_eq!(Options::new(&octets).window_scale(), Some(7), "{octets:?}");
    }
}

#[test]
fn a_length_of_zero_or_beyond_the_header_ends_the_list() {
    for octets in [[2, 0, 1, 1], [8, 10, 0, 0], [2, 1, 1, 1], [77, 5, 0, 0]] {
        assert_eq!((fault(&octets), values(&octets).len()), (Some(0), 1), "{octets:?}");
    }
    assert_eq!(fault(&[1, 1, 1, 2]), Some(3));
}

#[test]
fn options_are_shown_with_their_names() {
    let shown = serde_json::to_value(Options::new(&SYN)).unwrap();
    let expected = serde_json::json!([
        {"kind": {"code": 2, "name": "maximum-segment-size"}, "length": 4, "value": {"maximum_segment_size": 1460}},
        {"kind": {"code": 4, "name": "sack-permitted"}, "length": 2},
        {"kind": {"code": 8, "name": "timestamps"}, "length": 10,
            "value": {"timestamps": {"value": 1, "echo_reply": 2}}},
        {"kind": {"code": 1, "name": "no-operation"}, "length": 1},
        {"kind": {"code": 3, "name": "window-scale"}, "length": 3, "value": {"window_scale": 7}},
    ]);
    assert_eq!(shown, expected);
}

/// A sound option and what is to be read of it.
fn option() -> impl Strategy<Value = (Vec<u8>, Value)> {
    let block = (any::<u32>(), any::<u32>()).prop_map(|(left, right)| Block { left, right });
    prop_oneof![
        Just((vec![1], Value::None)),
        Just((vec![4, 2], Value::None)),
        any::<u16>().prop_map(|size| {
            ([&[2, 4][..], &size.to_be_bytes()].concat(), Value::MaximumSegmentSize(size))
        }),
        any::<u8>().prop_map(|shift| (vec![3, 3, shift], Value::WindowScale(shift))),
        (any::<u32>(), any::<u32>()).prop_map(|(value, echo_reply)| {
            let octets = [&[8, 10][..], &value.to_be_bytes(), &echo_reply.to_be_bytes()].concat();
            (octets, Value::Timestamps(Timestamps { value, echo_reply }))
        }),
        prop::collection::vec(block, 1..=MAX_BLOCKS).prop_map(|blocks| {
            let mut octets = vec![5, u8::try_from(2 + 8 * blocks.len()).unwrap()];
            for block in &blocks {
                octets.extend(block.left.to_be_bytes());
                octets.extend(block.right.to_be_bytes());
            }
            (octets, Value::Sack(blocks.into_iter().collect()))
        }),
        prop::collection::vec(any::<u8>(), 0..=38).prop_map(|value| {
            let length = u8::try_from(2 + value.len()).unwrap();
            ([&[200, length][..], &value].concat(), Value::None)
        }),
    ]
}

proptest! {
    #[test]
    fn a_written_list_is_read_back(options in prop::collection::vec(option(), 0..=8)) {
        let octets = options.iter().flat_map(|(octets, _)| octets.clone()).collect::<Vec<_>>();
        let expected: Vec<_> = options.into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(values(&octets), expected);
        prop_assert_eq!(fault(&octets), None);
    }

    #[test]
    fn any_octets_are_read_to_an_end(octets in prop::collection::vec(any::<u8>(), 0..=40)) {
        let options = Options::new(&octets);
        prop_assert!(options.iter().count() <= super::super::MAX_OPTIONS_LEN);
        let has_fault = options.iter().any(|o| matches!(o.value, Value::Malformed(_)));
        prop_assert_eq!(fault(&octets).is_some(), has_fault);
        let slowly = options.iter().find_map(|o| match o.value {
            Value::Timestamps(timestamps) => Some(timestamps),
            _ => None,
        });
        prop_assert_eq!(options.timestamps(), slowly);
    }
}
