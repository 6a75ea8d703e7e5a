//! IPv6 Neighbor Discovery (RFC 4861, 4), with the options of RFC 3971, RFC 4191, RFC 5175, RFC 6275,
//! RFC 8106, RFC 8781 and RFC 8910.
//!
//! An option that breaks a rule never hides another one: it is stepped over by its length and becomes an
//! entry in [`Message::malformed`]. An option of length 0, which says nothing of where the next one
//! begins, ends the message.

use std::net::Ipv6Addr;

use serde::Serialize;

use crate::{Faults, Kind, Malformed, cursor::Cursor, registry::registry};

mod name;
mod options;
mod reader;

pub use name::{MAX_LABEL_LEN, MAX_LABELS, MAX_NAME_LEN, Name};
pub use options::{
    DnsServers, HomeAgentInformation, LinkLayerAddress, OptionFact, OptionType, Options, Pref64,
    PrefixInformation, RouteInformation, SearchList,
};

/// Octets that every message has.
pub const HEADER_LEN: usize = 8;
/// Octets in the unit of an option's length (4.6).
pub const OPTION_UNIT: u16 = 8;
/// Most options of a message that are read.
pub const MAX_OPTIONS: usize = 256;
/// Most prefixes that are kept.
pub const MAX_PREFIXES: usize = 16;
/// Most routes that are kept.
pub const MAX_ROUTES: usize = 16;
/// Most lists of DNS servers, and most lists of search domains, that are kept.
pub const MAX_DNS_LISTS: usize = 8;
/// Most domains of one list that are kept.
pub const MAX_DOMAINS: usize = 8;
/// Most NAT64 prefixes that are kept.
pub const MAX_PREF64: usize = 8;
/// Most options that are kept by type and length only.
pub const MAX_OTHER_OPTIONS: usize = 32;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// What the message is.
    pub message_type: MessageType,
    /// The ICMPv6 code, which is 0.
    pub code: u8,
    /// The fields before the options.
    pub body: Body,
    /// The options.
    pub options: Options<'a>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
}

registry! {
    /// What a message is (IANA ICMPv6 types).
    pub enum MessageType: u8 {
        /// Router Solicitation (4.1).
        RouterSolicitation = 133, "router-solicitation";
        /// Router Advertisement (4.2).
        RouterAdvertisement = 134, "router-advertisement";
        /// Neighbor Solicitation (4.3).
        NeighborSolicitation = 135, "neighbor-solicitation";
        /// Neighbor Advertisement (4.4).
        NeighborAdvertisement = 136, "neighbor-advertisement";
        /// Redirect (4.5).
        Redirect = 137, "redirect";
    }
}

/// The fields of a message before its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A Router Solicitation has none.
    RouterSolicitation,
    /// Of a Router Advertisement.
    RouterAdvertisement(RouterAdvertisement),
    /// Of a Neighbor Solicitation.
    NeighborSolicitation {
        /// The address that is asked for.
        target: Ipv6Addr,
    },
    /// Of a Neighbor Advertisement.
    NeighborAdvertisement(NeighborAdvertisement),
    /// Of a Redirect.
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The destination that is redirected.
        destination: Ipv6Addr,
    },
}

/// What a router says about the link (4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RouterAdvertisement {
    /// Hop limit for packets that are sent; 0 where the router says none.
    pub current_hop_limit: u8,
    /// M: addresses are available by DHCPv6.
    pub managed: bool,
    /// O: other configuration is available by DHCPv6.
    pub other_configuration: bool,
    /// H: the router is a home agent (RFC 6275, 7.1).
    pub home_agent: bool,
    /// Prf: how much this router is preferred (RFC 4191, 2.2).
    pub preference: Preference,
    /// P: the router is an ND proxy (RFC 4389, 4.1.3.3).
    pub proxy: bool,
    /// Seconds for which this is a default router; 0 where it is none.
    pub router_lifetime: u16,
    /// Milliseconds for which a neighbour is reachable after it confirmed so; 0 where the router says none.
    pub reachable_time: u32,
    /// Milliseconds between Neighbor Solicitations; 0 where the router says none.
    pub retrans_timer: u32,
}

