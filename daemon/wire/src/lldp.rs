//! LLDP data units (IEEE 802.1AB-2016, 8 and 9.2.7.7).
//!
//! A TLV that breaks a rule never hides another one: it is stepped over by its length and becomes an
//! entry in [`Advertisement::malformed`]. Octets behind the known fields of a TLV belong to a later
//! version of it and are ignored.

use arrayvec::ArrayVec;
use nom::{Parser, bytes::complete::take, number::complete::be_u16};

use serde::Serialize;

use crate::fields::{Parsed, array, finish, once, short};
use crate::{Faults, Kind, Octets, Text, cursor::Cursor};

mod basic;
pub mod cisco;
pub mod dot1;
pub mod dot3;
mod identifier;
pub mod med;
mod organisation;
pub mod profinet;

pub use basic::{
    Capabilities, CapabilitySet, InterfaceNumber, InterfaceNumbering, LinkAggregation, ManagementAddress,
    NetworkAddress, PortType,
};
pub use identifier::{ChassisId, ChassisIdSubtype, Form, Identifier, PortId, PortIdSubtype, Subtype};
pub use organisation::{Opaque, Organisation, Oui};

/// Octets of a TLV's header: 7 bits of type, 9 of length (8.4.1).
pub const HEADER_LEN: usize = 2;
/// Most TLVs of a data unit that are read.
pub const MAX_TLVS: usize = 1024;
/// Most octets of a text (8.5.5 to 8.5.7).
pub const MAX_TEXT_LEN: usize = 255;
/// Most management addresses that are kept.
pub const MAX_MANAGEMENT_ADDRESSES: usize = 16;
/// Most TLVs of unknown types or organisations that are kept.
pub const MAX_OPAQUE: usize = 32;
/// The organisation of the MUD URL TLV: IANA (RFC 8520, 11).
pub const IANA_OUI: [u8; 3] = [0x00, 0x00, 0x5e];

/// What a neighbour says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Advertisement<'a> {
    /// Chassis ID (8.5.2).
    pub chassis_id: Option<ChassisId<'a>>,
    /// Port ID (8.5.3).
    pub port_id: Option<PortId<'a>>,
    /// Time To Live, in seconds; 0 announces that the port shuts down (8.5.4).
    pub ttl: Option<u16>,
    /// Port Description (8.5.5).
    pub port_description: Option<Text<'a>>,
    /// System Name (8.5.6).
    pub system_name: Option<Text<'a>>,
    /// System Description (8.5.7).
    pub system_description: Option<Text<'a>>,
    /// System Capabilities (8.5.8).
    pub capabilities: Option<Capabilities>,
    /// Management Addresses (8.5.9), in the order they were sent.
    pub management_addresses: ArrayVec<ManagementAddress<'a>, MAX_MANAGEMENT_ADDRESSES>,
    /// IEEE 802.1 TLVs.
    pub dot1: dot1::Extension<'a>,
    /// IEEE 802.3 TLVs.
    pub dot3: dot3::Extension<'a>,
    /// LLDP-MED TLVs.
    pub med: med::Extension<'a>,
    /// PROFINET TLVs.
    pub profinet: profinet::Extension<'a>,
    /// Cisco TLVs.
    pub cisco: cisco::Extension<'a>,
    /// Manufacturer Usage Description: where a description of the device is to be had (RFC 8520, 11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mud_url: Option<Text<'a>>,
    /// How many TLVs are of a type, organisation or subtype that is not read here.
    pub unknown: u32,
    /// The first of them, as they were sent.
    pub opaque: ArrayVec<Opaque<'a>, MAX_OPAQUE>,
    /// What is wrong with the data unit, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists, other than faults.
    pub omitted: u32,
}

