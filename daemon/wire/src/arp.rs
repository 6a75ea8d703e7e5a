//! ARP (RFC 826). Addresses are read for IPv4 over Ethernet; of any other pair of spaces the fixed part is.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, ethernet, registry::registry};

/// Octets of the fixed part: spaces, lengths and operation.
pub const HEADER_LEN: usize = 8;
/// Octets of the four addresses for IPv4 over Ethernet.
pub const ADDRESSES_LEN: usize = 20;

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Packet {
    /// The space of the hardware addresses.
    pub hardware_type: Hardware,
    /// The space of the protocol addresses, an Ethernet type.
    pub protocol_type: u16,
    /// Octets of each hardware and of each protocol address; `None` for ATM, where something else stands in their
    /// place (RFC 2225).
    #[serde(flatten)]
    pub lengths: Option<Lengths>,
    /// What it asks or answers.
    pub operation: Operation,
    /// The addresses; `None` in other spaces than IPv4 over IEEE 802, whose hosts take no notice of such a packet
    /// (RFC 826, Packet Reception), and where they cannot be read.
    #[serde(flatten)]
    pub addresses: Option<Addresses>,
    /// Why the addresses cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// Octets of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// Of each hardware address.
    pub hardware_length: u8,
    /// Of each protocol address.
    pub protocol_length: u8,
}

/// The addresses of IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Addresses {
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
    /// The hardware type (IANA ARP parameters).
    pub enum Hardware: u16 {
        /// Ethernet.
        Ethernet = 1, "ethernet";
        /// IEEE 802 networks, which some stations use for Ethernet.
        Ieee802 = 6, "ieee802";
        /// ARCNET.
        Arcnet = 7, "arcnet";
        /// Frame relay.
        FrameRelay = 15, "frame-relay";
        /// ATM, with a fixed part of its own (RFC 2225).
        Atm = 19, "atm";
        /// IEEE 1394.
        Ieee1394 = 24, "ieee1394";
        /// InfiniBand.
        InfiniBand = 32, "infiniband";
    }
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

/// Reads a packet. Padding behind it is ignored.
///
/// # Errors
/// [`Malformed`] when the fixed part is not whole.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Packet, Malformed> {
    let start = *cursor;
    let [h0, h1, p0, p1, hardware_length, protocol_length, o0, o1] = *cursor.array::<HEADER_LEN>()?;
    let hardware_type = Hardware::from(u16::from_be_bytes([h0, h1]));
    let protocol_type = u16::from_be_bytes([p0, p1]);
    let addresses = match (hardware_type, protocol_type, hardware_length, protocol_length) {
        (Hardware::Ethernet | Hardware::Ieee802, ethernet::IPV4, 6, 4) => Addresses::parse(cursor).map(Some),
        (Hardware::Ethernet | Hardware::Ieee802, ethernet::IPV4, ..) => Err(start.malformed(Kind::Length)),
        (Hardware::Atm, ..) => Ok(None),
        _ => {
            let pair = usize::from(hardware_length).saturating_add(protocol_length.into());
            cursor.take(pair.saturating_mul(2)).map(|_| None)
        }
    };
    let lengths = Lengths { hardware_length, protocol_length };
    Ok(Packet {
        hardware_type,
        protocol_type,
        lengths: (hardware_type != Hardware::Atm).then_some(lengths),
        operation: u16::from_be_bytes([o0, o1]).into(),
        addresses: addresses.unwrap_or_default(),
        malformed: addresses.err(),
    })
}

impl Addresses {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Addresses, Malformed> {
        let view: &[u8; ADDRESSES_LEN] = cursor.array()?;
        let [s0, s1, s2, s3, s4, s5, i0, i1, i2, i3, t0, t1, t2, t3, t4, t5, j0, j1, j2, j3] = *view;
        Ok(Addresses {
            sender_hardware: ethernet::Address([s0, s1, s2, s3, s4, s5]),
            sender_protocol: Ipv4Addr::new(i0, i1, i2, i3),
            target_hardware: ethernet::Address([t0, t1, t2, t3, t4, t5]),
            target_protocol: Ipv4Addr::new(j0, j1, j2, j3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    const REQUEST: [u8; 28] =
        [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];

    fn read(bytes: &[u8]) -> Result<Packet, Malformed> {
        parse(&mut Cursor::new(bytes, 0, Layer::Arp))
    }

    #[test]
    fn a_padded_request_is_read() {
        let mut bytes = REQUEST.to_vec();
        bytes.resize(46, 0xaa);
        let packet = read(&bytes).unwrap();
        assert_eq!((packet.operation, packet.hardware_type), (Operation::Request, Hardware::Ethernet));
        let addresses = packet.addresses.unwrap();
        assert_eq!(addresses.sender_hardware, ethernet::Address([2, 0, 0, 0, 0, 1]));
        assert_eq!(addresses.sender_protocol, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(addresses.target_protocol, Ipv4Addr::new(10, 0, 0, 2));
    }

    #[test]
    fn another_address_space_has_its_fixed_part_and_is_not_malformed() {
        let mut bytes = REQUEST;
        bytes[1] = 7;
        let packet = read(&bytes).unwrap();
        assert_eq!((packet.hardware_type, packet.protocol_type), (Hardware::Arcnet, ethernet::IPV4));
        assert_eq!(packet.lengths, Some(Lengths { hardware_length: 6, protocol_length: 4 }));
        assert_eq!((packet.operation, packet.addresses, packet.malformed), (Operation::Request, None, None));
    }

    #[test]
    fn another_address_space_that_is_longer_than_its_frame_is_malformed() {
        let mut bytes = REQUEST;
        (bytes[1], bytes[4]) = (7, 7);
        let fault = Malformed { layer: Layer::Arp, offset: 8, kind: Kind::Short };
        assert_eq!(read(&bytes).unwrap().malformed, Some(fault));
    }

    #[test]
    fn atm_has_no_lengths_where_others_have_them() {
        let mut bytes = REQUEST;
        bytes[1] = 19;
        let packet = read(&bytes).unwrap();
        assert_eq!((packet.hardware_type, packet.lengths, packet.malformed), (Hardware::Atm, None, None));
    }

    #[test]
    fn lengths_that_contradict_the_address_space_leave_the_fixed_part() {
        let mut bytes = REQUEST;
        bytes[5] = 16;
        let packet = read(&bytes).unwrap();
        assert_eq!((packet.operation, packet.addresses), (Operation::Request, None));
        assert_eq!(packet.malformed, Some(Malformed { layer: Layer::Arp, offset: 0, kind: Kind::Length }));
    }

    #[test]
    fn a_packet_cut_in_its_addresses_keeps_its_fixed_part() {
        let packet = read(&REQUEST[..27]).unwrap();
        assert_eq!((packet.operation, packet.addresses), (Operation::Request, None));
        assert_eq!(packet.malformed, Some(Malformed { layer: Layer::Arp, offset: 8, kind: Kind::Short }));
        assert_eq!(read(&REQUEST[..7]).unwrap_err().kind, Kind::Short);
    }
}
