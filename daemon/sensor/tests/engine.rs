//! What the tables do over time, and when strangers fill them.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use headgate_capture::{Frame, Tag};
use headgate_record::{Field, Kind, Record, Value};
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

fn engine() -> Engine {
    Engine::new(Rules::parse(&[]).unwrap(), &Headgate::default())
}

fn see(engine: &mut Engine, bytes: &[u8], time_ns: u64) {
    let interface = engine.interface("eth0");
    engine.frame(
        interface,
        &Frame { time_ns, wire_len: bytes.len() as u32, link: Frame::ETHERNET, tag: None, bytes },
    );
}

fn of(records: &[Record], kind: Kind) -> Vec<&Record> {
    records.iter().filter(|r| r.kind() == kind).collect()
}

fn text(record: &Record, field: Field) -> String {
    record.get(field).map(ToString::to_string).unwrap_or_default()
}

fn number(record: &Record, field: Field) -> u64 {
    match record.get(field) {
        Some(Value::Number(n)) => *n,
        other => panic!("{}: {other:?}", field.name()),
    }
}

/// An LLDPDU of chassis `n`; a name where one is given.
fn lldp(n: u8, ttl: u16, name: Option<&str>) -> Vec<u8> {
    let mut frame = vec![1, 0x80, 0xc2, 0, 0, 0x0e, 0, 0x1c, 0x73, 0, 0, n, 0x88, 0xcc];
    let mut tlv = |kind: u8, value: &[u8]| {
        frame.extend([kind << 1, value.len() as u8]);
        frame.extend(value);
    };
    tlv(1, &[4, 0, 0x1c, 0x73, 0, 0, n]);
    tlv(2, b"\x05eth0");
    tlv(3, &ttl.to_be_bytes());
    if let Some(name) = name {
        tlv(5, name.as_bytes());
    }
    tlv(0, &[]);
    frame
}

fn arp(mac: [u8; 6], address: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(mac);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend(address);
    frame.extend([0; 6]);
    frame.extend([10, 0, 0, 1]);
    frame
}

#[test]
fn a_neighbor_ages_when_its_ttl_has_passed_and_not_before() {
    let mut engine = engine();
    see(&mut engine, &lldp(1, 120, Some("switch")), START);
    engine.tick(START + 119 * SECOND);
    let present = engine.take();
    assert!(of(&present, Kind::Neighbor).iter().all(|n| text(n, Field::NeighborState) == "present"));
    assert!(!of(&present, Kind::Neighbor).is_empty());
    engine.tick(START + 122 * SECOND);
    let aged = engine.take();
    let [neighbor] = of(&aged, Kind::Neighbor)[..] else { panic!("{aged:?}") };
    assert_eq!(text(neighbor, Field::NeighborState), "aged");
    assert_eq!(text(neighbor, Field::NeighborSystemName), "switch");
    engine.tick(START + 500 * SECOND);
    assert!(of(&engine.take(), Kind::Neighbor).is_empty());
}

#[test]
fn a_neighbor_that_says_goodbye_is_gone_at_once() {
    let mut engine = engine();
    see(&mut engine, &lldp(1, 120, None), START);
    engine.tick(START + 2 * SECOND);
    engine.take();
    see(&mut engine, &lldp(1, 0, None), START + 3 * SECOND);
    let records = engine.take();
    assert_eq!(text(of(&records, Kind::Neighbor)[0], Field::NeighborState), "shutdown");
}

#[test]
fn a_name_that_is_no_longer_said_is_not_carried_over() {
    let mut engine = engine();
    see(&mut engine, &lldp(1, 120, Some("old-name")), START);
    see(&mut engine, &lldp(1, 120, None), START + SECOND);
    engine.finish();
    let records = engine.take();
    let last = *of(&records, Kind::Neighbor).last().unwrap();
    assert_eq!(last.get(Field::NeighborSystemName), None);
}

