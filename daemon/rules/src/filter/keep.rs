//! The filter's decision in Rust.
//!
//! Each function is given what is left of a frame and answers how many octets of that are kept, which may be
//! more than there are, or why the frame is excluded. Names and order are those of the compiler.

use std::net::IpAddr;

use headgate_record::Mac;

use super::compile::Decided;
use super::program::VlanTag;
use super::reason::End;
use super::selection::Selection;
use super::{Depth, Left, Tunnels, tunnels};
use crate::control::{
    ETHERTYPE_ARP, ETHERTYPE_EAPOL, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_LLDP, ICMPV6_MLD_REPORT,
    ICMPV6_WHOLE, IGMP_WHOLE, IP_AUTHENTICATION, IP_ICMP, IP_ICMPV6, IP_IGMP, IP_TCP, IP_UDP,
    IPV6_EXTENSIONS, IPV6_FRAGMENT, MAX_LLC, TAGS,
};
use crate::exclude::{Exclusion, Exclusions, IpVersion, Protocol};

use self::rules::Ruled;

mod application;
mod ieee80211;
mod link;
mod rules;
mod tunnel;

/// The decision of the program that [`super::compile`] makes beside it, for every frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    exclusions: Exclusions,
    rules: Selection,
    /// Whether a frame can be ended.
    ends: bool,
    /// Of which no more than headers is kept.
    headers_only: Exclusions,
    /// What decides of those frames that have a VLAN or MAC address of it; `None` where it names none.
    limited: Option<Box<Keep>>,
    /// Whether this is that.
    is_limited: bool,
    depth: Depth,
    /// What decides within tunnels; `None` where they are not looked into.
    within: Option<Box<Keep>>,
    /// Whether this is that: nothing but headers is kept.
    is_within: bool,
    left: Vec<Left>,
}

/// How many octets to keep, or why none are.
type Decision = Result<usize, End>;

/// Rules that all conditions so far leave, as bits.
type Candidates = u32;

impl Keep {
    /// Prepares the decision.
    pub(super) fn new(decided: &Decided, depth: Depth, left: Vec<Left>) -> Keep {
        let keep = |exclusions: &Exclusions, headers_only: &Exclusions, rules: &Selection| Keep {
            exclusions: exclusions.clone(),
            rules: rules.clone(),
            ends: !exclusions.is_empty() || !rules.ends().is_empty(),
            headers_only: headers_only.clone(),
            limited: None,
            is_limited: false,
            depth,
            within: None,
            is_within: false,
            left: Vec::new(),
        };
        let inner = Keep {
            is_within: true,
            ..keep(&decided.within_tunnels, &Exclusions::default(), &decided.rules_within)
        };
        let within = (depth.tunnels != Tunnels::NONE).then(|| Box::new(inner));
        let frame = Keep { within, ..keep(&decided.frames, &decided.headers_only, &decided.rules) };
        let limited = decided.limits_by_link().then(|| Box::new(Keep { is_limited: true, ..frame.clone() }));
        Keep { limited, left, ..frame }
    }

    /// What is left to the collect gate, for want of room.
    #[must_use]
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    /// The rules that are decided here, and not in the collect gate.
    pub(crate) fn rules(&self) -> &Selection {
        &self.rules
    }

    /// How many octets of a frame to keep, at most its length. `tag` is the VLAN tag beside it.
    #[inline(always)]
    #[must_use]
    pub fn octets(&self, bytes: &[u8], tag: Option<VlanTag>) -> usize {
        match segment(bytes) {
            Some(kept) if !self.ends => kept.min(bytes.len()),
            _ => self.decide(bytes, tag),
        }
    }

    fn decide(&self, bytes: &[u8], tag: Option<VlanTag>) -> usize {
        let kept = self.link(bytes, tag, self.rules.any_vlan);
        let kept = kept.unwrap_or_else(|end| usize::try_from(end.octets()).unwrap_or(0));
        kept.min(bytes.len())
    }

