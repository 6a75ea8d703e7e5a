//! Per-Packet Information header (PPI, 1.0.10): what a capturing device said about a frame, and of which
//! link type the frame is. All numbers are little-endian.
//!
//! Of the fields only 802.11-Common is read; the others, some of which hold positions of the device, are
//! stepped over by their length.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, link::Link, radiotap, registry::registry};

/// Octets of the header without its fields.
pub const HEADER_LEN: usize = 8;
/// Octets of a field's header: type and length.
pub const FIELD_HEADER_LEN: usize = 4;
/// Octets of the 802.11-Common field.
pub const COMMON_LEN: usize = 20;
/// Most fields that are read and kept.
pub const MAX_FIELDS: usize = 32;

/// The header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Whether octets fill up each field to a multiple of four.
    pub aligned: bool,
    /// Octets of the header with its fields.
    pub length: u16,
    /// Link type of the frame behind the header.
    pub link_type: u32,
    /// The fields, in the order they were written.
    pub fields: ArrayVec<Field, MAX_FIELDS>,
    /// 802.11-Common; of several the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common: Option<Common>,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Field {
    /// What it says.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Octets behind its header.
    pub length: u16,
}

registry! {
    /// What a field says.
    pub enum FieldType: u16 {
        /// What an 802.11 radio said.
        Common = 2, "802.11-common";
        /// 802.11n, MAC.
        MacExtensions = 3, "802.11n-mac";
        /// 802.11n, MAC and PHY.
        MacPhyExtensions = 4, "802.11n-mac-phy";
        /// Spectrum map.
        SpectrumMap = 5, "spectrum-map";
        /// Process.
        ProcessInfo = 6, "process-info";
        /// Capture.
        CaptureInfo = 7, "capture-info";
        /// Position of the device.
        Gps = 30002, "gps";
        /// Movement of the device.
        Vector = 30003, "vector";
        /// Sensor of the device.
        Sensor = 30004, "sensor";
        /// Antenna.
        Antenna = 30005, "antenna";
    }
}

/// The 802.11-Common field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Common {
    /// The radio's clock, in microseconds, or in milliseconds where bit 1 of the flags says so.
    pub timestamp: u64,
    /// Bit 0: the FCS ends the frame; bit 2: it was wrong; bit 3: the signal could not be decoded.
    pub flags: u16,
    /// Data rate, in units of 500 kbit/s; 0 for unknown.
    pub rate: u16,
    /// Channel.
    pub channel: radiotap::Channel,
    /// FHSS hop set.
    pub hop_set: u8,
    /// FHSS pattern.
    pub hop_pattern: u8,
    /// Signal, in dBm; -128 for unknown.
    pub antenna_signal: i8,
    /// Noise, in dBm; -128 for unknown.
    pub antenna_noise: i8,
}

impl Header {
    /// The link type of the frame; `None` for one that is not read here, and for another header of this
    /// kind, so that they do not nest.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        Link::from_linktype(self.link_type).filter(|link| *link != Link::Ppi)
    }

    fn has_fcs(&self) -> bool {
        self.link() == Some(Link::Ieee80211) && self.common.is_some_and(|common| common.flags & FCS != 0)
    }

    fn note(&mut self, result: Result<(), Malformed>) {
        self.malformed = self.malformed.or(result.err());
    }

    fn read(&mut self, mut cursor: Cursor<'_>) -> Result<(), Malformed> {
        cursor.take(HEADER_LEN)?;
        let whole = cursor.wire_remaining();
        for _ in 0..=MAX_FIELDS {
            if cursor.is_empty() {
                break;
            }
            let start = cursor;
            let [t0, t1, l0, l1] = *cursor.array::<FIELD_HEADER_LEN>()?;
            let (kind, length) =
                (FieldType::from(u16::from_le_bytes([t0, t1])), u16::from_le_bytes([l0, l1]));
            if self.fields.try_push(Field { kind, length }).is_err() {
                return Err(start.malformed(Kind::Limit));
            }
            let value = match cursor.split(length.into()) {
                Ok(value) => value,
                Err(fault) if fault.kind == Kind::Short => return Err(start.malformed(Kind::Length)),
                Err(fault) => return Err(fault),
            };
            if kind == FieldType::Common && self.common.is_none() {
                match Common::parse(value) {
                    Ok(common) => self.common = Some(common),
                    Err(fault) => self.note(Err(fault)),
                }
            }
            if self.aligned {
                let position = whole.saturating_sub(cursor.wire_remaining());
                let aligned = position.checked_next_multiple_of(4).unwrap_or(position);
                // The last field may end the header without being filled up.
                cursor.take(aligned.saturating_sub(position).min(cursor.wire_remaining()))?;
            }
        }
        Ok(())
    }
}

