//! What frames of each protocol say of devices and neighbours.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use headgate_capture::Frame;
use headgate_record::{Field, Kind, Record};
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const MAC: [u8; 6] = [0, 0x1b, 0x21, 0, 0, 1];

fn engine_with(rules: &str) -> Engine {
    Engine::new(Rules::parse(&[("rules.toml".into(), rules.into())]).unwrap(), &Headgate::default())
}

fn engine() -> Engine {
    engine_with("")
}

fn see(engine: &mut Engine, bytes: &[u8], time_ns: u64) {
    let interface = engine.interface("eth0");
    let wire_len = u32::try_from(bytes.len()).unwrap();
    engine.frame(interface, &Frame { time_ns, wire_len, link: Frame::ETHERNET, tag: None, bytes });
}

/// Everything that was recorded of a kind, up to the end.
fn all(engine: &mut Engine, kind: Kind) -> Vec<Record> {
    engine.finish();
    engine.take().into_iter().filter(|r| r.kind() == kind).collect()
}

fn last(engine: &mut Engine, kind: Kind) -> Record {
    all(engine, kind).pop().expect("a record")
}

fn text(record: &Record, field: Field) -> String {
    record.get(field).map(ToString::to_string).unwrap_or_default()
}

fn texts(record: &Record, fields: &[Field]) -> Vec<String> {
    fields.iter().map(|field| text(record, *field)).collect()
}

/// An 802.3 frame with a SNAP header.
fn snap(destination: [u8; 6], oui: [u8; 3], protocol: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    let mut frame = [destination, MAC].concat();
    frame.extend(length.to_be_bytes());
    frame.extend([0xaa, 0xaa, 3]);
    frame.extend(oui);
    frame.extend(protocol.to_be_bytes());
    frame.extend(payload);
    frame
}

