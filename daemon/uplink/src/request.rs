//! The appliance's private keys and its request (PKCS #10, RFC 2986).
//!
//! There are two keys: that of the certificate, and one that the answer's secret is sealed to. Neither ever leaves the appliance. The
//! request can be answered again when its certificate runs out.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use headgate_record::enrolment::seal_to_uri;
use headgate_service::config::{ApplianceId, Headgate};
use headgate_service::credential::{REQUEST_KEY, UPLINK_KEY, UPLINK_REQUEST};

use crate::Error;
use crate::credentials::read;
use crate::error::CredentialFault;

/// What [`request`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The private key, PEM (PKCS #8, ECDSA on P-256), readable by its owner only.
    pub key: PathBuf,
    /// The signing request, PEM. Its common name is the appliance's identifier.
    pub request: PathBuf,
}

/// Makes keys and request in the configured credentials directory. All are on disk when it returns.
///
/// # Errors
/// [`Error::Exists`] when one of them is there; nothing is replaced.
pub fn request(config: &Headgate) -> Result<Request, Error> {
    let directory = &config.credentials.directory;
    for name in [UPLINK_KEY, UPLINK_REQUEST, REQUEST_KEY] {
        let file = directory.join(name);
        if file.symlink_metadata().is_ok() {
            return Err(Error::Exists(file));
        }
    }
    let pair = Pair::make()?;
    pair.write(directory, &config.appliance.id)?;
    Ok(Request { key: directory.join(UPLINK_KEY), request: directory.join(UPLINK_REQUEST) })
}

/// The keys in the credentials directory; those that are missing are made, and the request with them.
///
/// # Errors
/// [`Error::Credential`], [`Error::Write`], [`Error::Request`].
pub fn prepare(config: &Headgate) -> Result<Pair, Error> {
    let directory = &config.credentials.directory;
    let is_there = |name: &str| directory.join(name).symlink_metadata().is_ok();
    if !is_there(UPLINK_KEY) {
        for name in [REQUEST_KEY, UPLINK_REQUEST] {
            let file = directory.join(name);
            if is_there(name) {
                return Err(Error::Exists(file));
            }
        }
        let pair = Pair::make()?;
        pair.write(directory, &config.appliance.id)?;
        return Ok(pair);
    }
    if is_there(REQUEST_KEY) {
        return Pair::open(directory);
    }
    // A key of before there were secrets: it gets a request that one can be sealed to.
    let pair = Pair { key: key(directory)?, opener: Opener::make()? };
    let file = directory.join(UPLINK_REQUEST);
    if let Err(source) = std::fs::remove_file(&file)
        && source.kind() != io::ErrorKind::NotFound
    {
        return Err(Error::Write { file, source });
    }
    pair.write_request(directory, &config.appliance.id)?;
    Ok(pair)
}

/// The two keys of a request. No `Debug`.
pub struct Pair {
    key: KeyPair,
    /// What opens the answer's secret.
    pub opener: Opener,
}

impl Pair {
    /// New keys.
    ///
    /// # Errors
    /// [`Error::Request`], [`Error::System`].
    pub fn make() -> Result<Pair, Error> {
        Ok(Pair { key: KeyPair::generate().map_err(Error::Request)?, opener: Opener::make()? })
    }

    /// The keys in this directory.
    ///
    /// # Errors
    /// [`Error::Credential`].
    pub fn open(directory: &Path) -> Result<Pair, Error> {
        Ok(Pair { key: key(directory)?, opener: Opener::open(&directory.join(REQUEST_KEY))? })
    }

    /// The request, PEM.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn request(&self, appliance: &ApplianceId) -> Result<String, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, appliance.as_str());
        let seal_to = Ia5String::try_from(seal_to_uri(&self.opener.public())).map_err(Error::Request)?;
        params.subject_alt_names.push(SanType::URI(seal_to));
        params.serialize_request(&self.key).and_then(|request| request.pem()).map_err(Error::Request)
    }

    /// The key that is to be certified.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }

    fn write(&self, directory: &Path, appliance: &ApplianceId) -> Result<(), Error> {
        let file = directory.join(UPLINK_KEY);
        let pem = Zeroizing::new(self.key.serialize_pem());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| Error::Write { file: directory.to_path_buf(), source })?;
        write(&file, 0o600, pem.as_bytes())?;
        self.write_request(directory, appliance)
    }

    fn write_request(&self, directory: &Path, appliance: &ApplianceId) -> Result<(), Error> {
        let request = self.request(appliance)?;
        write(&directory.join(REQUEST_KEY), 0o600, self.opener.octets().as_ref())?;
        write(&directory.join(UPLINK_REQUEST), 0o644, request.as_bytes())?;
        sync(directory)
    }
}

/// The X25519 key that the answer's secret is sealed to. No `Debug`; it is cleared when it is dropped.
pub struct Opener(<X25519HkdfSha256 as Kem>::PrivateKey);

