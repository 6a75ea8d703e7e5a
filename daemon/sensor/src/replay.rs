//! Capture files through the same rooms as a wire.

use std::ops::ControlFlow;
use std::path::Path;

use headgate_capture::{self as capture, File, FileError, FileSummary};
use headgate_record::Record;
use headgate_rules::filter::{MAX_REASON, VlanTag};
use headgate_service::config::InterfaceName;

use crate::engine::Engine;
use crate::error::SensorError;

/// Reads a file: each packet is first cut as the kernel's program cuts it on a wire.
///
/// Records go to `take` as they are made; it ends the reading by breaking. What is still under way at the
/// end of the file stays in the engine, so that several files can follow each other.
///
/// # Errors
/// [`SensorError::Capture`] when the file cannot be read, or not to its end; what came before was used.
pub fn replay(
    engine: &mut Engine,
    path: &Path,
    take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
) -> Result<FileSummary, SensorError> {
    let mut file = File::open(path).map_err(SensorError::from)?;
    let keep = engine.rules().keep().clone();
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let result = file.read(
        |bytes, tag| match bytes.len() {
            // Kept as they are, so few octets of a frame would say that a rule excluded it.
            0..=MAX_REASON => 0,
            _ => keep.octets(bytes, tag.map(|t| VlanTag(t.control))),
        },
        |interface, frame| {
            let interface = engine.interface(name(interface, &stem));
            engine.frame(interface, &frame);
            if engine.has_records() { take(engine.take()) } else { ControlFlow::Continue(()) }
        },
    );
    let summary = match &result {
        Ok(summary) => Some(summary),
        Err(error) => FileError::summary(error),
    };
    // Frames of other link types, and frames that the program could not judge, are accounted for too.
    let unread = summary.map_or(0, |s| s.unsupported_link + s.not_kept);
    if unread > 0 {
        let interface = engine.interface(UNNAMED);
        engine.unread(interface, unread);
    }
    result.map_err(|e| SensorError::from(capture::Error::from(e)))
}

/// The interface of a frame as records name it. What a file is called, and what stands in it that no
/// interface can be called, is nobody else's business.
fn name<'a>(interface: &'a str, stem: &str) -> &'a str {
    let possible = interface != stem && interface.parse::<InterfaceName>().is_ok();
    if possible { interface } else { UNNAMED }
}

const UNNAMED: &str = "file";
