//! Frames of what no capture holds, written octet by octet as the standards draw them.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::pcap::{self, Packet};

mod lldp;
mod rare;
mod wireless;

/// Writes captures of Ethernet frames, and one of each other link type that no capture has.
pub fn captures(directory: &Path) -> Vec<PathBuf> {
    let ethernet = [
        links(),
        hosts(),
        errors(),
        tunnels(),
        wireless::tunnels(),
        access(),
        rare::frames(),
        lldp::frames(),
    ]
    .concat();
    let ppi = vec![wireless::ppi(false), wireless::ppi(true)];
    [
        ("made.pcap", 1_u32, ethernet),
        ("arp-made.pcap", 1, arp()),
        ("made-ppi.pcap", 192, ppi),
        ("made-wlan.pcap", 105, wireless::frames()),
        ("made-radiotap.pcap", 127, vec![rare::radiotap()]),
        ("made-prism.pcap", 119, wireless::prism()),
        ("made-avs.pcap", 163, wireless::avs()),
        ("made-raw-12.pcap", 12, vec![inner()]),
        ("made-raw-14.pcap", 14, vec![inner()]),
        ("made-loop.pcap", 108, vec![join(&[&[0, 0, 0, 2], &inner()])]),
        ("made-cooked-2.pcap", 276, vec![join(&[&COOKED_2, &inner()])]),
    ]
    .map(|(name, link, frames)| {
        let packet = |(at, bytes): (u64, Vec<u8>)| Packet {
            time_us: 1_700_000_000_000_000 + at,
            wire_len: bytes.len(),
            bytes,
        };
        let packets: Vec<_> = (0..).zip(frames).map(packet).collect();
        let mut file = pcap::file(&packets);
        file[20..24].copy_from_slice(&link.to_le_bytes());
        let path = directory.join(name);
        fs::write(&path, file).unwrap();
        path
    })
    .into()
}

/// Type, reserved, interface, hardware, packet type, and an address with its length.
const COOKED_2: [u8; 20] = [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn length(octets: usize) -> [u8; 2] {
    u16::try_from(octets).unwrap().to_be_bytes()
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype.to_be_bytes(), payload])
}

fn snap(oui: [u8; 3], protocol: u16, payload: &[u8]) -> Vec<u8> {
    let llc = join(&[&[0xaa, 0xaa, 3], &oui, &protocol.to_be_bytes(), payload]);
    ethernet(u16::try_from(llc.len()).unwrap(), &llc)
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let head = [0, 7, 0x40, 0, 64, protocol, 0x12, 0x34, 10, 0, 0, 1, 10, 0, 0, 2];
    join(&[&[0x45, 0x2a], &length(20 + payload.len()), &head, payload])
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let source = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let head = join(&[&[0x61, 0x20, 0, 7], &length(payload.len()), &[next, 255], &source, &source]);
    join(&[&head, payload])
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&source.to_be_bytes(), &destination.to_be_bytes(), &length(8 + payload.len()), &[0, 0], payload])
}

fn ip(packet: &[u8]) -> Vec<u8> {
    ethernet(if packet[0] >> 4 == 4 { 0x0800 } else { 0x86dd }, packet)
}

fn datagram(destination: u16, payload: &[u8]) -> Vec<u8> {
    ip(&ipv4(17, &udp(50_000, destination, payload)))
}

fn inner() -> Vec<u8> {
    ipv4(17, &udp(40_001, 40_002, b"inner"))
}

fn arp() -> Vec<Vec<u8>> {
    let arp = |head: [u8; 6], addresses: usize| {
        ethernet(0x0806, &join(&[&head, &[0, 2], &(1..=40).take(addresses).collect::<Vec<u8>>()]))
    };
    vec![
        arp([0, 1, 8, 0, 6, 4], 20),
        arp([0, 6, 8, 0, 6, 4], 20),
        arp([0, 7, 8, 0, 1, 4], 10),
        arp([0, 32, 0x86, 0xdd, 20, 16], 40),
        arp([0, 1, 8, 0, 6, 16], 40),
        arp([0, 1, 8, 0, 6, 4], 19),
        arp([0, 24, 8, 0, 16, 4], 19),
    ]
}

