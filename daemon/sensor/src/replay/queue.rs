//! Batches between the threads that fill them and the one that uses them, in the order of the file.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::batch::Batch;

/// Full batches, and empty ones to fill.
#[derive(Default)]
pub(super) struct Queue {
    batches: Mutex<Batches>,
    changed: Condvar,
}

#[derive(Default)]
struct Batches {
    full: VecDeque<Batch>,
    /// Frames in these.
    frames: usize,
    empty: Vec<Batch>,
    /// Nobody uses them any more.
    is_closed: bool,
    /// Somebody sleeps until something changes.
    is_awaited: bool,
}

impl Queue {
    /// A batch to fill.
    pub(super) fn empty(&self) -> Batch {
        self.lock().empty.pop().unwrap_or_default()
    }

    /// Adds a batch behind the others. Gives whether anybody will use it.
    pub(super) fn push(&self, full: Batch) -> bool {
        let mut batches = self.lock();
        if !batches.is_closed {
            batches.frames = batches.frames.saturating_add(full.frames());
            batches.full.push_back(full);
        }
        self.changed(&mut batches);
        !batches.is_closed
    }

    /// The next batch, if there is one.
    pub(super) fn pop(&self) -> Option<Batch> {
        let mut batches = self.lock();
        let next = batches.full.pop_front();
        if let Some(next) = &next {
            batches.frames = batches.frames.saturating_sub(next.frames());
            self.changed(&mut batches);
        }
        next
    }

    /// Takes back a batch that was used.
    pub(super) fn give_back(&self, mut used: Batch) {
        used.clear();
        self.lock().empty.push(used);
    }

    /// Nobody will use any more.
    pub(super) fn close(&self) {
        let mut batches = self.lock();
        batches.is_closed = true;
        batches.full.clear();
        batches.frames = 0;
        self.changed(&mut batches);
    }

    /// Something else has changed that somebody may wait for.
    pub(super) fn tell(&self) {
        self.changed(&mut self.lock());
    }

    /// Waits until there are fewer than [`MOST`] frames, or nobody uses them.
    pub(super) fn wait_for_room(&self) {
        let mut batches = self.lock();
        while batches.frames >= MOST && !batches.is_closed {
            batches = self.sleep(batches);
        }
    }

    /// Sleeps until something changes, where this says that it has not yet, told whether there is a batch.
    pub(super) fn wait(&self, has_changed: impl FnOnce(bool) -> bool) {
        let batches = self.lock();
        if !has_changed(!batches.full.is_empty()) {
            drop(self.sleep(batches));
        }
    }

    fn sleep<'a>(&self, mut batches: MutexGuard<'a, Batches>) -> MutexGuard<'a, Batches> {
        batches.is_awaited = true;
        self.changed.wait(batches).unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, batches: &mut Batches) {
        if std::mem::take(&mut batches.is_awaited) {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Batches> {
        // Whoever panicked left nothing undone here.
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frames that wait, before no more are sought by a thread that has nothing else to do; so many that it seldom sleeps.
const MOST: usize = 2_048;
