//! Several batches in one request, into either engine.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use headgate_receiver::{Cluster, Config, Engine, Validity};
use headgate_record::batch::Batch;
use headgate_record::run;
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

    // What asks to forget is stored alone, in the middle of a run too.
    let tls = cloud.enroll("site-3", Validity::days(9));
    let mut client = Client::connect(server.address, &tls);
    let mut of_person: Vec<_> = (1..=4).map(batch).collect();
    of_person.iter_mut().for_each(|batch| batch.id.appliance = "site-3".into());
    let person = of_person[0].records[0].identifiers().next().map(|(_, value)| value.to_string());
    let mut asks = batch(3);
    asks.id.appliance = "site-3".into();
    asks.records.clear();
    asks.forget = vec![person.unwrap_or_else(|| "nobody".into())];
    let mut sent = vec![of_person[0].clone(), of_person[1].clone(), asks, of_person[3].clone()];
    let (status, answer) = client.exchange("POST /v1/runs", &run(cloud, &sent)).unwrap();
    assert_eq!((status, receipts(&answer).len()), (200, 4));
    sent.truncate(2);
    let (status, answer) = client.exchange("POST /v1/runs", &run(cloud, &sent)).unwrap();
    assert_eq!((status, receipts(&answer).len()), (200, 2));
    assert_eq!(client.exchange("GET /v1/runs", b"").unwrap().0, 405);
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
