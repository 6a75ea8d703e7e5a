//! PPP frames within GRE (RFC 1661, 2; RFC 1662, 3.1; RFC 2637, 4), and the protocol field of all PPP frames.
//!
//! Both ends may agree to leave out the address and control fields, and the first octet of the protocol. Whether they
//! did is in each frame: no protocol begins as these fields do (RFC 1661, 2), and the last octet of a protocol is odd.

use serde::Serialize;

use crate::{Malformed, cursor::Cursor, ethernet, registry::registry};

/// What stands before the protocol where it is not left out: all stations, unnumbered information (RFC 1662, 3.1).
pub const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Whether there are an address and a control field.
    pub address_control: bool,
    /// What the frame carries.
    pub protocol: Protocol,
}

registry! {
    /// A protocol in PPP (IANA PPP numbers).
    pub enum Protocol: u16 {
        /// IPv4.
        Ipv4 = 0x0021, "ipv4";
        /// Van Jacobson compressed TCP/IP.
        VjCompressed = 0x002d, "vj-compressed";
        /// Van Jacobson uncompressed TCP/IP.
        VjUncompressed = 0x002f, "vj-uncompressed";
        /// Bridged frames.
        Bridging = 0x0031, "bridging";
        /// Multilink.
        Multilink = 0x003d, "multilink";
        /// IPv6.
        Ipv6 = 0x0057, "ipv6";
        /// Compressed on one link of a bundle.
        LinkCompressed = 0x00fb, "link-compressed";
        /// Compressed.
        Compressed = 0x00fd, "compressed";
        /// MPLS unicast.
        MplsUnicast = 0x0281, "mpls-unicast";
        /// MPLS multicast.
        MplsMulticast = 0x0283, "mpls-multicast";
        /// IP control.
        Ipcp = 0x8021, "ipcp";
        /// OSI network layer control.
        Osinlcp = 0x8023, "osinlcp";
        /// Bridging control.
        Bcp = 0x8031, "bcp";
        /// Encryption control.
        Ecp = 0x8053, "ecp";
        /// IPv6 control.
        Ipv6cp = 0x8057, "ipv6cp";
        /// Compression control.
        Ccp = 0x80fd, "ccp";
        /// MPLS control.
        Mplscp = 0x8281, "mplscp";
        /// Link control.
        Lcp = 0xc021, "lcp";
        /// Password authentication.
        Pap = 0xc023, "pap";
        /// Link quality.
        LinkQuality = 0xc025, "lqr";
        /// Bandwidth allocation control.
        Bacp = 0xc02b, "bacp";
        /// Bandwidth allocation.
        Bap = 0xc02d, "bap";
        /// Challenge handshake authentication.
        Chap = 0xc223, "chap";
        /// Extensible authentication.
        Eap = 0xc227, "eap";
    }
}

impl Protocol {
    /// The Ethernet type that names the same protocol, for those of the network layer.
    #[must_use]
    pub fn ethertype(self) -> Option<u16> {
        match self {
            Protocol::Ipv4 => Some(ethernet::IPV4),
            Protocol::Ipv6 => Some(ethernet::IPV6),
            Protocol::MplsUnicast => Some(crate::mpls::UNICAST),
            Protocol::MplsMulticast => Some(crate::mpls::MULTICAST),
            _ => None,
        }
    }
}

/// Reads a header. The cursor is then behind it.
///
/// # Errors
/// [`Malformed`] when it is not whole.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let address_control = cursor.rest().starts_with(&ADDRESS_CONTROL);
    if address_control {
        cursor.take(ADDRESS_CONTROL.len())?;
    }
    Ok(Header { address_control, protocol: read_protocol(cursor)? })
}

/// The last octet of a protocol is odd, all before it are even: one of a single octet is compressed
/// (RFC 1661, 2 and 6.5).
pub(crate) fn read_protocol(cursor: &mut Cursor<'_>) -> Result<Protocol, Malformed> {
    let start = *cursor;
    let first = cursor.u8()?;
    if first & 0x01 != 0 {
        return Ok(Protocol::from(u16::from(first)));
    }
    match cursor.u8() {
        Ok(second) => Ok(Protocol::from(u16::from_be_bytes([first, second]))),
        Err(fault) => {
            *cursor = start;
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Kind, Layer};

    fn read(bytes: &[u8]) -> Result<(bool, Protocol, usize), Kind> {
        let mut cursor = Cursor::new(bytes, 0, Layer::Ppp);
        let header = parse(&mut cursor).map_err(|fault| fault.kind)?;
        Ok((header.address_control, header.protocol, cursor.rest().len()))
    }

    #[test]
    fn every_way_to_shorten_a_header_is_read() {
        assert_eq!(read(&[0xff, 3, 0, 0x21, 0x45]), Ok((true, Protocol::Ipv4, 1)));
        assert_eq!(read(&[0xff, 3, 0x21, 0x45]), Ok((true, Protocol::Ipv4, 1)));
        assert_eq!(read(&[0, 0x57, 0x60]), Ok((false, Protocol::Ipv6, 1)));
        assert_eq!(read(&[0x57, 0x60]), Ok((false, Protocol::Ipv6, 1)));
        assert_eq!(read(&[0xc0, 0x21]), Ok((false, Protocol::Lcp, 0)));
    }

    #[test]
    fn a_header_that_is_not_whole_is_refused() {
        for bytes in [&[][..], &[0], &[0xc0], &[0xff, 3], &[0xff, 3, 0]] {
            assert_eq!(read(bytes), Err(Kind::Short), "{bytes:?}");
        }
        let cut = parse(&mut Cursor::new(&[0xff, 3, 0], 60, Layer::Ppp)).unwrap_err();
        assert_eq!(cut.kind, Kind::NotCaptured);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(protocol: u16, address_control: bool, rest in any::<Vec<u8>>()) {
            // The first octet is even, the second odd.
            let protocol = protocol & 0xfeff | 0x0001;
            let start: &[u8] = if address_control { &ADDRESS_CONTROL } else { &[] };
            let bytes = [start, &protocol.to_be_bytes(), &rest].concat();
            prop_assert_eq!(read(&bytes), Ok((address_control, Protocol::from(protocol), rest.len())));
            if let [0, octet] = protocol.to_be_bytes() && octet != ADDRESS_CONTROL[0] {
                let bytes = [start, &[octet], &rest].concat();
                prop_assert_eq!(read(&bytes), Ok((address_control, Protocol::from(protocol), rest.len())));
            }
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Ppp));
        }
    }
}
