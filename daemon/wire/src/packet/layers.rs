//! A packet as the list of its layers, for people and for comparison with other readers.

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::{Application, Framing, Network, Packet, Transport, Tunnel};
use crate::Layer;
use crate::tunnel::Header;

/// The layers, outermost first, each with its name as `layer` and every field that was read.
impl Serialize for Packet<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut layers = Layers(serializer.serialize_seq(None)?);
        layers.packet(self)?;
        layers.0.end()
    }
}

struct Layers<Q>(Q);

/// A layer and its name.
#[derive(serde::Serialize)]
struct Named<'a, T> {
    layer: &'static str,
    #[serde(flatten)]
    fields: &'a T,
}

#[derive(serde::Serialize)]
struct Nothing {}

#[derive(serde::Serialize)]
struct Type {
    ethertype: u16,
}

impl<Q: SerializeSeq> Layers<Q> {
    fn put<T: Serialize>(&mut self, layer: Layer, fields: &T) -> Result<(), Q::Error> {
        self.named(layer.name(), fields)
    }

    fn named<T: Serialize>(&mut self, layer: &'static str, fields: &T) -> Result<(), Q::Error> {
        self.0.serialize_element(&Named { layer, fields })
    }

    fn maybe<T: Serialize>(&mut self, layer: Layer, fields: Option<&T>) -> Result<(), Q::Error> {
        fields.map_or(Ok(()), |fields| self.put(layer, fields))
    }

    fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Q::Error> {
        self.framing(&packet.framing)?;
        for tag in &packet.tags {
            self.put(Layer::Vlan, tag)?;
        }
        if packet.ethertype != 0 {
            self.named("ethertype", &Type { ethertype: packet.ethertype })?;
        }
        if let Some(encapsulation) = &packet.encapsulation {
            self.maybe(Layer::Llc, encapsulation.llc.as_ref())?;
            self.maybe(Layer::Ppp, encapsulation.ppp.as_ref())?;
            self.maybe(Layer::Pppoe, encapsulation.pppoe.as_ref())?;
            self.maybe(Layer::Mpls, encapsulation.mpls.as_ref())?;
        }
        self.network(&packet.network)?;
        let authentication = packet.encapsulation.as_ref().and_then(|e| e.authentication);
        self.maybe(Layer::Ah, authentication.as_ref())?;
        self.transport(&packet.transport)?;
        self.application(&packet.application)?;
        packet.tunnel.as_ref().map_or(Ok(()), |tunnel| self.tunnel(tunnel))
    }

    fn tunnel(&mut self, tunnel: &Tunnel<'_>) -> Result<(), Q::Error> {
        match &tunnel.header {
            Header::Ip => {}
            Header::Gre(header) => self.put(Layer::Gre, header)?,
            Header::Erspan(gre, header) => {
                self.put(Layer::Gre, gre)?;
                self.put(Layer::Erspan, header)?;
            }
            Header::Vxlan(header) => self.put(Layer::Vxlan, header)?,
            Header::Geneve(header) => self.put(Layer::Geneve, header)?,
            Header::Tzsp(header) => self.put(Layer::Tzsp, header)?,
            Header::Capwap(header) => self.put(Layer::Capwap, header)?,
        }
        tunnel.inner.as_ref().map_or(Ok(()), |packet| self.packet(packet))
    }

    fn framing(&mut self, framing: &Framing<'_>) -> Result<(), Q::Error> {
        match framing {
            Framing::Ethernet(header) => self.put(Layer::Ethernet, header),
            Framing::Isl(header) => self.put(Layer::Isl, header),
            Framing::LinuxCooked(header) => self.put(Layer::LinuxCooked, header),
            Framing::Null(header) => self.put(Layer::Null, header),
            Framing::Wireless(frame) => {
                self.maybe(Layer::Ppi, frame.ppi.as_ref())?;
                self.maybe(Layer::Radiotap, frame.radiotap.as_ref())?;
                self.maybe(Layer::Prism, frame.prism.as_ref())?;
                self.maybe(Layer::Avs, frame.avs.as_ref())?;
                self.maybe(Layer::Ieee80211, frame.header.as_ref())
            }
            Framing::None => Ok(()),
        }
    }

    fn network(&mut self, network: &Network<'_>) -> Result<(), Q::Error> {
        match network {
            Network::Arp(packet) => self.put(Layer::Arp, packet),
            Network::Bpdu(message) => self.put(Layer::Bpdu, message),
            Network::Cdp(message) => self.put(Layer::Cdp, message),
            Network::Eapol(message) => self.put(Layer::Eapol, message),
            Network::Edp(message) => self.put(Layer::Edp, message),
            Network::Fdp(message) => self.put(Layer::Fdp, message),
            Network::Ipv4(header) => self.put(Layer::Ipv4, header),
            Network::Ipv6(header) => self.put(Layer::Ipv6, header),
            Network::Lldp(message) => self.put(Layer::Lldp, message),
            Network::Pppoe(message) => self.put(Layer::Pppoe, message),
            Network::Sonmp(message) => self.put(Layer::Sonmp, message),
            Network::Other => Ok(()),
        }
    }

    fn transport(&mut self, transport: &Transport<'_>) -> Result<(), Q::Error> {
        match transport {
            Transport::Tcp(header) => self.put(Layer::Tcp, header),
            Transport::Udp(header) => self.put(Layer::Udp, header),
            Transport::Icmp(header) => self.put(Layer::Icmp, header),
            Transport::Icmpv6(header) => self.put(Layer::Icmpv6, header),
            Transport::Sctp(header) => self.put(Layer::Sctp, header),
            Transport::Esp(header) => self.put(Layer::Esp, header),
            Transport::Fragment | Transport::Other(_) | Transport::None => Ok(()),
        }
    }

    fn application(&mut self, application: &Application<'_>) -> Result<(), Q::Error> {
        match application {
            Application::Dhcpv4(message) => self.put(Layer::Dhcpv4, message),
            Application::Dhcpv6(message) => self.put(Layer::Dhcpv6, message),
            Application::Discovery(_, Some(message)) => self.put(Layer::Mdns, message),
            Application::Discovery(protocol, None) => self.named(protocol.name(), &Nothing {}),
            Application::Igmp(message) => self.put(Layer::Igmp, message),
            Application::Mld(message) => self.put(Layer::Mld, message),
            Application::Ndp(message) => self.put(Layer::Ndp, message),
            Application::Radius(message) => self.put(Layer::Radius, message),
            Application::None => Ok(()),
        }
    }
}
