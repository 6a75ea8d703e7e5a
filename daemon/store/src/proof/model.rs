//! The store beside a model of it that is small enough to be believed: random lives of both, compared at each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use headgate_record::Class;
use headgate_record::batch::Batch;
use proptest::prelude::*;

use super::site::{NOW_MS, Site, memory, numbers, receipt, record};
use super::{amount, message};
use crate::store::Store;
use crate::{account, ledger, outbox, release, segment};

/// What may happen to a store.
#[derive(Clone, Debug)]
enum Action {
    /// So many records are handed over, after so many that are said again.
    HandOver { records: u64, again: u64 },
    /// Records are handed over as if some before them had been.
    Gap,
    /// The sensor starts anew.
    NewSession,
    /// A batch is made.
    Release,
    /// The oldest batch is fetched and its receipt comes; sometimes one that does not belong to it.
    Receipt { forged: bool },
    /// A month passes.
    Month,
    /// What has to be done from time to time.
    Maintain,
    /// The administrator deletes what is kept of a class.
    Purge { class: Class },
    /// The process is killed and starts again.
    Kill,
    /// The process is stopped and starts again.
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (1_u64..120, 0_u64..4).prop_map(|(records, again)| Action::HandOver { records, again }),
        // So many that the cap is reached.
        3 => (2_000_u64..4_000).prop_map(|records| Action::HandOver { records, again: 0 }),
        1 => Just(Action::Gap),
        1 => Just(Action::NewSession),
        6 => Just(Action::Release),
        5 => any::<bool>().prop_map(|forged| Action::Receipt { forged }),
        1 => Just(Action::Month),
        2 => Just(Action::Maintain),
        1 => prop::sample::select(Class::ALL.to_vec()).prop_map(|class| Action::Purge { class }),
        3 => Just(Action::Kill),
        1 => Just(Action::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: u32::try_from(amount("HEADGATE_TEST_CASES", 12)).unwrap(), max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_store_does_what_its_model_does(actions in prop::collection::vec(action(), 1..40)) {
        let mut world = World::new();
        for action in &actions {
            world.act(action)?;
            world.agrees()?;
        }
        world.ends_well()?;
    }
}

/// What is known of the store: no more than counts and what it said.
struct Model {
    session: [u8; 16],
    /// Records of the session.
    committed: u64,
    /// Records of all sessions, each with a number of its own.
    all: u64,
    /// Records of each batch that was fetched.
    fetched: BTreeMap<u64, Vec<u64>>,
    receipted: BTreeSet<u64>,
}

struct World {
    site: Site,
    directory: tempfile::TempDir,
    store: Option<Store>,
    number: u64,
    now_ms: u64,
    model: Model,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir_in(memory()).unwrap();
        let (all, committed, session) = (0, 0, [0; 16]);
        let model = Model { session, committed, all, fetched: BTreeMap::new(), receipted: BTreeSet::new() };
        let (site, now_ms) = (Site::new(), 1_000_000_000_000);
        let mut world = World { site, directory, store: None, number: 0, now_ms, model };
        world.open();
        world
    }

