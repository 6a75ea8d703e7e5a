//! Between a client and the receiver: spoils a connection at chosen octets.
//!
//! `tests/outage.rs` uses it too, between the real programs: nothing of this crate is named here.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both ways end.
    Cut,
    /// This way ends, the other stays open.
    HalfClose,
    /// What follows comes later.
    Delay,
    /// The octet before comes twice.
    Duplicate,
    /// Of what comes next the second half overtakes the first; of a single octet, what comes behind it, should anything.
    Reorder,
}

impl Fault {
    pub const EACH: [Fault; 5] =
        [Fault::Cut, Fault::HalfClose, Fault::Delay, Fault::Duplicate, Fault::Reorder];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToReceiver,
    ToClient,
}

/// What is done to one way of a connection: faults, each when so many octets have gone, in this order.
pub type Plan = Vec<(Fault, u64)>;

/// A proxy of one connection.
pub struct Proxy {
    pub address: SocketAddr,
    passed: Arc<[AtomicU64; 2]>,
    thread: JoinHandle<()>,
}

impl Proxy {
    /// Leads to `receiver`, and does `fault` when so many octets have gone this way.
    pub fn to(receiver: SocketAddr, fault: Fault, way: Way, at: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::<[AtomicU64; 2]>::default();
        let counted = Arc::clone(&passed);
        let thread = std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let receiver = TcpStream::connect(receiver).unwrap();
            let plans = match way {
                Way::ToReceiver => [vec![(fault, at)], Vec::new()],
                Way::ToClient => [Vec::new(), vec![(fault, at)]],
            };
            join(&client, &receiver, &counted, plans, &|_| {});
        });
        Proxy { address, passed, thread }
    }

    /// How many octets went each way, when both have ended.
    pub fn end(self) -> [u64; 2] {
        self.thread.join().unwrap();
        [0, 1].map(|way: usize| self.passed[way].load(Ordering::Acquire))
    }
}

/// Passes on both ways until both have ended, each as its plan has it; `done` hears of each fault that was done.
pub fn join(
    client: &TcpStream,
    receiver: &TcpStream,
    passed: &[AtomicU64; 2],
    plans: [Plan; 2],
    done: &(dyn Fn(Fault) + Sync),
) {
    for stream in [client, receiver] {
        stream.set_nodelay(true).unwrap();
    }
    let [up, down] = plans;
    std::thread::scope(|scope| {
        scope.spawn(|| pass(client, receiver, &passed[0], up, done));
        scope.spawn(|| pass(receiver, client, &passed[1], down, done));
    });
}

/// Passes on what comes until one of the two has ended, or a fault ends it.
fn pass(
    mut from: &TcpStream,
    mut to: &TcpStream,
    passed: &AtomicU64,
    plan: Plan,
    done: &(dyn Fn(Fault) + Sync),
) {
    let mut plan = plan.into_iter().peekable();
    let (mut part, mut last) = ([0; 1 << 14], None);
    loop {
        let before = passed.load(Ordering::Acquire);
        let fault = plan.next_if(|(_, at)| *at == before).map(|(fault, _)| fault);
        if let Some(fault) = fault {
            match fault {
                Fault::Cut => {
                    done(fault);
                    let _ = from.shutdown(Shutdown::Both);
                    let _ = to.shutdown(Shutdown::Both);
                    break;
                }
                Fault::HalfClose => {
                    done(fault);
                    break;
                }
                Fault::Delay => std::thread::sleep(Duration::from_millis(5)),
                Fault::Duplicate => drop(to.write_all(last.as_slice())),
                Fault::Reorder => {}
            }
        }
        let most = plan.peek().map_or(u64::MAX, |(_, at)| at - before);
        let room = usize::try_from(most).unwrap_or(usize::MAX).min(part.len());
        let Ok(mut length @ 1..) = from.read(&mut part[..room]) else { break };
        if fault == Some(Fault::Reorder) {
            if length == 1 {
                length += next_within(from, &mut part[1..room], TOGETHER);
            }
            part[..length].rotate_left(length / 2);
        }
        if to.write_all(&part[..length]).is_err() {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
        if let Some(fault) = fault {
            done(fault);
        }
        passed.fetch_add(u64::try_from(length).unwrap(), Ordering::AcqRel);
        last = Some(part[length - 1]);
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// What comes within a time: nothing where the other end waits for an answer first.
fn next_within(mut from: &TcpStream, part: &mut [u8], time: Duration) -> usize {
    if part.is_empty() {
        return 0;
    }
    from.set_read_timeout(Some(time)).unwrap();
    // Whoever has ended is noticed at the next octet.
    let length = from.read(part).unwrap_or(0);
    from.set_read_timeout(None).unwrap();
    length
}

/// How long a single octet waits for one to change places with.
const TOGETHER: Duration = Duration::from_millis(20);
