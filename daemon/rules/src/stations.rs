//! Groups of stations, of which less is collected or leaves than of others.

use headgate_record::{Field, Kind, Stated, Treatment};

use crate::exclude::Exclusions;
use crate::profile::Profile;
use crate::rule::covered;
use crate::treat::Treatments;

/// Why a record of a station is not collected, or withheld: its group lets none of its kind be.
pub const STATIONS: &str = "stations";
/// Most groups.
pub const MAX_STATION_GROUPS: usize = 32;

/// A group of stations: its records are those for which all its conditions hold, of the values of one any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationGroup {
    pub(crate) name: String,
    /// Interfaces, VLANs and MAC addresses.
    pub(crate) conditions: Exclusions,
    /// The kinds of record that are collected; `None` where the group leaves that to the gate.
    pub(crate) kinds: Option<Vec<Kind>>,
    /// What leaves at most; `None` where the group leaves that to the gate.
    pub(crate) release: Option<Released>,
    /// How many stations must have a name that leaves by their number; `None` where the group leaves that to the gate.
    pub(crate) group_size: Option<u16>,
}

/// What leaves of a group: its profile, and what that and the release gate come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    pub(crate) profile: Profile,
    pub(crate) treatments: Treatments,
}

/// The groups of a site, in their order. The first that a record belongs to decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StationGroups {
    pub(crate) groups: Vec<StationGroup>,
}

impl StationGroup {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the group lets records of a kind be collected.
    #[must_use]
    pub fn collects(&self, kind: Kind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether the group lets records of a kind leave.
    #[must_use]
    pub fn releases(&self, kind: Kind) -> bool {
        self.release.as_ref().is_none_or(|released| released.profile.kinds().contains(&kind))
    }

    /// How a field is treated at the release gate, where the group has a profile.
    #[must_use]
    pub fn treatment(&self, field: Field) -> Option<Treatment> {
        self.release.as_ref().map(|released| released.treatments.of(field))
    }

    /// How many stations must have a name before it leaves with a record of the group, where the group says so
    /// ([`Treatment::Group`]).
    #[must_use]
    pub fn group_size(&self) -> Option<u16> {
        self.group_size
    }

    /// Whether a record is of a station of the group. What tells of no station is of none.
    fn has(&self, record: &impl Stated) -> bool {
        let Exclusions { interfaces, vlans, macs, .. } = &self.conditions;
        let Some(told) = Told::of(record.kind()) else { return false };
        let is_from = |name: &str| interfaces.iter().any(|interface| interface == name);
        // What is within a tunnel came from the interface of the tunnel.
        let interface =
            || record.text(told.interface).and_then(|name| name.split('/').next()).is_some_and(is_from);
        let vlan = || {
            let id = record.number(told.vlan).and_then(|id| u16::try_from(id).ok());
            id.is_some_and(|id| self.conditions.has_vlan(id))
        };
        let mac = || record.mac(told.mac).is_some_and(|mac| self.conditions.has_mac(mac));
        (interfaces.is_empty() || interface()) && (vlans.is_empty() || vlan()) && (macs.is_empty() || mac())
    }

    /// The fields of a kind of record that its conditions look at.
    pub(crate) fn fields(&self, kind: Kind) -> impl Iterator<Item = Field> {
        let Exclusions { interfaces, vlans, macs, .. } = &self.conditions;
        let asked = [!interfaces.is_empty(), !vlans.is_empty(), !macs.is_empty()];
        let told = Told::of(kind).map(|told| [told.interface, told.vlan, told.mac]);
        told.into_iter().flatten().zip(asked).filter_map(|(field, is_asked)| is_asked.then_some(field))
    }
}

impl StationGroups {
    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups.
    pub fn iter(&self) -> impl Iterator<Item = &StationGroup> {
        self.groups.iter()
    }

    /// The group that a record belongs to, by its place.
    #[must_use]
    pub fn find(&self, record: &impl Stated) -> Option<(usize, &StationGroup)> {
        self.groups.iter().enumerate().find(|(_, group)| group.has(record))
    }

    /// The groups that have no record, as one before has all of it: pairs of places, the later first.
    pub fn covered(&self) -> impl Iterator<Item = (usize, usize)> {
        covered(self.groups.iter().map(|group| &group.conditions))
    }
}

/// What a kind of record tells of its station.
struct Told {
    interface: Field,
    vlan: Field,
    mac: Field,
}

impl Told {
    fn of(kind: Kind) -> Option<Told> {
        let (interface, vlan) = match kind {
            Kind::Device => (Field::DeviceInterface, Field::DeviceVlan),
            Kind::Neighbor => (Field::NeighborInterface, Field::NeighborVlan),
            Kind::Lease => (Field::LeaseInterface, Field::LeaseVlan),
            Kind::Exchange => (Field::ExchangeInterface, Field::ExchangeVlan),
            Kind::Flow => (Field::FlowInterface, Field::FlowVlan),
            Kind::Authentication => (Field::AuthenticationInterface, Field::AuthenticationVlan),
            Kind::Bridge => (Field::BridgeInterface, Field::BridgeVlan),
            Kind::Counters => return None,
        };
        Some(Told { interface, vlan, mac: kind.subject()? })
    }
}
