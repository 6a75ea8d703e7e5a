//! What the fuzzer begins with: every frame of captures, and each protocol in it from its first octet on.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headgate_capture::{FileInterface, Frame, Whole};
use headgate_record::{Kind, Record};
use headgate_wire::{Layer, Link, Malformed};

use super::property::{EXCESS, LINKS};
use super::{CAPTURE, FRAME, PROTOCOLS, REPLAY, captures, records, targets};

/// Writes a folder of seeds for each target, from all captures below the folders.
pub fn make(into: &Path, folders: &[PathBuf]) -> io::Result<()> {
    for target in targets() {
        fs::create_dir_all(into.join(target))?;
    }
    for (target, octets) in records::messages() {
        put(into, target, &[&octets])?;
    }
    for path in folders.iter().flat_map(|folder| files(folder)) {
        let Ok(octets) = fs::read(&path) else { continue };
        if octets.len() <= MAX_FILE {
            put(into, CAPTURE, &[&octets])?;
            put(into, REPLAY, &[&octets])?;
        }
        record_seeds(into, &captures::records(&path))?;
        let mut result = Ok(());
        let Ok(mut file) = headgate_capture::File::open(&path) else { continue };
        // A file that is damaged gives what comes before the damage.
        let _ = file.read(Whole(|_: FileInterface<'_>, frame: Frame<'_>| {
            if let Some(link) = Link::from_linktype(frame.link) {
                result = frame_seeds(into, link, frame.bytes, frame.wire_len);
            }
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }));
        result?;
    }
    Ok(())
}

fn frame_seeds(into: &Path, link: Link, octets: &[u8], wire_len: u32) -> io::Result<()> {
    let octets = octets.get(..MAX_SEED).unwrap_or(octets);
    let missing = wire_len.saturating_sub(u32::try_from(octets.len()).unwrap_or(u32::MAX));
    let excess = EXCESS.iter().rposition(|excess| *excess <= missing).unwrap_or_default();
    // The zeros come first; any of them will do.
    let excess = u8::try_from(if missing == 0 { 0 } else { excess << 4 }).unwrap_or_default();
    let number = LINKS.iter().position(|known| *known == link).unwrap_or_default();
    put(into, FRAME, &[&[excess | u8::try_from(number).unwrap_or_default()], octets])?;
    for (layer, start) in layers(link, octets, wire_len) {
        if PROTOCOLS.iter().any(|(known, _)| *known == layer) {
            let variant = match (layer, link) {
                (Layer::LinuxCooked, Link::LinuxCooked2) | (Layer::Null, Link::Loop) => 1,
                _ => 0,
            };
            put(into, layer.name(), &[&[excess | variant], octets.get(start..).unwrap_or_default()])?;
        }
    }
    Ok(())
}

/// A few records of each kind, singly and together.
fn record_seeds(into: &Path, made: &[Record]) -> io::Result<()> {
    for kind in Kind::ALL {
        let mut some = made.iter().filter(|record| record.kind() == kind).take(MAX_RECORDS);
        some.try_for_each(|record| put(into, records::ONE, &[&records::alone(record)]))?;
    }
    // From everywhere in the file, so that each set holds several kinds.
    let step = made.len().div_ceil(MAX_RECORDS).max(1);
    for start in 0..step.min(MAX_RECORDS) {
        let some: Vec<Record> = made.iter().skip(start).step_by(step).cloned().collect();
        for (target, octets) in records::together_as(&some) {
            put(into, target, &[&octets])?;
        }
    }
    Ok(())
}

/// The layers of a frame and where they begin: the first place where one misses octets, if the capture ends
/// there.
fn layers(link: Link, octets: &[u8], wire_len: u32) -> Vec<(Layer, usize)> {
    let mut layers: Vec<(Layer, usize)> = Vec::new();
    for cut in 0..octets.len() {
        let fault: Option<Malformed> =
            match headgate_wire::parse(link, octets.get(..cut).unwrap_or_default(), None, wire_len) {
                Ok(packet) => packet.malformed,
                Err(fault) => Some(fault),
            };
        let Some(fault) = fault else { continue };
        let at = usize::try_from(fault.offset).unwrap_or(usize::MAX);
        match layers.iter_mut().find(|(layer, _)| *layer == fault.layer) {
            Some((_, start)) => *start = at.min(*start),
            None => layers.push((fault.layer, at)),
        }
    }
    layers
}

fn put(into: &Path, target: &str, parts: &[&[u8]]) -> io::Result<()> {
    let octets = parts.concat();
    let mut hasher = DefaultHasher::new();
    hasher.write(&octets);
    fs::write(into.join(target).join(format!("{:016x}", hasher.finish())), octets)
}

/// All files of a folder and its folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Longest frame of a seed: long ones are mostly payload, which is not read.
const MAX_SEED: usize = 1_536;
/// Most records of a kind, of a set, and sets, from each file.
const MAX_RECORDS: usize = 6;
/// Largest capture file that is a seed.
const MAX_FILE: usize = 16 << 10;
