//! The receiver from the outside: batches, receipts, and clients that misbehave.

#[cfg(test)]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};

use headgate_receiver::{Error, Filter, Validity};
use headgate_record::Kind;
use headgate_record::sealed::MAX_SEALED_BYTES;
use headgate_service::exit::{Exit, UNAVAILABLE};
use headgate_service::stop::Stop;
use support::{APPLIANCE, Client, Cloud, Server, batch, config, seal_to, zstd_bomb};

#[test]
fn a_batch_is_stored_and_its_receipt_verifies() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut client = Client::connect(server.address, &cloud.appliance());
    for sequence in [1, 2] {
        let (status, receipt) = client.post(&cloud, &batch(sequence));
        assert_eq!(status, 200);
        cloud.verify(&receipt, &batch(sequence));
    }
    let records = cloud.records(&Filter::default());
    assert_eq!(records.len(), 4);
    assert_eq!(
        records[1],
        serde_json::json!({"appliance": APPLIANCE, "epoch": u64::MAX - 7, "sequence": 1, "position": 1,
            "record": batch(1).records[1].to_json()})
    );
    let batches = cloud.batches();
    assert_eq!(batches[0]["withheld"][0]["reason"], "randomised-mac");
    assert_eq!(batches[0]["lost"][0]["class"], "bulk");
    server.stop();
}

#[test]
fn records_are_listed_by_kind_and_appliance() {
    let cloud = Cloud::new();
    let server = cloud.start();
    Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1));
    let count = |appliance: Option<&str>, kind| {
        cloud.records(&Filter { appliance: appliance.map(str::to_owned), kind }).len()
    };
    assert_eq!(count(Some(APPLIANCE), Some(Kind::Device)), 2);
    assert_eq!(count(Some("site-2"), None), 0);
    assert_eq!(count(None, Some(Kind::Flow)), 0);
    let mut table = Vec::new();
    headgate_receiver::records(&cloud.config(), &Filter::default(), false, &mut table).unwrap();
    assert!(String::from_utf8(table).unwrap().contains("vendor=Example"));
}

#[test]
fn the_same_batch_again_is_receipted_again_and_stored_once() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut client = Client::connect(server.address, &cloud.appliance());
    let first = client.post(&cloud, &batch(1));
    let again = client.post(&cloud, &batch(1));
    assert_eq!((first.0, &first), (200, &again));
    assert_eq!(cloud.records(&Filter::default()).len(), 2);
}

#[test]
fn another_batch_under_the_same_identity_never_replaces_the_first() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut client = Client::connect(server.address, &cloud.appliance());
    client.post(&cloud, &batch(1));
    let before = cloud.batches();
    let mut other = batch(1);
    other.records.pop();
    assert_eq!(client.post(&cloud, &other).0, 409);
    assert_eq!(cloud.batches(), before);
    assert_eq!(client.post(&cloud, &batch(1)).0, 200);
}

#[test]
fn a_batch_of_another_appliance_than_the_certificates_is_forbidden() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut client = Client::connect(server.address, &cloud.enroll("site-2", Validity::days(9)));
    assert_eq!(client.post(&cloud, &batch(1)).0, 403);
    assert!(cloud.batches().is_empty());
}

#[test]
fn missing_batches_are_named() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut client = Client::connect(server.address, &cloud.appliance());
    for sequence in [2, 3, 7] {
        client.post(&cloud, &batch(sequence));
    }
    let gaps: Vec<_> = cloud.batches().iter().map(|b| b["missing_before"].clone()).collect();
    let gap = |from, to| serde_json::json!({"from": from, "to": to});
    assert_eq!(gaps, [gap(1, 1), serde_json::Value::Null, gap(4, 6)]);
    let mut table = Vec::new();
    headgate_receiver::batches(&cloud.config(), false, &mut table).unwrap();
    assert!(String::from_utf8(table).unwrap().contains("missing: 4 to 6"));
}

