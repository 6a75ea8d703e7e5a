//! `receiver.toml`: what is written ([`File`]) and what it means ([`Config`]).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use headgate_service::config::{self, Bounded, ConfigError, Region};

use crate::sealing::MAX_KEYS;

/// Where the file lies on an installed receiver: where its unit takes it from.
pub const DEFAULT_PATH: &str = "/etc/headgate-receiver/receiver.toml";

/// How the receiver runs; file names are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Server certificate chain.
    pub certificate: PathBuf,
    /// Private key of that certificate.
    pub key: PathBuf,
    /// Most connections at once.
    pub connections: usize,
    /// Longest handshake, and longest transfer of one batch.
    pub timeout: Duration,
    /// Longest time without a request.
    pub idle_timeout: Duration,
    /// Authority of the receiver's certificate, and of clients' that it signed by hand.
    pub authority: PathBuf,
    /// What the secrets of appliances are made of.
    pub secrets: PathBuf,
    /// Whether an appliance that has never shown a secret is refused.
    pub secrets_required: bool,
    /// Certificate of the authority that signs over the network, for clients only.
    pub enroll_certificate: PathBuf,
    /// Private key of that authority.
    pub enroll_key: PathBuf,
    /// Address at which appliances with a token are enrolled; none are without.
    pub enroll_listen: Option<SocketAddr>,
    /// Whether appliances may have their certificates renewed over the link.
    pub renew: bool,
    /// Days that a certificate is valid which was given out over the network.
    pub enroll_days: u32,
    /// Database of tokens, secrets and requests.
    pub trust: PathBuf,
    /// Key that signs receipts.
    pub receipt_key: PathBuf,
    /// Keys that batches are sealed to, at most eight.
    pub seal_keys: Vec<PathBuf>,
    /// Region in which the receiver keeps what it has.
    pub region: Option<String>,
    /// What keeps batches.
    pub engine: Engine,
    /// Database.
    pub database: PathBuf,
    /// Address for who asks how the receiver is; nobody may without.
    pub status: Option<SocketAddr>,
    /// Address for readers; nobody may read without.
    pub export: Option<SocketAddr>,
    /// Audit trail of what readers were given.
    pub audit: PathBuf,
    /// Days that records are kept, counted from when they were stored.
    pub retention_days: u32,
}

/// What keeps batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The SQLite file [`Config::database`].
    Sqlite,
    /// A NATS cluster with JetStream.
    JetStream(Cluster),
}

/// A NATS cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `host:port` of some of its servers; it names the others. At most 16.
    pub servers: Vec<String>,
    /// Credentials as `nsc` writes them: JWT and seed.
    pub credentials: Option<PathBuf>,
    /// Authority of the servers' certificates; without one there is no TLS, which is for loopback only.
    pub authority: Option<PathBuf>,
    /// Certificate that the servers know the receiver by, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Name of the stream of batches; the index is beside it.
    pub stream: String,
    /// On how many servers each message is: a majority of them has it before there is a receipt.
    pub replicas: usize,
}

impl Config {
    /// Reads the file at `path` and resolves the names in it relative to it.
    ///
    /// # Errors
    /// The first problem, with its place. Nothing but the file itself is touched.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let file = config::parse(path, &config::read_file(path)?)?;
        Ok(resolve(file, path.parent().unwrap_or(Path::new(""))))
    }

    /// Whether certificates are given out over the network.
    #[must_use]
    pub fn enrolls(&self) -> bool {
        self.renew || self.enroll_listen.is_some()
    }

    /// The certificates of the authorities that a client's certificate may come from.
    pub fn client_authorities(&self) -> impl Iterator<Item = &Path> {
        let online = self.enrolls().then_some(self.enroll_certificate.as_path());
        std::iter::once(self.authority.as_path()).chain(online)
    }
}

