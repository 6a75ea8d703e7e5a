//! The messages between the processes of one appliance.
//!
//! Each travels on a Unix stream socket behind a 32-bit big-endian length, at most
//! [`MAX_MESSAGE_BYTES`]. The store listens; the sensor, the uplink and the administrator's command
//! connect:
//!
//! | socket | peer says | store answers |
//! |---|---|---|
//! | `see/records.sock` | [`FromSensor`] | [`ToSensor`] |
//! | `speak/outbox.sock` | [`FromUplink`] | [`ToUplink`] |
//! | `admin/control.sock` | [`ControlRequest`] as JSON | a JSON document |

use prost::Message;

use crate::{Error, Record};

pub use control::ControlRequest;
pub use records::encode_records;

mod control;
mod records;

/// The version of these messages; both ends are of one package, so it must be equal.
pub const VERSION: u32 = 1;
/// Largest message, in octets, without its length.
pub const MAX_MESSAGE_BYTES: usize = 5 << 20;
/// Most records in one [`FromSensor::Records`].
pub const MAX_HANDOVER: usize = 1_024;
/// Most interfaces in one [`FromSensor::Interfaces`], and most octets of a name (`IFNAMSIZ`).
pub const MAX_INTERFACES: usize = 64;
const MAX_INTERFACE_NAME: usize = 16;
/// Path of the sensor's socket below the socket directory.
pub const RECORDS_SOCKET: &str = "see/records.sock";
/// Path of the uplink's socket below the socket directory.
pub const OUTBOX_SOCKET: &str = "speak/outbox.sock";
/// Path of the administrator's socket below the socket directory.
pub const CONTROL_SOCKET: &str = "admin/control.sock";

/// What the sensor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromSensor {
    /// First message of a connection. `session` is drawn at random when the sensor starts; the
    /// sensor numbers the records of a session from 1 without gaps.
    Hello {
        /// The sensor's session.
        session: [u8; 16],
    },
    /// Records `first`, `first + 1`, …; at most [`MAX_HANDOVER`]. The sensor keeps them until they are
    /// committed and says them again on the next connection.
    Records {
        /// Number of the first record.
        first: u64,
        /// The records.
        records: Vec<Record>,
    },
    /// How the interfaces are, for the administrator: all of them, at most [`MAX_INTERFACES`]. Said after
    /// [`FromSensor::Hello`] and at each change; it has no answer.
    Interfaces(Vec<(String, LinkState)>),
}

/// How a watched interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It can receive.
    Up,
    /// It is up, and the other end is not.
    NoLink,
    /// It is down.
    Down,
    /// There is none of this name; when there is, it is watched.
    Gone,
    /// There is one that cannot be watched: it carries no Ethernet frames, or the system refuses.
    Unusable,
}

impl LinkState {
    const ALL: [LinkState; 5] =
        [LinkState::Up, LinkState::NoLink, LinkState::Down, LinkState::Gone, LinkState::Unusable];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Up => "up",
            LinkState::NoLink => "no-link",
            LinkState::Down => "down",
            LinkState::Gone => "gone",
            LinkState::Unusable => "unusable",
        }
    }

    /// Its number in messages, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            LinkState::Up => 1,
            LinkState::NoLink => 2,
            LinkState::Down => 3,
            LinkState::Gone => 4,
            LinkState::Unusable => 5,
        }
    }

    /// The state of a [`LinkState::number`].
    #[must_use]
    pub fn from_number(number: u32) -> Option<LinkState> {
        LinkState::ALL.into_iter().find(|state| state.number() == number)
    }
}

/// What the store answers to the sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSensor {
    /// All records of the session up to this number are on disk and synchronised. Sent after
    /// [`FromSensor::Hello`] (0 for a new session) and after each commit.
    Committed {
        /// Number of the last such record.
        through: u64,
    },
}

/// What the uplink says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromUplink {
    /// Give me the oldest batch without a receipt; wait up to so long when there is none.
    Next {
        /// Longest wait, in milliseconds.
        wait_ms: u32,
    },
    /// The receiver answered with this receipt ([`crate::receipt::Receipt::encode`]).
    Receipt(Vec<u8>),
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
    /// A batch to send ([`crate::batch::Batch::encode`]).
    Batch(Vec<u8>),
    /// Nothing is waiting.
    Empty,
    /// The receipt is verified and its batch deleted, or the state is noted.
    Accepted,
    /// The receipt is not accepted; nothing was deleted.
    Refused {
        /// Why.
        reason: String,
    },
}