#[test]
fn more_neighbors_than_fit_push_out_the_oldest_and_are_counted() {
    let mut engine = engine();
    for n in 0..40 {
        see(&mut engine, &lldp(n, 120, None), START + u64::from(n));
    }
    engine.finish();
    engine.account([0; 3]);
    let records = engine.take();
    let neighbors = of(&records, Kind::Neighbor);
    assert_eq!(neighbors.iter().filter(|n| text(n, Field::NeighborState) == "evicted").count(), 8);
    assert_eq!(number(of(&records, Kind::Counters)[0], Field::CountersNeighborsEvicted), 8);
}

#[test]
fn a_flood_of_addresses_fills_the_table_no_further_and_is_counted() {
    let mut engine = engine();
    let mut records = Vec::new();
    let flood = 20_000u32;
    for n in 0..flood {
        let [_, a, b, c] = n.to_be_bytes();
        see(&mut engine, &arp([0, 0x1b, 0x21, a, b, c], [10, a, b, c]), START + u64::from(n));
        records.extend(engine.take());
    }
    engine.finish();
    engine.account([0; 3]);
    records.extend(engine.take());
    let counters = of(&records, Kind::Counters)[0];
    assert_eq!(number(counters, Field::CountersDevicesEvicted), u64::from(flood) - 16_384);
    assert_eq!(number(counters, Field::CountersFrames), u64::from(flood));
    // Each device has its record, whether it was pushed out or was there at the end.
    let devices = of(&records, Kind::Device);
    let frames: u64 = devices.iter().map(|d| number(d, Field::DeviceFrames)).sum();
    assert_eq!(frames, u64::from(flood));
}

#[test]
fn a_device_is_one_per_vlan_whether_the_tag_is_in_the_frame_or_beside_it() {
    let mut engine = engine();
    let plain = arp([0, 0x1b, 0x21, 0, 0, 1], [10, 0, 0, 7]);
    let tagged = [&plain[..12], &[0x81, 0, 0, 20], &plain[12..]].concat();
    see(&mut engine, &tagged, START);
    let interface = engine.interface("eth0");
    let tag = Some(Tag { protocol: 0x8100, control: 20 });
    engine.frame(
        interface,
        &Frame {
            time_ns: START + 1,
            wire_len: plain.len() as u32,
            link: Frame::ETHERNET,
            tag,
            bytes: &plain,
        },
    );
    engine.finish();
    let records = engine.take();
    let [device] = of(&records, Kind::Device)[..] else { panic!("{records:?}") };
    assert_eq!((number(device, Field::DeviceVlan), number(device, Field::DeviceFrames)), (20, 2));
    assert_eq!(number(device, Field::DeviceBytes), 2 * tagged.len() as u64);
}

/// A clock set back by a day once silenced the sensor for a day.
#[test]
fn a_clock_that_is_set_back_ends_what_was_under_way_and_watching_goes_on() {
    let mut engine = engine();
    see(&mut engine, &lldp(1, 120, None), START);
    see(&mut engine, &lldp(2, 120, None), START - 2 * SECOND);
    engine.take();
    for second in 0..120 {
        see(&mut engine, &lldp(3, 120, None), START - 86_400 * SECOND + second * SECOND);
    }
    let records = engine.take();
    assert!(of(&records, Kind::Neighbor).iter().any(|n| text(n, Field::NeighborChassisId).ends_with(":03")));
    assert!(engine.account_is_due());
    engine.finish();
    engine.account([0; 3]);
    let later = engine.take();
    let frames = records.iter().chain(&later).filter(|r| r.kind() == Kind::Counters);
    assert_eq!(frames.map(|c| number(c, Field::CountersFrames)).sum::<u64>(), 122);
}

/// After a pause of the machine one interface's frames are long past when another's have been read: once that was
/// taken for a clock set back, and all tables were emptied.
#[test]
fn frames_that_waited_in_their_ring_are_no_clock_that_was_set_back() {
    let mut engine = engine();
    let frame = arp([0, 0x1b, 0x21, 0, 0, 1], [10, 0, 0, 1]);
    let mut see = |name: &str, second: u64| {
        let interface = engine.interface(name);
        let time_ns = START + second * SECOND;
        engine.frame(
            interface,
            &Frame { time_ns, wire_len: 42, link: Frame::ETHERNET, tag: None, bytes: &frame },
        );
    };
    (0..60).for_each(|second| see("eth0", second));
    (0..60).for_each(|second| see("eth1", second));
    engine.finish();
    let records = engine.take();
    let frames: Vec<_> = of(&records, Kind::Device).iter().map(|d| number(d, Field::DeviceFrames)).collect();
    assert_eq!((frames.iter().sum::<u64>(), of(&records, Kind::Counters).len()), (120, 0));
}

