mod retention;

use std::os::unix::fs::PermissionsExt;

use headgate_record::batch::BatchId;
use headgate_record::{Field, Kind, Record};

use super::*;

fn batch(epoch: u64, sequence: u64) -> Batch {
    of(epoch, sequence, &[[0; 16]])
}

/// A batch with a device of each of these pseudonyms.
fn of(epoch: u64, sequence: u64, pseudonyms: &[[u8; 16]]) -> Batch {
    let record = |pseudonym: &[u8; 16]| {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, headgate_record::Value::Pseudonym(*pseudonym)).unwrap();
        record.set(Field::DeviceVendor, "Example").unwrap();
        record
    };
    Batch {
        id: BatchId { appliance: "site-1".into(), epoch, sequence },
        rules: [9; 32],
        regions: Vec::new(),
        profile: String::new(),
        records: pseudonyms.iter().map(record).collect(),
        withheld: Vec::new(),
        lost: Vec::new(),
        forget: Vec::new(),
        replaces: Vec::new(),
    }
}

fn contains(directory: &Path, needle: &str) -> bool {
    directory.read_dir().unwrap().flatten().any(|entry| {
        let octets = std::fs::read(entry.path()).unwrap();
        octets.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}

#[test]
fn what_a_tombstone_names_is_gone_from_all_batches_and_from_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    let (person, other) = ([0xa7; 16], [0xb8; 16]);
    database.store(&of(1, 1, &[person, other]), &[1; 32]).unwrap();
    database.store(&of(2, 1, &[person]), &[2; 32]).unwrap();
    let mut foreign = of(1, 1, &[person]);
    foreign.id.appliance = "site-2".into();
    database.store(&foreign, &[3; 32]).unwrap();
    let mut tombstone = of(2, 2, &[]);
    tombstone.forget = vec!["a7".repeat(16)];
    let Stored::New { forgotten: 2, stored_ms, .. } = database.store(&tombstone, &[4; 32]).unwrap() else {
        panic!("two records")
    };
    assert_eq!(database.store(&tombstone, &[4; 32]), Ok(Stored::Again { stored_ms, forgotten: 2 }));
    assert_eq!(count(&database.connection, "record"), 2, "the other's, and the other appliance's");
    assert!(contains(directory.path(), &"b8".repeat(16)));
    let mut again = foreign.clone();
    again.id.sequence = 2;
    (again.records, again.forget) = (Vec::new(), vec!["a7".repeat(16)]);
    database.store(&again, &[5; 32]).unwrap();
    assert!(!contains(directory.path(), &"a7".repeat(16)));
}

#[test]
fn a_batch_is_replaced_by_less_of_itself_and_by_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    let (person, other) = ([0xa7; 16], [0xb8; 16]);
    database.store(&of(1, 1, &[person, other, other]), &[1; 32]).unwrap();
    let mut more = of(1, 1, &[other, person]);
    more.replaces = vec![[1; 32]];
    assert_eq!(database.store(&more, &[2; 32]), Ok(Stored::Conflict), "another order is another content");
    let mut less = of(1, 1, &[other, other]);
    less.replaces = vec![[8; 32]];
    assert_eq!(database.store(&less, &[2; 32]), Ok(Stored::Conflict), "it replaces something else");
    less.replaces.push([1; 32]);
    assert!(matches!(database.store(&less, &[2; 32]), Ok(Stored::New { .. })));
    assert!(matches!(database.store(&less, &[2; 32]), Ok(Stored::Again { .. })));
    assert_eq!((count(&database.connection, "batch"), count(&database.connection, "record")), (1, 2));
    assert!(!contains(directory.path(), &"a7".repeat(16)));
}

/// Batches that came before the receiver could forget are forgotten too.
#[test]
fn what_a_database_of_version_1_holds_is_indexed_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute(
        "INSERT INTO batch VALUES ('site-1', 1, 1, zeroblob(32), zeroblob(32), 1, 0, '[]', '[]')",
        [],
    )
    .unwrap();
    let json = format!(r#"{{"kind":"flow","mac":"{}","list":["00:10:20:00:00:01"]}}"#, "a7".repeat(16));
    old.execute("INSERT INTO record VALUES ('site-1', 1, 1, 0, 'flow', ?1)", [json]).unwrap();
    drop(old);
    let mut database = Database::open(&file).unwrap();
    let named = "SELECT COUNT(*) FROM identifier WHERE value IN (?1, '00:10:20:00:00:01')";
    let named: i64 = database.connection.query_row(named, ["a7".repeat(16)], |r| r.get(0)).unwrap();
    assert_eq!(named, 2);
    let mut tombstone = of(1, 2, &[]);
    tombstone.forget = vec!["a7".repeat(16)];
    assert!(matches!(database.store(&tombstone, &[4; 32]), Ok(Stored::New { forgotten: 1, .. })));
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_batch_is_stored_once_and_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    let mut database = Database::open(&file).unwrap();
    let batch = batch(u64::MAX, 1);
    let Stored::New { stored_ms, forgotten, .. } = database.store(&batch, &[1; 32]).unwrap() else {
        panic!("new")
    };
    assert_eq!(database.store(&batch, &[1; 32]), Ok(Stored::Again { stored_ms, forgotten }));
    assert_eq!(database.store(&batch, &[2; 32]), Ok(Stored::Conflict));
    assert_eq!((count(&database.connection, "batch"), count(&database.connection, "record")), (1, 1));
}

