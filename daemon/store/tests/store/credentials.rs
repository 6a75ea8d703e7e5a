//! The three ways in which the master key reaches the store (docs/operations.md, "Keys"). What unseals it is the service
//! manager's own tool; swtpm stands in for a TPM.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::site::{PATIENCE, Site, device};

/// A software TPM; it ends with this.
struct Tpm {
    child: Child,
    device: String,
}

impl Tpm {
    /// One with a state of its own, or `None` where the program is missing.
    fn start(state: &Path) -> Option<Tpm> {
        std::fs::create_dir(state).unwrap();
        // Two free ports in a row: the second is the one of its control channel.
        let port = (20_000..60_000).step_by(2).find(|port| {
            [*port, port + 1].into_iter().all(|p| std::net::TcpListener::bind(("127.0.0.1", p)).is_ok())
        })?;
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", state.display())])
            .args(["--server", &format!("type=tcp,port={port}")])
            .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Tpm { child, device: format!("--tpm2-device=swtpm:host=127.0.0.1,port={port}") })
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `systemd-creds`, with a host key of the test's own.
fn creds(site: &Site, arguments: &[&str], files: [&Path; 2]) -> Result<(), String> {
    let output = Command::new("systemd-creds")
        .args(arguments)
        .arg("--name=master.key")
        .args(files)
        .env("SYSTEMD_CREDENTIAL_SECRET", site.path("credential.secret"))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// As [`creds`], as soon as the TPM listens.
fn creds_when_ready(site: &Site, arguments: &[&str], files: [&Path; 2]) {
    let start = Instant::now();
    while let Err(error) = creds(site, arguments, files) {
        assert!(start.elapsed() < PATIENCE, "{arguments:?}: {error}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn is_root_with(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let usable = there.is_ok() && rustix::process::geteuid().is_root();
    if !usable {
        eprintln!("skipped: needs root and {program}");
    }
    usable
}

/// The store runs with what the service manager hands over, and the plain file is not there any more.
fn assert_runs_with(site: &Site, handed: &Path) {
    std::fs::remove_file(site.path("credentials/master.key")).unwrap();
    let running = site.start_with_credentials(handed);
    assert_eq!(running.status()["records"]["device"], 1);
    running.stop();
}

fn used_site() -> Site {
    let site = Site::new("");
    site.configure("batch_delay = 0", "");
    let running = site.start();
    running.sensor(1).hand_over(vec![device(1)]).unwrap();
    running.stop();
    std::fs::create_dir(site.path("handed")).unwrap();
    site
}

#[test]
fn a_master_key_that_is_sealed_to_the_host_opens_the_store() {
    if !is_root_with("systemd-creds") {
        return;
    }
    let site = used_site();
    let [key, sealed, handed] =
        ["credentials/master.key", "master.key.cred", "handed/master.key"].map(|n| site.path(n));
    creds(&site, &["encrypt", "--with-key=host"], [&key, &sealed]).unwrap();
    let octets = std::fs::read(&key).unwrap();
    assert!(!std::fs::read(&sealed).unwrap().windows(32).any(|window| window == octets));
    creds(&site, &["decrypt"], [&sealed, &handed]).unwrap();
    assert_runs_with(&site, &site.path("handed"));
    // Another host has another key.
    std::fs::remove_file(site.path("credential.secret")).unwrap();
    std::fs::remove_file(&handed).unwrap();
    creds(&site, &["decrypt"], [&sealed, &handed]).unwrap_err();
}

#[test]
fn a_master_key_that_is_sealed_to_a_tpm_opens_the_store_and_no_other_tpm_unseals_it() {
    if !is_root_with("systemd-creds") || !is_root_with("swtpm") {
        return;
    }
    let site = used_site();
    let [key, sealed, handed] =
        ["credentials/master.key", "master.key.cred", "handed/master.key"].map(|n| site.path(n));
    let tpm = Tpm::start(&site.path("tpm")).unwrap();
    creds_when_ready(&site, &["encrypt", "--with-key=tpm2", "--tpm2-pcrs=7", &tpm.device], [&key, &sealed]);
    creds(&site, &["decrypt", &tpm.device], [&sealed, &handed]).unwrap();
    assert_runs_with(&site, &site.path("handed"));
    let other = Tpm::start(&site.path("other-tpm")).unwrap();
    // It works, and seals what it seals itself.
    std::fs::write(&key, [1; 32]).unwrap();
    let own = site.path("own.cred");
    creds_when_ready(&site, &["encrypt", "--with-key=tpm2", "--tpm2-pcrs=7", &other.device], [&key, &own]);
    std::fs::remove_file(&handed).unwrap();
    creds(&site, &["decrypt", &other.device], [&sealed, &handed]).unwrap_err();
}
