//! Rules: which frames are collected how far, each by several conditions together. The first that matches decides.

use std::cell::Cell;
use std::net::IpAddr;

use headgate_record::Mac;
use headgate_wire as wire;

use crate::exclude::{Exclusions, ends, has_unread_protocol, stations};
use crate::filter::{Tunnel, Tunnels};

mod covered;

pub(crate) use covered::covered;

/// Most rules.
pub const MAX_RULES: usize = 32;
/// Most rules that count ([`Collect::Counts`]): the kernel says which of them it was by the octets that it keeps, which
/// are to be less than both MAC addresses.
pub const MAX_COUNTING_RULES: usize = 6;

/// The regular expression (ECMA-262) that the name of a rule matches.
pub const RULE_NAME_PATTERN: &str = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$";

/// How far a frame is collected. What is less comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Collect {
    /// Not at all: it is excluded, and counted among those that rules exclude.
    None,
    /// Its number and its octets on the wire, under the name of the rule.
    Counts,
    /// What its headers say.
    Headers,
    /// What its headers and control protocols say: what is done where no rule matches.
    Control,
}

/// A rule: all its conditions must hold, of the values of one any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) name: String,
    /// Its conditions; a sort without an entry is none.
    pub(crate) conditions: Exclusions,
    pub(crate) collect: Collect,
}

/// The rules of a site, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleList {
    pub(crate) rules: Vec<Rule>,
    /// Where rules hold within tunnels.
    pub(crate) tunnels: Tunnels,
}

/// Rules of a list, by their places in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleSet(pub(crate) u32);

/// The rule that decides about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMatch {
    /// Its place in the list, from 0.
    pub rule: usize,
    /// What it says.
    pub collect: Collect,
    /// Whether it matches what is within a tunnel.
    pub within_tunnel: bool,
    /// Whether it matches not the frame itself but a station or address that its message names.
    pub is_named: bool,
}

/// What is compared with the conditions of rules.
struct Subject<'a, 'b> {
    packet: &'a wire::Packet<'b>,
    /// The VLAN in the header of the tunnel that it is in.
    mirrored_vlan: Option<u16>,
    macs: [Option<Mac>; 2],
    addresses: [Option<IpAddr>; 2],
}

impl Collect {
    /// All, the least first.
    pub const ALL: [Collect; 4] = [Collect::None, Collect::Counts, Collect::Headers, Collect::Control];

    /// The name in rule files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Collect::None => "none",
            Collect::Counts => "counts",
            Collect::Headers => "headers",
            Collect::Control => "control",
        }
    }

    /// Whether the frame ends here: nothing of it is looked at.
    #[must_use]
    pub fn ends(self) -> bool {
        self <= Collect::Counts
    }
}

impl Rule {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far the frames that match are collected.
    #[must_use]
    pub fn collect(&self) -> Collect {
        self.collect
    }

    /// The keys of its conditions.
    #[must_use]
    pub fn conditions(&self) -> Vec<&'static str> {
        let Exclusions { interfaces, vlans, macs, prefixes, protocols, .. } = &self.conditions;
        let given = [
            ("interfaces", !interfaces.is_empty()),
            ("vlans", !vlans.is_empty()),
            ("macs", !macs.is_empty()),
            ("prefixes", !prefixes.is_empty()),
            ("protocols", !protocols.is_empty()),
        ];
        given.into_iter().filter_map(|(key, is_given)| is_given.then_some(key)).collect()
    }

    fn matches(&self, subject: &Subject<'_, '_>) -> bool {
        let Exclusions { vlans, macs, prefixes, protocols, .. } = &self.conditions;
        let conditions = &self.conditions;
        let has_vlan = || {
            let tags = subject.packet.tags.iter().map(|tag| tag.vid());
            tags.chain(subject.mirrored_vlan).any(|id| conditions.has_vlan(id))
        };
        let has_mac = || subject.macs.iter().flatten().any(|mac| conditions.has_mac(*mac));
        let has_address =
            || subject.addresses.iter().flatten().any(|address| conditions.has_address(*address));
        // A protocol that cannot be read may be what is not to be collected.
        let may_have_protocol =
            || self.collect.ends() && conditions.is_by_ip_protocol() && has_unread_protocol(subject.packet);
        let has_protocol = || conditions.has_protocol_of(subject.packet) || may_have_protocol();
        (vlans.is_empty() || has_vlan())
            && (macs.is_empty() || has_mac())
            && (prefixes.is_empty() || has_address())
            && (protocols.is_empty() || has_protocol())
    }
}

impl RuleSet {
    /// All rules.
    pub(crate) const ALL: RuleSet = RuleSet(u32::MAX);
}

