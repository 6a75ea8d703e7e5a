//! Why a store cannot be opened ([`OpenError`]), and why something asked of an open one fails ([`Error`]).

use std::io;
use std::path::PathBuf;

use headgate_service::config::ConfigError;
use headgate_service::exit::{self, Exit};

/// Why the process does not start. Nothing that existed was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `headgate.toml` cannot be used, or a rule file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `rules.toml` cannot be used.
    #[error(transparent)]
    Rules(#[from] headgate_rules::RuleError),
    /// A file or directory cannot be read, made or changed.
    #[error("{what} {file}", file = .file.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        file: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// There is no master key.
    #[error("there is no master key: {file} does not exist; `headgate-store init` makes one", file = .0.display())]
    NoKey(PathBuf),
    /// A secret file can be read by others.
    #[error("{file} is open to others (mode {mode:03o}); use: chmod 600 {file}", file = .file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file does not hold a key.
    #[error("{file} does not hold {expected}", file = .file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A key that would be made exists.
    #[error("{file} exists and is left as it is", file = .0.display())]
    KeyExists(PathBuf),
    /// The master key is not the one the database was made with.
    #[error("master key does not open this store: {file} was made with another key", file = .0.display())]
    WrongKey(PathBuf),
    /// The store's directory can be changed by others.
    #[error("{directory} can be written by others (mode {mode:03o}); use: chmod 700 {directory}", directory = .directory.display())]
    OpenDirectory {
        /// The directory.
        directory: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process has this store open or answers at one of its sockets.
    #[error("already running: {file} is in use", file = .0.display())]
    Running(PathBuf),
    /// A newer program made the database.
    #[error("{file} has schema {found}; this program knows schemas up to {known}: install the newer program again", file = .file.display())]
    Schema {
        /// The database.
        file: PathBuf,
        /// Version of its schema.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The file is a database, but not a store.
    #[error("{file} is not a Headgate store", file = .0.display())]
    Foreign(PathBuf),
    /// The system refused something that every process needs.
    #[error("{what}")]
    System {
        /// What was asked.
        what: &'static str,
        /// Why it was refused.
        source: io::Error,
    },
    /// The database cannot be brought into use.
    #[error("{file} cannot be used", file = .file.display())]
    Unusable {
        /// The database.
        file: PathBuf,
        /// Why it failed.
        source: Error,
    },
    /// Something that the database needs cannot be had.
    #[error("store database")]
    Database(#[from] Error),
}

impl Exit for OpenError {
    fn code(&self) -> u8 {
        match self {
            OpenError::Config(_)
            | OpenError::Rules(_)
            | OpenError::NoKey(_)
            | OpenError::Exposed { .. }
            | OpenError::BadKey { .. }
            | OpenError::WrongKey(_)
            | OpenError::OpenDirectory { .. }
            | OpenError::Schema { .. }
            | OpenError::Foreign(_) => exit::CONFIG,
            OpenError::KeyExists(_) => exit::CANNOT_CREATE,
            OpenError::Running(_) => exit::TRY_LATER,
            OpenError::System { .. } => exit::SYSTEM,
            OpenError::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                exit::NO_PERMISSION
            }
            OpenError::File { .. } => exit::IO,
            OpenError::Unusable { source: error, .. } | OpenError::Database(error) => error.code(),
        }
    }
}

impl OpenError {
    /// Names the database that an error is about.
    pub(crate) fn about(self, file: PathBuf) -> OpenError {
        match self {
            OpenError::Database(source) => OpenError::Unusable { file, source },
            other => other,
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        OpenError::Database(error.into())
    }
}

/// Why a request to an open store fails. The transaction it was part of has left no trace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refuses.
    #[error("database")]
    Database(#[from] rusqlite::Error),
    /// The sensor's numbering is wrong.
    #[error("records from {first} on were handed over, but {expected} is next")]
    Gap {
        /// Number of the first record handed over.
        first: u64,
        /// The number that is next.
        expected: u64,
    },
    /// A record was handed over for a session that is not the present one.
    #[error("the session has ended")]
    EndedSession,
    /// Room cannot be made below the configured limit.
    #[error("the store is full and nothing more can be given up")]
    Full,
    /// A sealed value does not open: damaged, or not in the place it was sealed for.
    #[error("a sealed value does not open")]
    Sealed,
    /// A key, a count or another value of the database's own is not usable.
    #[error("the database holds no usable {0}")]
    Damaged(&'static str),
    /// Records cannot be encoded or decoded.
    #[error(transparent)]
    Record(#[from] headgate_record::Error),
    /// No record kind has the name that was asked for.
    #[error("no such record kind")]
    UnknownKind,
    /// No class has the name that was asked for.
    #[error("no such class: bulk, state or account")]
    UnknownClass,
    /// Something that was asked for cannot be used as it was written.
    #[error("{0}")]
    Unusable(&'static str),
    /// Nobody is kept who is found by what was asked.
    #[error("nobody is found by this")]
    NobodyFound,
    /// Several are found where one is needed.
    #[error("{0} are found by this: name one by MAC address, or an address at a time")]
    SeveralFound(usize),
    /// Nothing that is kept of the person has the field.
    #[error("nothing that is kept of this person has the field")]
    NothingCorrected,
    /// Not all segments can be searched for persons yet.
    #[error("{0} segments of an earlier version are being brought up to date; ask again in a moment")]
    Converting(u64),
    /// The master key that is to be used from now on cannot be.
    #[error(
        "the next master key cannot be used; `headgate-store new-key` makes one, and a unit has it after a restart"
    )]
    NextKey(#[source] Box<OpenError>),
    /// The database is damaged, and another cannot be begun.
    #[error("another database cannot be begun")]
    Anew(#[source] Box<OpenError>),
    /// Only root may ask this.
    #[error("only root may do this")]
    OnlyRoot,
    /// A receipt that came back on a medium is not accepted, and none of them is.
    #[error("receipt {number} of these: {why}; none of them is used", number = .at.saturating_add(1))]
    Receipt {
        /// Its place.
        at: usize,
        /// Why not.
        why: String,
    },
    /// HPKE refuses the receiver's public key.
    #[error("a batch cannot be sealed to the receiver's key")]
    Recipient,
    /// The system gives no random numbers.
    #[error("no random numbers")]
    Random,
    /// No memory to pack or unpack with.
    #[error("no memory to pack or unpack with")]
    Memory,
}

impl Exit for Error {
    fn code(&self) -> u8 {
        use rusqlite::ErrorCode as Code;
        match self {
            // All statements are the program's own: one that SQLite does not understand meets a damaged schema.
            Error::Database(rusqlite::Error::SqlInputError { .. }) => exit::DATA,
            Error::Database(error) if is_damage(error) => exit::DATA,
            Error::Database(error) => match error.sqlite_error_code() {
                Some(Code::DatabaseCorrupt | Code::NotADatabase | Code::Unknown) => exit::DATA,
                Some(Code::PermissionDenied | Code::ReadOnly) => exit::NO_PERMISSION,
                Some(Code::DatabaseBusy | Code::DatabaseLocked) => exit::TRY_LATER,
                _ => exit::IO,
            },
            Error::Sealed | Error::Damaged(_) => exit::DATA,
            Error::Random | Error::Memory => exit::SYSTEM,
            Error::NextKey(error) | Error::Anew(error) => error.code(),
            Error::Receipt { .. } => exit::NO,
            Error::Recipient => exit::CONFIG,
            Error::OnlyRoot => exit::NO_PERMISSION,
            Error::Converting(_) => exit::TRY_LATER,
            Error::Unusable(_) | Error::NobodyFound | Error::SeveralFound(_) | Error::NothingCorrected => {
                exit::NO
            }
            Error::Gap { .. }
            | Error::EndedSession
            | Error::Full
            | Error::UnknownKind
            | Error::UnknownClass
            | Error::Record(_) => exit::SOFTWARE,
        }
    }
}

/// Whether a sealed value could not be read because of what it is, not because of the system.
pub(crate) fn is_damaged(error: &Error) -> bool {
    match error {
        Error::Sealed | Error::Record(_) => true,
        Error::Database(error) => is_damage(error),
        _ => false,
    }
}

/// Whether the file system has no room, or the database may not grow. Where SQLite's shared memory finds none, that is an input or output error to it; others of
/// these are a disk's that fails, and nothing is given up for them.
pub(crate) fn is_disk_full(error: &Error) -> bool {
    use rusqlite::ffi;
    let Error::Database(error) = error else { return false };
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|error| {
            matches!(error.extended_code, ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_SHMMAP)
        })
}

/// Whether SQLite found its own file damaged, a column of another type than declared or text that is none, no row where another one says
/// that there is one, or one with the number that the next is to have: rows are numbered upward, and one with a higher number was changed.
/// What rows must fulfil all of them did when they were written.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    const UNFULFILLED: [i32; 5] = [
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ffi::SQLITE_CONSTRAINT_UNIQUE,
        ffi::SQLITE_CONSTRAINT_CHECK,
        ffi::SQLITE_CONSTRAINT_NOTNULL,
        ffi::SQLITE_CONSTRAINT_DATATYPE,
    ];
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt))
        || error.sqlite_error().is_some_and(|error| UNFULFILLED.contains(&error.extended_code))
        || matches!(
            error,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::QueryReturnedNoRows
                | rusqlite::Error::Utf8Error(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One flipped bit of 4,000: the store refused to start, and had changed the file.
    #[test]
    fn a_column_of_another_type_is_damage_and_lies_aside() {
        let error = rusqlite::Error::InvalidColumnType(1, "created_ms".into(), rusqlite::types::Type::Text);
        assert_eq!(Error::Database(error).code(), exit::DATA);
    }

    /// One flipped bit of 110,000: as above.
    #[test]
    fn a_row_that_cannot_be_written_again_is_damage() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, v INTEGER NOT NULL) STRICT").unwrap();
        for values in ["1, 'x'", "1, NULL"] {
            let error = db.execute(&format!("INSERT INTO t VALUES ({values})"), []).unwrap_err();
            assert_eq!(Error::Database(error).code(), exit::DATA, "{values}");
        }
    }

    /// A flipped bit in an index: a row that another one names was not there, and hand-overs failed from then on.
    #[test]
    fn a_row_that_is_not_there_is_damage_and_want_of_memory_is_none() {
        assert_eq!(Error::Database(rusqlite::Error::QueryReturnedNoRows).code(), exit::DATA);
        assert_eq!(Error::Memory.code(), exit::SYSTEM);
    }
}
