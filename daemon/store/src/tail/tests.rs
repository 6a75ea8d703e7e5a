use headgate_record::local::FromSensor;
use headgate_record::{Field, Kind, Mac, Record};

use super::*;
use crate::database::{self, get_number, in_memory};
use crate::keys::Keys;
use crate::master::MasterKey;
use crate::segment;
use crate::{account, ledger};

const CAP: u64 = 64 << 20;

/// A database with a session whose tail takes hand-overs.
fn open() -> (Connection, Keys, Tail) {
    let (db, mut keys) = in_memory(&MasterKey::random());
    assert_eq!(admit::greet(&db, &keys, [1; 16], 1_000).unwrap().session, 1);
    keys.reload(&db).unwrap();
    let mut tail = Tail::load(&db, &keys, CAP).unwrap();
    assert!(tail.is_empty() && !tail.has_key());
    let filling = tail.absorb(&db, &keys, 1_000).unwrap();
    tail.begin(filling);
    (db, keys, tail)
}

fn device(number: u64) -> Record {
    let mut record = Record::new(Kind::Device);
    let first = if number.is_multiple_of(4) { 2 } else { 0 };
    record.set(Field::DeviceMac, Mac([first, 1, 2, 3, 4, u8::try_from(number % 7).unwrap()])).unwrap();
    record.set(Field::DeviceFrames, number).unwrap();
    record
}

fn hand_over(db: &Connection, keys: &Keys, tail: &mut Tail, first: u64, records: u64) {
    hand_over_of(db, keys, tail, 1, first, records);
}

fn hand_over_of(db: &Connection, keys: &Keys, tail: &mut Tail, session: u64, first: u64, records: u64) {
    let records = (first..first + records).map(device).collect();
    let prepared = Prepared::of(&FromSensor::Records { first, records }.encode()).unwrap();
    assert!(prepared.message.is_some() && tail.has_room(&[&prepared]));
    let at = Moment { wall_ms: 1_000, clock: 1, lived_ms: 7 };
    let put = tail.put(db, keys, session, &[&prepared], at).unwrap();
    tail.keep(put, 1_000);
}

/// What is kept, and how many records are counted as lost, and how many rows as unsound.
fn kept(db: &Connection, keys: &Keys) -> (Vec<u64>, u64, u64) {
    let segments = segment::after(db, 0, 1_000).unwrap();
    let records = segments.iter().flat_map(|segment| segment::read(db, keys, segment).unwrap());
    let number = |record: Record| match record.get(Field::DeviceFrames) {
        Some(headgate_record::Value::Number(number)) => *number,
        _ => 0,
    };
    let mut numbers: Vec<u64> = records.map(number).collect();
    numbers.sort_unstable();
    let [_, lost, ..] = account::totals(db).unwrap();
    let lost = lost.as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum();
    (numbers, lost, get_number(db, meta::UNSOUND).unwrap())
}

fn absorb(db: &Connection, keys: &Keys, tail: &mut Tail) {
    let filling = tail.absorb(db, keys, 2_000).unwrap();
    tail.begin(filling);
    assert!(tail.is_empty());
}

/// With nothing that waits: the next filling begins.
fn absorb_nothing(db: &Connection, keys: &Keys, tail: &mut Tail) {
    let filling = tail.absorb(db, keys, 2_000).unwrap();
    tail.begin(filling);
}

fn absorb_older(db: &Connection, keys: &Keys, tail: &mut Tail) {
    let after = tail.absorb_older(db, keys, 2_000).unwrap().unwrap();
    tail.go_on(after);
    assert!(!tail.has_older());
}

/// Whether a key that is in the database opens what is in a filling.
fn opens(db: &Connection, keys: &Keys, filling: u64) -> bool {
    [meta::TAIL_KEY, meta::TAIL_KEY_ODD].into_iter().any(|name| {
        let wrapped = database::get::<Vec<u8>>(db, name).unwrap();
        wrapped.is_some_and(|wrapped| keys.tail_cipher(filling, &wrapped).is_ok())
    })
}

