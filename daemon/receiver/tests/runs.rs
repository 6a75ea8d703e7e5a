//! Several batches in one request, into either engine.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use headgate_receiver::{Cluster, Config, Engine, Filter, Validity};
use headgate_record::batch::Batch;
use headgate_record::receipt::{Forgotten, Receipt};
use headgate_record::{Field, Kind, Record, Value, run};
use support::nats::Nats;
use support::{APPLIANCE, Client, Cloud, Server, batch};

fn run(cloud: &Cloud, batches: &[Batch]) -> Vec<u8> {
    let sealed: Vec<_> = batches.iter().map(|batch| cloud.seal(batch)).collect();
    run::join(sealed.iter().map(|sealed| &sealed[..]))
}

fn receipts(answer: &[u8]) -> Vec<&[u8]> {
    run::split(answer).unwrap().into_iter().map(|part| &answer[part]).collect()
}

fn life(cloud: &Cloud, config: Config) {
    let listed = config.clone();
    let server = Server::start(config);
    let mut client = Client::connect(server.address, &cloud.appliance());
    let mut post = |body: &[u8]| client.exchange("POST /v1/runs", body).unwrap();
    let batches: Vec<_> = (1..=16).map(batch).collect();

    let (status, answer) = post(&run(cloud, &batches[..5]));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let first: Vec<_> = receipts(&answer).iter().zip(&batches).map(|(r, b)| cloud.verify(r, b)).collect();
    assert_eq!(first.len(), 5);
    // The same again, with more behind it: the same receipts.
    let (status, answer) = post(&run(cloud, &batches));
    let again: Vec<_> = receipts(&answer).iter().zip(&batches).map(|(r, b)| cloud.verify(r, b)).collect();
    assert_eq!((status, again.len(), &again[..5]), (200, 16, &first[..]));
    // One alone says what it said in a run.
    let (_, receipt) = Client::connect(server.address, &cloud.appliance()).post(cloud, &batches[7]);
    assert_eq!(cloud.verify(&receipt, &batches[7]), again[7]);

    // What contradicts has no receipt, in a run or before one.
    let mut contrary = batch(16);
    contrary.records.truncate(1);
    let (status, answer) = post(&run(cloud, &[batch(15), contrary.clone(), batch(17)]));
    assert_eq!((status, receipts(&answer).len()), (200, 1));
    cloud.verify(receipts(&answer)[0], &batches[14]);
    assert_eq!(post(&run(cloud, &[contrary, batch(18)])).0, 409);

    // What is no run, or is not in order, or is not all the appliance's own, is refused whole.
    let stored = sequences(&listed);
    let mut other_epoch = batch(21);
    other_epoch.id.epoch -= 1;
    let mut foreign = batch(21);
    foreign.id.appliance = "site-2".into();
    let mut spoilt = run(cloud, &[batch(20), batch(21)]);
    let last = spoilt.len() - 1;
    spoilt[last] ^= 1;
    let many: Vec<_> = (20..37).map(batch).collect();
    for (body, expected) in [
        (cloud.seal(&batch(20)), 400),
        (Vec::new(), 400),
        (run(cloud, &[batch(21), batch(20)]), 400),
        (run(cloud, &[batch(20), batch(20)]), 400),
        (run(cloud, &[batch(20), other_epoch]), 400),
        (run(cloud, &many), 400),
        (spoilt, 400),
        (run(cloud, &[batch(20), foreign]), 403),
    ] {
        let (status, text) = post(&body);
        assert_eq!(status, expected, "{}", String::from_utf8_lossy(&text));
    }
    assert_eq!(sequences(&listed), stored);

    // What asks to forget is stored alone, in the middle of a run too: it concerns what comes before it and not what comes behind.
    let tls = cloud.enroll(SITE, Validity::days(9));
    let mut client = Client::connect(server.address, &tls);
    let mut asks = of_persons(3, &[]);
    asks.forget = vec![Value::Pseudonym([1; 16]).to_string()];
    let sent = [of_persons(1, &[1, 2]), of_persons(2, &[1]), asks, of_persons(4, &[1])];
    for sent in [&sent[..], &sent[1..3]] {
        let (status, answer) = client.exchange("POST /v1/runs", &run(cloud, sent)).unwrap();
        assert_eq!((status, receipts(&answer).len()), (200, sent.len()));
        for (receipt, batch) in receipts(&answer).iter().zip(sent) {
            cloud.verify(receipt, batch);
            let expected = (batch.id.sequence == 3).then_some(Forgotten { values: 1, records: 2 });
            assert_eq!(Receipt::decode(receipt).unwrap().statement.forgotten, expected);
        }
        let left = [(1, 2), (4, 1)].map(|(n, person)| (n, of_persons(n, &[person]).records[0].to_json()));
        assert_eq!(kept(&listed), left);
    }
    assert_eq!(client.exchange("GET /v1/runs", b"").unwrap().0, 405);
}

