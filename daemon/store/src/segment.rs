//! Segments: the sealed rows that hold records, and the only code that writes, reads and deletes them.

use std::collections::BTreeMap;

use headgate_record::{Change, Class, Record, Value, codec};
use rusqlite::{Connection, Row, params};

use crate::account::{self, End};
use crate::block::{self, Block, Kinds, Packed, References, Told};
use crate::clock::{self, Moment};
use crate::database::{self, add, column, delete_row, last_id, meta, noted_id, number, sql};
use crate::identity::{self, Writer, row, sweep};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::prepare::Whole;
use crate::release::Cursor;
use crate::seal::{KeyRef, Place, SET_BLOCK};
use crate::{Error, error, kept, pack};

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

/// A record of a segment as it is now.
pub(crate) struct Kept {
    /// The record. Of what was erased it says nothing.
    pub(crate) record: Record,
    /// Whether its subject was erased.
    pub(crate) erased: bool,
}

/// Seals records as they come, each into a segment of its class and key; what identifies somebody goes into identity rows.
pub(crate) struct Sealing<'a> {
    db: &'a Connection,
    keys: &'a Keys,
    at: Moment,
    identities: Writer<'a>,
    blocks: BTreeMap<(Class, KeyRef), Block>,
    references: References,
}

impl<'a> Sealing<'a> {
    /// Nothing sealed yet.
    pub(crate) fn new(db: &'a Connection, keys: &'a Keys, at: Moment) -> Result<Sealing<'a>, Error> {
        let (blocks, references) = (BTreeMap::new(), References::new());
        Ok(Sealing { db, keys, at, identities: Writer::new(db, keys)?, blocks, references })
    }

    /// Adds a record, to be sealed under this key.
    pub(crate) fn push(&mut self, key: KeyRef, record: &Record) -> Result<(), Error> {
        self.references.clear();
        self.identities.refer(key, record, &mut self.references)?;
        let class = record.kind().class();
        let block = self.blocks.entry((class, key)).or_default();
        block.push(record, &self.references);
        if block.is_full() {
            let block = std::mem::take(block);
            self.seal(class, key, block.pack()?)?;
        }
        Ok(())
    }

    /// Seals records that make a segment of their own under this key, behind those of their class and key that came before.
    pub(crate) fn push_whole(&mut self, key: KeyRef, class: Class, whole: &Whole) -> Result<(), Error> {
        if let Some(before) = self.blocks.remove(&(class, key)).filter(|block| block.records() > 0) {
            self.seal(class, key, before.pack()?)?;
        }
        let mut parts = Vec::new();
        for (who, part) in whole.parts.iter() {
            let mut references = References::new();
            self.identities.refer_part(key, who, part, &mut references)?;
            parts.push(references);
        }
        let mut told = Told::default();
        for who in &whole.who {
            self.references.clear();
            let parts = who.iter().flatten().filter_map(|part| parts.get(*part));
            self.references.extend(parts.flatten().copied());
            told.push(&self.references);
        }
        let (records, kinds) = (u32::try_from(whole.who.len()).unwrap_or(u32::MAX), whole.kinds.encode());
        let mut content = whole.packed.clone();
        let mentioned = told.pack_behind(&mut content)?;
        self.seal(class, key, Packed { records, kinds, content, mentioned })
    }

    /// Seals what is left. Before this, what was added is only in part in the caller's transaction.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        for ((class, key), block) in std::mem::take(&mut self.blocks) {
            if block.records() > 0 {
                self.seal(class, key, block.pack()?)?;
            }
        }
        self.identities.finish()
    }

    fn seal(&self, class: Class, key: KeyRef, packed: Packed) -> Result<(), Error> {
        let Sealing { db, keys, at, .. } = self;
        let Packed { records, kinds, content, mentioned } = packed;
        let id = last_id(db, "segment")?.saturating_add(1);
        let sealed = keys.seal(key, Place::Segment { id, class, records, key }, &content)?;
        let (epoch, session) = key.columns();
        let mut statement = db.prepare_cached(
            "INSERT INTO segment (id, class, records, epoch, session, created_ms, sealed)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        statement.execute(params![
            sql(id),
            class.number(),
            records,
            epoch,
            session,
            sql(at.wall_ms),
            sealed
        ])?;
        sweep::mention(db, keys, id, key, &kinds, mentioned, *at)
    }
}

