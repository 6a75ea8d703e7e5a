//! Power cuts: everything that a working store did to its disk is recorded, every state that a cut could have left is made
//! of it, and a store is opened on each.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::disk::{Cut, Disk};
use super::site::{NOW_MS, Said, Site, receipt, record};
use super::trace::{self, Done, SAID};
use super::{Random, amount, message};
use crate::store::Store;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_invented_wherever_power_is_cut() {
    let Some((site, done)) = recorded() else { return };
    let wanted = amount("HEADGATE_TEST_STATES", 100);
    let Tried { tried, waited, two, wrong } = cut_everywhere(site, done, wanted, Obeys::Yes);
    assert!(wrong.is_empty(), "{} of {tried} states: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert!(tried >= wanted / 2, "{tried}");
    assert!(waited > tried / 8, "in {waited} of {tried} states a hand-over waited");
    assert!(two > 0, "in none of {tried} states two fillings waited");
    println!(
        "{tried} states, all good; in {waited} of them hand-overs waited in the tail, in {two} in two fillings"
    );
}

/// A cut while the database was made once left a rollback journal that `examine` could not play back: the store never started.
#[test]
fn power_cut_while_the_database_is_made_once_left_a_store_that_never_starts() {
    let site = Site::new();
    for name in ["store.db", "store.db.new", "store.db.new-journal", "store.db.new-wal"] {
        std::fs::write(site.path("store").join(name), if name == "store.db" { "" } else { "cut" }).unwrap();
    }
    reopen(&site, &site.path("store"), Said::default()).unwrap();
    let mut left: Vec<_> =
        std::fs::read_dir(site.path("store")).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["store.ballast", "store.db", "store.lock"]);
}

/// Whether the test can see a loss at all: a disk that says that it has synchronised, and has not, loses records.
#[test]
fn a_disk_that_does_not_synchronise_is_found_out() {
    let Some((site, done)) = recorded() else { return };
    let Tried { tried, wrong, .. } = cut_everywhere(site, done, 60, Obeys::No);
    assert!(wrong.len() > 5, "{} of {tried}", wrong.len());
}

#[derive(Clone, Copy, PartialEq)]
enum Obeys {
    Yes,
    No,
}

/// What came of many states.
#[derive(Default)]
struct Tried {
    tried: usize,
    /// In so many of them hand-overs waited in the tail.
    waited: usize,
    /// And in so many in two fillings.
    two: usize,
    wrong: Vec<String>,
}

/// Opens a store on `wanted` states, spread over all that was done.
fn cut_everywhere(site: &Site, done: &[Done], wanted: usize, obeys: Obeys) -> Tried {
    let seed = Random::seed();
    let mut random = Random(seed);
    let (mut disk, mut said) = (Disk::default(), Said::default());
    let mut all = Tried::default();
    for (at, each) in done.iter().enumerate() {
        disk.does(each, obeys == Obeys::Yes);
        if let Done::Said(line) = each {
            hear(&mut said, &serde_json::from_str(line).unwrap());
        }
        // Each step of making the database, and the rest evenly.
        let states = (at + 1) * wanted / done.len() - at * wanted / done.len() + usize::from(said.given == 0);
        for _ in 0..states {
            let cut = Cut::ALL[usize::try_from(random.below(5)).unwrap()];
            let directory = tempfile::tempdir_in(super::site::memory()).unwrap();
            disk.after_power_cut(cut, &mut random, directory.path());
            all.tried += 1;
            match reopen(site, directory.path(), said.clone()) {
                Ok((found, fillings)) => {
                    all.waited += usize::from(found > 0);
                    all.two += usize::from(fillings > 1);
                }
                Err(what) => all.wrong.push(format!("after step {at} ({cut:?}, seed {seed}): {what}")),
            }
        }
    }
    all
}

/// Gives how many hand-overs waited in the tail, and in how many fillings.
fn reopen(site: &Site, directory: &Path, said: Said) -> Result<(usize, usize), String> {
    let mut store = Store::open(Site::settings(&site.config(), directory, 4_096), NOW_MS)
        .map_err(|error| format!("does not open: {}", headgate_service::exit::chain(&error)))?;
    let (_, committed) =
        store.greet(SESSION, NOW_MS).map_err(|error| headgate_service::exit::chain(&error))?;
    let found = store.found_in_tail();
    said.holds(&mut store, committed).map(|()| found)
}

