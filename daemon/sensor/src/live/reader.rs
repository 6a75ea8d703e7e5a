//! The rings that one thread reads, and what it learns from them.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use headgate_capture::{self as capture, Frame, Ring};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::engine::Engine;

/// An engine and the rings for it, each with the number that its interface has there.
pub(crate) struct Reader {
    pub(super) engine: Engine,
    rings: Vec<(usize, Ring)>,
}

impl Reader {
    pub(crate) fn new(engine: Engine) -> Reader {
        Reader { engine, rings: Vec::new() }
    }

    pub(crate) fn add(&mut self, interface: &str, ring: Ring) {
        self.rings.push((self.engine.interface(interface), ring));
    }

    /// Reads a block of each ring that has one, and gives the number of frames. Where `asks`, the kernel is asked how
    /// the interfaces are: one that goes away is an error unless it `is_followed`.
    pub(super) fn read(&mut self, asks: bool, is_followed: bool) -> Result<usize, capture::Error> {
        let Reader { engine, rings } = self;
        let mut frames = 0;
        let mut failure = None;
        for (interface, ring) in rings {
            let use_frame = |frame: Frame<'_>| engine.frame(*interface, &frame);
            let taken = if asks { ring.poll(Duration::ZERO, use_frame) } else { ring.take(use_frame) };
            match taken {
                Ok(read) => frames += read,
                // Who follows it says so.
                Err(capture::Error::InterfaceDown) => {}
                Err(capture::Error::InterfaceGone) if is_followed => {}
                Err(error @ capture::Error::Block { .. }) => {
                    log::error!(event = "ring_block_damaged"; "{error}")
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(frames), Err)
    }

    /// Takes note of what the rings had no room for.
    pub(super) fn count_lost(&mut self) -> Result<(), capture::Error> {
        let mut unknown = Ok(());
        for (interface, ring) in &mut self.rings {
            match ring.statistics() {
                Ok(counted) => self.engine.lost(*interface, counted.lost),
                Err(error) => unknown = Err(error),
            }
        }
        unknown
    }

    /// Reads what came before the end and is not handed over by the kernel yet, so that it is counted too. It ends on
    /// a busy wire as well: after one round of each ring.
    pub(super) fn drain(&mut self) {
        let Reader { engine, rings } = self;
        for (interface, ring) in rings {
            let deadline = Instant::now() + 2 * Ring::LONGEST_WAIT;
            for _ in 0..ring.geometry().blocks {
                let left = deadline.saturating_duration_since(Instant::now());
                match ring.poll(left, |frame| engine.frame(*interface, &frame)) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error @ capture::Error::Block { .. }) => {
                        log::error!(event = "ring_block_damaged"; "{error}")
                    }
                    Err(_) => break,
                }
            }
        }
        // What cannot be asked now was asked a second ago.
        let _ = self.count_lost();
    }

    /// Waits for a frame, or for the other, and no longer than `limit`. Whether there is something else to hear of.
    pub(super) fn wait(&self, other: Option<BorrowedFd<'_>>, limit: Duration) -> bool {
        let rings = self.rings.iter();
        let mut descriptors: Vec<PollFd<'_>> = rings
            .map(|(_, ring)| PollFd::from_borrowed_fd(ring.as_fd(), PollFlags::IN | PollFlags::ERR))
            .collect();
        descriptors.extend(other.map(|other| PollFd::from_borrowed_fd(other, PollFlags::IN)));
        let seconds = i64::try_from(limit.as_secs()).unwrap_or(0);
        let limit = Timespec { tv_sec: seconds, tv_nsec: limit.subsec_nanos().into() };
        // Whatever ends the wait, the next round finds out.
        let _ = rustix::event::poll(&mut descriptors, Some(&limit));
        let (rings, other) = descriptors.split_at(self.rings.len());
        let is_error = |ring: &PollFd<'_>| ring.revents().intersects(PollFlags::ERR);
        rings.iter().any(is_error) || other.iter().any(|other| !other.revents().is_empty())
    }
}
