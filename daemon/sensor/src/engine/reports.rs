//! What is under way, as it becomes records: each second, as fast as there is room for them, and at the end.

use std::ops::ControlFlow;

use headgate_record::Record;

use super::Engine;

impl Engine {
    /// The end of all frames: everything that is under way becomes a record.
    pub fn finish(&mut self) {
        while self.finish_some(usize::MAX) {}
    }

    /// Like [`Engine::finish`], and hands on the records a thousand at a time, so that there need not be memory for
    /// all at once. It ends where `take` breaks.
    pub fn finish_into(&mut self, take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>) {
        while self.finish_some(FLOWS_AT_ONCE) {
            if take(self.take()).is_break() {
                return;
            }
        }
        let _ = take(self.take());
    }

    /// Whether flows are under way. Those that are over between two ticks become records all at once: where there are some, it is not to
    /// be long until the next.
    pub(crate) fn has_flows(&self) -> bool {
        !(self.tables.flows.is_empty() && self.tables.within.is_empty())
    }

    /// There is room for so many records: of flows that are over and devices that have changed no more become records at a time, here
    /// and in what follows. The others are held back until there is more room. What single frames say is not.
    pub(crate) fn make_room(&mut self, records: usize) {
        self.room = records;
        if records == 0 || !self.holds_back() {
            return;
        }
        self.tables.flows.report_held_back(records, &mut self.out);
        self.tables.within.report_held_back(records, &mut self.out);
        if self.tables.devices.holds_back {
            self.tables.devices.report(self.now, false, records, &mut self.out);
        }
    }

    /// Whether there are some that are.
    pub(crate) fn holds_back(&self) -> bool {
        let tables = &self.tables;
        tables.flows.holds_back() || tables.within.holds_back() || tables.devices.holds_back
    }

    /// Whether flows are left.
    fn finish_some(&mut self, flows: usize) -> bool {
        for interface in &mut self.interfaces {
            interface.neighbors.report(self.now, true, &mut self.out);
        }
        self.tables.dhcp.report(self.now, true, &mut self.out);
        self.tables.access.report(self.now, true, &mut self.out);
        let left = self.tables.flows.finish(self.now, flows, &mut self.out)
            || self.tables.within.finish(self.now, flows, &mut self.out);
        if !left && self.part.keeps_devices {
            self.tables.ndp.report(self.now, true, &mut self.tables.devices);
            self.tables.devices.report(self.now, true, usize::MAX, &mut self.out);
        }
        left
    }

    /// What a second has brought.
    pub(super) fn report(&mut self) {
        for interface in &mut self.interfaces {
            interface.neighbors.report(self.now, false, &mut self.out);
        }
        self.tables.dhcp.report(self.now, false, &mut self.out);
        self.tables.access.report(self.now, false, &mut self.out);
        self.tables.flows.report(self.now, self.room, &mut self.out);
        self.tables.within.report(self.now, self.room, &mut self.out);
        if self.part.keeps_devices {
            self.tables.ndp.report(self.now, false, &mut self.tables.devices);
            self.tables.devices.report(self.now, false, self.room, &mut self.out);
        }
    }
}

/// Flows that [`Engine::finish_into`] records at once.
const FLOWS_AT_ONCE: usize = 1_024;
