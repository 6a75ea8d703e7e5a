//! What a frame tells, and to which table.

use headgate_record::{Field, Mac, Treatment};
use headgate_rules::filter::Tunnel;
use headgate_rules::{CollectGate, Rules};
use headgate_service::config;
use headgate_wire as wire;

use super::Part;
use crate::state::access::Access;
use crate::state::announcement::{self, Origin};
use crate::state::device::Devices;
use crate::state::dhcp::Dhcp;
use crate::state::flow::{Flows, Found, IpAddress};
use crate::state::ndp::Ndp;
use crate::state::neighbor::{self, Neighbors};
use crate::state::within::Within;
use crate::state::{Seen, Sink};

/// The tables that all interfaces share.
#[derive(Clone)]
pub(super) struct Tables {
    pub(super) access: Access,
    pub(super) devices: Devices,
    pub(super) dhcp: Dhcp,
    pub(super) flows: Flows,
    pub(super) ndp: Ndp,
    pub(super) within: Within,
}

impl Tables {
    pub(super) fn new(rules: &Rules, config: &config::Headgate, part: Part) -> Self {
        let nanoseconds = |d: std::time::Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        let idle = nanoseconds(config.flows.idle_timeout.seconds());
        let active = nanoseconds(config.flows.active_timeout.seconds());
        Tables {
            access: Access::new(rules),
            devices: if part.keeps_devices {
                Devices::new(config.tables.devices.count(), rules.fingerprints().clone())
            } else {
                Devices::told_elsewhere()
            },
            dhcp: Dhcp::new(config.tables.leases.count(), config.tables.exchanges.count()),
            flows: Flows::new(part.flows, idle, active),
            ndp: Ndp::new(),
            within: Within::new(config.tables.flows.count(), idle, active),
        }
    }

    /// A frame that says nothing beyond its ends, of a device and a flow that were lately seen. False for any other,
    /// which then is to be told whole.
    #[inline(always)]
    pub(super) fn goes_on<A: IpAddress>(
        &mut self,
        seen: Seen,
        ends: wire::Ends<A>,
        found: Found,
        out: &mut Sink,
    ) -> bool {
        let source = Mac(ends.source_mac.0);
        // No station has a group address, whoever sends from it.
        if source.is_group() {
            return false;
        }
        let Some(device) = self.devices.recent(seen.vlan, source) else { return false };
        let goes_on = self.flows.goes_on(seen, ends, found, out);
        if goes_on {
            device.frame(seen);
        }
        goes_on
    }

    /// A frame that says nothing beyond its ends.
    pub(super) fn plain<A: IpAddress>(&mut self, seen: Seen, ends: wire::Ends<A>, out: &mut Sink) {
        let source = Mac(ends.source_mac.0);
        if !source.is_group() {
            self.devices.frame(source, seen, out);
        }
        self.flows.packet(seen, ends, out);
    }

    /// Any other frame that was read. `interface` is the name of its interface, and the neighbours there. Returns
    /// whether something of it was used.
    pub(super) fn packet(
        &mut self,
        seen: Seen,
        packet: &wire::Packet<'_>,
        interface: (&str, &mut Neighbors),
        collect: &CollectGate,
        out: &mut Sink,
    ) -> bool {
        let (name, neighbors) = interface;
        let vlan = packet.vlan().unwrap_or(0);
        let seen = Seen { vlan, ..seen };
        // Not every link has addresses; then there is no device to speak of.
        let source = Mac(packet.source().unwrap_or_default().0);
        if packet.source().is_some() && !source.is_group() {
            self.devices.frame(source, seen, out);
        }
        let from = Origin { interface: name, number: seen.number, vlan, source };
        match &packet.network {
            wire::Network::Eapol(_) | wire::Network::Bpdu(_) => {
                self.access.packet(from, packet, seen.time, out)
            }
            wire::Network::Lldp(_)
            | wire::Network::Cdp(_)
            | wire::Network::Edp(_)
            | wire::Network::Fdp(_)
            | wire::Network::Sonmp(_) => {
                let announcement = match &packet.network {
                    wire::Network::Lldp(lldpdu) => neighbor::lldp(from, lldpdu),
                    wire::Network::Cdp(message) => announcement::cdp(from, message),
                    wire::Network::Edp(message) => announcement::edp(from, message),
                    wire::Network::Fdp(message) => announcement::fdp(from, message),
                    wire::Network::Sonmp(message) => announcement::sonmp(from, message),
                    _ => None,
                };
                neighbors.announced(announcement, seen.time, out)
            }
            wire::Network::Arp(arp) => {
                if let Some(arp) = arp.addresses {
                    let sender = Mac(arp.sender_hardware.0);
                    self.devices.address(&(vlan, sender), arp.sender_protocol.into());
                }
                arp.addresses.is_some()
            }
            wire::Network::Ipv4(_) | wire::Network::Ipv6(_) => {
                if let Some(ends) = packet.ends() {
                    self.flow(seen, ends, out);
                }
                self.application(seen, packet, from, collect, out);
                if let Some(tunnel) = &packet.tunnel {
                    self.within(seen, tunnel, (vlan, source), collect, out);
                }
                true
            }
            _ => false,
        }
    }

