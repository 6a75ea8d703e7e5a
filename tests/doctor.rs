//! `headgate doctor` in front of real causes: interfaces, bridges and settings in a network namespace. What it says
//! to type is typed, and the finding must be gone.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::process::in_namespaces;
use support::{HEADGATE, run};

#[test]
fn what_it_says_to_type_mends_what_it_found() {
    isolated("what_it_says_to_type_mends_what_it_found", || {
        let cases: [(&str, &str, &[&str]); 6] = [
            ("near0", "interface", &["ip link set dev near0 down"]),
            ("near0", "mtu", &["ip link set dev near0 mtu 1400"]),
            ("near0", "merged-frames", &["ethtool -K near0 gro on"]),
            ("near0", "bridge", &["ip link add br0 type bridge", "ip link set dev far0 master br0"]),
            ("br0", "bridge", &["ip link set dev br0 type bridge group_fwd_mask 0"]),
            (
                "near0",
                "vlan-tags",
                &["ethtool -K near0 rxvlan on", "ethtool -K near0 rx-vlan-stag-hw-parse off"],
            ),
        ];
        for (interface, check, cause) in cases {
            cause.iter().for_each(|command| typed(command));
            let doctor = Doctor::sees(&[interface], "");
            let found =
                doctor.finding(check, interface).unwrap_or_else(|| panic!("{check}: {}", doctor.page));
            assert!(!found["seen"].as_str().unwrap().is_empty());
            for command in found["type"].as_array().unwrap() {
                typed(command.as_str().unwrap());
            }
            let doctor = Doctor::sees(&[interface], "");
            assert!(doctor.finding(check, interface).is_none(), "{check}: {}", doctor.page);
            assert!(doctor.is_fine(check, interface), "{check}: {}", doctor.page);
        }
    });
}

/// The cause of the finding is real: a bridge forwards no LLDP until its mask says so, and doctor sees the difference.
#[test]
fn a_bridge_that_forwards_lldp_is_not_complained_about() {
    isolated("a_bridge_that_forwards_lldp_is_not_complained_about", || {
        for command in [
            "ip link add br0 type bridge mcast_snooping 0 forward_delay 0",
            "ip link add port0 type veth peer name switch0",
            "ip link set dev far0 master br0",
            "ip link set dev port0 master br0",
            "ip link set dev br0 up",
            "ip link set dev port0 up",
            "ip link set dev switch0 up",
        ] {
            typed(command);
        }
        let arrives = |is_expected: bool| {
            let script = "import socket, sys, time\n\
                 s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88cc))\n\
                 s.bind(('near0', 0x88cc)); s.settimeout(0.5)\n\
                 f = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); f.bind(('switch0', 0))\n\
                 f.send(bytes.fromhex('0180c200000e 021122334455 88cc') + bytes(46))\n\
                 try: s.recv(2000); print('yes')\n\
                 except TimeoutError: print('no')\n";
            let said = String::from_utf8(run("python3", &["-c", script]).stdout).unwrap();
            assert_eq!(said.trim() == "yes", is_expected);
        };
        std::thread::sleep(std::time::Duration::from_millis(300));
        arrives(false);
        assert!(Doctor::sees(&["near0"], "").finding("bridge", "near0").is_some());
        typed("ip link set dev br0 type bridge group_fwd_mask 0x4000");
        arrives(true);
        assert!(Doctor::sees(&["near0"], "").is_fine("bridge", "near0"));
    });
}

#[test]
fn silence_a_plain_port_and_a_mirror_are_told_apart() {
    isolated("silence_a_plain_port_and_a_mirror_are_told_apart", || {
        let doctor = Doctor::sees(&["near0"], "");
        assert!(doctor.finding("frames", "near0").is_some(), "{}", doctor.page);
        assert!(doctor.unchecked("mirror", "near0").unwrap().contains("0 frames"));

        let sender = send("ffffffffffff", 60);
        let doctor = Doctor::sees(&["near0"], "");
        drop(sender);
        assert!(
            doctor.is_fine("frames", "near0") && doctor.is_fine("merged-frames", "near0"),
            "{}",
            doctor.page
        );
        let found = doctor.finding("mirror", "near0").unwrap();
        assert!(found["seen"].as_str().unwrap().contains("broadcast"), "{found}");

        let sender = send("ffffffffffff", 60);
        let doctor = Doctor::sees(&["near0"], "promiscuous = false");
        drop(sender);
        assert!(doctor.is_fine("mirror", "near0"), "not wanted, not missed: {}", doctor.page);

        let sender = send("021122334455", 60);
        let doctor = Doctor::sees(&["near0"], "");
        drop(sender);
        assert!(doctor.is_fine("mirror", "near0"), "{}", doctor.page);
    });
}

/// A virtual pair hands segments on as their sender merged them, whatever the receiver's settings are.
#[test]
fn frames_that_were_merged_elsewhere_are_seen_by_their_length() {
    isolated("frames_that_were_merged_elsewhere_are_seen_by_their_length", || {
        let sender = send("021122334455", 1_514);
        assert!(Doctor::sees(&["near0"], "").is_fine("merged-frames", "near0"));
        drop(sender);
        // A TCP segment of 4,000 octets with a virtio_net_hdr that says how to divide it.
        let sender = Sender::of(
            "import socket, struct, time\n\
             s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.setsockopt(263, 15, 1); s.bind(('far0', 0))\n\
             divide = struct.pack('=BBHHHH', 1, 1, 54, 1460, 34, 16)\n\
             ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 4040, 1, 0, 64, 6, 0, bytes(4), bytes(4))\n\
             tcp = struct.pack('!HHIIBBHHH', 1, 2, 3, 4, 0x50, 0x10, 5, 0, 0)\n\
             f = divide + bytes.fromhex('021122334455' '02aabbccddee' '0800') + ip + tcp + bytes(4000)\n\
             while True: s.send(f); time.sleep(0.01)\n",
            &[],
        );
        let doctor = Doctor::sees(&["near0"], "");
        let found = doctor.finding("merged-frames", "near0").unwrap_or_else(|| panic!("{}", doctor.page));
        assert!(found["seen"].as_str().unwrap().contains("4054 octets"), "{found}");
        typed(&found["type"][0].as_str().unwrap().replace("THE-OTHER-END", "far0"));
        assert!(Doctor::sees(&["near0"], "").is_fine("merged-frames", "near0"));
        drop(sender);
    });
}

