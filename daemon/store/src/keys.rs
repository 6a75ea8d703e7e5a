//! Keys: where they come from, how they are kept, what each is for.
//!
//! The master key is a file credential and never enters the database. HKDF-SHA-256 (RFC 5869) over it,
//! salted with the database's identity, gives the wrapping key, and a verifier by which a wrong
//! master key is told from damage. Under the wrapping key lie, for every key epoch, a data key, a
//! pseudonym key for each gate and a key of the blind index, and for the present sensor session one key of its own.
//! Under a data key, or a session's, lie the keys of single subjects. An epoch's keys are destroyed when the last thing
//! sealed under its data key is gone; pseudonym keys when their period is over.

use std::collections::BTreeMap;

use headgate_record::Identifier;
use headgate_rules::{Pseudonymise, Purpose};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, params};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::database::{column, get, get_number, meta, number, set, sql};
use crate::identity::Identities;
use crate::master::MasterKey;
use crate::seal::{Cipher, KeyRef, Place};
use crate::secret::{Secret, scrub};
use crate::{Error, admit};

pub(crate) use purpose::{KeyPurpose, Rotation};

mod purpose;

/// All keys of an open store, and what identity rows were found to hold while they are in use.
pub(crate) struct Keys {
    database: [u8; 16],
    wrapping: Cipher,
    present: Present,
    ciphers: BTreeMap<KeyRef, Cipher>,
    blind: BTreeMap<u64, Secret>,
    collect: Secret,
    release: Secret,
    identities: Identities,
}

