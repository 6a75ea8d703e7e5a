//! From frames to records: reads each frame, asks the collect gate, updates the tables.
//!
//! The engine has no clock of its own. Time is the latest frame's, or what [`Engine::tick`] says when
//! no frame comes, so that a file gives the same records whenever it is read.

use headgate_capture::{Frame, Tag};
use headgate_record::{Class, Field, Mac, Record};
use headgate_rules::filter::End;
use headgate_rules::{Collect, Exclusion, Judgement, Rule, RuleSet, Rules, filter};
use headgate_service::config;
use headgate_wire as wire;

use self::tables::Tables;
use crate::state::counters::{Counters, Outcome};
use crate::state::flow::{Found, IpAddress};
use crate::state::neighbor::Neighbors;
use crate::state::{InterfaceNumber, REPORT_INTERVAL, SECOND, Seen, Sink};

pub(crate) use self::arrival::Arrival;
pub(crate) use self::contribution::Contribution;
use self::shares::Part;
pub use self::shares::Tally;

mod arrival;
mod contribution;
mod ends;
mod reports;
mod shares;
mod tables;

/// Most interfaces of one sensor; further ones are counted together ([`Engine::interface`]).
pub const MAX_INTERFACES: usize = 64;

/// The sensor's state and its way through a frame.
#[derive(Clone)]
pub struct Engine {
    rules: Rules,
    /// No rule ends a frame for what it is.
    excludes_nothing: bool,
    config: config::Headgate,
    interfaces: Vec<Interface>,
    tables: Tables,
    part: Part,
    /// What is to be told besides what the tables have.
    untold: Tally,
    out: Sink,
    now: u64,
    next_tick: u64,
    next_account: u64,
    account_from: u64,
    /// Records that there is room for ([`Engine::make_room`]).
    room: usize,
}

#[derive(Clone)]
struct Interface {
    name: String,
    number: InterfaceNumber,
    excluded: bool,
    headers_only: bool,
    /// The rules that can match its frames.
    rules: RuleSet,
    neighbors: Neighbors,
    /// The latest time of its frames.
    latest: u64,
    /// Since the last counters record.
    counters: Counters,
    /// Since the start.
    total: Counters,
}

impl Engine {
    /// An engine without frames.
    #[must_use]
    pub fn new(rules: Rules, config: &config::Headgate) -> Engine {
        Engine::of_part(rules, config, Part::whole(config))
    }

    fn of_part(rules: Rules, config: &config::Headgate, part: Part) -> Engine {
        let tables = Tables::new(&rules, config, part);
        Engine {
            excludes_nothing: rules.collect().exclusions().is_empty() && !rules.collect().rules().can_end(),
            rules,
            config: config.clone(),
            interfaces: Vec::new(),
            tables,
            part,
            untold: Tally::default(),
            out: Sink::default(),
            now: 0,
            next_tick: 0,
            next_account: 0,
            account_from: 0,
            room: usize::MAX,
        }
    }

