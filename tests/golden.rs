//! Captures of real daemons give the stored answers: tests/golden/NAME.jsonl for NAME.pcap.
//!
//! `HEADGATE_GOLDEN=write cargo test --test golden` stores the present answers; review them line by
//! line before they are committed.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;

use headgate_rules::Rules;
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

/// As the README of the captures says: a switch and a RADIUS server, two stations, one with the wrong password.
#[test]
fn the_answers_name_who_was_let_in_and_nobodys_name() {
    let authentications = |rules: &str| -> Vec<Value> {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("headgate.toml");
        std::fs::write(&config, "").unwrap();
        std::fs::write(directory.path().join("rules.toml"), rules).unwrap();
        let capture = golden("access-hostapd.pcap");
        let arguments = ["replay", "--json", "--config", config.to_str().unwrap(), capture.to_str().unwrap()];
        let text = String::from_utf8(run(HEADGATE, &arguments).stdout).unwrap();
        for secret in ["anna", "phone-4", "shared-secret"] {
            assert!(!text.contains(secret), "{secret} under {rules:?}");
        }
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|r| r["kind"] == "authentication").collect()
    };
    let said = |records: &[Value], fields: &[&str]| -> Vec<String> {
        let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut said: Vec<String> = records
            .iter()
            .filter(|r| r["protocol"] != "radius-acct")
            .map(|r| fields.iter().map(|field| cell(&r[*field])).collect::<Vec<_>>().join(" "))
            .collect();
        said.sort();
        said
    };
    let records = authentications("");
    assert_eq!(
        said(&records, &["protocol", "mac", "eap_method", "result", "messages"]),
        [
            "eapol 00:1b:21:00:00:03 peap accepted 18",
            "eapol 00:1b:21:00:00:04 md5-challenge rejected 6",
            "radius null null accepted 2",
            "radius null null rejected 2",
        ]
    );
    let rules = "[collect.authentication]\nassigned_vlan = \"keep\"\nfilter_ids = \"keep\"\nnas_port = \"keep\"\n\
                 nas_identifier = \"keep\"\nacct_status_type = \"keep\"\nterminate_cause = \"keep\"\n";
    let records = authentications(rules);
    let fields = ["mac", "eap_method", "result", "messages", "nas_identifier", "nas_port", "assigned_vlan"];
    assert_eq!(
        said(&records, &fields),
        [
            "00:1b:21:00:00:03 peap accepted 16 core-sw1 1 120",
            "00:1b:21:00:00:03 peap accepted 18 null null null",
            "00:1b:21:00:00:04 md5-challenge rejected 4 core-sw1 2 null",
            "00:1b:21:00:00:04 md5-challenge rejected 6 null null null",
        ]
    );
    let stop = records.iter().find(|r| r["acct_status_type"] == "stop").unwrap();
    assert_eq!((&stop["mac"], &stop["result"]), (&"00:1b:21:00:00:03".into(), &"acknowledged".into()));
}

/// What of a real authentication the kernel hands over, under each step of the rules.
#[test]
fn a_name_enters_user_space_only_under_a_rule_that_needs_what_it_stands_in() {
    let frames = support::pcap::read(&golden("access-hostapd.pcap"));
    let handed_over = |field: &str, treatment: &str| -> [bool; 2] {
        let text = format!("[collect.authentication]\n{field} = {treatment:?}\n");
        let rules = Rules::parse(&[("rules.toml".into(), text)]).unwrap();
        let kept =
            frames.iter().map(|f| (&f.bytes[..rules.filter().run(&f.bytes, None)], f.bytes[12] == 0x88));
        let named = kept.filter(|(kept, _)| {
            ["anna@example.org", "phone-4"].iter().any(|n| kept.windows(n.len()).any(|w| w == n.as_bytes()))
        });
        let (eapol, radius): (Vec<_>, Vec<_>) = named.partition(|(_, is_eapol)| *is_eapol);
        [!eapol.is_empty(), !radius.is_empty()]
    };
    let asks_for_a_name = ["identity", "user_name"];
    for field in headgate_record::Field::of(headgate_record::Kind::Authentication) {
        let (name, source) = (field.short_name(), field.definition().source);
        let may_be_kept = headgate_record::Treatment::Keep.fits(field);
        assert_eq!(may_be_kept, !asks_for_a_name.contains(&name) && name != "class", "{name}");
        let treatment = if may_be_kept { "keep" } else { "pseudonym" };
        let expected = [name == "identity", source.starts_with("RADIUS attribute")];
        assert_eq!(handed_over(name, treatment), expected, "{name}");
        assert_eq!(handed_over(name, "drop"), [false, false], "{name}");
    }
}

/// The root moves from one bridge to the other, and a port of the first comes up later.
#[test]
fn the_answers_name_the_root_and_every_topology_change() {
    let records = replay(&golden("bridge-linux.pcap"));
    let bridges: Vec<_> = records.iter().filter(|r| r["kind"] == "bridge").collect();
    let last = |source: &str, has_port: bool| {
        bridges.iter().rfind(|r| r["source_mac"] == source && r["port"].is_null() != has_port).unwrap()
    };
    let (first, second) = (last("00:1c:73:00:00:31", true), last("00:1c:73:00:00:32", true));
    assert_eq!((&first["root"], &first["state"]), (&"00:1c:73:00:00:21".into(), &"aged".into()));
    assert_eq!(
        (&second["root"], &second["root_priority"], &second["topology_changes"], &second["state"]),
        (&"00:1c:73:00:00:22".into(), &4_096.into(), &2.into(), &"present".into())
    );
    let notifies = last("00:1c:73:00:00:31", false);
    assert_eq!((&notifies["topology_changes"], &notifies["root"]), (&2.into(), &Value::Null));
}
