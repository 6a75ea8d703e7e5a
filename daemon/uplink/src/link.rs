//! The way to the receiver: HTTP/1.1 on mutual TLS 1.3, one connection that is kept.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use headgate_record::receipt::{MAX_RECEIPT_BYTES, Receipt};
use headgate_service::config::Endpoint;

use crate::Error;
use crate::credentials::Credentials;
use crate::problem::Problem;

/// A link to one receiver. No `Debug`: it holds a key.
pub struct Link {
    endpoint: Endpoint,
    name: ServerName<'static>,
    credentials: Credentials,
    timeout: Duration,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Link {
    /// A link that opens its connection with the first batch.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn new(endpoint: Endpoint, credentials: Credentials, timeout: Duration) -> Result<Link, Error> {
        let name = ServerName::try_from(endpoint.host().to_owned()).map_err(|_| Error::Host)?;
        HeaderValue::from_str(endpoint.as_str()).map_err(|_| Error::Host)?;
        Ok(Link { endpoint, name, credentials, timeout, kept: None })
    }

    /// Posts an encoded batch, and gives the receipt, encoded. It ends within the link's timeout.
    ///
    /// # Errors
    /// The class of the failure; the batch may have arrived all the same. The next call begins with
    /// a new connection.
    pub async fn send(&mut self, batch: Bytes) -> Result<Vec<u8>, Problem> {
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
            match post(kept, &self.endpoint, batch.clone()).await {
                // The receiver closed it while it was idle. A batch may be sent twice: it is stored once.
                Err(problem) if problem.is_lost_connection() => {}
                outcome => return outcome,
            }
        }
        let fresh = self.kept.insert(connect(&self.endpoint, &self.name, &self.credentials).await?);
        post(fresh, &self.endpoint, batch).await
    }
}

async fn connect(
    endpoint: &Endpoint,
    name: &ServerName<'static>,
    credentials: &Credentials,
) -> Result<SendRequest<Full<Bytes>>, Problem> {
    let addresses = lookup_host(endpoint.as_str()).await.map_err(|_| Problem::Unresolved)?;
    let mut last = Problem::Unresolved;
    let mut connected = None;
    for address in addresses.take(MAX_ADDRESSES) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                connected = Some(stream);
                break;
            }
            Err(error) => last = Problem::from_io(&error),
        }
    }
    let stream = connected.ok_or(last)?;
    stream.set_nodelay(true).map_err(|e| Problem::from_io(&e))?;
    let stream = TlsConnector::from(credentials.tls()).connect(name.clone(), stream).await;
    let stream = TokioIo::new(stream.map_err(|e| Problem::from_io(&e))?);
    let (sender, connection) = http1::handshake(stream).await.map_err(|e| Problem::from_http(&e))?;
    // It ends when the sender is dropped or the peer closes.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            log::debug!("connection ended: {error}");
        }
    });
    Ok(sender)
}

async fn post(
    sender: &mut SendRequest<Full<Bytes>>,
    endpoint: &Endpoint,
    batch: Bytes,
) -> Result<Vec<u8>, Problem> {
    sender.ready().await.map_err(|e| Problem::from_http(&e))?;
    let response = sender.send_request(request(endpoint, batch)).await;
    let response = response.map_err(|e| Problem::from_http(&e))?;
    if response.status() != StatusCode::OK {
        return Err(Problem::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), MAX_RECEIPT_BYTES).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<hyper::Error>() {
        Some(http) => Problem::from_http(http),
        None if error.is::<LengthLimitError>() => Problem::Answer,
        None => Problem::Network(io::ErrorKind::Other),
    })?;
    let body = body.to_bytes();
    // Whether it is genuine is for the store to say.
    Receipt::decode(&body).map_err(|_| Problem::Answer)?;
    Ok(body.into())
}

fn request(endpoint: &Endpoint, batch: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(batch));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(BATCH_TYPE));
    if let Ok(host) = HeaderValue::from_str(endpoint.as_str()) {
        headers.insert(HOST, host);
    }
    request
}

const PATH: &str = "/v1/batches";
const BATCH_TYPE: &str = "application/vnd.headgate.batch";
/// Most addresses of the receiver that are tried.
const MAX_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_posted_to_the_receivers_batches() {
        let request = request(&"[2001:db8::1]:8443".parse().unwrap(), Bytes::from_static(b"x"));
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "/v1/batches"));
        assert_eq!(request.headers()[HOST], "[2001:db8::1]:8443");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/vnd.headgate.batch");
    }
}
