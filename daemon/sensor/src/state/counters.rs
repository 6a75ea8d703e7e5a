//! Where every frame ended. Each frame is counted in exactly one outcome.

use headgate_record::{Error, Field, Kind, Record, Value};
use headgate_rules::{Exclusion, MAX_COUNTING_RULES};

use super::link::LinkCounts;

/// How a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It was read and used.
    Used,
    /// A part was malformed, the rest was used.
    PartlyUsed,
    /// It is of a protocol that is not read.
    Unread,
    /// Nothing of it could be used.
    Malformed,
    /// A rule excluded it.
    Excluded(Exclusion),
    /// A rule counted it.
    Counted,
}

/// What a rule counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// Frames.
    pub frames: u64,
    /// Octets of these frames on the wire.
    pub bytes: u64,
}

/// The counters of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames handed over by the kernel or read from the file.
    pub frames: u64,
    /// Frames that found no room in the ring.
    pub lost: u64,
    /// Octets of these frames on the wire.
    pub bytes: u64,
    /// Octets of these frames that were kept.
    pub bytes_kept: u64,
    /// Frames by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Of the frames that rules counted, those of each rule that counts.
    pub rules: [RuleCount; MAX_COUNTING_RULES],
    /// What the link says of itself.
    pub link: LinkCounts,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Outcome; 11] = [
        Outcome::Used,
        Outcome::PartlyUsed,
        Outcome::Unread,
        Outcome::Malformed,
        Outcome::Excluded(Exclusion::Interface),
        Outcome::Excluded(Exclusion::Vlan),
        Outcome::Excluded(Exclusion::Mac),
        Outcome::Excluded(Exclusion::Prefix),
        Outcome::Excluded(Exclusion::Protocol),
        Outcome::Excluded(Exclusion::Rule),
        Outcome::Counted,
    ];

    /// Where it is in [`Outcome::ALL`].
    #[inline(always)]
    fn position(self) -> usize {
        match self {
            Outcome::Used => 0,
            Outcome::PartlyUsed => 1,
            Outcome::Unread => 2,
            Outcome::Malformed => 3,
            Outcome::Excluded(Exclusion::Interface) => 4,
            Outcome::Excluded(Exclusion::Vlan) => 5,
            Outcome::Excluded(Exclusion::Mac) => 6,
            Outcome::Excluded(Exclusion::Prefix) => 7,
            Outcome::Excluded(Exclusion::Protocol) => 8,
            Outcome::Excluded(Exclusion::Rule) => 9,
            Outcome::Counted => 10,
        }
    }

    /// The field of a counters record that counts this outcome.
    #[must_use]
    pub fn field(self) -> Field {
        match self {
            Outcome::Used => Field::CountersUsed,
            Outcome::PartlyUsed => Field::CountersPartlyUsed,
            Outcome::Unread => Field::CountersUnread,
            Outcome::Malformed => Field::CountersMalformed,
            Outcome::Excluded(Exclusion::Interface) => Field::CountersExcludedInterface,
            Outcome::Excluded(Exclusion::Vlan) => Field::CountersExcludedVlan,
            Outcome::Excluded(Exclusion::Mac) => Field::CountersExcludedMac,
            Outcome::Excluded(Exclusion::Prefix) => Field::CountersExcludedPrefix,
            Outcome::Excluded(Exclusion::Protocol) => Field::CountersExcludedProtocol,
            Outcome::Excluded(Exclusion::Rule) => Field::CountersExcludedRule,
            Outcome::Counted => Field::CountersCounted,
        }
    }
}

impl Counters {
    /// Counts one frame.
    #[inline(always)]
    pub fn count(&mut self, outcome: Outcome, bytes: u64, kept: u64) {
        self.frames += 1;
        self.bytes += bytes;
        self.bytes_kept += kept;
        if let Some(count) = self.outcomes.get_mut(outcome.position()) {
            *count += 1;
        }
    }

    /// Says which of the rules that count counted a frame, besides [`Counters::count`].
    pub fn count_by_rule(&mut self, number: usize, bytes: u64) {
        if let Some(count) = self.rules.get_mut(number) {
            count.frames += 1;
            count.bytes += bytes;
        }
    }

    /// Adds the counts of a period.
    pub fn add(&mut self, other: &Counters) {
        self.frames += other.frames;
        self.lost += other.lost;
        self.bytes += other.bytes;
        self.bytes_kept += other.bytes_kept;
        self.link.add(&other.link);
        for (sum, count) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum += count;
        }
        for (sum, count) in self.rules.iter_mut().zip(other.rules) {
            sum.frames += count.frames;
            sum.bytes += count.bytes;
        }
    }

    /// A counters record of the period `from` to `to`, nanoseconds; `rules` are the names of the rules that count.
    pub(crate) fn record(
        &self,
        interface: &str,
        rules: &[&str],
        (from, to): (u64, u64),
    ) -> Result<Record, Error> {
        let mut r = Record::new(Kind::Counters);
        r.set(Field::CountersInterface, interface)?;
        r.set(Field::CountersFrom, Value::Time(from))?;
        r.set(Field::CountersTo, Value::Time(to))?;
        r.set(Field::CountersFrames, self.frames)?;
        r.set(Field::CountersFramesLost, self.lost)?;
        r.set(Field::CountersBytes, self.bytes)?;
        r.set(Field::CountersBytesKept, self.bytes_kept)?;
        for (outcome, count) in Outcome::ALL.into_iter().zip(self.outcomes) {
            // Most sites have no rule that ends a frame.
            let is_by_rule = matches!(outcome, Outcome::Excluded(Exclusion::Rule) | Outcome::Counted);
            if count > 0 || !is_by_rule {
                r.set(outcome.field(), count)?;
            }
        }
        let counted = || rules.iter().zip(&self.rules).filter(|(_, count)| count.frames > 0);
        if counted().next().is_some() {
            r.set(Field::CountersRules, counted().map(|(name, _)| (*name).to_owned()).collect::<Value>())?;
            r.set(Field::CountersRuleFrames, counted().map(|(_, count)| count.frames).collect::<Value>())?;
            r.set(Field::CountersRuleBytes, counted().map(|(_, count)| count.bytes).collect::<Value>())?;
        }
        for (field, count) in self.link.iter() {
            r.set(field, count)?;
        }
        Ok(r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_in_exactly_one_outcome() {
        let mut counters = Counters::default();
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.position(), at);
            counters.count(outcome, 100, 10);
        }
        assert_eq!(counters.outcomes, [1; Outcome::ALL.len()]);
        assert_eq!(counters.frames, counters.outcomes.iter().sum::<u64>());
    }
}
