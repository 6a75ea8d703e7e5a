//! The kernel's program and the same decision in Rust: the same number of octets for every frame, under every rule.
// A test fails by panicking and says what it skipped.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/rules.rs"]
mod meaning;
#[path = "support/tunnels.rs"]
mod shapes;
mod support;

use headgate_rules::filter::{Depth, Keep, Program, Tunnel, VlanTag, compile, exclusion};
use headgate_rules::{Exclusions, RuleList, Rules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use frames::{PROTOCOLS, any_frame, number};
use support::{captures, each_frame};

fn exclusions(text: &str) -> Exclusions {
    let rules = Rules::parse(&[("rules.toml".into(), format!("[exclude]\n{text}\n"))]).unwrap();
    rules.collect().exclusions().clone()
}

fn both(exclusions: &Exclusions, depth: Depth) -> (Program, Keep) {
    both_limited(exclusions, &Exclusions::default(), depth)
}

fn both_limited(exclusions: &Exclusions, headers_only: &Exclusions, depth: Depth) -> (Program, Keep) {
    compile(exclusions, headers_only, &RuleList::default(), depth).unwrap()
}

fn any_depth() -> impl Strategy<Value = Depth> {
    let tunnels = prop_oneof![
        3 => Just(Tunnel::ALL.to_vec()),
        1 => prop::sample::subsequence(Tunnel::ALL.to_vec(), 0..=Tunnel::ALL.len()),
    ];
    (any::<[bool; 3]>(), tunnels).prop_map(|([radius, service_types, eap_identity], tunnels)| Depth {
        radius,
        service_types,
        eap_identity,
        tunnels: tunnels.into_iter().collect(),
    })
}

fn any_exclusions() -> impl Strategy<Value = String> {
    let pick = |all: &'static [&'static str]| {
        prop_oneof![
            3 => Just(String::new()),
            2 => prop::sample::subsequence(all, 1..=3).prop_map(|v| v.join(", ")),
        ]
    };
    (
        pick(&["0", "20", "\"100-199\"", "\"1000-4094\""]),
        pick(&["\"00:1b:21:00:00:02\"", "\"01:80:c2\"", "\"locally-administered\"", "\"group\""]),
        pick(&["\"10.0.1.0/24\"", "\"10.0.2.1\"", "\"0.0.0.0/1\"", "\"2001:db8:3::/48\"", "\"::/128\""]),
        pick(&[
            "\"arp\"",
            "\"lldp\"",
            "\"cdp\"",
            "\"edp\"",
            "\"fdp\"",
            "\"sonmp\"",
            "\"stp\"",
            "\"eapol\"",
            "\"dhcp\"",
            "\"radius\"",
            "\"mdns\"",
            "\"igmp\"",
            "\"icmp\"",
            "\"icmpv6\"",
            "\"tcp\"",
            "\"tcp/22\"",
            "\"tcp/65535\"",
            "\"udp\"",
            "\"udp/53\"",
            "\"udp/5353\"",
            "\"ip/47\"",
            "\"ip/1\"",
        ]),
    )
        .prop_map(|(vlans, macs, prefixes, protocols)| {
            format!("vlans = [{vlans}]\nmacs = [{macs}]\nprefixes = [{prefixes}]\nprotocols = [{protocols}]")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn both_keep_the_same_of_frames_with_a_grain_of_sense(
        (frame, tag) in any_frame(),
        text in any_exclusions(),
        depth in any_depth(),
    ) {
        let (program, keep) = both(&exclusions(&text), depth);
        prop_assert_eq!(keep.octets(&frame, tag), program.run(&frame, tag));
    }

    #[test]
    fn both_keep_the_same_of_octets(
        frame in vec(any::<u8>(), 0..100),
        tag in prop::option::of(any::<u16>().prop_map(VlanTag)),
        depth in any_depth(),
    ) {
        let (program, keep) = both(&Exclusions::default(), depth);
        prop_assert_eq!(keep.octets(&frame, tag), program.run(&frame, tag));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What is kept of a frame of which only headers are to be kept is never more than otherwise, it is excluded where it
    /// otherwise is, within tunnels too, and program and Rust say the same.
    #[test]
    fn both_keep_the_same_where_only_headers_are_kept(
        (frame, tag) in any_frame(),
        text in any_exclusions(),
        headers in any_exclusions(),
        depth in any_depth(),
    ) {
        let excluding = exclusions(&text);
        let (program, keep) = both_limited(&excluding, &exclusions(&headers), depth);
        let kept = keep.octets(&frame, tag);
        prop_assert_eq!(kept, program.run(&frame, tag));
        let otherwise = both(&excluding, depth).0.run(&frame, tag);
        prop_assert!(kept <= otherwise);
        prop_assert_eq!(exclusion(kept, frame.len()), exclusion(otherwise, frame.len()));
    }

    /// With lists of rules, beside those lists that decide each alone.
    #[test]
    fn both_keep_the_same_where_rules_decide(
        (frame, tag) in any_frame(),
        text in any_exclusions(),
        headers in any_exclusions(),
        list in meaning::any_rules(true),
        depth in any_depth(),
    ) {
        let rules = Rules::parse(&[("rules.toml".into(), meaning::text(&list))]).unwrap();
        let rules = rules.collect().rules();
        let (program, keep) = compile(&exclusions(&text), &exclusions(&headers), rules, depth).unwrap();
        prop_assert_eq!(keep.octets(&frame, tag), program.run(&frame, tag), "{}", meaning::text(&list));
    }

    /// Most frames, which are decided without looking at rules: everything that makes them others.
    #[test]
    fn both_keep_the_same_of_segments(
        v6 in any::<bool>(),
        first in prop_oneof![4 => Just(None), 1 => any::<u8>().prop_map(Some)],
        fragment in number(&[0, 0, 0, 0x2000, 0x4000, 1, 0x1000]),
        protocol in prop_oneof![4 => Just(6u8), 1 => select(PROTOCOLS)],
        offset in any::<u8>(),
        cut in prop::option::of(any::<Index>()),
        tag in prop::option::of(any::<u16>().prop_map(VlanTag)),
    ) {
        let mut packet = vec![0; if v6 { 40 } else { 20 }];
        packet[0] = first.unwrap_or(if v6 { 0x60 } else { 0x45 });
        if v6 {
            packet[6] = protocol;
        } else {
            packet[6..8].copy_from_slice(&fragment);
            packet[9] = protocol;
        }
        let mut segment = [0x22; 100];
        segment[12] = offset;
        let ethertype: u16 = if v6 { 0x86dd } else { 0x0800 };
        let mut frame = [&[0; 12][..], &ethertype.to_be_bytes(), &packet, &segment].concat();
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len()));
        }
        let (program, keep) = both(&Exclusions::default(), Depth::default());
        prop_assert_eq!(keep.octets(&frame, tag), program.run(&frame, tag));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Of a plain frame both keep the headers, whatever else is limited, where no rule ends it: so that whoever reads a
    /// file need not ask.
    #[test]
    fn of_plain_frames_their_headers_are_kept(
        v6 in any::<bool>(),
        is_tcp in any::<bool>(),
        ports in (number(&UDP_PORTS), number(&UDP_PORTS)),
        words in 0..16u8,
        payload in 0..60usize,
        macs in any::<[u8; 12]>(),
        tag in prop::option::of(any::<u16>().prop_map(VlanTag)),
        headers in any_exclusions(),
        list in meaning::any_rules(false),
        depth in any_depth(),
    ) {
        let header = if is_tcp { 4 * usize::from(words.max(5)) } else { 8 };
        let length = u16::try_from(header + payload).unwrap();
        let mut transport = vec![1; header + payload];
        transport[..2].copy_from_slice(&ports.0);
        transport[2..4].copy_from_slice(&ports.1);
        if is_tcp {
            transport[12] = words.max(5) << 4;
        } else {
            transport[4..6].copy_from_slice(&length.to_be_bytes());
        }
        let mut ip = vec![0; if v6 { 40 } else { 20 }];
        ip[0] = if v6 { 0x60 } else { 0x45 };
        let protocol = if is_tcp { 6 } else { 17 };
        if v6 {
            ip[4..6].copy_from_slice(&length.to_be_bytes());
            ip[6] = protocol;
        } else {
            ip[2..4].copy_from_slice(&(length + 20).to_be_bytes());
            ip[9] = protocol;
        }
        let ethertype: u16 = if v6 { 0x86dd } else { 0x0800 };
        let frame = [&macs[..], &ethertype.to_be_bytes(), &ip, &transport].concat();
        let wire_len = u32::try_from(frame.len()).unwrap();
        let Some((_, headers_len)) = headgate_wire::plain_headers(&frame, wire_len) else { return Ok(()) };
        let rules = Rules::parse(&[("rules.toml".into(), meaning::text(&list))]).unwrap();
        if rules.collect().rules().can_end() {
            return Ok(());
        }
        let (program, keep) =
            compile(&Exclusions::default(), &exclusions(&headers), rules.collect().rules(), depth).unwrap();
        prop_assert_eq!(keep.octets(&frame, tag), headers_len);
        prop_assert_eq!(program.run(&frame, tag), headers_len);
    }
}

/// Ports that something is read of, and others.
const UDP_PORTS: [u16; 8] = [67, 547, 1812, 5353, 1900, 4789, 443, 0x3000];

/// Every frame of the captures, whole and cut at each of its first octets, under rules of every kind.
#[test]
fn both_keep_the_same_of_captured_frames() {
    let mut decisions = Vec::new();
    for text in RULES {
        for depth in [
            Depth::default(),
            Depth { radius: true, service_types: true, eap_identity: true, ..Depth::default() },
        ] {
            decisions.push(both(&exclusions(text), depth));
        }
    }
    let nothing_excluded = &decisions.first().unwrap().1;
    let (mut frames, mut kept, mut plain) = (0, 0, 0);
    for path in captures() {
        each_frame(&std::fs::read(&path).unwrap(), |_, frame, _| {
            frames += 1;
            for (program, keep) in &decisions {
                let cuts = (0..frame.len().min(MOST_HEADERS)).chain([frame.len()]);
                for frame in cuts.map(|length| &frame[..length]) {
                    let octets = keep.octets(frame, Some(VlanTag(20)));
                    assert_eq!(
                        octets,
                        program.run(frame, Some(VlanTag(20))),
                        "{} {frame:02x?}",
                        path.display()
                    );
                }
                kept += usize::from(keep.octets(frame, None) > 14);
                if std::ptr::eq(keep, nothing_excluded)
                    && let Some((_, headers)) = headgate_wire::plain_headers(frame, MOST_OCTETS)
                {
                    assert_eq!(keep.octets(frame, None), headers, "{} {frame:02x?}", path.display());
                    plain += 1;
                }
            }
        });
    }
    println!("{frames} frames");
    assert!(frames > 0 && kept > 0 && plain > 0);
}

const RULES: &[&str] = &[
    "",
    "vlans = [\"1-19\"]\nmacs = [\"01:80:c2\", \"00:00:0c\", \"locally-administered\"]",
    "prefixes = [\"10.0.0.0/8\", \"192.168.0.0/16\", \"fe80::/10\", \"ff02::1:2\"]",
    "protocols = [\"cdp\", \"edp\", \"dhcp\", \"igmp\", \"tcp/179\"]",
    "protocols = [\"arp\", \"lldp\", \"fdp\", \"sonmp\", \"stp\", \"eapol\", \"radius\", \"mdns\", \"icmpv6\"]",
];
/// No frame is longer.
const MOST_OCTETS: u32 = 262_144;
/// Cuts behind this fall into payload.
const MOST_HEADERS: usize = 128;
