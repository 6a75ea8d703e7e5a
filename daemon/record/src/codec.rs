//! Records as bytes: protobuf, read strictly.
//!
//! The same encoding is used on the local sockets, inside sealed segments and in batch bodies.
//! Decoding checks everything that [`Record::set`] checks, so bytes from an untrusted peer become
//! either a valid record or an [`Error`].

use std::net::IpAddr;

use prost::Message;

use crate::{Error, Record, Value, decode};

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
    Ok(RecordSet { records: records.iter().map(RecordMessage::from).collect() }.encode_to_vec())
}

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

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecordSet {
    #[prost(message, repeated, tag = "1")]
    records: Vec<RecordMessage>,
}

/// A record on the wire.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecordMessage {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(message, repeated, tag = "2")]
    fields: Vec<FieldMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldMessage {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(message, optional, tag = "2")]
    value: Option<ValueMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueMessage {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Body {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(uint64, tag = "2")]
    Number(u64),
    #[prost(uint64, tag = "3")]
    Time(u64),
    #[prost(string, tag = "4")]
    Text(String),
    #[prost(bytes, tag = "5")]
    Bytes(Vec<u8>),
    #[prost(bytes, tag = "6")]
    Mac(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Address(Vec<u8>),
    /// Prefix length, then the address.
    #[prost(bytes, tag = "8")]
    Prefix(Vec<u8>),
    #[prost(bytes, tag = "9")]
    Pseudonym(Vec<u8>),
    #[prost(message, tag = "10")]
    List(ListMessage),
}

#[derive(Clone, PartialEq, Message)]
struct ListMessage {
    #[prost(message, repeated, tag = "1")]
    items: Vec<ValueMessage>,
}

impl From<&Record> for RecordMessage {
    fn from(record: &Record) -> Self {
        let fields = record.fields().map(|(field, value)| FieldMessage {
            number: field.definition().number.into(),
            value: Some(value.into()),
        });
        RecordMessage { kind: record.kind().number(), fields: fields.collect() }
    }
}

impl From<&Value> for ValueMessage {
    fn from(value: &Value) -> Self {
        let body = match value {
            Value::Bool(v) => Body::Bool(*v),
            Value::Number(v) => Body::Number(*v),
            Value::Time(v) => Body::Time(*v),
            Value::Text(v) => Body::Text(v.to_string()),
            Value::Bytes(v) => Body::Bytes(v.clone()),
            Value::Mac(v) => Body::Mac(v.0.to_vec()),
            Value::Address(v) => Body::Address(octets(*v)),
            Value::Prefix(v, length) => {
                let mut bytes = vec![*length];
                bytes.extend(octets(*v));
                Body::Prefix(bytes)
            }
            Value::Pseudonym(v) => Body::Pseudonym(v.to_vec()),
            Value::List(items) => {
                Body::List(ListMessage { items: items.iter().map(ValueMessage::from).collect() })
            }
        };
        ValueMessage { body: Some(body) }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v) => v.octets().to_vec(),
        IpAddr::V6(v) => v.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Kind, Mac};
    use proptest::prelude::*;

    fn any_value(value_type: crate::ValueType) -> BoxedStrategy<Value> {
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

    fn any_record() -> impl Strategy<Value = Record> {
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
            decode::record(&message.encode_to_vec()),
            Err(Error::ForeignField { field: Field::DeviceMac, kind: Kind::Flow })
        );
    }

    #[test]
    fn a_repeated_field_is_refused() {
        let field = FieldMessage { number: 102, value: Some((&Value::Number(1)).into()) };
        let message = RecordMessage { kind: 1, fields: vec![field.clone(), field] };
        assert_eq!(decode::record(&message.encode_to_vec()), Err(Error::Order(Field::DeviceVlan)));
    }
}
