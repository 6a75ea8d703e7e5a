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
        let quickly = if self.form.is_number() {
            count(self.values).map(|found| (found, 0))
        } else {
            self.count_words()?
        };
        let (found, spent) = quickly.map_or_else(|| self.count_slowly(), Ok)?;
        if found == values { Ok(spent) } else { Err(COLUMNS) }
    }

    /// How many words are named, and their octets together; `None` where a number takes more octets than that of a word needs.
    fn count_words(&self) -> Result<Option<(usize, usize)>, Error> {
        let (mut octets, mut found, mut spent) = (self.values.iter(), 0_usize, 0_usize);
        while let Some(low) = octets.next() {
            let mut at = usize::from(low & 0x7f);
            if *low >= 0x80 {
                match octets.next() {
                    Some(high) if *high < 0x80 => at |= usize::from(*high) << 7,
                    _ => return Ok(None),
                }
            }
            found += 1;
            spent = spent.saturating_add(self.words.get(at).ok_or(COLUMNS)?.len());
        }
        Ok(Some((found, spent)))
    }

    /// The same of any values, octet by octet.
    fn count_slowly(&self) -> Result<(usize, usize), Error> {
        let (mut reader, mut found, mut spent) = (Reader(self.values), 0_usize, 0_usize);
        while reader.end().is_err() {
            let number = reader.varint()?;
            found += 1;
            if !self.form.is_number() {
                spent = spent.saturating_add(self.word(number).ok_or(COLUMNS)?.len());
            }
        }
        Ok((found, spent))
    }
}

/// How many numbers (varints) these octets are, eight octets at a time; `None` where they are none, or one may be too large.
fn count(octets: &[u8]) -> Option<usize> {
    let (words, rest) = octets.as_chunks::<8>();
    // Octets so far of a number that has not ended.
    let (mut found, mut open) = (0, 0);
    for word in words {
        let ends = !u64::from_le_bytes(*word) & 0x8080_8080_8080_8080;
        // Nine octets have room for 63 bits.
        if open + ends.trailing_zeros() / 8 > 8 {
            return None;
        }
        open = if ends == 0 { open + 8 } else { ends.leading_zeros() / 8 };
        found += ends.count_ones();
    }
    for octet in rest {
        let has_ended = *octet < 0x80;
        open = if has_ended { 0 } else { open + 1 };
        found += u32::from(has_ended);
        if open > 8 {
            return None;
        }
    }
    usize::try_from(found).ok().filter(|_| open == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers (varints) read octet by octet, as protobuf says; `None` where they are none, or too large.
    fn plainly(octets: &[u8]) -> Option<Vec<u64>> {
        let (mut numbers, mut number, mut shift) = (Vec::new(), 0_u128, 0);
        for octet in octets {
            if shift > 63 {
                return None;
            }
            number |= u128::from(octet & 0x7f) << shift;
            shift += 7;
            if *octet < 0x80 {
                numbers.push(u64::try_from(number).ok()?);
                (number, shift) = (0, 0);
            }
        }
        (shift == 0).then_some(numbers)
    }

    proptest! {
        /// Of values that name words, whatever their octets are: how many they are, and how many octets the words have together.
        #[test]
        fn words_are_counted_as_their_numbers_say(
            values in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                prop::collection::vec(0..0x90_u8, 0..60),
                prop::collection::vec(0..400_u64, 0..60).prop_map(|numbers| {
                    let mut octets = Vec::new();
                    numbers.into_iter().for_each(|number| put_varint(&mut octets, number));
                    octets
                }),
            ],
            lengths in prop_oneof![
                prop::collection::vec(0..40_usize, 0..20),
                prop::collection::vec(0..40_usize, 120..400),
            ],
        ) {
            let octets = [b'x'; 40];
            let words = lengths.iter().map(|length| &octets[..*length]).collect();
            let (field, form) = (Field::ALL[0], Form::Text);
            let column = Column { field, form, values: &values, words, octets: &[] };
            let plainly = plainly(&values).and_then(|numbers| {
                let spent = numbers.iter().map(|at| lengths.get(usize::try_from(*at).ok()?).copied());
                Some((numbers.len(), spent.sum::<Option<usize>>()?))
            });
            match column.count_words() {
                Ok(Some(quickly)) => prop_assert_eq!(Some(quickly), plainly),
                // A number of three octets or more, or one that has no end: that is for the slow way to say.
                Ok(None) => prop_assert!(values.windows(2).any(|two| two[0] >= 0x80 && two[1] >= 0x80)
                    || values.last() >= Some(&0x80)),
                Err(_) => prop_assert_eq!(plainly, None),
            }
            prop_assert_eq!(column.count_slowly().ok(), plainly);
            if let Some((found, spent)) = plainly {
                prop_assert_eq!(column.check(found), Ok(spent));
                prop_assert!(column.check(found + 1).is_err());
            }
        }

        /// What is counted quickly is what is counted octet by octet; what is not is none, or has a number of ten octets.
        #[test]
        fn numbers_are_counted_as_they_are_read(octets in prop::collection::vec(
            prop_oneof![6 => any::<u8>(), 5 => 0x80..=0xff_u8], 0..120,
        )) {
            let (mut reader, mut found, mut longest) = (Reader(&octets), 0, 0);
            let slowly = loop {
                if reader.end().is_ok() {
                    break Some(found);
                }
                let before = reader.0.len();
                if reader.varint().is_err() {
                    break None;
                }
                found += 1;
                longest = longest.max(before - reader.0.len());
            };
            match count(&octets) {
                Some(quickly) => prop_assert_eq!(Some(quickly), slowly),
                None => prop_assert!(slowly.is_none() || longest > 9, "{:?}", slowly),
            }
        }
    }
}
