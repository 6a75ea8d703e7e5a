//! Which of several sockets of one interface takes a frame (ADR 0016).
//!
//! The first takes everything whose meaning depends on other frames: control protocols, tunnels, what is not read. What
//! says nothing beyond its ends, TCP and most of UDP, is spread over all, each conversation with both its directions to one.

use headgate_wire::{ethernet, is_read_on, tcp, udp};

use super::sets::{self, Range, Word};
use super::when_tag;
use crate::control::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::{Program, op};

/// Before the program of the rules: goes on to it with the frames of share `number` of `of`, and ends with 0 for all
/// others. For every frame exactly one of the shares goes on, whatever its length.
pub(in crate::filter) fn prologue(number: u32, of: u32) -> Option<Program> {
    let mut a = Assembler::default();
    let [first, tagged, udp, spread, mine] = std::array::from_fn(|_| a.label());
    let [in_the_clear, behind_a_tag] = [0, TAG].map(|tag| Ip { tag, v4: a.label(), v6: a.label() });
    a.op(op::LD_W_LEN, 0).unless(op::JGE_K, IPV4_PORTS + PORTS_LEN + TAG, first);
    a.op(op::LD_H_ABS, TYPE);
    in_the_clear.find(&mut a);
    when_tag(&mut a, tagged);
    a.jump(first);
    a.place(tagged).op(op::LD_H_ABS, TYPE + TAG);
    behind_a_tag.find(&mut a);
    a.jump(first);
    for ip in [in_the_clear, behind_a_tag] {
        a.place(ip.v4);
        // With options ports are elsewhere, and in later fragments there are none.
        a.op(op::LD_B_ABS, ETHERNET + ip.tag).unless(op::JEQ_K, IPV4_WITHOUT_OPTIONS, first);
        a.op(op::LD_H_ABS, IPV4_FRAGMENT + ip.tag).when(op::JSET_K, FRAGMENT_OFFSET, first);
        addresses(&mut a, IPV4_ADDRESSES + ip.tag, 2);
        a.op(op::LD_W_ABS, IPV4_PORTS + ip.tag).op(op::ST, PORTS);
        a.op(op::LD_B_ABS, IPV4_PROTOCOL + ip.tag);
        a.when(op::JEQ_K, tcp::PROTOCOL.into(), spread)
            .when(op::JEQ_K, udp::PROTOCOL.into(), udp)
            .jump(first);

        a.place(ip.v6).op(op::LD_W_LEN, 0).unless(op::JGE_K, IPV6_PORTS + PORTS_LEN + ip.tag, first);
        addresses(&mut a, IPV6_ADDRESSES + ip.tag, 8);
        a.op(op::LD_W_ABS, IPV6_PORTS + ip.tag).op(op::ST, PORTS);
        a.op(op::LD_B_ABS, IPV6_NEXT_HEADER + ip.tag);
        a.when(op::JEQ_K, tcp::PROTOCOL.into(), spread)
            .when(op::JEQ_K, udp::PROTOCOL.into(), udp)
            .jump(first);
    }

    a.place(udp).op(op::LD_MEM, PORTS).op(op::RSH_K, 16).op(op::ST, SOURCE_PORT);
    let ports = ports_read_on();
    for at in [SOURCE_PORT, PORTS] {
        let port = Word { load: op::LD_MEM, at, mask: Some(0xffff), bits: 16 };
        sets::find(&mut a, &[port], ports.clone(), |a| {
            a.jump(first);
        });
    }

    a.place(spread).op(op::LD_MEM, PORTS).op(op::RSH_K, 16).op(op::TAX, 0);
    a.op(op::LD_MEM, PORTS).op(op::AND_K, 0xffff).op(op::XOR_X, 0).op(op::TAX, 0);
    // Multiplied in between, so that neighbouring addresses and ports do not undo each other.
    a.op(op::LD_MEM, ADDRESSES).op(op::MUL_K, ODD).op(op::XOR_X, 0).op(op::MUL_K, ODD);
    a.op(op::RSH_K, 16).op(op::MOD_K, of).when(op::JEQ_K, number, mine).keep(0);

    a.place(first);
    if number != 0 {
        a.keep(0);
    }
    a.place(mine).finish()
}

/// Where IP is read, behind so many octets of a tag.
struct Ip {
    tag: u32,
    v4: Label,
    v6: Label,
}

impl Ip {
    fn find(&self, a: &mut Assembler) {
        a.when(op::JEQ_K, ETHERTYPE_IPV4.into(), self.v4).when(op::JEQ_K, ETHERTYPE_IPV6.into(), self.v6);
    }
}

/// All words of both addresses, in no order: the other direction has the same.
fn addresses(a: &mut Assembler, at: u32, words: u32) {
    a.op(op::LD_W_ABS, at);
    for word in 1..words {
        a.op(op::TAX, 0).op(op::LD_W_ABS, at + 4 * word).op(op::XOR_X, 0);
    }
    a.op(op::ST, ADDRESSES);
}

/// The ports of UDP of which more than the header is read.
fn ports_read_on() -> Vec<Range> {
    let is_one = |port: &u16| is_read_on(*port, 0) || is_read_on(0, *port);
    (0..=u16::MAX).filter(is_one).map(|port| (port.into(), port.into())).collect()
}

const ETHERNET: u32 = 14;
const TAG: u32 = 4;
const TYPE: u32 = ETHERNET - 2;
/// Version 4 and five words.
const IPV4_WITHOUT_OPTIONS: u32 = 0x45;
const IPV4_FRAGMENT: u32 = ETHERNET + 6;
const FRAGMENT_OFFSET: u32 = 0x1fff;
const IPV4_PROTOCOL: u32 = ETHERNET + 9;
const IPV4_ADDRESSES: u32 = ETHERNET + 12;
const IPV4_PORTS: u32 = ETHERNET + 20;
const IPV6_NEXT_HEADER: u32 = ETHERNET + 6;
const IPV6_ADDRESSES: u32 = ETHERNET + 8;
const IPV6_PORTS: u32 = ETHERNET + 40;
const PORTS_LEN: u32 = 4;
/// Near 2^32 divided by the golden ratio: spreads what is next to each other.
const ODD: u32 = 0x9e37_79b1;
/// Scratch words; the program of the rules writes its own before it reads them.
const ADDRESSES: u32 = 0;
const PORTS: u32 = 1;
const SOURCE_PORT: u32 = 2;

const _: () = assert!(ethernet::HEADER_LEN == 14);

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/specification.md: as many as the rules leave, where there are several threads.
    const INSTRUCTIONS: usize = 192;

    #[test]
    fn a_share_needs_no_more_instructions_than_is_said() {
        for (number, of) in [(0, 2), (1, 2), (0, 64), (63, 64)] {
            let instructions = prologue(number, of).unwrap().instructions().len();
            assert!((INSTRUCTIONS - 32..=INSTRUCTIONS).contains(&instructions), "{instructions}");
        }
    }
}
