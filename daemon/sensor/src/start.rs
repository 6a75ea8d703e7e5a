//! From a command line to a running sensor: configuration, sockets, sandbox, then frames.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use headgate_capture::{self as capture, Descriptor, Ring, Share};
use headgate_record::Record;
use headgate_rules::fingerprint::Fingerprints;
use headgate_rules::{Places, Rules};
use headgate_service::config::{self, Headgate};
use headgate_service::stop::Stop;
use headgate_service::{lockdown, notify};

use crate::args::{Args, Command};
use crate::engine::Engine;
use crate::error::SensorError;
use crate::follow::Follower;
use crate::handover::Handover;
use crate::live::{self, Common, Others, Reader, Watched};
use crate::sandbox::{self, Work};
use crate::{follow, opener, replay};

/// Reads the rules that lie beside a configuration file: `rules.toml`, its drop-ins and opt-out lists, and where it is
/// there, `fingerprints.toml` and its drop-ins instead of the shipped set.
///
/// # Errors
/// [`SensorError::Config`] when a file cannot be read, [`SensorError::Rules`] when it is wrong.
pub fn read_rules(config: &Path) -> Result<Rules, SensorError> {
    read_rules_with_places(config).map(|(rules, _)| rules)
}

/// As [`read_rules`], with the places where the rules were said.
///
/// # Errors
/// As [`read_rules`].
pub fn read_rules_with_places(config: &Path) -> Result<(Rules, Places), SensorError> {
    let file = config.with_file_name("rules.toml");
    let (rules, places) =
        Rules::parse_with_lists(&read_named(&file)?, &|name| config::read_list(&file, name))?;
    let fingerprints = config.with_file_name("fingerprints.toml");
    let missing = |e: &io::Error| e.kind() == io::ErrorKind::NotFound;
    // Only a file that is not there is no file: one that cannot be read is not passed over.
    if std::fs::symlink_metadata(&fingerprints).as_ref().is_err_and(missing) {
        return Ok((rules, places));
    }
    Ok((rules.with_fingerprints(Fingerprints::parse(&read_named(&fingerprints)?)?), places))
}

/// A file and its drop-ins, with the names that errors show.
pub(crate) fn read_named(path: &Path) -> Result<Vec<(String, String)>, SensorError> {
    let files = config::read_with_drop_ins(path)?;
    Ok(files.into_iter().map(|(path, text)| (path.display().to_string(), text)).collect())
}

pub(crate) fn start(args: Args) -> Result<(), SensorError> {
    match args.command {
        Command::OpenCapture { config, host_network, await_missing } => {
            let (settings, rules) = (config::load(&config)?, read_rules(&config)?);
            if host_network {
                opener::enter_host_network()?;
            }
            opener::open_all(&settings, &rules, await_missing)
        }
        Command::Follow { promiscuous, sockets } => follow::follow(&sockets, promiscuous),
        Command::Run { config, capture_stdin, replay } => {
            // Before anything can fail, so that a socket is never left for another start.
            let sockets = match capture_stdin {
                Some(name) => vec![(name, capture::adopt(0)?)],
                None => opener::take()?,
            };
            let (settings, rules) = (config::load(&config)?, read_rules(&config)?);
            if !replay.is_empty() {
                return read(&settings, rules, &replay);
            }
            let wanted = opener::wanted(&settings, &rules).count();
            if wanted == 0 {
                return Err(SensorError::NoInterface);
            }
            // What the opener refused is said here again: this ends for good.
            opener::check_threads(&settings, &rules)?;
            watch(&settings, &rules, described(sockets)?, wanted)
        }
    }
}

/// The sockets with what their names say, in order; the service manager gives them in none. Without interfaces of which
/// not each share is there once: what a missing one takes would be lost unseen.
fn described(sockets: Vec<(String, OwnedFd)>) -> Result<Vec<(Descriptor, OwnedFd)>, SensorError> {
    let described = sockets.into_iter().map(|(name, socket)| Ok((Descriptor::parse(&name)?, socket)));
    let mut sockets = described.collect::<Result<Vec<_>, capture::Error>>()?;
    sockets.sort_by(|(a, _), (b, _)| (&a.interface, a.share).cmp(&(&b.interface, b.share)));
    let is_whole = |sockets: &[(Descriptor, OwnedFd)]| {
        let of = sockets.first().map_or(0, |(descriptor, _)| descriptor.share.of);
        sockets.iter().map(|(descriptor, _)| descriptor.share).eq((0..of).map(|number| Share { number, of }))
    };
    let by_interface = sockets.chunk_by(|(a, _), (b, _)| a.interface == b.interface);
    let parts: Vec<String> = by_interface
        .filter(|sockets| !is_whole(sockets))
        .filter_map(|sockets| sockets.first().map(|(descriptor, _)| descriptor.interface.clone()))
        .collect();
    for name in &parts {
        log::error!(event = "interface_incomplete"; "{name} is not watched: its sockets were not handed over once each");
    }
    sockets.retain(|(descriptor, _)| !parts.contains(&descriptor.interface));
    Ok(sockets)
}

