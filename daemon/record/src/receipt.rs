//! A receipt: the receiver's signed word that a batch is stored.
//!
//! A store deletes nothing from its outbox without one. This module fixes the signed bytes and the
//! encoding; signing and verifying (Ed25519, RFC 8032) are the receiver's and the store's.

use prost::Message;

use crate::Error;
use crate::batch::{BatchId, check_appliance};
use crate::request::MAX_REQUEST_BYTES;

/// The newest version of the receipt format: that of a receipt which carries a request. One which says what was forgotten is of
/// version 2, all others are of version 1.
pub const VERSION: u32 = 3;
const FORGETFUL: u32 = 2;
const PLAIN: u32 = 1;
/// Largest encoded receipt, in octets.
pub const MAX_RECEIPT_BYTES: usize = 1_024;
const DOMAIN: &[u8] = b"headgate receipt v1\0";
const DOMAIN_FORGOTTEN: &[u8] = b"headgate receipt v2\0";
const DOMAIN_REQUEST: &[u8] = b"headgate receipt v3\0";

/// What the receiver states about one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which batch.
    pub id: BatchId,
    /// [`crate::batch::digest`] of the bytes that were stored.
    pub digest: [u8; 32],
    /// How many records it held.
    pub records: u32,
    /// The receiver's clock when the batch was stored, milliseconds since 1970. Information only:
    /// nothing is decided by it.
    pub stored_ms: u64,
    /// What was forgotten as the batch asks; stated for a batch with a tombstone and for no other.
    pub forgotten: Option<Forgotten>,
    /// What the site is asked for, encoded ([`crate::request::Request`]): empty for nothing, else at most
    /// [`crate::request::MAX_REQUEST_BYTES`].
    pub request: Vec<u8>,
}

/// That a tombstone was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// How many values of it: all.
    pub values: u32,
    /// How many records held one of them and are deleted.
    pub records: u64,
}

/// A statement and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What is stated.
    pub statement: Statement,
    /// Ed25519 signature of [`Statement::signed_bytes`].
    pub signature: [u8; 64],
}

