//! Records as bytes: protobuf, read strictly.
//!
//! One record stands like this; many of them travel, rest and leave in columns ([`crate::columns`]).
//! Decoding checks everything that [`Record::set`] checks, so bytes from an untrusted peer become
//! either a valid record or an [`Error`].

use std::net::IpAddr;

use crate::{Error, Field, Kind, Record, Value, ValueView, decode};

/// Most records in one encoded set.
pub const MAX_RECORDS: usize = 4_096;
/// Largest encoded set, in octets.
pub const MAX_SET_BYTES: usize = 4 << 20;

/// Encodes records in order.
///
/// # Errors
/// [`Error::Limit`] for more than [`MAX_RECORDS`].
pub fn encode(records: &[Record]) -> Result<Vec<u8>, Error> {
    if records.len() > MAX_RECORDS {
        return Err(Error::Limit { what: "record set", limit: MAX_RECORDS });
    }
    let mut set = Vec::new();
    records.iter().for_each(|record| append(record, &mut set));
    Ok(set)
}

/// Adds a record to an encoded set; an empty one is a set. Who adds keeps to [`MAX_RECORDS`].
pub fn append(record: &Record, set: &mut Vec<u8>) {
    put_nested(set, 1, |out| put_record(record, out));
}

/// The octets of one record, which [`decode_one`] reads.
pub fn put_record(record: &Record, out: &mut Vec<u8>) {
    put_part(record.kind(), record.fields(), out);
}

/// The octets of a record that has these fields, which are in the dictionary's order; gives whether there were any.
pub fn put_part<'v>(
    kind: Kind,
    fields: impl IntoIterator<Item = (Field, &'v Value)>,
    out: &mut Vec<u8>,
) -> bool {
    put_number(out, 1, kind.number().into());
    let empty = out.len();
    for (field, value) in fields {
        put_nested(out, 2, |out| {
            put_number(out, 1, field.definition().number.into());
            put_nested(out, 2, |out| put_value(out, value));
        });
    }
    out.len() > empty
}

/// As [`put_part`], of values that stand in octets.
pub fn put_views<'v>(
    kind: Kind,
    fields: impl IntoIterator<Item = (Field, ValueView<'v>)>,
    out: &mut Vec<u8>,
) {
    put_number(out, 1, kind.number().into());
    for (field, value) in fields {
        put_nested(out, 2, |out| {
            put_number(out, 1, field.definition().number.into());
            put_nested(out, 2, |out| match value {
                ValueView::Number(form, number) => put_varints(out, form.number(), number),
                ValueView::Octets(form, octets) => put_octets(out, form.number(), octets),
            });
        });
    }
}

/// The value as the one body of a `ValueMessage`: a body stands there even where it is zero or empty.
fn put_value(out: &mut Vec<u8>, value: &Value) {
    let tag = value.form().number();
    match value {
        Value::Bool(v) => put_varints(out, tag, u64::from(*v)),
        Value::Number(v) | Value::Time(v) => put_varints(out, tag, *v),
        Value::Text(v) => put_octets(out, tag, v.as_bytes()),
        Value::Bytes(v) => put_octets(out, tag, v),
        Value::Mac(v) => put_octets(out, tag, &v.0),
        Value::Pseudonym(v) => put_octets(out, tag, v),
        composed => put_nested(out, tag, |out| put_body(out, composed)),
    }
}

/// The octets of a value that does not hold them as they are to stand.
fn put_body(out: &mut Vec<u8>, value: &Value) {
    let address = |out: &mut Vec<u8>, address: &IpAddr| match address {
        IpAddr::V4(v) => out.extend_from_slice(&v.octets()),
        IpAddr::V6(v) => out.extend_from_slice(&v.octets()),
    };
    match value {
        Value::Address(v) => address(out, v),
        Value::Prefix(v, length) => {
            out.push(*length);
            address(out, v);
        }
        Value::List(items) => items.iter().for_each(|item| put_nested(out, 1, |out| put_value(out, item))),
        _ => {}
    }
}

