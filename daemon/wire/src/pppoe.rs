//! PPP over Ethernet: discovery and session frames (RFC 2516, 4 and 5).
//!
//! A tag that breaks a rule never hides another one: it is stepped over by its length and becomes an
//! entry in [`Discovery::malformed`]. A length field beyond the end of the frame is a fault, and what is
//! there is still read.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{
    Faults, Kind, Malformed, Octets, Text,
    cursor::Cursor,
    ppp::{self, Protocol},
    registry::registry,
};

/// Octets of the header.
pub const HEADER_LEN: usize = 6;
/// Octets of a tag's header: type and length.
pub const TAG_HEADER_LEN: usize = 4;
/// Ethernet type of the discovery stage.
pub const DISCOVERY: u16 = 0x8863;
/// Ethernet type of the session stage.
pub const SESSION: u16 = 0x8864;
/// Most tags of a discovery frame that are read and kept.
pub const MAX_TAGS: usize = 32;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version; 1.
    pub version: u8,
    /// Type; 1.
    #[serde(rename = "type")]
    pub kind: u8,
    /// What the frame does.
    pub code: Code,
    /// The session, which together with both MAC addresses names it; 0 until it has a number.
    pub session: u16,
    /// Octets behind the header.
    pub length: u16,
}

registry! {
    /// What a frame does (IANA PPPoE parameters).
    pub enum Code: u8 {
        /// It carries PPP.
        Session = 0x00, "session";
        /// PADO: an access concentrator offers itself.
        Offer = 0x07, "pado";
        /// PADI: a host looks for access concentrators.
        Initiation = 0x09, "padi";
        /// PADG: a grant of credits (RFC 5578).
        Grant = 0x0a, "padg";
        /// PADC: its response (RFC 5578).
        Credit = 0x0b, "padc";
        /// PADQ: quality of the link (RFC 5578).
        Quality = 0x0c, "padq";
        /// PADR: a host asks one of them for a session.
        Request = 0x19, "padr";
        /// PADS: the session begins.
        Confirmation = 0x65, "pads";
        /// PADT: the session ends.
        Termination = 0xa7, "padt";
        /// PADM: a message for the user.
        Message = 0xd3, "padm";
        /// PADN: a network that can be reached.
        Network = 0xd4, "padn";
    }
}

/// A frame of the discovery stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Discovery<'a> {
    /// The header.
    pub header: Header,
    /// The tags, in the order they were sent, without End-Of-List.
    pub tags: ArrayVec<Tag<'a>, MAX_TAGS>,
    /// What is wrong with the frame, in the order it was found.
    pub malformed: Faults,
}

/// A tag (RFC 2516, 5 and appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tag<'a> {
    /// What it says.
    #[serde(rename = "type")]
    pub kind: TagType,
    /// Octets of the value.
    pub length: u16,
    /// The value.
    pub value: Value<'a>,
}

registry! {
    /// What a tag says (IANA PPPoE parameters).
    pub enum TagType: u16 {
        /// Nothing follows.
        EndOfList = 0x0000, "end-of-list";
        /// The service that is asked for or offered; empty for any.
        ServiceName = 0x0101, "service-name";
        /// The access concentrator.
        AcName = 0x0102, "ac-name";
        /// What a host recognises its answers by.
        HostUniq = 0x0103, "host-uniq";
        /// What an access concentrator recognises its requests by.
        AcCookie = 0x0104, "ac-cookie";
        /// Something of a vendor.
        VendorSpecific = 0x0105, "vendor-specific";
        /// Credits (RFC 5578).
        Credits = 0x0106, "credits";
        /// Metrics of the link (RFC 5578).
        Metrics = 0x0107, "metrics";
        /// Sequence number (RFC 5578).
        SequenceNumber = 0x0108, "sequence-number";
        /// Credit scale factor (RFC 5578).
        CreditScale = 0x0109, "credit-scale-factor";
        /// What a relay recognises a session by.
        RelaySessionId = 0x0110, "relay-session-id";
        /// A URL for the user.
        Hurl = 0x0111, "hurl";
        /// A message for the user.
        Motm = 0x0112, "motm";
        /// Largest PPP payload (RFC 4638).
        MaxPayload = 0x0120, "ppp-max-payload";
        /// A route.
        IpRouteAdd = 0x0121, "ip-route-add";
        /// The service cannot be had.
        ServiceNameError = 0x0201, "service-name-error";
        /// The access concentrator failed.
        AcSystemError = 0x0202, "ac-system-error";
        /// Something failed.
        GenericError = 0x0203, "generic-error";
    }
}

