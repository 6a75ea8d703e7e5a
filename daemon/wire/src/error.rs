//! Why a part of a frame could not be read.

use std::fmt;

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

/// A part of a frame that breaks the rules of its standard, or that was not captured. It names the
/// place and the cause, never the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
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
    /// IP Authentication Header (RFC 4302).
    Ah,
    /// ARP (RFC 826).
    Arp,
    /// AVS capture header.
    Avs,
    /// Spanning tree BPDUs (IEEE 802.1Q-2018, 14).
    Bpdu,
    /// CAPWAP data (RFC 5415, 4).
    Capwap,
    /// Cisco Discovery Protocol.
    Cdp,
    /// DHCPv4 and BOOTP (RFC 2131, RFC 951).
    Dhcpv4,
    /// DHCPv6 (RFC 8415).
    Dhcpv6,
    /// EAP (RFC 3748).
    Eap,
    /// EAP over LANs (IEEE 802.1X-2020, 11).
    Eapol,
    /// Extreme Discovery Protocol.
    Edp,
    /// ERSPAN, types I to III.
    Erspan,
    /// Encapsulating Security Payload (RFC 4303).
    Esp,
    /// Ethernet (IEEE 802.3).
    Ethernet,
    /// Foundry Discovery Protocol.
    Fdp,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GRE (RFC 2784, RFC 2890).
    Gre,
    /// ICMP (RFC 792).
    Icmp,
    /// ICMPv6 (RFC 4443).
    Icmpv6,
    /// IEEE 802.11 MAC header.
    Ieee80211,
    /// IGMP (RFC 3376).
    Igmp,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 and its extension headers (RFC 8200).
    Ipv6,
    /// Inter-Switch Link.
    Isl,
    /// Linux cooked captures, versions 1 and 2.
    LinuxCooked,
    /// LLC and SNAP (IEEE 802.2, IEEE 802).
    Llc,
    /// LLDP (IEEE 802.1AB).
    Lldp,
    /// Multicast DNS (RFC 6762).
    Mdns,
    /// MLD (RFC 3810).
    Mld,
    /// MPLS label stack (RFC 3032).
    Mpls,
    /// IPv6 Neighbor Discovery (RFC 4861).
    Ndp,
    /// BSD loopback encapsulation.
    Null,
    /// Per-Packet Information header.
    Ppi,
    /// PPP within GRE (RFC 1661, RFC 2637).
    Ppp,
    /// PPP over Ethernet (RFC 2516).
    Pppoe,
    /// Prism header.
    Prism,
    /// Radiotap header.
    Radiotap,
    /// RADIUS (RFC 2865, RFC 2866).
    Radius,
    /// SCTP (RFC 9260).
    Sctp,
    /// SynOptics Network Management Protocol.
    Sonmp,
    /// TCP (RFC 9293).
    Tcp,
    /// TaZmen Sniffer Protocol.
    Tzsp,
    /// UDP (RFC 768).
    Udp,
    /// VLAN tags (IEEE 802.1Q).
    Vlan,
    /// VXLAN (RFC 7348).
    Vxlan,
}

impl Layer {
    /// The layer's name, as records and counters show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layer::Ah => "ah",
            Layer::Arp => "arp",
            Layer::Avs => "avs",
            Layer::Bpdu => "bpdu",
            Layer::Capwap => "capwap",
            Layer::Cdp => "cdp",
            Layer::Dhcpv4 => "dhcpv4",
            Layer::Dhcpv6 => "dhcpv6",
            Layer::Eap => "eap",
            Layer::Eapol => "eapol",
            Layer::Edp => "edp",
            Layer::Erspan => "erspan",
            Layer::Esp => "esp",
            Layer::Ethernet => "ethernet",
            Layer::Fdp => "fdp",
            Layer::Geneve => "geneve",
            Layer::Gre => "gre",
            Layer::Icmp => "icmp",
            Layer::Icmpv6 => "icmpv6",
            Layer::Ieee80211 => "ieee80211",
            Layer::Igmp => "igmp",
            Layer::Ipv4 => "ipv4",
            Layer::Ipv6 => "ipv6",
            Layer::Isl => "isl",
            Layer::LinuxCooked => "linux-cooked",
            Layer::Llc => "llc",
            Layer::Lldp => "lldp",
            Layer::Mdns => "mdns",
            Layer::Mld => "mld",
            Layer::Mpls => "mpls",
            Layer::Ndp => "ndp",
            Layer::Null => "null",
            Layer::Ppi => "ppi",
            Layer::Ppp => "ppp",
            Layer::Pppoe => "pppoe",
            Layer::Prism => "prism",
            Layer::Radiotap => "radiotap",
            Layer::Radius => "radius",
            Layer::Sctp => "sctp",
            Layer::Sonmp => "sonmp",
            Layer::Tcp => "tcp",
            Layer::Tzsp => "tzsp",
            Layer::Udp => "udp",
            Layer::Vlan => "vlan",
            Layer::Vxlan => "vxlan",
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

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What is wrong with a message of many parts, in the order it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    list: ArrayVec<Malformed, MAX_FAULTS>,
    /// How many found no room in the list.
    omitted: u32,
}

impl Faults {
    /// Adds what went wrong, if anything did.
    #[inline]
    pub fn note<T>(&mut self, result: Result<T, Malformed>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                if self.list.try_push(fault).is_err() {
                    self.omitted = self.omitted.saturating_add(1);
                }
                None
            }
        }
    }

    /// The first fault.
    ///
    /// # Errors
    /// It, where there is one.
    pub fn first(&self) -> Result<(), Malformed> {
        self.list.first().map_or(Ok(()), |first| Err(*first))
    }

    /// The faults that are kept, at most [`MAX_FAULTS`].
    pub fn iter(&self) -> impl Iterator<Item = &Malformed> {
        self.list.iter()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many faults found no room.
    #[must_use]
    pub fn omitted(&self) -> u32 {
        self.omitted
    }
}

/// Most faults of one message that are kept.
pub const MAX_FAULTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_layer_offset_and_cause() {
        let error = Malformed { layer: Layer::Ipv4, offset: 14, kind: Kind::Version };
        assert_eq!(error.to_string(), "ipv4 at octet 14: version");
    }
}
