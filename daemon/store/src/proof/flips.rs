//! Bit flips: a store at rest, one bit of whose file is another. Whatever is then not there is told, and nothing is there
//! that was not handed over. And the store goes on: it takes what comes next, and it leaves.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use headgate_record::batch::Batch;
use headgate_service::exit::{Exit, chain};
use serde_json::Value;

use super::site::{NOW_MS, Site, lost_with_another, memory, numbers, receipt, record};
use super::{Random, amount, message};
use crate::database::contents::without_receipt;
use crate::database::{Checkpoint, checkpoint, number};
use crate::store::Store;
use crate::{account, buffer, ledger};

#[test]
fn whatever_bit_flips_what_is_lost_is_told_and_nothing_is_invented() {
    let wanted = amount("HEADGATE_TEST_FLIPS", 120);
    let rest = AtRest::new(if wanted > MANY { SMALL } else { USUAL });
    let whole = &rest.content;
    let wanted = wanted.min(whole.len());
    let seed = Random::seed();
    let mut random = Random(seed);
    let (mut silent, mut told, mut refused) = (Vec::new(), 0, 0);
    for step in 0..wanted {
        // Spread over the whole file: all of its octets where so many are wanted.
        let (from, to) = (whole.len() * step / wanted, whole.len() * (step + 1) / wanted);
        let at = from + usize::try_from(random.below(u64::try_from(to - from).unwrap())).unwrap();
        let bit = random.below(8);
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << bit;
        match rest.examine(&flipped) {
            Ok(Found::Everything) => {}
            Ok(Found::Told) => told += 1,
            Ok(Found::Refused) => refused += 1,
            Err(what) => {
                silent.push(format!("bit {bit} of octet {at} (seed {seed}): {what}"));
                println!("{}", silent[silent.len() - 1]);
            }
        }
        // A run over every octet takes the better part of an hour.
        if step % 1_000 == 999 {
            println!(
                "{} of {wanted} flips: {told} told, {refused} refused, {} wrong",
                step + 1,
                silent.len()
            );
        }
    }
    assert!(silent.is_empty(), "{} of {wanted}: {:#?}", silent.len(), &silent[..silent.len().min(8)]);
    assert!(told > 0, "no flip in {wanted} was seen");
    println!("{wanted} flips: {told} told, {refused} refused, the rest without effect");
}

/// A value whose name was out of the order of names, or text that was none any more: others beside it were not found either, and records left
/// for ever, or none did.
#[test]
fn a_single_value_whose_name_or_text_has_a_flipped_bit_does_not_hold_the_store() {
    let rest = AtRest::new(SMALL);
    // A name and its value; what is behind them in the row is its checksum.
    for name in ["partial_taken", "lived_monotonic_ms", "released_in_plain", "database"] {
        let at = rest.content.windows(name.len()).position(|octets| octets == name.as_bytes()).unwrap();
        all_is_well(&rest, name, (at - 4..at + name.len() + 24).map(|octet| (octet, octet % 8)));
    }
}

