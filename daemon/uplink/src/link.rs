//! The way to the receiver: HTTP/1.1 on mutual TLS 1.3, one connection that is kept.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;

use headgate_record::enrolment::{KNOWN_PATH, MAX_ANSWER_BYTES, PROOF_HEADER, RENEW_PATH};
use headgate_record::receipt::{MAX_RECEIPT_BYTES, Receipt};
use headgate_record::run::{self, MAX_RUN};
use headgate_record::sealed::Sealed;
use headgate_service::config::{Endpoint, Uplink};

use crate::Error;
use crate::answer;
use crate::credentials::{Credentials, Loaded};
use crate::http::{self, Connection, Destination};
use crate::problem::Problem;
use crate::renew::{Renewal, Unrenewed};
use crate::request::Pair;
use crate::together::Together;

/// A link to one receiver. No `Debug`: it holds a key.
pub struct Link {
    destination: Destination,
    credentials: Credentials,
    timeout: Duration,
    kept: Option<Kept>,
    renewal: Renewal,
    together: Together,
    /// When the receiver said that it takes no runs.
    runs_refused: Option<Instant>,
}

/// A connection, and the proof of the appliance's secret on it.
struct Kept {
    connection: Connection,
    proof: Option<HeaderValue>,
}

impl Link {
    /// A link that opens its connection with the first batch.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn new(receiver: Endpoint, credentials: Credentials, uplink: &Uplink) -> Result<Link, Error> {
        let destination = Destination::new(receiver, uplink)?;
        let timeout = uplink.timeout.seconds();
        let (kept, renewal) = (None, Renewal::new());
        let together = Together::new();
        Ok(Link { destination, credentials, timeout, kept, renewal, together, runs_refused: None })
    }

    /// How many batches may go together. A receiver of before takes them one by one.
    pub fn most_together(&self) -> usize {
        let is_refused = self.runs_refused.is_some_and(|at| at.elapsed() < RUNS_AGAIN);
        if is_refused { 1 } else { self.together.most() }
    }

    /// Posts sealed batches, [`Link::most_together`] at most, and gives the receipts, encoded, of the first of them, in order: of one
    /// at least. It ends within the link's timeout, or twice that where the receiver takes no runs.
    ///
    /// # Errors
    /// The class of the failure; batches may have arrived all the same. The next call begins with
    /// a new connection.
    pub async fn send(&mut self, batches: &[Bytes]) -> Result<Vec<Vec<u8>>, Problem> {
        // The store may still go by the configuration of before, which named a collector: what is not sealed does not leave.
        if batches.iter().any(|batch| Sealed::decode(batch).is_err()) {
            return Err(Problem::Batch);
        }
        if self.credentials.refresh() {
            self.kept = None;
        }
        let (began, mut together) = (Instant::now(), batches.len());
        let sent = match batches {
            [] => return Err(Problem::Batch),
            [one] => self.send_one(one.clone()).await,
            [first, ..] => match self.send_run(batches).await {
                Err(Problem::Status(404 | 405 | 413)) => {
                    log::info!(event = "no_runs"; "the receiver takes batches one by one only; asked again in an hour");
                    self.runs_refused = Some(Instant::now());
                    together = 1;
                    self.send_one(first.clone()).await
                }
                sent => sent,
            },
        };
        match &sent {
            Err(_) => self.together.failed(),
            Ok(receipts) => {
                self.together.arrived(together, receipts.len(), began.elapsed(), self.timeout);
            }
        }
        sent
    }

    async fn send_one(&mut self, batch: Bytes) -> Result<Vec<Vec<u8>>, Problem> {
        let receipt = self.ask(PATH, batch, MAX_RECEIPT_BYTES).await?;
        self.receipts(vec![receipt.into()])
    }

    async fn send_run(&mut self, batches: &[Bytes]) -> Result<Vec<Vec<u8>>, Problem> {
        let body = run::join(batches.iter().map(|batch| &**batch));
        let answer = self.ask(RUN_PATH, body.into(), MAX_RUN * run::octets(MAX_RECEIPT_BYTES)).await?;
        let parts = run::split(&answer).unwrap_or_default();
        let receipts = parts.into_iter().filter_map(|part| answer.get(part)).map(<[u8]>::to_vec);
        let receipts: Vec<_> = receipts.collect();
        if receipts.len() > batches.len() {
            self.kept = None;
            return Err(Problem::Answer);
        }
        self.receipts(receipts)
    }

    /// Whether they are genuine is for the store to say.
    fn receipts(&mut self, receipts: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Problem> {
        if receipts.is_empty() || receipts.iter().any(|receipt| Receipt::decode(receipt).is_err()) {
            self.kept = None;
            return Err(Problem::Answer);
        }
        Ok(receipts)
    }

    /// Has the certificate renewed where it is time. A renewal that fails is logged, and tried again later; what is in use stays.
    pub async fn keep_valid(&mut self) {
        if self.credentials.refresh() {
            self.kept = None;
        }
        // What is not yet tried may be what the receiver counts by now: nothing takes its place before it is.
        self.settle().await;
        let is_settled = self.credentials.candidate().is_none();
        if !is_settled || !self.credentials.loaded().is_due() || !self.renewal.may_try() {
            return;
        }
        let outcome = self.renew().await;
        self.renewal.tried(&outcome, self.credentials.loaded().left());
        if outcome.is_ok() {
            self.settle().await;
        }
    }

    async fn renew(&mut self) -> Result<(), Unrenewed> {
        let pair = Pair::make()?;
        let request = pair.request(self.credentials.appliance())?;
        let answer = self.ask(RENEW_PATH, request.into(), MAX_ANSWER_BYTES).await?;
        let renewed = answer::open(&answer, &pair, self.credentials.appliance())?.identity;
        renewed.check()?;
        self.credentials.propose(renewed)?;
        Ok(())
    }

    /// Tries what was renewed, where there is something, and takes it or leaves it by what the receiver says.
    async fn settle(&mut self) {
        let Some(candidate) = self.credentials.candidate() else { return };
        let tried = timeout(self.timeout, async {
            candidate.check()?;
            let mut fresh = open(&self.destination, candidate).await?;
            exchange(&mut fresh, KNOWN_PATH, self.destination.host(), Bytes::new(), MAX_KNOWN).await?;
            Ok(fresh)
        });
        match tried.await.unwrap_or(Err(Problem::Timeout)) {
            Ok(fresh) => {
                self.credentials.promote();
                self.kept = Some(fresh);
                log::info!(event = "renewed"; "the certificate and the secret of this appliance were renewed and are in use");
            }
            Err(problem) if is_refusal(&problem) => {
                log::warn!(event = "renewal_refused"; "what was renewed is not accepted, the last good certificate stays: {problem}");
                self.credentials.discard();
            }
            // It was not asked: what is in use may be, or this next time.
            Err(problem) => log::debug!("what was renewed could not be tried: {problem}"),
        }
    }

    /// Says a request as the appliance, on the connection that is kept or a new one. It ends within the link's timeout.
    async fn ask(&mut self, path: &'static str, body: Bytes, most: usize) -> Result<Bytes, Problem> {
        let asked = timeout(self.timeout, self.try_both(path, body, most));
        let outcome = asked.await.unwrap_or(Err(Problem::Timeout));
        if outcome.is_err() {
            self.kept = None;
        }
        outcome
    }

    async fn try_both(&mut self, path: &'static str, body: Bytes, most: usize) -> Result<Bytes, Problem> {
        let set = self.credentials.loaded();
        set.check()?;
        let host = self.destination.host();
        if let Some(kept) = self.kept.as_mut().filter(|kept| !kept.connection.is_closed()) {
            match exchange(kept, path, host.clone(), body.clone(), most).await {
                // The receiver closed it while it was idle. A batch may be sent twice: it is stored once.
                Err(problem) if problem.is_lost_connection() => {}
                outcome => return outcome,
            }
        }
        let fresh = self.kept.insert(open(&self.destination, set).await?);
        exchange(fresh, path, host, body, most).await
    }
}

