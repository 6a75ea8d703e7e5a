//! TCP, UDP, and what UDP carries. X is the offset of the transport header.

use super::rules::Known;
use super::sets::{self, Word};
use super::{Compiler, END, LAYER_4};
use crate::control::{
    DHCPV4_COOKIE, DHCPV4_PORTS, DHCPV6_LAST_TYPE, DHCPV6_PORTS, IP_UDP, MDNS_CODES, MDNS_PORT, RADIUS_CODES,
    RADIUS_LENGTHS, RADIUS_PORTS, RADIUS_WHOLE,
};
use crate::exclude::{Exclusion, IpVersion};
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;
use crate::filter::reason::reason;

impl Compiler<'_> {
    /// TCP (RFC 9293) with options.
    pub(super) fn tcp(&self, a: &mut Assembler) {
        let [cut, without_ports] = [a.label(), a.label()];
        a.need(20, if self.rules.is_empty() { cut } else { without_ports });
        exclude_ports(a, self.exclusions.protocols.iter().flat_map(|p| p.tcp_ports()));
        let header = a.label();
        self.rules_by_port(a, None);
        self.decide(a, Known::Gathered, header);
        a.place(header).op(op::LD_B_IND, 12).op(op::RSH_K, 2).op(op::AND_K, 0x3c).unless(op::JGE_K, 20, cut);
        a.op(op::ADD_X, 0).keep_a();
        a.place(without_ports);
        self.decide(a, Known::Gathered, cut);
        a.place(cut).keep_x(20);
    }

    /// UDP (RFC 768). What is kept of its payload is recognised by port first, and then by what it says.
    pub(super) fn udp(&self, a: &mut Assembler, version: IpVersion) {
        let [header, dhcp, mdns] = [a.label(), a.label(), a.label()];
        let [without_ports, limited] = [a.label(), a.label()];
        a.need(UDP, if self.rules.is_empty() { header } else { without_ports });
        exclude_ports(a, self.exclusions.protocols.iter().flat_map(|p| p.udp_ports(version)));
        self.rules_by_port(a, Some(version));
        self.decide(a, Known::Gathered, limited);
        if !self.rules.is_empty() {
            let go_on = a.label();
            a.jump(go_on).place(without_ports);
            self.decide(a, Known::Gathered, header);
            a.jump(header);
            if self.rules.limits() {
                a.place(limited);
                self.udp_tunnels(a);
                a.jump(header);
            }
            a.place(go_on);
        }
        self.udp_tunnels(a);
        if self.limits_ip_protocol(IP_UDP) {
            a.place(header).keep_x(UDP);
            return;
        }
        let limited = self.headers_only.protocols.iter().flat_map(|p| p.udp_ports(version));
        when_port(a, limited.map(|port| (*port, header)).collect());
        let dhcp_ports = if version == IpVersion::V4 { DHCPV4_PORTS } else { DHCPV6_PORTS };
        let mut read: Vec<_> = dhcp_ports.map(|port| (port, dhcp)).into();
        read.extend(RADIUS_PORTS.map(|port| (port, self.radius)));
        if self.depth.service_types {
            read.push((MDNS_PORT, mdns));
        }
        when_port(a, read);
        a.place(header).keep_x(UDP);
        a.place(dhcp);
        match version {
            IpVersion::V4 => dhcpv4(a),
            IpVersion::V6 => dhcpv6(a),
        }
        if self.depth.service_types {
            a.place(mdns);
            service_types(a);
        }
    }

    /// RADIUS (RFC 2865): code, identifier and length; of authentication and accounting all that the length says where
    /// the rules keep more.
    pub(super) fn radius(&self, a: &mut Assembler) {
        if self.limits_ip_protocol(IP_UDP) {
            return;
        }
        a.place(self.radius);
        let [header, length] = [a.label(), a.label()];
        let (least, most) = RADIUS_LENGTHS;
        a.need(UDP + RADIUS, header).op(op::LD_B_IND, UDP);
        for (first, last) in RADIUS_CODES {
            a.unless(op::JGE_K, first.into(), header).unless(op::JGT_K, last.into(), length);
        }
        a.place(header).keep_x(UDP);
        a.place(length).op(op::LD_H_IND, UDP + 2);
        let not_radius = a.label();
        a.unless(op::JGE_K, least.into(), not_radius).when(op::JGT_K, most.into(), not_radius);
        // Not beyond the datagram.
        a.op(op::ADD_K, UDP).op(op::ST, END).op(op::LD_H_IND, 4).op(op::LDX_MEM, END);
        a.unless(op::JGE_X, 0, not_radius);
        a.op(op::LDX_MEM, LAYER_4);
        if self.depth.radius {
            let [cut, whole] = [a.label(), a.label()];
            a.op(op::LD_B_IND, UDP);
            for (first, last) in RADIUS_WHOLE {
                a.unless(op::JGE_K, first.into(), cut).unless(op::JGT_K, last.into(), whole);
            }
            a.place(cut).keep_x(UDP + RADIUS);
            a.place(whole).op(op::LD_MEM, END).op(op::ADD_X, 0).keep_a();
        } else {
            a.keep_x(UDP + RADIUS);
        }
        // Behind all that reads END, because it comes from where END is not written.
        a.place(not_radius).op(op::LDX_MEM, LAYER_4).keep_x(UDP);
    }
}

