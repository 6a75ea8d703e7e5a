//! Rules. The program gathers for each sort of condition the rules of which it holds, and has the lowest decide once the
//! protocol is known.
//!
//! Within a frame it holds: [`VLANS`], or [`TUNNEL_VLANS`] within a tunnel, the rules that its tags leave; [`RULES`], those
//! that all conditions so far leave; [`GATHERED`], those of which the condition that is looked at holds. X stays as it is.

use std::net::IpAddr;

use super::macs::Ends;
use super::sets::{self, Range, Word};
use super::{
    Compiler, ETHERTYPE, GATHERED, RULES, SAVED_X, TUNNEL_VLANS, VLAN_ID, VLANS, range_v4, range_v6,
};
use crate::control::IPV6_EXTENSIONS;
use crate::exclude::{Exclusions, IpVersion, MacSet, Protocol};
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;
use crate::filter::selection::Act;

/// Which rules there can be where the program is.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// Those whose condition on protocols holds, in [`GATHERED`]; all other conditions are looked at.
    Gathered,
    /// These, of those that are left in [`RULES`], and perhaps others.
    These { holds: u32, perhaps: u32 },
}

impl Compiler<'_> {
    /// Begins with no tag of a frame and of what is within its tunnel.
    pub(super) fn begin_rules(&self, a: &mut Assembler, within_tunnels: u32) {
        a.op(op::LD_IMM, self.rules.any_vlan).op(op::ST, VLANS);
        a.op(op::LD_IMM, within_tunnels).op(op::ST, TUNNEL_VLANS);
        a.op(op::LD_IMM, 0).op(op::ST, RULES).op(op::ST, GATHERED).op(op::ST, SAVED_X);
    }

    /// A tag of the frame, or the VLAN in the header of its tunnel.
    pub(super) fn rules_by_vlan(&self, a: &mut Assembler, load: u16, at: u32) {
        let of_rules = |conditions: &Exclusions| -> Vec<Range> {
            conditions.vlans.iter().map(|(first, last)| (u128::from(*first), u128::from(*last))).collect()
        };
        let id = Word { load, at, mask: Some(VLAN_ID), bits: 12 };
        self.gather(a, &[id], &of_rules, if self.is_within { TUNNEL_VLANS } else { VLANS });
    }

    /// The addresses of the link, behind its tags: from here on its rules are in [`RULES`].
    pub(super) fn rules_by_mac(&self, a: &mut Assembler, ends: Ends) {
        if self.rules.is_empty() {
            return;
        }
        a.op(op::LD_MEM, if self.is_within { TUNNEL_VLANS } else { VLANS }).op(op::ST, RULES);
        if self.rules.any_mac == self.rules.all() {
            return;
        }
        a.op(op::LD_IMM, self.rules.any_mac).op(op::ST, GATHERED);
        let of_rules = |conditions: &Exclusions| conditions.macs.iter().filter_map(MacSet::range).collect();
        ends.each(a, |a, words, octet| {
            self.gather(a, &words, &of_rules, GATHERED);
            for (set, mask, value) in [(MacSet::LocallyAdministered, 0x03, 0x02), (MacSet::Group, 0x01, 0x01)]
            {
                let bits = self.rules.set(|conditions| conditions.macs.contains(&set));
                if bits != 0 {
                    let none = a.label();
                    octet(a).op(op::AND_K, mask).unless(op::JEQ_K, value, none);
                    add(a, bits, GATHERED);
                    a.place(none);
                }
            }
        });
        narrow(a);
    }

    /// What is within a tunnel without a MAC address, such as IP: it goes on at `to`.
    pub(super) fn rules_without_link(&self, a: &mut Assembler, at: Label, to: Label) {
        if !self.rules.is_empty() {
            a.place(at)
                .op(op::LD_MEM, TUNNEL_VLANS)
                .op(op::AND_K, self.rules.any_mac)
                .op(op::ST, RULES)
                .jump(to);
        }
    }

    /// The addresses of IP at two offsets from X.
    pub(super) fn rules_by_address(&self, a: &mut Assembler, version: IpVersion, ends: [u32; 2]) {
        if self.rules.any_address == self.rules.all() {
            return;
        }
        a.op(op::LD_IMM, self.rules.any_address).op(op::ST, GATHERED);
        let range = |prefix: &(IpAddr, u8)| match version {
            IpVersion::V4 => range_v4(prefix),
            IpVersion::V6 => range_v6(prefix),
        };
        let of_rules = |conditions: &Exclusions| conditions.prefixes.iter().filter_map(range).collect();
        for at in ends {
            let word = |number: u32| Word { load: op::LD_W_IND, at: at + 4 * number, mask: None, bits: 32 };
            let words: Vec<Word> = (0..if version == IpVersion::V4 { 1 } else { 4 }).map(word).collect();
            self.gather(a, &words, &of_rules, GATHERED);
        }
        narrow(a);
    }

    /// The protocol of IP, of which `number` is the load: from here on the rules that have it are in [`GATHERED`].
    pub(super) fn rules_by_ip_protocol(&self, a: &mut Assembler, version: IpVersion, (load, at): (u16, u32)) {
        if self.rules.is_empty() {
            return;
        }
        a.op(op::LD_IMM, self.rules.any_protocol).op(op::ST, GATHERED);
        let mut ranges: Vec<(Range, u32)> = Vec::new();
        for (bit, conditions) in self.rules.conditions() {
            let numbers = conditions.protocols.iter().filter_map(|p| p.ip_number());
            ranges.extend(numbers.map(|number| ((number.into(), number.into()), bit)));
        }
        if version == IpVersion::V6 && self.rules.unread_protocol != 0 {
            let unread = |number: u8| ((number.into(), number.into()), self.rules.unread_protocol);
            ranges.extend(IPV6_EXTENSIONS.map(unread));
        }
        let number = Word { load, at, mask: None, bits: 8 };
        sets::gather(a, &[number], &ranges, |a, bits| add(a, bits, GATHERED));
    }

    /// The ports of TCP, where `version` is `None`, or of UDP.
    pub(super) fn rules_by_port(&self, a: &mut Assembler, version: Option<IpVersion>) {
        let of_rules = |conditions: &Exclusions| {
            let ports = conditions.protocols.iter().flat_map(|protocol| match version {
                None => protocol.tcp_ports(),
                Some(version) => protocol.udp_ports(version),
            });
            ports.map(|port| (u128::from(*port), u128::from(*port))).collect()
        };
        for at in [0, 2] {
            let port = Word { load: op::LD_H_IND, at, mask: None, bits: 16 };
            self.gather(a, &[port], &of_rules, GATHERED);
        }
    }

    /// What has no address of IP, of a protocol above Ethernet or of none that is told apart.
    pub(super) fn without_ip(&self, protocol: Option<Protocol>) -> Known {
        let holds = protocol.map_or(self.rules.any_protocol, |protocol| self.rules.with_protocol(protocol));
        Known::These { holds: holds & self.rules.any_address, perhaps: 0 }
    }

    /// The first rule decides: the frame ends here, or goes to `limited` where no more than headers is kept of it, or
    /// goes on behind this.
    pub(super) fn decide(&self, a: &mut Assembler, known: Known, limited: Label) {
        let (holds, perhaps) = match known {
            Known::Gathered => (self.rules.all(), 0),
            Known::These { holds, perhaps } => (holds, perhaps & !holds),
        };
        let runs = self.rules.runs(holds, perhaps);
        if runs.is_empty() {
            return;
        }
        let go_on = a.label();
        match known {
            Known::Gathered => and_rules(a),
            Known::These { .. } => {
                a.op(op::LD_MEM, RULES).op(op::AND_K, holds | perhaps);
            }
        }
        for (bits, act) in runs {
            let target = match act {
                Act::End(end) => self.end(end),
                Act::Limit => limited,
                Act::GoOn => go_on,
            };
            a.when(op::JSET_K, bits, target);
        }
        a.place(go_on);
    }

    /// Adds the bits of all rules that have the value to a scratch word.
    fn gather(
        &self,
        a: &mut Assembler,
        words: &[Word],
        of_rules: &dyn Fn(&Exclusions) -> Vec<Range>,
        to: u32,
    ) {
        let of = |(bit, conditions)| of_rules(conditions).into_iter().map(move |range| (range, bit));
        let ranges: Vec<(Range, u32)> = self.rules.conditions().flat_map(of).collect();
        sets::gather(a, words, &ranges, |a, bits| add(a, bits, to));
    }

    /// The number of an extension header or of what is behind them, for [`Self::rules_by_ip_protocol`].
    pub(super) fn keep_number(&self, a: &mut Assembler) {
        if !self.rules.is_empty() {
            a.op(op::ST, ETHERTYPE);
        }
    }
}

fn add(a: &mut Assembler, bits: u32, to: u32) {
    a.op(op::LD_MEM, to).op(op::OR_K, bits).op(op::ST, to);
}

/// Leaves in [`RULES`] what is in [`GATHERED`] too.
fn narrow(a: &mut Assembler) {
    and_rules(a);
    a.op(op::ST, RULES);
}

/// A is what is in both.
fn and_rules(a: &mut Assembler) {
    a.op(op::STX, SAVED_X).op(op::LDX_MEM, RULES).op(op::LD_MEM, GATHERED).op(op::AND_X, 0);
    a.op(op::LDX_MEM, SAVED_X);
}
