//! Waiting for what may take long.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, Site};

/// Waits until what the status says is over, however long, as long as a number that it gives beside that changes now and then.
pub fn wait_while_it_goes_on(site: &Site, state: impl Fn(&Value) -> (bool, u64)) {
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let status = site.ask(&["status"]).unwrap();
        let (is_over, number) = state(&status);
        if is_over {
            return;
        }
        if number != last {
            (last, moved) = (number, Instant::now());
        }
        assert!(moved.elapsed() < PATIENCE, "nothing goes on any more: {status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