fn flip(db: &Connection, slot: u64, at: usize) {
    let mut part: Vec<u8> =
        db.query_row("SELECT part FROM tail WHERE slot = ?1", [sql(slot)], |r| r.get(0)).unwrap();
    part[at] ^= 1;
    db.execute("UPDATE tail SET part = ?2 WHERE slot = ?1", params![sql(slot), part]).unwrap();
}

#[test]
fn what_waits_is_absorbed_once_and_makes_one_segment_of_each_key() {
    let (db, keys, mut tail) = open();
    (0..20).for_each(|n| hand_over(&db, &keys, &mut tail, n * 50 + 1, 50));
    assert_eq!(admit::committed(&db, 1).unwrap(), 0);
    absorb(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys), ((1..=1_000).collect(), 0, 0));
    assert_eq!(admit::committed(&db, 1).unwrap(), 1_000);
    assert_eq!(segment::after(&db, 0, 1_000).unwrap().len(), 2);
    // What is left in its rows is nothing to whoever opens it again, and its key is gone.
    let again = Tail::load(&db, &keys, CAP).unwrap();
    assert!(again.is_empty() && again.has_key());
    assert_eq!(again.waited(), 0);
}

#[test]
fn what_waited_when_the_store_ended_is_absorbed_at_its_start() {
    let (db, keys, mut tail) = open();
    for round in 0..3 {
        let before = round * 300;
        (0..6).for_each(|n| hand_over(&db, &keys, &mut tail, before + n * 50 + 1, 50));
        tail = Tail::load(&db, &keys, CAP).unwrap();
        assert_eq!((tail.waited(), tail.records()), (6, 300));
        assert!(!tail.has_key(), "nothing is put behind what was found");
        absorb(&db, &keys, &mut tail);
        assert_eq!(kept(&db, &keys), ((1..=before + 300).collect(), 0, 0));
    }
    // Segments say when their records were taken, not when they were absorbed.
    assert!(segment::after(&db, 0, 10).unwrap().iter().all(|segment| segment.created_ms == 1_000));
}

#[test]
fn an_absorption_that_fails_is_done_again() {
    let (mut db, keys, mut tail) = open();
    hand_over(&db, &keys, &mut tail, 1, 50);
    let transaction = db.transaction().unwrap();
    drop(tail.absorb(&transaction, &keys, 2_000).unwrap());
    transaction.rollback().unwrap();
    keys.identities().forget();
    assert!(!tail.is_empty());
    hand_over(&db, &keys, &mut tail, 51, 50);
    absorb(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys), ((1..=100).collect(), 0, 0));
}

#[test]
fn a_hand_over_that_does_not_open_is_counted_and_no_other_is_lost() {
    for of_them in [0_u64, 1, 2] {
        let (db, keys, mut tail) = open();
        let mut starts = Vec::new();
        for n in 0..3 {
            starts.push(first_slot(tail.filling) + tail.next);
            hand_over(&db, &keys, &mut tail, n * 50 + 1, 50);
        }
        flip(&db, starts[usize::try_from(of_them).unwrap()], 100);
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        absorb(&db, &keys, &mut tail);
        let expected = (1..=150).filter(|number| (number - 1) / 50 != of_them).collect();
        assert_eq!(kept(&db, &keys), (expected, 50, 0), "{of_them}");
        assert_eq!(admit::committed(&db, 1).unwrap(), 150);
        let entry = &ledger::latest(&db, 1).unwrap()[0];
        assert_eq!((&entry["event"], &entry["detail"]["records"]), (&"tail-damaged".into(), &50.into()));
    }
}

/// Of the last one nobody knows any more how many records it had.
#[test]
fn a_head_that_is_not_what_was_written_is_told() {
    for (of_them, lost, last) in [(0_u64, 50, 150), (1, 50, 150), (2, 0, 100)] {
        let (db, keys, mut tail) = open();
        let mut starts = Vec::new();
        for n in 0..3 {
            starts.push(first_slot(tail.filling) + tail.next);
            hand_over(&db, &keys, &mut tail, n * 50 + 1, 50);
        }
        flip(&db, starts[usize::try_from(of_them).unwrap()], 7);
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        absorb(&db, &keys, &mut tail);
        let (records, counted, unsound) = kept(&db, &keys);
        assert_eq!((records.len(), counted, unsound), (100, lost, 1), "{of_them}");
        assert_eq!(admit::committed(&db, 1).unwrap(), last);
        // Told once.
        assert!(Tail::load(&db, &keys, CAP).unwrap().is_empty());
    }
}

