//! Publishing to the server that leads the stream of batches, whichever that is by now: what is sent to another one goes through two.

use std::sync::{Arc, PoisonError};

use async_nats::jetstream::Context;
use tokio::time::{Duration, sleep};

use super::JetStream;
use super::connect::{beside, context};
use super::trouble::Trouble;
use crate::Error;

/// Why the leader is not followed.
#[derive(Debug, thiserror::Error)]
pub enum Unfollowed {
    /// The cluster does not say who leads.
    #[error("{0}")]
    Trouble(#[from] Trouble),
    /// A file that a connection needs cannot be used.
    #[error("{0}")]
    File(#[from] Error),
}

impl JetStream {
    /// What to publish with. Whoever waits for an answer keeps it until then: its connection ends with the last who does.
    pub fn publisher(&self) -> Context {
        self.publisher.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has messages published to the server that leads, if that is one of those that are configured and can be reached. Whether it
    /// was another one before. What is under way stays on its connection.
    pub async fn follow_leader(&self) -> Result<bool, Unfollowed> {
        let info = self.batches.get_info().await;
        let info = info.map_err(|error| Trouble::cluster("say who leads")(error.into()))?;
        let Some(leader) = info.cluster.and_then(|cluster| cluster.leader) else { return Ok(false) };
        let Some(client) = beside(&self.cluster, &self.publisher(), &leader).await? else { return Ok(false) };
        *self.publisher.write().unwrap_or_else(PoisonError::into_inner) = context(client);
        log::info!(event = "follows_leader"; "server {leader} leads the stream of batches now: they are sent to it");
        Ok(true)
    }
}

/// Follows the leader for as long as there is a receiver.
pub async fn follow(cluster: Arc<JetStream>) {
    loop {
        sleep(ROUND).await;
        // Batches are stored all the same, at the cost of one server more that each passes.
        if let Err(why) = cluster.follow_leader().await {
            log::debug!("following the leader: {why}");
        }
    }
}

const ROUND: Duration = Duration::from_secs(60);
