//! Capture files through the same rooms as a wire.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use headgate_capture::{self as capture, File, FileError, FileSummary, Frame};
use headgate_record::Record;
use headgate_rules::filter::{Keep, MAX_REASON, VlanTag};
use headgate_service::config::InterfaceName;
use headgate_wire::{Ends, Link};

use self::batch::{Batch, Use};
use self::gather::Gather;
use self::turns::Turns;
use crate::engine::{Arrival, Engine};
use crate::error::SensorError;
use crate::state::flow::{Found, FoundAll, IpAddress};

/// Reads a file: each packet is first cut as the kernel's program cuts it on a wire. One thread
/// reads and cuts, the caller's uses what is kept, in the order of the file, and reads too where it has nothing to use.
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
    let (keep, ends_are_enough) = (engine.rules().keep().clone(), engine.needs_only_ends());
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let turns = Turns::new(file);
    let gather = || Gather::new(&keep, ends_are_enough, turns.queue());
    let joined = thread::scope(|scope| {
        let reader = scope.spawn(|| turns.read(gather()));
        let mut found = [FoundAll::default(), FoundAll::default()];
        turns.use_all(gather(), |batch| use_batch(engine, batch, &stem, &mut found, take));
        reader.join()
    });
    // A panic of the reader is one of ours.
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let result = turns.into_result();
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
    [found_v4, found_v6]: &mut [FoundAll; 2],
    take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let numbers: Vec<usize> = batch.interfaces().map(|given| engine.interface(name(given, stem))).collect();
    engine.find_all(batch.all_v4(), found_v4);
    engine.find_all(batch.all_v6(), found_v6);
    let (found_v4, found_v6) = (found_v4.iter(), found_v6.iter());
    batch.give_all(&mut InEngine { engine, numbers: &numbers, found_v4, found_v6, take })
}

/// Gives frames to the engine, and hands on what records these make.
struct InEngine<'a, V4, V6> {
    engine: &'a mut Engine,
    /// The interfaces of a batch as the engine numbers them.
    numbers: &'a [usize],
    /// Where the flows of its plain frames were.
    found_v4: V4,
    found_v6: V6,
    take: &'a mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
}

impl<V4, V6> InEngine<'_, V4, V6> {
    #[inline(always)]
    fn plain<A: IpAddress>(
        &mut self,
        interface: usize,
        arrival: Arrival,
        ends: Ends<A>,
        found: Option<Found>,
    ) -> ControlFlow<()> {
        let Some(number) = self.numbers.get(interface) else { return ControlFlow::Continue(()) };
        self.engine.ends(*number, &arrival, ends, found.unwrap_or(Found::NOT_SOUGHT));
        self.used()
    }

    #[inline(always)]
    fn used(&mut self) -> ControlFlow<()> {
        if self.engine.has_records() { (self.take)(self.engine.take()) } else { ControlFlow::Continue(()) }
    }
}

impl<V4: Iterator<Item = Found>, V6: Iterator<Item = Found>> Use for InEngine<'_, V4, V6> {
    #[inline(always)]
    fn v4(&mut self, interface: usize, arrival: Arrival, ends: Ends<Ipv4Addr>) -> ControlFlow<()> {
        let found = self.found_v4.next();
        self.plain(interface, arrival, ends, found)
    }

    #[inline(always)]
    fn v6(&mut self, interface: usize, arrival: Arrival, ends: Ends<Ipv6Addr>) -> ControlFlow<()> {
        let found = self.found_v6.next();
        self.plain(interface, arrival, ends, found)
    }

    fn whole(&mut self, interface: usize, frame: &Frame<'_>) -> ControlFlow<()> {
        let Some(number) = self.numbers.get(interface) else { return ControlFlow::Continue(()) };
        self.engine.frame(*number, frame);
        self.used()
    }
}

/// The interface of a frame as records name it. What a file is called, and what stands in it that no
/// interface can be called, is nobody else's business.
pub(crate) fn name<'a>(interface: &'a str, stem: &str) -> &'a str {
    let possible = interface != stem && interface.parse::<InterfaceName>().is_ok();
    if possible { interface } else { UNNAMED }
}

mod batch;
mod gather;
mod queue;
mod turns;

const MORE_THAN_A_REASON: usize = MAX_REASON + 1;
const UNNAMED: &str = "file";
