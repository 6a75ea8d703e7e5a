//! The parts of a message of columns, each checked for itself.

use super::FORMS;
use crate::codec::MAX_RECORDS;
use crate::decode::{Part, Reader};
use crate::view::{check, check_size};
use crate::{Error, Field, Form, Kind, MAX_FIELDS, ValueView};

/// A message whose values and rows are not read yet.
pub(super) struct Message<'a> {
    pub(super) shapes: Vec<Shape>,
    /// Of each record its shape (varints).
    pub(super) rows: &'a [u8],
    pub(super) columns: Vec<Column<'a>>,
}

/// The fields of a record, as the columns that they stand in.
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) columns: Vec<usize>,
}

pub(super) struct Column<'a> {
    pub(super) field: Field,
    pub(super) form: Form,
    /// Varints.
    pub(super) values: &'a [u8],
    /// Each is a value that the field may hold.
    pub(super) words: Vec<&'a [u8]>,
    /// The column as it stands in the message.
    pub(super) octets: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads all but values and rows.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(octets: &'a [u8]) -> Result<Message<'a>, Error> {
        let (mut shapes, mut columns, mut rows, mut words) = (Vec::new(), Vec::new(), None, 0);
        let mut reader = Reader(octets);
        while let Some((tag, part)) = reader.part()? {
            let Part::Octets(octets) = part else { return Err(COLUMNS) };
            match tag {
                1 if rows.is_none() && shapes.len() < MAX_RECORDS => shapes.push(Shape::read(octets)?),
                2 if rows.is_none() => rows = Some(octets),
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
        let message = Message { shapes, rows: rows.unwrap_or(&[]), columns };
        message.shapes.iter().try_for_each(|shape| message.fits(shape))?;
        Ok(message)
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
        let most = if form.is_number() { 0 } else { values.len().min(MAX_RECORDS) };
        // What is ASCII with all that is around it is UTF-8.
        let is_ascii = form == Form::Text && reader.0.is_ascii();
        let mut words = Vec::new();
        while let Some(part) = reader.part()? {
            let (4, Part::Octets(word)) = part else { return Err(COLUMNS) };
            // There is no more than one for each value, and a value has an octet.
            if words.len() >= most {
                return Err(COLUMNS);
            }
            if words.is_empty() {
                // Others are about as long.
                words.reserve(most.min(octets.len() / (word.len() + 2)));
            }
            // What the first has shown of field and form is so of the others; that of each is said by its octets.
            let is_known = !words.is_empty() && form != Form::List;
            if is_known && is_ascii {
                check_size(ValueView::Octets(form, word))?;
            } else {
                let value = ValueView::octets(form, word)?;
                if is_known { check_size(value)? } else { check(field.kind(), field, value)? }
            }
            words.push(word);
        }
        Ok(Column { field, form, values, words, octets })
    }
}

pub(super) const COLUMNS: Error = Error::Encoding("columns");
/// One for each field and form.
const MAX_COLUMNS: usize = Field::ALL.len() * FORMS;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MAX_TEXT;
    use crate::codec::{put_number, put_octets};

    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => "[ -~]{0,20}".prop_map(String::into_bytes),
            1 => "\\PC{0,6}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..20),
            1 => prop::collection::vec(any::<u8>(), 6),
            1 => prop::collection::vec(any::<u8>(), 16),
            1 => (MAX_TEXT - 1..MAX_TEXT + 2).prop_map(|length| vec![b'x'; length]),
        ]
    }

    proptest! {
        /// That words are checked together changes nothing: a column is read if each of its words is a value of its field.
        #[test]
        fn each_word_is_checked(
            field in prop::sample::select(Field::ALL),
            form in prop_oneof![4 => Just(4_u64), 1 => 1..=10_u64],
            words in prop::collection::vec(word(), 0..5),
        ) {
            let (values, mut octets) = (vec![0; words.len()], Vec::new());
            put_number(&mut octets, 1, field.definition().number.into());
            put_number(&mut octets, 2, form);
            put_octets(&mut octets, 3, &values);
            words.iter().for_each(|word| put_octets(&mut octets, 4, word));
            let form = Form::from_number(form).unwrap();
            let is_good = |word: &Vec<u8>| {
                !form.is_number()
                    && ValueView::octets(form, word).and_then(|value| check(field.kind(), field, value)).is_ok()
            };
            let fits = !form.is_number() || check(field.kind(), field, ValueView::Number(form, 0)).is_ok();
            prop_assert_eq!(Column::read(&octets).is_ok(), fits && words.iter().all(is_good));
        }
    }
}
