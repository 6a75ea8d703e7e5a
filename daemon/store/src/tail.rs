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
//! What is between two absorptions is a *filling*, under a key of its own, which is replaced in the transaction that absorbs it: what
//! is left in the rows can then be read by nobody, and whoever is erased, or has a session's key destroyed, is not in it.

use std::sync::Arc;

use headgate_record::Class;
use headgate_record::columns::Rows;
use headgate_record::codec::put_varint;
use headgate_rules::Rules;
use rusqlite::{Connection, params};

use crate::account::{self, End};
use crate::clock::Moment;
use crate::database::{add, meta, set, sql};
use crate::gather::Gather;
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::prepare::{Content, Prepared, Set};
use crate::seal::{Cipher, Place};
use crate::segment::{DAMAGED, Sealing};
use crate::{Error, admit, evict};

mod found;
mod part;

use part::{Head, PART};

/// What waits, and where the next goes.
pub(crate) struct Tail {
    filling: u64,
    /// Without it nothing is put here, until the next absorption makes one.
    cipher: Option<Cipher>,
    waiting: Vec<Waiting>,
    /// How many rows there may be.
    slots: u64,
    /// The first that this filling has not used.
    next: u64,
    /// Octets of the messages that wait.
    octets: u64,
    /// When the oldest of them came, by the wall clock.
    since_ms: u64,
    /// Rows that were not what was written, and are not told yet.
    unsound: u64,
}

/// A hand-over that waits.
struct Waiting {
    session: u64,
    first: u64,
    /// How many records of each class, in the order of `Class::ALL`.
    records: [u32; Class::ALL.len()],
    /// When it was taken, and its sets; `None` where it does not open.
    content: Option<(Moment, Arc<[Set]>)>,
}

/// Hand-overs that are in the caller's transaction, and wait when it is committed.
#[must_use = "it waits once it is committed"]
pub(crate) struct Put {
    waiting: Vec<Waiting>,
    next: u64,
    octets: u64,
}

/// The next filling, which begins when the caller's transaction is committed.
#[must_use = "it begins once it is committed"]
pub(crate) struct Filling {
    number: u64,
    cipher: Cipher,
}

