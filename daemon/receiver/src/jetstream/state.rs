//! What receivers say to each other about a series, which is the batches of an appliance and epoch. It is sealed
//! ([`crate::sealing`]) and lies beside the batches, so that any receiver can answer for any appliance.

use std::collections::BTreeMap;

use prost::Message;

use headgate_record::Record;
use headgate_record::batch::digest;

use crate::engine::Held;

/// Of a series, as of its last message.
#[derive(Clone, PartialEq, Message)]
pub struct State {
    /// [`VERSION`].
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// Which numbers were stored, ascending and apart; at most [`MAX_RANGES`].
    #[prost(message, repeated, tag = "2")]
    pub present: Vec<Range>,
    /// What changed last and is on no page of the index yet; at most [`MAX_RECENT`].
    #[prost(message, repeated, tag = "3")]
    pub recent: Vec<Entry>,
    /// What is to be left out of batches that come late, or is not out of all yet; at most [`MAX_TOMBSTONES`].
    #[prost(message, repeated, tag = "4")]
    pub tombstones: Vec<Waiting>,
    /// When a batch was stored last, milliseconds since 1970.
    #[prost(uint64, tag = "5")]
    pub last_ms: u64,
    /// For which tombstone the message that this comes with was written anew.
    #[prost(message, optional, tag = "6")]
    pub cause: Option<Cause>,
    /// Of which number the message holds the content; 0: of none.
    #[prost(uint64, tag = "7")]
    pub of: u64,
    /// Messages that this one took the place of: they go before there is a receipt.
    #[prost(uint64, repeated, tag = "8")]
    pub stale: Vec<u64>,
    /// Since when the oldest content has been here that was written anew, and so is younger as a message; 0: there is none.
    #[prost(uint64, tag = "9")]
    pub rewritten_since_ms: u64,
    /// With which message the contents of this one came first, where they were moved; 0: with this one. A tombstone that came behind
    /// that one concerns them, wherever they lie by now.
    #[prost(uint64, tag = "10")]
    pub came_at: u64,
}

/// From one number to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Range {
    /// The first.
    #[prost(uint64, tag = "1")]
    pub from: u64,
    /// The last.
    #[prost(uint64, tag = "2")]
    pub to: u64,
}

/// What is known of a number.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// The number.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// Digest of the batch as it came.
    #[prost(bytes = "vec", tag = "2")]
    pub digest: Vec<u8>,
    /// When it was stored, and when the first content under the number was.
    #[prost(uint64, tag = "3")]
    pub stored_ms: u64,
    /// See `stored_ms`.
    #[prost(uint64, tag = "4")]
    pub since_ms: u64,
    /// Records and values to forget that it had.
    #[prost(uint32, tag = "5")]
    pub records: u32,
    /// See `records`.
    #[prost(uint32, tag = "6")]
    pub values: u32,
    /// Records that were deleted for them.
    #[prost(uint64, tag = "7")]
    pub forgotten: u64,
    /// Which message of the stream holds its content; 0: the one that this comes with.
    #[prost(uint64, tag = "8")]
    pub at: u64,
    /// Contents that it took the place of.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub replaced: Vec<Vec<u8>>,
    /// Whether its message was written anew.
    #[prost(bool, tag = "10")]
    pub rewritten: bool,
}

/// A tombstone that waits; whom it names lies in the index.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Waiting {
    /// The number of the batch that asked.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// Whether all that was there before it has been looked through.
    #[prost(bool, tag = "2")]
    pub done: bool,
    /// Which message it came with; what is behind it is not its concern. 0: the one that this comes with.
    #[prost(uint64, tag = "3")]
    pub at: u64,
}

/// Whom a batch asked to forget.
#[derive(Clone, PartialEq, Message)]
pub struct Tombstone {
    /// The number of that batch.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// Random.
    #[prost(bytes = "vec", tag = "2")]
    pub salt: Vec<u8>,
    /// SHA-256 over the salt and each value.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub hashes: Vec<Vec<u8>>,
}

/// Why a message was written anew, and how many records it has lost.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Cause {
    /// The tombstone's epoch.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// Its number.
    #[prost(uint64, tag = "2")]
    pub sequence: u64,
    /// Records.
    #[prost(uint64, tag = "3")]
    pub removed: u64,
}

