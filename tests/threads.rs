//! A sensor with several threads: what it sees is what one thread sees, each frame once.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use headgate_record::Kind;
use headgate_record::local::RECORDS_SOCKET;
use serde_json::Value;
use support::process::{holders, in_namespaces, number, open_captures, threads};
use support::relay::Relay;
use support::wire::{frames_by_tshark, of, sum, summary, traffic_by_flows, traffic_by_tshark};
use support::wires::{counted, counted_by_kernel, is, pair, send, start_sensor, typed, watch};
use support::{SENSOR, Site, run, wait_for};

/// Two senders, each on a core of its own, send the two directions of the same conversations, and between them what
/// stations and switches say of themselves. tshark counts in the same frames.
#[test]
fn several_threads_see_what_others_see_in_the_same_frames() {
    in_namespaces("several_threads_see_what_others_see_in_the_same_frames", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        site.configure("[capture]\nthreads = 3\n");
        let _store = site.start_store();
        let said =
            Relay::between(&site.path("relay").join(RECORDS_SOCKET), site.path("run").join(RECORDS_SOCKET));
        site.configure(&format!("[capture]\nthreads = 3\n[sockets]\ndirectory = {:?}\n", site.path("relay")));
        let sockets = open_captures(&site.config(), &site.path("notify"), 3);
        let names: Vec<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
        // 8 MiB are 2 for each.
        assert_eq!(names, ["span0@262144x8/0of3", "span0@262144x8/1of3", "span0@262144x8/2of3"]);
        let held: Vec<u64> = sockets.iter().map(|(_, socket)| number(socket)).collect();
        let mut sensor = start_sensor(&site, sockets);
        wait_for("the sensor to watch", || sensor.said().contains("watching 1 interfaces with 3 threads"));

        // All threads are in the sandbox, and who follows maps none of the rings.
        // A thread names itself when it first runs, which on a busy machine is after the one that started it has spoken.
        wait_for("all threads to have run", || {
            let statuses = threads(sensor.child.id());
            ["frames-1", "frames-2"].iter().all(|name| statuses.iter().any(|status| status["Name"] == *name))
        });
        let statuses = threads(sensor.child.id());
        for status in &statuses {
            assert_eq!((status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()), ("1", "2"));
            assert_eq!(status["CapPrm"], "0000000000000000");
        }
        for socket in held {
            assert_eq!(holders(socket).len(), 2, "the sensor and who follows");
        }

        let [there, back] = ["there.pcap", "back.pcap"].map(|name| site.path(name));
        let senders = [converse(&there, false, 0), converse(&back, true, 1)];
        senders.into_iter().for_each(ends);
        assert!(sensor.terminate().success(), "{}", sensor.said());

        let (frames, octets) = [&there, &back]
            .map(|file| frames_by_tshark(file))
            .into_iter()
            .fold((0, 0), |(frames, octets), (more, these)| (frames + more, octets + these));
        let records: Vec<Value> = said.records().iter().map(headgate_record::Record::to_json).collect();
        let sum_of = |field| sum(&records, Kind::Counters, field);
        assert_eq!((sum_of("frames"), sum_of("frames_lost"), sum_of("bytes")), (frames, 0, octets));
        assert_eq!(sum_of("used"), frames, "each is in one counter");
        // Both directions of a conversation are one record.
        let (mut expected, more) = (traffic_by_tshark(&there), traffic_by_tshark(&back));
        expected.extend(more);
        assert_eq!(traffic_by_flows(&records), expected);
        assert_eq!(of(&records, Kind::Flow).count() * 2, expected.len());
        // A station that all threads have seen is one device, with all its frames.
        assert_eq!(sum(&records, Kind::Device, "frames"), frames);
        let devices = summary(&records);
        let devices: Vec<_> = devices.iter().filter(|(subject, _)| subject.contains("device")).collect();
        assert_eq!(devices.len(), STATIONS + 1, "and the server");
        let has_address = devices.iter().filter(|(_, said)| said.contains_key("addresses"));
        assert_eq!(has_address.count(), STATIONS, "what it says of itself is with what it sent");
        assert!(of(&records, Kind::Neighbor).any(|neighbor| neighbor["port_id"] == "g1"));
    });
}

