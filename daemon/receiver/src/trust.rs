//! Whom the receiver trusts beyond certificates: tokens that are out, and which secret of an appliance counts.
//!
//! An SQLite file of its own beside the batches: commands of the operator write to it while the receiver runs. Of a token only a
//! hash is kept, and of a secret nothing but its generation: secrets are made of the organisation's root when they are needed.

mod requests;
mod tokens;

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use headgate_record::enrolment::{Proof, Root, Session};

use crate::{Config, Error, files, issue};

pub use requests::Asked;
pub use tokens::{Misuse, Offer, Use};

/// The database, and the root of secrets. No `Debug`: it holds a key.
pub struct Trust {
    connection: Mutex<Connection>,
    file: PathBuf,
    root: Option<Root>,
    is_required: bool,
}

/// Why an appliance is not taken for itself although its certificate says so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// It shows no proof.
    #[error("the appliance's secret is not proved; enroll it again")]
    Missing,
    /// Its secret was revoked, or another took its place.
    #[error("the appliance's secret is revoked or was replaced; enroll it again")]
    Old,
    /// The proof is not of its secret, or of another connection.
    #[error("the proof is not that of the appliance's secret on this connection")]
    Wrong,
    /// The database failed.
    #[error("whether the appliance's secret counts cannot be said now")]
    Failed,
}

impl Trust {
    /// Opens the database of a receiver, and makes it when it is not there, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Database`], [`Error::Version`]; those of the root's file.
    pub fn open(config: &Config) -> Result<Trust, Error> {
        // Without a root nobody can prove anything, and where nobody has to nobody is asked.
        let root = if config.secrets_required || config.secrets.exists() {
            Some(issue::root(&config.secrets)?)
        } else {
            None
        };
        let connection = Mutex::new(connect(&config.trust)?);
        Ok(Trust { connection, file: config.trust.clone(), root, is_required: config.secrets_required })
    }

    /// Whether an appliance is itself: whether it proves, on this connection, that it has a secret that counts. A secret that is
    /// proved for the first time takes the place of those before.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(
        &self,
        appliance: &str,
        proof: Option<&Proof>,
        session: Option<&Session>,
    ) -> Result<(), Unproved> {
        let least = self.least(appliance).map_err(|error| failed(&error))?;
        let Some(proof) = proof else {
            return if self.is_required || least.is_some() { Err(Unproved::Missing) } else { Ok(()) };
        };
        let Some(root) = &self.root else {
            // Nobody can be asked, and nobody has to be.
            return if least.is_some() { Err(Unproved::Wrong) } else { Ok(()) };
        };
        let session = session.ok_or(Unproved::Wrong)?;
        if !root.secret(appliance, proof.generation()).is_proved(proof, session) {
            return Err(Unproved::Wrong);
        }
        match least {
            Some(least) if proof.generation() < least => Err(Unproved::Old),
            Some(least) if proof.generation() == least => Ok(()),
            _ => self.raise(appliance, proof.generation()).map_err(|error| failed(&error)),
        }
    }

    /// The generation of the next secret of an appliance: the time in milliseconds, and more than those before.
    ///
    /// # Errors
    /// When the database fails.
    pub fn next_generation(&self, appliance: &str) -> rusqlite::Result<u64> {
        Ok(now_ms().max(self.least(appliance)?.map_or(0, |least| least.saturating_add(1))))
    }

    /// Revokes every secret that an appliance has.
    ///
    /// # Errors
    /// When the database fails.
    pub fn revoke(&self, appliance: &str) -> rusqlite::Result<()> {
        self.raise(appliance, self.next_generation(appliance)?)
    }

    fn least(&self, appliance: &str) -> rusqlite::Result<Option<u64>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT least FROM secret WHERE appliance = ?1")?;
        statement
            .query_row([appliance], |row| row.get::<_, i64>(0))
            .optional()
            .map(|least| least.map(|least| u64::try_from(least).unwrap_or(0)))
    }

    fn raise(&self, appliance: &str, least: u64) -> rusqlite::Result<()> {
        let least = signed(least);
        self.lock()
            .execute(
                "INSERT INTO secret (appliance, least) VALUES (?1, ?2)
                 ON CONFLICT (appliance) DO UPDATE SET least = max(least, excluded.least)",
                params![appliance, least],
            )
            .map(|_| ())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        // A transaction that a panic ended is rolled back: what is there is whole.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: &rusqlite::Error) -> Unproved {
    log::error!(event = "trust_failed"; "the database of tokens and secrets failed: {error}");
    Unproved::Failed
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

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("../migrations/trust/001_trust.sql");
/// A command of the operator's is done by then.
const BUSY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
