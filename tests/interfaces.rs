//! Several interfaces that come, go and are flooded, and rules that break, while the real sensor watches: every
//! frame is counted once.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};

use headgate_record::Kind;
use serde_json::Value;
use support::process::{holders, in_namespaces, number, open_captures, threads};
use support::wire::sum;
use support::{Running, SENSOR, Site, run, wait_for};

#[test]
fn an_interface_that_comes_and_goes_costs_the_others_nothing() {
    in_namespaces("an_interface_that_comes_and_goes_costs_the_others_nothing", || {
        pair(0);
        pair(1);
        let site = Site::watching(&["span0", "span1", "span2"]);
        let _store = site.start_store();
        let mut sensor = watch(&site, 3);
        is(&site, ["up", "up", "gone"]);
        let load = send(0, 3_000, 0.001);
        send(1, 100, 0.0).ends();
        counted_by_kernel(1, 100);

        typed("ip link del span1");
        is(&site, ["up", "gone", "gone"]);
        pair(1);
        pair(2);
        is(&site, ["up", "up", "up"]);
        send(1, 70, 0.0).ends();
        send(2, 30, 0.0).ends();
        typed("ip link set span2 down");
        is(&site, ["up", "up", "down"]);
        typed("ip link set span2 up");
        is(&site, ["up", "up", "up"]);
        send(2, 5, 0.0).ends();
        typed("ip link set mirror2 down");
        is(&site, ["up", "up", "no-link"]);
        let status = String::from_utf8(site.headgate(&["status"]).stdout).unwrap();
        assert!(status.contains("span2 is no-link"), "{status}");
        let doctor = doctor(&site);
        let is_fine = |check: &str, interface: &str| {
            let mut fine = doctor["fine"].as_array().unwrap().iter();
            fine.any(|row| row["check"] == check && row["interface"] == interface)
        };
        assert!(is_fine("watched", "span0") && is_fine("interface", "span0"), "{doctor}");
        assert!(is_fine("watched", "span2") && !is_fine("interface", "span2"), "{doctor}");

        load.ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (3_000, 0));
        assert_eq!(counted(&site, "span1"), (170, 0));
        assert_eq!(counted(&site, "span2"), (35, 0));
        let said = sensor.said();
        for line in ["span1 is not there", "span1 is watched again", "span2 is down", "span2 has no link"] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(!said.contains("nobody follows"), "{said}");
    });
}

#[test]
fn promiscuous_mode_ends_with_the_sensor_however_it_ends() {
    in_namespaces("promiscuous_mode_ends_with_the_sensor_however_it_ends", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        let _store = site.start_store();
        for end in [|sensor: &mut Running| _ = sensor.terminate(), Running::kill] {
            let mut sensor = watch(&site, 1);
            wait_for("promiscuous mode", || is_promiscuous("span0"));
            end(&mut sensor);
            wait_for("its release", || !is_promiscuous("span0"));
        }
    });
}

/// Who holds capture sockets beside the sensor can do nothing with them but bind them.
#[test]
fn the_process_that_follows_interfaces_has_no_rights() {
    in_namespaces("the_process_that_follows_interfaces_has_no_rights", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        let _store = site.start_store();
        let config = site.config();
        let sockets = open_captures(&config, &site.path("notify"), 1);
        let socket = number(&sockets[0].1);
        let sensor = run_sensor(&site, sockets);
        let others: Vec<u32> = holders(socket).into_iter().filter(|p| *p != sensor.child.id()).collect();
        let [follower] = others[..] else { panic!("{others:?}") };
        for status in threads(follower) {
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status[set], "0000000000000000", "{set}");
            }
            assert_eq!((status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()), ("1", "2"));
        }
        let maps = fs::read_to_string(format!("/proc/{follower}/maps")).unwrap();
        assert!(!maps.contains("socket:"), "it maps no ring: {maps}");
        // Without it the sensor goes on with what is there.
        run("kill", &["-KILL", &follower.to_string()]);
        wait_for("the sensor to notice", || sensor.said().contains("nobody follows"));
        let mut sensor = sensor;
        send(0, 50, 0.0).ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (50, 0));
    });
}

/// The sensor stands still while 30,000 frames come: what the ring cannot take is counted, and a larger one takes it.
#[test]
fn what_the_ring_cannot_take_is_counted_and_shown() {
    in_namespaces("what_the_ring_cannot_take_is_counted_and_shown", || {
        pair(0);
        for (ring_mib, is_enough) in [(1, false), (16, true)] {
            let site = Site::watching(&["span0"]);
            site.configure(&format!("[capture]\nring_mib = {ring_mib}\n"));
            let _store = site.start_store();
            let mut sensor = watch(&site, 1);
            let sensor_number = sensor.child.id().to_string();
            run("kill", &["-STOP", &sensor_number]);
            send(0, 30_000, 0.0).ends();
            run("kill", &["-CONT", &sensor_number]);
            assert!(sensor.terminate().success(), "{}", sensor.said());
            let (frames, lost) = counted(&site, "span0");
            assert_eq!(frames + lost, 30_000);
            assert_eq!(lost == 0, is_enough, "{lost} of {ring_mib} MiB");
            if !is_enough {
                let status = String::from_utf8(site.headgate(&["status"]).stdout).unwrap();
                assert!(status.contains(&format!("{lost} lost by the kernel")), "{status}");
                let doctor = doctor(&site);
                let findings = doctor["findings"].as_array().unwrap();
                assert!(findings.iter().any(|f| f["check"] == "lost-frames"), "{doctor}");
            }
        }
    });
}

