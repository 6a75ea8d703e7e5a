//! A record as it stands in octets: all that is promised of a [`Record`] checked, and nothing copied.

use crate::decode::{Part, Reader, SET};
use crate::{Error, Field, Kind, MAX_FIELDS, Mac, Record, Value};

mod value;

pub(crate) use value::check;
pub use value::{Form, ValueView};

/// What a gate asks of a record, in whatever shape it is.
pub trait Stated {
    /// The kind.
    fn kind(&self) -> Kind;
    /// The MAC address that a field holds; `None` for anything else.
    fn mac(&self, field: Field) -> Option<Mac>;
    /// Whether a field says yes.
    fn is_true(&self, field: Field) -> bool;
    /// The number that a field holds; `None` for anything else.
    fn number(&self, field: Field) -> Option<u64>;
    /// The text that a field holds; `None` for anything else.
    fn text(&self, field: Field) -> Option<&str>;
}

/// A checked record that borrows its octets.
#[derive(Clone, Debug)]
pub struct RecordView<'a> {
    kind: Kind,
    fields: Vec<FieldView<'a>>,
}

/// A field of a [`RecordView`].
#[derive(Clone, Copy, Debug)]
pub struct FieldView<'a> {
    /// Which.
    pub field: Field,
    /// Its value.
    pub value: ValueView<'a>,
    /// Number and value as they stand in the record's octets.
    pub octets: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// A view of nothing yet; it is filled by [`RecordView::read`], as often as wanted.
    #[must_use]
    pub fn new() -> RecordView<'a> {
        RecordView { kind: Kind::Counters, fields: Vec::with_capacity(MAX_FIELDS) }
    }

    /// A view of one encoded record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(octets: &'a [u8]) -> Result<RecordView<'a>, Error> {
        let mut view = RecordView::new();
        view.read(octets)?;
        Ok(view)
    }

    /// Reads and checks one encoded record, in place of what the view showed before.
    ///
    /// # Errors
    /// What is wrong with it; the view is then of no use until the next one is read.
    pub fn read(&mut self, octets: &'a [u8]) -> Result<(), Error> {
        self.fields.clear();
        let mut reader = Reader(octets);
        let number = match reader.part()? {
            Some((1, Part::Number(number))) => u32::try_from(number).map_err(|_| SET)?,
            Some(_) => return Err(SET),
            None => 0,
        };
        self.kind = Kind::from_number(number).ok_or(Error::UnknownKind(number))?;
        let mut last = None;
        while let Some((tag, part)) = reader.part()? {
            let (2, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
            if self.fields.len() >= MAX_FIELDS {
                return Err(Error::Limit { what: "record", limit: MAX_FIELDS });
            }
            let (field, value) = field(octets)?;
            if last >= Some(field) {
                return Err(Error::Order(field));
            }
            last = Some(field);
            check(self.kind, field, value)?;
            self.fields.push(FieldView { field, value, octets });
        }
        Ok(())
    }

    /// The fields, in the dictionary's order.
    #[must_use]
    pub fn fields(&self) -> &[FieldView<'a>] {
        &self.fields
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<ValueView<'a>> {
        // Of another kind there are none.
        if field.kind() != self.kind {
            return None;
        }
        self.fields.iter().find(|view| view.field == field).map(|view| view.value)
    }

    /// The record.
    #[must_use]
    pub fn to_record(&self) -> Record {
        self.record_of(|_| true)
    }

    /// A record of some of the fields.
    #[must_use]
    pub fn record_of(&self, which: impl Fn(Field) -> bool) -> Record {
        let mut record = Record::with_capacity(self.kind, self.fields.len());
        for view in self.fields.iter().filter(|view| which(view.field)) {
            // What was checked has a value.
            if let Some(value) = view.value.to_value() {
                record.push_checked(view.field, value);
            }
        }
        record
    }
}

impl Default for RecordView<'_> {
    fn default() -> Self {
        RecordView::new()
    }
}

impl Stated for Record {
    fn kind(&self) -> Kind {
        Record::kind(self)
    }

    fn mac(&self, field: Field) -> Option<Mac> {
        match self.get(field) {
            Some(Value::Mac(mac)) => Some(*mac),
            _ => None,
        }
    }

    fn is_true(&self, field: Field) -> bool {
        self.get(field) == Some(&Value::Bool(true))
    }

    fn number(&self, field: Field) -> Option<u64> {
        match self.get(field) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, field: Field) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

#[inline]
fn field(octets: &[u8]) -> Result<(Field, ValueView<'_>), Error> {
    // As the codec writes nearly all of them: a number of two octets, a value behind its length of one.
    if let [0x08, low, high, 0x12, length, value @ ..] = octets
        && *low >= 0x80
        && *high < 0x80
        && *length < 0x80
        && value.len() == usize::from(*length)
    {
        let number = u32::from(low & 0x7f) | u32::from(*high) << 7;
        let field = Field::from_number(number).ok_or(Error::UnknownField(number))?;
        return Ok((field, ValueView::read(value)?));
    }
    any_field(octets)
}

fn any_field(octets: &[u8]) -> Result<(Field, ValueView<'_>), Error> {
    let mut reader = Reader(octets);
    let number = match reader.part()? {
        Some((1, Part::Number(number))) => u32::try_from(number).map_err(|_| SET)?,
        Some(_) => return Err(SET),
        None => 0,
    };
    let field = Field::from_number(number).ok_or(Error::UnknownField(number))?;
    let value = match reader.part()? {
        Some((2, Part::Octets(octets))) => ValueView::read(octets)?,
        Some(_) => return Err(SET),
        None => return Err(Error::Missing { message: "field", part: "value" }),
    };
    reader.end()?;
    Ok((field, value))
}
