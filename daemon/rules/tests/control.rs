//! Control protocols: how much the filter keeps of each, that what follows is not kept, and what excludes it.
//!
//! The frames are written by hand, with a secret behind what may be kept.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use headgate_record::{Field, Treatment};
use headgate_rules::filter::{Depth, VlanTag, compile, exclusion};
use headgate_rules::{Exclusion, Exclusions, Gate, RuleList, Rules};
use headgate_wire as wire;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const SECRET: &[u8] = b"SECRET-PAYLOAD-SECRET-PAYLOAD";

/// A frame, as far as it may be kept, and what excludes it.
#[derive(Clone, Debug)]
struct Control {
    what: &'static str,
    /// What may be kept.
    kept: Vec<u8>,
    /// What may not.
    behind: Vec<u8>,
    /// Words under `protocols` that exclude it.
    words: &'static [&'static str],
    layer: Layer,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layer {
    Ethernet,
    /// The reader of frames does not tell these apart yet.
    Llc,
    Ip,
}

impl Control {
    /// The frame whole, with VLAN tags.
    fn frame(&self, tags: &[u16]) -> Vec<u8> {
        [&self.tagged(tags)[..], &self.behind].concat()
    }

    /// What may be kept, with VLAN tags.
    fn tagged(&self, tags: &[u16]) -> Vec<u8> {
        let tags: Vec<u8> = tags.iter().flat_map(|vid| [0x81, 0x00, (vid >> 8) as u8, *vid as u8]).collect();
        [&self.kept[..12], &tags, &self.kept[12..]].concat()
    }
}

fn ethernet(ethertype: u16, body: &[u8]) -> Vec<u8> {
    let addresses = [0x01, 0x80, 0xc2, 0, 0, 0x03, 0x00, 0x1b, 0x21, 0, 0, 0x01];
    [&addresses[..], &ethertype.to_be_bytes(), body].concat()
}

/// An LLC frame with `more` octets behind `body` that its length counts.
fn llc(body: &[u8], more: usize) -> Vec<u8> {
    ethernet((body.len() + more) as u16, body)
}

/// The header of an IPv4 packet with `length` octets behind it, and the first of them.
fn ipv4(protocol: u8, options: &[u8], body: &[u8], length: usize) -> Vec<u8> {
    let total = ((20 + options.len() + length) as u16).to_be_bytes();
    let first = 0x45 + (options.len() / 4) as u8;
    let header = [first, 0, total[0], total[1], 0, 0, 0x40, 0, 1, protocol, 0, 0, 10, 9, 0, 1, 224, 0, 0, 22];
    ethernet(0x0800, &[&header[..], options, body].concat())
}

fn ipv6(next: u8, body: &[u8], length: usize) -> Vec<u8> {
    let length = (length as u16).to_be_bytes();
    let mut header = [0; 40];
    header[..8].copy_from_slice(&[0x60, 0, 0, 0, length[0], length[1], next, 255]);
    header[8..14].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8, 0, 9]);
    header[24..26].copy_from_slice(&[0xff, 0x02]);
    ethernet(0x86dd, &[&header[..], body].concat())
}

fn udp(source: u16, destination: u16, body: &[u8], length: usize) -> Vec<u8> {
    let words = [source, destination, 8 + length as u16, 0];
    [words.map(u16::to_be_bytes).concat(), body.to_vec()].concat()
}

fn datagram_v4(source: u16, destination: u16, body: &[u8], length: usize) -> Vec<u8> {
    ipv4(17, &[], &udp(source, destination, body, length), 8 + length)
}

fn datagram_v6(source: u16, destination: u16, body: &[u8], length: usize) -> Vec<u8> {
    ipv6(17, &udp(source, destination, body, length), 8 + length)
}

/// A RADIUS header of a message of `length` octets.
fn radius(code: u8, length: u16) -> Vec<u8> {
    [&[code, 7][..], &length.to_be_bytes()].concat()
}

/// Hop-by-hop options with a router alert for multicast listener discovery (RFC 2711).
const ROUTER_ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];

