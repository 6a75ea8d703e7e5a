//! What is within tunnels: whose flows and devices it is, and that nothing counts twice.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

mod support;

use headgate_record::{Field, Kind, Record};
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;

use support::{START, Sensor, assert_says, text};

const CARRIER: [u8; 6] = [0x00, 0x1c, 0x73, 0, 0, 9];
const STATION: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 1];
const SERVER: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 2];

fn frame(source: [u8; 6], tag: Option<u16>, packet: &[u8]) -> Vec<u8> {
    let tag = tag.map_or(Vec::new(), |vid| [&[0x81, 0x00][..], &vid.to_be_bytes()].concat());
    [&SERVER[..], &source, &tag, &[0x08, 0x00], packet].concat()
}

fn ip(from: [u8; 4], to: [u8; 4], protocol: u8, rest: &[u8]) -> Vec<u8> {
    let length = ((20 + rest.len()) as u16).to_be_bytes();
    let start = [0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0];
    [&start[..], &from, &to, rest].concat()
}

fn udp(from: u16, to: u16, rest: &[u8]) -> Vec<u8> {
    [&[from, to, 8 + rest.len() as u16, 0].map(u16::to_be_bytes).concat()[..], rest].concat()
}

/// A datagram of a station, 100 octets long with IP.
fn datagram() -> Vec<u8> {
    ip([10, 0, 0, 1], [10, 0, 0, 2], 17, &udp(40_001, 40_002, &[7; 72]))
}

fn vxlan(inner: &[u8]) -> Vec<u8> {
    let header = [8, 0, 0, 0, 0, 0, 7, 0];
    frame(
        CARRIER,
        None,
        &ip([192, 0, 2, 1], [192, 0, 2, 2], 17, &udp(50_000, 4789, &[&header, inner].concat())),
    )
}

/// As a switch sends what it mirrors, of VLAN 20.
fn erspan(inner: &[u8]) -> Vec<u8> {
    let header = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 3, 0x10, 20, 0x58, 0x65, 0, 0, 0xab, 0xcd];
    frame(CARRIER, None, &ip([192, 0, 2, 1], [192, 0, 2, 2], 47, &[&header, inner].concat()))
}

fn flow<'a>(flows: &'a [Record], interface: &str, protocol: &str) -> &'a Record {
    let is_it =
        |r: &&Record| text(r, Field::FlowInterface) == interface && text(r, Field::FlowTransport) == protocol;
    flows.iter().find(is_it).unwrap_or_else(|| panic!("{interface} {protocol}: {flows:?}"))
}

#[test]
fn what_a_switch_mirrors_is_a_flow_and_a_device_of_its_vlan() {
    let mut sensor = Sensor::new("");
    sensor.see(&erspan(&frame(STATION, None, &datagram())), START);
    sensor.0.finish();
    let records = sensor.0.take();
    let of = |kind| records.iter().filter(|r| r.kind() == kind).cloned().collect::<Vec<_>>();
    let flows = of(Kind::Flow);
    assert_eq!(flows.len(), 2, "{flows:?}");
    let inner = flow(&flows, "eth0/erspan", "udp");
    assert_says(
        inner,
        &[
            (Field::FlowVlan, "20"),
            (Field::FlowMac, "00:1b:21:00:00:01"),
            (Field::FlowPackets, "1"),
            (Field::FlowBytes, "114"),
        ],
    );
    assert_says(flow(&flows, "eth0", "gre"), &[(Field::FlowVlan, ""), (Field::FlowPackets, "1")]);
    let devices = of(Kind::Device);
    let station = devices.iter().find(|r| text(r, Field::DeviceMac) == "00:1b:21:00:00:01").unwrap();
    assert_says(station, &[(Field::DeviceVlan, "20"), (Field::DeviceInterface, "eth0")]);
}

/// Once a packet in a tunnel and the same packet outside would have been two of one flow.
#[test]
fn a_packet_that_is_seen_within_a_tunnel_and_outside_counts_once_in_each_flow() {
    let mut sensor = Sensor::new("");
    let bare = frame(STATION, None, &datagram());
    for at in 0..3 {
        sensor.see(&bare, START + at);
        sensor.see(&vxlan(&bare), START + at);
    }
    let flows = sensor.end(Kind::Flow);
    assert_eq!(flows.len(), 3, "{flows:?}");
    for (interface, bytes) in [("eth0/vxlan", "342"), ("eth0", "342")] {
        let found: Vec<_> = flows
            .iter()
            .filter(|r| text(r, Field::FlowInterface) == interface && text(r, Field::FlowBytes) == bytes)
            .collect();
        assert_eq!(found.len(), 1, "{interface}: {flows:?}");
        assert_says(found[0], &[(Field::FlowPackets, "3")]);
    }
}

/// As a switch or host of one tenant sends it.
fn of_network(geneve: bool, vni: u32, inner: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    let (port, header) = match geneve {
        true => (6081, [0, 0, 0x65, 0x58, a, b, c, 0]),
        false => (4789, [8, 0, 0, 0, a, b, c, 0]),
    };
    let datagram = udp(50_000, port, &[&header, inner].concat());
    frame(CARRIER, None, &ip([192, 0, 2, 1], [192, 0, 2, 2], 17, &datagram))
}

