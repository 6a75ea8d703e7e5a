//! Records out of octets, straight into their places: the declared messages of [`crate::codec`], of which none is made.
//!
//! Stricter than protobuf: a part stands once and in its wire type, and there are no parts that this version does not know.
//! Both ends of every path are of one version, and a batch says its own.

use crate::view::check;
use crate::{Error, Field, Kind, MAX_FIELDS, Record, ValueView};

/// The records of an encoded set, at most `most`.
///
/// # Errors
/// Whatever is wrong with the first record that is not valid, or with the encoding.
pub(crate) fn set(octets: &[u8], most: usize) -> Result<Vec<Record>, Error> {
    let (mut reader, mut records) = (Reader(octets), Vec::new());
    while let Some((tag, part)) = reader.part()? {
        let (1, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        if records.len() >= most {
            return Err(Error::Limit { what: "record set", limit: most });
        }
        records.push(record(octets)?);
    }
    Ok(records)
}

/// One encoded record.
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
    let (mut record, mut count, mut last) = (Record::new(kind), 0, None);
    while let Some((tag, part)) = reader.part()? {
        let (2, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        if count >= MAX_FIELDS {
            return Err(Error::Limit { what: "record", limit: MAX_FIELDS });
        }
        count += 1;
        let (field, value) = field(octets)?;
        if last >= Some(field) {
            return Err(Error::Order(field));
        }
        last = Some(field);
        check(kind, field, value)?;
        // What was checked has a value.
        record.push_checked(field, value.to_value().ok_or(SET)?);
    }
    Ok(record)
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

/// What is left of a message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// A part of a message, of the two wire types that are used.
pub(crate) enum Part<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

impl<'a> Reader<'a> {
    /// The next part and its tag; `None` at the end.
    #[inline(always)]
    pub(crate) fn part(&mut self) -> Result<Option<(u64, Part<'a>)>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        // As nearly all parts begin: tag and length in an octet each.
        if let [key, length, rest @ ..] = self.0
            && *key < 0x80
            && *length < 0x80
            && key & 7 == 2
            && let Some((octets, rest)) = rest.split_at_checked(usize::from(*length))
        {
            self.0 = rest;
            return Ok(Some((u64::from(key >> 3), Part::Octets(octets))));
        }
        self.any_part()
    }

    #[inline]
    fn any_part(&mut self) -> Result<Option<(u64, Part<'a>)>, Error> {
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

    #[inline]
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(SET) }
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Error> {
        match self.0 {
            // Most are short.
            [octet, rest @ ..] if *octet < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*octet))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.0 = rest;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    /// One of up to eight octets is taken from a word at once: which octet ends it, and seven bits of each moved together.
    #[inline]
    fn long_varint(&mut self) -> Result<u64, Error> {
        let Some((octets, _)) = self.0.split_first_chunk::<8>() else { return self.longest_varint() };
        let word = u64::from_le_bytes(*octets);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends == 0 {
            return self.longest_varint();
        }
        let bits = ends.trailing_zeros() + 1;
        let rest = usize::try_from(bits / 8).ok().and_then(|octets| self.0.get(octets..));
        self.0 = rest.ok_or(SET)?;
        let sevens = word & (u64::MAX >> (u64::BITS - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
        let pairs = sevens & 0x007f_007f_007f_007f | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
        let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
        Ok(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4)
    }

    #[inline(never)]
    fn longest_varint(&mut self) -> Result<u64, Error> {
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

pub(crate) const SET: Error = Error::Encoding("record set");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// By whatever way a number is read, it is what its octets say one after the other, and ends where they end.
        #[test]
        fn every_way_to_read_a_number_reads_the_same(
            value in any::<u64>(),
            narrower in 0..64_u32,
            behind in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut octets = Vec::new();
            crate::codec::put_varint(&mut octets, value >> narrower);
            octets.extend_from_slice(&behind);
            let (mut quick, mut slow) = (Reader(&octets), Reader(&octets));
            prop_assert_eq!(quick.varint().unwrap(), value >> narrower);
            prop_assert_eq!(slow.longest_varint().unwrap(), value >> narrower);
            prop_assert_eq!(quick.0, slow.0);
            prop_assert_eq!(quick.0, behind.as_slice());
        }

        /// Also what nobody writes so: more octets than it takes, more than there may be, and too few.
        #[test]
        fn what_is_no_number_is_none_by_every_way(octets in prop::collection::vec(
            prop_oneof![3 => 0x80..=0xff_u8, 1 => any::<u8>()], 0..14,
        )) {
            let (mut quick, mut slow) = (Reader(&octets), Reader(&octets));
            let (quickly, slowly) = (quick.varint(), slow.longest_varint());
            prop_assert_eq!(&quickly, &slowly);
            if quickly.is_ok() {
                prop_assert_eq!(quick.0, slow.0);
            }
        }
    }
}
