//! Linux cooked captures, versions 1 and 2 (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): the header
//! that takes the place of the link's own where a capture is of all interfaces, or of one that has no
//! header to show.

use serde::Serialize;

use crate::{Malformed, Octets, cursor::Cursor, ethernet, registry::registry};

/// Octets of a header of version 1.
pub const HEADER_LEN: usize = 16;
/// Octets of a header of version 2.
pub const HEADER_LEN_2: usize = 20;
/// Most octets of an address. Of a longer one the header holds the first eight.
pub const MAX_ADDRESS_LEN: usize = 8;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header<'a> {
    /// For whom the packet was.
    pub packet_type: PacketType,
    /// What kind of interface it went through.
    pub hardware: Hardware,
    /// Octets of the sender's link address. 0 where the interface has none, more than
    /// [`MAX_ADDRESS_LEN`] where the header does not hold it all.
    pub address_len: u16,
    /// The sender's link address.
    pub address: Address<'a>,
    /// What follows: an Ethernet type, or a number below [`ethernet::FIRST_TYPE`] that the kernel
    /// invented. On some hardware it is of another registry; see [`Header::payload`].
    pub protocol: u16,
    /// Number of the interface; version 2 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_index: Option<u32>,
}

/// A sender's link address. Either kind is shown in pairs of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Address<'a> {
    /// That of an IEEE 802 interface.
    Mac(ethernet::Address),
    /// Any other.
    Other(Octets<'a>),
}

registry! {
    /// For whom a packet was.
    pub enum PacketType: u16 {
        /// For this host.
        Host = 0, "host";
        /// Broadcast by another host.
        Broadcast = 1, "broadcast";
        /// Multicast by another host.
        Multicast = 2, "multicast";
        /// Between other hosts.
        OtherHost = 3, "other-host";
        /// Sent by this host.
        Outgoing = 4, "outgoing";
    }
}

registry! {
    /// Kind of an interface: the ARPHRD_ numbers of Linux, of which those below 256 are ARP hardware
    /// types.
    pub enum Hardware: u16 {
        /// Ethernet.
        Ethernet = 1, "ethernet";
        /// IEEE 802.
        Ieee802 = 6, "ieee802";
        /// InfiniBand.
        InfiniBand = 32, "infiniband";
        /// CAN bus.
        Can = 280, "can";
        /// PPP.
        Ppp = 512, "ppp";
        /// Cisco HDLC.
        CiscoHdlc = 513, "cisco-hdlc";
        /// IP without a link header.
        RawIp = 519, "raw-ip";
        /// IPv4 in IPv4.
        Tunnel = 768, "ipip";
        /// IP in IPv6.
        Tunnel6 = 769, "ip6-tunnel";
        /// Frame relay.
        FrameRelay = 770, "frame-relay";
        /// Loopback.
        Loopback = 772, "loopback";
        /// IPv6 in IPv4.
        Sit = 776, "sit";
        /// GRE over IPv4.
        Gre = 778, "gre";
        /// IEEE 802.11.
        Ieee80211 = 801, "ieee80211";
        /// IEEE 802.11 with a Prism header.
        Ieee80211Prism = 802, "ieee80211-prism";
        /// IEEE 802.11 with a radiotap header.
        Ieee80211Radiotap = 803, "ieee80211-radiotap";
        /// IEEE 802.15.4.
        Ieee802154 = 804, "ieee802154";
        /// GRE over IPv6.
        Gre6 = 823, "gre6";
        /// Netlink.
        Netlink = 824, "netlink";
        /// 6LoWPAN.
        SixLowPan = 825, "6lowpan";
        /// Virtual sockets.
        VsockMonitor = 826, "vsockmon";
        /// No link header at all.
        None = 0xfffe, "none";
    }
}

/// What follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// What follows an Ethernet header with this type, at least [`ethernet::FIRST_TYPE`].
    Ethertype(u16),
    /// An LLC header.
    Llc,
    /// IPX right behind a length field (Novell's first framing).
    Novell,
    /// A radiotap header.
    Radiotap,
    /// Something that is not read here.
    Other,
}

