//! Forgetting a person: everywhere at once, in one transaction.
//!
//! - The subject's rows are deleted with their keys: every segment says nobody from then on. The addresses that it had go from
//!   the rows of other ends too, whoever else had them in that period: rather too much is forgotten than too little.
//! - Batches in the outbox are written anew without its records, under the same number: no number vanishes. Such a batch
//!   names the content that it replaces, for a receiver that has it already.
//! - What does not open cannot be searched: the quarantine goes as a whole. So does the subject's membership of groups.
//! - A tombstone waits for the next batch: by what the receiver knows the person, in this period of the pseudonyms. Those
//!   of earlier periods nobody can make again. It needs no row: what has left may be of somebody of whom nothing is kept
//!   any more.
//!
//! The caller commits, and moves and cuts the WAL.

use std::collections::BTreeSet;

use headgate_record::subject::Who;
use headgate_record::{Field, Identifier, Identity, Record, Treatment, Value};
use headgate_rules::{Pseudonymise, Purpose, Rules, pseudonym};
use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};

use super::{Subject, values};
use crate::database::{column, get, get_number, last_id, meta, number, set, sql};
use crate::identity::{self, row::Row};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::seal::{KeyRef, Place};
use crate::{Error, error, outbox};

/// Forgets a subject. Gives what was done, in numbers.
pub(crate) fn erase(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    subject: &Subject,
    now_ms: u64,
) -> Result<Json, Error> {
    let (plain, entries) = (plain(db)?, subject.rows.iter().flat_map(|row| &row.entries));
    let forget = entries.flat_map(|entry| released_as(entry, keys, rules, &plain)).collect();
    let addresses: BTreeSet<String> = subject
        .rows
        .iter()
        .flat_map(Row::identifiers)
        .filter(|(identifier, _)| *identifier == Identifier::Address)
        .map(|(_, text)| text)
        .collect();
    for row in &subject.rows {
        row.delete(db, keys)?;
    }
    let ends = erase_ends(db, keys, &addresses)?;
    forget_memberships(db, keys, &subject.anchor.1)?;
    keys.identities().forget();
    forget_elsewhere(db, keys, &forget, [subject.rows.len(), ends], now_ms)
}

/// Forgets somebody of whom nothing is kept, where something may have left: in what waits to be sent, and at the receiver.
///
/// # Errors
/// [`Error::NobodyFound`] where nothing can have left that is told from others by what was said.
pub(crate) fn erase_absent(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    who: &Who,
    now_ms: u64,
) -> Result<Json, Error> {
    // Who had an address at a time was only said by what was kept.
    if get_number(db, meta::SEQUENCE)? == 0 || matches!(who, Who::Address { at_ms: Some(_), .. }) {
        return Err(Error::NobodyFound);
    }
    let (identifier, values) = values(keys, who)?;
    let (plain, mut forget) = (plain(db)?, BTreeSet::new());
    let fields = Field::ALL.iter().filter(|field| field.identity() == Identity::Subject);
    for field in fields.filter(|field| field.identifier() == identifier) {
        // As a record of any kind would have held it; an identifier may stand in it as text.
        for value in values.iter().flat_map(|value| [value.clone(), value.to_string().as_str().into()]) {
            let mut entry = Record::new(field.kind());
            let list = Value::List(vec![value.clone()]);
            if entry.set(*field, value).or_else(|_| entry.set(*field, list)).is_ok() {
                forget.extend(released_as(&entry, keys, rules, &plain));
            }
        }
    }
    if forget.is_empty() {
        return Err(Error::NobodyFound);
    }
    for value in &values {
        forget_memberships(db, keys, &identifier.text(value))?;
    }
    forget_elsewhere(db, keys, &forget, [0, 0], now_ms)
}

