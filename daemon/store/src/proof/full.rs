//! A full disk: the file system of the store is a small one in memory, filled up to every page that the store would write.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::site::{NOW_MS, Said, Site, record};
use super::{amount, message};
use crate::error::is_disk_full;
use crate::store::Store;

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

fn part(first: u64, count: u64) -> Vec<u8> {
    message(first, (first..first + count).map(record).collect())
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
/// More pages of the file system than a hand-over of these tests needs.
const PAGES_OF_A_HAND_OVER: u64 = 48;
