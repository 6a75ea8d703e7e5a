//! Strangers flood the wire while no store takes records: memory stays within its bound, what is lost is counted by
//! class, and who was there before stays.
//!
//! Each flood is a process of its own, so that its peak of resident memory is that of the flood.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use headgate_capture::Frame;
use headgate_record::{Class, Field, Kind, Record, Value};
use headgate_rules::Rules;
use headgate_sensor::{Engine, Handover, MAX_QUEUE};
use headgate_service::config::Headgate;

#[test]
fn a_flood_of_mac_addresses_pushes_out_none_who_was_there() {
    alone("a_flood_of_mac_addresses_pushes_out_none_who_was_there", || of_mac_addresses(100_000));
}

#[test]
fn a_flood_of_flows_costs_no_record_of_a_device() {
    alone("a_flood_of_flows_costs_no_record_of_a_device", || of_flows(200_000));
}

#[test]
#[ignore = "a minute and more without optimisation: tests/bench/flood"]
fn a_million_mac_addresses() {
    alone("a_million_mac_addresses", || of_mac_addresses(1_000_000));
}

#[test]
#[ignore = "minutes without optimisation: tests/bench/flood"]
fn ten_million_flows() {
    alone("ten_million_flows", || of_flows(10_000_000));
}

/// Each stranger sends one frame; each eighth announces itself by LLDP.
fn of_mac_addresses(strangers: u32) {
    let mut site = Site::new();
    let before = site.time;
    for n in 0..strangers {
        let mac = stranger(n);
        site.see(&if n % 8 == 0 { lldp(mac) } else { arp(mac) });
        site.everybody_may_talk();
    }
    site.end();
    site.all_who_were_there_still_are(before);
    let taken = u64::from(strangers) + u64::from(RESIDENTS) + u64::from(SWITCHES);
    assert_eq!(site.counted(Field::CountersDevicesEvicted), taken - 16_384);
    assert_eq!(site.counted(Field::CountersNeighborsEvicted), u64::from(strangers / 8 + SWITCHES - 32));
    // Nothing but devices, neighbours and counters was there to be dropped.
    site.dropped(|[bulk, state, account]| bulk == 0 && state > 0 && account == 0);
    site.report(&format!("{strangers} MAC addresses"));
}

/// Each tuple is one segment from a station to an address of its own.
fn of_flows(tuples: u32) {
    let mut site = Site::new();
    let before = site.time;
    for n in 0..tuples {
        site.see(&segment(n));
        site.everybody_may_talk();
    }
    site.end();
    site.all_who_were_there_still_are(before);
    assert_eq!(site.flows, u64::from(tuples), "each is recorded once");
    assert!(
        site.counted(Field::CountersFlowsEvicted) > 0 && site.counted(Field::CountersDevicesEvicted) == 0
    );
    site.dropped(|[bulk, state, account]| bulk > 0 && state == 0 && account == 0);
    site.report(&format!("{tuples} flows"));
}

/// A sensor without its store.
struct Site {
    engine: Engine,
    handover: Handover,
    time: u64,
    next_talk: u64,
    frames: u64,
    pushed: u64,
    flows: u64,
    /// The first and the last time that each who was there is said to have been seen first.
    first_seen: BTreeMap<String, [u64; 2]>,
    last_seen: BTreeMap<String, u64>,
    counters: Vec<Record>,
    _sockets: tempfile::TempDir,
}

impl Site {
    /// Where residents and switches have been for longer than a minute.
    fn new() -> Site {
        let sockets = tempfile::tempdir().unwrap();
        let mut site = Site {
            engine: Engine::new(Rules::parse(&[]).unwrap(), &Headgate::default()),
            handover: Handover::start(sockets.path()).unwrap(),
            time: START,
            next_talk: 0,
            frames: 0,
            pushed: 0,
            flows: 0,
            first_seen: BTreeMap::new(),
            last_seen: BTreeMap::new(),
            counters: Vec::new(),
            _sockets: sockets,
        };
        for _ in 0..4 {
            site.everybody_talks();
            site.time += 21 * SECOND;
        }
        site.hand_over();
        site
    }

    fn see(&mut self, frame: &[u8]) {
        let kept = self.engine.rules().keep().octets(frame, None);
        let interface = self.engine.interface("span0");
        let wire_len = u32::try_from(frame.len()).unwrap();
        let (time_ns, bytes) = (self.time, &frame[..kept]);
        self.engine.frame(interface, &Frame { time_ns, wire_len, link: Frame::ETHERNET, tag: None, bytes });
        self.frames += 1;
        // 100,000 frames in a second.
        self.time += 10_000;
        if self.frames.is_multiple_of(1_000) {
            self.hand_over();
        }
    }

    fn everybody_talks(&mut self) {
        (0..RESIDENTS).for_each(|n| self.see(&arp(resident(n))));
        (0..SWITCHES).for_each(|n| self.see(&lldp(switch(n))));
    }

    /// Once a second and no more.
    fn everybody_may_talk(&mut self) {
        if self.time >= self.next_talk {
            self.next_talk = self.time + SECOND;
            self.everybody_talks();
        }
    }

    /// As `live` does.
    fn hand_over(&mut self) {
        if self.engine.account_is_due() {
            self.engine.account(self.handover.take_dropped());
        }
        for record in self.engine.take() {
            self.remember(&record);
            self.handover.push([record]);
            self.pushed += 1;
        }
    }

