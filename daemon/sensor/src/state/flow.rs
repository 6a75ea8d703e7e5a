//! Bidirectional flows (RFC 5103).

use std::net::IpAddr;

use headgate_record::{Error, Field, Kind, Mac, Record, Value};

use super::Sink;
use super::table::Table;
use crate::identify;

/// One end of a flow: address and port (0 where the protocol has none).
pub(crate) type Endpoint = (IpAddr, u16);

/// What one packet adds to a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) interface: &'a str,
    /// VLAN, 0 when untagged.
    pub(crate) vlan: u16,
    pub(crate) source_mac: Mac,
    pub(crate) destination_mac: Mac,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) protocol: u8,
    /// TCP control bits; 0 for other protocols.
    pub(crate) flags: u16,
    pub(crate) time: u64,
    /// Octets of the frame on the wire, without FCS.
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FlowKey {
    vlan: u16,
    protocol: u8,
    low: Endpoint,
    high: Endpoint,
    /// Who sent it, where the source address does not tell: many clients send from 0.0.0.0 and ::.
    sender: Option<Mac>,
}

#[derive(Debug)]
struct Flow {
    interface: String,
    mac: Mac,
    vlan: u16,
    protocol: u8,
    originator: Endpoint,
    responder: Endpoint,
    started: u64,
    ended: u64,
    forward: Direction,
    reverse: Direction,
    handshake: Handshake,
}

#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    packets: u64,
    bytes: u64,
    flags: u16,
}

/// How far the TCP handshake was seen (RFC 9293, 3.5).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Handshake {
    Unseen,
    Syn(u64),
    SynAck(u64),
    /// Round-trip time, nanoseconds.
    Complete(u64),
    /// As before, and already in a record.
    Recorded,
}

#[derive(Debug)]
pub(crate) struct Flows {
    table: Table<FlowKey, Flow>,
    idle: u64,
    active: u64,
    pub(crate) evicted: u64,
}

impl Flows {
    /// Timeouts in nanoseconds.
    pub(crate) fn new(capacity: usize, idle: u64, active: u64) -> Self {
        Flows { table: Table::new(capacity), idle, active, evicted: 0 }
    }

    pub(crate) fn packet(&mut self, segment: &Segment<'_>, out: &mut Sink) {
        let key = FlowKey {
            vlan: segment.vlan,
            protocol: segment.protocol,
            low: segment.source.min(segment.destination),
            high: segment.source.max(segment.destination),
            sender: segment.source.0.is_unspecified().then_some(segment.source_mac),
        };
        if let Some(flow) = self.table.touch(&key) {
            let begins_anew = segment.flags & (SYN | ACK) == SYN && flow.has_ended();
            let is_idle = segment.time.saturating_sub(flow.ended) >= self.idle;
            if !begins_anew && !is_idle {
                flow.add(segment);
                if flow.ended.saturating_sub(flow.started) >= self.active {
                    out.push(flow.record("active"));
                    flow.continue_from(segment.time);
                }
                return;
            }
            if let Some(flow) = self.table.remove(&key) {
                out.push(flow.record(flow.natural_end()));
            }
        }
        if let Some((_, oldest)) = self.table.insert(key, Flow::new(segment)) {
            self.evicted += 1;
            out.push(oldest.record("lack-of-resources"));
        }
    }

    /// Records the flows that have ended by `now`; all of them at the end.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        let idle = self.idle;
        while let Some((_, flow)) =
            self.table.pop_oldest_if(|flow| all || now.saturating_sub(flow.ended) >= idle)
        {
            let ended = flow.has_ended() || now.saturating_sub(flow.ended) >= idle;
            out.push(flow.record(if ended { flow.natural_end() } else { "forced" }));
        }
    }
}

impl Flow {
    fn new(segment: &Segment<'_>) -> Self {
        // The originator of a handshake whose SYN was missed is the one who is answered.
        let answered = segment.flags & (SYN | ACK) == SYN | ACK;
        let (mac, originator, responder) = if answered {
            (segment.destination_mac, segment.destination, segment.source)
        } else {
            (segment.source_mac, segment.source, segment.destination)
        };
        let mut flow = Flow {
            interface: segment.interface.to_owned(),
            mac,
            vlan: segment.vlan,
            protocol: segment.protocol,
            originator,
            responder,
            started: segment.time,
            ended: segment.time,
            forward: Direction::default(),
            reverse: Direction::default(),
            handshake: Handshake::Unseen,
        };
        flow.add(segment);
        flow
    }

