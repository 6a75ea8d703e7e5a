//! From a command line to a running sensor: configuration, sockets, sandbox, then frames.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use headgate_capture::{self as capture, Ring};
use headgate_record::Record;
use headgate_record::local::LinkState;
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
use crate::live::{self, Source};
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
fn read_named(path: &Path) -> Result<Vec<(String, String)>, SensorError> {
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
            if sockets.len() < wanted {
                let missing = wanted - sockets.len();
                log::warn!(event = "interfaces_missing"; "{missing} of {wanted} interfaces were not opened and are not watched");
            }
            if sockets.is_empty() { Err(SensorError::NoSocket) } else { watch(&settings, rules, sockets) }
        }
    }
}

fn watch(config: &Headgate, rules: Rules, mut sockets: Vec<(String, OwnedFd)>) -> Result<(), SensorError> {
    // The service manager gives them in no order.
    sockets.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut follower = Some(Follower::start(&sockets, config.capture.promiscuous)?);
    let descriptors: Vec<_> = sockets.iter().map(|(_, fd)| fd.as_raw_fd()).collect();
    let work = Work::Wires(&descriptors);
    let stop = give_up_privileges(work)?;
    let mut sources = Vec::new();
    for (name, socket) in sockets {
        let (interface, geometry) = capture::parse_descriptor_name(&name)?;
        sources.push(Source { ring: Ring::map(socket, geometry)?, interface, state: LinkState::Up });
    }
    let handover = start_handover(config)?;
    sandbox::filter_system_calls(work)?;
    let mut engine = Engine::new(rules, config);
    log::info!(event = "watching"; "watching {} interfaces", sources.len());
    notify::ready(&format!("watching {} interfaces", sources.len()));
    let result = live::run(&mut engine, &mut sources, &mut follower, &handover, &stop);
    notify::stopping();
    let committed = finish(handover, STOP_LIMIT, &|| false);
    result.and(committed)
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
    engine.finish();
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
