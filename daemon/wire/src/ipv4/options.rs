//! The options of a header, read when they are asked for.

use std::{fmt, net::Ipv4Addr};

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

use crate::{
    Kind, Malformed, Octets,
    cursor::Cursor,
    options::{Framed, Layout, Walk},
    registry::registry,
};

/// Most addresses, or timestamps, that find room in an option.
pub const MAX_ADDRESSES: usize = 9;

/// The options of a header: at most [`super::MAX_OPTIONS_LEN`] octets.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

/// One option (RFC 791, 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OptionFact<'a> {
    /// The option-type octet.
    pub kind: OptionKind,
    /// Whether it is copied into all fragments.
    pub copied: bool,
    /// Its class: 0 for control, 2 for debugging and measurement.
    pub class: u8,
    /// Octets of the whole option, as it says; 1 for the two that have no length.
    pub length: u8,
    /// What it says.
    #[serde(skip_serializing_if = "Value::is_none")]
    pub value: Value<'a>,
}

registry! {
    /// The option-type octet, with copied flag and class (IANA IP option numbers).
    pub enum OptionKind: u8 {
        /// End of Option List (RFC 791).
        End = 0, "end";
        /// No Operation (RFC 791).
        NoOperation = 1, "no-operation";
        /// Record Route (RFC 791).
        RecordRoute = 7, "record-route";
        /// MTU Probe (RFC 1063).
        MtuProbe = 11, "mtu-probe";
        /// MTU Reply (RFC 1063).
        MtuReply = 12, "mtu-reply";
        /// Quick-Start (RFC 4782).
        QuickStart = 25, "quick-start";
        /// Experiment (RFC 4727).
        Experiment = 30, "experiment";
        /// Internet Timestamp (RFC 791).
        Timestamp = 68, "timestamp";
        /// Traceroute (RFC 1393).
        Traceroute = 82, "traceroute";
        /// Security (RFC 1108).
        Security = 130, "security";
        /// Loose Source and Record Route (RFC 791).
        LooseSourceRoute = 131, "loose-source-route";
        /// Extended Security (RFC 1108).
        ExtendedSecurity = 133, "extended-security";
        /// Commercial Security.
        CommercialSecurity = 134, "commercial-security";
        /// Stream Identifier (RFC 791).
        StreamId = 136, "stream-id";
        /// Strict Source and Record Route (RFC 791).
        StrictSourceRoute = 137, "strict-source-route";
        /// Address Extension (RFC 1475).
        AddressExtension = 147, "address-extension";
        /// Router Alert (RFC 2113).
        RouterAlert = 148, "router-alert";
        /// Selective Directed Broadcast (RFC 1770).
        SelectiveDirectedBroadcast = 149, "selective-directed-broadcast";
    }
}

/// What an option says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value<'a> {
    /// Record Route, Loose or Strict Source and Record Route.
    Route(Route),
    /// Router Alert: 0 asks every router to look at the packet (RFC 2113, 2.1).
    RouterAlert(u16),
    /// Internet Timestamp.
    Timestamps(Timestamps),
    /// Security.
    Security(Security<'a>),
    /// Stream Identifier.
    StreamId(u16),
    /// Traceroute.
    Traceroute(Traceroute),
    /// MTU Probe or Reply, in octets.
    Mtu(u16),
    /// Nothing, or nothing that is read here.
    None,
    /// It breaks the rules of its kind.
    Malformed(Kind),
}

/// A route that a packet took or is to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where the next address is in the option: its first octet is 1, so the first address is at 4.
    pub pointer: u8,
    /// All addresses, those that are not filled in yet included.
    pub addresses: ArrayVec<Ipv4Addr, MAX_ADDRESSES>,
}

/// When a packet was where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timestamps {
    /// Where the next entry is in the option: its first octet is 1, so the first entry is at 5.
    pub pointer: u8,
    /// How many routers found no room.
    pub overflow: u8,
    /// 0 for timestamps alone, 1 for those with the address of the router, 3 for addresses that the
    /// sender chose.
    pub flag: u8,
    /// All entries, those that are not filled in yet included.
    pub entries: ArrayVec<Timestamp, MAX_ADDRESSES>,
}

/// One entry of [`Timestamps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timestamp {
    /// Which router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Milliseconds since midnight UT; with the highest bit set, another clock.
    pub time: u32,
}

/// Basic Security (RFC 1108, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Security<'a> {
    /// Classification level: 0x3d top secret, 0x5a secret, 0x96 confidential, 0xab unclassified (2.3).
    pub level: u8,
    /// Protection authority flags (2.4).
    pub authority: Octets<'a>,
}

