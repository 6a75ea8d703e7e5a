//! The last page of a trial: what was seen, dropped, kept and sent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use headgate_record::{Field, Kind};
use serde_json::{Value, json};

use super::site::Site;
use crate::ask;
use crate::error::CliError;
use crate::programs::Programs;
use crate::show::cell;

/// What the running processes and the receiver say at the end.
pub(super) struct Facts {
    status: Value,
    /// Sum of the counters records by field.
    counters: BTreeMap<String, u64>,
    /// For each kind, the fields that records on the appliance have.
    kept: BTreeMap<&'static str, Fields>,
    /// For each kind, the fields that records at the receiver have.
    left: BTreeMap<&'static str, Fields>,
    batches: u64,
    octets: u64,
    receipts: u64,
    ledger_is_whole: bool,
    neighbors: Value,
    leases: Value,
    seconds: f64,
}

#[derive(Default)]
struct Fields {
    records: u64,
    names: BTreeMap<String, u64>,
}

impl Facts {
    /// Asks the store, and the receiver's program for what it holds.
    pub(super) fn gather(site: &Site, programs: &Programs, took: Duration) -> Result<Facts, CliError> {
        let config = site.config();
        let mut kept: BTreeMap<&'static str, Fields> = BTreeMap::new();
        let mut counters = BTreeMap::new();
        for kind in Kind::ALL {
            let records = ask::records(&config, kind, MAX_RECORDS)?;
            for record in records.as_array().into_iter().flatten() {
                kept.entry(kind.name()).or_default().add(record);
                if kind == Kind::Counters {
                    for (name, value) in record.as_object().into_iter().flatten() {
                        *counters.entry(name.clone()).or_default() += value.as_u64().unwrap_or(0);
                    }
                }
            }
        }
        let mut left: BTreeMap<&'static str, Fields> = BTreeMap::new();
        let received = programs.run(
            "headgate-receiver",
            &["records", "--json", "--config"],
            Some(&site.receiver_config()),
        )?;
        for line in received.lines() {
            let line: Value = serde_json::from_str(line).map_err(|e| CliError::Answer(e.to_string()))?;
            let record = &line["record"];
            if let Some(kind) = record["kind"].as_str().and_then(Kind::from_name) {
                left.entry(kind.name()).or_default().add(record);
            }
        }
        let ledger = ask::ledger(&config, MAX_RECORDS)?;
        let entries = || ledger["entries"].as_array().into_iter().flatten();
        let released = || entries().filter(|e| e["event"] == "released");
        Ok(Facts {
            status: ask::status(&config)?,
            counters,
            kept,
            left,
            batches: count(released()),
            octets: released().filter_map(|e| e["detail"]["bytes"].as_u64()).sum(),
            receipts: count(entries().filter(|e| e["event"] == "receipted")),
            ledger_is_whole: ledger["verified"] == true,
            neighbors: ask::records(&config, Kind::Neighbor, 5)?,
            leases: ask::records(&config, Kind::Lease, 5)?,
            seconds: took.as_secs_f64(),
        })
    }