    /// The number of an interface, for [`Engine::frame`]. Of [`MAX_INTERFACES`] the last two are for all that are
    /// excluded, and for all others, that find no room.
    pub fn interface(&mut self, name: &str) -> usize {
        if let Some(at) = self.interfaces.iter().position(|i| i.name == name) {
            return at;
        }
        let excluded = self.rules.collect().exclusions().excludes_interface(name);
        let has_room = self.interfaces.len() < MAX_INTERFACES - 2;
        let name = if has_room {
            name
        } else if excluded {
            OTHER_EXCLUDED
        } else {
            OTHER
        };
        if let Some(at) = self.interfaces.iter().position(|i| i.name == name) {
            return at;
        }
        self.out.add_interface(name);
        self.interfaces.push(Interface {
            name: name.to_owned(),
            number: InterfaceNumber(u8::try_from(self.interfaces.len()).unwrap_or(u8::MAX)),
            excluded,
            headers_only: self.rules.collect().headers_only().excludes_interface(name),
            rules: self.rules.collect().rules().on(name),
            neighbors: Neighbors::new(self.config.tables.neighbors.count()),
            latest: 0,
            counters: Counters::default(),
            total: Counters::default(),
        });
        self.interfaces.len() - 1
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A frame, already cut by the filter. One without a time came just now.
    pub fn frame(&mut self, interface: usize, frame: &Frame<'_>) {
        self.see(interface, frame);
    }

    /// As [`Engine::frame`]; says how the frame ended.
    #[inline]
    fn see(&mut self, interface: usize, frame: &Frame<'_>) -> Outcome {
        let arrival = Arrival::of(frame);
        let Some((seen, excluded)) = self.arrive(interface, &arrival) else { return Outcome::Unread };
        let is_judged = excluded || !self.excludes_nothing;
        if let Some(ends) = plain(frame, is_judged, &self.rules)
            && match ends {
                wire::IpEnds::V4(ends) => self.goes_on(interface, seen, &arrival, ends),
                wire::IpEnds::V6(ends) => self.goes_on(interface, seen, &arrival, ends),
            }
        {
            return Outcome::Used;
        }
        self.see_other(interface, seen, frame, is_judged)
    }

    /// Lets time pass until a frame; whether its interface is excluded.
    #[inline(always)]
    fn arrive(&mut self, interface: usize, arrival: &Arrival) -> Option<(Seen, bool)> {
        let time = if arrival.time_ns == 0 { self.now } else { arrival.time_ns };
        // By the clock of its own interface: those of others may have waited in their rings.
        if let Some(interface) = self.interfaces.get_mut(interface) {
            let latest = interface.latest;
            interface.latest = latest.max(time);
            if time.saturating_add(MAX_STEP_BACK) < latest {
                self.begin_anew(time);
            }
        }
        self.advance(time);
        let on = self.interfaces.get(interface)?;
        let seen = Seen { number: on.number, vlan: arrival.vlan, time, bytes: arrival.bytes.into() };
        Some((seen, on.excluded))
    }

    /// A plain frame of a device and a flow that were lately seen; false for any other.
    #[inline(always)]
    fn goes_on<A: IpAddress>(
        &mut self,
        interface: usize,
        seen: Seen,
        arrival: &Arrival,
        ends: wire::Ends<A>,
    ) -> bool {
        let goes_on = self.tables.goes_on(seen, ends, Found::NOT_SOUGHT, &mut self.out);
        if goes_on {
            self.count(interface, Outcome::Used, arrival);
        }
        goes_on
    }

    #[inline(always)]
    fn count(&mut self, interface: usize, outcome: Outcome, arrival: &Arrival) {
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.counters.count(outcome, arrival.bytes.into(), arrival.kept.into());
        }
    }

    /// A frame that begins something, says more, or is to be judged.
    #[inline(never)]
    fn see_other(&mut self, interface: usize, seen: Seen, frame: &Frame<'_>, is_judged: bool) -> Outcome {
        let outcome = match plain(frame, is_judged, &self.rules) {
            Some(wire::IpEnds::V4(ends)) => {
                self.tables.plain(seen, ends, &mut self.out);
                Outcome::Used
            }
            Some(wire::IpEnds::V6(ends)) => {
                self.tables.plain(seen, ends, &mut self.out);
                Outcome::Used
            }
            None => self.judge(interface, seen, frame),
        };
        self.count(interface, outcome, &Arrival::of(frame));
        outcome
    }