impl FromSensor {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            FromSensor::Records { first, records } => return records::encode(*first, records),
            FromSensor::Hello { session } => {
                SensorBody::Hello(Hello { version: VERSION, session: session.to_vec() })
            }
            FromSensor::Interfaces(interfaces) => {
                let interfaces = interfaces
                    .iter()
                    .map(|(name, state)| Interface { name: name.clone(), state: state.number() });
                SensorBody::Interfaces(Interfaces { interfaces: interfaces.collect() })
            }
        };
        SensorMessage { body: Some(body) }.encode_to_vec()
    }

    /// Reads a message from the peer. Records come back one by one, none of them read yet, so that one that is not valid
    /// does not hide its neighbours.
    ///
    /// # Errors
    /// When the message as a whole is unusable.
    pub fn decode(bytes: &[u8]) -> Result<Handover<'_>, Error> {
        if let Some((first, records)) = records::decode(bytes)? {
            return Ok(Handover::Records { first, records });
        }
        let message = SensorMessage::decode(bytes).map_err(|_| Error::Encoding("sensor message"))?;
        match message.body.ok_or(Error::Missing { message: "sensor message", part: "body" })? {
            SensorBody::Hello(hello) => {
                if hello.version != VERSION {
                    return Err(Error::Version { message: "hello", found: hello.version, expected: VERSION });
                }
                let session = hello.session.as_slice().try_into().map_err(|_| Error::Encoding("session"))?;
                Ok(Handover::Hello { session })
            }
            // It is read where it begins as the codec writes it.
            SensorBody::Records(_) => Err(Error::Encoding("sensor message")),
            SensorBody::Interfaces(said) if said.interfaces.len() > MAX_INTERFACES => {
                Err(Error::Limit { what: "interfaces", limit: MAX_INTERFACES })
            }
            SensorBody::Interfaces(said) => {
                let interfaces = said.interfaces.into_iter().map(|interface| {
                    let state =
                        LinkState::from_number(interface.state).ok_or(Error::Encoding("interface state"))?;
                    let fits = interface.name.len() <= MAX_INTERFACE_NAME;
                    if fits { Ok((interface.name, state)) } else { Err(Error::Encoding("interface name")) }
                });
                Ok(Handover::Interfaces(interfaces.collect::<Result<_, _>>()?))
            }
        }
    }
}

/// A decoded [`FromSensor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover<'a> {
    /// See [`FromSensor::Hello`].
    Hello {
        /// The sensor's session.
        session: [u8; 16],
    },
    /// See [`FromSensor::Records`].
    Records {
        /// Number of the first record.
        first: u64,
        /// Each record as it was sent: [`crate::RecordView::read`] says whether it is one.
        records: Vec<&'a [u8]>,
    },
    /// See [`FromSensor::Interfaces`].
    Interfaces(Vec<(String, LinkState)>),
}

impl ToSensor {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let ToSensor::Committed { through } = self;
        Committed { through: *through }.encode_to_vec()
    }

    /// Reads a message from the peer.
    ///
    /// # Errors
    /// When the message is unusable.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let message = Committed::decode(bytes).map_err(|_| Error::Encoding("committed"))?;
        Ok(ToSensor::Committed { through: message.through })
    }
}

impl FromUplink {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            FromUplink::Next { wait_ms } => UplinkBody::Next(Next { version: VERSION, wait_ms: *wait_ms }),
            FromUplink::Receipt(receipt) => UplinkBody::Receipt(receipt.clone()),
            FromUplink::State { connected, problem, retry_ms } => UplinkBody::State(State {
                connected: *connected,
                problem: problem.clone(),
                retry_ms: *retry_ms,
            }),
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
            UplinkBody::Receipt(receipt) => FromUplink::Receipt(receipt),
            UplinkBody::State(State { connected, problem, retry_ms }) => {
                FromUplink::State { connected, problem, retry_ms }
            }
        })
    }
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
struct SensorMessage {
    #[prost(oneof = "SensorBody", tags = "1, 2, 3")]
    body: Option<SensorBody>,
}
#[derive(Clone, PartialEq, prost::Oneof)]
enum SensorBody {
    #[prost(message, tag = "1")]
    Hello(Hello),
    #[prost(message, tag = "2")]
    Records(Records),
    #[prost(message, tag = "3")]
    Interfaces(Interfaces),
}
#[derive(Clone, PartialEq, Message)]
struct Interfaces {
    #[prost(message, repeated, tag = "1")]
    interfaces: Vec<Interface>,
}
#[derive(Clone, PartialEq, Message)]
struct Interface {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    state: u32,
}
#[derive(Clone, PartialEq, Message)]
struct Hello {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    session: Vec<u8>,
}
#[derive(Clone, PartialEq, Message)]
struct Records {
    #[prost(uint64, tag = "1")]
    first: u64,
    /// Each a `RecordMessage`.
    #[prost(bytes = "vec", repeated, tag = "2")]
    records: Vec<Vec<u8>>,
}
#[derive(Clone, PartialEq, Message)]
struct Committed {
    #[prost(uint64, tag = "1")]
    through: u64,
}
#[derive(Clone, PartialEq, Message)]
struct UplinkMessage {
    #[prost(oneof = "UplinkBody", tags = "1, 2, 3")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::declared::RecordMessage;
    use crate::{Field, Kind, RecordView};

