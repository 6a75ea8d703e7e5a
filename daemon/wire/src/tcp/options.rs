//! The options of a segment, read when they are asked for.

use std::fmt;

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

use crate::{
    Kind, Malformed,
    cursor::Cursor,
    options::{Framed, Layout, Walk},
    registry::registry,
};

/// Most blocks of a SACK option (RFC 2018, 3).
pub const MAX_BLOCKS: usize = 4;

/// The options of a segment: at most [`super::MAX_OPTIONS_LEN`] octets.
///
/// Where an option comes twice, the methods that name one give the first.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

/// One option (RFC 9293, 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OptionFact {
    /// Which one.
    pub kind: OptionKind,
    /// Octets of the whole option, as it says; 1 for the two that have no length.
    pub length: u8,
    /// What it says.
    #[serde(skip_serializing_if = "Value::is_none")]
    pub value: Value,
}

registry! {
    /// What an option is (IANA TCP option kind numbers).
    pub enum OptionKind: u8 {
        /// End of Option List.
        End = 0, "end";
        /// No-Operation.
        NoOperation = 1, "no-operation";
        /// Maximum Segment Size.
        MaximumSegmentSize = 2, "maximum-segment-size";
        /// Window Scale (RFC 7323).
        WindowScale = 3, "window-scale";
        /// SACK Permitted (RFC 2018).
        SackPermitted = 4, "sack-permitted";
        /// SACK (RFC 2018).
        Sack = 5, "sack";
        /// Echo, obsolete (RFC 1072).
        Echo = 6, "echo";
        /// Echo Reply, obsolete (RFC 1072).
        EchoReply = 7, "echo-reply";
        /// Timestamps (RFC 7323).
        Timestamps = 8, "timestamps";
        /// Partial Order Connection Permitted, obsolete (RFC 1693).
        PartialOrderPermitted = 9, "partial-order-permitted";
        /// Partial Order Service Profile, obsolete (RFC 1693).
        PartialOrderProfile = 10, "partial-order-profile";
        /// CC, obsolete (RFC 1644).
        ConnectionCount = 11, "connection-count";
        /// CC.NEW, obsolete (RFC 1644).
        ConnectionCountNew = 12, "connection-count-new";
        /// CC.ECHO, obsolete (RFC 1644).
        ConnectionCountEcho = 13, "connection-count-echo";
        /// Alternate Checksum Request, obsolete (RFC 1146).
        AlternateChecksumRequest = 14, "alternate-checksum-request";
        /// Alternate Checksum Data, obsolete (RFC 1146).
        AlternateChecksumData = 15, "alternate-checksum-data";
        /// MD5 Signature (RFC 2385).
        Md5Signature = 19, "md5-signature";
        /// SCPS Capabilities.
        ScpsCapabilities = 20, "scps-capabilities";
        /// Selective Negative Acknowledgements.
        Snack = 21, "snack";
        /// Quick-Start Response (RFC 4782).
        QuickStart = 27, "quick-start";
        /// User Timeout (RFC 5482).
        UserTimeout = 28, "user-timeout";
        /// TCP-AO (RFC 5925).
        Authentication = 29, "authentication";
        /// MPTCP (RFC 8684).
        Multipath = 30, "multipath";
        /// TCP Fast Open (RFC 7413).
        FastOpen = 34, "fast-open";
        /// Encryption Negotiation, TCP-ENO (RFC 8547).
        EncryptionNegotiation = 69, "encryption-negotiation";
        /// Accurate ECN, order 0.
        AccurateEcn0 = 172, "accurate-ecn-0";
        /// Accurate ECN, order 1.
        AccurateEcn1 = 174, "accurate-ecn-1";
        /// Experiment 1 (RFC 4727, RFC 6994).
        Experiment1 = 253, "experiment-1";
        /// Experiment 2 (RFC 4727, RFC 6994).
        Experiment2 = 254, "experiment-2";
    }
}

/// What an option says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Maximum Segment Size, in octets (RFC 9293, 3.7.1).
    MaximumSegmentSize(u16),
    /// Shift count of the window (RFC 7323, 2).
    WindowScale(u8),
    /// SACK: what was received beyond the acknowledgment number (RFC 2018, 3).
    Sack(ArrayVec<Block, MAX_BLOCKS>),
    /// Timestamps.
    Timestamps(Timestamps),
    /// User Timeout.
    UserTimeout(UserTimeout),
    /// TCP-AO.
    Authentication(Authentication),
    /// MPTCP.
    Multipath(Multipath),
    /// Experiment identifier (RFC 6994, 3).
    Experiment(u16),
    /// Nothing, or nothing that is read here.
    None,
    /// It breaks the rules of its kind.
    Malformed(Kind),
}

