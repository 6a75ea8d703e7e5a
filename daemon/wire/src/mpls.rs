//! MPLS label stack (RFC 3032, 2; RFC 5462).
//!
//! Nothing in a stack says what follows it. It is told from the first four bits behind it, as routers do
//! (RFC 4928, 3), unless an explicit null label says it.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor};

/// Octets of a stack entry.
pub const HEADER_LEN: usize = 4;
/// Ethernet type of a downstream-assigned label; once, of MPLS unicast (RFC 5332, 3).
pub const UNICAST: u16 = 0x8847;
/// Ethernet type of an upstream-assigned label; once, of MPLS multicast (RFC 5332, 3).
pub const MULTICAST: u16 = 0x8848;
/// Most stack entries that are read.
pub const MAX_LABELS: usize = 8;
/// The label that says that IPv4 follows.
pub const IPV4_EXPLICIT_NULL: u32 = 0;
/// The label that says that IPv6 follows.
pub const IPV6_EXPLICIT_NULL: u32 = 2;

/// The stack, and what it told about its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The stack entries, outermost first.
    pub labels: ArrayVec<Label, MAX_LABELS>,
    /// What follows the stack.
    pub payload: Payload,
    /// What is wrong with the stack, or with the control word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// A stack entry. Entropy labels and their indicator are entries like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Label {
    /// Label, 20 bits.
    pub label: u32,
    /// Traffic class, 0 to 7.
    pub traffic_class: u8,
    /// Whether it is the bottom of the stack.
    pub bottom: bool,
    /// Time to live.
    pub ttl: u8,
}

/// What follows the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
    /// The control word of a pseudowire, then what it carries, for example an Ethernet frame. That is
    /// agreed upon elsewhere.
    Pseudowire(ControlWord),
    /// A message about the label-switched path itself (RFC 5586); it begins with this header.
    AssociatedChannel,
    /// Something that begins with these four bits: a pseudowire without control word.
    Other(u8),
    /// Nothing, or the bottom of the stack was not found.
    None,
}

/// The control word (RFC 4385, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ControlWord {
    /// Flags of the payload's kind, 4 bits.
    pub flags: u8,
    /// Fragmentation, 2 bits (RFC 4623).
    pub fragmentation: u8,
    /// Octets from the control word on where the frame is shorter than 64 octets, else 0.
    pub length: u8,
    /// Sequence number; 0 for none.
    pub sequence: u16,
}

impl Header {
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let bottom = loop {
            match self.labels.last() {
                Some(label) if label.bottom => break label.label,
                _ if self.labels.is_full() => return Err(cursor.malformed(Kind::Limit)),
                _ => {}
            }
            let label = Label::parse(cursor)?;
            let _ = self.labels.try_push(label);
        };
        self.payload = Payload::parse(bottom, cursor)?;
        Ok(())
    }
}

impl Label {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let [a, b, c, ttl] = *cursor.array::<HEADER_LEN>()?;
        Ok(Label {
            label: u32::from_be_bytes([0, a, b, c]) >> 4,
            traffic_class: (c >> 1) & 0x07,
            bottom: c & 0x01 != 0,
            ttl,
        })
    }
}

impl Payload {
    fn parse(bottom: u32, cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        if cursor.is_empty() {
            return Ok(Payload::None);
        }
        match bottom {
            IPV4_EXPLICIT_NULL => return Ok(Payload::Ipv4),
            IPV6_EXPLICIT_NULL => return Ok(Payload::Ipv6),
            _ => {}
        }
        let mut behind = *cursor;
        Ok(match behind.u8()? >> 4 {
            0 => Payload::Pseudowire(ControlWord::parse(cursor)?),
            1 => Payload::AssociatedChannel,
            4 => Payload::Ipv4,
            6 => Payload::Ipv6,
            other => Payload::Other(other),
        })
    }
}

impl ControlWord {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let [flags, length, s0, s1] = *cursor.array()?;
        Ok(ControlWord {
            flags: flags & 0x0f,
            fragmentation: length >> 6,
            length: length & 0x3f,
            sequence: u16::from_be_bytes([s0, s1]),
        })
    }
}

