//! Wires of virtual pairs that tests make, frames on them, and the real sensor that watches them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use headgate_record::Kind;
use serde_json::Value;

use super::process::open_captures;
use super::wire::sum;
use super::{Running, SENSOR, Site, run, wait_for};

/// `spanN` and `mirrorN`: a silent wire.
pub fn pair(number: u32) {
    typed(&format!("ip link add span{number} type veth peer name mirror{number}"));
    typed(&format!("ip link set span{number} up; ip link set mirror{number} up"));
}

/// Runs a line of shell.
pub fn typed(command: &str) {
    run("sh", &["-c", command]);
}

/// The opener, which makes so many sockets, then the sensor, as the service manager starts them.
pub fn watch(site: &Site, sockets: usize) -> Running {
    run_sensor(site, open_captures(&site.config(), &site.path("notify"), sockets))
}

/// The sensor, with sockets of the opener.
pub fn run_sensor(site: &Site, sockets: Vec<(String, OwnedFd)>) -> Running {
    let interfaces: BTreeSet<_> =
        sockets.iter().map(|(name, _)| name.split('@').next().unwrap().to_owned()).collect();
    let sensor = start_sensor(site, sockets);
    wait_for("the sensor to watch", || {
        let status = site.ask(&["status"]).unwrap();
        status["sensor"]["interfaces"].as_array().is_some_and(|i| i.len() == interfaces.len())
    });
    sensor
}

/// As [`run_sensor`], without waiting for it.
pub fn start_sensor(site: &Site, sockets: Vec<(String, OwnedFd)>) -> Running {
    let log = site.path("log/sensor.log");
    let _ = fs::remove_file(&log);
    // Descriptors from 3 on (sd_listen_fds(3)), and a network with nothing in it.
    let copies: Vec<_> = sockets.iter().map(|(_, socket)| rustix::io::dup(socket).unwrap()).collect();
    let moves: String = copies
        .iter()
        .zip(200..)
        .map(|(c, n)| format!("{n}<&{} {}<&- ", c.as_raw_fd(), c.as_raw_fd()))
        .collect();
    let places: String = (3..3 + copies.len()).map(|n| format!("{n}<&{} {}<&- ", n + 197, n + 197)).collect();
    let names: Vec<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
    let script = format!(
        "exec {moves}; exec {places}; export LISTEN_PID=$$ LISTEN_FDS={} LISTEN_FDNAMES={}; exec \"$@\"",
        copies.len(),
        names.join(":")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script, "bash", "unshare", "--net", SENSOR, "run", "--config"]).arg(site.config());
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    Running { child, log }
}

/// Waits until the interfaces are so.
pub fn is(site: &Site, expected: &[&str]) {
    let states = || -> Vec<String> {
        let status = site.ask(&["status"]).unwrap();
        let interfaces = status["sensor"]["interfaces"].as_array().unwrap();
        interfaces.iter().map(|i| i["state"].as_str().unwrap().to_owned()).collect()
    };
    wait_for(&format!("{expected:?}"), || states() == expected);
}

/// Frames, and those that the kernel lost, of an interface.
pub fn counted(site: &Site, interface: &str) -> (u64, u64) {
    let counters = site.ask(&["counters"]).unwrap();
    let of: Vec<Value> =
        counters.as_array().unwrap().iter().filter(|row| row["interface"] == interface).cloned().collect();
    (sum(&of, Kind::Counters, "frames"), sum(&of, Kind::Counters, "frames_lost"))
}

/// Waits until the kernel has counted so many frames of `spanN`.
pub fn counted_by_kernel(number: u32, frames: u64) {
    let file = format!("/sys/class/net/span{number}/statistics/rx_packets");
    wait_for("the kernel", || fs::read_to_string(&file).unwrap().trim() == frames.to_string());
}

/// Whether somebody has set it so.
pub fn is_promiscuous(interface: &str) -> bool {
    String::from_utf8(run("ip", &["-d", "link", "show", interface]).stdout).unwrap().contains("promiscuity 1")
}

/// A program that sends so many frames and ends.
pub struct Sender(Child);

impl Sender {
    /// Waits for its end.
    pub fn ends(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

/// Frames of 60 octets, nothing else in them, into `mirrorN`; a pause in seconds behind each.
pub fn send(number: u32, frames: u32, pause: f64) -> Sender {
    sender(number, frames, pause, "")
}

/// As [`send`], in VLAN 7.
pub fn send_tagged(number: u32, frames: u32, pause: f64) -> Sender {
    sender(number, frames, pause, "81000007")
}

fn sender(number: u32, frames: u32, pause: f64, tag: &str) -> Sender {
    let script = "import socket, sys, time\n\
                  name, frames, pause, tag = sys.argv[1:]\n\
                  s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((name, 0))\n\
                  f = bytes.fromhex('ffffffffffff' '02aabbccddee' + tag + '88b5') + bytes(46)\n\
                  for _ in range(int(frames)):\n\
                  \x20   s.send(f)\n\
                  \x20   if float(pause): time.sleep(float(pause))\n";
    let arguments = [format!("mirror{number}"), frames.to_string(), pause.to_string(), tag.to_owned()];
    let mut command = Command::new("python3");
    Sender(command.args(["-c", script]).args(arguments).stdin(Stdio::null()).spawn().unwrap())
}