impl RuleList {
    /// Whether there is no rule.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Whether a frame can end by a rule.
    #[must_use]
    pub fn can_end(&self) -> bool {
        self.rules.iter().any(|rule| rule.collect.ends())
    }

    /// The rules that can match frames of an interface.
    #[must_use]
    pub fn on(&self, interface: &str) -> RuleSet {
        self.set(|rule| {
            let interfaces = &rule.conditions.interfaces;
            interfaces.is_empty() || interfaces.iter().any(|name| name == interface)
        })
    }

    /// Those that count, in the order of their numbers.
    pub fn counting(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.collect == Collect::Counts)
    }

    /// The number of a rule among those that count.
    #[must_use]
    pub fn count_number(&self, rule: usize) -> usize {
        self.rules.iter().take(rule).filter(|rule| rule.collect == Collect::Counts).count()
    }

    /// The rules of which something holds.
    pub(crate) fn set(&self, holds: impl Fn(&Rule) -> bool) -> RuleSet {
        let bits = self.rules.iter().zip(bits()).filter(|(rule, _)| holds(rule));
        RuleSet(bits.fold(0, |set, (_, bit)| set | bit))
    }

    /// The first rule of a set that matches a frame for what its headers say, within its tunnel where `within_tunnel`.
    pub(crate) fn find(
        &self,
        packet: &wire::Packet<'_>,
        within_tunnel: bool,
        on: RuleSet,
    ) -> Option<RuleMatch> {
        let (packet, mirrored_vlan) = self.part(packet, within_tunnel)?;
        let found = self.first(&Subject { mirrored_vlan, ..Subject::of(packet) }, on)?;
        Some(RuleMatch { within_tunnel, ..found })
    }

    /// The rule that lets less be collected than `most` of a station or address that a message names.
    pub(crate) fn find_named(
        &self,
        packet: &wire::Packet<'_>,
        within_tunnel: bool,
        on: RuleSet,
        most: Collect,
    ) -> Option<RuleMatch> {
        let (packet, mirrored_vlan) = self.part(packet, within_tunnel)?;
        let least: Cell<Option<RuleMatch>> = Cell::new(None);
        let narrow = |subject: &Subject<'_, '_>| {
            let found = self.first(subject, on);
            let most = least.get().map_or(most, |found| found.collect);
            if let Some(found) = found.filter(|found| found.collect < most) {
                least.set(Some(RuleMatch { within_tunnel, is_named: true, ..found }));
            }
        };
        let of = || Subject { mirrored_vlan, ..Subject::of(packet) };
        let _ = stations::find_named(packet, |mac| {
            narrow(&Subject { macs: [Some(mac), None], ..of() });
            None::<()>
        });
        for address in stations::lent(packet) {
            narrow(&Subject { addresses: [Some(address), None], ..of() });
        }
        least.get()
    }

    /// The frame, or what is within its tunnel where that is looked into, and the VLAN in the header of that.
    fn part<'a, 'b>(
        &self,
        packet: &'a wire::Packet<'b>,
        within_tunnel: bool,
    ) -> Option<(&'a wire::Packet<'b>, Option<u16>)> {
        if !within_tunnel {
            return Some((packet, None));
        }
        let tunnel = packet.tunnel.as_deref().filter(|t| self.tunnels.contains(Tunnel::of(&t.header)))?;
        Some((tunnel.inner.as_ref()?, tunnel.mirrored_vlan()))
    }

    fn first(&self, subject: &Subject<'_, '_>, on: RuleSet) -> Option<RuleMatch> {
        let rules = self.rules.iter().zip(bits()).enumerate();
        let mut rules = rules.filter(|(_, (_, bit))| on.0 & bit != 0);
        let (rule, (found, _)) = rules.find(|(_, (rule, _))| rule.matches(subject))?;
        Some(RuleMatch { rule, collect: found.collect, within_tunnel: false, is_named: false })
    }
}

impl<'a, 'b> Subject<'a, 'b> {
    fn of(packet: &'a wire::Packet<'b>) -> Self {
        let mut macs = ends(packet);
        let (source, destination) = packet.addresses().unzip();
        Subject {
            packet,
            mirrored_vlan: None,
            macs: [macs.next(), macs.next()],
            addresses: [source, destination],
        }
    }
}

/// Whether a text can be the name of a rule ([`RULE_NAME_PATTERN`]).
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The bits of rules by their places.
pub(crate) fn bits() -> impl Iterator<Item = u32> {
    (0..u32::BITS).map(|at| 1 << at)
}

/// Most octets of a name.
const MAX_NAME: usize = 32;
const _: () = assert!(MAX_RULES == 32, "a rule is a bit");
