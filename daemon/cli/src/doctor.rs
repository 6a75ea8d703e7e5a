//! `headgate doctor`: what keeps Headgate from seeing, how that was seen, and what to type.
//!
//! Nothing is guessed: a check that cannot be made says why, and changes nothing on the machine.

use std::path::Path;
use std::time::Duration;

use headgate_service::config::{self, InterfaceName};
use serde_json::Value;

use crate::error::CliError;
use crate::show;

mod checks;
mod ethtool;
mod facts;
mod netlink;
mod verdict;

use facts::{Facts, Machine};
use verdict::{Report, Verdict};

/// Checks the configured interfaces, the clock and the running processes. Something wrong is the answer no.
pub(crate) fn run(config: &Path, seconds: u32, as_json: bool) -> Result<(), CliError> {
    let settings = config::load(config)?;
    let names: Vec<&str> = settings.capture.interfaces.iter().map(InterfaceName::as_str).collect();
    if !names.is_empty() && !as_json {
        show::progress(&format!("watching {} for {seconds} s", names.join(", ")));
    }
    let time = Duration::from_secs(seconds.into());
    let machine = Machine {
        clock: headgate_sensor::clock_is_synchronised().map_err(|e| e.to_string()),
        status: crate::ask::status(config),
        promiscuous: settings.capture.promiscuous,
        hardware_time: settings.capture.hardware_time,
        ring_mib: settings.capture.ring_mib.get(),
        interfaces: facts::of_interfaces(&names, settings.capture.promiscuous, time),
    };
    let report = examine(&machine);
    if as_json {
        show::json(&report.to_json())?;
    } else {
        show::text(&report.to_text())?;
    }
    match report.wrong() {
        0 => Ok(()),
        1 => Err(CliError::Nothing("1 thing is wrong".into())),
        wrong => Err(CliError::Nothing(format!("{wrong} things are wrong"))),
    }
}

fn examine(machine: &Machine) -> Report {
    let mut report = Report::default();
    for (check, judge) in checks::OF_MACHINE {
        report.add(check, None, judge(machine));
    }
    for interface in &machine.interfaces {
        let found = checks::presence(interface);
        let usable = matches!(found, Verdict::Fine);
        report.add("interface", Some(&interface.name), found);
        if !interface.present {
            continue;
        }
        for (check, judge) in checks::OF_SETTINGS {
            report.add(check, Some(&interface.name), judge(machine, interface));
        }
        for (check, judge) in checks::OF_TRAFFIC.iter().filter(|_| usable) {
            report.add(check, Some(&interface.name), judge(machine, interface));
        }
    }
    report
}

/// Of an interface in the store's answer, the frames that the kernel lost in the latest period.
fn lost(status: &Value, interface: &str) -> Option<u64> {
    let rows = status["counters"].as_array()?;
    rows.iter().find(|row| row["interface"] == interface)?["frames_lost"].as_u64()
}

type OfMachine = fn(&Machine) -> Verdict;
type OfInterface = fn(&Machine, &Facts) -> Verdict;
