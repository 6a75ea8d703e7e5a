//! `headgate bundle export | list | lost | receipt`: batches on carried media.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use headgate_record::bundle::{MAX_RECEIPTS_BYTES, Receipts};
use headgate_record::ledger::hex;
use headgate_record::local::{ControlRequest, MAX_RECEIPTS};
use headgate_service::progress::Progress;
use serde_json::{Value, json};

use crate::args::BundleCommand;
use crate::ask::Store;
use crate::error::CliError;
use crate::programs::{Programs, exit_code, not_started};
use crate::show;

/// Does what the command line says.
///
/// # Errors
/// [`CliError::Ended`] for an export that failed and has said why; [`CliError::Refused`] with what the store says.
pub(crate) fn run(config: &Path, command: BundleCommand, as_json: bool) -> Result<(), CliError> {
    match command {
        BundleCommand::Export { directory, limit_mib } => export(config, &directory, limit_mib, as_json),
        BundleCommand::List => list(&Store::connect(config)?.ask(&ControlRequest::Bundles)?, as_json),
        BundleCommand::Lost { medium } => {
            let lost =
                Store::connect(config)?.ask(&ControlRequest::BundleLost { medium: medium.to_string() })?;
            if as_json {
                return show::json(&lost);
            }
            let text = format!(
                "medium {medium} is given up: {} batches go on the next one. If it turns up, its batches are stored once all the same.",
                lost["batches"]
            );
            show::line(&text)
        }
        BundleCommand::Receipt { file } => receipt(config, &file, as_json),
    }
}

/// The uplink's program has the key that signs, so it writes the medium.
fn export(config: &Path, directory: &Path, limit_mib: Option<u32>, as_json: bool) -> Result<(), CliError> {
    let mut command = Programs::find()?.command("headgate-uplink");
    command.arg("export").arg("--config").arg(config).arg(directory);
    if let Some(limit) = limit_mib {
        command.arg("--limit-mib").arg(limit.to_string());
    }
    if as_json {
        command.arg("--json");
    }
    let status = command.status().map_err(|source| not_started(&command, source))?;
    if status.success() { Ok(()) } else { Err(CliError::Ended(exit_code(status))) }
}

fn list(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        return show::json(answer);
    }
    let media = answer["media"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !media.is_empty() {
        let header = ["MEDIUM", "SINCE", "BATCHES", "WAIT", "FROM", "TO", "STATE"].map(String::from).to_vec();
        let rows = media.iter().map(|medium| {
            let time = headgate_record::Value::Time(
                medium["begun_ms"].as_u64().unwrap_or(0).saturating_mul(1_000_000),
            );
            let written = medium["written"] == true;
            let cells =
                [&medium["batches"], &medium["waiting"], &medium["first"], &medium["last"]].map(show::cell);
            let [batches, waiting, first, last] = cells;
            let state = if written { "under way" } else { "not finished" };
            vec![show::cell(&medium["medium"]), time.to_string(), batches, waiting, first, last, state.into()]
        });
        show::table(header, rows.collect())?;
    }
    show::line(&format!("{} batches wait on no medium", answer["on_no_medium"]))
}

/// Has all receipts verified, then each followed.
fn receipt(config: &Path, file: &Path, as_json: bool) -> Result<(), CliError> {
    let no_input = |source| CliError::NoInput { file: file.into(), source };
    let mut octets = Vec::new();
    let limit = u64::try_from(MAX_RECEIPTS_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(file).and_then(|file| file.take(limit).read_to_end(&mut octets)).map_err(no_input)?;
    let Receipts { medium, receipts } = Receipts::decode(&octets)
        .map_err(|error| CliError::Receipts { file: file.into(), what: error.to_string() })?;
    let mut store = Store::connect(config)?;
    let mut progress = Progress::new(
        "verified and followed",
        u64::try_from(octets.len()).unwrap_or(u64::MAX).saturating_mul(2),
    );
    let mut sums = [0; COUNTS.len()];
    for verify_only in [true, false] {
        for (page, receipts) in receipts.chunks(MAX_RECEIPTS).enumerate() {
            let encoded = receipts.iter().map(|receipt| hex(receipt)).collect();
            let answer = store.ask(&ControlRequest::BundleReceipts { receipts: encoded, verify_only });
            let answer = answer.map_err(|error| match error {
                CliError::Refused(why) => {
                    let first = page.saturating_mul(MAX_RECEIPTS);
                    let followed = if verify_only { 0 } else { sums.iter().sum::<u64>() };
                    CliError::Refused(format!(
                        "behind receipt {first} of the file, of which {followed} were followed: {why}"
                    ))
                }
                other => other,
            })?;
            if !verify_only {
                for (sum, (name, _)) in sums.iter_mut().zip(COUNTS) {
                    *sum += answer[name].as_u64().unwrap_or(0);
                }
            }
            progress.add(receipts.iter().map(|receipt| u64::try_from(receipt.len()).unwrap_or(0)).sum());
        }
    }
    progress.end();
    if as_json {
        let counts = COUNTS.iter().zip(sums).map(|((name, _), sum)| ((*name).to_owned(), json!(sum)));
        let mut answer: serde_json::Map<_, _> = counts.collect();
        answer.insert("medium".into(), json!(medium.to_string()));
        return show::json(&answer.into());
    }
    show::line(&format!("medium {medium}: {} receipts", receipts.len()))?;
    for ((_, what), sum) in COUNTS.iter().zip(sums) {
        if sum > 0 {
            show::line(&format!("{sum} {what}"))?;
        }
    }
    Ok(())
}

/// What becomes of receipts: the name in answers, and in words.
const COUNTS: [(&str, &str); 4] = [
    ("accepted", "batches are at the receiver and leave the buffer"),
    ("before", "batches had their receipt before, or were given up"),
    ("changed", "batches were written anew since: they go once more"),
    ("earlier", "batches are of an earlier database of this appliance"),
];
