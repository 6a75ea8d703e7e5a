//! How many batches go together: more while they arrive quickly, one after a failure, and no more than the receiver had room for.

use std::time::Duration;

use headgate_record::run::MAX_RUN;

/// What was learnt from the runs so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Together {
    most: usize,
    /// As many as the receiver took when it did not take all, and twice as many when it has taken that for a while.
    ceiling: usize,
    /// Runs in a row that had so many, and all their receipts.
    taken: u32,
}

impl Together {
    /// One tries the way.
    pub fn new() -> Together {
        Together { most: 1, ceiling: MAX_RUN, taken: 0 }
    }

    /// Most batches of the next run; one at least and [`MAX_RUN`] at most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// A run did not arrive.
    pub fn failed(&mut self) {
        self.most = 1;
    }

    /// Of `sent` batches the first `receipted` have their receipts, after `took`, where `limit` is the longest it may take.
    pub fn arrived(&mut self, sent: usize, receipted: usize, took: Duration, limit: Duration) {
        if receipted < sent {
            // What found no room was sent for nothing: the same is not tried again with each run.
            (self.ceiling, self.taken) = (receipted.clamp(1, MAX_RUN), 0);
        } else if sent >= self.ceiling && self.ceiling < MAX_RUN {
            self.taken += 1;
            if self.taken >= TAKEN {
                (self.ceiling, self.taken) = (self.ceiling.saturating_mul(2).min(MAX_RUN), 0);
            }
        }
        // A run that takes long on a slow line is one that breaks on a bad one.
        let most = if took > limit / 4 {
            sent / 2
        } else if took < limit / 16 && receipted == sent {
            self.most.saturating_mul(2)
        } else {
            self.most
        };
        self.most = most.clamp(1, self.ceiling);
    }
}

/// Runs of the same length that arrive whole before twice as many are tried: of what is sent to a receiver with little room a sixth is for nothing.
const TAKEN: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(16);
    const QUICK: Duration = Duration::from_millis(10);

    /// A receiver with room for so many; gives how many were sent each time, and how many of them for nothing.
    fn sends(together: &mut Together, room: usize, runs: usize) -> (Vec<usize>, usize) {
        let mut in_vain = 0;
        let sent = (0..runs).map(|_| {
            let sent = together.most();
            in_vain += sent.saturating_sub(room);
            together.arrived(sent, sent.min(room), QUICK, LIMIT);
            sent
        });
        (sent.collect(), in_vain)
    }

    #[test]
    fn runs_double_while_they_arrive_quickly_and_begin_anew_after_a_failure() {
        let mut together = Together::new();
        assert_eq!(sends(&mut together, MAX_RUN, 6).0, [1, 2, 4, 8, 16, 16]);
        together.failed();
        assert_eq!(sends(&mut together, MAX_RUN, 3).0, [1, 2, 4]);
    }

    #[test]
    fn what_takes_long_is_halved_and_what_takes_a_while_stays() {
        let mut together = Together::new();
        sends(&mut together, MAX_RUN, 4);
        together.arrived(16, 16, LIMIT / 8, LIMIT);
        assert_eq!(together.most(), 16);
        together.arrived(16, 16, LIMIT / 3, LIMIT);
        assert_eq!(together.most(), 8);
        together.arrived(1, 1, LIMIT / 3, LIMIT);
        assert_eq!(together.most(), 1);
    }

    #[test]
    fn a_receiver_that_has_little_room_is_sent_little_for_nothing() {
        let mut together = Together::new();
        assert_eq!(sends(&mut together, 3, 8).0, [1, 2, 4, 3, 3, 3, 3, 6]);
        for room in 1..MAX_RUN {
            let mut together = Together::new();
            sends(&mut together, room, 5);
            let (sent, in_vain) = sends(&mut together, room, 1_000);
            let all: usize = sent.iter().sum();
            assert!(in_vain > 0 && 6 * in_vain <= all, "{room}: {in_vain} of {all}");
        }
        // And it is noticed when it has more.
        let (sent, _) = sends(&mut together, MAX_RUN, 20);
        assert_eq!(sent.last(), Some(&MAX_RUN));
    }

    #[test]
    fn a_failure_does_not_make_more_room() {
        let mut together = Together::new();
        sends(&mut together, 3, 3);
        together.failed();
        assert_eq!(sends(&mut together, 3, 4).0, [1, 2, 3, 3]);
    }
}
