//! Files, TCP, abstract sockets and signals, by Landlock (landlock(7)): what holds even where a system call
//! is permitted, because it looks at what a call would reach.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::SandboxError;

/// Denies the calling thread, and those that it starts, all that Landlock knows but reading `files`: opening,
/// making, removing, executing and changing any other file, binding and connecting TCP, connecting to abstract
/// sockets of others, signals to others. A kernel without it, or with less of it, is told of in one line.
///
/// Sockets of the file system stay reachable: the store and the service manager are there.
///
/// # Errors
/// [`SandboxError::Reach`] when a kernel that has Landlock refuses.
pub(super) fn restrict(files: &[PathBuf]) -> Result<(), SandboxError> {
    match restrict_to(files, ABI_WANTED)?.ruleset {
        RulesetStatus::FullyEnforced => {}
        RulesetStatus::PartiallyEnforced => {
            log::info!(event = "landlock_partial"; "this kernel has an older Landlock: what it does not know is left to the system call filter");
        }
        RulesetStatus::NotEnforced => {
            log::warn!(event = "landlock_missing"; "this kernel has no Landlock: files are left to the system call filter and the unit");
        }
    }
    Ok(())
}

pub(super) fn restrict_to(files: &[PathBuf], abi: ABI) -> Result<RestrictionStatus, SandboxError> {
    let mut scope = Scope::from_all(abi);
    if service_manager_is_abstract() {
        scope.remove(Scope::AbstractUnixSocket);
    }
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(abi))?;
    let mut ruleset = ruleset.handle_access(AccessNet::from_all(abi))?.scope(scope)?.create()?;
    for file in files {
        permit(&mut ruleset, file);
    }
    Ok(ruleset.restrict_self()?)
}

/// A file for which there can be no rule is not one of the file system, and its opening says what is wrong.
fn permit(ruleset: &mut landlock::RulesetCreated, file: &Path) {
    let Ok(path) = PathFd::new(file) else { return };
    let access = if file.is_dir() { AccessFs::ReadDir } else { AccessFs::ReadFile };
    let _ = ruleset.add_rule(PathBeneath::new(path, access));
}

/// sd_notify(3): a name that begins with `@` is an abstract one.
fn service_manager_is_abstract() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|name| name.as_bytes().starts_with(b"@"))
}

/// Linux 6.12, the first with scopes. Later versions can also close sockets of the file system, which the
/// sensor needs.
const ABI_WANTED: ABI = ABI::V6;
