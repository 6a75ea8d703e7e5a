//! The command line, exactly as typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Carries released batches to the receiver.
#[derive(Debug, Parser)]
#[command(name = "headgate-uplink", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Carry batches until told to stop
    Run(Common),
    /// Make the appliance's private keys and the request for its certificate
    Request(Common),
    /// Enroll with a token; `headgate enroll --token` runs this
    Enroll(Enroll),
    /// Put the answer to the request in place; `headgate enroll accept` runs this
    Accept(Accept),
    /// Write batches that wait to a carried medium; `headgate bundle export` runs this
    Export(Export),
}

/// `enroll`
#[derive(Debug, clap::Args)]
pub struct Enroll {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// File with the token; - is standard input
    #[arg(long, value_name = "FILE")]
    pub token: PathBuf,
}

/// `accept`
#[derive(Debug, clap::Args)]
pub struct Accept {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What `headgate-receiver sign` wrote
    #[arg(value_name = "ANSWER.pem")]
    pub file: PathBuf,
}

/// `export`
#[derive(Debug, clap::Args)]
pub struct Export {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// Folder for the bundle: made when it is not there
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Most that the bundle may take, MiB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(8..))]
    pub limit_mib: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = headgate_service::config::DEFAULT_PATH)]
    pub config: PathBuf,
}
