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
    /// Make the appliance's private key and the request for its certificate
    Request(Common),
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = headgate_service::config::DEFAULT_PATH)]
    pub config: PathBuf,
}
