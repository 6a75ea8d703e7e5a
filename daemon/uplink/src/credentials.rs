//! The appliance's certificate and key, and the pinned authority.
//!
//! They are read again when a file changes, so that rotation needs no restart. What cannot be used
//! never replaces what can: the last good set stays.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};
use zeroize::Zeroizing;

use headgate_service::config::{ApplianceId, Headgate};
use headgate_service::credential::{
    self, AUTHORITY, COLLECTOR_AUTHORITY, COLLECTOR_HEADERS, UPLINK_CERTIFICATE, UPLINK_KEY,
};

use crate::Error;
use crate::error::CredentialFault;
use crate::problem::Problem;

/// What the uplink proves itself and recognises the receiver with. No `Debug`: it holds a key.
pub struct Credentials {
    directory: PathBuf,
    appliance: ApplianceId,
    seen: Stamps,
    loaded: Loaded,
}

struct Loaded {
    tls: Arc<ClientConfig>,
    not_before: ASN1Time,
    not_after: ASN1Time,
}

impl Credentials {
    /// Reads the three files.
    ///
    /// # Errors
    /// [`Error::Credential`] with the file and what to do. A certificate that has expired is no error
    /// here; see [`Credentials::check`].
    pub fn load(config: &Headgate) -> Result<Credentials, Error> {
        let directory = config.credentials.directory.clone();
        let appliance = config.appliance.id.clone();
        // Before reading, so that a change in between is seen later.
        let seen = stamps(&directory);
        let loaded = load(&directory, &appliance)?;
        Ok(Credentials { directory, appliance, seen, loaded })
    }

    /// Reads the files again when one has changed. Whether there is a new set.
    pub fn refresh(&mut self) -> bool {
        let now = stamps(&self.directory);
        if now == self.seen {
            return false;
        }
        self.seen = now;
        match load(&self.directory, &self.appliance) {
            Ok(loaded) => {
                self.loaded = loaded;
                log::info!(event = "credentials_reloaded"; "credentials have changed and are in use");
                true
            }
            Err(error) => {
                log::warn!(event = "credentials_refused"; "changed credentials are not used, the last good ones stay: {error}");
                false
            }
        }
    }

    /// Whether the appliance's own certificate is valid by its own clock.
    pub fn check(&self) -> Result<(), Problem> {
        check(&self.loaded.not_before, &self.loaded.not_after)
    }

    /// How to open a connection.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.loaded.tls)
    }
}

/// What the appliance proves with that it is itself. No `Debug`: it holds a key.
pub struct Identity {
    /// Its certificate, and those between it and the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of that certificate.
    pub key: PrivateKeyDer<'static>,
    not_before: ASN1Time,
    not_after: ASN1Time,
}

impl Identity {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// As [`Credentials::load`]; that they do not belong together is not seen here.
    pub fn load(directory: &Path, appliance: &ApplianceId) -> Result<Identity, Error> {
        identity(directory, appliance)
    }

    /// As [`Credentials::check`].
    pub fn check(&self) -> Result<(), Problem> {
        check(&self.not_before, &self.not_after)
    }
}

/// What the site's own collector is recognised by, and what it knows the appliance by. No `Debug`: it may hold a token.
pub struct CollectorCredentials {
    tls: Option<Arc<ClientConfig>>,
    headers: HeaderMap,
}

impl CollectorCredentials {
    /// Reads the authority, where there is to be TLS, and the headers, where there are any.
    ///
    /// # Errors
    /// [`Error::Credential`] with the file and what to do.
    pub fn load(directory: &Path, is_tls: bool) -> Result<CollectorCredentials, Error> {
        let tls = if is_tls { Some(collector_tls(directory)?) } else { None };
        let file = credential::path(directory, COLLECTOR_HEADERS);
        let headers = if file.exists() { headers(&file)? } else { HeaderMap::new() };
        Ok(CollectorCredentials { tls, headers })
    }

    /// How to open a connection; `None` for one to this machine without TLS.
    pub fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    /// What goes with each request.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

fn collector_tls(directory: &Path) -> Result<Arc<ClientConfig>, Error> {
    let file = credential::path(directory, COLLECTOR_AUTHORITY);
    let fault = || Error::Credential { file: file.clone(), fault: CredentialFault::Content("certificate") };
    let mut roots = RootCertStore::empty();
    for root in certificates(&file)? {
        roots.add(root).map_err(|_| fault())?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| fault())?;
    let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn headers(file: &Path) -> Result<HeaderMap, Error> {
    let fault = || Error::Credential {
        file: file.to_path_buf(),
        fault: CredentialFault::Content("list of headers, `Name: value` on each line"),
    };
    let content = read(file)?;
    let text = std::str::from_utf8(&content).map_err(|_| fault())?;
    let mut headers = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(fault)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| fault())?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| fault())?;
        value.set_sensitive(true);
        if headers.len() >= MAX_HEADERS || headers.insert(name, value).is_some() {
            return Err(fault());
        }
    }
    Ok(headers)
}

