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

const OTHER: [u8; 6] = [0, 0x1b, 0x21, 0, 0, 2];
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0x1b, 0x21, 0xff, 0xfe, 0, 0, 1];
const GLOBAL: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const ALL_NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn ipv6(mac: [u8; 6], source: [u8; 16], next_header: u8, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut frame = [&[0x33, 0x33, 0, 0, 0, 1][..], &mac, &[0x86, 0xdd, 0x60, 0, 0, 0]].concat();
    frame.extend(length.to_be_bytes());
    frame.extend([next_header, hop_limit]);
    frame.extend(source);
    frame.extend(ALL_NODES);
    frame.extend(payload);
    frame
}

fn solicitation(mac: [u8; 6], source: [u8; 16], target: [u8; 16]) -> Vec<u8> {
    ipv6(mac, source, 58, 255, &[&[135, 0, 0, 0, 0, 0, 0, 0][..], &target].concat())
}

fn neighbor_advertisement(mac: [u8; 6], target: [u8; 16]) -> Vec<u8> {
    let option = [&[2, 1][..], &mac].concat();
    ipv6(mac, target, 58, 255, &[&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &target, &option].concat())
}

fn router_advertisement(hop_limit: u8, lifetime: u16) -> Vec<u8> {
    let [l0, l1] = lifetime.to_be_bytes();
    let option = [&[1, 1][..], &MAC].concat();
    let body = [134, 0, 0, 0, 64, 0, l0, l1, 0, 0, 0, 0, 0, 0, 0, 0];
    ipv6(MAC, LINK_LOCAL, 58, hop_limit, &[&body[..], &option].concat())
}

fn device(engine: &mut Engine, mac: &str) -> Record {
    all(engine, Kind::Device).into_iter().rfind(|d| text(d, Field::DeviceMac) == mac).unwrap()
}

#[test]
fn neighbor_discovery_gives_a_device_its_addresses() {
    let mut engine = engine();
    see(&mut engine, &solicitation(MAC, LINK_LOCAL, GLOBAL), START);
    see(&mut engine, &neighbor_advertisement(OTHER, GLOBAL), START + 1);
    engine.finish();
    let records = engine.take();
    let of = |mac: &str| {
        let device = records.iter().rfind(|d| text(d, Field::DeviceMac) == mac).unwrap();
        text(device, Field::DeviceAddresses)
    };
    assert_eq!(of("00:1b:21:00:00:01"), "fe80::21b:21ff:fe00:1");
    assert_eq!(of("00:1b:21:00:00:02"), "2001:db8::7");
}

#[test]
fn an_address_under_detection_is_its_askers_when_nobody_claims_it() {
    let mut engine = engine();
    see(&mut engine, &solicitation(MAC, [0; 16], GLOBAL), START);
    engine.tick(START + SECOND / 2);
    let early = engine.take();
    assert!(early.iter().all(|r| r.get(Field::DeviceAddresses).is_none()));
    engine.tick(START + 3 * SECOND);
    assert_eq!(text(&device(&mut engine, "00:1b:21:00:00:01"), Field::DeviceAddresses), "2001:db8::7");
}

#[test]
fn an_address_that_is_claimed_or_asked_for_twice_is_not_its_askers() {
    let claims = [neighbor_advertisement(OTHER, GLOBAL), solicitation(OTHER, [0; 16], GLOBAL)];
    for claim in claims {
        let mut engine = engine();
        see(&mut engine, &solicitation(MAC, [0; 16], GLOBAL), START);
        see(&mut engine, &claim, START + 1_000);
        engine.tick(START + 3 * SECOND);
        assert_eq!(device(&mut engine, "00:1b:21:00:00:01").get(Field::DeviceAddresses), None);
    }
}

#[test]
fn a_router_is_one_as_long_as_it_says_so() {
    let mut engine = engine();
    see(&mut engine, &router_advertisement(255, 1_800), START);
    engine.tick(START + 2 * SECOND);
    let router = |records: &[Record]| text(records.last().unwrap(), Field::DeviceRouter);
    assert_eq!(router(&engine.take()), "true");
    see(&mut engine, &router_advertisement(255, 0), START + 3 * SECOND);
    engine.finish();
    assert_eq!(router(&engine.take()), "false");
}

#[test]
fn a_router_that_falls_silent_is_none_when_its_lifetime_is_over() {
    let mut engine = engine();
    let routers = |engine: &mut Engine, seconds: u64| -> Vec<String> {
        engine.tick(START + seconds * SECOND);
        let records = engine.take();
        let devices = records.iter().filter(|r| r.kind() == Kind::Device);
        devices.map(|r| text(r, Field::DeviceRouter)).collect()
    };
    see(&mut engine, &router_advertisement(255, 30), START);
    see(&mut engine, &router_advertisement(255, 30), START + 20 * SECOND);
    assert_eq!(routers(&mut engine, 49), ["true"]);
    assert_eq!(routers(&mut engine, 50), ["false"]);
    assert!(routers(&mut engine, 55).is_empty());
    see(&mut engine, &router_advertisement(255, 30), START + 60 * SECOND);
    assert_eq!(routers(&mut engine, 62), ["true"]);
}

