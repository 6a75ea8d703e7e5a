//! Foundry Discovery Protocol.
//!
//! There is no public standard; the layout is that of Foundry's and others' implementations. Framing and
//! addresses are those of CDP, with types of its own. A TLV that breaks a rule never hides another one: it is
//! stepped over by its length and becomes an entry in [`Message::malformed`]. A TLV whose length is below that of
//! its own header ends the reading.

use arrayvec::ArrayVec;
use nom::{Parser, combinator::rest, number::complete::be_u16};
use serde::{Serialize, Serializer};

use crate::cdp::{Addresses, Tlvs};
use crate::fields::{finish, set};
use crate::{Faults, Kind, Malformed, Octets, Text, cursor::Cursor, ethernet, registry::registry};

pub use crate::cdp::{HEADER_LEN, MAX_ADDRESSES, MAX_TLVS, TLV_HEADER_LEN};

/// The one version that there is.
pub const VERSION: u8 = 1;
/// SNAP organisation.
pub const OUI: [u8; 3] = [0x00, 0xe0, 0x52];
/// SNAP protocol of that organisation.
pub const PROTOCOL: u16 = 0x2000;
/// Destination of all messages.
pub const DESTINATION: ethernet::Address = ethernet::Address([0x01, 0xe0, 0x52, 0xcc, 0xcc, 0xcc]);
/// Most octets of a map of VLANs: one bit for each of 4096.
pub const MAX_VLAN_MAP_LEN: usize = 512;
/// Most TLVs of unknown types that are kept.
pub const MAX_OPAQUE: usize = 16;

/// What a neighbour says about itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message<'a> {
    /// Version: [`VERSION`]; another one is named as malformed, and read all the same.
    pub version: u8,
    /// For how many seconds the message holds.
    pub ttl: u8,
    /// The checksum; it is not verified.
    pub checksum: u16,
    /// Device ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Text<'a>>,
    /// Network addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Addresses<'a>>,
    /// Port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<Text<'a>>,
    /// What the device is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Text<'a>>,
    /// Software version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<Text<'a>>,
    /// Platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Text<'a>>,
    /// VLANs of the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan_map: Option<VlanMap<'a>>,
    /// How the port tags frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag<'a>>,
    /// How many TLVs are of a type that is not read here.
    pub unknown: u32,
    /// The first of them.
    pub opaque: ArrayVec<Opaque, MAX_OPAQUE>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists, other than faults.
    pub omitted: u32,
}

/// A set of VLANs: the least significant bit of the first octet stands for VLAN 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VlanMap<'a>(pub &'a [u8]);

/// How a port tags frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tag<'a> {
    /// The VLAN of untagged frames.
    pub native_vlan: u16,
    /// Ethertype of the tags.
    pub ethertype: u16,
    /// What follows, of unknown meaning.
    pub rest: Octets<'a>,
}

/// A TLV that is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Opaque {
    /// Its type.
    pub tlv: TlvType,
    /// Octets behind its header.
    pub octets: usize,
}

registry! {
    /// The TLVs.
    pub enum TlvType: u16 {
        /// 1.
        DeviceId = 1, "device-id";
        /// 2.
        Addresses = 2, "net";
        /// 3.
        PortId = 3, "interface";
        /// 4.
        Capabilities = 4, "capabilities";
        /// 5.
        SoftwareVersion = 5, "version";
        /// 6.
        Platform = 6, "platform";
        /// 0x101.
        VlanMap = 0x101, "vlan-map";
        /// 0x102.
        Tag = 0x102, "tag";
    }
}

/// Reads a message. `cursor` ends where the 802.3 length says.
///
/// # Errors
/// [`Malformed`] when the header is not whole. Any later fault is in [`Message::malformed`].
pub fn parse(mut cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let start = cursor;
    let &[version, ttl, c0, c1] = cursor.array::<HEADER_LEN>()?;
    let mut message = Message {
        version,
        ttl,
        checksum: u16::from_be_bytes([c0, c1]),
        device_id: None,
        addresses: None,
        port_id: None,
        capabilities: None,
        software_version: None,
        platform: None,
        vlan_map: None,
        tag: None,
        unknown: 0,
        opaque: ArrayVec::new(),
        malformed: Faults::default(),
        omitted: 0,
    };
    if version != VERSION {
        message.malformed.note::<()>(Err(start.malformed(Kind::Version)));
    }
    for tlv in Tlvs::new(cursor) {
        if let Some(tlv) = message.malformed.note(tlv) {
            let result = message.read(tlv.kind.into(), tlv.value);
            message.malformed.note(result.map_err(|kind| tlv.start.malformed(kind)));
        }
    }
    Ok(message)
}

impl<'a> Message<'a> {
    /// Reads one TLV. An error says that it is malformed; what of it can be used is used nevertheless.
    fn read(&mut self, kind: TlvType, value: &'a [u8]) -> Result<(), Kind> {
        match kind {
            TlvType::DeviceId => set(&mut self.device_id, Text(value)),
            TlvType::Addresses => {
                let (addresses, result) = Addresses::parse(value)?;
                set(&mut self.addresses, addresses).and(result)
            }
            TlvType::PortId => set(&mut self.port_id, Text(value)),
            TlvType::Capabilities => set(&mut self.capabilities, Text(value)),
            TlvType::SoftwareVersion => set(&mut self.software_version, Text(value)),
            TlvType::Platform => set(&mut self.platform, Text(value)),
            TlvType::VlanMap => {
                let map = value.get(..MAX_VLAN_MAP_LEN).unwrap_or(value);
                set(&mut self.vlan_map, VlanMap(map))?;
                if map.len() == value.len() { Ok(()) } else { Err(Kind::Length) }
            }
            TlvType::Tag => {
                let (native_vlan, ethertype, rest) = finish((be_u16, be_u16, rest).parse(value))?;
                set(&mut self.tag, Tag { native_vlan, ethertype, rest: Octets(rest) })
            }
            TlvType::Unknown(_) => {
                self.unknown = self.unknown.saturating_add(1);
                if self.opaque.try_push(Opaque { tlv: kind, octets: value.len() }).is_err() {
                    self.omitted = self.omitted.saturating_add(1);
                }
                Ok(())
            }
        }
    }
}

