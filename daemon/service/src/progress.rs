//! How far long work has come, on standard error where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// One line that is written over as the work goes on. Elsewhere than on a terminal, and for work that is soon done, it is silent.
pub struct Progress {
    what: &'static str,
    all: u64,
    done: u64,
    /// Nothing where nobody looks.
    next: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// Work of so many octets.
    #[must_use]
    pub fn new(what: &'static str, all: u64) -> Progress {
        let next = io::stderr().is_terminal().then(|| Instant::now() + FIRST);
        Progress { what, all, done: 0, next, is_shown: false }
    }

    /// Work of which nobody knows how much it is.
    #[must_use]
    pub fn open_ended(what: &'static str) -> Progress {
        Progress::new(what, 0)
    }

    /// So many more are done.
    pub fn add(&mut self, octets: u64) {
        self.done = self.done.saturating_add(octets);
        let now = Instant::now();
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + STEP);
            self.is_shown = true;
            let text = match self.done.saturating_mul(100).checked_div(self.all) {
                Some(percent) => format!("\r{percent:>3} % of {} {}", size(self.all), self.what),
                None => format!("\r{} {}", size(self.done), self.what),
            };
            // Who cannot be told goes without.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// The line goes away; what comes next stands in its place.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Octets as people say them: KiB, and from 10 MiB on MiB, rounded up.
#[must_use]
pub fn size(octets: u64) -> String {
    match octets {
        0..=MUCH => format!("{} KiB", octets.div_ceil(1 << 10)),
        _ => format!("{} MiB", octets.div_ceil(1 << 20)),
    }
}

const MUCH: u64 = 10 << 20;

/// Work that is done before this is silent.
const FIRST: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!(
            [0, 1, 4_096, 10 << 20, (10 << 20) + 1].map(size),
            ["0 KiB", "1 KiB", "4 KiB", "10240 KiB", "11 MiB"]
        );
    }
}
