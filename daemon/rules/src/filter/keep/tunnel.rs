//! Tunnels, looked into to one level. Most frames are none: nothing here is on their way.

use headgate_wire::{avs, capwap, geneve, prism, tzsp, vxlan};

use super::{Candidates, Decision, Keep};
use crate::control::{
    ETHERTYPE_BRIDGED, ETHERTYPE_ERSPAN, ETHERTYPE_ERSPAN_III, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPP,
    ETHERTYPES_MPLS, IP_ETHERNET, IP_GRE, IP_IPV4, IP_IPV6, PPP_ADDRESS_CONTROL, PPP_IPV4, PPP_IPV6,
};
use crate::filter::Tunnel;
use crate::filter::reason::End;
use crate::filter::tunnels::{MAX_LABELS, MAX_TZSP_TAGS};

/// What is within.
enum Inner {
    Ethernet,
    Ieee80211 { is_in_capwap: bool },
    Ipv4,
    Ipv6,
}

/// Octets of a tunnel's header, and what is within where it is looked into.
type Header = (usize, Option<Inner>);

/// Whether datagrams between two ports are looked at here.
#[inline(always)]
pub(super) fn is_between([source, destination]: [u16; 2]) -> bool {
    // All are compared at once.
    PORTS.iter().fold(source == capwap::DATA_PORT, |found, port| found | (*port == destination))
}

impl Keep {
    /// The payload of an IP packet.
    #[cold]
    pub(super) fn ip_tunnel(&self, protocol: u8, more_fragments: bool, payload: &[u8]) -> Decision {
        let Some(within) = self.within.as_deref().filter(|_| !more_fragments) else { return Ok(0) };
        let tunnels = self.depth.tunnels;
        match protocol {
            IP_GRE if tunnels.contains(Tunnel::Gre) || tunnels.contains(Tunnel::Erspan) => {
                self.gre(within, payload)
            }
            IP_IPV4 if tunnels.contains(Tunnel::Ip) => within.bare_ipv4(payload),
            IP_IPV6 if tunnels.contains(Tunnel::Ip) => within.bare_ipv6(payload),
            IP_ETHERNET if tunnels.contains(Tunnel::Ip) => within.frame(payload, within.rules.any_vlan),
            _ => Ok(0),
        }
    }

    /// A datagram, between the ports of a tunnel; `None` where that is not looked into.
    #[cold]
    pub(super) fn udp_tunnel(
        &self,
        [source, destination]: [u16; 2],
        more_fragments: bool,
        payload: &[u8],
    ) -> Option<Decision> {
        let within = self.within.as_deref()?;
        let is_in = |kind| self.depth.tunnels.contains(kind);
        // As in what reads them: GENEVE and TZSP, then what comes from the port of CAPWAP, then the others.
        let from_capwap = source == capwap::DATA_PORT;
        let read: fn(&[u8]) -> Header = match destination {
            geneve::PORT if is_in(Tunnel::Geneve) => geneve,
            tzsp::PORT if is_in(Tunnel::Tzsp) => tzsp,
            geneve::PORT | tzsp::PORT if from_capwap => |_| UNREAD,
            _ if from_capwap && is_in(Tunnel::Capwap) => capwap,
            _ if from_capwap => |_| UNREAD,
            vxlan::PORT | vxlan::LINUX_PORT if is_in(Tunnel::Vxlan) => vxlan,
            vxlan::GPE_PORT if is_in(Tunnel::Vxlan) => gpe,
            capwap::DATA_PORT if is_in(Tunnel::Capwap) => capwap,
            _ => return None,
        };
        let (header, inner) = if more_fragments { UNREAD } else { read(payload) };
        let behind = payload.get(header..).unwrap_or_default();
        Some(within.inner(inner, behind, within.rules.any_vlan).map(|kept| UDP + header + kept))
    }

