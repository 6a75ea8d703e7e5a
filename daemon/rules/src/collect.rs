//! The collect gate: which frames count at all, and what of a record is kept on the appliance.

use headgate_record::{Field, Kind, Record, Treatment};

use crate::exclude::Exclusions;
use crate::filter::{Depth, Tunnels};
use crate::release::{KIND, stations};
use crate::treat::{PrefixLengths, Pseudonymise, Purpose, Treatments, build};

/// What may be collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectGate {
    pub(crate) exclusions: Exclusions,
    pub(crate) headers_only: Exclusions,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) treatments: Treatments,
    pub(crate) lengths: PrefixLengths,
    pub(crate) tunnels: Tunnels,
}

impl CollectGate {
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

    /// The sensor's side: what of a record is handed to the store, or `None` where its kind is not
    /// collected. Everything is done here but pseudonyms, and dropping the MAC address of the subject.
    #[must_use]
    pub fn narrow(&self, record: Record) -> Option<Record> {
        self.collects(record.kind()).then(|| build(record, &self.treatments, self.lengths, None))
    }

    /// The store's side: what of a record is written, or why nothing of it is: its kind is not collected, or its station
    /// has opted out. All that [`CollectGate::narrow`] does is done again, so that the store need not trust the sensor.
    ///
    /// # Errors
    /// The reason under which the record is counted.
    pub fn admit(&self, record: &Record, pseudonyms: &dyn Pseudonymise) -> Result<Record, &'static str> {
        self.refuses(record).map_or_else(|| Ok(self.keep(record.clone(), pseudonyms)), Err)
    }

    /// Why nothing of a record is written, where that is so.
    #[must_use]
    pub fn refuses(&self, record: &Record) -> Option<&'static str> {
        if !self.collects(record.kind()) {
            return Some(KIND);
        }
        let opt_outs = &self.exclusions.opt_outs;
        let opted_out = !opt_outs.is_empty() && stations(record).any(|mac| opt_outs.find(mac).is_some());
        opted_out.then_some(OPTED_OUT)
    }

    /// What of a record that is not refused is written.
    #[must_use]
    pub fn keep(&self, record: Record, pseudonyms: &dyn Pseudonymise) -> Record {
        build(record, &self.treatments, self.lengths, Some((pseudonyms, Purpose::Collect)))
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
