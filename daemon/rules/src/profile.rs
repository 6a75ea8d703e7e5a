//! Named beginnings of the release gate.

use headgate_record::{Field, Kind, Treatment};

/// What leaves where the rules say nothing else; that which lets least leave comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Counts, and nothing of any one station, switch or flow.
    Aggregates,
    /// Every kind of record; what tells of a person as a pseudonym, as a network, as a class or not at all: the defaults
    /// of the dictionary.
    #[default]
    Pseudonymous,
    /// As before, and stations as themselves: what would leave as a pseudonym, a network or a class does as it is, and so
    /// do names of hosts. What would not leave does not: whom a station speaks with, who logs in, where it is.
    Identified,
}

impl Profile {
    /// All profiles, that which lets least leave first.
    pub const ALL: [Profile; 3] = [Profile::Aggregates, Profile::Pseudonymous, Profile::Identified];

    /// The name in rule files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::Aggregates => "aggregates",
            Profile::Pseudonymous => "pseudonymous",
            Profile::Identified => "identified",
        }
    }

    /// How a field is treated, as far as what is collected of it allows.
    pub(crate) fn treatment(self, field: Field) -> Treatment {
        match (self, field.definition().release) {
            (Profile::Aggregates, _) if field.kind() != Kind::Counters => Treatment::Drop,
            (Profile::Identified, Treatment::Drop) if !NAMES_OF_HOSTS.contains(&field) => Treatment::Drop,
            (Profile::Identified, _) => Treatment::Keep,
            (_, default) => default,
        }
    }

    /// The kinds of record that leave.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Profile::Aggregates => &[Kind::Counters],
            Profile::Pseudonymous | Profile::Identified => &Kind::ALL,
        }
    }
}

const NAMES_OF_HOSTS: [Field; 3] = [Field::DeviceHostname, Field::DeviceFqdn, Field::LeaseHostname];
