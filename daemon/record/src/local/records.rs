//! The one large message, written and read in place: records behind the number of the first.

use super::MAX_HANDOVER;
use crate::codec::{put_nested, put_number, put_octets, put_record};
use crate::decode::{Part, Reader};
use crate::{Error, Record};

/// The number of the first record, and the octets of each.
type Handed<'a> = (u64, Vec<&'a [u8]>);

/// The message of [`super::FromSensor::Records`].
pub(super) fn encode(first: u64, records: &[Record]) -> Vec<u8> {
    let mut message = Vec::new();
    put_nested(&mut message, BODY, |body| {
        put_number(body, FIRST, first);
        records.iter().for_each(|record| put_nested(body, RECORD, |out| put_record(record, out)));
    });
    message
}

/// What [`super::FromSensor::Records`] says, of records whose octets are at hand ([`put_record`]).
#[must_use]
pub fn encode_records<'a>(first: u64, records: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut message = Vec::new();
    put_nested(&mut message, BODY, |body| {
        put_number(body, FIRST, first);
        records.for_each(|octets| put_octets(body, RECORD, octets));
    });
    message
}

/// What the message holds, where it is one of records; `None` where it is another one.
///
/// # Errors
/// When the message as a whole is unusable.
pub(super) fn decode(message: &[u8]) -> Result<Option<Handed<'_>>, Error> {
    if message.first() != Some(&(BODY << 3 | 2)) {
        return Ok(None);
    }
    let mut outer = Reader(message);
    let Some((_, Part::Octets(body))) = outer.part()? else { return Err(MESSAGE) };
    outer.end()?;
    let (mut reader, mut first, mut records) = (Reader(body), 0, Vec::new());
    while let Some(part) = reader.part()? {
        match part {
            (1, Part::Number(number)) if records.is_empty() => first = number,
            (2, Part::Octets(octets)) if records.len() < MAX_HANDOVER => records.push(octets),
            (2, Part::Octets(_)) => return Err(Error::Limit { what: "handover", limit: MAX_HANDOVER }),
            _ => return Err(MESSAGE),
        }
    }
    Ok(Some((first, records)))
}

const MESSAGE: Error = Error::Encoding("sensor message");
/// Tag of the records within the message, and of their parts.
const BODY: u8 = 2;
const FIRST: u8 = 1;
const RECORD: u8 = 2;
