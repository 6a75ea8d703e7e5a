//! The kernel filter, run by our interpreter: how much it keeps, and that it excludes what the rules say.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use headgate_rules::filter::{Left, Scope, VlanTag, exclusion};
use headgate_rules::{Exclusion, Rules};
use headgate_wire as wire;
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::MutableIpv4Packet;
use pnet_packet::ipv6::MutableIpv6Packet;
use pnet_packet::tcp::MutableTcpPacket;
use pnet_packet::udp::MutableUdpPacket;
use proptest::prelude::*;

const SECRET: &[u8] = b"SECRET-PAYLOAD-SECRET-PAYLOAD";

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

/// A frame to build: what stands in each header.
#[derive(Clone, Debug)]
struct Shape {
    source: [u8; 6],
    destination: [u8; 6],
    tags: Vec<u16>,
    v6: bool,
    from: u8,
    to: u8,
    options: u8,
    protocol: u8,
    ports: (u16, u16),
    fragment: u16,
}

impl Shape {
    fn plain() -> Shape {
        Shape {
            source: [0, 0x1b, 0x21, 0, 0, 1],
            destination: [0, 0x1c, 0x73, 0, 0, 2],
            tags: Vec::new(),
            v6: false,
            from: 1,
            to: 2,
            options: 0,
            protocol: 6,
            ports: (40_000, 80),
            fragment: 0,
        }
    }

    /// The frame, and the length of its headers.
    fn build(&self) -> (Vec<u8>, usize) {
        let transport = self.transport();
        let header = match self.protocol {
            6 => 20,
            17 => 8,
            1 if !self.v6 => 8,
            58 if self.v6 => 8,
            // GRE, of a protocol that is not read.
            47 => 4,
            _ => 0,
        };
        let (network, network_header) = if self.v6 { self.ipv6(&transport) } else { self.ipv4(&transport) };
        let network_type: u16 = if self.v6 { 0x86dd } else { 0x0800 };
        let first_type: u16 = if self.tags.is_empty() { network_type } else { 0x8100 };
        let mut frame = [&self.destination[..], &self.source, &first_type.to_be_bytes()].concat();
        for (at, vid) in self.tags.iter().enumerate() {
            frame.extend(vid.to_be_bytes());
            let next: u16 = if at + 1 < self.tags.len() { 0x8100 } else { network_type };
            frame.extend(next.to_be_bytes());
        }
        let link = frame.len();
        frame.extend(network);
        let transport_header = if self.fragment > 0 { 0 } else { header };
        (frame, link + network_header + transport_header)
    }

    fn transport(&self) -> Vec<u8> {
        let mut bytes = vec![0; 20 + SECRET.len()];
        match self.protocol {
            6 => {
                let mut tcp = MutableTcpPacket::new(&mut bytes).unwrap();
                tcp.set_source(self.ports.0);
                tcp.set_destination(self.ports.1);
                tcp.set_data_offset(5);
                bytes[20..].copy_from_slice(SECRET);
            }
            17 => {
                let mut udp = MutableUdpPacket::new(&mut bytes).unwrap();
                udp.set_source(self.ports.0);
                udp.set_destination(self.ports.1);
                udp.set_length(20 + SECRET.len() as u16);
                bytes[20..].copy_from_slice(SECRET);
            }
            _ => bytes[20..].copy_from_slice(SECRET),
        }
        bytes
    }

    fn ipv4(&self, transport: &[u8]) -> (Vec<u8>, usize) {
        let header = 20 + 4 * usize::from(self.options);
        let mut bytes = vec![0; header + transport.len()];
        let total = bytes.len() as u16;
        let mut ip = MutableIpv4Packet::new(&mut bytes).unwrap();
        ip.set_version(4);
        ip.set_header_length(5 + self.options);
        ip.set_total_length(total);
        ip.set_fragment_offset(self.fragment);
        ip.set_next_level_protocol(IpNextHeaderProtocol(self.protocol));
        ip.set_source([10, 0, self.from, 1].into());
        ip.set_destination([10, 0, self.to, 1].into());
        bytes[20..header].fill(1);
        bytes[header..].copy_from_slice(transport);
        (bytes, header)
    }