fn links() -> Vec<Vec<u8>> {
    let mpls = join(&[&[0, 0x01, 0x0e, 64, 0, 0x02, 0x01, 63], &inner()]);
    let edp_tlv = |kind: u8, value: &[u8]| join(&[&[0x99, kind], &length(value.len() + 4), value]);
    let edp_tlvs = join(&[
        &edp_tlv(1, b"sw1\0"),
        &edp_tlv(
            2,
            &[
                0, 3, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 15, 3, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7,
                8,
            ],
        ),
        &edp_tlv(5, b"\x80\0\0\x0a\0\0\0\0\x0a\0\0\x01Default\0"),
        &edp_tlv(0, &[]),
    ]);
    let edp_head = [0x12, 0x34, 0, 7, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55];
    let edp = join(&[&[1, 0], &length(16 + edp_tlvs.len()), &edp_head, &edp_tlvs]);
    let fdp_tlv = |kind: u16, value: &[u8]| join(&[&kind.to_be_bytes(), &length(value.len() + 4), value]);
    let fdp = join(&[
        &[1, 180, 0x12, 0x34],
        &fdp_tlv(1, b"sw1"),
        &fdp_tlv(2, &[0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 192, 0, 2, 1]),
        &fdp_tlv(3, b"ethernet1"),
        &fdp_tlv(4, b"Switch"),
        &fdp_tlv(5, b"Version 1"),
        &fdp_tlv(6, b"FastIron"),
        &fdp_tlv(0x102, &[0, 9, 0x81, 0, 0, 0, 0, 0]),
    ]);
    let cdp =
        join(&[&[2, 180, 0x12, 0x34], &fdp_tlv(1, b"r1"), &fdp_tlv(7, &[10, 1, 0, 0, 16, 10, 2, 0, 0, 24])]);
    vec![
        snap([0, 0, 0], 0x0806, &join(&[&[0, 1, 8, 0, 6, 4, 0, 1], &[9; 20]])),
        ethernet(0x8847, &mpls),
        ethernet(0x8848, &mpls),
        ethernet(0x8100, &join(&[&[0x60, 5, 0x88, 0x47], &mpls])),
        snap([0x00, 0xe0, 0x2b], 0x00bb, &edp),
        snap([0x00, 0xe0, 0x52], 0x2000, &fdp),
        snap([0x00, 0x00, 0x0c], 0x2000, &cdp),
    ]
}

