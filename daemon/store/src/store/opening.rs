//! Opening a store, whatever state it was left in.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use headgate_record::Class;
use headgate_rules::Rules;
use headgate_service::credential;
use headgate_service::exit::{self, Exit};
use rusqlite::Connection;

use super::expiry::Expiry;
use super::{Store, commit, read_rules};
use crate::account::{self, End};
use crate::ballast::Ballast;
use crate::clock::{self, Clock, Reading};
use crate::config::Settings;
use crate::database::aside::{self, Latest};
use crate::database::contents::Counts;
use crate::database::{self, Database, add, begin, contents, get, get_number, last_id, meta, set, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::master::MasterKey;
use crate::recipient::Recipient;
use crate::release::{self, Cursor};
use crate::subject::erase;
use crate::tail::Tail;
use crate::{Error, OpenError, checksum, error, evict, kept, segment};

impl Store {
    /// Opens the store that the settings name, and makes its database where there is none.
    ///
    /// # Errors
    /// Any [`OpenError`]; what existed is then unchanged. A database that is damaged beyond opening is none: it is set aside.
    pub(crate) fn open(settings: Settings, now_ms: u64) -> Result<Store, OpenError> {
        let file = settings.database();
        Store::begin(settings, now_ms).map_err(|error| error.about(file))
    }

    fn begin(settings: Settings, now_ms: u64) -> Result<Store, OpenError> {
        let lock = lock(&settings.lock())?;
        let rules = read_rules(&settings.rules)?;
        let is_sealed = settings.has_receiver && !settings.has_collector;
        let recipient = is_sealed.then(|| Recipient::read(&settings)).transpose()?;
        let assemble = || Store::assemble(settings.clone(), rules.clone(), recipient.clone(), now_ms);
        let mut assembled = assemble();
        if let Err(OpenError::Database(Error::Database(error))) = &assembled
            && error::is_damage(error)
            && database::mend(&settings.database())
        {
            assembled = assemble().and_then(|mut store| {
                store.note_reindexed(now_ms)?;
                Ok(store)
            });
        }
        let mut store = match assembled {
            Err(OpenError::Database(error)) if error.code() == exit::DATA => {
                Store::aside(settings, rules, recipient, &error, now_ms)?
            }
            assembled => assembled?,
        };
        store._lock = Some(lock);
        Ok(store)
    }

    /// A store on a new database; the one that failed lies aside. What comes in from now on is kept.
    pub(super) fn aside(
        settings: Settings,
        rules: Rules,
        recipient: Option<Recipient>,
        failed: &Error,
        now_ms: u64,
    ) -> Result<Store, OpenError> {
        aside::set_aside(&settings, now_ms)?;
        log::error!(event = "database_set_aside"; "the database cannot be used, lies aside, and another begins: {}", exit::chain(failed));
        Store::assemble(settings, rules, recipient, now_ms)
    }

    fn assemble(
        settings: Settings,
        rules: Rules,
        recipient: Option<Recipient>,
        now_ms: u64,
    ) -> Result<Store, OpenError> {
        let master = MasterKey::read(&settings.credentials)?;
        let mut ballast = Ballast::of(&settings.directory);
        let open = || {
            let (mut database, keys) = open(&settings, &master, now_ms)?;
            // Before anything is made of them.
            note_unsound(&mut database, &keys, now_ms)?;
            let clock = Clock::load(&database.connection, &Reading::now(now_ms))?;
            Ok((database, keys, clock))
        };
        let (database, keys, clock) = match open() {
            Err(OpenError::Database(error)) if error::is_disk_full(&error) && ballast.give_up() => open()?,
            opened => opened?,
        };
        let tail = Tail::load(&database.connection, &keys, settings.cap)?;
        let (rules_refused, checkpoint_due) = (None, true);
        let mut store = Store {
            database,
            keys,
            settings,
            rules,
            rules_refused,
            recipient,
            checkpoint_due,
            converting: true,
            ballast,
            is_tight: false,
            clock,
            tail,
            committed: None,
            expiry: Expiry::default(),
            anew_ms: None,
            reindexed_ms: None,
            _lock: None,
        };
        store.ballast.take();
        match store.begin_work(now_ms) {
            Err(error) if error::is_disk_full(&error) => {
                store.make_way(now_ms)?;
                store.begin_work(now_ms)?;
            }
            begun => begun?,
        }
        Ok(store)
    }

    /// Writes down that the database before this one lies aside, and counts what is lost with it; not with its setting aside, which power may be
    /// cut behind.
    fn note_aside(&mut self, now_ms: u64) -> Result<(), Error> {
        let Ok(Some(Latest { path, at_ms, octets })) = aside::latest(&self.settings) else { return Ok(()) };
        if get_number(&self.database.connection, meta::ASIDE)? >= at_ms {
            return Ok(());
        }
        let counts = self.count_aside(&path)?;
        let Some(counts) = counts else { return Ok(()) };
        let transaction = begin(&mut self.database.connection)?;
        set(&transaction, meta::ASIDE, sql(at_ms))?;
        set(&transaction, meta::COUNTING, 0)?;
        for (class, records) in Class::ALL.into_iter().zip(counts.unwrap_or_default()) {
            account::add(&transaction, End::Lost(class), SET_ASIDE, records)?;
        }
        let records =
            counts.map(|counts| counts.iter().fold(0, |sum: u64, records| sum.saturating_add(*records)));
        ledger::append(&transaction, &Event::SetAside { octets, records }, now_ms)?;
        commit(transaction, &self.keys)
    }

    /// Counts what is lost with a database that was set aside; `None` where that cannot be done now. Nobody knows where the process has ended each
    /// time that it read it: a bad disk may hold it for so long that it is killed.
    fn count_aside(&mut self, path: &Path) -> Result<Option<Option<Counts>>, Error> {
        let db = &self.database.connection;
        let tried = get_number(db, meta::COUNTING)?;
        if tried >= MOST_TRIES {
            log::error!(event = "set_aside_unknown"; "how many records are lost with {} is not known: it could not be read to its end", path.display());
            return Ok(Some(None));
        }
        set(db, meta::COUNTING, sql(tried.saturating_add(1)))?;
        let counts = contents::without_receipt(path);
        if let Err(error) = &counts {
            set(db, meta::COUNTING, sql(tried))?;
            if !error::is_disk_full(error) {
                log::warn!(event = "set_aside_unread"; "{} cannot be read now, and is counted later: {}", path.display(), exit::chain(error));
                return Ok(None);
            }
        }
        Ok(Some(Some(counts?)))
    }

    /// Writes down that the indexes of the database were damaged.
    pub(super) fn note_reindexed(&mut self, now_ms: u64) -> Result<(), Error> {
        log::error!(event = "reindexed"; "an index of the database was damaged: all were built anew from their tables, and nothing is lost by that");
        let transaction = begin(&mut self.database.connection)?;
        ledger::append(&transaction, &Event::Reindexed, now_ms)?;
        commit(transaction, &self.keys)
    }

    fn begin_work(&mut self, now_ms: u64) -> Result<(), Error> {
        self.absorb_within(None, now_ms)?;
        segment::note_missing(&self.database.connection)?;
        erase::tell_again(&self.database.connection)?;
        self.note_aside(now_ms)?;
        self.note_rules(now_ms)?;
        // To a cap that was lowered.
        let budget = evict::budget(self.settings.cap);
        while self.give_up(budget, now_ms)? {
            self.checkpoint()?;
        }
        Ok(())
    }

    pub(super) fn note_rules(&mut self, now_ms: u64) -> Result<(), Error> {
        let digest = self.rules.digest();
        let transaction = begin(&mut self.database.connection)?;
        if get::<[u8; 32]>(&transaction, meta::RULES)? != Some(digest) {
            set(&transaction, meta::RULES, digest)?;
            ledger::append(&transaction, &Event::Rules { digest }, now_ms)?;
        }
        commit(transaction, &self.keys)
    }
}

/// Values of the store's own that are not what was set: of one flipped bit they are set right; of others they cannot be as a rule, but are told,
/// and nothing stands still for them.
pub(super) fn note_unsound(database: &mut Database, keys: &Keys, now_ms: u64) -> Result<(), Error> {
    let transaction = begin(&mut database.connection)?;
    let now_mended = checksum::mend::mend(&transaction)?;
    let unsound = checksum::unsound(&transaction)?;
    let mended = now_mended.saturating_add(database.mended);
    let values = unsound.rows.saturating_add(mended);
    if values == 0 {
        return Ok(());
    }
    log::error!(event = "values_unsound"; "values of the store's own that were not what was set: {values}, set right: {mended}; where that is fewer, counts may be wrong");
    checksum::accept(&transaction)?;
    // One that is not there any more may be there under another name.
    let is_wrong = |name: &str| {
        let is_named = unsound.singles.iter().any(|single| single == name);
        unsound.rows > 0 && (is_named || !exists(&transaction, name))
    };
    if is_wrong(meta::SEQUENCE) {
        release::set_sequence_right(&transaction)?;
    }
    if is_wrong(meta::EPOCH) {
        release::set_epoch_right(&transaction, keys)?;
    }
    if is_wrong(meta::LIVED) {
        clock::set_right(&transaction, keys)?;
    }
    if is_wrong(meta::KEPT) {
        kept::forget(&transaction)?;
    }
    if is_wrong(meta::UNSOUND) {
        set(&transaction, meta::UNSOUND, 0)?;
    }
    Cursor::load(&transaction)?.within(last_id(&transaction, "segment")?).store(&transaction)?;
    // Others are among them already.
    add(&transaction, meta::UNSOUND, values.saturating_sub(database.mended))?;
    ledger::append(&transaction, &Event::Unsound { values, mended }, now_ms)?;
    commit(transaction, keys)?;
    database.mended = 0;
    database.epoch = get_number(&database.connection, meta::EPOCH)?;
    Ok(())
}

fn exists(db: &Connection, name: &str) -> bool {
    db.query_row("SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?1)", [name], |r| r.get(0)).unwrap_or(true)
}

/// Opens the database with the master key, or else with the next.
fn open(settings: &Settings, master: &MasterKey, now_ms: u64) -> Result<(Database, Keys), OpenError> {
    match open_with(settings, master, now_ms) {
        // The machine failed between the rotation of the master key and the exchange of its files.
        Err(OpenError::WrongKey(file)) => {
            let next = MasterKey::read_next(&settings.credentials).map_err(|_| OpenError::WrongKey(file))?;
            let opened = open_with(settings, &next, now_ms)?;
            log::warn!(event = "next_master_key"; "the master key is {}: put it in the place of {}", credential::NEXT_MASTER_KEY, credential::MASTER_KEY);
            Ok(opened)
        }
        opened => opened,
    }
}

/// Opens the database and unwraps its keys.
fn open_with(settings: &Settings, master: &MasterKey, now_ms: u64) -> Result<(Database, Keys), OpenError> {
    let database = database::open(settings, master, now_ms)?;
    let keys = Keys::load(&database.connection, master, database.id, now_ms)?;
    Ok((database, keys))
}

/// Locks the store for this process; the lock ends with it.
fn lock(path: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::File { what: "cannot lock", file: path.into(), source };
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Running(path.into())),
        Err(error) => Err(failed(error.into())),
    }
}

/// How often a database that lies aside is read to count what is lost with it.
const MOST_TRIES: u64 = 3;
/// Reason under which records are counted that have no receipt and are in a database that lies aside.
const SET_ASIDE: &str = "set-aside";
