//! Frames from wires, until the process is asked to stop.

use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use headgate_service::notify::{self, Watchdog};
use headgate_service::stop::Stop;

use crate::engine::Engine;
use crate::error::SensorError;
use crate::follow::Follower;
use crate::handover::Handover;

pub(crate) use self::reader::Reader;
use self::threads::TICK_OF_SEVERAL;
pub(crate) use self::threads::{Common, Others};
pub(crate) use self::watched::Watched;

mod reader;
mod threads;
mod watched;

/// Reads frames and hands over records, in this thread as the first, and in the others. Returns when `stop` says so.
/// An interface may go and come back, while the others are read on.
///
/// # Errors
/// When a ring cannot be read, or an interface is gone and nobody follows it; what was seen until then is handed over.
pub(crate) fn run(
    mut reader: Reader,
    mut others: Others<'_>,
    (watched, follower): (&mut Watched, Follower),
    common: &Common<'_>,
    stop: &Stop,
) -> Result<(), SensorError> {
    let handover = common.handover;
    let end = common.end();
    let mut follower = Some(follower);
    let mut watchdog = Watchdog::new();
    let mut next_statistics = Instant::now();
    // Whether no frame came since the kernel was asked last.
    let mut is_quiet = false;
    let mut said = String::new();
    // Whether there is more to hear of than frames.
    let mut is_news = true;
    let result = loop {
        if stop.is_requested() || common.has_ended() {
            break Ok(());
        }
        if stop.take_reload() {
            log::warn!(event = "restart_needed"; "capture rules are in the kernel filter: restart the sensor to apply new ones");
        }
        let asks = std::mem::take(&mut is_news);
        if asks {
            watched.hear(&mut follower, handover);
            if follower.is_none() {
                common.nobody_follows();
            }
        }
        let frames = match reader.read(asks, common.is_followed()) {
            Ok(frames) => frames,
            Err(error) => break Err(error.into()),
        };
        others.hear(&mut reader.engine);
        if frames > 0 && is_quiet {
            is_quiet = false;
            next_statistics = next_statistics.min(Instant::now() + STATISTICS_INTERVAL);
        }
        if next_statistics <= Instant::now() {
            next_statistics = Instant::now() + interval(is_quiet, &reader.engine);
            (is_news, is_quiet) = (true, true);
            // On a wire that is never silent, too: the clock may have been set back.
            reader.engine.tick(wall_clock());
            if let Err(error) = reader.count_lost() {
                break Err(error.into());
            }
            let store = if handover.is_connected() { "connected" } else { "away: records wait" };
            let status = format!("watching {}, store {store}", watched.summary());
            // Whoever hears it is woken.
            if said != status {
                notify::status(&status);
                said = status;
            }
        }
        if frames == 0 {
            reader.engine.tick(wall_clock());
            hand_over(&mut reader.engine, handover);
            let longest = if others.is_empty() { QUIET_INTERVAL } else { TICK_OF_SEVERAL };
            let longest = if reader.engine.holds_back() { UNTIL_THERE_IS_ROOM } else { longest };
            let limit = next_statistics.saturating_duration_since(Instant::now()).min(longest);
            is_news = reader.wait(follower.as_ref().map(AsFd::as_fd), limit);
        } else {
            hand_over(&mut reader.engine, handover);
        }
        if others.all_move() {
            watchdog.progress();
        }
    };
    drop(end);
    reader.drain();
    let of_others = others.finish(&mut reader.engine);
    hand_over_the_last(&mut reader.engine, handover);
    result.and(of_others)
}

/// The end can make more records than the queue holds: now there is time to wait, but not for ever.
fn hand_over_the_last(engine: &mut Engine, handover: &Handover) {
    let deadline = Instant::now() + LAST_RECORDS;
    end(engine, handover, deadline);
    engine.account(handover.take_dropped());
    let late = || Instant::now() >= deadline;
    engine.take().into_iter().for_each(|record| handover.push_waiting(record, &late));
}

/// Hands over what is under way, a part at a time, each record with room in the queue or when the deadline is over.
fn end(engine: &mut Engine, handover: &Handover, deadline: Instant) {
    let late = || Instant::now() >= deadline;
    engine.finish_into(&mut |records| {
        records.into_iter().for_each(|record| handover.push_waiting(record, &late));
        ControlFlow::Continue(())
    });
}

fn hand_over(engine: &mut Engine, handover: &Handover) {
    if engine.account_is_due() {
        engine.account(handover.take_dropped());
    }
    push(engine, handover);
}

/// Hands over what there is, and of what was held back as much as there is room for.
fn push(engine: &mut Engine, handover: &Handover) {
    engine.make_room(handover.room());
    handover.push(engine.take());
}

