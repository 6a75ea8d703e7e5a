//! Who records are about, kept apart from them.
//!
//! A segment says of a record only *references*: entries of identity rows. A row belongs to one subject in one key epoch
//! (or sensor session) and is sealed under a key of its own; destroying that key erases the subject from every segment at
//! once. Which fields identify whom is said in the dictionary ([`headgate_record::Identity`]).
//!
//! Addresses of other ends of flows, of which there are many and each of little, share rows of up to
//! [`row::MAX_ENTRIES`]: one of them is erased by giving the row another key and writing it without the entry.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use arrayvec::ArrayVec;
use headgate_record::{Field, Identifier, Identity, Kind, Record, codec};
use rusqlite::{Connection, params};

use crate::block::{MAX_REFERENCES, References};
use crate::database::{last_id, number, sql};
use crate::keys::Keys;
use crate::seal::KeyRef;
use crate::{Error, error};

pub(crate) mod mend;
pub(crate) mod row;
pub(crate) mod sweep;

use row::Row;

/// What is known of rows without asking the database.
#[derive(Default)]
pub(crate) struct Identities {
    known: RefCell<Known>,
    opened: RefCell<HashMap<u64, Opened, BuildHasherDefault<IdHasher>>>,
}

/// The entries of a row, in their order; `None` where there is none that opens.
type Opened = Option<Rc<[Record]>>;

/// Ids are the store's own and given one after the other: nobody chooses them, and any mixing spreads them.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_u64(self.0 ^ u64::from(*octet)));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id.wrapping_mul(MULTIPLIER);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// References by what they stand for, in two generations: what was not used while the younger one filled up goes.
#[derive(Default)]
struct Known {
    young: HashMap<Box<[u8]>, Spot>,
    old: HashMap<Box<[u8]>, Spot>,
    /// Octets of the names in the younger one.
    octets: usize,
    /// Of each key, the shared row that takes more entries.
    shared: BTreeMap<KeyRef, u64>,
}

#[derive(Clone, Copy)]
struct Spot {
    reference: u64,
    /// The station speaks for many source addresses: each is another end.
    speaks_for_many: bool,
}

impl Identities {
    /// Forgets all: what is known may not be on disk, or not any more.
    pub(crate) fn forget(&self) {
        *self.known.borrow_mut() = Known::default();
        self.opened.borrow_mut().clear();
    }

    /// A row has changed or is gone.
    pub(crate) fn changed(&self, id: u64) {
        self.opened.borrow_mut().remove(&id);
    }

    fn spot(&self, name: &[u8]) -> Option<Spot> {
        let mut known = self.known.borrow_mut();
        if let Some(spot) = known.young.get(name) {
            return Some(*spot);
        }
        let spot = known.old.get(name).copied()?;
        known.insert(name.into(), spot);
        Some(spot)
    }
}

impl Known {
    fn insert(&mut self, name: Box<[u8]>, spot: Spot) {
        if self.young.len() >= MAX_KNOWN || self.octets >= MAX_NAMES {
            self.old = std::mem::take(&mut self.young);
            self.octets = 0;
        }
        self.octets += name.len();
        self.young.insert(name, spot);
    }
}

/// What the references of one record stand for.
pub(crate) struct Resolved {
    entries: ArrayVec<(Rc<[Record]>, usize), MAX_REFERENCES>,
    /// Whether the record's subject was erased.
    pub(crate) erased: bool,
}

impl Resolved {
    /// All that identifies somebody.
    pub(crate) fn identities(&self) -> ArrayVec<&Record, MAX_REFERENCES> {
        self.entries.iter().filter_map(|(entries, place)| entries.get(*place)).collect()
    }
}

