//! Frames on their way from a file into batches.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use headgate_capture::{FileInterface, Frame, Take};
use headgate_rules::filter::Keep;
use headgate_wire::{self as wire, Ends};

use super::batch::Batch;
use super::kept;
use super::queue::Queue;
use crate::engine::Arrival;

/// Cuts frames and gathers them for who uses them.
pub(super) struct Gather<'a> {
    keep: &'a Keep,
    ends_are_enough: bool,
    batch: Batch,
    queue: &'a Queue,
    /// Whether it waits until there is room for a batch.
    waits: bool,
}

impl<'a> Gather<'a> {
    pub(super) fn new(keep: &'a Keep, ends_are_enough: bool, queue: &'a Queue) -> Gather<'a> {
        Gather { keep, ends_are_enough, batch: Batch::default(), queue, waits: false }
    }

    /// The same, where nobody waits for whoever gathers: it may wait for room itself.
    pub(super) fn waiting(self) -> Gather<'a> {
        Gather { waits: true, ..self }
    }

    /// Hands on what was gathered. Breaks when nobody takes it.
    #[inline(never)]
    pub(super) fn hand_over(&mut self) -> ControlFlow<()> {
        if self.waits {
            self.queue.wait_for_room();
        }
        let full = std::mem::replace(&mut self.batch, self.queue.empty());
        if self.queue.push(full) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Take for Gather<'_> {
    #[inline(always)]
    fn take(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) -> (Option<usize>, ControlFlow<()>) {
        let plain = if self.ends_are_enough && frame.link == Frame::ETHERNET {
            let gathers = OfPlain { batch: &mut self.batch, interface, frame };
            wire::plain_to(frame.bytes, frame.wire_len, gathers)
        } else {
            None
        };
        let Some(octets) = plain.or_else(|| self.take_other(interface, frame)) else {
            return (None, ControlFlow::Continue(()));
        };
        // What was read of a pipe does not wait for what is yet to be written.
        let is_due = self.batch.is_full() || interface.waits;
        (Some(octets), if is_due { self.hand_over() } else { ControlFlow::Continue(()) })
    }
}

impl Gather<'_> {
    /// A frame that is not plain, or is to be judged by what it says: how many octets are kept.
    #[inline(never)]
    fn take_other(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) -> Option<usize> {
        let octets = kept(self.keep, frame)?;
        let bytes = frame.bytes.get(..octets).unwrap_or(frame.bytes);
        self.batch.push_whole(interface, &Frame { bytes, ..*frame });
        Some(bytes.len())
    }
}

/// Adds the ends of a plain frame to a batch. Of such a frame the kernel's program keeps its headers.
struct OfPlain<'a> {
    batch: &'a mut Batch,
    interface: FileInterface<'a>,
    frame: &'a Frame<'a>,
}

impl wire::TakeEnds for OfPlain<'_> {
    /// How many octets are kept.
    type Taken = usize;

    #[inline(always)]
    fn v4(self, ends: Ends<Ipv4Addr>, headers: usize) -> usize {
        self.batch.push_v4(self.interface, Arrival::cut(self.frame, headers), ends);
        headers
    }

    #[inline(always)]
    fn v6(self, ends: Ends<Ipv6Addr>, headers: usize) -> usize {
        self.batch.push_v6(self.interface, Arrival::cut(self.frame, headers), ends);
        headers
    }
}