#[test]
fn what_is_missing_is_named_and_what_cannot_be_checked_is_said() {
    isolated("what_is_missing_is_named_and_what_cannot_be_checked_is_said", || {
        let doctor = Doctor::sees(&[], "");
        assert!(doctor.finding_of_machine("configured").is_some(), "{}", doctor.page);
        let doctor = Doctor::sees(&["gone0"], "");
        assert!(doctor.finding("interface", "gone0").is_some(), "{}", doctor.page);
        assert!(doctor.finding_of_machine("processes").is_some(), "no store runs here");
        assert!(doctor.finding("mtu", "gone0").is_none() && doctor.unchecked("mtu", "gone0").is_none());

        // Without rights: settings are seen all the same, frames are not.
        typed("ip link set dev near0 mtu 1400");
        let doctor = Doctor::of(&["near0"], "", &["setpriv", "--reuid=65534", "--bounding-set=-all", "--"]);
        assert!(doctor.finding("mtu", "near0").is_some(), "{}", doctor.page);
        assert!(doctor.unchecked("mirror", "near0").unwrap().contains("CAP_NET_RAW"), "{}", doctor.page);
    });
}

#[test]
fn the_clock_is_as_the_kernel_says() {
    isolated("the_clock_is_as_the_kernel_says", || {
        let script = "import ctypes\nb = ctypes.create_string_buffer(512)\n\
                      r = ctypes.CDLL(None).adjtimex(b)\nprint('no' if r == 5 else 'yes')\n";
        let is_kept = run("python3", &["-c", script]).stdout.starts_with(b"yes");
        let doctor = Doctor::sees(&["near0"], "");
        assert_eq!(doctor.finding_of_machine("clock").is_none(), is_kept, "{}", doctor.page);
    });
}

/// An answer of `headgate doctor --json`.
struct Doctor {
    page: Value,
}

impl Doctor {
    fn sees(interfaces: &[&str], more: &str) -> Doctor {
        Doctor::of(interfaces, more, &["env"])
    }

    /// As it is when `before` runs it.
    fn of(interfaces: &[&str], more: &str, before: &[&str]) -> Doctor {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("headgate.toml");
        let sockets = directory.path().display();
        let text =
            format!("[capture]\ninterfaces = {interfaces:?}\n{more}\n[sockets]\ndirectory = \"{sockets}\"\n");
        fs::write(&config, text).unwrap();
        run("chmod", &["-R", "a+rX", directory.path().to_str().unwrap()]);
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(HEADGATE).arg("--config").arg(&config);
        let output = command.args(["--json", "doctor", "--seconds", "1"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let page: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
        let is_wrong = page["findings"].as_array().unwrap().iter().any(|found| found["level"] == "wrong");
        assert_eq!(output.status.code(), Some(i32::from(is_wrong)), "{page}");
        Doctor { page }
    }

    fn row(&self, of: &str, check: &str, interface: &Value) -> Option<&Value> {
        let rows = self.page[of].as_array().unwrap().iter();
        rows.into_iter().find(|row| row["check"] == check && row["interface"] == *interface)
    }

    fn finding(&self, check: &str, interface: &str) -> Option<&Value> {
        self.row("findings", check, &interface.into())
    }

    fn finding_of_machine(&self, check: &str) -> Option<&Value> {
        self.row("findings", check, &Value::Null)
    }

    fn is_fine(&self, check: &str, interface: &str) -> bool {
        self.row("fine", check, &interface.into()).is_some()
    }

    fn unchecked(&self, check: &str, interface: &str) -> Option<&str> {
        self.row("unchecked", check, &interface.into())?["why"].as_str()
    }
}

/// Something that sends frames from `far0` until it is dropped.
struct Sender(Child);

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Sender {
    fn of(script: &str, arguments: &[&str]) -> Sender {
        let mut command = Command::new("python3");
        let sender = command.args(["-c", script]).args(arguments).stdin(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        Sender(sender)
    }
}

fn send(to: &str, length: usize) -> Sender {
    let script = "import socket, sys, time\n\
                  s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('far0', 0))\n\
                  f = bytes.fromhex(sys.argv[1] + '02aabbccddee88b5')\n\
                  while True: s.send(f + bytes(int(sys.argv[2]) - 14)); time.sleep(0.01)\n";
    Sender::of(script, &[to, &length.to_string()])
}

fn typed(command: &str) {
    run("sh", &["-c", command]);
}

/// Where `near0` and `far0` are a silent wire, `near0` as a card that is set up well.
fn isolated(test: &str, body: fn()) {
    in_namespaces(test, || {
        for command in [
            "ip link add near0 type veth peer name far0",
            "ethtool -K near0 gro off rxvlan off rx-vlan-stag-hw-parse off",
            "ip link set dev near0 up",
            "ip link set dev far0 up",
        ] {
            typed(command);
        }
        body();
    });
}