#[test]
fn what_waits_under_a_key_that_is_damaged_is_counted() {
    for name in [meta::TAIL, meta::TAIL_KEY] {
        let (db, keys, mut tail) = open();
        hand_over(&db, &keys, &mut tail, 1, 50);
        absorb(&db, &keys, &mut tail);
        hand_over(&db, &keys, &mut tail, 51, 50);
        assert_eq!(older::key_name(tail.filling), meta::TAIL_KEY);
        match name {
            meta::TAIL => set(&db, name, 77).unwrap(),
            _ => set(&db, name, vec![0; 61]).unwrap(),
        }
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        assert!(!tail.has_key());
        absorb(&db, &keys, &mut tail);
        // The number of a filling is told by its key, too.
        let lost = if name == meta::TAIL { 0 } else { 50 };
        assert_eq!(kept(&db, &keys), ((1..=100 - lost).collect(), lost, 1), "{name}");
        assert_eq!(admit::committed(&db, 1).unwrap(), 100);
        hand_over(&db, &keys, &mut tail, 101, 50);
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        absorb(&db, &keys, &mut tail);
        assert_eq!(kept(&db, &keys).0.len(), usize::try_from(150 - lost).unwrap());
    }
}

/// Whoever has the file and every key that is in it can read nothing of what was absorbed.
#[test]
fn the_key_of_a_filling_goes_with_it_and_wiping_leaves_zeros() {
    let (db, keys, mut tail) = open();
    hand_over(&db, &keys, &mut tail, 1, 50);
    let filling = tail.filling;
    assert!(opens(&db, &keys, filling));
    absorb(&db, &keys, &mut tail);
    assert!(!opens(&db, &keys, filling));
    let used = "SELECT COUNT(*) FROM tail WHERE part <> zeroblob(2000)";
    let used = || db.query_row(used, [], |r| r.get::<_, i64>(0)).unwrap();
    assert!(used() > 0);
    wipe(&db).unwrap();
    assert_eq!(used(), 0);
    hand_over(&db, &keys, &mut tail, 51, 50);
    absorb(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys), ((1..=100).collect(), 0, 0));
}

#[test]
fn a_tail_is_full_in_good_time_and_due_when_records_have_waited() {
    let (db, keys, mut tail) = open();
    assert!(!tail.is_due(u64::MAX, 0), "nothing waits");
    hand_over(&db, &keys, &mut tail, 1, 1);
    assert!(!tail.is_due(1_000, 5_000) && tail.is_due(1_000 + LONGEST_MS, 5_000));
    let left = |now_ms| tail.due_in(now_ms, 5_000);
    assert_eq!(
        (left(1_000), left(1_000 + LONGEST_MS)),
        (Some(LONGEST_MS), Some(0)),
        "and it is told how long"
    );
    assert_eq!(tail.due_in(1_000, 500), Some(500));
    assert!(tail.is_due(1_000, 0) && tail.is_due(900, 5_000), "and where the clock was set back");
    assert_eq!(left(900), Some(0), "which is told alike");
    let mut next = 2;
    while !tail.is_full() {
        hand_over(&db, &keys, &mut tail, next, 20);
        next += 20;
    }
    let large = (next..next + 100).map(device).collect();
    let large = Prepared::of(&FromSensor::Records { first: next, records: large }.encode()).unwrap();
    assert!(tail.has_room(&[&large]), "one of usual size still has room");
    absorb(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys).0.len(), usize::try_from(next - 1).unwrap());
}

