//! What was renewed: certificate, key and secret in one file, so that they change together.
//!
//! Two files: one that is in use, and one that is to be tried. Each says which enrolment it descends from, and is nothing once the
//! appliance was enrolled anew.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prost::Message;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::{Zeroize, Zeroizing};

use headgate_record::enrolment::Secret;
use headgate_service::config::ApplianceId;

use super::identity::Identity;
use super::read::read;
use crate::Error;
use crate::error::CredentialFault;

/// Where it is kept.
pub struct Kept {
    directory: PathBuf,
}

impl Kept {
    /// Below `directory`, which is made when something is to be kept.
    pub fn new(directory: &Path) -> Kept {
        Kept { directory: directory.to_path_buf() }
    }

    /// What is in use, where it descends from the enrolment with this digest.
    ///
    /// # Errors
    /// [`Error::Credential`].
    pub fn current(&self, enrolled: &[u8; 32], appliance: &ApplianceId) -> Result<Option<Identity>, Error> {
        open(&self.directory.join(CURRENT), enrolled, appliance)
    }

    /// What is to be tried, where it descends from the enrolment with this digest.
    ///
    /// # Errors
    /// [`Error::Credential`].
    pub fn proposed(&self, enrolled: &[u8; 32], appliance: &ApplianceId) -> Result<Option<Identity>, Error> {
        open(&self.directory.join(PROPOSED), enrolled, appliance)
    }

    /// Keeps what is to be tried; it is on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn propose(&self, identity: &Identity, enrolled: &[u8; 32]) -> Result<(), Error> {
        let written = |source| Error::Write { file: self.directory.join(PROPOSED), source };
        let key = match &identity.key {
            PrivateKeyDer::Pkcs8(key) => key.secret_pkcs8_der().to_vec(),
            _ => return Err(written(io::ErrorKind::Unsupported.into())),
        };
        let message = KeptMessage {
            version: VERSION,
            enrolled: enrolled.to_vec(),
            chain: identity.chain.iter().map(|der| der.to_vec()).collect(),
            key,
            secret: identity.secret.as_ref().map(|s| s.to_file().to_vec()).unwrap_or_default(),
        };
        let content = Zeroizing::new(message.encode_to_vec());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(written)?;
        let new = self.directory.join(NEW);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(written)?;
        file.write_all(&content).and_then(|()| file.sync_all()).map_err(written)?;
        self.rename(NEW, PROPOSED)
    }

    /// What was tried is in use from now on.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn promote(&self) -> Result<(), Error> {
        self.rename(PROPOSED, CURRENT)
    }

    /// What was tried is no good.
    pub fn discard(&self) {
        // One that stays is tried once more at the next start, and refused again.
        let _ = std::fs::remove_file(self.directory.join(PROPOSED));
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let file = self.directory.join(to);
        std::fs::rename(self.directory.join(from), &file)
            .and_then(|()| File::open(&self.directory)?.sync_all())
            .map_err(|source| Error::Write { file, source })
    }
}

fn open(file: &Path, enrolled: &[u8; 32], appliance: &ApplianceId) -> Result<Option<Identity>, Error> {
    let content = match read(file) {
        Ok(content) => content,
        Err(Error::Credential { fault: CredentialFault::Read(error), .. })
            if error.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let fault = |fault| Error::Credential { file: file.to_path_buf(), fault };
    let message = KeptMessage::decode(content.as_slice()).ok().filter(|message| message.version == VERSION);
    let message = message.ok_or_else(|| fault(CredentialFault::Damaged))?;
    if message.enrolled != enrolled {
        return Ok(None);
    }
    let chain = message.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::Pkcs8(message.key.clone().into());
    let secret = Secret::from_file(&message.secret);
    if secret.is_none() && !message.secret.is_empty() {
        return Err(fault(CredentialFault::Damaged));
    }
    Identity::of(chain, key, secret, appliance).map(Some).map_err(fault)
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct KeptMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    /// SHA-256 of the certificate that was enrolled.
    #[prost(bytes = "vec", tag = "2")]
    enrolled: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    chain: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "4")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    secret: Vec<u8>,
}

impl std::fmt::Debug for KeptMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeptMessage")
    }
}

impl Drop for KeptMessage {
    fn drop(&mut self) {
        self.key.zeroize();
        self.secret.zeroize();
    }
}

const VERSION: u32 = 1;
const CURRENT: &str = "renewed";
const PROPOSED: &str = "renewed.untried";
const NEW: &str = "renewed.new";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn identity(name: &str) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Identity::of(vec![certificate], key, Secret::new(3, &[4; 32]), &name.parse().unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_is_whole_its_owners_and_of_one_enrolment() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::new(&directory.path().join("made"));
        let appliance: ApplianceId = "site-1".parse().unwrap();
        let renewed = identity("site-1");
        assert!(kept.proposed(&[1; 32], &appliance).unwrap().is_none());
        kept.propose(&renewed, &[1; 32]).unwrap();
        let mode = directory.path().join("made/renewed.untried").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(kept.current(&[1; 32], &appliance).unwrap().is_none());
        let read = kept.proposed(&[1; 32], &appliance).unwrap().unwrap();
        assert_eq!((read.chain, read.key), (renewed.chain, renewed.key));
        assert_eq!(read.secret.unwrap().octets(), &[4; 32]);
        assert!(kept.proposed(&[2; 32], &appliance).unwrap().is_none(), "another enrolment");
        assert!(kept.proposed(&[1; 32], &"site-2".parse().unwrap()).is_err(), "another appliance");
        kept.promote().unwrap();
        assert!(kept.proposed(&[1; 32], &appliance).unwrap().is_none());
        assert!(kept.current(&[1; 32], &appliance).unwrap().is_some());
    }

    #[test]
    fn what_is_damaged_is_said_and_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::new(directory.path());
        let appliance: ApplianceId = "site-1".parse().unwrap();
        for content in [&b""[..], b"garbage", &[0xff; 100]] {
            std::fs::write(directory.path().join(CURRENT), content).unwrap();
            assert!(kept.current(&[1; 32], &appliance).is_err());
        }
    }
}
