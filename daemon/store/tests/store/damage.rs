//! Damage is local: what does not open is set aside and counted, and all else goes on.

use headgate_record::Field;
use headgate_record::local::{ControlRequest, FromUplink, ToUplink};
use headgate_record::sealed::Sealed;
use serde_json::json;

use crate::site::{Site, device, numbers};

/// A stopped store with three segments of one record each, none released.
fn three_segments() -> Site {
    let site = Site::new("");
    site.configure("batch_delay = 0", "");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for number in 1..=3 {
        sensor.hand_over(vec![device(number)]).unwrap();
    }
    running.stop();
    site.configure("batch_delay = 0", "receiver = \"receiver.example:443\"");
    site
}

#[test]
fn a_flipped_bit_in_a_segment_costs_this_segment_only() {
    let site = three_segments();
    let (before, after) = flip(&site, "segment", 2);
    let running = site.start();
    let batches = running.drain();
    assert_eq!(numbers(&batches, Field::DeviceFrames), [1, 3]);
    let lost: Vec<_> = batches.iter().flat_map(|b| &b.lost).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].reason.as_str(), lost[0].records), ("damaged", 1));
    let status = running.status();
    assert_eq!((&status["quarantined"], &status["missing"]), (&1.into(), &0.into()));
    let ledger = running.ask(&ControlRequest::Ledger { limit: 100 });
    assert!(ledger["entries"].as_array().unwrap().iter().any(|e| e["event"] == "quarantined"), "{ledger}");
    running.stop();
    let kept: Vec<u8> = site.sqlite().query_row("SELECT sealed FROM quarantine", [], |r| r.get(0)).unwrap();
    assert_ne!(before, after);
    assert_eq!(kept, after, "kept as it was found");
    assert_eq!(site.start().status()["missing"], 0, "a move to the quarantine is no loss without trace");
}

#[test]
fn segments_that_changed_places_do_not_open() {
    let site = three_segments();
    site.sqlite()
        .execute_batch(
            "CREATE TEMP TABLE swap AS SELECT id, sealed FROM segment;
             UPDATE segment SET sealed = (SELECT sealed FROM swap WHERE swap.id = 3 - segment.id) WHERE id < 3;",
        )
        .unwrap();
    let running = site.start();
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [3]);
    assert_eq!(running.status()["quarantined"], 2);
}

#[test]
fn a_segment_of_another_class_or_count_does_not_open() {
    let site = three_segments();
    site.sqlite()
        .execute_batch(
            "UPDATE segment SET class = 0 WHERE id = 1; UPDATE segment SET records = 9 WHERE id = 2;",
        )
        .unwrap();
    let running = site.start();
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [3]);
}

#[test]
fn a_segment_that_vanished_is_noticed() {
    let site = three_segments();
    site.sqlite().execute_batch("DELETE FROM segment WHERE id = 2").unwrap();
    let running = site.start();
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [1, 3]);
    assert_eq!(running.status()["missing"], 1);
}

/// One flipped bit of 4,000: the release gate passed the number, and nothing that came afterwards ever left.
#[test]
fn a_segment_whose_number_is_a_high_one_does_not_hold_back_those_that_come() {
    let site = three_segments();
    site.sqlite().execute_batch("UPDATE segment SET id = id + (1 << 40) WHERE id = 2").unwrap();
    let running = site.start();
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [1, 3]);
    let status = running.status();
    assert_eq!((&status["quarantined"], &status["missing"]), (&1.into(), &0.into()));
    running.sensor(1).hand_over(vec![device(4)]).unwrap();
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [4]);
}

/// One flipped bit of all octets: no receipt was accepted any more, as each named the epoch that the batches have.
#[test]
fn an_epoch_of_which_a_bit_has_flipped_is_set_right_and_receipts_are_accepted() {
    for waits in [true, false] {
        let site = Site::new("batch_records = 1\nbatch_delay = 0");
        let running = site.start();
        running.sensor(1).hand_over((1..=2).map(device).collect()).unwrap();
        running.until(|s| s["outbox"]["batches"] == 2);
        let epoch = running.status()["epoch"].clone();
        if !waits {
            running.drain();
        }
        running.stop();
        site.sqlite().execute("UPDATE meta SET value = value + 16 WHERE name = 'epoch'", []).unwrap();
        let running = site.start();
        let status = running.status();
        assert_eq!((&status["epoch"], &status["values_unsound"]), (&epoch, &1.into()));
        running.sensor(1).hand_over(vec![device(3)]).unwrap();
        let expected: &[u64] = if waits { &[1, 2, 3] } else { &[3] };
        assert_eq!(numbers(&running.drain(), Field::DeviceFrames), expected);
    }
}

