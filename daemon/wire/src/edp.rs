//! Extreme Discovery Protocol.
//!
//! There is no public standard; the layout is that of Extreme's and others' implementations. A TLV that
//! breaks a rule never hides another one: it is stepped over by its length and becomes an entry in
//! [`Message::malformed`]. A TLV without its marker, or whose length is below that of its own header, ends the
//! reading.

use std::net::Ipv4Addr;

use arrayvec::ArrayVec;
use nom::{
    Parser,
    bytes::complete::take,
    combinator::rest,
    number::complete::{be_u8, be_u16, be_u32},
};
use serde::Serialize;

use crate::fields::{Parsed, array, finish, set};
use crate::{Faults, Kind, Malformed, Octets, Text, checksum, cursor::Cursor, ethernet, registry::registry};

/// Octets of the header.
pub const HEADER_LEN: usize = 16;
/// Octets of a TLV's header: marker, type and length.
pub const TLV_HEADER_LEN: usize = 4;
/// What every TLV begins with.
pub const TLV_MARKER: u8 = 0x99;
/// The one version that there is.
pub const VERSION: u8 = 1;
/// SNAP organisation.
pub const OUI: [u8; 3] = [0x00, 0xe0, 0x2b];
/// SNAP protocol of that organisation.
pub const PROTOCOL: u16 = 0x00bb;
/// Destination of all messages.
pub const DESTINATION: ethernet::Address = ethernet::Address([0x00, 0xe0, 0x2b, 0x00, 0x00, 0x00]);
/// Most TLVs of a message that are read.
pub const MAX_TLVS: usize = 512;
/// Most VLANs that are kept.
pub const MAX_VLANS: usize = 32;
/// Most TLVs of types that are not read which are kept.
pub const MAX_OPAQUE: usize = 16;

/// What a neighbour says about itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message<'a> {
    /// Version: [`VERSION`]; another one is named as malformed, and read all the same.
    pub version: u8,
    /// Octets of the message, with its header.
    pub length: u16,
    /// The checksum.
    pub checksum: u16,
    /// Whether the checksum is right (RFC 1071, over the message); `None` where not the whole message is there.
    pub checksum_valid: Option<bool>,
    /// Number of the message.
    pub sequence: u16,
    /// What identifies the machine: 0 a MAC address.
    pub machine_id_type: u16,
    /// The machine.
    pub machine_id: ethernet::Address,
    /// Display: the machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<Text<'a>>,
    /// Info: the port, and what runs the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Info<'a>>,
    /// VLANs of the port.
    pub vlans: ArrayVec<Vlan<'a>, MAX_VLANS>,
    /// Whether the end was marked. Octets behind it are ignored.
    pub ended: bool,
    /// How many TLVs are of a type that is not read here.
    pub unknown: u32,
    /// The first of them.
    pub opaque: ArrayVec<Opaque, MAX_OPAQUE>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists, other than faults.
    pub omitted: u32,
}

/// The port, and what runs the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Info<'a> {
    /// Slot, counted from 1 as on the machine's front.
    pub slot: u32,
    /// Port, counted from 1 as on the machine's front.
    pub port: u32,
    /// Virtual chassis.
    pub virtual_chassis: u16,
    /// Software version: two major numbers, sustaining, internal.
    pub version: [u8; 4],
    /// Connections of the virtual chassis; empty where the TLV ends before them.
    pub connections: Octets<'a>,
}

/// A VLAN of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Vlan<'a> {
    /// Flags, as they were sent.
    pub flags: u8,
    /// The VLAN has an IP address: bit 7 of the flags.
    pub has_ip: bool,
    /// The VLAN.
    pub vid: u16,
    /// Address of the machine in the VLAN; 0.0.0.0 for none.
    pub ip: Ipv4Addr,
    /// The VLAN's name.
    pub name: Text<'a>,
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
    pub enum TlvType: u8 {
        /// 0: the end.
        Null = 0, "null";
        /// 1.
        Display = 1, "display";
        /// 2.
        Info = 2, "info";
        /// 5.
        Vlan = 5, "vlan";
        /// 8: Extreme Standby Router Protocol; not read.
        Esrp = 8, "esrp";
        /// 11: Ethernet Automatic Protection Switching (RFC 3619); not read.
        Eaps = 11, "eaps";
        /// 13: Extreme Loop Recovery Protocol; not read.
        Elrp = 13, "elrp";
        /// 14: EAPS shared links; not read.
        Esl = 14, "esl";
        /// 15: Extreme Link Status Monitoring; not read.
        Elsm = 15, "elsm";
        /// 21: not read.
        Link = 21, "link";
    }
}