impl Tail {
    /// Whether nothing waits, and nothing is to be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.unsound == 0
    }

    /// Whether there is a key to seal with.
    pub(crate) fn has_key(&self) -> bool {
        self.cipher.is_some()
    }

    /// Octets of the messages that wait.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether it is time to absorb what waits: there is much of it, or it has waited for so long as records may.
    pub(crate) fn is_due(&self, now_ms: u64, delay_ms: u64) -> bool {
        let most = delay_ms.min(LONGEST_MS);
        // A clock that was set back must not hold records for as long as it was wrong.
        let is_old = || now_ms.checked_sub(self.since_ms).is_none_or(|age| age >= most);
        !self.is_empty() && (self.slots.saturating_sub(self.next) < LARGEST || is_old())
    }

    /// Whether hand-overs may be put here, as far as what they are is concerned.
    pub(crate) fn takes(&self, prepared: &[Prepared], rules: &Rules) -> bool {
        let keeps = |set: &Set| match &set.content {
            Ok(Content::Few(outline)) => rules.collect().keeps_all(&outline.summary),
            _ => false,
        };
        self.has_key()
            && prepared.iter().all(|hand_over| hand_over.packed.is_some() && hand_over.sets.iter().all(keeps))
            && prepared.iter().map(slots).sum::<u64>() <= self.slots
    }

    /// Whether this filling has room for hand-overs.
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
        let mut put = Put { waiting: Vec::with_capacity(prepared.len()), next: self.next, octets: 0 };
        let mut content = Vec::new();
        for hand_over in prepared {
            content.clear();
            [at.wall_ms, at.clock, at.lived_ms].into_iter().for_each(|time| put_varint(&mut content, time));
            content.extend_from_slice(hand_over.packed.as_deref().unwrap_or_default());
            let records = by_class(&hand_over.sets);
            let head = Head::new(self.filling, content.len(), session, hand_over.first, records);
            let place = Place::Tail { slot: put.next, head: &head.bound() };
            let sealed = keys.seal_with(cipher, place, &content)?;
            let mut statement = db.prepare_cached(
                "INSERT INTO tail (slot, part) VALUES (?1, ?2) ON CONFLICT (slot) DO UPDATE SET part = excluded.part",
            )?;
            for part in head.parts(put.next, &sealed) {
                statement.execute(params![sql(put.next), part.as_slice()])?;
                put.next = put.next.saturating_add(1);
            }
            let (first, sets) = (hand_over.first, Arc::clone(&hand_over.sets));
            put.waiting.push(Waiting { session, first, records, content: Some((at, sets)) });
            put.octets = put.octets.saturating_add(u64::try_from(hand_over.octets).unwrap_or(u64::MAX));
        }
        Ok(put)
    }

    /// What was put is committed.
    pub(crate) fn keep(&mut self, put: Put, now_ms: u64) {
        if self.is_empty() {
            self.since_ms = now_ms;
        }
        self.waiting.extend(put.waiting);
        (self.next, self.octets) = (put.next, self.octets.saturating_add(put.octets));
    }

    /// Makes segments of all that waits, in the caller's transaction, counts what of it is damaged, and replaces the key.
    ///
    /// # Errors
    /// Those of the database; all of it then still waits.
    pub(crate) fn absorb(&self, db: &Connection, keys: &Keys, now_ms: u64) -> Result<Filling, Error> {
        let mut lost = [0_u64; Class::ALL.len()];
        if let Some(Waiting { session, first, .. }) = self.waiting.first() {
            let before = match admit::committed(db, *session) {
                // Damage has taken the session: what waits is as good as before.
                Err(Error::EndedSession) => first.saturating_sub(1),
                before => before?,
            };
            let through = self.seal(db, keys, before, &mut lost)?;
            admit::note_committed(db, *session, through)?;
        }
        self.tell(db, &lost, now_ms)?;
        let number = self.filling.saturating_add(1);
        let wrapped = keys.new_tail_key(number)?;
        let cipher = keys.tail_cipher(number, &wrapped)?;
        set(db, meta::TAIL, sql(number))?;
        set(db, meta::TAIL_KEY, wrapped)?;
        Ok(Filling { number, cipher })
    }

    /// What waited is in segments, and that is committed.
    pub(crate) fn begin(&mut self, filling: Filling) {
        let Filling { number, cipher } = filling;
        let (slots, waiting) = (self.slots, Vec::new());
        *self = Tail {
            filling: number,
            cipher: Some(cipher),
            waiting,
            slots,
            next: 0,
            octets: 0,
            since_ms: 0,
            unsound: 0,
        };
    }

    /// Seals what is behind the records up to `through`; gives the number of the last one.
    fn seal(
        &self,
        db: &Connection,
        keys: &Keys,
        mut through: u64,
        lost: &mut [u64; Class::ALL.len()],
    ) -> Result<u64, Error> {
        let mut open: Option<(u64, Sealing<'_>, Gather)> = None;
        for waiting in &self.waiting {
            let last = waiting.last();
            if last <= through {
                continue;
            }
            // Of those that are missing before it nobody knows what they were: as a rule, of the class of most.
            lost_of(lost, Class::Bulk, waiting.first.saturating_sub(through.saturating_add(1)));
            through = last;
            let Some((at, sets)) = &waiting.content else {
                waiting.count(lost);
                continue;
            };
            if open.as_ref().is_some_and(|(clock, ..)| *clock != at.clock) {
                finish(open.take())?;
            }
            let (_, sealing, gather) = match &mut open {
                Some(open) => open,
                none => none.insert((at.clock, Sealing::new(db, keys, *at)?, Gather::default())),
            };
            for set in sets.iter() {
                match &set.content {
                    Ok(Content::Few(outline) | Content::Whole(outline, _)) => {
                        let key = admit::key(keys, waiting.session, outline.like.randomised);
                        if keys.has(key) {
                            gather.add(sealing, key, outline.like, &set.columns)?;
                        } else {
                            lost_of(lost, outline.like.class, set.records);
                        }
                    }
                    Ok(Content::Mixed) => {
                        gather.flush(sealing)?;
                        let push = |record| sealing.push(keys.present(), &record?);
                        Rows::new(&set.columns)?.try_for_each(push)?;
                    }
                    Err(reason) => account::add(db, End::Malformed, reason, set.records)?,
                }
            }
        }
        finish(open).map(|()| through)
    }

    /// Counts and tells what is damaged.
    fn tell(&self, db: &Connection, lost: &[u64; Class::ALL.len()], now_ms: u64) -> Result<(), Error> {
        let records = lost.iter().fold(0, |sum: u64, records| sum.saturating_add(*records));
        if self.unsound == 0 && records == 0 {
            return Ok(());
        }
        for (class, records) in Class::ALL.into_iter().zip(lost) {
            account::add(db, End::Lost(class), DAMAGED, *records)?;
        }
        let rows = self.unsound;
        log::error!(event = "tail_damaged"; "of what waited for a segment {rows} rows are not what was written, and {records} records are lost");
        add(db, meta::UNSOUND, rows)?;
        // What is no part of anything is not told again.
        wipe(db)?;
        ledger::append(db, &Event::TailDamaged { rows, records }, now_ms)
    }
}

