//! Mutual TLS 1.3: who the receiver is, and who may speak to it.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use headgate_record::batch::check_appliance;
use headgate_record::enrolment::{EXPORTER, Session, region_of};

use crate::{Config, Error, files};

/// TLS 1.3 only, a certificate of the configured authority required from every client.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`].
pub fn server(config: &Config) -> Result<Arc<ServerConfig>, Error> {
    let unusable = |file: &Path, what| Error::Credential { file: file.to_path_buf(), what };
    let mut roots = RootCertStore::empty();
    for file in config.client_authorities() {
        for root in certificates(file)? {
            roots.add(root).map_err(|_| unusable(file, "certificate"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|_| unusable(&config.authority, "certificate"))?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| unusable(&config.key, "private key"))?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&config.certificate)?, key(config)?)
        .map_err(|error| unfit(config, &error))?;
    finish(&mut tls);
    Ok(Arc::new(tls))
}

/// TLS 1.3 for appliances that have no certificate yet. The authority's certificates go along: an appliance that comes with a
/// token knows the hash of one of them, and no more.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`].
pub fn enrolment(config: &Config) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut chain = certificates(&config.certificate)?;
    chain.extend(certificates(&config.authority)?);
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Error::Credential { file: config.key.clone(), what: "private key" })?
        .with_no_client_auth()
        .with_single_cert(chain, key(config)?)
        .map_err(|error| unfit(config, &error))?;
    finish(&mut tls);
    Ok(Arc::new(tls))
}

fn key(config: &Config) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(&files::read(&config.key)?)
        .map_err(|_| Error::Credential { file: config.key.clone(), what: "private key" })
}

fn unfit(config: &Config, error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            Error::Credential { file: config.certificate.clone(), what: "certificate for the key" }
        }
        _ => Error::Credential { file: config.key.clone(), what: "private key" },
    }
}

/// Draws a first random number: what that takes at the beginning, some hundredths of a second, no appliance waits for.
///
/// # Errors
/// [`Error::Key`] when the system gives no randomness.
pub fn begin_randomness(tls: &ServerConfig) -> Result<(), Error> {
    tls.crypto_provider().secure_random.fill(&mut [0; 1]).map_err(|_| Error::Key)
}

fn finish(tls: &mut ServerConfig) {
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every connection proves its certificate anew: a resumed session would outlive its expiry.
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
}

/// Who is on a connection.
pub struct Client {
    /// The appliance that its certificate names.
    pub appliance: Option<String>,
    /// What only the two ends of the connection know.
    pub session: Option<Session>,
}

impl Client {
    /// The client of a connection that is made.
    pub fn of(connection: &ServerConnection) -> Client {
        // RFC 9266, 4.2: no context is the same as one of no octets (RFC 8446, 7.5).
        let session = connection.export_keying_material([0; 32], EXPORTER, None).ok();
        Client { appliance: appliance(connection.peer_certificates()), session }
    }
}

/// Whether a certificate says that its holder keeps what it has in `region`.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`]; [`Error::OtherRegion`] when it does not.
pub fn check_region(config: &Config) -> Result<(), Error> {
    let own = certificates(&config.certificate)?;
    let said = own.first().map(|own| regions(own)).unwrap_or_default();
    match &config.region {
        // One of before, which says none: appliances that pin a region will not come, and say why.
        _ if said.is_empty() => Ok(()),
        Some(region) if said.contains(region) => Ok(()),
        _ => Err(Error::OtherRegion { file: config.certificate.clone(), said: said.join(", ") }),
    }
}

/// The regions that a certificate says.
pub fn regions(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => region_of(uri),
        _ => None,
    });
    uris.map(str::to_owned).collect()
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
