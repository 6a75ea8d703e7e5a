//! One identity row: what identifies a subject, under a key of its own.

use headgate_record::{Field, Identifier, Record, codec};
use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

use crate::Error;
use crate::database::{add, meta, number, sql};
use crate::keys::Keys;
use crate::seal::{KeyRef, Place};
use crate::secret::Secret;

/// Most entries of one row; its subject goes on in another one.
pub(crate) const MAX_ENTRIES: usize = 256;
/// A row that holds so many octets takes no more entries.
const ROW_OCTETS: usize = 16 << 10;
/// Most corrections of one row.
const MAX_CORRECTIONS: usize = 256;

/// A row. An entry is what one or more records say of the subject, as a record of these fields alone; an entry that is
/// empty was erased.
pub(crate) struct Row {
    /// Its id, given once and never again.
    pub(crate) id: u64,
    /// Which key wraps its own.
    pub(crate) key: KeyRef,
    /// Whether it holds addresses of many, and not one subject.
    pub(crate) shared: bool,
    /// In the order in which references count them.
    pub(crate) entries: Vec<Record>,
    /// What was set right by hand.
    pub(crate) corrections: Vec<Correction>,
    blind: u64,
    secret: Secret,
    wrapped: Vec<u8>,
    octets: usize,
    indexed: usize,
}

/// A value that somebody set right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Correction {
    /// When, milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// The field and its new value, in a record of nothing else.
    pub(crate) now: Record,
}

