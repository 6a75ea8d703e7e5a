//! The receiver as the store knows it: the key that signs its receipts, and the one that batches are sealed to.
//!
//! Sealing is HPKE (RFC 9180) in base mode ([`headgate_record::sealed`]): it takes a public key and random numbers, and no secret
//! of the store's.

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::pkcs8::spki::der::Document;
use headgate_record::batch;
use headgate_record::sealed::{INFO, KeyId, Sealed, associated_data, public_key};
use headgate_service::credential;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeS, Serializable};

use crate::config::Settings;
use crate::secret::scrub;
use crate::{Error, OpenError};

/// The pinned keys of the receiver.
#[derive(Clone)]
pub(crate) struct Recipient {
    /// By which its receipts are verified.
    pub(crate) receipts: VerifyingKey,
    key: <X25519HkdfSha256 as Kem>::PublicKey,
    id: KeyId,
}

impl Recipient {
    /// Reads both keys.
    ///
    /// # Errors
    /// [`OpenError::File`], or [`OpenError::BadKey`] for a file that does not hold what it should.
    pub(crate) fn read(settings: &Settings) -> Result<Recipient, OpenError> {
        let file = credential::path(&settings.credentials, credential::RECEIPT_KEY);
        let expected = "an Ed25519 public key in PEM";
        let receipts = VerifyingKey::from_public_key_pem(read(&file)?.trim());
        let receipts = receipts.map_err(|_| OpenError::BadKey { file, expected })?;

        let file = credential::path(&settings.credentials, credential::SEAL_KEY);
        let pem = read(&file)?;
        let der = Document::from_pem(pem.trim()).ok().filter(|(label, _)| *label == "PUBLIC KEY");
        let octets = der.and_then(|(_, document)| public_key(document.as_bytes()));
        let key =
            octets.and_then(|octets| Some((Deserializable::from_bytes(&octets).ok()?, KeyId::of(&octets))));
        let expected = "an X25519 public key in PEM: it is the receiver's seal.pub";
        let bad = || OpenError::BadKey { file: file.clone(), expected };
        let (key, id) = key.ok_or_else(bad)?;
        let recipient = Recipient { receipts, key, id };
        // A key of low order shows when it is used (RFC 9180, 7.1.4).
        match hpke(&recipient.key, &[], &[]) {
            Err(Error::Recipient) => Err(bad()),
            _ => Ok(recipient),
        }
    }

    /// Which key batches are sealed to.
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// Seals an encoded batch. No two results are equal; all open to the same batch.
    ///
    /// # Errors
    /// [`Error::Random`], [`Error::Recipient`]; [`Error::Record`] for octets that are no batch.
    pub(crate) fn seal(&self, batch: &[u8]) -> Result<Vec<u8>, Error> {
        let id = batch::id_of(batch)?;
        let sealed = hpke(&self.key, batch, &associated_data(self.id, &id));
        scrub();
        let (encapsulated, ciphertext) = sealed?;
        Ok(Sealed { key: self.id, id, encapsulated, ciphertext }.encode())
    }
}

fn hpke(
    key: &<X25519HkdfSha256 as Kem>::PublicKey,
    content: &[u8],
    associated: &[u8],
) -> Result<([u8; 32], Vec<u8>), Error> {
    // A system that gives random numbers once gives them always (getrandom(2)): behind this the library does not panic.
    getrandom::fill(&mut [0; 32]).map_err(|_| Error::Random)?;
    let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        key,
        INFO,
        content,
        associated,
    )
    .map_err(|_| Error::Recipient)?;
    Ok((encapsulated.to_bytes().into(), ciphertext))
}

fn read(file: &Path) -> Result<String, OpenError> {
    std::fs::read_to_string(file).map_err(|source| OpenError::File {
        what: "cannot read",
        file: file.into(),
        source,
    })
}
