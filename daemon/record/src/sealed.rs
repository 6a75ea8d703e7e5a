//! A sealed batch: what is on the wire and on a carried medium, the same bytes.
//!
//! A batch is sealed to the organisation's public key with HPKE (RFC 9180) in base mode, so that whatever lies between the store
//! and the receiver holds ciphertext. This module fixes the envelope, what is bound to the ciphertext, and how a key is named
//! and written; sealing is the store's and opening the receiver's. Version 1 is the suite DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, AES-256-GCM.
//!
//! Base mode does not say who sealed. That is what mutual TLS says on the wire, and the manifest's signature on a medium
//! ([`crate::bundle`]).

use std::fmt;

use bytes::{Buf, Bytes};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::batch::{BatchId, MAX_BATCH_BYTES, check_appliance};

/// The version of the envelope, and so the suite.
pub const VERSION: u32 = 1;
/// What the envelope adds to a batch at most: its parts, their keys and lengths, and the tag.
pub const MAX_OVERHEAD: usize = 256;
/// Largest sealed batch, in octets.
pub const MAX_SEALED_BYTES: usize = MAX_BATCH_BYTES + MAX_OVERHEAD;
/// `info` of RFC 9180, 5.1.
pub const INFO: &[u8] = b"headgate sealed batch v1";
/// An X25519 public key in DER (SubjectPublicKeyInfo, RFC 8410, 4) is this and its 32 octets.
pub const PUBLIC_KEY_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];
/// An X25519 private key in DER (PKCS #8, RFC 8410, 7) is this and its 32 octets.
pub const PRIVATE_KEY_DER: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];
const KEY_DOMAIN: &[u8] = b"headgate seal key v1\0";

/// Which of an organisation's keys: the first 8 octets of SHA-256 over a domain separator and the public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The name of an X25519 public key.
    #[must_use]
    pub fn of(public_key: &[u8; 32]) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] =
            Sha256::new().chain_update(KEY_DOMAIN).chain_update(public_key).finalize().into();
        KeyId([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// A sealed batch, its ciphertext still closed: in octets of its own, or in those that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed<C = Vec<u8>> {
    /// To which key.
    pub key: KeyId,
    /// Which batch. Nobody vouches for it before the ciphertext has opened.
    pub id: BatchId,
    /// `enc` of RFC 9180: an X25519 public key.
    pub encapsulated: [u8; 32],
    /// [`crate::batch::Batch::encode`], encrypted, and the tag.
    pub ciphertext: C,
}

impl Sealed {
    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        SealedMessage {
            version: VERSION,
            key: self.key.0.to_vec(),
            appliance: self.id.appliance.clone(),
            epoch: self.id.epoch,
            sequence: self.id.sequence,
            encapsulated: self.encapsulated.to_vec(),
            ciphertext: Bytes::copy_from_slice(&self.ciphertext),
        }
        .encode_to_vec()
    }

    /// Reads an envelope from an untrusted peer or medium.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Sealed, Error> {
        let Sealed { key, id, encapsulated, ciphertext } = read(bytes)?;
        Ok(Sealed { key, id, encapsulated, ciphertext: ciphertext.into() })
    }
}

impl Sealed<Bytes> {
    /// As [`Sealed::decode`], and copies no ciphertext: it holds all of `bytes`.
    ///
    /// # Errors
    /// Those of [`Sealed::decode`].
    pub fn decode_shared(bytes: Bytes) -> Result<Sealed<Bytes>, Error> {
        read(bytes)
    }
}

