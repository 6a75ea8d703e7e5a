use headgate_record::{Mac, Value};

use super::*;
use crate::clock::Moment;
use crate::database::in_memory;
use crate::master::MasterKey;
use crate::segment;

fn device(last: u8, name: &str) -> Record {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceMac, Mac([0, 0x1b, 0x21, 0, 0, last])).unwrap();
    record.set(Field::DeviceHostname, name).unwrap();
    record.set(Field::DeviceFrames, 7u64).unwrap();
    record
}

fn flow(mac: u8, source: u16, destination: u16) -> Record {
    let address = |n: u16| Value::Address(std::net::Ipv4Addr::from(0x0a00_0000 | u32::from(n)).into());
    let mut record = Record::new(Kind::Flow);
    record.set(Field::FlowMac, Mac([0, 0x1b, 0x21, 0, 0, mac])).unwrap();
    record.set(Field::FlowSourceAddress, address(source)).unwrap();
    record.set(Field::FlowDestinationAddress, address(destination)).unwrap();
    record.set(Field::FlowPackets, u64::from(source)).unwrap();
    record
}

fn all(db: &Connection, keys: &Keys) -> Vec<Record> {
    let segments = segment::after(db, 0, 1_000).unwrap();
    segments.iter().flat_map(|s| segment::read(db, keys, s).unwrap()).collect()
}

fn rows(db: &Connection) -> (i64, i64) {
    let count = |which: &str| {
        db.query_row(&format!("SELECT COUNT(*) FROM identity WHERE shared = {which}"), [], |r| r.get(0))
            .unwrap()
    };
    (count("0"), count("1"))
}

#[test]
fn what_is_read_is_what_was_written_and_each_subject_has_one_row() {
    let (db, keys) = in_memory(&MasterKey::random());
    let mut written = Vec::new();
    for round in 0..4 {
        // A store that was started anew knows nothing beforehand.
        if round == 2 {
            keys.identities().forget();
        }
        // In the order of their classes, as segments are.
        let records =
            vec![flow(1, 5, 9), flow(2, 6, 9), device(1, "anna"), device(2, "ben"), device(1, "anna-2")];
        segment::insert(&db, &keys, keys.present(), records.clone(), Moment::default()).unwrap();
        written.extend(records);
    }
    assert_eq!(all(&db, &keys), written);
    assert_eq!(rows(&db), (2, 2), "an end's row is begun anew after a start");
}

#[test]
fn a_router_is_one_subject_and_the_addresses_behind_it_are_ends() {
    let (db, keys) = in_memory(&MasterKey::random());
    let records: Vec<_> = (0..600).map(|n| flow(1, n, n % 7)).collect();
    for part in records.chunks(100) {
        segment::insert(&db, &keys, keys.present(), part.to_vec(), Moment::default()).unwrap();
    }
    assert_eq!(all(&db, &keys), records);
    assert_eq!(rows(&db).0, 1);
    let ids: i64 = db.query_row("SELECT MIN(id) FROM identity WHERE shared = 0", [], |r| r.get(0)).unwrap();
    let row = Row::load(&db, &keys, number(ids)).unwrap().unwrap();
    assert_eq!(row.sources(), MAX_SOURCES);
}

#[test]
fn a_subject_whose_row_is_full_goes_on_in_another() {
    let (db, keys) = in_memory(&MasterKey::random());
    let records: Vec<_> = (0..600).map(|n| device(1, &format!("name-{n}"))).collect();
    segment::insert(&db, &keys, keys.present(), records.clone(), Moment::default()).unwrap();
    keys.identities().forget();
    segment::insert(&db, &keys, keys.present(), records.clone(), Moment::default()).unwrap();
    assert_eq!(all(&db, &keys), [records.clone(), records].concat());
    assert_eq!(rows(&db), (3, 0));
}

