//! A person is found, shown, set right and forgotten; and what is forgotten is nowhere.

use headgate_record::batch::Batch;
use headgate_record::local::{ControlRequest, ToUplink};
use headgate_record::subject::{Action, Who};
use headgate_record::{Field, Kind, Mac, Record, Value};
use serde_json::Value as Json;

use crate::site::{Running, Site, device};

pub const ANNA: [u8; 6] = [0x00, 0x5e, 0x77, 0xd1, 0x3c, 0xa9];
const BEN: [u8; 6] = [0x00, 0x5e, 0x77, 0xd1, 0x3c, 0xb0];
const VISITOR: [u8; 6] = [0x02, 0x5e, 0x77, 0xd1, 0x3c, 0xc1];
pub const HOUR: u64 = 3_600_000_000_000;

fn address(last: u8) -> Value {
    Value::Address([10, 9, 8, last].into())
}

fn lease(mac: [u8; 6], last: u8, name: &str, hour: u64) -> Record {
    let mut record = Record::new(Kind::Lease);
    record.set(Field::LeaseMac, Mac(mac)).unwrap();
    record.set(Field::LeaseAddress, address(last)).unwrap();
    record.set(Field::LeaseHostname, name).unwrap();
    record.set(Field::LeaseState, "bound").unwrap();
    record.set(Field::LeaseGranted, Value::Time(hour * HOUR)).unwrap();
    record.set(Field::LeaseExpires, Value::Time((hour + 2) * HOUR)).unwrap();
    record
}

fn flow(mac: [u8; 6], source: u8, destination: u8) -> Record {
    let mut record = Record::new(Kind::Flow);
    record.set(Field::FlowMac, Mac(mac)).unwrap();
    record.set(Field::FlowSourceAddress, address(source)).unwrap();
    record.set(Field::FlowDestinationAddress, address(destination)).unwrap();
    record.set(Field::FlowPackets, u64::from(source)).unwrap();
    record
}

fn site_of_two(store: &str, uplink: &str) -> Site {
    let site = Site::new("");
    site.configure(store, uplink);
    site
}

pub fn hand_over(running: &Running<'_>) {
    let mut sensor = running.sensor(1);
    let records = vec![
        lease(ANNA, 5, "anna-laptop", 100),
        lease(BEN, 5, "ben-phone", 200),
        flow(ANNA, 5, 200),
        flow(BEN, 6, 5),
        lease(VISITOR, 7, "visitor-tablet", 100),
        device(1),
    ];
    sensor.hand_over(records).unwrap();
}

pub fn ask(running: &Running<'_>, who: Who, action: Action) -> Json {
    running.ask(&ControlRequest::Subject { who, action })
}

pub fn anna() -> Who {
    Who::Mac("00-5E-77-D1-3C-A9".into())
}

fn records(running: &Running<'_>, kind: &str) -> String {
    running.ask(&ControlRequest::Records { kind: kind.into(), limit: 100 }).to_string()
}

