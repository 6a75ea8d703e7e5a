//! Why the uplink ends. A link that fails is no reason to end: see [`crate::problem`].

use std::io;
use std::path::PathBuf;

use headgate_service::config::ConfigError;
use headgate_service::exit::{self, Exit};

/// Why the process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `uplink.receiver` has a host that is neither a DNS name nor an address.
    #[error("uplink.receiver: its host is neither a DNS name nor an IP address")]
    Host,
    /// A key or certificate cannot be used.
    #[error("{file}: {fault}", file = .file.display())]
    Credential {
        /// The file.
        file: PathBuf,
        /// What is wrong with it and what to do.
        fault: CredentialFault,
    },
    /// A file that would be made is there already.
    #[error("{file}: exists and is not replaced; move it away first, or have the existing request signed", file = .0.display())]
    Exists(PathBuf),
    /// There is a bundle already, or part of one.
    #[error("{folder}: holds a bundle already; name another folder", folder = .0.display())]
    Bundle(PathBuf),
    /// A file cannot be written.
    #[error("{file}: cannot be written", file = .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The key or the request cannot be made.
    #[error("the signing request cannot be made: {0}")]
    Request(rcgen::Error),
    /// A token cannot be used.
    #[error("the token cannot be used: {0}")]
    Token(&'static str),
    /// The receiver did not enroll this appliance.
    #[error("not enrolled: {0}; the keys stay, and the same token can be used again if it was not refused")]
    Enrolment(crate::problem::Problem),
    /// The answer to a request cannot be used.
    #[error("{file}: {fault}", file = .file.display())]
    Answer {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        fault: crate::answer::AnswerFault,
    },
    /// What is pinned is another organisation's.
    #[error("{file}: is of another organisation than the answer; move it away first, if this appliance is to belong to the other one", file = .0.display())]
    OtherPin(PathBuf),
    /// A bundle cannot be made with the certificate as it is.
    #[error("a bundle would not be accepted: {0}")]
    Unacceptable(crate::problem::Problem),
    /// The store cannot be asked.
    #[error("the store cannot be asked at {socket}: is headgate.service running?", socket = .socket.display())]
    Store {
        /// Its socket.
        socket: PathBuf,
        /// Why not.
        source: crate::outbox::OutboxError,
    },
    /// The store gives out no batch, or does not note the medium.
    #[error("the store says: {0}")]
    Refused(String),
    /// Nothing waits that is on no medium.
    #[error("nothing waits that is not on a medium already; `headgate bundle list` says what is on which")]
    Nothing,
    /// The medium is full.
    #[error("{directory}: is full after {written} MiB; use --limit-mib, or another medium", directory = .directory.display())]
    Full {
        /// The folder of the bundle.
        directory: PathBuf,
        /// What there was room for.
        written: u64,
    },
    /// The store changed while it gave out batches.
    #[error("the store, its appliance or the receiver's key has changed meanwhile; export again")]
    Changed,
    /// The bundle is whole, and the store did not hear of it.
    #[error("{directory}: is written and can be carried, but the store did not note it, and its batches go on the next medium too", directory = .directory.display())]
    Unnoted {
        /// The folder of the bundle.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: Box<Error>,
    },
    /// The system refused something that it normally grants.
    #[error("{what} failed")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// What is wrong with a key or certificate file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFault {
    /// It cannot be read.
    #[error(
        "cannot be read: {0}; `headgate enroll --token FILE`, or `headgate enroll request FILE`, have the request \
         signed, and `headgate enroll accept FILE`"
    )]
    Read(io::Error),
    /// It cannot be read, and nothing of the appliance's would be there.
    #[error("cannot be read: {0}")]
    Unread(io::Error),
    /// It is no secret.
    #[error("is no secret of 40 octets; `headgate enroll accept` puts the one of an answer here")]
    Secret,
    /// It is no key that opens a secret.
    #[error(
        "is no X25519 key of 32 octets; remove it, and `headgate enroll request FILE` makes another request"
    )]
    Opener,
    /// What was kept of a renewal is damaged.
    #[error("is damaged; remove it, and the appliance renews its certificate again")]
    Damaged,
    /// It is larger than a credential can be.
    #[error("is larger than {0} octets; it is no key or certificate")]
    TooLarge(u64),
    /// It does not hold what its name says.
    #[error("holds no usable {0} in PEM; replace the file")]
    Content(&'static str),
    /// Certificate and key do not belong together.
    #[error("does not belong to the key beside it; put the certificate that was signed for this key here")]
    Mismatch,
    /// The certificate names another appliance than `appliance.id`.
    #[error(
        "names another appliance than appliance.id does; correct appliance.id or have a new request signed"
    )]
    OtherAppliance,
}

impl Exit for Error {
    fn code(&self) -> u8 {
        match self {
            Error::Config(error) => error.code(),
            Error::Host | Error::Credential { .. } => exit::CONFIG,
            Error::Token(_) | Error::Answer { .. } => exit::DATA,
            Error::Enrolment(_) => exit::UNAVAILABLE,
            Error::OtherPin(_) => exit::CONFIG,
            Error::Exists(_) | Error::Bundle(_) | Error::Write { .. } => exit::CANNOT_CREATE,
            Error::Unacceptable(_) => exit::CONFIG,
            Error::Store { .. } => exit::UNAVAILABLE,
            Error::Refused(_) | Error::Nothing => exit::NO,
            Error::Full { .. } => exit::CANNOT_CREATE,
            Error::Changed => exit::TRY_LATER,
            Error::Unnoted { source, .. } => source.code(),
            Error::Request(_) => exit::SOFTWARE,
            Error::System { .. } => exit::SYSTEM,
        }
    }
}
