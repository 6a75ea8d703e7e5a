//! Flows summed up as they come: by service, and over time in as many steps as a chart has room for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::figures::{number, shown, time_of};

/// What flows carried.
pub(super) struct Flows {
    /// Nanoseconds of a step: a whole number of seconds.
    width: u64,
    /// By step, counted from 1970, and service: octets.
    steps: BTreeMap<u64, BTreeMap<usize, u64>>,
    services: Vec<OfService>,
}

/// A service.
pub(super) struct OfService {
    pub(super) name: String,
    pub(super) flows: u64,
    pub(super) packets: u64,
    pub(super) octets: u64,
    /// Times of the TCP handshake, nanoseconds; the first of them.
    pub(super) round_trips: Vec<u64>,
}

/// Octets over time.
#[derive(Default)]
pub(super) struct Timeline {
    /// Nanoseconds since 1970 of the beginning of the first step.
    pub(super) from: u64,
    /// Nanoseconds of a step.
    pub(super) width: u64,
    /// Of each step, the octets of each of the names.
    pub(super) steps: Vec<Vec<u64>>,
    pub(super) names: Vec<String>,
}

impl Default for Flows {
    fn default() -> Self {
        Flows { width: SECOND, steps: BTreeMap::new(), services: Vec::new() }
    }
}

impl Flows {
    /// Adds a flow record.
    pub(super) fn add(&mut self, flow: &Value) {
        let octets = number(&flow["bytes"]).saturating_add(number(&flow["reverse_bytes"]));
        let service = self.service(&flow["service"]);
        if let Some(of) = self.services.get_mut(service) {
            of.flows += 1;
            of.packets = of
                .packets
                .saturating_add(number(&flow["packets"]))
                .saturating_add(number(&flow["reverse_packets"]));
            of.octets = of.octets.saturating_add(octets);
            if of.round_trips.len() < MAX_TIMES {
                of.round_trips.extend(flow["handshake_rtt"].as_u64());
            }
        }
        let (Some(from), Some(to)) = (time_of(&flow["started"]), time_of(&flow["ended"])) else { return };
        self.spread(from, to.max(from), octets, service);
    }

    fn service(&mut self, name: &Value) -> usize {
        let name = if name.is_null() { OTHER.to_owned() } else { shown(name, 24) };
        let known = |services: &[OfService], name: &str| services.iter().position(|of| of.name == name);
        if let Some(at) = known(&self.services, &name) {
            return at;
        }
        let name = if self.services.len() < MAX_SERVICES { name } else { OTHER.to_owned() };
        known(&self.services, &name).unwrap_or_else(|| {
            self.services.push(OfService { name, flows: 0, packets: 0, octets: 0, round_trips: Vec::new() });
            self.services.len() - 1
        })
    }

    /// Gives each step its part of a flow, as if it had come evenly.
    fn spread(&mut self, from: u64, to: u64, octets: u64, service: usize) {
        let known = self.steps.keys().next().zip(self.steps.keys().next_back());
        let (first, last) =
            known.map_or((u64::MAX, 0), |(first, last)| (first * self.width, last * self.width));
        let (first, last) = (first.min(from), last.max(to));
        while last / self.width - first / self.width >= MAX_STEPS {
            self.widen();
        }
        let all = u128::from((to - from).max(1));
        let mut left = octets;
        for step in from / self.width..=to / self.width {
            let (begins, ends) = (step * self.width, (step + 1) * self.width);
            let part = ends.min(to).saturating_sub(begins.max(from));
            let share = u64::try_from(u128::from(octets) * u128::from(part) / all).unwrap_or(left);
            // What rounding leaves is the last step's.
            let share = if ends > to { left } else { share.min(left) };
            left -= share;
            let octets = self.steps.entry(step).or_default().entry(service).or_default();
            *octets = octets.saturating_add(share);
        }
    }

    fn widen(&mut self) {
        // 1, 2, 5, 10, 20, 50 … seconds, as people count.
        let (times, over) = if leading(self.width / SECOND) == 2 { (5, 2) } else { (2, 1) };
        // Steps of 2 s do not divide those of 5 s: then each is put where it begins.
        let wider = self.width / over * times;
        for (step, services) in std::mem::take(&mut self.steps) {
            let to = self.steps.entry(step * self.width / wider).or_default();
            for (service, octets) in services {
                *to.entry(service).or_default() += octets;
            }
        }
        self.width = wider;
    }

