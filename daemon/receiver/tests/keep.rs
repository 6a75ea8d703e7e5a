//! What the receiver keeps, for how long, and what it tells of it.

#[cfg(test)]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use headgate_receiver::{Error, Filter, Validity};
use headgate_service::stop::Stop;
use rusqlite::Connection;
use support::medium::{Medium, batches};
use support::status::{ask, samples, wait_for, watched};
use support::{APPLIANCE, Client, Cloud, Server, batch};

const DAY_MS: i64 = 86_400_000;

#[test]
fn metrics_are_openmetrics_and_say_what_happened_to_each_batch() {
    let cloud = Cloud::new();
    let server = Server::start(watched(&cloud));
    let status = server.status.unwrap();
    let mut client = Client::connect(server.address, &cloud.appliance());
    for (sequence, answer) in [(1, 200), (1, 200), (3, 200), (7, 200)] {
        assert_eq!(client.post(&cloud, &batch(sequence)).0, answer);
    }
    let mut other = batch(1);
    other.records.pop();
    assert_eq!(client.post(&cloud, &other).0, 409);
    assert_eq!(client.exchange("POST /v1/batches", b"garbage").unwrap().0, 400);
    let mut foreign = Client::connect(server.address, &cloud.enroll("site-2", Validity::days(9)));
    assert_eq!(foreign.post(&cloud, &batch(9)).0, 403);
    let mut unproved = Client::connect(server.address, &cloud.appliance()).with_secret(None);
    assert_eq!(unproved.post(&cloud, &batch(9)).0, 401);
    assert!(Client::connect(server.address, &cloud.stranger()).exchange("GET /", b"").is_err());
    Medium::of(&cloud, 1, &batches(3..=4)).import(&cloud).unwrap();

    let (code, head, text) = ask(status, "GET /metrics");
    assert_eq!(code, 200);
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    let mut samples = samples(&text);
    let mut take = |name: &str| samples.remove(name).unwrap_or_else(|| panic!("no {name} in\n{text}"));
    let octets: usize =
        [batch(1), batch(1), batch(3), batch(7), other].iter().map(|b| cloud.seal(b).len()).sum();
    let octets = octets + "garbage".len() + cloud.seal(&batch(9)).len();
    for (name, value) in [
        (concat!("info headgate_receiver_build_info version=", env!("CARGO_PKG_VERSION")), 1),
        ("counter headgate_receiver_batches_total outcome=stored", 3),
        ("counter headgate_receiver_batches_total outcome=repeated", 1),
        ("counter headgate_receiver_refused_total reason=handshake", 1),
        ("counter headgate_receiver_refused_total reason=malformed", 1),
        ("counter headgate_receiver_refused_total reason=foreign", 1),
        ("counter headgate_receiver_refused_total reason=unproved", 1),
        ("counter headgate_receiver_refused_total reason=region", 0),
        ("counter headgate_receiver_refused_total reason=conflict", 1),
        ("counter headgate_receiver_refused_total reason=unstored", 0),
        ("counter headgate_receiver_received_bytes_total", octets),
        ("counter headgate_receiver_media_imported_total", 1),
        ("counter headgate_receiver_batches_imported_total", 1),
        ("gauge headgate_receiver_appliances", 1),
        ("counter headgate_receiver_appliance_batches_total appliance=site-1", 4),
        ("gauge headgate_receiver_appliance_missing_batches appliance=site-1", 3),
    ] {
        assert_eq!(take(name), f64::from(u32::try_from(value).unwrap()), "{name}");
    }
    for name in ["appliance_quiet_seconds appliance=site-1", "oldest_records_seconds", "database_bytes"]
        .map(|n| format!("gauge headgate_receiver_{n}"))
    {
        let value = take(&name);
        let range = if name.ends_with("bytes") { 4_096.0..1e7 } else { 0.0..3_600.0 };
        assert!(range.contains(&value), "{name}: {value}");
    }
    assert!(samples.is_empty(), "told without being meant to: {samples:?}");
    server.stop();
}

#[test]
fn an_empty_receiver_has_metrics_too_and_is_well() {
    let cloud = Cloud::new();
    let server = Server::start(watched(&cloud));
    let status = server.status.unwrap();
    let (code, _, text) = ask(status, "GET /metrics");
    assert_eq!((code, samples(&text)["gauge headgate_receiver_appliances"]), (200, 0.0));
    let (code, _, text) = ask(status, "GET /healthz");
    assert_eq!((code, text.as_str()), (200, "ok\n"));
    assert_eq!(ask(status, "HEAD /healthz").2, "");
}