#[test]
fn an_interface_that_comes_back_is_watched_by_all_threads() {
    in_namespaces("an_interface_that_comes_back_is_watched_by_all_threads", || {
        pair(0);
        pair(1);
        let site = Site::watching(&["span0", "span1"]);
        site.configure("[capture]\nthreads = 2\n");
        let _store = site.start_store();
        let mut sensor = watch(&site, 4);
        is(&site, &["up", "up"]);
        let load = send(0, 3_000, 0.001);
        spread(1, 500);
        counted_by_kernel(1, 500);

        typed("ip link del span1");
        is(&site, &["up", "gone"]);
        pair(1);
        is(&site, &["up", "up"]);
        spread(1, 700);
        typed("ip link set mirror1 down");
        is(&site, &["up", "no-link"]);

        load.ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (3_000, 0));
        assert_eq!(counted(&site, "span1"), (1_200, 0));
        let said = sensor.said();
        assert_eq!(said.matches("span1 is watched again").count(), 1, "{said}");
        assert!(!said.contains("nobody follows"), "{said}");
    });
}

/// The sensor stands still while frames come: each ring takes up its part of them, and what it cannot take is counted.
#[test]
fn what_the_rings_cannot_take_is_counted() {
    in_namespaces("what_the_rings_cannot_take_is_counted", || {
        pair(0);
        // A block is handed over after a quarter of a second, full or not: 64 of them for each thread last for any sender.
        for (ring_mib, sent, is_enough) in [(1, 60_000, false), (128, 20_000, true)] {
            let site = Site::watching(&["span0"]);
            site.configure(&format!("[capture]\nthreads = 2\nring_mib = {ring_mib}\n"));
            let _store = site.start_store();
            let mut sensor = watch(&site, 2);
            let sensor_number = sensor.child.id().to_string();
            run("kill", &["-STOP", &sensor_number]);
            spread(0, sent);
            run("kill", &["-CONT", &sensor_number]);
            assert!(sensor.terminate().success(), "{}", sensor.said());
            let (frames, lost) = counted(&site, "span0");
            assert_eq!(frames + lost, u64::from(sent));
            assert_eq!(lost == 0, is_enough, "{lost} of {ring_mib} MiB");
        }
    });
}

/// Frames of a share that nobody has would be lost unseen.
#[test]
fn an_interface_of_which_a_socket_is_missing_is_not_watched() {
    in_namespaces("an_interface_of_which_a_socket_is_missing_is_not_watched", || {
        pair(0);
        pair(1);
        let site = Site::watching(&["span0", "span1"]);
        site.configure("[capture]\nthreads = 2\n");
        let _store = site.start_store();
        let mut sockets = open_captures(&site.config(), &site.path("notify"), 4);
        sockets.pop();
        let mut sensor = run_sensor_of(&site, sockets, 1);
        spread(0, 100);
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (100, 0));
        assert!(sensor.said().contains("span1 is not watched: its sockets"), "{}", sensor.said());

        let mut sockets = open_captures(&site.config(), &site.path("notify"), 4);
        sockets.retain(|(name, _)| name.ends_with("/1of2"));
        let mut sensor = start_sensor(&site, sockets);
        assert_eq!(sensor.wait().code(), Some(69), "{}", sensor.said());
        assert!(sensor.said().contains("no capture socket was handed over"), "{}", sensor.said());
    });
}

#[test]
fn more_sockets_than_can_be_guarded_are_refused() {
    let names: Vec<String> = (0..33).map(|n| format!("span{n}")).collect();
    let site = Site::watching(&names.iter().map(String::as_str).collect::<Vec<_>>());
    site.configure("[capture]\nthreads = 2\n");
    for command in [&["open-capture", "--await-missing"][..], &["run"]] {
        let output = Command::new(SENSOR).args(command).arg("--config").arg(site.config()).output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("2 threads for 33 interfaces are too many"), "{said}");
    }
    let check = site.headgate(&["rules", "check"]);
    assert_eq!(check.status.code(), Some(78));
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(said.contains("[capture] threads in headgate.toml times the interfaces may be 64"), "{said}");
}

