//! From exclusions to a program.

use super::Depth;
use super::assemble::{Assembler, Label};
use super::program::{AD_VLAN_TAG, AD_VLAN_TAG_PRESENT, Program, op};
use super::reason::reason;
use crate::control::{
    ETHERTYPE_ARP, ETHERTYPE_EAPOL, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_LLDP, MAX_LLC, TAGS,
};
use crate::exclude::{Exclusion, Exclusions, MacSet, Protocol};

mod ip;
mod link;
mod transport;

/// The exclusions need more instructions than the kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exclusions need more than the 4096 instructions that the kernel takes; use fewer or wider ones")]
pub struct TooLarge;

/// Compiles the filter.
///
/// # Errors
/// [`TooLarge`].
pub fn compile(exclusions: &Exclusions, depth: Depth) -> Result<Program, TooLarge> {
    compile_limited(exclusions, &Exclusions::default(), depth)
}

/// Compiles the filter with what `headers` says of VLANs, MAC addresses and protocols: of frames that it finds no more
/// than headers are kept. What it says of others is not for the kernel.
///
/// # Errors
/// [`TooLarge`].
pub fn compile_limited(
    exclusions: &Exclusions,
    headers: &Exclusions,
    depth: Depth,
) -> Result<Program, TooLarge> {
    let mut a = Assembler::default();
    let by_link = !headers.vlans.is_empty() || !headers.macs.is_empty();
    let compiler = Compiler {
        exclusions,
        headers,
        limited: by_link.then(|| a.label()),
        is_limited: false,
        depth,
        excluded: Excluded::new(&mut a),
        keep_all: a.label(),
        keep_x: a.label(),
    };
    compiler.link(&mut a);
    a.finish().ok_or(TooLarge)
}

#[derive(Clone, Copy)]
struct Compiler<'a> {
    exclusions: &'a Exclusions,
    headers: &'a Exclusions,
    /// Where those frames are read of which no more than headers is kept.
    limited: Option<Label>,
    /// Whether only those are read here.
    is_limited: bool,
    depth: Depth,
    excluded: Excluded,
    keep_all: Label,
    /// Keep as many octets as X says.
    keep_x: Label,
}

#[derive(Clone, Copy)]
struct Excluded {
    mac: Label,
    prefix: Label,
    protocol: Label,
}

impl Excluded {
    fn new(a: &mut Assembler) -> Self {
        Excluded { mac: a.label(), prefix: a.label(), protocol: a.label() }
    }
}

