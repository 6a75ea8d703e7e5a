//! IP Authentication Header (RFC 4302) and the clear part of Encapsulating Security Payload (RFC 4303).
//!
//! Both are read with the layer that the cursor is in, which is that of the IP header before them.

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor};

/// ESP in the IPv4 Protocol and IPv6 Next Header fields. What is behind its header is encrypted.
pub const ESP: u8 = 50;
/// AH in the IPv4 Protocol and IPv6 Next Header fields.
pub const AUTHENTICATION: u8 = 51;
/// Octets of an Authentication Header without its Integrity Check Value.
pub const AUTHENTICATION_LEN: usize = 12;
/// Octets of ESP that are in the clear.
pub const ESP_LEN: usize = 8;

/// An Authentication Header (RFC 4302, 2), without its Integrity Check Value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// Protocol of what is behind it (IANA protocol numbers).
    pub next_header: u8,
    /// Octets of the header with the Integrity Check Value: Payload Len times four, and eight (2.2).
    pub length: u16,
    /// Security Parameters Index.
    pub spi: u32,
    /// Sequence number.
    pub sequence: u32,
}

/// What is in the clear of ESP (RFC 4303, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Esp {
    /// Security Parameters Index.
    pub spi: u32,
    /// Sequence number.
    pub sequence: u32,
}

/// Reads an Authentication Header and leaves the cursor behind it.
pub fn parse_authentication(cursor: &mut Cursor<'_>) -> Result<Authentication, Malformed> {
    let start = *cursor;
    let view: &[u8; AUTHENTICATION_LEN] = cursor.array()?;
    let [next_header, words, _, _, p0, p1, p2, p3, s0, s1, s2, s3] = *view;
    let length = u16::from(words).saturating_add(2).saturating_mul(4);
    let check_value = usize::from(length).checked_sub(AUTHENTICATION_LEN);
    cursor.take(check_value.ok_or_else(|| start.malformed(Kind::Length))?)?;
    Ok(Authentication {
        next_header,
        length,
        spi: u32::from_be_bytes([p0, p1, p2, p3]),
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
    })
}

/// Reads the clear part of ESP and leaves the cursor behind it.
pub fn parse_esp(cursor: &mut Cursor<'_>) -> Result<Esp, Malformed> {
    Ok(Esp { spi: cursor.u32()?, sequence: cursor.u32()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    const HEADER: [u8; 14] = [6, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 0xaa, 0xaa];

    #[test]
    fn an_authentication_header_counts_in_words_less_two() {
        let mut cursor = Cursor::new(&HEADER, 0, Layer::Ipv4);
        let header = parse_authentication(&mut cursor).unwrap();
        assert_eq!(header, Authentication { next_header: 6, length: 12, spi: 0x0102, sequence: 3 });
        assert_eq!(cursor.offset(), 12);
    }

    #[test]
    fn a_length_below_the_fixed_part_or_beyond_the_packet_is_refused() {
        for (words, kind) in [(0, Kind::Length), (2, Kind::Short), (255, Kind::Short)] {
            let mut bytes = HEADER;
            bytes[1] = words;
            let error = parse_authentication(&mut Cursor::new(&bytes, 0, Layer::Ipv4)).unwrap_err();
            assert_eq!(error.kind, kind, "{words}");
        }
    }

    #[test]
    fn esp_is_read_up_to_what_is_encrypted() {
        let mut cursor = Cursor::new(&[0, 0, 0, 1, 0, 0, 0, 2, 0xff], 0, Layer::Ipv4);
        assert_eq!(parse_esp(&mut cursor), Ok(Esp { spi: 1, sequence: 2 }));
        assert_eq!(cursor.rest(), [0xff]);
    }
}
