//! The outbox: batches that wait for the receiver's receipt, and what a receipt must be.

use ed25519_dalek::{Signature, VerifyingKey};
use headgate_record::batch::{Batch, MAX_REPLACED, digest};
use headgate_record::bundle::MediumId;
use headgate_record::receipt::Receipt;
use headgate_record::{Class, Record};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::account::{self, End};
use crate::config::Settings;
use crate::database::{add, column, delete_row, get_number, meta, number, set, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::seal::{self, KeyRef, Place};
use crate::segment::DAMAGED;
use crate::subject::erase;
use crate::{Error, error};

/// A batch without its content.
pub(crate) struct Waiting {
    /// Its sequence.
    pub(crate) sequence: u64,
    /// When it was released.
    pub(crate) created_ms: u64,
    digest: [u8; 32],
    key: KeyRef,
    classes: [(Class, u64); 3],
}

/// Why a receipt is not accepted. The text goes to the uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No receipt key is configured.
    #[error("this appliance has no receipt key")]
    NoKey,
    /// The bytes are not a receipt.
    #[error("not a receipt")]
    Encoding,
    /// The receipt key did not sign it.
    #[error("the signature is not the receipt key's")]
    Signature,
    /// It is about another appliance.
    #[error("it names another appliance")]
    Appliance,
    /// It is about another database of this appliance.
    #[error("it names another epoch")]
    Epoch,
    /// No such batch waits.
    #[error("no batch with this sequence waits for a receipt")]
    Sequence,
    /// It is about other content.
    #[error("it names another digest")]
    Digest,
    /// It is about another number of records.
    #[error("it names another number of records")]
    Records,
    /// It does not say that all is forgotten that the batch asks to forget.
    #[error("it does not say that what is to be forgotten is forgotten")]
    Forgotten,
}

/// The oldest batch that waits, its sequence and its bytes. A batch that does not open goes to the quarantine, is
/// counted, and the next one is the oldest; the receiver sees the gap in the sequence.
pub(crate) fn next(db: &Connection, keys: &Keys, now_ms: u64) -> Result<Option<Vec<u8>>, Error> {
    // Whatever its number: sequences begin with 1, but for one that damage has changed.
    first(db, keys, now_ms, || oldest(db))
}

/// The oldest batch behind a sequence, as [`next`] gives the oldest of all. One of more than `most` octets is not read, and stays.
pub(crate) fn next_behind(
    db: &Connection,
    keys: &Keys,
    sequence: u64,
    most: usize,
    now_ms: u64,
) -> Result<Option<Vec<u8>>, Error> {
    first(db, keys, now_ms, || {
        let Some(waiting) = after(db, sequence, 1)?.into_iter().next() else { return Ok(None) };
        Ok((octets(db, &waiting)? <= most).then_some(waiting))
    })
}

/// How many octets a batch has, by the length of what is sealed; 0 where damage left nothing that has a length.
fn octets(db: &Connection, waiting: &Waiting) -> Result<usize, Error> {
    let mut statement = db.prepare_cached("SELECT length(sealed) FROM outbox WHERE sequence = ?1")?;
    let sealed = statement.query_row([sql(waiting.sequence)], |row| Ok(column(row, 0)))?;
    Ok(usize::try_from(number(sealed)).unwrap_or(usize::MAX).saturating_sub(seal::OVERHEAD))
}

fn first(
    db: &Connection,
    keys: &Keys,
    now_ms: u64,
    find: impl Fn() -> Result<Option<Waiting>, Error>,
) -> Result<Option<Vec<u8>>, Error> {
    // Ends: each round deletes a batch, or is the last.
    loop {
        let Some(waiting) = find()? else { return Ok(None) };
        match read(db, keys, &waiting) {
            Ok(batch) => return Ok(Some(batch)),
            Err(error) if error::is_damaged(&error) => quarantine(db, &waiting, now_ms)?,
            Err(error) => return Err(error),
        }
    }
}

