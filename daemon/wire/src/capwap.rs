//! CAPWAP transport header (RFC 5415, 4), with what IEEE 802.11 adds to it (RFC 5416, 4).
//!
//! The header's own length says where the payload begins; optional parts that do not fit into it are a
//! fault, and the payload is then not read.

use serde::{Serialize, Serializer};

use crate::{
    Kind, Malformed, Octets, cursor::Cursor, ethernet::Address, radiotap, registry::registry, tunnel::Inner,
};

/// Octets of the header without its optional parts.
pub const HEADER_LEN: usize = 8;
/// Octets of the header before encrypted data.
pub const DTLS_HEADER_LEN: usize = 4;
/// UDP port of control messages.
pub const CONTROL_PORT: u16 = 5246;
/// UDP port of data.
pub const DATA_PORT: u16 = 5247;

/// What a datagram is part of, and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Control messages.
    Control,
    /// Data from an access point: what is sent to [`DATA_PORT`].
    ToController,
    /// Data from the controller: what is sent from [`DATA_PORT`].
    FromController,
}

impl Channel {
    /// What the UDP ports say: the controller's are known, an access point takes any.
    #[must_use]
    pub fn of_ports(source: u16, destination: u16) -> Option<Self> {
        match (source, destination) {
            (_, DATA_PORT) => Some(Channel::ToController),
            (DATA_PORT, _) => Some(Channel::FromController),
            (CONTROL_PORT, _) | (_, CONTROL_PORT) => Some(Channel::Control),
            _ => None,
        }
    }
}

/// The preamble, and the header behind it where it is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// What the datagram is part of.
    pub channel: Channel,
    /// Version; 0.
    pub version: u8,
    /// What follows the preamble.
    #[serde(rename = "type")]
    pub kind: PreambleType,
    /// The header; `None` before encrypted data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

registry! {
    /// What follows the preamble (RFC 5415, 4.1).
    pub enum PreambleType: u8 {
        /// The header.
        Plain = 0, "capwap";
        /// Three reserved octets, then a DTLS record.
        Dtls = 1, "dtls";
    }
}

/// The header (RFC 5415, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Transport {
    /// HLEN: octets of the header with all its parts.
    pub length: u8,
    /// RID: which radio of the access point, 5 bits.
    pub radio_id: u8,
    /// WBID: which kind of radio.
    pub binding: Binding,
    /// T: the payload is a frame of the radio's own kind; else it is one of IEEE 802.3.
    pub native: bool,
    /// F: it is a fragment.
    pub fragment: bool,
    /// L: it is the last fragment.
    pub last: bool,
    /// W: there is information of the radio's kind.
    pub has_wireless: bool,
    /// M: there is the address of the radio.
    pub has_radio_mac: bool,
    /// K: it only keeps the data channel open.
    pub keepalive: bool,
    /// Which fragments belong together.
    pub fragment_id: u16,
    /// Where the fragment begins, in units of eight octets.
    pub fragment_offset: u16,
    /// Address of the radio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radio_mac: Option<RadioMac>,
    /// Octets of the information of the radio's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wireless_length: Option<u8>,
    /// That information, of IEEE 802.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wireless: Option<Wireless>,
}

registry! {
    /// A kind of radio (RFC 5415, 4.3).
    pub enum Binding: u8 {
        /// Reserved.
        None = 0, "none";
        /// IEEE 802.11.
        Ieee80211 = 1, "ieee80211";
        /// EPCglobal.
        EpcGlobal = 3, "epcglobal";
    }
}

/// Address of a radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RadioMac {
    /// A MAC address.
    Eui48(Address),
    /// An EUI-64.
    Eui64([u8; 8]),
}

impl Serialize for RadioMac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            RadioMac::Eui48(address) => address.serialize(serializer),
            RadioMac::Eui64(octets) => Octets(octets).serialize(serializer),
        }
    }
}

/// What IEEE 802.11 adds to the header (RFC 5416, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wireless {
    /// How an access point heard the frame.
    Received {
        /// Signal, in dBm.
        rssi: i8,
        /// Signal to noise ratio, in dB.
        snr: i8,
        /// Data rate, in units of 100 kbit/s.
        rate: u16,
    },
    /// In which WLANs an access point is to send the frame: bit 0 for the one with identifier 1.
    Destinations(u16),
}

impl Header {
    /// What follows the header.
    #[must_use]
    pub fn inner(&self) -> Inner {
        let Some(transport) = self.transport else {
            return Inner::Unknown;
        };
        let misplaced = self.malformed.is_some_and(|fault| fault.kind == Kind::Length);
        let later = transport.fragment && transport.fragment_offset != 0;
        match (transport.native, transport.binding) {
            _ if misplaced || later || transport.keepalive || self.channel == Channel::Control => {
                Inner::Unknown
            }
            (true, Binding::Ieee80211) => Inner::Ieee80211,
            (true, _) => Inner::Unknown,
            (false, _) => Inner::Ethernet,
        }
    }
}

