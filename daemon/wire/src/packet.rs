//! One frame, read from the outside in.

use std::net::IpAddr;

use crate::{
    Layer, Malformed, arp, cursor::Cursor, dhcpv4, ethernet, icmp, icmpv6, ipv4, ipv6, lldp, tcp, udp, vlan,
};

/// A frame, as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet<'a> {
    /// Who sent it to whom.
    pub ethernet: ethernet::Header,
    /// At most [`vlan::MAX_TAGS`] VLAN tags, outermost first; the one that the network card took out is the first.
    pub tags: vlan::Tags,
    /// The type field behind the tags. Below [`ethernet::FIRST_TYPE`] it is the length of an LLC frame.
    pub ethertype: u16,
    /// What the frame carries.
    pub network: Network<'a>,
    /// What the IP packet carries.
    pub transport: Transport<'a>,
    /// What the UDP datagram carries.
    pub application: Application<'a>,
    /// The first part that is malformed. Everything that was read before it, and beside it, is
    /// still here.
    pub malformed: Option<Malformed>,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Network<'a> {
    /// ARP for IPv4 over Ethernet.
    Arp(arp::Packet),
    /// An IPv4 packet.
    Ipv4(ipv4::Header<'a>),
    /// An IPv6 packet.
    Ipv6(ipv6::Header<'a>),
    /// An LLDPDU.
    Lldp(Box<lldp::Advertisement<'a>>),
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
    /// A fragment other than the first: it holds no transport header.
    Fragment,
    /// A protocol that is not read here (IANA protocol numbers).
    Other(u8),
    /// Not an IP packet, or its transport header could not be read.
    None,
}

/// What a UDP datagram carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Application<'a> {
    /// A DHCPv4 or BOOTP message to or from port 67 or 68.
    Dhcp(Box<dhcpv4::Message<'a>>),
    /// Nothing that is read here.
    None,
}

/// Reads a frame.
///
/// `bytes` begins with the Ethernet header, without preamble and FCS. `stripped` is the tag that
/// the network card took out of `bytes`. `wire_len` is the length that `bytes` would have if the
/// capture had kept everything; a value below `bytes.len()` is taken as equal to it.
///
/// # Errors
/// [`Malformed`] when not even the Ethernet header can be read. Any later fault is in
/// [`Packet::malformed`].
#[inline]
pub fn parse<'a>(
    bytes: &'a [u8],
    stripped: Option<vlan::Tag>,
    wire_len: u32,
) -> Result<Packet<'a>, Malformed> {
    let mut cursor = Cursor::new(bytes, wire_len, Layer::Ethernet);
    let (ethernet, ethertype) = ethernet::parse(&mut cursor)?;
    let mut packet = Packet {
        ethernet,
        tags: stripped.into_iter().collect(),
        ethertype,
        network: Network::Other,
        transport: Transport::None,
        application: Application::None,
        malformed: None,
    };
    let result = packet.read(cursor);
    packet.note(result);
    Ok(packet)
}

