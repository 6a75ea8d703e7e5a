//! TLVs of IEEE 802.3 (IEEE 802.3-2018, 79.3, with IEEE 802.3bt-2018).

use nom::{
    Parser,
    combinator::opt,
    number::complete::{be_u8, be_u16, be_u24},
};

use super::{LinkAggregation, Parsed, Reading, finish, once};
use crate::Kind;

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x12, 0x0f];
/// Milliwatts in the unit of all power values (79.3.2).
pub const POWER_UNIT_MW: u32 = 100;
/// Largest power value that means a power: 99.9 W (79.3.2.6).
pub const MAX_POWER_VALUE: u16 = 999;

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extension {
    /// MAC/PHY Configuration/Status (79.3.1).
    pub mac_phy: Option<MacPhy>,
    /// Power Via MDI (79.3.2).
    pub power: Option<Power>,
    /// Link Aggregation (79.3.3), replaced by the TLV of IEEE 802.1.
    pub link_aggregation: Option<LinkAggregation>,
    /// Maximum Frame Size (79.3.4), in octets, with header and FCS.
    pub max_frame_size: Option<u16>,
    /// Energy-Efficient Ethernet (79.3.5).
    pub eee: Option<Eee>,
}

/// MAC/PHY Configuration/Status (79.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacPhy {
    /// The port can negotiate.
    pub autonegotiation_supported: bool,
    /// The port does negotiate.
    pub autonegotiation_enabled: bool,
    /// What it advertises: ifMauAutoNegCapAdvertisedBits (RFC 4836).
    pub advertised: u16,
    /// What it runs: the number in dot3MauType (RFC 4836 and IANA).
    pub mau_type: u16,
}

/// Power Via MDI (79.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    /// The port gives power (PSE); otherwise it takes power (PD).
    pub is_pse: bool,
    /// The PSE can give power.
    pub supported: bool,
    /// The PSE does give power.
    pub enabled: bool,
    /// The PSE can choose the pairs.
    pub pairs_selectable: bool,
    /// The pairs in use: 1 signal, 2 spare.
    pub pairs: u8,
    /// Power class plus one: 1 for class 0 to 5 for class 4.
    pub class: u8,
    /// Classification by data link (IEEE 802.3at and later).
    pub data_link: Option<DataLink>,
    /// Power over four pairs (IEEE 802.3bt).
    pub four_pair: Option<FourPair>,
}

/// Classification by data link (79.3.2.4 to 79.3.2.6). Power values are in units of [`POWER_UNIT_MW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataLink {
    /// 0 type 2 PSE, 1 type 2 PD, 2 type 1 PSE, 3 type 1 PD.
    pub power_type: u8,
    /// 0 unknown; of a PSE 1 primary, 2 backup; of a PD 1 PSE, 2 local, 3 both.
    pub source: u8,
    /// The PD takes power over all four pairs.
    pub four_pair: bool,
    /// 0 unknown, 1 critical, 2 high, 3 low.
    pub priority: u8,
    /// PD requested power value.
    pub requested: u16,
    /// PSE allocated power value.
    pub allocated: u16,
}

/// Power over four pairs (79.3.2.7 to 79.3.2.13). Power values are in units of [`POWER_UNIT_MW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FourPair {
    /// Power that a dual-signature PD requests on mode A.
    pub requested_mode_a: u16,
    /// Power that a dual-signature PD requests on mode B.
    pub requested_mode_b: u16,
    /// Power that the PSE allocates to alternative A.
    pub allocated_alternative_a: u16,
    /// Power that the PSE allocates to alternative B.
    pub allocated_alternative_b: u16,
    /// Power status: how both ends are powered, pairs and classes.
    pub status: u16,
    /// System setup: power type and whether the PD is electrically isolated.
    pub system_setup: u8,
    /// Most power that the PSE can give.
    pub maximum_available: u16,
    /// Autoclass support and request.
    pub autoclass: u8,
    /// Power down request (6 bits) and time in seconds (18 bits).
    pub power_down: u32,
}

