//! What the fuzzer found stays found: every input below tests/fuzz/found has the property of its target, and so
//! has every beginning of it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::Path;

use fuzz::{Effort, holds};

#[test]
fn every_input_that_the_fuzzer_found_has_its_property() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found");
    let mut tried = 0;
    for target in fs::read_dir(found).unwrap().map(|entry| entry.unwrap().path()) {
        let name = target.file_name().unwrap().to_string_lossy().into_owned();
        for input in fs::read_dir(&target).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            println!("{}", input.display());
            assert!(holds(&name, &fs::read(&input).unwrap(), Effort::All), "there is no target {name}");
            tried += 1;
        }
    }
    assert!(tried > 0);
}
