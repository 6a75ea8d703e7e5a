//! Exclusions: frames that never become part of a record.

use std::net::IpAddr;
use std::slice;

use headgate_record::Mac;
use headgate_wire as wire;

use crate::control::{
    DHCPV4_PORTS, DHCPV6_PORTS, ETHERTYPE_ARP, ETHERTYPE_EAPOL, ETHERTYPE_LLDP, IP_ICMP, IP_ICMPV6, IP_IGMP,
    IP_TCP, IP_UDP, IPV6_EXTENSIONS, MDNS_PORT, RADIUS_PORTS, SNAP,
};
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
    /// Whether no frame is excluded, but perhaps by its interface.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vlans.is_empty() && self.macs.is_empty() && self.prefixes.is_empty() && self.protocols.is_empty()
    }

    /// Whether all frames of an interface are excluded. Such an interface is not opened.
    #[must_use]
    pub fn excludes_interface(&self, name: &str) -> bool {
        self.interfaces.iter().any(|i| i == name)
    }

    /// Judges a frame that was read, with all that the kernel filter decides and, beyond it, the
    /// addresses inside ARP and DHCP, and the station that RADIUS names, where its attributes are kept.
    #[must_use]
    pub fn judge(&self, packet: &wire::Packet<'_>) -> Option<Exclusion> {
        if packet.tags.iter().any(|tag| self.has_vlan(tag.vid())) {
            return Some(Exclusion::Vlan);
        }
        if [packet.source(), packet.destination()].into_iter().flatten().any(|a| self.has_mac(Mac(a.0))) {
            return Some(Exclusion::Mac);
        }
        if self.has_ethertype(packet.ethertype) || self.has_llc(packet) {
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
        if let wire::Network::Arp(wire::arp::Packet { addresses: Some(arp), .. }) = &packet.network
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
        if let wire::Application::Radius(radius) = &packet.application
            && radius.attributes.station().is_some_and(|a| self.has_mac(Mac(a.0)))
        {
            return Some(Exclusion::Mac);
        }
        None
    }

    pub(crate) fn has_vlan(&self, id: u16) -> bool {
        self.vlans.iter().any(|(first, last)| (*first..=*last).contains(&id))
    }

    pub(crate) fn has_mac(&self, mac: Mac) -> bool {
        self.macs.iter().any(|set| match set {
            MacSet::Exact(one) => *one == mac,
            MacSet::Oui(oui) => mac.0.starts_with(oui),
            MacSet::LocallyAdministered => mac.is_locally_administered() && !mac.is_group(),
        })
    }

    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.prefixes.iter().any(|(network, length)| match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => n.to_bits() == a.to_bits() & mask_v4(*length),
            (IpAddr::V6(n), IpAddr::V6(a)) => n.to_bits() == a.to_bits() & mask_v6(*length),
            _ => false,
        })
    }

    pub(crate) fn has(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    pub(crate) fn has_ethertype(&self, ethertype: u16) -> bool {
        match ethertype {
            ETHERTYPE_ARP => self.has(Protocol::Arp),
            ETHERTYPE_EAPOL => self.has(Protocol::Eapol),
            ETHERTYPE_LLDP => self.has(Protocol::Lldp),
            _ => false,
        }
    }

    fn has_llc(&self, packet: &wire::Packet<'_>) -> bool {
        let Some(header) = packet.encapsulation.as_ref().and_then(|e| e.llc) else { return false };
        match header.content() {
            wire::llc::Content::Ethertype(ethertype) => self.has_ethertype(ethertype),
            wire::llc::Content::Service(wire::llc::Lsap::Bpdu) => self.has(Protocol::Stp),
            wire::llc::Content::Organisation(snap) => {
                let known = SNAP.iter().find(|(known, _)| *known == (snap.oui.0, snap.protocol));
                known.is_some_and(|(_, protocol)| self.has(*protocol))
            }
            _ => false,
        }
    }

    pub(crate) fn has_ip_protocol(&self, number: u8) -> bool {
        self.protocols.iter().any(|p| p.ip_number() == Some(number))
    }

    pub(crate) fn has_tcp_port(&self, ends: [u16; 2]) -> bool {
        self.protocols.iter().any(|p| ends.iter().any(|end| p.tcp_ports().contains(end)))
    }

    pub(crate) fn has_udp_port(&self, ends: [u16; 2], version: IpVersion) -> bool {
        self.protocols.iter().any(|p| ends.iter().any(|end| p.udp_ports(version).contains(end)))
    }

    /// Whether any exclusion looks at the IP protocol, or at a port behind it.
    pub(crate) fn is_by_ip_protocol(&self) -> bool {
        self.protocols.iter().any(|p| p.is_above_ip())
    }

    fn has_transport(&self, packet: &wire::Packet<'_>) -> bool {
        let (version, number) = match &packet.network {
            wire::Network::Ipv4(header) => (IpVersion::V4, header.protocol),
            // What is behind extension headers that are not read may be what is excluded.
            wire::Network::Ipv6(header)
                if self.is_by_ip_protocol() && IPV6_EXTENSIONS.contains(&header.protocol) =>
            {
                return true;
            }
            wire::Network::Ipv6(header) => (IpVersion::V6, header.protocol),
            _ => return false,
        };
        self.has_ip_protocol(number)
            || match &packet.transport {
                wire::Transport::Tcp(tcp) => self.has_tcp_port([tcp.source, tcp.destination]),
                wire::Transport::Udp(udp) => self.has_udp_port([udp.source, udp.destination], version),
                _ => false,
            }
    }
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

    fn is_above_ip(&self) -> bool {
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
