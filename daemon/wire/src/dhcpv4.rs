//! DHCPv4 and BOOTP messages (RFC 2131, 2; RFC 951).
//!
//! An option that breaks a rule never hides another one: it is stepped over by its length and becomes
//! an entry in [`Message::malformed`]. Options that are split over several instances (RFC 3396) or over
//! the `file` and `sname` fields (RFC 2132, 9.3) are read as one.

use std::net::Ipv4Addr;

use arrayvec::ArrayVec;

use crate::{Kind, Malformed, Text, cursor::Cursor, ethernet};

mod options;
mod reader;
pub use options::{ClientFqdn, MessageType, OptionFact, Options, RelayAgent};

/// Octets of the fixed part, up to the magic cookie.
pub const HEADER_LEN: usize = 236;
/// Port of servers and relay agents.
pub const SERVER_PORT: u16 = 67;
/// Port of clients.
pub const CLIENT_PORT: u16 = 68;
/// What begins the options (RFC 2131, 3).
pub const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Most instances of options that are read.
pub const MAX_INSTANCES: usize = 256;
/// Most faults that are kept.
pub const MAX_MALFORMED: usize = 16;
/// Most options that are kept by code and length only.
pub const MAX_OTHER_OPTIONS: usize = 64;

/// A message. The names of the fields are those of RFC 2131, 2.
#[derive(Clone, Debug, PartialEq)]
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
    /// The client's hardware address, filled up to 16 octets.
    pub chaddr: [u8; 16],
    /// Server host name; `None` where options take its place.
    pub sname: Option<Text<'a>>,
    /// Boot file name; `None` where options take its place.
    pub file: Option<Text<'a>>,
    /// Whether the magic cookie was there. Without it the message is BOOTP and has no options.
    pub has_cookie: bool,
    /// The options.
    pub options: Options<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: ArrayVec<Malformed, MAX_MALFORMED>,
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

impl Message<'_> {
    /// The client's MAC address, where its hardware is Ethernet or another IEEE 802 network.
    #[must_use]
    pub fn mac(&self) -> Option<ethernet::Address> {
        if self.hlen != 6 || !matches!(u16::from(self.htype), crate::arp::ETHERNET | crate::arp::IEEE_802) {
            return None;
        }
        self.chaddr.first_chunk().copied().map(ethernet::Address)
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

    fn note(&mut self, malformed: Malformed) {
        if self.malformed.try_push(malformed).is_err() {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

/// Whether one of the ports of a datagram makes its payload a message.
#[inline]
pub(crate) fn is_port(port: u16) -> bool {
    matches!(port, SERVER_PORT | CLIENT_PORT)
}

/// Reads a message from the payload of a UDP datagram. An error when the fixed part is not whole,
/// or is neither request nor reply.
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let start = *cursor;
    let view: &[u8; 28] = cursor.array()?;
    let [op, htype, hlen, hops, x0, x1, x2, x3, s0, s1, f0, f1, addresses @ ..] = *view;
    let [c0, c1, c2, c3, y0, y1, y2, y3, n0, n1, n2, n3, g0, g1, g2, g3] = addresses;
    let op = match op {
        1 => Operation::Request,
        2 => Operation::Reply,
        _ => return Err(start.malformed(Kind::Value)),
    };
    let chaddr: &[u8; 16] = cursor.array()?;
    let sname = field(cursor, SNAME_LEN)?;
    let file = field(cursor, FILE_LEN)?;
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
        chaddr: *chaddr,
        sname: Some(string(sname.rest())),
        file: Some(string(file.rest())),
        has_cookie: false,
        options: Options::default(),
        malformed: ArrayVec::new(),
        omitted: 0,
    };
    if usize::from(hlen) > chaddr.len() {
        message.note(start.malformed(Kind::Length));
    }
    if cursor.rest().starts_with(&COOKIE) {
        cursor.take(COOKIE.len())?;
        message.has_cookie = true;
        reader::read(&mut message, *cursor, file, sname);
    }
    Ok(message)
}

/// A cursor over the next `length` octets.
fn field<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Cursor<'a>, Malformed> {
    let mut field = *cursor;
    cursor.take(length)?;
    field.limit(length)?;
    Ok(field)
}

/// The octets before the first NUL.
fn string(field: &[u8]) -> Text<'_> {
    Text(field.split(|octet| *octet == 0).next().unwrap_or(field))
}

const SNAME_LEN: usize = 64;
const FILE_LEN: usize = 128;

#[cfg(test)]
mod tests;
