//! From a capture to the receiver, through all processes.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Site, golden};

#[test]
fn what_leaves_is_what_the_rules_release_and_the_ledger_says_so() {
    let site = Site::new();
    let _running = site.carry_a_capture();

    let received = site.received();
    let of =
        |kind: &str| received.iter().map(|r| &r["record"]).filter(|r| r["kind"] == kind).collect::<Vec<_>>();
    assert!(of("neighbor").iter().any(|n| n["system_name"] == "core-sw1" && n["infrastructure"] == true));
    // A station's name is a person's; its place is not.
    let station: Vec<_> = of("neighbor").into_iter().filter(|n| n["infrastructure"] == false).collect();
    assert!(!station.is_empty() && station.iter().all(|n| n["system_name"].is_null()));
    assert_eq!(of("lease").len(), 3, "four clients, one of them with a randomised address");
    assert!(of("lease").iter().all(|l| l["address"] == "10.99.0.0/24" || l["address"] == "10.20.0.0/24"));
    assert!(
        of("flow")
            .iter()
            .any(|f| f["service"] == "http" && f["packets"] == 33 && f["reverse_packets"] == 145)
    );
    assert!(of("flow").iter().all(|f| f["destination_address"].is_null() && f["source_address"].is_null()));

    let kept = site.ask(&["leases"]).unwrap();
    assert!(kept.as_array().unwrap().iter().any(|l| l["hostname"] == "laptop-anna"));
    let status = site.ask(&["status"]).unwrap();
    assert!(status["withheld"].as_array().unwrap().iter().any(|w| w["reason"] == "randomised-mac"));
    let ledger = site.ask(&["ledger"]).unwrap();
    assert_eq!(ledger["verified"], true);
    let events: Vec<_> =
        ledger["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert!(events.contains(&"released") && events.contains(&"receipted"), "{events:?}");
}

#[test]
fn each_frame_is_in_exactly_one_counter_all_the_way_to_the_receiver() {
    let site = Site::new();
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    std::fs::write(site.path("rules.toml"), "[exclude]\nvlans = [20]\nprotocols = [\"icmp\"]\n").unwrap();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    site.wait_until_receipted();
    let received = site.received();
    let counters = received.iter().map(|r| &r["record"]).find(|r| r["kind"] == "counters").unwrap();
    let number = |name: &str| counters[name].as_u64().unwrap();
    let outcomes =
        ["used", "partly_used", "unread", "malformed", "excluded_interface", "excluded_vlan", "excluded_mac"];
    let outcomes =
        outcomes.iter().chain(&["excluded_prefix", "excluded_protocol"]).map(|n| number(n)).sum::<u64>();
    assert_eq!((number("frames"), outcomes), (271, 271));
    assert_eq!(number("excluded_vlan"), 22);
    assert!(number("excluded_protocol") > 0);
    assert!(received.iter().all(|r| r["record"]["vlan"] != 20));
}

#[test]
fn of_a_group_of_stations_is_kept_and_leaves_what_the_group_lets() {
    let site = Site::new();
    let rules = r#"
[[stations]]
name = "cameras"
vlans = [20]
kinds = ["device", "lease"]
profile = "aggregates"

[[stations]]
name = "printers"
macs = ["3c:2a:f4"]
profile = "identified"

[[stations]]
name = "others"
profile = "pseudonymous"

[release]
profile = "identified"
"#;
    std::fs::write(site.path("rules.toml"), rules).unwrap();
    let _running = site.carry_a_capture();

    let received = site.received();
    let records: Vec<_> = received.iter().map(|r| &r["record"]).collect();
    assert!(records.iter().all(|r| r["vlan"] != 20), "nothing leaves of cameras");
    let leases = records.iter().copied().filter(|r| r["kind"] == "lease");
    let (printers, others): (Vec<&serde_json::Value>, Vec<&serde_json::Value>) =
        leases.partition(|l| l["mac"] == "3c:2a:f4:00:00:02");
    assert!(
        !printers.is_empty()
            && printers.iter().all(|l| l["hostname"] == "printer-3f" && l["address"] == "10.99.0.96")
    );
    assert!(
        !others.is_empty()
            && others.iter().all(|l| l["hostname"].is_null() && l["address"] == "10.99.0.0/24")
    );

    let of_cameras = |kind: &str| {
        let kept = site.ask(&[kind]).unwrap();
        kept.as_array().unwrap().iter().filter(|r| r["vlan"] == 20).count()
    };
    assert_eq!(["leases", "flows", "exchanges"].map(of_cameras), [1, 0, 0]);
    assert!(of_cameras("devices") > 0);
    let status = site.ask(&["status"]).unwrap();
    assert!(status["withheld"].as_array().unwrap().iter().any(|w| w["reason"] == "stations"), "{status}");

    let headgate = |arguments: &[&str]| String::from_utf8(site.headgate(arguments).stdout).unwrap();
    let shown = headgate(&["rules", "show"]);
    assert!(shown.contains(
        "name = \"cameras\"\nvlans = [\"20\"]\nkinds = [\"device\", \"lease\"]\nprofile = \"aggregates\"\n"
    ));
    let field = headgate(&["rules", "explain", "--field", "lease.hostname"]);
    assert!(
        field.contains("of cameras         no lease record of them leaves (stations \"cameras\", "),
        "{field}"
    );
    assert!(field.contains("of others          does not leave (stations \"others\", "), "{field}");
    assert!(!field.contains("of printers"), "{field}");
    let frames = headgate(&["rules", "explain", golden("site.pcap").to_str().unwrap()]);
    let refused =
        "It would add to a flow record of the stations \"cameras\", and none is kept (stations \"cameras\", ";
    assert!(frames.contains(refused), "{frames}");
    assert!(
        frames.contains("It adds to a lease record of the stations \"printers\", which is kept"),
        "{frames}"
    );
}

#[test]
fn what_a_collector_of_metrics_reads_is_what_status_says() {
    let site = Site::new();
    let running = site.carry_a_capture();
    let status = site.ask(&["status"]).unwrap();
    let file = site.path("headgate.prom");
    assert!(site.headgate(&["metrics", file.to_str().unwrap()]).status.success());
    let samples = samples(&file);
    assert_eq!(samples["gauge headgate_up"], 1);
    assert_eq!(samples["gauge headgate_records kind=flow"], status["records"]["flow"]);
    assert_eq!(samples["counter headgate_batches_made_total"], status["outbox"]["last_sequence"]);
    assert!(samples.as_object().unwrap().keys().any(|name| name.contains("withheld_records_total")));
    drop(running);
    assert_eq!(site.headgate(&["metrics", file.to_str().unwrap()]).status.code(), Some(69));
    assert_eq!(self::samples(&file), serde_json::json!({ "gauge headgate_up": 0 }));
}

/// As Prometheus' own parser reads them; it refuses what is no OpenMetrics.
fn samples(file: &std::path::Path) -> serde_json::Value {
    let python = std::process::Command::new("/usr/bin/python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/daemon/receiver/tests/openmetrics.py"))
        .stdin(std::fs::File::open(file).unwrap())
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    serde_json::from_slice(&python.stdout).unwrap()
}
