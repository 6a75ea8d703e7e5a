//! One frame, read from the outside in.

use std::net::IpAddr;

use crate::{
    Link, Malformed, arp, avs, bpdu, cdp, dhcpv4, dhcpv6, discovery, eapol, edp, ethernet, fdp, icmp, icmpv6,
    ieee80211, igmp, ipsec, ipv4, ipv6, isl, linux_cooked, llc, lldp, mdns, mld, mpls, ndp, null, ppi, ppp,
    pppoe, prism, radiotap, radius, sctp, sonmp, tcp, udp, vlan,
};

mod ip;
mod layers;
mod read;
mod tunnel;

pub use ip::is_read_on;
pub use tunnel::Tunnel;

/// A frame, as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet<'a> {
    /// The header of the link.
    pub framing: Framing<'a>,
    /// VLAN tags, outermost first; the one that the network card took out is the first.
    pub tags: vlan::Tags,
    /// The type field behind the tags, or that of another framing; 0 where no field says it. At most
    /// [`llc::MAX_LENGTH`] it is the length of an LLC frame. What a header behind it says is in that header.
    pub ethertype: u16,
    /// Headers beside those of the network layer, which most frames do not have.
    pub encapsulation: Option<Box<Encapsulation>>,
    /// What the frame carries.
    pub network: Network<'a>,
    /// What the IP packet carries.
    pub transport: Transport<'a>,
    /// What the IP packet or UDP datagram carries, where it is a protocol that is read here.
    pub application: Application<'a>,
    /// A tunnel that the packet is one of, and the packet within.
    pub tunnel: Option<Box<Tunnel<'a>>>,
    /// Whether this is the packet within a tunnel. No other tunnel is opened in it.
    pub is_inner: bool,
    /// The first part that is malformed. Everything that was read before it, and beside it, is
    /// still here.
    pub malformed: Option<Malformed>,
}

/// The header of a link.
#[derive(Clone, Debug, PartialEq)]
pub enum Framing<'a> {
    /// Ethernet.
    Ethernet(ethernet::Header),
    /// Cisco's trunk encapsulation. The frame within is not read.
    Isl(Box<isl::Header>),
    /// What Linux puts before packets of any link.
    LinuxCooked(Box<linux_cooked::Header<'a>>),
    /// The address family of a BSD loopback interface.
    Null(null::Header),
    /// A frame of a wireless network.
    Wireless(Box<Wireless>),
    /// None: the capture begins with IP.
    None,
}

/// A frame of a wireless network, with what the capturing radio wrote before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wireless {
    /// A PPI header.
    pub ppi: Option<ppi::Header>,
    /// A radiotap header.
    pub radiotap: Option<radiotap::Header>,
    /// A Prism header.
    pub prism: Option<prism::Header>,
    /// An AVS header.
    pub avs: Option<avs::Header>,
    /// The MAC header.
    pub header: Option<ieee80211::Header>,
}

impl Wireless {
    /// Whether any of the headers could be read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        let is_behind = self.ppi.is_some() || self.radiotap.is_some();
        is_behind || self.prism.is_some() || self.avs.is_some() || self.header.is_some()
    }
}

