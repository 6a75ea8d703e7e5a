//! The receiver's SQLite file: every batch once, whole or not at all.
//!
//! Write-ahead log with `synchronous=FULL`: what [`Database::store`] has returned survives a power cut.

mod figures;
pub mod pages;
mod retention;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use serde_json::{Value, json};

use headgate_record::batch::Batch;

use crate::engine::{Held, Stored, now_ms};
use crate::late::{self, Late};
use crate::{Error, files, forget};

pub use retention::Expired;

/// The one that writes.
pub struct Database {
    connection: Connection,
    /// Whether something that expired may still be in the log.
    unpurged: bool,
}

/// What is to become of a batch.
enum Verdict {
    New,
    Again(Held),
    Replaces(Held),
    Superseded(Held),
    Conflict,
}

impl Database {
    /// Opens the file, and makes it when it is not there, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Database`], [`Error::Version`].
    pub fn open(file: &Path) -> Result<Database, Error> {
        // SQLite gives its log and index the mode of the database.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(files::SECRET)
            .open(file)
            .map_err(|source| Error::Write { file: file.to_path_buf(), source })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |source| Error::Database { file: file.to_path_buf(), source };
        let mut connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        // What is forgotten is overwritten.
        connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
        let found = version(&connection).map_err(failed)?;
        for (at, migration) in (1..).zip(MIGRATIONS) {
            if at > found {
                let migrate = |connection: &mut Connection| {
                    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
                    transaction.execute_batch(migration)?;
                    transaction.pragma_update(None, "user_version", at)?;
                    transaction.commit()
                };
                migrate(&mut connection).map_err(failed)?;
            }
        }
        check_version(&connection, file)?;
        files::sync_directory(file.parent().unwrap_or(Path::new("")))?;
        Ok(Database { connection, unpurged: false })
    }

    /// Stores `batch`, whose encoding has `digest`, unless it is there already, and deletes what it asks to forget, in one
    /// transaction. Content that says that it replaces what is stored takes its place where it leaves records out of it
    /// and does nothing else.
    ///
    /// # Errors
    /// What SQLite says; then nothing of the batch is stored.
    pub fn store(&mut self, batch: &Batch, digest: &[u8; 32]) -> rusqlite::Result<Stored> {
        let mut stored = self.store_all(&[(batch, digest)])?;
        stored.pop().unwrap_or(Err(rusqlite::Error::QueryReturnedNoRows))
    }

    /// The same of several that came together, in one transaction, of which the log is synchronised once. Gives what became of each.
    ///
    /// # Errors
    /// What SQLite says; then nothing of any is stored. What it says of one batch, of which then nothing is stored, is within.
    pub fn store_all(
        &mut self,
        batches: &[(&Batch, &[u8; 32])],
    ) -> rusqlite::Result<Vec<rusqlite::Result<Stored>>> {
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut all, mut purges) = (Vec::with_capacity(batches.len()), false);
        for (batch, digest) in batches {
            // Where it fails, what it had done is undone, and not what others did.
            let point = transaction.savepoint()?;
            let stored = store_in(&point, batch, digest);
            if let Ok(stored) = &stored {
                point.commit()?;
                purges |= matches!(stored, Stored::New { .. })
                    && !(batch.forget.is_empty() && batch.replaces.is_empty());
            } else {
                point.finish()?;
            }
            all.push(stored);
        }
        transaction.commit()?;
        if purges {
            // What was deleted is still in the log until it has been moved and cut. Somebody who reads prevents it: the
            // next one does it.
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(all)
    }
}

/// Stores a batch within a transaction.
fn store_in(transaction: &Connection, batch: &Batch, digest: &[u8; 32]) -> rusqlite::Result<Stored> {
    let id = &batch.id;
    let (epoch, sequence) = (id.epoch.cast_signed(), id.sequence.cast_signed());
    let mut forgotten = 0;
    let verdict = verdict(transaction, batch, digest)?;
    // What takes the place of another content is as old as that, and where its records have expired they stay away.
    let age = retention::age(transaction, id)?;
    let is_expired = age.is_some_and(|(_, is_expired)| is_expired);
    match &verdict {
        Verdict::New => {}
        Verdict::Again(Held { stored_ms, forgotten, .. }) => {
            return Ok(Stored::Again { stored_ms: *stored_ms, forgotten: *forgotten });
        }
        Verdict::Superseded(held) => return Ok(Stored::Superseded(*held)),
        Verdict::Conflict => return Ok(Stored::Conflict),
        Verdict::Replaces(held) => {
            forgotten = held.forgotten;
            forget::delete_batch(transaction, &id.appliance, epoch, sequence)?;
        }
    }
    let late = Late::of(transaction, batch)?;
    forgotten += forget::forget(transaction, &id.appliance, &batch.forget)?;
    let arrival = pages::arrival(transaction)?;
    let stored_ms = now_ms();
    let (withheld, lost) = if is_expired {
        ("[]".to_owned(), "[]".to_owned())
    } else {
        let (withheld, lost) = accounts(batch);
        (withheld.to_string(), lost.to_string())
    };
    transaction.prepare_cached(INSERT_BATCH)?.execute(params![
        id.appliance,
        epoch,
        sequence,
        digest,
        batch.rules,
        i64::try_from(batch.records.len()).unwrap_or(i64::MAX),
        stored_ms.cast_signed(),
        withheld,
        lost,
        i64::try_from(batch.forget.len()).unwrap_or(i64::MAX),
        forgotten.cast_signed(),
        json!(batch.regions).to_string(),
        batch.profile,
        age.map_or(stored_ms.cast_signed(), |(since_ms, _)| since_ms),
        if is_expired { retention::GONE } else { 0 },
        arrival,
    ])?;
    figures::count(transaction, id, matches!(verdict, Verdict::New), stored_ms)?;
    let mut left_out = 0;
    if !is_expired {
        let mut insert = transaction.prepare_cached(INSERT_RECORD)?;
        for (position, record) in (0i64..).zip(&batch.records) {
            if late.names(record) {
                left_out += 1;
                continue;
            }
            let json = record.to_json().to_string();
            insert.execute(params![id.appliance, epoch, sequence, position, record.kind().name(), json])?;
            forget::index(transaction, &id.appliance, epoch, sequence, position, record)?;
        }
    }
    late::keep_replaced(transaction, batch)?;
    if matches!(verdict, Verdict::New) {
        late::came(transaction, batch)?;
    }
    late::keep(transaction, batch)?;
    Ok(Stored::New { stored_ms, forgotten, left_out })
}

