//! Protocols that name devices and services on a link: which one a datagram is, by its ports.
//!
//! Nothing of such a datagram is read here. What may be read of Multicast DNS is in [`crate::mdns`].

use serde::{Serialize, Serializer};

/// A protocol that names devices or services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Link-Local Multicast Name Resolution (RFC 4795).
    Llmnr,
    /// Multicast DNS (RFC 6762).
    Mdns,
    /// NetBIOS Name Service (RFC 1002).
    Nbns,
    /// Simple Service Discovery Protocol, of UPnP (UDA 2.0, 1).
    Ssdp,
    /// Web Services Dynamic Discovery (OASIS WS-Discovery 1.1).
    WsDiscovery,
}

impl Protocol {
    /// The protocol of a UDP datagram, by its destination port, or else by its source port.
    #[inline]
    #[must_use]
    pub fn from_ports(source: u16, destination: u16) -> Option<Protocol> {
        Protocol::from_port(destination).or_else(|| Protocol::from_port(source))
    }

    /// The protocol's name, as records and counters show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Llmnr => "llmnr",
            Protocol::Mdns => "mdns",
            Protocol::Nbns => "nbns",
            Protocol::Ssdp => "ssdp",
            Protocol::WsDiscovery => "ws-discovery",
        }
    }

    /// The UDP port that it is assigned.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Protocol::Llmnr => 5355,
            Protocol::Mdns => crate::mdns::PORT,
            Protocol::Nbns => 137,
            Protocol::Ssdp => 1900,
            Protocol::WsDiscovery => 3702,
        }
    }

    #[inline]
    pub(crate) fn from_port(port: u16) -> Option<Protocol> {
        ALL.into_iter().find(|protocol| protocol.port() == port)
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

const ALL: [Protocol; 5] =
    [Protocol::Llmnr, Protocol::Mdns, Protocol::Nbns, Protocol::Ssdp, Protocol::WsDiscovery];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_known_by_either_port() {
        for protocol in ALL {
            assert_eq!(Protocol::from_ports(50_000, protocol.port()), Some(protocol));
            assert_eq!(Protocol::from_ports(protocol.port(), 50_000), Some(protocol));
        }
        assert_eq!(Protocol::from_ports(53, 50_000), None);
        assert_eq!(Protocol::from_ports(1900, 5353), Some(Protocol::Mdns));
    }

    #[test]
    fn the_names_differ() {
        let mut names = ALL.map(Protocol::name);
        names.sort_unstable();
        assert_eq!(names, ["llmnr", "mdns", "nbns", "ssdp", "ws-discovery"]);
    }
}
