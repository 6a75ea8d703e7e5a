//! What every frame has, whatever it says.

use headgate_capture::Frame;

/// What is told of every frame beside what it says.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    /// Nanoseconds since 1970, or 0 where it is not known.
    pub(super) time_ns: u64,
    /// Octets on the wire, with the tag that is not in the frame.
    pub(super) bytes: u32,
    /// Octets at hand.
    pub(super) kept: u32,
    /// VLAN of that tag, or 0.
    pub(super) vlan: u16,
}

impl Arrival {
    #[inline(always)]
    pub(crate) fn of(frame: &Frame<'_>) -> Arrival {
        Arrival::cut(frame, frame.bytes.len())
    }

    /// Of a frame that is to be cut to so many octets.
    #[inline(always)]
    pub(crate) fn cut(frame: &Frame<'_>, kept: usize) -> Arrival {
        let tag_octets = if frame.tag.is_some() { TAG_OCTETS } else { 0 };
        Arrival {
            time_ns: frame.time_ns,
            bytes: frame.wire_len.saturating_add(tag_octets),
            kept: u32::try_from(kept).unwrap_or(u32::MAX),
            vlan: frame.tag.map_or(0, |tag| super::stripped(tag).vid()),
        }
    }
}

/// A tag that is not in the frame was on the wire.
const TAG_OCTETS: u32 = 4;
