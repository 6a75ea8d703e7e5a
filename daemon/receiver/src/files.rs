//! Reading small files and making new ones.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::Error;

/// Mode of a file that holds a secret.
pub const SECRET: u32 = 0o600;
/// Mode of a file that everyone may read.
pub const PUBLIC: u32 = 0o644;

/// The content of a key, certificate or request; at most [`MAX_BYTES`] of it, so that a longer file
/// does not parse. Cleared when dropped.
///
/// # Errors
/// [`Error::Read`].
pub fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let error = |source| Error::Read { file: file.to_path_buf(), source };
    // Room for all at once: growing would leave copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(CAPACITY));
    File::open(file).map_err(error)?.take(MAX_BYTES).read_to_end(&mut content).map_err(error)?;
    Ok(content)
}

/// Makes a file that is not there yet, and synchronises it; not yet its directory.
///
/// # Errors
/// [`Error::Exists`], [`Error::Write`].
pub fn create(file: &Path, mode: u32, content: &[u8]) -> Result<(), Error> {
    let written = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists(file.to_path_buf()),
        _ => Error::Write { file: file.to_path_buf(), source },
    };
    let mut open = OpenOptions::new().write(true).create_new(true).mode(mode).open(file).map_err(written)?;
    open.write_all(content).and_then(|()| open.sync_all()).map_err(written)
}

/// Makes the entries of a directory durable.
///
/// # Errors
/// [`Error::Write`].
pub fn sync_directory(directory: &Path) -> Result<(), Error> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)
        .and_then(|open| open.sync_all())
        .map_err(|source| Error::Write { file: directory.to_path_buf(), source })
}

/// Largest file that is read, in octets.
const MAX_BYTES: u64 = 64 << 10;
/// As much, and the room that `read_to_end` wants beyond.
const CAPACITY: usize = (64 << 10) + 64;