/// Where a neighbour's address is (4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NeighborAdvertisement {
    /// R: the sender is a router.
    pub router: bool,
    /// S: the answer to a Neighbor Solicitation.
    pub solicited: bool,
    /// O: replaces the link-layer address that is known.
    pub r#override: bool,
    /// The address that is advertised.
    pub target: Ipv6Addr,
}

registry! {
    /// How much a router or route is preferred (RFC 4191, 2.1).
    pub enum Preference: u8 {
        /// Medium.
        Medium = 0, "medium";
        /// High.
        High = 1, "high";
        /// Reserved; treated as medium in a Router Advertisement.
        Reserved = 2, "reserved";
        /// Low.
        Low = 3, "low";
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
/// What is wrong where the fields before the options are not whole; [`Kind::Value`] where [`is_type`] is
/// not true of the type.
pub fn parse<'a>(mut cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let start = cursor;
    let [message_type, code, _, _] = *cursor.array()?;
    let message_type = MessageType::from(message_type);
    let mut malformed = Faults::default();
    if code != 0 {
        malformed.note::<()>(Err(start.malformed(Kind::Value)));
    }
    let body = match message_type {
        MessageType::RouterSolicitation => cursor.u32().map(|_| Body::RouterSolicitation),
        MessageType::RouterAdvertisement => {
            RouterAdvertisement::parse(&mut cursor).map(Body::RouterAdvertisement)
        }
        MessageType::NeighborSolicitation => cursor
            .u32()
            .and_then(|_| address(&mut cursor))
            .map(|target| Body::NeighborSolicitation { target }),
        MessageType::NeighborAdvertisement => {
            NeighborAdvertisement::parse(&mut cursor).map(Body::NeighborAdvertisement)
        }
        MessageType::Redirect => cursor.u32().and_then(|_| {
            let target = address(&mut cursor)?;
            Ok(Body::Redirect { target, destination: address(&mut cursor)? })
        }),
        MessageType::Unknown(_) => Err(start.malformed(Kind::Value)),
    }?;
    if body.group().is_some_and(|address| address.is_multicast()) {
        malformed.note::<()>(Err(start.malformed(Kind::Value)));
    }
    let options = reader::read(cursor, &mut malformed);
    Ok(Message { message_type, code, body, options, malformed })
}

impl Body {
    /// The address that may not be a multicast address (7.1.1, 7.1.2, 8.1).
    fn group(&self) -> Option<Ipv6Addr> {
        match self {
            Body::NeighborSolicitation { target } => Some(*target),
            Body::NeighborAdvertisement(advertisement) => Some(advertisement.target),
            Body::Redirect { destination, .. } => Some(*destination),
            Body::RouterSolicitation | Body::RouterAdvertisement(_) => None,
        }
    }
}

impl RouterAdvertisement {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let [current_hop_limit, flags, l0, l1] = *cursor.array()?;
        Ok(RouterAdvertisement {
            current_hop_limit,
            managed: flags & 0x80 != 0,
            other_configuration: flags & 0x40 != 0,
            home_agent: flags & 0x20 != 0,
            preference: preference(flags),
            proxy: flags & 0x04 != 0,
            router_lifetime: u16::from_be_bytes([l0, l1]),
            reachable_time: cursor.u32()?,
            retrans_timer: cursor.u32()?,
        })
    }
}

impl NeighborAdvertisement {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let [flags, _, _, _] = *cursor.array()?;
        Ok(NeighborAdvertisement {
            router: flags & 0x80 != 0,
            solicited: flags & 0x40 != 0,
            r#override: flags & 0x20 != 0,
            target: address(cursor)?,
        })
    }
}

/// The preference, which is in the same bits of a Router Advertisement and of a Route Information option.
fn preference(flags: u8) -> Preference {
    Preference::from(flags >> 3 & 0x03)
}

fn address(cursor: &mut Cursor<'_>) -> Result<Ipv6Addr, Malformed> {
    cursor.array().map(|octets: &[u8; 16]| Ipv6Addr::from(*octets))
}

#[cfg(test)]
mod tests;
