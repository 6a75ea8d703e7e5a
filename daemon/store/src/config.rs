//! What of `headgate.toml` the store uses, resolved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use headgate_service::config::{self, ConfigError};

/// Settings of a store. The conversion from the file is the validation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the appliance, as batches and receipts carry it.
    pub appliance: String,
    /// Directory of the database.
    pub directory: PathBuf,
    /// Most that database, WAL and shared memory may take together, octets.
    pub cap: u64,
    /// Most records of a batch.
    pub batch_records: usize,
    /// Longest wait of a record for others.
    pub batch_delay: Duration,
    /// How long records of each class are kept, milliseconds, in the order of `Class::ALL`.
    pub retention_ms: [u64; 3],
    /// Whether batches are made: a receiver or a collector is named, or there are to be bundles.
    pub has_receiver: bool,
    /// Whether they go to the site's own collector, and not to a receiver.
    pub has_collector: bool,
    /// Whether a receiver is named.
    pub has_link: bool,
    /// Regions in which what leaves may be stored.
    pub regions: Vec<String>,
    /// Directory of the sockets.
    pub sockets: PathBuf,
    /// Directory of credentials that the service manager does not hand over.
    pub credentials: PathBuf,
    /// The rule file; its drop-ins lie beside it.
    pub rules: PathBuf,
}

impl Settings {
    /// Reads `headgate.toml` and its drop-ins.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn load(file: &Path) -> Result<Settings, ConfigError> {
        let headgate = config::load(file)?;
        Ok(Settings {
            appliance: headgate.appliance.id.as_str().to_owned(),
            directory: headgate.store.directory,
            cap: u64::from(headgate.store.max_mib.get()) << 20,
            batch_records: headgate.store.batch_records.count(),
            batch_delay: headgate.store.batch_delay.seconds(),
            retention_ms: [headgate.retention.flows, headgate.retention.devices, headgate.retention.counters]
                .map(|days| u64::from(days.get()) * DAY_MS),
            has_receiver: headgate.uplink.receiver.is_some()
                || headgate.uplink.bundles
                || headgate.uplink.collector.is_some(),
            has_collector: headgate.uplink.collector.is_some(),
            has_link: headgate.uplink.receiver.is_some(),
            regions: headgate.uplink.regions.names(),
            sockets: headgate.sockets.directory,
            credentials: headgate.credentials.directory,
            rules: file.with_file_name(RULES_FILE),
        })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.directory.join(DATABASE_FILE)
    }

    /// The file whose lock says that a store is in use.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.directory.join(LOCK_FILE)
    }
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const RULES_FILE: &str = "rules.toml";
const DATABASE_FILE: &str = "store.db";
const LOCK_FILE: &str = "store.lock";
