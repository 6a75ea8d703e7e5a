//! Forgetting persons whose records lie in messages that cannot be changed: each is written anew without them, and the old one is
//! overwritten. What was written anew says for which tombstone, so that whoever goes on in the middle counts the same.

use tokio::time::{Duration, sleep};

use headgate_record::batch::BatchId;

use super::JetStream;
use super::series::{body, came_at, next, parts};
use super::state::{Cause, Entry, Tombstone};
use super::store::{Slot, oldest};
use super::trouble::Trouble;

impl JetStream {
    /// Follows the tombstone of a batch that is stored: looks through all messages of the appliance whose contents came before it,
    /// those too that were moved behind it since. Returns when they are rid of whom it names, with what is known of the batch then. Whoever else does the same at the same time, or
    /// did a part of it, is in nobody's way.
    pub async fn forget(&self, id: &BatchId, slot: &Slot) -> Result<Entry, Trouble> {
        let (before, tombstone) = {
            let mut known = slot.lock().await;
            let series = self.read(id).await?;
            let before = series.state.pending(id.sequence).map(|waiting| waiting.at);
            let entry = self.entry(id, &series).await?;
            *known = Some(series);
            let Some(before) = before else { return Ok(entry) };
            (before, self.tombstone(id, id.sequence).await?)
        };
        let forgotten = self.rid_of(id, before, &tombstone).await?;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                sleep(BACK_OFF).await;
            }
            let mut known = slot.lock().await;
            let series = self.read(id).await?;
            let mut entry = self.entry(id, &series).await?;
            let mut state = series.state.clone();
            let waiting = state.tombstones.iter_mut().find(|of| of.sequence == id.sequence && !of.done);
            let Some(waiting) = waiting else {
                *known = Some(series);
                return Ok(entry);
            };
            waiting.done = true;
            entry.forgotten = entry.forgotten.saturating_add(forgotten);
            state.put(entry.clone());
            if let Ok(series) = self.publish(id, &series, state, bytes::Bytes::new()).await? {
                *known = Some(series);
                return Ok(entry);
            }
        }
        Err(Trouble::Overtaken(MAX_ATTEMPTS))
    }

    /// Looks through the appliance's messages; gives how many records went for this tombstone.
    async fn rid_of(&self, id: &BatchId, before: u64, tombstone: &Tombstone) -> Result<u64, Trouble> {
        let all = self.names.appliance(&id.appliance);
        let (mut from, mut forgotten) = (1, 0u64);
        // As many as there are messages of the appliance, and those that this loop adds.
        while let Some(message) = next(&self.batches, &all, from).await? {
            from = message.sequence.saturating_add(1);
            let state = self.state_of(&message.subject, &message.headers)?;
            let cause = state.cause.filter(|c| (c.epoch, c.sequence) == (id.epoch, id.sequence));
            if let Some(cause) = cause {
                forgotten = forgotten.saturating_add(cause.removed);
            } else if came_at(&state, message.sequence) < before {
                for part in parts(&message)? {
                    let batch = self.open(&part)?;
                    if batch.records.iter().any(|record| tombstone.names(record)) {
                        // All of the message.
                        self.rewrite(&batch.id, message.sequence, id, tombstone).await?;
                        break;
                    }
                }
            }
        }
        Ok(forgotten)
    }

    /// Writes the batches of a message of the series of `of` anew without whom a tombstone names.
    pub async fn rewrite(
        &self,
        of: &BatchId,
        at: u64,
        id: &BatchId,
        tombstone: &Tombstone,
    ) -> Result<(), Trouble> {
        let slot = self.slot(of);
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                sleep(BACK_OFF).await;
            }
            let mut known = slot.lock().await;
            let series = self.read(of).await?;
            let mut state = series.state.clone();
            let (mut bodies, mut removed, mut first) = (Vec::new(), 0, None);
            let (parts, came_at) = self.parts_to_move(at).await?;
            for part in parts {
                let entry = self.entry(&part.sealed.id, &series).await?;
                // Of others something took the place meanwhile, and whoever put it there may not have come to delete this.
                if entry.at != at {
                    continue;
                }
                let mut batch = self.open(&part)?;
                let had = batch.records.len();
                batch.records.retain(|record| !tombstone.names(record));
                let is_less = batch.records.len() < had;
                removed += had - batch.records.len();
                bodies.push(if is_less { self.sealed_anew(&batch)? } else { part.octets });
                state.rewritten_since_ms = oldest(state.rewritten_since_ms, entry.since_ms);
                state.put(Entry { at: 0, rewritten: true, ..entry });
                first.get_or_insert(batch.id);
            }
            let Some(first) = first else {
                *known = Some(series);
                return self.delete(&[at]).await;
            };
            let removed = u64::try_from(removed).unwrap_or(u64::MAX);
            state.cause = Some(Cause { epoch: id.epoch, sequence: id.sequence, removed });
            (state.of, state.came_at) = (first.sequence, came_at);
            state.stale.push(at);
            if let Ok(series) = self.publish(&first, &series, state, body(bodies)).await? {
                *known = Some(series);
                return Ok(());
            }
        }
        Err(Trouble::Overtaken(MAX_ATTEMPTS))
    }
}

const MAX_ATTEMPTS: u32 = 32;
const BACK_OFF: Duration = Duration::from_millis(250);
