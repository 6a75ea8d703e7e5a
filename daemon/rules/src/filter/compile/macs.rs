//! MAC addresses of a frame, and of what is within a tunnel.

use super::sets::{self, Range, Word};
use super::{DESTINATION, SOURCE};
use crate::exclude::MacSet;
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;

/// Goes to `hit` where the destination or the source is in one of the sets. `near` adds what comes to the same in few
/// instructions, for trees with many jumps to it.
pub(super) fn macs(
    a: &mut Assembler,
    sets: &[MacSet],
    ends: Ends,
    hit: Label,
    near: impl Fn(&mut Assembler),
) {
    if sets.is_empty() {
        return;
    }
    let ranges: Vec<Range> = sets.iter().filter_map(MacSet::range).collect();
    ends.each(a, |a, words, octet| {
        sets::find(a, &words, ranges.clone(), &near);
        if sets.contains(&MacSet::LocallyAdministered) {
            octet(a).op(op::AND_K, 0x03).when(op::JEQ_K, 0x02, hit);
        }
        if sets.contains(&MacSet::Group) {
            octet(a).when(op::JSET_K, 0x01, hit);
        }
    });
}

/// Where the destination and the source are.
#[derive(Clone, Copy)]
pub(super) enum Ends {
    /// At the beginning of the frame.
    OfFrame,
    /// Within a tunnel: where [`DESTINATION`] and [`SOURCE`] say.
    Within,
}

impl Ends {
    /// Adds something for each: of the loads of the address in two words, and of its first octet. X is another then.
    pub(super) fn each(
        self,
        a: &mut Assembler,
        add: impl Fn(&mut Assembler, [Word; 2], &dyn Fn(&mut Assembler) -> &mut Assembler),
    ) {
        for (word, offset) in [(DESTINATION, 0), (SOURCE, 6)] {
            let (octet, two, four, at) = match self {
                Ends::OfFrame => (op::LD_B_ABS, op::LD_H_ABS, op::LD_W_ABS, offset),
                Ends::Within => (op::LD_B_IND, op::LD_H_IND, op::LD_W_IND, 0),
            };
            if let Ends::Within = self {
                a.op(op::LDX_MEM, word);
            }
            let words = [
                Word { load: four, at, mask: None, bits: 32 },
                Word { load: two, at: at + 4, mask: None, bits: 16 },
            ];
            add(a, words, &|a| a.op(octet, at));
        }
    }
}

impl MacSet {
    /// The addresses of the set, where they are next to each other.
    pub(super) fn range(&self) -> Option<Range> {
        let octets = match self {
            MacSet::Exact(mac) => return Some((number(mac.0), number(mac.0))),
            MacSet::Oui([b0, b1, b2]) => [*b0, *b1, *b2, 0, 0, 0],
            MacSet::LocallyAdministered | MacSet::Group => return None,
        };
        Some((number(octets), number(octets) | 0x00ff_ffff))
    }
}

fn number(mac: [u8; 6]) -> u128 {
    mac.into_iter().fold(0, |number, octet| number << 8 | u128::from(octet))
}
