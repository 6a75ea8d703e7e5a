//! What expires, and what is known of it afterwards.

use super::super::retention::MAX_RECORDS;
use super::*;
use crate::engine::{Appliance, Figures};

/// Later than anything that a test stores.
const LATER: u64 = u64::MAX;

fn expire_all(database: &mut Database) -> (u64, u64, u64) {
    let (mut batches, mut records, mut steps) = (0, 0, 0);
    loop {
        let step = database.expire(LATER).unwrap();
        assert!(step.records <= MAX_RECORDS, "{step:?}");
        (batches, records, steps) = (batches + step.batches, records + step.records, steps + 1);
        if !step.more {
            return (batches, records, steps);
        }
    }
}

fn set_age(database: &Database, sequence: i64, since_ms: i64) {
    let update = "UPDATE batch SET since_ms = ?1 WHERE sequence = ?2";
    assert_eq!(database.connection.execute(update, [since_ms, sequence]), Ok(1));
}

#[test]
fn what_is_old_enough_goes_with_what_names_persons_and_is_in_no_file_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    database.store(&of(1, 1, &[[0xa7; 16], [0xa7; 16]]), &[1; 32]).unwrap();
    database.store(&of(1, 2, &[[0xb8; 16]]), &[2; 32]).unwrap();
    set_age(&database, 1, 999);
    set_age(&database, 2, 1_000);
    assert!(contains(directory.path(), &"a7".repeat(16)));
    assert_eq!(database.expire(1_000), Ok(Expired { batches: 1, records: 2, more: false }));
    assert_eq!(database.expire(1_000), Ok(Expired::default()));
    assert!(!contains(directory.path(), &"a7".repeat(16)));
    assert!(contains(directory.path(), &"b8".repeat(16)));
    assert_eq!((count(&database.connection, "record"), count(&database.connection, "identifier")), (1, 1));
    assert_eq!(count(&database.connection, "batch"), 2, "the numbering stays");
}

#[test]
fn what_somebody_was_reading_when_it_expired_is_out_of_the_log_at_the_next_call() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    let mut database = Database::open(&file).unwrap();
    database.connection.busy_timeout(Duration::ZERO).unwrap();
    database.store(&of(1, 1, &[[0xa7; 16]]), &[1; 32]).unwrap();
    let reader = read(&file).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(&reader, "record"), 1);
    assert_eq!(expire_all(&mut database), (1, 1, 1));
    assert!(contains(directory.path(), &"a7".repeat(16)), "it is still being read");
    drop(reader);
    assert_eq!(expire_all(&mut database), (0, 0, 1));
    assert!(!contains(directory.path(), &"a7".repeat(16)));
}

#[test]
fn a_late_double_of_what_expired_is_still_known_and_a_contradiction_still_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    let Stored::New { stored_ms, forgotten, .. } = database.store(&batch(1, 1), &[1; 32]).unwrap() else {
        panic!("new")
    };
    expire_all(&mut database);
    assert_eq!(database.store(&batch(1, 1), &[1; 32]), Ok(Stored::Again { stored_ms, forgotten }));
    assert_eq!(database.store(&batch(1, 1), &[2; 32]), Ok(Stored::Conflict));
    assert_eq!(count(&database.connection, "record"), 0);
}

/// An erasure rewrites a batch whose first content arrived, without its receipt having come back, and has expired since.
#[test]
fn what_takes_the_place_of_an_expired_batch_is_receipted_and_brings_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    database.store(&of(1, 1, &[[0xa7; 16], [0xb8; 16]]), &[1; 32]).unwrap();
    expire_all(&mut database);
    let mut anew = of(1, 1, &[[0xb8; 16]]);
    anew.replaces = vec![[1; 32]];
    assert!(matches!(database.store(&anew, &[2; 32]), Ok(Stored::New { left_out: 0, .. })));
    assert!(matches!(database.store(&anew, &[2; 32]), Ok(Stored::Again { .. })));
    assert!(matches!(
        database.store(&of(1, 1, &[[0xa7; 16]]), &[1; 32]),
        Ok(Stored::Superseded(Held { digest, .. })) if digest == [2; 32]
    ));
    assert_eq!(count(&database.connection, "record"), 0);
    assert_eq!(database.expire(LATER), Ok(Expired::default()), "there is nothing left to expire");
}

