//! The options of a message (RFC 2132 and others).

use std::{borrow::Cow, net::Ipv4Addr};

use arrayvec::ArrayVec;

use super::MAX_OTHER_OPTIONS;
use crate::{Kind, Text, registry::registry};

/// Most sub-options of option 82 that are looked at.
pub const MAX_SUB_OPTIONS: usize = 128;
/// Most labels of a domain name (RFC 1035, 2.3.4).
pub const MAX_LABELS: usize = 128;
/// Most octets of a label (RFC 1035, 2.3.4).
pub const MAX_LABEL_LEN: u8 = 63;

/// The options that are read. Texts and identifiers are as they were sent; show them through [`Text`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options<'a> {
    /// 12: host name (RFC 2132, 3.14).
    pub hostname: Option<Cow<'a, [u8]>>,
    /// 50: requested IP address (9.1).
    pub requested_address: Option<Ipv4Addr>,
    /// 51: lease time in seconds, 0xffffffff for ever (9.2).
    pub lease_time: Option<u32>,
    /// 53: message type (9.6).
    pub message_type: Option<MessageType>,
    /// 54: server identifier (9.7).
    pub server_identifier: Option<Ipv4Addr>,
    /// 55: parameter request list (9.8), in the client's order.
    pub parameter_request_list: Option<Cow<'a, [u8]>>,
    /// 57: maximum DHCP message size in octets (9.10).
    pub maximum_message_size: Option<u16>,
    /// 60: vendor class identifier (9.13).
    pub vendor_class: Option<Cow<'a, [u8]>>,
    /// 61: client identifier (9.14): a type, then the identifier.
    pub client_identifier: Option<Cow<'a, [u8]>>,
    /// 81: client FQDN (RFC 4702).
    pub client_fqdn: Option<ClientFqdn<'a>>,
    /// 82: relay agent information (RFC 3046).
    pub relay_agent: Option<RelayAgent<'a>>,
    /// The other options, each once, in the order of their first instance. What they hold is not read.
    pub others: ArrayVec<OptionFact, MAX_OTHER_OPTIONS>,
}

/// That an option was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionFact {
    /// Its code.
    pub code: u8,
    /// Octets of its value, over all instances.
    pub length: u16,
}

registry! {
    /// What a message is (RFC 2132, 9.6; RFC 3203; RFC 4388).
    pub enum MessageType: u8 {
        /// DHCPDISCOVER.
        Discover = 1, "discover";
        /// DHCPOFFER.
        Offer = 2, "offer";
        /// DHCPREQUEST.
        Request = 3, "request";
        /// DHCPDECLINE.
        Decline = 4, "decline";
        /// DHCPACK.
        Ack = 5, "ack";
        /// DHCPNAK.
        Nak = 6, "nak";
        /// DHCPRELEASE.
        Release = 7, "release";
        /// DHCPINFORM.
        Inform = 8, "inform";
        /// DHCPFORCERENEW.
        ForceRenew = 9, "force-renew";
        /// DHCPLEASEQUERY.
        LeaseQuery = 10, "lease-query";
        /// DHCPLEASEUNASSIGNED.
        LeaseUnassigned = 11, "lease-unassigned";
        /// DHCPLEASEUNKNOWN.
        LeaseUnknown = 12, "lease-unknown";
        /// DHCPLEASEACTIVE.
        LeaseActive = 13, "lease-active";
    }
}

/// A Client FQDN option (RFC 4702, 2).
#[derive(Clone, Debug, PartialEq)]
pub struct ClientFqdn<'a>(pub(super) Cow<'a, [u8]>);

impl ClientFqdn<'_> {
    /// The flags: bit 0 S, 1 O, 2 E, 3 N (2.1).
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    /// The domain name as safe text, without a final dot. A name in DNS encoding ends at its first
    /// label that is malformed or compressed.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.0.get(FQDN_HEADER_LEN..).unwrap_or(&[]);
        if self.flags() & 0x04 == 0 {
            let name = Text(name).to_string();
            return name.strip_suffix('.').map(str::to_owned).unwrap_or(name);
        }
        let mut rest = name;
        let labels = std::iter::from_fn(|| {
            let (&length, behind) = rest.split_first()?;
            if length == 0 || length > MAX_LABEL_LEN {
                return None;
            }
            let (label, behind) = behind.split_at_checked(length.into())?;
            rest = behind;
            Some(Text(label).to_string())
        });
        labels.take(MAX_LABELS).collect::<Vec<_>>().join(".")
    }
}

/// A Relay Agent Information option (RFC 3046, 2).
#[derive(Clone, Debug, PartialEq)]
pub struct RelayAgent<'a>(pub(super) Cow<'a, [u8]>);

impl RelayAgent<'_> {
    /// Sub-option 1: agent circuit ID, as it was sent (3.1).
    #[must_use]
    pub fn circuit_id(&self) -> Option<&[u8]> {
        self.sub_option(1)
    }

    /// Sub-option 2: agent remote ID, as it was sent (3.2).
    #[must_use]
    pub fn remote_id(&self) -> Option<&[u8]> {
        self.sub_option(2)
    }

    /// Code and value of each sub-option, up to one that is malformed.
    pub fn sub_options(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.walk().map_while(Result::ok)
    }

    fn sub_option(&self, wanted: u8) -> Option<&[u8]> {
        self.sub_options().find(|(code, _)| *code == wanted).map(|(_, value)| value)
    }

    /// Each sub-option, and at last the one that is malformed.
    pub(super) fn walk(&self) -> impl Iterator<Item = Result<(u8, &[u8]), Kind>> {
        let mut rest: &[u8] = &self.0;
        let step = move || {
            let [code, length, behind @ ..] = rest else {
                let left = !rest.is_empty();
                rest = &[];
                return left.then_some(Err(Kind::Length));
            };
            let Some((value, behind)) = behind.split_at_checked((*length).into()) else {
                rest = &[];
                return Some(Err(Kind::Length));
            };
            rest = behind;
            Some(Ok((*code, value)))
        };
        std::iter::from_fn(step).take(MAX_SUB_OPTIONS)
    }
}

/// Octets of a Client FQDN option before the name: flags and two result codes (RFC 4702, 2).
pub(super) const FQDN_HEADER_LEN: usize = 3;
