//! Listening: connections in, bounded in number and in time, until asked to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use headgate_service::notify::{self, Watchdog};
use headgate_service::stop::Stop;

use crate::accounts::{Accounts, Outcome};
use crate::config::Engine;
use crate::engine::StoresOnce;
use crate::enroll::{Gate, Registrar};
use crate::export::{self, Audit, Export};
use crate::http::Desk;
use crate::issue::Office;
use crate::jetstream::{self, JetStream};
use crate::receipt::Signer;
use crate::sealing::Keys;
use crate::status::Status;
use crate::tls::Client;
use crate::trust::Trust;
use crate::writer::Writer;
use crate::{Config, Error, tls};

/// Where a receiver listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// For batches.
    pub batches: SocketAddr,
    /// For who asks how it is, if anybody may.
    pub status: Option<SocketAddr>,
    /// For appliances with a token, if any are enrolled.
    pub enrolment: Option<SocketAddr>,
    /// For readers, if there may be any.
    pub export: Option<SocketAddr>,
}

/// Receives until `stop` is requested; then requests in flight are finished, for at most
/// five seconds. `ready` is told the addresses when clients can connect.
///
/// # Errors
/// When a credential, the database or the address cannot be used.
pub fn serve(config: &Config, stop: &Stop, ready: impl FnOnce(Listening)) -> Result<(), Error> {
    let tls = tls::server(config)?;
    tls::check_region(config)?;
    tls::begin_randomness(&tls)?;
    let signer = Signer::load(&config.receipt_key)?;
    let keys = Keys::load(config.seal_keys.iter().map(PathBuf::as_path))?;
    let runtime = crate::runtime()?;
    let keys = Arc::new(keys);
    let (cluster, trust) = match &config.engine {
        Engine::Sqlite => (None, Trust::in_file(config)?),
        Engine::JetStream(cluster) => runtime.block_on(async {
            let cluster = JetStream::reach(cluster, Arc::clone(&keys), config.retention_days).await?;
            let cluster = Arc::new(cluster);
            let trust = Trust::in_cluster(config, Arc::clone(&cluster)).await?;
            trust.follow();
            Ok::<_, Error>((Some(cluster), trust))
        })?,
    };
    let trust = Arc::new(trust);
    let registrar = if config.enrolls() {
        let office = Office::over_the_network(config, &signer, &keys)?;
        Some(Arc::new(Registrar::new(office, Arc::clone(&trust), config.enroll_days)))
    } else {
        None
    };
    let accounts = Arc::<Accounts>::default();
    let mut thread = None;
    let engine: Arc<dyn StoresOnce> = match cluster {
        None => {
            let (writer, own) = Writer::start(
                &config.database,
                config.retention_days,
                Arc::clone(&accounts),
                Health::pace(),
            )?;
            thread = Some(own);
            Arc::new(writer)
        }
        Some(cluster) => {
            let accounts = Arc::clone(&accounts);
            runtime.block_on(async { Arc::new(jetstream::Writer::start(cluster, accounts, Health::pace())) })
        }
    };
    let served = runtime.block_on(listen(
        config,
        tls,
        (signer, keys),
        (engine, accounts),
        (trust, registrar),
        stop,
        ready,
    ));
    // The last users of the writer go with the runtime; what they had handed over is still stored.
    drop(runtime);
    if let Some(thread) = thread {
        let _ = thread.join();
    }
    served
}

async fn listen(
    config: &Config,
    tls: Arc<ServerConfig>,
    (signer, keys): (Signer, Arc<Keys>),
    (engine, accounts): (Arc<dyn StoresOnce>, Arc<Accounts>),
    (trust, registrar): (Arc<Trust>, Option<Arc<Registrar>>),
    stop: &Stop,
    ready: impl FnOnce(Listening),
) -> Result<(), Error> {
    let (listener, batches) = bind(config.listen).await?;
    let mut enrolment = None;
    if let Some((address, registrar)) = config.enroll_listen.zip(registrar.as_ref()) {
        let (listener, address) = bind(address).await?;
        let gate = Gate::new(tls::enrolment(config)?, Arc::clone(registrar), config.timeout);
        // It ends with the runtime.
        tokio::spawn(gate.serve(listener));
        enrolment = Some(address);
    }
    let trust = (trust, registrar.filter(|_| config.renew));
    let region = config.region.clone();
    let desk =
        Arc::new(Desk::new(Arc::clone(&engine), signer, keys, region, config.timeout, accounts, trust));
    let mut status = None;
    if let Some(address) = config.status {
        let (listener, address) = bind(address).await?;
        let told = Status::new(Arc::clone(&desk), Arc::clone(&engine));
        // It ends with the runtime.
        tokio::spawn(told.serve(listener));
        status = Some(address);
    }
    let mut export = None;
    if let Some(address) = config.export {
        let own = Export::new(Arc::clone(&engine), export::tls(config)?, Audit::open(&config.audit)?);
        let (listener, address) = bind(address).await?;
        tokio::spawn(own.serve(listener));
        export = Some(address);
    }
    ready(Listening { batches, status, enrolment, export });
    notify::ready("no batch yet");

    let (closing, closed) = watch::channel(false);
    let visit =
        Visit { acceptor: TlsAcceptor::from(tls), desk: Arc::clone(&desk), closed, times: config.into() };
    let slots = Arc::new(Semaphore::new(config.connections));
    let mut visits = JoinSet::new();
    let mut health = Health::new();
    let woken = woken_by(stop)?;
    while !stop.is_requested() {
        tokio::select! {
            () = woken.notified() => {}
            () = sleep_until(health.next) => health.check(&desk, &*engine),
            accepted = accept(&listener, &slots) => match accepted {
                Ok((stream, slot)) => drop(visits.spawn(visit.clone().serve(stream, slot))),
                // Out of descriptors, or a client that left: wait for others to go.
                Err(error) => {
                    log::debug!("accept: {error}");
                    sleep(TICK).await;
                }
            },
            Some(_) = visits.join_next() => {}
        }
    }
    notify::stopping();
    drop(listener);
    let _ = closing.send(true);
    let finished = timeout(STOP_LIMIT, async { while visits.join_next().await.is_some() {} }).await;
    log::info!(event = "stopped"; "stopped: {}", desk.accounts.line());
    if finished.is_err() {
        log::warn!(event = "unfinished"; "some requests were not finished in time; their appliances send them again");
    }
    Ok(())
}