    /// The page as one JSON document.
    pub(super) fn to_json(&self) -> Value {
        let kinds = |of: &BTreeMap<&'static str, Fields>| -> Value {
            let kinds = of
                .iter()
                .map(|(kind, f)| ((*kind).to_owned(), json!({ "records": f.records, "fields": f.names })));
            kinds.collect::<serde_json::Map<_, _>>().into()
        };
        json!({
            "seen": self.counters,
            "kept": kinds(&self.kept),
            "left": {
                "records": kinds(&self.left), "batches": self.batches, "bytes": self.octets,
                "receipts_verified": self.receipts,
            },
            "withheld": self.status["withheld"],
            "lost": self.status["lost"],
            "ledger_verified": self.ledger_is_whole,
            "seconds": self.seconds,
        })
    }

    /// The page for a person.
    pub(super) fn to_text(&self, site: &Site) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut page, site);
        page.trim_end().to_owned()
    }

    fn write(&self, page: &mut String, site: &Site) -> std::fmt::Result {
        writeln!(page, "Headgate trial: {}, {:.1} s\n", site.source(), self.seconds)?;
        self.write_seen(page)?;
        self.write_kept(page)?;
        self.write_left(page)?;
        writeln!(page, "LOOK FURTHER")?;
        match site.kept() {
            Some(directory) => {
                let directory = directory.display();
                writeln!(page, "  {directory}/headgate.toml, rules.toml   what this site was allowed to do")?;
                writeln!(page, "  {directory}/log         what each process said")?;
                writeln!(page, "  {directory}/store       the encrypted buffer")?;
                writeln!(page, "  headgate-receiver records --config {directory}/receiver/receiver.toml")?;
                writeln!(page, "              what arrived, record by record")?;
            }
            None => writeln!(
                page,
                "  headgate trial --keep DIR     leaves the site, its logs and what arrived, to look at"
            )?,
        }
        writeln!(
            page,
            "  headgate replay FILE          every record that a capture gives, before anything is withheld"
        )?;
        writeln!(page, "  headgate dictionary           every element that can be stored or sent, and why")
    }

    fn write_seen(&self, page: &mut String) -> std::fmt::Result {
        let of = |field: Field| self.counters.get(field.short_name()).copied().unwrap_or(0);
        let (bytes, kept) = (of(Field::CountersBytes), of(Field::CountersBytesKept));
        writeln!(page, "SEEN")?;
        writeln!(page, "  {:>8} frames, {bytes} bytes on the wire", of(Field::CountersFrames))?;
        writeln!(
            page,
            "  {kept:>8} bytes of headers entered Headgate ({:.1} %); the filter left the payload outside",
            100.0 * kept as f64 / bytes.max(1) as f64
        )?;
        writeln!(page, "  {:>8} frames read and used", of(Field::CountersUsed))?;
        writeln!(page, "\nDROPPED, AND WHY")?;
        let mut any = false;
        for (field, why) in REASONS {
            if of(*field) > 0 {
                any = true;
                writeln!(page, "  {:>8} {why}", of(*field))?;
            }
        }
        for (key, of_what) in [("withheld", "kind"), ("lost", "class")] {
            for row in self.status[key].as_array().into_iter().flatten() {
                any = true;
                let records = row["records"].as_u64().unwrap_or(0);
                writeln!(
                    page,
                    "  {records:>8} {} records {key}: {}",
                    cell(&row[of_what]),
                    cell(&row["reason"])
                )?;
            }
        }
        if !any {
            writeln!(page, "         nothing")?;
        }
        writeln!(page)
    }

    fn write_kept(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "KEPT, ENCRYPTED, ON THE APPLIANCE")?;
        for kind in Kind::ALL {
            let records = self.status["records"][kind.name()].as_u64().unwrap_or(0);
            writeln!(page, "  {records:>8} {} records", kind.name())?;
        }
        for neighbor in self.neighbors.as_array().into_iter().flatten() {
            let name = if neighbor["system_name"].is_null() {
                &neighbor["chassis_id"]
            } else {
                &neighbor["system_name"]
            };
            writeln!(page, "           neighbour {}, port {}", cell(name), cell(&neighbor["port_id"]))?;
        }
        for lease in self.leases.as_array().into_iter().flatten() {
            writeln!(
                page,
                "           lease {} to {} {}",
                cell(&lease["address"]),
                cell(&lease["mac"]),
                cell(&lease["hostname"])
            )?;
        }
        writeln!(page)
    }

    fn write_left(&self, page: &mut String) -> std::fmt::Result {
        let records: u64 = self.left.values().map(|f| f.records).sum();
        let fields: u64 = self.left.values().map(|f| f.names.values().sum::<u64>()).sum();
        writeln!(page, "LEFT THE SITE, SEALED TO THE RECEIVER'S KEY, OVER MUTUAL TLS 1.3")?;
        writeln!(
            page,
            "  {records:>8} records with {fields} fields, {} bytes in {} batches before they are sealed",
            self.octets, self.batches
        )?;
        for kind in Kind::ALL {
            let Some(left) = self.left.get(kind.name()) else { continue };
            let names: Vec<&str> = left.names.keys().map(String::as_str).collect();
            wrapped(page, &format!("{} {}:", left.records, kind.name()), &names)?;
            let withheld = self.kept.get(kind.name()).into_iter().flat_map(|kept| kept.names.keys());
            let withheld: Vec<&str> =
                withheld.map(String::as_str).filter(|n| !left.names.contains_key(*n)).collect();
            if !withheld.is_empty() {
                wrapped(page, "stayed here:", &withheld)?;
            }
        }
        let verdict = if self.receipts == self.batches { "all" } else { "NOT ALL" };
        writeln!(
            page,
            "  {verdict} receipts verified: {} of {} batches, signed by the receiver (Ed25519)",
            self.receipts, self.batches
        )?;
        let chain = if self.ledger_is_whole { "whole" } else { "BROKEN" };
        writeln!(page, "  the ledger of what left is {chain}\n")
    }
}

impl Fields {
    fn add(&mut self, record: &Value) {
        self.records += 1;
        for (name, _) in record.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind") {
            *self.names.entry(name.clone()).or_default() += 1;
        }
    }
}

fn count<'a>(entries: impl Iterator<Item = &'a Value>) -> u64 {
    entries.map(|_| 1).sum()
}

fn wrapped(page: &mut String, title: &str, names: &[&str]) -> std::fmt::Result {
    let mut line = format!("           {title}");
    for name in names {
        if line.len() + name.len() > WIDTH {
            writeln!(page, "{line}")?;
            line = "             ".to_owned();
        }
        line.push(' ');
        line.push_str(name);
    }
    writeln!(page, "{line}")
}

/// Columns of a page.
const WIDTH: usize = 96;
/// Most records of a kind that are looked at for the page.
const MAX_RECORDS: u32 = 16_384;
/// Frames that were not used, and what that means.
const REASONS: &[(Field, &str)] = &[
    (Field::CountersPartlyUsed, "frames had a malformed part; the rest was used"),
    (Field::CountersUnread, "frames are of protocols that Headgate does not read"),
    (Field::CountersMalformed, "frames could not be read at all"),
    (Field::CountersExcludedInterface, "frames excluded by an interface rule"),
    (Field::CountersExcludedVlan, "frames excluded by a VLAN rule"),
    (Field::CountersExcludedMac, "frames excluded by a MAC address rule"),
    (Field::CountersExcludedPrefix, "frames excluded by a prefix rule"),
    (Field::CountersExcludedProtocol, "frames excluded by a protocol rule"),
    (Field::CountersExcludedRule, "frames excluded by a rule that collects none"),
    (Field::CountersCounted, "frames that a rule only counts"),
    (Field::CountersFramesLost, "frames found no room in the ring"),
    (Field::CountersRecordsDroppedBulk, "flow records found no room on their way to the store"),
    (Field::CountersRecordsDroppedState, "state records found no room on their way to the store"),
];
