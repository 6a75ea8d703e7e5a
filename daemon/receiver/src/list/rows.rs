//! From the database. Rows are not gathered: a receiver holds more than memory does.

use rusqlite::{Row, params};
use serde_json::Value;

use headgate_record::Kind;
use headgate_record::batch::BatchId;

use super::{Batch, Filter, Found, Said};
use crate::{Config, Error, database};

/// The records, in the order of their batches.
pub fn records(
    config: &Config,
    filter: &Filter,
    show: &mut dyn FnMut(Found) -> Result<(), Error>,
) -> Result<u64, Error> {
    let kind = filter.kind.map(Kind::name);
    let read = |row: &Row<'_>| {
        Ok(Found {
            id: id(row)?,
            position: row.get::<_, i64>(3)?.cast_unsigned(),
            kind: row.get(4)?,
            record: row.get::<_, String>(5)?.parse().unwrap_or_default(),
        })
    };
    each(config, RECORDS, params![filter.appliance, kind], read, show)
}

/// The batches, in their order.
pub fn batches(config: &Config, show: &mut dyn FnMut(Batch) -> Result<(), Error>) -> Result<u64, Error> {
    let read = |row: &Row<'_>| {
        let count = |at| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(at)?.cast_unsigned());
        let account =
            |at| Ok::<Value, rusqlite::Error>(row.get::<_, String>(at)?.parse().unwrap_or_default());
        Ok(Batch {
            id: id(row)?,
            digest: row.get(3)?,
            records: count(5)?,
            received_ms: count(6)?,
            forgotten: (count(9)?, count(10)?),
            is_expired: row.get(13)?,
            said: Some(Said {
                rules: row.get(4)?,
                regions: account(11)?,
                profile: row.get(12)?,
                withheld: account(7)?,
                lost: account(8)?,
            }),
        })
    };
    each(config, BATCHES, [], read, show)
}

fn id(row: &Row<'_>) -> rusqlite::Result<BatchId> {
    let (epoch, sequence): (i64, i64) = (row.get(1)?, row.get(2)?);
    Ok(BatchId { appliance: row.get(0)?, epoch: epoch.cast_unsigned(), sequence: sequence.cast_unsigned() })
}

fn each<T>(
    config: &Config,
    query: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    show: &mut dyn FnMut(T) -> Result<(), Error>,
) -> Result<u64, Error> {
    let failed = |source| Error::Database { file: config.database.clone(), source };
    let connection = database::read(&config.database)?;
    let mut statement = connection.prepare(query).map_err(failed)?;
    let mut rows = statement.query(parameters).map_err(failed)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        show(read(row).map_err(failed)?)?;
        count += 1;
    }
    Ok(count)
}

const RECORDS: &str = "SELECT appliance, epoch, sequence, position, kind, json FROM record \
     WHERE (?1 IS NULL OR appliance = ?1) AND (?2 IS NULL OR kind = ?2) \
     ORDER BY appliance, epoch, sequence, position";
const BATCHES: &str = "SELECT appliance, epoch, sequence, digest, rules, records, received_ms, withheld, lost, \
     forgotten_values, forgotten_records, regions, profile, expired > 0 FROM batch ORDER BY appliance, epoch, sequence";
