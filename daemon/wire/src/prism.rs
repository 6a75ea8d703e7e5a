//! Prism monitoring header: what cards of that name, and later others, wrote before a frame of IEEE 802.11.
//!
//! No standard has it; drivers of Linux (linux-wlan-ng, hostap, MadWifi) and their readers agree on this layout:
//! a message code, the length, the name of the interface and ten items, all in the order of the host that
//! wrote them. Each item names itself, so that none is taken for another one.

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, fields::set};

/// Octets of the header.
pub const HEADER_LEN: usize = 144;
/// The message codes: of linux-wlan-ng, and of others.
pub const MESSAGE_CODES: [u32; 2] = [0x44, 0x41];
/// Items of the header.
pub const ITEMS: usize = 10;

/// The header. Each item is there if the driver gave it. Units are the driver's own but for those that are said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Message code: one of [`MESSAGE_CODES`].
    pub message_code: u32,
    /// Octets of the header, as it says: [`HEADER_LEN`].
    pub length: u32,
    /// The host's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_time: Option<u32>,
    /// The card's clock, in microseconds, its lower half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_time: Option<u32>,
    /// Channel, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<u32>,
    /// RSSI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rssi: Option<i32>,
    /// Signal quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_quality: Option<u32>,
    /// Signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<i32>,
    /// Data rate, in units of 500 kbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Whether the host sent the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmitted: Option<bool>,
    /// Octets of the frame behind the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_length: Option<u32>,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

impl Header {
    fn set(&mut self, item: u32, data: u32) -> Result<(), Kind> {
        let signed = i32::from_be_bytes(data.to_be_bytes());
        match item {
            1 => set(&mut self.host_time, data),
            2 => set(&mut self.mac_time, data),
            3 => set(&mut self.channel, data),
            4 => set(&mut self.rssi, signed),
            5 => set(&mut self.signal_quality, data),
            6 => set(&mut self.signal, signed),
            7 => set(&mut self.noise, signed),
            8 => set(&mut self.rate, data),
            9 => set(&mut self.transmitted, data != 0),
            10 => set(&mut self.frame_length, data),
            _ => Ok(()),
        }
    }
}

/// Reads a header. The cursor is then at the IEEE 802.11 header. Whether an FCS ends the frame no field says: it is left
/// where it may be.
///
/// # Errors
/// [`Malformed`] when it is not whole, or of no known message code.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let mut part = cursor.split(HEADER_LEN)?;
    let code = *part.array()?;
    let (message_code, order) = match [Order::Little, Order::Big].map(|order| (order.long(code), order)) {
        [little, _] if MESSAGE_CODES.contains(&little.0) => little,
        [_, big] if MESSAGE_CODES.contains(&big.0) => big,
        _ => return Err(start.malformed(Kind::Version)),
    };
    let length = order.long(*part.array()?);
    let mut header = Header { message_code, length, ..Header::default() };
    if usize::try_from(length) != Ok(HEADER_LEN) {
        header.malformed = Some(start.malformed(Kind::Length));
    }
    part.take(NAME_LEN)?;
    for _ in 0..ITEMS {
        let at = part;
        let id = order.long(*part.array()?);
        let [status, _length] = [order.short(*part.array()?), order.short(*part.array()?)];
        let data = order.long(*part.array()?);
        if status != SUPPLIED {
            continue;
        }
        if let Err(kind) = header.set(item(id), data) {
            header.malformed.get_or_insert(at.malformed(kind));
        }
    }
    Ok(header)
}

/// The order of octets on the host that wrote the header.
#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn long(self, octets: [u8; 4]) -> u32 {
        match self {
            Order::Big => u32::from_be_bytes(octets),
            Order::Little => u32::from_le_bytes(octets),
        }
    }

    fn short(self, octets: [u8; 2]) -> u16 {
        match self {
            Order::Big => u16::from_be_bytes(octets),
            Order::Little => u16::from_le_bytes(octets),
        }
    }
}

/// The number of an item, from 1, by its identifier: above a code of a message, in one of two places.
fn item(id: u32) -> u32 {
    match (MESSAGE_CODES.contains(&(id & 0x0fff)), id >> 16) {
        (false, _) => 0,
        (true, 0) => id >> 12,
        (true, high) => high,
    }
}

