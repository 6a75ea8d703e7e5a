//! Waiting without losing sight of a stop request or of the watchdog.

use std::future::{Future, pending};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use headgate_service::notify::Watchdog;
use headgate_service::stop::Stop;

/// The process was asked to stop.
#[derive(Debug)]
pub struct Stopped;

/// Runs the uplink's one line of work.
///
/// The watchdog hears from the same loop that does the work, and every piece of work given to it has
/// a deadline of its own, so a link that hangs ends as a failure and a loop that hangs stays silent.
/// It is woken when it is asked to stop and when the watchdog is due, and by nothing else.
#[derive(Debug)]
pub struct Pace {
    stop: Stop,
    watchdog: Watchdog,
    woken: Arc<Notify>,
}

impl Pace {
    /// Watches `stop`.
    ///
    /// # Errors
    /// When the system refuses a signal handler or its thread.
    pub fn new(stop: Stop) -> io::Result<Pace> {
        let woken = Arc::new(Notify::new());
        let own = Arc::downgrade(&woken);
        // What comes while nobody waits is found by who waits next.
        stop.wake_with(move || own.upgrade().map(|woken| woken.notify_one()).is_some())?;
        Ok(Pace { stop, watchdog: Watchdog::new(), woken })
    }

    /// Does a piece of work that ends by itself; gives it up when the process should stop.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::pin!(work);
        loop {
            if self.stop.is_requested() {
                return Err(Stopped);
            }
            self.watchdog.progress();
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = self.woken.notified() => {}
                () = rest(self.watchdog.interval()) => {}
            }
        }
    }

    /// Does nothing for so long.
    pub async fn rest(&mut self, wait: Duration) -> Result<(), Stopped> {
        self.during(sleep(wait)).await
    }
}

/// Ends when the watchdog is due; where there is none, never.
async fn rest(interval: Option<Duration>) {
    match interval {
        Some(interval) => sleep(interval).await,
        None => pending().await,
    }
}
