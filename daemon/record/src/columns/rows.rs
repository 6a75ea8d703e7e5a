//! Records out of columns.

use arrayvec::ArrayVec;

use super::unzigzag;
use crate::codec::{MAX_RECORDS, MAX_SET_BYTES};
use crate::decode::{Part, Reader};
use crate::view::check;
use crate::{Error, Field, Form, Kind, MAX_FIELDS, Record, Value, ValueView};

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

struct Shape {
    kind: Kind,
    columns: Vec<usize>,
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
        let (mut shapes, mut columns, mut rows, mut words) = (Vec::new(), Vec::new(), None, 0);
        let mut reader = Reader(octets);
        while let Some((tag, part)) = reader.part()? {
            let Part::Octets(octets) = part else { return Err(COLUMNS) };
            match tag {
                1 if rows.is_none() && shapes.len() < MAX_RECORDS => shapes.push(Shape::read(octets)?),
                2 if rows.is_none() => rows = Some(Reader(octets)),
                3 if rows.is_some() && columns.len() < MAX_COLUMNS => {
                    let column = Column::read(octets)?;
                    words += column.words.len();
                    columns.push(column);
                }
                _ => return Err(COLUMNS),
            }
            if words > MAX_RECORDS * MAX_FIELDS {
                return Err(COLUMNS);
            }
        }
        let rows = Rows {
            shapes,
            columns,
            rows: rows.unwrap_or(Reader(&[])),
            records: 0,
            last: 0,
            budget: MAX_SET_BYTES,
        };
        rows.shapes.iter().try_for_each(|shape| rows.fits(shape))?;
        Ok(rows)
    }

    /// Whether the fields of a shape are its kind's, in the dictionary's order.
    fn fits(&self, shape: &Shape) -> Result<(), Error> {
        let mut last = None;
        for at in &shape.columns {
            let field = self.columns.get(*at).ok_or(COLUMNS)?.field;
            if field.kind() != shape.kind {
                return Err(Error::ForeignField { field, kind: shape.kind });
            }
            if last >= Some(field) {
                return Err(Error::Order(field));
            }
            last = Some(field);
        }
        Ok(())
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

impl Shape {
    fn read(octets: &[u8]) -> Result<Shape, Error> {
        let mut reader = Reader(octets);
        let number = match reader.part()? {
            Some((1, Part::Number(number))) => u32::try_from(number).map_err(|_| COLUMNS)?,
            _ => return Err(COLUMNS),
        };
        let kind = Kind::from_number(number).ok_or(Error::UnknownKind(number))?;
        let mut columns = Vec::new();
        match reader.part()? {
            None => {}
            Some((2, Part::Octets(octets))) => {
                let mut packed = Reader(octets);
                while packed.end().is_err() {
                    if columns.len() >= MAX_FIELDS {
                        return Err(Error::Limit { what: "record", limit: MAX_FIELDS });
                    }
                    columns.push(usize::try_from(packed.varint()?).map_err(|_| COLUMNS)?);
                }
            }
            Some(_) => return Err(COLUMNS),
        }
        reader.end()?;
        Ok(Shape { kind, columns })
    }
}

impl<'a> Column<'a> {
    fn read(octets: &'a [u8]) -> Result<Column<'a>, Error> {
        let mut reader = Reader(octets);
        let Some((1, Part::Number(number))) = reader.part()? else { return Err(COLUMNS) };
        let number = u32::try_from(number).map_err(|_| COLUMNS)?;
        let field = Field::from_number(number).ok_or(Error::UnknownField(number))?;
        let Some((2, Part::Number(form))) = reader.part()? else { return Err(COLUMNS) };
        let form = Form::from_number(form).ok_or(COLUMNS)?;
        let Some((3, Part::Octets(values))) = reader.part()? else { return Err(COLUMNS) };
        if form.is_number() {
            check(field.kind(), field, ValueView::Number(form, 0))?;
        }
        let mut words = Vec::new();
        while let Some(part) = reader.part()? {
            let (4, Part::Octets(word)) = part else { return Err(COLUMNS) };
            // There is no more than one for each value, and a value has an octet.
            if form.is_number() || words.len() >= values.len().min(MAX_RECORDS) {
                return Err(COLUMNS);
            }
            let value = ValueView::octets(form, word)?;
            check(field.kind(), field, value)?;
            words.push((value.to_value().ok_or(COLUMNS)?, word.len()));
        }
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

const COLUMNS: Error = Error::Encoding("columns");
/// One for each field and form.
const MAX_COLUMNS: usize = Field::ALL.len() * super::FORMS;
/// Most records that are put into one.
const MAX_OTHERS: usize = 4;
