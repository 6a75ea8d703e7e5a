//! How an excluded frame says why (ADR 0004).

use crate::exclude::Exclusion;

/// Most octets that stand for a reason. What was recorded of a frame must be more to be judged.
pub const MAX_REASON: usize = 4;

/// The reason that a number of kept octets stands for, or `None` for a frame that is not excluded.
#[must_use]
pub fn exclusion(kept: usize, wire_length: usize) -> Option<Exclusion> {
    match kept {
        // A frame so short is kept whole.
        _ if kept >= wire_length => None,
        1 => Some(Exclusion::Vlan),
        2 => Some(Exclusion::Mac),
        3 => Some(Exclusion::Prefix),
        4 => Some(Exclusion::Protocol),
        _ => None,
    }
}

/// The number of octets that stands for a reason.
pub(super) fn reason(exclusion: Exclusion) -> u32 {
    match exclusion {
        // Such an interface is not opened.
        Exclusion::Interface => 0,
        Exclusion::Vlan => 1,
        Exclusion::Mac => 2,
        Exclusion::Prefix => 3,
        Exclusion::Protocol => 4,
    }
}
