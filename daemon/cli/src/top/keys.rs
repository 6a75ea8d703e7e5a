//! What is typed, read from the terminal by ourselves.
//!
//! Crossterm 0.29, which draws, could read keys as well; but its reader goes on for ever on a terminal that has been closed (it takes
//! an end, and every error, for "try again"), and loses a key that comes together with a change of the size.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// A key that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    Escape,
    /// Ctrl-C or Ctrl-D.
    Interrupt,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Keys(Vec<Key>),
    /// The terminal has been closed.
    Gone,
}

/// Octets that may be the beginning of a key.
#[derive(Default)]
pub(super) struct Keys {
    rest: Vec<u8>,
}

impl Keys {
    /// Waits for keys, no longer than this; a signal ends the waiting as well.
    ///
    /// # Errors
    /// When the system refuses to wait.
    pub(super) fn wait(&mut self, wait: Duration) -> io::Result<Typed> {
        let stdin = io::stdin();
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        match rustix::event::poll(&mut polled, Some(&wait)) {
            Err(Errno::INTR) => return Ok(Typed::Keys(Vec::new())),
            // Nothing follows: a lone Esc is the key.
            Ok(0) => return Ok(Typed::Keys(self.take(&[], true))),
            result => result.map(drop)?,
        }
        let mut octets = [MaybeUninit::uninit(); MAX_READ];
        match rustix::io::read(&stdin, &mut octets) {
            Ok((read, _)) if !read.is_empty() => Ok(Typed::Keys(self.take(read, false))),
            Err(Errno::INTR | Errno::AGAIN) => Ok(Typed::Keys(Vec::new())),
            Ok(_) | Err(_) => Ok(Typed::Gone),
        }
    }

    /// The keys of these octets, behind what is left of those before; at an end what is left is no beginning any more.
    fn take(&mut self, octets: &[u8], is_end: bool) -> Vec<Key> {
        self.rest.extend_from_slice(octets);
        let mut keys = Vec::new();
        let mut rest = self.rest.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            if *first != ESCAPE {
                keys.extend(key_of(*first));
                rest = behind;
                continue;
            }
            match sequence(behind) {
                Sequence::Key(key, behind) => {
                    keys.extend(key);
                    rest = behind;
                }
                Sequence::Unfinished if !is_end && rest.len() < MAX_SEQUENCE => break,
                Sequence::Unfinished => {
                    keys.push(Key::Escape);
                    rest = &[];
                }
            }
        }
        self.rest = rest.to_vec();
        keys
    }
}

enum Sequence<'a> {
    /// A key, or one that means nothing here, and what is behind it.
    Key(Option<Key>, &'a [u8]),
    Unfinished,
}

/// What follows an Esc (ECMA-48, 5.4, and what xterm sends for keys).
fn sequence(behind: &[u8]) -> Sequence<'_> {
    match behind.split_first() {
        None => Sequence::Unfinished,
        Some((b'[' | b'O', rest)) => {
            let Some(end) = rest.iter().position(|octet| (0x40..=0x7e).contains(octet)) else {
                return Sequence::Unfinished;
            };
            let (numbers, last) = rest.split_at(end);
            let Some((last, behind)) = last.split_first() else { return Sequence::Unfinished };
            Sequence::Key(key_of_sequence(numbers, *last), behind)
        }
        // Esc twice is Esc; with another key it is that key with Alt, which means nothing here.
        Some((&ESCAPE, _)) => Sequence::Key(Some(Key::Escape), behind),
        Some((_, rest)) => Sequence::Key(None, rest),
    }
}

fn key_of_sequence(numbers: &[u8], last: u8) -> Option<Key> {
    match (numbers, last) {
        (_, b'A') => Some(Key::Up),
        (_, b'B') => Some(Key::Down),
        (_, b'C') => Some(Key::Right),
        (_, b'D') => Some(Key::Left),
        (_, b'H') | (b"1" | b"7", b'~') => Some(Key::Home),
        (_, b'F') | (b"4" | b"8", b'~') => Some(Key::End),
        (_, b'Z') => Some(Key::BackTab),
        (b"5", b'~') => Some(Key::PageUp),
        (b"6", b'~') => Some(Key::PageDown),
        _ => None,
    }
}

fn key_of(octet: u8) -> Option<Key> {
    match octet {
        b'\t' => Some(Key::Tab),
        0x03 | 0x04 => Some(Key::Interrupt),
        b' '..=b'~' => Some(Key::Char(octet.into())),
        _ => None,
    }
}

const ESCAPE: u8 = 0x1b;
/// Octets that are read at once, and that a sequence may have.
const MAX_READ: usize = 256;
const MAX_SEQUENCE: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_told_from_their_octets() {
        for (octets, expected) in [
            (&b"q"[..], vec![Key::Char('q')]),
            (b"\x1b[A\x1b[B\x1bOC\x1bOD", vec![Key::Up, Key::Down, Key::Right, Key::Left]),
            (
                b"\x1b[5~\x1b[6~\x1b[H\x1b[4~\t\x1b[Z",
                vec![Key::PageUp, Key::PageDown, Key::Home, Key::End, Key::Tab, Key::BackTab],
            ),
            (b"\x03", vec![Key::Interrupt]),
            (b"\x1b\x1b[Aq", vec![Key::Escape, Key::Up, Key::Char('q')]),
            // Other keys and Alt: nothing, and not the Esc that they begin with.
            (b"\x1b[15~\x1b[1;5Px\x1bq\xc3\xa9", vec![Key::Char('x')]),
        ] {
            assert_eq!(Keys::default().take(octets, false), expected, "{octets:?}");
        }
    }

    #[test]
    fn a_lone_escape_is_a_key_when_nothing_follows() {
        let mut keys = Keys::default();
        assert_eq!(keys.take(b"\x1b", false), []);
        assert_eq!(keys.take(b"", true), [Key::Escape]);
        assert_eq!(keys.take(b"\x1b", false), []);
        assert_eq!(keys.take(b"[A", false), [Key::Up]);
    }

    proptest! {
        /// However the octets come, the keys are the same, and what waits for its end is short.
        #[test]
        fn keys_do_not_depend_on_how_they_are_read(octets in proptest::collection::vec(any::<u8>(), 0..200), at in 0..200_usize) {
            let whole = Keys::default().take(&octets, false);
            let mut keys = Keys::default();
            let (first, second) = octets.split_at(at.min(octets.len()));
            let mut parts = keys.take(first, false);
            parts.extend(keys.take(second, false));
            prop_assert!(keys.rest.len() < MAX_SEQUENCE);
            // A sequence longer than any is given up where the reading stops.
            if octets.split(|octet| *octet == ESCAPE).all(|part| part.len() < MAX_SEQUENCE - 1) {
                prop_assert_eq!(parts, whole);
            }
        }
    }
}
