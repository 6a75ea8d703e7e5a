//! Who receives the frames of a file.

use std::ops::ControlFlow;

use super::FileInterface;
use crate::Frame;

/// Receives the frames of a file ([`File::read`](super::File::read)), of each what it wants to keep.
// Two closures would be called, each, from two places, and so not become a part of the loop over all frames. One method: what is found out
// to decide how much to keep is at hand where it is kept.
pub trait Take {
    /// A whole frame: how many of its octets were kept, which may be none of them, or `None` where it was not kept and goes nowhere;
    /// and whether the reading goes on, which breaking ends.
    fn take(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) -> (Option<usize>, ControlFlow<()>);
}

impl<T: Take> Take for &mut T {
    #[inline(always)]
    fn take(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) -> (Option<usize>, ControlFlow<()>) {
        (**self).take(interface, frame)
    }
}

/// Takes all frames whole.
pub struct Whole<F>(pub F);

impl<F: FnMut(FileInterface<'_>, Frame<'_>) -> ControlFlow<()>> Take for Whole<F> {
    fn take(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) -> (Option<usize>, ControlFlow<()>) {
        (Some(frame.bytes.len()), (self.0)(interface, *frame))
    }
}
