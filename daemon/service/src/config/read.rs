//! Reading configuration files, and saying where they are wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{Headgate, Uplink};

/// Largest configuration file that is read, in octets.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Largest list of addresses that is read, in octets.
pub const MAX_LIST_BYTES: u64 = 8 << 20;
/// Most drop-ins that are read.
pub const MAX_DROP_INS: usize = 64;

/// Why a configuration cannot be used: which file, where in it, what is wrong and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read", file = .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`], or there are more than [`MAX_DROP_INS`] drop-ins.
    #[error("{file}: too large, the limit is {limit}", file = .file.display())]
    TooLarge {
        /// The file or directory.
        file: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The content is wrong.
    #[error("{file}:{line}:{column}: {what}", file = .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// Two keys cannot be set together.
    #[error("{file}: {what}", file = .file.display())]
    Conflict {
        /// The file; the keys may stand in its drop-ins.
        file: PathBuf,
        /// Which, and what to do.
        what: &'static str,
    },
}

impl crate::exit::Exit for ConfigError {
    fn code(&self) -> u8 {
        crate::exit::CONFIG
    }
}

/// Reads `headgate.toml` and the `*.toml` of the directory `headgate.toml.d` beside it, in order of
/// their names; a later file replaces single keys of an earlier one.
///
/// # Errors
/// The first problem found. Nothing is used of a configuration with a problem.
pub fn load(path: &Path) -> Result<Headgate, ConfigError> {
    let mut merged = toml::Table::new();
    for (file, text) in read_with_drop_ins(path)? {
        // Each file alone first, so that a message names the file and the place.
        parse::<Headgate>(&file, &text)?;
        merge(&mut merged, parse(&file, &text)?);
    }
    let headgate: Headgate = merged.try_into().map_err(|e: toml::de::Error| content_error(path, "", &e))?;
    let Uplink { collector, receiver, bundles, .. } = &headgate.uplink;
    if collector.is_some() && (receiver.is_some() || *bundles) {
        return Err(ConfigError::Conflict { file: path.to_path_buf(), what: ONE_WAY });
    }
    Ok(headgate)
}

/// The text of `path` and of its drop-ins, in the order in which they apply.
///
/// # Errors
/// When one cannot be read, or a limit is exceeded.
pub fn read_with_drop_ins(path: &Path) -> Result<Vec<(PathBuf, String)>, ConfigError> {
    let mut directory = path.as_os_str().to_owned();
    directory.push(".d");
    let mut drop_ins = BTreeMap::new();
    // Only a directory that is not there is no directory: one that cannot be read may hold what narrows.
    let unreadable = |source| ConfigError::Read { file: directory.clone().into(), source };
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => Some(entries),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(unreadable(e)),
    };
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(unreadable)?;
        let file = entry.path();
        if file.extension().is_some_and(|e| e == "toml") {
            drop_ins.insert(entry.file_name(), file);
        }
        if drop_ins.len() > MAX_DROP_INS {
            let limit = u64::try_from(MAX_DROP_INS).unwrap_or(u64::MAX);
            return Err(ConfigError::TooLarge { file: directory.into(), limit });
        }
    }
    std::iter::once(path.to_path_buf())
        .chain(drop_ins.into_values())
        .map(|file| {
            let text = read_file(&file)?;
            Ok((file, text))
        })
        .collect()
}

/// The text of one file.
///
/// # Errors
/// When it cannot be read, or is larger than [`MAX_FILE_BYTES`].
pub fn read_file(file: &Path) -> Result<String, ConfigError> {
    read_at_most(file, MAX_FILE_BYTES)
}

/// The name and the text of a list that the configuration file `path` names: it lies beside that.
///
/// # Errors
/// Why it cannot be read, for a message that names it: it is no file, or is larger than [`MAX_LIST_BYTES`].
pub fn read_list(path: &Path, name: &str) -> Result<(String, String), String> {
    let file = path.with_file_name(name);
    match read_at_most(&file, MAX_LIST_BYTES) {
        Ok(text) => Ok((file.display().to_string(), text)),
        Err(ConfigError::Read { source, .. }) => Err(format!("{}: {source}", file.display())),
        Err(error) => Err(error.to_string()),
    }
}

fn read_at_most(file: &Path, limit: u64) -> Result<String, ConfigError> {
    let read = |source| ConfigError::Read { file: file.to_path_buf(), source };
    if std::fs::metadata(file).map_err(read)?.len() > limit {
        return Err(ConfigError::TooLarge { file: file.to_path_buf(), limit });
    }
    std::fs::read_to_string(file).map_err(read)
}

/// What the text of a file says.
///
/// # Errors
/// [`ConfigError::Content`], with the place.
pub fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|e| content_error(file, text, &e))
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn content_error(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ConfigError::Content { file: file.to_path_buf(), line, column, what: error.message().replace('\n', " ") }
}
/// Each batch leaves once, and whoever took it is asked to forget.
const ONE_WAY: &str =
    "[uplink] collector goes together with neither receiver nor bundles: take one of them away";
