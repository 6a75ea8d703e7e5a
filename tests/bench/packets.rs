//! Frames on a wire for `tests/bench/capture` and `tests/bench/appliance`.
//!
//! `packets send INTERFACE OCTETS[,OCTETS...] PER_SECOND SECONDS` sends frames of these lengths in turn, FCS included, as
//! many a second as asked for and possible (0 as many as possible), then says how many and in how long.
//! `packets receive INTERFACE` receives with pnet's data link until it sees the frame that `packets end INTERFACE`
//! sends, and does nothing else but count.
//! `packets many INTERFACE DEVICES FLOWS ROUNDS PER_SECOND` sends a frame of each of so many flows, of so many devices, in each round.
// A tool for people who measure: it ends by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use pnet_datalink::{Channel, DataLinkReceiver, DataLinkSender};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["send", interface, lengths, per_second, seconds] => {
            let lengths = lengths.split(',').map(|length| length.parse().unwrap()).collect::<Vec<_>>();
            send(interface, &lengths, per_second.parse().unwrap(), seconds.parse().unwrap());
        }
        ["receive", interface] => receive(interface),
        ["end", interface] => {
            let (mut sender, _) = open(interface);
            sender.send_to(&last(), None).unwrap().unwrap();
        }
        ["many", interface, devices, flows, rounds, per_second] => {
            let [devices, flows, rounds] = [devices, flows, rounds].map(|number| number.parse().unwrap());
            many(interface, devices, flows, rounds, per_second.parse().unwrap());
        }
        _ => panic!(
            "packets send INTERFACE OCTETS[,OCTETS...] PER_SECOND SECONDS | receive INTERFACE | end INTERFACE \
             | many INTERFACE DEVICES FLOWS ROUNDS PER_SECOND"
        ),
    }
}

fn open(interface: &str) -> (Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>) {
    let interface = pnet_datalink::interfaces().into_iter().find(|i| i.name == interface).unwrap();
    let Channel::Ethernet(sender, receiver) = pnet_datalink::channel(&interface, Default::default()).unwrap()
    else {
        panic!("not Ethernet")
    };
    (sender, receiver)
}

fn send(interface: &str, lengths: &[usize], per_second: u64, seconds: u64) {
    let (mut sender, _) = open(interface);
    let frames: Vec<Vec<u8>> = (0..FLOWS * lengths.len())
        .map(|n| frame(n / lengths.len(), lengths[n % lengths.len()] - FCS))
        .collect();
    let (start, length) = (Instant::now(), Duration::from_secs(seconds));
    let mut sent = 0u64;
    for frame in frames.iter().cycle() {
        let elapsed = start.elapsed();
        if elapsed >= length {
            break;
        }
        wait_for(start, sent, per_second);
        // The wire may be full for a moment.
        if sender.send_to(frame, None).unwrap().is_ok() {
            sent += 1;
        }
    }
    println!("{sent} {:.6}", start.elapsed().as_secs_f64());
}

/// Waits until it is time for the frame behind so many, without sleeping: a sleep is longer than a burst. 0 a second: not at all.
fn wait_for(start: Instant, sent: u64, per_second: u64) {
    while per_second > 0
        && u128::from(sent) * 1_000_000_000 / u128::from(per_second) > start.elapsed().as_nanos()
    {
        std::hint::spin_loop();
    }
}

/// Flow `n` is that of device `n % devices`, so each round begins with one frame of each device.
fn many(interface: &str, devices: u32, flows: u32, rounds: u32, per_second: u64) {
    let (mut sender, _) = open(interface);
    let (start, mut sent) = (Instant::now(), 0u64);
    let mut frame = frame(0, 14 + 20 + 32);
    for _ in 0..rounds {
        for n in 0..flows {
            let [_, d0, d1, d2] = (n % devices).to_be_bytes();
            let [p0, p1] = u16::try_from(1024 + n / devices % 60_000).unwrap().to_be_bytes();
            frame[8..12].copy_from_slice(&[0x21, d0, d1, d2]);
            frame[26..30].copy_from_slice(&[10, d0, d1, d2]);
            frame[34..36].copy_from_slice(&[p0, p1]);
            wait_for(start, sent, per_second);
            while sender.send_to(&frame, None).unwrap().is_err() {}
            sent += 1;
        }
    }
    println!("{sent} {:.6}", start.elapsed().as_secs_f64());
}

fn receive(interface: &str) {
    let (_, mut receiver) = open(interface);
    let mut received = 0u64;
    loop {
        let frame = receiver.next().unwrap();
        if frame.get(12..14) == Some(&EXPERIMENTAL) {
            break;
        }
        received += 1;
    }
    println!("{received}");
}

/// A TCP segment with timestamps where there is room for one, or else a UDP datagram.
fn frame(flow: usize, length: usize) -> Vec<u8> {
    let [.., f0, f1] = flow.to_be_bytes();
    let tcp = length >= 14 + 20 + 32;
    let mut frame = vec![0x00, 0x09, 0x0f, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, f1, 0x08, 0x00];
    let total = u16::try_from(length - 14).unwrap();
    let [t0, t1] = total.to_be_bytes();
    frame.extend([0x45, 0, t0, t1, 0, 0, 0x40, 0, 64, if tcp { 6 } else { 17 }, 0, 0]);
    frame.extend([10, 1, f0, f1, 198, 18, 0, 1]);
    if tcp {
        frame.extend([0xc0, f1, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x10, 1, 0, 0, 0, 0, 0]);
        frame.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    } else {
        let [u0, u1] = (total - 20).to_be_bytes();
        frame.extend([0xc0, f1, 0x01, 0xbb, u0, u1, 0, 0]);
    }
    frame.resize(length, 0x5a);
    frame
}

/// A frame that ends the counting.
fn last() -> Vec<u8> {
    let mut frame = vec![0x00, 0x09, 0x0f, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, 1];
    frame.extend(EXPERIMENTAL);
    frame.resize(60, 0);
    frame
}

const FLOWS: usize = 256;
/// A frame's length counts it, and no packet socket sees it (IEEE 802.3-2018, 3.2.9).
const FCS: usize = 4;
/// Local experimental EtherType 1 (IEEE 802-2014, 9.2.4).
const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];