/// Such a message was sent from afar (RFC 4861, 6.1.2).
#[test]
fn a_message_that_passed_a_router_says_nothing() {
    let mut engine = engine();
    see(&mut engine, &router_advertisement(64, 1_800), START);
    let device = device(&mut engine, "00:1b:21:00:00:01");
    assert_eq!((device.get(Field::DeviceRouter), device.get(Field::DeviceAddresses)), (None, None));
}

const SERVER: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53];
/// A DUID-LLT whose MAC address is that of another interface.
const DUID: [u8; 14] = [0, 1, 0, 1, 1, 2, 3, 4, 0, 0x1b, 0x21, 0, 0, 0x99];

fn option6(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

fn udp6(mac: [u8; 6], source: [u8; 16], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    let header = [ports.0.to_be_bytes(), ports.1.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
    ipv6(mac, source, 17, 1, &[header, payload.to_vec()].concat())
}

fn dhcpv6(kind: u8, transaction: u8, options: &[Vec<u8>]) -> Vec<u8> {
    [&[kind, 0, 0, transaction][..], &option6(1, &DUID), &options.concat()].concat()
}

fn ask(kind: u8, transaction: u8, options: &[Vec<u8>]) -> Vec<u8> {
    udp6(MAC, LINK_LOCAL, (546, 547), &dhcpv6(kind, transaction, options))
}

fn answer(kind: u8, transaction: u8, options: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = udp6(OTHER, SERVER, (547, 546), &dhcpv6(kind, transaction, options));
    frame[..6].copy_from_slice(&MAC);
    frame
}

/// IA_NA with an address, and IA_PD with a prefix.
fn associations(valid: u32) -> Vec<Vec<u8>> {
    let times = [&[0; 4][..], &valid.to_be_bytes()].concat();
    let address = option6(5, &[&GLOBAL[..], &times].concat());
    let prefix = option6(26, &[&times[..], &[56], &[0x20, 1, 0xd, 0xb8, 0, 0, 1, 5], &[0; 8]].concat());
    let head = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    vec![option6(3, &[&head[..], &address].concat()), option6(25, &[&head[..], &prefix].concat())]
}

#[test]
fn a_dhcpv6_exchange_has_its_times_and_gives_leases() {
    let mut engine = engine();
    let request = [option6(6, &[0, 23, 0, 24, 0, 39, 0, 31]), option6(39, b"\0\x06laptop\x07example\0")];
    see(&mut engine, &ask(1, 1, &request), START);
    see(&mut engine, &answer(2, 1, &associations(3_600)), START + 10);
    see(&mut engine, &ask(3, 2, &request), START + 20);
    // A second server is late.
    see(&mut engine, &answer(2, 1, &associations(3_600)), START + 25);
    see(&mut engine, &answer(7, 2, &associations(3_600)), START + 50);
    engine.finish();
    let records = engine.take();
    let of = |kind| records.iter().filter(|r| r.kind() == kind).collect::<Vec<_>>();
    let [exchange] = of(Kind::Exchange)[..] else { panic!("{records:?}") };
    let said = [
        (Field::ExchangeProtocol, "dhcpv6"),
        (Field::ExchangeMac, "00:1b:21:00:00:01"),
        (Field::ExchangeOutcome, "acknowledged"),
        (Field::ExchangeTransaction, "1"),
        (Field::ExchangeMessages, "5"),
        (Field::ExchangeServers, "fe80::53"),
        (Field::ExchangeDiscoverToOffer, "10"),
        (Field::ExchangeRequestToAnswer, "30"),
    ];
    for (field, value) in said {
        assert_eq!(text(exchange, field), value, "{}", field.name());
    }
    let fields = [
        Field::LeaseProtocol,
        Field::LeaseAddress,
        Field::LeaseState,
        Field::LeaseHostname,
        Field::LeaseServer,
        Field::LeaseDuration,
    ];
    let leases: Vec<_> = of(Kind::Lease).into_iter().map(|lease| texts(lease, &fields)).collect();
    let expected = |address| ["dhcpv6", address, "bound", "laptop.example", "fe80::53", "3600"];
    assert_eq!(leases, [expected("2001:db8::7"), expected("2001:db8:0:100::/56")]);
    let device =
        *of(Kind::Device).iter().rfind(|d| text(d, Field::DeviceMac) == "00:1b:21:00:00:01").unwrap();
    let said = texts(device, &[Field::DeviceFqdn, Field::DeviceOsClass, Field::DeviceAddresses]);
    assert_eq!(said, ["laptop.example", "linux", "2001:db8::7"]);
}

#[test]
fn a_dhcpv6_lease_ends_when_it_is_given_back() {
    let mut engine = engine();
    see(&mut engine, &ask(5, 1, &associations(0)), START);
    see(&mut engine, &answer(7, 1, &associations(3_600)), START + 10);
    see(&mut engine, &ask(8, 2, &associations(0)), START + 20);
    see(&mut engine, &answer(7, 2, &[option6(13, &[0, 0])]), START + 30);
    engine.finish();
    let records = engine.take();
    let states: Vec<_> =
        records.iter().filter(|r| r.kind() == Kind::Lease).map(|r| text(r, Field::LeaseState)).collect();
    assert_eq!(states, ["bound", "bound", "released", "released"]);
    let outcomes: Vec<_> = records
        .iter()
        .filter(|r| r.kind() == Kind::Exchange)
        .map(|r| text(r, Field::ExchangeOutcome))
        .collect();
    assert_eq!(outcomes, ["acknowledged", "released"]);
}

#[test]
fn a_server_without_addresses_refuses() {
    let mut engine = engine();
    see(&mut engine, &ask(1, 1, &[]), START);
    let head = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let none = option6(3, &[&head[..], &option6(13, &[0, 2])].concat());
    see(&mut engine, &answer(7, 1, &[none]), START + 10);
    let exchange = last(&mut engine, Kind::Exchange);
    assert_eq!(text(&exchange, Field::ExchangeOutcome), "refused");
}

#[test]
fn a_relayed_client_is_the_one_that_its_relay_agent_names() {
    let mut engine = engine();
    let relayed = |kind: u8, inner: &[u8], more: &[Vec<u8>]| {
        let head = [&[kind, 0][..], &GLOBAL, &LINK_LOCAL].concat();
        [head, option6(9, inner), more.concat()].concat()
    };
    let client = option6(79, &[0, 1, 0, 0x1b, 0x21, 0, 0, 7]);
    let port = option6(18, b"ge-0/0/1");
    let solicit = relayed(12, &dhcpv6(1, 1, &[option6(14, &[])]), &[client, port]);
    see(&mut engine, &udp6(OTHER, SERVER, (547, 547), &solicit), START);
    let reply = relayed(13, &dhcpv6(7, 1, &associations(60)), &[]);
    see(&mut engine, &udp6([0, 0x1b, 0x21, 0, 0, 8], GLOBAL, (547, 547), &reply), START + 10);
    engine.finish();
    let records = engine.take();
    let lease = records.iter().find(|r| r.kind() == Kind::Lease).unwrap();
    let said = texts(lease, &[Field::LeaseMac, Field::LeaseRelay, Field::LeaseCircuitId]);
    assert_eq!(said, ["00:1b:21:00:00:07", "2001:db8::7", "67652d302f302f31"]);
    let [exchange] = records.iter().filter(|r| r.kind() == Kind::Exchange).collect::<Vec<_>>()[..] else {
        panic!("{records:?}")
    };
    assert_eq!(text(exchange, Field::ExchangeMac), "00:1b:21:00:00:07");
}

#[test]
fn what_names_devices_or_joins_groups_is_counted() {
    let mut engine = engine();
    for port in [5353, 5353, 1900, 5355, 137, 3702] {
        see(&mut engine, &udp6(MAC, LINK_LOCAL, (port, port), &[0; 12]), START);
    }
    let joins = [&[131, 0, 0, 0, 0, 0, 0, 0][..], &ALL_NODES].concat();
    see(&mut engine, &ipv6(MAC, LINK_LOCAL, 58, 1, &joins), START);
    let leaves = [&[132, 0, 0, 0, 0, 0, 0, 0][..], &ALL_NODES].concat();
    see(&mut engine, &ipv6(MAC, LINK_LOCAL, 58, 1, &leaves), START);
    engine.finish();
    engine.account([0; 3]);
    let records = engine.take();
    let counters = records.iter().find(|r| r.kind() == Kind::Counters).unwrap();
    let counted: Vec<_> =
        headgate_sensor::LinkCounts::FIELDS.into_iter().map(|field| text(counters, field)).collect();
    assert_eq!(counted, ["2", "1", "1", "1", "1", "0", "1"]);
}

/// A response with one PTR record: _ipp._tcp.local to anna._ipp._tcp.local.
const ANNOUNCEMENT: &[u8] =
    b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01\0\0\0\x78\0\x07\x04anna\xc0\x0c";

#[test]
fn service_types_are_kept_where_a_rule_says_so_and_names_never() {
    let announce = |rules: &str| {
        let mut engine = engine_with(rules);
        see(&mut engine, &udp6(MAC, LINK_LOCAL, (5353, 5353), ANNOUNCEMENT), START);
        last(&mut engine, Kind::Device)
    };
    assert_eq!(announce("").get(Field::DeviceServiceTypes), None);
    let device = announce("[collect.device]\nservice_types = \"keep\"\n");
    assert_eq!(text(&device, Field::DeviceServiceTypes), "_ipp._tcp");
    assert!(!device.to_json().to_string().contains("anna"));
}