impl Transport {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let start = *cursor;
        let [_, a, b, flags, i0, i1, o0, o1] = *cursor.array::<HEADER_LEN>()?;
        let length = (a >> 3) << 2;
        if usize::from(length) < HEADER_LEN {
            return Err(start.malformed(Kind::Length));
        }
        Ok(Transport {
            length,
            radio_id: (a & 0x07) << 2 | b >> 6,
            binding: Binding::from((b >> 1) & 0x1f),
            native: b & NATIVE != 0,
            fragment: flags & FRAGMENT != 0,
            last: flags & LAST != 0,
            has_wireless: flags & WIRELESS != 0,
            has_radio_mac: flags & RADIO_MAC != 0,
            keepalive: flags & KEEPALIVE != 0,
            fragment_id: u16::from_be_bytes([i0, i1]),
            fragment_offset: u16::from_be_bytes([o0, o1]) >> 3,
            radio_mac: None,
            wireless_length: None,
            wireless: None,
        })
    }

    /// Reads the optional parts; `cursor` ends where the header does.
    fn read_parts(&mut self, mut cursor: Cursor<'_>, channel: Channel) -> Result<(), Malformed> {
        let mut fault = Ok(());
        if self.has_radio_mac {
            let start = cursor;
            let (_, part) = split_part(&mut cursor)?;
            self.radio_mac = match *part {
                [a, b, c, d, e, f] => Some(RadioMac::Eui48(Address([a, b, c, d, e, f]))),
                [a, b, c, d, e, f, g, h] => Some(RadioMac::Eui64([a, b, c, d, e, f, g, h])),
                _ => None,
            };
            if self.radio_mac.is_none() {
                fault = Err(start.malformed(Kind::Value));
            }
        }
        if self.has_wireless {
            let (length, part) = split_part(&mut cursor)?;
            self.wireless_length = Some(length);
            self.wireless = match (self.binding, part, channel) {
                (Binding::Ieee80211, [rssi, snr, r0, r1, ..], Channel::ToController) => {
                    Some(Wireless::Received {
                        rssi: i8::from_be_bytes([*rssi]),
                        snr: i8::from_be_bytes([*snr]),
                        rate: u16::from_be_bytes([*r0, *r1]),
                    })
                }
                (Binding::Ieee80211, [w0, w1, ..], Channel::FromController) => {
                    Some(Wireless::Destinations(u16::from_be_bytes([*w0, *w1])))
                }
                _ => None,
            };
        }
        fault
    }
}

/// Takes an optional part: its length, its octets, and what fills it up to a multiple of four.
fn split_part<'a>(cursor: &mut Cursor<'a>) -> Result<(u8, &'a [u8]), Malformed> {
    let start = *cursor;
    let beyond = |fault: Malformed| match fault.kind {
        Kind::Short => start.malformed(Kind::Length),
        _ => fault,
    };
    let length = cursor.u8().map_err(beyond)?;
    let part = cursor.take(length.into()).map_err(beyond)?;
    let taken = start.wire_remaining().saturating_sub(cursor.wire_remaining());
    let padded = taken.checked_next_multiple_of(4).unwrap_or(taken);
    cursor.take(padded.saturating_sub(taken)).map_err(beyond)?;
    Ok((length, part))
}

/// Reads a header. The cursor is then behind it.
///
/// # Errors
/// [`Malformed`] when the fixed part is not whole, of another version or type, or of a length that is
/// shorter than itself.
pub fn parse(cursor: &mut Cursor<'_>, channel: Channel) -> Result<Header, Malformed> {
    let start = *cursor;
    let mut preamble = *cursor;
    let first = preamble.u8()?;
    let mut header = Header {
        channel,
        version: first >> 4,
        kind: PreambleType::from(first & 0x0f),
        transport: None,
        malformed: None,
    };
    match (header.version, header.kind) {
        (0, PreambleType::Plain) => {}
        (0, PreambleType::Dtls) => {
            cursor.array::<DTLS_HEADER_LEN>()?;
            return Ok(header);
        }
        (0, PreambleType::Unknown(_)) => return Err(start.malformed(Kind::Value)),
        _ => return Err(start.malformed(Kind::Version)),
    }
    let mut transport = Transport::parse(cursor)?;
    let mut parts = start;
    let limited = parts.limit(transport.length.into());
    parts.array::<HEADER_LEN>()?;
    let read = transport.read_parts(parts, channel);
    *cursor = start;
    let skipped = radiotap::skip(cursor, transport.length.into());
    header.malformed = limited.and(read).and(skipped).err();
    header.transport = Some(transport);
    Ok(header)
}

