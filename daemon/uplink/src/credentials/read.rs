//! Reading what lies in files, within bounds, and noticing that one was replaced.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use headgate_service::credential;

use crate::Error;
use crate::error::CredentialFault;

/// The certificates in a file, at least one and at most [`MAX_CERTIFICATES`].
///
/// # Errors
/// [`Error::Credential`].
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found =
        CertificateDer::pem_slice_iter(&read(file)?).take(MAX_CERTIFICATES).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Credential {
            file: file.to_path_buf(),
            fault: CredentialFault::Content("certificate"),
        }),
    }
}

/// The content of a file, cleared when it is dropped.
///
/// # Errors
/// [`Error::Credential`].
pub fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fault = |fault| Error::Credential { file: file.to_path_buf(), fault };
    let unreadable = |error| fault(CredentialFault::Read(error));
    let open = File::open(file).map_err(unreadable)?;
    // Room for all at once: growing would leave copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_CAPACITY));
    open.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        Ok(content)
    } else {
        Err(fault(CredentialFault::TooLarge(MAX_FILE_BYTES)))
    }
}

/// What changes when a file is written or replaced.
#[derive(PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Of each of these credentials, where it is there.
pub fn stamps<const N: usize>(directory: &Path, names: [&str; N]) -> [Option<Stamp>; N] {
    names.map(|name| {
        let facts = std::fs::metadata(credential::path(directory, name)).ok()?;
        Some(Stamp {
            inode: facts.ino(),
            length: facts.len(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        })
    })
}

/// Largest key or certificate file, in octets.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// One more than that is read, to see that there is more; `read_to_end` wants some room beyond.
const MAX_FILE_CAPACITY: usize = (64 << 10) + 64;
/// Most certificates in one file.
const MAX_CERTIFICATES: usize = 16;
