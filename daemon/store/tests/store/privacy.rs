//! What is in the files, and what is no longer.

use headgate_record::local::ControlRequest;
use headgate_record::{Field, Kind, Mac, Record};

use crate::site::{Site, device, device_with};

const MARKER: &str = "marker-laptop-of-somebody";
const MAC: [u8; 6] = [0x00, 0x5e, 0x77, 0xd1, 0x3c, 0xa9];
const RANDOMISED: [u8; 6] = [0x02, 0x5e, 0x77, 0xd1, 0x3c, 0xaa];

fn named(mac: [u8; 6]) -> Record {
    let mut record = device_with(mac, 1);
    record.set(Field::DeviceHostname, MARKER).unwrap();
    record
}

#[test]
fn no_file_of_the_store_holds_a_name_or_an_address_in_plain() {
    let site = Site::new("batch_delay = 0");
    let running = site.start();
    let records = vec![named(MAC), named(RANDOMISED)];
    running.sensor(1).hand_over(records).unwrap();
    running.until(|s| s["outbox"]["batches"] == 1);
    let shown = running.ask(&ControlRequest::Records { kind: "device".into(), limit: 10 });
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert_eq!(shown[0]["hostname"], MARKER, "local queries show what is kept");
    assert_absent(&site);
    running.stop();
    assert_absent(&site);
}

fn assert_absent(site: &Site) {
    for (path, bytes) in site.files() {
        let key = std::fs::read(site.path("credentials/master.key")).unwrap();
        for needle in [
            MARKER.as_bytes(),
            b"marker-laptop",
            &MAC,
            &RANDOMISED,
            b"00:5e:77",
            b"02:5e:77",
            b"005e77d1",
            &key,
        ] {
            assert!(!contains(&bytes, needle), "{} in {}", needle.escape_ascii(), path.display());
        }
    }
}

/// Once the stored pseudonym hid from the release gate that the address was randomised.
#[test]
fn a_randomised_address_is_withheld_though_only_its_pseudonym_is_stored() {
    for treatment in ["pseudonym", "drop"] {
        let site = Site::new("batch_delay = 0");
        let rules = format!("[collect.lease]\nmac = \"{treatment}\"\n");
        std::fs::write(site.path("rules.toml"), rules).unwrap();
        let running = site.start();
        let mut lease = Record::new(headgate_record::Kind::Lease);
        lease.set(Field::LeaseMac, headgate_record::Mac(RANDOMISED)).unwrap();
        running.sensor(1).hand_over(vec![lease, device(2)]).unwrap();
        let batches = running.drain();
        assert_eq!(batches.iter().map(|b| b.records.len()).sum::<usize>(), 1, "{treatment}");
        assert!(
            batches.iter().flat_map(|b| &b.withheld).any(|w| w.reason == "randomised-mac"),
            "{treatment}"
        );
    }
}

#[test]
fn a_randomised_address_is_withheld_and_counted() {
    let site = Site::new("batch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over(vec![named(RANDOMISED), device(2)]).unwrap();
    let batches = running.drain();
    assert_eq!(batches.iter().map(|b| b.records.len()).sum::<usize>(), 1);
    let withheld: Vec<_> = batches.iter().flat_map(|b| &b.withheld).collect();
    assert_eq!((withheld[0].reason.as_str(), withheld[0].records), ("randomised-mac", 1));
}

#[test]
fn what_is_kept_for_a_session_is_gone_from_the_files_when_the_next_begins() {
    let site = Site::new("");
    site.configure("batch_delay = 0", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    sensor.hand_over(vec![named(RANDOMISED), device(2)]).unwrap();
    running.stop();
    let db = site.sqlite();
    let (ciphertext, number): (Vec<u8>, i64) = db
        .query_row("SELECT sealed, session FROM segment WHERE session IS NOT NULL", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    let wrapped: Vec<u8> =
        db.query_row("SELECT wrapped FROM session WHERE number = ?1", [number], |r| r.get(0)).unwrap();
    drop(db);
    let (ciphertext, wrapped) = (&ciphertext[13..45], &wrapped[13..45]);
    assert!(site.files().iter().any(|(_, bytes)| contains(bytes, ciphertext)));

    let running = site.start();
    running.sensor(1);
    assert_eq!(running.status()["records"]["device"], 2, "the same session goes on");
    running.sensor(2);
    let status = running.status();
    assert_eq!(status["records"]["device"], 1);
    assert_eq!((&status["lost"][0]["reason"], &status["missing"]), (&"session-ended".into(), &0.into()));
    for (path, bytes) in site.files() {
        assert!(!contains(&bytes, ciphertext), "segment in {}", path.display());
        assert!(!contains(&bytes, wrapped), "key in {}", path.display());
    }
    let mut old = running.sensor(1);
    assert_eq!(old.committed, 2, "the numbering of the old session is remembered");
    assert_eq!(old.hand_over(vec![named(RANDOMISED)]), Some(3));
}

#[test]
fn an_ended_session_hands_over_nothing_more() {
    let site = Site::new("");
    let running = site.start();
    let mut old = running.sensor(1);
    let mut new = running.sensor(2);
    assert_eq!(old.hand_over(vec![device(1)]), None);
    assert_eq!(new.hand_over(vec![device(1)]), Some(1));
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|w| w == needle)
}

#[test]
fn the_name_of_a_group_is_in_a_batch_once_enough_stations_are_in_it() {
    let site = Site::new("");
    let rules = "[collect.authentication]\nassigned_vlan = \"keep\"\n[release]\ngroup_size = 3\n\
                 [release.authentication]\nassigned_vlan = \"group\"\n";
    std::fs::write(site.path("rules.toml"), rules).unwrap();
    let authentication = |last, group: &str| {
        let mut record = Record::new(Kind::Authentication);
        record.set(Field::AuthenticationMac, Mac([0x00, 0x10, 0x20, 0, 0, last])).unwrap();
        record.set(Field::AuthenticationAssignedVlan, group).unwrap();
        record
    };
    let running = site.start();
    let records = vec![authentication(1, "clinic"), authentication(2, "clinic"), authentication(2, "board")];
    running.sensor(1).hand_over(records).unwrap();
    let names = || {
        let preview = running.ask(&ControlRequest::Preview { limit: 10 });
        let records = preview["records"].as_array().unwrap().clone();
        records.iter().map(|r| r["assigned_vlan"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(names(), [None, None, None]);
    running.sensor(1).hand_over_from(4, vec![authentication(3, "clinic")]).unwrap();
    let clinic = || Some("clinic".to_owned());
    assert_eq!(names(), [clinic(), clinic(), None, clinic()]);
    // No group and no station stands in the file.
    assert!(site.files().iter().all(|(_, octets)| !octets.windows(6).any(|w| w == b"clinic")));
}
