//! Full outboxes: batches of an office's records, sealed to the organisation's key, with their digests.

use std::path::Path;

use bytes::Bytes;
use ed25519_dalek::pkcs8::spki::der::Document;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeS, Serializable};

use headgate_record::batch::{Batch, BatchId, digest};
use headgate_record::sealed::{INFO, KeyId, Sealed, associated_data, public_key};

use crate::office::Office;

pub struct Outbox {
    pub appliance: String,
    pub batches: Vec<Waiting>,
}

pub struct Waiting {
    pub id: BatchId,
    pub digest: [u8; 32],
    pub records: usize,
    pub sealed: Bytes,
}

/// Outboxes of so many appliances, each with so many batches of so many records. Contents come again after 64 batches: what is the
/// same in two batches is not the same sealed.
pub fn outboxes(
    directory: &Path,
    first: usize,
    appliances: usize,
    batches: usize,
    records: usize,
) -> Vec<Outbox> {
    let pem = std::fs::read_to_string(directory.join("seal.pub")).unwrap();
    let (_, der) = Document::from_pem(&pem).unwrap();
    let public = public_key(der.as_bytes()).unwrap();
    let mut office = Office::new();
    let contents: Vec<Vec<_>> =
        (0..64.min(appliances * batches)).map(|_| office.by_ref().take(records).collect()).collect();
    let mut contents = contents.iter().cycle();
    (first..first + appliances)
        .map(|n| {
            let appliance = format!("site-{n:05}");
            let waiting = (1..=batches).map(|sequence| {
                let id = BatchId {
                    appliance: appliance.clone(),
                    epoch: 7,
                    sequence: u64::try_from(sequence).unwrap(),
                };
                sealed(&public, id, contents.next().unwrap().clone())
            });
            Outbox { batches: waiting.collect(), appliance: appliance.clone() }
        })
        .collect()
}

fn sealed(public: &[u8; 32], id: BatchId, records: Vec<headgate_record::Record>) -> Waiting {
    let batch = Batch {
        id: id.clone(),
        rules: [1; 32],
        regions: Vec::new(),
        profile: "pseudonymous".into(),
        withheld: Vec::new(),
        lost: Vec::new(),
        forget: Vec::new(),
        replaces: Vec::new(),
        records,
    };
    let bytes = batch.encode().unwrap();
    let key = KeyId::of(public);
    let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &Deserializable::from_bytes(public).unwrap(),
        INFO,
        &bytes,
        &associated_data(key, &id),
    )
    .unwrap();
    let sealed =
        Sealed { key, id: id.clone(), encapsulated: encapsulated.to_bytes().into(), ciphertext }.encode();
    Waiting { id, digest: digest(&bytes), records: batch.records.len(), sealed: sealed.into() }
}
