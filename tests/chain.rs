//! From a capture to the receiver, through all processes.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Site, golden};

#[test]
fn what_leaves_is_what_the_rules_release_and_the_ledger_says_so() {
    let site = Site::new();
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    site.wait_until_receipted();

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
