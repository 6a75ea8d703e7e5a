//! Bidirectional flows (RFC 5103).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use headgate_record::{Error, Field, Kind, Record, Value};
use headgate_wire::Ends;

use self::address::Address;
pub(crate) use self::address::IpAddress;
use self::entry::{Counts, Flow, Key, NOBODY};
use super::entries::{Entries, Entry};
use super::{Seen, Sink};
use crate::identify;

mod address;
mod entry;

/// One end of a flow: address and port (0 where the protocol has none).
pub(crate) type Endpoint = (IpAddr, u16);

/// The flows under way, at most `capacity` of both families. A full table gives up the oldest of a few in turn
/// ([`Entries::oldest`]).
#[derive(Clone, Debug)]
pub(crate) struct Flows {
    v4: Family<u32>,
    v6: Family<[u32; 4]>,
    /// A time that all flows are near to: of the last sweep.
    reference: u64,
    capacity: usize,
    timeouts: Timeouts,
    pub(crate) evicted: u64,
}

/// Nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    idle: u64,
    active: u64,
}

/// Where the flow of a packet is among those of its family, and whether the packet came from its low end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32);

impl Place {
    const NONE: Place = Place(u32::MAX);

    #[inline(always)]
    fn of(at: usize, from_low: bool) -> Place {
        u32::try_from(at << 1).map_or(Place::NONE, |at| Place(at | u32::from(from_low)))
    }

    #[inline(always)]
    fn is_none(self) -> bool {
        self == Place::NONE
    }

    #[inline(always)]
    fn get(self) -> Option<(usize, bool)> {
        let at = usize::try_from(self.0 >> 1).ok().filter(|_| !self.is_none());
        at.map(|at| (at, self.0 & 1 == 1))
    }
}

/// Where the flow of a packet was, if that was sought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    place: Place,
    /// As long as nothing has moved since.
    moves: u64,
}

impl Found {
    pub(crate) const NOT_SOUGHT: Found = Found { place: Place::NONE, moves: 0 };
}

/// Where the flows of several packets of a family were ([`Flows::find_all`]).
#[derive(Debug, Default)]
pub(crate) struct FoundAll {
    places: Vec<Place>,
    moves: u64,
}

impl FoundAll {
    /// In the order of the packets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Found> {
        self.places.iter().map(|place| Found { place: *place, moves: self.moves })
    }
}

/// The flows between addresses of one family.
#[derive(Clone, Debug)]
pub(crate) struct Family<A> {
    entries: Entries<Flow<A>>,
    /// Counts that their flows have no room for.
    carried: HashMap<Key<A>, Counts, RandomState>,
    /// Flows that are over and not recorded yet, the latest first.
    over: Vec<Flow<A>>,
}

impl Flows {
    /// Timeouts in nanoseconds.
    pub(crate) fn new(capacity: usize, idle: u64, active: u64) -> Self {
        let capacity = capacity.max(1);
        Flows {
            v4: Family::new(capacity),
            v6: Family::new(capacity),
            reference: 0,
            capacity,
            timeouts: Timeouts { idle, active },
            evicted: 0,
        }
    }

    /// Adds a packet to its flow.
    pub(crate) fn packet<A: IpAddress>(&mut self, seen: Seen, ends: Ends<A>, out: &mut Sink) {
        if self.reference == 0 {
            self.reference = seen.time;
        }
        if self.goes_on(seen, ends, Found::NOT_SOUGHT, out) {
            return;
        }
        self.make_room(out);
        let (key, from_low) = Key::new(seen.vlan, ends);
        let mut flow = Flow::new(seen, ends, key, from_low);
        let (_, counts) = flow.add(seen, ends, from_low, self.reference);
        A::family(self).begin(key, flow, counts);
    }

