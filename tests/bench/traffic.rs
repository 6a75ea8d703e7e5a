//! Captures for `tests/bench/replay`, and the measure that its figures are ratios of.
//!
//! `traffic office FILE MEGABYTES` writes ten minutes of an office's uplink, `traffic many FILE FLOWS` as many
//! flows that are all under way at once, and `traffic walk FILE` reads a file's record headers with reads of
//! 256 KiB and does nothing else. The same arguments give the same octets.
// A tool for people who measure: it ends by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};

mod random;
mod walk;

use random::Random;
use walk::walk;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["office", file, megabytes] => office(file, megabytes.parse::<u64>().unwrap() * 1_000_000),
        ["many", file, flows] => many(file, flows.parse().unwrap()),
        ["walk", file] => walk(file),
        _ => panic!("traffic office FILE MEGABYTES | many FILE FLOWS | walk FILE"),
    }
}

/// An office: hosts behind an uplink, in the clear and in VLANs, with IPv4 and IPv6. Flows arrive at random
/// and have lengths with a heavy tail.
fn office(file: &str, octets: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut out = Capture::new(file, 0x0ff1ce);
    let mut agenda = BinaryHeap::new();
    let mut talks: Vec<Talk> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let (mut next_arrival, mut next_service) = (0, 0);
    // A conversation has about 25,000 octets: ten minutes in all.
    let between_arrivals = 600_000_000 * 25_000 / octets.max(1);
    while out.written < octets {
        let due = agenda.peek().map_or(u64::MAX, |Reverse((time, _))| *time);
        if next_service <= due.min(next_arrival) {
            service(&mut out, next_service, &mut random);
            next_service += 250_000;
        } else if next_arrival <= due {
            let talk = Talk::new(&mut random);
            let at = free.pop().unwrap_or(talks.len());
            if at == talks.len() {
                talks.push(talk)
            } else {
                talks[at] = talk
            }
            agenda.push(Reverse((next_arrival, at)));
            next_arrival += random.below(2 * between_arrivals) + 1;
        } else if let Some(Reverse((time, at))) = agenda.pop() {
            match talks[at].step(&mut out, time, &mut random) {
                Some(wait) => agenda.push(Reverse((time + wait, at))),
                None => free.push(at),
            }
        }
    }
    out.finish();
}

/// Flows that all go on until the end: each has a frame in each round.
fn many(file: &str, flows: u32) {
    let mut out = Capture::new(file, 1);
    let mut time = 0;
    for round in 0..3 {
        for n in 0..flows {
            // Scattered, so that neighbours in time are no neighbours in a table.
            let n = (u64::from(n) * 7_919 % u64::from(flows)) as u32;
            let host = n % 2_000;
            let [_, _, h0, h1] = host.to_be_bytes();
            let [_, p0, p1, p2] = n.to_be_bytes();
            let link = Link { mac: [0x00, 0x1b, 0x21, 0, h0, h1], vlan: None };
            let ends = Ends {
                inside: Address::V4([10, 1, h0, h1]),
                outside: Address::V4([198, 18 + p0, p1, p2]),
                inside_port: 1_024 + (n / 2_000) as u16,
                outside_port: 443,
            };
            let flags = [SYN, SYN | ACK, ACK][round];
            ends.tcp(&mut out, time, &link, round != 1, flags, 0, n);
            time += 4;
        }
    }
    out.finish();
}

/// What an office's links carry beside conversations.
fn service(out: &mut Capture, time: u64, random: &mut Random) {
    let mac = host_mac(random.below(HOSTS));
    let link = Link { mac, vlan: None };
    match time / 250_000 % 8 {
        0 => {
            let mut lldp = vec![2, 7, 4, 0x00, 0x1c, 0x73, 0, 0, 1, 4, 6, 5];
            lldp.extend(b"Eth12");
            lldp.extend([6, 2, 0, 120, 10, 8]);
            lldp.extend(b"core-sw1");
            lldp.extend([14, 4, 0, 0x14, 0, 0x14, 0, 0]);
            out.frame(time, [1, 0x80, 0xc2, 0, 0, 0x0e], [0, 0x1c, 0x73, 0, 0, 1], None, 0x88cc, &lldp, 0);
        }
        1 => {
            let bpdu = [0x42, 0x42, 3, 0, 0, 2, 2, 0x3c, 0x80, 0, 0, 0x1c, 0x73, 0, 0, 1, 0, 0, 0, 0];
            out.frame(time, [1, 0x80, 0xc2, 0, 0, 0], [0, 0x1c, 0x73, 0, 0, 1], None, 38, &bpdu, 18);
        }
        2 => dhcp(out, time, mac, random),
        _ => {
            let [.., h0, h1] = mac;
            let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
            arp.extend(link.mac);
            arp.extend([10, 1, h0, h1, 0, 0, 0, 0, 0, 0, 10, 1, 0, 1]);
            out.frame(time, [0xff; 6], link.mac, None, 0x0806, &arp, 18);
        }
    }
}