impl Compiler<'_> {
    /// Ethernet (IEEE 802.3) and the VLAN tags in the frame; the outermost is normally beside it.
    fn link(&self, a: &mut Assembler) {
        let [whole_headers, layer_3] = [a.label(), a.label()];
        // The kernel wants every scratch word written before it is read, on every path and even past a return.
        a.op(op::LDX_IMM, 0).op(op::STX, LAYER_4).op(op::STX, ETHERTYPE);
        if self.limited.is_some() {
            a.op(op::STX, LIMITED);
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
            self.vlans(a, |a| {
                a.op(op::LD_H_ABS, tag);
            });
            a.op(op::LDX_IMM, tag + TAG).op(op::LD_H_ABS, tag + 2).op(op::ST, ETHERTYPE);
        }
        a.jump(layer_3);

        a.place(whole_headers).keep(ETHERNET);

        a.place(layer_3);
        macs(a, &self.exclusions.macs, self.excluded.mac);
        if let Some(limited) = self.limited {
            macs(a, &self.headers.macs, limited);
            a.op(op::LD_MEM, LIMITED).when(op::JEQ_K, 1, limited);
        }
        self.layer_3(a);
        if let Some(limited) = self.limited {
            a.place(limited);
            Compiler { is_limited: true, ..*self }.layer_3(a);
        }
        self.ends(a);
    }

    fn beside_tag(&self, a: &mut Assembler) {
        if self.exclusions.vlans.is_empty() && self.headers.vlans.is_empty() {
            return;
        }
        let none = a.label();
        a.op(op::LD_W_ABS, AD_VLAN_TAG_PRESENT).when(op::JEQ_K, 0, none);
        self.vlans(a, |a| {
            a.op(op::LD_W_ABS, AD_VLAN_TAG);
        });
        a.place(none);
    }

    fn vlans(&self, a: &mut Assembler, load: impl Fn(&mut Assembler)) {
        if self.exclusions.vlans.is_empty() && self.headers.vlans.is_empty() {
            return;
        }
        load(a);
        a.op(op::AND_K, 0x0fff);
        // The ends are near, so that no jump to them is long: this stands in the program once for each tag.
        let [excluded, limited, other] = [a.label(), a.label(), a.label()];
        vlans(a, &self.exclusions.vlans, excluded);
        vlans(a, &self.headers.vlans, limited);
        a.jump(other);
        if !self.exclusions.vlans.is_empty() {
            a.place(excluded).keep(reason(Exclusion::Vlan));
        }
        if !self.headers.vlans.is_empty() {
            a.place(limited).op(op::AND_K, 0).op(op::ADD_K, 1).op(op::ST, LIMITED);
        }
        a.place(other);
    }

    /// X is the offset behind the link headers.
    fn layer_3(&self, a: &mut Assembler) {
        let [arp, eapol, ipv4, ipv6] = [a.label(), a.label(), a.label(), a.label()];
        a.op(op::LD_MEM, ETHERTYPE);
        a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), ipv4).when(op::JEQ_K, ETHERTYPE_IPV6.into(), ipv6);
        for (ethertype, protocol, read) in [
            (ETHERTYPE_ARP, Protocol::Arp, arp),
            (ETHERTYPE_LLDP, Protocol::Lldp, self.unless_limited(Protocol::Lldp, self.keep_all, self.keep_x)),
            (ETHERTYPE_EAPOL, Protocol::Eapol, self.unless_limited(Protocol::Eapol, eapol, self.keep_x)),
        ] {
            a.when(op::JEQ_K, ethertype.into(), self.unless_excluded(protocol, read));
        }
        a.when(op::JGT_K, MAX_LLC.into(), self.keep_x);
        self.llc(a);
        if !self.limits(Protocol::Eapol) {
            a.place(eapol);
            self.eapol(a);
        }
        a.place(arp);
        self.arp(a);
        a.place(ipv4);
        self.ipv4(a);
        a.place(ipv6);
        self.ipv6(a);
    }

    /// Where to go with a protocol that is otherwise read at `read`.
    fn unless_excluded(&self, protocol: Protocol, read: Label) -> Label {
        if self.exclusions.has(protocol) { self.excluded.protocol } else { read }
    }

    /// Whether no more than headers is kept of a protocol.
    fn limits(&self, protocol: Protocol) -> bool {
        self.is_limited || self.headers.has(protocol)
    }

    fn limits_ip_protocol(&self, number: u8) -> bool {
        self.is_limited || self.headers.has_ip_protocol(number)
    }

    fn unless_limited(&self, protocol: Protocol, whole: Label, header: Label) -> Label {
        if self.limits(protocol) { header } else { whole }
    }

    fn ends(&self, a: &mut Assembler) {
        a.place(self.keep_x).keep_x(0);
        a.place(self.keep_all).keep(WHOLE_FRAME);
        a.place(self.excluded.mac).keep(reason(Exclusion::Mac));
        a.place(self.excluded.prefix).keep(reason(Exclusion::Prefix));
        a.place(self.excluded.protocol).keep(reason(Exclusion::Protocol));
    }
}

/// Goes to `target` with a VLAN, in A, that is in one of the ranges.
fn vlans(a: &mut Assembler, ranges: &[(u16, u16)], target: Label) {
    for (first, last) in ranges {
        if first == last {
            a.when(op::JEQ_K, (*first).into(), target);
            continue;
        }
        let next = a.label();
        a.unless(op::JGE_K, (*first).into(), next).unless(op::JGT_K, (*last).into(), target);
        a.place(next);
    }
}

/// Goes to `target` with a frame whose destination or source is in one of the sets.
fn macs(a: &mut Assembler, sets: &[MacSet], target: Label) {
    for set in sets {
        for at in [0, 6] {
            let next = a.label();
            match set {
                MacSet::Exact(mac) => {
                    let [b0, b1, b2, b3, b4, b5] = mac.0;
                    a.op(op::LD_W_ABS, at).unless(op::JEQ_K, u32::from_be_bytes([b0, b1, b2, b3]), next);
                    a.op(op::LD_H_ABS, at + 4).when(op::JEQ_K, u32::from_be_bytes([0, 0, b4, b5]), target);
                }
                MacSet::Oui([b0, b1, b2]) => {
                    a.op(op::LD_W_ABS, at).op(op::RSH_K, 8);
                    a.when(op::JEQ_K, u32::from_be_bytes([0, *b0, *b1, *b2]), target);
                }
                MacSet::LocallyAdministered => {
                    a.op(op::LD_B_ABS, at).op(op::AND_K, 0x03).when(op::JEQ_K, 0x02, target);
                }
                MacSet::Group => {
                    a.op(op::LD_B_ABS, at).when(op::JSET_K, 0x01, target);
                }
            }
            a.place(next);
        }
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
/// Scratch word: offset of the transport layer.
const LAYER_4: u32 = 0;
/// Scratch word: type field behind the tags.
const ETHERTYPE: u32 = 1;
/// Scratch word: 1 where no more than headers is kept of a frame because of its VLAN.
const LIMITED: u32 = 3;
/// Scratch word: where something ends. Written in the branch that reads it.
const END: u32 = 2;
