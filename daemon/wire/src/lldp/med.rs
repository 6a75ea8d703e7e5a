//! TLVs of LLDP-MED (ANSI/TIA-1057, 10.2).

use arrayvec::ArrayVec;
use nom::{
    Parser,
    number::complete::{be_u8, be_u16, be_u24},
};

use serde::Serialize;

use super::{Reading, finish, once, push, text};
use crate::{Kind, Text, registry::registry};

mod location;
pub use location::{Civic, Location, LocationFormat, MAX_CIVIC_ELEMENTS};

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x12, 0xbb];
/// Most network policies that are kept.
pub const MAX_POLICIES: usize = 16;
/// Most locations that are kept: one per format.
pub const MAX_LOCATIONS: usize = 4;
/// Most octets of an inventory text (10.2.6).
pub const MAX_INVENTORY_LEN: usize = 32;
/// Milliwatts in the unit of the power value (10.2.5.4).
pub const POWER_UNIT_MW: u32 = 100;

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Extension<'a> {
    /// LLDP-MED Capabilities (10.2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Network Policies (10.2.3), one per application.
    pub policies: ArrayVec<Policy, MAX_POLICIES>,
    /// Location Identifications (10.2.4), one per format.
    pub locations: ArrayVec<Location<'a>, MAX_LOCATIONS>,
    /// Extended Power-via-MDI (10.2.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_power: Option<ExtendedPower>,
    /// Hardware Revision (10.2.6.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware_revision: Option<Text<'a>>,
    /// Firmware Revision (10.2.6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware_revision: Option<Text<'a>>,
    /// Software Revision (10.2.6.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_revision: Option<Text<'a>>,
    /// Serial Number (10.2.6.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<Text<'a>>,
    /// Manufacturer Name (10.2.6.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<Text<'a>>,
    /// Model Name (10.2.6.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text<'a>>,
    /// Asset ID (10.2.6.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<Text<'a>>,
}

/// LLDP-MED Capabilities (10.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The TLVs that the device can send: bit 0 capabilities, 1 network policy, 2 location, 3 power as
    /// PSE, 4 power as PD, 5 inventory.
    pub supported: u16,
    /// What kind of device it is.
    pub class: Class,
}

registry! {
    /// The class of a device (10.2.2.3).
    pub enum Class: u8 {
        /// 0.
        NotDefined = 0, "not-defined";
        /// 1: endpoint class I, generic.
        Generic = 1, "endpoint-class-1";
        /// 2: endpoint class II, media.
        Media = 2, "endpoint-class-2";
        /// 3: endpoint class III, communication device.
        Communication = 3, "endpoint-class-3";
        /// 4: network connectivity device.
        NetworkConnectivity = 4, "network-connectivity";
    }
}

/// A Network Policy (10.2.3): how frames of an application are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The application.
    pub application: Application,
    /// The policy is required, but not known to the sender.
    pub unknown: bool,
    /// Frames are tagged.
    pub tagged: bool,
    /// Their VLAN; 0 for a priority tag.
    pub vid: u16,
    /// Their priority code point.
    pub priority: u8,
    /// Their differentiated services code point.
    pub dscp: u8,
}

registry! {
    /// The application of a Network Policy (10.2.3.1).
    pub enum Application: u8 {
        /// 1.
        Voice = 1, "voice";
        /// 2.
        VoiceSignaling = 2, "voice-signaling";
        /// 3.
        GuestVoice = 3, "guest-voice";
        /// 4.
        GuestVoiceSignaling = 4, "guest-voice-signaling";
        /// 5.
        SoftphoneVoice = 5, "softphone-voice";
        /// 6.
        VideoConferencing = 6, "video-conferencing";
        /// 7.
        StreamingVideo = 7, "streaming-video";
        /// 8.
        VideoSignaling = 8, "video-signaling";
    }
}

registry! {
    /// The TLVs (Table 8).
    pub enum Subtype: u8 {
        /// 1.
        Capabilities = 1, "capabilities";
        /// 2.
        NetworkPolicy = 2, "network-policy";
        /// 3.
        Location = 3, "location-identification";
        /// 4.
        ExtendedPower = 4, "extended-power-via-mdi";
        /// 5.
        HardwareRevision = 5, "hardware-revision";
        /// 6.
        FirmwareRevision = 6, "firmware-revision";
        /// 7.
        SoftwareRevision = 7, "software-revision";
        /// 8.
        SerialNumber = 8, "serial-number";
        /// 9.
        Manufacturer = 9, "manufacturer-name";
        /// 10.
        Model = 10, "model-name";
        /// 11.
        AssetId = 11, "asset-id";
    }
}

/// Extended Power-via-MDI (10.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExtendedPower {
    /// 0 PSE, 1 PD; others are reserved.
    pub power_type: u8,
    /// 0 unknown; of a PSE 1 primary, 2 backup; of a PD 1 PSE, 2 local, 3 both.
    pub source: u8,
    /// 0 unknown, 1 critical, 2 high, 3 low.
    pub priority: u8,
    /// Power that the PD needs or that the PSE gives, in milliwatts.
    pub power_mw: u32,
}

