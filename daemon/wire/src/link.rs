//! Link types of captures: what the first octets of a frame are (the LINKTYPE_ registry of the pcap
//! and pcapng formats).

use std::fmt;

use serde::{Serialize, Serializer};

/// A link type that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// AVS header, then an IEEE 802.11 frame (163). As with Prism, the first octets say which of both it is.
    Avs,
    /// IEEE 802.3 Ethernet (1).
    Ethernet,
    /// IEEE 802.11 MAC header (105).
    Ieee80211,
    /// An IPv4 packet without a link header (228).
    Ipv4,
    /// An IPv6 packet without a link header (229).
    Ipv6,
    /// Linux cooked capture, version 1 (113).
    LinuxCooked,
    /// Linux cooked capture, version 2 (276).
    LinuxCooked2,
    /// BSD loopback, family in network order (108).
    Loop,
    /// BSD loopback, family in the order of the host that wrote the capture (0).
    Null,
    /// Per-Packet Information header, then a frame of the type that it names (192).
    Ppi,
    /// Prism header, then an IEEE 802.11 frame (119); drivers wrote AVS headers under this number, too.
    Prism,
    /// Radiotap header, then an IEEE 802.11 frame (127).
    Radiotap,
    /// An IPv4 or IPv6 packet without a link header (101; 12 and 14 in captures that hold the number
    /// of the writing system).
    RawIp,
}

impl Link {
    /// The link type of a number of the registry; `None` for one that is not read here.
    #[must_use]
    pub fn from_linktype(linktype: u32) -> Option<Link> {
        Some(match linktype {
            0 => Link::Null,
            1 => Link::Ethernet,
            12 | 14 | 101 => Link::RawIp,
            105 => Link::Ieee80211,
            108 => Link::Loop,
            113 => Link::LinuxCooked,
            119 => Link::Prism,
            127 => Link::Radiotap,
            163 => Link::Avs,
            192 => Link::Ppi,
            228 => Link::Ipv4,
            229 => Link::Ipv6,
            276 => Link::LinuxCooked2,
            _ => return None,
        })
    }

    /// The name, as records show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Link::Avs => "avs",
            Link::Ethernet => "ethernet",
            Link::Ieee80211 => "ieee80211",
            Link::Ipv4 => "ipv4",
            Link::Ipv6 => "ipv6",
            Link::LinuxCooked => "linux-cooked",
            Link::LinuxCooked2 => "linux-cooked-2",
            Link::Loop => "loop",
            Link::Null => "null",
            Link::Ppi => "ppi",
            Link::Prism => "prism",
            Link::Radiotap => "radiotap",
            Link::RawIp => "raw-ip",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_type_that_is_not_read_is_none() {
        assert_eq!(Link::from_linktype(1).map(Link::name), Some("ethernet"));
        assert_eq!([12, 14, 101].map(Link::from_linktype), [Some(Link::RawIp); 3]);
        assert_eq!([2, 106, 195, 0x0400_0001, u32::MAX].map(Link::from_linktype), [None; 5]);
    }
}
