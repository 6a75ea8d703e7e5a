//! Capture files for tests: taken apart, changed, put together.

use std::fs;
use std::path::Path;

/// A record of a pcap file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Microseconds since 1970.
    pub time_us: u64,
    /// What was captured.
    pub bytes: Vec<u8>,
    /// Length on the wire.
    pub wire_len: usize,
}

/// Octets before the first record, and before the octets of each.
pub const HEADER: usize = 24;
pub const RECORD_HEADER: usize = 16;

/// The records of a little-endian pcap file with microseconds.
pub fn read(path: &Path) -> Vec<Packet> {
    let file = fs::read(path).unwrap();
    assert_eq!(file[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "{}", path.display());
    let (mut packets, mut rest) = (Vec::new(), &file[HEADER..]);
    while !rest.is_empty() {
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (captured, wire_len) = (number(8), number(12));
        let bytes = rest[RECORD_HEADER..RECORD_HEADER + captured].to_vec();
        packets.push(Packet { time_us: (number(0) * 1_000_000 + number(4)) as u64, bytes, wire_len });
        rest = &rest[RECORD_HEADER + captured..];
    }
    packets
}

/// A pcap file of Ethernet frames.
pub fn file(packets: &[Packet]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for packet in packets {
        file.extend(record(packet));
    }
    file
}

/// One record of such a file.
pub fn record(packet: &Packet) -> Vec<u8> {
    let numbers = [packet.time_us / 1_000_000, packet.time_us % 1_000_000];
    let mut record: Vec<u8> = numbers.iter().flat_map(|n| (*n as u32).to_le_bytes()).collect();
    record.extend((packet.bytes.len() as u32).to_le_bytes());
    record.extend((packet.wire_len as u32).to_le_bytes());
    record.extend(&packet.bytes);
    record
}

/// Whether the frame holds an IPv4 or IPv6 packet, behind at most one VLAN tag.
pub fn is_ip(frame: &[u8]) -> bool {
    let at = if frame[12..14] == [0x81, 0x00] { 16 } else { 12 };
    matches!(frame[at..at + 2], [0x08, 0x00] | [0x86, 0xdd])
}
