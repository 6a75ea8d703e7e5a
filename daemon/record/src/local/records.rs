//! The one large message, written and read in place: records in columns behind the number of the first.

use super::MAX_HANDOVER;
use crate::codec::{put_nested, put_number, put_octets};
use crate::columns::{self, Columns};
use crate::decode::{Part, Reader};
use crate::{Class, Error, Record, is_randomised};

/// Records that a store keeps together: of one class, and of the same kind of station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSet<'a> {
    /// How many records these are, as the sensor says.
    pub records: usize,
    /// Their columns, as they came: [`crate::columns::Sheet::read`] says whether they are any.
    pub columns: &'a [u8],
}

/// The message of [`super::FromSensor::Records`].
pub(super) fn encode(first: u64, records: &[Record]) -> Vec<u8> {
    let mut sets: [Option<Columns>; GROUPS] = Default::default();
    let mut message = Vec::new();
    put_nested(&mut message, BODY, |body| {
        put_number(body, FIRST, first);
        for record in records {
            let Some(set) = sets.get_mut(group(record)) else { continue };
            if let Some(full) = set.take_if(|set| !set.has_room()) {
                put(body, &full);
            }
            set.get_or_insert_default().push(record, |_| true);
        }
        sets.iter().flatten().for_each(|set| put(body, set));
    });
    message
}

fn group(record: &Record) -> usize {
    let class = match record.kind().class() {
        Class::Bulk => 0,
        Class::State => 1,
        Class::Account => 2,
    };
    2 * class + usize::from(is_randomised(record))
}

fn put(out: &mut Vec<u8>, set: &Columns) {
    let mut columns = Vec::new();
    // It had room for each of them; were it not so, the store would count them as malformed.
    if set.encode(&mut columns).is_err() {
        columns.clear();
    }
    put_nested(out, SET, |out| {
        put_number(out, 1, u64::try_from(set.records()).unwrap_or(u64::MAX));
        put_octets(out, 2, &columns);
    });
}

/// What the message holds, where it is one of records; `None` where it is another one.
///
/// # Errors
/// When the message as a whole is unusable.
pub(super) fn decode(message: &[u8]) -> Result<Option<(u64, Vec<RecordSet<'_>>)>, Error> {
    if message.first() != Some(&(BODY << 3 | 2)) {
        return Ok(None);
    }
    let mut outer = Reader(message);
    let Some((_, Part::Octets(body))) = outer.part()? else { return Err(MESSAGE) };
    outer.end()?;
    let (mut reader, mut first, mut sets, mut records) = (Reader(body), 0, Vec::new(), 0_usize);
    while let Some(part) = reader.part()? {
        match part {
            (1, Part::Number(number)) if sets.is_empty() => first = number,
            (2, Part::Octets(octets)) if sets.len() < MAX_SETS => {
                let set = RecordSet::read(octets)?;
                records = records.saturating_add(set.records);
                sets.push(set);
            }
            _ => return Err(MESSAGE),
        }
    }
    if records > MAX_HANDOVER {
        return Err(Error::Limit { what: "handover", limit: MAX_HANDOVER });
    }
    Ok(Some((first, sets)))
}

impl<'a> RecordSet<'a> {
    /// The records.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(&self) -> Result<Vec<Record>, Error> {
        columns::decode(self.columns)
    }

    fn read(octets: &'a [u8]) -> Result<RecordSet<'a>, Error> {
        let mut reader = Reader(octets);
        let Some((1, Part::Number(records))) = reader.part()? else { return Err(MESSAGE) };
        let Some((2, Part::Octets(columns))) = reader.part()? else { return Err(MESSAGE) };
        reader.end()?;
        Ok(RecordSet { records: usize::try_from(records).unwrap_or(usize::MAX), columns })
    }
}

const MESSAGE: Error = Error::Encoding("sensor message");
/// Tag of the records within the message, and of their parts.
const BODY: u8 = 2;
const FIRST: u8 = 1;
const SET: u8 = 2;
/// Classes, each for stations whose address is drawn at random and for others.
const GROUPS: usize = 6;
/// Most sets in one message: one for each group, and more where records are so large that one is full.
const MAX_SETS: usize = 16;
