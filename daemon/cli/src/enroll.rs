//! `headgate enroll`: this appliance's keys, and what the receiver gives for them. All is done by the programs that own the keys.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;

use headgate_service::config;
use headgate_service::credential::{MASTER_KEY, REQUEST_KEY, UPLINK_KEY, UPLINK_REQUEST};

use crate::args::EnrollCommand;
use crate::error::CliError;
use crate::programs::{Programs, exit_code, not_started};
use crate::show;

/// Makes the keys that are missing; what is already there stays. Then, as the command line says: asks the receiver with a token, copies
/// the request for somebody to carry, takes the answer that came back, or says what to do next.
///
/// # Errors
/// [`CliError::Ended`] where a program failed and has said why.
pub(crate) fn run(
    config_file: &Path,
    token: Option<&Path>,
    command: Option<&EnrollCommand>,
) -> Result<(), CliError> {
    let settings = config::load(config_file)?;
    let programs = Programs::find()?;
    let directory = &settings.credentials.directory;
    if !directory.join(MASTER_KEY).exists() {
        programs.run("headgate-store", &["init", "--config"], Some(config_file))?;
    }
    if let Some(token) = token {
        ask(&programs, config_file, &["enroll", "--token"], token)?;
        return next(config_file);
    }
    if let Some(EnrollCommand::Accept { file }) = command {
        ask(&programs, config_file, &["accept"], file)?;
        return next(config_file);
    }
    if !directory.join(UPLINK_KEY).exists() && !directory.join(REQUEST_KEY).exists() {
        programs.run("headgate-uplink", &["request", "--config"], Some(config_file))?;
    }
    let request = directory.join(UPLINK_REQUEST);
    if let Some(EnrollCommand::Request { file }) = command {
        copy(&request, file)?;
        let file = file.display();
        return show::line(&format!(
            "{file}: the request of this appliance. Next:\n\
             1. Carry it to whoever runs the receiver; the keys stay here: headgate-receiver sign DIR {file} -o ANSWER.pem\n\
             2. Carry the answer back: headgate enroll accept ANSWER.pem"
        ));
    }
    let directory = directory.display();
    show::line(&format!(
        "Keys are in {directory}. Next:\n\
         1. With a token of whoever runs the receiver: headgate enroll --token FILE\n\
            Or without a network: give {directory}/{UPLINK_REQUEST} to whoever runs the receiver; the keys stay here. What comes back:\n\
            headgate enroll accept ANSWER.pem\n\
         2. Under [uplink] in {} name the receiver, or set bundles = true for carried media; then: systemctl restart headgate",
        config_file.display(),
    ))
}

fn next(config_file: &Path) -> Result<(), CliError> {
    show::line(&format!(
        "Next: under [uplink] in {} name the receiver, or set bundles = true for carried media; then: systemctl restart headgate",
        config_file.display(),
    ))
}

/// Has the uplink's program do it: it has the keys and the TLS. A token may come by our standard input, which is its.
fn ask(programs: &Programs, config: &Path, arguments: &[&str], file: &Path) -> Result<(), CliError> {
    let mut command = programs.command("headgate-uplink");
    command.args(arguments).arg(file).arg("--config").arg(config).stdin(Stdio::inherit());
    let status = command.status().map_err(|source| not_started(&command, source))?;
    if status.success() { Ok(()) } else { Err(CliError::Ended(exit_code(status))) }
}

/// Copies the request, which is public, into a new file.
fn copy(request: &Path, file: &Path) -> Result<(), CliError> {
    let failed = |at: &Path| {
        let file = at.to_path_buf();
        move |source| CliError::File { file, source }
    };
    let mut content = Vec::new();
    File::open(request)
        .and_then(|open| open.take(MAX_REQUEST).read_to_end(&mut content))
        .map_err(failed(request))?;
    let mut made =
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(file).map_err(failed(file))?;
    made.write_all(&content).and_then(|()| made.sync_all()).map_err(failed(file))
}

/// Largest request, octets.
const MAX_REQUEST: u64 = 64 << 10;
