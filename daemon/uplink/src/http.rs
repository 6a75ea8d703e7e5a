//! HTTP/1.1 on a connection that is kept, over TLS, through a proxy where there is one, or to this machine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use headgate_record::enrolment::{EXPORTER, Session};
use headgate_service::config::{Endpoint, Proxy, Uplink};

use crate::problem::{Problem, ProxyFault};
use crate::{Error, proxy};

/// A connection.
pub type Connection = SendRequest<Full<Bytes>>;

/// Where a connection goes: to this endpoint, which must prove that it is of its name.
pub struct Destination {
    endpoint: Endpoint,
    name: ServerName<'static>,
    host: HeaderValue,
    proxy: Option<Endpoint>,
    /// A proxy has so long to open a tunnel; the rest of the time is for the other end.
    patience: Duration,
}

impl Destination {
    /// As `endpoint` and `uplink` have it. The proxy carries TLS only: without, the other end is this machine.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn new(endpoint: Endpoint, uplink: &Uplink) -> Result<Destination, Error> {
        let name = ServerName::try_from(endpoint.host().to_owned()).map_err(|_| Error::Host)?;
        let host = HeaderValue::from_str(endpoint.as_str()).map_err(|_| Error::Host)?;
        let proxy = uplink.proxy.as_ref().and_then(Proxy::endpoint);
        Ok(Destination { endpoint, name, host, proxy, patience: uplink.timeout.seconds() / 2 })
    }

    /// Host and port, as a header.
    pub fn host(&self) -> HeaderValue {
        self.host.clone()
    }

    /// Opens a connection; with `tls` no octet is sent before the other end has proved that it is of its name. Gives with it what
    /// only its two ends know, where there is TLS.
    ///
    /// # Errors
    /// The class of the failure.
    pub async fn connect(
        &self,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<(Connection, Option<Session>), Problem> {
        let Some(config) = tls else { return Ok((handshake(reach(&self.endpoint).await?).await?, None)) };
        match &self.proxy {
            Some(proxy) => begin(self.secure(self.tunnel(proxy).await?, config).await?).await,
            None => begin(self.secure(reach(&self.endpoint).await?, config).await?).await,
        }
    }

    async fn tunnel(&self, proxy: &Endpoint) -> Result<TokioIo<Upgraded>, Problem> {
        let open = async {
            let stream = reach(proxy).await.map_err(ProxyFault::from)?;
            proxy::tunnel(stream, &self.endpoint).await
        };
        timeout(self.patience, open).await.unwrap_or(Err(ProxyFault::Timeout.into()))
    }

    async fn secure<S>(&self, stream: S, config: Arc<ClientConfig>) -> Result<TlsStream<S>, Problem>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsConnector::from(config).connect(self.name.clone(), stream).await;
        stream.map_err(|e| Problem::from_io(&e))
    }
}

async fn reach(endpoint: &Endpoint) -> Result<TcpStream, Problem> {
    let addresses = lookup_host(endpoint.as_str()).await.map_err(|_| Problem::Unresolved)?;
    let mut last = Problem::Unresolved;
    for address in addresses.take(MAX_ADDRESSES) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|e| Problem::from_io(&e))?;
                return Ok(stream);
            }
            Err(error) => last = Problem::from_io(&error),
        }
    }
    Err(last)
}

async fn begin<S>(stream: TlsStream<S>) -> Result<(Connection, Option<Session>), Problem>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // RFC 9266, 4.2: no context is the same as one of no octets (RFC 8446, 7.5).
    let session = stream.get_ref().1.export_keying_material([0; 32], EXPORTER, None).ok();
    Ok((handshake(stream).await?, session))
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

/// A request that posts `body`.
pub fn post(path: &'static str, host: HeaderValue, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(path);
    request.headers_mut().insert(HOST, host);
    request
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
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(Problem::Unproved),
        status => return Err(Problem::Status(status.as_u16())),
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