fn hosts() -> Vec<Vec<u8>> {
    let name = b"\x05_http\x04_tcp\x05local\0";
    let question = join(&[name, &[0, 12, 0x80, 1]]);
    // The name above stands at octet 12, its transport at 18.
    let other_question = join(&[b"\x04_ipp", &[0xc0, 18, 0, 12, 0, 1]]);
    let answer = join(&[name, &[0, 12, 0, 1, 0, 0, 0, 120, 0, 4, 1, b'x', 0xc0, 12]]);
    let service = join(&[b"\x04_ipp", &[0xc0, 18, 0, 12, 0, 1, 0, 0, 0, 120, 0, 4, 1, b'y', 0xc0, 12]]);
    let address = join(&[b"\x04host", &[0xc0, 23, 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 10, 0, 0, 1]]);
    let mdns = |head: [u8; 12], rest: &[u8]| ip(&ipv4(17, &udp(5353, 5353, &join(&[&head, rest]))));
    let igmp = |message: &[u8]| ip(&ipv4(2, message));
    let group = [239, 1, 2, 3];
    let report = join(&[
        &[0x22, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0],
        &group,
        &[1, 0, 0, 2],
        &group,
        &[10, 0, 0, 1, 10, 0, 0, 2],
    ]);
    let group6 = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb];
    let icmpv6 = |message: &[u8]| ip(&ipv6(58, message));
    let advertisement = join(&[
        &[134, 0, 0, 0, 64, 0xc8, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10],
        &[5, 1, 0, 0, 0, 0, 5, 0xdc],
        &[25, 3, 0, 0, 0, 0, 2, 88],
        &group6,
    ]);
    let tcp = [0x9c, 0x41, 0x9c, 0x42, 0, 0, 0, 1, 0, 0, 0, 2, 0xa0, 0x12, 1, 0, 0, 0, 0, 0];
    let fragment = |more: u8, offset: u8| {
        let header = [17, 0, 0, offset << 3 | more, 0, 0, 0x12, 0x34];
        ip(&ipv6(44, &join(&[&header, &udp(40_001, 40_002, b"12345678")])))
    };
    let relay = join(&[
        &[0x63, 0x82, 0x53, 0x63, 53, 1, 5, 42, 4, 10, 0, 0, 9],
        b"\x52\x0a\x01\x03Gi1\x02\x03r-1\xff",
    ]);
    let boot =
        join(&[&[2, 1, 6, 1], &[1; 24], &[2; 6], &[0; 10], &[b's'; 8], &[0; 56], &[b'f'; 8], &[0; 120]]);
    let radius = join(&[
        &[4, 9, 0, 20 + 36],
        &[5; 16],
        &[61, 6, 0, 0, 0, 15, 6, 6, 0, 0, 0, 2, 40, 6, 0, 0, 0, 1],
        b"\x1f\x06ABCD\x1e\x04EF\x20\x03G\x2c\x05HIJ",
    ]);
    vec![
        mdns([0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0], &join(&[&question, &other_question])),
        mdns([0, 7, 0x86, 3, 0, 1, 0, 1, 0, 0, 0, 0], &join(&[&question, &answer])),
        mdns([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 1, 0, 1], &join(&[&answer, &service, &address])),
        igmp(&join(&[&[0x11, 100, 0, 0], &group, &[0x0a, 125, 0, 1, 10, 0, 0, 9]])),
        igmp(&report),
        icmpv6(&join(&[&[130, 0, 0, 0, 0x27, 0x10, 0, 0], &group6])),
        icmpv6(&join(&[&[130, 0, 0, 0, 0x27, 0x10, 0, 0], &group6, &[0x0a, 125, 0, 1], &[7; 16]])),
        icmpv6(&join(&[&[131, 0, 0, 0, 0, 0, 0, 0], &group6])),
        icmpv6(&join(&[&[143, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 1], &group6, &[7; 16]])),
        icmpv6(&advertisement),
        fragment(1, 0),
        fragment(0, 5),
        ip(&ipv6(0, &join(&[&[17, 0, 0x30, 4, 5, 0, 0, 0], &udp(40_001, 40_002, b"x")]))),
        ip(&ipv4(6, &join(&[&tcp, &[29, 20, 3, 4], &[9; 16]]))),
        ip(&ipv4(17, &udp(67, 68, &join(&[&boot, &relay])))),
        datagram(1813, &radius),
    ]
}

/// Messages about a packet, which they quote.
fn errors() -> Vec<Vec<u8>> {
    let icmp = |head: [u8; 8]| ip(&ipv4(1, &join(&[&head, &inner()])));
    let icmpv6 = |head: [u8; 8]| ip(&ipv6(58, &join(&[&head, &ipv6(17, &udp(40_001, 40_002, b"inner"))])));
    let times = join(&[&[14, 0, 0, 0, 0, 5, 0, 6], &[1; 12]]);
    vec![
        icmp([3, 4, 0, 0, 0, 0, 5, 0xdc]),
        icmp([5, 1, 0, 0, 10, 0, 0, 254]),
        icmp([11, 0, 0, 0, 0, 0, 0, 0]),
        icmp([12, 0, 0, 0, 20, 0, 0, 0]),
        ip(&ipv4(1, &times)),
        ip(&ipv4(1, &[18, 0, 0, 0, 0, 5, 0, 6, 255, 255, 255, 0])),
        icmpv6([1, 4, 0, 0, 0, 0, 0, 0]),
        icmpv6([2, 0, 0, 0, 0, 0, 5, 0]),
        icmpv6([3, 0, 0, 0, 0, 0, 0, 0]),
        icmpv6([4, 1, 0, 0, 0, 0, 0, 6]),
    ]
}

