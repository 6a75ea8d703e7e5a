//! From exclusions to a program.

use std::net::IpAddr;
use std::sync::Arc;

use super::assemble::{Assembler, Label};
use super::program::{AD_VLAN_TAG, AD_VLAN_TAG_PRESENT, Program, op};
use super::reason::{End, reason};
use super::selection::Selection;
use super::{Depth, Keep, Left, Tunnels};
use crate::control::{
    ETHERTYPE_ARP, ETHERTYPE_EAPOL, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_LLDP, MAX_LLC, TAGS,
};
use crate::exclude::{Exclusion, Exclusions, Protocol};
use crate::rule::RuleList;
use crate::treat::{mask_v4, mask_v6};

use self::macs::{Ends, macs};
use self::sets::{Range, Word};

mod gre;
mod ieee80211;
mod ip;
mod link;
mod macs;
mod rules;
mod sets;
pub(super) mod share;
mod transport;
mod tunnel;

/// The rules need more instructions than the kernel takes, even without exclusions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter needs more than the 4096 instructions that the kernel takes")]
pub struct TooLarge;

/// Compiles the filter: the kernel's program, and the same decision in Rust. `headers_only` is of which frames no more
/// than headers is kept; what it says of addresses of IP and of interfaces is not for the kernel, nor are opt-out lists,
/// nor rules of some interfaces. What else does not fit is left to the collect gate, sort by sort, and of rules the last
/// first ([`Keep::left`]).
///
/// # Errors
/// [`TooLarge`].
pub fn compile(
    exclusions: &Exclusions,
    headers_only: &Exclusions,
    rules: &RuleList,
    depth: Depth,
) -> Result<(Program, Keep), TooLarge> {
    let frames = Exclusions { opt_outs: Arc::default(), ..exclusions.clone() };
    let looks_into_tunnels = depth.tunnels != Tunnels::NONE;
    let within_tunnels = if looks_into_tunnels { frames.clone() } else { Exclusions::default() };
    let headers_only = Exclusions {
        interfaces: Vec::new(),
        prefixes: Vec::new(),
        opt_outs: Arc::default(),
        ..headers_only.clone()
    };
    let count = rules.iter().count();
    let mut decided = Decided {
        frames,
        within_tunnels,
        headers_only,
        rules: Selection::new(rules, count),
        rules_within: if looks_into_tunnels { Selection::within(rules, count) } else { Selection::default() },
    };
    let mut left = Vec::new();
    let mut next = Left::ORDER.into_iter().peekable();
    loop {
        if let Some(program) = program(&decided, depth) {
            return Ok((program, Keep::new(&decided, depth, left)));
        }
        let leave = *next.peek().ok_or(TooLarge)?;
        if !leave.take_from(&mut decided, rules) {
            next.next();
        } else if left.last() != Some(&leave) {
            left.push(leave);
        }
    }
}

/// What the program decides.
pub(super) struct Decided {
    pub(super) frames: Exclusions,
    pub(super) within_tunnels: Exclusions,
    pub(super) headers_only: Exclusions,
    pub(super) rules: Selection,
    pub(super) rules_within: Selection,
}

impl Decided {
    /// Whether no more than headers is kept of some frames because of their VLAN or MAC address.
    pub(super) fn limits_by_link(&self) -> bool {
        !self.headers_only.vlans.is_empty() || !self.headers_only.macs.is_empty()
    }
}

/// The program that decides this, where it fits.
fn program(decided: &Decided, depth: Depth) -> Option<Program> {
    let mut a = Assembler::default();
    let looks_into_tunnels = depth.tunnels != Tunnels::NONE;
    let tunnels = looks_into_tunnels.then(|| tunnel::Labels::new(&mut a));
    let Decided { frames, within_tunnels, headers_only, rules, rules_within } = decided;
    let limited = decided.limits_by_link().then(|| a.label());
    let nothing = Exclusions::default();
    let within = (within_tunnels, &nothing, rules_within);
    let inner =
        tunnels.is_some().then(|| Compiler { is_within: true, ..Compiler::new(&mut a, within, depth, None) });
    let frame = Compiler { limited, ..Compiler::new(&mut a, (frames, headers_only, rules), depth, tunnels) };
    frame.link(&mut a, inner.as_ref());
    if let Some(limited) = limited {
        a.place(limited);
        let limited = Compiler::new(&mut a, (frames, headers_only, rules), depth, tunnels);
        Compiler { is_limited: true, ..limited }.layer_3(&mut a);
    }
    if let (Some(inner), Some(tunnels)) = (inner, &tunnels) {
        inner.tunnels(&mut a, tunnels);
        inner.frame(&mut a, tunnels);
    }
    a.finish()
}

