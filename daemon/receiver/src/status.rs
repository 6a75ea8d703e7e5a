//! `/healthz` and `/metrics` for who watches over the receiver: plain HTTP on a listener of its own, which there is only when
//! `[status] listen` names one. It answers, and takes nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::engine::StoresOnce;
use crate::http::{Desk, answer};
use crate::metrics;
use crate::server::{TICK, accept};

/// What is told. No `Debug`: the desk holds keys.
pub struct Status {
    desk: Arc<Desk>,
    engine: Arc<dyn StoresOnce>,
}

impl Status {
    /// Of a receiver whose batches go to `engine`.
    pub fn new(desk: Arc<Desk>, engine: Arc<dyn StoresOnce>) -> Status {
        Status { desk, engine }
    }

    /// Answers, [`MAX_CONNECTIONS`] at once, until the runtime ends.
    pub async fn serve(self, listener: TcpListener) {
        let status = Arc::new(self);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            match accept(&listener, &slots).await {
                Ok((stream, slot)) => drop(tokio::spawn(visit(Arc::clone(&status), stream, slot))),
                Err(error) => {
                    log::debug!("accept: {error}");
                    sleep(TICK).await;
                }
            }
        }
    }

    async fn respond<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path();
        if path != HEALTH && path != METRICS {
            let text = "nothing is here; there are /healthz and /metrics\n";
            return Ok(answer(StatusCode::NOT_FOUND, TEXT, text.into()));
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "this is asked by GET\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Ok(response);
        }
        Ok(if path == HEALTH { self.health() } else { self.metrics().await })
    }

    fn health(&self) -> Response<Full<Bytes>> {
        let (status, text) = if self.engine.pulse().silence() > SILENCE {
            (StatusCode::SERVICE_UNAVAILABLE, "what stores does not answer\n")
        } else if self.engine.pulse().is_failing() {
            (StatusCode::SERVICE_UNAVAILABLE, "batches cannot be stored; the log says why\n")
        } else {
            (StatusCode::OK, "ok\n")
        };
        answer(status, TEXT, text.into())
    }

    async fn metrics(&self) -> Response<Full<Bytes>> {
        match self.engine.figures().await {
            Ok(figures) => {
                let text = metrics::text(&self.desk.accounts, &figures);
                answer(StatusCode::OK, OPENMETRICS, text.into())
            }
            Err(error) => {
                log::debug!("figures: {error}");
                answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, "what is kept cannot be read\n".into())
            }
        }
    }
}

/// One connection, one answer.
async fn visit(status: Arc<Status>, stream: TcpStream, _slot: OwnedSemaphorePermit) {
    let service = service_fn(|request| status.respond(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .keep_alive(false)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(LIMIT, connection).await {
        log::debug!("status: {error}");
    }
}

const HEALTH: &str = "/healthz";
const METRICS: &str = "/metrics";
const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Most connections at once; others wait.
const MAX_CONNECTIONS: usize = 4;
/// Longest time for a request and its answer.
const LIMIT: Duration = Duration::from_secs(10);
/// A thread that writes and has been with one thing for so long does not answer.
const SILENCE: Duration = Duration::from_secs(15);
/// Largest request head, in octets.
const MAX_BUFFER: usize = 8 << 10;
