//! Signing receipts (Ed25519, RFC 8032).

use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{SECRET_KEY_LENGTH, Signer as _, SigningKey};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_eddsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use zeroize::Zeroizing;

use headgate_record::receipt::{Forgotten, Receipt, Statement};

use crate::engine::{Content, Held, Stored};
use crate::{Error, files};

/// What a receipt says of a batch that came, or of what took its place; nothing of one that contradicts what is stored.
#[must_use]
pub fn statement(content: &Content, digest: [u8; 32], stored: Stored) -> Option<Statement> {
    let batch = content.says();
    let id = batch.id.clone();
    let held = match stored {
        Stored::New { stored_ms, forgotten, .. } | Stored::Again { stored_ms, forgotten } => Held {
            digest,
            stored_ms,
            records: content.records(),
            values: u32::try_from(batch.forget.len()).unwrap_or(u32::MAX),
            forgotten,
        },
        Stored::Superseded(held) => held,
        Stored::Conflict => return None,
    };
    let Held { digest, stored_ms, records, values, forgotten } = held;
    let forgotten = (values > 0).then_some(Forgotten { values, records: forgotten });
    Some(Statement { id, digest, records, stored_ms, forgotten, request: Vec::new() })
}

/// Signs receipts. The key is cleared when it is dropped; no `Debug`, no `Clone`.
pub struct Signer {
    key: SigningKey,
    /// The same key for who signs the most, by the library of TLS: half the time, and the same signatures.
    quick: Option<Box<dyn rustls::sign::Signer>>,
}

impl Signer {
    /// A new key.
    ///
    /// # Errors
    /// [`Error::Key`] when the system gives no randomness.
    pub fn generate() -> Result<Signer, Error> {
        let mut seed = Zeroizing::new([0; SECRET_KEY_LENGTH]);
        getrandom::fill(seed.as_mut()).map_err(|_| Error::Key)?;
        Ok(Signer::of(SigningKey::from_bytes(&seed)))
    }

    /// The key in `file`, PEM (PKCS #8, RFC 8410).
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Credential`].
    pub fn load(file: &Path) -> Result<Signer, Error> {
        let pem = files::read(file)?;
        let key = std::str::from_utf8(&pem).ok().and_then(|pem| SigningKey::from_pkcs8_pem(pem).ok());
        let key = key.ok_or(Error::Credential { file: file.to_path_buf(), what: "Ed25519 private key" })?;
        Ok(Signer::of(key))
    }

    fn of(key: SigningKey) -> Signer {
        let der = key.to_pkcs8_der().ok();
        let quick = der.and_then(|der| any_eddsa_type(&PrivatePkcs8KeyDer::from(der.as_bytes())).ok());
        let quick = quick.and_then(|quick| quick.choose_scheme(&[SignatureScheme::ED25519]));
        Signer { key, quick }
    }

    /// The private key (PKCS #8) and the public key (SubjectPublicKeyInfo), PEM.
    ///
    /// # Errors
    /// [`Error::Key`] when they cannot be written down.
    pub fn to_pem(&self) -> Result<(Zeroizing<String>, String), Error> {
        let private = self.key.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::Key)?;
        let public = self.key.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|_| Error::Key)?;
        Ok((private, public))
    }

    /// The receipt for `statement`, encoded.
    pub fn sign(&self, statement: Statement) -> Vec<u8> {
        let signed = statement.signed_bytes();
        let quickly = self.quick.as_ref().and_then(|quick| quick.sign(&signed).ok()?.try_into().ok());
        let signature = quickly.unwrap_or_else(|| self.key.sign(&signed).to_bytes());
        Receipt { statement, signature }.encode()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::DecodePublicKey;
    use ed25519_dalek::{Signature, VerifyingKey};

    use headgate_record::batch::BatchId;

    use super::*;

    #[test]
    fn a_receipt_verifies_with_the_public_half_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("receipt.key");
        let (private, public) = Signer::generate().unwrap().to_pem().unwrap();
        files::create(&file, files::SECRET, private.as_bytes()).unwrap();
        let id = BatchId { appliance: "site-1".into(), epoch: 1, sequence: 2 };
        let statement =
            Statement { id, digest: [3; 32], records: 4, stored_ms: 5, forgotten: None, request: Vec::new() };
        let signer = Signer::load(&file).unwrap();
        let receipt = Receipt::decode(&signer.sign(statement.clone())).unwrap();
        assert!(signer.quick.is_some());
        // Who signs is not to be seen by it.
        assert_eq!(Signer { quick: None, ..signer }.sign(statement), receipt.encode());
        let public = VerifyingKey::from_public_key_pem(&public).unwrap();
        let signature = Signature::from_bytes(&receipt.signature);
        public.verify_strict(&receipt.statement.signed_bytes(), &signature).unwrap();
    }
}
