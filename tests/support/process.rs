//! What the kernel says about a running process, and standing in for the service manager.
// A test that the kernel does not permit says so.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Whether this user may make the namespaces in which tests play networks; says so when not.
pub fn may_isolate() -> bool {
    let root = rustix::process::geteuid().is_root();
    let may = root || Command::new("unshare").args(["-Urn", "true"]).status().is_ok_and(|s| s.success());
    if !may {
        println!("skipped: user namespaces are not permitted here");
    }
    may
}

/// Starts `test` again in a network of its own, with what /sys says of it, and there runs `body`. Interfaces that it
/// makes never speak for themselves.
pub fn in_namespaces(test: &str, body: impl FnOnce()) {
    const INSIDE: &str = "HEADGATE_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        super::run("mount", &["-t", "sysfs", "sysfs", "/sys"]);
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        super::run("ip", &["link", "set", "lo", "up"]);
        body();
    } else if may_isolate() {
        let namespaces = if rustix::process::geteuid().is_root() { "-nm" } else { "-Urnm" };
        let mut again = Command::new("unshare");
        again.arg(namespaces).arg(std::env::current_exe().unwrap());
        again.args(["--exact", test, "--nocapture"]).env(INSIDE, "");
        assert!(again.status().unwrap().success(), "see above");
    }
}

/// Runs the opener to its end, and returns the name and the socket that it stored (sd_notify(3)).
pub fn open_capture(config: &Path, notify: &Path) -> (String, OwnedFd) {
    let mut stored = open_captures(config, notify, 1);
    stored.pop().unwrap()
}

/// As [`open_capture`], for so many interfaces, of which some need not be there.
pub fn open_captures(config: &Path, notify: &Path, count: usize) -> Vec<(String, OwnedFd)> {
    let _ = fs::remove_file(notify);
    let socket = UnixDatagram::bind(notify).unwrap();
    socket.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let mut opener = Command::new(super::SENSOR);
    opener.args(["open-capture", "--await-missing", "--config"]).arg(config).env("NOTIFY_SOCKET", notify);
    assert!(opener.status().unwrap().success());
    let mut stored = Vec::new();
    while stored.len() < count {
        let mut text = [0; 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [std::io::IoSliceMut::new(&mut text)];
        let length = recvmsg(&socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap().bytes;
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        if let Some(descriptor) = descriptor {
            let text = std::str::from_utf8(&text[..length]).unwrap();
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap();
            stored.push((name.to_owned(), descriptor));
        }
    }
    stored
}

/// The status of each thread, as proc_pid_status(5) gives it.
pub fn threads(process: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = tasks.map(|task| {
        let text = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    });
    read.collect()
}

/// Every process that holds a socket, by the socket's number.
pub fn holders(socket: u64) -> Vec<u32> {
    let held = |process: &u32| {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
        let mut targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
        targets.any(|target| target.as_os_str() == format!("socket:[{socket}]").as_str())
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    processes.filter_map(|name| name.to_str()?.parse().ok()).filter(held).collect()
}

/// The number of a socket.
pub fn number(socket: &OwnedFd) -> u64 {
    File::from(socket.try_clone().unwrap()).metadata().unwrap().ino()
}

/// A part of a process's memory: what it is, and its octets.
pub struct Part {
    pub what: String,
    pub octets: Vec<u8>,
}

/// All memory that a process can read, its capture ring as well.
///
/// # Errors
/// When the kernel does not permit it.
pub fn memory(process: u32) -> std::io::Result<Vec<Part>> {
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let mut parts = Vec::new();
    for line in fs::read_to_string(format!("/proc/{process}/maps"))?.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let what = words.nth(3).unwrap_or("anonymous").to_owned();
        // Pages of the kernel that every process has (vdso(7)).
        if !rights.starts_with('r') || what.starts_with("[v") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|hexadecimal| u64::from_str_radix(hexadecimal, 16).unwrap());
        let mut octets = vec![0; usize::try_from(end - start).unwrap()];
        memory.read_exact_at(&mut octets, start)?;
        parts.push(Part { what, octets });
    }
    Ok(parts)
}
