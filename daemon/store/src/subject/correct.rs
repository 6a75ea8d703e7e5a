//! Setting a value right, for good and not silently: the correction stands beside the subject, under its key, and in the
//! ledger without the value.

use headgate_record::{Field, Identity, Kind, Record, Value, ValueType};
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use super::Subject;
use crate::identity::row::Correction;
use crate::identity::sweep;
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::{Error, segment};

/// Sets a field right in all that is kept of a subject and has it. Gives in how many places. What has left stays as it is
/// at the receiver; what has not leaves as corrected.
///
/// # Errors
/// [`Error::Unusable`] for a field or value that cannot be set, [`Error::NothingCorrected`].
pub(crate) fn correct(
    db: &Connection,
    keys: &Keys,
    subject: &mut Subject,
    field: &str,
    value: &str,
    now_ms: u64,
) -> Result<Json, Error> {
    let field = Field::from_name(field)
        .ok_or(Error::Unusable("no such field; `headgate dictionary` prints all of them"))?;
    if field.kind().subject() == Some(field) {
        return Err(Error::Unusable("this field says whose record it is, and cannot be another's"));
    }
    let mut right = Record::new(field.kind());
    let value = parse(field, value).ok_or(Error::Unusable("no value of this field's type"))?;
    right.set(field, value)?;
    let places = match field.identity() {
        Identity::Nobody => in_segments(db, keys, subject, field, &right)?,
        _ => in_rows(db, keys, subject, field, &right)?,
    };
    if places == 0 {
        return Err(Error::NothingCorrected);
    }
    // The latest row is the one that lasts longest.
    if let Some(row) = subject.rows.last_mut() {
        row.note(Correction { at_ms: now_ms, now: right });
        row.store(db, keys)?;
    }
    keys.identities().forget();
    ledger::append(db, &Event::Corrected { field: field.name(), places }, now_ms)?;
    Ok(json!({ "field": field.name(), "places": places }))
}

fn in_rows(
    db: &Connection,
    keys: &Keys,
    subject: &mut Subject,
    field: Field,
    right: &Record,
) -> Result<u64, Error> {
    let mut places = 0;
    for row in &mut subject.rows {
        let before = places;
        if row.entries.iter().any(|entry| entry.get(field).is_some()) {
            row.unindex(db, keys)?;
        }
        for entry in row.entries.iter_mut().filter(|entry| entry.get(field).is_some()) {
            entry.merge(right);
            places += 1;
        }
        if places > before {
            // The wrong value is not readable any more either.
            row.renew(keys)?;
            row.store(db, keys)?;
        }
    }
    Ok(places)
}

fn in_segments(
    db: &Connection,
    keys: &Keys,
    subject: &Subject,
    field: Field,
    right: &Record,
) -> Result<u64, Error> {
    let ids = subject.ids();
    let mut segments = Vec::new();
    sweep::mentions(db, keys, 0, |id, references| {
        if references.is_some_and(|list| list.names_one_of(&ids)) {
            segments.push(id);
        }
        true
    })?;
    let mut places = 0;
    for id in segments {
        let Some(segment) = segment::find(db, id)? else { continue };
        let is_meant = |record: &Record| record.kind() == field.kind() && record.get(field).is_some();
        places += segment::change(db, keys, &segment, &ids, |record: &mut Record| {
            let meant = is_meant(record);
            if meant {
                record.merge(right);
            }
            meant
        })?;
    }
    Ok(places)
}

/// A value as records show it.
fn parse(field: Field, text: &str) -> Option<Value> {
    let list = |one: fn(&str) -> Option<Value>| {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Some(Value::List(items.map(one).collect::<Option<_>>()?))
    };
    let address = |text: &str| text.parse().ok().map(Value::Address);
    let number = |text: &str| text.parse().ok().map(Value::Number);
    match field.definition().value_type {
        _ if field.names_a_user() || field.kind() == Kind::Counters => None,
        ValueType::Text => (!text.is_empty()).then(|| text.into()),
        ValueType::Bool => text.parse().ok().map(Value::Bool),
        ValueType::Number => number(text),
        ValueType::Mac => text.parse().ok().map(Value::Mac),
        ValueType::Address => address(text),
        ValueType::Bytes => hex::decode(text).ok().map(Value::Bytes),
        ValueType::Texts => list(|item| Some(item.into())),
        ValueType::Numbers => list(number),
        ValueType::Addresses => list(address),
        ValueType::Time => None,
    }
}
