//! Room for working on a full disk: a file that holds space for nothing, until SQLite has none to delete with.
//!
//! In WAL mode even a deletion writes before it frees, and opening needs room for the WAL's index. When the file system
//! is full the ballast is given up, the database may not grow any more, and the least valuable is evicted within what the ballast
//! was; when there is room again it is taken again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The ballast of a store.
pub(crate) struct Ballast {
    file: PathBuf,
    held: bool,
}

impl Ballast {
    /// The ballast of the store in a directory, as it was left.
    pub(crate) fn of(directory: &Path) -> Ballast {
        let file = directory.join(FILE);
        let held = std::fs::metadata(&file).is_ok_and(|m| m.len() == OCTETS);
        Ballast { file, held }
    }

    /// Whether it is there to be given up.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Takes it where the file system has room for it and as much again. Gives whether it is held.
    pub(crate) fn take(&mut self) -> bool {
        if !self.held && self.available() >= 2 * OCTETS {
            // A file system that refuses is asked again later.
            self.held = self.allocate().is_ok();
        }
        self.held
    }

    /// Gives its space back to the file system. Gives whether there was any.
    pub(crate) fn give_up(&mut self) -> bool {
        let given = OpenOptions::new().write(true).open(&self.file).and_then(|file| file.set_len(0));
        std::mem::replace(&mut self.held, false) && given.is_ok()
    }

    fn allocate(&self) -> io::Result<()> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.file)?;
        let allocated = allocate(&file);
        if allocated.is_err() {
            file.set_len(0)?;
        }
        allocated
    }

    fn available(&self) -> u64 {
        let directory = self.file.parent().unwrap_or(Path::new("."));
        rustix::fs::statvfs(directory).map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize))
    }
}

fn allocate(file: &File) -> io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, OCTETS)?;
    file.sync_all()
}

/// Its name in the store's directory.
const FILE: &str = "store.ballast";
/// Its size: the WAL before it is moved, its index, and the largest transaction.
const OCTETS: u64 = 8 << 20;
