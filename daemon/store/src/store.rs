//! An open store: the rooms put together, one transaction for each thing asked of it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use headgate_record::subject::{Action, Who};
use headgate_record::{Class, Kind};
use headgate_rules::Rules;
use headgate_service::config as files;
use rusqlite::{Connection, Transaction};
use serde_json::Value;

use crate::admit;
use crate::ballast::Ballast;
use crate::clock::{Clock, Reading};
use crate::config::Settings;
use crate::database::{self, Checkpoint, Database, begin};
use crate::identity::mend::mend_index;
use crate::keys::{Keys, Rotation};
use crate::ledger::{self, Event};
use crate::master::MasterKey;
use crate::outbox::{self, Refusal};
use crate::recipient::Recipient;
use crate::tail::{self, Tail};
use crate::{Error, OpenError, buffer, evict, keeper, kept, release, requests, segment, sign, subject};

mod carrying;
mod expiry;
mod opening;
mod recovery;
mod waiting;

use expiry::Expiry;

/// A store that is open. It belongs to one thread.
pub(crate) struct Store {
    database: Database,
    keys: Keys,
    settings: Settings,
    rules: Rules,
    rules_refused: Option<String>,
    /// Where batches are made, for whom.
    recipient: Option<Recipient>,
    /// What was deleted may still be in the WAL.
    checkpoint_due: bool,
    /// Segments of an earlier format may be left.
    converting: bool,
    ballast: Ballast,
    /// The file system is full: the database does with the pages that it has.
    is_tight: bool,
    clock: Clock,
    tail: Tail,
    /// The last committed record of a session, with what waits in the tail; `None` where that has to be looked up.
    committed: Option<(u64, u64)>,
    /// When it was looked for what is too old.
    expiry: Expiry,
    /// When a database that was in use was found damaged.
    anew_ms: Option<u64>,
    /// When its indexes were built anew.
    reindexed_ms: Option<u64>,
    /// Held as long as the store is open.
    _lock: Option<File>,
}

impl Store {
    /// Makes a sensor's session the present one. Gives the store's number for it and the number of its
    /// last committed record. What was kept for another session only is gone from the file afterwards.
    pub(crate) fn greet(&mut self, id: [u8; 16], now_ms: u64) -> Result<(u64, u64), Error> {
        self.absorb(now_ms)?;
        self.committed = None;
        let transaction = begin(&mut self.database.connection)?;
        let greeting = admit::greet(&transaction, &self.keys, id, now_ms)?;
        if greeting.destroyed {
            tail::wipe(&transaction)?;
        }
        commit(transaction, &self.keys)?;
        self.keys.reload(&self.database.connection)?;
        if greeting.destroyed {
            self.checkpoint()?;
        }
        Ok((greeting.session, greeting.committed))
    }

    /// Makes a batch when one is due. Gives whether it did.
    pub(crate) fn release_if_due(&mut self, now_ms: u64) -> Result<bool, Error> {
        self.absorb_what_is_due(now_ms)?;
        let db = &mut self.database.connection;
        if !self.settings.has_receiver || !release::is_due(db, &self.settings, now_ms)? {
            return Ok(false);
        }
        let (_, _, octets) = outbox::totals(db)?;
        if octets > self.settings.cap / OUTBOX_SHARE {
            return Ok(false);
        }
        let transaction = begin(db)?;
        release::release(&transaction, &self.keys, &self.rules, &self.settings, self.database.epoch, now_ms)?;
        let evicted = evict::make_room_for_batch(&transaction, &self.keys, self.settings.cap, now_ms)?;
        ledger::prune(&transaction, self.settings.cap, now_ms)?;
        commit(transaction, &self.keys)?;
        evicted.tell();
        Ok(true)
    }

    /// How long nothing becomes due by itself that has not been done, so that a store at rest costs next to nothing.
    pub(crate) fn rest(&self, now_ms: u64) -> Result<Duration, Error> {
        let db = &self.database.connection;
        if self.expiry.is_unfinished() {
            return Ok(Duration::ZERO);
        }
        let is_at_work = self.converting || self.checkpoint_due || self.is_tight || self.expiry.is_at_work();
        if is_at_work || database::allocated(db)? > evict::budget(self.settings.cap) {
            return Ok(SHORTEST_REST);
        }
        let delay_ms = u64::try_from(self.settings.batch_delay.as_millis()).unwrap_or(u64::MAX);
        let of_records =
            if self.settings.has_receiver { release::due_in(db, delay_ms, now_ms)? } else { None };
        let due = self.tail.due_in(now_ms, delay_ms).into_iter().chain(of_records).min();
        Ok(match due {
            // It was due, and could not be done: the outbox is full, for example.
            Some(0) => SHORTEST_REST,
            Some(ms) => Duration::from_millis(ms).min(LONGEST_REST),
            None => LONGEST_REST,
        })
    }

