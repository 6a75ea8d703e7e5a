//! What the sensor gives up before it reads the first frame.
//!
//! The service manager's unit takes most of it away already; this is the part that also holds where
//! the sensor is started by hand, and the part that only the sensor can do, because only it knows the
//! number of its capture descriptors.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

/// Why the sandbox could not be closed. The sensor does not run without it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Capabilities could not be given up.
    #[error("cannot give up capabilities")]
    Capabilities(#[source] io::Error),
    /// The system call filter could not be made.
    #[error("cannot make the system call filter")]
    Filter(#[from] seccompiler::BackendError),
    /// The system call filter could not be put in force.
    #[error("cannot put the system call filter in force")]
    Apply(#[from] seccompiler::Error),
}

/// Gives up every capability, for good: the bounding set too, where the process may change it.
///
/// # Errors
/// [`SandboxError::Capabilities`] when a capability remains.
pub fn drop_capabilities() -> Result<(), SandboxError> {
    let failed = |e: Errno| SandboxError::Capabilities(e.into());
    for capability in CapabilitySet::all().iter() {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // Without CAP_SETPCAP the set cannot be changed, and without any capability it need not be.
            // A capability that this kernel does not know is invalid.
            Ok(()) | Err(Errno::PERM | Errno::INVAL) => {}
            Err(e) => return Err(failed(e)),
        }
    }
    rustix::thread::clear_ambient_capability_set().map_err(failed)?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).map_err(failed)
}

/// Refuses, for all threads and for good, every system call that could send on a capture descriptor
/// or carry it to where it could be sent on, open a socket that is not local, or start a program.
///
/// # Errors
/// [`SandboxError::Filter`], [`SandboxError::Apply`].
pub fn filter_system_calls(capture: &[RawFd]) -> Result<(), SandboxError> {
    Ok(apply_filter_all_threads(&compile(capture)?)?)
}

fn compile(capture: &[RawFd]) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules = BTreeMap::new();
    for call in ON_CAPTURE {
        let on =
            capture.iter().map(|fd| first_argument(SeccompCmpOp::Eq, u64::try_from(*fd).unwrap_or(u64::MAX)));
        let on = on.collect::<Result<Vec<_>, _>>()?;
        // A call without conditions would be refused always.
        if !on.is_empty() {
            rules.insert(*call, on);
        }
    }
    let local = u64::try_from(libc::AF_UNIX).unwrap_or(u64::MAX);
    rules.insert(libc::SYS_socket, vec![first_argument(SeccompCmpOp::Ne, local)?]);
    for call in NEVER {
        rules.insert(*call, Vec::new());
    }
    let denied = SeccompAction::Errno(u32::try_from(Errno::PERM.raw_os_error()).unwrap_or(1));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?;
    filter.try_into()
}

fn first_argument(is: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Dword, is, value)?])
}

/// Calls that send on a descriptor or make another name for it.
const ON_CAPTURE: &[libc::c_long] = &[
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_sendto,
    libc::SYS_dup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_setsockopt,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_ioctl,
];

/// Calls that the sensor never needs. Those that carry descriptors or move data between them would be a
/// way around [`ON_CAPTURE`].
const NEVER: &[libc::c_long] = &[
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_tee,
    libc::SYS_vmsplice,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_setup,
    libc::SYS_io_submit,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_userfaultfd,
];

#[cfg(test)]
mod tests;