    fn add(&mut self, segment: &Segment<'_>) {
        let forward = segment.source == self.originator;
        let direction = if forward { &mut self.forward } else { &mut self.reverse };
        direction.packets += 1;
        direction.bytes += segment.bytes;
        direction.flags |= segment.flags;
        self.ended = self.ended.max(segment.time);
        let syn_ack = segment.flags & (SYN | ACK);
        self.handshake = match self.handshake {
            Handshake::Unseen if forward && syn_ack == SYN => Handshake::Syn(segment.time),
            Handshake::Syn(at) if !forward && syn_ack == SYN | ACK => Handshake::SynAck(at),
            Handshake::SynAck(at) if forward && syn_ack == ACK => {
                Handshake::Complete(segment.time.saturating_sub(at))
            }
            as_before => as_before,
        };
    }

    /// After a record the flow goes on and counts from zero, so that nothing is counted twice.
    fn continue_from(&mut self, time: u64) {
        self.started = time;
        self.ended = time;
        self.forward = Direction { flags: 0, ..Direction::default() };
        self.reverse = Direction::default();
        if matches!(self.handshake, Handshake::Complete(_)) {
            self.handshake = Handshake::Recorded;
        }
    }

    /// A reset, or a FIN each way.
    fn has_ended(&self) -> bool {
        (self.forward.flags | self.reverse.flags) & RST != 0
            || self.forward.flags & self.reverse.flags & FIN != 0
    }