/// Verifies a receipt and deletes its batch, in the caller's transaction.
///
/// # Errors
/// A [`Refusal`] inside `Ok` for a receipt that is not accepted; nothing was changed then.
pub(crate) fn accept(
    db: &Connection,
    keys: &Keys,
    settings: &Settings,
    epoch: u64,
    key: Option<&VerifyingKey>,
    bytes: &[u8],
    now_ms: u64,
) -> Result<Result<u64, Refusal>, Error> {
    let (sequence, asked) = match judge(db, keys, settings, epoch, key, bytes)? {
        Ok(judged) => judged,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // The receiver has what cannot be read here any more. What it was to forget waits again, and is asked once more.
    if let Some(asked) = asked {
        erase::forgotten(db, sequence, asked)?;
    }
    done(db, sequence)?;
    ledger::append(db, &Event::Receipted { sequence, receipt: bytes.to_vec() }, now_ms)?;
    Ok(Ok(sequence))
}

/// What the uplink says that a collector took.
pub(crate) struct Taken {
    /// Epoch of the batch.
    pub(crate) epoch: u64,
    /// Its sequence.
    pub(crate) sequence: u64,
    /// Its digest.
    pub(crate) digest: [u8; 32],
    /// How much of it the collector rejected.
    pub(crate) rejected: u64,
}

/// Deletes a batch that the site's own collector has taken, in the caller's transaction. Nobody signs that: it is believed
/// where a collector is configured, and only there.
///
/// # Errors
/// As [`accept`].
pub(crate) fn taken(
    db: &Connection,
    keys: &Keys,
    settings: &Settings,
    epoch: u64,
    taken: &Taken,
    now_ms: u64,
) -> Result<Result<u64, Refusal>, Error> {
    let Taken { sequence, rejected, .. } = *taken;
    if !settings.has_collector {
        return Ok(Err(Refusal::NoKey));
    }
    if taken.epoch != epoch {
        return Ok(Err(Refusal::Epoch));
    }
    let Some(waiting) = find(db, sequence)? else { return Ok(Err(Refusal::Sequence)) };
    if taken.digest != waiting.digest {
        return Ok(Err(Refusal::Digest));
    }
    match asked_to_forget(db, keys, &waiting) {
        Ok(asked) => erase::forgotten(db, sequence, asked)?,
        Err(error) if error::is_damaged(&error) => {}
        Err(error) => return Err(error),
    }
    done(db, sequence)?;
    ledger::append(db, &Event::Taken { sequence, digest: taken.digest, rejected }, now_ms)?;
    Ok(Ok(sequence))
}

/// A batch has arrived.
fn done(db: &Connection, sequence: u64) -> Result<(), Error> {
    delete(db, sequence)?;
    set(db, meta::RECEIPTED, sql(sequence.max(get_number(db, meta::RECEIPTED)?)))
}

/// Verifies a receipt. Gives the sequence of its batch, and of one that can still be read how many values it asks to forget.
///
/// # Errors
/// As [`accept`].
pub(crate) fn judge(
    db: &Connection,
    keys: &Keys,
    settings: &Settings,
    epoch: u64,
    key: Option<&VerifyingKey>,
    bytes: &[u8],
) -> Result<Result<(u64, Option<usize>), Refusal>, Error> {
    let Some(key) = key else { return Ok(Err(Refusal::NoKey)) };
    let Ok(receipt) = Receipt::decode(bytes) else { return Ok(Err(Refusal::Encoding)) };
    let statement = &receipt.statement;
    if key.verify_strict(&statement.signed_bytes(), &Signature::from_bytes(&receipt.signature)).is_err() {
        return Ok(Err(Refusal::Signature));
    }
    if statement.id.appliance != settings.appliance {
        return Ok(Err(Refusal::Appliance));
    }
    if statement.id.epoch != epoch {
        return Ok(Err(Refusal::Epoch));
    }
    let sequence = statement.id.sequence;
    let Some(waiting) = find(db, sequence)? else { return Ok(Err(Refusal::Sequence)) };
    if statement.digest != waiting.digest {
        return Ok(Err(Refusal::Digest));
    }
    if u64::from(statement.records) != waiting.records() {
        return Ok(Err(Refusal::Records));
    }
    let forgotten =
        statement.forgotten.map_or(0, |forgotten| usize::try_from(forgotten.values).unwrap_or(usize::MAX));
    match asked_to_forget(db, keys, &waiting) {
        Ok(asked) if forgotten != asked => Ok(Err(Refusal::Forgotten)),
        Ok(asked) => Ok(Ok((sequence, Some(asked)))),
        Err(error) if error::is_damaged(&error) => Ok(Ok((sequence, None))),
        Err(error) => Err(error),
    }
}

/// The oldest batch behind a sequence that a medium may take: none that another medium carries.
pub(crate) fn next_for(db: &Connection, medium: MediumId, after: u64) -> Result<Option<Waiting>, Error> {
    let mut statement = db.prepare_cached(&format!(
        "{SELECT} WHERE sequence > ?1 AND NOT EXISTS (
           SELECT 1 FROM carried JOIN medium ON medium.id = carried.medium
             WHERE carried.sequence = outbox.sequence AND written = 1 AND medium.id <> ?2)
         ORDER BY sequence LIMIT 1"
    ))?;
    Ok(statement.query_row(params![sql(after), medium.0], from_row).optional()?)
}

