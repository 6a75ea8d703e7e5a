//! Capture files through the same rooms as a wire.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;

use headgate_capture::{self as capture, File, FileError, FileInterface, FileSummary, Frame, Take};
use headgate_record::Record;
use headgate_rules::filter::{Keep, MAX_REASON, VlanTag};
use headgate_service::config::InterfaceName;
use headgate_wire::{self as wire, IpEnds, Link};

use self::batch::{Batch, Item};
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
    let mut file = File::open(path).map_err(SensorError::from)?;
    let (keep, ends_are_enough) = (engine.rules().keep().clone(), engine.needs_only_ends());
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let (send, full) = mpsc::sync_channel(BATCHES_WAITING);
    let (give_back, empty) = mpsc::channel();
    let result = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let batch = Batch::default();
            let mut gather = Gather { keep: &keep, ends_are_enough, batch, send: &send, empty: &empty };
            let result = file.read(&mut gather);
            let _ = gather.hand_over();
            result
        });
        // Ends when the reader has ended, or by breaking: then nobody takes what it reads, and it ends too.
        while let Some(mut batch) = next(&full) {
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

/// Cuts frames and gathers them for who uses them.
struct Gather<'a> {
    keep: &'a Keep,
    ends_are_enough: bool,
    batch: Batch,
    send: &'a SyncSender<Batch>,
    empty: &'a Receiver<Batch>,
}

impl Take for Gather<'_> {
    /// The ends of a plain frame.
    type Told = Option<IpEnds>;

    #[inline(always)]
    fn keep(&mut self, frame: &Frame<'_>) -> Option<(usize, Option<IpEnds>)> {
        // Of a plain frame the kernel's program keeps its headers.
        let plain = if self.ends_are_enough && frame.link == Frame::ETHERNET {
            wire::plain_headers(frame.bytes, frame.wire_len)
        } else {
            None
        };
        match plain {
            Some((ends, headers)) => Some((headers, Some(ends))),
            None => kept(self.keep, frame).map(|octets| (octets, None)),
        }
    }

    #[inline(always)]
    fn take(
        &mut self,
        interface: FileInterface<'_>,
        frame: Frame<'_>,
        ends: Option<IpEnds>,
    ) -> ControlFlow<()> {
        self.batch.push(interface, &frame, ends);
        // What was read of a pipe does not wait for what is yet to be written.
        if !self.batch.is_full() && !interface.waits {
            return ControlFlow::Continue(());
        }
        self.hand_over()
    }
}

impl Gather<'_> {
    /// Breaks when nobody takes it.
    #[inline(never)]
    fn hand_over(&mut self) -> ControlFlow<()> {
        let full = std::mem::replace(&mut self.batch, self.empty.try_recv().unwrap_or_default());
        if self.send.send(full).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
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

/// The next batch; none when the reader has ended. It is waited for awake, for a little while: to wake somebody takes
/// the reader as long as a hundred frames.
fn next(full: &Receiver<Batch>) -> Option<Batch> {
    for _ in 0..LOOKS_BEFORE_SLEEP {
        match full.try_recv() {
            Err(TryRecvError::Empty) => thread::yield_now(),
            other => return other.ok(),
        }
    }
    full.recv().ok()
}

fn use_batch(
    engine: &mut Engine,
    batch: &Batch,
    stem: &str,
    take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let numbers: Vec<usize> = batch.interfaces().map(|given| engine.interface(name(given, stem))).collect();
    for (interface, item) in batch.items() {
        let Some(number) = numbers.get(interface) else { continue };
        match item {
            Item::Ends(arrival, ends) => engine.ends(*number, &arrival, ends),
            Item::Frame(frame) => engine.frame(*number, &frame),
        }
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
/// How often the next batch is looked for before its user sleeps; far less than a millisecond in all.
const LOOKS_BEFORE_SLEEP: usize = 1_000;
const MORE_THAN_A_REASON: usize = MAX_REASON + 1;
const UNNAMED: &str = "file";
