//! Chassis ID and Port ID (IEEE 802.1AB-2016, 8.5.2 and 8.5.3).

use std::{fmt, net::IpAddr};

use nom::{Parser, combinator::rest, number::complete::be_u8};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{NetworkAddress, finish};
use crate::{Kind, Octets, Text, ethernet, registry::registry};

/// Most octets of an identifier without its subtype.
pub const MAX_LEN: usize = 255;

/// A Chassis ID.
pub type ChassisId<'a> = Identifier<'a, ChassisIdSubtype>;
/// A Port ID.
pub type PortId<'a> = Identifier<'a, PortIdSubtype>;

/// An identifier of 1 to 255 octets, and what it is.
///
/// Displayed, it is a MAC address (`aa:bb:cc:dd:ee:ff`), an IP address, or safe text. Octets that
/// do not fit their subtype, or that are not text, are shown in hexadecimal, so that no two of them
/// look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identifier<'a, S> {
    /// What the octets are.
    pub subtype: S,
    /// The octets.
    pub value: &'a [u8],
}

/// What an identifier's octets are, for one of the two TLVs.
pub trait Subtype: Copy + From<u8> + Serialize {
    /// How the octets are laid out.
    fn form(self) -> Form;
}

/// How an identifier's octets are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A MAC address.
    MacAddress,
    /// An address family (IANA) and an address of it.
    NetworkAddress,
    /// Text, or whatever the vendor chose.
    Text,
    /// Not defined.
    Reserved,
}

registry! {
    /// What a Chassis ID is (8.5.2.2). The names are those of the YANG module (IEEE 802.1ABcu).
    pub enum ChassisIdSubtype: u8 {
        /// 1: entPhysicalAlias of a chassis.
        ChassisComponent = 1, "chassis-component";
        /// 2: ifAlias.
        InterfaceAlias = 2, "interface-alias";
        /// 3: entPhysicalAlias of a port or backplane.
        PortComponent = 3, "port-component";
        /// 4.
        MacAddress = 4, "mac-address";
        /// 5.
        NetworkAddress = 5, "network-address";
        /// 6: ifName.
        InterfaceName = 6, "interface-name";
        /// 7: assigned locally.
        Local = 7, "local";
    }
}

registry! {
    /// What a Port ID is (8.5.3.2). The names are those of the YANG module (IEEE 802.1ABcu).
    pub enum PortIdSubtype: u8 {
        /// 1: ifAlias.
        InterfaceAlias = 1, "interface-alias";
        /// 2: entPhysicalAlias of a port or backplane.
        PortComponent = 2, "port-component";
        /// 3.
        MacAddress = 3, "mac-address";
        /// 4.
        NetworkAddress = 4, "network-address";
        /// 5: ifName.
        InterfaceName = 5, "interface-name";
        /// 6: agent circuit ID (RFC 3046).
        AgentCircuitId = 6, "agent-circuit-id";
        /// 7: assigned locally.
        Local = 7, "local";
    }
}

impl<'a, S: Subtype> Identifier<'a, S> {
    /// The identifier as a MAC address, where it is one.
    #[must_use]
    pub fn mac(&self) -> Option<ethernet::Address> {
        if self.subtype.form() != Form::MacAddress {
            return None;
        }
        self.value.try_into().ok().map(ethernet::Address)
    }

    /// The identifier as an IP address, where it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.network_address()? {
            NetworkAddress::Ip(ip) => Some(ip),
            _ => None,
        }
    }

    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Kind> {
        let (subtype, value) = finish((be_u8, rest).parse(value))?;
        if value.is_empty() || value.len() > MAX_LEN {
            return Err(Kind::Length);
        }
        Ok(Identifier { subtype: S::from(subtype), value })
    }

    /// Whether the octets fit the subtype.
    pub(super) fn check(&self) -> Result<(), Kind> {
        let fits = match self.subtype.form() {
            Form::MacAddress => self.mac().is_some(),
            Form::NetworkAddress => self.network_address().is_some(),
            Form::Text => true,
            Form::Reserved => false,
        };
        if fits { Ok(()) } else { Err(Kind::Value) }
    }

    fn network_address(&self) -> Option<NetworkAddress<'a>> {
        if self.subtype.form() != Form::NetworkAddress {
            return None;
        }
        let (family, address) = finish((be_u8, rest).parse(self.value)).ok()?;
        NetworkAddress::new(family, address).ok()
    }
}

impl<S: Subtype> fmt::Display for Identifier<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.network_address() {
            return address.fmt(f);
        }
        let text = Text(self.value);
        if self.subtype.form() == Form::Text && text.is_clean() && !text.is_empty() {
            return text.fmt(f);
        }
        Octets(self.value).fmt(f)
    }
}

impl<S: Subtype> Serialize for Identifier<'_, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut fields = serializer.serialize_struct("Identifier", 2)?;
        fields.serialize_field("subtype", &self.subtype)?;
        fields.serialize_field("value", &format_args!("{self}"))?;
        fields.end()
    }
}

impl Subtype for ChassisIdSubtype {
    fn form(self) -> Form {
        match self {
            ChassisIdSubtype::MacAddress => Form::MacAddress,
            ChassisIdSubtype::NetworkAddress => Form::NetworkAddress,
            ChassisIdSubtype::Unknown(_) => Form::Reserved,
            _ => Form::Text,
        }
    }
}

impl Subtype for PortIdSubtype {
    fn form(self) -> Form {
        match self {
            PortIdSubtype::MacAddress => Form::MacAddress,
            PortIdSubtype::NetworkAddress => Form::NetworkAddress,
            PortIdSubtype::Unknown(_) => Form::Reserved,
            _ => Form::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chassis(bytes: &[u8]) -> (String, Result<(), Kind>) {
        let id = ChassisId::parse(bytes).unwrap();
        (id.to_string(), id.check())
    }

    #[test]
    fn an_identifier_is_shown_by_its_subtype() {
        assert_eq!(chassis(&[4, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]), ("aa:bb:cc:dd:ee:ff".into(), Ok(())));
        assert_eq!(chassis(&[5, 1, 192, 0, 2, 1]), ("192.0.2.1".into(), Ok(())));
        assert_eq!(
            chassis(&[5, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("2001:db8::1".into(), Ok(()))
        );
        assert_eq!(chassis(b"\x07switch-1"), ("switch-1".into(), Ok(())));
    }

    #[test]
    fn octets_that_are_not_text_stay_distinct() {
        assert_eq!(chassis(&[7, 0xff, 0x01]).0, "ff:01");
        assert_eq!(chassis(&[7, 0xff, 0x02]).0, "ff:02");
    }

    #[test]
    fn octets_that_do_not_fit_the_subtype_are_kept_and_named() {
        assert_eq!(chassis(&[4, 0xaa, 0xbb]), ("aa:bb".into(), Err(Kind::Value)));
        assert_eq!(chassis(&[5, 1, 10, 0, 0]), ("01:0a:00:00".into(), Err(Kind::Value)));
        assert_eq!(chassis(&[0, 0x41]), ("41".into(), Err(Kind::Value)));
    }

    #[test]
    fn an_identifier_without_octets_or_with_too_many_is_refused() {
        assert_eq!(PortId::parse(&[]), Err(Kind::Short));
        assert_eq!(PortId::parse(&[7]), Err(Kind::Length));
        assert_eq!(PortId::parse(&[7; 257]), Err(Kind::Length));
        assert!(PortId::parse(&[7; 256]).is_ok());
    }
}
