//! Who receives the frames of a file.

use std::ops::ControlFlow;

use super::FileInterface;
use crate::Frame;

/// Receives the frames of a file ([`File::read`](super::File::read)), of each what it wants to keep.
// Two closures would be called, each, from two places, and so not become a part of the loop over all frames.
pub trait Take {
    /// What [`Take::keep`] says of a frame to [`Take::take`].
    type Told;

    /// How many octets of a frame to keep, which may be none of them; or not to keep it, which then goes nowhere.
    fn keep(&mut self, frame: &Frame<'_>) -> Option<(usize, Self::Told)>;

    /// A frame, with so many octets; breaking ends the reading.
    fn take(&mut self, interface: FileInterface<'_>, frame: Frame<'_>, told: Self::Told) -> ControlFlow<()>;
}

impl<T: Take> Take for &mut T {
    type Told = T::Told;

    #[inline(always)]
    fn keep(&mut self, frame: &Frame<'_>) -> Option<(usize, T::Told)> {
        (**self).keep(frame)
    }

    #[inline(always)]
    fn take(&mut self, interface: FileInterface<'_>, frame: Frame<'_>, told: T::Told) -> ControlFlow<()> {
        (**self).take(interface, frame, told)
    }
}

/// Takes all frames whole.
pub struct Whole<F>(pub F);

impl<F: FnMut(FileInterface<'_>, Frame<'_>) -> ControlFlow<()>> Take for Whole<F> {
    type Told = ();

    fn keep(&mut self, frame: &Frame<'_>) -> Option<(usize, ())> {
        Some((frame.bytes.len(), ()))
    }

    fn take(&mut self, interface: FileInterface<'_>, frame: Frame<'_>, (): ()) -> ControlFlow<()> {
        (self.0)(interface, frame)
    }
}