impl Row {
    /// A row that is not yet on disk, with a fresh key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub(crate) fn new(keys: &Keys, id: u64, key: KeyRef, shared: bool) -> Result<Row, Error> {
        let (secret, wrapped) = fresh(keys, id, key)?;
        let (entries, corrections, blind) = (Vec::new(), Vec::new(), keys.blind_epoch());
        Ok(Row { id, key, shared, entries, corrections, blind, secret, wrapped, octets: 0, indexed: 0 })
    }

    /// The row, or `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Sealed`] where it does not open.
    pub(crate) fn load(db: &Connection, keys: &Keys, id: u64) -> Result<Option<Row>, Error> {
        let mut statement = db.prepare_cached(
            "SELECT epoch, session, blind, shared, wrapped, sealed FROM identity WHERE id = ?1",
        )?;
        let found = statement.query_row([sql(id)], |r| {
            let (epoch, session): (Option<i64>, Option<i64>) = (r.get(0)?, r.get(1)?);
            let (blind, shared) = (number(r.get(2)?), r.get::<_, bool>(3)?);
            Ok((
                KeyRef::from_columns(epoch, session),
                blind,
                shared,
                r.get::<_, Vec<u8>>(4)?,
                r.get::<_, Vec<u8>>(5)?,
            ))
        });
        let Some((key, blind, shared, wrapped, sealed)) = found.optional()? else { return Ok(None) };
        let secret = keys.subject_key(key, id, &wrapped)?;
        let place = Place::Identity { identity: id, shared, key };
        let content = Zeroizing::new(keys.open_for(&secret, place, &sealed)?);
        let (entries, corrections) = decode(&content).ok_or(Error::Sealed)?;
        let (octets, indexed) = (content.len(), entries.len());
        Ok(Some(Row { id, key, shared, entries, corrections, blind, secret, wrapped, octets, indexed }))
    }

    /// Writes the row, and what it can be found by.
    pub(crate) fn store(&mut self, db: &Connection, keys: &Keys) -> Result<(), Error> {
        let place = Place::Identity { identity: self.id, shared: self.shared, key: self.key };
        let sealed = keys.seal_for(&self.secret, place, &self.encode())?;
        let (epoch, session) = self.key.columns();
        db.prepare_cached(
            "INSERT INTO identity (id, epoch, session, blind, shared, wrapped, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped, sealed = excluded.sealed",
        )?
        .execute(params![sql(self.id), epoch, session, sql(self.blind), self.shared, self.wrapped, sealed])?;
        self.index(db, keys, self.indexed)?;
        self.indexed = self.entries.len();
        keys.identities().changed(self.id);
        Ok(())
    }

    /// Puts into the index what is not there of that by which the entries from one on are found. Gives how much that was.
    pub(crate) fn index(&self, db: &Connection, keys: &Keys, from: usize) -> Result<usize, Error> {
        let mut put = 0;
        for tag in self.tags(keys, from)? {
            put += db
                .prepare_cached("INSERT OR IGNORE INTO blind (tag, identity) VALUES (?1, ?2)")?
                .execute(params![tag, sql(self.id)])?;
        }
        Ok(put)
    }

    /// Deletes the row and its tags: nobody can say any more who it was.
    pub(crate) fn delete(&self, db: &Connection, keys: &Keys) -> Result<(), Error> {
        self.unindex(db, keys)?;
        delete(db, keys, self.id)
    }

    /// Takes the row's tags out of the index, for entries that are about to change. [`Row::store`] puts all in again.
    pub(crate) fn unindex(&self, db: &Connection, keys: &Keys) -> Result<(), Error> {
        for tag in self.tags(keys, 0)? {
            db.prepare_cached("DELETE FROM blind WHERE tag = ?1 AND identity = ?2")?
                .execute(params![tag, sql(self.id)])?;
        }
        Ok(())
    }

    /// Gives the row another key, so that what was sealed under the old one cannot be read even where a copy of it is
    /// left, and has all of its entries indexed anew.
    pub(crate) fn renew(&mut self, keys: &Keys) -> Result<(), Error> {
        (self.secret, self.wrapped) = fresh(keys, self.id, self.key)?;
        self.indexed = 0;
        Ok(())
    }

    /// Adds an entry and gives its place; `None` where the row is full.
    pub(crate) fn add(&mut self, entry: &Record) -> Option<u64> {
        if self.is_full() {
            return None;
        }
        self.octets =
            self.octets.saturating_add(codec::encode(std::slice::from_ref(entry)).map_or(0, |e| e.len()));
        self.entries.push(entry.clone());
        self.place(self.entries.len().checked_sub(1)?)
    }

    /// The place of an entry that it has.
    pub(crate) fn find(&self, entry: &Record) -> Option<u64> {
        self.place(self.entries.iter().position(|known| known == entry)?)
    }

    /// Whether it takes no more entries.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_ENTRIES || self.octets >= ROW_OCTETS
    }

    /// Writes down that a value was set right.
    pub(crate) fn note(&mut self, correction: Correction) {
        self.corrections.truncate(MAX_CORRECTIONS - 1);
        self.corrections.push(correction);
    }

    /// What the row is found by: one text for each.
    pub(crate) fn identifiers(&self) -> Vec<(Identifier, String)> {
        let all = self.entries.iter().flat_map(Record::identifiers).filter(|(i, _)| *i != Identifier::Other);
        let mut all: Vec<_> = all.map(|(identifier, value)| (identifier, identifier.text(value))).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether it is found by this.
    pub(crate) fn holds(&self, identifier: Identifier, text: &str) -> bool {
        let found = self
            .entries
            .iter()
            .flat_map(Record::identifiers)
            .chain(self.entries.iter().filter_map(Record::anchor));
        found.into_iter().any(|(i, value)| i == identifier && i.text(value) == text)
    }

    /// How many different source addresses of flows are its own.
    pub(crate) fn sources(&self) -> usize {
        self.entries.iter().filter(|entry| entry.get(Field::FlowSourceAddress).is_some()).count()
    }

    fn place(&self, at: usize) -> Option<u64> {
        Some(self.id.checked_mul(PLACES)? | u64::try_from(at).ok()?)
    }

    fn tags(&self, keys: &Keys, from: usize) -> Result<Vec<i64>, Error> {
        if self.shared {
            return Ok(Vec::new());
        }
        let entries = self.entries.get(from..).unwrap_or_default();
        let anchors = entries.iter().filter_map(Record::anchor);
        let known = entries.iter().flat_map(Record::identifiers).filter(|(i, _)| *i != Identifier::Other);
        let mut tags = Vec::new();
        for (identifier, value) in anchors.chain(known) {
            tags.push(keys.tag(self.blind, identifier, &identifier.text(value))?);
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut set = Zeroizing::new(Vec::with_capacity(self.octets));
        self.entries.iter().for_each(|entry| codec::append(entry, &mut set));
        let mut content = Zeroizing::new(Vec::with_capacity(set.len() + 16));
        put(&set, &mut content);
        for correction in &self.corrections {
            codec::put_varint(&mut content, correction.at_ms);
            let mut set = Zeroizing::new(Vec::new());
            codec::append(&correction.now, &mut set);
            put(&set, &mut content);
        }
        content
    }
}

/// The row and the entry of a reference.
pub(crate) fn split(reference: u64) -> (u64, usize) {
    (reference / PLACES, usize::try_from(reference % PLACES).unwrap_or(usize::MAX))
}

/// Deletes a row without its tags, and counts that it was deleted on purpose.
pub(crate) fn delete(db: &Connection, keys: &Keys, id: u64) -> Result<(), Error> {
    let gone = db.prepare_cached("DELETE FROM identity WHERE id = ?1")?.execute([sql(id)])?;
    keys.identities().changed(id);
    add(db, meta::IDENTITIES_GONE, u64::try_from(gone).unwrap_or(0))
}

fn fresh(keys: &Keys, id: u64, key: KeyRef) -> Result<(Secret, Vec<u8>), Error> {
    let secret = Secret::random()?;
    let wrapped = keys.seal(key, Place::SubjectKey { identity: id, key }, secret.bytes())?;
    Ok((secret, wrapped))
}

fn put(part: &[u8], into: &mut Vec<u8>) {
    codec::put_varint(into, u64::try_from(part.len()).unwrap_or(u64::MAX));
    into.extend_from_slice(part);
}

/// Takes a part that [`put`] wrote from the front of `octets`.
pub(crate) fn take<'a>(octets: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(codec::take_varint(octets)?).ok()?;
    let (part, rest) = octets.split_at_checked(length)?;
    *octets = rest;
    Some(part)
}

fn decode(mut content: &[u8]) -> Option<(Vec<Record>, Vec<Correction>)> {
    let entries = codec::decode(take(&mut content)?).ok()?;
    let mut corrections = Vec::new();
    while !content.is_empty() && corrections.len() < MAX_CORRECTIONS {
        let at_ms = codec::take_varint(&mut content)?;
        let now = codec::decode(take(&mut content)?).ok()?.pop()?;
        corrections.push(Correction { at_ms, now });
    }
    Some((entries, corrections))
}

/// A reference is the row's id times this, and the entry.
const PLACES: u64 = 256;