/// A block of sequence numbers that were received (RFC 2018, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// The first.
    pub left: u32,
    /// The one behind the last.
    pub right: u32,
}

/// The Timestamps option (RFC 7323, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the clock that the sender echoes.
    pub echo_reply: u32,
}

/// The User Timeout option (RFC 5482, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UserTimeout {
    /// The timeout, in the unit below.
    pub timeout: u16,
    /// G: in minutes rather than seconds.
    pub minutes: bool,
}

/// The TCP-AO option (RFC 5925, 2.2), without its MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// KeyID: which key this segment was made with.
    pub key_id: u8,
    /// RNextKeyID: which key the sender is ready to receive with.
    pub next_key_id: u8,
}

/// The head of an MPTCP option (RFC 8684, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Multipath {
    /// What it does.
    pub subtype: MultipathSubtype,
    /// Version, in `MP_CAPABLE` (RFC 8684, 3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
}

registry! {
    /// What an MPTCP option does (IANA MPTCP option subtypes).
    pub enum MultipathSubtype: u8 {
        /// MP_CAPABLE.
        Capable = 0, "mp-capable";
        /// MP_JOIN.
        Join = 1, "mp-join";
        /// Data Sequence Signal.
        DataSequenceSignal = 2, "dss";
        /// ADD_ADDR.
        AddAddress = 3, "add-addr";
        /// REMOVE_ADDR.
        RemoveAddress = 4, "remove-addr";
        /// MP_PRIO.
        Priority = 5, "mp-prio";
        /// MP_FAIL.
        Fail = 6, "mp-fail";
        /// MP_FASTCLOSE.
        FastClose = 7, "mp-fastclose";
        /// MP_TCPRST.
        Reset = 8, "mp-tcprst";
        /// MP_EXPERIMENTAL.
        Experimental = 15, "mp-experimental";
    }
}

impl<'a> Options<'a> {
    #[inline]
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Options(octets)
    }

    /// The options as they were sent.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The options in their order, up to the end of the list or to one that leads nowhere.
    pub fn iter(&self) -> impl Iterator<Item = OptionFact> + use<'a> {
        Walk::new(self.0, Layout::Ipv4).map(read)
    }

    /// Maximum segment size, in octets (3.7.1).
    #[must_use]
    pub fn maximum_segment_size(&self) -> Option<u16> {
        self.find(|value| if let Value::MaximumSegmentSize(size) = value { Some(size) } else { None })
    }

    /// Window scale shift count (RFC 7323, 2).
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.find(|value| if let Value::WindowScale(shift) = value { Some(shift) } else { None })
    }

    /// Whether selective acknowledgment is permitted (RFC 2018, 2).
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        let is_it = |o: Framed<'_>| o.kind == OptionKind::SackPermitted.code() && o.value == Some(&[]);
        Walk::new(self.0, Layout::Ipv4).any(is_it)
    }

    /// Timestamps (RFC 7323, 3).
    #[inline]
    #[must_use]
    pub fn timestamps(&self) -> Option<Timestamps> {
        if let [1, 1, 8, 10, a, b, c, d, e, f, g, h] = *self.0 {
            let value = u32::from_be_bytes([a, b, c, d]);
            return Some(Timestamps { value, echo_reply: u32::from_be_bytes([e, f, g, h]) });
        }
        self.find(|value| if let Value::Timestamps(timestamps) = value { Some(timestamps) } else { None })
    }

    /// Whether none of them has a fault.
    #[inline(always)]
    pub(crate) fn are_sound(&self) -> bool {
        self.0.is_empty() || self.is_timestamps_alone() || self.check_all()
    }

    #[inline(never)]
    fn check_all(&self) -> bool {
        Walk::new(self.0, Layout::Ipv4).all(is_sound)
    }

    /// Whether they are laid out as in RFC 7323, appendix A.
    #[inline]
    pub(super) fn is_timestamps_alone(&self) -> bool {
        matches!(self.0, [1, 1, 8, 10, _, _, _, _, _, _, _, _])
    }

    fn find<T>(&self, wanted: impl FnMut(Value) -> Option<T>) -> Option<T> {
        self.iter().map(|option| option.value).find_map(wanted)
    }

    /// The first fault of the options, which begin at `start`.
    pub(super) fn check(&self, start: Cursor<'_>) -> Result<(), Malformed> {
        for framed in Walk::new(self.0, Layout::Ipv4) {
            if let Value::Malformed(kind) = read(framed).value {
                let mut at = start;
                at.take(framed.offset)?;
                return Err(at.malformed(kind));
            }
        }
        Ok(())
    }
}