/// A filling is made ready while hand-overs go into the next; then one absorption is of the older one alone.
#[test]
fn the_older_filling_is_absorbed_alone_and_its_key_goes_with_it() {
    let (db, keys, mut tail) = open();
    assert!(!tail.turn(), "nothing waits");
    for round in 0..4 {
        let (before, filling) = (round * 200, tail.filling);
        (0..2).for_each(|n| hand_over(&db, &keys, &mut tail, before + n * 50 + 1, 50));
        assert!(tail.turn() && !tail.turn(), "there are two at most");
        (2..4).for_each(|n| hand_over(&db, &keys, &mut tail, before + n * 50 + 1, 50));
        assert_eq!((tail.records(), tail.has_older()), (200, true));
        assert!(opens(&db, &keys, filling) && opens(&db, &keys, filling + 1));
        absorb_older(&db, &keys, &mut tail);
        assert_eq!((tail.records(), tail.has_older()), (100, false));
        assert!(!opens(&db, &keys, filling) && opens(&db, &keys, filling + 1));
        assert!(opens(&db, &keys, filling + 2), "the next may begin");
        assert_eq!(kept(&db, &keys), ((1..=before + 100).collect(), 0, 0));
        assert_eq!(admit::committed(&db, 1).unwrap(), before + 100);
        // Whoever opens the store now finds the present one, and nothing of the older.
        let again = Tail::load(&db, &keys, CAP).unwrap();
        assert_eq!((again.waited(), again.records()), (2, 100));
        // Of an odd number of fillings, and of an even one.
        if round % 2 == 0 {
            assert!(tail.turn());
            absorb_older(&db, &keys, &mut tail);
        } else {
            absorb(&db, &keys, &mut tail);
        }
        assert_eq!(kept(&db, &keys), ((1..=before + 200).collect(), 0, 0));
        assert!(!opens(&db, &keys, filling + 1));
    }
}

#[test]
fn two_fillings_that_waited_when_the_store_ended_are_absorbed_in_their_order() {
    for fillings in [1, 2] {
        let (db, keys, mut tail) = open();
        // So that either half has the older one.
        (1..fillings).for_each(|_| absorb_nothing(&db, &keys, &mut tail));
        (0..3).for_each(|n| hand_over(&db, &keys, &mut tail, n * 50 + 1, 50));
        assert!(tail.turn());
        (3..5).for_each(|n| hand_over(&db, &keys, &mut tail, n * 50 + 1, 50));
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        assert_eq!((tail.waited(), tail.fillings(), tail.records(), tail.has_key()), (5, 2, 250, false));
        absorb(&db, &keys, &mut tail);
        assert_eq!(kept(&db, &keys), ((1..=250).collect(), 0, 0));
        assert_eq!(admit::committed(&db, 1).unwrap(), 250);
        assert!(tail.has_key());
        hand_over(&db, &keys, &mut tail, 251, 50);
        assert!(tail.turn());
        absorb(&db, &keys, &mut tail);
        assert_eq!(kept(&db, &keys), ((1..=300).collect(), 0, 0));
    }
}

#[test]
fn an_absorption_of_the_older_filling_that_fails_is_done_again() {
    let (mut db, keys, mut tail) = open();
    hand_over(&db, &keys, &mut tail, 1, 50);
    assert!(tail.turn());
    hand_over(&db, &keys, &mut tail, 51, 50);
    for is_all in [false, true] {
        let transaction = db.transaction().unwrap();
        if is_all {
            drop(tail.absorb(&transaction, &keys, 2_000).unwrap());
        } else {
            drop(tail.absorb_older(&transaction, &keys, 2_000).unwrap().unwrap());
        }
        transaction.rollback().unwrap();
        keys.identities().forget();
        assert_eq!((tail.records(), tail.has_older()), (100, true));
    }
    absorb_older(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys), ((1..=50).collect(), 0, 0));
    absorb(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys), ((1..=100).collect(), 0, 0));
}

/// A number off by one was believed, as one of the keys was of one of its fillings, and the other filling was gone without a count.
#[test]
fn a_number_of_the_fillings_that_is_damaged_costs_no_record() {
    // The right one is 1.
    for said in [0, 2, 3, 77, i64::MAX] {
        for fillings in [1, 2] {
            let (db, keys, mut tail) = open();
            hand_over(&db, &keys, &mut tail, 1, 50);
            if fillings == 2 {
                assert!(tail.filling == 1 && tail.turn());
                hand_over(&db, &keys, &mut tail, 51, 50);
            }
            set(&db, meta::TAIL, said).unwrap();
            let mut tail = Tail::load(&db, &keys, CAP).unwrap();
            absorb(&db, &keys, &mut tail);
            let all = fillings * 50;
            assert_eq!(kept(&db, &keys), ((1..=all).collect(), 0, 1), "{said}");
            assert_eq!(admit::committed(&db, 1).unwrap(), all);
            hand_over(&db, &keys, &mut tail, all + 1, 50);
            let mut tail = Tail::load(&db, &keys, CAP).unwrap();
            absorb(&db, &keys, &mut tail);
            assert_eq!(kept(&db, &keys), ((1..=all + 50).collect(), 0, 1), "{said}");
        }
    }
}

