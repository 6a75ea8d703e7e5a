//! `headgate requests`: what whoever runs the receiver asks for, and the administrator's word about it.
//!
//! Allowing is doing: the command itself captures, writes or asks, into a file of the administrator's. Nothing of it leaves by itself.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use headgate_record::local::ControlRequest;
use headgate_record::request::RequestId;
use headgate_rules::Rules;
use headgate_sensor::{HeaderRules, MAX_CAPTURE_OCTETS, capture_headers};
use headgate_service::config;
use headgate_service::stop::Stop;
use serde_json::{Value, json};

use crate::args::RequestsCommand;
use crate::ask::Store;
use crate::error::CliError;
use crate::show;

/// Does what the command line says.
///
/// # Errors
/// [`CliError::Refused`] with what the store says; whatever the doing meets.
pub(crate) fn run(config: &Path, command: Option<&RequestsCommand>, as_json: bool) -> Result<(), CliError> {
    match command {
        None => list(&Store::connect(config)?.ask(&ControlRequest::Requests)?, as_json),
        Some(RequestsCommand::Refuse { id }) => {
            let refused = decide(&mut Store::connect(config)?, *id, false)?;
            if as_json { show::json(&refused) } else { show::line(&format!("{id} is refused")) }
        }
        Some(RequestsCommand::Allow { id, output, interface }) => {
            allow(config, *id, output, interface.as_deref(), as_json)
        }
    }
}

fn decide(store: &mut Store, id: RequestId, allow: bool) -> Result<Value, CliError> {
    store.ask(&ControlRequest::RequestDecide { id: id.to_string(), allow })
}

/// The file is made before anything is said: what cannot be done is not allowed.
fn allow(
    config: &Path,
    id: RequestId,
    output: &Path,
    interface: Option<&str>,
    as_json: bool,
) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(output);
    let mut file = file.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::Exists(output.to_path_buf()),
        _ => CliError::File { file: output.to_path_buf(), source },
    })?;
    let allowed = Store::connect(config).and_then(|mut store| decide(&mut store, id, true));
    let done = match &allowed {
        Ok(request) => carry_out(config, request, interface, &mut file),
        Err(_) => Ok(String::new()),
    };
    if allowed.is_err() || done.is_err() {
        // What was written until then is not what was asked for.
        let _ = std::fs::remove_file(output);
    }
    allowed?;
    // A capture lasts longer than the store waits for a word.
    let noted = ControlRequest::RequestDone { id: id.to_string(), done: done.is_ok() };
    let noted = Store::connect(config).and_then(|mut store| store.ask(&noted));
    let what = done?;
    noted?;
    let output = output.display();
    if as_json {
        return show::json(&json!({ "id": id.to_string(), "state": "done", "file": output.to_string() }));
    }
    show::line(&format!("{what}\n{output}: stays here until you hand it over or delete it"))
}

fn carry_out(
    config: &Path,
    request: &Value,
    interface: Option<&str>,
    file: &mut File,
) -> Result<String, CliError> {
    let content = request["content"].as_str().unwrap_or_default();
    match request["kind"].as_str() {
        Some("capture") => {
            capture(config, content, request["minutes"].as_u64().unwrap_or(0), interface, file)
        }
        Some("rules") => propose(config, content, file),
        Some("look") => {
            let figures = Store::connect(config)?.ask(&ControlRequest::Status)?;
            let text = serde_json::to_string_pretty(&figures).map_err(|e| CliError::Answer(e.to_string()))?;
            write(file, &text)?;
            Ok("figures of this appliance, as `headgate status --json` has them".into())
        }
        _ => Err(CliError::Refused("a request of this kind cannot be carried out by this program".into())),
    }
}