    #[test]
    fn messages_survive_their_encoding() {
        let hello = FromSensor::Hello { session: [3; 16] };
        assert_eq!(FromSensor::decode(&hello.encode()), Ok(Handover::Hello { session: [3; 16] }));
        for message in [
            FromUplink::Next { wait_ms: 5 },
            FromUplink::Receipt(vec![1, 2]),
            FromUplink::State { connected: false, problem: "refused".into(), retry_ms: 7 },
        ] {
            assert_eq!(FromUplink::decode(&message.encode()), Ok(message));
        }
        for message in [
            ToUplink::Batch(vec![1]),
            ToUplink::Empty,
            ToUplink::Accepted,
            ToUplink::Refused { reason: "x".into() },
        ] {
            assert_eq!(ToUplink::decode(&message.encode()), Ok(message));
        }
        let committed = ToSensor::Committed { through: 9 };
        assert_eq!(ToSensor::decode(&committed.encode()), Ok(committed));
    }

    #[test]
    fn interfaces_survive_their_encoding_and_have_bounds() {
        let all: Vec<_> = LinkState::ALL.map(|state| (state.name().to_owned(), state)).into();
        let message = FromSensor::Interfaces(all.clone()).encode();
        assert_eq!(FromSensor::decode(&message), Ok(Handover::Interfaces(all)));
        let many = vec![("eth0".to_owned(), LinkState::Up); MAX_INTERFACES + 1];
        assert!(FromSensor::decode(&FromSensor::Interfaces(many).encode()).is_err());
        let long = vec![("seventeen-octets!".to_owned(), LinkState::Up)];
        assert!(FromSensor::decode(&FromSensor::Interfaces(long).encode()).is_err());
        assert_eq!(LinkState::from_number(0), None);
    }

    #[test]
    fn one_bad_record_does_not_hide_its_neighbours() {
        let mut good = Record::new(Kind::Device);
        good.set(Field::DeviceVlan, 5u16).unwrap();
        let good_octets = RecordMessage::from(&good).encode_to_vec();
        let body = SensorBody::Records(Records { first: 4, records: vec![good_octets.clone(), Vec::new()] });
        let message = SensorMessage { body: Some(body) }.encode_to_vec();
        let Ok(Handover::Records { first, records }) = FromSensor::decode(&message) else {
            panic!("records")
        };
        assert_eq!((first, records.as_slice()), (4, [good_octets.as_slice(), &[]].as_slice()));
        let mut view = RecordView::new();
        assert_eq!(view.read(records[0]).map(|()| view.to_record()), Ok(good));
        assert_eq!(view.read(records[1]), Err(Error::UnknownKind(0)));
    }

    #[test]
    fn records_are_written_as_the_declared_messages_say() {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceVlan, 5u16).unwrap();
        let octets = RecordMessage::from(&record).encode_to_vec();
        for count in [0, 1, 3, MAX_HANDOVER] {
            let body = SensorBody::Records(Records { first: 7, records: vec![octets.clone(); count] });
            let declared = SensorMessage { body: Some(body) }.encode_to_vec();
            let message = FromSensor::Records { first: 7, records: vec![record.clone(); count] }.encode();
            assert_eq!(message, declared);
            assert_eq!(encode_records(7, std::iter::repeat_n(octets.as_slice(), count)), declared);
            let Ok(Handover::Records { records, .. }) = FromSensor::decode(&message) else {
                panic!("records")
            };
            assert_eq!(records.len(), count);
        }
        let many = FromSensor::Records { first: 7, records: vec![record; MAX_HANDOVER + 1] }.encode();
        assert!(FromSensor::decode(&many).is_err());
    }
}