fn check(not_before: &ASN1Time, not_after: &ASN1Time) -> Result<(), Problem> {
    let now = ASN1Time::now();
    if now > *not_after {
        return Err(Problem::OwnExpired);
    }
    if now < *not_before {
        return Err(Problem::OwnNotYetValid);
    }
    Ok(())
}

fn identity(directory: &Path, appliance: &ApplianceId) -> Result<Identity, Error> {
    let certificate = credential::path(directory, UPLINK_CERTIFICATE);
    let key = credential::path(directory, UPLINK_KEY);
    let fault = |file: &Path, fault| Error::Credential { file: file.to_path_buf(), fault };
    let chain = certificates(&certificate)?;
    let unusable = || fault(&certificate, CredentialFault::Content("certificate"));
    let own = chain.first().ok_or_else(unusable)?;
    let (_, own) = X509Certificate::from_der(own).map_err(|_| unusable())?;
    let (not_before, not_after) = (own.validity().not_before, own.validity().not_after);
    let mut names = own.subject().iter_common_name();
    let name = names.next().and_then(|n| n.as_str().ok());
    if name != Some(appliance.as_str()) || names.next().is_some() {
        return Err(fault(&certificate, CredentialFault::OtherAppliance));
    }
    drop(names);
    let secret = PrivateKeyDer::from_pem_slice(&read(&key)?)
        .map_err(|_| fault(&key, CredentialFault::Content("private key")))?;
    Ok(Identity { chain, key: secret, not_before, not_after })
}

fn load(directory: &Path, appliance: &ApplianceId) -> Result<Loaded, Error> {
    let authority = credential::path(directory, AUTHORITY);
    let certificate = credential::path(directory, UPLINK_CERTIFICATE);
    let key = credential::path(directory, UPLINK_KEY);
    let fault = |file: &Path, fault| Error::Credential { file: file.to_path_buf(), fault };

    let mut roots = RootCertStore::empty();
    for root in certificates(&authority)? {
        roots.add(root).map_err(|_| fault(&authority, CredentialFault::Content("certificate")))?;
    }
    let Identity { chain, key: secret, not_before, not_after } = identity(directory, appliance)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| fault(&authority, CredentialFault::Content("certificate")))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, secret)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => fault(&certificate, CredentialFault::Mismatch),
            _ => fault(&key, CredentialFault::Content("private key")),
        })?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every connection proves both certificates anew; a session of a rotated certificate is no proof.
    tls.resumption = rustls::client::Resumption::disabled();
    Ok(Loaded { tls: Arc::new(tls), not_before, not_after })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found =
        CertificateDer::pem_slice_iter(&read(file)?).take(MAX_CERTIFICATES).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Credential {
            file: file.to_path_buf(),
            fault: CredentialFault::Content("certificate"),
        }),
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fault = |fault| Error::Credential { file: file.to_path_buf(), fault };
    let unreadable = |error| fault(CredentialFault::Read(error));
    let open = File::open(file).map_err(unreadable)?;
    // Room for all at once: growing would leave copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_CAPACITY));
    open.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        Ok(content)
    } else {
        Err(fault(CredentialFault::TooLarge(MAX_FILE_BYTES)))
    }
}

type Stamps = [Option<Stamp>; 3];

/// What changes when a file is written or replaced.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

fn stamps(directory: &Path) -> Stamps {
    [AUTHORITY, UPLINK_CERTIFICATE, UPLINK_KEY].map(|name| {
        let facts = std::fs::metadata(credential::path(directory, name)).ok()?;
        Some(Stamp {
            inode: facts.ino(),
            length: facts.len(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        })
    })
}

/// Largest key or certificate file, in octets.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// One more than that is read, to see that there is more; `read_to_end` wants some room beyond.
const MAX_FILE_CAPACITY: usize = (64 << 10) + 64;
/// Most headers of a collector.
const MAX_HEADERS: usize = 16;
/// Most certificates in one file.
const MAX_CERTIFICATES: usize = 16;