    fn ipv6(&self, transport: &[u8]) -> (Vec<u8>, usize) {
        let mut bytes = vec![0; 40 + transport.len()];
        let mut ip = MutableIpv6Packet::new(&mut bytes).unwrap();
        ip.set_version(6);
        ip.set_payload_length(transport.len() as u16);
        ip.set_next_header(IpNextHeaderProtocol(self.protocol));
        ip.set_source([0x2001, 0xdb8, self.from.into(), 0, 0, 0, 0, 1].into());
        ip.set_destination([0x2001, 0xdb8, self.to.into(), 0, 0, 0, 0, 1].into());
        bytes[40..].copy_from_slice(transport);
        (bytes, 40)
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let mac = prop::sample::select(vec![
        [0, 0x1b, 0x21, 0, 0, 1],
        [0, 0x1b, 0x21, 0, 0, 2],
        [0, 0x1c, 0x73, 0, 0, 2],
        [2, 0, 0, 0, 0, 1],
        [0xff; 6],
    ]);
    let tags = prop::collection::vec(prop::sample::select(vec![0u16, 10, 20, 150]), 0..=5);
    let protocol = prop::sample::select(vec![1u8, 6, 17, 47, 58]);
    let port = prop::sample::select(vec![22u16, 53, 80, 443, 40_000]);
    (
        (mac.clone(), mac, tags, any::<bool>()),
        (
            0..4u8,
            0..4u8,
            0..=10u8,
            protocol,
            (port.clone(), port),
            prop::sample::select(vec![0u16, 0, 0, 100]),
        ),
    )
        .prop_map(|((source, destination, tags, v6), (from, to, options, protocol, ports, fragment))| {
            Shape {
                source,
                destination,
                tags,
                v6,
                from,
                to,
                options: if v6 { 0 } else { options },
                protocol,
                ports,
                fragment: if v6 { 0 } else { fragment },
            }
        })
}

fn any_exclusions() -> impl Strategy<Value = String> {
    let pick =
        |all: &'static [&'static str]| prop::sample::subsequence(all, 0..=2).prop_map(|v| v.join(", "));
    (
        pick(&["20", "\"100-199\"", "4094"]),
        pick(&["\"00:1b:21:00:00:02\"", "\"00:1c:73\"", "\"locally-administered\"", "\"group\""]),
        pick(&["\"10.0.1.0/24\"", "\"10.0.2.1\"", "\"2001:db8:3::/48\"", "\"2001:db8:1::1\""]),
        pick(&["\"icmp\"", "\"icmpv6\"", "\"tcp\"", "\"tcp/22\"", "\"udp/53\"", "\"ip/47\""]),
    )
        .prop_map(|(vlans, macs, prefixes, protocols)| {
            format!("[exclude]\nvlans = [{vlans}]\nmacs = [{macs}]\nprefixes = [{prefixes}]\nprotocols = [{protocols}]\n")
        })
}

/// What the wire delivers: the outermost tag beside the frame.
fn strip(frame: &[u8]) -> (Vec<u8>, Option<VlanTag>) {
    if frame[12..14] != [0x81, 0x00] {
        return (frame.to_vec(), None);
    }
    let tag = VlanTag(u16::from_be_bytes([frame[14], frame[15]]));
    ([&frame[..12], &frame[16..]].concat(), Some(tag))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The program and the reference over the whole frame give the same reason, or both none; and what
    /// is kept are exactly the headers.
    #[test]
    fn the_program_means_what_the_rules_say(shape in any_shape(), text in any_exclusions()) {
        let rules = rules(&text);
        let (frame, headers) = shape.build();
        let (bytes, tag) = strip(&frame);
        let kept = rules.filter().run(&bytes, tag);
        let stripped = tag.map(|t| wire::vlan::Tag { tpid: 0x8100, tci: t.0 });
        let packet = wire::parse(wire::Link::Ethernet, &bytes, stripped, bytes.len() as u32).unwrap();
        let expected = rules.collect().exclusions().judge(&packet);
        prop_assert_eq!(exclusion(kept, bytes.len()), expected);
        // The entry that is named excludes the frame by itself.
        if let Some(found) = rules.collect().exclusions().find(&packet) {
            let entry = rules.collect().exclusions().show(&found);
            let sort = match found.exclusion {
                Exclusion::Prefix => "prefixes".to_owned(),
                other => format!("{}s", other.name()),
            };
            let alone = self::rules(&format!("[exclude]\n{sort} = [{entry:?}]\n"));
            prop_assert_eq!(alone.collect().exclusions().judge(&packet), expected, "{}", entry);
        }
        if expected.is_none() {
            prop_assert_eq!(kept, headers - (frame.len() - bytes.len()));
        }
    }

    /// A frame cut anywhere is never kept beyond its headers, and never ends uncounted.
    #[test]
    fn a_cut_frame_keeps_no_payload(shape in any_shape(), cut in any::<prop::sample::Index>()) {
        let (frame, headers) = shape.build();
        let cut = 1 + cut.index(frame.len());
        let kept = rules("").filter().run(&frame[..cut], None);
        prop_assert!(kept > 0 && kept <= headers, "{} of {}", kept, headers);
    }
}