/// How long until the kernel is asked again, and the engine told the time.
fn interval(is_quiet: bool, engine: &Engine) -> Duration {
    if is_quiet && !engine.has_flows() { QUIET_INTERVAL } else { STATISTICS_INTERVAL }
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// How long what is held back waits before it is tried again, where no frame comes: in that time the store takes some thousand records.
const UNTIL_THERE_IS_ROOM: Duration = Duration::from_millis(10);
/// How long the last records may wait for room in the queue.
const LAST_RECORDS: Duration = Duration::from_secs(5);
/// How often the kernel is asked what it lost, and the engine told the time. A little more than the second after which the engine reports, so that it is always over.
const STATISTICS_INTERVAL: Duration = Duration::from_millis(1_010);
/// How often where nothing comes and no flow is under way: each wake-up costs, and what is over waits so long to be reported. A thread that is alone waits no
/// longer for frames; the watchdog hears of it three times as often as it must.
const QUIET_INTERVAL: Duration = Duration::from_millis(9_090);

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use headgate_capture::Frame;
    use headgate_record::local::{self, FromSensor, MAX_MESSAGE_BYTES, RECORDS_SOCKET, ToSensor};
    use headgate_record::{Kind, Record};
    use headgate_rules::Rules;
    use headgate_service::{config::Headgate, frame};

    use super::*;
    use crate::handover::MAX_QUEUE;

    /// A million flows that were over within nine seconds became records at once, 645 MiB of them.
    #[test]
    fn a_silent_wire_is_left_alone_only_when_no_flow_is_under_way() {
        let mut engine = Engine::new(Rules::parse(&[]).unwrap(), &Headgate::default());
        assert_eq!(
            (interval(false, &engine), interval(true, &engine)),
            (STATISTICS_INTERVAL, QUIET_INTERVAL)
        );
        let (interface, bytes) = (engine.interface("span0"), datagram(1));
        let frame = Frame { time_ns: 1, wire_len: 42, link: Frame::ETHERNET, tag: None, bytes: &bytes };
        engine.frame(interface, &frame);
        assert_eq!(interval(true, &engine), STATISTICS_INTERVAL);
        engine.tick(u64::try_from(Headgate::default().flows.idle_timeout.seconds().as_nanos()).unwrap() + 2);
        assert_eq!(interval(true, &engine), QUIET_INTERVAL);
    }

    /// What found no room in the queue was once dropped, although the store was there to take it.
    #[test]
    fn the_last_records_wait_for_room_in_the_queue() {
        let sockets = tempfile::tempdir().unwrap();
        let handover = Handover::start(sockets.path()).unwrap();
        handover.push((0..MAX_QUEUE).map(|_| Record::new(Kind::Flow)));
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

    /// Of a million flows that ended within a few seconds a third was dropped: more than the queue holds.
    #[test]
    fn flows_that_are_over_at_once_wait_for_room_in_the_queue() {
        let sockets = tempfile::tempdir().unwrap();
        let handover = Handover::start(sockets.path()).unwrap();
        let flows = 2 * MAX_QUEUE;
        let settings = format!("[tables]\nflows = {flows}\n");
        let settings = headgate_service::config::parse(Path::new("headgate.toml"), &settings).unwrap();
        let mut engine = Engine::new(Rules::parse(&[]).unwrap(), &settings);
        let interface = engine.interface("span0");
        for n in 0..flows {
            let [high, low, ..] = u16::try_from(n % MAX_QUEUE).unwrap().to_be_bytes();
            let mut bytes = datagram(u8::try_from(n / MAX_QUEUE).unwrap());
            (bytes[34], bytes[35]) = (high, low);
            let frame = Frame { time_ns: 1, wire_len: 42, link: Frame::ETHERNET, tag: None, bytes: &bytes };
            engine.frame(interface, &frame);
        }
        // Without a store they fill half of the queue, and no more.
        push(&mut engine, &handover);
        engine.tick(u64::try_from(Headgate::default().flows.idle_timeout.seconds().as_nanos()).unwrap() + 2);
        for _ in 0..MAX_QUEUE / 1_024 {
            push(&mut engine, &handover);
        }
        assert!(engine.holds_back() && handover.room() == 0);
        let socket = sockets.path().join(RECORDS_SOCKET);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let store = std::thread::spawn(move || commit_all(&listener));
        let deadline = Instant::now() + Duration::from_secs(60);
        while engine.holds_back() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            push(&mut engine, &handover);
        }
        assert_eq!(handover.take_dropped(), [0; 3]);
        hand_over_the_last(&mut engine, &handover);
        assert_eq!(handover.finish(Duration::from_secs(60), &|| false), 0);
        assert_eq!(store.join().unwrap(), [flows, 2, 1], "flows, devices, counters");
    }

    /// How many flows, devices and counters records it was given.
    fn commit_all(listener: &UnixListener) -> [usize; 3] {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut through, mut counts) = (0, [0; 3]);
        while let Some(message) = frame::read(&mut stream, MAX_MESSAGE_BYTES).unwrap() {
            if let local::Handover::Records { sets, .. } = FromSensor::decode(&message).unwrap() {
                let records: Vec<Record> = sets.iter().flat_map(|set| set.decode().unwrap()).collect();
                through += u64::try_from(records.len()).unwrap();
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