/// An option header behind its next header: no more than padding (RFC 8200, 4.2).
const PADDING: [u8; 7] = [0, 1, 4, 0, 0, 0, 0];

fn all() -> Vec<Control> {
    use Layer::{Ethernet, Ip, Llc};
    let secret = SECRET.to_vec();
    let long = [SECRET; 3].concat();
    let n = SECRET.len();
    let with = |what, kept, behind: &Vec<u8>, words, layer| Control {
        what,
        kept,
        behind: behind.clone(),
        words,
        layer,
    };
    let dhcpv4 = [&[2; 236][..], &[99, 130, 83, 99], &[53, 1, 1, 255]].concat();
    let with_alert = |message: &[u8]| [&ROUTER_ALERT[..], message].concat();
    let snap = |oui: [u8; 3], number: u16| [&[0xaa, 0xaa, 3][..], &oui, &number.to_be_bytes()].concat();
    let body = |header: Vec<u8>| [&header[..], &[9; 40]].concat();
    vec![
        // IEEE 802.3: whole up to the length, or the header.
        with("BPDU", llc(&body(vec![0x42, 0x42, 3]), 0), &secret, &["stp"], Llc),
        with("PVST+", llc(&body(snap([0, 0, 0x0c], 0x010b)), 0), &secret, &["stp"], Llc),
        with("CDP", llc(&body(snap([0, 0, 0x0c], 0x2000)), 0), &secret, &["cdp"], Llc),
        with("EDP", llc(&body(snap([0, 0xe0, 0x2b], 0x00bb)), 0), &secret, &["edp"], Llc),
        with("FDP", llc(&body(snap([0, 0xe0, 0x52], 0x2000)), 0), &secret, &["fdp"], Llc),
        with("SONMP", llc(&body(snap([0, 0, 0x81], 0x01a2)), 0), &secret, &["sonmp"], Llc),
        with("VTP", llc(&snap([0, 0, 0x0c], 0x2003), n), &secret, &[], Llc),
        with("IPX over SNAP", llc(&snap([0, 0, 0], 0x8137), n), &secret, &[], Llc),
        with("NetBIOS frames", llc(&[0xf0, 0xf0, 3], n), &secret, &[], Llc),
        with("numbered information", llc(&[0xf0, 0xf0, 0x02, 0x04], n), &secret, &[], Llc),
        with("IS-IS", llc(&[0xfe, 0xfe, 3], n), &secret, &[], Llc),
        with("BPDU that ends early", llc(&[0x42, 0x42], 0), &secret, &[], Llc),
        with("SNAP that ends early", llc(&snap([0, 0, 0x0c], 0x2000)[..7], 0), &secret, &[], Llc),
        with("no length and no type", ethernet(1501, &[]), &secret, &[], Llc),
        // EAPOL: no identity, no key.
        with("EAP Identity", ethernet(0x888e, &[2, 0, 0, 34, 2, 1, 0, 34, 1]), &secret, &["eapol"], Ethernet),
        with("EAP Success", ethernet(0x888e, &[2, 0, 0, 4, 3, 1, 0, 4]), &secret, &["eapol"], Ethernet),
        with("EAP-TLS", ethernet(0x888e, &[2, 0, 0, 60, 1, 1, 0, 60, 13]), &long, &["eapol"], Ethernet),
        with("EAPOL-Key", ethernet(0x888e, &[2, 3, 0, 117, 2, 0, 0x8a]), &long, &["eapol"], Ethernet),
        with("EAPOL-Start", ethernet(0x888e, &[2, 1, 0, 0]), &secret, &["eapol"], Ethernet),
        with("EAPOL-MKA", ethernet(0x888e, &[3, 5, 0, 80]), &long, &["eapol"], Ethernet),
        // IP without ports.
        with("IGMPv3 report", ipv4(2, &[148, 4, 0, 0], &[0x22; 16], 16), &secret, &["igmp", "ip/2"], Ip),
        with("IGMPv2 leave", ipv4(2, &[148, 4, 0, 0], &[0x17; 8], 8), &secret, &["igmp", "ip/2"], Ip),
        with("PIM version 1", ipv4(2, &[], &[0x14; 8], 8 + n), &secret, &["igmp", "ip/2"], Ip),
        with("neighbour solicitation", ipv6(58, &[135; 32], 32), &secret, &["icmpv6", "ip/58"], Ip),
        with("router advertisement", ipv6(58, &[134; 64], 64), &secret, &["icmpv6", "ip/58"], Ip),
        with("redirect", ipv6(58, &[137; 48], 48), &secret, &["icmpv6", "ip/58"], Ip),
        with("MLDv2 report", ipv6(0, &with_alert(&[143; 28]), 36), &secret, &["icmpv6", "ip/58"], Ip),
        with("MLDv1 query", ipv6(0, &with_alert(&[130; 24]), 32), &secret, &["icmpv6", "ip/58"], Ip),
        with(
            "echo behind options",
            ipv6(0, &with_alert(&[128; 8]), 16 + n),
            &secret,
            &["icmpv6", "ip/58"],
            Ip,
        ),
        with("router renumbering", ipv6(58, &[138; 8], 8 + n), &secret, &["icmpv6", "ip/58"], Ip),
        // Extension headers: hop-by-hop and destination options, authentication, fragments.
        with(
            "two extension headers",
            ipv6(0, &[&[60][..], &PADDING, &[58], &PADDING, &[138; 8]].concat(), 24 + n),
            &secret,
            &["icmpv6", "ip/58"],
            Ip,
        ),
        with(
            "eight extension headers",
            ipv6(
                60,
                &[&[60][..], &PADDING]
                    .concat()
                    .repeat(7)
                    .into_iter()
                    .chain([6])
                    .chain(PADDING)
                    .chain([0x50; 20])
                    .collect::<Vec<_>>(),
                84 + n,
            ),
            &secret,
            &["tcp", "ip/6"],
            Ip,
        ),
        with(
            "nine extension headers",
            ipv6(60, &[&[60][..], &PADDING].concat().repeat(8), 92 + n),
            &[&[6][..], &PADDING, &[0x50; 20], SECRET].concat(),
            ABOVE_IP,
            Ip,
        ),
        with(
            "an authentication header",
            ipv6(51, &[&[17, 4][..], &[0; 22], &udp(40_000, 53, &[], n)].concat(), 32 + n),
            &secret,
            &["udp", "udp/53", "ip/17"],
            Ip,
        ),
        with(
            "a first fragment",
            ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 9][..], &udp(40_000, 53, &[], n)].concat(), 16 + n),
            &secret,
            &["udp", "udp/53", "ip/17"],
            Ip,
        ),
        with(
            "a later fragment",
            ipv6(44, &[17, 0, 0x01, 0x08, 0, 0, 0, 9], 8 + n),
            &secret,
            &["udp", "ip/17"],
            Ip,
        ),
        with(
            "a later fragment of options",
            ipv6(44, &[60, 0, 0x01, 0x08, 0, 0, 0, 9], 8 + n),
            &secret,
            ABOVE_IP,
            Ip,
        ),
        // UDP: by port, and by what is there.
        with("DHCPv4", datagram_v4(67, 68, &dhcpv4, 244), &secret, &["dhcp", "udp", "ip/17"], Ip),
        with("DHCPv6", datagram_v6(546, 547, &[1; 60], 60), &secret, &["dhcp", "udp", "ip/17"], Ip),
        with("DHCPv6 relayed", datagram_v6(547, 547, &[12; 60], 60), &secret, &["dhcp", "udp", "ip/17"], Ip),
        with("not DHCPv6", datagram_v6(546, 547, &[], n), &secret, &["dhcp", "udp", "ip/17"], Ip),
        with(
            "not for IPv4",
            datagram_v4(546, 547, &[], 4 + n),
            &[&[1; 4], SECRET].concat(),
            &["udp", "ip/17"],
            Ip,
        ),
        with("Access-Request", datagram_v4(50_000, 1812, &radius(1, 100), 100), &long, RADIUS, Ip),
        with("Access-Accept", datagram_v6(1645, 50_000, &radius(2, 100), 100), &long, RADIUS, Ip),
        with("Disconnect-Request", datagram_v4(50_000, 3799, &radius(40, 100), 100), &long, RADIUS, Ip),
        with("not RADIUS", datagram_v4(50_000, 1813, &[], n), &secret, RADIUS, Ip),
        with("multicast DNS", datagram_v4(5353, 5353, &[], 12 + n), &[&[0; 12], SECRET].concat(), MDNS, Ip),
        with("LLMNR", datagram_v6(50_000, 5355, &[], n), &secret, &["udp", "ip/17"], Ip),
        with("SSDP", datagram_v4(50_000, 1900, &[], n), &secret, &["udp", "ip/17"], Ip),
        with("NetBIOS names", datagram_v4(137, 137, &[], n), &secret, &["udp", "ip/17"], Ip),
        with("TZSP", datagram_v4(50_000, 37008, &[], n), &secret, &["udp", "ip/17"], Ip),
        with("VXLAN", datagram_v4(50_000, 4789, &[], n), &secret, &["udp", "ip/17"], Ip),
    ]
}