fn run_sensor_of(
    site: &Site,
    sockets: Vec<(String, std::os::fd::OwnedFd)>,
    interfaces: usize,
) -> support::Running {
    let sensor = start_sensor(site, sockets);
    wait_for("the sensor to watch", || {
        let status = site.ask(&["status"]).unwrap();
        status["sensor"]["interfaces"].as_array().is_some_and(|i| i.len() == interfaces)
    });
    sensor
}

/// Sends one direction of the conversations of all stations with a server, from a core, and writes the frames to a file.
/// Stations say their addresses, and the server, a switch, who it is.
fn converse(file: &Path, back: bool, core: u32) -> Child {
    let script = r#"
import os, socket, struct, sys
file, back, core, stations = sys.argv[1], sys.argv[2] == "back", int(sys.argv[3]), int(sys.argv[4])
os.sched_setaffinity(0, {core % os.cpu_count()})
mac = lambda n: bytes([0, 0x1b, 0x21, 0, n >> 8, n & 255])
v4 = lambda n: bytes([10, 0, n >> 8, n & 255])
v6 = lambda n: bytes.fromhex("20010db8") + bytes(10) + bytes([n >> 8, n & 255])
SERVER = 0xffff
def segment(source, destination, ports, n):
    udp = n % 3 == 0
    ends = struct.pack(">HH", *ports)
    rest = struct.pack(">HH", 8 + 12, 0) + bytes(12) if udp else struct.pack(">IIBBHHH", 1, 1, 0x50, 0x10, 512, 0, 0)
    if n % 2:
        head = b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(ends + rest), 17 if udp else 6, 64) + v6(source) + v6(destination)
    else:
        head = b"\x08\x00" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(ends + rest), 0, 0x4000, 64, 17 if udp else 6, 0) + v4(source) + v4(destination)
    return mac(destination) + mac(source) + head + ends + rest
frames = []
for n in range(6000):
    station, port = n % stations, 40000 + n % 61
    ends = (SERVER, station, (8443, port)) if back else (station, SERVER, (port, 8443))
    frames.append(segment(*ends, n % 6))
    if not back and n < stations:
        arp = b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + mac(station) + v4(station) + bytes(6) + v4(SERVER)
        frames.append(b"\xff" * 6 + mac(station) + arp)
    if back and n % 1000 == 0:
        tlvs = b"\x02\x07\x04" + mac(SERVER) + b"\x04\x03\x05g1" + b"\x06\x02\x00x" + b"\x00\x00"
        frames.append(bytes.fromhex("0180c200000e") + mac(SERVER) + b"\x88\xcc" + tlvs)
with open(file, "wb") as out:
    out.write(struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for frame in frames:
        out.write(struct.pack("=IIII", 1, 0, len(frame), len(frame)) + frame)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("mirror0", 0))
for frame in frames:
    s.send(frame)
"#;
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(file).arg(if back { "back" } else { "there" });
    command.args([core.to_string(), STATIONS.to_string()]).stdin(Stdio::null()).spawn().unwrap()
}

/// Sends datagrams of a thousand conversations, which fall to all threads.
fn spread(interface: u32, frames: u32) {
    let script = "import socket, struct, sys\n\
                  s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))\n\
                  head = bytes.fromhex('00093f000001' '001b21000002' '0800' '4500002800004000401100000a000001c6120001')\n\
                  for n in range(int(sys.argv[2])): s.send(head + struct.pack('>HHHH', 10000 + n % 1000, 9000, 20, 0) + bytes(12))\n";
    let sent = run("python3", &["-c", script, &format!("mirror{interface}"), &frames.to_string()]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
}

fn ends(mut sender: Child) {
    assert!(sender.wait().unwrap().success());
}

const STATIONS: usize = 200;