/// Part of the index: what is known of [`PAGE`] numbers.
#[derive(Clone, PartialEq, Message)]
pub struct Page {
    /// [`VERSION`].
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// In the order of their numbers.
    #[prost(message, repeated, tag = "2")]
    pub entries: Vec<Entry>,
}

impl State {
    /// Of a series without a batch.
    pub fn empty() -> State {
        State { version: VERSION, ..State::default() }
    }

    /// Whether something was stored under a number.
    pub fn has(&self, sequence: u64) -> bool {
        self.present.iter().any(|range| (range.from..=range.to).contains(&sequence))
    }

    /// The highest number.
    pub fn highest(&self) -> u64 {
        self.present.last().map_or(0, |range| range.to)
    }

    /// How many numbers below `sequence` are there.
    pub fn count_below(&self, sequence: u64) -> u64 {
        self.present.iter().map(|r| sequence.min(r.to.saturating_add(1)).saturating_sub(r.from)).sum()
    }

    /// How many numbers are there.
    pub fn count(&self) -> u64 {
        self.present.iter().map(|r| (r.to - r.from).saturating_add(1)).sum()
    }

    /// The pages of the index that its numbers are on, ascending.
    pub fn pages(&self) -> impl Iterator<Item = u64> {
        let mut next = 0;
        self.present.iter().flat_map(move |range| {
            let (first, last) = ((range.from / PAGE).max(next), range.to / PAGE);
            next = last.saturating_add(1);
            first..=last
        })
    }

    /// Notes that something is stored under a number. False where that would be one piece too many.
    pub fn add(&mut self, sequence: u64) -> bool {
        self.present.push(Range { from: sequence, to: sequence });
        self.present.sort_by_key(|range| range.from);
        let mut merged: Vec<Range> = Vec::with_capacity(self.present.len());
        for range in self.present.drain(..) {
            match merged.last_mut() {
                Some(last) if range.from <= last.to.saturating_add(1) => last.to = last.to.max(range.to),
                _ => merged.push(range),
            }
        }
        self.present = merged;
        self.present.len() <= MAX_RANGES
    }

    /// What changed last of a number.
    pub fn recent(&self, sequence: u64) -> Option<&Entry> {
        self.recent.iter().find(|entry| entry.sequence == sequence)
    }

    /// Notes what is known of a number, in place of what was.
    pub fn put(&mut self, entry: Entry) {
        self.recent.retain(|old| old.sequence != entry.sequence);
        self.recent.push(entry);
    }

    /// The same as seen from behind its message `at`: what comes next begins with it.
    #[must_use]
    pub fn behind(self, at: u64) -> State {
        let mut next = self;
        for entry in next.recent.iter_mut().filter(|entry| entry.at == 0) {
            entry.at = at;
        }
        for waiting in next.tombstones.iter_mut().filter(|waiting| waiting.at == 0) {
            waiting.at = at;
        }
        (next.cause, next.of, next.came_at) = (None, 0, 0);
        next.stale.clear();
        next
    }

    /// Tombstones that need nothing more go; gives their numbers.
    pub fn drop_tombstones(&mut self) -> Vec<u64> {
        let waits = |of: &Waiting| !of.done || self.count_below(of.sequence) < of.sequence.saturating_sub(1);
        let (kept, gone): (Vec<Waiting>, Vec<Waiting>) = self.tombstones.iter().partition(|of| waits(of));
        self.tombstones = kept;
        gone.iter().map(|of| of.sequence).collect()
    }

    /// Numbers of those that a batch comes behind although its number is below theirs.
    pub fn above(&self, sequence: u64) -> Vec<u64> {
        self.tombstones.iter().map(|of| of.sequence).filter(|at| *at > sequence).collect()
    }

    /// The tombstone of this number, if it is not followed to its end.
    pub fn pending(&self, sequence: u64) -> Option<&Waiting> {
        self.tombstones.iter().find(|of| of.sequence == sequence && !of.done)
    }
}

impl Entry {
    /// For a receipt.
    pub fn held(&self) -> Option<Held> {
        let digest = self.digest.as_slice().try_into().ok()?;
        let Entry { stored_ms, records, values, forgotten, .. } = *self;
        Some(Held { digest, stored_ms, records, values, forgotten })
    }
}

