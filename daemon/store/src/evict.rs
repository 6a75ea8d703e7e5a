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
struct Evicted {
    segments: u64,
    records_lost: u64,
    batches: u64,
}

/// Makes room for `incoming` octets in the caller's transaction, so that the store stays below `cap`.
///
/// # Errors
/// [`Error::Full`] when all that may be given up is given up; the caller's transaction must then be
/// rolled back.
pub(crate) fn make_room(
    db: &Connection,
    keys: &Keys,
    cap: u64,
    incoming: u64,
    now_ms: u64,
) -> Result<(), Error> {
    let budget = budget(cap).saturating_sub(incoming);
    if used(db)? <= budget {
        return Ok(());
    }
    // A little more than needed, so that this happens once in a while and not with every hand-over.
    evict(db, keys, budget.saturating_sub(cap / SLACK), Loss::Allowed, now_ms)?;
    if used(db)? > budget { Err(Error::Full) } else { Ok(()) }
}

/// Gives up local history for a batch that was just made. It loses nothing: should that not be
/// enough, the next hand-over makes the room.
pub(crate) fn make_room_for_batch(db: &Connection, keys: &Keys, cap: u64, now_ms: u64) -> Result<(), Error> {
    let budget = budget(cap);
    if used(db)? > budget { evict(db, keys, budget, Loss::Avoided, now_ms) } else { Ok(()) }
}

/// Brings a store closer to a cap that was lowered, as far as one transaction should. Gives whether
/// there is more to do.
pub(crate) fn shrink(db: &Connection, keys: &Keys, cap: u64, now_ms: u64) -> Result<bool, Error> {
    let (before, budget) = (used(db)?, budget(cap));
    if before <= budget {
        return Ok(false);
    }
    evict(db, keys, budget.max(before.saturating_sub(STEP)), Loss::Allowed, now_ms)?;
    let after = used(db)?;
    Ok(after > budget && after < before)
}

/// Whether records may be lost to make room.
#[derive(Clone, Copy, PartialEq)]
enum Loss {
    Allowed,
    Avoided,
}

fn evict(db: &Connection, keys: &Keys, target: u64, loss: Loss, now_ms: u64) -> Result<(), Error> {
    let mut evicted = Evicted::default();
    evicted.without_loss(db, keys, target)?;
    if loss == Loss::Allowed {
        evicted.with_loss(db, keys, target)?;
    }
    if evicted.segments == 0 && evicted.batches == 0 {
        return Ok(());
    }
    let Evicted { segments, records_lost, batches } = evicted;
    log::info!(event = "evicted"; "full: gave up {segments} segments and {batches} batches, {records_lost} records are lost");
    ledger::append(db, &Event::Evicted { segments, records_lost, batches }, now_ms)
}

/// What the database may use of a cap: the rest is for the WAL, shared memory, and one transaction.
pub(crate) fn budget(cap: u64) -> u64 {
    cap.saturating_sub(RESERVE)
}

impl Evicted {
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
/// Room made ahead of need, as a part of the cap.
const SLACK: u64 = 32;
/// Most that one transaction gives up to reach a lowered cap, octets.
const STEP: u64 = 4 << 20;
/// Segments looked at together.
const CHUNK: u32 = 64;
