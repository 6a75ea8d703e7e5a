//! How long to wait after a failure: exponential, with full jitter, so that many sites that lost the
//! same receiver do not come back at the same moment.

use std::time::Duration;

/// Waits between a minimum and a ceiling that doubles with each failure, up to a maximum.
#[derive(Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Never waits less than `min`, but for the brief wait, nor more than the larger of both.
    pub fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { min, max: max.max(min), failures: 0 }
    }

    /// The wait after one more failure. Without randomness from the system it is the ceiling.
    pub fn wait(&mut self) -> Duration {
        let random = getrandom::u32().unwrap_or(u32::MAX);
        self.wait_at(random)
    }

    /// The wait after a failure that says nothing of the next attempt and befalls one alone, as damage on the way does: short, where
    /// the attempt before succeeded. Once: behind that it is [`Backoff::wait`].
    pub fn brief_wait(&mut self) -> Duration {
        let random = getrandom::u32().unwrap_or(u32::MAX);
        self.brief_wait_at(random)
    }

    fn brief_wait_at(&mut self, random: u32) -> Duration {
        if self.failures > 0 {
            return self.wait_at(random);
        }
        self.failures = 1;
        let share = f64::from(random) / f64::from(u32::MAX);
        let spread = BRIEF_MAX.saturating_sub(BRIEF_MIN);
        (BRIEF_MIN + spread.mul_f64(share)).min(self.max)
    }

    /// The last attempt succeeded: begin again with short waits.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Uniform in `random` from the minimum (0) to the ceiling (`u32::MAX`).
    fn wait_at(&mut self, random: u32) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = 2u32.checked_pow(self.failures).and_then(|times| self.min.checked_mul(times));
        let ceiling = doubled.map_or(self.max, |wait| wait.min(self.max));
        let share = f64::from(random) / f64::from(u32::MAX);
        self.min + (ceiling - self.min).mul_f64(share)
    }
}

/// Bounds of a brief wait.
const BRIEF_MIN: Duration = Duration::from_millis(50);
const BRIEF_MAX: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(SECOND, 10 * SECOND);
        let ceilings: Vec<_> = (0..6).map(|_| backoff.wait_at(u32::MAX).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn no_wait_is_shorter_than_the_minimum_or_longer_than_the_maximum() {
        let mut backoff = Backoff::new(SECOND, 300 * SECOND);
        for _ in 0..1_000 {
            let wait = backoff.wait();
            assert!((SECOND..=300 * SECOND).contains(&wait), "{wait:?}");
        }
        assert_eq!(backoff.wait_at(0), SECOND);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let mut waits: Vec<_> = (0..1_000)
            .map(|_| {
                let mut backoff = Backoff::new(SECOND, 300 * SECOND);
                (0..6).fold(SECOND, |_, _| backoff.wait()).as_secs()
            })
            .collect();
        waits.sort_unstable();
        assert!(waits[100] < 20 && waits[900] > 44, "{} {}", waits[100], waits[900]);
    }

    #[test]
    fn success_makes_the_next_wait_short_again() {
        let mut backoff = Backoff::new(SECOND, 300 * SECOND);
        (0..20).for_each(|_| _ = backoff.wait());
        backoff.reset();
        assert!(backoff.wait() <= 2 * SECOND);
    }

    #[test]
    fn a_wait_is_brief_once_behind_a_success_and_within_its_bounds() {
        let mut backoff = Backoff::new(SECOND, 300 * SECOND);
        for random in [0, u32::MAX / 2, u32::MAX] {
            assert!((BRIEF_MIN..=BRIEF_MAX).contains(&backoff.brief_wait_at(random)));
            assert!(backoff.brief_wait_at(random) >= SECOND, "the second in a row");
            assert!(backoff.wait_at(random) >= SECOND);
            backoff.reset();
        }
        backoff.wait();
        assert!(backoff.brief_wait() >= SECOND, "not behind another failure");
    }

    #[test]
    fn a_minimum_above_the_maximum_is_the_wait() {
        assert_eq!(Backoff::new(5 * SECOND, SECOND).wait(), 5 * SECOND);
    }
}
