//! Control protocols, written by hand, with a secret behind what may be kept.
// Not every test needs all of it.
#![allow(dead_code)]

pub const SECRET: &[u8] = b"SECRET-PAYLOAD-SECRET-PAYLOAD";

/// A frame, as far as it may be kept, and what excludes it.
#[derive(Clone, Debug)]
pub struct Control {
    pub what: &'static str,
    /// What may be kept.
    pub kept: Vec<u8>,
    /// What may not.
    pub behind: Vec<u8>,
    /// Words under `protocols` that exclude it.
    pub words: &'static [&'static str],
    pub layer: Layer,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    Ethernet,
    /// The reader of frames does not tell these apart yet.
    Llc,
    Ip,
}

impl Control {
    /// The frame whole, with VLAN tags.
    pub fn frame(&self, tags: &[u16]) -> Vec<u8> {
        [&self.tagged(tags)[..], &self.behind].concat()
    }

    /// What may be kept, with VLAN tags.
    pub fn tagged(&self, tags: &[u16]) -> Vec<u8> {
        let tags: Vec<u8> = tags.iter().flat_map(|vid| [0x81, 0x00, (vid >> 8) as u8, *vid as u8]).collect();
        [&self.kept[..12], &tags, &self.kept[12..]].concat()
    }
}

pub fn ethernet(ethertype: u16, body: &[u8]) -> Vec<u8> {
    let addresses = [0x01, 0x80, 0xc2, 0, 0, 0x03, 0x00, 0x1b, 0x21, 0, 0, 0x01];
    [&addresses[..], &ethertype.to_be_bytes(), body].concat()
}

/// An LLC frame with `more` octets behind `body` that its length counts.
pub fn llc(body: &[u8], more: usize) -> Vec<u8> {
    ethernet((body.len() + more) as u16, body)
}

/// The header of an IPv4 packet with `length` octets behind it, and the first of them.
pub fn ipv4(protocol: u8, options: &[u8], body: &[u8], length: usize) -> Vec<u8> {
    let total = ((20 + options.len() + length) as u16).to_be_bytes();
    let first = 0x45 + (options.len() / 4) as u8;
    let header = [first, 0, total[0], total[1], 0, 0, 0x40, 0, 1, protocol, 0, 0, 10, 9, 0, 1, 224, 0, 0, 22];
    ethernet(0x0800, &[&header[..], options, body].concat())
}

pub fn ipv6(next: u8, body: &[u8], length: usize) -> Vec<u8> {
    let length = (length as u16).to_be_bytes();
    let mut header = [0; 40];
    header[..8].copy_from_slice(&[0x60, 0, 0, 0, length[0], length[1], next, 255]);
    header[8..14].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8, 0, 9]);
    header[24..26].copy_from_slice(&[0xff, 0x02]);
    ethernet(0x86dd, &[&header[..], body].concat())
}

pub fn udp(source: u16, destination: u16, body: &[u8], length: usize) -> Vec<u8> {
    let words = [source, destination, 8 + length as u16, 0];
    [words.map(u16::to_be_bytes).concat(), body.to_vec()].concat()
}

pub fn datagram_v4(source: u16, destination: u16, body: &[u8], length: usize) -> Vec<u8> {
    ipv4(17, &[], &udp(source, destination, body, length), 8 + length)
}

pub fn datagram_v6(source: u16, destination: u16, body: &[u8], length: usize) -> Vec<u8> {
    ipv6(17, &udp(source, destination, body, length), 8 + length)
}

/// A RADIUS header of a message of `length` octets.
pub fn radius(code: u8, length: u16) -> Vec<u8> {
    [&[code, 7][..], &length.to_be_bytes()].concat()
}

/// Hop-by-hop options with a router alert for multicast listener discovery (RFC 2711).
pub const ROUTER_ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];

/// An option header behind its next header: no more than padding (RFC 8200, 4.2).
pub const PADDING: [u8; 7] = [0, 1, 4, 0, 0, 0, 0];

pub fn all() -> Vec<Control> {
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

pub const RADIUS: &[&str] = &["radius", "udp", "ip/17"];
pub const MDNS: &[&str] = &["mdns", "udp", "udp/5353", "ip/17"];
pub const ABOVE_IP: &[&str] = &[
    "dhcp", "radius", "mdns", "igmp", "icmp", "icmpv6", "tcp", "udp", "udp/5353", "tcp/22", "ip/2", "ip/17",
    "ip/58",
];
pub const AT_ETHERNET: &[&str] = &["arp", "lldp", "cdp", "edp", "fdp", "sonmp", "stp", "eapol"];

/// Octets of the headers of a control frame without tags.
pub fn headers(control: &Control) -> usize {
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
