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

use crate::{Error, files, forget};

/// The one that writes.
pub struct Database {
    connection: Connection,
}

/// What became of a batch. All of them are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored now, and what it asks to forget is forgotten.
    New {
        /// When, milliseconds since 1970.
        stored_ms: u64,
        /// How many records were deleted for what it asks to forget.
        forgotten: u64,
    },
    /// The same bytes were stored before.
    Again {
        /// When, milliseconds since 1970.
        stored_ms: u64,
        /// How many records were deleted then.
        forgotten: u64,
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
        Ok(Database { connection })
    }

    /// Stores `batch`, whose encoding has `digest`, unless it is there already, and deletes what it asks to forget, in one
    /// transaction. Content that says that it replaces what is stored takes its place where it leaves records out of it
    /// and does nothing else.
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
                let stored = (row.get::<_, i64>(1)?.cast_unsigned(), row.get::<_, i64>(2)?.cast_unsigned());
                Ok((row.get::<_, [u8; 32]>(0)?, stored))
            })
            .optional()?;
        let mut forgotten = 0;
        if let Some((known, (stored_ms, before))) = known {
            if known == *digest {
                return Ok(Stored::Again { stored_ms, forgotten: before });
            }
            if !batch.replaces.contains(&known) || !forget::leaves_out(&transaction, batch)? {
                return Ok(Stored::Conflict);
            }
            forgotten = before;
            forget::delete_batch(&transaction, &id.appliance, epoch, sequence)?;
        }
        forgotten += forget::forget(&transaction, &id.appliance, &batch.forget)?;
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
            i64::try_from(batch.forget.len()).unwrap_or(i64::MAX),
            forgotten.cast_signed(),
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
                forget::index(&transaction, &id.appliance, epoch, sequence, position, record)?;
            }
        }
        transaction.commit()?;
        if !batch.forget.is_empty() || !batch.replaces.is_empty() {
            // What was deleted is still in the log until it has been moved and cut. Somebody who reads prevents it: the
            // next one does it.
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(Stored::New { stored_ms, forgotten })
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

const VERSION: i64 = 2;
/// In order; the version of a database is the number of its last migration.
const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/001_batches.sql"), include_str!("../migrations/002_forget.sql")];
const BUSY: Duration = Duration::from_secs(5);
const FIND: &str = "SELECT digest, received_ms, forgotten_records FROM batch WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3";
const INSERT_BATCH: &str = "INSERT INTO batch (appliance, epoch, sequence, digest, rules, records, \
     received_ms, withheld, lost, forgotten_values, forgotten_records) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const INSERT_RECORD: &str = "INSERT INTO record (appliance, epoch, sequence, position, kind, json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use headgate_record::batch::BatchId;
    use headgate_record::{Field, Kind, Record};

    use super::*;

    fn batch(epoch: u64, sequence: u64) -> Batch {
        of(epoch, sequence, &[[0; 16]])
    }

    /// A batch with a device of each of these pseudonyms.
    fn of(epoch: u64, sequence: u64, pseudonyms: &[[u8; 16]]) -> Batch {
        let record = |pseudonym: &[u8; 16]| {
            let mut record = Record::new(Kind::Device);
            record.set(Field::DeviceMac, headgate_record::Value::Pseudonym(*pseudonym)).unwrap();
            record.set(Field::DeviceVendor, "Example").unwrap();
            record
        };
        Batch {
            id: BatchId { appliance: "site-1".into(), epoch, sequence },
            rules: [9; 32],
            records: pseudonyms.iter().map(record).collect(),
            withheld: Vec::new(),
            lost: Vec::new(),
            forget: Vec::new(),
            replaces: Vec::new(),
        }
    }

    fn contains(directory: &Path, needle: &str) -> bool {
        directory.read_dir().unwrap().flatten().any(|entry| {
            let octets = std::fs::read(entry.path()).unwrap();
            octets.windows(needle.len()).any(|window| window == needle.as_bytes())
        })
    }

    #[test]
    fn what_a_tombstone_names_is_gone_from_all_batches_and_from_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
        let (person, other) = ([0xa7; 16], [0xb8; 16]);
        database.store(&of(1, 1, &[person, other]), &[1; 32]).unwrap();
        database.store(&of(2, 1, &[person]), &[2; 32]).unwrap();
        let mut foreign = of(1, 1, &[person]);
        foreign.id.appliance = "site-2".into();
        database.store(&foreign, &[3; 32]).unwrap();
        let mut tombstone = of(2, 2, &[]);
        tombstone.forget = vec!["a7".repeat(16)];
        let Stored::New { forgotten: 2, stored_ms } = database.store(&tombstone, &[4; 32]).unwrap() else {
            panic!("two records")
        };
        assert_eq!(database.store(&tombstone, &[4; 32]), Ok(Stored::Again { stored_ms, forgotten: 2 }));
        assert_eq!(count(&database.connection, "record"), 2, "the other's, and the other appliance's");
        assert!(contains(directory.path(), &"b8".repeat(16)));
        let mut again = foreign.clone();
        again.id.sequence = 2;
        (again.records, again.forget) = (Vec::new(), vec!["a7".repeat(16)]);
        database.store(&again, &[5; 32]).unwrap();
        assert!(!contains(directory.path(), &"a7".repeat(16)));
    }

    #[test]
    fn a_batch_is_replaced_by_less_of_itself_and_by_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
        let (person, other) = ([0xa7; 16], [0xb8; 16]);
        database.store(&of(1, 1, &[person, other, other]), &[1; 32]).unwrap();
        let mut more = of(1, 1, &[other, person]);
        more.replaces = vec![[1; 32]];
        assert_eq!(database.store(&more, &[2; 32]), Ok(Stored::Conflict), "another order is another content");
        let mut less = of(1, 1, &[other, other]);
        less.replaces = vec![[8; 32]];
        assert_eq!(database.store(&less, &[2; 32]), Ok(Stored::Conflict), "it replaces something else");
        less.replaces.push([1; 32]);
        assert!(matches!(database.store(&less, &[2; 32]), Ok(Stored::New { .. })));
        assert!(matches!(database.store(&less, &[2; 32]), Ok(Stored::Again { .. })));
        assert_eq!((count(&database.connection, "batch"), count(&database.connection, "record")), (1, 2));
        assert!(!contains(directory.path(), &"a7".repeat(16)));
    }

    /// Batches that came before the receiver could forget are forgotten too.
    #[test]
    fn what_a_database_of_version_1_holds_is_indexed_when_it_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receiver.db");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute(
            "INSERT INTO batch VALUES ('site-1', 1, 1, zeroblob(32), zeroblob(32), 1, 0, '[]', '[]')",
            [],
        )
        .unwrap();
        let json = format!(r#"{{"kind":"flow","mac":"{}","list":["00:10:20:00:00:01"]}}"#, "a7".repeat(16));
        old.execute("INSERT INTO record VALUES ('site-1', 1, 1, 0, 'flow', ?1)", [json]).unwrap();
        drop(old);
        let mut database = Database::open(&file).unwrap();
        let named = "SELECT COUNT(*) FROM identifier WHERE value IN (?1, '00:10:20:00:00:01')";
        let named: i64 = database.connection.query_row(named, ["a7".repeat(16)], |r| r.get(0)).unwrap();
        assert_eq!(named, 2);
        let mut tombstone = of(1, 2, &[]);
        tombstone.forget = vec!["a7".repeat(16)];
        assert!(matches!(database.store(&tombstone, &[4; 32]), Ok(Stored::New { forgotten: 1, .. })));
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
        let Stored::New { stored_ms, forgotten } = database.store(&batch, &[1; 32]).unwrap() else {
            panic!("new")
        };
        assert_eq!(database.store(&batch, &[1; 32]), Ok(Stored::Again { stored_ms, forgotten }));
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
