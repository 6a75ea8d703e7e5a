//! GENEVE (RFC 8926, 3.4 and 3.5).
//!
//! An option that breaks a rule ends the list of options; the payload is found by the length of all
//! options. What options say is not read.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, ethernet, radiotap, tunnel::Inner};

/// Octets of the header without its options.
pub const HEADER_LEN: usize = 8;
/// Octets of an option's header.
pub const OPTION_HEADER_LEN: usize = 4;
/// Most octets of all options: what the length field can say.
pub const MAX_OPTIONS_LEN: usize = 63 * 4;
/// UDP port.
pub const PORT: u16 = 6081;
/// Most options that are kept.
pub const MAX_OPTIONS: usize = 16;

/// The header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version; 0.
    pub version: u8,
    /// Octets of all options.
    pub options_length: u8,
    /// O: it carries a message of the tunnel itself.
    pub control: bool,
    /// C: some option must be understood.
    pub critical: bool,
    /// Protocol type of the payload, an Ethernet type.
    pub protocol: u16,
    /// Virtual Network Identifier, 24 bits.
    pub vni: u32,
    /// The options, in the order they were sent.
    pub options: ArrayVec<TunnelOption, MAX_OPTIONS>,
    /// How many options found no room.
    pub omitted: u32,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// An option (3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct TunnelOption {
    /// Who defined it (IANA Geneve option classes).
    pub class: u16,
    /// What it says, by class; with the bit that says whether it is critical.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Whether it must be understood.
    pub critical: bool,
    /// Octets behind its header.
    pub length: u8,
}

impl Header {
    /// What follows the header.
    #[must_use]
    pub fn inner(&self) -> Inner {
        if self.protocol < ethernet::FIRST_TYPE {
            return Inner::Unknown;
        }
        Inner::of_ethertype(self.protocol)
    }

    fn note(&mut self, result: Result<(), Malformed>) {
        self.malformed = self.malformed.or(result.err());
    }

    fn read_options(&mut self, mut cursor: Cursor<'_>) -> Result<(), Malformed> {
        for _ in 0..MAX_OPTIONS_LEN / OPTION_HEADER_LEN {
            if cursor.is_empty() {
                break;
            }
            let start = cursor;
            let [c0, c1, kind, length] = *cursor.array::<OPTION_HEADER_LEN>()?;
            let length = (length & OPTION_LENGTH) << 2;
            cursor.take(length.into()).map_err(|fault| match fault.kind {
                Kind::Short => start.malformed(Kind::Length),
                _ => fault,
            })?;
            let class = u16::from_be_bytes([c0, c1]);
            let option = TunnelOption { class, kind, critical: kind & OPTION_CRITICAL != 0, length };
            if self.options.try_push(option).is_err() {
                self.omitted = self.omitted.saturating_add(1);
            }
        }
        Ok(())
    }
}

/// Reads a header with its options. The cursor is then behind them.
///
/// # Errors
/// [`Malformed`] when the fixed part is not whole, or of another version.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let [first, flags, p0, p1, v0, v1, v2, _] = *cursor.array::<HEADER_LEN>()?;
    if first >> 6 != 0 {
        return Err(start.malformed(Kind::Version));
    }
    let options_length = (first & LENGTH) << 2;
    let mut header = Header {
        version: first >> 6,
        options_length,
        control: flags & CONTROL != 0,
        critical: flags & CRITICAL != 0,
        protocol: u16::from_be_bytes([p0, p1]),
        vni: u32::from_be_bytes([0, v0, v1, v2]),
        options: ArrayVec::new(),
        omitted: 0,
        malformed: None,
    };
    let mut options = *cursor;
    header.note(options.limit(options_length.into()));
    let result = header.read_options(options);
    header.note(result);
    header.note(radiotap::skip(cursor, options_length.into()));
    Ok(header)
}

