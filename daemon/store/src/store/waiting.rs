//! Hand-overs, and what of them waits in the tail.

use super::{Store, commit, shrink_to};
use crate::clock::Reading;
use crate::database::begin;
use crate::prepare::Prepared;
use crate::{Error, admit};

impl Store {
    /// Commits hand-overs, all of them or none. Gives the number of the last record that is on disk.
    pub(crate) fn hand_over(
        &mut self,
        session: u64,
        prepared: &[Prepared],
        now_ms: u64,
    ) -> Result<u64, Error> {
        let taken = match self.put(session, prepared, now_ms) {
            Ok(None) => self.seal(session, prepared, now_ms),
            put => put.map(Option::unwrap_or_default),
        };
        self.committed = taken.as_ref().ok().map(|through| (session, *through));
        if taken.is_err() {
            self.undone(now_ms);
        }
        taken
    }

    /// Puts hand-overs into the tail; `None` where they do not belong there.
    fn put(&mut self, session: u64, prepared: &[Prepared], now_ms: u64) -> Result<Option<u64>, Error> {
        if !self.tail.takes(prepared, &self.rules) {
            return Ok(None);
        }
        let Some(at) = self.clock.moment(&Reading::now(now_ms)) else { return Ok(None) };
        let committed = match self.committed {
            Some((of, committed)) if of == session => committed,
            _ => {
                // What waits counts only when it is absorbed.
                self.absorb(now_ms)?;
                admit::committed(&self.database.connection, session)?
            }
        };
        let (new, through) = admit::behind(prepared, committed)?;
        if new.is_empty() {
            return Ok(Some(through));
        }
        if !self.tail.has_room(&new) {
            self.begin_filling(now_ms)?;
        }
        self.make_room(self.tail.octets().saturating_add(octets(prepared)), now_ms)?;
        let Store { database, keys, tail, .. } = self;
        let transaction = begin(&mut database.connection)?;
        // It shares their commit.
        let after = tail.absorb_ready(&transaction, keys, now_ms)?;
        let put = tail.put(&transaction, keys, session, &new, at)?;
        match after {
            Some(after) => {
                commit(transaction, keys)?;
                tail.go_on(after);
            }
            None => transaction.commit()?,
        }
        tail.keep(put, now_ms);
        Ok(Some(through))
    }

    /// Has the tail begin its next filling, all of which has room. Where the one before the present one is not absorbed yet, that is
    /// waited for.
    fn begin_filling(&mut self, now_ms: u64) -> Result<(), Error> {
        if self.tail.has_older() {
            self.make_room(self.tail.octets(), now_ms)?;
            let Store { database, keys, tail, .. } = self;
            let transaction = begin(&mut database.connection)?;
            let after = tail.absorb_older(&transaction, keys, now_ms)?;
            commit(transaction, keys)?;
            after.into_iter().for_each(|after| tail.go_on(after));
        }
        if self.tail.turn() { Ok(()) } else { self.absorb(now_ms) }
    }

    /// Seals hand-overs into segments, behind what waits.
    fn seal(&mut self, session: u64, prepared: &[Prepared], now_ms: u64) -> Result<u64, Error> {
        self.make_room(self.tail.octets().saturating_add(octets(prepared)), now_ms)?;
        let Store { database, keys, rules, clock, tail, .. } = self;
        let transaction = begin(&mut database.connection)?;
        let at = clock.observe(&transaction, &Reading::now(now_ms))?;
        let is_to_be_absorbed = !tail.is_empty() || !tail.has_key();
        let filling = is_to_be_absorbed.then(|| tail.absorb(&transaction, keys, now_ms)).transpose()?;
        let through = admit::hand_over(&transaction, keys, rules, session, prepared, at)?;
        commit(transaction, keys)?;
        filling.into_iter().for_each(|filling| tail.begin(filling));
        Ok(through)
    }

    /// Makes segments of what waits in the tail, so that it is read, deleted and changed as all else.
    pub(crate) fn absorb(&mut self, now_ms: u64) -> Result<(), Error> {
        if self.tail.is_empty() {
            return Ok(());
        }
        self.make_room(self.tail.octets(), now_ms)?;
        self.absorb_within(None, now_ms)
    }

    /// As [`Store::absorb`], with the database shrunk before where that is asked for, and no other room made.
    pub(super) fn absorb_within(&mut self, target: Option<u64>, now_ms: u64) -> Result<(), Error> {
        if self.tail.is_empty() {
            return Ok(());
        }
        let Store { database, keys, tail, .. } = self;
        let mut absorb = || {
            let transaction = begin(&mut database.connection)?;
            shrink_to(&transaction, keys, target, now_ms)?;
            let filling = tail.absorb(&transaction, keys, now_ms)?;
            commit(transaction, keys)?;
            tail.begin(filling);
            Ok(())
        };
        let absorbed = absorb();
        if absorbed.is_err() {
            self.undone(now_ms);
        }
        absorbed
    }

    /// As [`Store::absorb`], where it has waited for as long as records may. Where there is enough it is made ready for that, and is
    /// absorbed with what comes next.
    pub(super) fn absorb_what_is_due(&mut self, now_ms: u64) -> Result<(), Error> {
        let delay_ms = u64::try_from(self.settings.batch_delay.as_millis()).unwrap_or(u64::MAX);
        if self.tail.is_due(now_ms, delay_ms) {
            return self.absorb(now_ms);
        }
        let is_enough = self.tail.is_full() && !self.tail.has_older();
        if is_enough && !self.tail.turn() { self.absorb(now_ms) } else { Ok(()) }
    }
}

#[cfg(test)]
impl Store {
    /// How many records wait in the tail.
    pub(crate) fn records_in_tail(&self) -> u64 {
        self.tail.records()
    }

    /// Begins the next filling, though the present one has room; until the one before is absorbed so many hand-overs come. Gives whether
    /// that is done.
    pub(crate) fn turn_tail(&mut self, held: usize) -> bool {
        self.tail.turn_held(held)
    }

    /// How many hand-overs waited in it when the store was opened, and in how many fillings.
    pub(crate) fn found_in_tail(&self) -> (usize, usize) {
        (self.tail.waited(), self.tail.fillings())
    }
}

fn octets(prepared: &[Prepared]) -> u64 {
    let octets = prepared.iter().map(|prepared| prepared.octets).sum::<usize>();
    u64::try_from(octets).unwrap_or(u64::MAX)
}
