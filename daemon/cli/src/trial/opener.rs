//! Standing in for the service manager: takes the capture socket that the opener hands over.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::site::Site;
use crate::error::CliError;
use crate::programs::{Programs, exit_code, not_started};

/// Runs the opener as a process of its own and returns the name and the socket that it stored
/// (sd_notify(3): `FDSTORE=1` with the descriptor beside it). The opener has ended when this returns.
pub(super) fn open(programs: &Programs, site: &Site) -> Result<(String, OwnedFd), CliError> {
    let system = |step| move |source| CliError::System { step, source };
    let path = site.notify_socket();
    let socket = UnixDatagram::bind(&path).map_err(system("listen for the opener"))?;
    socket.set_read_timeout(Some(TAKE_LIMIT)).map_err(system("listen for the opener"))?;
    let mut command = programs.command("headgate-sensor");
    command.arg("open-capture").arg("--config").arg(site.config()).env("NOTIFY_SOCKET", &path);
    let output = command.output().map_err(|source| not_started(&command, source))?;
    if !output.status.success() {
        return Err(CliError::Failed {
            program: "headgate-sensor open-capture",
            status: output.status.to_string(),
            code: exit_code(output.status),
            said: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        });
    }
    for _ in 0..MAX_MESSAGES {
        let mut text = [0; 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [std::io::IoSliceMut::new(&mut text)];
        let received = recvmsg(&socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
            .map_err(|e| CliError::System { step: "take the capture socket", source: e.into() })?;
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let text = text.get(..received.bytes).unwrap_or_default();
        let name =
            String::from_utf8_lossy(text).lines().find_map(|l| l.strip_prefix("FDNAME=").map(str::to_owned));
        if let (Some(name), Some(descriptor)) = (name, descriptor) {
            return Ok((name, descriptor));
        }
    }
    Err(CliError::NoSocket)
}

/// The opener has ended: what it sent is there already.
const TAKE_LIMIT: Duration = Duration::from_secs(2);
/// It says to remove an old socket and to store the new one; nothing more is of interest.
const MAX_MESSAGES: usize = 8;
const MAX_DESCRIPTORS: usize = 1;
