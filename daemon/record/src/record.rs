//! One record: a kind, and the values of some of that kind's fields.

use arrayvec::ArrayVec;

use crate::{Error, Field, Kind, MAX_LIST, MAX_TEXT, Value};

/// Most fields in one record; no kind declares more.
pub const MAX_FIELDS: usize = 48;

/// A record. Its fields are in the dictionary's order, each at most once, each of the record's kind
/// and of the declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    kind: Kind,
    fields: Vec<(Field, Value)>,
}

/// What becomes of a value ([`Record::change_each`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays.
    Keep,
    /// Another one takes its place.
    Replace(Value),
    /// Its field has none any more.
    Remove,
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Record { kind, fields: Vec::new() }
    }

    /// An empty record with room for so many fields.
    #[must_use]
    pub fn with_capacity(kind: Kind, fields: usize) -> Self {
        Record { kind, fields: Vec::with_capacity(fields.min(MAX_FIELDS)) }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.fields.iter().find(|(f, _)| *f == field).map(|(_, v)| v)
    }

    /// All fields that have a value, in the dictionary's order.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &Value)> {
        self.fields.iter().map(|(f, v)| (*f, v))
    }

    pub(crate) fn as_slice(&self) -> &[(Field, Value)] {
        &self.fields
    }

    /// Sets a field, replacing what was there.
    ///
    /// # Errors
    /// [`Error::ForeignField`], [`Error::WrongType`] or [`Error::Limit`]; the record is unchanged.
    // All that is known where it is called is decided there: the value goes straight to its place.
    #[inline(always)]
    pub fn set(&mut self, field: Field, value: impl Into<Value>) -> Result<(), Error> {
        let value = value.into();
        check(self.kind, field, &value)?;
        // Whoever sets fields in their order pays for no search.
        if self.fields.last().is_none_or(|(last, _)| *last < field) {
            self.fields.push((field, value));
        } else {
            self.replace(field, value);
        }
        Ok(())
    }

    /// Adds a field behind all others, of which is known that [`Record::set`] would do just that.
    #[inline]
    pub(crate) fn push_checked(&mut self, field: Field, value: Value) {
        self.fields.push((field, value));
    }

    #[cold]
    fn replace(&mut self, field: Field, value: Value) {
        match self.fields.binary_search_by_key(&field, |(f, _)| *f) {
            Ok(at) => {
                if let Some(slot) = self.fields.get_mut(at) {
                    slot.1 = value;
                }
            }
            Err(at) => self.fields.insert(at, (field, value)),
        }
    }

    /// Sets a field where there is a value.
    ///
    /// # Errors
    /// As [`Record::set`].
    pub fn set_some(&mut self, field: Field, value: Option<impl Into<Value>>) -> Result<(), Error> {
        value.map_or(Ok(()), |v| self.set(field, v))
    }

    /// Changes each value as `with` says. A value that the field does not admit is removed.
    pub fn change_each(&mut self, mut with: impl FnMut(Field, &Value) -> Change) {
        let kind = self.kind;
        self.fields.retain_mut(|(field, value)| match with(*field, value) {
            Change::Keep => true,
            Change::Replace(new) if check(kind, *field, &new).is_ok() => {
                *value = new;
                true
            }
            Change::Replace(_) | Change::Remove => false,
        });
    }

    /// Takes the fields out for which `which` says so, as a record of the same kind; `None` where there are none.
    #[must_use]
    pub fn take(&mut self, which: impl Fn(Field) -> bool) -> Option<Record> {
        let mut fields = Vec::new();
        self.fields.retain_mut(|(field, value)| {
            let taken = which(*field);
            if taken {
                fields.push((*field, std::mem::replace(value, Value::Bool(false))));
            }
            !taken
        });
        (!fields.is_empty()).then_some(Record { kind: self.kind, fields })
    }

    /// Sets all that `other`, a record of the same kind, says; of another kind nothing.
    pub fn merge(&mut self, other: &Record) {
        if other.kind != self.kind {
            return;
        }
        let mut new = 0;
        for (field, value) in &other.fields {
            match self.fields.binary_search_by_key(field, |(f, _)| *f) {
                Ok(at) => {
                    if let Some(slot) = self.fields.get_mut(at) {
                        slot.1 = value.clone();
                    }
                }
                Err(_) => new += 1,
            }
        }
        if new == 0 {
            return;
        }
        // Both are in order: one walk from the end puts each field in its place.
        let mut from = self.fields.len();
        self.fields.resize(from + new, (Field::DeviceMac, Value::Bool(false)));
        let mut to = self.fields.len();
        for (field, value) in other.fields.iter().rev() {
            while from > 0 && self.fields.get(from - 1).is_some_and(|(own, _)| own > field) {
                from -= 1;
                to -= 1;
                self.fields.swap(from, to);
            }
            if from > 0 && self.fields.get(from - 1).is_some_and(|(own, _)| own == field) {
                continue;
            }
            to -= 1;
            if let Some(slot) = self.fields.get_mut(to) {
                *slot = (*field, value.clone());
            }
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields that tell this record's subject from others of its kind; absent ones are left out.
    #[must_use]
    pub fn key(&self) -> Vec<(Field, Value)> {
        self.fields.iter().filter(|(f, _)| f.definition().key).cloned().collect()
    }

    /// Writes what [`Record::to_json`] gives, on one line without its end.
    pub fn write_json(&self, out: &mut String) {
        let mut names: ArrayVec<(&str, Option<&Value>), { MAX_FIELDS + 1 }> =
            self.fields.iter().take(MAX_FIELDS).map(|(f, v)| (f.short_name(), Some(v))).collect();
        names.push(("kind", None));
        names.sort_unstable_by_key(|(name, _)| *name);
        for (at, (name, value)) in names.iter().enumerate() {
            out.push(if at == 0 { '{' } else { ',' });
            out.push('"');
            out.push_str(name);
            out.push_str("\":");
            match value {
                Some(value) => value.write_json(out),
                None => {
                    out.push('"');
                    out.push_str(self.kind.name());
                    out.push('"');
                }
            }
        }
        out.push('}');
    }

    /// A JSON object: `kind`, then each field under its name without the kind.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("kind".into(), self.kind.name().into());
        for (field, value) in &self.fields {
            object.insert(field.short_name().into(), value.to_json());
        }
        object.into()
    }
}

