//! Uplink and receiver, with a network between them that spoils every connection.
//!
//! `HEADGATE_TEST_BATCHES` says how many batches have to cross it (10,000 for a long run), `HEADGATE_TEST_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::assert_complete;
use super::support::feeder::Feeder;
use super::support::patience::wait_while_it_goes_on;
use super::support::proxy::{Fault, Plan, join};
use super::support::random::Random;
use super::support::{Site, wait_for};

#[test]
fn every_record_arrives_once_though_every_connection_is_spoilt() {
    let seed = Random::seed();
    eprintln!("HEADGATE_TEST_SEED={seed}");
    let given = std::env::var("HEADGATE_TEST_BATCHES").ok().and_then(|batches| batches.parse().ok());
    let wanted: usize = given.unwrap_or(BATCHES);
    let site = Site::new();
    let network = Network::before(site.receiver_address(), Random::new(seed));
    site.configure(&format!(
        "[store]\nbatch_records = 1\n[uplink]\nreceiver = \"localhost:{}\"\ntimeout = 2\n",
        network.address.port()
    ));
    let started = Instant::now();
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    let feeder = Feeder::start(site.path("run"), Random::new(seed + 1));
    wait_for("acknowledgements", || feeder.acknowledged() >= wanted);
    let fed = feeder.finish();
    wait_while_it_goes_on(&site, |status| {
        let is_over = status["waiting"] == 0 && status["outbox"]["batches"] == 0;
        (is_over, status["outbox"]["last_receipted"].as_u64().unwrap())
    });

    let received = site.received();
    let numbers: Vec<u64> = received.iter().map(|r| r["record"]["packets"].as_u64().unwrap()).collect();
    let once: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(once.len(), numbers.len(), "records arrived twice");
    assert_eq!(once, fed.acknowledged, "what arrived is what was acknowledged");
    assert_complete(&site, numbers.len());
    let batches = site.batches().len();
    assert!(batches >= wanted, "{batches}");
    let (connections, done) = network.end();
    eprintln!("{batches} batches over {connections} connections in {:.0?}: {done:?}", started.elapsed());
    // Whichever fault the last connection was about to have, the others had theirs.
    assert!(done.len() == Fault::EACH.len() || wanted < BATCHES, "{done:?}");
}

/// A proxy for one connection after the other, none of which stays whole.
struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    connections: AtomicU64,
    done: Mutex<BTreeMap<String, u64>>,
}

impl Network {
    fn before(receiver: SocketAddr, mut random: Random) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut turn = usize::try_from(random.below(4)).unwrap();
            while let Ok((client, _)) = listener.accept() {
                if known.over.load(Ordering::Acquire) {
                    return;
                }
                turn += 1;
                let (plans, shared) = (plans(&mut random, turn), Arc::clone(&known));
                shared.connections.fetch_add(1, Ordering::AcqRel);
                std::thread::spawn(move || {
                    let Ok(receiver) = TcpStream::connect(receiver) else { return };
                    let done = |fault: Fault| {
                        *shared.done.lock().unwrap().entry(format!("{fault:?}")).or_default() += 1;
                    };
                    join(&client, &receiver, &Default::default(), plans, &done);
                });
            }
        });
        Network { address, shared, thread }
    }

    /// How many connections there were, and how often each fault was done.
    fn end(self) -> (u64, BTreeMap<String, u64>) {
        self.shared.over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        self.thread.join().unwrap();
        let done = self.shared.done.lock().unwrap().clone();
        (self.shared.connections.load(Ordering::Acquire), done)
    }
}

/// A fault that nothing survives, at a random octet of one way; a delay before it, and one on the other way. One connection of
/// four is spoilt while it is set up or with its first batch. The four faults take turns, so that a short run has each.
fn plans(random: &mut Random, turn: usize) -> [Plan; 2] {
    let fatal = [Fault::Cut, Fault::HalfClose, Fault::Duplicate, Fault::Reorder];
    let fault = fatal[turn % fatal.len()];
    let life = if random.below(4) == 0 { SETTING_UP } else { LIFE };
    let at = 1 + random.below(life);
    // Octets that are alike may change places unnoticed.
    let spoilt = vec![(Fault::Delay, random.below(at)), (fault, at), (Fault::Cut, at + SETTING_UP)];
    let other = vec![(Fault::Delay, random.below(life))];
    if random.below(2) == 0 { [spoilt, other] } else { [other, spoilt] }
}

/// Batches of a usual run.
const BATCHES: usize = 200;
/// Octets of one way in which a connection is set up and a first batch is posted.
const SETTING_UP: u64 = 4_000;
/// Octets of one way of the others: one run of batches, or some of few.
const LIFE: u64 = 8_000;
