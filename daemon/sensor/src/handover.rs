//! Handing records to the store.
//!
//! Capture never waits: a record goes into a bounded queue, and a thread of its own sends the queue to
//! the store. When the queue is full the least valuable class gives way and the loss is counted. A
//! record leaves the queue only when the store has committed it; after a broken connection the records
//! that were not committed are said again, under the same numbers. A hand-over that is full does not wait for the answer of the
//! one before: the store reads it while it commits the other.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use headgate_record::local::{FromSensor, LinkState, MAX_HANDOVER, RECORDS_SOCKET, ToSensor};
use headgate_record::{Class, Kind, Record, codec};
use headgate_service::frame;

/// Most records that wait for the store.
pub const MAX_QUEUE: usize = 65_536;
/// Most octets that they have, encoded.
pub const MAX_QUEUE_OCTETS: usize = 64 << 20;
/// Most octets of one hand-over; with one more record it still fits a message.
const MAX_SENT_OCTETS: usize = 4 << 20;
/// Most hand-overs that wait for their answers.
const IN_FLIGHT: usize = 8;
/// Records that are added at a time of what can wait; of eight threads together no more than the other half of the queue.
const ADDED_AT_ONCE: usize = 4_096;
/// Octets of most records.
const USUAL_OCTETS: usize = 512;
/// Largest answer of the store.
const MAX_ANSWER: usize = 64;
/// The store has failed when it says nothing for so long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait before a new connection: the first, and the longest.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The queue and its thread.
pub struct Handover {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was added, removed or asked for.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Records by class, in the order of [`Class::ALL`].
    waiting: [VecDeque<Encoded>; 3],
    /// Records that have numbers and are not known to be committed; the first has number `first`.
    sent: VecDeque<Encoded>,
    first: u64,
    /// How many of these each hand-over has that this connection has said and that has no answer yet.
    in_flight: VecDeque<usize>,
    /// Octets of all records here.
    octets: usize,
    dropped: [u64; 3],
    closing: bool,
    connected: bool,
    /// How the interfaces are, and whether the store has been told.
    interfaces: Vec<(String, LinkState)>,
    interfaces_said: bool,
}

/// A record as it waits: its octets take a fraction of its room.
type Encoded = Arc<[u8]>;

impl Handover {
    /// Starts the thread. `sockets` is the socket directory.
    ///
    /// # Errors
    /// When the system gives no thread or no random numbers.
    pub fn start(sockets: &Path) -> io::Result<Handover> {
        let queue = Mutex::new(Queue { first: 1, ..Queue::default() });
        let shared = Arc::new(Shared { queue, changed: Condvar::new() });
        let socket = sockets.join(RECORDS_SOCKET);
        let mut sender = Sender { shared: Arc::clone(&shared), socket, session: draw()?, progress: true };
        let thread = std::thread::Builder::new().name("handover".into()).spawn(move || sender.run())?;
        Ok(Handover { shared, thread: Some(thread) })
    }

    /// Adds records without waiting. A full queue gives up a record of the lowest class for each, which may be
    /// the new one, and counts it.
    pub fn push(&self, records: impl IntoIterator<Item = Record>) {
        let encoded: Vec<_> = records.into_iter().map(|record| encoded(&record)).collect();
        // Whoever waits is woken once for all, and not where there is nothing.
        if !encoded.is_empty() {
            let mut queue = self.shared.lock();
            encoded.into_iter().for_each(|(class, record)| queue.push(class, record));
            drop(queue);
            self.shared.changed.notify_all();
        }
    }

