//! The octets of a row of the tail: which part of what it is, and the part.
//!
//! | octets | what |
//! |---|---|
//! | 8 | filling |
//! | 4, 4 | which part this is, counted from 0; of how many |
//! | 4 | octets of the sealed value, which follows in its parts |
//! | 8, 8 | session; number of the first record |
//! | 12 | records of each class |
//! | 8 | checksum of the row's number and all of this: the head stands outside of the seal, and is in its associated data |

use headgate_record::Class;
use sha2::{Digest, Sha256};

use crate::seal::OVERHEAD;

/// What the parts of a hand-over say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) filling: u64,
    pub(super) at: u32,
    pub(super) of: u32,
    pub(super) length: u32,
    pub(super) session: u64,
    pub(super) first: u64,
    pub(super) records: [u32; Class::ALL.len()],
}

/// What a row is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// It was wiped.
    Wiped,
    /// A part, of this filling or an earlier one.
    Is(Head, &'a [u8]),
    /// It is not what was written.
    Unsound,
}

impl Head {
    /// Of a hand-over with so many octets before they are sealed.
    pub(super) fn new(
        filling: u64,
        content: usize,
        session: u64,
        first: u64,
        records: [u32; Class::ALL.len()],
    ) -> Head {
        let length = u32::try_from(content.saturating_add(OVERHEAD)).unwrap_or(u32::MAX);
        let of = length.div_ceil(DATA_OCTETS);
        Head { filling, at: 0, of, length, session, first, records }
    }

    /// As it is bound into what is sealed: the same for all parts.
    pub(super) fn bound(&self) -> [u8; SUMMED] {
        self.numbered(0).encode()
    }

    /// The number of its last record.
    pub(super) fn last(&self) -> u64 {
        let all = self.records.iter().fold(0, |sum: u64, records| sum.saturating_add((*records).into()));
        self.first.saturating_add(all).saturating_sub(1)
    }

    /// The rows of a sealed value, from this slot on.
    pub(super) fn parts<'a>(self, slot: u64, sealed: &'a [u8]) -> impl Iterator<Item = [u8; PART]> + use<'a> {
        let rows = sealed.chunks(DATA).zip(slot..).zip(0..);
        rows.map(move |((data, slot), at)| self.numbered(at).row(slot, data))
    }

    /// The head of another part.
    pub(super) fn numbered(self, at: u32) -> Head {
        Head { at, ..self }
    }

    fn row(self, slot: u64, data: &[u8]) -> [u8; PART] {
        let (head, mut row) = (self.encode(), [0; PART]);
        let sum = sum(slot, &head);
        let mut rest = row.as_mut_slice();
        for part in [head.as_slice(), &sum, data] {
            let length = part.len().min(rest.len());
            let (to, behind) = rest.split_at_mut(length);
            to.copy_from_slice(part.split_at(length).0);
            rest = behind;
        }
        row
    }

    fn encode(&self) -> [u8; SUMMED] {
        let Head { filling, at, of, length, session, first, records } = *self;
        let numbers = [at, of, length].into_iter().flat_map(u32::to_be_bytes);
        let places = [session, first].into_iter().flat_map(u64::to_be_bytes);
        let octets = filling.to_be_bytes().into_iter().chain(numbers).chain(places);
        let octets = octets.chain(records.into_iter().flat_map(u32::to_be_bytes));
        let mut head = [0; SUMMED];
        head.iter_mut().zip(octets).for_each(|(to, from)| *to = from);
        head
    }

    fn decode(mut octets: &[u8]) -> Option<Head> {
        let filling = take(&mut octets).map(u64::from_be_bytes)?;
        let mut number = || take(&mut octets).map(u32::from_be_bytes);
        let (at, of, length) = (number()?, number()?, number()?);
        let session = take(&mut octets).map(u64::from_be_bytes)?;
        let first = take(&mut octets).map(u64::from_be_bytes)?;
        let mut records = [0; Class::ALL.len()];
        for count in &mut records {
            *count = take(&mut octets).map(u32::from_be_bytes)?;
        }
        Some(Head { filling, at, of, length, session, first, records })
    }
}

impl<'a> Part<'a> {
    /// Reads the row of this number.
    pub(super) fn read(slot: u64, octets: &'a [u8]) -> Part<'a> {
        let whole = octets.split_at_checked(SUMMED).filter(|_| octets.len() == PART);
        let Some((head, (said, data))) =
            whole.and_then(|(head, rest)| Some((head, rest.split_first_chunk()?)))
        else {
            return Part::Unsound;
        };
        match Head::decode(head) {
            Some(head_is) if *said == sum(slot, head) => Part::Is(head_is, data),
            _ if octets.iter().all(|octet| *octet == 0) => Part::Wiped,
            _ => Part::Unsound,
        }
    }
}

/// How many rows a message of so many octets takes at most.
pub(super) fn slots(message: usize) -> u64 {
    let most = message.saturating_add(TIMES + OVERHEAD);
    u64::try_from(most.div_ceil(DATA)).unwrap_or(u64::MAX)
}

fn sum(slot: u64, head: &[u8]) -> [u8; SUM] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(slot.to_be_bytes()).chain_update(head).finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

fn take<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(*first)
}

/// Octets of a row: with its number and what SQLite says of it, what fits into a page of 2 KiB, so that a row is a page of its own
/// and no overflow.
pub(super) const PART: usize = 2_000;
/// Of these the checksum covers so many, and takes so many.
const SUMMED: usize = 48;
const SUM: usize = 8;
/// And the rest is of the sealed value.
const DATA: usize = PART - SUMMED - SUM;
const DATA_OCTETS: u32 = 1_944;
const _: () = assert!(DATA == 1_944);
/// Three times of at most ten octets each stand before the message.
const TIMES: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(length: usize) -> Head {
        Head::new(7, length, 3, 1_000, [1, 2, 3])
    }

    #[test]
    fn parts_are_read_as_they_were_written_and_in_no_other_row() {
        for length in [0, 1, DATA - OVERHEAD, DATA - OVERHEAD + 1, 5 * DATA] {
            let sealed: Vec<u8> = (0..length + OVERHEAD).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let (head, mut read) = (head(length), Vec::new());
            for (part, at) in head.parts(40, &sealed).zip(0_u32..) {
                let slot = 40 + u64::from(at);
                let Part::Is(found, data) = Part::read(slot, &part) else { panic!("{at}") };
                assert_eq!((found, found.bound()), (Head { at, ..head }, head.bound()));
                read.extend_from_slice(data);
                assert_eq!(Part::read(slot + 1, &part), Part::Unsound);
            }
            assert_eq!(read.len(), usize::try_from(head.of).unwrap() * DATA);
            read.truncate(head.length.try_into().unwrap());
            assert_eq!(read, sealed);
        }
    }

    #[test]
    fn a_bit_of_a_head_is_noticed() {
        let part = head(10).parts(1, &[5; 10 + OVERHEAD]).next().unwrap();
        for at in 0..SUMMED + SUM {
            for bit in 0..8 {
                let mut flipped = part;
                flipped[at] ^= 1 << bit;
                assert_eq!(Part::read(1, &flipped), Part::Unsound, "{at}");
            }
        }
        assert_eq!(Part::read(1, &part[..PART - 1]), Part::Unsound);
        assert_eq!(Part::read(1, &[0; PART]), Part::Wiped);
    }
}