    /// Adds a packet to its flow, where there is one that goes on. Where it is over, it is recorded.
    // By value, here and below: what nobody points to stays in registers.
    #[inline(always)]
    pub(crate) fn goes_on<A: IpAddress>(
        &mut self,
        seen: Seen,
        ends: Ends<A>,
        found: Found,
        out: &mut Sink,
    ) -> bool {
        let (reference, timeouts) = (self.reference, self.timeouts);
        A::family(self).goes_on(seen, ends, found, (reference, timeouts), out)
    }

    /// Finds the flows of packets that are yet to be added, by VLAN and ends, so that these need not be sought one by one.
    // To find one takes long for a processor that then has to wait for it, and no longer for many that do not depend on each other.
    #[inline(always)]
    pub(crate) fn find_all<A: IpAddress>(
        &mut self,
        packets: impl Iterator<Item = (u16, Ends<A>)>,
        found: &mut FoundAll,
    ) {
        let family = A::family(self);
        found.moves = family.entries.moves();
        found.places.clear();
        found.places.extend(packets.map(|(vlan, ends)| family.place(vlan, ends)));
    }

    /// Whether no flow is under way or to be recorded.
    pub(crate) fn is_empty(&self) -> bool {
        let [v4, v6] =
            [self.v4.entries.len() + self.v4.over.len(), self.v6.entries.len() + self.v6.over.len()];
        v4 + v6 == 0
    }

    /// Records up to `limit` flows that are over by `now`, the least recently used first, and more where as many are held back as there may be
    /// flows under way.
    pub(crate) fn report(&mut self, now: u64, limit: usize, out: &mut Sink) {
        self.v4.sweep(now, self.reference, self.timeouts.idle);
        self.v6.sweep(now, self.reference, self.timeouts.idle);
        let over = self.v4.over.len() + self.v6.over.len();
        self.record_over(now, limit.max(over.saturating_sub(self.capacity)), out);
        self.reference = now;
    }

    /// Whether flows are over that are not recorded yet.
    pub(crate) fn holds_back(&self) -> bool {
        !(self.v4.over.is_empty() && self.v6.over.is_empty())
    }

    /// Records up to `limit` of these.
    pub(crate) fn report_held_back(&mut self, limit: usize, out: &mut Sink) {
        self.record_over(self.reference, limit, out);
    }

    /// Records all flows, the least recently used first: so many at a call. Whether more are left.
    pub(crate) fn finish(&mut self, now: u64, limit: usize, out: &mut Sink) -> bool {
        self.v4.end_all(self.reference);
        self.v6.end_all(self.reference);
        self.record_over(now, limit, out)
    }

    /// Whether more are left.
    fn record_over(&mut self, now: u64, limit: usize, out: &mut Sink) -> bool {
        let (reference, idle) = (self.reference, self.timeouts.idle);
        for _ in 0..limit {
            let ended = (self.v4.next_over(reference), self.v6.next_over(reference));
            let is_v4 = match ended {
                (None, None) => return false,
                (v4, v6) => v6.is_none() || v4.is_some_and(|v4| v6.is_some_and(|v6| v4 <= v6)),
            };
            if is_v4 {
                self.v4.record_next(now, reference, idle, out);
            } else {
                self.v6.record_next(now, reference, idle, out);
            }
        }
        self.holds_back()
    }

    fn make_room(&mut self, out: &mut Sink) {
        if self.v4.entries.len() + self.v6.entries.len() >= self.capacity {
            self.give_up_one(out);
        }
    }

    #[cold]
    fn give_up_one(&mut self, out: &mut Sink) {
        self.evicted += 1;
        let reference = self.reference;
        match (self.v4.oldest(reference), self.v6.oldest(reference)) {
            (Some((ended, at)), other) if other.is_none_or(|(other, _)| ended <= other) => {
                self.v4.end(at, reference, "lack-of-resources", out);
            }
            (_, Some((_, at))) => self.v6.end(at, reference, "lack-of-resources", out),
            _ => {}
        }
    }
}

impl<A: Address> Family<A> {
    fn new(capacity: usize) -> Self {
        Family { entries: Entries::new(capacity), carried: HashMap::default(), over: Vec::new() }
    }

