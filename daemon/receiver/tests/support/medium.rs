//! A medium as an appliance writes it, and as somebody else changes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headgate_receiver::{Error, Fault, Imported, Validity, import};
use headgate_record::batch::{Batch, digest};
use headgate_record::bundle::{
    Carried, MANIFEST, Manifest, MediumId, RECEIPTS, Receipts, Signed, batch_file, signed_bytes,
};
use headgate_record::enrolment::Secret;
use headgate_record::sealed::Sealed;
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{APPLIANCE, Cloud, batch};

pub type Pair = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A medium, and what its appliance proves itself with.
pub struct Medium {
    directory: tempfile::TempDir,
    appliance: Pair,
    /// Nothing for one of before.
    pub secret: Option<Arc<Secret>>,
    pub manifest: Manifest,
}

impl Medium {
    /// A good one, with these batches.
    pub fn of(cloud: &Cloud, number: u8, batches: &[Batch]) -> Medium {
        let sealed = batches.iter().map(|batch| (batch.id.sequence, cloud.seal(batch))).collect();
        Medium::with(cloud, cloud.certified(APPLIANCE, Validity::days(9)), number, sealed)
    }

    pub fn with(cloud: &Cloud, appliance: Pair, number: u8, sealed: Vec<(u64, Vec<u8>)>) -> Medium {
        let directory = tempfile::tempdir().unwrap();
        let first = Sealed::decode(&sealed[0].1).unwrap();
        let carried = sealed.iter().map(|(sequence, octets)| {
            fs::write(directory.path().join(batch_file(*sequence)), octets).unwrap();
            Carried { sequence: *sequence, octets: octets.len().try_into().unwrap(), digest: digest(octets) }
        });
        let manifest = Manifest {
            medium: MediumId([number; 8]),
            appliance: first.id.appliance,
            epoch: first.id.epoch,
            key: first.key,
            regions: Vec::new(),
            made_ms: 1,
            batches: carried.collect(),
        };
        let secret = Some(cloud.secret(&manifest.appliance, 1));
        let medium = Medium { directory, appliance, secret, manifest };
        medium.sign();
        medium
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn file(&self, sequence: u64) -> PathBuf {
        self.path().join(batch_file(sequence))
    }

    /// Writes the manifest as it is now, signed by its appliance.
    pub fn sign(&self) {
        let (certificate, key) = &self.appliance;
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(key).unwrap();
        let signer = signer.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).unwrap();
        let manifest = self.manifest.encode();
        let signature = signer.sign(&signed_bytes(&manifest)).unwrap();
        let proof = self.secret.as_ref().map(|secret| secret.prove_medium(&manifest));
        self.write(&Signed {
            proof,
            manifest,
            certificates: vec![certificate.to_vec()],
            scheme: signer.scheme().into(),
            signature,
        });
    }

    pub fn write(&self, signed: &Signed) {
        fs::write(self.path().join(MANIFEST), signed.encode()).unwrap();
    }

    pub fn signed(&self) -> Signed {
        Signed::decode(&fs::read(self.path().join(MANIFEST)).unwrap()).unwrap()
    }

    pub fn import(&self, cloud: &Cloud) -> Result<Imported, Error> {
        import(&cloud.config(), self.path(), None)
    }

    /// The receipts beside the manifest.
    pub fn receipts(&self) -> Receipts {
        Receipts::decode(&fs::read(self.path().join(RECEIPTS)).unwrap()).unwrap()
    }

    /// Why it is refused; nothing was changed, and nothing was left on the medium.
    pub fn refused(&self, cloud: &Cloud, case: &str) -> (Fault, String) {
        let before = fs::read(cloud.path("receiver.db")).ok();
        let error = self.import(cloud).map(|imported| panic!("{case}: {imported:?}")).unwrap_err();
        assert_eq!(fs::read(cloud.path("receiver.db")).ok(), before, "{case}");
        assert!(!self.path().join(RECEIPTS).exists() && !self.path().join("receipts.new").exists(), "{case}");
        let text = error.to_string();
        match error {
            Error::Bundle { file, fault } => {
                assert!(text.starts_with(&file.display().to_string()), "{text}");
                (fault, text)
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}

pub fn batches(sequences: impl IntoIterator<Item = u64>) -> Vec<Batch> {
    sequences.into_iter().map(batch).collect()
}

/// The DER in a PEM file.
pub fn pem(file: &Path) -> Vec<u8> {
    let content = fs::read(file).unwrap();
    if file.extension().is_some_and(|e| e == "crt") {
        CertificateDer::from_pem_slice(&content).unwrap().to_vec()
    } else {
        PrivateKeyDer::from_pem_slice(&content).unwrap().secret_der().to_vec()
    }
}
