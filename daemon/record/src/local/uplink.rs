//! What the uplink and the store say to each other.

use prost::Message;

use super::VERSION;
use crate::Error;
use crate::bundle::MediumId;

/// What the uplink says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromUplink {
    /// Give me the oldest batch without a receipt; wait up to so long when there is none.
    Next {
        /// Longest wait, in milliseconds.
        wait_ms: u32,
    },
    /// Give me the oldest batch behind this one, which was given to me, to be sent together with it. There may be none: nobody waits.
    Behind {
        /// Sequence of the last batch that was given.
        after: u64,
        /// How many octets it may have, sealed. One that may have more is not given, nor is another in its place.
        room: u32,
    },
    /// The receiver answered with this receipt ([`crate::receipt::Receipt::encode`]).
    Receipt(Vec<u8>),
    /// Give me the oldest batch behind this one for a medium: one that is on no other, and on this one if it was begun. The
    /// store notes that it is on this one.
    Carry {
        /// The medium.
        medium: MediumId,
        /// Sequence of the last batch that is known, or 0.
        after: u64,
    },
    /// The medium is written: until it is lost, its batches go on no other.
    Carried {
        /// The medium.
        medium: MediumId,
        /// Sequence of its last batch. What was given out for it behind that found no room.
        through: u64,
    },
    /// The site's own collector has taken a batch, which was handed out as it is: a collector signs no receipt.
    Taken {
        /// Epoch of the batch.
        epoch: u64,
        /// Its sequence.
        sequence: u64,
        /// Its digest.
        digest: [u8; 32],
        /// How many log records and data points the collector said that it rejects; they are not sent again.
        rejected: u64,
    },
    /// How the link is, for the administrator. Text holds no address, name or record.
    State {
        /// Whether the last attempt succeeded.
        connected: bool,
        /// The last failure, or empty.
        problem: String,
        /// Milliseconds until the next attempt, or 0.
        retry_ms: u64,
    },
}

/// What the store answers to the uplink: one message for each of [`FromUplink`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToUplink {
    /// A batch to send: sealed ([`crate::sealed::Sealed::encode`]), or for the site's own collector as it is
    /// ([`crate::batch::Batch::encode`]).
    Batch(Vec<u8>),
    /// Nothing is waiting.
    Empty,
    /// The receipt is verified, or the collector believed, and the batch deleted; or the state or the medium is noted.
    Accepted,
    /// The receipt or the medium is not accepted; nothing was changed.
    Refused {
        /// Why.
        reason: String,
    },
}

impl FromUplink {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            FromUplink::Next { wait_ms } => UplinkBody::Next(Next { version: VERSION, wait_ms: *wait_ms }),
            FromUplink::Behind { after, room } => UplinkBody::Behind(Behind { after: *after, room: *room }),
            FromUplink::Receipt(receipt) => UplinkBody::Receipt(receipt.clone()),
            FromUplink::State { connected, problem, retry_ms } => UplinkBody::State(State {
                connected: *connected,
                problem: problem.clone(),
                retry_ms: *retry_ms,
            }),
            FromUplink::Taken { epoch, sequence, digest, rejected } => UplinkBody::Taken(Taken {
                epoch: *epoch,
                sequence: *sequence,
                digest: digest.to_vec(),
                rejected: *rejected,
            }),
            FromUplink::Carry { medium, after } => {
                UplinkBody::Carry(Carry { medium: medium.0.to_vec(), after: *after })
            }
            FromUplink::Carried { medium, through } => {
                UplinkBody::Carried(Carry { medium: medium.0.to_vec(), after: *through })
            }
        };
        UplinkMessage { body: Some(body) }.encode_to_vec()
    }

    /// Reads a message from the peer.
    ///
    /// # Errors
    /// When the message is unusable.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let message = UplinkMessage::decode(bytes).map_err(|_| Error::Encoding("uplink message"))?;
        Ok(match message.body.ok_or(Error::Missing { message: "uplink message", part: "body" })? {
            UplinkBody::Next(next) if next.version != VERSION => {
                return Err(Error::Version { message: "next", found: next.version, expected: VERSION });
            }
            UplinkBody::Next(next) => FromUplink::Next { wait_ms: next.wait_ms },
            // An uplink of before does not say it, and leaves what it has no room for.
            UplinkBody::Behind(Behind { after, room: 0 }) => FromUplink::Behind { after, room: u32::MAX },
            UplinkBody::Behind(Behind { after, room }) => FromUplink::Behind { after, room },
            UplinkBody::Receipt(receipt) => FromUplink::Receipt(receipt),
            UplinkBody::State(State { connected, problem, retry_ms }) => {
                FromUplink::State { connected, problem, retry_ms }
            }
            UplinkBody::Taken(Taken { epoch, sequence, digest, rejected }) => {
                let digest = digest.try_into().map_err(|_| Error::Encoding("digest"))?;
                FromUplink::Taken { epoch, sequence, digest, rejected }
            }
            UplinkBody::Carry(Carry { medium, after }) => {
                FromUplink::Carry { medium: medium_of(&medium)?, after }
            }
            UplinkBody::Carried(Carry { medium, after }) => {
                FromUplink::Carried { medium: medium_of(&medium)?, through: after }
            }
        })
    }
}