    #[inline(always)]
    fn goes_on<B: IpAddress<Words = A>>(
        &mut self,
        seen: Seen,
        ends: Ends<B>,
        found: Found,
        (reference, timeouts): (u64, Timeouts),
        out: &mut Sink,
    ) -> bool {
        let mut place = found.place;
        // Of one that was not there another packet may have been seen since.
        if place.is_none() || found.moves != self.entries.moves() {
            place = self.place(seen.vlan, ends);
        }
        let Some((at, from_low)) = place.get() else { return false };
        let Some(flow) = self.entries.get_mut(at) else { return false };
        let begins_anew = ends.flags.0 & (SYN | ACK) == SYN && flow.has_ended();
        if begins_anew || seen.time.saturating_sub(flow.ended(reference)) >= timeouts.idle {
            self.end_naturally(at, reference, out);
            return false;
        }
        let (lasted, counts) = flow.add(seen, ends, from_low, reference);
        if let Some(counts) = counts {
            self.carry(at, counts);
        }
        if lasted >= timeouts.active {
            self.record_part(at, seen.time, reference, out);
        }
        true
    }

    /// Where the flow of a packet is.
    #[inline(always)]
    fn place<B: IpAddress<Words = A>>(&self, vlan: u16, ends: Ends<B>) -> Place {
        let (key, from_low) = Key::new(vlan, ends);
        self.entries.find(self.entries.hash(&key), &key).map_or(Place::NONE, |at| Place::of(at, from_low))
    }

    fn begin(&mut self, key: Key<A>, flow: Flow<A>, counts: Option<Counts>) {
        let at = self.entries.len();
        self.entries.insert(self.entries.hash(&key), flow);
        if let Some(counts) = counts {
            self.carry(at, counts);
        }
    }

    /// Adds counts that a flow has no room for.
    #[cold]
    fn carry(&mut self, at: usize, counts: Counts) {
        if let Some(flow) = self.entries.get_mut(at) {
            self.carried.entry(flow.key()).or_default().add(&counts);
        }
    }

    /// Records a flow that goes on.
    #[cold]
    fn record_part(&mut self, at: usize, time: u64, reference: u64, out: &mut Sink) {
        let Some(flow) = self.entries.get_mut(at) else { return };
        let counts = carried(&mut self.carried, flow);
        let record = flow.record("active", counts, reference, out);
        out.push(record);
        flow.continue_from(time);
    }

    #[cold]
    fn end_naturally(&mut self, at: usize, reference: u64, out: &mut Sink) {
        let Some(flow) = self.entries.get_mut(at) else { return };
        let reason = flow.natural_end();
        self.end(at, reference, reason, out);
    }

    /// Removes a flow and records it.
    fn end(&mut self, at: usize, reference: u64, reason: &'static str, out: &mut Sink) {
        let Some(flow) = self.entries.remove(at) else { return };
        let counts = carried(&mut self.carried, &flow);
        let record = flow.record(reason, counts, reference, out);
        out.push(record);
    }

    /// Sets aside the flows that have been idle for too long.
    fn sweep(&mut self, now: u64, reference: u64, idle: u64) {
        let is_over = |flow: &Flow<A>| now.saturating_sub(flow.ended(reference)) >= idle;
        let over: Vec<usize> =
            self.entries.iter().enumerate().filter(|(_, flow)| is_over(flow)).map(|(at, _)| at).collect();
        let held_back = self.over.len();
        // From behind, so that the last entry, which takes the place of the removed one, stays.
        self.over.extend(over.into_iter().rev().filter_map(|at| self.entries.remove(at)));
        // Those that are held back were over before these.
        self.over.rotate_left(held_back);
        let new = self.over.len() - held_back;
        self.over.get_mut(..new).unwrap_or_default().sort_unstable_by_key(latest_first(reference));
    }

    /// Sets all flows aside.
    fn end_all(&mut self, reference: u64) {
        if self.entries.len() > 0 {
            let all = self.entries.take();
            if self.over.is_empty() {
                self.over = all
            } else {
                self.over.extend(all)
            }
            self.over.sort_unstable_by_key(latest_first(reference));
        }
    }