#[test]
fn times_at_the_end_of_time_are_survived() {
    let mut engine = engine();
    see(&mut engine, &lldp(1, u16::MAX, None), u64::MAX - 1);
    see(&mut engine, &lldp(2, 120, None), 0);
    engine.tick(u64::MAX);
    engine.finish();
}

/// A telephone that bridges for the computer behind it once counted as infrastructure, and its name left.
#[test]
fn a_telephone_is_not_infrastructure_though_it_bridges() {
    let with_capabilities = |enabled: u8| {
        let mut frame = lldp(1, 120, Some("SEP-Alice"));
        frame.truncate(frame.len() - 2);
        frame.extend([7 << 1, 4, 0, 0x24, 0, enabled, 0, 0]);
        frame
    };
    for (enabled, infrastructure) in [(0x04, true), (0x24, false)] {
        let mut engine = engine();
        see(&mut engine, &with_capabilities(enabled), START);
        engine.finish();
        let records = engine.take();
        let is = of(&records, Kind::Neighbor)[0].get(Field::NeighborInfrastructure).cloned();
        assert_eq!(is, Some(Value::Bool(infrastructure)));
    }
}

#[test]
fn a_packet_without_a_link_header_is_a_flow_of_no_device() {
    let mut engine = engine();
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend([0x9c, 0x40, 0, 53, 0, 8, 0, 0]);
    let interface = engine.interface("file");
    let frame = Frame { time_ns: START, wire_len: 28, link: 101, tag: None, bytes: &packet };
    engine.frame(interface, &frame);
    engine.finish();
    let records = engine.take();
    assert!(of(&records, Kind::Device).is_empty());
    let [flow] = of(&records, Kind::Flow)[..] else { panic!("{records:?}") };
    assert_eq!(flow.get(Field::FlowMac), None);
}

/// A host with nine addresses was once reported every second, without its oldest address.
/// A client that gave a group address as its own once became a device, and its frames were counted or not by where
/// others stood in the table.
#[test]
fn a_sender_with_a_group_address_is_no_device() {
    let mut engine = engine();
    let group = [0x03, 0, 0, 0, 0, 1];
    let ip = |protocol: u8, body: &[u8]| {
        let total = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
        let mut frame =
            [&[0xff; 6][..], &group, &[0x08, 0x00, 0x45, 0], &total, &[0, 0, 0, 0, 64, protocol, 0, 0]]
                .concat();
        frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend(body);
        frame
    };
    let mut discover = [&[1, 1, 6, 0, 0, 0, 0, 7][..], &[0; 20], &group].concat();
    discover.resize(236, 0);
    discover.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
    let length = u16::try_from(8 + discover.len()).unwrap().to_be_bytes();
    let datagram = [&[0, 68, 0, 67][..], &length, &[0, 0], &discover].concat();
    see(&mut engine, &ip(17, &datagram), 1);
    let segment = [0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0];
    for time in 2..5 {
        see(&mut engine, &ip(6, &segment), time);
    }
    engine.finish();
    let records = engine.take();
    assert!(of(&records, Kind::Device).is_empty(), "{records:?}");
    let packets: u64 = of(&records, Kind::Flow).iter().map(|flow| number(flow, Field::FlowPackets)).sum();
    assert_eq!(packets, 4);
}

#[test]
fn a_device_with_more_addresses_than_are_remembered_is_reported_with_its_activity() {
    let (mut engine, mac) = (engine(), [0, 0x1b, 0x21, 0, 0, 1]);
    for second in 0..600 {
        let host = if second % 2 == 0 { 1 } else { 2 + (second / 2 % 8) as u8 };
        see(&mut engine, &arp(mac, [10, 0, 0, host]), START + second * SECOND);
    }
    engine.finish();
    let records = engine.take();
    let devices = of(&records, Kind::Device);
    assert!(devices.len() < 30, "{} records", devices.len());
    // The one that it always comes back to is not the one to go.
    let last = devices.last().unwrap();
    assert!(text(last, Field::DeviceAddresses).contains("10.0.0.1"), "{last:?}");
}

