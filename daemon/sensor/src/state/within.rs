//! What is within tunnels: flows of their own, as if on an interface of their own, `NAME/KIND`.
//!
//! A packet within never counts for a flow of frames that are not in a tunnel: not for that of the tunnel, whose ends
//! may be the same (an answer to a keepalive of GRE, IP in IP), and not for its own where it is seen outside as well.

use headgate_rules::filter::Tunnel;
use headgate_wire::IpEnds;

use super::flow::Flows;
use super::{InterfaceNumber, Seen, Sink};

/// The flows within tunnels. Room is taken with the first.
#[derive(Clone)]
pub(crate) struct Within {
    flows: Option<Flows>,
    capacity: usize,
    /// Nanoseconds.
    idle: u64,
    active: u64,
    /// The interfaces and kinds, by the number that flows have.
    seen: Vec<(InterfaceNumber, Tunnel)>,
    /// Knows the names of those, and holds nothing else from one call to the next.
    out: Sink,
}

impl Within {
    /// As for [`Flows::new`].
    pub(crate) fn new(capacity: usize, idle: u64, active: u64) -> Self {
        Within { flows: None, capacity, idle, active, seen: Vec::new(), out: Sink::default() }
    }

    /// Adds a packet within a tunnel of a kind to its flow.
    pub(crate) fn packet(&mut self, kind: Tunnel, seen: Seen, ends: IpEnds, out: &mut Sink) {
        let seen = Seen { number: self.number(seen.number, kind, out), ..seen };
        let (capacity, idle, active) = (self.capacity, self.idle, self.active);
        let flows = self.flows.get_or_insert_with(|| Flows::new(capacity, idle, active));
        match ends {
            IpEnds::V4(ends) => flows.packet(seen, ends, &mut self.out),
            IpEnds::V6(ends) => flows.packet(seen, ends, &mut self.out),
        }
        self.hand_on(out);
    }

    /// As [`Flows::report`].
    pub(crate) fn report(&mut self, now: u64, out: &mut Sink) {
        if let Some(flows) = &mut self.flows {
            flows.report(now, &mut self.out);
            self.hand_on(out);
        }
    }

    /// As [`Flows::finish`].
    pub(crate) fn finish(&mut self, now: u64, limit: usize, out: &mut Sink) -> bool {
        let Some(flows) = &mut self.flows else { return false };
        let left = flows.finish(now, limit, &mut self.out);
        self.hand_on(out);
        left
    }

    /// How many flows a full table gave up since the last call.
    pub(crate) fn take_evicted(&mut self) -> u64 {
        self.flows.as_mut().map_or(0, |flows| std::mem::take(&mut flows.evicted))
    }

    fn number(&mut self, interface: InterfaceNumber, kind: Tunnel, out: &Sink) -> InterfaceNumber {
        let known = self.seen.iter().position(|seen| *seen == (interface, kind));
        let at = known.unwrap_or(self.seen.len()).min(MAX_SEEN);
        if at == self.seen.len() {
            self.seen.push((interface, kind));
            let name = format!("{}/{}", out.interface(interface), kind.name());
            self.out.add_interface(if at < MAX_SEEN { &name } else { OTHER });
        }
        InterfaceNumber(u8::try_from(at).unwrap_or(u8::MAX))
    }

    fn hand_on(&mut self, out: &mut Sink) {
        self.out.take().into_iter().for_each(|record| out.push(Ok(record)));
    }
}

/// Most names of their own, so that a number fits into a flow; all others have one name.
const MAX_SEEN: usize = 63;
const OTHER: &str = "other/tunnel";
