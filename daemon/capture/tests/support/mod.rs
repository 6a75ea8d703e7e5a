//! Two joined interfaces in a namespace of their own, and what is sent and received there.

use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use headgate_capture::{Error, Frame, Geometry, Ring, Tag, open};

use super::{FAR, NEAR, PROGRAM, SECRET};

pub(crate) fn promiscuity(interface: &str) -> bool {
    let shown = Command::new("ip").args(["-d", "link", "show", interface]).output().unwrap();
    String::from_utf8(shown.stdout).unwrap().contains("promiscuity 1")
}

/// Set in a test that was started again in its namespace.
pub(crate) const INSIDE: &str = "HEADGATE_TEST_INSIDE";
/// Set in a test that was started again with a descriptor as standard input.
pub(crate) const HANDED: &str = "HEADGATE_TEST_HANDED";
pub(crate) const GEOMETRY: Geometry = Geometry { block_bytes: 65_536, blocks: 8 };
/// Far longer than any frame takes; no test waits so long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Seen {
    pub(crate) time_ns: u64,
    pub(crate) wire_len: u32,
    pub(crate) tag: Option<Tag>,
    pub(crate) bytes: Vec<u8>,
}

impl From<Frame<'_>> for Seen {
    fn from(frame: Frame<'_>) -> Seen {
        let Frame { time_ns, wire_len, tag, bytes, .. } = frame;
        Seen { time_ns, wire_len, tag, bytes: bytes.to_vec() }
    }
}

/// Runs `body` in namespaces with two joined interfaces that are up and silent.
pub(crate) fn isolated(name: &str, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        ip(&["link", "add", NEAR, "type", "veth", "peer", "name", FAR]);
        ip(&["link", "set", NEAR, "up"]);
        ip(&["link", "set", FAR, "up"]);
        body();
    } else if permitted() {
        let status = again(name).env(INSIDE, "1").status();
        assert!(status.unwrap().success(), "the test failed in its namespace, see above");
    }
}

/// This test program for one test, in new namespaces.
pub(crate) fn again(name: &str) -> Command {
    let mut command = Command::new("unshare");
    command.arg("-Urn").arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    command
}

pub(crate) fn permitted() -> bool {
    let permitted =
        Command::new("unshare").args(["-Urn", "true"]).status().is_ok_and(|status| status.success());
    if !permitted {
        println!("skipped: user namespaces are not permitted here");
    }
    permitted
}

pub(crate) fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().expect("ip (package iproute2)").success());
}

pub(crate) fn python(script: &str, arguments: &[&str], stdin: Option<OwnedFd>) {
    let mut command = Command::new("python3");
    command.args(["-c", script]).args(arguments);
    command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
    assert!(command.status().expect("python3").success(), "{script}");
}

pub(crate) fn ring() -> Ring {
    Ring::map(open(NEAR, &PROGRAM, true, GEOMETRY).unwrap(), GEOMETRY).unwrap()
}

pub(crate) fn frame(ethertype: &[u8], length: usize) -> Vec<u8> {
    let mut frame = [&[0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2], ethertype].concat();
    while frame.len() < length {
        frame.extend_from_slice(SECRET);
    }
    frame.truncate(length);
    frame
}

/// Sends whole frames from an interface.
pub(crate) fn send(interface: &str, frames: &[Vec<u8>]) {
    let mut script = String::from(
        "import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind((sys.argv[1], 0))\n",
    );
    let mut rest = frames;
    while let [first, ..] = rest {
        let count = rest.iter().take_while(|frame| *frame == first).count();
        let hex: String = first.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        writeln!(script, "for _ in range({count}): s.send(bytes.fromhex('{hex}'))").unwrap();
        rest = &rest[count..];
    }
    python(&script, &[interface], None);
}

/// Polls until `count` frames have come, or none any more.
pub(crate) fn receive(ring: &mut Ring, count: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let patience = if count == usize::MAX { 2 * Ring::LONGEST_WAIT } else { PATIENCE };
        let before = seen.len();
        let handled = ring.poll(patience, |frame| seen.push(Seen::from(frame))).unwrap();
        assert_eq!(seen.len() - before, handled);
        if handled == 0 && count == usize::MAX {
            break;
        }
        assert!(handled > 0, "{} of {count} frames came", seen.len());
    }
    seen
}

/// Polls when no frame is expected.
pub(crate) fn quiet(ring: &mut Ring) -> Result<usize, Error> {
    ring.poll(2 * Ring::LONGEST_WAIT, |_| panic!("a frame"))
}