/// Traceroute (RFC 1393, 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Traceroute {
    /// The number of the trace.
    pub id: u16,
    /// Routers that the outbound packet passed.
    pub outbound_hops: u16,
    /// Routers that the return packet passed.
    pub return_hops: u16,
    /// Who traces.
    pub originator: Ipv4Addr,
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

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The options in their order, up to the end of the list or to one that leads nowhere.
    pub fn iter(&self) -> impl Iterator<Item = OptionFact<'a>> + use<'a> {
        Walk::new(self.0, Layout::Ipv4).map(read)
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

impl Value<'_> {
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

fn read(framed: Framed<'_>) -> OptionFact<'_> {
    let kind = OptionKind::from(framed.kind);
    let value = framed.value.ok_or(Kind::Length).and_then(|value| read_value(kind, value));
    OptionFact {
        kind,
        copied: framed.kind & 0x80 != 0,
        class: (framed.kind >> 5) & 0x03,
        length: framed.length,
        value: value.unwrap_or_else(Value::Malformed),
    }
}

fn read_value(kind: OptionKind, value: &[u8]) -> Result<Value<'_>, Kind> {
    Ok(match (kind, value) {
        (OptionKind::RecordRoute | OptionKind::LooseSourceRoute | OptionKind::StrictSourceRoute, _) => {
            Value::Route(route(value)?)
        }
        (OptionKind::Timestamp, _) => Value::Timestamps(timestamps(value)?),
        (OptionKind::RouterAlert, [a, b]) => Value::RouterAlert(u16::from_be_bytes([*a, *b])),
        (OptionKind::StreamId, [a, b]) => Value::StreamId(u16::from_be_bytes([*a, *b])),
        (OptionKind::MtuProbe | OptionKind::MtuReply, [a, b]) => Value::Mtu(u16::from_be_bytes([*a, *b])),
        (OptionKind::Security, [level, authority @ ..]) => {
            Value::Security(Security { level: *level, authority: Octets(authority) })
        }
        (OptionKind::Traceroute, [i0, i1, o0, o1, r0, r1, a, b, c, d]) => Value::Traceroute(Traceroute {
            id: u16::from_be_bytes([*i0, *i1]),
            outbound_hops: u16::from_be_bytes([*o0, *o1]),
            return_hops: u16::from_be_bytes([*r0, *r1]),
            originator: Ipv4Addr::new(*a, *b, *c, *d),
        }),
        (
            OptionKind::RouterAlert
            | OptionKind::StreamId
            | OptionKind::MtuProbe
            | OptionKind::MtuReply
            | OptionKind::Security
            | OptionKind::Traceroute,
            _,
        ) => return Err(Kind::Length),
        _ => Value::None,
    })
}

fn route(value: &[u8]) -> Result<Route, Kind> {
    let (pointer, addresses) = value.split_first().ok_or(Kind::Length)?;
    let (addresses, odd) = addresses.as_chunks::<4>();
    if !odd.is_empty() {
        return Err(Kind::Length);
    }
    if *pointer < 4 {
        return Err(Kind::Value);
    }
    let addresses = addresses.iter().take(MAX_ADDRESSES).map(|address| Ipv4Addr::from(*address)).collect();
    Ok(Route { pointer: *pointer, addresses })
}

fn timestamps(value: &[u8]) -> Result<Timestamps, Kind> {
    let ([pointer, flags], entries) = value.split_first_chunk().ok_or(Kind::Length)?;
    let (overflow, flag) = (flags >> 4, flags & 0x0f);
    if *pointer < 5 {
        return Err(Kind::Value);
    }
    let (entries, odd): (ArrayVec<_, MAX_ADDRESSES>, _) = match flag {
        0 => {
            let (entries, odd) = entries.as_chunks::<4>();
            let read = |time: &[u8; 4]| Timestamp { address: None, time: u32::from_be_bytes(*time) };
            (entries.iter().take(MAX_ADDRESSES).map(read).collect(), odd)
        }
        1 | 3 => {
            let (entries, odd) = entries.as_chunks::<8>();
            let read = |[a, b, c, d, t0, t1, t2, t3]: &[u8; 8]| Timestamp {
                address: Some(Ipv4Addr::new(*a, *b, *c, *d)),
                time: u32::from_be_bytes([*t0, *t1, *t2, *t3]),
            };
            (entries.iter().take(MAX_ADDRESSES).map(read).collect(), odd)
        }
        _ => return Err(Kind::Value),
    };
    if !odd.is_empty() {
        return Err(Kind::Length);
    }
    Ok(Timestamps { pointer: *pointer, overflow, flag, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use proptest::prelude::*;

    fn values(octets: &[u8]) -> Vec<Value<'_>> {
        Options::new(octets).iter().map(|option| option.value).collect()
    }

    fn fault(octets: &[u8]) -> Option<(u32, Kind)> {
        let start = Cursor::new(octets, 0, Layer::Ipv4);
        Options::new(octets).check(start).err().map(|fault| (fault.offset, fault.kind))
    }

    #[test]
    fn the_parts_of_the_type_are_told_apart() {
        let option = Options::new(&[148, 4, 0, 9]).iter().next().unwrap();
        assert_eq!((option.kind, option.copied, option.class), (OptionKind::RouterAlert, true, 0));
        assert_eq!((option.length, option.value), (4, Value::RouterAlert(9)));
        let option = Options::new(&[68, 4, 5, 0]).iter().next().unwrap();
        assert_eq!((option.copied, option.class), (false, 2));
    }

    #[test]
    fn a_route_has_its_addresses() {
        let octets = [1, 131, 11, 8, 10, 0, 0, 1, 10, 0, 0, 2];
        let addresses = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)].into_iter().collect();
        assert_eq!(values(&octets), [Value::None, Value::Route(Route { pointer: 8, addresses })]);
        assert_eq!(fault(&octets), None);
    }

    #[test]
    fn timestamps_have_addresses_where_the_flag_says_so() {
        let entry = |octets: &[u8]| match values(octets).pop() {
            Some(Value::Timestamps(t)) => t.entries.first().copied().map(|e| (t.overflow, t.flag, e)),
            _ => None,
        };
        let alone = Timestamp { address: None, time: 0x0102_0304 };
        assert_eq!(entry(&[68, 8, 9, 0x20, 1, 2, 3, 4]), Some((2, 0, alone)));
        let placed = Timestamp { address: Some(Ipv4Addr::new(10, 0, 0, 1)), time: 5 };
        assert_eq!(entry(&[68, 12, 13, 0x01, 10, 0, 0, 1, 0, 0, 0, 5]), Some((0, 1, placed)));
    }

    #[test]
    fn an_option_that_breaks_a_rule_hides_no_other() {
        let octets = [1, 148, 3, 0, 136, 4, 0, 7];
        assert_eq!(values(&octets), [Value::None, Value::Malformed(Kind::Length), Value::StreamId(7)]);
        assert_eq!(fault(&octets), Some((1, Kind::Length)));
    }

    #[test]
    fn lengths_and_pointers_out_of_range_are_faults() {
        for (octets, kind) in [
            (&[7, 6, 4, 1, 2, 3][..], Kind::Length),
            (&[7, 3, 3], Kind::Value),
            (&[7, 2], Kind::Length),
            (&[68, 4, 4, 0], Kind::Value),
            (&[68, 4, 5, 7], Kind::Value),
            (&[68, 6, 5, 0, 1, 2], Kind::Length),
            (&[68, 3, 5], Kind::Length),
            (&[99, 0, 1, 1], Kind::Length),
            (&[99, 9, 1, 1], Kind::Length),
            (&[99], Kind::Length),
            (&[130, 2], Kind::Length),
            (&[82, 4, 0, 0], Kind::Length),
        ] {
            assert_eq!(fault(octets), Some((0, kind)), "{octets:?}");
        }
    }

    #[test]
    fn an_unknown_option_keeps_type_and_length() {
        let option = Options::new(&[0x5e, 6, 1, 2, 3, 4]).iter().next().unwrap();
        assert_eq!((option.kind, option.length, option.value), (OptionKind::Unknown(0x5e), 6, Value::None));
    }

    #[test]
    fn options_are_shown_with_their_names() {
        let shown = serde_json::to_value(Options::new(&[148, 4, 0, 0, 0])).unwrap();
        let kind = serde_json::json!({"code": 148, "name": "router-alert"});
        assert_eq!(shown[0]["kind"], kind);
        assert_eq!(shown[0]["value"], serde_json::json!({"router_alert": 0}));
        assert_eq!(shown[1]["kind"]["name"], "end");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_to_an_end(octets in prop::collection::vec(any::<u8>(), 0..=40)) {
            prop_assert!(Options::new(&octets).iter().count() <= super::super::MAX_OPTIONS_LEN);
            let has_fault = Options::new(&octets).iter().any(|o| matches!(o.value, Value::Malformed(_)));
            prop_assert_eq!(fault(&octets).is_some(), has_fault);
        }

        #[test]
        fn a_written_list_is_read_back(
            routes in prop::collection::vec((prop::sample::select(vec![7u8, 131, 137]), 4u8..=40, 0usize..=3), 0..=2),
            alert in any::<u16>(),
        ) {
            let mut octets = Vec::new();
            for (kind, pointer, count) in &routes {
                octets.extend([*kind, u8::try_from(3 + 4 * count).unwrap(), *pointer]);
                octets.extend(std::iter::repeat_n([10, 1, 2, 3], *count).flatten());
            }
            octets.extend([148, 4]);
            octets.extend(alert.to_be_bytes());
            let expected = routes.iter().map(|(_, pointer, count)| Value::Route(Route {
                pointer: *pointer,
                addresses: std::iter::repeat_n(Ipv4Addr::new(10, 1, 2, 3), *count).collect(),
            }));
            let expected: Vec<_> = expected.chain([Value::RouterAlert(alert)]).collect();
            prop_assert_eq!(values(&octets), expected);
            prop_assert_eq!(fault(&octets), None);
        }
    }
}
