//! Engines that share the frames of the same interfaces, each in a thread of its own (ADR 0016).
//!
//! The filters give each conversation to one of them, and to the first all that says more than its ends
//! ([`Program::share`](headgate_rules::filter::Program::share)). So each has its own flows, and what conversations share,
//! devices and counters, the first alone keeps: the others tell it.

use headgate_rules::Rules;
use headgate_service::config;

use super::Engine;
use crate::state::counters::Counters;
use crate::state::device::Activity;

/// What an engine saw of what the first of its kind keeps.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    devices: Vec<Activity>,
    /// By the numbers of interfaces.
    counters: Vec<Counters>,
    flows_evicted: u64,
}

/// What is an engine's of the tables of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) flows: usize,
    pub(super) keeps_devices: bool,
}

impl Part {
    pub(super) fn whole(config: &config::Headgate) -> Part {
        Part { flows: config.tables.flows.count(), keeps_devices: true }
    }
}

impl Engine {
    /// An engine for each of `count` shares of the frames of `interfaces`. The tables of all have room for as much as
    /// those of one that has no others, at least for a flow each.
    #[must_use]
    pub fn shares(
        rules: &Rules,
        config: &config::Headgate,
        interfaces: &[&str],
        count: usize,
    ) -> Vec<Engine> {
        let Part { flows: all, .. } = Part::whole(config);
        let each = all / count.max(1);
        let first = all - each * count.saturating_sub(1);
        let parts = (0..count)
            .map(|number| Part { flows: if number == 0 { first } else { each }, keeps_devices: number == 0 });
        let engines = parts.map(|part| {
            let mut engine = Engine::of_part(rules.clone(), config, part);
            for name in interfaces {
                engine.interface(name);
            }
            engine
        });
        engines.collect()
    }

    /// What this engine, not the first, has seen since the last call. Devices and counters are in no record of its own.
    pub fn tally(&mut self) -> Tally {
        self.gather();
        let counters = self.interfaces.iter_mut().map(|interface| std::mem::take(&mut interface.counters));
        self.untold.counters = counters.collect();
        for (interface, counters) in self.interfaces.iter_mut().zip(&self.untold.counters) {
            interface.total.add(counters);
        }
        std::mem::take(&mut self.untold)
    }

    /// Whether a tally should be taken before its time, so that it stays small.
    #[must_use]
    pub fn has_much_to_tell(&self) -> bool {
        self.tables.devices.is_full_of_news()
    }

    /// Adds what another engine has seen to what this one, the first, keeps.
    pub fn add(&mut self, tally: &Tally) {
        for (interface, counters) in self.interfaces.iter_mut().zip(&tally.counters) {
            interface.counters.add(counters);
        }
        for activity in &tally.devices {
            self.tables.devices.hear(activity, &mut self.out);
        }
        self.tables.flows.evicted += tally.flows_evicted;
    }

    /// Takes from the tables what is to be told.
    pub(super) fn gather(&mut self) {
        self.untold.devices.extend(self.tables.devices.take_told());
        self.untold.flows_evicted += std::mem::take(&mut self.tables.flows.evicted);
        self.untold.flows_evicted += self.tables.within.take_evicted();
    }
}