impl Value {
    /// The value as it stands in octets; `composed` is where they are put if it does not hold them itself.
    #[inline]
    pub(crate) fn view<'a>(&'a self, composed: &'a mut Vec<u8>) -> ValueView<'a> {
        let form = self.form();
        match self {
            Value::Bool(v) => ValueView::Number(form, u64::from(*v)),
            Value::Number(v) | Value::Time(v) => ValueView::Number(form, *v),
            Value::Text(v) => ValueView::Octets(form, v.as_bytes()),
            Value::Bytes(v) => ValueView::Octets(form, v),
            Value::Mac(v) => ValueView::Octets(form, &v.0),
            Value::Pseudonym(v) => ValueView::Octets(form, v),
            Value::Address(_) | Value::Prefix(..) | Value::List(_) => {
                composed.clear();
                put_body(composed, self);
                ValueView::Octets(form, composed)
            }
        }
    }
}

/// A scalar field of proto3, which is absent where it is zero.
pub(crate) fn put_number(out: &mut Vec<u8>, tag: u8, value: u64) {
    if value != 0 {
        put_varints(out, tag, value);
    }
}

fn put_varints(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag << 3);
    put_varint(out, value);
}

pub(crate) fn put_octets(out: &mut Vec<u8>, tag: u8, octets: &[u8]) {
    out.push(tag << 3 | 2);
    put_varint(out, u64::try_from(octets.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(octets);
}

/// A length-delimited field whose content is written in place. Most are shorter than 128 octets: the length has one
/// octet, and only longer content is moved.
pub(crate) fn put_nested(out: &mut Vec<u8>, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[tag << 3 | 2, 0]);
    let start = out.len();
    content(out);
    let length = out.len().saturating_sub(start);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => {
            if let Some(place) = out.get_mut(start.saturating_sub(1)) {
                *place = short;
            }
        }
        _ => {
            let mut octets = Vec::with_capacity(MAX_VARINT);
            put_varint(&mut octets, u64::try_from(length).unwrap_or(u64::MAX));
            out.splice(start.saturating_sub(1)..start, octets);
        }
    }
}

/// Adds a number in the variable-length form of protobuf.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number that [`put_varint`] wrote from the front of `octets`; `None` where there is none.
#[inline]
#[must_use]
pub fn take_varint(octets: &mut &[u8]) -> Option<u64> {
    match octets.split_first() {
        // Most are short.
        Some((octet, rest)) if *octet < 0x80 => {
            *octets = rest;
            Some((*octet).into())
        }
        _ => take_long_varint(octets),
    }
}

