//! Records that find the queue full: those of a wire give way, the last ones wait.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headgate_record::local::{self, FromSensor, MAX_MESSAGE_BYTES, RECORDS_SOCKET, ToSensor};
use headgate_record::{Field, Kind, Record};
use headgate_sensor::{Handover, MAX_QUEUE};
use headgate_service::frame;

/// At its end a sensor has more records than the queue holds, and once dropped what found no room.
#[test]
fn the_last_records_wait_for_room_while_the_store_takes_some() {
    let sockets = tempfile::tempdir().unwrap();
    let handover = full(sockets.path());
    let waits = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let last = scope.spawn(|| {
            (0..1_000).for_each(|n| handover.push_waiting(flow(n), &|| false));
            waits.store(false, Ordering::Release);
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(waits.load(Ordering::Acquire), "there is no room and no store");
        let store = scope.spawn(|| take(sockets.path(), MAX_QUEUE + 1_000));
        last.join().unwrap();
        assert_eq!(store.join().unwrap(), MAX_QUEUE + 1_000);
    });
    assert_eq!(handover.take_dropped(), [0; 3]);
    assert_eq!(handover.finish(Duration::from_secs(10), &|| false), 0);
}

#[test]
fn the_last_records_wait_no_longer_than_they_may_and_are_counted() {
    let sockets = tempfile::tempdir().unwrap();
    let handover = full(sockets.path());
    let started = Instant::now();
    let late = || started.elapsed() >= Duration::from_millis(300);
    (0..10).for_each(|n| handover.push_waiting(flow(n), &late));
    assert!(late() && started.elapsed() < Duration::from_secs(10));
    assert_eq!(handover.take_dropped(), [10, 0, 0]);
    assert_eq!(handover.finish(Duration::ZERO, &|| true), MAX_QUEUE);
}

/// A queue without room, and without a store.
fn full(sockets: &Path) -> Handover {
    let handover = Handover::start(sockets).unwrap();
    handover.push((0..MAX_QUEUE).map(flow));
    assert_eq!(handover.take_dropped(), [0; 3]);
    handover
}

fn flow(n: usize) -> Record {
    let mut record = Record::new(Kind::Flow);
    record.set(Field::FlowPackets, n as u64).unwrap();
    record
}

/// A store that commits what it is given, until it has so many records.
fn take(sockets: &Path, wanted: usize) -> usize {
    let socket = sockets.join(RECORDS_SOCKET);
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let (mut stream, _) = UnixListener::bind(socket).unwrap().accept().unwrap();
    let mut through = 0;
    while through < wanted as u64 {
        let message = frame::read(&mut stream, MAX_MESSAGE_BYTES).unwrap().unwrap();
        if let local::Handover::Records { first, sets } = FromSensor::decode(&message).unwrap() {
            assert_eq!(first, through + 1);
            through += sets.iter().map(|set| set.records as u64).sum::<u64>();
        }
        frame::write(&mut stream, &ToSensor::Committed { through }.encode()).unwrap();
    }
    usize::try_from(through).unwrap()
}
