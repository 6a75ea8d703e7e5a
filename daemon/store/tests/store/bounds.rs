//! The cap holds, and what it costs is counted.

use headgate_record::Field;
use headgate_record::local::ControlRequest;

use crate::site::{Site, device, flow, numbers};

#[test]
fn a_full_store_gives_up_the_oldest_bulk_first_and_counts_it() {
    let site = Site::in_memory("");
    site.configure("max_mib = 16", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    sensor.hand_over((1..=100).map(device).collect()).unwrap();
    let mut sent = 0;
    while sent < 60_000 {
        sensor.hand_over((0..1_000).map(|n| flow(sent + n)).collect()).unwrap();
        sent += 1_000;
        assert!(on_disk(&site) <= 16 << 20, "{}", on_disk(&site));
    }
    let status = running.status();
    let kept = status["records"]["flow"].as_u64().unwrap();
    let lost = &status["lost"];
    assert_eq!(lost.as_array().unwrap().len(), 1, "{lost}");
    assert_eq!((&lost[0]["class"], &lost[0]["reason"]), (&"bulk".into(), &"buffer-full".into()));
    assert_eq!(kept + lost[0]["records"].as_u64().unwrap(), sent, "kept or counted");
    assert_eq!(status["records"]["device"], 100, "state outlives bulk");
    assert_eq!(status["missing"], 0);
    let newest = running.ask(&ControlRequest::Records { kind: "flow".into(), limit: 1 });
    assert_eq!(newest[0]["packets"], sent - 1, "the newest is kept");
    running.stop();

    // What was lost is in the first batch, and with a receipt the space is free for others.
    site.configure("max_mib = 16\nbatch_delay = 0", "receiver = \"receiver.example:443\"");
    let running = site.start();
    let batches = running.drain();
    assert_eq!(batches[0].lost[0].records, sent - kept);
    assert_eq!(numbers(&batches, Field::FlowPackets).len() as u64, kept);
    let mut sensor = running.sensor(1);
    for round in 0..15 {
        sensor.hand_over((0..1_000).map(|n| flow(round * 1_000 + n)).collect()).unwrap();
        running.drain();
        assert!(on_disk(&site) <= 16 << 20, "{}", on_disk(&site));
    }
    assert_eq!(running.status()["lost"][0]["records"].as_u64().unwrap(), sent - kept, "nothing more is lost");
}

#[test]
fn a_store_whose_cap_was_lowered_shrinks_to_it() {
    let site = Site::in_memory("");
    site.configure("max_mib = 64", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for round in 0..300 {
        sensor.hand_over((0..1_000).map(|n| flow(round * 1_000 + n)).collect()).unwrap();
        if on_disk(&site) > 24 << 20 {
            break;
        }
    }
    assert!(on_disk(&site) > 24 << 20);
    running.stop();
    site.configure("max_mib = 16", "");
    let running = site.start();
    running.until(|s| s["bytes_on_disk"].as_u64().unwrap() <= 16 << 20);
    let newest = running.ask(&ControlRequest::Records { kind: "flow".into(), limit: 1 });
    assert!(newest[0]["packets"].as_u64().unwrap() > 0);
}

fn on_disk(site: &Site) -> u64 {
    let files = ["store.db", "store.db-wal", "store.db-shm"];
    files.iter().filter_map(|f| site.path("store").join(f).metadata().ok()).map(|m| m.len()).sum()
}
