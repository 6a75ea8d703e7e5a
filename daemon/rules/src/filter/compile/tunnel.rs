//! Tunnels, looked into to one level. X is the offset of the UDP header; of tunnels above IP the scratch word has it.
//!
//! A datagram is recognised by its port and then by what it says, reserved bits among it: where they are not zero,
//! nothing behind UDP is kept. Of a packet that is a fragment nothing is kept either, as nothing is read there.

use headgate_wire::{avs, capwap, geneve, prism, tzsp, vxlan};

use super::{Compiler, END, ETHERTYPE, FRAGMENT, LAYER_4, MORE_FRAGMENTS, START};
use crate::control::{
    ETHERTYPE_BRIDGED, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IP_ETHERNET, IP_GRE, IP_IPV4, IP_IPV6,
};
use crate::filter::Tunnel;
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;
use crate::filter::tunnels::MAX_TZSP_TAGS;

/// Where tunnels are read.
#[derive(Clone, Copy)]
pub(super) struct Labels {
    capwap: Label,
    /// Of a datagram from the port of CAPWAP.
    from_capwap: Label,
    geneve: Label,
    gpe: Label,
    gre: Label,
    tzsp: Label,
    vxlan: Label,
    ethernet_in_ip: Label,
    ipv4_in_ip: Label,
    ipv6_in_ip: Label,
    /// Of what is within, IEEE 802.11, of whose header X is the offset; and the same in CAPWAP.
    pub(super) ieee80211: Label,
    pub(super) ieee80211_in_capwap: Label,
}

impl Labels {
    pub(super) fn new(a: &mut Assembler) -> Self {
        Labels {
            capwap: a.label(),
            from_capwap: a.label(),
            geneve: a.label(),
            gpe: a.label(),
            gre: a.label(),
            tzsp: a.label(),
            vxlan: a.label(),
            ethernet_in_ip: a.label(),
            ipv4_in_ip: a.label(),
            ipv6_in_ip: a.label(),
            ieee80211: a.label(),
            ieee80211_in_capwap: a.label(),
        }
    }
}

/// What a tunnel keeps where it is not looked into.
#[derive(Clone, Copy)]
pub(super) struct Unread {
    /// The header of IP.
    pub(super) ip: Label,
    /// The header of UDP.
    udp: Label,
    /// And the fixed part of a header of eight octets.
    udp_and_8: Label,
}