/// The value of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value<'a> {
    /// Text: names, errors, messages.
    Text(Text<'a>),
    /// A number: the largest PPP payload in octets.
    Number(u16),
    /// Something of a vendor.
    Vendor {
        /// IANA enterprise number.
        enterprise: u32,
        /// What the vendor says.
        value: Octets<'a>,
    },
    /// Anything else.
    Octets(Octets<'a>),
}

/// A frame of the session stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The header.
    pub header: Header,
    /// What the frame carries (RFC 1661, 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// What is wrong with the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

impl<'a> Discovery<'a> {
    /// The value of the first tag of a type.
    #[must_use]
    pub fn tag(&self, kind: TagType) -> Option<Value<'a>> {
        self.tags.iter().find(|tag| tag.kind == kind).map(|tag| tag.value)
    }

    fn read_tags(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        for _ in 0..=MAX_TAGS {
            if cursor.is_empty() {
                return Ok(());
            }
            let start = cursor;
            let kind = TagType::from(cursor.u16()?);
            let length = cursor.u16()?;
            if kind == TagType::EndOfList {
                return if length == 0 { Ok(()) } else { Err(start.malformed(Kind::Length)) };
            }
            if self.tags.is_full() {
                return Err(start.malformed(Kind::Limit));
            }
            let value = match cursor.split(length.into()) {
                Ok(value) => value.rest(),
                Err(fault) if fault.kind == Kind::Short => return Err(start.malformed(Kind::Length)),
                Err(fault) => return Err(fault),
            };
            let parsed = Value::parse(kind, value).ok_or_else(|| start.malformed(Kind::Length));
            let value = self.malformed.note(parsed).unwrap_or(Value::Octets(Octets(value)));
            let _ = self.tags.try_push(Tag { kind, length, value });
        }
        Ok(())
    }
}

impl<'a> Value<'a> {
    /// `None` for a length that the type does not have.
    fn parse(kind: TagType, value: &'a [u8]) -> Option<Self> {
        Some(match (kind, value) {
            (
                TagType::ServiceName
                | TagType::AcName
                | TagType::Hurl
                | TagType::Motm
                | TagType::ServiceNameError
                | TagType::AcSystemError
                | TagType::GenericError,
                _,
            ) => Value::Text(Text(value)),
            (TagType::MaxPayload, &[a, b]) => Value::Number(u16::from_be_bytes([a, b])),
            (TagType::VendorSpecific, [a, b, c, d, value @ ..]) => {
                Value::Vendor { enterprise: u32::from_be_bytes([*a, *b, *c, *d]), value: Octets(value) }
            }
            (TagType::MaxPayload | TagType::VendorSpecific, _) => return None,
            _ => Value::Octets(Octets(value)),
        })
    }
}

/// Reads a frame of the discovery stage. What follows its length is padding.
///
/// # Errors
/// [`Malformed`] when the header is not whole, or of another version or type.
pub fn parse_discovery(mut cursor: Cursor<'_>) -> Result<Discovery<'_>, Malformed> {
    let header = parse(&mut cursor)?;
    let mut discovery = Discovery { header, tags: ArrayVec::new(), malformed: Faults::default() };
    discovery.malformed.note(cursor.limit(header.length.into()));
    let result = discovery.read_tags(cursor);
    discovery.malformed.note(result);
    Ok(discovery)
}

/// Reads the header and the PPP protocol of a frame of the session stage, and ends the frame where its
/// length says. Frames of another code than [`Code::Session`] carry no PPP.
///
/// # Errors
/// [`Malformed`] when the header is not whole, or of another version or type.
pub fn parse_session(cursor: &mut Cursor<'_>) -> Result<Session, Malformed> {
    let header = parse(cursor)?;
    let limited = cursor.limit(header.length.into());
    let protocol = match header.code {
        Code::Session => ppp::read_protocol(cursor).map(Some),
        _ => Ok(None),
    };
    let malformed = limited.err().or(protocol.err());
    Ok(Session { header, protocol: protocol.unwrap_or_default(), malformed })
}

/// Reads the header alone.
fn parse(cursor: &mut Cursor<'_>) -> Result<Header, Malformed> {
    let start = *cursor;
    let [first, code, s0, s1, l0, l1] = *cursor.array::<HEADER_LEN>()?;
    let (version, kind) = (first >> 4, first & 0x0f);
    if (version, kind) != (1, 1) {
        return Err(start.malformed(Kind::Version));
    }
    Ok(Header {
        version,
        kind,
        code: Code::from(code),
        session: u16::from_be_bytes([s0, s1]),
        length: u16::from_be_bytes([l0, l1]),
    })
}

#[cfg(test)]
mod tests;
