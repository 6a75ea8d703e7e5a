//! Generic Routing Encapsulation (RFC 2784, RFC 2890), and its version 1 in PPTP (RFC 2637, 4.1).
//!
//! A source route (RFC 1701) is refused: RFC 2784, 2.3 has such packets discarded, and where the payload
//! begins behind one is nothing to guess.

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, erspan, ethernet, tunnel::Inner};

/// Octets of the header without its optional fields.
pub const HEADER_LEN: usize = 4;
/// GRE in the IPv4 Protocol and IPv6 Next Header fields.
pub const PROTOCOL: u8 = 47;
/// Protocol type of PPP (RFC 1701, RFC 2637, 4.1).
pub const PPP: u16 = 0x880b;
/// Protocol type of ERSPAN, types I and II.
pub const ERSPAN: u16 = 0x88be;
/// Protocol type of ERSPAN, type III.
pub const ERSPAN_III: u16 = 0x22eb;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version: 0, or 1 in PPTP.
    pub version: u8,
    /// Protocol type of the payload, for the most part an Ethernet type; 0 in keepalives of some routers.
    pub protocol: u16,
    /// Checksum of header and payload; not verified (RFC 2784, 2.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<u16>,
    /// Key: which flow within the tunnel (RFC 2890, 2.1); in version 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// Sequence number (RFC 2890, 2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
    /// What version 1 has in place of the key, and behind the sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pptp: Option<Pptp>,
}

/// What only version 1 has (RFC 2637, 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pptp {
    /// Octets of the payload.
    pub payload_length: u16,
    /// The call, as its receiver numbered it.
    pub call_id: u16,
    /// Highest sequence number that the sender has received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledgment: Option<u32>,
}

impl Header {
    /// What follows the header.
    #[must_use]
    pub fn inner(&self) -> Inner {
        match (self.version, self.protocol) {
            (0, PPP) => Inner::Ppp,
            // Without a sequence number it carries nothing (RFC 2637, 4.1).
            (1, PPP) if self.sequence.is_some() => Inner::Ppp,
            (0, protocol) if protocol >= ethernet::FIRST_TYPE && self.erspan().is_none() => {
                Inner::of_ethertype(protocol)
            }
            _ => Inner::Unknown,
        }
    }

    /// The type of the ERSPAN header that follows; `None` for any other payload. Only the sequence number
    /// tells type I from type II.
    #[must_use]
    pub fn erspan(&self) -> Option<erspan::Type> {
        match (self.version, self.protocol, self.sequence) {
            (0, ERSPAN, None) => Some(erspan::Type::I),
            (0, ERSPAN, Some(_)) => Some(erspan::Type::II),
            (0, ERSPAN_III, _) => Some(erspan::Type::III),
            _ => None,
        }
    }
}

/// Reads a header. The cursor is then behind it.
///
/// # Errors
/// [`Malformed`] when the header is not whole, is of a version above 1, has a source route, or has flags
/// that version 1 forbids.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let flags = cursor.u16()?;
    let protocol = cursor.u16()?;
    let has = |flag| flags & flag != 0;
    let version = match flags & VERSION {
        0 => 0,
        1 => 1,
        _ => return Err(start.malformed(Kind::Version)),
    };
    if has(ROUTING) || (version == 1 && (has(CHECKSUM) || !has(KEY))) {
        return Err(start.malformed(Kind::Value));
    }
    let mut header = Header { version, protocol, checksum: None, key: None, sequence: None, pptp: None };
    if has(CHECKSUM) {
        header.checksum = Some(cursor.u16()?);
        cursor.array::<RESERVED_LEN>()?;
    }
    if version == 1 {
        header.pptp =
            Some(Pptp { payload_length: cursor.u16()?, call_id: cursor.u16()?, acknowledgment: None });
    } else if has(KEY) {
        header.key = Some(cursor.u32()?);
    }
    if has(SEQUENCE) {
        header.sequence = Some(cursor.u32()?);
    }
    if let Some(pptp) = header.pptp.as_mut().filter(|_| has(ACKNOWLEDGMENT)) {
        pptp.acknowledgment = Some(cursor.u32()?);
    }
    Ok(header)
}

