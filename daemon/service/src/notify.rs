//! What the service manager is told (sd_notify(3)). Without a service manager every call does nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The process is ready, and what it is doing in one line.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// What the process is doing, in one line without personal data.
pub fn status(status: &str) {
    send(&[NotifyState::Status(&one_line(status))]);
}

/// The process has begun to stop.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// Why the process cannot go on.
pub(crate) fn failed(why: &str) {
    send(&[NotifyState::Status(&one_line(why))]);
}

/// Tells the service manager that the process lives, but only when its work moves.
///
/// Whoever does the work calls [`Watchdog::progress`] each time round its loop; a loop that hangs is
/// not hidden by a timer that still runs elsewhere.
#[derive(Debug)]
pub struct Watchdog {
    interval: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    /// Learns from the environment how often the service manager wants to hear.
    #[must_use]
    pub fn new() -> Watchdog {
        let interval = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        Watchdog { interval, last: Instant::now() }
    }

    /// How long at most nothing may be said with [`Watchdog::progress`]: a third of what the service manager allows. Nothing where
    /// nobody listens.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// The work has moved, or has waited for input no longer than it should.
    pub fn progress(&mut self) {
        let Some(interval) = self.interval else { return };
        if self.last.elapsed() >= interval {
            self.last = Instant::now();
            send(&[NotifyState::Watchdog]);
        }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Watchdog::new()
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        ::log::debug!("service manager: {error}");
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}
