//! Messages one behind the other as one message, without a record being made.

use super::message::COLUMNS;
use super::{Columns, MAX_WORDS, Sheet, unzigzag, zigzag};
use crate::codec::{MAX_RECORDS, MAX_SET_BYTES, put_varint};
use crate::decode::Reader;
use crate::{Error, Form};

impl Columns {
    /// Adds the records of a sheet behind those that are there: as if each had been [pushed](Columns::push) with all of its
    /// fields. Gives `false`, and changes nothing, where there is no room for all of them or [`Sheet::is_plain`] is not so.
    ///
    /// # Errors
    /// [`Error::Encoding`], which does not happen: all of a sheet was checked.
    pub fn append(&mut self, sheet: &Sheet<'_>) -> Result<bool, Error> {
        let records = self.records.saturating_add(sheet.rows.len());
        let spent = self.spent.saturating_add(sheet.spent);
        if records > MAX_RECORDS || spent > MAX_SET_BYTES - MAX_WORDS || !sheet.is_plain() {
            return Ok(false);
        }
        let mut places: Vec<Option<u16>> = vec![None; sheet.columns.len()];
        let mut shapes: Vec<Option<usize>> = vec![None; sheet.shapes.len()];
        let mut first_time = None;
        for row in &sheet.rows {
            let (shape, number) = sheet.shapes.get(*row).zip(shapes.get_mut(*row)).ok_or(COLUMNS)?;
            let number = match *number {
                Some(number) => number,
                None => {
                    self.at_hand.clear();
                    for at in &shape.columns {
                        let (column, place) =
                            sheet.columns.get(*at).zip(places.get_mut(*at)).ok_or(COLUMNS)?;
                        let place = *place.get_or_insert_with(|| self.place(column.field, column.form));
                        self.at_hand.push(place);
                        // Of the records before this one none has a time.
                        first_time = first_time.or((column.form == Form::Time).then_some(*at));
                    }
                    *number.insert(self.shape(shape.kind))
                }
            };
            put_varint(&mut self.rows, u64::try_from(number).unwrap_or(u64::MAX));
        }
        self.octets = self.octets.saturating_add(sheet.rows.len());
        let (before, mut last) = (self.last, 0_u64);
        for (at, place) in places.into_iter().enumerate() {
            let Some(place) = place else { continue };
            let (from, to) = (sheet.columns.get(at), self.columns.get_mut(usize::from(place)));
            let (from, to) = from.zip(to).ok_or(COLUMNS)?;
            let mut values = Reader(from.values);
            let length = to.values.len();
            match from.form {
                Form::Bool | Form::Number => to.values.extend_from_slice(from.values),
                Form::Time => {
                    // Each is said by its difference from the one before: that of the first is another now, no other is.
                    if first_time == Some(at) && values.end().is_err() {
                        let time = unzigzag(values.varint()?);
                        last = last.wrapping_add(time);
                        put_varint(&mut to.values, zigzag(time.wrapping_sub(before)));
                    }
                    to.values.extend_from_slice(values.0);
                    while values.end().is_err() {
                        last = last.wrapping_add(unzigzag(values.varint()?));
                    }
                }
                _ => {
                    let mut numbers: Vec<Option<u64>> = vec![None; from.words.len()];
                    while values.end().is_err() {
                        let said = usize::try_from(values.varint()?).map_err(|_| COLUMNS)?;
                        let (word, number) =
                            from.words.get(said).zip(numbers.get_mut(said)).ok_or(COLUMNS)?;
                        let number = match *number {
                            Some(number) => number,
                            None => {
                                let (new, is_new) = to.words.number(word);
                                self.octets += if is_new { word.len() + 2 } else { 0 };
                                *number.insert(new)
                            }
                        };
                        put_varint(&mut to.values, number);
                    }
                }
            }
            self.octets += to.values.len() - length;
        }
        if first_time.is_some() {
            self.last = last;
        }
        (self.records, self.spent) = (records, spent);
        Ok(true)
    }
}

impl Sheet<'_> {
    /// Whether there is one column for each field and form: a column then says its values in the order of records.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let mut seen: Vec<_> =
            self.columns.iter().map(|column| (column.field, column.form.number())).collect();
        seen.sort_unstable();
        seen.windows(2).all(|pair| pair.first() != pair.last())
    }
}
