//! What leaves the store, sealed to the receiver: to the uplink, and onto media.

use headgate_record::bundle::MediumId;
use headgate_record::sealed::MAX_OVERHEAD;
use headgate_rules::Rules;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Store, commit};
use crate::database::begin;
use crate::keys::Keys;
use crate::medium::{self, Refusal as MediumRefusal};
use crate::outbox::{self, Refusal, Taken};
use crate::recipient::Recipient;
use crate::requests;
use crate::{Error, Error::Unusable};

impl Store {
    /// The oldest batch that waits for a receipt, sealed to the receiver; or as it is, for the site's own collector.
    pub(crate) fn hand_out(&mut self, now_ms: u64) -> Result<Option<Vec<u8>>, Error> {
        if self.settings.has_collector {
            return self.next_batch(now_ms);
        }
        let Some(recipient) = self.recipient.clone() else { return Ok(None) };
        self.next_batch(now_ms)?.map(|batch| recipient.seal(&batch)).transpose()
    }

    /// The oldest batch behind another one that was handed out, to go with it, unless it may have more than `room` octets, sealed:
    /// then it is not opened and sealed for nothing. A collector takes them one by one.
    pub(crate) fn hand_out_behind(
        &mut self,
        after: u64,
        room: u32,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(recipient) = self.recipient.clone().filter(|_| !self.settings.has_collector) else {
            return Ok(None);
        };
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let Some(most) = room.checked_sub(MAX_OVERHEAD) else { return Ok(None) };
        let transaction = begin(&mut self.database.connection)?;
        let batch = outbox::next_behind(&transaction, &self.keys, after, most, now_ms)?;
        commit(transaction, &self.keys)?;
        batch.map(|batch| recipient.seal(&batch)).transpose()
    }

    /// Deletes a batch that the site's own collector has taken, or says why not.
    pub(crate) fn taken(&mut self, taken: &Taken, now_ms: u64) -> Result<Result<u64, Refusal>, Error> {
        let transaction = begin(&mut self.database.connection)?;
        let verdict =
            outbox::taken(&transaction, &self.keys, &self.settings, self.database.epoch, taken, now_ms)?;
        commit(transaction, &self.keys)?;
        Ok(verdict)
    }

    /// The next batch for a medium, sealed to the receiver.
    pub(crate) fn carry(
        &mut self,
        medium: MediumId,
        after: u64,
        now_ms: u64,
    ) -> Result<Result<Option<Vec<u8>>, MediumRefusal>, Error> {
        let Some(recipient) = self.recipient.clone() else { return Ok(Err(MediumRefusal::Nothing)) };
        let transaction = begin(&mut self.database.connection)?;
        let batch = match medium::next(&transaction, &self.keys, medium, after, now_ms)? {
            Ok(batch) => batch.map(|batch| recipient.seal(&batch)).transpose()?,
            Err(refusal) => return Ok(Err(refusal)),
        };
        commit(transaction, &self.keys)?;
        Ok(Ok(batch))
    }

    /// A medium is written, with batches up to `through`.
    pub(crate) fn carried(
        &mut self,
        medium: MediumId,
        through: u64,
        now_ms: u64,
    ) -> Result<Result<(), MediumRefusal>, Error> {
        let transaction = begin(&mut self.database.connection)?;
        let done = medium::finish(&transaction, medium, through, now_ms)?;
        commit(transaction, &self.keys)?;
        Ok(done)
    }

    /// A medium is given up.
    pub(crate) fn medium_lost(&mut self, medium: &str, now_ms: u64) -> Result<Value, Error> {
        let medium = medium.parse().map_err(|_| Unusable("a medium has 16 hexadecimal digits"))?;
        let transaction = begin(&mut self.database.connection)?;
        let batches = medium::lose(&transaction, medium, now_ms)?;
        commit(transaction, &self.keys)?;
        let batches =
            batches.ok_or(Unusable("no such medium is under way; `headgate bundle list` names them"))?;
        Ok(json!({ "medium": medium.to_string(), "batches": batches }))
    }

    /// Receipts that came back on a medium: all are verified before one of them is followed. A receipt of a batch that has
    /// its receipt, that was written anew since, or that is of an earlier database is no error, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Receipt`] with the place of one that is not the receiver's or not this appliance's; then nothing is changed.
    pub(crate) fn receipts(
        &mut self,
        receipts: &[String],
        verify_only: bool,
        now_ms: u64,
    ) -> Result<Value, Error> {
        let receipts = receipts.iter().map(hex::decode).collect::<Result<Vec<_>, _>>();
        let receipts = receipts.map_err(|_| Unusable("receipts are handed over in hexadecimal"))?;
        let Store { settings, keys, rules, recipient, .. } = self;
        let (key, epoch) = (recipient.as_ref().map(|recipient| &recipient.receipts), self.database.epoch);
        let transaction = begin(&mut self.database.connection)?;
        let [mut accepted, mut before, mut changed, mut earlier] = [0_u32; 4];
        for (at, receipt) in receipts.iter().enumerate() {
            let verdict = if verify_only {
                outbox::judge(&transaction, keys, settings, epoch, key, receipt)?.map(drop)
            } else {
                let followed = outbox::accept(&transaction, keys, settings, epoch, key, receipt, now_ms)?;
                if followed.is_ok() {
                    requests::receive(&transaction, keys, rules, receipt, now_ms)?;
                }
                followed.map(drop)
            };
            let count = match verdict {
                Ok(()) => &mut accepted,
                Err(Refusal::Sequence) => &mut before,
                Err(Refusal::Digest) => &mut changed,
                Err(Refusal::Epoch) => &mut earlier,
                Err(refusal) => return Err(Error::Receipt { at, why: refusal.to_string() }),
            };
            *count = count.saturating_add(1);
        }
        commit(transaction, keys)?;
        Ok(json!({ "accepted": accepted, "before": before, "changed": changed, "earlier": earlier }))
    }

    /// What whoever runs the receiver asks for.
    pub(crate) fn requests(&mut self, now_ms: u64) -> Result<Value, Error> {
        self.about_requests(|db, keys, _| requests::list(db, keys, now_ms))
    }

    /// The administrator's word about a request.
    pub(crate) fn request_decide(&mut self, id: &str, allow: bool, now_ms: u64) -> Result<Value, Error> {
        self.about_requests(|db, keys, rules| requests::decide(db, keys, rules, id, allow, now_ms))
    }

    /// What was allowed is done, or was given up.
    pub(crate) fn request_done(&mut self, id: &str, done: bool, now_ms: u64) -> Result<Value, Error> {
        self.about_requests(|db, keys, _| requests::done(db, keys, id, done, now_ms))
    }

    fn about_requests(
        &mut self,
        step: impl FnOnce(&Connection, &Keys, &Rules) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let transaction = begin(&mut self.database.connection)?;
        let answer = step(&transaction, &self.keys, &self.rules)?;
        commit(transaction, &self.keys)?;
        Ok(answer)
    }

    /// For whom batches are made.
    pub(crate) fn recipient(&self) -> Option<&Recipient> {
        self.recipient.as_ref()
    }
}
