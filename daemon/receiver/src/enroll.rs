//! Where appliances with a token are enrolled: a listener of its own, without client certificates, that serves one thing.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::Message;
use rcgen::PublicKeyData;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use headgate_record::enrolment::{ENROLL_PATH, EnrollRequest, MAX_ANSWER_BYTES};

use crate::authority::{Refusal, Validity, requested};
use crate::http::answer;
use crate::issue::Office;
use crate::rate::Rate;
use crate::server::{TICK, accept, linger};
use crate::trust::{Failure, Misuse, Trust, Use};

/// What a visitor without a certificate meets.
#[derive(Clone)]
pub struct Gate {
    acceptor: TlsAcceptor,
    registrar: Arc<Registrar>,
    rate: Arc<Mutex<Rate>>,
    limit: Duration,
}

/// What answers requests for certificates. No `Debug`: it holds keys.
pub struct Registrar {
    office: Office,
    trust: Arc<Trust>,
    days: u32,
}

impl Gate {
    /// Each visit ends within `limit`.
    pub fn new(tls: Arc<ServerConfig>, registrar: Arc<Registrar>, limit: Duration) -> Gate {
        Gate { acceptor: TlsAcceptor::from(tls), registrar, rate: Arc::new(Mutex::new(Rate::new())), limit }
    }

    /// Serves until it is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(MAX_VISITS));
        loop {
            match accept(&listener, &slots).await {
                Ok((stream, slot)) => {
                    tokio::spawn(self.clone().visit(stream, slot));
                }
                Err(error) => {
                    log::debug!("accept: {error}");
                    sleep(TICK).await;
                }
            }
        }
    }

    /// One connection, one request.
    async fn visit(self, stream: TcpStream, _slot: OwnedSemaphorePermit) {
        let Ok(peer) = stream.peer_addr().map(|peer| peer.ip()) else { return };
        // Before a handshake, which costs most.
        if !self.rate.lock().unwrap_or_else(PoisonError::into_inner).admit(peer, Instant::now()) {
            return;
        }
        let limit = self.limit;
        let served = timeout(limit, async {
            let stream = match self.acceptor.accept(stream).into_fallible().await {
                Ok(stream) => stream,
                Err((error, stream)) => {
                    log::debug!("handshake: {error}");
                    return linger(stream).await;
                }
            };
            let registrar = &self.registrar;
            let service = service_fn(|request| respond(registrar, peer, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .max_buf_size(MAX_BUFFER)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                log::debug!("connection: {error}");
            }
        });
        let _ = served.await;
    }
}

async fn respond(
    registrar: &Arc<Registrar>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let text =
        |status, text: String| answer(status, "text/plain; charset=utf-8", Bytes::from(format!("{text}\n")));
    if request.uri().path() != ENROLL_PATH {
        return Ok(text(StatusCode::NOT_FOUND, "nothing is here but enrolment".into()));
    }
    if request.method() != Method::POST {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "requests are posted".into()));
    }
    let Ok(body) = Limited::new(request.into_body(), MAX_ANSWER_BYTES).collect().await else {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "the request did not arrive, or is too large".into()));
    };
    let body = body.to_bytes();
    Ok(match registrar.enroll(body).await {
        Ok((appliance, pem)) => {
            log::info!(event = "enrolled"; "{appliance} was enrolled with a token, from {peer}");
            answer(StatusCode::OK, ANSWER_TYPE, pem.into())
        }
        Err(why) => {
            // An address may have ten tries at once, and ten in a minute.
            log::warn!(event = "enrolment_refused"; "an enrolment from {peer} was refused: {why}");
            text(why.status(), why.to_string())
        }
    })
}

impl Registrar {
    /// Gives certificates of `days`.
    pub fn new(office: Office, trust: Arc<Trust>, days: u32) -> Registrar {
        Registrar { office, trust, days }
    }

    async fn enroll(self: &Arc<Self>, body: Bytes) -> Result<(String, String), Unanswered> {
        let said = EnrollRequest::decode(body).map_err(|_| Unanswered::Malformed)?;
        let id = said.id.as_slice().try_into().map_err(|_| Unanswered::Malformed)?;
        let requested = requested(said.request.as_bytes())?;
        let appliance = requested.name.as_str();
        let used = Use { id, secret: &said.secret, appliance, key: requested.key.der_bytes() };
        self.trust.redeem(&used).await.map_err(|error| failed(&error))??;
        let pem = self.renew(appliance, Bytes::copy_from_slice(said.request.as_bytes())).await?;
        Ok((requested.name, pem))
    }

    /// The answer to a request of an appliance that has proved that it is itself.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn renew(self: &Arc<Self>, appliance: &str, request: Bytes) -> Result<String, Unanswered> {
        let generation = self.trust.next_generation(appliance).await.map_err(|error| failed(&error))?;
        let (own, validity) = (Arc::clone(self), Validity::days(self.days));
        // Signatures: not on the thread that serves everyone.
        let answer = tokio::task::spawn_blocking(move || own.office.answer(&request, validity, generation));
        let answer = answer.await.map_err(|_| Unanswered::Failed)??;
        if answer.appliance.name == appliance { Ok(answer.text) } else { Err(Unanswered::Foreign) }
    }
}

fn failed(failure: &Failure) -> Unanswered {
    log::error!(event = "trust_failed"; "a certificate cannot be given: {failure}");
    Unanswered::Failed
}

/// Why a request for a certificate has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It is no such request.
    #[error("what came is no enrolment request")]
    Malformed,
    /// The signing request in it cannot be signed.
    #[error("the signing request cannot be signed")]
    Refused,
    /// It names another appliance than it comes from.
    #[error("the signing request names another appliance")]
    Foreign,
    /// The token is not good.
    #[error("{0}")]
    Token(#[from] Misuse),
    /// Something failed here.
    #[error("the request cannot be answered now")]
    Failed,
}

impl From<Refusal> for Unanswered {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::Signing(error) => {
                log::error!(event = "signing_failed"; "a certificate could not be made: {error}");
                Unanswered::Failed
            }
            Refusal::Malformed | Refusal::Signature | Refusal::Name | Refusal::SealTo => Unanswered::Refused,
        }
    }
}

impl Unanswered {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Unanswered::Malformed | Unanswered::Refused => StatusCode::BAD_REQUEST,
            Unanswered::Foreign | Unanswered::Token(_) => StatusCode::FORBIDDEN,
            Unanswered::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What an answer is: PEM blocks (RFC 7468).
pub const ANSWER_TYPE: &str = "application/x-pem-file";
/// Most visits at once; others wait.
const MAX_VISITS: usize = 32;
/// Largest request head, in octets.
const MAX_BUFFER: usize = 16 << 10;
