//! The words of a column: octets that occur again are written once.

/// Words in the order of their numbers.
#[derive(Default)]
pub(super) struct Words {
    octets: Vec<u8>,
    /// Where each ends in `octets`.
    ends: Vec<u32>,
    /// By hash, the number of a recent word with it, and one. A word whose place was taken is written again: whoever
    /// chooses words can make a message longer that way, and nothing slower.
    recent: Vec<u16>,
}

impl Words {
    /// The number of a word, and whether it was not there before.
    pub(super) fn number(&mut self, word: &[u8]) -> (u64, bool) {
        if self.recent.is_empty() {
            self.recent.resize(PLACES, 0);
        }
        let place = place(word);
        let recent = self.recent.get(place).and_then(|number| number.checked_sub(1));
        if let Some(number) = recent
            && self.get(number.into()) == Some(word)
        {
            return (number.into(), false);
        }
        let number = self.ends.len();
        self.octets.extend_from_slice(word);
        self.ends.push(u32::try_from(self.octets.len()).unwrap_or(u32::MAX));
        // One with a number too high to be remembered is written each time.
        if let (Ok(number), Some(recent)) = (u16::try_from(number + 1), self.recent.get_mut(place)) {
            *recent = number;
        }
        (u64::try_from(number).unwrap_or(u64::MAX), true)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).filter_map(|number| self.get(number))
    }

    fn get(&self, number: usize) -> Option<&[u8]> {
        let start = match number.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        self.octets.get(start..usize::try_from(*self.ends.get(number)?).ok()?)
    }
}

/// The place of a word among recent ones, by a hash of its length, its beginning, its middle and its end.
#[inline]
fn place(word: &[u8]) -> usize {
    let mut hash = u64::try_from(word.len()).unwrap_or(0);
    let mut mix = |octets: [u8; 8]| {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(octets)).wrapping_mul(MULTIPLIER);
    };
    match (word.first_chunk(), word.last_chunk()) {
        (Some(first), Some(last)) => {
            mix(*first);
            mix(*last);
            if let Some(middle) = word.get(word.len() / 2 - 4..).and_then(|rest| rest.first_chunk()) {
                mix(*middle);
            }
        }
        _ => {
            let mut octets = [0; 8];
            octets.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
            mix(octets);
        }
    }
    usize::try_from(hash >> (u64::BITS - PLACES.ilog2())).unwrap_or(0)
}

/// Recent words of a column.
const PLACES: usize = 1 << 9;
/// Odd, its bits well mixed: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
