//! What holds for everything that reads what others wrote, whatever they wrote.
//!
//! A target is a name and a property of octets. A property panics where it does not hold. The fuzzer
//! (`tests/fuzz/run`) seeks such octets; what it found before lies in `tests/fuzz/found` and is tried
//! by `cargo test` too.
#![forbid(unsafe_code)]

mod captures;
mod property;
mod protocols;
mod records;
pub mod seeds;

pub use captures::{capture, replay};
pub use property::{Effort, frame, protocol};
pub use protocols::PROTOCOLS;
pub use records::RECORDS;

/// The names of all targets.
pub fn targets() -> impl Iterator<Item = &'static str> {
    let records = RECORDS.iter().map(|(name, _)| *name);
    PROTOCOLS.iter().map(|(layer, _)| layer.name()).chain([FRAME, CAPTURE, REPLAY]).chain(records)
}

/// Tries the property of the target that is called `name`. False where there is none of that name.
pub fn holds(name: &str, octets: &[u8], effort: Effort) -> bool {
    match name {
        FRAME => frame(octets, effort),
        CAPTURE => capture(octets),
        REPLAY => replay(octets),
        _ => match (PROTOCOLS.iter().find(|(layer, _)| layer.name() == name), record(name)) {
            (Some((_, read)), _) => protocol(*read, octets, effort),
            (None, Some(property)) => property(octets),
            (None, None) => return false,
        },
    }
    true
}

fn record(name: &str) -> Option<fn(&[u8])> {
    RECORDS.iter().find(|(known, _)| *known == name).map(|(_, property)| *property)
}

/// Whole frames of every link.
pub const FRAME: &str = "frame";
/// Whole capture files, and the frames in them.
pub const CAPTURE: &str = "capture";
/// Whole capture files through everything that the sensor keeps.
pub const REPLAY: &str = "replay";
