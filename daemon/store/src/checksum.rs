//! Checksums of rows that no seal covers: counts and states of the store's own. A bit that flips in one is noticed, and as a rule set
//! right ([`mend`]).

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::database::number;

pub(crate) mod mend;

/// Makes `checksum(...)` known to SQL: what [`unsound`] expects of a row is that of its table's name and its columns in the
/// order of [`TABLES`]. Whoever writes such a row writes it too.
pub(crate) fn register(db: &Connection) -> Result<(), Error> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function("checksum", -1, flags, |row| {
        Ok((0..row.len()).fold(Sum::default(), |sum, at| sum.add(row.get_raw(at))).end().to_vec())
    })?;
    // Whether all of its values can be read: text is UTF-8.
    db.create_scalar_function("readable", -1, flags, |row| {
        Ok((0..row.len()).all(|at| is_readable(row.get_raw(at))))
    })?;
    Ok(())
}

fn is_readable(value: ValueRef<'_>) -> bool {
    !matches!(value, ValueRef::Text(octets) if std::str::from_utf8(octets).is_err())
}

/// Of a single value of `meta`.
pub(crate) fn of_single(name: &[u8], value: ValueRef<'_>) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([0])
        .chain_update(value.data_type().to_string())
        .chain_update([0])
        .chain_update(octets(value))
        .finalize()
        .into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// How many rows are not what was written, and which single values are among them: a bit of a column or of the checksum has
/// flipped.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Unsound {
    /// All of them.
    pub(crate) rows: u64,
    /// Names of single values, as they are now.
    pub(crate) singles: Vec<String>,
}

/// Looks for unsound rows.
pub(crate) fn unsound(db: &Connection) -> Result<Unsound, Error> {
    let mut found = Unsound::default();
    for single in unsound_singles(db)? {
        found.rows = found.rows.saturating_add(1);
        found.singles.push(single.name);
    }
    for table in TABLES {
        let select = format!("SELECT COUNT(*) FROM {} WHERE {}", table.name, differs(table));
        let rows = db.prepare_cached(&select)?.query_row([], |r| r.get(0))?;
        found.rows = found.rows.saturating_add(number(rows));
    }
    Ok(found)
}

/// Takes unsound rows as they are now, so that each is told once. One that cannot be read, or of which a column is not of its
/// type any more and cannot be written again, goes.
pub(crate) fn accept(db: &Connection) -> Result<(), Error> {
    // SQLite takes it for granted that a name is none but text.
    db.execute("DELETE FROM meta WHERE typeof(name) <> 'text'", [])?;
    for Single { written, is_readable, .. } in unsound_singles(db)? {
        let taken = db.execute(&format!("UPDATE meta SET checksum = NULL WHERE {WRITTEN} IS ?1"), [&written]);
        if !is_readable || is_refused(&taken) {
            db.execute(&format!("DELETE FROM meta WHERE {WRITTEN} IS ?1"), [&written])?;
        } else {
            taken?;
        }
    }
    for table in TABLES {
        let (unsound, Table { name, columns, types, .. }) = (differs(table), table);
        if let ("account", Some((key, _))) = (name, columns.split_once(", pending")) {
            // Of a count that is none nothing is known but whose it is.
            let numbers = "pending = iif(typeof(pending) = 'integer', pending, 0), total = iif(typeof(total) = 'integer', total, 0)";
            let is_key = format!("{} GLOB 'integer integer text'", types_of(key));
            db.execute(&format!("UPDATE account SET {numbers} WHERE {unsound} AND {is_key}"), [])?;
        }
        let is_whole = format!("{} GLOB '{types}' AND readable({columns})", types_of(columns));
        let sum = format!("checksum('{name}', {columns})");
        db.execute(&format!("UPDATE {name} SET checksum = {sum} WHERE {unsound} AND {is_whole}"), [])?;
        db.execute(&format!("DELETE FROM {name} WHERE {unsound}"), [])?;
    }
    Ok(())
}

fn is_refused(done: &rusqlite::Result<usize>) -> bool {
    let code = done.as_ref().err().and_then(rusqlite::Error::sqlite_error_code);
    code == Some(rusqlite::ErrorCode::ConstraintViolation)
}

/// Which rows of a table are unsound.
fn differs(Table { name, columns, types, .. }: Table) -> String {
    let found = types_of(columns);
    // One that an earlier version wrote has no checksum; nor has one whose columns a flipped bit has moved.
    format!("(checksum <> checksum('{name}', {columns}) OR checksum IS NULL AND {found} NOT GLOB '{types}')")
}

/// The types of columns, as text.
fn types_of(columns: &str) -> String {
    columns.split(", ").map(|column| format!("typeof({column})")).collect::<Vec<_>>().join(" || ' ' || ")
}

/// A single value that is unsound.
struct Single {
    /// As it is now, where it can be read.
    name: String,
    /// The octets of its checksum as they are now.
    written: Vec<u8>,
    is_readable: bool,
}