impl Compiler<'_> {
    /// A is an IP protocol number.
    pub(super) fn ip_tunnels(&self, a: &mut Assembler) {
        let Some(to) = &self.tunnels else { return };
        let is_in = |kind| self.depth.tunnels.contains(kind);
        if is_in(Tunnel::Gre) || is_in(Tunnel::Erspan) {
            a.when(op::JEQ_K, IP_GRE.into(), to.gre);
        }
        if is_in(Tunnel::Ip) {
            a.when(op::JEQ_K, IP_IPV4.into(), to.ipv4_in_ip);
            a.when(op::JEQ_K, IP_IPV6.into(), to.ipv6_in_ip);
            a.when(op::JEQ_K, IP_ETHERNET.into(), to.ethernet_in_ip);
        }
    }

    /// Before what else UDP carries, as in what reads it.
    pub(super) fn udp_tunnels(&self, a: &mut Assembler) {
        let Some(to) = &self.tunnels else { return };
        let is_in = |kind| self.depth.tunnels.contains(kind);
        let ports = [
            (vxlan::PORT, Tunnel::Vxlan, to.vxlan),
            (vxlan::LINUX_PORT, Tunnel::Vxlan, to.vxlan),
            (vxlan::GPE_PORT, Tunnel::Vxlan, to.gpe),
            (geneve::PORT, Tunnel::Geneve, to.geneve),
            (tzsp::PORT, Tunnel::Tzsp, to.tzsp),
            (capwap::DATA_PORT, Tunnel::Capwap, to.capwap),
        ];
        let none = a.label();
        a.op(op::LD_H_IND, 0).when(op::JEQ_K, capwap::DATA_PORT.into(), to.from_capwap);
        a.op(op::LD_H_IND, 2).unless(op::JGE_K, vxlan::PORT.into(), none).when(
            op::JGT_K,
            tzsp::PORT.into(),
            none,
        );
        for (port, _, target) in ports.iter().filter(|(_, kind, _)| is_in(*kind)) {
            a.when(op::JEQ_K, (*port).into(), *target);
        }
        a.place(none);
    }

    /// The headers of tunnels, from which it goes on to what is within.
    pub(super) fn tunnels(&self, a: &mut Assembler, at: &Labels) {
        let unread = Unread { ip: a.label(), udp: a.label(), udp_and_8: a.label() };
        let to = |kind, label| if self.depth.tunnels.contains(kind) { label } else { unread.udp };
        a.place(at.from_capwap).op(op::LD_H_IND, 2);
        for (port, kind, label) in
            [(geneve::PORT, Tunnel::Geneve, at.geneve), (tzsp::PORT, Tunnel::Tzsp, at.tzsp)]
        {
            a.when(op::JEQ_K, port.into(), to(kind, label));
        }
        a.jump(to(Tunnel::Capwap, at.capwap));
        self.vxlan(a, at, unread);
        self.geneve(a, at.geneve, unread);
        self.tzsp(a, at, unread);
        self.capwap(a, at, unread);
        self.gre(a, at.gre, unread);
        let within = [
            (at.ipv4_in_ip, self.bare_ipv4),
            (at.ipv6_in_ip, self.bare_ipv6),
            (at.ethernet_in_ip, self.frame),
        ];
        for (label, target) in within {
            a.place(label).op(op::LD_MEM, FRAGMENT).when(op::JSET_K, MORE_FRAGMENTS, unread.ip);
            a.op(op::LDX_MEM, LAYER_4).jump(target);
        }
        a.place(unread.ip).op(op::LD_MEM, LAYER_4).keep_a();
        a.place(unread.udp).op(op::LDX_MEM, LAYER_4).keep_x(UDP);
        a.place(unread.udp_and_8).op(op::LDX_MEM, LAYER_4).keep_x(UDP + 8);
    }

    /// VXLAN (RFC 7348, 5), also with a group policy, and VXLAN-GPE.
    fn vxlan(&self, a: &mut Assembler, at: &Labels, unread: Unread) {
        if !self.depth.tunnels.contains(Tunnel::Vxlan) {
            return;
        }
        let [frame, next] = [a.label(), a.label()];
        a.place(at.gpe);
        header_of_8(a, unread);
        a.op(op::AND_K, GPE_MASK).unless(op::JEQ_K, VXLAN, unread.udp);
        a.op(op::LD_MEM, START).op(op::AND_K, 0xff).op(op::ST, ETHERTYPE);
        a.op(op::LD_MEM, START).when(op::JSET_K, GPE_NEXT_PROTOCOL, next);
        a.op(op::LD_MEM, ETHERTYPE).when(op::JEQ_K, 0, frame).jump(unread.udp);
        a.place(next);
        behind(a, UDP + 8).op(op::LD_MEM, ETHERTYPE);
        a.when(op::JEQ_K, GPE_IPV4, self.bare_ipv4).when(op::JEQ_K, GPE_IPV6, self.bare_ipv6);
        a.when(op::JEQ_K, GPE_ETHERNET, self.frame).jump(self.keep_x);

        a.place(at.vxlan);
        header_of_8(a, unread);
        a.when(op::JEQ_K, VXLAN, frame);
        a.op(op::AND_K, VXLAN_POLICY_MASK).unless(op::JEQ_K, VXLAN_POLICY, unread.udp);
        a.place(frame);
        behind(a, UDP + 8).jump(self.frame);
    }

    /// GENEVE (RFC 8926, 3.4) with its options; not messages of the tunnel itself.
    fn geneve(&self, a: &mut Assembler, at: Label, unread: Unread) {
        if !self.depth.tunnels.contains(Tunnel::Geneve) {
            return;
        }
        let known = a.label();
        a.place(at);
        header_of_8(a, unread);
        a.when(op::JSET_K, GENEVE_OTHER, unread.udp).op(op::AND_K, 0xffff).op(op::ST, ETHERTYPE);
        for protocol in [ETHERTYPE_BRIDGED, ETHERTYPE_IPV4, ETHERTYPE_IPV6] {
            a.when(op::JEQ_K, protocol.into(), known);
        }
        a.jump(unread.udp).place(known);
        a.op(op::LD_MEM, START).op(op::RSH_K, 24).op(op::LSH_K, 2);
        a.op(op::ADD_K, UDP + 8).op(op::ADD_X, 0).op(op::TAX, 0);
        a.op(op::LD_W_LEN, 0).unless(op::JGE_X, 0, unread.udp_and_8).op(op::LD_MEM, ETHERTYPE);
        a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), self.bare_ipv4);
        a.when(op::JEQ_K, ETHERTYPE_IPV6.into(), self.bare_ipv6).jump(self.frame);
    }

    /// TZSP, of frames that were received or are to be transmitted. Where the end of the tagged fields is not found, or
    /// a header of Prism or AVS behind them is none that is read, none of it is kept.
    fn tzsp(&self, a: &mut Assembler, at: &Labels, unread: Unread) {
        if !self.depth.tunnels.contains(Tunnel::Tzsp) {
            return;
        }
        let [known, cut, end] = [a.label(), a.label(), a.label()];
        a.place(at.tzsp);
        whole(a, UDP + 4, unread.udp);
        a.op(op::LD_W_IND, UDP).op(op::AND_K, TZSP_MASK).op(op::ST, START);
        for kind in [TZSP, TZSP_IEEE80211, TZSP_PRISM] {
            a.when(op::JEQ_K, kind, known);
        }
        a.unless(op::JEQ_K, TZSP_AVS, unread.udp).place(known);
        behind(a, UDP + 4);
        for _ in 0..=MAX_TZSP_TAGS {
            let [field, step] = [a.label(), a.label()];
            a.need(2, cut).op(op::LD_H_IND, 0);
            a.when(op::JGE_K, TZSP_FIELDS, field).when(op::JGE_K, TZSP_END, end);
            a.op(op::AND_K, 0).op(op::ADD_K, 1).jump(step);
            a.place(field).op(op::AND_K, 0xff).op(op::ADD_K, 2);
            a.place(step).op(op::ADD_X, 0).op(op::TAX, 0);
        }
        a.jump(cut).place(end);
        behind(a, 1).op(op::LD_MEM, START).when(op::JEQ_K, TZSP, self.frame);
        a.when(op::JEQ_K, TZSP_IEEE80211, at.ieee80211);
        monitored(a, at.ieee80211, cut);
        a.place(cut).op(op::LDX_MEM, LAYER_4).keep_x(UDP + 4);
    }

    /// CAPWAP data (RFC 5415, 4.3) with frames of IEEE 802.3 and IEEE 802.11, from the length on that its header says.
    fn capwap(&self, a: &mut Assembler, at: &Labels, unread: Unread) {
        if !self.depth.tunnels.contains(Tunnel::Capwap) {
            return;
        }
        let first = a.label();
        a.place(at.capwap);
        whole(a, UDP + 8, unread.udp);
        a.op(op::LD_W_IND, UDP).op(op::ST, START).when(op::JSET_K, CAPWAP_OTHER, unread.udp);
        a.op(op::RSH_K, 19).op(op::LSH_K, 2).op(op::ST, END).unless(op::JGE_K, 8, unread.udp);
        a.op(op::LD_H_IND, UDP + 6).op(op::ST, ETHERTYPE).when(op::JSET_K, CAPWAP_RESERVED, unread.udp);
        a.op(op::LD_MEM, START).when(op::JSET_K, CAPWAP_KEEPALIVE, unread.udp_and_8);
        a.unless(op::JSET_K, CAPWAP_FRAGMENT, first);
        a.op(op::LD_MEM, ETHERTYPE).unless(op::JEQ_K, 0, unread.udp_and_8);
        a.place(first).op(op::LD_MEM, END).op(op::ADD_K, UDP).op(op::ADD_X, 0).op(op::TAX, 0);
        a.op(op::LD_W_LEN, 0).unless(op::JGE_X, 0, unread.udp_and_8);
        a.op(op::LD_MEM, START).unless(op::JSET_K, CAPWAP_NATIVE, self.frame);
        a.op(op::AND_K, CAPWAP_BINDING);
        a.when(op::JEQ_K, CAPWAP_IEEE80211, at.ieee80211_in_capwap).jump(unread.udp_and_8);
    }
}

