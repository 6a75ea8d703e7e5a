//! How long what is kept is kept (`[retention]`): by time lived, not by the wall clock (`clock.rs`).

use headgate_record::Class;
use rusqlite::Connection;

use crate::account::{self, End};
use crate::clock::Moment;
use crate::identity::sweep;
use crate::keys::{self, Keys};
use crate::ledger::{self, Event};
use crate::release::Cursor;
use crate::{Error, segment};

/// Deletes segments of each class that are older than its period, in milliseconds in the order of [`Class::ALL`]; at most
/// [`CHUNK`] in all. What had not been released is counted as lost under [`EXPIRED`]. With the last segment of a key epoch its
/// keys are destroyed. Gives how many segments went.
pub(crate) fn expire(
    db: &Connection,
    keys: &Keys,
    periods: &[u64; Class::ALL.len()],
    now: Moment,
) -> Result<usize, Error> {
    let cursor = Cursor::load(db)?;
    let (mut deleted, mut lost) = (0_usize, 0_u64);
    for (class, period) in Class::ALL.into_iter().zip(periods) {
        let Some(before) = now.lived_ms.checked_sub(*period) else { continue };
        // Ids and time lived grow together: whoever finds a younger one is done.
        for old in segment::oldest(db, class, u32::try_from(CHUNK).unwrap_or(u32::MAX))? {
            // One that does not say when it was sealed is left until it is mended (`identity/mend.rs`).
            let Some(at) = sweep::sealed_at(db, keys, old.id)? else { continue };
            if deleted >= CHUNK || at.lived_ms >= before {
                break;
            }
            let unreleased = cursor.unreleased(&old);
            account::add(db, End::Lost(class), EXPIRED, unreleased)?;
            segment::delete(db, old.id)?;
            deleted += 1;
            lost = lost.saturating_add(unreleased);
        }
    }
    if deleted > 0 {
        sweep::sweep(db, keys)?;
        keys::destroy_unneeded(db)?;
        let segments = u64::try_from(deleted).unwrap_or(u64::MAX);
        ledger::append(db, &Event::Expired { segments, records_lost: lost }, now.wall_ms)?;
    }
    Ok(deleted)
}

/// Reason under which records are counted that were never released and are too old to be kept.
const EXPIRED: &str = "retention";
/// Most segments deleted at a time.
pub(crate) const CHUNK: usize = 64;