/// Whether a batch contradicts what is stored.
///
/// # Errors
/// What SQLite says.
pub fn contradicts(connection: &Connection, batch: &Batch, digest: &[u8; 32]) -> rusqlite::Result<bool> {
    Ok(matches!(verdict(connection, batch, digest)?, Verdict::Conflict))
}

fn verdict(connection: &Connection, batch: &Batch, digest: &[u8; 32]) -> rusqlite::Result<Verdict> {
    let id = &batch.id;
    let held = connection
        .prepare_cached(FIND)?
        .query_row(params![id.appliance, id.epoch.cast_signed(), id.sequence.cast_signed()], |row| {
            let count =
                |at| Ok::<u32, rusqlite::Error>(u32::try_from(row.get::<_, i64>(at)?).unwrap_or(u32::MAX));
            Ok(Held {
                digest: row.get(0)?,
                stored_ms: row.get::<_, i64>(1)?.cast_unsigned(),
                forgotten: row.get::<_, i64>(2)?.cast_unsigned(),
                records: count(3)?,
                values: count(4)?,
            })
        })
        .optional()?;
    Ok(match held {
        None => Verdict::New,
        Some(held) if held.digest == *digest => Verdict::Again(held),
        Some(held) if late::is_replaced(connection, batch, digest)? => Verdict::Superseded(held),
        Some(held) if batch.replaces.contains(&held.digest) && may_replace(connection, batch)? => {
            Verdict::Replaces(held)
        }
        Some(_) => Verdict::Conflict,
    })
}

/// What a batch says was withheld, and what was lost.
pub fn accounts(batch: &Batch) -> (Value, Value) {
    let withheld = batch
        .withheld
        .iter()
        .map(|w| json!({"kind": w.kind.name(), "reason": w.reason, "records": w.records}));
    let lost =
        batch.lost.iter().map(|l| json!({"class": l.class.name(), "reason": l.reason, "records": l.records}));
    (withheld.collect(), lost.collect())
}

/// Whether a batch brings nothing that was not there. What has expired cannot be compared, and is not stored again.
fn may_replace(connection: &Connection, batch: &Batch) -> rusqlite::Result<bool> {
    let age = retention::age(connection, &batch.id)?;
    Ok(age.is_some_and(|(_, is_expired)| is_expired) || forget::leaves_out(connection, batch)?)
}

/// Opens the file to read only, beside whoever writes.
///
/// # Errors
/// [`Error::Database`], [`Error::Version`].
pub fn read(file: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| Error::Database { file: file.to_path_buf(), source };
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    check_version(&connection, file)?;
    Ok(connection)
}

fn check_version(connection: &Connection, file: &Path) -> Result<(), Error> {
    match version(connection) {
        Ok(VERSION) => Ok(()),
        Ok(found) => Err(Error::Version { file: file.to_path_buf(), found, known: VERSION }),
        Err(source) => Err(Error::Database { file: file.to_path_buf(), source }),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

const VERSION: i64 = 6;
/// In order; the version of a database is the number of its last migration.
const MIGRATIONS: [&str; 6] = [
    include_str!("../migrations/001_batches.sql"),
    include_str!("../migrations/002_forget.sql"),
    include_str!("../migrations/003_order.sql"),
    include_str!("../migrations/004_retention.sql"),
    include_str!("../migrations/005_figures.sql"),
    include_str!("../migrations/006_arrival.sql"),
];
const BUSY: Duration = Duration::from_secs(5);
const FIND: &str = "SELECT digest, received_ms, forgotten_records, records, forgotten_values FROM batch WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3";
const INSERT_BATCH: &str = "INSERT INTO batch (appliance, epoch, sequence, digest, rules, records, \
     received_ms, withheld, lost, forgotten_values, forgotten_records, regions, profile, since_ms, expired, arrival) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const INSERT_RECORD: &str = "INSERT INTO record (appliance, epoch, sequence, position, kind, json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

#[cfg(test)]
mod tests;
