//! Engines that share frames, as their filters do, beside one that has them all: the same is recorded.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use headgate_capture::{File, FileInterface, Frame, Whole};
use headgate_record::{Class, Kind, Record};
use headgate_rules::Rules;
use headgate_rules::filter::{Program, VlanTag};
use headgate_sensor::Engine;
use headgate_service::config::{self, Headgate};
use serde_json::Value;

/// Engines, each behind its filter, as the threads of a sensor have them.
struct Shares {
    rules: Rules,
    programs: Vec<Program>,
    engines: Vec<Engine>,
    records: Vec<Record>,
    /// Of all threads: they have one clock.
    now: u64,
    latest: u64,
    by_share: Vec<u64>,
}

impl Shares {
    fn new(rules: &str, settings: &str, count: u32) -> Shares {
        let rules = Rules::parse(&[("rules.toml".into(), rules.into())]).unwrap();
        let config: Headgate = config::parse(Path::new("headgate.toml"), settings).unwrap();
        Shares {
            programs: (0..count).map(|number| rules.filter().share(number, count).unwrap()).collect(),
            engines: Engine::shares(&rules, &config, &["eth0"], count as usize),
            records: Vec::new(),
            now: 0,
            latest: 0,
            by_share: vec![0; count as usize],
            rules,
        }
    }

    fn share(&self, frame: &Frame<'_>) -> usize {
        let tag = frame.tag.map(|tag| VlanTag(tag.control));
        let keeps = |program: &Program| program.run(frame.bytes, tag) > 0;
        self.programs.iter().position(keeps).unwrap()
    }

    fn see(&mut self, share: usize, frame: &Frame<'_>) {
        self.engines[share].frame(0, frame);
        self.by_share[share] += 1;
        self.latest = frame.time_ns;
        if frame.time_ns >= self.now + SECOND || self.engines[share].has_much_to_tell() {
            self.now = frame.time_ns;
            self.tell();
        }
    }

    /// What each thread does once a second.
    fn tell(&mut self) {
        let now = self.now;
        self.engines.iter_mut().for_each(|engine| engine.tick(now));
        let (first, others) = self.engines.split_first_mut().unwrap();
        others.iter_mut().for_each(|other| first.add(&other.tally()));
        if first.account_is_due() {
            first.account([0; Class::ALL.len()]);
        }
        for engine in &mut self.engines {
            self.records.extend(engine.take());
        }
    }

    fn end(&mut self) {
        self.now = self.latest;
        self.tell();
        let (first, others) = self.engines.split_first_mut().unwrap();
        for other in others {
            other.finish();
            first.add(&other.tally());
        }
        first.finish();
        first.account([0; Class::ALL.len()]);
        for engine in &mut self.engines {
            self.records.extend(engine.take());
        }
    }

    fn read(&mut self, file: &Path) {
        let keep = self.rules.keep().clone();
        let read = File::open(file).unwrap().read(Whole(|_: FileInterface<'_>, frame: Frame<'_>| {
            let share = self.share(&frame);
            let octets = keep.octets(frame.bytes, frame.tag.map(|tag| VlanTag(tag.control)));
            self.now = if self.now == 0 { frame.time_ns } else { self.now };
            self.see(share, &Frame { bytes: &frame.bytes[..octets.min(frame.bytes.len())], ..frame });
            ControlFlow::Continue(())
        }));
        read.unwrap();
    }

    /// A frame as it is on the wire.
    fn send(&mut self, bytes: &[u8], time_ns: u64) {
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let whole = Frame { time_ns, wire_len, link: Frame::ETHERNET, tag: None, bytes };
        let kept = self.rules.keep().octets(bytes, None);
        self.see(self.share(&whole), &Frame { bytes: &bytes[..kept], ..whole });
    }

    /// What is recorded: of devices and counters the last word, with all counts added; of others each record.
    fn summary(&self) -> BTreeMap<String, u64> {
        let (mut summary, mut devices) = (BTreeMap::<String, u64>::new(), BTreeMap::new());
        for record in &self.records {
            let mut text = String::new();
            record.write_json(&mut text);
            let mut json: Value = serde_json::from_str(&text).unwrap();
            let fields = json.as_object_mut().unwrap();
            let mut count = |subject: &str, field: &str, value: Option<Value>| {
                let value = value.and_then(|value| value.as_u64()).unwrap_or(0);
                *summary.entry(format!("{subject} {field}")).or_default() += value;
            };
            match record.kind() {
                Kind::Device => {
                    let key = format!("device {} {:?}", fields["mac"], fields.get("vlan"));
                    count(&key, "frames", fields.remove("frames"));
                    count(&key, "bytes", fields.remove("bytes"));
                    devices.insert(key, json.to_string());
                }
                Kind::Counters => {
                    for (field, value) in fields.iter().filter(|(_, value)| value.is_u64()) {
                        count("counters", field, Some(value.clone()));
                    }
                }
                _ => *summary.entry(json.to_string()).or_default() += 1,
            }
        }
        summary.extend(devices.into_iter().map(|(key, last)| (format!("{key} {last}"), 1)));
        summary
    }

    fn sum(&self, field: &str) -> u64 {
        let summary = self.summary();
        summary.iter().filter(|(key, _)| key.ends_with(field)).map(|(_, count)| count).sum()
    }
}

