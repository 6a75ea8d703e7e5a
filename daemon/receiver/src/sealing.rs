//! The keys that batches are sealed to, and opening what is sealed (HPKE, RFC 9180; [`headgate_record::sealed`]).

mod own;

use std::path::Path;

use bytes::Bytes;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::der::{Document, SecretDocument};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey};
use zeroize::{Zeroizing, optimization_barrier};

use headgate_record::batch::{Batch, Outline, digest};
use headgate_record::sealed::{INFO, KeyId, PRIVATE_KEY_DER, PUBLIC_KEY_DER, Sealed, associated_data};

use crate::engine::Content;
use crate::{Error, files};

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

/// Keys of an organisation, at most eight. They are cleared when they are dropped; no `Debug`, no `Clone`.
pub struct Keys(Vec<Key>);

/// A key in the forms of who uses it: batches, of which there are many, are opened by what opens TLS as well, in less than half the
/// time; what there is little of, and what is sealed, is left to the crate `hpke`.
struct Key {
    id: KeyId,
    private: PrivateKey,
    opens: HpkePrivateKey,
}

/// A sealing key that was made, PEM. No `Debug`: it holds a key.
pub struct Made {
    /// The private key (PKCS #8).
    pub private: Zeroizing<String>,
    /// The public key (SubjectPublicKeyInfo).
    pub public: String,
    /// Its name.
    pub id: KeyId,
}

/// Why what is sealed does not open to a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// It is sealed to a key that is not here.
    #[error("it is sealed to key {0}, which this receiver does not have")]
    Key(KeyId),
    /// It was changed, or sealed to be another batch than its envelope says.
    #[error("it does not open: it was changed")]
    Changed,
    /// What is in it is no batch.
    #[error("{0}")]
    Batch(headgate_record::Error),
    /// What is in it is another batch than its envelope says.
    #[error("it holds another batch than its envelope says")]
    Other,
}