/// They shared one flow once, in which each counted for the other.
#[test]
fn tenants_with_equal_addresses_in_two_virtual_networks_have_flows_of_their_own() {
    let mut sensor = Sensor::new("");
    let tenants = [
        (false, 7, None),
        (false, 8, None),
        (false, 8, Some(20)),
        (true, 7, None),
        (true, 0xff_ffff, Some(20)),
    ];
    for (at, (geneve, vni, vlan)) in tenants.into_iter().enumerate() {
        for _ in 0..=at {
            sensor.see(&of_network(geneve, vni, &frame(STATION, vlan, &datagram())), START);
        }
    }
    let mut found: Vec<_> = sensor
        .end(Kind::Flow)
        .iter()
        .filter(|r| text(r, Field::FlowInterface) != "eth0")
        .map(|r| {
            [Field::FlowInterface, Field::FlowVirtualNetwork, Field::FlowVlan, Field::FlowPackets]
                .map(|f| text(r, f))
        })
        .collect();
    found.sort();
    let expected = [
        ["eth0/geneve", "16777215", "20", "5"],
        ["eth0/geneve", "7", "", "4"],
        ["eth0/vxlan", "7", "", "1"],
        ["eth0/vxlan", "8", "", "2"],
        ["eth0/vxlan", "8", "20", "3"],
    ];
    assert_eq!(found, expected);
}

/// More networks than there are numbers: what comes behind them is still counted, each packet once.
#[test]
fn a_flood_of_virtual_networks_is_counted_and_forgotten() {
    const COUNT: u32 = 5_000;
    let mut sensor = Sensor::new("");
    for vni in 0..COUNT {
        sensor.see(&of_network(false, vni, &frame(STATION, None, &datagram())), START);
    }
    let packets = |flows: &[Record]| -> u64 {
        let within = flows.iter().filter(|r| text(r, Field::FlowInterface) == "eth0/vxlan");
        within.map(|r| text(r, Field::FlowPackets).parse::<u64>().unwrap()).sum()
    };
    let flows = sensor.end(Kind::Flow);
    assert_eq!(packets(&flows), u64::from(COUNT));
    let named = flows.iter().filter(|r| !text(r, Field::FlowVirtualNetwork).is_empty()).count();
    assert_eq!(named, 4_094);
}

/// A frame of IEEE 802.11 to an access point, in TZSP.
fn heard(control: u8, body: &[u8]) -> Vec<u8> {
    let addresses = [[6, 0x1b, 0x21, 9, 9, 9], STATION, SERVER].concat();
    let wireless = [&[control, 0x01, 0, 0][..], &addresses, &[0x10, 0], body].concat();
    let tzsp = [&[1, 0, 0, 0x12, 10, 1, 0xd0, 1][..], &wireless].concat();
    frame(CARRIER, None, &ip([192, 0, 2, 1], [192, 0, 2, 2], 17, &udp(50_000, 37_008, &tzsp)))
}

#[test]
fn a_wireless_client_is_a_flow_and_a_device_and_a_phone_that_passes_by_is_nobody() {
    let data = [&[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00][..], &datagram()].concat();
    let probe = [&[0, 4][..], b"home"].concat();
    for (frame, expected) in [(heard(0x08, &data), 1), (heard(0x40, &probe), 0), (heard(0xd4, &[]), 0)] {
        let mut sensor = Sensor::new("");
        sensor.see(&frame, START);
        sensor.0.finish();
        let records = sensor.0.take();
        let devices = records.iter().filter(|r| text(r, Field::DeviceMac) == "00:1b:21:00:00:01").count();
        let flows: Vec<_> = records.iter().filter(|r| text(r, Field::FlowInterface) == "eth0/tzsp").collect();
        assert_eq!((devices, flows.len()), (expected, expected));
        for flow in flows {
            assert_says(flow, &[(Field::FlowMac, "00:1b:21:00:00:01"), (Field::FlowTransport, "udp")]);
        }
    }
}

/// A keepalive of GRE carries its own answer: the same ends as its tunnel, the other way round.
#[test]
fn a_keepalive_of_gre_counts_once_in_the_flow_of_its_tunnel() {
    let mut sensor = Sensor::new("");
    let answer = ip([192, 0, 2, 2], [192, 0, 2, 1], 47, &[0, 0, 0, 0]);
    let keepalive = ip([192, 0, 2, 1], [192, 0, 2, 2], 47, &[&[0, 0, 8, 0][..], &answer].concat());
    sensor.see(&frame(CARRIER, None, &keepalive), START);
    let flows = sensor.end(Kind::Flow);
    assert_eq!(flows.len(), 2, "{flows:?}");
    for interface in ["eth0", "eth0/gre"] {
        assert_says(
            flow(&flows, interface, "gre"),
            &[(Field::FlowPackets, "1"), (Field::FlowReversePackets, "0")],
        );
    }
}

