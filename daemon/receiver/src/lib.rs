//! The cloud end: it verifies batches, stores each once, and answers with a signed receipt.
//!
//! **What it does.** Accepts appliances over mutual TLS 1.3 (RFC 8446), checks that a batch is from
//! the appliance whose certificate it came with, opens it (HPKE, RFC 9180), stores it whole in its own SQLite file, and only
//! then signs a receipt (Ed25519, RFC 8032). Bundles on carried media are taken in the same way ([`import`]). It also makes the keys and certificates of an
//! organisation ([`init`]), signs appliances' requests ([`sign`]) and shows what was received.
//!
//! **What it never does.** It never replaces a batch that it has stored but by less of itself, where the appliance has
//! had to forget somebody, gives no receipt for what
//! is not on disk, answers nobody without a certificate of its authority but who enrolls with a token, and takes no appliance for
//! itself by its certificate alone.
//!
//! **Who uses it.** The `headgate-receiver` binary. Of ours it imports `record` and `service`.

mod accounts;
mod args;
mod ask;
mod authority;
mod bundle;
mod config;
mod database;
mod engine;
mod enroll;
mod error;
mod export;
mod files;
mod forget;
mod http;
mod init;
mod issue;
mod jetstream;
mod late;
mod list;
mod metrics;
mod rate;
mod receipt;
mod sealing;
mod server;
mod status;
mod sweep;
mod tls;
mod token;
mod trust;
mod writer;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use headgate_service::config::Endpoint;
use headgate_service::stop::Stop;
use headgate_service::{exit, lockdown, log};

use args::{Args, Command};

pub use authority::Validity;
pub use bundle::{Fault, Imported, import};
pub use config::{Cluster, Config, Engine};
pub use error::Error;
pub use export::{Reader, Readers, Scope, grant, list as readers, revoke as revoke_reader};
pub use init::{Signed, enrolment, init, seal_key, server, sign};
pub use list::{Filter, batches, records};
pub use sealing::{Closed, Keys};
pub use server::{Listening, serve};
pub use token::{revoke, token};

/// Runs the command line of `headgate-receiver`.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    log::init("headgate-receiver");
    match dispatch(args.command) {
        Ok(true) => ExitCode::from(exit::OK),
        Ok(false) => ExitCode::from(exit::NO),
        Err(error) => exit::report(Err(error)),
    }
}

/// The command line, for its manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    <Args as clap::CommandFactory>::command()
}

