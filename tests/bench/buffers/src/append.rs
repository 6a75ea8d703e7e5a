//! The limit of the disk: the same sealed octets appended to a file and synchronised, and nothing else done.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::messages::{Messages, handovers_file};
use crate::process::{on_disk, peak_kib, written};

/// Appends `sealed` octets in as many commits as there are hand-overs, and reads them back.
pub fn run(made: &Path, commit: usize, directory: &Path, sealed: usize) -> Value {
    let (mut messages, mut message, mut commits) = (Messages::open(&handovers_file(made, commit)), Vec::new(), 0);
    while messages.next(&mut message) {
        commits += 1;
    }
    // Octets that no disk can make smaller.
    let mut content = vec![0; sealed.div_ceil(commits)];
    File::open("/dev/urandom").unwrap().read_exact(&mut content).unwrap();
    let file = directory.join("appended");
    let mut out = File::create(&file).unwrap();
    let start = Instant::now();
    for _ in 0..commits {
        out.write_all(&content).unwrap();
        out.sync_data().unwrap();
    }
    let kept = start.elapsed();
    let (written, peak_kib) = (written("self"), peak_kib("self"));
    let start = Instant::now();
    let mut back = File::open(&file).unwrap();
    let mut read = 0;
    loop {
        match back.read(&mut content).unwrap() {
            0 => break,
            more => read += more,
        }
    }
    assert!(read >= sealed);
    json!({
        "us": kept.as_micros(), "records": commits * commit, "disk": on_disk(directory), "written": written,
        "peak_kib": peak_kib, "read_us": start.elapsed().as_micros(),
    })
}
