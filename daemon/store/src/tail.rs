//! The tail: where hand-overs wait that are too small for a segment of their own.
//!
//! A commit of few records would touch as many pages as one of many: a segment and its index, whom it names, counts. So a small
//! hand-over is written as it came, sealed, into a few rows of fixed size that are written over in place, and is acknowledged; what
//! waits is made into segments in one transaction, its *absorption*, when there is enough of it, when it has waited for long enough,
//! and before anything that reads, deletes or changes what is kept, or any key.
//!
//! All of it is in the database, so what holds for a transaction holds here: an acknowledged hand-over is there after loss of power,
//! and it is in a segment or in the tail, never in both, because the session's number moves on in the transaction that absorbs it.
//! The collect gate has been asked before: only what the rules keep whole comes here, and all else goes the straight way.
//!
//! What is absorbed together is a *filling*, under a key of its own, which is replaced in the transaction that absorbs it: what
//! is left in the rows can then be read by nobody, and whoever is erased, or has a session's key destroyed, is not in it. There are two
//! at most: one that is full is made ready for segments while hand-overs go into the next (`older.rs`), and is absorbed with one of
//! these, in their transaction. All that waits is absorbed before anything else is done, in order.

use std::sync::Arc;

use headgate_record::Class;
use headgate_record::codec::put_varint;
use headgate_rules::Rules;
use rusqlite::{Connection, params};

use crate::clock::Moment;
use crate::database::{meta, set, sql};
use crate::gather::Made;
use crate::keys::Keys;
use crate::prepare::{Content, Prepared, Set};
use crate::seal::{Cipher, Place};
use crate::segment::Sealing;
use crate::{Error, admit, evict};

mod damage;
mod found;
mod older;
mod packer;
mod part;

use damage::{Damage, add_of};
pub(crate) use found::waiting;
use older::{Older, first_slot, new_key};
use packer::Packer;
use part::{Head, PART};

/// What waits, and where the next goes.
pub(crate) struct Tail {
    /// The present filling: hand-overs are put into it.
    filling: u64,
    /// Without it nothing is put here, until all is absorbed.
    cipher: Option<Cipher>,
    /// Key of the filling behind it. Without it none begins before all is absorbed.
    after: Option<Cipher>,
    /// The filling before it, until it is absorbed.
    older: Option<Older>,
    /// Session and number of the last record that waits in the present one.
    waiting: Option<(u64, u64)>,
    packer: Packer,
    /// What the packer made of what waits in it, where it could not be committed.
    made: Vec<Made>,
    /// How many rows a filling may have.
    slots: u64,
    /// How many of them the present one has used.
    next: u64,
    /// Octets of the messages that wait in it.
    octets: u64,
    /// When the oldest of them came, by the wall clock.
    since_ms: u64,
    damage: Damage,
    /// Hand-overs that waited when the store was opened.
    #[cfg(test)]
    found: usize,
    /// And the fillings that they were of.
    #[cfg(test)]
    fillings: std::collections::BTreeSet<u64>,
}

/// Hand-overs that are in the caller's transaction, and wait when it is committed.
#[must_use = "it waits once it is committed"]
pub(crate) struct Put {
    waiting: (u64, u64),
    content: Vec<(Moment, Arc<[Set]>)>,
    next: u64,
    octets: u64,
}

/// The next filling, which begins when the caller's transaction is committed.
#[must_use = "it begins once it is committed"]
pub(crate) struct Filling {
    number: u64,
    cipher: Cipher,
    after: Cipher,
}

