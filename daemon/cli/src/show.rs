//! Answers, as text for people or JSON for programs.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use headgate_record::{Field, Kind, Record};
use serde_json::Value;

use crate::ask;
use crate::error::CliError;

mod status;
pub(crate) use status::status;

/// Prints one JSON document, indented.
pub(crate) fn json(value: &Value) -> Result<(), CliError> {
    line(&format!("{value:#}"))
}

/// Prints text and ends the line.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Prints text that ends its lines itself.
pub(crate) fn text(text: &str) -> Result<(), CliError> {
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// Says on standard error what went wrong.
pub(crate) fn problem(text: &str) {
    let _ = writeln!(io::stderr().lock(), "headgate: {text}");
}

/// Says on standard error what is being done.
pub(crate) fn progress(text: &str) {
    let _ = writeln!(io::stderr().lock(), "… {text}");
}

/// Prints columns, each as wide as its widest cell; the last one is not filled up.
pub(crate) fn table(header: Vec<String>, rows: Vec<Vec<String>>) -> Result<(), CliError> {
    let mut widths: Vec<usize> = Vec::new();
    for row in std::iter::once(&header).chain(&rows) {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&header).chain(&rows) {
        let start = text.len();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width + BETWEEN_COLUMNS - cell.chars().count().min(*width)));
        }
        text.truncate(start + text.get(start..).unwrap_or_default().trim_end().len());
        text.push('\n');
    }
    line(text.trim_end())
}

/// A text in lines of at most so many characters, broken between words where it can be.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut taken = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if taken > 0 && taken + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        while word.len() > width.max(1) {
            let rest = word.split_off(width.max(1));
            lines.push(std::mem::replace(&mut word, rest).into_iter().collect());
        }
        if taken > 0 {
            line.push(' ');
            taken += 1;
        }
        taken += word.len();
        line.extend(word);
    }
    if taken > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Asks for the records of a kind and prints them.
pub(crate) fn records(kind: Kind, config: &Path, limit: u32, as_json: bool) -> Result<(), CliError> {
    let answer = ask::records(config, kind, limit)?;
    if as_json {
        return json(&answer);
    }
    let records = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    if records.is_empty() {
        return Err(CliError::Nothing(format!("no {} records", kind.name())));
    }
    rows(kind, records, |record, column| cell(&record[column]))
}

/// Prints records, a table for each kind.
pub(crate) fn by_kind(records: &[Record]) -> Result<(), CliError> {
    let mut first = true;
    for kind in Kind::ALL {
        let of_kind: Vec<&Record> = records.iter().filter(|record| record.kind() == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        if !std::mem::replace(&mut first, false) {
            line("")?;
        }
        line(&format!("{} ({})", kind.name(), of_kind.len()))?;
        let fields: HashMap<&str, Field> = Field::of(kind).map(|field| (field.short_name(), field)).collect();
        rows(kind, &of_kind, |record, column| {
            let value = fields.get(column).and_then(|field| record.get(*field));
            value.map(|value| cell(&value.to_json())).unwrap_or_default()
        })?;
    }
    if first { Err(CliError::Nothing("nothing that Headgate reads was in the files".into())) } else { Ok(()) }
}

/// Prints what the next batch would hold.
pub(crate) fn preview(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        return json(answer);
    }
    if answer["receiver_configured"] == false {
        line("No receiver is configured: nothing leaves. With one, this would:")?;
    }
    line(&format!(
        "{} records wait; the next batch would hold {}. {} finished batches wait to be sent.",
        answer["waiting"], answer["records_in_batch"], answer["batches_waiting"],
    ))?;
    let records = answer["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    for record in records {
        let fields = record.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
        let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={}", cell(value))).collect();
        line(&format!("  {}  {}", cell(&record["kind"]), fields.join(" ")))?;
    }
    for row in answer["withheld"].as_array().into_iter().flatten() {
        line(&format!(
            "  withheld: {} {} records ({})",
            row["records"],
            cell(&row["kind"]),
            cell(&row["reason"])
        ))?;
    }
    Ok(())
}

/// Prints the ledger. A broken chain is the answer no.
pub(crate) fn ledger(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        json(answer)?;
    } else {
        let header = ["NUMBER", "TIME", "EVENT", "DETAIL"].map(String::from).to_vec();
        let rows = answer["entries"].as_array().into_iter().flatten().map(|entry| {
            let time =
                entry["at_ms"].as_u64().map(|ms| headgate_record::Value::Time(ms * 1_000_000).to_string());
            let detail = entry["detail"].as_object().into_iter().flatten();
            let detail: Vec<String> =
                detail.map(|(name, value)| format!("{name}={}", short(&cell(value)))).collect();
            vec![cell(&entry["number"]), time.unwrap_or_default(), cell(&entry["event"]), detail.join(" ")]
        });
        table(header, rows.collect())?;
    }
    match answer["broken_at"].as_u64() {
        Some(at) => Err(CliError::Nothing(format!("the chain of the ledger is broken at entry {at}"))),
        None if as_json => Ok(()),
        None => line(
            "The chain of these entries is whole, and its end is signed. All of them: headgate ledger verify.",
        ),
    }
}

fn rows<R>(kind: Kind, records: &[R], text: impl Fn(&R, &str) -> String) -> Result<(), CliError> {
    let columns = columns(kind);
    let header = columns.iter().map(|c| c.to_uppercase().replace('_', " ")).collect();
    let rows = records.iter().map(|record| columns.iter().map(|column| text(record, column)).collect());
    table(header, rows.collect())
}

/// The columns of a kind that fit a terminal; JSON has all fields.
fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Device => {
            &["mac", "vlan", "vendor", "addresses", "hostname", "os_class", "device_kind", "last_seen"]
        }
        Kind::Neighbor => &[
            "interface",
            "protocol",
            "system_name",
            "chassis_id",
            "port_id",
            "port_description",
            "capabilities_enabled",
            "state",
        ],
        Kind::Lease => &["address", "mac", "vlan", "hostname", "server", "state", "granted", "expires"],
        Kind::Exchange => &[
            "started",
            "mac",
            "vlan",
            "outcome",
            "messages",
            "servers",
            "discover_to_offer",
            "request_to_answer",
        ],
        Kind::Flow => &[
            "started",
            "source_address",
            "source_port",
            "destination_address",
            "destination_port",
            "transport",
            "service",
            "packets",
            "reverse_packets",
            "bytes",
            "reverse_bytes",
            "end_reason",
        ],
        Kind::Counters => &[
            "interface",
            "from",
            "to",
            "frames",
            "frames_lost",
            "used",
            "partly_used",
            "unread",
            "malformed",
        ],
        Kind::Authentication => &[
            "started",
            "protocol",
            "mac",
            "vlan",
            "nas",
            "server",
            "eap_method",
            "result",
            "request_to_answer",
            "messages",
        ],
        Kind::Bridge => &[
            "interface",
            "vlan",
            "protocol",
            "bridge",
            "port",
            "port_role",
            "root",
            "root_priority",
            "root_path_cost",
            "topology_changes",
            "state",
            "last_seen",
        ],
    }
}

/// A value in a table: lists with commas, nothing for what is absent.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Spaces.
const BETWEEN_COLUMNS: usize = 2;

/// The beginning of a digest or receipt.
fn short(text: &str) -> String {
    if text.len() > 24 {
        format!("{}…", text.chars().take(16).collect::<String>())
    } else {
        text.to_owned()
    }
}
