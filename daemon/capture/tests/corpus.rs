//! Every capture of a public collection, where there is one beside the project: none may crash or hang
//! the reader, and an undamaged one has as many frames, and of Ethernet as many octets on the wire, as
//! Wireshark's `capinfos` counts.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use headgate_capture::{Error, File, FileError, FileInterface, FileSummary, Frame, Piece, Take, Whole};

#[test]
fn every_capture_of_the_collection_is_read_and_counted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let files = captures(&root);
    if files.is_empty() {
        println!("skipped: there is no collection of captures");
        return;
    }
    let expected = counts(&files);
    let mut differing = Vec::new();
    for file in &files {
        let read = read(file);
        let Some((_, count)) = expected.iter().find(|(path, _)| path == file) else { continue };
        let agrees = read.as_ref().is_ok_and(|read| {
            read.frames == count.frames && (read.partial || read.wire_octets == count.wire_octets)
        });
        if !agrees {
            differing.push((file, count, read.map_err(|error| error.to_string())));
        }
    }
    println!("{} files, {} compared", files.len(), expected.len());
    assert!(differing.is_empty(), "{differing:#?}");
}

/// LINKTYPE_SUNATM.
const SUNATM: u32 = 123;

#[derive(Debug)]
struct Count {
    frames: u64,
    wire_octets: u64,
    /// Some frames were of other links or empty, and not handed on.
    partial: bool,
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(captures(&path));
        } else if path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
            files.push(path);
        }
    }
    files
}

/// Reads it whole and in pieces, which must come to the same.
fn read(path: &Path) -> Result<Count, Error> {
    let mut wire_octets = 0;
    let summary = File::open(path)?.read(counting(path, &mut wire_octets));
    let mut in_pieces = 0;
    assert_eq!(format!("{summary:?}"), format!("{:?}", read_in_pieces(path, counting(path, &mut in_pieces))));
    assert_eq!(wire_octets, in_pieces, "{path:?}");
    let summary = summary?;
    assert_eq!(summary.frames, summary.kept + summary.not_kept, "{path:?}");
    Ok(Count { frames: summary.frames, wire_octets, partial: summary.kept < summary.frames })
}

fn counting(path: &Path, wire_octets: &mut u64) -> impl Take {
    Whole(move |_: FileInterface<'_>, frame: Frame<'_>| {
        assert!(usize::try_from(frame.wire_len).unwrap() >= frame.bytes.len(), "{path:?}");
        *wire_octets += u64::from(frame.wire_len) + if frame.tag.is_some() { 4 } else { 0 };
        // capinfos does not count the four octets before an ATM cell.
        *wire_octets -= if frame.link == SUNATM { 4 } else { 0 };
        ControlFlow::Continue(())
    })
}

fn read_in_pieces(path: &Path, mut to: impl Take) -> Result<FileSummary, FileError> {
    let mut file = File::open(path).expect("it was opened before");
    let pieces = file.pieces().expect("a regular file");
    let mut piece = Piece::default();
    loop {
        pieces.read(&mut piece);
        if let Some(summary) = file.read_piece(&mut piece, &mut to)? {
            return Ok(summary);
        }
    }
}

/// What is in each file that `capinfos` reads without complaint; nothing without `capinfos`.
fn counts(files: &[PathBuf]) -> Vec<(PathBuf, Count)> {
    let mut counts = Vec::new();
    for file in files {
        let Ok(output) = Command::new("capinfos").args(["-c", "-d", "-M", "-T", "-r"]).arg(file).output()
        else {
            println!("not compared: capinfos is not installed");
            return Vec::new();
        };
        if !output.status.success() || !output.stderr.is_empty() {
            continue;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<u64> = text.trim().split('\t').skip(1).map(|text| text.parse().unwrap()).collect();
        let [frames, wire_octets] = numbers[..] else { panic!("{text}") };
        counts.push((file.clone(), Count { frames, wire_octets, partial: false }));
    }
    counts
}