/// What is compiled once for the frame, once more for frames of which no more than headers is kept because of their
/// VLAN or MAC address, and once more for what is within a tunnel.
struct Compiler<'a> {
    exclusions: &'a Exclusions,
    /// Of which no more than headers is kept.
    headers_only: &'a Exclusions,
    rules: &'a Selection,
    /// Where it goes on with those frames, where there are any.
    limited: Option<Label>,
    /// Whether this is there.
    is_limited: bool,
    depth: Depth,
    /// Where tunnels are looked into. Not within one.
    tunnels: Option<tunnel::Labels>,
    /// Whether this is within a tunnel, where nothing but headers is kept.
    is_within: bool,
    excluded: Excluded,
    keep_all: Label,
    /// Keep as many octets as X says.
    keep_x: Label,
    /// X is the offset of what they read; the first is for frames within tunnels.
    frame: Label,
    ipv4: Label,
    ipv6: Label,
    tcp: Label,
    radius: Label,
    /// The same, of IP within a tunnel without Ethernet.
    bare_ipv4: Label,
    bare_ipv6: Label,
    /// What is neither IP nor a protocol that is told apart: keeps as many octets as X says, where no rule ends it.
    other: Label,
}

struct Excluded {
    mac: Label,
    prefix: Label,
    protocol: Label,
    by_rules: Vec<(End, Label)>,
}

impl<'a> Compiler<'a> {
    fn new(
        a: &mut Assembler,
        (exclusions, headers_only, rules): (&'a Exclusions, &'a Exclusions, &'a Selection),
        depth: Depth,
        tunnels: Option<tunnel::Labels>,
    ) -> Self {
        let by_rules = rules.ends().into_iter().map(|end| (end, a.label())).collect();
        let [ipv4, ipv6, keep_x] = [a.label(), a.label(), a.label()];
        // Without rules there is nothing to be done before.
        let mut before = |label| if rules.is_empty() { label } else { a.label() };
        let [bare_ipv4, bare_ipv6, other] = [before(ipv4), before(ipv6), before(keep_x)];
        Compiler {
            exclusions,
            headers_only,
            rules,
            limited: None,
            is_limited: false,
            depth,
            tunnels,
            is_within: false,
            excluded: Excluded { mac: a.label(), prefix: a.label(), protocol: a.label(), by_rules },
            keep_all: a.label(),
            keep_x,
            frame: a.label(),
            ipv4,
            ipv6,
            tcp: a.label(),
            radius: a.label(),
            bare_ipv4,
            bare_ipv6,
            other,
        }
    }

    /// Ethernet (IEEE 802.3) and the VLAN tags in the frame; the outermost is normally beside it.
    /// `within` is what is compiled for what is within a tunnel.
    fn link(&self, a: &mut Assembler, within: Option<&Compiler<'_>>) {
        let [whole_headers, layer_3] = [a.label(), a.label()];
        // The kernel wants every scratch word written before it is read, on every path and even past a return.
        a.op(op::LDX_IMM, 0);
        for word in [LAYER_4, ETHERTYPE, END, FRAGMENT, DESTINATION, START] {
            a.op(op::STX, word);
        }
        if self.limited.is_some() {
            a.op(op::STX, LIMITED);
        }
        if within.is_some_and(Compiler::tells_stations) {
            a.op(op::STX, SOURCE);
        }
        if !self.rules.is_empty() {
            self.begin_rules(a, within.map_or(0, |within| within.rules.any_vlan));
        }
        a.need(ETHERNET, whole_headers);
        self.beside_tag(a);
        // VLANs of all tags come before addresses, as in Exclusions::judge.
        a.op(op::LDX_IMM, ETHERNET).op(op::LD_H_ABS, ETHERNET - 2).op(op::ST, ETHERTYPE);
        // What most frames are, before what few are.
        a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), layer_3).when(op::JEQ_K, ETHERTYPE_IPV6.into(), layer_3);
        for tag in (0..MAX_TAGS).map(|before| ETHERNET + TAG * before) {
            let tagged = a.label();
            when_tag(a, tagged);
            a.jump(layer_3);
            // A tag that is cut: its frame ends with it, but may still be excluded by address.
            a.place(tagged).need(TAG, layer_3);
            self.vlans(a, op::LD_H_ABS, tag);
            a.op(op::LDX_IMM, tag + TAG).op(op::LD_H_ABS, tag + 2).op(op::ST, ETHERTYPE);
        }
        a.jump(layer_3);

        a.place(whole_headers).keep(ETHERNET);

