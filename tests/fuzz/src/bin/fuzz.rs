//! The fuzzer: `HEADGATE_FUZZ_TARGET=NAME fuzz ...` with the arguments of libFuzzer, or `fuzz seeds INTO
//! CAPTURES...`. See `tests/fuzz/run`.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use headgate_fuzz::{Effort, holds, seeds};

static TARGET: LazyLock<String> = LazyLock::new(|| std::env::var("HEADGATE_FUZZ_TARGET").unwrap_or_default());

fn start() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == "seeds") {
        let into = PathBuf::from(args.next().unwrap_or_default());
        seeds::make(&into, &args.map(PathBuf::from).collect::<Vec<_>>()).expect("seeds");
        std::process::exit(0);
    }
}

libfuzzer_sys::fuzz_target!(init: start(), |octets: &[u8]| {
    assert!(holds(&TARGET, octets, Effort::Some), "there is no target {}", *TARGET);
});
