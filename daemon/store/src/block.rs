//! What a segment of format 2 holds: records without what identifies anybody, and for each the references that stand for
//! it (`identity.rs`).
//!
//! Length of the record set (varint), record set, then for each record in order: number of its references (varint), and
//! each (varint).

use std::collections::BTreeMap;

use headgate_record::{Kind, Record, codec};

use crate::Error;
use crate::identity::row::take;

/// A block that is being filled.
#[derive(Default)]
pub(crate) struct Block {
    set: Vec<u8>,
    references: Vec<u8>,
    /// All references, in order.
    pub(crate) mentioned: Vec<u64>,
    /// How many records of each kind.
    pub(crate) kinds: BTreeMap<Kind, u32>,
    /// How many records.
    pub(crate) records: u32,
}

impl Block {
    /// Adds a record and its references.
    pub(crate) fn push(&mut self, record: &Record, references: &[u64]) {
        codec::append(record, &mut self.set);
        codec::put_varint(&mut self.references, u64::try_from(references.len()).unwrap_or(0));
        for reference in references {
            codec::put_varint(&mut self.references, *reference);
        }
        self.mentioned.extend_from_slice(references);
        *self.kinds.entry(record.kind()).or_default() += 1;
        self.records += 1;
    }

    /// Whether it is large enough.
    pub(crate) fn is_full(&self) -> bool {
        self.set.len() + self.references.len() >= BLOCK_OCTETS
            || usize::try_from(self.records).is_ok_and(|records| records >= codec::MAX_RECORDS)
    }

    /// The octets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.set.len() + self.references.len() + 8);
        codec::put_varint(&mut block, u64::try_from(self.set.len()).unwrap_or(u64::MAX));
        block.extend_from_slice(&self.set);
        block.extend_from_slice(&self.references);
        block
    }
}

/// The records of a block, and the references of each.
///
/// # Errors
/// [`Error::Sealed`] or [`Error::Record`] for anything but a whole block.
pub(crate) fn decode(block: &[u8]) -> Result<Vec<(Record, Vec<u64>)>, Error> {
    let mut rest = block;
    let records = codec::decode(take(&mut rest).ok_or(Error::Sealed)?)?;
    let mut decoded = Vec::with_capacity(records.len());
    for record in records {
        let count = codec::take_varint(&mut rest).filter(|n| *n <= MAX_REFERENCES).ok_or(Error::Sealed)?;
        let references = (0..count).map(|_| codec::take_varint(&mut rest)).collect::<Option<Vec<_>>>();
        decoded.push((record, references.ok_or(Error::Sealed)?));
    }
    if rest.is_empty() { Ok(decoded) } else { Err(Error::Sealed) }
}

/// A block takes no more records from so many octets on, before compression.
const BLOCK_OCTETS: usize = 128 << 10;
/// Most references of one record: its subject and two other ends.
const MAX_REFERENCES: u64 = 3;
