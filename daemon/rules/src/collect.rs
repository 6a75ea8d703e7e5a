//! The collect gate: which frames count at all, and what of a record is kept on the appliance.

use std::sync::Arc;

use headgate_record::{Field, Kind, Mac, Record, Stated, Treatment, stations};
use headgate_wire as wire;

use crate::exclude::{Exclusions, Match};
use crate::filter::{Depth, Tunnels};
use crate::release::KIND;
use crate::rule::{Collect, RuleList, RuleMatch, RuleSet};
use crate::stations::{STATIONS, StationGroups};
use crate::treat::{PrefixLengths, Pseudonymise, Purpose, Treatments, build};

/// What may be collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectGate {
    pub(crate) exclusions: Exclusions,
    pub(crate) headers_only: Exclusions,
    pub(crate) rules: RuleList,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) treatments: Treatments,
    pub(crate) lengths: PrefixLengths,
    pub(crate) tunnels: Tunnels,
    pub(crate) stations: Arc<StationGroups>,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// An entry of `[exclude]` excludes it.
    Excluded(Match),
    /// A rule ends it: [`Collect::None`] or [`Collect::Counts`].
    Ended(RuleMatch),
    /// It is read.
    Read {
        /// The rule that says how far.
        rule: Option<RuleMatch>,
        /// The entry of `[headers_only]` that limits it.
        limit: Option<Match>,
    },
}

impl Judgement {
    /// Whether no more than headers is read.
    #[must_use]
    pub fn is_headers_only(&self) -> bool {
        matches!(self, Judgement::Read { rule, limit } if limit.is_some() || rule.is_some_and(|rule| rule.collect == Collect::Headers))
    }
}

/// What can be said of many records without looking at each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All their kinds.
    pub kinds: Vec<Kind>,
    /// All their fields.
    pub fields: Vec<Field>,
    /// All stations that they name.
    pub stations: Vec<Mac>,
    /// Whether the neighbors among them all are infrastructure.
    pub infrastructure: bool,
}

impl CollectGate {
    /// Judges a frame that was read, of which `on` are the rules of its interface: first `[exclude]`, then rules, both
    /// for what headers say; these within its tunnel; `[exclude]` for stations that a message names, and opt-out lists;
    /// rules for these stations, where they let less be collected. Of what is read `[headers_only]` then leaves headers.
    #[must_use]
    pub fn judge(&self, packet: &wire::Packet<'_>, on: RuleSet) -> Judgement {
        let rule = match self.judge_headers(packet, on) {
            Judgement::Read { rule, .. } => rule,
            ended => return ended,
        };
        if let Some(found) = self.exclusions.find(packet) {
            return Judgement::Excluded(found);
        }
        match self.find_named(packet, on, rule) {
            Some(found) if found.collect.ends() => Judgement::Ended(found),
            named => Judgement::Read { rule: named.or(rule), limit: self.find_limit(packet) },
        }
    }

    /// The part of [`CollectGate::judge`] that is for the kernel where there are rules: what the headers say of a frame.
    #[must_use]
    pub fn judge_headers(&self, packet: &wire::Packet<'_>, on: RuleSet) -> Judgement {
        let mut read = Judgement::Read { rule: None, limit: None };
        if self.rules.is_empty() {
            return read;
        }
        for within_tunnel in [false, true] {
            if let Some(found) = self.exclusions.find_in_headers(packet, within_tunnel) {
                return Judgement::Excluded(found);
            }
            match self.rules.find(packet, within_tunnel, on) {
                Some(found) if found.collect.ends() => return Judgement::Ended(found),
                // Of what is within a tunnel no more than headers is read in any case.
                rule if !within_tunnel => read = Judgement::Read { rule, limit: None },
                _ => {}
            }
        }
        read
    }

    /// The rule that lets less be collected of a station that a message names than `rule` does of its frame.
    fn find_named(
        &self,
        packet: &wire::Packet<'_>,
        on: RuleSet,
        rule: Option<RuleMatch>,
    ) -> Option<RuleMatch> {
        if self.rules.is_empty() {
            return None;
        }
        let most = rule.map_or(Collect::Control, |rule| rule.collect);
        let outside = self.rules.find_named(packet, false, on, most);
        outside.or_else(|| self.rules.find_named(packet, true, on, Collect::Headers))
    }

    fn find_limit(&self, packet: &wire::Packet<'_>) -> Option<Match> {
        if self.headers_only.is_empty() { None } else { self.headers_only.find(packet) }
    }

