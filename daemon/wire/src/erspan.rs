//! ERSPAN, types I to III: frames of a mirrored port in GRE (draft-foschiano-erspan).

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, tunnel::Inner};

/// Octets of the header of type II.
pub const TYPE_II_LEN: usize = 8;
/// Octets of the header of type III, without the platform subheader.
pub const TYPE_III_LEN: usize = 12;
/// Octets of the platform subheader.
pub const PLATFORM_LEN: usize = 8;
/// Frame type of type III for an Ethernet frame.
pub const FRAME_ETHERNET: u8 = 0;
/// Frame type of type III for an IP packet.
pub const FRAME_IP: u8 = 2;

/// Which of the headers it is; the GRE header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    /// None at all.
    I,
    /// Eight octets.
    II,
    /// Twelve octets and maybe a platform subheader.
    III,
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Which of the headers it is.
    #[serde(rename = "type")]
    pub kind: Type,
    /// What the types II and III have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Index of the mirrored port, 20 bits; type II.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// What only type III has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

/// What the types II and III have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Version: 1 in type II, 2 in type III.
    pub version: u8,
    /// VLAN of the mirrored frame, 12 bits.
    pub vlan: u16,
    /// Class of service of the mirrored frame, 0 to 7.
    pub class_of_service: u8,
    /// Two bits. Type II, En: the frame came without tag (0), with one of ISL (1) or of IEEE 802.1Q (2), or
    /// kept it (3). Type III, BSO: the frame was good or unknown (0), short (1), oversized (2) or bad (3).
    pub state: u8,
    /// T: the mirrored frame was cut.
    pub truncated: bool,
    /// Session of the mirror, 10 bits.
    pub id: u16,
}

/// What only type III has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// The device's clock, in units of the granularity.
    pub timestamp: u32,
    /// Security Group Tag of the mirrored frame; 0 for none.
    pub security_group: u16,
    /// P: what follows is an Ethernet frame.
    pub ethernet: bool,
    /// FT, 5 bits: what follows; 0 for an Ethernet frame, 2 for an IP packet.
    pub frame_type: u8,
    /// Which part of the device mirrored the frame, 6 bits.
    pub hardware: u8,
    /// D: the frame left the mirrored port; else it came in.
    pub egress: bool,
    /// Granularity of the timestamp: 100 µs (0), 100 ns (1), IEEE 1588 (2) or of the device (3).
    pub granularity: u8,
    /// The platform subheader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// The platform subheader: what the kind of device has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// Kind of the device, 6 bits; it defines the rest.
    pub id: u8,
    /// The rest of the first four octets, 26 bits.
    pub information: u32,
    /// The last four octets; in some kinds the upper half of the timestamp.
    pub upper: u32,
}

impl Header {
    /// What follows the header. An IP packet tells its version by its first octet, `next`.
    #[must_use]
    pub fn inner(&self, next: Option<u8>) -> Inner {
        match (self.extension.map_or(FRAME_ETHERNET, |extension| extension.frame_type), next) {
            (FRAME_ETHERNET, _) => Inner::Ethernet,
            (FRAME_IP, Some(0x40..=0x4f)) => Inner::Ipv4,
            (FRAME_IP, Some(0x60..=0x6f)) => Inner::Ipv6,
            _ => Inner::Unknown,
        }
    }
}

impl Session {
    fn parse(cursor: &mut Cursor<'_>, version: u8) -> Result<Self, Malformed> {
        let start = *cursor;
        let (first, second) = (cursor.u16()?, cursor.u16()?);
        let [head, _] = first.to_be_bytes();
        let [bits, _] = second.to_be_bytes();
        if head >> 4 != version {
            return Err(start.malformed(Kind::Version));
        }
        Ok(Session {
            version,
            vlan: first & 0x0fff,
            class_of_service: bits >> 5,
            state: (bits >> 3) & 0x03,
            truncated: bits & 0x04 != 0,
            id: second & 0x03ff,
        })
    }
}

impl Extension {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let (timestamp, security_group, bits) = (cursor.u32()?, cursor.u16()?, cursor.u16()?);
        let [high, low] = bits.to_be_bytes();
        let [_, hardware] = ((bits >> 4) & 0x3f).to_be_bytes();
        Ok(Extension {
            timestamp,
            security_group,
            ethernet: high & 0x80 != 0,
            frame_type: (high >> 2) & 0x1f,
            hardware,
            egress: low & 0x08 != 0,
            granularity: (low >> 1) & 0x03,
            platform: if low & 0x01 == 0 { None } else { Some(Platform::parse(cursor)?) },
        })
    }
}

impl Platform {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let (first, upper) = (cursor.u32()?, cursor.u32()?);
        let [id, ..] = first.to_be_bytes();
        Ok(Platform { id: id >> 2, information: first & 0x03ff_ffff, upper })
    }
}

