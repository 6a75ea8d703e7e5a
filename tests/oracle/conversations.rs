//! Packets and octets of conversations, as flow records and as tshark count them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::{HEADGATE, run};

/// A conversation: the IP protocol by name, and both ends with their ports, the lesser first.
pub type Ends = (&'static str, [String; 2]);

/// Packets and octets from the first end, and from the second one.
pub type Counts = [(u64, Counted); 2];

/// Octets, as exact as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub least: u64,
    pub most: u64,
}

impl Counted {
    /// Whether both may be the same number.
    pub fn agrees(self, other: Counted) -> bool {
        self.least <= other.most && other.least <= self.most
    }
}

/// What tshark counts.
pub fn by_tshark(capture: &Path) -> BTreeMap<Ends, Counts> {
    let mut conversations = BTreeMap::new();
    for protocol in ["tcp", "udp"] {
        let statistics = format!("conv,{protocol}");
        let output = Command::new("tshark").args(["-n", "-q", "-z", &statistics, "-r"]).arg(capture).output();
        let output = output.expect("tshark (package tshark)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [one, "<->", other, to_one, n, unit, to_other, m, other_unit, ..] = words.as_slice() else {
                continue;
            };
            let number = |text: &str| text.parse::<u64>().unwrap();
            let from_other = (number(to_one), counted(n, unit));
            let from_one = (number(to_other), counted(m, other_unit));
            add(&mut conversations, protocol, [*one, *other].map(str::to_owned), [from_one, from_other]);
        }
    }
    conversations
}

/// `12 kB` is shown for less than 13,000 octets, and not less than 12,000.
fn counted(number: &str, unit: &str) -> Counted {
    let number: u64 = number.replace(',', "").parse().unwrap();
    let scale = match unit {
        "bytes" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        other => panic!("unknown unit {other}"),
    };
    Counted { least: number * scale, most: number * scale + scale - 1 }
}

/// What the records of flows count.
pub fn by_headgate(capture: &Path) -> BTreeMap<Ends, Counts> {
    let output = run(HEADGATE, &["replay", "--json", capture.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut conversations = BTreeMap::new();
    for flow in records.filter(|record| record["kind"] == "flow") {
        let protocol = match flow["transport"].as_str() {
            Some("tcp") => "tcp",
            Some("udp") => "udp",
            _ => continue,
        };
        let ends = ["source", "destination"].map(|end| {
            let address = flow[format!("{end}_address")].as_str().unwrap();
            format!("{address}:{}", flow[format!("{end}_port")])
        });
        let number = |name: &str| flow[name].as_u64().unwrap();
        let exactly = |name: &str| Counted { least: number(name), most: number(name) };
        let counts =
            [(number("packets"), exactly("bytes")), (number("reverse_packets"), exactly("reverse_bytes"))];
        add(&mut conversations, protocol, ends, counts);
    }
    conversations
}

fn add(
    conversations: &mut BTreeMap<Ends, Counts>,
    protocol: &'static str,
    mut ends: [String; 2],
    mut counts: Counts,
) {
    if ends[0] > ends[1] {
        ends.reverse();
        counts.reverse();
    }
    let sums = conversations.entry((protocol, ends)).or_default();
    for (sum, (packets, octets)) in sums.iter_mut().zip(counts) {
        sum.0 += packets;
        sum.1 = Counted { least: sum.1.least + octets.least, most: sum.1.most + octets.most };
    }
}
