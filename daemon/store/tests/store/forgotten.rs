//! The receiver is told whom to forget, and must say that it did.

use headgate_record::batch::Batch;
use headgate_record::local::{ControlRequest, ToUplink};
use headgate_record::subject::{Action, Who};
use headgate_record::{Field, Kind, Mac, Record, Value};
use serde_json::Value as Json;

use crate::site::{Running, Site};
use crate::subjects::{ANNA, HOUR, anna, ask, hand_over};

#[test]
fn whom_nothing_is_kept_of_any_more_is_forgotten_in_what_waits_and_at_the_receiver() {
    let site = Site::new("batch_records = 2\nbatch_delay = 0");
    let running = site.start();
    // Of whom nothing can have left, nobody need be told.
    let erase = |who: Who| ControlRequest::Subject { who, action: Action::Erase };
    assert!(running.refused(&erase(anna())).contains("nobody is found"));
    hand_over(&running);
    running.until(|s| s["waiting"] == 0);
    let first = running.uplink().next(0).unwrap().unwrap();
    let sent = Batch::decode(&first).unwrap();
    let pseudonym = sent.records[0].anchor().unwrap().1.to_string();
    let purge = ControlRequest::BufferPurge { class: None, before_ms: u64::MAX, count_only: false };
    while running.ask(&purge)["more"] == true {}
    assert_eq!(ask(&running, anna(), Action::Find)["subjects"], Json::Array(Vec::new()));

    // Names do not leave, and who had an address then nobody knows any more.
    assert!(running.refused(&erase(Who::Name("anna-laptop".into()))).contains("nobody is found"));
    let address = Who::Address { address: "10.9.8.5".into(), at_ms: Some(101 * HOUR / 1_000_000) };
    assert!(running.refused(&erase(address)).contains("nobody is found"));
    let done = ask(&running, anna(), Action::Erase);
    assert_eq!(done["rows"], 0, "{done}");
    assert!(done["batches"].as_u64().unwrap() >= 1, "{done}");
    let batches = running.drain();
    let names = |batch: &Batch| {
        batch.records.iter().any(|r| r.identifiers().any(|(_, v)| v.to_string() == pseudonym))
    };
    assert!(names(&sent) && !batches.iter().any(names));
    let told: Vec<_> = batches.iter().flat_map(|b| &b.forget).collect();
    assert!(told.contains(&&pseudonym), "{told:?}");
    assert!(told.iter().all(|value| !value.contains(':')), "no more than the receiver has: {told:?}");
    let ledger = running.ask(&ControlRequest::Ledger { limit: 20 });
    let entries = ledger["entries"].as_array().unwrap();
    let erased = entries.iter().find(|entry| entry["event"] == "erased").unwrap();
    assert_eq!((&erased["detail"]["rows"], &ledger["verified"]), (&0.into(), &true.into()));
}

/// Users are kept as pseudonyms only: the receiver knows the pseudonym of that.
#[test]
fn a_user_of_whom_nothing_is_kept_any_more_is_named_by_name_or_by_pseudonym() {
    let site = Site::new("batch_delay = 0");
    let rules = "[collect.authentication]\nuser_name = \"pseudonym\"\n[release.authentication]\nuser_name = \"pseudonym\"\n";
    std::fs::write(site.path("rules.toml"), rules).unwrap();
    let running = site.start();
    let mut login = Record::new(Kind::Authentication);
    login.set(Field::AuthenticationMac, Mac(ANNA)).unwrap();
    login.set(Field::AuthenticationUserName, "anna@example.org").unwrap();
    running.sensor(1).hand_over(vec![login]).unwrap();
    let sent = running.drain();
    let user = sent[0].records[0].get(Field::AuthenticationUserName).unwrap().to_string();
    let found = ask(&running, Who::User("anna@example.org".into()), Action::Find);
    let kept = found["subjects"][0]["users"][0].as_str().unwrap().to_owned();
    assert_ne!(kept, user, "another key makes what leaves");
    let purge = ControlRequest::BufferPurge { class: None, before_ms: u64::MAX, count_only: false };
    while running.ask(&purge)["more"] == true {}
    for who in ["anna@example.org", &kept] {
        ask(&running, Who::User(who.into()), Action::Erase);
        let told: Vec<String> = running.drain().into_iter().flat_map(|batch| batch.forget).collect();
        assert!(told.contains(&user), "{who}: {told:?}");
    }
}