#[test]
fn what_takes_the_place_of_another_content_is_kept_no_longer_than_that() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    database.store(&of(1, 1, &[[0xa7; 16], [0xb8; 16]]), &[1; 32]).unwrap();
    set_age(&database, 1, 7);
    let mut anew = of(1, 1, &[[0xb8; 16]]);
    anew.replaces = vec![[1; 32]];
    database.store(&anew, &[2; 32]).unwrap();
    assert_eq!(count(&database.connection, "record"), 1);
    assert_eq!(database.expire(8), Ok(Expired { batches: 1, records: 1, more: false }));
}

#[test]
fn a_batch_of_more_records_than_a_step_deletes_expires_in_several() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    let many = usize::try_from(MAX_RECORDS).unwrap() * 2 + 1;
    database.store(&of(1, 1, &vec![[0xa7; 16]; many]), &[1; 32]).unwrap();
    for sequence in 2..=70 {
        database.store(&of(1, sequence, &[]), &[2; 32]).unwrap();
    }
    // Between two steps it is gone already for whoever would take its place.
    assert_eq!(database.expire(LATER), Ok(Expired { batches: 0, records: MAX_RECORDS, more: true }));
    let mut anew = of(1, 1, &[[0xb8; 16]]);
    anew.replaces = vec![[1; 32]];
    assert!(!contradicts(&database.connection, &anew, &[2; 32]).unwrap());
    assert_eq!(expire_all(&mut database), (70, MAX_RECORDS + 1, 3), "MAX_RECORDS, 64 batches, the rest");
}

#[test]
fn a_tombstone_that_came_first_counts_expired_batches_as_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    database.store(&of(1, 1, &[[0xa7; 16]]), &[1; 32]).unwrap();
    expire_all(&mut database);
    let mut tombstone = of(1, 2, &[]);
    tombstone.forget = vec!["a7".repeat(16)];
    database.store(&tombstone, &[2; 32]).unwrap();
    assert_eq!(count(&database.connection, "tombstone"), 0);
}

#[test]
fn a_database_of_before_retention_is_brought_up_with_its_ages_and_figures() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    let old = Connection::open(&file).unwrap();
    for migration in &MIGRATIONS[..3] {
        old.execute_batch(migration).unwrap();
    }
    let insert = "INSERT INTO batch (appliance, epoch, sequence, digest, rules, records, received_ms, withheld, lost) \
         VALUES ('site-1', 1, ?1, zeroblob(32), zeroblob(32), 0, ?2, '[]', '[]')";
    old.execute(insert, [2, 500]).unwrap();
    old.execute(insert, [5, 700]).unwrap();
    old.pragma_update(None, "user_version", 3).unwrap();
    drop(old);
    let mut database = Database::open(&file).unwrap();
    assert_eq!(database.expire(600), Ok(Expired { batches: 1, records: 0, more: false }));
    let figures = Figures::of(&database.connection).unwrap();
    let [Appliance { name, batches, missing, .. }] = figures.appliances.as_slice() else { panic!("one") };
    assert_eq!((name.as_str(), *batches, *missing), ("site-1", 2, 3));
    assert!(figures.oldest_ms > Some(0));
}

#[test]
fn figures_are_of_all_epochs_and_of_each_appliance_and_a_double_is_not_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    for (epoch, sequence) in [(1, 2), (1, 4), (u64::MAX, 1), (1, 4)] {
        database.store(&batch(epoch, sequence), &[1; 32]).unwrap();
    }
    let mut other = batch(1, u64::MAX);
    other.id.appliance = "site-2".into();
    database.store(&other, &[1; 32]).unwrap();
    database.count_import(3).unwrap();
    expire_all(&mut database);
    let figures = Figures::of(&database.connection).unwrap();
    let shown: Vec<_> = figures.appliances.iter().map(|a| (a.name.as_str(), a.batches, a.missing)).collect();
    assert_eq!(shown, [("site-1", 3, 2), ("site-2", 1, u64::MAX - 1)]);
    assert_eq!(figures.known, 2);
    assert_eq!((figures.media, figures.imported, figures.oldest_ms), (1, 3, None));
    assert!(figures.octets > 4_096);
}
