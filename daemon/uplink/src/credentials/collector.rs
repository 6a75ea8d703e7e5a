//! What the site's own collector is recognised by, and what it knows the appliance by.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ClientConfig, RootCertStore};

use headgate_service::credential::{self, COLLECTOR_AUTHORITY, COLLECTOR_HEADERS};

use super::read::{Stamp, certificates, read, stamps};
use crate::Error;
use crate::error::CredentialFault;

/// What the site's own collector is recognised by, and what it knows the appliance by. No `Debug`: it may hold a token.
pub struct CollectorCredentials {
    directory: PathBuf,
    is_tls: bool,
    seen: [Option<Stamp>; 2],
    loaded: Loaded,
}

struct Loaded {
    tls: Option<Arc<ClientConfig>>,
    headers: HeaderMap,
}

impl CollectorCredentials {
    /// Reads the authority, where there is to be TLS, and the headers, where there are any.
    ///
    /// # Errors
    /// [`Error::Credential`] with the file and what to do.
    pub fn load(directory: &Path, is_tls: bool) -> Result<CollectorCredentials, Error> {
        // Before reading, so that a change in between is seen later.
        let seen = watched(directory);
        let loaded = load(directory, is_tls)?;
        Ok(CollectorCredentials { directory: directory.to_path_buf(), is_tls, seen, loaded })
    }

    /// Reads the files again when one has changed. Whether there is a new set; what cannot be used never replaces what can.
    pub fn refresh(&mut self) -> bool {
        let now = watched(&self.directory);
        if now == self.seen {
            return false;
        }
        self.seen = now;
        match load(&self.directory, self.is_tls) {
            Ok(loaded) => {
                self.loaded = loaded;
                log::info!(event = "credentials_reloaded"; "what the collector is known by has changed and is in use");
                true
            }
            Err(error) => {
                log::warn!(event = "credentials_refused"; "changed credentials are not used, the last good ones stay: {error}");
                false
            }
        }
    }

    /// How to open a connection; `None` for one to this machine without TLS.
    pub fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.loaded.tls.clone()
    }

    /// What goes with each request.
    pub fn headers(&self) -> &HeaderMap {
        &self.loaded.headers
    }
}

fn watched(directory: &Path) -> [Option<Stamp>; 2] {
    stamps(directory, [COLLECTOR_AUTHORITY, COLLECTOR_HEADERS])
}

fn load(directory: &Path, is_tls: bool) -> Result<Loaded, Error> {
    let tls = if is_tls { Some(collector_tls(directory)?) } else { None };
    let file = credential::path(directory, COLLECTOR_HEADERS);
    let headers = if file.exists() { headers(&file)? } else { HeaderMap::new() };
    Ok(Loaded { tls, headers })
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

/// Most headers of a collector.
const MAX_HEADERS: usize = 16;