/// Energy-Efficient Ethernet wake times, in microseconds (79.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Power {
    /// Power allocated to the PD in milliwatts: the PSE allocated power value or, for a
    /// dual-signature PD that has none, the sum of both alternatives. `None` without data link
    /// classification, or when nothing is allocated.
    #[must_use]
    pub fn allocated_mw(&self) -> Option<u32> {
        let whole = self.data_link.and_then(|d| milliwatts(d.allocated));
        whole.or_else(|| {
            let four_pair = self.four_pair?;
            let a = milliwatts(four_pair.allocated_alternative_a);
            let b = milliwatts(four_pair.allocated_alternative_b);
            (a.is_some() || b.is_some()).then(|| a.unwrap_or(0).saturating_add(b.unwrap_or(0)))
        })
    }

    /// Power that the PD requests in milliwatts.
    #[must_use]
    pub fn requested_mw(&self) -> Option<u32> {
        self.data_link.and_then(|d| milliwatts(d.requested))
    }
}

impl Extension {
    pub(super) fn read(&mut self, subtype: u8, value: &[u8]) -> Result<Reading, Kind> {
        match subtype {
            MAC_PHY => {
                once(&mut self.mac_phy, finish(mac_phy(value))?)?;
            }
            POWER_VIA_MDI => {
                once(&mut self.power, finish(power(value))?)?;
            }
            LINK_AGGREGATION => {
                once(&mut self.link_aggregation, LinkAggregation::parse(value)?)?;
            }
            MAXIMUM_FRAME_SIZE => {
                once(&mut self.max_frame_size, finish(be_u16.parse(value))?)?;
            }
            ENERGY_EFFICIENT_ETHERNET => {
                once(&mut self.eee, finish(eee(value))?)?;
            }
            _ => return Ok(Reading::Unknown),
        }
        Ok(Reading::Used)
    }
}

fn mac_phy(input: &[u8]) -> Parsed<'_, MacPhy> {
    let (input, (status, advertised, mau_type)) = (be_u8, be_u16, be_u16).parse(input)?;
    let autonegotiation_supported = status & 0x01 != 0;
    let autonegotiation_enabled = status & 0x02 != 0;
    Ok((input, MacPhy { autonegotiation_supported, autonegotiation_enabled, advertised, mau_type }))
}

fn power(input: &[u8]) -> Parsed<'_, Power> {
    let (input, (support, pairs, class)) = (be_u8, be_u8, be_u8).parse(input)?;
    let (input, data_link) = opt(data_link).parse(input)?;
    let (input, four_pair) = opt(four_pair).parse(input)?;
    let power = Power {
        is_pse: support & 0x01 != 0,
        supported: support & 0x02 != 0,
        enabled: support & 0x04 != 0,
        pairs_selectable: support & 0x08 != 0,
        pairs,
        class,
        data_link,
        four_pair,
    };
    Ok((input, power))
}

fn data_link(input: &[u8]) -> Parsed<'_, DataLink> {
    let (input, (flags, requested, allocated)) = (be_u8, be_u16, be_u16).parse(input)?;
    let data_link = DataLink {
        power_type: flags >> 6,
        source: (flags >> 4) & 0x03,
        four_pair: flags & 0x04 != 0,
        priority: flags & 0x03,
        requested,
        allocated,
    };
    Ok((input, data_link))
}

fn four_pair(input: &[u8]) -> Parsed<'_, FourPair> {
    let (input, (requested_mode_a, requested_mode_b)) = (be_u16, be_u16).parse(input)?;
    let (input, (allocated_alternative_a, allocated_alternative_b)) = (be_u16, be_u16).parse(input)?;
    let (input, (status, system_setup, maximum_available)) = (be_u16, be_u8, be_u16).parse(input)?;
    let (input, (autoclass, power_down)) = (be_u8, be_u24).parse(input)?;
    let four_pair = FourPair {
        requested_mode_a,
        requested_mode_b,
        allocated_alternative_a,
        allocated_alternative_b,
        status,
        system_setup,
        maximum_available,
        autoclass,
        power_down,
    };
    Ok((input, four_pair))
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