/// The frames of an excluded interface were once counted, and used, under the last that had room.
#[test]
fn an_excluded_interface_is_excluded_however_many_there_are() {
    let rules = "[exclude]\ninterfaces = [\"eth2\", \"eth70\"]\n";
    let rules = Rules::parse(&[("rules.toml".into(), rules.into())]).unwrap();
    let mut engine = Engine::new(rules, &Headgate::default());
    let frame = arp([0, 0x1b, 0x21, 0, 0, 1], [10, 0, 0, 1]);
    for name in (0..80).map(|n| format!("eth{n}")) {
        let interface = engine.interface(&name);
        let frame = Frame { time_ns: START, wire_len: 42, link: Frame::ETHERNET, tag: None, bytes: &frame };
        engine.frame(interface, &frame);
    }
    engine.account([0; 3]);
    let records = engine.take();
    let counters = of(&records, Kind::Counters);
    let excluded: Vec<_> = counters
        .iter()
        .filter(|record| number(record, Field::CountersExcludedInterface) == 1)
        .map(|record| text(record, Field::CountersInterface))
        .collect();
    assert_eq!(excluded, ["eth2", "other-excluded"]);
    assert_eq!(counters.iter().map(|record| number(record, Field::CountersFrames)).sum::<u64>(), 80);
    assert_eq!(counters.iter().map(|record| number(record, Field::CountersUsed)).sum::<u64>(), 78);
}

/// After a first frame without a time, periods were once never counted.
#[test]
fn a_first_frame_without_a_time_does_not_stop_the_counting() {
    let mut engine = engine();
    let frame = arp([0, 0x1b, 0x21, 0, 0, 1], [10, 0, 0, 1]);
    see(&mut engine, &frame, 0);
    see(&mut engine, &frame, START);
    see(&mut engine, &frame, START + 400 * SECOND);
    assert!(engine.account_is_due());
    engine.account([0; 3]);
    let records = engine.take();
    let [counters] = of(&records, Kind::Counters)[..] else { panic!("{records:?}") };
    assert_eq!(number(counters, Field::CountersFrames), 3);
    assert_eq!(counters.get(Field::CountersFrom), Some(&Value::Time(START)));
}

/// Most frames are read for their ends alone: those of a station that has opted out were once to pass there.
#[test]
fn nothing_is_recorded_of_a_station_that_has_opted_out() {
    let files = [("rules.toml".to_owned(), "[exclude]\nopt_out_lists = [\"x\"]".to_owned())];
    let list = |name: &str| Ok((name.to_owned(), "00:1b:21:00:00:07".to_owned()));
    let rules = Rules::parse_with_lists(&files, &list).unwrap().0;
    let mut engine = Engine::new(rules, &Headgate::default());
    let mut segment = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    segment.extend([0xc0, 1, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    let station = |last| [0, 0x1b, 0x21, 0, 0, last];
    // The last would go on with the flow of the one before it.
    for (from, to) in [(7, 1), (1, 7), (1, 2), (1, 7)] {
        let frame = [&station(to)[..], &station(from), &[8, 0], &segment].concat();
        see(&mut engine, &frame, START);
    }
    see(&mut engine, &arp(station(7), [10, 0, 0, 7]), START);
    engine.finish();
    engine.account([0; 3]);
    let records = engine.take();
    let [device] = of(&records, Kind::Device)[..] else { panic!("{records:?}") };
    assert_eq!(text(device, Field::DeviceMac), "00:1b:21:00:00:01");
    assert_eq!(number(of(&records, Kind::Flow)[0], Field::FlowPackets), 1);
    let counters = of(&records, Kind::Counters)[0];
    let counts = [Field::CountersExcludedMac, Field::CountersUsed].map(|field| number(counters, field));
    assert_eq!(counts, [4, 1]);
}