    /// The oldest batch that waits for a receipt, not sealed to anybody yet.
    pub(crate) fn next_batch(&mut self, now_ms: u64) -> Result<Option<Vec<u8>>, Error> {
        let transaction = begin(&mut self.database.connection)?;
        let batch = outbox::next(&transaction, &self.keys, now_ms)?;
        commit(transaction, &self.keys)?;
        Ok(batch)
    }

    /// Deletes a batch against its receipt, or says why not.
    pub(crate) fn accept(&mut self, receipt: &[u8], now_ms: u64) -> Result<Result<u64, Refusal>, Error> {
        let Store { settings, keys, rules, recipient, .. } = self;
        let (key, epoch) = (recipient.as_ref().map(|recipient| &recipient.receipts), self.database.epoch);
        let transaction = begin(&mut self.database.connection)?;
        let verdict = outbox::accept(&transaction, keys, settings, epoch, key, receipt, now_ms)?;
        if verdict.is_ok() {
            requests::receive(&transaction, keys, rules, receipt, now_ms)?;
        }
        commit(transaction, keys)?;
        Ok(verdict)
    }

    /// Reads the rules again. Rules that cannot be used change nothing but [`Store::rules_refused`].
    pub(crate) fn reload_rules(&mut self, now_ms: u64) -> Result<(), Error> {
        // Under the rules by which it was taken.
        self.absorb(now_ms)?;
        match read_rules(&self.settings.rules) {
            Ok(rules) => {
                self.rules = rules;
                self.rules_refused = None;
                log::info!(event = "rules_reloaded"; "rules read again");
                self.note_rules(now_ms)
            }
            Err(error) => {
                let refused = headgate_service::exit::chain(&error);
                log::error!(event = "rules_refused"; "the rules stay as they were: {refused}");
                self.rules_refused = Some(refused);
                Ok(())
            }
        }
    }

