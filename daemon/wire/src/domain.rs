//! Domain names as sequences of labels (RFC 1035, 3.1 and 4.1.4; RFC 3397; RFC 8415, 10).

use std::fmt::{self, Write};

use serde::Serialize;

use crate::{Kind, Malformed, Text, cursor::Cursor};

/// Most octets of a name, with the length octets of its labels and the root (RFC 1035, 2.3.4).
pub const MAX_NAME_LEN: usize = 255;
/// Most octets of a label (RFC 1035, 2.3.4).
pub const MAX_LABEL_LEN: u8 = 63;
/// Most labels of a name: more do not fit into [`MAX_NAME_LEN`].
pub const MAX_LABELS: usize = 127;
/// Most compression pointers of one name that are followed.
pub const MAX_JUMPS: usize = 16;

/// A domain name as safe text, without the final dot; the root is empty. A dot within a label is
/// shown with a backslash before it (RFC 1035, 5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A name that was sent as text, with dots between its labels.
    pub(crate) fn from_text(text: Text<'_>) -> Self {
        let mut text = text.to_string();
        if text.ends_with('.') {
            text.pop();
        }
        Name(text)
    }

    fn push(&mut self, label: &[u8]) {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        if label.contains(&b'.') {
            self.0.push_str(&Text(label).to_string().replace('.', "\\."));
        } else {
            // Writing into a string does not fail.
            let _ = write!(self.0, "{}", Text(label));
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a name ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// At the root: the name is complete.
    Root,
    /// At the end of what encloses it.
    Partial,
}

/// Reads a name, and leaves the cursor behind it. Of a malformed one the labels before the fault are
/// given. Compression pointers are followed within `message`; without it they are not allowed.
pub(crate) fn read<'a>(
    cursor: &mut Cursor<'a>,
    message: Option<Cursor<'a>>,
) -> (Name, Result<Ending, Malformed>) {
    let mut name = Name::default();
    let ending = follow(&mut name, cursor, message);
    (name, ending)
}

/// Reads a name that has to be complete.
pub(crate) fn read_complete<'a>(
    cursor: &mut Cursor<'a>,
    message: Option<Cursor<'a>>,
) -> Result<Name, Malformed> {
    match read(cursor, message) {
        (name, Ok(Ending::Root)) => Ok(name),
        (_, Ok(Ending::Partial)) => Err(cursor.malformed(Kind::Short)),
        (_, Err(malformed)) => Err(malformed),
    }
}

/// Steps over a name without reading what it points to.
pub(crate) fn skip(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    for _ in 0..=MAX_LABELS {
        let start = *cursor;
        match cursor.u8()? {
            0 => return Ok(()),
            octets @ 1..=MAX_LABEL_LEN => {
                cursor.take(octets.into())?;
            }
            0xc0.. => return cursor.u8().map(|_| ()),
            _ => return Err(start.malformed(Kind::Value)),
        }
    }
    Err(cursor.malformed(Kind::Length))
}

