//! One frame from octets to typed data, beside an independent reader of the same depth.
// A bench fails by panicking, and it adds up lengths that it chose.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headgate_wire::{Link, parse, plain};

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let ethernet = |ethertype: u16, payload: &[u8]| {
        let mut frame = vec![0x00, 0x1b, 0x21, 0, 0, 2, 0x00, 0x1c, 0x73, 0, 0, 1];
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame
    };
    let ipv4 = |protocol: u8, payload: &[u8]| {
        let length = u16::try_from(20 + payload.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(payload);
        packet
    };
    let ipv6 = |protocol: u8, payload: &[u8]| {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        packet.extend([protocol, 64]);
        packet.extend([0x20; 32]);
        packet.extend(payload);
        packet
    };
    let mut tcp = vec![0xc0, 0x01, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x10, 1, 0, 0, 0, 0, 0];
    tcp.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    tcp.resize(32 + 512, 0);
    let udp = |source: u16, destination: u16, payload: &[u8]| {
        let mut datagram = [source.to_be_bytes(), destination.to_be_bytes()].concat();
        datagram.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(payload);
        datagram
    };
    let mut dhcp = vec![1, 1, 6, 0, 1, 2, 3, 4];
    dhcp.resize(236, 0);
    dhcp.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 12, 6, b'l', b'a', b'p', b't', b'o', b'p']);
    dhcp.extend([55, 7, 1, 3, 6, 15, 119, 252, 42, 60, 4, b't', b'e', b's', b't', 255]);
    let mut lldp = vec![2, 7, 4, 0, 0x1b, 0x21, 0, 0, 2, 4, 3, 5, b'e', b'0', 6, 2, 0, 120];
    lldp.extend([10, 6, b's', b'w', b'i', b't', b'c', b'h', 14, 4, 0, 0x14, 0, 4]);
    lldp.extend([16, 12, 5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 7, 0, 254, 6, 0, 0x80, 0xc2, 1, 0, 5, 0, 0]);
    vec![
        ("ipv4-tcp", ethernet(0x0800, &ipv4(6, &tcp))),
        ("ipv6-tcp", ethernet(0x86dd, &ipv6(6, &tcp))),
        ("ipv4-udp", ethernet(0x0800, &ipv4(17, &udp(40_000, 443, &[0; 512])))),
        ("vlan-ipv4-tcp", ethernet(0x8100, &[&[0, 5, 8, 0][..], &ipv4(6, &tcp)].concat())),
        ("dhcpv4", ethernet(0x0800, &ipv4(17, &udp(68, 67, &dhcp)))),
        ("lldp", ethernet(0x88cc, &lldp)),
    ]
}

fn frame(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    group.throughput(Throughput::Elements(1));
    for (name, frame) in frames() {
        let wire_len = u32::try_from(frame.len()).unwrap();
        group.bench_function(format!("headgate/{name}"), |b| {
            b.iter(|| {
                parse(Link::Ethernet, black_box(&frame), None, wire_len).map(|p| p.malformed.is_some())
            });
        });
        if plain(&frame, wire_len).is_some() {
            group.bench_function(format!("headgate-plain/{name}"), |b| {
                b.iter(|| plain(black_box(&frame), wire_len));
            });
        }
        group.bench_function(format!("etherparse/{name}"), |b| {
            b.iter(|| {
                etherparse::PacketHeaders::from_ethernet_slice(black_box(&frame)).map(|p| p.net.is_some())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, frame);
criterion_main!(benches);
