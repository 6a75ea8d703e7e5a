//! The keeper: the one thread that owns the store, and the requests that others send to it.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headgate_record::bundle::MediumId;
use headgate_record::local::{ControlRequest, LinkState};
use headgate_record::{Class, Kind};
use headgate_service::exit::chain;
use headgate_service::notify::Watchdog;
use headgate_service::stop::Stop;
use serde_json::{Value, json};

use crate::keys::Rotation;
use crate::outbox::Taken;
use crate::peers::Answer;
use crate::prepare::Prepared;
use crate::secret::scrub_all;
use crate::status::{Peers, UplinkState, status};
use crate::store::{SHORTEST_REST, Store};
use crate::{Error, buffer, medium, query, sign};

/// What a connection asks of the keeper. A reply that is dropped means: close the connection.
pub(crate) enum Request {
    /// A signal has come: what it asks for is looked at.
    Look,
    /// A sensor says which session it is; the reply is the store's number for it, and what is committed.
    Greet { id: [u8; 16], reply: SyncSender<(u64, u64)> },
    /// A sensor hands over records; the answer is what is committed.
    HandOver(HandOver),
    /// The sensor says how its interfaces are.
    Interfaces { interfaces: Vec<(String, LinkState)> },
    /// A connection whose greeting was answered has ended.
    SensorGone,
    /// The uplink wants the oldest batch and waits so long for it.
    Next { wait: Duration, reply: SyncSender<Option<Vec<u8>>> },
    /// The uplink wants the oldest batch behind this one, if there is one and it has so few octets.
    Behind { after: u64, room: u32, reply: SyncSender<Option<Vec<u8>>> },
    /// The next batch for a medium is wanted, or why there is none.
    Carry { medium: MediumId, after: u64, reply: SyncSender<Result<Option<Vec<u8>>, String>> },
    /// A medium is written; the reply is why it is not noted, if it is not.
    Carried { medium: MediumId, through: u64, reply: SyncSender<Option<String>> },
    /// The uplink has a receipt; the reply is why it is not accepted, if it is not.
    Receipt { bytes: Vec<u8>, reply: SyncSender<Option<String>> },
    /// The uplink says that the site's own collector has taken a batch; the reply is why it is not believed, if it is not.
    Taken { taken: Taken, reply: SyncSender<Option<String>> },
    /// The uplink says how it is.
    State { connected: bool, problem: String, retry_ms: u64 },
    /// The uplink's connection has ended: what it said of itself holds no more.
    UplinkGone,
    /// The administrator asks.
    Control { request: ControlRequest, is_root: bool, reply: SyncSender<Value> },
}

/// A hand-over of a session, and where to say what is committed.
pub(crate) struct HandOver {
    pub(crate) session: u64,
    pub(crate) prepared: Prepared,
    /// Another hand-over of the session has arrived behind it, and comes as soon as it is read.
    pub(crate) has_next: bool,
    pub(crate) answer: Answer,
}

/// Serves requests until it is asked to stop and its sensor is gone, then closes the store.
pub(crate) struct Keeper {
    store: Store,
    peers: Peers,
    waiting: Vec<(Instant, SyncSender<Option<Vec<u8>>>)>,
    problems: Problems,
    structure: Option<JoinHandle<()>>,
    /// Why there is no store any more.
    broken: Option<Error>,
}

impl Keeper {
    /// A keeper of this store.
    pub(crate) fn new(store: Store) -> Keeper {
        let (peers, waiting, problems) = (Peers::default(), Vec::new(), Problems::default());
        Keeper { store, peers, waiting, problems, structure: None, broken: None }
    }

