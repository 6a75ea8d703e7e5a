//! The ledger: what this store did that matters to others, in a chain of hashes that it signs.
//!
//! How the chain is made and verified is in [`headgate_record::ledger`]. No entry holds personal data. Entries are outside of
//! eviction: they leave only when the ledger outgrows its share of the store, oldest first, and when such an entry is
//! younger than six months the ledger itself says so; the number and hash of the last one that left stay as the anchor
//! that the rest is verified from.

use headgate_record::bundle::MediumId;
use headgate_record::ledger::{Entry, Header, VERSION, hash, hex, origin};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::Error;
use crate::database::{self, get, get_number, last_id, meta, number, set, sql};

/// What is written down.
pub(crate) enum Event {
    /// The database was made.
    Created { epoch: u64 },
    /// A batch was sealed into the outbox.
    Released { sequence: u64, records: u64, bytes: u64, digest: [u8; 32] },
    /// A batch was deleted against the receiver's receipt.
    Receipted { sequence: u64, receipt: Vec<u8> },
    /// A batch was deleted because the site's own collector took it, and of it so much not.
    Taken { sequence: u64, digest: [u8; 32], rejected: u64 },
    /// Room was made: segments, the records among them that had not been released, and batches.
    Evicted { segments: u64, records_lost: u64, batches: u64 },
    /// What was older than its period was deleted: segments, the records among them that had not been released.
    Expired { segments: u64, records_lost: u64 },
    /// Other rules are in force.
    Rules { digest: [u8; 32] },
    /// A sensor's session is over, and what was kept for it only is destroyed.
    SessionDestroyed { segments: u64, records: u64 },
    /// A batch was written anew without records of somebody who was erased.
    Rewritten { sequence: u64, records: u64, bytes: u64, digest: [u8; 32] },
    /// A person was erased: identity rows, batches that were written anew, values that the receiver is told to forget.
    Erased { rows: u64, batches: u64, tombstone: u64 },
    /// A value was set right in so many places.
    Corrected { field: &'static str, places: u64 },
    /// All that is kept of a person was asked for.
    SubjectExported,
    /// Keys of a new epoch are in use.
    KeysRotated { which: &'static str },
    /// A segment or batch does not open.
    Quarantined { table: &'static str, row: u64, records: u64 },
    /// Of what waited for a segment so many rows are not what was written, and so many records are lost.
    TailDamaged { rows: u64, records: u64 },
    /// The administrator deleted segments: the records among them that had not been released are lost.
    Purged { class: &'static str, before_ms: u64, segments: u64, records: u64, records_lost: u64 },
    /// The administrator took records, of a kind or of all, out of the buffer.
    Exported { kind: &'static str },
    /// A first batch was put on a medium.
    MediumBegun { medium: MediumId },
    /// A medium was written to its end, with batches from a first to a last.
    Carried { medium: MediumId, batches: u64, records: u64, first: u64, last: u64 },
    /// A medium was given up: so many of its batches go on another.
    MediumLost { medium: MediumId, batches: u64 },
    /// A step of a request of the receiver: which step, of which, and who took it; and SHA-256 of what was asked, where it is known.
    Request { event: &'static str, id: String, kind: &'static str, by: &'static str, digest: [u8; 32] },
    /// The database that was here before could not be used, and lies aside, with so many records that have no receipt, as far as it can be read; `None`
    /// where nobody knows.
    SetAside { octets: u64, records: Option<u64> },
    /// An index of the database was damaged: all were built anew from their tables.
    Reindexed,
    /// Values of the store's own were not what was set; so many of these were set right.
    Unsound { values: u64, mended: u64 },
    /// Entries younger than six months left, because the ledger had outgrown its share.
    PrunedEarly { through: u64 },
}

/// What verifying found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Number of the first entry that is not as it was written, or is absent.
    pub(crate) broken_at: Option<u64>,
}

/// Writes an entry, in the transaction of what it tells of.
pub(crate) fn append(db: &Connection, event: &Event, now_ms: u64) -> Result<(), Error> {
    let last = last_id(db, TABLE)?;
    let pruned = get_number(db, meta::LEDGER_PRUNED)?;
    let previous = if last == pruned {
        anchor(db)?
    } else {
        let mut statement = db.prepare_cached("SELECT hash FROM ledger WHERE number = ?1")?;
        // A chain whose end is damaged goes on from zero, and verification says where it broke.
        statement.query_row([sql(last)], |r| r.get(0)).unwrap_or_default()
    };
    let (entry, name, detail) = (last.saturating_add(1), event.name(), event.detail().to_string());
    let hash = hash(&previous, entry, now_ms, name, &detail);
    let mut statement = db.prepare_cached(
        "INSERT INTO ledger (number, at_ms, event, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![sql(entry), sql(now_ms), name, detail, hash])?;
    Ok(())
}

/// Checks the hashes of the latest entries, at most `limit`, each from the one before, and that the last one written is among
/// them. Signatures are [`crate::sign`]'s, and all entries `headgate ledger verify`'s.
pub(crate) fn verify(db: &Connection, limit: u32) -> Result<Verdict, Error> {
    let (last, pruned) = (last_id(db, TABLE)?, get_number(db, meta::LEDGER_PRUNED)?);
    let from = last.saturating_sub(limit.into()).max(pruned);
    let mut previous = if from == pruned {
        anchor(db)?
    } else {
        let mut statement = db.prepare_cached("SELECT hash FROM ledger WHERE number = ?1")?;
        match statement.query_row([sql(from)], |r| r.get(0)).optional()? {
            Some(hash) => hash,
            None => return Ok(Verdict { broken_at: Some(from) }),
        }
    };
    let mut expected = from.saturating_add(1);
    let mut statement = db.prepare_cached(
        "SELECT number, at_ms, event, detail, hash FROM ledger WHERE number > ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([sql(from)])?;
    while let Some(row) = rows.next()? {
        let (entry, at_ms) = (number(row.get(0)?), number(row.get(1)?));
        let (event, detail): (String, String) = (row.get(2)?, row.get(3)?);
        let written: Vec<u8> = row.get(4)?;
        let computed = hash(&previous, entry, at_ms, &event, &detail);
        if entry != expected || written != computed {
            return Ok(Verdict { broken_at: Some(expected) });
        }
        previous = computed.to_vec();
        expected = expected.saturating_add(1);
    }
    let complete = expected == last.saturating_add(1);
    Ok(Verdict { broken_at: (!complete).then_some(expected) })
}

/// Number of the last entry that was written.
pub(crate) fn last(db: &Connection) -> Result<u64, Error> {
    last_id(db, TABLE)
}

/// The latest entries, newest first.
pub(crate) fn latest(db: &Connection, limit: u32) -> Result<Vec<Value>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT number, at_ms, event, detail, hash FROM ledger ORDER BY number DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([limit.min(MAX_LISTED)], |r| {
        let detail: String = r.get(3)?;
        Ok(json!({
            "number": number(r.get(0)?),
            "at_ms": number(r.get(1)?),
            "event": r.get::<_, String>(2)?,
            "detail": serde_json::from_str::<Value>(&detail).unwrap_or(Value::String(detail)),
            "hash": hex::encode(r.get::<_, Vec<u8>>(4)?),
        }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What an export of the ledger begins with.
pub(crate) fn header(db: &Connection) -> Result<Header, Error> {
    Ok(Header {
        version: VERSION,
        database: hex(&identity(db)?),
        pruned: get_number(db, meta::LEDGER_PRUNED)?,
        anchor: hex(&anchor(db)?),
        last: last_id(db, TABLE)?,
        signature: hex(&get::<Vec<u8>>(db, meta::LEDGER_HEAD)?.unwrap_or_default()),
    })
}

/// Entries behind one, in order: at most `limit`.
pub(crate) fn after(db: &Connection, entry: u64, limit: usize) -> Result<Vec<Entry>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT number, at_ms, event, detail, hash, signature FROM ledger WHERE number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![sql(entry), limit], |r| {
        Ok(Entry {
            number: number(r.get(0)?),
            at_ms: number(r.get(1)?),
            event: r.get(2)?,
            detail: r.get(3)?,
            hash: hex(&r.get::<_, Vec<u8>>(4)?),
            signature: r.get::<_, Option<Vec<u8>>>(5)?.map(|signature| hex(&signature)),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many entries a store of `cap` octets keeps.
pub(crate) fn most(cap: u64) -> u64 {
    cap / SHARE / ENTRY_BYTES
}

/// Removes the oldest entries once there are more than the ledger's share of a store of `cap` octets.
pub(crate) fn prune(db: &Connection, cap: u64, now_ms: u64) -> Result<(), Error> {
    let most = most(cap);
    let (last, pruned) = (last_id(db, TABLE)?, get_number(db, meta::LEDGER_PRUNED)?);
    if last.saturating_sub(pruned) <= most {
        return Ok(());
    }
    // A sixteenth at once, so that this happens seldom.
    let through = last.saturating_sub(most - most / 16);
    let (hash, at_ms) = db
        .query_row("SELECT hash, at_ms FROM ledger WHERE number = ?1", [sql(through)], |r| {
            Ok((r.get::<_, Vec<u8>>(0)?, number(r.get(1)?)))
        })
        .unwrap_or_default();
    db.execute("DELETE FROM ledger WHERE number <= ?1", [sql(through)])?;
    set(db, meta::LEDGER_PRUNED, sql(through))?;
    set(db, meta::LEDGER_ANCHOR, hash)?;
    if now_ms.saturating_sub(at_ms) < KEPT_MS {
        log::warn!(event = "ledger_short"; "the ledger is larger than its share: entries of less than six months left; raise store.max_mib");
        append(db, &Event::PrunedEarly { through }, now_ms)?;
    }
    Ok(())
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Created { .. } => "created",
            Event::Released { .. } => "released",
            Event::Receipted { .. } => "receipted",
            Event::Taken { .. } => "taken",
            Event::Evicted { .. } => "evicted",
            Event::Expired { .. } => "expired",
            Event::Rules { .. } => "rules",
            Event::SessionDestroyed { .. } => "session-destroyed",
            Event::Rewritten { .. } => "rewritten",
            Event::Erased { .. } => "erased",
            Event::Corrected { .. } => "corrected",
            Event::SubjectExported => "subject-exported",
            Event::KeysRotated { .. } => "keys-rotated",
            Event::Quarantined { .. } => "quarantined",
            Event::TailDamaged { .. } => "tail-damaged",
            Event::Purged { .. } => "purged",
            Event::Exported { .. } => "exported",
            Event::MediumBegun { .. } => "medium-begun",
            Event::Carried { .. } => "medium-written",
            Event::MediumLost { .. } => "medium-lost",
            Event::Request { event, .. } => event,
            Event::SetAside { .. } => "set-aside",
            Event::Reindexed => "reindexed",
            Event::Unsound { .. } => "values-unsound",
            Event::PrunedEarly { .. } => "pruned-early",
        }
    }

    fn detail(&self) -> Value {
        match self {
            Event::Created { epoch } => json!({ "epoch": epoch }),
            Event::Released { sequence, records, bytes, digest }
            | Event::Rewritten { sequence, records, bytes, digest } => json!({
                "sequence": sequence, "records": records, "bytes": bytes, "digest": hex::encode(digest),
            }),
            Event::Receipted { sequence, receipt } => {
                json!({ "sequence": sequence, "receipt": hex::encode(receipt) })
            }
            Event::Taken { sequence, digest, rejected } => {
                json!({ "sequence": sequence, "digest": hex::encode(digest), "rejected": rejected })
            }
            Event::Evicted { segments, records_lost, batches } => {
                json!({ "segments": segments, "records_lost": records_lost, "batches": batches })
            }
            Event::Expired { segments, records_lost } => {
                json!({ "segments": segments, "records_lost": records_lost })
            }
            Event::Rules { digest } => json!({ "digest": hex::encode(digest) }),
            Event::SessionDestroyed { segments, records } => {
                json!({ "segments": segments, "records": records })
            }
            Event::Erased { rows, batches, tombstone } => {
                json!({ "rows": rows, "batches": batches, "tombstone": tombstone })
            }
            Event::Corrected { field, places } => json!({ "field": field, "places": places }),
            Event::SubjectExported | Event::Reindexed => json!({}),
            Event::KeysRotated { which } => json!({ "which": which }),
            Event::Quarantined { table, row, records } => {
                json!({ "table": table, "row": row, "records": records })
            }
            Event::TailDamaged { rows, records } => json!({ "rows": rows, "records": records }),
            Event::Purged { class, before_ms, segments, records, records_lost } => json!({
                "class": class, "before_ms": before_ms, "segments": segments, "records": records,
                "records_lost": records_lost,
            }),
            Event::Exported { kind } => json!({ "kind": kind }),
            Event::MediumBegun { medium } => json!({ "medium": medium.to_string() }),
            Event::Carried { medium, batches, records, first, last } => json!({
                "medium": medium.to_string(), "batches": batches, "records": records, "first": first, "last": last,
            }),
            Event::MediumLost { medium, batches } => {
                json!({ "medium": medium.to_string(), "batches": batches })
            }
            Event::Request { id, kind, by, digest, .. } => {
                json!({ "request": id, "kind": kind, "by": by, "digest": hex::encode(digest) })
            }
            Event::SetAside { octets, records } => json!({ "octets": octets, "records": records }),
            Event::Unsound { values, mended } => json!({ "values": values, "mended": mended }),
            Event::PrunedEarly { through } => json!({ "through": through }),
        }
    }
}

/// What the first kept entry follows.
fn anchor(db: &Connection) -> Result<Vec<u8>, Error> {
    match get(db, meta::LEDGER_ANCHOR)? {
        Some(hash) => Ok(hash),
        None => Ok(origin(&identity(db)?).to_vec()),
    }
}

/// Identity of the database.
pub(crate) fn identity(db: &Connection) -> Result<[u8; 16], Error> {
    database::get(db, meta::DATABASE)?.ok_or(Error::Damaged("identity"))
}

const TABLE: &str = "ledger";
/// An entry that leaves earlier is said to: six months.
const KEPT_MS: u64 = 183 * 24 * 60 * 60 * 1_000;
/// Most entries in one answer.
pub(crate) const MAX_LISTED: u32 = 4_096;
/// The ledger may take this part of the store.
const SHARE: u64 = 4;
/// What an entry takes, octets, with a receipt in every other one.
const ENTRY_BYTES: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::in_memory;
    use crate::master::MasterKey;

    #[test]
    fn a_pruned_ledger_verifies_from_its_anchor() {
        let (db, _) = in_memory(&MasterKey::random());
        let cap = SHARE * ENTRY_BYTES * 32;
        for epoch in 0..100 {
            append(&db, &Event::Created { epoch }, epoch).unwrap();
            prune(&db, cap, epoch + KEPT_MS).unwrap();
        }
        assert_eq!(verify(&db, u32::MAX).unwrap().broken_at, None);
        let kept = latest(&db, 1_000).unwrap();
        assert!(kept.len() <= 32 && kept.len() > 28, "{}", kept.len());
        assert_eq!(kept[0]["number"], 101);
        let oldest = kept.last().unwrap()["number"].as_i64().unwrap();
        db.execute("DELETE FROM ledger WHERE number = ?1", [oldest]).unwrap();
        assert_eq!(verify(&db, u32::MAX).unwrap().broken_at, u64::try_from(oldest).ok());
    }

    #[test]
    fn entries_of_less_than_six_months_leave_only_when_there_is_no_room_and_that_is_said() {
        let (db, _) = in_memory(&MasterKey::random());
        let cap = SHARE * ENTRY_BYTES * 32;
        for epoch in 0..31 {
            append(&db, &Event::Created { epoch }, epoch).unwrap();
            prune(&db, cap, u64::MAX).unwrap();
        }
        assert_eq!(latest(&db, 1_000).unwrap().len(), 32, "whatever their age");
        append(&db, &Event::Created { epoch: 32 }, 1_000).unwrap();
        prune(&db, cap, 2_000).unwrap();
        let kept = latest(&db, 1_000).unwrap();
        assert_eq!((&kept[0]["event"], &kept[0]["detail"]["through"]), (&"pruned-early".into(), &3.into()));
        assert_eq!(verify(&db, u32::MAX).unwrap().broken_at, None);
    }

    #[test]
    fn the_time_and_the_event_are_part_of_the_chain() {
        for change in ["at_ms = at_ms + 1", "event = 'x'", "number = number + 1"] {
            let (db, _) = in_memory(&MasterKey::random());
            append(&db, &Event::Rules { digest: [1; 32] }, 5).unwrap();
            db.execute_batch(&format!("UPDATE ledger SET {change} WHERE number = 2")).unwrap();
            assert_eq!(verify(&db, u32::MAX).unwrap().broken_at, Some(2), "{change}");
        }
    }
}