/// BOOTP and DHCP (RFC 2131), recognised by operation and magic cookie, up to the UDP length.
fn dhcpv4(a: &mut Assembler) {
    let header = a.label();
    a.need(UDP + DHCPV4, header);
    a.op(op::LD_B_IND, UDP).when(op::JEQ_K, 0, header).when(op::JGT_K, 2, header);
    a.op(op::LD_W_IND, UDP + DHCPV4 - 4).unless(op::JEQ_K, DHCPV4_COOKIE, header);
    keep_datagram(a, header);
}

/// DHCPv6 (RFC 8415), recognised by message type, up to the UDP length.
fn dhcpv6(a: &mut Assembler) {
    let header = a.label();
    a.need(UDP + 4, header);
    a.op(op::LD_B_IND, UDP).when(op::JEQ_K, 0, header).when(op::JGT_K, DHCPV6_LAST_TYPE.into(), header);
    keep_datagram(a, header);
}

/// Multicast DNS (RFC 6762), up to the UDP length.
fn service_types(a: &mut Assembler) {
    let header = a.label();
    a.need(UDP + MDNS, header);
    a.op(op::LD_H_IND, UDP + 2).when(op::JSET_K, MDNS_CODES.into(), header);
    keep_datagram(a, header);
}

/// Keeps what the UDP length says. Places `header`, and keeps the UDP header there.
fn keep_datagram(a: &mut Assembler, header: Label) {
    a.op(op::LD_H_IND, 4).unless(op::JGE_K, UDP, header).op(op::ADD_X, 0).keep_a();
    a.place(header).keep_x(UDP);
}

/// Ends where the source or the destination port is excluded.
fn exclude_ports<'a>(a: &mut Assembler, ports: impl Iterator<Item = &'a u16>) {
    let ports: Vec<_> = ports.map(|port| (u128::from(*port), u128::from(*port))).collect();
    for at in [0, 2] {
        let port = Word { load: op::LD_H_IND, at, mask: None, bits: 16 };
        sets::exclude(a, &[port], ports.clone(), reason(Exclusion::Protocol));
    }
}

/// Goes where the source port or else the destination port leads.
fn when_port(a: &mut Assembler, mut ports: Vec<(u16, Label)>) {
    ports.sort_by_key(|(port, _)| *port);
    let (Some((first, _)), Some((last, _))) = (ports.first(), ports.last()) else { return };
    for at in [0, 2] {
        let next = a.label();
        a.op(op::LD_H_IND, at);
        // Most ports are beyond all of these.
        a.when(op::JGT_K, (*last).into(), next).unless(op::JGE_K, (*first).into(), next);
        for (port, target) in &ports {
            a.when(op::JEQ_K, (*port).into(), *target);
        }
        a.place(next);
    }
}

const UDP: u32 = 8;
/// Octets of a BOOTP message with the magic cookie at their end (RFC 2131, 3).
const DHCPV4: u32 = 240;
/// Octets of a header (RFC 1035, 4.1.1).
const MDNS: u32 = 12;
/// Code, identifier and length.
const RADIUS: u32 = 4;