/// Forgets whom the receiver knows by these: in batches that wait, in what does not open, and at the receiver.
fn forget_elsewhere(
    db: &Connection,
    keys: &Keys,
    forget: &BTreeSet<String>,
    [rows, ends]: [usize; 2],
    now_ms: u64,
) -> Result<Json, Error> {
    let mut batches = 0_u64;
    for waiting in outbox::all(db)? {
        let names = |record: &Record| record.identifiers().any(|(_, v)| forget.contains(&v.to_string()));
        batches += u64::from(outbox::leave_out(db, keys, &waiting, &names, now_ms)?);
    }
    let quarantined = db.execute("DELETE FROM quarantine", [])?;
    // Where no batch was ever made, nobody has anything to forget.
    let tombstone = if get_number(db, meta::SEQUENCE)? > 0 { forget.len() } else { 0 };
    for value in forget.iter().take(tombstone) {
        bury(db, keys, value)?;
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    ledger::append(db, &Event::Erased { rows: count(rows), batches, tombstone: count(tombstone) }, now_ms)?;
    Ok(json!({
        "rows": rows, "ends": ends, "batches": batches, "quarantined": quarantined, "tombstone": tombstone,
    }))
}

/// Takes up to `most` values that wait for a batch to tell the receiver: this one. They stay until its receipt, and wait
/// again when it is lost.
pub(crate) fn take_tombstone(
    db: &Connection,
    keys: &Keys,
    batch: u64,
    most: usize,
) -> Result<Vec<String>, Error> {
    let mut values = Vec::new();
    let waiting: Vec<(u64, u64, Vec<u8>)> = {
        let mut statement = db.prepare_cached(
            "SELECT number, epoch, sealed FROM tombstone WHERE batch IS NULL ORDER BY number LIMIT ?1",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows =
            statement.query_map([most], |r| Ok((number(r.get(0)?), number(column(r, 1)), column(r, 2))))?;
        rows.collect::<Result<_, _>>()?
    };
    for (number, epoch, sealed) in waiting {
        let key = KeyRef::Epoch(epoch);
        match keys.open(key, Place::Tombstone { number, key }, &sealed) {
            Ok(value) => {
                values.push(String::from_utf8_lossy(&value).into_owned());
                db.prepare_cached("UPDATE tombstone SET batch = ?2 WHERE number = ?1")?
                    .execute([sql(number), sql(batch)])?;
            }
            Err(error) if error::is_damaged(&error) => {
                log::error!(event = "tombstone_damaged"; "a value that the receiver should forget does not open");
                db.execute("DELETE FROM tombstone WHERE number = ?1", [sql(number)])?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(values)
}

/// The receiver has forgotten the `values` that this batch told it to. Where others are written down for this batch, a bit has
/// flipped: all of them are told again, as of a batch that is lost.
pub(crate) fn forgotten(db: &Connection, batch: u64, values: usize) -> Result<(), Error> {
    let told = "SELECT COUNT(*) FROM tombstone WHERE batch = ?1";
    let told = number(db.prepare_cached(told)?.query_row([sql(batch)], |r| r.get(0))?);
    if u64::try_from(values) == Ok(told) {
        db.prepare_cached("DELETE FROM tombstone WHERE batch = ?1")?.execute([sql(batch)])?;
    }
    Ok(())
}

/// What a batch told that is not there any more, for whatever reason, waits for another one.
pub(crate) fn tell_again(db: &Connection) -> Result<(), Error> {
    db.execute("UPDATE tombstone SET batch = NULL WHERE batch NOT IN (SELECT sequence FROM outbox)", [])?;
    Ok(())
}

/// Whether values wait for a batch.
pub(crate) fn is_tombstone_due(db: &Connection) -> Result<bool, Error> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tombstone WHERE batch IS NULL)")?
        .query_row([], |r| r.get(0))?)
}

/// Notes which fields of persons these rules release as they are: the receiver knows them by such values under later rules
/// too.
pub(crate) fn note_plain(db: &Connection, rules: &Rules) -> Result<(), Error> {
    let (mut fields, before) = (plain(db)?, plain(db)?.len());
    let kept = Field::ALL.iter().filter(|field| field.identity() == Identity::Subject);
    fields.extend(kept.filter(|field| rules.release().treatment(**field) == Treatment::Keep));
    if fields.len() > before {
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        set(db, meta::PLAIN, names.join(","))?;
    }
    Ok(())
}

fn plain(db: &Connection) -> Result<BTreeSet<Field>, Error> {
    let names: String = get(db, meta::PLAIN)?.unwrap_or_default();
    Ok(names.split(',').filter_map(Field::from_name).collect())
}

/// By what the receiver may know the subject of an entry: a pseudonym of the present period, or, where these rules or earlier
/// ones released the value as it is, the value.
fn released_as(entry: &Record, keys: &Keys, rules: &Rules, plain: &BTreeSet<Field>) -> Vec<String> {
    let mut texts = Vec::new();
    for (field, value) in entry.fields().filter(|(field, _)| field.identity() == Identity::Subject) {
        let tells_apart = matches!(field.identifier(), Identifier::Mac | Identifier::User);
        let treatment = rules.release().treatment(field);
        let values = match value {
            Value::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let made = || pseudonym(value, field, keys, Purpose::Release).map(|made| made.to_string());
            if plain.contains(&field) {
                texts.push(value.to_string());
            }
            match treatment {
                Treatment::Pseudonym | Treatment::InfrastructureOrPseudonym => texts.extend(made()),
                _ => {}
            }
            // Other rules may have released it.
            if tells_apart {
                texts.extend(made());
            }
        }
    }
    texts
}

/// Erases addresses from the rows that others share. Gives how many entries went.
fn erase_ends(db: &Connection, keys: &Keys, addresses: &BTreeSet<String>) -> Result<usize, Error> {
    let mut erased = 0;
    if addresses.is_empty() {
        return Ok(erased);
    }
    for id in identity::shared(db)? {
        let mut row = match Row::load(db, keys, id) {
            Ok(Some(row)) => row,
            Ok(None) => continue,
            Err(error) if error::is_damaged(&error) => continue,
            Err(error) => return Err(error),
        };
        let before = erased;
        for entry in &mut row.entries {
            if entry.identifiers().any(|(identifier, value)| addresses.contains(&identifier.text(value))) {
                *entry = Record::new(entry.kind());
                erased += 1;
            }
        }
        if erased > before {
            row.renew(keys)?;
            row.store(db, keys)?;
        }
    }
    Ok(erased)
}

fn forget_memberships(db: &Connection, keys: &Keys, anchor: &str) -> Result<(), Error> {
    let station = keys.pseudonym(Purpose::Collect, format!("member\0{anchor}").as_bytes());
    db.execute("DELETE FROM member WHERE station = ?1", [station])?;
    Ok(())
}

fn bury(db: &Connection, keys: &Keys, value: &str) -> Result<(), Error> {
    let (number, key) = (last_id(db, "tombstone")?.saturating_add(1), keys.present());
    let sealed = keys.seal(key, Place::Tombstone { number, key }, value.as_bytes())?;
    let (epoch, _) = key.columns();
    db.prepare_cached("INSERT INTO tombstone (number, epoch, sealed) VALUES (?1, ?2, ?3)")?
        .execute(params![sql(number), epoch, sealed])?;
    Ok(())
}