/// Length of all options in units of four octets.
const LENGTH: u8 = 0x3f;
/// O, in the second octet.
const CONTROL: u8 = 0x80;
/// C, in the second octet.
const CRITICAL: u8 = 0x40;
/// Length of an option in units of four octets.
const OPTION_LENGTH: u8 = 0x1f;
/// The option must be understood.
const OPTION_CRITICAL: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    /// A header with one option of a class, type and length.
    const ONE: [u8; 16] = [2, 0x40, 0x65, 0x58, 0, 0, 0x0a, 0, 0x01, 0x32, 0x81, 1, 0x80, 0, 0, 0xd1];

    fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Geneve);
        (parse(&mut cursor).unwrap(), cursor.rest().to_vec())
    }

    fn fault(bytes: &[u8]) -> Option<(u32, Kind)> {
        read(bytes).0.malformed.map(|m| (m.offset, m.kind))
    }

    #[test]
    fn an_option_is_read_and_the_frame_found() {
        let (header, rest) = read(&[&ONE[..], &[7]].concat());
        assert_eq!((header.vni, header.critical, header.control), (10, true, false));
        let option = TunnelOption { class: 0x0132, kind: 0x81, critical: true, length: 4 };
        assert_eq!((&header.options[..], header.options_length), (&[option][..], 8));
        assert_eq!((header.inner(), header.malformed, &rest[..]), (Inner::Ethernet, None, &[7][..]));
    }

    #[test]
    fn the_protocol_says_what_follows() {
        let inner = |p0, p1| read(&[0, 0, p0, p1, 0, 0, 0, 0]).0.inner();
        assert_eq!([inner(0x08, 0), inner(0x86, 0xdd)], [Inner::Ipv4, Inner::Ipv6]);
        assert_eq!([inner(0x89, 0x4f), inner(0, 0)], [Inner::Ethertype(0x894f), Inner::Unknown]);
    }

    #[test]
    fn an_option_beyond_the_others_is_named_and_the_payload_still_found() {
        let mut bytes = [&ONE[..], &[7, 7]].concat();
        bytes[11] = 0xe2;
        assert_eq!(fault(&bytes), Some((8, Kind::Length)));
        assert_eq!(read(&bytes).1, [7, 7]);
    }

    #[test]
    fn options_beyond_the_datagram_are_named() {
        let (header, rest) = read(&ONE[..12]);
        assert_eq!(header.malformed.map(|m| (m.offset, m.kind)), Some((8, Kind::Length)));
        assert!(rest.is_empty());
        let mut cursor = Cursor::new(&ONE[..12], 60, Layer::Geneve);
        assert_eq!(parse(&mut cursor).unwrap().malformed.map(|m| m.kind), Some(Kind::NotCaptured));
    }

    #[test]
    fn options_without_room_are_counted() {
        let (header, rest) = read(&[&[0x3f, 0, 8, 0, 0, 0, 0, 0][..], &[0; MAX_OPTIONS_LEN], &[9]].concat());
        assert_eq!((header.options.len(), header.omitted, header.malformed), (MAX_OPTIONS, 47, None));
        assert_eq!(rest, [9]);
    }

    #[test]
    fn another_version_is_refused() {
        let error = |bytes: &[u8]| parse(&mut Cursor::new(bytes, 0, Layer::Geneve)).unwrap_err().kind;
        assert_eq!(error(&[0x40, 0, 8, 0, 0, 0, 0, 0]), Kind::Version);
        assert_eq!(error(&[0; 7]), Kind::Short);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            protocol: u16, vni in 0_u32..1 << 24, control: bool, critical: bool,
            options in prop::collection::vec((any::<u16>(), any::<u8>(), 0_u8..4), 0..=15),
            rest in any::<Vec<u8>>(),
        ) {
            let mut body = Vec::new();
            for (class, kind, words) in &options {
                body.extend(class.to_be_bytes());
                body.extend([*kind, *words]);
                body.resize(body.len() + usize::from(*words) * 4, 0xaa);
            }
            let words = u8::try_from(body.len() / 4).unwrap();
            let mut bytes = vec![words, u8::from(control) << 7 | u8::from(critical) << 6];
            bytes.extend(protocol.to_be_bytes());
            bytes.extend((vni << 8).to_be_bytes());
            bytes.extend(body);
            bytes.extend(&rest);
            let (header, left) = read(&bytes);
            prop_assert_eq!((header.protocol, header.vni), (protocol, vni));
            prop_assert_eq!((header.control, header.critical, header.malformed), (control, critical, None));
            let read: Vec<_> = header.options.iter().map(|o| (o.class, o.kind, o.length / 4)).collect();
            prop_assert_eq!((read, left), (options, rest));
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            if let Ok(header) = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Geneve)) {
                let _ = header.inner();
            }
        }
    }
}
