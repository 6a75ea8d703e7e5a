//! Frames of a file between the thread that reads them and the one that uses them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use headgate_capture::{FileInterface, Frame, Tag};
use headgate_wire::Ends;

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

/// Uses frames, or what there is of them, in their order. `interface` is the place among the names ([`Batch::interfaces`]);
/// breaking ends it.
pub(super) trait Use {
    /// The ends of a plain frame of IPv4.
    fn v4(&mut self, interface: usize, arrival: Arrival, ends: Ends<Ipv4Addr>) -> ControlFlow<()>;
    /// The ends of a plain frame of IPv6.
    fn v6(&mut self, interface: usize, arrival: Arrival, ends: Ends<Ipv6Addr>) -> ControlFlow<()>;
    /// Any other frame.
    fn whole(&mut self, interface: usize, frame: &Frame<'_>) -> ControlFlow<()>;
}

impl Batch {
    /// Adds a plain frame of IPv4, whose ends are enough.
    #[inline(always)]
    pub(super) fn push_v4(&mut self, interface: FileInterface<'_>, arrival: Arrival, ends: Ends<Ipv4Addr>) {
        self.v4.push(Plain { arrival, ends });
        self.push(interface, Held::V4);
    }

    /// Adds a plain frame of IPv6, whose ends are enough.
    #[inline(always)]
    pub(super) fn push_v6(&mut self, interface: FileInterface<'_>, arrival: Arrival, ends: Ends<Ipv6Addr>) {
        self.v6.push(Plain { arrival, ends });
        self.push(interface, Held::V6);
    }

    #[inline(always)]
    fn push(&mut self, interface: FileInterface<'_>, held: Held) {
        // Neighbours in a file are mostly of one interface.
        let interface = match self.latest {
            Some((number, at)) if number == interface.number => at,
            _ => self.interface(interface),
        };
        self.order.push(Of { interface, held });
    }

