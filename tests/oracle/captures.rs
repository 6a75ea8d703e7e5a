//! The captures that are read, all of them in as few runs of each program as will do.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::packets::is_carrier;
use super::pdml::{self, Frame};
use super::support::{HEADGATE, golden, run};

/// A frame of a capture, as both programs read it.
pub struct Pair {
    /// Where in the list of captures.
    pub capture: usize,
    /// Its number in its file, from 1.
    pub number: u64,
    pub ours: Value,
    pub theirs: Frame,
}

/// The project's own captures, and those of the corpus where it lies beside the project.
pub fn all() -> Vec<PathBuf> {
    let mut captures = within(&golden(""));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    match std::fs::read_dir(&corpus) {
        Ok(folders) => captures.extend(folders.flat_map(|folder| within(&folder.unwrap().path()))),
        Err(_) => println!("skipped: the corpus, as there is no {}", corpus.display()),
    }
    captures.sort();
    captures
}

fn within(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|e| e == "pcap" || e == "pcapng")).collect()
}

pub fn name(capture: &Path) -> &str {
    capture.file_name().unwrap().to_str().unwrap()
}

/// Both programs' reading of every frame. It gives the captures that the libraries of tshark refuse.
pub fn pairs(captures: &[PathBuf], wanted: &HashSet<String>, mut each: impl FnMut(Pair)) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let merged = directory.path().join("merged.pcapng");
    let alone = merge(captures, &merged);
    let (apart, together): (Vec<_>, Vec<_>) =
        (0..captures.len()).partition(|index| alone.contains(&captures[*index]));
    pairs_of(captures, &together, &merged, wanted, &mut each);
    apart.into_iter().map(|index| name(&captures[index]).to_owned()).collect()
}

/// Appends captures to one another, and gives those of link types that mergecap, as tshark, does not know.
pub fn merge(captures: &[PathBuf], into: &Path) -> HashSet<PathBuf> {
    let mut alone = HashSet::new();
    loop {
        let together = captures.iter().filter(|capture| !alone.contains(*capture));
        let output = Command::new("mergecap").args(["-a", "-w"]).arg(into).args(together).output();
        let output = output.expect("mergecap (package tshark)");
        if output.status.success() {
            return alone;
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let refused = said.split('"').nth(1).map(PathBuf::from).filter(|name| captures.contains(name));
        assert!(alone.insert(refused.expect(&said)), "{said}");
    }
}

fn pairs_of(
    captures: &[PathBuf],
    indices: &[usize],
    merged: &Path,
    wanted: &HashSet<String>,
    each: &mut impl FnMut(Pair),
) {
    let files: Vec<&str> = indices.iter().map(|index| captures[*index].to_str().unwrap()).collect();
    let output = run(HEADGATE, &[["dissect", "--json"].as_slice(), &files].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut ours = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut counts = counts(&files).into_iter();
    let mut places = indices.iter().flat_map(move |index| {
        let count = counts.next().unwrap();
        (1..=count).map(move |number| (*index, number))
    });
    pdml::dissect(merged, wanted, |theirs| {
        let (capture, number) = places.next().expect("as many frames as capinfos counts");
        let ours = ours.next().expect("as many frames as capinfos counts");
        assert_eq!(ours["number"], number, "{}", name(&captures[capture]));
        each(Pair { capture, number, ours, theirs });
    });
    assert_eq!((places.count(), ours.count()), (0, 0), "further frames");
}

/// How many frames each file has, as capinfos counts them.
fn counts(files: &[&str]) -> Vec<u64> {
    let output = Command::new("capinfos").args(["-c", "-M", "-T", "-r"]).args(files).output();
    let text = String::from_utf8(output.expect("capinfos (package tshark)").stdout).unwrap();
    let counts = text.lines().filter_map(|line| line.split_once('\t'));
    let counts: Vec<_> = counts.map(|(_, count)| count.parse().unwrap()).collect();
    assert_eq!(counts.len(), files.len(), "files that capinfos counted");
    counts
}

/// The captures in which all frames are plain; see [`is_plain`].
pub fn plain(captures: &[PathBuf]) -> Vec<PathBuf> {
    let directory = tempfile::tempdir().unwrap();
    let merged = directory.path().join("merged.pcapng");
    let refused = merge(captures, &merged);
    let mut captures: Vec<_> = captures.iter().filter(|capture| !refused.contains(*capture)).collect();
    let files: Vec<&str> = captures.iter().map(|capture| capture.to_str().unwrap()).collect();
    let mut command = Command::new("tshark");
    command
        .args(["-n", "-T", "fields", "-E", "occurrence=f", "-o", "ip.defragment:FALSE", "-r"])
        .arg(&merged);
    for field in PLAIN_FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark (package tshark)");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let mut counts = counts(&files).into_iter();
    captures.retain(|_| {
        let count = usize::try_from(counts.next().unwrap()).unwrap();
        lines.by_ref().take(count).fold(true, |all, line| all & is_plain(line))
    });
    captures.into_iter().cloned().collect()
}

const PLAIN_FIELDS: [&str; 11] = [
    "frame.encap_type",
    "frame.protocols",
    "frame.len",
    "frame.cap_len",
    "ip.flags.mf",
    "ip.frag_offset",
    "ipv6.fraghdr.ident",
    "ipv6.routing.type",
    "ipv6.plen",
    "ip.len",
    "_ws.malformed",
];

/// Whether both count a frame in the same way: Ethernet or raw IP, captured as a whole and well-formed for
/// tshark, with one packet that nothing but VLAN tags carries, whose length lies within it, and is no fragment. A packet that an ICMP error
/// quotes is none; a jumbogram is none to tshark, and behind a routing header it counts another address.
fn is_plain(line: &str) -> bool {
    let columns: Vec<&str> = line.split('\t').collect();
    let [link, protocols, length, captured, more, offset, fragment, routing, payload, total, malformed] =
        columns.as_slice()
    else {
        panic!("not eleven columns: {line}");
    };
    let number = |text: &str| text.parse::<u64>().unwrap();
    let mut packets = 0;
    for protocol in protocols.split(':').take_while(|protocol| !protocol.starts_with("icmp")) {
        packets += usize::from(["ip", "ipv6"].contains(&protocol));
        if is_carrier(protocol) || protocol == "wlan" || protocol == "mpls" {
            return false;
        }
    }
    ["1", "7", "129", "130"].contains(link)
        && packets <= 1
        && length == captured
        && ["", "0", "False"].contains(more)
        && ["", "0"].contains(offset)
        && [fragment, routing, malformed].iter().all(|field| field.is_empty())
        && *payload != "0"
        && (total.is_empty() || (20..=number(length)).contains(&number(total)))
}