impl Tail {
    /// Whether nothing waits, and nothing is to be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_none() && self.older.is_none() && self.damage.is_none()
    }

    /// Whether there is a key to seal with.
    pub(crate) fn has_key(&self) -> bool {
        self.cipher.is_some()
    }

    /// Octets of the messages that wait.
    pub(crate) fn octets(&self) -> u64 {
        self.older.as_ref().map_or(0, Older::octets).saturating_add(self.octets)
    }

    /// Whether it is time to absorb all that waits: it has waited for so long as records may.
    pub(crate) fn is_due(&self, now_ms: u64, delay_ms: u64) -> bool {
        let most = delay_ms.min(LONGEST_MS);
        // A clock that was set back must not hold records for as long as it was wrong.
        !self.is_empty() && now_ms.checked_sub(self.since_ms()).is_none_or(|age| age >= most)
    }

    /// How long what waits may still wait, milliseconds; `None` where nothing does.
    pub(crate) fn due_in(&self, now_ms: u64, delay_ms: u64) -> Option<u64> {
        let most = delay_ms.min(LONGEST_MS);
        // By the same clock as above.
        let age = now_ms.checked_sub(self.since_ms()).unwrap_or(most);
        (!self.is_empty()).then(|| most.saturating_sub(age))
    }

    fn since_ms(&self) -> u64 {
        self.older.as_ref().map_or(self.since_ms, Older::since_ms)
    }

    /// Whether hand-overs may be put here, as far as what they are is concerned.
    pub(crate) fn takes(&self, prepared: &[Prepared], rules: &Rules) -> bool {
        let keeps = |set: &Set| match &set.content {
            Ok(Content::Few(outline)) => rules.collect().keeps_all(&outline.summary),
            _ => false,
        };
        self.has_key()
            && prepared
                .iter()
                .all(|hand_over| hand_over.message.is_some() && hand_over.sets.iter().all(keeps))
            && prepared.iter().map(slots).sum::<u64>() <= self.slots
    }

    /// Whether the present filling has room for hand-overs.
    pub(crate) fn has_room(&self, prepared: &[&Prepared]) -> bool {
        let all = prepared.iter().map(|hand_over| slots(hand_over));
        all.fold(self.next, u64::saturating_add) <= self.slots
    }

    /// Writes hand-overs behind those that wait, in the caller's transaction.
    ///
    /// # Errors
    /// Those of the database. Nothing waits then when it is rolled back.
    pub(crate) fn put(
        &self,
        db: &Connection,
        keys: &Keys,
        session: u64,
        prepared: &[&Prepared],
        at: Moment,
    ) -> Result<Put, Error> {
        let cipher = self.cipher.as_ref().ok_or(Error::Damaged(KEY))?;
        let (start, mut octets, mut through) = (first_slot(self.filling), 0_usize, 0);
        let mut slot = start.saturating_add(self.next);
        let (mut waits, mut content) = (Vec::with_capacity(prepared.len()), Vec::new());
        let mut statement = db.prepare_cached(
            "INSERT INTO tail (slot, part) VALUES (?1, ?2) ON CONFLICT (slot) DO UPDATE SET part = excluded.part",
        )?;
        for hand_over in prepared {
            content.clear();
            [at.wall_ms, at.clock, at.lived_ms].into_iter().for_each(|time| put_varint(&mut content, time));
            content.extend_from_slice(hand_over.message.as_deref().unwrap_or_default());
            let records = by_class(&hand_over.sets);
            let head = Head::new(self.filling, content.len(), session, hand_over.first, records);
            let sealed = keys.seal_with(cipher, Place::Tail { slot, head: &head.bound() }, &content)?;
            for part in head.parts(slot, &sealed) {
                statement.execute(params![sql(slot), part.as_slice()])?;
                slot = slot.saturating_add(1);
            }
            through = hand_over.first.saturating_add(hand_over.records).saturating_sub(1);
            octets = octets.saturating_add(hand_over.octets);
            waits.push((at, Arc::clone(&hand_over.sets)));
        }
        let (next, octets) = (slot.saturating_sub(start), u64::try_from(octets).unwrap_or(u64::MAX));
        Ok(Put { waiting: (session, through), content: waits, next, octets })
    }

    /// What was put is committed.
    pub(crate) fn keep(&mut self, put: Put, now_ms: u64) {
        if self.waiting.is_none() {
            self.since_ms = now_ms;
        }
        put.content.into_iter().for_each(|(at, sets)| self.packer.add(at, sets));
        self.waiting = Some(put.waiting);
        (self.next, self.octets) = (put.next, self.octets.saturating_add(put.octets));
    }

    /// Makes segments of all that waits, in the caller's transaction, counts what of it is damaged, and replaces both keys.
    ///
    /// # Errors
    /// Those of the database; all of it then still waits.
    pub(crate) fn absorb(&mut self, db: &Connection, keys: &Keys, now_ms: u64) -> Result<Filling, Error> {
        let mut damage = self.damage;
        if let Some(older) = &mut self.older {
            older.seal(db, keys, &mut damage)?;
        }
        if let Some((session, through)) = self.waiting {
            let more = self.packer.finish()?;
            self.made.extend(more);
            seal(db, keys, session, &self.made, &mut damage.records)?;
            admit::note_committed(db, session, through)?;
        }
        if !damage.is_none() {
            // What is not what was written is not told again.
            wipe(db)?;
            damage.tell(db, now_ms)?;
        }
        let number = self.filling.saturating_add(1);
        set(db, meta::TAIL, sql(number))?;
        let (cipher, after) = (new_key(db, keys, number)?, new_key(db, keys, number.saturating_add(1))?);
        Ok(Filling { number, cipher, after })
    }

    /// What waited is in segments, and that is committed.
    pub(crate) fn begin(&mut self, filling: Filling) {
        let Filling { number, cipher, after } = filling;
        (self.filling, self.cipher, self.after) = (number, Some(cipher), Some(after));
        (self.older, self.waiting, self.next, self.octets) = (None, None, 0, 0);
        (self.made, self.damage) = (Vec::new(), Damage::default());
    }
}