    /// `rules` are those that the tunnel's header leaves.
    fn inner(&self, inner: Option<Inner>, behind: &[u8], rules: Candidates) -> Decision {
        match inner {
            None => Ok(0),
            Some(Inner::Ethernet) => self.frame(behind, rules),
            Some(Inner::Ieee80211 { is_in_capwap }) => self.ieee80211(behind, is_in_capwap),
            Some(Inner::Ipv4) => self.ipv4(behind, rules & self.rules.any_mac),
            Some(Inner::Ipv6) => self.ipv6(behind, rules & self.rules.any_mac),
        }
    }

    fn bare_ipv4(&self, packet: &[u8]) -> Decision {
        self.inner(Some(Inner::Ipv4), packet, self.rules.any_vlan)
    }

    fn bare_ipv6(&self, packet: &[u8]) -> Decision {
        self.inner(Some(Inner::Ipv6), packet, self.rules.any_vlan)
    }

    fn frame(&self, frame: &[u8], rules: Candidates) -> Decision {
        if frame.len() < super::ETHERNET { Ok(0) } else { self.link(frame, None, rules) }
    }

    fn gre(&self, within: &Keep, payload: &[u8]) -> Decision {
        let Some([f0, f1, p0, p1]) = payload.first_chunk::<4>() else { return Ok(0) };
        let flags = u16::from_be_bytes([*f0, *f1]);
        let gre = self.depth.tunnels.contains(Tunnel::Gre);
        match u16::from_be_bytes([*p0, *p1]) {
            ETHERTYPE_PPP if gre && flags & PPTP_MASK == PPTP => return within.pptp(flags, payload),
            _ if flags & GRE_OTHER != 0 => return Ok(4),
            _ => {}
        }
        let parts = [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE].into_iter().filter(|part| flags & part != 0);
        let header = 4 + 4 * parts.count();
        let behind = payload.get(header..).unwrap_or_default();
        let erspan = self.depth.tunnels.contains(Tunnel::Erspan);
        let kept = match u16::from_be_bytes([*p0, *p1]) {
            ETHERTYPE_IPV4 if gre => within.bare_ipv4(behind),
            ETHERTYPE_IPV6 if gre => within.bare_ipv6(behind),
            ETHERTYPE_BRIDGED if gre => within.frame(behind, within.rules.any_vlan),
            protocol if gre && ETHERTYPES_MPLS.contains(&protocol) => within.mpls(behind),
            ETHERTYPE_PPP if gre => within.ppp(behind),
            ETHERTYPE_ERSPAN if erspan && flags & GRE_SEQUENCE == 0 => {
                within.frame(behind, within.rules.any_vlan)
            }
            ETHERTYPE_ERSPAN if erspan => within.erspan_ii(behind),
            ETHERTYPE_ERSPAN_III if erspan => within.erspan_iii(behind),
            _ => Ok(0),
        };
        Ok(header + kept?)
    }

    /// Version 1 of GRE. Without a sequence number it carries nothing.
    fn pptp(&self, flags: u16, payload: &[u8]) -> Decision {
        let parts = [GRE_SEQUENCE, PPTP_ACKNOWLEDGMENT].into_iter().filter(|part| flags & part != 0);
        let header = 8 + 4 * parts.count();
        if flags & GRE_SEQUENCE == 0 {
            return Ok(header);
        }
        Ok(header + self.ppp(payload.get(header..).unwrap_or_default())?)
    }

    /// Address and control field, where they are there, and a protocol of one octet, which is odd, or two. Where that is
    /// not IP, nothing of it is kept.
    fn ppp(&self, frame: &[u8]) -> Decision {
        let start = if frame.starts_with(&PPP_ADDRESS_CONTROL) { PPP_ADDRESS_CONTROL.len() } else { 0 };
        let (header, protocol) = match frame.get(start..).unwrap_or_default() {
            // With the first of what it carries.
            [protocol, _, ..] if protocol & 0x01 != 0 => (start + 1, *protocol),
            [0, protocol, ..] => (start + 2, *protocol),
            _ => return Ok(0),
        };
        let behind = frame.get(header..).unwrap_or_default();
        match protocol {
            PPP_IPV4 => Ok(header + self.bare_ipv4(behind)?),
            PPP_IPV6 => Ok(header + self.bare_ipv6(behind)?),
            _ => Ok(0),
        }
    }