/// Seals records under one key, for tests of other rooms.
#[cfg(test)]
pub(crate) fn insert(
    db: &Connection,
    keys: &Keys,
    key: KeyRef,
    records: Vec<Record>,
    at: Moment,
) -> Result<(), Error> {
    let mut sealing = Sealing::new(db, keys, at)?;
    for record in records {
        sealing.push(key, &record)?;
    }
    sealing.finish()
}

/// A segment by its id.
pub(crate) fn find(db: &Connection, id: u64) -> Result<Option<Segment>, Error> {
    Ok(after(db, id.saturating_sub(1), 1)?.pop().filter(|segment| segment.id == id))
}

/// How many segments are of a format in which records say who they are about.
pub(crate) fn unconverted(db: &Connection) -> Result<u64, Error> {
    let mut statement =
        db.prepare_cached("SELECT (SELECT COUNT(*) FROM segment) - (SELECT COUNT(*) FROM segment_mention)")?;
    Ok(number(statement.query_row([], |r| r.get(0))?))
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
/// As [`open`].
pub(crate) fn read(db: &Connection, keys: &Keys, segment: &Segment) -> Result<Vec<Record>, Error> {
    Ok(open(db, keys, segment)?.into_iter().map(|kept| kept.record).collect())
}

/// The records of a segment, each at its place, and whether its subject was erased.
///
/// # Errors
/// [`Error::Sealed`] for a segment that is damaged or not in its place; see [`error::is_damage`].
pub(crate) fn open(db: &Connection, keys: &Keys, segment: &Segment) -> Result<Vec<Kept>, Error> {
    let (format, content) = content(db, keys, segment)?;
    if format < SET_BLOCK {
        let records = codec::decode(&content)?;
        return Ok(records.into_iter().map(|record| Kept { record, erased: false }).collect());
    }
    let correction = clock::correction_ns(db, keys, segment.id)?;
    let mut reader = block::Reader::new(format, &content)?;
    let mut kept = Vec::with_capacity(usize::try_from(segment.records).unwrap_or(0).min(codec::MAX_RECORDS));
    while let Some(references) = reader.references()? {
        let resolved = identity::resolve(db, keys, &references)?;
        let mut record = reader.record(&resolved.identities())?;
        correct(&mut record, correction);
        kept.push(Kept { record, erased: resolved.erased });
    }
    Ok(kept)
}

/// How many records a segment holds, each read and checked with what its references stand for, and none of them made.
///
/// # Errors
/// As [`open`].
pub(crate) fn verify(db: &Connection, keys: &Keys, segment: &Segment) -> Result<u64, Error> {
    let (format, content) = content(db, keys, segment)?;
    if format < SET_BLOCK {
        return Ok(u64::try_from(codec::decode(&content)?.len()).unwrap_or(u64::MAX));
    }
    let (mut reader, mut records) = (block::Reader::new(format, &content)?, 0);
    while let Some(references) = reader.references()? {
        identity::resolve(db, keys, &references)?;
        records += u64::from(reader.pass()?);
    }
    Ok(records)
}

/// The records of a segment whose subject one of these identity rows is, which are in order.
///
/// # Errors
/// As [`open`].
pub(crate) fn about(
    db: &Connection,
    keys: &Keys,
    segment: &Segment,
    rows: &[u64],
) -> Result<Vec<Record>, Error> {
    let (format, content) = content(db, keys, segment)?;
    let (mut found, correction) = (Vec::new(), clock::correction_ns(db, keys, segment.id)?);
    let mut reader = block::Reader::new(format, &content)?;
    while let Some(references) = reader.references()? {
        if is_about(&references, rows) {
            let mut record = reader.record(&identity::resolve(db, keys, &references)?.identities())?;
            correct(&mut record, correction);
            found.push(record);
        } else {
            reader.pass()?;
        }
    }
    Ok(found)
}

/// Changes the records of a segment whose subject one of these identity rows is; `with` sees them without what identifies
/// anybody, and says whether it changed one. Gives how many it changed.
///
/// # Errors
/// As [`open`].
pub(crate) fn change(
    db: &Connection,
    keys: &Keys,
    segment: &Segment,
    rows: &[u64],
    with: impl Fn(&mut Record) -> bool,
) -> Result<u64, Error> {
    let (format, content) = content(db, keys, segment)?;
    let (mut block, mut changed) = (Block::default(), 0);
    let mut reader = block::Reader::new(format, &content)?;
    while let Some(references) = reader.references()? {
        let mut record = reader.record(&[])?;
        changed += u64::from(is_about(&references, rows) && with(&mut record));
        block.push(&record, &references);
    }
    if changed > 0 {
        put(db, keys, segment, &block.pack()?)?;
    }
    Ok(changed)
}

/// How many records of each kind a segment holds ([`Kinds::encode`]), and all that they refer to.
///
/// # Errors
/// As [`open`].
pub(crate) fn mentioned(
    db: &Connection,
    keys: &Keys,
    segment: &Segment,
) -> Result<(Vec<u8>, Vec<u64>), Error> {
    let (format, content) = content(db, keys, segment)?;
    let mut reader = block::Reader::new(format, &content)?;
    let (mut kinds, mut mentioned) = (Kinds::default(), Vec::new());
    while let Some(references) = reader.references()? {
        kinds.add(reader.record(&[])?.kind());
        mentioned.extend(references);
    }
    Ok((kinds.encode(), mentioned))
}

/// Brings up to `limit` segments of format 1 to the present one, the oldest first; what does not open is quarantined. Gives whether
/// there are more.
pub(crate) fn convert(db: &Connection, keys: &Keys, limit: u32, at: Moment) -> Result<bool, Error> {
    // Counting reads an index; looking for them reads the whole table.
    if unconverted(db)? == 0 {
        return Ok(false);
    }
    let older = "SELECT id, class, records, epoch, session, created_ms FROM segment
                   WHERE id NOT IN (SELECT segment FROM segment_mention) AND substr(sealed, 1, 1) = x'01' ORDER BY id LIMIT ?1";
    let older: Vec<Segment> =
        db.prepare_cached(older)?.query_map([limit], from_row)?.collect::<Result<_, _>>()?;
    for segment in &older {
        let records = match content(db, keys, segment) {
            Ok((_, content)) => codec::decode(&content).map_err(Error::from),
            Err(error) => Err(error),
        };
        let records = match records {
            Ok(records) => records,
            Err(error) if error::is_damaged(&error) => {
                quarantine(db, segment, &Cursor::load(db)?, at.wall_ms)?;
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut writer = Writer::new(db, keys)?;
        let (mut block, mut references) = (Block::default(), References::new());
        for record in &records {
            references.clear();
            writer.refer(segment.key, record, &mut references)?;
            block.push(record, &references);
        }
        writer.finish()?;
        let packed = block.pack()?;
        put(db, keys, segment, &packed)?;
        // What it holds of each kind is said already.
        sweep::mention(db, keys, segment.id, segment.key, &[], packed.mentioned, at)?;
    }
    Ok(u32::try_from(older.len()) == Ok(limit))
}

/// Writes other content in place of a segment's.
fn put(db: &Connection, keys: &Keys, segment: &Segment, packed: &Packed) -> Result<(), Error> {
    let Segment { id, class, records, key, .. } = *segment;
    let sealed = keys.seal(key, Place::Segment { id, class, records, key }, &packed.content)?;
    db.prepare_cached("UPDATE segment SET sealed = ?2 WHERE id = ?1")?.execute(params![sql(id), sealed])?;
    Ok(())
}

fn is_about(references: &[u64], rows: &[u64]) -> bool {
    references.first().is_some_and(|first| rows.binary_search(&row::split(*first).0).is_ok())
}

/// Corrects all times of a record by so many nanoseconds.
fn correct(record: &mut Record, by_ns: i64) {
    if by_ns != 0 {
        record.change_each(|_, value| match value {
            Value::Time(ns) => Change::Replace(Value::Time(ns.saturating_add_signed(by_ns))),
            _ => Change::Keep,
        });
    }
}

/// The format of a segment and what it holds.
fn content(db: &Connection, keys: &Keys, segment: &Segment) -> Result<(u8, Vec<u8>), Error> {
    let mut statement = db.prepare_cached("SELECT sealed FROM segment WHERE id = ?1")?;
    let sealed: Vec<u8> = statement.query_row([sql(segment.id)], |r| r.get(0))?;
    let Segment { id, class, records, key, .. } = *segment;
    let packed = keys.open(key, Place::Segment { id, class, records, key }, &sealed)?;
    let content = pack::unpack(&packed, MAX_CONTENT)?;
    Ok((sealed.first().copied().unwrap_or_default(), content))
}

/// Deletes a segment and counts that it was deleted on purpose.
pub(crate) fn delete(db: &Connection, id: u64) -> Result<(), Error> {
    kept::goes(db, id)?;
    delete_row(db, "segment", "id", id)?;
    add(db, meta::GONE, 1)
}

/// Moves a segment that does not open to the quarantine, counts what had not been released of it as
/// lost, and writes it down. Where SQLite cannot read it any more, the row stays and the counting is done.
pub(crate) fn quarantine(
    db: &Connection,
    segment: &Segment,
    cursor: &Cursor,
    now_ms: u64,
) -> Result<(), Error> {
    account::add(db, End::Lost(segment.class), DAMAGED, cursor.unreleased(segment))?;
    // As it was read: a flipped bit may have made a column what no other table takes.
    let Segment { id, class, records, key, created_ms } = *segment;
    let (epoch, session) = key.columns();
    let moved = db.execute(
        "INSERT INTO quarantine (source, row, class, records, epoch, session, created_ms, sealed)
           SELECT 'segment', ?1, ?2, ?3, ?4, ?5, ?6, COALESCE(CAST(sealed AS BLOB), x'') FROM segment WHERE id = ?1",
        params![sql(id), class.number(), records, epoch, session, sql(created_ms)],
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
    // What SQLite noted: a row that a flipped bit gave a higher number is there.
    Ok(noted_id(db, "segment")?.saturating_sub(gone).saturating_sub(number(there)))
}

/// Looks for segments that have vanished, and tells of more of them than before.
pub(crate) fn note_missing(db: &Connection) -> Result<(), Error> {
    let missing = missing(db)?;
    if missing > database::get_number(db, meta::MISSING)? {
        log::error!(event = "segments_missing"; "{missing} segments are missing: they were not deleted by this program");
        database::set(db, meta::MISSING, sql(missing))?;
        kept::forget(db)?;
    }
    Ok(())
}

/// Of the columns `id, class, records, epoch, session, created_ms`.
pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Segment> {
    let key = KeyRef::from_columns(column(row, 3), column(row, 4));
    // A class that no one wrote does not match the seal and ends in the quarantine.
    let class = Class::from_number(column(row, 1)).unwrap_or(Class::Bulk);
    let (records, created_ms) = (column(row, 2), number(column(row, 5)));
    Ok(Segment { id: number(row.get(0)?), class, records, key, created_ms })
}

/// Reason under which damaged records and batches are counted as lost.
pub(crate) const DAMAGED: &str = "damaged";
/// Most octets of a segment before compression: a set of records and their references.
const MAX_CONTENT: usize = codec::MAX_SET_BYTES + (1 << 20);
