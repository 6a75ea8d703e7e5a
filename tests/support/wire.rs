//! What other programs say about the same wire, in one form with what Headgate says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use headgate_record::{Field, Kind, ValueType};
use serde_json::Value;

/// The octets that the site of tests/site puts into payloads, and nowhere else.
pub const MARKER: &str = "HEADGATE-SECRET-MARKER-7f3a";

/// Plays on a real wire, with this test, started again, as the listener at its SPAN port.
pub fn play(directory: &Path, play: &str, listener: &str) -> Output {
    let site = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/site");
    let mut command = Command::new(site);
    let output = command.arg("run").arg(directory).args(["--play", play, "--listener", listener]).output();
    let output = output.unwrap();
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&said));
    output
}

/// Whether `text` stands somewhere in `octets`.
pub fn contains(octets: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    let (first, rest) = text.split_first().unwrap();
    let mut places = octets.iter().enumerate().filter(|(_, octet)| *octet == first);
    places.any(|(at, _)| octets[at + 1..].starts_with(rest))
}

/// One direction of a conversation: VLAN, IP protocol by name, source and destination with their ports.
pub type Direction = (Option<u64>, String, [(String, Option<u64>); 2]);

/// Packets and octets of frames, by direction.
pub type Traffic = BTreeMap<Direction, (u64, u64)>;

/// What tshark counts in a capture, over IPv4 and IPv6.
pub fn traffic_by_tshark(capture: &Path) -> Traffic {
    let fields = [
        "frame.len",
        "vlan.id",
        "ip.proto",
        "ip.src",
        "ip.dst",
        "ipv6.nxt",
        "ipv6.hopopts.nxt",
        "ipv6.src",
        "ipv6.dst",
        "tcp.srcport",
        "tcp.dstport",
        "udp.srcport",
        "udp.dstport",
    ];
    // The first occurrence: an ICMP error quotes further headers.
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "occurrence=f", "-r"]).arg(capture);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let output = command.output().expect("tshark (package tshark)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut traffic = Traffic::new();
    for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
        let columns: BTreeMap<&str, &str> = fields.into_iter().zip(line.split('\t')).collect();
        let number = |name: &str| columns[name].parse::<u64>().ok();
        let (family, next) =
            if columns["ip.src"].is_empty() { ("ipv6", "ipv6.nxt") } else { ("ip", "ip.proto") };
        let Some(protocol) = number(next) else { continue };
        // What is behind the hop-by-hop options, where there are any.
        let protocol = if protocol == 0 { number("ipv6.hopopts.nxt").unwrap_or(protocol) } else { protocol };
        let (transport, ports) = match protocol {
            1 => ("icmp", None),
            2 => ("igmp", None),
            6 => ("tcp", Some("tcp")),
            17 => ("udp", Some("udp")),
            58 => ("ipv6-icmp", None),
            other => panic!("no test frame is of IP protocol {other}"),
        };
        let end = |which: &str| {
            let port = ports.and_then(|ports| number(&format!("{ports}.{which}port")));
            (columns[format!("{family}.{which}").as_str()].to_owned(), port)
        };
        let direction = (number("vlan.id"), transport.to_owned(), [end("src"), end("dst")]);
        add(&mut traffic, direction, 1, number("frame.len").unwrap());
    }
    traffic
}

/// What flow records count.
pub fn traffic_by_flows(records: &[Value]) -> Traffic {
    let mut traffic = Traffic::new();
    for flow in of(records, Kind::Flow) {
        let end = |which: &str| {
            let address = flow[format!("{which}_address")].as_str().unwrap().to_owned();
            (address, flow[format!("{which}_port")].as_u64())
        };
        let transport = flow["transport"].as_str().unwrap().to_owned();
        let (source, destination) = (end("source"), end("destination"));
        let forward = (flow["vlan"].as_u64(), transport.clone(), [source.clone(), destination.clone()]);
        let reverse = (flow["vlan"].as_u64(), transport, [destination, source]);
        let number = |name: &str| flow[name].as_u64().unwrap();
        add(&mut traffic, forward, number("packets"), number("bytes"));
        add(&mut traffic, reverse, number("reverse_packets"), number("reverse_bytes"));
    }
    traffic
}

fn add(traffic: &mut Traffic, direction: Direction, packets: u64, octets: u64) {
    if packets > 0 {
        let sum = traffic.entry(direction).or_default();
        *sum = (sum.0 + packets, sum.1 + octets);
    }
}

/// How many frames a capture holds, and their octets.
pub fn frames_by_tshark(capture: &Path) -> (u64, u64) {
    let output =
        Command::new("tshark").args(["-n", "-T", "fields", "-e", "frame.len", "-r"]).arg(capture).output();
    let output = output.expect("tshark (package tshark)");
    let lengths =
        std::str::from_utf8(&output.stdout).unwrap().lines().map(|line| line.parse::<u64>().unwrap());
    lengths.fold((0, 0), |(frames, octets), length| (frames + 1, octets + length))
}

/// The records of a kind.
pub fn of(records: &[Value], kind: Kind) -> impl Iterator<Item = &Value> {
    records.iter().filter(move |record| record["kind"] == kind.name())
}

/// A field over all records of a kind.
pub fn sum(records: &[Value], kind: Kind, field: &str) -> u64 {
    of(records, kind).map(|record| record[field].as_u64().unwrap_or(0)).sum()
}

/// What records say without regard to when they were made: one for each subject, with counts added up
/// and all else as said last. Left out is what two clocks or two names of one wire make different.
pub fn summary(records: &[Value]) -> BTreeMap<String, BTreeMap<&'static str, Value>> {
    let mut subjects: BTreeMap<String, BTreeMap<&'static str, Value>> = BTreeMap::new();
    for record in records {
        let fields = Field::ALL.iter().filter(|field| record["kind"] == field.kind().name());
        let fields: Vec<_> = fields.filter(|field| !depends_on_the_observer(**field)).collect();
        let present = || fields.iter().filter(|field| !record[field.short_name()].is_null());
        let key = present().filter(|field| field.definition().key);
        let key = key.map(|field| format!("{}={} ", field.short_name(), record[field.short_name()]));
        let subject = subjects.entry(format!("{} {}", record["kind"], key.collect::<String>())).or_default();
        for field in present() {
            let value = &record[field.short_name()];
            let before = subject.get(field.short_name()).and_then(Value::as_u64).unwrap_or(0);
            let now = value.as_u64().unwrap_or(0);
            let together = match field {
                Field::FlowTcpFlags | Field::FlowReverseTcpFlags => (before | now).into(),
                _ if ["{frame}", "{packet}", "{record}", "{entry}", "By"]
                    .contains(&field.definition().unit) =>
                {
                    (before + now).into()
                }
                // Whether an address is a station's own shows at the clock's next tick (RFC 4862, 5.4): which of two is first is chance.
                Field::DeviceAddresses => sorted(value),
                _ => value.clone(),
            };
            subject.insert(field.short_name(), together);
        }
    }
    subjects
}

fn sorted(list: &Value) -> Value {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.sort_by_key(Value::to_string);
    items.into()
}

fn depends_on_the_observer(field: Field) -> bool {
    let definition = field.definition();
    definition.value_type == ValueType::Time
        || definition.unit == "ns"
        || field.short_name() == "interface"
        || field == Field::FlowEndReason
}
