//! Radiotap header (radiotap.org; `ieee80211_radiotap.h`): what a radio said about a frame.
//!
//! All numbers are little-endian, and each field is aligned to its own size from the start of the
//! header. Fields are read as far as all before them are known; a fault among them leaves those before
//! it, and the frame behind the header is found by the header's length alone.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor};

/// Octets of the shortest header: version, length and one word of presence bits.
pub const HEADER_LEN: usize = 8;
/// Most words of presence bits that are read.
pub const MAX_PRESENT_WORDS: usize = 16;
/// Octets of the FCS that may end the frame (IEEE 802.11-2020, 9.2.4.8).
pub const FCS_LEN: usize = 4;

/// The header. Each field is there if the radio gave it; of those that it gave more than once, per
/// antenna, the first is here and all are in [`Header::antennas`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Octets of the header with its fields.
    pub length: u16,
    /// Presence bits, in words of 32.
    pub present: ArrayVec<u32, MAX_PRESENT_WORDS>,
    /// TSFT: the radio's clock when the frame began, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<u64>,
    /// What was done to the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Flags>,
    /// Data rate, in units of 500 kbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u8>,
    /// Channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Signal at the antenna, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antenna_signal: Option<i8>,
    /// Noise at the antenna, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antenna_noise: Option<i8>,
    /// Number of the antenna, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antenna: Option<u8>,
    /// Rate of an 802.11n frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcs: Option<Mcs>,
    /// Zero-length PSDU: the radio heard a preamble only, and no frame follows the header. The number
    /// says of which kind it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_length_psdu: Option<u8>,
    /// What single antennas received, where presence bits say so more than once.
    pub antennas: ArrayVec<Antenna, MAX_PRESENT_WORDS>,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// What was done to the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Flags(pub u8);

impl Flags {
    /// In the contention-free period.
    pub const CFP: Flags = Flags(0x01);
    /// Short preamble.
    pub const SHORT_PREAMBLE: Flags = Flags(0x02);
    /// Encrypted with WEP.
    pub const WEP: Flags = Flags(0x04);
    /// Fragmented.
    pub const FRAGMENT: Flags = Flags(0x08);
    /// The FCS ends the frame.
    pub const FCS: Flags = Flags(0x10);
    /// Between the MAC header and the body, octets fill up to a multiple of four.
    pub const DATA_PAD: Flags = Flags(0x20);
    /// The FCS was wrong.
    pub const BAD_FCS: Flags = Flags(0x40);
    /// Short guard interval.
    pub const SHORT_GUARD: Flags = Flags(0x80);

    /// Whether every bit of `flags` is set.
    #[must_use]
    pub fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// A channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Channel {
    /// Centre frequency, in MHz.
    pub frequency: u16,
    /// Kind of the channel: 0x0020 CCK, 0x0040 OFDM, 0x0080 2 GHz, 0x0100 5 GHz, and others.
    pub flags: u16,
}

/// Rate of an 802.11n frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Mcs {
    /// Which of the others are known.
    pub known: u8,
    /// Bandwidth, guard interval, format, coding, streams.
    pub flags: u8,
    /// Index of the modulation and coding scheme.
    pub index: u8,
}

/// What one antenna received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Antenna {
    /// Its number, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antenna: Option<u8>,
    /// Signal, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i8>,
    /// Noise, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<i8>,
}

impl Header {
    /// Whether the FCS ended the frame; [`parse`] has taken it away.
    #[must_use]
    pub fn has_fcs(&self) -> bool {
        self.flags.is_some_and(|flags| flags.contains(Flags::FCS))
    }

    /// Whether octets fill up the MAC header to a multiple of four.
    #[must_use]
    pub fn has_data_pad(&self) -> bool {
        self.flags.is_some_and(|flags| flags.contains(Flags::DATA_PAD))
    }

