//! Frames of a file between the thread that reads them and the one that uses them.

use headgate_capture::{FileInterface, Frame, Tag};

/// Frames as they were cut, and the names of their interfaces.
#[derive(Default)]
pub(super) struct Batch {
    octets: Vec<u8>,
    frames: Vec<Held>,
    interfaces: Vec<String>,
    /// The interface of the latest frame: its number in the file and its place among the names.
    latest: Option<(usize, u16)>,
}

/// A frame whose octets end at `end` in the batch.
struct Held {
    time_ns: u64,
    end: u32,
    wire_len: u32,
    link: u32,
    tag: Option<Tag>,
    /// Its place among the names.
    interface: u16,
}

impl Batch {
    /// Adds a frame.
    #[inline(always)]
    pub(super) fn push(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) {
        // Neighbours in a file are mostly of one interface.
        let interface = match self.latest {
            Some((number, at)) if number == interface.number => at,
            _ => self.interface(interface),
        };
        self.octets.extend_from_slice(frame.bytes);
        let Frame { time_ns, wire_len, link, tag, .. } = *frame;
        // The last frame goes beyond by one frame at most.
        let end = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        self.frames.push(Held { time_ns, end, wire_len, link, tag, interface });
    }

    /// Whether it is time to hand the batch on.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= MAX_FRAMES || self.octets.len() >= MAX_OCTETS
    }

    /// The names of the interfaces, in the order of their first frames.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(String::as_str)
    }

    /// The frames, each with the place of its interface among the names.
    pub(super) fn frames(&self) -> impl Iterator<Item = (usize, Frame<'_>)> {
        let mut start = 0;
        self.frames.iter().map(move |held| {
            let end = usize::try_from(held.end).unwrap_or(usize::MAX);
            let bytes = self.octets.get(start..end).unwrap_or_default();
            start = end;
            let Held { time_ns, wire_len, link, tag, interface, .. } = *held;
            (interface.into(), Frame { time_ns, wire_len, link, tag, bytes })
        })
    }

    /// Makes room for others.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.frames.clear();
        self.interfaces.clear();
        self.latest = None;
    }

    #[cold]
    fn interface(&mut self, given: FileInterface<'_>) -> u16 {
        let at = self.interfaces.iter().position(|known| known == given.name).unwrap_or_else(|| {
            self.interfaces.push(given.name.to_owned());
            self.interfaces.len() - 1
        });
        // No more than a batch has frames.
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        self.latest = Some((given.number, at));
        at
    }
}

/// Frames of one batch, and octets, after which it is handed on. The last frame may go beyond.
const MAX_FRAMES: usize = 1_024;
const MAX_OCTETS: usize = 96 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut batch = Batch::default();
        let tag = Some(Tag { protocol: 0x8100, control: 7 });
        let frames = [("one", 1, None, &[1u8, 2][..]), ("three", 2, tag, &[]), ("one", 3, None, &[3])];
        for round in 0..2 {
            for (name, time_ns, tag, bytes) in frames {
                let interface = FileInterface { number: name.len(), name, waits: false };
                batch.push(interface, &Frame { time_ns, wire_len: 60, link: Frame::ETHERNET, tag, bytes });
            }
            assert_eq!(batch.interfaces().collect::<Vec<_>>(), ["one", "three"], "{round}");
            let out: Vec<_> =
                batch.frames().map(|(at, f)| (at, f.time_ns, f.tag, f.bytes.to_vec())).collect();
            assert_eq!(out, [(0, 1, None, vec![1, 2]), (1, 2, tag, vec![]), (0, 3, None, vec![3])]);
            batch.clear();
        }
    }

    #[test]
    fn a_batch_is_full_by_frames_and_by_octets() {
        for (bytes, frames) in [(&[0u8; 10][..], MAX_FRAMES), (&[0; 4_096], MAX_OCTETS / 4_096)] {
            let mut batch = Batch::default();
            for _ in 0..frames {
                assert!(!batch.is_full());
                let interface = FileInterface { number: 0, name: "x", waits: false };
                batch.push(
                    interface,
                    &Frame { time_ns: 1, wire_len: 60, link: Frame::ETHERNET, tag: None, bytes },
                );
            }
            assert!(batch.is_full());
        }
    }
}
