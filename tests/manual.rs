//! The manual pages and completions that the packages bring: every subcommand and option, and every key of a configuration file, is
//! in them, in what the program says itself, and in the schema and the shipped file; and nothing else is.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../packaging/manual/commands.rs"]
mod commands;
#[path = "../packaging/manual/files.rs"]
mod files;
#[path = "../packaging/manual/page.rs"]
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command as Process;

use clap::Command;
use files::Piece;
use serde_json::Value;

fn program(name: &str) -> &'static str {
    match name {
        "headgate" => env!("CARGO_BIN_EXE_headgate"),
        "headgate-sensor" => env!("CARGO_BIN_EXE_headgate-sensor"),
        "headgate-store" => env!("CARGO_BIN_EXE_headgate-store"),
        "headgate-uplink" => env!("CARGO_BIN_EXE_headgate-uplink"),
        "headgate-receiver" => env!("CARGO_BIN_EXE_headgate-receiver"),
        other => panic!("{other} is no program"),
    }
}

/// What roff escapes, as it was.
fn plain(page: &[u8]) -> String {
    String::from_utf8(page.to_vec()).unwrap().replace("\\-", "-").replace("\\*(Aq", "'").replace("\\&", "")
}

fn made() -> BTreeMap<String, String> {
    let all = commands::all().unwrap().into_iter().chain(files::all().unwrap());
    let all = all.inspect(|made| assert!(["headgate", "headgate-receiver"].contains(&made.package)));
    all.map(|made| (made.path, plain(&made.content))).collect()
}

/// Every command below `command` that is not hidden, itself too, with the words that call it.
fn tree(command: &Command, words: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    found.push((words.to_vec(), command.clone()));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        let words: Vec<String> = words.iter().cloned().chain([below.get_name().to_owned()]).collect();
        tree(below, &words, found);
    }
}

#[test]
fn every_subcommand_and_option_is_in_manual_completions_and_help() {
    let made = made();
    let mut pages: BTreeSet<&String> = made.keys().filter(|path| path.contains("/man8/")).collect();
    for (_, mut command, _) in commands::programs() {
        command.build();
        let name = command.get_name().to_owned();
        let completions: Vec<&String> = [
            format!("usr/share/bash-completion/completions/{name}"),
            format!("usr/share/zsh/vendor-completions/_{name}"),
            format!("usr/share/fish/vendor_completions.d/{name}.fish"),
        ]
        .iter()
        .map(|path| &made[path])
        .collect();
        let mut found = Vec::new();
        tree(&command, std::slice::from_ref(&name), &mut found);
        for (words, command) in found {
            let path = format!("usr/share/man/man8/{}.8", words.join("-"));
            let page = made.get(&path).unwrap_or_else(|| panic!("no page {path}"));
            pages.remove(&path);
            let help = Process::new(program(&name)).args(&words[1..]).arg("--help").output().unwrap();
            assert!(help.status.success(), "{words:?} --help");
            let help = String::from_utf8(help.stdout).unwrap();
            for below in command.get_subcommands().filter(|b| !b.is_hide_set() && b.get_name() != "help") {
                let below = below.get_name();
                assert!(page.contains(&format!("{}-{below}(8)", words.join("-"))), "{path} names {below}");
                assert!(
                    help.lines().any(|l| l.split_whitespace().next() == Some(below)),
                    "{words:?} --help: {below}"
                );
                for completion in &completions {
                    assert!(completion.contains(below), "{words:?} {below} in completions");
                }
            }
            for option in command.get_opts().filter_map(|argument| argument.get_long()) {
                let option = format!("--{option}");
                assert!(page.contains(&option), "{path} names {option}");
                assert!(help.contains(&option), "{words:?} --help: {option}");
                for completion in &completions {
                    let bare = option.trim_start_matches('-');
                    assert!(completion.contains(bare), "{words:?} {option} in completions");
                }
            }
            let about =
                command.get_about().unwrap_or_else(|| panic!("{words:?} says what it does")).to_string();
            assert!(
                page.contains(&about) && help.contains(about.trim_end_matches('.')),
                "{words:?}: {about}"
            );
        }
    }
    assert_eq!(pages, BTreeSet::new(), "pages of commands that there are not, or that are hidden");
}

