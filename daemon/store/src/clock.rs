//! Time that can be relied on.
//!
//! A wall clock is wrong until it is synchronised, and may be set at any time. So the store keeps, for each boot, how wall
//! clock and monotonic clock (`CLOCK_BOOTTIME`, which counts sleep) lie to each other. When the wall clock of a boot is set for
//! the first time in its first day, it was wrong before: all that was sealed in this boot until then is read with its times
//! corrected. A later step corrects nothing: the times were right, or nobody can say.
//!
//! Retention counts *time lived*: what the monotonic clock counted while the store, or at least the machine, ran. Time between
//! two boots counts only between wall clocks that were both synchronised. So a clock that jumps deletes nothing, and a
//! machine without a synchronised clock keeps records for longer, not for shorter.

use std::path::Path;
use std::sync::OnceLock;

use rusqlite::{Connection, OptionalExtension, params};
use rustix::time::{ClockId, clock_gettime};

use crate::Error;
use crate::database::{get_number, last_id, meta, number, set, sql};
use crate::identity::sweep;
use crate::keys::Keys;

/// What the clocks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// This boot (`/proc/sys/kernel/random/boot_id`).
    pub(crate) boot: [u8; 16],
    /// `CLOCK_BOOTTIME`, milliseconds.
    pub(crate) monotonic_ms: u64,
    /// Milliseconds since 1970.
    pub(crate) wall_ms: u64,
    /// Whether a time service says that it has set the clock.
    pub(crate) synchronised: bool,
}

/// When something is sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Milliseconds since 1970, as the wall clock says.
    pub(crate) wall_ms: u64,
    /// The row of `clock` that holds.
    pub(crate) clock: u64,
    /// Time lived, milliseconds.
    pub(crate) lived_ms: u64,
}

/// The clocks of this boot, as the store has seen them.
pub(crate) struct Clock {
    boot: [u8; 16],
    row: u64,
    offset_ms: i64,
    synchronised: bool,
    lived_ms: u64,
    monotonic_ms: u64,
    noted_ms: u64,
}

impl Reading {
    /// Reads the clocks. `wall_ms` comes from whoever asks.
    pub(crate) fn now(wall_ms: u64) -> Reading {
        let time = clock_gettime(ClockId::Boottime);
        let milliseconds = time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000);
        let synchronised = Path::new(SYNCHRONISED).exists();
        Reading { boot: boot(), monotonic_ms: number(milliseconds), wall_ms, synchronised }
    }

    fn offset_ms(&self) -> i64 {
        sql(self.wall_ms).saturating_sub(sql(self.monotonic_ms))
    }
}

impl Clock {
    /// Goes on from what the database knows.
    pub(crate) fn load(db: &Connection, now: &Reading) -> Result<Clock, Error> {
        let known = "SELECT number, boot, wall_ms - monotonic_ms, synchronised FROM clock ORDER BY number DESC LIMIT 1";
        let known = db
            .query_row(known, [], |r| {
                Ok((number(r.get(0)?), r.get::<_, Vec<u8>>(1)?, r.get::<_, i64>(2)?, r.get::<_, bool>(3)?))
            })
            .optional()?;
        let lived_ms = get_number(db, meta::LIVED)?;
        let noted_ms = get_number(db, meta::LIVED_MONOTONIC)?;
        match known {
            Some((row, boot, offset_ms, synchronised)) if boot == now.boot => {
                // The machine ran on while the store did not.
                let lived_ms = lived_ms.saturating_add(now.monotonic_ms.saturating_sub(noted_ms));
                let (boot, monotonic_ms) = (now.boot, now.monotonic_ms);
                let mut clock = Clock {
                    boot,
                    row,
                    offset_ms,
                    synchronised,
                    lived_ms,
                    monotonic_ms,
                    noted_ms: monotonic_ms,
                };
                clock.observe(db, now)?;
                Ok(clock)
            }
            known => {
                // From when the time until now is counted once both ends of it are known.
                let was_synchronised = known.is_some_and(|(_, _, _, synchronised)| synchronised);
                let until = if was_synchronised { get_number(db, meta::LIVED_WALL)? } else { 0 };
                set(db, meta::AWAY_SINCE, sql(until))?;
                let row = begin(db, now, false)?;
                let (boot, monotonic_ms) = (now.boot, now.monotonic_ms);
                let offset_ms = now.offset_ms();
                let mut clock =
                    Clock { boot, row, offset_ms, synchronised: false, lived_ms, monotonic_ms, noted_ms: 0 };
                clock.observe(db, now)?;
                clock.note(db, now)?;
                Ok(clock)
            }
        }
    }

