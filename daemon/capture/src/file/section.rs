//! What a file says about itself, kept while its frames are read: order of octets and interfaces.

use std::ops::Range;

use pcap_parser::nom::{self, IResult};
use pcap_parser::{
    Block, PcapBlockOwned, PcapError, parse_block_be, parse_block_le, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_frame_modified, parse_pcap_header,
};

use super::File;
use super::interface::{Interface, clean};

/// A pcapng section, or a whole pcap file.
pub(super) struct Section {
    /// The name of interfaces that have none.
    stem: String,
    format: Format,
    interfaces: Vec<Interface>,
    /// How many were described so far, in earlier sections too.
    described: usize,
}

/// A record, as far as it matters here.
pub(super) enum Record<'a, 'b> {
    /// A frame, complete with its tag, and perhaps with more than its length on the wire.
    Frame { interface: &'a Interface, time_ns: u64, wire_len: u32, bytes: &'b [u8] },
    /// A known block without frames.
    Description,
    /// A block of an unknown type.
    Unknown,
}

/// A record that is a frame and nothing else, by the place of the frame's octets in it.
pub(super) struct Plain<'a> {
    pub(super) interface: &'a Interface,
    pub(super) time_ns: u64,
    pub(super) wire_len: u32,
    pub(super) octets: Range<usize>,
    /// Octets of the record.
    pub(super) length: usize,
}

/// The length that a record gives for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// Its header is not in the buffer yet.
    Unknown,
    /// With header and padding.
    Len(usize),
    /// More than the limits allow.
    TooLong,
}

impl Section {
    /// Before the first header.
    pub(super) fn new(stem: &str) -> Section {
        Section { stem: clean(stem), format: Format::Unread, interfaces: Vec::new(), described: 0 }
    }

