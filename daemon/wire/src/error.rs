//! Why a part of a frame could not be read.

use std::fmt;

/// A part of a frame that breaks the rules of its standard, or that was not captured. It names the
/// place and the cause, never the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{layer} at octet {offset}: {kind}")]
pub struct Malformed {
    /// The protocol that was being read.
    pub layer: Layer,
    /// Where the part begins, in octets from the start of the frame as it was given.
    pub offset: u32,
    /// What is wrong.
    pub kind: Kind,
}

/// A protocol layer of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Ethernet II (IEEE 802.3).
    Ethernet,
    /// VLAN tags (IEEE 802.1Q).
    Vlan,
    /// ARP (RFC 826).
    Arp,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 and its extension headers (RFC 8200).
    Ipv6,
    /// ICMP (RFC 792).
    Icmp,
    /// ICMPv6 (RFC 4443).
    Icmpv6,
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// DHCPv4 and BOOTP (RFC 2131, RFC 951).
    Dhcpv4,
    /// LLDP (IEEE 802.1AB).
    Lldp,
}

impl Layer {
    /// The layer's name, as records and counters show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layer::Ethernet => "ethernet",
            Layer::Vlan => "vlan",
            Layer::Arp => "arp",
            Layer::Ipv4 => "ipv4",
            Layer::Ipv6 => "ipv6",
            Layer::Icmp => "icmp",
            Layer::Icmpv6 => "icmpv6",
            Layer::Tcp => "tcp",
            Layer::Udp => "udp",
            Layer::Dhcpv4 => "dhcpv4",
            Layer::Lldp => "lldp",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A part that may occur once occurs again; the first one counts.
    Duplicate,
    /// A length field contradicts the octets around it, or lies outside its standard's range.
    Length,
    /// There are more parts than this reader follows.
    Limit,
    /// A part that the standard requires is absent.
    Missing,
    /// The part was on the wire, but the capture was cut before its end. The frame may be sound.
    NotCaptured,
    /// A part is not where the standard puts it.
    Order,
    /// The frame, or the length that encloses the part, ends before the part does.
    Short,
    /// A value that the standard does not allow.
    Value,
    /// The version field is not that of the protocol.
    Version,
}

impl Kind {
    /// The cause's name, as records and counters show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Duplicate => "duplicate",
            Kind::Length => "length",
            Kind::Limit => "limit",
            Kind::Missing => "missing",
            Kind::NotCaptured => "not-captured",
            Kind::Order => "order",
            Kind::Short => "short",
            Kind::Value => "value",
            Kind::Version => "version",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_layer_offset_and_cause() {
        let error = Malformed { layer: Layer::Ipv4, offset: 14, kind: Kind::Version };
        assert_eq!(error.to_string(), "ipv4 at octet 14: version");
    }
}
