//! IP, and what it carries without ports. X is the offset of the header.

use super::rules::Known;
use super::sets::{self, Range, Word};
use super::{Compiler, END, ETHERTYPE, FRAGMENT, LAYER_4, START, range_v4, range_v6};
use crate::control::{
    ICMPV6_MLD_REPORT, ICMPV6_WHOLE, IGMP_WHOLE, IP_AUTHENTICATION, IP_ICMP, IP_ICMPV6, IP_IGMP, IP_TCP,
    IP_UDP, IPV6_EXTENSIONS, IPV6_FRAGMENT,
};
use crate::exclude::{Exclusion, IpVersion};
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;
use crate::filter::reason::reason;

impl Compiler<'_> {
    /// IPv4 (RFC 791) with options; fragments but the first end with their header.
    pub(super) fn ipv4(&self, a: &mut Assembler) {
        let bad = self.other;
        let [header_only, later, limited, others] = [a.label(), a.label(), a.label(), a.label()];
        a.need(20, bad);
        a.op(op::LD_B_IND, 0).unless(op::JGE_K, 0x45, bad).when(op::JGT_K, 0x4f, bad);
        let ends = [12, 16];
        if !self.exclusions.prefixes.is_empty() || !self.rules.is_empty() {
            for at in ends {
                self.prefixes_v4(a, at);
            }
            self.rules_by_address(a, IpVersion::V4, ends);
            a.op(op::LD_B_IND, 0);
        }
        a.op(op::AND_K, 0x0f).op(op::LSH_K, 2).op(op::ADD_X, 0).op(op::ST, LAYER_4);
        if self.exclusions.is_by_ip_protocol() {
            a.op(op::LD_B_IND, 9);
            self.ip_protocols(a);
        }
        self.rules_by_ip_protocol(a, IpVersion::V4, (op::LD_B_IND, 9));
        a.op(op::LD_H_IND, 6).op(op::ST, FRAGMENT).when(op::JSET_K, 0x1fff, later);
        let [tcp, udp, icmp, igmp] = [a.label(), a.label(), a.label(), a.label()];
        let limits_igmp = self.limits_ip_protocol(IP_IGMP);
        a.op(op::LD_B_IND, 9);
        a.when(op::JEQ_K, IP_TCP.into(), tcp).when(op::JEQ_K, IP_UDP.into(), udp);
        if !self.rules.is_empty() {
            self.decide(a, Known::Gathered, limited);
            a.op(op::LD_B_IND, 9);
        }
        a.when(op::JEQ_K, IP_ICMP.into(), icmp);
        a.when(op::JEQ_K, IP_IGMP.into(), if limits_igmp { icmp } else { igmp });
        if self.rules.limits() {
            a.jump(others).place(limited).op(op::LD_B_IND, 9);
            a.when(op::JEQ_K, IP_ICMP.into(), icmp).when(op::JEQ_K, IP_IGMP.into(), icmp);
        }
        a.place(others);
        self.ip_tunnels(a);
        if !self.rules.is_empty() {
            a.jump(header_only);
        }
        a.place(later);
        self.decide(a, Known::Gathered, header_only);
        a.place(header_only).op(op::LD_MEM, LAYER_4).keep_a();
        if !limits_igmp {
            a.place(igmp).op(op::LD_H_IND, 2).op(op::ADD_X, 0).op(op::ST, END).op(op::LDX_MEM, LAYER_4);
            membership(a);
        }
        a.place(icmp).op(op::LDX_MEM, LAYER_4).keep_x(ICMP);
        a.place(tcp).op(op::LDX_MEM, LAYER_4).jump(self.tcp);
        a.place(udp).op(op::LDX_MEM, LAYER_4);
        self.udp(a, IpVersion::V4);
    }

    /// IPv6 (RFC 8200) with its extension headers; fragments but the first end with theirs. Where the frame ends
    /// within them, or more follow than are stepped over, a packet is excluded as soon as an IP protocol is: it may
    /// be what is behind them.
    pub(super) fn ipv6(&self, a: &mut Assembler) {
        let bad = self.other;
        let [cut, later, known, limited] = [a.label(), a.label(), a.label(), a.label()];
        a.need(40, bad);
        a.op(op::LD_B_IND, 0).op(op::AND_K, 0xf0).unless(op::JEQ_K, 0x60, bad);
        let ends = [8, 24];
        for at in ends {
            self.prefixes_v6(a, at);
        }
        self.rules_by_address(a, IpVersion::V6, ends);
        let limits_icmp = self.limits_ip_protocol(IP_ICMPV6);
        if !limits_icmp {
            a.op(op::LD_H_IND, 4).op(op::ADD_K, 40).op(op::ADD_X, 0).op(op::ST, END);
        }
        a.op(op::TXA, 0).op(op::ADD_K, 40).op(op::ST, LAYER_4);
        a.op(op::LD_B_IND, 6).op(op::LDX_MEM, LAYER_4);
        // What most packets carry, before what few do.
        a.when(op::JEQ_K, IP_TCP.into(), known).when(op::JEQ_K, IP_UDP.into(), known);
        for _ in 0..if self.is_within { MAX_EXTENSIONS_WITHIN } else { MAX_EXTENSIONS } {
            self.extension(a, cut, later, known);
        }
        a.jump(known);

        let by_ip_protocol = self.exclusions.is_by_ip_protocol();
        a.place(cut);
        let number = (op::LD_MEM, ETHERTYPE);
        if by_ip_protocol {
            a.jump(self.excluded.protocol);
        } else {
            let header_only = a.label();
            self.rules_by_ip_protocol(a, IpVersion::V6, number);
            self.decide(a, Known::Gathered, header_only);
            a.place(header_only).op(op::LD_MEM, LAYER_4).keep_a();
        }
        a.place(later).op(op::LD_B_IND, 0);
        self.keep_number(a);
        self.ip_protocols(a);
        self.unread_extensions(a);
        let header_only = a.label();
        self.rules_by_ip_protocol(a, IpVersion::V6, number);
        self.decide(a, Known::Gathered, header_only);
        a.place(header_only).op(op::TXA, 0).op(op::ADD_K, EXTENSION).keep_a();

        a.place(known);
        self.keep_number(a);
        self.ip_protocols(a);
        self.unread_extensions(a);
        let [udp, icmp, icmp_header, others] = [a.label(), a.label(), a.label(), a.label()];
        if !self.rules.is_empty() {
            self.rules_by_ip_protocol(a, IpVersion::V6, number);
            a.op(op::LD_MEM, ETHERTYPE);
        }
        a.when(op::JEQ_K, IP_TCP.into(), self.tcp).when(op::JEQ_K, IP_UDP.into(), udp);
        if !self.rules.is_empty() {
            self.decide(a, Known::Gathered, limited);
            a.op(op::LD_MEM, ETHERTYPE);
        }
        a.when(op::JEQ_K, IP_ICMPV6.into(), icmp);
        if self.rules.limits() {
            a.jump(others).place(limited).op(op::LD_MEM, ETHERTYPE);
            a.when(op::JEQ_K, IP_ICMPV6.into(), icmp_header);
        }
        a.place(others);
        self.ip_tunnels(a);
        a.op(op::LD_MEM, LAYER_4).keep_a();
        if self.rules.limits() {
            a.place(icmp_header).keep_x(ICMP);
        }
        a.place(icmp);
        if limits_icmp {
            a.keep_x(ICMP);
        } else {
            neighbor_and_listener_discovery(a);
        }
        a.place(udp);
        self.udp(a, IpVersion::V6);
    }

    /// Steps over one extension header: A is its number, X its offset. Goes to `known` when it is none.
    fn extension(&self, a: &mut Assembler, cut: Label, later: Label, known: Label) {
        let [extension, options, fragment, behind] = [a.label(), a.label(), a.label(), a.label()];
        for number in IPV6_EXTENSIONS {
            a.when(op::JEQ_K, number.into(), extension);
        }
        a.jump(known);
        // One load is worth ten other instructions: the kernel makes as many of it.
        a.place(extension).op(op::ST, ETHERTYPE).need(EXTENSION, cut);
        a.op(op::LD_W_IND, 0).op(op::ST, START).op(op::RSH_K, 16).op(op::AND_K, 0xff).op(op::LSH_K, 2);
        a.op(op::ST, LAYER_4).op(op::LD_MEM, ETHERTYPE).when(op::JEQ_K, IPV6_FRAGMENT.into(), fragment);
        a.unless(op::JEQ_K, IP_AUTHENTICATION.into(), options).op(op::LD_MEM, LAYER_4).jump(behind);
        a.place(options).op(op::LD_MEM, LAYER_4).op(op::LSH_K, 1).jump(behind);
        a.place(fragment).op(op::LD_MEM, START).op(op::ST, FRAGMENT);
        a.when(op::JSET_K, 0xfff8, later).op(op::AND_K, 0);
        a.place(behind).op(op::ADD_K, EXTENSION).op(op::ADD_X, 0).op(op::ST, LAYER_4);
        a.op(op::LD_MEM, START).op(op::RSH_K, 24).op(op::LDX_MEM, LAYER_4);
    }

    /// A is what the last extension header names.
    fn unread_extensions(&self, a: &mut Assembler) {
        if self.exclusions.is_by_ip_protocol() {
            for number in IPV6_EXTENSIONS {
                a.when(op::JEQ_K, number.into(), self.excluded.protocol);
            }
        }
    }

    /// A is an IP protocol number.
    fn ip_protocols(&self, a: &mut Assembler) {
        for number in self.exclusions.protocols.iter().filter_map(|p| p.ip_number()) {
            a.when(op::JEQ_K, number.into(), self.excluded.protocol);
        }
    }

    pub(super) fn prefixes_v4(&self, a: &mut Assembler, at: u32) {
        self.prefixes(a, &[at], self.exclusions.prefixes.iter().filter_map(range_v4).collect());
    }

    fn prefixes_v6(&self, a: &mut Assembler, at: u32) {
        let ranges = self.exclusions.prefixes.iter().filter_map(range_v6).collect();
        self.prefixes(a, &[at, at + 4, at + 8, at + 12], ranges);
    }

    fn prefixes(&self, a: &mut Assembler, words_at: &[u32], ranges: Vec<Range>) {
        let word = |at: &u32| Word { load: op::LD_W_IND, at: *at, mask: None, bits: 32 };
        let words: Vec<Word> = words_at.iter().map(word).collect();
        sets::exclude(a, &words, ranges, reason(Exclusion::Prefix));
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

/// Most extension headers that are stepped over, as many as are read.
const MAX_EXTENSIONS: u8 = headgate_wire::ipv6::MAX_EXTENSIONS;
/// Within a tunnel.
const MAX_EXTENSIONS_WITHIN: u8 = crate::filter::tunnels::MAX_EXTENSIONS;
/// Octets that all extension headers have.
const EXTENSION: u32 = 8;
/// Octets that all messages of ICMP, ICMPv6 and IGMP have.
const ICMP: u32 = 8;
