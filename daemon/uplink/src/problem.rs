//! Why a batch did not arrive, as a class of failure: no address, no name, no record in it.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::verify::OtherRegion;

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
    /// The proxy opened no tunnel.
    #[error("{0}")]
    Proxy(#[from] ProxyFault),
    /// No connection came about, or it broke.
    #[error("{0}")]
    Network(io::ErrorKind),
    /// The connection ended without a word.
    #[error("connection lost")]
    Lost,
    /// What arrived at one end is not what the other sent: a record of TLS does not verify.
    #[error(
        "the connection to the receiver was damaged on its way (a TLS record does not verify); nothing of it counts and it is made anew; if this goes on, look for a faulty cable, switch, proxy or firewall between this appliance and the receiver"
    )]
    Damaged,
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
    /// The receiver is in no region that the site allows: nothing was sent to it.
    #[error("{}", region(said))]
    Region {
        /// What its certificate says; empty for none.
        said: String,
    },
    /// The receiver does not take the appliance for itself.
    #[error(
        "receiver does not accept the appliance's secret; enroll this appliance again, and ask whoever runs the receiver why"
    )]
    Unproved,
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

/// Why the proxy opened no tunnel, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// Its name has no address.
    #[error("the proxy's name cannot be resolved; check uplink.proxy")]
    Unresolved,
    /// It cannot be connected to, or the connection broke.
    #[error("no connection to the proxy: {0}; check uplink.proxy, and that the proxy runs")]
    Network(io::ErrorKind),
    /// It ended the connection without an answer.
    #[error("the proxy ended the connection without an answer; check that it lets this appliance in")]
    Lost,
    /// It did not answer within half of `uplink.timeout`.
    #[error("the proxy did not open a tunnel in time; check that it reaches the host that the uplink names")]
    Timeout,
    /// It wants to know who asks (RFC 9110, 15.5.8).
    #[error("the proxy wants a login (407); let it open tunnels for this appliance without one")]
    Login,
    /// It answered with this HTTP status.
    #[error(
        "the proxy answered {0} to CONNECT; let it open tunnels to the host and port that the uplink names"
    )]
    Status(u16),
    /// The answer does not follow HTTP.
    #[error("what the proxy answers is not HTTP; uplink.proxy must name an HTTP proxy without TLS")]
    Answer,
}

impl ProxyFault {
    /// The class of a failure on the way to the proxy.
    pub fn from_io(error: &io::Error) -> ProxyFault {
        ProxyFault::from(Problem::from_io(error))
    }

    /// The class of a failure while the proxy is asked.
    pub fn from_http(error: &hyper::Error) -> ProxyFault {
        ProxyFault::from(Problem::from_http(error))
    }

    /// The class of an answer that opens no tunnel.
    pub fn from_status(status: u16) -> ProxyFault {
        if status == 407 { ProxyFault::Login } else { ProxyFault::Status(status) }
    }
}

impl From<Problem> for ProxyFault {
    fn from(problem: Problem) -> ProxyFault {
        match problem {
            Problem::Unresolved => ProxyFault::Unresolved,
            Problem::Network(kind) => ProxyFault::Network(kind),
            Problem::Timeout => ProxyFault::Timeout,
            Problem::Answer => ProxyFault::Answer,
            _ => ProxyFault::Lost,
        }
    }
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
                return match Problem::from_io(io) {
                    // Behind a handshake both have shown that they speak it.
                    Problem::Tls => Problem::Damaged,
                    problem => problem,
                };
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
                CertificateError::Other(other) => match other.0.downcast_ref::<OtherRegion>() {
                    Some(OtherRegion { said }) => Problem::Region { said: said.clone() },
                    None => Problem::Certificate,
                },
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
                AlertDescription::BadRecordMac => Problem::Damaged,
                _ => Problem::Tls,
            },
            rustls::Error::DecryptError => Problem::Damaged,
            _ => Problem::Tls,
        }
    }
}

fn region(said: &str) -> String {
    let is = if said.is_empty() { "says no region".to_owned() } else { format!("is in region {said}") };
    format!("receiver {is}, and uplink.regions does not allow that: nothing is sent to it")
}

const MAX_CAUSES: usize = 8;