impl Keys {
    /// The keys in these files, PEM (PKCS #8, RFC 8410).
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Credential`].
    pub fn load<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<Keys, Error> {
        let keys = files.into_iter().take(MAX_KEYS).map(|file| {
            let pem = files::read(file)?;
            let key = std::str::from_utf8(&pem).ok().and_then(|pem| private_key(pem.trim()));
            let key =
                key.ok_or(Error::Credential { file: file.to_path_buf(), what: "X25519 private key" })?;
            Ok(Key::new(key))
        });
        keys.collect::<Result<_, _>>().map(Keys)
    }

    /// The public half of the first key, PEM (SubjectPublicKeyInfo): what new appliances seal to.
    pub fn public(&self) -> Option<String> {
        let public: [u8; 32] = X25519HkdfSha256::sk_to_pk(&self.0.first()?.private).to_bytes().into();
        public_pem(&public).ok()
    }

    /// Whether there is this key.
    pub fn has(&self, key: KeyId) -> bool {
        self.0.iter().any(|known| known.id == key)
    }

    /// The batch that is sealed, and its digest.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open<C: AsRef<[u8]>>(&self, sealed: &Sealed<C>) -> Result<(Batch, [u8; 32]), Closed> {
        let bytes = self.unseal(sealed)?;
        let batch = Batch::decode(bytes.as_ref()).map_err(Closed::Batch)?;
        if batch.id == sealed.id { Ok((batch, digest(bytes.as_ref()))) } else { Err(Closed::Other) }
    }

    /// What is in the batch that is sealed, and its digest: with its records or without.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open_content<C: AsRef<[u8]>>(
        &self,
        sealed: &Sealed<C>,
        with_records: bool,
    ) -> Result<(Content, [u8; 32]), Closed> {
        if with_records {
            return self.open(sealed).map(|(batch, digest)| (Content::Whole(batch), digest));
        }
        // Cleared with the last who holds it.
        let bytes = Bytes::from_owner(self.unseal(sealed)?);
        let outline = Outline::decode_shared(bytes.clone()).map_err(Closed::Batch)?;
        if outline.says.id != sealed.id {
            return Err(Closed::Other);
        }
        let digest = digest(&bytes);
        Ok((Content::Outline { outline, bytes }, digest))
    }

    fn unseal<C: AsRef<[u8]>>(&self, sealed: &Sealed<C>) -> Result<Cleared, Closed> {
        let key = self.0.iter().find(|key| key.id == sealed.key).ok_or(Closed::Key(sealed.key))?;
        let bound = associated_data(sealed.key, &sealed.id);
        let (encapsulated, ciphertext) = (&sealed.encapsulated, sealed.ciphertext.as_ref());
        let opened = quickly(key, encapsulated, &bound, ciphertext)
            // It does not say whether what is sealed is at fault or the system: what another way opens was not changed.
            .or_else(|| slowly(key, encapsulated, &bound, ciphertext));
        opened.ok_or(Closed::Changed)
    }
}

/// By the library of TLS. What it holds meanwhile (a second copy, the shared secret, and the keys made of it) is not cleared: its types
/// are its own.
fn quickly(key: &Key, encapsulated: &[u8; 32], bound: &[u8], ciphertext: &[u8]) -> Option<Cleared> {
    let encapsulated = EncapsulatedSecret(encapsulated.to_vec());
    SUITE.open(&encapsulated, INFO, bound, ciphertext, &key.opens).ok().map(Cleared)
}

/// By the crate `hpke`.
fn slowly(key: &Key, encapsulated: &[u8; 32], bound: &[u8], ciphertext: &[u8]) -> Option<Cleared> {
    let opened = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &key.private,
        &Deserializable::from_bytes(encapsulated).ok()?,
        INFO,
        ciphertext,
        bound,
    );
    opened.ok().map(Cleared)
}

/// What was in a sealed batch: overwritten when it is dropped, at once and not octet by octet.
struct Cleared(Vec<u8>);

impl AsRef<[u8]> for Cleared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.fill(0);
        optimization_barrier(self.0.as_slice());
    }
}

impl Key {
    fn new(private: PrivateKey) -> Key {
        let id = KeyId::of(&X25519HkdfSha256::sk_to_pk(&private).to_bytes().into());
        // Each of its copies on the heap is cleared when it is dropped; what opening makes of a message is not.
        let octets = Zeroizing::new(<[u8; 32]>::from(private.to_bytes()));
        let opens = HpkePrivateKey::from(octets.to_vec());
        Key { id, private, opens }
    }
}

/// Makes a key.
///
/// # Errors
/// [`Error::Key`] when the system gives no randomness.
pub fn generate() -> Result<Made, Error> {
    let mut octets = Zeroizing::new([0; 32]);
    getrandom::fill(octets.as_mut()).map_err(|_| Error::Key)?;
    let key = PrivateKey::from_bytes(octets.as_ref()).map_err(|_| Error::Key)?;
    // As it is used: RFC 9180, 7.1.2, has the bits of a scalar set when it is read.
    let mut private = Zeroizing::new(Vec::with_capacity(PRIVATE_KEY_DER.len() + octets.len()));
    private.extend_from_slice(&PRIVATE_KEY_DER);
    private.extend_from_slice(octets.as_ref());
    let private = SecretDocument::try_from(private.as_slice()).map_err(|_| Error::Key)?;
    let public: [u8; 32] = X25519HkdfSha256::sk_to_pk(&key).to_bytes().into();
    Ok(Made {
        private: private.to_pem(PRIVATE_LABEL, LineEnding::LF).map_err(|_| Error::Key)?,
        public: public_pem(&public)?,
        id: KeyId::of(&public),
    })
}

fn public_pem(public: &[u8; 32]) -> Result<String, Error> {
    let document =
        Document::try_from([PUBLIC_KEY_DER.as_slice(), public].concat()).map_err(|_| Error::Key)?;
    document.to_pem("PUBLIC KEY", LineEnding::LF).map_err(|_| Error::Key)
}

fn private_key(pem: &str) -> Option<PrivateKey> {
    let (label, document) = SecretDocument::from_pem(pem).ok()?;
    let octets = document.as_bytes().strip_prefix(&PRIVATE_KEY_DER)?;
    if label == PRIVATE_LABEL { PrivateKey::from_bytes(octets).ok() } else { None }
}

/// Most keys of a receiver.
pub const MAX_KEYS: usize = 8;
const PRIVATE_LABEL: &str = "PRIVATE KEY";

#[cfg(test)]
mod tests;
