//! Batches in a NATS cluster: one stream of sealed batches, and beside it an index that outlives them (ADR 0022).
//!
//! A receiver keeps nothing. What must be known to answer for an appliance lies in the cluster, sealed to the receivers' own key, and
//! any receiver reads it there. A receipt is signed when a majority of the servers that hold a message has it.

mod connect;
mod erase;
mod expire;
mod follow;
mod look;
mod pages;
mod run;
mod series;
mod state;
mod store;
mod trouble;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_nats::connection::State as Connected;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{sleep, timeout};

use headgate_record::batch::BatchId;

use crate::Error;
use crate::accounts::Accounts;
use crate::config::Cluster;
use crate::engine::{Arrived, Figures, Later, Pulse, Stored, StoresOnce, Told, Unstored};
use crate::export::{Ask, Page, Readers, Scope};
use crate::sealing::Keys;
use crate::sweep::before_ms;

use connect::{Names, Reached};
pub use state::Entry;
use store::Slot;
pub use trouble::Trouble;

/// A cluster that was reached. No `Debug`: it holds keys.
pub struct JetStream {
    context: Context,
    batches: Stream,
    index: Stream,
    trust: Stream,
    names: Names,
    keys: Arc<Keys>,
    days: u32,
    /// Series that this receiver wrote lately, so that it need not ask for each batch. Whether it is right, the cluster says.
    slots: Mutex<HashMap<(String, u64), Slot>>,
    looked: AsyncMutex<Option<(Instant, Figures)>>,
    cluster: Cluster,
    /// What messages are published with; it may be another connection than what reads.
    publisher: RwLock<Context>,
}

impl JetStream {
    /// Reaches the cluster. What is older than `days` is deleted by [`JetStream::expire`].
    ///
    /// # Errors
    /// [`Error::Cluster`], and what is wrong with a file.
    pub async fn reach(cluster: &Cluster, keys: Arc<Keys>, days: u32) -> Result<JetStream, Error> {
        let names = Names::new(&cluster.stream);
        let Reached { context, batches, index, trust } = connect::reach(cluster, &names).await?;
        let (slots, looked) = (Mutex::default(), AsyncMutex::default());
        let publisher = RwLock::new(context.clone());
        let cluster = cluster.clone();
        Ok(JetStream { context, batches, index, trust, names, keys, days, slots, looked, cluster, publisher })
    }

    /// As an error of a command.
    pub fn error(&self, trouble: &Trouble) -> Error {
        let is_passing = !matches!(trouble, Trouble::Unreadable { .. });
        Error::Cluster { server: self.cluster.servers.join(", "), what: trouble.to_string(), is_passing }
    }

    /// Where a series is remembered.
    fn slot(&self, id: &BatchId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_SLOTS {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry((id.appliance.clone(), id.epoch)).or_default())
    }
}

/// Stores in a cluster; see [`StoresOnce`].
pub struct Writer {
    cluster: Arc<JetStream>,
    pulse: Arc<Pulse>,
    told: Arc<Mutex<Told>>,
    jobs: Arc<Semaphore>,
}

impl Writer {
    /// Begins, and shows every `pace` whether there is a connection. Within a runtime, with which it ends.
    pub fn start(cluster: Arc<JetStream>, accounts: Arc<Accounts>, pace: Duration) -> Writer {
        let pulse = Arc::new(Pulse::new());
        let told = Arc::new(Mutex::new(Told::new(accounts, Arc::clone(&pulse))));
        tokio::spawn(watch(Arc::clone(&cluster), Arc::clone(&pulse), pace));
        tokio::spawn(sweep(Arc::clone(&cluster)));
        tokio::spawn(follow::follow(Arc::clone(&cluster)));
        Writer { cluster, pulse, told, jobs: Arc::new(Semaphore::new(MAX_JOBS)) }
    }
}

