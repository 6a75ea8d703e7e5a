//! What is acknowledged arrives, once, whatever is away or killed meanwhile.
// A test fails by panicking; the seed of a failed run is printed.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "outage/faulty.rs"]
mod faulty;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use support::feeder::Feeder;
use support::pcap::{self, Packet};
use support::random::Random;
use support::{Site, golden, run, wait_for};

/// How often the store is killed.
const KILLS: u64 = 20;

#[test]
fn every_acknowledged_record_arrives_once_though_all_are_killed() {
    let seed = Random::seed();
    eprintln!("HEADGATE_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let site = Site::new();
    site.configure("[store]\nbatch_records = 100\n");
    let mut receiver = Some(site.start_receiver());
    let mut store = site.start_store();
    let mut uplink = site.start_uplink();
    let feeder = Feeder::start(site.path("run"), Random::new(seed + 1));
    for kill in 1..=KILLS {
        // Each third life ends while the store starts.
        if kill % 3 != 0 {
            let enough = feeder.acknowledged() + usize::try_from(random.below(200)).unwrap() + 1;
            wait_for("acknowledgements", || feeder.acknowledged() >= enough);
        }
        match kill {
            5 | 10 | 15 => {
                wait_for("a receipt", || {
                    site.ask(&["status"]).is_some_and(|s| s["uplink"]["connected"] == true)
                });
                std::thread::sleep(Duration::from_micros(random.below(20_000)));
                receiver = None;
            }
            6 | 11 | 16 => receiver = receiver.or_else(|| Some(site.start_receiver())),
            8 => {
                uplink.kill();
                uplink = site.start_uplink();
            }
            13 => feeder.renew(),
            _ => {}
        }
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        store.kill();
        store = site.launch_store();
    }
    let fed = feeder.finish();
    site.wait_until_receipted();

    let received = site.received();
    let numbers: Vec<u64> = received.iter().map(|r| r["record"]["packets"].as_u64().unwrap()).collect();
    let once: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(once.len(), numbers.len(), "records arrived twice");
    let missing: Vec<_> = fed.acknowledged.difference(&once).collect();
    assert!(missing.is_empty(), "acknowledged, but not at the receiver: {missing:?}");
    assert!(once.last() <= Some(&fed.given));
    assert!(fed.broken > 0, "no hand-over was under way when the store was killed");
    assert_complete(&site, numbers.len());
    eprintln!(
        "{} acknowledged, {} arrived in {} batches, {} hand-overs were cut",
        fed.acknowledged.len(),
        numbers.len(),
        site.batches().len(),
        fed.broken
    );
}

#[test]
fn a_sensor_whose_store_comes_late_loses_nothing() {
    let site = Site::new();
    let _receiver = site.start_receiver();
    let _uplink = site.start_uplink();
    let mut sensor = site.start_replay(&[&golden("site.pcap")]);
    wait_for("the file to be read", || sensor.said().contains("read 271 frames"));
    assert!(sensor.child.try_wait().unwrap().is_none(), "it waits: {}", sensor.said());
    let _store = site.start_store();
    assert!(sensor.wait().success(), "{}", sensor.said());
    site.wait_until_receipted();
    assert_all_arrived(&site);
}

#[test]
fn a_receiver_that_was_away_is_told_everything_in_order() {
    let site = Site::new();
    site.configure("[store]\nbatch_records = 3\n");
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the problem to be reported", || {
        site.ask(&["status"]).is_some_and(|s| {
            s["waiting"] == 0 && s["uplink"]["problem"].as_str().is_some_and(|p| !p.is_empty())
        })
    });
    let status = site.ask(&["status"]).unwrap();
    assert_eq!(status["uplink"]["problem"], "connection refused");
    assert_eq!(status["uplink"]["connected"], false);
    assert_eq!(
        status["outbox"]["records"].as_u64().unwrap() + sum(&status["withheld"]),
        seen().values().sum::<u64>()
    );
    assert_eq!((&status["outbox"]["last_receipted"], &status["lost"]), (&0.into(), &Value::Array(vec![])));
    let text = site.status_text();
    assert!(
        text.contains("wrong      the receiver is not reached: connection refused; next attempt in "),
        "{text}"
    );
    assert!(text.contains("nothing is lost meanwhile"), "{text}");

    let _receiver = site.start_receiver();
    site.wait_until_receipted();
    assert_all_arrived(&site);
    let batches = site.batches();
    assert!(batches.len() > 3, "{}", batches.len());
    let times: Vec<_> = batches.iter().map(|b| b["received"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let status = site.ask(&["status"]).unwrap();
    assert_eq!((&status["uplink"]["connected"], &status["uplink"]["problem"]), (&true.into(), &"".into()));
    assert!(!site.status_text().contains("the receiver is not reached"));
}

/// Repeats of the capture, and how often the store is killed between them.
const REPEATS: u64 = 60;
const CUTS: u64 = 6;

#[test]
fn every_frame_is_accounted_for_at_the_receiver_though_the_store_is_killed_meanwhile() {
    let seed = Random::seed();
    eprintln!("HEADGATE_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let site = Site::new();
    // Nothing is withheld, so that all counts meet at the receiver.
    std::fs::write(site.path("rules.toml"), "[release]\nrandomised_macs = true\n").unwrap();
    let _receiver = site.start_receiver();
    let mut store = site.start_store();
    let _uplink = site.start_uplink();
    let pipe = site.path("long.pcap");
    run("mkfifo", &[pipe.to_str().unwrap()]);
    let mut sensor = site.start_replay(&[&pipe]);
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    writer.write_all(&pcap::file(&[])).unwrap();
    let packets = pcap::read(&golden("site.pcap"));
    for repeat in 0..REPEATS {
        // Hours later, so that no flow goes on.
        let shifted = |p: &Packet| Packet { time_us: p.time_us + repeat * 7_200_000_000, ..p.clone() };
        let records: Vec<u8> = packets.iter().flat_map(|p| pcap::record(&shifted(p))).collect();
        writer.write_all(&records).unwrap();
        if repeat % (REPEATS / CUTS) == 0 {
            std::thread::sleep(Duration::from_micros(random.below(60_000)));
            assert!(sensor.child.try_wait().unwrap().is_none(), "{}", sensor.said());
            store.kill();
            store = site.launch_store();
        }
    }
    drop(writer);
    assert!(sensor.wait().success(), "{}", sensor.said());
    site.wait_until_receipted();

    let received = site.received();
    assert_complete(&site, received.len());
    let total = |kind: &str, fields: &[&str]| {
        let records = received.iter().map(|r| &r["record"]).filter(|r| r["kind"] == kind);
        records.flat_map(|r| fields.iter().map(|f| r[f].as_u64().unwrap_or(0))).sum::<u64>()
    };
    let frames = REPEATS * packets.len() as u64;
    let octets = |some: fn(&&Packet) -> bool| {
        REPEATS * packets.iter().filter(some).map(|p| p.wire_len as u64).sum::<u64>()
    };
    let ip = REPEATS * packets.iter().filter(|p| pcap::is_ip(&p.bytes)).count() as u64;
    assert_eq!(total("flow", &["packets", "reverse_packets"]), ip);
    assert_eq!(total("flow", &["bytes", "reverse_bytes"]), octets(|p| pcap::is_ip(&p.bytes)));
    assert_eq!((total("device", &["frames"]), total("device", &["bytes"])), (frames, octets(|_| true)));
    assert_eq!((total("counters", &["frames"]), total("counters", &["bytes"])), (frames, octets(|_| true)));
    let dropped =
        ["records_dropped_bulk", "records_dropped_state", "records_dropped_account", "flows_evicted"];
    assert_eq!(total("counters", &dropped), 0);
    eprintln!("{frames} frames, {ip} of them IP, {} records", received.len());
}

/// The sensor once said the same records for ever to a store that had never heard of its session.
#[test]
fn a_sensor_goes_on_with_a_store_whose_database_was_replaced() {
    let site = Site::new();
    let mut store = site.start_store();
    let pipe = site.path("long.pcap");
    run("mkfifo", &[pipe.to_str().unwrap()]);
    let mut sensor = site.start_replay(&[&pipe]);
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    writer.write_all(&pcap::file(&[])).unwrap();
    let packets = pcap::read(&golden("site.pcap"));
    let repeat = |n: u64| -> Vec<u8> {
        let later = |p: &Packet| Packet { time_us: p.time_us + n * 7_200_000_000, ..p.clone() };
        packets.iter().flat_map(|p| pcap::record(&later(p))).collect()
    };
    let committed = || site.ask(&["status"]).and_then(|s| s["sensor"]["committed"].as_u64()).unwrap_or(0);
    (0..3).for_each(|n| writer.write_all(&repeat(n)).unwrap());
    wait_for("records to be committed", || committed() > 0);
    store.kill();
    std::fs::remove_dir_all(site.path("store")).unwrap();
    let _store = site.start_store();
    (3..6).for_each(|n| writer.write_all(&repeat(n)).unwrap());
    drop(writer);
    assert!(sensor.wait().success(), "{}", sensor.said());
    assert!(committed() > 0);
}

/// Every record that the sensor makes of the capture is at the receiver, or withheld and counted.
fn assert_all_arrived(site: &Site) {
    let received = site.received();
    let mut ended: BTreeMap<String, u64> = BTreeMap::new();
    for record in &received {
        *ended.entry(record["record"]["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let status = site.ask(&["status"]).unwrap();
    for row in status["withheld"].as_array().unwrap() {
        *ended.entry(row["kind"].as_str().unwrap().to_owned()).or_default() +=
            row["records"].as_u64().unwrap();
    }
    assert_eq!(ended, seen());
    let once: BTreeSet<_> = received.iter().map(|r| r["record"].to_string()).collect();
    assert_eq!(once.len(), received.len(), "records arrived twice");
    assert_complete(site, received.len());
}

/// No batch is missing, nothing is lost or waits, and the ledger is whole.
fn assert_complete(site: &Site, received: usize) {
    let batches = site.batches();
    let sequences: Vec<_> = batches.iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=batches.len() as u64).collect::<Vec<_>>());
    assert!(batches.iter().all(|b| b["epoch"] == batches[0]["epoch"] && b["missing_before"].is_null()));
    let records: u64 = batches.iter().map(|b| b["records"].as_u64().unwrap()).sum();
    assert_eq!(records, received as u64);
    let status = site.ask(&["status"]).unwrap();
    assert_eq!((&status["outbox"]["batches"], &status["waiting"]), (&0.into(), &0.into()));
    assert_eq!(status["outbox"]["last_receipted"], batches.len());
    for nothing in ["lost", "malformed", "not_collected"] {
        assert_eq!(sum(&status[nothing]), 0, "{status}");
    }
    assert_eq!((&status["quarantined"], &status["missing"]), (&0.into(), &0.into()));
    assert_eq!(site.ask(&["ledger"]).unwrap()["verified"], true);
}

/// Records of `site.pcap` by kind.
fn seen() -> BTreeMap<String, u64> {
    let mut seen = BTreeMap::new();
    let output = run(support::HEADGATE, &["--json", "replay", golden("site.pcap").to_str().unwrap()]);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        *seen.entry(record["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    seen
}

fn sum(rows: &Value) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum()
}
