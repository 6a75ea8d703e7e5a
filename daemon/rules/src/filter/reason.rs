//! How a frame that is not looked at says why (ADR 0004, ADR 0012).

use crate::exclude::Exclusion;
use crate::rule::MAX_COUNTING_RULES;

/// Most octets that stand for a reason. What was recorded of a frame must be more to be judged.
pub const MAX_REASON: usize = EXCLUDED_BY_RULE + MAX_COUNTING_RULES;

/// How the filter ended a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is excluded.
    Excluded(Exclusion),
    /// A rule counts it: its number among those that count, from 0.
    Counted(usize),
}

/// What a number of kept octets stands for, or `None` for a frame that is to be looked at.
#[must_use]
pub fn end(kept: usize, wire_length: usize) -> Option<End> {
    match kept {
        // A frame so short is kept whole.
        _ if kept >= wire_length => None,
        1 => Some(End::Excluded(Exclusion::Vlan)),
        2 => Some(End::Excluded(Exclusion::Mac)),
        3 => Some(End::Excluded(Exclusion::Prefix)),
        4 => Some(End::Excluded(Exclusion::Protocol)),
        EXCLUDED_BY_RULE => Some(End::Excluded(Exclusion::Rule)),
        FIRST_COUNTED..=MAX_REASON => Some(End::Counted(kept - FIRST_COUNTED)),
        _ => None,
    }
}

/// The reason that a number of kept octets stands for, or `None` for a frame that is not excluded.
#[must_use]
pub fn exclusion(kept: usize, wire_length: usize) -> Option<Exclusion> {
    match end(kept, wire_length) {
        Some(End::Excluded(exclusion)) => Some(exclusion),
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
        Exclusion::Rule => 5,
    }
}

impl End {
    /// The number of octets that stands for it.
    pub(super) fn octets(self) -> u32 {
        match self {
            End::Excluded(exclusion) => reason(exclusion),
            End::Counted(number) => u32::try_from(FIRST_COUNTED + number).unwrap_or(0),
        }
    }
}

const EXCLUDED_BY_RULE: usize = 5;
const FIRST_COUNTED: usize = EXCLUDED_BY_RULE + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_octets_of_its_own_and_none_holds_a_whole_source_address() {
        let sorts = Exclusion::ALL.into_iter().skip(1).chain([Exclusion::Rule]).map(End::Excluded);
        let ends: Vec<End> = sorts.chain((0..MAX_COUNTING_RULES).map(End::Counted)).collect();
        let octets: Vec<usize> = ends.iter().map(|end| usize::try_from(end.octets()).unwrap()).collect();
        assert_eq!(octets, (1..=MAX_REASON).collect::<Vec<_>>());
        for (kept, expected) in octets.into_iter().zip(ends) {
            assert_eq!(end(kept, 60), Some(expected));
            assert_eq!(end(kept, kept), None);
        }
        assert!(MAX_REASON < 12);
        assert_eq!([0, MAX_REASON + 1].map(|kept| end(kept, 60)), [None, None]);
    }
}
