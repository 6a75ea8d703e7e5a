//! Most of what is on a wire, read for its ends alone.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Network, Packet, Transport, ethernet, ipv4, ipv6, packet, tcp, udp};

/// The ends of an IP packet, as a flow knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends<A> {
    /// The MAC address of the sender; zeros where the link has none.
    pub source_mac: ethernet::Address,
    /// The MAC address of the receiver; zeros where the link has none.
    pub destination_mac: ethernet::Address,
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
    /// Protocol (IANA protocol numbers); of IPv6 that behind the extension headers.
    pub protocol: u8,
    /// Source and destination port of TCP or UDP; of others, and where they are not there, zeros.
    pub ports: (u16, u16),
    /// The control bits of TCP; of others none.
    pub flags: tcp::Flags,
}

/// The ends of an IP packet of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpEnds {
    /// Of IPv4.
    V4(Ends<Ipv4Addr>),
    /// Of IPv6.
    V6(Ends<Ipv6Addr>),
}

/// Takes the ends of a plain frame ([`plain_to`]), of either family.
// Who asks goes on where the family is known: to say both in one type, and then to ask it, costs as much as to read the frame.
pub trait TakeEnds {
    /// What comes of it.
    type Taken;

    /// The ends of an IPv4 packet, and how many octets the headers of Ethernet, IP and transport are, which are all there.
    fn v4(self, ends: Ends<Ipv4Addr>, headers: usize) -> Self::Taken;
    /// The same of an IPv6 packet.
    fn v6(self, ends: Ends<Ipv6Addr>, headers: usize) -> Self::Taken;
}

/// Says the ends as they are, with the octets of the headers.
struct Either;

impl TakeEnds for Either {
    type Taken = (IpEnds, usize);

    #[inline(always)]
    fn v4(self, ends: Ends<Ipv4Addr>, headers: usize) -> (IpEnds, usize) {
        (IpEnds::V4(ends), headers)
    }

    #[inline(always)]
    fn v6(self, ends: Ends<Ipv6Addr>, headers: usize) -> (IpEnds, usize) {
        (IpEnds::V6(ends), headers)
    }
}

impl Packet<'_> {
    /// The ends of an IP packet.
    #[must_use]
    pub fn ends(&self) -> Option<IpEnds> {
        match &self.network {
            Network::Ipv4(header) => {
                let ends = self.ends_of(header.source, header.destination, header.protocol);
                Some(IpEnds::V4(ends))
            }
            Network::Ipv6(header) => {
                let ends = self.ends_of(header.source, header.destination, header.protocol);
                Some(IpEnds::V6(ends))
            }
            _ => None,
        }
    }

    fn ends_of<A>(&self, source: A, destination: A, protocol: u8) -> Ends<A> {
        let (ports, flags) = match &self.transport {
            Transport::Tcp(header) => ((header.source, header.destination), header.flags),
            Transport::Udp(header) => ((header.source, header.destination), tcp::Flags::default()),
            _ => ((0, 0), tcp::Flags::default()),
        };
        let source_mac = self.source().unwrap_or_default();
        let destination_mac = self.destination().unwrap_or_default();
        Ends { source_mac, destination_mac, source, destination, protocol, ports, flags }
    }
}

/// Reads an Ethernet frame that is plain: without a tag, option or extension header of IP, fragment, tunnel, fault or
/// cut header, of no application that is read here, and no longer than its length fields can say. Of such a frame it
/// says what [`Packet::ends`] says, at a fraction of the time; of any other, nothing. `bytes` and `wire_len` are as
/// there.
#[inline(always)]
#[must_use]
pub fn plain(bytes: &[u8], wire_len: u32) -> Option<IpEnds> {
    plain_headers(bytes, wire_len).map(|(ends, _)| ends)
}

/// As [`plain`]; says, too, how many octets the headers of Ethernet, IP and transport are, which are all there.
#[inline(always)]
#[must_use]
pub fn plain_headers(bytes: &[u8], wire_len: u32) -> Option<(IpEnds, usize)> {
    plain_to(bytes, wire_len, Either)
}

