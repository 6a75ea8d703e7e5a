//! The ones' complement sum of the Internet checksum (RFC 1071).

/// Whether the words of a message, its checksum among them, add up to all ones.
pub(crate) fn is_all_ones(words: impl Iterator<Item = u16>) -> bool {
    let mut sum = words.map(u64::from).fold(0u64, u64::saturating_add);
    for _ in 0..FOLDS {
        sum = (sum & 0xffff).saturating_add(sum >> 16);
    }
    sum == 0xffff
}

/// Whether the checksum of a message is right; a last octet without a partner is followed by a zero.
pub(crate) fn is_valid(message: &[u8]) -> bool {
    let (words, last) = message.as_chunks();
    let last = last.iter().map(|octet| u16::from_be_bytes([*octet, 0]));
    is_all_ones(words.iter().map(|word| u16::from_be_bytes(*word)).chain(last))
}

/// Enough to bring a 64-bit sum into 16 bits.
const FOLDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_adds_up() {
        // RFC 1071, 3.
        assert!(is_valid(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x22, 0x0d]));
        assert!(!is_valid(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x22, 0x0c]));
    }

    #[test]
    fn a_last_octet_is_the_upper_half_of_a_word() {
        assert!(is_valid(&[0xfe, 0xff, 0x01]) && !is_valid(&[0xff, 0xfe, 0x01]));
        assert!(!is_valid(&[]));
    }
}