#[test]
fn nothing_but_two_questions_is_answered_and_batches_are_taken_elsewhere() {
    let cloud = Cloud::new();
    assert_eq!(cloud.start().status, None, "off by default");
    let server = Server::start(watched(&cloud));
    let status = server.status.unwrap();
    let code = |request: &str| ask(status, request).0;
    assert_eq!((code("POST /metrics"), code("DELETE /healthz")), (405, 405));
    assert_eq!((code("GET /"), code("POST /v1/batches"), code("GET /metrics/..")), (404, 404, 404));
    let mut client = Client::connect(server.address, &cloud.appliance());
    assert_eq!(client.exchange("GET /metrics", b"").unwrap().0, 404);
}

#[test]
fn who_connects_and_asks_nothing_keeps_nobody_else_out_for_good() {
    let cloud = Cloud::new();
    let server = Server::start(watched(&cloud));
    let status = server.status.unwrap();
    let silent: Vec<_> = (0..5).map(|_| TcpStream::connect(status).unwrap()).collect();
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1)).0, 200);
    // They are let go by and by; who waits behind them is asked again.
    wait_for("answer", || {
        let mut stream = TcpStream::connect(status).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && answer.ends_with("ok\n")
    });
    drop(silent);
}

#[test]
fn a_receiver_that_cannot_store_is_not_well_until_it_can() {
    let cloud = Cloud::new();
    let server = Server::start(watched(&cloud));
    let status = server.status.unwrap();
    let mut client = Client::connect(server.address, &cloud.appliance());
    let other = Connection::open(cloud.config().database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(client.post(&cloud, &batch(1)).0, 500, "somebody else writes and does not end");
    let (code, _, text) = ask(status, "GET /healthz");
    assert_eq!((code, text.as_str()), (503, "batches cannot be stored; the log says why\n"));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(client.post(&cloud, &batch(1)).0, 200);
    assert_eq!(ask(status, "GET /healthz").0, 200);
    let (_, _, text) = ask(status, "GET /metrics");
    assert_eq!(samples(&text)["counter headgate_receiver_refused_total reason=unstored"], 1.0);
}

#[test]
fn a_status_port_in_use_is_named() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut config = cloud.config();
    config.status = Some(server.address);
    let error = headgate_receiver::serve(&config, &Stop::default(), |_| ()).unwrap_err();
    assert!(matches!(error, Error::Listen { address, .. } if address == server.address));
}

#[test]
fn what_has_been_here_for_its_days_is_deleted_and_its_number_is_remembered() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let mut client = Client::connect(server.address, &cloud.appliance());
    let receipts: Vec<_> = [1, 2, 4].map(|sequence| client.post(&cloud, &batch(sequence))).into();
    server.stop();
    let database = Connection::open(cloud.config().database).unwrap();
    for (sequence, days) in [(1, 61), (2, 59)] {
        let aged = database
            .execute(
                "UPDATE batch SET since_ms = since_ms - ?1 WHERE sequence = ?2",
                [days * DAY_MS, sequence],
            )
            .unwrap();
        assert_eq!(aged, 1);
    }
    let server = cloud.start();
    wait_for("expiry", || cloud.records(&Filter::default()).len() == 4);
    let kept = cloud.records(&Filter { appliance: Some(APPLIANCE.into()), kind: None });
    assert_eq!(kept.iter().map(|r| r["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 2, 4, 4]);
    let listed = cloud.batches();
    let expired: Vec<_> = listed.iter().map(|b| b["expired"].as_bool().unwrap()).collect();
    assert_eq!(expired, [true, false, false]);
    assert_eq!(
        (&listed[0]["withheld"], &listed[0]["lost"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    assert_eq!(listed[2]["missing_before"], serde_json::json!({"from": 3, "to": 3}), "a gap, and no other");
    // A late double gets the receipt that it got, and a contradiction none.
    let mut client = Client::connect(server.address, &cloud.appliance());
    assert_eq!(client.post(&cloud, &batch(1)), receipts[0]);
    let mut other = batch(1);
    other.records.pop();
    assert_eq!(client.post(&cloud, &other).0, 409);
    assert_eq!(cloud.records(&Filter::default()).len(), 4);
}

#[test]
fn an_import_deletes_what_is_too_old_where_nothing_else_runs() {
    let cloud = Cloud::new();
    Medium::of(&cloud, 1, &batches(1..=2)).import(&cloud).unwrap();
    let database = Connection::open(cloud.config().database).unwrap();
    database.execute("UPDATE batch SET since_ms = since_ms - ?1", [61 * DAY_MS]).unwrap();
    let imported = Medium::of(&cloud, 2, &batches(2..=3)).import(&cloud).unwrap();
    assert_eq!((imported.new, imported.again), (1, 1), "the double is known");
    let kept = cloud.records(&Filter::default());
    assert!(!kept.is_empty() && kept.iter().all(|record| record["sequence"] == 3), "{kept:?}");
}
