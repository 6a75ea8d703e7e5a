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

pub use control::{ControlRequest, MAX_RECEIPTS};
pub use records::RecordSet;
pub use uplink::{FromUplink, ToUplink};

mod control;
mod records;
mod uplink;

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
    /// committed, and says them again on the next connection: what was not committed, with what comes behind it.
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

    /// Reads a message from the peer. Records come back in sets, none of them read yet, so that one that is not valid
    /// does not hide the others.
    ///
    /// # Errors
    /// When the message as a whole is unusable.
    pub fn decode(bytes: &[u8]) -> Result<Handover<'_>, Error> {
        if let Some((first, sets)) = records::decode(bytes)? {
            return Ok(Handover::Records { first, sets });
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
        /// The records; they have their numbers as they stand here.
        sets: Vec<RecordSet<'a>>,
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
    #[prost(message, repeated, tag = "2")]
    sets: Vec<RecordSetMessage>,
}
#[derive(Clone, PartialEq, Message)]
struct RecordSetMessage {
    #[prost(uint32, tag = "1")]
    records: u32,
    /// A `Columns` message.
    #[prost(bytes = "vec", tag = "2")]
    columns: Vec<u8>,
}
#[derive(Clone, PartialEq, Message)]
struct Committed {
    #[prost(uint64, tag = "1")]
    through: u64,
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::MediumId;
    use crate::{Field, Kind, Mac, columns};

    #[test]
    fn messages_survive_their_encoding() {
        let hello = FromSensor::Hello { session: [3; 16] };
        assert_eq!(FromSensor::decode(&hello.encode()), Ok(Handover::Hello { session: [3; 16] }));
        for message in [
            FromUplink::Next { wait_ms: 5 },
            FromUplink::Receipt(vec![1, 2]),
            FromUplink::Taken { epoch: 1, sequence: 2, digest: [3; 32], rejected: 4 },
            FromUplink::Carry { medium: MediumId([7; 8]), after: 4 },
            FromUplink::Carried { medium: MediumId([7; 8]), through: 4 },
            FromUplink::Behind { after: 5, room: 6 },
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

    /// Octets as an uplink of before wrote them: which batch, and no room. It is given whatever is there.
    #[test]
    fn an_uplink_of_before_that_says_no_room_is_given_any_batch() {
        let of_before = [0x3a, 2, 0x08, 5];
        let said = FromUplink::Behind { after: 5, room: u32::MAX };
        assert_eq!(FromUplink::decode(&of_before), Ok(said.clone()));
        assert_eq!(FromUplink::decode(&[0x3a, 0]), Ok(FromUplink::Behind { after: 0, room: u32::MAX }));
        assert_eq!(FromUplink::decode(&said.encode()), Ok(said));
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

    fn sets(message: &[u8]) -> Result<(u64, Vec<RecordSet<'_>>), Error> {
        match FromSensor::decode(message)? {
            Handover::Records { first, sets } => Ok((first, sets)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_bad_set_does_not_hide_the_others() {
        let mut good = Record::new(Kind::Device);
        good.set(Field::DeviceVlan, 5u16).unwrap();
        let columns = columns::encode(std::slice::from_ref(&good)).unwrap();
        let set = |records, columns: &[u8]| RecordSetMessage { records, columns: columns.to_vec() };
        let body = Records { first: 4, sets: vec![set(1, &columns), set(3, &[0xff])] };
        let message = SensorMessage { body: Some(SensorBody::Records(body)) }.encode_to_vec();
        let (first, sets) = sets(&message).unwrap();
        assert_eq!((first, sets.len(), sets[1].records), (4, 2, 3));
        assert_eq!(columns::decode(sets[0].columns).unwrap(), [good]);
        assert!(columns::Sheet::read(sets[1].columns).is_err());
    }

    #[test]
    fn records_are_written_as_the_declared_messages_say_and_kept_apart_by_class_and_station() {
        let mut device = Record::new(Kind::Device);
        device.set(Field::DeviceMac, Mac([0, 1, 2, 3, 4, 5])).unwrap();
        let mut flow = Record::new(Kind::Flow);
        flow.set(Field::FlowMac, Mac([0, 1, 2, 3, 4, 5])).unwrap();
        let mut random = flow.clone();
        random.set(Field::FlowMac, Mac([2, 1, 2, 3, 4, 5])).unwrap();
        let records = vec![device.clone(), flow.clone(), random.clone(), flow.clone()];
        let set = |records: &[Record]| RecordSetMessage {
            records: u32::try_from(records.len()).unwrap(),
            columns: columns::encode(records).unwrap(),
        };
        let expected = vec![set(&[flow.clone(), flow]), set(&[random]), set(&[device.clone()])];
        let body = SensorBody::Records(Records { first: 7, sets: expected });
        let message = FromSensor::Records { first: 7, records }.encode();
        assert_eq!(message, SensorMessage { body: Some(body) }.encode_to_vec());
        let none = FromSensor::Records { first: 7, records: Vec::new() }.encode();
        assert_eq!(sets(&none).unwrap(), (7, Vec::new()));
        let all = FromSensor::Records { first: 1, records: vec![device.clone(); MAX_HANDOVER] }.encode();
        assert_eq!(sets(&all).unwrap().1[0].records, MAX_HANDOVER);
        let many = FromSensor::Records { first: 7, records: vec![device; MAX_HANDOVER + 1] }.encode();
        assert!(FromSensor::decode(&many).is_err());
    }

    /// A set that is full goes, and another begins.
    #[test]
    fn records_of_the_longest_texts_come_in_several_sets() {
        let mut large = Record::new(Kind::Neighbor);
        let names: crate::Value = (0..crate::MAX_LIST).map(|n| format!("{n:0>500}")).collect();
        large.set(Field::NeighborVlanNames, names).unwrap();
        let message = FromSensor::Records { first: 1, records: vec![large; MAX_HANDOVER] }.encode();
        assert!(message.len() < MAX_MESSAGE_BYTES);
        let (_, sets) = sets(&message).unwrap();
        assert!(sets.len() > 1);
        let read = sets.iter().map(|set| columns::Sheet::read(set.columns).unwrap().records());
        assert_eq!(read.sum::<usize>(), MAX_HANDOVER);
    }
}
