//! What there is, in figures.

use rusqlite::{Connection, params};

use headgate_record::batch::BatchId;

use super::Database;
use crate::engine::{Appliance, Figures, now_ms};

impl Figures {
    /// Looks into the file. How long it takes depends on how many appliances and epochs there are, not on how many batches.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn of(connection: &Connection) -> rusqlite::Result<Figures> {
        let now_ms = now_ms();
        let since = |ms: i64| now_ms.saturating_sub(ms.cast_unsigned());
        let mut figures = Figures::default();
        let mut series = connection
            .prepare_cached("SELECT appliance, highest, batches, last_ms FROM series ORDER BY appliance")?;
        let mut rows = series.query([])?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str()?;
            let (highest, batches) = (row.get::<_, i64>(1)?.cast_unsigned(), row.get::<_, i64>(2)?);
            let batches = batches.cast_unsigned();
            let (missing, quiet_ms) = (highest.saturating_sub(batches), since(row.get(3)?));
            if !figures.add(Appliance { name: name.into(), batches, missing, quiet_ms }) {
                break;
            }
        }
        figures.known = connection.query_row("SELECT COUNT(DISTINCT appliance) FROM series", [], |row| {
            row.get::<_, i64>(0).map(i64::cast_unsigned)
        })?;
        (figures.media, figures.imported) =
            connection.query_row("SELECT media, batches FROM imports", [], |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
            })?;
        let oldest: Option<i64> =
            connection
                .query_row("SELECT MIN(since_ms) FROM batch WHERE expired < 2", [], |row| row.get(0))?;
        figures.oldest_ms = oldest.map(since);
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        figures.octets = pragma("page_count")?.saturating_mul(pragma("page_size")?).cast_unsigned();
        Ok(figures)
    }
}

impl Database {
    /// Counts a medium that was imported, and the batches that were stored from it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_import(&mut self, batches: u64) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE imports SET media = media + 1, batches = batches + ?1",
            [batches.cast_signed()],
        )?;
        Ok(())
    }
}

/// Counts a batch that is stored at `now`; `is_first` if its number is new.
pub fn count(connection: &Connection, id: &BatchId, is_first: bool, now_ms: u64) -> rusqlite::Result<()> {
    connection.prepare_cached(COUNT)?.execute(params![
        id.appliance,
        id.epoch.cast_signed(),
        id.sequence.cast_signed(),
        i64::from(is_first),
        now_ms.cast_signed(),
    ])?;
    Ok(())
}

const COUNT: &str = "INSERT INTO series (appliance, epoch, highest, batches, last_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT DO UPDATE SET highest = MAX(highest, excluded.highest), batches = batches + excluded.batches, \
     last_ms = excluded.last_ms";