    fn mpls(&self, stack: &[u8]) -> Decision {
        let (entries, _) = stack.as_chunks::<4>();
        let bottom = entries.iter().take(MAX_LABELS).position(|[_, _, label, _]| label & 0x01 != 0);
        let Some(stack_length) = bottom.map(|at| 4 * (at + 1)) else { return Ok(0) };
        let behind = stack.get(stack_length..).unwrap_or_default();
        match behind {
            [0x40..=0x4f, ..] => Ok(stack_length + self.bare_ipv4(behind)?),
            [0x60..=0x6f, ..] => Ok(stack_length + self.bare_ipv6(behind)?),
            _ => Ok(0),
        }
    }

    fn erspan_ii(&self, payload: &[u8]) -> Decision {
        let Some(([v0, v1, ..], behind)) = payload.split_first_chunk::<8>() else { return Ok(0) };
        if v0 >> 4 != 1 {
            return Ok(0);
        }
        let rules = self.mirrored_vlan([*v0, *v1])?;
        Ok(8 + self.frame(behind, rules)?)
    }

    fn erspan_iii(&self, payload: &[u8]) -> Decision {
        let Some([v0, v1, .., kind, platform]) = payload.first_chunk::<12>() else { return Ok(0) };
        if v0 >> 4 != 2 {
            return Ok(0);
        }
        let rules = self.mirrored_vlan([*v0, *v1])?;
        let header = if platform & 0x01 == 0 { 12 } else { 20 };
        let behind = payload.get(header..).unwrap_or_default();
        let inner = match ((kind >> 2) & 0x1f, behind) {
            (ERSPAN_ETHERNET, _) => Some(Inner::Ethernet),
            (ERSPAN_IP, [0x40..=0x4f, ..]) => Some(Inner::Ipv4),
            (ERSPAN_IP, [0x60..=0x6f, ..]) => Some(Inner::Ipv6),
            _ => None,
        };
        Ok(header + self.inner(inner, behind, rules)?)
    }

    /// The rules that have this VLAN or none. 0 is none: the frame came without a tag.
    fn mirrored_vlan(&self, field: [u8; 2]) -> Result<Candidates, End> {
        let mut rules = self.rules.any_vlan;
        match u16::from_be_bytes(field) & 0x0fff {
            0 => {}
            vlan => self.vlan(vlan, &mut rules)?,
        }
        Ok(rules)
    }
}

fn vxlan(payload: &[u8]) -> Header {
    match payload.first_chunk::<8>() {
        Some([0x08, 0, 0, 0, .., 0]) => (8, Some(Inner::Ethernet)),
        Some([0x88, policy, _, _, .., 0]) if policy & 0xb7 == 0 => (8, Some(Inner::Ethernet)),
        _ => UNREAD,
    }
}

fn gpe(payload: &[u8]) -> Header {
    match payload.first_chunk::<8>() {
        Some([0x08 | 0x0a, 0, 0, 0, .., 0]) => (8, Some(Inner::Ethernet)),
        Some([0x0c | 0x0e, 0, 0, next, .., 0]) => match next {
            1 => (8, Some(Inner::Ipv4)),
            2 => (8, Some(Inner::Ipv6)),
            3 => (8, Some(Inner::Ethernet)),
            _ => (8, None),
        },
        _ => UNREAD,
    }
}

fn geneve(payload: &[u8]) -> Header {
    let Some([first @ 0..=0x3f, flags, p0, p1, .., 0]) = payload.first_chunk::<8>() else { return UNREAD };
    if flags & 0xbf != 0 {
        return UNREAD;
    }
    let inner = match u16::from_be_bytes([*p0, *p1]) {
        ETHERTYPE_BRIDGED => Inner::Ethernet,
        ETHERTYPE_IPV4 => Inner::Ipv4,
        ETHERTYPE_IPV6 => Inner::Ipv6,
        _ => return UNREAD,
    };
    let header = 8 + 4 * usize::from(*first);
    if header > payload.len() { (8, None) } else { (header, Some(inner)) }
}

