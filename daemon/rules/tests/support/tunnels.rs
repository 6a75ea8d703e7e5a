//! Frames in tunnels.
// Not every test needs all of it.
#![allow(dead_code)]

use headgate_rules::filter::Tunnel;
use proptest::prelude::*;
use proptest::sample::select;

#[path = "monitored.rs"]
// Another test may have it by the other one, too.
#[allow(clippy::duplicate_mod)]
mod monitored;

use monitored::{avs, prism};

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
    pub within: Within,
}

/// What is within a tunnel, in front of IP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Within {
    Ethernet,
    Nothing,
    Radio(Radio),
}

/// A data frame of IEEE 802.11.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radio {
    /// The octets of Frame Control.
    pub control: [u8; 2],
    pub is_swapped: bool,
    pub fragment: u8,
    pub qos: [u8; 2],
    /// Of the organisation in SNAP, the last octet.
    pub snap: u8,
    /// Whether a packet can be read in it.
    pub is_open: bool,
}

impl Radio {
    const fn open(control: [u8; 2]) -> Radio {
        Radio { control, is_swapped: false, fragment: 0, qos: [0x05, 0], snap: 0, is_open: true }
    }

    const fn closed(control: [u8; 2]) -> Radio {
        Radio { is_open: false, ..Radio::open(control) }
    }

    fn is_amsdu(self) -> bool {
        self.control[0] & 0xc0 == 0x80 && self.qos[0] & 0x80 != 0
    }

    /// Receiver, transmitter, third and perhaps fourth address (IEEE 802.11-2020, table 9-30).
    fn addresses(self, shape: &Shape) -> Vec<[u8; 6]> {
        let (from, to) = (shape.source, shape.destination);
        match self.control[1] & 3 {
            0 => vec![to, from, CELL],
            1 => vec![CELL, from, to],
            2 => vec![to, CELL, from],
            _ => vec![CELL, OTHER_CELL, to, from],
        }
    }

    /// Whose frame it is, as far as the header says: of an A-MSDU only which radios.
    pub fn ends(self, shape: &Shape) -> [[u8; 6]; 2] {
        match self.addresses(shape)[..] {
            [receiver, transmitter, ..] if self.is_amsdu() => [receiver, transmitter],
            _ => [shape.source, shape.destination],
        }
    }

    /// The frame around a packet.
    pub fn framed(self, shape: &Shape, (packet, headers): (Vec<u8>, usize)) -> (Vec<u8>, usize) {
        let addresses = self.addresses(shape);
        let [kind, flags] = self.control;
        let control = if self.is_swapped { [flags, kind] } else { [kind, flags] };
        let mut header =
            [&control[..], &[0x3a, 1], &addresses[..3].concat(), &[0x50 | self.fragment, 0x12]].concat();
        header.extend(addresses[3..].concat());
        if kind & 0x80 != 0 {
            header.extend(self.qos);
            header.extend(if flags & 0x80 != 0 { &[1, 2, 3, 4][..] } else { &[] });
        }
        let end = header.len() + if self.is_open { 8 + headers } else { 0 };
        let snap = [&[0xaa, 0xaa, 3, 0, 0, self.snap][..], &shape.ethertype()].concat();
        ([header, snap, packet].concat(), end)
    }
}

/// Cells have addresses that are locally administered, too.
const CELL: [u8; 6] = [0x06, 0x1b, 0x21, 9, 9, 9];
const OTHER_CELL: [u8; 6] = [0x00, 0x40, 0x96, 9, 9, 8];

impl Tunnelled {
    /// What is within, and the end of its headers.
    pub fn within(&self, inner: &Shape) -> (Vec<u8>, usize) {
        match self.within {
            Within::Ethernet => inner.framed(inner.ip()),
            Within::Nothing => inner.ip(),
            Within::Radio(radio) => radio.framed(inner, inner.ip()),
        }
    }
}

/// A frame of IEEE 802.11 within CAPWAP or TZSP.
fn radio(name: &'static str, is_in_capwap: bool, radio: Radio) -> Tunnelled {
    let (kind, port, header) = match is_in_capwap {
        true => (Tunnel::Capwap, 5247, vec![0, 0x20, 0x43, 0x20, 0, 0, 0, 0, 4, 0xc4, 30, 0, 0x6c, 0, 0, 0]),
        false => (Tunnel::Tzsp, 37_008, vec![1, 0, 0, 0x12, 10, 1, 0xd0, 0, 18, 1, 6, 1]),
    };
    Tunnelled { name, kind, above: (17, Some(port)), header, within: Within::Radio(radio) }
}

/// A frame of IEEE 802.11 within TZSP, behind a Prism or AVS header.
fn behind(name: &'static str, header: &[u8], frame: Radio) -> Tunnelled {
    let kind = if header.starts_with(&[0x80]) { 127 } else { 119 };
    let tzsp = [&[1, 0, 0, kind, 10, 1, 0xd0, 1][..], header].concat();
    Tunnelled { header: tzsp, ..radio(name, false, frame) }
}