impl VlanMap<'_> {
    /// The VLANs of the set, in ascending order.
    pub fn vids(self) -> impl Iterator<Item = u16> {
        let bits = self.0.iter().flat_map(|octet| (0u8..8).map(move |bit| (octet >> bit) & 1 == 1));
        (1u16..).zip(bits).filter(|(_, set)| *set).map(|(vid, _)| vid)
    }
}

impl Serialize for VlanMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.vids())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use proptest::prelude::*;

    fn tlv(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + TLV_HEADER_LEN).unwrap();
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    }

    fn message(tlvs: &[Vec<u8>]) -> Vec<u8> {
        [&[1, 180, 0x12, 0x34][..], &tlvs.concat()].concat()
    }

    fn read(bytes: &[u8]) -> Message<'_> {
        parse(Cursor::new(bytes, 0, Layer::Fdp)).unwrap()
    }

    #[test]
    fn every_tlv_is_read() {
        let bytes = message(&[
            tlv(1, b"sw1"),
            tlv(2, &[0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 192, 0, 2, 1]),
            tlv(3, b"ethernet1"),
            tlv(4, b"Switch"),
            tlv(5, b"ver"),
            tlv(6, b"plat"),
            tlv(0x101, &[0x03, 0x80, 0x01]),
            tlv(0x102, &[0, 5, 0x81, 0, 0xaa]),
            tlv(7, b"x"),
        ]);
        let m = read(&bytes);
        assert!(m.malformed.is_empty());
        assert_eq!((m.version, m.ttl, m.checksum), (1, 180, 0x1234));
        assert_eq!((m.device_id, m.port_id), (Some(Text(b"sw1")), Some(Text(b"ethernet1"))));
        assert_eq!((m.capabilities, m.software_version), (Some(Text(b"Switch")), Some(Text(b"ver"))));
        assert_eq!((m.platform, m.unknown), (Some(Text(b"plat")), 1));
        assert_eq!(m.addresses.unwrap().list[0].ip, Some([192, 0, 2, 1].into()));
        assert_eq!(m.vlan_map.unwrap().vids().collect::<Vec<_>>(), [1, 2, 16, 17]);
        assert_eq!(m.tag, Some(Tag { native_vlan: 5, ethertype: 0x8100, rest: Octets(&[0xaa]) }));
        assert_eq!(m.opaque[..], [Opaque { tlv: TlvType::Unknown(7), octets: 1 }]);
    }

    #[test]
    fn another_version_is_named_and_read_all_the_same() {
        let mut bytes = message(&[tlv(1, b"sw1")]);
        bytes[0] = 2;
        let m = read(&bytes);
        assert_eq!(m.malformed.first().map_err(|f| (f.offset, f.kind)), Err((0, Kind::Version)));
        assert_eq!(m.device_id, Some(Text(b"sw1")));
    }

    #[test]
    fn a_map_beyond_all_vlans_is_cut_and_named() {
        let bytes = message(&[tlv(0x101, &[0xff; 600])]);
        let m = read(&bytes);
        assert_eq!(m.malformed.first().map_err(|f| f.kind), Err(Kind::Length));
        assert_eq!(m.vlan_map.unwrap().vids().count(), 4096);
    }

    #[test]
    fn a_tlv_of_zero_length_does_not_loop() {
        let bytes = message(&[tlv(1, b"sw1"), vec![0, 5, 0, 0]]);
        assert_eq!(read(&bytes).malformed.first().map_err(|f| (f.offset, f.kind)), Err((11, Kind::Length)));
        assert_eq!(read(&bytes).device_id, Some(Text(b"sw1")));
    }

    #[test]
    fn a_value_shorter_than_its_fields_hides_no_other() {
        let bytes = message(&[tlv(0x102, &[0, 5, 0x81]), tlv(2, &[0, 0]), tlv(1, b"a"), tlv(1, b"b")]);
        let m = read(&bytes);
        let kinds: Vec<_> = m.malformed.iter().map(|f| f.kind).collect();
        assert_eq!((kinds, m.device_id), (vec![Kind::Short, Kind::Short, Kind::Duplicate], Some(Text(b"a"))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 5),
            map in prop::collection::vec(any::<u8>(), 0..=MAX_VLAN_MAP_LEN), native in any::<u16>(),
        ) {
            let kinds = [1, 3, 4, 5, 6];
            let mut tlvs: Vec<_> = kinds.iter().zip(&texts).map(|(kind, text)| tlv(*kind, text)).collect();
            tlvs.push(tlv(0x101, &map));
            tlvs.push(tlv(0x102, &[&native.to_be_bytes()[..], &[0x81, 0]].concat()));
            let bytes = message(&tlvs);
            let m = read(&bytes);
            prop_assert!(m.malformed.is_empty());
            let read = [m.device_id, m.port_id, m.capabilities, m.software_version, m.platform];
            prop_assert_eq!(read.map(|t| t.unwrap().0.to_vec()).to_vec(), texts);
            prop_assert_eq!(m.vlan_map, Some(VlanMap(&map)));
            prop_assert_eq!(m.tag.unwrap().native_vlan, native);
        }

        #[test]
        fn no_octets_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), wire_len in 0u32..1000) {
            let _ = parse(Cursor::new(&bytes, wire_len, Layer::Fdp));
        }
    }
}
