//! What an appliance may ask as itself: `POST /v1/batches` takes a sealed batch and answers with its receipt, `POST /v1/runs` takes
//! several, `POST /v1/renew` a request for a certificate, and `POST /v1/known` nothing at all.

mod run;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use headgate_record::batch::may_be_stored;
use headgate_record::enrolment::{KNOWN_PATH, MAX_ANSWER_BYTES, PROOF_HEADER, Proof, RENEW_PATH};
use headgate_record::receipt::Statement;
use headgate_record::sealed::{MAX_SEALED_BYTES, Sealed};

use crate::accounts::{Accounts, Outcome};
use crate::engine::{Arrived, StoresOnce, Unstored};
use crate::enroll::{ANSWER_TYPE, Registrar, Unanswered};
use crate::receipt::{Signer, statement};
use crate::sealing::{Closed, Keys};
use crate::tls::Client;
use crate::trust::{Trust, Unproved};

/// What answers requests. No `Debug`: it holds keys.
pub struct Desk {
    engine: Arc<dyn StoresOnce>,
    signer: Signer,
    keys: Arc<Keys>,
    region: Option<String>,
    timeout: Duration,
    bodies: Semaphore,
    trust: Arc<Trust>,
    /// Who renews certificates, where that is done here.
    registrar: Option<Arc<Registrar>>,
    /// How requests ended.
    pub accounts: Arc<Accounts>,
}

impl Desk {
    /// `timeout` bounds the transfer of one body.
    pub fn new(
        engine: Arc<dyn StoresOnce>,
        signer: Signer,
        keys: Arc<Keys>,
        region: Option<String>,
        timeout: Duration,
        accounts: Arc<Accounts>,
        (trust, registrar): (Arc<Trust>, Option<Arc<Registrar>>),
    ) -> Desk {
        let bodies = Semaphore::new(MAX_BODIES);
        Desk { engine, signer, keys, region, timeout, bodies, trust, registrar, accounts }
    }

    /// Answers one request of a client. A receipt is given only for what is on disk.
    pub async fn respond(
        &self,
        client: &Client,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match self.accept(client, request).await {
            Ok((content_type, body)) => answer(StatusCode::OK, content_type, body),
            Err(refusal) => {
                if let Some(outcome) = refusal.outcome() {
                    self.accounts.count(outcome);
                }
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
        client: &Client,
        request: Request<Incoming>,
    ) -> Result<(&'static str, Bytes), Refusal> {
        let path = request.uri().path();
        let asked = [PATH, RUN_PATH, RENEW_PATH, KNOWN_PATH]
            .into_iter()
            .find(|known| *known == path)
            .ok_or(Refusal::Path)?;
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        let appliance = client.appliance.as_deref().ok_or(Refusal::Identity)?;
        self.prove(appliance, client, &request).await?;
        match asked {
            RENEW_PATH => self.renew(appliance, request).await.map(|pem| (ANSWER_TYPE, pem)),
            RUN_PATH => self.store_run(appliance, request).await.map(|receipts| (RECEIPTS_TYPE, receipts)),
            PATH => self.store(appliance, request).await.map(|receipt| (RECEIPT_TYPE, receipt)),
            _ => Ok(("text/plain; charset=utf-8", Bytes::from_static(b"known\n"))),
        }
    }

    /// Whether the client has the secret of the appliance that its certificate names.
    async fn prove(
        &self,
        appliance: &str,
        client: &Client,
        request: &Request<Incoming>,
    ) -> Result<(), Refusal> {
        let proof = match request.headers().get(PROOF_HEADER) {
            Some(said) => {
                let proof = said.to_str().ok().and_then(|said| said.parse::<Proof>().ok());
                Some(proof.ok_or(Refusal::Unproved(Unproved::Wrong))?)
            }
            None => None,
        };
        let checked = self.trust.check(appliance, proof.as_ref(), client.session.as_ref()).await;
        checked.map_err(Refusal::Unproved)
    }

    async fn renew(&self, appliance: &str, request: Request<Incoming>) -> Result<Bytes, Refusal> {
        let registrar = Arc::clone(self.registrar.as_ref().ok_or(Refusal::NotRenewed)?);
        let body = Limited::new(request.into_body(), MAX_ANSWER_BYTES).collect();
        let body = timeout(self.timeout, body).await.map_err(|_| Refusal::Slow)?;
        let body = body.map_err(|_| Refusal::Unanswered(Unanswered::Malformed))?.to_bytes();
        let renewed = registrar.renew(appliance, body).await;
        if renewed.is_ok() {
            log::info!(event = "renewed"; "the certificate of {appliance} was renewed");
        }
        renewed.map(Bytes::from).map_err(Refusal::Unanswered)
    }

    async fn store(&self, appliance: &str, request: Request<Incoming>) -> Result<Bytes, Refusal> {
        announced_fits(&request)?;
        // Until it is stored: what waits in memory has one bound, and who finds no room is not read yet.
        let room = timeout(self.timeout, self.bodies.acquire()).await.ok().and_then(Result::ok);
        let _room = room.ok_or(Refusal::Unstored(Unstored::Busy))?;
        let arrived =
            timeout(self.timeout, self.receive(appliance, request)).await.map_err(|_| Refusal::Slow)??;
        let (content, digest) = (Arc::clone(&arrived.content), arrived.digest);
        if !may_be_stored(&content.says().regions, self.region.as_deref()) {
            return Err(Refusal::Region);
        }
        let stored = self.engine.store(arrived).await?;
        let mut statement = statement(&content, digest, stored).ok_or(Refusal::Conflict)?;
        self.ask_along(&mut statement).await;
        Ok(self.signer.sign(statement).into())
    }

    /// Puts what is asked of the site into what a receipt says.
    async fn ask_along(&self, statement: &mut Statement) {
        match self.trust.request_for(&statement.id).await {
            Ok(request) => statement.request = request,
            // The batch is stored, and what is asked waits for another.
            Err(failure) => {
                log::error!(event = "trust_failed"; "what is asked of a site cannot be said: {failure}")
            }
        }
    }

    /// What is sealed in a request, whole.
    async fn body(&self, request: Request<Incoming>) -> Result<Bytes, Refusal> {
        let mut body = Limited::new(request.into_body(), MAX_SEALED_BYTES);
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(MAX_SEALED_BYTES);
        // Piece by piece, while each is still at hand: whoever reads them has use for its room again.
        let mut bytes = BytesMut::with_capacity(announced.min(MAX_SEALED_BYTES));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::Cut }
            })?;
            if let Ok(piece) = frame.into_data() {
                bytes.extend_from_slice(&piece);
            }
        }
        self.accounts.count_octets(bytes.len());
        Ok(bytes.freeze())
    }

    /// The batch that an appliance sealed into a request.
    async fn receive(&self, appliance: &str, request: Request<Incoming>) -> Result<Arrived, Refusal> {
        let bytes = self.body(request).await?;
        let sealed = Sealed::decode_shared(bytes.clone()).map_err(Refusal::Envelope)?;
        // What it says it is, before it is worth opening; that it is so, it says opened.
        if sealed.id.appliance != appliance {
            return Err(Refusal::Appliance);
        }
        // Megabytes to decrypt, expand and hash: not on the thread that serves everyone.
        let (keys, with_records) = (Arc::clone(&self.keys), self.engine.reads_records());
        let opening = tokio::task::spawn_blocking(move || keys.open_content(&sealed, with_records));
        let opened = opening.await.map_err(|_| Refusal::Unstored(Unstored::Failed))?;
        let (content, digest) = opened.map_err(Refusal::Closed)?;
        Ok(Arrived { content: Arc::new(content), digest, sealed: bytes, run: None })
    }
}

