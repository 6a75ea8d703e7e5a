//! Two fillings: while one that is full is made ready for segments, hand-overs go into the next.

use rusqlite::Connection;

use super::damage::Damage;
use super::packer::Cut;
use super::{Tail, seal};
use crate::database::{meta, set, sql};
use crate::gather::Made;
use crate::keys::Keys;
use crate::seal::Cipher;
use crate::{Error, admit};

/// A filling into which nothing is put any more.
pub(super) struct Older {
    /// Session and number of its last record.
    waiting: (u64, u64),
    octets: u64,
    /// When the oldest of it came, by the wall clock.
    since_ms: u64,
    cut: Cut,
    /// What was made of it, where it could not be committed.
    made: Vec<Made>,
    /// So often it is said not to be ready though it is.
    #[cfg(test)]
    held: usize,
}

/// The key of the filling behind the present one, which is there when the caller's transaction is committed.
#[must_use = "it is there once it is committed"]
pub(crate) struct After(Cipher);

impl Older {
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Whether the packer is done with it.
    fn is_ready(&mut self) -> bool {
        #[cfg(test)]
        if let Some(held) = self.held.checked_sub(1) {
            self.held = held;
            return false;
        }
        self.cut.is_ready()
    }

    /// Makes segments of it in the caller's transaction, once the packer is done with it.
    pub(super) fn seal(&mut self, db: &Connection, keys: &Keys, damage: &mut Damage) -> Result<(), Error> {
        let (session, through) = self.waiting;
        self.made.extend(self.cut.finish()?);
        seal(db, keys, session, &self.made, &mut damage.records)?;
        admit::note_committed(db, session, through)
    }

    #[cfg(test)]
    pub(super) fn records(&self) -> u64 {
        super::records(&self.made) + self.cut.records()
    }
}

impl Tail {
    /// Whether there is no room for another hand-over of usual size beside those that wait.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.saturating_sub(self.next) < LARGEST
    }

    /// Whether a filling that is full is not absorbed yet.
    pub(crate) fn has_older(&self) -> bool {
        self.older.is_some()
    }

    /// Has what waits made ready, and begins the next filling beside it. Gives whether that is done: not where an older one is not
    /// absorbed yet, where nothing waits, or where there is no key for it.
    pub(crate) fn turn(&mut self) -> bool {
        let (None, Some(waiting), true) = (&self.older, self.waiting, self.after.is_some()) else {
            return false;
        };
        let (cut, made) = (self.packer.cut(), std::mem::take(&mut self.made));
        self.older = Some(Older {
            waiting,
            octets: self.octets,
            since_ms: self.since_ms,
            cut,
            made,
            #[cfg(test)]
            held: 0,
        });
        (self.filling, self.cipher) = (self.filling.saturating_add(1), self.after.take());
        (self.waiting, self.next, self.octets) = (None, 0, 0);
        true
    }

    /// As [`Tail::absorb_older`], where that waits for nobody; else nothing is done.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn absorb_ready(
        &mut self,
        db: &Connection,
        keys: &Keys,
        now_ms: u64,
    ) -> Result<Option<After>, Error> {
        let is_ready = self.older.as_mut().is_some_and(Older::is_ready);
        if is_ready { self.absorb_older(db, keys, now_ms) } else { Ok(None) }
    }

    /// Makes segments of the older filling, in the caller's transaction, and replaces its key by that of the filling behind the
    /// present one; `None` where there is no older one.
    ///
    /// # Errors
    /// Those of the database; all of it then still waits.
    pub(crate) fn absorb_older(
        &mut self,
        db: &Connection,
        keys: &Keys,
        now_ms: u64,
    ) -> Result<Option<After>, Error> {
        let Some(older) = &mut self.older else { return Ok(None) };
        let mut damage = Damage::default();
        older.seal(db, keys, &mut damage)?;
        damage.tell(db, now_ms)?;
        set(db, meta::TAIL, sql(self.filling))?;
        Ok(Some(After(new_key(db, keys, self.filling.saturating_add(1))?)))
    }

    /// The older filling is in segments, and that is committed.
    pub(crate) fn go_on(&mut self, after: After) {
        self.after = Some(after.0);
        if let Some(Older { cut, made, .. }) = self.older.take() {
            self.packer.free(cut, made);
        }
    }
}

#[cfg(test)]
impl Tail {
    /// As [`Tail::turn`], as if the packer took until so many hand-overs more have come.
    pub(crate) fn turn_held(&mut self, held: usize) -> bool {
        let is_turned = self.turn();
        self.older.iter_mut().filter(|_| is_turned).for_each(|older| older.held = held);
        is_turned
    }
}

/// Makes the key of a filling, in the place of that of the one two before it.
pub(super) fn new_key(db: &Connection, keys: &Keys, filling: u64) -> Result<Cipher, Error> {
    let wrapped = keys.new_tail_key(filling)?;
    let cipher = keys.tail_cipher(filling, &wrapped)?;
    set(db, key_name(filling), wrapped)?;
    Ok(cipher)
}

/// Where the wrapped key of a filling stands.
pub(super) fn key_name(filling: u64) -> &'static str {
    if filling.is_multiple_of(2) { meta::TAIL_KEY } else { meta::TAIL_KEY_ODD }
}

/// The first row of a filling: those that are there together have none in common.
pub(super) fn first_slot(filling: u64) -> u64 {
    if filling.is_multiple_of(2) { 0 } else { HALF }
}

/// Rows of fillings with odd numbers have numbers from here on.
pub(super) const HALF: u64 = 1 << 16;
const _: () = assert!(super::MOST_SLOTS < HALF);
/// Rows that a hand-over takes at most, as a rule: where fewer are left, the next filling begins.
const LARGEST: u64 = 8;
