//! Whether a value is in one of many ranges, as a balanced tree: few of its instructions are run.

use std::collections::BTreeMap;

use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;

/// First and last value.
pub(super) type Range = (u128, u128);

/// A part of a value that one load reads.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) load: u16,
    pub(super) at: u32,
    /// Bits of the load that count, where not all do.
    pub(super) mask: Option<u32>,
    pub(super) bits: u32,
}

/// Ends with `reason` where the value is in one of `ranges`, as [`find`] does.
pub(super) fn exclude(a: &mut Assembler, words: &[Word], ranges: Vec<Range>, reason: u32) {
    find(a, words, ranges, |a| {
        a.keep(reason);
    });
}

/// Does what `found` adds where the value, whose most significant word is the first of `words`, is in one of `ranges`.
/// Clobbers A.
pub(super) fn find(a: &mut Assembler, words: &[Word], ranges: Vec<Range>, found: impl Fn(&mut Assembler)) {
    if ranges.is_empty() {
        return;
    }
    // What is found is near, so that few jumps to it are long.
    let [hit, miss] = [a.label(), a.label()];
    let ranges: Vec<Target> = merged(ranges).into_iter().map(|(first, last)| (first, last, hit)).collect();
    search(a, words, &ranges, miss);
    found(a.place(hit));
    a.place(miss);
}

/// Does what `found` adds with the bits of all ranges that the value is in, where there are any. Clobbers A.
pub(super) fn gather(
    a: &mut Assembler,
    words: &[Word],
    ranges: &[(Range, u32)],
    found: impl Fn(&mut Assembler, u32),
) {
    let parts = parts(ranges);
    if parts.is_empty() {
        return;
    }
    let miss = a.label();
    let hits: BTreeMap<u32, Label> = parts.iter().map(|(_, bits)| (*bits, a.label())).collect();
    let to = |((first, last), bits): &(Range, u32)| Some((*first, *last, *hits.get(bits)?));
    let targets: Vec<Target> = parts.iter().filter_map(to).collect();
    search(a, words, &targets, miss);
    for (bits, hit) in hits {
        found(a.place(hit), bits);
        a.jump(miss);
    }
    a.place(miss);
}

/// Where values have the same bits, in order: those of all ranges that they are in.
fn parts(ranges: &[(Range, u32)]) -> Vec<(Range, u32)> {
    // What begins and what ends at a value, by bit.
    let mut changes: BTreeMap<u128, [i32; 32]> = BTreeMap::new();
    for ((first, last), bits) in ranges {
        for (at, change) in [(Some(*first), 1), (last.checked_add(1), -1)] {
            let Some(at) = at else { continue };
            let counts = changes.entry(at).or_default();
            for (count, bit) in counts.iter_mut().zip(bits_of(*bits)) {
                *count += if bit { change } else { 0 };
            }
        }
    }
    let mut parts: Vec<(Range, u32)> = Vec::new();
    let mut counts = [0; 32];
    let ends = changes.keys().skip(1).map(|next| next - 1).chain([u128::MAX]);
    for ((first, change), last) in changes.iter().zip(ends) {
        counts.iter_mut().zip(change).for_each(|(count, change)| *count += change);
        let bits = counts.iter().rev().fold(0, |bits, count| bits << 1 | u32::from(*count > 0));
        match parts.last_mut() {
            _ if bits == 0 => {}
            Some(((_, end), same)) if *same == bits && end.checked_add(1) == Some(*first) => *end = last,
            _ => parts.push(((*first, last), bits)),
        }
    }
    parts
}

/// The lowest bit first.
fn bits_of(bits: u32) -> impl Iterator<Item = bool> {
    (0..u32::BITS).map(move |at| bits >> at & 1 != 0)
}

/// In order, and none within or behind another without a gap.
fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged
}

fn search(a: &mut Assembler, words: &[Word], ranges: &[Target], miss: Label) {
    let Some((word, rest)) = words.split_first() else { return };
    let (entries, parts) = split(a, word.bits, rest.iter().map(|word| word.bits).sum(), ranges);
    a.op(word.load, word.at);
    if let Some(mask) = word.mask {
        a.op(op::AND_K, mask);
    }
    decide(a, &entries, u32::MAX >> (32 - word.bits), miss);
    for (label, ranges) in parts {
        a.place(label);
        search(a, rest, &ranges, miss);
    }
}

/// First and last value, and where they lead.
type Target = (u128, u128, Label);
/// Values of a word, and where they lead.
type Entry = (u32, u32, Label);

