//! TLVs of Cisco: power over four pairs, and those of its fabric (ACI).

use std::net::Ipv4Addr;

use arrayvec::ArrayVec;
use nom::{
    Parser,
    number::complete::{be_u8, be_u16, be_u32},
};
use serde::Serialize;

use super::{MAX_TEXT_LEN, Reading, entries, finish, once, text};
use crate::{Kind, Text, registry::registry};

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x01, 0x42];
/// Most appliances that are kept: no TLV holds more.
pub const MAX_APPLIANCES: usize = 12;

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extension<'a> {
    /// Four-wire Power-via-MDI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub four_wire_power: Option<FourWirePower>,
    /// Port state: 1 in service, 2 out of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_state: Option<u8>,
    /// Role of the node in the fabric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_role: Option<NodeRole>,
    /// Node ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<u32>,
    /// Spine level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spine_level: Option<u8>,
    /// Pod ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_id: Option<u16>,
    /// Fabric name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fabric_name: Option<Text<'a>>,
    /// Appliance vector: the controllers.
    pub appliance_vector: ArrayVec<Appliance<'a>, MAX_APPLIANCES>,
    /// Address of the node in the fabric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<Ipv4Addr>,
    /// Port role: 1 active, 2 backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_role: Option<u8>,
    /// Firmware version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware_version: Option<Text<'a>>,
    /// VLAN of the fabric's infrastructure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrastructure_vlan: Option<u16>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<Text<'a>>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text<'a>>,
    /// Node name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<Text<'a>>,
    /// Port mode: 0 normal, 1 recovery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mode: Option<u16>,
    /// Octets of the authentication cookie. The cookie itself is a secret and is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_cookie_len: Option<usize>,
    /// Controller mode: 0 active, 1 standby.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller_mode: Option<u8>,
    /// Fabric ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fabric_id: Option<u16>,
}

/// An entry of the appliance vector: a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Appliance<'a> {
    /// Its number.
    pub id: u8,
    /// Its address in the fabric.
    pub ip: Ipv4Addr,
    /// Its identifier, a UUID in groups of hexadecimal digits.
    pub uuid: Text<'a>,
}

/// Four-wire Power-via-MDI: power over all four pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FourWirePower {
    /// The sender can do it.
    pub supported: bool,
    /// The spare pairs must be detected and classified.
    pub spare_pair_detection: bool,
    /// The powered device wants power on the spare pairs.
    pub spare_pair_desired: bool,
    /// The power source gives power on the spare pairs.
    pub spare_pair_enabled: bool,
}

registry! {
    /// The role of a node in a fabric.
    pub enum NodeRole: u8 {
        /// 0: controller.
        Controller = 0, "controller";
        /// 1.
        Leaf = 1, "leaf";
        /// 2.
        Spine = 2, "spine";
        /// 3: virtual leaf.
        VirtualLeaf = 3, "virtual-leaf";
    }
}

registry! {
    /// The TLVs.
    pub enum Subtype: u8 {
        /// 1.
        FourWirePower = 1, "four-wire-power-via-mdi";
        /// 201.
        PortState = 0xc9, "port-state";
        /// 202.
        NodeRole = 0xca, "node-role";
        /// 203.
        NodeId = 0xcb, "node-id";
        /// 204.
        SpineLevel = 0xcc, "spine-level";
        /// 205.
        PodId = 0xcd, "pod-id";
        /// 206.
        FabricName = 0xce, "fabric-name";
        /// 207.
        ApplianceVector = 0xcf, "appliance-vector";
        /// 208.
        NodeIp = 0xd0, "node-ip";
        /// 209.
        PortRole = 0xd1, "port-role";
        /// 210.
        FirmwareVersion = 0xd2, "firmware-version";
        /// 211.
        InfrastructureVlan = 0xd3, "infrastructure-vlan";
        /// 212.
        SerialNumber = 0xd4, "serial-number";
        /// 214.
        Model = 0xd6, "model";
        /// 215.
        NodeName = 0xd7, "node-name";
        /// 216.
        PortMode = 0xd8, "port-mode";
        /// 217.
        AuthenticationCookie = 0xd9, "authentication-cookie";
        /// 218.
        ControllerMode = 0xda, "controller-mode";
        /// 219.
        FabricId = 0xdb, "fabric-id";
    }
}

impl<'a> Extension<'a> {
    pub(super) fn read(&mut self, subtype: u8, value: &'a [u8]) -> Result<Reading, Kind> {
        match Subtype::from(subtype) {
            Subtype::FourWirePower => octet(&mut self.four_wire_power, value, FourWirePower::from)?,
            Subtype::PortState => octet(&mut self.port_state, value, u8::from)?,
            Subtype::NodeRole => octet(&mut self.node_role, value, NodeRole::from)?,
            Subtype::NodeId => {
                once(&mut self.node_id, finish(be_u32.parse(value))?)?;
            }
            Subtype::SpineLevel => octet(&mut self.spine_level, value, u8::from)?,
            Subtype::PodId => number(&mut self.pod_id, value)?,
            Subtype::FabricName => text(&mut self.fabric_name, value, MAX_TEXT_LEN)?,
            Subtype::ApplianceVector => {
                return entries(&mut self.appliance_vector, value, Appliance::from);
            }
            Subtype::NodeIp => {
                once(&mut self.node_ip, finish(be_u32.parse(value))?.into())?;
            }
            Subtype::PortRole => octet(&mut self.port_role, value, u8::from)?,
            Subtype::FirmwareVersion => text(&mut self.firmware_version, value, MAX_TEXT_LEN)?,
            Subtype::InfrastructureVlan => number(&mut self.infrastructure_vlan, value)?,
            Subtype::SerialNumber => text(&mut self.serial_number, value, MAX_TEXT_LEN)?,
            Subtype::Model => text(&mut self.model, value, MAX_TEXT_LEN)?,
            Subtype::NodeName => text(&mut self.node_name, value, MAX_TEXT_LEN)?,
            Subtype::PortMode => number(&mut self.port_mode, value)?,
            Subtype::AuthenticationCookie => {
                once(&mut self.authentication_cookie_len, value.len())?;
            }
            Subtype::ControllerMode => octet(&mut self.controller_mode, value, u8::from)?,
            Subtype::FabricId => number(&mut self.fabric_id, value)?,
            Subtype::Unknown(_) => return Ok(Reading::Unknown),
        }
        Ok(Reading::Used)
    }
}