#[cfg(test)]
impl Tail {
    /// How many hand-overs waited when the store was opened.
    pub(crate) fn waited(&self) -> usize {
        self.found
    }

    /// And in how many fillings.
    pub(crate) fn fillings(&self) -> usize {
        self.fillings.len()
    }

    /// How many records wait.
    pub(crate) fn records(&self) -> u64 {
        self.older.as_ref().map_or(0, Older::records) + records(&self.made) + self.packer.records()
    }
}

#[cfg(test)]
fn records(made: &[Made]) -> u64 {
    made.iter().map(|made| made.records().unwrap()).sum()
}

/// Seals what was made of hand-overs of a session; what cannot be is counted.
fn seal(
    db: &Connection,
    keys: &Keys,
    session: u64,
    made: &[Made],
    lost: &mut [u64; Class::ALL.len()],
) -> Result<(), Error> {
    for together in made.chunk_by(|one, next| one.at.clock == next.at.clock) {
        let Some(first) = together.first() else { continue };
        let mut sealing = Sealing::new(db, keys, first.at)?;
        for made in together {
            let key = admit::key(keys, session, made.like.randomised);
            if keys.has(key) {
                made.seal(&mut sealing, key)?;
            } else {
                // Damage has taken the session.
                add_of(lost, made.like.class, made.records()?);
            }
        }
        sealing.finish()?;
    }
    Ok(())
}

/// Overwrites all rows, in the caller's transaction: not even what nobody can read is left.
pub(crate) fn wipe(db: &Connection) -> Result<(), Error> {
    db.execute("UPDATE tail SET part = zeroblob(length(part)) WHERE part <> zeroblob(length(part))", [])?;
    Ok(())
}

/// How many rows a filling may have in a store of `cap` octets.
fn most(cap: u64) -> u64 {
    let part = u64::try_from(PART).unwrap_or(u64::MAX);
    (evict::budget(cap) / SHARE / FILLINGS / part).min(MOST_SLOTS)
}

/// How many rows a hand-over takes.
fn slots(hand_over: &Prepared) -> u64 {
    part::slots(hand_over.message.as_ref().map_or(0, |message| message.len()))
}

fn by_class(sets: &[Set]) -> [u32; Class::ALL.len()] {
    let mut records = [0; Class::ALL.len()];
    for set in sets {
        if let Ok(Content::Few(outline)) = &set.content {
            let count = records.iter_mut().zip(Class::ALL).find(|(_, class)| *class == outline.like.class);
            count.into_iter().for_each(|(count, _)| *count += u32::try_from(set.records).unwrap_or(u32::MAX));
        }
    }
    records
}

/// Rows of a filling of a large store, each a page of the database: 384 KiB, some five thousand records.
const MOST_SLOTS: u64 = 192;
/// And of those of a small one together, this part of what it may use.
const SHARE: u64 = 16;
/// Fillings that are there together: one that is made ready, and one into which hand-overs go.
const FILLINGS: u64 = 2;
/// A hand-over waits no longer, milliseconds, and no longer than records may wait for others in a batch.
const LONGEST_MS: u64 = 2_000;
const KEY: &str = "key of the tail";

#[cfg(test)]
mod tests;