impl<'a> Extension<'a> {
    /// The VLAN of voice: of the Network Policy for that application, where it is known and tagged.
    #[must_use]
    pub fn voice_vlan(&self) -> Option<u16> {
        let voice = self.policies.iter().find(|p| p.application == Application::Voice)?;
        (!voice.unknown && voice.tagged).then_some(voice.vid)
    }

    pub(super) fn read(&mut self, subtype: u8, value: &'a [u8]) -> Result<Reading, Kind> {
        let inventory = match Subtype::from(subtype) {
            Subtype::Capabilities => {
                once(&mut self.capabilities, Capabilities::parse(value)?)?;
                return Ok(Reading::Used);
            }
            Subtype::NetworkPolicy => {
                let policy = Policy::parse(value)?;
                if self.policies.iter().any(|p| p.application == policy.application) {
                    return Err(Kind::Duplicate);
                }
                return Ok(push(&mut self.policies, policy));
            }
            Subtype::Location => {
                let (location, content) = Location::parse(value)?;
                if self.locations.iter().any(|l| l.format == location.format) {
                    return Err(Kind::Duplicate);
                }
                let reading = push(&mut self.locations, location);
                return content.map(|()| reading);
            }
            Subtype::ExtendedPower => {
                once(&mut self.extended_power, ExtendedPower::parse(value)?)?;
                return Ok(Reading::Used);
            }
            Subtype::HardwareRevision => &mut self.hardware_revision,
            Subtype::FirmwareRevision => &mut self.firmware_revision,
            Subtype::SoftwareRevision => &mut self.software_revision,
            Subtype::SerialNumber => &mut self.serial_number,
            Subtype::Manufacturer => &mut self.manufacturer,
            Subtype::Model => &mut self.model,
            Subtype::AssetId => &mut self.asset_id,
            Subtype::Unknown(_) => return Ok(Reading::Unknown),
        };
        text(inventory, value, MAX_INVENTORY_LEN).map(|()| Reading::Used)
    }
}

impl Capabilities {
    fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (supported, class) = finish((be_u16, be_u8).parse(value))?;
        Ok(Capabilities { supported, class: class.into() })
    }
}

impl Policy {
    fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (application, bits) = finish((be_u8, be_u24).parse(value))?;
        let [_, b0, b1, b2] = bits.to_be_bytes();
        Ok(Policy {
            application: application.into(),
            unknown: b0 & 0x80 != 0,
            tagged: b0 & 0x40 != 0,
            vid: u16::from_be_bytes([b0 & 0x1f, b1]) >> 1,
            priority: ((b1 & 0x01) << 2) | (b2 >> 6),
            dscp: b2 & 0x3f,
        })
    }
}

impl ExtendedPower {
    fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (flags, power) = finish((be_u8, be_u16).parse(value))?;
        Ok(ExtendedPower {
            power_type: flags >> 6,
            source: (flags >> 4) & 0x03,
            priority: flags & 0x0f,
            power_mw: u32::from(power).saturating_mul(POWER_UNIT_MW),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_policy_is_read_from_its_bits() {
        let mut med = Extension::default();
        med.read(2, &[1, 0x41, 0x91, 0x6e]).unwrap();
        assert_eq!(
            med.policies[..],
            [Policy {
                application: Application::Voice,
                unknown: false,
                tagged: true,
                vid: 200,
                priority: 5,
                dscp: 46
            }]
        );
        assert_eq!(med.voice_vlan(), Some(200));
        assert_eq!(med.read(2, &[1, 0, 0, 0]).err(), Some(Kind::Duplicate));
        assert!(med.read(2, &[2, 0x80, 0, 0]).is_ok());
    }

    #[test]
    fn capabilities_and_power_are_read() {
        let mut med = Extension::default();
        med.read(1, &[0, 0x33, 3]).unwrap();
        med.read(4, &[0x53, 0, 65]).unwrap();
        assert_eq!(med.capabilities, Some(Capabilities { supported: 0x33, class: Class::Communication }));
        assert_eq!(
            med.extended_power,
            Some(ExtendedPower { power_type: 1, source: 1, priority: 3, power_mw: 6_500 })
        );
    }

    #[test]
    fn a_malformed_location_is_kept_and_named() {
        let mut med = Extension::default();
        assert_eq!(med.read(3, &[2, 0xff, 0, 0, 0xff]).err(), Some(Kind::Length));
        assert_eq!((med.locations.len(), med.locations[0].octets), (1, 4));
        assert_eq!(med.read(3, &[2]).err(), Some(Kind::Duplicate));
        assert_eq!(med.read(3, &[]).err(), Some(Kind::Short));
    }

    #[test]
    fn inventory_has_seven_texts() {
        let mut med = Extension::default();
        for subtype in 5..=11 {
            med.read(subtype, b"x").unwrap();
        }
        let x = Some(Text(b"x"));
        assert_eq!([med.hardware_revision, med.firmware_revision, med.software_revision], [x; 3]);
        assert_eq!([med.serial_number, med.manufacturer, med.model, med.asset_id], [x; 4]);
        assert_eq!(med.read(10, b"y").err(), Some(Kind::Duplicate));
    }

    #[test]
    fn an_inventory_text_beyond_its_limit_is_kept_and_named() {
        let mut med = Extension::default();
        assert_eq!(med.read(5, &[b'x'; 33]).err(), Some(Kind::Length));
        assert_eq!(med.hardware_revision, Some(Text(&[b'x'; 33])));
    }
}
