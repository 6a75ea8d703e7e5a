//! `headgate dissect`: capture files frame by frame, as the readers see them.

use std::fmt::Write;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headgate_sensor::Dissection;
use serde_json::Value;

use crate::error::CliError;
use crate::replay::settings;
use crate::show;

/// Prints every frame of the files: as one JSON object on a line, or as a line for the frame and one for
/// each layer. A file that is damaged gives all that comes before the damage; then the next file is read, and
/// the damage decides the exit code.
pub(crate) fn dissect(config_file: &Path, files: &[PathBuf], as_json: bool) -> Result<(), CliError> {
    let (_, rules) = settings(config_file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut result = Ok(());
    for file in files {
        let mut printed = Ok(());
        let read = headgate_sensor::dissect(&rules, file, |frame| {
            printed = if as_json { json(&mut out, frame) } else { text(&mut out, frame) };
            if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        printed?;
        if let Err(error) = read {
            out.flush()?;
            show::problem(&headgate_service::exit::chain(&error));
            result = Err(CliError::Said(Box::new(error)));
        }
    }
    out.flush()?;
    result
}

fn json(out: &mut impl io::Write, frame: &Dissection<'_>) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, frame).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

fn text(out: &mut impl io::Write, frame: &Dissection<'_>) -> Result<(), CliError> {
    let value = serde_json::to_value(frame).map_err(io::Error::from)?;
    let mut text = format!("{}", frame.number);
    for part in [frame.time.as_deref(), Some(frame.interface)].into_iter().flatten() {
        let _ = write!(text, " {part}");
    }
    let _ = match frame.link {
        Some(link) => write!(text, " {link}"),
        None => write!(text, " link type {} is not read", frame.link_type),
    };
    let _ = write!(text, ", {} octets", frame.wire_length);
    if frame.captured_length != frame.wire_length {
        let _ = write!(text, ", {} captured", frame.captured_length);
    }
    let _ = match (frame.kept_length, frame.excluded) {
        (_, Some(reason)) => write!(text, ", excluded by {reason}"),
        (Some(kept), None) => write!(text, ", {kept} kept"),
        (None, None) => Ok(()),
    };
    if let Some(malformed) = frame.malformed {
        let _ = write!(text, ", {malformed}");
    }
    text.push('\n');
    for layer in value.get("layers").and_then(Value::as_array).into_iter().flatten() {
        let name = layer.get("layer").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(text, "  {name}");
        for (field, value) in layer.as_object().into_iter().flatten().filter(|(field, _)| *field != "layer") {
            let _ = write!(text, " {field}=");
            show_value(&mut text, value);
        }
        text.push('\n');
    }
    Ok(out.write_all(text.as_bytes())?)
}

/// A value as people write it: a code point as its name and number, an object as its fields in braces.
fn show_value(text: &mut String, value: &Value) {
    match value {
        Value::String(s) if s.is_empty() || s.contains(' ') => {
            let _ = write!(text, "{value}");
        }
        Value::String(s) => text.push_str(s),
        Value::Array(list) => {
            text.push('[');
            for (at, item) in list.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                show_value(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => match (fields.get("name"), fields.get("code"), fields.len()) {
            (Some(Value::String(name)), Some(code), 2) => {
                let _ = write!(text, "{name}({code})");
            }
            _ => {
                text.push('{');
                for (at, (field, value)) in fields.iter().enumerate() {
                    let _ = write!(text, "{}{field}=", if at > 0 { " " } else { "" });
                    show_value(text, value);
                }
                text.push('}');
            }
        },
        other => {
            let _ = write!(text, "{other}");
        }
    }
}
