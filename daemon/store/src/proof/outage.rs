//! Thirty days in which no receipt comes, in simulated time, and what arrives afterwards.
//!
//! `HEADGATE_TEST_HAND_OVERS` says in how many hand-overs an hour's records come.

use std::collections::BTreeMap;

use headgate_record::Kind;
use headgate_record::batch::Batch;
use rusqlite::Connection;

use super::site::{Site, memory, number, receipt, record, verify_ledger};
use super::{amount, message};
use crate::clock::simulated;
use crate::store::Store;
use crate::{account, kept, outbox, release, segment, sign};

const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const START_MS: u64 = 1_800_000_000_000;
const BATCH: usize = 300;
/// Class and reason, or kind and reason, and how many records.
type Counts = BTreeMap<String, u64>;

/// A site whose receiver is away.
struct Away {
    site: Site,
    directory: tempfile::TempDir,
    store: Option<Store>,
    session: u64,
    cap: u64,
    now_ms: u64,
    given: u64,
    most_on_disk: u64,
    most_in_outbox: u64,
}

/// What the receiver has of it afterwards.
#[derive(Default)]
struct Arrived {
    batches: u64,
    numbers: BTreeMap<Kind, Vec<u64>>,
    withheld: Counts,
    lost: Counts,
}

/// A store too small for it gives up by class, and says so.
#[test]
fn after_thirty_days_away_what_a_small_store_still_has_comes_in_order_and_the_rest_is_told() {
    // The least that a configuration may ask for, and more than that of what nothing makes smaller.
    let mut away = Away::since_a_month(16 << 20, 180);
    let arrived = away.catch_up();
    let [withheld, lost, ..] = away.totals();
    assert_eq!(
        lost.keys().collect::<Vec<_>>(),
        ["bulk buffer-full"],
        "state outlives bulk, and nothing is too old"
    );
    assert_eq!(
        (&arrived.lost, &arrived.withheld),
        (&lost, &withheld),
        "what the receiver is told is what is so"
    );
    let released: usize = arrived.numbers.values().map(Vec::len).sum();
    assert_eq!(u64::try_from(released).unwrap() + sum(&withheld) + sum(&lost), away.given);
    // Of what was kept the newest, and of state all that may leave.
    let (flows, devices) = (&arrived.numbers[&Kind::Flow], &arrived.numbers[&Kind::Device]);
    assert!(flows.last().unwrap() + 12 > away.given, "{:?} of {}", flows.last(), away.given);
    let withheld_devices = withheld.iter().filter(|(what, _)| what.starts_with("device ")).map(|(_, n)| n);
    assert_eq!(u64::try_from(devices.len()).unwrap() + withheld_devices.sum::<u64>(), away.given / 3);
    away.tell("16 MiB", &arrived, sum(&lost));
}

/// Where there is room nothing is lost; and what has its receipt goes when it is too old, and not before.
#[test]
fn after_thirty_days_away_all_that_was_seen_comes_in_order_where_there_is_room() {
    let mut away = Away::since_a_month(64 << 20, 30);
    let arrived = away.catch_up();
    let [withheld, lost, ..] = away.totals();
    assert_eq!((lost, &arrived.lost), (Counts::new(), &Counts::new()));
    assert_eq!(arrived.withheld, withheld);
    let mut all: Vec<u64> = arrived.numbers.values().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(u64::try_from(all.len()).unwrap() + sum(&withheld), away.given);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "a record came twice");
    assert_eq!(away.kept(), away.given, "local history stays");
    away.tell("64 MiB", &arrived, 0);
    // The store goes by the simulated time: after sixty days the first of it is too old, after ninety all.
    away.days(31);
    let left = away.kept();
    assert!(left > 0 && left < away.given, "{left} of {}", away.given);
    away.days(31);
    assert_eq!(away.kept(), 0);
    assert_eq!(away.totals()[1], Counts::new(), "nothing that is too old was lost");
}

impl Away {
    /// Thirty days with so many records an hour, and a reboot in the middle of them.
    fn since_a_month(cap: u64, an_hour: u64) -> Away {
        let (site, directory) = (Site::new(), tempfile::tempdir_in(memory()).unwrap());
        simulated::boot(1, START_MS);
        let (store, session) = open(&site, &directory, cap, START_MS);
        let [given, most_on_disk, most_in_outbox] = [0; 3];
        let now_ms = START_MS;
        let store = Some(store);
        let mut away =
            Away { site, directory, store, session, cap, now_ms, given, most_on_disk, most_in_outbox };
        let hand_overs = u64::try_from(amount("HEADGATE_TEST_HAND_OVERS", 1)).unwrap().clamp(1, an_hour);
        for hour in 0..30 * 24 {
            if hour == 15 * 24 {
                away.reboot();
            }
            for _ in 0..hand_overs {
                away.now_ms += HOUR_MS / hand_overs;
                away.hand_over(an_hour / hand_overs);
            }
        }
        away
    }

    fn hand_over(&mut self, records: u64) {
        let first = self.given + 1;
        self.given += records;
        let message = message(first, (first..=self.given).map(record).collect());
        let (session, now) = (self.session, self.now_ms);
        let through = self.store().hand_over(session, &[message], now).unwrap();
        assert_eq!(through, self.given);
        while self.store().release_if_due(now).unwrap() {
            self.look();
        }
        self.store().maintain(now).unwrap();
        self.look();
    }

