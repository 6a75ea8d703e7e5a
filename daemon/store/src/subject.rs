//! One person: found, shown, set right, forgotten (docs/data-protection.md, "Someone asks").
//!
//! A person is a *subject*: what one MAC address, or the pseudonym kept in its place, says of itself in all key epochs and
//! sessions that are kept. An IP address or a name leads to the subjects that had it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use headgate_record::subject::{Action, MAX_PAGE, Who};
use headgate_record::{Field, Identifier, Mac, Record, Value};
use headgate_rules::{Purpose, pseudonym};
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::identity::row::Row;
use crate::identity::{sweep, tagged};
use crate::keys::Keys;
use crate::{Error, error, segment};

pub(crate) mod correct;
pub(crate) mod erase;

/// A subject and its rows.
pub(crate) struct Subject {
    anchor: (Identifier, String),
    rows: Vec<Row>,
}

/// What is asked of a store that stays as it is: [`Action::Find`] and [`Action::Export`].
pub(crate) fn answer(db: &Connection, keys: &Keys, who: &Who, action: &Action) -> Result<Json, Error> {
    match action {
        Action::Export { after, limit } => one(db, keys, who)?.page(db, keys, *after, *limit),
        _ => {
            let found = find(db, keys, who)?;
            let described = found.iter().map(|subject| subject.describe(db, keys));
            Ok(json!({ "subjects": described.collect::<Result<Vec<_>, _>>()? }))
        }
    }
}

/// The subjects that somebody is found by, at most [`MAX_SUBJECTS`].
///
/// # Errors
/// [`Error::Unusable`] for what is no address, [`Error::Converting`] while not all that is kept can be searched.
pub(crate) fn find(db: &Connection, keys: &Keys, who: &Who) -> Result<Vec<Subject>, Error> {
    match segment::unconverted(db)? {
        0 => {}
        left => return Err(Error::Converting(left)),
    }
    let mut anchors = Vec::new();
    let names = names(keys, who)?;
    for row in rows_of(db, keys, &names)? {
        let anchor = anchor(&row);
        if !anchors.contains(&anchor) {
            anchors.push(anchor);
        }
    }
    let mut subjects = Vec::new();
    for anchor in anchors.into_iter().flatten().take(MAX_SUBJECTS) {
        let mut rows = rows_of(db, keys, std::slice::from_ref(&anchor))?;
        rows.retain(|row| self::anchor(row).as_ref() == Some(&anchor));
        subjects.push(Subject { anchor, rows });
    }
    if let Who::Address { address, at_ms: Some(at_ms) } = who {
        let address = address.parse().map_err(|_| Error::Unusable("not an IP address"))?;
        let mut had = Vec::new();
        for subject in subjects {
            if subject.had(db, keys, address, *at_ms)? {
                had.push(subject);
            }
        }
        subjects = had;
    }
    Ok(subjects)
}

/// The one subject that somebody is found by.
///
/// # Errors
/// [`Error::NobodyFound`], [`Error::SeveralFound`]; as [`find`].
pub(crate) fn one(db: &Connection, keys: &Keys, who: &Who) -> Result<Subject, Error> {
    let mut found = find(db, keys, who)?;
    match (found.pop(), found.len()) {
        (None, _) => Err(Error::NobodyFound),
        (Some(subject), 0) => Ok(subject),
        (Some(_), others) => Err(Error::SeveralFound(others.saturating_add(1))),
    }
}

