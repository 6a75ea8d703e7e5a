//! Capture files: pcap and pcapng, one record at a time.

mod buffer;
mod interface;
mod piece;
mod section;
mod summary;
mod take;
mod untag;

use std::fmt::{self, Debug};
use std::io::{self, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::buffer::Buffer;
pub use self::interface::FileInterface;
use self::piece::Behind;
pub use self::piece::{Piece, Pieces};
use self::section::{Declared, Record, Section};
pub use self::summary::{Ended, FileSummary};
pub use self::take::{Take, Whole};
use crate::{Error, FileError, Frame};

/// A capture file that is being read.
///
/// pcap in both orders of octets with microseconds or nanoseconds, and pcapng. Memory is bounded: a buffer for the
/// record at hand, of [`File::MAX_RECORD_BYTES`] at most, and for what is read with it; while it grows, the one before,
/// too.
pub struct File {
    path: PathBuf,
    buffer: Buffer<Arc<std::fs::File>>,
    section: Section,
    /// A frame of a record that is not plainly written.
    room: Vec<u8>,
    failure: Option<io::Error>,
    /// Where it is read in pieces: what came of those before, and what is behind the octets at hand.
    pieces: Option<(FileSummary, Behind)>,
    /// More of it is there without waiting: it is no pipe.
    is_regular: bool,
}

impl File {
    /// Largest pcapng block, in octets; the limit of other readers, too.
    pub const MAX_RECORD_BYTES: usize = 16 << 20;
    /// Largest captured length of a pcap record, in octets (`MAXIMUM_SNAPLEN` of libpcap).
    pub const MAX_FRAME_BYTES: usize = 262_144;
    /// Largest pcapng block that describes a section or an interface, in octets.
    pub const MAX_DESCRIPTION_BYTES: usize = 1 << 20;
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

    /// Reads on to the end of the file, or until `to` breaks; a later call goes on from there.
    ///
    /// Of each Ethernet frame the outermost VLAN tag is taken out first, as the Linux kernel does for
    /// packet sockets; `to` receives the rest with the tag.
    ///
    /// # Errors
    /// [`FileError::Truncated`], [`FileError::Damaged`] and [`FileError::Read`], after every frame
    /// before that place was handed on.
    pub fn read(&mut self, to: impl Take) -> Result<FileSummary, FileError> {
        let mut summary = FileSummary::default();
        // Nothing but pieces are waited for.
        summary.ended = self.read_on(&mut summary, to).unwrap_or_default();
        self.verdict(summary)
    }

    /// The rest of the file in pieces, which from now on are to be given to [`File::read_piece`], each when it is the next
    /// one ([`File::reached`]); [`File::read`] has nothing more to read. None of a pipe.
    pub fn pieces(&mut self) -> Option<Pieces> {
        let pieces =
            self.is_regular.then(|| Pieces::new(Arc::clone(self.buffer.source()), self.buffer.offset()))?;
        self.buffer.forget();
        self.pieces = Some((FileSummary::default(), Behind::More));
        Some(pieces)
    }

    /// Where the next piece begins ([`Piece::offset`]).
    pub fn reached(&self) -> u64 {
        self.buffer.reached()
    }

    /// Reads on as far as the octets of the next piece go: as [`File::read`], of which the last piece gives the result, and
    /// those before give `None`. A piece that is not the next is left alone.
    ///
    /// # Errors
    /// As [`File::read`].
    pub fn read_piece(&mut self, piece: &mut Piece, to: impl Take) -> Result<Option<FileSummary>, FileError> {
        if self.reached() != piece.offset {
            return Ok(None);
        }
        let wanted = match self.section.declared_len(self.buffer.data()) {
            Declared::Len(length) => length,
            Declared::Unknown | Declared::TooLong => 0,
        };
        let mut summary = self.pieces.take().unwrap_or_default().0;
        self.pieces = Some((summary, std::mem::take(&mut piece.behind)));
        let is_lent = self.buffer.lend(piece, wanted);
        let ended = self.read_on(&mut summary, to);
        if is_lent {
            self.buffer.give_back(piece);
        }
        match ended {
            Some(ended) => {
                summary.ended = ended;
                self.verdict(summary).map(Some)
            }
            None => {
                self.pieces = Some((summary, Behind::More));
                Ok(None)
            }
        }
    }

    /// Ends a reading in pieces: what came of it so far.
    pub fn stop(&mut self) -> FileSummary {
        let (summary, _) = self.pieces.take().unwrap_or_default();
        FileSummary { ended: Ended::Stopped, ..summary }
    }

    /// Reads on until the file ends or `to` breaks, or a piece is wanted.
    fn read_on(&mut self, summary: &mut FileSummary, mut to: impl Take) -> Option<Ended> {
        // Ends: each round uses a record, or reads on, or is the last.
        loop {
            if self.read_plain(summary, &mut to).is_break() {
                return Some(Ended::Stopped);
            }
            let (interface, whole, length) = match self.other_record(summary) {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                Err(ended) => return ended,
            };
            let flow = hand_on(summary, &mut to, interface, &whole);
            self.buffer.consume(length);
            if flow.is_break() {
                return Some(Ended::Stopped);
            }
        }
    }

    /// Frames that are at hand and plainly written, up to the first that is not.
    #[inline(always)]
    fn read_plain(&mut self, summary: &mut FileSummary, to: &mut impl Take) -> ControlFlow<()> {
        let (mut data, mut used) = (self.buffer.data_mut(), 0);
        let mut flow = ControlFlow::Continue(());
        // Ends: each round leaves less.
        while flow.is_continue()
            && let Some(plain) = self.section.plain(data)
            && let Some((record, behind)) = std::mem::take(&mut data).split_at_mut_checked(plain.length)
        {
            let octets = record.get_mut(plain.octets).unwrap_or_default();
            let frame = plain.interface.frame(plain.time_ns, plain.wire_len, octets);
            let waits = !self.is_regular && self.section.plain(behind).is_none();
            flow = hand_on(summary, to, plain.interface.as_given(waits), &frame);
            (data, used) = (behind, used + plain.length);
        }
        self.buffer.consume(used);
        flow
    }

    /// The next record, where it is not a frame that is there and plainly written: the frame and the octets of its
    /// record, nothing where it holds none or is not at hand yet, or how the reading ends, if it does not wait for a piece.
    #[cold]
    fn other_record(
        &mut self,
        summary: &mut FileSummary,
    ) -> Result<Option<(FileInterface<'_>, Frame<'_>, usize)>, Option<Ended>> {
        if let Some((is_known, length)) = self.section.other_block(self.buffer.data()) {
            summary.skipped_blocks += u64::from(!is_known);
            self.buffer.consume(length);
            return Ok(None);
        }
        let Some((block, length)) =
            self.section.parse(self.buffer.data()).map_err(|what| Some(self.damaged(what)))?
        else {
            return self.more().map(|()| None);
        };
        let offset = self.buffer.offset();
        match self.section.take(&block) {
            Ok(Record::Frame { interface, time_ns, wire_len, bytes }) => {
                self.room.clear();
                self.room.extend_from_slice(bytes);
                Ok(Some((
                    interface.as_given(!self.is_regular),
                    interface.frame(time_ns, wire_len, &mut self.room),
                    length,
                )))
            }
            Ok(Record::Description) => {
                self.buffer.consume(length);
                Ok(None)
            }
            Ok(Record::Unknown) => {
                summary.skipped_blocks += 1;
                self.buffer.consume(length);
                Ok(None)
            }
            Err(what) => Err(Some(Ended::Damaged { offset, what })),
        }
    }

    fn open_as(path: &Path) -> Result<File, FileError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => FileError::Missing { path: path.to_owned() },
            _ => FileError::Unreadable { path: path.to_owned(), source },
        };
        let mut file = std::fs::File::open(path).map_err(unreadable)?;
        // A pipe has no positions.
        let is_regular = file.stream_position().is_ok();
        let mut buffer = Buffer::new(Arc::new(file));
        // Ends: each round reads on, or the file has ended. A pipe may give its first octets one by one.
        while buffer.data().len() < MAGIC_LEN && buffer.fill(0).map_err(unreadable)? > 0 {}
        let head = buffer.data().get(..MAGIC_LEN).unwrap_or(buffer.data());
        if head.is_empty() {
            return Err(FileError::Empty { path: path.to_owned() });
        }
        if head != PCAPNG && !PCAP.contains(&head) {
            return Err(FileError::NotACapture { path: path.to_owned(), what: guess(head) });
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let section = Section::new(&stem);
        let summary = Box::default();
        // Ends: each round reads on, up to the longest header.
        loop {
            let wanted = match (section.parse(buffer.data()), section.declared_len(buffer.data())) {
                (Ok(Some(_)), _) => break,
                (Ok(None), Declared::Len(length)) => length,
                (Ok(None), _) => 0,
                (Err(_), _) => {
                    let what = "its first header is wrong";
                    return Err(FileError::Damaged { path: path.to_owned(), offset: 0, what, summary });
                }
            };
            if buffer.fill(wanted).map_err(unreadable)? == 0 {
                return Err(FileError::Truncated { path: path.to_owned(), offset: 0, summary });
            }
        }
        Ok(File {
            path: path.to_owned(),
            buffer,
            section,
            room: Vec::new(),
            failure: None,
            pieces: None,
            is_regular,
        })
    }

    /// Gets more of the file into the buffer, or says how the reading ended, if it does not wait for a piece.
    fn more(&mut self) -> Result<(), Option<Ended>> {
        let held = self.buffer.data().len();
        let wanted = match self.section.declared_len(self.buffer.data()) {
            Declared::Unknown => 0,
            Declared::TooLong => return Err(Some(self.damaged(TOO_LONG))),
            Declared::Len(length) if length <= held => {
                return Err(Some(self.damaged("a record's parts are longer than the whole")));
            }
            Declared::Len(length) => length,
        };
        let filled = match &mut self.pieces {
            None => self.buffer.fill(wanted),
            Some((_, behind)) => match std::mem::take(behind) {
                Behind::More => return Err(None),
                Behind::End => Ok(0),
                Behind::Failed(failure) => Err(failure),
            },
        };
        match filled {
            Ok(0) if held == 0 => Err(Some(Ended::Complete)),
            Ok(0) => Err(Some(Ended::Truncated { offset: self.buffer.offset() })),
            Ok(_) => Ok(()),
            Err(failure) => {
                self.failure = Some(failure);
                Err(Some(self.damaged("the medium cannot be read")))
            }
        }
    }

    fn damaged(&self, what: &'static str) -> Ended {
        Ended::Damaged { offset: self.buffer.offset(), what }
    }

    fn verdict(&mut self, read: FileSummary) -> Result<FileSummary, FileError> {
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

/// Hands on a frame, and accounts for what is kept of it.
#[inline(always)]
fn hand_on(
    summary: &mut FileSummary,
    to: &mut impl Take,
    interface: FileInterface<'_>,
    whole: &Frame<'_>,
) -> ControlFlow<()> {
    summary.frames += 1;
    let (kept, flow) = to.take(interface, whole);
    match kept {
        Some(octets) => {
            summary.kept += 1;
            summary.bytes += u64::try_from(octets).unwrap_or(u64::MAX);
        }
        None => summary.not_kept += 1,
    }
    flow
}

/// Says where the file lies; the buffer holds frames.
impl Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
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

/// What is wrong with a record beyond the limits.
const TOO_LONG: &str = "a record is longer than any can be";
/// Octets that tell the formats apart.
const MAGIC_LEN: usize = 4;
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
