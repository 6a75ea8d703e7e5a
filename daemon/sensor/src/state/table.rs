//! A map of fixed size that forgets what was touched least recently.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// At most `capacity` entries in order of their last use. All operations take constant time.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    index: HashMap<K, usize, RandomState>,
    slots: Vec<Slot<K, V>>,
    free: Vec<usize>,
    /// Most and least recently used.
    newest: usize,
    oldest: usize,
    capacity: usize,
}

#[derive(Clone, Debug)]
struct Slot<K, V> {
    entry: Option<(K, V)>,
    newer: usize,
    older: usize,
}

impl<K: Clone + Eq + Hash, V> Table<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Table {
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            capacity: capacity.max(1),
        }
    }

    /// The entry of `key`, made the most recent.
    pub(crate) fn touch(&mut self, key: &K) -> Option<&mut V> {
        let at = *self.index.get(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        self.slots.get_mut(at)?.entry.as_mut().map(|(_, value)| value)
    }

    /// Adds an entry as the most recent. A full table gives up its oldest.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        let evicted = if let Some(at) = self.index.get(&key).copied() {
            self.take(at)
        } else if self.index.len() >= self.capacity {
            self.take(self.oldest)
        } else {
            None
        };
        let slot = Slot { entry: Some((key.clone(), value)), newer: NONE, older: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slots.get_mut(at) {
                    *place = slot;
                }
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.index.insert(key, at);
        self.link_newest(at);
        evicted
    }

    /// What a full table gives up for a new entry: of the [`LOOKED_AT`] that were used least recently the first that
    /// `may_go`, or else the oldest.
    pub(crate) fn make_room(&mut self, may_go: impl Fn(&V) -> bool) -> Option<(K, V)> {
        if self.index.len() < self.capacity {
            return None;
        }
        let (mut at, mut chosen) = (self.oldest, self.oldest);
        for _ in 0..LOOKED_AT {
            let Some(slot) = self.slots.get(at) else { break };
            if slot.entry.as_ref().is_some_and(|(_, value)| may_go(value)) {
                chosen = at;
                break;
            }
            at = slot.newer;
        }
        self.take(chosen)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let at = *self.index.get(key)?;
        self.take(at).map(|(_, value)| value)
    }

    /// Removes the entries that do not satisfy `keep`, in the order of their slots.
    pub(crate) fn extract_unless(&mut self, mut keep: impl FnMut(&mut V) -> bool) -> Vec<(K, V)> {
        let gone: Vec<usize> = (0..self.slots.len())
            .filter(|at| {
                let entry = self.slots.get_mut(*at).and_then(|slot| slot.entry.as_mut());
                entry.is_some_and(|(_, value)| !keep(value))
            })
            .collect();
        gone.into_iter().filter_map(|at| self.take(at)).collect()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.slots.iter_mut().filter_map(|slot| slot.entry.as_mut()).map(|(key, value)| (&*key, value))
    }

    fn take(&mut self, at: usize) -> Option<(K, V)> {
        self.unlink(at);
        let entry = self.slots.get_mut(at)?.entry.take()?;
        self.index.remove(&entry.0);
        self.free.push(at);
        Some(entry)
    }

    fn link_newest(&mut self, at: usize) {
        let second = self.newest;
        if let Some(slot) = self.slots.get_mut(at) {
            slot.newer = NONE;
            slot.older = second;
        }
        match self.slots.get_mut(second) {
            Some(slot) => slot.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: usize) {
        let Some(slot) = self.slots.get(at) else { return };
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }
}

const NONE: usize = usize::MAX;
/// Entries that a full table looks at for one to give up.
const LOOKED_AT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The table beside a plain list in order of use.
        #[test]
        fn behaves_like_a_list_in_order_of_use(
            capacity in 1..6usize,
            actions in prop::collection::vec((0..3u8, 0..8u8), 0..200),
        ) {
            let mut table = Table::new(capacity);
            let mut model: Vec<(u8, usize)> = Vec::new();
            for (step, (action, key)) in actions.into_iter().enumerate() {
                let at = model.iter().position(|(k, _)| *k == key);
                match action {
                    0 => {
                        let expected = match at {
                            Some(at) => Some(model.remove(at)),
                            None if model.len() == capacity => Some(model.remove(0)),
                            None => None,
                        };
                        model.push((key, step));
                        prop_assert_eq!(table.insert(key, step), expected);
                    }
                    1 => {
                        if let Some(at) = at {
                            let entry = model.remove(at);
                            model.push(entry);
                        }
                        prop_assert_eq!(table.touch(&key).copied(), at.map(|_| model[model.len() - 1].1));
                    }
                    _ => prop_assert_eq!(table.remove(&key), at.map(|at| model.remove(at).1)),
                }
                prop_assert_eq!(table.values_mut().count(), model.len());
            }
        }
    }
    #[test]
    fn room_is_made_by_what_may_go_or_else_by_the_oldest() {
        let mut table = Table::new(40);
        (0..40_u8).for_each(|n| assert_eq!(table.insert(n, n), None));
        assert_eq!(table.make_room(|n| *n >= 31), Some((31, 31)));
        assert_eq!(table.make_room(|_| true), None);
        table.insert(40, 40);
        // Too far from the oldest to be looked at.
        assert_eq!(table.make_room(|n| *n == 39), Some((0, 0)));
        assert_eq!(Table::<u8, u8>::new(1).make_room(|_| true), None);
    }
}
