//! DHCP Unique Identifiers (RFC 8415, 11; RFC 6355).

use serde::Serialize;

use super::reader::rest;
use crate::{
    Kind, Malformed, Octets, cursor::Cursor, dhcpv4, dhcpv4::is_default, ethernet, registry::registry,
};

/// Most octets of a DUID, with its type (11.1). A longer one is a fault, and is read.
pub const MAX_DUID_LEN: usize = 130;

registry! {
    /// How a DUID was made (RFC 8415, 11.1).
    pub enum DuidKind: u16 {
        /// DUID-LLT: link-layer address plus time (11.2).
        LinkLayerTime = 1, "link-layer-time";
        /// DUID-EN: assigned by a vendor (11.3).
        Enterprise = 2, "enterprise";
        /// DUID-LL: link-layer address (11.4).
        LinkLayer = 3, "link-layer";
        /// DUID-UUID (11.5).
        Uuid = 4, "uuid";
    }
}

/// A DUID. Where it is too short for its type, what was read of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Duid<'a> {
    /// How it was made.
    pub kind: DuidKind,
    /// All its octets with the type: servers and clients look at nothing else.
    pub octets: Octets<'a>,
    /// When a DUID-LLT was made, in seconds since 2000-01-01 UTC, modulo 2^32.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Option<u32>,
    /// The address of a DUID-LLT or DUID-LL.
    #[serde(skip_serializing_if = "is_default")]
    pub link_layer: Option<LinkLayer<'a>>,
    /// The vendor of a DUID-EN (IANA private enterprise numbers).
    #[serde(skip_serializing_if = "is_default")]
    pub enterprise: Option<u32>,
    /// The identifier of a DUID-EN, DUID-UUID or of an unknown type.
    #[serde(skip_serializing_if = "is_default")]
    pub identifier: Option<Octets<'a>>,
}

/// A link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkLayer<'a> {
    /// Hardware type (IANA ARP parameters).
    pub hardware_type: u16,
    /// The address.
    pub address: Octets<'a>,
    /// The address, where the hardware is Ethernet or another IEEE 802 network.
    #[serde(skip_serializing_if = "is_default")]
    pub mac: Option<ethernet::Address>,
}

impl<'a> Duid<'a> {
    /// Reads all octets of the cursor. Nothing when not even the type is whole, or when the capture was cut.
    pub(crate) fn parse(mut cursor: Cursor<'a>) -> (Option<Self>, Result<(), Malformed>) {
        let start = cursor;
        let parsed = rest(&mut start.clone()).and_then(|octets| Ok((octets, cursor.u16()?)));
        let (octets, kind) = match parsed {
            Ok(parsed) => parsed,
            Err(malformed) => return (None, Err(malformed)),
        };
        let mut duid = Duid {
            kind: kind.into(),
            octets: Octets(octets),
            time: None,
            link_layer: None,
            enterprise: None,
            identifier: None,
        };
        let too_long = octets.len() > MAX_DUID_LEN;
        let length = if too_long { Err(start.malformed(Kind::Length)) } else { Ok(()) };
        let result = duid.read(cursor).and(length);
        (Some(duid), result)
    }

    fn read(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        match self.kind {
            DuidKind::LinkLayerTime => {
                let hardware_type = cursor.u16()?;
                self.time = Some(cursor.u32()?);
                self.link_layer = Some(LinkLayer::new(hardware_type, rest(&mut cursor)?));
            }
            DuidKind::LinkLayer => self.link_layer = Some(LinkLayer::parse(&mut cursor)?),
            DuidKind::Enterprise => {
                self.enterprise = Some(cursor.u32()?);
                self.identifier = Some(Octets(rest(&mut cursor)?));
            }
            DuidKind::Uuid => {
                let start = cursor;
                self.identifier = Some(Octets(rest(&mut cursor)?));
                if start.wire_remaining() != UUID_LEN {
                    return Err(start.malformed(Kind::Length));
                }
            }
            DuidKind::Unknown(_) => self.identifier = Some(Octets(rest(&mut cursor)?)),
        }
        Ok(())
    }
}

impl<'a> LinkLayer<'a> {
    fn new(hardware_type: u16, address: &'a [u8]) -> Self {
        LinkLayer { hardware_type, address: Octets(address), mac: dhcpv4::mac(hardware_type, address) }
    }

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let hardware_type = cursor.u16()?;
        Ok(LinkLayer::new(hardware_type, rest(cursor)?))
    }
}

const UUID_LEN: usize = 16;
