//! Acknowledged means on disk, and every record leaves once.

use std::collections::BTreeMap;
use std::time::Duration;

use headgate_record::local::{self, ToUplink};
use headgate_record::{Field, batch::Batch};

use crate::site::{Sensor, Site, device, numbers};

#[test]
fn a_hand_over_is_acknowledged_released_and_receipted() {
    let site = Site::new("batch_records = 4\nbatch_delay = 0");
    let running = site.start();
    let mut sensor = running.sensor(1);
    assert_eq!(sensor.committed, 0);
    assert_eq!(sensor.hand_over((1..=10).map(device).collect()), Some(10));
    let batches = running.drain();
    assert_eq!(numbers(&batches, Field::DeviceFrames), (1..=10).collect::<Vec<_>>());
    assert_eq!(batches.iter().map(|b| b.id.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let status = running.status();
    assert_eq!(status["records"]["device"], 10);
    assert_eq!(status["outbox"]["last_receipted"], 3);
    assert_eq!(status["sensor"]["committed"], 10);
    let ledger = running.ask(&local::ControlRequest::Ledger { limit: 100 });
    assert_eq!(ledger["verified"], true);
    let events: Vec<_> = ledger["entries"].as_array().unwrap().iter().map(|e| e["event"].clone()).collect();
    assert_eq!(events.iter().filter(|e| *e == "released").count(), 3);
    assert_eq!(events.iter().filter(|e| *e == "receipted").count(), 3);
    running.stop();
}

#[test]
fn records_that_are_said_again_are_kept_once_and_a_gap_is_refused() {
    let site = Site::new("batch_delay = 0");
    let running = site.start();
    let mut sensor = running.sensor(1);
    sensor.hand_over((1..=5).map(device).collect()).unwrap();
    assert_eq!(sensor.hand_over_from(1, (1..=5).map(device).collect()), Some(5));
    assert_eq!(sensor.hand_over((6..=7).map(device).collect()), Some(7));
    assert_eq!(sensor.hand_over_from(9, vec![device(9)]), None, "a gap ends the connection");
    let mut partly = running.sensor(1);
    let none = partly.hand_over_from(6, (6..=8).map(device).collect());
    assert_eq!(none, None, "what is committed in part is not told from the rest");
    let mut again = running.sensor(1);
    assert_eq!(again.committed, 7);
    again.hand_over(vec![device(8)]).unwrap();
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_waiting_uplink_is_given_a_batch_as_soon_as_there_is_one() {
    let site = Site::new("batch_delay = 0");
    let running = site.start();
    let mut uplink = running.uplink();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| uplink.next(30_000).unwrap());
        running.sensor(1).hand_over(vec![device(1)]).unwrap();
        let batch = Batch::decode(&waits.join().unwrap().unwrap()).unwrap();
        assert_eq!(batch.id.appliance, "site-1");
        assert_eq!(batch.records.len(), 1);
    });
}

#[test]
fn without_a_receiver_nothing_is_released() {
    let site = Site::new("");
    site.configure("batch_delay = 0", "");
    let running = site.start();
    running.sensor(1).hand_over(vec![device(1)]).unwrap();
    let status = running.until(|s| s["waiting"] == 1);
    assert_eq!(status["outbox"]["batches"], 0);
    assert_eq!(running.uplink().next(300), Ok(None));
    let preview = running.ask(&local::ControlRequest::Preview { limit: 10 });
    assert_eq!(preview["records_in_batch"], 1);
    assert_eq!(preview["records"][0]["frames"], 1);
    assert_eq!(preview["waiting"], 1, "a preview takes nothing");
}

#[test]
fn every_acknowledged_record_leaves_once_however_often_the_store_is_killed() {
    // 20 times, or as `tests/store/run --long` says.
    let kills = std::env::var("HEADGATE_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let site = Site::new("batch_records = 50\nbatch_delay = 0");
    // In two lives of three hand-overs wait in the tail.
    let delayed = |seconds: u32| {
        let store = format!("batch_records = 50\nbatch_delay = {seconds}");
        site.configure(&store, "receiver = \"receiver.example:443\"");
    };
    let mut acknowledged = 0;
    let mut left: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for round in 0..kills {
        delayed(round % 3);
        let running = site.start();
        let mut random = [0; 1];
        getrandom::fill(&mut random).unwrap();
        let life = Duration::from_millis(20 + u64::from(random[0]));
        let (records, outbox) = (running.connect(local::RECORDS_SOCKET), running.uplink());
        std::thread::scope(|scope| {
            let sensor = scope.spawn(move || hand_over_until_gone(records));
            let uplink = scope.spawn(|| (round % 2 == 0).then(|| drain_until_gone(&site, outbox)));
            std::thread::sleep(life);
            running.kill();
            acknowledged = acknowledged.max(sensor.join().unwrap());
            for (sequence, batch) in uplink.join().unwrap().into_iter().flatten() {
                let first = left.entry(sequence).or_insert_with(|| batch.clone());
                assert_eq!(*first, batch, "batch {sequence} has changed");
            }
        });
    }
    delayed(0);
    let running = site.start();
    let committed = running.sensor(1).committed;
    assert!(committed >= acknowledged && acknowledged > 0, "{committed} {acknowledged}");
    let last = running.drain();
    for batch in last {
        left.entry(batch.id.sequence).or_insert_with(|| batch.encode().unwrap());
    }
    let sequences: Vec<_> = left.keys().copied().collect();
    assert_eq!(sequences, (1..=left.len() as u64).collect::<Vec<_>>(), "a gap between batches");
    let batches: Vec<_> = left.values().map(|b| Batch::decode(b).unwrap()).collect();
    assert_eq!(numbers(&batches, Field::DeviceFrames), (1..=committed).collect::<Vec<_>>());
    assert_eq!(running.ask(&local::ControlRequest::Ledger { limit: 1 })["verified"], true);
}

fn hand_over_until_gone(stream: std::os::unix::net::UnixStream) -> u64 {
    let Some(mut sensor) = Sensor::greet(stream, 1) else { return 0 };
    let mut acknowledged = sensor.committed;
    loop {
        let first = sensor.committed + 1;
        let records = (first..first + 1 + first % 37).map(device).collect();
        match sensor.hand_over(records) {
            Some(through) => acknowledged = through,
            None => return acknowledged,
        }
    }
}

fn drain_until_gone(site: &Site, mut uplink: crate::site::Uplink) -> Vec<(u64, Vec<u8>)> {
    let mut seen = Vec::new();
    while let Ok(batch) = uplink.next(1_000) {
        let Some(batch) = batch else { continue };
        let receipt = site.receipt(&batch);
        seen.push((receipt.statement.id.sequence, batch));
        match uplink.receipt(&receipt.encode()) {
            Ok(answer) => assert_eq!(answer, ToUplink::Accepted),
            Err(()) => break,
        }
    }
    seen
}
