//! Keeping the store below its cap: what is given up, and in which order.
//!
//! 1. Segments whose records all have left and are receipted: nothing is lost but local history.
//! 2. What is in quarantine: it was counted as lost when it came there.
//! 3. Segments whose records are all in the outbox: likewise only local history.
//! 4. Segments of the lowest class, then the next, the oldest first: they are lost.
//! 5. The oldest batches of the outbox, as the last resort: they are lost.
//!
//! Every loss is counted by class under [`BUFFER_FULL`], in the transaction that causes it.

use headgate_record::Class;
use rusqlite::Connection;

use crate::account::{self, End};
use crate::database::{number, used};
use crate::identity::sweep;
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::release::Cursor;
use crate::{Error, outbox, segment};

/// What was given up.
#[derive(Default)]
#[must_use = "it is told once it is committed"]
pub(crate) struct Evicted {
    segments: u64,
    records_lost: u64,
    batches: u64,
    quarantined: u64,
}

/// To how many octets the database has to come down so that `incoming` ones find room in a store of `cap`; `None` where they
/// do. A little more than needed, so that this happens once in a while and not with every hand-over.
pub(crate) fn target(db: &Connection, cap: u64, incoming: u64) -> Result<Option<u64>, Error> {
    let budget = budget(cap).saturating_sub(incoming);
    Ok((used(db)? > budget).then(|| budget.saturating_sub(STEP.min(cap / SLACK))))
}

/// Gives up, in the caller's transaction, what brings the database closer to `target` octets: at most about [`STEP`], so that
/// the WAL stays within what is kept free of the cap. Where nothing more can be given up, it says that nothing was.
pub(crate) fn toward(db: &Connection, keys: &Keys, target: u64, now_ms: u64) -> Result<Evicted, Error> {
    evict(db, keys, target.max(used(db)?.saturating_sub(STEP)), Loss::Allowed, now_ms)
}

/// Gives up local history for a batch that was just made. It loses nothing: should that not be
/// enough, the next hand-over makes the room.
pub(crate) fn make_room_for_batch(
    db: &Connection,
    keys: &Keys,
    cap: u64,
    now_ms: u64,
) -> Result<Evicted, Error> {
    let (used, budget) = (used(db)?, budget(cap));
    if used <= budget {
        return Ok(Evicted::default());
    }
    evict(db, keys, budget.max(used.saturating_sub(STEP)), Loss::Avoided, now_ms)
}

/// Whether records may be lost to make room.
#[derive(Clone, Copy, PartialEq)]
enum Loss {
    Allowed,
    Avoided,
}

fn evict(db: &Connection, keys: &Keys, target: u64, loss: Loss, now_ms: u64) -> Result<Evicted, Error> {
    let mut evicted = Evicted::default();
    evicted.without_loss(db, keys, target)?;
    if loss == Loss::Allowed {
        evicted.with_loss(db, keys, target)?;
    }
    let Evicted { segments, records_lost, batches, .. } = evicted;
    if segments > 0 || batches > 0 {
        ledger::append(db, &Event::Evicted { segments, records_lost, batches }, now_ms)?;
    }
    Ok(evicted)
}

/// What the database may use of a cap: the rest is for the WAL, shared memory, and one transaction.
pub(crate) fn budget(cap: u64) -> u64 {
    cap.saturating_sub(RESERVE)
}

impl Evicted {
    /// Whether nothing was given up.
    pub(crate) fn is_nothing(&self) -> bool {
        self.segments == 0 && self.batches == 0 && self.quarantined == 0
    }

    /// Tells of it in the log: to be called when it is committed.
    pub(crate) fn tell(&self) {
        let Evicted { segments, records_lost, batches, .. } = self;
        if *segments > 0 || *batches > 0 {
            log::info!(event = "evicted"; "full: gave up {segments} segments and {batches} batches, {records_lost} records are lost");
        }
    }

    fn without_loss(&mut self, db: &Connection, keys: &Keys, target: u64) -> Result<(), Error> {
        let cursor = Cursor::load(db)?;
        let receipted = match outbox_start(db)? {
            Some(first) => cursor.through().min(first.saturating_sub(1)),
            None => cursor.through(),
        };
        self.drop_through(db, keys, receipted, &cursor, target)?;
        while used(db)? > target {
            let oldest = "DELETE FROM quarantine WHERE id = (SELECT MIN(id) FROM quarantine)";
            if db.execute(oldest, [])? == 0 {
                break;
            }
            self.quarantined += 1;
        }
        self.drop_through(db, keys, cursor.through(), &cursor, target)
    }

