//! A tunnel through an HTTP proxy: CONNECT (RFC 9110, 9.3.6). The proxy hears host and port, and then TLS alone.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use headgate_service::config::Endpoint;

use crate::problem::{Problem, ProxyFault};

/// Asks the proxy at the other end of `stream` for a tunnel to `endpoint`, whose name the proxy resolves.
///
/// # Errors
/// [`Problem::Proxy`].
pub async fn tunnel(stream: TcpStream, endpoint: &Endpoint) -> Result<TokioIo<Upgraded>, Problem> {
    let request = request(endpoint)?;
    let handshake = http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|e| ProxyFault::from_http(&e))?;
    // It ends when the tunnel is open, or the sender is dropped without one.
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(|e| ProxyFault::from_http(&e))?;
    let status = response.status();
    // Any 2xx opens the tunnel (9.3.6); of a 204, which no proxy sends, hyper makes none.
    if !status.is_success() || status == StatusCode::NO_CONTENT {
        return Err(ProxyFault::from_status(status.as_u16()).into());
    }
    let tunnel = hyper::upgrade::on(response).await.map_err(|e| ProxyFault::from_http(&e))?;
    Ok(TokioIo::new(tunnel))
}

/// The target is host and port alone (RFC 9112, 3.2.3).
fn request(endpoint: &Endpoint) -> Result<Request<Empty<Bytes>>, Problem> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = Uri::try_from(endpoint.as_str()).map_err(|_| Problem::Unresolved)?;
    let host = HeaderValue::from_str(endpoint.as_str()).map_err(|_| Problem::Unresolved)?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

/// Longest head of an answer that is read, octets.
const MAX_HEAD_BYTES: usize = 16 << 10;
