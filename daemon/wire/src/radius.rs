//! RADIUS authentication (RFC 2865), accounting (RFC 2866) and dynamic authorization (RFC 5176), with the
//! attributes of RFC 2868, RFC 2869, RFC 3162, RFC 4675, RFC 4818, RFC 5580 and RFC 6911.
//!
//! Of attributes that hold a secret, or proof of one, only the presence is read, and no authenticator
//! becomes a value. An attribute that breaks a rule never hides another one: it is stepped over by its
//! length and becomes an entry in [`Message::malformed`]. A length below 2, which says nothing of where the
//! next one begins, ends the message.

use serde::Serialize;

use crate::{Faults, Kind, Malformed, cursor::Cursor, registry::registry};

mod attributes;
mod codes;
mod reader;
mod vendor;

pub use attributes::{
    AttributeFact, Attributes, EgressVlan, EgressVlanName, OperatorName, Prefix, Presence, Tunnel,
};
pub use codes::{
    AcctAuthentic, AcctStatusType, AcctTerminateCause, ErrorCause, FramedProtocol, IngressFilters,
    NasPortType, ServiceType, Tagging, TunnelMediumType, TunnelType,
};
pub use vendor::{SubAttribute, Vendor, VendorSpecific};

/// Octets of the header: code, identifier, length and authenticator (RFC 2865, 3).
pub const HEADER_LEN: usize = 20;
/// Most octets of a message (RFC 2865, 3).
pub const MAX_LEN: usize = 4096;
/// UDP port of authentication (RFC 2865, 3).
pub const AUTHENTICATION_PORT: u16 = 1812;
/// UDP port of accounting (RFC 2866, 3).
pub const ACCOUNTING_PORT: u16 = 1813;
/// UDP port of dynamic authorization (RFC 5176, 2.3).
pub const DYNAMIC_AUTHORIZATION_PORT: u16 = 3799;
/// UDP ports in use before the others were assigned: authentication and accounting (RFC 2865, 3), and
/// dynamic authorization.
pub const EARLIER_PORTS: [u16; 3] = [1645, 1646, 1700];
/// Most attributes of a message that are read: those that a message has room for.
pub const MAX_ATTRIBUTES: usize = 2038;
/// Most instances that are kept of each attribute that may occur several times.
pub const MAX_INSTANCES: usize = 8;
/// Most tunnels that are kept.
pub const MAX_TUNNELS: usize = 8;
/// Most Vendor-Specific attributes that are kept.
pub const MAX_VENDOR_SPECIFIC: usize = 24;
/// Most sub-attributes of a Vendor-Specific attribute that are kept.
pub const MAX_SUB_ATTRIBUTES: usize = 8;
/// Most attributes that are kept by type and length only.
pub const MAX_OTHER_ATTRIBUTES: usize = 64;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// What the message is.
    pub code: Code,
    /// Matches a reply with its request.
    pub identifier: u8,
    /// Octets of the message, as its sender says.
    pub length: u16,
    /// The attributes.
    pub attributes: Attributes<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
}

registry! {
    /// What a message is (IANA RADIUS packet type codes).
    pub enum Code: u8 {
        /// Access-Request.
        AccessRequest = 1, "access-request";
        /// Access-Accept.
        AccessAccept = 2, "access-accept";
        /// Access-Reject.
        AccessReject = 3, "access-reject";
        /// Accounting-Request.
        AccountingRequest = 4, "accounting-request";
        /// Accounting-Response.
        AccountingResponse = 5, "accounting-response";
        /// Accounting-Status (RFC 2882).
        AccountingStatus = 6, "accounting-status";
        /// Password-Request (RFC 2882).
        PasswordRequest = 7, "password-request";
        /// Password-Ack (RFC 2882).
        PasswordAck = 8, "password-ack";
        /// Password-Reject (RFC 2882).
        PasswordReject = 9, "password-reject";
        /// Accounting-Message (RFC 2882).
        AccountingMessage = 10, "accounting-message";
        /// Access-Challenge.
        AccessChallenge = 11, "access-challenge";
        /// Status-Server (RFC 5997).
        StatusServer = 12, "status-server";
        /// Status-Client.
        StatusClient = 13, "status-client";
        /// Disconnect-Request (RFC 5176).
        DisconnectRequest = 40, "disconnect-request";
        /// Disconnect-ACK.
        DisconnectAck = 41, "disconnect-ack";
        /// Disconnect-NAK.
        DisconnectNak = 42, "disconnect-nak";
        /// CoA-Request (RFC 5176).
        CoaRequest = 43, "coa-request";
        /// CoA-ACK.
        CoaAck = 44, "coa-ack";
        /// CoA-NAK.
        CoaNak = 45, "coa-nak";
        /// Protocol-Error (RFC 7930).
        ProtocolError = 52, "protocol-error";
    }
}

/// Whether one of the ports of a datagram makes its payload a message.
#[inline]
#[must_use]
pub fn is_port(port: u16) -> bool {
    matches!(port, AUTHENTICATION_PORT | ACCOUNTING_PORT | DYNAMIC_AUTHORIZATION_PORT)
        || EARLIER_PORTS.contains(&port)
}

/// Reads a message from the payload of a UDP datagram. Octets behind its length are padding and are
/// ignored (RFC 2865, 3).
///
/// # Errors
/// What is wrong where code, identifier and length are not captured or the header is not whole.
pub fn parse<'a>(mut cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let start = cursor;
    if cursor.wire_remaining() < HEADER_LEN {
        return Err(start.malformed(Kind::Short));
    }
    let [code, identifier, l0, l1] = *cursor.array()?;
    let length = u16::from_be_bytes([l0, l1]);
    let mut malformed = Faults::default();
    let behind = usize::from(length).checked_sub(HEADER_LEN);
    if behind.is_none() || usize::from(length) > MAX_LEN {
        malformed.note::<()>(Err(start.malformed(Kind::Length)));
    }
    let mut attributes = Attributes::default();
    // The kernel filter keeps no more than what was read up to here, unless a rule asks for attributes.
    if malformed.note(cursor.take(AUTHENTICATOR_LEN)).is_some() {
        malformed.note(cursor.limit(behind.unwrap_or(0)).map_err(|_| start.malformed(Kind::Length)));
        attributes = reader::read(cursor, &mut malformed);
    }
    Ok(Message { code: Code::from(code), identifier, length, attributes, malformed })
}

const AUTHENTICATOR_LEN: usize = 16;

#[cfg(test)]
mod tests;
