//! The command line of `headgate`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use headgate_record::request::RequestId;
use headgate_service::config::DEFAULT_PATH;

use crate::schema::File;
use crate::subject::SubjectCommand;
use crate::top::View;

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
    /// The same, drawn again every second: what comes, devices, neighbours, traffic, losses, what left
    ///
    /// q ends it; ? shows all keys. It needs a terminal, and reads only what status, devices, neighbors, flows and ledger read.
    Top {
        /// Draw one frame as text and end, for a file or a pipe; with --json, what it would draw
        #[arg(long)]
        once: bool,
        /// What the lower part shows at the beginning
        #[arg(long, value_enum, default_value_t = View::Devices)]
        view: View,
    },
    /// A page for people: neighbours, devices, DHCP, flows, what left and why, losses, rules; of the running appliance or of captures
    ///
    /// The page needs nothing but itself, for light and dark screens and for paper. It may hold what the rules let this appliance
    /// keep of persons, so only its owner can read it.
    Report {
        /// The file that is written, or replaced
        #[arg(long, value_name = "FILE")]
        html: PathBuf,
        /// pcap or pcapng files, in the order in which they were captured, instead of the running appliance
        #[arg(value_name = "CAPTURE")]
        captures: Vec<PathBuf>,
    },
    /// How the appliance is, as OpenMetrics text: for node_exporter's textfile collector, or whoever reads that
    Metrics {
        /// The file that is replaced, mostly in the collector's directory and ending in .prom; otherwise standard output
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
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
        /// Instead of listing the latest
        #[command(subcommand)]
        command: Option<LedgerCommand>,
    },
    /// Work with the encrypted buffer of a running store
    Buffer {
        /// What to do with it
        #[command(subcommand)]
        command: BufferCommand,
    },
    /// Batches on carried media, for sites without a network that leads out
    Bundle {
        /// What to do
        #[command(subcommand)]
        command: BundleCommand,
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
    /// Show what whoever runs the receiver asks for; allow it, or refuse it
    Requests {
        /// What to do; shows them without
        #[command(subcommand)]
        command: Option<RequestsCommand>,
    },
    /// Make this appliance's keys, and enroll it at a receiver: with a token, or by a request and an answer that are carried
    #[command(args_conflicts_with_subcommands = true)]
    Enroll {
        /// File with the token of whoever runs the receiver; - is standard input
        #[arg(long, value_name = "FILE")]
        token: Option<PathBuf>,
        /// Without a network
        #[command(subcommand)]
        command: Option<EnrollCommand>,
    },
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
pub(crate) enum LedgerCommand {
    /// Whether every entry is as it was written, none is missing, and all are signed; and where not
    Verify {
        /// An exported ledger, in place of the running store's
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The public key of the store that wrote it, as `headgate ledger key` printed it
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Write the whole ledger as JSON lines, to be verified elsewhere
    Export {
        /// A new file; without one, standard output
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// The public key that the ledger is signed with
    Key,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BufferCommand {
    /// Open and read everything that is kept, and say what is damaged or missing
    Verify,
    /// What is kept by class, since when, and what it takes on disk
    Stats,
    /// Delete what was kept before a time (root only); without --yes only say what that would be
    Purge {
        /// Only of this class: bulk (flows), state or account
        #[arg(long, value_parser = ["bulk", "state", "account"])]
        class: Option<String>,
        /// What was kept before this time, such as 2026-01-31T00:00:00Z
        #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "all", conflicts_with = "all")]
        before: Option<u64>,
        /// Whenever it was kept
        #[arg(long)]
        all: bool,
        /// Delete it
        #[arg(long)]
        yes: bool,
    },
    /// Give free pages back to the file system (root only)
    Compact,
    /// Write every record that is kept to a file (root only); the ledger says so
    Export {
        /// Only of this kind, such as device
        #[arg(long, value_parser = kind, required_if_eq("format", "csv"))]
        kind: Option<headgate_record::Kind>,
        /// How
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
        /// A new file; without one, standard output
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// `requests`
#[derive(Debug, Subcommand)]
pub(crate) enum RequestsCommand {
    /// Carry a request out, by this command: a capture of headers runs until its time is over or Ctrl-C, a proposal and figures are
    /// written. Nothing leaves by itself
    Allow {
        /// Which
        #[arg(value_name = "REQUEST")]
        id: RequestId,
        /// New file for what comes of it
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Interface of a capture, where the configuration names several
        #[arg(long, value_name = "IFACE")]
        interface: Option<String>,
    },
    /// Refuse a request
    Refuse {
        /// Which
        #[arg(value_name = "REQUEST")]
        id: RequestId,
    },
}

/// `enroll`
#[derive(Debug, Subcommand)]
pub(crate) enum EnrollCommand {
    /// Write the request into a new file, to be carried to whoever runs the receiver
    Request {
        /// The file
        #[arg(value_name = "REQUEST.csr")]
        file: PathBuf,
    },
    /// Take the answer that came back
    Accept {
        /// What `headgate-receiver sign` wrote
        #[arg(value_name = "ANSWER.pem")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Write what waits and is on no other medium to a folder (root only)
    ///
    /// The batches are sealed to the organisation's key and the manifest is signed with the appliance's. They wait in the buffer until
    /// `headgate bundle receipt`; several media may be under way at once, and arrive in any order.
    Export {
        /// Folder on the medium: made when it is not there; it must hold no bundle yet
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Most that the bundle may take, MiB; what finds no room is for another medium
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(8..))]
        limit_mib: Option<u32>,
    },
    /// The media under way: since when, which batches, how many of them wait for a receipt
    List,
    /// Give a medium up (root only): its batches go on the next one
    Lost {
        /// The medium, as `list` names it
        #[arg(value_name = "MEDIUM", value_parser = medium)]
        medium: headgate_record::bundle::MediumId,
    },
    /// Take the receipts that came back (root only): exactly the batches that they name leave the buffer
    ///
    /// All receipts of the file are verified first; one that is not the receiver's, and none is followed.
    Receipt {
        /// The file `receipts` that `headgate-receiver import` left on the medium
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// How records are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A JSON object on each line
    Json,
    /// Comma-separated values, RFC 4180
    Csv,
}

/// A time of RFC 3339 as milliseconds since 1970.
fn time(text: &str) -> Result<u64, String> {
    let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    let time = time.map_err(|_| "not a time such as 2026-01-31T00:00:00Z".to_owned())?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| "before 1970".to_owned())
}

fn medium(text: &str) -> Result<headgate_record::bundle::MediumId, String> {
    text.parse()
        .map_err(|_| "a medium has 16 hexadecimal digits, as `headgate bundle list` prints them".to_owned())
}

fn kind(name: &str) -> Result<headgate_record::Kind, String> {
    headgate_record::Kind::from_name(name).ok_or_else(|| {
        let kinds: Vec<_> = headgate_record::Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("not a kind of record: {}", kinds.join(", "))
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check headgate.toml, rules.toml and their drop-ins
    Check,
    /// The effective rules
    Show,
    /// The record of processing activities (GDPR, Article 30), made from what is in force
    Processing,
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
