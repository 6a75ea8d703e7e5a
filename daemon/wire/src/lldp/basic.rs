//! Values of the basic TLVs (IEEE 802.1AB-2016, 8.5), and those that two organisations share.

use std::{fmt, net::IpAddr};

use nom::{
    Parser,
    combinator::rest,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::finish;
use crate::{Kind, Octets, ethernet, registry::registry};

/// Most octets of a management address (8.5.9.4).
pub const MAX_ADDRESS_LEN: usize = 31;
/// Most octets of an object identifier (8.5.9.8).
pub const MAX_OID_LEN: usize = 128;

/// What a system can do, and what of it is in use (8.5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// What it can do.
    pub supported: CapabilitySet,
    /// What is in use.
    pub enabled: CapabilitySet,
}

/// A set of capabilities, bit 0 being the first of Table 8-4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct CapabilitySet(pub u16);

impl CapabilitySet {
    /// Other.
    pub const OTHER: CapabilitySet = CapabilitySet(0x0001);
    /// Repeater.
    pub const REPEATER: CapabilitySet = CapabilitySet(0x0002);
    /// MAC bridge.
    pub const BRIDGE: CapabilitySet = CapabilitySet(0x0004);
    /// WLAN access point.
    pub const WLAN_ACCESS_POINT: CapabilitySet = CapabilitySet(0x0008);
    /// Router.
    pub const ROUTER: CapabilitySet = CapabilitySet(0x0010);
    /// Telephone.
    pub const TELEPHONE: CapabilitySet = CapabilitySet(0x0020);
    /// DOCSIS cable device.
    pub const DOCSIS: CapabilitySet = CapabilitySet(0x0040);
    /// Station only.
    pub const STATION: CapabilitySet = CapabilitySet(0x0080);
    /// C-VLAN component.
    pub const C_VLAN: CapabilitySet = CapabilitySet(0x0100);
    /// S-VLAN component.
    pub const S_VLAN: CapabilitySet = CapabilitySet(0x0200);
    /// Two-port MAC relay.
    pub const TWO_PORT_MAC_RELAY: CapabilitySet = CapabilitySet(0x0400);

    /// Whether every capability of `other` is in the set.
    #[must_use]
    pub fn contains(self, other: CapabilitySet) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the capabilities, in the order of the standard. Reserved bits have none.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(one, _)| self.contains(*one)).map(|(_, name)| *name)
    }
}

impl Capabilities {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (supported, enabled) = finish((be_u16, be_u16).parse(value))?;
        Ok(Capabilities { supported: CapabilitySet(supported), enabled: CapabilitySet(enabled) })
    }

    /// What is in use must be supported (8.5.8.3).
    pub(super) fn check(self) -> Result<(), Kind> {
        if self.supported.contains(self.enabled) { Ok(()) } else { Err(Kind::Value) }
    }
}

/// Where a neighbour can be managed (8.5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ManagementAddress<'a> {
    /// The address.
    pub address: NetworkAddress<'a>,
    /// The interface that has it; `None` where the TLV ends before it.
    pub interface: Option<InterfaceNumber>,
    /// Object identifier of the entity behind the address, in ASN.1 basic encoding; may be empty.
    pub oid: Octets<'a>,
}

/// The number of an interface (8.5.9.5 and 8.5.9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceNumber {
    /// What is counted.
    pub subtype: InterfaceNumbering,
    /// The number.
    pub number: u32,
}

registry! {
    /// What the number of an interface counts (8.5.9.5).
    pub enum InterfaceNumbering: u8 {
        /// 1: not known.
        NotKnown = 1, "not-known";
        /// 2: ifIndex.
        IfIndex = 2, "if-index";
        /// 3: system port number.
        SystemPortNumber = 3, "system-port-number";
    }
}

/// An address of a family of the IANA registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkAddress<'a> {
    /// Families 1 and 2.
    Ip(IpAddr),
    /// Family 6: IEEE 802.
    Mac(ethernet::Address),
    /// Any other.
    Other {
        /// The family.
        family: u8,
        /// The address.
        address: &'a [u8],
    },
}