impl Statement {
    /// The bytes that are signed: a domain separator, then every part at fixed width or length-prefixed.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let domain = match (self.request.is_empty(), self.forgotten) {
            (false, _) => DOMAIN_REQUEST,
            (true, Some(_)) => DOMAIN_FORGOTTEN,
            (true, None) => DOMAIN,
        };
        let mut bytes = domain.to_vec();
        bytes.push(u8::try_from(self.id.appliance.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(self.id.appliance.as_bytes());
        bytes.extend_from_slice(&self.id.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.id.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(&self.records.to_be_bytes());
        bytes.extend_from_slice(&self.stored_ms.to_be_bytes());
        let forgotten = match (self.request.is_empty(), self.forgotten) {
            (true, forgotten) => forgotten,
            (false, forgotten) => Some(forgotten.unwrap_or(Forgotten { values: 0, records: 0 })),
        };
        if let Some(Forgotten { values, records }) = forgotten {
            bytes.extend_from_slice(&values.to_be_bytes());
            bytes.extend_from_slice(&records.to_be_bytes());
        }
        bytes.extend_from_slice(&self.request);
        bytes
    }
}

impl Receipt {
    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let forgotten = self.statement.forgotten;
        ReceiptMessage {
            version: match (self.statement.request.is_empty(), forgotten) {
                (false, _) => VERSION,
                (true, Some(_)) => FORGETFUL,
                (true, None) => PLAIN,
            },
            appliance: self.statement.id.appliance.clone(),
            epoch: self.statement.id.epoch,
            sequence: self.statement.id.sequence,
            digest: self.statement.digest.to_vec(),
            records: self.statement.records,
            stored_ms: self.statement.stored_ms,
            signature: self.signature.to_vec(),
            forgotten_values: forgotten.map_or(0, |f| f.values),
            forgotten_records: forgotten.map_or(0, |f| f.records),
            request: self.statement.request.clone(),
        }
        .encode_to_vec()
    }

    /// Reads a receipt from an untrusted peer; the signature is not yet verified.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Receipt, Error> {
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(Error::Limit { what: "receipt", limit: MAX_RECEIPT_BYTES });
        }
        let message = ReceiptMessage::decode(bytes).map_err(|_| Error::Encoding("receipt"))?;
        let said = Forgotten { values: message.forgotten_values, records: message.forgotten_records };
        let (forgotten, request) = match message.version {
            PLAIN => (None, Vec::new()),
            FORGETFUL => (Some(said), Vec::new()),
            // Of a batch that asks to forget nothing, nothing was forgotten.
            VERSION => ((said.values > 0).then_some(said), message.request),
            found => return Err(Error::Version { message: "receipt", found, expected: VERSION }),
        };
        if message.version == VERSION && request.is_empty() {
            return Err(Error::Missing { message: "receipt", part: "request" });
        }
        if request.len() > MAX_REQUEST_BYTES {
            return Err(Error::Limit { what: "request", limit: MAX_REQUEST_BYTES });
        }
        check_appliance(&message.appliance)?;
        Ok(Receipt {
            statement: Statement {
                id: BatchId {
                    appliance: message.appliance,
                    epoch: message.epoch,
                    sequence: message.sequence,
                },
                digest: message.digest.as_slice().try_into().map_err(|_| Error::Encoding("digest"))?,
                records: message.records,
                stored_ms: message.stored_ms,
                forgotten,
                request,
            },
            signature: message.signature.as_slice().try_into().map_err(|_| Error::Encoding("signature"))?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct ReceiptMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    appliance: String,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    sequence: u64,
    #[prost(bytes = "vec", tag = "5")]
    digest: Vec<u8>,
    #[prost(uint32, tag = "6")]
    records: u32,
    #[prost(uint64, tag = "7")]
    stored_ms: u64,
    #[prost(bytes = "vec", tag = "8")]
    signature: Vec<u8>,
    #[prost(uint32, tag = "9")]
    forgotten_values: u32,
    #[prost(uint64, tag = "10")]
    forgotten_records: u64,
    #[prost(bytes = "vec", tag = "11")]
    request: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Receipt {
        let id = BatchId { appliance: "site-1".into(), epoch: 7, sequence: 3 };
        let statement =
            Statement { id, digest: [1; 32], records: 5, stored_ms: 9, forgotten: None, request: Vec::new() };
        Receipt { statement, signature: [2; 64] }
    }

    #[test]
    fn a_receipt_survives_its_encoding() {
        assert_eq!(Receipt::decode(&sample().encode()), Ok(sample()));
        let mut forgetful = sample();
        forgetful.statement.forgotten = Some(Forgotten { values: 3, records: 12 });
        assert_eq!(Receipt::decode(&forgetful.encode()), Ok(forgetful.clone()));
        for mut asking in [sample(), forgetful] {
            asking.statement.request = vec![5; MAX_REQUEST_BYTES];
            asking.statement.id.appliance = "x".repeat(64);
            assert!(asking.encode().len() <= MAX_RECEIPT_BYTES);
            assert_eq!(Receipt::decode(&asking.encode()), Ok(asking));
        }
        let mut large = sample();
        large.statement.request = vec![5; MAX_REQUEST_BYTES + 1];
        assert!(Receipt::decode(&large.encode()).is_err());
    }

    #[test]
    fn every_part_of_the_statement_is_signed() {
        let base = sample().statement;
        let mut changed = Vec::new();
        for part in 0..11 {
            let mut s = base.clone();
            match part {
                0 => s.id.appliance.push('x'),
                1 => s.id.epoch += 1,
                2 => s.id.sequence += 1,
                3 => s.digest[31] ^= 1,
                4 => s.records += 1,
                5 => s.stored_ms += 1,
                6 => s.forgotten = Some(Forgotten { values: 0, records: 0 }),
                7 => s.forgotten = Some(Forgotten { values: 1, records: 0 }),
                8 => s.forgotten = Some(Forgotten { values: 0, records: 1 }),
                9 => s.request = vec![0],
                _ => s.request = vec![0, 0],
            }
            changed.push(s.signed_bytes());
        }
        changed.push(base.signed_bytes());
        let different: std::collections::HashSet<_> = changed.iter().collect();
        assert_eq!(different.len(), changed.len());
    }
}