fn tlv(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

fn cdp(ttl: u8, tlvs: &[Vec<u8>]) -> Vec<u8> {
    let message = [&[2, ttl, 0, 0][..], &tlvs.concat()].concat();
    snap([1, 0, 0x0c, 0xcc, 0xcc, 0xcc], [0, 0, 0x0c], 0x2000, &message)
}

const ADDRESS: &[u8] = b"\x00\x00\x00\x01\x01\x01\xcc\x00\x04\xc0\x00\x02\x01";

#[test]
fn a_switch_is_a_neighbor_by_cdp() {
    let mut engine = engine();
    let tlvs = [
        tlv(1, b"core-sw1"),
        tlv(2, ADDRESS),
        tlv(3, b"GigabitEthernet1/0/3"),
        tlv(4, &[0, 0, 0, 0x29]),
        tlv(5, b"IOS 15"),
        tlv(6, b"cisco WS-C2960X"),
        tlv(0xa, &[0, 7]),
        tlv(0xb, &[1]),
        tlv(0x17, b"\x01room 5"),
        tlv(0x1a, &[0, 1, 0, 2, 0, 0, 0x3c, 0x28]),
    ];
    see(&mut engine, &cdp(180, &tlvs), START);
    let neighbor = last(&mut engine, Kind::Neighbor);
    let said = [
        (Field::NeighborProtocol, "cdp"),
        (Field::NeighborChassisIdSubtype, "device-id"),
        (Field::NeighborChassisId, "core-sw1"),
        (Field::NeighborPortIdSubtype, "interface-name"),
        (Field::NeighborPortId, "GigabitEthernet1/0/3"),
        (Field::NeighborInfrastructure, "true"),
        (Field::NeighborCapabilitiesEnabled, "bridge, router"),
        (Field::NeighborSystemDescription, "IOS 15"),
        (Field::NeighborPlatform, "cisco WS-C2960X"),
        (Field::NeighborManagementAddresses, "192.0.2.1"),
        (Field::NeighborPortVlan, "7"),
        (Field::NeighborFullDuplex, "true"),
        (Field::NeighborPowerAllocated, "15400"),
        (Field::NeighborTtl, "180"),
        (Field::NeighborState, "present"),
        // Off by default.
        (Field::NeighborLocation, ""),
    ];
    for (field, value) in said {
        assert_eq!(text(&neighbor, field), value, "{}", field.name());
    }
}

#[test]
fn a_neighbor_by_cdp_says_goodbye_or_ages() {
    let mut engine = engine();
    let tlvs = |name: &[u8]| [tlv(1, name), tlv(3, b"eth0")];
    see(&mut engine, &cdp(60, &tlvs(b"one")), START);
    see(&mut engine, &cdp(60, &tlvs(b"two")), START);
    engine.tick(START + SECOND);
    engine.take();
    see(&mut engine, &cdp(0, &tlvs(b"one")), START + 2 * SECOND);
    engine.tick(START + 61 * SECOND);
    let states: Vec<_> = engine
        .take()
        .iter()
        .filter(|r| r.kind() == Kind::Neighbor)
        .map(|r| texts(r, &[Field::NeighborChassisId, Field::NeighborState]))
        .collect();
    assert_eq!(states, [["one", "shutdown"], ["two", "aged"]]);
}

/// A telephone bridges for the computer behind it, and its name is its user's.
#[test]
fn a_telephone_by_cdp_is_not_infrastructure() {
    let mut engine = engine();
    let tlvs = [tlv(1, b"SEP001469960DE0"), tlv(4, &[0, 0, 4, 0x90]), tlv(0x10, &[0x2e, 0xe0])];
    see(&mut engine, &cdp(180, &tlvs), START);
    let phone = last(&mut engine, Kind::Neighbor);
    assert_eq!(text(&phone, Field::NeighborInfrastructure), "false");
    assert_eq!(text(&phone, Field::NeighborPowerAllocated), "12000");
    assert_eq!(phone.get(Field::NeighborPortId), None);
}

#[test]
fn a_message_without_a_device_names_no_neighbor() {
    let mut engine = engine();
    see(&mut engine, &cdp(180, &[tlv(3, b"eth0")]), START);
    assert!(all(&mut engine, Kind::Neighbor).is_empty());
}

#[test]
fn one_switch_by_two_protocols_is_two_neighbors_of_which_each_ages_by_itself() {
    let mut engine = engine();
    let tlvs = [tlv(1, b"sw"), tlv(3, b"ethernet1"), tlv(4, b"\0\0\0\x08")];
    see(&mut engine, &cdp(180, &tlvs), START);
    let fdp =
        [&[1, 30, 0, 0][..], &[tlv(1, b"sw"), tlv(3, b"ethernet1"), tlv(4, b"Switch")].concat()].concat();
    let fdp = snap([1, 0xe0, 0x52, 0xcc, 0xcc, 0xcc], [0, 0xe0, 0x52], 0x2000, &fdp);
    see(&mut engine, &fdp, START);
    engine.tick(START + 31 * SECOND);
    let states: Vec<_> = engine
        .take()
        .iter()
        .filter(|r| r.kind() == Kind::Neighbor)
        .map(|r| texts(r, &[Field::NeighborProtocol, Field::NeighborState, Field::NeighborInfrastructure]))
        .collect();
    assert!(states.contains(&["fdp", "aged", "true"].map(String::from).to_vec()), "{states:?}");
    assert!(states.contains(&["cdp", "present", "true"].map(String::from).to_vec()), "{states:?}");
}

#[test]
fn a_switch_is_a_neighbor_by_edp() {
    let mut engine = engine();
    let edp_tlv = |kind: u8, value: &[u8]| {
        let length = u16::try_from(value.len() + 4).unwrap();
        [&[0x99, kind][..], &length.to_be_bytes(), value].concat()
    };
    let info = [&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 15, 3, 1, 4][..], &[0xff; 16]].concat();
    let vlan = [&[0x80, 0, 0, 20, 0, 0, 0, 0, 192, 0, 2, 9][..], b"users\0"].concat();
    let tlvs = [edp_tlv(1, b"edge-1\0"), edp_tlv(2, &info), edp_tlv(5, &vlan), edp_tlv(0, &[])].concat();
    let length = u16::try_from(tlvs.len() + 16).unwrap();
    let header = [&[1, 0][..], &length.to_be_bytes(), &[0, 0, 0, 1, 0, 0], &MAC].concat();
    let message = [header, tlvs].concat();
    see(&mut engine, &snap([0, 0xe0, 0x2b, 0, 0, 0], [0, 0xe0, 0x2b], 0x00bb, &message), START);
    let neighbor = last(&mut engine, Kind::Neighbor);
    let said = [
        (Field::NeighborProtocol, "edp"),
        (Field::NeighborChassisId, "00:1b:21:00:00:01"),
        (Field::NeighborPortId, "1/5"),
        (Field::NeighborSystemName, "edge-1"),
        (Field::NeighborSoftwareRevision, "15.3.1.4"),
        (Field::NeighborManagementAddresses, "192.0.2.9"),
        (Field::NeighborVlans, "20"),
        (Field::NeighborVlanNames, "users"),
        (Field::NeighborInfrastructure, "true"),
    ];
    for (field, value) in said {
        assert_eq!(text(&neighbor, field), value, "{}", field.name());
    }
}

#[test]
fn a_switch_is_a_neighbor_by_sonmp_and_ages_though_no_time_is_said() {
    let mut engine = engine();
    let message = [192, 0, 2, 3, 0, 1, 7, 40, 12, 2, 1];
    see(&mut engine, &snap([1, 0, 0x81, 0, 1, 0], [0, 0, 0x81], 0x01a2, &message), START);
    engine.tick(START + 179 * SECOND);
    engine.take();
    engine.tick(START + 182 * SECOND);
    let aged = engine.take().pop().unwrap();
    let said =
        [Field::NeighborProtocol, Field::NeighborChassisId, Field::NeighborPortId, Field::NeighborState];
    assert_eq!(texts(&aged, &said), ["sonmp", "192.0.2.3", "0/1/7", "aged"]);
}