    /// A packet is part of a flow.
    fn flow(&mut self, seen: Seen, ends: wire::IpEnds, out: &mut Sink) {
        match ends {
            wire::IpEnds::V4(ends) => self.flows.packet(seen, ends, out),
            wire::IpEnds::V6(ends) => self.flows.packet(seen, ends, out),
        }
    }

    /// What is within a tunnel that is looked into. `carrier` is the device that sent the tunnel's frame: what it says
    /// as itself within counts once.
    #[cold]
    fn within(
        &mut self,
        seen: Seen,
        tunnel: &wire::Tunnel<'_>,
        carrier: (u16, Mac),
        collect: &CollectGate,
        out: &mut Sink,
    ) {
        let kind = Tunnel::of(&tunnel.header);
        let is_read = |packet: &&wire::Packet<'_>| {
            collect.tunnels().contains(kind)
                && match &packet.framing {
                    wire::Framing::Ethernet(_) | wire::Framing::None => true,
                    // Other frames may be of whoever passes by.
                    wire::Framing::Wireless(frame) => {
                        frame.header.as_ref().is_some_and(|header| header.kind == wire::ieee80211::Type::Data)
                    }
                    _ => false,
                }
        };
        let Some(packet) = tunnel.inner.as_ref().filter(is_read) else { return };
        let vlan = tunnel.vlan().unwrap_or(0);
        let seen = Seen { vlan, bytes: u64::try_from(tunnel.length).unwrap_or(u64::MAX), ..seen };
        let network = tunnel.virtual_network();
        if let Some(source) = packet.source().map(|mac| Mac(mac.0)).filter(|mac| !mac.is_group())
            && (vlan, source) != carrier
        {
            self.devices.frame(source, seen, out);
        }
        if let wire::Network::Arp(wire::arp::Packet { addresses: Some(arp), .. }) = &packet.network {
            self.devices.address(&(vlan, Mac(arp.sender_hardware.0)), arp.sender_protocol.into());
        }
        if let Some(ends) = packet.ends() {
            self.within.packet((kind, network), seen, ends, out);
        }
    }

    /// What an IP packet carries.
    fn application(
        &mut self,
        seen: Seen,
        packet: &wire::Packet<'_>,
        from: Origin<'_>,
        collect: &CollectGate,
        out: &mut Sink,
    ) {
        match (&packet.network, &packet.application) {
            (_, wire::Application::Dhcpv4(message)) => {
                let devices = &mut self.devices;
                self.dhcp.message(seen.number, from.vlan, message, seen.time, devices, out);
            }
            (wire::Network::Ipv6(header), wire::Application::Dhcpv6(message)) => {
                let to = packet.destination().map(|mac| Mac(mac.0));
                self.dhcp.message_v6(from, to, header, message, seen.time, (&mut self.devices, out));
            }
            (wire::Network::Ipv6(header), wire::Application::Ndp(message)) => {
                self.ndp.message(from, header, message, seen.time, &mut self.devices);
            }
            (_, wire::Application::Radius(_)) => {
                self.access.packet(from, packet, seen.time, out);
            }
            (_, wire::Application::Discovery(_, Some(message)))
                if collect.treatment(Field::DeviceServiceTypes) != Treatment::Drop =>
            {
                for service in &message.announced {
                    self.devices.service(&(from.vlan, from.source), service.to_string());
                }
            }
            _ => {}
        }
    }
}
