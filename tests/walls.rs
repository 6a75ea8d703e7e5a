//! Who may import whom: the table of docs/architecture.md, over the manifests.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// A crate, and the crates of ours that it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("record", &[]),
    ("service", &[]),
    ("rules", &["wire", "record"]),
    ("capture", &[]),
    ("sensor", &["capture", "wire", "rules", "record", "service"]),
    ("store", &["record", "rules", "service"]),
    ("uplink", &["record", "service"]),
    ("receiver", &["record", "service"]),
    ("cli", &["sensor", "rules", "record", "service"]),
];

/// A library, and the only crates that may import it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["store", "receiver"]),
    ("aes-gcm", &["receiver", "store"]),
    ("hpke", &["store", "uplink", "receiver"]),
    ("rustls", &["uplink", "receiver"]),
    ("tokio-rustls", &["uplink", "receiver"]),
    ("hyper", &["uplink", "receiver"]),
    ("async-nats", &["receiver"]),
    ("nom", &["wire"]),
    ("pcap-parser", &["capture"]),
    ("landlock", &["sensor"]),
    ("seccompiler", &["sensor"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).exec().unwrap()
}

fn imports(package: &Package) -> BTreeSet<String> {
    let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
    normal.map(|d| d.name.clone()).collect()
}

fn short(name: &str) -> &str {
    name.strip_prefix("headgate-").unwrap_or(name)
}

#[test]
fn arrows_run_one_way() {
    let metadata = metadata();
    let members = metadata.workspace_packages();
    let crates: BTreeSet<&str> =
        members.iter().map(|p| short(&p.name)).filter(|n| *n != "headgate").collect();
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    assert_eq!(crates, known, "the table names every crate and no other");
    for package in members.iter().filter(|p| *p.name != "headgate") {
        let (_, allowed) = MAY_IMPORT.iter().find(|(name, _)| *name == short(&package.name)).unwrap();
        for import in imports(package).iter().filter(|i| i.starts_with("headgate-")) {
            assert!(allowed.contains(&short(import)), "{} imports {import}", package.name);
        }
    }
}

#[test]
fn what_a_wall_guards_is_on_one_side_of_it() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        for (library, allowed) in ONLY_IN {
            let does = imports(package).contains(*library);
            assert!(!does || allowed.contains(&short(&package.name)), "{} imports {library}", package.name);
        }
    }
}

/// The sensor's whole tree, not only its manifest: no TLS and no database can be linked into it.
#[test]
fn nothing_below_the_sensor_speaks_tls_or_opens_a_database() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().unwrap();
    let name = |id: &cargo_metadata::PackageId| metadata[id].name.to_string();
    let sensor = resolve.nodes.iter().find(|n| name(&n.id) == "headgate-sensor").unwrap();
    let mut seen = BTreeSet::new();
    let mut next = vec![sensor.id.clone()];
    while let Some(id) = next.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node = resolve.nodes.iter().find(|n| n.id == id).unwrap();
        let normal =
            node.deps.iter().filter(|d| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal));
        next.extend(normal.map(|d| d.pkg.clone()));
    }
    let names: BTreeSet<String> = seen.iter().map(name).collect();
    for library in ["rustls", "aws-lc-rs", "rusqlite", "libsqlite3-sys", "hyper", "tokio"] {
        assert!(!names.contains(library), "{library} is below the sensor");
    }
}

/// Unsafe code has one home.
#[test]
fn unsafe_code_stands_in_one_file() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![root.join("daemon"), root.join("tests")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                // What a test keeps for its next run is not ours.
                if entry.file_name().to_string_lossy().starts_with('.') {
                    continue;
                }
                directories.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("capture/src/sys.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
                let found = text
                    .lines()
                    .map(code)
                    .any(|line| ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|u| line.contains(u)));
                assert!(!found || path.ends_with("tests/walls.rs"), "{}", path.display());
            }
        }
    }
}
