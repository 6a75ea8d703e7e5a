//! `headgate.toml`: how the appliance runs.
//!
//! Reading and judging are one: what deserialises is valid. Reading a file touches nothing but that
//! file and its drop-ins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Where the file lies on an installed appliance.
pub const DEFAULT_PATH: &str = "/etc/headgate/headgate.toml";
/// Largest configuration file that is read, in octets.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most drop-ins that are read.
pub const MAX_DROP_INS: usize = 64;

/// The whole file. Every key has a default; an unknown key is an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Headgate {
    /// Who this appliance is.
    pub appliance: Appliance,
    /// What it listens on.
    pub capture: Capture,
    /// How many of each it remembers while it watches.
    pub tables: Tables,
    /// When a flow ends.
    pub flows: Flows,
    /// Where records are kept.
    pub store: Store,
    /// Where its processes meet.
    pub sockets: Sockets,
    /// Where records are sent.
    pub uplink: Uplink,
    /// Where keys and certificates lie.
    pub credentials: Credentials,
}

/// `[appliance]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Appliance {
    /// Identifier, as in the appliance's certificate.
    pub id: ApplianceId,
}

/// `[capture]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Interfaces to listen on.
    pub interfaces: Vec<InterfaceName>,
    /// Whether to receive frames for other stations.
    pub promiscuous: bool,
    /// Size of the ring of each interface, MiB.
    pub ring_mib: Bounded<1, 1024>,
}

/// `[tables]`: entries; the oldest leaves a full table and is counted.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tables {
    /// Devices.
    pub devices: Bounded<1, 1_000_000>,
    /// LLDP neighbours of each interface.
    pub neighbors: Bounded<1, 1_024>,
    /// DHCP leases.
    pub leases: Bounded<1, 1_000_000>,
    /// DHCP exchanges under way.
    pub exchanges: Bounded<1, 100_000>,
    /// Flows under way.
    pub flows: Bounded<1, 4_000_000>,
}

/// `[flows]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flows {
    /// A flow without a packet for so long has ended, seconds.
    pub idle_timeout: Bounded<1, 3_600>,
    /// A flow that goes on is recorded so often, seconds.
    pub active_timeout: Bounded<1, 86_400>,
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Directory of the encrypted buffer.
    pub directory: PathBuf,
    /// Most that the buffer may take, MiB.
    pub max_mib: Bounded<16, 1_048_576>,
    /// Most records of one batch.
    pub batch_records: Bounded<1, 4_096>,
    /// Records wait at most so long for others before they leave, seconds.
    pub batch_delay: Bounded<0, 3_600>,
}

/// `[sockets]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sockets {
    /// Directory that holds the sockets of the appliance's own processes.
    pub directory: PathBuf,
}

/// `[uplink]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uplink {
    /// The receiver, or nothing: then all stays on the appliance.
    pub receiver: Option<Endpoint>,
    /// First wait after a failure, seconds; it doubles with each further failure.
    pub retry_min: Bounded<1, 3_600>,
    /// Longest wait after a failure, seconds.
    pub retry_max: Bounded<1, 86_400>,
    /// A receiver that does not answer for so long has failed, seconds.
    pub timeout: Bounded<1, 600>,
}

/// `[credentials]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// Directory used where the service manager hands over none.
    pub directory: PathBuf,
}

impl Default for Appliance {
    fn default() -> Self {
        Appliance { id: ApplianceId("appliance".into()) }
    }
}
impl Default for Capture {
    fn default() -> Self {
        Capture { interfaces: Vec::new(), promiscuous: true, ring_mib: Bounded(8) }
    }
}
impl Default for Tables {
    fn default() -> Self {
        Tables {
            devices: Bounded(16_384),
            neighbors: Bounded(32),
            leases: Bounded(16_384),
            exchanges: Bounded(4_096),
            flows: Bounded(65_536),
        }
    }
}
impl Default for Flows {
    fn default() -> Self {
        Flows { idle_timeout: Bounded(15), active_timeout: Bounded(300) }
    }
}
impl Default for Store {
    fn default() -> Self {
        Store {
            directory: "/var/lib/headgate".into(),
            max_mib: Bounded(512),
            batch_records: Bounded(1_000),
            batch_delay: Bounded(5),
        }
    }
}
impl Default for Sockets {
    fn default() -> Self {
        Sockets { directory: "/run/headgate".into() }
    }
}
impl Default for Uplink {
    fn default() -> Self {
        Uplink { receiver: None, retry_min: Bounded(1), retry_max: Bounded(300), timeout: Bounded(30) }
    }
}
impl Default for Credentials {
    fn default() -> Self {
        Credentials { directory: "/etc/headgate/credentials".into() }
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number, as a count of things in memory.
    #[must_use]
    pub fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The number of seconds.
    #[must_use]
    pub fn seconds(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        u32::try_from(number)
            .ok()
            .filter(|n| (MIN..=MAX).contains(n))
            .map(Bounded)
            .ok_or_else(|| de::Error::custom(format!("{number} is out of range, use {MIN} to {MAX}")))
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok($name(text.to_owned())) } else { Err(format!("{text:?} is not {}", $allowed)) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

text_type!(
    /// A Linux interface name (`dev_valid_name`).
    InterfaceName,
    |t| !t.is_empty()
        && t.len() < 16
        && t != "."
        && t != ".."
        && t.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ':'),
    "an interface name: 1 to 15 printable characters without / and :"
);
text_type!(
    /// An appliance identifier.
    ApplianceId,
    |t| !t.is_empty()
        && t.len() <= 64
        && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.'),
    "an appliance identifier: 1 to 64 of a-z 0-9 - ."
);
text_type!(
    /// A host and a port, `host:port`; an IPv6 address stands in brackets.
    Endpoint,
    |t| t.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host_ok = bare.map_or(!host.contains(':'), |h| h.parse::<std::net::Ipv6Addr>().is_ok());
        host_ok && !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p != 0)
    }),
    "a receiver: write it as host:port"
);

