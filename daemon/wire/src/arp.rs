//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, ethernet, registry::registry};

/// Octets of the fixed part: spaces, lengths and operation.
pub const HEADER_LEN: usize = 8;
/// Octets of the four addresses for IPv4 over Ethernet.
pub const ADDRESSES_LEN: usize = 20;
/// Hardware type of Ethernet (IANA ARP parameters).
pub const ETHERNET: u16 = 1;
/// Hardware type of IEEE 802 networks, which some stations use for Ethernet.
pub const IEEE_802: u16 = 6;

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Packet {
    /// What it asks or answers.
    pub operation: Operation,
    /// Sender hardware address.
    pub sender_hardware: ethernet::Address,
    /// Sender protocol address; 0.0.0.0 in a probe (RFC 5227, 2.1.1).
    pub sender_protocol: Ipv4Addr,
    /// Target hardware address; of no meaning in a request.
    pub target_hardware: ethernet::Address,
    /// Target protocol address.
    pub target_protocol: Ipv4Addr,
}

registry! {
    /// The operation code (IANA ARP parameters).
    pub enum Operation: u16 {
        /// Asks for a hardware address.
        Request = 1, "request";
        /// Answers, or announces.
        Reply = 2, "reply";
        /// Asks for one's own protocol address (RFC 903).
        ReverseRequest = 3, "reverse-request";
        /// Answers that (RFC 903).
        ReverseReply = 4, "reverse-reply";
        /// Asks for a protocol address (RFC 2390).
        InverseRequest = 8, "inverse-request";
        /// Answers that (RFC 2390).
        InverseReply = 9, "inverse-reply";
        /// Refuses (RFC 1577).
        Nak = 10, "nak";
    }
}

/// Reads a packet. `None` for address spaces other than IPv4 over Ethernet. Padding behind it is
/// ignored.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Packet>, Malformed> {
    let start = *cursor;
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [h0, h1, p0, p1, hardware_len, protocol_len, o0, o1] = *view;
    let hardware = u16::from_be_bytes([h0, h1]);
    let protocol = u16::from_be_bytes([p0, p1]);
    if !matches!(hardware, ETHERNET | IEEE_802) || protocol != ethernet::IPV4 {
        return Ok(None);
    }
    if (hardware_len, protocol_len) != (6, 4) {
        return Err(start.malformed(Kind::Length));
    }
    let view: &[u8; ADDRESSES_LEN] = cursor.array()?;
    let [s0, s1, s2, s3, s4, s5, i0, i1, i2, i3, t0, t1, t2, t3, t4, t5, j0, j1, j2, j3] = *view;
    Ok(Some(Packet {
        operation: u16::from_be_bytes([o0, o1]).into(),
        sender_hardware: ethernet::Address([s0, s1, s2, s3, s4, s5]),
        sender_protocol: Ipv4Addr::new(i0, i1, i2, i3),
        target_hardware: ethernet::Address([t0, t1, t2, t3, t4, t5]),
        target_protocol: Ipv4Addr::new(j0, j1, j2, j3),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    const REQUEST: [u8; 28] =
        [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];

    fn read(bytes: &[u8]) -> Result<Option<Packet>, Malformed> {
        parse(&mut Cursor::new(bytes, 0, Layer::Arp))
    }

    #[test]
    fn a_padded_request_is_read() {
        let mut bytes = REQUEST.to_vec();
        bytes.resize(46, 0xaa);
        let packet = read(&bytes).unwrap().unwrap();
        assert_eq!(packet.operation, Operation::Request);
        assert_eq!(packet.sender_hardware, ethernet::Address([2, 0, 0, 0, 0, 1]));
        assert_eq!(packet.sender_protocol, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(packet.target_protocol, Ipv4Addr::new(10, 0, 0, 2));
    }

    #[test]
    fn another_address_space_is_not_malformed() {
        let mut bytes = REQUEST;
        bytes[1] = 7;
        assert_eq!(read(&bytes), Ok(None));
    }

    #[test]
    fn lengths_that_contradict_the_address_space_are_refused() {
        let mut bytes = REQUEST;
        bytes[5] = 16;
        assert_eq!(read(&bytes).unwrap_err().kind, Kind::Length);
    }

    #[test]
    fn a_packet_cut_in_its_addresses_is_refused() {
        let error = read(&REQUEST[..27]).unwrap_err();
        assert_eq!(error, Malformed { layer: Layer::Arp, offset: 8, kind: Kind::Short });
    }
}
