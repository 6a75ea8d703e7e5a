//! A full disk: the file system of the store is a small one in memory, filled up to every page that the store would write.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use headgate_record::batch::Batch;
use headgate_record::subject::{Action, Who};

use super::site::{NOW_MS, Said, Site, mac, receipt, record};
use super::{amount, message};
use crate::error::is_disk_full;
use crate::prepare::Prepared;
use crate::store::Store;
use crate::{ledger, segment, subject};

/// The test runs again, with the place of its disk in this, in a mount namespace of its own.
const INSIDE: &str = "HEADGATE_TEST_MOUNT";

#[test]
fn a_disk_that_is_full_at_any_write_costs_nothing_that_was_acknowledged() {
    inside("proof::full::a_disk_that_is_full_at_any_write_costs_nothing_that_was_acknowledged", |disk| {
        let step = amount("HEADGATE_TEST_FULL_STEP", 3);
        let mut failed = 0;
        for free in (0..PAGES_OF_A_HAND_OVER).step_by(step) {
            let (site, mut store, session) = filled(disk, FEW);
            // Cuts the WAL, so that it has to grow.
            store.maintain(NOW_MS).unwrap();
            let fill = Fill::all_but(disk, free * 4_096);
            let taken = store.hand_over(session, &[part(FEW + 1, 200)], NOW_MS);
            let committed = match taken {
                Ok(through) => through,
                Err(error) => {
                    assert!(is_disk_full(&error), "{error:?}");
                    failed += 1;
                    FEW
                }
            };
            fill.remove();
            let said = Said { kept: committed, given: FEW + 200, ..Said::default() };
            said.holds(&mut store, committed).unwrap_or_else(|what| panic!("with {free} pages free: {what}"));
            drop((store, site));
        }
        assert!(failed > 2, "{failed}");
    });
}

#[test]
fn with_no_octet_free_the_oldest_gives_way_and_the_newest_is_kept() {
    inside("proof::full::with_no_octet_free_the_oldest_gives_way_and_the_newest_is_kept", |disk| {
        let (site, mut store, session) = filled(disk, HANDED);
        store.maintain(NOW_MS).unwrap();
        assert!(store.has_room());
        let fill = Fill::all_but(disk, 0);
        let mut next = HANDED + 1;
        let mut made_way = 0;
        while next < HANDED + 20_000 {
            match store.hand_over(session, &[part(next, 500)], NOW_MS) {
                Ok(through) => next = through + 1,
                Err(error) => {
                    assert!(is_disk_full(&error), "{error:?}");
                    store.make_way(NOW_MS).unwrap();
                    made_way += 1;
                    assert!(made_way < 400, "no room is ever made");
                }
            }
            store.maintain(NOW_MS).unwrap();
        }
        assert!(made_way > 0 && !store.has_room());
        // As it is, it also closes, opens and closes.
        store.close().unwrap();
        let mut store = Store::open(settings(&site, disk), NOW_MS).unwrap();
        let (session, committed) = store.greet([1; 16], NOW_MS).unwrap();
        assert_eq!(committed, next - 1);
        fill.remove();
        store.maintain(NOW_MS).unwrap();
        assert!(store.has_room(), "the ballast is there again");
        store.hand_over(session, &[part(next, 10)], NOW_MS).unwrap();
        let said = Said { kept: next + 9, given: next + 9, ..Said::default() };
        said.holds(&mut store, next + 9).unwrap();
    });
}

