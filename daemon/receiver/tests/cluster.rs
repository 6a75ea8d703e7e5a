//! Receivers that keep nothing themselves, before a cluster of nats-server on loopback.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use headgate_receiver::{Cluster, Config, Engine, Filter, Validity};
use headgate_record::batch::{Batch, digest};
use headgate_record::receipt::{Receipt, Statement};
use headgate_record::{Field, Kind, Record};
use headgate_service::exit::{CONFIG, Exit};
use nkeys::KeyPair;
use support::medium::{Medium, batches};
use support::nats::{Nats, place};
use support::status::{ask, samples};
use support::{APPLIANCE, Client, Cloud, Server, Tls, batch};

fn engine(nats: &Nats, stream: &str, replicas: usize) -> Engine {
    let (credentials, authority, certificate) = (None, None, None);
    let (servers, stream) = (nats.servers(), stream.to_owned());
    Engine::JetStream(Cluster { servers, credentials, authority, certificate, stream, replicas })
}

/// A cluster may be without a leader for a moment.
fn listed(config: &Config) -> Vec<serde_json::Value> {
    let (mut out, began) = (Vec::new(), Instant::now());
    while let Err(error) = headgate_receiver::batches(config, true, &mut out) {
        assert!(began.elapsed() < Duration::from_secs(60), "{error:?}");
        out.clear();
        std::thread::sleep(Duration::from_millis(100));
    }
    std::str::from_utf8(&out).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

fn records(config: &Config) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    headgate_receiver::records(config, &Filter::default(), true, &mut out).unwrap();
    std::str::from_utf8(&out).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// Posts until there is an answer that is final: a receiver may be away, and a cluster without a leader for a moment.
fn post(cloud: &Cloud, tls: &Tls, addresses: &[SocketAddr], batch: &Batch) -> (u16, Vec<u8>) {
    let sealed = cloud.seal(batch);
    for attempt in 0..2_000 {
        let address = addresses[attempt % addresses.len()];
        let answer = Client::try_connect(address, tls, Duration::from_secs(30))
            .and_then(|mut client| client.exchange("POST /v1/batches", &sealed));
        match answer {
            Ok((503, _)) | Err(_) => std::thread::sleep(Duration::from_millis(50)),
            Ok(answer) => return answer,
        }
    }
    panic!("no answer");
}

/// A batch of `site` with a record for each person, and one of nobody.
fn of(site: &str, epoch: u64, sequence: u64, persons: &[u8]) -> Batch {
    let mut batch = batch(sequence);
    batch.id.appliance = site.into();
    batch.id.epoch = epoch;
    batch.records.truncate(1);
    for person in persons {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, headgate_record::Value::Pseudonym([*person; 16])).unwrap();
        batch.records.push(record);
    }
    batch
}

