//! What the receiver must prove before anything is said to it: that it is of the pinned authority, and in a region that the site allows.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
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

/// Verifies the receiver, before anything is said to it.
#[derive(Debug)]
pub struct Receiver {
    authority: Authority,
    /// One of these must stand in its certificate; none where any will do.
    regions: Vec<String>,
    /// How signatures are verified does not depend on the authority.
    signatures: WebPkiSupportedAlgorithms,
}

/// Of whom its certificate is.
#[derive(Debug)]
enum Authority {
    /// Enrolled: the certificates of authorities are at hand.
    Known(Arc<WebPkiServerVerifier>),
    /// A token's: nothing is known but the SHA-256 of its certificate, so the receiver sends that along.
    Pinned([u8; 32]),
}

impl Receiver {
    /// One whose certificate comes from one of these authorities; where regions are named, it must say one of them. Nothing where
    /// an authority's certificate is none.
    pub fn of(authorities: &[CertificateDer<'static>], regions: Vec<String>) -> Option<Receiver> {
        Some(Receiver::new(Authority::Known(web_pki(authorities)?), regions))
    }

    /// One whose certificate comes from the authority whose certificate has this SHA-256, and says this region, if any.
    pub fn pinned(authority: [u8; 32], region: String) -> Receiver {
        let regions = if region.is_empty() { Vec::new() } else { vec![region] };
        Receiver::new(Authority::Pinned(authority), regions)
    }

    fn new(authority: Authority, regions: Vec<String>) -> Receiver {
        let signatures = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Receiver { authority, regions, signatures }
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
        let verifier = match &self.authority {
            Authority::Known(verifier) => Arc::clone(verifier),
            Authority::Pinned(pin) => {
                let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
                let authority = between.iter().find(|der| digest(der) == *pin).ok_or_else(unknown)?;
                web_pki(&[authority.clone().into_owned()]).ok_or_else(unknown)?
            }
        };
        let verified = verifier.verify_server_cert(own, between, name, ocsp, now)?;
        if !self.regions.is_empty() {
            check_region(own, &self.regions)?;
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

fn check_region(own: &CertificateDer<'_>, allowed: &[String]) -> Result<(), rustls::Error> {
    let said = regions(own);
    if said.iter().any(|region| allowed.contains(region)) {
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
