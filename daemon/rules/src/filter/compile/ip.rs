//! IP, and what it carries without ports. X is the offset of the header.

use std::net::IpAddr;

use super::{Compiler, END, LAYER_4};
use crate::control::{
    ICMPV6_MLD_REPORT, ICMPV6_WHOLE, IGMP_WHOLE, IP_ICMP, IP_ICMPV6, IP_IGMP, IP_TCP, IP_UDP,
    IPV6_EXTENSIONS, IPV6_STEPPED_OVER,
};
use crate::exclude::IpVersion;
use crate::filter::assemble::Assembler;
use crate::filter::program::op;
use crate::treat::{mask_v4, mask_v6};

impl Compiler<'_> {
    /// IPv4 (RFC 791) with options; fragments but the first end with their header.
    pub(super) fn ipv4(&self, a: &mut Assembler) {
        let bad = self.keep_x;
        let header_only = a.label();
        a.need(20, bad);
        a.op(op::LD_B_IND, 0).op(op::AND_K, 0xf0).unless(op::JEQ_K, 0x40, bad);
        for at in [12, 16] {
            self.prefixes_v4(a, at);
        }
        a.op(op::LD_B_IND, 0).op(op::AND_K, 0x0f).unless(op::JGE_K, 5, bad);
        a.op(op::LSH_K, 2).op(op::ADD_X, 0).op(op::ST, LAYER_4);
        a.op(op::LD_B_IND, 9);
        self.ip_protocols(a);
        a.op(op::LD_H_IND, 6).when(op::JSET_K, 0x1fff, header_only);
        let [tcp, udp, icmp, igmp] = [a.label(), a.label(), a.label(), a.label()];
        a.op(op::LD_B_IND, 9);
        a.when(op::JEQ_K, IP_TCP.into(), tcp).when(op::JEQ_K, IP_UDP.into(), udp);
        a.when(op::JEQ_K, IP_ICMP.into(), icmp).when(op::JEQ_K, IP_IGMP.into(), igmp);
        a.place(header_only).op(op::LD_MEM, LAYER_4).keep_a();
        a.place(igmp).op(op::LD_H_IND, 2).op(op::ADD_X, 0).op(op::ST, END).op(op::LDX_MEM, LAYER_4);
        membership(a);
        a.place(icmp).op(op::LDX_MEM, LAYER_4).keep_x(ICMP);
        a.place(tcp).op(op::LDX_MEM, LAYER_4);
        self.tcp(a);
        a.place(udp).op(op::LDX_MEM, LAYER_4);
        self.udp(a, IpVersion::V4);
    }

    /// IPv6 (RFC 8200) with one extension header that is stepped over. A packet with more ends with it; when
    /// an IP protocol is excluded it is excluded too, because what is behind them is not looked at.
    pub(super) fn ipv6(&self, a: &mut Assembler) {
        let bad = self.keep_x;
        let [extension, cut, known] = [a.label(), a.label(), a.label()];
        a.need(40, bad);
        a.op(op::LD_B_IND, 0).op(op::AND_K, 0xf0).unless(op::JEQ_K, 0x60, bad);
        for at in [8, 24] {
            self.prefixes_v6(a, at);
        }
        a.op(op::TXA, 0).op(op::ADD_K, 40).op(op::ST, LAYER_4);
        a.op(op::LD_B_IND, 6);
        for number in IPV6_STEPPED_OVER {
            a.when(op::JEQ_K, number.into(), extension);
        }
        a.jump(known);

        a.place(extension).need(40 + 8, cut);
        a.op(op::LD_B_IND, 41).op(op::LSH_K, 3).op(op::ADD_K, 40 + 8).op(op::ADD_X, 0).op(op::ST, LAYER_4);
        a.op(op::LD_B_IND, 40).jump(known);
        let by_ip_protocol = self.exclusions.is_by_ip_protocol();
        a.place(cut);
        if by_ip_protocol {
            a.jump(self.excluded.protocol);
        } else {
            a.keep_x(40);
        }

        a.place(known);
        self.ip_protocols(a);
        if by_ip_protocol {
            for number in IPV6_EXTENSIONS {
                a.when(op::JEQ_K, number.into(), self.excluded.protocol);
            }
        }
        let [tcp, udp, icmp] = [a.label(), a.label(), a.label()];
        a.when(op::JEQ_K, IP_TCP.into(), tcp).when(op::JEQ_K, IP_UDP.into(), udp);
        a.when(op::JEQ_K, IP_ICMPV6.into(), icmp);
        a.op(op::LD_MEM, LAYER_4).keep_a();
        a.place(icmp).op(op::LD_H_IND, 4).op(op::ADD_K, 40).op(op::ADD_X, 0).op(op::ST, END);
        a.op(op::LDX_MEM, LAYER_4);
        neighbor_and_listener_discovery(a);
        a.place(tcp).op(op::LDX_MEM, LAYER_4);
        self.tcp(a);
        a.place(udp).op(op::LDX_MEM, LAYER_4);
        self.udp(a, IpVersion::V6);
    }

    /// A is an IP protocol number.
    fn ip_protocols(&self, a: &mut Assembler) {
        for number in self.exclusions.protocols.iter().filter_map(|p| p.ip_number()) {
            a.when(op::JEQ_K, number.into(), self.excluded.protocol);
        }
    }

    pub(super) fn prefixes_v4(&self, a: &mut Assembler, at: u32) {
        for (network, length) in &self.exclusions.prefixes {
            let IpAddr::V4(network) = network else { continue };
            a.op(op::LD_W_IND, at).op(op::AND_K, mask_v4(*length));
            a.when(op::JEQ_K, network.to_bits(), self.excluded.prefix);
        }
    }

    fn prefixes_v6(&self, a: &mut Assembler, at: u32) {
        for (network, length) in &self.exclusions.prefixes {
            let IpAddr::V6(network) = network else { continue };
            let next = a.label();
            let words = words(network.to_bits()).into_iter().zip(words(mask_v6(*length))).zip([0, 4, 8, 12]);
            for ((word, mask), word_at) in words.filter(|((_, mask), _)| *mask != 0) {
                a.op(op::LD_W_IND, at + word_at).op(op::AND_K, mask).unless(op::JEQ_K, word, next);
            }
            a.jump(self.excluded.prefix).place(next);
        }
    }
}

/// IGMP (RFC 3376): membership up to the end of the packet, else the fields that all messages have.
fn membership(a: &mut Assembler) {
    let [header, whole] = [a.label(), a.label()];
    a.need(ICMP, header).op(op::LD_B_IND, 0);
    for message in IGMP_WHOLE {
        a.when(op::JEQ_K, message.into(), whole);
    }
    a.place(header).keep_x(ICMP);
    a.place(whole).keep_to(END, ICMP);
}

/// ICMPv6 (RFC 4443): neighbour and multicast listener discovery up to the end of the packet, else the header.
fn neighbor_and_listener_discovery(a: &mut Assembler) {
    let [header, whole] = [a.label(), a.label()];
    let (first, last) = ICMPV6_WHOLE;
    a.need(ICMP, header).op(op::LD_B_IND, 0).when(op::JEQ_K, ICMPV6_MLD_REPORT.into(), whole);
    a.unless(op::JGE_K, first.into(), header).unless(op::JGT_K, last.into(), whole);
    a.place(header).keep_x(ICMP);
    a.place(whole).keep_to(END, ICMP);
}

fn words(bits: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or(0))
}

/// Octets that all messages of ICMP, ICMPv6 and IGMP have.
const ICMP: u32 = 8;