impl Advertisement<'_> {
    /// Whether it names a neighbour: all three mandatory TLVs are there and can be read.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.chassis_id.is_some() && self.port_id.is_some() && self.ttl.is_some()
    }

    /// Whether the neighbour says that it leaves (9.1.2.2).
    #[must_use]
    pub fn is_shutdown(&self) -> bool {
        self.ttl == Some(0)
    }

    /// Whether the port is a member of a link aggregation, as the 802.1 or else the older 802.3 TLV
    /// says.
    #[must_use]
    pub fn link_aggregated(&self) -> Option<bool> {
        self.dot1.link_aggregation.or(self.dot3.link_aggregation).map(|l| l.enabled)
    }

    /// Power allocated to the powered device in milliwatts, as the 802.3 or else the LLDP-MED TLV says.
    #[must_use]
    pub fn power_allocated_mw(&self) -> Option<u32> {
        let dot3 = self.dot3.power.and_then(|p| p.allocated_mw());
        dot3.or(self.med.extended_power.map(|p| p.power_mw))
    }
}

/// Reads a data unit: all TLVs up to the End TLV. What follows it is padding.
pub fn parse(mut cursor: Cursor<'_>) -> Advertisement<'_> {
    let mut advertisement = Advertisement::default();
    let mut ended = false;
    for position in 0..MAX_TLVS {
        let start = cursor;
        let Ok((_, tlv)) = tlv(cursor.rest()) else { break };
        if cursor.take(tlv.value.len().saturating_add(HEADER_LEN)).is_err() {
            break;
        }
        let result = advertisement.read(tlv, position);
        advertisement.malformed.note(result.map_err(|kind| start.malformed(kind)));
        if tlv.kind == END {
            ended = true;
            break;
        }
    }
    if !ended {
        let kind = match cursor.rest() {
            _ if cursor.is_cut() => Kind::NotCaptured,
            [] => Kind::Missing,
            [_] => Kind::Short,
            rest if tlv(rest).is_ok() => Kind::Limit,
            _ => Kind::Length,
        };
        advertisement.malformed.note::<()>(Err(cursor.malformed(kind)));
    }
    if !advertisement.is_usable() && (ended || !cursor.is_cut()) {
        advertisement.malformed.note::<()>(Err(cursor.malformed(Kind::Missing)));
    }
    advertisement
}

/// A TLV as it is framed (8.4).
#[derive(Clone, Copy)]
struct Tlv<'a> {
    kind: u8,
    value: &'a [u8],
}

/// Whether a TLV was used.
enum Reading {
    Used,
    Unknown,
    /// So many entries found no room.
    Omitted(u32),
}

impl<'a> Advertisement<'a> {
    /// Reads one TLV. An error says that it is malformed; what of it can be used is used nevertheless.
    fn read(&mut self, tlv: Tlv<'a>, position: usize) -> Result<(), Kind> {
        let value = tlv.value;
        match tlv.kind {
            END if value.is_empty() => Ok(()),
            END => Err(Kind::Length),
            CHASSIS_ID => {
                let id = once(&mut self.chassis_id, Identifier::parse(value)?)?;
                in_order(position, 0).and(id.check())
            }
            PORT_ID => {
                let id = once(&mut self.port_id, Identifier::parse(value)?)?;
                in_order(position, 1).and(id.check())
            }
            TTL => {
                once(&mut self.ttl, finish(be_u16.parse(value))?)?;
                in_order(position, 2)
            }
            PORT_DESCRIPTION => text(&mut self.port_description, value, MAX_TEXT_LEN),
            SYSTEM_NAME => text(&mut self.system_name, value, MAX_TEXT_LEN),
            SYSTEM_DESCRIPTION => text(&mut self.system_description, value, MAX_TEXT_LEN),
            SYSTEM_CAPABILITIES => once(&mut self.capabilities, Capabilities::parse(value)?)?.check(),
            MANAGEMENT_ADDRESS => {
                let (address, rest) = ManagementAddress::parse(value)?;
                let reading = push(&mut self.management_addresses, address);
                self.count(reading);
                rest
            }
            ORGANISATIONALLY_SPECIFIC => self.read_organisation(value),
            kind => {
                self.keep_opaque(Opaque { tlv: kind, organisation: None, value: Octets(value) });
                Ok(())
            }
        }
    }

