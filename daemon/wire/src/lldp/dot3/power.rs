//! Power Via MDI (IEEE 802.3-2022, 79.3.2).

use nom::{
    Parser,
    combinator::opt,
    number::complete::{be_u8, be_u16, be_u24},
};
use serde::Serialize;

use super::super::{Parsed, short};
use crate::{Kind, registry::registry};

/// Milliwatts in the unit of all power values (79.3.2).
pub const POWER_UNIT_MW: u32 = 100;
/// Largest power value that means a power: 99.9 W (79.3.2.6).
pub const MAX_POWER_VALUE: u16 = 999;

/// Power Via MDI (79.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Power {
    /// The port gives power (PSE); otherwise it takes power (PD).
    pub is_pse: bool,
    /// The PSE can give power.
    pub supported: bool,
    /// The PSE does give power.
    pub enabled: bool,
    /// The PSE can choose the pairs.
    pub pairs_selectable: bool,
    /// The pairs in use.
    pub pairs: PowerPairs,
    /// Power class plus one: 1 for class 0 to 5 for class 4.
    pub class: u8,
    /// Classification by data link (IEEE 802.3at and later).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_link: Option<DataLink>,
    /// Types 3 and 4 (IEEE 802.3bt).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type34: Option<Type34>,
}

registry! {
    /// The pairs that carry power (79.3.2.2; RFC 3621, pethPsePortPowerPairs).
    pub enum PowerPairs: u8 {
        /// 1.
        Signal = 1, "signal";
        /// 2.
        Spare = 2, "spare";
    }
}

/// Classification by data link (79.3.2.4 to 79.3.2.6). Power values are in units of [`POWER_UNIT_MW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DataLink {
    /// Power type.
    pub power_type: PowerType,
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

registry! {
    /// Power type (79.3.2.4.1).
    pub enum PowerType: u8 {
        /// 0.
        Type2Pse = 0, "type-2-pse";
        /// 1.
        Type2Pd = 1, "type-2-pd";
        /// 2.
        Type1Pse = 2, "type-1-pse";
        /// 3.
        Type1Pd = 3, "type-1-pd";
    }
}

/// Types 3 and 4 (79.3.2.7 to 79.3.2.13). Power values are in units of [`POWER_UNIT_MW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Type34 {
    /// Power that a dual-signature PD requests on mode A.
    pub requested_mode_a: u16,
    /// Power that a dual-signature PD requests on mode B.
    pub requested_mode_b: u16,
    /// Power that the PSE allocates to alternative A.
    pub allocated_alternative_a: u16,
    /// Power that the PSE allocates to alternative B.
    pub allocated_alternative_b: u16,
    /// How the PSE gives power (79.3.2.9.1).
    pub pse_powering_status: PsePoweringStatus,
    /// How the PD takes power (79.3.2.9.2).
    pub pd_powered_status: PdPoweredStatus,
    /// The pairs that carry power (79.3.2.9.3).
    pub pse_power_pairs: PowerPairsExt,
    /// Class of a dual-signature PD on mode A: 1 to 5; 7 for a single-signature PD or two pairs (79.3.2.9.4).
    pub class_mode_a: u8,
    /// Class of a dual-signature PD on mode B, likewise (79.3.2.9.5).
    pub class_mode_b: u8,
    /// Class of a single-signature PD: 1 to 8; 15 for a dual-signature PD (79.3.2.9.6).
    pub class: u8,
    /// Power type (79.3.2.10.1).
    pub power_type: PowerTypeExt,
    /// A dual-signature PD's modes are electrically isolated (79.3.2.10.2).
    pub pd_load_isolated: bool,
    /// Most power that the PSE can give (79.3.2.11).
    pub maximum_available: u16,
    /// The PSE can do autoclass (79.3.2.12.1).
    pub autoclass_supported: bool,
    /// The PSE has measured the PD's power (79.3.2.12.2).
    pub autoclass_completed: bool,
    /// The PD asks to be measured (79.3.2.12.3).
    pub autoclass_requested: bool,
    /// The PD asks for power to be removed: 0x1d, otherwise it does not (79.3.2.13.1).
    pub power_down_request: u8,
    /// For how many seconds; 0 for without end (79.3.2.13.2).
    pub power_down_time: u32,
}

registry! {
    /// How a PSE gives power (79.3.2.9.1).
    pub enum PsePoweringStatus: u8 {
        /// 1.
        TwoPair = 1, "2-pair";
        /// 2.
        FourPairSingleSignature = 2, "4-pair-single-signature";
        /// 3.
        FourPairDualSignature = 3, "4-pair-dual-signature";
    }
}