/// T, in the third octet.
const NATIVE: u8 = 0x01;
/// F, in the fourth octet.
const FRAGMENT: u8 = 0x80;
/// L, in the fourth octet.
const LAST: u8 = 0x40;
/// W, in the fourth octet.
const WIRELESS: u8 = 0x20;
/// M, in the fourth octet.
const RADIO_MAC: u8 = 0x10;
/// K, in the fourth octet.
const KEEPALIVE: u8 = 0x08;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    /// A header with MAC address and information of IEEE 802.11, and an octet of its frame.
    const WHOLE: [u8; 25] =
        [0, 0x28, 0x43, 0x30, 0, 0, 0, 0, 6, 2, 0, 0, 0, 0, 9, 0, 4, 0xc4, 30, 0, 0x6c, 0, 0, 0, 0x88];

    fn read(bytes: &[u8], channel: Channel) -> (Header, Vec<u8>) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Capwap);
        (parse(&mut cursor, channel).unwrap(), cursor.rest().to_vec())
    }

    fn changed(changes: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = WHOLE.to_vec();
        for (position, octet) in changes {
            bytes[*position] = *octet;
        }
        bytes
    }

    fn inner(changes: &[(usize, u8)]) -> Inner {
        read(&changed(changes), Channel::ToController).0.inner()
    }

    fn fault(bytes: &[u8]) -> Option<(u32, Kind)> {
        read(bytes, Channel::ToController).0.malformed.map(|m| (m.offset, m.kind))
    }

    fn refused(bytes: &[u8]) -> Option<Kind> {
        parse(&mut Cursor::new(bytes, 0, Layer::Capwap), Channel::ToController).err().map(|e| e.kind)
    }

    #[test]
    fn a_frame_is_found_with_how_it_was_heard() {
        let bytes = changed(&[(1, 0x30)]);
        let (header, rest) = read(&bytes, Channel::ToController);
        let transport = header.transport.unwrap();
        assert_eq!((transport.length, transport.radio_id, transport.binding), (24, 1, Binding::Ieee80211));
        assert_eq!(transport.radio_mac, Some(RadioMac::Eui48(Address([2, 0, 0, 0, 0, 9]))));
        assert_eq!(transport.wireless, Some(Wireless::Received { rssi: -60, snr: 30, rate: 108 }));
        assert_eq!((transport.wireless_length, header.malformed), (Some(4), None));
        assert_eq!((header.inner(), &rest[..]), (Inner::Ieee80211, &[0x88][..]));
    }

    #[test]
    fn a_controller_says_in_which_wlans_to_send() {
        let (header, _) = read(&changed(&[(1, 0x30), (17, 0x80), (18, 1)]), Channel::FromController);
        assert_eq!(header.transport.unwrap().wireless, Some(Wireless::Destinations(0x8001)));
    }

    #[test]
    fn ports_tell_the_channel() {
        assert_eq!(Channel::of_ports(1024, DATA_PORT), Some(Channel::ToController));
        assert_eq!(Channel::of_ports(DATA_PORT, 1024), Some(Channel::FromController));
        assert_eq!(Channel::of_ports(1024, CONTROL_PORT), Some(Channel::Control));
        assert_eq!(Channel::of_ports(CONTROL_PORT, 1024), Some(Channel::Control));
        assert_eq!(Channel::of_ports(1, 2), None);
    }

    #[test]
    fn the_flags_say_what_follows() {
        assert_eq!(inner(&[(1, 0x30), (2, 0x42)]), Inner::Ethernet);
        assert_eq!(inner(&[(1, 0x30), (2, 0x47)]), Inner::Unknown);
        assert_eq!(inner(&[(1, 0x30), (3, 0x38)]), Inner::Unknown);
        assert_eq!(read(&changed(&[(1, 0x30)]), Channel::Control).0.inner(), Inner::Unknown);
    }

    #[test]
    fn only_the_first_fragment_begins_with_a_frame() {
        assert_eq!(inner(&[(1, 0x30), (3, 0xb0)]), Inner::Ieee80211);
        assert_eq!(inner(&[(1, 0x30), (3, 0xb0), (7, 0x08)]), Inner::Unknown);
    }

    #[test]
    fn encrypted_data_is_not_read() {
        let (header, rest) = read(&[1, 0, 0, 0, 0x17, 0xfe], Channel::ToController);
        assert_eq!(
            (header.kind, header.transport, header.inner()),
            (PreambleType::Dtls, None, Inner::Unknown)
        );
        assert_eq!(rest, [0x17, 0xfe]);
        assert_eq!(refused(&[1, 0, 0]), Some(Kind::Short));
    }

    #[test]
    fn parts_that_do_not_fit_into_the_header_are_named() {
        assert_eq!(fault(&changed(&[(1, 0x10)])), Some((8, Kind::Length)));
        assert_eq!(fault(&changed(&[(1, 0x18)])), Some((8, Kind::Length)));
        assert_eq!(fault(&changed(&[(1, 0x28)])), Some((16, Kind::Length)));
        assert_eq!(inner(&[(1, 0x28)]), Inner::Unknown);
        assert_eq!(fault(&changed(&[(1, 0x30), (16, 8)])), Some((16, Kind::Length)));
    }

    #[test]
    fn an_address_of_another_length_is_named_and_the_frame_still_found() {
        let bytes = changed(&[(1, 0x30), (8, 7)]);
        let (header, rest) = read(&bytes, Channel::ToController);
        assert_eq!(
            (header.malformed.map(|m| (m.offset, m.kind)), header.inner()),
            (Some((8, Kind::Value)), Inner::Ieee80211)
        );
        assert!(header.transport.unwrap().wireless.is_some());
        assert_eq!(rest, [0x88]);
    }

    #[test]
    fn a_long_address_is_shown_as_octets() {
        let bytes = [0, 0x28, 0x02, 0x10, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0];
        let mac = read(&bytes, Channel::ToController).0.transport.unwrap().radio_mac.unwrap();
        assert_eq!(serde_json::to_string(&mac).unwrap(), "\"01:02:03:04:05:06:07:08\"");
    }

    #[test]
    fn a_header_beyond_the_datagram_is_named() {
        assert_eq!(fault(&changed(&[(1, 0xf8), (3, 0)])), Some((0, Kind::Length)));
        let mut cursor = Cursor::new(&WHOLE[..12], 60, Layer::Capwap);
        let cut = parse(&mut cursor, Channel::ToController).unwrap();
        assert_eq!(cut.malformed.map(|m| m.kind), Some(Kind::NotCaptured));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert_eq!(refused(&changed(&[(1, 0x08)])), Some(Kind::Length));
        assert_eq!(refused(&changed(&[(0, 0x10)])), Some(Kind::Version));
        assert_eq!(refused(&changed(&[(0, 0x02)])), Some(Kind::Value));
        assert_eq!(refused(&WHOLE[..7]), Some(Kind::Short));
        assert_eq!(refused(&[]), Some(Kind::Short));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            radio_id in 0_u8..32, binding in 0_u8..32, native: bool, flags in 0_u8..32, fragment: (u16, u16),
            mac: Option<[u8; 6]>, wireless in prop::option::of(prop::collection::vec(any::<u8>(), 0..12)),
            spare in 0_usize..4, rest in any::<Vec<u8>>(),
        ) {
            let mut parts = Vec::new();
            for part in [mac.map(|mac| mac.to_vec()), wireless.clone()].iter().flatten() {
                parts.push(u8::try_from(part.len()).unwrap());
                parts.extend(part);
                parts.resize(parts.len().next_multiple_of(4), 0);
            }
            parts.resize(parts.len() + spare * 4, 0);
            let words = u8::try_from(2 + parts.len() / 4).unwrap();
            let flags = (flags << 3 & 0xc8) | u8::from(wireless.is_some()) << 5 | u8::from(mac.is_some()) << 4;
            let mut bytes =
                vec![0, words << 3 | radio_id >> 2, radio_id << 6 | binding << 1 | u8::from(native), flags];
            bytes.extend(fragment.0.to_be_bytes());
            bytes.extend((fragment.1 << 3).to_be_bytes());
            bytes.extend(parts);
            bytes.extend(&rest);
            let (header, left) = read(&bytes, Channel::ToController);
            let transport = header.transport.unwrap();
            prop_assert_eq!((transport.radio_id, transport.binding.code()), (radio_id, binding));
            prop_assert_eq!((transport.native, transport.keepalive), (native, flags & 0x08 != 0));
            prop_assert_eq!((transport.fragment, transport.last), (flags & 0x80 != 0, flags & 0x40 != 0));
            prop_assert_eq!((transport.fragment_id, transport.fragment_offset), (fragment.0, fragment.1 & 0x1fff));
            prop_assert_eq!(transport.radio_mac, mac.map(|mac| RadioMac::Eui48(Address(mac))));
            prop_assert_eq!(transport.wireless_length.map(usize::from), wireless.map(|wireless| wireless.len()));
            prop_assert_eq!((header.malformed, left), (None, rest));
        }

        #[test]
        fn no_octets_do_harm(mut bytes in any::<Vec<u8>>(), wire_len: u16, plain: bool) {
            if let (true, Some(first)) = (plain, bytes.first_mut()) {
                *first = 0;
            }
            for channel in [Channel::Control, Channel::ToController, Channel::FromController] {
                if let Ok(header) = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Capwap), channel) {
                    let _ = header.inner();
                }
            }
        }
    }
}
