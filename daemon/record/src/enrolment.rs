//! How an appliance comes to be known: what its request, the receiver's answer and a token say.
//!
//! A request is PKCS #10 (RFC 2986). Its common name is the appliance; among its alternative names a URI ([`seal_to_uri`]) names
//! the X25519 key that the appliance's secret is sealed to, so that the request's own signature covers it. The answer is text:
//! PEM blocks, of which [`ANSWER_SECRET`] holds a [`SealedSecret`]. It is the same over the network and on a medium. Requests,
//! certificates and HPKE (RFC 9180) are the uplink's and the receiver's; this module fixes names, bounds and encodings.

use std::fmt;

use prost::Message;

use crate::batch::{check_appliance, is_region};
use crate::{Error, ledger};

mod secret;
mod token;

pub use secret::{EXPORTER, PROOF_HEADER, Proof, Root, SECRET_OCTETS, Secret, Session};
pub use token::{MAX_TOKEN_BYTES, TOKEN_SECRET_OCTETS, Token, token_hash};

/// Where an appliance with a token asks, without a certificate.
pub const ENROLL_PATH: &str = "/v1/enroll";
/// Where an appliance has its certificate and its secret renewed, as itself.
pub const RENEW_PATH: &str = "/v1/renew";
/// Where an appliance asks whether it is known, as itself: nothing is sent and nothing is stored.
pub const KNOWN_PATH: &str = "/v1/known";
/// Largest request and largest answer, octets.
pub const MAX_ANSWER_BYTES: usize = 32 << 10;
/// Label of the PEM block that holds a [`SealedSecret`].
pub const ANSWER_SECRET: &str = "HEADGATE SEALED SECRET";
/// `info` of RFC 9180, 5.1.
pub const SECRET_INFO: &[u8] = b"headgate appliance secret v1";

const VERSION: u32 = 1;
const REGION_URI: &str = "urn:headgate:region:";
const SEAL_TO_URI: &str = "urn:headgate:seal-to:";

/// The URI, among the alternative names of a receiver's certificate, that says in which region it keeps what it has.
#[must_use]
pub fn region_uri(region: &str) -> String {
    format!("{REGION_URI}{region}")
}

/// The region that a URI names, where it names one.
#[must_use]
pub fn region_of(uri: &str) -> Option<&str> {
    uri.strip_prefix(REGION_URI).filter(|region| is_region(region))
}

/// The URI, among the alternative names of a request, that names the X25519 key to which the secret is sealed.
#[must_use]
pub fn seal_to_uri(public_key: &[u8; 32]) -> String {
    format!("{SEAL_TO_URI}{}", ledger::hex(public_key))
}

/// The key that a URI names, where it names one.
#[must_use]
pub fn seal_to_of(uri: &str) -> Option<[u8; 32]> {
    ledger::octets(uri.strip_prefix(SEAL_TO_URI)?)
}

/// An appliance's secret, sealed to the key that its request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Whose it is.
    pub appliance: String,
    /// Which: a later one has a larger number.
    pub generation: u64,
    /// `enc` of RFC 9180.
    pub encapsulated: [u8; 32],
    /// The 32 octets of the secret, encrypted, and the tag.
    pub ciphertext: Vec<u8>,
}

impl SealedSecret {
    /// The octets of the PEM block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        SecretMessage {
            version: VERSION,
            appliance: self.appliance.clone(),
            generation: self.generation,
            encapsulated: self.encapsulated.to_vec(),
            ciphertext: self.ciphertext.clone(),
        }
        .encode_to_vec()
    }

    /// Reads what [`SealedSecret::encode`] wrote.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<SealedSecret, Error> {
        const WHAT: &str = "sealed secret";
        if bytes.len() > MAX_ANSWER_BYTES {
            return Err(Error::Limit { what: WHAT, limit: MAX_ANSWER_BYTES });
        }
        let message = SecretMessage::decode(bytes).map_err(|_| Error::Encoding(WHAT))?;
        if message.version != VERSION {
            return Err(Error::Version { message: WHAT, found: message.version, expected: VERSION });
        }
        check_appliance(&message.appliance)?;
        Ok(SealedSecret {
            appliance: message.appliance,
            generation: message.generation,
            encapsulated: message.encapsulated.as_slice().try_into().map_err(|_| Error::Encoding(WHAT))?,
            ciphertext: message.ciphertext,
        })
    }

    /// What is bound to the ciphertext (`aad` of RFC 9180): length of the appliance's name (1 octet), the name, generation (8).
    #[must_use]
    pub fn associated_data(appliance: &str, generation: u64) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(appliance.len()).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(appliance.as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes
    }
}

#[derive(Clone, PartialEq, Message)]
struct SecretMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    appliance: String,
    #[prost(uint64, tag = "3")]
    generation: u64,
    #[prost(bytes = "vec", tag = "4")]
    encapsulated: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    ciphertext: Vec<u8>,
}

/// What an appliance with a token says: the token's identity and secret, and its request.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct EnrollRequest {
    /// Which token.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// The token's secret.
    #[prost(bytes = "vec", tag = "2")]
    pub secret: Vec<u8>,
    /// The signing request, PEM.
    #[prost(string, tag = "3")]
    pub request: String,
}

impl fmt::Debug for EnrollRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrollRequest")
    }
}

impl Drop for EnrollRequest {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_survives_its_encoding() {
        let sealed = SealedSecret {
            appliance: "site-1".into(),
            generation: 9,
            encapsulated: [2; 32],
            ciphertext: vec![3; 48],
        };
        assert_eq!(SealedSecret::decode(&sealed.encode()), Ok(sealed.clone()));
        let foreign = SealedSecret { appliance: "../x".into(), ..sealed };
        assert!(SealedSecret::decode(&foreign.encode()).is_err());
    }

    #[test]
    fn uris_name_what_they_were_made_of_and_nothing_else() {
        assert_eq!(region_of(&region_uri("eu-west")), Some("eu-west"));
        assert_eq!(region_of("urn:headgate:region:EU"), None);
        assert_eq!(region_of("https://headgate/region/eu"), None);
        assert_eq!(seal_to_of(&seal_to_uri(&[7; 32])), Some([7; 32]));
        assert_eq!(seal_to_of("urn:headgate:seal-to:07"), None);
    }
}
