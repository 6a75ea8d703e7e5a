//! Where every frame ended. Each frame is counted in exactly one outcome.

use headgate_record::{Error, Field, Kind, Record, Value};
use headgate_rules::Exclusion;

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
    /// What the link says of itself.
    pub link: LinkCounts,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Outcome; 9] = [
        Outcome::Used,
        Outcome::PartlyUsed,
        Outcome::Unread,
        Outcome::Malformed,
        Outcome::Excluded(Exclusion::Interface),
        Outcome::Excluded(Exclusion::Vlan),
        Outcome::Excluded(Exclusion::Mac),
        Outcome::Excluded(Exclusion::Prefix),
        Outcome::Excluded(Exclusion::Protocol),
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
    }

    /// A counters record of the period `from` to `to`, nanoseconds.
    pub(crate) fn record(&self, interface: &str, from: u64, to: u64) -> Result<Record, Error> {
        let mut r = Record::new(Kind::Counters);
        r.set(Field::CountersInterface, interface)?;
        r.set(Field::CountersFrom, Value::Time(from))?;
        r.set(Field::CountersTo, Value::Time(to))?;
        r.set(Field::CountersFrames, self.frames)?;
        r.set(Field::CountersFramesLost, self.lost)?;
        r.set(Field::CountersBytes, self.bytes)?;
        r.set(Field::CountersBytesKept, self.bytes_kept)?;
        for (outcome, count) in Outcome::ALL.into_iter().zip(self.outcomes) {
            r.set(outcome.field(), count)?;
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
