//! Plain frames of a file, whose ends alone are read: many at a time.

use headgate_rules::Exclusion;
use headgate_wire as wire;

use super::{Arrival, Engine, MAX_STEP_BACK};
use crate::state::Seen;
use crate::state::counters::Outcome;
use crate::state::flow::{Found, FoundAll, IpAddress};

impl Engine {
    /// Whether [`wire::plain`] says of a plain Ethernet frame all that this engine would look at
    /// ([`Engine::ends`]).
    pub(crate) fn needs_only_ends(&self) -> bool {
        self.excludes_nothing && self.rules.collect().exclusions().opted_out() == 0
    }

    /// Where the flows of plain frames are, for [`Engine::ends`].
    #[inline(always)]
    pub(crate) fn find_all<A: IpAddress>(
        &mut self,
        frames: impl Iterator<Item = (Arrival, wire::Ends<A>)>,
        found: &mut FoundAll,
    ) {
        self.tables.flows.find_all(frames.map(|(arrival, ends)| (arrival.vlan, ends)), found);
    }

    /// As [`Engine::frame`], for a frame of which [`wire::plain`] said this; only where
    /// [`Engine::needs_only_ends`].
    #[inline(always)]
    pub(crate) fn ends<A: IpAddress>(
        &mut self,
        interface: usize,
        arrival: &Arrival,
        ends: wire::Ends<A>,
        found: Found,
    ) {
        let time = if arrival.time_ns == 0 { self.now } else { arrival.time_ns };
        let now = self.now.max(time);
        // What almost every frame is: nothing is due, and its flow goes on.
        if let Some(on) = self.interfaces.get_mut(interface)
            && !on.excluded
            && now < self.next_tick
            && time.saturating_add(MAX_STEP_BACK) >= on.latest
        {
            self.now = now;
            on.latest = on.latest.max(time);
            let seen = Seen { number: on.number, vlan: arrival.vlan, time, bytes: arrival.bytes.into() };
            if self.tables.goes_on(seen, ends, found, &mut self.out) {
                on.counters.count(Outcome::Used, arrival.bytes.into(), arrival.kept.into());
                return;
            }
        }
        self.ends_otherwise(interface, arrival, ends);
    }

    #[inline(never)]
    fn ends_otherwise<A: IpAddress>(&mut self, interface: usize, arrival: &Arrival, ends: wire::Ends<A>) {
        match self.arrive(interface, arrival) {
            Some((seen, false)) if !self.goes_on(interface, seen, arrival, ends) => {
                self.tables.plain(seen, ends, &mut self.out);
                self.count(interface, Outcome::Used, arrival);
            }
            Some((_, true)) => self.count(interface, Outcome::Excluded(Exclusion::Interface), arrival),
            _ => {}
        }
    }
}
