//! IP packets and what they carry.

use super::read::Outcome;
use super::tunnel;
use super::{Application, Network, Packet, Transport};
use crate::{
    Cursor, Layer, dhcpv4, dhcpv6, discovery, icmp, icmpv6, igmp, ipsec, ipv4, ipv6, mdns, mld, ndp, radius,
    sctp, tcp, udp,
};

impl<'a> Packet<'a> {
    #[inline(always)]
    pub(super) fn read_ipv4(&mut self, mut cursor: Cursor<'a>) -> Outcome {
        let start = cursor;
        let header = ipv4::parse(&mut cursor)?;
        let (protocol, more_fragments, offset) =
            (header.protocol, header.more_fragments, header.fragment_offset);
        let mut cursor = start;
        self.note(header.limit(&mut cursor));
        let has_options = header.has_options();
        // In its place before anything else is done with it, so that it is not copied there.
        self.network = Network::Ipv4(header);
        cursor.take(ipv4::HEADER_LEN)?;
        if has_options {
            self.read_ipv4_options(&mut cursor);
        }
        if offset > 0 {
            self.transport = Transport::Fragment;
            return Ok(());
        }
        self.read_transport(protocol, more_fragments, cursor)
    }

    #[cold]
    fn read_ipv4_options(&mut self, cursor: &mut Cursor<'a>) {
        if let Network::Ipv4(header) = &mut self.network {
            let options = header.read_options(cursor);
            self.note(options);
        }
    }

    #[inline(always)]
    pub(super) fn read_ipv6(&mut self, mut cursor: Cursor<'a>) -> Outcome {
        let header = ipv6::parse(&mut cursor)?;
        self.note(header.limit(&mut cursor));
        let (protocol, has_extensions) = (header.protocol, header.has_extensions());
        self.network = Network::Ipv6(header);
        if has_extensions { self.read_extended(cursor) } else { self.read_transport(protocol, false, cursor) }
    }