#[test]
fn lldp_arp_and_dhcp_are_kept_whole_without_what_follows_them() {
    let rules = rules("");
    let mut lldp = vec![1, 0x80, 0xc2, 0, 0, 0x0e, 0, 0x1c, 0x73, 0, 0, 1, 0x88, 0xcc];
    lldp.extend([7; 200]);
    assert_eq!(rules.filter().run(&lldp, None), lldp.len());
    let mut arp = vec![0xff; 12];
    arp.extend([8, 6]);
    arp.extend([0; 46]);
    assert_eq!(rules.filter().run(&arp, None), 14 + 28);
    let mut shape = Shape { protocol: 17, ports: (68, 67), ..Shape::plain() };
    let mut frame = dhcp(&mut shape, true);
    let whole = frame.len();
    frame.extend(SECRET);
    assert_eq!(rules.filter().run(&frame, None), whole);
}

#[test]
fn payload_on_the_ports_of_dhcp_that_is_not_dhcp_is_cut() {
    let rules = rules("");
    let mut shape = Shape { protocol: 17, ports: (68, 67), ..Shape::plain() };
    let frame = dhcp(&mut shape, false);
    assert_eq!(rules.filter().run(&frame, None), 14 + 20 + 8);
}

fn dhcp(shape: &mut Shape, cookie: bool) -> Vec<u8> {
    let (mut frame, _) = shape.build();
    frame.truncate(14 + 20 + 8);
    let mut message = vec![0; 240 + 10];
    message[0] = 1;
    if cookie {
        message[236..240].copy_from_slice(&[99, 130, 83, 99]);
    }
    let length = (8 + message.len()) as u16;
    frame[16..18].copy_from_slice(&(20 + length).to_be_bytes());
    frame[38..40].copy_from_slice(&length.to_be_bytes());
    frame.extend(message);
    frame
}

/// Behind a hop-by-hop header an excluded protocol was once not recognised, and its flow was recorded.
#[test]
fn an_excluded_protocol_cannot_hide_behind_an_extension_header() {
    let rules = rules("[exclude]\nprotocols = [\"icmpv6\"]\n");
    let (mut frame, _) = Shape { v6: true, protocol: 58, ..Shape::plain() }.build();
    frame[20] = 0;
    frame.splice(54..54, [58, 0, 5, 2, 0, 0, 1, 0]);
    let kept = rules.filter().run(&frame, None);
    assert_eq!(exclusion(kept, frame.len()), Some(Exclusion::Protocol));
    let packet = wire::parse(wire::Link::Ethernet, &frame, None, frame.len() as u32).unwrap();
    assert_eq!(rules.collect().exclusions().judge(&packet), Some(Exclusion::Protocol));
}

#[test]
fn an_excluded_protocol_cannot_hide_behind_snap() {
    let rules = rules("[exclude]\nprotocols = [\"arp\"]\n");
    let snap = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0, 36, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06], &[0; 28]]
        .concat();
    let packet = wire::parse(wire::Link::Ethernet, &snap, None, 0).unwrap();
    assert_eq!((packet.ethertype, packet.is_understood()), (36, true));
    assert_eq!(rules.collect().exclusions().judge(&packet), Some(Exclusion::Protocol));
}

