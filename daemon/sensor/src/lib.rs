//! The process that sees: frames to records.
//!
//! **What it does.** Reads frames of a wire that the kernel filter has already cut, or capture files
//! through the same filter ([`replay()`]; [`dissect()`] to look at them, [`explain()`] to look at what the rules do; [`look()`] at interfaces for `doctor`), keeps devices, neighbours, leases, exchanges and flows in
//! tables of fixed size ([`Engine`]), and hands records to the store ([`Handover`]). A short privileged
//! step of the same program opens the capture sockets before it starts.
//!
//! **What it never does.** It has no network, writes no file, holds no key, and while it reads frames
//! has no capability, makes no system call but those it needs, and cannot send on its capture sockets.
//!
//! **Who uses it.** `headgate-sensor`, and the administrator's command for `replay`, `dissect`, `rules
//! explain` and `doctor`. It imports `capture`, `wire`, `rules` and `record`.

mod args;
mod dissect;
mod engine;
mod error;
mod explain;
mod follow;
mod handover;
mod headers;
mod identify;
mod live;
mod look;
mod opener;
mod replay;
mod sandbox;
mod start;
mod state;

use std::process::ExitCode;

use clap::Parser;
use headgate_service::exit;

pub use dissect::{Dissection, dissect};
pub use engine::{Engine, MAX_INTERFACES, MAX_STEP_BACK, Tally};
pub use error::SensorError;
pub use explain::{Excluded, Explanation, Fate, FieldFate, Network, Ruled, Share, explain, fate};
pub use handover::{Handover, MAX_QUEUE};
pub use headers::{HeaderCapture, HeaderRules, MAX_CAPTURE_OCTETS, capture_headers};
pub use headgate_capture::clock_is_synchronised;
pub use look::{Look, look};
pub use opener::check_threads;
pub use replay::replay;
pub use sandbox::SandboxError;
pub use start::{read_rules, read_rules_with_places};
pub use state::counters::{Counters, Outcome};
pub use state::link::LinkCounts;

/// The `headgate-sensor` program.
#[must_use]
pub fn main() -> ExitCode {
    let args = args::Args::parse();
    headgate_service::log::init("headgate-sensor");
    exit::report(start::start(args))
}

/// The command line, for its manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}
