//! Most of what is on a wire, read for its ends alone.

use std::net::IpAddr;

use crate::{Cursor, Layer, ethernet, ipv4, ipv6, packet, tcp, udp};

/// What a TCP segment or UDP datagram says of its ends, where it is nothing but that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The MAC address of the sender.
    pub source_mac: ethernet::Address,
    /// The MAC address of the receiver.
    pub destination_mac: ethernet::Address,
    /// Source and destination, of one family.
    pub addresses: (IpAddr, IpAddr),
    /// Protocol (IANA protocol numbers): TCP or UDP.
    pub protocol: u8,
    /// Source and destination port.
    pub ports: (u16, u16),
    /// The control bits of TCP; of UDP none.
    pub flags: tcp::Flags,
}

/// Reads an Ethernet frame that is plain: without a tag, option or extension header of IP, fragment, tunnel, fault or
/// cut header, and of no application that is read here. Of such a frame it says what [`crate::parse`] says, at a
/// fraction of the time; of any other, nothing. `bytes` and `wire_len` are as there.
#[inline(always)]
#[must_use]
pub fn plain(bytes: &[u8], wire_len: u32) -> Option<Plain> {
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
    Some(Plain { source_mac, destination_mac, addresses, protocol, ports, flags })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Application, Network, Packet, Transport};

    /// A frame is read as plain exactly when it is, and then says what the packet says.
    pub(crate) fn agree(plain: Option<Plain>, read: &Packet<'_>) {
        let sound = read.malformed.is_none() && read.encapsulation.is_none() && read.tunnel.is_none();
        let is_bare = read.tags.len() == 1 && matches!(read.application, Application::None);
        let protocol = match &read.network {
            Network::Ipv4(header) if !header.has_options() && !header.is_fragment() => Some(header.protocol),
            Network::Ipv6(header) if !header.has_extensions() => Some(header.protocol),
            _ => None,
        };
        let ends = match &read.transport {
            Transport::Tcp(header) => Some(((header.source, header.destination), header.flags)),
            Transport::Udp(header) => Some(((header.source, header.destination), tcp::Flags::default())),
            _ => None,
        };
        let expected = match (protocol, ends) {
            (Some(protocol), Some((ports, flags))) if sound && is_bare => Some(Plain {
                source_mac: read.source().unwrap(),
                destination_mac: read.destination().unwrap(),
                addresses: read.addresses().unwrap(),
                protocol,
                ports,
                flags,
            }),
            _ => None,
        };
        // Ports of the other family's applications are left to the packet.
        if plain.is_some() || !expected.is_some_and(|e| packet::is_read_on(e.ports.0, e.ports.1)) {
            assert_eq!(plain, expected, "{read:?}");
        }
    }
}