impl<'a> From<&'a [u8; APPLIANCE_LEN]> for Appliance<'a> {
    fn from([id, i0, i1, i2, i3, uuid @ ..]: &'a [u8; APPLIANCE_LEN]) -> Self {
        Appliance { id: *id, ip: [*i0, *i1, *i2, *i3].into(), uuid: Text(uuid) }
    }
}

impl From<u8> for FourWirePower {
    fn from(flags: u8) -> Self {
        FourWirePower {
            supported: flags & 0x01 != 0,
            spare_pair_detection: flags & 0x02 != 0,
            spare_pair_desired: flags & 0x04 != 0,
            spare_pair_enabled: flags & 0x08 != 0,
        }
    }
}

fn octet<T>(place: &mut Option<T>, value: &[u8], meaning: fn(u8) -> T) -> Result<(), Kind> {
    once(place, meaning(finish(be_u8.parse(value))?)).map(|_| ())
}

fn number(place: &mut Option<u16>, value: &[u8]) -> Result<(), Kind> {
    once(place, finish(be_u16.parse(value))?).map(|_| ())
}

/// Octets of an entry of the appliance vector: number, address and the 36 characters of a UUID.
const APPLIANCE_LEN: usize = 1 + 4 + 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_over_four_pairs_is_read_from_its_bits() {
        let mut cisco = Extension::default();
        cisco.read(1, &[0x0d]).unwrap();
        let power = cisco.four_wire_power.unwrap();
        assert!(power.supported && !power.spare_pair_detection);
        assert!(power.spare_pair_desired && power.spare_pair_enabled);
    }

    #[test]
    fn a_fabric_node_is_read_and_its_cookie_is_not() {
        let mut cisco = Extension::default();
        for (subtype, value) in [
            (0xca, &[1][..]),
            (0xcb, &[0, 0, 0, 101]),
            (0xcd, &[0, 1]),
            (0xce, b"fab"),
            (0xd0, &[10, 0, 0, 1]),
            (0xd3, &[0x0f, 0xa1]),
            (0xd9, b"secret"),
        ] {
            cisco.read(subtype, value).unwrap();
        }
        assert_eq!(
            (cisco.node_role, cisco.node_id, cisco.pod_id),
            (Some(NodeRole::Leaf), Some(101), Some(1))
        );
        assert_eq!((cisco.fabric_name, cisco.infrastructure_vlan), (Some(Text(b"fab")), Some(4001)));
        assert_eq!((cisco.node_ip, cisco.authentication_cookie_len), (Some([10, 0, 0, 1].into()), Some(6)));
        assert!(!format!("{cisco:?}").contains("secret"));
    }

    #[test]
    fn controllers_are_read_and_a_rest_is_named() {
        let entry = b"\x02\x0a\x00\x00\x02\x38af24b6e-0c1a-4b0e-9f5e-0123456789ab";
        // The longest value, of 507 octets.
        let vector = entry.repeat(13);
        for length in 0..=507 {
            let mut cisco = Extension::default();
            let reading = cisco.read(0xcf, &vector[..length]);
            let (whole, rest) = (length / APPLIANCE_LEN, length % APPLIANCE_LEN);
            assert_eq!(cisco.appliance_vector.len(), whole);
            assert_eq!(reading.err(), (rest > 0).then_some(Kind::Length), "{length}");
            if let Some(last) = cisco.appliance_vector.last() {
                assert_eq!((last.id, last.ip), (2, [10, 0, 0, 2].into()));
                assert_eq!(last.uuid.to_string(), "8af24b6e-0c1a-4b0e-9f5e-0123456789ab");
                assert_eq!(cisco.read(0xcf, &vector[..length]).err(), Some(Kind::Duplicate));
            }
        }
    }

    #[test]
    fn a_value_shorter_than_its_fields_is_refused() {
        for (subtype, length) in [(1, 1), (0xc9, 1), (0xcb, 4), (0xcd, 2), (0xd0, 4), (0xd8, 2), (0xdb, 2)] {
            let mut cisco = Extension::default();
            assert_eq!(cisco.read(subtype, &[0; 4][..length - 1]).err(), Some(Kind::Short), "{subtype}");
            assert!(cisco.read(subtype, &[0; 4][..length]).is_ok(), "{subtype}");
        }
        assert!(matches!(Extension::default().read(0xd5, &[]), Ok(Reading::Unknown)));
    }
}
