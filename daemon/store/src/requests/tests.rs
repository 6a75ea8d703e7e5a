use headgate_record::batch::BatchId;
use headgate_record::receipt::Statement;

use super::*;
use crate::database::in_memory;
use crate::keys::Rotation;
use crate::master::MasterKey;

fn receipt(request: Vec<u8>) -> Vec<u8> {
    let id = BatchId { appliance: "site-1".into(), epoch: 1, sequence: 1 };
    let statement = Statement { id, digest: [1; 32], records: 0, stored_ms: 1, forgotten: None, request };
    Receipt { statement, signature: [0; 64] }.encode()
}

fn look(id: u8, expires: u64) -> Request {
    Request {
        id: RequestId([id; 8]),
        ask: Ask::Look,
        expires,
        why: "the meaning of it".into(),
        minutes: 0,
        content: String::new(),
    }
}

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

fn events(db: &Connection) -> Vec<String> {
    let entries = ledger::after(db, 0, 1_000).unwrap().into_iter();
    entries.map(|entry| entry.event).filter(|event| event.starts_with("request")).collect()
}

fn states(db: &Connection, keys: &Keys, now_ms: u64) -> Vec<String> {
    let listed = list(db, keys, now_ms).unwrap();
    listed["requests"].as_array().unwrap().iter().map(|r| r["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_request_that_is_said_again_is_one_and_its_content_is_sealed_until_it_is_settled() {
    let (db, mut keys) = in_memory(&MasterKey::random());
    let rules = rules("[requests]\nlook = true");
    let said = receipt(look(7, 1_000).encode());
    for _ in 0..3 {
        receive(&db, &keys, &rules, &said, 5).unwrap();
    }
    assert_eq!((waiting(&db, 5).unwrap(), events(&db)), (1, vec!["request-received".to_owned()]));
    let sealed = |db: &Connection| -> Option<Vec<u8>> {
        db.query_row("SELECT sealed FROM request", [], |r| r.get(0)).unwrap()
    };
    assert!(!sealed(&db).unwrap().windows(7).any(|octets| octets == b"meaning"));
    // The key that it is sealed with stays while it is.
    for _ in 0..2 {
        keys.rotate(&db, Rotation::All, 2_000).unwrap();
        keys.reload(&db).unwrap();
    }
    assert_eq!(list(&db, &keys, 5).unwrap()["requests"][0]["why"], "the meaning of it");
    let id = RequestId([7; 8]).to_string();
    assert!(done(&db, &keys, &id, true, 6).is_err(), "it was not allowed");
    assert_eq!(decide(&db, &keys, &rules, &id, true, 6).unwrap()["state"], "allowed");
    assert!(decide(&db, &keys, &rules, &id, false, 6).is_err(), "it is decided");
    done(&db, &keys, &id, true, 7).unwrap();
    assert!(sealed(&db).is_none());
    assert_eq!(events(&db), ["request-received", "request-allowed", "request-done"]);
    receive(&db, &keys, &rules, &said, 8).unwrap();
    assert_eq!(states(&db, &keys, 8), ["done"]);
}

#[test]
fn what_it_is_too_late_for_can_no_longer_be_allowed() {
    let (db, keys) = in_memory(&MasterKey::random());
    let rules = rules("[requests]\nlook = true");
    receive(&db, &keys, &rules, &receipt(look(1, 10).encode()), 5).unwrap();
    receive(&db, &keys, &rules, &receipt(look(2, 10).encode()), 5).unwrap();
    let (first, second) = (RequestId([1; 8]).to_string(), RequestId([2; 8]).to_string());
    decide(&db, &keys, &rules, &first, true, 10_000).unwrap();
    assert_eq!(waiting(&db, 10_001).unwrap(), 0);
    assert!(decide(&db, &keys, &rules, &second, true, 10_001).is_err());
    let mut found = states(&db, &keys, 10_001);
    found.sort();
    assert_eq!(found, ["allowed", "expired"]);
    assert!(states(&db, &keys, 10_001 + LONGEST_MS).contains(&"given-up".to_owned()));
}

#[test]
fn rules_that_have_changed_meanwhile_decide() {
    let (db, keys) = in_memory(&MasterKey::random());
    receive(&db, &keys, &rules("[requests]\nlook = true"), &receipt(look(1, 10).encode()), 5).unwrap();
    let id = RequestId([1; 8]).to_string();
    assert!(decide(&db, &keys, &rules(""), &id, true, 6).is_err());
    assert_eq!(states(&db, &keys, 6), ["waiting"]);
    decide(&db, &keys, &rules(""), &id, false, 6).unwrap();
    assert_eq!(states(&db, &keys, 6), ["refused"]);
}

#[test]
fn so_many_are_kept_and_what_cannot_be_read_is_refused_and_said() {
    let (db, keys) = in_memory(&MasterKey::random());
    let (open, closed) = (rules("[requests]\nlook = true"), rules(""));
    let count = || -> u32 { db.query_row("SELECT COUNT(*) FROM request", [], |r| r.get(0)).unwrap() };
    for id in 0..200 {
        receive(&db, &keys, &closed, &receipt(look(id, 10).encode()), id.into()).unwrap();
    }
    assert!(count() <= KEPT + 1, "{}", count());
    for id in 0..200 {
        let mut request = look(id, 10);
        request.id.0[0] = request.id.0[0].wrapping_add(1);
        receive(&db, &keys, &open, &receipt(request.encode()), 300).unwrap();
    }
    assert_eq!(count(), MAX_REQUESTS);
    let before = events(&db).len();
    receive(&db, &keys, &open, &receipt(b"not one".to_vec()), 400).unwrap();
    assert_eq!(events(&db)[before..], ["request-refused".to_owned()]);
    receive(&db, &keys, &open, &receipt(Vec::new()), 400).unwrap();
    assert_eq!(events(&db).len(), before + 1);
    assert_eq!(ledger::verify(&db, u32::MAX).unwrap().broken_at, None);
}
