//! Messages between relay agents and servers (RFC 8415, 9).

use std::net::Ipv6Addr;

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{
    LinkLayer, MAX_OTHER_RELAY_OPTIONS, MAX_RELAY_OPTIONS, MAX_VENDORS, MessageType, OptionFact,
    VendorOptions,
    reader::{RawOption, Tally, address, each, rest},
};
use crate::{Kind, Malformed, Octets, cursor::Cursor, dhcpv4::is_default};

/// What one relay agent wrote around a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Relay<'a> {
    /// Relay-forward or Relay-reply.
    pub message_type: MessageType,
    /// Relay agents that passed the message on before this one.
    pub hop_count: u8,
    /// An address of the link that the client is on; `::` where the agent does not say.
    pub link_address: Ipv6Addr,
    /// From whom the agent had the message, or to whom it goes.
    pub peer_address: Ipv6Addr,
    /// 18: the interface of the agent (21.18).
    #[serde(skip_serializing_if = "is_default")]
    pub interface_id: Option<Octets<'a>>,
    /// 37: remote ID (RFC 4649).
    #[serde(skip_serializing_if = "is_default")]
    pub remote_id: Option<RemoteId<'a>>,
    /// 38: that there is a subscriber ID, and its octets (RFC 4580).
    #[serde(skip_serializing_if = "is_default")]
    pub subscriber_id_length: Option<u16>,
    /// 17: options of vendors (21.17).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_options: ArrayVec<VendorOptions, MAX_VENDORS>,
    /// 79: the client's link-layer address (RFC 6939).
    #[serde(skip_serializing_if = "is_default")]
    pub client_link_layer: Option<LinkLayer<'a>>,
    /// 135: the port that the agent sends from, where it is not 547 (RFC 8357).
    #[serde(skip_serializing_if = "is_default")]
    pub source_port: Option<u16>,
    /// The codes of all options as they were sent, at most [`MAX_RELAY_OPTIONS`].
    pub order: ArrayVec<u16, MAX_RELAY_OPTIONS>,
    /// The other options. What they hold is not read.
    #[serde(skip_serializing_if = "is_default")]
    pub others: ArrayVec<OptionFact, MAX_OTHER_RELAY_OPTIONS>,
}

/// A Relay Agent Remote-ID option (RFC 4649, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RemoteId<'a> {
    /// The vendor that says how the identifier is made (IANA private enterprise numbers).
    pub enterprise: u32,
    /// The identifier.
    pub identifier: Octets<'a>,
}

impl<'a> Relay<'a> {
    /// Reads what is behind the message type, and gives the message that is relayed.
    pub(super) fn read(
        message_type: MessageType,
        mut cursor: Cursor<'a>,
        tally: &mut Tally,
    ) -> Result<(Self, Option<Cursor<'a>>), Malformed> {
        let mut relay = Relay {
            message_type,
            hop_count: cursor.u8()?,
            link_address: address(&mut cursor)?,
            peer_address: address(&mut cursor)?,
            interface_id: None,
            remote_id: None,
            subscriber_id_length: None,
            vendor_options: ArrayVec::new(),
            client_link_layer: None,
            source_port: None,
            order: ArrayVec::new(),
            others: ArrayVec::new(),
        };
        let start = cursor;
        let mut relayed = None;
        let found_all = each(cursor, tally, |option, tally| relay.add(option, &mut relayed, tally));
        if found_all && relayed.is_none() {
            tally.note::<()>(Err(start.malformed(Kind::Missing)));
        }
        Ok((relay, relayed))
    }

    fn add(
        &mut self,
        option: RawOption<'a>,
        relayed: &mut Option<Cursor<'a>>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        tally.push(&mut self.order, option.code);
        match option.code {
            RELAY_MESSAGE if relayed.is_some() => Err(option.start.malformed(Kind::Duplicate)),
            RELAY_MESSAGE => {
                *relayed = Some(option.value);
                Ok(())
            }
            17 => VendorOptions::add(&mut self.vendor_options, option, tally),
            18 => option.field(&mut self.interface_id, |value| rest(value).map(Octets)),
            37 => option.field(&mut self.remote_id, RemoteId::parse),
            38 => option.length_only(&mut self.subscriber_id_length),
            79 => option.field(&mut self.client_link_layer, LinkLayer::parse),
            135 => option.field(&mut self.source_port, Cursor::u16),
            _ => {
                tally.push(&mut self.others, OptionFact::from(option));
                Ok(())
            }
        }
    }
}

impl<'a> RemoteId<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let enterprise = cursor.u32()?;
        Ok(RemoteId { enterprise, identifier: Octets(rest(cursor)?) })
    }
}

const RELAY_MESSAGE: u16 = 9;
