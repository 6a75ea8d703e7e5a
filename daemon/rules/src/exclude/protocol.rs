//! Protocols, as rules name them.

use std::slice;

use crate::control::{
    DHCPV4_PORTS, DHCPV6_PORTS, IP_ICMP, IP_ICMPV6, IP_IGMP, IP_TCP, IP_UDP, MDNS_PORT, RADIUS_PORTS,
};

/// A protocol, or one port of it at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Arp,
    Cdp,
    /// Of IPv4 and of IPv6.
    Dhcp,
    Eapol,
    Edp,
    Fdp,
    Icmp,
    /// With neighbour discovery and multicast listener discovery.
    Icmpv6,
    Igmp,
    Ip(u8),
    Lldp,
    Mdns,
    Radius,
    Sonmp,
    /// With Cisco's of one VLAN.
    Stp,
    Tcp(Option<u16>),
    Udp(Option<u16>),
}

/// Which IP a datagram came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

impl Protocol {
    /// The IP protocol that is excluded as a whole.
    pub(crate) fn ip_number(&self) -> Option<u8> {
        match self {
            Protocol::Icmp => Some(IP_ICMP),
            Protocol::Icmpv6 => Some(IP_ICMPV6),
            Protocol::Igmp => Some(IP_IGMP),
            Protocol::Ip(number) => Some(*number),
            Protocol::Tcp(None) => Some(IP_TCP),
            Protocol::Udp(None) => Some(IP_UDP),
            _ => None,
        }
    }

    pub(crate) fn tcp_ports(&self) -> &[u16] {
        match self {
            Protocol::Tcp(Some(port)) => slice::from_ref(port),
            _ => &[],
        }
    }

    pub(crate) fn udp_ports(&self, version: IpVersion) -> &[u16] {
        match (self, version) {
            (Protocol::Dhcp, IpVersion::V4) => &DHCPV4_PORTS,
            (Protocol::Dhcp, IpVersion::V6) => &DHCPV6_PORTS,
            (Protocol::Mdns, _) => &[MDNS_PORT],
            (Protocol::Radius, _) => &RADIUS_PORTS,
            (Protocol::Udp(Some(port)), _) => slice::from_ref(port),
            _ => &[],
        }
    }

    pub(crate) fn is_above_ip(&self) -> bool {
        match self {
            Protocol::Dhcp
            | Protocol::Icmp
            | Protocol::Icmpv6
            | Protocol::Igmp
            | Protocol::Ip(_)
            | Protocol::Mdns
            | Protocol::Radius
            | Protocol::Tcp(_)
            | Protocol::Udp(_) => true,
            Protocol::Arp
            | Protocol::Cdp
            | Protocol::Eapol
            | Protocol::Edp
            | Protocol::Fdp
            | Protocol::Lldp
            | Protocol::Sonmp
            | Protocol::Stp => false,
        }
    }
}
