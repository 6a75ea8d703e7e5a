//! What the administrator does with the buffer: look, verify, purge, give back, take out. Each call is one step of bounded
//! work, so that hand-overs go on between steps.

use std::collections::BTreeMap;
use std::path::Path;

use headgate_record::{Class, Kind};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::account::{self, End};
use crate::config::Settings;
use crate::database::{self, Checkpoint, allocated, get_number, meta, number, on_disk, used};
use crate::identity::sweep;
use crate::keys::{self, Keys};
use crate::ledger::{self, Event};
use crate::query::MAX_OCTETS;
use crate::release::Cursor;
use crate::segment::{self, Segment};
use crate::{Error, error, evict, outbox};

/// What the buffer holds, by class, and what it takes.
pub(crate) fn stats(db: &Connection, settings: &Settings) -> Result<Value, Error> {
    let mut statement = db.prepare_cached(
        "SELECT class, COUNT(*), SUM(records), SUM(length(sealed)), MIN(created_ms), MAX(created_ms)
           FROM segment NOT INDEXED GROUP BY class",
    )?;
    let rows = statement.query_map([], |r| {
        let class = Class::from_number(r.get(0)?).map(Class::name);
        Ok(json!({
            "class": class, "segments": number(r.get(1)?), "records": number(r.get(2)?), "octets": number(r.get(3)?),
            "oldest_ms": number(r.get(4)?), "newest_ms": number(r.get(5)?),
        }))
    })?;
    let classes: Vec<Value> = rows.collect::<Result<_, _>>()?;
    let count = |table: &str| -> Result<u64, Error> {
        Ok(number(db.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |r| r.get(0))?))
    };
    let (batches, batch_records, batch_octets) = outbox::totals(db)?;
    let (allocated, used) = (allocated(db)?, used(db)?);
    Ok(json!({
        "classes": classes,
        "outbox": { "batches": batches, "records": batch_records, "octets": batch_octets },
        "quarantined": count("quarantine")?,
        "missing": get_number(db, meta::MISSING)?,
        "ledger_entries": count("ledger")?,
        "ledger_entries_most": ledger::most(settings.cap),
        "bytes_on_disk": on_disk(&settings.database()),
        "database": allocated,
        "free": allocated.saturating_sub(used),
        "evicts_from": evict::budget(settings.cap),
        "cap": settings.cap,
    }))
}

/// Opens and reads the segments behind one.
pub(crate) fn verify(db: &Connection, keys: &Keys, after: u64) -> Result<Value, Error> {
    let (mut segments, mut records, mut damaged) = (0_u64, 0_u64, Vec::new());
    let found = segment::after(db, after, STEP_SEGMENTS)?;
    let mut next = None;
    for segment in &found {
        segments += 1;
        match segment::verify(db, keys, segment) {
            Ok(read) => records += read,
            Err(error) if error::is_damaged(&error) => damaged.push(json!({
                "segment": segment.id, "class": segment.class.name(), "records": segment.records,
            })),
            Err(error) => return Err(error),
        }
        next = Some(segment.id);
        if records >= STEP_RECORDS {
            break;
        }
    }
    Ok(json!({ "segments": segments, "records": records, "damaged": damaged, "next": next }))
}

