//! Counts of records that ended otherwise than in a segment or a batch: every one, by reason.

use headgate_record::batch::{Lost, MAX_ACCOUNT_ROWS, Withheld};
use headgate_record::{Class, Kind};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::Error;
use crate::database::{number, sql};

/// How records ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// Held back by the release gate.
    Withheld(Kind),
    /// Lost after they were acknowledged.
    Lost(Class),
    /// Handed over in a form that is no record.
    Malformed,
    /// Ended by the collect gate.
    NotCollected(Kind),
}

/// Counts records.
pub(crate) fn add(db: &Connection, end: End, reason: &str, records: u64) -> Result<(), Error> {
    if records == 0 {
        return Ok(());
    }
    let (what, of) = end.numbers();
    let mut statement = db.prepare_cached(
        "INSERT INTO account (what, of, reason, pending, total, checksum)
           VALUES (?1, ?2, ?3, ?4, ?4, checksum('account', ?1, ?2, ?3, ?4, ?4))
           ON CONFLICT DO UPDATE SET pending = pending + ?4, total = total + ?4,
             checksum = checksum('account', what, of, reason, pending + ?4, total + ?4)",
    )?;
    statement.execute(params![what, of, reason, sql(records)])?;
    Ok(())
}

/// Takes what was withheld and lost since the last call, for a batch to carry. What does not fit
/// stays for the next one.
pub(crate) fn take(db: &Connection) -> Result<(Vec<Withheld>, Vec<Lost>), Error> {
    let (mut withheld, mut lost) = (Vec::new(), Vec::new());
    for (of, reason, records) in pending(db, WITHHELD)? {
        if let Some(kind) = Kind::from_number(of) {
            withheld.push(Withheld { kind, reason: reason.clone(), records });
            clear(db, WITHHELD, of, &reason)?;
        }
    }
    for (of, reason, records) in pending(db, LOST)? {
        if let Some(class) = Class::from_number(of) {
            lost.push(Lost { class, reason: reason.clone(), records });
            clear(db, LOST, of, &reason)?;
        }
    }
    Ok((withheld, lost))
}

/// All totals since the database was made, as the administrator sees them.
pub(crate) fn totals(db: &Connection) -> Result<[Value; 4], Error> {
    let mut lists = [const { Vec::new() }; 4];
    let mut statement =
        db.prepare_cached("SELECT what, of, reason, total FROM account ORDER BY what, of, reason")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (what, of): (u32, u32) = (row.get(0)?, row.get(1)?);
        let (reason, records): (String, u64) = (row.get(2)?, number(row.get(3)?));
        let kind = Kind::from_number(of).map(Kind::name);
        let (at, entry) = match what {
            WITHHELD => (0, json!({ "kind": kind, "reason": reason, "records": records })),
            LOST => {
                let class = Class::from_number(of).map(Class::name);
                (1, json!({ "class": class, "reason": reason, "records": records }))
            }
            MALFORMED => (2, json!({ "reason": reason, "records": records })),
            _ => (3, json!({ "kind": kind, "reason": reason, "records": records })),
        };
        if let Some(list) = lists.get_mut(at) {
            list.push(entry);
        }
    }
    Ok(lists.map(Value::Array))
}

impl End {
    fn numbers(self) -> (u32, u32) {
        match self {
            End::Withheld(kind) => (WITHHELD, kind.number()),
            End::Lost(class) => (LOST, class.number()),
            End::Malformed => (MALFORMED, 0),
            End::NotCollected(kind) => (NOT_COLLECTED, kind.number()),
        }
    }
}

fn pending(db: &Connection, what: u32) -> Result<Vec<(u32, String, u64)>, Error> {
    let most = u32::try_from(MAX_ACCOUNT_ROWS).unwrap_or(u32::MAX);
    let mut statement = db.prepare_cached(
        "SELECT of, reason, pending FROM account WHERE what = ?1 AND pending > 0 ORDER BY of, reason LIMIT ?2",
    )?;
    let rows = statement.query_map([what, most], |r| Ok((r.get(0)?, r.get(1)?, number(r.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn clear(db: &Connection, what: u32, of: u32, reason: &str) -> Result<(), Error> {
    let mut statement = db.prepare_cached(
        "UPDATE account SET pending = 0, checksum = checksum('account', what, of, reason, 0, total)
           WHERE what = ?1 AND of = ?2 AND reason = ?3",
    )?;
    statement.execute(params![what, of, reason])?;
    Ok(())
}

const WITHHELD: u32 = 1;
const LOST: u32 = 2;
const MALFORMED: u32 = 3;
const NOT_COLLECTED: u32 = 4;
