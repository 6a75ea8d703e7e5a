//! What the receiver must prove before anything is said to it: that it is of the pinned authority, and in a region that the site allows.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use headgate_record::batch::digest;
use headgate_record::enrolment::region_of;

/// That the receiver is in none of the regions that the site allows. In the handshake: neither a certificate of ours nor an octet of
/// a request has left by then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver's certificate says no region that is allowed")]
pub struct OtherRegion {
    /// What it says: empty for nothing.
    pub said: String,
}

/// Verifies the enrolled receiver.
#[derive(Debug)]
pub struct Receiver {
    verifier: Arc<WebPkiServerVerifier>,
    regions: Vec<String>,
}

impl Receiver {
    /// One whose certificate comes from one of these authorities; where regions are named, it must say one of them. Nothing where
    /// an authority's certificate is none.
    pub fn of(authorities: &[CertificateDer<'static>], regions: Vec<String>) -> Option<Receiver> {
        Some(Receiver { verifier: web_pki(authorities)?, regions })
    }
}

impl ServerCertVerifier for Receiver {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(own, between, name, ocsp, now)?;
        if !self.regions.is_empty() {
            check_region(own, |region| self.regions.iter().any(|allowed| allowed == region))?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Verifies the receiver that a token names: of its authority nothing is known but a hash, so it sends the certificate along.
#[derive(Debug)]
pub struct Pinned {
    authority: [u8; 32],
    region: String,
    /// Any verifier: how signatures are verified does not depend on the authority.
    signatures: rustls::crypto::WebPkiSupportedAlgorithms,
}

impl Pinned {
    /// One whose certificate comes from the authority whose certificate has this SHA-256, and says this region, if any.
    pub fn to(authority: [u8; 32], region: String) -> Pinned {
        let signatures = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Pinned { authority, region, signatures }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let authority = between.iter().find(|der| digest(der) == self.authority).ok_or_else(unknown)?;
        let verifier = web_pki(&[authority.clone().into_owned()]).ok_or_else(unknown)?;
        let verified = verifier.verify_server_cert(own, between, name, ocsp, now)?;
        if !self.region.is_empty() {
            check_region(own, |region| region == self.region)?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // It is not offered.
        Err(rustls::Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, own, signed, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

fn web_pki(authorities: &[CertificateDer<'static>]) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).ok()?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()
}

fn check_region(own: &CertificateDer<'_>, is_allowed: impl Fn(&str) -> bool) -> Result<(), rustls::Error> {
    let said = regions(own);
    if said.iter().any(|region| is_allowed(region)) {
        return Ok(());
    }
    let other = OtherRegion { said: said.join(", ") };
    Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(other)))))
}

/// The regions that a receiver's certificate says.
pub fn regions(own: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(own) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => region_of(uri),
        _ => None,
    });
    uris.take(MAX_REGIONS).map(str::to_owned).collect()
}

/// Most regions of a certificate that are looked at.
const MAX_REGIONS: usize = 16;
