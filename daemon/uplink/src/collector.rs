//! The way to the site's own collector: OTLP/HTTP, protobuf, gzip.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use headgate_record::batch::{Batch, digest};
use headgate_record::local::FromUplink;
use headgate_service::config::Headgate;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::timeout;

use crate::Error;
use crate::credentials::CollectorCredentials;
use crate::http::{self, Connection, Destination};
use crate::otlp::{self, Requests};
use crate::problem::Problem;

/// How far a batch has come.
#[derive(Clone, Copy)]
struct Taken {
    digest: [u8; 32],
    rejected: u64,
    /// Not only its logs, but its metrics too.
    is_whole: bool,
}

/// A link to one collector. No `Debug`: it holds what the collector knows it by.
pub struct Collector {
    destination: Destination,
    credentials: CollectorCredentials,
    timeout: Duration,
    kept: Option<Connection>,
    /// The batch of which something has been taken, and how much of that was rejected: it is not sent twice.
    taken: Option<Taken>,
}

impl Collector {
    /// A link that opens its connection with the first batch; `None` where no collector is configured.
    ///
    /// # Errors
    /// [`Error::Host`], [`Error::Credential`].
    pub fn new(config: &Headgate) -> Result<Option<Collector>, Error> {
        let Some(collector) = &config.uplink.collector else { return Ok(None) };
        let destination = Destination::new(collector.endpoint().ok_or(Error::Host)?, &config.uplink)?;
        let credentials = CollectorCredentials::load(&config.credentials.directory, collector.is_tls())?;
        let timeout = config.uplink.timeout.seconds();
        Ok(Some(Collector { destination, credentials, timeout, kept: None, taken: None }))
    }

    /// Sends a batch, and gives what to tell the store when the collector has said yes to all of it. It ends within twice the
    /// timeout. A batch of which no answer came may have arrived: it is sent again, and each log record says by
    /// `log.record.uid` which it is.
    ///
    /// # Errors
    /// The class of the failure.
    pub async fn send(&mut self, encoded: &[u8]) -> Result<FromUplink, Problem> {
        if self.credentials.refresh() {
            self.kept = None;
        }
        let batch = Batch::decode(encoded).map_err(|_| Problem::Batch)?;
        let digest = digest(encoded);
        let before = self.taken.filter(|taken| taken.digest == digest);
        let rejected = match before {
            Some(Taken { rejected, is_whole: true, .. }) => rejected,
            before => {
                let requests = Requests::of(&batch, now_ns());
                let logs = match before {
                    Some(taken) => taken.rejected,
                    None => self.post(otlp::LOGS, requests.logs).await?,
                };
                self.taken = Some(Taken { digest, rejected: logs, is_whole: false });
                let rejected = logs.saturating_add(self.post(otlp::METRICS, requests.metrics).await?);
                self.taken = Some(Taken { digest, rejected, is_whole: true });
                if rejected > 0 {
                    log::warn!(event = "collector_rejected"; "the collector took a batch, and of it rejected {rejected}");
                }
                rejected
            }
        };
        Ok(FromUplink::Taken { epoch: batch.id.epoch, sequence: batch.id.sequence, digest, rejected })
    }

    /// Posts a request, where there is one; gives how much of it was rejected.
    async fn post(&mut self, path: &'static str, body: Option<Vec<u8>>) -> Result<u64, Problem> {
        let Some(body) = body else { return Ok(0) };
        let body = Bytes::from(pack(&body).ok_or(Problem::Batch)?);
        let outcome = timeout(self.timeout, self.exchange(path, body)).await.unwrap_or(Err(Problem::Timeout));
        let rejected = outcome.inspect_err(|_| self.kept = None)?;
        if !rejected.reason.is_empty() {
            log::debug!("the collector has advice");
        }
        Ok(rejected.count)
    }

    async fn exchange(&mut self, path: &'static str, body: Bytes) -> Result<otlp::Rejected, Problem> {
        let request = |body| request(self.destination.host(), self.credentials.headers(), path, body);
        let mut answer = Err(Problem::Lost);
        if let Some(kept) = self.kept.as_mut().filter(|kept| !kept.is_closed()) {
            answer = http::exchange(kept, request(body.clone()), MAX_ANSWER).await;
        }
        // The collector may have closed it while it was idle.
        if answer.as_ref().is_err_and(Problem::is_lost_connection) {
            let fresh = self.kept.insert(self.destination.connect(self.credentials.tls()).await?.0);
            answer = http::exchange(fresh, request(body), MAX_ANSWER).await;
        }
        otlp::answer(&answer?).map_err(|_| Problem::Answer)
    }
}

fn request(host: HeaderValue, more: &HeaderMap, path: &'static str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = http::post(path, host, body);
    let headers = request.headers_mut();
    headers.extend(more.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    request
}

fn pack(body: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(body).ok()?;
    packer.finish().ok()
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Longest answer of a collector that is read, octets.
const MAX_ANSWER: usize = 64 << 10;
