//! What holds for capture files.
//!
//! - They are read without panic, and each frame is well described: not longer than it was on the wire.
//! - A file that is cut gives the frames before the cut, as they were.
//! - Of each frame that a file has, the sensor accounts for it exactly once, and every record can be shown.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use headgate_capture::{Error, FileError, FileInterface, FileSummary, Frame, Whole};
use headgate_record::Record;
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;
use headgate_wire::{Link, vlan};

use super::property::put;

/// The property of a capture file, and of the frames in it.
pub fn capture(octets: &[u8]) {
    let (whole, summary) = frames(octets, true);
    if let Some(summary) = summary {
        assert_eq!(summary.frames, summary.kept + summary.not_kept, "a frame is in no counter");
        assert_eq!(summary.kept, u64::try_from(whole.len()).unwrap_or_default());
    }
    let sum = octets.iter().fold(0_usize, |sum, o| sum.rotate_left(5) ^ usize::from(*o));
    let cut = octets.get(..sum.checked_rem(octets.len()).unwrap_or_default()).unwrap_or_default();
    let (beginning, _) = frames(cut, false);
    assert!(whole.starts_with(&beginning), "a cut after {} changes the frames before it", cut.len());
}

/// The property of a capture file that the sensor watches like a wire.
pub fn replay(octets: &[u8]) {
    let mut engine = engine();
    let show = |records: Vec<_>| {
        for record in &records {
            let record: &Record = record;
            assert!(record.to_json().is_object());
        }
    };
    let read = headgate_sensor::replay(&mut engine, &path(octets), &mut |records| {
        show(records);
        ControlFlow::Continue(())
    });
    engine.finish();
    engine.account([0; 3]);
    show(engine.take());
    let (mut frames, mut outcomes) = (0, 0);
    for (_, total) in engine.totals() {
        frames += total.frames;
        outcomes += total.outcomes.iter().sum::<u64>();
        assert!(total.bytes_kept <= total.bytes, "more is kept than there was");
    }
    assert_eq!(frames, outcomes, "a frame has not exactly one outcome");
    if let Ok(summary) = read {
        assert_eq!(frames, summary.frames, "a frame of the file is not accounted for");
    }
}

/// The records that the sensor makes of a capture file, as far as it can be read.
pub(super) fn records(file: &Path) -> Vec<Record> {
    let (mut engine, mut records) = (engine(), Vec::new());
    let _ = headgate_sensor::replay(&mut engine, file, &mut |some| {
        records.extend(some);
        ControlFlow::Continue(())
    });
    engine.finish();
    engine.account([0; 3]);
    records.extend(engine.take());
    records
}

fn engine() -> Engine {
    static RULES: LazyLock<Rules> = LazyLock::new(|| {
        let shipped = ("rules.toml".to_owned(), include_str!("../../../config/rules.toml").to_owned());
        Rules::parse(&[shipped]).expect("the shipped rules")
    });
    Engine::new(RULES.clone(), &Headgate::default())
}

/// What stands for each frame of a file, and what the reading came to where the file could be opened.
fn frames(octets: &[u8], parse: bool) -> (Vec<u64>, Option<FileSummary>) {
    let mut frames = Vec::new();
    let mut out = Vec::new();
    let mut file = match headgate_capture::File::open(&path(octets)) {
        Ok(file) => file,
        Err(Error::File(_)) => return (frames, None),
        Err(other) => panic!("a file gives {other}"),
    };
    let read = file.read(Whole(|interface: FileInterface<'_>, frame: Frame<'_>| {
        let wire_len = usize::try_from(frame.wire_len).unwrap_or(usize::MAX);
        assert!(frame.bytes.len() <= wire_len, "more is captured than was on the wire");
        let mut hasher = DefaultHasher::new();
        hasher.write(interface.name.as_bytes());
        hasher.write(frame.bytes);
        hasher.write_u64(frame.time_ns);
        hasher.write_u32(frame.wire_len);
        hasher.write_u32(frame.link);
        let tag = frame.tag.map(|tag| (tag.protocol, tag.control));
        tag.hash(&mut hasher);
        frames.push(hasher.finish());
        if let (Some(link), true) = (Link::from_linktype(frame.link), parse) {
            let tag = frame.tag.map(|tag| vlan::Tag { tpid: tag.protocol, tci: tag.control });
            put(&mut out, &headgate_wire::parse(link, frame.bytes, tag, frame.wire_len));
        }
        ControlFlow::Continue(())
    }));
    let summary = match &read {
        Ok(summary) => Some(*summary),
        Err(error) => FileError::summary(error).copied(),
    };
    (frames, summary)
}

/// The path of a file in memory with these octets: of each thread always the same one.
fn path(octets: &[u8]) -> PathBuf {
    thread_local! {
        static MEMORY: File = {
            let memory = rustix::fs::memfd_create("capture", rustix::fs::MemfdFlags::CLOEXEC);
            File::from(memory.expect("a file in memory"))
        };
    }
    MEMORY.with(|file| {
        file.set_len(0).and_then(|()| file.write_all_at(octets, 0)).expect("room in memory");
        PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    })
}
