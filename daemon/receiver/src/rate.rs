//! How often one address may try: a bucket for each, of which some tries are taken and which fills slowly.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Buckets of the addresses that tried lately.
pub struct Rate {
    buckets: HashMap<u64, Bucket>,
}

struct Bucket {
    left: u32,
    /// When it last got a try back.
    filled: Instant,
}

impl Rate {
    /// Nobody has tried.
    pub fn new() -> Rate {
        Rate { buckets: HashMap::new() }
    }

    /// Whether `address` may try at `now`; if so, that is one try. Of IPv6 a network of 64 bits is one address.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.buckets.len() >= MAX_BUCKETS {
            // Those that are full say nothing; where none is, everyone who is new waits.
            self.buckets.retain(|_, bucket| bucket.fill(now) < TRIES);
        }
        let is_full = self.buckets.len() >= MAX_BUCKETS;
        let key = key(address);
        if is_full && !self.buckets.contains_key(&key) {
            return false;
        }
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: TRIES, filled: now });
        if bucket.fill(now) == 0 {
            return false;
        }
        bucket.left = bucket.left.saturating_sub(1);
        true
    }
}

impl Bucket {
    /// How many tries there are by now.
    fn fill(&mut self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.filled);
        let back = u32::try_from(since.as_millis() / EACH.as_millis()).unwrap_or(u32::MAX);
        if back > 0 {
            self.left = self.left.saturating_add(back).min(TRIES);
            self.filled = now;
        }
        self.left
    }
}

fn key(address: IpAddr) -> u64 {
    match address.to_canonical() {
        // Apart from every network of IPv6 that there is.
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX),
    }
}

/// Tries of an address at once.
const TRIES: u32 = 10;
/// After so long there is one more.
const EACH: Duration = Duration::from_secs(6);
/// Most addresses that are remembered.
const MAX_BUCKETS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u32) -> IpAddr {
        IpAddr::V4((0xc000_0200 + last).into())
    }

    #[test]
    fn an_address_has_ten_tries_and_gets_one_back_after_six_seconds() {
        let (mut rate, now) = (Rate::new(), Instant::now());
        assert!((0..TRIES).all(|_| rate.admit(v4(1), now)));
        assert!(!rate.admit(v4(1), now));
        assert!(rate.admit(v4(2), now), "another address");
        assert!(!rate.admit(v4(1), now + EACH / 2));
        assert!(rate.admit(v4(1), now + EACH));
        assert!(!rate.admit(v4(1), now + EACH));
        let later = now + EACH * 1_000;
        assert!((0..TRIES).all(|_| rate.admit(v4(1), later)));
        assert!(!rate.admit(v4(1), later));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (mut rate, now) = (Rate::new(), Instant::now());
        let address = |last: u128| IpAddr::V6(((0x2001_0db8_u128 << 96) + last).into());
        assert!((0..u128::from(TRIES)).all(|last| rate.admit(address(last), now)));
        assert!(!rate.admit(address(99), now));
        assert!(rate.admit(address(1 << 64), now));
    }

    #[test]
    fn so_many_addresses_are_remembered_and_no_more() {
        let (mut rate, now) = (Rate::new(), Instant::now());
        for last in 0..u32::try_from(MAX_BUCKETS).unwrap() {
            assert!(rate.admit(v4(last), now));
        }
        assert!(!rate.admit(v4(1 << 20), now));
        assert!(rate.admit(v4(7), now), "one that is known goes on");
        assert!(rate.admit(v4(1 << 20), now + EACH * 2));
        assert_eq!(rate.buckets.len(), 1);
    }
}
