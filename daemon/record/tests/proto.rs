//! `docs/headgate.proto` is what the programs write: every field of it, and no other.
// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::net::IpAddr;

use headgate_record::batch::{Batch, BatchId, Lost, Withheld};
use headgate_record::bundle::{Carried, Manifest, MediumId, Receipts, Signed};
use headgate_record::enrolment::{EnrollRequest, SealedSecret, Secret, Token};
use headgate_record::receipt::{Forgotten, Receipt, Statement};
use headgate_record::request::{Ask, Request, RequestId};
use headgate_record::sealed::{KeyId, Sealed};
use headgate_record::{Class, Field, Kind, Mac, Record, Value, ValueType, codec};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind as Form, ReflectMessage, Value as Said};

/// Which fields of which messages were met.
#[derive(Default)]
struct Met(BTreeSet<(String, String)>);

impl Met {
    /// Reads octets of ours as the file declares them, and writes them again.
    fn read(&mut self, pool: &DescriptorPool, name: &str, octets: &[u8]) -> DynamicMessage {
        let descriptor = pool.get_message_by_name(&format!("headgate.{name}")).unwrap();
        let message = DynamicMessage::decode(descriptor, octets).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            message.encode_to_vec(),
            octets,
            "{name}: another implementation writes it in the same way"
        );
        self.look(&message);
        message
    }

    fn look(&mut self, message: &DynamicMessage) {
        let name = message.descriptor().name().to_owned();
        assert_eq!(message.unknown_fields().count(), 0, "{name} has a field that the file does not declare");
        for (field, value) in message.fields() {
            self.0.insert((name.clone(), field.name().to_owned()));
            // Of a wire type these are all that is used, so that a number, yes or no, text and octets are told apart.
            let is_used = matches!(
                field.kind(),
                Form::Bool | Form::Uint32 | Form::Uint64 | Form::String | Form::Bytes | Form::Message(_)
            );
            assert!(is_used, "{name}.{} is declared as {:?}", field.name(), field.kind());
            match value {
                // No octets of the samples are text; words are of every type.
                Said::Bytes(octets) => {
                    assert!(std::str::from_utf8(octets).is_err(), "{name}.{} is text", field.name());
                }
                Said::Message(inner) => self.look(inner),
                Said::List(items) if matches!(field.kind(), Form::Message(_)) => {
                    items.iter().for_each(|item| self.look(item.as_message().unwrap()));
                }
                _ => {}
            }
        }
    }
}

fn pool() -> DescriptorPool {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let compiled = protox::compile(["headgate.proto"], [docs]).unwrap();
    DescriptorPool::decode(compiled.encode_to_vec().as_slice()).unwrap()
}

/// A record of every kind with all of its fields.
fn records() -> Vec<Record> {
    let address: IpAddr = "2001:db8::7".parse().unwrap();
    let of = |field: Field| match field.definition().value_type {
        ValueType::Bool => Value::Bool(true),
        ValueType::Number => Value::Number(7),
        ValueType::Time => Value::Time(1_700_000_000_000_000_000),
        ValueType::Text => Value::Text("text".into()),
        ValueType::Bytes => Value::Bytes(vec![0xff, 2]),
        ValueType::Mac => Value::Mac(Mac([0, 1, 2, 3, 4, 0xff])),
        ValueType::Address => Value::Address(address),
        ValueType::Texts => Value::List(vec![Value::Text("one".into()), Value::Text("two".into())]),
        ValueType::Numbers => Value::List(vec![Value::Number(3)]),
        ValueType::Addresses => Value::List(vec![Value::Address(address)]),
    };
    let full = Kind::ALL.map(|kind| {
        let mut record = Record::new(kind);
        for field in Field::of(kind) {
            record.set(field, of(field)).unwrap();
        }
        record
    });
    // And the two forms that gates make of values.
    let mut minimised = Record::new(Kind::Device);
    minimised.set(Field::DeviceMac, Value::Pseudonym([0xff; 16])).unwrap();
    minimised.set(Field::DeviceAddresses, Value::List(vec![Value::Prefix(address, 48)])).unwrap();
    full.into_iter().chain([minimised]).collect()
}