    /// Adds a record, waiting while the queue is full: for files, which can wait. Gives up when `stop`
    /// says so, and counts the record as dropped.
    pub fn push_waiting(&self, record: Record, stop: &dyn Fn() -> bool) {
        let (class, record) = encoded(&record);
        let mut queue = self.shared.lock();
        while queue.is_full() && !stop() {
            queue = self.shared.wait(queue, Duration::from_millis(100));
        }
        queue.push(class, record);
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// How many records are to be added at a time of what can wait elsewhere: none while the queue is half full, so that what cannot wait has
    /// room.
    pub(crate) fn room(&self) -> usize {
        let queue = self.shared.lock();
        let is_half_full = queue.len() >= MAX_QUEUE / 2 || queue.octets >= MAX_QUEUE_OCTETS / 2;
        if is_half_full { 0 } else { ADDED_AT_ONCE }
    }

    /// Records dropped by class since the last call, in the order of [`Class::ALL`].
    #[must_use]
    pub fn take_dropped(&self) -> [u64; 3] {
        std::mem::take(&mut self.shared.lock().dropped)
    }

    /// Tells the store how the interfaces are, at once and on each new connection.
    pub(crate) fn say_interfaces(&self, interfaces: Vec<(String, LinkState)>) {
        let mut queue = self.shared.lock();
        queue.interfaces = interfaces;
        queue.interfaces_said = false;
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Whether the store is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.lock().connected
    }

    /// Waits until the store has committed everything, `stop` says to stop, or `limit` has passed;
    /// then ends the thread. Returns how many records were not committed, with those that were dropped
    /// since [`Handover::take_dropped`].
    #[must_use]
    pub fn finish(mut self, limit: Duration, stop: &dyn Fn() -> bool) -> usize {
        let deadline = Instant::now() + limit;
        let mut queue = self.shared.lock();
        while queue.len() > 0 && !stop() && Instant::now() < deadline {
            queue = self.shared.wait(queue, Duration::from_millis(100));
        }
        let left = queue.len();
        queue.closing = true;
        drop(queue);
        self.shared.changed.notify_all();
        if left == 0
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        left
    }
}

impl Shared {
    /// A thread that panicked left no half-done change behind: every change is one statement.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, and for nothing else.
    fn wait_for_change<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>, limit: Duration) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, limit).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.sent.len() + self.waiting.iter().map(VecDeque::len).sum::<usize>()
    }

    fn is_full(&self) -> bool {
        self.len() >= MAX_QUEUE || self.octets >= MAX_QUEUE_OCTETS
    }

    fn push(&mut self, class: Class, record: Encoded) {
        if self.is_full() {
            // The lowest class that has a waiting record gives up its oldest; what was sent stays.
            let lowest = Class::ALL.into_iter().zip(&mut self.waiting).zip(&mut self.dropped);
            let mut given_up = false;
            for ((candidate, waiting), dropped) in lowest {
                if candidate <= class
                    && let Some(old) = waiting.pop_front()
                {
                    *dropped += 1;
                    self.octets = self.octets.saturating_sub(old.len());
                    given_up = true;
                    break;
                }
            }
            if !given_up {
                self.count_dropped(class);
                return;
            }
        }
        for (candidate, waiting) in Class::ALL.into_iter().zip(&mut self.waiting) {
            if candidate == class {
                self.octets += record.len();
                waiting.push_back(record);
                return;
            }
        }
    }

    fn count_dropped(&mut self, class: Class) {
        for (candidate, dropped) in Class::ALL.into_iter().zip(&mut self.dropped) {
            *dropped += u64::from(candidate == class);
        }
    }

    /// The next hand-over, if there is one to be said now: number of its first record, and its records. Waiting records get their
    /// numbers by this, the most valuable class first. Behind another only one follows that is full.
    fn next(&mut self) -> Option<(u64, Vec<Encoded>)> {
        if self.in_flight.len() >= IN_FLIGHT {
            return None;
        }
        let said: usize = self.in_flight.iter().sum();
        let (mut count, mut octets) = (0, 0);
        let is_full = |count: usize, octets: usize| count >= MAX_HANDOVER || octets >= MAX_SENT_OCTETS;
        while !is_full(count, octets) {
            let next = match self.sent.get(said + count) {
                Some(numbered) => numbered,
                None => {
                    let Some(next) = self.waiting.iter_mut().rev().find_map(VecDeque::pop_front) else {
                        break;
                    };
                    self.sent.push_back(next);
                    continue;
                }
            };
            count += 1;
            octets += next.len();
        }
        if count == 0 || !self.in_flight.is_empty() && !is_full(count, octets) {
            return None;
        }
        self.in_flight.push_back(count);
        let records = self.sent.iter().skip(said).take(count).map(Arc::clone).collect();
        Some((self.first + u64::try_from(said).unwrap_or(u64::MAX), records))
    }

    /// Takes note of an answer. An answer that cannot be true gives nothing.
    fn committed(&mut self, through: u64) -> Option<Answer> {
        let next = self.first + u64::try_from(self.sent.len()).unwrap_or(u64::MAX);
        if through >= next {
            return None;
        }
        if through + 1 < self.first {
            return Some(Answer::Forgotten);
        }
        let progress = self.first <= through;
        while self.first <= through {
            if let Some(gone) = self.sent.pop_front() {
                self.octets = self.octets.saturating_sub(gone.len());
            }
            self.first += 1;
            let answered = self.in_flight.front_mut().is_some_and(|left| {
                *left = left.saturating_sub(1);
                *left == 0
            });
            if answered {
                self.in_flight.pop_front();
            }
        }
        Some(if progress { Answer::Progress } else { Answer::Same })
    }
}

