//! What was in a database that lies aside: to whoever receives it is lost, and so it is counted.

use std::path::Path;

use headgate_record::Class;
use rusqlite::{Connection, OpenFlags, Row};

use super::{column, get, meta, number, with_suffix};
use crate::release::Cursor;
use crate::{segment, tail};

/// Numbers of records by class, in the order of [`Class::ALL`].
pub(crate) type Counts = [u64; Class::ALL.len()];

/// How many records of a database have no receipt, as far as it can be read. It stays as it is.
pub(crate) fn without_receipt(database: &Path) -> Counts {
    let mut counts = Counts::default();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(db) = Connection::open_with_flags(database, flags) {
        // One table that its schema does not describe any more is not all of them.
        let _ = db.execute_batch("PRAGMA writable_schema = ON");
        add_all(&db, &mut counts);
    }
    // Of who reads nothing is left.
    let _ = std::fs::remove_file(with_suffix(database, "-shm"));
    counts
}

fn add_all(db: &Connection, counts: &mut Counts) {
    let cursor = Cursor::load(db).unwrap_or_default();
    let through = cursor.through();
    add_rows(db, counts, "id, class, records, epoch, session, created_ms", "segment", |row| {
        let segment = segment::from_row(row).ok().filter(|segment| segment.id > through)?;
        let of = |class| if class == segment.class { cursor.unreleased(&segment) } else { 0 };
        Some(Class::ALL.map(of))
    });
    // Where nobody knows what was released, what is in a batch has been counted as being in a segment.
    if matches!(get::<i64>(db, meta::THROUGH), Ok(Some(_))) {
        let of = |row: &Row<'_>| [1, 2, 3].map(|at| number(column(row, at)));
        add_rows(db, counts, "sequence, bulk, state, account", "outbox", |row| Some(of(row)));
    }
    add(counts, tail::waiting(db));
}

/// Adds each row that can be read: from the first on up to one that cannot be, and then from the last on down to there.
fn add_rows(
    db: &Connection,
    counts: &mut Counts,
    columns: &str,
    table: &str,
    records: impl Fn(&Row<'_>) -> Option<Counts>,
) {
    let mut reached: Option<i64> = None;
    for order in ["ASC", "DESC"] {
        let select = format!("SELECT {columns} FROM {table} NOT INDEXED ORDER BY rowid {order}");
        let Ok(mut statement) = db.prepare(&select) else { return };
        let Ok(mut rows) = statement.query([]) else { return };
        // Ends: with the rows, or with one that cannot be read.
        loop {
            match rows.next() {
                Ok(None) => return,
                Ok(Some(row)) => {
                    let key = row.get(0).unwrap_or_default();
                    if order == "DESC" && reached.is_some_and(|reached| key <= reached) {
                        return;
                    }
                    reached = if order == "ASC" { Some(key) } else { reached };
                    add(counts, records(row).unwrap_or_default());
                }
                Err(_) => break,
            }
        }
    }
}

fn add(counts: &mut Counts, more: Counts) {
    counts.iter_mut().zip(more).for_each(|(count, more)| *count = count.saturating_add(more.min(MOST)));
}

/// Most records that one row is believed to stand for: a flipped bit may have made them many.
const MOST: u64 = 16_384;