    /// The services, those that carried most first.
    pub(super) fn by_octets(&self) -> Vec<&OfService> {
        let mut services: Vec<_> = self.services.iter().collect();
        services.sort_by(|a, b| b.octets.cmp(&a.octets).then_with(|| a.name.cmp(&b.name)));
        services
    }

    /// Octets over time of the services that carried most; what the others carried is one.
    pub(super) fn timeline(&self) -> Option<Timeline> {
        let (first, last) = self.steps.keys().next().zip(self.steps.keys().next_back())?;
        let mut names: Vec<String> =
            self.by_octets().iter().take(MAX_SERIES).map(|of| of.name.clone()).collect();
        if self.services.len() > MAX_SERIES {
            names.push("all others".into());
        }
        let place = |service: &usize| {
            let name = self.services.get(*service).map_or(OTHER, |of| of.name.as_str());
            names.iter().position(|known| known == name).unwrap_or(names.len().saturating_sub(1))
        };
        let steps = (*first..=*last).map(|step| {
            let mut octets = vec![0; names.len()];
            for (service, carried) in self.steps.get(&step).into_iter().flatten() {
                if let Some(octets) = octets.get_mut(place(service)) {
                    *octets += carried;
                }
            }
            octets
        });
        let steps = steps.collect();
        Some(Timeline { from: first * self.width, width: self.width, steps, names })
    }
}

fn leading(mut number: u64) -> u64 {
    while number >= 10 {
        number /= 10;
    }
    number
}

const SECOND: u64 = 1_000_000_000;
const OTHER: &str = "other";
/// Most services that are told apart.
const MAX_SERVICES: usize = 48;
/// Services with a colour of their own.
const MAX_SERIES: usize = 5;
/// Most steps of a chart.
const MAX_STEPS: u64 = 120;
/// Most times of handshakes of a service.
const MAX_TIMES: usize = 65_536;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn flow(service: &str, from: u64, to: u64, octets: u64) -> Value {
        let time = |ms: u64| headgate_record::Value::Time(ms * 1_000_000).to_string();
        json!({ "service": service, "started": time(from), "ended": time(to), "bytes": octets, "packets": 1 })
    }

    #[test]
    fn a_flow_is_spread_over_its_time() {
        let mut flows = Flows::default();
        flows.add(&flow("web", 500, 2_500, 100));
        let timeline = flows.timeline().unwrap();
        assert_eq!(
            (timeline.from, timeline.width, timeline.steps),
            (0, SECOND, vec![vec![25], vec![50], vec![25]])
        );
    }

    #[test]
    fn only_the_largest_services_stand_alone() {
        let mut flows = Flows::default();
        (1..100).for_each(|n| flows.add(&flow(&format!("s{n}"), 0, 1, n)));
        let timeline = flows.timeline().unwrap();
        assert_eq!(timeline.names.len(), MAX_SERIES + 1);
        assert_eq!(timeline.steps[0].iter().sum::<u64>(), (1..100).sum::<u64>());
        assert_eq!(timeline.names[5], "all others");
    }

    proptest! {
        /// However long it goes on, and in whatever order, there is room, and no octet is lost.
        #[test]
        fn no_octet_is_lost_and_there_are_never_too_many_steps(
            flows in proptest::collection::vec((0..10_000_000_000_u64, 0..100_000_u64, 0..1_000_000_u64, 0..3_usize), 1..50)
        ) {
            let mut sum = Flows::default();
            for (from, takes, octets, service) in &flows {
                sum.add(&flow(["a", "b", "c"][*service], *from, from + takes, *octets));
            }
            let timeline = sum.timeline().unwrap();
            prop_assert!(timeline.steps.len() as u64 <= MAX_STEPS + 1);
            let all: u64 = timeline.steps.iter().flatten().sum();
            prop_assert_eq!(all, flows.iter().map(|flow| flow.2).sum::<u64>());
        }
    }
}
