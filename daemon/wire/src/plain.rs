//! Most of what is on a wire, read for its ends alone.

use std::net::IpAddr;

use crate::{Cursor, Layer, Network, Packet, Transport, ethernet, ipv4, ipv6, packet, tcp, udp};

/// The ends of an IP packet, as a flow knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The MAC address of the sender; zeros where the link has none.
    pub source_mac: ethernet::Address,
    /// The MAC address of the receiver; zeros where the link has none.
    pub destination_mac: ethernet::Address,
    /// Source and destination, of one family.
    pub addresses: (IpAddr, IpAddr),
    /// Protocol (IANA protocol numbers); of IPv6 that behind the extension headers.
    pub protocol: u8,
    /// Source and destination port of TCP or UDP; of others, and where they are not there, zeros.
    pub ports: (u16, u16),
    /// The control bits of TCP; of others none.
    pub flags: tcp::Flags,
}

impl Packet<'_> {
    /// The ends of an IP packet.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        let protocol = match &self.network {
            Network::Ipv4(header) => header.protocol,
            Network::Ipv6(header) => header.protocol,
            _ => return None,
        };
        let (ports, flags) = match &self.transport {
            Transport::Tcp(header) => ((header.source, header.destination), header.flags),
            Transport::Udp(header) => ((header.source, header.destination), tcp::Flags::default()),
            _ => ((0, 0), tcp::Flags::default()),
        };
        Some(Ends {
            source_mac: self.source().unwrap_or_default(),
            destination_mac: self.destination().unwrap_or_default(),
            addresses: self.addresses()?,
            protocol,
            ports,
            flags,
        })
    }
}

/// Reads an Ethernet frame that is plain: without a tag, option or extension header of IP, fragment, tunnel, fault or
/// cut header, and of no application that is read here. Of such a frame it says what [`Packet::ends`] says, at a
/// fraction of the time; of any other, nothing. `bytes` and `wire_len` are as there.
#[inline(always)]
#[must_use]
pub fn plain(bytes: &[u8], wire_len: u32) -> Option<Ends> {
    let mut cursor = Cursor::new(bytes, wire_len, Layer::Ethernet);
    let (link, ethertype) = ethernet::parse(&mut cursor).ok()?;
    let (addresses, protocol) = match ethertype {
        ethernet::IPV4 => {
            let mut behind = cursor;
            let header = ipv4::parse(&mut behind).ok()?;
            header.limit(&mut cursor).ok()?;
            cursor.take(ipv4::HEADER_LEN).ok()?;
            if header.has_options() || header.is_fragment() {
                return None;
            }
            ((header.source.into(), header.destination.into()), header.protocol)
        }
        ethernet::IPV6 => {
            let header = ipv6::parse(&mut cursor).ok()?;
            header.limit(&mut cursor).ok()?;
            ((header.source.into(), header.destination.into()), header.protocol)
        }
        _ => return None,
    };
    let (ports, flags) = match protocol {
        tcp::PROTOCOL => {
            let header = tcp::parse(&mut cursor).ok()?;
            let options = cursor.take(usize::from(header.header_len).saturating_sub(tcp::HEADER_LEN)).ok()?;
            if !tcp::Options::new(options).are_sound() {
                return None;
            }
            ((header.source, header.destination), header.flags)
        }
        udp::PROTOCOL => {
            let header = udp::parse(&mut cursor).ok()?;
            header.limit(&mut cursor).ok()?;
            if packet::is_read_on(header.source, header.destination) {
                return None;
            }
            ((header.source, header.destination), tcp::Flags::default())
        }
        _ => return None,
    };
    let (source_mac, destination_mac) = (link.source, link.destination);
    Some(Ends { source_mac, destination_mac, addresses, protocol, ports, flags })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Application;

    /// A frame, with one tag beside it, is read as plain exactly when it is, and then says what the packet says.
    pub(crate) fn agree(plain: Option<Ends>, read: &Packet<'_>) {
        let is_bare = read.malformed.is_none()
            && read.encapsulation.is_none()
            && read.tunnel.is_none()
            && read.tags.len() == 1
            && matches!(read.application, Application::None)
            && matches!(read.transport, Transport::Tcp(_) | Transport::Udp(_))
            && match &read.network {
                Network::Ipv4(header) => !header.has_options() && !header.is_fragment(),
                Network::Ipv6(header) => !header.has_extensions(),
                _ => false,
            };
        let expected = read.ends().filter(|_| is_bare);
        // Ports of the other family's applications are left to the packet.
        if plain.is_some() || !expected.is_some_and(|e| packet::is_read_on(e.ports.0, e.ports.1)) {
            assert_eq!(plain, expected, "{read:?}");
        }
    }
}