impl<'a> ManagementAddress<'a> {
    /// Reads the TLV. What is behind the address may be malformed while the address can be used.
    pub(super) fn parse(value: &'a [u8]) -> Result<(Self, Result<(), Kind>), Kind> {
        let (behind, string) = length_data(be_u8).parse(value).map_err(super::short)?;
        let (family, address) = finish((be_u8, rest).parse(string))?;
        if address.is_empty() || address.len() > MAX_ADDRESS_LEN {
            return Err(Kind::Length);
        }
        let mut result = ManagementAddress {
            address: NetworkAddress::new(family, address)?,
            interface: None,
            oid: Octets(&[]),
        };
        let faults = result.read_interface(behind);
        Ok((result, faults))
    }

    fn read_interface(&mut self, input: &'a [u8]) -> Result<(), Kind> {
        let (input, (subtype, number)) = (be_u8, be_u32).parse(input).map_err(super::short)?;
        self.interface = Some(InterfaceNumber { subtype: subtype.into(), number });
        let oid = finish(length_data(be_u8).parse(input))?;
        if oid.len() > MAX_OID_LEN {
            return Err(Kind::Length);
        }
        self.oid = Octets(oid);
        Ok(())
    }
}

impl<'a> NetworkAddress<'a> {
    /// The address, where its length is right for its family.
    pub(super) fn new(family: u8, address: &'a [u8]) -> Result<Self, Kind> {
        match family {
            1 => <[u8; 4]>::try_from(address).map(|a| NetworkAddress::Ip(a.into())).map_err(|_| Kind::Length),
            2 => {
                <[u8; 16]>::try_from(address).map(|a| NetworkAddress::Ip(a.into())).map_err(|_| Kind::Length)
            }
            6 if address.len() == 6 => address
                .try_into()
                .map(|a| NetworkAddress::Mac(ethernet::Address(a)))
                .map_err(|_| Kind::Length),
            _ if address.is_empty() => Err(Kind::Length),
            _ => Ok(NetworkAddress::Other { family, address }),
        }
    }
}

impl NetworkAddress<'_> {
    /// The address family (IANA).
    #[must_use]
    pub fn family(&self) -> u8 {
        match self {
            NetworkAddress::Ip(IpAddr::V4(_)) => 1,
            NetworkAddress::Ip(IpAddr::V6(_)) => 2,
            NetworkAddress::Mac(_) => 6,
            NetworkAddress::Other { family, .. } => *family,
        }
    }
}

impl Serialize for NetworkAddress<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("NetworkAddress", 2)?;
        fields.serialize_field("family", &self.family())?;
        fields.serialize_field("address", &format_args!("{self}"))?;
        fields.end()
    }
}

impl fmt::Display for NetworkAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkAddress::Ip(address) => address.fmt(f),
            NetworkAddress::Mac(address) => address.fmt(f),
            NetworkAddress::Other { address, .. } => Octets(address).fmt(f),
        }
    }
}

/// Link Aggregation, of IEEE 802.1AX-2014 (F.2) and, before it, of IEEE 802.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkAggregation {
    /// The port can be aggregated.
    pub capable: bool,
    /// The port is a member of an aggregation.
    pub enabled: bool,
    /// What the port is to the aggregation (IEEE 802.1AX-2014, F.2.2); 0 in the TLV of IEEE 802.3.
    pub port_type: PortType,
    /// The ifIndex of the aggregation; 0 for none.
    pub port_id: u32,
}

registry! {
    /// Where a Link Aggregation TLV was sent from (IEEE 802.1AX-2014, F.2.2).
    pub enum PortType: u8 {
        /// 0.
        None = 0, "none";
        /// 1: a port that is aggregated.
        AggregationPort = 1, "aggregation-port";
        /// 2: an aggregator.
        Aggregator = 2, "aggregator";
        /// 3: an aggregator with one port.
        SinglePortAggregator = 3, "single-port-aggregator";
    }
}

