//! Records out of octets, straight into their places: the declared messages of [`crate::codec`], of which none is made.
//!
//! Stricter than protobuf: a part stands once and in its wire type, and there are no parts that this version does not know.
//! Both ends of every path are of one version, and a batch says its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Error, Field, Kind, MAX_FIELDS, MAX_LIST, Mac, Record, Value};

/// The records of an encoded set, at most `most`.
///
/// # Errors
/// Whatever is wrong with the first record that is not valid, or with the encoding.
pub(crate) fn set(octets: &[u8], most: usize) -> Result<Vec<Record>, Error> {
    let mut reader = Reader(octets);
    let mut records = Vec::new();
    while let Some((tag, part)) = reader.part()? {
        let (1, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        if records.len() >= most {
            return Err(Error::Limit { what: "record set", limit: most });
        }
        records.push(record(octets)?);
    }
    Ok(records)
}

/// One record.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn record(octets: &[u8]) -> Result<Record, Error> {
    let mut reader = Reader(octets);
    let number = match reader.part()? {
        Some((1, Part::Number(number))) => u32::try_from(number).map_err(|_| SET)?,
        Some(_) => return Err(SET),
        None => 0,
    };
    let kind = Kind::from_number(number).ok_or(Error::UnknownKind(number))?;
    let mut record = Record::with_capacity(kind, USUAL_FIELDS);
    let (mut last, mut count) = (None, 0);
    while let Some((tag, part)) = reader.part()? {
        let (2, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        count += 1;
        if count > MAX_FIELDS {
            return Err(Error::Limit { what: "record", limit: MAX_FIELDS });
        }
        let (field, value) = field(octets)?;
        if last >= Some(field) {
            return Err(Error::Order(field));
        }
        last = Some(field);
        record.set(field, value)?;
    }
    Ok(record)
}

fn field(octets: &[u8]) -> Result<(Field, Value), Error> {
    let mut reader = Reader(octets);
    let number = match reader.part()? {
        Some((1, Part::Number(number))) => u32::try_from(number).map_err(|_| SET)?,
        Some(_) => return Err(SET),
        None => 0,
    };
    let field = Field::from_number(number).ok_or(Error::UnknownField(number))?;
    let value = match reader.part()? {
        Some((2, Part::Octets(octets))) => value(octets, Nesting::Field)?,
        Some(_) => return Err(SET),
        None => return Err(Error::Missing { message: "field", part: "value" }),
    };
    reader.end()?;
    Ok((field, value))
}

/// Whether a value stands in a field or in a list; a list may not stand in a list.
#[derive(Clone, Copy, PartialEq)]
enum Nesting {
    Field,
    List,
}

fn value(octets: &[u8], nesting: Nesting) -> Result<Value, Error> {
    let mut reader = Reader(octets);
    let Some(body) = reader.part()? else { return Err(Error::Missing { message: "value", part: "body" }) };
    reader.end()?;
    Ok(match body {
        (1, Part::Number(v)) => Value::Bool(v != 0),
        (2, Part::Number(v)) => Value::Number(v),
        (3, Part::Number(v)) => Value::Time(v),
        (4, Part::Octets(v)) => Value::Text(std::str::from_utf8(v).map_err(|_| SET)?.into()),
        (5, Part::Octets(v)) => Value::Bytes(v.to_vec()),
        (6, Part::Octets(v)) => Value::Mac(Mac(exact(v)?)),
        (7, Part::Octets(v)) => Value::Address(address(v)?),
        (8, Part::Octets(v)) => {
            let (length, rest) = v.split_first().ok_or(Error::Encoding("prefix"))?;
            let network = address(rest)?;
            let longest = if network.is_ipv4() { 32 } else { 128 };
            if *length > longest {
                return Err(Error::Encoding("prefix"));
            }
            Value::Prefix(network, *length)
        }
        (9, Part::Octets(v)) => Value::Pseudonym(exact(v)?),
        (10, Part::Octets(_)) if nesting == Nesting::List => return Err(Error::Encoding("list")),
        (10, Part::Octets(v)) => list(v)?,
        _ => return Err(SET),
    })
}

fn list(octets: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader(octets);
    let mut items = Vec::new();
    while let Some((tag, part)) = reader.part()? {
        let (1, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        if items.len() >= MAX_LIST {
            return Err(Error::Limit { what: "list", limit: MAX_LIST });
        }
        items.push(value(octets, Nesting::List)?);
    }
    Ok(Value::List(items))
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

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

/// A part of a message, of the two wire types that are used.
enum Part<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

impl<'a> Reader<'a> {
    /// The next part and its tag; `None` at the end.
    fn part(&mut self) -> Result<Option<(u64, Part<'a>)>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let part = match key & 7 {
            0 => Part::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| SET)?;
                let (octets, rest) = self.0.split_at_checked(length).ok_or(SET)?;
                self.0 = rest;
                Part::Octets(octets)
            }
            _ => return Err(SET),
        };
        Ok(Some((key >> 3, part)))
    }

    fn end(&self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(SET) }
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (octet, rest) = self.0.split_first().ok_or(SET)?;
            self.0 = rest;
            let part = u64::from(octet & 0x7f);
            let shifted = part << shift;
            if shifted >> shift != part {
                return Err(SET);
            }
            value |= shifted;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(SET)
    }
}

const SET: Error = Error::Encoding("record set");
/// Room that is made for a record's fields at once.
const USUAL_FIELDS: usize = 20;
