//! A site of one store within the test, its receiver, and what both have said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use headgate_record::batch::{Batch, digest};
use headgate_record::ledger::Chain;
use headgate_record::receipt::{Forgotten, Receipt, Statement};
use headgate_record::{Field, Kind, Mac, Record, Value};
use headgate_service::credential;
use rusqlite::Connection;

use crate::config::Settings;
use crate::master::MasterKey;
use crate::store::Store;
use crate::{account, ledger, segment};

/// Directories, keys and configuration.
pub(super) struct Site {
    root: tempfile::TempDir,
    receiver: SigningKey,
}

/// What was said, as far as it binds the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// Records that the store acknowledged.
    pub(super) kept: u64,
    /// Records that were handed over.
    pub(super) given: u64,
    /// Digest and records of each batch that the store gave out.
    pub(super) batches: BTreeMap<u64, (String, Vec<u64>)>,
    /// Batches whose receipt the store accepted.
    pub(super) receipted: BTreeSet<u64>,
}

impl Site {
    pub(super) fn new() -> Site {
        let root = tempfile::tempdir_in(memory()).unwrap();
        let site = Site { root, receiver: SigningKey::from_bytes(&[42; 32]) };
        let path = site.root.path().display();
        let text = format!(
            "[appliance]\nid = \"site-1\"\n[store]\ndirectory = \"{path}/store\"\nbatch_delay = 0\n\
             [sockets]\ndirectory = \"{path}/run\"\n[uplink]\nreceiver = \"receiver.example:443\"\n\
             [credentials]\ndirectory = \"{path}/credentials\"\n"
        );
        std::fs::write(site.path("headgate.toml"), text).unwrap();
        std::fs::write(site.path("rules.toml"), "").unwrap();
        for directory in ["store", "credentials"] {
            std::fs::create_dir(site.path(directory)).unwrap();
        }
        MasterKey::create(&site.path("credentials")).unwrap();
        let pem = site.receiver.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
        std::fs::write(site.path("credentials").join(credential::RECEIPT_KEY), pem).unwrap();
        std::fs::write(site.path("credentials").join(credential::SEAL_KEY), SEAL_KEY).unwrap();
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Settings of this site for a store in `directory`, with batches of `batch` records.
    pub(super) fn settings(config: &Path, directory: &Path, batch: usize) -> Settings {
        let mut settings = Settings::load(config).unwrap();
        settings.directory = directory.to_owned();
        (settings.cap, settings.batch_records) = (CAP, batch);
        settings
    }

    /// As [`Site::settings`], where records wait for others, and so do small hand-overs in the tail.
    pub(super) fn patient(config: &Path, directory: &Path, batch: usize) -> Settings {
        let batch_delay = Duration::from_millis(DELAY_MS);
        Settings { batch_delay, ..Site::settings(config, directory, batch) }
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path("headgate.toml")
    }
}

impl Said {
    /// Takes a batch to the receiver, which sees whether it has had it before.
    ///
    /// # Errors
    /// What the store did that it never may.
    pub(super) fn take(&mut self, batch: &[u8]) -> Result<u64, String> {
        let content = Batch::decode(batch).map_err(|e| e.to_string())?;
        let sequence = content.id.sequence;
        if self.receipted.contains(&sequence) {
            return Err(format!("batch {sequence} is there again, though its receipt was accepted"));
        }
        let told = (hex::encode(digest(batch)), numbers(&content.records));
        let first = self.batches.entry(sequence).or_insert_with(|| told.clone());
        if *first == told { Ok(sequence) } else { Err(format!("batch {sequence} has changed")) }
    }

    /// Whether an open store has all that it said, once, and nothing else. It is empty afterwards.
    ///
    /// # Errors
    /// What is not so.
    pub(super) fn holds(mut self, store: &mut Store, committed: u64) -> Result<(), String> {
        let wrong = |what: &str, found: u64| {
            Err(format!("{what}: {found}, of {} kept and {} given", self.kept, self.given))
        };
        if committed < self.kept || committed > self.given {
            return wrong("committed", committed);
        }
        let failed = |error: crate::Error| headgate_service::exit::chain(&error);
        let db = store.connection();
        let structure: String =
            db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).map_err(|e| e.to_string())?;
        if structure != "ok" {
            return Err(structure);
        }
        let missing = segment::missing(db).map_err(failed)?;
        let quarantined: i64 =
            db.query_row("SELECT COUNT(*) FROM quarantine", [], |r| r.get(0)).map_err(|e| e.to_string())?;
        if missing > 0 || quarantined > 0 {
            return Err(format!("{missing} segments missing, {quarantined} in quarantine"));
        }
        if let Some(entry) = ledger::verify(db, u32::MAX).map_err(failed)?.broken_at {
            return Err(format!("the ledger is broken at {entry}"));
        }
        self.drain(store)?;
        let [withheld, lost, ..] = account::totals(store.connection()).map_err(failed)?;
        // Not what is lost with a database before this one.
        let counted = sum(&withheld) + sum(&lost) - lost_with_another(store)?;
        let mut all: Vec<u64> = self.batches.values().flat_map(|(_, numbers)| numbers).copied().collect();
        all.sort_unstable();
        let ended = u64::try_from(all.len()).unwrap() + counted;
        if all.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a record was released twice".into());
        }
        if ended != committed || all.last().is_some_and(|last| *last > committed) {
            return Err(format!("{ended} records were released or counted, {committed} committed"));
        }
        let last = u64::try_from(self.batches.len()).unwrap();
        if self.batches.keys().copied().ne(1..=last) {
            return Err(format!("batches are missing among {:?}", self.batches.keys()));
        }
        Ok(())
    }

    /// Has everything released and receipted that waits.
    fn drain(&mut self, store: &mut Store) -> Result<(), String> {
        let failed = |error: crate::Error| headgate_service::exit::chain(&error);
        for _ in 0..LONGEST_DRAIN {
            let more = store.release_if_due(NOW_MS).map_err(failed)?;
            while let Some(batch) = store.next_batch(NOW_MS).map_err(failed)? {
                let sequence = self.take(&batch)?;
                let accepted = store.accept(&receipt(&batch), NOW_MS).map_err(failed)?;
                if accepted.is_err() {
                    return Err(format!("the receipt of batch {sequence} is refused"));
                }
            }
            if !more {
                return Ok(());
            }
        }
        Err("the outbox is never empty".into())
    }
}

