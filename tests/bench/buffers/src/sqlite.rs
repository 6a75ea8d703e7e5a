//! One row for each record, as one would begin: SQLite as it comes, in WAL mode with `synchronous=FULL`.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::messages::{Messages, records_file};
use crate::process::{on_disk, peak_kib, written};

/// Keeps the records in commits of `commit`, and reads them back.
pub fn run(made: &Path, commit: usize, directory: &Path) -> Value {
    let mut db = Connection::open(directory.join("records.db")).unwrap();
    if cfg!(feature = "sqlcipher") {
        // A raw key: none is derived from a pass phrase.
        db.execute_batch(&format!("PRAGMA key = \"x'{}'\";", "5a".repeat(32))).unwrap();
        let version: String = db.query_row("PRAGMA cipher_version", [], |r| r.get(0)).unwrap();
        assert!(!version.is_empty());
    }
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE record (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;",
    )
    .unwrap();
    let mut messages = Messages::open(&records_file(made));
    let (mut message, mut count, mut more) = (Vec::new(), 0_u64, true);
    let start = Instant::now();
    while more {
        let transaction = db.transaction().unwrap();
        {
            let mut insert = transaction.prepare_cached("INSERT INTO record (content) VALUES (?1)").unwrap();
            for _ in 0..commit {
                more = messages.next(&mut message);
                if !more {
                    break;
                }
                insert.execute(params![message]).unwrap();
                count += 1;
            }
        }
        transaction.commit().unwrap();
    }
    let kept = start.elapsed();
    let (written, peak_kib) = (written("self"), peak_kib("self"));
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let on_disk = on_disk(directory);
    let start = Instant::now();
    let (mut read, mut octets) = (0_u64, 0_usize);
    let mut select = db.prepare("SELECT content FROM record ORDER BY id").unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        octets += std::hint::black_box(row.get::<_, Vec<u8>>(0).unwrap()).len();
        read += 1;
    }
    assert!(read == count && octets > 0);
    json!({
        "us": kept.as_micros(), "records": count, "disk": on_disk, "written": written, "peak_kib": peak_kib,
        "read_us": start.elapsed().as_micros(),
    })
}