impl Common {
    fn parse(mut cursor: Cursor<'_>) -> Result<Self, Malformed> {
        let timestamp = u64::from_le_bytes(*cursor.array()?);
        let [f0, f1, r0, r1, c0, c1, g0, g1, hop_set, hop_pattern, signal, noise] = *cursor.array()?;
        Ok(Common {
            timestamp,
            flags: u16::from_le_bytes([f0, f1]),
            rate: u16::from_le_bytes([r0, r1]),
            channel: radiotap::Channel {
                frequency: u16::from_le_bytes([c0, c1]),
                flags: u16::from_le_bytes([g0, g1]),
            },
            hop_set,
            hop_pattern,
            antenna_signal: i8::from_le_bytes([signal]),
            antenna_noise: i8::from_le_bytes([noise]),
        })
    }
}

/// Reads a header with its fields, and takes the FCS away from the end of an IEEE 802.11 frame where
/// 802.11-Common says that there is one. The cursor is then at the frame.
///
/// # Errors
/// [`Malformed`] when the start of the header is not whole, is of another version, or has a length that
/// is shorter than itself.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let [version, flags, l0, l1, t0, t1, t2, t3] = *cursor.array::<HEADER_LEN>()?;
    let length = u16::from_le_bytes([l0, l1]);
    if version != 0 {
        return Err(start.malformed(Kind::Version));
    }
    if usize::from(length) < HEADER_LEN {
        return Err(start.malformed(Kind::Length));
    }
    let mut header = Header {
        aligned: flags & ALIGNED != 0,
        length,
        link_type: u32::from_le_bytes([t0, t1, t2, t3]),
        fields: ArrayVec::new(),
        common: None,
        malformed: None,
    };
    let mut fields = start;
    header.note(fields.limit(length.into()));
    let result = header.read(fields);
    header.note(result);
    *cursor = start;
    header.note(radiotap::skip(cursor, length.into()));
    if header.has_fcs() {
        header.note(radiotap::cut_fcs(cursor));
    }
    Ok(header)
}

