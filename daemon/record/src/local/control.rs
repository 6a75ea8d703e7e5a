//! What the administrator's command asks of the store.

use serde::{Deserialize, Serialize};

use crate::subject::{Action, Who};

/// Most receipts of one [`ControlRequest::BundleReceipts`]: each has at most 1,024 octets.
pub const MAX_RECEIPTS: usize = 24;

/// What the administrator's command asks. The answer is `{"ok": ...}` or `{"error": "..."}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ControlRequest {
    /// Health and accounts of all processes that the store knows of.
    Status,
    /// The latest record of each subject of a kind.
    Records {
        /// Kind name.
        kind: String,
        /// At most so many, the most recent first.
        limit: u32,
    },
    /// What the next batch would hold.
    Preview {
        /// At most so many records.
        limit: u32,
    },
    /// What has left.
    Ledger {
        /// At most so many entries, the most recent first.
        limit: u32,
    },
    /// The ledger as it is verified and exported: the header, and entries in order.
    LedgerEntries {
        /// Number of the last entry that is known.
        after: u64,
    },
    /// The public key that the ledger is signed with, in PEM.
    LedgerKey,
    /// What the buffer holds, by class, and what it takes.
    BufferStats,
    /// Opens and reads the next segments, in order of their ids, and says which of them do not open.
    BufferVerify {
        /// Id of the last segment that is known.
        after: u64,
    },
    /// Opens the next batches of the outbox.
    BufferVerifyOutbox {
        /// Sequence of the last batch that is known.
        after: u64,
    },
    /// Has SQLite verify the structure of the whole database, beside other work.
    BufferStructure,
    /// Deletes the next segments of a class that were sealed before a time. Only for who may change.
    BufferPurge {
        /// Class name; all classes without one.
        class: Option<String>,
        /// Milliseconds since 1970.
        before_ms: u64,
        /// Only counts what would be deleted.
        count_only: bool,
    },
    /// Gives some free pages back to the file system. Only for who may change.
    BufferCompact,
    /// The next records as they are kept, in order. Only for who may change, and written in the ledger.
    BufferExport {
        /// Kind name; all kinds without one.
        kind: Option<String>,
        /// Id of the last segment that is known.
        after: u64,
        /// How many records of the segment behind it are known.
        taken: u32,
    },
    /// The media that batches are on.
    Bundles,
    /// A medium is lost: its batches go on the next one. Only for who may change.
    BundleLost {
        /// The medium, 16 hexadecimal digits.
        medium: String,
    },
    /// Receipts that came back on a medium, at most [`MAX_RECEIPTS`]. Only for who may change.
    BundleReceipts {
        /// Each in hexadecimal.
        receipts: Vec<String>,
        /// Only verifies them.
        verify_only: bool,
    },
    /// What whoever runs the receiver asks of the site, and what became of it.
    Requests,
    /// The administrator's word about a request. Only for who may change, and written in the ledger.
    RequestDecide {
        /// Which, 16 hexadecimal digits.
        id: String,
        /// Whether it is allowed.
        allow: bool,
    },
    /// What was allowed is done, or was given up. Only for who may change, and written in the ledger.
    RequestDone {
        /// Which, 16 hexadecimal digits.
        id: String,
        /// Whether it was done.
        done: bool,
    },
    /// About one person.
    Subject {
        /// Whom.
        who: Who,
        /// What.
        action: Action,
    },
    /// Begins a new epoch of keys: `all`, `data`, `pseudonym`, `blind`, or `master`.
    RotateKeys {
        /// Which.
        which: String,
    },
}

impl ControlRequest {
    /// Whether only root may ask it; the others are for members of the group.
    #[must_use]
    pub fn is_for_root(&self) -> bool {
        match self {
            ControlRequest::Subject { action, .. } => action.is_for_root(),
            ControlRequest::RotateKeys { .. }
            | ControlRequest::BufferPurge { count_only: false, .. }
            | ControlRequest::BufferCompact
            | ControlRequest::BundleLost { .. }
            | ControlRequest::BundleReceipts { .. }
            | ControlRequest::RequestDecide { .. }
            | ControlRequest::RequestDone { .. }
            | ControlRequest::BufferExport { .. } => true,
            _ => false,
        }
    }
}