fn resolve(file: File, directory: &Path) -> Config {
    let File {
        server,
        clients,
        enrolment,
        receipts,
        sealing,
        engine,
        jetstream,
        database,
        retention,
        status,
        export,
    } = file;
    let path = |name: Option<PathBuf>, default: &str| directory.join(name.unwrap_or_else(|| default.into()));
    let database = path(database.file, "receiver.db");
    let JetStream(jetstream) = jetstream;
    Config {
        listen: server.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT))),
        certificate: path(server.certificate, SERVER_CERTIFICATE),
        key: path(server.key, SERVER_KEY),
        connections: server.connections.map_or(DEFAULT_CONNECTIONS, Bounded::count),
        timeout: server.timeout.map_or(DEFAULT_TIMEOUT, Bounded::seconds),
        idle_timeout: server.idle_timeout.map_or(DEFAULT_IDLE_TIMEOUT, Bounded::seconds),
        authority: path(clients.authority, AUTHORITY_CERTIFICATE),
        receipt_key: path(receipts.key, RECEIPT_KEY),
        seal_keys: match sealing.keys {
            Some(SealKeys(files)) => files.into_iter().map(|file| directory.join(file)).collect(),
            None => vec![directory.join(SEAL_KEY)],
        },
        region: server.region.map(|region| region.as_str().to_owned()),
        engine: match engine.store {
            Kind::Sqlite => Engine::Sqlite,
            Kind::Jetstream => Engine::JetStream(Cluster {
                servers: jetstream.servers.unwrap_or_else(|| vec![DEFAULT_SERVER.into()]),
                credentials: jetstream.credentials.map(|file| directory.join(file)),
                authority: jetstream.authority.map(|file| directory.join(file)),
                certificate: jetstream
                    .certificate
                    .zip(jetstream.key)
                    .map(|(certificate, key)| (directory.join(certificate), directory.join(key))),
                stream: jetstream.stream.unwrap_or_else(|| DEFAULT_STREAM.into()),
                replicas: jetstream.replicas.map_or(DEFAULT_REPLICAS, Bounded::count),
            }),
        },
        secrets: path(clients.secrets, SECRETS_ROOT),
        secrets_required: clients.secrets_required.unwrap_or(true),
        enroll_certificate: path(enrolment.certificate, ENROLL_CERTIFICATE),
        enroll_key: path(enrolment.key, ENROLL_KEY),
        enroll_listen: enrolment.listen,
        renew: enrolment.renew.unwrap_or(true),
        enroll_days: enrolment.days.map_or(DEFAULT_ENROLL_DAYS, Bounded::get),
        trust: database.with_file_name("trust.db"),
        database,
        status: status.listen,
        export: export.listen,
        audit: path(export.audit, "audit.log"),
        retention_days: retention.days.map_or(DEFAULT_DAYS, Bounded::get),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    server: Server,
    clients: Clients,
    enrolment: Enrolment,
    receipts: Receipts,
    sealing: Sealing,
    engine: EngineKeys,
    jetstream: JetStream,
    database: Database,
    retention: Retention,
    status: Status,
    export: Export,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Server {
    listen: Option<SocketAddr>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    connections: Option<Bounded<1, 65_536>>,
    timeout: Option<Bounded<1, 600>>,
    idle_timeout: Option<Bounded<1, 86_400>>,
    region: Option<Region>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Clients {
    authority: Option<PathBuf>,
    secrets: Option<PathBuf>,
    secrets_required: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Enrolment {
    listen: Option<SocketAddr>,
    renew: Option<bool>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    days: Option<Bounded<1, 825>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Receipts {
    key: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sealing {
    keys: Option<SealKeys>,
}

/// One to [`MAX_KEYS`] files.
struct SealKeys(Vec<PathBuf>);

impl<'de> Deserialize<'de> for SealKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let files = Vec::<PathBuf>::deserialize(deserializer)?;
        if (1..=MAX_KEYS).contains(&files.len()) {
            Ok(SealKeys(files))
        } else {
            Err(serde::de::Error::custom(format!("name 1 to {MAX_KEYS} sealing keys")))
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EngineKeys {
    store: Kind,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Sqlite,
    Jetstream,
}

/// Checked together.
#[derive(Default, Deserialize)]
#[serde(default, try_from = "JetStreamKeys")]
struct JetStream(JetStreamKeys);

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct JetStreamKeys {
    servers: Option<Vec<String>>,
    credentials: Option<PathBuf>,
    authority: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    stream: Option<String>,
    replicas: Option<Bounded<1, 5>>,
}

impl TryFrom<JetStreamKeys> for JetStream {
    type Error = String;

    fn try_from(keys: JetStreamKeys) -> Result<JetStream, String> {
        let JetStreamKeys { servers, authority, certificate, key, stream, .. } = &keys;
        let servers = servers.as_deref().unwrap_or_default();
        if keys.servers.is_some() && !(1..=MAX_SERVERS).contains(&servers.len()) {
            return Err(format!("[jetstream] servers: name 1 to {MAX_SERVERS}"));
        }
        for server in servers {
            let Some((host, port)) = server.rsplit_once(':') else {
                return Err(format!("[jetstream] servers: {server:?} is no host:port"));
            };
            if host.is_empty() || host.contains(['/', '@']) || port.parse::<u16>().is_err() {
                return Err(format!("[jetstream] servers: {server:?} is no host:port"));
            }
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let is_near = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if authority.is_none() && !is_near {
                return Err(format!(
                    "[jetstream] servers: {server} is not on this machine, and without TLS anybody on the way could write in \
                     its name: say authority"
                ));
            }
        }
        if certificate.is_some() != key.is_some() {
            return Err("[jetstream]: certificate and key go together".into());
        }
        let letters =
            |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if stream.as_ref().is_some_and(|name| !(1..=MAX_STREAM).contains(&name.len()) || !letters(name)) {
            return Err(format!("[jetstream] stream: 1 to {MAX_STREAM} letters, digits, - and _"));
        }
        Ok(JetStream(keys))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Database {
    file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retention {
    days: Option<Bounded<1, 3_650>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Export {
    listen: Option<SocketAddr>,
    audit: Option<PathBuf>,
}

/// An address off this machine is one only where that is said.
#[derive(Default, Deserialize)]
#[serde(default, try_from = "StatusKeys")]
struct Status {
    listen: Option<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StatusKeys {
    listen: Option<SocketAddr>,
    beyond_loopback: bool,
}

impl TryFrom<StatusKeys> for Status {
    type Error = String;

    fn try_from(keys: StatusKeys) -> Result<Status, String> {
        match keys.listen {
            Some(address) if !address.ip().is_loopback() && !keys.beyond_loopback => Err(format!(
                "[status] listen: {address} is no loopback address, and anybody who reaches it may ask; \
                 if that is meant, say beyond_loopback = true"
            )),
            listen => Ok(Status { listen }),
        }
    }
}

/// Certificate of the organisation's authority.
pub const AUTHORITY_CERTIFICATE: &str = "authority.crt";
/// Private key of that authority.
pub const AUTHORITY_KEY: &str = "authority.key";
/// Certificate of the authority that signs over the network.
pub const ENROLL_CERTIFICATE: &str = "enroll.crt";
/// Private key of that authority.
pub const ENROLL_KEY: &str = "enroll.key";
/// What the secrets of appliances are made of, 32 octets.
pub const SECRETS_ROOT: &str = "appliances.key";
/// Public half of the receipt key.
pub const RECEIPT_PUBLIC: &str = "receipt.pub";
/// Public half of the sealing key.
pub const SEAL_PUBLIC: &str = "seal.pub";
/// Certificate of the server.
pub const SERVER_CERTIFICATE: &str = "server.crt";
/// Private key of the server.
pub const SERVER_KEY: &str = "server.key";
/// Key that signs receipts.
pub const RECEIPT_KEY: &str = "receipt.key";
/// Key that batches are sealed to.
pub const SEAL_KEY: &str = "seal.key";
/// Most servers of a cluster that are named.
pub const MAX_SERVERS: usize = 16;
const MAX_STREAM: usize = 32;
const DEFAULT_SERVER: &str = "127.0.0.1:4222";
const DEFAULT_STREAM: &str = "HEADGATE";
const DEFAULT_REPLICAS: usize = 3;
const DEFAULT_PORT: u16 = 8443;
const DEFAULT_DAYS: u32 = 60;
const DEFAULT_ENROLL_DAYS: u32 = 90;
const DEFAULT_CONNECTIONS: usize = 4_096;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
