//! A bundle: batches on a carried medium, and the receipts that come back.
//!
//! A bundle is a folder with a file [`MANIFEST`] and one file for each batch, named by its sequence ([`batch_file`]), which is the
//! bytes that the wire would carry ([`crate::sealed`]). The manifest says what belongs to it and is signed with the key of the
//! appliance's certificate, so that all of it is verified before any of it is used. This module fixes names, encoding and the
//! signed bytes; signing is the uplink's, verifying the receiver's.

use prost::Message;

use crate::Error;
use crate::batch::{check_appliance, check_regions};
use crate::enrolment::Proof;
use crate::receipt::MAX_RECEIPT_BYTES;
use crate::sealed::{KeyId, MAX_SEALED_BYTES};

/// The version of the manifest and of the set of receipts.
pub const VERSION: u32 = 1;
/// Name of the manifest's file.
pub const MANIFEST: &str = "manifest";
/// Name of the file of receipts that an import leaves beside it.
pub const RECEIPTS: &str = "receipts";
/// Most batches of one bundle: a folder of FAT32 holds their names.
pub const MAX_BATCHES: usize = 10_000;
/// Largest manifest, in octets, with its certificates and signature.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;
/// Largest file of receipts, in octets.
pub const MAX_RECEIPTS_BYTES: usize = 4 << 20;
/// Most certificates beside a manifest.
pub const MAX_CERTIFICATES: usize = 16;
const DOMAIN: &[u8] = b"headgate bundle v1\0";

/// Which medium: drawn at random for each bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediumId(pub [u8; 8]);

impl std::fmt::Display for MediumId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl std::str::FromStr for MediumId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = Error::Encoding("medium: 16 hexadecimal digits");
        if text.len() != 16 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        u64::from_str_radix(text, 16).map(|number| MediumId(number.to_be_bytes())).map_err(|_| wrong)
    }
}

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which medium.
    pub medium: MediumId,
    /// Whose batches.
    pub appliance: String,
    /// Of which life of its database.
    pub epoch: u64,
    /// To which key they are sealed.
    pub key: KeyId,
    /// The regions in which they may be stored; none: the site does not say.
    pub regions: Vec<String>,
    /// When the bundle was made, by the appliance's clock, milliseconds since 1970. Information only.
    pub made_ms: u64,
    /// The batches, in ascending sequence, at least one and at most [`MAX_BATCHES`].
    pub batches: Vec<Carried>,
}

/// A batch of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its sequence.
    pub sequence: u64,
    /// Length of its file, octets, at most [`MAX_SEALED_BYTES`].
    pub octets: u32,
    /// SHA-256 of its file.
    pub digest: [u8; 32],
}

/// A manifest as it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// [`Manifest::encode`].
    pub manifest: Vec<u8>,
    /// The appliance's certificate and those between it and the authority, DER.
    pub certificates: Vec<Vec<u8>>,
    /// `SignatureScheme` of TLS (RFC 8446, 4.2.3).
    pub scheme: u16,
    /// Signature of [`signed_bytes`] with the key of the first certificate.
    pub signature: Vec<u8>,
    /// That whoever made it has the appliance's secret, too; none from an appliance without one, or of before.
    pub proof: Option<Proof>,
}

/// The file of a batch.
#[must_use]
pub fn batch_file(sequence: u64) -> String {
    format!("{sequence:016x}.batch")
}

/// The bytes that are signed.
#[must_use]
pub fn signed_bytes(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN, manifest].concat()
}