impl Waiting {
    fn last(&self) -> u64 {
        let records = self.records.iter().fold(0, |sum: u64, records| sum.saturating_add((*records).into()));
        self.first.saturating_add(records).saturating_sub(1)
    }

    fn count(&self, lost: &mut [u64; Class::ALL.len()]) {
        Class::ALL.into_iter().zip(self.records).for_each(|(class, records)| lost_of(lost, class, records.into()));
    }
}

/// Overwrites all rows, in the caller's transaction: not even what nobody can read is left.
pub(crate) fn wipe(db: &Connection) -> Result<(), Error> {
    db.execute("UPDATE tail SET part = zeroblob(length(part)) WHERE part <> zeroblob(length(part))", [])?;
    Ok(())
}

/// How many rows there may be in a store of `cap` octets.
fn most(cap: u64) -> u64 {
    let part = u64::try_from(PART).unwrap_or(u64::MAX);
    (evict::budget(cap) / SHARE / part).min(MOST_SLOTS)
}

/// How many rows a hand-over takes.
fn slots(hand_over: &Prepared) -> u64 {
    part::slots(hand_over.packed.as_ref().map_or(0, |packed| packed.len()))
}

fn by_class(sets: &[Set]) -> [u32; Class::ALL.len()] {
    let mut records = [0; Class::ALL.len()];
    for set in sets {
        if let Ok(Content::Few(outline) | Content::Whole(outline, _)) = &set.content {
            let count = records.iter_mut().zip(Class::ALL).find(|(_, class)| *class == outline.like.class);
            count.into_iter().for_each(|(count, _)| *count += u32::try_from(set.records).unwrap_or(u32::MAX));
        }
    }
    records
}

fn lost_of(lost: &mut [u64; Class::ALL.len()], class: Class, records: u64) {
    let count = lost.iter_mut().zip(Class::ALL).find(|(_, of)| *of == class);
    count.into_iter().for_each(|(count, _)| *count = count.saturating_add(records));
}

fn finish(open: Option<(u64, Sealing<'_>, Gather)>) -> Result<(), Error> {
    let Some((_, mut sealing, mut gather)) = open else { return Ok(()) };
    gather.flush(&mut sealing)?;
    sealing.finish()
}

/// Rows of a large store, each a page of the database: half a MiB, some ten thousand records.
const MOST_SLOTS: u64 = 256;
/// And of a small one, this part of what it may use.
const SHARE: u64 = 16;
/// Rows that a hand-over takes at most, as a rule: where fewer are left, it is time to absorb what waits.
const LARGEST: u64 = 8;
/// A hand-over waits no longer, milliseconds, and no longer than records may wait for others in a batch.
const LONGEST_MS: u64 = 2_000;
const KEY: &str = "key of the tail";
