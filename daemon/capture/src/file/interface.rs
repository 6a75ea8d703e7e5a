//! An interface as a capture file describes it: its name, link type and clock.

use pcap_parser::{InterfaceDescriptionBlock, Linktype, OptionCode, PcapHeader, PcapNGOption};

use super::untag::{TAG_LEN, untag};
use crate::Frame;

/// An interface of a file, for the frames that are of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInterface<'a> {
    /// What no other interface of the file has.
    pub number: usize,
    /// Its name; without one, the file's without its extension.
    pub name: &'a str,
    /// No whole frame is at hand behind this one, so that reading on may wait for somebody to write it.
    pub waits: bool,
}

/// An interface.
pub(super) struct Interface {
    number: usize,
    name: String,
    /// LINKTYPE value.
    link: u32,
    snap_len: u32,
    clock: Clock,
}

impl Interface {
    /// The only interface of a pcap file.
    pub(super) fn from_header(header: &PcapHeader, name: &str) -> Interface {
        let Linktype(word) = header.network;
        Interface {
            number: 0,
            name: name.to_owned(),
            link: link_type(word & LINK_TYPE_MASK),
            snap_len: header.snaplen,
            clock: Clock {
                resolution: Resolution::Decimal(if header.is_nanosecond_precision() { 9 } else { 6 }),
                offset_s: 0,
            },
        }
    }

    /// An interface of a pcapng section; one without a name is called `stem`.
    pub(super) fn from_description(
        block: &InterfaceDescriptionBlock<'_>,
        big_endian: bool,
        stem: &str,
        number: usize,
    ) -> Interface {
        let option = |code: OptionCode| option(&block.options, code);
        let name = option(OptionCode::IfName).and_then(|text| std::str::from_utf8(text).ok()).map(clean);
        let Linktype(link) = block.linktype;
        let offset = option(OptionCode::IfTsoffset).and_then(|octets| <[u8; 8]>::try_from(octets).ok());
        Interface {
            number,
            name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| stem.to_owned()),
            link: link_type(link),
            snap_len: if block.snaplen == 0 { u32::MAX } else { block.snaplen },
            clock: Clock {
                resolution: Resolution::from(option(OptionCode::IfTsresol)),
                offset_s: offset.map_or(0, |octets| {
                    if big_endian { i64::from_be_bytes(octets) } else { i64::from_le_bytes(octets) }
                }),
            },
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    #[inline(always)]
    pub(super) fn as_given(&self, waits: bool) -> FileInterface<'_> {
        FileInterface { number: self.number, name: &self.name, waits }
    }

    /// Most octets captured of a frame.
    pub(super) fn snap_len(&self) -> u32 {
        self.snap_len
    }

    /// The time of a pcap record.
    #[inline]
    pub(super) fn pcap_time_ns(&self, seconds: u32, fraction: u32) -> u64 {
        let fraction_ns = self.clock.to_ns(fraction.into());
        u64::from(seconds) * NS_PER_S + fraction_ns
    }

    /// The time of a pcapng block.
    #[inline]
    pub(super) fn time_ns(&self, ticks: u64) -> u64 {
        self.clock.to_ns(ticks)
    }

    /// A frame of this interface, of Ethernet without its outermost tag. What it holds beyond its length on the wire
    /// cannot be of it.
    #[inline(always)]
    pub(super) fn frame<'a>(&self, time_ns: u64, wire_len: u32, held: &'a mut [u8]) -> Frame<'a> {
        let length = usize::try_from(wire_len).unwrap_or(usize::MAX).min(held.len());
        let held = held.get_mut(..length).unwrap_or_default();
        let (tag, bytes) = if self.link == Frame::ETHERNET { untag(held) } else { (None, &*held) };
        let wire_len = if tag.is_some() { wire_len.saturating_sub(TAG_LEN) } else { wire_len };
        Frame { time_ns, wire_len, link: self.link, tag, bytes }
    }
}

/// A link type; one that is no number of the registry is none that anybody reads.
fn link_type(link: i32) -> u32 {
    u32::try_from(link).unwrap_or(u32::MAX)
}

/// How an interface writes time (pcapng, options `if_tsresol` and `if_tsoffset`).
struct Clock {
    resolution: Resolution,
    /// Seconds to add.
    offset_s: i64,
}

enum Resolution {
    /// Ticks of 10^-n seconds.
    Decimal(u8),
    /// Ticks of 2^-n seconds.
    Binary(u8),
}

