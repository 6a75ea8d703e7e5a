//! Keys: where they come from, how they are kept, what each is for.
//!
//! The master key is a file credential and never enters the database. HKDF-SHA-256 (RFC 5869) over it,
//! salted with the database's identity, gives the wrapping key, and a verifier by which a wrong
//! master key is told from damage. Under the wrapping key lie, for every key epoch, one data key and
//! one pseudonym key for each gate, and for the present sensor session one key of its own. An epoch's
//! keys are destroyed when the last thing sealed under its data key is gone.

use std::collections::BTreeMap;

use headgate_rules::{Pseudonymise, Purpose};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, params};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::Error;
use crate::database::{number, sql};
use crate::master::MasterKey;
use crate::seal::{Cipher, KeyRef, Place};

/// 32 secret octets on the heap, cleared when dropped. They are never moved, copied or printed.
pub(crate) struct Secret(Box<[u8; 32]>);

impl Secret {
    /// A place to read a key into.
    pub(crate) fn zero() -> Secret {
        Secret(Box::new([0; 32]))
    }

    /// A fresh key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub(crate) fn random() -> Result<Secret, Error> {
        let mut secret = Secret::zero();
        getrandom::fill(secret.0.as_mut_slice()).map_err(|_| Error::Random)?;
        Ok(secret)
    }

    /// The octets.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The octets, to be filled.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What a wrapped key is for. The number is its identity on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPurpose {
    /// Seals segments and batches of an epoch.
    Data,
    /// Pseudonyms that the collect gate makes.
    Collect,
    /// Pseudonyms that the release gate makes.
    Release,
    /// Seals the records that are kept for one sensor session only.
    Session,
    /// Signs the ledger.
    Ledger,
}

impl KeyPurpose {
    /// Identity on disk and in associated data.
    pub(crate) fn number(self) -> u32 {
        match self {
            KeyPurpose::Data => 1,
            KeyPurpose::Collect => 2,
            KeyPurpose::Release => 3,
            KeyPurpose::Session => 4,
            KeyPurpose::Ledger => 16,
        }
    }
}

/// All keys of an open store.
pub(crate) struct Keys {
    database: [u8; 16],
    wrapping: Cipher,
    epoch: u64,
    since_ms: u64,
    ciphers: BTreeMap<KeyRef, Cipher>,
    collect: Secret,
    release: Secret,
}

/// The value by which a database recognises its master key. It tells nothing about the key.
pub(crate) fn verifier(master: &MasterKey, database: &[u8; 16]) -> Result<[u8; 32], Error> {
    let mut value = [0; 32];
    derive(master, database, VERIFIER, &mut value)?;
    Ok(value)
}

impl Keys {
    /// Makes the first key epoch of a new database.
    pub(crate) fn create(
        db: &Connection,
        master: &MasterKey,
        database: &[u8; 16],
        now_ms: u64,
    ) -> Result<(), Error> {
        add_epoch(db, &wrapping(master, database)?, database, 1, now_ms)
    }

    /// Unwraps the keys of a database whose master key is verified.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the present epoch has no usable keys. An older epoch or a session
    /// whose key is damaged is left out: what it sealed is then found damaged.
    pub(crate) fn load(db: &Connection, master: &MasterKey, database: [u8; 16]) -> Result<Keys, Error> {
        let (collect, release) = (Secret::zero(), Secret::zero());
        let wrapping = wrapping(master, &database)?;
        let ciphers = BTreeMap::new();
        let mut keys = Keys { database, wrapping, epoch: 0, since_ms: 0, ciphers, collect, release };
        keys.reload(db)?;
        Ok(keys)
    }

