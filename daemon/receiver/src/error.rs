//! Why the receiver ends. What one client does wrong is no reason to end: see [`crate::http`].

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use headgate_service::config::ConfigError;
use headgate_service::exit::{self, Exit};

use crate::Fault;

/// Why a command cannot go on. The text leaves the cause to [`std::error::Error::source`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key, certificate or request cannot be read.
    #[error("{file}: cannot be read", file = .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A key or certificate that the receiver runs with cannot be used.
    #[error("{file}: holds no usable {what}; `headgate-receiver init` makes one, and `headgate-receiver enrolment` what an organisation of before lacks", file = .file.display())]
    Credential {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// An appliance's request cannot be signed.
    #[error("{file}: {what}", file = .file.display())]
    Request {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The receiver's certificate says another region than its configuration.
    #[error(
        "{file}: says the region {said:?}, and [server] region another; `headgate-receiver server` makes a certificate for the region",
        file = .file.display()
    )]
    OtherRegion {
        /// The file.
        file: PathBuf,
        /// What it says.
        said: String,
    },
    /// A token cannot be made.
    #[error("{0}")]
    Token(&'static str),
    /// A name cannot stand in a certificate.
    #[error("{0:?} is neither a host name nor an IP address")]
    Name(String),
    /// A certificate cannot be made.
    #[error("the certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// A key cannot be made.
    #[error("a key cannot be made")]
    Key,
    /// A file that would be made is there already.
    #[error("{file}: exists and is not replaced", file = .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{file}: cannot be written", file = .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error("{file}: the database cannot be used", file = .file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The database is of a version that this program does not know.
    #[error("{file}: database version {found}; this program knows version {known}", file = .file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The version found.
        found: i64,
        /// The version known.
        known: i64,
    },
    /// The cluster cannot be used.
    #[error("{server}: {what}")]
    Cluster {
        /// Which.
        server: String,
        /// What is wrong, and what to do.
        what: String,
        /// Whether another start may succeed.
        is_passing: bool,
    },
    /// Somebody cannot be a reader.
    #[error("{name}: {why}")]
    Reader {
        /// Who.
        name: String,
        /// Why not.
        why: String,
    },
    /// A bundle is refused.
    #[error("{file}: {fault}", file = .file.display())]
    Bundle {
        /// The folder, or the file in it.
        file: PathBuf,
        /// Why.
        fault: Fault,
    },
    /// Standard output cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
    /// The system refused something that it normally grants.
    #[error("{what} failed")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Exit for Error {
    fn code(&self) -> u8 {
        match self {
            Error::Config(error) => error.code(),
            Error::Read { .. } | Error::Credential { .. } | Error::OtherRegion { .. } => exit::CONFIG,
            Error::Token(_) => exit::USAGE,
            Error::Bundle { fault: Fault::Read(_), .. } => exit::NO_INPUT,
            Error::Bundle { fault: Fault::Key(_), .. } => exit::CONFIG,
            Error::Request { .. } | Error::Version { .. } | Error::Bundle { .. } => exit::DATA,
            Error::Name(_) | Error::Reader { .. } => exit::USAGE,
            Error::Certificate(_) | Error::Key => exit::SOFTWARE,
            Error::Exists(_) | Error::Write { .. } => exit::CANNOT_CREATE,
            Error::Listen { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => exit::UNAVAILABLE,
                io::ErrorKind::PermissionDenied => exit::NO_PERMISSION,
                _ => exit::SYSTEM,
            },
            Error::Database { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => exit::DATA,
                Some(rusqlite::ErrorCode::CannotOpen) => exit::NO_INPUT,
                _ => exit::IO,
            },
            Error::Cluster { is_passing: true, .. } => exit::UNAVAILABLE,
            Error::Cluster { .. } => exit::CONFIG,
            Error::Output(_) => exit::IO,
            Error::System { .. } => exit::SYSTEM,
        }
    }
}
