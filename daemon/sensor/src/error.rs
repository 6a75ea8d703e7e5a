//! Why the sensor cannot start or go on.

use std::io;

use headgate_capture::{self as capture, FileError};
use headgate_rules::RuleError;
use headgate_rules::filter::TooLarge;
use headgate_service::config::ConfigError;
use headgate_service::exit::{self, Exit};

use crate::sandbox::SandboxError;

/// The cause. None holds anything of a frame.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// `headgate.toml` cannot be used, or the rule files cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The rule files cannot be used.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A capture socket cannot be opened, adopted or read, or a capture file not to its end.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// An interface that is not to be captured on.
    #[error("{0}: is not under [capture] interfaces in headgate.toml, or a rule excludes it")]
    NotWatched(String),
    /// The rules are so large that the kernel cannot keep to headers beside them.
    #[error("the rules leave no room in the kernel's program to keep to headers: use fewer or wider entries")]
    NoRoomForHeaders,
    /// A capture cannot be written.
    #[error("the capture cannot be written")]
    Written(#[source] io::Error),
    /// No interface is named, or rules exclude all that are.
    #[error(
        "there is nothing to watch: name interfaces under [capture] in headgate.toml that no rule excludes"
    )]
    NoInterface,
    /// There would be more capture sockets than can be guarded.
    #[error(
        "{threads} threads for {interfaces} interfaces are too many: [capture] threads in headgate.toml times the \
         interfaces may be {}",
        crate::opener::MAX_SOCKETS
    )]
    TooManySockets {
        /// Interfaces that would be watched.
        interfaces: usize,
        /// Threads that would read each.
        threads: u32,
    },
    /// The filter has no room for telling a thread's frames from those of others.
    #[error(
        "the rules leave no room in the kernel's program to tell the frames of {threads} threads apart: use fewer or \
         wider entries, or [capture] threads = 1 in headgate.toml"
    )]
    NoRoomForThreads {
        /// Threads that would read each interface.
        threads: u32,
        /// How much there is.
        source: TooLarge,
    },
    /// No capture socket was handed over.
    #[error(
        "no capture socket was handed over: the step before this one says why no interface could be opened"
    )]
    NoSocket,
    /// The service manager did not take a socket.
    #[error("cannot hand a capture socket to the service manager")]
    HandOver(#[source] io::Error),
    /// The descriptors from the service manager cannot be read.
    #[error("cannot take the capture sockets from the service manager")]
    Inherited(#[source] io::Error),
    /// The host's network namespace cannot be entered.
    #[error("cannot enter the network namespace of the host")]
    Namespace(#[source] io::Error),
    /// The sandbox cannot be closed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A system facility that is needed at start is refused.
    #[error("cannot {step}")]
    System {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        source: io::Error,
    },
    /// The store did not commit everything in time.
    #[error("{records} records were not taken by the store and are lost")]
    NotCommitted {
        /// How many.
        records: usize,
    },
}

impl Exit for SensorError {
    fn code(&self) -> u8 {
        match self {
            SensorError::Config(_)
            | SensorError::Rules(_)
            | SensorError::NoInterface
            | SensorError::NotWatched(_)
            | SensorError::NoRoomForHeaders
            | SensorError::TooManySockets { .. }
            | SensorError::NoRoomForThreads { .. } => exit::CONFIG,
            SensorError::Capture(capture::Error::Permission) => exit::NO_PERMISSION,
            SensorError::Capture(capture::Error::File(
                FileError::Missing { .. } | FileError::Unreadable { .. },
            )) => exit::NO_INPUT,
            SensorError::Capture(capture::Error::File(_)) => exit::DATA,
            SensorError::Capture(_) | SensorError::NoSocket => exit::UNAVAILABLE,
            SensorError::Written(_) => exit::IO,
            SensorError::NotCommitted { .. } => exit::TRY_LATER,
            SensorError::HandOver(_)
            | SensorError::Inherited(_)
            | SensorError::Namespace(_)
            | SensorError::Sandbox(_)
            | SensorError::System { .. } => exit::SYSTEM,
        }
    }
}
