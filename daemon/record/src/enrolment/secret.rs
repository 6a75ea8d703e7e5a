//! The secret that an appliance has beside its certificate, and how it proves on a connection that it has it.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, ledger};

/// Header of every request that an appliance makes as itself.
pub const PROOF_HEADER: &str = "headgate-proof";
/// Length of a secret as it lies in a file: its generation (8, big-endian) and 32 octets.
pub const SECRET_OCTETS: usize = 40;
/// Label of the exporter (RFC 9266, 4.2; RFC 8446, 7.5): no context, 32 octets.
pub const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";
const DERIVE_DOMAIN: &[u8] = b"headgate appliance secret v1\0";
const PROOF_DOMAIN: &[u8] = b"headgate proof v1\0";
const MEDIUM_DOMAIN: &[u8] = b"headgate bundle proof v1\0";

/// What an organisation's receivers make the secrets of its appliances of. No `Debug`, no `Clone`.
pub struct Root(Zeroizing<[u8; 32]>);

impl Root {
    /// The root that these octets are; nothing for another length.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Root> {
        octets.try_into().ok().map(|octets| Root(Zeroizing::new(octets)))
    }

    /// An appliance's secret of one generation: HMAC-SHA-256 of the root over a domain separator, length of the name (1 octet),
    /// the name and the generation (8).
    #[must_use]
    pub fn secret(&self, appliance: &str, generation: u64) -> Secret {
        let length = u8::try_from(appliance.len()).unwrap_or(u8::MAX);
        let parts = [DERIVE_DOMAIN, &[length], appliance.as_bytes(), &generation.to_be_bytes()];
        Secret { generation, octets: Zeroizing::new(mac(&self.0, &parts)) }
    }
}

/// An appliance's secret. It is cleared when it is dropped; no `Debug`, no `Clone`.
pub struct Secret {
    generation: u64,
    octets: Zeroizing<[u8; 32]>,
}

/// What both ends of one TLS connection know and nobody else: `tls-exporter` of RFC 9266, 32 octets.
pub type Session = [u8; 32];

impl Secret {
    /// The secret of a generation that these octets are; nothing for another length.
    #[must_use]
    pub fn new(generation: u64, octets: &[u8]) -> Option<Secret> {
        octets.try_into().ok().map(|octets| Secret { generation, octets: Zeroizing::new(octets) })
    }

    /// Reads the content of a file; nothing for another length than [`SECRET_OCTETS`].
    #[must_use]
    pub fn from_file(content: &[u8]) -> Option<Secret> {
        let (generation, octets) = content.split_first_chunk::<8>()?;
        Secret::new(u64::from_be_bytes(*generation), octets)
    }

    /// The content of a file.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let mut content = Zeroizing::new(Vec::with_capacity(SECRET_OCTETS));
        content.extend_from_slice(&self.generation.to_be_bytes());
        content.extend_from_slice(self.octets.as_ref());
        content
    }

    /// Which it is: of two, the later has the larger number.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The 32 octets.
    #[must_use]
    pub fn octets(&self) -> &[u8; 32] {
        &self.octets
    }

    /// The proof that whoever is on this connection has the secret: HMAC-SHA-256 of it over a domain separator and the session.
    /// On another connection it proves nothing.
    #[must_use]
    pub fn prove(&self, session: &Session) -> Proof {
        Proof { generation: self.generation, mac: mac(&self.octets, &[PROOF_DOMAIN, session]) }
    }

    /// Whether `proof` proves possession of this secret on this connection; in a time that does not depend on the octets.
    #[must_use]
    pub fn is_proved(&self, proof: &Proof, session: &Session) -> bool {
        self.is_mac(proof, PROOF_DOMAIN, session)
    }

    /// The proof that whoever made a medium has the secret: HMAC-SHA-256 of it over another domain separator and the manifest
    /// ([`crate::bundle::Manifest::encode`]).
    #[must_use]
    pub fn prove_medium(&self, manifest: &[u8]) -> Proof {
        Proof { generation: self.generation, mac: mac(&self.octets, &[MEDIUM_DOMAIN, manifest]) }
    }

    /// Whether `proof` proves possession of this secret for this manifest; in a time that does not depend on the octets.
    #[must_use]
    pub fn is_proved_for_medium(&self, proof: &Proof, manifest: &[u8]) -> bool {
        self.is_mac(proof, MEDIUM_DOMAIN, manifest)
    }

    fn is_mac(&self, proof: &Proof, domain: &[u8], what: &[u8]) -> bool {
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(self.octets.as_ref()) else { return false };
        hmac.update(domain);
        hmac.update(what);
        proof.generation == self.generation && hmac.verify_slice(&proof.mac).is_ok()
    }
}