#[test]
fn the_file_and_its_log_are_their_owners_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    database.store(&batch(1, 1), &[1; 32]).unwrap();
    let entries: Vec<_> = directory.path().read_dir().unwrap().flatten().collect();
    assert!(entries.len() > 1);
    for entry in entries {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_of_a_later_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    Database::open(&file).unwrap().connection.pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(Database::open(&file), Err(Error::Version { found: 9, .. })));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    std::fs::write(&file, "a letter to a friend, longer than a header".repeat(9)).unwrap();
    let before = std::fs::read(&file).unwrap();
    assert!(matches!(Database::open(&file), Err(Error::Database { .. })));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn it_is_read_while_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("receiver.db");
    let mut database = Database::open(&file).unwrap();
    database.store(&batch(1, 1), &[1; 32]).unwrap();
    let reader = read(&file).unwrap();
    assert_eq!(count(&reader, "batch"), 1);
    database.store(&batch(1, 2), &[2; 32]).unwrap();
    assert_eq!(count(&reader, "batch"), 2);
    assert!(reader.execute("DELETE FROM record", []).is_err());
}

/// Two media and a wire: what was erased meanwhile is brought back by none of them.
#[test]
fn an_old_medium_does_not_bring_back_what_was_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    let (person, other) = ([0xa7; 16], [0xb8; 16]);
    let old = of(1, 1, &[person, other]);
    let mut anew = of(1, 1, &[other]);
    anew.replaces = vec![[1; 32]];
    let Stored::New { stored_ms, .. } = database.store(&anew, &[2; 32]).unwrap() else { panic!("new") };
    let held = Held { digest: [2; 32], stored_ms, records: 1, values: 0, forgotten: 0 };
    assert!(!contradicts(&database.connection, &old, &[1; 32]).unwrap());
    assert_eq!(database.store(&old, &[1; 32]), Ok(Stored::Superseded(held)));
    assert!(contradicts(&database.connection, &old, &[3; 32]).unwrap());
    assert_eq!(count(&database.connection, "record"), 1);
    assert!(!contains(directory.path(), &"a7".repeat(16)));
}

#[test]
fn a_tombstone_that_came_first_holds_for_the_batches_before_it_and_not_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    let (person, other) = ([0xa7; 16], [0xb8; 16]);
    let mut tombstone = of(1, 4, &[]);
    tombstone.forget = vec!["a7".repeat(16)];
    database.store(&tombstone, &[4; 32]).unwrap();
    let left_out = |stored: Stored| match stored {
        Stored::New { left_out, .. } => left_out,
        other => panic!("{other:?}"),
    };
    assert!(!contains(directory.path(), &"a7".repeat(16)), "not as it is");
    assert_eq!(left_out(database.store(&of(1, 5, &[person]), &[5; 32]).unwrap()), 0, "it came back");
    assert_eq!(left_out(database.store(&of(2, 1, &[person]), &[6; 32]).unwrap()), 0, "another database");
    assert_eq!(left_out(database.store(&of(1, 2, &[person, other]), &[2; 32]).unwrap()), 1);
    assert!(matches!(database.store(&of(1, 2, &[person, other]), &[2; 32]), Ok(Stored::Again { .. })));
    assert_eq!(count(&database.connection, "tombstone_value"), 1, "two are missing");
    assert_eq!(left_out(database.store(&of(1, 1, &[other]), &[1; 32]).unwrap()), 0);
    assert_eq!(left_out(database.store(&of(1, 3, &[person]), &[3; 32]).unwrap()), 1);
    for table in ["tombstone", "tombstone_value"] {
        assert_eq!(count(&database.connection, table), 0, "none is missing");
    }
    assert_eq!(count(&database.connection, "record"), 4);
}

/// The usual case: nothing is kept of a tombstone when all before it is there.
#[test]
fn a_tombstone_in_its_order_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = Database::open(&directory.path().join("receiver.db")).unwrap();
    database.store(&of(1, 1, &[[0xa7; 16]]), &[1; 32]).unwrap();
    let mut tombstone = of(1, 2, &[]);
    tombstone.forget = vec!["a7".repeat(16)];
    assert!(matches!(
        database.store(&tombstone, &[2; 32]),
        Ok(Stored::New { forgotten: 1, left_out: 0, .. })
    ));
    assert_eq!(count(&database.connection, "tombstone") + count(&database.connection, "tombstone_value"), 0);
}
