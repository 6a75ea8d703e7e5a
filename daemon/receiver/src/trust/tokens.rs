//! Tokens: who may enroll once.

use rusqlite::{OptionalExtension, TransactionBehavior, params};
use zeroize::Zeroizing;

use headgate_record::batch::digest;
use headgate_record::enrolment::{TOKEN_SECRET_OCTETS, Token, token_hash};

use super::{Trust, now_ms, signed};
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

impl Trust {
    /// Makes a token, and keeps its hash.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are out; [`Error::Key`]; when the database fails.
    pub fn offer(&self, offer: Offer) -> Result<Token, Error> {
        let Offer { address, authority, appliance, region, seconds } = offer;
        let now = now_ms() / 1_000;
        let (mut id, mut secret) = ([0; 16], Zeroizing::new([0; TOKEN_SECRET_OCTETS]));
        getrandom::fill(&mut id).map_err(|_| Error::Key)?;
        getrandom::fill(secret.as_mut()).map_err(|_| Error::Key)?;
        let token =
            Token { address, authority, appliance, region, expires: now.saturating_add(seconds), id, secret };
        let hash = token_hash(&token.id, token.secret.as_ref());
        let mut connection = self.lock();
        let mut put = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM token WHERE expires < ?1", [signed(now)])?;
            let out: i64 = transaction.query_row("SELECT count(*) FROM token", [], |row| row.get(0))?;
            if out >= MAX_TOKENS {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO token (id, hash, appliance, expires) VALUES (?1, ?2, ?3, ?4)",
                params![token.id, hash, token.appliance, signed(token.expires)],
            )?;
            transaction.commit()?;
            Ok(true)
        };
        match put() {
            Ok(true) => Ok(token),
            Ok(false) => Err(Error::Token("10,000 tokens are out; wait until some have expired")),
            Err(source) => Err(self.failure(source)),
        }
    }

    /// Uses a token. It is good once: said again with the same key it is the same use, whose answer may have been lost.
    ///
    /// # Errors
    /// Why it is not good, within `Ok`; when the database fails.
    pub fn redeem(&self, used: &Use<'_>) -> rusqlite::Result<Result<(), Misuse>> {
        let now = now_ms() / 1_000;
        let own = digest(used.key);
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = transaction
            .query_row("SELECT hash, appliance, expires, key FROM token WHERE id = ?1", [used.id], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                ))
            })
            .optional()?;
        let Some((hash, appliance, expires, key)) = found else { return Ok(Err(Misuse::Unknown)) };
        // Hashes of a random secret: how long it takes to tell them apart says nothing of it.
        if token_hash(&used.id, used.secret) != hash.as_slice() {
            return Ok(Err(Misuse::Unknown));
        }
        if key.as_ref().is_some_and(|key| key.as_slice() != own) {
            return Ok(Err(Misuse::Used));
        }
        if expires <= signed(now) {
            return Ok(Err(Misuse::Expired));
        }
        if appliance != used.appliance {
            return Ok(Err(Misuse::Foreign));
        }
        transaction.execute("UPDATE token SET key = ?2 WHERE id = ?1", params![used.id, own])?;
        transaction.commit()?;
        Ok(Ok(()))
    }

    /// What the failure of the database is to a command.
    pub fn failure(&self, source: rusqlite::Error) -> Error {
        Error::Database { file: self.file.clone(), source }
    }
}

/// Most tokens that are out at once.
const MAX_TOKENS: i64 = 10_000;
