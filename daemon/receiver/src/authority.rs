//! The organisation's certificate authority: it names servers and appliances (RFC 5280).

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKey, SanType, SerialNumber,
};
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use headgate_record::batch::check_appliance;
use headgate_record::enrolment::{region_uri, seal_to_of};

use crate::{Error, files};

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Begin.
    pub from: SystemTime,
    /// End.
    pub until: SystemTime,
}

impl Validity {
    /// So many days from now. It began a day ago, for appliances whose clock is behind.
    #[must_use]
    pub fn days(days: u32) -> Validity {
        let now = SystemTime::now();
        Validity { from: now - DAY, until: now + DAY * days }
    }
}

/// A certificate and its private key, PEM. No `Debug`: it holds a key.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key, PKCS #8.
    pub key: Zeroizing<String>,
}

/// An authority that can sign. No `Debug`: it holds a key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority whose name begins so, with its certificate and key to be kept.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::Key`].
    pub fn create(name: &str, validity: Validity) -> Result<(Authority, Issued), Error> {
        // A name of its own, so that a certificate of another organisation is told apart by its issuer.
        let number = getrandom::u64().map_err(|_| Error::Key)?;
        let mut params = parameters(&format!("{name} {number:016x}"), validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let issued = Issued { certificate, key: Zeroizing::new(key.serialize_pem()) };
        Ok((Authority { issuer: Issuer::new(params, key) }, issued))
    }

    /// The authority of this certificate and key, PEM.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Credential`].
    pub fn open(certificate: &Path, key: &Path) -> Result<Authority, Error> {
        let unusable = |file: &Path, what| Error::Credential { file: file.to_path_buf(), what };
        let secret = files::read(key)?;
        let secret = std::str::from_utf8(&secret).ok().and_then(|pem| KeyPair::from_pem(pem).ok());
        let secret = secret.ok_or_else(|| unusable(key, "private key"))?;
        let pem = files::read(certificate)?;
        let issuer =
            std::str::from_utf8(&pem).ok().and_then(|pem| Issuer::from_ca_cert_pem(pem, secret).ok());
        Ok(Authority { issuer: issuer.ok_or_else(|| unusable(certificate, "certificate"))? })
    }

    /// A certificate for a server that is reached under `names`, and says its `region`.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that is neither a DNS name nor an address.
    pub fn server(
        &self,
        names: &[String],
        region: Option<&str>,
        validity: Validity,
    ) -> Result<Issued, Error> {
        let mut params = parameters(names.first().map_or("receiver", String::as_str), validity)?;
        for name in names {
            params.subject_alt_names.push(alternative_name(name)?);
        }
        if let Some(region) = region {
            params.subject_alt_names.push(SanType::URI(Ia5String::try_from(region_uri(region))?));
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate, key: Zeroizing::new(key.serialize_pem()) })
    }

    /// Signs an appliance's request. Of the request only the key and the common name go into the certificate: what it asks for
    /// beyond is not granted.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn appliance(&self, request: &[u8], validity: Validity) -> Result<Appliance, Refusal> {
        let Requested { name, key, seal_to } = requested(request)?;
        let sign = || {
            let mut params = parameters(&name, validity)?;
            params.subject_alt_names = vec![SanType::DnsName(Ia5String::try_from(name.as_str())?)];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            Ok::<_, Error>(params.signed_by(&key, &self.issuer)?.pem())
        };
        let certificate = sign().map_err(Refusal::Signing)?;
        Ok(Appliance { name, certificate, seal_to })
    }
}

/// What an appliance requests.
pub struct Requested {
    /// Its identifier.
    pub name: String,
    /// The key that is to be certified.
    pub key: PublicKey,
    /// The X25519 key that its secret is sealed to, where the request names one.
    pub seal_to: Option<[u8; 32]>,
}

/// Reads a request (PKCS #10, RFC 2986, in PEM), and verifies that the key in it signed it.
///
/// # Errors
/// What is wrong with the request.
pub fn requested(request: &[u8]) -> Result<Requested, Refusal> {
    let pem = std::str::from_utf8(request).map_err(|_| Refusal::Malformed)?;
    let request = CertificateSigningRequestParams::from_pem(pem).map_err(|error| match error {
        rcgen::Error::InvalidCertificationRequestSignature => Refusal::Signature,
        _ => Refusal::Malformed,
    })?;
    let name = match request.params.distinguished_name.get(&DnType::CommonName) {
        Some(DnValue::Utf8String(name)) => name.as_str(),
        Some(DnValue::PrintableString(name)) => name.as_str(),
        _ => return Err(Refusal::Name),
    };
    check_appliance(name).map_err(|_| Refusal::Name)?;
    let seal_to = request.params.subject_alt_names.iter().find_map(|name| match name {
        SanType::URI(uri) => seal_to_of(uri.as_str()),
        _ => None,
    });
    Ok(Requested { name: name.to_owned(), key: request.public_key, seal_to })
}

