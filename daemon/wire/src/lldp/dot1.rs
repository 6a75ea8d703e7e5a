//! TLVs of IEEE 802.1 (IEEE 802.1Q-2018, D.2; IEEE 802.1AX-2014, F.2).

use arrayvec::ArrayVec;
use nom::{
    Parser,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
};
use serde::Serialize;

use super::{LinkAggregation, Reading, entries, finish, once, push};
use crate::{Kind, Octets, Text, registry::registry};

mod bridging;
mod dcb;
mod topology;
pub use bridging::{Cdcp, ChannelMap, Evb, EvbMode, MAX_CHANNELS};
pub use dcb::{
    ApplicationPriority, CongestionNotification, Ets, EtsConfiguration, EtsRecommendation, PfcConfiguration,
    Selector, TransmissionSelection,
};
pub use topology::{DeviceType, PortOrientation, TopologyRecognition};

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x80, 0xc2];
/// Most port and protocol VLANs that are kept.
pub const MAX_PORT_PROTOCOL_VLANS: usize = 16;
/// Most VLAN names that are kept.
pub const MAX_VLAN_NAMES: usize = 64;
/// Most protocol identities that are kept.
pub const MAX_PROTOCOL_IDENTITIES: usize = 16;
/// Most octets of a VLAN's name (D.2.3.4).
pub const MAX_VLAN_NAME_LEN: usize = 32;
/// The largest VLAN identifier (IEEE 802.1Q-2018, 9.6).
pub const MAX_VID: u16 = 4094;
/// Most application priorities that are kept.
pub const MAX_APPLICATION_PRIORITIES: usize = 32;
/// Most application VLANs that are kept.
pub const MAX_APPLICATION_VLANS: usize = 32;

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Extension<'a> {
    /// Port VLAN ID (D.2.1): the VLAN of untagged frames, 0 where the port has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_vlan: Option<u16>,
    /// Port And Protocol VLAN IDs (D.2.2).
    pub port_protocol_vlans: ArrayVec<PortProtocolVlan, MAX_PORT_PROTOCOL_VLANS>,
    /// VLAN Names (D.2.3).
    pub vlan_names: ArrayVec<VlanName<'a>, MAX_VLAN_NAMES>,
    /// Protocol Identities (D.2.4): the first octets of the protocols that the port speaks.
    pub protocol_identities: ArrayVec<Octets<'a>, MAX_PROTOCOL_IDENTITIES>,
    /// VID Usage Digest (D.2.5): CRC of the table of VLANs in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vid_usage_digest: Option<u32>,
    /// Management VID (D.2.6), 0 where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_vlan: Option<u16>,
    /// Link Aggregation (IEEE 802.1AX-2014, F.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_aggregation: Option<LinkAggregation>,
    /// Congestion Notification (D.2.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_notification: Option<CongestionNotification>,
    /// ETS Configuration (D.2.8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ets_configuration: Option<EtsConfiguration>,
    /// ETS Recommendation (D.2.9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ets_recommendation: Option<EtsRecommendation>,
    /// Priority-based Flow Control Configuration (D.2.10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pfc_configuration: Option<PfcConfiguration>,
    /// Application Priority (D.2.11).
    pub application_priorities: ArrayVec<ApplicationPriority, MAX_APPLICATION_PRIORITIES>,
    /// Edge Virtual Bridging (D.2.12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evb: Option<Evb>,
    /// S-channel discovery and configuration (D.2.13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdcp: Option<Cdcp>,
    /// Application VLAN (D.2.14).
    pub application_vlans: ArrayVec<ApplicationVlan, MAX_APPLICATION_VLANS>,
    /// Topology Recognition (IEEE 802.1Qcz-2023, D.2.16).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology_recognition: Option<TopologyRecognition>,
}

/// A Port And Protocol VLAN ID (D.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PortProtocolVlan {
    /// The port can do it.
    pub supported: bool,
    /// It is in use.
    pub enabled: bool,
    /// The VLAN, or 0.
    pub vid: u16,
}

/// A VLAN Name (D.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VlanName<'a> {
    /// The VLAN.
    pub vid: u16,
    /// Its name.
    pub name: Text<'a>,
}

/// An Application VLAN (D.2.14): which VLAN the frames of an application go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ApplicationVlan {
    /// The VLAN.
    pub vid: u16,
    /// What the protocol is a number of.
    pub selector: Selector,
    /// The protocol.
    pub protocol: u16,
}

