//! What is too old is deleted: a few segments at a look, so that nobody who hands over waits for long.

use super::{Store, begin, commit};
use crate::Error;
use crate::clock::{Moment, Reading};
use crate::identity::mend::mend;
use crate::retain;

/// When it was looked for what is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Not yet, or something was found.
    #[default]
    Due,
    /// As much was found as may be deleted at a look: there may be more.
    Unfinished,
    /// Nothing was found, at this time lived.
    Nothing { lived_ms: u64 },
}

impl Expiry {
    /// Whether it is not known that nothing is too old.
    pub(super) fn is_at_work(self) -> bool {
        !matches!(self, Expiry::Nothing { .. })
    }

    /// Whether a next look finds something, as far as that can be told.
    pub(super) fn is_unfinished(self) -> bool {
        self == Expiry::Unfinished
    }
}

impl Store {
    /// Deletes more of what is too old, where the last look has left some: for a store of whom nobody wants anything just now.
    /// Whoever comes meanwhile waits for one look of [`retain::CHUNK`] segments; where somebody always comes,
    /// [`Store::maintain`] takes a look a second.
    pub(crate) fn expire_on(&mut self, now_ms: u64) -> Result<(), Error> {
        if !self.expiry.is_unfinished() {
            return Ok(());
        }
        // Where it fails, the next look is not at once.
        self.expiry = Expiry::Due;
        let transaction = begin(&mut self.database.connection)?;
        let at = self.clock.observe(&transaction, &Reading::now(now_ms))?;
        transaction.commit()?;
        self.expire_more(at)
    }

    /// Deletes what is too old, some at a time, and looks for more in an hour when there is none.
    pub(super) fn expire(&mut self, at: Moment) -> Result<(), Error> {
        if let Expiry::Nothing { lived_ms } = self.expiry
            && at.lived_ms.saturating_sub(lived_ms) < EXPIRY_MS
        {
            return Ok(());
        }
        // It reads the rows of all segments: once for all looks that follow each other.
        if !self.expiry.is_unfinished() {
            while self.mend(at)? {}
        }
        self.expire_more(at)
    }

    fn expire_more(&mut self, at: Moment) -> Result<(), Error> {
        self.expiry = Expiry::Due;
        let transaction = begin(&mut self.database.connection)?;
        let deleted = retain::expire(&transaction, &self.keys, &self.settings.retention_ms, at);
        let deleted = deleted
            .and_then(|deleted| commit(transaction, &self.keys).map(|()| deleted))
            .inspect_err(|_| self.keys.identities().forget())?;
        self.expiry = match deleted {
            0 => Expiry::Nothing { lived_ms: at.lived_ms },
            retain::CHUNK => Expiry::Unfinished,
            _ => Expiry::Due,
        };
        if deleted > 0 {
            self.keys.reload(&self.database.connection)?;
            self.checkpoint_due = true;
        }
        Ok(())
    }

    /// Writes again what segments are about and when they were sealed, where it is not what was written. Gives whether there
    /// may be more.
    pub(super) fn mend(&mut self, at: Moment) -> Result<bool, Error> {
        let transaction = begin(&mut self.database.connection)?;
        let more = mend(&transaction, &self.keys, at)?;
        commit(transaction, &self.keys)?;
        Ok(more)
    }
}

/// How often it is looked for what is too old.
const EXPIRY_MS: u64 = 60 * 60 * 1_000;
