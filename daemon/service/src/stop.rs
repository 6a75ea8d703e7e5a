//! Stopping and reloading on request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether SIGTERM or SIGINT asked the process to stop, or SIGHUP to read its rules again.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Stop {
    /// Watches the signals from now on. A second SIGTERM or SIGINT ends the process at once.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn install() -> io::Result<Stop> {
        let stop = Stop::default();
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&stop.stop))?;
        }
        signal_hook::flag::register(SIGHUP, Arc::clone(&stop.reload))?;
        Ok(stop)
    }

    /// Has `wake` called behind each of these signals, in a thread of its own that otherwise sleeps: whoever waits for work can wait
    /// long and need not look. The thread ends where `wake` says that nobody waits any more.
    ///
    /// # Errors
    /// When the system refuses the handlers or the thread.
    pub fn wake_with(&self, mut wake: impl FnMut() -> bool + Send + 'static) -> io::Result<()> {
        // Behind the handlers of `install`, so that what they note is noted when it wakes.
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let waits = move || {
            for _ in signals.forever() {
                if !wake() {
                    break;
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(waits).map(drop)
    }

    /// Whether the process should stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Asks the process to stop, as a signal would.
    pub fn request(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether a reload was asked for since the last call.
    #[must_use]
    pub fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }
}
