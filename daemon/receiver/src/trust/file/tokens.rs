//! Tokens in a file.

use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use headgate_record::enrolment::Token;

use super::File;
use crate::Error;
use crate::trust::tokens::{Kept, MAX_TOKENS, Misuse, Offer, Use, too_many};
use crate::trust::{now_ms, signed};

impl File {
    /// Makes a token, and keeps its hash.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are out; [`Error::Key`]; when the database fails.
    pub fn offer(&self, offer: Offer) -> Result<Token, Error> {
        let token = offer.make()?;
        let kept = Kept::of(&token);
        let mut connection = self.lock();
        let mut put = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM token WHERE expires < ?1", [signed(now_ms() / 1_000)])?;
            let out: i64 = transaction.query_row("SELECT count(*) FROM token", [], |row| row.get(0))?;
            if usize::try_from(out).map_or(true, |out| out >= MAX_TOKENS) {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO token (id, hash, appliance, expires) VALUES (?1, ?2, ?3, ?4)",
                params![kept.id, kept.hash, kept.appliance, signed(kept.expires)],
            )?;
            transaction.commit()?;
            Ok(true)
        };
        match put() {
            Ok(true) => Ok(token),
            Ok(false) => Err(too_many()),
            Err(source) => Err(self.failure(source)),
        }
    }

    /// Uses a token. It is good once: said again with the same key it is the same use, whose answer may have been lost.
    ///
    /// # Errors
    /// Why it is not good, within `Ok`; when the database fails.
    pub fn redeem(&self, used: &Use<'_>) -> rusqlite::Result<Result<(), Misuse>> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = transaction.query_row(&format!("{SELECT} WHERE id = ?1"), [used.id], kept).optional()?;
        let Some(found) = found else { return Ok(Err(Misuse::Unknown)) };
        if let Err(misuse) = found.judge(used) {
            return Ok(Err(misuse));
        }
        transaction.execute("UPDATE token SET key = ?2 WHERE id = ?1", params![used.id, used.own()])?;
        transaction.commit()?;
        Ok(Ok(()))
    }

    /// Every token that has not expired.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tokens(&self) -> rusqlite::Result<Vec<Kept>> {
        let reader = self.looking();
        let mut statement = reader.prepare(&format!("{SELECT} WHERE expires > ?1"))?;
        statement.query_map([signed(now_ms() / 1_000)], kept)?.collect()
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let expires = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
    Ok(Kept { id: row.get(0)?, hash: row.get(1)?, appliance: row.get(2)?, expires, key: row.get(4)? })
}

const SELECT: &str = "SELECT id, hash, appliance, expires, key FROM token";