    /// Brings the keys in memory to what the database holds.
    pub(crate) fn reload(&mut self, db: &Connection) -> Result<(), Error> {
        let mut ciphers = BTreeMap::new();
        let latest = "SELECT epoch, created_ms FROM key WHERE purpose = ?1 ORDER BY epoch DESC LIMIT 1";
        let (epoch, since_ms) = db
            .query_row(latest, [KeyPurpose::Data.number()], |r| Ok((number(r.get(0)?), number(r.get(1)?))))
            .map_err(|_| Error::Damaged(PRESENT_KEY))?;
        let mut rows = db.prepare("SELECT epoch, purpose, wrapped FROM key ORDER BY epoch DESC")?;
        let mut rows = rows.query([])?;
        let (mut collect, mut release) = (None, None);
        while let Some(row) = rows.next()? {
            let of = number(row.get(0)?);
            let wrapped: Vec<u8> = row.get(2)?;
            let purpose: u32 = row.get(1)?;
            if purpose == KeyPurpose::Data.number() {
                if let Ok(key) = self.unwrap(KeyPurpose::Data, of, &wrapped) {
                    ciphers.insert(KeyRef::Epoch(of), Cipher::new(&key));
                }
            } else if of == epoch && purpose == KeyPurpose::Collect.number() {
                collect = Some(self.unwrap(KeyPurpose::Collect, of, &wrapped)?);
            } else if of == epoch && purpose == KeyPurpose::Release.number() {
                release = Some(self.unwrap(KeyPurpose::Release, of, &wrapped)?);
            }
        }
        let mut rows = db.prepare("SELECT number, wrapped FROM session WHERE wrapped IS NOT NULL")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let of = number(row.get(0)?);
            if let Ok(key) = self.unwrap(KeyPurpose::Session, of, &row.get::<_, Vec<u8>>(1)?) {
                ciphers.insert(KeyRef::Session(of), Cipher::new(&key));
            }
        }
        if !ciphers.contains_key(&KeyRef::Epoch(epoch)) {
            return Err(Error::Damaged(PRESENT_KEY));
        }
        self.collect = collect.ok_or(Error::Damaged(PRESENT_KEY))?;
        self.release = release.ok_or(Error::Damaged(PRESENT_KEY))?;
        (self.epoch, self.since_ms, self.ciphers) = (epoch, since_ms, ciphers);
        Ok(())
    }

    /// Whether the present key epoch is over, or seems to begin in the future: then the clock was wrong.
    pub(crate) fn is_rotation_due(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) >= EPOCH_MS
            || self.since_ms.saturating_sub(now_ms) >= STEP_BACK_MS
    }

    /// Begins the next key epoch and destroys the pseudonym keys and members of all earlier ones, and the data keys of
    /// those that seal nothing any more. The caller commits and then calls [`Keys::reload`].
    pub(crate) fn rotate(&self, db: &Connection, now_ms: u64) -> Result<(), Error> {
        add_epoch(db, &self.wrapping, &self.database, self.epoch.saturating_add(1), now_ms)?;
        let pseudonyms = [KeyPurpose::Collect.number(), KeyPurpose::Release.number()];
        db.execute(
            "DELETE FROM key WHERE epoch <= ?1 AND purpose IN (?2, ?3)",
            (sql(self.epoch), pseudonyms[0], pseudonyms[1]),
        )?;
        db.execute("DELETE FROM member WHERE epoch <= ?1", [sql(self.epoch)])?;
        db.execute(
            "DELETE FROM key WHERE epoch < ?1
               AND epoch NOT IN (SELECT epoch FROM segment WHERE epoch IS NOT NULL)
               AND epoch NOT IN (SELECT epoch FROM outbox)
               AND epoch NOT IN (SELECT epoch FROM quarantine WHERE epoch IS NOT NULL)",
            [sql(self.epoch)],
        )?;
        Ok(())
    }

    /// A fresh wrapped key for a sensor's session.
    pub(crate) fn session_key(&self, session: u64) -> Result<Vec<u8>, Error> {
        wrap(&self.wrapping, &self.database, KeyPurpose::Session, session)
    }

    /// A fresh wrapped key for signing the ledger.
    pub(crate) fn new_ledger_key(&self) -> Result<Vec<u8>, Error> {
        wrap(&self.wrapping, &self.database, KeyPurpose::Ledger, 0)
    }

    /// Unwraps what [`Keys::new_ledger_key`] made.
    pub(crate) fn ledger_key(&self, wrapped: &[u8]) -> Result<Secret, Error> {
        self.unwrap(KeyPurpose::Ledger, 0, wrapped)
    }

    /// The present key epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The data key of the present epoch.
    pub(crate) fn present(&self) -> KeyRef {
        KeyRef::Epoch(self.epoch)
    }

    /// Whether a key is there and opens.
    pub(crate) fn has(&self, key: KeyRef) -> bool {
        self.ciphers.contains_key(&key)
    }

    /// Seals content under one of the keys.
    pub(crate) fn seal(&self, key: KeyRef, place: Place<'_>, content: &[u8]) -> Result<Vec<u8>, Error> {
        self.ciphers.get(&key).ok_or(Error::Sealed)?.seal(&self.database, place, content)
    }

    /// Opens what one of the keys sealed.
    pub(crate) fn open(&self, key: KeyRef, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.ciphers.get(&key).ok_or(Error::Sealed)?.open(&self.database, place, sealed)
    }

    fn unwrap(&self, purpose: KeyPurpose, of: u64, wrapped: &[u8]) -> Result<Secret, Error> {
        let place = Place::Key { purpose, number: of };
        let opened = Zeroizing::new(self.wrapping.open(&self.database, place, wrapped)?);
        let mut secret = Secret::zero();
        if opened.len() != secret.bytes().len() {
            return Err(Error::Damaged(PRESENT_KEY));
        }
        secret.bytes_mut().copy_from_slice(&opened);
        Ok(secret)
    }
}

impl Pseudonymise for Keys {
    /// HMAC-SHA-256 (RFC 2104) under the key of this gate and the present epoch, first 16 octets.
    fn pseudonym(&self, purpose: Purpose, value: &[u8]) -> [u8; 16] {
        let key = match purpose {
            Purpose::Collect => &self.collect,
            Purpose::Release => &self.release,
        };
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block(key));
        mac.update(value);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        full.first_chunk().copied().unwrap_or_default()
    }
}

