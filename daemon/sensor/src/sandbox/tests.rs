//! Each test starts itself again under `unshare -Urn`, so that it needs no root and closes its own process
//! only. Where the machine permits no user namespaces it says so and passes.

use std::fmt::Write as _;
use std::io::{IoSlice, Read, Write as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use headgate_capture::{Geometry, Instruction, Ring, open};
use rustix::io;
use rustix::net::{self, AddressFamily, SendAncillaryBuffer, SendFlags, SocketType};

use super::*;

#[test]
fn nothing_can_be_sent_on_a_capture_descriptor() {
    isolated("nothing_can_be_sent_on_a_capture_descriptor", || {
        let socket = open("lo", &KEEP_60, true, GEOMETRY).unwrap();
        let mut ring = Ring::map(socket, GEOMETRY).unwrap();
        assert_eq!(net::send(&ring, &FRAME, SendFlags::empty()), Ok(FRAME.len()), "before, it could");
        assert!(Command::new("true").status().unwrap().success());
        // A thread that is there already is closed as well.
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let descriptor = ring.as_fd().try_clone_to_owned().unwrap();
        let socket = descriptor.as_fd();
        std::thread::scope(|scope| {
            let earlier = scope.spawn(move || asked.recv().map(|()| refusals(socket)));
            filter_system_calls(&[ring.as_fd().as_raw_fd(), socket.as_raw_fd()]).unwrap();
            ask.send(()).unwrap();
            for (call, result) in earlier.join().unwrap().unwrap().into_iter().chain(refusals(socket)) {
                assert_eq!(result, Err(Errno::PERM), "{call}");
            }
        });
        // It goes on to receive, and to speak to the store.
        let mut frames = 0;
        while frames == 0 {
            ring.poll(Duration::from_secs(10), |frame| frames += usize::from(frame.bytes == FRAME)).unwrap();
        }
        let (mut near, mut far) = UnixStream::pair().unwrap();
        near.write_all(b"record").unwrap();
        far.read_exact(&mut [0; 6]).unwrap();
    });
}

#[test]
fn no_other_call_reaches_a_capture_descriptor() {
    isolated("no_other_call_reaches_a_capture_descriptor", || {
        let program = compile(&[DESCRIPTOR]).unwrap().iter().fold(String::new(), |mut text, i| {
            write!(text, "{},{},{},{} ", i.code, i.jt, i.jf, i.k).unwrap();
            text
        });
        let numbers = |calls: &[libc::c_long]| format!("{calls:?}");
        let status = Command::new("python3")
            .args(["-c", TRY, &program, &DESCRIPTOR.to_string()])
            .args([numbers(&[ON_CAPTURE, WAYS_AROUND].concat()), numbers(NEVER)])
            .status();
        assert!(status.unwrap().success());
    });
}

#[test]
fn no_capability_remains() {
    isolated("no_capability_remains", || {
        let sets = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let sets = status.lines().filter_map(|line| line.strip_prefix("Cap")?.split_once(":\t"));
            sets.map(|(_, set)| u64::from_str_radix(set, 16).unwrap()).collect::<Vec<_>>()
        };
        assert!(sets().iter().any(|set| *set != 0));
        drop_capabilities().unwrap();
        assert_eq!(sets(), [0; 5], "inheritable, permitted, effective, bounding, ambient");
    });
}