fn capture(
    config: &Path,
    selection: &str,
    minutes: u64,
    interface: Option<&str>,
    file: &File,
) -> Result<String, CliError> {
    let settings = config::load(config)?;
    let rules = HeaderRules::read(config, selection)?;
    let named: Vec<_> = settings.capture.interfaces.iter().map(config::InterfaceName::as_str).collect();
    let interface = match (interface, named.as_slice()) {
        (Some(interface), _) => interface,
        (None, [only]) => only,
        (None, _) => {
            let several = "the configuration does not name exactly one interface; say which: --interface";
            return Err(CliError::Refused(several.into()));
        }
    };
    let stop = Stop::install().map_err(|source| CliError::System { step: "watch signals", source })?;
    let mut out = BufWriter::new(file);
    let time = Duration::from_secs(minutes.saturating_mul(60));
    let done = capture_headers(&settings, &rules, interface, time, &|| stop.is_requested(), &mut out)?;
    drop(out);
    file.sync_all().map_err(written)?;
    let full = if done.is_full {
        format!("; the file is full, {} MiB", MAX_CAPTURE_OCTETS >> 20)
    } else {
        String::new()
    };
    Ok(format!("headers of {} frames on {interface}, {} left out{full}", done.frames, done.left_out))
}

/// The file is a drop-in that the administrator puts in place, or not. That it fits, and can only narrow, is looked at here.
fn propose(config: &Path, text: &str, file: &mut File) -> Result<String, CliError> {
    let table: toml::Table = toml::from_str(text)
        .map_err(|e| CliError::Refused(format!("the proposal is no rule file: {}", e.message())))?;
    if let Some(other) = table.keys().find(|key| !NARROWING.contains(&key.as_str())) {
        return Err(CliError::Refused(format!(
            "the proposal holds {other:?}, which could let more be collected or released than the rules here; only {} can be proposed",
            NARROWING.join(", ")
        )));
    }
    let path = config.with_file_name("rules.toml");
    let mut files: Vec<_> = config::read_with_drop_ins(&path)?
        .into_iter()
        .map(|(path, text)| (path.display().to_string(), text))
        .collect();
    files.push(("the proposal".into(), text.to_owned()));
    Rules::parse_with_lists(&files, &|name| config::read_list(&path, name))
        .map_err(headgate_sensor::SensorError::from)?;
    write(file, text)?;
    Ok(format!(
        "a proposal that fits behind the rules here. To follow it, put it last into {}.d/, then: headgate rules check",
        path.display()
    ))
}

fn write(file: &mut File, text: &str) -> Result<(), CliError> {
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(written)
}

fn written(source: std::io::Error) -> CliError {
    CliError::System { step: "write the file", source }
}

fn list(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        return show::json(answer);
    }
    let requests = answer["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() {
        return show::line("nothing was asked for");
    }
    let time = |value: &Value| {
        headgate_record::Value::Time(value.as_u64().unwrap_or(0).saturating_mul(1_000_000)).to_string()
    };
    let header = ["REQUEST", "KIND", "CAME", "UNTIL", "STATE", "WHY"].map(String::from).to_vec();
    let rows = requests.iter().map(|r| {
        let [id, kind, state, why] = [&r["id"], &r["kind"], &r["state"], &r["why"]].map(show::cell);
        vec![id, kind, time(&r["received_ms"]), time(&r["expires_ms"]), state, why]
    });
    show::table(header, rows.collect())?;
    for request in requests.iter().filter(|r| r["state"] == "waiting") {
        let id = show::cell(&request["id"]);
        let minutes = request["minutes"].as_u64().unwrap_or(0);
        let what =
            if minutes > 0 { format!("headers for {minutes} minutes") } else { show::cell(&request["kind"]) };
        show::line(&format!("\n{id}: {what}"))?;
        for line in request["content"].as_str().unwrap_or_default().lines() {
            show::line(&format!("    {line}"))?;
        }
        show::line(&format!(
            "    headgate requests allow {id} --output FILE, or: headgate requests refuse {id}"
        ))?;
    }
    Ok(())
}

/// Tables of a rule file that, behind others, can only let less be collected.
const NARROWING: [&str; 3] = ["exclude", "headers_only", "rule"];
