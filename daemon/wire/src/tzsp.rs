//! TaZmen Sniffer Protocol, version 1: frames that a sensor or a router sends on as it heard them.
//!
//! Where the list of tagged fields breaks off, the place of the frame is not known, and none is read.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, registry::registry, tunnel::Inner};

/// Octets of the header without its tagged fields.
pub const HEADER_LEN: usize = 4;
/// UDP port.
pub const PORT: u16 = 37008;
/// Most tagged fields that are kept.
pub const MAX_TAGS: usize = 16;
/// Most tagged fields, padding among them, that are stepped over.
pub const MAX_STEPS: usize = 256;

/// The header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version; 1.
    pub version: u8,
    /// What the datagram is for.
    #[serde(rename = "type")]
    pub kind: PacketType,
    /// What the frame is.
    pub encapsulated: Encapsulated,
    /// The tagged fields, in the order they were sent, without padding and end.
    pub tags: ArrayVec<Tag, MAX_TAGS>,
    /// How many tagged fields found no room.
    pub omitted: u32,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

registry! {
    /// What a datagram is for.
    pub enum PacketType: u8 {
        /// It carries a frame that was received.
        Received = 0, "received";
        /// It carries a frame to transmit.
        Transmit = 1, "transmit";
        /// Reserved.
        Reserved = 2, "reserved";
        /// It configures the sensor.
        Configuration = 3, "configuration";
        /// The sensor is alive.
        Keepalive = 4, "keepalive";
        /// It opens a port in a translator of addresses.
        PortOpener = 5, "port-opener";
    }
}

registry! {
    /// What a frame is.
    pub enum Encapsulated: u16 {
        /// Ethernet.
        Ethernet = 1, "ethernet";
        /// IEEE 802.11.
        Ieee80211 = 18, "ieee80211";
        /// IEEE 802.11 behind a Prism header.
        Prism = 119, "prism";
        /// IEEE 802.11 behind an AVS header.
        Avs = 127, "wlan-avs";
    }
}

/// A tagged field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Tag {
    /// What it says.
    #[serde(rename = "type")]
    pub kind: TagType,
    /// Octets of the value.
    pub length: u8,
    /// The value, when it has one, two or four octets; signal strengths with their sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
}

/// A number of a tagged field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// A signal strength or ratio.
    Signed(i32),
    /// Any other.
    Unsigned(u32),
}

registry! {
    /// What a tagged field says.
    pub enum TagType: u8 {
        /// Nothing; it has neither length nor value.
        Padding = 0, "padding";
        /// The frame follows; it has neither length nor value.
        End = 1, "end";
        /// Signal, in dBm, or in a unit of the sensor.
        Rssi = 10, "raw-rssi";
        /// Signal to noise ratio, in dB, or in a unit of the sensor.
        Snr = 11, "snr";
        /// Data rate, in units of 500 kbit/s.
        DataRate = 12, "data-rate";
        /// The sensor's clock, in microseconds.
        Timestamp = 13, "timestamp";
        /// Whether the frame was sent in a contention free period.
        ContentionFree = 15, "contention-free";
        /// Whether the sensor decrypted the frame.
        Decrypted = 16, "decrypted";
        /// Whether the frame's FCS was wrong.
        FcsError = 17, "fcs-error";
        /// Channel, by number.
        RxChannel = 18, "rx-channel";
        /// How many packets the sensor has sent.
        PacketCount = 40, "packet-count";
        /// Octets of the frame as it was received, before it was cut.
        RxFrameLength = 41, "rx-frame-length";
        /// Serial number of the radio, for the most part its MAC address.
        RadioSerial = 60, "wlan-radio-header-serial";
    }
}

impl Header {
    /// What follows the header.
    #[must_use]
    pub fn inner(&self) -> Inner {
        if self.malformed.is_some() || !matches!(self.kind, PacketType::Received | PacketType::Transmit) {
            return Inner::Unknown;
        }
        match self.encapsulated {
            Encapsulated::Ethernet => Inner::Ethernet,
            Encapsulated::Ieee80211 => Inner::Ieee80211,
            Encapsulated::Prism | Encapsulated::Avs => Inner::Monitored,
            Encapsulated::Unknown(_) => Inner::Unknown,
        }
    }