/// Whether there was an answer.
fn dispatch(command: Command) -> Result<bool, Error> {
    lockdown::privileges().map_err(|source| Error::System { what: "giving up privileges", source })?;
    match command {
        Command::Init(args) => {
            let id = init(&args.directory, &args.names, args.region.as_deref(), args.listen)?;
            say(&format!(
                "made in {}; sealing key {id}\nNext: `headgate-receiver run --config {}`; enroll appliances by `token` or `sign`.",
                args.directory.display(),
                args.directory.join("receiver.toml").display(),
            ))?;
        }
        Command::Sign(args) => {
            let signed = sign(&args.directory, &args.request, &args.output, args.validity())?;
            say(&format!(
                "{answer}: the answer for {}\nNext: carry it there, and `headgate enroll accept {answer}`.",
                signed.appliance,
                answer = args.output.display(),
            ))?;
        }
        Command::Server(args) => {
            server(&args.directory, &args.names, args.region.as_deref(), &args.output)?;
            say(&format!(
                "{}: made, and its key beside it\nNext: put both in the place of [server] certificate and key, and restart.",
                args.output.display(),
            ))?;
        }
        Command::Enrolment(args) => {
            enrolment(&args.directory)?;
            say(&format!(
                "made in {}: enroll.crt, enroll.key and appliances.key\nNext: hand them to the receiver, and restart it.",
                args.directory.display(),
            ))?;
        }
        Command::Token(args) => {
            let config = Config::load(&args.config)?;
            let address = args.address.as_ref().map(Endpoint::as_str);
            let token = token(&config, &args.appliance, address, args.hours)?;
            // A secret, on one line and nothing else: for a file, or a pipe.
            say(&token.to_text())?;
        }
        Command::Ask(args) => {
            let id = ask::ask(&args.appliance, &args.what)?;
            say(&format!(
                "{id}: goes with the next receipt of {}; its administrator decides",
                args.appliance
            ))?;
        }
        Command::Asked(args) => {
            if let Some(id) = args.withdraw {
                return ask::withdraw(&Config::load(&args.config)?, id);
            }
            return list(&args.config, |config, out| ask::asked(config, args.json, out));
        }
        Command::Revoke(args) => {
            let config = Config::load(&args.config)?;
            revoke(&config, &args.appliance)?;
            say(&format!(
                "the secrets of {} are revoked; it delivers nothing more until it is enrolled again",
                args.appliance,
            ))?;
        }
        Command::SealKey(args) => {
            let id = seal_key(&args.file)?;
            say(&format!(
                "{}: sealing key {id}\nNext: name it under [sealing] beside the old one, restart, and give appliances {}.",
                args.file.display(),
                args.file.with_extension("pub").display(),
            ))?;
        }
        Command::Import(args) => {
            let config = Config::load(&args.config)?;
            let imported = import(&config, &args.directory, args.receipts.as_deref())?;
            say(&if args.json { imported.to_json() } else { imported.to_text() })?;
        }
        Command::Run(args) => {
            let mut config = Config::load(&args.config)?;
            if let Some(listen) = args.listen {
                config.listen = listen;
            }
            let stop =
                Stop::install().map_err(|source| Error::System { what: "watching signals", source })?;
            serve(&config, &stop, announce)?;
        }
        Command::Records(args) => {
            let filter = Filter { appliance: args.appliance, kind: args.kind };
            return list(&args.config, |config, out| records(config, &filter, args.json, out));
        }
        Command::Reader(args) => return reader(args),
        Command::Batches(args) => {
            return list(&args.config, |config, out| batches(config, args.json, out));
        }
    }
    Ok(true)
}

/// Who may read. Whether there was an answer.
fn reader(args: args::Reader) -> Result<bool, Error> {
    match args {
        args::Reader::Grant(args) => {
            let scope = if args.organisation { Scope::Organisation } else { Scope::Sites(args.site) };
            say(&grant(&Config::load(&args.config)?, &args.name, scope, args.records, args.days)?)?;
        }
        args::Reader::Revoke(args) => return revoke_reader(&Config::load(&args.config)?, &args.name),
        args::Reader::List(args) => {
            let found = readers(&Config::load(&args.config)?)?.readers;
            for reader in &found {
                say(&if args.json { reader.to_json() } else { reader.to_text() })?;
            }
            return Ok(!found.is_empty());
        }
    }
    Ok(true)
}

/// One thread for everything that waits, and [`MAX_WORKERS`] for what takes its time.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(MAX_WORKERS).build();
    runtime.map_err(|source| Error::System { what: "starting the runtime", source })
}

/// Each has its stack, and memory of its own that it keeps.
const MAX_WORKERS: usize = 16;

/// For whoever started the process and must know the port.
fn announce(listening: Listening) {
    let mut text = format!("listening on {}\n", listening.batches);
    if let Some(status) = listening.status {
        text.push_str(&format!("status on http://{status}/metrics and /healthz\n"));
    }
    if let Some(enrolment) = listening.enrolment {
        text.push_str(&format!("enrolment on {enrolment}\n"));
    }
    if let Some(export) = listening.export {
        text.push_str(&format!("readers on https://{export}/v1/export\n"));
    }
    let mut out = io::stdout().lock();
    // A closed standard output is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn say(text: &str) -> Result<(), Error> {
    writeln!(io::stdout().lock(), "{text}").map_err(Error::Output)
}

/// Whether anything was listed. A reader that has seen enough is no error.
fn list(
    config: &Path,
    show: impl FnOnce(&Config, &mut dyn Write) -> Result<u64, Error>,
) -> Result<bool, Error> {
    let config = Config::load(config)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let shown = show(&config, &mut out).and_then(|n| out.flush().map(|()| n).map_err(Error::Output));
    match shown {
        Ok(count) => Ok(count > 0),
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(error),
    }
}
