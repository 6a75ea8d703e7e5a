use headgate_record::{Field, Kind, Mac, Record, Value};

use super::*;
use crate::clock::{Clock, Reading};
use crate::database::{get_number, in_memory};
use crate::master::MasterKey;
use crate::{account, retain};

const DAY: u64 = 24 * 3_600 * 1_000;
/// As the middle one of three segments was sealed.
const SECOND: u64 = 2;

fn device(last: u8) -> Record {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceMac, Mac([0, 0x1b, 0x21, 0, 0, last])).unwrap();
    record.set(Field::DeviceFirstSeen, Value::Time(1_000_000_000)).unwrap();
    record
}

/// Three segments about two stations each, a day apart, sealed by a clock that turned out to be an hour late.
fn three(db: &Connection, keys: &Keys) -> Moment {
    let mut now = Reading { boot: [1; 16], monotonic_ms: 5, wall_ms: 1_000, synchronised: false };
    let clock = Clock::load(db, &now).unwrap().observe(db, &now).unwrap().clock;
    for day in 1..=3_u8 {
        let at = Moment { wall_ms: 1_000, clock, lived_ms: u64::from(day) * DAY };
        segment::insert(db, keys, keys.present(), vec![device(day), device(9)], at).unwrap();
    }
    now.wall_ms += 3_600_000;
    Clock::load(db, &now).unwrap();
    Moment { wall_ms: now.wall_ms, clock, lived_ms: 3 * DAY }
}

fn first_seen(db: &Connection, keys: &Keys, id: u64) -> Option<u64> {
    let segment = segment::find(db, id).unwrap()?;
    match segment::read(db, keys, &segment).unwrap()[0].get(Field::DeviceFirstSeen) {
        Some(Value::Time(ns)) => Some(*ns / 1_000_000_000),
        _ => None,
    }
}

fn mentions(db: &Connection, keys: &Keys) -> Vec<(u64, Option<Vec<u64>>)> {
    let mut all = Vec::new();
    sweep::mentions(db, keys, 0, |id, rows| {
        all.push((id, rows.map(Iterator::collect)));
        true
    })
    .unwrap();
    all
}

/// Each once went unseen: a segment that was never too old or too old at once, times corrected by another clock, a count of
/// records that was another; and what could not be read kept all persons for ever.
#[test]
fn whatever_bit_flips_in_what_a_segment_mentions_is_told_and_written_again() {
    let changes = [
        "UPDATE segment_mention SET lived_ms = lived_ms + (1 << 40) WHERE segment = 2",
        "UPDATE segment_mention SET lived_ms = lived_ms & 1 WHERE segment = 2",
        "UPDATE segment_mention SET clock = clock + 1 WHERE segment = 2",
        "UPDATE segment_mention SET kinds = x'010f' WHERE segment = 2",
        "UPDATE segment_mention SET kinds = NULL WHERE segment = 2",
        "UPDATE segment_mention SET epoch = epoch + 4 WHERE segment = 2",
        "UPDATE segment_mention SET epoch = NULL, session = 1 WHERE segment = 2",
        "UPDATE segment_mention SET sealed = x'00' WHERE segment = 2",
        "UPDATE segment_mention SET segment = 66 WHERE segment = 2",
        "DELETE FROM segment_mention WHERE segment = 2",
    ];
    for change in changes {
        let (db, keys) = in_memory(&MasterKey::random());
        let now = three(&db, &keys);
        let whole = (mentions(&db, &keys), kept::records(&db).unwrap());
        assert_eq!(first_seen(&db, &keys, SECOND), Some(3_601), "by the clock that it was sealed by");
        assert!(!mend(&db, &keys, now).unwrap());
        assert_eq!(get_number(&db, meta::UNSOUND).unwrap(), 0, "as written");

        assert_eq!(db.execute(change, []).unwrap(), 1, "{change}");
        assert_eq!(first_seen(&db, &keys, SECOND), Some(1), "{change}: not by another clock");
        // Two days later the first is too old, and the second is not for whatever it says.
        let later = Moment { lived_ms: 4 * DAY, ..now };
        let periods = [2 * DAY + DAY / 2; 3];
        assert_eq!(retain::expire(&db, &keys, &periods, later).unwrap(), 1, "{change}");
        assert!(segment::find(&db, SECOND).unwrap().is_some(), "{change}");

        mend(&db, &keys, now).unwrap();
        assert!(get_number(&db, meta::UNSOUND).unwrap() > 0, "{change}: told");
        assert_eq!(ledger::latest(&db, 1).unwrap()[0]["event"], "values-unsound", "{change}");
        assert_eq!(mentions(&db, &keys)[..], whole.0[1..], "{change}");
        assert_eq!(kept::records(&db).unwrap()[&Kind::Device], whole.1[&Kind::Device] - 2, "{change}");
        assert_eq!(segment::unconverted(&db).unwrap(), 0, "{change}");
        assert_eq!(first_seen(&db, &keys, SECOND), Some(3_601), "{change}");
        let told = get_number(&db, meta::UNSOUND).unwrap();
        mend(&db, &keys, now).unwrap();
        assert_eq!(get_number(&db, meta::UNSOUND).unwrap(), told, "{change}: once");
        // It is too old when its neighbours say so.
        let later = Moment { lived_ms: 6 * DAY, ..now };
        assert_eq!(retain::expire(&db, &keys, &periods, later).unwrap(), 2, "{change}");
        let [_, lost, ..] = account::totals(&db).unwrap();
        assert_eq!((&lost[0]["reason"], &lost[0]["records"]), (&"retention".into(), &6.into()), "{change}");
    }
}

#[test]
fn a_segment_of_which_neither_content_nor_mention_opens_is_lost_and_counted() {
    let (db, keys) = in_memory(&MasterKey::random());
    let now = three(&db, &keys);
    db.execute("UPDATE segment_mention SET lived_ms = 1 WHERE segment = 2", []).unwrap();
    db.execute("UPDATE segment SET records = 3 WHERE id = 2", []).unwrap();
    mend(&db, &keys, now).unwrap();
    assert_eq!(mentions(&db, &keys).len(), 2);
    let [_, lost, ..] = account::totals(&db).unwrap();
    assert_eq!((&lost[0]["reason"], &lost[0]["records"]), (&"damaged".into(), &3.into()));
    assert_eq!(segment::missing(&db).unwrap(), 0);
}

/// A flipped bit in the index once made somebody not found, and so not erased, though all was kept.
#[test]
fn by_what_somebody_is_found_is_put_in_again() {
    let (db, keys) = in_memory(&MasterKey::random());
    let now = three(&db, &keys);
    let find = || {
        let who = headgate_record::subject::Who::Mac("00:1b:21:00:00:09".into());
        crate::subject::find(&db, &keys, &who).unwrap().len()
    };
    mend_index(&db, &keys, now).unwrap();
    assert_eq!((find(), get_number(&db, meta::UNSOUND).unwrap()), (1, 0), "as written");
    db.execute("UPDATE blind SET tag = tag + 1", []).unwrap();
    assert_eq!(find(), 0);
    mend_index(&db, &keys, now).unwrap();
    assert_eq!((find(), get_number(&db, meta::UNSOUND).unwrap()), (1, 4), "four stations");
}
