//! The options of Hop-by-Hop and Destination Options headers (RFC 8200, 4.2), read when they are asked for.

use std::{fmt, net::Ipv6Addr};

use serde::{Serialize, Serializer};

use crate::{
    Kind,
    options::{Framed, Layout, Walk},
    registry::registry,
};

/// Most options of one extension header that are read.
pub const MAX_OPTIONS: usize = 64;

/// The options of one extension header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OptionFact {
    /// Its type, with the three bits below.
    pub kind: OptionKind,
    /// What a node does that does not know it: 0 skips it, 1 discards the packet, 2 and 3 also report.
    pub action: u8,
    /// Whether it may change on the way.
    pub mutable: bool,
    /// Octets behind its length field, as it says; 0 for Pad1, which has none.
    pub length: u8,
    /// What it says.
    #[serde(skip_serializing_if = "Value::is_none")]
    pub value: Value,
}

registry! {
    /// The type of an option (IANA destination options and hop-by-hop options).
    pub enum OptionKind: u8 {
        /// Pad1 (RFC 8200).
        Pad1 = 0x00, "pad1";
        /// PadN (RFC 8200).
        PadN = 0x01, "padn";
        /// Tunnel Encapsulation Limit (RFC 2473).
        TunnelLimit = 0x04, "tunnel-encapsulation-limit";
        /// Router Alert (RFC 2711).
        RouterAlert = 0x05, "router-alert";
        /// CALIPSO (RFC 5570).
        Calipso = 0x07, "calipso";
        /// SMF Duplicate Packet Detection (RFC 6621).
        DuplicatePacketDetection = 0x08, "duplicate-packet-detection";
        /// Performance and Diagnostic Metrics (RFC 8250).
        PerformanceMetrics = 0x0f, "performance-and-diagnostic-metrics";
        /// IOAM, not changed on the way (RFC 9486).
        Ioam = 0x11, "ioam";
        /// Alternate Marking, not changed on the way (RFC 9343).
        AlternateMarking = 0x12, "alternate-marking";
        /// RPL (RFC 9008).
        Rpl = 0x23, "rpl";
        /// Quick-Start (RFC 4782).
        QuickStart = 0x26, "quick-start";
        /// Minimum Path MTU (RFC 9268).
        MinimumPathMtu = 0x30, "minimum-path-mtu";
        /// IOAM, changed on the way (RFC 9486).
        IoamMutable = 0x31, "ioam-mutable";
        /// RPL, as it was first (RFC 6553).
        RplFirst = 0x63, "rpl-first";
        /// MPL (RFC 7731).
        Mpl = 0x6d, "mpl";
        /// ILNP Nonce (RFC 6744).
        IlnpNonce = 0x8b, "ilnp-nonce";
        /// Line-Identification (RFC 6788).
        LineIdentification = 0x8c, "line-identification";
        /// Jumbo Payload (RFC 2675).
        JumboPayload = 0xc2, "jumbo-payload";
        /// Home Address (RFC 6275).
        HomeAddress = 0xc9, "home-address";
        /// Depth-First Forwarding (RFC 6971).
        DepthFirstForwarding = 0xee, "depth-first-forwarding";
    }
}

/// What an option says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Router Alert: 0 for MLD, 1 for RSVP (IANA IPv6 router alert values).
    RouterAlert(u16),
    /// Octets of the packet behind its fixed header (RFC 2675, 2).
    JumboPayload(u32),
    /// How many more tunnels the packet may enter (RFC 2473, 4.1.1).
    TunnelLimit(u8),
    /// Where the sender is at home (RFC 6275, 6.3).
    HomeAddress(Ipv6Addr),
    /// RPL.
    Rpl(Rpl),
    /// Minimum Path MTU.
    MinimumPathMtu(MinimumPathMtu),
    /// Nothing, or nothing that is read here.
    None,
    /// It breaks the rules of its type.
    Malformed(Kind),
}

/// The RPL option (RFC 6553, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rpl {
    /// O: the packet goes down.
    pub down: bool,
    /// R: a rank error was seen.
    pub rank_error: bool,
    /// F: a node could not forward it.
    pub forwarding_error: bool,
    /// RPL instance.
    pub instance: u8,
    /// Rank of the sender.
    pub sender_rank: u16,
}

/// The Minimum Path MTU option (RFC 9268, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MinimumPathMtu {
    /// The smallest MTU on the way so far, in octets.
    pub minimum: u16,
    /// The smallest MTU on the way back, in octets.
    pub returned: u16,
    /// R: the receiver is asked to return it.
    pub return_requested: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Options(octets)
    }

    /// The options as they were sent.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.0
    }

    /// The options in their order, the first [`MAX_OPTIONS`] of them at most, up to one that leads
    /// nowhere.
    pub fn iter(&self) -> impl Iterator<Item = OptionFact> + use<'a> {
        self.walk().take(MAX_OPTIONS).map(|(_, option)| option)
    }

    /// The Jumbo Payload option, where it is there and sound.
    #[must_use]
    pub fn jumbo_payload(&self) -> Option<u32> {
        self.iter().find_map(|option| match option.value {
            Value::JumboPayload(length) => Some(length),
            _ => None,
        })
    }

    /// The first fault and where it is.
    pub(super) fn check(&self) -> Result<(), (usize, Kind)> {
        for (position, (offset, option)) in self.walk().enumerate() {
            match option.value {
                _ if position == MAX_OPTIONS => return Err((offset, Kind::Limit)),
                Value::Malformed(kind) => return Err((offset, kind)),
                _ => {}
            }
        }
        Ok(())
    }

    fn walk(&self) -> impl Iterator<Item = (usize, OptionFact)> + use<'a> {
        Walk::new(self.0, Layout::Ipv6).map(|framed| (framed.offset, read(framed)))
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
    let value = framed.value.and_then(|value| read_value(kind, value));
    OptionFact {
        kind,
        action: framed.kind >> 6,
        mutable: framed.kind & 0x20 != 0,
        length: framed.length,
        value: value.unwrap_or(Value::Malformed(Kind::Length)),
    }
}

