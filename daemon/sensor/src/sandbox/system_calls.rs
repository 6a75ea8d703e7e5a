//! The system calls that a sensor at work needs, with the arguments with which it needs them. Every other gives
//! `EPERM` and does not end the process: a C library may try what it can do without, as a heap that shrinks looks into
//! /proc. One of another architecture ends it (seccompiler).
//!
//! What no list here names, and why it matters: `sendmsg` and `sendmmsg` could hand a descriptor to another
//! process; `sendfile`, `splice`, `tee`, `vmsplice`, io_uring and aio could write to one; `dup`, `fcntl` and
//! `pidfd_getfd` could give it another number.

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use libc::{c_int, c_long};
use rustix::io::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::Work;

/// The programs for `work`, to be put in force in this order.
pub(super) fn programs(work: Work<'_>) -> Result<Vec<BpfProgram>, BackendError> {
    match work {
        Work::Wires(capture) => Ok(vec![allow(rules(capture)?)?]),
        Work::Files(_) => {
            let mut rules = rules(&[])?;
            rules.extend(rules_for_files()?);
            Ok(vec![unknown(libc::SYS_clone3)?, allow(rules)?])
        }
        Work::Interfaces { capture, reports } => Ok(vec![allow(rules_for_interfaces(capture, reports)?)?]),
    }
}

pub(super) type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// For wires, and for files as well.
pub(super) fn rules(capture: &[RawFd]) -> Result<Rules, BackendError> {
    // A call without conditions is permitted with any arguments.
    let mut rules: Rules = ALWAYS.iter().map(|call| (*call, Vec::new())).collect();
    let not_capture = || capture.iter().map(|fd| (0, SeccompCmpOp::Ne, *fd));
    for call in NOT_ON_CAPTURE {
        let conditions = all(not_capture())?;
        rules.insert(*call, conditions.into_iter().collect());
    }
    let timeouts = [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO].into_iter().map(|name| {
        let option = [(1, SeccompCmpOp::Eq, libc::SOL_SOCKET), (2, SeccompCmpOp::Eq, name)];
        all(not_capture().chain(option))
    });
    let timeouts: Vec<_> = timeouts.collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_setsockopt, timeouts.into_iter().flatten().collect());
    let own = c_int::try_from(std::process::id()).unwrap_or(c_int::MAX);
    let conditions = [
        // The store after a loss of it, and the service manager for each message.
        (libc::SYS_socket, vec![(0, SeccompCmpOp::Eq, libc::AF_UNIX)]),
        // Memory that holds data: the ring is mapped already.
        (
            libc::SYS_mmap,
            vec![(2, flags(libc::PROT_EXEC), 0), (3, flags(libc::MAP_ANONYMOUS), libc::MAP_ANONYMOUS)],
        ),
        (libc::SYS_mprotect, vec![(2, flags(libc::PROT_EXEC), 0)]),
        // abort(3), and a second SIGTERM, which ends the process at once.
        (libc::SYS_tgkill, vec![(0, SeccompCmpOp::Eq, own)]),
        // A thread's name: the hand-over's thread may begin after this.
        (libc::SYS_prctl, vec![(0, SeccompCmpOp::Eq, libc::PR_SET_NAME)]),
    ];
    for (call, conditions) in conditions {
        rules.insert(call, all(conditions)?.into_iter().collect());
    }
    Ok(rules)
}

/// Reading a file, by a thread of its own.
pub(super) fn rules_for_files() -> Result<Rules, BackendError> {
    let any_thread = [(0, flags(libc::CLONE_THREAD), libc::CLONE_THREAD)];
    Ok(Rules::from([
        (libc::SYS_openat, all([(2, flags(NOT_READING), 0)])?.into_iter().collect()),
        (libc::SYS_read, Vec::new()),
        // In pieces, by two threads.
        (libc::SYS_pread64, Vec::new()),
        // Whether it is a pipe.
        (libc::SYS_lseek, Vec::new()),
        (libc::SYS_clone, all(any_thread)?.into_iter().collect()),
        // Unknown to this kernel, says the other program: then the C library makes a thread by clone(2),
        // whose flags can be looked at.
        (libc::SYS_clone3, Vec::new()),
    ]))
}

