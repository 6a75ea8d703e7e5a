//! A run: several sealed batches of one appliance and epoch in ascending order, one behind the other, each with its length before it
//! (4 octets, big-endian). So an appliance with a backlog sends them, and so a cluster keeps those that came together.
//!
//! No part is as long as 2^24 octets, so a run begins with a zero octet; a sealed batch, which is a protobuf message, does not.

use std::ops::Range;

use crate::Error;
use crate::sealed::MAX_SEALED_BYTES;

/// Most batches of a run.
pub const MAX_RUN: usize = 16;
/// Most octets of a run that an appliance sends. A batch that does not fit goes alone.
pub const MAX_RUN_BYTES: usize = 1 << 20;

/// The run of these sealed batches.
#[must_use]
pub fn join<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut run = Vec::new();
    parts.into_iter().for_each(|part| push(&mut run, part));
    run
}

/// Adds a sealed batch to a run.
pub fn push(run: &mut Vec<u8>, part: &[u8]) {
    run.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    run.extend_from_slice(part);
}

/// The part of a run from the batch whose octets are `first` to the one whose octets are `last`: a run as well.
#[must_use]
pub fn between(first: &Range<usize>, last: &Range<usize>) -> Range<usize> {
    first.start.saturating_sub(LENGTH)..last.end
}

/// What [`push`] adds for so many octets.
#[must_use]
pub fn octets(part: usize) -> usize {
    part.saturating_add(LENGTH)
}

/// Whether these octets are a run, and not a sealed batch alone.
#[must_use]
pub fn is_run(octets: &[u8]) -> bool {
    octets.first() == Some(&0)
}

/// Where the parts of a run lie: at least one and at most [`MAX_RUN`], none of them empty, or longer than a sealed batch.
///
/// # Errors
/// [`Error::Encoding`], [`Error::Limit`].
pub fn split(run: &[u8]) -> Result<Vec<Range<usize>>, Error> {
    let (mut parts, mut at) = (Vec::new(), 0_usize);
    while at < run.len() {
        if parts.len() >= MAX_RUN {
            return Err(Error::Limit { what: "batches of a run", limit: MAX_RUN });
        }
        let rest = run.get(at..).unwrap_or_default();
        let (length, rest) = rest.split_first_chunk::<LENGTH>().ok_or(RUN)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| RUN)?;
        if length == 0 || length > MAX_SEALED_BYTES || length > rest.len() {
            return Err(RUN);
        }
        let from = octets(at);
        at = from.saturating_add(length);
        parts.push(from..at);
    }
    if parts.is_empty() { Err(RUN) } else { Ok(parts) }
}

const LENGTH: usize = 4;
const RUN: Error = Error::Encoding("run of batches");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_its_parts() {
        let run = join([&b"one"[..], b"2", b"three"]);
        assert!(is_run(&run));
        let parts: Vec<_> = split(&run).unwrap().into_iter().map(|part| &run[part]).collect();
        assert_eq!(parts, [&b"one"[..], b"2", b"three"]);
        assert_eq!(run.len(), octets(3) + octets(1) + octets(5));
        let at = split(&run).unwrap();
        assert_eq!(run[between(&at[1], &at[2])], join([&b"2"[..], b"three"]));
        assert_eq!(run[between(&at[0], &at[2])], run);
    }

    #[test]
    fn what_is_no_run_is_refused() {
        let run = join([&b"one"[..], b"two"]);
        for cut in (1..7).chain(8..run.len()) {
            assert_eq!(split(&run[..cut]), Err(RUN), "{cut}");
        }
        for bad in [&b""[..], &[0; 4], &[0, 0, 0, 9, 1], &[0, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(split(bad), Err(RUN));
        }
        assert_eq!(split(&join([&b"x"[..]; MAX_RUN])).unwrap().len(), MAX_RUN);
        assert!(matches!(split(&join([&b"x"[..]; MAX_RUN + 1])), Err(Error::Limit { .. })));
    }
}
