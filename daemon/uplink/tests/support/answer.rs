//! What a receiver answers to a request for a certificate.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeS, Serializable};
use rcgen::{CertificateSigningRequestParams, PublicKey, SanType};

use headgate_record::enrolment::{ANSWER_SECRET, SECRET_INFO, SealedSecret, seal_to_of};

use super::Authority;

/// A request that has arrived.
pub struct Request {
    pub key: PublicKey,
    seal_to: [u8; 32],
}

impl Request {
    pub fn read(pem: &[u8]) -> Request {
        let read = CertificateSigningRequestParams::from_pem(std::str::from_utf8(pem).unwrap()).unwrap();
        let seal_to = read.params.subject_alt_names.iter().find_map(|name| match name {
            SanType::URI(uri) => seal_to_of(uri.as_str()),
            _ => None,
        });
        Request { key: read.public_key, seal_to: seal_to.unwrap() }
    }

    /// An answer with this certificate, and a secret of `appliance`.
    pub fn answer(&self, authority: &Authority, certificate: &str, appliance: &str) -> String {
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &Deserializable::from_bytes(&self.seal_to).unwrap(),
            SECRET_INFO,
            &[5; 32],
            &SealedSecret::associated_data(appliance, 99),
        )
        .unwrap();
        let encapsulated = encapsulated.to_bytes().into();
        let sealed = SealedSecret { appliance: appliance.into(), generation: 99, encapsulated, ciphertext };
        // Ed25519 and X25519 (RFC 8410) are told apart by their algorithm.
        let public = |algorithm: u8| {
            pem(
                "PUBLIC KEY",
                &[
                    &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, algorithm, 0x03, 0x21, 0x00][..],
                    &[9; 32],
                ]
                .concat(),
            )
        };
        [certificate, &authority.pem(), &public(0x70), &public(0x6e), &pem(ANSWER_SECRET, &sealed.encode())]
            .concat()
    }
}

pub fn pem(label: &str, octets: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, octets))
}
