//! Exclusions: frames that never become part of a record.

use std::net::IpAddr;
use std::sync::Arc;

use headgate_record::Mac;
use headgate_wire as wire;

use crate::control::{ETHERTYPE_ARP, ETHERTYPE_EAPOL, ETHERTYPE_LLDP, IPV6_EXTENSIONS, SNAP};
use crate::filter::{Tunnel, Tunnels};
use crate::treat::{mask_v4, mask_v6};

use opt_out::{Line, OptOuts};

pub(crate) use protocol::{IpVersion, Protocol};

pub(crate) mod opt_out;
mod protocol;
pub(crate) mod stations;
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
    /// Several of these together: a rule with `collect = "none"`.
    Rule,
}

/// A set of MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MacSet {
    Exact(Mac),
    Oui([u8; 3]),
    LocallyAdministered,
    Group,
}

/// What excludes a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Why it is counted as excluded.
    pub exclusion: Exclusion,
    /// What says so.
    pub(crate) entry: Entry,
    /// The part of the frame that the entry matches, in words.
    pub part: &'static str,
    /// Whether that is within a tunnel.
    pub within_tunnel: bool,
}

/// What of the rules excludes a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// One of the entries of its sort, from 0.
    Rule(usize),
    /// A line of an opt-out list.
    OptOut(Line),
}

/// A choice of frames: those that are excluded, or those of which no more than headers is read. A frame that several
/// exclusions match is counted under the first of: interface, VLAN, MAC address, protocol above Ethernet, prefix, IP
/// protocol or port, these within its tunnel, opt-out list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    pub(crate) interfaces: Vec<String>,
    /// First and last VLAN of each range.
    pub(crate) vlans: Vec<(u16, u16)>,
    pub(crate) macs: Vec<MacSet>,
    /// Network address and prefix length, host bits zero.
    pub(crate) prefixes: Vec<(IpAddr, u8)>,
    pub(crate) protocols: Vec<Protocol>,
    /// Of any number of stations, and so looked up in the collect gate and not in the kernel.
    pub(crate) opt_outs: Arc<OptOuts>,
    /// Where exclusions hold within tunnels.
    pub(crate) tunnels: Tunnels,
}

