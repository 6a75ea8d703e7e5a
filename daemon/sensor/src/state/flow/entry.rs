//! One flow in little room: 52 octets with IPv4 addresses, so that a million fit in 64 MiB with their index.

use std::hash::{BuildHasher, Hash, Hasher};

use headgate_record::Mac;
use headgate_wire::Ends;

use super::address::{Address, IpAddress};
use super::{ACK, Endpoint, FIN, RST, SYN};
use crate::state::entries::Entry;
use crate::state::{InterfaceNumber, Seen};

/// Which flow: both ends in order, VLAN and protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key<A> {
    low: A,
    high: A,
    /// Of the low end and of the high end.
    ports: u32,
    /// VLAN, protocol and [`ANONYMOUS`], where an entry has them.
    facts: u32,
    /// Who sent it, where the source address does not tell: many clients send from 0.0.0.0 and ::. Else zeros.
    sender: Mac,
}

impl<A: Address> Key<A> {
    /// The key of a packet's flow, and whether the low end sent it.
    #[inline(always)]
    pub(super) fn new<B: IpAddress<Words = A>>(vlan: u16, ends: Ends<B>) -> (Self, bool) {
        let (from, to) = ((ends.source, ends.ports.0), (ends.destination, ends.ports.1));
        let (from_low, [low, high]) = B::in_order(from, to);
        let ports = u32::from(low.1) << 16 | u32::from(high.1);
        let facts = u32::from(vlan & MAX_VLAN) | u32::from(ends.protocol) << PROTOCOL_SHIFT;
        let is_anonymous = ends.source.words() == A::UNSPECIFIED;
        let (facts, sender) =
            if is_anonymous { (facts | ANONYMOUS, Mac(ends.source_mac.0)) } else { (facts, NOBODY) };
        (Key { low: low.0, high: high.0, ports, facts, sender }, from_low)
    }
}

/// A flow, or its part since the last record. When it started is what is near a reference ([`near`]).
#[derive(Clone, Debug)]
pub(crate) struct Flow<A> {
    low: A,
    high: A,
    /// Of the low end and of the high end.
    ports: u32,
    /// VLAN (12 bits), interface (6), protocol (8), handshake (3), and the three flags below.
    facts: u32,
    /// Control bits forward (12) and reverse (12), and the upper part of `handshake_low` (8).
    control: u32,
    /// When the SYN came, the lower part of 40 bits; once the handshake is complete, its round-trip time.
    handshake_low: u32,
    /// When it started and how long it has lasted.
    times: Times,
    counts: SmallCounts,
    /// Of the originator.
    mac: Mac,
}

/// How far the TCP handshake was seen (RFC 9293, 3.5).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Handshake {
    Unseen,
    Syn,
    SynAck,
    Complete,
    /// As before, and already in a record; or not to be measured any more.
    Over,
}

/// Packets and octets, forward and reverse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) packets: [u64; 2],
    pub(super) octets: [u64; 2],
}

impl Counts {
    pub(super) fn add(&mut self, other: &Counts) {
        for (sum, more) in self.packets.iter_mut().zip(other.packets) {
            *sum = sum.saturating_add(more);
        }
        for (sum, more) in self.octets.iter_mut().zip(other.octets) {
            *sum = sum.saturating_add(more);
        }
    }
}

impl<A: Address> Entry for Flow<A> {
    type Key = Key<A>;

    fn key(&self) -> Key<A> {
        Key {
            low: self.low,
            high: self.high,
            ports: self.ports,
            facts: self.facts & KEY_FACTS,
            sender: if self.has(ANONYMOUS) { self.mac } else { NOBODY },
        }
    }

    #[inline]
    fn is(&self, key: &Key<A>) -> bool {
        self.low == key.low
            && self.high == key.high
            && self.ports == key.ports
            && self.facts & KEY_FACTS == key.facts
            && (key.facts & ANONYMOUS == 0 || self.mac == key.sender)
    }

    #[inline]
    fn hash(key: &Key<A>, state: &impl BuildHasher) -> u64 {
        let mut hasher = state.build_hasher();
        A::hash_both(key.low, key.high, &mut hasher);
        hasher.write_u64(u64::from(key.ports) << 32 | u64::from(key.facts));
        if key.facts & ANONYMOUS != 0 {
            hasher.write(&key.sender.0);
        }
        hasher.finish()
    }
}