fn unsound_singles(db: &Connection) -> Result<Vec<Single>, Error> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT name, value, {WRITTEN}, typeof(checksum) = 'blob' FROM meta
           WHERE checksum IS NOT NULL OR typeof(name) <> 'text'"
    ))?;
    let mut rows = statement.query([])?;
    let mut unsound = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, value, written) = (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?);
        let (is_readable, is_blob) = (is_readable(name) && is_readable(value), row.get::<_, bool>(3)?);
        let (name, written): (String, _) = (row.get(0).unwrap_or_default(), octets(written));
        if !is_readable || !is_blob || written != of_single(name.as_bytes(), value) {
            unsound.push(Single { name, written, is_readable });
        }
    }
    Ok(unsound)
}

/// A sum over values, each with its type and length.
#[derive(Default)]
struct Sum(Sha256);

impl Sum {
    fn add(self, value: ValueRef<'_>) -> Sum {
        let octets = octets(value);
        let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let sum = self.0.chain_update(value.data_type().to_string()).chain_update(length.to_be_bytes());
        Sum(sum.chain_update(octets))
    }

    fn end(self) -> [u8; 8] {
        let digest: [u8; 32] = self.0.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }
}

fn octets(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Null => Vec::new(),
        ValueRef::Integer(number) => number.to_be_bytes().to_vec(),
        ValueRef::Real(number) => number.to_bits().to_be_bytes().to_vec(),
        ValueRef::Text(octets) | ValueRef::Blob(octets) => octets.to_vec(),
    }
}

/// A checksum whose own type may have flipped.
const WRITTEN: &str = "CAST(checksum AS BLOB)";

/// A table whose rows have checksums.
#[derive(Clone, Copy)]
struct Table {
    name: &'static str,
    /// That the checksum is over.
    columns: &'static str,
    /// The types of these, as a pattern of GLOB.
    types: &'static str,
    /// So many of the columns, the first, are the key.
    keys: usize,
}

/// Of single values: their checksum is over no more than name and value.
const META: Table = Table { name: "meta", columns: "name, value", types: "text *", keys: 1 };
const TABLES: [Table; 3] = [
    Table {
        name: "account",
        columns: "what, of, reason, pending, total",
        types: "integer integer text integer integer",
        keys: 3,
    },
    Table {
        name: "session",
        columns: "number, id, committed, wrapped",
        types: "integer blob integer *",
        keys: 1,
    },
    Table {
        name: "clock",
        columns: "number, boot, monotonic_ms, wall_ms, synchronised, correction_ms",
        types: "integer blob integer integer integer integer",
        keys: 1,
    },
];

#[cfg(test)]
mod tests {
    use headgate_record::Class;

    use super::*;
    use crate::account::{self, End};
    use crate::clock::{Clock, Reading};
    use crate::database::{in_memory, meta, set};
    use crate::master::MasterKey;
    use crate::{admit, release};

    #[test]
    fn whatever_is_changed_beside_its_checksum_is_found_once_and_written_rows_are_sound() {
        let changes = [
            "UPDATE account SET total = total + 1",
            "UPDATE account SET pending = pending + 256",
            "UPDATE account SET reason = 'buffer-fulm'",
            "UPDATE account SET reason = CAST(x'62ff' AS TEXT)",
            "UPDATE session SET committed = committed + 4096",
            "UPDATE session SET id = x'02'",
            "UPDATE clock SET correction_ms = correction_ms + 1",
            "UPDATE clock SET synchronised = 1 - synchronised",
            "UPDATE meta SET value = 7 WHERE name = 'sequence'",
            "UPDATE meta SET name = 'sequencf' WHERE name = 'sequence'",
            "UPDATE meta SET value = CAST(x'62ff' AS TEXT) WHERE name = 'sequence'",
            "UPDATE meta SET name = CAST(x'62ff' AS TEXT) WHERE name = 'sequence'",
        ];
        for change in changes {
            let (db, keys) = in_memory(&MasterKey::random());
            account::add(&db, End::Lost(Class::Bulk), "buffer-full", 3).unwrap();
            account::add(&db, End::Lost(Class::Bulk), "buffer-full", 4).unwrap();
            account::take(&db).unwrap();
            admit::greet(&db, &keys, [1; 16], 1).unwrap();
            let boot = [1; 16];
            let mut now = Reading { boot, monotonic_ms: 5, wall_ms: 1_000, synchronised: false };
            let mut clock = Clock::load(&db, &now).unwrap();
            now.wall_ms += 1_000_000;
            clock.observe(&db, &now).unwrap();
            set(&db, meta::SEQUENCE, 3).unwrap();
            assert_eq!(unsound(&db).unwrap(), Unsound::default(), "{change}: as written");
            assert!(db.execute(change, []).unwrap() > 0);
            assert!(unsound(&db).unwrap().rows > 0, "{change}");
            accept(&db).unwrap();
            assert_eq!(unsound(&db).unwrap().rows, 0, "{change}: told once");
            release::set_sequence_right(&db).unwrap();
        }
    }
}