#[test]
fn the_published_file_is_what_the_programs_write() {
    let (pool, mut met) = (pool(), Met::default());
    let id = BatchId { appliance: "site-1".into(), epoch: 7, sequence: 3 };
    let batch = Batch {
        id: id.clone(),
        rules: [0xff; 32],
        regions: vec!["eu".into()],
        profile: "pseudonymous".into(),
        records: records(),
        withheld: vec![Withheld { kind: Kind::Device, reason: "randomised-mac".into(), records: 3 }],
        lost: vec![Lost { class: Class::Account, reason: "buffer-full".into(), records: 2 }],
        forget: vec!["3f2a".into()],
        replaces: vec![[0xff; 32]],
    };
    let said = met.read(&pool, "Batch", &batch.encode().unwrap());
    let body = said.get_field_by_name("body").unwrap();
    let columns = zstd::bulk::decompress(body.as_bytes().unwrap(), 1 << 22).unwrap();
    met.read(&pool, "Columns", &columns);
    met.read(&pool, "RecordSet", &codec::encode(&records()).unwrap());

    let key = KeyId([0xff; 8]);
    let sealed = Sealed { key, id: id.clone(), encapsulated: [0xff; 32], ciphertext: vec![0xff; 40] };
    met.read(&pool, "SealedBatch", &sealed.encode());
    let forgotten = Some(Forgotten { values: 3, records: 12 });
    let statement =
        Statement { id, digest: [0xff; 32], records: 5, stored_ms: 9, forgotten, request: vec![0xee; 5] };
    let receipt = Receipt { statement, signature: [0xff; 64] }.encode();
    met.read(&pool, "Receipt", &receipt);
    let medium = MediumId([0xff; 8]);
    let request = Request {
        id: RequestId([0xff; 8]),
        ask: Ask::Capture,
        expires: 9,
        why: "calls drop".into(),
        minutes: 5,
        content: "vlans = [7]".into(),
    };
    met.read(&pool, "Request", &request.encode());
    let enroll = EnrollRequest { id: vec![0xff; 16], secret: vec![0xff; 32], request: "PEM".into() };
    met.read(&pool, "EnrollRequest", &prost::Message::encode_to_vec(&enroll));
    let sealed = SealedSecret {
        appliance: "site-1".into(),
        generation: 5,
        encapsulated: [0xff; 32],
        ciphertext: vec![0xff; 48],
    };
    met.read(&pool, "SealedSecret", &sealed.encode());
    let token = Token {
        address: "collector.example:8444".into(),
        authority: [0xff; 32],
        appliance: "site-1".into(),
        region: "eu".into(),
        expires: 9,
        id: [0xff; 16],
        secret: zeroize::Zeroizing::new([0xff; 32]),
    };
    // Prefix, message, check of four octets.
    let text = token.to_text();
    let digits = &text[4..text.len() - 8];
    let octets: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
    met.read(&pool, "Token", &octets);
    let manifest = Manifest {
        medium,
        appliance: "site-1".into(),
        epoch: 7,
        key,
        regions: vec!["eu".into()],
        made_ms: 5,
        batches: vec![Carried { sequence: 3, octets: 100, digest: [0xff; 32] }],
    }
    .encode();
    met.read(&pool, "Manifest", &manifest);
    let proof = Secret::new(u64::MAX, &[0xff; 32]).map(|secret| secret.prove_medium(&manifest));
    let (certificates, signature) = (vec![vec![0xff]], vec![0xff; 70]);
    let signed = Signed { manifest, certificates, scheme: 0x0403, signature, proof };
    met.read(&pool, "SignedManifest", &signed.encode());
    met.read(&pool, "Receipts", &Receipts { medium, receipts: vec![receipt] }.encode());

    let declared: BTreeSet<(String, String)> = pool
        .all_messages()
        .flat_map(|m| m.fields().map(|f| (m.name().to_owned(), f.name().to_owned())).collect::<Vec<_>>())
        .collect();
    let never: Vec<_> = declared.difference(&met.0).collect();
    assert!(never.is_empty(), "declared, and never written: {never:?}");
}