impl<A: Address> Flow<A> {
    /// A flow that begins with a packet, which is still to be added.
    pub(super) fn new<B>(seen: Seen, ends: Ends<B>, key: Key<A>, from_low: bool) -> Self {
        // The originator of a handshake whose SYN was missed is the one who is answered.
        let answered = ends.flags.0 & SYN_ACK == SYN_ACK && key.facts & ANONYMOUS == 0;
        let mut facts = key.facts | u32::from(seen.number.0 & MAX_INTERFACE) << INTERFACE_SHIFT;
        if from_low != answered {
            facts |= ORIGINATOR_IS_LOW;
        }
        Flow {
            low: key.low,
            high: key.high,
            ports: key.ports,
            facts,
            control: 0,
            handshake_low: 0,
            mac: Mac(if answered { ends.destination_mac.0 } else { ends.source_mac.0 }),
            times: Times::new(seen.time),
            counts: SmallCounts::default(),
        }
    }

    /// Adds a packet: how long the flow has lasted, and counts that the entry has no room for, which are to be carried.
    #[inline(always)]
    pub(super) fn add<B>(
        &mut self,
        seen: Seen,
        ends: Ends<B>,
        from_low: bool,
        reference: u64,
    ) -> (u64, Option<Counts>) {
        let forward = from_low == self.has(ORIGINATOR_IS_LOW);
        let since_start = seen.time.saturating_sub(self.started(reference)).min(MAX_BITS48);
        let lasted = self.lasted().max(since_start);
        self.times.set_lasted(lasted);
        let flags = u32::from(ends.flags.0 & MAX_FLAGS);
        self.control |= if forward { flags } else { flags << FLAGS_BITS };
        // Its bits alone: which state it is otherwise is not asked of every packet.
        if ends.flags.0 & SYN != 0 || self.facts >> HANDSHAKE_SHIFT & HANDSHAKE_MASK == SYN_ACK_SEEN {
            self.shake_hands((ends.flags.0, seen.time), forward, since_start);
        }
        (lasted, self.count(usize::from(!forward), seen.bytes))
    }

    #[inline(always)]
    fn count(&mut self, direction: usize, bytes: u64) -> Option<Counts> {
        let (packets, octets) = self.counts.get(direction);
        let (packets, octets) = (packets + 1, octets.saturating_add(bytes));
        if packets <= MAX_PACKETS && octets <= MAX_OCTETS {
            self.counts.set(direction, packets, octets);
            return None;
        }
        self.counts.set(direction, 0, 0);
        self.facts |= CARRIED;
        let mut carried = Counts::default();
        *carried.packets.get_mut(direction)? = packets;
        *carried.octets.get_mut(direction)? = octets;
        Some(carried)
    }

    #[inline(never)]
    fn shake_hands(&mut self, (flags, now): (u16, u64), forward: bool, since_start: u64) {
        let (next, time) = match (self.handshake(), forward, flags & SYN_ACK) {
            (Handshake::Unseen, true, SYN) => (Handshake::Syn, now),
            (Handshake::Syn, false, SYN_ACK) => (Handshake::SynAck, self.handshake_time()),
            (Handshake::SynAck, true, ACK) if since_start < MAX_HANDSHAKE => {
                (Handshake::Complete, self.since_syn(now))
            }
            (Handshake::SynAck, true, ACK) => (Handshake::Over, 0),
            _ => return,
        };
        self.set_handshake(next, time);
    }

    /// After a record the flow goes on and counts from zero, so that nothing is counted twice.
    pub(super) fn continue_from(&mut self, time: u64) {
        let next = match self.handshake() {
            Handshake::Complete => Handshake::Over,
            Handshake::Syn | Handshake::SynAck
                if self.lasted() >= MAX_HANDSHAKE || self.since_syn(time) >= MAX_HANDSHAKE =>
            {
                Handshake::Over
            }
            as_before => as_before,
        };
        self.times = Times::new(time);
        self.counts = SmallCounts::default();
        self.control &= !BOTH_FLAGS;
        self.facts &= !CARRIED;
        self.set_handshake(next, self.handshake_time());
    }

    /// A reset, or a FIN each way.
    pub(super) fn has_ended(&self) -> bool {
        let [forward, reverse] = self.flags();
        (forward | reverse) & RST != 0 || forward & reverse & FIN != 0
    }

    /// Originator and responder.
    pub(super) fn ends(&self) -> (Endpoint, Endpoint) {
        let [a, b, c, d] = self.ports.to_be_bytes();
        let (low, high) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let (low, high) = ((self.low.to_ip(), low), (self.high.to_ip(), high));
        if self.has(ORIGINATOR_IS_LOW) { (low, high) } else { (high, low) }
    }

