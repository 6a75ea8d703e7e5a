//! Exit codes: 0, 1 and 2 as `headgate` documents them, and those of sysexits(3).

use std::process::ExitCode;

/// Done.
pub const OK: u8 = 0;
/// The answer is no: a check failed, or nothing was found.
pub const NO: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// `EX_DATAERR`: the input is damaged.
pub const DATA: u8 = 65;
/// `EX_NOINPUT`: the input does not exist or cannot be read.
pub const NO_INPUT: u8 = 66;
/// `EX_UNAVAILABLE`: a process that must answer does not.
pub const UNAVAILABLE: u8 = 69;
/// `EX_SOFTWARE`: a fault of ours.
pub const SOFTWARE: u8 = 70;
/// `EX_OSERR`: the system refused something that it normally grants.
pub const SYSTEM: u8 = 71;
/// `EX_CANTCREAT`: an output cannot be made.
pub const CANNOT_CREATE: u8 = 73;
/// `EX_IOERR`: reading or writing failed.
pub const IO: u8 = 74;
/// `EX_TEMPFAIL`: a later start may succeed.
pub const TRY_LATER: u8 = 75;
/// `EX_NOPERM`: a right is missing.
pub const NO_PERMISSION: u8 = 77;
/// `EX_CONFIG`: a configuration, rule or credential file is wrong; starting again will not help.
pub const CONFIG: u8 = 78;

/// An error that knows its exit code.
pub trait Exit: std::error::Error {
    /// The code a process ends with because of this error.
    fn code(&self) -> u8;
}

/// Ends a process: logs the error with its causes on one line, tells the service manager, and gives the code.
pub fn report<E: Exit>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::from(OK),
        Err(error) => {
            let text = chain(&error);
            ::log::error!(event = "failed"; "{text}");
            crate::notify::failed(&text);
            ExitCode::from(error.code())
        }
    }
}

/// An error and its causes, joined by colons.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(inner) = cause else { break };
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

const MAX_CAUSES: usize = 8;
