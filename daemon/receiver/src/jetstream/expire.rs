//! Deleting what has been in the cluster for as long as it is kept. What numbers the batches stays: it lies in the index, and beside
//! the last message of each series, which is written anew, without a batch, when its turn comes.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use headgate_record::batch::BatchId;

use super::JetStream;
use super::series::{Series, next};
use super::store::oldest;
use super::trouble::Trouble;

impl JetStream {
    /// Deletes what was stored before `before_ms`, milliseconds since 1970, and follows tombstones that nobody follows.
    pub async fn expire(&self, before_ms: u64) -> Result<(), Trouble> {
        let first = self.first_since(before_ms).await?;
        for ((appliance, epoch), series) in self.all_series().await? {
            let id = BatchId { appliance, epoch, sequence: 0 };
            // Whose receiver died, and whose appliance did not come again.
            for waiting in series.state.tombstones.iter().filter(|of| !of.done) {
                let id = BatchId { sequence: waiting.sequence, ..id.clone() };
                self.forget(&id, &self.slot(&id)).await?;
            }
            let rewritten = series.state.rewritten_since_ms;
            if series.at < first || (rewritten > 0 && rewritten < before_ms) {
                self.renew(&id, before_ms, first).await?;
            }
        }
        if first > 1 {
            let purged = self.batches.purge().sequence(first).await;
            let purged = purged.map_err(|error| Trouble::cluster("delete what expired")(error.into()))?;
            if purged.purged > 0 {
                log::info!(event = "expired"; "{} messages of the cluster were deleted: they had been there for {} days", purged.purged, self.days);
            }
        }
        Ok(())
    }

    /// The first message that came at this time or later; without any, the one that would come next.
    async fn first_since(&self, since_ms: u64) -> Result<u64, Trouble> {
        let info = self.batches.get_info().await;
        let state = info.map_err(|error| Trouble::cluster("say what is old")(error.into()))?.state;
        let nanoseconds = i128::from(since_ms).saturating_mul(1_000_000);
        let (mut from, mut to) = (state.first_sequence, state.last_sequence.saturating_add(1));
        // Halved each time.
        while from < to {
            let middle = from + (to - from) / 2;
            match next(&self.batches, &self.names.all(), middle).await? {
                Some(message)
                    if message.sequence < to && message.time.unix_timestamp_nanos() < nanoseconds =>
                {
                    from = message.sequence.saturating_add(1);
                }
                _ => to = middle,
            }
        }
        Ok(to)
    }

    /// Writes what is known of a series anew, behind all that is old, and deletes contents that are older than their messages.
    async fn renew(&self, id: &BatchId, before_ms: u64, first: u64) -> Result<(), Trouble> {
        let slot = self.slot(id);
        for _ in 0..MAX_ATTEMPTS {
            let mut known = slot.lock().await;
            let series: Series = self.read(id).await?;
            let mut state = series.state.clone();
            let (mut stale, mut left) = (Vec::new(), 0);
            if state.rewritten_since_ms > 0 && state.rewritten_since_ms < before_ms {
                for page in series.state.pages() {
                    for entry in self.entries(id, &series, page).await? {
                        if entry.since_ms < before_ms && entry.at >= first {
                            stale.push(entry.at);
                        } else if entry.rewritten && entry.since_ms >= before_ms {
                            left = oldest(left, entry.since_ms);
                        }
                    }
                }
                state.rewritten_since_ms = left;
            }
            stale.sort_unstable();
            // Several batches may have one message.
            stale.dedup();
            // Of what goes, the last message may be one: then this one takes its place.
            state.stale = stale;
            if let Ok(series) = self.publish(id, &series, state, Bytes::new()).await? {
                *known = Some(series);
                return Ok(());
            }
            drop(known);
            sleep(BACK_OFF).await;
        }
        Err(Trouble::Overtaken(MAX_ATTEMPTS))
    }
}

const BACK_OFF: Duration = Duration::from_millis(250);
const MAX_ATTEMPTS: u32 = 16;
