//! TCP header and its options (RFC 9293, 3.1 and 3.2).
//!
//! An option that breaks a rule is a fault of its own: the header and the other options are read
//! nevertheless.

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, options::whole};

mod options;
pub use options::{
    Authentication, Block, MAX_BLOCKS, Multipath, MultipathSubtype, OptionFact, OptionKind, Options,
    Timestamps, UserTimeout, Value,
};

/// Octets of the header without options.
pub const HEADER_LEN: usize = 20;
/// Most octets of options, and so most options: Data Offset has four bits.
pub const MAX_OPTIONS_LEN: usize = 40;
/// TCP in the IPv4 Protocol and IPv6 Next Header fields.
pub const PROTOCOL: u8 = 6;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header<'a> {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number; of meaning with ACK set.
    pub acknowledgment: u32,
    /// Octets of the header with its options, 20 to 60.
    pub header_len: u8,
    /// Control bits.
    pub flags: Flags,
    /// Window, not scaled.
    pub window: u16,
    /// Checksum; not verified.
    pub checksum: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// The options.
    #[serde(skip_serializing_if = "Options::is_empty")]
    pub options: Options<'a>,
}

/// The control bits (3.1), laid out as in IPFIX element 6 (RFC 7125): FIN is bit 0, and the four
/// reserved bits are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Flags(pub u16);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Flags = Flags(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Flags = Flags(0x002);
    /// Reset the connection.
    pub const RST: Flags = Flags(0x004);
    /// Push function.
    pub const PSH: Flags = Flags(0x008);
    /// The acknowledgment number is of meaning.
    pub const ACK: Flags = Flags(0x010);
    /// The urgent pointer is of meaning.
    pub const URG: Flags = Flags(0x020);
    /// ECN echo.
    pub const ECE: Flags = Flags(0x040);
    /// Congestion window reduced.
    pub const CWR: Flags = Flags(0x080);

    /// Whether every bit of `flags` is set.
    #[inline]
    #[must_use]
    pub fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl<'a> Header<'a> {
    /// Reads the options, which are ahead of the cursor, and leaves it behind them: also where one of
    /// them is malformed, and at the end of what was captured where they are not whole.
    ///
    /// # Errors
    /// The first fault.
    #[inline]
    pub fn read_options(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let length = usize::from(self.header_len).saturating_sub(HEADER_LEN);
        if length == 0 {
            return Ok(());
        }
        let start = *cursor;
        match cursor.take(length) {
            Ok(octets) => {
                self.options = Options::new(octets);
                // Nearly all segments of a connection with timestamps.
                if self.options.is_timestamps_alone() { Ok(()) } else { self.options.check(start) }
            }
            Err(fault) => {
                self.options = Options::new(whole(start.rest()));
                cursor.take(start.rest().len())?;
                Err(fault)
            }
        }
    }
}

/// Reads the fixed part of a header; the options are still ahead of the cursor.
#[inline]
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let start = *cursor;
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, c0, c1, u0, u1] = *view;
    let header_len = (offset >> 4) << 2;
    if usize::from(header_len) < HEADER_LEN {
        return Err(start.malformed(Kind::Length));
    }
    Ok(Header {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
        header_len,
        flags: Flags(u16::from_be_bytes([offset & 0x0f, flags])),
        window: u16::from_be_bytes([w0, w1]),
        checksum: u16::from_be_bytes([c0, c1]),
        urgent: u16::from_be_bytes([u0, u1]),
        options: Options::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn segment(options: &[u8]) -> Vec<u8> {
        let mut bytes =
            vec![0x30, 0x39, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x12, 0xff, 0xfe, 0xab, 0xcd, 0, 9];
        bytes[12] += u8::try_from(options.len().div_ceil(4) << 4).unwrap();
        bytes.extend(options);
        bytes.resize(20 + options.len().next_multiple_of(4), 0);
        bytes
    }

    fn read(bytes: &[u8], wire_len: u32) -> (Header<'_>, Result<(), Malformed>, usize) {
        let mut cursor = Cursor::new(bytes, wire_len, Layer::Tcp);
        let mut header = parse(&mut cursor).unwrap();
        let result = header.read_options(&mut cursor);
        (header, result, cursor.rest().len())
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let bytes = segment(&[]);
        let (header, _, _) = read(&bytes, 0);
        assert_eq!((header.source, header.destination), (12345, 80));
        assert_eq!((header.sequence, header.acknowledgment), (0x0102_0304, 0x0506_0708));
        assert_eq!((header.header_len, header.window, header.urgent), (20, 0xfffe, 9));
        assert_eq!(header.checksum, 0xabcd);
        assert!(header.flags.contains(Flags::SYN) && header.flags.contains(Flags::ACK));
        assert!(!header.flags.contains(Flags::FIN));
    }

    #[test]
    fn the_payload_begins_behind_the_options_also_where_they_are_malformed() {
        for options in [&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2][..], &[8, 0, 1, 1], &[2, 4, 5, 180]] {
            let mut bytes = segment(options);
            bytes.extend([0xaa; 3]);
            assert_eq!(read(&bytes, 0).2, 3, "{options:?}");
        }
    }

    #[test]
    fn a_fault_of_an_option_has_its_offset() {
        let bytes = segment(&[2, 4, 5, 180, 8, 0, 1, 1]);
        let (header, result, _) = read(&bytes, 0);
        assert_eq!(result, Err(Malformed { layer: Layer::Tcp, offset: 24, kind: Kind::Length }));
        assert_eq!(header.options.maximum_segment_size(), Some(1460));
    }

    #[test]
    fn options_that_the_capture_cut_are_not_malformed_and_the_whole_ones_are_kept() {
        let bytes = segment(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        let (header, result, rest) = read(&bytes[..30], 36);
        assert_eq!(result, Err(Malformed { layer: Layer::Tcp, offset: 20, kind: Kind::NotCaptured }));
        assert_eq!(
            (header.options.maximum_segment_size(), header.options.sack_permitted()),
            (Some(1460), true)
        );
        assert!(header.options.iter().all(|o| !matches!(o.value, Value::Malformed(_))));
        assert_eq!(rest, 0);
        let (_, result, rest) = read(&bytes[..30], 30);
        assert_eq!((result.unwrap_err().kind, rest), (Kind::Short, 0));
    }

    #[test]
    fn a_header_length_below_the_minimum_is_refused() {
        let mut bytes = [0; 20];
        bytes[12] = 0x40;
        assert_eq!(parse(&mut Cursor::new(&bytes, 0, Layer::Tcp)).unwrap_err().kind, Kind::Length);
    }

    #[test]
    fn a_header_stays_small() {
        assert!(size_of::<Header<'_>>() <= 40);
    }
}
