//! The master key: a file with 32 octets, or the same in hexadecimal.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use headgate_service::credential;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::{Error, OpenError};

/// The key from which all keys of a store are derived or wrapped.
pub(crate) struct MasterKey(Secret);

impl MasterKey {
    /// Reads the key from where the service manager put it, or else from `directory`, straight into
    /// the place where it stays.
    ///
    /// # Errors
    /// [`OpenError::NoKey`]; [`OpenError::Exposed`] for a file of ours that group or others may
    /// read; [`OpenError::BadKey`] for anything but 32 octets or 64 hexadecimal digits.
    pub(crate) fn read(directory: &Path) -> Result<MasterKey, OpenError> {
        let path = credential::path(directory, credential::MASTER_KEY);
        let failed = |source| OpenError::File { what: "cannot read", file: path.clone(), source };
        let mut file = File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OpenError::NoKey(path.clone()),
            _ => failed(source),
        })?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & OTHERS != 0 && !is_handed_over(&path) {
            return Err(OpenError::Exposed { file: path, mode });
        }
        // One octet more than the longest form, so that a longer file is noticed.
        let mut text = Zeroizing::new([0; HEX + 2]);
        let mut length = 0;
        while let Some(rest) = text.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let mut key = Secret::zero();
        let content = text.get(..length).unwrap_or_default();
        let content = if length == RAW { content } else { content.strip_suffix(b"\n").unwrap_or(content) };
        let good = match content.len() {
            RAW if length == RAW => {
                key.bytes_mut().copy_from_slice(content);
                true
            }
            HEX => hex::decode_to_slice(content, key.bytes_mut()).is_ok(),
            _ => false,
        };
        if !good {
            let expected = "a master key: 32 octets, or 64 hexadecimal digits";
            return Err(OpenError::BadKey { file: path, expected });
        }
        Ok(MasterKey(key))
    }

    /// Makes a new key file that only its owner can read.
    ///
    /// # Errors
    /// [`OpenError::KeyExists`]; an existing file is never touched.
    pub(crate) fn create(directory: &Path) -> Result<(), OpenError> {
        let path = directory.join(credential::MASTER_KEY);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => OpenError::KeyExists(path.clone()),
            _ => OpenError::File { what: "cannot make", file: path.clone(), source },
        };
        let key = Secret::random().map_err(|error: Error| OpenError::Database(error))?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path).map_err(failed)?;
        file.write_all(key.bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        File::open(directory).and_then(|d| d.sync_all()).map_err(failed)
    }

    /// A key that no file holds, for tests of single rooms.
    #[cfg(test)]
    pub(crate) fn random() -> MasterKey {
        MasterKey(Secret::random().unwrap())
    }

    /// The octets.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }
}

/// Whether the service manager provided the file; it guards its directory itself (systemd.exec(5)).
fn is_handed_over(file: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|handed| file.starts_with(handed))
}

const RAW: usize = 32;
const HEX: usize = 64;
/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(content: &[u8], mode: u32) -> Result<MasterKey, OpenError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(credential::MASTER_KEY);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        MasterKey::read(directory.path())
    }

    #[test]
    fn a_key_is_read_raw_and_in_hexadecimal() {
        assert_eq!(with_file(&[0xab; 32], 0o600).ok().unwrap().bytes(), &[0xab; 32]);
        assert_eq!(with_file("ab".repeat(32).as_bytes(), 0o400).ok().unwrap().bytes(), &[0xab; 32]);
        let line = format!("{}\n", "ab".repeat(32));
        assert_eq!(with_file(line.as_bytes(), 0o600).ok().unwrap().bytes(), &[0xab; 32]);
        assert_eq!(with_file(&[b'\n'; 32], 0o600).ok().unwrap().bytes(), &[b'\n'; 32]);
    }

    #[test]
    fn a_file_of_another_length_is_no_key() {
        let long = "ab".repeat(40);
        for content in [&[][..], &[1; 31], &[1; 33], &[b'x'; 64], long.as_bytes()] {
            assert!(matches!(with_file(content, 0o600), Err(OpenError::BadKey { .. })), "{}", content.len());
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o666] {
            assert!(matches!(with_file(&[1; 32], mode), Err(OpenError::Exposed { .. })), "{mode:o}");
        }
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        MasterKey::create(directory.path()).unwrap();
        let before = std::fs::read(directory.path().join(credential::MASTER_KEY)).unwrap();
        assert!(matches!(MasterKey::create(directory.path()), Err(OpenError::KeyExists(_))));
        assert_eq!(std::fs::read(directory.path().join(credential::MASTER_KEY)).unwrap(), before);
    }
}
