//! The keys that batches are sealed to, and opening what is sealed (HPKE, RFC 9180; [`headgate_record::sealed`]).

mod own;

use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::der::{Document, SecretDocument};
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey};
use zeroize::Zeroizing;

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
    pub fn open(&self, sealed: &Sealed) -> Result<(Batch, [u8; 32]), Closed> {
        let bytes = self.unseal(sealed)?;
        let batch = Batch::decode(&bytes).map_err(Closed::Batch)?;
        if batch.id == sealed.id { Ok((batch, digest(&bytes))) } else { Err(Closed::Other) }
    }

    /// What is in the batch that is sealed, and its digest: with its records or without.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open_content(&self, sealed: &Sealed, with_records: bool) -> Result<(Content, [u8; 32]), Closed> {
        if with_records {
            return self.open(sealed).map(|(batch, digest)| (Content::Whole(batch), digest));
        }
        let bytes = self.unseal(sealed)?;
        let outline = Outline::decode(&bytes).map_err(Closed::Batch)?;
        if outline.says.id != sealed.id {
            return Err(Closed::Other);
        }
        let digest = digest(&bytes);
        Ok((Content::Outline { outline, bytes }, digest))
    }

    fn unseal(&self, sealed: &Sealed) -> Result<Vec<u8>, Closed> {
        let key = self.0.iter().find(|key| key.id == sealed.key).ok_or(Closed::Key(sealed.key))?;
        let encapsulated = EncapsulatedSecret(sealed.encapsulated.to_vec());
        let bound = associated_data(sealed.key, &sealed.id);
        let opened = SUITE.open(&encapsulated, INFO, &bound, &sealed.ciphertext, &key.opens);
        opened.map_err(|_| Closed::Changed)
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
mod tests {
    use headgate_record::batch::BatchId;
    use hpke::OpModeS;
    use hpke::aead::AesGcm256;
    use hpke::kdf::HkdfSha256;

    use super::*;

    fn batch(sequence: u64) -> Batch {
        Batch {
            id: BatchId { appliance: "site-1".into(), epoch: 7, sequence },
            rules: [1; 32],
            regions: Vec::new(),
            profile: String::new(),
            records: Vec::new(),
            withheld: Vec::new(),
            lost: Vec::new(),
            forget: Vec::new(),
            replaces: Vec::new(),
        }
    }

    fn keys(made: &Made) -> Keys {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("seal.key");
        std::fs::write(&file, made.private.as_bytes()).unwrap();
        Keys::load([file.as_path()]).unwrap()
    }

    fn seal(keys: &Keys, said: BatchId, batch: &Batch) -> Sealed {
        let Key { id: key, private, .. } = &keys.0[0];
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &X25519HkdfSha256::sk_to_pk(private),
            INFO,
            &batch.encode().unwrap(),
            &associated_data(*key, &said),
        )
        .unwrap();
        Sealed { key: *key, id: said, encapsulated: encapsulated.to_bytes().into(), ciphertext }
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_with_no_other() {
        let (own, other) = (keys(&generate().unwrap()), keys(&generate().unwrap()));
        let sealed = seal(&own, batch(1).id, &batch(1));
        assert_eq!(own.open(&sealed).unwrap().0, batch(1));
        assert_eq!(own.open(&sealed).unwrap().1, digest(&batch(1).encode().unwrap()));
        assert_eq!(other.open(&sealed), Err(Closed::Key(sealed.key)));
    }

    #[test]
    fn every_change_of_what_is_sealed_is_noticed() {
        let keys = keys(&generate().unwrap());
        let sealed = seal(&keys, batch(1).id, &batch(1));
        let changes: [&dyn Fn(&mut Sealed); 7] = [
            &|s| s.id.appliance = "site-2".into(),
            &|s| s.id.epoch += 1,
            &|s| s.id.sequence += 1,
            &|s| s.encapsulated[0] ^= 1,
            &|s| s.encapsulated = [0; 32],
            &|s| s.ciphertext[0] ^= 1,
            &|s| s.ciphertext.truncate(20),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut changed = sealed.clone();
            change(&mut changed);
            assert_eq!(keys.open(&changed), Err(Closed::Changed), "{at}");
        }
        assert_eq!(keys.open(&seal(&keys, batch(2).id, &batch(1))), Err(Closed::Other));
    }

    /// What another implementation sealed (tests/sealed/seal.py) to a key that OpenSSL made opens.
    #[test]
    fn what_others_seal_opens() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/sealed");
        let keys = Keys::load([Path::new(&format!("{directory}/seal.key"))]).unwrap();
        let sealed = std::fs::read(format!("{directory}/0000000000000003.batch")).unwrap();
        let (batch, _) = keys.open(&Sealed::decode(&sealed).unwrap()).unwrap();
        assert_eq!(
            (batch.id.appliance.as_str(), batch.id.sequence, batch.profile.as_str()),
            ("site-1", 3, "pseudonymous")
        );
        assert_eq!(batch.regions, ["eu"]);
    }

    #[test]
    fn a_file_that_is_no_such_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("seal.key");
        for content in ["", "hello", generate().unwrap().public.as_str()] {
            std::fs::write(&file, content).unwrap();
            assert!(matches!(Keys::load([file.as_path()]), Err(Error::Credential { .. })), "{content}");
        }
    }
}