#[test]
fn a_person_is_erased_with_no_octet_free() {
    inside("proof::full::a_person_is_erased_with_no_octet_free", |disk| {
        let (site, mut store, _) = filled(disk, MANY);
        store.maintain(NOW_MS).unwrap();
        while store.release_if_due(NOW_MS).unwrap() {}
        store.maintain(NOW_MS).unwrap();
        // The first with the ballast there; the second when it is given up, and somebody else has taken what was left of it.
        for (number, held) in [(MANY, true), (MANY - 1, false)] {
            assert_eq!(store.has_room(), held);
            let fill = Fill::all_but(disk, 0);
            let remains = remains(&store, number);
            assert!(!remains.is_empty() && remains.iter().all(|part| is_in_files(disk, part)));
            let found = |store: &mut Store| store.subject(&who(number), &Action::Find, NOW_MS).unwrap();
            assert_eq!(found(&mut store)["subjects"][0]["macs"][0], mac(number).to_string());

            let done = store.subject(&who(number), &Action::Erase, NOW_MS).unwrap();
            assert_eq!((&done["rows"], &done["wal_cut"]), (&remains.len().into(), &true.into()), "{done}");
            assert!(done["batches"].as_u64().unwrap() > 0 && done["tombstone"] == 1, "{done}");
            assert_eq!(found(&mut store)["subjects"], serde_json::Value::Array(Vec::new()));
            assert!(
                !remains.iter().any(|part| is_in_files(disk, part)),
                "a key or a row of an erased person is left"
            );
            assert!(names_nobody(&store, number));
            let written = ledger::latest(store.connection(), 1).unwrap();
            assert_eq!(
                (&written[0]["event"], &written[0]["detail"]["tombstone"]),
                (&"erased".into(), &1.into())
            );
            let waits = "SELECT COUNT(*) FROM tombstone WHERE batch IS NULL";
            let waits: i64 = store.connection().query_row(waits, [], |r| r.get(0)).unwrap();
            assert_eq!(waits, if held { 1 } else { 2 });
            // Without room from then on.
            if held {
                let taken = store.make_way(NOW_MS);
                assert!(taken.is_ok(), "{taken:?}");
            }
            std::mem::forget(fill);
        }
        // It starts again like this, and the receiver is told as soon as there is room.
        drop(store);
        fs::remove_file(disk.join("fill")).unwrap();
        let mut store = Store::open(settings(&site, disk), NOW_MS).unwrap();
        let mut told = 0;
        for _ in 0..2 {
            while let Some(batch) = store.next_batch(NOW_MS).unwrap() {
                told += Batch::decode(&batch).unwrap().forget.len();
                store.accept(&receipt(&batch), NOW_MS).unwrap().unwrap();
            }
            while store.release_if_due(NOW_MS).unwrap() {}
        }
        assert_eq!(told, 2);
        assert!(names_nobody(&store, MANY) && names_nobody(&store, MANY - 1));
    });
}

#[test]
fn a_store_opens_with_no_octet_free() {
    inside("proof::full::a_store_opens_with_no_octet_free", |disk| {
        let (site, store, _) = filled(disk, HANDED);
        store.close().unwrap();
        let fill = Fill::all_but(disk, 0);
        let mut store = Store::open(settings(&site, disk), NOW_MS).unwrap();
        let (_, committed) = store.greet([1; 16], NOW_MS).unwrap();
        assert_eq!(committed, HANDED);
        fill.remove();
        Said { kept: HANDED, given: HANDED, ..Said::default() }.holds(&mut store, committed).unwrap();
    });
}

#[test]
fn a_disk_that_may_only_be_read_is_named_and_left_as_it_is() {
    inside("proof::full::a_disk_that_may_only_be_read_is_named_and_left_as_it_is", |disk| {
        let (site, store, _) = filled(disk, FEW);
        store.close().unwrap();
        let before = fs::read(disk.join("store/store.db")).unwrap();
        let remount = |how: &str| {
            let mounted = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(disk).status();
            assert!(mounted.unwrap().success());
        };
        remount("ro");
        let Err(refused) = Store::open(settings(&site, disk), NOW_MS) else { panic!("it cannot be written") };
        let words = headgate_service::exit::chain(&refused);
        assert!(words.contains("store.lock") && words.contains("Read-only file system"), "{words}");
        assert_eq!(fs::read(disk.join("store/store.db")).unwrap(), before);
        remount("rw");
        let mut store = Store::open(settings(&site, disk), NOW_MS).unwrap();
        assert_eq!(store.greet([1; 16], NOW_MS).unwrap().1, FEW);
    });
}

