//! What the documents tell somebody to type is taken by the programs: every command line of ours in them, and every page that they
//! point to.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, dead_code)]

#[path = "../packaging/manual/commands.rs"]
mod commands;
#[path = "../packaging/manual/page.rs"]
mod page;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::error::ErrorKind;

/// The README and the documents, without the records of decisions and of changes, which speak of how things were.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages =
        docs.filter(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("CHANGELOG.md"));
    let pages = pages.chain([root.join("README.md")]);
    let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).unwrap());
    pages.map(read).collect()
}

/// A line of shell up to its first operator or comment, in words; quotes hold them together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let line = line.strip_prefix("$ ").unwrap_or(line);
    for c in line.trim().chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => (quote, word) = (Some(c), Some(word.unwrap_or_default())),
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | '<' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The command lines of a document: those of fenced shell and of indented lines whole, those in the running text, which may be names.
fn lines(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut whole, mut named) = (Vec::new(), Vec::new());
    let mut fence = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim()) };
        } else if fence == Some("sh") || (fence.is_none() && line.starts_with("    ")) {
            whole.push(line.trim());
        } else if fence.is_none() {
            named.extend(line.split('`').skip(1).step_by(2));
        }
    }
    (whole, named)
}

/// Without what stands in brackets, as in a synopsis.
fn without_options(line: &str) -> String {
    let mut depth = 0_u32;
    let outside = line.chars().filter(|c| {
        depth += u32::from(*c == '[');
        let is_outside = depth == 0;
        depth -= u32::from(*c == ']' && depth > 0);
        is_outside
    });
    outside.collect()
}

/// The arguments of ours in these words, behind `sudo`.
fn ours<'a>(words: &[String], programs: &'a BTreeMap<String, Command>) -> Option<(&'a Command, Vec<String>)> {
    let at = usize::from(words.first().is_some_and(|word| word == "sudo"));
    let program = programs.get(words.get(at)?)?;
    Some((program, words[at..].to_vec()))
}

#[test]
fn every_command_line_in_the_documents_is_one() {
    let programs: BTreeMap<String, Command> = commands::programs()
        .into_iter()
        .map(|(_, command, _)| (command.get_name().to_owned(), command))
        .collect();
    let (mut typed, mut wrong) = (0, Vec::new());
    for (path, text) in documents() {
        let (whole, named) = lines(&text);
        for (line, is_whole) in
            whole.into_iter().map(|l| (l, true)).chain(named.into_iter().map(|l| (l, false)))
        {
            let Some((program, arguments)) = ours(&words(&without_options(line)), &programs) else {
                continue;
            };
            typed += 1;
            let Err(error) = program.clone().try_get_matches_from(&arguments) else { continue };
            let is_fine = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
                // In the running text a command is named without what belongs to it, or with a word in place of a value.
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => !is_whole,
                ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                    let is_named = |word: &String| word.chars().all(|c| c.is_ascii_uppercase());
                    !is_whole
                        && (arguments.iter().any(is_named) || arguments.last().unwrap().starts_with("--"))
                }
                _ => false,
            };
            if !is_fine {
                wrong.push(format!("{}: {line}: {error}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(typed > 150, "only {typed} command lines were found");
}

/// The name that a heading has in a link.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || "- ".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let (mut followed, mut wrong) = (0, Vec::new());
    for (path, text) in documents() {
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            followed += 1;
            let (file, part) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let Ok(page) = fs::read_to_string(&file) else {
                if !file.is_dir() {
                    wrong.push(format!("{}: {target}", path.display()));
                }
                continue;
            };
            let leads = page
                .lines()
                .filter(|l| l.starts_with('#'))
                .any(|l| anchor(l.trim_start_matches('#')) == part);
            if !part.is_empty() && !leads {
                wrong.push(format!("{}: {target}: no such heading", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(followed > 20, "only {followed} links were found");
}

#[test]
fn the_documents_that_people_are_sent_to_are_packed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packed = fs::read_to_string(root.join("debian/headgate.docs")).unwrap();
    for (path, _) in documents() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let for_developers = ["README.md", "CONTRIBUTING.md", "dependencies.md"].contains(&name);
        assert_ne!(packed.lines().any(|line| line == format!("docs/{name}")), for_developers, "{name}");
    }
}
