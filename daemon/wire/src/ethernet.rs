//! Ethernet II frame header (IEEE 802.3-2018, 3.1 and 3.2).

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Malformed, cursor::Cursor};

/// Octets of the header: destination, source, type.
pub const HEADER_LEN: usize = 14;
/// The type field holds a protocol from this value on, and the length of an LLC frame below it (3.2.6).
pub const FIRST_TYPE: u16 = 0x0600;
/// IP protocol of a frame within an IP packet (RFC 8986, 10.1).
pub const PROTOCOL: u8 = 143;
/// IPv4 (RFC 894).
pub const IPV4: u16 = 0x0800;
/// ARP (RFC 826).
pub const ARP: u16 = 0x0806;
/// IPv6 (RFC 2464).
pub const IPV6: u16 = 0x86dd;
/// LLDP (IEEE 802.1AB-2016, 7.3).
pub const LLDP: u16 = 0x88cc;

/// A MAC address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(pub [u8; 6]);

impl Address {
    /// The address of all stations.
    pub const BROADCAST: Address = Address([0xff; 6]);

    /// Whether it is a group address: the I/G bit (IEEE 802-2014, 8.2.2). Broadcast is one.
    #[must_use]
    pub fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 0x01 != 0
    }

    /// Whether it was chosen locally, for example at random: the U/L bit (IEEE 802-2014, 8.2.2).
    #[must_use]
    pub fn is_locally_administered(self) -> bool {
        let [first, ..] = self.0;
        first & 0x02 != 0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The two addresses of a frame. Its type is in [`crate::Packet::ethertype`], after the tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Who sent the frame.
    pub source: Address,
    /// For whom it is.
    pub destination: Address,
}

/// Reads the header and the type or length field behind it.
#[inline(always)]
pub fn parse(cursor: &mut Cursor<'_>) -> Result<(Header, u16), Malformed> {
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *view;
    let destination = Address([d0, d1, d2, d3, d4, d5]);
    let source = Address([s0, s1, s2, s3, s4, s5]);
    Ok((Header { source, destination }, u16::from_be_bytes([t0, t1])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Layer};

    #[test]
    fn destination_comes_before_source() {
        let frame = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x06];
        let (header, ethertype) = parse(&mut Cursor::new(&frame, 14, Layer::Ethernet)).unwrap();
        assert_eq!(header.destination.to_string(), "01:02:03:04:05:06");
        assert_eq!(header.source, Address([7, 8, 9, 10, 11, 12]));
        assert_eq!(ethertype, ARP);
    }

    #[test]
    fn a_frame_shorter_than_its_header_is_refused() {
        let error = parse(&mut Cursor::new(&[0; 13], 13, Layer::Ethernet)).unwrap_err();
        assert_eq!(error, Malformed { layer: Layer::Ethernet, offset: 0, kind: Kind::Short });
    }

    #[test]
    fn the_bits_of_an_address_are_read() {
        assert!(Address::BROADCAST.is_multicast());
        assert!(Address([0x02, 0, 0, 0, 0, 1]).is_locally_administered());
        assert!(!Address([0x00, 0x1b, 0x21, 0, 0, 1]).is_locally_administered());
        assert!(!Address([0x00, 0x1b, 0x21, 0, 0, 1]).is_multicast());
    }
}
