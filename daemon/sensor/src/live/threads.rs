//! The threads that read frames beside the first, each its share of every interface (ADR 0016).

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::{LAST_RECORDS, Reader, STATISTICS_INTERVAL, UNTIL_THERE_IS_ROOM, end, push, wall_clock};
use crate::engine::{Engine, Tally};
use crate::error::SensorError;
use crate::handover::Handover;

/// What all threads that read frames look at.
pub(crate) struct Common<'a> {
    pub(super) handover: &'a Handover,
    /// One of them has ended, and all are to.
    ended: AtomicBool,
    /// Whether somebody follows the interfaces.
    followed: AtomicBool,
}

/// Ends all threads that read frames when the one that has it ends, however it does.
pub(super) struct End<'a>(&'a AtomicBool);

impl<'a> Common<'a> {
    pub(crate) fn new(handover: &'a Handover) -> Common<'a> {
        Common { handover, ended: AtomicBool::new(false), followed: AtomicBool::new(true) }
    }

    pub(super) fn end(&self) -> End<'_> {
        End(&self.ended)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn is_followed(&self) -> bool {
        self.followed.load(Ordering::Acquire)
    }

    pub(super) fn nobody_follows(&self) {
        self.followed.store(false, Ordering::Release);
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The threads, as the first knows them.
pub(crate) struct Others<'scope> {
    threads: Vec<ScopedJoinHandle<'scope, Result<(), SensorError>>>,
    begin: Vec<SyncSender<()>>,
    tallies: Receiver<(usize, Tally)>,
    /// When each was last heard of: it says something each second, and is silent only where it hangs.
    heard: Vec<Instant>,
}

impl<'scope> Others<'scope> {
    /// Starts a thread for each reader. It reads nothing until [`Others::begin`], and ends without it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn spawn<'env>(
        scope: &'scope Scope<'scope, 'env>,
        readers: Vec<Reader>,
        common: &'env Common<'env>,
    ) -> io::Result<Others<'scope>> {
        let (tell, tallies) = sync_channel(MAX_TALLIES);
        let heard = vec![Instant::now(); readers.len()];
        let mut others = Others { threads: Vec::new(), begin: Vec::new(), tallies, heard };
        for (number, reader) in readers.into_iter().enumerate() {
            let ((begin, begins), tell) = (sync_channel(1), tell.clone());
            let thread = Builder::new().name(format!("frames-{}", number + 1));
            let run = move || match begins.recv() {
                Ok(()) => read_on(reader, &|tally| tell.send((number, tally)).is_ok(), common),
                Err(_) => Ok(()),
            };
            others.threads.push(thread.spawn_scoped(scope, run)?);
            others.begin.push(begin);
        }
        Ok(others)
    }

    /// Lets them read: the sandbox is closed.
    pub(crate) fn begin(&mut self) {
        self.begin.drain(..).for_each(|begin| _ = begin.send(()));
    }

    /// How many threads read, in a few words, where there are several.
    pub(crate) fn summary(&self) -> String {
        if self.is_empty() { String::new() } else { format!(" with {} threads", self.threads.len() + 1) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// Adds to the first engine what the others have told.
    pub(super) fn hear(&mut self, engine: &mut Engine) {
        while let Ok((number, tally)) = self.tallies.try_recv() {
            engine.add(&tally);
            if let Some(heard) = self.heard.get_mut(number) {
                *heard = Instant::now();
            }
        }
    }

    /// Whether all of them move.
    pub(super) fn all_move(&self) -> bool {
        self.heard.iter().all(|heard| heard.elapsed() < SILENCE)
    }

    /// Waits for the end of all, which has begun, and adds the last that they tell.
    ///
    /// # Errors
    /// The first of theirs.
    pub(super) fn finish(self, engine: &mut Engine) -> Result<(), SensorError> {
        // Ends when the last of them has.
        self.tallies.iter().for_each(|(_, tally)| engine.add(&tally));
        let ends = self.threads.into_iter().map(|thread| match thread.join() {
            Ok(end) => end,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ends.fold(Ok(()), Result::and)
    }
}

/// What a thread does that is not the first. `tell` waits for room and is false when nobody listens.
fn read_on(mut reader: Reader, tell: &dyn Fn(Tally) -> bool, common: &Common<'_>) -> Result<(), SensorError> {
    let _end = common.end();
    let mut next = Instant::now();
    let mut is_news = true;
    let result = loop {
        if common.has_ended() {
            break Ok(());
        }
        let frames = match reader.read(std::mem::take(&mut is_news), common.is_followed()) {
            Ok(frames) => frames,
            Err(error) => break Err(error.into()),
        };
        let is_due = next <= Instant::now();
        if is_due {
            next = Instant::now() + STATISTICS_INTERVAL;
            is_news = true;
            reader.engine.tick(wall_clock());
            if let Err(error) = reader.count_lost() {
                break Err(error.into());
            }
        }
        if (is_due || reader.engine.has_much_to_tell()) && !tell(reader.engine.tally()) {
            break Ok(());
        }
        if frames == 0 {
            reader.engine.tick(wall_clock());
        }
        push(&mut reader.engine, common.handover);
        if frames == 0 {
            let held_back = reader.engine.holds_back();
            is_news = reader.wait(None, if held_back { UNTIL_THERE_IS_ROOM } else { TICK_OF_SEVERAL });
        }
    };
    reader.drain();
    end(&mut reader.engine, common.handover, Instant::now() + LAST_RECORDS);
    tell(reader.engine.tally());
    result
}

/// Tallies that wait to be heard. Each has at most the devices of a few blocks of frames; where there is no room, the
/// thread waits, and its rings take up what comes.
const MAX_TALLIES: usize = 16;
/// A thread hangs that says nothing for so long.
const SILENCE: Duration = Duration::from_secs(10);
/// How long several threads wait for frames: so soon they hear of each other.
pub(super) const TICK_OF_SEVERAL: Duration = Duration::from_millis(100);
