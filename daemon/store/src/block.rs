//! What a segment holds: records without what identifies anybody, and for each the references that stand for it
//! (`identity.rs`).
//!
//! Format 3: length of the columns (varint), the columns ([`headgate_record::columns`]), then for each record in order: number
//! of its references (varint), and of each its difference from the one in the same place of the record before (varint,
//! zigzag). Format 2, which is only read: length of the record set (varint), record set, then for each record: number of
//! its references (varint), and each (varint).

use headgate_record::columns::{Columns, Rows, unzigzag, zigzag};
use headgate_record::{Field, Identity, Kind, Record, RecordView, Stated, codec};

use crate::Error;
use crate::identity::row::take;
use crate::seal::{BLOCK, SET_BLOCK};

/// A block that is being filled.
pub(crate) struct Block {
    columns: Columns,
    references: Vec<u8>,
    before: [u64; MAX_REFERENCES],
    /// All references, in order.
    pub(crate) mentioned: Vec<u64>,
    kinds: [u32; KINDS],
}

impl Block {
    /// An empty block.
    pub(crate) fn new() -> Block {
        Block {
            columns: Columns::new(),
            references: Vec::new(),
            before: [0; MAX_REFERENCES],
            mentioned: Vec::new(),
            kinds: [0; KINDS],
        }
    }

    /// Adds a record and its references. What identifies somebody stays out, unless nothing in the record does.
    pub(crate) fn push(&mut self, record: &RecordView<'_>, identifies: bool, references: &[u64]) {
        self.columns.push(record, |field: Field| !identifies || field.identity() == Identity::Nobody);
        codec::put_varint(&mut self.references, u64::try_from(references.len()).unwrap_or(0));
        for (reference, before) in references.iter().zip(&mut self.before) {
            codec::put_varint(
                &mut self.references,
                zigzag(reference.wrapping_sub(std::mem::replace(before, *reference))),
            );
        }
        self.mentioned.extend_from_slice(references);
        let kind = usize::try_from(record.kind().number()).ok();
        if let Some(count) = kind.and_then(|kind| self.kinds.get_mut(kind)) {
            *count += 1;
        }
    }

    /// Adds a record of which nothing identifies anybody any more, and its references.
    pub(crate) fn push_record(&mut self, record: &Record, references: &[u64]) -> Result<(), Error> {
        let mut octets = Vec::new();
        codec::put_record(record, &mut octets);
        let view = RecordView::of(&octets)?;
        self.push(&view, view.has_identities(), references);
        Ok(())
    }

    /// Whether it is large enough.
    pub(crate) fn is_full(&self) -> bool {
        self.columns.octets() + self.references.len() >= BLOCK_OCTETS || !self.columns.has_room()
    }

    /// How many records.
    pub(crate) fn records(&self) -> u32 {
        u32::try_from(self.columns.records()).unwrap_or(u32::MAX)
    }

    /// The octets.
    ///
    /// # Errors
    /// [`Error::Record`] for a block that took records though it was full.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let (mut columns, mut block) = (Vec::new(), Vec::new());
        self.columns.encode(&mut columns)?;
        codec::put_varint(&mut block, u64::try_from(columns.len()).unwrap_or(u64::MAX));
        block.extend_from_slice(&columns);
        block.extend_from_slice(&self.references);
        Ok(block)
    }

    /// How many records of each kind: number of the kind and count (varints), for each that there is.
    pub(crate) fn kinds(&self) -> Vec<u8> {
        let mut kinds = Vec::new();
        for (kind, count) in (0..).zip(self.kinds).filter(|(_, count)| *count > 0) {
            codec::put_varint(&mut kinds, kind);
            codec::put_varint(&mut kinds, count.into());
        }
        kinds
    }
}

/// What [`Block::kinds`] says.
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
const BLOCK_OCTETS: usize = 128 << 10;
/// Most references of one record: its subject and two other ends.
pub(crate) const MAX_REFERENCES: usize = 3;
/// Numbers of kinds are below this.
const KINDS: usize = Kind::ALL.len() + 1;
