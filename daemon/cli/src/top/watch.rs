//! Asking, beside drawing: an answer that takes long does not hold up the keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use headgate_record::Kind;
use headgate_record::local::ControlRequest;
use headgate_service::exit;
use serde_json::Value;

use super::view::View;
use crate::ask::Store;
use crate::error::CliError;
use crate::health::{self, Finding, Period};

/// What is on the screen.
#[derive(Clone, Default)]
pub(super) struct Look {
    /// The latest status; null before the first.
    pub(super) status: Value,
    /// Nanoseconds since 1970 of when it was asked.
    pub(super) at: u64,
    /// Why the store does not answer, when it does not.
    pub(super) away: Option<String>,
    pub(super) wrong: Vec<Finding>,
    /// Answers for the views that have been seen.
    pub(super) answers: BTreeMap<View, Value>,
    /// By interface, the latest periods, oldest first.
    pub(super) history: BTreeMap<String, Vec<Period>>,
}

/// What the drawing side asks for.
pub(super) enum Wish {
    See(View),
    Pause(bool),
}

/// Starts watching; the looks come until the receiver of them is dropped.
pub(super) fn start(config: &Path, view: View) -> Result<(Sender<Wish>, Receiver<Look>), CliError> {
    let (wishes, wanted) = channel();
    let (news, looks) = sync_channel(WAITING);
    let mut watcher = Watcher::new(config, view);
    let spawned = std::thread::Builder::new().name("watch".into()).spawn(move || watcher.run(&wanted, &news));
    spawned.map_err(|source| CliError::System { step: "start a thread", source })?;
    Ok((wishes, looks))
}

/// One look.
///
/// # Errors
/// As of asking the store.
pub(super) fn once(config: &Path, view: View) -> Result<Look, CliError> {
    let mut watcher = Watcher::new(config, view);
    watcher.ask()?;
    Ok(watcher.look)
}

struct Watcher {
    config: PathBuf,
    view: View,
    is_paused: bool,
    store: Option<Store>,
    look: Look,
    /// When the views may be asked for again.
    due: BTreeMap<View, Instant>,
    /// When the status may be.
    status_due: Instant,
}

impl Watcher {
    fn new(config: &Path, view: View) -> Watcher {
        let (store, look, due) = (None, Look::default(), BTreeMap::new());
        Watcher {
            config: config.into(),
            view,
            is_paused: false,
            store,
            look,
            due,
            status_due: Instant::now(),
        }
    }

