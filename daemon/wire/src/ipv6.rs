//! IPv6 header and the chain of extension headers (RFC 8200, 3 and 4).

use std::net::Ipv6Addr;

use crate::{Kind, Malformed, cursor::Cursor};

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Most extension headers that are followed.
pub const MAX_EXTENSIONS: u8 = 8;
/// Largest payload whose length fits the Payload Length field. A longer one (a jumbogram, RFC 2675,
/// or made by segmentation offload) has 0 there and ends with its frame.
pub const MAX_PAYLOAD_LENGTH: usize = 65_535;
/// Next Header of the Hop-by-Hop Options header (4.3).
pub const HOP_BY_HOP: u8 = 0;
/// Next Header of the Routing header (4.4).
pub const ROUTING: u8 = 43;
/// Next Header of the Fragment header (4.5).
pub const FRAGMENT: u8 = 44;
/// Next Header of the Destination Options header (4.6).
pub const DESTINATION_OPTIONS: u8 = 60;
/// Next Header where nothing follows (4.7).
pub const NO_NEXT_HEADER: u8 = 59;

/// The fields of a header, and what its extension headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Header {
    /// Differentiated services code point (RFC 2474).
    pub dscp: u8,
    /// Explicit congestion notification (RFC 3168, 5).
    pub ecn: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Octets behind the fixed header, extension headers included.
    pub payload_length: u16,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// Protocol behind the last extension header that was read (IANA protocol numbers).
    pub protocol: u8,
    /// How many extension headers were read.
    pub extensions: u8,
    /// The Fragment header, where there is one.
    pub fragment: Option<Fragment>,
}

/// A Fragment header (4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fragment {
    /// Offset of this fragment's payload in the packet's fragmentable part, in octets.
    pub offset: u16,
    /// More fragments follow.
    pub more: bool,
    /// The same in all fragments of a packet.
    pub identification: u32,
}

impl Header {
    /// Whether the packet is one of several fragments. An atomic fragment (RFC 6946) is not.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.fragment.is_some_and(|f| f.more || f.offset > 0)
    }

    /// Whether the packet is a fragment other than the first.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|f| f.offset > 0)
    }

    /// Ends the cursor, which is behind the fixed header, where Payload Length says.
    #[inline]
    pub(crate) fn limit(&self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.payload_length == 0 && cursor.wire_remaining() > MAX_PAYLOAD_LENGTH {
            return Ok(());
        }
        cursor.limit(usize::from(self.payload_length))
    }

    /// Follows the extension headers. What was read before a fault stays in the header. Nothing
    /// behind the Fragment header of a later fragment is a header, so the chain ends there.
    #[inline]
    pub(crate) fn read_extensions(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        while is_extension(self.protocol) && !self.is_later_fragment() {
            if self.extensions == MAX_EXTENSIONS {
                return Err(cursor.malformed(Kind::Limit));
            }
            self.read_extension(cursor)?;
        }
        Ok(())
    }

    fn read_extension(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let view: &[u8; 8] = cursor.array()?;
        let [next, length, o0, o1, i0, i1, i2, i3] = *view;
        if self.protocol == FRAGMENT {
            let offset = u16::from_be_bytes([o0, o1]);
            self.fragment = Some(Fragment {
                offset: offset & 0xfff8,
                more: offset & 0x0001 != 0,
                identification: u32::from_be_bytes([i0, i1, i2, i3]),
            });
        } else {
            cursor.take(usize::from(length).saturating_mul(8))?;
        }
        self.protocol = next;
        self.extensions = self.extensions.saturating_add(1);
        Ok(())
    }
}

