//! Pieces of a regular file, which threads read beside each other and use one after the other.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::buffer::PAGE;

/// The rest of a regular file, in pieces ([`File::pieces`](super::File::pieces)). To copy a piece from the kernel takes several times as long as to find
/// the frames in it; so each thread that has nothing else to do may read the next one ([`Pieces::read`]), and gives it to the file
/// when its turn has come ([`File::read_piece`](super::File::read_piece)).
pub struct Pieces {
    file: Arc<fs::File>,
    /// Where the first begins.
    start: u64,
    /// Where the next piece begins that nobody reads yet. Pieces begin where pages of the file do: copies between pages that lie askew
    /// take longer.
    next: AtomicU64,
}

/// Octets of a file, in memory of their own that is used again for other pieces.
#[derive(Default)]
pub struct Piece {
    /// There is room for what is left over of the piece before, and then a page begins.
    pub(super) room: Vec<u8>,
    /// The octets in `room`.
    pub(super) place: usize,
    pub(super) len: usize,
    /// Where a whole one ends.
    end: usize,
    /// Where in the file they begin.
    pub(super) offset: u64,
    /// What is behind them.
    pub(super) behind: Behind,
}

/// What is behind the octets at hand.
#[derive(Debug, Default)]
pub(super) enum Behind {
    /// More, perhaps.
    #[default]
    More,
    /// The end of the file.
    End,
    /// Something that the system cannot read.
    Failed(io::Error),
}

impl Pieces {
    pub(super) fn new(file: Arc<fs::File>, start: u64) -> Pieces {
        Pieces { file, start, next: AtomicU64::new(start - start % OCTETS) }
    }

    /// Reads the next piece that nobody else reads. Behind the end of the file it is empty.
    pub fn read(&self, piece: &mut Piece) {
        let begin = self.next.fetch_add(OCTETS, Ordering::Relaxed);
        piece.offset = begin.max(self.start);
        piece.make_room(usize::try_from(piece.offset - begin).unwrap_or_default());
        piece.behind = Behind::More;
        let mut at = piece.offset;
        // Ends: each round reads more of the piece, or is told why not.
        while let Some(rest) = piece.rest_mut() {
            match self.file.read_at(rest, at) {
                Ok(0) => {
                    piece.behind = Behind::End;
                    break;
                }
                Ok(read) => {
                    piece.len += read;
                    at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    piece.behind = Behind::Failed(error);
                    break;
                }
            }
        }
    }
}

impl Piece {
    /// Where in the file its octets begin.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn data(&self) -> &[u8] {
        self.room.get(self.place..self.place + self.len).unwrap_or_default()
    }

    /// What is not read yet, if anything.
    fn rest_mut(&mut self) -> Option<&mut [u8]> {
        self.room.get_mut(self.place + self.len..self.end).filter(|rest| !rest.is_empty())
    }

    /// Makes room for all of a piece but so many octets.
    fn make_room(&mut self, skipped: usize) {
        if self.room.is_empty() {
            self.room = vec![0; LEFT_OVER + PAGE + PIECE];
        }
        let begin = LEFT_OVER + self.room.as_ptr().align_offset(PAGE).min(PAGE - 1);
        (self.place, self.len, self.end) = (begin + skipped, 0, begin + PIECE);
    }
}

/// Octets of a piece.
const PIECE: usize = 128 << 10;
const OCTETS: u64 = 128 << 10;
/// Octets of the piece before that find room in front of one: more than a frame has in any but a pcapng file.
const LEFT_OVER: usize = 256 << 10;