        a.place(layer_3);
        self.macs(a, Ends::OfFrame);
        self.rules_by_mac(a, Ends::OfFrame);
        if let Some(limited) = self.limited {
            macs(a, &self.headers_only.macs, Ends::OfFrame, limited, |a| {
                a.jump(limited);
            });
            a.op(op::LD_MEM, LIMITED).when(op::JEQ_K, 1, limited);
        }
        self.layer_3(a);
    }

    /// The same within a tunnel: X is the offset of the Ethernet header, or of that of IEEE 802.11.
    fn frame(&self, a: &mut Assembler, tunnels: &tunnel::Labels) {
        let layer_3 = a.label();
        self.ieee80211(a, tunnels, layer_3);
        a.place(self.frame).need(ETHERNET, self.keep_x);
        if self.tells_stations() {
            a.op(op::STX, DESTINATION).op(op::TXA, 0).op(op::ADD_K, 6).op(op::ST, SOURCE);
        }
        a.op(op::LD_H_IND, ETHERNET - 2).op(op::ST, ETHERTYPE);
        a.op(op::TXA, 0).op(op::ADD_K, ETHERNET).op(op::TAX, 0).op(op::LD_MEM, ETHERTYPE);
        a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), layer_3).when(op::JEQ_K, ETHERTYPE_IPV6.into(), layer_3);
        for _ in 0..super::tunnels::MAX_TAGS {
            let tagged = a.label();
            when_tag(a, tagged);
            a.jump(layer_3);
            a.place(tagged).need(TAG, layer_3);
            self.vlans(a, op::LD_H_IND, 0);
            a.op(op::LD_H_IND, 2).op(op::ST, ETHERTYPE);
            a.op(op::TXA, 0).op(op::ADD_K, TAG).op(op::TAX, 0).op(op::LD_MEM, ETHERTYPE);
        }
        a.place(layer_3);
        if self.tells_stations() {
            a.op(op::STX, LAYER_4);
            self.macs(a, Ends::Within);
            self.rules_by_mac(a, Ends::Within);
            a.op(op::LDX_MEM, LAYER_4);
        }
        self.layer_3(a);
    }

    /// Whether anything is decided by MAC address, or by what comes with it.
    fn tells_stations(&self) -> bool {
        !self.exclusions.macs.is_empty() || !self.rules.is_empty()
    }

    fn beside_tag(&self, a: &mut Assembler) {
        let [by_list, limited] = [self.exclusions, self.headers_only].map(|of| !of.vlans.is_empty());
        if !by_list && !limited && self.rules.any_vlan == self.rules.all() {
            return;
        }
        let none = a.label();
        a.op(op::LD_W_ABS, AD_VLAN_TAG_PRESENT).when(op::JEQ_K, 0, none);
        self.vlans(a, op::LD_W_ABS, AD_VLAN_TAG);
        a.place(none);
    }

    fn vlans(&self, a: &mut Assembler, load: u16, at: u32) {
        let ids = |of: &Exclusions| -> Vec<Range> {
            of.vlans.iter().map(|(first, last)| (u128::from(*first), u128::from(*last))).collect()
        };
        let id = [Word { load, at, mask: Some(VLAN_ID), bits: 12 }];
        sets::exclude(a, &id, ids(self.exclusions), reason(Exclusion::Vlan));
        sets::find(a, &id, ids(self.headers_only), |a| {
            a.op(op::AND_K, 0).op(op::ADD_K, 1).op(op::ST, LIMITED);
        });
        self.rules_by_vlan(a, load, at);
    }

    /// Ends where an address is excluded.
    fn macs(&self, a: &mut Assembler, ends: Ends) {
        macs(a, &self.exclusions.macs, ends, self.excluded.mac, |a| {
            a.keep(reason(Exclusion::Mac));
        });
    }

    /// X is the offset behind the link headers.
    fn layer_3(&self, a: &mut Assembler) {
        let [arp, eapol] = [a.label(), a.label()];
        a.op(op::LD_MEM, ETHERTYPE);
        a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), self.ipv4).when(op::JEQ_K, ETHERTYPE_IPV6.into(), self.ipv6);
        let whole =
            [(ETHERTYPE_LLDP, Protocol::Lldp, self.keep_all), (ETHERTYPE_EAPOL, Protocol::Eapol, eapol)];
        let whole = whole.map(|(ethertype, protocol, read)| {
            let read = if self.limits(protocol) { self.keep_x } else { read };
            // Where rules decide before.
            let ruled = if self.rules.is_empty() { read } else { a.label() };
            (ethertype, protocol, ruled, read)
        });
        a.when(op::JEQ_K, ETHERTYPE_ARP.into(), self.unless_excluded(Protocol::Arp, arp));
        for (ethertype, protocol, ruled, _) in whole {
            a.when(op::JEQ_K, ethertype.into(), self.unless_excluded(protocol, ruled));
        }
        a.when(op::JGT_K, MAX_LLC.into(), self.other);
        self.llc(a);
        for (_, protocol, ruled, read) in whole.into_iter().filter(|(.., ruled, read)| ruled != read) {
            a.place(ruled);
            self.decide(a, self.without_ip(Some(protocol)), self.keep_x);
            a.jump(read);
        }
        if !self.limits(Protocol::Eapol) {
            a.place(eapol);
            self.eapol(a);
        }
        a.place(arp);
        self.arp(a);
        self.rules_without_link(a, self.bare_ipv4, self.ipv4);
        a.place(self.ipv4);
        self.ipv4(a);
        self.rules_without_link(a, self.bare_ipv6, self.ipv6);
        a.place(self.ipv6);
        self.ipv6(a);
        a.place(self.tcp);
        self.tcp(a);
        self.radius(a);
        self.ends(a);
    }

    /// Where to go with a protocol that is otherwise read at `read`.
    fn unless_excluded(&self, protocol: Protocol, read: Label) -> Label {
        if self.exclusions.has(protocol) { self.excluded.protocol } else { read }
    }

    /// Whether nothing is whole: headers alone are kept of whatever it is.
    fn is_headers_only(&self) -> bool {
        self.is_within || self.is_limited
    }

    /// Whether no more than headers is kept of a protocol.
    fn limits(&self, protocol: Protocol) -> bool {
        self.is_headers_only() || self.headers_only.has(protocol)
    }

    fn limits_ip_protocol(&self, number: u8) -> bool {
        self.is_headers_only() || self.headers_only.has_ip_protocol(number)
    }

    /// Where a frame goes that a rule ends.
    fn end(&self, end: End) -> Label {
        let ends = &self.excluded.by_rules;
        ends.iter().find(|(one, _)| *one == end).map_or(self.keep_x, |(_, label)| *label)
    }

    fn ends(&self, a: &mut Assembler) {
        if !self.rules.is_empty() {
            a.place(self.other);
            self.decide(a, self.without_ip(None), self.keep_x);
        }
        a.place(self.keep_x).keep_x(0);
        a.place(self.keep_all).keep(WHOLE_FRAME);
        a.place(self.excluded.mac).keep(reason(Exclusion::Mac));
        a.place(self.excluded.prefix).keep(reason(Exclusion::Prefix));
        a.place(self.excluded.protocol).keep(reason(Exclusion::Protocol));
        for (end, label) in &self.excluded.by_rules {
            a.place(*label).keep(end.octets());
        }
    }
}

