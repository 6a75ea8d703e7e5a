//! What the administrator types, more than once or after something has gone.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{HEADGATE, Site, wait_for};

/// `headgate enroll` once ended with the store's refusal to make a second master key.
#[test]
fn enrolling_again_keeps_the_keys_and_says_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = directory.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let config = directory.path().join("headgate.toml");
    let text =
        format!("[appliance]\nid = \"test\"\n[credentials]\ndirectory = \"{}\"\n", credentials.display());
    fs::write(&config, text).unwrap();
    let first = enroll(&config);
    let keys = files(&credentials);
    assert_eq!(
        keys.keys().map(String::as_str).collect::<Vec<_>>(),
        ["master.key", "uplink.csr", "uplink.key"]
    );
    let again = enroll(&config);
    assert_eq!(files(&credentials), keys);
    assert_eq!(again.stdout, first.stdout);
    assert!(String::from_utf8(again.stdout).unwrap().contains("uplink.csr to whoever runs the receiver"));

    // What has been lost is made again, and nothing else.
    fs::remove_file(credentials.join("uplink.key")).unwrap();
    fs::remove_file(credentials.join("uplink.csr")).unwrap();
    enroll(&config);
    let renewed = files(&credentials);
    assert_eq!(renewed["master.key"], keys["master.key"]);
    assert_ne!(renewed["uplink.key"], keys["uplink.key"]);
}

/// The state that an uplink last gave once stayed when it had gone.
#[test]
fn an_uplink_that_has_gone_is_said_to_be_gone() {
    const GONE: &str = "wrong      the uplink is not connected: systemctl status headgate-uplink";
    let site = Site::new();
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    assert!(site.status_text().contains(GONE), "it has not come yet");
    let mut uplink = site.start_uplink();
    wait_for("the uplink to come", || !site.status_text().contains(GONE));
    assert!(!site.ask(&["status"]).unwrap()["uplink"].is_null());
    assert!(uplink.terminate().success(), "{}", uplink.said());
    wait_for("its end to be said", || site.status_text().contains(GONE));
    assert!(site.ask(&["status"]).unwrap()["uplink"].is_null());
    // By a kill as well, and back again.
    let mut uplink = site.start_uplink();
    wait_for("the uplink to come back", || !site.status_text().contains(GONE));
    uplink.kill();
    wait_for("its death to be said", || site.status_text().contains(GONE));
}

fn enroll(config: &Path) -> Output {
    let mut command = Command::new(HEADGATE);
    // Under cargo it builds the programs first; they are there.
    let output = command.arg("--config").arg(config).arg("enroll").env_remove("CARGO").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let named =
        |file: PathBuf| (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&file).unwrap());
    files.map(named).collect()
}
