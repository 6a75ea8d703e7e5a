//! The commands that make keys and certificates.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use headgate_record::sealed::KeyId;

use crate::authority::{AUTHORITY_KEY, Authority, Refusal, Validity};
use crate::config::{AUTHORITY_CERTIFICATE, RECEIPT_KEY, SEAL_KEY, SERVER_CERTIFICATE, SERVER_KEY};
use crate::files::{PUBLIC, SECRET};
use crate::receipt::Signer;
use crate::{Error, files, sealing};

/// The shipped configuration, which is also what [`init`] writes.
pub const TEMPLATE: &str = include_str!("../../../config/receiver.toml");

/// Makes an organisation in `directory`: its authority, a server certificate for `names`, the
/// receipt key and the sealing key with their public halves, and `receiver.toml`. All is on disk when it returns; gives
/// the name of the sealing key.
///
/// # Errors
/// [`Error::Exists`] when one of the files is there; then nothing is made.
pub fn init(directory: &Path, names: &[String], listen: SocketAddr) -> Result<KeyId, Error> {
    let (authority, own) = Authority::create(Validity::days(AUTHORITY_DAYS))?;
    let server = authority.server(names, Validity::days(SERVER_DAYS))?;
    let signer = Signer::generate()?;
    let (receipt_key, receipt_public) = signer.to_pem()?;
    let config = TEMPLATE.replacen(TEMPLATE_LISTEN, &format!("listen = \"{listen}\""), 1);
    let seal = sealing::generate()?;
    let files: [(&str, u32, &[u8]); 9] = [
        (AUTHORITY_KEY, SECRET, own.key.as_bytes()),
        (AUTHORITY_CERTIFICATE, PUBLIC, own.certificate.as_bytes()),
        (SERVER_KEY, SECRET, server.key.as_bytes()),
        (SERVER_CERTIFICATE, PUBLIC, server.certificate.as_bytes()),
        (RECEIPT_KEY, SECRET, receipt_key.as_bytes()),
        (RECEIPT_PUBLIC, PUBLIC, receipt_public.as_bytes()),
        (SEAL_KEY, SECRET, seal.private.as_bytes()),
        (SEAL_PUBLIC, PUBLIC, seal.public.as_bytes()),
        ("receiver.toml", PUBLIC, config.as_bytes()),
    ];
    for (name, ..) in files {
        let file = directory.join(name);
        if file.symlink_metadata().is_ok() {
            return Err(Error::Exists(file));
        }
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| Error::Write { file: directory.to_path_buf(), source })?;
    for (name, mode, content) in files {
        files::create(&directory.join(name), mode, content)?;
    }
    files::sync_directory(directory)?;
    Ok(seal.id)
}

/// Makes another sealing key: the private key in the new file `file`, the public one beside it as `.pub`. Gives its name.
///
/// # Errors
/// [`Error::Exists`] when one of both is there; then nothing is made.
pub fn seal_key(file: &Path) -> Result<KeyId, Error> {
    let (made, public) = (sealing::generate()?, file.with_extension("pub"));
    for file in [file, &public] {
        if file.symlink_metadata().is_ok() {
            return Err(Error::Exists(file.to_path_buf()));
        }
    }
    files::create(file, SECRET, made.private.as_bytes())?;
    files::create(&public, PUBLIC, made.public.as_bytes())?;
    files::sync_directory(file.parent().unwrap_or(Path::new("")))?;
    Ok(made.id)
}

/// What [`sign`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The appliance's identifier.
    pub appliance: String,
}

/// Signs the appliance's request in the file `request` with the authority in `directory` and writes
/// the certificate to the new file `output`.
///
/// # Errors
/// [`Error::Request`] when the request is malformed, not signed by its key, or of a name that cannot
/// be an appliance's; [`Error::Exists`] when `output` is there.
pub fn sign(directory: &Path, request: &Path, output: &Path, validity: Validity) -> Result<Signed, Error> {
    let authority = Authority::open(directory)?;
    let bad = |what| Error::Request { file: request.to_path_buf(), what };
    let appliance =
        authority.appliance(&files::read(request)?, validity).map_err(|refusal| match refusal {
            Refusal::Malformed => bad("is no certificate signing request in PEM"),
            Refusal::Signature => bad("the request is not signed by the key in it"),
            Refusal::Name => bad("its common name is no appliance identifier: 1 to 64 of a-z 0-9 - ."),
            Refusal::Signing(error) => error,
        })?;
    files::create(output, PUBLIC, appliance.certificate.as_bytes())?;
    files::sync_directory(output.parent().unwrap_or(Path::new("")))?;
    Ok(Signed { appliance: appliance.name })
}

/// Public half of the receipt key.
const RECEIPT_PUBLIC: &str = "receipt.pub";
/// Public half of the sealing key.
const SEAL_PUBLIC: &str = "seal.pub";
const TEMPLATE_LISTEN: &str = "listen = \"127.0.0.1:8443\"";
/// Ten years: every appliance pins it.
const AUTHORITY_DAYS: u32 = 3_650;
const SERVER_DAYS: u32 = 825;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::Config;

    #[test]
    fn secrets_are_their_owners_only_and_the_configuration_loads() {
        let directory = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:9999".parse().unwrap();
        init(directory.path(), &["example.org".into(), "127.0.0.1".into()], listen).unwrap();
        for entry in directory.path().read_dir().unwrap().flatten() {
            let secret = entry.path().extension().is_some_and(|e| e == "key");
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode == 0o600, secret, "{:?} {mode:o}", entry.file_name());
        }
        assert_eq!(Config::load(&directory.path().join("receiver.toml")).unwrap().listen, listen);
    }

    #[test]
    fn another_sealing_key_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("seal-2.key");
        let id = seal_key(&file).unwrap();
        assert!(crate::sealing::Keys::load([file.as_path()]).unwrap().has(id));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(seal_key(&file), Err(Error::Exists(public)) if public.ends_with("seal-2.pub")));
        assert!(!file.exists());
    }

    #[test]
    fn nothing_is_made_when_one_of_the_files_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let existing = directory.path().join(RECEIPT_KEY);
        std::fs::write(&existing, "mine").unwrap();
        let refused = init(directory.path(), &["example.org".into()], "127.0.0.1:1".parse().unwrap());
        assert!(matches!(refused, Err(Error::Exists(file)) if file == existing));
        assert_eq!(std::fs::read(&existing).unwrap(), b"mine");
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn the_template_has_one_line_to_listen() {
        assert_eq!(TEMPLATE.matches(TEMPLATE_LISTEN).count(), 1);
    }
}
