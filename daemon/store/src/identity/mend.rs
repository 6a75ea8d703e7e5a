//! What a flipped bit has made of `segment_mention` is written again from the segments themselves, and of `blind` from the rows.
//!
//! A row that does not open says neither when its segment was sealed nor about whom it is: nothing is deleted by it, and its
//! times are not corrected. What the rows of a segment refer to stands in the segment too; when it was sealed is told from the
//! segment before it, for ids and time lived grow together.

use rusqlite::Connection;

use super::row::Row;
use super::sweep::{self, SELECT};
use crate::clock::Moment;
use crate::database::{add, meta, number, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::release::Cursor;
use crate::{Error, error, kept, segment};

/// Looks at the rows of all segments, and writes up to twice [`MOST`] of those again that are gone or not what was written, in the
/// caller's transaction. Each is told as a value that was not sound. Gives whether there may be more.
pub(crate) fn mend(db: &Connection, keys: &Keys, now: Moment) -> Result<bool, Error> {
    let strays = "DELETE FROM segment_mention WHERE segment NOT IN (SELECT id FROM segment)";
    let strays = db.prepare_cached(strays)?.execute([])?;
    let mut rows = u64::try_from(strays).unwrap_or(u64::MAX);
    for (id, at) in unsound(db, keys, now)? {
        let Some(segment) = segment::find(db, id)? else { continue };
        match segment::mentioned(db, keys, &segment) {
            Ok((kinds, references)) => {
                db.execute("DELETE FROM segment_mention WHERE segment = ?1", [sql(id)])?;
                sweep::mention(db, keys, id, segment.key, &kinds, references, at)?;
            }
            // Of what SQLite itself cannot read nothing can be written again, and whoever reads it next says so.
            Err(Error::Database(error)) if error::is_damage(&error) => continue,
            Err(error) if error::is_damaged(&error) => {
                segment::quarantine(db, &segment, &Cursor::load(db)?, now.wall_ms)?;
            }
            Err(error) => return Err(error),
        }
        rows = rows.saturating_add(1);
    }
    if rows > 0 {
        log::error!(event = "mentions_unsound"; "what {rows} segments are about, or when they were sealed, is not what was set: it is written again from them");
        kept::forget(db)?;
        tell(db, rows, now)?;
    }
    Ok(rows >= MOST)
}

/// Puts into the index again by what persons are found, where it is not there: whoever is not found is not erased either. In
/// the caller's transaction; it opens all identity rows.
pub(crate) fn mend_index(db: &Connection, keys: &Keys, now: Moment) -> Result<(), Error> {
    let ids: Vec<u64> = {
        let mut statement = db.prepare_cached("SELECT id FROM identity NOT INDEXED")?;
        let rows = statement.query_map([], |r| Ok(number(r.get(0)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut tags = 0_u64;
    for id in ids {
        match Row::load(db, keys, id) {
            Ok(Some(row)) => tags = tags.saturating_add(u64::try_from(row.index(db, keys, 0)?).unwrap_or(0)),
            Ok(None) => {}
            // Nobody can be found by it, and nobody is known from it.
            Err(error) if error::is_damaged(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if tags > 0 {
        log::error!(event = "tags_unsound"; "{tags} entries by which persons are found were not there: they are put in again");
        tell(db, tags, now)?;
    }
    Ok(())
}

fn tell(db: &Connection, values: u64, now: Moment) -> Result<(), Error> {
    add(db, meta::UNSOUND, values)?;
    ledger::append(db, &Event::Unsound { values, mended: 0 }, now.wall_ms)
}

/// Segments whose row is gone or does not open, and when each may have been sealed: as the last before it that says so, or
/// else the first behind it.
fn unsound(db: &Connection, keys: &Keys, now: Moment) -> Result<Vec<(u64, Moment)>, Error> {
    let (mut found, mut last): (Vec<(u64, Option<Moment>)>, _) = (Vec::new(), None);
    let mut first = None;
    let mut statement = db.prepare_cached(&format!("{SELECT} ORDER BY segment"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match sweep::open(keys, row) {
            Some(mention) => {
                last = Some(mention.at);
                first = first.or(last);
            }
            None if found.len() < usize::try_from(MOST).unwrap_or(usize::MAX) => {
                found.push((number(row.get(0)?), last))
            }
            None => {}
        }
    }
    // Of a segment of the first format none is expected.
    let mut statement = db.prepare_cached(
        "SELECT id FROM segment WHERE id NOT IN (SELECT segment FROM segment_mention) AND substr(sealed, 1, 1) <> x'01'
           ORDER BY id LIMIT ?1",
    )?;
    let mut rows = statement.query([sql(MOST)])?;
    while let Some(row) = rows.next()? {
        let id = number(row.get(0)?);
        found.push((id, sealed_before(db, keys, id)?));
    }
    Ok(found.into_iter().map(|(id, at)| (id, at.or(first).unwrap_or(now))).collect())
}

/// When the nearest segment before this one was sealed, if its row says so.
fn sealed_before(db: &Connection, keys: &Keys, id: u64) -> Result<Option<Moment>, Error> {
    let mut statement =
        db.prepare_cached(&format!("{SELECT} WHERE segment < ?1 ORDER BY segment DESC LIMIT 1"))?;
    let mut rows = statement.query([sql(id)])?;
    Ok(rows.next()?.and_then(|row| sweep::open(keys, row)).map(|mention| mention.at))
}

/// Most rows that are written again at a time.
const MOST: u64 = 256;

#[cfg(test)]
mod tests;
