//! A receiver's TLS and HTTP, which answers as a test wants.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{NamedGroup, RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use headgate_record::batch::digest;
use headgate_record::receipt::{Receipt, Statement};
use headgate_record::run::{self, MAX_RUN};
use headgate_record::sealed::Sealed;

/// What it answers.
#[derive(Clone, Copy)]
pub enum Answer {
    Receipt,
    Status(u16),
    Garbage,
    TooLong,
    Nothing,
    /// A receipt, after which it closes the connection without saying so.
    ReceiptAndClose,
}

/// Listens until it is dropped; then all its connections break.
pub struct Receiver {
    pub port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is answered to a request for a certificate, and to who asks whether it is known.
pub type Renewer = Box<dyn Fn(&[u8]) -> (u16, String) + Send + Sync>;

struct Shared {
    answer: Mutex<Answer>,
    renewer: Mutex<Option<Renewer>>,
    /// What is answered to who asks whether it is known; nothing leaves it waiting.
    known: Mutex<Option<u16>>,
    /// What was asked beside batches, and by whom.
    asked: Mutex<Vec<(String, Vec<u8>)>>,
    /// The proofs that came with batches.
    proofs: Mutex<Vec<String>>,
    arrived: Mutex<Vec<u64>>,
    /// How many batches came in each request.
    together: Mutex<Vec<usize>>,
    /// Octets of the longest run.
    longest: Mutex<usize>,
    /// How many batches of a run have their receipts; nothing where none are taken.
    runs: Mutex<Option<usize>>,
    /// Clients by the certificate with which they completed a handshake.
    clients: Mutex<Vec<Vec<u8>>>,
    /// The key exchanges of those handshakes.
    groups: Mutex<Vec<NamedGroup>>,
    connections: Mutex<usize>,
}

impl Receiver {
    /// Listens on `port` with this certificate and accepts clients of `authority`.
    pub fn start(
        port: u16,
        certificate: (CertificateDer<'static>, PrivateKeyDer<'static>),
        authority: CertificateDer<'static>,
    ) -> Receiver {
        Receiver::start_with(aws_lc_rs::default_provider(), port, certificate, authority)
    }

