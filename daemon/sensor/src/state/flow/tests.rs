use std::net::Ipv4Addr;

use headgate_wire::{ethernet, tcp};

use super::*;
use crate::state::InterfaceNumber;

const SECOND: u64 = 1_000_000_000;

fn ends(forward: bool, flags: u16) -> Ends<Ipv4Addr> {
    let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let [low, high] = [1, 2].map(|n| ethernet::Address([0, 0x1b, 0x21, 0, 0, n]));
    Ends {
        source_mac: if forward { low } else { high },
        destination_mac: if forward { high } else { low },
        source: if forward { a } else { b },
        destination: if forward { b } else { a },
        protocol: TCP,
        ports: if forward { (40_000, 80) } else { (80, 40_000) },
        flags: tcp::Flags(flags),
    }
}

fn add(flows: &mut Flows, ends: Ends<Ipv4Addr>, time: u64, out: &mut Sink) {
    flows.packet(Seen { number: InterfaceNumber(0), vlan: 0, time, bytes: 60 }, ends, out);
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
        add(&mut flows, ends(forward, flags), step as u64 * 1_000, &mut out);
    }
    flows.report(20 * SECOND, usize::MAX, &mut out);
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
        add(&mut flows, ends(second % 2 == 0, ACK), second * SECOND, &mut out);
    }
    assert!(!flows.finish(200 * SECOND, usize::MAX, &mut out));
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
        let ends = Ends {
            protocol: UDP,
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::BROADCAST,
            ports: (68, 67),
            source_mac: ethernet::Address([0x02, 0, 0, 0, 0, client]),
            ..ends(true, 0)
        };
        add(&mut flows, ends, 0, &mut out);
    }
    assert!(!flows.finish(0, usize::MAX, &mut out));
    let packets: Vec<_> =
        out.take().iter().map(|r| (text(r, Field::FlowMac), number(r, Field::FlowPackets))).collect();
    let expected = [("02:00:00:00:00:01", 2), ("02:00:00:00:00:02", 1)];
    // The least recently used flow ends first.
    assert_eq!(packets, [expected[1], expected[0]].map(|(mac, n)| (mac.to_owned(), Some(n))));
}

#[test]
fn the_originator_of_a_missed_syn_is_the_one_who_is_answered() {
    let (mut flows, mut out) = (Flows::new(8, 15 * SECOND, 60 * SECOND), Sink::default());
    add(&mut flows, ends(false, SYN | ACK), 0, &mut out);
    assert!(!flows.finish(0, usize::MAX, &mut out));
    let [record] = out.take().try_into().unwrap();
    assert_eq!(text(&record, Field::FlowSourceAddress), "10.0.0.1");
    assert_eq!(text(&record, Field::FlowMac), "00:1b:21:00:00:01");
    assert_eq!(number(&record, Field::FlowReversePackets), Some(1));
}

#[test]
fn a_full_table_records_and_counts_the_flow_that_leaves() {
    let (mut flows, mut out) = (Flows::new(2, 15 * SECOND, 60 * SECOND), Sink::default());
    for port in 0..5 {
        add(&mut flows, Ends { ports: (port, 80), ..ends(true, ACK) }, u64::from(port), &mut out);
    }
    assert_eq!(flows.evicted, 3);
    let records = out.take();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|r| text(r, Field::FlowEndReason) == "lack-of-resources"));
}

/// All flows that ended within one second became records at once, more than the queue to the store holds.
#[test]
fn flows_that_are_over_wait_for_room_in_order_and_no_more_of_them_than_may_be_under_way() {
    let (mut flows, mut out) = (Flows::new(8, 15 * SECOND, 300 * SECOND), Sink::default());
    let begin = |flows: &mut Flows, ports: std::ops::Range<u16>, time: u64, out: &mut Sink| {
        for port in ports {
            let ends = Ends { ports: (port, 80), ..ends(true, ACK) };
            add(flows, ends, time + u64::from(port), out);
        }
    };
    let ports = |out: &mut Sink| -> Vec<u64> {
        out.take().iter().map(|record| number(record, Field::FlowSourcePort).unwrap()).collect()
    };
    begin(&mut flows, 1..7, SECOND, &mut out);
    flows.report(20 * SECOND, 2, &mut out);
    assert_eq!((ports(&mut out), flows.holds_back(), flows.is_empty()), (vec![1, 2], true, false));
    flows.report_held_back(1, &mut out);
    assert_eq!(ports(&mut out), [3]);
    // Of those that come and end meanwhile all but eight are recorded, the first before them; the same ends are a flow of their own.
    begin(&mut flows, 5..13, 21 * SECOND, &mut out);
    flows.report(40 * SECOND, 0, &mut out);
    assert_eq!(ports(&mut out), [4, 5, 6]);
    flows.report_held_back(usize::MAX, &mut out);
    assert_eq!((ports(&mut out), flows.holds_back()), ((5..13).collect(), false));
}
