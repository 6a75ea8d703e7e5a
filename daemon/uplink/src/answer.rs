//! The answer to a request: PEM blocks, the same over the network and on a medium.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use headgate_record::enrolment::{ANSWER_SECRET, MAX_ANSWER_BYTES, SECRET_INFO, SealedSecret, Secret};
use headgate_record::sealed::public_key;
use headgate_service::config::ApplianceId;

use crate::credentials::Identity;
use crate::error::CredentialFault;
use crate::request::Pair;

/// What an answer holds. No `Debug`: it holds a secret.
pub struct Answer {
    /// What the appliance is from now on.
    pub identity: Identity,
    /// Certificate of the authority of receivers, DER.
    pub authority: Vec<u8>,
    /// Key that signs receipts (SubjectPublicKeyInfo, DER).
    pub receipts: Vec<u8>,
    /// Key that batches are sealed to (SubjectPublicKeyInfo, DER).
    pub sealing: Vec<u8>,
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFault {
    /// It is not what the receiver writes.
    #[error("is no answer of `headgate-receiver sign`: {0}")]
    Form(&'static str),
    /// Its certificate is not the appliance's.
    #[error("its certificate {0}")]
    Certificate(CredentialFault),
    /// Its certificate is for another key.
    #[error("answers another request than the one here: its certificate is for another key")]
    OtherKey,
    /// Its secret does not open.
    #[error("answers another request than the one here: its secret does not open")]
    Closed,
}

/// Reads the answer to the request of `pair`, and opens its secret.
///
/// # Errors
/// What is wrong with it; nothing was changed.
pub fn open(content: &[u8], pair: &Pair, appliance: &ApplianceId) -> Result<Answer, AnswerFault> {
    if content.len() > MAX_ANSWER_BYTES {
        return Err(AnswerFault::Form("it is too large"));
    }
    let (mut certificates, mut receipts, mut sealing, mut sealed) = (Vec::new(), None, None, None);
    let blocks = pem::parse_many(content).map_err(|_| AnswerFault::Form("it is not PEM"))?;
    for block in blocks.into_iter().take(MAX_BLOCKS) {
        let label = block.tag().to_owned();
        let contents = block.into_contents();
        match label.as_str() {
            "CERTIFICATE" => certificates.push(contents),
            "PUBLIC KEY" if public_key(&contents).is_some() => sealing = Some(contents),
            "PUBLIC KEY" => receipts = Some(contents),
            ANSWER_SECRET => sealed = SealedSecret::decode(&contents).ok(),
            _ => {}
        }
    }
    let missing = AnswerFault::Form("a part is missing");
    let (Some(sealed), Some(receipts), Some(sealing)) = (sealed, receipts, sealing) else {
        return Err(missing);
    };
    let mut certificates = certificates.into_iter();
    let (Some(own), Some(authority)) = (certificates.next(), certificates.next()) else {
        return Err(missing);
    };

    let secret = unseal(&sealed, pair, appliance).ok_or(AnswerFault::Closed)?;
    let chain = vec![CertificateDer::from(own)];
    let identity =
        Identity::of(chain, pair.key(), Some(secret), appliance).map_err(AnswerFault::Certificate)?;
    if !belong_together(&identity) {
        return Err(AnswerFault::OtherKey);
    }
    Ok(Answer { identity, authority, receipts, sealing })
}

fn unseal(sealed: &SealedSecret, pair: &Pair, appliance: &ApplianceId) -> Option<Secret> {
    if sealed.appliance != appliance.as_str() {
        return None;
    }
    let octets = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        pair.opener.key(),
        &Deserializable::from_bytes(&sealed.encapsulated).ok()?,
        SECRET_INFO,
        &sealed.ciphertext,
        &SealedSecret::associated_data(&sealed.appliance, sealed.generation),
    );
    Secret::new(sealed.generation, &Zeroizing::new(octets.ok()?))
}

fn belong_together(identity: &Identity) -> bool {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certified = provider
        .key_provider
        .load_private_key(identity.key.clone_key())
        .ok()
        .map(|key| rustls::sign::CertifiedKey::new(identity.chain.clone(), key).keys_match());
    matches!(certified, Some(Ok(())))
}

/// Most PEM blocks of an answer that are looked at.
const MAX_BLOCKS: usize = 16;
