//! `headgate metrics`: how the appliance is, for whoever watches many machines.
//!
//! A file for node_exporter's textfile collector, or text on standard output: nothing listens.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use headgate_service::openmetrics::Exposition;
use serde_json::Value;

use crate::ask;
use crate::error::CliError;
use crate::show::{self, cell};

/// Writes the file, or prints the text. Where the store does not answer it says that, and the command fails.
pub(crate) fn run(config: &Path, file: Option<&Path>) -> Result<(), CliError> {
    let status = ask::status(config);
    let text = text(status.as_ref().ok());
    match file {
        Some(file) => replace(file, &text)?,
        None => show::text(&text)?,
    }
    status.map(|_| ())
}

/// Puts a file in the place of the one before at once: whoever collects reads one or the other.
fn replace(file: &Path, text: &str) -> Result<(), CliError> {
    let failed = |source| CliError::File { file: file.into(), source };
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // A name that does not end in .prom is not collected.
    let mut new = tempfile::Builder::new().prefix(".headgate-").tempfile_in(directory).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    new.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    new.persist(file).map(drop).map_err(|error| failed(error.error))
}

/// The text for an answer of the store, or for none.
fn text(status: Option<&Value>) -> String {
    let mut text = Exposition::new("headgate_");
    text.family("up", "gauge", "", "Whether the store answers.");
    text.sample("up", &[], u8::from(status.is_some()));
    if let Some(status) = status {
        states(&mut text, status);
        amounts(&mut text, status);
        interfaces(&mut text, status);
        ended(&mut text, status);
    }
    text.finish()
}

fn states(text: &mut Exposition, status: &Value) {
    let states = [
        ("sensor_connected", "Whether the sensor is connected.", status["sensor"]["connected"] == true),
        (
            "uplink_connected",
            "Whether the uplink reached the receiver lately.",
            status["uplink"]["connected"] == true,
        ),
        ("rules_refused", "Whether changed rules were refused.", !status["rules_refused"].is_null()),
        ("disk_full", "Whether the disk of the buffer is full.", status["room_on_disk"] == false),
    ];
    for (name, help, holds) in states {
        text.family(name, "gauge", "", help);
        text.sample(name, &[], u8::from(holds));
    }
}

fn amounts(text: &mut Exposition, status: &Value) {
    text.family("records", "gauge", "", "Records that are kept.");
    for (kind, records) in status["records"].as_object().into_iter().flatten() {
        text.sample("records", &[("kind", kind)], records);
    }
    let outbox = &status["outbox"];
    let amounts = [
        ("buffer_bytes", "bytes", "Octets of the buffer on disk.", number(&status["bytes_on_disk"])),
        ("buffer_limit_bytes", "bytes", "Most that it may take.", number(&status["cap"])),
        ("waiting_records", "", "Records that wait to be put into a batch.", number(&status["waiting"])),
        ("outbox_batches", "", "Batches that wait for a receipt.", number(&outbox["batches"])),
        ("outbox_bytes", "bytes", "Their octets.", number(&outbox["bytes"])),
        (
            "quarantined_parts",
            "",
            "Damaged parts of the buffer that are set aside.",
            number(&status["quarantined"]),
        ),
        ("missing_segments", "", "Parts of the buffer that vanished.", number(&status["missing"])),
    ];
    for (name, unit, help, amount) in amounts {
        text.family(name, "gauge", unit, help);
        text.sample(name, &[], amount);
    }
    text.family("outbox_oldest_seconds", "gauge", "seconds", "Since the oldest batch that waits was made.");
    let oldest_ms = number(&outbox["oldest_age_ms"]);
    text.sample("outbox_oldest_seconds", &[], format!("{}.{:03}", oldest_ms / 1_000, oldest_ms % 1_000));
    text.family("batches_made", "counter", "", "Batches made in this epoch.");
    text.sample("batches_made_total", &[], number(&outbox["last_sequence"]));
}

fn interfaces(text: &mut Exposition, status: &Value) {
    text.family("interface_up", "gauge", "", "Whether an interface is watched.");
    for interface in status["sensor"]["interfaces"].as_array().into_iter().flatten() {
        let up = u8::from(interface["state"] == "up");
        text.sample("interface_up", &[("interface", &cell(&interface["name"]))], up);
    }
    for (name, help) in [
        ("frames", "Frames of an interface in the latest period that was counted."),
        ("frames_lost", "Those that the kernel had no room for."),
    ] {
        text.family(name, "gauge", "", help);
        for counters in status["counters"].as_array().into_iter().flatten() {
            text.sample(name, &[("interface", &cell(&counters["interface"]))], number(&counters[name]));
        }
    }
}

/// Records that went no further.
fn ended(text: &mut Exposition, status: &Value) {
    for (name, of, help) in [
        ("withheld", "kind", "Records that the rules did not let leave."),
        ("lost", "class", "Records that were lost."),
    ] {
        let family = format!("{name}_records");
        text.family(&family, "counter", "", help);
        for row in status[name].as_array().into_iter().flatten() {
            let labels = [(of, cell(&row[of])), ("reason", cell(&row["reason"]))];
            let labels = labels.each_ref().map(|(key, of)| (*key, of.as_str()));
            text.sample(&format!("{family}_total"), &labels, number(&row["records"]));
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_store_it_is_down_and_nothing_else_is_said() {
        assert!(text(None).ends_with("headgate_up 0\n# EOF\n"));
        assert!(!text(None).contains("headgate_records"));
    }

    #[test]
    fn a_file_is_replaced_whole_and_anybody_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.prom");
        for content in ["first and longer\n", "second\n"] {
            replace(&file, content).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = replace(&directory.path().join("missing/x.prom"), "").unwrap_err();
        assert!(matches!(error, CliError::File { .. }), "{error}");
    }

    #[test]
    fn losses_have_their_class_and_reason() {
        let lost = json!([{ "class": "bulk", "reason": "buffer-full", "records": 7 }]);
        let text = text(Some(&json!({ "lost": lost, "outbox": { "oldest_age_ms": 1_500 } })));
        assert!(
            text.contains("headgate_lost_records_total{class=\"bulk\",reason=\"buffer-full\"} 7\n"),
            "{text}"
        );
        assert!(text.contains("headgate_outbox_oldest_seconds 1.500\n"));
    }
}