/// Octets of the name of the interface.
const NAME_LEN: usize = 16;
/// The status of an item that has a value.
const SUPPLIED: u16 = 0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn write(little: bool, code: u32, items: &[(u32, u16, u32); ITEMS]) -> Vec<u8> {
        let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let short = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = [long(code), long(144)].concat();
        bytes.extend(b"wlan0\0\0\0\0\0\0\0\0\0\0\0");
        for (id, status, data) in items {
            bytes.extend(long(*id));
            bytes.extend(short(*status));
            bytes.extend(short(4));
            bytes.extend(long(*data));
        }
        bytes
    }

    fn items(id: fn(u32) -> u32) -> [(u32, u16, u32); ITEMS] {
        let data = [9, 8, 11, 7, 6, 0xffff_ffc4, 0xffff_ffa0, 22, 1, 60];
        let mut number = 0;
        data.map(|data| {
            number += 1;
            (id(number), 0, data)
        })
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), Malformed> {
        let mut cursor = Cursor::new(bytes, 0, Layer::Prism);
        parse(&mut cursor).map(|header| (header, cursor.rest().to_vec()))
    }

    #[test]
    fn items_are_read_in_either_order_of_octets_and_by_either_kind_of_identifier() {
        type Id = fn(u32) -> u32;
        let orders: [(bool, u32, Id); 3] = [
            (true, 0x44, |n| n << 16 | 0x44),
            (false, 0x44, |n| n << 12 | 0x44),
            (true, 0x41, |n| n << 12 | 0x41),
        ];
        for (little, code, id) in orders {
            let (header, rest) = read(&[write(little, code, &items(id)), vec![8, 0]].concat()).unwrap();
            assert_eq!((header.message_code, header.length, header.malformed), (code, 144, None));
            assert_eq!((header.host_time, header.mac_time, header.channel), (Some(9), Some(8), Some(11)));
            assert_eq!((header.rssi, header.signal_quality), (Some(7), Some(6)));
            assert_eq!((header.signal, header.noise, header.rate), (Some(-60), Some(-96), Some(22)));
            assert_eq!((header.transmitted, header.frame_length), (Some(true), Some(60)));
            assert_eq!(rest, [8, 0]);
        }
    }

    #[test]
    fn an_item_that_the_driver_did_not_give_is_absent() {
        let mut items = items(|n| n << 16 | 0x44);
        (items[3].1, items[5].0) = (1, 0x0006_0099);
        let header = read(&write(true, 0x44, &items)).unwrap().0;
        assert_eq!((header.rssi, header.signal, header.noise), (None, None, Some(-96)));
        let mut big = items;
        big[4].1 = 1;
        assert_eq!(read(&write(false, 0x44, &big)).unwrap().0.signal_quality, None);
    }

    #[test]
    fn the_first_of_two_items_of_a_kind_counts() {
        let mut items = items(|n| n << 16 | 0x44);
        items[9] = (0x0001_0044, 0, 77);
        let header = read(&write(true, 0x44, &items)).unwrap().0;
        assert_eq!((header.host_time, header.frame_length), (Some(9), None));
        assert_eq!(header.malformed.map(|m| (m.offset, m.kind)), Some((132, Kind::Duplicate)));
    }

    #[test]
    fn a_length_other_than_the_headers_is_named() {
        let mut bytes = write(true, 0x44, &items(|n| n << 16 | 0x44));
        bytes[4] = 143;
        let header = read(&bytes).unwrap().0;
        assert_eq!(header.malformed.map(|m| (m.offset, m.kind)), Some((0, Kind::Length)));
        assert_eq!(header.channel, Some(11));
    }

    #[test]
    fn a_header_that_is_not_whole_or_of_another_code_is_refused() {
        let bytes = write(true, 0x44, &items(|n| n << 16 | 0x44));
        let error = |bytes: &[u8]| read(bytes).unwrap_err().kind;
        assert_eq!(
            (error(&bytes[..143]), error(&[&[0x45][..], &bytes[1..]].concat())),
            (Kind::Short, Kind::Version)
        );
        let mut cut = Cursor::new(&bytes[..143], 200, Layer::Prism);
        assert_eq!(parse(&mut cut).unwrap_err().kind, Kind::NotCaptured);
    }

    proptest! {
        #[test]
        fn no_octets_do_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..200), wire_len: u16, big: bool) {
            if let Some(code) = bytes.first_chunk_mut::<4>() {
                *code = if big { 0x44_u32.to_be_bytes() } else { 0x44_u32.to_le_bytes() };
            }
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Prism));
        }
    }
}