/// And the server that was away has in the end what the others have, one of which goes then.
#[test]
fn a_server_killed_and_a_receiver_restarted_under_load_lose_nothing_and_store_nothing_twice() {
    let Some(nats) = Nats::start(3) else { return };
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.timeout = Duration::from_secs(20);
    config.engine = engine(&nats, "HEADGATE", 3);
    config.status = Some("127.0.0.1:0".parse().unwrap());
    let first = Server::start(config.clone());
    config.listen = place();
    let second = Mutex::new(Some(Server::start(config.clone())));
    let addresses = [first.address, config.listen];
    let nats = Mutex::new(nats);
    let (sent, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));

    std::thread::scope(|scope| {
        for site in 0..SITES {
            let (cloud, nats, second, sent, config) = (&cloud, &nats, &second, &sent, &config);
            let killed = &killed;
            scope.spawn(move || {
                let name = format!("site-{site}.example");
                let tls = cloud.enroll(&name, Validity::days(9));
                for sequence in 1..=BATCHES {
                    let batch = of(&name, 7, sequence, &[1, 2]);
                    let turn = usize::try_from(sequence).unwrap() % 2;
                    let (status, receipt) =
                        post(cloud, &tls, &[addresses[turn], addresses[1 - turn]], &batch);
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&receipt));
                    let stored_ms = cloud.verify(&receipt, &batch);
                    if sequence % 5 == 0 {
                        // Its receipt was lost: the other receiver says the same.
                        let (status, again) =
                            post(cloud, &tls, &[addresses[1 - turn], addresses[turn]], &batch);
                        assert_eq!((status, cloud.verify(&again, &batch)), (200, stored_ms));
                    }
                    match sent.fetch_add(1, Ordering::AcqRel) {
                        KILL_AT => {
                            let mut nats = nats.lock().unwrap();
                            let leader = nats.leader("HEADGATE").unwrap_or(0);
                            nats.kill(leader);
                            killed.store(leader, Ordering::Release);
                        }
                        REVIVE_AT => nats.lock().unwrap().revive(killed.load(Ordering::Acquire)),
                        RESTART_AT => {
                            let mut second = second.lock().unwrap();
                            second.take().unwrap().stop();
                            *second = Some(Server::start(config.clone()));
                        }
                        _ => {}
                    }
                }
            });
        }
    });

    let (mut nats, killed) = (nats.into_inner().unwrap(), killed.load(Ordering::Acquire));
    let held = |nats: &Nats| [0, 1, 2].map(|n| nats.held(n, "HEADGATE"));
    let began = Instant::now();
    while held(&nats)[0].is_none() || held(&nats).windows(2).any(|pair| pair[0] != pair[1]) {
        if began.elapsed() >= Duration::from_secs(60) {
            // Whether it waits for the next message or goes on without what it left out tells apart what it can be.
            let before = held(&nats);
            let tls = cloud.enroll("after.example", Validity::days(9));
            let (status, _) = post(&cloud, &tls, &addresses, &of("after.example", 7, 1, &[1]));
            std::thread::sleep(Duration::from_secs(10));
            panic!("the servers hold {before:?}; after one more message ({status}) {:?}", held(&nats));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    nats.kill((killed + 1) % 3);
    let listed = listed(&config);
    let total = usize::try_from(BATCHES).unwrap() * SITES;
    assert_eq!(listed.len(), total);
    assert!(listed.iter().all(|b| b["missing_before"].is_null() && b["records"] == 3));
    assert_eq!(records(&config).len(), 3 * total);
    let (_, _, text) = ask(first.status.unwrap(), "GET /metrics");
    let samples = samples(&text);
    assert_eq!(samples["gauge headgate_receiver_appliances"], SITES as f64);
    assert_eq!(
        samples["counter headgate_receiver_appliance_batches_total appliance=site-0.example"],
        BATCHES as f64
    );
    assert_eq!(ask(first.status.unwrap(), "GET /healthz").0, 200);
}

const SITES: usize = 4;
const BATCHES: u64 = 40;
const KILL_AT: usize = 50;
const REVIVE_AT: usize = 130;
const RESTART_AT: usize = 100;

/// What two engines must agree on: answers and receipts, but for when.
fn life(cloud: &Cloud, config: &Config) -> Vec<(u16, Option<Statement>)> {
    let servers = [Server::start(config.clone()), Server::start(config.clone())];
    let tls = cloud.appliance();
    let mut said = Vec::new();
    let mut send = |batch: &Batch| {
        // Each batch to the receiver that did not have the one before.
        let server = &servers[said.len() % 2];
        let (status, body) = Client::connect(server.address, &tls).post(cloud, batch);
        let statement = (status == 200).then(|| Receipt::decode(&body).unwrap().statement);
        said.push((status, statement.map(|statement| Statement { stored_ms: 0, ..statement })));
    };
    let of = |epoch, sequence, persons: &[u8]| of(APPLIANCE, epoch, sequence, persons);
    let forgetting = |mut batch: Batch, person: u8| {
        batch.forget = vec![hex::encode([person; 16])];
        batch
    };
    // In order, again, in contradiction.
    for sequence in 1..=40 {
        send(&of(1, sequence, &[1, 2]));
    }
    for sequence in [40, 1, 33] {
        send(&of(1, sequence, &[1, 2]));
        send(&of(1, sequence, &[1, 3]));
    }
    // Replaced by less of itself; the old one again; replaced by something else.
    let old = of(1, 5, &[1, 2]);
    let mut less = of(1, 5, &[1]);
    less.replaces = vec![digest(&old.encode().unwrap())];
    let mut other = of(1, 6, &[2, 1]);
    other.replaces = vec![digest(&of(1, 6, &[1, 2]).encode().unwrap())];
    for batch in [&less, &old, &less, &other] {
        send(batch);
    }
    // Of another epoch and with gaps; then somebody is forgotten everywhere, twice.
    for sequence in [2, 9] {
        send(&of(2, sequence, &[1, 2, 1]));
    }
    for batch in
        [forgetting(of(1, 41, &[3]), 1), forgetting(of(1, 41, &[3]), 1), forgetting(of(1, 42, &[]), 1)]
    {
        send(&batch);
    }
    // A tombstone above what is missing: late ones come without whom it names, later ones with.
    send(&forgetting(of(2, 7, &[2]), 2));
    for sequence in [3, 8, 1, 4, 5, 6, 6] {
        send(&of(2, sequence, &[1, 2]));
    }
    drop(servers);
    said
}

#[test]
fn both_engines_give_the_same_answers_and_hold_the_same_records() {
    let Some(nats) = Nats::start(1) else { return };
    let cloud = Cloud::new();
    let file = cloud.config();
    let mut cluster = cloud.config();
    cluster.engine = engine(&nats, "SAME", 1);
    let (by_file, by_cluster) = (life(&cloud, &file), life(&cloud, &cluster));
    for (at, (file, cluster)) in by_file.iter().zip(&by_cluster).enumerate() {
        assert_eq!(file, cluster, "answer {at}");
    }
    assert_eq!(by_file.iter().filter(|(status, _)| *status == 409).count(), 4);
    // Where records were taken out, those behind them have another place in a message than in a row.
    let without_places = |config: &Config| {
        let mut records = records(config);
        records.iter_mut().for_each(|record| record["position"] = 0.into());
        records
    };
    assert_eq!(without_places(&file), without_places(&cluster));
    let without_times = |config: &Config| {
        let mut batches = listed(config);
        batches.iter_mut().for_each(|batch| batch["received"] = 0.into());
        batches
    };
    assert_eq!(without_times(&file), without_times(&cluster));
}

#[test]
fn a_medium_is_imported_into_a_cluster_once() {
    let Some(nats) = Nats::start(1) else { return };
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.engine = engine(&nats, "MEDIA", 1);
    let server = Server::start(config.clone());
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(3)).0, 200);
    let medium = Medium::of(&cloud, 1, &batches(1..=50));
    let imported = headgate_receiver::import(&config, medium.path(), None).unwrap();
    assert_eq!((imported.new, imported.again), (49, 1));
    let again = headgate_receiver::import(&config, medium.path(), Some(&cloud.path("again"))).unwrap();
    assert_eq!((again.new, again.again), (0, 50));
    let listed = listed(&config);
    assert_eq!(listed.len(), 50);
    assert!(listed.iter().all(|batch| batch["missing_before"].is_null()));
}