/// Reads the fixed header; the extension headers are still ahead of the cursor.
#[inline]
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let fixed: &[u8; 8] = cursor.array()?;
    let [w0, w1, w2, w3, l0, l1, next_header, hop_limit] = *fixed;
    if w0 >> 4 != 6 {
        return Err(start.malformed(Kind::Version));
    }
    let source: &[u8; 16] = cursor.array()?;
    let destination: &[u8; 16] = cursor.array()?;
    Ok(Header {
        dscp: ((w0 & 0x0f) << 2) | (w1 >> 6),
        ecn: (w1 >> 4) & 0x03,
        flow_label: u32::from_be_bytes([0, w1 & 0x0f, w2, w3]),
        payload_length: u16::from_be_bytes([l0, l1]),
        hop_limit,
        source: Ipv6Addr::from(*source),
        destination: Ipv6Addr::from(*destination),
        protocol: next_header,
        extensions: 0,
        fragment: None,
    })
}

#[inline]
fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn fixed(next_header: u8) -> Vec<u8> {
        let mut bytes = vec![0x6b, 0x9a, 0xbc, 0xde, 0, 8, next_header, 63];
        bytes.extend([0x20; 16]);
        bytes.extend([0x30; 16]);
        bytes
    }

    fn walk(next_header: u8, chain: &[u8]) -> (Header, Result<(), Malformed>) {
        let mut bytes = fixed(next_header);
        bytes.extend(chain);
        let mut cursor = Cursor::new(&bytes, 0, Layer::Ipv6);
        let mut header = parse(&mut cursor).unwrap();
        let result = header.read_extensions(&mut cursor);
        (header, result)
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let header = parse(&mut Cursor::new(&fixed(17), 0, Layer::Ipv6)).unwrap();
        assert_eq!((header.dscp, header.ecn, header.flow_label), (0x2e, 1, 0xabcde));
        assert_eq!((header.payload_length, header.protocol, header.hop_limit), (8, 17, 63));
        assert_eq!(header.source, Ipv6Addr::from([0x20; 16]));
        assert_eq!(header.destination, Ipv6Addr::from([0x30; 16]));
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = fixed(17);
        bytes[0] = 0x40;
        assert_eq!(parse(&mut Cursor::new(&bytes, 0, Layer::Ipv6)).unwrap_err().kind, Kind::Version);
    }

    #[test]
    fn a_chain_is_followed_to_its_protocol() {
        let mut chain = vec![ROUTING, 1];
        chain.extend([0; 14]);
        chain.extend([DESTINATION_OPTIONS, 0, 0, 0, 0, 0, 0, 0]);
        chain.extend([6, 0, 0, 0, 0, 0, 0, 0]);
        let (header, result) = walk(HOP_BY_HOP, &chain);
        assert_eq!(result, Ok(()));
        assert_eq!((header.protocol, header.extensions), (6, 3));
    }

    #[test]
    fn a_later_fragment_ends_the_chain() {
        let (header, result) = walk(FRAGMENT, &[60, 0, 0, 9, 1, 2, 3, 4, 0xff, 0xff]);
        assert_eq!(result, Ok(()));
        assert_eq!(header.fragment, Some(Fragment { offset: 8, more: true, identification: 0x0102_0304 }));
        assert!(header.is_later_fragment());
        assert_eq!(header.protocol, 60);
    }

    #[test]
    fn an_atomic_fragment_is_no_fragment() {
        let (header, _) = walk(FRAGMENT, &[17, 0, 0, 0, 1, 2, 3, 4]);
        assert!(header.fragment.is_some() && !header.is_fragment());
    }

    #[test]
    fn a_chain_without_end_is_left() {
        let chain = [DESTINATION_OPTIONS, 0, 0, 0, 0, 0, 0, 0].repeat(20);
        let (header, result) = walk(DESTINATION_OPTIONS, &chain);
        assert_eq!(result, Err(Malformed { layer: Layer::Ipv6, offset: 104, kind: Kind::Limit }));
        assert_eq!(header.extensions, MAX_EXTENSIONS);
    }

    #[test]
    fn an_extension_header_cut_off_leaves_the_ones_before_it() {
        let (header, result) = walk(HOP_BY_HOP, &[43, 0, 0, 0, 0, 0, 0, 0, 6, 9, 0, 0, 0, 0, 0, 0]);
        assert_eq!(result.unwrap_err().kind, Kind::Short);
        assert_eq!((header.protocol, header.extensions), (ROUTING, 1));
    }
}
