//! Tunnels: headers of what is within are kept, and nothing behind them; exclusions hold there.
// A test fails by panicking and says what it measured.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

#[path = "support/tunnels.rs"]
mod shapes;
mod support;

use headgate_rules::filter::{Tunnel, exclusion};
use headgate_rules::{Exclusion, Rules};
use headgate_wire as wire;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use shapes::{SECRET, Shape, Within, build, closed, tunnels};

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

fn judge(rules: &Rules, frame: &[u8]) -> Option<Exclusion> {
    let packet = wire::parse(wire::Link::Ethernet, frame, None, frame.len() as u32).unwrap();
    assert!(packet.malformed.is_none(), "{:?} {frame:02x?}", packet.malformed);
    rules.collect().exclusions().judge(&packet)
}

fn leaks(kept: &[u8]) -> bool {
    SECRET.windows(4).any(|part| kept.windows(4).any(|octets| octets == part))
}

fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for tags in 0..=2_u16 {
        for (v6, more) in [(false, 0), (false, 10), (true, 0), (true, 2)] {
            for (protocol, options) in [(6, 0), (6, 10), (17, 0), (if v6 { 58 } else { 1 }, 0)] {
                let tags = (1..=tags).collect();
                shapes.push(Shape { tags, v6, more, protocol, options, ..Shape::plain() });
            }
        }
    }
    shapes
}

#[test]
fn of_every_tunnel_all_headers_within_are_kept_and_no_octet_behind_them() {
    let rules = rules("");
    let mut frames = 0;
    for outer in [
        Shape::plain(),
        Shape { tags: vec![1, 2, 3, 4, 5], more: 10, ..Shape::plain() },
        Shape { v6: true, more: 8, ..Shape::plain() },
    ] {
        for inner in shapes() {
            for tunnel in tunnels(&inner) {
                let (frame, headers) = build(&outer, &tunnel, &inner);
                let kept = rules.filter().run(&frame, None);
                assert_eq!(kept, headers, "{}: {inner:?}", tunnel.name);
                assert!(!leaks(&frame[..kept]) && leaks(&frame));
                assert_eq!(rules.keep().octets(&frame, None), kept, "{}", tunnel.name);
                frames += 1;
            }
        }
    }
    println!("{frames} frames");
}

/// A sensor that sees what is kept sees the same ends as one that sees all.
#[test]
fn what_is_kept_is_read_as_the_whole_is() {
    let rules = rules("");
    for inner in shapes() {
        for tunnel in tunnels(&inner) {
            let (frame, _) = build(&Shape::plain(), &tunnel, &inner);
            let kept = rules.filter().run(&frame, None);
            let read = |bytes| wire::parse(wire::Link::Ethernet, bytes, None, frame.len() as u32).unwrap();
            let (whole, cut) = (read(&frame), read(&frame[..kept]));
            let of = |packet: wire::Packet<'_>| {
                let tunnel = packet.tunnel.unwrap();
                let inner = tunnel.inner.as_ref().unwrap();
                (
                    Tunnel::of(&tunnel.header),
                    tunnel.length,
                    tunnel.vlan(),
                    inner.source(),
                    inner.ends().unwrap(),
                )
            };
            let whole = of(whole);
            assert_eq!(whole.0, tunnel.kind, "{}", tunnel.name);
            assert_eq!(of(cut), whole, "{}", tunnel.name);
        }
    }
}

