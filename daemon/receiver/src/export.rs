//! `GET /v1/export` for who may read what a receiver holds: TLS 1.3 on a listener of its own, which there is only when `[export] listen`
//! names one. A reader proves itself with a token, of which only a hash is kept. It gives page by page, and takes nothing.

mod audit;
mod commands;
mod page;
mod readers;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::engine::StoresOnce;
use crate::http::answer;
use crate::server::{TICK, accept};
use crate::{Config, Error, files, tls};

pub use audit::Audit;
pub use commands::{grant, list, revoke};
pub use page::{Ask, Form, MAX_LOOKED_AT, MAX_OCTETS, Page, Piece};
pub use readers::{Reader, Readers, Scope};

/// What answers readers.
pub struct Export {
    engine: Arc<dyn StoresOnce>,
    tls: TlsAcceptor,
    audit: Mutex<Audit>,
    busy: Semaphore,
}

impl Export {
    /// Of what `engine` holds.
    pub fn new(engine: Arc<dyn StoresOnce>, tls: TlsAcceptor, audit: Audit) -> Export {
        Export { engine, tls, audit: Mutex::new(audit), busy: Semaphore::new(MAX_PAGES) }
    }

    /// Answers, [`MAX_CONNECTIONS`] at once, until the runtime ends.
    pub async fn serve(self, listener: TcpListener) {
        let export = Arc::new(self);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            match accept(&listener, &slots).await {
                Ok((stream, slot)) => drop(tokio::spawn(visit(Arc::clone(&export), stream, slot))),
                Err(error) => {
                    log::debug!("accept: {error}");
                    sleep(TICK).await;
                }
            }
        }
    }

    async fn respond<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(self.give(&request).await.unwrap_or_else(|refusal| {
            let mut response = answer(refusal.status(), TEXT, format!("{refusal}\n").into());
            match refusal {
                Refusal::Method => response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET")),
                Refusal::Token => {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
                }
                _ => None,
            };
            response
        }))
    }

    async fn give<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, Refusal> {
        if request.uri().path() != PATH {
            return Err(Refusal::Path);
        }
        if request.method() != Method::GET {
            return Err(Refusal::Method);
        }
        let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::Token)?;
        let failed = |error: Error| {
            log::warn!(event = "not_exported"; "what is kept cannot be read: {error}");
            Refusal::Unreadable
        };
        let readers = self.engine.readers().await.map_err(failed)?;
        let reader = readers.find(token).ok_or(Refusal::Token)?;
        let ask = Ask::parse(request.uri().query().unwrap_or_default()).ok_or(Refusal::Query)?;
        let asked = json!({"form": ask.form.name(), "after": ask.after, "appliance": ask.appliance});
        let is_allowed = ask.appliance.as_ref().is_none_or(|name| reader.scope.has(name))
            && (ask.form == Form::Sealed || reader.records);
        if !is_allowed {
            self.write("refused", &reader.name, asked)?;
            return Err(Refusal::Scope);
        }
        let scope = ask.appliance.clone().map_or(reader.scope.clone(), |name| Scope::Sites(vec![name]));
        let _room = self.busy.acquire().await.map_err(|_| Refusal::Unreadable)?;
        let page = self.engine.page(ask.clone(), scope).await.map_err(failed)?;
        let page = page.ok_or(Refusal::Form)?;
        let mut told = asked;
        told["next"] = json!(page.next);
        told["batches"] = json!(page.pieces.len());
        let (next, body) = (page.next, page.body(ask.form));
        told["octets"] = json!(body.len());
        self.write("given", &reader.name, told)?;
        let mut response = answer(StatusCode::OK, ask.form.content_type(), body);
        response.headers_mut().insert(NEXT, HeaderValue::from(next));
        Ok(response)
    }

    fn write(&self, what: &str, reader: &str, details: serde_json::Value) -> Result<(), Refusal> {
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        audit.write(what, reader, details).map_err(|error| {
            log::error!(event = "not_audited"; "the audit trail cannot be written, nothing is given: {error}");
            Refusal::Unreadable
        })
    }
}

/// TLS 1.3 as the server that appliances know; who asks shows a token in place of a certificate.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`].
pub fn tls(config: &Config) -> Result<TlsAcceptor, Error> {
    let unusable = || Error::Credential { file: config.key.clone(), what: "private key" };
    let key = PrivateKeyDer::from_pem_slice(&files::read(&config.key)?).map_err(|_| unusable())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| unusable())?
        .with_no_client_auth()
        .with_single_cert(tls::certificates(&config.certificate)?, key)
        .map_err(|_| unusable())?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

/// One connection.
async fn visit(export: Arc<Export>, stream: TcpStream, _slot: OwnedSemaphorePermit) {
    let Ok(Ok(stream)) = timeout(LIMIT, export.tls.accept(stream)).await else { return };
    let service = service_fn(|request| export.respond(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(VISIT, connection).await {
        log::debug!("export: {error}");
    }
}

/// Why nothing is given, in one line for the reader.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nothing is here; what is kept is at /v1/export")]
    Path,
    #[error("what is kept is asked for by GET")]
    Method,
    #[error("no token of a reader, or one whose time is over or that was revoked")]
    Token,
    #[error("ask ?form=records|sealed&after=NUMBER&limit=1..64&appliance=NAME, all of them optional")]
    Query,
    #[error("this reader may not read that")]
    Scope,
    #[error("this receiver keeps records and no sealed batches: ask form=records")]
    Form,
    #[error("what is kept cannot be read now")]
    Unreadable,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Path => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Token => StatusCode::UNAUTHORIZED,
            Refusal::Query => StatusCode::BAD_REQUEST,
            Refusal::Scope => StatusCode::FORBIDDEN,
            Refusal::Form => StatusCode::NOT_ACCEPTABLE,
            Refusal::Unreadable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

const PATH: &str = "/v1/export";
const NEXT: &str = "headgate-next";
const TEXT: &str = "text/plain; charset=utf-8";
/// Most connections at once, and most pages in memory; others wait.
const MAX_CONNECTIONS: usize = 32;
const MAX_PAGES: usize = 4;
/// Longest handshake and longest wait for a request; longest connection.
const LIMIT: Duration = Duration::from_secs(30);
const VISIT: Duration = Duration::from_secs(3_600);
const MAX_BUFFER: usize = 16 << 10;
