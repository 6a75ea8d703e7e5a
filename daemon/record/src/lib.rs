//! The schema of all that Headgate can store or send: the data dictionary.
//!
//! **What it does.** Declares every record kind and every field once ([`dictionary`]), with its
//! source in a standard, whether it can identify a person, and what the gates do with it by default;
//! encodes records ([`codec`], [`columns`]), released batches and receipts ([`batch`], [`receipt`]), verifies the ledger ([`ledger`]), and the
//! messages between the processes of one appliance ([`local`]).
//!
//! **What it never does.** It performs no input or output, reads no clock and holds no key. A value
//! that the dictionary does not name cannot be built, stored or sent.
//!
//! **Who uses it.** Every other crate but `wire` and `capture`; it imports none of them. It is the
//! contract between the processes and with the receiver, and the file a privacy officer reads.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

pub mod batch;
pub mod bundle;
pub mod codec;
pub mod columns;
mod decode;
pub mod dictionary;
pub mod enrolment;
mod error;
pub mod ledger;
pub mod local;
pub mod receipt;
mod record;
pub mod request;
pub mod run;
pub mod sealed;
pub mod subject;
mod value;
mod view;

pub use dictionary::{
    Class, Field, Identifier, Identity, Kind, Payload, Person, Treatment, is_randomised, stations,
};
pub use error::Error;
pub use record::{Change, MAX_FIELDS, Record};
pub use value::{MAX_LIST, MAX_TEXT, Mac, NoMac, Value, ValueType};
pub use view::{Form, Stated, ValueView};