/// Both prove who they are, and of all authorities only one is believed.
#[test]
fn a_cluster_is_spoken_to_over_mutual_tls() {
    let cloud = Cloud::new();
    let file = |name: &str| cloud.path(name).display().to_string();
    let Some(nats) = Nats::with(
        1,
        &format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}",
            file("server.crt"),
            file("server.key"),
            file("authority.crt")
        ),
    ) else {
        return;
    };
    let (certificate, key) = cloud.certified("receiver-1", Validity::days(9));
    let pem = |label: &'static str, der: &[u8]| {
        let document = ed25519_dalek::pkcs8::spki::der::Document::try_from(der).unwrap();
        document.to_pem(label, Default::default()).unwrap()
    };
    std::fs::write(cloud.path("nats.crt"), pem("CERTIFICATE", &certificate)).unwrap();
    std::fs::write(cloud.path("nats.key"), pem("PRIVATE KEY", key.secret_der())).unwrap();
    let with = |authority: std::path::PathBuf, own: bool| {
        let mut config = cloud.config();
        let Engine::JetStream(cluster) = engine(&nats, "TLS", 1) else { panic!("a cluster") };
        let certificate = own.then(|| (cloud.path("nats.crt"), cloud.path("nats.key")));
        config.engine = Engine::JetStream(Cluster { authority: Some(authority), certificate, ..cluster });
        config
    };
    let config = with(cloud.path("authority.crt"), true);
    let server = Server::start(config.clone());
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1)).0, 200);
    assert_eq!(listed(&config).len(), 1);
    let refused = |config: &Config| headgate_receiver::batches(config, true, &mut Vec::new()).unwrap_err();
    for config in [with(Cloud::new().path("authority.crt"), true), with(cloud.path("authority.crt"), false)] {
        assert!(refused(&config).to_string().contains("cannot be reached"));
    }
    let plain = Config { engine: engine(&nats, "TLS", 1), ..config };
    assert!(refused(&plain).to_string().contains("cannot be reached"));
}

/// A server's configuration with an operator's word for one account, and the account's word for one user, as nsc writes them.
struct Operator {
    account: KeyPair,
    config: String,
}

impl Operator {
    fn new() -> Operator {
        let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
        // JetStream wants one for the servers' own affairs.
        let system = KeyPair::new_account();
        let limits = serde_json::json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let own = jwt(&operator, &operator, serde_json::json!({"type": "operator", "version": 2}));
        let of = serde_json::json!({"type": "account", "version": 2, "limits": limits});
        let config = format!(
            "operator: {own}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}: {}\n{}: {}\n}}\n",
            system.public_key(),
            account.public_key(),
            jwt(&operator, &account, of.clone()),
            system.public_key(),
            jwt(
                &operator,
                &system,
                serde_json::json!({"type": "account", "version": 2, "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
                }})
            ),
        );
        Operator { account, config }
    }

    /// The file of a new user.
    fn credentials(&self) -> String {
        let user = KeyPair::new_user();
        let of = serde_json::json!({
            "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
        });
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            jwt(&self.account, &user, of),
            user.seed().unwrap()
        )
    }
}