/// The keys of a schema with their tables, but for those of arrays of tables; these apart.
fn keys_of(schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    fn below(table: &Value, name: &str, keys: &mut BTreeSet<String>, arrays: &mut BTreeSet<String>) {
        for (key, what) in table["properties"].as_object().unwrap() {
            let path = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            if what["properties"].is_object() {
                below(what, &path, keys, arrays);
            } else if let Some(of) = what.pointer("/items/properties").and_then(Value::as_object) {
                arrays.extend(of.keys().map(|key| format!("{path}.{key}")));
            } else {
                keys.insert(path);
            }
        }
    }
    let (mut keys, mut arrays) = (BTreeSet::new(), BTreeSet::new());
    below(schema, "", &mut keys, &mut arrays);
    (keys, arrays)
}

fn keys_in(text: &str) -> BTreeSet<String> {
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for piece in files::pieces(text) {
        match piece {
            Piece::Table(name, _) => table = name,
            Piece::Key(name, ..) => {
                assert!(keys.insert(format!("{table}.{name}")), "{table}.{name} is there once");
            }
            Piece::Text(_) | Piece::Example(_) => {}
        }
    }
    keys
}

/// Checks that a page has each of the keys under its table, with a value behind it where it is no array's.
fn page_has(page: &str, keys: &BTreeSet<String>) {
    for key in keys {
        let (table, name) = key.rsplit_once('.').unwrap();
        let heads = [format!(".SH [{table}]"), format!(".SH [[{table}]]")];
        let section = page.split(".SH ").map(|s| format!(".SH {s}"));
        let mut section =
            section.filter(|s| heads.iter().any(|h| s.lines().next().unwrap().replace('"', "") == *h));
        let section = section.next().unwrap_or_else(|| panic!("no section for [{table}]"));
        let term = format!("\\fB{name}\\fR");
        assert!(section.lines().any(|line| line.starts_with(&term)), "{key} in its section:\n{section}");
    }
}

#[test]
fn every_key_is_in_the_page_the_schema_and_the_shipped_file() {
    let made = made();
    let mut with_schema = 0;
    for format in files::FORMATS {
        let page = &made[&format!("usr/share/man/man5/{}.5", format.name)];
        let shipped = keys_in(format.text);
        page_has(page, &shipped);
        let Some(schema) = format.schema else { continue };
        with_schema += 1;
        let (keys, arrays) = keys_of(&serde_json::from_str(schema).unwrap());
        assert_eq!(shipped, keys, "{}: the shipped file and its schema", format.name);
        page_has(page, &arrays);
        // A table of an array is in the file as a comment that says its keys, and an example.
        let comments: Vec<&str> = format.text.lines().filter(|line| line.starts_with('#')).collect();
        for key in &arrays {
            let (table, name) = key.rsplit_once('.').unwrap();
            assert!(comments.contains(&format!("# [[{table}]]").as_str()), "an example of [[{table}]]");
            let said = |line: &&str| {
                line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
            };
            assert!(comments.iter().any(said), "{}: {key}", format.name);
        }
    }
    assert_eq!(with_schema, 2);
    // A reader that found nothing would agree with everything.
    assert!(keys_in(files::FORMATS[0].text).contains("uplink.receiver"), "a key that is commented out");
    assert!(keys_in(files::FORMATS[1].text).contains("release.device.mac"));
    assert!(keys_in(files::FORMATS[3].text).contains("server.region"));
}

/// A key in a shipped file of which the program knows nothing would be documented all the same.
#[test]
fn the_programs_take_the_shipped_files() {
    for format in files::FORMATS {
        let table: toml::Table = format.text.parse().unwrap_or_else(|e| panic!("{}: {e}", format.name));
        assert!(!table.is_empty(), "{}", format.name);
    }
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config/headgate.toml");
    let check =
        Process::new(program("headgate")).args(["rules", "check", "--config", config]).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