impl Exclusions {
    /// Whether no frame is excluded, but perhaps by its interface or because a station has opted out.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vlans.is_empty() && self.macs.is_empty() && self.prefixes.is_empty() && self.protocols.is_empty()
    }

    /// Whether all frames of an interface are excluded. Such an interface is not opened.
    #[must_use]
    pub fn excludes_interface(&self, name: &str) -> bool {
        self.find_interface(name).is_some()
    }

    /// The entry that excludes all frames of an interface.
    #[must_use]
    pub fn find_interface(&self, name: &str) -> Option<Match> {
        let entry = self.interfaces.iter().position(|i| i == name)?;
        let (entry, part) = (Entry::Rule(entry), "the interface it came from");
        Some(Match { exclusion: Exclusion::Interface, entry, part, within_tunnel: false })
    }

    /// Whether one of the two ends of a frame has opted out.
    #[inline(always)]
    #[must_use]
    pub fn opts_out(&self, ends: [Mac; 2]) -> bool {
        !self.opt_outs.is_empty() && ends.into_iter().any(|mac| self.opt_outs.find(mac).is_some())
    }

    /// How many stations have opted out.
    #[must_use]
    pub fn opted_out(&self) -> usize {
        self.opt_outs.len()
    }

    /// Judges a frame that was read, with all that the kernel filter decides and, beyond it, the stations and
    /// addresses inside ARP, DHCP, Neighbor Discovery and, where its attributes are kept, RADIUS, and opt-out lists.
    /// What is within a tunnel that is looked into is judged as a frame of its own, and excludes the whole.
    #[must_use]
    pub fn judge(&self, packet: &wire::Packet<'_>) -> Option<Exclusion> {
        self.find(packet).map(|found| found.exclusion)
    }

    /// The first entry that excludes a frame, in the order of [`Exclusions::judge`], which is this decision.
    #[must_use]
    pub fn find(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        let within = || self.within(packet).and_then(|tunnel| self.find_within(tunnel));
        let opted_out_within = || self.find_opt_out(self.within(packet)?.inner.as_ref()?);
        self.find_outside(packet).or_else(within).or_else(|| self.find_opt_out(packet)).or_else(|| {
            let found = opted_out_within()?;
            Some(Match { within_tunnel: true, ..found })
        })
    }

    /// The first entry that excludes a frame for what its headers say, within its tunnel where `within_tunnel`.
    pub(crate) fn find_in_headers(&self, packet: &wire::Packet<'_>, within_tunnel: bool) -> Option<Match> {
        if !within_tunnel {
            return self.find_outside_in_headers(packet);
        }
        let tunnel = self.within(packet)?;
        let mirrored = self.find_mirrored(tunnel);
        let found = mirrored.or_else(|| self.find_outside_in_headers(tunnel.inner.as_ref()?))?;
        Some(Match { within_tunnel: true, ..found })
    }

    /// The tunnel, where exclusions hold within it.
    fn within<'a, 'b>(&self, packet: &'a wire::Packet<'b>) -> Option<&'a wire::Tunnel<'b>> {
        packet.tunnel.as_deref().filter(|tunnel| self.tunnels.contains(Tunnel::of(&tunnel.header)))
    }

    fn find_within(&self, tunnel: &wire::Tunnel<'_>) -> Option<Match> {
        let of_packet = || self.find_outside(tunnel.inner.as_ref()?);
        let found = self.find_mirrored(tunnel).or_else(of_packet)?;
        Some(Match { within_tunnel: true, ..found })
    }

    fn find_mirrored(&self, tunnel: &wire::Tunnel<'_>) -> Option<Match> {
        let found = self.vlan(tunnel.mirrored_vlan()?);
        found.map(of(Exclusion::Vlan, "the VLAN in the header of ERSPAN"))
    }

    fn find_outside(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        self.find_outside_in_headers(packet).or_else(|| self.find_named(packet))
    }

    fn find_outside_in_headers(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        let vlan = || packet.tags.iter().find_map(|tag| self.vlan(tag.vid()));
        let ends = || ends(packet).find_map(|mac| self.mac(mac));
        let link = || self.ethertype(packet.ethertype).or_else(|| self.llc(packet));
        let address =
            || packet.addresses().and_then(|(from, to)| self.address(from).or_else(|| self.address(to)));
        vlan()
            .map(of(Exclusion::Vlan, "a VLAN tag"))
            .or_else(|| ends().map(of(Exclusion::Mac, ENDS)))
            .or_else(|| link().map(of(Exclusion::Protocol, "the protocol above Ethernet")))
            .or_else(|| address().map(of(Exclusion::Prefix, "the IP source or destination address")))
            .or_else(|| self.transport(packet))
    }

    /// The first entry that excludes a frame for the stations and addresses that its message names.
    fn find_named(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        let named = stations::find_named(packet, |mac| self.mac(mac));
        let named = named.map(|(entry, part)| of(Exclusion::Mac, part)(entry));
        named.or_else(|| {
            let lent = stations::lent(packet).find_map(|address| self.address(address));
            lent.map(of(Exclusion::Prefix, "a client's IP address in DHCP"))
        })
    }

    /// The line of an opt-out list that excludes a frame.
    fn find_opt_out(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        if self.opt_outs.is_empty() {
            return None;
        }
        let find = |mac| self.opt_outs.find(mac);
        let end = ends(packet).find_map(find).map(|line| (line, ENDS));
        let found = end.or_else(|| stations::find_named(packet, find));
        let of = |(line, part)| {
            let entry = Entry::OptOut(line);
            Match { exclusion: Exclusion::Mac, entry, part, within_tunnel: false }
        };
        found.map(of)
    }

    /// An entry as it is written in a rule file.
    #[must_use]
    pub fn show(&self, found: &Match) -> String {
        let at = match found.entry {
            Entry::Rule(at) => at,
            Entry::OptOut(line) => return self.opt_outs.name(line).unwrap_or_default().to_owned(),
        };
        let shown = match found.exclusion {
            Exclusion::Interface => self.interfaces.get(at).cloned(),
            Exclusion::Vlan => self.vlans.get(at).map(text::show_vlans),
            Exclusion::Mac => self.macs.get(at).map(text::show_mac),
            Exclusion::Prefix => self.prefixes.get(at).map(text::show_prefix),
            Exclusion::Protocol => self.protocols.get(at).map(text::show_protocol),
            // Rules have names.
            Exclusion::Rule => None,
        };
        shown.unwrap_or_default()
    }

    fn vlan(&self, id: u16) -> Option<usize> {
        self.vlans.iter().position(|(first, last)| (*first..=*last).contains(&id))
    }

    pub(crate) fn has_vlan(&self, id: u16) -> bool {
        self.vlan(id).is_some()
    }

    fn mac(&self, mac: Mac) -> Option<usize> {
        self.macs.iter().position(|set| match set {
            MacSet::Exact(one) => *one == mac,
            MacSet::Oui(oui) => mac.0.starts_with(oui),
            MacSet::LocallyAdministered => mac.is_locally_administered() && !mac.is_group(),
            MacSet::Group => mac.is_group(),
        })
    }

    pub(crate) fn has_mac(&self, mac: Mac) -> bool {
        self.mac(mac).is_some()
    }

    fn address(&self, address: IpAddr) -> Option<usize> {
        self.prefixes.iter().position(|(network, length)| match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => n.to_bits() == a.to_bits() & mask_v4(*length),
            (IpAddr::V6(n), IpAddr::V6(a)) => n.to_bits() == a.to_bits() & mask_v6(*length),
            _ => false,
        })
    }

    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.address(address).is_some()
    }

    fn protocol(&self, is_it: impl Fn(&Protocol) -> bool) -> Option<usize> {
        self.protocols.iter().position(is_it)
    }

    pub(crate) fn has(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    fn ethertype(&self, ethertype: u16) -> Option<usize> {
        let excluded = match ethertype {
            ETHERTYPE_ARP => Protocol::Arp,
            ETHERTYPE_EAPOL => Protocol::Eapol,
            ETHERTYPE_LLDP => Protocol::Lldp,
            _ => return None,
        };
        self.protocol(|p| *p == excluded)
    }

    pub(crate) fn has_ethertype(&self, ethertype: u16) -> bool {
        self.ethertype(ethertype).is_some()
    }

    fn llc(&self, packet: &wire::Packet<'_>) -> Option<usize> {
        match packet.encapsulation.as_ref().and_then(|e| e.llc)?.content() {
            wire::llc::Content::Ethertype(ethertype) => self.ethertype(ethertype),
            wire::llc::Content::Service(wire::llc::Lsap::Bpdu) => self.protocol(|p| *p == Protocol::Stp),
            wire::llc::Content::Organisation(snap) => {
                let (_, known) = SNAP.iter().find(|(known, _)| *known == (snap.oui.0, snap.protocol))?;
                self.protocol(|p| p == known)
            }
            _ => None,
        }
    }

    fn ip_protocol(&self, number: u8) -> Option<usize> {
        self.protocol(|p| p.ip_number() == Some(number))
    }

    pub(crate) fn has_ip_protocol(&self, number: u8) -> bool {
        self.ip_protocol(number).is_some()
    }

    fn tcp_port(&self, ends: [u16; 2]) -> Option<usize> {
        self.protocol(|p| ends.iter().any(|end| p.tcp_ports().contains(end)))
    }

    pub(crate) fn has_tcp_port(&self, ends: [u16; 2]) -> bool {
        self.tcp_port(ends).is_some()
    }

    fn udp_port(&self, ends: [u16; 2], version: IpVersion) -> Option<usize> {
        self.protocol(|p| ends.iter().any(|end| p.udp_ports(version).contains(end)))
    }

    pub(crate) fn has_udp_port(&self, ends: [u16; 2], version: IpVersion) -> bool {
        self.udp_port(ends, version).is_some()
    }

    /// The first exclusion that looks at the IP protocol, or at a port behind it.
    fn by_ip_protocol(&self) -> Option<usize> {
        self.protocol(Protocol::is_above_ip)
    }

    pub(crate) fn is_by_ip_protocol(&self) -> bool {
        self.by_ip_protocol().is_some()
    }

    fn transport(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        self.read_transport(packet).or_else(|| {
            // What is behind extension headers that are not read may be what is excluded.
            let entry = if has_unread_protocol(packet) { self.by_ip_protocol() } else { None };
            let part = "extension headers of IPv6 behind which that may be what is excluded";
            entry.map(of(Exclusion::Protocol, part))
        })
    }

    fn read_transport(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        let found = |part| of(Exclusion::Protocol, part);
        let (version, number) = match &packet.network {
            wire::Network::Ipv4(header) => (IpVersion::V4, header.protocol),
            wire::Network::Ipv6(header) => (IpVersion::V6, header.protocol),
            _ => return None,
        };
        let port = || match &packet.transport {
            wire::Transport::Tcp(tcp) => self.tcp_port([tcp.source, tcp.destination]),
            wire::Transport::Udp(udp) => self.udp_port([udp.source, udp.destination], version),
            _ => None,
        };
        let number = self.ip_protocol(number).map(found("the IP protocol"));
        number.or_else(|| port().map(found("a port of TCP or UDP")))
    }

    /// Whether the protocol of a packet is one of these, for what can be read of it.
    pub(crate) fn has_protocol_of(&self, packet: &wire::Packet<'_>) -> bool {
        self.ethertype(packet.ethertype).or_else(|| self.llc(packet)).is_some()
            || self.read_transport(packet).is_some()
    }
}

