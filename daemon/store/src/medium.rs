//! Which medium a batch is on (ADR 0019).
//!
//! A medium is written to its end or holds nothing back: until then, and when it is given up as lost, its batches go on another. A
//! batch that is on a medium is handed to the uplink all the same.

use headgate_record::bundle::MediumId;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::Error;
use crate::database::{column, number, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::{error, outbox};

/// Why a medium is not taken. The text goes to who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No batches are made.
    #[error("no batches are made: neither a receiver is named nor [uplink] bundles = true")]
    Nothing,
    /// Too many are under way.
    #[error("{MAX_MEDIA} media are under way; bring their receipts, or give those up that are lost")]
    Many,
    /// It was written already.
    #[error("this medium was written already")]
    Written,
    /// Nobody began it, or it was given up.
    #[error("no batch was put on this medium")]
    Unknown,
}

/// The next batch for a medium behind a sequence, its bytes. The batch is on that medium from then on, as far as it is written.
/// A batch that does not open goes to the quarantine. To be called in a transaction.
///
/// # Errors
/// A [`Refusal`] inside `Ok`; those of the database.
pub(crate) fn next(
    db: &Connection,
    keys: &Keys,
    medium: MediumId,
    after: u64,
    now_ms: u64,
) -> Result<Result<Option<Vec<u8>>, Refusal>, Error> {
    let known = written(db, medium)?;
    if known == Some(true) {
        return Ok(Err(Refusal::Written));
    }
    loop {
        let Some(waiting) = outbox::next_for(db, medium, after)? else { return Ok(Ok(None)) };
        let batch = match outbox::read(db, keys, &waiting) {
            Ok(batch) => batch,
            Err(error) if error::is_damaged(&error) => {
                outbox::quarantine(db, &waiting, now_ms)?;
                continue;
            }
            Err(error) => return Err(error),
        };
        if known.is_none() && !begin(db, medium, now_ms)? {
            return Ok(Err(Refusal::Many));
        }
        db.prepare_cached(
            "INSERT INTO carried (sequence, medium) VALUES (?1, ?2) ON CONFLICT (sequence) DO UPDATE SET medium = ?2",
        )?
        .execute(params![sql(waiting.sequence), medium.0])?;
        db.execute_batch(TALLY)?;
        db.prepare_cached("INSERT OR REPLACE INTO tally (medium, sequence, records) VALUES (?1, ?2, ?3)")?
            .execute(params![medium.0, sql(waiting.sequence), sql(waiting.records())])?;
        return Ok(Ok(Some(batch)));
    }
}

/// A medium is written to its end, with batches up to `through`. All that are on it are noted, those too whose receipt came by
/// another way while it was written; it is under way as long as one of them waits.
///
/// # Errors
/// As [`next`].
pub(crate) fn finish(
    db: &Connection,
    medium: MediumId,
    through: u64,
    now_ms: u64,
) -> Result<Result<(), Refusal>, Error> {
    match written(db, medium)? {
        Some(false) => {}
        Some(true) => return Ok(Err(Refusal::Written)),
        None => return Ok(Err(Refusal::Unknown)),
    }
    db.execute("DELETE FROM carried WHERE medium = ?1 AND sequence > ?2", params![medium.0, sql(through)])?;
    db.execute_batch(TALLY)?;
    let sums = "SELECT COUNT(*), COALESCE(SUM(records), 0), COALESCE(MIN(sequence), 0), COALESCE(MAX(sequence), 0) FROM (
                  SELECT sequence, records FROM tally WHERE medium = ?1 AND sequence <= ?2
                  UNION SELECT sequence, bulk + state + account FROM carried JOIN outbox USING (sequence) WHERE medium = ?1)";
    let [batches, records, first, last] = db.query_row(sums, params![medium.0, sql(through)], |r| {
        Ok([number(r.get(0)?), number(r.get(1)?), number(r.get(2)?), number(r.get(3)?)])
    })?;
    db.execute("DELETE FROM tally WHERE medium = ?1", [medium.0])?;
    db.execute("UPDATE medium SET written = 1, batches = ?2 WHERE id = ?1", params![medium.0, sql(batches)])?;
    // Where all of them arrived by another way meanwhile.
    db.execute(
        "DELETE FROM medium WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM carried WHERE medium = ?1)",
        [medium.0],
    )?;
    ledger::append(db, &Event::Carried { medium, batches, records, first, last }, now_ms)?;
    Ok(Ok(()))
}

