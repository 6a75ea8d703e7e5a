//! Rules that can never match, because one before takes all that they would.

use std::net::IpAddr;

use super::RuleList;
use crate::exclude::{Exclusions, IpVersion, MacSet, Protocol};
use crate::treat::{mask_v4, mask_v6};

impl RuleList {
    /// The rules of which every frame is matched by one rule before: pairs of places in the list, the later first. What
    /// only several rules together take is not found.
    pub fn covered(&self) -> impl Iterator<Item = (usize, usize)> {
        covered(self.rules.iter().map(|rule| &rule.conditions))
    }
}

/// The choices of which one before has all: pairs of places, the later first.
pub(crate) fn covered<'a>(
    choices: impl Iterator<Item = &'a Exclusions> + Clone,
) -> impl Iterator<Item = (usize, usize)> {
    let earlier = {
        let choices = choices.clone();
        move |at: usize, choice: &Exclusions| {
            choices.clone().take(at).position(|before| covers(before, choice))
        }
    };
    choices.enumerate().filter_map(move |(at, choice)| Some((at, earlier(at, choice)?)))
}

/// Whether every frame that `inner` matches is matched by `outer`.
fn covers(outer: &Exclusions, inner: &Exclusions) -> bool {
    all(&outer.interfaces, &inner.interfaces, |a, b| a == b)
        && all(&outer.vlans, &inner.vlans, |(a, z), (first, last)| a <= first && last <= z)
        && all(&outer.macs, &inner.macs, has_mac)
        && all(&outer.prefixes, &inner.prefixes, has_prefix)
        && all(&outer.protocols, &inner.protocols, has_protocol)
}

/// Whether a condition holds wherever another one does. Without an entry it always does.
fn all<T>(outer: &[T], inner: &[T], has: impl Fn(&T, &T) -> bool) -> bool {
    outer.is_empty() || !inner.is_empty() && inner.iter().all(|one| outer.iter().any(|set| has(set, one)))
}

fn has_mac(set: &MacSet, one: &MacSet) -> bool {
    let starts_locally = |octet: u8| octet & 0x03 == 0x02;
    match (set, one) {
        (MacSet::Oui(oui), MacSet::Exact(mac)) => mac.0.starts_with(oui),
        (MacSet::LocallyAdministered, MacSet::Exact(mac)) => mac.is_locally_administered() && !mac.is_group(),
        (MacSet::LocallyAdministered, MacSet::Oui([first, ..])) => starts_locally(*first),
        (MacSet::Group, MacSet::Exact(mac)) => mac.is_group(),
        (MacSet::Group, MacSet::Oui([first, ..])) => first & 0x01 != 0,
        _ => set == one,
    }
}

fn has_prefix((network, length): &(IpAddr, u8), (address, inner): &(IpAddr, u8)) -> bool {
    length <= inner
        && match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => n.to_bits() == a.to_bits() & mask_v4(*length),
            (IpAddr::V6(n), IpAddr::V6(a)) => n.to_bits() == a.to_bits() & mask_v6(*length),
            _ => false,
        }
}

fn has_protocol(set: &Protocol, one: &Protocol) -> bool {
    let is_of_udp = |ports: &[u16]| !ports.is_empty() && (set.ip_number() == Protocol::Udp(None).ip_number());
    let has_ports = |version| {
        let (ports, known) = (one.udp_ports(version), set.udp_ports(version));
        !ports.is_empty() && ports.iter().all(|port| known.contains(port))
    };
    set == one
        || set.ip_number().is_some() && set.ip_number() == one.ip_number()
        || !one.tcp_ports().is_empty() && set.ip_number() == Protocol::Tcp(None).ip_number()
        || is_of_udp(one.udp_ports(IpVersion::V4))
        || has_ports(IpVersion::V4) && has_ports(IpVersion::V6)
}

#[cfg(test)]
mod tests {
    use crate::Rules;

    fn covered(rules: &[&str]) -> Vec<(usize, usize)> {
        let rule = |(at, conditions): (usize, &&str)| {
            format!("[[rule]]\nname = \"{at}\"\ncollect = \"headers\"\n{conditions}\n")
        };
        let text: String = rules.iter().enumerate().map(rule).collect();
        Rules::parse(&[("rules.toml".into(), text)]).unwrap().collect().rules().covered().collect()
    }

    #[test]
    fn a_rule_behind_one_that_takes_all_of_it_is_found() {
        for (outer, inner) in [
            ("", ""),
            ("", "vlans = [20]"),
            ("vlans = [\"10-30\"]", "vlans = [20, \"21-22\"]\nprefixes = [\"10.0.0.0/8\"]"),
            ("interfaces = [\"eth0\", \"eth1\"]", "interfaces = [\"eth1\"]\nprotocols = [\"arp\"]"),
            ("macs = [\"00:1b:21\"]", "macs = [\"00:1b:21:00:00:01\"]"),
            ("macs = [\"group\"]", "macs = [\"01:80:c2\", \"ff:ff:ff:ff:ff:ff\"]"),
            ("macs = [\"locally-administered\"]", "macs = [\"02:00:00\", \"locally-administered\"]"),
            (
                "prefixes = [\"10.0.0.0/8\", \"2001:db8::/32\"]",
                "prefixes = [\"10.1.0.0/16\", \"2001:db8::1\"]",
            ),
            ("protocols = [\"tcp\"]", "protocols = [\"tcp/104\", \"ip/6\"]"),
            ("protocols = [\"ip/17\"]", "protocols = [\"dhcp\", \"udp/53\", \"mdns\", \"udp\"]"),
            ("protocols = [\"udp/5353\"]", "protocols = [\"mdns\"]"),
        ] {
            assert_eq!(covered(&[outer, inner]), [(1, 0)], "{outer} before {inner}");
        }
    }

    #[test]
    fn a_rule_that_can_match_is_not_said_to_be_covered() {
        for (outer, inner) in [
            ("vlans = [20]", ""),
            ("vlans = [20]", "prefixes = [\"10.0.0.0/8\"]"),
            ("vlans = [20]", "vlans = [20, 21]"),
            ("vlans = [20]\nprotocols = [\"tcp\"]", "vlans = [20]"),
            ("macs = [\"00:1b:21:00:00:01\"]", "macs = [\"00:1b:21\"]"),
            ("macs = [\"locally-administered\"]", "macs = [\"03:00:00\"]"),
            ("prefixes = [\"10.1.0.0/16\"]", "prefixes = [\"10.0.0.0/8\"]"),
            ("prefixes = [\"0.0.0.0/0\"]", "prefixes = [\"::/0\"]"),
            ("protocols = [\"tcp/104\"]", "protocols = [\"tcp\"]"),
            ("protocols = [\"tcp\"]", "protocols = [\"udp/104\"]"),
            ("protocols = [\"udp/67\"]", "protocols = [\"dhcp\"]"),
            ("protocols = [\"udp/67\", \"udp/68\"]", "protocols = [\"arp\"]"),
        ] {
            assert_eq!(covered(&[outer, inner]), [], "{outer} before {inner}");
        }
    }
}
