//! What the headers of tunnels have in common.

use crate::ethernet;

/// What a tunnel's header has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// An Ethernet frame, without FCS.
    Ethernet,
    /// The payload of an Ethernet type other than those that have a variant here.
    Ethertype(u16),
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
    /// An IEEE 802.11 frame.
    Ieee80211,
    /// Nothing that is read here.
    Unknown,
}

/// Ethernet type of bridged Ethernet frames (RFC 1701).
pub const TRANSPARENT_ETHERNET: u16 = 0x6558;

impl Inner {
    /// What an Ethernet type stands for.
    #[must_use]
    pub fn of_ethertype(ethertype: u16) -> Self {
        match ethertype {
            TRANSPARENT_ETHERNET => Inner::Ethernet,
            ethernet::IPV4 => Inner::Ipv4,
            ethernet::IPV6 => Inner::Ipv6,
            other => Inner::Ethertype(other),
        }
    }
}