/// Headers beside those of the network layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encapsulation {
    /// LLC, of a frame that has a length in the place of a type.
    pub llc: Option<llc::Header>,
    /// PPP within GRE.
    pub ppp: Option<ppp::Header>,
    /// A session of PPP over Ethernet.
    pub pppoe: Option<pppoe::Session>,
    /// An MPLS label stack.
    pub mpls: Option<mpls::Header>,
    /// The Authentication Header of an IPv4 packet; that of IPv6 is one of the extension headers.
    pub authentication: Option<ipsec::Authentication>,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Network<'a> {
    /// An ARP packet.
    Arp(arp::Packet),
    /// A spanning tree BPDU.
    Bpdu(Box<bpdu::Message<'a>>),
    /// A CDP announcement.
    Cdp(Box<cdp::Message<'a>>),
    /// EAP over LANs.
    Eapol(Box<eapol::Message<'a>>),
    /// An EDP announcement.
    Edp(Box<edp::Message<'a>>),
    /// An FDP announcement.
    Fdp(Box<fdp::Message<'a>>),
    /// An IPv4 packet.
    Ipv4(ipv4::Header<'a>),
    /// An IPv6 packet.
    Ipv6(ipv6::Header<'a>),
    /// An LLDPDU.
    Lldp(Box<lldp::Advertisement<'a>>),
    /// The discovery of a PPPoE access concentrator.
    Pppoe(Box<pppoe::Discovery<'a>>),
    /// A SONMP hello.
    Sonmp(sonmp::Message),
    /// A protocol that is not read here, or one whose header could not be read.
    Other,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(tcp::Header<'a>),
    /// A UDP datagram.
    Udp(udp::Header),
    /// An ICMP message.
    Icmp(icmp::Header<'a>),
    /// An ICMPv6 message.
    Icmpv6(icmpv6::Header<'a>),
    /// An SCTP packet.
    Sctp(sctp::Header<'a>),
    /// An encrypted packet.
    Esp(ipsec::Esp),
    /// A fragment other than the first: it holds no transport header.
    Fragment,
    /// A protocol that is not read here (IANA protocol numbers).
    Other(u8),
    /// Not an IP packet, or its transport header could not be read.
    None,
}

/// What an IP packet or UDP datagram carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Application<'a> {
    /// A DHCPv4 or BOOTP message to or from port 67 or 68.
    Dhcpv4(Box<dhcpv4::Message<'a>>),
    /// A DHCPv6 message to or from port 546 or 547.
    Dhcpv6(Box<dhcpv6::Message<'a>>),
    /// A protocol that names devices or services; of Multicast DNS its service types, where they were captured.
    Discovery(discovery::Protocol, Option<Box<mdns::Message<'a>>>),
    /// An IGMP message.
    Igmp(Box<igmp::Message<'a>>),
    /// A Multicast Listener Discovery message.
    Mld(Box<mld::Message<'a>>),
    /// A Neighbor Discovery message.
    Ndp(Box<ndp::Message<'a>>),
    /// A RADIUS packet.
    Radius(Box<radius::Message<'a>>),
    /// Nothing that is read here.
    None,
}

/// Reads a frame.
///
/// `bytes` begins with the header of the `link`; that of Ethernet without preamble and FCS. `stripped` is the tag
/// that the network card took out of `bytes`. `wire_len` is the length that `bytes` would have if the
/// capture had kept everything; a value below `bytes.len()` is taken as equal to it.
///
/// # Errors
/// [`Malformed`] when not even the header of the link can be read. Any later fault is in
/// [`Packet::malformed`].
#[inline]
pub fn parse<'a>(
    link: Link,
    bytes: &'a [u8],
    stripped: Option<vlan::Tag>,
    wire_len: u32,
) -> Result<Packet<'a>, Malformed> {
    let mut packet = Packet::new(stripped);
    packet.read(link, bytes, wire_len)?;
    Ok(packet)
}

impl<'a> Packet<'a> {
    /// A packet of which nothing is read yet but the tag that the network card took out.
    #[inline(always)]
    #[must_use]
    pub fn new(stripped: Option<vlan::Tag>) -> Self {
        Packet {
            framing: Framing::None,
            tags: stripped.into_iter().collect(),
            ethertype: 0,
            encapsulation: None,
            network: Network::Other,
            transport: Transport::None,
            application: Application::None,
            tunnel: None,
            is_inner: false,
            malformed: None,
        }
    }

    /// What [`parse`] does, into a new packet that stays where it is: it is large, and moved for each frame it
    /// would cost more than most frames' reading.
    ///
    /// # Errors
    /// As [`parse`].
    #[inline(always)]
    pub fn read(&mut self, link: Link, bytes: &'a [u8], wire_len: u32) -> Result<(), Malformed> {
        self.read_frame(link, bytes, wire_len)
    }

    /// The VLAN: the VID of the outermost tag that has one. A tag of VID 0 carries a priority only.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        self.tags.iter().map(|tag| tag.vid()).find(|vid| *vid != 0)
    }

    /// The MAC address of the sender, where the link has them.
    #[inline]
    #[must_use]
    pub fn source(&self) -> Option<ethernet::Address> {
        match &self.framing {
            Framing::Ethernet(header) => Some(header.source),
            Framing::Isl(header) => Some(header.source),
            Framing::LinuxCooked(header) => header.mac(),
            Framing::Wireless(frame) => frame.header.as_ref().and_then(|h| h.source),
            Framing::Null(_) | Framing::None => None,
        }
    }

    /// The MAC address of the receiver, where the link has them.
    #[inline]
    #[must_use]
    pub fn destination(&self) -> Option<ethernet::Address> {
        match &self.framing {
            Framing::Ethernet(header) => Some(header.destination),
            Framing::Isl(header) => Some(header.destination),
            Framing::Wireless(frame) => frame.header.as_ref().and_then(|h| h.destination),
            Framing::LinuxCooked(_) | Framing::Null(_) | Framing::None => None,
        }
    }

    /// The source and destination of an IP packet, or the sender and target of an ARP packet for IPv4.
    #[must_use]
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match &self.network {
            Network::Arp(arp) => {
                arp.addresses.map(|arp| (arp.sender_protocol.into(), arp.target_protocol.into()))
            }
            Network::Ipv4(header) => Some((header.source.into(), header.destination.into())),
            Network::Ipv6(header) => Some((header.source.into(), header.destination.into())),
            _ => None,
        }
    }

    /// Whether some protocol above the link was read.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        !matches!(self.network, Network::Other)
    }

    /// Keeps the first fault of the frame.
    #[inline]
    fn note<T>(&mut self, result: Result<T, Malformed>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(malformed) => {
                self.malformed.get_or_insert(malformed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
