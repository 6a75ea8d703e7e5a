use headgate_record::{Kind, Record};

use super::*;
use crate::clock::Moment;
use crate::database::in_memory;
use crate::segment;

fn device() -> Vec<Record> {
    vec![Record::new(Kind::Device)]
}

#[test]
fn pseudonyms_differ_by_gate_and_by_epoch() {
    let (db, mut keys) = in_memory(&MasterKey::random());
    let first = keys.pseudonym(Purpose::Release, b"value");
    assert_eq!(first, keys.pseudonym(Purpose::Release, b"value"));
    assert_ne!(first, keys.pseudonym(Purpose::Collect, b"value"));
    assert!(!keys.is_rotation_due(1_000 + EPOCH_MS - 1));
    assert!(keys.is_rotation_due(1_000 + EPOCH_MS));
    keys.rotate(&db, Rotation::All, 1_000 + EPOCH_MS).unwrap();
    keys.reload(&db).unwrap();
    assert_ne!(first, keys.pseudonym(Purpose::Release, b"value"));
    assert!(!keys.is_rotation_due(1_000 + EPOCH_MS));
    // The key of the first period is destroyed, so that nobody can make its pseudonyms again.
    let pseudonym_keys = "SELECT COUNT(*) FROM key WHERE purpose IN (2, 3) AND epoch = 1";
    assert_eq!(db.query_row(pseudonym_keys, [], |r| r.get::<_, i64>(0)).unwrap(), 0);
}

/// An epoch that began while the clock ran years ahead once lasted for years.
#[test]
fn an_epoch_that_began_in_the_future_is_over() {
    let (db, mut keys) = in_memory(&MasterKey::random());
    keys.rotate(&db, Rotation::All, 50 * EPOCH_MS).unwrap();
    keys.reload(&db).unwrap();
    assert!(keys.is_rotation_due(EPOCH_MS));
    assert!(!keys.is_rotation_due(50 * EPOCH_MS - 1_000));
}

#[test]
fn an_epoch_keeps_its_keys_as_long_as_something_is_sealed_under_them() {
    let (db, mut keys) = in_memory(&MasterKey::random());
    segment::insert(&db, &keys, keys.present(), device(), Moment::default()).unwrap();
    for _ in 0..2 {
        keys.rotate(&db, Rotation::All, 2_000).unwrap();
        keys.reload(&db).unwrap();
    }
    assert!(keys.has(KeyRef::Epoch(1)) && keys.has(KeyRef::Epoch(3)));
    let old = segment::after(&db, 0, 1).unwrap()[0];
    assert_eq!(segment::read(&db, &keys, &old).unwrap().len(), 1);
    segment::delete(&db, old.id).unwrap();
    keys.rotate(&db, Rotation::All, 3_000).unwrap();
    keys.reload(&db).unwrap();
    assert!(!keys.has(KeyRef::Epoch(1)) && !keys.has(KeyRef::Epoch(2)) && keys.has(KeyRef::Epoch(4)));
    assert_eq!(keys.blind_epochs().collect::<Vec<_>>(), [4]);
}

#[test]
fn one_key_is_rotated_and_the_others_stay() {
    for rotation in [Rotation::Data, Rotation::Pseudonym, Rotation::Blind] {
        let (db, mut keys) = in_memory(&MasterKey::random());
        segment::insert(&db, &keys, keys.present(), device(), Moment::default()).unwrap();
        let before = (keys.pseudonym(Purpose::Release, b"x"), keys.present(), keys.blind_epoch());
        keys.rotate(&db, rotation, 2_000).unwrap();
        keys.reload(&db).unwrap();
        let after = (keys.pseudonym(Purpose::Release, b"x"), keys.present(), keys.blind_epoch());
        let changed = (before.0 != after.0, before.1 != after.1, before.2 != after.2);
        let expected = [Rotation::Pseudonym, Rotation::Data, Rotation::Blind].map(|r| r == rotation);
        assert_eq!(changed, expected.into(), "{rotation:?}");
        let old = segment::after(&db, 0, 1).unwrap()[0];
        assert_eq!(segment::read(&db, &keys, &old).unwrap().len(), 1);
    }
}

#[test]
fn a_master_key_of_another_store_unwraps_nothing() {
    let (db, keys) = in_memory(&MasterKey::random());
    assert!(Keys::load(&db, &MasterKey::random(), keys.database, 0).is_err());
}
