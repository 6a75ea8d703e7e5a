//! The audit trail: who was given what, and what was refused, one JSON object a line. What is not written down is not given.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use headgate_record::Value as Time;

use crate::engine::now_ms;
use crate::{Error, files};

/// The file that is written to.
pub struct Audit {
    path: PathBuf,
    file: File,
}

impl Audit {
    /// Opens the trail, and makes it where it is not there, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn open(path: &Path) -> Result<Audit, Error> {
        let file = append(path).map_err(|source| Error::Write { file: path.to_path_buf(), source })?;
        Ok(Audit { path: path.to_path_buf(), file })
    }

    /// Writes a line; it is on disk when this returns.
    ///
    /// # Errors
    /// Then what the line tells must not happen.
    pub fn write(&mut self, what: &str, reader: &str, mut details: Value) -> io::Result<()> {
        details["time"] = Time::Time(now_ms().saturating_mul(1_000_000)).to_json();
        details["event"] = json!(what);
        details["reader"] = json!(reader);
        if self.file.metadata()?.len() > MAX_OCTETS {
            self.turn()?;
        }
        writeln!(self.file, "{details}")?;
        self.file.sync_data()
    }

    /// Begins another file; the oldest goes.
    fn turn(&mut self) -> io::Result<()> {
        let name = |n: u32| PathBuf::from(format!("{}.{n}", self.path.display()));
        for n in (1..MAX_FILES).rev() {
            match std::fs::rename(name(n), name(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, name(1))?;
        self.file = append(&self.path)?;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(files::SECRET).open(path)
}

/// Octets from which on another file is begun, and most files beside it.
const MAX_OCTETS: u64 = 64 << 20;
const MAX_FILES: u32 = 8;
