//! What an encoded set is declared as in protobuf: tests hold writing and reading to it.

use std::net::IpAddr;

use prost::Message;

use crate::{Record, Value};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecordSet {
    #[prost(message, repeated, tag = "1")]
    pub(crate) records: Vec<RecordMessage>,
}

/// A record on the wire.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecordMessage {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(message, repeated, tag = "2")]
    pub(crate) fields: Vec<FieldMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FieldMessage {
    #[prost(uint32, tag = "1")]
    pub(crate) number: u32,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<ValueMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueMessage {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Body {
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
pub(crate) struct ListMessage {
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