/// A request of a client that has no address yet.
fn dhcp(out: &mut Capture, time: u64, mac: [u8; 6], random: &mut Random) {
    let mut message = vec![1, 1, 6, 0];
    message.extend((random.next() as u32).to_be_bytes());
    message.resize(28, 0);
    message.extend(mac);
    message.resize(236, 0);
    message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 3, 50, 4, 10, 1, mac[4], mac[5], 12, 6]);
    message.extend(b"laptop");
    message.extend([55, 9, 1, 121, 3, 6, 15, 108, 114, 119, 252, 255]);
    message.resize(300, 0);
    let ends = Ends {
        inside: Address::V4([0; 4]),
        outside: Address::V4([255; 4]),
        inside_port: 68,
        outside_port: 67,
    };
    let packet = ends.udp_packet(true, &message, 0);
    out.frame(time, [0xff; 6], mac, None, 0x0800, &packet, 0);
}

/// One conversation of a host.
struct Talk {
    link: Link,
    ends: Ends,
    sort: Sort,
    step: u64,
    /// Frames with data.
    length: u64,
    /// Mean time between frames, microseconds.
    pace: u64,
    sequence: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Web,
    Refused,
    Quic,
    Name,
    Echo,
    Time,
}

impl Talk {
    fn new(random: &mut Random) -> Talk {
        let sort = match random.below(100) {
            0..45 => Sort::Web,
            45..48 => Sort::Refused,
            48..58 => Sort::Quic,
            58..95 => Sort::Name,
            95..98 => Sort::Echo,
            _ => Sort::Time,
        };
        // A Pareto tail.
        let tail = |random: &mut Random, least: f64, most: u64| {
            let uniform = (random.below(1 << 52) + 1) as f64 / (1u64 << 52) as f64;
            ((least * uniform.powf(-1.0 / 1.15)) as u64).min(most)
        };
        let (length, outside_port) = match sort {
            Sort::Web => {
                (tail(random, 8.0, 200_000), [443, 443, 443, 80, 993, 445][random.below(6) as usize])
            }
            Sort::Quic => (tail(random, 12.0, 200_000), 443),
            Sort::Refused => (2, 8_443),
            Sort::Name => (2, 53),
            Sort::Echo => (2 * (1 + random.below(10)), 0),
            Sort::Time => (2, 123),
        };
        let host = random.below(HOSTS);
        let mac = host_mac(host);
        let [.., h0, h1] = mac;
        // Some servers are asked far more often than others.
        let most = random.below(20_000);
        let server = random.below(1 + most);
        let [.., s0, s1, s2] = server.to_be_bytes();
        let (inside, outside) = if random.below(100) < 30 {
            let mut inside = [0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 2, 0x1b, 0x21, 0xff, 0xfe, 0, h0, h1];
            inside[7] = h0;
            let outside = [0x2a, 0, 0x14, 0x50, 0x40, s0, 0, s1, 0, 0, 0, 0, 0, 0, 0x20, s2];
            (Address::V6(inside), Address::V6(outside))
        } else {
            (Address::V4([10, 1, h0, h1]), Address::V4([93 + s0, s1, s2, 34]))
        };
        Talk {
            link: Link { mac, vlan: (host.is_multiple_of(4)).then_some(10 + (host / 4 % 3) as u16) },
            ends: Ends {
                inside,
                outside,
                inside_port: if sort == Sort::Echo { 0 } else { 32_768 + random.below(28_000) as u16 },
                outside_port,
            },
            sort,
            step: 0,
            length,
            pace: if length > 1_000 { 1_500 } else { 2_000 + random.below(60_000) },
            sequence: random.next() as u32,
        }
    }