/// What waits longest says when all is due, though hand-overs go into another filling.
#[test]
fn an_older_filling_is_due_by_its_own_first_record() {
    let (db, keys, mut tail) = open();
    hand_over(&db, &keys, &mut tail, 1, 50);
    assert!(tail.turn());
    let records = (51..=100).map(device).collect();
    let prepared = Prepared::of(&FromSensor::Records { first: 51, records }.encode()).unwrap();
    let put = tail.put(&db, &keys, 1, &[&prepared], Moment::default()).unwrap();
    tail.keep(put, 1_000 + LONGEST_MS / 2);
    assert_eq!(tail.due_in(1_000 + LONGEST_MS / 2, 5_000), Some(LONGEST_MS / 2));
    assert!(tail.is_due(1_000 + LONGEST_MS, 5_000) && !tail.is_due(999 + LONGEST_MS, 5_000));
}

/// With one of the keys damaged as well, what is lost is counted.
#[test]
fn a_number_of_the_fillings_off_by_one_beside_a_damaged_key_is_counted() {
    for (said, name) in [(2, meta::TAIL_KEY_ODD), (0, meta::TAIL_KEY)] {
        let (db, keys, mut tail) = open();
        hand_over(&db, &keys, &mut tail, 1, 50);
        assert!(tail.filling == 1 && tail.turn());
        hand_over(&db, &keys, &mut tail, 51, 50);
        set(&db, meta::TAIL, said).unwrap();
        set(&db, name, vec![0; 61]).unwrap();
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        absorb(&db, &keys, &mut tail);
        let (records, lost, _) = kept(&db, &keys);
        assert_eq!((records.len(), lost), (50, 50), "{name}");
        assert_eq!(admit::committed(&db, 1).unwrap(), 100);
    }
}

/// A session's number that is damaged upward: nothing waits, and what comes then is under a key that a later start finds.
#[test]
fn what_comes_after_fillings_that_are_skipped_is_found_again() {
    let (db, keys, mut tail) = open();
    hand_over(&db, &keys, &mut tail, 1, 50);
    assert!(tail.turn());
    hand_over(&db, &keys, &mut tail, 51, 50);
    admit::note_committed(&db, 1, 100).unwrap();
    let mut tail = Tail::load(&db, &keys, CAP).unwrap();
    assert!(tail.is_empty() && !tail.has_key(), "key and number of a filling belong together");
    absorb_nothing(&db, &keys, &mut tail);
    hand_over(&db, &keys, &mut tail, 101, 50);
    assert!(tail.turn());
    hand_over(&db, &keys, &mut tail, 151, 50);
    let mut tail = Tail::load(&db, &keys, CAP).unwrap();
    absorb(&db, &keys, &mut tail);
    assert_eq!(kept(&db, &keys), ((101..=200).collect(), 0, 0));
}

/// Damage of one filling's key costs no record that the other opens, and what it costs is counted.
#[test]
fn of_two_fillings_what_waits_under_a_key_that_is_damaged_is_counted() {
    let filling = |odd: bool| if odd { meta::TAIL_KEY_ODD } else { meta::TAIL_KEY };
    for (name, lost) in [(filling(true), 1..=50), (filling(false), 51..=100)] {
        let (db, keys, mut tail) = open();
        hand_over(&db, &keys, &mut tail, 1, 50);
        assert!(tail.filling == 1 && tail.turn());
        hand_over(&db, &keys, &mut tail, 51, 50);
        set(&db, name, vec![0; 61]).unwrap();
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        absorb(&db, &keys, &mut tail);
        let expected = (1..=100).filter(|number| !lost.contains(number)).collect();
        let count = u64::try_from(lost.count()).unwrap();
        assert_eq!(kept(&db, &keys), (expected, count, 1), "{name}");
        assert_eq!(admit::committed(&db, 1).unwrap(), 100);
        // Told once.
        assert!(Tail::load(&db, &keys, CAP).unwrap().is_empty());
    }
}

