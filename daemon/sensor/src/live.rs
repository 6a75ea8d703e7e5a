//! Frames from wires, until the process is asked to stop.

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use headgate_capture::{self as capture, Ring};
use headgate_record::local::LinkState;
use headgate_service::notify::{self, Watchdog};
use headgate_service::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::engine::Engine;
use crate::error::SensorError;
use crate::follow::Follower;
use crate::handover::Handover;

/// A ring and the interface it is for.
pub(crate) struct Source {
    pub(crate) ring: Ring,
    pub(crate) interface: String,
    /// How the interface was, when last heard of.
    pub(crate) state: LinkState,
}

/// Reads frames and hands over records. Returns when `stop` says so. An interface may go and come back, while
/// the others are read on.
///
/// # Errors
/// When a ring cannot be read, or an interface is gone and nobody follows it; what was seen until then is handed over.
pub(crate) fn run(
    engine: &mut Engine,
    sources: &mut [Source],
    follower: &mut Option<Follower>,
    handover: &Handover,
    stop: &Stop,
) -> Result<(), SensorError> {
    let numbers: Vec<usize> = sources.iter().map(|s| engine.interface(&s.interface)).collect();
    let mut watchdog = Watchdog::new();
    let mut next_statistics = Instant::now();
    let result = loop {
        if stop.is_requested() {
            break Ok(());
        }
        if stop.take_reload() {
            log::warn!(event = "restart_needed"; "capture rules are in the kernel filter: restart the sensor to apply new ones");
        }
        let mut frames = 0;
        let mut failure = None;
        for (source, number) in sources.iter_mut().zip(&numbers) {
            match source.ring.poll(Duration::ZERO, |frame| engine.frame(*number, &frame)) {
                Ok(read) => frames += read,
                // Who follows it says so.
                Err(capture::Error::InterfaceDown) => {}
                Err(capture::Error::InterfaceGone) if follower.is_some() => {}
                Err(error @ capture::Error::Block { .. }) => {
                    log::error!(event = "ring_block_damaged"; "{error}")
                }
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            break Err(error.into());
        }
        if next_statistics <= Instant::now() {
            next_statistics = Instant::now() + STATISTICS_INTERVAL;
            hear(follower, sources, handover);
            // On a wire that is never silent, too: the clock may have been set back.
            engine.tick(wall_clock());
            let mut unknown = None;
            for (source, number) in sources.iter_mut().zip(&numbers) {
                match source.ring.statistics() {
                    Ok(counted) => engine.lost(*number, counted.lost),
                    Err(error) => unknown = Some(error),
                }
            }
            if let Some(error) = unknown {
                break Err(error.into());
            }
            notify::status(&format!(
                "watching {}, store {}",
                watching(sources),
                if handover.is_connected() { "connected" } else { "away: records wait" }
            ));
        }
        if frames == 0 {
            engine.tick(wall_clock());
            hand_over(engine, handover);
            wait(sources, follower.as_ref());
            hear(follower, sources, handover);
        } else {
            hand_over(engine, handover);
        }
        watchdog.progress();
    };
    for (source, number) in sources.iter_mut().zip(&numbers) {
        drain(engine, source, *number);
    }
    // The end can make more records than the queue holds: now there is time to wait, but not for ever.
    let deadline = Instant::now() + LAST_RECORDS;
    let late = || Instant::now() >= deadline;
    engine.finish();
    engine.take().into_iter().for_each(|record| handover.push_waiting(record, &late));
    engine.account(handover.take_dropped());
    engine.take().into_iter().for_each(|record| handover.push_waiting(record, &late));
    result
}

/// What came before the end and is not handed over by the kernel yet, so that it is counted too. It ends on
/// a busy wire as well: after one round of the ring.
fn drain(engine: &mut Engine, source: &mut Source, number: usize) {
    let deadline = Instant::now() + LAST_BLOCK;
    for _ in 0..source.ring.geometry().blocks {
        let left = deadline.saturating_duration_since(Instant::now());
        match source.ring.poll(left, |frame| engine.frame(number, &frame)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error @ capture::Error::Block { .. }) => log::error!(event = "ring_block_damaged"; "{error}"),
            Err(_) => break,
        }
    }
    if let Ok(counted) = source.ring.statistics() {
        engine.lost(number, counted.lost);
    }
}

fn hand_over(engine: &mut Engine, handover: &Handover) {
    if engine.account_is_due() {
        engine.account(handover.take_dropped());
    }
    for record in engine.take() {
        handover.push(record);
    }
}

/// Takes note of how interfaces are, and tells.
fn hear(follower: &mut Option<Follower>, sources: &mut [Source], handover: &Handover) {
    let Some(changes) = follower.as_mut().map(Follower::changes) else { return };
    let changes = match changes {
        Ok(changes) => changes,
        Err(error) => {
            log::error!(event = "follower_ended"; "nobody follows interfaces any more ({}): one that goes away ends this process", error.kind());
            *follower = None;
            return;
        }
    };
    for (number, state) in &changes {
        let Some(source) = sources.get_mut(*number) else { continue };
        let (name, was) = (&source.interface, std::mem::replace(&mut source.state, *state));
        match state {
            LinkState::Up if was == LinkState::Up => {}
            LinkState::Up => log::info!(event = "interface_up"; "{name} is watched again"),
            LinkState::NoLink => log::warn!(event = "interface_no_link"; "{name} has no link"),
            LinkState::Down => {
                log::warn!(event = "interface_down"; "{name} is down; it is watched again when it is up")
            }
            LinkState::Gone => {
                log::warn!(event = "interface_gone"; "{name} is not there; it is watched again when it is back");
            }
            LinkState::Unusable => {
                log::error!(event = "interface_unusable"; "{name} cannot be watched: it carries no Ethernet frames, or the system refuses");
            }
        }
    }
    if !changes.is_empty() {
        handover.say_interfaces(sources.iter().map(|s| (s.interface.clone(), s.state)).collect());
    }
}

/// What is watched, in a few words.
pub(crate) fn watching(sources: &[Source]) -> String {
    let away = sources.iter().filter(|s| s.state != LinkState::Up).count();
    let all = format!("{} interfaces", sources.len());
    if away == 0 { all } else { format!("{all}, {away} of them not up") }
}

/// Waits for a frame, and no longer than a tick.
fn wait(sources: &[Source], follower: Option<&Follower>) {
    let mut descriptors: Vec<PollFd<'_>> = sources
        .iter()
        .map(|s| PollFd::from_borrowed_fd(s.ring.as_fd(), PollFlags::IN | PollFlags::ERR))
        .collect();
    descriptors.extend(follower.map(|f| PollFd::from_borrowed_fd(f.as_fd(), PollFlags::IN)));
    let tick = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
    // Whatever ends the wait, the next round finds out.
    let _ = rustix::event::poll(&mut descriptors, Some(&tick));
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Longer than a frame waits in the kernel until its block is handed over ([`Ring::poll`]).
const LAST_BLOCK: Duration = Duration::from_millis(100);
/// How long the last records may wait for room in the queue.
const LAST_RECORDS: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(200);
const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);
