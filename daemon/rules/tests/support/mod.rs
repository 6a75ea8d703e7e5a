//! Captures to test against.
// A test says what it skipped.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

/// The project's own captures, and a folder of foreign ones where there is one beside the workspace.
pub fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let foreign = root.ancestors().nth(1).unwrap().join("shared/corpus");
    if !foreign.is_dir() {
        println!("there is no folder of foreign captures beside the workspace");
    }
    let (mut folders, mut found) = (vec![root.join("tests/golden"), foreign], Vec::new());
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
    found
}

/// The frames of a pcap file, with its link type, as far as the file is sound.
pub fn each_frame(capture: &[u8], mut read: impl FnMut(u32, &[u8])) -> Option<()> {
    let (header, mut rest) = capture.split_first_chunk::<24>()?;
    let big_endian = header[0] == 0xa1;
    let link = *header[20..].first_chunk::<4>()?;
    let link = if big_endian { u32::from_be_bytes(link) } else { u32::from_le_bytes(link) };
    while let Some((record, behind)) = rest.split_first_chunk::<16>() {
        let length = *record[8..].first_chunk::<4>()?;
        let length = if big_endian { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) };
        let (frame, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        read(link, frame);
        rest = behind;
    }
    Some(())
}
