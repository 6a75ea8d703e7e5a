//! The filter in the kernel and the decision that is made for files: the same frames, and for each the same
//! octets kept, under rules of every kind.
//!
//! The test starts itself again under `unshare -Urn`, so that it needs no root and sees no other traffic.
//! Where the machine permits no user namespaces it says so and passes.
// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use headgate_capture::{File, FileInterface, Frame, Geometry, Instruction, Ring, Tag, Whole, open};
use headgate_rules::Rules;
use headgate_rules::filter::{End, VlanTag, end};

#[path = "support/tunnels.rs"]
mod tunnels;

/// Rules, and the ends of frames that must occur under them.
const RULES: &[(&str, &[&str])] = &[
    ("", &[]),
    ("vlans = [20]", &["vlan"]),
    ("vlans = [\"7-19\", \"21-4094\"]", &["vlan"]),
    ("macs = [\"00:1b:21:00:00:03\"]", &["mac"]),
    ("macs = [\"00:40:8c\", \"locally-administered\"]", &["mac"]),
    ("prefixes = [\"10.99.0.64/26\", \"0.0.0.0/32\"]", &["prefix"]),
    ("prefixes = [\"fe80::/10\", \"ff02::16\"]", &["prefix"]),
    ("protocols = [\"arp\", \"lldp\", \"dhcp\"]", &["protocol"]),
    ("protocols = [\"icmp\", \"icmpv6\", \"tcp/8080\", \"udp/53\", \"ip/47\"]", &["protocol"]),
    ("protocols = [\"tcp\", \"udp\"]", &["protocol"]),
    ("protocols = [\"stp\", \"cdp\", \"eapol\"]", &["protocol"]),
    ("protocols = [\"radius\", \"mdns\", \"igmp\"]", &["protocol"]),
    // The kernel once refused the filter that lets RADIUS in.
    ("[collect.authentication]\nassigned_vlan = \"keep\"", &[]),
    ("[collect.authentication]\nidentity = \"pseudonym\"\n[collect.device]\nservice_types = \"keep\"", &[]),
    (
        "vlans = [20]\nmacs = [\"3c:2a:f4\"]\nprefixes = [\"ff02::/16\"]\nprotocols = [\"tcp/8080\"]",
        &["vlan", "mac", "prefix", "protocol"],
    ),
    (
        "protocols = [\"stp\"]\n[headers_only]\nvlans = [\"1-4094\"]\nmacs = [\"01:80:c2\"]\nprotocols = [\"arp\", \"dhcp\", \"igmp\"]",
        &["protocol"],
    ),
    (
        "[[rule]]\nname = \"voice\"\nvlans = [20]\nmacs = [\"00:1b:21\"]\nprotocols = [\"arp\", \"dhcp\", \"icmp\"]\ncollect = \"counts\"\n\
         [[rule]]\nname = \"tagged\"\nvlans = [\"1-4094\"]\ncollect = \"headers\"\n\
         [[rule]]\nname = \"web\"\nprefixes = [\"10.99.0.0/24\"]\nprotocols = [\"tcp/8080\"]\ncollect = \"none\"\n\
         [[rule]]\nname = \"group\"\nmacs = [\"group\"]\nprefixes = [\"ff02::/16\", \"224.0.0.0/4\"]\ncollect = \"counts\"",
        &["rule", "counted 0", "counted 1"],
    ),
    // Everything but what is named, within tunnels too.
    (
        "protocols = [\"stp\"]\n\
         [[rule]]\nname = \"names\"\nprotocols = [\"dhcp\", \"lldp\", \"arp\"]\ncollect = \"control\"\n\
         [[rule]]\nname = \"tunnels\"\nprotocols = [\"udp\", \"ip/47\", \"ip/4\", \"ip/41\", \"tcp\"]\ncollect = \"headers\"\n\
         [[rule]]\nname = \"others\"\ncollect = \"none\"",
        &["protocol", "rule"],
    ),
];

