//! Many records in columns: what stands under each other is alike, and little of it is left when it is compressed.
//!
//! Protobuf:
//!
//! ```text
//! message Columns {
//!   repeated Shape shapes = 1;
//!   repeated uint32 rows = 2;     // of each record in order, its shape
//!   repeated Column columns = 3;
//! }
//! message Shape {
//!   uint32 kind = 1;
//!   repeated uint32 columns = 2;  // that hold its fields, in the dictionary's order
//! }
//! message Column {
//!   uint32 field = 1;
//!   uint32 form = 2;              // of its values: the tag of a value's body
//!   repeated uint64 values = 3;   // a number; of a time its difference from the one before, in zigzag; else a word
//!   repeated bytes words = 4;     // what stands in the value's body, mostly each once; counted from 0
//! }
//! ```
//!
//! The time before is the one that was said last, record for record, in whatever column: what begins and ends says so in few octets.
//! It is read as strictly as single records are (`decode.rs`): parts are in this order, and values are used up to the last.

use std::collections::HashMap;

use crate::codec::{MAX_RECORDS, MAX_SET_BYTES, put_nested, put_number, put_octets, put_varint};
use crate::{Error, Field, Form, Kind, MAX_FIELDS, MAX_LIST, MAX_TEXT, Record, ValueView};

mod append;
mod message;
mod rows;
mod sheet;
mod words;

pub use rows::Rows;
pub use sheet::{Cell, Sheet};

use words::Words;

/// The message of these records.
///
/// # Errors
/// [`Error::Limit`] for more than [`MAX_RECORDS`], or than [`decode`] reads.
pub fn encode(records: &[Record]) -> Result<Vec<u8>, Error> {
    if records.len() > MAX_RECORDS {
        return Err(Error::Limit { what: "record set", limit: MAX_RECORDS });
    }
    let (mut columns, mut message) = (Columns::new(), Vec::new());
    records.iter().for_each(|record| columns.push(record, |_| true));
    columns.encode(&mut message)?;
    Ok(message)
}

/// The records of a message, as many octets as [`MAX_SET_BYTES`] together.
///
/// # Errors
/// What is wrong with it.
pub fn decode(message: &[u8]) -> Result<Vec<Record>, Error> {
    if message.len() > MAX_SET_BYTES {
        return Err(Error::Limit { what: "record set", limit: MAX_SET_BYTES });
    }
    Rows::new(message)?.collect()
}

/// Records on their way into columns.
pub struct Columns {
    shapes: Vec<Shape>,
    numbers: HashMap<Shape, usize>,
    latest: [Option<usize>; Kind::ALL.len() + 1],
    /// Place of each field and form in `columns` and one, by [`slot`].
    places: Vec<u16>,
    columns: Vec<Column>,
    rows: Vec<u8>,
    records: usize,
    octets: usize,
    /// Octets of words, each as often as it is used: whoever reads them has so many to take.
    spent: usize,
    /// The time that was said last, in whatever column.
    last: u64,
    /// The shape of the record at hand.
    at_hand: Vec<u16>,
    /// The value at hand, where it does not hold its octets itself.
    value: Vec<u8>,
}

/// The fields of a record, as the columns that they stand in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shape {
    kind: Kind,
    columns: Box<[u16]>,
}

struct Column {
    field: Field,
    form: Form,
    values: Vec<u8>,
    words: Words,
}

impl Default for Columns {
    fn default() -> Columns {
        Columns::new()
    }
}

