//! Waiting without losing sight of a stop request or of the watchdog.

use std::future::Future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use headgate_service::notify::Watchdog;
use headgate_service::stop::Stop;

/// The process was asked to stop.
#[derive(Debug)]
pub struct Stopped;

/// Runs the uplink's one line of work.
///
/// The watchdog hears from the same loop that does the work, and every piece of work given to it has
/// a deadline of its own, so a link that hangs ends as a failure and a loop that hangs stays silent.
#[derive(Debug)]
pub struct Pace {
    stop: Stop,
    watchdog: Watchdog,
}

impl Pace {
    /// Watches `stop`.
    pub fn new(stop: Stop) -> Pace {
        Pace { stop, watchdog: Watchdog::new() }
    }

    /// Does a piece of work that ends by itself; gives it up when the process should stop.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::pin!(work);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = tick.tick() => {
                    if self.stop.is_requested() {
                        return Err(Stopped);
                    }
                    self.watchdog.progress();
                }
                done = &mut work => return Ok(done),
            }
        }
    }

    /// Does nothing for so long.
    pub async fn rest(&mut self, wait: Duration) -> Result<(), Stopped> {
        self.during(sleep(wait)).await
    }
}

const TICK: Duration = Duration::from_millis(250);