/// An appliance's certificate.
#[derive(Debug)]
pub struct Appliance {
    /// The appliance's identifier.
    pub name: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// The X25519 key that its secret is sealed to, where the request names one.
    pub seal_to: Option<[u8; 32]>,
}

/// Why a request is not signed.
#[derive(Debug)]
pub enum Refusal {
    /// It is no signing request in PEM.
    Malformed,
    /// It names no key, or none that can be sealed to, for the secret.
    SealTo,
    /// It is not signed by the key that it names.
    Signature,
    /// Its common name cannot be an appliance's identifier.
    Name,
    /// The signing failed.
    Signing(Error),
}

fn parameters(name: &str, validity: Validity) -> Result<CertificateParams, Error> {
    let mut serial = [0; SERIAL_OCTETS];
    getrandom::fill(&mut serial).map_err(|_| Error::Key)?;
    // RFC 5280, 4.1.2.2: positive.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = validity.from.into();
    params.not_after = validity.until.into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn alternative_name(name: &str) -> Result<SanType, Error> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let bad = || Error::Name(name.to_owned());
    ServerName::try_from(name).map_err(|_| bad())?;
    Ok(SanType::DnsName(Ia5String::try_from(name).map_err(|_| bad())?))
}

const DAY: Duration = Duration::from_secs(86_400);
/// 127 random bits and more (CA/Browser Forum asks for 64).
const SERIAL_OCTETS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> Authority {
        Authority::create("Authority", Validity::days(9)).unwrap().0
    }

    fn request(name: &str) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
    }

    #[test]
    fn a_request_gets_the_appliances_certificate_and_nothing_that_it_asks_for_beyond() {
        let signed = authority().appliance(request("site-1").as_bytes(), Validity::days(9)).unwrap();
        assert_eq!(signed.name, "site-1");
        let (_, pem) = x509_parser::pem::parse_x509_pem(signed.certificate.as_bytes()).unwrap();
        let certificate = pem.parse_x509().unwrap();
        assert!(!certificate.is_ca());
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
    }

    #[test]
    fn a_common_name_that_is_no_appliance_identifier_is_refused() {
        for name in ["", "Site 1", "../x", "site_1", &"x".repeat(65)] {
            let refused = authority().appliance(request(name).as_bytes(), Validity::days(9));
            assert!(matches!(refused, Err(Refusal::Name)), "{name}");
        }
    }

    #[test]
    fn a_request_that_its_key_did_not_sign_is_refused() {
        let request = request("site-1");
        let (_, parsed) = x509_parser::pem::parse_x509_pem(request.as_bytes()).unwrap();
        let mut der = parsed.contents;
        let place = der.windows(6).position(|w| w == b"site-1").unwrap();
        der[place + 5] = b'2';
        let forged = pem_of(&der);
        let refused = authority().appliance(forged.as_bytes(), Validity::days(9));
        assert!(matches!(refused, Err(Refusal::Signature)));
    }

    #[test]
    fn text_that_is_no_request_is_refused() {
        let refused = authority().appliance(b"hello", Validity::days(9));
        assert!(matches!(refused, Err(Refusal::Malformed)));
    }

    #[test]
    fn a_server_name_with_a_blank_is_refused() {
        let refused = authority().server(&["a b".into()], None, Validity::days(9));
        assert!(matches!(refused, Err(Error::Name(name)) if name == "a b"));
        assert!(
            authority().server(&["::1".into(), "example.org".into()], Some("eu"), Validity::days(9)).is_ok()
        );
    }

    #[test]
    fn serial_numbers_differ() {
        let [a, b] = [0; 2].map(|_| parameters("x", Validity::days(1)).unwrap().serial_number.unwrap());
        assert_ne!(a, b);
    }

    fn pem_of(der: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::from("-----BEGIN CERTIFICATE REQUEST-----\n");
        for chunk in der.chunks(3) {
            let bits = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            for i in 0..4 {
                let digit = (bits >> (18 - 6 * i) & 63) as usize;
                text.push(if i <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
            }
        }
        text.push_str("\n-----END CERTIFICATE REQUEST-----\n");
        text
    }
}
