//! Rows that no segment mentions any more, and which segments mention a row.

use std::collections::HashSet;

use headgate_record::codec;
use rusqlite::{Connection, params};

use super::row::{self, Row};
use crate::clock::Moment;
use crate::database::{column, number, sql};
use crate::keys::Keys;
use crate::seal::{KeyRef, MENTIONED_ROWS, Place};
use crate::{Error, error};

/// Writes which rows a segment refers to, how many records of each kind it holds ([`crate::block::Kinds::encode`]), and when
/// it was sealed; `references` in any order.
///
/// The rows are a list of differences (varints), the lowest row first.
pub(crate) fn mention(
    db: &Connection,
    keys: &Keys,
    segment: u64,
    key: KeyRef,
    kinds: &[u8],
    mut references: Vec<u64>,
    at: Moment,
) -> Result<(), Error> {
    references.iter_mut().for_each(|reference| *reference = row::split(*reference).0);
    references.sort_unstable();
    references.dedup();
    let (mut list, mut last) = (Vec::with_capacity(references.len() * 2), 0_u64);
    for id in references {
        codec::put_varint(&mut list, id.wrapping_sub(last));
        last = id;
    }
    let (epoch, session) = key.columns();
    let Moment { clock, lived_ms, .. } = at;
    let sealed = keys.seal(key, Place::Mention { segment, key, clock, lived_ms, kinds }, &list)?;
    db.prepare_cached(
        "INSERT INTO segment_mention (segment, epoch, session, clock, lived_ms, sealed, kinds)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![sql(segment), epoch, session, sql(clock), sql(lived_ms), sealed, kinds])?;
    Ok(())
}

/// The rows that a segment refers to, the lowest first; read only as far as somebody asks.
#[derive(Clone)]
pub(crate) struct Mentioned<'a> {
    rest: &'a [u8],
    last: u64,
    /// What is counted names entries of rows, as it did in format 1.
    entries: bool,
}

impl Mentioned<'_> {
    /// Whether one of these rows, which are in order, is among them.
    pub(crate) fn names_one_of(self, rows: &[u64]) -> bool {
        let Some(highest) = rows.last() else { return false };
        self.take_while(|id| id <= highest).any(|id| rows.binary_search(&id).is_ok())
    }
}

impl Iterator for Mentioned<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        self.last = self.last.wrapping_add(codec::take_varint(&mut self.rest)?);
        Some(if self.entries { row::split(self.last).0 } else { self.last })
    }
}

/// Goes through the lists of all segments with ids above `after`, in order: `each` gets a segment's id and the rows
/// that it refers to, or `None` where the list does not open, and says whether to go on.
pub(crate) fn mentions(
    db: &Connection,
    keys: &Keys,
    after: u64,
    mut each: impl FnMut(u64, Option<Mentioned<'_>>) -> bool,
) -> Result<(), Error> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE segment > ?1 ORDER BY segment"))?;
    let mut rows = statement.query([sql(after)])?;
    while let Some(found) = rows.next()? {
        let opened = open(keys, found);
        let entries = opened.as_ref().is_some_and(|mention| mention.format < MENTIONED_ROWS);
        let mentioned = opened.as_ref().map(|mention| Mentioned { rest: &mention.list, last: 0, entries });
        if !each(number(found.get(0)?), mentioned) {
            break;
        }
    }
    Ok(())
}

/// By which clock, and at what time lived, a segment was sealed; `None` where it is not said, or is not what was written.
pub(crate) fn sealed_at(db: &Connection, keys: &Keys, segment: u64) -> Result<Option<Moment>, Error> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE segment = ?1"))?;
    let mut rows = statement.query([sql(segment)])?;
    Ok(rows.next()?.and_then(|found| open(keys, found)).map(|mention| mention.at))
}

/// When the last segment that says so was sealed.
pub(crate) fn latest(db: &Connection, keys: &Keys) -> Result<Option<Moment>, Error> {
    let mut statement = db.prepare_cached(&format!("{SELECT} ORDER BY segment DESC"))?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        if let Some(mention) = open(keys, found) {
            return Ok(Some(mention.at));
        }
    }
    Ok(None)
}

/// What a row of `segment_mention` says, where it is as it was written.
pub(super) struct Mention {
    /// When the segment was sealed; not by the wall clock.
    pub(super) at: Moment,
    format: u8,
    list: Vec<u8>,
}

/// Opens a row that [`SELECT`] found.
pub(super) fn open(keys: &Keys, row: &rusqlite::Row<'_>) -> Option<Mention> {
    let key = KeyRef::from_columns(column(row, 2), column(row, 3));
    let (segment, clock, lived_ms) = (number(column(row, 0)), number(column(row, 4)), number(column(row, 5)));
    let octets = |at| row.get_ref(at).ok().and_then(|value| value.as_blob().ok()).unwrap_or_default();
    let (sealed, kinds) = (octets(1), octets(6));
    let list = keys.open(key, Place::Mention { segment, key, clock, lived_ms, kinds }, sealed).ok()?;
    let at = Moment { clock, lived_ms, ..Moment::default() };
    Some(Mention { at, format: *sealed.first()?, list })
}

/// Deletes the rows that no segment mentions, so that nobody is known for longer than something is kept of them. Where a
/// list of mentions does not open, nothing is deleted.
pub(crate) fn sweep(db: &Connection, keys: &Keys) -> Result<(), Error> {
    let (mut mentioned, mut whole) = (HashSet::new(), true);
    mentions(db, keys, 0, |_, references| {
        whole = references.is_some();
        mentioned.extend(references.into_iter().flatten());
        whole
    })?;
    if !whole {
        return Ok(());
    }
    let unmentioned: Vec<u64> = {
        let mut statement = db.prepare_cached("SELECT id FROM identity")?;
        let rows = statement.query_map([], |r| Ok(number(r.get(0)?)))?;
        rows.filter(|id| !id.as_ref().is_ok_and(|id| mentioned.contains(id))).collect::<Result<_, _>>()?
    };
    delete_all(db, keys, &unmentioned)
}

/// Deletes rows with what they are found by.
pub(crate) fn delete_all(db: &Connection, keys: &Keys, ids: &[u64]) -> Result<(), Error> {
    for id in ids {
        match Row::load(db, keys, *id) {
            Ok(Some(row)) => row.delete(db, keys)?,
            Ok(None) => {}
            // Its tags cannot be computed: they are looked for.
            Err(error) if error::is_damaged(&error) => {
                db.execute("DELETE FROM blind WHERE identity = ?1", [sql(*id)])?;
                row::delete(db, keys, *id)?;
            }
            Err(error) => return Err(error),
        }
    }
    if !ids.is_empty() {
        keys.identities().forget();
    }
    Ok(())
}

pub(super) const SELECT: &str =
    "SELECT segment, sealed, epoch, session, clock, lived_ms, kinds FROM segment_mention";
