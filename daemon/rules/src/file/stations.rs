//! `[[stations]]`: from text to [`StationGroup`].

use headgate_record::{Kind, Treatment};
use serde::Deserialize;
use toml::Spanned;

use super::choice::{ExcludeTable, Source, choose};
use super::rule::{Condition, values};
use super::{kind, profile};
use crate::error::RuleError;
use crate::exclude::{Exclusions, text};
use crate::places::{ChoicePlaces, Place};
use crate::profile::Profile;
use crate::release::GROUP_SIZES;
use crate::rule::is_name;
use crate::stations::{MAX_STATION_GROUPS, Released, StationGroup};
use crate::treat::Treatments;

/// A group as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StationsTable {
    name: Spanned<String>,
    interfaces: Condition<String>,
    vlans: Condition<text::VlanText>,
    macs: Condition<String>,
    kinds: Option<Spanned<Vec<Spanned<String>>>>,
    profile: Option<Spanned<String>>,
    group_size: Option<Spanned<u16>>,
}

/// A group, as far as it is known before all files are read.
pub(super) struct StationsDraft {
    name: String,
    conditions: Exclusions,
    kinds: Option<Vec<(Kind, Place)>>,
    profile: Option<(Profile, Place)>,
    group_size: Option<(u16, Place)>,
    place: Place,
}

impl StationsTable {
    /// Adds the group to those before it.
    pub(super) fn read(self, source: &Source<'_>, groups: &mut Vec<StationsDraft>) -> Result<(), RuleError> {
        let StationsTable { name, interfaces, vlans, macs, kinds, profile: said, group_size } = self;
        if !is_name(name.get_ref()) {
            let what = "is not a name of stations: write letters, digits, \"-\", \"_\" or \".\", at most 32";
            return Err(source.error(&name, format!("{:?} {what}", name.get_ref())));
        }
        if let Some(known) = groups.iter().find(|group| group.name == *name.get_ref()) {
            let what = format!("{:?} is the name of stations already: {}", name.get_ref(), known.place);
            return Err(source.error(&name, what));
        }
        if groups.len() >= MAX_STATION_GROUPS {
            return Err(source.error(&name, format!("there can be {MAX_STATION_GROUPS} groups of stations")));
        }
        if kinds.is_none() && said.is_none() && group_size.is_none() {
            let what = format!(
                "{:?} says nothing of its stations: give kinds, profile or group_size",
                name.get_ref()
            );
            return Err(source.error(&name, what));
        }
        let table = ExcludeTable {
            interfaces: values(source, interfaces)?,
            vlans: values(source, vlans)?,
            macs: values(source, macs)?,
            ..ExcludeTable::default()
        };
        let mut conditions = Exclusions::default();
        choose(source, &table, (&mut conditions, &mut ChoicePlaces::default()))?;
        let kinds = kinds.map(|names| {
            let names = names.into_inner();
            names.iter().map(|name| of_stations(source, name)).collect::<Result<Vec<_>, _>>()
        });
        let kinds = kinds.transpose()?;
        let profile = said.map(|said| Ok((profile(source, &said)?, source.place(&said)))).transpose()?;
        let group_size = group_size.map(|said| self::group_size(source, &said)).transpose()?;
        let place = source.place(&name);
        groups.push(StationsDraft { name: name.into_inner(), conditions, kinds, profile, group_size, place });
        Ok(())
    }
}

fn of_stations(source: &Source<'_>, name: &Spanned<String>) -> Result<(Kind, Place), RuleError> {
    match kind(source, name)? {
        Kind::Counters => Err(source.error(name, "counters records are of no station".into())),
        kind => Ok((kind, source.place(name))),
    }
}

impl StationsDraft {
    /// The group and its place, once it is known what is collected and what leaves of all stations: `kinds` and
    /// `collected`, `profile`, `released` and `size`.
    pub(super) fn finish(
        self,
        (kinds, collected): (&[Kind], &Treatments),
        (profile, released, size): (Profile, &Treatments, u16),
    ) -> Result<(StationGroup, Place), RuleError> {
        let StationsDraft { name, conditions, kinds: own, profile: said, group_size, place } = self;
        if let Some((kind, at)) = own.iter().flatten().find(|(kind, _)| !kinds.contains(kind)) {
            let what = "records are not collected of any station: see kinds under [collect]";
            return Err(at.error(format!("{} {what}", kind.name())));
        }
        if let Some((wider, at)) = said.as_ref().filter(|(said, _)| *said > profile) {
            let what = format!(
                "{:?} lets more leave than the profile under [release], {:?}: say there what leaves at most, and less of groups",
                wider.name(),
                profile.name()
            );
            return Err(at.error(what));
        }
        if let Some((smaller, at)) = group_size.as_ref().filter(|(own, _)| *own < size) {
            let what = format!(
                "{smaller} lets the names of smaller groups leave than group_size under [release], {size}: say there what leaves at most"
            );
            return Err(at.error(what));
        }
        let group_size = group_size.map(|(size, _)| size);
        let release = said.map(|(profile, _)| Released {
            profile,
            treatments: Treatments::new(|field| released.of(field).narrower(profile.treatment(field))),
        });
        let own = own.map(|kinds| kinds.into_iter().map(|(kind, _)| kind).collect());
        let group = StationGroup { name, conditions, kinds: own, release, group_size };
        // Whoever releases knows of a record what was kept of it.
        let mut asked = kinds.iter().flat_map(|kind| group.fields(*kind));
        if let Some(field) = asked.find(|field| collected.of(*field) != Treatment::Keep) {
            let what = format!(
                "the group is chosen by {}, of which no more is kept than {:?}: \"keep\" it under [collect], or choose otherwise",
                field.name(),
                collected.of(field).name()
            );
            return Err(place.error(what));
        }
        drop(asked);
        Ok((group, place))
    }
}

/// How many stations must have a name before it leaves.
pub(super) fn group_size(source: &Source<'_>, said: &Spanned<u16>) -> Result<(u16, Place), RuleError> {
    let (least, most) = GROUP_SIZES;
    let size = *said.get_ref();
    if !(least..=most).contains(&size) {
        return Err(source.error(said, format!("group_size is {least} to {most}")));
    }
    Ok((size, source.place(said)))
}
