//! What is within tunnels: flows of their own, as if on an interface of their own, `NAME/KIND`.
//!
//! A packet within never counts for a flow of frames that are not in a tunnel: not for that of the tunnel, whose ends
//! may be the same (an answer to a keepalive of GRE, IP in IP), and not for its own where it is seen outside as well. Nor
//! does it for a flow between the same ends in another virtual network: addresses of two tenants may be equal.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use headgate_record::{Change, Field, Record, Value};
use headgate_rules::filter::Tunnel;
use headgate_wire::IpEnds;

use super::flow::Flows;
use super::{InterfaceNumber, Seen, Sink, tagged};

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
    networks: Networks,
    /// Knows the names of those, and holds nothing else from one call to the next.
    out: Sink,
}

impl Within {
    /// As for [`Flows::new`].
    pub(crate) fn new(capacity: usize, idle: u64, active: u64) -> Self {
        let (seen, networks) = (Vec::new(), Networks::default());
        Within { flows: None, capacity, idle, active, seen, networks, out: Sink::default() }
    }

    /// Adds a packet within a tunnel of a kind, and of a virtual network where its header names one, to its flow.
    pub(crate) fn packet(
        &mut self,
        (kind, network): (Tunnel, Option<u32>),
        seen: Seen,
        ends: IpEnds,
        out: &mut Sink,
    ) {
        let number = self.number(seen.number, kind, out);
        let vlan = self.networks.number((network.map(|vni| (kind, vni)), seen.vlan));
        let seen = Seen { number, vlan, ..seen };
        let (capacity, idle, active) = (self.capacity, self.idle, self.active);
        let flows = self.flows.get_or_insert_with(|| Flows::new(capacity, idle, active));
        match ends {
            IpEnds::V4(ends) => flows.packet(seen, ends, &mut self.out),
            IpEnds::V6(ends) => flows.packet(seen, ends, &mut self.out),
        }
        self.hand_on(out);
    }

    /// As [`Flows::is_empty`].
    pub(crate) fn is_empty(&self) -> bool {
        self.flows.as_ref().is_none_or(Flows::is_empty)
    }

    /// As [`Flows::report`].
    pub(crate) fn report(&mut self, now: u64, limit: usize, out: &mut Sink) {
        if let Some(flows) = &mut self.flows {
            flows.report(now, limit, &mut self.out);
            let is_empty = flows.is_empty();
            self.hand_on(out);
            if is_empty {
                self.networks = Networks::default();
            }
        }
    }

    /// As [`Flows::holds_back`].
    pub(crate) fn holds_back(&self) -> bool {
        self.flows.as_ref().is_some_and(Flows::holds_back)
    }

    /// As [`Flows::report_held_back`].
    pub(crate) fn report_held_back(&mut self, limit: usize, out: &mut Sink) {
        if let Some(flows) = &mut self.flows {
            flows.report_held_back(limit, &mut self.out);
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
        for mut record in self.out.take() {
            self.networks.name(&mut record);
            out.push(Ok(record));
        }
    }
}

/// A virtual network of a kind of tunnel, and the VLAN in it.
type Network = (Option<(Tunnel, u32)>, u16);

/// Virtual networks and their VLANs, by the number that stands in flows for the VLAN. What comes when all numbers are given
/// has the last: there flows are told apart by their ends alone, until no flow is under way.
#[derive(Clone, Default)]
struct Networks {
    numbers: HashMap<Network, u16, RandomState>,
    known: Vec<Network>,
}

impl Networks {
    fn number(&mut self, network: Network) -> u16 {
        // The VLAN of no tag stays that.
        if network == (None, 0) {
            return 0;
        }
        if let Some(number) = self.numbers.get(&network) {
            return *number;
        }
        let number = u16::try_from(self.known.len() + 1).unwrap_or(MAX_NETWORKS).min(MAX_NETWORKS);
        if number < MAX_NETWORKS {
            self.known.push(network);
            self.numbers.insert(network, number);
        }
        number
    }

    /// Says in a flow's record which network and VLAN its number stands for.
    fn name(&self, record: &mut Record) {
        let Some(Value::Number(number)) = record.get(Field::FlowVlan) else { return };
        let known = usize::try_from(*number).ok().and_then(|number| self.known.get(number.checked_sub(1)?));
        let (network, vlan) = known.copied().unwrap_or_default();
        record.change_each(|field, _| match (field, tagged(vlan)) {
            (Field::FlowVlan, Some(vlan)) => Change::Replace(vlan.into()),
            (Field::FlowVlan, None) => Change::Remove,
            _ => Change::Keep,
        });
        // It is of the type that the dictionary has.
        let _ = record.set_some(Field::FlowVirtualNetwork, network.map(|(_, vni)| vni));
    }
}

/// Most names of their own, so that a number fits into a flow; all others have one name.
const MAX_SEEN: usize = 63;
const OTHER: &str = "other/tunnel";
/// Most networks with their VLANs, the last for all others: a number has the room of a VLAN.
const MAX_NETWORKS: u16 = 4_095;
