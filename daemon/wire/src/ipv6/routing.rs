//! Routing headers (RFC 8200, 4.4).

use std::{fmt, net::Ipv6Addr};

use serde::{Serialize, Serializer};

use super::options::MAX_OPTIONS;
use crate::{
    Kind,
    options::{Framed, Layout, Walk},
    registry::registry,
};

/// A Routing header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Routing<'a> {
    /// Its type.
    pub routing_type: RoutingType,
    /// How many of the listed nodes are still to be visited.
    pub segments_left: u8,
    /// The rest, by type.
    pub data: RoutingData<'a>,
}

registry! {
    /// The types of Routing headers (IANA IPv6 routing types).
    pub enum RoutingType: u8 {
        /// Source route, deprecated (RFC 5095).
        SourceRoute = 0, "source-route";
        /// Nimrod, deprecated.
        Nimrod = 1, "nimrod";
        /// Type 2: the home address of a mobile node (RFC 6275, 6.4).
        Mobility = 2, "type-2";
        /// RPL source route (RFC 6554).
        Rpl = 3, "rpl-source-route";
        /// Segment routing (RFC 8754).
        SegmentRouting = 4, "segment-routing";
        /// CRH-16 (RFC 9631).
        Compact16 = 5, "crh-16";
        /// CRH-32 (RFC 9631).
        Compact32 = 6, "crh-32";
    }
}

/// What a Routing header says, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingData<'a> {
    /// The nodes of a source route.
    Addresses(Addresses<'a>),
    /// The home address of a mobile node.
    HomeAddress(Ipv6Addr),
    /// An RPL source route.
    Rpl(RplRoute),
    /// A segment list.
    Segments(SegmentRouting<'a>),
    /// A type that is not read here.
    Unknown,
}

/// An RPL source route (RFC 6554, 3), whose addresses lack what they share with the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RplRoute {
    /// CmprI: octets that all addresses but the last lack.
    pub compressed: u8,
    /// CmprE: octets that the last address lacks.
    pub compressed_last: u8,
    /// Octets of padding behind the addresses.
    pub padding: u8,
    /// How many addresses there are.
    pub addresses: u8,
}

/// A Segment Routing Header (RFC 8754, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentRouting<'a> {
    /// Index of the last segment in the list.
    pub last_entry: u8,
    /// Flags.
    pub flags: u8,
    /// Tag of packets that belong together.
    pub tag: u16,
    /// The segments, the last one first.
    pub segments: Addresses<'a>,
    /// The TLVs.
    pub tlvs: SegmentTlvs<'a>,
}

/// Addresses of a Routing header: at most 127, for its length has eight bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'a>(&'a [[u8; 16]]);

/// The TLVs of a Segment Routing Header (RFC 8754, 2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SegmentTlvs<'a>(&'a [u8]);

/// One TLV of a Segment Routing Header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentTlv {
    /// Its type.
    pub kind: SegmentTlvType,
    /// Octets behind its length field, as it says; 0 for Pad1, which has none.
    pub length: u8,
    /// HMAC Key ID of an HMAC TLV (2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<u32>,
}

registry! {
    /// The types of TLVs (IANA segment routing header TLVs).
    pub enum SegmentTlvType: u8 {
        /// Pad1.
        Pad1 = 0, "pad1";
        /// PadN.
        PadN = 4, "padn";
        /// HMAC.
        Hmac = 5, "hmac";
    }
}

