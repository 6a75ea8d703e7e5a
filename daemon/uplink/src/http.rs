//! HTTP/1.1 on a connection that is kept, over TLS or to this machine.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use headgate_service::config::Endpoint;

use crate::problem::Problem;

/// A connection.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens a connection; with `tls` no octet is sent before the other end has proved that it is of this name.
///
/// # Errors
/// The class of the failure.
pub async fn connect(
    endpoint: &Endpoint,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
) -> Result<Connection, Problem> {
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
    match tls {
        Some((name, config)) => {
            let stream = TlsConnector::from(config).connect(name, stream).await;
            handshake(stream.map_err(|e| Problem::from_io(&e))?).await
        }
        None => handshake(stream).await,
    }
}

async fn handshake<S>(stream: S) -> Result<Connection, Problem>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|e| Problem::from_http(&e))?;
    // It ends when the sender is dropped or the peer closes.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            log::debug!("connection ended: {error}");
        }
    });
    Ok(sender)
}

/// Says a request, and gives the body of an answer that says 200.
///
/// # Errors
/// [`Problem::Status`] for any other answer; the class of the failure.
pub async fn exchange(
    sender: &mut Connection,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Bytes, Problem> {
    sender.ready().await.map_err(|e| Problem::from_http(&e))?;
    let response = sender.send_request(request).await.map_err(|e| Problem::from_http(&e))?;
    if response.status() != StatusCode::OK {
        return Err(Problem::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), most).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<hyper::Error>() {
        Some(http) => Problem::from_http(http),
        None if error.is::<LengthLimitError>() => Problem::Answer,
        None => Problem::Network(io::ErrorKind::Other),
    })?;
    Ok(body.to_bytes())
}

/// Most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;