/// Whether the receiver has said no, rather than nothing.
fn is_refusal(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Unproved
            | Problem::Unaccepted(_)
            | Problem::Status(400..=499)
            | Problem::OwnExpired
            | Problem::OwnNotYetValid
    )
}

async fn open(destination: &Destination, set: &Loaded) -> Result<Kept, Problem> {
    let (connection, session) = destination.connect(Some(set.tls())).await?;
    let proof = set.secret().zip(session.as_ref()).map(|(secret, session)| secret.prove(session).to_string());
    let proof = proof.and_then(|proof| HeaderValue::try_from(proof).ok()).map(|mut proof| {
        proof.set_sensitive(true);
        proof
    });
    Ok(Kept { connection, proof })
}

async fn exchange(
    kept: &mut Kept,
    path: &'static str,
    host: HeaderValue,
    body: Bytes,
    most: usize,
) -> Result<Bytes, Problem> {
    let mut request = http::post(path, host, body);
    let headers = request.headers_mut();
    if let Some((_, content)) = CONTENT.iter().find(|(of, _)| *of == path) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    }
    if let Some(proof) = &kept.proof {
        headers.insert(PROOF_HEADER, proof.clone());
    }
    http::exchange(&mut kept.connection, request, most).await
}

const PATH: &str = "/v1/batches";
const RUN_PATH: &str = "/v1/runs";
/// How long a receiver that takes no runs is believed to.
const RUNS_AGAIN: Duration = Duration::from_secs(3_600);
const CONTENT: [(&str, &str); 2] =
    [(PATH, "application/vnd.headgate.batch"), (RUN_PATH, "application/vnd.headgate.run")];
/// Longest answer to who asks whether the appliance is known.
const MAX_KNOWN: usize = 1_024;