    /// When the flow ended that is to be recorded next.
    fn next_over(&self, reference: u64) -> Option<u64> {
        self.over.last().map(|flow| flow.ended(reference))
    }

    fn record_next(&mut self, now: u64, reference: u64, idle: u64, out: &mut Sink) {
        let Some(flow) = self.over.pop() else { return };
        let ended = flow.has_ended() || now.saturating_sub(flow.ended(reference)) >= idle;
        let counts = carried(&mut self.carried, &flow);
        let record = flow.record(if ended { flow.natural_end() } else { "forced" }, counts, reference, out);
        out.push(record);
    }

    fn oldest(&mut self, reference: u64) -> Option<(u64, usize)> {
        self.entries.oldest(|flow| flow.ended(reference))
    }
}

/// The order of those that are over.
fn latest_first<A: Address>(reference: u64) -> impl Fn(&Flow<A>) -> Reverse<(u64, u64)> {
    move |flow| Reverse((flow.ended(reference), flow.started(reference)))
}

/// Takes what was carried for a flow.
fn carried<A: Address>(carried: &mut HashMap<Key<A>, Counts, RandomState>, flow: &Flow<A>) -> Counts {
    if flow.is_carried() { carried.remove(&flow.key()).unwrap_or_default() } else { Counts::default() }
}

impl<A: Address> Flow<A> {
    fn natural_end(&self) -> &'static str {
        if self.has_ended() { "ended" } else { "idle" }
    }

    fn record(
        &self,
        end_reason: &'static str,
        carried: Counts,
        reference: u64,
        out: &Sink,
    ) -> Result<Record, Error> {
        let (originator, responder) = self.ends();
        let mut counts = self.counts();
        counts.add(&carried);
        let Counts { packets: [packets, reverse_packets], octets: [bytes, reverse_bytes] } = counts;
        let mut r = Record::with_capacity(Kind::Flow, FIELDS);
        r.set_some(Field::FlowMac, Some(self.mac()).filter(|mac| *mac != NOBODY))?;
        r.set_some(Field::FlowVlan, super::tagged(self.vlan()))?;
        r.set(Field::FlowInterface, out.interface(self.interface()))?;
        r.set(Field::FlowSourceAddress, originator.0)?;
        r.set(Field::FlowDestinationAddress, responder.0)?;
        if matches!(self.protocol(), TCP | UDP) {
            r.set(Field::FlowSourcePort, originator.1)?;
            r.set(Field::FlowDestinationPort, responder.1)?;
        }
        r.set(Field::FlowTransport, identify::transport(self.protocol()))?;
        r.set(Field::FlowService, Value::word(identify::service(self.protocol(), responder.1)))?;
        r.set(Field::FlowStarted, Value::Time(self.started(reference)))?;
        r.set(Field::FlowEnded, Value::Time(self.ended(reference)))?;
        r.set(Field::FlowPackets, packets)?;
        r.set(Field::FlowBytes, bytes)?;
        r.set(Field::FlowReversePackets, reverse_packets)?;
        r.set(Field::FlowReverseBytes, reverse_bytes)?;
        if self.protocol() == TCP {
            let [forward, reverse] = self.flags();
            r.set(Field::FlowTcpFlags, forward)?;
            r.set(Field::FlowReverseTcpFlags, reverse)?;
            r.set_some(Field::FlowHandshakeRtt, self.round_trip())?;
        }
        r.set(Field::FlowEndReason, Value::word(end_reason))?;
        Ok(r)
    }
}

/// Most fields of a flow record.
const FIELDS: usize = 21;
const TCP: u8 = 6;
const UDP: u8 = 17;
const FIN: u16 = 0x01;
const SYN: u16 = 0x02;
const RST: u16 = 0x04;
const ACK: u16 = 0x10;

#[cfg(test)]
mod tests;
