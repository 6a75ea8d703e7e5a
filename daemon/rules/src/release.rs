//! The release gate: what leaves the site.

use headgate_record::{Field, Kind, Mac, Record, Treatment, Value};

use crate::profile::Profile;
use crate::treat::{PrefixLengths, Pseudonymise, Purpose, Treatments, build};

/// What may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseGate {
    pub(crate) profile: Profile,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) treatments: Treatments,
    pub(crate) lengths: PrefixLengths,
    pub(crate) randomised_macs: bool,
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
    /// Builds what of a stored record leaves.
    #[must_use]
    pub fn release(&self, record: &Record, pseudonyms: &dyn Pseudonymise) -> Verdict {
        if let Some(reason) = self.withholds(record) {
            return Verdict::Withhold(reason);
        }
        Verdict::Release(build(
            record.clone(),
            &self.treatments,
            self.lengths,
            Some((pseudonyms, Purpose::Release)),
        ))
    }

    /// Why nothing of a record leaves, where that is so.
    #[must_use]
    pub fn withholds(&self, record: &Record) -> Option<&'static str> {
        if !self.releases(record.kind()) {
            return Some(KIND);
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
        self.treatments.of_record(field, record)
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

/// Whether the record's subject, or a station that it names as a bridge, has a locally administered MAC address:
/// one that a person's device has drawn at random. What infrastructure calls itself is no person's, but whoever
/// speaks spanning tree is not infrastructure for that.
///
/// It is asked of a record as the sensor hands it over, where the address stands even if the collect
/// gate lets nothing of it be stored. A device record also says so by its flag.
#[must_use]
pub fn is_randomised(record: &Record) -> bool {
    let by_address = stations(record).any(Mac::is_locally_administered);
    let yes = |field| record.get(field) == Some(&Value::Bool(true));
    (by_address && !yes(Field::NeighborInfrastructure)) || yes(Field::DeviceLocallyAdministered)
}

/// The MAC address of a record's subject, and those of stations that it names as a bridge.
pub(crate) fn stations(record: &Record) -> impl Iterator<Item = Mac> + '_ {
    let fields = record.kind().subject().into_iter().chain(record.kind().stations().iter().copied());
    fields.filter_map(|field| match record.get(field) {
        Some(Value::Mac(mac)) => Some(*mac),
        _ => None,
    })
}