impl Header<'_> {
    /// What follows the header.
    #[must_use]
    pub fn payload(&self) -> Payload {
        match (self.hardware, self.protocol) {
            (Hardware::Ieee80211Radiotap, _) => Payload::Radiotap,
            (Hardware::FrameRelay | Hardware::Netlink | Hardware::VsockMonitor, _) => Payload::Other,
            (_, NOVELL) => Payload::Novell,
            (_, LLC) => Payload::Llc,
            (_, protocol) if protocol >= ethernet::FIRST_TYPE => Payload::Ethertype(protocol),
            _ => Payload::Other,
        }
    }

    /// The sender's MAC address, where the interface is of IEEE 802 or the loopback interface.
    #[must_use]
    pub fn mac(&self) -> Option<ethernet::Address> {
        match self.address {
            Address::Mac(mac) => Some(mac),
            Address::Other(_) => None,
        }
    }
}

/// Reads a header of version 1.
///
/// # Errors
/// [`Malformed`] when it is not whole; so for version 2.
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let view: &[u8; HEADER_LEN] = cursor.array()?;
    let [t0, t1, h0, h1, l0, l1, address @ .., p0, p1] = view;
    let hardware = Hardware::from(u16::from_be_bytes([*h0, *h1]));
    let address_len = u16::from_be_bytes([*l0, *l1]);
    Ok(Header {
        packet_type: u16::from_be_bytes([*t0, *t1]).into(),
        hardware,
        address_len,
        address: Address::new(address, address_len, hardware),
        protocol: u16::from_be_bytes([*p0, *p1]),
        interface_index: None,
    })
}

/// Reads a header of version 2.
///
/// # Errors
/// [`Malformed`] when it is not whole.
pub fn parse_2<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let view: &[u8; HEADER_LEN_2] = cursor.array()?;
    let [p0, p1, _, _, i0, i1, i2, i3, h0, h1, packet_type, length, address @ ..] = view;
    let hardware = Hardware::from(u16::from_be_bytes([*h0, *h1]));
    let address_len = u16::from(*length);
    Ok(Header {
        packet_type: u16::from(*packet_type).into(),
        hardware,
        address_len,
        address: Address::new(address, address_len, hardware),
        protocol: u16::from_be_bytes([*p0, *p1]),
        interface_index: Some(u32::from_be_bytes([*i0, *i1, *i2, *i3])),
    })
}

impl<'a> Address<'a> {
    fn new(field: &'a [u8; MAX_ADDRESS_LEN], length: u16, hardware: Hardware) -> Self {
        let octets = field.get(..usize::from(length)).unwrap_or(field);
        match (hardware, octets.try_into()) {
            (
                Hardware::Ethernet
                | Hardware::Ieee802
                | Hardware::Loopback
                | Hardware::Ieee80211
                | Hardware::Ieee80211Prism
                | Hardware::Ieee80211Radiotap,
                Ok(mac),
            ) => Address::Mac(ethernet::Address(mac)),
            _ => Address::Other(Octets(octets)),
        }
    }
}