/// Opens the batches behind one.
pub(crate) fn verify_outbox(db: &Connection, keys: &Keys, after: u64) -> Result<Value, Error> {
    let (mut batches, mut damaged, mut next) = (0_u64, Vec::new(), None);
    for waiting in outbox::after(db, after, STEP_BATCHES)? {
        batches += 1;
        next = Some(waiting.sequence);
        match outbox::read(db, keys, &waiting) {
            Ok(_) => {}
            Err(error) if error::is_damaged(&error) => {
                damaged.push(json!({ "batch": waiting.sequence, "records": waiting.records() }));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(json!({ "batches": batches, "damaged": damaged, "next": next }))
}

/// Has SQLite look at every page and index, over a connection of its own that changes nothing. It takes as long as reading the
/// file does; until then the WAL is not cut.
pub(crate) fn structure(database: &Path) -> Result<Value, Error> {
    let db = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    let mut statement = db.prepare(&format!("PRAGMA integrity_check({MOST_FAULTS})"))?;
    let faults = statement.query_map([], |r| r.get::<_, String>(0))?;
    let mut found = Vec::new();
    for fault in faults {
        match fault {
            Ok(fault) if fault == "ok" => {}
            Ok(fault) => found.push(fault),
            Err(error) if error::is_damage(&error) => found.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(json!({ "faults": found }))
}

/// Deletes, in the caller's transaction, the next segments of a class that were sealed before a time, or only counts all of
/// them. With the last of them go the rows of whom nothing is kept any more, and the keys that nothing needs.
pub(crate) fn purge(
    db: &Connection,
    keys: &Keys,
    class: Option<Class>,
    before_ms: u64,
    count_only: bool,
    now_ms: u64,
) -> Result<Value, Error> {
    let cursor = Cursor::load(db)?;
    let mut purged: BTreeMap<Class, [u64; 3]> = BTreeMap::new();
    let (mut after, mut seen, mut more) = (0, 0, true);
    while more && (count_only || seen < STEP_SEGMENTS) {
        let found = segment::after(db, after, STEP_SEGMENTS)?;
        more = !found.is_empty();
        for segment in found {
            after = segment.id;
            if segment.created_ms >= before_ms || class.is_some_and(|class| class != segment.class) {
                continue;
            }
            seen += 1;
            count(&mut purged, &segment, &cursor);
            if !count_only {
                account::add(db, End::Lost(segment.class), PURGED, cursor.unreleased(&segment))?;
                segment::delete(db, segment.id)?;
                if seen >= STEP_SEGMENTS {
                    break;
                }
            }
        }
    }
    if !count_only {
        for (class, [segments, records, records_lost]) in &purged {
            let (class, segments, records, records_lost) = (class.name(), *segments, *records, *records_lost);
            ledger::append(db, &Event::Purged { class, before_ms, segments, records, records_lost }, now_ms)?;
        }
        if !more {
            sweep::sweep(db, keys)?;
            keys::destroy_unneeded(db)?;
        }
    }
    let rows: Vec<Value> = purged
        .iter()
        .map(|(class, [segments, records, lost])| {
            json!({ "class": class.name(), "segments": segments, "records": records, "not_released": lost })
        })
        .collect();
    Ok(json!({ "purged": rows, "more": more && !count_only }))
}

/// Gives some free pages back. Gives how many are left to give.
pub(crate) fn compact(db: &Connection, settings: &Settings) -> Result<Value, Error> {
    let before = allocated(db)?;
    database::vacuum(db)?;
    database::checkpoint(db, Checkpoint::Cut)?;
    let (after, used) = (allocated(db)?, used(db)?);
    Ok(json!({
        "given_back": before.saturating_sub(after), "free": after.saturating_sub(used),
        "bytes_on_disk": on_disk(&settings.database()),
    }))
}

/// The next records as they are kept, of a kind or of all: those of segments behind one, without the first `taken` of the
/// first of them.
pub(crate) fn export(
    db: &Connection,
    keys: &Keys,
    kind: Option<Kind>,
    after: u64,
    taken: u32,
) -> Result<Value, Error> {
    let (mut records, mut octets, mut damaged) = (Vec::new(), 0, 0_u64);
    let page = |records: Vec<Value>, damaged: u64, after: u64, taken: u32, last: bool| json!({ "records": records, "damaged": damaged, "after": after, "taken": taken, "last": last });
    let (mut after, mut taken) = (after, taken);
    for _ in 0..STEP_SEGMENTS {
        let Some(segment) = segment::after(db, after, 1)?.pop() else {
            return Ok(page(records, damaged, after, taken, true));
        };
        if kind.is_none_or(|kind| kind.class() == segment.class) {
            let read = match segment::read(db, keys, &segment) {
                Ok(read) => read,
                Err(error) if error::is_damaged(&error) => {
                    damaged = damaged.saturating_add(segment.records.into());
                    Vec::new()
                }
                Err(error) => return Err(error),
            };
            for (at, record) in (0_u32..).zip(&read) {
                if at < taken || kind.is_some_and(|kind| kind != record.kind()) {
                    continue;
                }
                let record = record.to_json();
                octets += record.to_string().len();
                if octets > MAX_OCTETS && !records.is_empty() {
                    return Ok(page(records, damaged, after, at, false));
                }
                records.push(record);
            }
        }
        (after, taken) = (segment.id, 0);
    }
    Ok(page(records, damaged, after, taken, false))
}

fn count(purged: &mut BTreeMap<Class, [u64; 3]>, segment: &Segment, cursor: &Cursor) {
    let [segments, records, lost] = purged.entry(segment.class).or_default();
    *segments += 1;
    *records = records.saturating_add(segment.records.into());
    *lost = lost.saturating_add(cursor.unreleased(segment));
}

/// Reason under which records are counted that the administrator deleted before they were released.
const PURGED: &str = "purged";
/// What one step looks at, or deletes, at most.
const STEP_SEGMENTS: u32 = 64;
const STEP_RECORDS: u64 = 65_536;
const STEP_BATCHES: u32 = 16;
/// Faults of the structure that are told.
const MOST_FAULTS: u32 = 100;
