//! Deleting what has been here for as long as it is kept.
//!
//! Of a batch go its records and the accounts of what was withheld and lost. The row that numbers it stays, so that the batch is
//! answered with its receipt again when it comes late, and gaps are told from what was deleted.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use headgate_record::batch::BatchId;

use super::Database;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Batches of which nothing but the row that numbers them is left.
    pub batches: u64,
    /// Records that were deleted.
    pub records: u64,
    /// Whether there is more to delete.
    pub more: bool,
}

impl Database {
    /// Deletes what was stored before `before_ms`, milliseconds since 1970, oldest first: at most [`MAX_RECORDS`] records and
    /// [`MAX_BATCHES`] batches, in one transaction. When it is the last of it, what was deleted is in no file any more, unless
    /// somebody reads meanwhile; then the next call sees to it.
    ///
    /// # Errors
    /// What SQLite says; then nothing was deleted.
    pub fn expire(&mut self, before_ms: u64) -> rusqlite::Result<Expired> {
        let before = i64::try_from(before_ms).unwrap_or(i64::MAX);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut done = Expired { more: true, ..Expired::default() };
        for _ in 0..MAX_BATCHES {
            let oldest: Option<(String, i64, i64)> = transaction
                .prepare_cached(OLDEST)?
                .query_row([before], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((appliance, epoch, sequence)) = oldest else {
                done.more = false;
                break;
            };
            let room = MAX_RECORDS.saturating_sub(done.records);
            let deleted = transaction.prepare_cached(DELETE_RECORDS)?.execute(params![
                appliance,
                epoch,
                sequence,
                room.cast_signed()
            ])?;
            done.records = done.records.saturating_add(u64::try_from(deleted).unwrap_or(0));
            let gone = done.records < MAX_RECORDS;
            transaction.prepare_cached(MARK)?.execute(params![
                appliance,
                epoch,
                sequence,
                if gone { GONE } else { GOING }
            ])?;
            if !gone {
                break;
            }
            done.batches += 1;
        }
        transaction.commit()?;
        self.unpurged |= done.batches > 0 || done.records > 0;
        if self.unpurged && !done.more {
            let busy: bool =
                self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            self.unpurged = busy;
        }
        Ok(done)
    }
}

/// When the first content under a number was stored, and whether its records are gone or going; nothing of a number that is not
/// there.
pub fn age(connection: &Connection, id: &BatchId) -> rusqlite::Result<Option<(i64, bool)>> {
    connection
        .prepare_cached(
            "SELECT since_ms, expired > 0 FROM batch WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3",
        )?
        .query_row(params![id.appliance, id.epoch.cast_signed(), id.sequence.cast_signed()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

/// `batch.expired` of one of which nothing is left to delete.
pub const GONE: i64 = 2;
const GOING: i64 = 1;
/// Most records, and most batches, that one step deletes: what comes meanwhile waits no longer.
pub const MAX_RECORDS: u64 = 1_024;
const MAX_BATCHES: u32 = 64;
const OLDEST: &str = "SELECT appliance, epoch, sequence FROM batch WHERE expired < 2 AND since_ms < ?1 \
     ORDER BY since_ms LIMIT 1";
const DELETE_RECORDS: &str = "DELETE FROM record WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3 AND position IN \
     (SELECT position FROM record WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3 LIMIT ?4)";
const MARK: &str = "UPDATE batch SET expired = ?4, withheld = '[]', lost = '[]' \
     WHERE appliance = ?1 AND epoch = ?2 AND sequence = ?3";
