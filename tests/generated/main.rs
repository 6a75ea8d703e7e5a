//! Frames that another generator in another language made are read as it made them.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Frames of each shape.
const COUNT: usize = 40;
/// Values by chance that repeat: a failure names its seed.
const SEEDS: [u32; 2] = [1, 2];

#[test]
fn what_was_written_is_what_is_read() {
    let directory = tempfile::tempdir().unwrap();
    for seed in SEEDS {
        let capture = directory.path().join(format!("{seed}.pcap"));
        let facts = generate(seed, &capture);
        let frames = dissect(&capture);
        assert_eq!(frames.len(), facts.len());
        assert!(facts.len() >= 10 * COUNT);
        for (frame, written) in frames.iter().zip(&facts) {
            let at = format!("seed {seed}, frame {}, {}", frame["number"], written[0]);
            assert_eq!(frame.get("malformed"), None, "{at}: {frame}");
            for fact in written[1].as_array().unwrap() {
                let (layer, field) = (fact[0].as_str().unwrap(), fact[1].as_str().unwrap());
                let read = values(frame, layer, field);
                assert!(read.contains(&fact[2]), "{at}: {layer}.{field} is {read:?}, not {}", fact[2]);
            }
        }
    }
}

/// Of what is within tunnels of frames that are no Ethernet, tshark finds the same stations and ends. It has to be told
/// how Frame Control is written.
#[test]
fn tshark_finds_the_same_within_tunnels() {
    const FIELDS: [(&str, &str); 6] = [
        ("ieee80211.source", "wlan.sa"),
        ("ieee80211.destination", "wlan.da"),
        ("ipv4.source", "ip.src"),
        ("ipv6.source", "ipv6.src"),
        ("udp.source", "udp.srcport"),
        ("udp.destination", "udp.dstport"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("1.pcap");
    let facts = generate(SEEDS[0], &capture);
    let mut compared = 0;
    for (preference, shapes) in [("FALSE", &["capwap", "tzsp", "pptp"][..]), ("TRUE", &["swapped"])] {
        let mut tshark = Command::new("tshark");
        tshark.args([
            "-n",
            "-o",
            &format!("capwap.swap_fc:{preference}"),
            "-T",
            "fields",
            "-E",
            "occurrence=l",
            "-r",
        ]);
        tshark.arg(&capture).args(FIELDS.iter().flat_map(|(_, field)| ["-e", *field]));
        let output = tshark.output().expect("tshark (package tshark)");
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(found.lines().count(), facts.len());
        for (line, written) in
            found.lines().zip(&facts).filter(|(_, written)| shapes.contains(&written[0].as_str().unwrap()))
        {
            for ((name, field), found) in FIELDS.iter().zip(line.split('\t')) {
                let is_it = |fact: &&Value| {
                    *name == format!("{}.{}", fact[0].as_str().unwrap(), fact[1].as_str().unwrap())
                };
                let Some(fact) = written[1].as_array().unwrap().iter().find(is_it) else { continue };
                assert_eq!(found, fact[2].to_string().trim_matches('"'), "{field} of {written}");
                compared += 1;
            }
        }
    }
    // Three shapes of five fields, and one of one.
    assert_eq!(compared, COUNT * (3 * 5 + 1));
}

/// Writes the capture, and returns what must be found in each frame.
fn generate(seed: u32, capture: &Path) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated/frames.py");
    // Debian's own: the package is installed for it.
    let output = Command::new("/usr/bin/python3")
        .arg(script)
        .args([seed.to_string(), COUNT.to_string()])
        .arg(capture)
        .output()
        .expect("/usr/bin/python3 (package python3)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "is the package python3-scapy installed? {said}");
    lines(&output.stdout)
}

fn dissect(capture: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_headgate"))
        .args(["dissect", "--json"])
        .arg(capture)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&output.stdout)
}

fn lines(text: &[u8]) -> Vec<Value> {
    std::str::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The values of a field in all layers of a name; of a code point its number.
fn values(frame: &Value, layer: &str, field: &str) -> Vec<Value> {
    let layers = frame["layers"].as_array().unwrap().iter().filter(|found| found["layer"] == layer);
    let found = layers.map(|found| field.split('.').fold(found, |value, name| &value[name]));
    found.map(|value| value.get("code").unwrap_or(value).clone()).collect()
}