fn medium_of(octets: &[u8]) -> Result<MediumId, Error> {
    octets.try_into().map(MediumId).map_err(|_| Error::Encoding("medium"))
}

impl ToUplink {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            ToUplink::Batch(batch) => AnswerBody::Batch(batch.clone()),
            ToUplink::Empty => AnswerBody::Empty(true),
            ToUplink::Accepted => AnswerBody::Accepted(true),
            ToUplink::Refused { reason } => AnswerBody::Refused(reason.clone()),
        };
        UplinkAnswer { body: Some(body) }.encode_to_vec()
    }

    /// Reads a message from the peer.
    ///
    /// # Errors
    /// When the message is unusable.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let message = UplinkAnswer::decode(bytes).map_err(|_| Error::Encoding("uplink answer"))?;
        Ok(match message.body.ok_or(Error::Missing { message: "uplink answer", part: "body" })? {
            AnswerBody::Batch(batch) => ToUplink::Batch(batch),
            AnswerBody::Empty(_) => ToUplink::Empty,
            AnswerBody::Accepted(_) => ToUplink::Accepted,
            AnswerBody::Refused(reason) => ToUplink::Refused { reason },
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct UplinkMessage {
    #[prost(oneof = "UplinkBody", tags = "1, 2, 3, 4, 5, 6, 7")]
    body: Option<UplinkBody>,
}
#[derive(Clone, PartialEq, prost::Oneof)]
enum UplinkBody {
    #[prost(message, tag = "1")]
    Next(Next),
    #[prost(bytes = "vec", tag = "2")]
    Receipt(Vec<u8>),
    #[prost(message, tag = "3")]
    State(State),
    #[prost(message, tag = "4")]
    Carry(Carry),
    #[prost(message, tag = "5")]
    Carried(Carry),
    #[prost(message, tag = "6")]
    Taken(Taken),
    #[prost(message, tag = "7")]
    Behind(Behind),
}
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Behind {
    #[prost(uint64, tag = "1")]
    after: u64,
    #[prost(uint32, tag = "2")]
    room: u32,
}
#[derive(Clone, PartialEq, Message)]
struct Taken {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(uint64, tag = "2")]
    sequence: u64,
    #[prost(bytes = "vec", tag = "3")]
    digest: Vec<u8>,
    #[prost(uint64, tag = "4")]
    rejected: u64,
}
#[derive(Clone, PartialEq, Message)]
struct Carry {
    #[prost(bytes = "vec", tag = "1")]
    medium: Vec<u8>,
    /// A sequence: the last that is known, or that is on the medium.
    #[prost(uint64, tag = "2")]
    after: u64,
}
#[derive(Clone, PartialEq, Message)]
struct Next {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    wait_ms: u32,
}
#[derive(Clone, PartialEq, Message)]
struct State {
    #[prost(bool, tag = "1")]
    connected: bool,
    #[prost(string, tag = "2")]
    problem: String,
    #[prost(uint64, tag = "3")]
    retry_ms: u64,
}
#[derive(Clone, PartialEq, Message)]
struct UplinkAnswer {
    #[prost(oneof = "AnswerBody", tags = "1, 2, 3, 4")]
    body: Option<AnswerBody>,
}
#[derive(Clone, PartialEq, prost::Oneof)]
enum AnswerBody {
    #[prost(bytes = "vec", tag = "1")]
    Batch(Vec<u8>),
    #[prost(bool, tag = "2")]
    Empty(bool),
    #[prost(bool, tag = "3")]
    Accepted(bool),
    #[prost(string, tag = "4")]
    Refused(String),
}
