//! The sockets: made, guarded against a second store, accepted on with a bound.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use headgate_record::local;

use crate::OpenError;
use crate::config::Settings;
use crate::keeper::Request;
use crate::peers;

/// The store's sockets; their files are removed when this is dropped.
pub(crate) struct Sockets {
    listeners: Vec<(UnixListener, PathBuf, Serve)>,
}

/// What serves a connection until it ends.
type Serve = fn(UnixStream, &SyncSender<Request>);

impl Sockets {
    /// Makes the sockets and the directories they lie in.
    ///
    /// # Errors
    /// [`OpenError::Running`] when somebody answers at one of them; [`OpenError::File`].
    pub(crate) fn bind(settings: &Settings) -> Result<Sockets, OpenError> {
        let all: [(&str, Serve); 3] = [
            (local::RECORDS_SOCKET, peers::sensor),
            (local::OUTBOX_SOCKET, peers::uplink),
            (local::CONTROL_SOCKET, peers::administrator),
        ];
        let mut sockets = Sockets { listeners: Vec::new() };
        for (name, serve) in all {
            let path = settings.sockets.join(name);
            let listener = bind(&path)?;
            sockets.listeners.push((listener, path, serve));
        }
        Ok(sockets)
    }

    /// Starts to accept on all sockets.
    ///
    /// # Errors
    /// [`OpenError::System`].
    pub(crate) fn listen(&self, requests: &SyncSender<Request>) -> Result<(), OpenError> {
        for (listener, _, serve) in &self.listeners {
            let system = |source| OpenError::System { what: "cannot start a thread", source };
            let (listener, requests, serve) =
                (listener.try_clone().map_err(system)?, requests.clone(), *serve);
            let accept = move || accept(&listener, &requests, serve);
            thread::Builder::new().name("accept".into()).spawn(accept).map_err(system)?;
        }
        Ok(())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for (_, path, _) in &self.listeners {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind(path: &Path) -> Result<UnixListener, OpenError> {
    let failed = |what| move |source| OpenError::File { what, file: path.into(), source };
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(directory).map_err(failed("cannot make"))?;
    }
    match UnixStream::connect(path) {
        Ok(_) => return Err(OpenError::Running(path.into())),
        // Nobody answers at what a store left that was killed.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
            if socket {
                std::fs::remove_file(path).map_err(failed("cannot remove"))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("cannot look at")(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed("cannot make socket"))?;
    let mode = std::fs::Permissions::from_mode(0o660);
    std::fs::set_permissions(path, mode).map_err(failed("cannot set permissions of"))?;
    Ok(listener)
}

fn accept(listener: &UnixListener, requests: &SyncSender<Request>, serve: Serve) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors or memory: others will close theirs.
            thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        let place = Place(Arc::clone(&open));
        if open.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
            continue;
        }
        let timeouts = stream
            .set_read_timeout(Some(peers::READ_TIMEOUT))
            .and_then(|()| stream.set_write_timeout(Some(WRITE_TIMEOUT)));
        if timeouts.is_err() {
            continue;
        }
        let requests = requests.clone();
        // When no thread starts, its closure is dropped, and the connection and its place with it.
        let _ = thread::Builder::new().name("peer".into()).spawn(move || {
            let _place = place;
            serve(stream, &requests);
        });
    }
}

/// One of the connections that may be open at a time.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Most connections to one socket; more are closed at once.
const MAX_CONNECTIONS: usize = 16;
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
