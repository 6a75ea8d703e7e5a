//! A folder that somebody else wrote: only plain files in it, by names that are ours, are opened.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};

use headgate_record::bundle::RECEIPTS;

use super::Fault;
use crate::{Error, files};

/// A bundle's folder.
pub struct Folder {
    path: PathBuf,
    directory: File,
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Bundle`].
    pub fn open(path: &Path) -> Result<Folder, Error> {
        let read = |source| Error::Bundle { file: path.to_path_buf(), fault: Fault::Read(source) };
        let directory = File::open(path).map_err(read)?;
        if !directory.metadata().map_err(read)?.is_dir() {
            return Err(Error::Bundle { file: path.to_path_buf(), fault: Fault::NotPlain });
        }
        Ok(Folder { path: path.to_path_buf(), directory })
    }

    /// An error about a file in it.
    pub fn fault(&self, name: &str, fault: Fault) -> Error {
        Error::Bundle { file: self.path.join(name), fault }
    }

    /// The content of a file of at most `limit` octets. `name` has no path in it, and no link is followed; a device or a pipe is not
    /// read.
    ///
    /// # Errors
    /// [`Error::Bundle`].
    pub fn read(&self, name: &str, limit: u32) -> Result<Vec<u8>, Error> {
        let read = |source| self.fault(name, Fault::Read(source));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match openat(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            // A link, or a socket.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => {
                return Err(self.fault(name, Fault::NotPlain));
            }
            Err(error) => return Err(read(error.into())),
        };
        let facts = file.metadata().map_err(read)?;
        if !facts.is_file() {
            return Err(self.fault(name, Fault::NotPlain));
        }
        if facts.len() > limit.into() {
            return Err(self.fault(name, Fault::Length));
        }
        let mut content = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
        // It may have grown meanwhile.
        file.take(u64::from(limit) + 1).read_to_end(&mut content).map_err(read)?;
        if u64::try_from(content.len()).is_ok_and(|length| length <= limit.into()) {
            Ok(content)
        } else {
            Err(self.fault(name, Fault::Length))
        }
    }

    /// The file for receipts: in the folder, where an earlier one is replaced, or elsewhere, where none may be.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Exists`].
    pub fn output(&self, elsewhere: Option<&Path>) -> Result<Output<'_>, Error> {
        if let Some(path) = elsewhere {
            let file = File::options().write(true).create_new(true).open(path);
            let file = file.map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists(path.to_path_buf()),
                _ => Error::Write { file: path.to_path_buf(), source },
            })?;
            return Ok(Output { folder: None, path: path.to_path_buf(), file: Some(file) });
        }
        let path = self.path.join(RECEIPTS);
        // What lies there under the name is removed, and not followed.
        match unlinkat(&self.directory, UNFINISHED, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(Error::Write { file: path, source: error.into() }),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.directory, UNFINISHED, flags, Mode::from_raw_mode(files::PUBLIC)) {
            Ok(file) => Ok(Output { folder: Some(self), path, file: Some(file.into()) }),
            Err(error) => Err(Error::Write { file: path, source: error.into() }),
        }
    }
}

/// Where receipts are written. What was not finished is removed.
pub struct Output<'a> {
    folder: Option<&'a Folder>,
    path: PathBuf,
    /// Nothing once it is finished.
    file: Option<File>,
}

impl Output<'_> {
    /// Its name when it is finished.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it, and synchronises it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, content: &[u8]) -> Result<(), Error> {
        let written = |source| Error::Write { file: self.path.clone(), source };
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(content).and_then(|()| file.sync_all()).map_err(written)?;
        match self.folder {
            Some(folder) => {
                let directory = &folder.directory;
                renameat(directory, UNFINISHED, directory, RECEIPTS)
                    .map_err(|error| written(error.into()))?;
                directory.sync_all().map_err(written)?;
            }
            None => files::sync_directory(self.path.parent().unwrap_or(Path::new("")))?,
        }
        self.file = None;
        Ok(())
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        if self.file.is_none() {
            return;
        }
        let _ = match self.folder {
            Some(folder) => {
                unlinkat(&folder.directory, UNFINISHED, AtFlags::empty()).map_err(io::Error::from)
            }
            None => std::fs::remove_file(&self.path),
        };
    }
}

/// Name of the receipts until they are whole.
const UNFINISHED: &str = "receipts.new";
