//! The answer to an appliance's request: its certificate, whom to believe, and its secret, sealed to the key that the request names.

use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::{self, LineEnding};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeS, Serializable};

use headgate_record::enrolment::{ANSWER_SECRET, Root, SECRET_INFO, SealedSecret};

use crate::authority::{Appliance, Authority, Refusal, Validity};
use crate::config::{AUTHORITY_CERTIFICATE, AUTHORITY_KEY, RECEIPT_PUBLIC, SEAL_PUBLIC, SECRETS_ROOT};
use crate::receipt::Signer;
use crate::sealing::Keys;
use crate::{Config, Error, files};

/// What answers are made with. No `Debug`: it holds keys.
pub struct Office {
    authority: Authority,
    root: Root,
    /// The authority of receivers, the receipt key and the sealing key, PEM: what an appliance pins.
    pinned: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Whose.
    pub appliance: Appliance,
    /// PEM blocks.
    pub text: String,
}

impl Office {
    /// With the organisation's own authority, whose files lie in `directory`.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Credential`].
    pub fn by_hand(directory: &Path) -> Result<Office, Error> {
        let certificate = directory.join(AUTHORITY_CERTIFICATE);
        let authority = Authority::open(&certificate, &directory.join(AUTHORITY_KEY))?;
        let root = root(&directory.join(SECRETS_ROOT))?;
        let mut pinned = text(&certificate)?;
        for name in [RECEIPT_PUBLIC, SEAL_PUBLIC] {
            pinned.push_str(&text(&directory.join(name))?);
        }
        Ok(Office { authority, root, pinned })
    }

    /// With the authority that signs over the network.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Credential`], [`Error::Key`].
    pub fn over_the_network(config: &Config, signer: &Signer, keys: &Keys) -> Result<Office, Error> {
        let authority = Authority::open(&config.enroll_certificate, &config.enroll_key)?;
        let root = root(&config.secrets)?;
        let mut pinned = text(&config.authority)?;
        pinned.push_str(&signer.to_pem()?.1);
        pinned.push_str(&keys.public().ok_or(Error::Key)?);
        Ok(Office { authority, root, pinned })
    }

    /// Answers a request with a certificate of this validity and a secret of this generation.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn answer(&self, request: &[u8], validity: Validity, generation: u64) -> Result<Answer, Refusal> {
        let appliance = self.authority.appliance(request, validity)?;
        let seal_to = appliance.seal_to.ok_or(Refusal::SealTo)?;
        let secret = self.root.secret(&appliance.name, generation);
        let public = Deserializable::from_bytes(&seal_to).map_err(|_| Refusal::SealTo)?;
        // A system that gives random numbers once gives them always (getrandom(2)): behind this the library does not panic.
        getrandom::fill(&mut [0; 32]).map_err(|_| Refusal::Signing(Error::Key))?;
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            SECRET_INFO,
            secret.octets(),
            &SealedSecret::associated_data(&appliance.name, generation),
        )
        // A key of low order shows when it is used (RFC 9180, 7.1.4).
        .map_err(|_| Refusal::SealTo)?;
        let sealed = SealedSecret {
            appliance: appliance.name.clone(),
            generation,
            encapsulated: encapsulated.to_bytes().into(),
            ciphertext,
        };
        let sealed = pem::encode_string(ANSWER_SECRET, LineEnding::LF, &sealed.encode());
        let sealed = sealed.map_err(|_| Refusal::Signing(Error::Key))?;
        let text = [appliance.certificate.as_str(), &self.pinned, &sealed].concat();
        Ok(Answer { appliance, text })
    }
}

/// What the secrets of appliances are made of.
///
/// # Errors
/// [`Error::Read`], [`Error::Credential`].
pub fn root(file: &Path) -> Result<Root, Error> {
    let what = "root of 32 octets for secrets of appliances";
    Root::new(&files::read(file)?).ok_or(Error::Credential { file: file.to_path_buf(), what })
}

fn text(file: &Path) -> Result<String, Error> {
    let content = files::read(file)?;
    let text = std::str::from_utf8(&content).map(|text| format!("{}\n", text.trim()));
    text.map_err(|_| Error::Credential { file: file.to_path_buf(), what: "text in PEM" })
}
