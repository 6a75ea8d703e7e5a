//! Power cuts while a database is set aside: it is there under the one name or the other, each time with its WAL, and what was
//! acknowledged is in it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::disk::{Cut, Disk};
use super::site::{NOW_MS, Said, Site, lost_with_another, memory, record};
use super::trace::{self, Done, SAID};
use super::{Random, amount, message};
use crate::database::aside::aside;
use crate::database::{meta, set};
use crate::store::Store;
use crate::{Error, account};

/// The WAL once got its other name first: what was opened after a cut behind that was the database without it, and what it had
/// acknowledged last was missing.
#[test]
fn a_database_is_set_aside_as_a_whole_or_not_at_all_wherever_power_is_cut() {
    let Some((site, done)) = work_under_trace() else { return };
    let seed = Random::seed();
    let (mut random, mut disk, mut heard) = (Random(seed), Disk::default(), Heard::default());
    let wanted = amount("HEADGATE_TEST_STATES", 100);
    let (mut tried, mut new, mut wrong) = (0, 0, Vec::new());
    for (at, step) in done.iter().enumerate() {
        disk.does(step, true);
        if let Done::Said(line) = step {
            heard.hear(&serde_json::from_str(line).unwrap());
        }
        let evenly = (at + 1) * wanted / done.len() - at * wanted / done.len();
        let cuts = evenly + if matches!(step, Done::Renamed { .. } | Done::Unlinked { .. }) { 8 } else { 0 };
        for _ in 0..cuts {
            let cut = Cut::ALL[usize::try_from(random.below(5)).unwrap()];
            let directory = tempfile::tempdir_in(memory()).unwrap();
            disk.after_power_cut(cut, &mut random, directory.path());
            tried += 1;
            match heard.reopen(&site, directory.path()) {
                Ok(is_new) => new += usize::from(is_new),
                Err(what) => wrong.push(format!("after step {at} ({step:?}, {cut:?}, seed {seed}): {what}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} states: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert!(new > 10 && tried - new > 10, "{new} of {tried}");
    println!("{tried} states, {new} of them with the database aside, all good");
}

/// A WAL that is there without its database is not taken for the next one's.
#[test]
fn a_wal_without_its_database_follows_it() {
    for is_aside in [true, false] {
        let site = Site::new();
        let (directory, settings) =
            (site.path("store"), Site::settings(&site.config(), &site.path("store"), 50));
        let (kept, epoch) = fill(&site, &directory);
        let path = settings.database();
        if is_aside {
            fs::rename(&path, path.with_file_name("store.db.damaged-0000000000001")).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let store = Store::open(settings, NOW_MS).unwrap();
        assert_ne!(store.epoch(), epoch);
        store.close().unwrap();
        if is_aside {
            is_whole(&site, &directory, kept, epoch).unwrap();
        } else {
            assert!(directory.join(format!("store.db.damaged-{NOW_MS}-wal")).exists());
        }
    }
}

/// A process that a bad disk held while it read what lies aside, so that it was killed, would have been killed for ever.
#[test]
fn what_could_never_be_read_to_its_end_is_said_to_be_unknown() {
    let site = Site::new();
    let settings = Site::settings(&site.config(), &site.path("store"), 50);
    fill(&site, &site.path("store"));
    fs::rename(settings.database(), settings.database().with_extension("db.damaged-0000000000001")).unwrap();
    let store = Store::open(settings.clone(), NOW_MS).unwrap();
    assert_eq!(lost_with_another(&store).unwrap(), 99);
    let (before, tries) = (settings.database().with_extension("db.damaged-0000000000002"), 3);
    set(store.connection(), meta::COUNTING, tries).unwrap();
    store.close().unwrap();
    fs::copy(settings.database(), before).unwrap();
    let store = Store::open(settings, NOW_MS).unwrap();
    assert_eq!(lost_with_another(&store).unwrap(), 99);
    let told = crate::ledger::latest(store.connection(), 100).unwrap();
    let told: Vec<_> = told.iter().filter(|entry| entry["event"] == "set-aside").collect();
    let records: Vec<_> = told.iter().map(|entry| &entry["detail"]["records"]).collect();
    assert!(records.contains(&&json!(99)) && records.contains(&&Value::Null), "{records:?}");
}

/// What was said, by the database that was set aside and by the one behind it.
#[derive(Default)]
struct Heard {
    old: Said,
    epoch: u64,
    new: Said,
}

impl Heard {
    fn hear(&mut self, line: &Value) {
        let said = if line["new"] == true { &mut self.new } else { &mut self.old };
        if let Some(given) = line["given"].as_u64() {
            said.given = given;
        }
        if let Some(kept) = line["kept"].as_u64() {
            said.kept = kept;
        }
        self.epoch = line["epoch"].as_u64().unwrap_or(self.epoch);
    }

    /// Opens a store on what is there. Gives whether it is on the other database.
    fn reopen(&self, site: &Site, directory: &Path) -> Result<bool, String> {
        let failed = |error: Error| headgate_service::exit::chain(&error);
        let settings = Site::settings(&site.config(), directory, 4_096);
        let mut store = Store::open(settings.clone(), NOW_MS)
            .map_err(|error| format!("does not open: {}", headgate_service::exit::chain(&error)))?;
        let (_, committed) = store.greet(SESSION, NOW_MS).map_err(failed)?;
        let lies_aside = aside(&settings).map_err(|error| error.to_string())?;
        if lies_aside.is_empty() {
            self.old.clone().holds(&mut store, committed)?;
            return Ok(false);
        }
        let ledger = crate::ledger::latest(store.connection(), 100).map_err(failed)?;
        if !ledger.iter().any(|entry| entry["event"] == "set-aside") {
            return Err("the ledger does not say that a database lies aside".into());
        }
        self.new.clone().holds(&mut store, committed)?;
        let lost = lost_with_another(&store)?;
        let kept = is_whole(site, directory, self.old.kept, self.epoch)?;
        if lost == kept { Ok(true) } else { Err(format!("{lost} are counted, {kept} lie aside")) }
    }
}

/// Whether the database that lies aside has all that was acknowledged. Gives how many records of it have no receipt and were not withheld.
fn is_whole(site: &Site, directory: &Path, kept: u64, epoch: u64) -> Result<u64, String> {
    let elsewhere = tempfile::tempdir_in(memory()).unwrap();
    let names: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in names.iter().filter(|path| path.to_string_lossy().contains(".damaged-")) {
        let is_wal = path.to_string_lossy().ends_with("-wal");
        let name = if is_wal { "store.db-wal" } else { "store.db" };
        fs::copy(path, elsewhere.path().join(name)).unwrap();
    }
    let mut store = Store::open(Site::settings(&site.config(), elsewhere.path(), 4_096), NOW_MS)
        .map_err(|error| format!("what lies aside does not open: {error}"))?;
    if store.epoch() != epoch {
        return Err("what lies aside is another database".into());
    }
    let (_, committed) = store.greet(SESSION, NOW_MS).unwrap();
    let [withheld, ..] = account::totals(store.connection()).unwrap();
    let withheld: u64 = withheld.as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum();
    let said = Said { kept, given: committed.max(kept), ..Said::default() };
    said.holds(&mut store, committed).map_err(|what| format!("what lies aside: {what}"))?;
    Ok(committed - withheld)
}

/// A store that has ended as if it was killed, with its last records in the WAL. Gives how many it acknowledged, and its epoch.
fn fill(site: &Site, directory: &Path) -> (u64, u64) {
    let work = tempfile::tempdir_in(memory()).unwrap();
    let mut store = Store::open(Site::settings(&site.config(), work.path(), 50), NOW_MS - 9).unwrap();
    let (session, _) = store.greet(SESSION, NOW_MS - 9).unwrap();
    let kept = store.hand_over(session, &[message(1, (1..=99).map(record).collect())], NOW_MS - 8).unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(work.path().join(name), directory.join(name)).unwrap();
    }
    assert!(fs::metadata(directory.join("store.db-wal")).unwrap().len() > 0);
    (kept, store.epoch())
}

fn work_under_trace() -> Option<(Site, Vec<Done>)> {
    let site = Site::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["proof::aside::the_recorded_store", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CONFIG, site.config());
    let done = trace::record(&command, &site.path("store"));
    let Some(done) = done else {
        println!("skipped: strace is missing, or processes may not be traced here");
        return None;
    };
    let renamed = done.iter().filter(|done| matches!(done, Done::Renamed { from, .. } if from.starts_with("store.db") && !from.ends_with(".new")));
    assert_eq!(renamed.count(), 2, "the database and its WAL");
    Some((site, done))
}

/// Not a test of its own, as [`super::power`]'s: a store at work that finds its database damaged, and goes on with another.
#[test]
fn the_recorded_store() {
    let Ok(config) = std::env::var(CONFIG) else { return };
    let config = Path::new(&config);
    let directory = config.with_file_name("store");
    let mut out = File::create(directory.join(SAID)).unwrap();
    let mut say = |line: Value| out.write_all(format!("{line}\n").as_bytes()).unwrap();
    let now = NOW_MS - 1_000;
    let mut store = Store::open(Site::settings(config, &directory, 20), now).unwrap();
    say(json!({ "epoch": store.epoch() }));
    for is_new in [false, true] {
        let (session, committed) = store.greet(SESSION, now).unwrap();
        assert_eq!(committed, 0);
        for first in (1..200).step_by(40) {
            say(json!({ "new": is_new, "given": first + 39 }));
            let records = (first..first + 40).map(record).collect();
            let kept = store.hand_over(session, &[message(first, records)], now).unwrap();
            say(json!({ "new": is_new, "kept": kept }));
        }
        if !is_new {
            assert!(store.recover(&Error::Damaged("value, as the test says"), now).unwrap());
        }
    }
    store.close().unwrap();
}

const CONFIG: &str = "HEADGATE_TEST_RECORDED_ASIDE";
const SESSION: [u8; 16] = [1; 16];