    /// Sends the next frame. How long until the one after it, or none.
    fn step(&mut self, out: &mut Capture, time: u64, random: &mut Random) -> Option<u64> {
        let (step, length) = (self.step, self.length);
        self.step += 1;
        let (ends, link) = (&self.ends, &self.link);
        let mut wait = 1 + random.below(2 * self.pace);
        match self.sort {
            Sort::Web => {
                let tcp = |out: &mut Capture, outward, flags, data| {
                    ends.tcp(out, time, link, outward, flags, data, self.sequence);
                };
                match step {
                    0 => tcp(out, true, SYN, 0),
                    1 => tcp(out, false, SYN | ACK, 0),
                    2 => tcp(out, true, ACK, 0),
                    3 => tcp(out, true, ACK | PSH, 517),
                    4 => tcp(out, false, ACK, 0),
                    _ if step < 5 + length => match random.below(100) {
                        0..31 => tcp(out, true, ACK, 0),
                        31..38 => tcp(out, true, ACK | PSH, 40 + random.below(600)),
                        38..80 => tcp(out, false, ACK, 1_448),
                        80..86 => tcp(out, false, ACK, 0),
                        _ => tcp(out, false, ACK | PSH, 30 + random.below(1_000)),
                    },
                    _ if step == 5 + length => tcp(out, true, FIN | ACK, 0),
                    _ if step == 6 + length => tcp(out, false, FIN | ACK, 0),
                    _ => {
                        tcp(out, true, ACK, 0);
                        return None;
                    }
                }
                if step > 5 && random.below(40) == 0 {
                    wait += random.below(8_000_000);
                }
                Some(wait)
            }
            Sort::Refused => {
                ends.tcp(
                    out,
                    time,
                    link,
                    step == 0,
                    if step == 0 { SYN } else { RST | ACK },
                    0,
                    self.sequence,
                );
                (step == 0).then_some(wait)
            }
            Sort::Quic => {
                let outward = step % 2 == 0;
                let data = match random.below(10) {
                    _ if step < 2 => 1_252,
                    0..6 if !outward => 1_252,
                    0..8 => 33,
                    _ => 40 + random.below(500),
                };
                ends.udp(out, time, link, outward, data);
                (step < length).then_some(wait)
            }
            Sort::Name => {
                ends.udp(out, time, link, step == 0, if step == 0 { 38 } else { 80 + random.below(140) });
                (step == 0).then_some(wait)
            }
            Sort::Time => {
                ends.udp(out, time, link, step == 0, 48);
                (step == 0).then_some(wait)
            }
            Sort::Echo => {
                ends.echo(out, time, link, step % 2 == 0);
                (step + 1 < length).then_some(if step % 2 == 0 { wait } else { 1_000_000 })
            }
        }
    }
}

struct Link {
    mac: [u8; 6],
    vlan: Option<u16>,
}

#[derive(Clone, Copy)]
enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

/// Who talks.
struct Ends {
    inside: Address,
    outside: Address,
    inside_port: u16,
    outside_port: u16,
}

