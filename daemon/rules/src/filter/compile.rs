//! From exclusions to a program.

use std::net::IpAddr;

use super::assemble::{Assembler, Label};
use super::program::{AD_VLAN_TAG, AD_VLAN_TAG_PRESENT, Program, op};
use crate::exclude::{
    ETHERTYPE_ARP, ETHERTYPE_LLDP, Exclusion, Exclusions, IP_ICMP, IP_ICMPV6, IP_TCP, IP_UDP,
    IPV6_EXTENSIONS, MacSet, Protocol,
};
use crate::treat::{mask_v4, mask_v6};

/// The exclusions need more instructions than the kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exclusions need more than the 4096 instructions that the kernel takes; use fewer or wider ones")]
pub struct TooLarge;

/// Compiles the filter.
///
/// # Errors
/// [`TooLarge`].
pub fn compile(exclusions: &Exclusions) -> Result<Program, TooLarge> {
    let mut a = Assembler::default();
    let compiler =
        Compiler { exclusions, excluded: Excluded::new(&mut a), keep_all: a.label(), keep_x: a.label() };
    compiler.link(&mut a);
    a.finish().ok_or(TooLarge)
}

/// Most octets that stand for a reason. What was recorded of a frame must be more to be judged.
pub const MAX_REASON: usize = 4;

/// The reason that a number of kept octets stands for, or `None` for a frame that is not excluded.
#[must_use]
pub fn exclusion(kept: usize, wire_length: usize) -> Option<Exclusion> {
    match kept {
        // A frame so short is kept whole.
        _ if kept >= wire_length => None,
        1 => Some(Exclusion::Vlan),
        2 => Some(Exclusion::Mac),
        3 => Some(Exclusion::Prefix),
        4 => Some(Exclusion::Protocol),
        _ => None,
    }
}

struct Compiler<'a> {
    exclusions: &'a Exclusions,
    excluded: Excluded,
    keep_all: Label,
    /// Keep as many octets as X says.
    keep_x: Label,
}

struct Excluded {
    vlan: Label,
    mac: Label,
    prefix: Label,
    protocol: Label,
}

impl Excluded {
    fn new(a: &mut Assembler) -> Self {
        Excluded { vlan: a.label(), mac: a.label(), prefix: a.label(), protocol: a.label() }
    }
}

