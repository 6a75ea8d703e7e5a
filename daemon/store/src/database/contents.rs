//! What was in a database that lies aside: to whoever receives it is lost, and so it is counted.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use headgate_record::Class;
use headgate_service::exit::{self, Exit};
use rusqlite::{Connection, OpenFlags, Row};

use super::{BUSY, column, meta, number, sql, with_suffix};
use crate::checksum::mend;
use crate::release::Cursor;
use crate::{Error, segment, tail};

/// Numbers of records by class, in the order of [`Class::ALL`].
pub(crate) type Counts = [u64; Class::ALL.len()];

/// How many records of a database have no receipt, as far as it can be read and what it says of them is sound: rather fewer than one twice.
/// It stays as it is.
///
/// # Errors
/// Those that are not of its damage.
pub(crate) fn without_receipt(database: &Path) -> Result<Counts, Error> {
    let new: Vec<_> = ["-shm", "-wal"].map(|suffix| with_suffix(database, suffix)).into_iter().collect();
    let new: Vec<_> = new.into_iter().filter(|file| !file.exists()).collect();
    let counted = count(database);
    // Of who reads nothing is left.
    new.iter().for_each(|file| _ = std::fs::remove_file(file));
    counted
}

fn count(database: &Path) -> Result<Counts, Error> {
    let mut counting = Counting { counts: Counts::default(), until: Instant::now() + LONGEST };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Some(db) = readable(Connection::open_with_flags(database, flags).map_err(Error::from))? else {
        return Ok(counting.counts);
    };
    db.busy_timeout(BUSY)?;
    // One table that its schema does not describe any more is not all of them.
    let settings = "PRAGMA writable_schema = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON";
    readable(db.execute_batch(settings).map_err(Error::from))?;
    // Where it is not known what has left, no segment is counted: with their batches they would be twice.
    if let Some(through) = known(&db, meta::THROUGH)? {
        counting.segments(&db, through)?;
    }
    counting.rows(&db, "outbox", "sequence, bulk, state, account", |row| {
        Some([1, 2, 3].map(|at| number(column(row, at)).min(MOST)))
    })?;
    counting.untold(&db)?;
    let waiting = readable(tail::waiting(&db, known(&db, meta::TAIL)?))?.unwrap_or_default();
    counting.add(waiting);
    Ok(counting.counts)
}

/// A single number of a database, where it is what was set; 0 where none was, as far as the others say so.
fn known(db: &Connection, name: &str) -> Result<Option<u64>, Error> {
    Ok(match readable(mend::seek::<i64>(db, name))? {
        Some(Some((value, true))) => Some(number(value)),
        Some(None) if readable(mend::are_sound(db))?.unwrap_or(false) => Some(0),
        _ => None,
    })
}

/// `None` where it is damage that something fails for.
fn readable<T>(done: Result<T, Error>) -> Result<Option<T>, Error> {
    match done {
        Err(error) if error.code() == exit::DATA => Ok(None),
        done => done.map(Some),
    }
}

/// What was counted so far.
struct Counting {
    counts: Counts,
    /// A disk that reads slowly is read no longer.
    until: Instant,
}

impl Counting {
    /// Of segments, what has not left.
    fn segments(&mut self, db: &Connection, through: u64) -> Result<(), Error> {
        let part = known(db, meta::PARTIAL)?.zip(known(db, meta::TAKEN)?);
        let cursor = part.map(|(partial, taken)| Cursor::at(through, partial, taken));
        // It may have left in part, and nobody knows which part.
        let first = "SELECT MIN(id) FROM segment NOT INDEXED WHERE id > ?1";
        let first =
            db.query_row(first, [sql(through)], |row| row.get::<_, Option<i64>>(0)).map_err(Error::from);
        let first = readable(first)?.flatten().map(number);
        self.rows(db, "segment", "id, class, records, epoch, session, created_ms", |row| {
            let segment = segment::from_row(row).ok().filter(|segment| segment.id > through)?;
            let records = match &cursor {
                Some(cursor) => cursor.unreleased(&segment),
                None if first == Some(segment.id) => 0,
                None => segment.records.into(),
            };
            Some(Class::ALL.map(|class| if class == segment.class { records.min(MOST) } else { 0 }))
        })
    }

    /// What was lost before, of which no batch has told.
    fn untold(&mut self, db: &Connection) -> Result<(), Error> {
        let Some(mut statement) =
            readable(db.prepare("SELECT of, pending FROM account WHERE what = 2").map_err(Error::from))?
        else {
            return Ok(());
        };
        let mut rows = statement.query([])?;
        while let Some(Some(row)) = readable(rows.next().map_err(Error::from))? {
            let (of, pending): (u32, i64) = (column(row, 0), column(row, 1));
            self.add(Class::ALL.map(|class| if class.number() == of { number(pending) } else { 0 }));
        }
        Ok(())
    }

    /// Adds each row that can be read, once: from the first on up to one that cannot be, and then from the last on.
    fn rows(
        &mut self,
        db: &Connection,
        table: &str,
        columns: &str,
        records: impl Fn(&Row<'_>) -> Option<Counts>,
    ) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        for order in ["ASC", "DESC"] {
            let select = format!("SELECT {columns} FROM {table} NOT INDEXED ORDER BY rowid {order}");
            let Some(mut statement) = readable(db.prepare(&select).map_err(Error::from))? else {
                return Ok(());
            };
            let mut rows = statement.query([])?;
            while Instant::now() < self.until {
                match readable(rows.next().map_err(Error::from))? {
                    Some(None) => return Ok(()),
                    Some(Some(row)) if seen.insert(column::<i64>(row, 0)) => {
                        self.add(records(row).unwrap_or_default());
                    }
                    // What is behind it has been seen, or cannot be read.
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, more: Counts) {
        self.counts.iter_mut().zip(more).for_each(|(count, more)| *count = count.saturating_add(more));
    }
}

/// Most records that one row is believed to stand for: a flipped bit may have made them many.
const MOST: u64 = 16_384;
/// So long a database is read; two million segments.
const LONGEST: Duration = Duration::from_secs(5);
