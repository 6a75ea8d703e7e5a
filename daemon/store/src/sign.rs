//! Signing the ledger: Ed25519 (RFC 8032) with a key that is made with the database and lies in it wrapped.

use ed25519_dalek::pkcs8::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signature, Signer, SigningKey};
use headgate_record::ledger::{entry_bytes, head_bytes, hex};
use rusqlite::{Connection, OptionalExtension, params};

use crate::database::{get, get_number, last_id, meta, set, sql};
use crate::keys::Keys;
use crate::{Error, ledger};

/// Signs the last entry and that it is the last, where that is not done. To be called in each transaction that may have
/// written an entry, before it is committed.
///
/// # Errors
/// Those of the database. A ledger whose end is damaged is left as it is: verification says where.
pub(crate) fn sign(db: &Connection, keys: &Keys) -> Result<(), Error> {
    let last = last_id(db, "ledger")?;
    let mut statement =
        db.prepare_cached("SELECT hash FROM ledger WHERE number = ?1 AND signature IS NULL")?;
    let hash: Option<Vec<u8>> = statement.query_row([sql(last)], |r| r.get(0)).optional()?;
    let Some(hash) = hash.map(|hash| hex(&hash)) else { return Ok(()) };
    let key = match key(db, keys)? {
        Some(key) => key,
        None => {
            set(db, meta::LEDGER_KEY, keys.new_ledger_key()?)?;
            key(db, keys)?.ok_or(Error::Damaged("key of the ledger"))?
        }
    };
    let database = hex(&ledger::identity(db)?);
    let entry = key.sign(&entry_bytes(&database, last, &hash)).to_bytes();
    db.prepare_cached("UPDATE ledger SET signature = ?2 WHERE number = ?1")?
        .execute(params![sql(last), entry])?;
    let pruned = get_number(db, meta::LEDGER_PRUNED)?;
    set(db, meta::LEDGER_HEAD, key.sign(&head_bytes(&database, pruned, last, &hash)).to_bytes())
}

/// Whether this store's key signed that the last entry is as it is, and the last; or nothing was ever signed.
pub(crate) fn is_end_signed(db: &Connection, keys: &Keys) -> Result<bool, Error> {
    let Some(key) = key(db, keys)? else {
        let none = "SELECT NOT EXISTS (SELECT 1 FROM ledger WHERE signature IS NOT NULL)";
        return Ok(db.query_row(none, [], |r| r.get(0))?);
    };
    let last = last_id(db, "ledger")?;
    let mut statement = db.prepare_cached("SELECT hash FROM ledger WHERE number = ?1")?;
    let hash: Option<Vec<u8>> = statement.query_row([sql(last)], |r| r.get(0)).optional()?;
    let signature = get::<Vec<u8>>(db, meta::LEDGER_HEAD)?.unwrap_or_default();
    let (Some(hash), Ok(signature)) = (hash, Signature::from_slice(&signature)) else { return Ok(false) };
    let database = hex(&ledger::identity(db)?);
    let said = head_bytes(&database, get_number(db, meta::LEDGER_PRUNED)?, last, &hex(&hash));
    Ok(key.verifying_key().verify_strict(&said, &signature).is_ok())
}

/// The public key in PEM (SubjectPublicKeyInfo, RFC 8410); `None` before anything was signed.
pub(crate) fn public_key(db: &Connection, keys: &Keys) -> Result<Option<String>, Error> {
    let Some(key) = key(db, keys)? else { return Ok(None) };
    let pem = key.verifying_key().to_public_key_pem(LineEnding::LF);
    pem.map(Some).map_err(|_| Error::Damaged("key of the ledger"))
}

/// The key, on the heap; it is cleared when it is dropped.
fn key(db: &Connection, keys: &Keys) -> Result<Option<Box<SigningKey>>, Error> {
    let Some(wrapped) = get::<Vec<u8>>(db, meta::LEDGER_KEY)? else { return Ok(None) };
    Ok(Some(Box::new(SigningKey::from_bytes(keys.ledger_key(&wrapped)?.bytes()))))
}