/// The oldest batch that waits.
pub(crate) fn oldest(db: &Connection) -> Result<Option<Waiting>, Error> {
    let mut statement = db.prepare_cached(&format!("{SELECT} ORDER BY sequence LIMIT 1"))?;
    Ok(statement.query_row([], from_row).optional()?)
}

/// Up to `limit` batches behind a sequence, in order.
pub(crate) fn after(db: &Connection, sequence: u64, limit: u32) -> Result<Vec<Waiting>, Error> {
    let mut statement =
        db.prepare_cached(&format!("{SELECT} WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"))?;
    let rows = statement.query_map(params![sql(sequence), limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All batches that wait, the oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Waiting>, Error> {
    let mut statement = db.prepare_cached(&format!("{SELECT} ORDER BY sequence"))?;
    let rows = statement.query_map([], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes a batch anew without some of its records, which are counted as withheld under [`ERASED`]; a batch without such
/// records stays as it is. Gives whether it was changed.
///
/// # Errors
/// When the database fails; a batch that does not open goes to the quarantine.
pub(crate) fn leave_out(
    db: &Connection,
    keys: &Keys,
    waiting: &Waiting,
    which: &dyn Fn(&Record) -> bool,
    now_ms: u64,
) -> Result<bool, Error> {
    let batch = read(db, keys, waiting).and_then(|bytes| Ok(Batch::decode(&bytes)?));
    let mut batch = match batch {
        Ok(batch) => batch,
        Err(error) if error::is_damaged(&error) => {
            quarantine(db, waiting, now_ms)?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let (left_out, records): (Vec<_>, Vec<_>) = batch.records.into_iter().partition(|record| which(record));
    if left_out.is_empty() {
        return Ok(false);
    }
    batch.records = records;
    let mut classes = waiting.classes;
    for record in &left_out {
        account::add(db, End::Withheld(record.kind()), ERASED, 1)?;
        let class = classes.iter_mut().find(|(class, _)| *class == record.kind().class());
        class.into_iter().for_each(|(_, count)| *count = count.saturating_sub(1));
    }
    // The latest contents are those that the receiver may have.
    if batch.replaces.len() >= MAX_REPLACED {
        batch.replaces.remove(0);
    }
    batch.replaces.push(waiting.digest);
    let encoded = batch.encode()?;
    let (sequence, digest, key) = (waiting.sequence, digest(&encoded), keys.present());
    let changed = Waiting { digest, key, classes, ..*waiting };
    let records = changed.records();
    let sealed = keys.seal(key, Place::Outbox { sequence, records, digest: &digest, key }, &encoded)?;
    let (epoch, _) = key.columns();
    let [bulk, state, account] = classes.map(|(_, count)| sql(count));
    db.execute(
        "UPDATE outbox SET epoch = ?2, bulk = ?3, state = ?4, account = ?5, digest = ?6, sealed = ?7 WHERE sequence = ?1",
        params![sql(sequence), epoch, bulk, state, account, digest, sealed],
    )?;
    // What a medium carries of it is what it was.
    db.execute("DELETE FROM carried WHERE sequence = ?1", [sql(sequence)])?;
    let bytes = u64::try_from(encoded.len()).unwrap_or(u64::MAX);
    ledger::append(db, &Event::Rewritten { sequence, records, bytes, digest }, now_ms)?;
    Ok(true)
}

/// Gives up the oldest batch, to make room: its records are lost and counted.
pub(crate) fn give_up(db: &Connection, waiting: &Waiting, reason: &str) -> Result<(), Error> {
    for (class, records) in waiting.classes {
        account::add(db, End::Lost(class), reason, records)?;
    }
    add(db, meta::BATCHES_LOST, 1)?;
    delete_row(db, "outbox", "sequence", waiting.sequence)
}

/// How many batches wait, their records, and the octets they take.
pub(crate) fn totals(db: &Connection) -> Result<(u64, u64, u64), Error> {
    let sums = "SELECT COUNT(*), COALESCE(SUM(bulk + state + account), 0), COALESCE(SUM(length(sealed)), 0) FROM outbox";
    Ok(db.query_row(sums, [], |r| Ok((number(r.get(0)?), number(r.get(1)?), number(r.get(2)?))))?)
}

impl Waiting {
    /// How many records it holds.
    pub(crate) fn records(&self) -> u64 {
        self.classes.iter().map(|(_, records)| records).sum()
    }
}

fn find(db: &Connection, sequence: u64) -> Result<Option<Waiting>, Error> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE sequence = ?1"))?;
    Ok(statement.query_row([sql(sequence)], from_row).optional()?)
}

/// The bytes of a batch.
///
/// # Errors
/// [`Error::Sealed`] for a batch that is damaged or not in its place.
pub(crate) fn read(db: &Connection, keys: &Keys, waiting: &Waiting) -> Result<Vec<u8>, Error> {
    let mut statement = db.prepare_cached("SELECT sealed FROM outbox WHERE sequence = ?1")?;
    let sealed: Vec<u8> = statement.query_row([sql(waiting.sequence)], |r| r.get(0))?;
    let Waiting { sequence, digest, key, .. } = waiting;
    let place = Place::Outbox { sequence: *sequence, records: waiting.records(), digest, key: *key };
    keys.open(*key, place, &sealed)
}

/// Sets a batch aside that does not open; its records are lost and counted.
pub(crate) fn quarantine(db: &Connection, waiting: &Waiting, now_ms: u64) -> Result<(), Error> {
    db.execute(
        "INSERT INTO quarantine (source, row, class, records, epoch, session, created_ms, sealed)
           SELECT 'outbox', ?1, NULL, ?2, ?3, NULL, ?4, COALESCE(CAST(sealed AS BLOB), x'') FROM outbox WHERE sequence = ?1",
        params![sql(waiting.sequence), sql(waiting.records()), waiting.key.columns().0, sql(waiting.created_ms)],
    )?;
    give_up(db, waiting, DAMAGED)?;
    log::error!(
        event = "batch_quarantined";
        "batch {} does not open: its {} records are quarantined",
        waiting.sequence,
        waiting.records()
    );
    let event = Event::Quarantined { table: "outbox", row: waiting.sequence, records: waiting.records() };
    ledger::append(db, &event, now_ms)
}

/// How many values a batch asks to forget: it says so itself.
fn asked_to_forget(db: &Connection, keys: &Keys, waiting: &Waiting) -> Result<usize, Error> {
    Ok(Batch::decode(&read(db, keys, waiting)?)?.forget.len())
}

fn delete(db: &Connection, sequence: u64) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM outbox WHERE sequence = ?1")?.execute([sql(sequence)])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        sequence: number(row.get(0)?),
        created_ms: number(column(row, 1)),
        key: KeyRef::Epoch(number(column(row, 2))),
        // A digest of another length matches no receipt and no seal.
        digest: column::<Vec<u8>>(row, 3).try_into().unwrap_or([0; 32]),
        classes: [
            (Class::Bulk, number(column(row, 4))),
            (Class::State, number(column(row, 5))),
            (Class::Account, number(column(row, 6))),
        ],
    })
}

/// Why records of somebody who was erased do not leave.
pub(crate) const ERASED: &str = "erased";
const SELECT: &str = "SELECT sequence, created_ms, epoch, digest, bulk, state, account FROM outbox";
