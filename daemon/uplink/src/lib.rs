//! The process that speaks: it carries released batches to the receiver and receipts back.
//!
//! **What it does.** Asks the store for the oldest batch without a receipt, posts it to the receiver
//! over HTTP/1.1 on mutual TLS 1.3 (RFC 8446), and hands the receipt to the store. While the
//! receiver is away it waits, longer each time and at random, and says so; nothing is skipped and
//! nothing changes its order, because the store alone decides what comes next. It also makes the
//! appliance's keys and signing request ([`request`]), enrolls it ([`enroll`], [`accept`]), renews its certificate, and writes what waits to a carried medium ([`export`]).
//!
//! **What it never does.** It keeps no batch, opens no store, holds no data key, sees no frame,
//! listens on no port, trusts no authority but the pinned one, and sends no byte of a batch before
//! the receiver has proved who it is.
//!
//! **Who uses it.** The `headgate-uplink` binary. Of ours it imports `record` and `service`.

mod answer;
mod args;
mod backoff;
mod bundle;
mod collector;
mod credentials;
mod enroll;
mod error;
mod http;
mod link;
mod otlp;
mod outbox;
mod pace;
mod problem;
mod proxy;
mod renew;
mod request;
mod run;
mod together;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use headgate_service::stop::Stop;
use headgate_service::{config, exit, lockdown, log};

pub use answer::AnswerFault;
pub use bundle::{Exported, export};
pub use enroll::{Enrolled, accept, enroll};
pub use error::{CredentialFault, Error};
pub use problem::{Problem, ProxyFault};
pub use request::{Request, request};
pub use run::run;

/// Runs the command line of `headgate-uplink`.
#[must_use]
pub fn main() -> ExitCode {
    let args = args::Args::parse();
    log::init("headgate-uplink");
    exit::report(dispatch(&args))
}

/// The command line, for its manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}

fn dispatch(args: &args::Args) -> Result<(), Error> {
    lockdown::privileges().map_err(|source| Error::System { what: "giving up privileges", source })?;
    match &args.command {
        args::Command::Run(common) => {
            let config = config::load(&common.config)?;
            let stop =
                Stop::install().map_err(|source| Error::System { what: "watching signals", source })?;
            run(&config, &stop)
        }
        args::Command::Export(args) => {
            let config = config::load(&args.common.config)?;
            let exported = export(&config, &args.directory, args.limit_mib)?;
            let text = if args.json { exported.to_json() } else { exported.to_text() };
            // The bundle is made; a closed standard output changes nothing.
            let _ = writeln!(std::io::stdout().lock(), "{text}");
            Ok(())
        }
        args::Command::Enroll(args) => {
            let config = config::load(&args.common.config)?;
            let from = Some(args.token.as_path()).filter(|file| *file != std::path::Path::new("-"));
            said(&enroll(&config, &enroll::read_token(from)?)?);
            Ok(())
        }
        args::Command::Accept(args) => {
            said(&accept(&config::load(&args.common.config)?, &args.file)?);
            Ok(())
        }
        args::Command::Request(common) => {
            let made = request(&config::load(&common.config)?)?;
            let text = format!(
                "key:     {}\nrequest: {}\nNext: `headgate-receiver sign` at the cloud end answers the request; `headgate enroll accept` takes the answer.",
                made.key.display(),
                made.request.display(),
            );
            // The files are made; a closed standard output changes nothing.
            let _ = writeln!(std::io::stdout().lock(), "{text}");
            Ok(())
        }
    }
}

fn said(enrolled: &Enrolled) {
    let mut text = format!("enrolled: certificate, secret and keys are in {}", enrolled.directory.display());
    if !enrolled.region.is_empty() {
        text.push_str(&format!(
            "\nthe receiver is in region {0}; to pin it: [uplink] regions = [\"{0}\"]",
            enrolled.region
        ));
    }
    // All is in place; a closed standard output changes nothing.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