/// Whether more extension headers of IPv6 follow than are read, or they are cut.
pub(crate) fn has_unread_protocol(packet: &wire::Packet<'_>) -> bool {
    matches!(&packet.network, wire::Network::Ipv6(header) if IPV6_EXTENSIONS.contains(&header.protocol))
}

/// An entry of a sort, and what it matches in a frame itself.
fn of(exclusion: Exclusion, part: &'static str) -> impl Fn(usize) -> Match {
    move |entry| Match { exclusion, entry: Entry::Rule(entry), part, within_tunnel: false }
}

/// The source and destination of a frame; of an A-MSDU, in which each part has its own, the radios.
pub(crate) fn ends(packet: &wire::Packet<'_>) -> impl Iterator<Item = Mac> {
    let radios = match &packet.framing {
        wire::Framing::Wireless(frame) => {
            frame.header.as_ref().filter(|header| header.qos.is_some_and(|qos| qos.amsdu))
        }
        _ => None,
    };
    let ends = match radios {
        Some(header) => [header.transmitter, header.receiver],
        None => [packet.source(), packet.destination()],
    };
    ends.into_iter().flatten().map(|address| Mac(address.0))
}

impl Exclusion {
    /// The sorts of entries that exclude by themselves.
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
            Exclusion::Rule => "rule",
        }
    }
}

pub(crate) const ENDS: &str = "the source or destination address of the frame";
