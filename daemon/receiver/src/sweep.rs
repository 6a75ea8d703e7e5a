//! When what has expired is deleted: once an hour, and then in steps that leave half of the time to batches.

use std::time::{Duration, Instant};

use crate::database::{Database, Expired};
use crate::engine::now_ms;

/// Deletes what has been stored for longer than it is kept.
pub struct Sweep {
    days: u32,
    next: Instant,
    /// What the round under way has deleted.
    round: Expired,
    fault: String,
}

impl Sweep {
    /// The first round begins at once.
    pub fn new(days: u32) -> Sweep {
        Sweep { days, next: Instant::now(), round: Expired::default(), fault: String::new() }
    }

    /// How long there is nothing to do.
    pub fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Does the next step if it is time.
    pub fn go_on(&mut self, database: &mut Database) {
        let began = Instant::now();
        if began < self.next {
            return;
        }
        let step = database.expire(before_ms(self.days));
        let rest = match step {
            Ok(step) => {
                self.fault.clear();
                self.round.batches = self.round.batches.saturating_add(step.batches);
                self.round.records = self.round.records.saturating_add(step.records);
                if step.more { began.elapsed() } else { self.end() }
            }
            Err(error) => {
                let fault = error.to_string();
                if fault != self.fault {
                    log::error!(event = "not_expiring"; "records that are too old cannot be deleted, tried again each minute: {fault}");
                    self.fault = fault;
                }
                AFTER_FAULT
            }
        };
        self.next = Instant::now() + rest;
    }

    fn end(&mut self) -> Duration {
        let Expired { batches, records, .. } = std::mem::take(&mut self.round);
        if batches > 0 {
            let days = self.days;
            log::info!(event = "expired"; "{records} records of {batches} batches were deleted: they had been here for {days} days");
        }
        ROUND
    }
}

/// What was stored before that has been here for `days`, milliseconds since 1970. Before that many days after 1970, as a clock
/// shows that was never set, nothing was.
pub fn before_ms(days: u32) -> u64 {
    now_ms().saturating_sub(u64::from(days).saturating_mul(MS_OF_DAY))
}

const MS_OF_DAY: u64 = 86_400_000;
const ROUND: Duration = Duration::from_secs(3_600);
const AFTER_FAULT: Duration = Duration::from_secs(60);