/// Rows of which one bit has flipped are what they were, and no row goes: one whose checksum was of another type was once gone, and the next batch had
/// the number of one that had left.
#[test]
fn a_row_with_a_checksum_of_which_a_bit_has_flipped_is_set_right_or_stays_as_it_is() {
    let rest = AtRest::new(SMALL);
    let file = rest.site.path("copy.db");
    let open = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        let db = rusqlite::Connection::open(&file).unwrap();
        crate::checksum::register(&db).unwrap();
        db
    };
    for (table, columns) in [
        ("meta", "quote(name), quote(value), quote(checksum)"),
        ("session", "number, quote(id), committed, quote(wrapped), quote(checksum)"),
        ("account", "what, of, quote(reason), pending, total, quote(checksum)"),
        ("clock", "number, quote(boot), monotonic_ms, wall_ms, synchronised, correction_ms, quote(checksum)"),
    ] {
        let rows = |db: &rusqlite::Connection| -> rusqlite::Result<Vec<String>> {
            let mut select = db.prepare(&format!("SELECT {columns} FROM {table} NOT INDEXED"))?;
            let width = select.column_count();
            let text = |at, row: &rusqlite::Row<'_>| Ok(format!("{:?}", row.get_ref(at)?));
            let row = |row: &rusqlite::Row<'_>| {
                (0..width).map(|at| text(at, row)).collect::<rusqlite::Result<String>>()
            };
            select.query_map([], row)?.collect()
        };
        let right = rows(&open(&rest.content)).unwrap();
        let page = page_of(&rest, table);
        let first = u16::from_be_bytes([rest.content[page.start + 5], rest.content[page.start + 6]]);
        let (mut tried, mut mended) = (0, 0);
        for octet in page.start + usize::from(first)..page.end {
            let bits = if table == "meta" { vec![0, octet % 8] } else { (0..8).collect() };
            for bit in bits {
                let mut flipped = rest.content.clone();
                flipped[octet] ^= 1 << bit;
                let mut db = open(&flipped);
                // What SQLite cannot read is not looked at.
                let Ok(before) = rows(&db) else { continue };
                let transaction = db.transaction().unwrap();
                let Ok(said) = crate::checksum::mend::mend(&transaction) else { continue };
                let after = rows(&transaction).unwrap();
                tried += 1;
                mended += usize::from(after == right);
                let is_told = said > 0 || crate::checksum::unsound(&transaction).unwrap().rows > 0;
                assert!(after.len() >= before.len(), "{table}, bit {bit} of octet {octet}: a row is gone");
                assert!(
                    after == right || is_told || before == right,
                    "{table}, bit {bit} of octet {octet}: {after:#?}"
                );
                assert!(before == right || is_told, "{table}, bit {bit} of octet {octet}: nothing is told");
            }
        }
        println!("{table}: {mended} of {tried}");
        assert!(mended * 10 > tried * 8, "{table}: {mended} of {tried}");
    }
}

/// A count that was none any more, and a reason that was no text: nothing was ever counted again.
#[test]
fn a_count_that_is_none_does_not_hold_the_store() {
    let rest = AtRest::new(SMALL);
    let page = page_of(&rest, "account");
    // Rows are from its end.
    all_is_well(&rest, "account", (page.end - 60..page.end).map(|octet| (octet, octet % 8)));
    all_is_well(&rest, "account", (page.end - 60..page.end).flat_map(|octet| [(octet, 1), (octet, 7)]));
}

/// A table that began at the page of another: its rows could not be written again, and the store did not start.
#[test]
fn a_table_that_begins_at_another_page_does_not_hold_the_store() {
    let rest = AtRest::new(SMALL);
    for table in ["tombstone", "outbox", "identity", "session"] {
        // In the schema it is behind kind, name and table.
        let before = format!("table{table}{table}");
        let at = rest.content.windows(before.len()).position(|octets| octets == before.as_bytes()).unwrap();
        all_is_well(&rest, table, (0..8).map(|bit| (at + before.len(), bit)));
    }
}

/// Indexes were built anew for a ledger that nothing could be written to, and that this was done could not be written either.
#[test]
fn a_damaged_ledger_does_not_hold_the_store() {
    let rest = AtRest::new(SMALL);
    let page = page_of(&rest, "ledger");
    all_is_well(
        &rest,
        "ledger",
        (page.start..page.start + 8).flat_map(|octet| [(octet, 1), (octet, 3), (octet, 7)]),
    );
}

/// How many records were in a database that was set aside nobody said.
#[test]
fn what_has_no_receipt_in_a_database_that_is_set_aside_is_counted_as_lost_once() {
    let rest = AtRest::new(USUAL);
    let page = page_of(&rest, "segment_class");
    let mut content = rest.content.clone();
    content[page].fill(0x55);
    let directory = tempfile::tempdir_in(memory()).unwrap();
    fs::write(directory.path().join("store.db"), &content).unwrap();
    let settings = Site::settings(&rest.site.config(), directory.path(), USUAL.batch);
    // What was withheld was counted before.
    let withheld = rusqlite::Connection::open(rest.site.path("copy.db"))
        .and_then(|db| {
            db.query_row("SELECT SUM(total) FROM account WHERE what = 1", [], |r| r.get(0)).map(number)
        })
        .unwrap();
    let mut said = Vec::new();
    for _ in 0..2 {
        let mut store = Store::open(settings.clone(), NOW_MS).unwrap();
        // A part of them in batches, a part in the tail.
        assert_eq!(lost_with_another(&store).unwrap() + withheld, USUAL.all());
        let entries = ledger::latest(store.connection(), 100).unwrap();
        said = entries.into_iter().filter(|entry| entry["event"] == "set-aside").collect();
        rest.goes_on(&mut store).unwrap();
        store.close().unwrap();
        assert_eq!(said.len(), 1);
    }
    assert_eq!(said[0]["detail"]["records"], USUAL.all() - withheld, "{said:?}");
    let aside = crate::database::aside::aside(&settings).unwrap().pop_last().unwrap();
    let names = || {
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<BTreeSet<_>>()
    };
    let (before, there) = (fs::read(&aside).unwrap(), names());
    assert!(there.iter().all(|name| !name.to_string_lossy().ends_with("-shm")), "{there:?}");
    assert_eq!(without_receipt(&aside).unwrap().iter().sum::<u64>(), USUAL.all() - withheld);
    assert!(fs::read(&aside).unwrap() == before && names() == there, "it stays as it was");
}

