//! Where each rule was said.

use std::collections::BTreeMap;
use std::fmt;

use headgate_record::Field;

use crate::exclude::{Exclusion, Match};

/// A place in a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A gate that treats the fields of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// What is kept on the appliance.
    Collect,
    /// What leaves it.
    Release,
}

/// What a decision of the rules comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// No file says anything of it.
    #[default]
    Default,
    /// A file says it.
    Said(Place),
    /// No file says it of the release gate, and its default is narrowed to what is collected, which a file says.
    Collected(Place),
}

/// Where the entries and settings of [`crate::Rules`] were said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// By sort, in the order of [`Exclusion::ALL`], then by entry.
    pub(crate) exclusions: [Vec<Place>; Exclusion::ALL.len()],
    pub(crate) collect: GatePlaces,
    pub(crate) release: GatePlaces,
    pub(crate) randomised_macs: Option<Place>,
}

/// Where a gate was told what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatePlaces {
    pub kinds: Option<Place>,
    /// Length of the networks of IPv4, then of IPv6.
    pub lengths: [Option<Place>; 2],
    /// What no file says is not in it.
    pub fields: BTreeMap<Field, Origin>,
}

impl Place {
    /// Octet `at` of `text`.
    pub(crate) fn at(file: &str, text: &str, at: usize) -> Place {
        let before = text.get(..at).unwrap_or_default();
        Place {
            file: file.to_owned(),
            // Every rule has a place: octets are counted faster than characters are found.
            line: before.bytes().filter(|octet| *octet == b'\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        }
    }
}

impl Places {
    /// Where the entry stands that excludes a frame.
    #[must_use]
    pub fn exclusion(&self, found: &Match) -> Option<&Place> {
        let sort = Exclusion::ALL.iter().position(|e| *e == found.exclusion)?;
        self.exclusions.get(sort)?.get(found.entry)
    }

    /// What the treatment of a field comes from.
    #[must_use]
    pub fn field(&self, gate: Gate, field: Field) -> Origin {
        self.gate(gate).fields.get(&field).cloned().unwrap_or_default()
    }

    /// What the kinds of record that pass come from.
    #[must_use]
    pub fn kinds(&self, gate: Gate) -> Origin {
        said(&self.gate(gate).kinds)
    }

    /// What the lengths of networks come from: of IPv4, then of IPv6.
    #[must_use]
    pub fn lengths(&self, gate: Gate) -> [Origin; 2] {
        self.gate(gate).lengths.each_ref().map(said)
    }

    /// Where it is said whether records of devices with a randomised MAC address leave.
    #[must_use]
    pub fn randomised_macs(&self) -> Origin {
        said(&self.randomised_macs)
    }

    fn gate(&self, gate: Gate) -> &GatePlaces {
        match gate {
            Gate::Collect => &self.collect,
            Gate::Release => &self.release,
        }
    }
}

fn said(place: &Option<Place>) -> Origin {
    place.clone().map_or(Origin::Default, Origin::Said)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Said(place) => place.fmt(f),
            Origin::Collected(place) => write!(f, "as it is collected, {place}"),
        }
    }
}