/// Reads a header of the type that the GRE header told. The cursor is then behind it.
///
/// # Errors
/// [`Malformed`] when the header is not whole, or not of the version that the type has.
pub fn parse(cursor: &mut Cursor<'_>, kind: Type) -> Result<Header, Malformed> {
    let mut header = Header { kind, session: None, index: None, extension: None };
    match kind {
        Type::I => {}
        Type::II => {
            header.session = Some(Session::parse(cursor, 1)?);
            header.index = Some(cursor.u32()? & 0x000f_ffff);
        }
        Type::III => {
            header.session = Some(Session::parse(cursor, 2)?);
            header.extension = Some(Extension::parse(cursor)?);
        }
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn read(bytes: &[u8], kind: Type) -> (Header, usize) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Erspan);
        (parse(&mut cursor, kind).unwrap(), cursor.rest().len())
    }

    fn refused(bytes: &[u8], kind: Type) -> Option<Kind> {
        parse(&mut Cursor::new(bytes, 0, Layer::Erspan), kind).err().map(|e| e.kind)
    }

    #[test]
    fn type_i_is_the_frame_alone() {
        let (header, rest) = read(&[1, 2], Type::I);
        assert_eq!((header.session, header.inner(Some(0x45)), rest), (None, Inner::Ethernet, 2));
    }

    #[test]
    fn type_ii_names_session_and_port() {
        let (header, rest) = read(&[0x11, 0x56, 0xc2, 0x9a, 0, 0, 0x7f, 0xf8, 1], Type::II);
        let session = header.session.unwrap();
        assert_eq!((session.vlan, session.id, session.class_of_service), (342, 666, 6));
        assert_eq!((session.state, session.truncated, header.index), (0, false, Some(0x7ff8)));
        assert_eq!((header.inner(None), rest), (Inner::Ethernet, 1));
    }

    #[test]
    fn type_iii_says_what_follows() {
        let bytes = [0x20, 0x01, 0x18, 0x65, 0x34, 0x76, 0x0b, 0x01, 0, 0, 0x1e, 0];
        let (header, _) = read(&bytes, Type::III);
        let extension = header.extension.unwrap();
        assert_eq!(header.session.map(|s| (s.vlan, s.id, s.state)), Some((1, 101, 3)));
        assert_eq!((extension.timestamp, extension.frame_type, extension.hardware), (0x3476_0b01, 7, 0x20));
        assert_eq!((extension.ethernet, extension.egress, extension.platform), (false, false, None));
        assert_eq!(header.inner(Some(0x45)), Inner::Unknown);
        let ip = [&bytes[..10], &[0x08, 0x08]].concat();
        let inner = |next| read(&ip, Type::III).0.inner(next);
        assert_eq!([inner(Some(0x45)), inner(Some(0x60))], [Inner::Ipv4, Inner::Ipv6]);
        assert_eq!([inner(Some(0x10)), inner(None)], [Inner::Unknown; 2]);
    }

    #[test]
    fn the_platform_subheader_is_part_of_the_header() {
        let (header, rest) =
            read(&[0x20, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0x80, 0x0b, 0x0c, 0, 0, 9, 0, 0, 0, 8, 1], Type::III);
        let extension = header.extension.unwrap();
        assert_eq!(extension.platform, Some(Platform { id: 3, information: 9, upper: 8 }));
        assert_eq!((extension.egress, extension.granularity, extension.ethernet), (true, 1, true));
        assert_eq!((header.inner(None), rest), (Inner::Ethernet, 1));
    }

    #[test]
    fn another_version_is_refused() {
        assert_eq!(refused(&[0x20, 0, 0, 0, 0, 0, 0, 0], Type::II), Some(Kind::Version));
        assert_eq!(refused(&[0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Type::III), Some(Kind::Version));
    }

    #[test]
    fn a_header_that_is_not_whole_is_refused() {
        assert_eq!(refused(&[0x10, 0, 0, 0, 0, 0, 0], Type::II), Some(Kind::Short));
        assert_eq!(refused(&[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Type::III), Some(Kind::Short));
        assert_eq!(refused(&[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], Type::III), Some(Kind::Short));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            vlan in 0_u16..1 << 12, cos in 0_u8..8, state in 0_u8..4, truncated: bool, id in 0_u16..1 << 10,
            tail: [u32; 4], three: bool,
        ) {
            let version = if three { 2 } else { 1 };
            let word = u16::from(cos) << 13 | u16::from(state) << 11 | u16::from(truncated) << 10 | id;
            let mut bytes = [(version << 12 | vlan).to_be_bytes(), word.to_be_bytes()].concat();
            bytes.extend(tail.iter().flat_map(|word| word.to_be_bytes()));
            let (header, rest) = read(&bytes, if three { Type::III } else { Type::II });
            let session = header.session.unwrap();
            prop_assert_eq!((session.vlan, session.class_of_service, session.state), (vlan, cos, state));
            prop_assert_eq!((session.truncated, session.id), (truncated, id));
            prop_assert_eq!(header.index, (!three).then_some(tail[0] & 0xf_ffff));
            prop_assert_eq!(header.extension.map(|e| e.timestamp), three.then_some(tail[0]));
            let platform = header.extension.and_then(|e| e.platform);
            prop_assert_eq!(platform.is_some(), three && tail[1] & 1 != 0);
            prop_assert_eq!(rest, match (three, platform) { (false, _) => 12, (_, None) => 8, _ => 0 });
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            for kind in [Type::I, Type::II, Type::III] {
                if let Ok(header) = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Erspan), kind) {
                    let _ = header.inner(bytes.first().copied());
                }
            }
        }
    }
}