impl Columns {
    /// No records yet.
    #[must_use]
    pub fn new() -> Columns {
        Columns {
            shapes: Vec::new(),
            numbers: HashMap::new(),
            latest: [None; Kind::ALL.len() + 1],
            places: vec![0; Field::ALL.len() * FORMS],
            columns: Vec::new(),
            rows: Vec::new(),
            records: 0,
            octets: 0,
            spent: 0,
            last: 0,
            at_hand: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Adds those fields of a record for which `which` says so. Who adds asks [`Columns::has_room`] before.
    pub fn push(&mut self, record: &Record, which: impl Fn(Field) -> bool) {
        self.at_hand.clear();
        self.octets += 1;
        let mut octets = std::mem::take(&mut self.value);
        for (field, value) in record.fields().filter(|(field, _)| which(*field)) {
            self.put(field, value.view(&mut octets));
        }
        self.value = octets;
        let shape = self.shape(record.kind());
        put_varint(&mut self.rows, u64::try_from(shape).unwrap_or(u64::MAX));
        self.records += 1;
    }

    #[inline]
    fn put(&mut self, field: Field, value: ValueView<'_>) {
        let place = self.place(field, value.form());
        self.at_hand.push(place);
        if let Some(column) = self.columns.get_mut(usize::from(place)) {
            self.octets += column.push(value, &mut self.last);
            if let ValueView::Octets(_, word) = value {
                self.spent = self.spent.saturating_add(word.len());
            }
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// About how long the message is.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Whether there is room for another record, of whatever size.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.records < MAX_RECORDS && self.spent < MAX_SET_BYTES - MAX_WORDS
    }

    /// Adds the message to `out`.
    ///
    /// # Errors
    /// [`Error::Limit`] where records were added though there was no room.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.records > MAX_RECORDS {
            return Err(Error::Limit { what: "record set", limit: MAX_RECORDS });
        }
        if self.spent > MAX_SET_BYTES {
            return Err(Error::Limit { what: "record set", limit: MAX_SET_BYTES });
        }
        for Shape { kind, columns } in &self.shapes {
            put_nested(out, 1, |out| {
                put_number(out, 1, kind.number().into());
                if !columns.is_empty() {
                    put_nested(out, 2, |out| columns.iter().for_each(|at| put_varint(out, (*at).into())));
                }
            });
        }
        if !self.rows.is_empty() {
            put_octets(out, 2, &self.rows);
        }
        for column in &self.columns {
            put_nested(out, 3, |out| {
                put_number(out, 1, column.field.definition().number.into());
                put_number(out, 2, column.form.number().into());
                put_octets(out, 3, &column.values);
                column.words.iter().for_each(|word| put_octets(out, 4, word));
            });
        }
        Ok(())
    }

    /// The place of a field's column, which is made where there is none.
    #[inline]
    fn place(&mut self, field: Field, form: Form) -> u16 {
        let Some(place) = self.places.get_mut(slot(field, form)) else { return u16::MAX };
        match place.checked_sub(1) {
            Some(there) => there,
            None => {
                let new = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
                *place = new.saturating_add(1);
                self.columns.push(Column::new(field, form));
                new
            }
        }
    }

    /// The number of the shape at hand, for a record of this kind.
    fn shape(&mut self, kind: Kind) -> usize {
        let latest = usize::try_from(kind.number()).ok().and_then(|n| self.latest.get_mut(n));
        let known = latest.as_ref().and_then(|latest| **latest);
        if let Some(number) = known
            && self.shapes.get(number).is_some_and(|shape| *shape.columns == *self.at_hand)
        {
            return number;
        }
        let shape = Shape { kind, columns: self.at_hand.as_slice().into() };
        let number = *self.numbers.entry(shape).or_insert_with_key(|shape| {
            self.shapes.push(shape.clone());
            self.shapes.len() - 1
        });
        if let Some(latest) = latest {
            *latest = Some(number);
        }
        number
    }
}

impl Column {
    fn new(field: Field, form: Form) -> Column {
        Column { field, form, values: Vec::new(), words: Words::default() }
    }

    /// Adds a value; gives about how many octets it took.
    fn push(&mut self, value: ValueView<'_>, last: &mut u64) -> usize {
        let before = self.values.len();
        let mut new = 0;
        let number = match value {
            ValueView::Number(Form::Time, time) => {
                let step = time.wrapping_sub(std::mem::replace(last, time));
                zigzag(step)
            }
            ValueView::Number(_, number) => number,
            ValueView::Octets(_, word) => {
                let (number, is_new) = self.words.number(word);
                new = if is_new { word.len() + 2 } else { 0 };
                number
            }
        };
        put_varint(&mut self.values, number);
        self.values.len() - before + new
    }
}

/// A difference as a number that is small in both directions (`sint64` of protobuf).
#[must_use]
pub fn zigzag(step: u64) -> u64 {
    step << 1 ^ if step >> 63 == 1 { u64::MAX } else { 0 }
}

/// The difference that [`zigzag`] was given.
#[must_use]
pub fn unzigzag(number: u64) -> u64 {
    number >> 1 ^ if number & 1 == 1 { u64::MAX } else { 0 }
}

fn slot(field: Field, form: Form) -> usize {
    field.position() * FORMS + usize::from(form.number()) - 1
}

/// More than the words of one record: every field a full list of the longest texts, however their lengths are written.
const MAX_WORDS: usize = MAX_FIELDS * MAX_LIST * (MAX_TEXT + 64);
/// How many forms there are.
const FORMS: usize = 10;

#[cfg(test)]
mod tests;