    fn read_organisation(&mut self, value: &'a [u8]) -> Result<(), Kind> {
        let (&[o0, o1, o2, subtype], value) = value.split_first_chunk().ok_or(Kind::Short)?;
        let oui = [o0, o1, o2];
        let reading = match oui {
            dot1::OUI => self.dot1.read(subtype, value)?,
            dot3::OUI => self.dot3.read(subtype, value)?,
            med::OUI => self.med.read(subtype, value)?,
            profinet::OUI => self.profinet.read(subtype, value)?,
            cisco::OUI => self.cisco.read(subtype, value)?,
            IANA_OUI if subtype == MUD_URL => {
                text(&mut self.mud_url, value, MAX_TEXT_LEN)?;
                Reading::Used
            }
            _ => Reading::Unknown,
        };
        if let Reading::Unknown = reading {
            let organisation = Some(Organisation { oui: oui.into(), subtype });
            self.keep_opaque(Opaque { tlv: ORGANISATIONALLY_SPECIFIC, organisation, value: Octets(value) });
        }
        self.count(reading);
        Ok(())
    }

    fn keep_opaque(&mut self, opaque: Opaque<'a>) {
        self.unknown = self.unknown.saturating_add(1);
        let reading = push(&mut self.opaque, opaque);
        self.count(reading);
    }

    fn count(&mut self, reading: Reading) {
        if let Reading::Omitted(entries) = reading {
            self.omitted = self.omitted.saturating_add(entries);
        }
    }
}

fn tlv(input: &[u8]) -> Parsed<'_, Tlv<'_>> {
    let (input, header) = be_u16.parse(input)?;
    let [high, _] = header.to_be_bytes();
    let (input, value) = take(header & 0x01ff).parse(input)?;
    Ok((input, Tlv { kind: high >> 1, value }))
}

fn in_order(position: usize, expected: usize) -> Result<(), Kind> {
    if position == expected { Ok(()) } else { Err(Kind::Order) }
}

fn text<'a>(place: &mut Option<Text<'a>>, value: &'a [u8], longest: usize) -> Result<(), Kind> {
    once(place, Text(value))?;
    if value.len() > longest { Err(Kind::Length) } else { Ok(()) }
}

fn push<T, const N: usize>(list: &mut ArrayVec<T, N>, value: T) -> Reading {
    list.try_push(value).map_or(Reading::Omitted(1), |()| Reading::Used)
}

/// The entries of `N` octets of a table that may occur once. An error when the last one is not whole.
fn entries<'a, const N: usize, T, const MAX: usize>(
    list: &mut ArrayVec<T, MAX>,
    value: &'a [u8],
    entry: impl Fn(&'a [u8; N]) -> T,
) -> Result<Reading, Kind> {
    if !list.is_empty() {
        return Err(Kind::Duplicate);
    }
    let (whole, rest) = value.as_chunks::<N>();
    let mut omitted = 0u32;
    for chunk in whole {
        if let Reading::Omitted(one) = push(list, entry(chunk)) {
            omitted = omitted.saturating_add(one);
        }
    }
    if !rest.is_empty() {
        return Err(Kind::Length);
    }
    Ok(if omitted == 0 { Reading::Used } else { Reading::Omitted(omitted) })
}

const END: u8 = 0;
const CHASSIS_ID: u8 = 1;
const PORT_ID: u8 = 2;
const TTL: u8 = 3;
const PORT_DESCRIPTION: u8 = 4;
const SYSTEM_NAME: u8 = 5;
const SYSTEM_DESCRIPTION: u8 = 6;
const SYSTEM_CAPABILITIES: u8 = 7;
const MANAGEMENT_ADDRESS: u8 = 8;
const ORGANISATIONALLY_SPECIFIC: u8 = 127;
const MUD_URL: u8 = 1;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
