//! BSD loopback encapsulation: an address family before each packet.
//!
//! The family is in the order of the host that wrote the capture ([`parse`]) or in network order
//! ([`parse_loop`]); its number for IPv6 is another one on each system.

use crate::{Malformed, cursor::Cursor, ethernet, registry::registry};

/// Octets of the header.
pub const HEADER_LEN: usize = 4;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Header {
    /// What follows.
    pub family: Family,
    /// Whether the family was in network order.
    pub big_endian: bool,
}

registry! {
    /// An address family, as systems number them.
    pub enum Family: u32 {
        /// IPv4, on all systems.
        Ipv4 = 2, "ipv4";
        /// ISO protocols.
        Osi = 7, "osi";
        /// IPv6 on Linux.
        Ipv6Linux = 10, "ipv6";
        /// AppleTalk.
        AppleTalk = 16, "appletalk";
        /// IPX.
        Ipx = 23, "ipx";
        /// IPv6 on NetBSD, OpenBSD and Windows.
        Ipv6Bsd = 24, "ipv6";
        /// IPv6 on FreeBSD.
        Ipv6FreeBsd = 28, "ipv6";
        /// IPv6 on Darwin.
        Ipv6Darwin = 30, "ipv6";
    }
}

impl Family {
    /// The Ethernet type that names the same protocol, for those that are IP.
    #[must_use]
    pub fn ethertype(self) -> Option<u16> {
        match self {
            Family::Ipv4 => Some(ethernet::IPV4),
            Family::Ipv6Linux | Family::Ipv6Bsd | Family::Ipv6FreeBsd | Family::Ipv6Darwin => {
                Some(ethernet::IPV6)
            }
            Family::Osi | Family::AppleTalk | Family::Ipx | Family::Unknown(_) => None,
        }
    }
}

/// Reads a header of either order. No family needs more than 16 bits, which tells the orders apart;
/// octets that are no family in either are taken as network order.
///
/// # Errors
/// [`Malformed`] when the header is not whole.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let octets = *cursor.array::<HEADER_LEN>()?;
    let (big, little) = (u32::from_be_bytes(octets), u32::from_le_bytes(octets));
    let limit = u32::from(u16::MAX);
    let big_endian = big <= limit || little > limit;
    Ok(Header { family: Family::from(if big_endian { big } else { little }), big_endian })
}

/// Reads a header in network order.
///
/// # Errors
/// [`Malformed`] when the header is not whole.
pub fn parse_loop(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    Ok(Header { family: Family::from(cursor.u32()?), big_endian: true })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Kind, Layer};

    fn read(bytes: &[u8]) -> Result<Header, Malformed> {
        parse(&mut Cursor::new(bytes, 0, Layer::Null))
    }

    #[test]
    fn every_systems_ipv6_is_ipv6() {
        for family in [10, 24, 28, 30] {
            assert_eq!(Family::from(family).ethertype(), Some(ethernet::IPV6));
        }
        assert_eq!(Family::from(2).ethertype(), Some(ethernet::IPV4));
        assert_eq!(Family::from(7).ethertype(), None);
    }

    #[test]
    fn a_header_in_network_order_is_not_turned_round() {
        let mut cursor = Cursor::new(&[2, 0, 0, 0], 0, Layer::Null);
        assert_eq!(parse_loop(&mut cursor).unwrap().family, Family::Unknown(0x0200_0000));
    }

    #[test]
    fn octets_that_are_no_family_are_data() {
        assert_eq!(
            read(&[1, 2, 3, 4]),
            Ok(Header { family: Family::Unknown(0x0102_0304), big_endian: true })
        );
    }

    #[test]
    fn a_header_that_ends_early_is_refused() {
        assert_eq!(read(&[2, 0, 0]), Err(Malformed { layer: Layer::Null, offset: 0, kind: Kind::Short }));
    }

    proptest! {
        #[test]
        fn a_family_is_read_in_either_order(family: u16) {
            let family = u32::from(family);
            prop_assert_eq!(read(&family.to_be_bytes()).unwrap().family.code(), family);
            prop_assert_eq!(read(&family.to_le_bytes()).unwrap().family.code(), family);
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Null));
            let _ = parse_loop(&mut Cursor::new(&bytes, wire_len.into(), Layer::Null));
        }
    }
}
