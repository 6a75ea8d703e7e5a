//! UDP header (RFC 768).

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor};

/// Octets of the header.
pub const HEADER_LEN: usize = 8;
/// UDP in the IPv4 Protocol and IPv6 Next Header fields.
pub const PROTOCOL: u8 = 17;
/// Largest datagram whose length fits the Length field. A longer one has 0 there (RFC 2675, 4).
pub const MAX_LENGTH: usize = 65_535;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Octets of header and payload.
    pub length: u16,
    /// Checksum; 0 where the sender computed none.
    pub checksum: u16,
}

impl Header {
    /// Ends the cursor, which is behind the header, where Length says.
    #[inline]
    pub(crate) fn limit(&self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.length == 0 && cursor.wire_remaining().saturating_add(HEADER_LEN) > MAX_LENGTH {
            return Ok(());
        }
        match usize::from(self.length).checked_sub(HEADER_LEN) {
            Some(payload) => cursor.limit(payload),
            None => Err(cursor.malformed(Kind::Length)),
        }
    }
}

/// Reads a header.
#[inline]
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [s0, s1, d0, d1, l0, l1, c0, c1] = *view;
    Ok(Header {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        length: u16::from_be_bytes([l0, l1]),
        checksum: u16::from_be_bytes([c0, c1]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn limited(length: u16, wire_len: u32) -> Result<usize, Kind> {
        let [l0, l1] = length.to_be_bytes();
        let bytes = [0, 67, 0, 68, l0, l1, 0, 0];
        let mut cursor = Cursor::new(&bytes, wire_len, Layer::Udp);
        let header = parse(&mut cursor).unwrap();
        header.limit(&mut cursor).map(|()| cursor.wire_remaining()).map_err(|e| e.kind)
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let mut cursor = Cursor::new(&[0x30, 0x39, 0, 53, 0, 8, 0xab, 0xcd], 8, Layer::Udp);
        let header = parse(&mut cursor).unwrap();
        assert_eq!(header, Header { source: 12345, destination: 53, length: 8, checksum: 0xabcd });
    }

    #[test]
    fn the_payload_ends_where_the_length_says() {
        assert_eq!(limited(8, 8), Ok(0));
        assert_eq!(limited(20, 100), Ok(12));
    }

    #[test]
    fn a_length_below_the_header_or_beyond_the_packet_is_malformed() {
        assert_eq!(limited(7, 100), Err(Kind::Length));
        assert_eq!(limited(0, 100), Err(Kind::Length));
        assert_eq!(limited(101, 100), Err(Kind::Length));
        assert_eq!(limited(0, 70_000), Ok(69_992));
    }
}