    fn with_loss(&mut self, db: &Connection, keys: &Keys, target: u64) -> Result<(), Error> {
        let cursor = Cursor::load(db)?;
        for class in Class::ALL {
            while used(db)? > target {
                let oldest = segment::oldest(db, class, CHUNK)?;
                if oldest.is_empty() {
                    break;
                }
                self.drop_segments(db, keys, &oldest, &cursor, target)?;
            }
        }
        while used(db)? > target {
            let Some(waiting) = outbox::oldest(db)? else { break };
            self.batches += 1;
            self.records_lost = self.records_lost.saturating_add(waiting.records());
            outbox::give_up(db, &waiting, BUFFER_FULL)?;
        }
        Ok(())
    }

    /// Deletes segments up to an id, the oldest first.
    fn drop_through(
        &mut self,
        db: &Connection,
        keys: &Keys,
        last: u64,
        cursor: &Cursor,
        target: u64,
    ) -> Result<(), Error> {
        while used(db)? > target {
            let mut oldest = segment::after(db, 0, CHUNK)?;
            oldest.retain(|segment| segment.id <= last);
            if oldest.is_empty() {
                break;
            }
            self.drop_segments(db, keys, &oldest, cursor, target)?;
        }
        Ok(())
    }

    fn drop_segments(
        &mut self,
        db: &Connection,
        keys: &Keys,
        segments: &[segment::Segment],
        cursor: &Cursor,
        target: u64,
    ) -> Result<(), Error> {
        for segment in segments {
            let lost = cursor.unreleased(segment);
            account::add(db, End::Lost(segment.class), BUFFER_FULL, lost)?;
            segment::delete(db, segment.id)?;
            self.segments += 1;
            self.records_lost = self.records_lost.saturating_add(lost);
            if used(db)? <= target {
                break;
            }
        }
        // Who they were about goes with the last of them.
        sweep::sweep(db, keys)
    }
}

/// Id of the first segment from which a batch in the outbox was made.
fn outbox_start(db: &Connection) -> Result<Option<u64>, Error> {
    let first: Option<i64> = db.query_row("SELECT MIN(first_segment) FROM outbox", [], |r| r.get(0))?;
    Ok(first.map(number))
}

/// Reason under which records are counted that were given up to make room.
pub(crate) const BUFFER_FULL: &str = "buffer-full";
/// Kept free of the cap: 2 MiB WAL before it is moved, shared memory, and the largest transaction.
const RESERVE: u64 = 8 << 20;
/// Room made ahead of need: this part of the cap, and at most [`STEP`].
const SLACK: u64 = 32;
/// Most that one transaction gives up, octets, and a segment or batch more: all of it is overwritten, in the WAL first.
const STEP: u64 = 4 << 20;
/// Segments looked at together.
const CHUNK: u32 = 64;

#[cfg(test)]
mod tests {
    use headgate_record::{Field, Kind, Record};

    use super::*;
    use crate::clock::Moment;
    use crate::database::in_memory;
    use crate::master::MasterKey;

    /// Once 32 MiB were given up in one transaction of a store of 1 GiB, and the WAL grew past what is kept free for it.
    #[test]
    fn one_transaction_gives_up_no_more_than_a_step() {
        let (db, keys) = in_memory(&MasterKey::random());
        let flow = || {
            let mut noise = [0; 500];
            getrandom::fill(&mut noise).unwrap();
            let mut record = Record::new(Kind::Flow);
            record.set(Field::FlowService, hex::encode(noise)).unwrap();
            record
        };
        while used(&db).unwrap() < 3 * STEP {
            let flows = (0..1_000).map(|_| flow()).collect();
            segment::insert(&db, &keys, keys.present(), flows, Moment::default()).unwrap();
        }
        let mut steps = 0;
        loop {
            let before = used(&db).unwrap();
            if toward(&db, &keys, 0, 1_000).unwrap().is_nothing() {
                break;
            }
            // The last segments free less than what the ledger takes.
            let gave_up = before.saturating_sub(used(&db).unwrap());
            assert!(gave_up <= STEP + STEP / 8, "{gave_up}");
            steps += u32::from(gave_up > STEP / 2);
        }
        assert!(steps >= 2, "{steps}");
        assert!(target(&db, 1 << 30, 1 << 20).unwrap().is_none());
    }
}
