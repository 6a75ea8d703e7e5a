//! Enrolment: the appliance's private key and the request for its certificate (PKCS #10, RFC 2986).
//!
//! The key never leaves the appliance. The request can be signed again when its certificate runs out.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use zeroize::Zeroizing;

use headgate_service::config::Headgate;
use headgate_service::credential::{UPLINK_KEY, UPLINK_REQUEST};

use crate::Error;

/// What [`request`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The private key, PEM (PKCS #8, ECDSA on P-256), readable by its owner only.
    pub key: PathBuf,
    /// The signing request, PEM. Its common name is the appliance's identifier.
    pub request: PathBuf,
}

/// Makes key and request in the configured credentials directory. Both are on disk when it returns.
///
/// # Errors
/// [`Error::Exists`] when either file is there; nothing is replaced.
pub fn request(config: &Headgate) -> Result<Request, Error> {
    let directory = &config.credentials.directory;
    let made = Request { key: directory.join(UPLINK_KEY), request: directory.join(UPLINK_REQUEST) };
    for file in [&made.key, &made.request] {
        if file.symlink_metadata().is_ok() {
            return Err(Error::Exists(file.clone()));
        }
    }
    let key = KeyPair::generate().map_err(Error::Request)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, config.appliance.id.as_str());
    let request = params.serialize_request(&key).and_then(|r| r.pem()).map_err(Error::Request)?;
    let key = Zeroizing::new(key.serialize_pem());

    let written = |file: &Path| {
        let file = file.to_path_buf();
        move |source| Error::Write { file, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(written(directory))?;
    write(&made.key, 0o600, key.as_bytes()).map_err(written(&made.key))?;
    write(&made.request, 0o644, request.as_bytes()).map_err(written(&made.request))?;
    File::open(directory).and_then(|d| d.sync_all()).map_err(written(directory))?;
    Ok(made)
}

fn write(file: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(directory: &Path) -> Headgate {
        let file = directory.join("headgate.toml");
        let credentials = directory.join("credentials");
        std::fs::write(
            &file,
            format!("[appliance]\nid = \"site-7\"\n[credentials]\ndirectory = {credentials:?}\n"),
        )
        .unwrap();
        headgate_service::config::load(&file).unwrap()
    }

    #[test]
    fn the_request_names_the_appliance_and_the_key_is_its_owners_only() {
        let directory = tempfile::tempdir().unwrap();
        let made = request(&config(directory.path())).unwrap();
        assert_eq!(made.key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let pem = std::fs::read_to_string(&made.request).unwrap();
        let parsed = rcgen::CertificateSigningRequestParams::from_pem(&pem).unwrap();
        let name = parsed.params.distinguished_name.get(&DnType::CommonName);
        assert_eq!(name, Some(&rcgen::DnValue::Utf8String("site-7".into())));
    }

    #[test]
    fn an_existing_key_or_request_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let made = request(&config).unwrap();
        let before = std::fs::read(&made.key).unwrap();
        assert!(matches!(request(&config), Err(Error::Exists(file)) if file == made.key));
        assert_eq!(std::fs::read(&made.key).unwrap(), before);
        std::fs::remove_file(&made.key).unwrap();
        assert!(matches!(request(&config), Err(Error::Exists(file)) if file == made.request));
        assert!(!made.key.exists());
    }
}
