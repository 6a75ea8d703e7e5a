//! Capture files: pcap and pcapng, one record at a time.

mod interface;
mod section;
mod source;
mod summary;
mod untag;

use std::fmt::{self, Debug};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{LegacyPcapReader, PcapError, PcapNGReader};

use self::section::{Declared, Record, Section};
use self::source::{Failure, Source};
pub use self::summary::{Ended, FileSummary};
use crate::{Error, FileError, Frame};

/// A capture file that is being read.
///
/// pcap in both orders of octets with microseconds or nanoseconds, and pcapng. Memory is bounded: a
/// buffer of 256 KiB that grows for a larger record, at most to [`File::MAX_RECORD_BYTES`].
pub struct File {
    path: PathBuf,
    reader: Reader,
    failure: Failure,
    section: Section,
    /// A frame without its tag.
    untagged: Vec<u8>,
}

impl File {
    /// Largest pcapng block, in octets; the limit of other readers, too.
    pub const MAX_RECORD_BYTES: usize = 16 << 20;
    /// Largest captured length of a pcap record, in octets (`MAXIMUM_SNAPLEN` of libpcap).
    pub const MAX_FRAME_BYTES: usize = 262_144;
    /// Most interfaces of one pcapng section.
    pub const MAX_INTERFACES: usize = 4_096;

    /// Opens a capture file and reads its first header.
    ///
    /// # Errors
    /// [`Error::File`] with [`FileError::Missing`], [`FileError::Unreadable`], [`FileError::Empty`],
    /// [`FileError::NotACapture`], or, when the first header is cut or wrong, [`FileError::Truncated`]
    /// and [`FileError::Damaged`].
    pub fn open(path: &Path) -> Result<File, Error> {
        Ok(File::open_as(path)?)
    }

    /// Names of the interfaces that the section being read has described so far; those without a name
    /// bear the file's, without its extension.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.section.interfaces()
    }

    /// Reads on to the end of the file, or until `f` breaks; a later call goes on from there.
    ///
    /// Of each Ethernet frame the outermost VLAN tag is taken out first, as the Linux kernel does for
    /// packet sockets. `keep` sees the rest, with the tag, and says how many octets to keep, which may be none of
    /// them; `f` receives so many with the name of the interface. What `keep` does not keep goes nowhere.
    ///
    /// # Errors
    /// [`FileError::Truncated`], [`FileError::Damaged`] and [`FileError::Read`], after every frame
    /// before that place was handed on.
    pub fn read<K, F>(&mut self, mut keep: K, mut f: F) -> Result<FileSummary, FileError>
    where
        K: FnMut(&Frame<'_>) -> Option<usize>,
        F: FnMut(&str, Frame<'_>) -> ControlFlow<()>,
    {
        let mut summary = FileSummary::default();
        loop {
            if self.hand_on(&mut summary, &mut keep, &mut f).is_break() {
                summary.ended = Ended::Stopped;
                return self.verdict(summary);
            }
            let stopped = match self.reader.next() {
                Ok((length, block)) => match self.section.take(&block) {
                    Ok(record) => {
                        let flow = count(record, &mut self.untagged, &mut summary, &mut keep, &mut f);
                        self.reader.consume_noshift(length);
                        if flow.is_continue() {
                            continue;
                        }
                        Some(Ended::Stopped)
                    }
                    Err(what) => Some(self.damaged(what)),
                },
                Err(error) => {
                    let cause = Cause::from(error);
                    self.more(cause)
                }
            };
            if let Some(ended) = stopped {
                summary.ended = ended;
                return self.verdict(summary);
            }
        }
    }

    /// Hands on the whole frames in the buffer, as far as they are written plainly. The rest is the parser's.
    fn hand_on<K, F>(&mut self, summary: &mut FileSummary, keep: &mut K, f: &mut F) -> ControlFlow<()>
    where
        K: FnMut(&Frame<'_>) -> Option<usize>,
        F: FnMut(&str, Frame<'_>) -> ControlFlow<()>,
    {
        let data = self.reader.data();
        let mut at = 0;
        let mut flow = ControlFlow::Continue(());
        // Ends: each round takes a record's header at least.
        while let Some((record, length)) = self.section.take_plain(data.get(at..).unwrap_or_default()) {
            at += length;
            flow = count(record, &mut self.untagged, summary, keep, f);
            if flow.is_break() {
                break;
            }
        }
        self.reader.consume_noshift(at);
        flow
    }

    fn open_as(path: &Path) -> Result<File, FileError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => FileError::Missing { path: path.to_owned() },
            _ => FileError::Unreadable { path: path.to_owned(), source },
        };
        let (source, failure) = std::fs::File::open(path).and_then(Source::new).map_err(unreadable)?;
        let opened = match source.head() {
            [] => return Err(FileError::Empty { path: path.to_owned() }),
            PCAPNG => PcapNGReader::new(BUFFER_BYTES, source).map(boxed),
            head if PCAP.contains(&head) => LegacyPcapReader::new(BUFFER_BYTES, source).map(boxed),
            head => return Err(FileError::NotACapture { path: path.to_owned(), what: guess(head) }),
        };
        let summary = Box::default();
        let reader = opened.map_err(|error| match (error, failure.take()) {
            (PcapError::ReadError, Some(source)) => FileError::Unreadable { path: path.to_owned(), source },
            (PcapError::Incomplete(_), _) => {
                FileError::Truncated { path: path.to_owned(), offset: 0, summary }
            }
            _ => FileError::Damaged {
                path: path.to_owned(),
                offset: 0,
                what: "its first header is wrong",
                summary,
            },
        })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(File {
            path: path.to_owned(),
            reader,
            failure,
            section: Section::new(&stem),
            untagged: Vec::new(),
        })
    }

    /// Gets more of the file into the buffer, or says how the reading ended.
    fn more(&mut self, cause: Cause) -> Option<Ended> {
        match cause {
            Cause::Complete => return Some(Ended::Complete),
            Cause::Invalid => return Some(self.damaged("it is no valid record")),
            Cause::Short { exhausted } => {
                let data = self.reader.data();
                match self.section.declared_len(data) {
                    Declared::Unknown => {}
                    Declared::TooLong => return Some(self.damaged("a record is longer than any can be")),
                    Declared::Len(length) if length <= data.len() => {
                        return Some(self.damaged("a record's parts are longer than the whole"));
                    }
                    // The reader wants more room than it fills.
                    Declared::Len(length) => {
                        self.reader.grow((length + 1).next_power_of_two());
                    }
                }
                if exhausted {
                    return Some(Ended::Truncated { offset: self.offset() });
                }
            }
        }
        match self.reader.refill() {
            Ok(()) => None,
            Err(_) => Some(self.damaged("the medium cannot be read")),
        }
    }

    fn offset(&self) -> u64 {
        u64::try_from(self.reader.consumed()).unwrap_or(u64::MAX)
    }

    fn damaged(&self, what: &'static str) -> Ended {
        Ended::Damaged { offset: self.offset(), what }
    }

    fn verdict(&self, read: FileSummary) -> Result<FileSummary, FileError> {
        let (path, summary) = (self.path.clone(), Box::new(read));
        match (read.ended, self.failure.take()) {
            (Ended::Complete | Ended::Stopped, _) => Ok(read),
            (Ended::Damaged { offset, .. }, Some(source)) => {
                Err(FileError::Read { path, offset, source, summary })
            }
            (Ended::Damaged { offset, what }, None) => {
                Err(FileError::Damaged { path, offset, what, summary })
            }
            (Ended::Truncated { offset }, _) => Err(FileError::Truncated { path, offset, summary }),
        }
    }
}

/// Says where the file lies; the buffer holds frames.
impl Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
}