#[test]
fn whoever_has_no_valid_certificate_of_the_authority_gets_no_answer() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let ago = |days: u64| SystemTime::now() - Duration::from_secs(86_400 * days);
    let expired = Validity { from: ago(9), until: ago(1) };
    // Their certificate is from another authority; they trust this one.
    let elsewhere = Cloud::new();
    let mut foreign = cloud.stranger();
    foreign.client_auth_cert_resolver = elsewhere.appliance().client_auth_cert_resolver.clone();
    let cases = [
        (cloud.stranger(), "CertificateRequired"),
        (cloud.enroll(APPLIANCE, expired), "CertificateExpired"),
        (foreign, "UnknownCA"),
    ];
    for (tls, alert) in cases {
        let mut client = Client::connect(server.address, &tls);
        let body = cloud.seal(&batch(1));
        let error = client.exchange("POST /v1/batches", &body).unwrap_err();
        assert!(error.to_string().contains(alert), "{error}");
    }
    assert!(cloud.batches().is_empty());
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1)).0, 200);
}

#[test]
fn the_key_exchange_is_hybrid_where_the_client_can_and_x25519_where_it_cannot() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let classical = CryptoProvider { kx_groups: vec![kx_group::X25519], ..aws_lc_rs::default_provider() };
    for (sequence, provider, group) in
        [(1, aws_lc_rs::default_provider(), NamedGroup::X25519MLKEM768), (2, classical, NamedGroup::X25519)]
    {
        let mut client = Client::connect(server.address, &cloud.appliance_with(provider));
        assert_eq!(client.post(&cloud, &batch(sequence)).0, 200);
        assert_eq!(client.group(), group);
    }
    server.stop();
}

#[test]
fn a_client_that_offers_only_tls_1_2_is_refused() {
    let cloud = Cloud::new();
    let server = cloud.start();
    // ClientHello (RFC 5246, 7.4.1.2) without supported_versions: ECDHE-ECDSA-AES128-GCM-SHA256, P-256.
    let extensions = [
        &[0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17][..],
        &[0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03],
        &[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00],
    ]
    .concat();
    let mut body = [&[0x03, 0x03][..], &[7; 32], &[0x00, 0x00, 0x02, 0xc0, 0x2b, 0x01, 0x00]].concat();
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[0x16, 0x03, 0x01, 0x00, length + 4, 0x01, 0x00, 0x00, length][..], &body].concat();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // A fatal alert, protocol_version (RFC 8446, 6.2).
    assert_eq!(answer, [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 70]);
}

#[test]
fn only_batches_are_served_and_only_by_post() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let tls = cloud.appliance();
    let ask = |head| Client::connect(server.address, &tls).exchange(head, b"").unwrap().0;
    assert_eq!(ask("GET /v1/batches"), 405);
    assert_eq!(ask("PUT /v1/batches"), 405);
    assert_eq!(ask("POST /"), 404);
    assert_eq!(ask("GET /v1/batches/1"), 404);
}

#[test]
fn a_body_that_is_no_batch_is_refused_with_a_reason() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let tls = cloud.appliance();
    let (good, plain) = (cloud.seal(&batch(1)), batch(1).encode().unwrap());
    let bomb = zstd_bomb();
    let to_others = seal_to(&Cloud::new().path("seal.pub"), batch(1).id, &plain);
    let other_within = seal_to(&cloud.path("seal.pub"), batch(2).id, &plain);
    let bombs = seal_to(&cloud.path("seal.pub"), batch(1).id, &bomb);
    let cut = &good[..good.len() - 1];
    for body in [&b""[..], b"garbage", cut, &plain, &to_others, &other_within, &bombs] {
        let mut client = Client::connect(server.address, &tls);
        let (status, reason) = client.exchange("POST /v1/batches", body).unwrap();
        let reason = String::from_utf8(reason).unwrap();
        assert_eq!((status, reason.lines().count()), (400, 1), "{reason}");
    }
    assert!(cloud.batches().is_empty());
}