/// The HMAC block that starts with the key; RFC 2104 pads a shorter key with zeros.
fn block(key: &Secret) -> hmac::digest::array::Array<u8, hmac::digest::consts::U64> {
    let mut block = hmac::digest::array::Array::default();
    if let Some(start) = block.first_chunk_mut::<32>() {
        start.copy_from_slice(key.bytes());
    }
    block
}

fn add_epoch(
    db: &Connection,
    wrapping: &Cipher,
    database: &[u8; 16],
    epoch: u64,
    now_ms: u64,
) -> Result<(), Error> {
    for purpose in [KeyPurpose::Data, KeyPurpose::Collect, KeyPurpose::Release] {
        let wrapped = wrap(wrapping, database, purpose, epoch)?;
        db.execute(
            "INSERT INTO key (epoch, purpose, created_ms, wrapped) VALUES (?1, ?2, ?3, ?4)",
            params![sql(epoch), purpose.number(), sql(now_ms), wrapped],
        )?;
    }
    Ok(())
}

fn wrap(wrapping: &Cipher, database: &[u8; 16], purpose: KeyPurpose, of: u64) -> Result<Vec<u8>, Error> {
    wrapping.seal(database, Place::Key { purpose, number: of }, Secret::random()?.bytes())
}

fn wrapping(master: &MasterKey, database: &[u8; 16]) -> Result<Cipher, Error> {
    let mut key = Secret::zero();
    derive(master, database, WRAPPING, key.bytes_mut())?;
    Ok(Cipher::new(&key))
}

fn derive(master: &MasterKey, database: &[u8; 16], what: &[u8], into: &mut [u8; 32]) -> Result<(), Error> {
    let expander = Hkdf::<Sha256>::new(Some(database), master.bytes());
    expander.expand(what, into).map_err(|_| Error::Damaged("key length"))
}

/// A clock may step back so far without being taken for one that was wrong when the epoch began.
const STEP_BACK_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a key epoch lasts: it bounds how long pseudonyms of one device are equal.
const EPOCH_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
const WRAPPING: &[u8] = b"headgate store wrapping key v1";
const VERIFIER: &[u8] = b"headgate store verifier v1";
const PRESENT_KEY: &str = "key for the present epoch";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::in_memory;
    use crate::segment;
    use headgate_record::{Class, Kind, Record};

    #[test]
    fn pseudonyms_differ_by_gate_and_by_epoch() {
        let (db, mut keys) = in_memory(&MasterKey::random());
        let first = keys.pseudonym(Purpose::Release, b"value");
        assert_eq!(first, keys.pseudonym(Purpose::Release, b"value"));
        assert_ne!(first, keys.pseudonym(Purpose::Collect, b"value"));
        assert!(!keys.is_rotation_due(1_000 + EPOCH_MS - 1));
        assert!(keys.is_rotation_due(1_000 + EPOCH_MS));
        keys.rotate(&db, 1_000 + EPOCH_MS).unwrap();
        keys.reload(&db).unwrap();
        assert_ne!(first, keys.pseudonym(Purpose::Release, b"value"));
        assert!(!keys.is_rotation_due(1_000 + EPOCH_MS));
        // The key of the first period is destroyed, so that nobody can make its pseudonyms again.
        let pseudonym_keys = "SELECT COUNT(*) FROM key WHERE purpose IN (2, 3) AND epoch = 1";
        assert_eq!(db.query_row(pseudonym_keys, [], |r| r.get::<_, i64>(0)).unwrap(), 0);
    }

    /// An epoch that began while the clock ran years ahead once lasted for years.
    #[test]
    fn an_epoch_that_began_in_the_future_is_over() {
        let (db, mut keys) = in_memory(&MasterKey::random());
        keys.rotate(&db, 50 * EPOCH_MS).unwrap();
        keys.reload(&db).unwrap();
        assert!(keys.is_rotation_due(EPOCH_MS));
        assert!(!keys.is_rotation_due(50 * EPOCH_MS - 1_000));
    }

    #[test]
    fn an_epoch_keeps_its_keys_as_long_as_something_is_sealed_under_them() {
        let (db, mut keys) = in_memory(&MasterKey::random());
        segment::insert(&db, &keys, keys.present(), Class::State, &[Record::new(Kind::Device)], 1_000)
            .unwrap();
        for _ in 0..2 {
            keys.rotate(&db, 2_000).unwrap();
            keys.reload(&db).unwrap();
        }
        assert!(keys.has(KeyRef::Epoch(1)) && keys.has(KeyRef::Epoch(3)));
        let old = segment::after(&db, 0, 1).unwrap()[0];
        assert_eq!(segment::read(&db, &keys, &old).unwrap().len(), 1);
        segment::delete(&db, old.id).unwrap();
        keys.rotate(&db, 3_000).unwrap();
        keys.reload(&db).unwrap();
        assert!(!keys.has(KeyRef::Epoch(1)) && !keys.has(KeyRef::Epoch(2)) && keys.has(KeyRef::Epoch(4)));
    }

    #[test]
    fn a_master_key_of_another_store_unwraps_nothing() {
        let (db, keys) = in_memory(&MasterKey::random());
        assert!(Keys::load(&db, &MasterKey::random(), keys.database).is_err());
    }
}
