//! `headgate buffer verify | stats | purge | compact | export`.

use std::path::Path;
use std::time::Duration;

use headgate_record::local::ControlRequest;
use headgate_record::{Field, Kind, Value as Content};
use serde_json::{Value, json};

use crate::args::{BufferCommand, Format};
use crate::ask::Store;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Does what the command line says.
///
/// # Errors
/// [`CliError::Nothing`] for a buffer that is not whole, and for a purge that was not agreed to.
pub(crate) fn run(config: &Path, command: BufferCommand, as_json: bool) -> Result<(), CliError> {
    let mut store = Store::connect(config)?;
    match command {
        BufferCommand::Stats => stats(&store.ask(&ControlRequest::BufferStats)?, as_json),
        BufferCommand::Verify => verify(&mut store, as_json),
        BufferCommand::Purge { class, before, yes, .. } => {
            purge(&mut store, class, before.unwrap_or(u64::MAX), yes, as_json)
        }
        BufferCommand::Compact => compact(&mut store, as_json),
        BufferCommand::Export { kind, format, file } => {
            export(&mut store, kind, format, file.as_deref(), as_json)
        }
    }
}

fn stats(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        return show::json(answer);
    }
    let header = ["CLASS", "SEGMENTS", "RECORDS", "KIB", "SINCE", "UNTIL"].map(String::from).to_vec();
    let rows = answer["classes"].as_array().into_iter().flatten().map(|class| {
        let kib = class["octets"].as_u64().unwrap_or(0).div_ceil(1024);
        let cells = [&class["class"], &class["segments"], &class["records"]].map(show::cell);
        let [name, segments, records] = cells;
        vec![name, segments, records, kib.to_string(), time(&class["oldest_ms"]), time(&class["newest_ms"])]
    });
    show::table(header, rows.collect())?;
    let kib = |value: &Value| value.as_u64().unwrap_or(0) / 1024;
    let outbox = &answer["outbox"];
    show::line(&format!(
        "{} batches of {} records wait for a receipt, {} KiB",
        outbox["batches"],
        outbox["records"],
        kib(&outbox["octets"])
    ))?;
    show::line(&format!(
        "{} parts are in quarantine, {} segments are missing",
        answer["quarantined"], answer["missing"]
    ))?;
    show::line(&format!(
        "{} KiB on disk of {} KiB; of the database {} KiB are free; the least valuable goes from {} KiB in use on",
        kib(&answer["bytes_on_disk"]),
        kib(&answer["cap"]),
        kib(&answer["free"]),
        kib(&answer["evicts_from"])
    ))?;
    show::line(&format!(
        "{} entries in the ledger, of at most {}",
        answer["ledger_entries"], answer["ledger_entries_most"]
    ))
}

fn verify(store: &mut Store, as_json: bool) -> Result<(), CliError> {
    let (mut segments, mut records, mut batches, mut damaged) = (0, 0, 0, Vec::new());
    let mut after = 0;
    loop {
        let mut step = store.ask(&ControlRequest::BufferVerify { after })?;
        segments += step["segments"].as_u64().unwrap_or(0);
        records += step["records"].as_u64().unwrap_or(0);
        if let Value::Array(more) = step["damaged"].take() {
            damaged.extend(more);
        }
        let Some(next) = step["next"].as_u64().filter(|next| *next > after) else { break };
        after = next;
    }
    after = 0;
    loop {
        let mut step = store.ask(&ControlRequest::BufferVerifyOutbox { after })?;
        batches += step["batches"].as_u64().unwrap_or(0);
        if let Value::Array(more) = step["damaged"].take() {
            damaged.extend(more);
        }
        let Some(next) = step["next"].as_u64().filter(|next| *next > after) else { break };
        after = next;
    }
    let missing = store.ask(&ControlRequest::BufferStats)?["missing"].as_u64().unwrap_or(0);
    store.wait_for(STRUCTURE_LIMIT)?;
    let faults = store.ask(&ControlRequest::BufferStructure)?["faults"].take();
    let is_whole = damaged.is_empty() && missing == 0 && faults.as_array().is_some_and(Vec::is_empty);
    let counted = format!("{records} records of {segments} segments and {batches} batches were read");
    if as_json {
        show::json(&json!({
            "whole": is_whole, "segments": segments, "records": records, "batches": batches, "damaged": damaged,
            "missing": missing, "faults": faults,
        }))?;
    } else {
        for part in &damaged {
            let (what, id) = if part["batch"].is_null() {
                ("segment", &part["segment"])
            } else {
                ("batch", &part["batch"])
            };
            show::line(&format!("{what} {id} does not open: {} records", part["records"]))?;
        }
        if missing > 0 {
            show::line(&format!("{missing} segments are missing, and were not deleted by the store"))?;
        }
        for fault in faults.as_array().into_iter().flatten() {
            show::line(&format!("database: {}", show::cell(fault)))?;
        }
        if is_whole {
            show::line(&format!("{counted}: the buffer is whole."))?;
        }
    }
    if is_whole { Ok(()) } else { Err(CliError::Nothing(format!("{counted}: the buffer is not whole"))) }
}