/// What an answer of the store means.
#[derive(Debug, PartialEq)]
enum Answer {
    /// Records were committed.
    Progress,
    /// Nothing new.
    Same,
    /// The store has lost what it once acknowledged: its database was replaced, or it has forgotten the
    /// session. What it once had is not ours to say again; what was not committed gets new numbers.
    Forgotten,
}

struct Sender {
    shared: Arc<Shared>,
    socket: PathBuf,
    session: [u8; 16],
    /// Whether anything was committed since the last failure.
    progress: bool,
}

impl Sender {
    fn run(&mut self) {
        let mut wait = RECONNECT.0;
        loop {
            let problem = match self.converse() {
                Ok(()) => return,
                Err(problem) => problem,
            };
            self.shared.lock().connected = false;
            // Said once, until records move again.
            if std::mem::replace(&mut self.progress, false) {
                log::warn!(event = "store_away"; "the store is away ({}); records wait", problem.kind());
                wait = RECONNECT.0;
            } else {
                log::debug!("no store: {problem}");
            }
            let since = Instant::now();
            let mut queue = self.shared.lock();
            while !queue.closing && since.elapsed() < wait {
                queue = self.shared.wait(queue, wait);
            }
            if queue.closing {
                return;
            }
            drop(queue);
            wait = (wait * 2).min(RECONNECT.1);
        }
    }

    /// One connection. Ends without an error when the queue is closing.
    fn converse(&mut self) -> io::Result<()> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        frame::write(&mut stream, &FromSensor::Hello { session: self.session }.encode())?;
        self.answer(&mut stream)?;
        {
            let mut queue = self.shared.lock();
            queue.connected = true;
            queue.in_flight.clear();
            queue.interfaces_said = queue.interfaces.is_empty();
        }
        log::debug!("connected to the store");
        loop {
            let message = {
                let mut queue = self.shared.lock();
                if !queue.interfaces_said {
                    queue.interfaces_said = true;
                    Some(FromSensor::Interfaces(queue.interfaces.clone()))
                } else if let Some((first, records)) = queue.next() {
                    drop(queue);
                    Some(message(first, &records))
                } else if !queue.in_flight.is_empty() {
                    None
                } else if queue.closing {
                    return Ok(());
                } else {
                    drop(self.shared.wait_for_change(queue));
                    continue;
                }
            };
            match message {
                Some(message) => frame::write(&mut stream, &message.encode())?,
                None => self.answer(&mut stream)?,
            }
        }
    }

    fn answer(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        let Some(message) = frame::read(stream, MAX_ANSWER)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let ToSensor::Committed { through } = ToSensor::decode(&message).map_err(io::Error::other)?;
        let answer = self.shared.lock().committed(through).ok_or(io::ErrorKind::InvalidData)?;
        self.shared.changed.notify_all();
        match answer {
            Answer::Same => Ok(()),
            Answer::Progress => {
                if !std::mem::replace(&mut self.progress, true) {
                    log::info!(event = "store_connected"; "the store takes records");
                }
                Ok(())
            }
            Answer::Forgotten => {
                self.session = draw()?;
                self.shared.lock().first = 1;
                log::warn!(event = "session_renewed"; "the store does not know this session any more; a new one begins");
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

/// A record as it waits, with its class.
fn encoded(record: &Record) -> (Class, Encoded) {
    let mut octets = Vec::with_capacity(USUAL_OCTETS);
    codec::put_record(record, &mut octets);
    (record.kind().class(), octets.into())
}

/// The message of these records.
fn message(first: u64, records: &[Encoded]) -> FromSensor {
    // What was a record is one; were it not so, one of nothing has its number, and no other record takes that.
    let record = |octets: &Encoded| codec::decode_one(octets).unwrap_or(Record::new(Kind::Counters));
    FromSensor::Records { first, records: records.iter().map(record).collect() }
}

/// The name of a session.
fn draw() -> io::Result<[u8; 16]> {
    let mut session = [0; 16];
    getrandom::fill(&mut session).map_err(io::Error::other)?;
    Ok(session)
}

#[cfg(test)]
mod tests;