    #[inline]
    pub(super) fn started(&self, reference: u64) -> u64 {
        near(reference, self.times.started())
    }

    #[inline]
    pub(super) fn lasted(&self) -> u64 {
        self.times.lasted()
    }

    #[inline]
    pub(super) fn ended(&self, reference: u64) -> u64 {
        self.started(reference).saturating_add(self.lasted())
    }

    /// Of the originator.
    pub(super) fn mac(&self) -> Mac {
        self.mac
    }

    pub(super) fn vlan(&self) -> u16 {
        u16::try_from(self.facts & u32::from(MAX_VLAN)).unwrap_or_default()
    }

    pub(super) fn interface(&self) -> InterfaceNumber {
        let [number, ..] = (self.facts >> INTERFACE_SHIFT).to_le_bytes();
        InterfaceNumber(number & MAX_INTERFACE)
    }

    pub(super) fn protocol(&self) -> u8 {
        let [number, ..] = (self.facts >> PROTOCOL_SHIFT).to_le_bytes();
        number
    }

    /// Control bits, forward and reverse.
    pub(super) fn flags(&self) -> [u16; 2] {
        [self.control, self.control >> FLAGS_BITS].map(|bits| {
            let [low, high, ..] = bits.to_le_bytes();
            u16::from_le_bytes([low, high]) & MAX_FLAGS
        })
    }

    /// What was counted and not carried.
    pub(super) fn counts(&self) -> Counts {
        let [forward, reverse] = [0, 1].map(|direction| self.counts.get(direction));
        Counts { packets: [forward.0, reverse.0], octets: [forward.1, reverse.1] }
    }

    /// Whether some counts were carried since the last record.
    pub(super) fn is_carried(&self) -> bool {
        self.has(CARRIED)
    }

    /// From the SYN to the acknowledgment of its answer, nanoseconds, where they were seen and are in no record yet.
    pub(super) fn round_trip(&self) -> Option<u64> {
        (self.handshake() == Handshake::Complete).then(|| self.handshake_time())
    }

    #[inline]
    fn handshake(&self) -> Handshake {
        match self.facts >> HANDSHAKE_SHIFT & HANDSHAKE_MASK {
            0 => Handshake::Unseen,
            1 => Handshake::Syn,
            SYN_ACK_SEEN => Handshake::SynAck,
            3 => Handshake::Complete,
            _ => Handshake::Over,
        }
    }

    fn handshake_time(&self) -> u64 {
        let [.., high] = self.control.to_le_bytes();
        u64::from(high) << 32 | u64::from(self.handshake_low)
    }

    fn since_syn(&self, time: u64) -> u64 {
        time.wrapping_sub(self.handshake_time()) & MAX_BITS40
    }

    fn set_handshake(&mut self, state: Handshake, time: u64) {
        let [a, b, c, d, high, ..] = time.to_le_bytes();
        self.handshake_low = u32::from_le_bytes([a, b, c, d]);
        self.control = self.control & BOTH_FLAGS | u32::from(high) << (2 * FLAGS_BITS);
        let number = match state {
            Handshake::Unseen => 0,
            Handshake::Syn => 1,
            Handshake::SynAck => SYN_ACK_SEEN,
            Handshake::Complete => 3,
            Handshake::Over => 4,
        };
        self.facts = self.facts & !(HANDSHAKE_MASK << HANDSHAKE_SHIFT) | number << HANDSHAKE_SHIFT;
    }

    #[inline]
    fn has(&self, fact: u32) -> bool {
        self.facts & fact != 0
    }
}

/// The lower 48 bits of two numbers of nanoseconds, 78 hours each: when something started and how long it has lasted.
// Words, here and below: what was just written in octets a processor is slow to read as a whole, and a flow's packets come in bursts.
#[derive(Clone, Copy, Debug)]
struct Times {
    started_low: u32,
    lasted_low: u32,
    started_high: u16,
    lasted_high: u16,
}

impl Times {
    fn new(started: u64) -> Self {
        let (started_low, started_high) = split(started);
        Times { started_low, lasted_low: 0, started_high, lasted_high: 0 }
    }

    #[inline(always)]
    fn started(self) -> u64 {
        u64::from(self.started_high) << 32 | u64::from(self.started_low)
    }

    #[inline(always)]
    fn lasted(self) -> u64 {
        u64::from(self.lasted_high) << 32 | u64::from(self.lasted_low)
    }

    #[inline(always)]
    fn set_lasted(&mut self, lasted: u64) {
        (self.lasted_low, self.lasted_high) = split(lasted);
    }
}

