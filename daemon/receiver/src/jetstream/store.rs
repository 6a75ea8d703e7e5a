//! Storing a batch once, and knowing it again.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Duration, sleep};

use headgate_record::batch::{Batch, BatchId};

use super::JetStream;
use super::series::{Series, body};
use super::state::{Entry, MAX_TOMBSTONES, Tombstone, Waiting};
use super::trouble::Trouble;
use crate::engine::{Arrived, Content, Stored, now_ms};
use crate::sweep::before_ms;

/// A series that this receiver knows of; empty: it must be read.
pub type Slot = Arc<Mutex<Option<Series>>>;

/// What is to become of a batch.
enum Verdict {
    New,
    Again(Entry),
    Replaces(Entry),
    Superseded(Entry),
    Conflict,
}

impl JetStream {
    /// Stores a batch; see [`crate::engine::StoresOnce`].
    pub async fn store_once(&self, arrived: &Arrived) -> Result<Stored, Trouble> {
        let id = &arrived.content.says().id;
        let slot = self.slot(id);
        let mut overtaken = 0;
        for _ in 0..2 * MAX_ATTEMPTS {
            if overtaken > 0 {
                sleep(BACK_OFF.saturating_mul(overtaken)).await;
            }
            let mut known = slot.lock().await;
            let (series, is_fresh) = match known.take() {
                Some(series) => (series, false),
                None => match self.read(id).await {
                    Ok(series) => (series, true),
                    // No leader yet.
                    Err(Trouble::Cluster { .. }) if overtaken < MAX_ATTEMPTS => {
                        overtaken += 1;
                        continue;
                    }
                    Err(trouble) => return Err(trouble),
                },
            };
            let verdict = self.verdict(&series, &arrived.content, &arrived.digest).await?;
            let replaced = match verdict {
                Verdict::New => None,
                // What another receiver did since, this one does not know: ask.
                _ if !is_fresh => {
                    drop(known);
                    continue;
                }
                Verdict::Replaces(entry) => Some(entry),
                settled => {
                    *known = Some(series);
                    drop(known);
                    return self.settled(id, &slot, settled).await;
                }
            };
            let (series, left_out) = match self.publish_content(&series, arrived, replaced).await {
                Ok(Ok(published)) => published,
                // Another receiver wrote since: no reason to wait.
                Ok(Err(())) if !is_fresh => continue,
                Ok(Err(())) if overtaken < MAX_ATTEMPTS => {
                    overtaken += 1;
                    continue;
                }
                Ok(Err(())) => break,
                // What it knew of may be gone since.
                Err(Trouble::Unreadable { .. }) if !is_fresh => continue,
                Err(trouble) => return Err(trouble),
            };
            let entry = series.state.recent(id.sequence).cloned();
            *known = Some(series);
            drop(known);
            let entry = entry.ok_or(Trouble::Fault("what was stored is not known"))?;
            let entry =
                if arrived.content.says().forget.is_empty() { entry } else { self.forget(id, &slot).await? };
            return Ok(Stored::New { stored_ms: entry.stored_ms, forgotten: entry.forgotten, left_out });
        }
        Err(Trouble::Overtaken(MAX_ATTEMPTS))
    }

    /// Whether a batch contradicts what is stored.
    pub async fn contradicts(&self, content: &Content, digest: &[u8; 32]) -> Result<bool, Trouble> {
        let series = self.read(&content.says().id).await?;
        Ok(matches!(self.verdict(&series, content, digest).await?, Verdict::Conflict))
    }

    async fn settled(&self, id: &BatchId, slot: &Slot, verdict: Verdict) -> Result<Stored, Trouble> {
        let held = |entry: &Entry| entry.held().ok_or(Trouble::Fault("a digest is none"));
        Ok(match verdict {
            Verdict::Again(entry) => {
                // Whoever stored it did not come to the end of what it asks to forget.
                let is_pending = slot
                    .lock()
                    .await
                    .as_ref()
                    .is_some_and(|series| series.state.pending(id.sequence).is_some());
                let entry = if is_pending { self.forget(id, slot).await? } else { entry };
                Stored::Again { stored_ms: entry.stored_ms, forgotten: entry.forgotten }
            }
            Verdict::Superseded(entry) => Stored::Superseded(held(&entry)?),
            _ => Stored::Conflict,
        })
    }

    async fn verdict(
        &self,
        series: &Series,
        content: &Content,
        digest: &[u8; 32],
    ) -> Result<Verdict, Trouble> {
        let batch = content.says();
        if !series.state.has(batch.id.sequence) {
            return Ok(Verdict::New);
        }
        let entry = self.entry(&batch.id, series).await?;
        Ok(if entry.digest == digest {
            Verdict::Again(entry)
        } else if entry.replaced.iter().any(|known| known == digest) {
            Verdict::Superseded(entry)
        } else if batch.replaces.iter().any(|of| entry.digest == of)
            && self.leaves_out(&entry, content).await?
        {
            Verdict::Replaces(entry)
        } else {
            Verdict::Conflict
        })
    }

    /// Whether the records of a batch are those that are stored under its number, in their order, but for some that it leaves out.
    /// What has expired cannot be compared, and is not stored again.
    async fn leaves_out(&self, entry: &Entry, content: &Content) -> Result<bool, Trouble> {
        if entry.since_ms < before_ms(self.days) {
            return Ok(true);
        }
        let Some(stored) = self.content(entry.at, entry.sequence).await? else {
            return Ok(true);
        };
        let mut stored = stored.records.iter();
        Ok(whole(content)?.records.iter().all(|record| stored.any(|kept| kept == record)))
    }