#[test]
fn a_reload_with_a_broken_file_under_load_changes_nothing_and_loses_nothing() {
    in_namespaces("a_reload_with_a_broken_file_under_load_changes_nothing_and_loses_nothing", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        // These frames' VLAN is excluded, and must stay so.
        let rules = site.path("rules.toml");
        let good = fs::read_to_string(&rules).unwrap();
        fs::create_dir(site.path("rules.toml.d")).unwrap();
        fs::write(site.path("rules.toml.d/10.toml"), "[exclude]\nvlans = [7]\n").unwrap();
        let store = site.start_store();
        let mut sensor = watch(&site, 1);
        let digest = site.ask(&["status"]).unwrap()["rules"].clone();
        let load = send(0, 20_000, 0.0001);
        let tagged = send_tagged(0, 500, 0.002);
        for broken in [
            "[exclude]\nvlans = [7\n",
            "[release.device]\nmac = \"keeep\"\n",
            "[collect]\nunknown = 1\n",
            "\0",
        ] {
            fs::write(&rules, broken).unwrap();
            let check = site.headgate(&["rules", "check"]);
            assert_eq!(check.status.code(), Some(78));
            let said = String::from_utf8_lossy(&check.stderr).into_owned();
            assert!(said.contains("rules.toml:"), "file, line and column: {said}");
            for process in [&store, &sensor] {
                run("kill", &["-HUP", &process.child.id().to_string()]);
            }
            wait_for("the refusal", || !site.ask(&["status"]).unwrap()["rules_refused"].is_null());
            assert_eq!(site.ask(&["status"]).unwrap()["rules"], digest, "the old rules hold");
            fs::write(&rules, &good).unwrap();
            run("kill", &["-HUP", &store.child.id().to_string()]);
            wait_for("the good file", || site.ask(&["status"]).unwrap()["rules_refused"].is_null());
        }
        load.ends();
        tagged.ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (20_500, 0));
        let counters = site.ask(&["counters"]).unwrap();
        assert_eq!(sum(counters.as_array().unwrap(), Kind::Counters, "excluded_vlan"), 500);
    });
}

/// What `headgate doctor` says.
fn doctor(site: &Site) -> Value {
    let said = site.headgate(&["--json", "doctor", "--seconds", "1"]);
    serde_json::from_slice(&said.stdout).unwrap()
}

/// `spanN` and `mirrorN`: a silent wire.
fn pair(number: u32) {
    typed(&format!("ip link add span{number} type veth peer name mirror{number}"));
    typed(&format!("ip link set span{number} up; ip link set mirror{number} up"));
}

fn typed(command: &str) {
    run("sh", &["-c", command]);
}

/// The opener, then the sensor, as the service manager starts them.
fn watch(site: &Site, interfaces: usize) -> Running {
    run_sensor(site, open_captures(&site.config(), &site.path("notify"), interfaces))
}

fn run_sensor(site: &Site, sockets: Vec<(String, std::os::fd::OwnedFd)>) -> Running {
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
    let sensor = Running { child, log };
    wait_for("the sensor to watch", || {
        let status = site.ask(&["status"]).unwrap();
        status["sensor"]["interfaces"].as_array().is_some_and(|i| i.len() == names.len())
    });
    sensor
}

fn is(site: &Site, expected: [&str; 3]) {
    let states = || -> Vec<String> {
        let status = site.ask(&["status"]).unwrap();
        let interfaces = status["sensor"]["interfaces"].as_array().unwrap();
        interfaces.iter().map(|i| i["state"].as_str().unwrap().to_owned()).collect()
    };
    wait_for(&format!("{expected:?}"), || states() == expected);
}

/// Frames, and those that the kernel lost, of an interface.
fn counted(site: &Site, interface: &str) -> (u64, u64) {
    let counters = site.ask(&["counters"]).unwrap();
    let of: Vec<Value> =
        counters.as_array().unwrap().iter().filter(|row| row["interface"] == interface).cloned().collect();
    (sum(&of, Kind::Counters, "frames"), sum(&of, Kind::Counters, "frames_lost"))
}

fn counted_by_kernel(number: u32, frames: u64) {
    let file = format!("/sys/class/net/span{number}/statistics/rx_packets");
    wait_for("the kernel", || fs::read_to_string(&file).unwrap().trim() == frames.to_string());
}

fn is_promiscuous(interface: &str) -> bool {
    String::from_utf8(run("ip", &["-d", "link", "show", interface]).stdout).unwrap().contains("promiscuity 1")
}

/// A program that sends so many frames and ends.
struct Sender(Child);

impl Sender {
    fn ends(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

fn send(number: u32, frames: u32, pause: f64) -> Sender {
    sender(number, frames, pause, "")
}

fn send_tagged(number: u32, frames: u32, pause: f64) -> Sender {
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
