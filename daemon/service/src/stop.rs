//! Stopping and reloading on request.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether SIGTERM or SIGINT asked the process to stop, or SIGHUP to read its rules again.
#[derive(Clone, Default)]
pub struct Stop {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    wakes: Arc<Mutex<Wakes>>,
}

/// Who is woken. Each says whether it still waits.
#[derive(Default)]
struct Wakes {
    calls: Vec<Box<dyn FnMut() -> bool + Send>>,
    /// Signals are watched, by a thread of their own where somebody waits.
    watches_signals: bool,
    has_thread: bool,
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
        stop.wakes().watches_signals = true;
        Ok(stop)
    }

    /// Has `wake` called behind each of these signals, in a thread that otherwise sleeps, and behind each [`Stop::request`]: whoever
    /// waits for work can wait long and need not look. It is not called again once it has said that nobody waits any more.
    ///
    /// # Errors
    /// When the system refuses the handlers or the thread.
    pub fn wake_with(&self, wake: impl FnMut() -> bool + Send + 'static) -> io::Result<()> {
        let mut wakes = self.wakes();
        wakes.calls.push(Box::new(wake));
        if !wakes.watches_signals || wakes.has_thread {
            return Ok(());
        }
        // Behind the handlers of `install`, so that what they note is noted when it wakes.
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let own = self.clone();
        let waits = move || {
            for _ in signals.forever() {
                if !own.wake() {
                    break;
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(waits)?;
        wakes.has_thread = true;
        Ok(())
    }

    /// Whether the process should stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Asks the process to stop, as a signal would.
    pub fn request(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether a reload was asked for since the last call.
    #[must_use]
    pub fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// Wakes all who wait. Whether the thread that does so at signals goes on.
    fn wake(&self) -> bool {
        let mut wakes = self.wakes();
        wakes.calls.retain_mut(|wake| wake());
        wakes.has_thread &= !wakes.calls.is_empty();
        wakes.has_thread
    }

    /// Every change of it is whole, whoever panicked.
    fn wakes(&self) -> MutexGuard<'_, Wakes> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("stop", &self.stop).field("reload", &self.reload).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::Stop;

    #[test]
    fn a_request_wakes_who_waits_until_nobody_does() {
        let stop = Stop::default();
        let (sender, woken) = channel();
        stop.wake_with(move || sender.send(()).is_ok()).unwrap();
        assert!(woken.try_recv().is_err() && !stop.is_requested());
        stop.request();
        assert!(woken.try_recv().is_ok() && stop.is_requested());
        drop(woken);
        stop.request();
        assert!(stop.wakes().calls.is_empty());
    }
}