fn purge(
    store: &mut Store,
    class: Option<String>,
    before_ms: u64,
    yes: bool,
    as_json: bool,
) -> Result<(), CliError> {
    let ask = |count_only| ControlRequest::BufferPurge { class: class.clone(), before_ms, count_only };
    let counted = store.ask(&ask(true))?;
    let rows = counted["purged"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return Err(CliError::Nothing("nothing that is kept is meant".into()));
    }
    let mut more = yes;
    while more {
        more = store.ask(&ask(false))?["more"] == true;
    }
    if as_json {
        show::json(&json!({ "deleted": yes, "purged": rows }))?;
    } else {
        for row in rows {
            show::line(&format!(
                "{} {} records of class {}, {} of them not released and so lost",
                if yes { "deleted" } else { "would delete" },
                row["records"],
                show::cell(&row["class"]),
                row["not_released"]
            ))?;
        }
    }
    if yes { Ok(()) } else { Err(CliError::Nothing("nothing is deleted without --yes".into())) }
}

fn compact(store: &mut Store, as_json: bool) -> Result<(), CliError> {
    let mut given_back = 0;
    let last = loop {
        let step = store.ask(&ControlRequest::BufferCompact)?;
        let octets = step["given_back"].as_u64().unwrap_or(0);
        given_back += octets;
        if octets == 0 || step["free"] == 0 {
            break step;
        }
    };
    let on_disk = last["bytes_on_disk"].as_u64().unwrap_or(0);
    if as_json {
        return show::json(&json!({ "given_back": given_back, "bytes_on_disk": on_disk }));
    }
    show::line(&format!("{} KiB are given back, {} KiB are on disk", given_back / 1024, on_disk / 1024))
}

fn export(
    store: &mut Store,
    kind: Option<Kind>,
    format: Format,
    file: Option<&Path>,
    as_json: bool,
) -> Result<(), CliError> {
    let mut output = Output::create(file)?;
    let columns: Vec<&str> = match (format, kind) {
        (Format::Csv, Some(kind)) => {
            Field::ALL.iter().filter(|field| field.kind() == kind).map(|field| field.short_name()).collect()
        }
        _ => Vec::new(),
    };
    if format == Format::Csv {
        output.write(&csv(columns.iter().map(|column| (*column).to_owned())))?;
    }
    let (mut after, mut taken, mut written, mut damaged) = (0, 0, 0_u64, 0);
    loop {
        let kind = kind.map(|kind| kind.name().to_owned());
        let page = store.ask(&ControlRequest::BufferExport { kind, after, taken })?;
        for record in page["records"].as_array().into_iter().flatten() {
            match format {
                Format::Json => output.write(&format!("{record}\n"))?,
                Format::Csv => {
                    output.write(&csv(columns.iter().map(|column| show::cell(&record[*column]))))?
                }
            }
            written += 1;
        }
        damaged += page["damaged"].as_u64().unwrap_or(0);
        if page["last"] == true {
            break;
        }
        let position = |name: &str| page[name].as_u64().ok_or_else(|| CliError::Answer(format!("no {name}")));
        (after, taken) = (position("after")?, u32::try_from(position("taken")?).unwrap_or(u32::MAX));
    }
    match output.finish()? {
        true if as_json => show::json(&json!({ "records": written, "damaged": damaged }))?,
        true => show::line(&format!("{written} records are written."))?,
        false => {}
    }
    match damaged {
        0 => Ok(()),
        _ => Err(CliError::Nothing(format!("{damaged} records are damaged and could not be written"))),
    }
}

/// A line of RFC 4180. What a spreadsheet would take for a formula stands behind an apostrophe: names come from the network.
fn csv(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells
        .map(|cell| {
            let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            let cell = if formula { format!("'{cell}") } else { cell };
            if cell.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell
            }
        })
        .collect();
    format!("{}\r\n", cells.join(","))
}

fn time(ms: &Value) -> String {
    ms.as_u64().map(|ms| Content::Time(ms.saturating_mul(1_000_000)).to_string()).unwrap_or_default()
}

/// Reading a whole database may take so long.
const STRUCTURE_LIMIT: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_the_network_is_no_formula_and_breaks_no_line() {
        let line = csv(["a", "=1+1", "x,y", "say \"no\"", "two\nlines", ""].into_iter().map(str::to_owned));
        assert_eq!(line, "a,'=1+1,\"x,y\",\"say \"\"no\"\"\",\"two\nlines\",\r\n");
    }
}