    /// Looks at the clocks, and writes down what has changed. Gives the moment.
    pub(crate) fn observe(&mut self, db: &Connection, now: &Reading) -> Result<Moment, Error> {
        self.lived_ms = self.lived_ms.saturating_add(now.monotonic_ms.saturating_sub(self.monotonic_ms));
        self.monotonic_ms = self.monotonic_ms.max(now.monotonic_ms);
        let step = now.offset_ms().saturating_sub(self.offset_ms);
        let stepped = step.unsigned_abs() >= STEP_MS;
        let first = stepped && !self.synchronised && now.monotonic_ms < FIRST_DAY_MS;
        if first {
            db.execute(
                "UPDATE clock SET correction_ms = correction_ms + ?2,
                   checksum = checksum('clock', number, boot, monotonic_ms, wall_ms, synchronised, correction_ms + ?2)
                   WHERE boot = ?1",
                params![self.boot, step],
            )?;
            log::info!(event = "clock_set"; "the clock was set by {step} ms: what was sealed before in this boot is read with its times corrected");
        }
        let synchronised = self.synchronised || now.synchronised || first;
        if stepped {
            self.row = begin(db, now, synchronised)?;
            self.offset_ms = now.offset_ms();
        }
        if synchronised && !self.synchronised {
            db.execute(
                "UPDATE clock SET synchronised = 1,
                   checksum = checksum('clock', number, boot, monotonic_ms, wall_ms, 1, correction_ms)
                   WHERE number = ?1",
                [sql(self.row)],
            )?;
            let since = get_number(db, meta::AWAY_SINCE)?;
            if since > 0 {
                let booted = now.wall_ms.saturating_sub(now.monotonic_ms);
                self.lived_ms = self.lived_ms.saturating_add(booted.saturating_sub(since));
                set(db, meta::AWAY_SINCE, 0)?;
            }
            self.synchronised = true;
            self.note(db, now)?;
        }
        if now.monotonic_ms.saturating_sub(self.noted_ms) >= NOTE_MS {
            self.note(db, now)?;
        }
        Ok(Moment { wall_ms: now.wall_ms, clock: self.row, lived_ms: self.lived_ms })
    }

    /// The moment, as [`Clock::observe`] gives it, where that has nothing to write down; `None` where it has.
    pub(crate) fn moment(&mut self, now: &Reading) -> Option<Moment> {
        let step = now.offset_ms().saturating_sub(self.offset_ms);
        let is_set = now.synchronised && !self.synchronised;
        let is_to_be_noted = now.monotonic_ms.saturating_sub(self.noted_ms) >= NOTE_MS;
        if step.unsigned_abs() >= STEP_MS || is_set || is_to_be_noted {
            return None;
        }
        self.lived_ms = self.lived_ms.saturating_add(now.monotonic_ms.saturating_sub(self.monotonic_ms));
        self.monotonic_ms = self.monotonic_ms.max(now.monotonic_ms);
        Some(Moment { wall_ms: now.wall_ms, clock: self.row, lived_ms: self.lived_ms })
    }

    /// Whether it is time to look at the clocks though nothing is sealed.
    pub(crate) fn is_due(&self, now: &Reading) -> bool {
        now.monotonic_ms.saturating_sub(self.monotonic_ms) >= OBSERVE_MS
    }

    fn note(&mut self, db: &Connection, now: &Reading) -> Result<(), Error> {
        self.noted_ms = now.monotonic_ms;
        set(db, meta::LIVED, sql(self.lived_ms))?;
        set(db, meta::LIVED_MONOTONIC, sql(now.monotonic_ms))?;
        set(db, meta::LIVED_WALL, sql(now.wall_ms))
    }
}

/// By how much times that were sealed under a segment's clock are wrong, nanoseconds; 0 where nothing is known.
pub(crate) fn correction_ns(db: &Connection, keys: &Keys, segment: u64) -> Result<i64, Error> {
    let Some(Moment { clock, .. }) = sweep::sealed_at(db, keys, segment)? else { return Ok(0) };
    let mut statement = db.prepare_cached("SELECT correction_ms FROM clock WHERE number = ?1")?;
    let correction: Option<i64> = statement.query_row([sql(clock)], |r| r.get(0)).optional()?;
    Ok(correction.unwrap_or(0).saturating_mul(1_000_000))
}

/// Sets time lived from when the last segment was sealed, so that nothing is too old by a flipped bit.
pub(crate) fn set_right(db: &Connection, keys: &Keys) -> Result<(), Error> {
    let latest = sweep::latest(db, keys)?.map_or(0, |at| at.lived_ms);
    set(db, meta::LIVED, sql(latest))
}

fn begin(db: &Connection, now: &Reading, synchronised: bool) -> Result<u64, Error> {
    let row = last_id(db, "clock")?.saturating_add(1);
    db.execute(
        "INSERT INTO clock (number, boot, monotonic_ms, wall_ms, synchronised, correction_ms, checksum)
           VALUES (?1, ?2, ?3, ?4, ?5, 0, checksum('clock', ?1, ?2, ?3, ?4, ?5, 0))",
        params![sql(row), now.boot, sql(now.monotonic_ms), sql(now.wall_ms), synchronised],
    )?;
    // Those that no segment names any more go, the latest stay in any case.
    db.execute(
        "DELETE FROM clock WHERE number <= ?1 AND number NOT IN (SELECT clock FROM segment_mention)",
        [sql(row.saturating_sub(CLOCKS_KEPT))],
    )?;
    Ok(row)
}

/// The identity of this boot; zeros where the kernel does not say.
fn boot() -> [u8; 16] {
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    *BOOT.get_or_init(read_boot)
}

fn read_boot() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut id = [0; 16];
    // A text of another length leaves zeros.
    let _ = hex::decode_to_slice(digits, &mut id);
    id
}

/// Made by systemd-timesyncd once it has set the clock (systemd-timesyncd.service(8)). For other services the first step of
/// the clock in a boot says as much.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
/// A change of the wall clock against the monotonic one from which on it was set, not disciplined.
const STEP_MS: u64 = 2_000;
/// A clock that is set for the first time so long after the boot, or later, is not taken to have been wrong before.
const FIRST_DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How often the clocks are looked at where nothing is sealed.
const OBSERVE_MS: u64 = 1_000;
/// How often time lived is written down.
const NOTE_MS: u64 = 60_000;
/// Latest rows of `clock` that stay whether a segment names them or not.
const CLOCKS_KEPT: u64 = 16;

#[cfg(test)]
mod tests;