/// Octets of the headers of a packet, as its reader knows them.
fn headers(packet: &wire::Packet<'_>) -> usize {
    let link = match &packet.framing {
        wire::Framing::Ethernet(_) => 14 + 4 * packet.tags.len(),
        // Of others than data frames no more.
        wire::Framing::Wireless(frame) => frame.header.as_ref().map_or(0, |header| match header.kind {
            wire::ieee80211::Type::Data => {
                let qos = if header.qos.is_some() { 2 } else { 0 };
                let ht_control = if header.ht_control.is_some() { 4 } else { 0 };
                6 + 6 * header.addresses.len() + qos + ht_control + 8
            }
            _ => 4,
        }),
        _ => 0,
    };
    let network = match &packet.network {
        wire::Network::Ipv4(header) => usize::from(header.header_len),
        wire::Network::Ipv6(header) => {
            40 + header.chain.iter().map(|extension| usize::from(extension.length)).sum::<usize>()
        }
        wire::Network::Arp(_) => 28,
        // LLC and SNAP.
        _ => 8,
    };
    let transport = match &packet.transport {
        wire::Transport::Tcp(header) => usize::from(header.header_len),
        _ => 8,
    };
    link + network + transport
}

/// Captures of real equipment: what is kept of a tunnel is read as the whole is, and ends with the headers within.
#[test]
fn what_is_kept_of_captured_tunnels_is_read_as_the_whole_is() {
    let rules = rules("");
    let mut counted: std::collections::BTreeMap<(&str, &str), u32> = std::collections::BTreeMap::new();
    for path in support::captures() {
        support::each_frame(&std::fs::read(&path).unwrap(), |link, frame, _| {
            let read = |bytes| wire::parse(wire::Link::Ethernet, bytes, None, frame.len() as u32);
            let Some(Ok(whole)) = (link == 1).then(|| read(frame)) else { return };
            let Some(tunnel) = whole.tunnel.as_ref() else { return };
            let kept = rules.filter().run(frame, None);
            let name = Tunnel::of(&tunnel.header).name();
            let Some(inner) = tunnel.inner.as_ref() else {
                *counted.entry((name, "not read")).or_default() += 1;
                return;
            };
            let most = frame.len() - tunnel.length + headers(inner);
            assert!(kept <= most, "{}: {kept} of {most} {frame:02x?}", path.display());
            let cut = read(&frame[..kept]).unwrap();
            let ends =
                cut.tunnel.as_ref().and_then(|tunnel| tunnel.inner.as_ref()).and_then(|inner| inner.ends());
            let outcome = match ends {
                ends if ends == inner.ends() => "the same",
                Some(_) => "other ends",
                None => "fewer headers",
            };
            if outcome != "the same" {
                println!("{} {name} {outcome}: {kept} {most}", path.display());
            }
            *counted.entry((name, outcome)).or_default() += 1;
        });
    }
    println!("{counted:?}");
    assert!(counted.keys().all(|(_, outcome)| *outcome != "other ends"), "{counted:?}");
}

#[test]
fn a_tunnel_that_no_rule_looks_into_ends_with_its_outer_headers() {
    let inner = Shape { source: [2, 0, 0, 0, 0, 7], ..Shape::plain() };
    for tunnel in tunnels(&inner) {
        let (frame, _) = build(&Shape::plain(), &tunnel, &inner);
        let others: Vec<_> = Tunnel::ALL.into_iter().filter(|kind| *kind != tunnel.kind).collect();
        let names = others.iter().map(|kind| format!("{:?}", kind.name())).collect::<Vec<_>>().join(", ");
        let text = format!("[exclude]\nmacs = [\"locally-administered\"]\n[collect]\ntunnels = [{names}]\n");
        let narrowed = rules(&text);
        let end = 34
            + match tunnel.above {
                (_, Some(_)) => 8,
                (47, None) if tunnel.header[1] & 0x01 != 0 => 4,
                // Of GRE the header is kept as soon as any sort of it is looked into.
                (47, None) => {
                    let flags = tunnel.header[0];
                    4 + 4 * usize::from((flags >> 7) + (flags >> 5 & 1) + (flags >> 4 & 1))
                }
                _ => 0,
            };
        assert_eq!(narrowed.filter().run(&frame, None), end, "{}", tunnel.name);
        assert_eq!(judge(&narrowed, &frame), None, "{}", tunnel.name);
        let none = rules("[collect]\ntunnels = []\n");
        let end = if tunnel.above.1.is_some() { 42 } else { 34 };
        assert_eq!(none.filter().run(&frame, None), end, "{}", tunnel.name);
        let all = rules("[exclude]\nmacs = [\"locally-administered\"]\n");
        let expected = (tunnel.within != Within::Nothing).then_some(Exclusion::Mac);
        let kept = all.filter().run(&frame, None);
        assert_eq!(exclusion(kept, frame.len()), expected, "{}", tunnel.name);
    }
}

