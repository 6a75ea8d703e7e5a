//! Entries that carry their own key, found by a keyed hash: for what every frame asks for.
//!
//! Nothing is relinked when an entry is used. A full table looks at the next [`LOOKED_AT`] entries in turn
//! and gives up the one that was used least recently: an entry goes only while all the others looked at
//! are as young or younger, and is not looked at again before all have been. Where some have been said to stay
//! ([`Entries::settle`]), it looks at the others as long as these are more than one in [`LOOKED_AT`]: newcomers push out
//! newcomers.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Where the next table begins to count what moves: none comes so far.
static TABLES: AtomicU64 = AtomicU64::new(0);

/// Entries that a full table looks at to find one to give up.
pub(crate) const LOOKED_AT: usize = 32;

/// What a table of entries holds.
pub(crate) trait Entry {
    /// What tells it from others.
    type Key;
    /// Its key.
    fn key(&self) -> Self::Key;
    /// Whether it is the entry of `key`.
    fn is(&self, key: &Self::Key) -> bool;
    /// The hash of a key. The key comes from the network and the state from chance.
    fn hash(key: &Self::Key, state: &impl BuildHasher) -> u64;
}

/// Entries, close together in memory and without gaps; where one is changes when another is removed.
#[derive(Clone, Debug)]
pub(crate) struct Entries<E> {
    /// Places of entries. Several tables, because one of them is at worst as large again as it need be.
    index: Vec<HashTable<Place>>,
    /// How many a part has room for from its first entry on: one that grows leaves holes in memory behind it, as large as itself.
    of_a_part: usize,
    entries: Vec<E>,
    /// So many at the beginning stay.
    settled: usize,
    state: RandomState,
    hand: usize,
    /// How often entries were moved or taken away, beginning with a number of its own.
    moves: u64,
}