    /// Answers about one person, and does what is asked, on a full file system too. What was erased or set right is gone from the WAL too when this
    /// returns, unless somebody who reads the database at the time prevents it: then it is as soon as they have ended.
    pub(crate) fn subject(&mut self, who: &Who, action: &Action, now_ms: u64) -> Result<Value, Error> {
        let mut answer = self.with_room(|store, target| store.subject_once(who, action, target, now_ms))?;
        if !matches!(action, Action::Erase | Action::Correct { .. }) {
            return Ok(answer);
        }
        // It is done, whatever becomes of the WAL now.
        if self.checkpoint().is_err() {
            self.checkpoint_due = true;
        }
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("wal_cut".into(), (!self.checkpoint_due).into());
        }
        Ok(answer)
    }

    /// As [`Store::subject`], with the database shrunk: who was found before is who it is about.
    fn subject_once(
        &mut self,
        who: &Who,
        action: &Action,
        target: Option<u64>,
        now_ms: u64,
    ) -> Result<Value, Error> {
        self.absorb_within(target, now_ms)?;
        let Store { database, keys, rules, .. } = self;
        let transaction = begin(&mut database.connection)?;
        let answer = match action {
            Action::Find => return subject::answer(&transaction, keys, who, action),
            Action::Export { after, .. } => {
                let page = subject::answer(&transaction, keys, who, action)?;
                if *after == 0 {
                    ledger::append(&transaction, &Event::SubjectExported, now_ms)?;
                }
                commit(transaction, keys)?;
                return Ok(page);
            }
            Action::Correct { field, value } => {
                shrink_to(&transaction, keys, target, now_ms)?;
                tail::wipe(&transaction)?;
                let mut subject = subject::one(&transaction, keys, who)?;
                subject::correct::correct(&transaction, keys, &mut subject, field, value, now_ms)
            }
            Action::Erase => {
                let subject = match subject::one(&transaction, keys, who) {
                    Err(Error::NobodyFound) => None,
                    found => Some(found?),
                };
                shrink_to(&transaction, keys, target, now_ms)?;
                tail::wipe(&transaction)?;
                match subject {
                    Some(subject) => subject::erase::erase(&transaction, keys, rules, &subject, now_ms),
                    None => subject::erase::erase_absent(&transaction, keys, rules, who, now_ms),
                }
            }
        };
        answer
            .and_then(|answer| commit(transaction, keys).map(|()| answer))
            .inspect_err(|_| keys.identities().forget())
    }

    /// Begins a new epoch of some of the keys.
    pub(crate) fn rotate(&mut self, rotation: Rotation, now_ms: u64) -> Result<(), Error> {
        self.with_room(|store, target| store.rotate_once(rotation, target, now_ms))
    }

    fn rotate_once(&mut self, rotation: Rotation, target: Option<u64>, now_ms: u64) -> Result<(), Error> {
        self.absorb_within(target, now_ms)?;
        let transaction = begin(&mut self.database.connection)?;
        shrink_to(&transaction, &self.keys, target, now_ms)?;
        self.keys.rotate(&transaction, rotation, now_ms)?;
        ledger::append(&transaction, &Event::KeysRotated { which: rotation.name() }, now_ms)?;
        commit(transaction, &self.keys)?;
        self.keys.reload(&self.database.connection)?;
        self.checkpoint()?;
        Ok(())
    }

    /// What has to be done from time to time: the next key epoch, free pages beyond the cap, and a
    /// checkpoint that somebody prevented.
    pub(crate) fn maintain(&mut self, now_ms: u64) -> Result<(), Error> {
        self.absorb_what_is_due(now_ms)?;
        if self.keys.is_rotation_due(now_ms) {
            self.rotate(Rotation::All, now_ms)?;
        }
        let reading = Reading::now(now_ms);
        if self.clock.is_due(&reading) {
            let transaction = begin(&mut self.database.connection)?;
            let at = self.clock.observe(&transaction, &reading)?;
            kept::keep_up(&transaction)?;
            transaction.commit()?;
            self.expire(at)?;
        }
        if self.converting {
            let transaction = begin(&mut self.database.connection)?;
            let more = self
                .clock
                .observe(&transaction, &reading)
                .and_then(|at| segment::convert(&transaction, &self.keys, CONVERTED, at));
            let more = more.and_then(|more| commit(transaction, &self.keys).map(|()| more));
            self.converting = more.inspect_err(|_| self.keys.identities().forget())?;
            self.checkpoint_due |= !self.converting;
        }
        self.take_ballast()?;
        if database::allocated(&self.database.connection)? > evict::budget(self.settings.cap) {
            database::vacuum(&self.database.connection)?;
            self.checkpoint_due = true;
        }
        if self.checkpoint_due {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// A transaction was rolled back: what was known of it is not so.
    fn undone(&mut self, now_ms: u64) {
        self.keys.identities().forget();
        // Where the database cannot even be read, the next transaction says so.
        if let Ok(clock) = Clock::load(&self.database.connection, &Reading::now(now_ms)) {
            self.clock = clock;
        }
    }

    /// Wraps all keys under the master key that lies beside the present one, in one transaction: a crash at any moment
    /// leaves one of the two that opens the store, and [`Store::open`] tries both.
    pub(crate) fn rotate_master(&mut self, now_ms: u64) -> Result<(), Error> {
        self.absorb(now_ms)?;
        let next = MasterKey::read_next(&self.settings.credentials)
            .map_err(|error| Error::NextKey(Box::new(error)))?;
        let transaction = begin(&mut self.database.connection)?;
        ledger::append(&transaction, &Event::KeysRotated { which: MASTER }, now_ms)?;
        // Signed while the ledger's key still opens: it is wrapped anew with the others.
        sign::sign(&transaction, &self.keys)?;
        self.keys.rewrap(&transaction, &next)?;
        transaction.commit()?;
        self.keys = Keys::load(&self.database.connection, &next, self.database.id, now_ms)?;
        // Not even wrapped keys under the old one are left.
        self.checkpoint()?;
        Ok(())
    }

    /// Deletes the next segments of a class that were sealed before a time, or counts all of them; see [`buffer::purge`].
    pub(crate) fn purge(
        &mut self,
        class: Option<Class>,
        before_ms: u64,
        count_only: bool,
        now_ms: u64,
    ) -> Result<Value, Error> {
        self.absorb(now_ms)?;
        let transaction = begin(&mut self.database.connection)?;
        let purged = buffer::purge(&transaction, &self.keys, class, before_ms, count_only, now_ms);
        let purged = purged
            .and_then(|purged| commit(transaction, &self.keys).map(|()| purged))
            .inspect_err(|_| self.keys.identities().forget())?;
        if !count_only {
            self.keys.reload(&self.database.connection)?;
            self.checkpoint_due = true;
        }
        Ok(purged)
    }

    /// Takes records out, and writes that down at the first of them; see [`buffer::export`].
    pub(crate) fn export(
        &mut self,
        kind: Option<Kind>,
        after: u64,
        taken: u32,
        now_ms: u64,
    ) -> Result<Value, Error> {
        self.absorb(now_ms)?;
        if (after, taken) == (0, 0) {
            let transaction = begin(&mut self.database.connection)?;
            let event = Event::Exported { kind: kind.map_or("all", Kind::name) };
            ledger::append(&transaction, &event, now_ms)?;
            commit(transaction, &self.keys)?;
        }
        buffer::export(&self.database.connection, &self.keys, kind, after, taken)
    }

    /// Verifies the segments behind one; at the end, whether one has vanished since the last look, and the store's own values.
    pub(crate) fn verify(&mut self, after: u64, now_ms: u64) -> Result<Value, Error> {
        self.absorb(now_ms)?;
        let verified = buffer::verify(&self.database.connection, &self.keys, after)?;
        if verified.get("next").is_none_or(Value::is_null) {
            segment::note_missing(&self.database.connection)?;
            opening::note_unsound(&mut self.database, &self.keys, now_ms)?;
            let transaction = begin(&mut self.database.connection)?;
            let at = self.clock.observe(&transaction, &Reading::now(now_ms))?;
            mend_index(&transaction, &self.keys, at)?;
            commit(transaction, &self.keys)?;
            while self.mend(at)? {}
        }
        Ok(verified)
    }

    /// Moves the WAL into the database and closes it.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        // What waits is on disk: where there is no room now, it is absorbed when the store is opened next.
        let _ = self.absorb_within(None, keeper::now_ms());
        database::checkpoint(&self.database.connection, Checkpoint::Cut)?;
        self.database.connection.close().map_err(|(_, error)| error.into())
    }

    /// The database, for reading.
    pub(crate) fn connection(&self) -> &Connection {
        &self.database.connection
    }

    /// Epoch of the batches.
    pub(crate) fn epoch(&self) -> u64 {
        self.database.epoch
    }

    /// The keys.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Why the rules that lie on disk now are not in force, if they are not.
    pub(crate) fn rules_refused(&self) -> Option<&str> {
        self.rules_refused.as_deref()
    }

    /// Makes room for a hand-over of so many octets, step by step.
    ///
    /// # Errors
    /// [`Error::Full`] when all that may be given up is given up.
    fn make_room(&mut self, octets: u64, now_ms: u64) -> Result<(), Error> {
        let cap = self.settings.cap;
        let Some(target) = evict::target(&self.database.connection, cap, octets)? else { return Ok(()) };
        while self.give_up(target, now_ms)? {}
        let is_short = evict::target(&self.database.connection, cap, octets)?.is_some();
        if is_short { Err(Error::Full) } else { Ok(()) }
    }

    /// Gives up what brings the database closer to so many octets. Gives whether there is more to give up.
    fn give_up(&mut self, target: u64, now_ms: u64) -> Result<bool, Error> {
        if database::used(&self.database.connection)? <= target {
            return Ok(false);
        }
        let transaction = begin(&mut self.database.connection)?;
        let evicted = evict::toward(&transaction, &self.keys, target, now_ms);
        let evicted = evicted
            .and_then(|evicted| commit(transaction, &self.keys).map(|()| evicted))
            .inspect_err(|_| self.keys.identities().forget())?;
        evicted.tell();
        Ok(!evicted.is_nothing())
    }
}

