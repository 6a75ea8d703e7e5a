//! Readers of what a receiver holds: who may, what they get, and what is written down of it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use headgate_receiver::{Cluster, Config, Engine, Scope, Validity, grant, readers, revoke_reader};
use headgate_record::batch::{Batch, digest};
use headgate_record::sealed::Sealed;
use headgate_record::{Field, Kind, Record, Value};
use support::nats::Nats;
use support::{APPLIANCE, Client, Cloud, Server, batch};

/// A configuration with readers.
fn open(cloud: &Cloud) -> Config {
    let mut config = cloud.config();
    config.export = Some("127.0.0.1:0".parse().unwrap());
    config
}

struct Desk<'a> {
    cloud: &'a Cloud,
    address: SocketAddr,
}

impl Desk<'_> {
    /// Status, place behind the page, and the page.
    fn ask(&self, token: &str, query: &str) -> (u16, u64, Vec<u8>) {
        let mut client =
            Client::try_connect(self.address, &self.cloud.stranger(), Duration::from_secs(30)).unwrap();
        client
            .send(
                format!(
                    "GET /v1/export?{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
                )
                .as_bytes(),
            )
            .unwrap();
        let (status, head, body) = client.whole_response().unwrap();
        let next = head
            .split("headgate-next: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        (status, next, body)
    }

    /// All pages of so many batches, as (appliance, sequence, records).
    fn all(&self, token: &str, query: &str, from: u64) -> (u64, Vec<(String, u64, usize)>) {
        let (mut after, mut found) = (from, Vec::new());
        for _ in 0..100 {
            let (status, next, body) = self.ask(token, &format!("{query}&after={after}"));
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            for line in std::str::from_utf8(&body).unwrap().lines() {
                let line: serde_json::Value = line.parse().unwrap();
                found.push((
                    line["appliance"].as_str().unwrap().to_owned(),
                    line["sequence"].as_u64().unwrap(),
                    line["records"].as_array().unwrap().len(),
                ));
            }
            if next == after {
                return (next, found);
            }
            after = next;
        }
        panic!("no end of pages");
    }
}

fn of(site: &str, sequence: u64, persons: &[u8]) -> Batch {
    let records = persons.iter().map(|person| {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, Value::Pseudonym([*person; 16])).unwrap();
        record
    });
    let mut batch = batch(sequence);
    batch.id.appliance = site.into();
    batch.records = records.collect();
    batch
}

