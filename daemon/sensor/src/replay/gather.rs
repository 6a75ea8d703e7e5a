//! Frames on their way from a file into batches.

use std::ops::ControlFlow;

use headgate_capture::{FileInterface, Frame, Take};
use headgate_rules::filter::Keep;
use headgate_wire::{self as wire, IpEnds};

use super::batch::Batch;
use super::kept;
use super::queue::Queue;

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
    /// The ends of a plain frame.
    type Told = Option<IpEnds>;

    #[inline(always)]
    fn keep(&mut self, frame: &Frame<'_>) -> Option<(usize, Option<IpEnds>)> {
        // Of a plain frame the kernel's program keeps its headers.
        let plain = if self.ends_are_enough && frame.link == Frame::ETHERNET {
            wire::plain_headers(frame.bytes, frame.wire_len)
        } else {
            None
        };
        match plain {
            Some((ends, headers)) => Some((headers, Some(ends))),
            None => kept(self.keep, frame).map(|octets| (octets, None)),
        }
    }

    #[inline(always)]
    fn take(
        &mut self,
        interface: FileInterface<'_>,
        frame: Frame<'_>,
        ends: Option<IpEnds>,
    ) -> ControlFlow<()> {
        self.batch.push(interface, &frame, ends);
        // What was read of a pipe does not wait for what is yet to be written.
        if !self.batch.is_full() && !interface.waits {
            return ControlFlow::Continue(());
        }
        self.hand_over()
    }
}