/// Notified when the process is asked to stop: nobody need look.
fn woken_by(stop: &Stop) -> Result<Arc<Notify>, Error> {
    let woken = Arc::new(Notify::new());
    let own = Arc::downgrade(&woken);
    stop.wake_with(move || own.upgrade().map(|woken| woken.notify_one()).is_some())
        .map_err(|source| Error::System { what: "watching signals", source })?;
    Ok(woken)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The next connection, when there is a place for it.
pub async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

#[derive(Clone, Copy)]
struct Times {
    handshake: Duration,
    idle: Duration,
}

impl From<&Config> for Times {
    fn from(config: &Config) -> Self {
        Times { handshake: config.timeout, idle: config.idle_timeout }
    }
}

/// What one connection needs.
#[derive(Clone)]
struct Visit {
    acceptor: TlsAcceptor,
    desk: Arc<Desk>,
    closed: watch::Receiver<bool>,
    times: Times,
}

impl Visit {
    async fn serve(mut self, stream: TcpStream, _slot: OwnedSemaphorePermit) {
        let handshake = self.acceptor.accept(stream).into_fallible();
        let stream = match timeout(self.times.handshake, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                self.desk.accounts.count(Outcome::Handshake);
                log::debug!("handshake: {error}");
                return linger(stream).await;
            }
            Err(_) => return self.desk.accounts.count(Outcome::Handshake),
        };
        let client = Client::of(stream.get_ref().1);
        let desk = Arc::clone(&self.desk);
        let service = service_fn(|request| desk.respond(&client, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // It runs from the end of the last request: it is the idle limit as well.
            .header_read_timeout(self.times.idle)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let served = tokio::select! {
            served = &mut connection => served,
            _ = self.closed.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            log::debug!("connection: {error}");
        }
    }
}

/// Lets the alert that says why arrive: closing with unread octets would reset the connection.
pub async fn linger(mut stream: TcpStream) {
    let _ = timeout(LINGER, async {
        stream.shutdown().await?;
        let mut rest = stream.take(MAX_LINGER);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    })
    .await;
}

/// What the service manager and the log are told, and when.
struct Health {
    watchdog: Watchdog,
    beats: u64,
    /// When it is looked next, and how long there is between two looks.
    next: Instant,
    pace: Duration,
    reported: Instant,
    refused: u64,
}

impl Health {
    fn new() -> Health {
        let (now, pace) = (Instant::now(), Health::pace());
        Health { watchdog: Watchdog::new(), beats: 0, next: now + pace, pace, reported: now, refused: 0 }
    }

    /// How often it is looked whether all that must move does, and how often that shows itself where there is no work: twice as
    /// often as the service manager must hear of it, and often enough for `/healthz`.
    fn pace() -> Duration {
        Watchdog::new().interval().map_or(PACE, |interval| (interval / 2).min(PACE))
    }

    /// Both the loop that accepts and the thread that writes must move.
    fn check(&mut self, desk: &Desk, engine: &dyn StoresOnce) {
        self.next = Instant::now() + self.pace;
        let beats = engine.pulse().beats();
        if beats != self.beats {
            self.beats = beats;
            self.watchdog.progress();
        }
        if self.reported.elapsed() >= REPORT {
            self.reported = Instant::now();
            notify::status(&desk.accounts.line());
            let refused = desk.accounts.refused();
            if refused != self.refused {
                self.refused = refused;
                log::warn!(event = "refused"; "requests were refused: {}", desk.accounts.line());
            }
        }
    }
}

/// Longest time for requests in flight when stopping.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait where nobody can be let in.
pub const TICK: Duration = Duration::from_millis(250);
/// Longest time between two looks at what must move. `/healthz` calls three times as long a silence.
const PACE: Duration = Duration::from_secs(5);
/// How often the accounts are told.
const REPORT: Duration = Duration::from_secs(60);
/// Largest request head, and largest piece of a body that is read at once, in octets.
const MAX_BUFFER: usize = 64 << 10;
/// Longest wait for a refused client to read why, and most octets of it that are thrown away.
const LINGER: Duration = Duration::from_secs(1);
const MAX_LINGER: u64 = 64 << 10;
