//! Bad input, through the real programs: what is said, the exit code, and that nothing else is lost.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod captures;
mod certificates;
mod configuration;
mod sockets;
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs a program to its end, whatever that is.
fn attempt(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The program ended with this code and said all of this.
#[track_caller]
fn assert_ended(output: &Output, code: u8, says: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code.into()), "{said}");
    for words in says {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What `headgate replay` prints of a file.
fn replay(file: &Path) -> (Output, Vec<Value>) {
    let output = attempt(support::HEADGATE, &["--json", "replay", text(file)]);
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    (output, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Counts by a column of an account, such as `withheld`.
fn by(rows: &Value, column: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        *counts.entry(row[column].as_str().unwrap().to_owned()).or_default() +=
            row["records"].as_u64().unwrap();
    }
    counts
}

fn sum(rows: &Value) -> u64 {
    by(rows, "reason").values().sum()
}

/// A field of all counters records, added up.
fn counted(records: &[Value], field: &str) -> u64 {
    let counters = records.iter().filter(|r| r["kind"] == "counters");
    counters.map(|r| r[field].as_u64().unwrap()).sum()
}
