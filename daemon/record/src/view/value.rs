//! A value as it stands in octets, and whether a field may hold it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::{Part, Reader, SET};
use crate::{Error, Field, Kind, MAX_LIST, MAX_TEXT, Mac, Value, ValueType};

/// A checked value that borrows its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueView<'a> {
    /// Of [`Form::Bool`], [`Form::Number`] and [`Form::Time`].
    Number(Form, u64),
    /// Of all other forms, as whoever wrote the record put them: lengths within lists may be written longer than the codec does.
    Octets(Form, &'a [u8]),
}

/// Which of the variants of [`Value`] a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Number`].
    Number,
    /// [`Value::Time`].
    Time,
    /// [`Value::Text`].
    Text,
    /// [`Value::Bytes`].
    Bytes,
    /// [`Value::Mac`].
    Mac,
    /// [`Value::Address`].
    Address,
    /// [`Value::Prefix`].
    Prefix,
    /// [`Value::Pseudonym`].
    Pseudonym,
    /// [`Value::List`].
    List,
}

impl Form {
    /// Identity on disk and on the wire; never reused.
    #[inline]
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Form::Bool => 1,
            Form::Number => 2,
            Form::Time => 3,
            Form::Text => 4,
            Form::Bytes => 5,
            Form::Mac => 6,
            Form::Address => 7,
            Form::Prefix => 8,
            Form::Pseudonym => 9,
            Form::List => 10,
        }
    }

    /// The form with this number.
    #[inline]
    #[must_use]
    pub fn from_number(number: u64) -> Option<Form> {
        Some(match number {
            1 => Form::Bool,
            2 => Form::Number,
            3 => Form::Time,
            4 => Form::Text,
            5 => Form::Bytes,
            6 => Form::Mac,
            7 => Form::Address,
            8 => Form::Prefix,
            9 => Form::Pseudonym,
            10 => Form::List,
            _ => return None,
        })
    }

    /// Whether its values are numbers, and not octets.
    #[inline]
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Form::Bool | Form::Number | Form::Time)
    }

    /// Whether a field of this type may hold a value of this form; of a list, whether it may be one.
    #[inline]
    #[must_use]
    pub fn fits(self, value_type: ValueType) -> bool {
        match value_type {
            ValueType::Bool => self == Form::Bool,
            ValueType::Number => self == Form::Number,
            ValueType::Time => self == Form::Time,
            ValueType::Text => matches!(self, Form::Text | Form::Pseudonym),
            ValueType::Bytes => matches!(self, Form::Bytes | Form::Pseudonym),
            ValueType::Mac => matches!(self, Form::Mac | Form::Pseudonym),
            ValueType::Address => matches!(self, Form::Address | Form::Prefix | Form::Pseudonym),
            ValueType::Texts | ValueType::Numbers | ValueType::Addresses => self == Form::List,
        }
    }
}

