//! The throw-away site: directories, keys, certificates, configuration.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use headgate_service::credential::UPLINK_REQUEST;
use tempfile::TempDir;

use super::Wish;
use crate::error::CliError;
use crate::programs::{Programs, RULES};

/// A site in a directory of its own. It is removed with this value, unless it is kept.
pub(super) struct Site {
    directory: PathBuf,
    /// The sockets lie apart: the name of a socket may have 107 octets only (unix(7)), whatever
    /// directory the site is kept in.
    sockets: TempDir,
    temporary: Option<TempDir>,
    capture: PathBuf,
    interface: Option<String>,
}

impl Site {
    /// Makes the site. Each program makes its own keys; they meet only as requests and certificates.
    pub(super) fn make(wish: &Wish, programs: &Programs) -> Result<Site, CliError> {
        let temporary = |step| move |source| CliError::System { step, source };
        let sockets = tempfile::Builder::new().prefix("headgate-").tempdir();
        let sockets = sockets.map_err(temporary("make a temporary directory"))?;
        let (directory, temporary) = match &wish.keep {
            Some(directory) => (kept(directory)?, None),
            None => {
                let made = tempfile::Builder::new().prefix("headgate-trial-").tempdir();
                let made = made.map_err(temporary("make a temporary directory"))?;
                (made.path().to_path_buf(), Some(made))
            }
        };
        let mut site = Site {
            directory,
            sockets,
            temporary,
            capture: PathBuf::new(),
            interface: wish.interface.clone(),
        };
        for name in ["log", "credentials"] {
            let directory = site.directory.join(name);
            DirBuilder::new()
                .mode(0o700)
                .create(&directory)
                .map_err(|source| CliError::File { file: directory, source })?;
        }
        site.capture = match &wish.pcap {
            Some(file) => {
                fs::canonicalize(file).map_err(|source| CliError::NoInput { file: file.clone(), source })?
            }
            None => {
                let file = site.directory.join("capture.pcap");
                write(&file, CAPTURE)?;
                file
            }
        };
        write(&site.directory.join("rules.toml"), RULES.as_bytes())?;
        site.write_config(None)?;
        site.enroll(programs)?;
        Ok(site)
    }

    /// Names the receiver, once it is known where it listens: by address, because a small machine may
    /// not know the name `localhost`.
    pub(super) fn name_receiver(&self, address: &str) -> Result<(), CliError> {
        self.write_config(Some(address))
    }

    pub(super) fn config(&self) -> PathBuf {
        self.directory.join("headgate.toml")
    }

    pub(super) fn receiver_config(&self) -> PathBuf {
        self.directory.join("receiver/receiver.toml")
    }

    pub(super) fn capture(&self) -> &Path {
        &self.capture
    }

    pub(super) fn log(&self, program: &str) -> PathBuf {
        self.directory.join("log").join(format!("{program}.log"))
    }

    pub(super) fn notify_socket(&self) -> PathBuf {
        self.sockets.path().join("notify")
    }

    /// What was watched or read, in words.
    pub(super) fn source(&self) -> String {
        match &self.interface {
            Some(interface) => format!("interface {interface}"),
            None => format!("file {}", self.capture.display()),
        }
    }

    /// The directory, when it is still there after the trial.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.temporary.is_none().then_some(self.directory.as_path())
    }

    fn write_config(&self, receiver: Option<&str>) -> Result<(), CliError> {
        let quoted = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
        let interfaces =
            self.interface.iter().map(|i| toml::Value::String(i.clone()).to_string()).collect::<String>();
        let receiver = receiver.map(|r| format!("receiver = \"{r}\"\n")).unwrap_or_default();
        let text = format!(
            "# A trial of Headgate; every other key has its default.\n\n\
             [appliance]\nid = \"trial\"\n\n\
             [capture]\ninterfaces = [{interfaces}]\n\n\
             [store]\ndirectory = {store}\nbatch_delay = 0\n\n\
             [sockets]\ndirectory = {sockets}\n\n\
             [uplink]\n{receiver}directory = {kept}\nretry_max = 2\n\n\
             [credentials]\ndirectory = {credentials}\n",
            store = quoted(&self.directory.join("store")),
            sockets = quoted(self.sockets.path()),
            kept = quoted(&self.directory.join("uplink")),
            credentials = quoted(&self.directory.join("credentials")),
        );
        write(&self.config(), text.as_bytes())
    }

    fn enroll(&self, programs: &Programs) -> Result<(), CliError> {
        let (config, receiver) = (self.config(), self.directory.join("receiver"));
        let credentials = self.directory.join("credentials");
        programs.run("headgate-receiver", &["init", "--name", "127.0.0.1"], Some(&receiver))?;
        programs.run("headgate-store", &["init", "--config"], Some(&config))?;
        programs.run("headgate-uplink", &["request", "--config"], Some(&config))?;
        let (request, answer) = (credentials.join(UPLINK_REQUEST), self.directory.join("answer.pem"));
        let arguments = ["sign", &receiver.display().to_string(), &request.display().to_string(), "-o"];
        programs.run("headgate-receiver", &arguments, Some(&answer))?;
        let arguments = ["accept", &answer.display().to_string(), "--config"];
        programs.run("headgate-uplink", &arguments, Some(&config))?;
        Ok(())
    }
}

/// A directory that is kept must be new or empty, so that nothing of the administrator's is mixed in.
fn kept(directory: &Path) -> Result<PathBuf, CliError> {
    let file = |source| CliError::File { file: directory.to_path_buf(), source };
    if directory.exists() {
        let empty = fs::read_dir(directory).map_err(file)?.next().is_none();
        if !empty {
            let what = "is not empty; name a new or empty directory";
            return Err(CliError::Directory { directory: directory.to_path_buf(), what });
        }
    } else {
        DirBuilder::new().mode(0o700).recursive(true).create(directory).map_err(file)?;
    }
    fs::canonicalize(directory).map_err(file)
}

fn write(file: &Path, content: &[u8]) -> Result<(), CliError> {
    fs::write(file, content).map_err(|source| CliError::File { file: file.to_path_buf(), source })
}

/// Recorded from real daemons at a small site; see tests/golden.
const CAPTURE: &[u8] = include_bytes!("../../../../tests/golden/site.pcap");
