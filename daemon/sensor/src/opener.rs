//! The short privileged step before the sensor: opens, filters and locks the capture sockets, hands
//! them to the service manager and is gone before any frame is read.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use headgate_capture::{self as capture, Descriptor, Geometry, Instruction, Share};
use headgate_rules::Rules;
use headgate_rules::filter::Program;
use headgate_service::config::{Headgate, InterfaceName};
use headgate_service::exit;
use rustix::thread::LinkNameSpaceType;
use sd_notify::NotifyState;

use crate::error::SensorError;

/// Opens a socket for each thread of each interface of the configuration that no rule excludes, and hands it to the
/// descriptor store of the service manager at `$NOTIFY_SOCKET` (sd_notify(3), `FDSTORE=1`) under the name of its
/// [`Descriptor`]; with `await_missing`, also for an interface that is not there: the socket receives nothing until it is.
///
/// # Errors
/// As [`shares`]; the last interface that cannot be opened, after the others were handed over; or the
/// service manager.
pub(crate) fn open_all(config: &Headgate, rules: &Rules, await_missing: bool) -> Result<(), SensorError> {
    let shares = shares(config, rules)?;
    let geometry = Geometry::for_budget(config.capture.ring_mib.get() / config.capture.threads.get());
    // One interface that cannot be opened does not keep the others from being watched.
    let mut result = Ok(());
    for name in wanted(config, rules) {
        let opened = shares.iter().map(|(share, program)| {
            let descriptor = Descriptor { interface: name.to_owned(), geometry, share: *share };
            open(&descriptor, &instructions(program), config, await_missing)
                .map(|socket| (descriptor, socket))
        });
        // All or none: what only a missing one takes would be lost unseen.
        match opened.collect::<Result<Vec<_>, _>>() {
            Ok(sockets) => {
                sockets.iter().try_for_each(|(descriptor, socket)| hand_over(descriptor, socket))?
            }
            Err(error) => {
                log::error!(event = "interface_not_opened"; "{}", exit::chain(&error));
                result = Err(error.into());
            }
        }
    }
    result
}

fn open(
    Descriptor { interface, geometry, .. }: &Descriptor,
    program: &[Instruction],
    config: &Headgate,
    await_missing: bool,
) -> Result<OwnedFd, capture::Error> {
    let socket = match capture::open(interface, program, config.capture.promiscuous, *geometry) {
        Err(capture::Error::NoInterface { .. }) if await_missing => {
            capture::prepare(interface, program, *geometry)
        }
        opened => opened,
    }?;
    if config.capture.hardware_time
        && let Err(error) = capture::prefer_card_time(socket.as_fd(), interface)
    {
        log::warn!(event = "hardware_time_refused"; "{}: frames get the kernel's time", exit::chain(&error));
    }
    Ok(socket)
}

fn hand_over(descriptor: &Descriptor, socket: &OwnedFd) -> Result<(), SensorError> {
    let name = descriptor.to_string();
    let stored = NotifyState::FdName(&name);
    // A start that failed before the sensor took its socket has left it there.
    sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(&name)])
        .map_err(SensorError::HandOver)?;
    sd_notify::notify_with_fds(&[NotifyState::FdStore, stored], &[socket.as_fd()])
        .map_err(SensorError::HandOver)
}

/// The filter of each thread, where there can be so many threads.
///
/// # Errors
/// [`SensorError::TooManySockets`], [`SensorError::NoRoomForThreads`].
pub(crate) fn shares(config: &Headgate, rules: &Rules) -> Result<Vec<(Share, Program)>, SensorError> {
    let (interfaces, threads) = (wanted(config, rules).count(), config.capture.threads.get());
    let sockets = interfaces.saturating_mul(usize::try_from(threads).unwrap_or(usize::MAX));
    if threads > 1 && sockets > MAX_SOCKETS {
        return Err(SensorError::TooManySockets { interfaces, threads });
    }
    let shares = (0..threads).map(|number| {
        let program = rules.filter().share(number, threads);
        let program = program.map_err(|source| SensorError::NoRoomForThreads { threads, source })?;
        Ok((Share { number, of: threads }, program))
    });
    shares.collect()
}

/// Whether there can be so many threads for these interfaces and rules.
///
/// # Errors
/// [`SensorError::TooManySockets`], [`SensorError::NoRoomForThreads`].
pub fn check_threads(config: &Headgate, rules: &Rules) -> Result<(), SensorError> {
    shares(config, rules).map(drop)
}

/// The interfaces of the configuration that no rule excludes.
pub(crate) fn wanted<'a>(config: &'a Headgate, rules: &'a Rules) -> impl Iterator<Item = &'a str> {
    let exclusions = rules.collect().exclusions();
    let names = config.capture.interfaces.iter().map(InterfaceName::as_str);
    names.filter(|name| !exclusions.excludes_interface(name))
}

/// Takes the capture sockets that the service manager hands over (sd_listen_fds(3)), and empties its
/// descriptor store, which outlives a restart: what the opener puts there is for one start, and a socket
/// of an interface or a filter that is not wanted any more is never found again.
///
/// # Errors
/// [`SensorError::Inherited`], [`SensorError::HandOver`]; [`SensorError::Capture`] for anything but a
/// capture socket whose filter is locked.
pub(crate) fn take() -> Result<Vec<(String, OwnedFd)>, SensorError> {
    let inherited: Vec<_> = sd_notify::listen_fds_with_names().map_err(SensorError::Inherited)?.collect();
    for (_, name) in &inherited {
        sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)])
            .map_err(SensorError::HandOver)?;
    }
    inherited.into_iter().map(|(raw, name)| Ok((name, capture::adopt(raw)?))).collect()
}

/// Enters the network namespace of the host: with `PrivateNetwork=` even the privileged step begins in the
/// unit's own, empty one.
///
/// # Errors
/// When the namespace of process 1 cannot be entered.
pub(crate) fn enter_host_network() -> Result<(), SensorError> {
    let failed = |e: std::io::Error| SensorError::Namespace(e);
    let namespace = std::fs::File::open(Path::new(HOST_NETWORK)).map_err(failed)?;
    rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|e| failed(e.into()))
}

/// A filter as plain instructions.
pub(crate) fn instructions(program: &Program) -> Vec<Instruction> {
    let instructions = program.instructions().iter();
    instructions.map(|i| Instruction { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect()
}

/// Most capture sockets of several threads: as many as the unit's descriptor store takes, and as the system call filter
/// names.
pub(crate) const MAX_SOCKETS: usize = 64;
const HOST_NETWORK: &str = "/proc/1/ns/net";
