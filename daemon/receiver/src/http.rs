//! One resource: `POST /v1/batches` takes an encoded batch and answers with its receipt.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use headgate_record::batch::{Batch, MAX_BATCH_BYTES, digest};
use headgate_record::receipt::{Forgotten, Statement};

use crate::accounts::{Accounts, Outcome};
use crate::database::Stored;
use crate::receipt::Signer;
use crate::writer::{Unstored, Writer};

/// What answers requests. No `Debug`: it holds the receipt key.
pub struct Desk {
    writer: Writer,
    signer: Signer,
    timeout: Duration,
    bodies: Semaphore,
    /// How requests ended.
    pub accounts: Accounts,
}

impl Desk {
    /// `timeout` bounds the transfer of one body.
    pub fn new(writer: Writer, signer: Signer, timeout: Duration) -> Desk {
        Desk { writer, signer, timeout, bodies: Semaphore::new(MAX_BODIES), accounts: Accounts::default() }
    }

    /// Answers one request of the client that `appliance` names. A receipt is given only for what is
    /// on disk.
    pub async fn respond(
        &self,
        appliance: Option<&str>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match self.accept(appliance, request).await {
            Ok((outcome, receipt)) => {
                self.accounts.count(outcome);
                answer(StatusCode::OK, RECEIPT_TYPE, receipt.into())
            }
            Err(refusal) => {
                self.accounts.count(refusal.outcome());
                let text = Bytes::from(format!("{refusal}\n"));
                let mut response = answer(refusal.status(), "text/plain; charset=utf-8", text);
                if matches!(refusal, Refusal::Method) {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                }
                response
            }
        })
    }

    async fn accept(
        &self,
        appliance: Option<&str>,
        request: Request<Incoming>,
    ) -> Result<(Outcome, Vec<u8>), Refusal> {
        if request.uri().path() != PATH {
            return Err(Refusal::Path);
        }
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        let appliance = appliance.ok_or(Refusal::Identity)?;
        let (batch, digest) =
            timeout(self.timeout, self.receive(request)).await.map_err(|_| Refusal::Slow)??;
        if batch.id.appliance != appliance {
            return Err(Refusal::Appliance);
        }
        let id = batch.id.clone();
        let records = u32::try_from(batch.records.len()).unwrap_or(u32::MAX);
        let values = u32::try_from(batch.forget.len()).unwrap_or(u32::MAX);
        let (outcome, stored_ms, forgotten) = match self.writer.store(batch, digest).await? {
            Stored::New { stored_ms, forgotten } => (Outcome::Stored, stored_ms, forgotten),
            Stored::Again { stored_ms, forgotten } => (Outcome::Repeated, stored_ms, forgotten),
            Stored::Conflict => return Err(Refusal::Conflict),
        };
        let forgotten = (values > 0).then_some(Forgotten { values, records: forgotten });
        Ok((outcome, self.signer.sign(Statement { id, digest, records, stored_ms, forgotten })))
    }

    /// The batch in a request, and its digest.
    async fn receive(&self, request: Request<Incoming>) -> Result<(Batch, [u8; 32]), Refusal> {
        // A body that says it is too long is not begun with.
        let announced = request.body().size_hint().lower();
        if usize::try_from(announced).map_or(true, |length| length > MAX_BATCH_BYTES) {
            return Err(Refusal::TooLarge);
        }
        let _room = self.bodies.acquire().await.map_err(|_| Refusal::Unstored(Unstored::Busy))?;
        let body = Limited::new(request.into_body(), MAX_BATCH_BYTES)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::Cut })?;
        let bytes = body.to_bytes();
        // Megabytes to expand and to hash: not on the thread that serves everyone.
        let decoding = tokio::task::spawn_blocking(move || Ok((Batch::decode(&bytes)?, digest(&bytes))));
        decoding.await.map_err(|_| Refusal::Unstored(Unstored::Failed))?.map_err(Refusal::Batch)
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Why there is no receipt, in one line for the client.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nothing is here; batches go to /v1/batches")]
    Path,
    #[error("batches are posted")]
    Method,
    #[error("the client certificate names no appliance")]
    Identity,
    #[error("the batch did not arrive in time")]
    Slow,
    #[error("the batch exceeds its limit of {MAX_BATCH_BYTES} octets")]
    TooLarge,
    #[error("the batch did not arrive whole")]
    Cut,
    #[error("{0}")]
    Batch(headgate_record::Error),
    #[error("the batch is of another appliance than the client certificate")]
    Appliance,
    #[error("another batch is stored under this appliance, epoch and sequence")]
    Conflict,
    #[error("the batch cannot be stored now")]
    Unstored(Unstored),
}

impl From<Unstored> for Refusal {
    fn from(why: Unstored) -> Self {
        Refusal::Unstored(why)
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Path => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Identity | Refusal::Appliance => StatusCode::FORBIDDEN,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Cut | Refusal::Batch(_) => StatusCode::BAD_REQUEST,
            Refusal::Conflict => StatusCode::CONFLICT,
            Refusal::Unstored(Unstored::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unstored(Unstored::Failed) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Refusal::Identity | Refusal::Appliance => Outcome::Foreign,
            Refusal::Conflict => Outcome::Conflict,
            Refusal::Unstored(_) => Outcome::Unstored,
            _ => Outcome::Malformed,
        }
    }
}

const PATH: &str = "/v1/batches";
const RECEIPT_TYPE: &str = "application/vnd.headgate.receipt";
/// Most bodies in memory at once; others wait. Each is at most [`MAX_BATCH_BYTES`].
const MAX_BODIES: usize = 64;