/// As [`plain_headers`], and says it to who knows what to do with each family.
// Views of a whole header at once: an octet at a time costs as much as all else that is done with a frame.
#[inline(always)]
#[must_use]
pub fn plain_to<T: TakeEnds>(bytes: &[u8], wire_len: u32, to: T) -> Option<T::Taken> {
    let (destination_mac, behind) = bytes.split_first_chunk::<6>()?;
    let (source_mac, behind) = behind.split_first_chunk::<6>()?;
    let ([t0, t1], packet) = behind.split_first_chunk::<2>()?;
    let macs = (ethernet::Address(*source_mac), ethernet::Address(*destination_mac));
    let on_wire = usize::try_from(wire_len).ok()?.saturating_sub(ethernet::HEADER_LEN).max(packet.len());
    match u16::from_be_bytes([*t0, *t1]) {
        ethernet::IPV4 => {
            let (header, behind) = packet.split_first_chunk::<{ ipv4::HEADER_LEN }>()?;
            let [0x45, _, l0, l1, _, _, f0, f1, _, protocol, _, _, source @ .., d0, d1, d2, d3] = *header
            else {
                return None;
            };
            // More Fragments and Fragment Offset.
            if u16::from_be_bytes([f0, f1]) & 0x3fff != 0 {
                return None;
            }
            let total_length = usize::from(u16::from_be_bytes([l0, l1]));
            let length = total_length.checked_sub(ipv4::HEADER_LEN).filter(|_| total_length <= on_wire)?;
            let addresses = (Ipv4Addr::from(source), Ipv4Addr::from([d0, d1, d2, d3]));
            let (ends, transport) = ends(macs, addresses, protocol, behind, length)?;
            Some(to.v4(ends, transport.saturating_add(ethernet::HEADER_LEN + ipv4::HEADER_LEN)))
        }
        ethernet::IPV6 => {
            let (fixed, behind) = packet.split_first_chunk::<8>()?;
            let (source, behind) = behind.split_first_chunk::<16>()?;
            let (destination, behind) = behind.split_first_chunk::<16>()?;
            let [0x60..=0x6f, _, _, _, l0, l1, protocol, _] = *fixed else { return None };
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            if length > on_wire.saturating_sub(ipv6::HEADER_LEN) {
                return None;
            }
            let addresses = (Ipv6Addr::from(*source), Ipv6Addr::from(*destination));
            let (ends, transport) = ends(macs, addresses, protocol, behind, length)?;
            Some(to.v6(ends, transport.saturating_add(ethernet::HEADER_LEN + ipv6::HEADER_LEN)))
        }
        _ => None,
    }
}

/// The ends of what begins at `payload` and has `length` octets on the wire, and the octets of its header.
#[inline(always)]
fn ends<A>(
    (source_mac, destination_mac): (ethernet::Address, ethernet::Address),
    (source, destination): (A, A),
    protocol: u8,
    payload: &[u8],
    length: usize,
) -> Option<(Ends<A>, usize)> {
    let (ports, flags, header) = transport(protocol, payload, length)?;
    Some((Ends { source_mac, destination_mac, source, destination, protocol, ports, flags }, header))
}

/// Ports and control bits of what begins at `payload` and has `length` octets on the wire, and the octets of its header.
#[inline(always)]
fn transport(protocol: u8, payload: &[u8], length: usize) -> Option<((u16, u16), tcp::Flags, usize)> {
    // What is behind the packet is padding.
    let payload = payload.get(..length).unwrap_or(payload);
    match protocol {
        tcp::PROTOCOL => {
            let (header, options) = payload.split_first_chunk::<{ tcp::HEADER_LEN }>()?;
            let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, flags, ..] = *header;
            let options_len = (usize::from(offset >> 4) * 4).checked_sub(tcp::HEADER_LEN)?;
            if !tcp::Options::new(options.get(..options_len)?).are_sound() {
                return None;
            }
            let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
            let flags = tcp::Flags(u16::from_be_bytes([offset & 0x0f, flags]));
            Some((ports, flags, options_len.saturating_add(tcp::HEADER_LEN)))
        }
        udp::PROTOCOL => {
            let [s0, s1, d0, d1, l0, l1, _, _] = *payload.first_chunk::<{ udp::HEADER_LEN }>()?;
            let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
            let is_whole = (udp::HEADER_LEN..=length).contains(&usize::from(u16::from_be_bytes([l0, l1])));
            if !is_whole || packet::is_read_on(ports.0, ports.1) {
                return None;
            }
            Some((ports, tcp::Flags::default(), udp::HEADER_LEN))
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Application;

    /// A frame, with one tag beside it, is read as plain exactly when it is, and then says what the packet says.
    pub(crate) fn agree(plain: Option<IpEnds>, read: &Packet<'_>) {
        let is_bare = read.malformed.is_none()
            && read.encapsulation.is_none()
            && read.tunnel.is_none()
            && read.tags.len() == 1
            && matches!(read.application, Application::None)
            && matches!(read.transport, Transport::Tcp(_) | Transport::Udp(_))
            && match &read.network {
                Network::Ipv4(header) => {
                    header.total_length > 0 && !header.has_options() && !header.is_fragment()
                }
                Network::Ipv6(header) => header.payload_length > 0 && !header.has_extensions(),
                _ => false,
            };
        let ports = match &read.transport {
            Transport::Udp(header) => (header.source, header.destination),
            _ => (0, 0),
        };
        let expected = read.ends().filter(|_| is_bare);
        // Ports of the other family's applications are left to the packet.
        if plain.is_some() || !packet::is_read_on(ports.0, ports.1) {
            assert_eq!(plain, expected, "{read:?}");
        }
    }
}