fn assert_same(one: &Shares, several: &Shares, what: &str) {
    let (one, several) = (one.summary(), several.summary());
    let entries = |of: &BTreeMap<String, u64>| of.iter().map(|e| format!("{e:?}")).collect::<BTreeSet<_>>();
    let (one, several) = (entries(&one), entries(&several));
    let (missing, more) = (one.difference(&several), several.difference(&one));
    assert!(one == several, "{what}:\n{:#?}\n{:#?}", missing.collect::<Vec<_>>(), more.collect::<Vec<_>>());
}

const RULES: &[&str] = &[
    "",
    "[exclude]\nmacs = [\"locally-administered\"]\nprotocols = [\"tcp/8080\", \"arp\"]\n",
    "[[rule]]\nname = \"web\"\nprotocols = [\"tcp\"]\ncollect = \"counts\"\n",
];

#[test]
fn what_is_recorded_of_captures_is_the_same_however_many_share_them() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut files = 0;
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pcap" && extension != "pcapng") {
            continue;
        }
        files += 1;
        for rules in RULES {
            let [one, several] = [1, 3].map(|count| {
                let mut shares = Shares::new(rules, "", count);
                shares.read(&path);
                shares.end();
                shares
            });
            assert_same(&one, &several, &format!("{} {rules}", path.display()));
        }
    }
    assert!(files >= 4);
}

/// An hour of conversations, with both directions, among 300 stations, of which some also speak ARP and DHCP.
#[test]
fn what_is_recorded_of_conversations_is_the_same_however_many_share_them() {
    for rules in RULES {
        let [one, several] = [1, 4].map(|count| {
            let mut shares = Shares::new(rules, "", count);
            conversations(&mut shares);
            shares.end();
            shares
        });
        assert!(several.by_share.iter().all(|frames| *frames > 1_000), "{:?}", several.by_share);
        assert_same(&one, &several, rules);
    }
}

fn conversations(shares: &mut Shares) {
    for n in 0..20_000_u32 {
        // Each conversation is of four frames, with pauses that end some of them.
        let (talk, step) = (n / 4, n % 4);
        let (station, port) = (talk.wrapping_mul(7) % 300, 40_000 + u16::try_from(talk % 500).unwrap());
        let protocol = if talk % 3 == 0 { 17 } else { 6 };
        let time = START + u64::from(n) * 180_000_000;
        let flags = [0x02, 0x12, 0x10, 0x11][step as usize];
        shares.send(&segment(station, port, protocol, step % 2 == 0, flags), time);
        if n % 50 == 0 {
            shares.send(&arp(station), time);
        }
    }
}

/// Each table has its share of the bound; nothing that leaves it is lost.
#[test]
fn a_flood_of_flows_is_recorded_whole_by_each_share_of_the_table() {
    let mut shares = Shares::new("", "[tables]\nflows = 100\n", 3);
    for n in 0..3_000_u32 {
        shares.send(&segment(n % 256, u16::try_from(n).unwrap(), 6, true, 0x10), START + u64::from(n));
    }
    shares.end();
    assert_eq!(shares.sum("counters frames"), 3_000);
    assert_eq!(shares.sum("counters flows_evicted"), 3_000 - 100);
    let flows = shares.records.iter().filter(|record| record.kind() == Kind::Flow);
    assert_eq!(flows.count(), 3_000);
}

/// A table of devices that is told elsewhere, and the clock that is set back, lose none of their frames.
#[test]
fn devices_have_all_their_frames_whatever_there_is_room_for() {
    let mut shares = Shares::new("", "[tables]\ndevices = 500\n", 2);
    for (turn, back) in [(0, 0), (1, 3_600 * SECOND)] {
        for n in 0..20_000_u32 {
            shares.send(&segment(n, 443, 6, true, 0x10), START - back + u64::from(n + turn));
        }
    }
    shares.end();
    assert!(shares.by_share.iter().all(|frames| *frames > 15_000), "{:?}", shares.by_share);
    assert_eq!(shares.sum("counters frames"), 40_000);
    let devices = shares.summary().into_iter().filter(|(key, _)| key.starts_with("device"));
    let frames: u64 = devices.filter(|(key, _)| key.ends_with(" frames")).map(|(_, count)| count).sum();
    assert_eq!(frames, 40_000);
    assert!(shares.sum("counters devices_evicted") > 30_000);
}

fn mac(station: u32) -> [u8; 6] {
    let [_, a, b, c] = station.to_be_bytes();
    [0, 0x1b, 0x21, a, b, c]
}

/// From a station to the server, or back.
fn segment(station: u32, port: u16, protocol: u8, forward: bool, flags: u8) -> Vec<u8> {
    let [_, a, b, c] = station.to_be_bytes();
    let mut ends = [(mac(station), [10, a, b, c], port), (mac(0xff_ffff), [198, 18, 0, 1], 443)];
    if !forward {
        ends.reverse();
    }
    let [(source_mac, source, from), (destination_mac, destination, to)] = ends;
    let mut frame = [&destination_mac[..], &source_mac, &[8, 0]].concat();
    frame.extend([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
    frame.extend([source, destination].concat());
    frame.extend([from, to].map(u16::to_be_bytes).concat());
    if protocol == 17 {
        frame.extend([0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    } else {
        frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    }
    frame
}

fn arp(station: u32) -> Vec<u8> {
    let [_, a, b, c] = station.to_be_bytes();
    let parts: [&[u8]; 6] = [
        &[0xff; 6],
        &mac(station),
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &mac(station),
        &[10, a, b, c, 0, 0, 0, 0, 0, 0],
        &[10, 0, 0, 1],
    ];
    parts.concat()
}

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
