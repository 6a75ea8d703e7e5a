//! Records in columns as they stand in octets.

use super::message::{COLUMNS, Column, Message, Shape};
use super::unzigzag;
use crate::codec::{MAX_RECORDS, MAX_SET_BYTES, put_nested, put_number, put_octets, put_varint};
use crate::decode::Reader;
use crate::{Error, Field, Form, Kind, Mac, ValueView};

/// A message of which all is checked that [`super::Rows`] checks, and no record made.
pub struct Sheet<'a> {
    pub(super) shapes: Vec<Shape>,
    /// Of each record its shape.
    pub(super) rows: Vec<usize>,
    rows_octets: &'a [u8],
    pub(super) columns: Vec<Column<'a>>,
    /// Octets of words, each as often as it is used.
    pub(super) spent: usize,
}

/// A value of a record, in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The field.
    pub field: Field,
    /// The value.
    pub value: ValueView<'a>,
    /// Of two cells of one sheet in which these are equal, so are the values: column, and what is said in it.
    pub spot: (usize, u64),
}

impl<'a> Sheet<'a> {
    /// Reads and checks a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(octets: &'a [u8]) -> Result<Sheet<'a>, Error> {
        let Message { shapes, rows: rows_octets, columns } = Message::read(octets)?;
        let mut rows = Vec::with_capacity(rows_octets.len().min(MAX_RECORDS));
        let mut reader = Reader(rows_octets);
        while reader.end().is_err() {
            if rows.len() >= MAX_RECORDS {
                return Err(Error::Limit { what: "record set", limit: MAX_RECORDS });
            }
            rows.push(usize::try_from(reader.varint()?).map_err(|_| COLUMNS)?);
        }
        let mut sheet = Sheet { shapes, rows, rows_octets, columns, spent: 0 };
        sheet.spent = sheet.check()?;
        Ok(sheet)
    }

    /// Whether each column holds as many values as there are records that have one, and all words are there; gives how many
    /// octets of words are used.
    fn check(&self) -> Result<usize, Error> {
        let mut used = vec![0_usize; self.shapes.len()];
        for row in &self.rows {
            *used.get_mut(*row).ok_or(COLUMNS)? += 1;
        }
        let mut values = vec![0_usize; self.columns.len()];
        for (shape, used) in self.shapes.iter().zip(used) {
            for at in &shape.columns {
                *values.get_mut(*at).ok_or(COLUMNS)? += used;
            }
        }
        let mut budget = MAX_SET_BYTES;
        for (column, values) in self.columns.iter().zip(values) {
            let spent = column.check(values)?;
            let over = Error::Limit { what: "record set", limit: MAX_SET_BYTES };
            budget = budget.checked_sub(spent).ok_or(over)?;
        }
        Ok(MAX_SET_BYTES - budget)
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.rows.len()
    }

    /// The kinds that records may have, some of them more than once.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.shapes.iter().map(|shape| shape.kind)
    }

    /// The fields that records may have, some of them more than once.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.columns.iter().map(|column| column.field)
    }

    /// All MAC addresses that records name in whatever field.
    pub fn macs(&self) -> impl Iterator<Item = Mac> {
        let words =
            self.columns.iter().filter(|column| column.form == Form::Mac).flat_map(|column| &column.words);
        words.filter_map(|word| ValueView::Octets(Form::Mac, word).mac())
    }

    /// Gives the records in order, of each its kind and those of its fields for which `which` says so.
    ///
    /// # Errors
    /// [`Error::Encoding`], which does not happen: all was checked.
    pub fn each(
        &self,
        which: impl Fn(Field) -> bool,
        mut with: impl FnMut(Kind, &[Cell<'a>]),
    ) -> Result<(), Error> {
        let is_asked: Vec<bool> = self.columns.iter().map(|column| which(column.field)).collect();
        // A time is said by its difference from the one before, in whatever column that is.
        let times =
            self.columns.iter().zip(&is_asked).any(|(column, asked)| *asked && column.form == Form::Time);
        let is_read = |at: usize| {
            is_asked.get(at) == Some(&true) || times && self.columns.get(at).is_some_and(Column::is_time)
        };
        let read: Vec<Vec<usize>> = self
            .shapes
            .iter()
            .map(|shape| shape.columns.iter().copied().filter(|at| is_read(*at)).collect())
            .collect();
        let mut values: Vec<Reader<'_>> = self.columns.iter().map(|column| Reader(column.values)).collect();
        let (mut last, mut cells) = (0_u64, Vec::new());
        for row in &self.rows {
            let (shape, read) = self.shapes.get(*row).zip(read.get(*row)).ok_or(COLUMNS)?;
            cells.clear();
            for at in read {
                let (column, values) = self.columns.get(*at).zip(values.get_mut(*at)).ok_or(COLUMNS)?;
                let number = values.varint()?;
                let value = match column.form {
                    Form::Time => {
                        last = last.wrapping_add(unzigzag(number));
                        ValueView::Number(Form::Time, last)
                    }
                    Form::Bool | Form::Number => ValueView::Number(column.form, number),
                    form => ValueView::Octets(form, column.word(number).ok_or(COLUMNS)?),
                };
                if is_asked.get(*at) == Some(&true) {
                    let said = if column.is_time() { last } else { number };
                    cells.push(Cell { field: column.field, value, spot: (*at, said) });
                }
            }
            with(shape.kind, &cells);
        }
        Ok(())
    }

    /// Adds the message of these records to `out`, with no more than times and those of their other fields for which `which` says so.
    pub fn encode(&self, which: impl Fn(Field) -> bool, out: &mut Vec<u8>) {
        let mut places = Vec::with_capacity(self.columns.len());
        let mut kept = 0_u64;
        for column in &self.columns {
            // Each time is said by the one before it.
            let stays = column.is_time() || which(column.field);
            places.push(stays.then_some(kept));
            kept += u64::from(stays);
        }
        for shape in &self.shapes {
            put_nested(out, 1, |out| {
                put_number(out, 1, shape.kind.number().into());
                let columns = shape.columns.iter().filter_map(|at| places.get(*at).copied().flatten());
                let mut columns = columns.peekable();
                if columns.peek().is_some() {
                    put_nested(out, 2, |out| columns.for_each(|at| put_varint(out, at)));
                }
            });
        }
        if !self.rows_octets.is_empty() {
            put_octets(out, 2, self.rows_octets);
        }
        for (column, place) in self.columns.iter().zip(&places) {
            if place.is_some() {
                put_octets(out, 3, column.octets);
            }
        }
    }
}

impl<'a> Column<'a> {
    fn is_time(&self) -> bool {
        self.form == Form::Time
    }

    #[inline]
    fn word(&self, number: u64) -> Option<&'a [u8]> {
        usize::try_from(number).ok().and_then(|at| self.words.get(at)).copied()
    }

    /// Checks that there are so many values, and the words that they name; gives how many octets these have together.
    fn check(&self, values: usize) -> Result<usize, Error> {
        let is_short = self.values.iter().all(|octet| *octet < 0x80);
        if is_short && self.values.len() != values {
            return Err(COLUMNS);
        }
        if is_short && self.form.is_number() {
            return Ok(0);
        }
        let (mut reader, mut found, mut spent) = (Reader(self.values), 0_usize, 0_usize);
        while reader.end().is_err() {
            let number = reader.varint()?;
            found += 1;
            if !self.form.is_number() {
                spent = spent.saturating_add(self.word(number).ok_or(COLUMNS)?.len());
            }
        }
        if found == values { Ok(spent) } else { Err(COLUMNS) }
    }
}
