//! Following interfaces that come and go, in a process apart from the one that sees.
//!
//! When an interface is removed, its capture socket is bound to nothing; when there is one of its name again, somebody
//! must bind it. That needs no right, but whoever sees frames may not do it: it could point its sockets at another
//! interface. So a second process, started before any frame is read, holds the same sockets and does this
//! and nothing else. It reads no frame, maps no ring and is told nothing: it asks the kernel how each interface is,
//! and says so to the process that sees. It ends with it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use headgate_capture::{self as capture, Descriptor};
use headgate_record::local::LinkState;
use headgate_service::lockdown;
use headgate_service::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::error::SensorError;
use crate::sandbox::{self, Work};

/// The process that follows, as the process that sees knows it.
pub(crate) struct Follower {
    reports: UnixStream,
}

impl Follower {
    /// Starts the process for these sockets and the interfaces for which they are. The caller has not given up
    /// anything yet, and has no thread but its own.
    ///
    /// # Errors
    /// [`SensorError::System`].
    pub(crate) fn start(
        sockets: &[(Descriptor, OwnedFd)],
        promiscuous: bool,
    ) -> Result<Follower, SensorError> {
        Follower::spawn(sockets, promiscuous).map_err(|source| SensorError::System {
            step: "start the process that follows interfaces",
            source,
        })
    }

    fn spawn(sockets: &[(Descriptor, OwnedFd)], promiscuous: bool) -> io::Result<Follower> {
        let (reports, its_end) = UnixStream::pair()?;
        reports.set_nonblocking(true)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env_remove("NOTIFY_SOCKET").arg("follow").args(promiscuous.then_some("--promiscuous"));
        // Copies that outlive the exec, for the moment of starting.
        let mut copies = Vec::new();
        for (descriptor, socket) in sockets {
            let copy = rustix::io::dup(socket)?;
            command.arg(format!("{}={descriptor}", copy.as_raw_fd()));
            copies.push(copy);
        }
        // It ends with this process and is not waited for.
        let _ = command.stdin(OwnedFd::from(its_end)).stdout(Stdio::null()).spawn()?;
        Ok(Follower { reports })
    }

    /// What has changed: the number of each socket, in the order given to [`Follower::start`], and how its interface is.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn changes(&mut self) -> io::Result<Vec<(usize, LinkState)>> {
        let mut reports = [0; REPORT * MAX_REPORTS];
        let length = match self.reports.read(&mut reports) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(e) => return Err(e),
        };
        let reports = reports.get(..length).unwrap_or_default().chunks_exact(REPORT);
        Ok(reports
            .filter_map(|r| Some((usize::from(*r.first()?), LinkState::from_number(u32::from(*r.get(1)?))?)))
            .collect())
    }
}

impl AsFd for Follower {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reports.as_fd()
    }
}

/// The process: `sockets` are descriptors with their names, standard input is where it reports.
///
/// # Errors
/// When it is handed something else, or cannot give up its rights.
pub(crate) fn follow(sockets: &[(i32, String)], promiscuous: bool) -> Result<(), SensorError> {
    let mut followed = Vec::new();
    for (raw, name) in sockets {
        let socket = capture::adopt(*raw)?;
        followed.push((socket, Descriptor::parse(name)?.interface, None));
    }
    let step = |step| move |source: io::Error| SensorError::System { step, source };
    let reports = io::stdin().as_fd().try_clone_to_owned().map_err(step("take over standard input"))?;
    let mut reports = UnixStream::from(reports);
    lockdown::privileges().map_err(step("give up privileges"))?;
    // The one that sees is asked to stop as well, and its end is what counts.
    let _stop = Stop::install().map_err(step("watch for signals"))?;
    let descriptors: Vec<_> = followed.iter().map(|(socket, ..)| socket.as_raw_fd()).collect();
    let work = Work::Interfaces { capture: &descriptors, reports: reports.as_raw_fd() };
    sandbox::give_up_rights(work)?;
    sandbox::filter_system_calls(work)?;
    let mut is_disturbed = false;
    loop {
        for (number, (socket, interface, said)) in (0_u8..).zip(&mut followed) {
            let state = Some(state(socket.as_fd(), interface, promiscuous));
            // Who does not listen any more has ended, or will hear it with the next change.
            if *said != state && say(&mut reports, number, state).is_ok() {
                *said = state;
            }
        }
        let all_up = followed.iter().all(|(.., said)| *said == Some(LinkState::Up));
        // A disturbance is there until the one that sees has taken note of it: meanwhile it is not waited for.
        let disturbing = if all_up && !is_disturbed { followed.as_slice() } else { &[] };
        let sockets = disturbing.iter().map(|(socket, ..)| socket.as_fd());
        match wait(&reports, sockets) {
            Woken::End => return Ok(()),
            woken => is_disturbed = woken == Woken::Disturbance,
        }
    }
}

fn state(socket: BorrowedFd<'_>, interface: &str, promiscuous: bool) -> LinkState {
    match capture::attach(socket, interface, promiscuous) {
        Ok(capture::Presence::Up) => LinkState::Up,
        Ok(capture::Presence::NoLink) => LinkState::NoLink,
        Ok(capture::Presence::Down) => LinkState::Down,
        Ok(capture::Presence::Gone) => LinkState::Gone,
        Err(_) => LinkState::Unusable,
    }
}

fn say(reports: &mut UnixStream, number: u8, state: Option<LinkState>) -> io::Result<()> {
    let state = state.and_then(|state| u8::try_from(state.number()).ok()).unwrap_or(0);
    reports.write_all(&[number, state])
}

/// What ended a wait.
#[derive(PartialEq, Eq)]
enum Woken {
    /// Time.
    Time,
    /// An interface that went down or away.
    Disturbance,
    /// The end of the one that sees.
    End,
}

/// Waits for a moment; where there are sockets whose interfaces are all up, for longer, or until one of them is
/// disturbed. Nothing is said by the other end of `reports`.
fn wait<'a>(reports: &'a UnixStream, sockets: impl Iterator<Item = BorrowedFd<'a>>) -> Woken {
    let mut ends = vec![PollFd::new(reports, PollFlags::empty())];
    ends.extend(sockets.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::empty())));
    let moment = if ends.len() > 1 { QUIET } else { MOMENT };
    let seconds = i64::try_from(moment.as_secs()).unwrap_or(0);
    let moment = Timespec { tv_sec: seconds, tv_nsec: moment.subsec_nanos().into() };
    let _ = rustix::event::poll(&mut ends, Some(&moment));
    let is_disturbed = |end: &PollFd<'_>| end.revents().intersects(PollFlags::HUP | PollFlags::ERR);
    match ends.split_first() {
        Some((reports, _)) if is_disturbed(reports) => Woken::End,
        Some((_, sockets)) if sockets.iter().any(is_disturbed) => Woken::Disturbance,
        _ => Woken::Time,
    }
}

/// An interface that is back is watched after so long.
const MOMENT: Duration = Duration::from_millis(100);
/// While all are up, they are looked at so often: a link that is lost disturbs no socket, and each look costs.
const QUIET: Duration = Duration::from_secs(5);
/// Octets of a report: the number of a socket, and a [`LinkState::number`].
const REPORT: usize = 2;
const MAX_REPORTS: usize = 128;
