//! TLVs of IEEE 802.3 (IEEE 802.3-2022, 79.3).

use nom::{
    Parser,
    number::complete::{be_u8, be_u16},
};
use serde::Serialize;

use super::{LinkAggregation, Parsed, Reading, finish, once};
use crate::{Kind, registry::registry};

mod measurements;
mod power;
pub use measurements::{MEASUREMENTS_LEN, Measurements};
pub use power::{
    DataLink, MAX_POWER_VALUE, POWER_UNIT_MW, PdPoweredStatus, Power, PowerPairs, PowerPairsExt, PowerType,
    PowerTypeExt, PsePoweringStatus, Type34,
};

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x12, 0x0f];

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Extension<'a> {
    /// MAC/PHY Configuration/Status (79.3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_phy: Option<MacPhy>,
    /// Power Via MDI (79.3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// Link Aggregation (79.3.3), replaced by the TLV of IEEE 802.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_aggregation: Option<LinkAggregation>,
    /// Maximum Frame Size (79.3.4), in octets, with header and FCS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_frame_size: Option<u16>,
    /// Energy-Efficient Ethernet (79.3.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eee: Option<Eee>,
    /// Energy-Efficient Ethernet fast wake (79.3.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eee_fast_wake: Option<EeeFastWake>,
    /// Additional Ethernet Capabilities (79.3.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_capabilities: Option<AdditionalCapabilities>,
    /// Power Via MDI Measurements (79.3.8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_measurements: Option<Measurements<'a>>,
}

/// MAC/PHY Configuration/Status (79.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MacPhy {
    /// The port can negotiate.
    pub autonegotiation_supported: bool,
    /// The port does negotiate.
    pub autonegotiation_enabled: bool,
    /// What it advertises.
    pub advertised: Advertised,
    /// What it runs: the number in dot3MauType (RFC 4836 and IANA).
    pub mau_type: u16,
}

/// What a port advertises: ifMauAutoNegCapAdvertisedBits (RFC 4836), its bit 0 being the most significant one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Advertised(pub u16);

impl Advertised {
    /// Other or unknown.
    pub const OTHER: Advertised = Advertised(0x8000);
    /// 10BASE-T half duplex.
    pub const BASE10_T: Advertised = Advertised(0x4000);
    /// 10BASE-T full duplex.
    pub const BASE10_T_FD: Advertised = Advertised(0x2000);
    /// 100BASE-T4.
    pub const BASE100_T4: Advertised = Advertised(0x1000);
    /// 100BASE-TX half duplex.
    pub const BASE100_TX: Advertised = Advertised(0x0800);
    /// 100BASE-TX full duplex.
    pub const BASE100_TX_FD: Advertised = Advertised(0x0400);
    /// 100BASE-T2 half duplex.
    pub const BASE100_T2: Advertised = Advertised(0x0200);
    /// 100BASE-T2 full duplex.
    pub const BASE100_T2_FD: Advertised = Advertised(0x0100);
    /// PAUSE.
    pub const PAUSE: Advertised = Advertised(0x0080);
    /// Asymmetric PAUSE.
    pub const ASYMMETRIC_PAUSE: Advertised = Advertised(0x0040);
    /// Symmetric PAUSE.
    pub const SYMMETRIC_PAUSE: Advertised = Advertised(0x0020);
    /// Asymmetric and symmetric PAUSE.
    pub const BOTH_PAUSE: Advertised = Advertised(0x0010);
    /// 1000BASE-X half duplex.
    pub const BASE1000_X: Advertised = Advertised(0x0008);
    /// 1000BASE-X full duplex.
    pub const BASE1000_X_FD: Advertised = Advertised(0x0004);
    /// 1000BASE-T half duplex.
    pub const BASE1000_T: Advertised = Advertised(0x0002);
    /// 1000BASE-T full duplex.
    pub const BASE1000_T_FD: Advertised = Advertised(0x0001);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub fn contains(self, other: Advertised) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Energy-Efficient Ethernet wake times, in microseconds (79.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Eee {
    /// Transmit.
    pub transmit_wake: u16,
    /// Receive.
    pub receive_wake: u16,
    /// Receive, as a fallback.
    pub fallback_receive_wake: u16,
    /// The partner's transmit time, as it was received.
    pub echo_transmit_wake: u16,
    /// The partner's receive time, as it was received.
    pub echo_receive_wake: u16,
}

/// Energy-Efficient Ethernet fast wake: 1 to use it, 0 for deep sleep (79.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EeeFastWake {
    /// Transmit.
    pub transmit: u8,
    /// Receive.
    pub receive: u8,
    /// The partner's transmit value, as it was received.
    pub echo_transmit: u8,
    /// The partner's receive value, as it was received.
    pub echo_receive: u8,
}

/// Additional Ethernet Capabilities: frame preemption (79.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AdditionalCapabilities {
    /// The port can preempt frames.
    pub preemption_supported: bool,
    /// The port may preempt frames.
    pub preemption_enabled: bool,
    /// The port does preempt frames.
    pub preemption_active: bool,
    /// Smallest fragment that it receives: 64 octets and so many times 64 more, without 4.
    pub additional_fragment_size: u8,
}

registry! {
    /// The TLVs (Table 79-1).
    pub enum Subtype: u8 {
        /// 1.
        MacPhy = 1, "mac-phy-configuration-status";
        /// 2.
        PowerViaMdi = 2, "power-via-mdi";
        /// 3.
        LinkAggregation = 3, "link-aggregation";
        /// 4.
        MaximumFrameSize = 4, "maximum-frame-size";
        /// 5.
        EnergyEfficientEthernet = 5, "energy-efficient-ethernet";
        /// 6.
        EeeFastWake = 6, "eee-fast-wake";
        /// 7.
        AdditionalCapabilities = 7, "additional-ethernet-capabilities";
        /// 8.
        PowerMeasurements = 8, "power-via-mdi-measurements";
    }
}

