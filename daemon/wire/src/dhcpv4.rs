//! DHCPv4 and BOOTP messages (RFC 2131, 2; RFC 951).
//!
//! An option that breaks a rule never hides another one: it is stepped over by its length and becomes
//! an entry in [`Message::malformed`], which names the start of its first instance. Options that are
//! split over several instances (RFC 3396) or over the `file` and `sname` fields (RFC 2132, 9.3) are
//! read as one.
//!
//! A device is known from its request alone by [`Options::parameter_request_list`],
//! [`Options::vendor_class`], [`Options::maximum_message_size`], [`Options::user_class`],
//! [`Options::architectures`] and [`Options::order`].

use std::net::Ipv4Addr;

use serde::{Serialize, Serializer};

use crate::{Faults, Kind, Malformed, Octets, Text, cursor::Cursor, ethernet, registry::Named};

mod boot;
mod client;
mod options;
mod reader;
mod relay_agent;
mod value;

pub use boot::{Architecture, ClientMachine, NetworkInterface};
pub use client::{ClientFqdn, ClientIdentifier, UserClass, VendorClass, VendorOptions};
pub use options::{Authentication, MessageType, OptionFact, Options, Route};
pub use relay_agent::{MAX_SUB_OPTIONS, RelayAgent};
pub(crate) use value::is_default;
pub use value::{OptionOctets, OptionText};

/// Octets of the fixed part, up to the magic cookie.
pub const HEADER_LEN: usize = 236;
/// Port of servers and relay agents.
pub const SERVER_PORT: u16 = 67;
/// Port of clients.
pub const CLIENT_PORT: u16 = 68;
/// What begins the options (RFC 2131, 3).
pub const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Hardware type of Ethernet (IANA ARP parameters).
pub const ETHERNET: u16 = 1;
/// Hardware type of IEEE 802 networks, which some stations use for Ethernet.
pub const IEEE_802: u16 = 6;
/// Most instances of options that are read.
pub const MAX_INSTANCES: usize = 256;
/// Most options that are kept by code and length only.
pub const MAX_OTHER_OPTIONS: usize = 64;
/// Most addresses that are kept of an option.
pub const MAX_ADDRESSES: usize = 16;
/// Most domain names that are kept of an option.
pub const MAX_DOMAINS: usize = 16;
/// Most routes that are kept of an option.
pub const MAX_ROUTES: usize = 32;
/// Most user classes that are kept.
pub const MAX_USER_CLASSES: usize = 8;
/// Most vendors that are kept of an option.
pub const MAX_VENDORS: usize = 8;
/// Most sub-options of one vendor that are kept.
pub const MAX_VENDOR_OPTIONS: usize = 16;
/// Most client architectures that are kept.
pub const MAX_ARCHITECTURES: usize = 8;

/// A message. The names of the fields are those of RFC 2131, 2.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message<'a> {
    /// Request or reply.
    pub op: Operation,
    /// Hardware type (IANA ARP parameters).
    pub htype: u8,
    /// Octets of the hardware address.
    pub hlen: u8,
    /// Relay agents passed.
    pub hops: u8,
    /// Transaction.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// Flags; see [`Message::is_broadcast`].
    pub flags: u16,
    /// The client's address, where it has one.
    pub ciaddr: Ipv4Addr,
    /// The address that the client is given.
    pub yiaddr: Ipv4Addr,
    /// The next server of the client's start.
    pub siaddr: Ipv4Addr,
    /// The relay agent; 0.0.0.0 for none.
    pub giaddr: Ipv4Addr,
    /// The client's hardware address.
    pub chaddr: HardwareAddress,
    /// Server host name; `None` where options take its place.
    pub sname: Option<Text<'a>>,
    /// Boot file name; `None` where options take its place.
    pub file: Option<Text<'a>>,
    /// Whether the magic cookie was there. Without it the message is BOOTP and has no options.
    pub has_cookie: bool,
    /// The options.
    pub options: Options<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists.
    pub omitted: u32,
}

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// BOOTREQUEST: from a client.
    Request,
    /// BOOTREPLY: from a server.
    Reply,
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Operation::Request => Named { code: 1, name: "request" },
            Operation::Reply => Named { code: 2, name: "reply" },
        }
        .serialize(serializer)
    }
}

