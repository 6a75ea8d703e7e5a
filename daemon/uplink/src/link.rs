//! The way to the receiver: HTTP/1.1 on mutual TLS 1.3, one connection that is kept.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use tokio::time::timeout;

use headgate_record::receipt::{MAX_RECEIPT_BYTES, Receipt};
use headgate_record::sealed::Sealed;
use headgate_service::config::{Endpoint, Uplink};

use crate::Error;
use crate::credentials::Credentials;
use crate::http::{self, Connection, Destination};
use crate::problem::Problem;

/// A link to one receiver. No `Debug`: it holds a key.
pub struct Link {
    destination: Destination,
    credentials: Credentials,
    timeout: Duration,
    kept: Option<Connection>,
}

impl Link {
    /// A link that opens its connection with the first batch.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn new(receiver: Endpoint, credentials: Credentials, uplink: &Uplink) -> Result<Link, Error> {
        let destination = Destination::new(receiver, uplink)?;
        Ok(Link { destination, credentials, timeout: uplink.timeout.seconds(), kept: None })
    }

    /// Posts a sealed batch, and gives the receipt, encoded. It ends within the link's timeout.
    ///
    /// # Errors
    /// The class of the failure; the batch may have arrived all the same. The next call begins with
    /// a new connection.
    pub async fn send(&mut self, batch: Bytes) -> Result<Vec<u8>, Problem> {
        // The store may still go by the configuration of before, which named a collector: what is not sealed does not leave.
        Sealed::decode(&batch).map_err(|_| Problem::Batch)?;
        if self.credentials.refresh() {
            self.kept = None;
        }
        let outcome = timeout(self.timeout, self.exchange(batch)).await.unwrap_or(Err(Problem::Timeout));
        if outcome.is_err() {
            self.kept = None;
        }
        outcome
    }

    async fn exchange(&mut self, batch: Bytes) -> Result<Vec<u8>, Problem> {
        self.credentials.check()?;
        if let Some(kept) = self.kept.as_mut().filter(|kept| !kept.is_closed()) {
            match post(kept, self.destination.host(), batch.clone()).await {
                // The receiver closed it while it was idle. A batch may be sent twice: it is stored once.
                Err(problem) if problem.is_lost_connection() => {}
                outcome => return outcome,
            }
        }
        let fresh = self.kept.insert(self.destination.connect(Some(self.credentials.tls())).await?);
        post(fresh, self.destination.host(), batch).await
    }
}

async fn post(sender: &mut Connection, host: HeaderValue, batch: Bytes) -> Result<Vec<u8>, Problem> {
    let body = http::exchange(sender, request(host, batch), MAX_RECEIPT_BYTES).await?;
    // Whether it is genuine is for the store to say.
    Receipt::decode(&body).map_err(|_| Problem::Answer)?;
    Ok(body.into())
}

fn request(host: HeaderValue, batch: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(batch));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(BATCH_TYPE));
    headers.insert(HOST, host);
    request
}

const PATH: &str = "/v1/batches";
const BATCH_TYPE: &str = "application/vnd.headgate.batch";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_posted_to_the_receivers_batches() {
        let request = request(HeaderValue::from_static("[2001:db8::1]:8443"), Bytes::from_static(b"x"));
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "/v1/batches"));
        assert_eq!(request.headers()[HOST], "[2001:db8::1]:8443");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/vnd.headgate.batch");
    }
}