impl<'a> Extension<'a> {
    pub(super) fn read(&mut self, subtype: u8, value: &'a [u8]) -> Result<Reading, Kind> {
        match Subtype::from(subtype) {
            Subtype::MacPhy => {
                once(&mut self.mac_phy, finish(mac_phy(value))?)?;
            }
            Subtype::PowerViaMdi => {
                let (power, rest) = Power::parse(value)?;
                once(&mut self.power, power)?;
                rest?;
            }
            Subtype::LinkAggregation => {
                once(&mut self.link_aggregation, LinkAggregation::parse(value)?)?;
            }
            Subtype::MaximumFrameSize => {
                once(&mut self.max_frame_size, finish(be_u16.parse(value))?)?;
            }
            Subtype::EnergyEfficientEthernet => {
                once(&mut self.eee, finish(eee(value))?)?;
            }
            Subtype::EeeFastWake => {
                once(&mut self.eee_fast_wake, finish(eee_fast_wake(value))?)?;
            }
            Subtype::AdditionalCapabilities => {
                once(&mut self.additional_capabilities, finish(be_u16.parse(value))?.into())?;
            }
            Subtype::PowerMeasurements => {
                once(&mut self.power_measurements, Measurements::parse(value)?)?;
            }
            Subtype::Unknown(_) => return Ok(Reading::Unknown),
        }
        Ok(Reading::Used)
    }
}

impl From<u16> for AdditionalCapabilities {
    fn from(value: u16) -> Self {
        let [_, low] = value.to_be_bytes();
        AdditionalCapabilities {
            preemption_supported: low & 0x01 != 0,
            preemption_enabled: low & 0x02 != 0,
            preemption_active: low & 0x04 != 0,
            additional_fragment_size: (low >> 3) & 0x03,
        }
    }
}

fn mac_phy(input: &[u8]) -> Parsed<'_, MacPhy> {
    let (input, (status, advertised, mau_type)) = (be_u8, be_u16, be_u16).parse(input)?;
    let mac_phy = MacPhy {
        autonegotiation_supported: status & 0x01 != 0,
        autonegotiation_enabled: status & 0x02 != 0,
        advertised: Advertised(advertised),
        mau_type,
    };
    Ok((input, mac_phy))
}

fn eee(input: &[u8]) -> Parsed<'_, Eee> {
    let (input, (transmit_wake, receive_wake, fallback_receive_wake)) =
        (be_u16, be_u16, be_u16).parse(input)?;
    let (input, (echo_transmit_wake, echo_receive_wake)) = (be_u16, be_u16).parse(input)?;
    Ok((
        input,
        Eee { transmit_wake, receive_wake, fallback_receive_wake, echo_transmit_wake, echo_receive_wake },
    ))
}

fn eee_fast_wake(input: &[u8]) -> Parsed<'_, EeeFastWake> {
    let (input, (transmit, receive, echo_transmit, echo_receive)) =
        (be_u8, be_u8, be_u8, be_u8).parse(input)?;
    Ok((input, EeeFastWake { transmit, receive, echo_transmit, echo_receive }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subtype: u8, value: &[u8]) -> Result<Extension<'_>, Kind> {
        let mut extension = Extension::default();
        extension.read(subtype, value).map(|_| extension)
    }

    #[test]
    fn mac_phy_status_is_read() {
        let mac_phy = read(1, &[3, 0x6c, 0x01, 0, 30]).unwrap().mac_phy.unwrap();
        assert!(mac_phy.autonegotiation_supported && mac_phy.autonegotiation_enabled);
        assert_eq!((mac_phy.advertised, mac_phy.mau_type), (Advertised(0x6c01), 30));
        assert!(mac_phy.advertised.contains(Advertised::BASE1000_T_FD));
        assert!(!mac_phy.advertised.contains(Advertised::BASE100_T4));
    }

    #[test]
    fn frame_size_aggregation_and_eee_are_read() {
        assert_eq!(read(4, &[0x05, 0xee]).unwrap().max_frame_size, Some(1518));
        assert!(read(3, &[1, 0, 0, 0, 0]).unwrap().link_aggregation.is_some_and(|l| l.capable && !l.enabled));
        let eee = read(5, &[0, 1, 0, 2, 0, 3, 0, 4, 0, 5]).unwrap().eee.unwrap();
        assert_eq!((eee.transmit_wake, eee.echo_receive_wake), (1, 5));
        let fast_wake = read(6, &[1, 0, 1, 0]).unwrap().eee_fast_wake.unwrap();
        assert_eq!((fast_wake.transmit, fast_wake.receive, fast_wake.echo_transmit), (1, 0, 1));
    }

    #[test]
    fn preemption_is_read_from_its_bits() {
        let capabilities = read(7, &[0, 0x15]).unwrap().additional_capabilities.unwrap();
        assert!(capabilities.preemption_supported && !capabilities.preemption_enabled);
        assert!(capabilities.preemption_active);
        assert_eq!(capabilities.additional_fragment_size, 2);
    }

    #[test]
    fn a_value_shorter_than_its_fields_is_refused() {
        for (subtype, length) in [(1, 5), (2, 3), (3, 5), (4, 2), (5, 10), (6, 4), (7, 2), (8, 22)] {
            assert_eq!(read(subtype, &[0; 22][..length - 1]), Err(Kind::Short));
            assert!(read(subtype, &[0; 22][..length]).is_ok());
        }
    }
}