/// Gives a medium up as lost. Gives how many of its batches go on another; `None` where there is no such medium.
pub(crate) fn lose(db: &Connection, medium: MediumId, now_ms: u64) -> Result<Option<usize>, Error> {
    let batches = db.execute("DELETE FROM carried WHERE medium = ?1", [medium.0])?;
    let known = db.execute("DELETE FROM medium WHERE id = ?1", [medium.0])? > 0;
    if batches == 0 && !known {
        return Ok(None);
    }
    ledger::append(
        db,
        &Event::MediumLost { medium, batches: u64::try_from(batches).unwrap_or(u64::MAX) },
        now_ms,
    )?;
    Ok(Some(batches))
}

/// The media under way, the oldest first, and how many batches that wait are on none.
pub(crate) fn list(db: &Connection, now_ms: u64) -> Result<Value, Error> {
    let mut statement = db.prepare_cached(
        "SELECT medium.id, begun_ms, written, batches, COUNT(outbox.sequence), MIN(outbox.sequence), MAX(outbox.sequence),
                COALESCE(SUM(bulk + state + account), 0)
           FROM medium LEFT JOIN carried ON carried.medium = medium.id LEFT JOIN outbox USING (sequence) GROUP BY medium.id ORDER BY begun_ms LIMIT ?1",
    )?;
    let rows = statement.query_map([MAX_MEDIA], |r| {
        let id: Vec<u8> = column(r, 0);
        Ok(json!({
            "medium": hex::encode(id), "begun_ms": number(column(r, 1)), "age_ms": now_ms.saturating_sub(number(column(r, 1))),
            "written": column::<i64>(r, 2) == 1, "batches": number(column(r, 3)), "waiting": number(column(r, 4)),
            "first": r.get::<_, Option<i64>>(5)?.map(number), "last": r.get::<_, Option<i64>>(6)?.map(number),
            "records": number(column(r, 7)),
        }))
    })?;
    let media: Vec<Value> = rows.collect::<Result<_, _>>()?;
    let loose = "SELECT (SELECT COUNT(*) FROM outbox)
                   - (SELECT COUNT(*) FROM carried JOIN medium ON medium.id = carried.medium WHERE written = 1)";
    let loose = number(db.query_row(loose, [], |r| r.get(0))?);
    Ok(json!({ "media": media, "on_no_medium": loose }))
}

fn written(db: &Connection, medium: MediumId) -> Result<Option<bool>, Error> {
    let mut statement = db.prepare_cached("SELECT written FROM medium WHERE id = ?1")?;
    Ok(statement.query_row([medium.0], |r| Ok(column::<i64>(r, 0) == 1)).optional()?)
}

/// Whether there is room for one more. Those that nobody finished make it.
fn begin(db: &Connection, medium: MediumId, now_ms: u64) -> Result<bool, Error> {
    let count = || Ok::<u64, Error>(number(db.query_row("SELECT COUNT(*) FROM medium", [], |r| r.get(0))?));
    if count()? >= MAX_MEDIA.into() {
        db.execute("DELETE FROM medium WHERE written <> 1", [])?;
        if count()? >= MAX_MEDIA.into() {
            return Ok(false);
        }
    }
    db.execute_batch(TALLY)?;
    db.execute(
        "DELETE FROM tally WHERE medium NOT IN (SELECT id FROM medium WHERE written <> 1 ORDER BY begun_ms DESC LIMIT ?1)",
        [TALLIED],
    )?;
    db.execute(
        "INSERT INTO medium (id, begun_ms, written, batches) VALUES (?1, ?2, 0, 0)",
        params![medium.0, sql(now_ms)],
    )?;
    ledger::append(db, &Event::MediumBegun { medium }, now_ms)?;
    Ok(true)
}

/// Most media under way.
const MAX_MEDIA: u32 = 256;
/// What was put on the media that are being written, in memory, since a batch that has its receipt is on no medium for the
/// database. Should the store end, so does the export that asks it.
const TALLY: &str = "CREATE TEMP TABLE IF NOT EXISTS tally (
  medium BLOB NOT NULL, sequence INTEGER NOT NULL, records INTEGER NOT NULL, PRIMARY KEY (medium, sequence)) WITHOUT ROWID";
/// Of how many earlier media that are being written that is remembered; of others what still waits is noted.
const TALLIED: u32 = 3;
