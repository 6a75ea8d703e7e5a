//! Segments: the sealed rows that hold records, and the only code that writes, reads and deletes them.

use std::collections::BTreeMap;

use headgate_record::{Class, Kind, Record, codec};
use rusqlite::{Connection, Row, params};

use crate::account::{self, End};
use crate::database::{self, add, last_id, meta, number, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::release::Cursor;
use crate::seal::{KeyRef, Place};
use crate::{Error, error};

/// A segment without its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Its id, given once and never again.
    pub(crate) id: u64,
    /// Class of all of its records.
    pub(crate) class: Class,
    /// How many records it holds.
    pub(crate) records: u32,
    /// Which key seals it.
    pub(crate) key: KeyRef,
    /// When it was sealed.
    pub(crate) created_ms: u64,
}

/// Seals records of one class, in order, into as few segments as their size allows.
pub(crate) fn insert(
    db: &Connection,
    keys: &Keys,
    key: KeyRef,
    class: Class,
    records: &[Record],
    now_ms: u64,
) -> Result<(), Error> {
    let encoded = codec::encode(records)?;
    if encoded.len() > SEGMENT_BYTES && records.len() > 1 {
        let (first, second) = records.split_at(records.len() / 2);
        insert(db, keys, key, class, first, now_ms)?;
        return insert(db, keys, key, class, second, now_ms);
    }
    let packed = zstd::bulk::compress(&encoded, COMPRESSION_LEVEL).map_err(|_| Error::Damaged("encoder"))?;
    let id = last_id(db, "segment")?.saturating_add(1);
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let sealed = keys.seal(key, Place::Segment { id, class, records: count, key }, &packed)?;
    let (epoch, session) = match key {
        KeyRef::Epoch(epoch) => (Some(sql(epoch)), None),
        KeyRef::Session(session) => (None, Some(sql(session))),
    };
    let mut statement = db.prepare_cached(
        "INSERT INTO segment (id, class, records, epoch, session, created_ms, sealed)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![sql(id), class.number(), count, epoch, session, sql(now_ms), sealed])?;
    let mut kinds: BTreeMap<Kind, u32> = BTreeMap::new();
    for record in records {
        *kinds.entry(record.kind()).or_default() += 1;
    }
    let mut statement =
        db.prepare_cached("INSERT INTO segment_kind (segment, kind, records) VALUES (?1, ?2, ?3)")?;
    for (kind, count) in kinds {
        statement.execute(params![sql(id), kind.number(), count])?;
    }
    Ok(())
}

/// Up to `limit` segments with ids above `id`, in order.
pub(crate) fn after(db: &Connection, id: u64, limit: u32) -> Result<Vec<Segment>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, class, records, epoch, session, created_ms FROM segment WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![sql(id), limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Up to `limit` segments of a class with ids below `id`, the newest first.
pub(crate) fn before(db: &Connection, class: Class, id: u64, limit: u32) -> Result<Vec<Segment>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, class, records, epoch, session, created_ms FROM segment
           WHERE class = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![class.number(), sql(id), limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Up to `limit` segments of a class, the oldest first.
pub(crate) fn oldest(db: &Connection, class: Class, limit: u32) -> Result<Vec<Segment>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, class, records, epoch, session, created_ms FROM segment
           WHERE class = ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![class.number(), limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The segments that are sealed for another session than this one.
pub(crate) fn of_other_sessions(db: &Connection, session: u64) -> Result<Vec<Segment>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, class, records, epoch, session, created_ms FROM segment
           WHERE session IS NOT NULL AND session <> ?1",
    )?;
    let rows = statement.query_map([sql(session)], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The records of a segment.
///
/// # Errors
/// [`Error::Sealed`] for a segment that is damaged or not in its place; see [`error::is_damage`].
pub(crate) fn read(db: &Connection, keys: &Keys, segment: &Segment) -> Result<Vec<Record>, Error> {
    let mut statement = db.prepare_cached("SELECT sealed FROM segment WHERE id = ?1")?;
    let sealed: Vec<u8> = statement.query_row([sql(segment.id)], |r| r.get(0))?;
    let Segment { id, class, records, key, .. } = *segment;
    let packed = keys.open(key, Place::Segment { id, class, records, key }, &sealed)?;
    let encoded = zstd::bulk::decompress(&packed, codec::MAX_SET_BYTES).map_err(|_| Error::Sealed)?;
    Ok(codec::decode(&encoded)?)
}

/// Deletes a segment and counts that it was deleted on purpose.
pub(crate) fn delete(db: &Connection, id: u64) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM segment WHERE id = ?1")?.execute([sql(id)])?;
    add(db, meta::GONE, 1)
}

/// Moves a segment that does not open to the quarantine, counts what had not been released of it as
/// lost, and writes it down. Where even moving fails, the row stays and the counting is done.
pub(crate) fn quarantine(
    db: &Connection,
    segment: &Segment,
    cursor: &Cursor,
    now_ms: u64,
) -> Result<(), Error> {
    account::add(db, End::Lost(segment.class), DAMAGED, cursor.unreleased(segment))?;
    let moved = db.execute(
        "INSERT INTO quarantine (source, row, class, records, epoch, session, created_ms, sealed)
           SELECT 'segment', id, class, records, epoch, session, created_ms, sealed FROM segment WHERE id = ?1",
        [sql(segment.id)],
    );
    match moved {
        Ok(_) => delete(db, segment.id)?,
        Err(error) if error::is_damage(&error) => {}
        Err(error) => return Err(error.into()),
    }
    log::error!(event = "segment_quarantined"; "segment {} does not open: its {} records are quarantined", segment.id, segment.records);
    let event = Event::Quarantined { table: "segment", row: segment.id, records: segment.records.into() };
    ledger::append(db, &event, now_ms)
}

/// How many segments are neither there nor deleted by this program. All leaves of the table are
/// walked, not an index, which can be damaged by itself.
pub(crate) fn missing(db: &Connection) -> Result<u64, Error> {
    let there: i64 = db.query_row("SELECT COUNT(*) FROM segment NOT INDEXED", [], |r| r.get(0))?;
    let gone = database::get_number(db, meta::GONE)?;
    Ok(last_id(db, "segment")?.saturating_sub(gone).saturating_sub(number(there)))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Segment> {
    let (epoch, session): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
    let key = session.map_or_else(
        || KeyRef::Epoch(epoch.map(number).unwrap_or_default()),
        |session| KeyRef::Session(number(session)),
    );
    // A class that no one wrote does not match the seal and ends in the quarantine.
    let class = Class::from_number(row.get(1)?).unwrap_or(Class::Bulk);
    Ok(Segment { id: number(row.get(0)?), class, records: row.get(2)?, key, created_ms: number(row.get(5)?) })
}

/// Reason under which damaged records and batches are counted as lost.
pub(crate) const DAMAGED: &str = "damaged";
/// Larger sets of records are split, octets before compression.
const SEGMENT_BYTES: usize = 1 << 20;
const COMPRESSION_LEVEL: i32 = 1;
