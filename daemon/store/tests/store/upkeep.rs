//! What the administrator does with a buffer and a ledger.

use headgate_record::Field;
use headgate_record::ledger::{Chain, Entry, Header};
use headgate_record::local::ControlRequest;
use serde_json::Value;

use crate::site::{Running, Site, device, flow, numbers};

#[test]
fn verifying_counts_all_that_can_be_read_and_names_what_cannot() {
    let site = Site::new("");
    site.configure("", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for first in [1, 101, 201] {
        sensor.hand_over((first..first + 100).map(device).collect()).unwrap();
        // Whoever asks sees all of it: each is a segment of its own.
        running.status();
    }
    let whole = running.ask(&ControlRequest::BufferVerify { after: 0 });
    assert_eq!((&whole["records"], &whole["damaged"]), (&300.into(), &Value::Array(vec![])));
    assert_eq!(running.ask(&ControlRequest::BufferStructure)["faults"], Value::Array(vec![]));
    running.stop();

    site.sqlite().execute_batch("UPDATE segment SET sealed = zeroblob(50) WHERE id = 2").unwrap();
    let running = site.start();
    let step = running.ask(&ControlRequest::BufferVerify { after: 0 });
    assert_eq!((&step["records"], &step["damaged"][0]["segment"]), (&200.into(), &2.into()), "{step}");
    assert_eq!(running.ask(&ControlRequest::BufferVerify { after: 3 })["next"], Value::Null);
}

/// A segment that vanished from a running store was once noticed at the next start only.
#[test]
fn a_segment_that_vanishes_while_the_store_runs_is_noticed_when_it_is_read() {
    let site = Site::new("");
    site.configure("", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for number in 1..=3 {
        sensor.hand_over(vec![device(number)]).unwrap();
        running.status();
    }
    site.sqlite().execute_batch("DELETE FROM segment WHERE id = 2").unwrap();
    let first = running.ask(&ControlRequest::BufferVerify { after: 0 });
    running.ask(&ControlRequest::BufferVerify { after: first["next"].as_u64().unwrap() });
    assert_eq!(running.status()["missing"], 1);
}

/// A segment that vanished was once noticed when the store opened or was verified, and not by the release that passed it.
#[test]
fn a_segment_that_vanishes_while_the_store_runs_is_noticed_when_what_is_behind_it_is_released() {
    let site = Site::new("batch_records = 3\nbatch_delay = 3600");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for number in 1..=2 {
        sensor.hand_over(vec![device(number)]).unwrap();
        running.status();
    }
    site.sqlite().execute_batch("DELETE FROM segment WHERE id = 1").unwrap();
    assert_eq!(running.status()["missing"], 0);
    for number in 3..=4 {
        sensor.hand_over(vec![device(number)]).unwrap();
    }
    let status = running.until(|s| s["outbox"]["batches"] == 1);
    assert_eq!((&status["missing"], &status["outbox"]["records"]), (&1.into(), &3.into()));
}

#[test]
fn a_purge_counts_first_and_what_it_deletes_is_lost_and_in_the_ledger() {
    let site = Site::new("");
    site.configure("", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    sensor.hand_over((1..=50).map(flow).collect()).unwrap();
    sensor.hand_over((1..=20).map(device).collect()).unwrap();
    let purge = |count_only| ControlRequest::BufferPurge {
        class: Some("bulk".into()),
        before_ms: u64::MAX,
        count_only,
    };
    let counted = running.ask(&purge(true));
    assert_eq!(
        (&counted["purged"][0]["records"], &counted["purged"][0]["not_released"]),
        (&50.into(), &50.into())
    );
    assert_eq!(running.status()["records"]["flow"], 50, "counting deletes nothing");
    assert_eq!(
        running.ask(&ControlRequest::BufferPurge { class: None, before_ms: 1, count_only: false })["purged"],
        Value::Array(vec![])
    );
    running.ask(&purge(false));
    let status = running.status();
    assert_eq!((&status["records"]["flow"], &status["records"]["device"]), (&0.into(), &20.into()));
    assert_eq!((&status["lost"][0]["reason"], &status["lost"][0]["records"]), (&"purged".into(), &50.into()));
    assert_eq!(status["missing"], 0);
    let ledger = running.ask(&ControlRequest::Ledger { limit: 1 });
    assert_eq!(ledger["entries"][0]["event"], "purged");
    site.configure("batch_delay = 0", "receiver = \"receiver.example:443\"");
    running.stop();
    let running = site.start();
    let batches = running.drain();
    assert_eq!(numbers(&batches, Field::DeviceFrames).len(), 20);
    assert_eq!(batches[0].lost[0].records, 50, "the receiver is told");
}

#[test]
fn compacting_gives_back_what_a_purge_freed() {
    let site = Site::new("");
    site.configure("", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for round in 0..20 {
        sensor.hand_over((0..1_000).map(|n| flow(round * 1_000 + n)).collect()).unwrap();
    }
    let purge = ControlRequest::BufferPurge { class: None, before_ms: u64::MAX, count_only: false };
    while running.ask(&purge)["more"] == true {}
    let before = running.ask(&ControlRequest::BufferStats);
    assert!(before["free"].as_u64().unwrap() > 3 << 20, "{before}");
    while running.ask(&ControlRequest::BufferCompact)["given_back"] != 0 {}
    let after = running.ask(&ControlRequest::BufferStats);
    assert!(after["database"].as_u64().unwrap() < 1 << 20, "{after}");
    assert_eq!(after["classes"], Value::Array(vec![]));
}

#[test]
fn an_export_has_every_record_once_whatever_its_pages() {
    let site = Site::new("");
    site.configure("", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for round in 0..9 {
        // Four octets of JSON for one of noise: an answer does not hold all.
        sensor.hand_over((0..1_000).map(|n| flow(round * 1_000 + n + 1)).collect()).unwrap();
    }
    sensor.hand_over(vec![device(1)]).unwrap();
    let (mut after, mut taken, mut pages, mut found) = (0, 0, 0, Vec::new());
    loop {
        let page = running.ask(&ControlRequest::BufferExport { kind: Some("flow".into()), after, taken });
        found.extend(page["records"].as_array().unwrap().iter().map(|r| r["packets"].as_u64().unwrap()));
        pages += 1;
        if page["last"] == true {
            break;
        }
        after = page["after"].as_u64().unwrap();
        taken = u32::try_from(page["taken"].as_u64().unwrap()).unwrap();
    }
    assert!(pages > 1);
    assert_eq!(found, (1..=9_000).collect::<Vec<_>>());
    let ledger = running.ask(&ControlRequest::Ledger { limit: 100 });
    let exported = ledger["entries"].as_array().unwrap().iter().filter(|e| e["event"] == "exported").count();
    assert_eq!(exported, 1, "an export is one entry");
}

#[test]
fn the_ledger_is_signed_and_a_chain_computed_again_is_found() {
    let site = Site::new("batch_records = 1\nbatch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over((1..=3).map(device).collect()).unwrap();
    running.drain();
    let (header, entries) = ledger(&running);
    let key = running.ask(&ControlRequest::LedgerKey);
    let signed = verify(&header, &entries, &key).unwrap();
    assert_eq!(signed, (header.last, header.last), "the last is signed by itself");
    running.stop();

    // Whoever can write the file, and knows how hashes are computed, has no key.
    let db = site.sqlite();
    let mut previous = hex::decode(&header.anchor).unwrap();
    for entry in &entries {
        let detail = if entry.number == 4 { "{}" } else { &entry.detail };
        previous = headgate_record::ledger::hash(&previous, entry.number, entry.at_ms, &entry.event, detail)
            .to_vec();
        let number = i64::try_from(entry.number).unwrap();
        db.execute("UPDATE ledger SET detail = ?2, hash = ?3 WHERE number = ?1", (number, detail, &previous))
            .unwrap();
    }
    drop(db);
    let running = site.start();
    assert_eq!(
        running.ask(&ControlRequest::Ledger { limit: 1 })["verified"],
        false,
        "the hashes alone are whole"
    );
    let (header, entries) = ledger(&running);
    assert_eq!(verify(&header, &entries, &key).unwrap_err().number, 4);
}

fn ledger(running: &Running<'_>) -> (Header, Vec<Entry>) {
    let mut page = running.ask(&ControlRequest::LedgerEntries { after: 0 });
    let header = serde_json::from_value(page["header"].take()).unwrap();
    (header, serde_json::from_value(page["entries"].take()).unwrap())
}

fn verify(
    header: &Header,
    entries: &[Entry],
    key: &Value,
) -> Result<(u64, u64), headgate_record::ledger::Broken> {
    use ed25519_dalek::pkcs8::DecodePublicKey;
    use ed25519_dalek::{Signature, VerifyingKey};
    let key = VerifyingKey::from_public_key_pem(key.as_str().unwrap()).unwrap();
    let is_signed = |bytes: &[u8], signature: &[u8; 64]| {
        key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
    };
    let mut chain = Chain::new(header, &is_signed)?;
    entries.iter().try_for_each(|entry| chain.next(entry))?;
    chain.end()
}
