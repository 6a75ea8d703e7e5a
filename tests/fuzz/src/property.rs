//! What holds for readers of frames and of their parts.
//!
//! - They end, without panic, and within [`MAX_TIME`] for each kilobyte where `HEADGATE_FUZZ_TIME` is set.
//! - Reading again gives the same.
//! - All that they read can be written down as JSON.
//! - A fault lies within what was read.
//! - What is read of a plain frame for its ends alone is what its packet says.
//! - A cut is not a fault: of what is sound, any beginning gives [`Kind::NotCaptured`] and nothing else.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::Duration;

use headgate_wire::{
    Application, Cursor, IpEnds, Kind, Link, Malformed, Network, Packet, Transport, is_read_on, vlan,
};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::protocols::Read;

/// How many beginnings of a sound input are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Two, which the input itself chooses.
    Some,
    /// All.
    All,
}

/// The property of a protocol. The first octet says how many octets the wire had beyond the others, and which
/// variant of the protocol they are.
pub fn protocol(read: Read, octets: &[u8], effort: Effort) {
    let Some((first, octets)) = octets.split_first() else { return };
    let octets = octets.get(..MAX_FRAME).unwrap_or(octets);
    SCRATCH.with_borrow_mut(|scratch| scratch.reader(read, octets, *first, effort));
}

/// The property of whole frames. The first octet says how many octets the wire had beyond the others, and
/// which link they are of.
pub fn frame(octets: &[u8], effort: Effort) {
    let read: Read = |octets, wire_len, variant, out| {
        let (link, tag) = match LINKS.get(usize::from(variant)) {
            Some(link) => (*link, None),
            None => (Link::Ethernet, Some(vlan::Tag { tpid: 0x8100, tci: variant.into() })),
        };
        let packet = packet(link, Cursor::new(octets, wire_len, headgate_wire::Layer::Ethernet), tag);
        if link == Link::Ethernet {
            agree(headgate_wire::plain(octets, wire_len), packet.as_ref().ok());
        }
        put(out, &packet);
    };
    protocol(read, octets, effort);
}

