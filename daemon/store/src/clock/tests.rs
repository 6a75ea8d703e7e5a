use headgate_record::{Field, Kind, Record, Value};

use super::*;
use crate::database::in_memory;
use crate::keys::Keys;
use crate::master::MasterKey;
use crate::{retain, segment};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
const YEAR: u64 = 365 * DAY;
const START: u64 = 50 * YEAR;

fn at(boot: u8, monotonic_ms: u64, wall_ms: u64) -> Reading {
    Reading { boot: [boot; 16], monotonic_ms, wall_ms, synchronised: false }
}

fn insert(db: &Connection, keys: &Keys, moment: Moment) {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceFirstSeen, Value::Time(moment.wall_ms * 1_000_000)).unwrap();
    segment::insert(db, keys, keys.present(), vec![record], moment).unwrap();
}

fn times(db: &Connection, keys: &Keys) -> Vec<u64> {
    let segments = segment::after(db, 0, 100).unwrap();
    let records = segments.iter().flat_map(|s| segment::read(db, keys, s).unwrap());
    records
        .map(|record| match record.get(Field::DeviceFirstSeen) {
            Some(Value::Time(ns)) => ns / 1_000_000,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn times_before_the_first_synchronisation_of_a_boot_are_corrected() {
    let (db, keys) = in_memory(&MasterKey::random());
    let mut clock = Clock::load(&db, &at(1, 1_000, 5_000)).unwrap();
    for monotonic in [2_000, 3_000] {
        let moment = clock.observe(&db, &at(1, monotonic, monotonic + 4_000)).unwrap();
        insert(&db, &keys, moment);
    }
    // The time service sets the clock ten seconds after the boot.
    let moment = clock.observe(&db, &at(1, 10_000, START + 10_000)).unwrap();
    insert(&db, &keys, moment);
    assert_eq!(times(&db, &keys), [START + 2_000, START + 3_000, START + 10_000]);
    // What somebody does to it later corrects nothing.
    let moment = clock.observe(&db, &at(1, 20_000, 9 * YEAR)).unwrap();
    insert(&db, &keys, moment);
    assert_eq!(times(&db, &keys), [START + 2_000, START + 3_000, START + 10_000, 9 * YEAR]);
    // Nor does a later boot, and slow discipline is no step.
    let mut clock = Clock::load(&db, &at(2, 1_000, 7_000)).unwrap();
    clock.observe(&db, &at(2, 60_000, START + DAY)).unwrap();
    clock.observe(&db, &at(2, 61_000, START + DAY + 1_500)).unwrap();
    assert_eq!(times(&db, &keys), [START + 2_000, START + 3_000, START + 10_000, 9 * YEAR]);
}

#[test]
fn a_store_that_is_started_again_in_the_same_boot_still_corrects() {
    let (db, keys) = in_memory(&MasterKey::random());
    let mut clock = Clock::load(&db, &at(1, 1_000, 5_000)).unwrap();
    let moment = clock.observe(&db, &at(1, 2_000, 6_000)).unwrap();
    insert(&db, &keys, moment);
    // The clock was set while it was away.
    Clock::load(&db, &at(1, 50_000, START + 50_000)).unwrap();
    assert_eq!(times(&db, &keys), [START + 2_000]);
}

#[test]
fn a_clock_that_jumps_deletes_nothing_and_time_that_passes_does() {
    let (db, keys) = in_memory(&MasterKey::random());
    let periods = [60 * DAY; 3];
    let mut clock = Clock::load(&db, &at(1, 0, START)).unwrap();
    let moment = clock.observe(&db, &at(1, MINUTE, START + MINUTE)).unwrap();
    insert(&db, &keys, moment);
    // Ten years ahead, back, and before it all.
    for wall in [START + 10 * YEAR, START, YEAR, START] {
        let moment = clock.observe(&db, &at(1, 2 * MINUTE, wall)).unwrap();
        assert_eq!(retain::expire(&db, &keys, &periods, moment).unwrap(), 0, "{wall}");
    }
    let moment = clock.observe(&db, &at(1, 60 * DAY, START + 60 * DAY)).unwrap();
    assert_eq!(retain::expire(&db, &keys, &periods, moment).unwrap(), 0);
    let moment = clock.observe(&db, &at(1, 60 * DAY + 2 * MINUTE, START)).unwrap();
    assert_eq!(
        retain::expire(&db, &keys, &periods, moment).unwrap(),
        1,
        "though the wall clock says its first day"
    );
    assert_eq!(segment::missing(&db).unwrap(), 0);
}

#[test]
fn time_between_boots_counts_between_synchronised_clocks_only() {
    for (first, second, lived) in [(true, true, 30 * DAY), (false, true, 0), (true, false, 0)] {
        let (db, _) = in_memory(&MasterKey::random());
        let reading =
            |boot, monotonic, wall, synchronised| Reading { synchronised, ..at(boot, monotonic, wall) };
        let mut clock = Clock::load(&db, &reading(1, 0, START, first)).unwrap();
        let before = clock.observe(&db, &reading(1, DAY, START + DAY, first)).unwrap().lived_ms;
        assert_eq!(before, DAY);
        // Off for thirty days; it boots with a clock that is right, or says so by chance.
        let wall = START + 31 * DAY;
        let mut clock = Clock::load(&db, &reading(2, 5_000, wall + 5_000, second)).unwrap();
        let after = clock.observe(&db, &reading(2, 6_000, wall + 6_000, second)).unwrap().lived_ms;
        assert_eq!(after, DAY + lived + 1_000, "{first} {second}");
    }
}
