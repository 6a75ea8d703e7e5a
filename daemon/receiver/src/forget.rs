//! Forgetting persons: what a tombstone names, and what a batch leaves out of its earlier content.

use rusqlite::{Connection, params};

use headgate_record::Record;
use headgate_record::batch::Batch;

use crate::database::pages::arrival;

/// Writes down by what persons are named in a record, so that a tombstone finds it.
pub fn index(
    transaction: &Connection,
    appliance: &str,
    epoch: i64,
    sequence: i64,
    position: i64,
    record: &Record,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO identifier (appliance, value, epoch, sequence, position) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (_, value) in record.identifiers() {
        insert.execute(params![appliance, value.to_string(), epoch, sequence, position])?;
    }
    Ok(())
}

/// Deletes the appliance's records in which one of the values names somebody, of all batches. Gives how many.
pub fn forget(transaction: &Connection, appliance: &str, values: &[String]) -> rusqlite::Result<u64> {
    let mut named = transaction.prepare_cached(
        "SELECT epoch, sequence, position FROM identifier WHERE appliance = ?1 AND value = ?2",
    )?;
    let mut delete = transaction.prepare_cached(
        "DELETE FROM record WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3 AND position = ?4",
    )?;
    let mut changed = transaction.prepare_cached(
        "UPDATE batch SET arrival = ?4 WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3",
    )?;
    let mut deleted: u64 = 0;
    for value in values {
        let places = named.query_map(params![appliance, value], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?;
        for (epoch, sequence, position) in places.collect::<rusqlite::Result<Vec<_>>>()? {
            let gone = delete.execute(params![appliance, epoch, sequence, position])?;
            deleted = deleted.saturating_add(u64::try_from(gone).unwrap_or(0));
            if gone > 0 {
                changed.execute(params![appliance, epoch, sequence, arrival(transaction)?])?;
            }
        }
        transaction
            .prepare_cached("DELETE FROM identifier WHERE appliance = ?1 AND value = ?2")?
            .execute(params![appliance, value])?;
    }
    Ok(deleted)
}

/// Whether the records of a batch are those that are stored under its number, in their order, but for some that it
/// leaves out. What was forgotten of them since cannot be compared and is left out as well.
pub fn leaves_out(connection: &Connection, batch: &Batch) -> rusqlite::Result<bool> {
    let (epoch, sequence) = (batch.id.epoch.cast_signed(), batch.id.sequence.cast_signed());
    let mut stored = connection.prepare_cached(
        "SELECT json FROM record WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3 ORDER BY position",
    )?;
    let mut stored = stored.query(params![batch.id.appliance, epoch, sequence])?;
    for record in &batch.records {
        let record = record.to_json().to_string();
        loop {
            match stored.next()? {
                Some(row) if row.get_ref(0)?.as_str()? == record => break,
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// Deletes a batch with its records.
pub fn delete_batch(
    transaction: &Connection,
    appliance: &str,
    epoch: i64,
    sequence: i64,
) -> rusqlite::Result<()> {
    for table in ["record", "batch"] {
        transaction.execute(
            &format!("DELETE FROM {table} WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3"),
            params![appliance, epoch, sequence],
        )?;
    }
    Ok(())
}
