//! What the administrator may ask about records and the ledger. Nothing here changes anything, and
//! each answer reads a bounded part of the store.

use std::collections::HashSet;

use headgate_record::ledger::MAX_PAGE;
use headgate_record::{Kind, local};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::keys::Keys;
use crate::release::{self, Gathered};
use crate::{Error, error, ledger, outbox, segment, sign};
use headgate_rules::Rules;

/// The latest record of each subject of a kind, the newest first.
pub(crate) fn records(db: &Connection, keys: &Keys, kind: Kind, limit: u32) -> Result<Value, Error> {
    let mut found = List::new(limit);
    let mut seen = HashSet::new();
    let (mut below, mut scanned) = (u64::MAX, 0);
    while scanned < MAX_SCANNED {
        let segments = segment::before(db, kind.class(), below, CHUNK)?;
        let Some(last) = segments.last() else { break };
        below = last.id;
        for segment in &segments {
            let records = match segment::read(db, keys, segment) {
                Ok(records) => records,
                Err(error) if error::is_damaged(&error) => continue,
                Err(error) => return Err(error),
            };
            scanned += records.len().max(1);
            for record in records.iter().rev().filter(|r| r.kind() == kind) {
                if seen.insert(record.key()) && !found.push(record.to_json()) {
                    return Ok(found.into());
                }
            }
            if scanned >= MAX_SCANNED {
                break;
            }
        }
    }
    Ok(found.into())
}

/// What the next batch would hold, record by record and by reason.
pub(crate) fn preview(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    settings: &Settings,
    limit: u32,
) -> Result<Value, Error> {
    let Gathered { records, withheld, .. } =
        release::gather(db, keys, rules.release(), settings.batch_records)?;
    let withheld: Vec<Value> = withheld
        .iter()
        .map(|((kind, reason), n)| json!({ "kind": kind.name(), "reason": reason, "records": n }))
        .collect();
    let count = records.len();
    let mut shown = List::new(limit);
    for record in &records {
        if !shown.push(record.to_json()) {
            break;
        }
    }
    let (batches, _, _) = outbox::totals(db)?;
    Ok(json!({
        "receiver_configured": settings.has_receiver,
        "waiting": release::waiting(db)?,
        "batches_waiting": batches,
        "records_in_batch": count,
        "records": Value::from(shown),
        "withheld": withheld,
    }))
}

/// The latest ledger entries, and whether their chain is whole and its end is the one that this store signed.
pub(crate) fn ledger(db: &Connection, keys: &Keys, limit: u32) -> Result<Value, Error> {
    let mut broken_at = ledger::verify(db, limit.min(ledger::MAX_LISTED))?.broken_at;
    if broken_at.is_none() && !sign::is_end_signed(db, keys)? {
        broken_at = Some(ledger::last(db)?);
    }
    Ok(json!({
        "verified": broken_at.is_none(),
        "broken_at": broken_at,
        "entries": ledger::latest(db, limit)?,
    }))
}

/// The header of the ledger and the entries behind one.
pub(crate) fn ledger_entries(db: &Connection, after: u64) -> Result<Value, Error> {
    Ok(json!({ "header": ledger::header(db)?, "entries": ledger::after(db, after, MAX_PAGE)? }))
}

/// JSON values that together fit into one answer.
struct List {
    items: Vec<Value>,
    most: usize,
    octets: usize,
}

impl List {
    fn new(limit: u32) -> List {
        List {
            items: Vec::new(),
            most: usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_LISTED),
            octets: 0,
        }
    }

    /// Adds a value; `false` when no other one would fit.
    fn push(&mut self, value: Value) -> bool {
        if self.items.len() >= self.most {
            return false;
        }
        self.octets += value.to_string().len();
        if self.octets > MAX_OCTETS {
            return false;
        }
        self.items.push(value);
        self.items.len() < self.most
    }
}

impl From<List> for Value {
    fn from(list: List) -> Value {
        Value::Array(list.items)
    }
}

/// Most records that one question looks at.
const MAX_SCANNED: usize = 100_000;
/// Most records of one answer.
const MAX_LISTED: usize = 16_384;
/// Most octets of the records of one answer; the rest of the message needs little.
pub(crate) const MAX_OCTETS: usize = local::MAX_MESSAGE_BYTES - (1 << 20);
/// Segments looked up together.
const CHUNK: u32 = 64;
