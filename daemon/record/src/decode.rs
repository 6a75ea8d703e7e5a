//! Records out of octets, straight into their places: the declared messages of [`crate::codec`], of which none is made.
//!
//! Stricter than protobuf: a part stands once and in its wire type, and there are no parts that this version does not know.
//! Both ends of every path are of one version, and a batch says its own.

use crate::{Error, Record, RecordView};

/// The records of an encoded set, at most `most`.
///
/// # Errors
/// Whatever is wrong with the first record that is not valid, or with the encoding.
pub(crate) fn set(octets: &[u8], most: usize) -> Result<Vec<Record>, Error> {
    let (mut reader, mut view) = (Reader(octets), RecordView::new());
    let mut records = Vec::new();
    while let Some((tag, part)) = reader.part()? {
        let (1, Part::Octets(octets)) = (tag, part) else { return Err(SET) };
        if records.len() >= most {
            return Err(Error::Limit { what: "record set", limit: most });
        }
        view.read(octets)?;
        records.push(view.to_record());
    }
    Ok(records)
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
        match self.0.split_first() {
            // Most are short.
            Some((octet, rest)) if *octet < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*octet))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, Error> {
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
