//! From a cluster: series by series, number by number.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use headgate_record::batch::{Batch as Content, BatchId};

use super::{Batch, Filter, Found, Said};
use crate::config::Cluster;
use crate::database::accounts;
use crate::jetstream::{Entry, JetStream};
use crate::sealing::Keys;
use crate::sweep::before_ms;
use crate::{Config, Error};

/// The records, in the order of their batches.
pub fn records(
    config: &Config,
    of: &Cluster,
    filter: &Filter,
    show: &mut dyn FnMut(Found) -> Result<(), Error>,
) -> Result<u64, Error> {
    let mut count = 0;
    each(config, of, filter.appliance.as_deref(), &mut |id, _, content| {
        let records = content.map(|batch| batch.records).unwrap_or_default();
        for (position, record) in (0..).zip(records) {
            if filter.kind.is_none_or(|kind| kind == record.kind()) {
                let kind = record.kind().name().to_owned();
                show(Found { id: id.clone(), position, kind, record: record.to_json() })?;
                count += 1;
            }
        }
        Ok(())
    })?;
    Ok(count)
}

/// The batches, in their order.
pub fn batches(
    config: &Config,
    of: &Cluster,
    show: &mut dyn FnMut(Batch) -> Result<(), Error>,
) -> Result<u64, Error> {
    let before_ms = before_ms(config.retention_days);
    each(config, of, None, &mut |id, entry, content| {
        show(Batch {
            id,
            digest: entry.digest.as_slice().try_into().unwrap_or_default(),
            records: entry.records.into(),
            received_ms: entry.stored_ms,
            forgotten: (entry.values.into(), entry.forgotten),
            is_expired: entry.since_ms < before_ms || content.is_none(),
            said: content.map(|batch| {
                let (withheld, lost) = accounts(&batch);
                Said {
                    rules: batch.rules,
                    regions: json!(batch.regions),
                    profile: batch.profile,
                    withheld,
                    lost,
                }
            }),
        })
    })
}

type Show<'a> = dyn FnMut(BatchId, &Entry, Option<Content>) -> Result<(), Error> + 'a;

/// Every batch, with its content where that is still there.
fn each(config: &Config, of: &Cluster, only: Option<&str>, show: &mut Show<'_>) -> Result<u64, Error> {
    let keys = Arc::new(Keys::load(config.seal_keys.iter().map(PathBuf::as_path))?);
    crate::runtime()?.block_on(async {
        let cluster = JetStream::reach(of, keys, config.retention_days).await?;
        let failed = |trouble| cluster.error(&trouble);
        let mut count = 0;
        // Those that came together lie in one message.
        let mut there = (0, Vec::new());
        for ((appliance, epoch), series) in cluster.all_series().await.map_err(failed)? {
            if only.is_some_and(|name| name != appliance) {
                continue;
            }
            for page in series.state.pages() {
                let id = BatchId { appliance: appliance.clone(), epoch, sequence: 0 };
                for entry in cluster.entries(&id, &series, page).await.map_err(failed)? {
                    if there.0 != entry.at {
                        there = (entry.at, cluster.parts(entry.at).await.map_err(failed)?);
                    }
                    let part = there.1.iter().find(|part| part.sealed.id.sequence == entry.sequence);
                    let content = part.map(|part| cluster.open(part)).transpose().map_err(failed)?;
                    show(BatchId { sequence: entry.sequence, ..id.clone() }, &entry, content)?;
                    count += 1;
                }
            }
        }
        Ok(count)
    })
}