registry! {
    /// How a PD takes power (79.3.2.9.2).
    pub enum PdPoweredStatus: u8 {
        /// 1.
        SingleSignature = 1, "single-signature";
        /// 2.
        TwoPairDualSignature = 2, "2-pair-dual-signature";
        /// 3.
        FourPairDualSignature = 3, "4-pair-dual-signature";
    }
}

registry! {
    /// The pairs that carry power (79.3.2.9.3).
    pub enum PowerPairsExt: u8 {
        /// 1.
        AlternativeA = 1, "alternative-a";
        /// 2.
        AlternativeB = 2, "alternative-b";
        /// 3.
        Both = 3, "both";
    }
}

registry! {
    /// Power type (79.3.2.10.1).
    pub enum PowerTypeExt: u8 {
        /// 0.
        Type3Pse = 0, "type-3-pse";
        /// 1.
        Type4Pse = 1, "type-4-pse";
        /// 2.
        Type3SingleSignaturePd = 2, "type-3-single-signature-pd";
        /// 3.
        Type3DualSignaturePd = 3, "type-3-dual-signature-pd";
        /// 4.
        Type4SingleSignaturePd = 4, "type-4-single-signature-pd";
        /// 5.
        Type4DualSignaturePd = 5, "type-4-dual-signature-pd";
    }
}

impl Power {
    /// Power allocated to the PD in milliwatts: the PSE allocated power value or, for a
    /// dual-signature PD that has none, the sum of both alternatives. `None` without data link
    /// classification, or when nothing is allocated.
    #[must_use]
    pub fn allocated_mw(&self) -> Option<u32> {
        let whole = self.data_link.and_then(|d| milliwatts(d.allocated));
        whole.or_else(|| {
            let type34 = self.type34?;
            let a = milliwatts(type34.allocated_alternative_a);
            let b = milliwatts(type34.allocated_alternative_b);
            (a.is_some() || b.is_some()).then(|| a.unwrap_or(0).saturating_add(b.unwrap_or(0)))
        })
    }

    /// Power that the PD requests in milliwatts.
    #[must_use]
    pub fn requested_mw(&self) -> Option<u32> {
        self.data_link.and_then(|d| milliwatts(d.requested))
    }

    /// Reads the TLV. An extension that is cut does not hide what is before it.
    pub(super) fn parse(value: &[u8]) -> Result<(Self, Result<(), Kind>), Kind> {
        let (rest, power) = power(value).map_err(short)?;
        let whole = rest.is_empty() || power.type34.is_some();
        Ok((power, if whole { Ok(()) } else { Err(Kind::Length) }))
    }
}

fn power(input: &[u8]) -> Parsed<'_, Power> {
    let (input, (support, pairs, class)) = (be_u8, be_u8, be_u8).parse(input)?;
    let (input, data_link) = opt(data_link).parse(input)?;
    let (input, type34) = opt(type34).parse(input)?;
    let power = Power {
        is_pse: support & 0x01 != 0,
        supported: support & 0x02 != 0,
        enabled: support & 0x04 != 0,
        pairs_selectable: support & 0x08 != 0,
        pairs: pairs.into(),
        class,
        data_link,
        type34: type34.filter(|_| data_link.is_some()),
    };
    Ok((input, power))
}

fn data_link(input: &[u8]) -> Parsed<'_, DataLink> {
    let (input, (flags, requested, allocated)) = (be_u8, be_u16, be_u16).parse(input)?;
    let data_link = DataLink {
        power_type: (flags >> 6).into(),
        source: (flags >> 4) & 0x03,
        four_pair: flags & 0x04 != 0,
        priority: flags & 0x03,
        requested,
        allocated,
    };
    Ok((input, data_link))
}

