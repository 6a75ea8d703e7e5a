//! Every Ethernet frame of a folder of foreign captures is read without panic.
//!
//! The folder is `shared/corpus` beside the workspace. Where it is absent, the test says so and passes.

use std::path::{Path, PathBuf};

use headgate_wire::{Network, parse};

#[test]
fn every_frame_of_the_foreign_captures_is_read() {
    let Some(corpus) = corpus() else {
        println!("skipped: there is no folder of foreign captures beside the workspace");
        return;
    };
    let (mut frames, mut understood, mut malformed, mut units) = (0, 0, 0, 0);
    for path in captures(&corpus) {
        let Ok(capture) = std::fs::read(&path) else { continue };
        each_frame(&capture, |bytes, wire_len| {
            frames += 1;
            if let Ok(packet) = parse(headgate_wire::Link::Ethernet, bytes, None, wire_len) {
                understood += u32::from(packet.is_understood());
                malformed += u32::from(packet.malformed.is_some());
                units += u32::from(matches!(packet.network, Network::Lldp(_)));
            }
        });
    }
    println!("{frames} frames, {understood} understood, {malformed} with a malformed part, {units} LLDP");
    assert!(units > 0 && understood > frames / 2);
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?;
    Some(beside.join("shared/corpus")).filter(|folder| folder.is_dir())
}

/// The capture files of a folder and its folders.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "pcap") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Hands over the frames of a classic capture file of link type Ethernet, as far as the file is sound.
fn each_frame(capture: &[u8], mut read: impl FnMut(&[u8], u32)) -> Option<()> {
    let (header, mut rest) = capture.split_first_chunk::<24>()?;
    let big_endian = match header {
        [0xd4, 0xc3, 0xb2, 0xa1, ..] | [0x4d, 0x3c, 0xb2, 0xa1, ..] => false,
        [0xa1, 0xb2, 0xc3, 0xd4, ..] | [0xa1, 0xb2, 0x3c, 0x4d, ..] => true,
        _ => return None,
    };
    let number = |bytes: &[u8], at: usize| {
        let bytes = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    if number(header, 20)? & 0x03ff_ffff != 1 {
        return None;
    }
    while let Some((record, behind)) = rest.split_first_chunk::<16>() {
        let length = usize::try_from(number(record, 8)?).ok()?;
        let (frame, behind) = behind.split_at_checked(length)?;
        read(frame, number(record, 12)?);
        rest = behind;
    }
    Some(())
}
