//! The commands that make keys and certificates.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use headgate_record::sealed::KeyId;
use zeroize::Zeroizing;

use crate::authority::{Authority, Issued, Refusal, Validity};
use crate::config::{
    AUTHORITY_CERTIFICATE, AUTHORITY_KEY, ENROLL_CERTIFICATE, ENROLL_KEY, RECEIPT_KEY, RECEIPT_PUBLIC,
    SEAL_KEY, SEAL_PUBLIC, SECRETS_ROOT, SERVER_CERTIFICATE, SERVER_KEY,
};
use crate::files::{PUBLIC, SECRET};
use crate::issue::Office;
use crate::receipt::Signer;
use crate::{Error, files, sealing};

/// The shipped configuration, which is also what [`init`] writes.
pub const TEMPLATE: &str = include_str!("../../../config/receiver.toml");

/// Makes an organisation in `directory`: its authority, a server certificate for `names` in `region`, the
/// receipt key and the sealing key with their public halves, what enrolment needs, and `receiver.toml`. All is on disk when it
/// returns; gives the name of the sealing key.
///
/// # Errors
/// [`Error::Exists`] when one of the files is there; then nothing is made.
pub fn init(
    directory: &Path,
    names: &[String],
    region: Option<&str>,
    listen: SocketAddr,
) -> Result<KeyId, Error> {
    let (authority, own) = Authority::create("Headgate authority", Validity::days(AUTHORITY_DAYS))?;
    let server = authority.server(names, region, Validity::days(SERVER_DAYS))?;
    let signer = Signer::generate()?;
    let (receipt_key, receipt_public) = signer.to_pem()?;
    let mut config = TEMPLATE.replacen(TEMPLATE_LISTEN, &format!("listen = \"{listen}\""), 1);
    if let Some(region) = region {
        config = config.replacen(TEMPLATE_REGION, &format!("region = \"{region}\""), 1);
    }
    let seal = sealing::generate()?;
    let online = Online::make()?;
    let [enroll_key, enroll_certificate, secrets] = online.files();
    let files: [(&str, u32, &[u8]); 12] = [
        (AUTHORITY_KEY, SECRET, own.key.as_bytes()),
        (AUTHORITY_CERTIFICATE, PUBLIC, own.certificate.as_bytes()),
        (SERVER_KEY, SECRET, server.key.as_bytes()),
        (SERVER_CERTIFICATE, PUBLIC, server.certificate.as_bytes()),
        (RECEIPT_KEY, SECRET, receipt_key.as_bytes()),
        (RECEIPT_PUBLIC, PUBLIC, receipt_public.as_bytes()),
        (SEAL_KEY, SECRET, seal.private.as_bytes()),
        (SEAL_PUBLIC, PUBLIC, seal.public.as_bytes()),
        enroll_key,
        enroll_certificate,
        secrets,
        ("receiver.toml", PUBLIC, config.as_bytes()),
    ];
    make(directory, &files)?;
    Ok(seal.id)
}

/// Makes what enrolment needs in `directory`, for an organisation of before: the authority that signs over the network, and the root
/// of secrets.
///
/// # Errors
/// [`Error::Exists`] when one of the files is there; then nothing is made.
pub fn enrolment(directory: &Path) -> Result<(), Error> {
    make(directory, &Online::make()?.files())
}

/// Makes a certificate for a receiver that is reached under `names` and keeps what it has in `region`, in the new file
/// `certificate`, and its key beside it as `.key`.
///
/// # Errors
/// [`Error::Exists`] when one of both is there; then nothing is made.
pub fn server(
    directory: &Path,
    names: &[String],
    region: Option<&str>,
    certificate: &Path,
) -> Result<(), Error> {
    let authority = Authority::open(&directory.join(AUTHORITY_CERTIFICATE), &directory.join(AUTHORITY_KEY))?;
    let made = authority.server(names, region, Validity::days(SERVER_DAYS))?;
    let key = certificate.with_extension("key");
    for file in [certificate, &key] {
        if file.symlink_metadata().is_ok() {
            return Err(Error::Exists(file.to_path_buf()));
        }
    }
    files::create(&key, SECRET, made.key.as_bytes())?;
    files::create(certificate, PUBLIC, made.certificate.as_bytes())?;
    files::sync_directory(certificate.parent().unwrap_or(Path::new("")))
}