/// What `issuer` says of `subject`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: serde_json::Value) -> String {
    use base64::Engine as _;
    let part = |octets: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets);
    let header = serde_json::json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims = serde_json::json!({
        "jti": subject.public_key(), "iat": 1_700_000_000, "iss": issuer.public_key(), "name": "headgate",
        "sub": subject.public_key(), "nats": nats,
    });
    let said = format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()));
    format!("{said}.{}", part(&issuer.sign(said.as_bytes()).unwrap()))
}

/// Users that an operator's account knows, and such that the servers know by their keys alone.
#[test]
fn a_cluster_that_asks_for_credentials_lets_in_who_has_them_and_nobody_else() {
    let cloud = Cloud::new();
    let (operator, user) = (Operator::new(), KeyPair::new_user());
    let by_key = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", user.public_key());
    let cases = [
        (operator.config.clone(), operator.credentials(), Operator::new().credentials()),
        (by_key, format!("{}\n", user.seed().unwrap()), KeyPair::new_user().seed().unwrap()),
    ];
    for (at, (servers, good, foreign)) in cases.into_iter().enumerate() {
        let Some(nats) = Nats::with(1, &servers) else { return };
        let with = |content: Option<&str>| {
            let file = cloud.path("receiver.creds");
            std::fs::write(&file, content.unwrap_or_default()).unwrap();
            let Engine::JetStream(cluster) = engine(&nats, "CREDS", 1) else { panic!("a cluster") };
            let credentials = content.map(|_| file);
            Config { engine: Engine::JetStream(Cluster { credentials, ..cluster }), ..cloud.config() }
        };
        let refused =
            |content| headgate_receiver::batches(&with(content), true, &mut Vec::new()).unwrap_err();
        let error = refused(Some(&foreign)).to_string();
        assert!(
            error.contains("do not let this receiver in by") && error.contains("receiver.creds"),
            "{at}: {error}"
        );
        let error = refused(None).to_string();
        assert!(error.contains("name a file as [jetstream] credentials"), "{at}: {error}");
        for garbage in ["", "garbage", "SUGARBAGE", "-----BEGIN NATS USER JWT-----\nx\n"] {
            let error = refused(Some(garbage));
            assert!(error.to_string().contains("neither a .creds file"), "{at}: {error}");
            assert_eq!(error.code(), CONFIG);
        }
        let config = with(Some(&good));
        let server = Server::start(config.clone());
        let sent = Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1));
        assert_eq!((sent.0, listed(&config).len()), (200, 1), "{at}");
    }
}

#[test]
fn a_cluster_that_is_not_there_or_not_fit_is_named() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    let closed = place();
    config.engine = Engine::JetStream(Cluster {
        servers: vec![closed.to_string()],
        credentials: None,
        authority: None,
        certificate: None,
        stream: "NONE".into(),
        replicas: 3,
    });
    let serve = |config: &Config| headgate_receiver::serve(config, &Default::default(), |_| ()).unwrap_err();
    let error = serve(&config);
    assert!(
        error.to_string().contains("cannot be reached") && error.to_string().contains(&closed.to_string()),
        "{error}"
    );
    let Some(nats) = Nats::start(1) else { return };
    config.engine = engine(&nats, "THREE", 3);
    let error = serve(&config).to_string();
    assert!(error.contains("stream THREE cannot be had"), "{error}");
    config.engine = engine(&nats, "ONE", 1);
    Server::start(config.clone()).stop();
    config.engine = engine(&nats, "ONE", 3);
    let error = serve(&config).to_string();
    assert!(error.contains("another number of replicas"), "{error}");
}

/// Of Debian 12's, one of thirty that were killed under load came back with another message in the place of one that the others had.
#[test]
fn servers_that_come_back_with_other_messages_are_refused_where_each_message_is_on_several() {
    let Some(nats) = Nats::outdated() else { return };
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.engine = engine(&nats, "OLD", 3);
    let error = headgate_receiver::serve(&config, &Default::default(), |_| ()).unwrap_err();
    assert!(error.to_string().contains("update each server"), "{error}");
    assert_eq!(error.code(), CONFIG);
    // Alone it has nobody to differ from.
    config.engine = engine(&nats, "OLD", 1);
    Server::start(config).stop();
}
