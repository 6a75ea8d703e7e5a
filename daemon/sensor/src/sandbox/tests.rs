//! Each test starts itself again under `unshare -Urnm`, so that it needs no root and closes its own process
//! only. Where the machine permits no user namespaces it says so and passes.

use std::fmt::Write as _;
use std::io::{ErrorKind, IoSlice, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use headgate_capture::{Geometry, Instruction, Ring};
use headgate_service::stop::Stop;
use headgate_service::{lockdown, notify};
use rustix::fs::{Mode, OFlags};
use rustix::io::{self, IoSliceMut};
use rustix::net::{self, AddressFamily, SendAncillaryBuffer, SendFlags, SocketType};
use rustix::thread::LinkNameSpaceType;

use super::*;
use crate::engine::MAX_INTERFACES;
use calls::{EVEN_BEFORE, ONLY_THEN};

mod calls;

#[test]
#[expect(clippy::zombie_processes, reason = "to wait for a process is refused, too")]
fn what_must_be_refused_is_refused_and_the_rest_works() {
    isolated("what_must_be_refused_is_refused_and_the_rest_works", || {
        let directory = tempfile::tempdir().unwrap();
        let outside = &Outside::new(directory.path());
        let socket = headgate_capture::open("lo", &KEEP_60, true, GEOMETRY).unwrap();
        let descriptor = socket.try_clone().unwrap();
        let capture = descriptor.as_fd();
        let before = refusals(capture, outside);
        let refused = before.iter().find(|(_, result)| *result == Err(Errno::PERM));
        assert_eq!(refused, None, "before, it could");
        let mut hang_up = Command::new("sh");
        hang_up.args(["-c", "read go; kill -HUP $PPID"]).stdin(Stdio::piped());

        // As `watch` of `start` does.
        let descriptors = [socket.as_raw_fd(), descriptor.as_raw_fd()];
        let work = Work::Wires(&descriptors);
        let mut hang_up = hang_up.spawn().unwrap();
        lockdown::privileges().unwrap();
        give_up_rights(work).unwrap();
        let stop = Stop::install().unwrap();
        let mut ring = Ring::map(socket, GEOMETRY).unwrap();
        // A thread that is there already is closed as well.
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let earlier = scope.spawn(move || asked.recv().map(|()| refusals(capture, outside)));
            filter_system_calls(work).unwrap();
            ask.send(()).unwrap();
            for (call, result) in
                earlier.join().unwrap().unwrap().into_iter().chain(refusals(capture, outside))
            {
                assert_eq!(result, Err(Errno::PERM), "{call}");
            }
        });

        drop(hang_up.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while !stop.take_reload() {
            assert!(Instant::now() < deadline, "no signal came");
            std::thread::sleep(Duration::from_millis(20));
        }
        still_works(&mut ring, outside);
    });
}

/// What the sensor needs: each of its ways to the kernel once.
fn still_works(ring: &mut Ring, outside: &Outside) {
    let mut frames = 0;
    while frames == 0 {
        ring.poll(PATIENCE, |frame| frames += usize::from(frame.bytes == FRAME)).unwrap();
    }
    assert_eq!(ring.statistics().unwrap().lost, 0);
    // A new connection to the store.
    let mut store = UnixStream::connect(&outside.store).unwrap();
    store.set_read_timeout(Some(PATIENCE)).unwrap();
    store.set_write_timeout(Some(PATIENCE)).unwrap();
    store.write_all(b"records").unwrap();
    store.read_exact(&mut [0; 9]).unwrap();
    // The service manager, the journal and standard error.
    let manager = UnixDatagram::unbound().unwrap();
    manager.connect(&outside.manager).unwrap();
    manager.send(b"WATCHDOG=1").unwrap();
    outside.journal.send_to(b"MESSAGE=it is so\n", &outside.manager).unwrap();
    notify::status("nobody listens");
    std::io::stderr().write_all(b"a line of the log\n").unwrap();
    // Memory that grows and is given back, time, chance.
    let mut memory = Vec::new();
    (0..1_u32 << 22).for_each(|n| memory.push(n));
    memory.shrink_to(1);
    drop(memory);
    assert!(SystemTime::now() > SystemTime::UNIX_EPOCH);
    getrandom::fill(&mut [0; 16]).unwrap();
}