/// Finds what the references of one record stand for.
///
/// # Errors
/// When the database cannot be read. A row that does not open is as one that was erased.
pub(crate) fn resolve(db: &Connection, keys: &Keys, references: &[u64]) -> Result<Resolved, Error> {
    let mut resolved = Resolved { entries: ArrayVec::new(), erased: false };
    for (at, reference) in references.iter().enumerate().take(MAX_REFERENCES) {
        let (id, place) = row::split(*reference);
        match entries(db, keys, id)? {
            Some(entries) if entries.get(place).is_some_and(|entry| !entry.is_empty()) => {
                resolved.entries.push((entries, place));
            }
            // The first is the subject's where the record has one.
            _ if at == 0 => resolved.erased = true,
            _ => {}
        }
    }
    Ok(resolved)
}

fn entries(db: &Connection, keys: &Keys, id: u64) -> Result<Opened, Error> {
    if let Some(known) = keys.identities().opened.borrow().get(&id) {
        return Ok(known.clone());
    }
    let entries = match Row::load(db, keys, id) {
        Ok(row) => row.map(|row| Rc::from(row.entries)),
        Err(error) if error::is_damaged(&error) => {
            log::error!(event = "identity_damaged"; "identity row {id} does not open: records about it are anonymous");
            None
        }
        Err(error) => return Err(error),
    };
    let mut opened = keys.identities().opened.borrow_mut();
    if opened.len() >= MAX_OPENED {
        opened.clear();
    }
    opened.insert(id, entries.clone());
    Ok(entries)
}

