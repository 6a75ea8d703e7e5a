//! The receiver's SQLite file: every batch once, whole or not at all.
//!
//! Write-ahead log with `synchronous=FULL`: what [`Database::store`] has returned survives a power cut.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use serde_json::json;

use headgate_record::batch::Batch;

use crate::{Error, files};

/// The one that writes.
pub struct Database {
    connection: Connection,
}

/// What became of a batch. All of them are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored now.
    New {
        /// When, milliseconds since 1970.
        stored_ms: u64,
    },
    /// The same bytes were stored before.
    Again {
        /// When, milliseconds since 1970.
        stored_ms: u64,
    },
    /// Other bytes were stored before under the same identity; they stay.
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
        if version(&connection).map_err(failed)? == 0 {
            let migrate = |connection: &mut Connection| {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
                transaction.execute_batch(MIGRATION)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
                transaction.commit()
            };
            migrate(&mut connection).map_err(failed)?;
        }
        check_version(&connection, file)?;
        files::sync_directory(file.parent().unwrap_or(Path::new("")))?;
        Ok(Database { connection })
    }

    /// Stores `batch`, whose encoding has `digest`, unless it is there already.
    ///
    /// # Errors
    /// What SQLite says; then nothing of the batch is stored.
    pub fn store(&mut self, batch: &Batch, digest: &[u8; 32]) -> rusqlite::Result<Stored> {
        let id = &batch.id;
        let (epoch, sequence) = (id.epoch.cast_signed(), id.sequence.cast_signed());
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known = transaction
            .prepare_cached(FIND)?
            .query_row(params![id.appliance, epoch, sequence], |row| {
                Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        if let Some((known, stored_ms)) = known {
            let same = known == *digest;
            return Ok(if same {
                Stored::Again { stored_ms: stored_ms.cast_unsigned() }
            } else {
                Stored::Conflict
            });
        }
        let stored_ms = now_ms();
        let withheld = batch
            .withheld
            .iter()
            .map(|w| json!({"kind": w.kind.name(), "reason": w.reason, "records": w.records}));
        let lost = batch
            .lost
            .iter()
            .map(|l| json!({"class": l.class.name(), "reason": l.reason, "records": l.records}));
        transaction.prepare_cached(INSERT_BATCH)?.execute(params![
            id.appliance,
            epoch,
            sequence,
            digest,
            batch.rules,
            i64::try_from(batch.records.len()).unwrap_or(i64::MAX),
            stored_ms.cast_signed(),
            withheld.collect::<serde_json::Value>().to_string(),
            lost.collect::<serde_json::Value>().to_string(),
        ])?;
        {
            let mut insert = transaction.prepare_cached(INSERT_RECORD)?;
            for (position, record) in (0i64..).zip(&batch.records) {
                let json = record.to_json().to_string();
                insert.execute(params![
                    id.appliance,
                    epoch,
                    sequence,
                    position,
                    record.kind().name(),
                    json
                ])?;
            }
        }
        transaction.commit()?;
        Ok(Stored::New { stored_ms })
    }
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

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

const VERSION: i64 = 1;
const MIGRATION: &str = include_str!("../migrations/001_batches.sql");
const BUSY: Duration = Duration::from_secs(5);
const FIND: &str =
    "SELECT digest, received_ms FROM batch WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3";
const INSERT_BATCH: &str = "INSERT INTO batch (appliance, epoch, sequence, digest, rules, records, \
     received_ms, withheld, lost) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const INSERT_RECORD: &str = "INSERT INTO record (appliance, epoch, sequence, position, kind, json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use headgate_record::batch::BatchId;
    use headgate_record::{Field, Kind, Record};

    use super::*;

    fn batch(epoch: u64, sequence: u64) -> Batch {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceVendor, "Example").unwrap();
        let id = BatchId { appliance: "site-1".into(), epoch, sequence };
        Batch { id, rules: [9; 32], records: vec![record], withheld: Vec::new(), lost: Vec::new() }
    }

    fn count(connection: &Connection, table: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_batch_is_stored_once_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receiver.db");
        let mut database = Database::open(&file).unwrap();
        let batch = batch(u64::MAX, 1);
        let Stored::New { stored_ms } = database.store(&batch, &[1; 32]).unwrap() else { panic!("new") };
        assert_eq!(database.store(&batch, &[1; 32]), Ok(Stored::Again { stored_ms }));
        assert_eq!(database.store(&batch, &[2; 32]), Ok(Stored::Conflict));
        assert_eq!((count(&database.connection, "batch"), count(&database.connection, "record")), (1, 1));
    }

    #[test]
    fn the_file_and_its_log_are_their_owners_only() {
        let directory = tempfile::tempdir().unwrap();
        let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
        database.store(&batch(1, 1), &[1; 32]).unwrap();
        let entries: Vec<_> = directory.path().read_dir().unwrap().flatten().collect();
        assert!(entries.len() > 1);
        for entry in entries {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_of_a_later_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receiver.db");
        Database::open(&file).unwrap().connection.pragma_update(None, "user_version", 9).unwrap();
        assert!(matches!(Database::open(&file), Err(Error::Version { found: 9, .. })));
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receiver.db");
        std::fs::write(&file, "a letter to a friend, longer than a header".repeat(9)).unwrap();
        let before = std::fs::read(&file).unwrap();
        assert!(matches!(Database::open(&file), Err(Error::Database { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn it_is_read_while_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receiver.db");
        let mut database = Database::open(&file).unwrap();
        database.store(&batch(1, 1), &[1; 32]).unwrap();
        let reader = read(&file).unwrap();
        assert_eq!(count(&reader, "batch"), 1);
        database.store(&batch(1, 2), &[2; 32]).unwrap();
        assert_eq!(count(&reader, "batch"), 2);
        assert!(reader.execute("DELETE FROM record", []).is_err());
    }
}
