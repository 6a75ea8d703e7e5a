//! The checksum of a message.

/// Whether the ones' complement sum over the message, with its checksum, is all ones (RFC 1071).
///
/// A last octet that has no partner is not followed by a zero, as RFC 1071 has it: it is added as a signed
/// number, less one where it is negative, as the protocol's first implementation did.
pub(super) fn is_valid(message: &[u8]) -> bool {
    let (words, last) = message.as_chunks();
    let whole = words.iter().map(|word| u16::from_be_bytes(*word));
    crate::checksum::is_all_ones(whole.chain(last.iter().map(|octet| signed(*octet))))
}

fn signed(octet: u8) -> u16 {
    if octet < 0x80 { u16::from(octet) } else { 0xff00 | u16::from(octet).saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_message_is_summed_by_words() {
        assert!(is_valid(&[2, 180, 0xfd, 0x4b]));
        assert!(!is_valid(&[2, 180, 0xfd, 0x4c]));
    }

    #[test]
    fn the_last_octet_of_an_odd_message_is_a_signed_number() {
        assert!(is_valid(b"\x02\xb4\x9b\x7e\x00\x01\x00\x07abc"));
        assert!(is_valid(b"\x02\xb4\x9b\xf8\x00\x01\x00\x07ab\xe9"));
        assert!(!is_valid(b"\x02\xb4\x9b\xf7\x00\x01\x00\x07ab\xe9"));
    }

    #[test]
    fn nothing_has_no_checksum() {
        assert!(!is_valid(&[]));
    }
}