fn read(bytes: impl Buf) -> Result<Sealed<Bytes>, Error> {
    if bytes.remaining() > MAX_SEALED_BYTES {
        return Err(Error::Limit { what: "sealed batch", limit: MAX_SEALED_BYTES });
    }
    let malformed = |_| Error::Encoding("sealed batch");
    let message = SealedMessage::decode(bytes).map_err(|_| Error::Encoding("sealed batch"))?;
    // A batch that was not sealed has a version of its own in this place, and no key behind it.
    if message.version != VERSION {
        return Err(Error::Version { message: "sealed batch", found: message.version, expected: VERSION });
    }
    check_appliance(&message.appliance)?;
    if message.sequence == 0 {
        return Err(Error::Missing { message: "sealed batch", part: "sequence" });
    }
    Ok(Sealed {
        key: KeyId(message.key.as_slice().try_into().map_err(malformed)?),
        id: BatchId { appliance: message.appliance, epoch: message.epoch, sequence: message.sequence },
        encapsulated: message.encapsulated.as_slice().try_into().map_err(malformed)?,
        ciphertext: message.ciphertext,
    })
}

/// What is bound to the ciphertext (`aad` of RFC 9180): the key, and which batch it is said to be. Every part is at fixed width or
/// length-prefixed; integers are big-endian.
#[must_use]
pub fn associated_data(key: KeyId, id: &BatchId) -> Vec<u8> {
    let mut bytes = key.0.to_vec();
    bytes.push(u8::try_from(id.appliance.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(id.appliance.as_bytes());
    bytes.extend_from_slice(&id.epoch.to_be_bytes());
    bytes.extend_from_slice(&id.sequence.to_be_bytes());
    bytes
}

/// The public key in DER (SubjectPublicKeyInfo, RFC 8410).
#[must_use]
pub fn public_key(der: &[u8]) -> Option<[u8; 32]> {
    der.strip_prefix(&PUBLIC_KEY_DER)?.try_into().ok()
}

#[derive(Clone, PartialEq, Message)]
struct SealedMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    appliance: String,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    sequence: u64,
    #[prost(bytes = "vec", tag = "5")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    encapsulated: Vec<u8>,
    #[prost(bytes = "bytes", tag = "15")]
    ciphertext: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sealed {
        let id = BatchId { appliance: "site-1".into(), epoch: 7, sequence: 3 };
        Sealed { key: KeyId([1; 8]), id, encapsulated: [2; 32], ciphertext: vec![3; 40] }
    }

    #[test]
    fn an_envelope_survives_its_encoding_and_is_refused_when_it_is_cut() {
        let bytes = sample().encode();
        assert_eq!(Sealed::decode(&bytes), Ok(sample()));
        // Behind its ciphertext nothing is missing that an envelope could do without; what is missing of that, its tag says.
        for cut in 0..bytes.len() - 42 {
            assert!(Sealed::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_batch_that_is_not_sealed_is_no_envelope() {
        let batch = crate::batch::Batch {
            id: sample().id,
            rules: [9; 32],
            regions: Vec::new(),
            profile: String::new(),
            records: Vec::new(),
            withheld: Vec::new(),
            lost: Vec::new(),
            forget: Vec::new(),
            replaces: Vec::new(),
        };
        assert!(Sealed::decode(&batch.encode().unwrap()).is_err());
    }

    #[test]
    fn every_part_of_the_envelope_is_bound() {
        let base = sample();
        let bound = |key, appliance: &str, epoch, sequence| {
            associated_data(key, &BatchId { appliance: appliance.into(), epoch, sequence })
        };
        let all = [
            associated_data(base.key, &base.id),
            bound(KeyId([2; 8]), "site-1", 7, 3),
            bound(base.key, "site-2", 7, 3),
            bound(base.key, "site-1", 8, 3),
            bound(base.key, "site-1", 7, 4),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn the_largest_overhead_is_within_its_bound() {
        let id = BatchId { appliance: "x".repeat(64), epoch: u64::MAX, sequence: u64::MAX };
        let ciphertext = vec![0; MAX_BATCH_BYTES + 16];
        let largest = Sealed { id, ciphertext, ..sample() }.encode();
        assert!(largest.len() <= MAX_SEALED_BYTES, "{}", largest.len() - MAX_BATCH_BYTES);
    }
}
