//! The command line, exactly as typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use headgate_record::Kind;
use headgate_record::request::{MAX_MINUTES, RequestId};
use headgate_service::config::{ApplianceId, Endpoint, Region};

use crate::authority::Validity;

/// Receives batches from appliances, stores them once, answers with signed receipts.
#[derive(Debug, Parser)]
#[command(name = "headgate-receiver", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an organisation's keys, certificates and configuration
    Init(Init),
    /// Answer the request of an appliance: certificate, what it pins, and its sealed secret
    Sign(Sign),
    /// Make another certificate for the receiver
    Server(Server),
    /// Make what enrolment needs in the directory of an organisation of before
    Enrolment(Enrolment),
    /// Print a token with which an appliance may enroll once
    Token(Token),
    /// Revoke the secrets of an appliance: it delivers nothing more until it is enrolled again
    Revoke(Revoke),
    /// Ask something of a site: its rules and its administrator decide
    Ask(Ask),
    /// Print what was asked, and whether it has arrived
    Asked(Asked),
    /// Make another key for batches to be sealed to
    SealKey(SealKey),
    /// Take the batches of a carried medium, and leave the receipts to carry back
    Import(Import),
    /// Receive until told to stop
    Run(Run),
    /// Print the records that were received
    Records(Records),
    /// Print the batches that were received, and which are missing
    Batches(Batches),
    /// Say who may read what was received, over the export interface
    #[command(subcommand)]
    Reader(Reader),
}

/// `init`
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Directory for the files; made when it is not there
    pub directory: PathBuf,
    /// Host name or IP address under which appliances reach the receiver
    #[arg(long = "name", value_name = "HOSTNAME_OR_IP", required = true)]
    pub names: Vec<String>,
    /// Region in which the receiver keeps what it has, for its certificate and receiver.toml
    #[arg(long, value_parser = region_from)]
    pub region: Option<String>,
    /// Address to listen on, for receiver.toml
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
}

/// `sign`
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// Directory that `init` made
    pub directory: PathBuf,
    /// The appliance's signing request
    #[arg(value_name = "REQUEST.csr")]
    pub request: PathBuf,
    /// Where to write the answer, which is to be carried back
    #[arg(short, long, value_name = "ANSWER.pem")]
    pub output: PathBuf,
    /// How long the certificate is valid
    #[arg(long, value_name = "N", default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Begin of the validity, RFC 3339, for tests
    #[arg(long, value_name = "TIME", value_parser = time_from, requires = "valid_until", conflicts_with = "days")]
    pub valid_from: Option<SystemTime>,
    /// End of the validity, RFC 3339, for tests
    #[arg(long, value_name = "TIME", value_parser = time_from, requires = "valid_from", conflicts_with = "days")]
    pub valid_until: Option<SystemTime>,
}

/// `server`
#[derive(Debug, clap::Args)]
pub struct Server {
    /// Directory that `init` made
    pub directory: PathBuf,
    /// Host name or IP address under which appliances reach the receiver
    #[arg(long = "name", value_name = "HOSTNAME_OR_IP", required = true)]
    pub names: Vec<String>,
    /// Region in which the receiver keeps what it has
    #[arg(long, value_parser = region_from)]
    pub region: Option<String>,
    /// New file for the certificate; its key is written beside it, as .key
    #[arg(short, long, value_name = "CERT.crt")]
    pub output: PathBuf,
}

/// `enrolment`
#[derive(Debug, clap::Args)]
pub struct Enrolment {
    /// Directory that `init` made
    pub directory: PathBuf,
}

/// `token`
#[derive(Debug, clap::Args)]
pub struct Token {
    /// The appliance that may enroll with it: its appliance.id
    #[arg(value_parser = appliance_from)]
    pub appliance: String,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// Where the appliance reaches the enrolment, in place of the first name of the receiver's certificate and the port of
    /// [enrolment] listen
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<Endpoint>,
    /// How long it is good
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_760))]
    pub hours: u32,
}

/// `revoke`
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The appliance
    #[arg(value_parser = appliance_from)]
    pub appliance: String,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
}

/// `ask`
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// The appliance
    #[arg(value_parser = appliance_from)]
    pub appliance: String,
    /// What for
    #[command(subcommand)]
    pub what: What,
}