fn type34(input: &[u8]) -> Parsed<'_, Type34> {
    let (input, (requested_mode_a, requested_mode_b)) = (be_u16, be_u16).parse(input)?;
    let (input, (allocated_alternative_a, allocated_alternative_b)) = (be_u16, be_u16).parse(input)?;
    let (input, (status, classes, setup, maximum_available)) = (be_u8, be_u8, be_u8, be_u16).parse(input)?;
    let (input, (autoclass, power_down)) = (be_u8, be_u24).parse(input)?;
    let [_, request, _, _] = power_down.to_be_bytes();
    let type34 = Type34 {
        requested_mode_a,
        requested_mode_b,
        allocated_alternative_a,
        allocated_alternative_b,
        pse_powering_status: (status >> 6).into(),
        pd_powered_status: ((status >> 4) & 0x03).into(),
        pse_power_pairs: ((status >> 2) & 0x03).into(),
        class_mode_a: ((status & 0x03) << 1) | (classes >> 7),
        class_mode_b: (classes >> 4) & 0x07,
        class: classes & 0x0f,
        power_type: ((setup >> 1) & 0x07).into(),
        pd_load_isolated: setup & 0x01 != 0,
        maximum_available,
        autoclass_supported: autoclass & 0x04 != 0,
        autoclass_completed: autoclass & 0x02 != 0,
        autoclass_requested: autoclass & 0x01 != 0,
        power_down_request: request >> 2,
        power_down_time: power_down & 0x0003_ffff,
    };
    Ok((input, type34))
}

fn milliwatts(value: u16) -> Option<u32> {
    (1..=MAX_POWER_VALUE).contains(&value).then(|| u32::from(value).saturating_mul(POWER_UNIT_MW))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power_of(value: &[u8]) -> Power {
        let (power, faults) = Power::parse(value).unwrap();
        assert_eq!(faults, Ok(()));
        power
    }

    #[test]
    fn power_without_data_link_classification_names_no_watts() {
        let power = power_of(&[0x07, 1, 4]);
        assert!(power.is_pse && power.supported && power.enabled && !power.pairs_selectable);
        assert_eq!((power.pairs, power.class, power.data_link), (PowerPairs::Signal, 4, None));
        assert_eq!(power.allocated_mw(), None);
    }

    #[test]
    fn power_of_802_3at_is_read() {
        let power = power_of(&[0x0f, 1, 5, 0x13, 0, 130, 0, 125]);
        let data_link = power.data_link.unwrap();
        assert_eq!(data_link.power_type, PowerType::Type2Pse);
        assert_eq!((data_link.source, data_link.priority), (1, 3));
        assert_eq!((power.requested_mw(), power.allocated_mw()), (Some(13_000), Some(12_500)));
        assert_eq!(power.type34, None);
    }

    fn dual_signature() -> Vec<u8> {
        let mut bytes = vec![0x0f, 1, 5, 0x17, 0, 0, 0, 0, 0, 200, 0, 100, 0, 200, 0, 100];
        bytes.extend([0xa5, 0x5f, 0x07, 0x02, 0x9a, 0x05, 0x74, 0x01, 9]);
        bytes
    }

    #[test]
    fn power_of_802_3bt_is_read_from_its_bits() {
        let type34 = power_of(&dual_signature()).type34.unwrap();
        assert_eq!(type34.pse_powering_status, PsePoweringStatus::FourPairSingleSignature);
        assert_eq!(type34.pd_powered_status, PdPoweredStatus::TwoPairDualSignature);
        assert_eq!(type34.pse_power_pairs, PowerPairsExt::AlternativeA);
        assert_eq!((type34.class_mode_a, type34.class_mode_b, type34.class), (2, 5, 15));
        assert_eq!(type34.power_type, PowerTypeExt::Type3DualSignaturePd);
        assert!(type34.pd_load_isolated);
        assert_eq!(type34.maximum_available, 666);
        assert!(type34.autoclass_supported && !type34.autoclass_completed && type34.autoclass_requested);
        assert_eq!((type34.power_down_request, type34.power_down_time), (0x1d, 265));
    }

    #[test]
    fn power_of_a_dual_signature_pd_is_the_sum_of_both_alternatives() {
        assert_eq!(power_of(&dual_signature()).allocated_mw(), Some(30_000));
    }

    #[test]
    fn an_extension_that_is_cut_is_named_and_hides_nothing() {
        let bytes = dual_signature();
        for length in 3..bytes.len() {
            let (power, faults) = Power::parse(&bytes[..length]).unwrap();
            assert_eq!(power.data_link.is_some(), length >= 8);
            assert_eq!(power.type34, None);
            assert_eq!(faults.is_ok(), length == 3 || length == 8, "{length}");
        }
        assert_eq!(Power::parse(&bytes[..2]), Err(Kind::Short));
    }

    #[test]
    fn a_power_value_beyond_the_standard_is_no_power() {
        assert_eq!(power_of(&[0x0f, 1, 5, 0x13, 0, 0, 0xff, 0xff]).allocated_mw(), None);
    }
}
