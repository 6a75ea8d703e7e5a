//! Setting right what one flipped bit did to a row with a checksum. Which bit it was its checksum says: the one without which it matches.
//! And such a row may not be where its key belongs, so that neither it nor others are found by theirs.

use std::cmp::Ordering;

use rusqlite::types::{FromSql, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::{META, Sum, TABLES, Table, is_refused, octets, of_single};
use crate::Error;

/// Sets right the rows of which one bit has flipped, and has all in the order of their keys. Gives how many were set right, or 1 where
/// only their order was wrong. No row goes: where one cannot be written again its whole table stays as it is.
///
/// # Errors
/// Those of the database. To be called in a transaction.
pub(crate) fn mend(db: &Connection) -> Result<u64, Error> {
    let mut mended: u64 = 0;
    for table in [META].into_iter().chain(TABLES) {
        let Some(found) = table.rows(db)? else { continue };
        let right: Vec<Written> = found.iter().map(|row| table.right(row)).collect();
        let changed = found.iter().zip(&right).filter(|(found, right)| found != right).count();
        let is_in_order = right.is_sorted_by(|a, b| table.is_before(a, b));
        if changed == 0 && is_in_order {
            continue;
        }
        // What was written since may have the key that a row had: then it keeps the one that it has now.
        if table.replace(db, &right)? {
            mended = mended.saturating_add(u64::try_from(changed.max(1)).unwrap_or(u64::MAX));
        } else if !found.is_sorted_by(|a, b| table.is_before(a, b)) && table.replace(db, &found)? {
            mended = mended.saturating_add(1);
        }
    }
    Ok(mended)
}

/// A single value of a database that nothing is written to, wherever it lies, and one flipped bit set right; and whether it is what was set.
///
/// # Errors
/// Those of the database; one of another type than `T`.
pub(crate) fn seek<T: FromSql>(db: &Connection, name: &str) -> Result<Option<(T, bool)>, Error> {
    for row in META.rows(db)?.unwrap_or_default() {
        let right = META.right(&row);
        let [Raw::Text(found), value, _] = right.as_slice() else { continue };
        if found == name.as_bytes() {
            let is_sound = META.is_sound(&right);
            let of_another_type =
                |_| rusqlite::Error::InvalidColumnType(1, name.to_owned(), value.as_ref().data_type());
            return Ok(Some((T::column_result(value.as_ref()).map_err(of_another_type)?, is_sound)));
        }
    }
    Ok(None)
}

/// Whether all single values are what was set, or can be set right.
///
/// # Errors
/// Those of the database.
pub(crate) fn are_sound(db: &Connection) -> Result<bool, Error> {
    let rows = META.rows(db)?.unwrap_or_default();
    Ok(rows.iter().all(|row| META.is_sound(&META.right(row))))
}

/// A row as it is written: the columns of its table, and its checksum behind them.
type Written = Vec<Raw>;

impl Table {
    /// All rows as they lie there; `None` where they are more than any store has.
    fn rows(self, db: &Connection) -> Result<Option<Vec<Written>>, Error> {
        let Table { name, columns, .. } = self;
        let mut statement =
            db.prepare_cached(&format!("SELECT {columns}, checksum FROM {name} NOT INDEXED"))?;
        let width = statement.column_count();
        let (mut rows, mut found) = (statement.query([])?, Vec::new());
        while let Some(row) = rows.next()? {
            if found.len() >= MOST_ROWS {
                return Ok(None);
            }
            let row = (0..width).map(|at| row.get_ref(at).map(Raw::from));
            found.push(row.collect::<Result<Written, _>>()?);
        }
        Ok(Some(found))
    }

    /// The row as it was written, where one bit of it has flipped; else as it is.
    fn right(self, row: &Written) -> Written {
        let mut right = row.clone();
        let Some((checksum, values)) = right.split_last_mut() else { return right };
        if let (true, Some(name @ Raw::Blob(_))) = (self.name == META.name, values.first_mut()) {
            *name = name.of_other_type();
        }
        if let Raw::Text(_) = checksum {
            *checksum = checksum.of_other_type();
        }
        let Some(written) = checksum.as_sum() else { return right };
        let sum = self.sum(values);
        if (sum ^ written).count_ones() <= 1 {
            *checksum = Raw::Blob(sum.to_be_bytes().to_vec());
            return right;
        }
        for at in 0..values.len() {
            let Some(found) = values.get(at).cloned() else { continue };
            for variant in found.variants() {
                if let Some(value) = values.get_mut(at) {
                    *value = variant;
                }
                if self.sum(values) == written {
                    return right;
                }
            }
            if let Some(value) = values.get_mut(at) {
                *value = found;
            }
        }
        right
    }

    /// Whether a row is what was written, as far as it has a checksum.
    fn is_sound(self, row: &Written) -> bool {
        match row.split_last() {
            Some((Raw::Null, _)) => true,
            Some((checksum, values)) => checksum.as_sum() == Some(self.sum(values)),
            None => false,
        }
    }

    fn sum(self, values: &[Raw]) -> u64 {
        let sum = match values {
            [Raw::Text(name) | Raw::Blob(name), value] if self.name == META.name => {
                of_single(name, value.as_ref())
            }
            _ => {
                let table = Sum::default().add(ValueRef::Text(self.name.as_bytes()));
                values.iter().fold(table, |sum, value| sum.add(value.as_ref())).end()
            }
        };
        u64::from_be_bytes(sum)
    }

    /// Whether the key of a row is before that of another, as SQLite has them in order.
    fn is_before(self, a: &Written, b: &Written) -> bool {
        let keys = a.iter().zip(b).take(self.keys);
        keys.map(|(a, b)| a.order(b)).find(|order| order.is_ne()) == Some(Ordering::Less)
    }

    /// Writes these rows in the place of all that there are. Gives whether that was done: not where one cannot be written.
    fn replace(self, db: &Connection, rows: &[Written]) -> Result<bool, Error> {
        db.execute_batch("SAVEPOINT mend")?;
        let written = self.write(db, rows);
        let end = if matches!(written, Ok(true)) { "RELEASE mend" } else { "ROLLBACK TO mend; RELEASE mend" };
        // Where SQLite has rolled all back itself there is nothing to end.
        let ended = db.execute_batch(end);
        let written = written?;
        ended?;
        Ok(written)
    }

    fn write(self, db: &Connection, rows: &[Written]) -> Result<bool, Error> {
        let Table { name, columns, .. } = self;
        db.execute(&format!("DELETE FROM {name}"), [])?;
        for row in rows {
            let places = vec!["?"; row.len()].join(", ");
            let insert = format!("INSERT INTO {name} ({columns}, checksum) VALUES ({places})");
            let written = db.prepare_cached(&insert)?.execute(params_from_iter(row));
            if is_refused(&written) {
                return Ok(false);
            }
            written?;
        }
        Ok(true)
    }
}

/// A value as it is written, text that is none among them.
#[derive(Clone, Debug, PartialEq)]
enum Raw {
    Null,
    Integer(i64),
    /// By its bits.
    Real(u64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Raw {
    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Raw::Null => ValueRef::Null,
            Raw::Integer(number) => ValueRef::Integer(*number),
            Raw::Real(bits) => ValueRef::Real(f64::from_bits(*bits)),
            Raw::Text(octets) => ValueRef::Text(octets),
            Raw::Blob(octets) => ValueRef::Blob(octets),
        }
    }

    /// What it can have been before one bit of it flipped.
    fn variants(&self) -> impl Iterator<Item = Raw> + '_ {
        let numbers = match self {
            Raw::Integer(number) => Some(*number),
            _ => None,
        };
        let bits = numbers.into_iter().flat_map(|number| (0..i64::BITS).map(move |bit| number ^ (1 << bit)));
        // The first bit of a number that was written in fewer octets.
        let signs = numbers.into_iter().flat_map(|number| {
            WIDTHS
                .into_iter()
                .map(move |width| ((number ^ (1 << (width - 1))) << (64 - width)) >> (64 - width))
        });
        // What takes no octet beside its type, and what takes eight.
        let types = EMPTY.contains(self).then_some(EMPTY).into_iter().flatten();
        let eight = match self {
            Raw::Integer(number) => Some(Raw::Real(number.cast_unsigned())),
            Raw::Real(bits) => Some(Raw::Integer(bits.cast_signed())),
            _ => None,
        };
        let octets = match self {
            Raw::Text(octets) | Raw::Blob(octets) if octets.len() <= MOST_OCTETS => octets.len(),
            _ => 0,
        };
        let octets = (0..octets).flat_map(move |at| (0..8).map(move |bit| self.flipped(at, 1 << bit)));
        let other = matches!(self, Raw::Text(_) | Raw::Blob(_)).then(|| self.of_other_type());
        bits.chain(signs).map(Raw::Integer).chain(types).chain(eight).chain(other).chain(octets)
    }

    /// The same octets as text or not.
    fn of_other_type(&self) -> Raw {
        match self {
            Raw::Text(octets) => Raw::Blob(octets.clone()),
            Raw::Blob(octets) => Raw::Text(octets.clone()),
            other => other.clone(),
        }
    }

    fn flipped(&self, at: usize, bit: u8) -> Raw {
        let mut flipped = self.clone();
        if let Raw::Text(octets) | Raw::Blob(octets) = &mut flipped
            && let Some(octet) = octets.get_mut(at)
        {
            *octet ^= bit;
        }
        flipped
    }

    fn as_sum(&self) -> Option<u64> {
        match self {
            Raw::Blob(octets) => octets.as_slice().try_into().ok().map(u64::from_be_bytes),
            _ => None,
        }
    }

    /// As SQLite has values in order: nothing, numbers, text, octets.
    fn order(&self, other: &Raw) -> Ordering {
        let rank = |raw: &Raw| match raw {
            Raw::Null => 0,
            Raw::Integer(_) | Raw::Real(_) => 1,
            Raw::Text(_) => 2,
            Raw::Blob(_) => 3,
        };
        match (self, other) {
            (Raw::Integer(a), Raw::Integer(b)) => a.cmp(b),
            (Raw::Text(a), Raw::Text(b)) | (Raw::Blob(a), Raw::Blob(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

impl From<ValueRef<'_>> for Raw {
    fn from(value: ValueRef<'_>) -> Raw {
        match value {
            ValueRef::Null => Raw::Null,
            ValueRef::Integer(number) => Raw::Integer(number),
            ValueRef::Real(number) => Raw::Real(number.to_bits()),
            ValueRef::Text(_) => Raw::Text(octets(value)),
            ValueRef::Blob(_) => Raw::Blob(octets(value)),
        }
    }
}

impl ToSql for Raw {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.as_ref()))
    }
}

/// The values that have no octets (file format, 2.1).
const EMPTY: [Raw; 5] =
    [Raw::Null, Raw::Integer(0), Raw::Integer(1), Raw::Text(Vec::new()), Raw::Blob(Vec::new())];
/// Bits of the integers that SQLite writes in fewer octets than eight (file format, 2.1).
const WIDTHS: [u32; 5] = [8, 16, 24, 32, 48];
/// Most octets of a value in which a flipped bit is sought.
const MOST_OCTETS: usize = 4_096;
/// Most rows that are looked at; a store has some dozens.
const MOST_ROWS: usize = 65_536;
