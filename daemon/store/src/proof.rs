//! What the whole store promises, tried against power cuts and chance: each test works an open [`crate::store::Store`]
//! and compares what is there afterwards with what was said.
//!
//! `HEADGATE_TEST_STATES` and `HEADGATE_TEST_CASES` set how much is tried (`tests/store/run --long`), and
//! `HEADGATE_TEST_SEED` repeats a run.

use headgate_record::Record;
use headgate_record::local::FromSensor;

use crate::prepare::Prepared;

mod aside;
mod disk;
mod expiry;
mod fillings;
mod flips;
mod full;
mod model;
mod outage;
mod power;
mod site;
mod trace;

/// How much is tried: so many, or what the environment says.
fn amount(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// The message by which a sensor hands records over, as the keeper gets it.
fn message(first: u64, records: Vec<Record>) -> Prepared {
    Prepared::of(&FromSensor::Records { first, records }.encode()).unwrap()
}

/// splitmix64, with a seed of its own for each run.
struct Random(u64);

impl Random {
    /// The seed of the environment, or one by the clock.
    fn seed() -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let given = std::env::var("HEADGATE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| now.subsec_nanos().into())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}
