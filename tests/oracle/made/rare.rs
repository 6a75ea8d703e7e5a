//! Values that no capture has of fields that captures have.

use super::wireless::data_frame;
use super::{datagram, ethernet, ip, ipv4, ipv6, join, length, snap, udp};

pub fn frames() -> Vec<Vec<u8>> {
    let datagram6 = udp(40_001, 40_002, b"x");
    // Of 20 octets, then SCTP's common header alone.
    let tcp = [0x9c, 0x41, 0x9c, 0x42, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 1, 0, 0, 0, 0, 0];
    let sctp = [0x9c, 0x41, 0x9c, 0x42, 0, 0, 0, 1, 0, 0, 0, 0];
    let unreachable = |packet: &[u8]| ip(&ipv4(1, &join(&[&[3, 3, 0, 0, 0, 0, 0, 0], packet])));
    let unreachable6 = |packet: &[u8]| ip(&ipv6(58, &join(&[&[1, 4, 0, 0, 0, 0, 0, 0], packet])));
    let address6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let redirect = join(&[&[137, 0, 0, 0, 0, 0, 0, 0], &address6, &[7; 16]]);
    let ah = join(&[&[17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], &[9; 12]]);
    let request = [11, 1, 2, 3, 0, 18, 0, 3, b'G', b'i', b'1'];
    let isl = |kind: u8, vlan: u16| {
        let frame = ip(&ipv4(17, &datagram6));
        let head =
            join(&[&[1, 0, 0x0c, 0, 0, kind, 0, 0x19, 6, 0xea, 0xb8, 0x85], &length(frame.len() + 12)]);
        join(&[&head, &[0xaa, 0xaa, 3, 0, 0, 0x0c], &vlan.to_be_bytes(), &[0, 7, 0, 0], &frame])
    };
    vec![
        // Of VLAN 133 between bridges, and of a VLAN with a token ring.
        isl(2, 0x010b),
        isl(0x15, 0x0020),
        snap([0x02, 0x00, 0x01], 0x1234, b"x"),
        ip(&ipv6(60, &join(&[&[17, 0, 1, 4, 0, 0, 0, 0], &datagram6]))),
        ip(&ipv6(51, &join(&[&ah, &datagram6]))),
        unreachable(&ipv4(6, &tcp)),
        unreachable(&ipv4(132, &sctp)),
        unreachable6(&ipv6(6, &tcp)),
        unreachable6(&ipv6(132, &sctp)),
        ip(&ipv6(58, &redirect)),
        ip(&ipv6(17, &udp(546, 547, &request))),
        datagram(
            5247,
            &join(&[
                &[0, 0x28, 0x42, 0x10, 0, 0, 0, 0, 8],
                &[2; 8],
                &[0; 3],
                &ethernet(0x0800, &ipv4(17, &datagram6)),
            ]),
        ),
    ]
}

/// A radiotap header of two antennas, with signal, noise and number of each.
pub fn radiotap() -> Vec<u8> {
    let present = [0x60, 0x08, 0, 0xa0, 0x60, 0x08, 0, 0];
    let mut frame = data_frame();
    frame[1] = 0x02;
    join(&[&[0, 0, 18, 0], &present, &[0xc0, 0xa0, 0, 0xc1, 0xa1, 1], &frame])
}