    /// Runs until `stop`, and then for at most [`SENSOR_LIMIT`] while a sensor is connected: when both are
    /// asked to stop at once, the sensor's last records find somebody who takes them.
    ///
    /// # Errors
    /// When the store cannot be closed properly, or is damaged and another cannot be begun; what was acknowledged is on disk
    /// all the same.
    pub(crate) fn run(mut self, requests: &Receiver<Request>, stop: &Stop) -> Result<(), Error> {
        let mut watchdog = Watchdog::new();
        let mut more = false;
        let mut end = None;
        loop {
            if stop.is_requested() {
                let end = *end.get_or_insert_with(|| Instant::now() + SENSOR_LIMIT);
                if self.peers.sensors == 0 || Instant::now() >= end {
                    break;
                }
            }
            watchdog.progress();
            if stop.take_reload() {
                let reloaded = self.store.reload_rules(now_ms());
                self.problems.note("rules", reloaded);
            }
            // How long there is rest costs a look at the database, which is saved while there are requests.
            let request = requests.try_recv().or_else(|_| {
                requests.recv_timeout(match (more, end) {
                    (true, _) => Duration::ZERO,
                    (false, Some(_)) => SHORTEST_REST,
                    (false, None) => self.pause(),
                })
            });
            match request {
                Ok(request) => {
                    let mut next = Some(request);
                    while let Some(request) = next.take() {
                        next = self.serve(request, requests);
                    }
                    scrub_all();
                }
                Err(RecvTimeoutError::Timeout) => self.expire_on(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            more = self.work();
            if more {
                scrub_all();
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
        }
        self.store.close()
    }

    /// Serves a request; gives the one that was found behind it while looking for others that share its commit.
    fn serve(&mut self, request: Request, requests: &Receiver<Request>) -> Option<Request> {
        // A peer that no longer waits for its reply is no problem of the keeper's.
        match request {
            Request::Look => {}
            Request::Greet { id, reply } => {
                let greeted = self.store.greet(id, now_ms());
                self.recover(&greeted);
                if let Some((session, committed)) = self.problems.note("greeting", greeted) {
                    self.peers.sensors = self.peers.sensors.saturating_add(1);
                    self.peers.committed = Some(committed);
                    let _ = reply.try_send((session, committed));
                }
            }
            Request::HandOver(first) => {
                let (group, next) = group(first, requests);
                self.hand_over(group);
                return next;
            }
            Request::Interfaces { interfaces } => self.peers.interfaces = interfaces,
            Request::SensorGone => {
                self.peers.sensors = self.peers.sensors.saturating_sub(1);
                if self.peers.sensors == 0 {
                    self.peers.interfaces.clear();
                }
            }
            Request::Next { wait, reply } => {
                let batch = self.store.hand_out(now_ms());
                self.recover(&batch);
                match self.problems.note("outbox", batch) {
                    Some(None) if !wait.is_zero() => {
                        self.waiting.push((Instant::now() + wait, reply));
                    }
                    Some(batch) => drop(reply.try_send(batch)),
                    None => {}
                }
            }
            Request::Behind { after, room, reply } => {
                let batch = self.store.hand_out_behind(after, room, now_ms());
                self.recover(&batch);
                if let Some(batch) = self.problems.note("outbox", batch) {
                    let _ = reply.try_send(batch);
                }
            }
            Request::Carry { medium, after, reply } => {
                let batch = self.store.carry(medium, after, now_ms());
                self.recover(&batch);
                if let Some(batch) = self.problems.note("bundle", batch) {
                    let _ = reply.try_send(batch.map_err(|refusal| refusal.to_string()));
                }
            }
            Request::Carried { medium, through, reply } => {
                let noted = self.store.carried(medium, through, now_ms());
                self.recover(&noted);
                if let Some(noted) = self.problems.note("bundle", noted) {
                    let _ = reply.try_send(noted.err().map(|refusal| refusal.to_string()));
                }
            }
            Request::Receipt { bytes, reply } => {
                let verdict = self.store.accept(&bytes, now_ms());
                self.recover(&verdict);
                if let Some(verdict) = self.problems.note("receipt", verdict) {
                    let refusal = verdict.err().map(|refusal| refusal.to_string());
                    if let Some(refusal) = &refusal {
                        self.problems.warn("a receipt is refused", refusal);
                    }
                    let _ = reply.try_send(refusal);
                }
            }
            Request::Taken { taken, reply } => {
                let verdict = self.store.taken(&taken, now_ms());
                self.recover(&verdict);
                if let Some(verdict) = self.problems.note("receipt", verdict) {
                    let _ = reply.try_send(verdict.err().map(|refusal| refusal.to_string()));
                }
            }
            Request::State { connected, problem, retry_ms } => {
                self.peers.uplink = Some(UplinkState { connected, problem, retry_ms, at_ms: now_ms() });
            }
            Request::UplinkGone => self.peers.uplink = None,
            Request::Control { request: ControlRequest::BufferStructure, reply, .. } => self.structure(reply),
            Request::Control { request, is_root, reply } => {
                let permitted = if is_root || !request.is_for_root() { Ok(()) } else { Err(Error::OnlyRoot) };
                let answer = match permitted.and_then(|()| self.answer(&request)) {
                    Ok(answer) => json!({ "ok": answer }),
                    Err(error) => json!({ "error": chain(&error) }),
                };
                let _ = reply.try_send(answer);
            }
        }
        None
    }

    /// Commits hand-overs of one session together. Where that fails, the sensor says them again.
    fn hand_over(&mut self, group: Vec<HandOver>) {
        let Some(session) = group.first().map(|first| first.session) else { return };
        let (prepared, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|hand_over| (hand_over.prepared, hand_over.answer)).unzip();
        let through = self.store.hand_over(session, &prepared, now_ms());
        self.recover(&through);
        if let Some(through) = self.problems.note("hand-over", through) {
            self.peers.committed = Some(through);
            answers.into_iter().for_each(|answer| answer.committed(through));
        }
    }

    fn answer(&mut self, request: &ControlRequest) -> Result<Value, Error> {
        // Persons are asked for on a full disk too, and that sees to it itself.
        if !matches!(request, ControlRequest::Subject { .. } | ControlRequest::RotateKeys { .. }) {
            let absorbed = self.store.absorb(now_ms());
            self.recover(&absorbed);
            self.problems.note("maintenance", absorbed);
        }
        match request {
            ControlRequest::Subject { who, action } => return self.store.subject(who, action, now_ms()),
            ControlRequest::RotateKeys { which } => {
                if which == "master" {
                    return self.store.rotate_master(now_ms()).map(|()| json!({ "rotated": which }));
                }
                let rotation = Rotation::from_name(which).ok_or(Error::Unusable("no such keys"))?;
                return self.store.rotate(rotation, now_ms()).map(|()| json!({ "rotated": rotation.name() }));
            }
            ControlRequest::BundleLost { medium } => return self.store.medium_lost(medium, now_ms()),
            ControlRequest::BundleReceipts { receipts, verify_only } => {
                return self.store.receipts(receipts, *verify_only, now_ms());
            }
            ControlRequest::Requests => return self.store.requests(now_ms()),
            ControlRequest::RequestDecide { id, allow } => {
                return self.store.request_decide(id, *allow, now_ms());
            }
            ControlRequest::RequestDone { id, done } => return self.store.request_done(id, *done, now_ms()),
            _ => {}
        }
        let Keeper { store, peers, problems, .. } = self;
        let db = store.connection();
        match request {
            ControlRequest::Status => status(store, peers, &problems.present, now_ms()),
            ControlRequest::Records { kind, limit } => {
                query::records(db, store.keys(), kind_of(kind)?, *limit)
            }
            ControlRequest::Preview { limit } => {
                query::preview(db, store.keys(), store.rules(), store.settings(), *limit)
            }
            ControlRequest::Ledger { limit } => query::ledger(db, store.keys(), *limit),
            ControlRequest::LedgerEntries { after } => query::ledger_entries(db, *after),
            ControlRequest::LedgerKey => Ok(json!(sign::public_key(db, store.keys())?)),
            ControlRequest::BufferStats => buffer::stats(db, store.settings()),
            ControlRequest::BufferVerify { after } => store.verify(*after, now_ms()),
            ControlRequest::BufferVerifyOutbox { after } => buffer::verify_outbox(db, store.keys(), *after),
            ControlRequest::BufferPurge { class, before_ms, count_only } => {
                let class = class.as_deref().map(class_of).transpose()?;
                store.purge(class, *before_ms, *count_only, now_ms())
            }
            ControlRequest::BufferCompact => buffer::compact(db, store.settings()),
            ControlRequest::BufferExport { kind, after, taken } => {
                let kind = kind.as_deref().map(kind_of).transpose()?;
                store.export(kind, *after, *taken, now_ms())
            }
            ControlRequest::Bundles => medium::list(db, now_ms()),
            // It has a thread of its own.
            ControlRequest::BufferStructure => Ok(Value::Null),
            // Answered above: they change something.
            ControlRequest::Subject { .. }
            | ControlRequest::RotateKeys { .. }
            | ControlRequest::BundleLost { .. }
            | ControlRequest::BundleReceipts { .. }
            | ControlRequest::Requests
            | ControlRequest::RequestDecide { .. }
            | ControlRequest::RequestDone { .. } => Err(Error::UnknownKind),
        }
    }

    /// Has the structure verified by a thread of its own, which reads as long as the file is large; one at a time.
    fn structure(&mut self, reply: SyncSender<Value>) {
        if self.structure.as_ref().is_some_and(|thread| !thread.is_finished()) {
            let _ = reply.try_send(json!({ "error": "the structure is being verified for somebody else" }));
            return;
        }
        let database = self.store.settings().database();
        let verify = move || {
            let answer = match buffer::structure(&database) {
                Ok(answer) => json!({ "ok": answer }),
                Err(error) => json!({ "error": chain(&error) }),
            };
            let _ = reply.try_send(answer);
        };
        // Where no thread can be had, the connection is closed.
        self.structure = thread::Builder::new().name("verify".into()).spawn(verify).ok();
    }

    /// Maintains, releases, and answers those who wait. Gives whether there is more to do at once.
    fn work(&mut self) -> bool {
        let maintained = self.store.maintain(now_ms());
        self.recover(&maintained);
        self.problems.note("maintenance", maintained);
        let released = self.store.release_if_due(now_ms());
        self.recover(&released);
        let released = self.problems.note("release", released).unwrap_or(false);
        if released || self.waiting.iter().any(|(until, _)| *until <= Instant::now()) {
            self.answer_waiting();
        }
        released
    }

    /// Nobody wants anything: more of what is too old goes.
    fn expire_on(&mut self) {
        let expired = self.store.expire_on(now_ms());
        self.recover(&expired);
        self.problems.note("expiry", expired);
    }

    /// How long nothing is to be done, unless somebody asks for something.
    fn pause(&self) -> Duration {
        let rest = self.store.rest(now_ms()).unwrap_or(SHORTEST_REST);
        self.waiting
            .iter()
            .map(|(until, _)| until.saturating_duration_since(Instant::now()))
            .fold(rest, Duration::min)
    }

    /// What can be mended of what failed is mended: who asked may ask again.
    fn recover<T>(&mut self, done: &Result<T, Error>) {
        let Err(failed) = done else { return };
        match self.store.recover(failed, now_ms()) {
            Err(error @ Error::Anew(_)) => self.broken = Some(error),
            recovered => drop(self.problems.note("recovery", recovered)),
        }
    }

    fn answer_waiting(&mut self) {
        let batch = self.store.hand_out(now_ms());
        self.recover(&batch);
        let Some(batch) = self.problems.note("outbox", batch) else { return self.waiting.clear() };
        let now = Instant::now();
        self.waiting.retain(|(until, reply)| {
            let keep = batch.is_none() && *until > now;
            if !keep {
                let _ = reply.try_send(batch.clone());
            }
            keep
        });
    }
}

/// A hand-over and those of its session that wait behind it, which share its commit; and the request behind these.
fn group(first: HandOver, requests: &Receiver<Request>) -> (Vec<HandOver>, Option<Request>) {
    let (session, mut octets) = (first.session, first.prepared.octets);
    let mut group = vec![first];
    while group.len() < GROUP && octets < GROUP_BYTES {
        // One that is small is read in a fraction of the time that the disk takes: it need not wait for the next commit. More are not
        // waited for: they are read while these are committed.
        let is_next_awaited = group.len() < AWAITED
            && group.last().is_some_and(|last| last.has_next && last.prepared.message.is_some());
        let next =
            if is_next_awaited { requests.recv_timeout(NEXT_LIMIT).ok() } else { requests.try_recv().ok() };
        match next {
            Some(Request::HandOver(next)) if next.session == session => {
                octets += next.prepared.octets;
                group.push(next);
            }
            Some(other) => return (group, Some(other)),
            None => break,
        }
    }
    (group, None)
}

fn kind_of(name: &str) -> Result<Kind, Error> {
    Kind::from_name(name).ok_or(Error::UnknownKind)
}

fn class_of(name: &str) -> Result<Class, Error> {
    Class::ALL.into_iter().find(|class| class.name() == name).ok_or(Error::UnknownClass)
}

/// Milliseconds since 1970 by the wall clock.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Logs what goes wrong, but not more often than [`PROBLEM_INTERVAL`]: a peer can cause it at will.
#[derive(Default)]
struct Problems {
    last: Option<Instant>,
    silent: u64,
    /// What failed and has not succeeded since, by what was done.
    present: BTreeMap<&'static str, String>,
}

impl Problems {
    fn note<T>(&mut self, at: &'static str, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => {
                self.present.remove(at);
                Some(value)
            }
            Err(error) => {
                let what = chain(&error);
                self.warn(at, &what);
                self.present.insert(at, what);
                None
            }
        }
    }

    fn warn(&mut self, at: &str, what: &str) {
        if self.last.is_some_and(|last| last.elapsed() < PROBLEM_INTERVAL) {
            self.silent += 1;
            return;
        }
        log::warn!(event = "peer_refused"; "{at}: {what} ({} like this since the last such line)", self.silent);
        (self.last, self.silent) = (Some(Instant::now()), 0);
    }
}

/// Hand-overs share a commit up to so many, and so many octets.
const GROUP: usize = 64;
const GROUP_BYTES: usize = 1 << 20;
/// A commit has so many small ones, where they are there: half of what a sensor has under way.
const AWAITED: usize = 4;
/// Longest wait for a hand-over that has arrived and is not read yet.
const NEXT_LIMIT: Duration = Duration::from_millis(2);
const PROBLEM_INTERVAL: Duration = Duration::from_secs(10);
/// How long a store that was asked to stop waits for its sensor, which itself waits five seconds at most.
const SENSOR_LIMIT: Duration = Duration::from_secs(6);
