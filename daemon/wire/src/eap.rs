//! Extensible Authentication Protocol (RFC 3748, 4).
//!
//! Of a method only its type is read, and with it the identity of an Identity response and the methods that
//! a Nak asks for. No other octet of an exchange becomes a value.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Faults, Kind, Malformed, Text, addresses::keep, cursor::Cursor, registry::registry};

/// Octets that every packet has: code, identifier and length.
pub const HEADER_LEN: u16 = 4;
/// Most methods of a Nak that are kept.
pub const MAX_DESIRED: usize = 16;

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// What the packet is; Success and Failure are the result of the exchange.
    pub code: Code,
    /// Matches a response with its request.
    pub identifier: u8,
    /// Octets of the packet, as its sender says.
    pub length: u16,
    /// The type of a request or response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Who defined the method, where its type is expanded (5.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expanded: Option<Expanded>,
    /// Whom an Identity response names (5.1), up to a NUL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Text<'a>>,
    /// The methods that a Nak asks for (5.3.1). Type 0 asks for none.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub desired: ArrayVec<Method, MAX_DESIRED>,
    /// The methods that an expanded Nak asks for (5.3.2).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub desired_expanded: ArrayVec<Expanded, MAX_DESIRED>,
    /// What is wrong with the packet, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists.
    pub omitted: u32,
}

/// A method of a vendor (5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Expanded {
    /// The vendor (IANA private enterprise numbers), of 24 bits; 0 for the IETF.
    pub vendor: u32,
    /// The method, within that vendor's.
    pub vendor_type: u32,
}

registry! {
    /// What a packet is (IANA EAP packet codes).
    pub enum Code: u8 {
        /// Request.
        Request = 1, "request";
        /// Response.
        Response = 2, "response";
        /// Success: the peer is authenticated.
        Success = 3, "success";
        /// Failure: the peer is not authenticated.
        Failure = 4, "failure";
        /// Initiate (RFC 6696).
        Initiate = 5, "initiate";
        /// Finish (RFC 6696).
        Finish = 6, "finish";
    }
}

registry! {
    /// The type of a request or response (IANA EAP method types).
    pub enum Method: u8 {
        /// Identity.
        Identity = 1, "identity";
        /// Notification.
        Notification = 2, "notification";
        /// Nak: refuses a method.
        Nak = 3, "nak";
        /// MD5-Challenge.
        Md5Challenge = 4, "md5-challenge";
        /// One-Time Password.
        OneTimePassword = 5, "otp";
        /// Generic Token Card.
        GenericTokenCard = 6, "gtc";
        /// EAP-TLS (RFC 5216).
        Tls = 13, "tls";
        /// Cisco LEAP.
        Leap = 17, "leap";
        /// EAP-SIM (RFC 4186).
        Sim = 18, "sim";
        /// EAP-TTLS (RFC 5281).
        Ttls = 21, "ttls";
        /// EAP-AKA (RFC 4187).
        Aka = 23, "aka";
        /// PEAP.
        Peap = 25, "peap";
        /// Microsoft EAP-MSCHAPv2.
        MsChapV2 = 26, "mschapv2";
        /// EAP-TLV, of PEAP.
        Tlv = 33, "tlv";
        /// Trusted Network Connect.
        Tnc = 38, "tnc";
        /// EAP-FAST (RFC 4851).
        Fast = 43, "fast";
        /// EAP-PAX (RFC 4746).
        Pax = 46, "pax";
        /// EAP-PSK (RFC 4764).
        Psk = 47, "psk";
        /// EAP-SAKE (RFC 4763).
        Sake = 48, "sake";
        /// EAP-IKEv2 (RFC 5106).
        IkeV2 = 49, "ikev2";
        /// EAP-AKA' (RFC 9048).
        AkaPrime = 50, "aka-prime";
        /// EAP-GPSK (RFC 5433).
        Gpsk = 51, "gpsk";
        /// EAP-pwd (RFC 5931).
        Pwd = 52, "pwd";
        /// EAP-EKE (RFC 6124).
        Eke = 53, "eke";
        /// TEAP (RFC 7170).
        Teap = 55, "teap";
        /// EAP-NOOB (RFC 9140).
        Noob = 56, "noob";
        /// Expanded: defined by a vendor.
        Expanded = 254, "expanded";
        /// Experimental.
        Experimental = 255, "experimental";
    }
}

