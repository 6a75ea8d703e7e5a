//! IPv4 header (RFC 791, 3.1).

use std::net::Ipv4Addr;

use crate::{Kind, Malformed, cursor::Cursor};

/// Octets of the header without options.
pub const HEADER_LEN: usize = 20;
/// Largest packet whose length fits the Total Length field. A longer one (made by segmentation
/// offload) has 0 there and ends with its frame.
pub const MAX_TOTAL_LENGTH: usize = 65_535;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of the header with its options, 20 to 60.
    pub header_len: u8,
    /// Differentiated services code point (RFC 2474).
    pub dscp: u8,
    /// Explicit congestion notification (RFC 3168, 5).
    pub ecn: u8,
    /// Octets of header and payload.
    pub total_length: u16,
    /// Identification, the same in all fragments of a packet.
    pub identification: u16,
    /// Don't Fragment.
    pub dont_fragment: bool,
    /// More Fragments.
    pub more_fragments: bool,
    /// Offset of this fragment's payload in the packet's payload, in octets.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload (IANA protocol numbers).
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
}

impl Header {
    /// Whether the packet is one of several fragments.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset > 0
    }

    /// Ends the cursor where Total Length says.
    #[inline]
    pub(crate) fn limit(&self, start: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.total_length == 0 && start.wire_remaining() > MAX_TOTAL_LENGTH {
            return Ok(());
        }
        if self.total_length < u16::from(self.header_len) {
            return Err(start.malformed(Kind::Length));
        }
        start.limit(usize::from(self.total_length))
    }
}

/// Reads the fixed part of a header; the options are still ahead of the cursor.
#[inline]
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [version, tos, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *view;
    if version >> 4 != 4 {
        return Err(start.malformed(Kind::Version));
    }
    let header_len = (version & 0x0f) << 2;
    if usize::from(header_len) < HEADER_LEN {
        return Err(start.malformed(Kind::Length));
    }
    let fragment = u16::from_be_bytes([f0, f1]);
    Ok(Header {
        header_len,
        dscp: tos >> 2,
        ecn: tos & 0x03,
        total_length: u16::from_be_bytes([l0, l1]),
        identification: u16::from_be_bytes([i0, i1]),
        dont_fragment: fragment & 0x4000 != 0,
        more_fragments: fragment & 0x2000 != 0,
        fragment_offset: (fragment & 0x1fff) << 3,
        ttl,
        protocol,
        source: Ipv4Addr::new(s0, s1, s2, s3),
        destination: Ipv4Addr::new(d0, d1, d2, d3),
    })
}

/// Steps over the options.
#[inline]
pub(crate) fn skip_options(header: &Header, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.take(usize::from(header.header_len).saturating_sub(HEADER_LEN)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    const HEADER: [u8; 20] =
        [0x45, 0xb9, 0, 28, 0x12, 0x34, 0x60, 0x02, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    fn read(bytes: &[u8]) -> Result<Header, Malformed> {
        parse(&mut Cursor::new(bytes, 0, Layer::Ipv4))
    }

    fn limited(total_length: u16, wire_len: u32) -> Result<usize, Kind> {
        let header = Header { total_length, ..read(&HEADER).unwrap() };
        let mut cursor = Cursor::new(&HEADER, wire_len, Layer::Ipv4);
        header.limit(&mut cursor).map(|()| cursor.wire_remaining()).map_err(|e| e.kind)
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let header = read(&HEADER).unwrap();
        assert_eq!(
            header,
            Header {
                header_len: 20,
                dscp: 46,
                ecn: 1,
                total_length: 28,
                identification: 0x1234,
                dont_fragment: true,
                more_fragments: true,
                fragment_offset: 16,
                ttl: 64,
                protocol: 17,
                source: Ipv4Addr::new(10, 0, 0, 1),
                destination: Ipv4Addr::new(10, 0, 0, 2),
            }
        );
        assert!(header.is_fragment());
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = HEADER;
        bytes[0] = 0x65;
        assert_eq!(read(&bytes).unwrap_err().kind, Kind::Version);
    }

    #[test]
    fn a_header_length_below_the_minimum_is_refused() {
        let mut bytes = HEADER;
        bytes[0] = 0x44;
        assert_eq!(read(&bytes).unwrap_err().kind, Kind::Length);
    }

    #[test]
    fn a_total_length_within_the_wire_length_is_sound_even_when_not_captured() {
        assert_eq!(limited(1500, 1500), Ok(1500));
        assert_eq!(limited(1500, 1514), Ok(1500));
    }

    #[test]
    fn a_total_length_beyond_the_wire_or_below_the_header_is_malformed() {
        assert_eq!(limited(1500, 1499), Err(Kind::Length));
        assert_eq!(limited(19, 60), Err(Kind::Length));
        assert_eq!(limited(0, 60), Err(Kind::Length));
    }

    #[test]
    fn a_packet_too_long_for_its_length_field_ends_with_its_frame() {
        assert_eq!(limited(0, 100_000), Ok(100_000));
    }

    #[test]
    fn options_are_stepped_over() {
        let header = Header { header_len: 24, ..read(&HEADER).unwrap() };
        let mut cursor = Cursor::new(&[1, 1, 1, 0, 0xaa], 5, Layer::Ipv4);
        skip_options(&header, &mut cursor).unwrap();
        assert_eq!(cursor.rest(), [0xaa]);
    }
}
