//! SynOptics Network Management Protocol, also known as Nortel Discovery Protocol.
//!
//! There is no public standard; the layout is that of Nortel's and others' implementations. A hello has a fixed
//! length: it is read whole or not at all, and what follows it is padding.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{Malformed, cursor::Cursor, ethernet, registry::registry};

mod chassis;
pub use chassis::ChassisType;

/// Octets of a hello.
pub const MESSAGE_LEN: usize = 11;
/// SNAP organisation.
pub const OUI: [u8; 3] = [0x00, 0x00, 0x81];
/// SNAP protocol of a hello to the segment.
pub const PROTOCOL_SEGMENT: u16 = 0x01a2;
/// SNAP protocol of a hello to the whole network.
pub const PROTOCOL_FLATNET: u16 = 0x01a1;
/// Destination of a hello to the segment.
pub const DESTINATION_SEGMENT: ethernet::Address = ethernet::Address([0x01, 0x00, 0x81, 0x00, 0x01, 0x00]);
/// Destination of a hello to the whole network.
pub const DESTINATION_FLATNET: ethernet::Address = ethernet::Address([0x01, 0x00, 0x81, 0x00, 0x01, 0x01]);

/// A hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Address of the sender.
    pub ip: Ipv4Addr,
    /// Segment: slot and port of the sender, or the last octets of its MAC address.
    pub segment: u32,
    /// Chassis type.
    pub chassis: ChassisType,
    /// Backplane type.
    pub backplane: BackplaneType,
    /// State of the link.
    pub state: LinkState,
    /// Number of links.
    pub links: u8,
}

registry! {
    /// A type of backplane.
    pub enum BackplaneType: u8 {
        /// 1.
        Other = 1, "other";
        /// 2.
        Ethernet = 2, "ethernet";
        /// 3.
        EthernetTokenRing = 3, "ethernet, token ring";
        /// 4.
        EthernetFddi = 4, "ethernet, fddi";
        /// 5.
        EthernetTokenRingFddi = 5, "ethernet, token ring, fddi";
        /// 6.
        EthernetTokenRingRedundant = 6, "ethernet, token ring, redundant power";
        /// 7.
        EthernetTokenRingFddiRedundant = 7, "ethernet, token ring, fddi, redundant power";
        /// 8.
        TokenRing = 8, "token ring";
        /// 9.
        EthernetTokenRingFast = 9, "ethernet, token ring, fast ethernet";
        /// 10.
        EthernetFast = 10, "ethernet, fast ethernet";
        /// 11.
        EthernetTokenRingFastRedundant = 11, "ethernet, token ring, fast ethernet, redundant power";
        /// 12.
        EthernetFastGigabit = 12, "ethernet, fast ethernet, gigabit ethernet";
    }
}

registry! {
    /// What a hello says of the topology.
    pub enum LinkState: u8 {
        /// 1.
        TopologyChange = 1, "topology-change";
        /// 2.
        Heartbeat = 2, "heartbeat";
        /// 3.
        New = 3, "new";
    }
}

/// Reads a hello.
///
/// # Errors
/// [`Malformed`] when it is not whole.
pub fn parse(mut cursor: Cursor<'_>) -> Result<Message, Malformed> {
    let &[i0, i1, i2, i3, s0, s1, s2, chassis, backplane, state, links] = cursor.array::<MESSAGE_LEN>()?;
    Ok(Message {
        ip: Ipv4Addr::new(i0, i1, i2, i3),
        segment: u32::from_be_bytes([0, s0, s1, s2]),
        chassis: chassis.into(),
        backplane: backplane.into(),
        state: state.into(),
        links,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Layer};
    use proptest::prelude::*;

    const HELLO: [u8; MESSAGE_LEN] = [192, 0, 2, 1, 1, 2, 3, 0x30, 12, 2, 7];

    #[test]
    fn a_hello_is_read_and_padding_is_not() {
        let bytes = [&HELLO[..], &[0xff; 27]].concat();
        let hello = parse(Cursor::new(&bytes, 0, Layer::Sonmp)).unwrap();
        assert_eq!((hello.ip, hello.segment), ([192, 0, 2, 1].into(), 0x01_0203));
        assert_eq!(hello.chassis.name(), "BayStack 450 10/100/1000 Switches");
        assert_eq!(
            (hello.backplane, hello.state),
            (BackplaneType::EthernetFastGigabit, LinkState::Heartbeat)
        );
        assert_eq!(hello.links, 7);
    }

    #[test]
    fn a_hello_that_is_cut_is_refused() {
        for length in 0..MESSAGE_LEN {
            let error = parse(Cursor::new(&HELLO[..length], 0, Layer::Sonmp)).unwrap_err();
            assert_eq!(error.kind, Kind::Short);
            let error = parse(Cursor::new(&HELLO[..length], 60, Layer::Sonmp)).unwrap_err();
            assert_eq!(error.kind, Kind::NotCaptured);
        }
    }

    #[test]
    fn an_unknown_chassis_survives() {
        let mut bytes = HELLO;
        bytes[7] = 250;
        assert_eq!(parse(Cursor::new(&bytes, 0, Layer::Sonmp)).unwrap().chassis, ChassisType::Unknown(250));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in any::<[u8; MESSAGE_LEN]>(), beyond in 0u32..100) {
            let hello = parse(Cursor::new(&bytes, beyond, Layer::Sonmp)).unwrap();
            let [_, s0, s1, s2] = hello.segment.to_be_bytes();
            let numbers = [s0, s1, s2, hello.chassis.code(), hello.backplane.code(), hello.state.code(), hello.links];
            prop_assert_eq!([&hello.ip.octets()[..], &numbers].concat(), bytes);
        }
    }
}