    /// `rules` are those that have no VLAN or, where the frame is within a tunnel, one in the header of that.
    #[inline]
    fn link(&self, frame: &[u8], tag: Option<VlanTag>, mut rules: Candidates) -> Decision {
        let Some((ethernet, mut rest)) = frame.split_first_chunk::<ETHERNET>() else { return Ok(ETHERNET) };
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, e0, e1] = *ethernet;
        let macs = [[d0, d1, d2, d3, d4, d5], [s0, s1, s2, s3, s4, s5]];
        let mut ethertype = u16::from_be_bytes([e0, e1]);
        let mut kept = ETHERNET;
        let mut is_limited =
            self.limited.is_some() && macs.into_iter().any(|mac| self.headers_only.has_mac(Mac(mac)));
        // VLANs of all tags come before addresses.
        if let Some(tag) = tag {
            self.vlan(tag.0, &mut rules)?;
            is_limited |= self.limits_vlan(tag.0);
        }
        for _ in 0..if self.is_within { tunnels::MAX_TAGS } else { MAX_TAGS } {
            if !TAGS.contains(&ethertype) {
                break;
            }
            let Some(([t0, t1, e0, e1], behind)) = rest.split_first_chunk::<TAG>() else { break };
            self.vlan(u16::from_be_bytes([*t0, *t1]), &mut rules)?;
            is_limited |= self.limits_vlan(u16::from_be_bytes([*t0, *t1]));
            ethertype = u16::from_be_bytes([*e0, *e1]);
            kept += TAG;
            rest = behind;
        }
        macs.into_iter().try_for_each(|mac| self.mac(mac))?;
        let rules = rules & self.rules_by_mac(macs);
        let keep = self.limited.as_deref().filter(|_| is_limited).unwrap_or(self);
        Ok(kept.saturating_add(keep.layer_3(ethertype, rest, rules)?))
    }

    #[inline]
    fn layer_3(&self, ethertype: u16, rest: &[u8], rules: Candidates) -> Decision {
        match ethertype {
            ETHERTYPE_IPV4 => self.ipv4(rest, rules),
            ETHERTYPE_IPV6 => self.ipv6(rest, rules),
            _ if self.exclusions.has_ethertype(ethertype) => Err(End::Excluded(Exclusion::Protocol)),
            ETHERTYPE_ARP => self.arp(rest, rules),
            ETHERTYPE_LLDP => {
                let is_limited = self.limited_without_ip(rules, Some(Protocol::Lldp))?;
                Ok(if is_limited || self.limits(Protocol::Lldp) { 0 } else { rest.len() })
            }
            ETHERTYPE_EAPOL => {
                let is_limited = self.limited_without_ip(rules, Some(Protocol::Eapol))?;
                Ok(if is_limited || self.limits(Protocol::Eapol) { 0 } else { self.eapol(rest) })
            }
            length if length <= MAX_LLC => self.llc(length.into(), rest, rules),
            _ => self.limited_without_ip(rules, None).map(|_| 0),
        }
    }

    #[inline]
    fn ipv4(&self, packet: &[u8], rules: Candidates) -> Decision {
        let bad = |keep: &Keep| keep.limited_without_ip(rules, None).map(|_| 0);
        let Some(header) = packet.first_chunk::<20>() else { return bad(self) };
        let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
        if !(0x45..=0x4f).contains(&first) {
            return bad(self);
        }
        let header = 4 * usize::from(first & 0x0f);
        let ends = [[s0, s1, s2, s3], [d0, d1, d2, d3]];
        ends.into_iter().try_for_each(|end| self.address(end))?;
        self.protocol(|exclusions| exclusions.has_ip_protocol(protocol))?;
        let rules = rules & self.rules_by_address(ends);
        let of_protocol = self.rules_by_ip_protocol(protocol, IpVersion::V4);
        if u16::from_be_bytes([f0, f1]) & 0x1fff != 0 {
            self.limited(rules & of_protocol)?;
            return Ok(header);
        }
        let rest = packet.get(header..).unwrap_or_default();
        let whole = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(header);
        let rules = Ruled { all: rules, of_protocol };
        let more_fragments = f0 & 0x20 != 0;
        Ok(header
            + match protocol {
                IP_TCP => self.tcp(rest, rules)?,
                IP_UDP => self.udp(rest, IpVersion::V4, more_fragments, rules)?,
                _ => match (protocol, self.limited(rules.left())?) {
                    (IP_ICMP, _) => ICMP,
                    (IP_IGMP, is_limited) if is_limited || self.limits_ip_protocol(IP_IGMP) => ICMP,
                    (IP_IGMP, _) => message(rest, whole, |kind| IGMP_WHOLE.contains(&kind)),
                    (other, _) => self.ip_tunnel(other, more_fragments, rest)?,
                },
            })
    }

    #[inline]
    fn ipv6(&self, packet: &[u8], rules: Candidates) -> Decision {
        let bad = |keep: &Keep| keep.limited_without_ip(rules, None).map(|_| 0);
        let Some((header, rest)) = packet.split_first_chunk::<8>() else { return bad(self) };
        let Some((source, rest)) = rest.split_first_chunk::<16>() else { return bad(self) };
        let Some((destination, rest)) = rest.split_first_chunk::<16>() else { return bad(self) };
        let [first, _, _, _, l0, l1, next, _] = *header;
        if first >> 4 != 6 {
            return bad(self);
        }
        let ends = [*source, *destination];
        ends.into_iter().try_for_each(|end| self.address(end))?;
        let rules = rules & self.rules_by_address(ends);
        let by_ip_protocol = self.exclusions.is_by_ip_protocol();
        let (mut protocol, mut extension, mut is_fragment) = (next, 0, false);
        for _ in 0..if self.is_within { tunnels::MAX_EXTENSIONS } else { MAX_EXTENSIONS } {
            if !IPV6_EXTENSIONS.contains(&protocol) {
                break;
            }
            let Some([next, length, o0, o1, ..]) = rest.get(extension..).and_then(<[u8]>::first_chunk::<8>)
            else {
                excluded(by_ip_protocol, Exclusion::Protocol)?;
                self.limited(rules & self.rules_by_ip_protocol(protocol, IpVersion::V6))?;
                return Ok(40 + extension);
            };
            let is_later = protocol == IPV6_FRAGMENT && u16::from_be_bytes([*o0, *o1]) & 0xfff8 != 0;
            if protocol == IPV6_FRAGMENT {
                is_fragment = o1 & 0x01 != 0;
            }
            extension += match protocol {
                IPV6_FRAGMENT => 8,
                IP_AUTHENTICATION => 8 + 4 * usize::from(*length),
                _ => 8 + 8 * usize::from(*length),
            };
            protocol = *next;
            if is_later {
                self.behind_extensions(protocol)?;
                self.limited(rules & self.rules_by_ip_protocol(protocol, IpVersion::V6))?;
                return Ok(40 + extension);
            }
        }
        self.behind_extensions(protocol)?;
        let rest = rest.get(extension..).unwrap_or_default();
        let whole = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(extension);
        let (first, last) = ICMPV6_WHOLE;
        let is_whole = |kind| kind == ICMPV6_MLD_REPORT || (first..=last).contains(&kind);
        let rules = Ruled { all: rules, of_protocol: self.rules_by_ip_protocol(protocol, IpVersion::V6) };
        Ok(40
            + extension
            + match protocol {
                IP_TCP => self.tcp(rest, rules)?,
                IP_UDP => self.udp(rest, IpVersion::V6, is_fragment, rules)?,
                _ => match (protocol, self.limited(rules.left())?) {
                    (IP_ICMPV6, is_limited) if is_limited || self.limits_ip_protocol(IP_ICMPV6) => ICMP,
                    (IP_ICMPV6, _) => message(rest, whole, is_whole),
                    (other, _) => self.ip_tunnel(other, is_fragment, rest)?,
                },
            })
    }

    /// What the last extension header names is excluded, or may be what is.
    fn behind_extensions(&self, protocol: u8) -> Result<(), End> {
        self.protocol(|exclusions| {
            exclusions.has_ip_protocol(protocol)
                || IPV6_EXTENSIONS.contains(&protocol) && exclusions.is_by_ip_protocol()
        })
    }

    // Most frames come here.
    #[inline(always)]
    fn tcp(&self, segment: &[u8], rules: Ruled) -> Decision {
        let Some([s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, ..]) = segment.first_chunk::<TCP>() else {
            self.limited(rules.left())?;
            return Ok(TCP);
        };
        let ends = [u16::from_be_bytes([*s0, *s1]), u16::from_be_bytes([*d0, *d1])];
        self.protocol(|exclusions| exclusions.has_tcp_port(ends))?;
        if !self.rules.is_empty() {
            self.limited(rules.with(self.rules.with_tcp_port(ends)))?;
        }
        Ok(TCP.max(4 * usize::from(offset >> 4)))
    }

    #[inline]
    fn vlan(&self, control: u16, rules: &mut Candidates) -> Result<(), End> {
        if !self.rules.is_empty() {
            *rules |= self.rules.with_vlan(control & 0x0fff);
        }
        let sets = &self.exclusions.vlans;
        excluded(!sets.is_empty() && self.exclusions.has_vlan(control & 0x0fff), Exclusion::Vlan)
    }

    /// Whether nothing is whole: headers alone are kept of whatever it is.
    #[inline]
    fn is_headers_only(&self) -> bool {
        self.is_within || self.is_limited
    }

    /// Whether no more than headers is kept of a protocol.
    #[inline]
    fn limits(&self, protocol: Protocol) -> bool {
        self.is_headers_only() || self.headers_only.has(protocol)
    }

    #[inline]
    fn limits_ip_protocol(&self, number: u8) -> bool {
        self.is_headers_only() || self.headers_only.has_ip_protocol(number)
    }

    #[inline]
    fn limits_vlan(&self, control: u16) -> bool {
        !self.headers_only.vlans.is_empty() && self.headers_only.has_vlan(control & 0x0fff)
    }

    #[inline]
    fn mac(&self, octets: [u8; 6]) -> Result<(), End> {
        let sets = &self.exclusions.macs;
        excluded(!sets.is_empty() && self.exclusions.has_mac(Mac(octets)), Exclusion::Mac)
    }

    #[inline]
    fn address(&self, address: impl Into<IpAddr>) -> Result<(), End> {
        let sets = &self.exclusions.prefixes;
        excluded(!sets.is_empty() && self.exclusions.has_address(address.into()), Exclusion::Prefix)
    }

    #[inline]
    fn protocol(&self, is_excluded: impl FnOnce(&Exclusions) -> bool) -> Result<(), End> {
        let sets = &self.exclusions.protocols;
        excluded(!sets.is_empty() && is_excluded(&self.exclusions), Exclusion::Protocol)
    }
}

