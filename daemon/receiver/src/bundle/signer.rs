//! Who signed a manifest: an appliance whose certificate is this organisation's, as on the wire.

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use headgate_record::bundle::{Signed, signed_bytes};

use super::Fault;
use crate::{Config, Error, tls};

/// The appliance that signed, once all is verified: its certificate comes from an authority for clients, is for clients and valid now, and
/// its key signed the manifest.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`] for an authority's certificate; a [`Fault`] inside `Ok` for what is not so.
pub fn verify(config: &Config, signed: &Signed) -> Result<Result<String, Fault>, Error> {
    let mut authorities = Vec::new();
    for file in config.client_authorities() {
        authorities.extend(tls::certificates(file)?);
    }
    let anchors = authorities.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>();
    let unusable = |_| Error::Credential { file: config.authority.clone(), what: "certificate" };
    Ok(appliance(&anchors.map_err(unusable)?, signed))
}

fn appliance(anchors: &[rustls::pki_types::TrustAnchor<'_>], signed: &Signed) -> Result<String, Fault> {
    let certificates: Vec<CertificateDer<'_>> =
        signed.certificates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let Some((own, between)) = certificates.split_first() else {
        return Err(Fault::Certificate("the manifest has no certificate"));
    };
    let certificate =
        EndEntityCert::try_from(own).map_err(|_| Fault::Certificate("its certificate is none"))?;
    let usage = KeyUsage::client_auth();
    let chain = certificate.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        anchors,
        between,
        UnixTime::now(),
        usage,
        None,
        None,
    );
    match chain {
        Ok(_) => {}
        Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
            return Err(Fault::Expired);
        }
        Err(_) => return Err(Fault::Certificate("its certificate does not come from this authority")),
    }
    let (_, algorithm) = SCHEMES
        .into_iter()
        .find(|(scheme, _)| *scheme == signed.scheme)
        .ok_or(Fault::Certificate("it is signed in a way that is not known here"))?;
    let message = signed_bytes(&signed.manifest);
    certificate.verify_signature(algorithm, &message, &signed.signature).map_err(|_| Fault::Signature)?;
    tls::appliance(Some(&certificates)).ok_or(Fault::Certificate("its certificate names no appliance"))
}

/// `SignatureScheme` of TLS (RFC 8446, 4.2.3): ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ed25519.
const SCHEMES: [(u16, &dyn SignatureVerificationAlgorithm); 3] = [
    (0x0403, webpki::aws_lc_rs::ECDSA_P256_SHA256),
    (0x0503, webpki::aws_lc_rs::ECDSA_P384_SHA384),
    (0x0807, webpki::aws_lc_rs::ED25519),
];