/// What lies in rows of an earlier session is not taken for what waits, where it is damaged which filling that is.
#[test]
fn rows_of_another_session_do_not_wait() {
    let (db, mut keys, mut tail) = open();
    hand_over(&db, &keys, &mut tail, 1, 50);
    absorb(&db, &keys, &mut tail);
    assert_eq!(admit::greet(&db, &keys, [2; 16], 1_000).unwrap().session, 2);
    keys.reload(&db).unwrap();
    let (_, before, _) = kept(&db, &keys);
    hand_over_of(&db, &keys, &mut tail, 2, 1, 50);
    set(&db, meta::TAIL, 77).unwrap();
    let mut tail = Tail::load(&db, &keys, CAP).unwrap();
    assert_eq!(tail.waited(), 1);
    absorb(&db, &keys, &mut tail);
    let (_, lost, unsound) = kept(&db, &keys);
    assert_eq!((lost - before, unsound, admit::committed(&db, 2).unwrap()), (0, 1, 50));
}

/// A database of schema 9 has one filling, whose key and rows stand in the same place whatever its number.
#[test]
fn a_tail_with_one_filling_of_an_earlier_version_goes_on() {
    for waits in [false, true] {
        let (db, keys, tail) = open();
        let wrapped: Vec<u8> = database::get(&db, meta::TAIL_KEY_ODD).unwrap().unwrap();
        set(&db, meta::TAIL_KEY, wrapped).unwrap();
        db.execute("DELETE FROM meta WHERE name = ?1", [meta::TAIL_KEY_ODD]).unwrap();
        if waits {
            let records = (1..=50).map(device).collect();
            let message = FromSensor::Records { first: 1, records }.encode();
            let sets = Prepared::of(&message).unwrap().sets;
            let content = [vec![0, 1, 7], message].concat();
            let head = Head::new(1, content.len(), 1, 1, by_class(&sets));
            let place = Place::Tail { slot: 0, head: &head.bound() };
            let sealed = keys.seal_with(tail.cipher.as_ref().unwrap(), place, &content).unwrap();
            for (slot, part) in (0..).zip(head.parts(0, &sealed)) {
                db.execute("INSERT INTO tail VALUES (?1, ?2)", params![slot, part.as_slice()]).unwrap();
            }
        }
        let mut tail = Tail::load(&db, &keys, CAP).unwrap();
        assert_eq!((tail.records(), tail.has_key()), if waits { (50, false) } else { (0, true) });
        if !waits {
            hand_over(&db, &keys, &mut tail, 1, 50);
            assert!(!tail.turn(), "there is no key for another filling yet");
        }
        absorb(&db, &keys, &mut tail);
        hand_over(&db, &keys, &mut tail, 51, 50);
        assert!(tail.turn());
        absorb(&db, &keys, &mut tail);
        assert_eq!(kept(&db, &keys), ((1..=100).collect(), 0, 0));
    }
}

#[test]
fn a_cut_gives_what_was_added_before_it_once_with_and_without_a_thread() {
    let sets = |first: u64| {
        let records = (first..first + 50).map(device).collect();
        Prepared::of(&FromSensor::Records { first, records }.encode()).unwrap().sets
    };
    for mut packer in [Packer::new(), Packer::without_thread()] {
        packer.add(Moment::default(), sets(1));
        let mut cut = packer.cut();
        packer.add(Moment::default(), sets(51));
        packer.add(Moment::default(), sets(101));
        assert_eq!((cut.records(), packer.records()), (50, 100));
        assert_eq!(records(&packer.finish().unwrap()), 100);
        while !cut.is_ready() {
            std::thread::yield_now();
        }
        assert_eq!(records(&cut.finish().unwrap()), 50);
        assert_eq!(records(&cut.finish().unwrap()), 0);
        assert_eq!((cut.records(), packer.records()), (0, 0));
    }
}
