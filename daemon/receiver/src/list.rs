//! What was received, for people and for programs.

use std::io::Write;

use rusqlite::{Row, params};
use serde_json::{Value, json};

use headgate_record::Kind;

use crate::{Config, Error, database};

/// Which records to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this appliance's.
    pub appliance: Option<String>,
    /// Only of this kind.
    pub kind: Option<Kind>,
}

/// Writes the records in the order of their batches, and says how many. With `json` each is a line
/// `{"appliance", "epoch", "sequence", "position", "record"}`.
///
/// # Errors
/// [`Error::Database`], [`Error::Version`], [`Error::Output`].
pub fn records(config: &Config, filter: &Filter, json: bool, out: &mut dyn Write) -> Result<u64, Error> {
    if !json {
        line(out, &format!("{:<20} {:>10} {:>5}  {:<9} FIELDS", "APPLIANCE", "BATCH", "PLACE", "KIND"))?;
    }
    let kind = filter.kind.map(Kind::name);
    each(
        config,
        RECORDS,
        params![filter.appliance, kind],
        |row| {
            let (appliance, kind): (String, String) = (row.get(0)?, row.get(4)?);
            let (epoch, sequence, position): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let record: Value = row.get::<_, String>(5)?.parse().unwrap_or_default();
            let (epoch, sequence) = (epoch.cast_unsigned(), sequence.cast_unsigned());
            Ok(if json {
                json!({"appliance": appliance, "epoch": epoch, "sequence": sequence, "position": position,
                "record": record})
                .to_string()
            } else {
                format!("{appliance:<20} {sequence:>10} {position:>5}  {kind:<9} {}", fields(&record))
            })
        },
        out,
    )
}

/// Writes the batches, and says how many. A batch before which others are missing names them.
///
/// # Errors
/// As [`records`].
pub fn batches(config: &Config, json: bool, out: &mut dyn Write) -> Result<u64, Error> {
    if !json {
        let head = format!("{:<20} {:<16} {:>10} {:>8}  RECEIVED", "APPLIANCE", "EPOCH", "BATCH", "RECORDS");
        line(out, &head)?;
    }
    let mut last: Option<(String, u64, u64)> = None;
    each(
        config,
        BATCHES,
        [],
        |row| {
            let appliance: String = row.get(0)?;
            let (epoch, sequence): (i64, i64) = (row.get(1)?, row.get(2)?);
            let (epoch, sequence) = (epoch.cast_unsigned(), sequence.cast_unsigned());
            let (digest, rules): ([u8; 32], [u8; 32]) = (row.get(3)?, row.get(4)?);
            let (records, received_ms): (i64, i64) = (row.get(5)?, row.get(6)?);
            let before = match &last {
                Some((a, e, s)) if (a, *e) == (&appliance, epoch) => *s,
                _ => 0,
            };
            let first_missing = before.saturating_add(1);
            let gap = (sequence > first_missing).then(|| (first_missing, sequence - 1));
            last = Some((appliance.clone(), epoch, sequence));
            let received =
                headgate_record::Value::Time(received_ms.cast_unsigned().saturating_mul(1_000_000));
            let account = |index| {
                Ok::<Value, rusqlite::Error>(row.get::<_, String>(index)?.parse().unwrap_or_default())
            };
            Ok(if json {
                json!({"appliance": appliance, "epoch": epoch, "sequence": sequence, "records": records,
                "received": received.to_json(), "digest": hex::encode(digest), "rules": hex::encode(rules),
                "regions": account(11)?, "profile": row.get::<_, String>(12)?, "withheld": account(7)?, "lost": account(8)?,
                "expired": row.get::<_, bool>(13)?, "forgotten": {"values": row.get::<_, i64>(9)?, "records": row.get::<_, i64>(10)?},
                "missing_before": gap.map(|(from, to)| json!({"from": from, "to": to}))})
                .to_string()
            } else {
                let missing =
                    gap.map(|(from, to)| format!("{appliance:<20} {epoch:016x}  missing: {from} to {to}\n"));
                format!(
                    "{}{appliance:<20} {epoch:016x} {sequence:>10} {records:>8}  {received}{}",
                    missing.unwrap_or_default(),
                    if row.get(13)? { "  expired" } else { "" },
                )
            })
        },
        out,
    )
}

/// One line for each row. Rows are not gathered: a receiver holds more than memory does.
fn each(
    config: &Config,
    query: &str,
    parameters: impl rusqlite::Params,
    mut show: impl FnMut(&Row<'_>) -> rusqlite::Result<String>,
    out: &mut dyn Write,
) -> Result<u64, Error> {
    let failed = |source| Error::Database { file: config.database.clone(), source };
    let connection = database::read(&config.database)?;
    let mut statement = connection.prepare(query).map_err(failed)?;
    let mut rows = statement.query(parameters).map_err(failed)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        line(out, &show(row).map_err(failed)?)?;
        count += 1;
    }
    Ok(count)
}

fn line(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    writeln!(out, "{text}").map_err(Error::Output)
}

/// `name=value`, without the kind, control characters escaped: the text is an appliance's.
fn fields(record: &Value) -> String {
    let Some(object) = record.as_object() else { return String::new() };
    let shown = object.iter().filter(|(name, _)| *name != "kind").map(|(name, value)| match value {
        Value::String(text) => format!("{name}={}", text.escape_debug()),
        other => format!("{name}={other}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

const RECORDS: &str = "SELECT appliance, epoch, sequence, position, kind, json FROM record \
     WHERE (?1 IS NULL OR appliance = ?1) AND (?2 IS NULL OR kind = ?2) \
     ORDER BY appliance, epoch, sequence, position";
const BATCHES: &str = "SELECT appliance, epoch, sequence, digest, rules, records, received_ms, withheld, lost, \
     forgotten_values, forgotten_records, regions, profile, expired > 0 FROM batch ORDER BY appliance, epoch, sequence";