const NOVELL: u16 = 1;
const LLC: u16 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Kind, Layer};

    fn read(bytes: &[u8]) -> Header<'_> {
        parse(&mut Cursor::new(bytes, 0, Layer::LinuxCooked)).unwrap()
    }

    fn write(h: (u16, u16, u16, [u8; 8], u16)) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [h.0, h.1, h.2] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(h.3);
        bytes.extend(h.4.to_be_bytes());
        bytes
    }

    fn write_2(h: (u8, u16, u8, [u8; 8], u16), interface: u32) -> Vec<u8> {
        let mut bytes = h.4.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(interface.to_be_bytes());
        bytes.extend(h.1.to_be_bytes());
        bytes.extend([h.0, h.2]);
        bytes.extend(h.3);
        bytes
    }

    const FIELD: [u8; 8] = [2, 0, 0x5e, 1, 2, 3, 0xaa, 0xbb];

    #[test]
    fn the_address_of_an_ethernet_interface_is_a_mac_address() {
        let bytes = write((4, 1, 6, FIELD, 0x0800));
        let header = read(&bytes);
        assert_eq!(header.mac(), Some(ethernet::Address([2, 0, 0x5e, 1, 2, 3])));
        assert_eq!(
            (header.packet_type, header.payload()),
            (PacketType::Outgoing, Payload::Ethertype(0x0800))
        );
        assert!(read(&write((0, 772, 6, FIELD, 0x86dd))).mac().is_some());
    }

    #[test]
    fn an_address_of_another_kind_or_length_stays_octets() {
        for (hardware, length, expected) in [(32, 20, 8), (1, 0, 0), (1, 4, 4), (768, 6, 6), (1, u16::MAX, 8)]
        {
            let bytes = write((0, hardware, length, FIELD, 0x0800));
            let header = read(&bytes);
            assert_eq!(header.address, Address::Other(Octets(FIELD.get(..expected).unwrap())));
            assert_eq!((header.mac(), header.address_len), (None, length));
        }
    }

    #[test]
    fn the_numbers_below_ethernet_types_are_not_types() {
        for (hardware, protocol, payload) in [
            (1, 1, Payload::Novell),
            (1, 4, Payload::Llc),
            (1, 3, Payload::Other),
            (280, 12, Payload::Other),
            (803, 0x0800, Payload::Radiotap),
            (824, 0x0800, Payload::Other),
            (778, 0x6558, Payload::Ethertype(0x6558)),
            (0xfffe, 0x86dd, Payload::Ethertype(0x86dd)),
        ] {
            assert_eq!(read(&write((0, hardware, 6, FIELD, protocol))).payload(), payload);
        }
    }

    #[test]
    fn a_header_that_ends_early_is_refused() {
        let kind = |bytes: &[u8], length| {
            let cursor = || Cursor::new(bytes, length, Layer::LinuxCooked);
            (parse(&mut cursor()).map_err(|e| e.kind).err(), parse_2(&mut cursor()).map_err(|e| e.kind).err())
        };
        assert_eq!(kind(&[0; 15], 0), (Some(Kind::Short), Some(Kind::Short)));
        assert_eq!(kind(&[0; 15], 99), (Some(Kind::NotCaptured), Some(Kind::NotCaptured)));
        assert_eq!(kind(&[0; 16], 0), (None, Some(Kind::Short)));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(packet: u16, hardware: u16, length: u16, field: [u8; 8], protocol: u16) {
            let bytes = write((packet, hardware, length, field, protocol));
            let header = read(&bytes);
            prop_assert_eq!((header.packet_type.code(), header.hardware.code()), (packet, hardware));
            prop_assert_eq!((header.address_len, header.protocol), (length, protocol));
            prop_assert_eq!(header.interface_index, None);
        }

        #[test]
        fn what_was_written_in_version_2_is_read(
            packet: u8, hardware: u16, length in 0_u8..=9, field: [u8; 8], protocol: u16, interface: u32,
        ) {
            let bytes = write_2((packet, hardware, length, field, protocol), interface);
            let mut cursor = Cursor::new(&bytes, 0, Layer::LinuxCooked);
            let header = parse_2(&mut cursor).unwrap();
            prop_assert!(cursor.is_empty());
            prop_assert_eq!((header.packet_type.code(), header.hardware.code()), (packet.into(), hardware));
            prop_assert_eq!((header.address_len, header.protocol), (length.into(), protocol));
            prop_assert_eq!(header.interface_index, Some(interface));
            let kept = field.get(..length.into()).unwrap_or(&field);
            match header.address {
                Address::Mac(mac) => prop_assert_eq!(&mac.0, kept),
                Address::Other(octets) => prop_assert_eq!(octets.0, kept),
            }
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::LinuxCooked));
            let _ = parse_2(&mut Cursor::new(&bytes, wire_len.into(), Layer::LinuxCooked));
        }
    }
}