type Reader = Box<dyn PcapReaderIterator + Send>;

fn boxed(reader: impl PcapReaderIterator + Send + 'static) -> Reader {
    Box::new(reader)
}

/// Why the reader gave no record.
enum Cause {
    Complete,
    Invalid,
    Short { exhausted: bool },
}

impl From<PcapError<&[u8]>> for Cause {
    fn from(error: PcapError<&[u8]>) -> Cause {
        match error {
            PcapError::Eof => Cause::Complete,
            PcapError::Incomplete(_) | PcapError::BufferTooSmall => Cause::Short { exhausted: false },
            PcapError::UnexpectedEof => Cause::Short { exhausted: true },
            _ => Cause::Invalid,
        }
    }
}

/// Puts a record into its counter and hands it on.
#[inline]
fn count<K, F>(
    record: Record<'_>,
    untagged: &mut Vec<u8>,
    summary: &mut FileSummary,
    keep: &mut K,
    f: &mut F,
) -> ControlFlow<()>
where
    K: FnMut(&Frame<'_>) -> Option<usize>,
    F: FnMut(&str, Frame<'_>) -> ControlFlow<()>,
{
    let (interface, raw) = match record {
        Record::Frame { interface, frame } => (interface, frame),
        Record::Description => return ControlFlow::Continue(()),
        Record::Unknown => {
            summary.skipped_blocks += 1;
            return ControlFlow::Continue(());
        }
    };
    summary.frames += 1;
    let whole = if raw.link == Frame::ETHERNET { untag::untag(raw, untagged) } else { raw };
    let Some(octets) = keep(&whole) else {
        summary.not_kept += 1;
        return ControlFlow::Continue(());
    };
    let bytes = whole.bytes.get(..octets).unwrap_or(whole.bytes);
    summary.kept += 1;
    summary.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    f(interface, Frame { bytes, ..whole })
}

/// What a file that is no capture looks like.
fn guess(head: &[u8]) -> &'static str {
    match head {
        [0x1f, 0x8b, ..] => "it is compressed with gzip, unpack it first",
        [0x28, 0xb5, 0x2f, 0xfd] => "it is compressed with zstd, unpack it first",
        [0xfd, b'7', b'z', b'X'] => "it is compressed with xz, unpack it first",
        _ => "it does not begin like one",
    }
}

/// Octets read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// First octets of a pcapng file: the type of a section header block.
const PCAPNG: &[u8] = &[0x0a, 0x0d, 0x0d, 0x0a];
/// First octets of a pcap file: either order, with microseconds, with nanoseconds, and the form with
/// longer record headers that some old systems wrote.
const PCAP: [&[u8]; 5] = [
    &[0xd4, 0xc3, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xc3, 0xd4],
    &[0x4d, 0x3c, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0x3c, 0x4d],
    &[0x34, 0xcd, 0xb2, 0xa1],
];

#[cfg(test)]
mod tests;
