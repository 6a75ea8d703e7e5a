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
        ["master.key", "request.key", "uplink.csr", "uplink.key"]
    );
    let again = enroll(&config);
    assert_eq!(files(&credentials), keys);
    assert_eq!(again.stdout, first.stdout);
    assert!(String::from_utf8(again.stdout).unwrap().contains("uplink.csr to whoever runs the receiver"));

    // What has been lost is made again, and nothing else.
    fs::remove_file(credentials.join("uplink.key")).unwrap();
    fs::remove_file(credentials.join("uplink.csr")).unwrap();
    fs::remove_file(credentials.join("request.key")).unwrap();
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

/// A site whose store has the records of the capture and sends nothing.
fn filled() -> (Site, support::Running) {
    let site = Site::new();
    site.configure("[store]\nbatch_delay = 3600\n");
    let store = site.start_store();
    assert!(site.start_replay(&[&support::golden("site.pcap")]).wait().success());
    (site, store)
}

/// What a command says on standard output, and its exit code.
fn said(site: &Site, arguments: &[&str]) -> (String, Option<i32>) {
    let output = site.headgate(arguments);
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_buffer_is_verified_measured_exported_purged_and_given_back() {
    let (site, _store) = filled();
    let (text, code) = said(&site, &["buffer", "verify"]);
    assert!(text.contains("the buffer is whole.") && code == Some(0), "{text}");
    let verified = site.ask(&["buffer", "verify"]).unwrap();
    let records = verified["records"].as_u64().unwrap();
    assert!(verified["whole"] == true && records > 50, "{verified}");
    let stats = site.ask(&["buffer", "stats"]).unwrap();
    let kept = |stats: &serde_json::Value| -> u64 {
        stats["classes"].as_array().unwrap().iter().map(|class| class["records"].as_u64().unwrap()).sum()
    };
    assert_eq!(kept(&stats), records);
    assert!(said(&site, &["buffer", "stats"]).0.contains("CLASS"));

    let (all, devices) = (site.path("all.jsonl"), site.path("devices.csv"));
    let (all_text, devices_text) = (all.to_str().unwrap(), devices.to_str().unwrap());
    assert_eq!(said(&site, &["buffer", "export", all_text]).1, Some(0));
    assert_eq!(u64::try_from(fs::read_to_string(&all).unwrap().lines().count()).unwrap(), records);
    assert_eq!(said(&site, &["buffer", "export", all_text]).1, Some(73), "it is there already");
    assert_eq!(
        said(&site, &["buffer", "export", "--format", "csv", devices_text]).1,
        Some(2),
        "of which kind?"
    );
    let csv = ["buffer", "export", "--format", "csv", "--kind", "device", devices_text];
    assert_eq!(said(&site, &csv).1, Some(0));
    assert!(fs::read_to_string(&devices).unwrap().starts_with("mac,vlan,interface,"));

    assert_eq!(said(&site, &["buffer", "purge"]).1, Some(2), "of when?");
    assert_eq!(said(&site, &["buffer", "purge", "--before", "yesterday"]).1, Some(2));
    assert_eq!(
        said(&site, &["buffer", "purge", "--before", "2001-01-01T00:00:00Z"]).1,
        Some(1),
        "nothing is so old"
    );
    let (text, code) = said(&site, &["buffer", "purge", "--class", "bulk", "--all"]);
    assert!(text.starts_with("would delete ") && code == Some(1), "{text}");
    assert_eq!(kept(&site.ask(&["buffer", "stats"]).unwrap()), records);
    let (text, code) = said(&site, &["buffer", "purge", "--class", "bulk", "--all", "--yes"]);
    assert!(text.starts_with("deleted ") && code == Some(0), "{text}");
    let left = site.ask(&["buffer", "stats"]).unwrap();
    assert!(
        kept(&left) < records && left["classes"].as_array().unwrap().iter().all(|c| c["class"] != "bulk")
    );
    let (text, code) = said(&site, &["buffer", "compact"]);
    assert!(text.contains("KiB are given back") && code == Some(0), "{text}");
    assert_eq!(site.ask(&["buffer", "verify"]).unwrap()["whole"], true);
}

#[test]
fn a_ledger_is_verified_here_and_elsewhere_and_says_where_it_is_broken() {
    let (site, mut store) = filled();
    let (text, code) = said(&site, &["ledger", "verify"]);
    assert!(text.contains("signed by the store") && code == Some(0), "{text}");
    let (exported, key) = (site.path("ledger.jsonl"), site.path("ledger.pem"));
    let (exported_text, key_text) = (exported.to_str().unwrap(), key.to_str().unwrap());
    fs::write(&key, said(&site, &["ledger", "key"]).0).unwrap();
    assert_eq!(said(&site, &["ledger", "export", exported_text]).1, Some(0));
    assert!(store.terminate().success());

    // Without any store.
    let verify = ["ledger", "verify", "--key", key_text, exported_text];
    assert_eq!(said(&site, &verify).1, Some(0));
    assert!(said(&site, &["ledger", "verify", exported_text]).0.contains("Who wrote it was not verified"));
    let whole = fs::read_to_string(&exported).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let last = lines.len() - 1;
    let damaged = [
        (lines[..last].join("\n"), last),
        ([&lines[..1], &lines[2..]].concat().join("\n"), 1),
        (whole.replacen("\"event\":\"rules\"", "\"event\":\"rule\"", 1), 2),
    ];
    for (content, number) in damaged {
        fs::write(&exported, content).unwrap();
        let output = site.headgate(&verify);
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(&format!("the ledger is broken at entry {number}: ")), "{words}");
        assert_eq!(output.status.code(), Some(1));
    }
    fs::write(&exported, "no ledger\n").unwrap();
    let output = site.headgate(&verify);
    assert_eq!(output.status.code(), Some(65));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("ledger.jsonl:1: this is not what an exported ledger holds")
    );
    fs::write(&key, "no key").unwrap();
    assert_eq!(said(&site, &verify).1, Some(65));
}
