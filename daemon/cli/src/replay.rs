//! `headgate replay`: capture files through the same rooms as a wire, without any daemon.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headgate_record::Record;
use headgate_rules::Rules;
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
    let mut printer = Printer { as_json, records: Vec::new(), output: Ok(()) };
    let mut result = Ok(());
    for file in files {
        if let Err(error) = headgate_sensor::replay(&mut engine, file, &mut |records| printer.take(records)) {
            show::problem(&headgate_service::exit::chain(&error));
            result = Err(error);
        }
    }
    engine.finish();
    engine.account([0; 3]);
    let _ = printer.take(engine.take());
    match (result, printer.finish()) {
        // It has been said already; only its code is left to give.
        (Err(error), Ok(()) | Err(CliError::Nothing(_))) => Err(CliError::Said(Box::new(error))),
        (_, printed) => printed,
    }
}

/// The configuration and the rules of this machine, or the shipped defaults where it has none.
pub(crate) fn settings(config_file: &Path) -> Result<(Headgate, Rules), CliError> {
    let installed = config_file.exists() || config_file != Path::new(DEFAULT_PATH);
    Ok(if installed {
        (config::load(config_file)?, headgate_sensor::read_rules(config_file)?)
    } else {
        (Headgate::default(), shipped_rules()?)
    })
}

struct Printer {
    as_json: bool,
    records: Vec<Record>,
    output: Result<(), CliError>,
}

impl Printer {
    fn take(&mut self, records: Vec<Record>) -> ControlFlow<()> {
        if self.as_json {
            self.output = records.iter().try_for_each(|record| show::json_line(&record.to_json()));
        } else {
            self.records.extend(records);
        }
        if self.output.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn finish(self) -> Result<(), CliError> {
        self.output?;
        if self.as_json { Ok(()) } else { show::by_kind(&self.records) }
    }
}
