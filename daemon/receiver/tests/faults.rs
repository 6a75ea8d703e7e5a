//! A network that spoils an upload at every octet, either way.
//!
//! By default each fault is tried at one octet of [`STEP`], from another one on in each run, so that all of them are in some run.
//! `HEADGATE_TEST_OCTET_STEP=1` tries every octet in one run, about 24,000 uploads; `HEADGATE_TEST_SEED` repeats a run.

#[cfg(test)]
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headgate_receiver::Filter;
use support::proxy::{Fault, Proxy, Way};
use support::status::{ask, samples, watched};
use support::{Client, Cloud, Server, batch};

/// Batches under way at once: where a length was spoilt one waits for the receiver's patience to end.
const AT_ONCE: usize = 8;

/// Of how many octets one is tried.
const STEP: usize = 7;

/// For each octet tried and each fault a batch of its own: spoilt first, then sent again over a connection that is sound.
#[test]
fn an_upload_that_is_spoilt_at_any_octet_is_stored_once_and_receipted() {
    let cloud = Cloud::new();
    let server = Server::start(watched(&cloud));
    let tls = cloud.appliance();
    // One that nothing is done to; of the signatures in a handshake some are some octets longer.
    let proxy = Proxy::to(server.address, Fault::Cut, Way::ToReceiver, u64::MAX);
    let mut client = Client::connect(proxy.address, &tls);
    assert_eq!(client.post(&cloud, &batch(1)).0, 200);
    drop(client);
    let [to_receiver, to_client] = proxy.end().map(|octets| octets + 8);
    let mut cases = Vec::new();
    let step = given("HEADGATE_TEST_OCTET_STEP").map_or(STEP, |step| usize::try_from(step).unwrap().max(1));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = given("HEADGATE_TEST_SEED").unwrap_or_else(|| now.subsec_nanos().into());
    println!("HEADGATE_TEST_SEED={seed}");
    for (fault, turn) in Fault::EACH.into_iter().zip(0_u64..) {
        // Another octet for each fault.
        let first = usize::try_from(seed.wrapping_add(turn)).unwrap() % step;
        let ways = [(Way::ToReceiver, to_receiver), (Way::ToClient, to_client)];
        for (way, octets) in ways {
            cases.extend((0..octets).skip(first).step_by(step).map(|at| (fault, way, at)));
        }
    }

    let (next, spoilt) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut sound = Client::connect(server.address, &tls);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(fault, way, at)) = cases.get(usize::try_from(number).unwrap()) else { return };
                    let batch = batch(number + 2);
                    let proxy = Proxy::to(server.address, fault, way, at);
                    let patience = Duration::from_secs(if fault == Fault::Delay { 60 } else { 1 });
                    let mut client = Client::patient(proxy.address, &tls, patience);
                    let first = client.exchange("POST /v1/batches", &cloud.seal(&batch)).ok();
                    drop(client);
                    proxy.end();
                    let (status, receipt) = sound.post(&cloud, &batch);
                    assert_eq!(status, 200, "{fault:?} {way:?} {at}");
                    cloud.verify(&receipt, &batch);
                    match first {
                        Some((200, first)) => {
                            assert_eq!(first, receipt, "{fault:?} {way:?} {at}: one receipt")
                        }
                        _ => {
                            assert!(fault != Fault::Delay, "{way:?} {at}: {first:?}");
                            spoilt.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });

    let batches = u64::try_from(cases.len()).unwrap() + 1;
    let mut sequences = cloud.sequences();
    sequences.dedup();
    assert_eq!(sequences, (1..=batches).collect::<Vec<_>>());
    assert_eq!(u64::try_from(cloud.records(&Filter::default()).len()).unwrap(), 2 * batches);
    let samples = samples(&ask(server.status.unwrap(), "GET /metrics").2);
    let count =
        |outcome: &str| samples[&format!("counter headgate_receiver_batches_total outcome={outcome}")];
    let spoilt = u32::try_from(spoilt.into_inner()).unwrap();
    let stored_unsaid = count("repeated") - (batches - 1 - u64::from(spoilt)) as f64;
    println!(
        "{batches} batches, {spoilt} uploads spoilt, {stored_unsaid} of them stored without the client knowing"
    );
    assert!(stored_unsaid > 0.0 && f64::from(spoilt) > stored_unsaid);
    assert_eq!(count("stored"), batches as f64);
    assert_eq!(samples["gauge headgate_receiver_appliance_missing_batches appliance=site-1"], 0.0);
}

/// A number of the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}