/// What holds whatever keeps the batches.
fn readers_read(cloud: &Cloud, config: &Config) {
    let server = Server::start(config.clone());
    let desk = Desk { cloud, address: server.export.unwrap() };
    let (one, other) = ("site-1", "site-2.north.example");
    let post = |batch: &Batch| {
        let tls = cloud.enroll(&batch.id.appliance, Validity::days(9));
        assert_eq!(Client::connect(server.address, &tls).post(cloud, batch).0, 200);
    };
    for sequence in 1..=5 {
        post(&of(one, sequence, &[1, 2]));
        post(&of(other, sequence, &[1, 3]));
    }
    let all = grant(config, "all", Scope::Organisation, true, 9).unwrap();
    let north = grant(config, "north", Scope::Sites(vec!["*.north.example".into()]), true, 9).unwrap();
    let sealed = grant(config, "sealed", Scope::Sites(vec![one.into()]), false, 9).unwrap();
    assert_eq!(readers(config).unwrap().readers.len(), 3);

    // Who is nobody, and who may not.
    assert_eq!(desk.ask("hgr_00", "").0, 401);
    assert_eq!(desk.ask(&north, &format!("appliance={one}")).0, 403);
    assert_eq!(desk.ask(&sealed, "form=records").0, 403, "sealed only");
    assert_eq!(desk.ask(&all, "limit=0").0, 400);
    // An appliance's certificate opens nothing here, and a token nothing there.
    let mut client = Client::connect(server.address, &cloud.appliance());
    assert_eq!(client.exchange("GET /v1/export", b"").unwrap().0, 404);

    // Pages, each batch once, in the order in which they came.
    let (place, found) = desk.all(&all, "limit=3", 0);
    let expected: Vec<_> =
        (1..=5).flat_map(|sequence| [one, other].map(|site| (site.to_owned(), sequence, 2))).collect();
    assert_eq!(found, expected);
    let (_, found) = desk.all(&north, "limit=2", 0);
    assert_eq!(found, expected.iter().filter(|(site, ..)| site == other).cloned().collect::<Vec<_>>());
    let (_, found) = desk.all(&all, &format!("appliance={one}"), 0);
    assert_eq!(found.len(), 5);

    // What is replaced, and from what somebody is taken out, comes again; what is new as well; the rest does not.
    let mut less = of(one, 2, &[2]);
    less.replaces = vec![digest(&of(one, 2, &[1, 2]).encode().unwrap())];
    post(&less);
    let mut forget = of(other, 6, &[]);
    forget.forget = vec![Value::Pseudonym([3; 16]).to_string()];
    post(&forget);
    let (_, mut found) = desk.all(&all, "", place);
    found.sort();
    let again = (1..=5).map(|sequence| (other.to_owned(), sequence, 1));
    let mut expected: Vec<_> = again.chain([(one.to_owned(), 2, 1), (other.to_owned(), 6, 0)]).collect();
    expected.sort();
    assert_eq!(found, expected);

    // A grant that is taken back ends at once.
    assert!(revoke_reader(config, "north").unwrap() && !revoke_reader(config, "north").unwrap());
    assert_eq!(desk.ask(&north, "").0, 401);
    assert_eq!(desk.ask(&all, "").0, 200);

    let audit = std::fs::read_to_string(&config.audit).unwrap();
    let lines: Vec<serde_json::Value> = audit.lines().map(|line| line.parse().unwrap()).collect();
    let count = |event: &str, reader: &str| {
        lines.iter().filter(|line| line["event"] == event && line["reader"] == reader).count()
    };
    assert_eq!((count("granted", "north"), count("revoked", "north")), (1, 2));
    assert_eq!((count("refused", "north"), count("refused", "sealed")), (1, 1));
    assert!(
        lines.iter().any(|line| line["event"] == "given" && line["reader"] == "all" && line["batches"] == 3)
    );
    assert!(![all, north].iter().any(|token| audit.contains(token.as_str())));
    match &config.engine {
        Engine::Sqlite => assert_eq!(desk.ask(&sealed, "form=sealed").0, 406),
        Engine::JetStream(_) => {
            let (status, _, body) = desk.ask(&sealed, "form=sealed&limit=2");
            assert_eq!(status, 200);
            let length = usize::try_from(u32::from_be_bytes(body[..4].try_into().unwrap())).unwrap();
            assert_eq!(Sealed::decode(&body[4..4 + length]).unwrap().id, of(one, 1, &[]).id);
        }
    }
    server.stop();
}

#[test]
fn readers_read_what_they_may_from_a_database() {
    let cloud = Cloud::new();
    readers_read(&cloud, &open(&cloud));
}

#[test]
fn readers_read_what_they_may_from_a_cluster() {
    let Some(nats) = Nats::start(1) else { return };
    let cloud = Cloud::new();
    let mut config = open(&cloud);
    config.engine = Engine::JetStream(Cluster {
        servers: nats.servers(),
        credentials: None,
        authority: None,
        certificate: None,
        stream: "READ".into(),
        replicas: 1,
    });
    readers_read(&cloud, &config);
}

#[test]
fn nothing_is_given_that_cannot_be_written_down() {
    let cloud = Cloud::new();
    let mut config = open(&cloud);
    config.audit = "/dev/full".into();
    assert!(grant(&config, "all", Scope::Organisation, true, 9).is_err());
    assert_eq!(readers(&config).unwrap().readers, []);
    config.audit = cloud.path("audit.log");
    let token = grant(&config, "all", Scope::Organisation, true, 9).unwrap();
    config.audit = "/dev/full".into();
    let server = Server::start(config);
    let desk = Desk { cloud: &cloud, address: server.export.unwrap() };
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1)).0, 200);
    let (status, _, body) = desk.ask(&token, "");
    assert_eq!(status, 503);
    assert!(!String::from_utf8(body).unwrap().contains(APPLIANCE));
}

#[test]
fn without_an_address_nobody_may_read() {
    let cloud = Cloud::new();
    assert_eq!(cloud.start().export, None);
}