#[inline(always)]
fn check(kind: Kind, field: Field, value: &Value) -> Result<(), Error> {
    let definition = field.definition();
    if definition.kind != kind {
        return Err(Error::ForeignField { field, kind });
    }
    if !definition.value_type.admits(value) {
        return Err(Error::WrongType(field));
    }
    match value {
        Value::Text(text) => check_size(text.len()),
        Value::Bytes(octets) => check_size(octets.len()),
        Value::List(items) => check_list(items),
        _ => Ok(()),
    }
}

fn check_list(items: &[Value]) -> Result<(), Error> {
    if items.len() > MAX_LIST {
        return Err(Error::Limit { what: "list", limit: MAX_LIST });
    }
    items.iter().try_for_each(|item| match item {
        Value::Text(text) => check_size(text.len()),
        Value::Bytes(octets) => check_size(octets.len()),
        _ => Ok(()),
    })
}

fn check_size(length: usize) -> Result<(), Error> {
    if length > MAX_TEXT { Err(Error::Limit { what: "text", limit: MAX_TEXT }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::codec::tests::any_record;

    proptest! {
        #[test]
        fn to_merge_is_to_set_one_after_the_other(one in any_record(), two in any_record(), from in 0usize..5) {
            let mut other = two.clone();
            let _ = other.take(|field| field.position() % 5 < from);
            let mut expected = one.clone();
            for (field, value) in other.fields().filter(|_| other.kind() == one.kind()) {
                expected.set(field, value.clone()).unwrap();
            }
            let mut merged = one.clone();
            merged.merge(&other);
            prop_assert_eq!(merged, expected);
            let mut with_own = one.clone();
            let own = with_own.take(|field| field.position() % 5 < from);
            own.iter().for_each(|own| with_own.merge(own));
            prop_assert_eq!(with_own, one);
        }
    }
}
