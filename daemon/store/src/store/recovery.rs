//! Going on after something failed for what can be mended: a full disk, a damaged database.

use headgate_service::exit::{self, Exit};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::Store;
use crate::database::{self, Checkpoint, aside};
use crate::{Error, OpenError, error};

impl Store {
    /// Mends what made something fail, where it can be mended. Gives whether it can be asked again.
    ///
    /// # Errors
    /// Those of the database; [`Error::Anew`] leaves a store that cannot be used.
    pub(crate) fn recover(&mut self, failed: &Error, now_ms: u64) -> Result<bool, Error> {
        if error::is_disk_full(failed) {
            return self.make_way(now_ms).map(|()| true);
        }
        // Once in an hour: what lies aside is to stay there.
        let lately = |then: Option<u64>| then.is_some_and(|then| now_ms.abs_diff(then) < ANEW_MS);
        let is_beyond_use =
            matches!(failed, Error::Database(_) | Error::Damaged(_)) && failed.code() == exit::DATA;
        if !is_beyond_use || lately(self.anew_ms) {
            return Ok(false);
        }
        if matches!(failed, Error::Database(failed) if error::is_damage(failed)) && !lately(self.reindexed_ms)
        {
            let before = self.reindexed_ms.replace(now_ms);
            self.keys.identities().forget();
            let reindexed = aside::reindex(&mut self.database.connection);
            match reindexed.and_then(|()| self.note_reindexed(now_ms)) {
                Ok(()) => return Ok(true),
                Err(error) if error::is_disk_full(&error) => return self.make_way(now_ms).map(|()| true),
                Err(error) if error.code() == exit::TRY_LATER => {
                    self.reindexed_ms = before;
                    return Err(error);
                }
                Err(error) if error.code() != exit::DATA => return Err(error),
                // What is damaged may be the ledger.
                Err(_) => {}
            }
        }
        self.begin_anew(failed, now_ms).map_err(|error| Error::Anew(Box::new(error)))?;
        Ok(true)
    }

    /// Does what an administrator asks on a full file system too: with the ballast's space, or else within the pages that the
    /// database has. `ask` is told to how many octets it first shrinks the database, in its transaction.
    pub(super) fn with_room<T>(
        &mut self,
        ask: impl Fn(&mut Store, Option<u64>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let is_full = |done: &Result<T, Error>| done.as_ref().is_err_and(error::is_disk_full);
        let mut done = ask(self, None);
        if is_full(&done) && self.ballast.is_held() {
            self.give_up_ballast()?;
            done = ask(self, None);
        }
        if is_full(&done) {
            let target = self.way()?;
            done = ask(self, Some(target));
        }
        done
    }

    /// After something failed because the file system is full: from now on the database does with the pages that it has, and
    /// the least valuable in it gives way, within what the ballast was: that is the WAL's now. What failed may be asked again.
    ///
    /// # Errors
    /// Those of the database, when somebody else was faster in taking what the ballast was.
    pub(crate) fn make_way(&mut self, now_ms: u64) -> Result<(), Error> {
        self.give_up_ballast()?;
        let target = self.way()?;
        self.give_up(target, now_ms)?;
        self.checkpoint()
    }

    fn give_up_ballast(&mut self) -> Result<(), Error> {
        self.ballast.give_up();
        if !std::mem::replace(&mut self.is_tight, true) {
            log::warn!(event = "disk_full"; "the file system of the store is full: the least valuable gives way as if the buffer were");
        }
        self.checkpoint()?;
        database::reserve_wal(&self.settings.database());
        Ok(())
    }

    /// To how many octets the database shrinks so that way is made; from now on it does with the pages that it has.
    fn way(&self) -> Result<u64, Error> {
        database::may_grow(&self.database.connection, false)?;
        Ok(database::used(&self.database.connection)?.saturating_sub(WAY))
    }

    /// Whether the ballast is held, and the database may grow.
    pub(crate) fn has_room(&self) -> bool {
        self.ballast.is_held() && !self.is_tight
    }

    pub(super) fn take_ballast(&mut self) -> Result<(), Error> {
        if self.ballast.take() && self.is_tight {
            database::may_grow(&self.database.connection, true)?;
            self.is_tight = false;
            self.checkpoint_due = true;
        }
        Ok(())
    }

    /// Has what was deleted gone from the WAL too, now or, where somebody prevents it, as soon as can be.
    pub(super) fn checkpoint(&mut self) -> Result<(), Error> {
        let wal = if self.is_tight { Checkpoint::Overwrite } else { Checkpoint::Cut };
        self.checkpoint_due = !database::checkpoint(&self.database.connection, wal)?;
        Ok(())
    }

    /// Has the database lie aside, and begins another, as [`Store::open`] does with one that cannot be used.
    fn begin_anew(&mut self, failed: &Error, now_ms: u64) -> Result<(), OpenError> {
        let gone = std::mem::replace(&mut self.database.connection, Connection::open_in_memory()?);
        // Else it would take away the WAL when it is closed.
        gone.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        drop(gone);
        let (settings, rules) = (self.settings.clone(), self.rules.clone());
        let mut store = Store::aside(settings, rules, self.recipient.clone(), failed, now_ms)?;
        store._lock = self._lock.take();
        store.rules_refused = self.rules_refused.take();
        store.anew_ms = Some(now_ms);
        *self = store;
        Ok(())
    }
}

/// So much is given up at once on a full file system, octets: what that writes to the WAL is less than the ballast.
const WAY: u64 = 1 << 20;
/// How often a database may be found damaged.
const ANEW_MS: u64 = 60 * 60 * 1_000;