/// Those in which no packet is to be read.
pub fn closed() -> Vec<Tunnelled> {
    let amsdu = |control| Radio { qos: [0x85, 0], ..Radio::closed(control) };
    let mut closed = vec![
        behind("prism, encrypted", &prism([0x44, 0, 0, 0]), Radio::closed([0x88, 0x41])),
        behind("avs, encrypted", &avs(2, 80), Radio::closed([0x88, 0x41])),
    ];
    for is_in_capwap in [false, true] {
        closed.extend([
            radio("encrypted", is_in_capwap, Radio::closed([0x88, 0x41])),
            radio("encrypted, of an access point", is_in_capwap, Radio::closed([0x08, 0x42])),
            radio("without a body", is_in_capwap, Radio::closed([0x48, 0x01])),
            radio(
                "without a body, reserved bit",
                is_in_capwap,
                Radio { qos: [0x85, 0], ..Radio::closed([0xc8, 0x02]) },
            ),
            radio("a later fragment", is_in_capwap, Radio { fragment: 1, ..Radio::closed([0x88, 0x06]) }),
            radio("frames in a frame", is_in_capwap, amsdu([0x88, 0x01])),
            radio("frames in a frame, of an access point", is_in_capwap, amsdu([0x88, 0x02])),
            radio("frames in a frame, four addresses", is_in_capwap, amsdu([0x88, 0x83])),
            radio(
                "encrypted, swapped",
                is_in_capwap,
                Radio { is_swapped: is_in_capwap, ..Radio::closed([0x88, 0x41]) },
            ),
        ]);
    }
    closed
}

