//! What a client says of itself: its identifier, name, classes and vendors.

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    MAX_USER_CLASSES, MAX_VENDOR_OPTIONS, MAX_VENDORS, OptionFact,
    value::{OptionOctets, OptionText, Value, list, within},
};
use crate::{
    Kind, Layer, Malformed, Octets, Text,
    cursor::Cursor,
    dhcpv6::Duid,
    domain::{self, Name},
    ethernet,
};

/// A client identifier (RFC 2132, 9.14): a type, then the identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentifier<'a>(pub OptionOctets<'a>);

impl ClientIdentifier<'_> {
    /// The type: a hardware type (IANA ARP parameters), 0 for another identifier, or 255 for one of
    /// RFC 4361.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    /// The identifier behind the type.
    #[must_use]
    pub fn identifier(&self) -> &[u8] {
        self.0.get(1..).unwrap_or(&[])
    }

    /// The MAC address that it is made of, if it is.
    #[must_use]
    pub fn mac(&self) -> Option<ethernet::Address> {
        super::mac(self.kind().into(), self.identifier())
    }

    /// The identity association and the DUID (RFC 4361, 6.1), where the type is 255 and both are whole.
    #[must_use]
    pub fn iaid_and_duid(&self) -> Option<(u32, Duid<'_>)> {
        let (iaid, duid) = self.identifier().split_first_chunk()?;
        let duid = Duid::parse(Cursor::new(duid, 0, Layer::Dhcpv4)).0?;
        (self.kind() == RFC_4361).then_some((u32::from_be_bytes(*iaid), duid))
    }

    pub(super) fn check(&self) -> Result<(), Kind> {
        if self.kind() != RFC_4361 {
            return Ok(());
        }
        let (_, duid) = self.identifier().split_first_chunk::<4>().ok_or(Kind::Length)?;
        Duid::parse(Cursor::new(duid, 0, Layer::Dhcpv4)).1.map_err(within)
    }
}

impl Serialize for ClientIdentifier<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (iaid, duid) = self.iaid_and_duid().unzip();
        let mut shown = serializer.serialize_struct("ClientIdentifier", 5)?;
        shown.serialize_field("kind", &self.kind())?;
        shown.serialize_field("identifier", &Octets(self.identifier()))?;
        shown.serialize_field("mac", &self.mac())?;
        shown.serialize_field("iaid", &iaid)?;
        shown.serialize_field("duid", &duid)?;
        shown.end()
    }
}

/// A Client FQDN option (RFC 4702, 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientFqdn {
    /// The flags: bit 0 S, 1 O, 2 E, 3 N (2.1).
    pub flags: u8,
    /// RCODE1 (2.2), of no meaning to those of today.
    pub rcode1: u8,
    /// RCODE2 (2.2).
    pub rcode2: u8,
    /// The domain name. One in DNS encoding ends at its first label that is malformed or compressed.
    pub name: Name,
}

impl ClientFqdn {
    /// Whether the client wants the server to update the address record: S.
    #[must_use]
    pub fn server_updates(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// Whether the server overrode what the client wanted: O.
    #[must_use]
    pub fn is_overridden(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Whether the name is in DNS encoding and not in the older ASCII form: E (2.3.1).
    #[must_use]
    pub fn is_dns_encoded(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// Whether no server is to update any record: N.
    #[must_use]
    pub fn no_updates(&self) -> bool {
        self.flags & 0x08 != 0
    }

    pub(super) fn read(value: &mut Value<'_, '_>) -> Option<Self> {
        let mut cursor = value.cursor();
        let &[flags, rcode1, rcode2] = value.note(cursor.array().map_err(within))?;
        let mut fqdn = ClientFqdn { flags, rcode1, rcode2, name: Name::default() };
        if fqdn.is_dns_encoded() {
            // A name without its root is a partial one (2.3.1).
            let (name, ending) = domain::read(&mut cursor, None);
            value.note(ending.map_err(within));
            fqdn.name = name;
        } else {
            fqdn.name = Name::from_text(Text(cursor.rest()));
        }
        Some(fqdn)
    }
}

/// The user classes of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserClass<'a> {
    /// Whether the option holds one class without a length (as some clients send it), and not those of
    /// RFC 3004, 4.
    pub is_plain: bool,
    /// The classes, at most [`MAX_USER_CLASSES`].
    pub classes: ArrayVec<OptionText<'a>, MAX_USER_CLASSES>,
}

impl<'a> UserClass<'a> {
    pub(super) fn read(value: &mut Value<'_, 'a>) -> Option<Self> {
        let (classes, omitted, result) = list::<_, MAX_USER_CLASSES>(value.cursor(), |cursor| {
            let start = *cursor;
            match cursor.u8()? {
                0 => Err(start.malformed(Kind::Length)),
                length => cursor.take(length.into()),
            }
        });
        if result.is_err() {
            let classes = ArrayVec::from_iter(value.text());
            return Some(UserClass { is_plain: true, classes });
        }
        value.note(if classes.is_empty() { Err(Kind::Length) } else { Ok(()) });
        value.omitted = value.omitted.saturating_add(omitted);
        let classes = classes.into_iter().map(|class| OptionText(value.keep(class))).collect();
        Some(UserClass { is_plain: false, classes })
    }
}

/// A vendor's class of a client (RFC 3925, 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VendorClass<'a> {
    /// The vendor (IANA private enterprise numbers).
    pub enterprise: u32,
    /// What the vendor says.
    pub data: OptionOctets<'a>,
}

impl<'a> VendorClass<'a> {
    pub(super) fn read<'v>(value: &mut Value<'v, 'a>) -> ArrayVec<Self, MAX_VENDORS> {
        let parts = value.list::<_, MAX_VENDORS>(enterprise);
        let keep = |(enterprise, data): (u32, Cursor<'v>)| VendorClass {
            enterprise,
            data: OptionOctets(value.keep(data.rest())),
        };
        parts.into_iter().map(keep).collect()
    }
}

/// Options of a vendor (RFC 3925, 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VendorOptions {
    /// The vendor (IANA private enterprise numbers).
    pub enterprise: u32,
    /// Octets of its options.
    pub length: u8,
    /// Its options, at most [`MAX_VENDOR_OPTIONS`]. What they hold is not read.
    pub options: ArrayVec<OptionFact, MAX_VENDOR_OPTIONS>,
}

impl VendorOptions {
    pub(super) fn read(value: &mut Value<'_, '_>) -> ArrayVec<Self, MAX_VENDORS> {
        let parts = value.list::<_, MAX_VENDORS>(enterprise);
        let read = |(enterprise, data): (u32, Cursor<'_>)| {
            let length = u8::try_from(data.wire_remaining()).unwrap_or(u8::MAX);
            let (options, omitted, result) = list(data, OptionFact::parse);
            value.omitted = value.omitted.saturating_add(omitted);
            value.note(result);
            VendorOptions { enterprise, length, options }
        };
        parts.into_iter().map(read).collect()
    }
}

/// An enterprise number and the data behind it, which a length octet encloses.
fn enterprise<'v>(cursor: &mut Cursor<'v>) -> Result<(u32, Cursor<'v>), Malformed> {
    let enterprise = cursor.u32()?;
    let length = cursor.u8()?;
    Ok((enterprise, cursor.split(length.into())?))
}

/// The type of an identifier that holds an IAID and a DUID.
const RFC_4361: u8 = 255;