    /// Adds any other frame, as it was cut.
    pub(super) fn push_whole(&mut self, interface: FileInterface<'_>, frame: &Frame<'_>) {
        self.push(interface, Held::Whole);
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

    /// Arrivals and ends of the plain frames of IPv4, in their order.
    pub(super) fn all_v4(&self) -> impl Iterator<Item = (Arrival, Ends<Ipv4Addr>)> {
        self.v4.iter().map(|plain| (plain.arrival, plain.ends))
    }

    /// The same of IPv6.
    pub(super) fn all_v6(&self) -> impl Iterator<Item = (Arrival, Ends<Ipv6Addr>)> {
        self.v6.iter().map(|plain| (plain.arrival, plain.ends))
    }

    /// Gives the frames to who uses them, until that breaks.
    #[inline(always)]
    pub(super) fn give_all(&self, to: &mut impl Use) -> ControlFlow<()> {
        let (mut v4, mut v6, mut whole) = (self.v4.iter(), self.v6.iter(), self.whole.iter());
        let mut start = 0;
        for of in &self.order {
            let interface = of.interface.into();
            match of.held {
                Held::V4 => {
                    let Some(plain) = v4.next() else { continue };
                    to.v4(interface, plain.arrival, plain.ends)?;
                }
                Held::V6 => {
                    let Some(plain) = v6.next() else { continue };
                    to.v6(interface, plain.arrival, plain.ends)?;
                }
                Held::Whole => {
                    let Some(Whole { time_ns, end, wire_len, link, tag }) = whole.next() else { continue };
                    let end = usize::try_from(*end).unwrap_or(usize::MAX);
                    let bytes = self.octets.get(start..end).unwrap_or_default();
                    start = end;
                    let (time_ns, wire_len, link, tag) = (*time_ns, *wire_len, *link, *tag);
                    to.whole(interface, &Frame { time_ns, wire_len, link, tag, bytes })?;
                }
            }
        }
        ControlFlow::Continue(())
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

    const ONE: FileInterface<'static> = FileInterface { number: 0, name: "x", waits: false };

    /// A whole frame that is the last.
    const LAST: usize = 9;

    /// What was given, in short.
    #[derive(Default)]
    struct Seen {
        whole: Vec<(usize, u64, Option<Tag>, Vec<u8>)>,
        v4: Vec<Ends<Ipv4Addr>>,
        v6: Vec<Ends<Ipv6Addr>>,
        order: String,
    }

    impl Use for Seen {
        fn v4(&mut self, _: usize, _: Arrival, ends: Ends<Ipv4Addr>) -> ControlFlow<()> {
            self.v4.push(ends);
            self.order.push('4');
            ControlFlow::Continue(())
        }

        fn v6(&mut self, _: usize, _: Arrival, ends: Ends<Ipv6Addr>) -> ControlFlow<()> {
            self.v6.push(ends);
            self.order.push('6');
            ControlFlow::Continue(())
        }

        fn whole(&mut self, at: usize, f: &Frame<'_>) -> ControlFlow<()> {
            self.whole.push((at, f.time_ns, f.tag, f.bytes.to_vec()));
            self.order.push('w');
            if self.order.len() == LAST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    fn given(batch: &Batch) -> Seen {
        let mut seen = Seen::default();
        assert!(batch.give_all(&mut seen).is_continue());
        seen
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut batch = Batch::default();
        let tag = Some(Tag { protocol: 0x8100, control: 7 });
        let frames = [("one", 1, None, &[1u8, 2][..]), ("three", 2, tag, &[]), ("one", 3, None, &[3])];
        for round in 0..2 {
            for (name, time_ns, tag, bytes) in frames {
                let interface = FileInterface { number: name.len(), name, waits: false };
                let frame = Frame { time_ns, wire_len: 60, link: Frame::ETHERNET, tag, bytes };
                batch.push_whole(interface, &frame);
            }
            assert_eq!(batch.interfaces().collect::<Vec<_>>(), ["one", "three"], "{round}");
            assert_eq!(
                given(&batch).whole,
                [(0, 1, None, vec![1, 2]), (1, 2, tag, vec![]), (0, 3, None, vec![3])]
            );
            batch.clear();
        }
    }

    #[test]
    fn a_batch_is_full_by_frames_and_by_octets() {
        for (bytes, frames) in [(&[0u8; 10][..], MAX_FRAMES), (&[0; 4_096], MAX_OCTETS / 4_096)] {
            let mut batch = Batch::default();
            for _ in 0..frames {
                assert!(!batch.is_full());
                let frame = Frame { time_ns: 1, wire_len: 60, link: Frame::ETHERNET, tag: None, bytes };
                batch.push_whole(ONE, &frame);
            }
            assert!(batch.is_full());
        }
    }

    #[test]
    fn plain_and_whole_frames_keep_their_order() {
        let mac = headgate_wire::ethernet::Address([2; 6]);
        let (protocol, ports, flags) = (17, (0x3000, 0x4000), headgate_wire::tcp::Flags::default());
        let (a, b) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let (source_mac, destination_mac) = (mac, mac);
        let v4 = Ends { source_mac, destination_mac, source: a, destination: a, protocol, ports, flags };
        let v6 = Ends { source_mac, destination_mac, source: b, destination: b, protocol, ports, flags };
        let frame = Frame { time_ns: 5, wire_len: 60, link: Frame::ETHERNET, tag: None, bytes: &[1, 2] };
        let (mut batch, arrival) = (Batch::default(), Arrival::of(&frame));
        batch.push_v4(ONE, arrival, v4);
        batch.push_whole(ONE, &frame);
        batch.push_v6(ONE, arrival, v6);
        batch.push_v6(ONE, arrival, v6);
        batch.push_v4(ONE, arrival, v4);
        let seen = given(&batch);
        assert_eq!(
            (seen.order.as_str(), &seen.v4[..], &seen.v6[..]),
            ("4w664", &[v4, v4][..], &[v6, v6][..])
        );
        let mut breaks = Seen { order: "-".repeat(LAST - 2), ..Seen::default() };
        assert!(batch.give_all(&mut breaks).is_break());
        assert_eq!(breaks.order.trim_matches('-'), "4w");
    }
}
