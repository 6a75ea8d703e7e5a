//! Storing batches that came together: those of a run that are nothing but new are one message, and one write on a quorum.

use bytes::Bytes;

use headgate_record::batch::BatchId;
use headgate_record::run::{self, MAX_RUN_BYTES, octets};

use super::JetStream;
use super::series::{Series, body};
use super::state::{Entry, State};
use super::store::crowded;
use super::trouble::Trouble;
use crate::engine::{Arrived, Stored, now_ms};

impl JetStream {
    /// Stores batches of one series; see [`crate::engine::StoresOnce::store_run`].
    pub async fn store_run(&self, run: &[Arrived]) -> (Vec<Stored>, Option<Trouble>) {
        let mut stored = Vec::with_capacity(run.len());
        // Each round one at least is stored, or it is the last.
        while let Some(next) = run.get(stored.len()) {
            let rest = run.get(stored.len()..).unwrap_or_default();
            let round = match self.store_together(rest).await {
                Ok(together) if !together.is_empty() => Ok(together),
                // The first is more than new, or another receiver was first, or nobody knows.
                Ok(_) => self.store_once(next).await.map(|stored| vec![stored]),
                Err(trouble) => Err(trouble),
            };
            match round {
                Ok(round) => stored.extend(round),
                Err(trouble) => return (stored, Some(trouble)),
            }
        }
        (stored, None)
    }

    /// Stores the first of these, as many as are nothing but new, in one message; none where that is one or none.
    async fn store_together(&self, run: &[Arrived]) -> Result<Vec<Stored>, Trouble> {
        let [first, _, ..] = run else { return Ok(Vec::new()) };
        let slot = self.slot(&first.content.says().id);
        let mut known = slot.lock().await;
        let series = match known.take() {
            Some(series) => series,
            // Where the cluster does not say, who stores one by one waits for it.
            None => match self.read(&first.content.says().id).await {
                Ok(series) => series,
                Err(Trouble::Cluster { .. }) => return Ok(Vec::new()),
                Err(trouble) => return Err(trouble),
            },
        };
        let count = new_ones(&series.state, run);
        let together = run.get(..count).unwrap_or_default();
        let [_, .., last] = together else {
            *known = Some(series);
            return Ok(Vec::new());
        };
        let stored_ms = now_ms();
        let mut state = series.state.clone();
        for arrived in together {
            let id = &arrived.content.says().id;
            if !state.add(id.sequence) {
                return Err(crowded(id, "its numbers are in too many pieces"));
            }
            state.put(new_entry(arrived, stored_ms));
        }
        let id: &BatchId = &last.content.says().id;
        (state.of, state.last_ms) = (id.sequence, stored_ms);
        match self.publish(id, &series, state, as_they_came(together)).await {
            Ok(Ok(series)) => {
                *known = Some::<Series>(series);
                Ok(vec![Stored::New { stored_ms, forgotten: 0, left_out: 0 }; count])
            }
            Ok(Err(())) | Err(Trouble::Unreadable { .. }) => Ok(Vec::new()),
            Err(trouble) => Err(trouble),
        }
    }
}

/// The body of their message: the part of the run that they came in, where they lie in one, else the same octets made anew.
fn as_they_came(together: &[Arrived]) -> Bytes {
    let ends = together.first().zip(together.last());
    if let Some((Some((run, first)), Some((_, last)))) = ends.map(|(a, b)| (a.run.as_ref(), b.run.as_ref())) {
        let part = run::between(first, last);
        let length: usize = together.iter().map(|arrived| octets(arrived.sealed.len())).sum();
        if part.len() == length && part.end <= run.len() {
            return run.slice(part);
        }
    }
    body(together.iter().map(|arrived| arrived.sealed.clone()).collect())
}

/// How many of the first are of one series, in order, not there yet, ask for nothing, take nothing's place, hold nobody who is to
/// be left out, and have no more records together than may be.
pub fn new_ones(state: &State, run: &[Arrived]) -> usize {
    let Some(series) = run.first().map(|first| &first.content.says().id) else { return 0 };
    let (mut before, mut sum, mut records) = (0, 0_usize, 0_u32);
    let is_new = |arrived: &&Arrived| {
        let batch = arrived.content.says();
        let id = &batch.id;
        sum = sum.saturating_add(octets(arrived.sealed.len()));
        records = records.saturating_add(arrived.content.records());
        let is_next = id.sequence > std::mem::replace(&mut before, id.sequence);
        (&id.appliance, id.epoch) == (&series.appliance, series.epoch)
            && is_next
            && sum <= MAX_RUN_BYTES
            && records <= MAX_RECORDS
            && !state.has(id.sequence)
            && batch.forget.is_empty()
            && batch.replaces.is_empty()
            && state.above(id.sequence).is_empty()
    };
    run.iter().take_while(is_new).count()
}

fn new_entry(arrived: &Arrived, stored_ms: u64) -> Entry {
    Entry {
        sequence: arrived.content.says().id.sequence,
        digest: arrived.digest.to_vec(),
        stored_ms,
        since_ms: stored_ms,
        records: arrived.content.records(),
        ..Entry::default()
    }
}

/// Most records of a message: who reads it has them all in memory. Four times what a batch may have.
const MAX_RECORDS: u32 = 16_384;
