//! Pages of section 5, from the shipped configuration files and their schemas.
//!
//! A shipped file has every key with its default, and says in comments what each means; the schema adds what a value may be. So
//! a page is the file, set as a page, and cannot say anything else.

use std::io;

use clap_mangen::roff::{Roff, roman};
use serde_json::Value;

use crate::page::{self, Made};

/// A configuration file that has a page.
pub struct Format {
    /// The package that brings it.
    pub package: &'static str,
    /// Its name, which is the page's too.
    pub name: &'static str,
    /// The shipped file.
    pub text: &'static str,
    /// What its values may be, as JSON Schema; not every file has one.
    pub schema: Option<&'static str>,
    /// Where it lies, and what belongs to it.
    places: &'static [&'static str],
    also: &'static [&'static str],
}

/// All of them.
pub const FORMATS: &[Format] = &[
    Format {
        package: "headgate",
        name: "headgate.toml",
        text: include_str!("../../config/headgate.toml"),
        schema: Some(include_str!("../../config/headgate.schema.json")),
        places: &["/etc/headgate/headgate.toml", "/etc/headgate/headgate.toml.d/*.toml"],
        also: &["headgate(8)", "headgate-rules-check(8)", "rules.toml(5)"],
    },
    Format {
        package: "headgate",
        name: "rules.toml",
        text: include_str!("../../config/rules.toml"),
        schema: Some(include_str!("../../config/rules.schema.json")),
        places: &["/etc/headgate/rules.toml", "/etc/headgate/rules.toml.d/*.toml"],
        also: &["headgate(8)", "headgate-rules-check(8)", "headgate-rules-explain(8)", "headgate.toml(5)"],
    },
    Format {
        package: "headgate",
        name: "fingerprints.toml",
        text: include_str!("../../config/fingerprints.toml"),
        schema: None,
        places: &["/etc/headgate/fingerprints.toml", "/etc/headgate/fingerprints.toml.d/*.toml"],
        also: &["headgate(8)", "headgate-rules-check(8)", "rules.toml(5)"],
    },
    Format {
        package: "headgate-receiver",
        name: "receiver.toml",
        text: include_str!("../../config/receiver.toml"),
        schema: None,
        places: &["/etc/headgate-receiver/receiver.toml"],
        also: &["headgate-receiver(8)"],
    },
];

/// A piece of a configuration file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A comment that belongs to no key.
    Text(Vec<String>),
    /// An example within a comment.
    Example(Vec<String>),
    /// The head of a table: its name, and the comment before it.
    Table(String, Vec<String>),
    /// A key: its name, its default as written, whether it is commented out, and its comment.
    Key(String, String, bool, Vec<String>),
}

/// Reads a shipped file into its pieces. It ends at the first table of an array: what is there are contents, not keys.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut comment, mut example) = (Vec::new(), Vec::new());
    for line in text.lines().take_while(|line| !line.starts_with("[[")) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            pieces.push(Piece::Table(name.to_owned(), std::mem::take(&mut comment)));
        } else if line.is_empty() {
            flush(&mut pieces, &mut comment, &mut example);
        } else if !example.is_empty() || line.starts_with("# [[") {
            example.push(comment_text(line));
        } else if let Some((name, value)) = key(line) {
            let (value, behind) = value.split_once(" # ").unwrap_or((value, ""));
            if !behind.is_empty() {
                comment.push(behind.to_owned());
            }
            let out = line.starts_with('#');
            pieces.push(Piece::Key(
                name.to_owned(),
                value.trim().to_owned(),
                out,
                std::mem::take(&mut comment),
            ));
        } else {
            comment.push(comment_text(line));
        }
    }
    flush(&mut pieces, &mut comment, &mut example);
    pieces
}

fn flush(pieces: &mut Vec<Piece>, comment: &mut Vec<String>, example: &mut Vec<String>) {
    if !comment.is_empty() {
        pieces.push(Piece::Text(std::mem::take(comment)));
    }
    if !example.is_empty() {
        pieces.push(Piece::Example(std::mem::take(example)));
    }
}

fn comment_text(line: &str) -> String {
    let text = line.strip_prefix('#').unwrap_or(line);
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

/// A line `key = value`, commented out or not.
fn key(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix('#').map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest));
    let (name, value) = line.split_once(" = ")?;
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (is_name && !name.is_empty()).then_some((name, value))
}

/// Every page.
///
/// # Errors
/// A schema that is no JSON.
pub fn all() -> io::Result<Vec<Made>> {
    FORMATS.iter().map(one).collect()
}