/// Reads a stack down to its bottom, and the control word behind it. Entries before a fault are kept.
///
/// # Errors
/// [`Malformed`] when not even the first entry is whole.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let labels = ArrayVec::from_iter([Label::parse(cursor)?]);
    let mut header = Header { labels, payload: Payload::None, malformed: None };
    header.malformed = header.read(cursor).err();
    Ok(header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    const BOTTOM: [u8; 4] = [0, 0x01, 0x01, 254];
    const UPPER: [u8; 4] = [0x12, 0x34, 0x5a, 255];

    fn read(bytes: &[u8]) -> (Header, Vec<u8>) {
        let mut cursor = Cursor::new(bytes, 0, Layer::Mpls);
        (parse(&mut cursor).unwrap(), cursor.rest().to_vec())
    }

    fn payload(bottom: [u8; 4], first: &[u8]) -> Payload {
        read(&[&bottom, first].concat()).0.payload
    }

    #[test]
    fn a_stack_of_two_is_read() {
        let (header, rest) = read(&[&UPPER[..], &BOTTOM, &[0x45, 0]].concat());
        let upper = Label { label: 0x12345, traffic_class: 5, bottom: false, ttl: 255 };
        let bottom = Label { label: 16, traffic_class: 0, bottom: true, ttl: 254 };
        assert_eq!(header.labels.as_slice(), [upper, bottom]);
        assert_eq!((header.payload, header.malformed, &rest[..]), (Payload::Ipv4, None, &[0x45, 0][..]));
    }

    #[test]
    fn the_payload_is_told_from_its_first_four_bits() {
        assert_eq!(payload(BOTTOM, &[0x60]), Payload::Ipv6);
        assert_eq!(payload(BOTTOM, &[0x10, 0, 0, 7]), Payload::AssociatedChannel);
        assert_eq!(payload(BOTTOM, &[0x52]), Payload::Other(5));
        assert_eq!(payload(BOTTOM, &[]), Payload::None);
    }

    #[test]
    fn an_explicit_null_label_says_what_follows() {
        assert_eq!(payload([0, 0, 0x01, 1], &[0x60]), Payload::Ipv4);
        assert_eq!(payload([0, 0, 0x21, 1], &[0x45]), Payload::Ipv6);
    }

    #[test]
    fn a_control_word_is_read_and_stepped_over() {
        let (header, rest) = read(&[&BOTTOM[..], &[0x05, 0xde, 0x12, 0x34, 9]].concat());
        let word = ControlWord { flags: 5, fragmentation: 3, length: 30, sequence: 0x1234 };
        assert_eq!((header.payload, &rest[..]), (Payload::Pseudowire(word), &[9][..]));
    }

    #[test]
    fn a_stack_without_bottom_ends_at_its_bound() {
        let (header, rest) = read(&[UPPER; 12].concat());
        assert_eq!((header.labels.len(), header.payload), (MAX_LABELS, Payload::None));
        assert_eq!(header.malformed, Some(Malformed { layer: Layer::Mpls, offset: 32, kind: Kind::Limit }));
        assert_eq!(rest.len(), 16);
        let mut exact = [UPPER; MAX_LABELS];
        exact[MAX_LABELS - 1] = BOTTOM;
        assert_eq!(read(&exact.concat()).0.malformed, None);
    }

    #[test]
    fn entries_before_the_end_of_the_frame_are_kept() {
        let (header, _) = read(&[&UPPER[..], &[0, 0]].concat());
        assert_eq!(header.labels.len(), 1);
        assert_eq!(header.malformed, Some(Malformed { layer: Layer::Mpls, offset: 4, kind: Kind::Short }));
        assert_eq!(read(&[&BOTTOM[..], &[0, 0]].concat()).0.malformed.map(|m| m.kind), Some(Kind::Short));
        assert_eq!(parse(&mut Cursor::new(&[0; 3], 0, Layer::Mpls)).map_err(|e| e.kind), Err(Kind::Short));
    }

    #[test]
    fn a_capture_cut_behind_the_stack_does_not_guess() {
        let header = parse(&mut Cursor::new(&BOTTOM, 60, Layer::Mpls)).unwrap();
        assert_eq!(header.payload, Payload::None);
        assert_eq!(header.malformed.map(|m| m.kind), Some(Kind::NotCaptured));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            entries in prop::collection::vec((0_u32..1 << 20, 0_u8..8, any::<u8>()), 1..=MAX_LABELS),
        ) {
            let mut bytes = Vec::new();
            for (position, (label, class, ttl)) in entries.iter().enumerate() {
                let bottom = u32::from(position + 1 == entries.len());
                bytes.extend((label << 12 | u32::from(*class) << 9 | bottom << 8 | u32::from(*ttl)).to_be_bytes());
            }
            let (header, rest) = read(&bytes);
            let read: Vec<_> = header.labels.iter().map(|l| (l.label, l.traffic_class, l.ttl)).collect();
            prop_assert_eq!(read, entries);
            prop_assert_eq!((header.malformed, rest.len()), (None, 0));
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16) {
            let _ = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Mpls));
        }
    }
}
