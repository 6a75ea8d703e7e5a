//! More that is too old than goes at a look.

use std::time::Duration;

use headgate_record::Record;

use super::message;
use super::site::{Site, memory, record};
use crate::clock::simulated;
use crate::retain::CHUNK;
use crate::store::Store;

const START_MS: u64 = 1_800_000_000_000;
/// Longer than anything is kept.
const LATER_MS: u64 = START_MS + 400 * 24 * 60 * 60 * 1_000;
const HAND_OVERS: u64 = 150;

fn segments(store: &Store) -> usize {
    let count: i64 = store.connection().query_row("SELECT COUNT(*) FROM segment", [], |r| r.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

/// Hands over the three records behind `given`: state and bulk, a segment each.
fn hand_over(store: &mut Store, session: u64, given: &mut u64, now_ms: u64) {
    let records: Vec<Record> = (*given + 1..=*given + 3).map(record).collect();
    let message = message(*given + 1, records);
    *given += 3;
    assert_eq!(store.hand_over(session, &[message], now_ms).unwrap(), *given);
    // What waits for others in the tail becomes a segment of each class.
    store.absorb(now_ms).unwrap();
}

/// Sixty-four a second were a gibibyte in hours.
#[test]
fn what_is_too_old_goes_in_small_looks_that_follow_each_other_while_nobody_comes() {
    simulated::boot(1, START_MS);
    let (site, directory) = (Site::new(), tempfile::tempdir_in(memory()).unwrap());
    let mut settings = Site::settings(&site.config(), directory.path(), 300);
    settings.cap = 64 << 20;
    let mut store = Store::open(settings, START_MS).unwrap();
    let (session, _) = store.greet([7; 16], START_MS).unwrap();
    let mut given = 0;
    for number in 0..HAND_OVERS {
        hand_over(&mut store, session, &mut given, START_MS + number);
    }
    let all = segments(&store);
    assert!(all > 4 * CHUNK, "{all}");
    store.expire_on(LATER_MS).unwrap();
    assert_eq!(segments(&store), all, "nothing is known to be too old before the first look");
    store.maintain(LATER_MS).unwrap();
    assert_eq!(segments(&store), all - CHUNK);
    // Whoever hands over is served between two looks, and what is new stays.
    hand_over(&mut store, session, &mut given, LATER_MS);
    let new = segments(&store) - (all - CHUNK);
    assert!(new > 0);

    let mut looks = 1;
    while store.rest(LATER_MS).unwrap() == Duration::ZERO {
        let before = segments(&store);
        store.expire_on(LATER_MS).unwrap();
        looks += 1;
        assert!(before - segments(&store) <= CHUNK);
        assert!(looks <= all / CHUNK + 1, "it ends");
    }
    assert_eq!((segments(&store), looks), (new, all / CHUNK + 1));
    store.expire_on(LATER_MS).unwrap();
    assert_eq!(segments(&store), new);
    simulated::end();
}