/// The addresses of a prefix of IPv4.
fn range_v4((network, length): &(IpAddr, u8)) -> Option<Range> {
    match network {
        IpAddr::V4(n) => Some((n.to_bits().into(), (n.to_bits() | !mask_v4(*length)).into())),
        IpAddr::V6(_) => None,
    }
}

/// The addresses of a prefix of IPv6.
fn range_v6((network, length): &(IpAddr, u8)) -> Option<Range> {
    match network {
        IpAddr::V6(n) => Some((n.to_bits(), n.to_bits() | !mask_v6(*length))),
        IpAddr::V4(_) => None,
    }
}

fn when_tag(a: &mut Assembler, target: Label) {
    for tag in TAGS {
        a.when(op::JEQ_K, tag.into(), target);
    }
}

const ETHERNET: u32 = 14;
const TAG: u32 = 4;
/// Most tags in a frame that are looked behind; with the one beside it no fewer than are read.
const MAX_TAGS: u32 = 5;
/// More than any frame has.
const WHOLE_FRAME: u32 = u32::MAX;
const VLAN_ID: u32 = 0x0fff;
/// Scratch word: offset of the transport layer.
const LAYER_4: u32 = 0;
/// Scratch word: type field behind the tags; then the protocol of what is read.
const ETHERTYPE: u32 = 1;
/// Scratch word: where something ends.
const END: u32 = 2;
/// Scratch word: the field of IPv4 or of a Fragment header in which [`MORE_FRAGMENTS`] is.
const FRAGMENT: u32 = 3;
/// M of IPv6, and MF of IPv4; both in fields whose offset is zero.
const MORE_FRAGMENTS: u32 = 0x2001;
/// Scratch words: offsets of the destination and source address within a tunnel. The latter only where something is
/// decided by them.
const DESTINATION: u32 = 4;
const SOURCE: u32 = 12;
/// Scratch word: the first four octets of what is read.
const START: u32 = 5;
/// Scratch word: 1 where a VLAN says that no more than headers is kept. Only where any does.
const LIMITED: u32 = 6;
/// Scratch words of rules ([`rules`]), each with rules as bits; and X, where that is needed for one of them. Only where
/// there are rules.
const RULES: u32 = 7;
const GATHERED: u32 = 8;
const VLANS: u32 = 9;
const TUNNEL_VLANS: u32 = 10;
const SAVED_X: u32 = 11;