const RADIUS: &[&str] = &["radius", "udp", "ip/17"];
const MDNS: &[&str] = &["mdns", "udp", "udp/5353", "ip/17"];
const ABOVE_IP: &[&str] = &[
    "dhcp", "radius", "mdns", "igmp", "icmp", "icmpv6", "tcp", "udp", "udp/5353", "tcp/22", "ip/2", "ip/17",
    "ip/58",
];
const AT_ETHERNET: &[&str] = &["arp", "lldp", "cdp", "edp", "fdp", "sonmp", "stp", "eapol"];

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

#[test]
fn what_may_be_kept_is_kept_and_nothing_behind_it() {
    let rules = rules("");
    for control in all() {
        for tags in [&[][..], &[20], &[20, 30], &[1, 2, 3, 4, 5]] {
            let frame = control.frame(tags);
            let kept = rules.filter().run(&frame, None);
            assert_eq!(kept, control.tagged(tags).len(), "{} {tags:?}", control.what);
            for cut in 1..frame.len() {
                let of_cut = rules.filter().run(&frame[..cut], None);
                assert!(of_cut > 0 && of_cut <= kept, "{} cut to {cut} octets", control.what);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_excludes_a_control_frame_is_its_first_reason(
        control in select(all()),
        tags in prop::collection::vec(select(vec![10u16, 20]), 0..=5),
        words in subsequence([AT_ETHERNET, ABOVE_IP].concat(), 0..4),
        (by_vlan, by_mac, by_prefix) in any::<(bool, bool, bool)>(),
    ) {
        let text = format!(
            "[exclude]\nvlans = {}\nmacs = {}\nprefixes = {}\nprotocols = {words:?}\n",
            if by_vlan { "[20]" } else { "[]" },
            if by_mac { "[\"00:1b:21\"]" } else { "[]" },
            if by_prefix { "[\"10.9.0.0/16\", \"2001:db8:9::/48\"]" } else { "[]" },
        );
        let by_word = words.iter().any(|word| control.words.contains(word));
        let expected = if by_vlan && tags.contains(&20) {
            Some(Exclusion::Vlan)
        } else if by_mac {
            Some(Exclusion::Mac)
        } else if by_prefix && control.layer == Layer::Ip {
            Some(Exclusion::Prefix)
        } else {
            by_word.then_some(Exclusion::Protocol)
        };
        let rules = rules(&text);
        // The outermost tag lies beside the frame.
        let frame = control.frame(tags.get(1..).unwrap_or_default());
        let beside = tags.first().map(|vid| VlanTag(*vid));
        let kept = rules.filter().run(&frame, beside);
        prop_assert_eq!(exclusion(kept, frame.len()), expected, "{}", control.what);
        if expected.is_none() {
            prop_assert_eq!(kept, control.tagged(tags.get(1..).unwrap_or_default()).len(), "{}", control.what);
        }
        let stripped = beside.map(|t| wire::vlan::Tag { tpid: 0x8100, tci: t.0 });
        let packet = wire::parse(wire::Link::Ethernet, &frame, stripped, frame.len() as u32).unwrap();
        prop_assert_eq!(rules.collect().exclusions().judge(&packet), expected, "{}", control.what);
    }
}

/// Octets of the headers of a control frame without tags.
fn headers(control: &Control) -> usize {
    match control.what {
        "BPDU" => 14 + 3,
        "PVST+" | "CDP" | "EDP" | "FDP" | "SONMP" => 14 + 8,
        what if what.starts_with("EAP") => 14,
        "IGMPv3 report" | "IGMPv2 leave" => 14 + 24 + 8,
        "neighbour solicitation" | "router advertisement" | "redirect" => 14 + 40 + 8,
        "MLDv2 report" | "MLDv1 query" => 14 + 48 + 8,
        "DHCPv4" | "Access-Request" | "Disconnect-Request" => 14 + 20 + 8,
        "DHCPv6" | "DHCPv6 relayed" | "Access-Accept" => 14 + 40 + 8,
        _ => control.kept.len(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The program keeps the headers of what the rules choose, and of everything else what it keeps without rules.
    #[test]
    fn no_more_than_headers_is_kept_of_what_is_chosen(
        control in select(all()),
        tags in prop::collection::vec(select(vec![10u16, 20]), 0..=5),
        words in subsequence([AT_ETHERNET, ABOVE_IP].concat(), 0..4),
        (by_vlan, by_mac) in any::<(bool, bool)>(),
    ) {
        let text = format!(
            "[headers_only]\nvlans = {}\nmacs = {}\nprotocols = {words:?}\n",
            if by_vlan { "[20]" } else { "[]" },
            if by_mac { "[\"00:1b:21\"]" } else { "[]" },
        );
        let by_word = words.iter().any(|word| control.words.contains(word));
        let is_chosen = by_word || by_mac || by_vlan && tags.contains(&20);
        let rules = rules(&text);
        let (inner, beside) = (tags.get(1..).unwrap_or_default(), tags.first().map(|vid| VlanTag(*vid)));
        let frame = control.frame(inner);
        let kept = rules.filter().run(&frame, beside);
        let expected = if is_chosen { headers(&control) } else { control.kept.len() };
        prop_assert_eq!(kept, expected + 4 * inner.len(), "{}", control.what);
        prop_assert_eq!(rules.keep().octets(&frame, beside), kept, "{}", control.what);
        let stripped = beside.map(|t| wire::vlan::Tag { tpid: 0x8100, tci: t.0 });
        let packet = wire::parse(wire::Link::Ethernet, &frame, stripped, frame.len() as u32).unwrap();
        let found = rules.collect().headers_only().find(&packet);
        prop_assert_eq!(found.is_some(), is_chosen, "{}", control.what);
        prop_assert!(found.is_none_or(|found| rules.limits_in_kernel(&found)), "{}", control.what);
    }
}

fn octets(depth: Depth, frame: &[u8]) -> usize {
    compile(&Exclusions::default(), &Exclusions::default(), &RuleList::default(), depth)
        .unwrap()
        .0
        .run(frame, None)
}

#[test]
fn an_identity_is_kept_only_where_a_rule_keeps_it() {
    let depth = Depth { eap_identity: true, ..Depth::default() };
    let identity = [&[2, 0, 0, 9, 2, 1, 0, 9, 1][..], b"anna"].concat();
    let frame = [ethernet(0x888e, &identity), SECRET.to_vec()].concat();
    assert_eq!(octets(depth, &frame), 14 + 13);
    assert_eq!(octets(Depth::default(), &frame), 14 + 9);
    // The request, and the response of a method, are no identity.
    for (code, method) in [(1, 1), (2, 13)] {
        let frame = ethernet(0x888e, &[2, 0, 0, 9, code, 1, 0, 9, method, 0, 0, 0, 0]);
        assert_eq!(octets(depth, &frame), 14 + 9);
    }
}

#[test]
fn radius_attributes_are_kept_only_where_a_rule_keeps_one() {
    let depth = Depth { radius: true, ..Depth::default() };
    let message = [radius(1, 26), vec![0; 16], b"\x01\x06anna".to_vec()].concat();
    // Octets behind the message but within the datagram are padding (RFC 2865, 3).
    let datagram = [&message[..], SECRET].concat();
    let frame = datagram_v4(50_000, 1812, &datagram, datagram.len());
    assert_eq!(octets(depth, &frame), 14 + 20 + 8 + 26);
    assert_eq!(octets(Depth::default(), &frame), 14 + 20 + 8 + 4);
    // Status and dynamic authorization are nothing of which an attribute is read.
    for (code, kept) in [(5, 26), (11, 26), (12, 4), (13, 4), (40, 4), (45, 4)] {
        let datagram = [&[code][..], &message[1..]].concat();
        let frame = datagram_v4(50_000, 1812, &datagram, datagram.len());
        assert_eq!(octets(depth, &frame), 14 + 20 + 8 + kept, "code {code}");
    }
    for (code, length) in [(0, 26), (7, 26), (255, 26), (1, 19), (1, 4097), (1, 200)] {
        let datagram = [radius(code, length), vec![7; 40]].concat();
        let frame = datagram_v4(50_000, 1812, &datagram, datagram.len());
        assert_eq!(octets(depth, &frame), 14 + 20 + 8, "code {code}, length {length}");
    }
}

#[test]
fn multicast_dns_is_kept_only_where_a_rule_keeps_service_types() {
    let depth = Depth { service_types: true, ..Depth::default() };
    let message = [vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0], vec![5; 40]].concat();
    let frame = [datagram_v6(5353, 5353, &message, message.len()), SECRET.to_vec()].concat();
    assert_eq!(octets(depth, &frame), 14 + 40 + 8 + 52);
    assert_eq!(octets(Depth::default(), &frame), 14 + 40 + 8);
    // A dynamic update on a port that happens to be the same.
    let frame = datagram_v6(5353, 53, &[&[0, 0, 0x28, 0][..], SECRET].concat(), 4 + SECRET.len());
    assert_eq!(octets(depth, &frame), 14 + 40 + 8);
}

/// Whatever rules keep, in whatever form, without these: no identity and no attribute enters user space.
#[test]
fn a_field_deepens_the_filter_if_it_is_read_from_there_and_only_then() {
    let attributes = [
        Field::AuthenticationUserName,
        Field::AuthenticationNasIdentifier,
        Field::AuthenticationNasPort,
        Field::AuthenticationNasPortType,
        Field::AuthenticationNasPortId,
        Field::AuthenticationAssignedVlan,
        Field::AuthenticationFilterIds,
        Field::AuthenticationClass,
        Field::AuthenticationAcctStatusType,
        Field::AuthenticationSessionTime,
        Field::AuthenticationInputOctets,
        Field::AuthenticationOutputOctets,
        Field::AuthenticationInputPackets,
        Field::AuthenticationOutputPackets,
        Field::AuthenticationTerminateCause,
    ];
    for field in Field::ALL {
        let treatments =
            Treatment::ALL.into_iter().filter(|t| Gate::Collect.takes(*t, *field) && *t != Treatment::Drop);
        for treatment in treatments {
            let kind = field.kind().name();
            let rule = format!("[collect.{kind}]\n{} = \"{}\"\n", field.short_name(), treatment.name());
            let expected = Depth {
                radius: attributes.contains(field),
                service_types: *field == Field::DeviceServiceTypes,
                eap_identity: *field == Field::AuthenticationIdentity,
                ..Depth::default()
            };
            assert_eq!(rules(&rule).collect().depth(), expected, "{rule}");
            let without = format!("[collect]\nkinds = [\"counters\"]\n{rule}");
            assert_eq!(rules(&without).collect().depth(), Depth::default(), "{without}");
        }
    }
}

#[test]
fn nothing_is_deeper_by_default() {
    assert_eq!(rules("").collect().depth(), Depth::default());
    assert_eq!(
        &compile(&Exclusions::default(), &Exclusions::default(), &RuleList::default(), Depth::default())
            .unwrap()
            .0,
        rules("").filter()
    );
}