    /// Frames that the kernel had no room for.
    pub fn lost(&mut self, interface: usize, frames: u64) {
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.counters.lost += frames;
        }
    }

    /// Frames that were not read at all: of another link type, for example.
    pub fn unread(&mut self, interface: usize, frames: u64) {
        if let Some(interface) = self.interfaces.get_mut(interface) {
            (0..frames).for_each(|_| interface.counters.count(Outcome::Unread, 0, 0));
        }
    }

    /// Lets time pass until `now`, nanoseconds since 1970: entries age, activity is reported. Frames of one interface
    /// may come in any order within [`MAX_STEP_BACK`]; a clock that is set back farther ends everything that is
    /// under way, and watching begins anew.
    pub fn tick(&mut self, now: u64) {
        if now.saturating_add(MAX_STEP_BACK) < self.now {
            self.begin_anew(now);
        }
        self.advance(now);
    }

    #[cold]
    fn begin_anew(&mut self, now: u64) {
        self.finish();
        if self.part.keeps_devices {
            self.account([0; Class::ALL.len()]);
        } else {
            self.gather();
        }
        self.tables = Tables::new(&self.rules, &self.config, self.part);
        for interface in &mut self.interfaces {
            interface.neighbors = Neighbors::new(self.config.tables.neighbors.count());
            interface.latest = 0;
        }
        (self.now, self.next_tick) = (now, 0);
    }

    #[inline(always)]
    fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        // Time 0 is not known yet.
        if self.now >= self.next_tick && now != 0 {
            self.pass_time();
        }
    }

    #[cold]
    fn pass_time(&mut self) {
        if self.next_tick == 0 {
            self.account_from = self.now;
            self.next_account = self.now.saturating_add(REPORT_INTERVAL);
        }
        self.next_tick = self.now.saturating_add(SECOND);
        self.report();
    }

    /// The records made since the last call, narrowed by the collect gate.
    pub fn take(&mut self) -> Vec<Record> {
        let collect = self.rules.collect();
        self.out.take().into_iter().filter_map(|record| collect.narrow(record)).collect()
    }

    /// What became of all frames since the start, by interface.
    pub fn totals(&self) -> impl Iterator<Item = (&str, &Counters)> {
        self.interfaces.iter().map(|i| (i.name.as_str(), &i.total))
    }

    /// Whether records were made since the last [`Engine::take`]; cheap.
    #[must_use]
    pub fn has_records(&self) -> bool {
        !self.out.is_empty()
    }

    /// Makes the counters records of the period that ends now; `dropped` are records that were dropped on
    /// the way to the store, by class in the order of [`Class::ALL`]. Call when [`Engine::account_is_due`].
    pub fn account(&mut self, dropped: [u64; Class::ALL.len()]) {
        let (from, to) = (self.account_from, self.now);
        self.account_from = to;
        self.next_account = to.saturating_add(REPORT_INTERVAL);
        let [authentications, bridges] = self.tables.access.take_evicted();
        let flows = std::mem::take(&mut self.tables.flows.evicted) + self.tables.within.take_evicted();
        let evicted = [
            authentications,
            bridges,
            (Field::CountersDevicesEvicted, std::mem::take(&mut self.tables.devices.evicted)),
            (Field::CountersLeasesEvicted, std::mem::take(&mut self.tables.dhcp.leases_evicted)),
            (Field::CountersExchangesEvicted, std::mem::take(&mut self.tables.dhcp.exchanges_evicted)),
            (Field::CountersFlowsEvicted, flows),
            (Field::CountersRecordsDroppedBulk, dropped[0]),
            (Field::CountersRecordsDroppedState, dropped[1]),
            (Field::CountersRecordsDroppedAccount, dropped[2]),
        ];
        let counting: Vec<&str> = self.rules.collect().rules().counting().map(Rule::name).collect();
        for (at, interface) in self.interfaces.iter_mut().enumerate() {
            let counters = std::mem::take(&mut interface.counters);
            interface.total.add(&counters);
            let neighbors_evicted = std::mem::take(&mut interface.neighbors.evicted);
            self.out.push(counters.record(&interface.name, &counting, (from, to)).and_then(|mut record| {
                record.set(Field::CountersNeighborsEvicted, neighbors_evicted)?;
                // What belongs to no interface stands with the first, so that it is counted once.
                for (field, count) in evicted.iter().filter(|_| at == 0) {
                    record.set(*field, *count)?;
                }
                Ok(record)
            }));
        }
    }

    /// Whether a period of counting has passed.
    #[must_use]
    pub fn account_is_due(&self) -> bool {
        self.now >= self.next_account && self.account_from != 0
    }

    fn judge(&mut self, interface: usize, seen: Seen, frame: &Frame<'_>) -> Outcome {
        let Some(interface) = self.interfaces.get_mut(interface) else { return Outcome::Unread };
        if interface.excluded {
            return Outcome::Excluded(Exclusion::Interface);
        }
        let wire_length = usize::try_from(frame.wire_len).unwrap_or(usize::MAX);
        match filter::end(frame.bytes.len(), wire_length) {
            Some(End::Excluded(exclusion)) => return Outcome::Excluded(exclusion),
            Some(End::Counted(number)) => {
                interface.counters.count_by_rule(number, seen.bytes);
                return Outcome::Counted;
            }
            None => {}
        }
        let Some(link) = wire::Link::from_linktype(frame.link) else { return Outcome::Unread };
        let mut packet = wire::Packet::new(frame.tag.map(stripped));
        if packet.read(link, frame.bytes, frame.wire_len).is_err() {
            return Outcome::Malformed;
        }
        let judgement = self.rules.collect().judge(&packet, interface.rules);
        let ended = match judgement {
            Judgement::Excluded(found) => Some(Outcome::Excluded(found.exclusion)),
            Judgement::Ended(found) if found.collect == Collect::Counts => {
                let number = self.rules.collect().rules().count_number(found.rule);
                interface.counters.count_by_rule(number, seen.bytes);
                Some(Outcome::Counted)
            }
            Judgement::Ended(_) => Some(Outcome::Excluded(Exclusion::Rule)),
            Judgement::Read { .. } => None,
        };
        if let Some(outcome) = ended {
            self.tables.access.excluded(&packet, &mut self.out);
            return outcome;
        }
        // What is plain says nothing beyond its headers and does not come here.
        if interface.headers_only || judgement.is_headers_only() {
            leave_headers(&mut packet);
        }
        if !matches!(packet.application, wire::Application::None) {
            interface.counters.link.count(&packet.application);
        }
        let at = (interface.name.as_str(), &mut interface.neighbors);
        let used = self.tables.packet(seen, &packet, at, self.rules.collect(), &mut self.out);
        // A part that the filter cut away is not a fault of the frame.
        let fault = packet.malformed.filter(|m| m.kind != wire::Kind::NotCaptured);
        match (used, fault) {
            (true, None) => Outcome::Used,
            (true, Some(_)) => Outcome::PartlyUsed,
            (false, None) => Outcome::Unread,
            (false, Some(_)) => Outcome::Malformed,
        }
    }
}