/// The `chaddr` field with the part of it that is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareAddress {
    /// The field, filled up behind the address.
    pub field: [u8; 16],
    /// Octets of the address: `hlen`, but not more than the field has.
    pub length: u8,
}

impl HardwareAddress {
    /// The address.
    #[must_use]
    pub fn octets(&self) -> Octets<'_> {
        Octets(self.field.get(..self.length.into()).unwrap_or(&self.field))
    }
}

impl Serialize for HardwareAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.octets().serialize(serializer)
    }
}

impl Message<'_> {
    /// The client's MAC address, where its hardware is Ethernet or another IEEE 802 network.
    #[must_use]
    pub fn mac(&self) -> Option<ethernet::Address> {
        mac(self.htype.into(), self.chaddr.octets().0)
    }

    /// Whether the client asks for answers by broadcast (RFC 2131, 4.1).
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Whether a relay agent passed the message on.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        !self.giaddr.is_unspecified()
    }
}

/// Whether one of the ports of a datagram makes its payload a message.
#[inline]
pub(crate) fn is_port(port: u16) -> bool {
    matches!(port, SERVER_PORT | CLIENT_PORT)
}

/// Reads a message from the payload of a UDP datagram.
///
/// # Errors
/// When the fixed part is not whole, or is neither request nor reply.
pub fn parse(mut cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let start = cursor;
    let view: &[u8; 28] = cursor.array()?;
    let [op, htype, hlen, hops, x0, x1, x2, x3, s0, s1, f0, f1, addresses @ ..] = *view;
    let [c0, c1, c2, c3, y0, y1, y2, y3, n0, n1, n2, n3, g0, g1, g2, g3] = addresses;
    let op = match op {
        1 => Operation::Request,
        2 => Operation::Reply,
        _ => return Err(start.malformed(Kind::Value)),
    };
    let chaddr: [u8; 16] = *cursor.array()?;
    let sname = cursor.split(SNAME_LEN)?;
    let file = cursor.split(FILE_LEN)?;
    let mut message = Message {
        op,
        htype,
        hlen,
        hops,
        xid: u32::from_be_bytes([x0, x1, x2, x3]),
        secs: u16::from_be_bytes([s0, s1]),
        flags: u16::from_be_bytes([f0, f1]),
        ciaddr: Ipv4Addr::new(c0, c1, c2, c3),
        yiaddr: Ipv4Addr::new(y0, y1, y2, y3),
        siaddr: Ipv4Addr::new(n0, n1, n2, n3),
        giaddr: Ipv4Addr::new(g0, g1, g2, g3),
        chaddr: HardwareAddress { field: chaddr, length: hlen.min(CHADDR_LEN) },
        sname: Some(string(sname.rest())),
        file: Some(string(file.rest())),
        has_cookie: false,
        options: Options::default(),
        malformed: Faults::default(),
        omitted: 0,
    };
    if hlen > CHADDR_LEN {
        message.malformed.note::<()>(Err(start.malformed(Kind::Length)));
    }
    match cursor.array() {
        Ok(&COOKIE) => {
            message.has_cookie = true;
            reader::read(&mut message, cursor, file, sname);
        }
        Err(cut) if cut.kind == Kind::NotCaptured => {
            message.malformed.note::<()>(Err(cut));
        }
        _ => {}
    }
    Ok(message)
}

/// An address of IEEE 802 hardware.
pub(crate) fn mac(hardware_type: u16, address: &[u8]) -> Option<ethernet::Address> {
    let is_ieee_802 = matches!(hardware_type, ETHERNET | IEEE_802);
    address.try_into().ok().filter(|_| is_ieee_802).map(ethernet::Address)
}

/// The octets before the first NUL.
fn string(field: &[u8]) -> Text<'_> {
    Text(field.split(|octet| *octet == 0).next().unwrap_or(field))
}

const CHADDR_LEN: u8 = 16;
const SNAME_LEN: usize = 64;
const FILE_LEN: usize = 128;

#[cfg(test)]
mod tests;
