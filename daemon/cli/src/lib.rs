//! `headgate`, the administrator's command.
//!
//! **What it does.** Asks the running processes and shows their answers (`ask`, `show`), checks rule
//! files and explains what they do, reads capture files through the sensor's own rooms (`replay`),
//! looks for what keeps Headgate from seeing (`doctor`), makes keys and requests and writes carried media by
//! calling the programs that own the keys (`enroll`, `bundle`), and runs the whole chain once in a throw-away
//! site (`trial`).
//!
//! **What it never does.** It holds no key and opens no database: what only a process knows, only that
//! process is asked.
//!
//! **Who uses it.** The administrator. It imports `sensor` (for `replay`, `dissect`, `doctor` and `rules explain`), `rules` and `record`.

mod args;
mod ask;
mod buffer;
mod bundle;
mod dictionary;
mod dissect;
mod doctor;
mod enroll;
mod error;
mod explain;
mod figures;
mod health;
mod ledger;
mod metrics;
mod output;
mod processing;
mod programs;
mod replay;
mod report;
mod requests;
mod rules;
mod schema;
mod show;
mod subject;
mod top;
mod trial;

use std::process::ExitCode;

use clap::Parser;
use headgate_service::exit::{self, Exit};

use args::{Args, Command};
use error::CliError;

/// The `headgate` program.
#[must_use]
pub fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::from(exit::OK),
        // Whoever reads our output has enough of it.
        Err(CliError::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::from(exit::OK),
        Err(CliError::Said(error)) => ExitCode::from(error.code()),
        Err(CliError::Ended(code)) => ExitCode::from(code),
        Err(error) => {
            show::problem(&exit::chain(&error));
            ExitCode::from(error.code())
        }
    }
}

/// The command line, for its manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    <Args as clap::CommandFactory>::command()
}

fn run(args: Args) -> Result<(), CliError> {
    let Args { config, json, command } = args;
    match command {
        Command::Status => show::status(&ask::status(&config)?, json),
        Command::Top { once, view } => top::run(&config, once, view, json),
        Command::Report { html, captures } => report::run(&config, &html, &captures, json),
        Command::Metrics { file } => metrics::run(&config, file.as_deref()),
        Command::Doctor { seconds } => doctor::run(&config, seconds, json),
        Command::Devices { limit } => show::records(headgate_record::Kind::Device, &config, limit, json),
        Command::Neighbors { limit } => show::records(headgate_record::Kind::Neighbor, &config, limit, json),
        Command::Leases { limit } => show::records(headgate_record::Kind::Lease, &config, limit, json),
        Command::Exchanges { limit } => show::records(headgate_record::Kind::Exchange, &config, limit, json),
        Command::Authentications { limit } => {
            show::records(headgate_record::Kind::Authentication, &config, limit, json)
        }
        Command::Bridges { limit } => show::records(headgate_record::Kind::Bridge, &config, limit, json),
        Command::Flows { limit } => show::records(headgate_record::Kind::Flow, &config, limit, json),
        Command::Counters { limit } => show::records(headgate_record::Kind::Counters, &config, limit, json),
        Command::Preview { limit } => show::preview(&ask::preview(&config, limit)?, json),
        Command::Ledger { limit, command: None } => show::ledger(&ask::ledger(&config, limit)?, json),
        Command::Ledger { command: Some(command), .. } => ledger::run(&config, command, json),
        Command::Buffer { command } => buffer::run(&config, command, json),
        Command::Bundle { command } => bundle::run(&config, command, json),
        Command::Subject { command } => subject::run(&config, command, json),
        Command::Keys { command: args::KeysCommand::Rotate { data, pseudonym, blind, master } } => {
            let which = [(data, "data"), (pseudonym, "pseudonym"), (blind, "blind"), (master, "master")];
            let which = which.into_iter().find(|(chosen, _)| *chosen).map_or("all", |(_, name)| name);
            let answer = ask::rotate_keys(&config, which)?;
            if json {
                return show::json(&answer);
            }
            show::line(&format!("Fresh keys are in use: {which}."))?;
            if master {
                show::line(
                    "Put master.key.new in the place of master.key now, and a copy of it off this machine.",
                )?;
            }
            Ok(())
        }
        Command::Rules { command: args::RulesCommand::Check } => rules::check(&config, json),
        Command::Rules { command: args::RulesCommand::Show } => rules::show(&config, json),
        Command::Rules { command: args::RulesCommand::Processing } => processing::print(&config, json),
        Command::Rules { command: args::RulesCommand::Explain { file: Some(file), numbers, .. } } => {
            explain::frames(&config, &file, &numbers, json)
        }
        Command::Rules { command: args::RulesCommand::Explain { file: None, field, .. } } => {
            explain::fields(&config, &field, json)
        }
        Command::Schema { file } => schema::print(file),
        Command::Dictionary => dictionary::print(json),
        Command::Replay { files } => replay::replay(&config, &files, json),
        Command::Dissect { files } => dissect::dissect(&config, &files, json),
        Command::Requests { command } => requests::run(&config, command.as_ref(), json),
        Command::Enroll { token, command } => enroll::run(&config, token.as_deref(), command.as_ref()),
        Command::Trial { pcap, interface, seconds, keep } => {
            trial::run(&trial::Wish { pcap, interface, seconds, keep, json })
        }
    }
}
