//! In a file of its own beside the batches: SQLite, so that commands of the operator write to it while the receiver runs.

mod requests;
mod tokens;

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::signed;
use crate::{Error, files};

/// The database.
pub struct File {
    connection: Mutex<Connection>,
    /// To look with, beside whoever writes: nobody waits for that.
    reader: Mutex<Connection>,
    path: PathBuf,
}

impl File {
    /// Opens the database, and makes it when it is not there, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Database`], [`Error::Version`].
    pub fn open(path: &Path) -> Result<File, Error> {
        let failed = |source| Error::Database { file: path.to_path_buf(), source };
        let connection = Mutex::new(connect(path)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(failed)?;
        reader.busy_timeout(BUSY).map_err(failed)?;
        Ok(File { connection, reader: Mutex::new(reader), path: path.to_path_buf() })
    }

    /// The least generation of an appliance's secret that counts; nothing where none is known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn least(&self, appliance: &str) -> rusqlite::Result<Option<u64>> {
        let reader = self.looking();
        let mut statement = reader.prepare_cached("SELECT least FROM secret WHERE appliance = ?1")?;
        statement
            .query_row([appliance], |row| row.get::<_, i64>(0))
            .optional()
            .map(|least| least.map(|least| u64::try_from(least).unwrap_or(0)))
    }

    /// Secrets of an appliance below this generation count no longer.
    ///
    /// # Errors
    /// When the database fails.
    pub fn raise(&self, appliance: &str, least: u64) -> rusqlite::Result<()> {
        let least = signed(least);
        self.lock()
            .execute(
                "INSERT INTO secret (appliance, least) VALUES (?1, ?2)
                 ON CONFLICT (appliance) DO UPDATE SET least = max(least, excluded.least)",
                params![appliance, least],
            )
            .map(|_| ())
    }

    /// Every appliance with its least generation.
    ///
    /// # Errors
    /// When the database fails.
    pub fn all_least(&self) -> rusqlite::Result<Vec<(String, u64)>> {
        let reader = self.looking();
        let mut statement = reader.prepare("SELECT appliance, least FROM secret")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
        })?;
        rows.collect()
    }

    /// What the failure of the database is to a command.
    pub fn failure(&self, source: rusqlite::Error) -> Error {
        Error::Database { file: self.path.clone(), source }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic ended is rolled back: what is there is whole.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looking(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(file: &Path) -> Result<Connection, Error> {
    let write = |source| Error::Write { file: file.to_path_buf(), source };
    let made = OpenOptions::new().write(true).create_new(true).mode(files::SECRET).open(file);
    match made {
        // A command of root's made it first: it is for whom the directory is.
        Ok(made) => {
            let directory = file.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let owner = directory.metadata().map_err(write)?;
            let own = made.metadata().map_err(write)?;
            if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) && rustix::process::geteuid().is_root() {
                std::os::unix::fs::fchown(&made, Some(owner.uid()), Some(owner.gid())).map_err(write)?;
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(write(error)),
    }
    let failed = |source| Error::Database { file: file.to_path_buf(), source };
    let mut connection = Connection::open(file).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found: i64 =
        transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    match found {
        0 => transaction.execute_batch(SCHEMA).map_err(failed)?,
        VERSION => {}
        found => return Err(Error::Version { file: file.to_path_buf(), found, known: VERSION }),
    }
    transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    files::sync_directory(file.parent().unwrap_or(Path::new("")))?;
    Ok(connection)
}

const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("../../migrations/trust/001_trust.sql");
/// A command of the operator's is done by then.
const BUSY: Duration = Duration::from_secs(10);
