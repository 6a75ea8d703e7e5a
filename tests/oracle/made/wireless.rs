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
    let plain = plain();
    vec![
        datagram(37_008, &join(&[&[1, 0, 0, 18, 1], &plain])),
        datagram(37_008, &join(&[&[1, 0, 0, 119, 10, 1, 0xd0, 1], &behind_prism(true, |n| n << 16 | 0x44)])),
        datagram(37_008, &join(&[&[1, 0, 0, 127, 1], &behind_avs(2, 1)])),
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
    let frame = plain();
    join(&[&[0, u8::from(is_aligned), 32, 0, 105, 0, 0, 0, 2, 0, 20, 0], &common, &frame])
}

/// Prism headers, by linux-wlan-ng and by others, with every item and without one.
pub fn prism() -> Vec<Vec<u8>> {
    let mut without = behind_prism(true, |n| n << 16 | 0x44);
    // The status of the fourth item: it has no value.
    without[24 + 3 * 12 + 4] = 1;
    vec![
        behind_prism(true, |n| n << 16 | 0x44),
        behind_prism(false, |n| n << 16 | 0x44),
        behind_prism(true, |n| n << 12 | 0x41),
        without,
        behind_avs(1, 2),
    ]
}

/// A frame behind a Prism header in one of both orders of octets.
fn behind_prism(little: bool, id: fn(u32) -> u32) -> Vec<u8> {
    let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let kind =
        [0, 4].map(|status: u16| if little { status.to_le_bytes() } else { status.to_be_bytes() }).concat();
    let frame = plain();
    let data = [90_u32, 80_000, 11, 70, 60, 0xffff_ffc4, 0xffff_ffa0, 22, 1, frame.len() as u32];
    let items: Vec<_> = (1..).zip(data).map(|(n, data)| join(&[&long(id(n)), &kind, &long(data)])).collect();
    join(&[&long(id(1) & 0xfff), &long(144), b"wlan0\0\0\0\0\0\0\0\0\0\0\0", &items.concat(), &frame])
}

/// AVS headers of both versions, with each kind of signal.
pub fn avs() -> Vec<Vec<u8>> {
    vec![behind_avs(1, 1), behind_avs(1, 2), behind_avs(2, 2), behind_avs(2, 3)]
}

/// A frame behind an AVS header.
fn behind_avs(version: u8, signal_type: u32) -> Vec<u8> {
    let signal = if signal_type == 2 { [0xffff_ffc4, 0xffff_ffa0] } else { [700, 30] };
    let frequency = if version == 1 { 11 } else { 2437 };
    let times = [1_u64 << 40, 2_u64 << 33].map(u64::to_be_bytes).concat();
    let numbers =
        [6, frequency, 110, 3, 5, signal_type, signal[0], signal[1], 1, 3].map(u32::to_be_bytes).concat();
    let more = join(&[&[7_u32, 8].map(u32::to_be_bytes).concat(), &[2, 0, 0, 0, 0, 9, 0, 0]]);
    let (length, more) = if version == 1 { (64, vec![]) } else { (80, more) };
    join(&[&[0x80, 0x21, 0x10, version, 0, 0, 0, length], &times, &numbers, &more, &plain()])
}

/// The same, neither encrypted nor sent again.
fn plain() -> Vec<u8> {
    let mut frame = data_frame();
    frame[1] = 0x02;
    frame
}
