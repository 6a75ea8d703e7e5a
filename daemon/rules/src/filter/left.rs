//! What does not fit into the program.

use crate::exclude::{Exclusion, Exclusions};

/// A sort of exclusions that the program does not decide, for want of room: the collect gate alone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The sort.
    pub exclusion: Exclusion,
    /// Whether it is about what is within a tunnel, or about the frame itself.
    pub within_tunnels: bool,
}

impl Left {
    /// What is left to the collect gate first, and what last: persons are excluded by MAC address and prefix.
    pub(crate) const ORDER: [Left; 8] = [
        Left { exclusion: Exclusion::Vlan, within_tunnels: true },
        Left { exclusion: Exclusion::Protocol, within_tunnels: true },
        Left { exclusion: Exclusion::Prefix, within_tunnels: true },
        Left { exclusion: Exclusion::Mac, within_tunnels: true },
        Left { exclusion: Exclusion::Vlan, within_tunnels: false },
        Left { exclusion: Exclusion::Protocol, within_tunnels: false },
        Left { exclusion: Exclusion::Prefix, within_tunnels: false },
        Left { exclusion: Exclusion::Mac, within_tunnels: false },
    ];

    /// Takes the sort from what the program decides. Whether there was any of it.
    pub(crate) fn take_from(self, decided: &mut Exclusions) -> bool {
        fn clear<T>(entries: &mut Vec<T>) -> bool {
            let had_any = !entries.is_empty();
            entries.clear();
            had_any
        }
        match self.exclusion {
            // The program does not know of interfaces.
            Exclusion::Interface => false,
            Exclusion::Vlan => clear(&mut decided.vlans),
            Exclusion::Mac => clear(&mut decided.macs),
            Exclusion::Prefix => clear(&mut decided.prefixes),
            Exclusion::Protocol => clear(&mut decided.protocols),
        }
    }
}