/// `None` where the length is not that of the type.
fn read_value(kind: OptionKind, value: &[u8]) -> Option<Value> {
    Some(match (kind, value) {
        (OptionKind::RouterAlert, [a, b]) => Value::RouterAlert(u16::from_be_bytes([*a, *b])),
        (OptionKind::JumboPayload, [a, b, c, d]) => Value::JumboPayload(u32::from_be_bytes([*a, *b, *c, *d])),
        (OptionKind::TunnelLimit, [limit]) => Value::TunnelLimit(*limit),
        (OptionKind::HomeAddress, _) => {
            let address: &[u8; 16] = value.try_into().ok()?;
            Value::HomeAddress(Ipv6Addr::from(*address))
        }
        // Sub-TLVs may follow.
        (OptionKind::Rpl | OptionKind::RplFirst, [flags, instance, r0, r1, ..]) => Value::Rpl(Rpl {
            down: flags & 0x80 != 0,
            rank_error: flags & 0x40 != 0,
            forwarding_error: flags & 0x20 != 0,
            instance: *instance,
            sender_rank: u16::from_be_bytes([*r0, *r1]),
        }),
        (OptionKind::MinimumPathMtu, [a, b, c, d]) => Value::MinimumPathMtu(MinimumPathMtu {
            minimum: u16::from_be_bytes([*a, *b]),
            returned: u16::from_be_bytes([*c, *d & 0xfe]),
            return_requested: d & 0x01 != 0,
        }),
        (
            OptionKind::RouterAlert
            | OptionKind::JumboPayload
            | OptionKind::TunnelLimit
            | OptionKind::Rpl
            | OptionKind::RplFirst
            | OptionKind::MinimumPathMtu,
            _,
        ) => return None,
        _ => Value::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(octets: &[u8]) -> Vec<Value> {
        Options::new(octets).iter().map(|option| option.value).collect()
    }

    #[test]
    fn the_bits_of_the_type_are_told_apart() {
        let option = Options::new(&[0xc2, 4, 0, 1, 0, 0]).iter().next().unwrap();
        assert_eq!((option.kind, option.action, option.mutable), (OptionKind::JumboPayload, 3, false));
        assert_eq!((option.length, option.value), (4, Value::JumboPayload(65_536)));
        let option = Options::new(&[0x3e, 0]).iter().next().unwrap();
        assert_eq!((option.kind, option.action, option.mutable), (OptionKind::Unknown(0x3e), 0, true));
    }

    #[test]
    fn values_are_read_between_padding() {
        let octets = [0, 1, 1, 0, 5, 2, 0, 1, 4, 1, 9, 0x63, 4, 0xa0, 2, 0, 3, 0x30, 4, 5, 0xdc, 5, 1];
        let rpl = Rpl { down: true, rank_error: false, forwarding_error: true, instance: 2, sender_rank: 3 };
        let mtu = MinimumPathMtu { minimum: 1500, returned: 1280, return_requested: true };
        let expected = [
            Value::None,
            Value::None,
            Value::RouterAlert(1),
            Value::TunnelLimit(9),
            Value::Rpl(rpl),
            Value::MinimumPathMtu(mtu),
        ];
        assert_eq!(values(&octets), expected);
        assert_eq!(Options::new(&octets).check(), Ok(()));
    }

    #[test]
    fn a_length_that_the_type_does_not_allow_is_a_fault_and_hides_no_other() {
        for octets in [&[5, 1, 0][..], &[0xc2, 2, 0, 0], &[4, 0], &[0xc9, 3, 1, 2, 3], &[0x63, 1, 0]] {
            let octets = [octets, &[5, 2, 0, 0]].concat();
            assert_eq!(Options::new(&octets).check(), Err((0, Kind::Length)), "{octets:?}");
            assert_eq!(values(&octets), [Value::Malformed(Kind::Length), Value::RouterAlert(0)]);
        }
    }

    #[test]
    fn a_length_beyond_the_header_ends_the_list() {
        for octets in [&[0, 99, 9, 0][..], &[0, 99]] {
            assert_eq!(Options::new(octets).check(), Err((1, Kind::Length)));
            assert_eq!(values(octets).len(), 2);
        }
    }

    #[test]
    fn more_options_than_the_bound_are_left() {
        let options = Options::new(&[0; MAX_OPTIONS + 1]);
        assert_eq!((options.iter().count(), options.check()), (MAX_OPTIONS, Err((MAX_OPTIONS, Kind::Limit))));
        assert_eq!(Options::new(&[0; MAX_OPTIONS]).check(), Ok(()));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_to_an_end(octets in prop::collection::vec(any::<u8>(), 0..=2046)) {
            let options = Options::new(&octets);
            prop_assert!(options.iter().count() <= MAX_OPTIONS);
            let _ = options.check();
        }

        #[test]
        fn a_written_list_is_read_back(options in prop::collection::vec((2u8..=3, 0usize..=255), 0..=8)) {
            let mut octets = Vec::new();
            for (kind, length) in &options {
                octets.extend([*kind, u8::try_from(*length).unwrap()]);
                octets.extend(vec![0; *length]);
            }
            let read: Vec<_> = Options::new(&octets).iter().map(|o| (o.kind.code(), usize::from(o.length))).collect();
            prop_assert_eq!(read, options);
            prop_assert_eq!(Options::new(&octets).check(), Ok(()));
        }
    }
}
