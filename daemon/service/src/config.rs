//! `headgate.toml`: how the appliance runs.
//!
//! Reading and judging are one: what deserialises is valid. Reading a file touches nothing but that
//! file and its drop-ins.

use std::path::PathBuf;

use serde::Deserialize;

mod read;
mod types;

pub use read::{ConfigError, MAX_DROP_INS, MAX_FILE_BYTES, load, parse, read_file, read_with_drop_ins};
pub use types::{ApplianceId, Bounded, Endpoint, InterfaceName};

/// Where the file lies on an installed appliance.
pub const DEFAULT_PATH: &str = "/etc/headgate/headgate.toml";

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
#[derive(Clone, Debug, Default, Deserialize)]
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

impl Default for Capture {
    fn default() -> Self {
        Capture { interfaces: Vec::new(), promiscuous: true, ring_mib: Bounded::of(8) }
    }
}
impl Default for Tables {
    fn default() -> Self {
        Tables {
            devices: Bounded::of(16_384),
            neighbors: Bounded::of(32),
            leases: Bounded::of(16_384),
            exchanges: Bounded::of(4_096),
            flows: Bounded::of(65_536),
        }
    }
}
impl Default for Flows {
    fn default() -> Self {
        Flows { idle_timeout: Bounded::of(15), active_timeout: Bounded::of(300) }
    }
}
impl Default for Store {
    fn default() -> Self {
        Store {
            directory: "/var/lib/headgate".into(),
            max_mib: Bounded::of(512),
            batch_records: Bounded::of(1_000),
            batch_delay: Bounded::of(5),
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
        Uplink {
            receiver: None,
            retry_min: Bounded::of(1),
            retry_max: Bounded::of(300),
            timeout: Bounded::of(30),
        }
    }
}
impl Default for Credentials {
    fn default() -> Self {
        Credentials { directory: "/etc/headgate/credentials".into() }
    }
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

    /// A directory that this user may not read once counted as none, and what it narrowed was lost.
    #[test]
    fn drop_ins_that_cannot_be_read_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headgate.toml");
        std::fs::write(&file, "").unwrap();
        // Not a directory: as unreadable for root as for anyone.
        std::fs::write(directory.path().join("headgate.toml.d"), "").unwrap();
        assert!(load(&file).unwrap_err().to_string().ends_with("headgate.toml.d: cannot be read"));
    }
}