    fn open(&mut self) {
        let settings = Site::settings(&self.site.config(), self.directory.path(), 300);
        let mut store = Store::open(settings, self.now_ms).unwrap();
        let (number, committed) = store.greet(self.model.session, self.now_ms).unwrap();
        assert_eq!(committed, self.model.committed, "the session goes on where it was");
        (self.number, self.store) = (number, Some(store));
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn act(&mut self, action: &Action) -> Result<(), TestCaseError> {
        self.now_ms += 1_000;
        let (now, session) = (self.now_ms, self.number);
        match action {
            Action::HandOver { records, again } => {
                let first = (self.model.committed + 1).saturating_sub(*again).max(1);
                let before = self.model.all - (self.model.committed + 1 - first);
                let to = before + (self.model.committed + 1 - first) + records;
                // In messages of a thousand, as a sensor would.
                let all: Vec<u64> = (before + 1..=to).collect();
                let mut at = first;
                for part in all.chunks(1_000) {
                    let next = at + u64::try_from(part.len()).unwrap();
                    let records = part.iter().copied().map(record).collect();
                    let through = self.store().hand_over(session, &[message(at, records)], now);
                    prop_assert_eq!(through.unwrap(), next - 1);
                    at = next;
                }
                self.model.committed = at - 1;
                self.model.all = to;
            }
            Action::Gap => {
                let message = message(self.model.committed + 2, vec![record(1)]);
                prop_assert!(self.store().hand_over(session, &[message], now).is_err());
            }
            Action::NewSession => {
                let [count, ..] = self.model.session;
                self.model.session = [count.wrapping_add(1); 16];
                let id = self.model.session;
                let (number, committed) = self.store().greet(id, now).unwrap();
                prop_assert_eq!(committed, 0);
                (self.number, self.model.committed) = (number, 0);
            }
            Action::Release => drop(self.store().release_if_due(now).unwrap()),
            Action::Receipt { forged } => self.fetch(*forged)?,
            Action::Month => self.now_ms += 31 * 24 * 3_600 * 1_000,
            Action::Maintain => self.store().maintain(now).unwrap(),
            Action::Purge { class } => {
                while self.store().purge(Some(*class), u64::MAX, false, now).unwrap()["more"] == true {}
            }
            Action::Kill => {
                // What is in the files now is what a killed process leaves.
                let next = tempfile::tempdir_in(memory()).unwrap();
                for name in ["store.db", "store.db-wal"] {
                    fs::copy(self.directory.path().join(name), next.path().join(name)).unwrap();
                }
                self.store = None;
                self.directory = next;
                self.open();
            }
            Action::Restart => {
                self.store.take().unwrap().close().unwrap();
                self.open();
            }
        }
        Ok(())
    }

    fn fetch(&mut self, forged: bool) -> Result<(), TestCaseError> {
        let now = self.now_ms;
        let Some(batch) = self.store().next_batch(now).unwrap() else { return Ok(()) };
        let content = Batch::decode(&batch).unwrap();
        let (sequence, records) = (content.id.sequence, numbers(&content.records));
        prop_assert!(!self.model.receipted.contains(&sequence), "it was deleted");
        prop_assert!(records.iter().all(|number| *number <= self.model.all), "invented");
        let first = self.model.fetched.entry(sequence).or_insert_with(|| records.clone());
        prop_assert_eq!(&*first, &records, "it has changed");
        let mut answer = receipt(&batch);
        if forged {
            let last = answer.len() - 1;
            answer[last] ^= 1;
        }
        let accepted = self.store().accept(&answer, now).unwrap();
        prop_assert_eq!(accepted.is_ok(), !forged);
        if !forged {
            self.model.receipted.insert(sequence);
        }
        Ok(())
    }

    /// Every record that was committed is in one place, and one only.
    fn agrees(&mut self) -> Result<(), TestCaseError> {
        let db = self.store.as_ref().unwrap().connection();
        let waiting = release::waiting(db).unwrap();
        let (_, in_outbox, _) = outbox::totals(db).unwrap();
        let [withheld, lost, malformed, not_collected] = account::totals(db).unwrap();
        let receipted = self.model.receipted.iter().map(|sequence| self.model.fetched[sequence].len());
        let receipted = u64::try_from(receipted.sum::<usize>()).unwrap();
        let ended = waiting + in_outbox + receipted + sum(&withheld) + sum(&lost);
        prop_assert_eq!(
            ended,
            self.model.all,
            "waiting {}, outbox {}, receipted {}",
            waiting,
            in_outbox,
            receipted
        );
        prop_assert_eq!(sum(&malformed) + sum(&not_collected), 0);
        prop_assert_eq!(segment::missing(db).unwrap(), 0);
        prop_assert_eq!(ledger::verify(db).unwrap().broken_at, None);
        Ok(())
    }

    /// All that waits leaves, and no record leaves twice.
    fn ends_well(&mut self) -> Result<(), TestCaseError> {
        self.now_ms = NOW_MS;
        loop {
            let more = self.store().release_if_due(NOW_MS).unwrap();
            while self.store().next_batch(NOW_MS).unwrap().is_some() {
                self.fetch(false)?;
            }
            if !more {
                break;
            }
        }
        self.agrees()?;
        let mut all: Vec<u64> = self.model.fetched.values().flatten().copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), count, "a record left twice");
        Ok(())
    }
}

fn sum(rows: &serde_json::Value) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row["records"].as_u64().unwrap()).sum()
}