/// A checksum is there.
const CHECKSUM: u16 = 0x8000;
/// A source route is there (RFC 1701).
const ROUTING: u16 = 0x4000;
/// A key is there.
const KEY: u16 = 0x2000;
/// A sequence number is there.
const SEQUENCE: u16 = 0x1000;
/// An acknowledgment is there; in version 1.
const ACKNOWLEDGMENT: u16 = 0x0080;
/// The version.
const VERSION: u16 = 0x0007;
/// Octets behind the checksum that say nothing.
const RESERVED_LEN: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Gre);
        (parse(&mut cursor).unwrap(), cursor.rest().to_vec())
    }

    fn refused(bytes: &[u8]) -> Option<Kind> {
        parse(&mut Cursor::new(bytes, 0, Layer::Gre)).err().map(|e| e.kind)
    }

    #[test]
    fn the_protocol_says_what_follows() {
        let inner = |protocol: [u8; 2]| read(&[0, 0, protocol[0], protocol[1]]).0.inner();
        assert_eq!(inner([0x08, 0x00]), Inner::Ipv4);
        assert_eq!(inner([0x86, 0xdd]), Inner::Ipv6);
        assert_eq!(inner([0x65, 0x58]), Inner::Ethernet);
        assert_eq!(inner([0x88, 0x47]), Inner::Ethertype(0x8847));
        assert_eq!(inner([0x88, 0x0b]), Inner::Ppp);
    }

    #[test]
    fn a_keepalive_is_not_taken_for_a_length() {
        let (header, _) = read(&[0x20, 0, 0, 0, 0, 0, 0, 0x28]);
        assert_eq!((header.key, header.inner()), (Some(0x28), Inner::Unknown));
    }

    #[test]
    fn the_sequence_number_tells_the_types_of_erspan_apart() {
        let kind = |bytes: &[u8]| (read(bytes).0.erspan(), read(bytes).0.inner());
        assert_eq!(kind(&[0, 0, 0x88, 0xbe]), (Some(erspan::Type::I), Inner::Unknown));
        assert_eq!(kind(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 0xab]), (Some(erspan::Type::II), Inner::Unknown));
        assert_eq!(kind(&[0x10, 0, 0x22, 0xeb, 0, 0, 0xba, 0xde]), (Some(erspan::Type::III), Inner::Unknown));
        assert_eq!(kind(&[0, 0, 0x08, 0x00]), (None, Inner::Ipv4));
    }

    #[test]
    fn version_1_has_a_call_and_an_acknowledgment() {
        let (header, rest) =
            read(&[0x30, 0x81, 0x88, 0x0b, 0, 2, 0x12, 0x34, 0, 0, 0, 7, 0, 0, 0, 5, 0xff, 3]);
        let pptp = Pptp { payload_length: 2, call_id: 0x1234, acknowledgment: Some(5) };
        assert_eq!((header.key, header.sequence, header.pptp), (None, Some(7), Some(pptp)));
        assert_eq!((header.protocol, header.inner(), &rest[..]), (PPP, Inner::Ppp, &[0xff, 3][..]));
        let (header, _) = read(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0x12, 0x34, 0, 0, 0, 5]);
        assert_eq!((header.sequence, header.inner()), (None, Inner::Unknown));
    }

    #[test]
    fn what_cannot_be_stepped_over_is_refused() {
        assert_eq!(refused(&[0x40, 0, 8, 0, 0, 0, 0, 0]), Some(Kind::Value));
        assert_eq!(refused(&[0, 2, 8, 0]), Some(Kind::Version));
        assert_eq!(refused(&[0x00, 1, 0x88, 0x0b, 0, 0, 0, 0]), Some(Kind::Value));
        assert_eq!(refused(&[0xa0, 1, 0x88, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0]), Some(Kind::Value));
    }

    #[test]
    fn a_header_that_is_not_whole_is_refused() {
        assert_eq!(refused(&[0, 0, 8]), Some(Kind::Short));
        assert_eq!(refused(&[0x80, 0, 8, 0, 0, 0, 0]), Some(Kind::Short));
        assert_eq!(refused(&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some(Kind::Short));
        let cut = parse(&mut Cursor::new(&[0x10, 0, 8, 0], 60, Layer::Gre)).unwrap_err();
        assert_eq!(cut.kind, Kind::NotCaptured);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            protocol: u16, checksum: Option<u16>, key: Option<u32>, sequence: Option<u32>,
            acknowledgment: Option<u32>, pptp: bool, rest in any::<Vec<u8>>(),
        ) {
            let checksum = checksum.filter(|_| !pptp);
            let key = if pptp { key.or(Some(0)) } else { key };
            let acknowledgment = acknowledgment.filter(|_| pptp);
            let flags = u16::from(checksum.is_some()) << 15 | u16::from(key.is_some()) << 13
                | u16::from(sequence.is_some()) << 12 | u16::from(acknowledgment.is_some()) << 7 | u16::from(pptp);
            let mut bytes = [flags.to_be_bytes(), protocol.to_be_bytes()].concat();
            bytes.extend(checksum.iter().flat_map(|sum| [sum.to_be_bytes(), [0; 2]].concat()));
            for field in [key, sequence, acknowledgment] {
                bytes.extend(field.iter().flat_map(|field| field.to_be_bytes()));
            }
            bytes.extend(&rest);
            let (header, left) = read(&bytes);
            prop_assert_eq!((header.protocol, header.checksum, header.sequence), (protocol, checksum, sequence));
            let call = header.pptp.map(|p| u32::from(p.payload_length) << 16 | u32::from(p.call_id));
            prop_assert_eq!(header.key.or(call), key);
            prop_assert_eq!(header.pptp.and_then(|p| p.acknowledgment), acknowledgment);
            prop_assert_eq!((header.version == 1, left), (pptp, rest));
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            if let Ok(header) = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Gre)) {
                let _ = header.inner();
            }
        }
    }
}
