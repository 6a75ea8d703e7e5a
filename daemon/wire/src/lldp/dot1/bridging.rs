//! TLVs of edge virtual bridging (IEEE 802.1Q-2018, D.2.12 and D.2.13).

use arrayvec::ArrayVec;
use nom::{
    Parser,
    combinator::rest,
    number::complete::{be_u8, be_u32},
};
use serde::Serialize;

use super::super::{Reading, entries, finish};
use crate::{Kind, registry::registry};

/// Most S-channels that are kept.
pub const MAX_CHANNELS: usize = 32;

/// Edge Virtual Bridging (D.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Evb {
    /// The bridge identifies groups.
    pub bridge_group_id: bool,
    /// The bridge can do reflective relay.
    pub reflective_relay_capable: bool,
    /// The bridge does reflective relay.
    pub reflective_relay_enabled: bool,
    /// The station identifies groups.
    pub station_group_id: bool,
    /// The station asks for reflective relay.
    pub reflective_relay_requested: bool,
    /// Reflective relay as the station sees it: 0 off, 1 on, 2 not known.
    pub reflective_relay_status: u8,
    /// Most retries of the edge control protocol.
    pub max_retries: u8,
    /// Exponent of its retransmission time, in units of 10 microseconds.
    pub retransmission_exponent: u8,
    /// What the sender is.
    pub mode: EvbMode,
    /// The exponents below were taken over from the peer: of the first, of the second.
    pub local_or_remote: [bool; 2],
    /// Exponent of the time that a resource is waited for.
    pub resource_wait_delay: u8,
    /// Exponent of the time between keep-alives.
    pub reinit_keep_alive: u8,
}

registry! {
    /// What the sender of an Edge Virtual Bridging TLV is (D.2.12.7).
    pub enum EvbMode: u8 {
        /// 0.
        NotSupported = 0, "not-supported";
        /// 1.
        Bridge = 1, "evb-bridge";
        /// 2.
        Station = 2, "evb-station";
    }
}

/// S-channel discovery and configuration (D.2.13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cdcp {
    /// Role bit: what the sender is to the other end.
    pub role: u8,
    /// It has an S-VLAN component.
    pub s_vlan_component: bool,
    /// S-channels that it can have.
    pub channel_capacity: u16,
    /// The S-channels.
    pub channels: ArrayVec<ChannelMap, MAX_CHANNELS>,
}

/// An S-channel (D.2.13.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelMap {
    /// S-channel identifier.
    pub scid: u16,
    /// Its S-VLAN; 0 while it is asked for.
    pub svid: u16,
}

impl Evb {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (bridge, station, retries, mode, keep_alive) =
            finish((be_u8, be_u8, be_u8, be_u8, be_u8).parse(value))?;
        Ok(Evb {
            bridge_group_id: bridge & 0x04 != 0,
            reflective_relay_capable: bridge & 0x02 != 0,
            reflective_relay_enabled: bridge & 0x01 != 0,
            station_group_id: station & 0x08 != 0,
            reflective_relay_requested: station & 0x04 != 0,
            reflective_relay_status: station & 0x03,
            max_retries: retries >> 5,
            retransmission_exponent: retries & 0x1f,
            mode: (mode >> 6).into(),
            local_or_remote: [mode & 0x20 != 0, keep_alive & 0x20 != 0],
            resource_wait_delay: mode & 0x1f,
            reinit_keep_alive: keep_alive & 0x1f,
        })
    }
}

impl Cdcp {
    /// Reads the TLV. A channel that is cut does not hide the others.
    pub(super) fn parse(value: &[u8]) -> Result<(Self, Result<Reading, Kind>), Kind> {
        let (flags, table) = finish((be_u32, rest).parse(value))?;
        let [role, _, c0, c1] = flags.to_be_bytes();
        let mut cdcp = Cdcp {
            role: role >> 7,
            s_vlan_component: role & 0x08 != 0,
            channel_capacity: u16::from_be_bytes([c0, c1]) & 0x0fff,
            channels: ArrayVec::new(),
        };
        let reading = entries(&mut cdcp.channels, table, ChannelMap::from);
        Ok((cdcp, reading))
    }
}

impl From<&[u8; 3]> for ChannelMap {
    fn from(&[s0, s1, s2]: &[u8; 3]) -> Self {
        ChannelMap { scid: u16::from_be_bytes([s0, s1]) >> 4, svid: u16::from_be_bytes([s1, s2]) & 0x0fff }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_virtual_bridging_is_read_from_its_bits() {
        let evb = Evb::parse(&[0x03, 0x05, 0x6e, 0x54, 0x34]).unwrap();
        assert!(!evb.bridge_group_id && evb.reflective_relay_capable && evb.reflective_relay_enabled);
        assert!(!evb.station_group_id && evb.reflective_relay_requested);
        assert_eq!((evb.reflective_relay_status, evb.max_retries, evb.retransmission_exponent), (1, 3, 14));
        assert_eq!((evb.mode, evb.local_or_remote), (EvbMode::Bridge, [false, true]));
        assert_eq!((evb.resource_wait_delay, evb.reinit_keep_alive), (20, 20));
        assert_eq!(Evb::parse(&[0; 4]), Err(Kind::Short));
    }

    #[test]
    fn channels_are_read_and_their_rest_is_named() {
        let (cdcp, reading) = Cdcp::parse(&[0x88, 0, 0, 167, 0, 0x10, 0x01, 0, 0x20, 0x64, 0xff]).unwrap();
        assert!(cdcp.role == 1 && cdcp.s_vlan_component);
        assert_eq!(cdcp.channel_capacity, 167);
        assert_eq!(cdcp.channels[..], [ChannelMap { scid: 1, svid: 1 }, ChannelMap { scid: 2, svid: 100 }]);
        assert_eq!(reading.err(), Some(Kind::Length));
    }

    #[test]
    fn channels_are_bounded() {
        let mut bytes = vec![0; 4];
        bytes.extend([0, 0x10, 1].repeat(40));
        let (cdcp, reading) = Cdcp::parse(&bytes).unwrap();
        assert_eq!(cdcp.channels.len(), MAX_CHANNELS);
        assert!(matches!(reading, Ok(Reading::Omitted(8))));
        assert!(Cdcp::parse(&bytes[..3]).is_err());
    }
}