/// A body that says it is too long is not begun with.
fn announced_fits(request: &Request<Incoming>) -> Result<(), Refusal> {
    let announced = request.body().size_hint().lower();
    let fits = usize::try_from(announced).is_ok_and(|length| length <= MAX_SEALED_BYTES);
    if fits { Ok(()) } else { Err(Refusal::TooLarge) }
}

/// A response.
pub fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
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
    #[error("{0}")]
    Unproved(Unproved),
    #[error("certificates are not renewed here")]
    NotRenewed,
    #[error("{0}")]
    Unanswered(Unanswered),
    #[error("the batch did not arrive in time")]
    Slow,
    #[error("the batch exceeds its limit of {MAX_SEALED_BYTES} octets")]
    TooLarge,
    #[error("the batch did not arrive whole")]
    Cut,
    #[error("{0}")]
    Envelope(headgate_record::Error),
    #[error("the batch cannot be read: {0}")]
    Closed(Closed),
    #[error("batches of a run are of one epoch, and in ascending order")]
    Order,
    #[error("the batch may not be stored in this receiver's region")]
    Region,
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
            Refusal::Path | Refusal::NotRenewed => StatusCode::NOT_FOUND,
            Refusal::Unproved(Unproved::Failed) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unproved(_) => StatusCode::UNAUTHORIZED,
            Refusal::Unanswered(why) => why.status(),
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Identity | Refusal::Appliance | Refusal::Region => StatusCode::FORBIDDEN,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Cut | Refusal::Order | Refusal::Envelope(_) | Refusal::Closed(_) => {
                StatusCode::BAD_REQUEST
            }
            Refusal::Conflict => StatusCode::CONFLICT,
            Refusal::Unstored(Unstored::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unstored(Unstored::Failed) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to count; nothing where [`StoresOnce`] does.
    fn outcome(&self) -> Option<Outcome> {
        Some(match self {
            Refusal::Identity | Refusal::Appliance => Outcome::Foreign,
            Refusal::Unproved(_) => Outcome::Unproved,
            Refusal::Conflict => return None,
            Refusal::Region => Outcome::Region,
            Refusal::Unstored(_) => Outcome::Unstored,
            _ => Outcome::Malformed,
        })
    }
}

const PATH: &str = "/v1/batches";
const RUN_PATH: &str = "/v1/runs";
const RECEIPTS_TYPE: &str = "application/vnd.headgate.receipts";
const RECEIPT_TYPE: &str = "application/vnd.headgate.receipt";
/// Most bodies in memory at once, until they are stored; others wait, for as long as one may take to arrive. Each is at most [`MAX_SEALED_BYTES`].
const MAX_BODIES: usize = 64;