impl Value {
    fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Options<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

fn read(framed: Framed<'_>) -> OptionFact {
    let kind = OptionKind::from(framed.kind);
    let value =
        framed.value.and_then(|value| read_value(kind, value)).unwrap_or(Value::Malformed(Kind::Length));
    OptionFact { kind, length: framed.length, value }
}

/// Whether [`read`] finds no fault. Of those that every connection has it need not be read what they say.
fn is_sound(framed: Framed<'_>) -> bool {
    match (OptionKind::from(framed.kind), framed.value.map(<[u8]>::len)) {
        (_, None) => false,
        (OptionKind::End | OptionKind::NoOperation, Some(_)) => true,
        (OptionKind::MaximumSegmentSize, Some(length)) => length == 2,
        (OptionKind::WindowScale, Some(length)) => length == 1,
        (OptionKind::SackPermitted, Some(length)) => length == 0,
        (OptionKind::Sack, Some(length)) => matches!(length, 8 | 16 | 24 | 32),
        (OptionKind::Timestamps, Some(length)) => length == 8,
        _ => !matches!(read(framed).value, Value::Malformed(_)),
    }
}

/// `None` where the length is not one that the kind allows.
fn read_value(kind: OptionKind, value: &[u8]) -> Option<Value> {
    Some(match (kind, value) {
        (OptionKind::MaximumSegmentSize, [a, b]) => Value::MaximumSegmentSize(u16::from_be_bytes([*a, *b])),
        (OptionKind::WindowScale, [shift]) => Value::WindowScale(*shift),
        (OptionKind::Sack, _) => Value::Sack(blocks(value)?),
        (OptionKind::Timestamps, [a, b, c, d, e, f, g, h]) => Value::Timestamps(Timestamps {
            value: u32::from_be_bytes([*a, *b, *c, *d]),
            echo_reply: u32::from_be_bytes([*e, *f, *g, *h]),
        }),
        (OptionKind::UserTimeout, [a, b]) => Value::UserTimeout(UserTimeout {
            timeout: u16::from_be_bytes([*a & 0x7f, *b]),
            minutes: a & 0x80 != 0,
        }),
        (OptionKind::Authentication, [key_id, next_key_id, ..]) => {
            Value::Authentication(Authentication { key_id: *key_id, next_key_id: *next_key_id })
        }
        (OptionKind::Multipath, [head, ..]) => {
            let subtype = MultipathSubtype::from(head >> 4);
            let version = (subtype == MultipathSubtype::Capable).then_some(head & 0x0f);
            Value::Multipath(Multipath { subtype, version })
        }
        (OptionKind::Experiment1 | OptionKind::Experiment2, [a, b, ..]) => {
            Value::Experiment(u16::from_be_bytes([*a, *b]))
        }
        // The cookie of RFC 7413, 4.1.1: none, or 4 to 16 octets, an even number of them.
        (OptionKind::FastOpen, _) if matches!(value.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16) => Value::None,
        (OptionKind::SackPermitted, []) => Value::None,
        (OptionKind::Md5Signature, [_, ..]) if value.len() == MD5_LEN => Value::None,
        (
            OptionKind::MaximumSegmentSize
            | OptionKind::WindowScale
            | OptionKind::SackPermitted
            | OptionKind::Timestamps
            | OptionKind::UserTimeout
            | OptionKind::Authentication
            | OptionKind::Multipath
            | OptionKind::FastOpen
            | OptionKind::Md5Signature,
            _,
        ) => return None,
        _ => Value::None,
    })
}

fn blocks(value: &[u8]) -> Option<ArrayVec<Block, MAX_BLOCKS>> {
    let (blocks, odd) = value.as_chunks::<8>();
    if !odd.is_empty() || blocks.is_empty() || blocks.len() > MAX_BLOCKS {
        return None;
    }
    let read = |[a, b, c, d, e, f, g, h]: &[u8; 8]| Block {
        left: u32::from_be_bytes([*a, *b, *c, *d]),
        right: u32::from_be_bytes([*e, *f, *g, *h]),
    };
    Some(blocks.iter().map(read).collect())
}

/// Octets of a digest (RFC 2385, 3).
const MD5_LEN: usize = 16;

#[cfg(test)]
mod tests;