/// Each field is filled up to a multiple of four octets.
const ALIGNED: u8 = 0x01;
/// The FCS ends the frame.
const FCS: u16 = 0x0001;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn write(aligned: bool, link_type: u32, fields: &[(u16, Vec<u8>)], frame: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in fields {
            body.extend(kind.to_le_bytes());
            body.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            body.extend(value);
            if aligned {
                body.resize(body.len().next_multiple_of(4), 0);
            }
        }
        let mut bytes = vec![0, u8::from(aligned)];
        bytes.extend(u16::try_from(body.len() + 8).unwrap().to_le_bytes());
        bytes.extend(link_type.to_le_bytes());
        bytes.extend(body);
        bytes.extend(frame);
        bytes
    }

    fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Ppi);
        (parse(&mut cursor).unwrap(), cursor.rest().to_vec())
    }

    fn fault(bytes: &[u8]) -> Option<(u32, Kind)> {
        read(bytes).0.malformed.map(|m| (m.offset, m.kind))
    }

    fn common(flags: u8) -> Vec<u8> {
        vec![1, 0, 0, 0, 0, 0, 0, 0, flags, 0, 108, 0, 0x8a, 0x09, 0x80, 0x04, 0, 0, 0xc4, 0x80]
    }

    #[test]
    fn the_common_field_is_read_and_the_fcs_cut_off() {
        let (header, rest) = read(&write(false, 105, &[(2, common(1))], &[9, 8, 7, 6, 5]));
        let common = header.common.unwrap();
        assert_eq!((common.timestamp, common.rate, common.flags), (1, 108, 1));
        assert_eq!((common.channel.frequency, common.channel.flags), (2442, 0x0480));
        assert_eq!((common.antenna_signal, common.antenna_noise), (-60, -128));
        assert_eq!((header.link(), header.malformed, &rest[..]), (Some(Link::Ieee80211), None, &[9][..]));
    }

    #[test]
    fn the_end_of_a_frame_without_fcs_stays() {
        assert_eq!(read(&write(false, 105, &[(2, common(0))], &[9; 5])).1.len(), 5);
        assert_eq!(read(&write(false, 1, &[(2, common(1))], &[9; 5])).1.len(), 5);
        assert_eq!(fault(&write(false, 105, &[(2, common(1))], &[9; 3])), Some((32, Kind::Short)));
    }

    #[test]
    fn an_unknown_field_is_stepped_over() {
        let (header, rest) =
            read(&write(false, 1, &[(30002, vec![7; 5]), (9, vec![]), (2, common(0))], &[1]));
        let kinds: Vec<_> = header.fields.iter().map(|f| (f.kind, f.length)).collect();
        assert_eq!(kinds, [(FieldType::Gps, 5), (FieldType::Unknown(9), 0), (FieldType::Common, 20)]);
        assert!(header.common.is_some());
        assert_eq!((header.link(), &rest[..]), (Some(Link::Ethernet), &[1][..]));
    }

    #[test]
    fn a_header_of_this_kind_does_not_nest() {
        assert_eq!(read(&write(false, 192, &[], &[])).0.link(), None);
    }

    #[test]
    fn a_field_beyond_the_header_is_named_and_the_frame_still_found() {
        let mut bytes = write(false, 105, &[(6, vec![0; 4])], &[0xaa]);
        bytes[10] = 5;
        assert_eq!(fault(&bytes), Some((8, Kind::Length)));
        assert_eq!(read(&bytes).1, [0xaa]);
        assert_eq!(fault(&write(false, 105, &[(2, vec![0; 19])], &[])), Some((20, Kind::Short)));
    }

    #[test]
    fn more_fields_than_are_followed_are_named() {
        let fields = |count| write(false, 1, &vec![(6, vec![]); count], &[1, 2]);
        assert_eq!(fault(&fields(MAX_FIELDS)), None);
        assert_eq!(fault(&fields(MAX_FIELDS + 1)), Some((136, Kind::Limit)));
        assert_eq!(read(&fields(MAX_FIELDS + 1)).1, [1, 2]);
    }

    #[test]
    fn a_length_outside_the_frame_is_named() {
        let mut bytes = write(false, 1, &[(6, vec![])], &[]);
        bytes[2] = 200;
        let (header, rest) = read(&bytes);
        assert_eq!((header.malformed.map(|m| m.kind), header.fields.len()), (Some(Kind::Length), 1));
        assert!(rest.is_empty());
        bytes[2] = 7;
        assert_eq!(parse(&mut Cursor::new(&bytes, 0, Layer::Ppi)).map_err(|e| e.kind), Err(Kind::Length));
    }

    #[test]
    fn another_version_is_refused() {
        let error = parse(&mut Cursor::new(&[1, 0, 8, 0, 1, 0, 0, 0], 0, Layer::Ppi)).unwrap_err();
        assert_eq!(error.kind, Kind::Version);
        assert_eq!(parse(&mut Cursor::new(&[0; 7], 0, Layer::Ppi)).map_err(|e| e.kind), Err(Kind::Short));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            aligned: bool,
            link_type: u32,
            fields in prop::collection::vec((3_u16.., prop::collection::vec(any::<u8>(), 0..9)), 0..=MAX_FIELDS),
            frame in any::<Vec<u8>>(),
        ) {
            let (header, rest) = read(&write(aligned, link_type, &fields, &frame));
            prop_assert_eq!((header.aligned, header.link_type, header.malformed), (aligned, link_type, None));
            let read: Vec<_> = header.fields.iter().map(|f| (f.kind.code(), usize::from(f.length))).collect();
            let written: Vec<_> = fields.iter().map(|(kind, value)| (*kind, value.len())).collect();
            prop_assert_eq!((read, rest), (written, frame));
        }

        #[test]
        fn no_octets_do_harm(mut bytes in any::<Vec<u8>>(), wire_len: u16, sound: bool) {
            if let (true, [version, _, _, high, ..]) = (sound, &mut bytes[..]) {
                (*version, *high) = (0, 0);
            }
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Ppi));
        }
    }
}
