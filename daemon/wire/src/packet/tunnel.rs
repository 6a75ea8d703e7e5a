//! Tunnels, opened to one level: what is within a tunnel is read as a packet of its own.

use super::read::Outcome;
use super::{Framing, Packet, Wireless};
use crate::tunnel::{Header, Inner};
use crate::{
    Cursor, Layer, Malformed, capwap, erspan, ethernet, geneve, gre, ieee80211, ipv4, ipv6, tzsp, vxlan,
};

/// A tunnel's header, and what is within.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunnel<'a> {
    /// The header.
    pub header: Header,
    /// The packet within; `None` where it is of a protocol that is not read, or not even its first header can be.
    pub inner: Option<Packet<'a>>,
    /// Octets of the packet within on the wire, as far as the headers around it say.
    pub length: usize,
}

impl Tunnel<'_> {
    /// The VLAN that the header of ERSPAN says of the frame within; `None` for one that came without.
    #[must_use]
    pub fn mirrored_vlan(&self) -> Option<u16> {
        match &self.header {
            Header::Erspan(_, header) => header.session.map(|session| session.vlan).filter(|vlan| *vlan != 0),
            _ => None,
        }
    }

    /// The virtual network that the header of VXLAN or GENEVE names (VNI).
    #[must_use]
    pub fn virtual_network(&self) -> Option<u32> {
        match &self.header {
            Header::Vxlan(header) => header.is_vni_valid().then_some(header.vni),
            Header::Geneve(header) => Some(header.vni),
            _ => None,
        }
    }

    /// The VLAN of the packet within: that of its own tags, or of ERSPAN's header.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        self.inner.as_ref().and_then(Packet::vlan).or_else(|| self.mirrored_vlan())
    }
}

/// Whether an IP packet of a protocol is that of a tunnel.
pub(super) fn is_protocol(protocol: u8) -> bool {
    matches!(protocol, ipv4::PROTOCOL | ipv6::PROTOCOL | ethernet::PROTOCOL | gre::PROTOCOL)
}

/// Whether UDP datagrams between two ports are those of a tunnel. All but CAPWAP choose the source port
/// at will.
#[inline(always)]
pub(super) fn is_between(source: u16, destination: u16) -> bool {
    source == capwap::DATA_PORT
        || matches!(
            destination,
            vxlan::PORT | vxlan::LINUX_PORT | vxlan::GPE_PORT | geneve::PORT | tzsp::PORT | capwap::DATA_PORT
        )
}

impl<'a> Packet<'a> {
    /// The payload of an IP packet, where its protocol is that of a tunnel.
    #[cold]
    pub(super) fn read_ip_tunnel(&mut self, protocol: u8, mut cursor: Cursor<'a>) -> Outcome {
        match protocol {
            ipv4::PROTOCOL => self.read_inside(Header::Ip, Inner::Ipv4, cursor),
            ipv6::PROTOCOL => self.read_inside(Header::Ip, Inner::Ipv6, cursor),
            ethernet::PROTOCOL => self.read_inside(Header::Ip, Inner::Ethernet, cursor),
            _ => {
                cursor = cursor.enter(Layer::Gre);
                let header = gre::parse(&mut cursor)?;
                if let Some(pptp) = header.pptp {
                    self.note(cursor.limit(pptp.payload_length.into()));
                }
                let Some(kind) = header.erspan() else {
                    return self.read_inside(Header::Gre(header), header.inner(), cursor);
                };
                cursor = cursor.enter(Layer::Erspan);
                match erspan::parse(&mut cursor, kind) {
                    Ok(mirror) => {
                        let inner = mirror.inner(cursor.rest().first().copied());
                        self.read_inside(Header::Erspan(header, mirror), inner, cursor)
                    }
                    Err(fault) => {
                        self.note::<()>(Err(fault));
                        self.read_inside(Header::Gre(header), Inner::Unknown, cursor)
                    }
                }
            }
        }
    }

    /// The payload of a UDP datagram between the ports of a tunnel.
    #[cold]
    pub(super) fn read_udp_tunnel(
        &mut self,
        source: u16,
        destination: u16,
        mut cursor: Cursor<'a>,
    ) -> Outcome {
        match destination {
            geneve::PORT => {
                cursor = cursor.enter(Layer::Geneve);
                let header = geneve::parse(&mut cursor)?;
                let (inner, fault) = (header.inner(), header.malformed);
                self.read_noted(Header::Geneve(header), fault, inner, cursor)
            }
            tzsp::PORT => {
                cursor = cursor.enter(Layer::Tzsp);
                let header = tzsp::parse(&mut cursor)?;
                let (inner, fault) = (header.inner(), header.malformed);
                self.read_noted(Header::Tzsp(header), fault, inner, cursor)
            }
            _ if source == capwap::DATA_PORT || destination == capwap::DATA_PORT => {
                let channel = match destination {
                    capwap::DATA_PORT => capwap::Channel::ToController,
                    _ => capwap::Channel::FromController,
                };
                cursor = cursor.enter(Layer::Capwap);
                let header = capwap::parse(&mut cursor, channel)?;
                let (inner, fault) = (header.inner(), header.malformed);
                self.read_noted(Header::Capwap(header), fault, inner, cursor)
            }
            other => {
                cursor = cursor.enter(Layer::Vxlan);
                let header = vxlan::parse(&mut cursor, other == vxlan::GPE_PORT)?;
                let (inner, fault) = (header.inner(), header.malformed);
                self.read_noted(Header::Vxlan(header), fault, inner, cursor)
            }
        }
    }

    fn read_noted(
        &mut self,
        header: Header,
        fault: Option<Malformed>,
        inner: Inner,
        cursor: Cursor<'a>,
    ) -> Outcome {
        self.note(fault.map_or(Ok(()), Err));
        self.read_inside(header, inner, cursor)
    }

    fn read_inside(&mut self, header: Header, inner: Inner, mut cursor: Cursor<'a>) -> Outcome {
        let length = cursor.wire_remaining();
        let mut packet = Packet::new(None);
        packet.is_inner = true;
        let result = match inner {
            Inner::Ethernet => match ethernet::parse(&mut cursor.enter(Layer::Ethernet)) {
                Ok((header, ethertype)) => {
                    cursor.take(ethernet::HEADER_LEN)?;
                    packet.read_ethernet(header, ethertype, cursor.enter(Layer::Ethernet))
                }
                Err(fault) => Err(fault),
            },
            Inner::Ipv4 => packet.read_ethertype(cursor, ethernet::IPV4),
            Inner::Ipv6 => packet.read_ethertype(cursor, ethernet::IPV6),
            Inner::Ethertype(ethertype) => packet.read_ethertype(cursor, ethertype),
            Inner::Ieee80211 => {
                let may_be_swapped = matches!(header, Header::Capwap(_));
                let form = ieee80211::Form { may_be_swapped, ..ieee80211::Form::default() };
                packet.read_ieee80211(cursor, Wireless::default(), form)
            }
            Inner::Monitored => packet.read_monitored(cursor),
            Inner::Ppp => packet.read_ppp(cursor),
            Inner::Unknown => Ok(()),
        };
        packet.note(result);
        let fault = packet.malformed;
        let has_header = match &packet.framing {
            Framing::None => packet.encapsulation.as_ref().is_some_and(|e| e.ppp.is_some()),
            Framing::Wireless(frame) => frame.is_read(),
            _ => true,
        };
        let is_read = packet.is_understood() || has_header;
        self.tunnel = Some(Box::new(Tunnel { header, inner: is_read.then_some(packet), length }));
        fault.map_or(Ok(()), Err)
    }
}