/// What [`PROOF_HEADER`] says: the generation in decimal, a point, and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    generation: u64,
    mac: [u8; 32],
}

impl Proof {
    /// Of which generation's secret.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, ledger::hex(&self.mac))
    }
}

impl FromStr for Proof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Proof, Error> {
        let parts = text.split_once('.');
        let read = |(generation, mac): (&str, &str)| {
            let digits = generation.bytes().all(|octet| octet.is_ascii_digit());
            let generation = generation.parse().ok().filter(|_| digits)?;
            Some(Proof { generation, mac: ledger::octets(mac)? })
        };
        parts.and_then(read).ok_or(Error::Encoding("proof"))
    }
}

/// HMAC takes a key of any length: there is no failure.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_on_its_connection_for_its_secret_and_nowhere_else() {
        let root = Root::new(&[1; 32]).unwrap();
        let secret = root.secret("site-1", 5);
        let proof = secret.prove(&[9; 32]);
        assert!(secret.is_proved(&proof, &[9; 32]));
        assert!(!secret.is_proved(&proof, &[8; 32]), "another connection");
        for other in [
            root.secret("site-1", 6),
            root.secret("site-2", 5),
            Root::new(&[2; 32]).unwrap().secret("site-1", 5),
        ] {
            assert!(!other.is_proved(&proof, &[9; 32]));
        }
        let mut said_later = proof.clone();
        said_later.generation += 1;
        assert!(!secret.is_proved(&said_later, &[9; 32]));
        assert_eq!(proof.to_string().parse(), Ok(proof));
    }

    #[test]
    fn a_proof_of_a_medium_is_good_for_its_manifest_and_no_connection() {
        let secret = Root::new(&[1; 32]).unwrap().secret("site-1", 5);
        let proof = secret.prove_medium(&[9; 32]);
        assert!(secret.is_proved_for_medium(&proof, &[9; 32]));
        assert!(!secret.is_proved_for_medium(&proof, &[8; 32]) && !secret.is_proved(&proof, &[9; 32]));
        assert!(!secret.is_proved_for_medium(&secret.prove(&[9; 32]), &[9; 32]));
        let later = Root::new(&[1; 32]).unwrap().secret("site-1", 6);
        assert!(!later.is_proved_for_medium(&proof, &[9; 32]));
        assert_eq!(proof.to_string(), format!("5.{MEDIUM_KNOWN}"));
    }

    /// HMAC-SHA-256 by another implementation (Python's hmac): another team gets the same octets.
    #[test]
    fn secrets_and_proofs_are_as_the_specification_says() {
        let secret = Root::new(&[1; 32]).unwrap().secret("site-1", 5);
        assert_eq!(ledger::hex(secret.octets()), SECRET_KNOWN);
        assert_eq!(secret.prove(&[9; 32]).to_string(), format!("5.{PROOF_KNOWN}"));
    }

    #[test]
    fn a_secret_survives_its_file_and_another_length_is_none() {
        let secret = Secret::new(7, &[3; 32]).unwrap();
        let read = Secret::from_file(&secret.to_file()).unwrap();
        assert_eq!((read.generation(), read.octets()), (7, &[3; 32]));
        assert!(Secret::from_file(&[0; 39]).is_none() && Secret::from_file(b"absent").is_none());
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        for text in [
            "",
            "5",
            "5.",
            "5.00",
            "x.".to_owned().as_str(),
            &format!("+5.{}", "0".repeat(64)),
            &format!("5.{}", "A".repeat(64)),
        ] {
            assert!(text.parse::<Proof>().is_err(), "{text}");
        }
    }

    const MEDIUM_KNOWN: &str = "a15d06ff98c24c498311cbfc76bf0f9d2bf9f55441f6ad0d371c081ab664cfba";
    const SECRET_KNOWN: &str = "ed24e19dff18d00ad7ac770e977e6bb3d345594fe7afa7d0dc90fe510b7d042b";
    const PROOF_KNOWN: &str = "d73afe77bc54038bab6562894c11fc5be9b071e6cbf7ca294e82296f36050bbb";
}