fn take_long_varint(octets: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for at in 0..MAX_VARINT {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        let shift = u32::try_from(at).ok()?.checked_mul(7)?;
        let part = u64::from(octet & 0x7f);
        let shifted = part.checked_shl(shift)?;
        if shifted >> shift != part {
            return None;
        }
        value |= shifted;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Octets of the longest number.
const MAX_VARINT: usize = 10;

/// Decodes what [`encode`] made.
///
/// # Errors
/// Whatever is wrong with the first record that is not valid, or with the encoding.
pub fn decode(bytes: &[u8]) -> Result<Vec<Record>, Error> {
    if bytes.len() > MAX_SET_BYTES {
        return Err(Error::Limit { what: "record set", limit: MAX_SET_BYTES });
    }
    decode::set(bytes, MAX_RECORDS)
}

/// Decodes what [`put_record`], [`put_part`] or [`put_views`] made.
///
/// # Errors
/// What is wrong with it.
pub fn decode_one(octets: &[u8]) -> Result<Record, Error> {
    decode::record(octets)
}

#[cfg(test)]
pub(crate) mod declared;

#[cfg(test)]
pub(crate) mod tests {
    use super::declared::{FieldMessage, RecordMessage, RecordSet};
    use super::*;
    use crate::{Kind, Mac};
    use proptest::prelude::*;
    use prost::Message;

    pub(crate) fn any_value(value_type: crate::ValueType) -> BoxedStrategy<Value> {
        use crate::ValueType as T;
        let ip =
            prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
        match value_type {
            T::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            T::Number => any::<u64>().prop_map(Value::Number).boxed(),
            T::Time => any::<u64>().prop_map(Value::Time).boxed(),
            T::Text => {
                prop_oneof![".{0,40}".prop_map(Value::from), any::<[u8; 16]>().prop_map(Value::Pseudonym)]
                    .boxed()
            }
            T::Bytes => any::<Vec<u8>>().prop_map(|v| Value::from(v.as_slice())).boxed(),
            T::Mac => any::<[u8; 6]>().prop_map(|v| Value::Mac(Mac(v))).boxed(),
            T::Address => (ip, 0..=32u8, any::<bool>())
                .prop_map(|(v, n, p)| if p { Value::Prefix(v, n) } else { Value::Address(v) })
                .boxed(),
            T::Texts => prop::collection::vec(".{0,8}", 0..5).prop_map(Value::from_iter).boxed(),
            T::Numbers => prop::collection::vec(any::<u64>(), 0..5).prop_map(Value::from_iter).boxed(),
            T::Addresses => prop::collection::vec(ip, 0..5).prop_map(Value::from_iter).boxed(),
        }
    }

    pub(crate) fn any_record() -> impl Strategy<Value = Record> {
        prop::sample::select(Kind::ALL.to_vec()).prop_flat_map(|kind| {
            let fields: Vec<_> = Field::of(kind)
                .map(|f| prop::option::of(any_value(f.definition().value_type).prop_map(move |v| (f, v))))
                .collect();
            fields.prop_map(move |fields| {
                let mut record = Record::new(kind);
                for (field, value) in fields.into_iter().flatten() {
                    record.set(field, value).unwrap();
                }
                record
            })
        })
    }

    proptest! {
        /// What is written in place is what the declared messages say.
        #[test]
        fn the_encoding_is_that_of_the_declared_messages(records in prop::collection::vec(any_record(), 0..8)) {
            let declared = RecordSet { records: records.iter().map(RecordMessage::from).collect() };
            prop_assert_eq!(encode(&records).unwrap(), declared.encode_to_vec());
        }

        #[test]
        fn a_number_survives_its_encoding(value in any::<u64>(), more in any::<u8>()) {
            let mut octets = Vec::new();
            put_varint(&mut octets, value);
            octets.push(more);
            let mut rest = octets.as_slice();
            prop_assert_eq!(take_varint(&mut rest), Some(value));
            prop_assert_eq!(rest, &[more]);
        }

        #[test]
        fn what_is_encoded_is_decoded(records in prop::collection::vec(any_record(), 0..8)) {
            prop_assert_eq!(decode(&encode(&records).unwrap()).unwrap(), records);
        }

        #[test]
        fn damaged_bytes_never_panic(record in any_record(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let mut bytes = encode(&[record]).unwrap();
            let at = at.index(bytes.len().max(1));
            if let Some(byte) = bytes.get_mut(at) { *byte = with; }
            for bytes in [&bytes[..], &bytes[..at]] {
                // What is read is what the declared messages say, written again.
                if let Ok(records) = decode(bytes) {
                    let declared = RecordSet { records: records.iter().map(RecordMessage::from).collect() };
                    prop_assert_eq!(RecordSet::decode(bytes).unwrap(), declared);
                }
            }
        }
    }

    #[test]
    fn a_field_of_another_kind_is_refused() {
        let message = RecordMessage {
            kind: Kind::Flow.number(),
            fields: vec![FieldMessage { number: 101, value: Some((&Value::Mac(Mac([0; 6]))).into()) }],
        };
        assert_eq!(
            decode_one(&message.encode_to_vec()),
            Err(Error::ForeignField { field: Field::DeviceMac, kind: Kind::Flow })
        );
    }

    #[test]
    fn a_repeated_field_is_refused() {
        let field = FieldMessage { number: 102, value: Some((&Value::Number(1)).into()) };
        let message = RecordMessage { kind: 1, fields: vec![field.clone(), field] };
        assert_eq!(decode_one(&message.encode_to_vec()), Err(Error::Order(Field::DeviceVlan)));
    }
}
