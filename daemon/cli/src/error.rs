//! Why a command fails.

use std::io;
use std::path::PathBuf;

use headgate_sensor::SensorError;
use headgate_service::config::ConfigError;
use headgate_service::exit::{self, Exit};

/// The cause, in words for the administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// `headgate.toml` cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Rule or capture files cannot be used.
    #[error(transparent)]
    Sensor(#[from] SensorError),
    /// The store does not answer.
    #[error("the store does not answer at {socket}: is headgate.service running? (systemctl status headgate)", socket = .socket.display())]
    NoStore {
        socket: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The socket is there, but not for us.
    #[error("no right to ask the store: become root or a member of the group headgate")]
    NotAllowed,
    /// The store's answer makes no sense.
    #[error("the store's answer cannot be read: {0}; are all parts of the same version?")]
    Answer(String),
    /// The store answers that it cannot.
    #[error("the store says: {0}")]
    Refused(String),
    /// Nothing was found.
    #[error("{0}")]
    Nothing(String),
    /// A program of ours cannot be started.
    #[error("cannot start {program}: {hint}", program = .program.display())]
    Start {
        program: PathBuf,
        hint: &'static str,
        #[source]
        source: io::Error,
    },
    /// A program of ours ended with an error; it said why.
    #[error("{program} ended with {status}; it said:\n{said}")]
    Failed { program: &'static str, status: String, code: u8, said: String },
    /// A program of ours ended with this code, and has said why itself.
    #[error("a program ended with {0}")]
    Ended(u8),
    /// A file of receipts is none.
    #[error("{file}: {what}; it is not what `headgate-receiver import` writes", file = .file.display())]
    Receipts { file: PathBuf, what: String },
    /// A program of ours did not get ready in time.
    #[error("{program} was not ready within {seconds} seconds; it said:\n{said}")]
    NotReady { program: &'static str, seconds: u64, said: String },
    /// The directory of the trial cannot be used.
    #[error("{directory}: {what}", directory = .directory.display())]
    Directory { directory: PathBuf, what: &'static str },
    /// Reading or writing a file failed.
    #[error("{file}", file = .file.display())]
    File {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file to read is not there.
    #[error("{file}: cannot be read", file = .file.display())]
    NoInput {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file to read is not what it should be.
    #[error("{file}:{line}: {what}", file = .file.display())]
    Data { file: PathBuf, line: u64, what: String },
    /// A file to write is there already.
    #[error("{file} exists and is left as it is", file = .0.display())]
    Exists(PathBuf),
    /// There is nothing to draw on.
    #[error(
        "top draws on a terminal, and this is none: headgate top --once prints one frame, headgate status --json is for programs"
    )]
    NoTerminal,
    /// The opener handed over no socket.
    #[error("the opener handed over no capture socket")]
    NoSocket,
    /// A system facility failed.
    #[error("cannot {step}")]
    System {
        step: &'static str,
        #[source]
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
    /// As [`CliError::Sensor`], but it has been said already.
    #[error(transparent)]
    Said(Box<SensorError>),
}

impl Exit for CliError {
    fn code(&self) -> u8 {
        match self {
            CliError::Config(e) => e.code(),
            CliError::Sensor(e) => e.code(),
            CliError::NoStore { .. } | CliError::NotReady { .. } | CliError::NoSocket => exit::UNAVAILABLE,
            CliError::NotAllowed => exit::NO_PERMISSION,
            CliError::NoTerminal => exit::USAGE,
            CliError::Answer(_) => exit::SOFTWARE,
            CliError::Said(e) => e.code(),
            CliError::Refused(_) | CliError::Nothing(_) => exit::NO,
            CliError::Failed { code, .. } | CliError::Ended(code) => *code,
            CliError::Receipts { .. } => exit::DATA,
            CliError::NoInput { .. } => exit::NO_INPUT,
            CliError::Data { .. } => exit::DATA,
            CliError::Directory { .. } | CliError::Exists(_) => exit::CANNOT_CREATE,
            CliError::File { .. } | CliError::Output(_) => exit::IO,
            CliError::Start { .. } | CliError::System { .. } => exit::SYSTEM,
        }
    }
}
