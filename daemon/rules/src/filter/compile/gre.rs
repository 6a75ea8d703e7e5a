//! GRE, and PPP, MPLS and ERSPAN in it.

use super::tunnel::{Unread, behind, whole};
use super::{Compiler, END, LAYER_4, START, VLAN_ID};
use crate::control::{
    ETHERTYPE_BRIDGED, ETHERTYPE_ERSPAN, ETHERTYPE_ERSPAN_III, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPP,
    ETHERTYPES_MPLS, PPP_ADDRESS_CONTROL, PPP_IPV4, PPP_IPV6,
};
use crate::filter::Tunnel;
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;
use crate::filter::tunnels::MAX_LABELS;

impl Compiler<'_> {
    /// GRE (RFC 2784, RFC 2890), and what is in it.
    pub(super) fn gre(&self, a: &mut Assembler, at: Label, unread: Unread) {
        let kinds = self.depth.tunnels;
        if !(kinds.contains(Tunnel::Gre) || kinds.contains(Tunnel::Erspan)) {
            return;
        }
        let [erspan, erspan_iii, other, mpls, ppp] = [a.label(), a.label(), a.label(), a.label(), a.label()];
        a.place(at).op(op::LDX_MEM, LAYER_4);
        whole(a, 4, unread.ip);
        a.op(op::LD_W_IND, 0).op(op::ST, START).when(op::JSET_K, GRE_OTHER, other);
        behind(a, 4);
        for part in [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE] {
            let without = a.label();
            a.op(op::LD_MEM, START).unless(op::JSET_K, part, without);
            behind(a, 4).place(without);
        }
        a.op(op::LD_MEM, START).op(op::AND_K, 0xffff);
        if kinds.contains(Tunnel::Gre) {
            a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), self.bare_ipv4);
            a.when(op::JEQ_K, ETHERTYPE_IPV6.into(), self.bare_ipv6);
            a.when(op::JEQ_K, ETHERTYPE_BRIDGED.into(), self.frame);
            for ethertype in ETHERTYPES_MPLS {
                a.when(op::JEQ_K, ethertype.into(), mpls);
            }
            a.when(op::JEQ_K, ETHERTYPE_PPP.into(), ppp);
        }
        if kinds.contains(Tunnel::Erspan) {
            a.when(op::JEQ_K, ETHERTYPE_ERSPAN.into(), erspan);
            a.when(op::JEQ_K, ETHERTYPE_ERSPAN_III.into(), erspan_iii);
        }
        a.jump(self.keep_x);
        a.place(other);
        if kinds.contains(Tunnel::Gre) {
            self.pptp(a, ppp);
            self.ppp(a, ppp);
            self.mpls(a, mpls);
        } else {
            a.keep_x(4);
        }
        self.erspan(a, erspan, erspan_iii);
    }

    /// Version 1 (RFC 2637, 4.1). Without a sequence number it carries nothing.
    fn pptp(&self, a: &mut Assembler, ppp: Label) {
        let known = a.label();
        a.op(op::AND_K, PPTP_MASK).when(op::JEQ_K, PPTP, known).keep_x(4).place(known);
        behind(a, 8);
        let [without, with] = [a.label(), a.label()];
        a.op(op::LD_MEM, START).unless(op::JSET_K, PPTP_ACKNOWLEDGMENT, without);
        behind(a, 4).place(without);
        a.op(op::LD_MEM, START).when(op::JSET_K, GRE_SEQUENCE, with).jump(self.keep_x).place(with);
        behind(a, 4).jump(ppp);
    }

    /// PPP (RFC 1661, 2): address and control field, where they are there, and a protocol of one octet, which is odd, or
    /// two. X is behind GRE. Where the protocol is not IP, nothing of it is kept.
    fn ppp(&self, a: &mut Assembler, at: Label) {
        let [protocol, one, known, unread] = [a.label(), a.label(), a.label(), a.label()];
        a.place(at).op(op::STX, END).need(2, unread).op(op::LD_H_IND, 0);
        a.unless(op::JEQ_K, u16::from_be_bytes(PPP_ADDRESS_CONTROL).into(), protocol);
        behind(a, 2).need(2, unread).op(op::LD_H_IND, 0);
        a.place(protocol).op(op::ST, START).when(op::JSET_K, 0x0100, one).when(op::JGT_K, 0xff, unread);
        behind(a, 2).op(op::LD_MEM, START).jump(known);
        a.place(one);
        behind(a, 1).op(op::LD_MEM, START).op(op::RSH_K, 8).place(known);
        a.when(op::JEQ_K, PPP_IPV4.into(), self.bare_ipv4).when(op::JEQ_K, PPP_IPV6.into(), self.bare_ipv6);
        a.place(unread).op(op::LDX_MEM, END).jump(self.keep_x);
    }

    /// MPLS (RFC 3032) in GRE (RFC 4023, 4). X is behind GRE. Where no IP is found behind the bottom of the stack,
    /// nothing of it is kept.
    fn mpls(&self, a: &mut Assembler, at: Label) {
        let [unread, bottom] = [a.label(), a.label()];
        a.place(at).op(op::STX, END);
        for _ in 0..MAX_LABELS {
            a.need(4, unread).op(op::LD_W_IND, 0).op(op::ST, START);
            behind(a, 4).op(op::LD_MEM, START).when(op::JSET_K, MPLS_BOTTOM, bottom);
        }
        a.jump(unread).place(bottom).need(1, unread).op(op::LD_B_IND, 0).op(op::AND_K, 0xf0);
        a.when(op::JEQ_K, 0x40, self.bare_ipv4).when(op::JEQ_K, 0x60, self.bare_ipv6);
        a.place(unread).op(op::LDX_MEM, END).jump(self.keep_x);
    }

    /// ERSPAN (draft-foschiano-erspan). X is behind GRE; the VLAN in the header is one of the frame's.
    fn erspan(&self, a: &mut Assembler, at: Label, at_iii: Label) {
        a.place(at).op(op::LD_MEM, START).unless(op::JSET_K, GRE_SEQUENCE, self.frame);
        a.need(8, self.keep_x);
        self.mirrored(a, 1);
        behind(a, 8).jump(self.frame);

        let ip = a.label();
        a.place(at_iii).need(12, self.keep_x);
        self.mirrored(a, 2);
        a.op(op::LD_H_IND, 10).op(op::ST, START).op(op::AND_K, 0x01).op(op::LSH_K, 3);
        a.op(op::ADD_K, 12).op(op::ADD_X, 0).op(op::TAX, 0);
        a.op(op::LD_MEM, START).op(op::AND_K, ERSPAN_FRAME_TYPE);
        a.when(op::JEQ_K, ERSPAN_ETHERNET, self.frame).when(op::JEQ_K, ERSPAN_IP, ip).jump(self.keep_x);
        a.place(ip).need(1, self.keep_x).op(op::LD_B_IND, 0).op(op::AND_K, 0xf0);
        a.when(op::JEQ_K, 0x40, self.bare_ipv4).when(op::JEQ_K, 0x60, self.bare_ipv6).jump(self.keep_x);
    }

    /// Version and VLAN; 0 is none: the frame came without a tag.
    fn mirrored(&self, a: &mut Assembler, version: u32) {
        a.op(op::LD_H_IND, 0).op(op::RSH_K, 12).unless(op::JEQ_K, version, self.keep_x);
        if !self.exclusions.vlans.is_empty() || self.rules.any_vlan != self.rules.all() {
            let none = a.label();
            a.op(op::LD_H_IND, 0).op(op::AND_K, VLAN_ID).when(op::JEQ_K, 0, none);
            self.vlans(a, op::LD_H_IND, 0);
            a.place(none);
        }
    }
}

/// S of a stack entry.
const MPLS_BOTTOM: u32 = 0x0000_0100;
const GRE_CHECKSUM: u32 = 0x8000_0000;
const GRE_KEY: u32 = 0x2000_0000;
const GRE_SEQUENCE: u32 = 0x1000_0000;
/// A source route, or a version other than 0.
const GRE_OTHER: u32 = 0x4007_0000;
/// Version 1 with a key, and of other parts none but a sequence number or an acknowledgment, and PPP.
const PPTP: u32 = 0x2001_880b;
const PPTP_MASK: u32 = 0xe007_ffff;
const PPTP_ACKNOWLEDGMENT: u32 = 0x0080_0000;
/// Frame types of type III, in their place.
const ERSPAN_FRAME_TYPE: u32 = 0x7c00;
const ERSPAN_ETHERNET: u32 = 0;
const ERSPAN_IP: u32 = 2 << 10;
