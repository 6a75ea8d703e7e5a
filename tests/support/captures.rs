//! Captures to test readers and filters against, read without either. For tests of the crates in `daemon/`.
// A test says what it skipped.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};

/// The folder of foreign captures beside the workspace, where there is one.
pub fn foreign() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?;
    let found = Some(beside.join("shared/corpus")).filter(|folder| folder.is_dir());
    if found.is_none() {
        println!("there is no folder of foreign captures beside the workspace");
    }
    found
}

/// The capture files of a folder and its folders.
pub fn within(folder: &Path) -> Vec<PathBuf> {
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

/// Hands over the frames of a classic capture file, as far as the file is sound: its link type, the frame, and its
/// octets on the wire.
pub fn each_frame(capture: &[u8], mut read: impl FnMut(u32, &[u8], u32)) -> Option<()> {
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
    let link = number(header, 20)? & 0x03ff_ffff;
    while let Some((record, behind)) = rest.split_first_chunk::<16>() {
        let length = usize::try_from(number(record, 8)?).ok()?;
        let (frame, behind) = behind.split_at_checked(length)?;
        read(link, frame, number(record, 12)?);
        rest = behind;
    }
    Some(())
}