    fn natural_end(&self) -> &'static str {
        if self.has_ended() { "ended" } else { "idle" }
    }

    fn record(&self, end_reason: &str) -> Result<Record, Error> {
        let mut r = Record::new(Kind::Flow);
        r.set(Field::FlowMac, self.mac)?;
        r.set_some(Field::FlowVlan, super::tagged(self.vlan))?;
        r.set(Field::FlowInterface, self.interface.as_str())?;
        r.set(Field::FlowSourceAddress, self.originator.0)?;
        r.set(Field::FlowDestinationAddress, self.responder.0)?;
        if matches!(self.protocol, TCP | UDP) {
            r.set(Field::FlowSourcePort, self.originator.1)?;
            r.set(Field::FlowDestinationPort, self.responder.1)?;
        }
        r.set(Field::FlowTransport, identify::transport(self.protocol))?;
        r.set(Field::FlowService, identify::service(self.protocol, self.responder.1))?;
        r.set(Field::FlowStarted, Value::Time(self.started))?;
        r.set(Field::FlowEnded, Value::Time(self.ended))?;
        r.set(Field::FlowPackets, self.forward.packets)?;
        r.set(Field::FlowBytes, self.forward.bytes)?;
        r.set(Field::FlowReversePackets, self.reverse.packets)?;
        r.set(Field::FlowReverseBytes, self.reverse.bytes)?;
        if self.protocol == TCP {
            r.set(Field::FlowTcpFlags, self.forward.flags)?;
            r.set(Field::FlowReverseTcpFlags, self.reverse.flags)?;
            if let Handshake::Complete(rtt) = self.handshake {
                r.set(Field::FlowHandshakeRtt, rtt)?;
            }
        }
        r.set(Field::FlowEndReason, end_reason)?;
        Ok(r)
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const FIN: u16 = 0x01;
const SYN: u16 = 0x02;
const RST: u16 = 0x04;
const ACK: u16 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn segment(forward: bool, flags: u16, time: u64) -> Segment<'static> {
        let (a, b) = ((IpAddr::from([10, 0, 0, 1]), 40_000), (IpAddr::from([10, 0, 0, 2]), 80));
        let (source, destination) = if forward { (a, b) } else { (b, a) };
        Segment {
            interface: "eth0",
            vlan: 0,
            source_mac: Mac([0, 0x1b, 0x21, 0, 0, if forward { 1 } else { 2 }]),
            destination_mac: Mac([0, 0x1b, 0x21, 0, 0, if forward { 2 } else { 1 }]),
            source,
            destination,
            protocol: TCP,
            flags,
            time,
            bytes: 60,
        }
    }

    fn number(record: &Record, field: Field) -> Option<u64> {
        match record.get(field) {
            Some(Value::Number(n)) => Some(*n),
            _ => None,
        }
    }

    fn text(record: &Record, field: Field) -> String {
        record.get(field).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn a_connection_is_one_record_with_both_directions_and_its_round_trip() {
        let (mut flows, mut out) = (Flows::new(8, 15 * SECOND, 300 * SECOND), Sink::default());
        for (step, (forward, flags)) in
            [(true, SYN), (false, SYN | ACK), (true, ACK), (true, FIN | ACK), (false, FIN | ACK), (true, ACK)]
                .into_iter()
                .enumerate()
        {
            flows.packet(&segment(forward, flags, step as u64 * 1_000), &mut out);
        }
        flows.report(20 * SECOND, false, &mut out);
        let [record] = out.take().try_into().unwrap();
        assert_eq!(number(&record, Field::FlowPackets), Some(4));
        assert_eq!(number(&record, Field::FlowReversePackets), Some(2));
        assert_eq!(number(&record, Field::FlowBytes), Some(240));
        assert_eq!(number(&record, Field::FlowHandshakeRtt), Some(2_000));
        assert_eq!(text(&record, Field::FlowEndReason), "ended");
        assert_eq!(text(&record, Field::FlowService), "http");
    }

    #[test]
    fn a_long_flow_is_recorded_in_parts_that_add_up() {
        let (mut flows, mut out) = (Flows::new(8, 15 * SECOND, 60 * SECOND), Sink::default());
        for second in 0..200 {
            flows.packet(&segment(second % 2 == 0, ACK, second * SECOND), &mut out);
        }
        flows.report(200 * SECOND, true, &mut out);
        let records = out.take();
        assert!(records.len() > 2);
        let packets: u64 = records
            .iter()
            .map(|r| number(r, Field::FlowPackets).unwrap() + number(r, Field::FlowReversePackets).unwrap())
            .sum();
        assert_eq!(packets, 200);
    }

    /// The frames of a phone once left in the flow of whoever asked for an address before it.
    #[test]
    fn clients_without_an_address_have_flows_of_their_own() {
        let (mut flows, mut out) = (Flows::new(8, 15 * SECOND, 60 * SECOND), Sink::default());
        for client in [1, 2, 1] {
            let mut s = segment(true, 0, 0);
            s.protocol = UDP;
            s.source = (IpAddr::from([0, 0, 0, 0]), 68);
            s.destination = (IpAddr::from([255, 255, 255, 255]), 67);
            s.source_mac = Mac([0x02, 0, 0, 0, 0, client]);
            flows.packet(&s, &mut out);
        }
        flows.report(0, true, &mut out);
        let packets: Vec<_> =
            out.take().iter().map(|r| (text(r, Field::FlowMac), number(r, Field::FlowPackets))).collect();
        let expected = [("02:00:00:00:00:01", 2), ("02:00:00:00:00:02", 1)];
        // The least recently used flow ends first.
        assert_eq!(packets, [expected[1], expected[0]].map(|(mac, n)| (mac.to_owned(), Some(n))));
    }

    #[test]
    fn the_originator_of_a_missed_syn_is_the_one_who_is_answered() {
        let (mut flows, mut out) = (Flows::new(8, 15 * SECOND, 60 * SECOND), Sink::default());
        flows.packet(&segment(false, SYN | ACK, 0), &mut out);
        flows.report(0, true, &mut out);
        let [record] = out.take().try_into().unwrap();
        assert_eq!(text(&record, Field::FlowSourceAddress), "10.0.0.1");
        assert_eq!(text(&record, Field::FlowMac), "00:1b:21:00:00:01");
        assert_eq!(number(&record, Field::FlowReversePackets), Some(1));
    }

    #[test]
    fn a_full_table_records_and_counts_the_flow_that_leaves() {
        let (mut flows, mut out) = (Flows::new(2, 15 * SECOND, 60 * SECOND), Sink::default());
        for port in 0..5 {
            let mut s = segment(true, ACK, u64::from(port));
            s.source.1 = port;
            flows.packet(&s, &mut out);
        }
        assert_eq!(flows.evicted, 3);
        let records = out.take();
        assert_eq!(records.len(), 3);
        assert!(records.iter().all(|r| text(r, Field::FlowEndReason) == "lack-of-resources"));
    }
}