    pub(super) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(Interface::name)
    }

    /// The record at the start of `data` and its octets; none when `data` ends before it does.
    pub(super) fn parse<'a>(
        &self,
        data: &'a [u8],
    ) -> Result<Option<(PcapBlockOwned<'a>, usize)>, &'static str> {
        if data.is_empty() {
            return Ok(None);
        }
        if self.declared_len(data) == Declared::TooLong {
            return Err(super::TOO_LONG);
        }
        match self.format {
            Format::Unread if !data.starts_with(super::PCAPNG) => parsed(data, parse_pcap_header),
            Format::Unread | Format::PcapNg { big_endian: false } => parsed(data, parse_block_le),
            Format::PcapNg { big_endian: true } => parsed(data, parse_block_be),
            Format::Pcap { big_endian: true, .. } => parsed(data, parse_pcap_frame_be),
            Format::Pcap { header_len: LONG_HEADER_LEN, .. } => parsed(data, parse_pcap_frame_modified),
            Format::Pcap { .. } => parsed(data, parse_pcap_frame),
        }
    }

    /// Takes the next record of the file into account.
    pub(super) fn take<'a, 'b>(
        &'a mut self,
        block: &PcapBlockOwned<'b>,
    ) -> Result<Record<'a, 'b>, &'static str> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.format = Format::Pcap {
                    big_endian: header.is_bigendian(),
                    header_len: if header.is_modified_format() { LONG_HEADER_LEN } else { HEADER_LEN },
                };
                self.interfaces = vec![Interface::from_header(header, &self.stem)];
                Ok(Record::Description)
            }
            PcapBlockOwned::Legacy(packet) => {
                let interface = self.interface(0)?;
                let time_ns = interface.pcap_time_ns(packet.ts_sec, packet.ts_usec);
                Ok(Record::Frame { interface, time_ns, wire_len: packet.origlen, bytes: packet.data })
            }
            PcapBlockOwned::NG(block) => self.take_block(block),
        }
    }

    /// The frame at the start of `data`: where it is there to its end, and written as almost all are. What it says
    /// is what [`Section::take`] would say of it.
    #[inline(always)]
    pub(super) fn plain(&self, data: &[u8]) -> Option<Plain<'_>> {
        match self.format {
            Format::Pcap { big_endian, header_len: HEADER_LEN } => {
                let (header, rest) = data.split_first_chunk::<HEADER_LEN>()?;
                let [seconds, fraction, captured, wire_len] = words(header, big_endian);
                let captured = usize::try_from(captured).ok()?;
                if captured > File::MAX_FRAME_BYTES || captured > rest.len() {
                    return None;
                }
                let interface = self.interfaces.first()?;
                let length = HEADER_LEN + captured;
                let time_ns = interface.pcap_time_ns(seconds, fraction);
                Some(Plain { interface, time_ns, wire_len, octets: HEADER_LEN..length, length })
            }
            Format::PcapNg { big_endian } => {
                let (header, rest) = data.split_first_chunk::<ENHANCED_HEADER_LEN>()?;
                let [kind, block_len, number, high, low, captured, wire_len] = words(header, big_endian);
                let captured = usize::try_from(captured).ok()?;
                let padded = captured.checked_next_multiple_of(BLOCK_ALIGNMENT)?;
                let least = padded.checked_add(ENHANCED_HEADER_LEN + BLOCK_LEN_LEN)?;
                let length = usize::try_from(block_len).ok()?;
                // What is behind the frame are options.
                if kind != ENHANCED_PACKET
                    || length < least
                    || length > File::MAX_RECORD_BYTES
                    || !length.is_multiple_of(BLOCK_ALIGNMENT)
                {
                    return None;
                }
                let end = length.checked_sub(ENHANCED_HEADER_LEN + BLOCK_LEN_LEN)?;
                let again = rest.get(end..)?.first_chunk::<BLOCK_LEN_LEN>()?;
                if words(again, big_endian) != [block_len] {
                    return None;
                }
                let interface = self.interface(number).ok()?;
                let time_ns = interface.time_ns(u64::from(high) << 32 | u64::from(low));
                let octets = ENHANCED_HEADER_LEN..ENHANCED_HEADER_LEN + captured;
                Some(Plain { interface, time_ns, wire_len, octets, length })
            }
            Format::Unread | Format::Pcap { .. } => None,
        }
    }

    /// A block that holds neither frames nor what they need: whether its type is known, and its octets. Not parsed,
    /// so that what stands in it is no matter of memory.
    pub(super) fn other_block(&self, data: &[u8]) -> Option<(bool, usize)> {
        let Format::PcapNg { big_endian } = self.format else { return None };
        let [kind, length] = words(data.first_chunk::<8>()?, big_endian);
        let length = usize::try_from(length).ok().filter(|length| length.is_multiple_of(BLOCK_ALIGNMENT))?;
        if READ.contains(&kind) || data.starts_with(super::PCAPNG) || length > File::MAX_RECORD_BYTES {
            return None;
        }
        let again = data.get(length.checked_sub(BLOCK_LEN_LEN)?..)?.first_chunk::<BLOCK_LEN_LEN>()?;
        let is_whole =
            length >= LEAST_BLOCK_LEN && usize::try_from(words::<4, 1>(again, big_endian)[0]) == Ok(length);
        is_whole.then(|| (KNOWN.contains(&kind), length))
    }

    fn take_block<'a, 'b>(&'a mut self, block: &Block<'b>) -> Result<Record<'a, 'b>, &'static str> {
        match block {
            Block::SectionHeader(header) => {
                if header.major_version != 1 {
                    return Err("a section is of an unknown version");
                }
                self.format = Format::PcapNg { big_endian: header.big_endian() };
                self.interfaces.clear();
                Ok(Record::Description)
            }
            Block::InterfaceDescription(description) => {
                if self.interfaces.len() >= File::MAX_INTERFACES {
                    return Err("a section describes too many interfaces");
                }
                let big_endian = matches!(self.format, Format::PcapNg { big_endian: true });
                let number = self.described;
                self.described += 1;
                self.interfaces.push(Interface::from_description(
                    description,
                    big_endian,
                    &self.stem,
                    number,
                ));
                Ok(Record::Description)
            }
            Block::EnhancedPacket(packet) => {
                let captured =
                    usize::try_from(packet.caplen).ok().and_then(|length| packet.data.get(..length));
                let bytes = captured.ok_or("a frame is longer than its block")?;
                let interface = self.interface(packet.if_id)?;
                let time_ns = interface.time_ns(u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low));
                Ok(Record::Frame { interface, time_ns, wire_len: packet.origlen, bytes })
            }
            Block::SimplePacket(packet) => {
                // Its captured length is not written down; data is padded to a multiple of 4.
                let interface = self.interface(0)?;
                let captured = usize::try_from(interface.snap_len().min(packet.origlen)).ok();
                let bytes = captured.and_then(|length| packet.data.get(..length)).unwrap_or(packet.data);
                Ok(Record::Frame { interface, time_ns: TIME_UNKNOWN, wire_len: packet.origlen, bytes })
            }
            Block::NameResolution(_) | Block::InterfaceStatistics(_) | Block::DecryptionSecrets(_) => {
                Ok(Record::Description)
            }
            Block::SystemdJournalExport(_)
            | Block::ProcessInformation(_)
            | Block::Custom(_)
            | Block::Unknown(_) => Ok(Record::Unknown),
        }
    }

    /// The length that the record at the start of `data` gives for itself.
    pub(super) fn declared_len(&self, data: &[u8]) -> Declared {
        let (field, big_endian, extra, limit) = match self.format {
            Format::Pcap { big_endian, header_len } => {
                (INCL_LEN, big_endian, header_len, File::MAX_FRAME_BYTES)
            }
            // A new section may have the other order.
            _ if data.starts_with(super::PCAPNG) => {
                let Some(magic) = octets_at(data, BYTE_ORDER_MAGIC) else { return Declared::Unknown };
                (BLOCK_TOTAL_LEN, magic == BIG_ENDIAN_MAGIC, 0, File::MAX_DESCRIPTION_BYTES)
            }
            Format::Unread => return Declared::Unknown,
            Format::PcapNg { big_endian } => {
                let word =
                    |octets| if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
                let is_description = octets_at(data, 0).map(word) == Some(INTERFACE_DESCRIPTION);
                let limit = if is_description { File::MAX_DESCRIPTION_BYTES } else { File::MAX_RECORD_BYTES };
                (BLOCK_TOTAL_LEN, big_endian, 0, limit)
            }
        };
        let Some(octets) = octets_at(data, field) else { return Declared::Unknown };
        let length = if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
        match usize::try_from(length) {
            Ok(length) if length <= limit => Declared::Len(length + extra),
            _ => Declared::TooLong,
        }
    }

    fn interface(&self, number: u32) -> Result<&Interface, &'static str> {
        let found = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        found.ok_or("a frame is of an interface that is not described")
    }
}