#[test]
fn a_batch_that_is_pinned_to_another_region_is_refused() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.region = Some("eu".into());
    let server = Server::start(config);
    let mut client = Client::connect(server.address, &cloud.appliance());
    let mut pinned = batch(1);
    for (regions, status) in [(vec!["us".to_owned()], 403), (vec!["us".into(), "eu".into()], 200)] {
        pinned.regions = regions;
        assert_eq!(client.post(&cloud, &pinned).0, status);
    }
    assert_eq!(client.post(&cloud, &batch(2)).0, 200, "not pinned at all");
    assert_eq!(cloud.batches()[0]["regions"], serde_json::json!(["us", "eu"]));
    assert_eq!(cloud.batches()[0]["profile"], "pseudonymous");
}

#[test]
fn batches_that_are_sealed_to_an_earlier_key_are_taken_for_as_long_as_it_is_kept() {
    let cloud = Cloud::new();
    headgate_receiver::seal_key(&cloud.path("seal-2.key")).unwrap();
    let mut config = cloud.config();
    config.seal_keys = vec![cloud.path("seal-2.key"), cloud.path("seal.key")];
    let (old, new) =
        (cloud.seal(&batch(1)), seal_to(&cloud.path("seal-2.pub"), batch(2).id, &batch(2).encode().unwrap()));
    let tls = cloud.appliance();
    let post = |server: &Server, sealed: &[u8]| {
        Client::connect(server.address, &tls).exchange("POST /v1/batches", sealed).unwrap().0
    };
    let server = Server::start(config.clone());
    assert_eq!((post(&server, &old), post(&server, &new)), (200, 200));
    server.stop();
    config.seal_keys.truncate(1);
    let server = Server::start(config);
    assert_eq!((post(&server, &old), post(&server, &new)), (400, 200));
}

#[test]
fn a_body_over_the_limit_is_refused_announced_or_not() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let tls = cloud.appliance();
    let mut client = Client::connect(server.address, &tls);
    let head = format!("{}content-length: {}\r\n\r\n", client.head(), MAX_SEALED_BYTES + 1);
    client.send(head.as_bytes()).unwrap();
    assert_eq!(client.response().unwrap().0, 413);

    let mut client = Client::connect(server.address, &tls);
    let head = format!("{}transfer-encoding: chunked\r\n\r\n", client.head());
    client.send(head.as_bytes()).unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &vec![0; 1 << 20], b"\r\n"].concat();
    // The receiver may close while we still write; then there is no answer to read.
    let sent = (0..5).try_for_each(|_| client.send(&chunk));
    if sent.is_ok() {
        assert!(client.response().map_or(true, |(status, _)| status == 413));
    }
    assert!(cloud.batches().is_empty());
}

#[test]
fn a_client_that_stalls_is_let_go_and_holds_nobody_up() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let tls = cloud.appliance();
    let mut silent = TcpStream::connect(server.address).unwrap();
    let mut slow = Client::connect(server.address, &tls);
    let head = slow.head();
    slow.send(format!("{head}content-length: 100\r\n\r\nhalf").as_bytes()).unwrap();
    assert_eq!(Client::connect(server.address, &tls).post(&cloud, &batch(1)).0, 200);
    assert_eq!(slow.response().unwrap().0, 408);
    assert!(slow.is_ended());
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.idle_timeout = Duration::from_secs(1);
    let server = Server::start(config);
    let mut client = Client::connect(server.address, &cloud.appliance());
    assert_eq!(client.post(&cloud, &batch(1)).0, 200);
    assert!(client.is_ended());
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.connections = 1;
    let server = Server::start(config);
    let tls = cloud.appliance();
    let mut first = Client::connect(server.address, &tls);
    assert_eq!(first.post(&cloud, &batch(1)).0, 200);
    let mut second = Client::connect(server.address, &tls);
    let sealed = cloud.seal(&batch(2));
    let waiting = std::thread::spawn(move || second.exchange("POST /v1/batches", &sealed).unwrap().0);
    assert_eq!(first.post(&cloud, &batch(3)).0, 200);
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn many_appliances_at_once_lose_nothing() {
    let cloud = Cloud::new();
    let server = cloud.start();
    std::thread::scope(|scope| {
        for site in 0..8 {
            let (cloud, address) = (&cloud, server.address);
            scope.spawn(move || {
                let name = format!("site-{site}");
                let mut client = Client::connect(address, &cloud.enroll(&name, Validity::days(9)));
                for sequence in 1..=10 {
                    let mut batch = batch(sequence);
                    batch.id.appliance.clone_from(&name);
                    let (status, receipt) = client.post(cloud, &batch);
                    assert_eq!(status, 200);
                    cloud.verify(&receipt, &batch);
                }
            });
        }
    });
    assert_eq!(cloud.batches().len(), 80);
    assert!(cloud.batches().iter().all(|b| b["missing_before"].is_null()));
}

