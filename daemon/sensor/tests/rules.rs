//! Rules with several conditions: how the frames that they decide about are counted, and what is recorded of them.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use headgate_record::{Field, Kind, Record};

use support::{START, Sensor, text};

mod support;

const STATION: [u8; 6] = [0, 0x1b, 0x21, 0, 0, 7];
const RELAY: [u8; 6] = [0, 0x1c, 0x73, 0, 0, 9];

fn udp(source: [u8; 6], ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let [ih, il] = (20 + length).to_be_bytes();
    let ip = [0x45, 0, ih, il, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, 7, 10, 1, 0, 1];
    let words = [ports[0], ports[1], length, 0].map(u16::to_be_bytes);
    [&[0, 0x1c, 0x73, 0, 0, 1][..], &source, &[8, 0], &ip, words.as_flattened(), payload].concat()
}

/// A request of the station, as its relay hands it on.
fn relayed() -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[28..34].copy_from_slice(&STATION);
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    message.extend([53, 1, 1, 12, 6, b'l', b'a', b'p', b't', b'o', b'p', 255]);
    udp(RELAY, [67, 67], &message)
}

/// Records of frames that come from the kernel, or as of a capture that no filter of ours has cut.
fn records(rules: &str, frames: &[Vec<u8>], cut: bool) -> Vec<Record> {
    let mut sensor = Sensor::new(rules);
    for frame in frames {
        match cut {
            true => sensor.see(frame, START),
            false => sensor.see_so_much(frame, frame.len(), START),
        }
    }
    sensor.0.finish();
    sensor.0.account([0; 3]);
    sensor.0.take()
}

fn of(records: &[Record], kind: Kind) -> Vec<&Record> {
    records.iter().filter(|record| record.kind() == kind).collect()
}

fn counted(records: &[Record], fields: &[Field]) -> Vec<String> {
    let [counters] = of(records, Kind::Counters)[..] else { panic!("{records:?}") };
    fields.iter().map(|field| text(counters, *field)).collect()
}

fn rule(name: &str, conditions: &str, collect: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\n{conditions}\ncollect = \"{collect}\"\n")
}

const ENDS: [Field; 6] = [
    Field::CountersFrames,
    Field::CountersExcludedRule,
    Field::CountersCounted,
    Field::CountersRules,
    Field::CountersRuleFrames,
    Field::CountersRuleBytes,
];

#[test]
fn every_frame_that_a_rule_ends_is_counted_once_and_by_name_where_the_rule_counts() {
    let frames = [udp(STATION, [40_000, 53], &[7; 30]), udp(STATION, [40_000, 123], &[7; 40])];
    let frames = [&frames[..], &frames[..1], &[udp(RELAY, [40_000, 80], &[])]].concat();
    let [dns, ntp] = ["protocols = [\"udp/53\"]", "protocols = [\"udp/123\"]\nprefixes = [\"10.0.0.0/8\"]"];
    // By the kernel, and where the interface is a condition by the collect gate.
    for interface in ["", "\ninterfaces = [\"eth0\", \"eth1\"]"] {
        let rules = [
            rule("dns", &format!("{dns}{interface}"), "counts"),
            rule("ntp", &format!("{ntp}{interface}"), "counts"),
            rule("others", &format!("macs = [\"00:1c:73:00:00:09\"]{interface}"), "none"),
        ];
        for cut in [true, false] {
            let records = records(&rules.concat(), &frames, cut);
            let said = counted(&records, &ENDS);
            assert_eq!(said, ["4", "1", "3", "dns, ntp", "2, 1", "144, 82"], "{interface} {cut}");
            assert_eq!(records.len(), 1, "{records:?}");
        }
        let filter = Sensor::new(&rules.concat()).0.rules().filter().clone();
        let kept: Vec<usize> = frames.iter().map(|frame| filter.run(frame, None)).collect();
        assert_eq!(kept, if interface.is_empty() { [6, 7, 6, 5] } else { [42; 4] });
    }
}

#[test]
fn a_rule_of_another_interface_does_not_hold() {
    let rules = rule("elsewhere", "interfaces = [\"eth1\"]", "none");
    let records = records(&rules, &[udp(STATION, [40_000, 53], &[])], true);
    assert_eq!(counted(&records, &ENDS), ["1", "", "", "", "", ""]);
    assert_eq!(of(&records, Kind::Flow).len(), 1);
}

#[test]
fn the_first_rule_decides_and_without_one_control_protocols_are_read() {
    let all = [relayed()];
    let hostname = |rules: &str| {
        let records = records(rules, &all, true);
        records.iter().any(|record| text(record, Field::DeviceHostname) == "laptop")
    };
    let [control, headers] =
        ["control", "headers"].map(|collect| rule(collect, "protocols = [\"dhcp\"]", collect));
    assert!(hostname(""));
    assert!(hostname(&[control.clone(), headers.clone()].concat()));
    assert!(!hostname(&[headers, control].concat()));
}

/// A relay's frame has its own addresses, and its message those of whom it is about.
#[test]
fn what_a_message_says_of_a_station_is_used_as_far_as_a_rule_lets_its_own_frames_be() {
    let stations = "macs = [\"00:1b:21\"]";
    for (collect, expected) in [("none", "1"), ("headers", "")] {
        for before in [String::new(), rule("relay", "macs = [\"00:1c:73\"]", "control")] {
            let rules = [before, rule("station", stations, collect)].concat();
            let records = records(&rules, &[relayed()], true);
            assert_eq!(counted(&records, &[Field::CountersExcludedRule]), [expected], "{rules}");
            let named = |record: &&Record| text(record, Field::DeviceMac) == "00:1b:21:00:00:07";
            assert_eq!(of(&records, Kind::Device).into_iter().filter(named).count(), 0, "{rules}");
            assert_eq!(of(&records, Kind::Exchange).len(), 0, "{rules}");
        }
    }
    // A rule that lets more be collected of the station than of the relay does not widen what is.
    let rules = [rule("station", stations, "control"), rule("relay", "macs = [\"00:1c:73\"]", "none")];
    let records = records(&rules.concat(), &[relayed()], true);
    assert_eq!(counted(&records, &[Field::CountersExcludedRule]), ["1"]);
}

#[test]
fn what_is_excluded_by_a_list_no_rule_gives_back() {
    let rules = format!("[exclude]\nprotocols = [\"udp\"]\n{}", rule("all", "", "control"));
    let records = records(&rules, &[udp(STATION, [40_000, 53], &[])], true);
    assert_eq!(counted(&records, &[Field::CountersExcludedProtocol]), ["1"]);
}
