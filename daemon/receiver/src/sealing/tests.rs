//! What is sealed here and elsewhere, and what was changed.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use ed25519_dalek::SigningKey;
use headgate_record::batch::BatchId;
use hkdf::Hkdf;
use hpke::OpModeS;
use sha2::Sha256;

use super::*;

fn batch(sequence: u64) -> Batch {
    Batch {
        id: BatchId { appliance: "site-1".into(), epoch: 7, sequence },
        rules: [1; 32],
        regions: Vec::new(),
        profile: String::new(),
        records: Vec::new(),
        withheld: Vec::new(),
        lost: Vec::new(),
        forget: Vec::new(),
        replaces: Vec::new(),
    }
}

fn keys(made: &Made) -> Keys {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seal.key");
    std::fs::write(&file, made.private.as_bytes()).unwrap();
    Keys::load([file.as_path()]).unwrap()
}

fn seal(keys: &Keys, said: BatchId, batch: &Batch) -> Sealed {
    let Key { id: key, private, .. } = &keys.0[0];
    let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &X25519HkdfSha256::sk_to_pk(private),
        INFO,
        &batch.encode().unwrap(),
        &associated_data(*key, &said),
    )
    .unwrap();
    Sealed { key: *key, id: said, encapsulated: encapsulated.to_bytes().into(), ciphertext }
}

#[test]
fn what_is_sealed_opens_with_its_key_and_with_no_other() {
    let (own, other) = (keys(&generate().unwrap()), keys(&generate().unwrap()));
    let sealed = seal(&own, batch(1).id, &batch(1));
    assert_eq!(own.open(&sealed).unwrap().0, batch(1));
    assert_eq!(own.open(&sealed).unwrap().1, digest(&batch(1).encode().unwrap()));
    assert_eq!(other.open(&sealed), Err(Closed::Key(sealed.key)));
}

#[test]
fn every_change_of_what_is_sealed_is_noticed() {
    let keys = keys(&generate().unwrap());
    let sealed = seal(&keys, batch(1).id, &batch(1));
    let changes: [&dyn Fn(&mut Sealed); 7] = [
        &|s| s.id.appliance = "site-2".into(),
        &|s| s.id.epoch += 1,
        &|s| s.id.sequence += 1,
        &|s| s.encapsulated[0] ^= 1,
        &|s| s.encapsulated = [0; 32],
        &|s| s.ciphertext[0] ^= 1,
        &|s| s.ciphertext.truncate(20),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut changed = sealed.clone();
        change(&mut changed);
        assert_eq!(keys.open(&changed), Err(Closed::Changed), "{at}");
        // By each of the two ways.
        let (key, bound) = (&keys.0[0], associated_data(changed.key, &changed.id));
        assert!(quickly(key, &changed.encapsulated, &bound, &changed.ciphertext).is_none(), "{at}");
        assert!(slowly(key, &changed.encapsulated, &bound, &changed.ciphertext).is_none(), "{at}");
    }
    assert_eq!(keys.open(&seal(&keys, batch(2).id, &batch(1))), Err(Closed::Other));
}

/// What another implementation sealed (tests/sealed/seal.py) to a key that OpenSSL made opens.
#[test]
fn what_others_seal_opens() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/sealed");
    let keys = Keys::load([Path::new(&format!("{directory}/seal.key"))]).unwrap();
    let sealed = std::fs::read(format!("{directory}/0000000000000003.batch")).unwrap();
    let (batch, _) = keys.open(&Sealed::decode(&sealed).unwrap()).unwrap();
    assert_eq!(
        (batch.id.appliance.as_str(), batch.id.sequence, batch.profile.as_str()),
        ("site-1", 3, "pseudonymous")
    );
    assert_eq!(batch.regions, ["eu"]);
}

