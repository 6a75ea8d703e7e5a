//! TCP header and its options (RFC 9293, 3.1 and 3.2).

use crate::{Kind, Malformed, cursor::Cursor};

/// Octets of the header without options.
pub const HEADER_LEN: usize = 20;
/// Most octets of options, and so most options: Data Offset has four bits.
pub const MAX_OPTIONS_LEN: usize = 40;
/// TCP in the IPv4 Protocol and IPv6 Next Header fields.
pub const PROTOCOL: u8 = 6;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
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
    /// Urgent pointer.
    pub urgent: u16,
    /// The options that are read.
    pub options: Options,
}

/// The control bits (3.1), laid out as in IPFIX element 6 (RFC 7125): FIN is bit 0, and the four
/// reserved bits are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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

/// The options that are read. Others are stepped over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size, in octets (3.7.1).
    pub maximum_segment_size: Option<u16>,
    /// Window scale shift count (RFC 7323, 2).
    pub window_scale: Option<u8>,
    /// Selective acknowledgment permitted (RFC 2018, 2).
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323, 3).
    pub timestamps: Option<Timestamps>,
}

/// The Timestamps option (RFC 7323, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the clock that the sender echoes.
    pub echo_reply: u32,
}

impl Header {
    /// Reads the options into the header, up to the first one that is malformed.
    #[inline]
    pub(crate) fn read_options(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let mut options = *cursor;
        cursor.take(usize::from(self.header_len).saturating_sub(HEADER_LEN))?;
        options.limit(usize::from(self.header_len).saturating_sub(HEADER_LEN))?;
        for _ in 0..MAX_OPTIONS_LEN {
            if options.rest().is_empty() || !self.options.read(&mut options)? {
                break;
            }
        }
        Ok(())
    }
}

impl Options {
    /// Reads one option. False at the end of the list.
    #[inline]
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
        let start = *cursor;
        let [kind] = *cursor.array()?;
        match kind {
            END => return Ok(false),
            NO_OPERATION => return Ok(true),
            _ => {}
        }
        let [length] = *cursor.array()?;
        let malformed = || start.malformed(Kind::Length);
        let value = cursor
            .take(usize::from(length).checked_sub(2).ok_or_else(malformed)?)
            .map_err(|_| malformed())?;
        match (kind, value) {
            (MAXIMUM_SEGMENT_SIZE, [a, b]) => self.maximum_segment_size = Some(u16::from_be_bytes([*a, *b])),
            (WINDOW_SCALE, [shift]) => self.window_scale = Some(*shift),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (TIMESTAMPS, [a, b, c, d, e, f, g, h]) => {
                self.timestamps = Some(Timestamps {
                    value: u32::from_be_bytes([*a, *b, *c, *d]),
                    echo_reply: u32::from_be_bytes([*e, *f, *g, *h]),
                });
            }
            (MAXIMUM_SEGMENT_SIZE | WINDOW_SCALE | SACK_PERMITTED | TIMESTAMPS, _) => return Err(malformed()),
            _ => {}
        }
        Ok(true)
    }
}

/// Reads the fixed part of a header; the options are still ahead of the cursor.
#[inline]
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, _, _, u0, u1] = *view;
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
        urgent: u16::from_be_bytes([u0, u1]),
        options: Options::default(),
    })
}

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const TIMESTAMPS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn read(options: &[u8]) -> (Header, Result<(), Malformed>) {
        let mut bytes = vec![0x30, 0x39, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x12, 0xff, 0xfe, 0, 0, 0, 9];
        bytes[12] += u8::try_from(options.len().div_ceil(4) << 4).unwrap();
        bytes.extend(options);
        bytes.resize(20 + options.len().next_multiple_of(4), 0);
        let mut cursor = Cursor::new(&bytes, 0, Layer::Tcp);
        let mut header = parse(&mut cursor).unwrap();
        let result = header.read_options(&mut cursor);
        (header, result)
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let (header, _) = read(&[]);
        assert_eq!((header.source, header.destination), (12345, 80));
        assert_eq!((header.sequence, header.acknowledgment), (0x0102_0304, 0x0506_0708));
        assert_eq!((header.header_len, header.window, header.urgent), (20, 0xfffe, 9));
        assert!(header.flags.contains(Flags::SYN) && header.flags.contains(Flags::ACK));
        assert!(!header.flags.contains(Flags::FIN));
    }

    #[test]
    fn the_options_of_a_syn_are_read() {
        let (header, result) =
            read(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7, 34, 4, 9, 9]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            header.options,
            Options {
                maximum_segment_size: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                timestamps: Some(Timestamps { value: 1, echo_reply: 2 }),
            }
        );
    }

    #[test]
    fn nothing_behind_the_end_of_the_list_is_read() {
        let (header, result) = read(&[0, 2, 4, 5, 0xb4]);
        assert_eq!((header.options, result), (Options::default(), Ok(())));
    }

    #[test]
    fn an_option_length_of_zero_or_beyond_the_header_is_malformed() {
        for options in [[8, 0, 1, 1], [2, 4, 5, 180], [1, 1, 1, 2], [8, 10, 0, 0], [3, 4, 0, 0]] {
            let (header, result) = read(&options);
            let sound = options[0] == 2;
            assert_eq!(result.is_ok(), sound, "{options:?}");
            assert_eq!(header.source, 12345);
        }
        let (_, result) = read(&[2, 4, 5, 180, 8, 0, 1, 1]);
        assert_eq!(result, Err(Malformed { layer: Layer::Tcp, offset: 24, kind: Kind::Length }));
    }

    #[test]
    fn a_header_length_below_the_minimum_is_refused() {
        let mut bytes = [0; 20];
        bytes[12] = 0x40;
        assert_eq!(parse(&mut Cursor::new(&bytes, 0, Layer::Tcp)).unwrap_err().kind, Kind::Length);
    }
}