impl Opener {
    fn make() -> Result<Opener, Error> {
        let mut octets = Zeroizing::new([0; 32]);
        let failed =
            |error| Error::System { what: "drawing random numbers", source: io::Error::other(error) };
        getrandom::fill(octets.as_mut()).map_err(failed)?;
        Opener::of(octets.as_ref()).ok_or(Error::Request(rcgen::Error::KeyGenerationUnavailable))
    }

    fn open(file: &Path) -> Result<Opener, Error> {
        let fault = CredentialFault::Opener;
        Opener::of(&read(file)?).ok_or(Error::Credential { file: file.to_path_buf(), fault })
    }

    fn of(octets: &[u8]) -> Option<Opener> {
        Deserializable::from_bytes(octets).ok().map(Opener)
    }

    fn octets(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    fn public(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// The private key.
    pub fn key(&self) -> &<X25519HkdfSha256 as Kem>::PrivateKey {
        &self.0
    }
}

fn key(directory: &Path) -> Result<KeyPair, Error> {
    let file = directory.join(UPLINK_KEY);
    let content = read(&file)?;
    let key = std::str::from_utf8(&content).ok().and_then(|pem| KeyPair::from_pem(pem).ok());
    key.ok_or(Error::Credential { file, fault: CredentialFault::Content("private key") })
}

/// Makes a file that is not there yet, and synchronises it; not yet its directory.
///
/// # Errors
/// [`Error::Exists`], [`Error::Write`].
pub fn write(file: &Path, mode: u32, content: &[u8]) -> Result<(), Error> {
    let written = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(file.to_path_buf()),
        _ => Error::Write { file: file.to_path_buf(), source },
    };
    let mut open = OpenOptions::new().write(true).create_new(true).mode(mode).open(file).map_err(written)?;
    open.write_all(content).and_then(|()| open.sync_all()).map_err(written)
}

/// Makes the entries of a directory durable.
///
/// # Errors
/// [`Error::Write`].
pub fn sync(directory: &Path) -> Result<(), Error> {
    let written = |source| Error::Write { file: directory.to_path_buf(), source };
    File::open(directory).and_then(|d| d.sync_all()).map_err(written)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(directory: &Path) -> Headgate {
        let file = directory.join("headgate.toml");
        let credentials = directory.join("credentials");
        std::fs::write(
            &file,
            format!("[appliance]\nid = \"site-7\"\n[credentials]\ndirectory = {credentials:?}\n"),
        )
        .unwrap();
        headgate_service::config::load(&file).unwrap()
    }

    #[test]
    fn the_request_names_the_appliance_and_the_keys_are_their_owners_only() {
        let directory = tempfile::tempdir().unwrap();
        let made = request(&config(directory.path())).unwrap();
        let opener = made.key.with_file_name(REQUEST_KEY);
        for key in [&made.key, &opener] {
            assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let pem = std::fs::read_to_string(&made.request).unwrap();
        let parsed = rcgen::CertificateSigningRequestParams::from_pem(&pem).unwrap();
        let name = parsed.params.distinguished_name.get(&DnType::CommonName);
        assert_eq!(name, Some(&rcgen::DnValue::Utf8String("site-7".into())));
        let public = Opener::open(&opener).unwrap().public();
        let uri = SanType::URI(seal_to_uri(&public).try_into().unwrap());
        assert_eq!(parsed.params.subject_alt_names, [uri]);
    }

    #[test]
    fn an_existing_key_or_request_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let made = request(&config).unwrap();
        let before = std::fs::read(&made.key).unwrap();
        assert!(matches!(request(&config), Err(Error::Exists(file)) if file == made.key));
        assert_eq!(std::fs::read(&made.key).unwrap(), before);
        std::fs::remove_file(&made.key).unwrap();
        assert!(matches!(request(&config), Err(Error::Exists(file)) if file == made.request));
        assert!(matches!(prepare(&config), Err(Error::Exists(_))));
        assert!(!made.key.exists());
    }

    #[test]
    fn what_is_there_is_used_and_a_key_of_before_gets_a_request_to_seal_to() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let first = prepare(&config).unwrap();
        let credentials = &config.credentials.directory;
        let request = std::fs::read(credentials.join(UPLINK_REQUEST)).unwrap();
        assert_eq!(prepare(&config).unwrap().key(), first.key());
        assert_eq!(std::fs::read(credentials.join(UPLINK_REQUEST)).unwrap(), request);
        std::fs::remove_file(credentials.join(REQUEST_KEY)).unwrap();
        let again = prepare(&config).unwrap();
        assert!(again.key() == first.key() && again.opener.public() != first.opener.public());
        assert_ne!(std::fs::read(credentials.join(UPLINK_REQUEST)).unwrap(), request);
    }
}