/// What does not fit is left to the collect gate, that of tunnels first, and none of it is lost.
#[test]
fn the_whole_rule_language_fits_the_kernel() {
    let list = |items: Vec<String>| items.iter().map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(", ");
    let full = |prefix: fn(u32) -> String, mac: fn(u32) -> String| {
        let text = format!(
            "[exclude]\nvlans = [{}]\nmacs = [{}]\nprefixes = [{}]\nprotocols = [{}]\n",
            list((0..64).map(|n| format!("{}-{}", n * 3, n * 3 + 1)).collect()),
            list((0..64).map(mac).collect()),
            list((0..64).map(prefix).collect()),
            list((0..64).map(|n| format!("tcp/{}", n * 2 + 1)).collect()),
        );
        let rules = rules(&text);
        assert!(rules.filter().instructions().len() <= 4_096);
        let left = rules.keep().left();
        println!("{} instructions, left to the gate: {left:?}", rules.filter().instructions().len());
        (rules.clone(), left.to_vec())
    };
    let (site, left) = full(|n| format!("10.{n}.0.0/24"), |n| format!("00:1b:21:00:01:{n:02x}"));
    assert!(left.iter().all(|left| left.scope == Scope::WithinTunnels), "{left:?}");
    assert_eq!(site.collect().exclusions(), rules(&site.show()).collect().exclusions());
    full(|n| format!("2001:db8:{n}::/64"), |n| format!("00:1b:21:00:01:{n:02x}"));
    // Every entry has all its words for itself.
    full(
        |n| format!("2001:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}"),
        |n| format!("00:{n:02x}:21:00:01:{n:02x}"),
    );
    println!("{} instructions by default", rules("").filter().instructions().len());
    println!(
        "{} instructions without tunnels",
        rules("[collect]\ntunnels = []").filter().instructions().len()
    );
}

/// Everything that a file may say, in the longest way: what has no room is decided in the collect gate, and said.
#[test]
fn what_does_not_fit_the_kernel_is_left_to_the_collect_gate() {
    let list = |items: Vec<String>| items.iter().map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(", ");
    let choice = |name: &str| {
        format!(
            "[{name}]\nvlans = [{}]\nmacs = [{}]\nprefixes = [{}]\nprotocols = [{}]\n",
            list((0..64).map(|n| format!("{}-{}", n * 3, n * 3 + 1)).collect()),
            list((0..64).map(|n| format!("00:{n:02x}:21:00:01:{n:02x}")).collect()),
            list((0..64).map(|n| format!("2001:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}")).collect()),
            list((0..64).map(|n| format!("udp/{}", n * 2 + 1)).collect()),
        )
    };
    let all = rules(&[choice("exclude"), choice("headers_only")].concat());
    println!("{} instructions, left to the gate: {:?}", all.filter().instructions().len(), all.keep().left());
    assert!(all.filter().instructions().len() <= 4_096);
    let vlans = Left { exclusion: Exclusion::Vlan, scope: Scope::HeadersOnly };
    assert_eq!(all.keep().left().first(), Some(&vlans));
    assert!(all.show().contains(", but for vlan for headers only"), "{}", all.show());
    let (frame, _) = Shape { tags: vec![1], ..Shape::plain() }.build();
    let packet = wire::parse(wire::Link::Ethernet, &frame, None, frame.len() as u32).unwrap();
    let found = all.collect().headers_only().find(&packet).unwrap();
    assert!(found.exclusion == Exclusion::Vlan && !all.limits_in_kernel(&found));
    let some = rules("[headers_only]\nvlans = [1, 3]\nmacs = [\"group\"]\nprotocols = [\"dhcp\"]\n");
    println!("{} instructions with some headers only", some.filter().instructions().len());
    assert!(some.keep().left().is_empty() && some.limits_in_kernel(&found));
}

#[test]
fn an_exclusion_beside_a_frame_shorter_than_its_code_is_none() {
    assert_eq!(exclusion(2, 2), None);
    assert_eq!(exclusion(2, 60), Some(Exclusion::Mac));
}