fn milliwatts(value: u16) -> Option<u32> {
    (1..=MAX_POWER_VALUE).contains(&value).then(|| u32::from(value).saturating_mul(POWER_UNIT_MW))
}

const MAC_PHY: u8 = 1;
const POWER_VIA_MDI: u8 = 2;
const LINK_AGGREGATION: u8 = 3;
const MAXIMUM_FRAME_SIZE: u8 = 4;
const ENERGY_EFFICIENT_ETHERNET: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subtype: u8, value: &[u8]) -> Result<Extension, Kind> {
        let mut extension = Extension::default();
        extension.read(subtype, value).map(|_| extension)
    }

    fn power_of(value: &[u8]) -> Power {
        read(2, value).unwrap().power.unwrap()
    }

    #[test]
    fn mac_phy_status_is_read() {
        let mac_phy = read(1, &[3, 0x6c, 0x01, 0, 30]).unwrap().mac_phy.unwrap();
        assert!(mac_phy.autonegotiation_supported && mac_phy.autonegotiation_enabled);
        assert_eq!((mac_phy.advertised, mac_phy.mau_type), (0x6c01, 30));
    }

    #[test]
    fn power_without_data_link_classification_names_no_watts() {
        let power = power_of(&[0x07, 1, 4]);
        assert!(power.is_pse && power.supported && power.enabled && !power.pairs_selectable);
        assert_eq!((power.pairs, power.class, power.data_link), (1, 4, None));
        assert_eq!(power.allocated_mw(), None);
    }

    #[test]
    fn power_of_802_3at_is_read() {
        let power = power_of(&[0x0f, 1, 5, 0x13, 0, 130, 0, 125]);
        let data_link = power.data_link.unwrap();
        assert_eq!((data_link.power_type, data_link.source, data_link.priority), (0, 1, 3));
        assert_eq!((power.requested_mw(), power.allocated_mw()), (Some(13_000), Some(12_500)));
        assert_eq!(power.four_pair, None);
    }

    #[test]
    fn power_of_a_dual_signature_pd_is_the_sum_of_both_alternatives() {
        let mut bytes = vec![0x0f, 1, 5, 0x17, 0, 0, 0, 0, 0, 200, 0, 100, 0, 200, 0, 100];
        bytes.extend([0xa5, 0x5f, 0x03, 0x02, 0x9a, 0x01, 0, 0, 9]);
        let power = power_of(&bytes);
        let four_pair = power.four_pair.unwrap();
        assert_eq!((four_pair.status, four_pair.system_setup), (0xa55f, 3));
        assert_eq!((four_pair.maximum_available, four_pair.autoclass, four_pair.power_down), (666, 1, 9));
        assert_eq!(power.allocated_mw(), Some(30_000));
    }

    #[test]
    fn a_power_value_beyond_the_standard_is_no_power() {
        assert_eq!(power_of(&[0x0f, 1, 5, 0x13, 0, 0, 0xff, 0xff]).allocated_mw(), None);
    }

    #[test]
    fn frame_size_aggregation_and_eee_are_read() {
        assert_eq!(read(4, &[0x05, 0xee]).unwrap().max_frame_size, Some(1518));
        assert!(read(3, &[1, 0, 0, 0, 0]).unwrap().link_aggregation.is_some_and(|l| l.capable && !l.enabled));
        let eee = read(5, &[0, 1, 0, 2, 0, 3, 0, 4, 0, 5]).unwrap().eee.unwrap();
        assert_eq!((eee.transmit_wake, eee.echo_receive_wake), (1, 5));
    }

    #[test]
    fn a_value_shorter_than_its_fields_is_refused() {
        for (subtype, length) in [(1, 5), (2, 3), (3, 5), (4, 2), (5, 10)] {
            assert_eq!(read(subtype, &vec![0; length - 1]), Err(Kind::Short));
            assert!(read(subtype, &vec![0; length]).is_ok());
        }
    }
}