    /// Whether a frame follows the header.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        self.zero_length_psdu.is_none()
    }

    fn note(&mut self, result: Result<(), Malformed>) {
        self.malformed = self.malformed.or(result.err());
    }

    fn read(&mut self, mut fields: Fields<'_>) -> Result<(), Malformed> {
        fields.cursor.take(FIXED_LEN)?;
        loop {
            let start = fields.cursor;
            let word = u32::from_le_bytes(*fields.cursor.array()?);
            if self.present.try_push(word).is_err() {
                return Err(start.malformed(Kind::Limit));
            }
            if word & MORE == 0 {
                break;
            }
        }
        let mut space = Namespace::Radiotap;
        for word in self.present.clone() {
            match space {
                Namespace::Radiotap => self.read_word(word, &mut fields)?,
                // Its fields were stepped over as a whole.
                Namespace::Vendor => {}
                // Bits beyond those that the namespace defines; where fields go on is not known.
                Namespace::Undefined if word & FIELDS != 0 => return Ok(()),
                Namespace::Undefined => {}
            }
            space = match (word & RADIOTAP_NAMESPACE != 0, word & VENDOR_NAMESPACE != 0) {
                (true, true) => return Err(fields.cursor.malformed(Kind::Value)),
                (true, false) => Namespace::Radiotap,
                (false, true) => {
                    fields.skip_vendor()?;
                    Namespace::Vendor
                }
                (false, false) if space == Namespace::Vendor => Namespace::Vendor,
                (false, false) => Namespace::Undefined,
            };
        }
        Ok(())
    }

    /// Reads the fields that one word announces.
    fn read_word(&mut self, word: u32, fields: &mut Fields<'_>) -> Result<(), Malformed> {
        let mut antenna = Antenna::default();
        let result = LAYOUT.iter().enumerate().filter(|(bit, _)| word >> bit & 1 != 0).try_for_each(
            |(bit, (align, length))| self.read_field(bit, fields.field(*align, *length)?, &mut antenna),
        );
        self.antenna = self.antenna.or(antenna.antenna);
        self.antenna_signal = self.antenna_signal.or(antenna.signal);
        self.antenna_noise = self.antenna_noise.or(antenna.noise);
        if antenna != Antenna::default() {
            let _ = self.antennas.try_push(antenna);
        }
        result
    }

    fn read_field(
        &mut self,
        bit: usize,
        mut field: Cursor<'_>,
        antenna: &mut Antenna,
    ) -> Result<(), Malformed> {
        match bit {
            0 => {
                let value = u64::from_le_bytes(*field.array()?);
                self.timestamp.get_or_insert(value);
            }
            1 => {
                let value = Flags(field.u8()?);
                self.flags.get_or_insert(value);
            }
            2 => {
                let value = field.u8()?;
                self.rate.get_or_insert(value);
            }
            3 => {
                let [f0, f1, g0, g1] = *field.array()?;
                let (frequency, flags) = (u16::from_le_bytes([f0, f1]), u16::from_le_bytes([g0, g1]));
                self.channel.get_or_insert(Channel { frequency, flags });
            }
            5 => antenna.signal = Some(i8::from_le_bytes(*field.array()?)),
            6 => antenna.noise = Some(i8::from_le_bytes(*field.array()?)),
            11 => antenna.antenna = Some(field.u8()?),
            19 => {
                let [known, flags, index] = *field.array()?;
                self.mcs.get_or_insert(Mcs { known, flags, index });
            }
            26 => {
                let value = field.u8()?;
                self.zero_length_psdu.get_or_insert(value);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The cursor among the fields, and how long the header was at its start.
struct Fields<'a> {
    cursor: Cursor<'a>,
    length: usize,
}

impl<'a> Fields<'a> {
    /// The next field, after what fills up to its alignment.
    fn field(&mut self, align: usize, length: usize) -> Result<Cursor<'a>, Malformed> {
        let position = self.length.saturating_sub(self.cursor.wire_remaining());
        let aligned = position.checked_next_multiple_of(align).unwrap_or(position);
        self.cursor.take(aligned.saturating_sub(position))?;
        self.cursor.split(length)
    }

    /// Steps over the fields of a vendor, whose header says how many octets they are.
    fn skip_vendor(&mut self) -> Result<(), Malformed> {
        let [_, _, _, _, l0, l1] = *self.field(2, 6)?.array()?;
        self.cursor.take(u16::from_le_bytes([l0, l1]).into()).map(|_| ())
    }
}

/// Whose fields a word of presence bits announces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Radiotap,
    Vendor,
    Undefined,
}

