//! Frames in tunnels.
// Not every test needs all of it.
#![allow(dead_code)]

use headgate_rules::filter::Tunnel;
use proptest::prelude::*;
use proptest::sample::select;

pub const SECRET: &[u8] = b"SECRET-PAYLOAD-SECRET-PAYLOAD";

/// A frame to build: what stands in each header.
#[derive(Clone, Debug)]
pub struct Shape {
    pub source: [u8; 6],
    pub destination: [u8; 6],
    pub tags: Vec<u16>,
    pub v6: bool,
    pub from: u8,
    pub to: u8,
    /// Words of IPv4 options, or extension headers of IPv6.
    pub more: u8,
    pub protocol: u8,
    pub ports: (u16, u16),
    /// Words of TCP options.
    pub options: u8,
}

impl Shape {
    /// Any frame with up to so many tags, with these ports, and up to so many words of options or extension headers.
    pub fn any(most_tags: usize, ports: Vec<u16>, most_more: u8) -> impl Strategy<Value = Shape> {
        let mac = select(vec![
            [0, 0x1b, 0x21, 0, 0, 1],
            [0, 0x1b, 0x21, 0, 0, 2],
            [0, 0x1c, 0x73, 0, 0, 2],
            [2, 0, 0, 0, 0, 1],
            [0xff; 6],
        ]);
        let tags = prop::collection::vec(select(vec![0u16, 10, 20, 150]), 0..=most_tags);
        let port = || select(ports.clone());
        (
            (mac.clone(), mac, tags, any::<bool>()),
            (0..4u8, 0..4u8, 0..=most_more, select(vec![1u8, 6, 17]), (port(), port()), 0..=10u8),
        )
            .prop_map(
                |((source, destination, tags, v6), (from, to, more, protocol, ports, options))| Shape {
                    source,
                    destination,
                    tags,
                    v6,
                    from,
                    to,
                    more,
                    protocol: if v6 && protocol == 1 { 58 } else { protocol },
                    ports,
                    options,
                },
            )
    }

    pub fn plain() -> Shape {
        Shape {
            source: [0, 0x1b, 0x21, 0, 0, 1],
            destination: [0, 0x1c, 0x73, 0, 0, 2],
            tags: Vec::new(),
            v6: false,
            from: 1,
            to: 2,
            more: 0,
            protocol: 6,
            ports: (40_000, 80),
            options: 0,
        }
    }

    /// The IP packet with a payload, and how many octets of it are headers.
    pub fn ip(&self) -> (Vec<u8>, usize) {
        let mut transport = match self.protocol {
            6 => {
                let ports = [self.ports.0.to_be_bytes(), self.ports.1.to_be_bytes()].concat();
                let offset = (5 + self.options) << 4;
                let options = vec![1; 4 * usize::from(self.options)];
                [&ports[..], &[0; 8], &[offset, 0x10, 0, 0, 0, 0, 0, 0], &options].concat()
            }
            17 => {
                let words = [self.ports.0, self.ports.1, 8 + SECRET.len() as u16, 0];
                words.map(u16::to_be_bytes).concat()
            }
            _ => vec![8, 0, 0, 0, 0, 0, 0, 0],
        };
        let headers = if self.protocol == 6 || self.protocol == 17 { transport.len() } else { 8 };
        transport.extend(SECRET);
        self.above(&transport, headers)
    }