impl Tombstone {
    /// Whom these values name.
    pub fn new(sequence: u64, salt: [u8; 16], values: &[String]) -> Tombstone {
        let hashes = values.iter().map(|value| hash(&salt, value).to_vec()).collect();
        Tombstone { sequence, salt: salt.to_vec(), hashes }
    }

    /// Whether a record names one of them.
    pub fn names(&self, record: &Record) -> bool {
        record.identifiers().any(|(_, value)| {
            let hash = hash(&self.salt, &value.to_string());
            self.hashes.iter().any(|known| known.as_slice() == hash)
        })
    }
}

impl Page {
    /// Takes entries in, each in place of what was known before of its number.
    pub fn merge(self, entries: impl IntoIterator<Item = Entry>) -> Page {
        let all = self.entries.into_iter().chain(entries);
        let mut merged = BTreeMap::<u64, Entry>::new();
        for entry in all {
            // What is said of a number grows, so that who files late what he read early spoils nothing.
            let is_newer = merged
                .get(&entry.sequence)
                .is_none_or(|old| (old.at, old.forgotten) <= (entry.at, entry.forgotten));
            if is_newer {
                merged.insert(entry.sequence, entry);
            }
        }
        Page { version: VERSION, entries: merged.into_values().collect() }
    }
}

fn hash(salt: &[u8], value: &str) -> [u8; 32] {
    digest(&[salt, value.as_bytes()].concat())
}

/// The version of what receivers say to each other.
pub const VERSION: u32 = 1;
/// Numbers of a page of the index.
pub const PAGE: u64 = 128;
/// Most entries beside a message.
pub const MAX_RECENT: usize = 32;
/// Most pieces that the numbers of a series may be in.
pub const MAX_RANGES: usize = 1_024;
/// Most tombstones of a series that wait.
pub const MAX_TOMBSTONES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(numbers: &[u64]) -> State {
        let mut state = State::empty();
        for number in numbers {
            assert!(state.add(*number));
        }
        state
    }

    #[test]
    fn numbers_are_kept_as_pieces_in_any_order() {
        let state = with(&[5, 1, 2, 9, 3, 5]);
        assert_eq!(
            state.present,
            [Range { from: 1, to: 3 }, Range { from: 5, to: 5 }, Range { from: 9, to: 9 }]
        );
        assert_eq!((state.count(), state.highest()), (5, 9));
        assert_eq!([1, 4, 6, 10].map(|n| state.count_below(n)), [0, 3, 4, 5]);
        assert_eq!([0, 1, 4, 5, 9, 10].map(|n| state.has(n)), [false, true, false, true, true, false]);
        assert!(with(&[u64::MAX]).has(u64::MAX));
        assert_eq!(with(&[1, 127, 130, 600]).pages().collect::<Vec<_>>(), [0, 1, 4]);
        assert_eq!(with(&[127, 128, 129]).pages().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn there_is_a_most_of_pieces() {
        let mut state = State::empty();
        for n in 0..1_024 {
            assert!(state.add(2 * n + 1));
        }
        assert!(!state.add(1_000_000));
    }

    #[test]
    fn a_tombstone_waits_for_what_is_missing_and_for_its_own_end() {
        let mut state = with(&[1, 3]);
        state.tombstones.push(Waiting { sequence: 3, done: true, at: 9 });
        assert!(state.drop_tombstones().is_empty());
        assert_eq!((state.above(2), state.above(3)), (vec![3], vec![]));
        state.add(2);
        state.tombstones[0].done = false;
        assert!(state.drop_tombstones().is_empty() && state.pending(3).is_some());
        state.tombstones[0].done = true;
        assert_eq!(state.drop_tombstones(), [3]);
        assert_eq!(state.tombstones, []);
    }

    #[test]
    fn a_later_word_about_a_number_takes_the_place_of_the_earlier() {
        let of = |sequence, at| Entry { sequence, at, ..Entry::default() };
        let page = Page::default().merge([of(2, 1), of(1, 2)]).merge([of(2, 3)]);
        assert_eq!(page.entries, [of(1, 2), of(2, 3)]);
        assert_eq!(page.clone().merge([of(2, 1)]), page, "what was read early and filed late");
        let mut state = State::empty();
        state.put(of(7, 0));
        assert_eq!(state.behind(44).recent(7), Some(&of(7, 44)));
    }
}
