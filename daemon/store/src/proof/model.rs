//! The store beside a model of it that is small enough to be believed: random lives of both, compared at each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use headgate_record::batch::Batch;
use headgate_record::subject::{self, Who};
use headgate_record::{Class, Kind};
use headgate_service::credential;
use proptest::prelude::*;

use self::persons::{Persons, names};
use super::site::{NOW_MS, Site, mac, memory, numbers, receipt, record, verify_ledger};
use super::{amount, message};
use crate::database::{get_number, meta};
use crate::keys::{Keys, Rotation};
use crate::master::MasterKey;
use crate::segment::Kept;
use crate::store::Store;
use crate::{Error, account, kept, ledger, outbox, release, segment, sign};

mod persons;

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
    /// What waits is made ready for segments, while more is handed over.
    Turn,
    /// The administrator deletes what is kept of a class.
    Purge { class: Class },
    /// Whom the record of this number is about is erased.
    Erase { number: u64 },
    /// A value of all records of a kind about this person is set right.
    Correct { number: u64, kind: Kind },
    /// Keys of a new epoch are used.
    Rotate(Rotation),
    /// Another master key is used. Sometimes the machine fails before the files are exchanged.
    RotateMaster { exchanged: bool },
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
        3 => Just(Action::Turn),
        1 => prop::sample::select(Class::ALL.to_vec()).prop_map(|class| Action::Purge { class }),
        3 => any::<u64>().prop_map(|number| Action::Erase { number }),
        2 => (any::<u64>(), prop::sample::select(vec![Kind::Device, Kind::Flow]))
            .prop_map(|(number, kind)| Action::Correct { number, kind }),
        2 => prop::sample::select(Rotation::EACH.to_vec()).prop_map(Action::Rotate),
        1 => any::<bool>().prop_map(|exchanged| Action::RotateMaster { exchanged }),
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
    /// Sequence of the last batch.
    made: u64,
    persons: Persons,
    /// The key by which anyone verifies the ledger, once there is one.
    ledger_key: Option<String>,
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
        let (fetched, receipted, persons) = (BTreeMap::new(), BTreeSet::new(), Persons::default());
        let model = Model { session, committed, all, fetched, receipted, made: 0, persons, ledger_key: None };
        let (site, now_ms) = (Site::new(), 1_000_000_000_000);
        let mut world = World { site, directory, store: None, number: 0, now_ms, model };
        world.open();
        world
    }

    fn open(&mut self) {
        let settings = Site::patient(&self.site.config(), self.directory.path(), 300);
        let mut store = Store::open(settings, self.now_ms).unwrap();
        let (number, committed) = store.greet(self.model.session, self.now_ms).unwrap();
        assert_eq!(committed, self.model.committed, "the session goes on where it was");
        (self.number, self.store) = (number, Some(store));
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn act(&mut self, action: &Action) -> Result<(), TestCaseError> {
        // Less than a hand-over may wait, so that some do.
        self.now_ms += 40;
        let (now, session) = (self.now_ms, self.number);
        match action {
            Action::HandOver { records, again } => {
                let (committed, all) = (self.model.committed, self.model.all);
                let again = (*again).min(committed);
                let message = |at, from: u64, to: u64| [message(at, (from + 1..=to).map(record).collect())];
                if again > 0 {
                    // What is committed is skipped as a whole, and not told apart from what comes behind it.
                    let (first, before) = (committed + 1 - again, all - again);
                    let through = self.store().hand_over(session, &message(first, before, all), now);
                    prop_assert_eq!(through.unwrap(), committed);
                    let mixed = self.store().hand_over(session, &message(first, before, all + 1), now);
                    let is_gap = matches!(mixed, Err(Error::Gap { .. }));
                    prop_assert!(is_gap);
                }
                let (to, mut at) = (all + records, committed + 1);
                // In messages of a thousand, as a sensor would.
                for from in (all..to).step_by(1_000) {
                    let part = message(at, from, to.min(from + 1_000));
                    at += part[0].records;
                    let through = self.store().hand_over(session, &part, now);
                    prop_assert_eq!(through.unwrap(), at - 1);
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
            Action::Release => drop(self.release()),
            Action::Receipt { forged } => self.fetch(*forged)?,
            Action::Turn => {
                self.store().turn_tail(2);
            }
            Action::Month => self.now_ms += 31 * 24 * 3_600 * 1_000,
            Action::Maintain => {
                self.store().maintain(now).unwrap();
                kept::keep_up(self.store().connection()).unwrap();
            }
            Action::Purge { class } => {
                while self.store().purge(Some(*class), u64::MAX, false, now).unwrap()["more"] == true {}
            }
            Action::Erase { number } => self.erase(*number)?,
            Action::Correct { number, kind } => self.correct(*number, *kind)?,
            Action::Rotate(rotation) => self.rotate(*rotation)?,
            Action::RotateMaster { exchanged } => self.rotate_master(*exchanged)?,
            Action::Kill => {
                // What is in the files now is what a killed process leaves.
                let next = tempfile::tempdir_in(memory()).unwrap();
                for name in ["store.db", "store.db-wal"] {
                    fs::copy(self.directory.path().join(name), next.path().join(name)).unwrap();
                }
                self.store = None;
                self.directory = next;
                self.open();
                self.kept()?;
            }
            Action::Restart => {
                self.store.take().unwrap().close().unwrap();
                self.open();
                self.kept()?;
            }
        }
        Ok(())
    }

    /// Makes a batch where one is due. Gives whether there is more.
    fn release(&mut self) -> bool {
        let (now, period) = (self.now_ms, self.period());
        let more = self.store().release_if_due(now).unwrap();
        let sequence = get_number(self.store().connection(), meta::SEQUENCE).unwrap();
        if sequence > self.model.made {
            self.model.made = sequence;
            self.model.persons.made(sequence, period);
        }
        more
    }

    fn erase(&mut self, number: u64) -> Result<(), TestCaseError> {
        let (now, through, person) = (self.now_ms, self.model.all, mac(number));
        let known = self.kept()?.iter().any(|kept| names(&kept.record, person));
        let period = self.period();
        match self.store().subject(&Who::Mac(person.to_string()), &subject::Action::Erase, now) {
            // Of whom nothing is kept any more, something may have left.
            Ok(done) => {
                prop_assert!(known || self.model.made > 0, "nothing is kept of {}", person);
                prop_assert_eq!(done["rows"] != 0, known);
                self.model.persons.erased(person, through, period);
            }
            Err(Error::NobodyFound) => {
                prop_assert!(!known && self.model.made == 0, "{} is not found", person);
            }
            Err(error) => panic!("{error:?}"),
        }
        self.kept().map(drop)
    }

    fn correct(&mut self, number: u64, kind: Kind) -> Result<(), TestCaseError> {
        let (now, through, person) = (self.now_ms, self.model.all, mac(number));
        let field = if kind == Kind::Device { "device.hostname" } else { "flow.service" };
        let value = format!("right-{now}");
        let of_kind = |kept: &Kept| kept.record.kind() == kind && names(&kept.record, person);
        let (known, before) = {
            let kept = self.kept()?;
            (
                kept.iter().any(|kept| names(&kept.record, person)),
                kept.iter().filter(|kept| of_kind(kept)).count(),
            )
        };
        let action = subject::Action::Correct { field: field.to_owned(), value: value.clone() };
        match self.store().subject(&Who::Mac(person.to_string()), &action, now) {
            Ok(_) => {
                // A name may be known of whom only flows are left.
                prop_assert!(before > 0 || (known && kind == Kind::Device));
                self.model.persons.corrected(person, kind, through, value);
            }
            Err(Error::NobodyFound) => prop_assert!(!known),
            Err(Error::NothingCorrected) => prop_assert!(known && before == 0),
            Err(error) => panic!("{error:?}"),
        }
        self.kept().map(drop)
    }

    fn rotate(&mut self, rotation: Rotation) -> Result<(), TestCaseError> {
        let now = self.now_ms;
        let epochs = |keys: &Keys| (keys.present(), keys.pseudonym_epoch(), keys.blind_epoch());
        let before = epochs(self.store().keys());
        self.store().rotate(rotation, now).unwrap();
        let after = epochs(self.store().keys());
        let changed = [before.0 < after.0, before.1 < after.1, before.2 < after.2];
        let expected = [Rotation::Data, Rotation::Pseudonym, Rotation::Blind];
        prop_assert_eq!(changed, expected.map(|one| one == rotation || rotation == Rotation::All));
        self.kept().map(drop)
    }

    fn rotate_master(&mut self, exchanged: bool) -> Result<(), TestCaseError> {
        let (now, credentials) = (self.now_ms, self.site.path("credentials"));
        let (master, next) =
            (credentials.join(credential::MASTER_KEY), credentials.join(credential::NEXT_MASTER_KEY));
        if next.exists() {
            fs::rename(&next, &master).unwrap();
        }
        let old = MasterKey::read(&credentials).unwrap();
        MasterKey::create_next(&credentials).unwrap();
        self.store().rotate_master(now).unwrap();
        let db = self.store().connection();
        let database = ledger::identity(db).unwrap();
        prop_assert!(
            Keys::load(db, &old, database, now).is_err(),
            "the old master key still opens the store"
        );
        if exchanged {
            fs::rename(&next, &master).unwrap();
        }
        self.kept().map(drop)
    }

    /// The present period of pseudonyms.
    fn period(&mut self) -> u64 {
        self.store().keys().pseudonym_epoch()
    }

    /// All records that are kept: each says of its person what it should.
    fn kept(&mut self) -> Result<Vec<Kept>, TestCaseError> {
        let (now, World { store, model, .. }) = (self.now_ms, self);
        let store = store.as_mut().unwrap();
        store.absorb(now).unwrap();
        let mut all = Vec::new();
        for segment in segment::after(store.connection(), 0, u32::MAX).unwrap() {
            all.extend(segment::open(store.connection(), store.keys(), &segment).unwrap());
        }
        let mut counted = BTreeMap::new();
        for kept in &all {
            model.persons.is_kept_well(kept).map_err(TestCaseError::fail)?;
            *counted.entry(kept.record.kind()).or_default() += 1;
        }
        let mut told = kept::records(store.connection()).unwrap();
        told.retain(|_, records| *records > 0);
        prop_assert_eq!(told, counted, "kept, by kind");
        Ok(all)
    }

    fn fetch(&mut self, forged: bool) -> Result<(), TestCaseError> {
        let now = self.now_ms;
        let Some(batch) = self.store().next_batch(now).unwrap() else { return Ok(()) };
        let content = Batch::decode(&batch).unwrap();
        let (sequence, records) = (content.id.sequence, numbers(&content.records));
        prop_assert!(!self.model.receipted.contains(&sequence), "it was deleted");
        prop_assert!(records.iter().all(|number| *number <= self.model.all), "invented");
        let Model { persons, fetched, .. } = &mut self.model;
        let erased = records.iter().find(|number| !persons.may_leave(**number, sequence));
        prop_assert_eq!(erased, None, "the record is of somebody who was erased");
        persons.heard(&content).map_err(TestCaseError::fail)?;
        let first = fetched.entry(sequence).or_insert_with(|| records.clone());
        // Only what is erased may have gone from it.
        first.retain(|number| persons.may_leave(*number, sequence));
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
        let store = self.store.as_ref().unwrap();
        let db = store.connection();
        let waiting = release::waiting(db).unwrap() + store.records_in_tail();
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
        prop_assert_eq!(ledger::verify(db, u32::MAX).unwrap().broken_at, None);
        let key = sign::public_key(db, self.store.as_ref().unwrap().keys()).unwrap();
        let known = self.model.ledger_key.get_or_insert_with(|| key.clone().unwrap_or_default());
        prop_assert_eq!(Some(&*known), key.as_ref(), "the ledger is signed by another key");
        Ok(())
    }

    /// All that waits leaves, and no record leaves twice.
    fn ends_well(&mut self) -> Result<(), TestCaseError> {
        self.now_ms = NOW_MS;
        loop {
            let more = self.release();
            while self.store().next_batch(NOW_MS).unwrap().is_some() {
                self.fetch(false)?;
            }
            if !more {
                break;
            }
        }
        self.agrees()?;
        self.kept()?;
        prop_assert!(self.model.persons.are_forgotten(), "the receiver was not told whom to forget");
        let key = self.model.ledger_key.as_deref().unwrap();
        verify_ledger(self.store.as_ref().unwrap().connection(), key).map_err(TestCaseError::fail)?;
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
