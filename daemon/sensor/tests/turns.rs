//! Two threads read a file in turns; whatever becomes of one of them, the other ends too.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::io::Write;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use headgate_capture::Ended;
use headgate_record::Record;
use headgate_rules::Rules;
use headgate_sensor::{Engine, replay};
use headgate_service::config::Headgate;

/// A capture of several pieces: ARP requests of so many hosts, a record each.
fn capture(directory: &Path, hosts: u32) -> PathBuf {
    let mut octets = [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0, 1, 0, 0, 0]].concat();
    for host in 0..hosts {
        let [_, b, c, d] = host.to_be_bytes();
        let mac = [0, 0x1b, 0x21, b, c, d];
        let arp = [
            &[0xff; 6][..],
            &mac,
            &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
            &mac,
            &[10, b, c, d],
            &[0; 6],
            &[10, 255, 0, 1],
            &[0; 18],
        ]
        .concat();
        octets.extend(1_750_000_000u32.saturating_add(host / 1_000).to_le_bytes());
        octets.extend(0u32.to_le_bytes());
        octets.extend([60u32.to_le_bytes(), 60u32.to_le_bytes()].concat());
        octets.extend(arp);
    }
    let path = directory.join("hosts.pcap");
    std::fs::write(&path, octets).unwrap();
    path
}

fn engine() -> Engine {
    Engine::new(Rules::parse(&[("rules.toml".into(), String::new())]).unwrap(), &Headgate::default())
}

/// One thread reads a pipe, and in order.
#[test]
fn a_file_comes_to_the_same_as_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let file = capture(directory.path(), HOSTS);
    let pipe = directory.path().join("pipe.pcap");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = thread::spawn({
        let (file, pipe) = (file.clone(), pipe.clone());
        move || std::fs::copy(file, pipe)
    });
    let piped = records(&pipe);
    writer.join().unwrap().unwrap();
    let read = records(&file);
    assert_eq!(read.len(), piped.len());
    assert!(read.len() > 40_000, "{} records", read.len());
    assert!(read == piped, "records differ, or come in another order");
}

/// A pipe was once read to its end while nobody used what came of it.
#[test]
fn a_pipe_whose_user_is_slow_is_not_read_into_memory() {
    let directory = tempfile::tempdir().unwrap();
    let octets = std::fs::read(capture(directory.path(), HOSTS)).unwrap();
    let pipe = directory.path().join("pipe.pcap");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let written = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut pipe = OpenOptions::new().write(true).open(&pipe).unwrap();
            for part in octets.chunks(4_096) {
                pipe.write_all(part).unwrap();
                written.fetch_add(part.len(), Ordering::Relaxed);
            }
        });
        let mut is_first = true;
        let summary = replay(&mut engine(), &pipe, &mut |_| {
            if std::mem::take(&mut is_first) {
                thread::sleep(Duration::from_millis(300));
                let ahead = written.load(Ordering::Relaxed);
                assert!(ahead < octets.len() / 2, "{ahead} octets of {}", octets.len());
            }
            ControlFlow::Continue(())
        });
        assert_eq!(summary.unwrap().frames, u64::from(HOSTS));
    });
}

fn records(file: &Path) -> Vec<Record> {
    let (mut engine, mut records) = (engine(), Vec::new());
    let summary = replay(&mut engine, file, &mut |more| {
        records.extend(more);
        ControlFlow::Continue(())
    });
    assert_eq!(summary.unwrap().frames, u64::from(HOSTS));
    records
}

#[test]
fn whoever_takes_no_more_ends_the_reading() {
    let directory = tempfile::tempdir().unwrap();
    let file = capture(directory.path(), HOSTS);
    let mut taken = 0;
    let summary = replay(&mut engine(), &file, &mut |records| {
        taken += records.len();
        ControlFlow::Break(())
    });
    let summary = summary.unwrap();
    assert!(taken > 0 && summary.ended == Ended::Stopped && summary.frames < u64::from(HOSTS), "{summary:?}");
}

#[test]
fn a_panic_of_whoever_takes_ends_the_reading() {
    let directory = tempfile::tempdir().unwrap();
    let file = capture(directory.path(), HOSTS);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = replay(&mut engine(), &file, &mut |_| panic!("as the test wants"));
    }));
    assert!(panicked.is_err());
}

/// Some thirty pieces of 128 KiB.
const HOSTS: u32 = 50_000;
