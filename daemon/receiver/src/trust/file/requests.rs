//! What the operator asks of sites, in a file.

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use headgate_record::batch::BatchId;
use headgate_record::request::{Request, RequestId};

use super::File;
use crate::Error;
use crate::trust::requests::{Asked, MAX_REQUESTS, too_many};
use crate::trust::{now_ms, signed};

impl File {
    /// Keeps a request, to go with the next receipt of the appliance.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are under way; [`Error::Database`].
    pub fn ask(&self, appliance: &str, request: &Request) -> Result<(), Error> {
        let now = now_ms() / 1_000;
        let mut connection = self.lock();
        let mut put = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM request WHERE expires < ?1", [signed(now)])?;
            let under_way: i64 = transaction.query_row(
                "SELECT count(*) FROM request WHERE appliance = ?1",
                [appliance],
                |row| row.get(0),
            )?;
            if usize::try_from(under_way).map_or(true, |under_way| under_way >= MAX_REQUESTS) {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO request (id, appliance, content, asked, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![request.id.0, appliance, request.encode(), signed(now), signed(request.expires)],
            )?;
            transaction.commit()?;
            Ok(true)
        };
        match put() {
            Ok(true) => Ok(()),
            Ok(false) => Err(too_many()),
            Err(source) => Err(self.failure(source)),
        }
    }

    /// Whether something is under way to an appliance.
    ///
    /// # Errors
    /// When the database fails.
    pub fn has_requests(&self, appliance: &str) -> rusqlite::Result<bool> {
        let (now, reader) = (signed(now_ms() / 1_000), self.looking());
        reader
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM request WHERE appliance = ?1 AND arrived = 0 AND expires >= ?2)",
            )?
            .query_row(params![appliance, now], |row| row.get(0))
    }

    /// The request that goes with the receipt of a batch: empty for none. That a batch comes behind the one whose receipt a request
    /// went with shows that it has arrived: the appliance goes on only when it has kept a receipt.
    ///
    /// # Errors
    /// When the database fails.
    pub fn request_for(&self, batch: &BatchId) -> rusqlite::Result<Vec<u8>> {
        let (epoch, sequence) = (batch.epoch.to_be_bytes(), batch.sequence.to_be_bytes());
        let now = signed(now_ms() / 1_000);
        if !self.has_requests(&batch.appliance)? {
            return Ok(Vec::new());
        }
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE request SET arrived = 1 WHERE appliance = ?1 AND arrived = 0 AND epoch = ?2 AND sequence < ?3",
            params![batch.appliance, epoch, sequence],
        )?;
        let next = transaction
            .query_row(
                "SELECT id, content FROM request WHERE appliance = ?1 AND arrived = 0 AND expires >= ?2 ORDER BY asked, id LIMIT 1",
                params![batch.appliance, now],
                |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )
            .optional()?;
        if let Some((id, _)) = &next {
            // Of several receipts that it went with, the first that arrives is enough.
            transaction.execute(
                "UPDATE request SET epoch = ?2, sequence = ?3 WHERE id = ?1 AND (epoch IS NULL OR epoch <> ?2)",
                params![id, epoch, sequence],
            )?;
        }
        transaction.commit()?;
        Ok(next.map(|(_, content)| content).unwrap_or_default())
    }

    /// All that have not expired, the oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn asked(&self) -> Result<Vec<Asked>, Error> {
        let connection = self.looking();
        let list = || {
            let mut statement = connection
                .prepare("SELECT appliance, content, asked, arrived FROM request WHERE expires >= ?1 ORDER BY asked, id")?;
            let rows = statement.query_map([signed(now_ms() / 1_000)], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, bool>(3)?,
                ))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = list().map_err(|source| self.failure(source))?;
        let read = rows.into_iter().filter_map(|(appliance, content, asked, has_arrived)| {
            let request = Request::decode(&content).ok()?;
            Some(Asked { appliance, request, asked: u64::try_from(asked).unwrap_or(0), has_arrived })
        });
        Ok(read.collect())
    }

    /// Takes a request back, as far as it has not arrived. Whether there was one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn withdraw(&self, id: RequestId) -> Result<bool, Error> {
        let done = self.lock().execute("DELETE FROM request WHERE id = ?1 AND arrived = 0", [id.0]);
        done.map(|rows| rows > 0).map_err(|source| self.failure(source))
    }
}
