//! Inter-Switch Link, Cisco's trunk encapsulation from before IEEE 802.1Q.
//!
//! There is no public standard; the layout is that of Cisco's and others' descriptions. The header stands before a
//! whole frame and its FCS, which is not read. Its first octets have the places of an Ethernet header, and the next
//! ones look like LLC and SNAP: read as IEEE 802.3, the VLAN would be the number of a protocol.

use serde::Serialize;

use crate::{Malformed, cursor::Cursor, ethernet, registry::registry};

/// Octets of the whole header.
pub const HEADER_LEN: usize = 26;
/// The header, as far as it says what the frame behind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// 01-00-0C-00-00 or 03-00-0C-00-00, then type and user.
    pub destination: ethernet::Address,
    /// What kind of frame is behind the header.
    #[serde(rename = "type")]
    pub frame_type: FrameType,
    /// User-defined bits: of an Ethernet frame its priority.
    pub user: u8,
    /// Who sent it.
    pub source: ethernet::Address,
    /// Octets behind this field, without the FCS.
    pub length: u16,
    /// VLAN, and whether the frame is of a protocol between bridges.
    #[serde(flatten)]
    pub tag: Option<Tag>,
}

/// The VLAN of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// VLAN.
    pub vlan: u16,
    /// It is a BPDU, or a frame of CDP or VTP.
    pub bpdu: bool,
}

registry! {
    /// What kind of frame is behind the header.
    pub enum FrameType: u8 {
        /// 0.
        Ethernet = 0, "ethernet";
        /// 1.
        TokenRing = 1, "token-ring";
        /// 2.
        Fddi = 2, "fddi";
        /// 3.
        Atm = 3, "atm";
    }
}

/// Whether what looks like an Ethernet header is the beginning of an ISL header: by its destination and by what stands
/// behind it, as far as that was captured.
#[inline(always)]
#[must_use]
pub fn is_header(header: &ethernet::Header, behind: &[u8]) -> bool {
    matches!(header.destination.0, [0x01 | 0x03, 0x00, 0x0c, 0x00, 0x00, _])
        && (behind.starts_with(&SNAP) || SNAP.starts_with(behind))
}

/// Reads the header behind its first octets, which are read as those of an Ethernet header and its type. What of it
/// can be used is in the header, whatever the fault.
pub fn parse(
    link: ethernet::Header,
    length: u16,
    cursor: &mut Cursor<'_>,
) -> (Header, Result<(), Malformed>) {
    let ethernet::Header { source, destination } = link;
    let [.., last] = destination.0;
    // The constant and the high octets of the source, then VLAN and BPDU bit; an index and a reserved field follow.
    let (tag, fault) = match cursor.array() {
        Ok([_, _, _, _, _, _, v0, v1, _, _, _, _]) => {
            (Some(Tag { vlan: u16::from_be_bytes([*v0, *v1]) >> 1, bpdu: v1 & 0x01 != 0 }), Ok(()))
        }
        Err(fault) => (None, Err(fault)),
    };
    let header =
        Header { destination, frame_type: (last >> 4).into(), user: last & 0x0f, source, length, tag };
    (header, fault)
}

/// What stands behind the length.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Framing, Kind, Layer, Link, Network, Packet};

    /// A frame of VLAN 133 between bridges: as LLC and SNAP it would be of Cisco's protocol 0x010b, PVST+.
    fn frame() -> [u8; 40] {
        let mut frame = [0; 40];
        frame[..12]
            .copy_from_slice(&[0x01, 0x00, 0x0c, 0x00, 0x00, 0x02, 0x00, 0x19, 0x06, 0xea, 0xb8, 0x85]);
        frame[12..HEADER_LEN].copy_from_slice(&[0, 26, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x01, 0x0b, 0, 7, 0, 0]);
        frame
    }

    fn read(frame: &[u8]) -> Packet<'_> {
        crate::parse(Link::Ethernet, frame, None, 0).unwrap()
    }

    #[test]
    fn an_isl_frame_is_no_802_3_frame() {
        for first in [0x01, 0x03] {
            let mut frame = frame();
            frame[0] = first;
            let packet = read(&frame);
            let Framing::Isl(header) = &packet.framing else { panic!("{packet:?}") };
            assert_eq!((header.frame_type, header.user, header.length), (FrameType::Ethernet, 2, 26));
            assert_eq!(header.source.to_string(), "00:19:06:ea:b8:85");
            assert_eq!(header.tag, Some(Tag { vlan: 133, bpdu: true }));
            assert_eq!((&packet.network, &packet.encapsulation), (&Network::Other, &None));
            assert_eq!((packet.ethertype, packet.malformed), (0, None));
            assert_eq!(packet.source(), Some(header.source));
        }
    }

    #[test]
    fn no_length_of_an_isl_frame_is_the_type_of_another() {
        // ARP and IPv4 are lengths that frames of other links than Ethernet have.
        for length in [0, 1500, 1535, 0x0800, 0x0806, 0x8100, u16::MAX] {
            let mut frame = frame();
            frame[12..14].copy_from_slice(&length.to_be_bytes());
            let packet = read(&frame);
            assert!(matches!(&packet.framing, Framing::Isl(header) if header.length == length));
            assert_eq!((packet.network, packet.malformed), (Network::Other, None));
            assert!(packet.tags.is_empty());
        }
    }

    #[test]
    fn a_header_that_is_not_whole_has_no_vlan() {
        let frame = frame();
        for length in ethernet::HEADER_LEN..=HEADER_LEN {
            let packet = read(&frame[..length]);
            let fault = Malformed { layer: Layer::Isl, offset: 14, kind: Kind::Short };
            assert_eq!(packet.malformed, (length < HEADER_LEN).then_some(fault));
            assert!(matches!(&packet.framing, Framing::Isl(h) if h.tag.is_some() == (length == HEADER_LEN)));
        }
        assert!(crate::parse(Link::Ethernet, &frame[..13], None, 13).is_err());
    }

    #[test]
    fn another_address_or_constant_is_that_of_an_ethernet_frame() {
        for other in [[0x01, 0, 0x0c, 0xcc, 0xcc, 0xcc], [0x01, 0, 0x0c, 0, 1, 0], [0x02, 0, 0x0c, 0, 0, 0]] {
            let mut frame = frame();
            frame[..6].copy_from_slice(&other);
            assert!(matches!(read(&frame).framing, Framing::Ethernet(_)));
        }
        let mut frame = frame();
        frame[12..17].copy_from_slice(&[0x08, 0x00, 0x45, 0, 0]);
        assert!(matches!(read(&frame).framing, Framing::Ethernet(_)));
        assert!(matches!(read(&frame).network, Network::Ipv4(_)));
    }
}
