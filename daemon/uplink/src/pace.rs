//! Waiting without losing sight of a stop request or of the watchdog.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
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
/// It is woken by the signals that ask it to stop, so that it need not look for them often.
#[derive(Debug)]
pub struct Pace {
    stop: Stop,
    watchdog: Watchdog,
    signals: Option<[Signal; 2]>,
}

impl Pace {
    /// Watches `stop`.
    pub fn new(stop: Stop) -> Pace {
        Pace { stop, watchdog: Watchdog::new(), signals: None }
    }

    /// Does a piece of work that ends by itself; gives it up when the process should stop.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::pin!(work);
        if self.signals.is_none() {
            let listen = |kind| signal(kind).ok();
            self.signals =
                listen(SignalKind::terminate()).zip(listen(SignalKind::interrupt())).map(Into::into);
        }
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = tick.tick() => {}
                () = signalled(&mut self.signals) => {}
                done = &mut work => return Ok(done),
            }
            if self.stop.is_requested() {
                return Err(Stopped);
            }
            self.watchdog.progress();
        }
    }

    /// Does nothing for so long.
    pub async fn rest(&mut self, wait: Duration) -> Result<(), Stopped> {
        self.during(sleep(wait)).await
    }
}

/// One of these signals has come; where they cannot be listened to, never.
async fn signalled(signals: &mut Option<[Signal; 2]>) {
    match signals {
        Some([terminate, interrupt]) => tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        },
        None => std::future::pending().await,
    }
}

/// How often it is looked, without a signal, whether the process should stop, and the watchdog told.
const TICK: Duration = Duration::from_secs(2);