impl Manifest {
    /// The bytes that are signed and travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let batches = self.batches.iter().map(|batch| CarriedMessage {
            sequence: batch.sequence,
            octets: batch.octets,
            digest: batch.digest.to_vec(),
        });
        ManifestMessage {
            version: VERSION,
            medium: self.medium.0.to_vec(),
            appliance: self.appliance.clone(),
            epoch: self.epoch,
            key: self.key.0.to_vec(),
            regions: self.regions.clone(),
            made_ms: self.made_ms,
            batches: batches.collect(),
        }
        .encode_to_vec()
    }

    /// Reads a manifest, whose signature should have been verified before.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, Error> {
        let malformed = |_| Error::Encoding("manifest");
        let message = ManifestMessage::decode(bytes).map_err(|_| Error::Encoding("manifest"))?;
        check_version("manifest", message.version)?;
        check_appliance(&message.appliance)?;
        check_regions(&message.regions)?;
        if message.batches.is_empty() {
            return Err(Error::Missing { message: "manifest", part: "batches" });
        }
        if message.batches.len() > MAX_BATCHES {
            return Err(Error::Limit { what: "batches of a bundle", limit: MAX_BATCHES });
        }
        let mut last = 0;
        let mut batches = Vec::with_capacity(message.batches.len());
        for CarriedMessage { sequence, octets, digest } in message.batches {
            if sequence <= last {
                return Err(Error::Contradiction("order of the batches"));
            }
            if usize::try_from(octets).map_or(true, |octets| octets > MAX_SEALED_BYTES) {
                return Err(Error::Limit { what: "sealed batch", limit: MAX_SEALED_BYTES });
            }
            last = sequence;
            let digest = digest.as_slice().try_into().map_err(malformed)?;
            batches.push(Carried { sequence, octets, digest });
        }
        Ok(Manifest {
            medium: MediumId(message.medium.as_slice().try_into().map_err(malformed)?),
            appliance: message.appliance,
            epoch: message.epoch,
            key: KeyId(message.key.as_slice().try_into().map_err(malformed)?),
            regions: message.regions,
            made_ms: message.made_ms,
            batches,
        })
    }
}

impl Signed {
    /// The content of the file [`MANIFEST`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        SignedMessage {
            manifest: self.manifest.clone(),
            certificates: self.certificates.clone(),
            scheme: self.scheme.into(),
            signature: self.signature.clone(),
            proof: self.proof.as_ref().map(Proof::to_string).unwrap_or_default(),
        }
        .encode_to_vec()
    }

    /// Reads the file from an untrusted medium; nothing of it is verified.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Signed, Error> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(Error::Limit { what: "manifest", limit: MAX_MANIFEST_BYTES });
        }
        let message = SignedMessage::decode(bytes).map_err(|_| Error::Encoding("manifest"))?;
        if message.certificates.len() > MAX_CERTIFICATES {
            return Err(Error::Limit { what: "certificates of a manifest", limit: MAX_CERTIFICATES });
        }
        Ok(Signed {
            manifest: message.manifest,
            certificates: message.certificates,
            scheme: u16::try_from(message.scheme).map_err(|_| Error::Encoding("signature scheme"))?,
            signature: message.signature,
            proof: if message.proof.is_empty() { None } else { Some(message.proof.parse()?) },
        })
    }
}

/// Receipts for the batches of a medium, each signed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipts {
    /// Which medium.
    pub medium: MediumId,
    /// Each [`crate::receipt::Receipt::encode`], at most [`MAX_BATCHES`].
    pub receipts: Vec<Vec<u8>>,
}

impl Receipts {
    /// The content of the file [`RECEIPTS`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        ReceiptsMessage { version: VERSION, medium: self.medium.0.to_vec(), receipts: self.receipts.clone() }
            .encode_to_vec()
    }

    /// Reads the file from an untrusted medium; no receipt is read yet.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Receipts, Error> {
        if bytes.len() > MAX_RECEIPTS_BYTES {
            return Err(Error::Limit { what: "receipts", limit: MAX_RECEIPTS_BYTES });
        }
        let message = ReceiptsMessage::decode(bytes).map_err(|_| Error::Encoding("receipts"))?;
        check_version("receipts", message.version)?;
        if message.receipts.is_empty() {
            return Err(Error::Missing { message: "receipts", part: "receipts" });
        }
        if message.receipts.len() > MAX_BATCHES {
            return Err(Error::Limit { what: "receipts of a bundle", limit: MAX_BATCHES });
        }
        if message.receipts.iter().any(|receipt| receipt.len() > MAX_RECEIPT_BYTES) {
            return Err(Error::Limit { what: "receipt", limit: MAX_RECEIPT_BYTES });
        }
        let medium = MediumId(message.medium.as_slice().try_into().map_err(|_| Error::Encoding("receipts"))?);
        Ok(Receipts { medium, receipts: message.receipts })
    }
}

fn check_version(message: &'static str, found: u32) -> Result<(), Error> {
    if found == VERSION { Ok(()) } else { Err(Error::Version { message, found, expected: VERSION }) }
}

