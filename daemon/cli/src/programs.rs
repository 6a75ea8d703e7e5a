//! The other programs of Headgate: they lie beside this one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use headgate_rules::{Places, Rules};
use headgate_sensor::SensorError;

use crate::error::CliError;

/// The rules as shipped.
pub(crate) const RULES: &str = include_str!("../../../config/rules.toml");

/// The shipped rules, read.
pub(crate) fn shipped_rules() -> Result<(Rules, Places), CliError> {
    let files = [("config/rules.toml".to_owned(), RULES.to_owned())];
    Ok(Rules::parse_with_places(&files).map_err(SensorError::from)?)
}

/// Where the other programs are.
pub(crate) struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Finds them beside this program. Under `cargo run`, which builds only what it runs, they are
    /// built first.
    pub(crate) fn find() -> Result<Programs, CliError> {
        let own = std::env::current_exe()
            .map_err(|source| CliError::System { step: "find this program", source })?;
        let directory = own.parent().map(Path::to_path_buf).unwrap_or_default();
        if let (Some(cargo), Some(manifest)) =
            (std::env::var_os("CARGO"), std::env::var_os("CARGO_MANIFEST_DIR"))
        {
            let mut build = Command::new(&cargo);
            build.args(["build", "--quiet", "--bins"]).current_dir(&manifest).stdin(Stdio::null());
            if directory.file_name().is_some_and(|profile| profile == "release") {
                build.arg("--release");
            }
            let start =
                |source| CliError::Start { program: cargo.clone().into(), hint: "is it installed?", source };
            let output = build.output().map_err(start)?;
            check("cargo build", &output)?;
        }
        Ok(Programs { directory })
    }

    /// A command that runs one of the programs.
    pub(crate) fn command(&self, program: &str) -> Command {
        Command::new(self.directory.join(program))
    }

    /// Runs a program to its end and returns what it printed.
    pub(crate) fn run(
        &self,
        program: &'static str,
        args: &[&str],
        last: Option<&Path>,
    ) -> Result<String, CliError> {
        let mut command = self.command(program);
        command.args(args).args(last).stdin(Stdio::null());
        let output = command.output().map_err(|source| not_started(&command, source))?;
        check(program, &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A program that could not be started.
pub(crate) fn not_started(command: &Command, source: std::io::Error) -> CliError {
    let hint = "all programs of Headgate lie in one directory; is the installation complete?";
    CliError::Start { program: command.get_program().into(), hint, source }
}

fn check(program: &'static str, output: &std::process::Output) -> Result<(), CliError> {
    if output.status.success() {
        return Ok(());
    }
    Err(CliError::Failed {
        program,
        status: output.status.to_string(),
        code: exit_code(output.status),
        said: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
    })
}

/// The exit code of a program, or that of a fault when a signal ended it.
pub(crate) fn exit_code(status: std::process::ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(headgate_service::exit::SOFTWARE)
}
