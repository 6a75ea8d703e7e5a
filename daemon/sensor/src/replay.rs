//! Capture files through the same rooms as a wire.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use headgate_capture::{self as capture, File, FileError, FileSummary, Frame};
use headgate_record::Record;
use headgate_rules::filter::{Keep, MAX_REASON, VlanTag};
use headgate_service::config::InterfaceName;
use headgate_wire::Link;

use self::batch::Batch;
use crate::engine::Engine;
use crate::error::SensorError;

/// Reads a file: each packet is first cut as the kernel's program cuts it on a wire. One thread
/// reads and cuts, the caller's uses what is kept, in the order of the file.
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
    let file = File::open(path).map_err(SensorError::from)?;
    let keep = engine.rules().keep().clone();
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let (send, full) = mpsc::sync_channel(BATCHES_WAITING);
    let (give_back, empty) = mpsc::channel();
    let result = thread::scope(|scope| {
        let reader = scope.spawn(move || read(file, &keep, &send, &empty));
        // Ends when the reader has ended, or by breaking: then nobody takes what it reads, and it ends too.
        for mut batch in full {
            if use_batch(engine, &batch, &stem, take).is_break() {
                break;
            }
            batch.clear();
            let _ = give_back.send(batch);
        }
        reader.join()
    });
    // A panic of the reader is one of ours.
    let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let summary = match &result {
        Ok(summary) => Some(summary),
        Err(error) => FileError::summary(error),
    };
    // Frames of other link types, and those whose few octets no program can judge, are accounted for too.
    let unread = summary.map_or(0, |s| s.not_kept);
    if unread > 0 {
        let interface = engine.interface(UNNAMED);
        engine.unread(interface, unread);
    }
    result.map_err(|e| SensorError::from(capture::Error::from(e)))
}

/// Reads and cuts frames until the file ends or nobody takes them.
fn read(
    mut file: File,
    keep: &Keep,
    send: &SyncSender<Batch>,
    empty: &Receiver<Batch>,
) -> Result<FileSummary, FileError> {
    let mut batch = Batch::default();
    let result = file.read(
        |frame| kept(keep, frame),
        |interface, frame| {
            batch.push(interface, &frame);
            // What was read of a pipe does not wait for what is yet to be written.
            if !batch.is_full() && !interface.waits {
                return ControlFlow::Continue(());
            }
            let full = std::mem::replace(&mut batch, empty.try_recv().unwrap_or_default());
            if send.send(full).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    let _ = send.send(batch);
    result
}

/// How many octets of a frame are used, or `None` where it is not read at all.
#[inline]
pub(crate) fn kept(keep: &Keep, frame: &Frame<'_>) -> Option<usize> {
    let octets = match (Link::from_linktype(frame.link)?, frame.bytes.len()) {
        (Link::Ethernet, MORE_THAN_A_REASON..) => {
            keep.octets(frame.bytes, frame.tag.map(|t| VlanTag(t.control)))
        }
        // Kept as they are, so few octets of a longer frame would say that a rule excluded it.
        (_, held @ 1..=MAX_REASON) => (frame.wire_len == u32::try_from(held).ok()?).then_some(held)?,
        // The kernel's program is for Ethernet. Of other links the collect gate alone decides.
        (_, whole) => whole,
    };
    // More than any wire carries would be memory that the batches keep.
    Some(octets.min(File::MAX_FRAME_BYTES))
}

fn use_batch(
    engine: &mut Engine,
    batch: &Batch,
    stem: &str,
    take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let numbers: Vec<usize> = batch.interfaces().map(|given| engine.interface(name(given, stem))).collect();
    for (interface, frame) in batch.frames() {
        let Some(number) = numbers.get(interface) else { continue };
        engine.frame(*number, &frame);
        if engine.has_records() {
            take(engine.take())?;
        }
    }
    ControlFlow::Continue(())
}

/// The interface of a frame as records name it. What a file is called, and what stands in it that no
/// interface can be called, is nobody else's business.
pub(crate) fn name<'a>(interface: &'a str, stem: &str) -> &'a str {
    let possible = interface != stem && interface.parse::<InterfaceName>().is_ok();
    if possible { interface } else { UNNAMED }
}

mod batch;

/// Batches that wait for their use, beside the two in hand.
const BATCHES_WAITING: usize = 2;
const MORE_THAN_A_REASON: usize = MAX_REASON + 1;
const UNNAMED: &str = "file";
