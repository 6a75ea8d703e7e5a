//! `[requests]`: what whoever runs the receiver may ask, so that the administrator is asked at all.

use std::fmt::Write;

use serde::Deserialize;
use toml::Spanned;

use super::choice::Source;
use crate::error::RuleError;

/// What may be asked for. Without a word in the rules: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Longest capture of headers, minutes; 0 for none.
    pub capture_minutes: u32,
    /// Whether changes of the rules may be proposed.
    pub rules: bool,
    /// Whether figures of the appliance may be asked for.
    pub look: bool,
}

/// Longest capture that rules may let be asked for, minutes: a day.
pub const MAX_CAPTURE_MINUTES: u32 = 1_440;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RequestsTable {
    capture_minutes: Option<Spanned<u32>>,
    rules: Option<bool>,
    look: Option<bool>,
}

impl RequestsTable {
    /// What a file says takes the place of what was said before.
    pub(super) fn read(self, source: &Source<'_>, into: &mut Requests) -> Result<(), RuleError> {
        if let Some(minutes) = self.capture_minutes {
            if *minutes.get_ref() > MAX_CAPTURE_MINUTES {
                return Err(
                    source.error(&minutes, format!("a capture lasts 0 to {MAX_CAPTURE_MINUTES} minutes"))
                );
            }
            into.capture_minutes = *minutes.get_ref();
        }
        into.rules = self.rules.unwrap_or(into.rules);
        into.look = self.look.unwrap_or(into.look);
        Ok(())
    }
}

impl Requests {
    /// Nothing where nothing may be asked for, so that it changes no digest.
    pub(crate) fn write(&self, text: &mut String, shown: bool) {
        if *self == Requests::default() && !shown {
            return;
        }
        let Requests { capture_minutes, rules, look } = self;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n[requests]\ncapture_minutes = {capture_minutes}\nrules = {rules}\nlook = {look}"
        );
    }
}