#[test]
fn no_other_system_call_is_permitted() {
    isolated("no_other_system_call_is_permitted", || {
        // As many as there can be, and the last of them is used.
        let first = DESCRIPTOR + 1 - i32::try_from(MAX_INTERFACES).unwrap();
        let descriptors: Vec<RawFd> = (first..=DESCRIPTOR).collect();
        let permitted: Vec<_> = system_calls::rules(&descriptors).unwrap().into_keys().collect();
        let made = |work| text(&system_calls::programs(work).unwrap());
        try_in_python(&made(Work::Wires(&descriptors)), &permitted, "wires");
        let follows = Work::Interfaces { capture: &descriptors, reports: 2 };
        let binding: Vec<_> =
            system_calls::rules_for_interfaces(&descriptors, 2).unwrap().into_keys().collect();
        try_in_python(&made(follows), &binding, "interfaces");
        let files = system_calls::rules_for_files().unwrap().into_keys();
        let permitted: Vec<_> = permitted.into_iter().chain(files).collect();
        try_in_python(&made(Work::Files(&[])), &permitted, "files");
    });
}

fn text(programs: &[seccompiler::BpfProgram]) -> String {
    let mut text = String::new();
    for program in programs {
        for i in program {
            write!(text, "{},{},{},{} ", i.code, i.jt, i.jf, i.k).unwrap();
        }
        text.push(';');
    }
    text
}

fn try_in_python(programs: &str, permitted: &[libc::c_long], work: &str) {
    let status = Command::new("python3")
        .args(["-c", include_str!("tests/try.py"), programs, &DESCRIPTOR.to_string()])
        .args([format!("{permitted:?}"), list(ONLY_THEN), list(EVEN_BEFORE), work.to_owned()])
        .status();
    assert_eq!(status.unwrap().to_string(), "exit status: 0", "{work}");
}

fn list(calls: &[(&str, libc::c_long, &str)]) -> String {
    let lines = calls.iter().map(|(what, number, arguments)| format!("({what:?}, {number}, '{arguments}'),"));
    format!("[{}]", lines.collect::<String>())
}

#[test]
fn landlock_denies_what_the_system_call_filter_cannot_see() {
    isolated("landlock_denies_what_the_system_call_filter_cannot_see", || {
        let directory = tempfile::tempdir().unwrap();
        let outside = &Outside::new(directory.path());
        let [readable, other] = ["readable", "other"].map(|name| directory.path().join(name));
        std::fs::write(&readable, "capture").unwrap();
        std::fs::write(&other, "other").unwrap();
        let abstract_name = SocketAddr::from_abstract_name("headgate-sandbox-test").unwrap();
        let _others = UnixListener::bind_addr(&abstract_name).unwrap();
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = tcp.local_addr().unwrap();
        let parent = rustix::process::getppid().unwrap();

        lockdown::privileges().unwrap();
        let files = [readable.clone(), directory.path().join("missing")];
        match reach::restrict_to(&files, landlock::ABI::V6).unwrap().ruleset {
            landlock::RulesetStatus::FullyEnforced => {}
            status => return println!("skipped in part: Landlock of this kernel is {status:?}"),
        }
        let denied = [
            ("read another file", std::fs::read(&other).map(drop)),
            ("write the file that may be read", std::fs::write(&readable, "")),
            ("make a file", std::fs::write(directory.path().join("new"), "")),
            ("remove a file", std::fs::remove_file(&readable)),
            ("make a directory", std::fs::create_dir(directory.path().join("new"))),
            ("list a directory", std::fs::read_dir(directory.path()).map(drop)),
            ("read /proc/self/mem", std::fs::read("/proc/self/mem").map(drop)),
            ("start a program", Command::new("/bin/true").status().map(drop)),
            ("connect TCP", TcpStream::connect(address).map(drop)),
            ("bind TCP", TcpListener::bind((Ipv4Addr::LOCALHOST, 1)).map(drop)),
            ("connect to an abstract socket", UnixStream::connect_addr(&abstract_name).map(drop)),
            ("signal another process", rustix::process::test_kill_process(parent).map_err(Into::into)),
        ];
        for (what, result) in denied {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied, "{what}");
        }
        assert_eq!(std::fs::read(&readable).unwrap(), b"capture");
        assert_eq!(std::fs::read(&files[1]).unwrap_err().kind(), ErrorKind::NotFound, "which file is wrong");
        UnixStream::connect(&outside.store).unwrap();
        // A thread that comes later is bound as well.
        std::thread::scope(|scope| scope.spawn(|| std::fs::read(&other).unwrap_err()).join().unwrap());
    });
}