/// Makes room in a transaction where that is asked for.
fn shrink_to(db: &Transaction<'_>, keys: &Keys, target: Option<u64>, now_ms: u64) -> Result<(), Error> {
    target.map_or(Ok(()), |target| evict::toward(db, keys, target, now_ms).map(drop))
}

/// Commits, with the ledger signed.
fn commit(transaction: Transaction<'_>, keys: &Keys) -> Result<(), Error> {
    sign::sign(&transaction, keys)?;
    Ok(transaction.commit()?)
}

fn read_rules(path: &Path) -> Result<Rules, OpenError> {
    let files: Vec<_> = files::read_with_drop_ins(path)?
        .into_iter()
        .map(|(file, text)| (file.display().to_string(), text))
        .collect();
    Ok(Rules::parse_with_lists(&files, &|name| files::read_list(path, name))?.0)
}

/// No more batches are made while the outbox takes this part of the cap: what waits as segments is
/// given up by class when room is short, what waits in the outbox is not.
const OUTBOX_SHARE: u64 = 4;
/// Longest time without looking whether something is due: while there is work, and otherwise.
pub(crate) const SHORTEST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(12);
/// The name of the master key in the ledger.
const MASTER: &str = "master";
/// Segments of an earlier format that are converted at a time.
const CONVERTED: u32 = 16;
