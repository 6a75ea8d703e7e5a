//! The command line of `headgate`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use headgate_service::config::DEFAULT_PATH;

use crate::schema::File;
use crate::subject::SubjectCommand;

/// Headgate passes headers, never payload: see what it sees, keeps and sends.
///
/// Exit codes: 0 done; 1 the answer is no; 2 wrong usage; 65 damaged input; 66 no input; 69 a process does
/// not answer; 78 wrong configuration, rules or credentials.
#[derive(Debug, Parser)]
#[command(name = "headgate", version)]
pub(crate) struct Args {
    /// Configuration file; rules.toml lies beside it
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub(crate) config: PathBuf,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is seen, kept, sent and lost, and what is wrong
    Status,
    /// What keeps Headgate from seeing on this machine, how that was seen, and what to type
    Doctor {
        /// Watch the interfaces for so many seconds (to see frames needs CAP_NET_RAW)
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3_600))]
        seconds: u32,
    },
    /// Stations by MAC address and VLAN
    Devices {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// What neighbours announce by LLDP
    Neighbors {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Addresses lent by DHCP
    Leases {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// DHCP exchanges: messages, timing, result
    Exchanges {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Authentications of stations and their accounting, by EAPOL and RADIUS
    Authentications {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Bridges by spanning tree
    Bridges {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Bidirectional flows
    Flows {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Where every frame and record ended
    Counters {
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// What the next batch would hold
    Preview {
        /// At most so many records
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// What has left the site
    Ledger {
        /// At most so many entries
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// One person: find, export, set right, forget
    Subject {
        /// What to do
        #[command(subcommand)]
        command: SubjectCommand,
    },
    /// The store's keys
    Keys {
        /// What to do with them
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Work with rule files
    Rules {
        /// What to do with them
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Every element that can be stored or sent, with its source and defaults
    Dictionary,
    /// JSON Schema (draft 2020-12) of a configuration file, for editors
    Schema {
        /// Which file
        #[arg(value_name = "FILE")]
        file: File,
    },
    /// Read capture files through the same rules, without any daemon
    Replay {
        /// pcap or pcapng files, in the order in which they were captured
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show every frame of capture files as the readers see it
    Dissect {
        /// pcap or pcapng files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Make this appliance's keys and its certificate request
    Enroll,
    /// Run the whole chain once in a throw-away site and say what happened
    Trial {
        /// Read this capture file instead of the one that comes with Headgate
        #[arg(long, value_name = "FILE", conflicts_with = "interface")]
        pcap: Option<PathBuf>,
        /// Watch this interface instead (needs CAP_NET_RAW, for the first moment)
        #[arg(long, value_name = "IFACE")]
        interface: Option<String>,
        /// Watch the interface for so many seconds; Ctrl-C ends earlier
        #[arg(long, default_value_t = 30, requires = "interface", value_parser = clap::value_parser!(u32).range(1..=86_400))]
        seconds: u32,
        /// Leave the site in this new or empty directory, to look at
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Begin to use fresh keys, without a pause; without an option all but the master key (root)
    Rotate {
        /// The key that seals what comes from now on
        #[arg(long, group = "which")]
        data: bool,
        /// The keys of pseudonyms: the same device has another one from now on
        #[arg(long, group = "which")]
        pseudonym: bool,
        /// The key of the index by which persons are found
        #[arg(long, group = "which")]
        blind: bool,
        /// The master key: master.key.new, which `headgate-store new-key` makes, is used from now on
        #[arg(long, group = "which")]
        master: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check headgate.toml, rules.toml and their drop-ins
    Check,
    /// The effective rules
    Show,
    /// What the rules do with the frames of a capture file, or with a field, and where that was said
    Explain {
        /// pcap or pcapng file
        #[arg(value_name = "FILE", required_unless_present = "field", conflicts_with = "field")]
        file: Option<PathBuf>,
        /// Frames by number, as dissect gives it; without any, all
        #[arg(value_name = "NUMBER")]
        numbers: Vec<u64>,
        /// Instead of frames: a field such as device.hostname, or all fields of a kind of record
        #[arg(long, value_name = "FIELD")]
        field: Vec<String>,
    },
}