#[test]
fn a_kernel_without_landlock_is_no_obstacle() {
    isolated("a_kernel_without_landlock_is_no_obstacle", || {
        let hide = system_calls::unknown(libc::SYS_landlock_create_ruleset).unwrap();
        seccompiler::apply_filter(&hide).unwrap();
        let status = reach::restrict_to(&[], landlock::ABI::V6).unwrap();
        assert_eq!(status.ruleset, landlock::RulesetStatus::NotEnforced);
        reach::restrict(&[]).unwrap();
    });
}

#[test]
fn no_capability_remains() {
    isolated("no_capability_remains", || {
        let status = || std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let sets = |status: &str| {
            let sets = status.lines().filter_map(|line| line.strip_prefix("Cap")?.split_once(":\t"));
            sets.map(|(_, set)| u64::from_str_radix(set, 16).unwrap()).collect::<Vec<_>>()
        };
        assert!(sets(&status()).iter().any(|set| *set != 0));
        lockdown::privileges().unwrap();
        drop_capabilities().unwrap();
        assert_eq!(sets(&status()), [0; 5], "inheritable, permitted, effective, bounding, ambient");
        assert!(status().contains("NoNewPrivs:\t1\n"));
    });
}

/// What is open before the sandbox closes.
struct Outside {
    store: std::path::PathBuf,
    manager: std::path::PathBuf,
    file: std::fs::File,
    namespace: std::fs::File,
    parent: rustix::process::Pid,
    journal: UnixDatagram,
    _listens: UnixDatagram,
}

impl Outside {
    fn new(directory: &Path) -> Outside {
        let (store, manager) = (directory.join("store"), directory.join("manager"));
        let listener = UnixListener::bind(&store).unwrap();
        // It waits already when the sandbox closes, so that it may still accept once.
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 7]).and_then(|()| stream.write_all(b"committed"))
        });
        Outside {
            _listens: UnixDatagram::bind(&manager).unwrap(),
            file: std::fs::File::options()
                .create(true)
                .truncate(true)
                .read(true)
                .write(true)
                .open(directory.join("file"))
                .unwrap(),
            namespace: std::fs::File::open("/proc/self/ns/net").unwrap(),
            journal: UnixDatagram::unbound().unwrap(),
            parent: rustix::process::getppid().unwrap(),
            store,
            manager,
        }
    }
}

