//! Choices of frames, as rule files list them.

use serde::Deserialize;
use toml::Spanned;

use crate::error::RuleError;
use crate::exclude::{Exclusions, MAX_EXCLUSIONS, text};
use crate::places::{ChoicePlaces, Place};

/// The keys that choose frames.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExcludeTable {
    pub(super) interfaces: Vec<Spanned<String>>,
    pub(super) vlans: Vec<Spanned<text::VlanText>>,
    pub(super) macs: Vec<Spanned<String>>,
    pub(super) prefixes: Vec<Spanned<String>>,
    pub(super) protocols: Vec<Spanned<String>>,
    /// Under `[exclude]` only.
    pub(super) opt_out_lists: Vec<Spanned<String>>,
}

/// A rule file.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn error<T>(&self, at: &Spanned<T>, what: String) -> RuleError {
        RuleError::at(self.name, self.text, at.span().start, what)
    }

    pub(super) fn place<T>(&self, at: &Spanned<T>) -> Place {
        Place::at(self.name, self.text, at.span().start)
    }
}

/// Adds what a file says of a choice of frames.
pub(super) fn choose(
    source: &Source<'_>,
    said: &ExcludeTable,
    (into, places): (&mut Exclusions, &mut ChoicePlaces),
) -> Result<(), RuleError> {
    let [interfaces, vlans, macs, prefixes, protocols] = places;
    extend(source, (&mut into.interfaces, interfaces), &said.interfaces, |t| text::interface(t))?;
    extend(source, (&mut into.vlans, vlans), &said.vlans, text::vlans)?;
    extend(source, (&mut into.macs, macs), &said.macs, |t| text::mac(t))?;
    extend(source, (&mut into.prefixes, prefixes), &said.prefixes, |t| text::prefix(t))?;
    extend(source, (&mut into.protocols, protocols), &said.protocols, |t| text::protocol(t))
}

fn extend<T, U: PartialEq>(
    source: &Source<'_>,
    (into, places): (&mut Vec<U>, &mut Vec<Place>),
    texts: &[Spanned<T>],
    read: impl Fn(&T) -> Result<U, String>,
) -> Result<(), RuleError> {
    for text in texts {
        let value = read(text.get_ref()).map_err(|what| source.error(text, what))?;
        if into.contains(&value) {
            continue;
        }
        if into.len() >= MAX_EXCLUSIONS {
            return Err(source.error(text, format!("there can be {MAX_EXCLUSIONS} entries of one sort")));
        }
        into.push(value);
        places.push(source.place(text));
    }
    Ok(())
}
