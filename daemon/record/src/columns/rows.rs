//! Records out of columns.

use arrayvec::ArrayVec;

use super::message::{self, COLUMNS, Message, Shape};
use super::unzigzag;
use crate::codec::{MAX_RECORDS, MAX_SET_BYTES};
use crate::decode::Reader;
use crate::{Error, Field, Form, Kind, Record, Value, ValueView};

/// The records of a message, one after the other. It ends with the first error.
pub struct Rows<'a> {
    shapes: Vec<Shape>,
    columns: Vec<Column<'a>>,
    rows: Reader<'a>,
    records: usize,
    /// The time that was said last.
    last: u64,
    /// Octets that words may still take, each as often as it is used.
    budget: usize,
}

struct Column<'a> {
    field: Field,
    form: Form,
    values: Reader<'a>,
    words: Vec<(Value, usize)>,
}

impl<'a> Rows<'a> {
    /// Reads the message up to its values.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(octets: &'a [u8]) -> Result<Rows<'a>, Error> {
        let Message { shapes, rows, columns } = Message::read(octets)?;
        let columns = columns.into_iter().map(Column::new).collect::<Result<_, _>>()?;
        Ok(Rows { shapes, columns, rows: Reader(rows), records: 0, last: 0, budget: MAX_SET_BYTES })
    }

    /// The next record, together with all that `others`, records of its kind, say; what they say holds. `None` at the end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, others: &[&Record]) -> Result<Option<Record>, Error> {
        let Some(shape) = self.shape()? else { return Ok(None) };
        let shape = self.shapes.get(shape).ok_or(COLUMNS)?;
        let mut others = Others::of(shape.kind, others);
        let mut record = Record::with_capacity(shape.kind, shape.columns.len() + others.fields());
        for at in &shape.columns {
            let column = self.columns.get_mut(*at).ok_or(COLUMNS)?;
            let value = column.next(&mut self.last, &mut self.budget)?;
            if !others.put_to(column.field, &mut record) {
                record.push_checked(column.field, value);
            }
        }
        others.put_rest(&mut record);
        Ok(Some(record))
    }

    /// Passes over the next record: its values are read and checked, and it is not made. `false` at the end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn pass(&mut self) -> Result<bool, Error> {
        let Some(shape) = self.shape()? else { return Ok(false) };
        for at in &self.shapes.get(shape).ok_or(COLUMNS)?.columns {
            self.columns.get_mut(*at).ok_or(COLUMNS)?.pass(&mut self.last, &mut self.budget)?;
        }
        Ok(true)
    }

    /// The number of the next record's shape; `None` at the end, where no value may be left.
    fn shape(&mut self) -> Result<Option<usize>, Error> {
        if self.rows.end().is_ok() {
            return self.columns.iter().try_for_each(|column| column.values.end()).map(|()| None);
        }
        if self.records >= MAX_RECORDS {
            return Err(Error::Limit { what: "record set", limit: MAX_RECORDS });
        }
        self.records += 1;
        usize::try_from(self.rows.varint()?).map(Some).map_err(|_| COLUMNS)
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read(&[]).transpose()
    }
}

/// What is left of records that are put into another one, in the order of fields.
struct Others<'a> {
    left: ArrayVec<&'a [(Field, Value)], MAX_OTHERS>,
    /// The first field that is left.
    next: Option<Field>,
}

impl<'a> Others<'a> {
    fn of(kind: Kind, others: &[&'a Record]) -> Others<'a> {
        let others = others.iter().filter(|other| other.kind() == kind).take(MAX_OTHERS);
        let mut others = Others { left: others.map(|other| other.as_slice()).collect(), next: None };
        others.look();
        others
    }

    fn look(&mut self) {
        self.next = self.left.iter().filter_map(|fields| fields.first()).map(|(field, _)| *field).min();
    }

    fn fields(&self) -> usize {
        self.left.iter().map(|fields| fields.len()).sum()
    }

    /// Puts into `record` what stands before a field, and at it; gives whether there was something at it.
    #[inline]
    fn put_to(&mut self, field: Field, record: &mut Record) -> bool {
        let mut there = false;
        while let Some(next) = self.next.filter(|next| *next <= field) {
            self.put(next, record);
            there = next == field;
        }
        there
    }

    fn put_rest(&mut self, record: &mut Record) {
        while let Some(next) = self.next {
            self.put(next, record);
        }
    }

    /// Puts one field, which is left. Of two that say it the first holds.
    fn put(&mut self, next: Field, record: &mut Record) {
        let mut first = true;
        for fields in &mut self.left {
            if let Some(((field, value), rest)) = fields.split_first()
                && *field == next
            {
                *fields = rest;
                if std::mem::take(&mut first) {
                    record.push_checked(next, value.clone());
                }
            }
        }
        self.look();
    }
}

impl<'a> Column<'a> {
    fn new(of: message::Column<'a>) -> Result<Column<'a>, Error> {
        let message::Column { field, form, values, words, .. } = of;
        // What was checked has a value.
        let value = |word: &[u8]| ValueView::Octets(form, word).to_value().map(|value| (value, word.len()));
        let words = words.into_iter().map(value).collect::<Option<_>>().ok_or(COLUMNS)?;
        Ok(Column { field, form, values: Reader(values), words })
    }

    #[inline]
    fn next(&mut self, last: &mut u64, budget: &mut usize) -> Result<Value, Error> {
        let number = self.values.varint()?;
        Ok(match self.form {
            Form::Bool => Value::Bool(number != 0),
            Form::Number => Value::Number(number),
            Form::Time => {
                *last = last.wrapping_add(unzigzag(number));
                Value::Time(*last)
            }
            _ => self.word(number, budget)?.clone(),
        })
    }

    #[inline]
    fn pass(&mut self, last: &mut u64, budget: &mut usize) -> Result<(), Error> {
        let number = self.values.varint()?;
        match self.form {
            Form::Bool | Form::Number => Ok(()),
            // Those behind it are said by their difference.
            Form::Time => {
                *last = last.wrapping_add(unzigzag(number));
                Ok(())
            }
            _ => self.word(number, budget).map(drop),
        }
    }

    #[inline]
    fn word(&self, number: u64, budget: &mut usize) -> Result<&Value, Error> {
        let at = usize::try_from(number).map_err(|_| COLUMNS)?;
        let (word, octets) = self.words.get(at).ok_or(COLUMNS)?;
        let over = Error::Limit { what: "record set", limit: MAX_SET_BYTES };
        *budget = budget.checked_sub(*octets).ok_or(over)?;
        Ok(word)
    }
}

/// Most records that are put into one.
const MAX_OTHERS: usize = 4;
