//! What is kept, page by page, for readers; and who they are.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use headgate_record::batch::BatchId;

use super::Database;
use crate::Error;
use crate::export::{Ask, MAX_LOOKED_AT, MAX_OCTETS, Page, Piece, Readers, Scope};

/// The batches that came or changed behind a place.
///
/// # Errors
/// What SQLite says.
pub fn page(connection: &Connection, ask: &Ask, scope: &Scope) -> rusqlite::Result<Page> {
    let mut page = Page { pieces: Vec::new(), next: ask.after };
    let (mut looked_at, mut octets) = (0, 0);
    let mut batches = connection.prepare_cached(BATCHES)?;
    let after = i64::try_from(ask.after).unwrap_or(i64::MAX);
    let mut rows = batches.query(params![scope.only(), after])?;
    let mut records = connection.prepare_cached(RECORDS)?;
    while let Some(row) = rows.next()? {
        if page.pieces.len() >= ask.limit || looked_at >= MAX_LOOKED_AT || octets >= MAX_OCTETS {
            break;
        }
        looked_at += 1;
        let (appliance, epoch, sequence): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if scope.has(&appliance) {
            let read =
                records.query_map(params![appliance, epoch, sequence], |row| row.get::<_, String>(0))?;
            let mut found = Vec::new();
            for json in read {
                let json = json?;
                octets += json.len();
                found.push(json.parse().unwrap_or_default());
            }
            let (epoch, sequence) = (epoch.cast_unsigned(), sequence.cast_unsigned());
            page.pieces.push(Piece::Records(BatchId { appliance, epoch, sequence }, found));
        }
        page.next = row.get::<_, i64>(3)?.cast_unsigned();
    }
    Ok(page)
}

/// The place of what comes or changes next.
pub fn arrival(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("UPDATE arrivals SET last = last + 1 RETURNING last")?
        .query_row([], |row| row.get(0))
}

/// Who may read.
///
/// # Errors
/// What SQLite says. A document that is none names nobody.
pub fn readers(connection: &Connection) -> rusqlite::Result<Readers> {
    let document: Option<String> =
        connection.query_row("SELECT document FROM readers", [], |row| row.get(0)).optional()?;
    Ok(document.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

impl Database {
    /// Changes who may read, in one transaction.
    ///
    /// # Errors
    /// What `how` or SQLite says; then nothing has changed.
    pub fn change_readers<T>(
        &mut self,
        file: &Path,
        how: &mut dyn FnMut(&mut Readers) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let failed = |source| Error::Database { file: file.to_path_buf(), source };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let before = readers(&transaction).map_err(failed)?;
        let mut after = before.clone();
        let done = how(&mut after)?;
        if after != before {
            let document = serde_json::to_string(&after).unwrap_or_default();
            transaction
                .execute("INSERT OR REPLACE INTO readers VALUES (1, ?1)", [document])
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(done)
    }
}

const BATCHES: &str = "SELECT appliance, epoch, sequence, arrival FROM batch \
     WHERE arrival > ?2 AND expired = 0 AND (?1 IS NULL OR appliance = ?1) ORDER BY arrival";
const RECORDS: &str =
    "SELECT json FROM record WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3 ORDER BY position";
