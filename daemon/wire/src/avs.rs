//! AVS capture header (AVS Capture Frame Format, version 2.1.1, of linux-wlan-ng): what a driver says of a frame of
//! IEEE 802.11. All numbers are in network order.

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, ethernet, registry::registry};

/// The first four octets, by version (4.1).
pub const MAGIC: [u32; 2] = [0x8021_1001, 0x8021_1002];
/// Octets of the header of version 1, and of version 2 (4.2).
pub const HEADER_LEN: [usize; 2] = [64, 80];
/// Most octets of a header that is stepped over.
pub const MAX_LEN: usize = 256;

/// The header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version: 1 or 2.
    pub version: u8,
    /// Octets of the header.
    pub length: u32,
    /// When the frame was received by the card's clock, in microseconds; 0 is not known (4.3).
    pub mac_time: u64,
    /// When it was received by the host's clock (4.4).
    pub host_time: u64,
    /// Kind of the radio (4.5).
    pub phy_type: PhyType,
    /// A channel's number below 256, its centre in MHz below 10,000, otherwise in kHz; of a radio that hops: set,
    /// pattern and index, an octet each (4.6).
    pub frequency: u32,
    /// Data rate, in units of 100 kbit/s (4.7).
    pub rate: u32,
    /// Antenna, by its place in a list; 0 is not known (4.8).
    pub antenna: u32,
    /// Priority: 0 in a contention period, 6 in one that is free of contention (4.9).
    pub priority: u32,
    /// What signal and noise are numbers of (4.10).
    pub signal_type: SignalType,
    /// Signal (4.11).
    pub signal: i32,
    /// Noise; -1 is not known (4.12).
    pub noise: i32,
    /// Preamble: 0 not defined, 1 short, 2 long.
    pub preamble: u32,
    /// Encoding (4.13).
    pub encoding: Encoding,
    /// What version 2 says beyond that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<Receiver>,
}

/// What version 2 says of who received the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// Frames that it received so far (4.14).
    pub sequence: u32,
    /// Frames that it dropped so far (4.15).
    pub drops: u32,
    /// Its address (4.16).
    pub address: ethernet::Address,
}

registry! {
    /// Kinds of radios (4.5).
    pub enum PhyType: u32 {
        /// 1: hopping, of 1997.
        Fhss = 1, "fhss-dot11-97";
        /// 2: direct sequence, of 1997.
        Dsss = 2, "dsss-dot11-97";
        /// 3: infrared.
        Infrared = 3, "ir-baseband";
        /// 4.
        DsssB = 4, "dsss-dot11-b";
        /// 5.
        PbccB = 5, "pbcc-dot11-b";
        /// 6.
        OfdmG = 6, "ofdm-dot11-g";
        /// 7.
        PbccG = 7, "pbcc-dot11-g";
        /// 8.
        OfdmA = 8, "ofdm-dot11-a";
        /// 9.
        DsssOfdmG = 9, "dsss-ofdm-dot11-g";
    }
}

registry! {
    /// What signal strengths are numbers of (4.10).
    pub enum SignalType: u32 {
        /// 0: there are none.
        None = 0, "none";
        /// 1: 0 to 1000.
        Normalized = 1, "normalized-rssi";
        /// 2.
        Dbm = 2, "dbm";
        /// 3: as the card says them.
        Raw = 3, "raw-rssi";
    }
}

registry! {
    /// Encodings (4.13).
    pub enum Encoding: u32 {
        /// 0.
        NotKnown = 0, "not-known";
        /// 1.
        Cck = 1, "cck";
        /// 2.
        Pbcc = 2, "pbcc";
        /// 3.
        Ofdm = 3, "ofdm";
        /// 4.
        DsssOfdm = 4, "dsss-ofdm";
        /// 5.
        Bpsk = 5, "bpsk";
        /// 6.
        Qpsk = 6, "qpsk";
        /// 7.
        Qam16 = 7, "16-qam";
        /// 8.
        Qam64 = 8, "64-qam";
    }
}

/// Least octets of a header that begins with this number; `None` where none does. One of Prism never does.
#[must_use]
pub fn least_length(magic: u32) -> Option<usize> {
    MAGIC.iter().zip(HEADER_LEN).find(|(known, _)| **known == magic).map(|(_, least)| least)
}