/// Reads a message. What is behind its length, or behind its end, is padding.
///
/// # Errors
/// [`Malformed`] when the header is not whole. Any later fault is in [`Message::malformed`].
pub fn parse(mut cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let start = cursor;
    let header: &[u8; HEADER_LEN] = cursor.array()?;
    let [version, _, l0, l1, c0, c1, s0, s1, t0, t1, machine_id @ ..] = *header;
    let length = u16::from_be_bytes([l0, l1]);
    let mut message = Message {
        version,
        length,
        checksum: u16::from_be_bytes([c0, c1]),
        checksum_valid: checksum_of(start, length.into()),
        sequence: u16::from_be_bytes([s0, s1]),
        machine_id_type: u16::from_be_bytes([t0, t1]),
        machine_id: ethernet::Address(machine_id),
        display: None,
        info: None,
        vlans: ArrayVec::new(),
        ended: false,
        unknown: 0,
        opaque: ArrayVec::new(),
        malformed: Faults::default(),
        omitted: 0,
    };
    if version != VERSION {
        message.malformed.note::<()>(Err(start.malformed(Kind::Version)));
    }
    let limited = usize::from(length)
        .checked_sub(HEADER_LEN)
        .ok_or_else(|| start.malformed(Kind::Length))
        .and_then(|body| cursor.limit(body));
    message.malformed.note(limited);
    let tlvs = message.read_tlvs(cursor);
    message.malformed.note(tlvs);
    Ok(message)
}

fn checksum_of(mut message: Cursor<'_>, length: usize) -> Option<bool> {
    message.limit(length).ok().filter(|()| !message.is_cut()).map(|()| checksum::is_valid(message.rest()))
}

impl<'a> Message<'a> {
    /// Reads TLVs up to the end. An error says why it ended before.
    fn read_tlvs(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        for _ in 0..MAX_TLVS {
            if cursor.is_empty() {
                return Ok(());
            }
            let start = cursor;
            let &[marker, kind, l0, l1] = cursor.array::<TLV_HEADER_LEN>()?;
            if marker != TLV_MARKER {
                return Err(start.malformed(Kind::Value));
            }
            let length = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(TLV_HEADER_LEN);
            let length = length
                .filter(|length| *length <= cursor.wire_remaining())
                .ok_or_else(|| start.malformed(Kind::Length))?;
            let value = cursor.take(length)?;
            let result = self.read(kind.into(), value);
            self.malformed.note(result.map_err(|kind| start.malformed(kind)));
            if self.ended {
                return Ok(());
            }
        }
        if cursor.is_empty() { Ok(()) } else { Err(cursor.malformed(Kind::Limit)) }
    }

    /// Reads one TLV. An error says that it is malformed.
    fn read(&mut self, kind: TlvType, value: &'a [u8]) -> Result<(), Kind> {
        match kind {
            TlvType::Null => {
                self.ended = true;
                if value.is_empty() { Ok(()) } else { Err(Kind::Length) }
            }
            TlvType::Display => set(&mut self.display, Text(value)),
            TlvType::Info => set(&mut self.info, finish(info(value))?),
            TlvType::Vlan => {
                let vlan = finish(vlan(value))?;
                if self.vlans.try_push(vlan).is_err() {
                    self.omitted = self.omitted.saturating_add(1);
                }
                Ok(())
            }
            tlv => {
                self.unknown = self.unknown.saturating_add(1);
                if self.opaque.try_push(Opaque { tlv, octets: value.len() }).is_err() {
                    self.omitted = self.omitted.saturating_add(1);
                }
                Ok(())
            }
        }
    }
}

fn info(input: &[u8]) -> Parsed<'_, Info<'_>> {
    let (input, (slot, port, virtual_chassis)) = (be_u16, be_u16, be_u16).parse(input)?;
    let (input, (_reserved, version, connections)) = (take(6usize), array, rest).parse(input)?;
    let info = Info {
        slot: u32::from(slot).saturating_add(1),
        port: u32::from(port).saturating_add(1),
        virtual_chassis,
        version,
        connections: Octets(connections),
    };
    Ok((input, info))
}