    /// The machine is off for ten minutes.
    fn reboot(&mut self) {
        self.store.take().unwrap().close().unwrap();
        self.now_ms += 10 * 60 * 1_000;
        simulated::boot(2, self.now_ms);
        let (store, session) = open(&self.site, &self.directory, self.cap, self.now_ms);
        (self.store, self.session) = (Some(store), session);
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn connection(&self) -> &Connection {
        self.store.as_ref().unwrap().connection()
    }

    /// Nothing comes any more, and time goes on.
    fn days(&mut self, days: u64) {
        for _ in 0..days {
            self.now_ms += DAY_MS;
            // So often in a row, as far as there is something to do, deletes a store what is too old.
            for _ in 0..8 {
                self.now_ms += 1_000;
                let now = self.now_ms;
                self.store().maintain(now).unwrap();
            }
        }
    }

    /// What the store takes now.
    fn look(&mut self) {
        let files = ["store.db", "store.db-wal", "store.db-shm"];
        let sizes = files.iter().filter_map(|file| self.directory.path().join(file).metadata().ok());
        let on_disk = sizes.map(|metadata| metadata.len()).sum();
        assert!(on_disk <= self.cap, "{on_disk} of {} on disk after {} records", self.cap, self.given);
        let (_, _, octets) = outbox::totals(self.connection()).unwrap();
        self.most_on_disk = self.most_on_disk.max(on_disk);
        self.most_in_outbox = self.most_in_outbox.max(octets);
    }

    /// The receiver is back: it takes all that waits, one batch after the other.
    fn catch_up(&mut self) -> Arrived {
        self.now_ms += 1_000;
        let (now, mut arrived) = (self.now_ms, Arrived::default());
        loop {
            let made = self.store().release_if_due(now).unwrap();
            let before = arrived.batches;
            while let Some(batch) = self.store().next_batch(now).unwrap() {
                arrived.take(&batch);
                let accepted = self.store().accept(&receipt(&batch), now).unwrap();
                assert_eq!(accepted, Ok(arrived.batches));
                self.look();
            }
            // With a full outbox none is made before some have left.
            if !made && arrived.batches == before {
                break;
            }
        }
        let db = self.connection();
        assert_eq!(release::waiting(db).unwrap(), 0);
        assert_eq!(outbox::totals(db).unwrap(), (0, 0, 0));
        assert_eq!(segment::missing(db).unwrap(), 0);
        let key = sign::public_key(db, self.store.as_ref().unwrap().keys()).unwrap().unwrap();
        verify_ledger(db, &key).unwrap();
        arrived
    }

    /// Withheld, lost, malformed, not collected.
    fn totals(&self) -> [Counts; 4] {
        account::totals(self.connection()).unwrap().map(|rows| {
            let rows = rows.as_array().unwrap().iter();
            let named = rows.map(|row| {
                let of = row["class"].as_str().or(row["kind"].as_str()).unwrap_or_default();
                (format!("{of} {}", row["reason"].as_str().unwrap()), row["records"].as_u64().unwrap())
            });
            named.collect()
        })
    }

    fn kept(&self) -> u64 {
        kept::records(self.connection()).unwrap().values().sum()
    }

    fn tell(&self, cap: &str, arrived: &Arrived, lost: u64) {
        let Away { given, most_on_disk, most_in_outbox, .. } = self;
        println!(
            "{cap}: {given} records in 30 days; {} batches, {lost} records lost and told; at most {most_on_disk} octets on disk, \
             {most_in_outbox} of them in the outbox",
            arrived.batches
        );
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        simulated::end();
    }
}

impl Arrived {
    /// A batch comes: the next one, with later records of each kind than all before.
    fn take(&mut self, batch: &[u8]) {
        let batch = Batch::decode(batch).unwrap();
        self.batches += 1;
        assert_eq!(batch.id.sequence, self.batches, "no gap, and none before its turn");
        for record in &batch.records {
            let (numbers, number) = (self.numbers.entry(record.kind()).or_default(), number(record).unwrap());
            assert!(numbers.last().is_none_or(|last| *last < number), "{number} after {:?}", numbers.last());
            numbers.push(number);
        }
        for lost in batch.lost {
            *self.lost.entry(format!("{} {}", lost.class.name(), lost.reason)).or_default() += lost.records;
        }
        for withheld in batch.withheld {
            let what = format!("{} {}", withheld.kind.name(), withheld.reason);
            *self.withheld.entry(what).or_default() += withheld.records;
        }
    }
}

fn open(site: &Site, directory: &tempfile::TempDir, cap: u64, now_ms: u64) -> (Store, u64) {
    let mut settings = Site::settings(&site.config(), directory.path(), BATCH);
    settings.cap = cap;
    let mut store = Store::open(settings, now_ms).unwrap();
    let (session, _) = store.greet([1; 16], now_ms).unwrap();
    (store, session)
}

fn sum(counts: &Counts) -> u64 {
    counts.values().sum()
}