    /// Publishes a content: first, or in the place of `replaced`. Gives how many records were left out.
    pub async fn publish_content(
        &self,
        series: &Series,
        arrived: &Arrived,
        replaced: Option<Entry>,
    ) -> Result<Result<(Series, u64), ()>, Trouble> {
        let batch = arrived.content.says();
        let id = &batch.id;
        let mut state = series.state.clone();
        let stored_ms = now_ms();
        let since_ms = replaced.as_ref().map_or(stored_ms, |entry| entry.since_ms);
        let is_expired = since_ms < before_ms(self.days);

        let mut late = Vec::new();
        for sequence in state.above(id.sequence) {
            late.push(self.tombstone(id, sequence).await?);
        }
        let is_late = |record: &headgate_record::Record| late.iter().any(|t: &Tombstone| t.names(record));
        let whole =
            if late.is_empty() && batch.forget.is_empty() { None } else { Some(whole(&arrived.content)?) };
        let left_out = whole.as_ref().map_or(0, |batch| batch.records.iter().filter(|r| is_late(r)).count());
        let content = if is_expired {
            Bytes::new()
        } else if let Some(whole) = whole.filter(|batch| left_out > 0 || !batch.forget.is_empty()) {
            // Whom it names is not kept, not even sealed.
            let mut less = whole.into_owned();
            less.forget.clear();
            less.records.retain(|record| !is_late(record));
            self.sealed_anew(&less)?
        } else {
            arrived.sealed.clone()
        };

        if replaced.is_none() && !state.add(id.sequence) {
            return Err(crowded(id, "its numbers are in too many pieces"));
        }
        if !batch.forget.is_empty() {
            if state.tombstones.len() >= MAX_TOMBSTONES {
                return Err(crowded(id, "too many tombstones wait for what is missing"));
            }
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|_| Trouble::Fault("the system gives no randomness"))?;
            let tombstone = Tombstone::new(id.sequence, salt, &batch.forget);
            let place = self.names.tombstone(&id.appliance, id.epoch, id.sequence);
            if !self.put(&place, &tombstone, None).await? {
                return Ok(Err(()));
            }
            state.tombstones.retain(|of| of.sequence != id.sequence);
            state.tombstones.push(Waiting { sequence: id.sequence, done: false, at: 0 });
        }
        let mut bodies = Vec::new();
        if let Some(old) = replaced.as_ref().filter(|entry| entry.at != 0) {
            // Those that came together with it are no others for that, and a tombstone that waits finds them.
            let (parts, came_at) = self.parts_to_move(old.at).await?;
            state.came_at = came_at;
            for part in parts {
                let other = self.entry(&part.sealed.id, series).await?;
                if other.at == old.at && other.sequence != id.sequence {
                    bodies.push(part.octets);
                    state.put(Entry { at: 0, rewritten: true, ..other });
                }
            }
            state.stale.push(old.at);
            state.rewritten_since_ms = oldest(state.rewritten_since_ms, since_ms);
        }
        let (old_digests, forgotten) =
            replaced.as_ref().map_or((&[][..], 0), |old| (old.replaced.as_slice(), old.forgotten));
        let mut digests: Vec<Vec<u8>> = old_digests.to_vec();
        for digest in batch.replaces.iter().map(|digest| digest.to_vec()) {
            if !digests.contains(&digest) && digests.len() < MAX_REPLACED {
                digests.push(digest);
            }
        }
        state.put(Entry {
            sequence: id.sequence,
            digest: arrived.digest.to_vec(),
            stored_ms,
            since_ms,
            records: arrived.content.records(),
            values: u32::try_from(batch.forget.len()).unwrap_or(u32::MAX),
            forgotten,
            at: 0,
            replaced: digests,
            rewritten: replaced.is_some(),
        });
        (state.of, state.last_ms) = (id.sequence, stored_ms);
        bodies.extend(Some(content).filter(|content| !content.is_empty()));
        let published = self.publish(id, series, state, body(bodies)).await?;
        Ok(published.map(|series| (series, u64::try_from(left_out).unwrap_or(u64::MAX))))
    }

    /// A batch that is other than its appliance sealed it.
    pub fn sealed_anew(&self, batch: &Batch) -> Result<Bytes, Trouble> {
        self.keys.seal_anew(batch).map(Bytes::from).ok_or(Trouble::Fault("a batch cannot be sealed anew"))
    }
}

/// A batch with its records.
fn whole(content: &Content) -> Result<Cow<'_, Batch>, Trouble> {
    content.whole().map_err(|_| Trouble::Fault("a batch that was read cannot be read again"))
}

/// The older of two times, of which 0 is none.
pub fn oldest(one: u64, other: u64) -> u64 {
    if one == 0 { other } else { one.min(other) }
}

pub fn crowded(id: &BatchId, what: &'static str) -> Trouble {
    Trouble::Crowded { appliance: id.appliance.clone(), what }
}

/// How often a batch is tried before its appliance is told to come again; the waits between grow, and are four seconds in all.
const MAX_ATTEMPTS: u32 = 14;
const BACK_OFF: Duration = Duration::from_millis(40);
/// Most contents that are remembered to have been replaced under one number.
const MAX_REPLACED: usize = 64;
