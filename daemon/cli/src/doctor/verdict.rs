//! What a check says, and the page of all of them.

use serde_json::{Value, json};

/// The outcome of one check.
pub(super) enum Verdict {
    /// Looked at, and nothing was found.
    Fine,
    /// It keeps Headgate from seeing, or makes what it says wrong.
    Wrong(Finding),
    /// Worth knowing; nothing need be done.
    Note(Finding),
    /// It could not be looked at, and why.
    Unchecked(String),
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What is so, and what comes of it.
    pub(super) what: String,
    /// How it was seen.
    pub(super) seen: String,
    /// Command lines that change it.
    pub(super) commands: Vec<String>,
}

impl Finding {
    pub(super) fn new(what: impl Into<String>, seen: impl Into<String>) -> Finding {
        Finding { what: what.into(), seen: seen.into(), commands: Vec::new() }
    }

    /// With what to type.
    pub(super) fn typing(mut self, command: impl Into<String>) -> Finding {
        self.commands.push(command.into());
        self
    }
}

/// All outcomes, in the order of the checks.
#[derive(Default)]
pub(super) struct Report(Vec<(&'static str, Option<String>, Verdict)>);

impl Report {
    pub(super) fn add(&mut self, check: &'static str, interface: Option<&str>, verdict: Verdict) {
        self.0.push((check, interface.map(str::to_owned), verdict));
    }

    /// How much is wrong.
    pub(super) fn wrong(&self) -> usize {
        self.0.iter().filter(|(_, _, verdict)| matches!(verdict, Verdict::Wrong(_))).count()
    }

    pub(super) fn to_json(&self) -> Value {
        let (mut findings, mut unchecked, mut fine) = (Vec::new(), Vec::new(), Vec::new());
        for (check, interface, verdict) in &self.0 {
            let finding = |level: &str, found: &Finding| {
                json!({ "check": check, "interface": interface, "level": level, "what": found.what,
                        "seen": found.seen, "type": found.commands })
            };
            match verdict {
                Verdict::Fine => fine.push(json!({ "check": check, "interface": interface })),
                Verdict::Wrong(found) => findings.push(finding("wrong", found)),
                Verdict::Note(found) => findings.push(finding("note", found)),
                Verdict::Unchecked(why) => {
                    unchecked.push(json!({ "check": check, "interface": interface, "why": why }));
                }
            }
        }
        json!({ "findings": findings, "unchecked": unchecked, "fine": fine })
    }

    /// What is wrong first, what is fine last.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        let place =
            |interface: &Option<String>| interface.as_ref().map(|i| format!("{i}: ")).unwrap_or_default();
        let mut finding = |level: &str, check: &str, interface: &Option<String>, found: &Finding| {
            text.push_str(&format!("{level:<10} {}{} ({check})\n", place(interface), found.what));
            text.push_str(&format!("           seen: {}\n", found.seen));
            for command in &found.commands {
                text.push_str(&format!("           type: {command}\n"));
            }
        };
        for (check, interface, verdict) in &self.0 {
            if let Verdict::Wrong(found) = verdict {
                finding("wrong", check, interface, found);
            }
        }
        for (check, interface, verdict) in &self.0 {
            if let Verdict::Note(found) = verdict {
                finding("note", check, interface, found);
            }
        }
        for (check, interface, verdict) in &self.0 {
            if let Verdict::Unchecked(why) = verdict {
                text.push_str(&format!("unchecked  {}{check}: {why}\n", place(interface)));
            }
        }
        for (check, interface, verdict) in &self.0 {
            if matches!(verdict, Verdict::Fine) {
                text.push_str(&format!("fine       {}{check}\n", place(interface)));
            }
        }
        text
    }
}
