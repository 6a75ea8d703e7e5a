//! Frames of a file between the thread that reads them and the one that uses them.

use std::net::{Ipv4Addr, Ipv6Addr};

use headgate_capture::{FileInterface, Frame, Tag};
use headgate_wire::{Ends, IpEnds};

use crate::engine::Arrival;

/// Frames as they were cut, and the names of their interfaces. Of plain ones only the ends, so that as little as
/// possible goes from one processor to the other.
#[derive(Default)]
pub(super) struct Batch {
    /// Of each frame, in the order of the file.
    order: Vec<Of>,
    v4: Vec<Plain<Ipv4Addr>>,
    v6: Vec<Plain<Ipv6Addr>>,
    whole: Vec<Whole>,
    octets: Vec<u8>,
    interfaces: Vec<String>,
    /// The interface of the latest frame: its number in the file and its place among the names.
    latest: Option<(usize, u16)>,
}

/// Where a frame is held, and its interface by its place among the names.
#[derive(Clone, Copy)]
struct Of {
    interface: u16,
    held: Held,
}

#[derive(Clone, Copy)]
enum Held {
    V4,
    V6,
    Whole,
}

struct Plain<A> {
    arrival: Arrival,
    ends: Ends<A>,
}

/// A frame whose octets end at `end` in the batch.
struct Whole {
    time_ns: u64,
    end: u32,
    wire_len: u32,
    link: u32,
    tag: Option<Tag>,
}

/// A frame, or what there is of it.
pub(super) enum Item<'a> {
    Ends(Arrival, IpEnds),
    Frame(Frame<'a>),
}

impl Batch {
    /// Adds a frame, of which its ends are enough where they are known.
    #[inline(always)]
    pub(super) fn push(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>, ends: Option<IpEnds>) {
        // Neighbours in a file are mostly of one interface.
        let interface = match self.latest {
            Some((number, at)) if number == interface.number => at,
            _ => self.interface(interface),
        };
        let held = match ends {
            Some(IpEnds::V4(ends)) => {
                self.v4.push(Plain { arrival: Arrival::of(frame), ends });
                Held::V4
            }
            Some(IpEnds::V6(ends)) => {
                self.v6.push(Plain { arrival: Arrival::of(frame), ends });
                Held::V6
            }
            None => {
                self.push_whole(frame);
                Held::Whole
            }
        };
        self.order.push(Of { interface, held });
    }

    #[inline(never)]
    fn push_whole(&mut self, frame: &Frame<'_>) {
        self.octets.extend_from_slice(frame.bytes);
        let Frame { time_ns, wire_len, link, tag, .. } = *frame;
        // The last frame goes beyond by one frame at most.
        let end = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        self.whole.push(Whole { time_ns, end, wire_len, link, tag });
    }

    /// Whether it is time to hand the batch on.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.order.len() >= MAX_FRAMES || self.octets.len() >= MAX_OCTETS
    }

    /// How many frames there are.
    pub(super) fn frames(&self) -> usize {
        self.order.len()
    }

    /// How many octets those of them have that are whole.
    pub(super) fn octets(&self) -> usize {
        self.octets.len()
    }

    /// The names of the interfaces, in the order of their first frames.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(String::as_str)
    }

    /// The frames, each with the place of its interface among the names.
    pub(super) fn items(&self) -> impl Iterator<Item = (usize, Item<'_>)> {
        let (mut v4, mut v6, mut whole) = (self.v4.iter(), self.v6.iter(), self.whole.iter());
        let mut start = 0;
        self.order.iter().filter_map(move |of| {
            let item = match of.held {
                Held::V4 => v4.next().map(|plain| Item::Ends(plain.arrival, IpEnds::V4(plain.ends)))?,
                Held::V6 => v6.next().map(|plain| Item::Ends(plain.arrival, IpEnds::V6(plain.ends)))?,
                Held::Whole => {
                    let Whole { time_ns, end, wire_len, link, tag } = *whole.next()?;
                    let end = usize::try_from(end).unwrap_or(usize::MAX);
                    let bytes = self.octets.get(start..end).unwrap_or_default();
                    start = end;
                    Item::Frame(Frame { time_ns, wire_len, link, tag, bytes })
                }
            };
            Some((of.interface.into(), item))
        })
    }

    /// Makes room for others.
    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.v4.clear();
        self.v6.clear();
        self.whole.clear();
        self.octets.clear();
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
const MAX_FRAMES: usize = 512;
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
                batch.push(
                    interface,
                    &Frame { time_ns, wire_len: 60, link: Frame::ETHERNET, tag, bytes },
                    None,
                );
            }
            assert_eq!(batch.interfaces().collect::<Vec<_>>(), ["one", "three"], "{round}");
            let frame = |(at, item)| match item {
                Item::Frame(f) => Some((at, f.time_ns, f.tag, f.bytes.to_vec())),
                Item::Ends(..) => None,
            };
            let out: Vec<_> = batch.items().filter_map(frame).collect();
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
                    None,
                );
            }
            assert!(batch.is_full());
        }
    }

    #[test]
    fn of_a_frame_only_the_ends_are_held_where_these_are_enough() {
        let ipv4 = [
            &[2u8; 6][..],
            &[4; 6],
            &[8, 0],
            &[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0],
            &[10; 8],
            &[0x30, 0, 0x40, 0, 0, 8, 0, 0],
        ];
        let bytes = &ipv4.concat()[..];
        let frame = Frame { time_ns: 5, wire_len: 60, link: Frame::ETHERNET, tag: None, bytes };
        let interface = || FileInterface { number: 0, name: "x", waits: false };
        let mut batch = Batch::default();
        let ends = headgate_wire::plain(bytes, 60).unwrap();
        batch.push(interface(), &frame, Some(ends));
        batch.push(interface(), &frame, None);
        let items: Vec<_> = batch.items().map(|(_, item)| item).collect();
        assert!(matches!(items[0], Item::Ends(_, of) if of == ends));
        assert!(matches!(items[1], Item::Frame(f) if f.bytes == bytes));
    }
}
