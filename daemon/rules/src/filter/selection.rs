//! The rules that the program decides, as bits: a frame has those whose conditions all hold, and the lowest decides.

use std::net::IpAddr;

use headgate_record::Mac;

use super::reason::End;
use crate::exclude::{Exclusion, Exclusions, IpVersion, Protocol};
use crate::rule::{Collect, Rule, RuleList, RuleMatch, bits};

/// The first rules of a list, as many as the program decides. A rule of some interfaces only is decided in the collect
/// gate: one program serves all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    rules: Vec<Rule>,
    /// What is done by each.
    acts: Vec<Act>,
    all: u32,
    /// The rules without a condition of a sort.
    pub(super) any_vlan: u32,
    pub(super) any_mac: u32,
    pub(super) any_address: u32,
    pub(super) any_protocol: u32,
    /// Those that match an IPv6 packet whose protocol cannot be read.
    pub(super) unread_protocol: u32,
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    End(End),
    /// No more than headers is kept.
    Limit,
    /// It is kept as without rules.
    GoOn,
}

impl Selection {
    /// The first `count` rules of a list; nothing, where none of them does anything.
    pub(super) fn new(list: &RuleList, count: usize) -> Selection {
        let act = |(at, rule): (usize, &Rule)| match rule.collect {
            _ if !rule.conditions.interfaces.is_empty() => Act::GoOn,
            Collect::None => Act::End(End::Excluded(Exclusion::Rule)),
            Collect::Counts => Act::End(End::Counted(list.count_number(at))),
            Collect::Headers => Act::Limit,
            Collect::Control => Act::GoOn,
        };
        let mut acts: Vec<Act> = list.rules.iter().take(count).enumerate().map(act).collect();
        while acts.last() == Some(&Act::GoOn) {
            acts.pop();
        }
        let rules: Vec<Rule> = list.rules.iter().take(acts.len()).cloned().collect();
        let without = |is_without: fn(&Exclusions) -> bool| set(&rules, |rule| is_without(&rule.conditions));
        Selection {
            all: set(&rules, |_| true),
            any_vlan: without(|conditions| conditions.vlans.is_empty()),
            any_mac: without(|conditions| conditions.macs.is_empty()),
            any_address: without(|conditions| conditions.prefixes.is_empty()),
            any_protocol: without(|conditions| conditions.protocols.is_empty()),
            unread_protocol: set(&rules, |rule| rule.collect.ends() && rule.conditions.is_by_ip_protocol()),
            rules,
            acts,
        }
    }

    /// The same for what is within a tunnel, of which headers are kept in any case.
    pub(super) fn within(list: &RuleList, count: usize) -> Selection {
        let mut within = Selection::new(list, count);
        within.acts.iter_mut().filter(|act| **act == Act::Limit).for_each(|act| *act = Act::GoOn);
        if within.acts.iter().any(|act| *act != Act::GoOn) { within } else { Selection::default() }
    }

    /// How many rules of the list are decided.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rules.len()
    }

    /// Whether what is to be done with a frame by a rule that was found is done here.
    #[must_use]
    pub fn decides(&self, found: &RuleMatch) -> bool {
        let rule = self.rules.get(found.rule);
        // What is kept as without rules is kept without having been found.
        rule.map_or(found.collect == Collect::Control, |rule| rule.conditions.interfaces.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How frames end by them.
    pub(super) fn ends(&self) -> Vec<End> {
        let mut ends = Vec::new();
        for act in &self.acts {
            match act {
                Act::End(end) if !ends.contains(end) => ends.push(*end),
                _ => {}
            }
        }
        ends
    }

    pub(super) fn limits(&self) -> bool {
        self.acts.contains(&Act::Limit)
    }

    /// The rules with a condition of some sort that holds.
    pub(super) fn set(&self, holds: impl Fn(&Exclusions) -> bool) -> u32 {
        set(&self.rules, |rule| holds(&rule.conditions))
    }

    /// Each rule's bit and conditions.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (u32, &Exclusions)> {
        bits().zip(self.rules.iter().map(|rule| &rule.conditions))
    }

    pub(super) fn with_vlan(&self, id: u16) -> u32 {
        self.set(|conditions| conditions.has_vlan(id))
    }

    pub(super) fn with_mac(&self, mac: Mac) -> u32 {
        self.set(|conditions| conditions.has_mac(mac))
    }

    pub(super) fn with_address(&self, address: IpAddr) -> u32 {
        self.set(|conditions| conditions.has_address(address))
    }

    /// Also those that match any protocol.
    pub(super) fn with_protocol(&self, protocol: Protocol) -> u32 {
        self.any_protocol | self.set(|conditions| conditions.has(protocol))
    }

    /// Those with a protocol that has no IP below it.
    pub(super) fn of_link(&self) -> u32 {
        self.set(|conditions| conditions.protocols.iter().any(|protocol| !protocol.is_above_ip()))
    }

    /// Whether a rule tells a protocol above Ethernet from others.
    pub(super) fn names(&self, protocol: Protocol) -> bool {
        self.set(|conditions| conditions.has(protocol)) != 0
    }

    pub(super) fn with_ip_protocol(&self, number: u8) -> u32 {
        self.set(|conditions| conditions.has_ip_protocol(number))
    }

    pub(super) fn with_tcp_port(&self, ends: [u16; 2]) -> u32 {
        self.set(|conditions| conditions.has_tcp_port(ends))
    }

    pub(super) fn with_udp_port(&self, ends: [u16; 2], version: IpVersion) -> u32 {
        self.set(|conditions| conditions.has_udp_port(ends, version))
    }

    /// What the first of these rules does. Where one of `perhaps` comes before, that is not known, and the collect gate
    /// decides.
    pub(super) fn act(&self, holds: u32, perhaps: u32) -> Act {
        let mut acts = bits().zip(&self.acts);
        let first = acts.find(|(bit, _)| (holds | perhaps) & bit != 0);
        first.map_or(Act::GoOn, |(bit, act)| if holds & bit == 0 { Act::GoOn } else { *act })
    }

    /// The same for a program: what is done by which rules, in order, where no more than `holds` can hold.
    pub(super) fn runs(&self, holds: u32, perhaps: u32) -> Vec<(u32, Act)> {
        let mut runs: Vec<(u32, Act)> = Vec::new();
        for (bit, act) in bits().zip(&self.acts).filter(|(bit, _)| (holds | perhaps) & bit != 0) {
            let act = if holds & bit == 0 { Act::GoOn } else { *act };
            match runs.last_mut() {
                Some((run, same)) if *same == act => *run |= bit,
                _ => runs.push((bit, act)),
            }
        }
        while runs.last().is_some_and(|(_, act)| *act == Act::GoOn) {
            runs.pop();
        }
        runs
    }

    /// All rules.
    pub(super) fn all(&self) -> u32 {
        self.all
    }
}

fn set(rules: &[Rule], holds: impl Fn(&Rule) -> bool) -> u32 {
    bits().zip(rules).filter(|(_, rule)| holds(rule)).fold(0, |set, (bit, _)| set | bit)
}