fn tunnels() -> Vec<Vec<u8>> {
    let frame = ip(&inner());
    let inner6 = ipv6(17, &udp(40_001, 40_002, b"inner"));
    let gre = |head: &[u8], rest: &[u8]| ip(&ipv4(47, &join(&[head, rest])));
    let erspan3 = [0x20, 0x64, 0x58, 0x65, 1, 2, 3, 4, 0, 9, 0x82, 0x1b];
    vec![
        ip(&ipv4(4, &inner())),
        ip(&ipv4(41, &inner6)),
        ip(&ipv6(4, &inner())),
        ip(&ipv6(41, &inner6)),
        ip(&ipv6(143, &frame)),
        gre(&[0, 0, 8, 0], &inner()),
        gre(&[0xb0, 0, 0x86, 0xdd, 0x12, 0x34, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6], &inner6),
        gre(&[0, 0, 0x65, 0x58], &frame),
        gre(&[0, 0, 0x88, 0x47, 0, 1, 1, 9], &inner()),
        gre(&[0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2], &[0xc0, 0x21, 9, 1]),
        gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 3, 0x10, 0x64, 0x58, 0x65, 0, 0, 0xab, 0xcd], &frame),
        gre(&join(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 3], &erspan3, &[0x0c, 0, 0, 0, 0, 0, 0, 9]]), &frame),
        datagram(4789, &join(&[&[8, 0, 0, 0, 0, 0, 7, 0], &frame])),
        datagram(4789, &join(&[&[0x88, 0x48, 0, 9, 0, 0, 7, 0], &frame])),
        datagram(4790, &join(&[&[0x0c, 0, 0, 1, 0, 0, 7, 0], &inner()])),
        datagram(4790, &join(&[&[0x0c, 0, 0, 2, 0, 0, 7, 0], &inner6])),
        datagram(6081, &join(&[&[0, 0, 0x65, 0x58, 0, 0, 7, 0], &frame])),
        datagram(6081, &join(&[&[2, 0x40, 8, 0, 0, 0, 7, 0, 1, 4, 0x81, 1, 9, 9, 9, 9], &inner()])),
        datagram(37_008, &join(&[&[1, 0, 0, 1, 1], &frame])),
        datagram(37_008, &join(&[&[1, 0, 0, 1, 10, 1, 0xd0, 0, 18, 1, 6, 1], &frame])),
    ]
}

fn access() -> Vec<Vec<u8>> {
    let eapol = |kind: u8, body: &[u8]| ethernet(0x888e, &join(&[&[2, kind], &length(body.len()), body]));
    let eap = |code: u8, data: &[u8]| eapol(0, &join(&[&[code, 5], &length(4 + data.len()), data]));
    let key = join(&[&[2, 0x01, 0x0a, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1], &[7; 32], &[0; 16 + 8 + 8 + 16 + 2]]);
    let pppoe = |ethertype: u16, code: u8, rest: &[u8]| {
        ethernet(ethertype, &join(&[&[0x11, code, 0, 9], &length(rest.len()), rest]))
    };
    let tags = b"\x01\x01\x00\x04serv\x01\x02\x00\x04ac-1\x01\x03\x00\x02\x01\x02\x01\x04\x00\x03abc\x01\x10\x00\x02\x07\x08";
    vec![
        eap(1, &[1]),
        eap(2, b"\x01anna"),
        eap(1, &[13, 0x20]),
        eap(2, &[3, 25, 21]),
        eap(2, &[254, 0, 0x37, 0x2a, 0, 0, 0, 1]),
        eap(3, &[]),
        eap(4, &[]),
        eapol(1, &[]),
        eapol(2, &[]),
        eapol(3, &key),
        pppoe(0x8863, 7, tags),
        pppoe(0x8864, 0, &join(&[&[0, 0x21], &inner()])),
        pppoe(0x8864, 0, &join(&[&[0, 0x57], &ipv6(17, &udp(1, 2, b"x"))])),
        pppoe(0x8864, 0, &[0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4]),
    ]
}