#[test]
fn a_mirrored_frame_is_of_the_vlan_that_the_header_of_erspan_says() {
    let inner = Shape::plain();
    let rules = rules("[exclude]\nvlans = [0, 20]\n");
    for mut tunnel in tunnels(&inner).into_iter().filter(|tunnel| tunnel.header.len() > 15) {
        if tunnel.kind != Tunnel::Erspan {
            continue;
        }
        for (vlan, expected) in [(0, None), (20, Some(Exclusion::Vlan)), (21, None)] {
            tunnel.header[9] = vlan;
            let (frame, _) = build(&Shape::plain(), &tunnel, &inner);
            let kept = rules.filter().run(&frame, None);
            assert_eq!(exclusion(kept, frame.len()), expected, "{} {vlan}", tunnel.name);
            assert_eq!(judge(&rules, &frame), expected, "{} {vlan}", tunnel.name);
            assert_eq!(rules.keep().octets(&frame, None), kept);
        }
    }
}

/// Clients use the numbers of tunnels as ports too.
#[test]
fn payload_on_the_ports_of_tunnels_that_is_no_tunnel_is_cut() {
    let rules = rules("");
    for port in [4789, 4790, 8472, 6081, 37_008, 5247] {
        let shape = Shape { protocol: 17, ports: (53, port), ..Shape::plain() };
        let (mut frame, headers) = shape.framed(shape.ip());
        // Text, an answer of DNS, QUIC, RTP, zeros.
        for start in [*b"SECR", [0x0b, 0x2a, 0x81, 0x80], [0x40, 1, 2, 3], [0x80, 0, 0, 0], [0; 4]] {
            frame[headers..headers + 4].copy_from_slice(&start);
            let kept = rules.filter().run(&frame, None);
            assert!(kept <= headers + if start == [0; 4] { 8 } else { 0 }, "{port} {start:?} {kept}");
        }
    }
}

/// Behind more tags or extension headers nothing is kept, and where an exclusion may hold there, the frame is excluded.
#[test]
fn beyond_the_bounds_within_a_tunnel_nothing_is_kept() {
    let tagged = Shape { tags: vec![1, 2, 3], ..Shape::plain() };
    let extended = Shape { v6: true, more: 3, ..Shape::plain() };
    for (inner, behind) in [(tagged, 3 * 4 - 2 * 4 + 20 + 20), (extended, 8 + 20)] {
        for tunnel in tunnels(&inner).into_iter().filter(|tunnel| tunnel.within == Within::Ethernet) {
            let (frame, headers) = build(&Shape::plain(), &tunnel, &inner);
            assert_eq!(rules("").filter().run(&frame, None), headers - behind, "{}", tunnel.name);
            let kept = rules("[exclude]\nprotocols = [\"tcp/22\"]\n").filter().run(&frame, None);
            let expected = inner.v6.then_some(Exclusion::Protocol);
            assert_eq!(exclusion(kept, frame.len()), expected, "{}", tunnel.name);
        }
    }
}