/// The latest epoch of each purpose.
#[derive(Clone, Copy, Default)]
struct Present {
    data: u64,
    pseudonyms: u64,
    blind: u64,
    /// When the oldest of them began.
    since_ms: u64,
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
        add_epoch(db, &wrapping(master, database)?, database, Rotation::All, 1, now_ms)
    }

    /// Unwraps the keys of a database whose master key is verified. A database of a time before the blind index gets
    /// its first key for it.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the present epoch has no usable keys. An older epoch or a session
    /// whose key is damaged is left out: what it sealed is then found damaged.
    pub(crate) fn load(
        db: &Connection,
        master: &MasterKey,
        database: [u8; 16],
        now_ms: u64,
    ) -> Result<Keys, Error> {
        let (collect, release) = (Secret::zero(), Secret::zero());
        let wrapping = wrapping(master, &database)?;
        if latest(db, KeyPurpose::Blind)?.is_none() {
            let (epoch, _) = latest(db, KeyPurpose::Data)?.ok_or(Error::Damaged(PRESENT_KEY))?;
            add_epoch(db, &wrapping, &database, Rotation::Blind, epoch, now_ms)?;
        }
        let mut keys = Keys {
            database,
            wrapping,
            present: Present::default(),
            ciphers: BTreeMap::new(),
            blind: BTreeMap::new(),
            collect,
            release,
            identities: Identities::default(),
        };
        keys.reload(db)?;
        Ok(keys)
    }

    /// Brings the keys in memory to what the database holds.
    pub(crate) fn reload(&mut self, db: &Connection) -> Result<(), Error> {
        let (mut ciphers, mut blind) = (BTreeMap::new(), BTreeMap::new());
        let of = |purpose| latest(db, purpose)?.ok_or(Error::Damaged(PRESENT_KEY));
        let (data, pseudonyms, tags) =
            (of(KeyPurpose::Data)?, of(KeyPurpose::Release)?, of(KeyPurpose::Blind)?);
        let mut statement = db.prepare("SELECT epoch, purpose, wrapped FROM key")?;
        let mut rows = statement.query([])?;
        let (mut collect, mut release) = (None, None);
        while let Some(row) = rows.next()? {
            let (of, number): (u64, u32) = (number(column(row, 0)), column(row, 1));
            let Some(purpose) = KeyPurpose::OF_EPOCH.into_iter().find(|p| p.number() == number) else {
                continue;
            };
            // What does not open is missed below where it is needed now.
            let Ok(key) = self.unwrap(purpose, of, &column::<Vec<u8>>(row, 2)) else { continue };
            match purpose {
                KeyPurpose::Data => drop(ciphers.insert(KeyRef::Epoch(of), Cipher::new(&key))),
                KeyPurpose::Blind => drop(blind.insert(of, key)),
                KeyPurpose::Collect if of == pseudonyms.0 => collect = Some(key),
                KeyPurpose::Release if of == pseudonyms.0 => release = Some(key),
                _ => {}
            }
        }
        let mut rows = db.prepare("SELECT number, wrapped FROM session WHERE wrapped IS NOT NULL")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let of = number(row.get(0)?);
            if let Ok(key) = self.unwrap(KeyPurpose::Session, of, &column::<Vec<u8>>(row, 1)) {
                ciphers.insert(KeyRef::Session(of), Cipher::new(&key));
            }
        }
        if !ciphers.contains_key(&KeyRef::Epoch(data.0)) || !blind.contains_key(&tags.0) {
            return Err(Error::Damaged(PRESENT_KEY));
        }
        self.collect = collect.ok_or(Error::Damaged(PRESENT_KEY))?;
        self.release = release.ok_or(Error::Damaged(PRESENT_KEY))?;
        let since_ms = data.1.min(pseudonyms.1).min(tags.1);
        self.present = Present { data: data.0, pseudonyms: pseudonyms.0, blind: tags.0, since_ms };
        (self.ciphers, self.blind) = (ciphers, blind);
        self.identities.forget();
        Ok(())
    }

    /// Whether the present key epoch is over, or seems to begin in the future: then the clock was wrong.
    pub(crate) fn is_rotation_due(&self, now_ms: u64) -> bool {
        let since_ms = self.present.since_ms;
        now_ms.saturating_sub(since_ms) >= EPOCH_MS || since_ms.saturating_sub(now_ms) >= STEP_BACK_MS
    }

    /// Begins the next epoch of these keys, and destroys the keys of earlier ones that nothing needs: pseudonym keys with
    /// their members at once, data and blind keys with the last of what they seal or find. The caller commits and then
    /// calls [`Keys::reload`].
    pub(crate) fn rotate(&self, db: &Connection, rotation: Rotation, now_ms: u64) -> Result<(), Error> {
        let Present { data, pseudonyms, blind, .. } = self.present;
        let next = data.max(pseudonyms).max(blind).saturating_add(1);
        add_epoch(db, &self.wrapping, &self.database, rotation, next, now_ms)?;
        destroy_unneeded(db)
    }

    /// Wraps all keys under another master key, in the caller's transaction. What does not open stays as it is. The caller
    /// commits and then uses the keys that [`Keys::load`] gives with it.
    pub(crate) fn rewrap(&self, db: &Connection, next: &MasterKey) -> Result<(), Error> {
        let wrapping = wrapping(next, &self.database)?;
        let again = |purpose, of, wrapped: &[u8]| match self.unwrap(purpose, of, wrapped) {
            Ok(key) => {
                wrapping.seal(&self.database, Place::Key { purpose, number: of }, key.bytes()).map(Some)
            }
            Err(Error::Sealed) => Ok(None),
            Err(error) => Err(error),
        };
        let keys: Vec<(u64, u32, Vec<u8>)> = db
            .prepare("SELECT epoch, purpose, wrapped FROM key")?
            .query_map([], |r| Ok((number(r.get(0)?), r.get(1)?, r.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (of, purpose_number, wrapped) in keys {
            let purpose = KeyPurpose::OF_EPOCH.into_iter().find(|p| p.number() == purpose_number);
            let Some(purpose) = purpose else { continue };
            if let Some(wrapped) = again(purpose, of, &wrapped)? {
                db.execute(
                    "UPDATE key SET wrapped = ?3 WHERE epoch = ?1 AND purpose = ?2",
                    params![sql(of), purpose_number, wrapped],
                )?;
            }
        }
        let sessions: Vec<(u64, Vec<u8>)> = db
            .prepare("SELECT number, wrapped FROM session WHERE wrapped IS NOT NULL")?
            .query_map([], |r| Ok((number(r.get(0)?), r.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (of, wrapped) in sessions {
            if let Some(wrapped) = again(KeyPurpose::Session, of, &wrapped)? {
                db.execute(admit::WRAPPED, params![sql(of), wrapped])?;
            }
        }
        if let Some(wrapped) = get::<Vec<u8>>(db, meta::LEDGER_KEY)?
            && let Some(wrapped) = again(KeyPurpose::Ledger, 0, &wrapped)?
        {
            set(db, meta::LEDGER_KEY, wrapped)?;
        }
        let filling = get_number(db, meta::TAIL)?;
        for name in [meta::TAIL_KEY, meta::TAIL_KEY_ODD] {
            let Some(wrapped) = get::<Vec<u8>>(db, name)? else { continue };
            // Of the oldest filling, or of the one behind it.
            let rewrapped = match again(KeyPurpose::Tail, filling, &wrapped)? {
                None => again(KeyPurpose::Tail, filling.saturating_add(1), &wrapped)?,
                rewrapped => rewrapped,
            };
            if let Some(wrapped) = rewrapped {
                set(db, name, wrapped)?;
            }
        }
        set(db, meta::VERIFIER, verifier(next, &self.database)?)
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

    /// A fresh wrapped key for a filling of the tail.
    pub(crate) fn new_tail_key(&self, filling: u64) -> Result<Vec<u8>, Error> {
        wrap(&self.wrapping, &self.database, KeyPurpose::Tail, filling)
    }

    /// Unwraps what [`Keys::new_tail_key`] made.
    ///
    /// # Errors
    /// [`Error::Sealed`] where it is not of this filling, or damaged.
    pub(crate) fn tail_cipher(&self, filling: u64, wrapped: &[u8]) -> Result<Cipher, Error> {
        Ok(Cipher::new(&self.unwrap(KeyPurpose::Tail, filling, wrapped)?))
    }

    /// Seals content with a cipher of [`Keys::tail_cipher`].
    pub(crate) fn seal_with(
        &self,
        cipher: &Cipher,
        place: Place<'_>,
        content: &[u8],
    ) -> Result<Vec<u8>, Error> {
        cipher.seal(&self.database, place, content)
    }

    /// Opens what [`Keys::seal_with`] sealed.
    pub(crate) fn open_with(
        &self,
        cipher: &Cipher,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        cipher.open(&self.database, place, sealed)
    }

    /// The present epoch of the pseudonym keys.
    pub(crate) fn pseudonym_epoch(&self) -> u64 {
        self.present.pseudonyms
    }

    /// The present epoch of the blind index.
    pub(crate) fn blind_epoch(&self) -> u64 {
        self.present.blind
    }

    /// All epochs of the blind index whose key is there.
    pub(crate) fn blind_epochs(&self) -> impl Iterator<Item = u64> + '_ {
        self.blind.keys().copied()
    }

    /// The data key of the present epoch.
    pub(crate) fn present(&self) -> KeyRef {
        KeyRef::Epoch(self.present.data)
    }

    /// Whether a key is there and opens.
    pub(crate) fn has(&self, key: KeyRef) -> bool {
        self.ciphers.contains_key(&key)
    }

    /// What is known of identity rows.
    pub(crate) fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Seals content under one of the keys.
    pub(crate) fn seal(&self, key: KeyRef, place: Place<'_>, content: &[u8]) -> Result<Vec<u8>, Error> {
        self.ciphers.get(&key).ok_or(Error::Sealed)?.seal(&self.database, place, content)
    }

    /// Opens what one of the keys sealed.
    pub(crate) fn open(&self, key: KeyRef, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.ciphers.get(&key).ok_or(Error::Sealed)?.open(&self.database, place, sealed)
    }

    /// Opens a wrapped key of one subject.
    pub(crate) fn subject_key(&self, key: KeyRef, identity: u64, wrapped: &[u8]) -> Result<Secret, Error> {
        secret(Zeroizing::new(self.open(key, Place::SubjectKey { identity, key }, wrapped)?))
    }

    /// Seals what one subject's key alone opens.
    pub(crate) fn seal_for(
        &self,
        subject: &Secret,
        place: Place<'_>,
        content: &[u8],
    ) -> Result<Vec<u8>, Error> {
        Cipher::new(subject).seal(&self.database, place, content)
    }

    /// Opens what [`Keys::seal_for`] sealed.
    pub(crate) fn open_for(
        &self,
        subject: &Secret,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        Cipher::new(subject).open(&self.database, place, sealed)
    }

    /// The tag by which an identifier is found in an epoch of the blind index: 64 bits of HMAC-SHA-256 (RFC 2104). Two
    /// identifiers may share one; whoever finds a row by it compares what it holds.
    ///
    /// # Errors
    /// [`Error::Damaged`] where that epoch has no key.
    pub(crate) fn tag(&self, epoch: u64, identifier: Identifier, text: &str) -> Result<i64, Error> {
        let key = self.blind.get(&epoch).ok_or(Error::Damaged("key of the blind index"))?;
        let mac = authenticate(key, &[&[identifier.number(), 0], text.as_bytes()]);
        Ok(i64::from_be_bytes(mac.first_chunk().copied().unwrap_or_default()))
    }

    fn unwrap(&self, purpose: KeyPurpose, of: u64, wrapped: &[u8]) -> Result<Secret, Error> {
        let place = Place::Key { purpose, number: of };
        secret(Zeroizing::new(self.wrapping.open(&self.database, place, wrapped)?))
    }
}

impl Pseudonymise for Keys {
    /// HMAC-SHA-256 (RFC 2104) under the key of this gate and the present epoch, first 16 octets.
    fn pseudonym(&self, purpose: Purpose, value: &[u8]) -> [u8; 16] {
        let key = match purpose {
            Purpose::Collect => &self.collect,
            Purpose::Release => &self.release,
        };
        authenticate(key, &[value]).first_chunk().copied().unwrap_or_default()
    }
}

/// HMAC-SHA-256, of whose key nothing is left on the stack.
fn authenticate(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let tag = hash(key, parts);
    scrub();
    tag
}

/// Its key is a block that starts with the secret; RFC 2104 pads a shorter key with zeros.
#[inline(never)]
fn hash(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut block: hmac::digest::array::Array<u8, hmac::digest::consts::U64> = Default::default();
    if let Some(start) = block.first_chunk_mut::<32>() {
        start.copy_from_slice(key.bytes());
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block);
    zeroize::Zeroize::zeroize(block.as_mut_slice());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn secret(opened: Zeroizing<Vec<u8>>) -> Result<Secret, Error> {
    let mut secret = Secret::zero();
    if opened.len() != secret.bytes().len() {
        return Err(Error::Damaged("key"));
    }
    secret.bytes_mut().copy_from_slice(&opened);
    Ok(secret)
}

/// The latest epoch of a purpose, and when it began.
fn latest(db: &Connection, purpose: KeyPurpose) -> Result<Option<(u64, u64)>, Error> {
    let mut statement = db
        .prepare_cached("SELECT epoch, created_ms FROM key WHERE purpose = ?1 ORDER BY epoch DESC LIMIT 1")?;
    let mut rows = statement.query([purpose.number()])?;
    Ok(match rows.next()? {
        Some(row) => Some((number(row.get(0)?), number(row.get(1)?))),
        None => None,
    })
}

/// Destroys the keys that nothing needs any more; see [`Keys::rotate`].
pub(crate) fn destroy_unneeded(db: &Connection) -> Result<(), Error> {
    let [data, collect, release, blind] = KeyPurpose::OF_EPOCH.map(KeyPurpose::number);
    for purpose in [collect, release] {
        db.execute(
            "DELETE FROM key WHERE purpose = ?1 AND epoch < (SELECT MAX(epoch) FROM key WHERE purpose = ?1)",
            [purpose],
        )?;
    }
    db.execute(
        "DELETE FROM member WHERE epoch < (SELECT MAX(epoch) FROM key WHERE purpose = ?1)",
        [collect],
    )?;
    db.execute(
        "DELETE FROM key WHERE purpose = ?1 AND epoch < (SELECT MAX(epoch) FROM key WHERE purpose = ?1)
           AND epoch NOT IN (SELECT epoch FROM segment WHERE epoch IS NOT NULL)
           AND epoch NOT IN (SELECT epoch FROM outbox)
           AND epoch NOT IN (SELECT epoch FROM tombstone)
           AND epoch NOT IN (SELECT epoch FROM request WHERE epoch IS NOT NULL)
           AND epoch NOT IN (SELECT epoch FROM quarantine WHERE epoch IS NOT NULL)",
        [data],
    )?;
    // Rows of an epoch that has no segment are of nobody that is kept.
    db.execute(
        "DELETE FROM identity WHERE epoch IS NOT NULL AND epoch NOT IN (SELECT epoch FROM key WHERE purpose = ?1)",
        [data],
    )?;
    db.execute("DELETE FROM blind WHERE identity NOT IN (SELECT id FROM identity)", [])?;
    db.execute(
        "DELETE FROM key WHERE purpose = ?1 AND epoch < (SELECT MAX(epoch) FROM key WHERE purpose = ?1)
           AND epoch NOT IN (SELECT blind FROM identity)",
        [blind],
    )?;
    Ok(())
}

fn add_epoch(
    db: &Connection,
    wrapping: &Cipher,
    database: &[u8; 16],
    rotation: Rotation,
    epoch: u64,
    now_ms: u64,
) -> Result<(), Error> {
    for purpose in rotation.purposes() {
        let wrapped = wrap(wrapping, database, *purpose, epoch)?;
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
    let expanded = expand(master, database, what, into);
    scrub();
    expanded
}

#[inline(never)]
fn expand(master: &MasterKey, database: &[u8; 16], what: &[u8], into: &mut [u8; 32]) -> Result<(), Error> {
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
mod tests;
