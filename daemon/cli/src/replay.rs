//! `headgate replay`: capture files through the same rooms as a wire, without any daemon.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headgate_record::{Class, Field, Kind, Record, Value};
use headgate_rules::{Places, Rules};
use headgate_sensor::Engine;
use headgate_service::config::{self, DEFAULT_PATH, Headgate};

use crate::error::CliError;
use crate::programs::shipped_rules;
use crate::show;

/// Reads the files in order and prints the records that the sensor would hand to the store. Without a
/// configuration on this machine the shipped defaults apply. A file that is damaged gives all that
/// comes before the damage; then the next file is read, and the damage decides the exit code.
pub(crate) fn replay(config_file: &Path, files: &[PathBuf], as_json: bool) -> Result<(), CliError> {
    let (settings, rules) = settings(config_file)?;
    let mut engine = Engine::new(rules, &settings);
    let mut printer = Printer::new(as_json);
    let mut result = Ok(());
    for file in files {
        if let Err(error) = headgate_sensor::replay(&mut engine, file, &mut |records| printer.take(records)) {
            show::problem(&headgate_service::exit::chain(&error));
            result = Err(error);
        }
    }
    engine.finish_into(&mut |records| printer.take(records));
    engine.account([0; 3]);
    let _ = printer.take(engine.take());
    // A million flows and a table of text need not be in memory together.
    drop(engine);
    match (result, printer.finish()) {
        // It has been said already; only its code is left to give.
        (Err(error), Ok(()) | Err(CliError::Nothing(_))) => Err(CliError::Said(Box::new(error))),
        (_, printed) => printed,
    }
}

/// The configuration and the rules of this machine, or the shipped defaults where it has none.
pub(crate) fn settings(config_file: &Path) -> Result<(Headgate, Rules), CliError> {
    settings_with_places(config_file).map(|(settings, rules, _)| (settings, rules))
}

/// As [`settings`], with the places where the rules were said.
pub(crate) fn settings_with_places(config_file: &Path) -> Result<(Headgate, Rules, Places), CliError> {
    let installed = config_file.exists() || config_file != Path::new(DEFAULT_PATH);
    if installed {
        let settings = config::load(config_file)?;
        let (rules, places) = headgate_sensor::read_rules_with_places(config_file)?;
        return Ok((settings, rules, places));
    }
    let (rules, places) = shipped_rules()?;
    Ok((Headgate::default(), rules, places))
}

struct Printer {
    as_json: bool,
    /// JSON lines that wait.
    lines: String,
    latest: Latest,
    output: Result<(), CliError>,
}

impl Printer {
    fn new(as_json: bool) -> Self {
        Printer { as_json, lines: String::new(), latest: Latest::default(), output: Ok(()) }
    }

    fn take(&mut self, records: Vec<Record>) -> ControlFlow<()> {
        if !self.as_json {
            records.into_iter().for_each(|record| self.latest.add(record));
            return ControlFlow::Continue(());
        }
        for record in records {
            record.write_json(&mut self.lines);
            self.lines.push('\n');
            if self.lines.len() >= LINES_AT_ONCE {
                self.write();
            }
        }
        if self.output.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn write(&mut self) {
        if self.output.is_ok() {
            self.output = show::text(&self.lines);
        }
        self.lines.clear();
    }

    fn finish(mut self) -> Result<(), CliError> {
        if self.as_json {
            self.write();
            self.output
        } else {
            self.latest.show()
        }
    }
}

/// Of each kind the latest records, no more than somebody reads in a table.
#[derive(Default)]
pub(crate) struct Latest(BTreeMap<Kind, OfKind>);

#[derive(Default)]
struct OfKind {
    /// Of bulk, which happens once, in the order in which they came.
    bulk: VecDeque<Record>,
    /// Others by their numbers in that order.
    records: BTreeMap<u64, Record>,
    /// The number of the latest record of each subject.
    subjects: HashMap<Vec<(Field, Value)>, u64>,
    next: u64,
    /// Records that found no room.
    left_out: u64,
}

impl OfKind {
    /// In the order in which they came.
    fn records(self) -> impl Iterator<Item = Record> {
        self.bulk.into_iter().chain(self.records.into_values())
    }
}

impl Latest {
    /// Takes a record; the oldest gives way when there are too many of its kind.
    pub(crate) fn add(&mut self, record: Record) {
        let (room, is_bulk) = (room(record.kind()), record.kind().class() == Class::Bulk);
        let of_kind = self.0.entry(record.kind()).or_default();
        if is_bulk {
            if of_kind.bulk.len() >= room {
                of_kind.bulk.pop_front();
                of_kind.left_out += 1;
            }
            of_kind.bulk.push_back(record);
            return;
        }
        let number = of_kind.next;
        of_kind.next += 1;
        // Of one subject only the latest record is shown.
        if let Some(before) = of_kind.subjects.insert(record.key(), number) {
            of_kind.records.remove(&before);
        }
        of_kind.records.insert(number, record);
        if of_kind.records.len() > room
            && let Some((_, oldest)) = of_kind.records.pop_first()
        {
            of_kind.left_out += 1;
            of_kind.subjects.remove(&oldest.key());
        }
    }

    /// The records by kind in the order in which they came, and how many of a kind found no room.
    pub(crate) fn into_json(self) -> (BTreeMap<Kind, Vec<serde_json::Value>>, BTreeMap<Kind, u64>) {
        let left_out = self.0.iter().map(|(kind, of_kind)| (*kind, of_kind.left_out));
        let left_out = left_out.filter(|(_, count)| *count > 0).collect();
        let records = self
            .0
            .into_iter()
            .map(|(kind, of_kind)| (kind, of_kind.records().map(|record| record.to_json()).collect()));
        (records.collect(), left_out)
    }

    fn show(self) -> Result<(), CliError> {
        let left_out = self.0.iter().map(|(kind, of_kind)| (*kind, of_kind.left_out));
        let left_out: Vec<_> = left_out.filter(|(_, count)| *count > 0).collect();
        let records: Vec<Record> = self.0.into_values().flat_map(OfKind::records).collect();
        show::by_kind(&records)?;
        for (kind, count) in left_out {
            show::line(&format!(
                "\n{count} earlier {} records are not shown; --json gives all.",
                kind.name()
            ))?;
        }
        Ok(())
    }
}

/// Most records of a kind that are shown in a table.
fn room(kind: Kind) -> usize {
    match kind.class() {
        Class::Bulk => 1_000,
        Class::State | Class::Account => 16_384,
    }
}

/// Octets of JSON lines that are written at once.
const LINES_AT_ONCE: usize = 64 << 10;
