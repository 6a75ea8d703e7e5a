//! Where a port stands in the network (IEEE 802.1Q-2022 as amended by IEEE 802.1Qcz-2023, D.2.16).

use nom::{Parser, number::complete::be_u8};
use serde::Serialize;

use super::super::finish;
use crate::{Kind, registry::registry};

/// Topology Recognition (D.2.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TopologyRecognition {
    /// What the sender is (D.2.16.3); 255 while it does not know.
    pub device_type: DeviceType,
    /// Fewest links between the sender and the edge of the network (D.2.16.4); 255 while it does not know.
    pub level: u8,
    /// Where the port leads (D.2.16.5); 255 while the sender does not know.
    pub port_orientation: PortOrientation,
}

registry! {
    /// What the sender of a Topology Recognition TLV is (D.2.16.3).
    pub enum DeviceType: u8 {
        /// 0.
        EndStation = 0, "end-station";
        /// 1.
        Bridge = 1, "bridge";
        /// 2.
        Router = 2, "router";
    }
}

registry! {
    /// Where a port leads (D.2.16.5).
    pub enum PortOrientation: u8 {
        /// 0: away from the edge.
        Uplink = 0, "uplink";
        /// 1: towards the edge.
        Downlink = 1, "downlink";
        /// 2: to a system of the same level.
        Crosslink = 2, "crosslink";
    }
}

impl TopologyRecognition {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (device_type, level, port_orientation) = finish((be_u8, be_u8, be_u8).parse(value))?;
        Ok(TopologyRecognition {
            device_type: device_type.into(),
            level,
            port_orientation: port_orientation.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_network_is_read_whole_or_not_at_all() {
        let leaf = [1, 1, 0, 0xff];
        for length in 0..=leaf.len() {
            let read = TopologyRecognition::parse(&leaf[..length]);
            let expected = TopologyRecognition {
                device_type: DeviceType::Bridge,
                level: 1,
                port_orientation: PortOrientation::Uplink,
            };
            assert_eq!(read, if length < 3 { Err(Kind::Short) } else { Ok(expected) }, "{length}");
        }
    }

    #[test]
    fn what_the_sender_does_not_know_is_unknown() {
        let read = TopologyRecognition::parse(&[255; 3]).unwrap();
        assert_eq!((read.device_type, read.level), (DeviceType::Unknown(255), 255));
        assert_eq!(read.port_orientation.name(), "unknown");
    }
}
