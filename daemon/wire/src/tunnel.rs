//! What the headers of tunnels have in common.

use crate::{capwap, erspan, ethernet, geneve, gre, tzsp, vxlan};

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
    /// An IEEE 802.11 frame behind a Prism or AVS header.
    Monitored,
    /// A PPP frame.
    Ppp,
    /// Nothing that is read here.
    Unknown,
}

/// The header of a tunnel.
#[derive(Clone, Debug, PartialEq)]
pub enum Header {
    /// None of its own: IP within IP (RFC 2003, RFC 2473, RFC 4213), or Ethernet within IP (RFC 8986, 10.1).
    Ip,
    /// GRE.
    Gre(gre::Header),
    /// ERSPAN within GRE.
    Erspan(gre::Header, erspan::Header),
    /// VXLAN.
    Vxlan(vxlan::Header),
    /// GENEVE.
    Geneve(geneve::Header),
    /// TZSP.
    Tzsp(tzsp::Header),
    /// CAPWAP data.
    Capwap(capwap::Header),
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
