//! How many records of each kind are kept.
//!
//! Each segment says how many it holds (`segment_mention.kinds`). A single value has the sums over all segments up to an id,
//! so that whoever asks adds up no more than those behind it: it is changed when one of these segments goes, and moved on now
//! and then, not with each commit.

use std::collections::BTreeMap;

use headgate_record::{Kind, codec};
use rusqlite::{Connection, params};

use crate::Error;
use crate::block;
use crate::database::{column, get, last_id, meta, number, set, sql};

/// Sums over the segments up to an id.
struct Sums {
    through: u64,
    kinds: BTreeMap<Kind, u64>,
}

/// How many records of each kind are kept.
pub(crate) fn records(db: &Connection) -> Result<BTreeMap<Kind, u64>, Error> {
    let mut sums = Sums::load(db)?;
    sums.move_on(db, u32::MAX)?;
    let mut kept: BTreeMap<Kind, u64> = Kind::ALL.into_iter().map(|kind| (kind, 0)).collect();
    let mut add = |kind, records| {
        let count: &mut u64 = kept.entry(kind).or_default();
        *count = count.saturating_add(records);
    };
    sums.kinds.into_iter().for_each(|(kind, records)| add(kind, records));
    // Of segments that were sealed under an earlier schema.
    let mut statement = db.prepare_cached("SELECT kind, SUM(records) FROM segment_kind GROUP BY kind")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(kind) = Kind::from_number(column(row, 0)) {
            add(kind, number(column(row, 1)));
        }
    }
    Ok(kept)
}

/// A segment is about to be deleted.
pub(crate) fn goes(db: &Connection, segment: u64) -> Result<(), Error> {
    let mut sums = Sums::load(db)?;
    if segment > sums.through {
        return Ok(());
    }
    let mut statement = db.prepare_cached("SELECT kinds FROM segment_mention WHERE segment = ?1")?;
    let mut rows = statement.query([sql(segment)])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    for (kind, records) in block::kinds(row.get_ref(0)?.as_blob().unwrap_or_default()) {
        let count = sums.kinds.entry(kind).or_default();
        *count = count.saturating_sub(records);
    }
    sums.store(db)
}

/// Moves the sums on where many segments have come.
pub(crate) fn keep_up(db: &Connection) -> Result<(), Error> {
    let (mut sums, last) = (Sums::load(db)?, last_id(db, "segment")?);
    if last.saturating_sub(sums.through) < BEHIND {
        return Ok(());
    }
    if sums.move_on(db, STEP)? < STEP {
        sums.through = sums.through.max(last);
    }
    sums.store(db)
}

/// What was added up may not be so: it is added up anew.
pub(crate) fn forget(db: &Connection) -> Result<(), Error> {
    Sums { through: 0, kinds: BTreeMap::new() }.store(db)
}

impl Sums {
    fn load(db: &Connection) -> Result<Sums, Error> {
        let value: Vec<u8> = get(db, meta::KEPT)?.unwrap_or_default();
        let mut octets = value.as_slice();
        let through = codec::take_varint(&mut octets).unwrap_or(0);
        Ok(Sums { through, kinds: block::kinds(octets).into_iter().collect() })
    }

    fn store(&self, db: &Connection) -> Result<(), Error> {
        let mut value = Vec::new();
        codec::put_varint(&mut value, self.through);
        for (kind, records) in &self.kinds {
            codec::put_varint(&mut value, kind.number().into());
            codec::put_varint(&mut value, *records);
        }
        set(db, meta::KEPT, value)
    }

    /// Adds up to `most` segments more. Gives how many there were.
    fn move_on(&mut self, db: &Connection, most: u32) -> Result<u32, Error> {
        let mut statement = db.prepare_cached(
            "SELECT segment, kinds FROM segment_mention WHERE segment > ?1 ORDER BY segment LIMIT ?2",
        )?;
        let mut rows = statement.query(params![sql(self.through), most])?;
        let mut segments = 0_u32;
        while let Some(row) = rows.next()? {
            segments = segments.saturating_add(1);
            self.through = number(row.get(0)?);
            for (kind, records) in block::kinds(row.get_ref(1)?.as_blob().unwrap_or_default()) {
                let count = self.kinds.entry(kind).or_default();
                *count = count.saturating_add(records);
            }
        }
        Ok(segments)
    }
}

/// The sums are moved on once they are so many segments behind, and over so many at a time.
const BEHIND: u64 = 256;
const STEP: u32 = 4_096;

#[cfg(test)]
mod tests {
    use headgate_record::{Field, Record};

    use super::*;
    use crate::clock::Moment;
    use crate::database::in_memory;
    use crate::keys::Keys;
    use crate::master::MasterKey;
    use crate::segment;

    fn seal(db: &Connection, keys: &Keys, segments: usize) {
        for _ in 0..segments {
            let flow = || {
                let mut flow = Record::new(Kind::Flow);
                flow.set(Field::FlowPackets, 1_u64).unwrap();
                flow
            };
            segment::insert(db, keys, keys.present(), vec![flow(), flow()], Moment::default()).unwrap();
        }
    }

    fn flows(db: &Connection) -> (u64, u64) {
        let through = Sums::load(db).unwrap().through;
        (records(db).unwrap()[&Kind::Flow], through)
    }

    #[test]
    fn what_is_kept_is_the_sums_and_what_came_since_and_what_went_is_not_in_them() {
        let (mut db, keys) = in_memory(&MasterKey::random());
        let behind = usize::try_from(BEHIND).unwrap();
        seal(&db, &keys, behind - 1);
        keep_up(&db).unwrap();
        assert_eq!(flows(&db), (2 * (BEHIND - 1), 0), "not worth a write");
        seal(&db, &keys, 11);
        keep_up(&db).unwrap();
        assert_eq!(flows(&db), (2 * (BEHIND + 10), BEHIND + 10));
        seal(&db, &keys, 5);
        // One in the sums, one behind them; and what is rolled back did not happen.
        segment::delete(&db, 3).unwrap();
        segment::delete(&db, BEHIND + 12).unwrap();
        assert_eq!(flows(&db), (2 * (BEHIND + 13), BEHIND + 10));
        let transaction = db.transaction().unwrap();
        segment::delete(&transaction, 4).unwrap();
        assert_eq!(flows(&transaction).0, 2 * (BEHIND + 12));
        transaction.rollback().unwrap();
        assert_eq!(flows(&db).0, 2 * (BEHIND + 13));
        forget(&db).unwrap();
        assert_eq!(flows(&db), (2 * (BEHIND + 13), 0));
    }

    /// Where all segments that came were deleted, a write each second would have found nothing to add.
    #[test]
    fn sums_without_segments_to_add_catch_up_too() {
        let (db, keys) = in_memory(&MasterKey::random());
        seal(&db, &keys, usize::try_from(BEHIND).unwrap());
        (1..=BEHIND).for_each(|id| segment::delete(&db, id).unwrap());
        keep_up(&db).unwrap();
        assert_eq!(flows(&db), (0, BEHIND));
    }
}
