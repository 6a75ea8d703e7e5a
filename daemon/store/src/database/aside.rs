//! Databases that cannot be used: mended where their tables are whole, and else out of the way, so that another can begin.
//!
//! A database goes in one step, when it gets another name; its WAL follows. Power may be cut between the two: then there is a
//! WAL and no database, and it follows when the store is opened next. The other way round a database without its WAL would be
//! opened, in which what was acknowledged last is missing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{begin, on_disk, sync_directory, with_suffix};
use crate::config::Settings;
use crate::{Error, OpenError};

/// Builds all indexes anew from their tables, in one transaction.
///
/// # Errors
/// Those of SQLite, where a table is damaged or an index so that it cannot even be emptied; nothing is changed then.
pub(crate) fn reindex(db: &mut rusqlite::Connection) -> Result<(), Error> {
    let transaction = begin(db)?;
    transaction.execute_batch("REINDEX")?;
    Ok(transaction.commit()?)
}

/// Takes a database that cannot be used out of the way, with its WAL, under a name that says when. The latest [`KEPT`] such
/// databases are kept, as they were found.
///
/// # Errors
/// [`OpenError::File`].
pub(crate) fn set_aside(settings: &Settings, now_ms: u64) -> Result<(), OpenError> {
    let (path, before) = (settings.database(), aside(settings)?);
    let surplus = before.len().saturating_sub(KEPT.saturating_sub(1));
    for old in before.iter().take(surplus) {
        for suffix in [WAL, ""] {
            // What cannot be removed is counted, and tried again the next time.
            let _ = std::fs::remove_file(with_suffix(old, suffix));
        }
    }
    rename(&path, &named(&path, now_ms))?;
    follow(settings, now_ms)
}

/// Has a WAL that is there without its database follow that, or lie aside by itself where none does. SQLite would take it for
/// that of the next database.
///
/// # Errors
/// [`OpenError::File`].
pub(crate) fn follow(settings: &Settings, now_ms: u64) -> Result<(), OpenError> {
    let path = settings.database();
    let latest = aside(settings)?.pop_last().filter(|latest| !with_suffix(latest, WAL).exists());
    let target = latest.unwrap_or_else(|| named(&path, now_ms));
    rename(&with_suffix(&path, WAL), &with_suffix(&target, WAL))?;
    let _ = std::fs::remove_file(with_suffix(&path, "-shm"));
    sync_directory(&settings.directory)
}

/// The databases that lie aside, the latest last; one of which only the WAL is left too.
///
/// # Errors
/// [`OpenError::File`].
pub(crate) fn aside(settings: &Settings) -> Result<BTreeSet<PathBuf>, OpenError> {
    let failed = |source| OpenError::File { what: "cannot list", file: settings.directory.clone(), source };
    let prefix = with_suffix(&settings.database(), ASIDE);
    let prefix = prefix.as_os_str().as_bytes();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&settings.directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.as_os_str().as_bytes();
        let name = name.strip_suffix(WAL.as_bytes()).unwrap_or(name);
        if name.strip_prefix(prefix).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit)) {
            found.insert(OsStr::from_bytes(name).into());
        }
    }
    Ok(found)
}

/// A database that lies aside.
pub(crate) struct Latest {
    pub(crate) path: PathBuf,
    /// When it was set there, milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// With its WAL.
    pub(crate) octets: u64,
}

/// The latest of them.
///
/// # Errors
/// [`OpenError::File`].
pub(crate) fn latest(settings: &Settings) -> Result<Option<Latest>, OpenError> {
    Ok(aside(settings)?.pop_last().and_then(|path| {
        let at_ms = path.to_str()?.rsplit('-').next()?.parse().ok()?;
        Some(Latest { at_ms, octets: on_disk(&path), path })
    }))
}

fn named(database: &Path, now_ms: u64) -> PathBuf {
    with_suffix(database, &format!("{ASIDE}{now_ms:013}"))
}

fn rename(from: &Path, to: &Path) -> Result<(), OpenError> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => {
            renamed.map_err(|source| OpenError::File { what: "cannot move", file: from.into(), source })
        }
    }
}

/// What a database is called that lies aside, behind its name and before the time.
const ASIDE: &str = ".damaged-";
const WAL: &str = "-wal";
/// Databases that are kept aside: each is as large as the cap allows.
const KEPT: usize = 1;