impl<E: Entry> Entries<E> {
    /// Room for `capacity` entries; memory is taken as they come.
    pub(crate) fn new(capacity: usize) -> Self {
        let parts = capacity.div_ceil(ENTRIES_OF_A_PART).clamp(1, MAX_PARTS);
        Entries {
            index: (0..parts).map(|_| HashTable::new()).collect(),
            of_a_part: capacity.div_ceil(parts).min(ENTRIES_OF_A_PART),
            entries: Vec::with_capacity(capacity),
            settled: 0,
            state: RandomState::default(),
            hand: 0,
            moves: TABLES.fetch_add(1 << 40, Ordering::Relaxed),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A number that is another one once an entry is not where it was, and in every other table: what was found in one is nowhere in the
    /// next.
    #[inline]
    pub(crate) fn moves(&self) -> u64 {
        self.moves
    }

    /// The hash of a key in this table.
    #[inline]
    pub(crate) fn hash(&self, key: &E::Key) -> u64 {
        E::hash(key, &self.state)
    }

    /// Where the entry of `key` is.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, key: &E::Key) -> Option<usize> {
        let is = |at: &Place| self.entries.get(at.number()).is_some_and(|entry| entry.is(key));
        self.index.get(part(hash, self.index.len()))?.find(hash, is).map(|at| at.number())
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut E> {
        self.entries.get_mut(at)
    }

    /// Adds an entry whose key is not there yet. It is left out where there are [`MAX_ENTRIES`].
    pub(crate) fn insert(&mut self, hash: u64, entry: E) {
        let (at, parts) = (self.entries.len(), self.index.len());
        if at >= MAX_ENTRIES {
            return;
        }
        let at = Place::of(at);
        self.entries.push(entry);
        if let Some(index) = self.index.get_mut(part(hash, parts)) {
            let (entries, state) = (&self.entries, &self.state);
            if index.capacity() == 0 {
                *index = HashTable::with_capacity(self.of_a_part);
            }
            index.insert_unique(hash, at, |at| {
                entries.get(at.number()).map_or(0, |entry| E::hash(&entry.key(), state))
            });
        }
    }

    /// Removes an entry. Another one takes its place.
    pub(crate) fn remove(&mut self, mut at: usize) -> Option<E> {
        self.moves += 1;
        if at < self.settled {
            self.settled -= 1;
            self.swap(at, self.settled);
            at = self.settled;
        }
        let last = self.entries.len().checked_sub(1)?;
        let hash = self.hash(&self.entries.get(at)?.key());
        let moved = self.hash(&self.entries.get(last)?.key());
        let parts = self.index.len();
        if let Some(index) = self.index.get_mut(part(hash, parts))
            && let Ok(found) = index.find_entry(hash, |place| *place == Place::of(at))
        {
            found.remove();
        }
        if at != last
            && let Some(index) = self.index.get_mut(part(moved, parts))
            && let Some(place) = index.find_mut(moved, |place| *place == Place::of(last))
        {
            *place = Place::of(at);
        }
        Some(self.entries.swap_remove(at))
    }

    /// Says anew which entries stay.
    pub(crate) fn settle(&mut self, stays: impl Fn(&E) -> bool) {
        let mut at = 0;
        while at < self.settled {
            if self.entries.get(at).is_some_and(&stays) {
                at += 1;
            } else {
                self.settled -= 1;
                self.swap(at, self.settled);
            }
        }
        for at in self.settled..self.entries.len() {
            if self.entries.get(at).is_some_and(&stays) {
                self.swap(at, self.settled);
                self.settled += 1;
            }
        }
    }

    /// The entry that was used least recently of those that are looked at in this turn, and when.
    pub(crate) fn oldest(&mut self, last_used: impl Fn(&E) -> u64) -> Option<(u64, usize)> {
        let newcomers = self.entries.len() - self.settled;
        let (first, count) = if newcomers > self.entries.len() / LOOKED_AT {
            (self.settled, newcomers)
        } else {
            (0, self.settled)
        };
        let turn = (0..LOOKED_AT.min(count)).map(|step| first + (self.hand + step) % count);
        let oldest = turn.filter_map(|at| self.entries.get(at).map(|entry| (last_used(entry), at))).min();
        self.hand = (self.hand + LOOKED_AT) % count.max(1);
        oldest
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut E> {
        self.entries.iter_mut()
    }

    /// Two entries change places.
    fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        // By way of a place that no entry has: both may have the same hash.
        for (of, from, to) in [(a, a, MAX_ENTRIES), (b, b, a), (a, MAX_ENTRIES, b)] {
            let Some(hash) = self.entries.get(of).map(|entry| self.hash(&entry.key())) else { return };
            let parts = self.index.len();
            let index = self.index.get_mut(part(hash, parts));
            let found = index.and_then(|index| index.find_mut(hash, |place| *place == Place::of(from)));
            if let Some(place) = found {
                *place = Place::of(to);
            }
        }
        self.entries.swap(a, b);
        self.moves += 1;
    }

    /// Takes all entries.
    pub(crate) fn take(&mut self) -> Vec<E> {
        self.index.iter_mut().for_each(|index| *index = HashTable::new());
        self.settled = 0;
        self.moves += 1;
        std::mem::take(&mut self.entries)
    }
}

/// The part of the index for a hash: by bits that the part itself does not use.
#[inline]
fn part(hash: u64, parts: usize) -> usize {
    if parts == 1 {
        return 0;
    }
    let [_, _, b, c, d, e, _, _] = hash.to_le_bytes();
    let parts = u64::try_from(parts).unwrap_or(1);
    usize::try_from((u64::from(u32::from_le_bytes([b, c, d, e])) * parts) >> 32).unwrap_or(0)
}

/// The place of an entry among the others, or [`MAX_ENTRIES`]. Three octets: a fourth of a million would be another mebibyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place([u8; 3]);

impl Place {
    #[inline(always)]
    fn of(number: usize) -> Place {
        let [a, b, c, ..] = number.to_le_bytes();
        Place([a, b, c])
    }

    #[inline(always)]
    fn number(self) -> usize {
        let Place([a, b, c]) = self;
        usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16
    }
}

/// A part of the index holds so many when it is almost full: 7/8 of 2^17 slots, less what chance adds.
const ENTRIES_OF_A_PART: usize = 112_000;
const MAX_PARTS: usize = 64;
/// Most entries of a table: four times as many as any can be told to hold.
const MAX_ENTRIES: usize = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[derive(Debug, Clone, PartialEq)]
    struct Seen(u16, u64);

    impl Entry for Seen {
        type Key = u16;
        fn key(&self) -> u16 {
            self.0
        }
        fn is(&self, key: &u16) -> bool {
            self.0 == *key
        }
        fn hash(key: &u16, state: &impl BuildHasher) -> u64 {
            state.hash_one(key)
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(
            parts in 1..4usize,
            actions in prop::collection::vec((any::<bool>(), 0..40u16), 0..300),
            settles in prop::collection::vec(1..5u16, 300),
        ) {
            let mut entries = Entries::new(parts * ENTRIES_OF_A_PART);
            prop_assert_eq!(entries.index.len(), parts);
            let mut model = HashMap::new();
            let (mut moves, mut places) = (0, Vec::new());
            for (step, ((adds, key), divisor)) in (0u64..).zip(actions.into_iter().zip(settles)) {
                if divisor > 1 {
                    entries.settle(|e: &Seen| e.0.is_multiple_of(divisor));
                    let settled = model.keys().filter(|key: &&u16| key.is_multiple_of(divisor)).count();
                    prop_assert_eq!(entries.settled, settled);
                    prop_assert!(entries.iter().take(settled).all(|e| e.0.is_multiple_of(divisor)));
                }
                let hash = entries.hash(&key);
                match (adds, entries.find(hash, &key)) {
                    (_, None) => {
                        entries.insert(hash, Seen(key, step));
                        prop_assert_eq!(model.insert(key, step), None);
                    }
                    (true, Some(at)) => {
                        entries.get_mut(at).unwrap().1 = step;
                        prop_assert!(model.insert(key, step).is_some());
                    }
                    (false, Some(at)) => {
                        prop_assert_eq!(entries.remove(at).map(|e| e.1), model.remove(&key));
                    }
                }
                // Whoever remembers where an entry is, and that none has moved, finds it there.
                if entries.moves() == moves {
                    for (key, at) in &places {
                        prop_assert_eq!(entries.find(entries.hash(key), key), Some(*at));
                    }
                }
                moves = entries.moves();
                places = model.keys().filter_map(|key| Some((*key, entries.find(entries.hash(key), key)?))).collect();
                let held: HashMap<u16, u64> = entries.iter().map(|e| (e.0, e.1)).collect();
                prop_assert_eq!(&held, &model);
                prop_assert_eq!(entries.len(), model.len());
                for key in model.keys() {
                    let at = entries.find(entries.hash(key), key);
                    prop_assert_eq!(at.and_then(|at| entries.get_mut(at)).map(|e| e.0), Some(*key));
                }
            }
        }
    }

    #[test]
    fn what_stays_is_not_given_up_while_there_are_newcomers_enough() {
        let mut entries = Entries::new(320);
        for key in 0..320 {
            entries.insert(entries.hash(&key), Seen(key, key.into()));
        }
        entries.settle(|e: &Seen| !e.0.is_multiple_of(10));
        // 32 newcomers; 10 places are theirs, however many stay.
        for turn in 0..23 {
            let (_, at) = entries.oldest(|e| e.1).unwrap();
            assert_eq!(entries.remove(at).unwrap().0 % 10, 0, "turn {turn}");
            entries.settle(|e: &Seen| !e.0.is_multiple_of(10));
            assert_eq!(entries.settled, 288);
        }
        let (_, at) = entries.oldest(|e| e.1).unwrap();
        assert_ne!(entries.remove(at).unwrap().0 % 10, 0);
    }

    #[test]
    fn what_is_given_up_is_the_oldest_of_those_looked_at_and_each_has_its_turn() {
        let mut entries = Entries::new(100);
        for key in 0..96 {
            entries.insert(entries.hash(&key), Seen(key, 1_000 - u64::from(key)));
        }
        let turns: Vec<_> = (0..4).map(|_| entries.oldest(|e| e.1).unwrap()).collect();
        assert_eq!(turns, [(969, 31), (937, 63), (905, 95), (969, 31)]);
        assert_eq!(Entries::<Seen>::new(8).oldest(|e| e.1), None);
    }
}