fn tzsp(payload: &[u8]) -> Header {
    let (inner, is_monitored) = match payload.first_chunk::<4>() {
        Some([1, 0 | 1, 0, 1]) => (Inner::Ethernet, false),
        Some([1, 0 | 1, 0, kind @ (0x12 | 0x77 | 0x7f)]) => {
            (Inner::Ieee80211 { is_in_capwap: false }, *kind != 0x12)
        }
        _ => return UNREAD,
    };
    let mut header = 4;
    for _ in 0..=MAX_TZSP_TAGS {
        header += match payload.get(header..) {
            Some([1, behind @ ..]) if is_monitored => {
                let Some(radio) = monitored(behind) else { break };
                return (header + 1 + radio, Some(inner));
            }
            Some([1, _, ..]) => return (header + 1, Some(inner)),
            Some([0, _, ..]) => 1,
            Some([_, length, ..]) => 2 + usize::from(*length),
            _ => break,
        };
    }
    (4, None)
}

/// Octets of a Prism or AVS header; `None` where it is none, or not whole.
fn monitored(octets: &[u8]) -> Option<usize> {
    let code = octets.first_chunk()?;
    let code = u32::from_be_bytes(*code);
    let length = if let Some(least) = avs::least_length(code) {
        let [_, _, _, _, l0, l1, l2, l3] = octets.first_chunk::<8>()?;
        let length = usize::try_from(u32::from_be_bytes([*l0, *l1, *l2, *l3])).ok()?;
        (least..=avs::MAX_LEN).contains(&length).then_some(length)?
    } else {
        let is_prism = [code, code.swap_bytes()].iter().any(|code| prism::MESSAGE_CODES.contains(code));
        is_prism.then_some(prism::HEADER_LEN)?
    };
    (length <= octets.len()).then_some(length)
}

fn capwap(payload: &[u8]) -> Header {
    let Some([0, length, kind, flags, _, _, o0, o1]) = payload.first_chunk::<8>() else { return UNREAD };
    let header = 4 * usize::from(length >> 3);
    if header < 8 || (flags | o1) & 0x07 != 0 {
        return UNREAD;
    }
    let is_later = flags & 0x80 != 0 && [*o0, *o1] != [0, 0];
    if flags & 0x08 != 0 || is_later || header > payload.len() {
        return (8, None);
    }
    match kind & 0x3f {
        // T, and its kind of radio.
        0x03 => (header, Some(Inner::Ieee80211 { is_in_capwap: true })),
        kind if kind & 0x01 != 0 => (8, None),
        _ => (header, Some(Inner::Ethernet)),
    }
}

/// Nothing behind UDP is kept.
const UNREAD: Header = (0, None);
const UDP: usize = 8;
/// The destination ports of tunnels; one is there often enough that they fill a register.
const PORTS: [u16; 8] = [
    vxlan::PORT,
    vxlan::LINUX_PORT,
    vxlan::GPE_PORT,
    geneve::PORT,
    tzsp::PORT,
    capwap::DATA_PORT,
    capwap::DATA_PORT,
    capwap::DATA_PORT,
];
const GRE_CHECKSUM: u16 = 0x8000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
/// A source route, or a version other than 0.
const GRE_OTHER: u16 = 0x4007;
/// Version 1 with a key, and of other parts none but a sequence number or an acknowledgment (RFC 2637, 4.1).
const PPTP: u16 = 0x2001;
const PPTP_MASK: u16 = 0xe007;
const PPTP_ACKNOWLEDGMENT: u16 = 0x0080;
/// Frame types of type III.
const ERSPAN_ETHERNET: u8 = 0;
const ERSPAN_IP: u8 = 2;
