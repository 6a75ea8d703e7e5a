//! What does not fit into the program.

use super::compile::Decided;
use super::selection::Selection;
use crate::exclude::Exclusion;
use crate::rule::RuleList;

/// A sort of choices of frames that the program does not decide, for want of room: the collect gate alone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// What of a frame they are about.
    pub exclusion: Exclusion,
    /// What they are for.
    pub scope: Scope,
}

/// What a choice of frames is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// No more than headers is kept of them.
    HeadersOnly,
    /// They are excluded for what is within their tunnel.
    WithinTunnels,
    /// They are excluded for what they are themselves.
    Frames,
}

impl Scope {
    /// As messages say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::HeadersOnly => "for headers only",
            Scope::WithinTunnels => "within tunnels",
            Scope::Frames => "of frames",
        }
    }
}

impl Left {
    /// What is left to the collect gate first, and what last: that less is kept before that nothing is, and persons are
    /// excluded by MAC address and prefix.
    pub(super) const ORDER: [Left; 13] = [
        Left { exclusion: Exclusion::Vlan, scope: Scope::HeadersOnly },
        Left { exclusion: Exclusion::Mac, scope: Scope::HeadersOnly },
        Left { exclusion: Exclusion::Protocol, scope: Scope::HeadersOnly },
        Left { exclusion: Exclusion::Rule, scope: Scope::WithinTunnels },
        Left { exclusion: Exclusion::Vlan, scope: Scope::WithinTunnels },
        Left { exclusion: Exclusion::Protocol, scope: Scope::WithinTunnels },
        Left { exclusion: Exclusion::Prefix, scope: Scope::WithinTunnels },
        Left { exclusion: Exclusion::Mac, scope: Scope::WithinTunnels },
        Left { exclusion: Exclusion::Rule, scope: Scope::Frames },
        Left { exclusion: Exclusion::Vlan, scope: Scope::Frames },
        Left { exclusion: Exclusion::Protocol, scope: Scope::Frames },
        Left { exclusion: Exclusion::Prefix, scope: Scope::Frames },
        Left { exclusion: Exclusion::Mac, scope: Scope::Frames },
    ];

    /// As messages say it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.exclusion.name(), self.scope.name())
    }

    /// Takes the sort from what the program decides, but of rules of frames the last alone. Whether there was any of it.
    pub(super) fn take_from(self, decided: &mut Decided, rules: &RuleList) -> bool {
        fn clear<T>(entries: &mut Vec<T>) -> bool {
            let had_any = !entries.is_empty();
            entries.clear();
            had_any
        }
        let from = match self.scope {
            Scope::HeadersOnly => &mut decided.headers_only,
            Scope::WithinTunnels => &mut decided.within_tunnels,
            Scope::Frames => &mut decided.frames,
        };
        match self.exclusion {
            // The program does not know of interfaces.
            Exclusion::Interface => false,
            Exclusion::Rule => match self.scope {
                Scope::HeadersOnly => false,
                Scope::WithinTunnels => !std::mem::take(&mut decided.rules_within).is_empty(),
                Scope::Frames => {
                    let had = decided.rules.count();
                    decided.rules = Selection::new(rules, had.saturating_sub(1));
                    had > 0
                }
            },
            Exclusion::Vlan => clear(&mut from.vlans),
            Exclusion::Mac => clear(&mut from.macs),
            Exclusion::Prefix => clear(&mut from.prefixes),
            Exclusion::Protocol => clear(&mut from.protocols),
        }
    }
}
