//! How exclusions are written in rule files.

use std::net::IpAddr;

use headgate_record::Mac;
use serde::Deserialize;

use super::{MacSet, Protocol};
use crate::treat::{mask_v4, mask_v6};

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a VLAN such as 20 or a range such as \"100-199\"")]
pub(crate) enum VlanText {
    One(u16),
    Range(String),
}

/// A sort of exclusions, as `[exclude]` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExclusionKey {
    /// The key.
    pub name: &'static str,
    /// What is excluded, and how it is written.
    pub meaning: &'static str,
    /// The regular expression (ECMA-262) that an entry matches. It refuses nothing that is allowed; it does not find all
    /// that is wrong.
    pub pattern: String,
}

/// The sorts of exclusions. A VLAN may also be written as a number.
#[must_use]
pub fn exclusion_keys() -> [ExclusionKey; 5] {
    let key = |name, meaning, pattern: &str| ExclusionKey { name, meaning, pattern: pattern.into() };
    let names = NAMED.map(|(name, _)| name).join("|");
    [
        key("interfaces", "Interfaces; one that is excluded is not opened", "^[!-.0-~]{1,15}$"),
        key("vlans", "VLANs: 20, or a range such as \"100-199\"", r"^\s*[+]?[0-9]+\s*(-\s*[+]?[0-9]+\s*)?$"),
        key(
            "macs",
            "MAC addresses at either end: \"00:1b:21:00:00:01\", the OUI \"00:1b:21\", \"locally-administered\" (randomised addresses), or \"group\" (multicast and broadcast)",
            "^(locally-administered|group|[0-9A-Fa-f+]{2}([:-][0-9A-Fa-f+]{2}){2}(([:-][0-9A-Fa-f+]{2}){3})?)$",
        ),
        key(
            "prefixes",
            "Networks at either end: \"192.0.2.0/24\", \"2001:db8::/48\", or a single address",
            "^[0-9A-Fa-f:.]+(/[+]?[0-9]+)?$",
        ),
        key(
            "protocols",
            "Protocols, ports at either end as \"tcp/22\" or \"udp/53\", IP protocols as \"ip/47\"",
            &format!("^({names}|(tcp|udp)(/[+]?[0-9]+)?|ip/[+]?[0-9]+)$"),
        ),
    ]
}

pub(crate) fn interface(text: &str) -> Result<String, String> {
    let fits = (1..16).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() && c != '/');
    fits.then(|| text.to_owned()).ok_or_else(|| format!("{text:?} is not an interface name"))
}

pub(crate) fn vlans(text: &VlanText) -> Result<(u16, u16), String> {
    let (first, last) = match text {
        VlanText::One(id) => (*id, *id),
        VlanText::Range(range) => range
            .split_once('-')
            .or(Some((range, range)))
            .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)))
            .ok_or_else(|| format!("{range:?} is not a VLAN: write 20 or \"100-199\""))?,
    };
    if first > last || last > 4094 {
        return Err("a VLAN is 0 to 4094, the first of a range before the last".into());
    }
    Ok((first, last))
}

pub(crate) fn mac(text: &str) -> Result<MacSet, String> {
    match text {
        "locally-administered" => return Ok(MacSet::LocallyAdministered),
        "group" => return Ok(MacSet::Group),
        _ => {}
    }
    let octets: Option<Vec<u8>> = text
        .split([':', '-'])
        .map(|part| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten())
        .collect();
    match octets.as_deref() {
        Some(&[a, b, c]) => Ok(MacSet::Oui([a, b, c])),
        Some(&[a, b, c, d, e, f]) => Ok(MacSet::Exact(Mac([a, b, c, d, e, f]))),
        _ => Err(format!(
            "{text:?} is not a set of MAC addresses: write 00:1b:21:00:00:01, the OUI 00:1b:21, locally-administered or group"
        )),
    }
}

pub(crate) fn prefix(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("{text:?} is not a prefix: write 192.0.2.0/24, 2001:db8::/48 or a single address");
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
    let has_host_bits = match address {
        IpAddr::V4(a) => a.to_bits() & !mask_v4(length) != 0,
        IpAddr::V6(a) => a.to_bits() & !mask_v6(length) != 0,
    };
    if length > most {
        return Err(wrong());
    }
    if has_host_bits {
        return Err(format!(
            "{text:?} has bits set behind its prefix length; did you mean a single address?"
        ));
    }
    Ok((address, length))
}

pub(crate) fn protocol(text: &str) -> Result<Protocol, String> {
    let (name, number) =
        text.split_once('/').map_or((text, None), |(n, p)| (n, p.parse::<u16>().ok().or(Some(0))));
    let named = || NAMED.iter().find(|(known, _)| *known == name).map(|(_, protocol)| *protocol);
    let protocol = match (name, number) {
        ("tcp", port) if port != Some(0) => Some(Protocol::Tcp(port)),
        ("udp", port) if port != Some(0) => Some(Protocol::Udp(port)),
        ("ip", Some(number)) if number != 0 => u8::try_from(number).ok().map(Protocol::Ip),
        (_, None) => named(),
        _ => None,
    };
    protocol.ok_or_else(|| {
        let names = NAMED.map(|(name, _)| name).join(", ");
        format!("{text:?} is not a protocol: write {names}, tcp, udp, tcp/22, udp/53 or ip/47")
    })
}

pub(crate) fn show_vlans((first, last): &(u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

pub(crate) fn show_mac(set: &MacSet) -> String {
    match set {
        MacSet::Exact(mac) => mac.to_string(),
        MacSet::Oui([a, b, c]) => format!("{a:02x}:{b:02x}:{c:02x}"),
        MacSet::LocallyAdministered => "locally-administered".into(),
        MacSet::Group => "group".into(),
    }
}

pub(crate) fn show_prefix((network, length): &(IpAddr, u8)) -> String {
    format!("{network}/{length}")
}

pub(crate) fn show_protocol(protocol: &Protocol) -> String {
    match protocol {
        Protocol::Ip(number) => format!("ip/{number}"),
        Protocol::Tcp(None) => "tcp".into(),
        Protocol::Tcp(Some(port)) => format!("tcp/{port}"),
        Protocol::Udp(None) => "udp".into(),
        Protocol::Udp(Some(port)) => format!("udp/{port}"),
        other => NAMED.iter().find(|(_, p)| p == other).map_or("", |(name, _)| name).into(),
    }
}

/// Protocols without a number.
const NAMED: [(&str, Protocol); 14] = [
    ("arp", Protocol::Arp),
    ("lldp", Protocol::Lldp),
    ("cdp", Protocol::Cdp),
    ("edp", Protocol::Edp),
    ("fdp", Protocol::Fdp),
    ("sonmp", Protocol::Sonmp),
    ("stp", Protocol::Stp),
    ("eapol", Protocol::Eapol),
    ("dhcp", Protocol::Dhcp),
    ("radius", Protocol::Radius),
    ("mdns", Protocol::Mdns),
    ("igmp", Protocol::Igmp),
    ("icmp", Protocol::Icmp),
    ("icmpv6", Protocol::Icmpv6),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_protocol_is_shown_as_it_is_written() {
        for (name, _) in NAMED {
            assert_eq!(show_protocol(&protocol(name).unwrap()), name);
        }
    }

    #[test]
    fn a_protocol_that_does_not_exist_is_answered_with_those_that_do() {
        for text in ["ndp", "arp/1", "tcp/0", "ip", "ip/256", "udp/x", ""] {
            let error = protocol(text).unwrap_err();
            assert!(NAMED.iter().all(|(name, _)| error.contains(name)), "{error}");
        }
    }
}