/// Forgets what control protocols say.
fn leave_headers(packet: &mut wire::Packet<'_>) {
    packet.application = wire::Application::None;
    if !matches!(packet.network, wire::Network::Ipv4(_) | wire::Network::Ipv6(_)) {
        packet.network = wire::Network::Other;
    }
}

const _: () = assert!(
    filter::MAX_REASON < wire::ethernet::HEADER_LEN + wire::ipv4::HEADER_LEN + wire::udp::HEADER_LEN,
    "an excluded frame is not plain"
);

/// What a plain Ethernet frame says, where no rule is to judge it. An excluded one keeps too few octets to be plain:
/// they say why it is excluded and are not used for anything else.
#[inline(always)]
fn plain(frame: &Frame<'_>, is_judged: bool, rules: &Rules) -> Option<wire::IpEnds> {
    if is_judged || frame.link != Frame::ETHERNET {
        return None;
    }
    let ends = wire::plain(frame.bytes, frame.wire_len)?;
    (!opts_out(rules, ends)).then_some(ends)
}

/// Whether one of the two stations of a plain frame has opted out.
#[inline(always)]
fn opts_out(rules: &Rules, ends: wire::IpEnds) -> bool {
    let (wire::IpEnds::V4(wire::Ends { source_mac, destination_mac, .. })
    | wire::IpEnds::V6(wire::Ends { source_mac, destination_mac, .. })) = ends;
    rules.collect().exclusions().opts_out([Mac(source_mac.0), Mac(destination_mac.0)])
}

#[inline(always)]
fn stripped(tag: Tag) -> wire::vlan::Tag {
    wire::vlan::Tag { tpid: tag.protocol, tci: tag.control }
}

/// Frames of one interface may be so far out of order, nanoseconds.
pub const MAX_STEP_BACK: u64 = 10 * SECOND;
/// The names of interfaces that find no room of their own.
const OTHER: &str = "other";
const OTHER_EXCLUDED: &str = "other-excluded";