/// What had left in plain under earlier rules was once not among what the receiver was told to forget; what never left in plain
/// is not said in plain.
#[test]
fn whom_the_receiver_knows_in_plain_from_earlier_rules_it_is_told_to_forget_in_plain() {
    for released_in_plain in [true, false] {
        let site = Site::new("batch_delay = 0");
        if released_in_plain {
            std::fs::write(site.path("rules.toml"), "[release.lease]\nmac = \"keep\"\n").unwrap();
        }
        let running = site.start();
        hand_over(&running);
        let sent = running.drain();
        let mac = Value::Mac(Mac(ANNA));
        let said = sent.iter().flat_map(|b| &b.records).any(|r| r.get(Field::LeaseMac) == Some(&mac));
        assert_eq!(said, released_in_plain);
        running.stop();
        std::fs::write(site.path("rules.toml"), "").unwrap();
        let running = site.start();
        ask(&running, anna(), Action::Erase);
        let told: Vec<String> = running.drain().into_iter().flat_map(|batch| batch.forget).collect();
        assert_eq!(told.contains(&mac.to_string()), released_in_plain, "{told:?}");
        assert!(told.iter().any(|value| !value.contains(':')), "the pseudonym: {told:?}");
    }
}

#[test]
fn a_receipt_that_does_not_say_that_the_receiver_forgot_is_refused() {
    let site = Site::new("batch_delay = 0");
    let running = with_one_to_forget(&site);
    let mut uplink = running.uplink();
    let batch = uplink.next(0).unwrap().unwrap();
    let mut silent = site.receipt(&batch).statement;
    silent.forgotten = None;
    let ToUplink::Refused { reason } = uplink.receipt(&site.sign(silent).encode()).unwrap() else {
        panic!("silent")
    };
    assert!(reason.contains("forgotten"), "{reason}");
    assert_eq!(uplink.receipt(&site.receipt(&batch).encode()).unwrap(), ToUplink::Accepted);
}

/// What a batch asked to forget that vanished, or that did not open when its receipt came, was once never asked again.
#[test]
fn what_a_lost_batch_asked_to_forget_is_asked_again() {
    let site = Site::new("batch_delay = 0");
    let running = with_one_to_forget(&site);
    let asked = |batch: &[u8]| Batch::decode(batch).unwrap().forget;
    let first = running.uplink().next(0).unwrap().unwrap();
    assert!(!asked(&first).is_empty());
    running.stop();
    site.sqlite().execute_batch("DROP TRIGGER outbox_removed; DELETE FROM outbox;").unwrap();
    let running = site.start();
    running.until(|s| s["outbox"]["batches"] == 1);
    let mut uplink = running.uplink();
    let second = uplink.next(0).unwrap().unwrap();
    assert_eq!(asked(&second), asked(&first));
    let damage = "UPDATE outbox SET sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'00' AS BLOB)";
    assert_eq!(site.sqlite().execute(damage, []).unwrap(), 1);
    assert_eq!(uplink.receipt(&site.receipt(&second).encode()).unwrap(), ToUplink::Accepted);
    assert_eq!(running.status()["outbox"]["batches_lost"], 0, "the receiver has it");
}

/// A flipped bit once made the receipt of another batch that of a value that no batch had told.
#[test]
fn what_another_batch_is_said_to_have_asked_to_forget_is_asked_all_the_same() {
    let site = Site::new("batch_delay = 0");
    let running = site.start();
    hand_over(&running);
    running.until(|s| s["outbox"]["batches"] == 1);
    running.stop();
    site.configure("batch_delay = 0", "");
    let running = site.start();
    ask(&running, anna(), Action::Erase);
    running.stop();
    assert!(site.sqlite().execute("UPDATE tombstone SET batch = 1", []).unwrap() > 0);
    site.configure("batch_delay = 0", "receiver = \"receiver.example:443\"");
    let running = site.start();
    let mut batches = running.drain();
    running.until(|s| s["outbox"]["last_sequence"] == 2);
    batches.extend(running.drain());
    assert!(batches.iter().any(|batch| !batch.forget.is_empty()));
}

/// Somebody who has left is erased, and a batch waits that asks the receiver to forget.
fn with_one_to_forget(site: &Site) -> Running<'_> {
    let running = site.start();
    hand_over(&running);
    running.drain();
    ask(&running, anna(), Action::Erase);
    running.until(|s| s["outbox"]["batches"] == 1);
    running
}