impl<'a> Packet<'a> {
    /// The VLAN: the VID of the outermost tag that has one. A tag of VID 0 carries a priority only.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        self.tags.iter().map(|tag| tag.vid()).find(|vid| *vid != 0)
    }

    /// The source and destination of an IP packet, or the sender and target of an ARP packet.
    #[must_use]
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match &self.network {
            Network::Arp(arp) => Some((arp.sender_protocol.into(), arp.target_protocol.into())),
            Network::Ipv4(header) => Some((header.source.into(), header.destination.into())),
            Network::Ipv6(header) => Some((header.source.into(), header.destination.into())),
            Network::Lldp(_) | Network::Other => None,
        }
    }

    /// Whether some protocol above Ethernet was read.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        !matches!(self.network, Network::Other)
    }

    #[inline]
    fn read(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        self.ethertype = vlan::parse(&mut cursor, self.ethertype, &mut self.tags)?;
        match self.ethertype {
            ethernet::IPV4 => self.read_ipv4(cursor.enter(Layer::Ipv4)),
            ethernet::IPV6 => self.read_ipv6(cursor.enter(Layer::Ipv6)),
            ethernet::ARP => {
                if let Some(packet) = arp::parse(&mut cursor.enter(Layer::Arp))? {
                    self.network = Network::Arp(packet);
                }
                Ok(())
            }
            ethernet::LLDP => {
                let advertisement = lldp::parse(cursor.enter(Layer::Lldp));
                self.note(advertisement.malformed.first().map_or(Ok(()), |first| Err(*first)));
                self.network = Network::Lldp(Box::new(advertisement));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn read_ipv4(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        let start = cursor;
        let mut header = ipv4::parse(&mut cursor)?;
        let mut cursor = start;
        self.note(header.limit(&mut cursor));
        cursor.take(ipv4::HEADER_LEN)?;
        let options = header.read_options(&mut cursor);
        self.network = Network::Ipv4(header);
        self.note(options);
        if header.fragment_offset > 0 {
            self.transport = Transport::Fragment;
            return Ok(());
        }
        self.read_transport(header.protocol, header.more_fragments, cursor)
    }

    #[inline]
    fn read_ipv6(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        let mut header = ipv6::parse(&mut cursor)?;
        self.note(header.limit(&mut cursor));
        let extensions = header.read_extensions(&mut cursor);
        self.network = Network::Ipv6(header);
        self.note(extensions);
        if !header.is_chain_read() {
            return Ok(());
        }
        if header.is_later_fragment() {
            self.transport = Transport::Fragment;
            return Ok(());
        }
        self.read_transport(header.protocol, header.is_fragment(), cursor)
    }

    #[inline]
    fn read_transport(
        &mut self,
        protocol: u8,
        more_fragments: bool,
        cursor: Cursor<'a>,
    ) -> Result<(), Malformed> {
        match protocol {
            tcp::PROTOCOL => {
                let mut cursor = cursor.enter(Layer::Tcp);
                let mut header = tcp::parse(&mut cursor)?;
                let options = header.read_options(&mut cursor);
                self.transport = Transport::Tcp(header);
                options
            }
            udp::PROTOCOL => {
                let mut cursor = cursor.enter(Layer::Udp);
                let header = udp::parse(&mut cursor)?;
                self.transport = Transport::Udp(header);
                if more_fragments {
                    return Ok(());
                }
                header.limit(&mut cursor)?;
                if dhcpv4::is_port(header.source) || dhcpv4::is_port(header.destination) {
                    return self.read_dhcpv4(cursor.enter(Layer::Dhcpv4));
                }
                Ok(())
            }
            icmp::PROTOCOL if matches!(self.network, Network::Ipv4(_)) => {
                let mut cursor = cursor.enter(Layer::Icmp);
                let header = icmp::parse(&mut cursor)?;
                self.transport = Transport::Icmp(header);
                header.check(cursor)
            }
            icmpv6::PROTOCOL if matches!(self.network, Network::Ipv6(_)) => {
                let mut cursor = cursor.enter(Layer::Icmpv6);
                let header = icmpv6::parse(&mut cursor)?;
                self.transport = Transport::Icmpv6(header);
                header.check(cursor)
            }
            other => {
                self.transport = Transport::Other(other);
                Ok(())
            }
        }
    }

    fn read_dhcpv4(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        if !matches!(self.network, Network::Ipv4(_)) {
            return Ok(());
        }
        let message = dhcpv4::parse(&mut cursor)?;
        self.note(message.malformed.first().map_or(Ok(()), |first| Err(*first)));
        self.application = Application::Dhcp(Box::new(message));
        Ok(())
    }

    /// Keeps the first fault of the frame.
    #[inline]
    fn note(&mut self, result: Result<(), Malformed>) {
        if let Err(malformed) = result {
            self.malformed.get_or_insert(malformed);
        }
    }
}

#[cfg(test)]
mod tests;