/// The outer frame, and the headers of a tunnel of IEEE 802.11, in front of a frame of it.
fn of_radio(is_in_capwap: bool, frame: &[u8]) -> (Vec<u8>, usize) {
    let kind = if is_in_capwap { Tunnel::Capwap } else { Tunnel::Tzsp };
    let like = closed().into_iter().find(|tunnel| tunnel.kind == kind).unwrap();
    let (port, header) = (like.above.1.unwrap(), like.header);
    let length = (8 + header.len() + frame.len()) as u16;
    let udp = [50_000, port, length, 0].map(u16::to_be_bytes).concat();
    let outer = Shape { protocol: 17, ..Shape::plain() };
    let (whole, headers) = outer.framed(outer.above(&[&udp[..], &header, frame].concat(), 8));
    (whole, headers + header.len())
}

#[test]
fn of_a_frame_in_which_no_packet_is_to_be_read_the_mac_header_is_kept() {
    let inner = Shape { source: [2, 0, 0, 0, 0, 7], ..Shape::plain() };
    for tunnel in closed() {
        let (frame, headers) = build(&Shape::plain(), &tunnel, &inner);
        let kept = rules("").filter().run(&frame, None);
        assert_eq!(kept, headers, "{}", tunnel.name);
        assert!(!leaks(&frame[..kept]) && leaks(&frame));
        assert_eq!(rules("").keep().octets(&frame, None), kept, "{}", tunnel.name);
        // Of frames in a frame the header says only which radios they go between.
        let is_of_sender = !tunnel.name.starts_with("frames in a frame, ");
        let by_address = (Shape { from: 4, ..inner.clone() }, "prefixes = [\"10.0.4.0/24\"]", None);
        let by_station =
            (inner.clone(), "macs = [\"02:00:00:00:00:07\"]", is_of_sender.then_some(Exclusion::Mac));
        for (inner, exclude, expected) in [by_address, by_station] {
            let rules = rules(&format!("[exclude]\n{exclude}\n"));
            let (frame, _) = build(&Shape::plain(), &tunnel, &inner);
            let kept = rules.filter().run(&frame, None);
            assert_eq!(exclusion(kept, frame.len()), expected, "{} {exclude}", tunnel.name);
            assert_eq!(judge(&rules, &frame), expected, "{} {exclude}", tunnel.name);
        }
    }
}

/// A passer-by's phone looks for networks: no octet of its address comes out of the kernel.
#[test]
fn of_a_frame_that_is_no_data_no_address_is_kept() {
    let station = [0xda, 0xa1, 0x19, 0xc5, 0xe7, 0x01];
    let body = [&[0xff; 6][..], &station, &[0xff; 6], &[0x10, 0, 0, 7], SECRET].concat();
    for (control, is_in_capwap) in [
        // A probe request, an association, a beacon, a block acknowledgment, an acknowledgment, a beacon of 60 GHz.
        ([0x40, 0x00], false),
        ([0x00, 0x10], true),
        ([0x80, 0x80], true),
        ([0x94, 0x00], false),
        ([0xd4, 0x00], false),
        ([0x0c, 0x00], false),
        // A data frame from station to station, which in CAPWAP may be a probe that is written the other way round.
        ([0x08, 0x40], true),
        ([0x40, 0x08], true),
        ([0x08, 0xb0], true),
    ] {
        let (frame, headers) = of_radio(is_in_capwap, &[&control[..], &[0x3a, 1], &body].concat());
        for text in ["", "[exclude]\nmacs = [\"da:a1:19:c5:e7:01\", \"group\"]\n"] {
            let kept = rules(text).filter().run(&frame, None);
            assert_eq!(kept, headers + 4, "{control:02x?}");
            assert_eq!(rules(text).keep().octets(&frame, None), kept, "{control:02x?}");
        }
        let all = rules(
            "[[rule]]\nname = \"all\"\ncollect = \"none\"\n[[rule]]\nname = \"b\"\ncollect = \"counts\"",
        );
        assert_eq!(exclusion(all.filter().run(&frame, None), frame.len()), Some(Exclusion::Rule));
    }
}