/// The lower 48 bits of a number, in two parts.
#[inline(always)]
fn split(number: u64) -> (u32, u16) {
    let [a, b, c, d, e, f, ..] = number.to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]))
}

/// Packets and octets, forward and reverse. What does not fit is carried elsewhere ([`Counts`]).
#[derive(Clone, Copy, Debug, Default)]
struct SmallCounts {
    packets: [u16; 2],
    octets_low: [u16; 2],
    octets_high: [u8; 2],
}

impl SmallCounts {
    /// Packets and octets of a direction.
    #[inline(always)]
    fn get(&self, direction: usize) -> (u64, u64) {
        let [packets, low] = [self.packets, self.octets_low]
            .map(|of| u64::from(of.get(direction).copied().unwrap_or_default()));
        let high = u64::from(self.octets_high.get(direction).copied().unwrap_or_default());
        (packets, high << 16 | low)
    }

    /// Up to [`MAX_PACKETS`] and [`MAX_OCTETS`].
    #[inline(always)]
    fn set(&mut self, direction: usize, packets: u64, octets: u64) {
        let ([a, b, ..], [low0, low1, high, ..]) = (packets.to_le_bytes(), octets.to_le_bytes());
        if let (Some(of_packets), Some(of_low), Some(of_high)) = (
            self.packets.get_mut(direction),
            self.octets_low.get_mut(direction),
            self.octets_high.get_mut(direction),
        ) {
            *of_packets = u16::from_le_bytes([a, b]);
            *of_low = u16::from_le_bytes([low0, low1]);
            *of_high = high;
        }
    }
}

/// The time whose lower 48 bits these are and that is nearest to `reference`: right within 39 hours of it. A flow is
/// recorded once a day at least, and swept once a second of the time that the reference is moved with.
#[inline(always)]
fn near(reference: u64, bits: u64) -> u64 {
    let ahead = bits.wrapping_sub(reference) << 16;
    reference.saturating_add_signed(ahead.cast_signed() >> 16)
}

pub(super) const NOBODY: Mac = Mac([0; 6]);
/// Longest handshake that is measured, nanoseconds: 9 minutes, half of what its 40 bits tell apart.
const MAX_HANDSHAKE: u64 = 1 << 39;
const MAX_BITS40: u64 = (1 << 40) - 1;
const MAX_BITS48: u64 = (1 << 48) - 1;
const MAX_PACKETS: u64 = u16::MAX as u64;
const MAX_OCTETS: u64 = (1 << 24) - 1;
/// RFC 9293, 3.1: the control bits and the reserved ones before them.
const MAX_FLAGS: u16 = 0x0fff;
const FLAGS_BITS: u32 = 12;
const BOTH_FLAGS: u32 = 0x00ff_ffff;
const MAX_VLAN: u16 = 0x0fff;
const INTERFACE_SHIFT: u32 = 12;
const MAX_INTERFACE: u8 = 0x3f;
const PROTOCOL_SHIFT: u32 = 18;
const HANDSHAKE_SHIFT: u32 = 26;
const HANDSHAKE_MASK: u32 = 7;
/// [`Handshake::SynAck`].
const SYN_ACK_SEEN: u32 = 2;
/// The flow is told from others by its sender's MAC address, too.
const ANONYMOUS: u32 = 1 << 29;
const ORIGINATOR_IS_LOW: u32 = 1 << 30;
const CARRIED: u32 = 1 << 31;
/// What of `facts` tells flows apart.
const KEY_FACTS: u32 = 0x0fff | 0xff << PROTOCOL_SHIFT | ANONYMOUS;
const SYN_ACK: u16 = SYN | ACK;
// Interfaces are told apart by 6 bits.
const _: () = assert!(crate::engine::MAX_INTERFACES == 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_flows_fit_where_they_are_promised_to() {
        assert_eq!((size_of::<Flow<u32>>(), size_of::<Flow<[u32; 4]>>()), (52, 76));
    }

    #[test]
    fn a_time_is_found_again_on_either_side_of_its_reference() {
        const HOUR: u64 = 3_600_000_000_000;
        for reference in [0, 39 * HOUR, 1_750_000_000_123_456_789, u64::MAX - 40 * HOUR] {
            for away in [0, 1, HOUR, 38 * HOUR] {
                for time in [reference.saturating_sub(away), reference.saturating_add(away)] {
                    assert_eq!(near(reference, Times::new(time).started()), time);
                }
            }
        }
    }
}
