//! One frame through the readers, the rules and the tables of the sensor.
// A bench fails by panicking.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use headgate_capture::Frame;
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;

/// A segment of a flow within VXLAN, in a virtual network of its own.
fn tunnelled(n: u32) -> Vec<u8> {
    let [_, a, b, c] = n.to_be_bytes();
    let inner = segment(1, false);
    let mut frame = vec![0x00, 0x09, 0x0f, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, 9, 0x08, 0x00];
    let length = 28 + 8 + 1_500_u16;
    frame.extend([0x45, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0xc0, 0, 0x12, 0xb5]);
    frame.extend((length - 20).to_be_bytes());
    frame.extend([0, 0, 8, 0, 0, 0, a, b, c, 0]);
    frame.extend(inner);
    frame
}

/// A TCP segment of flow `n`, cut behind its header.
fn segment(n: u32, ipv6: bool) -> Vec<u8> {
    let [_, a, b, c] = n.to_be_bytes();
    let mut frame = vec![0x00, 0x09, 0x0f, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, c];
    if ipv6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 5, 0xc8, 6, 64]);
        frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c]);
        frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    } else {
        frame.extend([0x08, 0x00, 0x45, 0, 5, 0xdc, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, a, b, c, 198, 18, 0, 1]);
    }
    frame.extend([0xc0, 0x01, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x10, 1, 0, 0, 0, 0, 0]);
    frame.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    frame
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    for (name, flows, frame) in [
        ("ipv4, 1 flow", 1, (|n| segment(n, false)) as fn(u32) -> Vec<u8>),
        ("ipv4, 50000 flows", 50_000, |n| segment(n, false)),
        ("ipv6, 50000 flows", 50_000, |n| segment(n, true)),
        ("vxlan, 1 network", 1, tunnelled),
        ("vxlan, 1000 networks", 1_000, tunnelled),
    ] {
        let frames: Vec<Vec<u8>> = (0..flows).map(frame).collect();
        let mut engine = Engine::new(Rules::parse(&[]).unwrap(), &Headgate::default());
        let interface = engine.interface("eth0");
        let mut time_ns = 1_750_000_000_000_000_000;
        let mut at = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |b| {
            b.iter(|| {
                let bytes = &frames[at];
                at = (at + 7_919) % frames.len();
                time_ns += 100;
                let frame = Frame { time_ns, wire_len: 1_514, link: Frame::ETHERNET, tag: None, bytes };
                engine.frame(interface, &frame);
            });
        });
        engine.take();
    }
    // A flow that begins and ends, with its record.
    let engine = || Engine::new(Rules::parse(&[]).unwrap(), &Headgate::default());
    let frames: Vec<Vec<u8>> = (0..1_000).map(|n| segment(n, false)).collect();
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("1000 flows and their records", |b| {
        b.iter_batched(
            engine,
            |mut engine| {
                let interface = engine.interface("eth0");
                for (time_ns, bytes) in (1_750_000_000_000_000_000u64..).zip(&frames) {
                    let frame = Frame { time_ns, wire_len: 1_514, link: Frame::ETHERNET, tag: None, bytes };
                    engine.frame(interface, &frame);
                }
                engine.finish();
                engine.take()
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
