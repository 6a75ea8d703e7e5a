//! Frames of IEEE 802.11, and what carries them.

use super::{datagram, inner, ip, join};

/// An IEEE 802.11 data frame from an access point, with an IPv4 packet.
pub fn data_frame() -> Vec<u8> {
    let head = [0x08, 0x42, 0x2c, 0, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1, 0x30, 0x01];
    join(&[&head, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner()])
}

/// Frames of each type of IEEE 802.11.
pub fn frames() -> Vec<Vec<u8>> {
    let [one, two, three, four] = [1, 2, 3, 4].map(|last| [2, 0, 0, 0, 0, last]);
    let llc = join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner()]);
    let data = |control: [u8; 2], rest: &[u8]| {
        join(&[&control, &[0x2c, 0], &one, &two, &three, &[0x30, 0x01], rest])
    };
    vec![
        join(&[&[0xb4, 0, 0x2c, 0], &one, &two]),
        join(&[&[0xc4, 0, 0x2c, 0], &one]),
        join(&[&[0xa4, 0x10, 0x01, 0xc0], &one, &two]),
        join(&[&[0x84, 0, 0x2c, 0], &one, &two, &[4, 0, 0x30, 0x01]]),
        join(&[&[0x94, 0, 0x2c, 0], &one, &two, &[5, 0, 0x30, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]]),
        join(&[&[0xe4, 0, 0, 0], &one, &two]),
        join(&[&[0x54, 0, 0x2c, 0], &one, &two, &[0, 0]]),
        data([0x08, 0x00], &llc),
        data([0x08, 0x01], &llc),
        data([0x08, 0x02], &llc),
        data([0x08, 0x03], &join(&[&four, &llc])),
        data([0x88, 0x01], &join(&[&[0x26, 0x00], &llc])),
        data([0x88, 0x82], &join(&[&[0x05, 0x00, 1, 2, 3, 4], &llc])),
        data([0x88, 0x42], &join(&[&[0x05, 0x00], &[7; 16]])),
        data([0x08, 0x0a], &llc),
        data([0xc8, 0x11], &[0, 0]),
        data([0x48, 0x11], &[]),
        data([0x80, 0x00], &join(&[&[1; 8], &[0x64, 0, 1, 0], b"\x00\x03lab"])),
        data([0xd0, 0x00], &[3, 0, 1]),
    ]
}

pub fn tunnels() -> Vec<Vec<u8>> {
    let mut plain = data_frame();
    plain[1] = 0x02;
    vec![
        datagram(37_008, &join(&[&[1, 0, 0, 18, 1], &plain])),
        datagram(5247, &join(&[&[0, 0x10, 0x03, 0, 0, 0, 0, 0], &plain])),
        datagram(5247, &join(&[&[0, 0x10, 0x02, 0, 0, 0, 0, 0], &ip(&inner())])),
        datagram(5247, &join(&[&[0, 0x20, 0x42, 0x10, 0, 0, 0, 0, 6, 2, 0, 0, 0, 0, 9, 0], &ip(&inner())])),
        datagram(5247, &join(&[&[0, 0x20, 0x43, 0x20, 0, 0, 0, 0, 4, 0xd0, 20, 0, 54, 0, 0, 0], &plain])),
        datagram(5247, &[0, 0x10, 0x02, 0x08, 0, 0, 0, 0, 0, 35, 0, 4, 1, 2, 3, 4]),
        datagram(5247, &[0, 0x10, 0x03, 0x80, 0, 9, 0, 8, 1, 2, 3, 4]),
    ]
}

pub fn ppi(is_aligned: bool) -> Vec<u8> {
    let common = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 108, 0, 0x8a, 0x09, 0x80, 0x04, 3, 4, 0xc4, 0x80];
    let mut frame = data_frame();
    frame[1] = 0x02;
    join(&[&[0, u8::from(is_aligned), 32, 0, 105, 0, 0, 0, 2, 0, 20, 0], &common, &frame])
}
