//! Why a batch did not arrive, as a class of failure: no address, no name, no record in it.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};

/// The cause of a failed attempt. Its text goes to the log and to the administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The appliance's own certificate is out of its validity.
    #[error("own certificate expired; have the request signed again")]
    OwnExpired,
    /// The appliance's own certificate is not valid yet, or its clock is wrong.
    #[error("own certificate is not valid yet; check the clock")]
    OwnNotYetValid,
    /// The receiver's name has no address.
    #[error("the receiver's name cannot be resolved")]
    Unresolved,
    /// No connection came about, or it broke.
    #[error("{0}")]
    Network(io::ErrorKind),
    /// The connection ended without a word.
    #[error("connection lost")]
    Lost,
    /// The receiver's certificate is out of its validity.
    #[error("receiver's certificate expired")]
    Expired,
    /// The receiver's certificate is not valid yet, or the appliance's clock is wrong.
    #[error("receiver's certificate is not valid yet; check the clock")]
    NotYetValid,
    /// The receiver's certificate is for another host.
    #[error("receiver's certificate is for another name")]
    WrongName,
    /// The receiver's certificate does not come from the pinned authority.
    #[error("receiver's certificate is from an unknown authority")]
    UnknownAuthority,
    /// The receiver's certificate is not usable for another reason.
    #[error("receiver's certificate is not acceptable")]
    Certificate,
    /// The receiver ended the handshake because of the appliance's certificate.
    #[error("receiver does not accept the appliance's certificate: {0}")]
    Unaccepted(&'static str),
    /// The peer does not speak TLS 1.3 as it must.
    #[error("receiver does not speak TLS 1.3 as it must")]
    Tls,
    /// There was no answer within `uplink.timeout`.
    #[error("receiver did not answer in time")]
    Timeout,
    /// The receiver answered with this HTTP status.
    #[error("receiver answered {0}")]
    Status(u16),
    /// The answer does not follow HTTP, is too long or is no receipt.
    #[error("receiver's answer is not a receipt")]
    Answer,
    /// What the store handed out is not what goes this way: it goes by another configuration.
    #[error("the store hands out batches for another way; systemctl restart headgate")]
    Batch,
    /// The store did not accept the receipt.
    #[error("receipt not accepted: {0}")]
    Receipt(String),
    /// The store hands out no batch.
    #[error("no batch is handed out: {0}")]
    Withheld(String),
}

impl Problem {
    /// The class of a failure below HTTP.
    pub fn from_io(error: &io::Error) -> Problem {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => Problem::from_tls(tls),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Problem::Lost,
            None => Problem::Network(error.kind()),
        }
    }

    /// The class of a failure in HTTP or below.
    pub fn from_http(error: &hyper::Error) -> Problem {
        let mut cause = error.source();
        for _ in 0..MAX_CAUSES {
            let Some(inner) = cause else { break };
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                return Problem::from_io(io);
            }
            cause = inner.source();
        }
        if error.is_parse() { Problem::Answer } else { Problem::Lost }
    }

    /// Whether a connection that had been idle may simply have been closed by then.
    pub fn is_lost_connection(&self) -> bool {
        match self {
            Problem::Lost => true,
            Problem::Network(kind) => {
                matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            }
            _ => false,
        }
    }

    fn from_tls(error: &rustls::Error) -> Problem {
        match error {
            rustls::Error::InvalidCertificate(fault) => match fault {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Problem::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Problem::NotYetValid
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Problem::WrongName
                }
                // An authority of the same name with another key shows as a signature that does not verify.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Problem::UnknownAuthority,
                _ => Problem::Certificate,
            },
            rustls::Error::AlertReceived(alert) => match alert {
                AlertDescription::CertificateExpired => Problem::Unaccepted("expired"),
                AlertDescription::UnknownCA => Problem::Unaccepted("unknown authority"),
                AlertDescription::CertificateRevoked => Problem::Unaccepted("revoked"),
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError => Problem::Unaccepted("refused"),
                _ => Problem::Tls,
            },
            _ => Problem::Tls,
        }
    }
}

const MAX_CAUSES: usize = 8;
