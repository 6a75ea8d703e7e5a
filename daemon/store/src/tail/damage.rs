//! What of the tail is not what was written: counted, and told once.

use headgate_record::Class;
use rusqlite::Connection;

use crate::Error;
use crate::account::{self, End};
use crate::database::{add, meta};
use crate::ledger::{self, Event};
use crate::segment::DAMAGED;

/// What was found damaged, and is not told yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Damage {
    /// Rows that were not what was written.
    pub(super) rows: u64,
    /// Records that are lost, of each class in the order of `Class::ALL`.
    pub(super) records: [u64; Class::ALL.len()],
}

impl Damage {
    /// Whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.rows == 0 && self.records.iter().all(|records| *records == 0)
    }

    /// Counts and tells it.
    pub(super) fn tell(&self, db: &Connection, now_ms: u64) -> Result<(), Error> {
        if self.is_none() {
            return Ok(());
        }
        for (class, records) in Class::ALL.into_iter().zip(self.records) {
            account::add(db, End::Lost(class), DAMAGED, records)?;
        }
        let (rows, records) =
            (self.rows, self.records.iter().fold(0, |sum: u64, records| sum.saturating_add(*records)));
        log::error!(event = "tail_damaged"; "of what waited for a segment {rows} rows are not what was written, and {records} records are lost");
        add(db, meta::UNSOUND, rows)?;
        ledger::append(db, &Event::TailDamaged { rows, records }, now_ms)
    }
}

/// Adds records of a class to counts in the order of `Class::ALL`.
pub(super) fn add_of(counts: &mut [u64; Class::ALL.len()], class: Class, records: u64) {
    let count = counts.iter_mut().zip(Class::ALL).find(|(_, of)| *of == class);
    count.into_iter().for_each(|(count, _)| *count = count.saturating_add(records));
}