#[test]
fn the_kernel_keeps_what_is_kept_of_a_file() {
    const NAME: &str = "the_kernel_keeps_what_is_kept_of_a_file";
    if std::env::var_os(INSIDE).is_none() {
        isolated(NAME);
        return;
    }
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
    ip(&["link", "add", NEAR, "type", "veth", "peer", "name", FAR]);
    // Room for two tags in front of a full packet.
    ip(&["link", "set", NEAR, "mtu", "1508", "up"]);
    ip(&["link", "set", FAR, "mtu", "1508", "up"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("frames.pcap");
    let frames = frames();
    write_pcap(&file, &frames);
    for (exclude, expected) in RULES {
        let rules = Rules::parse(&[("rules.toml".into(), format!("[exclude]\n{exclude}\n"))]).unwrap();
        let from_file = as_a_file(&file, &rules);
        let from_wire = by_kernel(&file, &rules, from_file.len());
        assert_eq!(from_file.len(), frames.len());
        for (number, (file, wire)) in from_file.iter().zip(&from_wire).enumerate() {
            assert!(file == wire, "{exclude}: frame {number}: {}\n{file:?}\n{wire:?}", hex(&frames[number]));
            let leaks =
                wire.octets.windows(4).any(|octets| tunnels::SECRET.windows(4).any(|part| part == octets));
            assert!(!leaks, "{exclude}: frame {number}: {}\n{wire:?}", hex(&frames[number]));
        }
        let mut counted: BTreeMap<String, u32> = BTreeMap::new();
        for kept in &from_wire {
            let name = match end(kept.octets.len(), usize::try_from(kept.wire_len).unwrap()) {
                None => "kept".to_owned(),
                Some(End::Excluded(exclusion)) => exclusion.name().to_owned(),
                Some(End::Counted(number)) => format!("counted {number}"),
            };
            *counted.entry(name).or_default() += 1;
        }
        let names: BTreeSet<&str> =
            counted.keys().map(String::as_str).filter(|name| *name != "kept").collect();
        assert_eq!(names, expected.iter().copied().collect(), "{exclude}");
        println!("{exclude:?}: {counted:?}");
    }
}

/// Kernels before 6.8 permit 20,480 octets, which rules with some exclusions once needed more of.
#[test]
fn a_filter_that_finds_no_room_in_an_older_kernel_gets_it() {
    const NAME: &str = "a_filter_that_finds_no_room_in_an_older_kernel_gets_it";
    const OPTION_MEMORY: &str = "/proc/sys/net/core/optmem_max";
    if std::env::var_os(INSIDE).is_none() {
        isolated(NAME);
        return;
    }
    if std::fs::write(OPTION_MEMORY, "20480").is_err() {
        println!("skipped: the limit is not of a network namespace here");
        return;
    }
    ip(&["link", "add", NEAR, "type", "veth", "peer", "name", FAR]);
    let permitted = || std::fs::read_to_string(OPTION_MEMORY).unwrap().trim().parse::<u32>().unwrap();
    let list =
        |entry: fn(u32) -> String| (0..64).map(|n| format!("{:?}", entry(n))).collect::<Vec<_>>().join(", ");
    let full = format!(
        "[exclude]\nvlans = [{}]\nmacs = [{}]\nprefixes = [{}]\nprotocols = [{}]\n",
        list(|n| format!("{}-{}", n * 3, n * 3 + 1)),
        list(|n| format!("00:{n:02x}:21:00:01:{n:02x}")),
        list(|n| format!("2001:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}")),
        list(|n| format!("tcp/{}", n * 2 + 1)),
    );
    for (text, expected) in [(String::new(), 20_480), (full, 131_072)] {
        let rules = Rules::parse(&[("rules.toml".into(), text)]).unwrap();
        let instructions = rules.filter().instructions().iter();
        let program: Vec<_> =
            instructions.map(|i| Instruction { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        open(NEAR, &program, true, GEOMETRY).unwrap();
        assert_eq!(permitted(), expected, "{} instructions", program.len());
    }
}

/// What is left of a frame.
#[derive(Debug, PartialEq)]
struct Kept {
    wire_len: u32,
    tag: Option<Tag>,
    octets: Vec<u8>,
}

impl From<Frame<'_>> for Kept {
    fn from(frame: Frame<'_>) -> Kept {
        Kept { wire_len: frame.wire_len, tag: frame.tag, octets: frame.bytes.to_vec() }
    }
}

/// As the sensor reads a file.
fn as_a_file(file: &Path, rules: &Rules) -> Vec<Kept> {
    let mut kept = Vec::new();
    let keep = rules.keep();
    let read = File::open(file).unwrap().read(Whole(|_: FileInterface<'_>, frame: Frame<'_>| {
        let octets = keep.octets(frame.bytes, frame.tag.map(|tag| VlanTag(tag.control)));
        kept.push(Kept::from(Frame { bytes: &frame.bytes[..octets.min(frame.bytes.len())], ..frame }));
        ControlFlow::Continue(())
    }));
    read.unwrap();
    kept
}

/// As the sensor reads a wire, on which all frames of the file are sent.
fn by_kernel(file: &Path, rules: &Rules, count: usize) -> Vec<Kept> {
    let instructions = rules.filter().instructions().iter();
    let program: Vec<_> =
        instructions.map(|i| Instruction { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
    let mut ring = Ring::map(open(NEAR, &program, true, GEOMETRY).unwrap(), GEOMETRY).unwrap();
    let status = Command::new("python3").args(["-c", SEND, FAR]).arg(file).status().expect("python3");
    assert!(status.success());
    let mut kept = Vec::new();
    while kept.len() < count {
        let frames = ring.poll(PATIENCE, |frame| kept.push(Kept::from(frame))).unwrap();
        assert!(frames > 0, "{} of {count} frames came", kept.len());
    }
    assert_eq!(ring.statistics().unwrap().lost, 0);
    kept
}

/// All golden frames, control protocols that are in none, and tunnels; one of each kind and length once more cut at every
/// octet, with tags.
fn frames() -> Vec<Vec<u8>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut captures: Vec<PathBuf> =
        std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    captures.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    captures.sort();
    assert!(captures.len() >= 4);
    let mut frames: Vec<Vec<u8>> = captures.iter().flat_map(|capture| read_pcap(capture)).collect();
    frames.extend(control());
    let mut shapes = BTreeMap::new();
    for frame in &frames {
        shapes
            .entry((frame[12..16].to_vec(), frame.get(20).copied(), frame.get(23).copied(), frame.len() / 64))
            .or_insert_with(|| frame.clone());
    }
    for frame in shapes.values() {
        let tagged = |types: &[[u8; 4]]| [&frame[..12], &types.concat(), &frame[12..]].concat();
        let variants = [
            frame.clone(),
            tagged(&[[0x81, 0x00, 0x00, 0x14]]),
            tagged(&[[0x88, 0xa8, 0x60, 0x07], [0x81, 0x00, 0x00, 0x14]]),
            tagged(&[[0x91, 0x00, 0x00, 0x14]]),
        ];
        for variant in variants {
            let cuts = ETHERNET..variant.len().min(MOST_HEADERS);
            frames.extend(cuts.map(|length| variant[..length].to_vec()));
            frames.push(variant);
        }
    }
    for frame in tunnels::frames() {
        let cuts = OUTER..frame.len();
        frames.extend(cuts.map(|length| frame[..length].to_vec()));
        let tagged = [&frame[..12], &[0x88, 0xa8, 0x60, 7, 0x81, 0x00, 0x00, 20], &frame[12..]].concat();
        frames.extend([frame, tagged]);
    }
    // A frame that ends within its outer tag never reaches a socket: the kernel drops it.
    frames.retain(|frame| !matches!(frame[12..14], [0x81, 0x00] | [0x88, 0xa8]) || frame.len() >= TAGGED);
    frames
}

/// A BPDU, CDP, EAPOL of three sorts, a report of IGMP and of MLD, DHCPv6, RADIUS and multicast DNS, each with
/// octets behind its end.
fn control() -> Vec<Vec<u8>> {
    let ipv4 = |protocol: u8, rest: &[u8]| {
        let length = (20 + rest.len()) as u8;
        let header = [0x45, 0, 0, length, 0, 0, 0, 0, 1, protocol, 0, 0, 10, 99, 0, 2, 224, 0, 0, 22];
        [&[0x08, 0x00][..], &header, rest].concat()
    };
    let ipv6 = |next: u8, rest: &[u8]| {
        let mut header = [0; 40];
        (header[0], header[5], header[6]) = (0x60, rest.len() as u8, next);
        [&[0x86, 0xdd][..], &header, rest].concat()
    };
    let udp = |port: u16, rest: &[u8]| {
        let words = [50_000, port, 8 + rest.len() as u16, 0].map(u16::to_be_bytes);
        [words.as_flattened(), rest].concat()
    };
    let snap = [&[0, 50, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0][..], &[7; 42]].concat();
    let listener = [&[58, 0, 5, 2, 0, 0, 1, 0, 143][..], &[0; 27]].concat();
    let contents = [
        [&[0, 38, 0x42, 0x42, 3][..], &[0; 35]].concat(),
        snap,
        [&[0x88, 0x8e, 2, 0, 0, 9, 2, 1, 0, 9, 1][..], b"anna"].concat(),
        [&[0x88, 0x8e, 2, 3, 0, 95, 2, 0, 0x8a][..], &[9; 92]].concat(),
        vec![0x88, 0x8e, 2, 1, 0, 0],
        ipv4(2, &[0x22; 16]),
        ipv6(0, &listener),
        ipv6(17, &udp(547, &[1; 40])),
        ipv4(17, &udp(1812, &[&[1, 1, 0, 40][..], &[0; 36]].concat())),
        ipv4(17, &udp(5353, &[0; 40])),
    ];
    let addresses = [0x01, 0x80, 0xc2, 0, 0, 0, 0x00, 0x1b, 0x21, 0, 0, 0x01];
    contents.map(|content| [&addresses[..], &content, &[0xee; 20]].concat()).into()
}

/// The frames of a pcap file with times in microseconds or nanoseconds, in this machine's order of octets.
fn read_pcap(path: &Path) -> Vec<Vec<u8>> {
    let content = std::fs::read(path).unwrap();
    let (mut rest, mut frames) = (&content[24..], Vec::new());
    while let Some((header, after)) = rest.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes(header[8..12].try_into().unwrap());
        let (frame, after) = after.split_at(usize::try_from(length).unwrap());
        frames.push(frame.to_vec());
        rest = after;
    }
    frames
}

fn write_pcap(path: &Path, frames: &[Vec<u8>]) {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let mut content = words(&[0xa1b2_c3d4, u32::from_ne_bytes([2, 0, 4, 0]), 0, 0, 65_535, 1]);
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap();
        content.extend(words(&[1, 0, length, length]));
        content.extend(frame);
    }
    std::fs::write(path, content).unwrap();
}

fn isolated(name: &str) {
    let unshare = || Command::new("unshare");
    if !unshare().args(["-Urn", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: user namespaces are not permitted here");
        return;
    }
    let mut again = unshare();
    again.arg("-Urn").arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    assert!(again.env(INSIDE, "1").status().unwrap().success(), "the test failed inside, see above");
}

fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().expect("ip (package iproute2)").success());
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Sends every frame of a pcap file.
const SEND: &str = r"
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
content, at = open(sys.argv[2], 'rb').read(), 24
while at < len(content):
    length = struct.unpack_from('=I', content, at + 8)[0]
    s.send(content[at + 16:at + 16 + length])
    at += 16 + length
";
const NEAR: &str = "near0";
const FAR: &str = "far0";
/// Set in the test that was started again in its namespace.
const INSIDE: &str = "HEADGATE_TEST_INSIDE";
/// Holds all frames at once.
const GEOMETRY: Geometry = Geometry { block_bytes: 1 << 20, blocks: 32 };
const PATIENCE: Duration = Duration::from_secs(10);
/// The shortest frame that a socket sends.
const ETHERNET: usize = 14;
/// The shortest tagged frame of which the kernel takes the tag out.
const TAGGED: usize = 20;
/// Octets of Ethernet and IPv4.
const OUTER: usize = 34;
/// Cuts behind this fall into payload.
const MOST_HEADERS: usize = 120;
