//! Between a client and the receiver: spoils one connection at one octet.

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToReceiver,
    ToClient,
}

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
            for stream in [&client, &receiver] {
                stream.set_nodelay(true).unwrap();
            }
            let spoil = |of| if of == way { Some((fault, at)) } else { None };
            std::thread::scope(|scope| {
                scope.spawn(|| pass(&client, &receiver, &counted[0], spoil(Way::ToReceiver)));
                scope.spawn(|| pass(&receiver, &client, &counted[1], spoil(Way::ToClient)));
            });
        });
        Proxy { address, passed, thread }
    }

    /// How many octets went each way, when both have ended.
    pub fn end(self) -> [u64; 2] {
        self.thread.join().unwrap();
        [0, 1].map(|way: usize| self.passed[way].load(Ordering::Acquire))
    }
}

/// Passes on what comes until one of the two has ended, or the fault ends it.
fn pass(mut from: &TcpStream, mut to: &TcpStream, passed: &AtomicU64, spoil: Option<(Fault, u64)>) {
    let mut spoil = spoil;
    let (mut part, mut last) = ([0; 1 << 14], None);
    loop {
        let before = passed.load(Ordering::Acquire);
        if let Some((fault, at)) = spoil
            && before == at
        {
            spoil = None;
            match fault {
                Fault::Cut => {
                    let _ = from.shutdown(Shutdown::Both);
                    let _ = to.shutdown(Shutdown::Both);
                    break;
                }
                Fault::HalfClose => break,
                Fault::Delay => std::thread::sleep(Duration::from_millis(5)),
                Fault::Duplicate => drop(to.write_all(last.as_slice())),
            }
        }
        let most = spoil.map_or(u64::MAX, |(_, at)| at - before);
        let room = usize::try_from(most).unwrap_or(usize::MAX).min(part.len());
        let Ok(length @ 1..) = from.read(&mut part[..room]) else { break };
        if to.write_all(&part[..length]).is_err() {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
        passed.fetch_add(u64::try_from(length).unwrap(), Ordering::AcqRel);
        last = Some(part[length - 1]);
    }
    let _ = to.shutdown(Shutdown::Write);
}
