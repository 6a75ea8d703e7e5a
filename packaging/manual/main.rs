//! `manual DIR`: writes the manual pages and the completions of all programs, as the packages take them.
//!
//! `DIR/<package>/usr/share/...` becomes part of the package of that name. Everything is made from what the programs
//! themselves read: their command lines, the shipped configuration files and the schemas of these.

mod commands;
mod files;
mod page;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use headgate_service::exit;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let (Some(directory), None) = (args.next(), args.next()) else {
        return complain("usage: manual DIR", exit::USAGE);
    };
    match write(Path::new(&directory)) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => complain(&error.to_string(), exit::CANNOT_CREATE),
    }
}

fn write(directory: &Path) -> io::Result<()> {
    for made in commands::all()?.into_iter().chain(files::all()?) {
        let file = directory.join(made.package).join(&made.path);
        let parent = file.parent().map(PathBuf::from).unwrap_or_default();
        let at = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
        fs::create_dir_all(parent).map_err(at)?;
        fs::write(&file, &made.content).map_err(at)?;
    }
    Ok(())
}

fn complain(what: &str, code: u8) -> ExitCode {
    use io::Write as _;
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "manual: {what}");
    ExitCode::from(code)
}
