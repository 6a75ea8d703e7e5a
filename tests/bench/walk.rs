//! The least that a reader of a capture file can do.

use std::fs::File;
use std::io::Read;

/// Walks the headers of the records of a pcap file in this machine's order of octets.
pub fn walk(file: &str) {
    let mut file = File::open(file).unwrap();
    let mut buffer = vec![0; 256 << 10];
    let (mut held, mut frames, mut octets) = (0, 0u64, 0u64);
    let mut at = FILE_HEADER_LEN;
    loop {
        let read = file.read(&mut buffer[held..]).unwrap();
        held += read;
        while let Some(header) = buffer[..held].get(at..at + RECORD_HEADER_LEN) {
            let captured = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
            if at + RECORD_HEADER_LEN + captured > held {
                break;
            }
            octets += u64::from(u32::from_le_bytes(header[12..16].try_into().unwrap()));
            frames += 1;
            at += RECORD_HEADER_LEN + captured;
        }
        if read == 0 {
            break;
        }
        buffer.copy_within(at..held, 0);
        held -= at;
        at = 0;
    }
    println!("{frames} {octets}");
}

const FILE_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
