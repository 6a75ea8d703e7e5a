//! The release gate: what leaves the site.

use std::sync::Arc;

use headgate_record::{Field, Kind, Record, Treatment, Value, is_randomised};

use crate::profile::Profile;
use crate::stations::{STATIONS, StationGroups};
use crate::treat::{PrefixLengths, Pseudonymise, Purpose, Treatments, build};

/// What may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseGate {
    pub(crate) profile: Profile,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) treatments: Treatments,
    pub(crate) lengths: PrefixLengths,
    pub(crate) randomised_macs: bool,
    pub(crate) group_size: u16,
    pub(crate) stations: Arc<StationGroups>,
}

/// Whoever knows how many stations are in a group.
pub trait Groups {
    /// The stations, each counted once, of which a record has this value in this field. Those with a randomised address
    /// are not counted: one person may have many.
    fn members(&self, field: Field, value: &Value) -> usize;
}

/// What the release gate decides about one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This leaves: a record built from the fields that may.
    Release(Record),
    /// Nothing of the record leaves; it is counted under this reason.
    Withhold(&'static str),
}

impl ReleaseGate {
    /// As [`ReleaseGate::release_among`], where nobody knows of a group: none is large enough to leave.
    #[must_use]
    pub fn release(&self, record: &Record, pseudonyms: &dyn Pseudonymise) -> Verdict {
        self.release_among(record, pseudonyms, &Nobody)
    }

    /// Builds what of a stored record leaves.
    #[must_use]
    pub fn release_among(
        &self,
        record: &Record,
        pseudonyms: &dyn Pseudonymise,
        groups: &dyn Groups,
    ) -> Verdict {
        if let Some(reason) = self.withholds(record) {
            return Verdict::Withhold(reason);
        }
        let keys = Some((pseudonyms, Purpose::Release));
        // Nothing is left here of a field that names a group.
        let mut released = build(record.clone(), self.treatments_of(record), self.lengths, keys);
        let size = usize::from(self.group_size_of(record).max(1));
        let is_large = |field, value: &Value| groups.members(field, value) >= size;
        for (field, value) in self.groups_of(record) {
            let value = match value {
                Value::List(values) => {
                    let large: Vec<_> = values.iter().filter(|v| is_large(field, v)).cloned().collect();
                    (!large.is_empty()).then_some(Value::List(large))
                }
                value => is_large(field, value).then(|| value.clone()),
            };
            // It is of the type that it was.
            let _ = value.map(|value| released.set(field, value));
        }
        Verdict::Release(released)
    }

    /// The values of a record that name a group and leave where it is large enough.
    pub fn groups_of<'a>(&self, record: &'a Record) -> impl Iterator<Item = (Field, &'a Value)> {
        let treatments = self.treatments_of(record);
        let is_grouped = |field: &Field| treatments.of(*field) == Treatment::Group;
        let fields = Field::GROUPS.into_iter().filter(|field| field.kind() == record.kind());
        let fields = fields.filter(is_grouped).map(|field| Some((field, record.get(field)?)));
        fields.flatten().collect::<Vec<_>>().into_iter()
    }

    /// How many stations a group must have before its name leaves ([`Treatment::Group`]).
    #[must_use]
    pub fn group_size(&self) -> u16 {
        self.group_size
    }

    /// The same for what leaves with a record: a group of stations may ask for more.
    #[must_use]
    pub fn group_size_of(&self, record: &Record) -> u16 {
        let own = self.stations.find(record).and_then(|(_, group)| group.group_size);
        own.unwrap_or(0).max(self.group_size)
    }

    /// Why nothing of a record leaves, where that is so.
    #[must_use]
    pub fn withholds(&self, record: &Record) -> Option<&'static str> {
        if !self.releases(record.kind()) {
            return Some(KIND);
        }
        if self.stations.find(record).is_some_and(|(_, group)| !group.releases(record.kind())) {
            return Some(STATIONS);
        }
        (!self.randomised_macs && is_randomised(record)).then_some(RANDOMISED_MAC)
    }

    /// Whether records of a kind may leave.
    #[must_use]
    pub fn releases(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// How a field of a record is treated: what depends on the record is decided.
    #[must_use]
    pub fn treats(&self, field: Field, record: &Record) -> Treatment {
        self.treatments_of(record).of_record(field, record)
    }

    /// The group of stations, by its place, that lets less of a field of a record leave than of others.
    #[must_use]
    pub fn narrowed_by(&self, field: Field, record: &Record) -> Option<usize> {
        let (group, _) = self.stations.find(record)?;
        (self.treats(field, record) != self.treatments.of_record(field, record)).then_some(group)
    }

    /// What is done with a record: that of its group of stations, where that has a profile.
    fn treatments_of(&self, record: &Record) -> &Treatments {
        let group = self.stations.find(record).and_then(|(_, group)| group.release.as_ref());
        group.map_or(&self.treatments, |released| &released.treatments)
    }

    /// The profile that the rules begin with.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Whether records of devices with a randomised (locally administered) MAC address may leave.
    #[must_use]
    pub fn releases_randomised_macs(&self) -> bool {
        self.randomised_macs
    }

    /// Lengths of the networks that [`Treatment::Truncate`] leaves: of IPv4, then of IPv6.
    #[must_use]
    pub fn lengths(&self) -> [u8; 2] {
        [self.lengths.v4, self.lengths.v6]
    }

    /// How a field is treated.
    #[must_use]
    pub fn treatment(&self, field: Field) -> Treatment {
        self.treatments.of(field)
    }
}

/// Why records of a kind that may not leave are withheld.
pub const KIND: &str = "kind";
/// Why records of devices with a randomised MAC address are withheld.
pub const RANDOMISED_MAC: &str = "randomised-mac";

struct Nobody;

impl Groups for Nobody {
    fn members(&self, _: Field, _: &Value) -> usize {
        0
    }
}

/// Least and most of [`ReleaseGate::group_size`].
pub const GROUP_SIZES: (u16, u16) = (2, 1_000);
pub(crate) const DEFAULT_GROUP_SIZE: u16 = 5;