/// With a cursor of which a bit had flipped, segments were counted with the batches that they are in, and hand-overs of the tail with their
/// segments.
#[test]
fn nothing_of_what_is_set_aside_is_counted_twice_for_a_flipped_bit() {
    let rest = AtRest::new(SMALL);
    let (page, directory) = (page_of(&rest, "meta"), tempfile::tempdir_in(memory()).unwrap());
    let file = directory.path().join("aside");
    let counted = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        without_receipt(&file).unwrap().iter().sum::<u64>()
    };
    let all = counted(&rest.content);
    assert!(all > SMALL.all() * 9 / 10, "{all}");
    let first = u16::from_be_bytes([rest.content[page.start + 5], rest.content[page.start + 6]]);
    let (mut tried, mut exact) = (0, 0);
    for octet in page.start + usize::from(first)..page.end {
        for bit in [0, 1 + octet % 7] {
            let mut flipped = rest.content.clone();
            flipped[octet] ^= 1 << bit;
            let found = counted(&flipped);
            assert!(found <= all, "{found} of {all}, bit {bit} of octet {octet}");
            tried += 1;
            exact += usize::from(found == all);
        }
    }
    assert!(exact * 10 > tried * 9, "{exact} of {tried}");
}

fn all_is_well(rest: &AtRest, what: &str, bits: impl IntoIterator<Item = (usize, usize)>) {
    let mut wrong = Vec::new();
    for (octet, bit) in bits {
        let mut flipped = rest.content.clone();
        flipped[octet] ^= 1 << bit;
        if let Err(why) = rest.examine(&flipped) {
            wrong.push(format!("{what}, bit {bit} of octet {octet}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A batch whose number was out of the order of keys was met again and again, and never found to be deleted: the store stood still, and
/// its log grew.
#[test]
fn a_row_out_of_the_order_of_keys_does_not_hold_the_store_for_ever() {
    let rest = AtRest::new(SMALL);
    for table in ["outbox", "segment"] {
        let keys = keys_of(&rest, table);
        assert!(keys.len() >= 2, "{keys:?}");
        all_is_well(&rest, table, keys.into_iter().flat_map(|at| (0..8).map(move |bit| (at, bit))));
    }
}

/// The first page of a table.
fn page_of(rest: &AtRest, table: &str) -> Range<usize> {
    let file = rest.site.path("copy.db");
    fs::write(&file, &rest.content).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    let number = |query: &str| -> u32 { db.query_row(query, [], |r| r.get(0)).unwrap() };
    let size = usize::try_from(number("PRAGMA page_size")).unwrap();
    let page = number(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"));
    let page = usize::try_from(page).unwrap();
    (page - 1) * size..page * size
}

/// Where in the file the keys of a table end (the database file format of SQLite, 1.6): cells of inner pages are the number of a page and a key,
/// those of leaves a length and a key, which are varints.
fn keys_of(rest: &AtRest, table: &str) -> Vec<usize> {
    let first = page_of(rest, table);
    let (size, mut pages) = (first.len(), vec![first.start]);
    let word = |at: usize| usize::from(u16::from_be_bytes([rest.content[at], rest.content[at + 1]]));
    let page_at = |at: usize| {
        let number = u32::from_be_bytes(rest.content[at..at + 4].try_into().unwrap());
        (usize::try_from(number).unwrap() - 1) * size
    };
    let end_of_varint = |at: usize| (at..at + 9).find(|at| rest.content[*at] & 0x80 == 0).unwrap();
    let mut keys = Vec::new();
    while let Some(page) = pages.pop() {
        let is_leaf = rest.content[page] == 0x0d;
        let first = if is_leaf { page + 8 } else { page + 12 };
        for cell in (0..word(page + 3)).map(|cell| page + word(first + 2 * cell)) {
            let key = if is_leaf { end_of_varint(cell) + 1 } else { cell + 4 };
            keys.push(end_of_varint(key));
            pages.extend((!is_leaf).then(|| page_at(cell)));
        }
        pages.extend((!is_leaf).then(|| page_at(page + 8)));
    }
    keys
}

enum Found {
    /// All is as it was.
    Everything,
    /// Something is not, and the store says so.
    Told,
    /// The store is not opened, and says why; the file is as it was.
    Refused,
}

/// A store at rest.
struct AtRest {
    site: Site,
    content: Vec<u8>,
    amounts: Amounts,
}

impl AtRest {
    /// A site whose store is closed, and the store's file: segments that are released, in part and not at all, batches, a ledger.
    fn new(amounts: Amounts) -> AtRest {
        let site = Site::new();
        let settings = Site::settings(&site.config(), &site.path("store"), amounts.batch);
        let file = settings.database();
        let mut store = Store::open(settings, NOW_MS - 10).unwrap();
        let (session, _) = store.greet([1; 16], NOW_MS - 9).unwrap();
        let step = amounts.records / 10;
        for first in (1..=amounts.records).step_by(usize::try_from(step).unwrap()) {
            let records = (first..first + step).map(record).collect();
            store.hand_over(session, &[message(first, records)], NOW_MS - 8).unwrap();
        }
        for _ in 0..3 {
            assert!(store.release_if_due(NOW_MS - 7).unwrap());
        }
        store.close().unwrap();
        // And hand-overs that wait, as a process leaves them that is killed.
        let settings = Site::patient(&site.config(), &site.path("store"), amounts.batch);
        let mut store = Store::open(settings, NOW_MS - 6).unwrap();
        let (session, _) = store.greet([1; 16], NOW_MS - 5).unwrap();
        for first in (amounts.records + 1..=amounts.all()).step_by(usize::try_from(step).unwrap()) {
            let records = (first..first + step).map(record).collect();
            store.hand_over(session, &[message(first, records)], NOW_MS - 4).unwrap();
            // In two fillings.
            store.turn_tail(usize::MAX);
        }
        assert!(checkpoint(store.connection(), Checkpoint::Cut).unwrap());
        assert_eq!(store.records_in_tail(), amounts.all() - amounts.records);
        let content = fs::read(Path::new(&file)).unwrap();
        AtRest { site, content, amounts }
    }

    /// Opens a store on this file and compares what it has with what it was given.
    fn examine(&self, content: &[u8]) -> Result<Found, String> {
        let records = self.amounts.all();
        let directory = tempfile::tempdir_in(memory()).unwrap();
        let file = directory.path().join("store.db");
        fs::write(&file, content).unwrap();
        let settings = Site::settings(&self.site.config(), directory.path(), self.amounts.batch);
        let mut store = match Store::open(settings, NOW_MS) {
            Ok(store) => store,
            Err(error) => {
                let same = fs::read(&file).is_ok_and(|now| now == content);
                let known = matches!(error.code(), 78 | 65 | 74 | 77);
                return if same && known {
                    Ok(Found::Refused)
                } else {
                    Err(format!("refused and changed: {}", chain(&error)))
                };
            }
        };
        let mut told = !crate::database::aside::aside(store.settings()).unwrap().is_empty();
        // What verifying says, before anything is released.
        let verified = store.verify(0, NOW_MS).map_err(|e| chain(&e));
        told |= verified.as_ref().map_or(true, |v| v["damaged"] != Value::Array(Vec::new()));
        told |= ledger::verify(store.connection(), u32::MAX).map_or(true, |v| v.broken_at.is_some());
        told |= buffer::structure(&file).map_or(true, |s| s["faults"] != Value::Array(Vec::new()));
        let (released, failed, twice) = drain(&mut store)?;
        told |= failed;
        let status =
            crate::status::status(&store, &crate::status::Peers::default(), &Default::default(), NOW_MS);
        told |= status.as_ref().map_or(true, |status| {
            status["values_unsound"] != 0
                || status["missing"] != 0
                || status["quarantined"] != 0
                || status["outbox"]["batches_lost"] != 0
        });
        if released.iter().any(|number| *number == 0 || *number > records) {
            return Err("a record was invented".into());
        }
        let counted = counted(&store);
        told |= counted.is_err();
        if lost_with_another(&store)? > records {
            return Err("more are lost with the database before than there were".into());
        }
        let ended = u64::try_from(released.len()).unwrap() + counted.unwrap_or(0);
        self.goes_on(&mut store).map_err(|what| format!("it does not go on: {what}"))?;
        match (ended == records && !twice, told) {
            (true, false) => Ok(Found::Everything),
            (_, true) => Ok(Found::Told),
            (false, false) => {
                Err(format!("{ended} of {records} records (twice: {twice}), and nothing is said"))
            }
        }
    }

    /// A sensor that starts anew hands over records about everybody, and all of them leave or are counted.
    fn goes_on(&self, store: &mut Store) -> Result<(), String> {
        let (records, Amounts { afterwards, .. }) = (self.amounts.all(), self.amounts);
        // Again where what failed could be mended.
        let mut wrong = Vec::new();
        for _ in 0..3 {
            match self.takes_and_gives(store) {
                // What was there before may be counted late, and once.
                Ok((taken, left, counted))
                    if taken == afterwards
                        && left <= afterwards
                        && (afterwards..=afterwards + records).contains(&(left + counted)) =>
                {
                    return Ok(());
                }
                Ok(other) => wrong.push(format!("of {afterwards} committed, left and counted: {other:?}")),
                Err(error) => {
                    wrong.push(chain(&error));
                    store.recover(&error, NOW_MS).map_err(|error| chain(&error))?;
                }
            }
        }
        Err(wrong.join("; "))
    }

    /// Gives how many records were committed, have left, and were counted otherwise.
    fn takes_and_gives(&self, store: &mut Store) -> Result<(u64, u64, u64), crate::Error> {
        let (records, Amounts { afterwards, .. }) = (self.amounts.all(), self.amounts);
        let before = counted(store)?;
        let (session, committed) = store.greet([2; 16], NOW_MS)?;
        let coming = (1..=afterwards).map(|number| record(records + number)).collect();
        let through = store.hand_over(session, &[message(committed + 1, coming)], NOW_MS)? - committed;
        while store.release_if_due(NOW_MS)? {}
        let mut left = 0;
        while let Some(batch) = store.next_batch(NOW_MS)? {
            let content = Batch::decode(&batch)?;
            left += numbers(&content.records).iter().filter(|number| **number > records).count();
            store
                .accept(&receipt(&batch), NOW_MS)?
                .map_err(|_| crate::Error::Unusable("the receipt is refused"))?;
        }
        Ok((through, u64::try_from(left).unwrap(), counted(store)?.saturating_sub(before)))
    }
}

/// Records that ended otherwise than in a batch.
fn counted(store: &Store) -> Result<u64, crate::Error> {
    let [withheld, lost, ..] = account::totals(store.connection())?;
    Ok(sum(&withheld) + sum(&lost))
}

/// Everything that leaves, whether something that failed was said, and whether a record left twice.
fn drain(store: &mut Store) -> Result<(BTreeSet<u64>, bool, bool), String> {
    let (mut released, mut failed, mut twice) = (BTreeSet::new(), false, false);
    for _ in 0..200 {
        let more = store.release_if_due(NOW_MS).unwrap_or_else(|_| {
            failed = true;
            false
        });
        while let Ok(Some(batch)) = store.next_batch(NOW_MS) {
            let content = Batch::decode(&batch).map_err(|e| e.to_string())?;
            for number in numbers(&content.records) {
                twice |= !released.insert(number);
            }
            if !store.accept(&receipt(&batch), NOW_MS).is_ok_and(|verdict| verdict.is_ok()) {
                return Ok((released, true, twice));
            }
        }
        failed |= store.next_batch(NOW_MS).is_err();
        if !more {
            return Ok((released, failed, twice));
        }
    }
    Err("it goes on for ever".into())
}

fn sum(rows: &Value) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum()
}

/// How much a store is given.
#[derive(Clone, Copy)]
struct Amounts {
    /// Records that are handed over, all acknowledged: a multiple of ten.
    records: u64,
    /// And so many once a bit has flipped.
    afterwards: u64,
    /// Records of a batch.
    batch: usize,
}

impl Amounts {
    /// With those that wait in the tail: three hand-overs.
    fn all(&self) -> u64 {
        self.records + 3 * (self.records / 10)
    }
}

const USUAL: Amounts = Amounts { records: 400, afterwards: 200, batch: 50 };
/// Of a file that is not larger than it must be: where so many flips are wanted that they may be one in each octet.
const SMALL: Amounts = Amounts { records: 60, afterwards: 30, batch: 8 };
const MANY: usize = 20_000;