impl Compiler<'_> {
    /// Ethernet (IEEE 802.3) and up to two VLAN tags in the frame; the outermost is normally beside it.
    fn link(&self, a: &mut Assembler) {
        let whole_headers = a.label();
        // The kernel wants every scratch word written before it is read, on every path and even past a return.
        a.op(op::LDX_IMM, 0).op(op::STX, LAYER_4).op(op::STX, ETHERTYPE);
        a.need(ETHERNET, whole_headers);
        self.beside_tag(a);
        let [tagged_once, tagged_twice] = [a.label(), a.label()];
        let layer_3 = a.label();
        // VLANs of all tags come before addresses, as in Exclusions::judge.
        a.op(op::LD_H_ABS, 12).op(op::ST, ETHERTYPE);
        when_tag(a, tagged_once);
        a.op(op::LDX_IMM, ETHERNET).jump(layer_3);

        let cut_tag = a.label();
        a.place(tagged_once).op(op::LDX_IMM, ETHERNET).need(TAG, cut_tag);
        self.vlans(a, |a| {
            a.op(op::LD_H_ABS, 14);
        });
        a.op(op::LD_H_ABS, 16).op(op::ST, ETHERTYPE);
        when_tag(a, tagged_twice);
        a.op(op::LDX_IMM, ETHERNET + TAG).jump(layer_3);

        a.place(tagged_twice).op(op::LDX_IMM, ETHERNET + TAG).need(TAG, cut_tag);
        self.vlans(a, |a| {
            a.op(op::LD_H_ABS, 18);
        });
        a.op(op::LD_H_ABS, 20).op(op::ST, ETHERTYPE);
        a.op(op::LDX_IMM, ETHERNET + 2 * TAG).jump(layer_3);

        // A tag that is cut: its frame ends with it, but may still be excluded by address.
        a.place(cut_tag);
        self.macs(a);
        a.jump(self.keep_x);
        a.place(whole_headers).keep(ETHERNET);

        a.place(layer_3);
        self.macs(a);
        self.layer_3(a);
        self.ends(a);
    }

    fn beside_tag(&self, a: &mut Assembler) {
        if self.exclusions.vlans.is_empty() {
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
        if self.exclusions.vlans.is_empty() {
            return;
        }
        load(a);
        a.op(op::AND_K, 0x0fff);
        for (first, last) in &self.exclusions.vlans {
            let next = a.label();
            a.unless(op::JGE_K, (*first).into(), next).unless(op::JGT_K, (*last).into(), self.excluded.vlan);
            a.place(next);
        }
    }

    fn macs(&self, a: &mut Assembler) {
        for set in &self.exclusions.macs {
            // Destination, then source.
            for at in [0, 6] {
                let next = a.label();
                match set {
                    MacSet::Exact(mac) => {
                        let [b0, b1, b2, b3, b4, b5] = mac.0;
                        a.op(op::LD_W_ABS, at).unless(op::JEQ_K, u32::from_be_bytes([b0, b1, b2, b3]), next);
                        a.op(op::LD_H_ABS, at + 4).when(
                            op::JEQ_K,
                            u32::from_be_bytes([0, 0, b4, b5]),
                            self.excluded.mac,
                        );
                    }
                    MacSet::Oui([b0, b1, b2]) => {
                        a.op(op::LD_W_ABS, at).op(op::RSH_K, 8);
                        a.when(op::JEQ_K, u32::from_be_bytes([0, *b0, *b1, *b2]), self.excluded.mac);
                    }
                    MacSet::LocallyAdministered => {
                        a.op(op::LD_B_ABS, at).op(op::AND_K, 0x03).when(op::JEQ_K, 0x02, self.excluded.mac);
                    }
                }
                a.place(next);
            }
        }
    }

    /// X is the offset behind the link headers.
    fn layer_3(&self, a: &mut Assembler) {
        let [arp, ipv4, ipv6] = [a.label(), a.label(), a.label()];
        a.op(op::LD_MEM, ETHERTYPE);
        a.when(op::JEQ_K, 0x0800, ipv4).when(op::JEQ_K, 0x86dd, ipv6);
        a.when(op::JEQ_K, ETHERTYPE_ARP.into(), arp);
        let lldp = if self.has(Protocol::Lldp) { self.excluded.protocol } else { self.keep_all };
        a.when(op::JEQ_K, ETHERTYPE_LLDP.into(), lldp);
        a.jump(self.keep_x);
        a.place(arp);
        self.arp(a);
        a.place(ipv4);
        self.ipv4(a);
        a.place(ipv6);
        self.ipv6(a);
    }

    /// ARP for IPv4 over Ethernet (RFC 826), without the padding behind it.
    fn arp(&self, a: &mut Assembler) {
        if self.has(Protocol::Arp) {
            a.jump(self.excluded.protocol);
            return;
        }
        let cut = a.label();
        a.need(ARP, cut);
        for at in [14, 24] {
            self.prefixes_v4(a, at);
        }
        a.place(cut).keep_x(ARP);
    }

    /// IPv4 (RFC 791) with options; fragments but the first end with their header.
    fn ipv4(&self, a: &mut Assembler) {
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
        let [tcp, udp, icmp] = [a.label(), a.label(), a.label()];
        a.op(op::LD_B_IND, 9).op(op::LDX_MEM, LAYER_4);
        a.when(op::JEQ_K, IP_TCP.into(), tcp).when(op::JEQ_K, IP_UDP.into(), udp);
        a.when(op::JEQ_K, IP_ICMP.into(), icmp);
        a.place(header_only).op(op::LD_MEM, LAYER_4).keep_a();
        a.place(icmp).keep_x(ICMP);
        a.place(tcp);
        self.tcp(a);
        a.place(udp);
        self.udp(a, true);
    }

    /// IPv6 (RFC 8200). A packet with extension headers ends with the fixed header; when a protocol is
    /// excluded it is excluded too, because what is behind them is not looked at.
    fn ipv6(&self, a: &mut Assembler) {
        let bad = self.keep_x;
        let [tcp, udp, icmp] = [a.label(), a.label(), a.label()];
        a.need(40, bad);
        a.op(op::LD_B_IND, 0).op(op::AND_K, 0xf0).unless(op::JEQ_K, 0x60, bad);
        for at in [8, 24] {
            self.prefixes_v6(a, at);
        }
        a.op(op::LD_B_IND, 6);
        self.ip_protocols(a);
        if self.exclusions.is_by_ip_protocol() {
            for extension in IPV6_EXTENSIONS {
                a.when(op::JEQ_K, extension.into(), self.excluded.protocol);
            }
        }
        a.op(op::TXA, 0).op(op::ADD_K, 40).op(op::ST, LAYER_4);
        a.op(op::LD_B_IND, 6).op(op::LDX_MEM, LAYER_4);
        a.when(op::JEQ_K, IP_TCP.into(), tcp).when(op::JEQ_K, IP_UDP.into(), udp);
        a.when(op::JEQ_K, IP_ICMPV6.into(), icmp);
        a.jump(self.keep_x);
        a.place(icmp).keep_x(ICMP);
        a.place(tcp);
        self.tcp(a);
        a.place(udp);
        self.udp(a, false);
    }

    /// TCP (RFC 9293) with options. X is its offset.
    fn tcp(&self, a: &mut Assembler) {
        let cut = a.label();
        a.need(20, cut);
        self.ports(a, |p| if let Protocol::Tcp(port) = p { *port } else { None });
        a.op(op::LD_B_IND, 12).op(op::RSH_K, 2).op(op::AND_K, 0x3c).unless(op::JGE_K, 20, cut);
        a.op(op::ADD_X, 0).keep_a();
        a.place(cut).keep_x(20);
    }

    /// UDP (RFC 768); over IPv4 what BOOTP and DHCP (RFC 2131) carry, recognised by port, operation and
    /// magic cookie, up to the UDP length.
    fn udp(&self, a: &mut Assembler, dhcp_possible: bool) {
        let header = a.label();
        a.need(UDP, header);
        self.ports(a, |p| if let Protocol::Udp(port) = p { *port } else { None });
        if dhcp_possible {
            let dhcp = a.label();
            for at in [0, 2] {
                a.op(op::LD_H_IND, at).when(op::JEQ_K, 67, dhcp).when(op::JEQ_K, 68, dhcp);
            }
            a.jump(header).place(dhcp);
            if self.has(Protocol::Dhcp) {
                a.jump(self.excluded.protocol);
            } else {
                a.need(UDP + 240, header);
                a.op(op::LD_B_IND, UDP).when(op::JEQ_K, 0, header).when(op::JGT_K, 2, header);
                a.op(op::LD_W_IND, UDP + 236).unless(op::JEQ_K, DHCP_COOKIE, header);
                a.op(op::LD_H_IND, 4).unless(op::JGE_K, UDP, header).op(op::ADD_X, 0).keep_a();
            }
        }
        a.place(header).keep_x(UDP);
    }

    /// A is an IP protocol number.
    fn ip_protocols(&self, a: &mut Assembler) {
        for protocol in &self.exclusions.protocols {
            let number = match protocol {
                Protocol::Icmp => IP_ICMP,
                Protocol::Icmpv6 => IP_ICMPV6,
                Protocol::Tcp(None) => IP_TCP,
                Protocol::Udp(None) => IP_UDP,
                Protocol::Ip(number) => *number,
                _ => continue,
            };
            a.when(op::JEQ_K, number.into(), self.excluded.protocol);
        }
    }

    /// X is the offset of a source and a destination port.
    fn ports(&self, a: &mut Assembler, of: impl Fn(&Protocol) -> Option<u16>) {
        let ports: Vec<u16> = self.exclusions.protocols.iter().filter_map(of).collect();
        if ports.is_empty() {
            return;
        }
        for at in [0, 2] {
            a.op(op::LD_H_IND, at);
            for port in &ports {
                a.when(op::JEQ_K, (*port).into(), self.excluded.protocol);
            }
        }
    }

    fn prefixes_v4(&self, a: &mut Assembler, at: u32) {
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

    fn has(&self, protocol: Protocol) -> bool {
        self.exclusions.protocols.contains(&protocol)
    }

    fn ends(&self, a: &mut Assembler) {
        a.place(self.keep_x).keep_x(0);
        a.place(self.keep_all).keep(WHOLE_FRAME);
        a.place(self.excluded.vlan).keep(1);
        a.place(self.excluded.mac).keep(2);
        a.place(self.excluded.prefix).keep(3);
        a.place(self.excluded.protocol).keep(4);
    }
}

/// IEEE 802.1Q C-tag and S-tag, and the S-tag of equipment older than IEEE 802.1ad.
fn when_tag(a: &mut Assembler, target: Label) {
    a.when(op::JEQ_K, 0x8100, target).when(op::JEQ_K, 0x88a8, target).when(op::JEQ_K, 0x9100, target);
}

fn words(bits: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or(0))
}

const ETHERNET: u32 = 14;
const TAG: u32 = 4;
const ARP: u32 = 28;
const UDP: u32 = 8;
const ICMP: u32 = 8;
const DHCP_COOKIE: u32 = 0x6382_5363;
/// More than any frame has.
const WHOLE_FRAME: u32 = 0x0004_0000;
/// Scratch word: offset of the transport layer.
const LAYER_4: u32 = 0;
/// Scratch word: ethertype behind the tags.
const ETHERTYPE: u32 = 1;
