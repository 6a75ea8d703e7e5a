//! Giving up what a process does not need, as its first act.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// No new privileges by exec, no core dump, no reading of memory by other processes of the same user.
///
/// # Errors
/// When the system refuses; a process that gets an error here should not go on.
pub fn privileges() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