fn hear(said: &mut Said, line: &Value) {
    let number = |name: &str| line[name].as_u64();
    if let Some(given) = number("given") {
        said.given = given;
    } else if let Some(kept) = number("kept") {
        said.kept = kept;
    } else if let Some(sequence) = number("receipted") {
        said.receipted.insert(sequence);
    } else {
        let numbers = line["records"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap());
        let batch = (line["digest"].as_str().unwrap().to_owned(), numbers.collect());
        said.batches.insert(number("batch").unwrap(), batch);
    }
}

/// A site, and what a store at work did in it: recorded once for all tests.
fn recorded() -> Option<&'static (Site, Vec<Done>)> {
    static RECORDED: OnceLock<Option<(Site, Vec<Done>)>> = OnceLock::new();
    RECORDED.get_or_init(work_under_trace).as_ref()
}

fn work_under_trace() -> Option<(Site, Vec<Done>)> {
    let site = Site::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["proof::power::the_recorded_store", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CONFIG, site.config());
    let done = trace::record(&command, &site.path("store"));
    let Some(done) = done else {
        println!("skipped: strace is missing, or processes may not be traced here");
        return None;
    };
    let syncs = done.iter().filter(|d| matches!(d, Done::Synchronised { .. })).count();
    assert!(syncs > 150, "{syncs} synchronisations are recorded");
    Some((site, done))
}

/// Not a test of its own: [`recorded`] runs this binary again with this as its only test, and it then is a store at work.
#[test]
fn the_recorded_store() {
    let Ok(config) = std::env::var(CONFIG) else { return };
    let config = Path::new(&config);
    let directory = config.with_file_name("store");
    let mut out = File::create(directory.join(SAID)).unwrap();
    // One system call for each line.
    let mut say = |line: Value| out.write_all(format!("{line}\n").as_bytes()).unwrap();
    let (mut random, mut now) = (Random(11), 1_000_000_000_000);
    let mut said = Said::default();
    for _ in 0..LIVES {
        let mut store = Store::open(Site::patient(config, &directory, 20), now).unwrap();
        let (session, committed) = store.greet(SESSION, now).unwrap();
        let mut next = committed + 1;
        for round in 0..ROUNDS {
            // So that some hand-overs wait in the tail, and the clock is not taken to have been set each time.
            now += random.below(120) + if round == ROUNDS / 2 { 31 * 24 * 3_600 * 1_000 } else { 0 };
            // Some are said again.
            let first = next - random.below(3).min(next - 1);
            store.hand_over(session, &[message(first, (first..next).map(record).collect())], now).unwrap();
            let records: Vec<_> = (next..next + 1 + random.below(60)).map(record).collect();
            let first = next;
            next += u64::try_from(records.len()).unwrap();
            say(json!({ "given": next - 1 }));
            let kept = store.hand_over(session, &[message(first, records)], now).unwrap();
            say(json!({ "kept": kept }));
            // As where one is full, which takes more than a test has.
            if random.one_in(2) {
                store.turn_tail(2);
            }
            while random.one_in(2) && store.release_if_due(now).unwrap() {}
            while random.one_in(2) {
                let Some(batch) = store.next_batch(now).unwrap() else { break };
                let sequence = said.take(&batch).unwrap();
                let (digest, records) = &said.batches[&sequence];
                say(json!({ "batch": sequence, "digest": digest, "records": records }));
                if random.one_in(2) {
                    store.accept(&receipt(&batch), now).unwrap().unwrap();
                    say(json!({ "receipted": sequence }));
                }
            }
            store.maintain(now).unwrap();
        }
        store.close().unwrap();
    }
}

const CONFIG: &str = "HEADGATE_TEST_RECORDED";
const SESSION: [u8; 16] = [1; 16];
/// How often the recorded store is started, and hand-overs in each life.
const LIVES: usize = 2;
const ROUNDS: usize = 40;
