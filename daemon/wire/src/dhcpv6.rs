//! DHCPv6 messages (RFC 8415, 8 and 9), with those of leasequery (RFC 5007, RFC 5460, RFC 7653),
//! DHCPv4 over DHCPv6 (RFC 7341) and address registration (RFC 9686).
//!
//! An option that breaks a rule never hides another one: it is stepped over by its length and becomes
//! an entry in [`Message::malformed`]. What was read before the fault stays. Of an option whose capture
//! was cut, that is read which was captured.
//!
//! A device is known from its request alone by [`Options::request_list`], [`Options::vendor_classes`],
//! [`Options::user_classes`], [`Options::architectures`] and [`Options::order`].

use std::net::Ipv6Addr;

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Faults, Kind, Malformed, cursor::Cursor, ethernet, registry::registry};

mod association;
mod duid;
mod options;
mod reader;
mod relay;
mod status;

pub use association::{Association, AssociationKind, LeasedAddress, LeasedPrefix};
pub use duid::{Duid, DuidKind, LinkLayer, MAX_DUID_LEN};
pub use options::{ClientFqdn, NtpServer, OptionFact, Options, VendorClass, VendorOptions};
pub use relay::{Relay, RemoteId};
pub use status::{Status, StatusCode};

use reader::{Tally, each};

/// Octets before the options of a message between client and server (8).
pub const HEADER_LEN: usize = 4;
/// Octets before the options of a message between relay agents and servers (9).
pub const RELAY_HEADER_LEN: usize = 34;
/// Port of clients (7.2).
pub const CLIENT_PORT: u16 = 546;
/// Port of servers and relay agents (7.2).
pub const SERVER_PORT: u16 = 547;
/// Most relay agents of a message that are followed. HOP_COUNT_LIMIT (7.6) is 8.
pub const MAX_RELAYS: usize = 8;
/// Most options of a message, of a relay agent or within an option that are read.
pub const MAX_OPTIONS: usize = 128;
/// Most options of a message that are kept by code and length only.
pub const MAX_OTHER_OPTIONS: usize = 64;
/// Most options of one relay agent that are kept by code only.
pub const MAX_RELAY_OPTIONS: usize = 16;
/// Most options of one relay agent that are kept by code and length only.
pub const MAX_OTHER_RELAY_OPTIONS: usize = 8;
/// Most identity associations that are kept.
pub const MAX_ASSOCIATIONS: usize = 8;
/// Most addresses, and most prefixes, of one identity association that are kept.
pub const MAX_LEASES: usize = 8;
/// Most other options within one identity association that are kept.
pub const MAX_OTHER_ASSOCIATION_OPTIONS: usize = 4;
/// Most options that a client asks for that are kept.
pub const MAX_REQUESTED: usize = 128;
/// Most addresses of an option that are kept.
pub const MAX_ADDRESSES: usize = 16;
/// Most domain names of an option that are kept.
pub const MAX_DOMAINS: usize = 16;
/// Most user classes, and most classes of one vendor, that are kept.
pub const MAX_CLASSES: usize = 8;
/// Most vendors that are kept, of classes and of options.
pub const MAX_VENDORS: usize = 4;
/// Most options of one vendor that are kept.
pub const MAX_VENDOR_OPTIONS: usize = 16;
/// Most client architectures that are kept.
pub const MAX_ARCHITECTURES: usize = 8;
/// Most time sources of all NTP Server options that are kept.
pub const MAX_NTP_SERVERS: usize = 8;

/// A message, without the relay agents that passed it on around it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message<'a> {
    /// The relay agents, outermost first: the one nearest to the server is the first.
    pub relays: ArrayVec<Relay<'a>, MAX_RELAYS>,
    /// What the innermost message is. A Relay-forward or Relay-reply where what it passes on is absent,
    /// malformed or beyond [`MAX_RELAYS`].
    pub message_type: MessageType,
    /// Transaction, of 24 bits (8); `None` where [`Message::flags`] take its place.
    pub transaction_id: Option<u32>,
    /// Flags of DHCPv4 over DHCPv6 (RFC 7341, 6.1), of 24 bits; the highest one says that the DHCPv4
    /// message would have been sent to one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// The options of the innermost message.
    pub options: Options<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists.
    pub omitted: u32,
}

