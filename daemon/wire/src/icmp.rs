//! The part that all ICMP (RFC 792) and ICMPv6 (RFC 4443, 2.1) messages share.

use crate::{Malformed, cursor::Cursor};

/// Octets that are read: type, code and checksum.
pub const HEADER_LEN: usize = 4;
/// ICMP in the IPv4 Protocol field.
pub const PROTOCOL: u8 = 1;
/// ICMPv6 in the IPv6 Next Header field.
pub const PROTOCOL_V6: u8 = 58;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Header {
    /// Type, of the ICMP or the ICMPv6 registry.
    pub message_type: u8,
    /// Code, by type.
    pub code: u8,
}

/// Reads the header of a message of either protocol.
#[inline]
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [message_type, code, _, _] = *view;
    Ok(Header { message_type, code })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Layer};

    #[test]
    fn type_and_code_are_read() {
        let header = parse(&mut Cursor::new(&[3, 1, 0, 0], 4, Layer::Icmp)).unwrap();
        assert_eq!(header, Header { message_type: 3, code: 1 });
    }

    #[test]
    fn a_message_without_checksum_is_refused() {
        assert_eq!(parse(&mut Cursor::new(&[3, 1], 2, Layer::Icmp)).unwrap_err().kind, Kind::Short);
    }
}