registry! {
    /// The TLVs (Table D-1). Those that are only named are kept as they were sent, until two sources agree on the
    /// place of each of their fields.
    pub enum Subtype: u8 {
        /// 1.
        PortVlanId = 1, "port-vlan-id";
        /// 2.
        PortAndProtocolVlanId = 2, "port-and-protocol-vlan-id";
        /// 3.
        VlanName = 3, "vlan-name";
        /// 4.
        ProtocolIdentity = 4, "protocol-identity";
        /// 5.
        VidUsageDigest = 5, "vid-usage-digest";
        /// 6.
        ManagementVid = 6, "management-vid";
        /// 7.
        LinkAggregation = 7, "link-aggregation";
        /// 8.
        CongestionNotification = 8, "congestion-notification";
        /// 9.
        EtsConfiguration = 9, "ets-configuration";
        /// 10.
        EtsRecommendation = 10, "ets-recommendation";
        /// 11.
        PfcConfiguration = 11, "pfc-configuration";
        /// 12.
        ApplicationPriority = 12, "application-priority";
        /// 13.
        Evb = 13, "evb";
        /// 14.
        Cdcp = 14, "cdcp";
        /// 15: a cascade port's priority and two addresses of a port extender (IEEE 802.1BR-2012, B.2); only named.
        PortExtension = 15, "port-extension";
        /// 16.
        ApplicationVlan = 16, "application-vlan";
        /// 17 (IEEE 802.1CS-2020, C.2.1); only named.
        LrpEcpDiscovery = 17, "lrp-ecp-discovery";
        /// 18 (IEEE 802.1CS-2020, C.2.2); only named.
        LrpTcpDiscovery = 18, "lrp-tcp-discovery";
        /// 19 (IEEE 802.1Qcz-2023, D.2.15); only named.
        CongestionIsolation = 19, "congestion-isolation";
        /// 20 (IEEE 802.1Qcz-2023, D.2.16).
        TopologyRecognition = 20, "topology-recognition";
    }
}

impl<'a> Extension<'a> {
    pub(super) fn read(&mut self, subtype: u8, value: &'a [u8]) -> Result<Reading, Kind> {
        match Subtype::from(subtype) {
            Subtype::PortVlanId => {
                once(&mut self.port_vlan, vid(finish(be_u16.parse(value))?)?)?;
            }
            Subtype::PortAndProtocolVlanId => {
                let (flags, id) = finish((be_u8, be_u16).parse(value))?;
                let vlan = PortProtocolVlan {
                    supported: flags & 0x02 != 0,
                    enabled: flags & 0x04 != 0,
                    vid: vid(id)?,
                };
                // Each is of another VLAN (D.2.2, D.2.3): the first counts.
                if self.port_protocol_vlans.iter().any(|known| known.vid == vlan.vid) {
                    return Err(Kind::Duplicate);
                }
                return Ok(push(&mut self.port_protocol_vlans, vlan));
            }
            Subtype::VlanName => {
                let (id, name) = finish((be_u16, length_data(be_u8)).parse(value))?;
                if name.len() > MAX_VLAN_NAME_LEN {
                    return Err(Kind::Length);
                }
                let vlan = VlanName { vid: vid(id)?, name: Text(name) };
                if self.vlan_names.iter().any(|known| known.vid == vlan.vid) {
                    return Err(Kind::Duplicate);
                }
                return Ok(push(&mut self.vlan_names, vlan));
            }
            Subtype::ProtocolIdentity => {
                let protocol = finish(length_data(be_u8).parse(value))?;
                return Ok(push(&mut self.protocol_identities, Octets(protocol)));
            }
            Subtype::VidUsageDigest => {
                once(&mut self.vid_usage_digest, finish(be_u32.parse(value))?)?;
            }
            Subtype::ManagementVid => {
                once(&mut self.management_vlan, vid(finish(be_u16.parse(value))?)?)?;
            }
            Subtype::LinkAggregation => {
                once(&mut self.link_aggregation, LinkAggregation::parse(value)?)?;
            }
            Subtype::CongestionNotification => {
                once(&mut self.congestion_notification, CongestionNotification::parse(value)?)?;
            }
            Subtype::EtsConfiguration => {
                once(&mut self.ets_configuration, EtsConfiguration::parse(value)?)?;
            }
            Subtype::EtsRecommendation => {
                once(&mut self.ets_recommendation, EtsRecommendation::parse(value)?)?;
            }
            Subtype::PfcConfiguration => {
                once(&mut self.pfc_configuration, PfcConfiguration::parse(value)?)?;
            }
            Subtype::ApplicationPriority => {
                let (_reserved, table) = value.split_first().ok_or(Kind::Short)?;
                return entries(&mut self.application_priorities, table, ApplicationPriority::from);
            }
            Subtype::Evb => {
                once(&mut self.evb, Evb::parse(value)?)?;
            }
            Subtype::Cdcp => {
                let (cdcp, reading) = Cdcp::parse(value)?;
                once(&mut self.cdcp, cdcp)?;
                return reading;
            }
            Subtype::ApplicationVlan => {
                return entries(&mut self.application_vlans, value, ApplicationVlan::from);
            }
            Subtype::TopologyRecognition => {
                once(&mut self.topology_recognition, TopologyRecognition::parse(value)?)?;
            }
            Subtype::PortExtension
            | Subtype::LrpEcpDiscovery
            | Subtype::LrpTcpDiscovery
            | Subtype::CongestionIsolation
            | Subtype::Unknown(_) => return Ok(Reading::Unknown),
        }
        Ok(Reading::Used)
    }
}