/// A Prism or AVS header, and behind it a frame.
fn monitored(a: &mut Assembler, frame: Label, cut: Label) {
    let [prism, length] = [a.label(), a.label()];
    let versions = [a.label(), a.label()];
    a.need(8, cut).op(op::LD_W_IND, 0);
    for (magic, version) in avs::MAGIC.into_iter().zip(versions) {
        a.when(op::JEQ_K, magic, version);
    }
    for code in prism::MESSAGE_CODES {
        a.when(op::JEQ_K, code, prism).when(op::JEQ_K, code.swap_bytes(), prism);
    }
    a.jump(cut);
    for (least, version) in avs::HEADER_LEN.into_iter().zip(versions) {
        a.place(version).op(op::LD_W_IND, 4).when(op::JGE_K, octets(least), length).jump(cut);
    }
    a.place(length).when(op::JGT_K, octets(avs::MAX_LEN), cut).op(op::ADD_X, 0).op(op::TAX, 0);
    a.op(op::LD_W_LEN, 0).when(op::JGE_X, 0, frame).jump(cut);
    a.place(prism).need(octets(prism::HEADER_LEN), cut);
    behind(a, octets(prism::HEADER_LEN)).jump(frame);
}

/// A length of a header, which is short.
fn octets(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A header of eight octets, of which the last is reserved; A is its first four.
fn header_of_8(a: &mut Assembler, unread: Unread) {
    whole(a, UDP + 8, unread.udp);
    a.op(op::LD_B_IND, UDP + 7).unless(op::JEQ_K, 0, unread.udp);
    a.op(op::LD_W_IND, UDP).op(op::ST, START);
}

/// Goes on only with `octets` of a packet that is no fragment.
pub(super) fn whole(a: &mut Assembler, octets: u32, otherwise: Label) {
    a.op(op::LD_MEM, FRAGMENT).when(op::JSET_K, MORE_FRAGMENTS, otherwise).need(octets, otherwise);
}

/// Moves X. Clobbers A.
pub(super) fn behind(a: &mut Assembler, octets: u32) -> &mut Assembler {
    a.op(op::TXA, 0).op(op::ADD_K, octets).op(op::TAX, 0)
}

const UDP: u32 = 8;
/// The first four octets: I, and no other flag.
const VXLAN: u32 = 0x0800_0000;
/// With a group policy: G and I, D and A as they like, a group.
const VXLAN_POLICY: u32 = 0x8800_0000;
const VXLAN_POLICY_MASK: u32 = 0xffb7_0000;
/// P and B as they like, and a next protocol.
const GPE_MASK: u32 = 0xf9ff_ff00;
const GPE_NEXT_PROTOCOL: u32 = 0x0400_0000;
const GPE_IPV4: u32 = 1;
const GPE_IPV6: u32 = 2;
const GPE_ETHERNET: u32 = 3;
/// Version, O and reserved bits.
const GENEVE_OTHER: u32 = 0xc0bf_0000;
/// Version 1, of type 0 or 1, Ethernet; and IEEE 802.11.
const TZSP: u32 = 0x0100_0001;
const TZSP_IEEE80211: u32 = 0x0100_0012;
/// IEEE 802.11 behind a Prism header, and behind one of AVS; what stands there says which.
const TZSP_PRISM: u32 = 0x0100_0077;
const TZSP_AVS: u32 = 0x0100_007f;
const TZSP_MASK: u32 = 0xfffe_ffff;
/// The type and length of tagged fields, from these on: the end, and those that have a length.
const TZSP_END: u32 = 0x0100;
const TZSP_FIELDS: u32 = 0x0200;
/// Version, type and reserved bits.
const CAPWAP_OTHER: u32 = 0xff00_0007;
/// Reserved bits beside the offset of a fragment.
const CAPWAP_RESERVED: u32 = 0x07;
/// T: a frame of the radio's own kind.
const CAPWAP_NATIVE: u32 = 0x0100;
/// WBID: which kind that is.
const CAPWAP_BINDING: u32 = 0x3e00;
const CAPWAP_IEEE80211: u32 = 0x0200;
/// K.
const CAPWAP_KEEPALIVE: u32 = 0x08;
const CAPWAP_FRAGMENT: u32 = 0x80;
