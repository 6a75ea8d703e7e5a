//! What a site lets Headgate collect and release.
//!
//! **What it does.** Turns the text of rule files into [`Rules`]: a kernel filter ([`filter`]) that
//! excludes frames and computes how many octets of the others are kept, the collect gate
//! ([`CollectGate`]) that narrows records before they are stored, and the release gate
//! ([`ReleaseGate`]) that builds what leaves.
//!
//! **What it never does.** It performs no input or output and holds no key; pseudonyms come from
//! whoever holds the keys ([`Pseudonymise`]). A rule file that is wrong gives an error with its
//! place and changes nothing.
//!
//! **Who uses it.** The sensor (filter, exclusions, narrowing), the store (admission, release) and the
//! administrator's command (checking). It imports `wire` and `record`.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod collect;
mod control;
mod error;
mod exclude;
mod file;
pub mod filter;
pub mod fingerprint;
mod places;
mod profile;
mod release;
mod rule;
mod show;
mod stations;
mod treat;

pub use collect::{CollectGate, Judgement, OPTED_OUT, Summary};
pub use error::RuleError;
pub use exclude::opt_out::{MAX_OPT_OUT_LINES, MAX_OPT_OUT_LISTS, MAX_OPT_OUTS, OPT_OUT_LIST_PATTERN};
pub use exclude::text::{ExclusionKey, exclusion_keys};
pub use exclude::{Exclusion, Exclusions, MAX_EXCLUSIONS, Match};
pub use file::{MAX_CAPTURE_MINUTES, ReadList, Requests, Rules};
pub use places::{Gate, Origin, Place, Places};
pub use profile::Profile;
pub use release::{GROUP_SIZES, Groups, KIND, RANDOMISED_MAC, ReleaseGate, Verdict};
pub use rule::{
    Collect, MAX_COUNTING_RULES, MAX_RULES, RULE_NAME_PATTERN, Rule, RuleList, RuleMatch, RuleSet,
};
pub use stations::{MAX_STATION_GROUPS, STATIONS, StationGroup, StationGroups};
pub use treat::{Pseudonymise, Purpose, pseudonym};