/// Reads a header with its fields, and takes the FCS away from the end of the frame where the flags say
/// that there is one. The cursor is then at the IEEE 802.11 header.
///
/// # Errors
/// [`Malformed`] when the start of the header is not whole, is of another version, or has a length that
/// is shorter than itself.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let [version, _, l0, l1, ..] = *cursor.array::<HEADER_LEN>()?;
    let length = u16::from_le_bytes([l0, l1]);
    if version != 0 {
        return Err(start.malformed(Kind::Version));
    }
    if usize::from(length) < HEADER_LEN {
        return Err(start.malformed(Kind::Length));
    }
    let mut header = Header { length, ..Header::default() };
    let mut fields = start;
    header.note(fields.limit(length.into()));
    let result = header.read(Fields { length: fields.wire_remaining(), cursor: fields });
    header.note(result);
    // What is said once is no list, wherever the reading ended.
    if let [_] = header.antennas.as_slice() {
        header.antennas.clear();
    }
    *cursor = start;
    header.note(skip(cursor, length.into()));
    if header.has_fcs() && header.has_frame() {
        header.note(cut_fcs(cursor));
    }
    Ok(header)
}

/// Steps over `length` octets, or to the end of what was captured.
pub(crate) fn skip(cursor: &mut Cursor<'_>, length: usize) -> Result<(), Malformed> {
    match cursor.take(length) {
        Ok(_) => Ok(()),
        Err(fault) => {
            cursor.take(cursor.rest().len())?;
            Err(fault)
        }
    }
}

/// Takes the FCS away from the end of the frame.
pub(crate) fn cut_fcs(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    match cursor.wire_remaining().checked_sub(FCS_LEN) {
        Some(length) => cursor.limit(length),
        None => Err(cursor.malformed(Kind::Short)),
    }
}

/// Octets before the presence bits.
const FIXED_LEN: usize = 4;
/// Another word of presence bits follows.
const MORE: u32 = 1 << 31;
/// The next word is of a vendor.
const VENDOR_NAMESPACE: u32 = 1 << 30;
/// The next word is the first one of this standard again.
const RADIOTAP_NAMESPACE: u32 = 1 << 29;
/// The bits that announce fields.
const FIELDS: u32 = 0x1fff_ffff;
/// Alignment and octets of the field that each bit announces. Bit 28 announces TLVs behind all of them.
const LAYOUT: [(usize, usize); 28] = [
    (8, 8),  // TSFT
    (1, 1),  // flags
    (1, 1),  // rate
    (2, 4),  // channel
    (2, 2),  // FHSS
    (1, 1),  // antenna signal in dBm
    (1, 1),  // antenna noise in dBm
    (2, 2),  // lock quality
    (2, 2),  // TX attenuation
    (2, 2),  // TX attenuation in dB
    (1, 1),  // TX power in dBm
    (1, 1),  // antenna
    (1, 1),  // antenna signal in dB
    (1, 1),  // antenna noise in dB
    (2, 2),  // RX flags
    (2, 2),  // TX flags
    (1, 1),  // RTS retries
    (1, 1),  // data retries
    (4, 8),  // XChannel
    (1, 3),  // MCS
    (4, 8),  // A-MPDU status
    (2, 12), // VHT
    (8, 12), // timestamp
    (2, 12), // HE
    (2, 12), // HE-MU
    (2, 6),  // HE-MU of another user
    (1, 1),  // zero-length PSDU
    (2, 4),  // L-SIG
];

#[cfg(test)]
mod tests;