impl Message<'_> {
    /// How the exchange ended, where this packet ends it.
    #[must_use]
    pub fn succeeded(&self) -> Option<bool> {
        match self.code {
            Code::Success => Some(true),
            Code::Failure => Some(false),
            _ => None,
        }
    }
}

/// Reads a packet. Octets behind its length are padding of the layer below and are ignored (4).
///
/// # Errors
/// What is wrong where code, identifier and length are not whole.
pub fn parse<'a>(cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let whole = cursor.wire_remaining();
    parse_part(cursor, whole)
}

/// Reads a packet of `whole` octets, of which the cursor has the first ones. What is in the others is
/// absent and not malformed.
pub(crate) fn parse_part<'a>(mut cursor: Cursor<'a>, whole: usize) -> Result<Message<'a>, Malformed> {
    let start = cursor;
    let is_part = whole > cursor.wire_remaining();
    let [code, identifier, l0, l1] = *cursor.array()?;
    let mut message = Message {
        code: Code::from(code),
        identifier,
        length: u16::from_be_bytes([l0, l1]),
        method: None,
        expanded: None,
        identity: None,
        desired: ArrayVec::new(),
        desired_expanded: ArrayVec::new(),
        malformed: Faults::default(),
        omitted: 0,
    };
    let value = usize::from(message.length).checked_sub(usize::from(HEADER_LEN));
    let is_within = usize::from(message.length) <= whole;
    let Some(value) = value.filter(|_| is_within) else {
        message.malformed.note::<()>(Err(start.malformed(Kind::Length)));
        return Ok(message);
    };
    let limited = cursor.limit(value);
    if !is_part {
        message.malformed.note(limited);
    }
    let result = message.read(&start, cursor, is_part && limited.is_err());
    message.malformed.note(result);
    Ok(message)
}

impl<'a> Message<'a> {
    /// Reads what is behind the length. Where `goes_on`, the packet does so behind the cursor's end.
    fn read(&mut self, start: &Cursor<'a>, mut cursor: Cursor<'a>, goes_on: bool) -> Result<(), Malformed> {
        match self.code {
            Code::Request | Code::Response => {}
            Code::Success | Code::Failure if !cursor.is_empty() => return Err(start.malformed(Kind::Length)),
            _ => return Ok(()),
        }
        let method = Method::from(cursor.u8()?);
        self.method = Some(method);
        match method {
            Method::Identity if self.code == Code::Response && !goes_on => {
                let identity = cursor.take(cursor.wire_remaining())?;
                self.identity = identity.split(|octet| *octet == 0).next().map(Text);
                Ok(())
            }
            Method::Nak if self.code == Code::Response => {
                for desired in cursor.rest() {
                    keep(&mut self.desired, &mut self.omitted, Method::from(*desired));
                }
                cursor.take(cursor.wire_remaining()).map(|_| ())
            }
            Method::Expanded => {
                let expanded = Expanded::parse(&mut cursor)?;
                self.expanded = Some(expanded);
                if self.code == Code::Response && expanded == Expanded::NAK {
                    self.read_desired(cursor)
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// The list of an expanded Nak, whose entries are framed as expanded types.
    fn read_desired(&mut self, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
        for _ in 0..MAX_DESIRED {
            if cursor.is_empty() {
                return Ok(());
            }
            let entry = cursor;
            if Method::from(cursor.u8()?) != Method::Expanded {
                return Err(entry.malformed(Kind::Value));
            }
            keep(&mut self.desired_expanded, &mut self.omitted, Expanded::parse(&mut cursor)?);
        }
        let beyond = cursor.wire_remaining().checked_div(EXPANDED_LEN).unwrap_or(0);
        self.omitted = self.omitted.saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
        Ok(())
    }
}

impl Expanded {
    /// The method with which a peer refuses one that is expanded (5.3.2).
    pub const NAK: Expanded = Expanded { vendor: 0, vendor_type: 3 };

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let [v0, v1, v2] = *cursor.array()?;
        Ok(Expanded { vendor: u32::from_be_bytes([0, v0, v1, v2]), vendor_type: cursor.u32()? })
    }
}

/// Octets of an expanded type: 254, vendor, method.
const EXPANDED_LEN: usize = 8;

#[cfg(test)]
mod tests;
