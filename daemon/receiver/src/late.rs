//! What batches that come late must not bring back: persons who were to be forgotten meanwhile, and contents that were replaced.
//!
//! Batches come in any order when they are carried. A tombstone is of its number: what an appliance sends under higher
//! ones may be of the same person again.

use rusqlite::{Connection, params};

use headgate_record::Record;
use headgate_record::batch::{Batch, digest};

/// The tombstones that a batch comes behind although its number is below theirs.
pub struct Late(Vec<(Vec<u8>, Vec<[u8; 32]>)>);

impl Late {
    /// Those for one batch.
    pub fn of(transaction: &Connection, batch: &Batch) -> rusqlite::Result<Late> {
        let (epoch, sequence) = (batch.id.epoch.cast_signed(), batch.id.sequence.cast_signed());
        let mut later = transaction.prepare_cached(
            "SELECT sequence, salt FROM tombstone WHERE appliance = ?1 AND epoch = ?2 AND sequence > ?3",
        )?;
        let later = later.query_map(params![batch.id.appliance, epoch, sequence], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut hashes = transaction.prepare_cached(
            "SELECT hash FROM tombstone_value WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3",
        )?;
        let mut found = Vec::new();
        for (sequence, salt) in later.collect::<rusqlite::Result<Vec<_>>>()? {
            let rows = hashes.query_map(params![batch.id.appliance, epoch, sequence], |row| row.get(0))?;
            found.push((salt, rows.collect::<rusqlite::Result<_>>()?));
        }
        Ok(Late(found))
    }

    /// Whether a record names somebody who was to be forgotten.
    pub fn names(&self, record: &Record) -> bool {
        self.0.iter().any(|(salt, hashes)| {
            record.identifiers().any(|(_, value)| hashes.contains(&hash(salt, &value.to_string())))
        })
    }
}

/// A number that was missing is here: tombstones above it wait for one less, and go when they wait for none.
pub fn came(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let (epoch, sequence) = (batch.id.epoch.cast_signed(), batch.id.sequence.cast_signed());
    transaction
        .prepare_cached(
            "UPDATE tombstone SET missing = missing - 1 WHERE appliance = ?1 AND epoch = ?2 AND sequence > ?3",
        )?
        .execute(params![batch.id.appliance, epoch, sequence])?;
    transaction.prepare_cached("DELETE FROM tombstone WHERE missing <= 0")?.execute([])?;
    Ok(())
}

/// Keeps what a batch asks to forget for the numbers below its own that are missing, if any are.
pub fn keep(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    if batch.forget.is_empty() {
        return Ok(());
    }
    let (epoch, sequence) = (batch.id.epoch.cast_signed(), batch.id.sequence.cast_signed());
    let here: i64 = transaction.query_row(
        "SELECT COUNT(*) FROM batch WHERE appliance = ?1 AND epoch = ?2 AND sequence < ?3",
        params![batch.id.appliance, epoch, sequence],
        |row| row.get(0),
    )?;
    let missing = sequence.saturating_sub(1).saturating_sub(here);
    if missing <= 0 {
        return Ok(());
    }
    let salt: [u8; 16] = transaction.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    transaction.execute(
        "INSERT OR REPLACE INTO tombstone (appliance, epoch, sequence, missing, salt) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![batch.id.appliance, epoch, sequence, missing, salt],
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO tombstone_value (appliance, epoch, sequence, hash) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for value in &batch.forget {
        insert.execute(params![batch.id.appliance, epoch, sequence, hash(&salt, value)])?;
    }
    Ok(())
}

/// Keeps which contents a batch took the place of.
pub fn keep_replaced(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let (epoch, sequence) = (batch.id.epoch.cast_signed(), batch.id.sequence.cast_signed());
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO replaced (appliance, epoch, sequence, digest) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for digest in &batch.replaces {
        insert.execute(params![batch.id.appliance, epoch, sequence, digest])?;
    }
    Ok(())
}

/// Whether something took the place of this content.
pub fn is_replaced(connection: &Connection, batch: &Batch, digest: &[u8; 32]) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM replaced WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3 AND digest = ?4)",
        )?
        .query_row(
            params![batch.id.appliance, batch.id.epoch.cast_signed(), batch.id.sequence.cast_signed(), digest],
            |row| row.get(0),
        )
}

fn hash(salt: &[u8], value: &str) -> [u8; 32] {
    digest(&[salt, value.as_bytes()].concat())
}