    fn read_tags(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        for _ in 0..MAX_STEPS {
            let start = *cursor;
            let kind = match TagType::from(cursor.u8()?) {
                TagType::End => return Ok(()),
                TagType::Padding => continue,
                kind => kind,
            };
            let length = cursor.u8()?;
            let value = cursor.take(length.into()).map_err(|fault| match fault.kind {
                Kind::Short => start.malformed(Kind::Length),
                _ => fault,
            })?;
            if self.tags.try_push(Tag { kind, length, value: kind.number(value) }).is_err() {
                self.omitted = self.omitted.saturating_add(1);
            }
        }
        Err(cursor.malformed(Kind::Limit))
    }
}

impl TagType {
    fn number(self, value: &[u8]) -> Option<Number> {
        let (unsigned, signed) = match *value {
            [a] => (a.into(), i8::from_be_bytes([a]).into()),
            [a, b] => (u16::from_be_bytes([a, b]).into(), i16::from_be_bytes([a, b]).into()),
            [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([a, b, c, d])),
            _ => return None,
        };
        Some(match self {
            TagType::Rssi | TagType::Snr => Number::Signed(signed),
            _ => Number::Unsigned(unsigned),
        })
    }
}

/// Reads a header with its tagged fields, which keepalives and port openers do not have. The cursor is then
/// behind them.
///
/// # Errors
/// [`Malformed`] when the fixed part is not whole, or of another version.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let [version, kind, e0, e1] = *cursor.array::<HEADER_LEN>()?;
    if version != 1 {
        return Err(start.malformed(Kind::Version));
    }
    let mut header = Header {
        version,
        kind: PacketType::from(kind),
        encapsulated: Encapsulated::from(u16::from_be_bytes([e0, e1])),
        tags: ArrayVec::new(),
        omitted: 0,
        malformed: None,
    };
    if !matches!(header.kind, PacketType::Keepalive | PacketType::PortOpener) {
        header.malformed = header.read_tags(cursor).err();
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Tzsp);
        (parse(&mut cursor).unwrap(), cursor.rest().to_vec())
    }

    fn fault(bytes: &[u8]) -> Option<(u32, Kind)> {
        let header = read(bytes).0;
        assert!(header.malformed.is_none() || header.inner() == Inner::Unknown);
        header.malformed.map(|m| (m.offset, m.kind))
    }

    #[test]
    fn a_router_sends_on_an_ethernet_frame() {
        let (header, rest) = read(&[1, 0, 0, 1, 1, 0xaa, 0xbb]);
        assert_eq!((header.kind, header.tags.len()), (PacketType::Received, 0));
        assert_eq!((header.inner(), &rest[..]), (Inner::Ethernet, &[0xaa, 0xbb][..]));
    }

    #[test]
    fn a_sensor_says_how_it_heard_a_wireless_frame() {
        let bytes = [
            1, 0, 0, 18, 10, 1, 0xc4, 18, 1, 6, 0, 41, 2, 5, 0xdc, 13, 4, 0x80, 0, 0, 1, 60, 3, 1, 2, 3, 1, 8,
        ];
        let (header, rest) = read(&bytes);
        let tags: Vec<_> = header.tags.iter().map(|tag| (tag.kind, tag.length, tag.value)).collect();
        let expected = [
            (TagType::Rssi, 1, Some(Number::Signed(-60))),
            (TagType::RxChannel, 1, Some(Number::Unsigned(6))),
            (TagType::RxFrameLength, 2, Some(Number::Unsigned(1500))),
            (TagType::Timestamp, 4, Some(Number::Unsigned(0x8000_0001))),
            (TagType::RadioSerial, 3, None),
        ];
        assert_eq!((&tags[..], header.malformed), (&expected[..], None));
        assert_eq!((header.inner(), &rest[..]), (Inner::Ieee80211, &[8][..]));
    }

    #[test]
    fn only_received_and_transmitted_frames_are_read() {
        let inner = |kind, encapsulated| read(&[1, kind, 0, encapsulated, 1]).0.inner();
        assert_eq!([inner(1, 1), inner(1, 18)], [Inner::Ethernet, Inner::Ieee80211]);
        assert_eq!([inner(2, 1), inner(3, 1), inner(9, 1)], [Inner::Unknown; 3]);
        assert_eq!(
            [inner(0, 119), inner(1, 127), inner(0, 2)],
            [Inner::Monitored, Inner::Monitored, Inner::Unknown]
        );
    }

    #[test]
    fn a_keepalive_has_nothing_behind_it() {
        for kind in [4, 5] {
            let (header, _) = read(&[1, kind, 0, 1]);
            assert_eq!((header.inner(), header.malformed), (Inner::Unknown, None));
        }
    }

    #[test]
    fn a_list_that_breaks_off_is_named() {
        assert_eq!(fault(&[1, 0, 0, 1]), Some((4, Kind::Short)));
        assert_eq!(fault(&[1, 0, 0, 1, 10, 1, 5]), Some((7, Kind::Short)));
        assert_eq!(fault(&[1, 0, 0, 1, 10]), Some((5, Kind::Short)));
        assert_eq!(fault(&[1, 0, 0, 1, 0, 10, 3, 5, 1]), Some((5, Kind::Length)));
        let header = parse(&mut Cursor::new(&[1, 0, 0, 1, 10, 1], 60, Layer::Tzsp)).unwrap();
        assert_eq!(header.malformed.map(|m| m.kind), Some(Kind::NotCaptured));
    }

    #[test]
    fn more_tagged_fields_than_are_followed_are_named() {
        let padded = |count| [&[1, 0, 0, 1][..], &vec![0; count], &[1, 9]].concat();
        assert_eq!(fault(&padded(MAX_STEPS - 1)), None);
        assert_eq!(fault(&padded(MAX_STEPS)), Some((260, Kind::Limit)));
        let (header, rest) = read(&[&[1, 0, 0, 1][..], &[10, 0].repeat(MAX_TAGS + 3), &[1, 9]].concat());
        assert_eq!((header.tags.len(), header.omitted, &rest[..]), (MAX_TAGS, 3, &[9][..]));
    }

    #[test]
    fn another_version_is_refused() {
        let error = |bytes: &[u8]| parse(&mut Cursor::new(bytes, 0, Layer::Tzsp)).unwrap_err().kind;
        assert_eq!((error(&[2, 0, 0, 1, 1]), error(&[1, 0, 0])), (Kind::Version, Kind::Short));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            kind in 0_u8..4, encapsulated: u16, rest in any::<Vec<u8>>(),
            tags in prop::collection::vec((2_u8.., prop::collection::vec(any::<u8>(), 0..=255)), 0..=MAX_TAGS),
        ) {
            let mut bytes = vec![1, kind];
            bytes.extend(encapsulated.to_be_bytes());
            for (kind, value) in &tags {
                bytes.extend([*kind, u8::try_from(value.len()).unwrap()]);
                bytes.extend(value);
            }
            bytes.push(1);
            bytes.extend(&rest);
            let (header, left) = read(&bytes);
            prop_assert_eq!((header.kind.code(), header.encapsulated.code()), (kind, encapsulated));
            let read: Vec<_> = header.tags.iter().map(|tag| (tag.kind.code(), usize::from(tag.length))).collect();
            let written: Vec<_> = tags.iter().map(|(kind, value)| (*kind, value.len())).collect();
            prop_assert_eq!((read, left, header.malformed), (written, rest, None));
        }

        #[test]
        fn no_octets_do_harm(mut bytes in any::<Vec<u8>>(), wire_len: u16) {
            if let Some(version) = bytes.first_mut() {
                *version = 1;
            }
            if let Ok(header) = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Tzsp)) {
                let _ = header.inner();
            }
        }
    }
}