#[test]
fn a_person_is_found_by_address_name_and_mac_and_at_a_time() {
    let site = site_of_two("batch_delay = 0", "");
    let running = site.start();
    hand_over(&running);
    let macs = |who: Who| {
        let found = ask(&running, who, Action::Find);
        let subjects = found["subjects"].as_array().unwrap().clone();
        subjects.iter().map(|s| s["macs"][0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (a, b) = ("00:5e:77:d1:3c:a9", "00:5e:77:d1:3c:b0");
    assert_eq!(macs(anna()), [a]);
    assert_eq!(macs(Who::Name("ANNA-laptop".into())), [a]);
    assert_eq!(macs(Who::Name("visitor-tablet".into())), ["02:5e:77:d1:3c:c1"]);
    let at = |hour: Option<u64>| Who::Address {
        address: "10.9.8.5".into(),
        at_ms: hour.map(|h| h * HOUR / 1_000_000),
    };
    assert_eq!(macs(at(None)), [a, b]);
    assert_eq!(macs(at(Some(101))), [a]);
    assert_eq!(macs(at(Some(201))), [b]);
    assert_eq!(macs(at(Some(150))), [""; 0]);
    assert_eq!(macs(Who::Name("nobody".into())), [""; 0]);
    let several = running.refused(&ControlRequest::Subject { who: at(None), action: Action::Erase });
    assert!(several.contains("2 are found by this"), "{several}");
    let bad = running.refused(&ControlRequest::Subject { who: Who::Mac("x".into()), action: Action::Find });
    assert!(bad.contains("not a MAC address"), "{bad}");
}

#[test]
fn all_records_of_a_person_are_exported_in_pages() {
    let site = site_of_two("batch_delay = 0", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for hour in 0..10 {
        let records =
            vec![lease(ANNA, 5, "anna-laptop", hour), flow(ANNA, 5, 1), lease(BEN, 6, "ben-phone", hour)];
        sensor.hand_over(records).unwrap();
    }
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = ask(&running, anna(), Action::Export { after, limit: 3 });
        all.extend(page["records"].as_array().unwrap().clone());
        assert_eq!(page["subject"].is_null(), after > 0);
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|record| record["mac"] == "00:5e:77:d1:3c:a9"), "{all:?}");
    let of = |kind: &str| all.iter().filter(|record| record["kind"] == kind).count();
    assert_eq!((of("lease"), of("flow")), (10, 10));
}

#[test]
fn a_person_who_is_erased_is_in_no_record_and_no_file() {
    let site = site_of_two("batch_delay = 0", "");
    let running = site.start();
    hand_over(&running);
    running.stop();
    // What the row, its key and its tags look like on disk.
    let mut remains = Vec::new();
    let rows: Vec<(Vec<u8>, Vec<u8>)> = {
        let db = site.sqlite();
        let mut rows = db.prepare("SELECT wrapped, sealed FROM identity").unwrap();
        rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    for (wrapped, sealed) in rows {
        remains.push((wrapped[13..45].to_vec(), sealed[13..29].to_vec()));
    }
    let running = site.start();
    let in_files = || {
        let files = site.files();
        let there =
            |needle: &[u8]| files.iter().any(|(_, octets)| octets.windows(needle.len()).any(|w| w == needle));
        remains.iter().filter(|(wrapped, sealed)| there(wrapped) || there(sealed)).count()
    };
    assert_eq!(in_files(), remains.len());
    let before = (records(&running, "lease"), records(&running, "flow"));
    assert!(before.0.contains("anna-laptop") && before.1.contains("00:5e:77:d1:3c:a9"));

    let done = ask(&running, anna(), Action::Erase);
    assert_eq!((&done["rows"], &done["wal_cut"]), (&1.into(), &true.into()), "{done}");
    // Hers and the one of the ends, which has another key now.
    assert_eq!(in_files(), remains.len() - 2);
    let after = (records(&running, "lease"), records(&running, "flow"));
    assert!(!after.0.contains("anna-laptop") && after.0.contains("ben-phone"), "{}", after.0);
    assert!(!after.1.contains("00:5e:77:d1:3c:a9") && after.1.contains("00:5e:77:d1:3c:b0"), "{}", after.1);
    assert!(
        !after.1.contains("10.9.8.5") && after.1.contains("10.9.8.6"),
        "an end of another's flow: {}",
        after.1
    );
    let found = ask(&running, anna(), Action::Find);
    assert_eq!(found["subjects"], Json::Array(Vec::new()));
    let again = running.refused(&ControlRequest::Subject { who: anna(), action: Action::Erase });
    assert!(again.contains("nobody is found"), "{again}");
    let ledger = running.ask(&ControlRequest::Ledger { limit: 1 });
    assert_eq!((&ledger["verified"], &ledger["entries"][0]["event"]), (&true.into(), &"erased".into()));

    // Whoever comes back is somebody new; a visitor with a randomised address can be erased as well.
    running.sensor(1).hand_over_from(7, vec![lease(ANNA, 9, "anna-again", 300)]).unwrap();
    assert!(records(&running, "lease").contains("anna-again"));
    ask(&running, Who::Name("visitor-tablet".into()), Action::Erase);
    assert!(!records(&running, "lease").contains("visitor-tablet"));
    running.stop();
    let running = site.start();
    assert!(!records(&running, "lease").contains("anna-laptop"));
    assert_eq!(running.status()["missing"], 0);
}

#[test]
fn what_waits_to_be_sent_is_written_anew_and_the_receiver_is_told() {
    let site = Site::new("batch_records = 2\nbatch_delay = 0");
    let running = site.start();
    hand_over(&running);
    running.until(|s| s["waiting"] == 0);
    let mut uplink = running.uplink();
    let first = uplink.next(0).unwrap().unwrap();
    let sent = Batch::decode(&first).unwrap();
    let pseudonym = sent.records[0].anchor().unwrap().1.to_string();
    let names = |batch: &Batch| {
        batch.records.iter().any(|r| r.identifiers().any(|(_, v)| v.to_string() == pseudonym))
    };
    assert!(names(&sent));
    let done = ask(&running, anna(), Action::Erase);
    assert!(done["batches"].as_u64().unwrap() >= 1 && done["tombstone"].as_u64().unwrap() >= 1, "{done}");
    // A receipt of what it was before is refused, and it is sent as it is now.
    let ToUplink::Refused { .. } = uplink.receipt(&site.receipt(&first).encode()).unwrap() else {
        panic!("old")
    };
    let anew = Batch::decode(&uplink.next(0).unwrap().unwrap()).unwrap();
    assert_eq!(anew.id, sent.id);
    assert_eq!(anew.replaces, [headgate_record::batch::digest(&first)]);
    let batches = running.drain();
    assert_eq!(
        batches.iter().map(|b| b.id.sequence).collect::<Vec<_>>(),
        (1..=batches.len() as u64).collect::<Vec<_>>()
    );
    assert!(!batches.iter().any(names));
    let told: Vec<_> = batches.iter().flat_map(|b| &b.forget).collect();
    assert!(told.contains(&&pseudonym), "{told:?}");
    let withheld: u64 =
        batches.iter().flat_map(|b| &b.withheld).filter(|w| w.reason == "erased").map(|w| w.records).sum();
    assert_eq!(withheld, 2, "her lease and her flow");
    assert_eq!(running.status()["outbox"]["batches_lost"], 0);
}

/// Whoever was no longer in the buffer was once not found, though in what waited to be sent and at the receiver.
#[test]
fn what_is_not_yet_released_of_an_erased_person_does_not_leave() {
    let site = site_of_two("batch_delay = 0", "");
    let running = site.start();
    hand_over(&running);
    ask(&running, anna(), Action::Erase);
    running.stop();
    site.configure("batch_delay = 0", "receiver = \"receiver.example:443\"");
    let running = site.start();
    let batches = running.drain();
    let leases = batches.iter().flat_map(|b| &b.records).filter(|r| r.kind() == Kind::Lease).count();
    assert_eq!(leases, 1, "of two that may leave");
    let withheld: Vec<_> =
        batches.iter().flat_map(|b| &b.withheld).filter(|w| w.reason == "erased").collect();
    assert_eq!(withheld.iter().map(|w| w.records).sum::<u64>(), 2, "{withheld:?}");
}

#[test]
fn a_correction_holds_for_all_that_is_kept_and_is_not_silent() {
    let site = site_of_two("batch_delay = 0", "");
    let running = site.start();
    hand_over(&running);
    let correct = |field: &str, value: &str| Action::Correct { field: field.into(), value: value.into() };
    let done = ask(&running, anna(), correct("lease.hostname", "anne-laptop"));
    assert_eq!(done["places"], 1);
    let done = ask(&running, anna(), correct("lease.state", "released"));
    assert_eq!(done["places"], 1);
    let page = ask(&running, anna(), Action::Export { after: 0, limit: 10 });
    let kept = &page["records"][1];
    let kept = if kept["kind"] == "lease" { kept } else { &page["records"][0] };
    assert_eq!((&kept["hostname"], &kept["state"]), (&"anne-laptop".into(), &"released".into()), "{page}");
    let corrections: Vec<_> =
        page["subject"]["corrections"].as_array().unwrap().iter().map(|c| c["field"].clone()).collect();
    assert_eq!(corrections, ["lease.hostname", "lease.state"]);
    assert_eq!(
        ask(&running, Who::Name("anna-laptop".into()), Action::Find)["subjects"],
        Json::Array(Vec::new())
    );
    assert_eq!(
        ask(&running, Who::Name("anne-laptop".into()), Action::Find)["subjects"][0]["names"][0],
        "anne-laptop"
    );
    assert!(records(&running, "lease").contains("ben-phone"), "others stay as they are");
    for (field, value, why) in [
        ("lease.mac", "00:00:00:00:00:01", "says whose record it is"),
        ("lease.duration", "long", "no value of this field's type"),
        ("device.hostname", "x", "nothing that is kept"),
        ("lease.color", "red", "no such field"),
    ] {
        let refused =
            running.refused(&ControlRequest::Subject { who: anna(), action: correct(field, value) });
        assert!(refused.contains(why), "{field}: {refused}");
    }
    let ledger = running.ask(&ControlRequest::Ledger { limit: 10 });
    let text = ledger.to_string();
    assert!(
        text.contains("corrected") && text.contains("lease.hostname") && !text.contains("anne-laptop"),
        "{text}"
    );
}

/// A store as version 0.1.0 with schema 2 left it: 79 records of tests/golden/site.pcap in five segments whose records say
/// who they are about.
#[test]
fn persons_in_segments_of_an_earlier_format_are_found_and_erased() {
    let site = Site::new("");
    let database = zstd::stream::decode_all(include_bytes!("schema-2/store.db.zst").as_slice()).unwrap();
    std::fs::write(site.database(), database).unwrap();
    let key = site.path("credentials/master.key");
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&key, include_bytes!("schema-2/master.key")).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    site.configure("batch_delay = 0", "");
    let old: Vec<Vec<u8>> = {
        let db = site.sqlite();
        let mut sealed = db.prepare("SELECT substr(sealed, 14, 24) FROM segment").unwrap();
        sealed.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(old.len(), 5);
    let running = site.start();
    let find = ControlRequest::Subject { who: Who::Name("laptop-anna".into()), action: Action::Find };
    let found = running.answered(&find);
    let mac = found["subjects"][0]["macs"][0].as_str().unwrap().to_owned();
    let count = |kind: &str| running.ask(&ControlRequest::Records { kind: kind.into(), limit: 100 });
    let all = |status: &Json| -> u64 {
        status["records"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
    };
    assert_eq!(all(&running.status()), 79);
    assert_eq!(count("lease").as_array().unwrap().len(), 4);
    assert!(count("lease").to_string().contains("laptop-anna"));
    ask(&running, Who::Mac(mac.clone()), Action::Erase);
    for kind in ["device", "lease", "exchange", "flow", "neighbor"] {
        let shown = count(kind).to_string();
        assert!(!shown.contains(&mac) && !shown.contains("laptop-anna"), "{kind}: {shown}");
    }
    assert_eq!((all(&running.status()), &running.status()["missing"]), (79, &0.into()));
    running.stop();
    for (path, octets) in site.files() {
        for part in &old {
            assert!(!octets.windows(part.len()).any(|w| w == part.as_slice()), "{}", path.display());
        }
    }
}

/// What was acknowledged a moment before waits for others; whoever is erased is not in it either.
#[test]
fn somebody_whose_records_wait_for_a_segment_is_found_and_erased() {
    let site = Site::new("batch_delay = 3600");
    let running = site.start();
    let mut sensor = running.sensor(1);
    sensor.hand_over((1..=5).map(device).collect()).unwrap();
    let mac = |number: u64| match device(number).get(Field::DeviceMac) {
        Some(Value::Mac(mac)) => mac.to_string(),
        other => panic!("{other:?}"),
    };
    // Of the filling into which hand-overs go, and of the next.
    let wrapped = || {
        ["tail_key", "tail_key_odd"].map(|name| -> Vec<u8> {
            let key = "SELECT value FROM meta WHERE name = ?1";
            site.sqlite().query_row(key, [name], |r| r.get(0)).unwrap()
        })
    };
    sensor.hand_over((6..=10).map(device).collect()).unwrap();
    let waits = "SELECT COUNT(*) FROM tail WHERE part <> zeroblob(length(part))";
    let waits = || site.sqlite().query_row(waits, [], |r| r.get::<_, i64>(0)).unwrap();
    assert!(waits() > 0, "it waits, and is nowhere else");
    let before = wrapped();
    let who = || Who::Mac(mac(7));
    let done = running.ask(&ControlRequest::Subject { who: who(), action: Action::Erase });
    assert_eq!((&done["rows"], &done["wal_cut"]), (&1.into(), &true.into()), "{done}");
    assert_eq!(waits(), 0, "not even what nobody can read is left");
    for (before, after) in before.iter().zip(wrapped()) {
        assert_ne!(*before, after);
        let key = &before[13..];
        let is_left = |octets: &[u8]| octets.windows(key.len()).any(|window| window == key);
        assert!(
            !site.files().iter().any(|(_, octets)| is_left(octets)),
            "the key of what waited is in no file"
        );
    }
    let found = running.ask(&ControlRequest::Subject { who: who(), action: Action::Find });
    assert_eq!(found["subjects"], Json::Array(Vec::new()));
}
