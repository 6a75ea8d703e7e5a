//! Multicast Listener Discovery (RFC 2710, RFC 3810).
//!
//! The messages are those of IGMP in ICMPv6, and are read as [`crate::igmp`] reads those.

use std::net::Ipv6Addr;

use serde::Serialize;

use crate::{
    Address, Faults, Kind, Malformed,
    cursor::Cursor,
    membership::{self, code_of_16_bits},
    registry::registry,
};

pub use membership::{MAX_GROUPS, RecordType};

/// Octets of a message of version 1 (RFC 2710, 3).
pub const HEADER_LEN: usize = 24;
/// Least octets of a query of version 2 (RFC 3810, 8.1).
pub const QUERY_V2_LEN: usize = 28;

/// A query of either version.
pub type Query<'a> = membership::Query<'a, Ipv6Addr>;
/// What version 2 adds to a query.
pub type QueryExtension<'a> = membership::QueryExtension<'a, Ipv6Addr>;
/// A report of version 2.
pub type Report<'a> = membership::Report<'a, Ipv6Addr>;
/// A multicast address record of a report of version 2.
pub type Group<'a> = membership::Group<'a, Ipv6Addr>;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// What the message is.
    pub message_type: MessageType,
    /// The ICMPv6 code, which is 0.
    pub code: u8,
    /// What it says.
    pub body: Body<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body<'a> {
    /// A query. Its version is told by its length (RFC 3810, 8.1).
    Query(Query<'a>),
    /// The group that a report of version 1 joins, or that is left.
    Membership {
        /// The group.
        group: Ipv6Addr,
    },
    /// A report of version 2.
    Report(Box<Report<'a>>),
}

registry! {
    /// What a message is (IANA ICMPv6 types).
    pub enum MessageType: u8 {
        /// Multicast Listener Query.
        Query = 130, "query";
        /// Multicast Listener Report.
        ReportV1 = 131, "report-v1";
        /// Multicast Listener Done.
        Done = 132, "done";
        /// Version 2 Multicast Listener Report.
        ReportV2 = 143, "report-v2";
    }
}

/// Whether an ICMPv6 message of this type is read here.
#[inline]
#[must_use]
pub fn is_type(icmpv6_type: u8) -> bool {
    !matches!(MessageType::from(icmpv6_type), MessageType::Unknown(_))
}

/// Reads a message. The cursor begins at the ICMPv6 type and ends with the IP packet.
///
/// # Errors
/// What is wrong where the first octets, or the group of a message that has one, are not whole;
/// [`Kind::Value`] where [`is_type`] is not true of the type.
pub fn parse<'a>(mut cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let start = cursor;
    let length = cursor.wire_remaining();
    let [message_type, code, _, _, c0, c1, n0, n1] = *cursor.array()?;
    let message_type = MessageType::from(message_type);
    let mut malformed = Faults::default();
    if code != 0 {
        malformed.note::<()>(Err(start.malformed(Kind::Value)));
    }
    let body = match message_type {
        MessageType::Query => {
            let group = Address::parse(&mut cursor)?;
            let code = u16::from_be_bytes([c0, c1]);
            Body::Query(query(&mut cursor, code, group, length, &mut malformed))
        }
        MessageType::ReportV1 | MessageType::Done => Body::Membership { group: Address::parse(&mut cursor)? },
        MessageType::ReportV2 => {
            let report = Report::parse(&mut cursor, u16::from_be_bytes([n0, n1]), &mut malformed);
            Body::Report(Box::new(report))
        }
        MessageType::Unknown(_) => return Err(start.malformed(Kind::Value)),
    };
    Ok(Message { message_type, code, body, malformed })
}

/// The version of a query of `length` octets, and what is behind the group.
fn query<'a>(
    cursor: &mut Cursor<'a>,
    code: u16,
    group: Ipv6Addr,
    length: usize,
    faults: &mut Faults,
) -> Query<'a> {
    let is_v2 = length >= QUERY_V2_LEN;
    if !is_v2 && length != HEADER_LEN {
        faults.note::<()>(Err(cursor.malformed(Kind::Length)));
    }
    let extension = if is_v2 { QueryExtension::parse(cursor, faults) } else { None };
    Query {
        version: if is_v2 { 2 } else { 1 },
        max_response_code: code,
        max_response_ms: if is_v2 { code_of_16_bits(code) } else { code.into() },
        group,
        extension,
    }
}

#[cfg(test)]
mod tests;
