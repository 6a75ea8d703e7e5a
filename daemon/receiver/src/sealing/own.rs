//! What receivers seal for each other: to the first of their own keys, authenticated by the same key (RFC 9180, 5.1.3), so that
//! what lies between them can neither read nor make it. And batches that a receiver must write anew.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

use headgate_record::batch::Batch;
use headgate_record::sealed::{INFO, KeyId, Sealed, associated_data};

use super::Keys;

impl Keys {
    /// Seals what is said at `place`. It opens at no other.
    pub fn seal_own(&self, place: &str, octets: &[u8]) -> Option<Vec<u8>> {
        let (id, key) = self.0.first()?;
        let public = X25519HkdfSha256::sk_to_pk(key);
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Auth((key.clone(), public.clone())),
            &public,
            OWN_INFO,
            octets,
            place.as_bytes(),
        )
        .ok()?;
        let encapsulated: [u8; 32] = encapsulated.to_bytes().into();
        Some([&[OWN_VERSION][..], &id.0, &encapsulated, &ciphertext].concat())
    }

    /// Opens what [`Keys::seal_own`] sealed at `place`, with any of the keys.
    pub fn open_own(&self, place: &str, octets: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = octets.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (encapsulated, ciphertext) = rest.split_first_chunk::<32>()?;
        let (_, key) = self.0.iter().find(|(known, _)| known.0 == *id)?;
        if *version != OWN_VERSION {
            return None;
        }
        hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Auth(X25519HkdfSha256::sk_to_pk(key)),
            key,
            &Deserializable::from_bytes(encapsulated).ok()?,
            OWN_INFO,
            ciphertext,
            place.as_bytes(),
        )
        .ok()
    }

    /// Seals a batch as its appliance does, to the first key.
    pub fn seal_anew(&self, batch: &Batch) -> Option<Vec<u8>> {
        let (key, private) = self.0.first()?;
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

const OWN_INFO: &[u8] = b"headgate receivers v1";
const OWN_VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use crate::sealing::{Keys, generate};

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
}
