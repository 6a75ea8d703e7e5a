//! What a segment holds: records without what identifies anybody, and for each the references that stand for it
//! (`identity.rs`).
//!
//! Format 3: length of the columns (varint), the columns ([`headgate_record::columns`]), then for each record in order: number
//! of its references (varint), and of each its difference from the one in the same place of the record before (varint,
//! zigzag). Format 2, which is only read: length of the record set (varint), record set, then for each record: number of
//! its references (varint), and each (varint).

use headgate_record::columns::{Columns, Rows, unzigzag, zigzag};
use headgate_record::{Field, Identity, Kind, Record, codec};

use crate::identity::row::take;
use crate::seal::{BLOCK, SET_BLOCK};
use crate::{Error, pack};

/// A block that is being filled.
#[derive(Default)]
pub(crate) struct Block {
    columns: Columns,
    told: Told,
    kinds: Kinds,
}

/// References of records, as they stand in a block.
#[derive(Default)]
pub(crate) struct Told {
    octets: Vec<u8>,
    before: [u64; MAX_REFERENCES],
    /// All of them, in order.
    mentioned: Vec<u64>,
}

/// How many records of each kind there are.
#[derive(Default)]
pub(crate) struct Kinds([u32; KINDS]);

/// What a segment is made of, before it is sealed.
pub(crate) struct Packed {
    /// How many records.
    pub(crate) records: u32,
    /// How many of each kind: [`Kinds::encode`].
    pub(crate) kinds: Vec<u8>,
    /// The block, packed.
    pub(crate) content: Vec<u8>,
    /// All references.
    pub(crate) mentioned: Vec<u64>,
}

impl Block {
    /// Adds a record and its references. What identifies somebody stays out, unless nothing in the record does.
    pub(crate) fn push(&mut self, record: &Record, references: &[u64]) {
        let identifies = record.has_identities();
        self.columns.push(record, |field: Field| !identifies || field.identity() == Identity::Nobody);
        self.told.push(references);
        self.kinds.add(record.kind());
    }

    /// Whether it is large enough.
    pub(crate) fn is_full(&self) -> bool {
        self.columns.octets() + self.told.octets.len() >= BLOCK_OCTETS || !self.columns.has_room()
    }

    /// How many records.
    pub(crate) fn records(&self) -> u32 {
        u32::try_from(self.columns.records()).unwrap_or(u32::MAX)
    }

    /// The block as it is sealed.
    ///
    /// # Errors
    /// [`Error::Record`] for a block that took records though it was full; [`Error::Memory`].
    pub(crate) fn pack(self) -> Result<Packed, Error> {
        let (mut columns, mut block) = (Vec::new(), Vec::new());
        self.columns.encode(&mut columns)?;
        codec::put_varint(&mut block, u64::try_from(columns.len()).unwrap_or(u64::MAX));
        block.extend_from_slice(&columns);
        block.extend_from_slice(&self.told.octets);
        let (records, kinds, mentioned) = (self.records(), self.kinds.encode(), self.told.mentioned);
        Ok(Packed { records, kinds, content: pack::pack(&block)?, mentioned })
    }
}

impl Told {
    /// Adds those of the next record.
    pub(crate) fn push(&mut self, references: &[u64]) {
        codec::put_varint(&mut self.octets, u64::try_from(references.len()).unwrap_or(0));
        for (reference, before) in references.iter().zip(&mut self.before) {
            let step = reference.wrapping_sub(std::mem::replace(before, *reference));
            codec::put_varint(&mut self.octets, zigzag(step));
        }
        self.mentioned.extend_from_slice(references);
    }

    /// Packs them behind columns that are packed already: what is packed in two pieces unpacks as one (RFC 8878, 3.1).
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn pack_behind(self, content: &mut Vec<u8>) -> Result<Vec<u64>, Error> {
        content.extend_from_slice(&pack::pack(&self.octets)?);
        Ok(self.mentioned)
    }
}

impl Kinds {
    /// Counts a record.
    pub(crate) fn add(&mut self, kind: Kind) {
        let count = usize::try_from(kind.number()).ok().and_then(|kind| self.0.get_mut(kind));
        count.into_iter().for_each(|count| *count += 1);
    }

