//! What the kernel says of a process.

use std::fs;
use std::path::Path;

/// Octets that a process has given to the file systems to be written (`write_bytes`), where one may know: of a process
/// that cannot be dumped only root may.
pub fn written(process: &str) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{process}/io")).ok()?, "write_bytes:")
}

/// The most memory that a process has had at once, in KiB (`VmHWM`).
pub fn peak_kib(process: &str) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmHWM:")
}

/// Octets of all files of a directory.
pub fn on_disk(directory: &Path) -> u64 {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
