//! Frames from wires, until the process is asked to stop.

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use headgate_capture::{self as capture, Frame, Ring};
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
    // Whether there is more to hear of than frames.
    let mut is_news = true;
    let result = loop {
        if stop.is_requested() {
            break Ok(());
        }
        if stop.take_reload() {
            log::warn!(event = "restart_needed"; "capture rules are in the kernel filter: restart the sensor to apply new ones");
        }
        let asks = std::mem::take(&mut is_news);
        if asks {
            hear(follower, sources, handover);
        }
        let mut frames = 0;
        let mut failure = None;
        for (source, number) in sources.iter_mut().zip(&numbers) {
            let use_frame = |frame: Frame<'_>| engine.frame(*number, &frame);
            let taken =
                if asks { source.ring.poll(Duration::ZERO, use_frame) } else { source.ring.take(use_frame) };
            match taken {
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
            is_news = true;
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
            is_news = wait(sources, follower.as_ref());
        } else {
            hand_over(engine, handover);
        }
        watchdog.progress();
    };
    for (source, number) in sources.iter_mut().zip(&numbers) {
        drain(engine, source, *number);
    }
    hand_over_the_last(engine, handover);
    result
}

/// The end can make more records than the queue holds: now there is time to wait, but not for ever.
fn hand_over_the_last(engine: &mut Engine, handover: &Handover) {
    let deadline = Instant::now() + LAST_RECORDS;
    let late = || Instant::now() >= deadline;
    engine.finish();
    engine.take().into_iter().for_each(|record| handover.push_waiting(record, &late));
    engine.account(handover.take_dropped());
    engine.take().into_iter().for_each(|record| handover.push_waiting(record, &late));
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

/// Waits for a frame, and no longer than a tick. Whether there is something else to hear of.
fn wait(sources: &[Source], follower: Option<&Follower>) -> bool {
    let mut descriptors: Vec<PollFd<'_>> = sources
        .iter()
        .map(|s| PollFd::from_borrowed_fd(s.ring.as_fd(), PollFlags::IN | PollFlags::ERR))
        .collect();
    descriptors.extend(follower.map(|f| PollFd::from_borrowed_fd(f.as_fd(), PollFlags::IN)));
    let tick = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
    // Whatever ends the wait, the next round finds out.
    let _ = rustix::event::poll(&mut descriptors, Some(&tick));
    let (rings, follower) = descriptors.split_at(sources.len());
    let is_error = |ring: &PollFd<'_>| ring.revents().intersects(PollFlags::ERR);
    rings.iter().any(is_error) || follower.iter().any(|f| !f.revents().is_empty())
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Longer than a frame waits in the kernel until its block is handed over ([`Ring::poll`]).
const LAST_BLOCK: Duration = Duration::from_millis(100);
/// How long the last records may wait for room in the queue.
const LAST_RECORDS: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(500);
const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use headgate_record::local::{self, FromSensor, MAX_MESSAGE_BYTES, RECORDS_SOCKET, ToSensor};
    use headgate_record::{Kind, Record, RecordView};
    use headgate_rules::Rules;
    use headgate_service::{config::Headgate, frame};

    use super::*;
    use crate::handover::MAX_QUEUE;

    /// What found no room in the queue was once dropped, although the store was there to take it.
    #[test]
    fn the_last_records_wait_for_room_in_the_queue() {
        let sockets = tempfile::tempdir().unwrap();
        let handover = Handover::start(sockets.path()).unwrap();
        (0..MAX_QUEUE).for_each(|_| handover.push(Record::new(Kind::Flow)));
        let mut engine = Engine::new(Rules::parse(&[]).unwrap(), &Headgate::default());
        let interface = engine.interface("span0");
        for n in 0..=255 {
            let bytes = datagram(n);
            let frame = Frame { time_ns: 1, wire_len: 42, link: Frame::ETHERNET, tag: None, bytes: &bytes };
            engine.frame(interface, &frame);
        }

        let socket = sockets.path().join(RECORDS_SOCKET);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let store = std::thread::spawn(move || commit_all(&listener));
        hand_over_the_last(&mut engine, &handover);
        assert_eq!(handover.take_dropped(), [0; 3]);
        assert_eq!(handover.finish(Duration::from_secs(60), &|| false), 0);
        assert_eq!(store.join().unwrap(), [MAX_QUEUE + 256, 256, 1], "flows, devices, counters");
    }

    /// How many flows, devices and counters records it was given.
    fn commit_all(listener: &UnixListener) -> [usize; 3] {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut through, mut counts) = (0, [0; 3]);
        while let Some(message) = frame::read(&mut stream, MAX_MESSAGE_BYTES).unwrap() {
            if let local::Handover::Records { records, .. } = FromSensor::decode(&message).unwrap() {
                through += u64::try_from(records.len()).unwrap();
                let records: Vec<Record> =
                    records.into_iter().map(|o| RecordView::of(o).unwrap().to_record()).collect();
                for (count, kind) in counts.iter_mut().zip([Kind::Flow, Kind::Device, Kind::Counters]) {
                    *count += records.iter().filter(|record| record.kind() == kind).count();
                }
            }
            frame::write(&mut stream, &ToSensor::Committed { through }.encode()).unwrap();
        }
        counts
    }

    /// From a station of its own.
    fn datagram(n: u8) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            &[0, 0x1b, 0x21, 1, 0, 0, 0, 0x1b, 0x21, 0, 0, n, 8, 0],
            &[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0],
            &[10, 0, 0, n, 10, 1, 0, 1],
            &[0x1e, 0x61, 0x1e, 0x61],
            &[0, 8, 0, 0],
        ];
        parts.concat()
    }
}
