//! Exclusions: frames that never become part of a record.

use std::net::IpAddr;

use headgate_record::Mac;
use headgate_wire as wire;

use crate::treat::{mask_v4, mask_v6};

pub(crate) mod text;

/// Most exclusions of each sort.
pub const MAX_EXCLUSIONS: usize = 64;

/// Why a frame is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exclusion {
    /// The interface it came from.
    Interface,
    /// A VLAN tag.
    Vlan,
    /// A MAC address.
    Mac,
    /// An IP address.
    Prefix,
    /// Its protocol or port.
    Protocol,
}

/// A set of MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MacSet {
    Exact(Mac),
    Oui([u8; 3]),
    LocallyAdministered,
}

/// A protocol, or one port of it at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Arp,
    Lldp,
    Dhcp,
    Icmp,
    Icmpv6,
    Tcp(Option<u16>),
    Udp(Option<u16>),
    Ip(u8),
}

/// Which frames are excluded. A frame that several exclusions match is counted under the first of:
/// interface, VLAN, MAC address, protocol above Ethernet, prefix, IP protocol or port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    pub(crate) interfaces: Vec<String>,
    /// First and last VLAN of each range.
    pub(crate) vlans: Vec<(u16, u16)>,
    pub(crate) macs: Vec<MacSet>,
    /// Network address and prefix length, host bits zero.
    pub(crate) prefixes: Vec<(IpAddr, u8)>,
    pub(crate) protocols: Vec<Protocol>,
}

impl Exclusions {
    /// Whether all frames of an interface are excluded. Such an interface is not opened.
    #[must_use]
    pub fn excludes_interface(&self, name: &str) -> bool {
        self.interfaces.iter().any(|i| i == name)
    }

    /// Judges a frame that was read, with all that the kernel filter decides and, beyond it, the
    /// addresses inside ARP and DHCP.
    #[must_use]
    pub fn judge(&self, packet: &wire::Packet<'_>) -> Option<Exclusion> {
        if packet.tags.iter().any(|tag| self.has_vlan(tag.vid())) {
            return Some(Exclusion::Vlan);
        }
        if [packet.source(), packet.destination()].into_iter().flatten().any(|a| self.has_mac(Mac(a.0))) {
            return Some(Exclusion::Mac);
        }
        let by_ethertype = match packet.ethertype {
            ETHERTYPE_ARP => self.protocols.contains(&Protocol::Arp),
            ETHERTYPE_LLDP => self.protocols.contains(&Protocol::Lldp),
            _ => false,
        };
        if by_ethertype {
            return Some(Exclusion::Protocol);
        }
        if let Some((source, destination)) = packet.addresses()
            && (self.has_address(source) || self.has_address(destination))
        {
            return Some(Exclusion::Prefix);
        }
        if self.has_transport(packet) {
            return Some(Exclusion::Protocol);
        }
        if let wire::Network::Arp(arp) = &packet.network
            && [arp.sender_hardware, arp.target_hardware].into_iter().any(|a| self.has_mac(Mac(a.0)))
        {
            return Some(Exclusion::Mac);
        }
        if let wire::Application::Dhcpv4(dhcp) = &packet.application {
            if dhcp.mac().is_some_and(|a| self.has_mac(Mac(a.0))) {
                return Some(Exclusion::Mac);
            }
            if [dhcp.ciaddr, dhcp.yiaddr].into_iter().any(|a| self.has_address(a.into())) {
                return Some(Exclusion::Prefix);
            }
        }
        None
    }

    fn has_vlan(&self, id: u16) -> bool {
        self.vlans.iter().any(|(first, last)| (*first..=*last).contains(&id))
    }

    fn has_mac(&self, mac: Mac) -> bool {
        self.macs.iter().any(|set| match set {
            MacSet::Exact(one) => *one == mac,
            MacSet::Oui(oui) => mac.0.starts_with(oui),
            MacSet::LocallyAdministered => mac.is_locally_administered() && !mac.is_group(),
        })
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.prefixes.iter().any(|(network, length)| match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => n.to_bits() == a.to_bits() & mask_v4(*length),
            (IpAddr::V6(n), IpAddr::V6(a)) => n.to_bits() == a.to_bits() & mask_v6(*length),
            _ => false,
        })
    }

    /// Whether any exclusion looks at the IP protocol, or at a port behind it.
    pub(crate) fn is_by_ip_protocol(&self) -> bool {
        self.protocols.iter().any(|p| !matches!(p, Protocol::Arp | Protocol::Lldp | Protocol::Dhcp))
    }

    fn has_transport(&self, packet: &wire::Packet<'_>) -> bool {
        let number = match &packet.network {
            wire::Network::Ipv4(header) => header.protocol,
            // The filter keeps no extension headers: what is behind them may be what is excluded.
            wire::Network::Ipv6(header)
                if self.is_by_ip_protocol()
                    && (header.extensions > 0 || IPV6_EXTENSIONS.contains(&header.protocol)) =>
            {
                return true;
            }
            wire::Network::Ipv6(header) => header.protocol,
            _ => return false,
        };
        let ports = match &packet.transport {
            wire::Transport::Tcp(tcp) => Some((tcp.source, tcp.destination)),
            wire::Transport::Udp(udp) => Some((udp.source, udp.destination)),
            _ => None,
        };
        let has_port = |port: u16| ports.is_some_and(|(s, d)| s == port || d == port);
        self.protocols.iter().any(|protocol| match protocol {
            Protocol::Arp | Protocol::Lldp => false,
            Protocol::Dhcp => {
                number == IP_UDP
                    && matches!(packet.network, wire::Network::Ipv4(_))
                    && (has_port(67) || has_port(68))
            }
            Protocol::Icmp => number == IP_ICMP,
            Protocol::Icmpv6 => number == IP_ICMPV6,
            Protocol::Tcp(port) => number == IP_TCP && port.is_none_or(has_port),
            Protocol::Udp(port) => number == IP_UDP && port.is_none_or(has_port),
            Protocol::Ip(other) => number == *other,
        })
    }
}

impl Exclusion {
    /// All reasons.
    pub const ALL: [Exclusion; 5] =
        [Exclusion::Interface, Exclusion::Vlan, Exclusion::Mac, Exclusion::Prefix, Exclusion::Protocol];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Exclusion::Interface => "interface",
            Exclusion::Vlan => "vlan",
            Exclusion::Mac => "mac",
            Exclusion::Prefix => "prefix",
            Exclusion::Protocol => "protocol",
        }
    }
}

pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
pub(crate) const ETHERTYPE_LLDP: u16 = 0x88cc;
pub(crate) const IP_ICMP: u8 = 1;
pub(crate) const IP_TCP: u8 = 6;
pub(crate) const IP_UDP: u8 = 17;
pub(crate) const IP_ICMPV6: u8 = 58;
/// Extension headers of IPv6 (IANA): hop-by-hop, routing, fragment, authentication, destination options,
/// mobility, HIP, shim6.
pub(crate) const IPV6_EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];
