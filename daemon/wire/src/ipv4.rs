//! IPv4 header (RFC 791, 3.1) and its options.
//!
//! An option that breaks a rule is a fault of its own: the header, the other options and the payload
//! are read nevertheless.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, options::whole};

mod options;
pub use options::{
    MAX_ADDRESSES, OptionFact, OptionKind, Options, Route, Security, Timestamp, Timestamps, Traceroute, Value,
};

/// Octets of the header without options.
pub const HEADER_LEN: usize = 20;
/// Most octets of options, and so most options: the header's length has four bits.
pub const MAX_OPTIONS_LEN: usize = 40;
/// IPv4 in the IPv4 Protocol and IPv6 Next Header fields: IP within IP (RFC 2003).
pub const PROTOCOL: u8 = 4;
/// Largest packet whose length fits the Total Length field. A longer one (made by segmentation
/// offload) has 0 there and ends with its frame.
pub const MAX_TOTAL_LENGTH: usize = 65_535;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header<'a> {
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
    /// The flag that is reserved and must be zero.
    pub reserved: bool,
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
    /// Header checksum; not verified.
    pub checksum: u16,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// The options.
    #[serde(skip_serializing_if = "Options::is_empty")]
    pub options: Options<'a>,
}

impl<'a> Header<'a> {
    /// Whether the packet is one of several fragments.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset > 0
    }

    /// Reads the options, which are ahead of the cursor, and leaves it behind them: also where one of
    /// them is malformed, and at the end of what was captured where they are not whole.
    ///
    /// # Errors
    /// The first fault.
    #[inline]
    pub fn read_options(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        if usize::from(self.header_len) > HEADER_LEN { self.read_some_options(cursor) } else { Ok(()) }
    }

    #[cold]
    fn read_some_options(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let start = *cursor;
        match cursor.take(usize::from(self.header_len).saturating_sub(HEADER_LEN)) {
            Ok(octets) => {
                self.options = Options::new(octets);
                self.options.check(start)
            }
            Err(fault) => {
                self.options = Options::new(whole(start.rest()));
                cursor.take(start.rest().len())?;
                Err(fault)
            }
        }
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
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let start = *cursor;
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [version, tos, l0, l1, i0, i1, f0, f1, ttl, protocol, c0, c1, s0, s1, s2, s3, d0, d1, d2, d3] = *view;
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
        reserved: fragment & 0x8000 != 0,
        dont_fragment: fragment & 0x4000 != 0,
        more_fragments: fragment & 0x2000 != 0,
        fragment_offset: (fragment & 0x1fff) << 3,
        ttl,
        protocol,
        checksum: u16::from_be_bytes([c0, c1]),
        source: Ipv4Addr::new(s0, s1, s2, s3),
        destination: Ipv4Addr::new(d0, d1, d2, d3),
        options: Options::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    const HEADER: [u8; 20] =
        [0x45, 0xb9, 0, 28, 0x12, 0x34, 0xe0, 0x02, 64, 17, 0xab, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2];

    fn read(bytes: &[u8]) -> Result<Header<'_>, Malformed> {
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
                reserved: true,
                dont_fragment: true,
                more_fragments: true,
                fragment_offset: 16,
                ttl: 64,
                protocol: 17,
                checksum: 0xabcd,
                source: Ipv4Addr::new(10, 0, 0, 1),
                destination: Ipv4Addr::new(10, 0, 0, 2),
                options: Options::default(),
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

    fn options(header_len: u8, octets: &[u8], wire_len: u32) -> (usize, Result<(), Malformed>, usize) {
        let mut header = Header { header_len, ..read(&HEADER).unwrap() };
        let mut cursor = Cursor::new(octets, wire_len, Layer::Ipv4);
        let result = header.read_options(&mut cursor);
        (header.options.iter().count(), result, cursor.rest().len())
    }

    #[test]
    fn the_payload_begins_behind_the_options() {
        assert_eq!(options(24, &[1, 1, 1, 0, 0xaa], 5), (4, Ok(()), 1));
        assert_eq!(options(20, &[0xaa], 1), (0, Ok(()), 1));
    }

    #[test]
    fn a_malformed_option_does_not_hide_the_payload() {
        let fault = Malformed { layer: Layer::Ipv4, offset: 1, kind: Kind::Length };
        assert_eq!(options(24, &[1, 148, 0, 0, 0xaa], 5), (2, Err(fault), 1));
    }

    #[test]
    fn options_that_the_capture_cut_are_not_malformed() {
        let fault = Malformed { layer: Layer::Ipv4, offset: 0, kind: Kind::NotCaptured };
        assert_eq!(options(28, &[148, 4, 0, 0, 7, 4], 30), (1, Err(fault), 0));
        assert_eq!(options(28, &[148, 4, 0, 0, 7, 4], 6).1.unwrap_err().kind, Kind::Short);
    }

    #[test]
    fn a_header_stays_small() {
        assert!(size_of::<Header<'_>>() <= 48);
    }
}
