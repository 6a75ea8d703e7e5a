//! Where each rule was said.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use headgate_record::{Field, Treatment};

use crate::exclude::opt_out::OptOuts;
use crate::exclude::{Entry, Exclusion, Match};

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

impl Gate {
    /// Whether a field can be treated so here.
    #[must_use]
    pub fn takes(self, treatment: Treatment, field: Field) -> bool {
        treatment.fits(field) && (self == Gate::Release || treatment != Treatment::Group)
    }
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
    /// No file says it of the release gate but by the name of a profile.
    Profile(Place),
    /// A group of stations, by its name, lets less be collected or leave.
    Stations(String, Place),
}

/// Where the entries and settings of [`crate::Rules`] were said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub(crate) exclusions: ChoicePlaces,
    pub(crate) headers_only: ChoicePlaces,
    pub(crate) rules: Vec<Place>,
    pub(crate) opt_outs: Arc<OptOuts>,
    pub(crate) collect: GatePlaces,
    pub(crate) release: GatePlaces,
    pub(crate) randomised_macs: Option<Place>,
    pub(crate) group_size: Option<Place>,
    pub(crate) stations: Vec<(String, Place)>,
}

/// Where the entries of a choice of frames stand: by sort, in the order of [`Exclusion::ALL`], then by entry.
pub(crate) type ChoicePlaces = [Vec<Place>; Exclusion::ALL.len()];

/// Where a gate was told what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatePlaces {
    /// At the release gate only.
    pub profile: Option<Place>,
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
            line: lines_ended(before.as_bytes()) + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Line ends in a text. Every rule has a place: so many at once as a single octet counts, which a processor does sixteen at a time.
fn lines_ended(text: &[u8]) -> usize {
    let count = |part: &[u8]| part.iter().map(|octet| u8::from(*octet == b'\n')).sum::<u8>();
    text.chunks(usize::from(u8::MAX)).map(|part| usize::from(count(part))).sum()
}

impl Places {
    /// Where the entry stands that excludes a frame.
    #[must_use]
    pub fn exclusion(&self, found: &Match) -> Option<Place> {
        match found.entry {
            Entry::Rule(at) => chosen(&self.exclusions, found, at),
            Entry::OptOut(line) => self.opt_outs.place(line),
        }
    }

    /// Where the entry stands that limits a frame to its headers.
    #[must_use]
    pub fn headers_only(&self, found: &Match) -> Option<Place> {
        match found.entry {
            Entry::Rule(at) => chosen(&self.headers_only, found, at),
            Entry::OptOut(_) => None,
        }
    }

    /// Where a rule stands, by its place in the list.
    #[must_use]
    pub fn rule(&self, rule: usize) -> Option<&Place> {
        self.rules.get(rule)
    }

    /// What the treatment of a field comes from.
    #[must_use]
    pub fn field(&self, gate: Gate, field: Field) -> Origin {
        let gate = self.gate(gate);
        gate.fields.get(&field).cloned().unwrap_or_else(|| gate.otherwise())
    }

    /// What the kinds of record that pass come from.
    #[must_use]
    pub fn kinds(&self, gate: Gate) -> Origin {
        let gate = self.gate(gate);
        gate.kinds.clone().map_or_else(|| gate.otherwise(), Origin::Said)
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

    /// Where it is said how many stations a group must have before its name leaves.
    #[must_use]
    pub fn group_size(&self) -> Origin {
        said(&self.group_size)
    }

    /// What a group of stations says comes from, by its place in the list.
    #[must_use]
    pub fn stations(&self, group: usize) -> Origin {
        self.stations
            .get(group)
            .map_or(Origin::Default, |(name, at)| Origin::Stations(name.clone(), at.clone()))
    }

    fn gate(&self, gate: Gate) -> &GatePlaces {
        match gate {
            Gate::Collect => &self.collect,
            Gate::Release => &self.release,
        }
    }
}

impl GatePlaces {
    /// What is in force where no file says it.
    fn otherwise(&self) -> Origin {
        self.profile.clone().map_or(Origin::Default, Origin::Profile)
    }
}

fn chosen(places: &ChoicePlaces, found: &Match, at: usize) -> Option<Place> {
    let sort = Exclusion::ALL.iter().position(|e| *e == found.exclusion)?;
    places.get(sort)?.get(at).cloned()
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
            Origin::Profile(place) => write!(f, "profile, {place}"),
            Origin::Stations(name, place) => write!(f, "stations {name:?}, {place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_behind_any_number_of_lines() {
        for lines in [0, 1, 254, 255, 256, 1_000] {
            let text = "\n".repeat(lines) + "ü=";
            let place = Place::at("rules.toml", &text, text.len() - 1);
            assert_eq!((place.line, place.column), (lines + 1, 2));
        }
    }
}