    fn run(&mut self, wanted: &Receiver<Wish>, news: &SyncSender<Look>) {
        loop {
            if !self.is_paused {
                if let Err(error) = self.ask() {
                    self.fail(&error);
                }
                // One that finds no room is old soon.
                if let Err(TrySendError::Disconnected(_)) = news.try_send(self.look.clone()) {
                    return;
                }
            }
            match wanted.recv_timeout(EVERY) {
                Ok(Wish::See(view)) => self.view = view,
                Ok(Wish::Pause(is_paused)) => self.is_paused = is_paused,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn fail(&mut self, error: &CliError) {
        self.store = None;
        self.look.away = Some(exit::chain(error));
    }

    /// Asks what is due.
    fn ask(&mut self) -> Result<(), CliError> {
        let now = Instant::now();
        if self.status_due <= now {
            let status = self.question(&ControlRequest::Status)?;
            self.status_due = again(now, EVERY);
            self.look.at = nanoseconds_now();
            self.look.wrong = health::findings(&status);
            self.look.wrong.extend(health::clock());
            remember(&mut self.look.history, &status);
            self.look.status = status;
            self.look.away = None;
        }
        let now = Instant::now();
        if let Some(request) = question_of(self.view)
            && self.due.get(&self.view).is_none_or(|due| *due <= now)
        {
            let answer = self.question(&request)?;
            self.due.insert(self.view, again(now, VIEW_EVERY));
            self.look.answers.insert(self.view, answer);
        }
        Ok(())
    }

    /// Asks on the open connection; on a new one when there is none, or the store has closed it because nobody asked.
    fn question(&mut self, request: &ControlRequest) -> Result<Value, CliError> {
        if let Some(mut store) = self.store.take()
            && let Ok(answer) = store.ask(request)
        {
            self.store = Some(store);
            return Ok(answer);
        }
        let mut store = Store::connect(&self.config)?;
        let answer = store.ask(request)?;
        self.store = Some(store);
        Ok(answer)
    }
}

/// When something may be asked again that was asked at this time.
fn again(asked: Instant, every: Duration) -> Instant {
    let took = asked.elapsed();
    // A little less than the time between two rounds, so that the next round is not missed.
    asked + (took * SHARE).max(every.saturating_sub(Duration::from_millis(100)))
}

fn question_of(view: View) -> Option<ControlRequest> {
    let records = |kind: Kind| ControlRequest::Records { kind: kind.name().into(), limit: MAX_ROWS };
    match view {
        View::Devices => Some(records(Kind::Device)),
        View::Neighbors => Some(records(Kind::Neighbor)),
        View::Traffic => Some(records(Kind::Flow)),
        View::Losses => None,
        View::Sent => Some(ControlRequest::Ledger { limit: MAX_ENTRIES }),
    }
}

/// Adds the periods of a status that are not known yet.
fn remember(history: &mut BTreeMap<String, Vec<Period>>, status: &Value) {
    for period in status["counters"].as_array().into_iter().flatten().filter_map(Period::of) {
        if !history.contains_key(&period.interface) && history.len() >= MAX_INTERFACES {
            continue;
        }
        let known = history.entry(period.interface.clone()).or_default();
        match known.binary_search_by_key(&period.from, |known| known.from) {
            Ok(at) => {
                if let Some(known) = known.get_mut(at) {
                    *known = period;
                }
            }
            Err(at) => known.insert(at, period),
        }
        let too_many = known.len().saturating_sub(MAX_PERIODS);
        known.drain(..too_many);
    }
}

fn nanoseconds_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(1);
/// Between two questions for the records of a view.
const VIEW_EVERY: Duration = Duration::from_secs(2);
/// The store may be busy with a question for one part in so many of the time.
const SHARE: u32 = 20;
/// Looks that nobody has drawn yet.
const WAITING: usize = 2;
/// Most records of a view.
const MAX_ROWS: u32 = 2_000;
/// Most entries of the ledger.
const MAX_ENTRIES: u32 = 200;
/// Most interfaces whose periods are remembered, and most periods of each.
const MAX_INTERFACES: usize = 64;
const MAX_PERIODS: usize = 240;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn periods_are_remembered_once_and_in_order_and_not_for_ever() {
        let row = |at: u64| {
            let time = |s: u64| headgate_record::Value::Time(s * 1_000_000_000).to_string();
            json!({ "interface": "eth1", "from": time(at), "to": time(at + 1), "frames": at, "bytes": 0, "frames_lost": 0 })
        };
        let mut history = BTreeMap::new();
        remember(&mut history, &json!({ "counters": [row(5), row(4)] }));
        remember(&mut history, &json!({ "counters": [row(6), row(5)] }));
        let frames = |history: &BTreeMap<String, Vec<Period>>| -> Vec<u64> {
            history["eth1"].iter().map(|period| period.frames).collect()
        };
        assert_eq!(frames(&history), [4, 5, 6]);
        for at in 7..1_000 {
            remember(&mut history, &json!({ "counters": [row(at)] }));
        }
        assert_eq!((frames(&history).len(), frames(&history).first()), (MAX_PERIODS, Some(&760)));
    }

    #[test]
    fn what_took_long_is_asked_again_later() {
        let asked = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        assert!(again(asked, EVERY).duration_since(asked) >= Duration::from_secs(20));
        let now = Instant::now();
        assert!(again(now, EVERY).duration_since(now) >= Duration::from_millis(900));
    }
}