#[test]
fn a_deleted_row_makes_its_subject_nobody_in_every_segment() {
    let (db, keys) = in_memory(&MasterKey::random());
    for _ in 0..3 {
        let records = vec![device(1, "anna"), device(2, "ben")];
        segment::insert(&db, &keys, keys.present(), records, Moment::default()).unwrap();
    }
    let tag = keys.tag(keys.blind_epoch(), Identifier::Name, "anna").unwrap();
    let found = tagged(&db, tag).unwrap();
    assert_eq!(found.len(), 1);
    sweep::delete_all(&db, &keys, &found).unwrap();
    let left = all(&db, &keys);
    assert_eq!(left.len(), 6);
    assert!(left.iter().all(|r| r.get(Field::DeviceHostname) != Some(&"anna".into())));
    assert_eq!(left.iter().filter(|r| r.get(Field::DeviceMac).is_none()).count(), 3);
    assert!(tagged(&db, tag).unwrap().is_empty());
    let erased = segment::after(&db, 0, 1).unwrap()[0];
    let erased = segment::open(&db, &keys, &erased).unwrap();
    assert_eq!(erased.iter().map(|kept| kept.erased).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn rows_go_with_the_last_segment_that_mentions_them() {
    let (db, keys) = in_memory(&MasterKey::random());
    segment::insert(&db, &keys, keys.present(), vec![device(1, "anna"), flow(1, 3, 4)], Moment::default())
        .unwrap();
    segment::insert(&db, &keys, keys.present(), vec![device(2, "ben")], Moment::default()).unwrap();
    sweep::sweep(&db, &keys).unwrap();
    assert_eq!(rows(&db), (2, 1));
    // One of each class.
    segment::delete(&db, 1).unwrap();
    sweep::sweep(&db, &keys).unwrap();
    assert_eq!(rows(&db), (2, 0));
    segment::delete(&db, 2).unwrap();
    sweep::sweep(&db, &keys).unwrap();
    assert_eq!(rows(&db), (1, 0));
    assert_eq!(all(&db, &keys), [device(2, "ben")]);
    let tags: i64 = db.query_row("SELECT COUNT(*) FROM blind", [], |r| r.get(0)).unwrap();
    assert_eq!(tags, 2, "its MAC address and its name");
}

#[test]
fn a_subject_is_found_by_its_tags_alone_and_rows_open_in_their_place_only() {
    let (db, keys) = in_memory(&MasterKey::random());
    let records = vec![device(1, "anna"), device(2, "ben")];
    segment::insert(&db, &keys, keys.present(), records, Moment::default()).unwrap();
    db.execute_batch("UPDATE identity SET sealed = (SELECT sealed FROM identity WHERE id = 1) WHERE id = 2")
        .unwrap();
    assert!(Row::load(&db, &keys, 2).is_err());
    keys.identities().forget();
    assert_eq!(all(&db, &keys)[1].get(Field::DeviceMac), None, "as if erased: never another's name");
}

/// Keys that took turns once began a shared row each time.
#[test]
fn each_key_goes_on_with_its_own_shared_row() {
    let (db, mut keys) = in_memory(&MasterKey::random());
    let wrapped = keys.session_key(1).unwrap();
    let insert = "INSERT INTO session (number, id, committed, wrapped) VALUES (1, x'07', 0, ?1)";
    db.execute(insert, [wrapped]).unwrap();
    keys.reload(&db).unwrap();
    let mut sealing = segment::Sealing::new(&db, &keys, Moment::default()).unwrap();
    for n in 0..200 {
        let key = if n % 2 == 0 { keys.present() } else { KeyRef::Session(1) };
        sealing.push(key, &flow(1, 5, n)).unwrap();
    }
    sealing.finish().unwrap();
    assert_eq!(rows(&db), (2, 2));
}

/// Such a record was once an error of the database, at each hand-over from then on.
#[test]
fn what_tells_of_nobody_is_kept_without_a_row() {
    let (db, keys) = in_memory(&MasterKey::random());
    let mut nobody = Record::new(Kind::Device);
    nobody.set(Field::DeviceAddresses, Value::List(Vec::new())).unwrap();
    nobody.set(Field::DeviceFrames, 7u64).unwrap();
    segment::insert(&db, &keys, keys.present(), vec![nobody, device(1, "anna")], Moment::default()).unwrap();
    let kept = all(&db, &keys);
    assert_eq!(kept.iter().map(|r| r.get(Field::DeviceFrames).is_some()).collect::<Vec<_>>(), [true, true]);
    assert_eq!(rows(&db), (1, 0));
}

/// The bound is over octets too: names may be as long as a text is.
#[test]
fn names_that_are_remembered_take_no_more_octets_than_is_said() {
    let (db, keys) = in_memory(&MasterKey::random());
    let octets = || {
        let known = keys.identities().known.borrow();
        let sum = |names: &HashMap<Box<[u8]>, Spot>| names.keys().map(|name| name.len()).sum::<usize>();
        (sum(&known.young), sum(&known.old), known.young.len() + known.old.len())
    };
    let longest = headgate_record::MAX_TEXT + 64;
    let (mut most, mut seen) = (0, 0);
    // More than one generation takes, and fewer names than one may have.
    let names = MAX_NAMES / 2 * 3 / headgate_record::MAX_TEXT;
    for first in (0..names).step_by(512) {
        let devices = (first..first + 512)
            .map(|n| device(1, &format!("{n:0>width$}", width = headgate_record::MAX_TEXT)));
        segment::insert(&db, &keys, keys.present(), devices.collect(), Moment::default()).unwrap();
        let (young, old, count) = octets();
        assert!(young <= MAX_NAMES + longest && old <= MAX_NAMES + longest, "{young} {old}");
        (most, seen) = (most.max(young + old), seen.max(count));
    }
    assert!(most > MAX_NAMES && seen < MAX_KNOWN, "{most} octets of {seen} names");
}
