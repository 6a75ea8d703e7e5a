//! What the model knows of persons: who was erased, what was set right, and what the receiver has heard of them.

use std::collections::{BTreeMap, BTreeSet};

use headgate_record::batch::Batch;
use headgate_record::{Field, Kind, Mac, Record, Value};

use crate::proof::site::{hostname, mac, number};
use crate::segment::Kept;

/// What happened to persons, in steps; a period is one of the pseudonym keys.
#[derive(Default)]
pub(super) struct Persons {
    step: u64,
    erasures: Vec<Erasure>,
    /// When each batch was made.
    made: BTreeMap<u64, Moment>,
    /// What was set right, by person and kind of record: through which record, and to what.
    corrected: BTreeMap<(Mac, Kind), (u64, String)>,
    pseudonyms: BTreeMap<(u64, Mac), String>,
    to_forget: BTreeSet<String>,
    forgotten: BTreeSet<String>,
}

struct Erasure {
    person: Mac,
    /// Records up to this one were the person's.
    through: u64,
    at: Moment,
}

#[derive(Clone, Copy)]
struct Moment {
    step: u64,
    period: u64,
}

impl Persons {
    /// A person was erased, when records up to `through` were committed and this period's pseudonyms in use.
    pub(super) fn erased(&mut self, person: Mac, through: u64, period: u64) {
        // Whom the receiver has seen in this period it has to forget.
        self.to_forget.extend(self.pseudonyms.get(&(period, person)).cloned());
        let at = self.now(period);
        self.erasures.push(Erasure { person, through, at });
    }

    /// A value of all records up to `through` of a kind was set right.
    pub(super) fn corrected(&mut self, person: Mac, kind: Kind, through: u64, value: String) {
        self.corrected.insert((person, kind), (through, value));
    }

    /// A batch was made.
    pub(super) fn made(&mut self, sequence: u64, period: u64) {
        let now = self.now(period);
        self.made.insert(sequence, now);
    }

    /// Whether a record may be in a batch: its person was not erased before the batch was made, nor since in the same period.
    /// Pseudonyms of an earlier one nobody can make again, so nobody finds them in what waits.
    pub(super) fn may_leave(&self, number: u64, sequence: u64) -> bool {
        let made = self.made[&sequence];
        !self
            .erasures_of(number)
            .any(|erasure| erasure.at.step < made.step || erasure.at.period == made.period)
    }

    /// The receiver hears a batch: each person has one pseudonym in a period, and no two the same.
    pub(super) fn heard(&mut self, batch: &Batch) -> Result<(), String> {
        self.forgotten.extend(batch.forget.iter().cloned());
        let period = self.made[&batch.id.sequence].period;
        for record in &batch.records {
            let number = number(record).ok_or("a record without its number")?;
            let said = record.anchor().ok_or("a record of nobody")?.1.to_string();
            if said.contains(':') {
                return Err(format!("record {number} says {said}"));
            }
            let others =
                self.pseudonyms.iter().any(|(who, known)| *known == said && *who != (period, mac(number)));
            let own = self.pseudonyms.entry((period, mac(number))).or_insert_with(|| said.clone());
            if others || *own != said {
                return Err(format!("record {number} has the pseudonym of another person or period"));
            }
        }
        Ok(())
    }

    /// Whether a record that is kept says what it should, and of erased persons nothing.
    pub(super) fn is_kept_well(&self, kept: &Kept) -> Result<(), String> {
        let Kept { record, erased } = kept;
        let number = number(record).ok_or("a record without its number")?;
        let should_be = self.erasures_of(number).next().is_some();
        if *erased != should_be {
            return Err(format!("record {number} of an erased person ({should_be}) is erased: {erased}"));
        }
        let (whose, right) = match record.kind() {
            Kind::Device => (Field::DeviceMac, Field::DeviceHostname),
            _ => (Field::FlowMac, Field::FlowService),
        };
        let person = (!erased).then(|| Value::Mac(mac(number)));
        if record.get(whose) != person.as_ref() {
            return Err(format!("record {number} is of {:?}", record.get(whose)));
        }
        let original = (record.kind() == Kind::Device).then(|| hostname(mac(number)));
        let corrected =
            self.corrected.get(&(mac(number), record.kind())).filter(|(through, _)| number <= *through);
        match (erased, corrected.map(|(_, value)| value.clone()).or(original), record.get(right)) {
            // A service identifies nobody and stays.
            (true, _, Some(_)) if record.kind() == Kind::Device => Err(format!("record {number} has a name")),
            (false, Some(value), found) if found != Some(&value.as_str().into()) => {
                Err(format!("record {number} has {found:?} for {value}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the receiver was told to forget all whom it should.
    pub(super) fn are_forgotten(&self) -> bool {
        self.to_forget.is_subset(&self.forgotten)
    }

    fn erasures_of(&self, number: u64) -> impl Iterator<Item = &Erasure> {
        self.erasures.iter().filter(move |erasure| erasure.person == mac(number) && number <= erasure.through)
    }

    fn now(&mut self, period: u64) -> Moment {
        self.step += 1;
        Moment { step: self.step, period }
    }
}

/// Whether a record that is kept names this person.
pub(super) fn names(record: &Record, person: Mac) -> bool {
    record.fields().any(|(_, value)| *value == Value::Mac(person))
}