#[test]
fn a_request_in_flight_is_finished_before_it_stops() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.timeout = Duration::from_secs(30);
    let server = Server::start(config);
    let mut client = Client::connect(server.address, &cloud.appliance());
    let body = cloud.seal(&batch(1));
    let head = format!("{}content-length: {}\r\n\r\n", client.head(), body.len());
    client.send(head.as_bytes()).unwrap();
    client.send(&body[..9]).unwrap();
    // Only when it has begun to read the request can it be in flight.
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(2)).0, 200);
    server.request_stop();
    while TcpStream::connect(server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
    client.send(&body[9..]).unwrap();
    let (status, receipt) = client.response().unwrap();
    assert_eq!(status, 200);
    cloud.verify(&receipt, &batch(1));
    server.stop();
    assert_eq!(cloud.sequences(), [1, 2]);
}

#[test]
fn a_port_in_use_is_named() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut config = cloud.config();
    config.listen = server.address;
    let error = headgate_receiver::serve(&config, &Stop::default(), |_| ()).unwrap_err();
    assert!(matches!(error, Error::Listen { .. }));
    assert!(error.to_string().contains(&server.address.to_string()));
    assert_eq!(error.code(), UNAVAILABLE);
}

#[test]
fn what_was_receipted_survives_a_kill() {
    let cloud = Cloud::new();
    let tls = cloud.appliance();
    let mut sequence = 0;
    for _ in 0..3 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_serves_until_killed", "--nocapture"])
            .env(CHILD, cloud.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let announced = cloud.path("address");
        let address = loop {
            match std::fs::read_to_string(&announced).ok().and_then(|text| text.parse().ok()) {
                Some(address) => break address,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        std::fs::remove_file(announced).unwrap();
        let mut client = Client::connect(address, &tls);
        for _ in 0..10 {
            sequence += 1;
            let (status, receipt) = client.post(&cloud, &batch(sequence));
            assert_eq!(status, 200);
            cloud.verify(&receipt, &batch(sequence));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
    assert_eq!(cloud.sequences(), (1..=sequence).collect::<Vec<_>>());
    assert_eq!(cloud.records(&Filter::default()).len(), 60);
}

/// The process that [`what_was_receipted_survives_a_kill`] kills; nothing when it is run by itself.
#[test]
fn child_that_serves_until_killed() {
    let Some(directory) = std::env::var_os(CHILD).map(std::path::PathBuf::from) else { return };
    let announce = |listening: headgate_receiver::Listening| {
        let new = directory.join("address.new");
        std::fs::write(&new, listening.batches.to_string()).unwrap();
        std::fs::rename(new, directory.join("address")).unwrap();
    };
    headgate_receiver::serve(&config(&directory), &Stop::default(), announce).unwrap();
}

const CHILD: &str = "HEADGATE_RECEIVER_TEST_DIRECTORY";