registry! {
    /// What a message is (IANA DHCPv6 message types; RFC 8415, 7.3).
    pub enum MessageType: u8 {
        /// SOLICIT.
        Solicit = 1, "solicit";
        /// ADVERTISE.
        Advertise = 2, "advertise";
        /// REQUEST.
        Request = 3, "request";
        /// CONFIRM.
        Confirm = 4, "confirm";
        /// RENEW.
        Renew = 5, "renew";
        /// REBIND.
        Rebind = 6, "rebind";
        /// REPLY.
        Reply = 7, "reply";
        /// RELEASE.
        Release = 8, "release";
        /// DECLINE.
        Decline = 9, "decline";
        /// RECONFIGURE.
        Reconfigure = 10, "reconfigure";
        /// INFORMATION-REQUEST.
        InformationRequest = 11, "information-request";
        /// RELAY-FORW.
        RelayForward = 12, "relay-forward";
        /// RELAY-REPL.
        RelayReply = 13, "relay-reply";
        /// LEASEQUERY (RFC 5007).
        LeaseQuery = 14, "lease-query";
        /// LEASEQUERY-REPLY (RFC 5007).
        LeaseQueryReply = 15, "lease-query-reply";
        /// LEASEQUERY-DONE (RFC 5460).
        LeaseQueryDone = 16, "lease-query-done";
        /// LEASEQUERY-DATA (RFC 5460).
        LeaseQueryData = 17, "lease-query-data";
        /// RECONFIGURE-REQUEST (RFC 6977).
        ReconfigureRequest = 18, "reconfigure-request";
        /// RECONFIGURE-REPLY (RFC 6977).
        ReconfigureReply = 19, "reconfigure-reply";
        /// DHCPV4-QUERY (RFC 7341).
        Dhcpv4Query = 20, "dhcpv4-query";
        /// DHCPV4-RESPONSE (RFC 7341).
        Dhcpv4Response = 21, "dhcpv4-response";
        /// ACTIVELEASEQUERY (RFC 7653).
        ActiveLeaseQuery = 22, "active-lease-query";
        /// STARTTLS (RFC 7653).
        StartTls = 23, "start-tls";
        /// BNDUPD (RFC 8156).
        BindingUpdate = 24, "binding-update";
        /// BNDREPLY (RFC 8156).
        BindingReply = 25, "binding-reply";
        /// POOLREQ (RFC 8156).
        PoolRequest = 26, "pool-request";
        /// POOLRESP (RFC 8156).
        PoolResponse = 27, "pool-response";
        /// UPDREQ (RFC 8156).
        UpdateRequest = 28, "update-request";
        /// UPDREQALL (RFC 8156).
        UpdateRequestAll = 29, "update-request-all";
        /// UPDDONE (RFC 8156).
        UpdateDone = 30, "update-done";
        /// CONNECT (RFC 8156).
        Connect = 31, "connect";
        /// CONNECTREPLY (RFC 8156).
        ConnectReply = 32, "connect-reply";
        /// DISCONNECT (RFC 8156).
        Disconnect = 33, "disconnect";
        /// STATE (RFC 8156).
        State = 34, "state";
        /// CONTACT (RFC 8156).
        Contact = 35, "contact";
        /// ADDR-REG-INFORM (RFC 9686).
        AddressRegistrationInform = 36, "address-registration-inform";
        /// ADDR-REG-REPLY (RFC 9686).
        AddressRegistrationReply = 37, "address-registration-reply";
    }
}

impl MessageType {
    /// Whether a relay agent writes it around another message.
    #[must_use]
    pub fn is_relayed(self) -> bool {
        matches!(self, MessageType::RelayForward | MessageType::RelayReply)
    }
}

impl Message<'_> {
    /// Whether a relay agent passed the message on.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        !self.relays.is_empty()
    }

    /// The address of the client that the relay agent nearest to it saw.
    #[must_use]
    pub fn client_address(&self) -> Option<Ipv6Addr> {
        self.relays.last().map(|relay| relay.peer_address)
    }

    /// The MAC address of the client that relay agents saw: what they say themselves (RFC 6939), else that in the
    /// client's link-local address (RFC 4291, appendix A).
    #[must_use]
    pub fn client_mac(&self) -> Option<ethernet::Address> {
        let by_agent = self.relays.iter().rev().find_map(|relay| relay.client_link_layer.as_ref()?.mac);
        by_agent.or_else(|| {
            let address = self.client_address().filter(Ipv6Addr::is_unicast_link_local)?;
            let [_, _, _, _, _, _, _, _, a, b, c, 0xff, 0xfe, d, e, f] = address.octets() else {
                return None;
            };
            Some(ethernet::Address([a ^ 0x02, b, c, d, e, f]))
        })
    }
}

/// Whether one of the ports of a datagram makes its payload a message.
#[inline]
#[must_use]
pub fn is_port(port: u16) -> bool {
    matches!(port, CLIENT_PORT | SERVER_PORT)
}

/// Reads a message from the payload of a UDP datagram.
///
/// # Errors
/// When the part before the options of the outermost message is not whole.
pub fn parse(cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let mut tally = Tally::default();
    let mut message = Message {
        relays: ArrayVec::new(),
        message_type: MessageType::Unknown(0),
        transaction_id: None,
        flags: None,
        options: Options::default(),
        malformed: Faults::default(),
        omitted: 0,
    };
    // What is relayed is looked at once per entry of `relays`, so MAX_RELAYS times at most.
    let mut relayed = message.read_level(cursor, &mut tally)?;
    while let Some(inner) = relayed {
        let result = message.read_level(inner, &mut tally);
        relayed = tally.note(result).flatten();
    }
    message.malformed = tally.faults;
    message.omitted = tally.omitted;
    Ok(message)
}

impl<'a> Message<'a> {
    /// Reads the outermost message that is left, and gives what it relays.
    fn read_level(
        &mut self,
        mut cursor: Cursor<'a>,
        tally: &mut Tally,
    ) -> Result<Option<Cursor<'a>>, Malformed> {
        let start = cursor;
        let message_type = MessageType::from(cursor.u8()?);
        if message_type.is_relayed() {
            if self.relays.is_full() {
                self.message_type = message_type;
                return Err(start.malformed(Kind::Limit));
            }
            let (relay, relayed) = Relay::read(message_type, cursor, tally)?;
            self.message_type = message_type;
            self.relays.push(relay);
            return Ok(relayed);
        }
        let &[high, middle, low] = cursor.array()?;
        let number = Some(u32::from_be_bytes([0, high, middle, low]));
        self.message_type = message_type;
        match message_type {
            MessageType::Dhcpv4Query | MessageType::Dhcpv4Response => self.flags = number,
            _ => self.transaction_id = number,
        }
        each(cursor, tally, |option, tally| self.options.read(option, tally));
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