#[test]
fn a_file_that_is_no_such_key_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seal.key");
    for content in ["", "hello", generate().unwrap().public.as_str()] {
        std::fs::write(&file, content).unwrap();
        assert!(matches!(Keys::load([file.as_path()]), Err(Error::Credential { .. })), "{content}");
    }
}

/// RFC 9180, 4: `LabeledExtract`.
fn extract(suite: &[u8], salt: &[u8], label: &str, octets: &[u8]) -> Hkdf<Sha256> {
    let labeled = [b"HPKE-v1", suite, label.as_bytes(), octets].concat();
    Hkdf::extract(Some(salt), &labeled).1
}

/// RFC 9180, 4: `LabeledExpand`.
fn expand<const L: usize>(from: &Hkdf<Sha256>, suite: &[u8], label: &str, info: &[u8]) -> [u8; L] {
    let length = u16::try_from(L).unwrap().to_be_bytes();
    let mut octets = [0; L];
    from.expand(&[&length[..], b"HPKE-v1", suite, label.as_bytes(), info].concat(), &mut octets).unwrap();
    octets
}

/// RFC 9180, 4.1 and 5.1, in base mode, with whatever the exchange is said to have given.
fn seal_with(agreed: &[u8; 32], encapsulated: [u8; 32], to: &[u8; 32], batch: &Batch) -> Sealed {
    let (kem, suite) = (*b"KEM\0\x20", *b"HPKE\0\x20\0\x01\0\x02");
    let context = [encapsulated, *to].concat();
    let shared: [u8; 32] = expand(&extract(&kem, b"", "eae_prk", agreed), &kem, "shared_secret", &context);
    let hash = |label, octets: &[u8]| {
        let labeled = [b"HPKE-v1", &suite[..], str::as_bytes(label), octets].concat();
        Hkdf::<Sha256>::extract(Some(b""), &labeled).0
    };
    let context = [&[0][..], &hash("psk_id_hash", b""), &hash("info_hash", INFO)].concat();
    let secret = extract(&suite, &shared, "secret", b"");
    let key: [u8; 32] = expand(&secret, &suite, "key", &context);
    let nonce: [u8; 12] = expand(&secret, &suite, "base_nonce", &context);
    let id = KeyId::of(to);
    let payload = Payload { msg: &batch.encode().unwrap(), aad: &associated_data(id, &batch.id) };
    let ciphertext = Aes256Gcm::new(&key.into()).encrypt(&Nonce::from(nonce), payload).unwrap();
    Sealed { key: id, id: batch.id.clone(), encapsulated, ciphertext }
}

/// A point of small order gives zero with every key, and so a key that everybody knows: nothing but looking at it refuses what is
/// sealed so.
#[test]
fn what_is_sealed_with_a_key_that_everybody_knows_does_not_open() {
    let [own, sender] = [[7; 32], [9; 32]].map(|seed| SigningKey::from_bytes(&seed));
    let der = [&PRIVATE_KEY_DER[..], &own.to_scalar_bytes()].concat();
    let private = SecretDocument::try_from(der).unwrap().to_pem(PRIVATE_LABEL, LineEnding::LF).unwrap();
    let public = own.verifying_key().to_montgomery().to_bytes();
    let keys = keys(&Made { private, public: String::new(), id: KeyId::of(&public) });
    let point = sender.verifying_key().to_montgomery();
    let agreed = (point * own.to_scalar()).to_bytes();
    let good = seal_with(&agreed, point.to_bytes(), &public, &batch(1));
    assert_eq!(keys.open(&good).unwrap().0, batch(1), "it is sealed as it should be");
    for small in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let known = seal_with(&[0; 32], small, &public, &batch(1));
        assert_eq!(keys.open(&known), Err(Closed::Changed));
        let (key, bound) = (&keys.0[0], associated_data(known.key, &known.id));
        assert!(quickly(key, &small, &bound, &known.ciphertext).is_none());
        assert!(slowly(key, &small, &bound, &known.ciphertext).is_none());
    }
}
