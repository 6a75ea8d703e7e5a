//! How many octets leave for each device and working day, by release profile.
//!
//! An office of 500 devices (`tests/day/make`) is read, kept, released and put on a medium by the real programs; the batches there
//! are what would go over the wire. `HEADGATE_TEST_MINUTES` is how long the office works, 6 by default; 60 gave the
//! figures of docs/specification.md.
// A test fails by panicking, and says what it measured.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::{Site, run, wait_for};

const DEVICES: u64 = 500;
const DAY_MINUTES: u64 = 480;

/// Profile, records of a batch, and what may leave for a device in a day. Batches of 1,000 are what a site makes that is seldom
/// asked, or catches up; of 100 what this one makes in the five seconds that `[store] batch_delay` is by default.
const PROMISED: [(&str, u32, u64); 4] = [
    ("aggregates", 1_000, 1_000),
    ("pseudonymous", 1_000, 40_000),
    ("pseudonymous", 100, 80_000),
    ("identified", 1_000, 40_000),
];

#[test]
fn no_more_leaves_for_a_device_and_day_than_was_promised() {
    let minutes = std::env::var("HEADGATE_TEST_MINUTES").map_or(6, |minutes| minutes.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("office.pcap");
    let made = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/day/make"))
        .arg(&capture)
        .args([DEVICES.to_string(), minutes.to_string()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    println!("{minutes} minutes, {} frames", String::from_utf8_lossy(&made.stdout).trim());
    for (profile, batch_records, most) in PROMISED {
        let site = Site::new();
        site.configure(&format!(
            "[store]\nmax_mib = 4096\nbatch_records = {batch_records}\nbatch_delay = 2\n[uplink]\nbundles = true\n"
        ));
        fs::write(site.path("rules.toml"), format!("[release]\nprofile = {profile:?}\n")).unwrap();
        let _store = site.start_store();
        assert!(site.start_replay(&[&capture]).wait().success());
        wait_for("batches to be made", || {
            let ended = |status: &Value| status["waiting"] == 0 && status["sensor"]["connected"] == false;
            site.ask(&["status"]).is_some_and(|status| ended(&status))
        });
        let (octets, records) = carried(&site);
        let day = octets * DAY_MINUTES / minutes / DEVICES;
        println!(
            "{profile}, batches of {batch_records}: {records} records, {octets} octets: {day} for a device and day"
        );
        assert!(records > 0 && day <= most, "{profile}: {day} octets, {most} were promised");
    }
}

/// Puts all that leaves on a medium: its octets and how many records it holds.
fn carried(site: &Site) -> (u64, u64) {
    let medium = site.path("medium");
    let said = site.headgate(&["bundle", "export", medium.to_str().unwrap()]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let files = fs::read_dir(&medium).unwrap().map(|file| file.unwrap());
    let batches = files.filter(|file| file.path().extension().is_some_and(|end| end == "batch"));
    let octets = batches.map(|file| file.metadata().unwrap().len()).sum();
    run(
        support::RECEIVER,
        &["import", medium.to_str().unwrap(), "--config", site.receiver_config().to_str().unwrap()],
    );
    (octets, u64::try_from(site.received().len()).unwrap())
}