impl From<&[u8; 4]> for ApplicationVlan {
    fn from(&[v0, v1, p0, p1]: &[u8; 4]) -> Self {
        ApplicationVlan {
            vid: u16::from_be_bytes([v0, v1]) >> 4,
            selector: (v1 & 0x07).into(),
            protocol: u16::from_be_bytes([p0, p1]),
        }
    }
}

fn vid(id: u16) -> Result<u16, Kind> {
    if id <= MAX_VID { Ok(id) } else { Err(Kind::Value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lldp::PortType;

    fn read(tlvs: &[(u8, &'static [u8])]) -> (Extension<'static>, Option<Kind>) {
        let mut extension = Extension::default();
        let mut first = None;
        for (subtype, value) in tlvs {
            first = first.or(extension.read(*subtype, value).err());
        }
        (extension, first)
    }

    #[test]
    fn every_tlv_is_read() {
        let (extension, fault) = read(&[
            (1, &[0, 10]),
            (2, &[6, 0, 20]),
            (3, &[0, 30, 5, b'v', b'o', b'i', b'c', b'e']),
            (4, &[2, 0x88, 0x8e]),
            (6, &[0, 99]),
            (5, &[1, 2, 3, 4]),
            (7, &[3, 0, 0, 0, 5]),
            (16, &[0x06, 0x43, 0x13, 0xc4]),
        ]);
        assert_eq!(fault, None);
        assert_eq!((extension.port_vlan, extension.management_vlan), (Some(10), Some(99)));
        assert_eq!(
            extension.port_protocol_vlans[..],
            [PortProtocolVlan { supported: true, enabled: true, vid: 20 }]
        );
        assert_eq!(extension.vlan_names[..], [VlanName { vid: 30, name: Text(b"voice") }]);
        assert_eq!(extension.vid_usage_digest, Some(0x0102_0304));
        assert_eq!(
            extension.application_vlans[..],
            [ApplicationVlan { vid: 100, selector: Selector::UdpPort, protocol: 5060 }]
        );
        assert_eq!(extension.protocol_identities[..], [Octets(&[0x88, 0x8e])]);
        assert_eq!(
            extension.link_aggregation,
            Some(LinkAggregation { capable: true, enabled: true, port_type: PortType::None, port_id: 5 })
        );
    }

    #[test]
    fn a_vlan_name_beyond_its_tlv_or_its_limit_is_refused() {
        assert_eq!(read(&[(3, &[0, 30, 6, b'v'])]).1, Some(Kind::Short));
        static LONG: [u8; 36] = {
            let mut l = [b'x'; 36];
            l[0] = 0;
            l[2] = 33;
            l
        };
        assert_eq!(read(&[(3, &LONG)]).1, Some(Kind::Length));
    }

    #[test]
    fn a_vlan_that_cannot_be_is_refused() {
        assert_eq!(read(&[(1, &[0xff, 0xff])]).1, Some(Kind::Value));
    }

    #[test]
    fn the_first_of_two_port_vlans_counts() {
        let (extension, fault) = read(&[(1, &[0, 1]), (1, &[0, 2])]);
        assert_eq!((extension.port_vlan, fault), (Some(1), Some(Kind::Duplicate)));
    }

    #[test]
    fn the_first_of_two_names_of_a_vlan_counts() {
        let (extension, fault) =
            read(&[(3, &[0, 30, 1, b'a']), (3, &[0, 31, 1, b'a']), (3, &[0, 30, 1, b'b'])]);
        assert_eq!((extension.vlan_names.len(), fault), (2, Some(Kind::Duplicate)));
        assert_eq!(extension.vlan_names[0].name, Text(b"a"));
        let (extension, fault) = read(&[(2, &[6, 0, 20]), (2, &[2, 0, 20])]);
        assert_eq!((extension.port_protocol_vlans.len(), fault), (1, Some(Kind::Duplicate)));
    }

    #[test]
    fn application_priorities_are_bounded_and_their_rest_is_named() {
        static TABLE: [u8; 1 + 3 * 40] = [0x61; 1 + 3 * 40];
        let mut extension = Extension::default();
        assert!(matches!(extension.read(12, &TABLE), Ok(Reading::Omitted(8))));
        assert_eq!(extension.application_priorities.len(), MAX_APPLICATION_PRIORITIES);
        assert_eq!(extension.read(12, &TABLE).err(), Some(Kind::Duplicate));
        let (extension, fault) = read(&[(12, &[0, 0x61, 0x89, 0x06, 0x84])]);
        assert_eq!((extension.application_priorities.len(), fault), (1, Some(Kind::Length)));
        assert_eq!(read(&[(12, &[])]).1, Some(Kind::Short));
    }

    #[test]
    fn a_tlv_that_is_only_named_is_unknown() {
        for subtype in [0, 15, 17, 18, 19, 21] {
            assert!(matches!(Extension::default().read(subtype, &[0; 40]), Ok(Reading::Unknown)));
        }
    }
}