fn one(format: &Format) -> io::Result<Made> {
    let schema: Value = format.schema.map(serde_json::from_str).transpose()?.unwrap_or(Value::Null);
    let mut roff = Roff::default();
    let title = format.name.to_uppercase();
    roff.control("TH", [title.as_str(), "5", "", page::SOURCE, page::MANUAL]);
    let mut pieces = pieces(format.text).into_iter().peekable();
    let about = match pieces.next_if(|piece| matches!(piece, Piece::Text(_))) {
        Some(Piece::Text(lines)) => lines,
        _ => Vec::new(),
    };
    let first = about.first().map(|line| line.trim_end_matches('.')).unwrap_or_default();
    let first = first.strip_prefix(format.name).map_or(first, |rest| rest.trim_start_matches([':', ' ']));
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{} - {first}", format.name))]);
    page::section(&mut roff, "SYNOPSIS", format.places);
    roff.control("SH", ["DESCRIPTION"]);
    prose(&mut roff, about.get(1..).unwrap_or_default());
    let mut table = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(lines) => prose(&mut roff, &lines),
            Piece::Example(lines) => page::verbatim(&mut roff, &lines),
            Piece::Table(name, lines) => {
                roff.control("SH", [format!("[{name}]").as_str()]);
                prose(&mut roff, &lines);
                table = name;
            }
            Piece::Key(name, value, out, lines) => {
                let declared = within(&schema, &table).and_then(|keys| keys.get(&name));
                let behind = if out { format!(" (for example {value})") } else { format!(" = {value}") };
                // A field's commented line shows its default, not an example.
                let behind = if table.contains('.') { format!(" = {value}") } else { behind };
                // One comment may stand for several keys in a row; the schema has a word for each.
                let said = if lines.is_empty() {
                    declared.map(description).unwrap_or_default()
                } else {
                    lines.join(" ")
                };
                let meaning = [sentence(&said), declared.map(values).unwrap_or_default()];
                page::term(&mut roff, &name, &behind, meaning.join(" ").trim());
            }
        }
    }
    arrays(&mut roff, &schema);
    page::section(&mut roff, "FILES", format.places);
    page::see_also(&mut roff, &format.also.iter().map(|page| (*page).to_owned()).collect::<Vec<_>>());
    let path = format!("usr/share/man/man5/{}.5", format.name);
    Ok(Made { package: format.package, path, content: roff.to_roff().into_bytes() })
}

/// The keys of tables that may come more than once, which a shipped file has only as an example.
fn arrays(roff: &mut Roff, schema: &Value) {
    let tables = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, table) in tables {
        let Some(keys) = table.pointer("/items/properties").and_then(Value::as_object) else { continue };
        roff.control("SH", [format!("[[{name}]]").as_str()]);
        roff.text([roman(description(table))]);
        for (key, what) in keys {
            page::term(roff, key, "", format!("{} {}", sentence(&description(what)), values(what)).trim());
        }
    }
}

/// The keys of a table, by its name with dots.
fn within<'a>(schema: &'a Value, table: &str) -> Option<&'a Value> {
    table.split('.').try_fold(schema.get("properties")?, |keys, name| keys.get(name)?.get("properties"))
}

fn description(what: &Value) -> String {
    what.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What a value may be, in words.
fn values(what: &Value) -> String {
    let list = what.get("items");
    let one = list.unwrap_or(what);
    let names = one.get("enum").and_then(Value::as_array);
    let said = if let Some(names) = names {
        let names: Vec<_> =
            names.iter().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)).collect();
        names.join(", ")
    } else {
        match (one.get("type").and_then(Value::as_str), one.get("minimum"), one.get("maximum")) {
            (Some("boolean"), ..) => "true or false".to_owned(),
            (Some("integer"), Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            _ => return String::new(),
        }
    };
    format!("{}: {said}.", if list.is_some() { "Each" } else { "Value" })
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// Comment lines as paragraphs; those that are indented as they are, since they are tables.
fn prose(roff: &mut Roff, lines: &[String]) {
    let is_table = |line: &String| line.starts_with("  ");
    for run in lines.chunk_by(|a, b| is_table(a) == is_table(b) && a.is_empty() == b.is_empty()) {
        match run.first() {
            Some(first) if is_table(first) => page::verbatim(roff, run),
            Some(first) if !first.is_empty() => {
                roff.control("PP", []);
                roff.text([roman(run.join("\n"))]);
            }
            _ => {}
        }
    }
}