/// Finds, or makes, the references that stand for what identifies somebody. All rows that it touched are written by
/// [`Writer::finish`], each once; whoever rolls back then has [`Identities::forget`] called.
pub(crate) struct Writer<'a> {
    db: &'a Connection,
    keys: &'a Keys,
    key: KeyRef,
    rows: BTreeMap<u64, (Row, bool)>,
    /// Rows that are not in the index yet, by the tag of their anchor.
    new: BTreeMap<i64, Vec<u64>>,
    next: u64,
    name: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer that has not touched anything yet.
    pub(crate) fn new(db: &'a Connection, keys: &'a Keys) -> Result<Writer<'a>, Error> {
        let next = last_id(db, "identity")?.saturating_add(1);
        let (rows, new, key) = (BTreeMap::new(), BTreeMap::new(), keys.present());
        Ok(Writer { db, keys, key, rows, new, next, name: Vec::new() })
    }

    /// Adds the references that stand for what in a record, which this key seals, identifies somebody; that of its subject is
    /// the first. What infrastructure says of itself identifies nobody.
    pub(crate) fn refer(
        &mut self,
        key: KeyRef,
        record: &Record,
        references: &mut References,
    ) -> Result<(), Error> {
        if !record.has_identities() {
            return Ok(());
        }
        for who in [Identity::Subject, Identity::End] {
            let mut part = Vec::new();
            let fields = record.fields().filter(|(field, _)| field.identity() == who);
            if codec::put_part(record.kind(), fields, &mut part) {
                self.refer_part(key, who, &part, references)?;
            }
        }
        Ok(())
    }

    /// Adds the references that stand for a part of a record: what names its subject, or its other end, as the octets of a
    /// record of nothing else.
    pub(crate) fn refer_part(
        &mut self,
        key: KeyRef,
        who: Identity,
        part: &[u8],
        references: &mut References,
    ) -> Result<(), Error> {
        self.key = key;
        self.name.clear();
        self.key.bind(&mut self.name);
        self.name.extend_from_slice(part);
        if let Some(spot) = self.keys.identities().spot(&self.name) {
            references.push(spot.reference);
            return Ok(());
        }
        let record = codec::decode_one(part)?;
        match who {
            Identity::End => references.push(self.end(&record)?),
            // Nothing but an empty list: it tells of nobody.
            _ if record.anchor().is_none() => {}
            _ => self.subject(record, references)?,
        }
        Ok(())
    }

    /// Writes the rows that have changed.
    pub(crate) fn finish(self) -> Result<(), Error> {
        for (mut row, changed) in self.rows.into_values() {
            if changed {
                row.store(self.db, self.keys)?;
            }
        }
        Ok(())
    }

    fn subject(&mut self, mut subject: Record, references: &mut References) -> Result<(), Error> {
        // Who speaks for many addresses is a router: they are others'.
        let mut source = None;
        if subject.kind() == Kind::Flow && subject.get(Field::FlowMac).is_some() {
            source = subject.take(|field| field == Field::FlowSourceAddress);
        }
        let many = self.known(&subject).is_some_and(|spot| spot.speaks_for_many);
        if let Some(source) = source.take_if(|_| many) {
            references.push(self.enter(&subject, true)?);
            references.push(self.end(&source)?);
            return Ok(());
        }
        let own = match &source {
            Some(_) => self.sources_of(&subject)? < MAX_SOURCES,
            None => true,
        };
        match source {
            Some(source) if own => {
                subject.merge(&source);
                references.push(self.enter(&subject, false)?);
            }
            Some(source) => {
                references.push(self.enter(&subject, true)?);
                references.push(self.end(&source)?);
            }
            None => references.push(self.enter(&subject, false)?),
        }
        Ok(())
    }

    fn end(&mut self, end: &Record) -> Result<u64, Error> {
        if let Some(spot) = self.known(end) {
            return Ok(spot.reference);
        }
        let shared = self.keys.identities().known.borrow().shared.get(&self.key).copied();
        let open = match shared {
            Some(id) if self.load(id)? => self.rows.get(&id).filter(|(row, _)| !row.is_full()).map(|_| id),
            _ => None,
        };
        let id = match open {
            Some(id) => id,
            None => self.begin(true)?,
        };
        self.keys.identities().known.borrow_mut().shared.insert(self.key, id);
        self.add(id, end, false)
    }

    /// The reference of an entry of its subject's rows, which is added where it is not there.
    fn enter(&mut self, entry: &Record, speaks_for_many: bool) -> Result<u64, Error> {
        if let Some(spot) = self.known(entry).filter(|spot| spot.speaks_for_many == speaks_for_many) {
            return Ok(spot.reference);
        }
        let (tag, rows) = self.rows_of(entry)?;
        for id in &rows {
            let there = self.rows.get(id).and_then(|(row, _)| row.find(entry));
            if let Some(reference) = there {
                self.remember(entry, Spot { reference, speaks_for_many });
                return Ok(reference);
            }
        }
        let open = rows.iter().find(|id| self.rows.get(id).is_some_and(|(row, _)| !row.is_full()));
        let id = match open {
            Some(id) => *id,
            None => {
                let id = self.begin(false)?;
                self.new.entry(tag).or_default().push(id);
                id
            }
        };
        self.add(id, entry, speaks_for_many)
    }

    fn add(&mut self, id: u64, entry: &Record, speaks_for_many: bool) -> Result<u64, Error> {
        let (row, changed) = self.rows.get_mut(&id).ok_or(Error::Damaged(ROW))?;
        let reference = row.add(entry).ok_or(Error::Damaged(ROW))?;
        *changed = true;
        self.remember(entry, Spot { reference, speaks_for_many });
        Ok(reference)
    }

    fn sources_of(&mut self, subject: &Record) -> Result<usize, Error> {
        let (_, rows) = self.rows_of(subject)?;
        Ok(rows.iter().filter_map(|id| self.rows.get(id)).map(|(row, _)| row.sources()).sum())
    }

    /// The tag of an entry's subject, and the rows that are this subject's, loaded; the newest first.
    fn rows_of(&mut self, entry: &Record) -> Result<(i64, Vec<u64>), Error> {
        let (identifier, value) = entry.anchor().ok_or(Error::Damaged(ROW))?;
        let anchor = (identifier, identifier.text(value));
        let tag = self.keys.tag(self.keys.blind_epoch(), anchor.0, &anchor.1)?;
        let mut candidates: Vec<u64> = self.new.get(&tag).into_iter().flatten().rev().copied().collect();
        let mut statement = self
            .db
            .prepare_cached("SELECT identity FROM blind WHERE tag = ?1 ORDER BY identity DESC LIMIT ?2")?;
        let rows = statement.query_map(params![tag, MAX_CANDIDATES], |r| Ok(number(r.get(0)?)))?;
        for id in rows {
            let id = id?;
            if !candidates.contains(&id) && self.load(id)? {
                candidates.push(id);
            }
        }
        candidates.retain(|id| self.rows.get(id).is_some_and(|(row, _)| is_of(row, self.key, &anchor)));
        Ok((tag, candidates))
    }

    /// Has a row in memory; `false` where it is gone or does not open.
    fn load(&mut self, id: u64) -> Result<bool, Error> {
        if self.rows.contains_key(&id) {
            return Ok(true);
        }
        match Row::load(self.db, self.keys, id) {
            Ok(Some(row)) => Ok(self.rows.insert(id, (row, false)).is_none()),
            Ok(None) => Ok(false),
            Err(error) if error::is_damaged(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn begin(&mut self, shared: bool) -> Result<u64, Error> {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.rows.insert(id, (Row::new(self.keys, id, self.key, shared)?, true));
        Ok(id)
    }

    fn known(&mut self, entry: &Record) -> Option<Spot> {
        self.name_of(entry);
        self.keys.identities().spot(&self.name)
    }

    fn remember(&mut self, entry: &Record, spot: Spot) {
        self.name_of(entry);
        self.keys.identities().known.borrow_mut().insert(self.name.as_slice().into(), spot);
    }

    fn name_of(&mut self, entry: &Record) {
        self.name.clear();
        self.key.bind(&mut self.name);
        codec::put_record(entry, &mut self.name);
    }
}

fn is_of(row: &Row, key: KeyRef, anchor: &(Identifier, String)) -> bool {
    let is_anchor = |(identifier, value): (Identifier, &headgate_record::Value)| {
        (identifier, identifier.text(value)) == *anchor
    };
    row.key == key && !row.shared && row.entries.iter().find_map(Record::anchor).is_some_and(is_anchor)
}

/// The rows that a tag leads to.
pub(crate) fn tagged(db: &Connection, tag: i64) -> Result<Vec<u64>, Error> {
    let mut statement = db.prepare_cached("SELECT identity FROM blind WHERE tag = ?1 ORDER BY identity")?;
    let rows = statement.query_map([tag], |r| Ok(number(r.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Ids of all shared rows.
pub(crate) fn shared(db: &Connection) -> Result<Vec<u64>, Error> {
    let mut statement = db.prepare_cached("SELECT id FROM identity WHERE shared = 1 ORDER BY id")?;
    let rows = statement.query_map([], |r| Ok(number(r.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes the rows of all sessions but one.
pub(crate) fn delete_other_sessions(db: &Connection, keys: &Keys, session: u64) -> Result<(), Error> {
    let others = "SELECT id FROM identity WHERE session IS NOT NULL AND session <> ?1";
    let others: Vec<u64> = {
        let mut statement = db.prepare_cached(others)?;
        let rows = statement.query_map([sql(session)], |r| Ok(number(r.get(0)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    sweep::delete_all(db, keys, &others)
}

/// References that each of two generations remembers, and octets of what they stand for, to which comes one more.
const MAX_KNOWN: usize = 16_384;
const MAX_NAMES: usize = 2 << 20;
/// Rows whose entries are kept open for reading.
const MAX_OPENED: usize = 4_096;
/// Odd, its bits well mixed: 2^64 divided by the golden ratio.
pub(crate) const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Rows of one tag that a writer looks at.
const MAX_CANDIDATES: u32 = 8;
/// A station that sends from more addresses than this speaks for others.
const MAX_SOURCES: usize = 32;
const ROW: &str = "identity row";

#[cfg(test)]
mod tests;
