//! Programs on a terminal, as a person has them.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Plays a program of `headgate` on a terminal by the steps of tests/support/terminal, and gives what they print.
pub fn play(arguments: &[&str], steps: &[&str]) -> Vec<Value> {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/terminal"));
    command.arg(super::HEADGATE).args(arguments).env_remove("CARGO");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(steps.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The rows of a screen that `show` printed, as one text.
pub fn screen(shown: &Value) -> String {
    let rows: Vec<&str> = shown.as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    rows.join("\n")
}

/// Checks that a program ended with this code and left the terminal as it found it.
pub fn is_restored(end: &Value, code: i32) {
    assert_eq!(end["code"], code, "{end}");
    for what in ["modes", "screen", "cursor"] {
        assert_eq!(end[what], true, "{what}: {end}");
    }
}