    /// Number of the kind and count (varints), for each that there is.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut kinds = Vec::new();
        for (kind, count) in (0..).zip(self.0).filter(|(_, count)| *count > 0) {
            codec::put_varint(&mut kinds, kind);
            codec::put_varint(&mut kinds, count.into());
        }
        kinds
    }
}

/// What [`Kinds::encode`] says.
pub(crate) fn kinds(mut octets: &[u8]) -> Vec<(Kind, u64)> {
    let mut kinds = Vec::new();
    while let Some((kind, count)) = codec::take_varint(&mut octets).zip(codec::take_varint(&mut octets)) {
        kinds.extend(u32::try_from(kind).ok().and_then(Kind::from_number).map(|kind| (kind, count)));
    }
    kinds
}

/// References of one record.
pub(crate) type References = arrayvec::ArrayVec<u64, MAX_REFERENCES>;

/// The records of a block, one after the other.
pub(crate) struct Reader<'a> {
    records: Records<'a>,
    rest: &'a [u8],
    before: [u64; MAX_REFERENCES],
}

enum Records<'a> {
    Set(std::vec::IntoIter<Record>),
    Columns(Rows<'a>),
}

impl<'a> Reader<'a> {
    /// A reader of a block of this format.
    ///
    /// # Errors
    /// [`Error::Sealed`] or [`Error::Record`] for what is none.
    pub(crate) fn new(format: u8, block: &'a [u8]) -> Result<Reader<'a>, Error> {
        let mut rest = block;
        let records = take(&mut rest).ok_or(Error::Sealed)?;
        let records = match format {
            SET_BLOCK => Records::Set(codec::decode(records)?.into_iter()),
            BLOCK => Records::Columns(Rows::new(records)?),
            _ => return Err(Error::Sealed),
        };
        Ok(Reader { records, rest, before: [0; MAX_REFERENCES] })
    }

    /// The references of the next record, which must then be read; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Sealed`] for anything but a whole block.
    pub(crate) fn references(&mut self) -> Result<Option<References>, Error> {
        if self.rest.is_empty() {
            return if self.pass()? { Err(Error::Sealed) } else { Ok(None) };
        }
        let mut found = References::new();
        let count = codec::take_varint(&mut self.rest).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count <= MAX_REFERENCES).ok_or(Error::Sealed)?;
        for before in self.before.iter_mut().take(count) {
            let number = codec::take_varint(&mut self.rest).ok_or(Error::Sealed)?;
            *before = match self.records {
                Records::Set(_) => number,
                Records::Columns(_) => before.wrapping_add(unzigzag(number)),
            };
            found.push(*before);
        }
        Ok(Some(found))
    }

    /// Passes over the record whose references were given: it is read and checked, and not made. Gives whether there was one.
    ///
    /// # Errors
    /// [`Error::Record`] for anything but a record.
    pub(crate) fn pass(&mut self) -> Result<bool, Error> {
        match &mut self.records {
            Records::Set(records) => Ok(records.next().is_some()),
            Records::Columns(rows) => Ok(rows.pass()?),
        }
    }

    /// The record whose references were given, with what they stand for.
    ///
    /// # Errors
    /// [`Error::Sealed`] or [`Error::Record`] for anything but a record.
    pub(crate) fn record(&mut self, identities: &[&Record]) -> Result<Record, Error> {
        match &mut self.records {
            Records::Set(records) => {
                let mut record = records.next().ok_or(Error::Sealed)?;
                identities.iter().for_each(|identity| record.merge(identity));
                Ok(record)
            }
            Records::Columns(rows) => rows.read(identities)?.ok_or(Error::Sealed),
        }
    }
}

/// A block takes no more records from so many octets on, before compression.
pub(crate) const BLOCK_OCTETS: usize = 128 << 10;
/// Most references of one record: its subject and two other ends.
pub(crate) const MAX_REFERENCES: usize = 3;
/// Numbers of kinds are below this.
const KINDS: usize = Kind::ALL.len() + 1;