    /// A packet with extension headers, which are ahead of the cursor.
    #[cold]
    fn read_extended(&mut self, mut cursor: Cursor<'a>) -> Outcome {
        let Network::Ipv6(header) = &mut self.network else { return Ok(()) };
        let extensions = header.read_extensions(&mut cursor);
        let header = *header;
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

    #[inline(always)]
    fn read_transport(&mut self, protocol: u8, more_fragments: bool, cursor: Cursor<'a>) -> Outcome {
        match protocol {
            tcp::PROTOCOL => {
                let mut cursor = cursor.enter(Layer::Tcp);
                self.transport = Transport::Tcp(tcp::parse(&mut cursor)?);
                match &mut self.transport {
                    Transport::Tcp(header) => header.read_options(&mut cursor),
                    _ => Ok(()),
                }
            }
            udp::PROTOCOL => {
                let mut cursor = cursor.enter(Layer::Udp);
                let header = udp::parse(&mut cursor)?;
                self.transport = Transport::Udp(header);
                if more_fragments {
                    return Ok(());
                }
                self.note(header.limit(&mut cursor));
                self.read_datagram(header.source, header.destination, cursor)
            }
            other => self.read_other_transport(other, more_fragments, cursor),
        }
    }

    #[cold]
    fn read_other_transport(&mut self, protocol: u8, more_fragments: bool, cursor: Cursor<'a>) -> Outcome {
        let is_v6 = matches!(self.network, Network::Ipv6(_));
        match protocol {
            icmp::PROTOCOL if !is_v6 => {
                let mut cursor = cursor.enter(Layer::Icmp);
                let header = icmp::parse(&mut cursor)?;
                self.transport = Transport::Icmp(header);
                return header.check(cursor);
            }
            icmpv6::PROTOCOL if is_v6 => {
                let start = cursor;
                let mut cursor = cursor.enter(Layer::Icmpv6);
                let header = icmpv6::parse(&mut cursor)?;
                self.transport = Transport::Icmpv6(header);
                self.note(header.check(cursor));
                if !more_fragments {
                    return self.read_icmpv6(header.message_type.code(), start);
                }
            }
            igmp::PROTOCOL if !more_fragments => {
                self.transport = Transport::Other(protocol);
                let message = igmp::parse(cursor.enter(Layer::Igmp))?;
                self.application = self.boxed(message, |m| &m.malformed, Application::Igmp);
            }
            sctp::PROTOCOL => {
                let mut cursor = cursor.enter(Layer::Sctp);
                let header = sctp::parse(&mut cursor)?;
                self.transport = Transport::Sctp(header);
                return if more_fragments { Ok(()) } else { header.check(cursor) };
            }
            ipsec::ESP => {
                self.transport = Transport::Esp(ipsec::parse_esp(&mut cursor.enter(Layer::Esp))?);
            }
            // Once: it cannot be within itself.
            ipsec::AUTHENTICATION if !is_v6 && self.encapsulation().authentication.is_none() => {
                let mut cursor = cursor.enter(Layer::Ah);
                let header = ipsec::parse_authentication(&mut cursor)?;
                self.encapsulation().authentication = Some(header);
                return self.read_authenticated(header.next_header, more_fragments, cursor);
            }
            other => {
                self.transport = Transport::Other(other);
                if tunnel::is_protocol(other) && !more_fragments && !self.is_inner {
                    return self.read_ip_tunnel(other, cursor);
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn read_authenticated(&mut self, protocol: u8, more_fragments: bool, cursor: Cursor<'a>) -> Outcome {
        self.read_transport(protocol, more_fragments, cursor)
    }

    /// The messages of ICMPv6 that hosts and routers know each other by.
    fn read_icmpv6(&mut self, message_type: u8, cursor: Cursor<'a>) -> Outcome {
        if ndp::is_type(message_type) {
            let message = ndp::parse(cursor.enter(Layer::Ndp))?;
            self.application = self.boxed(message, |m| &m.malformed, Application::Ndp);
        } else if mld::is_type(message_type) {
            let message = mld::parse(cursor.enter(Layer::Mld))?;
            self.application = self.boxed(message, |m| &m.malformed, Application::Mld);
        }
        Ok(())
    }

    #[inline(always)]
    fn read_datagram(&mut self, source: u16, destination: u16, cursor: Cursor<'a>) -> Outcome {
        if !is_read_on(source, destination) {
            return Ok(());
        }
        if tunnel::is_between(source, destination) && !self.is_inner {
            return self.read_udp_tunnel(source, destination, cursor);
        }
        self.read_application(source, destination, cursor)
    }

    #[cold]
    fn read_application(&mut self, source: u16, destination: u16, cursor: Cursor<'a>) -> Outcome {
        let is_v6 = matches!(self.network, Network::Ipv6(_));
        let either = |is_port: fn(u16) -> bool| is_port(source) || is_port(destination);
        self.application = if !is_v6 && either(dhcpv4::is_port) {
            let message = dhcpv4::parse(cursor.enter(Layer::Dhcpv4))?;
            self.boxed(message, |m| &m.malformed, Application::Dhcpv4)
        } else if is_v6 && either(dhcpv6::is_port) {
            let message = dhcpv6::parse(cursor.enter(Layer::Dhcpv6))?;
            self.boxed(message, |m| &m.malformed, Application::Dhcpv6)
        } else if either(radius::is_port) {
            let message = radius::parse(cursor.enter(Layer::Radius))?;
            self.boxed(message, |m| &m.malformed, Application::Radius)
        } else if let Some(protocol) = discovery::Protocol::from_ports(source, destination) {
            let message = match protocol {
                discovery::Protocol::Mdns => self.note(mdns::parse(cursor.enter(Layer::Mdns))).map(Box::new),
                _ => None,
            };
            if let Some(message) = &message {
                self.note(message.malformed.first());
            }
            Application::Discovery(protocol, message)
        } else {
            Application::None
        };
        Ok(())
    }
}

/// Whether what UDP datagrams between two ports, source and destination, carry is read here.
#[inline(always)]
#[must_use]
pub fn is_read_on(source: u16, destination: u16) -> bool {
    tunnel::is_between(source, destination) || is_known(source) || is_known(destination)
}

/// Whether a UDP port belongs to a protocol that is read here.
#[inline]
fn is_known(port: u16) -> bool {
    dhcpv4::is_port(port)
        || dhcpv6::is_port(port)
        || radius::is_port(port)
        || discovery::Protocol::from_port(port).is_some()
}