impl<'a> ValueView<'a> {
    /// Its form.
    #[inline]
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            ValueView::Number(form, _) | ValueView::Octets(form, _) => form,
        }
    }

    /// The MAC address that it is; `None` for anything else.
    #[inline]
    #[must_use]
    pub fn mac(self) -> Option<Mac> {
        match self {
            ValueView::Octets(Form::Mac, octets) => Some(Mac(octets.try_into().ok()?)),
            _ => None,
        }
    }

    /// Whether it says yes.
    #[inline]
    #[must_use]
    pub fn is_true(self) -> bool {
        matches!(self, ValueView::Number(Form::Bool, number) if number != 0)
    }

    /// The number that it is; `None` for anything else.
    #[inline]
    #[must_use]
    pub fn number(self) -> Option<u64> {
        match self {
            ValueView::Number(Form::Number, number) => Some(number),
            _ => None,
        }
    }

    /// Reads and checks a value for itself: whether a field may hold it is not asked.
    ///
    /// # Errors
    /// What is wrong with it.
    #[inline]
    pub(crate) fn read(octets: &'a [u8]) -> Result<ValueView<'a>, Error> {
        let value = ValueView::unchecked(octets)?;
        value.check()?;
        Ok(value)
    }

    /// A value of octets that stand for themselves, checked in the same way.
    pub(crate) fn octets(form: Form, octets: &'a [u8]) -> Result<ValueView<'a>, Error> {
        let value = ValueView::Octets(form, octets);
        value.check()?;
        Ok(value)
    }

    #[inline]
    fn unchecked(octets: &'a [u8]) -> Result<ValueView<'a>, Error> {
        // Octets behind a length of one octet.
        if let [key, length, rest @ ..] = octets
            && key & 7 == 2
            && *key < 0x80
            && *length < 0x80
            && rest.len() == usize::from(*length)
            && let Some(form) = Form::from_number((key >> 3).into()).filter(|form| !form.is_number())
        {
            return Ok(ValueView::Octets(form, rest));
        }
        let mut reader = Reader(octets);
        let Some((tag, part)) = reader.part()? else {
            return Err(Error::Missing { message: "value", part: "body" });
        };
        reader.end()?;
        let form = Form::from_number(tag).ok_or(SET)?;
        match part {
            Part::Number(number) if form.is_number() => Ok(ValueView::Number(form, number)),
            Part::Octets(octets) if !form.is_number() => Ok(ValueView::Octets(form, octets)),
            _ => Err(SET),
        }
    }

    /// Whether octets are such as the form has.
    #[inline]
    fn check(self) -> Result<(), Error> {
        let ValueView::Octets(form, octets) = self else { return Ok(()) };
        match form {
            Form::Text => std::str::from_utf8(octets).map(drop).map_err(|_| SET),
            Form::Mac => exact::<6>(octets).map(drop),
            Form::Address => address(octets).map(drop),
            Form::Prefix => prefix(octets).map(drop),
            Form::Pseudonym => exact::<16>(octets).map(drop),
            Form::List => items(octets, |_| Ok(())),
            _ => Ok(()),
        }
    }

    /// The value; `None` for one that was not checked.
    #[must_use]
    pub fn to_value(self) -> Option<Value> {
        Some(match self {
            ValueView::Number(Form::Bool, number) => Value::Bool(number != 0),
            ValueView::Number(Form::Time, number) => Value::Time(number),
            ValueView::Number(_, number) => Value::Number(number),
            ValueView::Octets(form, octets) => match form {
                Form::Text => Value::Text(std::str::from_utf8(octets).ok()?.into()),
                Form::Mac => Value::Mac(Mac(exact(octets).ok()?)),
                Form::Address => Value::Address(address(octets).ok()?),
                Form::Prefix => {
                    let (network, length) = prefix(octets).ok()?;
                    Value::Prefix(network, length)
                }
                Form::Pseudonym => Value::Pseudonym(exact(octets).ok()?),
                Form::List => {
                    let mut count = 0;
                    items(octets, |_| {
                        count += 1;
                        Ok(())
                    })
                    .ok()?;
                    let mut list = Vec::with_capacity(count);
                    let push = |item: ValueView<'_>| {
                        list.extend(item.to_value());
                        Ok(())
                    };
                    items(octets, push).ok()?;
                    Value::List(list)
                }
                _ => Value::Bytes(octets.to_vec()),
            },
        })
    }
}

/// What [`Record::set`] checks.
#[inline]
pub(crate) fn check(kind: Kind, field: Field, value: ValueView<'_>) -> Result<(), Error> {
    let definition = field.definition();
    if definition.kind != kind {
        return Err(Error::ForeignField { field, kind });
    }
    if !value.form().fits(definition.value_type) {
        return Err(Error::WrongType(field));
    }
    match value {
        ValueView::Octets(Form::List, octets) => {
            let item_type = definition.value_type.item().ok_or(Error::WrongType(field))?;
            items(octets, |item| {
                if item.form().fits(item_type) { check_size(item) } else { Err(Error::WrongType(field)) }
            })
        }
        value => check_size(value),
    }
}

/// Whether it is no longer than a value may be.
#[inline]
pub(crate) fn check_size(value: ValueView<'_>) -> Result<(), Error> {
    match value {
        ValueView::Octets(Form::Text | Form::Bytes, octets) if octets.len() > MAX_TEXT => {
            Err(Error::Limit { what: "text", limit: MAX_TEXT })
        }
        _ => Ok(()),
    }
}

/// Goes through the items of a list, none of which is a list.
fn items<'a>(
    octets: &'a [u8],
    mut each: impl FnMut(ValueView<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut reader, mut count) = (Reader(octets), 0);
    while let Some((tag, part)) = reader.part()? {
        let (1, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        count += 1;
        if count > MAX_LIST {
            return Err(Error::Limit { what: "list", limit: MAX_LIST });
        }
        let item = ValueView::unchecked(octets)?;
        // Known before it is looked into: lists do not nest.
        if item.form() == Form::List {
            return Err(Error::Encoding("list"));
        }
        item.check()?;
        each(item)?;
    }
    Ok(())
}

fn prefix(octets: &[u8]) -> Result<(IpAddr, u8), Error> {
    let (length, rest) = octets.split_first().ok_or(Error::Encoding("prefix"))?;
    let network = address(rest)?;
    let longest = if network.is_ipv4() { 32 } else { 128 };
    if *length > longest { Err(Error::Encoding("prefix")) } else { Ok((network, *length)) }
}

fn address(octets: &[u8]) -> Result<IpAddr, Error> {
    if octets.len() == 4 {
        return Ok(Ipv4Addr::from(exact::<4>(octets)?).into());
    }
    Ok(Ipv6Addr::from(exact::<16>(octets)?).into())
}

fn exact<const N: usize>(octets: &[u8]) -> Result<[u8; N], Error> {
    octets.try_into().map_err(|_| Error::Encoding("value"))
}