impl Subject {
    /// The ids of its rows, in order.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids
    }

    fn describe(&self, db: &Connection, keys: &Keys) -> Result<Json, Error> {
        let mut known: BTreeMap<Identifier, Vec<String>> = BTreeMap::new();
        for (identifier, text) in self.rows.iter().flat_map(Row::identifiers) {
            let texts = known.entry(identifier).or_default();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let (ids, mut segments) = (self.ids(), 0_u64);
        sweep::mentions(db, keys, 0, |_, references| {
            segments += u64::from(references.is_some_and(|list| list.names_one_of(&ids)));
            true
        })?;
        let corrections = self.rows.iter().flat_map(|row| &row.corrections).map(|correction| {
            let field = correction.now.fields().next();
            json!({
                "at_ms": correction.at_ms,
                "field": field.map(|(field, _)| field.name()),
                "value": field.map(|(_, value)| value.to_json()),
            })
        });
        let mut of = |identifier| known.remove(&identifier).unwrap_or_default();
        Ok(json!({
            "macs": of(Identifier::Mac),
            "addresses": of(Identifier::Address),
            "names": of(Identifier::Name),
            "users": of(Identifier::User),
            "periods": self.rows.len(),
            "segments": segments,
            "corrections": corrections.collect::<Vec<_>>(),
        }))
    }

    /// Records of segments after `after`, about `limit`, and after which segment the next page begins.
    fn page(&self, db: &Connection, keys: &Keys, after: u64, limit: u32) -> Result<Json, Error> {
        let limit = usize::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(usize::MAX);
        let (ids, mut segments) = (self.ids(), Vec::new());
        sweep::mentions(db, keys, after, |id, references| {
            if references.is_none_or(|list| list.names_one_of(&ids)) {
                segments.push(id);
            }
            segments.len() < PAGE_SEGMENTS
        })?;
        let (mut records, mut octets, mut last) = (Vec::new(), 0, None);
        let more_segments = segments.len() >= PAGE_SEGMENTS;
        let mut left = segments.into_iter();
        for id in left.by_ref() {
            for record in about(db, keys, id, &ids)? {
                let record = record.to_json();
                octets += record.to_string().len();
                records.push(record);
            }
            last = Some(id);
            if records.len() >= limit || octets >= PAGE_OCTETS {
                break;
            }
        }
        let next = last.filter(|_| more_segments || left.next().is_some());
        let described = if after == 0 { self.describe(db, keys)? } else { Json::Null };
        Ok(json!({ "subject": described, "records": records, "next": next }))
    }

    /// Whether a record says that the subject had this address at this time: its earliest time is not after it, and its
    /// latest not before.
    fn had(&self, db: &Connection, keys: &Keys, address: IpAddr, at_ms: u64) -> Result<bool, Error> {
        let text = address.to_string();
        let says = |record: &Record| {
            record.identifiers().any(|(i, value)| i == Identifier::Address && i.text(value) == text)
                && covers(record, at_ms.saturating_mul(1_000_000))
        };
        let (mut rows, mut segments) = (Vec::new(), Vec::new());
        for row in &self.rows {
            let names = |entry: &Record| {
                entry.identifiers().any(|(i, v)| i == Identifier::Address && i.text(v) == text)
            };
            rows.extend(row.entries.iter().any(names).then_some(row.id));
        }
        rows.sort_unstable();
        sweep::mentions(db, keys, 0, |id, references| {
            if references.is_none_or(|list| list.names_one_of(&rows)) {
                segments.push(id);
            }
            true
        })?;
        let ids = self.ids();
        // The newest first: who asks most often asks for the recent past.
        for id in segments.into_iter().rev().take(MAX_SEARCHED) {
            if about(db, keys, id, &ids)?.iter().any(says) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The records of a segment of which one of these rows is the subject. One that does not open has none.
fn about(db: &Connection, keys: &Keys, id: u64, rows: &[u64]) -> Result<Vec<Record>, Error> {
    let Some(segment) = segment::find(db, id)? else { return Ok(Vec::new()) };
    match segment::about(db, keys, &segment, rows) {
        Ok(records) => Ok(records),
        Err(error) if error::is_damaged(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn covers(record: &Record, at_ns: u64) -> bool {
    let times = record.fields().filter_map(|(_, value)| match value {
        Value::Time(ns) => Some(*ns),
        _ => None,
    });
    let (earliest, latest) = times.fold((u64::MAX, 0), |(e, l), ns| (e.min(ns), l.max(ns)));
    // A record says its times in nanoseconds, who asks in milliseconds.
    earliest / 1_000_000 <= at_ns / 1_000_000 && at_ns / 1_000_000 <= latest / 1_000_000
}

fn anchor(row: &Row) -> Option<(Identifier, String)> {
    let (identifier, value) = row.entries.iter().find_map(Record::anchor)?;
    Some((identifier, identifier.text(value)))
}

/// All rows that hold one of these, of all epochs of the index.
fn rows_of(db: &Connection, keys: &Keys, names: &[(Identifier, String)]) -> Result<Vec<Row>, Error> {
    let mut found: BTreeMap<u64, Row> = BTreeMap::new();
    for epoch in keys.blind_epochs() {
        for (identifier, text) in names {
            for id in tagged(db, keys.tag(epoch, *identifier, text)?)? {
                match Row::load(db, keys, id) {
                    Ok(Some(row)) if row.holds(*identifier, text) => drop(found.insert(id, row)),
                    Ok(_) => {}
                    Err(error) if error::is_damaged(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(found.into_values().collect())
}

/// The identifiers under which somebody may be kept.
fn names(keys: &Keys, who: &Who) -> Result<Vec<(Identifier, String)>, Error> {
    let (identifier, values) = values(keys, who)?;
    Ok(values.iter().map(|value| (identifier, identifier.text(value))).collect())
}

/// What records may hold of somebody: what was said, and the pseudonym that the collect gate makes of it now.
fn values(keys: &Keys, who: &Who) -> Result<(Identifier, Vec<Value>), Error> {
    let both = |field: Field, value: Value| {
        let made = pseudonym(&value, field, keys, Purpose::Collect);
        [Some(value), made].into_iter().flatten().collect::<Vec<_>>()
    };
    Ok(match who {
        Who::Mac(text) => {
            let mac: Mac = text.trim().parse().map_err(|_| Error::Unusable("not a MAC address"))?;
            (Identifier::Mac, both(Field::DeviceMac, mac.into()))
        }
        Who::Address { address, .. } => {
            let address: IpAddr = address.trim().parse().map_err(|_| Error::Unusable("not an IP address"))?;
            (Identifier::Address, both(Field::LeaseAddress, address.into()))
        }
        Who::Name(name) => (Identifier::Name, vec![name.as_str().into()]),
        Who::User(user) => {
            let mut values = both(Field::AuthenticationUserName, user.as_str().into());
            let mut pseudonym = [0; 16];
            if hex::decode_to_slice(user.trim(), &mut pseudonym).is_ok() {
                values.push(Value::Pseudonym(pseudonym));
            }
            (Identifier::User, values)
        }
    })
}

/// Most subjects that one question finds.
const MAX_SUBJECTS: usize = 64;
/// Most segments of one page, and about how many octets of records.
const PAGE_SEGMENTS: usize = 1_024;
const PAGE_OCTETS: usize = 2 << 20;
/// Most segments that are searched for whether an address was a subject's at a time.
const MAX_SEARCHED: usize = 4_096;
