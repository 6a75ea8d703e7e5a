//! Mutual TLS 1.3: who the receiver is, and who may speak to it.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use headgate_record::batch::check_appliance;

use crate::{Config, Error, files};

/// TLS 1.3 only, a certificate of the configured authority required from every client.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`].
pub fn server(config: &Config) -> Result<Arc<ServerConfig>, Error> {
    let unusable = |file: &Path, what| Error::Credential { file: file.to_path_buf(), what };
    let mut roots = RootCertStore::empty();
    for root in certificates(&config.authority)? {
        roots.add(root).map_err(|_| unusable(&config.authority, "certificate"))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|_| unusable(&config.authority, "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&files::read(&config.key)?)
        .map_err(|_| unusable(&config.key, "private key"))?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| unusable(&config.key, "private key"))?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&config.certificate)?, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => unusable(&config.certificate, "certificate for the key"),
            _ => unusable(&config.key, "private key"),
        })?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every connection proves its certificate anew: a resumed session would outlive its expiry.
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    Ok(Arc::new(tls))
}

/// The appliance that a verified client certificate names: its one common name.
pub fn appliance(certificates: Option<&[CertificateDer<'_>]>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificates?.first()?).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?;
    let valid = names.next().is_none() && check_appliance(name).is_ok();
    valid.then(|| name.to_owned())
}

/// The certificates in a file, at least one and at most [`MAX_CERTIFICATES`].
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`].
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let content = files::read(file)?;
    match CertificateDer::pem_slice_iter(&content).take(MAX_CERTIFICATES).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Credential { file: file.to_path_buf(), what: "certificate" }),
    }
}

/// Most certificates in one file.
const MAX_CERTIFICATES: usize = 64;
