//! The octets of a capture file, in large reads, with the cause of a failure kept.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// A file whose first octets can be looked at before it is read.
pub(super) struct Source<R> {
    head: [u8; HEAD_LEN],
    head_len: usize,
    /// How many octets of the head have been read.
    given: usize,
    file: R,
    failure: Failure,
}

/// What the system said when a read failed; the parser between says only that it did.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<io::Error>>>);

impl<R: Read> Source<R> {
    /// Reads the head of a file.
    pub(super) fn new(mut file: R) -> io::Result<(Source<R>, Failure)> {
        let mut head = [0; HEAD_LEN];
        let head_len = fill(&mut file, &mut head)?;
        let failure = Failure::default();
        Ok((Source { head, head_len, given: 0, file, failure: failure.clone() }, failure))
    }

    /// The first octets of the file, at most 4.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get(..self.head_len).unwrap_or_default()
    }
}

impl<R: Read> Read for Source<R> {
    /// Fills the whole buffer unless the file ends or fails; what came before a failure comes first.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.head.get(self.given..self.head_len).unwrap_or_default();
        let count = left.len().min(buffer.len());
        let (start, rest) = buffer.split_at_mut(count);
        start.copy_from_slice(left.get(..count).unwrap_or_default());
        self.given += count;
        match fill(&mut self.file, rest) {
            Ok(more) => Ok(count + more),
            Err(_) if count > 0 => Ok(count),
            Err(error) => {
                let kind = error.kind();
                *self.failure.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(kind.into())
            }
        }
    }
}

impl Failure {
    /// The cause, once.
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn fill(file: &mut impl Read, mut buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    // Ends: each round shortens the buffer, or the file has ended.
    while !buffer.is_empty() {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                filled += count;
                buffer = buffer.get_mut(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It comes again with the next read.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Octets that tell the formats apart.
const HEAD_LEN: usize = 4;

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
    fn what_came_before_a_failure_is_read_and_the_cause_is_kept() {
        let (mut source, failure) = Source::new(Failing(0)).unwrap();
        assert_eq!(source.head(), [0, 1, 2, 3]);
        let mut buffer = [0; 64];
        assert_eq!(source.read(&mut buffer).unwrap(), 10);
        assert_eq!(buffer[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(failure.take().is_none());
        assert!(source.read(&mut buffer).is_err());
        assert_eq!(failure.take().and_then(|cause| cause.raw_os_error()), Some(libc::EIO));
    }
}