    /// The rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &RuleList {
        &self.rules
    }

    /// Which frames are excluded.
    #[must_use]
    pub fn exclusions(&self) -> &Exclusions {
        &self.exclusions
    }

    /// Of which frames no more than headers is read: what control protocols say in them is not used.
    #[must_use]
    pub fn headers_only(&self) -> &Exclusions {
        &self.headers_only
    }

    /// Whether records of a kind are collected.
    #[must_use]
    pub fn collects(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The groups of stations of which less is collected or leaves.
    #[must_use]
    pub fn stations(&self) -> &StationGroups {
        &self.stations
    }

    /// The sensor's side: what of a record is handed to the store, or `None` where its kind is not
    /// collected, of no station or of none of its group. Everything is done here but pseudonyms, and dropping the MAC address of the subject.
    #[must_use]
    pub fn narrow(&self, record: Record) -> Option<Record> {
        let is_collected = self.collects(record.kind()) && !self.stations_refuse(&record);
        is_collected.then(|| build(record, &self.treatments, self.lengths, None))
    }

    /// The store's side: what of a record is written, or why nothing of it is: its kind is not collected, of no station or
    /// of none of its group, or its station has opted out. All that [`CollectGate::narrow`] does is done again, so that the store need not trust the sensor.
    ///
    /// # Errors
    /// The reason under which the record is counted.
    pub fn admit(&self, record: &Record, pseudonyms: &dyn Pseudonymise) -> Result<Record, &'static str> {
        self.refuses(record).map_or_else(|| Ok(self.keep(record.clone(), pseudonyms)), Err)
    }

    /// Why nothing of a record is written, where that is so.
    #[must_use]
    pub fn refuses(&self, record: &impl Stated) -> Option<&'static str> {
        if !self.collects(record.kind()) {
            return Some(KIND);
        }
        if self.stations_refuse(record) {
            return Some(STATIONS);
        }
        let opt_outs = &self.exclusions.opt_outs;
        let opted_out = !opt_outs.is_empty() && stations(record).any(|mac| opt_outs.find(mac).is_some());
        opted_out.then_some(OPTED_OUT)
    }

    fn stations_refuse(&self, record: &impl Stated) -> bool {
        self.stations.find(record).is_some_and(|(_, group)| !group.collects(record.kind()))
    }

    /// What of a record that is not refused is written.
    #[must_use]
    pub fn keep(&self, record: Record, pseudonyms: &dyn Pseudonymise) -> Record {
        build(record, &self.treatments, self.lengths, Some((pseudonyms, Purpose::Collect)))
    }

    /// Whether records of which no more is said are all written, and as they are: asked of many at once. `false` says nothing: each
    /// is then judged by itself.
    #[must_use]
    pub fn keeps_all(&self, of: &Summary) -> bool {
        let opt_outs = &self.exclusions.opt_outs;
        let collects =
            |kind: &Kind| self.collects(*kind) && self.stations.iter().all(|group| group.collects(*kind));
        let stays = |field: &Field| {
            let infrastructure = of.infrastructure && field.kind() == Kind::Neighbor;
            self.treatments.of_infrastructure(*field, infrastructure) == Treatment::Keep
        };
        of.kinds.iter().all(collects)
            && of.fields.iter().all(stays)
            && (opt_outs.is_empty() || !of.stations.iter().any(|mac| opt_outs.find(*mac).is_some()))
    }

    /// What the kernel keeps beyond headers and control protocols: what the fields that these rules keep, in
    /// whatever form, are read from; and the tunnels that are looked into.
    #[must_use]
    pub fn depth(&self) -> Depth {
        let kept = Field::ALL
            .iter()
            .copied()
            .filter(|field| self.collects(field.kind()) && self.treatment(*field) != Treatment::Drop);
        Depth { tunnels: self.tunnels, ..Depth::of(kept) }
    }

    /// The tunnels that are looked into.
    #[must_use]
    pub fn tunnels(&self) -> Tunnels {
        self.tunnels
    }

    /// How a field is treated.
    #[must_use]
    pub fn treatment(&self, field: Field) -> Treatment {
        self.treatments.of(field)
    }

    /// How a field of a record is treated once it is written: what depends on the record is decided.
    #[must_use]
    pub fn treats(&self, field: Field, record: &Record) -> Treatment {
        self.treatments.of_record(field, record)
    }

    /// Lengths of the networks that [`Treatment::Truncate`] leaves: of IPv4, then of IPv6.
    #[must_use]
    pub fn lengths(&self) -> [u8; 2] {
        [self.lengths.v4, self.lengths.v6]
    }
}

/// Why nothing is written of a station that is on an opt-out list.
pub const OPTED_OUT: &str = "opted-out";
