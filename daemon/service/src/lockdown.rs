//! Giving up what a process does not need, as its first act.

use std::io;

use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// No new privileges by exec, no core dump and nothing that would be in one, no reading of memory by other processes of the same user.
///
/// # Errors
/// When the system refuses; a process that gets an error here should not go on.
pub fn privileges() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // Before it is not dumpable: then the file is root's. A kernel without core dumps has none.
    match std::fs::write("/proc/self/coredump_filter", "0") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Keeps all memory of this process out of swap, what it has and what it will have, as it is used.
///
/// Locking of single pages has no safe interface, and a limit on locked memory would make later allocations fail: so it is
/// all or nothing. Gives whether it is locked: it is not where the process has a limit (`LimitMEMLOCK=`, systemd.exec(5)).
///
/// # Errors
/// When the system refuses though there is no limit.
pub fn memory() -> io::Result<bool> {
    let limited = rustix::process::getrlimit(Resource::Memlock).current.is_some();
    if limited && !rustix::process::geteuid().is_root() {
        return Ok(false);
    }
    match rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => Ok(true),
        // Root without the capability has the limit too.
        Err(rustix::io::Errno::PERM | rustix::io::Errno::NOMEM) if limited => Ok(false),
        Err(error) => Err(error.into()),
    }
}