/// A store that has taken so many records, on this disk.
fn filled(disk: &Path, records: u64) -> (Site, Store, u64) {
    let site = Site::new();
    let _ = fs::remove_dir_all(disk.join("store"));
    fs::create_dir(disk.join("store")).unwrap();
    let mut store = Store::open(settings(&site, disk), NOW_MS).unwrap();
    let (session, _) = store.greet([1; 16], NOW_MS).unwrap();
    for first in (1..=records).step_by(500) {
        store.hand_over(session, &[part(first, 500)], NOW_MS).unwrap();
    }
    (site, store, session)
}

fn settings(site: &Site, disk: &Path) -> crate::config::Settings {
    let mut settings = Site::settings(&site.config(), &disk.join("store"), 4_096);
    settings.cap = 512 << 20;
    settings
}

fn part(first: u64, count: u64) -> Prepared {
    message(first, (first..first + count).map(record).collect())
}

fn who(number: u64) -> Who {
    Who::Mac(mac(number).to_string())
}

/// What of the identity rows of a person stands on disk: the wrapped key and the row of each, as far as one page has them.
fn remains(store: &Store, number: u64) -> Vec<Vec<u8>> {
    let found = subject::find(store.connection(), store.keys(), &who(number)).unwrap();
    let ids: Vec<String> = found.iter().flat_map(subject::Subject::ids).map(|id| id.to_string()).collect();
    let rows = format!("SELECT substr(wrapped, 14, 32) FROM identity WHERE id IN ({})", ids.join(","));
    let mut rows = store.connection().prepare(&rows).unwrap();
    rows.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

fn is_in_files(disk: &Path, part: &[u8]) -> bool {
    let files = fs::read_dir(disk.join("store")).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|octets| octets.windows(part.len()).any(|window| window == part))
}

/// Whether no record that is kept names the person.
fn names_nobody(store: &Store, number: u64) -> bool {
    let segments = segment::after(store.connection(), 0, u32::MAX).unwrap();
    let kept = segments.iter().flat_map(|s| segment::read(store.connection(), store.keys(), s).unwrap());
    kept.into_iter().all(|record| record.fields().all(|(_, value)| *value != mac(number).into()))
}

/// Somebody else's file, which takes what is free.
struct Fill(PathBuf);

impl Fill {
    fn all_but(disk: &Path, octets: u64) -> Fill {
        let path = disk.join("fill");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(octets)).unwrap();
        Fill(path)
    }

    fn remove(self) {
        fs::remove_file(self.0).unwrap();
    }
}

/// Runs `body` with a small file system of its own; says so where none can be mounted.
fn inside(test: &str, body: impl FnOnce(&Path)) {
    if let Some(disk) = std::env::var_os(INSIDE).map(PathBuf::from) {
        let size = format!("size={DISK},mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk).status();
        assert!(mounted.unwrap().success());
        return body(&disk);
    }
    let disk = tempfile::tempdir().unwrap();
    let root = rustix::process::geteuid().is_root();
    let namespaces: &[&str] = if root { &["-m"] } else { &["-m", "-U", "-r"] };
    if !Command::new("unshare").args(namespaces).arg("true").status().is_ok_and(|s| s.success()) {
        println!("skipped: mount namespaces are not permitted here");
        return;
    }
    let mut again = Command::new("unshare");
    again.args(namespaces).arg(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(INSIDE, disk.path());
    assert!(again.status().unwrap().success(), "see above");
}

/// The file system, octets.
const DISK: u64 = 48 << 20;
/// Records that are acknowledged before it is full.
const HANDED: u64 = 10_000;
const FEW: u64 = 500;
/// So many that some are left when way was made twice.
const MANY: u64 = 25_000;
/// More pages of the file system than a hand-over of these tests needs.
const PAGES_OF_A_HAND_OVER: u64 = 48;
