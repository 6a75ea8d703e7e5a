//! How the bridges of a link keep it free of loops, by spanning tree.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use headgate_record::{Field, Kind};
use support::{SECOND, START, SWITCH, Sensor, assert_says, text};

const ROOT: [u8; 8] = [0x10, 0, 0, 0x1c, 0x73, 0, 0, 0xaa];
const OTHER_ROOT: [u8; 8] = [0, 0, 0, 0x1c, 0x73, 0, 0, 0xbb];

fn llc(to: [u8; 6], from: [u8; 6], body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&to[..], &from, &length, body].concat()
}

/// Of bridge 00:1c:73:00:00:01: flags to forward delay.
fn configuration(flags: u8, port: u16, root: [u8; 8]) -> Vec<u8> {
    let times = [0x0100_u16, 0x1400, 0x0200, 0x0f00].map(u16::to_be_bytes).concat();
    let bridge = [0x80, 0, 0, 0x1c, 0x73, 0, 0, 1];
    [&[flags][..], &root, &[0, 0, 0x4e, 0x20], &bridge, &port.to_be_bytes(), &times].concat()
}

/// A BPDU of RSTP, or where `version` is 0 of STP.
fn bpdu(version: u8, flags: u8, port: u16, root: [u8; 8]) -> Vec<u8> {
    let header = if version == 0 { [0, 0, 0, 0] } else { [0, 0, 2, 2] };
    let body = [&[0x42, 0x42, 3][..], &header, &configuration(flags, port, root), &[0]].concat();
    llc([1, 0x80, 0xc2, 0, 0, 0], SWITCH, &body)
}

fn pvst(vlan: u16, root: [u8; 8]) -> Vec<u8> {
    let tlv = [&[0, 0, 0, 0, 2][..], &vlan.to_be_bytes()].concat();
    let snap = [0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b];
    let body = [&snap[..], &[0, 0, 2, 2], &configuration(0x3c, 0x8002, root), &tlv].concat();
    llc([1, 0, 0x0c, 0xcc, 0xcc, 0xcd], SWITCH, &body)
}

fn notification() -> Vec<u8> {
    llc([1, 0x80, 0xc2, 0, 0, 0], SWITCH, &[0x42, 0x42, 3, 0, 0, 0, 0x80])
}

#[test]
fn a_bridge_is_recorded_when_it_changes_and_not_at_each_hello() {
    let mut sensor = Sensor::new("");
    for n in 0..100 {
        sensor.see(&bpdu(2, 0x3c, 0x8001, ROOT), START + n * 2 * SECOND);
    }
    let first = sensor.until(Kind::Bridge, 199);
    assert_eq!(first.len(), 1);
    assert_says(
        &first[0],
        &[
            (Field::BridgeInterface, "eth0"),
            (Field::BridgeVlan, ""),
            (Field::BridgeSourceMac, "00:1c:73:00:00:01"),
            (Field::BridgeProtocol, "rstp"),
            (Field::BridgePort, "1"),
            (Field::BridgePortPriority, "128"),
            (Field::BridgePortRole, "designated"),
            (Field::BridgePortState, "forwarding"),
            (Field::BridgeBridge, "00:1c:73:00:00:01"),
            (Field::BridgeBridgePriority, "32768"),
            (Field::BridgeRoot, "00:1c:73:00:00:aa"),
            (Field::BridgeRootPriority, "4096"),
            (Field::BridgeRootPathCost, "20000"),
            (Field::BridgeMaxAge, "20000"),
            (Field::BridgeHelloTime, "2000"),
            (Field::BridgeForwardDelay, "15000"),
            (Field::BridgeTopologyChanges, "0"),
            (Field::BridgeRootChanges, "0"),
            (Field::BridgeState, "present"),
        ],
    );
    // A topology change lasts for several hellos and is one.
    for n in 100..103 {
        sensor.see(&bpdu(2, 0x3d, 0x8001, ROOT), START + n * 2 * SECOND);
    }
    sensor.see(&bpdu(2, 0x3c, 0x8001, ROOT), START + 206 * SECOND);
    sensor.see(&bpdu(2, 0x3d, 0x8001, OTHER_ROOT), START + 208 * SECOND);
    let changes: Vec<_> = sensor
        .until(Kind::Bridge, 210)
        .iter()
        .map(|r| [text(r, Field::BridgeTopologyChanges), text(r, Field::BridgeRootChanges)])
        .collect();
    assert_eq!(changes, [["1", "0"], ["2", "1"]]);
    let aged = sensor.until(Kind::Bridge, 229);
    assert_eq!(aged.len(), 1);
    assert_says(&aged[0], &[(Field::BridgeState, "aged"), (Field::BridgeRoot, "00:1c:73:00:00:bb")]);
    assert!(sensor.end(Kind::Bridge).is_empty());
}

