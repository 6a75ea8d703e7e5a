//! Why something that claims to be a record, a batch, a receipt or a local message is refused.

use crate::{Field, Kind};

/// The cause of a refusal. It names positions and identifiers, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not a protobuf message of the expected type.
    #[error("not a well-formed {0} message")]
    Encoding(&'static str),
    /// The message is of a version that this program does not read.
    #[error("{message} has version {found}; this program reads version {expected}")]
    Version {
        /// Which message.
        message: &'static str,
        /// The version in the message.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// A required part is absent.
    #[error("{message} lacks its {part}")]
    Missing {
        /// Which message.
        message: &'static str,
        /// Which part.
        part: &'static str,
    },
    /// No record kind has this number.
    #[error("unknown record kind {0}")]
    UnknownKind(u32),
    /// No field has this number.
    #[error("unknown field {0}")]
    UnknownField(u32),
    /// The field belongs to another kind of record.
    #[error("field {field} does not belong to a {kind} record", field = .field.name(), kind = .kind.name())]
    ForeignField {
        /// The field.
        field: Field,
        /// The record's kind.
        kind: Kind,
    },
    /// The field occurs twice, or out of order.
    #[error("field {} is repeated or out of order", .0.name())]
    Order(Field),
    /// The value is not of the field's type.
    #[error("field {} holds a value of the wrong type", .0.name())]
    WrongType(Field),
    /// A named limit is exceeded.
    #[error("{what} exceeds its limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The compressed body cannot be expanded within its limit.
    #[error("the batch body cannot be expanded")]
    Compression,
    /// A count in the message contradicts its content.
    #[error("{0} contradicts the content")]
    Contradiction(&'static str),
}
