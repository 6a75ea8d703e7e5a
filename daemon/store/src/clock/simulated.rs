//! Clocks that a test sets: those of a machine whose wall clock is right and whose monotonic clock goes with it.

use std::cell::Cell;

use super::Reading;

thread_local! {
    /// A boot, and when it was.
    static BOOT: Cell<Option<(u8, u64)>> = const { Cell::new(None) };
}

/// The machine was booted at this time; from now on its clocks are those that the store of this thread reads.
pub(crate) fn boot(number: u8, wall_ms: u64) {
    BOOT.set(Some((number, wall_ms)));
}

/// The clocks are those of the machine again.
pub(crate) fn end() {
    BOOT.set(None);
}

/// What the clocks say, where they are a test's.
pub(super) fn reading(wall_ms: u64) -> Option<Reading> {
    let (boot, booted_ms) = BOOT.get()?;
    let monotonic_ms = wall_ms.saturating_sub(booted_ms);
    Some(Reading { boot: [boot; 16], monotonic_ms, wall_ms, synchronised: true })
}
