//! Internet Group Management Protocol (RFC 1112, RFC 2236, RFC 3376), as members and queriers speak it.
//!
//! A report is read up to its first group record that is malformed. Messages of other protocols that share
//! the protocol number are named by their type and not read.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{
    Address, Faults, Kind, Malformed,
    cursor::Cursor,
    membership::{self, code_of_8_bits},
    registry::registry,
};

pub use membership::{MAX_GROUPS, RecordType};

/// IGMP in the IPv4 Protocol field.
pub const PROTOCOL: u8 = 2;
/// Octets that every message has.
pub const HEADER_LEN: usize = 8;
/// Least octets of a query of version 3 (RFC 3376, 7.1).
pub const QUERY_V3_LEN: usize = 12;

/// A query of any version.
pub type Query<'a> = membership::Query<'a, Ipv4Addr>;
/// What version 3 adds to a query.
pub type QueryExtension<'a> = membership::QueryExtension<'a, Ipv4Addr>;
/// A report of version 3.
pub type Report<'a> = membership::Report<'a, Ipv4Addr>;
/// A group record of a report of version 3.
pub type Group<'a> = membership::Group<'a, Ipv4Addr>;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// What the message is.
    pub message_type: MessageType,
    /// What it says.
    pub body: Body<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body<'a> {
    /// A query. Its version is told by its length and code (RFC 3376, 7.1).
    Query(Query<'a>),
    /// The group that a report of version 1 or 2 joins, or that is left.
    Membership {
        /// The group.
        group: Ipv4Addr,
    },
    /// A report of version 3.
    Report(Box<Report<'a>>),
    /// A message that is not read.
    Other,
}

registry! {
    /// What a message is (IANA IGMP type numbers).
    pub enum MessageType: u8 {
        /// Membership Query.
        Query = 0x11, "query";
        /// Version 1 Membership Report.
        ReportV1 = 0x12, "report-v1";
        /// DVMRP. Not read.
        Dvmrp = 0x13, "dvmrp";
        /// PIM version 1. Not read.
        PimV1 = 0x14, "pim-v1";
        /// Cisco trace messages. Not read.
        CiscoTrace = 0x15, "cisco-trace";
        /// Version 2 Membership Report.
        ReportV2 = 0x16, "report-v2";
        /// Leave Group.
        Leave = 0x17, "leave";
        /// Multicast Traceroute Response. Not read.
        TracerouteResponse = 0x1e, "mtrace-response";
        /// Multicast Traceroute. Not read.
        Traceroute = 0x1f, "mtrace";
        /// Version 3 Membership Report.
        ReportV3 = 0x22, "report-v3";
        /// Multicast Router Advertisement (RFC 4286). Not read.
        RouterAdvertisement = 0x30, "multicast-router-advertisement";
        /// Multicast Router Solicitation (RFC 4286). Not read.
        RouterSolicitation = 0x31, "multicast-router-solicitation";
        /// Multicast Router Termination (RFC 4286). Not read.
        RouterTermination = 0x32, "multicast-router-termination";
    }
}

/// Reads a message, which is the whole payload of its IP packet.
///
/// # Errors
/// What is wrong where the first octets, or the group of a message that has one, are not whole.
pub fn parse<'a>(mut cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let length = cursor.wire_remaining();
    let [message_type, code, _, _] = *cursor.array()?;
    let message_type = MessageType::from(message_type);
    let mut malformed = Faults::default();
    let body = match message_type {
        MessageType::Query => {
            let group = Address::parse(&mut cursor)?;
            Body::Query(query(&mut cursor, code, group, length, &mut malformed))
        }
        MessageType::ReportV1 | MessageType::ReportV2 | MessageType::Leave => {
            Body::Membership { group: Address::parse(&mut cursor)? }
        }
        MessageType::ReportV3 => {
            let [_, _, n0, n1] = *cursor.array()?;
            {
                let report = Report::parse(&mut cursor, u16::from_be_bytes([n0, n1]), &mut malformed);
                Body::Report(Box::new(report))
            }
        }
        _ => Body::Other,
    };
    Ok(Message { message_type, body, malformed })
}

/// The version of a query of `length` octets, and what is behind the group.
fn query<'a>(
    cursor: &mut Cursor<'a>,
    code: u8,
    group: Ipv4Addr,
    length: usize,
    faults: &mut Faults,
) -> Query<'a> {
    let version = match length {
        QUERY_V3_LEN.. => 3,
        _ if code == 0 => 1,
        _ => 2,
    };
    let tenths = match version {
        1 => VERSION_1_RESPONSE_TIME,
        2 => code.into(),
        _ => code_of_8_bits(code),
    };
    if version < 3 && length != HEADER_LEN {
        faults.note::<()>(Err(cursor.malformed(Kind::Length)));
    }
    let extension = if version < 3 { None } else { QueryExtension::parse(cursor, faults) };
    Query {
        version,
        max_response_code: code.into(),
        max_response_ms: tenths.saturating_mul(100),
        group,
        extension,
    }
}

/// Tenths of a second that a query of version 1 stands for (RFC 2236, 4).
const VERSION_1_RESPONSE_TIME: u32 = 100;

#[cfg(test)]
mod tests;
