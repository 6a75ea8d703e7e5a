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
    /// Frames in these, and the octets of those that are whole.
    frames: usize,
    octets: usize,
    empty: Vec<Batch>,
    /// Nobody uses them any more.
    is_closed: bool,
    /// Somebody sleeps until something changes.
    is_awaited: bool,
}

impl Batches {
    fn is_much(&self) -> bool {
        (self.frames >= MOST_FRAMES || self.octets >= MOST_OCTETS) && !self.is_closed
    }
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
            batches.octets = batches.octets.saturating_add(full.octets());
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
            batches.octets = batches.octets.saturating_sub(next.octets());
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
        (batches.frames, batches.octets) = (0, 0);
        self.changed(&mut batches);
    }

    /// Something else has changed that somebody may wait for.
    pub(super) fn tell(&self) {
        self.changed(&mut self.lock());
    }

    /// Waits until there are fewer than [`MOST_FRAMES`] and [`MOST_OCTETS`], or nobody uses them.
    pub(super) fn wait_for_room(&self) {
        let mut batches = self.lock();
        while batches.is_much() {
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
const MOST_FRAMES: usize = 2_048;
/// And their octets, where they are whole: as many as four batches hold.
const MOST_OCTETS: usize = 384 << 10;

#[cfg(test)]
mod tests {
    use headgate_capture::{FileInterface, Frame};

    use super::*;

    /// 2,048 frames of the largest sort were half a gigabyte.
    #[test]
    fn few_large_frames_are_as_much_as_many_small_ones() {
        for (octets, most) in [(0, MOST_FRAMES), (1, MOST_FRAMES), (9_000, 44), (262_144, 2)] {
            let (queue, bytes) = (Queue::default(), vec![0; octets]);
            let frame =
                Frame { time_ns: 1, wire_len: 300_000, link: Frame::ETHERNET, tag: None, bytes: &bytes };
            let mut pushed = 0;
            while !queue.lock().is_much() {
                let mut batch = queue.empty();
                batch.push_whole(FileInterface { number: 0, name: "x", waits: false }, &frame);
                assert!(queue.push(batch));
                pushed += 1;
            }
            assert_eq!(pushed, most, "{octets}");
            while let Some(batch) = queue.pop() {
                queue.give_back(batch);
            }
            assert!(!queue.lock().is_much());
        }
    }
}