#[test]
fn ports_vlans_and_encapsulations_of_a_bridge_are_told_apart() {
    let mut sensor = Sensor::new("");
    for _ in 0..3 {
        sensor.see(&bpdu(0, 0, 0x8001, ROOT), START);
        sensor.see(&bpdu(2, 0x0e, 0x8003, ROOT), START);
        sensor.see(&pvst(1, ROOT), START);
        sensor.see(&pvst(10, OTHER_ROOT), START);
        sensor.see(&notification(), START);
    }
    let fields = [
        Field::BridgeProtocol,
        Field::BridgeVlan,
        Field::BridgePort,
        Field::BridgePortState,
        Field::BridgeRoot,
        Field::BridgeTopologyChanges,
    ];
    let mut all: Vec<_> =
        sensor.end(Kind::Bridge).iter().map(|r| fields.map(|f| text(r, f)).join("|")).collect();
    all.sort();
    assert_eq!(
        all,
        [
            "rapid-pvst|10|2|forwarding|00:1c:73:00:00:bb|0",
            "rapid-pvst|1|2|forwarding|00:1c:73:00:00:aa|0",
            "rstp||3|discarding|00:1c:73:00:00:aa|0",
            "stp||1||00:1c:73:00:00:aa|0",
            "stp|||||3",
        ]
    );
}

/// Ports that speak only while the topology changes were said to be lost after every change.
#[test]
fn a_port_that_need_not_speak_does_not_age() {
    let states = |frames: &[Vec<u8>]| {
        let mut sensor = Sensor::new("");
        frames.iter().for_each(|frame| sensor.see(frame, START));
        let all = sensor.until(Kind::Bridge, 1).into_iter().chain(sensor.until(Kind::Bridge, 30));
        all.map(|r| text(&r, Field::BridgeState)).collect::<Vec<_>>()
    };
    // A root port's agreement, an alternate port's proposal, a notification.
    assert_eq!(states(&[bpdu(2, 0x79, 0x8001, ROOT)]), ["present"]);
    assert_eq!(states(&[bpdu(2, 0x06, 0x8001, ROOT)]), ["present"]);
    assert_eq!(states(&[notification()]), ["present"]);
    // Designated ports, of RSTP by their role and of STP by what they send.
    assert_eq!(states(&[bpdu(2, 0x3c, 0x8001, ROOT)]), ["present", "aged"]);
    assert_eq!(states(&[bpdu(0, 0, 0x8001, ROOT)]), ["present", "aged"]);
    // What was not reported yet is reported, however long nothing was seen.
    let mut sensor = Sensor::new("");
    sensor.0.tick(START);
    sensor.see(&bpdu(2, 0x79, 0x8001, ROOT), START + 1);
    let late = sensor.until(Kind::Bridge, 100);
    assert_eq!(late.iter().map(|r| text(r, Field::BridgeState)).collect::<Vec<_>>(), ["present"]);
}

#[test]
fn a_flood_of_bridges_leaves_a_full_table_and_is_counted() {
    let mut sensor = Sensor::new("");
    for n in 0..4_100_u16 {
        sensor.see(&bpdu(2, 0x3c, n, ROOT), START + u64::from(n));
    }
    sensor.0.account([0; 3]);
    let records = sensor.0.take();
    let counters = records.iter().find(|r| r.kind() == Kind::Counters).unwrap();
    assert_says(counters, &[(Field::CountersBridgesEvicted, "4")]);
    let evicted = records.iter().filter(|r| text(r, Field::BridgeState) == "evicted").count();
    assert_eq!(evicted, 4);
}

#[test]
fn excluded_spanning_tree_gives_no_bridges() {
    let mut sensor = Sensor::new("[exclude]\nprotocols = [\"stp\"]\n");
    sensor.see(&bpdu(2, 0x3c, 0x8001, ROOT), START);
    sensor.see(&pvst(10, ROOT), START);
    sensor.see(&notification(), START);
    sensor.0.account([0; 3]);
    sensor.0.finish();
    let records = sensor.0.take();
    assert!(records.iter().all(|r| r.kind() == Kind::Counters), "{records:?}");
    assert_says(&records[0], &[(Field::CountersExcludedProtocol, "3"), (Field::CountersFrames, "3")]);
}

/// Whoever sends a BPDU was once taken for a bridge, and its address was released in clear.
#[test]
fn the_sender_of_a_bpdu_is_a_subject_and_a_randomised_one_is_withheld() {
    assert_eq!(Kind::Authentication.subject(), Some(Field::AuthenticationMac));
    assert_eq!(Kind::Bridge.subject(), Some(Field::BridgeSourceMac));
    let randomised = |frame: &[u8]| {
        let mut sensor = Sensor::new("");
        sensor.see(frame, START);
        headgate_record::is_randomised(&sensor.end(Kind::Bridge)[0])
    };
    let frame = bpdu(2, 0x3c, 0x8001, ROOT);
    assert!(!randomised(&frame));
    assert!(randomised(&bpdu(2, 0x3c, 0x8001, [0x10, 0, 2, 0x1c, 0x73, 0, 0, 0xaa])));
    // The first octet of the Ethernet source, and of the bridge identifier's address.
    for at in [6, 36] {
        let mut frame = frame.clone();
        assert_eq!(frame[at..at + 6], SWITCH);
        frame[at] = 2;
        assert!(randomised(&frame), "{at}");
    }
}