#[test]
fn where_mesh_control_may_be_or_the_version_is_another_nothing_more_is_kept() {
    let addresses = [[6; 6], [7; 6], [8; 6]].concat();
    let mesh = [&[0x88, 0x02, 0, 0][..], &addresses, &[0, 0, 0x05, 0x01], SECRET].concat();
    for is_in_capwap in [false, true] {
        let (frame, headers) = of_radio(is_in_capwap, &mesh);
        assert_eq!(rules("").filter().run(&frame, None), headers + 26);
        for control in [[0x09, 0x01], [0x0a, 0x0b]] {
            let (frame, headers) = of_radio(is_in_capwap, &[&control[..], &mesh[2..]].concat());
            assert_eq!(rules("").filter().run(&frame, None), headers, "{control:02x?}");
        }
        // It ends within its header.
        for length in [3, 23, 25] {
            let (frame, headers) = of_radio(is_in_capwap, &mesh[..length]);
            assert_eq!(rules("").filter().run(&frame, None), headers, "{length}");
        }
    }
}

#[test]
fn of_what_ppp_carries_beside_ip_nothing_is_kept() {
    let outer = Shape { protocol: 47, ..Shape::plain() };
    let version_1 = [0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2];
    for gre in [&[0, 0, 0x88, 0x0b][..], &version_1] {
        // Passwords, compressed and encrypted frames, MPLS, VJ, and what is no protocol.
        for ppp in [
            &[0xff, 3, 0xc0, 0x23][..],
            &[0xc0, 0x23],
            &[0, 0xfd],
            &[0xfd],
            &[2, 0x81],
            &[0x2d],
            &[0, 0],
            &[0xff],
        ] {
            let (frame, headers) = outer.framed(outer.above(&[gre, ppp, SECRET].concat(), gre.len()));
            let kept = rules("").filter().run(&frame, None);
            assert_eq!(kept, headers, "{ppp:02x?}");
            assert_eq!(rules("").keep().octets(&frame, None), kept, "{ppp:02x?}");
        }
    }
    // An acknowledgment alone, and padding that looks like a packet; without a key it is none of PPTP.
    let packet = Shape::plain().ip().0;
    for (gre, kept_of_it) in [
        ([0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 2], 12),
        ([0x10, 0x01, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 2], 4),
    ] {
        let (frame, headers) = outer.framed(outer.above(&[&gre[..], &[0x21], &packet].concat(), kept_of_it));
        assert_eq!(rules("").filter().run(&frame, None), headers);
        assert_eq!(rules("").keep().octets(&frame, None), headers);
    }
}

