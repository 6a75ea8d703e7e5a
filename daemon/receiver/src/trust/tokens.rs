//! Tokens: who may enroll once.

use zeroize::Zeroizing;

use headgate_record::batch::digest;
use headgate_record::enrolment::{TOKEN_SECRET_OCTETS, Token, token_hash};

use super::now_ms;
use crate::Error;

/// What a new token is to say.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Where enrolments are taken, `host:port`.
    pub address: String,
    /// SHA-256 of the authority's certificate.
    pub authority: [u8; 32],
    /// The appliance that may enroll.
    pub appliance: String,
    /// The region that the receiver's certificate names; empty for none.
    pub region: String,
    /// For so many seconds from now.
    pub seconds: u64,
}

/// A use of a token.
pub struct Use<'a> {
    /// Which.
    pub id: [u8; 16],
    /// Its secret, as it is said.
    pub secret: &'a [u8],
    /// The appliance that the request names.
    pub appliance: &'a str,
    /// The public key in the request.
    pub key: &'a [u8],
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// There is no such token, or its secret is another.
    #[error("the token is not known here")]
    Unknown,
    /// It is too late.
    #[error("the token has expired; have another made")]
    Expired,
    /// It was used before, for another key.
    #[error("the token has been used; have another made, and find out by whom")]
    Used,
    /// It is for another appliance.
    #[error("the token is for another appliance; make appliance.id that of the token, or have another made")]
    Foreign,
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub id: [u8; 16],
    /// SHA-256 of it and its secret.
    pub hash: [u8; 32],
    /// The appliance that may enroll.
    pub appliance: String,
    /// Until when, seconds since 1970.
    pub expires: u64,
    /// SHA-256 of the public key that it was used for.
    pub key: Option<[u8; 32]>,
}

impl Offer {
    /// Makes the token.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn make(self) -> Result<Token, Error> {
        let Offer { address, authority, appliance, region, seconds } = self;
        let (mut id, mut secret) = ([0; 16], Zeroizing::new([0; TOKEN_SECRET_OCTETS]));
        getrandom::fill(&mut id).map_err(|_| Error::Key)?;
        getrandom::fill(secret.as_mut()).map_err(|_| Error::Key)?;
        let expires = (now_ms() / 1_000).saturating_add(seconds);
        Ok(Token { address, authority, appliance, region, expires, id, secret })
    }
}

impl Kept {
    /// What to keep of a token that nobody has used.
    pub fn of(token: &Token) -> Kept {
        let hash = token_hash(&token.id, token.secret.as_ref());
        Kept { id: token.id, hash, appliance: token.appliance.clone(), expires: token.expires, key: None }
    }

    /// Whether a use is good, as far as is known.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, used: &Use<'_>) -> Result<(), Misuse> {
        // Hashes of a random secret: how long it takes to tell them apart says nothing of it.
        if token_hash(&used.id, used.secret) != self.hash {
            return Err(Misuse::Unknown);
        }
        if self.key.is_some_and(|key| key != used.own()) {
            return Err(Misuse::Used);
        }
        if self.expires <= now_ms() / 1_000 {
            return Err(Misuse::Expired);
        }
        if self.appliance != used.appliance { Err(Misuse::Foreign) } else { Ok(()) }
    }
}

impl Use<'_> {
    /// SHA-256 of the public key.
    pub fn own(&self) -> [u8; 32] {
        digest(self.key)
    }
}

/// That no more tokens may be out.
pub fn too_many() -> Error {
    Error::Token("10,000 tokens are out; wait until some have expired")
}

/// Most tokens that are out at once.
pub const MAX_TOKENS: usize = 10_000;