impl LinkAggregation {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (status, port_id) = finish((be_u8, be_u32).parse(value))?;
        Ok(LinkAggregation {
            capable: status & 0x01 != 0,
            enabled: status & 0x02 != 0,
            port_type: ((status >> 2) & 0x03).into(),
            port_id,
        })
    }
}

const NAMES: [(CapabilitySet, &str); 11] = [
    (CapabilitySet::OTHER, "other"),
    (CapabilitySet::REPEATER, "repeater"),
    (CapabilitySet::BRIDGE, "bridge"),
    (CapabilitySet::WLAN_ACCESS_POINT, "wlan-access-point"),
    (CapabilitySet::ROUTER, "router"),
    (CapabilitySet::TELEPHONE, "telephone"),
    (CapabilitySet::DOCSIS, "docsis"),
    (CapabilitySet::STATION, "station"),
    (CapabilitySet::C_VLAN, "c-vlan"),
    (CapabilitySet::S_VLAN, "s-vlan"),
    (CapabilitySet::TWO_PORT_MAC_RELAY, "two-port-mac-relay"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_names_of_the_standard() {
        let capabilities = Capabilities::parse(&[0, 0x14, 0, 0x04]).unwrap();
        assert_eq!(capabilities.supported.names().collect::<Vec<_>>(), ["bridge", "router"]);
        assert_eq!(capabilities.enabled.names().collect::<Vec<_>>(), ["bridge"]);
        assert_eq!(CapabilitySet(0xffff).names().count(), 11);
        assert_eq!(Capabilities::parse(&[0, 0, 0]), Err(Kind::Short));
    }

    #[test]
    fn a_capability_in_use_must_be_supported() {
        assert_eq!(Capabilities::parse(&[0, 0x10, 0, 0x14]).unwrap().check(), Err(Kind::Value));
    }

    #[test]
    fn a_management_address_is_read_whole() {
        let bytes = [5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 3, 0x2b, 6, 1];
        let (address, faults) = ManagementAddress::parse(&bytes).unwrap();
        assert_eq!(faults, Ok(()));
        assert_eq!(address.address.to_string(), "192.0.2.1");
        assert_eq!(
            address.interface,
            Some(InterfaceNumber { subtype: InterfaceNumbering::IfIndex, number: 7 })
        );
        assert_eq!(address.oid.0, [0x2b, 6, 1]);
    }

    #[test]
    fn an_address_is_used_although_what_follows_is_cut() {
        for bytes in [
            &[5, 1, 10, 0, 0, 1][..],
            &[5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7],
            &[5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7, 9, 1],
        ] {
            let (address, faults) = ManagementAddress::parse(bytes).unwrap();
            assert_eq!((address.address.to_string().as_str(), faults), ("10.0.0.1", Err(Kind::Short)));
        }
    }

    #[test]
    fn an_address_of_zero_or_excess_length_is_refused() {
        assert_eq!(ManagementAddress::parse(&[]), Err(Kind::Short));
        assert_eq!(ManagementAddress::parse(&[0, 1, 10, 0, 0, 1]), Err(Kind::Short));
        assert_eq!(ManagementAddress::parse(&[1, 1, 10, 0, 0, 1]), Err(Kind::Length));
        assert_eq!(ManagementAddress::parse(&[200, 1, 10, 0, 0, 1]), Err(Kind::Short));
        let mut long = vec![33, 16];
        long.extend([0; 40]);
        assert_eq!(ManagementAddress::parse(&long), Err(Kind::Length));
        assert_eq!(ManagementAddress::parse(&[4, 1, 10, 0, 0]), Err(Kind::Length));
    }

    #[test]
    fn an_address_of_another_family_is_kept() {
        let (mac, _) = ManagementAddress::parse(&[7, 6, 2, 0, 0, 0, 0, 1]).unwrap();
        assert_eq!(mac.address.to_string(), "02:00:00:00:00:01");
        let (other, _) = ManagementAddress::parse(&[3, 16, 0x61, 0x62]).unwrap();
        assert_eq!(other.address, NetworkAddress::Other { family: 16, address: b"ab" });
        assert_eq!(other.address.to_string(), "61:62");
    }
}
