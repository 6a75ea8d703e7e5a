//! Asking about one person: by what they are found, and what is asked.

use serde::{Deserialize, Serialize};

/// By what a person is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Who {
    /// By the MAC address of a device, in any usual notation.
    Mac(String),
    /// By an IP address. At a time it is the one who had it then.
    Address {
        /// The address.
        address: String,
        /// Milliseconds since 1970.
        at_ms: Option<u64>,
    },
    /// By the name of a host, in any case.
    Name(String),
    /// By the name of a user, or its pseudonym in hexadecimal as records show it.
    User(String),
}

/// What is asked about the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Who it is, and how much is kept.
    Find,
    /// All records, in pages.
    Export {
        /// Records of segments after this one: 0, or what the page before said.
        after: u64,
        /// About so many.
        limit: u32,
    },
    /// Sets a value right in all records that are kept and have the field, for good.
    Correct {
        /// Name of the field, such as `lease.hostname`.
        field: String,
        /// The right value, as records show it; items of a list with commas between them.
        value: String,
    },
    /// Forgets the person, here and by a tombstone at the receiver.
    Erase,
}

impl Action {
    /// Whether it changes something or hands over all that is known: more than members of the group may.
    #[must_use]
    pub fn is_for_root(&self) -> bool {
        !matches!(self, Action::Find)
    }
}

/// Most records of one page of [`Action::Export`].
pub const MAX_PAGE: u32 = 2_000;