/// Whether a packet says nothing but its ends, but perhaps for a tag.
fn is_bare((packet, fault): &(Packet<'_>, Option<Malformed>)) -> bool {
    let is_plain_ip = match &packet.network {
        Network::Ipv4(header) => header.total_length > 0 && !header.has_options() && !header.is_fragment(),
        Network::Ipv6(header) => header.payload_length > 0 && !header.has_extensions(),
        _ => false,
    };
    is_plain_ip
        && fault.is_none()
        && packet.tags.len() <= 1
        && matches!(packet.transport, Transport::Tcp(_) | Transport::Udp(_))
        && packet.application == Application::None
        && packet.tunnel.is_none()
        && packet.encapsulation.is_none()
}

fn agree(plain: Option<IpEnds>, packet: Option<&(Packet<'_>, Option<Malformed>)>) {
    let ends = packet.filter(|read| is_bare(read)).and_then(|(packet, _)| packet.ends());
    match (plain, ends) {
        (Some(_), _) => assert_eq!(plain, ends),
        // Ports of the other family's applications, and a tag in the frame, are left to the packet.
        (None, Some(_)) => assert!(
            packet.is_some_and(|(packet, _)| {
                let is_read = match &packet.transport {
                    Transport::Udp(header) => is_read_on(header.source, header.destination),
                    _ => false,
                };
                is_read || !packet.tags.is_empty()
            }),
            "a bare segment is not plain: {packet:?}"
        ),
        (None, None) => {}
    }
}

/// A whole frame, and the fault that it names beside those within its layers.
pub(super) fn packet<'a>(
    link: Link,
    cursor: Cursor<'a>,
    tag: Option<vlan::Tag>,
) -> Result<(Packet<'a>, Option<Malformed>), Malformed> {
    let wire_len = u32::try_from(cursor.wire_remaining()).unwrap_or(u32::MAX);
    headgate_wire::parse(link, cursor.rest(), tag, wire_len).map(|packet| {
        let fault = packet.malformed;
        (packet, fault)
    })
}

/// Writes down what was read.
pub(super) fn put(out: &mut Vec<u8>, value: &impl Serialize) {
    out.clear();
    serde_json::to_writer(out, value).expect("what was read can be written down");
}

/// What was written down of two readings.
#[derive(Default)]
struct Scratch {
    once: Vec<u8>,
    again: Vec<u8>,
}

impl Scratch {
    fn reader(&mut self, read: Read, octets: &[u8], first: u8, effort: Effort) {
        let variant = first & 0x0f;
        let excess = EXCESS[usize::from(first >> 4)];
        let wire_len = u32::try_from(octets.len()).unwrap_or(u32::MAX).saturating_add(excess);
        in_time(octets.len(), || read(octets, wire_len, variant, &mut self.once));
        read(octets, wire_len, variant, &mut self.again);
        assert!(self.once == self.again, "reading again gives something else");
        for (offset, kind) in faults(&self.once) {
            assert!(offset <= octets.len(), "a {kind} at {offset} of {} octets", octets.len());
        }
        if !is_sound(&self.once) || octets.is_empty() {
            return;
        }
        let mut try_cut = |at: usize| {
            let captured = octets.get(..at).unwrap_or(octets);
            read(captured, wire_len, variant, &mut self.again);
            assert!(
                is_sound(&self.again),
                "a sound input of {} octets, cut after {at}, is malformed:\n{}\n{}",
                octets.len(),
                String::from_utf8_lossy(&self.once),
                String::from_utf8_lossy(&self.again)
            );
        };
        match effort {
            Effort::Some => {
                let sum = octets.iter().fold(0_usize, |sum, o| sum.rotate_left(5) ^ usize::from(*o));
                try_cut(sum % octets.len());
                try_cut((sum >> 32) % octets.len().min(64));
            }
            Effort::All => (0..octets.len()).for_each(try_cut),
        }
    }
}

/// The offset and kind of every fault that was written down.
fn faults(json: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    const BEFORE: &[u8] = br#""offset":"#;
    const BETWEEN: &[u8] = br#","kind":""#;
    let text = std::str::from_utf8(json).expect("JSON is UTF-8");
    // Within a string the quotation marks would be escaped.
    let found = text.match_indices(std::str::from_utf8(BEFORE).unwrap_or_default());
    found.filter_map(|(at, before)| {
        let rest = &text[at + before.len()..];
        let (offset, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let kind = rest.strip_prefix(std::str::from_utf8(BETWEEN).unwrap_or_default())?;
        Some((offset.parse().ok()?, kind.split_once('"')?.0))
    })
}

fn is_sound(json: &[u8]) -> bool {
    faults(json).all(|(_, kind)| kind == Kind::NotCaptured.name())
}

/// Runs `f`, which handles so many octets, and looks at the clock where that is wanted.
pub(super) fn in_time(octets: usize, mut f: impl FnMut()) {
    static WANTED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("HEADGATE_FUZZ_TIME").is_some());
    let limit = MAX_TIME * u32::try_from(octets.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
    let mut tries = 0;
    loop {
        let started = thread_time();
        f();
        tries += 1;
        if !*WANTED || thread_time().saturating_sub(started) <= limit {
            return;
        }
        // An interrupt counts as this thread's time, too: the fastest counts.
        assert!(tries < MAX_TRIES, "{octets} octets take longer than {limit:?} each time");
    }
}

/// How long this thread has had a processor.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Longest time for each kilobyte begun.
const MAX_TIME: Duration = Duration::from_millis(1);
/// An input is slow when it is slow this many times one after another.
const MAX_TRIES: u32 = 5;
/// Most octets of an input that are read.
const MAX_FRAME: usize = 1 << 16;
/// The links by the low half of the first octet; above them, Ethernet with a tag beside the frame.
pub(super) const LINKS: [Link; 13] = [
    Link::Ethernet,
    Link::Ieee80211,
    Link::Ipv4,
    Link::Ipv6,
    Link::LinuxCooked,
    Link::LinuxCooked2,
    Link::Loop,
    Link::Null,
    Link::Ppi,
    Link::Radiotap,
    Link::RawIp,
    Link::Prism,
    Link::Avs,
];
/// How many octets the wire had beyond those captured, by the high half of the first octet.
pub(super) const EXCESS: [u32; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 16, 64, 1_500, 65_535, u32::MAX];
