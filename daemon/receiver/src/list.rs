//! What was received, for people and for programs.

mod cluster;
mod rows;

use std::io::Write;

use serde_json::{Value, json};

use headgate_record::Kind;
use headgate_record::batch::BatchId;

use crate::config::Engine;
use crate::{Config, Error};

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
    let mut show = |of: Found| {
        let Found { id: BatchId { appliance, epoch, sequence }, position, kind, record } = of;
        let text = if json {
            json!({"appliance": appliance, "epoch": epoch, "sequence": sequence, "position": position,
                "record": record})
            .to_string()
        } else {
            format!("{appliance:<20} {sequence:>10} {position:>5}  {kind:<9} {}", fields(&record))
        };
        line(out, &text)
    };
    match &config.engine {
        Engine::Sqlite => rows::records(config, filter, &mut show),
        Engine::JetStream(of) => cluster::records(config, of, filter, &mut show),
    }
}

/// A record, and where it is.
struct Found {
    id: BatchId,
    position: u64,
    kind: String,
    record: Value,
}

/// A batch that was stored.
struct Batch {
    id: BatchId,
    digest: [u8; 32],
    records: u64,
    received_ms: u64,
    forgotten: (u64, u64),
    is_expired: bool,
    /// What it said of itself; nothing where only its number is left.
    said: Option<Said>,
}

/// What a batch said of itself.
struct Said {
    rules: [u8; 32],
    regions: Value,
    profile: String,
    withheld: Value,
    lost: Value,
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
    let mut last: Option<BatchId> = None;
    let mut show = |of: Batch| {
        let BatchId { appliance, epoch, sequence } = &of.id;
        let before = match &last {
            Some(last) if (&last.appliance, last.epoch) == (appliance, *epoch) => last.sequence,
            _ => 0,
        };
        let first_missing = before.saturating_add(1);
        let gap = (*sequence > first_missing).then(|| (first_missing, sequence - 1));
        let received = headgate_record::Value::Time(of.received_ms.saturating_mul(1_000_000));
        let text = if json {
            let of_said = |value: fn(&Said) -> Value| of.said.as_ref().map_or(Value::Null, value);
            json!({"appliance": appliance, "epoch": epoch, "sequence": sequence, "records": of.records,
                "received": received.to_json(), "digest": hex::encode(of.digest),
                "rules": of_said(|said| hex::encode(said.rules).into()), "regions": of_said(|said| said.regions.clone()),
                "profile": of_said(|said| said.profile.clone().into()), "withheld": of_said(|said| said.withheld.clone()),
                "lost": of_said(|said| said.lost.clone()), "expired": of.is_expired,
                "forgotten": {"values": of.forgotten.0, "records": of.forgotten.1},
                "missing_before": gap.map(|(from, to)| json!({"from": from, "to": to}))})
            .to_string()
        } else {
            let missing =
                gap.map(|(from, to)| format!("{appliance:<20} {epoch:016x}  missing: {from} to {to}\n"));
            format!(
                "{}{appliance:<20} {epoch:016x} {sequence:>10} {:>8}  {received}{}",
                missing.unwrap_or_default(),
                of.records,
                if of.is_expired { "  expired" } else { "" },
            )
        };
        last = Some(of.id);
        line(out, &text)
    };
    match &config.engine {
        Engine::Sqlite => rows::batches(config, &mut show),
        Engine::JetStream(of) => cluster::batches(config, of, &mut show),
    }
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