/// What certificates and secrets are given out with over the network.
struct Online {
    authority: Issued,
    secrets: Zeroizing<[u8; 32]>,
}

impl Online {
    fn make() -> Result<Online, Error> {
        let (_, authority) = Authority::create("Headgate enrolment", Validity::days(AUTHORITY_DAYS))?;
        let mut secrets = Zeroizing::new([0; 32]);
        getrandom::fill(secrets.as_mut()).map_err(|_| Error::Key)?;
        Ok(Online { authority, secrets })
    }

    fn files(&self) -> [(&'static str, u32, &[u8]); 3] {
        [
            (ENROLL_KEY, SECRET, self.authority.key.as_bytes()),
            (ENROLL_CERTIFICATE, PUBLIC, self.authority.certificate.as_bytes()),
            (SECRETS_ROOT, SECRET, self.secrets.as_ref()),
        ]
    }
}

/// Makes all of these files, or none when one is there.
fn make(directory: &Path, files: &[(&str, u32, &[u8])]) -> Result<(), Error> {
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
        files::create(&directory.join(name), *mode, content)?;
    }
    files::sync_directory(directory)
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

/// Answers the appliance's request in the file `request` with the authority in `directory`: writes certificate, what to pin and
/// the sealed secret to the new file `output`.
///
/// # Errors
/// [`Error::Request`] when the request is malformed, not signed by its key, or of a name that cannot
/// be an appliance's; [`Error::Exists`] when `output` is there.
pub fn sign(directory: &Path, request: &Path, output: &Path, validity: Validity) -> Result<Signed, Error> {
    let office = Office::by_hand(directory)?;
    let bad = |what| Error::Request { file: request.to_path_buf(), what };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let generation = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let answer =
        office.answer(&files::read(request)?, validity, generation).map_err(|refusal| match refusal {
            Refusal::Malformed => bad("is no certificate signing request in PEM"),
            Refusal::Signature => bad("the request is not signed by the key in it"),
            Refusal::Name => bad("its common name is no appliance identifier: 1 to 64 of a-z 0-9 - ."),
            Refusal::SealTo => bad(
                "names no key that a secret can be sealed to; move uplink.key and uplink.csr away on the appliance, and `headgate enroll` makes a new request",
            ),
            Refusal::Signing(error) => error,
        })?;
    files::create(output, PUBLIC, answer.text.as_bytes())?;
    files::sync_directory(output.parent().unwrap_or(Path::new("")))?;
    Ok(Signed { appliance: answer.appliance.name })
}

const TEMPLATE_REGION: &str = "# region = \"eu\"";
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
        init(directory.path(), &["example.org".into(), "127.0.0.1".into()], Some("eu"), listen).unwrap();
        for entry in directory.path().read_dir().unwrap().flatten() {
            let secret = entry.path().extension().is_some_and(|e| e == "key");
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode == 0o600, secret, "{:?} {mode:o}", entry.file_name());
        }
        let config = Config::load(&directory.path().join("receiver.toml")).unwrap();
        assert_eq!((config.listen, config.region.as_deref()), (listen, Some("eu")));
        crate::tls::check_region(&config).unwrap();
        for region in [Some("us".to_owned()), None] {
            let elsewhere = Config { region, ..config.clone() };
            assert!(matches!(crate::tls::check_region(&elsewhere), Err(Error::OtherRegion { .. })));
        }
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
        let refused = init(directory.path(), &["example.org".into()], None, "127.0.0.1:1".parse().unwrap());
        assert!(matches!(refused, Err(Error::Exists(file)) if file == existing));
        assert_eq!(std::fs::read(&existing).unwrap(), b"mine");
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn the_template_has_one_line_to_listen_and_one_for_the_region() {
        for line in [TEMPLATE_LISTEN, TEMPLATE_REGION] {
            assert_eq!(TEMPLATE.matches(line).count(), 1, "{line}");
        }
    }
}
