//! What receivers seal for each other, with a key that only who has the first of their sealing keys can make (HKDF, RFC 5869;
//! AES-256-GCM), so that what lies between them can neither read nor make it. And batches that a receiver must write anew.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use sha2::Sha256;
use zeroize::Zeroizing;

use headgate_record::batch::Batch;
use headgate_record::sealed::{INFO, KeyId, Sealed, associated_data};

use super::{Key, Keys, PrivateKey};

impl Keys {
    /// Seals what is said at `place`. It opens at no other.
    pub fn seal_own(&self, place: &str, octets: &[u8]) -> Option<Vec<u8>> {
        let Key { id, private: key, .. } = self.0.first()?;
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).ok()?;
        let payload = Payload { msg: octets, aad: place.as_bytes() };
        let (cipher, nonce) = cipher(key, &salt)?;
        let ciphertext = cipher.encrypt(&nonce, payload).ok()?;
        Some([&[OWN_VERSION][..], &id.0, &salt, &ciphertext].concat())
    }

    /// Opens what [`Keys::seal_own`] sealed at `place`, with any of the keys.
    pub fn open_own(&self, place: &str, octets: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = octets.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (salt, ciphertext) = rest.split_first_chunk::<SALT>()?;
        let key = &self.0.iter().find(|known| known.id.0 == *id)?.private;
        match *version {
            OWN_VERSION => {
                let (cipher, nonce) = cipher(key, salt)?;
                cipher.decrypt(&nonce, Payload { msg: ciphertext, aad: place.as_bytes() }).ok()
            }
            HPKE_VERSION => hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
                &OpModeR::Auth(X25519HkdfSha256::sk_to_pk(key)),
                key,
                &Deserializable::from_bytes(salt).ok()?,
                HPKE_INFO,
                ciphertext,
                place.as_bytes(),
            )
            .ok(),
            _ => None,
        }
    }

    /// Seals a batch as its appliance does, to the first key.
    pub fn seal_anew(&self, batch: &Batch) -> Option<Vec<u8>> {
        let Key { id: key, private, .. } = self.0.first()?;
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &X25519HkdfSha256::sk_to_pk(private),
            INFO,
            &batch.encode().ok()?,
            &associated_data(KeyId(key.0), &batch.id),
        )
        .ok()?;
        let (encapsulated, id) = (encapsulated.to_bytes().into(), batch.id.clone());
        Some(Sealed { key: *key, id, encapsulated, ciphertext }.encode())
    }
}

/// A key and a nonce that nothing else is sealed with: of the receivers' key and a random salt.
fn cipher(key: &PrivateKey, salt: &[u8; SALT]) -> Option<(Aes256Gcm, Nonce<aes_gcm::aead::consts::U12>)> {
    let mut octets = Zeroizing::new([0; 44]);
    let secret = Zeroizing::new(<[u8; 32]>::from(key.to_bytes()));
    Hkdf::<Sha256>::new(Some(salt), secret.as_ref()).expand(OWN_INFO, octets.as_mut()).ok()?;
    let (key, nonce) = octets.split_first_chunk::<32>()?;
    Some((Aes256Gcm::new(&aes_gcm::Key::<Aes256Gcm>::from(*key)), Nonce::try_from(nonce).ok()?))
}

const OWN_INFO: &[u8] = b"headgate receivers v2";
const OWN_VERSION: u8 = 2;
/// What receivers wrote before: HPKE in `mode_auth`, four multiplications on the curve for each message. It is read.
const HPKE_INFO: &[u8] = b"headgate receivers v1";
const HPKE_VERSION: u8 = 1;
const SALT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::generate;

    fn keys() -> Keys {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("seal.key");
        std::fs::write(&file, generate().unwrap().private.as_bytes()).unwrap();
        Keys::load([file.as_path()]).unwrap()
    }

    #[test]
    fn what_a_receiver_says_opens_at_its_place_unchanged_and_with_its_key_only() {
        let (own, other) = (keys(), keys());
        let sealed = own.seal_own("here", b"words").unwrap();
        assert_eq!(own.open_own("here", &sealed).unwrap(), b"words");
        assert_eq!(own.open_own("there", &sealed), None);
        assert_eq!(other.open_own("here", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(own.open_own("here", &changed), None, "{at}");
            assert_eq!(own.open_own("here", &sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn what_receivers_of_before_said_opens() {
        let own = keys();
        let Key { id, private: key, .. } = &own.0[0];
        let public = X25519HkdfSha256::sk_to_pk(key);
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Auth((key.clone(), public.clone())),
            &public,
            HPKE_INFO,
            b"words",
            b"here",
        )
        .unwrap();
        let encapsulated: [u8; 32] = encapsulated.to_bytes().into();
        let sealed = [&[HPKE_VERSION][..], &id.0, &encapsulated, &ciphertext].concat();
        assert_eq!(own.open_own("here", &sealed).unwrap(), b"words");
        assert_eq!(own.open_own("there", &sealed), None);
    }
}
