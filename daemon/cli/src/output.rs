//! A new file that only its owner can read, or standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Where an export goes. A file that is not finished is removed when this is dropped.
pub(crate) struct Output {
    file: Option<(PathBuf, BufWriter<File>)>,
}

impl Output {
    /// Makes the file, or takes standard output where none is named.
    ///
    /// # Errors
    /// [`CliError::Exists`], [`CliError::File`].
    pub(crate) fn create(file: Option<&Path>) -> Result<Output, CliError> {
        let Some(path) = file else { return Ok(Output { file: None }) };
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => Ok(Output { file: Some((path.into(), BufWriter::new(file))) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CliError::Exists(path.into())),
            Err(source) => Err(CliError::File { file: path.into(), source }),
        }
    }

    /// Writes lines that end themselves.
    ///
    /// # Errors
    /// [`CliError::File`], or [`CliError::Output`] of standard output.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), CliError> {
        match &mut self.file {
            Some((path, file)) => file.write_all(text.as_bytes()).map_err(|source| failed(path, source)),
            None => Ok(io::stdout().lock().write_all(text.as_bytes())?),
        }
    }

    /// Brings a file to disk. Gives whether there is one, so that standard output is free for words.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub(crate) fn finish(mut self) -> Result<bool, CliError> {
        let Some((path, file)) = &mut self.file else { return Ok(false) };
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|source| failed(path, source))?;
        self.file = None;
        Ok(true)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.file {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn failed(path: &Path, source: io::Error) -> CliError {
    CliError::File { file: path.into(), source }
}