impl Endpoint {
    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or(self.0.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Why a configuration cannot be used: which file, where in it, what is wrong and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read", file = .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`], or there are more than [`MAX_DROP_INS`] drop-ins.
    #[error("{file}: too large, the limit is {limit}", file = .file.display())]
    TooLarge {
        /// The file or directory.
        file: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The content is wrong.
    #[error("{file}:{line}:{column}: {what}", file = .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong and what is allowed.
        what: String,
    },
}

impl crate::exit::Exit for ConfigError {
    fn code(&self) -> u8 {
        crate::exit::CONFIG
    }
}

/// Reads `headgate.toml` and the `*.toml` of the directory `headgate.toml.d` beside it, in order of
/// their names; a later file replaces single keys of an earlier one.
///
/// # Errors
/// The first problem found. Nothing is used of a configuration with a problem.
pub fn load(path: &Path) -> Result<Headgate, ConfigError> {
    let mut merged = toml::Table::new();
    for (file, text) in read_with_drop_ins(path)? {
        // Each file alone first, so that a message names the file and the place.
        toml::from_str::<Headgate>(&text).map_err(|e| content_error(&file, &text, &e))?;
        let table = toml::from_str(&text).map_err(|e| content_error(&file, &text, &e))?;
        merge(&mut merged, table);
    }
    merged.try_into().map_err(|e: toml::de::Error| content_error(path, "", &e))
}

/// The text of `path` and of its drop-ins, in the order in which they apply.
///
/// # Errors
/// When one cannot be read, or a limit is exceeded.
pub fn read_with_drop_ins(path: &Path) -> Result<Vec<(PathBuf, String)>, ConfigError> {
    let mut directory = path.as_os_str().to_owned();
    directory.push(".d");
    let mut drop_ins = BTreeMap::new();
    if let Ok(entries) = std::fs::read_dir(&directory) {
        for entry in entries.flatten() {
            let file = entry.path();
            if file.extension().is_some_and(|e| e == "toml") {
                drop_ins.insert(entry.file_name(), file);
            }
            if drop_ins.len() > MAX_DROP_INS {
                let limit = u64::try_from(MAX_DROP_INS).unwrap_or(u64::MAX);
                return Err(ConfigError::TooLarge { file: directory.into(), limit });
            }
        }
    }
    std::iter::once(path.to_path_buf())
        .chain(drop_ins.into_values())
        .map(|file| {
            let read = |source| ConfigError::Read { file: file.clone(), source };
            if std::fs::metadata(&file).map_err(read)?.len() > MAX_FILE_BYTES {
                return Err(ConfigError::TooLarge { file, limit: MAX_FILE_BYTES });
            }
            let text = std::fs::read_to_string(&file).map_err(read)?;
            Ok((file, text))
        })
        .collect()
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn content_error(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ConfigError::Content { file: file.to_path_buf(), line, column, what: error.message().replace('\n', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Headgate, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.toml");
        std::fs::write(&file, text).unwrap();
        load(&file).map_err(|e| e.to_string().replace(directory.path().to_str().unwrap(), ""))
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(load_text("").unwrap().store.max_mib.get(), 512);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_what_is_allowed() {
        let error = load_text("[store]\nmax_mb = 5\n").unwrap_err();
        assert!(error.starts_with("/headgate.toml:2:1: unknown field `max_mb`, expected one of"), "{error}");
        assert!(error.contains("max_mib"), "{error}");
    }

    #[test]
    fn a_number_out_of_range_is_named_with_the_range() {
        let error = load_text("[flows]\nidle_timeout = 0\n").unwrap_err();
        assert_eq!(error, "/headgate.toml:2:16: 0 is out of range, use 1 to 3600");
    }

    #[test]
    fn an_interface_with_a_slash_is_refused() {
        let error = load_text("[capture]\ninterfaces = [\"eth0\", \"../x\"]\n").unwrap_err();
        assert!(error.starts_with("/headgate.toml:2:"), "{error}");
        assert!(error.contains("is not an interface name"), "{error}");
    }

    #[test]
    fn a_receiver_without_a_port_is_refused() {
        assert!(load_text("[uplink]\nreceiver = \"example.org\"\n").unwrap_err().contains("host:port"));
        let host = load_text("[uplink]\nreceiver = \"[::1]:8443\"\n").unwrap().uplink.receiver.unwrap();
        assert_eq!(host.host(), "::1");
    }

    #[test]
    fn drop_ins_replace_single_keys_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.toml");
        std::fs::write(&file, "[store]\nmax_mib = 100\nbatch_records = 7\n").unwrap();
        let drop_ins = directory.path().join("headgate.toml.d");
        std::fs::create_dir(&drop_ins).unwrap();
        std::fs::write(drop_ins.join("20.toml"), "[store]\nmax_mib = 300\n").unwrap();
        std::fs::write(drop_ins.join("10.toml"), "[store]\nmax_mib = 200\n").unwrap();
        let store = load(&file).unwrap().store;
        assert_eq!((store.max_mib.get(), store.batch_records.get()), (300, 7));
    }
}
