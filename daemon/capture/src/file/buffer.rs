//! The octets of a file on their way to the parser, read in large pieces.

use std::io::{self, Read};

use super::piece::Piece;

/// What was read of a file and is not used yet.
pub(super) struct Buffer<R> {
    file: R,
    room: Vec<u8>,
    /// The unused octets in `room`.
    start: usize,
    end: usize,
    /// Octets of the file before `start`.
    used: u64,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(file: R) -> Self {
        Buffer { file, room: Vec::new(), start: 0, end: 0, used: 0 }
    }

    /// What it reads.
    pub(super) fn source(&self) -> &R {
        &self.file
    }

    /// The octets at hand.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or_default()
    }

    /// The octets at hand; what is written there is seen by nobody else.
    #[inline]
    pub(super) fn data_mut(&mut self) -> &mut [u8] {
        self.room.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Octets of the file before those at hand.
    pub(super) fn offset(&self) -> u64 {
        self.used
    }

    /// The next `length` octets at hand are not needed any more.
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.used += u64::try_from(length).unwrap_or(u64::MAX);
    }

    /// Reads on, as much as there is without waiting for more than some; how many more octets are at hand. None are at
    /// the end of the file. Where room has to be made, it is made for the `wanted` octets of a record.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        if self.end + PIECE > self.room.len() {
            self.make_room(wanted);
        }
        let piece = self.room.get_mut(self.end..self.end + PIECE).unwrap_or_default();
        let filled = loop {
            match self.file.read(piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += filled;
        Ok(filled)
    }

    /// Forgets the octets at hand, which are to be read again.
    pub(super) fn forget(&mut self) {
        (self.room, self.start, self.end) = (Vec::new(), 0, 0);
    }

    /// Where in the file the octets at hand end.
    pub(super) fn reached(&self) -> u64 {
        self.used.saturating_add(u64::try_from(self.end - self.start).unwrap_or(u64::MAX))
    }

    /// Puts the octets of a piece behind those at hand: where these are few, into the memory of the piece, which is exchanged for
    /// the own until [`Buffer::give_back`]. Where room has to be made, it is made for the `wanted` octets of a record.
    pub(super) fn lend(&mut self, piece: &mut Piece, wanted: usize) -> bool {
        let held = self.end - self.start;
        let end = piece.place + piece.len;
        if let Some(start) = piece.place.checked_sub(held)
            && let Some(target) = piece.room.get_mut(start..piece.place)
        {
            target.copy_from_slice(self.data());
            std::mem::swap(&mut self.room, &mut piece.room);
            (self.start, self.end) = (start, end);
            return true;
        }
        if self.end + piece.len > self.room.len() {
            self.make_room(wanted);
        }
        let octets = piece.data();
        if let Some(target) = self.room.get_mut(self.end..self.end + octets.len()) {
            target.copy_from_slice(octets);
            self.end += octets.len();
        }
        false
    }

    /// Gives a piece its memory back, and keeps what is left over.
    pub(super) fn give_back(&mut self, piece: &mut Piece) {
        std::mem::swap(&mut self.room, &mut piece.room);
        let left = piece.room.get(self.start..self.end).unwrap_or_default();
        if self.room.len() < left.len() {
            self.room = vec![0; left.len()];
        }
        if let Some(target) = self.room.get_mut(..left.len()) {
            target.copy_from_slice(left);
        }
        (self.start, self.end) = (0, left.len());
    }

    /// Moves the octets at hand so that the next piece begins at a page of memory: copies between pages that lie
    /// a few octets askew take the kernel three times as long.
    fn make_room(&mut self, wanted: usize) {
        let held = self.end - self.start;
        let before = held.next_multiple_of(PAGE);
        let least = before.max(wanted.next_multiple_of(PAGE)) + PIECE + PAGE;
        if self.room.len() < least {
            let mut room = vec![0; least];
            let place = before + room.as_ptr().align_offset(PAGE).min(PAGE - 1);
            if let Some(target) = room.get_mut(place - held..place) {
                target.copy_from_slice(self.data());
            }
            (self.room, self.start, self.end) = (room, place - held, place);
        } else {
            let place = before + self.room.as_ptr().align_offset(PAGE).min(PAGE - 1);
            self.room.copy_within(self.start..self.end, place - held);
            (self.start, self.end) = (place - held, place);
        }
    }
}

/// Octets read at once.
const PIECE: usize = 128 << 10;
pub(super) const PAGE: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives 10 octets in pieces of 3, then fails for good.
    struct Failing(u8);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 10 {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
            let count = buffer.len().min(3).min(usize::from(10 - self.0));
            for octet in &mut buffer[..count] {
                *octet = self.0;
                self.0 += 1;
            }
            Ok(count)
        }
    }

    #[test]
    fn what_came_before_a_failure_is_read_and_the_cause_is_told() {
        let mut buffer = Buffer::new(Failing(0));
        while buffer.data().len() < 10 {
            assert!(buffer.fill(0).unwrap() <= 3);
        }
        assert_eq!(buffer.data(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        buffer.consume(4);
        assert_eq!((buffer.data(), buffer.offset()), (&[4, 5, 6, 7, 8, 9][..], 4));
        assert_eq!(buffer.fill(0).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(buffer.data().len(), 6);
    }

    /// Octets that tell their place.
    fn octets(count: usize) -> Vec<u8> {
        (0..=250).cycle().take(count).collect()
    }

    #[test]
    fn octets_come_in_order_however_many_are_left_over() {
        let file = octets(5 * PIECE + 77);
        for left in [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PIECE] {
            let (mut buffer, mut seen) = (Buffer::new(&file[..]), Vec::new());
            while buffer.fill(left).unwrap() > 0 {
                let used = buffer.data().len().saturating_sub(left);
                seen.extend_from_slice(&buffer.data()[..used]);
                buffer.consume(used);
                assert_eq!(usize::try_from(buffer.offset()).unwrap(), seen.len());
            }
            seen.extend_from_slice(buffer.data());
            assert_eq!(seen, file, "{left}");
        }
    }

    #[test]
    fn memory_is_bounded_by_what_is_wanted() {
        let file = octets(40 * PIECE);
        let mut buffer = Buffer::new(&file[..]);
        while buffer.fill(3 * PIECE).unwrap() > 0 {
            let used = buffer.data().len().saturating_sub(3 * PIECE);
            buffer.consume(used);
        }
        assert!(buffer.room.len() <= 4 * PIECE + 2 * PAGE, "{}", buffer.room.len());
    }
}