fn vlan(input: &[u8]) -> Parsed<'_, Vlan<'_>> {
    let (input, (flags, _reserved, vid)) = (be_u8, be_u8, be_u16).parse(input)?;
    let (input, (_reserved, ip, name)) = (be_u32, be_u32, rest).parse(input)?;
    Ok((input, Vlan { flags, has_ip: flags & 0x80 != 0, vid, ip: ip.into(), name: Text(name) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use proptest::prelude::*;

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + TLV_HEADER_LEN).unwrap();
        [&[TLV_MARKER, kind][..], &length.to_be_bytes(), value].concat()
    }

    fn message(tlvs: &[Vec<u8>]) -> Vec<u8> {
        let body = tlvs.concat();
        let length = u16::try_from(body.len() + HEADER_LEN).unwrap().to_be_bytes();
        [&[1, 0][..], &length, &[0x12, 0x34, 0, 7, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55], &body].concat()
    }

    fn read(bytes: &[u8]) -> Message<'_> {
        parse(Cursor::new(bytes, 0, Layer::Edp)).unwrap()
    }

    fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
        read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
    }

    fn end() -> Vec<u8> {
        tlv(0, &[])
    }

    const INFO: [u8; 16] = [0, 0, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 15, 3, 1, 2];
    const VLAN: &[u8] = b"\x80\0\0\x0a\0\0\0\0\x0a\0\0\x01Default\0";

    #[test]
    fn every_tlv_is_read_up_to_the_end() {
        let mut bytes = message(&[tlv(1, b"sw1\0"), tlv(2, &INFO), tlv(5, VLAN), tlv(8, &[1; 9]), end()]);
        bytes.extend([0; 20]);
        let m = read(&bytes);
        assert!(m.malformed.is_empty() && m.ended);
        assert_eq!((m.version, m.checksum, m.sequence, m.machine_id_type), (1, 0x1234, 7, 0));
        assert_eq!(m.machine_id.to_string(), "00:11:22:33:44:55");
        assert_eq!(m.display.unwrap().to_string(), "sw1");
        let info = m.info.unwrap();
        assert_eq!((info.slot, info.port, info.virtual_chassis, info.version), (1, 5, 1, [15, 3, 1, 2]));
        assert_eq!((m.vlans[0].vid, m.vlans[0].ip), (10, [10, 0, 0, 1].into()));
        assert!(m.vlans[0].has_ip);
        assert_eq!(m.vlans[0].name.to_string(), "Default");
        assert_eq!((m.unknown, m.opaque[0]), (1, Opaque { tlv: TlvType::Esrp, octets: 9 }));
    }

    #[test]
    fn the_checksum_covers_the_message_and_no_padding() {
        let mut bytes = message(&[tlv(1, b"sw"), end()]);
        assert_eq!(read(&bytes).checksum_valid, Some(false));
        bytes[4..6].copy_from_slice(&[0; 2]);
        let sum = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
        let sum: u32 = sum.sum();
        let folded = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        bytes[4..6].copy_from_slice(&(!folded).to_be_bytes());
        let whole = bytes.len();
        bytes.extend([0xff; 9]);
        assert_eq!(read(&bytes).checksum_valid, Some(true));
        let wire = u32::try_from(bytes.len()).unwrap();
        let cut = |end| parse(Cursor::new(&bytes[..end], wire, Layer::Edp)).unwrap().checksum_valid;
        assert_eq!((cut(whole), cut(whole - 1)), (Some(true), None));
        bytes[2..4].copy_from_slice(&[1, 0]);
        assert_eq!(read(&bytes).checksum_valid, None);
    }

    #[test]
    fn another_version_is_named_and_read_all_the_same() {
        let mut bytes = message(&[tlv(1, b"sw"), end()]);
        bytes[0] = 0;
        assert_eq!((faults(&bytes), read(&bytes).ended), (vec![(0, Kind::Version)], true));
    }

    #[test]
    fn a_tlv_of_zero_length_does_not_loop() {
        for length in 0..4 {
            let bytes = message(&[tlv(1, b"sw"), vec![TLV_MARKER, 5, 0, length], end()]);
            assert_eq!(faults(&bytes), [(22, Kind::Length)]);
            assert!(read(&bytes).display.is_some());
        }
    }

    #[test]
    fn a_tlv_without_its_marker_ends_the_reading() {
        let bytes = message(&[tlv(1, b"sw"), vec![0x98, 5, 0, 4], end()]);
        assert_eq!((faults(&bytes), read(&bytes).ended), (vec![(22, Kind::Value)], false));
    }

    #[test]
    fn a_tlv_beyond_the_message_is_named() {
        assert_eq!(faults(&message(&[vec![TLV_MARKER, 1, 1, 0, b'x']])), [(16, Kind::Length)]);
        assert_eq!(faults(&message(&[vec![TLV_MARKER, 1]])), [(16, Kind::Short)]);
    }

    #[test]
    fn a_length_that_cannot_be_is_named_and_the_rest_is_read() {
        let mut bytes = message(&[tlv(1, b"sw"), end()]);
        for length in [0u16, 15, 27, u16::MAX] {
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(faults(&bytes)[0].1, Kind::Length, "{length}");
            assert!(read(&bytes).display.is_some());
        }
        assert_eq!(parse(Cursor::new(&bytes[..15], 0, Layer::Edp)).unwrap_err().kind, Kind::Short);
    }

    #[test]
    fn a_value_shorter_than_its_fields_hides_no_other() {
        let bytes = message(&[tlv(2, &INFO[..15]), tlv(5, &VLAN[..11]), tlv(0, &[1]), tlv(1, b"sw")]);
        assert_eq!(faults(&bytes), [(16, Kind::Short), (35, Kind::Short), (50, Kind::Length)]);
        let bytes = message(&[tlv(1, b"a"), tlv(1, b"b"), tlv(2, &INFO)]);
        assert_eq!(faults(&bytes), [(21, Kind::Duplicate)]);
        assert!(read(&bytes).info.is_some());
    }

    #[test]
    fn tlvs_and_vlans_are_bounded() {
        let bytes = message(&vec![tlv(5, VLAN); MAX_TLVS + 1]);
        let m = read(&bytes);
        assert_eq!((m.vlans.len(), m.omitted), (MAX_VLANS, 480));
        assert_eq!(m.malformed.first().map_err(|f| f.kind), Err(Kind::Limit));
        assert!(faults(&message(&vec![tlv(9, &[]); MAX_TLVS])).is_empty());
    }

    #[test]
    fn a_cut_capture_is_not_malformed() {
        let bytes = message(&[tlv(1, b"sw"), end()]);
        let wire = u32::try_from(bytes.len()).unwrap();
        let m = parse(Cursor::new(&bytes[..21], wire, Layer::Edp)).unwrap();
        assert_eq!(m.malformed.first().map_err(|f| f.kind), Err(Kind::NotCaptured));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in prop::collection::vec(any::<u8>(), 0..300), slot in any::<u16>(), port in any::<u16>(),
            vlans in prop::collection::vec((any::<u8>(), any::<u16>(), any::<[u8; 4]>(), "[a-z]{0,32}"), 0..=MAX_VLANS),
        ) {
            let mut info = INFO;
            info[..2].copy_from_slice(&slot.to_be_bytes());
            info[2..4].copy_from_slice(&port.to_be_bytes());
            let mut tlvs = vec![tlv(1, &name), tlv(2, &info)];
            tlvs.extend(vlans.iter().map(|(flags, vid, ip, name)| {
                tlv(5, &[&[*flags, 0][..], &vid.to_be_bytes(), &[0; 4], ip, name.as_bytes()].concat())
            }));
            tlvs.push(end());
            let bytes = message(&tlvs);
            let m = read(&bytes);
            prop_assert!(m.malformed.is_empty() && m.ended);
            prop_assert_eq!(m.display, Some(Text(&name)));
            let info = m.info.unwrap();
            prop_assert_eq!((info.slot, info.port), (u32::from(slot) + 1, u32::from(port) + 1));
            let read: Vec<_> = m.vlans.iter().map(|v| (v.flags, v.vid, v.ip.octets(), v.name.to_string())).collect();
            prop_assert_eq!(read, vlans);
        }

        #[test]
        fn no_octets_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), wire_len in 0u32..1000) {
            let _ = parse(Cursor::new(&bytes, wire_len, Layer::Edp));
        }
    }
}