fn watch(
    config: &Headgate,
    rules: &Rules,
    sockets: Vec<(Descriptor, OwnedFd)>,
    wanted: usize,
) -> Result<(), SensorError> {
    if sockets.is_empty() {
        return Err(SensorError::NoSocket);
    }
    let mut watched = Watched::new(sockets.iter().map(|(descriptor, _)| descriptor.interface.as_str()));
    if watched.count() < wanted {
        let missing = wanted - watched.count();
        log::warn!(event = "interfaces_missing"; "{missing} of {wanted} interfaces were not opened and are not watched");
    }
    let follower = Follower::start(&sockets, config.capture.promiscuous)?;
    let descriptors: Vec<_> = sockets.iter().map(|(_, fd)| fd.as_raw_fd()).collect();
    let work = Work::Wires(&descriptors);
    let stop = give_up_privileges(work)?;
    let (first, others) = readers(config, rules, sockets, &watched)?;
    let handover = start_handover(config)?;
    let common = Common::new(&handover);
    let result = std::thread::scope(|scope| {
        let mut others = Others::spawn(scope, others, &common)
            .map_err(|source| SensorError::System { step: "start a thread that reads frames", source })?;
        sandbox::filter_system_calls(work)?;
        others.begin();
        let watching = format!("watching {}{}", watched.summary(), others.summary());
        log::info!(event = "watching"; "{watching}");
        notify::ready(&watching);
        let result = live::run(first, others, (&mut watched, follower), &common, &stop);
        notify::stopping();
        result
    });
    let committed = finish(handover, STOP_LIMIT, &|| false);
    result.and(committed)
}

/// Who reads which rings: the first, and the others.
fn readers(
    config: &Headgate,
    rules: &Rules,
    sockets: Vec<(Descriptor, OwnedFd)>,
    watched: &Watched,
) -> Result<(Reader, Vec<Reader>), SensorError> {
    let count = sockets.iter().map(|(descriptor, _)| descriptor.share.of).max().unwrap_or(1);
    let names: Vec<&str> = watched.names().collect();
    let engines = Engine::shares(rules, config, &names, usize::try_from(count).unwrap_or(usize::MAX));
    let mut readers: Vec<Reader> = engines.into_iter().map(Reader::new).collect();
    for (Descriptor { interface, geometry, share }, socket) in sockets {
        let ring = Ring::map(socket, geometry)?;
        if let Some(reader) = usize::try_from(share.number).ok().and_then(|number| readers.get_mut(number)) {
            reader.add(&interface, ring);
        }
    }
    let mut readers = readers.into_iter();
    let first = readers.next().ok_or(SensorError::NoSocket)?;
    Ok((first, readers.collect()))
}

fn read(config: &Headgate, rules: Rules, files: &[PathBuf]) -> Result<(), SensorError> {
    let work = Work::Files(files);
    let stop = give_up_privileges(work)?;
    let handover = start_handover(config)?;
    sandbox::filter_system_calls(work)?;
    let mut engine = Engine::new(rules, config);
    notify::ready("reading capture files");
    let stopped = || stop.is_requested();
    let mut take = |records: Vec<Record>| {
        records.into_iter().for_each(|record| handover.push_waiting(record, &stopped));
        if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // A file that is damaged does not keep the next one from being read; its error is what remains.
    let mut result = Ok(());
    for file in files {
        if let Err(error) = replay::replay(&mut engine, file, &mut take) {
            log::error!(event = "file_damaged"; "{}", headgate_service::exit::chain(&error));
            result = Err(error);
        }
    }
    engine.finish_into(&mut take);
    engine.account(handover.take_dropped());
    let _ = take(engine.take());
    log::info!(event = "read"; "read {} frames", engine.totals().map(|(_, c)| c.frames).sum::<u64>());
    let committed = finish(handover, FILE_LIMIT, &stopped);
    result.and(committed)
}

/// Before any thread is made, so that all of them are without privileges.
fn give_up_privileges(work: Work<'_>) -> Result<Stop, SensorError> {
    let step = |step| move |source: io::Error| SensorError::System { step, source };
    lockdown::privileges().map_err(step("give up privileges"))?;
    sandbox::give_up_rights(work)?;
    Stop::install().map_err(step("watch for signals"))
}

fn start_handover(config: &Headgate) -> Result<Handover, SensorError> {
    Handover::start(&config.sockets.directory)
        .map_err(|source| SensorError::System { step: "start the hand-over to the store", source })
}

fn finish(handover: Handover, limit: Duration, stop: &dyn Fn() -> bool) -> Result<(), SensorError> {
    match handover.finish(limit, stop) {
        0 => Ok(()),
        records => Err(SensorError::NotCommitted { records }),
    }
}

/// How long the store may take for the last records when the sensor is asked to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take for those of a file.
const FILE_LIMIT: Duration = Duration::from_secs(300);
