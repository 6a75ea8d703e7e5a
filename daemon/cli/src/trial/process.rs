//! One process of the trial: its log, its readiness, its end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::site::Site;
use crate::error::CliError;
use crate::programs::{exit_code, not_started};

/// A running program. It is asked to stop, then made to, when this is dropped.
pub(super) struct Process {
    program: &'static str,
    child: Child,
    log: PathBuf,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a program without standard input; what it says goes to its log.
    pub(super) fn start(
        site: &Site,
        program: &'static str,
        mut command: Command,
    ) -> Result<Process, CliError> {
        command.stdin(Stdio::null());
        Process::start_with_stdin(site, program, command)
    }

    /// As [`Process::start`], with the standard input that `command` has.
    pub(super) fn start_with_stdin(
        site: &Site,
        program: &'static str,
        mut command: Command,
    ) -> Result<Process, CliError> {
        let log = site.log(program);
        let file = |source| CliError::File { file: log.clone(), source };
        // A group of its own: Ctrl-C is for the trial, which then stops the others in their order.
        command.stderr(File::create(&log).map_err(file)?).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|source| not_started(&command, source))?;
        let (send, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                BufReader::new(stdout.take(MAX_OUTPUT))
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|l| send.send(l))
            });
        }
        Ok(Process { program, child, log, lines })
    }

    /// Waits for a line that begins with `prefix` and returns the rest of it.
    pub(super) fn wait_for_line(&mut self, prefix: &str, limit: Duration) -> Result<String, CliError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return Ok(rest.to_owned());
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(self.not_ready(limit)),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(wait_failed)?;
                    return Err(self.failed(status));
                }
            }
        }
    }

    /// Waits until `ready` says so.
    pub(super) fn wait_until(&mut self, limit: Duration, ready: impl Fn() -> bool) -> Result<(), CliError> {
        let deadline = Instant::now() + limit;
        while !ready() {
            if let Some(status) = self.ended()? {
                return Err(self.failed(status));
            }
            if Instant::now() >= deadline {
                return Err(self.not_ready(limit));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The exit status, once it has ended.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, CliError> {
        self.child.try_wait().map_err(wait_failed)
    }

    /// Whether the end was a good one.
    pub(super) fn check(&self, status: ExitStatus) -> Result<(), CliError> {
        if status.success() { Ok(()) } else { Err(self.failed(status)) }
    }

    /// The error that the end is.
    pub(super) fn failed(&self, status: ExitStatus) -> CliError {
        let (status, code) = (status.to_string(), exit_code(status).max(1));
        CliError::Failed { program: self.program, status, code, said: self.said() }
    }

    /// The end of its log.
    pub(super) fn said(&self) -> String {
        let mut tail = Vec::new();
        if let Ok(mut file) = File::open(&self.log) {
            let length = file.metadata().map_or(0, |m| m.len());
            let _ = file.seek(SeekFrom::Start(length.saturating_sub(MAX_SAID)));
            let _ = file.take(MAX_SAID).read_to_end(&mut tail);
        }
        String::from_utf8_lossy(&tail).trim_end().to_owned()
    }

    /// SIGTERM.
    pub(super) fn ask_to_stop(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Asks it to stop, waits, and makes it stop when it does not.
    pub(super) fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.ask_to_stop();
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn not_ready(&self, limit: Duration) -> CliError {
        CliError::NotReady { program: self.program, seconds: limit.as_secs(), said: self.said() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn wait_failed(source: std::io::Error) -> CliError {
    CliError::System { step: "wait for a process", source }
}

/// Most octets of a program's standard output that are read.
const MAX_OUTPUT: u64 = 1 << 20;
/// Most octets of a log that are shown.
const MAX_SAID: u64 = 4 << 10;
const STOP_LIMIT: Duration = Duration::from_secs(8);