/// What may be asked for.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Headers of frames, for a time
    Capture {
        /// What every request has.
        #[command(flatten)]
        common: AskCommon,
        /// For so many minutes
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_MINUTES)))]
        minutes: u32,
        /// Which frames: conditions of a rule, such as 'protocols = ["udp/5060"]'; all that the site's rules let without
        #[arg(long = "match", value_name = "TOML", default_value = "")]
        conditions: String,
    },
    /// A change of the site's rules
    Rules {
        /// What every request has.
        #[command(flatten)]
        common: AskCommon,
        /// The rule file, at most 400 octets
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// How the appliance is, in figures
    Look {
        /// What every request has.
        #[command(flatten)]
        common: AskCommon,
    },
}

/// What every request has.
#[derive(Debug, clap::Args)]
pub struct AskCommon {
    /// Why, for the administrator of the site
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// How long it may be allowed
    #[arg(long, value_name = "N", default_value_t = 72, value_parser = clap::value_parser!(u32).range(1..=720))]
    pub hours: u32,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
}

/// `asked`
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// Take this request back, where it has not arrived
    #[arg(long, value_name = "ID")]
    pub withdraw: Option<RequestId>,
    /// One JSON document a line
    #[arg(long)]
    pub json: bool,
}

/// `seal-key`
#[derive(Debug, clap::Args)]
pub struct SealKey {
    /// New file for the private key; the public one is written beside it, as .pub
    pub file: PathBuf,
}

/// `import`
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Folder that `headgate bundle export` wrote. All of it is verified before anything is stored; what was stored before is
    /// receipted again
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// Where to write the receipts, in place of `receipts` in the folder
    #[arg(long, value_name = "FILE")]
    pub receipts: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `run`
#[derive(Debug, clap::Args)]
pub struct Run {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// Address to listen on, instead of the configured one; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// `records`
#[derive(Debug, clap::Args)]
pub struct Records {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// One JSON document a line
    #[arg(long)]
    pub json: bool,
    /// Only records of this kind
    #[arg(long, value_parser = kind_from)]
    pub kind: Option<Kind>,
    /// Only records of this appliance
    #[arg(long)]
    pub appliance: Option<String>,
}

/// `batches`
#[derive(Debug, clap::Args)]
pub struct Batches {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// One JSON document a line
    #[arg(long)]
    pub json: bool,
}

/// `reader`
#[derive(Debug, Subcommand)]
pub enum Reader {
    /// Let somebody read; prints a token, which is not kept
    Grant(Grant),
    /// Take a grant back, at once
    Revoke(RevokeReader),
    /// Print who may read
    List(Batches),
}

/// `reader grant`
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["site", "organisation"]))]
pub struct Grant {
    /// Name of the reader: 1 to 64 of a-z 0-9 - .
    pub name: String,
    /// An appliance whose batches it may read, or *.NAME for all whose name ends so; several times if need be
    #[arg(long, value_name = "APPLIANCE")]
    pub site: Vec<String>,
    /// All appliances' batches
    #[arg(long)]
    pub organisation: bool,
    /// Opened; without this only as they are sealed
    #[arg(long)]
    pub records: bool,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
}

/// `reader revoke`
#[derive(Debug, clap::Args)]
pub struct RevokeReader {
    /// Name of the reader
    pub name: String,
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
}

impl Sign {
    /// The validity that was asked for.
    pub fn validity(&self) -> Validity {
        match (self.valid_from, self.valid_until) {
            (Some(from), Some(until)) => Validity { from, until },
            _ => Validity::days(self.days),
        }
    }
}

fn time_from(text: &str) -> Result<SystemTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map(SystemTime::from).map_err(|e| format!("no RFC 3339 time: {e}"))
}

fn region_from(text: &str) -> Result<String, String> {
    text.parse::<Region>().map(|region| region.as_str().to_owned())
}

fn appliance_from(text: &str) -> Result<String, String> {
    text.parse::<ApplianceId>().map(|appliance| appliance.as_str().to_owned())
}

fn kind_from(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| format!("use one of: {}", Kind::ALL.map(Kind::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_validity_in_the_past_can_be_asked_for() {
        let args = Args::try_parse_from([
            "x",
            "sign",
            "d",
            "r",
            "-o",
            "c",
            "--valid-from",
            "2020-01-01T00:00:00Z",
            "--valid-until",
            "2020-01-02T00:00:00Z",
        ]);
        let Command::Sign(sign) = args.unwrap().command else { panic!("sign") };
        assert_eq!(sign.validity().until.duration_since(sign.validity().from).unwrap().as_secs(), 86_400);
    }
}