/// What a word of `bits` decides of `ranges`, and of which of its values the `low` bits below must decide.
fn split(
    a: &mut Assembler,
    bits: u32,
    low: u32,
    ranges: &[Target],
) -> (Vec<Entry>, Vec<(Label, Vec<Target>)>) {
    let below = (1_u128 << low) - 1;
    let word = |value: u128| u32::try_from(value >> low).unwrap_or(u32::MAX >> (32 - bits));
    let mut entries = Vec::new();
    let mut parts: BTreeMap<u32, Vec<Target>> = BTreeMap::new();
    for (first, last, hit) in ranges {
        let (from, to) = (word(*first), word(*last));
        let (from_below, to_below) = (first & below, last & below);
        let (starts_within, ends_within) = (from_below != 0, to_below != below);
        if from == to && (starts_within || ends_within) {
            parts.entry(from).or_default().push((from_below, to_below, *hit));
            continue;
        }
        if starts_within {
            parts.entry(from).or_default().push((from_below, below, *hit));
        }
        if ends_within {
            parts.entry(to).or_default().push((0, to_below, *hit));
        }
        let whole = (from + u32::from(starts_within), to.wrapping_sub(u32::from(ends_within)));
        if whole.0 <= whole.1 {
            entries.push((whole.0, whole.1, *hit));
        }
    }
    let parts: Vec<_> = parts.into_iter().map(|(value, ranges)| (value, a.label(), ranges)).collect();
    entries.extend(parts.iter().map(|(value, label, _)| (*value, *value, *label)));
    entries.sort_unstable_by_key(|(first, _, _)| *first);
    (entries, parts.into_iter().map(|(_, label, ranges)| (label, ranges)).collect())
}

/// Goes where the value in A leads.
fn decide(a: &mut Assembler, entries: &[Entry], max: u32, miss: Label) {
    if entries.len() > MAX_CHAIN {
        let (lower, upper) = entries.split_at(entries.len() / 2);
        let above = a.label();
        a.when(op::JGE_K, upper.first().map_or(0, |(first, _, _)| *first), above);
        decide(a, lower, max, miss);
        a.place(above);
        decide(a, upper, max, miss);
        return;
    }
    for (first, last, target) in entries {
        match (*first, *last) {
            (value, last) if value == last => {
                a.when(op::JEQ_K, value, *target);
            }
            (0, last) if last == max => {
                a.jump(*target);
            }
            (first, last) if last == max => {
                a.when(op::JGE_K, first, *target);
            }
            (0, last) => {
                a.unless(op::JGT_K, last, *target);
            }
            (first, last) => {
                let next = a.label();
                a.unless(op::JGE_K, first, next).unless(op::JGT_K, last, *target).place(next);
            }
        }
    }
    a.jump(miss);
}

/// Most values that are compared one after the other.
const MAX_CHAIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values of 40 bits in words of 8 and 32, near each other, so that all cases of [`split`] occur.
    fn any_value() -> impl Strategy<Value = u128> {
        (0..4_u128, prop::sample::select(vec![0, 1, 2, 7, 0xffff_fffe, 0xffff_ffff]), 0..3_u128)
            .prop_map(|(high, low, more)| ((high << 32) + low + more).min((1 << 40) - 1))
    }

    /// Values of 40 bits in two words.
    const WORDS: [Word; 2] = [
        Word { load: op::LD_B_ABS, at: 0, mask: Some(0x3f), bits: 8 },
        Word { load: op::LD_W_ABS, at: 1, mask: None, bits: 32 },
    ];

    proptest! {
        #[test]
        fn the_bits_of_a_value_are_those_of_all_ranges_that_it_is_in(
            ends in prop::collection::vec((any_value(), any_value(), prop_oneof![1..16_u32, Just(1 << 31)]), 0..20),
            values in prop::collection::vec(any_value(), 1..20),
        ) {
            let ranges: Vec<(Range, u32)> =
                ends.into_iter().map(|(a, b, bits)| ((a.min(b), a.max(b)), bits)).collect();
            let mut a = Assembler::default();
            gather(&mut a, &WORDS, &ranges, |a, bits| {
                a.keep(bits);
            });
            let program = a.keep(0).finish().unwrap();
            for value in values {
                let is_in = |(first, last): &Range| (*first..=*last).contains(&value);
                let expected = ranges.iter().filter(|(range, _)| is_in(range)).fold(0, |all, (_, bits)| all | bits);
                let octets = value.to_be_bytes();
                // No more than the value has octets can be kept.
                let packet = [&octets[11..], &[0; 11]].concat();
                let kept = program.run(&packet, None);
                prop_assert_eq!(kept, usize::try_from(expected).unwrap().min(packet.len()), "{:x}", value);
            }
        }

        #[test]
        fn a_tree_holds_what_its_ranges_hold(
            ends in prop::collection::vec((any_value(), any_value()), 1..20),
            values in prop::collection::vec(any_value(), 1..20),
        ) {
            let ranges: Vec<Range> = ends.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
            let mut a = Assembler::default();
            exclude(&mut a, &WORDS, ranges.clone(), 1);
            let program = a.keep(2).finish().unwrap();
            for value in values {
                let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&value));
                let octets = value.to_be_bytes();
                prop_assert_eq!(program.run(&octets[11..], None), if is_in { 1 } else { 2 }, "{:x}", value);
            }
        }
    }
}
