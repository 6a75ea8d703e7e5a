//! A sensor in the test: numbered flows, handed over as the real one does.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use headgate_record::local::{FromSensor, RECORDS_SOCKET, ToSensor};
use headgate_record::{Field, Kind, Mac, Record};
use headgate_service::frame;

use super::random::Random;

/// Hands over without pause; every flow has another number of packets.
pub struct Feeder {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    acknowledged: Mutex<BTreeSet<u64>>,
    given: AtomicU64,
    broken: AtomicU64,
    renew: AtomicBool,
    stop: AtomicBool,
}

/// What a feeder did.
pub struct Fed {
    /// Numbers that the store acknowledged.
    pub acknowledged: BTreeSet<u64>,
    /// All numbers up to this one were handed over.
    pub given: u64,
    /// Hand-overs that the store did not answer.
    pub broken: u64,
}

impl Feeder {
    pub fn start(sockets: PathBuf, random: Random) -> Feeder {
        let shared = Arc::new(Shared::default());
        let mut sender = Sender {
            shared: Arc::clone(&shared),
            sockets,
            random,
            session: 1,
            first: 1,
            sent: VecDeque::new(),
        };
        Feeder { shared, thread: std::thread::spawn(move || sender.run()) }
    }

    pub fn acknowledged(&self) -> usize {
        assert!(!self.thread.is_finished(), "the store broke its word; see above");
        self.shared.acknowledged.lock().unwrap().len()
    }

    /// The sensor is restarted: another session, and what was not acknowledged is forgotten.
    pub fn renew(&self) {
        self.shared.renew.store(true, Ordering::Release);
    }

    /// Waits until all that was handed over is acknowledged.
    pub fn finish(self) -> Fed {
        self.shared.stop.store(true, Ordering::Release);
        self.thread.join().unwrap();
        let acknowledged = std::mem::take(&mut *self.shared.acknowledged.lock().unwrap());
        let [given, broken] = [&self.shared.given, &self.shared.broken].map(|n| n.load(Ordering::Acquire));
        Fed { acknowledged, given, broken }
    }
}

struct Sender {
    shared: Arc<Shared>,
    sockets: PathBuf,
    random: Random,
    session: u8,
    /// The session's number of the first of `sent`.
    first: u64,
    /// Flows that were handed over and are not known to be committed.
    sent: VecDeque<u64>,
}

impl Sender {
    fn run(&mut self) {
        while self.converse().is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn converse(&mut self) -> io::Result<()> {
        if self.shared.renew.swap(false, Ordering::AcqRel) {
            (self.session, self.first) = (self.session + 1, 1);
            self.sent.clear();
        }
        let mut stream = UnixStream::connect(self.sockets.join(RECORDS_SOCKET))?;
        stream.set_read_timeout(Some(super::PATIENCE))?;
        frame::write(&mut stream, &FromSensor::Hello { session: [self.session; 16] }.encode())?;
        self.answer(&mut stream)?;
        loop {
            if self.shared.stop.load(Ordering::Acquire) {
                if self.sent.is_empty() {
                    return Ok(());
                }
            } else if self.sent.is_empty() {
                for _ in 0..=self.random.below(100) {
                    self.sent.push_back(self.shared.given.fetch_add(1, Ordering::AcqRel) + 1);
                }
            }
            let records = self.sent.iter().map(|n| flow(*n)).collect();
            frame::write(&mut stream, &FromSensor::Records { first: self.first, records }.encode())?;
            if self.shared.renew.load(Ordering::Acquire) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.answer(&mut stream)
                .inspect_err(|_| _ = self.shared.broken.fetch_add(1, Ordering::AcqRel))?;
            std::thread::sleep(Duration::from_micros(self.random.below(1_000)));
        }
    }

    fn answer(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        let message = frame::read(stream, 64)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let ToSensor::Committed { through } = ToSensor::decode(&message).unwrap();
        let last = self.first + self.sent.len() as u64 - 1;
        assert!(
            (self.first - 1..=last).contains(&through),
            "{through} is not in {} to {last}",
            self.first - 1
        );
        let mut acknowledged = self.shared.acknowledged.lock().unwrap();
        while self.first <= through {
            acknowledged.extend(self.sent.pop_front());
            self.first += 1;
        }
        Ok(())
    }
}

/// A flow of a device whose address is not randomised, so that it is released.
fn flow(number: u64) -> Record {
    let mut record = Record::new(Kind::Flow);
    record.set(Field::FlowMac, Mac([0, 0x1b, 0x21, 0, 0, 9])).unwrap();
    record.set(Field::FlowPackets, number).unwrap();
    record
}