impl From<Option<&[u8]>> for Resolution {
    fn from(option: Option<&[u8]>) -> Resolution {
        match option.and_then(|octets| octets.first()) {
            Some(value) if value & BINARY != 0 => Resolution::Binary(value & !BINARY),
            Some(value) => Resolution::Decimal(*value),
            None => Resolution::Decimal(6),
        }
    }
}

impl Clock {
    /// Nanoseconds since 1970, within what 64 bits hold.
    #[inline]
    fn to_ns(&self, ticks: u64) -> u64 {
        match (&self.resolution, self.offset_s) {
            // What almost every file has.
            (Resolution::Decimal(6), 0) => ticks.saturating_mul(1_000),
            (Resolution::Decimal(9), 0) => ticks,
            _ => self.any_to_ns(ticks),
        }
    }

    fn any_to_ns(&self, ticks: u64) -> u64 {
        let (ticks, second) = (u128::from(ticks), u128::from(NS_PER_S));
        let ns = match self.resolution {
            Resolution::Decimal(digits) => match digits.checked_sub(NS_DIGITS) {
                None => ticks * 10u128.pow(u32::from(NS_DIGITS - digits)),
                // Ticks too fine to count up to a nanosecond.
                Some(more) => 10u128.checked_pow(u32::from(more)).map_or(0, |finer| ticks / finer),
            },
            Resolution::Binary(bits) => (ticks * second).checked_shr(u32::from(bits)).unwrap_or(0),
        };
        let ns = i128::try_from(ns).unwrap_or(i128::MAX);
        let ns = ns.saturating_add(i128::from(self.offset_s) * i128::from(NS_PER_S));
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

fn option<'a>(options: &'a [PcapNGOption<'_>], code: OptionCode) -> Option<&'a [u8]> {
    options.iter().find(|option| option.code == code).and_then(|option| option.as_bytes().ok())
}

/// A name without control characters, of a bounded length.
pub(super) fn clean(name: &str) -> String {
    name.trim_end_matches('\0')
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .take(MAX_NAME_CHARS)
        .collect()
}

/// Most characters of an interface's name.
const MAX_NAME_CHARS: usize = 64;
/// The link type in its word of a pcap header; the rest says something about frame check sequences.
const LINK_TYPE_MASK: i32 = 0x03ff_ffff;
/// The bit of `if_tsresol` that selects powers of two.
const BINARY: u8 = 0x80;
const NS_DIGITS: u8 = 9;
const NS_PER_S: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(resolution: Resolution, offset_s: i64, ticks: u64) -> u64 {
        Clock { resolution, offset_s }.to_ns(ticks)
    }

    #[test]
    fn every_resolution_gives_nanoseconds() {
        assert_eq!(ns(Resolution::Decimal(6), 0, 1_500_000), 1_500_000_000);
        assert_eq!(ns(Resolution::Decimal(0), 0, 2), 2_000_000_000);
        assert_eq!(ns(Resolution::Decimal(9), 0, 7), 7);
        assert_eq!(ns(Resolution::Decimal(12), 0, 7_999), 7);
        assert_eq!(ns(Resolution::Binary(10), 0, 1_536), 1_500_000_000);
        assert_eq!(ns(Resolution::Decimal(6), -1, 1_500_000), 500_000_000);
        assert_eq!(ns(Resolution::Decimal(6), 10, 0), 10_000_000_000);
    }

    #[test]
    fn the_short_ways_give_the_same_nanoseconds() {
        for digits in [6, 9] {
            let clock = Clock { resolution: Resolution::Decimal(digits), offset_s: 0 };
            for ticks in [0, 1, 999_999, u64::MAX / 1_000, u64::MAX / 1_000 + 1, u64::MAX] {
                assert_eq!(clock.to_ns(ticks), clock.any_to_ns(ticks));
            }
        }
    }

    #[test]
    fn no_clock_overflows() {
        for resolution in 0..=u8::MAX {
            for offset_s in [i64::MIN, 0, i64::MAX] {
                let _ = ns(Resolution::from(Some(&[resolution][..])), offset_s, u64::MAX);
            }
        }
        assert_eq!(ns(Resolution::Decimal(0), 0, u64::MAX), u64::MAX);
        assert_eq!(ns(Resolution::Decimal(6), i64::MIN, 1), 0);
    }

    #[test]
    fn a_name_holds_no_control_characters_and_is_bounded() {
        assert_eq!(clean("eth0\0\0"), "eth0");
        assert_eq!(clean("a\u{1b}[2J\n"), "a\u{fffd}[2J\u{fffd}");
        assert_eq!(clean(&"x".repeat(1_000)).len(), 64);
    }
}
