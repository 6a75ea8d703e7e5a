//! `[[rule]]`: from text to [`Rule`].

use serde::Deserialize;
use toml::Spanned;

use super::choice::{ExcludeTable, Source, choose};
use crate::error::RuleError;
use crate::exclude::{Exclusions, text};
use crate::places::{ChoicePlaces, Place};
use crate::rule::{Collect, MAX_COUNTING_RULES, MAX_RULES, Rule, is_name};

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    name: Spanned<String>,
    collect: Spanned<String>,
    interfaces: Condition<String>,
    vlans: Condition<text::VlanText>,
    macs: Condition<String>,
    prefixes: Condition<String>,
    protocols: Condition<String>,
}

pub(super) type Condition<T> = Option<Spanned<Vec<Spanned<T>>>>;

impl RuleTable {
    /// Adds the rule to those before it, and its place to theirs.
    pub(super) fn read(
        self,
        source: &Source<'_>,
        (rules, places): (&mut Vec<Rule>, &mut Vec<Place>),
    ) -> Result<(), RuleError> {
        let RuleTable { name, collect, interfaces, vlans, macs, prefixes, protocols } = self;
        let is_known = |other: &Rule| other.name == *name.get_ref();
        if !is_name(name.get_ref()) {
            let what = "is not a name of a rule: write letters, digits, \"-\", \"_\" or \".\", at most 32";
            return Err(source.error(&name, format!("{:?} {what}", name.get_ref())));
        }
        if let Some(place) = rules.iter().position(is_known).and_then(|at| places.get(at)) {
            let what = format!("{:?} is the name of a rule already: {place}", name.get_ref());
            return Err(source.error(&name, what));
        }
        if rules.len() >= MAX_RULES {
            return Err(source.error(&name, format!("there can be {MAX_RULES} rules")));
        }
        let how = Collect::ALL.into_iter().find(|how| how.name() == collect.get_ref()).ok_or_else(|| {
            let known = Collect::ALL.map(Collect::name).join(", ");
            let what = format!("a rule cannot collect {:?}; use one of {known}", collect.get_ref());
            source.error(&collect, what)
        })?;
        let counting = rules.iter().filter(|rule| rule.collect == Collect::Counts).count();
        if how == Collect::Counts && counting >= MAX_COUNTING_RULES {
            let what = format!("{MAX_COUNTING_RULES} rules can have \"counts\"; give others \"none\"");
            return Err(source.error(&collect, what));
        }
        let table = ExcludeTable {
            interfaces: values(source, interfaces)?,
            vlans: values(source, vlans)?,
            macs: values(source, macs)?,
            prefixes: values(source, prefixes)?,
            protocols: values(source, protocols)?,
            opt_out_lists: Vec::new(),
        };
        let mut conditions = Exclusions::default();
        choose(source, &table, (&mut conditions, &mut ChoicePlaces::default()))?;
        places.push(source.place(&name));
        rules.push(Rule { name: name.into_inner(), conditions, collect: how });
        Ok(())
    }
}

/// The values of a condition; none where it is not given. An empty list could be taken for either, no frame or all.
pub(super) fn values<T>(source: &Source<'_>, condition: Condition<T>) -> Result<Vec<Spanned<T>>, RuleError> {
    match condition {
        None => Ok(Vec::new()),
        Some(values) if values.get_ref().is_empty() => {
            let what = "a condition without a value: give one, or take the key out for all frames";
            Err(source.error(&values, what.into()))
        }
        Some(values) => Ok(values.into_inner()),
    }
}
