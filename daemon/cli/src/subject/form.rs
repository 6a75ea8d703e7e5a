//! The three forms of an export, each written record by record.

use std::collections::BTreeSet;
use std::io::Write;

use headgate_record::Field;
use serde_json::Value;

use super::{Format, finish, time_text};
use crate::error::CliError;
use crate::show::cell;

/// One form, being written.
pub(crate) struct Form<'a> {
    format: Format,
    out: Box<dyn Write + 'a>,
    fields: BTreeSet<&'static str>,
}

impl<'a> Form<'a> {
    /// A form that is written to `out`.
    pub(crate) fn new(format: Format, out: Box<dyn Write + 'a>) -> Form<'a> {
        Form { format, out, fields: BTreeSet::new() }
    }

    /// Writes what comes before the records: who it is.
    pub(crate) fn begin(&mut self, subject: &Value) -> Result<(), CliError> {
        match self.format {
            Format::Json => write!(self.out, "{{\n\"subject\": {subject},\n\"records\": [")?,
            Format::Csv => {
                self.out.write_all(b"record,kind,field,unit,value\r\n")?;
                for name in IDENTIFIERS {
                    for value in subject[name].as_array().into_iter().flatten() {
                        self.csv(["", "subject", name, "", &cell(value)])?;
                    }
                }
                for correction in subject["corrections"].as_array().into_iter().flatten() {
                    let (field, value) = (cell(&correction["field"]), cell(&correction["value"]));
                    let at = time_text(&correction["at_ms"]);
                    self.csv(["", "correction", &field, "", &format!("{value} (set right at {at})")])?;
                }
            }
            Format::Html => self.page_head(subject)?,
        }
        Ok(())
    }

    /// Writes a record.
    pub(crate) fn record(&mut self, number: u64, record: &Value) -> Result<(), CliError> {
        let kind = cell(&record["kind"]);
        match self.format {
            Format::Json => {
                let comma = if number > 1 { "," } else { "" };
                write!(self.out, "{comma}\n{record}")?;
            }
            Format::Csv => {
                for (name, value) in values(record) {
                    let unit = definition(&kind, name).map_or("", |row| row.unit);
                    self.csv([&number.to_string(), &kind, name, unit, &cell(value)])?;
                }
            }
            Format::Html => {
                write!(self.out, "<tr><td>{number}</td><td>{}</td><td>", escaped(&kind))?;
                for (name, value) in values(record) {
                    self.fields.extend(definition(&kind, name).map(|row| row.name));
                    let (name, value) = (escaped(name), escaped(&cell(value)));
                    write!(self.out, "<span>{name}</span> {value}<br>")?;
                }
                writeln!(self.out, "</td></tr>")?;
            }
        }
        Ok(())
    }

    /// Writes what comes behind the records.
    pub(crate) fn end(mut self) -> Result<(), CliError> {
        match self.format {
            Format::Json => writeln!(self.out, "\n]\n}}")?,
            Format::Csv => {}
            Format::Html => self.page_foot()?,
        }
        finish(self.out)
    }

    fn page_head(&mut self, subject: &Value) -> Result<(), CliError> {
        self.out.write_all(HEAD.as_bytes())?;
        let whom = escaped(&cell(&subject["macs"]));
        write!(self.out, "<h1>What Headgate keeps about {whom}</h1>\n<table>\n")?;
        for name in IDENTIFIERS {
            writeln!(self.out, "<tr><th>{name}</th><td>{}</td></tr>", escaped(&cell(&subject[name])))?;
        }
        writeln!(self.out, "</table>")?;
        for correction in subject["corrections"].as_array().into_iter().flatten() {
            let text = format!(
                "{} was set right to {} at {}.",
                cell(&correction["field"]),
                cell(&correction["value"]),
                time_text(&correction["at_ms"])
            );
            writeln!(self.out, "<p>{}</p>", escaped(&text))?;
        }
        writeln!(
            self.out,
            "<h2>Records</h2>\n<table>\n<tr><th>No.</th><th>Kind</th><th>What it says</th></tr>"
        )?;
        Ok(())
    }

    fn page_foot(&mut self) -> Result<(), CliError> {
        writeln!(self.out, "</table>\n<h2>What the words mean</h2>\n<table>")?;
        for name in std::mem::take(&mut self.fields) {
            let Some(field) = Field::from_name(name) else { continue };
            let row = field.definition();
            let unit = if row.unit.is_empty() { String::new() } else { format!(", in {}", row.unit) };
            let meaning = escaped(&format!("{}{unit}", row.source));
            writeln!(self.out, "<tr><th>{}</th><td>{meaning}</td></tr>", escaped(name))?;
        }
        writeln!(self.out, "</table>\n</body>\n</html>")?;
        Ok(())
    }

    /// A line of CSV (RFC 4180). A value that a spreadsheet would take for a formula is led by an apostrophe; in JSON it
    /// stands as it is.
    fn csv(&mut self, cells: [&str; 5]) -> Result<(), CliError> {
        let quoted = cells.map(|cell| {
            let lead = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
            let cell = format!("{lead}{cell}");
            let plain = !cell.contains([',', '"', '\r', '\n']);
            if plain { cell } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
        });
        Ok(write!(self.out, "{}\r\n", quoted.join(","))?)
    }
}

fn values(record: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = record.as_object().into_iter().flatten();
    fields.filter(|(name, _)| *name != "kind").map(|(name, value)| (name.as_str(), value))
}

fn definition(kind: &str, name: &str) -> Option<&'static headgate_record::dictionary::Definition> {
    Field::from_name(&format!("{kind}.{name}")).map(Field::definition)
}