/// Reads a header. The cursor is then at the IEEE 802.11 header. By the format (2) an FCS ends every frame, and drivers
/// leave it out: it is left where it may be.
///
/// # Errors
/// [`Malformed`] when it is not whole, of another version, or has a length that is shorter than its version's fields or
/// longer than [`MAX_LEN`].
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let magic = cursor.u32()?;
    let least = least_length(magic).ok_or(start.malformed(Kind::Version))?;
    let [.., version] = magic.to_be_bytes();
    let length = cursor.u32()?;
    let octets = usize::try_from(length).unwrap_or(usize::MAX);
    if octets < least {
        return Err(start.malformed(Kind::Length));
    }
    if octets > MAX_LEN {
        return Err(start.malformed(Kind::Limit));
    }
    *cursor = start;
    let mut part = cursor.split(octets)?;
    part.take(8)?;
    Ok(Header {
        version,
        length,
        mac_time: long(&mut part)?,
        host_time: long(&mut part)?,
        phy_type: part.u32()?.into(),
        frequency: part.u32()?,
        rate: part.u32()?,
        antenna: part.u32()?,
        priority: part.u32()?,
        signal_type: part.u32()?.into(),
        signal: signed(&mut part)?,
        noise: signed(&mut part)?,
        preamble: part.u32()?,
        encoding: part.u32()?.into(),
        receiver: if version == 1 { None } else { Some(Receiver::read(&mut part)?) },
    })
}

impl Receiver {
    fn read(part: &mut Cursor<'_>) -> Result<Receiver, Malformed> {
        Ok(Receiver { sequence: part.u32()?, drops: part.u32()?, address: ethernet::Address(*part.array()?) })
    }
}

fn long(part: &mut Cursor<'_>) -> Result<u64, Malformed> {
    part.array().map(|octets| u64::from_be_bytes(*octets))
}

fn signed(part: &mut Cursor<'_>) -> Result<i32, Malformed> {
    part.array().map(|octets| i32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn write(version: usize, length: u32) -> Vec<u8> {
        let mut bytes = [MAGIC[version - 1], length].map(u32::to_be_bytes).concat();
        bytes.extend([1_u64, 2].map(u64::to_be_bytes).concat());
        bytes.extend([6, 2412, 110, 3, 6, 2, 0xffff_ffc4, u32::MAX, 1, 3].map(u32::to_be_bytes).concat());
        bytes.extend([7_u32, 8].map(u32::to_be_bytes).concat());
        bytes.extend([2, 0, 0, 0, 0, 9, 0, 0]);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), Malformed> {
        let mut cursor = Cursor::new(bytes, 0, Layer::Avs);
        parse(&mut cursor).map(|header| (header, cursor.rest().to_vec()))
    }

    #[test]
    fn a_header_of_either_version_is_read() {
        let mut bytes = write(1, 64);
        bytes.truncate(66);
        let (header, rest) = read(&bytes).unwrap();
        assert_eq!((header.version, header.mac_time, header.host_time), (1, 1, 2));
        assert_eq!((header.phy_type, header.frequency, header.rate), (PhyType::OfdmG, 2412, 110));
        assert_eq!((header.antenna, header.priority), (3, 6));
        assert_eq!((header.signal_type, header.signal, header.noise), (SignalType::Dbm, -60, -1));
        assert_eq!((header.preamble, header.encoding, header.receiver), (1, Encoding::Ofdm, None));
        assert_eq!(rest, [0, 0]);
        let (header, rest) = read(&[write(2, 80), vec![8]].concat()).unwrap();
        let address = ethernet::Address([2, 0, 0, 0, 0, 9]);
        assert_eq!(header.receiver, Some(Receiver { sequence: 7, drops: 8, address }));
        assert_eq!(rest, [8]);
    }

    #[test]
    fn what_a_longer_header_says_more_is_stepped_over() {
        let bytes = [write(2, 96), vec![5; 16], vec![8]].concat();
        assert_eq!(read(&bytes).unwrap().1, [8]);
        assert!(read(&write(1, 80)).unwrap().1.is_empty());
    }

    #[test]
    fn a_length_shorter_than_the_fields_or_beyond_the_bound_is_refused() {
        let error = |bytes: &[u8]| read(bytes).unwrap_err().kind;
        assert_eq!(
            (error(&write(1, 63)), error(&write(2, 79)), error(&write(1, 0))),
            (Kind::Length, Kind::Length, Kind::Length)
        );
        assert_eq!((error(&write(1, 257)), error(&write(1, u32::MAX))), (Kind::Limit, Kind::Limit));
        assert_eq!((error(&write(2, 80)[..79]), error(&[0x80, 0x21, 0x10])), (Kind::Short, Kind::Short));
        let mut cut = Cursor::new(&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], 100, Layer::Avs);
        assert_eq!(parse(&mut cut).unwrap_err().kind, Kind::NotCaptured);
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = write(2, 80);
        bytes[3] = 3;
        assert_eq!(read(&bytes).unwrap_err().kind, Kind::Version);
    }

    proptest! {
        #[test]
        fn no_octets_do_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..300), wire_len: u16, length in 0_u32..300) {
            if let Some(head) = bytes.first_chunk_mut::<8>() {
                *head = [MAGIC[1], length].map(u32::to_be_bytes).concat().try_into().unwrap();
            }
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Avs));
        }
    }
}
