//! What the sensor gives up before it reads the first frame.
//!
//! The service manager's unit takes most of it away already; this is the part that also holds where
//! the sensor is started by hand, and the part that only the sensor can do, because only it knows the
//! number of its capture descriptors.

use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::apply_filter_all_threads;

mod reach;
mod system_calls;

/// Why the sandbox could not be closed. The sensor does not run without it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Capabilities could not be given up.
    #[error("cannot give up capabilities")]
    Capabilities(#[source] io::Error),
    /// The kernel has Landlock and refuses what is asked of it.
    #[error("cannot give up files, TCP and other processes")]
    Reach(#[from] landlock::RulesetError),
    /// The system call filter could not be made.
    #[error("cannot make the system call filter")]
    Filter(#[from] seccompiler::BackendError),
    /// The system call filter could not be put in force.
    #[error("cannot put the system call filter in force")]
    Apply(#[from] seccompiler::Error),
}

/// What a sensor in its sandbox does, and so what it may still ask of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work<'a> {
    /// It reads frames on these capture descriptors.
    Wires(&'a [RawFd]),
    /// It reads these capture files.
    Files(&'a [PathBuf]),
    /// It binds capture descriptors to interfaces, and says how these are.
    Interfaces {
        /// The descriptors.
        capture: &'a [RawFd],
        /// Where it says so.
        reports: RawFd,
    },
}

/// Gives up, for good, every capability and every reach beyond the process that Landlock knows. The calling
/// thread and those that it starts are bound, so it comes before any other thread.
///
/// # Errors
/// [`SandboxError::Capabilities`], [`SandboxError::Reach`].
pub(crate) fn give_up_rights(work: Work<'_>) -> Result<(), SandboxError> {
    drop_capabilities()?;
    match work {
        Work::Wires(_) | Work::Interfaces { .. } => reach::restrict(&[]),
        Work::Files(files) => reach::restrict(files),
    }
}

/// Refuses, for all threads and for good, every system call that `work` does not need. It comes last, when
/// everything is open.
///
/// # Errors
/// [`SandboxError::Filter`], [`SandboxError::Apply`].
pub(crate) fn filter_system_calls(work: Work<'_>) -> Result<(), SandboxError> {
    for program in system_calls::programs(work)? {
        apply_filter_all_threads(&program)?;
    }
    Ok(())
}

/// The bounding set too, where the process may change it.
fn drop_capabilities() -> Result<(), SandboxError> {
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

#[cfg(test)]
mod tests;