/// Where a part is a fragment, nothing within is read, and so nothing is kept.
#[test]
fn a_fragment_is_not_looked_into() {
    for inner in [Shape::plain()] {
        for tunnel in tunnels(&inner) {
            let (mut frame, _) = build(&Shape::plain(), &tunnel, &inner);
            frame[20] = 0x20;
            let kept = rules("").filter().run(&frame, None);
            assert_eq!(kept, if tunnel.above.1.is_some() { 42 } else { 34 }, "{}", tunnel.name);
        }
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    Shape::any(3, vec![22, 80, 443, 40_000], 8)
}

/// What is looked behind within a tunnel.
fn within_bounds(mut shape: Shape) -> Shape {
    shape.tags.truncate(2);
    if shape.v6 {
        shape.more = shape.more.min(2);
    }
    shape
}

fn any_exclusions() -> impl Strategy<Value = String> {
    let pick = |all: &'static [&'static str]| {
        prop::sample::subsequence(all, 0..=2).prop_map(|entries| entries.join(", "))
    };
    (
        pick(&["20", "\"100-199\"", "4094"]),
        pick(&["\"00:1b:21:00:00:02\"", "\"00:1c:73:00:00:03\"", "\"locally-administered\""]),
        pick(&["\"10.0.3.0/24\"", "\"10.0.2.2\"", "\"2001:db8:3::/48\"", "\"2001:db8:1::2\""]),
        pick(&["\"icmp\"", "\"icmpv6\"", "\"tcp/22\"", "\"udp/22\"", "\"udp/443\"", "\"ip/41\"", "\"ip/47\""]),
    )
        .prop_map(|(vlans, macs, prefixes, protocols)| {
            format!("[exclude]\nvlans = [{vlans}]\nmacs = [{macs}]\nprefixes = [{prefixes}]\nprotocols = [{protocols}]\n")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// The program and the reference over the whole frame give the same reason, or both none; what is kept are exactly
    /// the headers, and of a cut frame no more; whatever the rules leave no more than headers of.
    #[test]
    fn the_program_means_within_tunnels_what_the_rules_say(
        outer in any_shape(),
        inner in any_shape().prop_map(within_bounds),
        which in any::<Index>(),
        cut in any::<Index>(),
        text in any_exclusions(),
        headers_only in any_exclusions().prop_map(|text| text.replace("exclude", "headers_only")),
    ) {
        let rules = rules(&[text, headers_only].concat());
        let outer = Shape { options: 0, ..outer };
        let tunnels: Vec<_> = tunnels(&inner).into_iter().chain(closed()).collect();
        let tunnel = &tunnels[which.index(tunnels.len())];
        let (frame, headers) = build(&outer, tunnel, &inner);
        let kept = rules.filter().run(&frame, None);
        let expected = judge(&rules, &frame);
        prop_assert_eq!(exclusion(kept, frame.len()), expected, "{}", tunnel.name);
        if expected.is_none() {
            prop_assert_eq!(kept, headers, "{}", tunnel.name);
        }
        prop_assert_eq!(rules.keep().octets(&frame, None), kept);
        let cut = &frame[..1 + cut.index(frame.len())];
        let kept = rules.filter().run(cut, None);
        prop_assert!(kept > 0 && kept <= headers, "{}: {} of {}", tunnel.name, kept, headers);
        prop_assert_eq!(rules.keep().octets(cut, None), kept);
    }
    /// Frames of every sort that are changed where their tunnel begins, and cut: the same of both.
    #[test]
    fn both_keep_the_same_of_what_is_almost_a_tunnel(
        outer in any_shape(),
        inner in any_shape(),
        which in any::<Index>(),
        changes in prop::collection::vec((0..48_usize, prop_oneof![any::<u8>(), select(vec![0, 1, 0x08, 0xff])]), 0..3),
        ports in prop::option::of(select(vec![(5247u16, 4789u16), (5247, 6081), (5247, 40_000), (67, 4790), (40_000, 5247)])),
        cut in prop::option::of(any::<Index>()),
        text in any_exclusions(),
        opened in prop_oneof![3 => Just(Tunnel::ALL.to_vec()), 1 => prop::sample::subsequence(Tunnel::ALL.to_vec(), 0..7)],
    ) {
        let names = opened.iter().map(|kind| format!("{:?}", kind.name())).collect::<Vec<_>>().join(", ");
        let rules = rules(&format!("{text}[collect]\ntunnels = [{names}]\n"));
        let outer = Shape { options: 0, ..outer };
        let tunnels: Vec<_> = tunnels(&inner).into_iter().chain(closed()).collect();
        let tunnel = &tunnels[which.index(tunnels.len())];
        let (mut frame, headers) = build(&outer, tunnel, &inner);
        let (_, within) = tunnel.within(&inner);
        let start = headers - within - tunnel.header.len();
        for (at, value) in changes {
            if let Some(octet) = frame.get_mut(start + at) {
                *octet = value;
            }
        }
        if let (Some((from, to)), (17, _)) = (ports, tunnel.above) {
            frame[start - 8..start - 4].copy_from_slice(&[from, to].map(u16::to_be_bytes).concat());
        }
        frame.truncate(cut.map_or(frame.len(), |cut| cut.index(frame.len())));
        prop_assert_eq!(rules.keep().octets(&frame, None), rules.filter().run(&frame, None), "{}", tunnel.name);
    }
}
