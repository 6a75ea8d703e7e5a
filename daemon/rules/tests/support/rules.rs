//! Random lists of rules, with what each condition means said once more, of what was put into a frame.
// Not every test needs all of it.
#![allow(dead_code)]

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::shapes::{Shape, Within};

/// A rule to write.
#[derive(Clone, Debug)]
pub struct Rule {
    pub interfaces: Vec<&'static str>,
    pub vlans: Vec<&'static str>,
    pub macs: Vec<&'static str>,
    pub prefixes: Vec<&'static str>,
    pub protocols: Vec<&'static str>,
    pub collect: &'static str,
}

/// What is compared: a frame, or what is within a tunnel.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub shape: &'a Shape,
    /// What stands in front of IP.
    pub within: Within,
    /// What it carries, where that is a tunnel.
    pub above: Option<(u8, Option<u16>)>,
}

/// The text of a rule file.
pub fn text(rules: &[Rule]) -> String {
    let of = |(at, rule): (usize, &Rule)| {
        let Rule { interfaces, vlans, macs, prefixes, protocols, collect } = rule;
        let conditions = [
            ("interfaces", interfaces),
            ("vlans", vlans),
            ("macs", macs),
            ("prefixes", prefixes),
            ("protocols", protocols),
        ];
        let given = conditions.into_iter().filter(|(_, values)| !values.is_empty());
        let given: String = given.map(|(key, values)| format!("{key} = {values:?}\n")).collect();
        format!("[[rule]]\nname = \"r{at}\"\n{given}collect = \"{collect}\"\n")
    };
    rules.iter().enumerate().map(of).collect()
}

/// The first rule that matches, by its place: rules are asked one after the other, on an interface.
pub fn first(rules: &[Rule], facts: Facts<'_>, interface: &str) -> Option<usize> {
    let is_open = !matches!(facts.within, Within::Radio(radio) if !radio.is_open);
    rules.iter().position(|rule| {
        let holds = |values: &[&str], holds: &dyn Fn(&str) -> bool| {
            values.is_empty() || values.iter().any(|value| holds(value))
        };
        holds(&rule.interfaces, &|name| name == interface)
            && holds(&rule.vlans, &|vlans| has_vlan(facts, vlans))
            && holds(&rule.macs, &|macs| has_mac(facts, macs))
            && holds(&rule.prefixes, &|prefix| is_open && has_prefix(facts.shape, prefix))
            && holds(&rule.protocols, &|protocol| is_open && has_protocol(facts, protocol))
    })
}

fn has_vlan(facts: Facts<'_>, vlans: &str) -> bool {
    let of = |tag: &u16| match vlans {
        "20" => *tag == 20,
        "100-199" => (100..=199).contains(tag),
        "0-4094" => *tag <= 4094,
        other => panic!("{other}"),
    };
    facts.within == Within::Ethernet && facts.shape.tags.iter().map(|tag| tag & 0x0fff).any(|tag| of(&tag))
}

fn has_mac(facts: Facts<'_>, macs: &str) -> bool {
    let of = |mac: [u8; 6]| match macs {
        "00:1b:21:00:00:02" => mac == [0, 0x1b, 0x21, 0, 0, 2],
        "00:1c:73" => mac[..3] == [0, 0x1c, 0x73],
        "locally-administered" => mac[0] & 3 == 2,
        "group" => mac[0] & 1 == 1,
        other => panic!("{other}"),
    };
    match facts.within {
        Within::Ethernet => of(facts.shape.source) || of(facts.shape.destination),
        Within::Radio(radio) => radio.ends(facts.shape).into_iter().any(of),
        Within::Nothing => false,
    }
}

/// Ends are 10.0.n.1 or 2001:db8:n::1.
fn has_prefix(shape: &Shape, prefix: &str) -> bool {
    let of = |n: u8| match prefix {
        "10.0.1.0/24" => !shape.v6 && n == 1,
        "10.0.2.1" => !shape.v6 && n == 2,
        "10.0.0.0/14" => !shape.v6,
        "2001:db8:3::/48" => shape.v6 && n == 3,
        "2001:db8:1::1" => shape.v6 && n == 1,
        "2001:db8::/47" => shape.v6 && n <= 1,
        other => panic!("{other}"),
    };
    of(shape.from) || of(shape.to)
}

fn has_protocol(facts: Facts<'_>, protocol: &str) -> bool {
    let (number, ports) = match facts.above {
        // Tunnels come from there.
        Some((number, port)) => (number, port.map(|port| [50_000, port])),
        None => (facts.shape.protocol, Some([facts.shape.ports.0, facts.shape.ports.1])),
    };
    let has = |of: u8, port| number == of && ports.is_some_and(|ports| ports.contains(&port));
    match protocol {
        "icmp" => number == 1,
        "icmpv6" => number == 58,
        "tcp" => number == 6,
        "udp" => number == 17,
        "tcp/22" => has(6, 22),
        "udp/53" => has(17, 53),
        "udp/4789" => has(17, 4789),
        "ip/47" => number == 47,
        "arp" | "stp" => false,
        other => panic!("{other}"),
    }
}

pub fn any_rules(interfaces: bool) -> impl Strategy<Value = Vec<Rule>> {
    let most = if interfaces { 1 } else { 0 };
    prop::collection::vec(any_rule(most), 0..=6)
}

fn any_rule(most_interfaces: usize) -> impl Strategy<Value = Rule> {
    // Mostly two conditions, so that matches are neither rare nor the rule.
    let pick = |all: &'static [&'static str]| {
        prop_oneof![
            3 => Just(Vec::new()),
            2 => subsequence(all, 1..=2),
        ]
    };
    (
        subsequence(&["eth0", "eth1"][..], 0..=most_interfaces),
        pick(&["20", "100-199", "0-4094"]),
        pick(&["00:1b:21:00:00:02", "00:1c:73", "locally-administered", "group"]),
        pick(&[
            "10.0.1.0/24",
            "10.0.2.1",
            "10.0.0.0/14",
            "2001:db8:3::/48",
            "2001:db8:1::1",
            "2001:db8::/47",
        ]),
        pick(&["icmp", "icmpv6", "tcp", "udp", "tcp/22", "udp/53", "udp/4789", "ip/47", "arp", "stp"]),
        select(vec!["none", "counts", "headers", "control"]),
    )
        .prop_map(|(interfaces, vlans, macs, prefixes, protocols, collect)| Rule {
            interfaces,
            vlans,
            macs,
            prefixes,
            protocols,
            collect,
        })
}

pub fn any_shape() -> impl Strategy<Value = Shape> {
    Shape::any(2, vec![22, 53, 443, 40_000], 2)
}