impl<'a> Routing<'a> {
    /// Reads what is behind the Next Header and length octets.
    pub(super) fn read(octets: &'a [u8]) -> Result<Self, Kind> {
        let (&[routing_type, segments_left, a, b, c, d], list) =
            octets.split_first_chunk().ok_or(Kind::Length)?;
        let routing_type = RoutingType::from(routing_type);
        let data = match routing_type {
            RoutingType::SourceRoute => {
                let (addresses, odd) = list.as_chunks();
                if !odd.is_empty() {
                    return Err(Kind::Length);
                }
                RoutingData::Addresses(Addresses(addresses))
            }
            RoutingType::Mobility => {
                let address: [u8; 16] = list.try_into().map_err(|_| Kind::Length)?;
                RoutingData::HomeAddress(address.into())
            }
            RoutingType::Rpl => RoutingData::Rpl(RplRoute::read(a, b, list.len())?),
            RoutingType::SegmentRouting => {
                let count = usize::from(a).saturating_add(1);
                let (segments, tlvs) = list.split_at_checked(count.saturating_mul(16)).ok_or(Kind::Length)?;
                let (segments, _) = segments.as_chunks();
                RoutingData::Segments(SegmentRouting {
                    last_entry: a,
                    flags: b,
                    tag: u16::from_be_bytes([c, d]),
                    segments: Addresses(segments),
                    tlvs: SegmentTlvs(tlvs),
                })
            }
            _ => RoutingData::Unknown,
        };
        Ok(Routing { routing_type, segments_left, data })
    }

    /// More segments are left than are listed, or a TLV leads out of the header.
    pub(super) fn check(&self) -> Result<(), Kind> {
        let listed = match self.data {
            RoutingData::Addresses(addresses) => addresses.len(),
            RoutingData::HomeAddress(_) => 1,
            RoutingData::Rpl(route) => usize::from(route.addresses),
            RoutingData::Segments(list) => {
                list.tlvs.check()?;
                list.segments.len()
            }
            RoutingData::Unknown => return Ok(()),
        };
        if usize::from(self.segments_left) > listed { Err(Kind::Value) } else { Ok(()) }
    }
}

impl RplRoute {
    /// The number of addresses by the rule of RFC 6554, 3.
    fn read(compression: u8, padding: u8, octets: usize) -> Result<Self, Kind> {
        let (compressed, compressed_last, padding) = (compression >> 4, compression & 0x0f, padding >> 4);
        let left = octets.checked_sub(usize::from(padding)).ok_or(Kind::Length)?;
        let addresses = if left == 0 {
            0
        } else {
            let last = 16usize.saturating_sub(usize::from(compressed_last));
            let each = 16usize.saturating_sub(usize::from(compressed));
            let others = left.checked_sub(last).ok_or(Kind::Length)?;
            if others.checked_rem(each) != Some(0) {
                return Err(Kind::Length);
            }
            let count = others.checked_div(each).unwrap_or(0).saturating_add(1);
            u8::try_from(count).map_err(|_| Kind::Limit)?
        };
        Ok(RplRoute { compressed, compressed_last, padding, addresses })
    }
}

impl Addresses<'_> {
    /// The addresses in the order of the header.
    pub fn iter(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.0.iter().map(|address| Ipv6Addr::from(*address))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl SegmentTlvs<'_> {
    /// The TLVs in their order, at most [`MAX_OPTIONS`], up to one that leads nowhere.
    pub fn iter(&self) -> impl Iterator<Item = SegmentTlv> {
        let read = |framed: Framed<'_>| {
            let kind = SegmentTlvType::from(framed.kind);
            let key_id = match (kind, framed.value) {
                (SegmentTlvType::Hmac, Some([_, _, a, b, c, d, ..])) => {
                    Some(u32::from_be_bytes([*a, *b, *c, *d]))
                }
                _ => None,
            };
            SegmentTlv { kind, length: framed.length, key_id }
        };
        Walk::new(self.0, Layout::Ipv6).take(MAX_OPTIONS).map(read)
    }

    fn check(&self) -> Result<(), Kind> {
        for (position, framed) in Walk::new(self.0, Layout::Ipv6).enumerate() {
            match framed.value {
                _ if position == MAX_OPTIONS => return Err(Kind::Limit),
                None => return Err(Kind::Length),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Addresses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl fmt::Debug for SegmentTlvs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for SegmentTlvs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