#[derive(Clone, Copy)]
enum Format {
    Unread,
    Pcap { big_endian: bool, header_len: usize },
    PcapNg { big_endian: bool },
}

type Read<'a, T> = IResult<&'a [u8], T, PcapError<&'a [u8]>>;

/// What a parser makes of the start of `data`, and the octets it used.
fn parsed<'a, T>(
    data: &'a [u8],
    parser: fn(&'a [u8]) -> Read<'a, T>,
) -> Result<Option<(PcapBlockOwned<'a>, usize)>, &'static str>
where
    PcapBlockOwned<'a>: From<T>,
{
    match parser(data) {
        Ok((rest, record)) => Ok(Some((record.into(), data.len().saturating_sub(rest.len())))),
        Err(nom::Err::Incomplete(_)) => Ok(None),
        Err(_) => Err("it is no valid record"),
    }
}

/// The words of a header.
#[inline(always)]
fn words<const OCTETS: usize, const WORDS: usize>(header: &[u8; OCTETS], big_endian: bool) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    for (word, octets) in words.iter_mut().zip(header.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*octets);
    }
    if big_endian { swapped(words) } else { words }
}

/// Few machines write files so.
#[cold]
fn swapped<const WORDS: usize>(words: [u32; WORDS]) -> [u32; WORDS] {
    words.map(u32::swap_bytes)
}

fn octets_at(data: &[u8], offset: usize) -> Option<[u8; 4]> {
    data.get(offset..)?.first_chunk().copied()
}

/// The time of a frame in a simple packet block, which holds none.
const TIME_UNKNOWN: u64 = 0;
/// Octets of a pcap record's header, and of the longer one of the modified format.
const HEADER_LEN: usize = 16;
const LONG_HEADER_LEN: usize = 24;
/// Octets of an enhanced packet block before its frame, and its type.
const ENHANCED_HEADER_LEN: usize = 28;
const ENHANCED_PACKET: u32 = 6;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_DESCRIPTION: u32 = 1;
/// The types of blocks that are read, beside section headers; and of those that are known and pass unread: name
/// resolution, interface statistics, decryption secrets.
const READ: [u32; 3] = [INTERFACE_DESCRIPTION, SIMPLE_PACKET, ENHANCED_PACKET];
const KNOWN: [u32; 3] = [4, 5, 10];
/// Type and twice the length.
const LEAST_BLOCK_LEN: usize = 12;
/// Octets of the length that a block ends with.
const BLOCK_LEN_LEN: usize = 4;
const BLOCK_ALIGNMENT: usize = 4;
/// Where a pcap record gives its captured length.
const INCL_LEN: usize = 8;
/// Where a pcapng block gives its length, and a section header its order of octets.
const BLOCK_TOTAL_LEN: usize = 4;
const BYTE_ORDER_MAGIC: usize = 8;
const BIG_ENDIAN_MAGIC: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
