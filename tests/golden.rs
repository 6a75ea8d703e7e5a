//! Captures of real daemons give the stored answers: tests/golden/NAME.jsonl for NAME.pcap.
//!
//! `HEADGATE_GOLDEN=write cargo test --test golden` stores the present answers; review them line by
//! line before they are committed.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::{HEADGATE, golden, run};

fn captures() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(golden("")).unwrap().map(|e| e.unwrap().path());
    let mut captures: Vec<_> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "pcap" || e == "pcapng")).collect();
    captures.sort();
    captures
}

fn replay(capture: &std::path::Path) -> Vec<Value> {
    let output = run(HEADGATE, &["replay", "--json", capture.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_capture_gives_its_stored_answer() {
    let captures = captures();
    assert!(captures.len() >= 5);
    for capture in captures {
        let answer =
            capture.with_extension(format!("{}.jsonl", capture.extension().unwrap().to_str().unwrap()));
        let records = replay(&capture);
        let text: String = records.iter().map(|r| format!("{r}\n")).collect();
        if std::env::var_os("HEADGATE_GOLDEN").is_some_and(|v| v == "write") {
            std::fs::write(&answer, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&answer).unwrap_or_default();
        for (number, (got, expected)) in text.lines().zip(stored.lines()).enumerate() {
            assert_eq!(got, expected, "{} line {}", answer.display(), number + 1);
        }
        assert_eq!(text.lines().count(), stored.lines().count(), "{}", answer.display());
    }
}

#[test]
fn pcap_and_pcapng_of_one_wire_give_the_same_records() {
    let strip = |records: Vec<Value>| -> Vec<Value> {
        let times = |name: &str| {
            [
                "seen", "started", "ended", "granted", "expires", "from", "to", "_rtt", "total", "offer",
                "answer",
            ]
            .iter()
            .any(|t| name.ends_with(t))
        };
        // Times differ by what a microsecond cannot hold.
        records
            .into_iter()
            .map(|mut r| {
                r.as_object_mut().unwrap().retain(|name, _| name != "interface" && !times(name));
                r
            })
            .collect()
    };
    let (one, other) = (strip(replay(&golden("site.pcap"))), strip(replay(&golden("site.pcapng"))));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
}

/// What the README of the captures says they hold, found in what Headgate says they hold.
#[test]
fn the_answers_name_what_the_daemons_did() {
    let site = replay(&golden("site.pcap"));
    let of = |records: &[Value], kind: &str| -> Vec<Value> {
        records.iter().filter(|r| r["kind"] == kind).cloned().collect()
    };
    let leases = of(&site, "lease");
    for (address, mac, name, vlan) in [
        ("10.99.0.96", "3c:2a:f4:00:00:02", "printer-3f", None),
        ("10.99.0.75", "00:1b:21:00:00:03", "laptop-anna", None),
        ("10.99.0.76", "7a:00:00:00:00:04", "phone", None),
        ("10.20.0.79", "00:40:8c:00:00:05", "camera-20", Some(20)),
    ] {
        let lease = leases.iter().find(|l| l["address"] == address).unwrap();
        assert_eq!((&lease["mac"], &lease["hostname"]), (&mac.into(), &name.into()));
        assert_eq!(lease["vlan"].as_u64(), vlan);
    }
    let http = of(&site, "flow").into_iter().find(|f| f["service"] == "http").unwrap();
    assert_eq!((&http["packets"], &http["reverse_packets"]), (&33.into(), &145.into()));

    let lldp = replay(&golden("lldp-lldpd.pcap"));
    let switch = of(&lldp, "neighbor").into_iter().find(|n| n["system_name"] == "core-sw1").unwrap();
    assert_eq!(switch["port_id"], "Ethernet1");
    assert_eq!(switch["infrastructure"], true);
    // Off by default: what identifies a device or a place.
    assert!(["serial", "asset_id", "location"].iter().all(|f| switch[f].is_null()));
    assert!(!switch["model"].is_null() && !switch["firmware_revision"].is_null());
    assert!(of(&lldp, "neighbor").iter().any(|n| n["state"] == "shutdown"));

    let dhcp = replay(&golden("dhcp-dnsmasq.pcap"));
    let outcomes: Vec<_> =
        of(&dhcp, "exchange").iter().map(|e| e["outcome"].as_str().unwrap().to_owned()).collect();
    for (outcome, times) in [("acknowledged", 4), ("refused", 3), ("released", 1), ("informed", 1)] {
        assert_eq!(outcomes.iter().filter(|o| *o == outcome).count(), times, "{outcome}");
    }
}