/// Time lived is written anew at each start: a flipped bit in it once went unseen, and all that was kept was too old.
#[test]
fn time_lived_of_which_a_bit_has_flipped_makes_nothing_too_old() {
    let site = three_segments();
    site.sqlite().execute("UPDATE meta SET value = value + (1 << 50) WHERE name = 'lived_ms'", []).unwrap();
    let running = site.start();
    assert_eq!(running.status()["values_unsound"], 1);
    let lived: i64 =
        site.sqlite().query_row("SELECT value FROM meta WHERE name = 'lived_ms'", [], |r| r.get(0)).unwrap();
    assert!(lived < 1 << 49, "{lived}");
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [1, 2, 3]);
}

#[test]
fn a_damaged_batch_is_counted_and_does_not_hold_up_the_next() {
    let site = Site::new("batch_records = 1\nbatch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over((1..=3).map(device).collect()).unwrap();
    running.until(|s| s["outbox"]["batches"] == 3);
    running.stop();
    flip(&site, "outbox", 1);
    let running = site.start();
    let batches = running.drain();
    assert_eq!(batches.iter().map(|b| b.id.sequence).collect::<Vec<_>>(), [2, 3]);
    let status = running.status();
    assert_eq!(status["outbox"]["batches_lost"], 1);
    assert_eq!(status["lost"][0]["reason"], "damaged");
    // The next batch tells the receiver.
    running.sensor(1).hand_over(vec![device(4)]).unwrap();
    assert_eq!(running.drain()[0].lost[0].records, 1);
}

/// What there is no room for is not opened: that it is damaged shows itself when there is.
#[test]
fn a_batch_without_room_behind_another_is_not_read() {
    let site = Site::new("batch_records = 1\nbatch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over((1..=3).map(device).collect()).unwrap();
    running.until(|s| s["outbox"]["batches"] == 3);
    running.stop();
    flip(&site, "outbox", 2);
    let running = site.start();
    let mut uplink = running.uplink();
    let mut behind = |room| match uplink.say(&FromUplink::Behind { after: 1, room }).unwrap() {
        ToUplink::Batch(sealed) => Some(Sealed::decode(&sealed).unwrap().id.sequence),
        ToUplink::Empty => None,
        other => panic!("{other:?}"),
    };
    assert_eq!([behind(1), behind(100)], [None; 2]);
    let status = running.status();
    assert_eq!((&status["outbox"]["batches"], &status["quarantined"]), (&3.into(), &0.into()));
    assert_eq!(behind(u32::MAX), Some(3));
    assert_eq!(running.status()["quarantined"], 1);
}

#[test]
fn a_ledger_entry_that_was_changed_or_removed_is_found() {
    let site = Site::new("batch_records = 1\nbatch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over((1..=3).map(device).collect()).unwrap();
    running.drain();
    running.stop();
    let last: i64 = site.sqlite().query_row("SELECT MAX(number) FROM ledger", [], |r| r.get(0)).unwrap();
    let changes: [(String, i64); 3] = [
        ("UPDATE ledger SET detail = replace(detail, '1', '2') WHERE number = 3".to_owned(), 3),
        ("DELETE FROM ledger WHERE number = 2".to_owned(), 2),
        (format!("DELETE FROM ledger WHERE number = {last}"), last),
    ];
    for (change, broken_at) in changes {
        let whole = std::fs::read(site.database()).unwrap();
        site.sqlite().execute_batch(&change).unwrap();
        let running = site.start();
        let ledger = running.ask(&ControlRequest::Ledger { limit: 100 });
        assert_eq!(
            (&ledger["verified"], &ledger["broken_at"]),
            (&false.into(), &broken_at.into()),
            "{change}"
        );
        running.stop();
        std::fs::write(site.database(), whole).unwrap();
    }
}

fn flip(site: &Site, table: &str, row: i64) -> (Vec<u8>, Vec<u8>) {
    let db = site.sqlite();
    let before: Vec<u8> =
        db.query_row(&format!("SELECT sealed FROM {table} WHERE rowid = ?1"), [row], |r| r.get(0)).unwrap();
    let mut after = before.clone();
    let middle = after.len() / 2;
    after[middle] ^= 0x10;
    db.execute(&format!("UPDATE {table} SET sealed = ?2 WHERE rowid = ?1"), (row, &after)).unwrap();
    (before, after)
}

/// One flipped bit in the name of a column once kept the store from ever starting again.
#[test]
fn a_schema_that_sqlite_does_not_understand_lies_aside_and_another_begins() {
    let site = three_segments();
    site.sqlite()
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, 'signature', 'sygnature') WHERE name = 'ledger';",
        )
        .unwrap();
    let running = site.start();
    let status = running.status();
    assert_eq!((&status["databases_set_aside"], &status["records"]["device"]), (&1.into(), &0.into()));
    assert_eq!(status["lost"], json!([{ "class": "state", "reason": "set-aside", "records": 3 }]));
    assert_eq!(running.sensor(1).hand_over(vec![device(1)]), Some(1));
}

/// A page of an index that a running store met was once an error at each hand-over from then on.
#[test]
fn a_database_that_turns_out_damaged_while_the_store_runs_lies_aside_and_another_begins() {
    let site = three_segments();
    let (root, size): (u32, u32) = {
        let db = site.sqlite();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'segment_class'";
        let root = db.query_row(root, [], |r| r.get(0)).unwrap();
        (root, db.query_row("PRAGMA page_size", [], |r| r.get(0)).unwrap())
    };
    let mut content = std::fs::read(site.database()).unwrap();
    let from = usize::try_from((root - 1) * size).unwrap();
    content[from..from + usize::try_from(size).unwrap()].fill(0x55);
    std::fs::write(site.database(), &content).unwrap();
    site.configure("batch_delay = 3600", "receiver = \"receiver.example:443\"");
    let running = site.start();
    assert_eq!(running.sensor(1).hand_over(vec![device(4)]), None);
    let mut sensor = running.sensor(1);
    assert_eq!((sensor.committed, sensor.hand_over(vec![device(1)])), (0, Some(1)));
    let status = running.status();
    assert_eq!((&status["databases_set_aside"], &status["records"]["device"]), (&1.into(), &1.into()));
    assert_eq!(status["lost"], json!([{ "class": "state", "reason": "set-aside", "records": 3 }]));
    let ledger = running.ask(&ControlRequest::Ledger { limit: 100 });
    assert!(ledger["entries"].as_array().unwrap().iter().any(|e| e["event"] == "set-aside"), "{ledger}");
    running.stop();
    let is_aside = |name: &str| name.contains(".damaged-") && !name.ends_with("-wal");
    let aside = site.files().into_iter().find(|(name, _)| is_aside(&name.to_string_lossy()));
    assert_eq!(aside.unwrap().1.len(), content.len(), "it is there to be looked at");
    assert_eq!(site.start().status()["records"]["device"], 1);
}

/// A damaged index once had all of the database lie aside, though its tables were whole.
#[test]
fn a_damaged_index_is_built_anew_and_nothing_that_is_in_the_tables_is_lost() {
    let site = three_segments();
    // A row goes without its entry in the index, as if a bit of the entry had flipped.
    site.sqlite()
        .execute_batch(
            "PRAGMA writable_schema = ON;
             CREATE TEMP TABLE kept AS SELECT rowid AS at, * FROM sqlite_schema WHERE name = 'segment_class';
             DELETE FROM sqlite_schema WHERE name = 'segment_class';
             PRAGMA writable_schema = RESET;
             UPDATE segment SET class = 0 WHERE id = 2;
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema (rowid, type, name, tbl_name, rootpage, sql)
               SELECT at, type, name, tbl_name, rootpage, sql FROM kept;",
        )
        .unwrap();
    site.sqlite().execute("UPDATE segment SET class = 1 WHERE id = 2", []).unwrap_err();
    let running = site.start();
    let ledger = || running.ask(&ControlRequest::Ledger { limit: 100 });
    running.until(|_| ledger()["entries"].as_array().unwrap().iter().any(|e| e["event"] == "reindexed"));
    assert_eq!(numbers(&running.drain(), Field::DeviceFrames), [1, 3]);
    let status = running.status();
    assert_eq!((&status["databases_set_aside"], &status["missing"]), (&0.into(), &0.into()), "{status}");
    assert_eq!(running.sensor(2).hand_over(vec![device(9)]), Some(1));
    assert_eq!(ledger()["verified"], true);
    running.stop();
    let sound: String = site.sqlite().query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

/// One flipped bit made a name of a single value octets instead of text: what was told of it could not be written, and the store did
/// not start.
#[test]
fn a_single_value_whose_name_is_of_another_type_is_told_and_the_store_starts() {
    let site = three_segments();
    // What SQLite itself would not write.
    let schema = |from: &str, to: &str| {
        let edit = format!(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = 'meta'"
        );
        site.sqlite().execute_batch(&edit).unwrap();
    };
    schema("STRICT, WITHOUT", "WITHOUT");
    site.sqlite().execute("UPDATE meta SET name = CAST(name AS BLOB) WHERE name = 'rules'", []).unwrap();
    schema("WITHOUT", "STRICT, WITHOUT");
    let running = site.start();
    let status = running.status();
    assert_eq!(
        (&status["values_unsound"], &status["databases_set_aside"]),
        (&1.into(), &0.into()),
        "{status}"
    );
    let mut sensor = running.sensor(2);
    assert_eq!(sensor.hand_over(vec![device(9)]), Some(1));
}