impl Ends {
    #[allow(clippy::too_many_arguments)]
    fn tcp(
        &self,
        out: &mut Capture,
        time: u64,
        link: &Link,
        outward: bool,
        flags: u8,
        data: u64,
        sequence: u32,
    ) {
        let mut options = if flags & SYN != 0 { vec![2, 4, 5, 0xb4, 4, 2, 8, 10] } else { vec![1, 1, 8, 10] };
        options.extend((time as u32 / 1_000).to_be_bytes());
        options.extend(sequence.to_be_bytes());
        if flags & SYN != 0 {
            options.extend([1, 3, 3, 7]);
        }
        let mut packet = self.ip(outward, 6, 20 + options.len() + data as usize);
        packet.extend(self.ports(outward));
        packet.extend((sequence.wrapping_add(time as u32)).to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend([(5 + options.len() as u8 / 4) << 4, flags, 0x20, 0, 0, 0, 0, 0]);
        packet.extend(options);
        self.send(out, time, link, outward, &packet, data as usize);
    }

    fn udp(&self, out: &mut Capture, time: u64, link: &Link, outward: bool, data: u64) {
        let packet = self.udp_packet(outward, &[], data as usize);
        self.send(out, time, link, outward, &packet, data as usize);
    }

    fn udp_packet(&self, outward: bool, data: &[u8], more: usize) -> Vec<u8> {
        let length = 8 + data.len() + more;
        let mut packet = self.ip(outward, 17, length);
        packet.extend(self.ports(outward));
        packet.extend((length as u16).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(data);
        packet
    }

    fn echo(&self, out: &mut Capture, time: u64, link: &Link, outward: bool) {
        let (protocol, kinds) = if let Address::V4(_) = self.inside { (1, [8, 0]) } else { (58, [128, 129]) };
        let mut packet = self.ip(outward, protocol, 64);
        packet.extend([kinds[usize::from(!outward)], 0, 0, 0, 0, 1, 0, 1]);
        self.send(out, time, link, outward, &packet, 56);
    }

    fn ports(&self, outward: bool) -> Vec<u8> {
        let (from, to) = if outward {
            (self.inside_port, self.outside_port)
        } else {
            (self.outside_port, self.inside_port)
        };
        [from.to_be_bytes(), to.to_be_bytes()].concat()
    }

    fn ip(&self, outward: bool, protocol: u8, payload: usize) -> Vec<u8> {
        let (from, to) = if outward { (self.inside, self.outside) } else { (self.outside, self.inside) };
        match (from, to) {
            (Address::V4(from), Address::V4(to)) => {
                let [l0, l1] = (20 + payload as u16).to_be_bytes();
                let mut header = vec![0x45, 0, l0, l1, 0, 0, 0x40, 0, 63, protocol, 0, 0];
                header.extend(from);
                header.extend(to);
                let words = header.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])));
                let sum: u32 = words.sum();
                let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                header
            }
            (Address::V6(from), Address::V6(to)) => {
                let [l0, l1] = (payload as u16).to_be_bytes();
                let mut header = vec![0x60, 0, 0, 0, l0, l1, protocol, 63];
                header.extend(from);
                header.extend(to);
                header
            }
            _ => panic!("one family"),
        }
    }

    fn send(&self, out: &mut Capture, time: u64, link: &Link, outward: bool, packet: &[u8], more: usize) {
        let ethertype = if packet[0] >> 4 == 4 { 0x0800 } else { 0x86dd };
        let (to, from) = if outward { (GATEWAY, link.mac) } else { (link.mac, GATEWAY) };
        out.frame(time, to, from, link.vlan, ethertype, packet, more);
    }
}

/// A pcap file with microseconds, in this machine's order of octets.
struct Capture {
    file: BufWriter<File>,
    filler: Vec<u8>,
    written: u64,
    frames: u64,
}

impl Capture {
    fn new(file: &str, seed: u64) -> Capture {
        let mut random = Random(seed);
        let mut file = BufWriter::with_capacity(1 << 20, File::create(file).unwrap());
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 0x4_0000, 1] {
            file.write_all(&word.to_le_bytes()).unwrap();
        }
        let filler = (0..1 << 16).map(|_| random.next() as u8).collect();
        Capture { file, filler, written: 24, frames: 0 }
    }

    /// A frame with `more` octets behind `packet`.
    #[allow(clippy::too_many_arguments)]
    fn frame(
        &mut self,
        time: u64,
        to: [u8; 6],
        from: [u8; 6],
        vlan: Option<u16>,
        ethertype: u16,
        packet: &[u8],
        more: usize,
    ) {
        let more = more.max(46usize.saturating_sub(packet.len()));
        let length = 14 + if vlan.is_some() { 4 } else { 0 } + packet.len() + more;
        let seconds = START + (time / 1_000_000) as u32;
        for word in [seconds, (time % 1_000_000) as u32, length as u32, length as u32] {
            self.file.write_all(&word.to_le_bytes()).unwrap();
        }
        self.file.write_all(&to).unwrap();
        self.file.write_all(&from).unwrap();
        if let Some(vlan) = vlan {
            self.file.write_all(&[0x81, 0]).unwrap();
            self.file.write_all(&vlan.to_be_bytes()).unwrap();
        }
        self.file.write_all(&ethertype.to_be_bytes()).unwrap();
        self.file.write_all(packet).unwrap();
        let start = (self.frames * 977 % 60_000) as usize;
        self.file.write_all(&self.filler[start..start + more]).unwrap();
        self.written += (RECORD_HEADER_LEN + length) as u64;
        self.frames += 1;
    }

    fn finish(mut self) {
        self.file.flush().unwrap();
        println!("{} {}", self.frames, self.written);
    }
}

fn host_mac(host: u64) -> [u8; 6] {
    let [.., h0, h1] = host.to_be_bytes();
    [0x00, 0x1b, 0x21, 0, 1 + h0, h1]
}

const RECORD_HEADER_LEN: usize = 16;
const START: u32 = 1_750_000_000;
const HOSTS: u64 = 400;
const GATEWAY: [u8; 6] = [0x00, 0x09, 0x0f, 0, 0, 1];
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