pub fn tunnels(inner: &Shape) -> Vec<Tunnelled> {
    let udp = |name, kind, port, header: &[u8], within| Tunnelled {
        name,
        kind,
        above: (17, Some(port)),
        header: header.to_vec(),
        within,
    };
    let ip = |name, kind, protocol, header: &[u8], within| Tunnelled {
        name,
        kind,
        above: (protocol, None),
        header: header.to_vec(),
        within,
    };
    let [p0, p1] = inner.ethertype();
    let next = if inner.v6 { 2 } else { 1 };
    let iii = |kind, platform: &[u8]| {
        let gre = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 3];
        let mirror = [0x20, 0x00, 0x58, 0x65, 1, 2, 3, 4, 0, 9, kind, u8::from(!platform.is_empty())];
        [&gre[..], &mirror, platform].concat()
    };
    let ppp = if inner.v6 { 0x57 } else { 0x21 };
    let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 99, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2];
    let pptp_alone = [0x30, 0x01, 0x88, 0x0b, 0, 99, 0, 7, 0, 0, 0, 1];
    let tags = [[10, 1, 0xd0].repeat(5), vec![0, 1]].concat();
    vec![
        udp("vxlan", Tunnel::Vxlan, 4789, &[8, 0, 0, 0, 0, 0, 7, 0], Within::Ethernet),
        udp("vxlan of linux", Tunnel::Vxlan, 8472, &[8, 0, 0, 0, 0, 0, 7, 0], Within::Ethernet),
        udp("vxlan with policy", Tunnel::Vxlan, 4789, &[0x88, 0x48, 0, 9, 0, 0, 7, 0], Within::Ethernet),
        udp("vxlan-gpe, ethernet", Tunnel::Vxlan, 4790, &[0x0c, 0, 0, 3, 0, 0, 7, 0], Within::Ethernet),
        udp("vxlan-gpe, no protocol", Tunnel::Vxlan, 4790, &[0x08, 0, 0, 0, 0, 0, 7, 0], Within::Ethernet),
        udp("vxlan-gpe, ip", Tunnel::Vxlan, 4790, &[0x0c, 0, 0, next, 0, 0, 7, 0], Within::Nothing),
        udp("geneve", Tunnel::Geneve, 6081, &[0, 0, 0x65, 0x58, 0, 0, 7, 0], Within::Ethernet),
        udp(
            "geneve, ip",
            Tunnel::Geneve,
            6081,
            &[2, 0x40, p0, p1, 0, 0, 7, 0, 1, 4, 0x81, 1, 9, 9, 9, 9],
            Within::Nothing,
        ),
        udp("tzsp", Tunnel::Tzsp, 37_008, &[1, 0, 0, 1, 1], Within::Ethernet),
        udp("tzsp with tags", Tunnel::Tzsp, 37_008, &[&[1, 1, 0, 1][..], &tags].concat(), Within::Ethernet),
        udp("capwap", Tunnel::Capwap, 5247, &[0, 0x10, 0x02, 0, 0, 0, 0, 0], Within::Ethernet),
        udp(
            "capwap with radio",
            Tunnel::Capwap,
            5247,
            &[0, 0x20, 0x42, 0x10, 0, 0, 0, 0, 6, 2, 0, 0, 0, 0, 9, 0],
            Within::Ethernet,
        ),
        ip("gre", Tunnel::Gre, 47, &[0, 0, p0, p1], Within::Nothing),
        ip(
            "gre with all",
            Tunnel::Gre,
            47,
            &[0xb0, 0, p0, p1, 1, 2, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6],
            Within::Nothing,
        ),
        ip("gre, ethernet", Tunnel::Gre, 47, &[0x20, 0, 0x65, 0x58, 0, 0, 0, 5], Within::Ethernet),
        ip("gre, mpls", Tunnel::Gre, 47, &[0, 0, 0x88, 0x47, 0, 1, 1, 254], Within::Nothing),
        ip(
            "gre, mpls of three labels",
            Tunnel::Gre,
            47,
            &[0x20, 0, 0x88, 0x48, 0, 0, 0, 5, 0x12, 0x34, 0x5a, 255, 0, 2, 0, 9, 0, 1, 1, 254],
            Within::Nothing,
        ),
        ip("erspan i", Tunnel::Erspan, 47, &[0, 0, 0x88, 0xbe], Within::Ethernet),
        ip(
            "erspan ii",
            Tunnel::Erspan,
            47,
            &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 3, 0x10, 0x00, 0x58, 0x65, 0, 0, 0xab, 0xcd],
            Within::Ethernet,
        ),
        ip("erspan iii", Tunnel::Erspan, 47, &iii(0x80, &[]), Within::Ethernet),
        ip(
            "erspan iii with platform",
            Tunnel::Erspan,
            47,
            &iii(0, &[0x0c, 0, 0, 0, 0, 0, 0, 9]),
            Within::Ethernet,
        ),
        ip("erspan iii, ip", Tunnel::Erspan, 47, &iii(8, &[]), Within::Nothing),
        ip(
            "gre, ppp",
            Tunnel::Gre,
            47,
            &[&[0, 0, 0x88, 0x0b, 0xff, 3, 0][..], &[ppp]].concat(),
            Within::Nothing,
        ),
        ip("pptp", Tunnel::Gre, 47, &[&pptp[..], &[0xff, 3, 0, ppp]].concat(), Within::Nothing),
        ip("pptp, a short header", Tunnel::Gre, 47, &[&pptp_alone[..], &[ppp]].concat(), Within::Nothing),
        radio("tzsp, to the access point", false, Radio::open([0x08, 0x01])),
        radio("tzsp, of an access point", false, Radio { snap: 0xf8, ..Radio::open([0x88, 0x02]) }),
        radio("tzsp, of no access point", false, Radio::open([0x88, 0x80])),
        radio("tzsp, with four addresses", false, Radio::open([0x88, 0x83])),
        behind("tzsp, prism", &prism([0x44, 0, 0, 0]), Radio::open([0x08, 0x01])),
        behind("tzsp, prism the other way round", &prism([0, 0, 0, 0x41]), Radio::open([0x88, 0x02])),
        behind("tzsp, avs", &avs(1, 64), Radio::open([0x08, 0x01])),
        behind("tzsp, avs of version 2, longer", &avs(2, 96), Radio::open([0x88, 0x02])),
        radio("capwap, 802.11", true, Radio::open([0x08, 0x01])),
        radio("capwap, 802.11 with QoS", true, Radio::open([0x88, 0x82])),
        radio("capwap, 802.11 swapped", true, Radio { is_swapped: true, ..Radio::open([0x88, 0x01]) }),
        radio(
            "capwap, four addresses swapped",
            true,
            Radio { is_swapped: true, ..Radio::open([0x08, 0x0b]) },
        ),
        ip("ip", Tunnel::Ip, if inner.v6 { 41 } else { 4 }, &[], Within::Nothing),
        ip("ethernet in ip", Tunnel::Ip, 143, &[], Within::Ethernet),
    ]
}

/// The whole frame, and the end of the headers within.
pub fn build(outer: &Shape, tunnel: &Tunnelled, inner: &Shape) -> (Vec<u8>, usize) {
    let (within, headers) = tunnel.within(inner);
    let (protocol, port) = tunnel.above;
    let mut head = tunnel.header.clone();
    // Version 1 of GRE says how long its payload is.
    if let [_, flags @ (0x01 | 0x81), 0x88, 0x0b, ..] = head[..] {
        let header = if flags & 0x80 == 0 { 12 } else { 16 };
        let length = (head.len() - header + within.len()) as u16;
        head[4..6].copy_from_slice(&length.to_be_bytes());
    }
    if let Some(port) = port {
        let length = (8 + head.len() + within.len()) as u16;
        head = [&[50_000, port, length, 0].map(u16::to_be_bytes).concat()[..], &head].concat();
    }
    let rest = [&head[..], &within].concat();
    let outer = Shape { protocol, ..outer.clone() };
    outer.framed(outer.above(&rest, head.len() + headers))
}
