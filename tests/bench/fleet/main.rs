//! A fleet of appliances, for `tests/bench/uplink`: each has its own certificate and secret, one connection over mutual TLS 1.3, and a full outbox of
//! sealed batches that it sends as the uplink does, up to TOGETHER in a request, the next when the receipts of those before are verified.
//!
//! `fleet send DIRECTORY ADDRESS FIRST APPLIANCES BATCHES RECORDS TOGETHER [hold]` sends to the receiver whose files `headgate-receiver init`
//! made in DIRECTORY; appliances are numbered from FIRST. With `hold` all are connected before the first sends.
//! `fleet publish DIRECTORY SERVERS STREAM SENDERS BATCHES RECORDS TOGETHER` is what the former is measured by: the same octets, published with nothing
//! but async-nats, of each sender at most TOGETHER that are not acknowledged by the cluster.
// A tool for people who measure: it ends by panicking.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

#[allow(dead_code)]
#[path = "../buffers/src/office.rs"]
mod office;
mod outbox;
mod send;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream::{Config, StorageType};
use tokio::task::JoinSet;

use outbox::{Outbox, outboxes};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match arguments[..] {
        ["send", directory, address, first, appliances, batches, records, together, ref rest @ ..] => {
            let made = outboxes(
                Path::new(directory),
                number(first),
                number(appliances),
                number(batches),
                number(records),
            );
            let hold = rest == ["hold"];
            let (directory, address) = (Path::new(directory), address.parse().unwrap());
            runtime.block_on(send::all(directory, address, made, number(together), hold));
        }
        ["publish", directory, servers, stream, senders, batches, records, together] => {
            let made = outboxes(Path::new(directory), 0, number(senders), number(batches), number(records));
            runtime.block_on(publish(servers, stream, made, number(together)));
        }
        _ => panic!("see the head of tests/bench/fleet/main.rs"),
    }
}

async fn publish(servers: &str, stream: &str, made: Vec<Outbox>, together: usize) {
    let servers: Vec<String> = servers.split(',').map(|server| format!("nats://{server}")).collect();
    let client = async_nats::connect(servers).await.unwrap();
    let context = Arc::new(async_nats::jetstream::new(client));
    let config = Config {
        name: stream.into(),
        subjects: vec![format!("{stream}.>")],
        storage: StorageType::File,
        num_replicas: 3,
        ..Config::default()
    };
    context.get_or_create_stream(config).await.unwrap();
    let (batches, records) = sums(&made);
    let began = Began::now();
    let mut senders = JoinSet::new();
    for outbox in made {
        let (context, subject) = (Arc::clone(&context), format!("{stream}.{}", outbox.appliance));
        senders.spawn(async move {
            let mut under_way = VecDeque::new();
            for batch in outbox.batches {
                if under_way.len() >= together {
                    acknowledged(under_way.pop_front()).await;
                }
                under_way.push_back(context.publish(subject.clone(), batch.sealed).await.unwrap());
            }
            while let Some(next) = under_way.pop_front() {
                acknowledged(Some(next)).await;
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    report(&began, batches, records);
}

async fn acknowledged(one: Option<PublishAckFuture>) {
    one.unwrap().await.unwrap();
}

fn sums(made: &[Outbox]) -> (usize, usize) {
    let batches = made.iter().map(|outbox| outbox.batches.len()).sum();
    let records = made.iter().flat_map(|outbox| &outbox.batches).map(|batch| batch.records).sum();
    (batches, records)
}

/// When it began, and what processor time had been used by then.
pub struct Began {
    at: Instant,
    cpu_ms: u64,
}

impl Began {
    pub fn now() -> Began {
        Began { at: Instant::now(), cpu_ms: cpu_ms() }
    }
}

/// Processor time of this process, user and system (proc(5), in ticks of 10 ms).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| 10 * ticks.parse::<u64>().unwrap()).sum()
}

fn report(began: &Began, batches: usize, records: usize) {
    let (us, cpu_ms) = (began.at.elapsed().as_micros(), cpu_ms() - began.cpu_ms);
    println!("{{\"us\": {us}, \"cpu_ms\": {cpu_ms}, \"batches\": {batches}, \"records\": {records}}}");
}
