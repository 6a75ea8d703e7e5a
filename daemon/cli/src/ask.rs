//! Asking the store on its control socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headgate_record::Kind;
use headgate_record::local::{CONTROL_SOCKET, ControlRequest, MAX_MESSAGE_BYTES};
use headgate_record::subject::{Action, Who};
use headgate_service::{config, frame};
use serde_json::Value;

use crate::error::CliError;

/// The store answers at once, or something is wrong.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn status(config: &Path) -> Result<Value, CliError> {
    ask(config, &ControlRequest::Status)
}

pub(crate) fn records(config: &Path, kind: Kind, limit: u32) -> Result<Value, CliError> {
    ask(config, &ControlRequest::Records { kind: kind.name().into(), limit })
}

pub(crate) fn preview(config: &Path, limit: u32) -> Result<Value, CliError> {
    ask(config, &ControlRequest::Preview { limit })
}

pub(crate) fn ledger(config: &Path, limit: u32) -> Result<Value, CliError> {
    ask(config, &ControlRequest::Ledger { limit })
}

pub(crate) fn subject(config: &Path, who: Who, action: Action) -> Result<Value, CliError> {
    ask(config, &ControlRequest::Subject { who, action })
}

pub(crate) fn rotate_keys(config: &Path, which: &str) -> Result<Value, CliError> {
    ask(config, &ControlRequest::RotateKeys { which: which.into() })
}

fn ask(config: &Path, request: &ControlRequest) -> Result<Value, CliError> {
    Store::connect(config)?.ask(request)
}

/// A connection to the store, for one question after the other.
pub(crate) struct Store {
    socket: PathBuf,
    stream: UnixStream,
}

impl Store {
    /// Connects to the store of this configuration.
    ///
    /// # Errors
    /// [`CliError::NoStore`], [`CliError::NotAllowed`].
    pub(crate) fn connect(config: &Path) -> Result<Store, CliError> {
        let socket = config::load(config)?.sockets.directory.join(CONTROL_SOCKET);
        let stream = UnixStream::connect(&socket).map_err(|error| no_store(&socket, error))?;
        let mut store = Store { socket, stream };
        store.wait_for(ANSWER_LIMIT)?;
        Ok(store)
    }

    /// Waits so long for each answer.
    pub(crate) fn wait_for(&mut self, limit: Duration) -> Result<(), CliError> {
        let both = self
            .stream
            .set_read_timeout(Some(limit))
            .and_then(|()| self.stream.set_write_timeout(Some(limit)));
        both.map_err(|error| no_store(&self.socket, error))
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// [`CliError::Refused`] with what the store says, [`CliError::NoStore`] when it is gone or silent.
    pub(crate) fn ask(&mut self, request: &ControlRequest) -> Result<Value, CliError> {
        let failed = |error| no_store(&self.socket, error);
        let request = serde_json::to_vec(request).map_err(|e| CliError::Answer(e.to_string()))?;
        frame::write(&mut self.stream, &request).map_err(failed)?;
        let answer = frame::read(&mut self.stream, MAX_MESSAGE_BYTES).map_err(failed)?;
        let answer = answer.ok_or_else(|| no_store(&self.socket, io::ErrorKind::UnexpectedEof.into()))?;
        let mut answer: Value =
            serde_json::from_slice(&answer).map_err(|e| CliError::Answer(e.to_string()))?;
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            return Err(CliError::Refused(error.to_owned()));
        }
        let ok = answer.get_mut("ok").map(Value::take);
        ok.ok_or_else(|| CliError::Answer("neither an answer nor an error".into()))
    }
}

fn no_store(socket: &Path, source: io::Error) -> CliError {
    match source.kind() {
        io::ErrorKind::PermissionDenied => CliError::NotAllowed,
        _ => CliError::NoStore { socket: socket.into(), source },
    }
}