const SITE: &str = "site-3";

/// A batch of [`SITE`] with a record for each person.
fn of_persons(sequence: u64, persons: &[u8]) -> Batch {
    let records = persons.iter().map(|person| {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, Value::Pseudonym([*person; 16])).unwrap();
        record
    });
    let mut batch = batch(sequence);
    batch.id.appliance = SITE.into();
    batch.records = records.collect();
    batch
}

/// What is kept of [`SITE`], and in which batch.
fn kept(config: &Config) -> Vec<(u64, serde_json::Value)> {
    let mut out = Vec::new();
    let filter = Filter { appliance: Some(SITE.into()), kind: None };
    headgate_receiver::records(config, &filter, true, &mut out).unwrap();
    let lines = std::str::from_utf8(&out).unwrap().lines();
    let lines = lines.map(|line| line.parse::<serde_json::Value>().unwrap());
    lines.map(|line| (line["sequence"].as_u64().unwrap(), line["record"].clone())).collect()
}

fn sequences(config: &Config) -> Vec<u64> {
    let mut out = Vec::new();
    headgate_receiver::batches(config, true, &mut out).unwrap();
    let lines = std::str::from_utf8(&out).unwrap().lines();
    let lines = lines.map(|line| line.parse::<serde_json::Value>().unwrap());
    lines
        .filter(|line| line["appliance"] == APPLIANCE)
        .map(|line| line["sequence"].as_u64().unwrap())
        .collect()
}

#[test]
fn into_one_file() {
    let cloud = Cloud::new();
    life(&cloud, cloud.config());
}

#[test]
fn into_a_cluster() {
    let Some(nats) = Nats::start(3) else { return };
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.timeout = std::time::Duration::from_secs(20);
    let (credentials, authority, certificate) = (None, None, None);
    let (servers, stream) = (nats.servers(), "RUNS".to_owned());
    config.engine =
        Engine::JetStream(Cluster { servers, credentials, authority, certificate, stream, replicas: 3 });
    life(&cloud, config);
}

/// Who announces a run and sends nothing holds no more than who does so with a batch.
#[test]
fn a_run_takes_room_when_it_is_here_and_no_more_than_there_is() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.timeout = std::time::Duration::from_secs(300);
    let server = Server::start(config);
    let tls = cloud.appliance();
    // All bodies that are read at once but one.
    let stalled: Vec<_> = (1..64)
        .map(|_| {
            let mut client = Client::connect(server.address, &tls);
            client.announce("POST /v1/runs", 1_000).unwrap();
            client
        })
        .collect();
    let mut client = Client::connect(server.address, &tls);
    let batches: Vec<_> = (1..=5).map(batch).collect();
    let body = run(&cloud, &batches);
    let mut post = || {
        let (status, answer) = client.exchange("POST /v1/runs", &body).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let answered = receipts(&answer);
        answered.iter().zip(&batches).for_each(|(r, b)| assert!(cloud.verify(r, b) > 0));
        answered.len()
    };
    assert_eq!(post(), 1, "the one that there is room for");
    assert_eq!(cloud.sequences(), [1]);
    drop(stalled);
    // When the receiver sees that they are gone is its own affair.
    assert!((0..1_000).any(|_| post() == 5));
    assert_eq!(cloud.sequences(), [1, 2, 3, 4, 5]);
}
