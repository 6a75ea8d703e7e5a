//! The process that remembers: `headgate-store`.
//!
//! **What it does.** Takes records from the sensor, applies the collect gate's pseudonyms, seals them
//! into segments of an encrypted SQLite database, applies the release gate, keeps numbered batches in
//! an outbox until the receiver's receipt for each is verified, and answers the administrator.
//!
//! **What it never does.** It sees no frame, opens no network connection, makes no key by itself, and
//! hands nothing to the uplink that has not passed the release gate.
//!
//! **Who uses it.** The binary of this name calls [`main`]. Everyone else speaks to its sockets
//! ([`headgate_record::local`]).
//!
//! # Invariants
//!
//! 1. *Acknowledged means on disk.* [`Committed`](headgate_record::local::ToSensor::Committed) is sent
//!    after the transaction that holds the records is synchronised (WAL, `synchronous=FULL`). After
//!    loss of power at any moment every acknowledged record is there, once: in a segment, or where it waits for one (`tail.rs`).
//! 2. *One transaction for each promise.* The records of a hand-over in segments and the session's number; a
//!    batch, its ledger entry and the cursor behind it; a receipt's ledger entry and the deletion of
//!    its batch; a loss and its count: both happen or neither.
//! 3. *Once.* A record has one number in its session; what is said again is skipped, a gap is refused.
//!    A record passes the release gate once, in order, and a batch has one number in the epoch, from 1
//!    without gaps.
//! 4. *Sealed in place.* Every record and batch is under AES-256-GCM with associated data that names
//!    its table, database, key, row and class. Nothing in any file is plain but counts, times,
//!    classes, digests, media and reasons. What is handed to the uplink is sealed to the receiver (`recipient.rs`); what is for the
//!    site's own collector is minimised, and as it is.
//!    What identifies somebody stands in no segment, but in a row under a key of its own (`identity.rs`), found by keyed tags.
//! 5. *Who deletes.* A batch leaves the outbox by a receipt that the pinned key signed for exactly
//!    these bytes, or, where the site's own collector is in the receiver's place, because that took them; by damage, into quarantine; or as the last resort to make room. A segment leaves to
//!    make room, with its session, by damage, or when the administrator purges. Each is counted by class and reason, and
//!    is in the ledger. Nothing else deletes but time (`retain.rs`), and root who has a person erased (`subject/erase.rs`).
//! 6. *For the session only.* What is about a device with a randomised address is sealed under a key
//!    of the sensor's session. When another session begins, these segments are overwritten and the
//!    key is destroyed. What waits for a segment is under a key that is gone when it is in one.
//! 7. *Bounded.* Database, WAL and shared memory together stay below `store.max_mib`; requests,
//!    connections, messages, batches and answers each have a limit with a name. When the cap is
//!    reached the least valuable goes first (`evict.rs`), and when nothing can go, hand-overs are
//!    not acknowledged.
//! 8. *Damage is local.* A segment or batch that does not open is set aside as it is and counted; all
//!    else goes on. Segments that vanish are noticed, because ids are never given twice and deletions
//!    are counted. What segments refer to, and by what persons are found, is
//!    written again from what is whole (`identity/mend.rs`), and so are indexes. A database that cannot be opened at all, or turns out
//!    damaged in use, lies aside as a whole (`database/aside.rs`), and another begins. Counts and cursors carry checksums (`checksum.rs`).
//! 9. *A full disk is a full buffer.* With no octet free the least valuable gives way within a ballast (`ballast.rs`), what
//!    was not acknowledged is said again, and persons are erased.
//! 10. *Refusal changes nothing.* A wrong key, a newer schema, unusable rules or a bad receipt leave the
//!     database as it was.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod account;
mod admit;
mod args;
mod ballast;
mod block;
mod buffer;
mod checksum;
mod clock;
mod config;
mod database;
mod error;
mod evict;
mod gather;
mod identity;
mod keeper;
mod kept;
mod keys;
mod ledger;
mod master;
mod medium;
mod members;
mod outbox;
mod pack;
mod peers;
mod prepare;
mod query;
mod recipient;
mod release;
mod requests;
mod retain;
mod seal;
mod secret;
mod segment;
mod sign;
mod sockets;
mod status;
mod store;
mod subject;
mod tail;

#[cfg(test)]
mod proof;

pub use args::{Arguments, run};
pub use error::{Error, OpenError};

/// Whoever was in memory is not there any more when the memory is given back: persons are in records, messages and answers on
/// all ways, and not in types of their own that clear themselves.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// The process: reads the command line, logs, and ends with the exit code of what went wrong.
pub fn main() -> std::process::ExitCode {
    let arguments = <Arguments as clap::Parser>::parse();
    headgate_service::log::init("headgate-store");
    headgate_service::exit::report(run(&arguments))
}

/// The command line, for its manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}