/// What a device sends within its own tunnel is one frame of it.
#[test]
fn a_device_that_is_both_ends_of_its_tunnel_counts_once() {
    let mut sensor = Sensor::new("");
    sensor.see(&vxlan(&frame(CARRIER, None, &datagram())), START);
    let devices = sensor.end(Kind::Device);
    let carrier: Vec<_> =
        devices.iter().filter(|r| text(r, Field::DeviceMac) == "00:1c:73:00:00:09").collect();
    assert_eq!(carrier.len(), 1);
    assert_says(carrier[0], &[(Field::DeviceFrames, "1")]);
}

#[test]
fn what_is_excluded_within_a_tunnel_excludes_the_whole_frame() {
    for exclude in [
        "macs = [\"00:1b:21:00:00:01\"]",
        "vlans = [30]",
        "prefixes = [\"10.0.0.1\"]",
        "protocols = [\"udp/40002\"]",
    ] {
        let mut sensor = Sensor::new(&format!("[exclude]\n{exclude}\n"));
        sensor.see(&vxlan(&frame(STATION, Some(30), &datagram())), START);
        sensor.0.finish();
        assert!(sensor.0.take().is_empty(), "{exclude}");
    }
}

/// Of a frame of which no more than headers is read, headers within its tunnel are; exclusions hold there.
#[test]
fn what_is_within_the_tunnel_of_a_frame_of_headers_only_is_seen_and_excluded_as_in_others() {
    let station = "[exclude]\nmacs = [\"00:1b:21:00:00:01\"]\n";
    for choice in [
        "interfaces = [\"eth0\"]",
        "macs = [\"00:1c:73\"]",
        "prefixes = [\"192.0.2.0/24\"]",
        "protocols = [\"udp/4789\"]",
        "protocols = [\"udp\"]",
    ] {
        for (exclude, flows) in [("", 2), (station, 0)] {
            let mut sensor = Sensor::new(&format!("{exclude}[headers_only]\n{choice}\n"));
            sensor.see(&vxlan(&frame(STATION, Some(30), &datagram())), START);
            assert_eq!(sensor.end(Kind::Flow).len(), flows, "{choice}");
        }
    }
}

#[test]
fn a_station_that_has_opted_out_is_not_seen_within_a_tunnel() {
    let files = [("rules.toml".to_owned(), "[exclude]\nopt_out_lists = [\"x\"]".to_owned())];
    for (listed, flows) in [("00:1b:21:00:00:01", 0), ("00:1b:21:00:00:03", 2)] {
        let rules = Rules::parse_with_lists(&files, &|name| Ok((name.into(), listed.into()))).unwrap().0;
        let mut sensor = Sensor(Engine::new(rules, &Headgate::default()));
        for tunnel in [vxlan, erspan] {
            sensor.see(&tunnel(&frame(STATION, None, &datagram())), START);
        }
        assert_eq!(sensor.end(Kind::Flow).len(), 2 * flows, "{listed}");
    }
}

/// What does not fit into the program is judged by what it kept.
#[test]
fn what_the_kernel_leaves_is_excluded_by_the_collect_gate() {
    let list =
        |entry: fn(u32) -> String| (0..64).map(|n| format!("{:?}", entry(n))).collect::<Vec<_>>().join(", ");
    let rules = format!(
        "[exclude]\nvlans = [{}]\nmacs = [{}]\nprefixes = [{}]\nprotocols = [{}]\n",
        list(|n| format!("{}-{}", n * 3, n * 3 + 1)),
        list(|n| format!("00:1b:22:00:01:{n:02x}")),
        list(|n| format!("2001:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}")),
        list(|n| format!("tcp/{}", n * 2 + 1)),
    );
    let mut sensor = Sensor::new(&rules);
    let left = sensor.0.rules().keep().left();
    assert!(left.iter().any(|left| left.name() == "vlan within tunnels"));
    sensor.see(&vxlan(&frame(STATION, Some(30), &datagram())), START);
    sensor.0.finish();
    assert!(sensor.0.take().is_empty());
    sensor.see(&vxlan(&frame(STATION, Some(29), &datagram())), START);
    assert_eq!(sensor.end(Kind::Flow).len(), 2);
}

#[test]
fn a_tunnel_that_no_rule_looks_into_is_one_flow() {
    let mut sensor = Sensor::new("[collect]\ntunnels = [\"erspan\"]\n");
    sensor.see(&vxlan(&frame(STATION, None, &datagram())), START);
    sensor.0.finish();
    let records = sensor.0.take();
    assert!(records.iter().all(|r| !format!("{r:?}").contains("00:1b:21:00:00:01")));
    let flows: Vec<_> = records.iter().filter(|r| r.kind() == Kind::Flow).collect();
    assert_eq!(flows.len(), 1);
    assert_says(flows[0], &[(Field::FlowInterface, "eth0"), (Field::FlowTransport, "udp")]);
}