    /// An IP packet of what follows it.
    pub fn above(&self, rest: &[u8], headers: usize) -> (Vec<u8>, usize) {
        if self.v6 {
            let mut chain = Vec::new();
            for at in 0..self.more {
                let next = if at + 1 == self.more { self.protocol } else { 60 };
                chain.extend([next, 0, 1, 4, 0, 0, 0, 0]);
            }
            let next = if self.more == 0 { self.protocol } else { 60 };
            let length = ((chain.len() + rest.len()) as u16).to_be_bytes();
            let address = |last| [0x20, 1, 0x0d, 0xb8, 0, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            let start = [0x60, 0, 0, 0, length[0], length[1], next, 64];
            let packet = [&start[..], &address(self.from), &address(self.to), &chain, rest].concat();
            (packet, 40 + chain.len() + headers)
        } else {
            let options = vec![1; 4 * usize::from(self.more)];
            let length = ((20 + options.len() + rest.len()) as u16).to_be_bytes();
            let start = [0x45 + self.more, 0, length[0], length[1], 0, 0, 0x40, 0, 64, self.protocol, 0, 0];
            let packet = [&start[..], &[10, 0, self.from, 1], &[10, 0, self.to, 1], &options, rest].concat();
            (packet, 20 + options.len() + headers)
        }
    }

    /// The frame around it.
    pub fn framed(&self, (packet, headers): (Vec<u8>, usize)) -> (Vec<u8>, usize) {
        let mut link = [self.destination, self.source].concat();
        for vid in &self.tags {
            link.extend([0x81, 0x00]);
            link.extend(vid.to_be_bytes());
        }
        link.extend(if self.v6 { [0x86, 0xdd] } else { [0x08, 0x00] });
        let headers = link.len() + headers;
        (([link, packet]).concat(), headers)
    }

    fn ethertype(&self) -> [u8; 2] {
        if self.v6 { [0x86, 0xdd] } else { [0x08, 0x00] }
    }
}

/// A tunnel's header, behind IP or UDP, and what is within.
pub struct Tunnelled {
    pub name: &'static str,
    pub kind: Tunnel,
    /// The IP protocol, or that of UDP and a port.
    pub above: (u8, Option<u16>),
    pub header: Vec<u8>,
    pub is_frame: bool,
}

pub fn tunnels(inner: &Shape) -> Vec<Tunnelled> {
    let udp = |name, kind, port, header: &[u8], is_frame| Tunnelled {
        name,
        kind,
        above: (17, Some(port)),
        header: header.to_vec(),
        is_frame,
    };
    let ip = |name, kind, protocol, header: &[u8], is_frame| Tunnelled {
        name,
        kind,
        above: (protocol, None),
        header: header.to_vec(),
        is_frame,
    };
    let [p0, p1] = inner.ethertype();
    let next = if inner.v6 { 2 } else { 1 };
    let iii = |kind, platform: &[u8]| {
        let gre = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 3];
        let mirror = [0x20, 0x00, 0x58, 0x65, 1, 2, 3, 4, 0, 9, kind, u8::from(!platform.is_empty())];
        [&gre[..], &mirror, platform].concat()
    };
    let tags = [[10, 1, 0xd0].repeat(5), vec![0, 1]].concat();
    vec![
        udp("vxlan", Tunnel::Vxlan, 4789, &[8, 0, 0, 0, 0, 0, 7, 0], true),
        udp("vxlan of linux", Tunnel::Vxlan, 8472, &[8, 0, 0, 0, 0, 0, 7, 0], true),
        udp("vxlan with policy", Tunnel::Vxlan, 4789, &[0x88, 0x48, 0, 9, 0, 0, 7, 0], true),
        udp("vxlan-gpe, ethernet", Tunnel::Vxlan, 4790, &[0x0c, 0, 0, 3, 0, 0, 7, 0], true),
        udp("vxlan-gpe, no protocol", Tunnel::Vxlan, 4790, &[0x08, 0, 0, 0, 0, 0, 7, 0], true),
        udp("vxlan-gpe, ip", Tunnel::Vxlan, 4790, &[0x0c, 0, 0, next, 0, 0, 7, 0], false),
        udp("geneve", Tunnel::Geneve, 6081, &[0, 0, 0x65, 0x58, 0, 0, 7, 0], true),
        udp(
            "geneve, ip",
            Tunnel::Geneve,
            6081,
            &[2, 0x40, p0, p1, 0, 0, 7, 0, 1, 4, 0x81, 1, 9, 9, 9, 9],
            false,
        ),
        udp("tzsp", Tunnel::Tzsp, 37_008, &[1, 0, 0, 1, 1], true),
        udp("tzsp with tags", Tunnel::Tzsp, 37_008, &[&[1, 1, 0, 1][..], &tags].concat(), true),
        udp("capwap", Tunnel::Capwap, 5247, &[0, 0x10, 0x02, 0, 0, 0, 0, 0], true),
        udp(
            "capwap with radio",
            Tunnel::Capwap,
            5247,
            &[0, 0x20, 0x42, 0x10, 0, 0, 0, 0, 6, 2, 0, 0, 0, 0, 9, 0],
            true,
        ),
        ip("gre", Tunnel::Gre, 47, &[0, 0, p0, p1], false),
        ip("gre with all", Tunnel::Gre, 47, &[0xb0, 0, p0, p1, 1, 2, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6], false),
        ip("gre, ethernet", Tunnel::Gre, 47, &[0x20, 0, 0x65, 0x58, 0, 0, 0, 5], true),
        ip("gre, mpls", Tunnel::Gre, 47, &[0, 0, 0x88, 0x47, 0, 1, 1, 254], false),
        ip(
            "gre, mpls of three labels",
            Tunnel::Gre,
            47,
            &[0x20, 0, 0x88, 0x48, 0, 0, 0, 5, 0x12, 0x34, 0x5a, 255, 0, 2, 0, 9, 0, 1, 1, 254],
            false,
        ),
        ip("erspan i", Tunnel::Erspan, 47, &[0, 0, 0x88, 0xbe], true),
        ip(
            "erspan ii",
            Tunnel::Erspan,
            47,
            &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 3, 0x10, 0x00, 0x58, 0x65, 0, 0, 0xab, 0xcd],
            true,
        ),
        ip("erspan iii", Tunnel::Erspan, 47, &iii(0x80, &[]), true),
        ip("erspan iii with platform", Tunnel::Erspan, 47, &iii(0, &[0x0c, 0, 0, 0, 0, 0, 0, 9]), true),
        ip("erspan iii, ip", Tunnel::Erspan, 47, &iii(8, &[]), false),
        ip("ip", Tunnel::Ip, if inner.v6 { 41 } else { 4 }, &[], false),
        ip("ethernet in ip", Tunnel::Ip, 143, &[], true),
    ]
}

/// The whole frame, and the end of the headers within.
pub fn build(outer: &Shape, tunnel: &Tunnelled, inner: &Shape) -> (Vec<u8>, usize) {
    let (within, headers) = if tunnel.is_frame { inner.framed(inner.ip()) } else { inner.ip() };
    let (protocol, port) = tunnel.above;
    let mut head = tunnel.header.clone();
    if let Some(port) = port {
        let length = (8 + head.len() + within.len()) as u16;
        head = [&[50_000, port, length, 0].map(u16::to_be_bytes).concat()[..], &head].concat();
    }
    let rest = [&head[..], &within].concat();
    let outer = Shape { protocol, ..outer.clone() };
    outer.framed(outer.above(&rest, head.len() + headers))
}
