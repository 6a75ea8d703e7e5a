//! What there is in the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use prost::Message;

use super::JetStream;
use super::series::{Series, last};
use super::trouble::Trouble;
use crate::engine::{Appliance, Figures, now_ms};

/// Media that were imported.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Imports {
    #[prost(uint64, tag = "1")]
    media: u64,
    #[prost(uint64, tag = "2")]
    batches: u64,
}

impl JetStream {
    /// Every series, by appliance and epoch; at most [`MAX_SERIES`]. A consumer could read the heads of the last messages alone, but
    /// lives on one server, and so dies with it.
    pub async fn all_series(&self) -> Result<BTreeMap<(String, u64), Series>, Trouble> {
        let what = "list what it has";
        let subjects = self.batches.info_with_subjects(self.names.all()).await;
        let subjects = subjects.map_err(|error| Trouble::cluster(what)(error.into()))?;
        let mut names = std::pin::pin!(subjects.take(MAX_SERIES));
        let mut found = BTreeMap::new();
        while let Some(name) = names.next().await {
            let (subject, _) = name.map_err(|error| Trouble::cluster(what)(error.into()))?;
            let Some(series) = self.names.parse(&subject) else { continue };
            if let Some(message) = last(&self.batches, &subject).await? {
                let state = self.state_of(&subject, &message.headers)?;
                found.insert(series, Series { state: state.behind(message.sequence), at: message.sequence });
            }
        }
        Ok(found)
    }

    /// In figures; those of the last minute are good enough.
    pub async fn look(&self) -> Result<Figures, Trouble> {
        let mut looked = self.looked.lock().await;
        if let Some((at, figures)) = looked.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            log::debug!("figures of {} s ago", at.elapsed().as_secs());
            return Ok(figures.clone());
        }
        let now_ms = now_ms();
        let mut figures = Figures::default();
        let mut known = String::new();
        for ((name, _), series) in self.all_series().await? {
            let (state, batches) = (&series.state, series.state.count());
            if name != known {
                known.clone_from(&name);
                figures.known += 1;
            }
            figures.add(Appliance {
                name,
                batches,
                missing: state.highest().saturating_sub(batches),
                quiet_ms: now_ms.saturating_sub(state.last_ms),
            });
        }
        if let Some(message) = last(&self.index, &self.names.imports()).await? {
            let place = self.names.imports();
            let imports = self.keys.open_own(&place, &message.payload);
            let imports =
                imports.and_then(|octets| Imports::decode(octets.as_slice()).ok()).unwrap_or_default();
            (figures.media, figures.imported) = (imports.media, imports.batches);
        }
        let info = self.batches.get_info().await;
        let state = info.map_err(|error| Trouble::cluster("say what it has")(error.into()))?.state;
        figures.octets = state.bytes;
        if state.messages > 0 {
            let first_ms = state.first_timestamp.unix_timestamp_nanos() / 1_000_000;
            figures.oldest_ms = Some(now_ms.saturating_sub(u64::try_from(first_ms).unwrap_or(now_ms)));
        }
        *looked = Some((std::time::Instant::now(), figures.clone()));
        Ok(figures)
    }

    /// Counts a medium that was imported, and the batches that were stored from it.
    pub async fn count_import(&self, batches: u64) -> Result<(), Trouble> {
        let place = self.names.imports();
        for _ in 0..MAX_COUNTING {
            let message = last(&self.index, &place).await?;
            let at = message.as_ref().map_or(0, |message| message.sequence);
            let octets = message.and_then(|message| self.keys.open_own(&place, &message.payload));
            let old = octets.and_then(|octets| Imports::decode(octets.as_slice()).ok()).unwrap_or_default();
            let new = Imports { media: old.media + 1, batches: old.batches.saturating_add(batches) };
            if self.put(&place, &new, Some(at)).await? {
                return Ok(());
            }
        }
        Err(Trouble::Overtaken(MAX_COUNTING))
    }
}

/// Most series of which figures are given.
const MAX_SERIES: usize = 65_536;
const FRESH: Duration = Duration::from_secs(60);
const MAX_COUNTING: u32 = 16;