/// What is kept of a TCP segment where nothing is excluded: most frames are one, without an option or extension
/// header of IP.
#[inline(always)]
fn segment(frame: &[u8]) -> Option<usize> {
    let ip = frame.get(ETHERNET..)?;
    let offset = match frame.get(ETHERNET - 2..ETHERNET)? {
        [0x08, 0x00] => match ip.first_chunk::<{ 20 + TCP }>()? {
            [0x45, _, _, _, _, _, f0, f1, _, IP_TCP, ..] if f0 & 0x1f == 0 && *f1 == 0 => 20,
            _ => return None,
        },
        [0x86, 0xdd] => match ip.first_chunk::<{ 40 + TCP }>()? {
            [0x60..=0x6f, _, _, _, _, _, IP_TCP, ..] => 40,
            _ => return None,
        },
        _ => return None,
    };
    let data_offset = ip.get(offset + 12)? >> 4;
    Some(ETHERNET + offset + TCP.max(4 * usize::from(data_offset)))
}

/// A message of ICMPv6 or IGMP: all its `whole` octets when they are no fewer than the header's and `is_whole`
/// says so of its type, otherwise the header.
fn message(rest: &[u8], whole: Option<usize>, is_whole: impl Fn(u8) -> bool) -> usize {
    match (rest.first_chunk::<ICMP>(), whole) {
        (Some([kind, ..]), Some(whole)) if is_whole(*kind) => whole.max(ICMP),
        _ => ICMP,
    }
}

#[inline]
fn excluded(is_excluded: bool, why: Exclusion) -> Result<(), End> {
    if is_excluded { Err(End::Excluded(why)) } else { Ok(()) }
}

/// Most tags in a frame that are looked behind.
const MAX_TAGS: usize = 5;
/// Most extension headers that are stepped over.
const MAX_EXTENSIONS: u8 = headgate_wire::ipv6::MAX_EXTENSIONS;
const ETHERNET: usize = 14;
const TAG: usize = 4;
const TCP: usize = 20;
/// Octets that all messages of ICMP, ICMPv6 and IGMP have.
const ICMP: usize = 8;
