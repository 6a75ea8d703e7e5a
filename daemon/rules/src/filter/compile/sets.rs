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
    search(a, words, &merged(ranges), hit, miss);
    found(a.place(hit));
    a.place(miss);
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

fn search(a: &mut Assembler, words: &[Word], ranges: &[Range], hit: Label, miss: Label) {
    let Some((word, rest)) = words.split_first() else { return };
    let (entries, parts) = split(a, word.bits, rest.iter().map(|word| word.bits).sum(), ranges, hit);
    a.op(word.load, word.at);
    if let Some(mask) = word.mask {
        a.op(op::AND_K, mask);
    }
    decide(a, &entries, u32::MAX >> (32 - word.bits), miss);
    for (label, ranges) in parts {
        a.place(label);
        search(a, rest, &ranges, hit, miss);
    }
}

/// Values of a word, and where they lead.
type Entry = (u32, u32, Label);

/// What a word of `bits` decides of `ranges`, and of which of its values the `low` bits below must decide.
fn split(
    a: &mut Assembler,
    bits: u32,
    low: u32,
    ranges: &[Range],
    hit: Label,
) -> (Vec<Entry>, Vec<(Label, Vec<Range>)>) {
    let below = (1_u128 << low) - 1;
    let word = |value: u128| u32::try_from(value >> low).unwrap_or(u32::MAX >> (32 - bits));
    let mut entries = Vec::new();
    let mut parts: BTreeMap<u32, Vec<Range>> = BTreeMap::new();
    for (first, last) in ranges {
        let (from, to) = (word(*first), word(*last));
        let (from_below, to_below) = (first & below, last & below);
        let (starts_within, ends_within) = (from_below != 0, to_below != below);
        if from == to && (starts_within || ends_within) {
            parts.entry(from).or_default().push((from_below, to_below));
            continue;
        }
        if starts_within {
            parts.entry(from).or_default().push((from_below, below));
        }
        if ends_within {
            parts.entry(to).or_default().push((0, to_below));
        }
        let whole = (from + u32::from(starts_within), to.wrapping_sub(u32::from(ends_within)));
        if whole.0 <= whole.1 {
            entries.push((whole.0, whole.1, hit));
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

    proptest! {
        #[test]
        fn a_tree_holds_what_its_ranges_hold(
            ends in prop::collection::vec((any_value(), any_value()), 1..20),
            values in prop::collection::vec(any_value(), 1..20),
        ) {
            let ranges: Vec<Range> = ends.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
            let mut a = Assembler::default();
            let words = [
                Word { load: op::LD_B_ABS, at: 0, mask: Some(0x3f), bits: 8 },
                Word { load: op::LD_W_ABS, at: 1, mask: None, bits: 32 },
            ];
            exclude(&mut a, &words, ranges.clone(), 1);
            let program = a.keep(2).finish().unwrap();
            for value in values {
                let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&value));
                let octets = value.to_be_bytes();
                prop_assert_eq!(program.run(&octets[11..], None), if is_in { 1 } else { 2 }, "{:x}", value);
            }
        }
    }
}
