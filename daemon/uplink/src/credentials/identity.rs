//! What the appliance proves with that it is itself.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use headgate_record::batch::digest;
use headgate_record::enrolment::Secret;
use headgate_service::config::{ApplianceId, Headgate};
use headgate_service::credential::{self, UPLINK_CERTIFICATE, UPLINK_KEY, UPLINK_SECRET};

use super::kept::Kept;
use super::read::{certificates, read};
use crate::Error;
use crate::error::CredentialFault;
use crate::problem::Problem;

/// Certificate, key and secret. No `Debug`: it holds a key.
pub struct Identity {
    /// Its certificate, and those between it and the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of that certificate.
    pub key: PrivateKeyDer<'static>,
    /// The secret beside it; none where the appliance was enrolled before there were secrets.
    pub secret: Option<Secret>,
    /// From when the certificate is valid.
    pub not_before: ASN1Time,
    /// Until when.
    pub not_after: ASN1Time,
}

impl Identity {
    /// What the appliance is by now: what was renewed, or else what was enrolled.
    ///
    /// # Errors
    /// As [`super::Credentials::load`]; that certificate and key do not belong together is not seen here.
    pub fn load(config: &Headgate) -> Result<Identity, Error> {
        let appliance = &config.appliance.id;
        let enrolled = Identity::enrolled(&config.credentials.directory, appliance)?;
        let renewed = Kept::new(&config.uplink.directory).current(&enrolled.digest(), appliance);
        Ok(renewed.ok().flatten().unwrap_or(enrolled))
    }

    /// What was enrolled.
    ///
    /// # Errors
    /// [`Error::Credential`].
    pub fn enrolled(directory: &Path, appliance: &ApplianceId) -> Result<Identity, Error> {
        let certificate = credential::path(directory, UPLINK_CERTIFICATE);
        let key = credential::path(directory, UPLINK_KEY);
        let secret = credential::path(directory, UPLINK_SECRET);
        let fault = |file: &Path, fault| Error::Credential { file: file.to_path_buf(), fault };
        // An answer that was put here as it came holds the authority's certificates, too; the appliance's is the first.
        let chain: Vec<_> = certificates(&certificate)?.into_iter().take(1).collect();
        let key = PrivateKeyDer::from_pem_slice(&read(&key)?)
            .map_err(|_| fault(&key, CredentialFault::Content("private key")))?;
        let secret = match secret.exists().then(|| read(&secret)).transpose()? {
            Some(content) if content.as_slice() != ABSENT => {
                Some(Secret::from_file(&content).ok_or_else(|| fault(&secret, CredentialFault::Secret))?)
            }
            _ => None,
        };
        Identity::of(chain, key, secret, appliance).map_err(|found| fault(&certificate, found))
    }

    /// Of these parts, where the certificate is one and names the appliance.
    ///
    /// # Errors
    /// What is wrong with the certificate.
    pub fn of(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        secret: Option<Secret>,
        appliance: &ApplianceId,
    ) -> Result<Identity, CredentialFault> {
        let own = chain.first().ok_or(CredentialFault::Content("certificate"))?;
        let (not_before, not_after) = leaf_facts(own, appliance)?;
        Ok(Identity { chain, key, secret, not_before, not_after })
    }

    /// SHA-256 of the certificate.
    pub fn digest(&self) -> [u8; 32] {
        digest(self.chain.first().map_or(&[][..], |own| own.as_ref()))
    }

    /// As [`super::Loaded::check`].
    pub fn check(&self) -> Result<(), Problem> {
        super::check(&self.not_before, &self.not_after)
    }
}

/// From when until when a certificate is valid, where it names the appliance.
///
/// # Errors
/// What is wrong with it.
fn leaf_facts(
    der: &CertificateDer<'_>,
    appliance: &ApplianceId,
) -> Result<(ASN1Time, ASN1Time), CredentialFault> {
    let (_, own) = X509Certificate::from_der(der).map_err(|_| CredentialFault::Content("certificate"))?;
    let mut names = own.subject().iter_common_name();
    let name = names.next().and_then(|n| n.as_str().ok());
    if name != Some(appliance.as_str()) || names.next().is_some() {
        return Err(CredentialFault::OtherAppliance);
    }
    Ok((own.validity().not_before, own.validity().not_after))
}

/// What the service manager hands over where there is no secret.
const ABSENT: &[u8] = b"absent";
