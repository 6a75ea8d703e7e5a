//! A store's outbox as the contract of `headgate_record::local` has it, in memory, on a real socket.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use headgate_record::batch::{Batch, digest};
use headgate_record::bundle::MediumId;
use headgate_record::local::{FromUplink, MAX_MESSAGE_BYTES, ToUplink};
use headgate_record::receipt::Receipt;
use headgate_record::sealed::Sealed;
use headgate_service::frame;

/// Hands out batches until it is dropped.
pub struct Store {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    refuse: AtomicBool,
    /// Of which batch no receipt is accepted; 0: of none.
    refused: AtomicU64,
    /// Whether it is of a package that knew of no runs.
    is_of_before: AtomicBool,
    /// Whether it is of a package that knew of no room.
    knows_no_room: AtomicBool,
    /// How often it was asked what it does not know.
    unknown: AtomicU64,
    outbox: Mutex<VecDeque<(Sealed, Vec<u8>)>>,
    /// Media that were written, and up to which batch.
    carried: Mutex<Vec<(MediumId, u64)>>,
    /// Sequences of the batches that were handed out to be sent, each time.
    given: Mutex<Vec<u64>>,
    receipted: Mutex<Vec<u64>>,
    taken: Mutex<Vec<u64>>,
    states: Mutex<Vec<(bool, String, u64)>>,
}