/// Binding capture descriptors to interfaces: not reading them, not sending on them, no ring.
pub(super) fn rules_for_interfaces(capture: &[RawFd], reports: RawFd) -> Result<Rules, BackendError> {
    let mut rules: Rules = FOLLOWING.iter().map(|call| (*call, Vec::new())).collect();
    let each = |more: &[(u8, SeccompCmpOp, c_int)]| -> Result<Vec<SeccompRule>, BackendError> {
        let on_capture = capture.iter().map(|fd| [&[(0, SeccompCmpOp::Eq, *fd)], more].concat());
        Ok(on_capture.map(all).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    };
    let mut interface = each(&[(1, SeccompCmpOp::Eq, ioctl(libc::SIOCGIFINDEX))])?;
    interface.extend(each(&[(1, SeccompCmpOp::Eq, ioctl(libc::SIOCGIFFLAGS))])?);
    let group = [(1, SeccompCmpOp::Eq, libc::SOL_PACKET), (2, SeccompCmpOp::Eq, libc::PACKET_ADD_MEMBERSHIP)];
    // Without capture descriptors an empty list would permit the call with any arguments.
    for (call, conditions) in
        [(libc::SYS_bind, each(&[])?), (libc::SYS_setsockopt, each(&group)?), (libc::SYS_ioctl, interface)]
    {
        if !conditions.is_empty() {
            rules.insert(call, conditions);
        }
    }
    for call in [libc::SYS_write, libc::SYS_sendto] {
        rules.insert(call, all([(0, SeccompCmpOp::Eq, reports)])?.into_iter().collect());
    }
    let memory = [(2, flags(libc::PROT_EXEC), 0), (3, flags(libc::MAP_ANONYMOUS), libc::MAP_ANONYMOUS)];
    rules.insert(libc::SYS_mmap, all(memory)?.into_iter().collect());
    Ok(rules)
}

/// The number of a question in the type of its argument.
fn ioctl(question: libc::Ioctl) -> c_int {
    c_int::try_from(question).unwrap_or(0)
}

fn allow(rules: Rules) -> Result<BpfProgram, BackendError> {
    program(rules, errno(Errno::PERM), SeccompAction::Allow)
}

pub(super) fn unknown(call: c_long) -> Result<BpfProgram, BackendError> {
    program(Rules::from([(call, Vec::new())]), SeccompAction::Allow, errno(Errno::NOSYS))
}

fn program(rules: Rules, other: SeccompAction, these: SeccompAction) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, other, these, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn errno(error: Errno) -> SeccompAction {
    SeccompAction::Errno(error.raw_os_error().unsigned_abs())
}

/// A rule for arguments that meet all these conditions; none when there are none.
fn all(
    conditions: impl IntoIterator<Item = (u8, SeccompCmpOp, c_int)>,
) -> Result<Option<SeccompRule>, BackendError> {
    // Each of these arguments is 32 bits for the kernel, or has no meaning above them.
    let conditions = conditions.into_iter().map(|(argument, is, value)| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, bits(value))
    });
    let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
    if conditions.is_empty() { Ok(None) } else { SeccompRule::new(conditions).map(Some) }
}

/// Of an argument, these flags only are compared.
fn flags(flags: c_int) -> SeccompCmpOp {
    SeccompCmpOp::MaskedEq(bits(flags))
}

fn bits(value: c_int) -> u64 {
    u64::from(u32::from_ne_bytes(value.to_ne_bytes()))
}

/// Calls with any arguments.
const ALWAYS: &[c_long] = &[
    // Frames, and what the kernel lost of them.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    // The store's answers.
    libc::SYS_recvfrom,
    libc::SYS_close,
    // A new session.
    libc::SYS_getrandom,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Time, where the vDSO does not tell it.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    // Threads: waiting for each other, beginning (the hand-over's may do so after this) and ending.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
];

/// Calls with any arguments of the process that follows interfaces: waiting, memory, signals, the end.
const FOLLOWING: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_getsockname,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
];

/// Calls on any descriptor but a capture descriptor: the log, the store, the service manager.
const NOT_ON_CAPTURE: &[c_long] = &[libc::SYS_write, libc::SYS_sendto, libc::SYS_connect];

/// What would do more to a file than read it.
const NOT_READING: c_int =
    libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_TMPFILE | libc::O_PATH;