impl StoresOnce for Writer {
    fn store(&self, arrived: Arrived) -> Later<'_, Result<Stored, Unstored>> {
        Box::pin(async move {
            let (mut stored, why) = self.store_run(vec![arrived]).await;
            stored.pop().ok_or(why.unwrap_or(Unstored::Failed))
        })
    }

    fn store_run(&self, run: Vec<Arrived>) -> Later<'_, (Vec<Stored>, Option<Unstored>)> {
        Box::pin(async move {
            let room = Arc::clone(&self.jobs).try_acquire_owned();
            let Ok(room) = room else { return (Vec::new(), Some(Unstored::Busy)) };
            let (cluster, told) = (Arc::clone(&self.cluster), Arc::clone(&self.told));
            // The client may go; what was begun is brought to its end all the same.
            let job = tokio::spawn(async move {
                let (stored, trouble) = cluster.store_run(&run).await;
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                stored.iter().for_each(|stored| told.tell(&Ok::<_, Trouble>(*stored)));
                let why = trouble.map(|trouble| {
                    told.tell(&Err::<Stored, _>(&trouble));
                    unstored(&trouble)
                });
                drop(room);
                (stored, why)
            });
            match timeout(PATIENCE, job).await {
                Ok(Ok(stored)) => stored,
                Ok(Err(_)) => (Vec::new(), Some(Unstored::Failed)),
                Err(_) => (Vec::new(), Some(Unstored::Busy)),
            }
        })
    }

    fn figures(&self) -> Later<'_, Result<Figures, Error>> {
        Box::pin(async move { self.cluster.look().await.map_err(|trouble| self.cluster.error(&trouble)) })
    }

    fn readers(&self) -> Later<'_, Result<Readers, Error>> {
        Box::pin(
            async move { self.cluster.readers_now().await.map_err(|trouble| self.cluster.error(&trouble)) },
        )
    }

    fn page(&self, ask: Ask, scope: Scope) -> Later<'_, Result<Option<Page>, Error>> {
        Box::pin(async move {
            let page = self.cluster.page_for(&ask, &scope).await;
            page.map(Some).map_err(|trouble| self.cluster.error(&trouble))
        })
    }

    /// It keeps batches as they came.
    fn reads_records(&self) -> bool {
        false
    }

    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

fn unstored(trouble: &Trouble) -> Unstored {
    match trouble {
        Trouble::Cluster { .. } | Trouble::Overtaken(_) | Trouble::Crowded { .. } => Unstored::Busy,
        Trouble::Unreadable { .. } | Trouble::Fault(_) => Unstored::Failed,
    }
}

/// Beats for as long as there is a connection, every `pace`.
async fn watch(cluster: Arc<JetStream>, pulse: Arc<Pulse>, pace: Duration) {
    let client = cluster.context.client();
    loop {
        if matches!(client.connection_state(), Connected::Connected) {
            pulse.beat();
        }
        sleep(pace).await;
    }
}

async fn sweep(cluster: Arc<JetStream>) {
    loop {
        // Not all receivers at once.
        let jitter = Duration::from_secs(u64::from(getrandom::u32().unwrap_or(0) % 600));
        sleep(FIRST_ROUND + jitter).await;
        if let Err(trouble) = cluster.expire(before_ms(cluster.days)).await {
            log::error!(event = "not_expiring"; "records that are too old cannot be deleted, tried again in an hour: {trouble}");
        }
        sleep(ROUND).await;
    }
}

/// Most batches under way to the cluster.
const MAX_JOBS: usize = 256;
/// Most series that are remembered.
const MAX_SLOTS: usize = 8_192;
/// How long an appliance waits for its receipt. A tombstone may take longer: then the appliance asks again, and finds it followed.
const PATIENCE: Duration = Duration::from_secs(20);
const FIRST_ROUND: Duration = Duration::from_secs(60);
const ROUND: Duration = Duration::from_secs(3_600);

#[cfg(test)]
pub mod tests;