#[derive(Clone, PartialEq, Message)]
struct ManifestMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    medium: Vec<u8>,
    #[prost(string, tag = "3")]
    appliance: String,
    #[prost(uint64, tag = "4")]
    epoch: u64,
    #[prost(bytes = "vec", tag = "5")]
    key: Vec<u8>,
    #[prost(string, repeated, tag = "6")]
    regions: Vec<String>,
    #[prost(uint64, tag = "7")]
    made_ms: u64,
    #[prost(message, repeated, tag = "8")]
    batches: Vec<CarriedMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct CarriedMessage {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(uint32, tag = "2")]
    octets: u32,
    #[prost(bytes = "vec", tag = "3")]
    digest: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct SignedMessage {
    #[prost(bytes = "vec", tag = "1")]
    manifest: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    certificates: Vec<Vec<u8>>,
    #[prost(uint32, tag = "3")]
    scheme: u32,
    #[prost(bytes = "vec", tag = "4")]
    signature: Vec<u8>,
    #[prost(string, tag = "5")]
    proof: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReceiptsMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    medium: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    receipts: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrolment::Secret;

    fn sample() -> Manifest {
        let carried = |sequence| Carried { sequence, octets: 100, digest: [7; 32] };
        Manifest {
            medium: MediumId([0xab; 8]),
            appliance: "site-1".into(),
            epoch: 9,
            key: KeyId([1; 8]),
            regions: vec!["eu".into()],
            made_ms: 5,
            batches: vec![carried(3), carried(5)],
        }
    }

    #[test]
    fn a_bundle_survives_its_encoding() {
        assert_eq!(Manifest::decode(&sample().encode()), Ok(sample()));
        let signed = Signed {
            manifest: sample().encode(),
            certificates: vec![vec![1]],
            scheme: 0x0403,
            signature: vec![2; 70],
            proof: None,
        };
        assert_eq!(Signed::decode(&signed.encode()), Ok(signed.clone()));
        let proof = Secret::new(7, &[3; 32]).map(|secret| secret.prove_medium(&signed.manifest));
        let proved = Signed { proof, ..signed };
        assert_eq!(Signed::decode(&proved.encode()), Ok(proved));
        let receipts = Receipts { medium: MediumId([1; 8]), receipts: vec![vec![1, 2]] };
        assert_eq!(Receipts::decode(&receipts.encode()), Ok(receipts));
        assert_eq!("abababababababab".parse(), Ok(sample().medium));
        assert_eq!(sample().medium.to_string().parse(), Ok(sample().medium));
    }

    #[test]
    fn a_batch_that_is_named_twice_is_refused() {
        let mut twice = sample();
        twice.batches.push(twice.batches[1]);
        assert_eq!(Manifest::decode(&twice.encode()), Err(Error::Contradiction("order of the batches")));
    }

    #[test]
    fn a_manifest_that_promises_too_much_is_refused() {
        let mut large = sample();
        large.batches[0].octets = u32::MAX;
        assert!(matches!(Manifest::decode(&large.encode()), Err(Error::Limit { .. })));
        let mut many = sample();
        many.batches = (1..=10_001).map(|sequence| Carried { sequence, ..many.batches[0] }).collect();
        assert!(matches!(Manifest::decode(&many.encode()), Err(Error::Limit { .. })));
        let mut empty = sample();
        empty.batches.clear();
        assert!(matches!(Manifest::decode(&empty.encode()), Err(Error::Missing { .. })));
    }

    /// The largest manifest that an appliance makes fits its file, and so do the receipts for it.
    #[test]
    fn the_most_batches_fit() {
        let mut full = sample();
        full.appliance = "x".repeat(64);
        let entry = Carried { sequence: 0, octets: 4_194_560, digest: [7; 32] };
        full.batches = (0..10_000).map(|at| Carried { sequence: u64::MAX - 10_000 + at, ..entry }).collect();
        let certificates = vec![vec![0; 4_096]; 4];
        let signed =
            Signed { manifest: full.encode(), certificates, scheme: 0, signature: vec![0; 512], proof: None };
        assert!(signed.encode().len() <= MAX_MANIFEST_BYTES, "{}", signed.encode().len());
        let receipts = Receipts { medium: full.medium, receipts: vec![vec![0; 224]; 10_000] };
        assert!(receipts.encode().len() <= MAX_RECEIPTS_BYTES);
    }

    #[test]
    fn the_name_of_a_file_is_its_sequence() {
        assert_eq!(batch_file(u64::MAX), "ffffffffffffffff.batch");
        assert_eq!(batch_file(10), "000000000000000a.batch");
    }
}