/// Text within HTML: what has a meaning there, and control characters, which have none.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// What a subject is found by, as the store's answer names it.
const IDENTIFIERS: [&str; 4] = ["macs", "addresses", "names", "users"];
/// It loads nothing from anywhere and runs nothing.
const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<title>What Headgate keeps about one person</title>
<style>
body { font: 15px/1.45 sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ddd; padding: .3em .8em .3em 0; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { font-weight: 600 }
span { color: #666 }
</style>
</head>
<body>
";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: Format) -> String {
        let mut octets = Vec::new();
        let mut form = Form::new(format, Box::new(&mut octets));
        form.begin(&json!({
            "macs": ["00:1b:21:00:00:01"], "addresses": [], "names": ["<b>=x\"</b>"], "users": [],
            "corrections": [{ "at_ms": 0, "field": "lease.hostname", "value": "a" }],
        }))
        .unwrap();
        form.record(1, &json!({ "kind": "lease", "hostname": "=cmd|' /C calc'!A0", "duration": 60 }))
            .unwrap();
        form.record(2, &json!({ "kind": "lease", "hostname": "<script>alert(1)</script>\n" })).unwrap();
        form.end().unwrap();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn json_is_what_was_said() {
        let read: Value = serde_json::from_str(&written(Format::Json)).unwrap();
        assert_eq!(read["records"].as_array().unwrap().len(), 2);
        assert_eq!(read["records"][0]["hostname"], "=cmd|' /C calc'!A0");
    }

    #[test]
    fn a_name_is_no_formula_in_a_spreadsheet() {
        let text = written(Format::Csv);
        assert!(text.contains("1,lease,hostname,,'=cmd|' /C calc'!A0\r\n"), "{text}");
        assert!(text.contains("1,lease,duration,s,60\r\n"), "{text}");
        assert!(text.contains("2,lease,hostname,,\"<script>alert(1)</script>\n\"\r\n"), "{text}");
        assert!(text.contains(",correction,lease.hostname,,a (set right at 1970"), "{text}");
    }

    #[test]
    fn a_name_is_no_script_on_a_page() {
        let text = written(Format::Html);
        assert!(!text.contains("<script") && !text.contains("<b>"), "{text}");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}"), "{text}");
        assert!(text.contains("<th>lease.duration</th><td>option 51"), "{text}");
    }
}