    /// As [`Receiver::start`], with the key exchanges of `provider`.
    pub fn start_with(
        provider: CryptoProvider,
        port: u16,
        (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
        authority: CertificateDer<'static>,
    ) -> Receiver {
        let mut roots = RootCertStore::empty();
        roots.add(authority).unwrap();
        let provider = Arc::new(provider);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let tls = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new(Answer::Receipt),
            renewer: Mutex::default(),
            known: Mutex::new(Some(200)),
            asked: Mutex::default(),
            proofs: Mutex::default(),
            arrived: Mutex::default(),
            together: Mutex::default(),
            longest: Mutex::default(),
            runs: Mutex::new(Some(MAX_RUN)),
            clients: Mutex::default(),
            groups: Mutex::default(),
            connections: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
                ready.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    () = serve(listener, TlsAcceptor::from(Arc::new(tls)), served) => {}
                    _ = stopped => {}
                }
            });
        });
        let port = listening.recv().unwrap();
        Receiver { port, shared, stop: Some(stop), thread: Some(thread) }
    }

    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    /// Certificates are renewed so.
    pub fn renew(&self, renewer: Renewer) {
        *self.shared.renewer.lock().unwrap() = Some(renewer);
    }

    /// So is answered to who asks whether it is known; nothing leaves it waiting.
    pub fn known(&self, status: Option<u16>) {
        *self.shared.known.lock().unwrap() = status;
    }

    /// Paths that were asked beside batches, and the certificates of who asked.
    pub fn asked(&self) -> Vec<(String, Vec<u8>)> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The proofs that came with batches.
    pub fn proofs(&self) -> Vec<String> {
        self.shared.proofs.lock().unwrap().clone()
    }

    /// Sequences of the batches in the order of arrival, with repetitions.
    pub fn arrived(&self) -> Vec<u64> {
        self.shared.arrived.lock().unwrap().clone()
    }

    /// How many batches came in each request.
    pub fn together(&self) -> Vec<usize> {
        self.shared.together.lock().unwrap().clone()
    }

    /// Octets of the longest run.
    pub fn longest(&self) -> usize {
        *self.shared.longest.lock().unwrap()
    }

    /// From now on so many batches of a run have their receipts, or none are taken.
    pub fn runs(&self, receipts: Option<usize>) {
        *self.shared.runs.lock().unwrap() = receipts;
    }

    /// The certificates of the completed handshakes.
    pub fn clients(&self) -> Vec<Vec<u8>> {
        self.shared.clients.lock().unwrap().clone()
    }

    /// The key exchanges of the completed handshakes.
    pub fn groups(&self) -> Vec<NamedGroup> {
        self.shared.groups.lock().unwrap().clone()
    }

    /// How many TCP connections there were.
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *shared.connections.lock().unwrap() += 1;
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let tls = stream.get_ref().1;
            let client = tls.peer_certificates().unwrap()[0].to_vec();
            shared.groups.lock().unwrap().push(tls.negotiated_key_exchange_group().unwrap().name());
            shared.clients.lock().unwrap().push(client.clone());
            let service = service_fn(|request| respond(request, client.clone(), Arc::clone(&shared)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    client: Vec<u8>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    assert_eq!(request.method().as_str(), "POST");
    let path = request.uri().path().to_owned();
    let proof = request.headers()["headgate-proof"].to_str().unwrap().to_owned();
    let runs = *shared.runs.lock().unwrap();
    let is_run = path == "/v1/runs";
    if is_run && runs.is_none() {
        shared.asked.lock().unwrap().push((path, client));
        let mut response = Response::new(Full::from("nothing is here"));
        *response.status_mut() = 404.try_into().unwrap();
        return Ok(response);
    }
    if path != "/v1/batches" && !is_run {
        shared.asked.lock().unwrap().push((path.clone(), client));
        let body = request.into_body().collect().await?.to_bytes();
        let known = *shared.known.lock().unwrap();
        let (status, text) = match path.as_str() {
            "/v1/renew" => match shared.renewer.lock().unwrap().as_ref() {
                Some(renewer) => renewer(&body),
                None => (404, String::new()),
            },
            "/v1/known" => match known {
                Some(status) => (status, "known".into()),
                None => match std::future::pending::<Infallible>().await {},
            },
            other => panic!("{other}"),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status.try_into().unwrap();
        return Ok(response);
    }
    shared.proofs.lock().unwrap().push(proof);
    let content = if is_run { "application/vnd.headgate.run" } else { "application/vnd.headgate.batch" };
    assert_eq!(request.headers()["content-type"], content);
    let bytes = request.into_body().collect().await?.to_bytes();
    if is_run {
        let mut longest = shared.longest.lock().unwrap();
        *longest = longest.max(bytes.len());
    }
    let parts = if is_run { run::split(&bytes).unwrap() } else { std::iter::once(0..bytes.len()).collect() };
    // It has no key to open them with, and needs none to answer.
    let batches = parts.into_iter().map(|part| (Sealed::decode(&bytes[part.clone()]).unwrap(), part));
    let batches: Vec<_> = batches.collect();
    shared.together.lock().unwrap().push(batches.len());
    shared.arrived.lock().unwrap().extend(batches.iter().map(|(batch, _)| batch.id.sequence));
    let answer = *shared.answer.lock().unwrap();
    let mut response = Response::new(Full::default());
    match answer {
        Answer::Receipt | Answer::ReceiptAndClose => {
            let receipts = batches.into_iter().take(runs.unwrap_or(1)).map(|(batch, part)| {
                let statement = Statement {
                    id: batch.id,
                    digest: digest(&bytes[part]),
                    records: 0,
                    stored_ms: 1,
                    forgotten: None,
                    request: Vec::new(),
                };
                Receipt { statement, signature: [0; 64] }.encode()
            });
            let receipts: Vec<_> = receipts.collect();
            let body = if is_run { run::join(receipts.iter().map(|r| &r[..])) } else { receipts.concat() };
            *response.body_mut() = Full::from(body);
            if matches!(answer, Answer::ReceiptAndClose) {
                response.headers_mut().insert("connection", "close".parse().unwrap());
            }
        }
        Answer::Status(code) => *response.status_mut() = code.try_into().unwrap(),
        Answer::Garbage => *response.body_mut() = Full::from(&b"no receipt at all"[..]),
        Answer::TooLong => *response.body_mut() = Full::from(vec![0; 100_000]),
        Answer::Nothing => match std::future::pending::<Infallible>().await {},
    }
    Ok(response)
}
