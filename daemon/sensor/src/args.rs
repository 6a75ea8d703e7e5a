//! The command line of `headgate-sensor`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use headgate_service::config::DEFAULT_PATH;

/// The process of Headgate that sees: turns frames into records and hands them to the store.
#[derive(Debug, Parser)]
#[command(name = "headgate-sensor", version)]
pub(crate) struct Args {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch until asked to stop, on the capture sockets that the service manager hands over
    Run {
        /// Configuration file; rules.toml lies beside it
        #[arg(long, default_value = DEFAULT_PATH)]
        config: PathBuf,
        /// Standard input is a capture socket of this name (as open-capture stores it)
        #[arg(long, value_name = "NAME", conflicts_with = "replay")]
        capture_stdin: Option<String>,
        /// Read capture files instead, then end
        #[arg(long, value_name = "FILE", num_args = 1..)]
        replay: Vec<PathBuf>,
    },
    /// Open, filter and lock the capture sockets, hand them to the service manager and end (privileged)
    OpenCapture {
        /// Configuration file; rules.toml lies beside it
        #[arg(long, default_value = DEFAULT_PATH)]
        config: PathBuf,
        /// Enter the network namespace of the host first
        #[arg(long)]
        host_network: bool,
        /// Hand over a socket for an interface that is not there, too: it is watched when it comes
        #[arg(long)]
        await_missing: bool,
    },
    /// Bind capture sockets again when their interfaces are back (`run` starts it)
    #[command(hide = true)]
    Follow {
        /// Have interfaces receive frames for other stations
        #[arg(long)]
        promiscuous: bool,
        /// Descriptors and their names
        #[arg(value_name = "FD=NAME", value_parser = descriptor)]
        sockets: Vec<(i32, String)>,
    },
}

fn descriptor(text: &str) -> Result<(i32, String), String> {
    let (number, name) = text.split_once('=').ok_or("not of the form FD=NAME")?;
    Ok((number.parse().map_err(|e: std::num::ParseIntError| e.to_string())?, name.to_owned()))
}
