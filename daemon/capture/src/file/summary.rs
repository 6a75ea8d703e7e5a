//! What the reading of a file came to.

/// What a call of [`File::read`](crate::File::read) did. Every frame is in exactly one of `kept` and
/// `not_kept`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSummary {
    /// Frames in the file, of whatever link type.
    pub frames: u64,
    /// Frames handed on.
    pub kept: u64,
    /// Frames that were not to be kept, not even without an octet.
    pub not_kept: u64,
    /// Octets handed on.
    pub bytes: u64,
    /// pcapng blocks of a type that is not known here.
    pub skipped_blocks: u64,
    /// How the reading ended.
    pub ended: Ended,
}

/// How the reading of a file ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// At its end, after a whole record.
    #[default]
    Complete,
    /// Where the callback said.
    Stopped,
    /// Within a record.
    Truncated {
        /// Where the record begins.
        offset: u64,
    },
    /// At something that is no valid record, or that cannot be read from the medium.
    Damaged {
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}
