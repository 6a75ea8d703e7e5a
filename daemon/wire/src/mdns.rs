//! Multicast DNS (RFC 6762) as far as a rule may allow: the header of a message, and the *types* of the
//! services that it asks for or announces (RFC 6763, 7), such as `_ipp._tcp`.
//!
//! Names of instances and of hosts are stepped over; no octet of them is read into any value, nor is any
//! record data. A service type is two labels right before `local`, of the form that is registered
//! (RFC 6335, 5.1), of a name that owns PTR or SRV records.

use std::fmt;

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

use crate::{Faults, Kind, Malformed, Text, addresses::keep, cursor::Cursor};

mod name;
pub use name::{MAX_JUMPS, MAX_LABELS};

/// The UDP port (RFC 6762, 3).
pub const PORT: u16 = 5353;
/// Octets of the header (RFC 1035, 4.1.1).
pub const HEADER_LEN: usize = 12;
/// Most questions and records of a message that are looked at.
pub const MAX_RECORDS: usize = 512;
/// Most service types that are kept, each of those asked for and those announced.
pub const MAX_SERVICE_TYPES: usize = 32;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// Query identifier; 0 in multicast messages (18.1).
    pub id: u16,
    /// QR: a response (18.2).
    pub response: bool,
    /// OPCODE; 0 in Multicast DNS (18.3).
    pub opcode: u8,
    /// AA: authoritative (18.4).
    pub authoritative: bool,
    /// TC: more known answers follow in another message (18.5).
    pub truncated: bool,
    /// RCODE; 0 in Multicast DNS (18.11).
    pub response_code: u8,
    /// Questions, as the header says.
    pub questions: u16,
    /// Answers, as the header says.
    pub answers: u16,
    /// Authority records, as the header says.
    pub authorities: u16,
    /// Additional records, as the header says.
    pub additionals: u16,
    /// The service types that a query asks for by PTR or SRV, each once.
    pub asked: ArrayVec<ServiceType<'a>, MAX_SERVICE_TYPES>,
    /// The service types of the PTR and SRV records of a response, each once. The records of a query, which
    /// repeat what others announced (7.1) or claim a name (8.2), are not looked at.
    pub announced: ArrayVec<ServiceType<'a>, MAX_SERVICE_TYPES>,
    /// How many service types found no room in one of the lists.
    pub omitted: u32,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
}

/// A service type: a name of RFC 6335 and its transport. It is shown like `_ipp._tcp`.
#[derive(Clone, Copy, Debug)]
pub struct ServiceType<'a> {
    /// The service, with its underscore.
    pub service: Text<'a>,
    /// Its transport.
    pub transport: Transport,
}

/// The transport of a service (RFC 6763, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `_tcp`.
    Tcp,
    /// `_udp`, which stands for every transport but TCP.
    Udp,
}

impl Transport {
    /// The label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "_tcp",
            Transport::Udp => "_udp",
        }
    }
}

/// The case of letters makes no difference (RFC 6762, 16).
impl PartialEq for ServiceType<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.transport == other.transport && self.service.0.eq_ignore_ascii_case(other.service.0)
    }
}

impl Eq for ServiceType<'_> {}

impl fmt::Display for ServiceType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.transport.name())
    }
}

impl Serialize for ServiceType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a message, which is the whole payload of its datagram.
///
/// # Errors
/// What is wrong where the header is not whole.
pub fn parse<'a>(mut cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let start = cursor;
    let [i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, r0, r1] = *cursor.array::<HEADER_LEN>()?;
    let mut message = Message {
        id: u16::from_be_bytes([i0, i1]),
        response: f0 & 0x80 != 0,
        opcode: f0 >> 3 & 0x0f,
        authoritative: f0 & 0x04 != 0,
        truncated: f0 & 0x02 != 0,
        response_code: f1 & 0x0f,
        questions: u16::from_be_bytes([q0, q1]),
        answers: u16::from_be_bytes([a0, a1]),
        authorities: u16::from_be_bytes([n0, n1]),
        additionals: u16::from_be_bytes([r0, r1]),
        asked: ArrayVec::new(),
        announced: ArrayVec::new(),
        omitted: 0,
        malformed: Faults::default(),
    };
    let result = message.read(&start, cursor);
    message.malformed.note(result);
    Ok(message)
}

impl<'a> Message<'a> {
    /// Reads the questions, and the records of a response.
    fn read(&mut self, start: &Cursor<'a>, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        let records = [self.answers, self.authorities, self.additionals].map(usize::from);
        let records = if self.response { records.iter().sum() } else { 0 };
        let mut room = MAX_RECORDS;
        for _ in 0..take_room(&mut room, self.questions.into()) {
            let service_type = name::parse(start, &mut cursor)?;
            let [t0, t1, _, _] = *cursor.array()?;
            if let Some(service_type) = service_type.filter(|_| is_of_services([t0, t1]) && !self.response) {
                keep_once(&mut self.asked, &mut self.omitted, service_type);
            }
        }
        for _ in 0..take_room(&mut room, records) {
            let service_type = name::parse(start, &mut cursor)?;
            let [t0, t1, _, _, _, _, _, _, l0, l1] = *cursor.array()?;
            cursor.take(u16::from_be_bytes([l0, l1]).into())?;
            if let Some(service_type) = service_type.filter(|_| is_of_services([t0, t1])) {
                keep_once(&mut self.announced, &mut self.omitted, service_type);
            }
        }
        if room == 0 && !cursor.is_empty() { Err(cursor.malformed(Kind::Limit)) } else { Ok(()) }
    }
}

/// How many of `wanted` there is room for, which they then take.
fn take_room(room: &mut usize, wanted: usize) -> usize {
    let taken = wanted.min(*room);
    *room = room.saturating_sub(taken);
    taken
}

fn keep_once<'a, const N: usize>(
    list: &mut ArrayVec<ServiceType<'a>, N>,
    omitted: &mut u32,
    service_type: ServiceType<'a>,
) {
    if !list.contains(&service_type) {
        keep(list, omitted, service_type);
    }
}

/// Whether records of this type name services: PTR (RFC 1035, 3.3.12) and SRV (RFC 2782).
fn is_of_services(record_type: [u8; 2]) -> bool {
    matches!(u16::from_be_bytes(record_type), 12 | 33)
}

#[cfg(test)]
mod tests;