fn follow<'a>(
    name: &mut Name,
    cursor: &mut Cursor<'a>,
    message: Option<Cursor<'a>>,
) -> Result<Ending, Malformed> {
    let mut labels = *cursor;
    let mut part = labels;
    let mut length = 1_usize;
    let mut jumps = 0_usize;
    for _ in 0..=MAX_LABELS.saturating_add(MAX_JUMPS) {
        let start = labels;
        if labels.is_empty() {
            return Ok(Ending::Partial);
        }
        match labels.u8()? {
            0 => {
                if jumps == 0 {
                    *cursor = labels;
                }
                return Ok(Ending::Root);
            }
            octets @ 1..=MAX_LABEL_LEN => {
                length = length.saturating_add(usize::from(octets)).saturating_add(1);
                if length > MAX_NAME_LEN {
                    return Err(start.malformed(Kind::Length));
                }
                name.push(labels.take(octets.into())?);
                if jumps == 0 {
                    *cursor = labels;
                }
            }
            high @ 0xc0.. => {
                let target = u16::from_be_bytes([high & 0x3f, labels.u8()?]);
                if jumps == 0 {
                    *cursor = labels;
                }
                jumps = jumps.saturating_add(1);
                if jumps > MAX_JUMPS {
                    return Err(start.malformed(Kind::Limit));
                }
                // A pointer goes to a prior part (RFC 1035, 4.1.4): the way back never comes round.
                let mut target_part = message.ok_or(start.malformed(Kind::Value))?;
                if target_part.take(target.into()).is_err() || target_part.offset() >= part.offset() {
                    return Err(start.malformed(Kind::Value));
                }
                labels = target_part;
                part = target_part;
            }
            _ => return Err(start.malformed(Kind::Value)),
        }
    }
    Err(labels.malformed(Kind::Limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use proptest::prelude::*;

    fn at(bytes: &[u8], offset: usize) -> (String, Result<Ending, Kind>, usize) {
        let message = Cursor::new(bytes, 0, Layer::Mdns);
        let mut cursor = message;
        cursor.take(offset).unwrap();
        let (name, ending) = read(&mut cursor, Some(message));
        (name.to_string(), ending.map_err(|m| m.kind), cursor.wire_remaining())
    }

    #[test]
    fn a_name_ends_at_the_root() {
        assert_eq!(at(b"\x02pc\x03lan\0x", 0), ("pc.lan".into(), Ok(Ending::Root), 1));
        assert_eq!(at(b"\0", 0), (String::new(), Ok(Ending::Root), 0));
        assert_eq!(at(b"\x02pc", 0), ("pc".into(), Ok(Ending::Partial), 0));
    }

    #[test]
    fn a_pointer_is_followed_backwards() {
        let bytes = b"\x03lan\0\x02pc\xc0\0\x01a\xc0\x05x";
        assert_eq!(at(bytes, 5), ("pc.lan".into(), Ok(Ending::Root), 5));
        assert_eq!(at(bytes, 10), ("a.pc.lan".into(), Ok(Ending::Root), 1));
    }

    #[test]
    fn a_pointer_forwards_or_to_itself_is_refused() {
        assert_eq!(at(b"\xc0\0", 0), (String::new(), Err(Kind::Value), 0));
        assert_eq!(at(b"\x01a\xc0\0", 0), ("a".into(), Err(Kind::Value), 0));
        assert_eq!(at(b"\xc0\x02\0", 0), (String::new(), Err(Kind::Value), 1));
        assert_eq!(at(b"\x01a\xc0\x09", 0), ("a".into(), Err(Kind::Value), 0));
    }

    #[test]
    fn a_loop_through_a_pointer_ends() {
        assert_eq!(at(b"\x01a\x01b\xc0\0", 2).1, Err(Kind::Value));
    }

    #[test]
    fn a_chain_of_pointers_has_a_bound() {
        let mut bytes = vec![0, 0];
        for target in (0..40_u8).step_by(2) {
            bytes.extend([0xc0, target]);
        }
        assert_eq!(at(&bytes, 2 * MAX_JUMPS).1, Ok(Ending::Root));
        assert_eq!(at(&bytes, 2 * MAX_JUMPS + 2).1, Err(Kind::Limit));
    }

    #[test]
    fn a_name_beyond_its_length_is_refused() {
        let mut bytes = b"\x3f".iter().chain(&[b'x'; 63]).copied().collect::<Vec<_>>().repeat(4);
        bytes.push(0);
        assert_eq!(at(&bytes, 0).1, Err(Kind::Length));
        assert_eq!(at(&bytes[64..], 0).1, Ok(Ending::Root));
        let longest = [b"\x01x".repeat(MAX_LABELS), vec![0]].concat();
        assert_eq!(at(&longest, 0).1, Ok(Ending::Root));
    }

    #[test]
    fn a_reserved_label_type_and_a_cut_label_are_refused() {
        assert_eq!(at(b"\x40", 0).1, Err(Kind::Value));
        assert_eq!(at(b"\x01a\x05b", 0), ("a".into(), Err(Kind::Short), 2));
        assert_eq!(at(b"\xc0", 0).1, Err(Kind::Short));
    }

    #[test]
    fn a_name_is_stepped_over_to_its_root_or_pointer() {
        let mut cursor = Cursor::new(b"\x02pc\0\x01a\xc0\0\x01b\x40", 0, Layer::Dhcpv4);
        assert_eq!((skip(&mut cursor), cursor.offset()), (Ok(()), 4));
        assert_eq!((skip(&mut cursor), cursor.offset()), (Ok(()), 8));
        assert_eq!(skip(&mut cursor).unwrap_err().kind, Kind::Value);
        assert_eq!(skip(&mut Cursor::new(&[1; 400], 0, Layer::Dhcpv4)).unwrap_err().kind, Kind::Length);
    }

    #[test]
    fn without_a_message_there_is_no_compression() {
        let mut cursor = Cursor::new(b"\xc0\0", 0, Layer::Dhcpv6);
        assert_eq!(read(&mut cursor, None).1.unwrap_err().kind, Kind::Value);
    }

    #[test]
    fn a_dot_within_a_label_does_not_look_like_two_labels() {
        assert_eq!(at(b"\x03a.b\0", 0).0, "a\\.b");
        assert_eq!(Name::from_text(Text(b"a.b.")).as_str(), "a.b");
    }

    proptest! {
        #[test]
        fn any_octets_end(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xc0), 0..4_u8], 0..300), wire in 0..400_u32) {
            let message = Cursor::new(&bytes, wire, Layer::Mdns);
            let mut cursor = message;
            while !cursor.is_empty() {
                let before = cursor.wire_remaining();
                if read(&mut cursor, Some(message)).1.is_err() { break }
                prop_assert!(cursor.wire_remaining() < before);
            }
        }
    }
}
