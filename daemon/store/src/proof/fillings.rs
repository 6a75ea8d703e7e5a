//! Two fillings of the tail: what is handed over goes into the next while one is made ready for segments.

use std::thread;
use std::time::Duration;

use super::message;
use super::site::{NOW_MS, Site, record};
use crate::store::Store;

/// It shares their commit, and nobody waits for it.
#[test]
fn the_older_filling_is_in_segments_with_a_hand_over_that_comes_behind_it() {
    const OLDER: u64 = 50;
    let site = Site::new();
    let settings = Site::patient(&site.config(), &site.path("store"), 20);
    let mut store = Store::open(settings, NOW_MS).unwrap();
    let (session, _) = store.greet([1; 16], NOW_MS).unwrap();
    // The first makes the keys.
    let mut next = 1;
    let mut hand_over = |store: &mut Store, records: u64| {
        let given = message(next, (next..next + records).map(record).collect());
        next += records;
        assert_eq!(store.hand_over(session, &[given], NOW_MS).unwrap(), next - 1);
    };
    hand_over(&mut store, 1);
    let before = store.records_in_tail();
    hand_over(&mut store, OLDER - before);
    assert_eq!(store.records_in_tail(), OLDER);
    assert!(store.turn_tail(0));
    // By the store's clock no time passes: nothing of it is due.
    let mut behind = 0;
    while store.records_in_tail() > behind {
        assert!(behind < PATIENCE, "the older filling still waits");
        thread::sleep(Duration::from_millis(1));
        hand_over(&mut store, 1);
        behind += 1;
    }
    assert_eq!(store.records_in_tail(), behind);
    store.close().unwrap();
}

/// Hand-overs, and milliseconds, within which a thread makes fifty records ready.
const PATIENCE: u64 = 5_000;
