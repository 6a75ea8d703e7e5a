//! `receiver.toml`: what is written ([`File`]) and what it means ([`Config`]).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use headgate_service::config::{self, Bounded, ConfigError, Region};

use crate::sealing::MAX_KEYS;

/// Where the file lies on an installed receiver.
pub const DEFAULT_PATH: &str = "/etc/headgate/receiver.toml";

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
    /// Authority of the clients' certificates.
    pub authority: PathBuf,
    /// Key that signs receipts.
    pub receipt_key: PathBuf,
    /// Keys that batches are sealed to, at most [`MAX_KEYS`].
    pub seal_keys: Vec<PathBuf>,
    /// Region in which the receiver keeps what it has.
    pub region: Option<String>,
    /// Database.
    pub database: PathBuf,
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
}

fn resolve(file: File, directory: &Path) -> Config {
    let File { server, clients, receipts, sealing, database } = file;
    let path = |name: Option<PathBuf>, default: &str| directory.join(name.unwrap_or_else(|| default.into()));
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
        database: path(database.file, "receiver.db"),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    server: Server,
    clients: Clients,
    receipts: Receipts,
    sealing: Sealing,
    database: Database,
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
struct Database {
    file: Option<PathBuf>,
}

/// Certificate of the organisation's authority.
pub const AUTHORITY_CERTIFICATE: &str = "authority.crt";
/// Certificate of the server.
pub const SERVER_CERTIFICATE: &str = "server.crt";
/// Private key of the server.
pub const SERVER_KEY: &str = "server.key";
/// Key that signs receipts.
pub const RECEIPT_KEY: &str = "receipt.key";
/// Key that batches are sealed to.
pub const SEAL_KEY: &str = "seal.key";
const DEFAULT_PORT: u16 = 8443;
const DEFAULT_CONNECTIONS: usize = 4_096;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receiver.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(&file).map_err(|e| e.to_string().replace(directory.path().to_str().unwrap(), ""))
    }

    #[test]
    fn the_shipped_file_is_the_defaults() {
        let shipped = toml::from_str(crate::init::TEMPLATE).unwrap();
        let place = Path::new("/etc/headgate");
        assert_eq!(resolve(shipped, place), resolve(File::default(), place));
    }

    #[test]
    fn the_shipped_file_has_every_key() {
        let table: toml::Table = toml::from_str(crate::init::TEMPLATE).unwrap();
        let keys: usize = table.values().map(|section| section.as_table().unwrap().len()).sum();
        // And `region`, which has no default.
        assert_eq!(keys, 10);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_what_is_allowed() {
        let error = load_text("[server]\nport = 5\n").unwrap_err();
        assert!(error.starts_with("/receiver.toml:2:1: unknown field `port`, expected one of"), "{error}");
    }

    #[test]
    fn a_listen_address_without_a_port_is_refused_with_its_place() {
        let error = load_text("[server]\nlisten = \"localhost\"\n").unwrap_err();
        assert!(error.starts_with("/receiver.toml:2:10: "), "{error}");
    }

    #[test]
    fn no_sealing_key_and_too_many_are_refused_with_their_place() {
        for keys in [vec![], vec!["seal.key"; 9]] {
            let error = load_text(&format!("[sealing]\nkeys = {keys:?}\n")).unwrap_err();
            assert!(error.starts_with("/receiver.toml:2:8: name 1 to 8"), "{error}");
        }
    }

    #[test]
    fn names_are_relative_to_the_file() {
        let config = load_text("[database]\nfile = \"/var/db/x\"\n").unwrap();
        assert_eq!(config.database, Path::new("/var/db/x"));
        assert!(config.key.is_absolute() && config.key.ends_with("server.key"));
    }
}