/// Some public key: what is proved of batches is proved before they are sealed.
const SEAL_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEACQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";

/// What the receiver answers to a batch.
pub(super) fn receipt(batch: &[u8]) -> Vec<u8> {
    let decoded = Batch::decode(batch).unwrap();
    let records = u32::try_from(decoded.records.len()).unwrap();
    let values = u32::try_from(decoded.forget.len()).unwrap();
    let forgotten = (values > 0).then_some(Forgotten { values, records: 1 });
    let statement = Statement {
        id: decoded.id,
        digest: digest(batch),
        records,
        stored_ms: 1,
        forgotten,
        request: Vec::new(),
    };
    let signature = SigningKey::from_bytes(&[42; 32]).sign(&statement.signed_bytes()).to_bytes();
    Receipt { statement, signature }.encode()
}

/// A record told by its number, about one of [`PERSONS`]. Of twelve one has a randomised address, and a third is state, with
/// a name; the rest are flows that do not compress.
pub(super) fn record(number: u64) -> Record {
    let mac = mac(number);
    if number.is_multiple_of(3) {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, mac).unwrap();
        record.set(Field::DeviceFrames, number).unwrap();
        record.set(Field::DeviceHostname, hostname(mac)).unwrap();
        return record;
    }
    let mut noise = [0; 100];
    getrandom::fill(&mut noise).unwrap();
    let mut record = Record::new(Kind::Flow);
    record.set(Field::FlowMac, mac).unwrap();
    record.set(Field::FlowPackets, number).unwrap();
    record.set(Field::FlowService, hex::encode(noise)).unwrap();
    record
}

/// Whom the record of this number is about.
pub(super) fn mac(number: u64) -> Mac {
    let [.., c, d, e] = (number % PERSONS).to_be_bytes();
    let first = if number % 12 == 5 { 0x02 } else { 0x00 };
    Mac([first, 0x10, 0x20, c, d, e])
}

/// What a device with this address is called.
pub(super) fn hostname(mac: Mac) -> String {
    format!("host-of-{mac}")
}

/// The numbers of released records.
pub(super) fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().filter_map(number).collect()
}

/// The number of a record.
pub(super) fn number(record: &Record) -> Option<u64> {
    let field = if record.kind() == Kind::Device { Field::DeviceFrames } else { Field::FlowPackets };
    match record.get(field) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Verifies all hashes and signatures of a ledger, as `headgate ledger verify` does.
///
/// # Errors
/// Where it is broken.
pub(super) fn verify_ledger(db: &Connection, public_key: &str) -> Result<(), String> {
    let key = VerifyingKey::from_public_key_pem(public_key).unwrap();
    let is_signed = |bytes: &[u8], signature: &[u8; 64]| {
        key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
    };
    let header = ledger::header(db).map_err(|e| e.to_string())?;
    let mut chain = Chain::new(&header, &is_signed).map_err(|e| e.to_string())?;
    for entry in ledger::after(db, header.pruned, usize::MAX).map_err(|e| e.to_string())? {
        chain.next(&entry).map_err(|e| e.to_string())?;
    }
    chain.end().map(drop).map_err(|e| e.to_string())
}

/// Where files that need no disk lie: power is cut in the test, not in the machine.
pub(super) fn memory() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}

/// How many records are counted as lost because they are in a database that lies aside.
pub(super) fn lost_with_another(store: &Store) -> Result<u64, String> {
    let lost = "SELECT COALESCE(SUM(total), 0) FROM account WHERE reason = 'set-aside'";
    store
        .connection()
        .query_row(lost, [], |r| r.get(0))
        .map(crate::database::number)
        .map_err(|e| e.to_string())
}

fn sum(rows: &serde_json::Value) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum()
}

/// Last parts of addresses that records have.
pub(super) const PERSONS: u64 = 97;
/// Later than anything that was done.
pub(super) const NOW_MS: u64 = 4_000_000_000_000;
/// So small that segments are given up all the time: one MiB beside what is kept free.
pub(super) const CAP: u64 = (8 << 20) + (1 << 20);
/// How long a record waits for others.
pub(super) const DELAY_MS: u64 = 300;
const LONGEST_DRAIN: usize = 10_000;