impl Store {
    pub fn start(socket: &Path) -> Store {
        super::remove(socket);
        let listener = UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !served.stop.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((stream, _)) => served.serve(stream),
                    Err(_) => std::thread::sleep(TICK),
                }
            }
        });
        Store { shared, thread: Some(thread) }
    }

    /// Hands out octets that are not sealed, as for a collector.
    pub fn push_as_it_is(&self, id: &Sealed, octets: Vec<u8>) {
        self.shared.outbox.lock().unwrap().push_back((id.clone(), octets));
    }

    pub fn push(&self, batch: &Sealed) {
        self.shared.outbox.lock().unwrap().push_back((batch.clone(), batch.encode()));
    }

    /// A batch for a collector, which reads it.
    pub fn push_open(&self, batch: &Batch) {
        let stand_in = super::batch(batch.id.sequence);
        self.shared.outbox.lock().unwrap().push_back((stand_in, batch.encode().unwrap()));
    }

    /// Sequences of the batches that a collector took.
    pub fn taken(&self) -> Vec<u64> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Media that were written, and up to which batch.
    pub fn carried(&self) -> Vec<(MediumId, u64)> {
        self.shared.carried.lock().unwrap().clone()
    }

    /// From now on no receipt is accepted, or again.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refuse.store(refuse, Ordering::Release);
    }

    /// From now on no receipt of this batch is accepted; 0: of all again.
    pub fn refuse_one(&self, sequence: u64) {
        self.shared.refused.store(sequence, Ordering::Release);
    }

    /// From now on it is one that knows of no runs.
    pub fn know_no_runs(&self) {
        self.shared.is_of_before.store(true, Ordering::Release);
    }

    /// From now on it is one that knows of no room.
    pub fn know_no_room(&self) {
        self.shared.knows_no_room.store(true, Ordering::Release);
    }

    /// How often it left because it was asked what it does not know.
    pub fn unknown(&self) -> u64 {
        self.shared.unknown.load(Ordering::Acquire)
    }

    /// Sequences of the batches that were handed out to be sent, each time.
    pub fn given(&self) -> Vec<u64> {
        self.shared.given.lock().unwrap().clone()
    }

    /// Sequences of the batches with a receipt, in the order of the receipts.
    pub fn receipted(&self) -> Vec<u64> {
        self.shared.receipted.lock().unwrap().clone()
    }

    pub fn states(&self) -> Vec<(bool, String, u64)> {
        self.shared.states.lock().unwrap().clone()
    }

    pub fn has_state(&self, text: &str) -> bool {
        self.states().iter().any(|(_, problem, _)| problem.contains(text))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, mut stream: UnixStream) {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(TICK)).unwrap();
        while !self.stop.load(Ordering::Acquire) {
            let message = match frame::read(&mut stream, MAX_MESSAGE_BYTES) {
                Ok(Some(message)) => message,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
                _ => return,
            };
            let message = FromUplink::decode(&message).unwrap();
            let is_unknown = matches!(message, FromUplink::Behind { .. });
            if is_unknown && self.is_of_before.load(Ordering::Acquire) {
                self.unknown.fetch_add(1, Ordering::AcqRel);
                return;
            }
            let answer = self.answer(message);
            if frame::write(&mut stream, &answer.encode()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, message: FromUplink) -> ToUplink {
        match message {
            FromUplink::Next { wait_ms } => self.next(Duration::from_millis(wait_ms.into())),
            FromUplink::State { connected, problem, retry_ms } => {
                self.states.lock().unwrap().push((connected, problem, retry_ms));
                ToUplink::Accepted
            }
            FromUplink::Carry { after, .. } => {
                let outbox = self.outbox.lock().unwrap();
                let next = outbox.iter().find(|(batch, _)| batch.id.sequence > after);
                next.map_or(ToUplink::Empty, |(_, bytes)| ToUplink::Batch(bytes.clone()))
            }
            FromUplink::Behind { after, room } => {
                let outbox = self.outbox.lock().unwrap();
                let next = outbox.iter().find(|(batch, _)| batch.id.sequence > after);
                let room = usize::try_from(room).unwrap();
                let next = next
                    .filter(|(_, bytes)| bytes.len() <= room || self.knows_no_room.load(Ordering::Acquire));
                next.map_or(ToUplink::Empty, |next| self.give(next))
            }
            FromUplink::Taken { sequence, digest: taken, .. } => {
                let (_, bytes) = self.outbox.lock().unwrap().pop_front().unwrap();
                assert_eq!(taken, digest(&bytes));
                self.taken.lock().unwrap().push(sequence);
                ToUplink::Accepted
            }
            FromUplink::Carried { .. } if self.refuse.load(Ordering::Acquire) => {
                ToUplink::Refused { reason: "no batch was put on this medium".into() }
            }
            FromUplink::Carried { medium, through } => {
                self.carried.lock().unwrap().push((medium, through));
                ToUplink::Accepted
            }
            FromUplink::Receipt(_) if self.refuse.load(Ordering::Acquire) => {
                ToUplink::Refused { reason: "signature does not verify".into() }
            }
            FromUplink::Receipt(receipt) => {
                let statement = Receipt::decode(&receipt).unwrap().statement;
                if statement.id.sequence == self.refused.load(Ordering::Acquire) {
                    return ToUplink::Refused { reason: "signature does not verify".into() };
                }
                let mut outbox = self.outbox.lock().unwrap();
                let place = outbox.iter().position(|(batch, _)| batch.id == statement.id).unwrap();
                let (batch, bytes) = outbox.remove(place).unwrap();
                assert_eq!((&statement.id, statement.digest), (&batch.id, digest(&bytes)));
                self.receipted.lock().unwrap().push(batch.id.sequence);
                ToUplink::Accepted
            }
        }
    }

    fn give(&self, (batch, bytes): &(Sealed, Vec<u8>)) -> ToUplink {
        self.given.lock().unwrap().push(batch.id.sequence);
        ToUplink::Batch(bytes.clone())
    }

    fn next(&self, wait: Duration) -> ToUplink {
        let limit = Instant::now() + wait;
        while Instant::now() < limit && !self.stop.load(Ordering::Acquire) {
            if let Some(next) = self.outbox.lock().unwrap().front() {
                return self.give(next);
            }
            std::thread::sleep(TICK);
        }
        ToUplink::Empty
    }
}

const TICK: Duration = Duration::from_millis(20);
