//! TLVs of data center bridging (IEEE 802.1Q-2018, D.2.7 to D.2.11).

use nom::{Parser, bytes::complete::take, number::complete::be_u8};
use serde::Serialize;

use super::super::{Parsed, finish};
use crate::{Kind, registry::registry};

/// Congestion Notification (D.2.7). Bit n of each field stands for priority n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CongestionNotification {
    /// The priority is one of congestion notification.
    pub cnpv_indicators: u8,
    /// The port's defences are set up for the priority.
    pub ready_indicators: u8,
}

/// ETS Configuration (D.2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EtsConfiguration {
    /// The port takes over what its peer recommends.
    pub willing: bool,
    /// The port has the credit-based shaper.
    pub credit_based_shaper: bool,
    /// Traffic classes that it can have; 0 stands for 8.
    pub max_traffic_classes: u8,
    /// How traffic is scheduled.
    #[serde(flatten)]
    pub table: Ets,
}

/// ETS Recommendation (D.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EtsRecommendation {
    /// How traffic should be scheduled.
    #[serde(flatten)]
    pub table: Ets,
}

/// How traffic is scheduled (D.2.8.4 to D.2.8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ets {
    /// The traffic class of priorities 0 to 7.
    pub priority_assignment: [u8; 8],
    /// Per cent of the bandwidth for traffic classes 0 to 7.
    pub bandwidth: [u8; 8],
    /// The algorithm of traffic classes 0 to 7.
    pub transmission_selection: [TransmissionSelection; 8],
}

registry! {
    /// Transmission selection algorithms (IEEE 802.1Q-2018, Table 8-6).
    pub enum TransmissionSelection: u8 {
        /// 0.
        StrictPriority = 0, "strict-priority";
        /// 1.
        CreditBasedShaper = 1, "credit-based-shaper";
        /// 2.
        EnhancedTransmissionSelection = 2, "enhanced-transmission-selection";
        /// 255.
        VendorSpecific = 255, "vendor-specific";
    }
}

/// Priority-based Flow Control Configuration (D.2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PfcConfiguration {
    /// The port takes over the configuration of its peer.
    pub willing: bool,
    /// The port cannot do it with MACsec on, unless MACsec is bypassed.
    pub macsec_bypass: bool,
    /// Traffic classes that can have it at a time.
    pub capability: u8,
    /// The priorities that have it: bit n stands for priority n.
    pub enabled: u8,
}

/// An entry of the Application Priority TLV (D.2.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ApplicationPriority {
    /// The priority.
    pub priority: u8,
    /// What the protocol is a number of.
    pub selector: Selector,
    /// The protocol.
    pub protocol: u16,
}

registry! {
    /// What a protocol is a number of (D.2.11.5).
    pub enum Selector: u8 {
        /// 1: an Ethertype, or 0 for the default priority.
        Ethertype = 1, "ethertype";
        /// 2: a port over TCP or SCTP.
        TcpPort = 2, "tcp-or-sctp-port";
        /// 3: a port over UDP or DCCP.
        UdpPort = 3, "udp-or-dccp-port";
        /// 4: a port over TCP, SCTP, UDP or DCCP.
        Port = 4, "port";
        /// 5: a differentiated services code point.
        Dscp = 5, "dscp";
    }
}

impl CongestionNotification {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (cnpv_indicators, ready_indicators) = finish((be_u8, be_u8).parse(value))?;
        Ok(CongestionNotification { cnpv_indicators, ready_indicators })
    }
}

impl EtsConfiguration {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (flags, table) = finish((be_u8, ets).parse(value))?;
        Ok(EtsConfiguration {
            willing: flags & 0x80 != 0,
            credit_based_shaper: flags & 0x40 != 0,
            max_traffic_classes: flags & 0x07,
            table,
        })
    }
}

impl EtsRecommendation {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (_reserved, table) = finish((be_u8, ets).parse(value))?;
        Ok(EtsRecommendation { table })
    }
}

impl PfcConfiguration {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (flags, enabled) = finish((be_u8, be_u8).parse(value))?;
        Ok(PfcConfiguration {
            willing: flags & 0x80 != 0,
            macsec_bypass: flags & 0x40 != 0,
            capability: flags & 0x0f,
            enabled,
        })
    }
}

impl From<&[u8; 3]> for ApplicationPriority {
    fn from(&[flags, p0, p1]: &[u8; 3]) -> Self {
        ApplicationPriority {
            priority: flags >> 5,
            selector: (flags & 0x07).into(),
            protocol: u16::from_be_bytes([p0, p1]),
        }
    }
}

fn ets(input: &[u8]) -> Parsed<'_, Ets> {
    let (input, (assignment, bandwidth, selection)) =
        (take(4usize), take(8usize), take(8usize)).parse(input)?;
    let mut table = Ets {
        priority_assignment: [0; 8],
        bandwidth: [0; 8],
        transmission_selection: [TransmissionSelection::StrictPriority; 8],
    };
    let nibbles = assignment.iter().flat_map(|pair| [pair >> 4, pair & 0x0f]);
    table.priority_assignment.iter_mut().zip(nibbles).for_each(|(place, class)| *place = class);
    table.bandwidth.iter_mut().zip(bandwidth).for_each(|(place, percent)| *place = *percent);
    table
        .transmission_selection
        .iter_mut()
        .zip(selection)
        .for_each(|(place, algorithm)| *place = TransmissionSelection::from(*algorithm));
    Ok((input, table))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [u8; 20] = [0x01, 0x23, 0x45, 0x67, 10, 20, 30, 40, 0, 0, 0, 0, 2, 2, 2, 2, 0, 1, 255, 9];

    #[test]
    fn the_table_of_a_scheduler_is_read() {
        let bytes = [&[0xc3][..], &TABLE].concat();
        let ets = EtsConfiguration::parse(&bytes).unwrap();
        assert!(ets.willing && ets.credit_based_shaper);
        assert_eq!(ets.max_traffic_classes, 3);
        assert_eq!(ets.table.priority_assignment, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(ets.table.bandwidth, [10, 20, 30, 40, 0, 0, 0, 0]);
        let [first, .., shaper, vendor, unknown] = ets.table.transmission_selection;
        assert_eq!(first, TransmissionSelection::EnhancedTransmissionSelection);
        assert_eq!(shaper, TransmissionSelection::CreditBasedShaper);
        assert_eq!(vendor, TransmissionSelection::VendorSpecific);
        assert_eq!(unknown, TransmissionSelection::Unknown(9));
        assert_eq!(EtsRecommendation::parse(&bytes).unwrap().table, ets.table);
        assert_eq!(EtsConfiguration::parse(&bytes[..20]), Err(Kind::Short));
    }

    #[test]
    fn flow_control_and_congestion_are_read_from_their_bits() {
        let pfc = PfcConfiguration::parse(&[0x84, 0x08]).unwrap();
        assert!(pfc.willing && !pfc.macsec_bypass);
        assert_eq!((pfc.capability, pfc.enabled), (4, 8));
        assert_eq!(PfcConfiguration::parse(&[0x84]), Err(Kind::Short));
        let notification = CongestionNotification::parse(&[0x10, 0x20]).unwrap();
        assert_eq!((notification.cnpv_indicators, notification.ready_indicators), (0x10, 0x20));
    }

    #[test]
    fn an_application_priority_is_read_from_its_bits() {
        assert_eq!(
            ApplicationPriority::from(&[0x61, 0x89, 0x06]),
            ApplicationPriority { priority: 3, selector: Selector::Ethertype, protocol: 0x8906 }
        );
    }
}