/// What each forbidden thing gives for which there is a safe interface; `calls` has the others.
fn refusals(capture: BorrowedFd<'_>, outside: &Outside) -> Vec<(&'static str, io::Result<()>)> {
    let parts = [IoSlice::new(&FRAME)];
    let null = |flags| rustix::fs::open("/dev/null", flags | OFlags::CLOEXEC, Mode::RWXU).map(drop);
    let file = |flags| {
        rustix::fs::open(outside.store.with_file_name("made"), flags | OFlags::CLOEXEC, Mode::RWXU).map(drop)
    };
    let socket = |family, kind| net::socket(family, kind, None).map(drop);
    let exec = Command::new("true").status().map_err(|e| Errno::from_io_error(&e).unwrap());
    let namespace = Some(LinkNameSpaceType::Network);
    let mut octets = [0; 8];
    vec![
        ("send", net::send(capture, &FRAME, SendFlags::empty()).map(drop)),
        ("write", io::write(capture, &FRAME).map(drop)),
        ("writev", io::writev(capture, &parts).map(drop)),
        ("pwrite", io::pwrite(capture, &FRAME, 0).map(drop)),
        ("pwritev", io::pwritev(capture, &parts, 0).map(drop)),
        (
            "sendmsg",
            net::sendmsg(capture, &parts, &mut SendAncillaryBuffer::default(), SendFlags::empty()).map(drop),
        ),
        ("sendfile", rustix::fs::sendfile(capture, &outside.file, None, 60).map(drop)),
        ("dup", io::dup(capture).map(drop)),
        ("fcntl", io::fcntl_dupfd_cloexec(capture, 0).map(drop)),
        ("setsockopt", net::sockopt::set_socket_broadcast(capture, true)),
        ("setsockopt of another", net::sockopt::set_socket_broadcast(&outside.journal, true)),
        ("receive timeout", net::sockopt::set_socket_timeout(capture, net::sockopt::Timeout::Recv, None)),
        ("ioctl", io::ioctl_fionread(capture).map(drop)),
        ("socket of TCP", socket(AddressFamily::INET, SocketType::STREAM)),
        ("socket of TCP over IPv6", socket(AddressFamily::INET6, SocketType::STREAM)),
        ("socket of UDP", socket(AddressFamily::INET, SocketType::DGRAM)),
        ("packet socket", socket(AddressFamily::PACKET, SocketType::RAW)),
        ("netlink socket", socket(AddressFamily::NETLINK, SocketType::RAW)),
        ("open to read", null(OFlags::RDONLY)),
        ("open to write", null(OFlags::WRONLY)),
        ("make a file", file(OFlags::CREATE | OFlags::RDWR)),
        ("read", io::read(&outside.file, &mut octets).map(drop)),
        ("readv", io::readv(&outside.file, &mut [IoSliceMut::new(&mut octets)]).map(drop)),
        ("a file's properties", rustix::fs::fstat(&outside.file).map(drop)),
        ("start a program", exec.map(drop)),
        ("kill another process", rustix::process::test_kill_process(outside.parent)),
        ("setns", rustix::thread::move_into_link_name_space(outside.namespace.as_fd(), namespace)),
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
    if !unshare().args(["-Urnm", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: user namespaces are not permitted here");
        return;
    }
    let mut again = unshare();
    again.arg("-Urnm").arg(std::env::current_exe().unwrap());
    again.args(["--exact", &format!("sandbox::tests::{name}"), "--nocapture"]).env(INSIDE, "1");
    assert!(again.stdin(Stdio::null()).status().unwrap().success(), "the test failed inside, see above");
}

const KEEP_60: [Instruction; 1] = [Instruction { code: 0x06, jt: 0, jf: 0, k: 60 }];
const GEOMETRY: Geometry = Geometry { block_bytes: 65_536, blocks: 2 };
/// To nobody, of an Ethernet type for experiments (IEEE 802.1Q-2022 table 10-1).
const FRAME: [u8; 60] = {
    let mut frame = [0; 60];
    (frame[12], frame[13]) = (0x88, 0xb5);
    frame
};
/// A number that no other file of the process has.
const DESCRIPTOR: RawFd = 200;
const PATIENCE: Duration = Duration::from_secs(10);
/// Set in a test that was started again in its namespace.
const INSIDE: &str = "HEADGATE_TEST_INSIDE";