/// What each way to send, to make another name, to open a network socket or to start a program gives.
fn refusals(capture: BorrowedFd<'_>) -> Vec<(&'static str, io::Result<()>)> {
    let parts = [IoSlice::new(&FRAME)];
    let (near, _far) = UnixStream::pair().unwrap();
    let mut other =
        rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty()).unwrap();
    let socket = |family| net::socket(family, SocketType::DGRAM, None).map(drop);
    let exec = Command::new("true").status().map_err(|e| Errno::from_io_error(&e).unwrap());
    let message = |on: &dyn AsFd| {
        net::sendmsg(on, &parts, &mut SendAncillaryBuffer::default(), SendFlags::empty()).map(drop)
    };
    vec![
        ("send", net::send(capture, &FRAME, SendFlags::empty()).map(drop)),
        ("write", io::write(capture, &FRAME).map(drop)),
        ("writev", io::writev(capture, &parts).map(drop)),
        ("pwrite", io::pwrite(capture, &FRAME, 0).map(drop)),
        ("pwritev", io::pwritev(capture, &parts, 0).map(drop)),
        ("sendmsg", message(&capture)),
        ("sendmsg, which could hand it over", message(&near)),
        ("dup", io::dup(capture).map(drop)),
        ("dup2", io::dup2(capture, &mut other)),
        ("fcntl", io::fcntl_dupfd_cloexec(capture, 0).map(drop)),
        ("setsockopt", net::sockopt::set_socket_broadcast(capture, true)),
        ("ioctl", io::ioctl_fionread(capture).map(drop)),
        ("socket of IPv4", socket(AddressFamily::INET)),
        ("socket of IPv6", socket(AddressFamily::INET6)),
        ("packet socket", socket(AddressFamily::PACKET)),
        ("netlink socket", socket(AddressFamily::NETLINK)),
        ("execve", exec.map(drop)),
    ]
}

/// Runs `body` with a loopback interface that is up.
fn isolated(name: &str, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        body();
        return;
    }
    let unshare = || Command::new("unshare");
    if !unshare().args(["-Urn", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: user namespaces are not permitted here");
        return;
    }
    let mut again = unshare();
    again.arg("-Urn").arg(std::env::current_exe().unwrap());
    again.args(["--exact", &format!("sandbox::tests::{name}"), "--nocapture"]).env(INSIDE, "1");
    assert!(again.stdin(Stdio::null()).status().unwrap().success(), "the test failed inside, see above");
}

/// Puts the filter in force in a process that can make any call, and makes each: first those that could
/// send, which must not be refused before, then all.
const TRY: &str = r"
import ast, ctypes, errno, os, socket, struct, sys
program, descriptor, sending, never = sys.argv[1].split(), int(sys.argv[2]), *map(ast.literal_eval, sys.argv[3:5])
capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
capture.bind(('lo', 0))
os.dup2(capture.fileno(), descriptor)
capture.close()
libc = ctypes.CDLL(None, use_errno=True)
def refused(call):
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(call), *[ctypes.c_long(descriptor)] + [ctypes.c_long(0)] * 5)
    return ctypes.get_errno() == errno.EPERM
assert not [call for call in sending if refused(call)]
code = b''.join(struct.pack('=HBBI', *map(int, i.split(','))) for i in program)
buffer = ctypes.create_string_buffer(code)
filtered = ctypes.create_string_buffer(struct.pack('HL', len(program), ctypes.addressof(buffer)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filtered, 0, 0) == 0
allowed = [call for call in sending + never if not refused(call)]
assert not allowed, allowed
os.write(os.open('/dev/null', os.O_WRONLY), b'another descriptor')
";

/// Calls of [`NEVER`] that could send or hand on, and that nothing else forbids to the test.
const WAYS_AROUND: &[libc::c_long] = &[
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_tee,
    libc::SYS_vmsplice,
    libc::SYS_io_setup,
    libc::SYS_io_submit,
    libc::SYS_execve,
];
const KEEP_60: [Instruction; 1] = [Instruction { code: 0x06, jt: 0, jf: 0, k: 60 }];
const GEOMETRY: Geometry = Geometry { block_bytes: 65_536, blocks: 2 };
/// To nobody, of an Ethernet type for experiments (IEEE 802.1Q-2022 table 10-1).
const FRAME: [u8; 60] = {
    let mut frame = [0; 60];
    (frame[12], frame[13]) = (0x88, 0xb5);
    frame
};
/// A number that no other file of the process has.
const DESCRIPTOR: RawFd = 100;
/// Set in a test that was started again in its namespace.
const INSIDE: &str = "HEADGATE_TEST_INSIDE";