    fn end(&mut self) {
        self.everybody_talks();
        self.engine.finish();
        self.hand_over();
        self.engine.account(self.handover.take_dropped());
        self.hand_over();
    }

    fn remember(&mut self, record: &Record) {
        let (who, first, last) = match record.kind() {
            Kind::Device => (Field::DeviceMac, Field::DeviceFirstSeen, Field::DeviceLastSeen),
            Kind::Neighbor => (Field::NeighborChassisId, Field::NeighborFirstSeen, Field::NeighborLastSeen),
            Kind::Flow => return self.flows += 1,
            Kind::Counters => return self.counters.push(record.clone()),
            _ => return,
        };
        let who = format!("{} {}", record.kind().name(), record.get(who).unwrap());
        if !who.contains("00:1b:21:") {
            return;
        }
        let time = |field| match record.get(field) {
            Some(Value::Time(time)) => *time,
            other => panic!("{other:?}"),
        };
        let seen = self.first_seen.entry(who.clone()).or_insert([time(first); 2]);
        seen[1] = time(first);
        self.last_seen.insert(who, time(last));
    }

    fn all_who_were_there_still_are(&self, before: u64) {
        let expected = RESIDENTS + SWITCHES * 2;
        assert_eq!(self.first_seen.len(), usize::try_from(expected).unwrap());
        let lost: Vec<_> = self.first_seen.iter().filter(|(_, [first, last])| first != last).collect();
        assert!(lost.is_empty(), "{} of {expected} were forgotten: {lost:?}", lost.len());
        for (who, [first, _]) in &self.first_seen {
            assert!(*first < START + SECOND, "{who}");
            assert!(self.last_seen[who] > before, "{who}");
        }
    }

    fn counted(&self, field: Field) -> u64 {
        let numbers = self.counters.iter().map(|record| match record.get(field) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        });
        numbers.sum()
    }

    /// Drops are in counters records, by class as `expected` says, and with what still waits they are all that was made.
    fn dropped(&mut self, expected: impl Fn([u64; Class::ALL.len()]) -> bool) {
        assert_eq!(self.counted(Field::CountersFrames), self.frames);
        let fields = [
            Field::CountersRecordsDroppedBulk,
            Field::CountersRecordsDroppedState,
            Field::CountersRecordsDroppedAccount,
        ];
        let dropped = fields.map(|field| self.counted(field));
        let after = self.handover.take_dropped();
        assert!(expected(dropped), "{dropped:?}");
        let all = dropped.iter().chain(&after).sum::<u64>();
        assert_eq!(all + u64::try_from(MAX_QUEUE).unwrap(), self.pushed);
    }

    fn report(self, what: &str) {
        let (kib, dropped) = (peak_kib(), self.pushed - u64::try_from(MAX_QUEUE).unwrap());
        assert_eq!(self.handover.finish(Duration::ZERO, &|| true), MAX_QUEUE);
        println!(
            "{what}: peak of resident memory {kib} KiB, {} records made, {dropped} dropped",
            self.pushed
        );
        assert!(kib < MAX_KIB, "{kib} KiB");
    }
}

/// Runs `body` in a process of its own.
fn alone(test: &str, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--include-ignored", "--nocapture"]).env(INSIDE, "1");
    assert!(again.status().unwrap().success(), "see above");
}

/// VmHWM of proc_pid_status(5).
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

fn stranger(n: u32) -> [u8; 6] {
    let [a, b, c, d] = n.to_be_bytes();
    [0x00, 0x40 + a, 0x8c, b, c, d]
}

fn resident(n: u32) -> [u8; 6] {
    let [_, _, c, d] = n.to_be_bytes();
    [0x00, 0x1b, 0x21, 0, c, d]
}

fn switch(n: u32) -> [u8; 6] {
    let [_, _, _, d] = n.to_be_bytes();
    [0x00, 0x1b, 0x21, 1, 0, d]
}

fn arp(mac: [u8; 6]) -> Vec<u8> {
    let [.., b, c, d] = mac;
    let parts: [&[u8]; 6] = [
        &[0xff; 6],
        &mac,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &mac,
        &[10, b, c, d],
        &[0, 0, 0, 0, 0, 0, 10, 0, 0, 1],
    ];
    parts.concat()
}

fn lldp(mac: [u8; 6]) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        &[1, 0x80, 0xc2, 0, 0, 0x0e],
        &mac,
        &[0x88, 0xcc, 2, 7, 4],
        &mac,
        &[4, 5, 5, b'e', b't', b'h', b'0', 6, 2, 0, 120, 0, 0],
    ];
    parts.concat()
}

/// A SYN from a resident.
fn segment(n: u32) -> Vec<u8> {
    let [a, b, c, d] = n.to_be_bytes();
    let parts: [&[u8]; 7] = [
        &switch(0),
        &resident(n % RESIDENTS),
        &[8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0],
        &[10, 0, 0, 1, 100 + a, b, c, d],
        &[0x9c, 0x40, 0x01, 0xbb],
        &[0; 8],
        &[0x50, 2, 0xff, 0xff, 0, 0, 0, 0],
    ];
    parts.concat()
}

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
/// Who was there before the flood.
const RESIDENTS: u32 = 2_000;
const SWITCHES: u32 = 20;
/// `docs/specification.md`, Bounds.
const MAX_KIB: u64 = 160 << 10;
/// Set in a process that is one flood.
const INSIDE: &str = "HEADGATE_TEST_INSIDE";
