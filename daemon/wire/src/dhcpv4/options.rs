//! The options of a message (RFC 2132 and others).

use std::{borrow::Cow, net::Ipv4Addr};

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{
    Architecture, ClientFqdn, ClientIdentifier, ClientMachine, MAX_ADDRESSES, MAX_ARCHITECTURES, MAX_DOMAINS,
    MAX_INSTANCES, MAX_OTHER_OPTIONS, MAX_ROUTES, MAX_VENDORS, NetworkInterface, OptionOctets, OptionText,
    RelayAgent, UserClass, VendorClass, VendorOptions, value::is_default,
};
use crate::{Kind, Malformed, cursor::Cursor, domain::Name, registry::registry};

/// The options that are read, by their numbers. Texts and identifiers are as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Options<'a> {
    /// The codes of all instances as they were sent, those in `file` and `sname` last.
    pub order: ArrayVec<u8, MAX_INSTANCES>,
    /// 1: subnet mask (RFC 2132, 3.3).
    #[serde(skip_serializing_if = "is_default")]
    pub subnet_mask: Option<Ipv4Addr>,
    /// 3: routers (3.5).
    #[serde(skip_serializing_if = "is_default")]
    pub routers: ArrayVec<Ipv4Addr, MAX_ADDRESSES>,
    /// 6: domain name servers (3.8).
    #[serde(skip_serializing_if = "is_default")]
    pub dns_servers: ArrayVec<Ipv4Addr, MAX_ADDRESSES>,
    /// 12: host name (3.14).
    #[serde(skip_serializing_if = "is_default")]
    pub hostname: Option<OptionText<'a>>,
    /// 15: domain name (3.17).
    #[serde(skip_serializing_if = "is_default")]
    pub domain_name: Option<OptionText<'a>>,
    /// 26: interface MTU in octets (5.1).
    #[serde(skip_serializing_if = "is_default")]
    pub interface_mtu: Option<u16>,
    /// 28: broadcast address (5.3).
    #[serde(skip_serializing_if = "is_default")]
    pub broadcast_address: Option<Ipv4Addr>,
    /// 42: network time servers (8.3).
    #[serde(skip_serializing_if = "is_default")]
    pub ntp_servers: ArrayVec<Ipv4Addr, MAX_ADDRESSES>,
    /// 43: octets of vendor specific information (8.4).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_specific_length: Option<u16>,
    /// 50: requested IP address (9.1).
    #[serde(skip_serializing_if = "is_default")]
    pub requested_address: Option<Ipv4Addr>,
    /// 51: lease time in seconds, 0xffffffff for ever (9.2).
    #[serde(skip_serializing_if = "is_default")]
    pub lease_time: Option<u32>,
    /// 52: option overload: 1 `file`, 2 `sname`, 3 both hold options (9.3).
    #[serde(skip_serializing_if = "is_default")]
    pub overload: Option<u8>,
    /// 53: message type (9.6).
    #[serde(skip_serializing_if = "is_default")]
    pub message_type: Option<MessageType>,
    /// 54: server identifier (9.7).
    #[serde(skip_serializing_if = "is_default")]
    pub server_identifier: Option<Ipv4Addr>,
    /// 55: parameter request list (9.8), in the client's order.
    #[serde(skip_serializing_if = "is_default")]
    pub parameter_request_list: Option<Cow<'a, [u8]>>,
    /// 56: why a server refuses or a client declines (9.9).
    #[serde(skip_serializing_if = "is_default")]
    pub message: Option<OptionText<'a>>,
    /// 57: maximum DHCP message size in octets (9.10).
    #[serde(skip_serializing_if = "is_default")]
    pub maximum_message_size: Option<u16>,
    /// 58: renewal time T1 in seconds (9.11).
    #[serde(skip_serializing_if = "is_default")]
    pub renewal_time: Option<u32>,
    /// 59: rebinding time T2 in seconds (9.12).
    #[serde(skip_serializing_if = "is_default")]
    pub rebinding_time: Option<u32>,
    /// 60: vendor class identifier (9.13).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_class: Option<OptionText<'a>>,
    /// 61: client identifier (9.14).
    #[serde(skip_serializing_if = "is_default")]
    pub client_identifier: Option<ClientIdentifier<'a>>,
    /// 66: octets of the TFTP server name (9.4).
    #[serde(skip_serializing_if = "is_default")]
    pub tftp_server_name_length: Option<u16>,
    /// 67: octets of the boot file name (9.5).
    #[serde(skip_serializing_if = "is_default")]
    pub bootfile_name_length: Option<u16>,
    /// 77: user class (RFC 3004).
    #[serde(skip_serializing_if = "is_default")]
    pub user_class: Option<UserClass<'a>>,
    /// 81: client FQDN (RFC 4702).
    #[serde(skip_serializing_if = "is_default")]
    pub client_fqdn: Option<ClientFqdn>,
    /// 82: relay agent information (RFC 3046).
    #[serde(skip_serializing_if = "is_default")]
    pub relay_agent: Option<RelayAgent<'a>>,
    /// 90: authentication (RFC 3118).
    #[serde(skip_serializing_if = "is_default")]
    pub authentication: Option<Authentication>,
    /// 93: client system architectures (RFC 4578, 2.1).
    #[serde(skip_serializing_if = "is_default")]
    pub architectures: ArrayVec<Architecture, MAX_ARCHITECTURES>,
    /// 94: client network interface identifier (RFC 4578, 2.2).
    #[serde(skip_serializing_if = "is_default")]
    pub network_interface: Option<NetworkInterface>,
    /// 97: client machine identifier (RFC 4578, 2.3).
    #[serde(skip_serializing_if = "is_default")]
    pub client_machine: Option<ClientMachine<'a>>,
    /// 108: seconds without IPv4, for a client that can do without (RFC 8925, 3.1).
    #[serde(skip_serializing_if = "is_default")]
    pub ipv6_only_wait: Option<u32>,
    /// 114: URI of the captive portal's API (RFC 8910, 2.1).
    #[serde(skip_serializing_if = "is_default")]
    pub captive_portal: Option<OptionText<'a>>,
    /// 116: whether the client may choose a link-local address by itself: 1 (RFC 2563, 2).
    #[serde(skip_serializing_if = "is_default")]
    pub auto_configure: Option<u8>,
    /// 118: subnet selection (RFC 3011).
    #[serde(skip_serializing_if = "is_default")]
    pub subnet_selection: Option<Ipv4Addr>,
    /// 119: domain search list (RFC 3397).
    #[serde(skip_serializing_if = "is_default")]
    pub domain_search: ArrayVec<Name, MAX_DOMAINS>,
    /// 121: classless static routes (RFC 3442).
    #[serde(skip_serializing_if = "is_default")]
    pub routes: ArrayVec<Route, MAX_ROUTES>,
    /// 124: vendor-identifying vendor classes (RFC 3925, 3).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_classes: ArrayVec<VendorClass<'a>, MAX_VENDORS>,
    /// 125: vendor-identifying vendor-specific information (RFC 3925, 4).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_options: ArrayVec<VendorOptions, MAX_VENDORS>,
    /// 145: algorithms of the FORCERENEW nonce (RFC 6704, 3.1.1).
    #[serde(skip_serializing_if = "is_default")]
    pub forcerenew_nonce: Option<OptionOctets<'a>>,
    /// 150: TFTP server addresses (RFC 5859).
    #[serde(skip_serializing_if = "is_default")]
    pub tftp_servers: ArrayVec<Ipv4Addr, MAX_ADDRESSES>,
    /// 161: URL of the device's MUD file (RFC 8520, 10).
    #[serde(skip_serializing_if = "is_default")]
    pub mud_url: Option<OptionText<'a>>,
    /// 249: classless static routes, as Microsoft clients ask for them (MS-DHCPE, 2.2.8).
    #[serde(skip_serializing_if = "is_default")]
    pub microsoft_routes: ArrayVec<Route, MAX_ROUTES>,
    /// The other options, each once, in the order of their first instance. What they hold is not read.
    #[serde(skip_serializing_if = "is_default")]
    pub others: ArrayVec<OptionFact, MAX_OTHER_OPTIONS>,
}

/// That an option was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OptionFact {
    /// Its code.
    pub code: u8,
    /// Octets of its value, over all instances.
    pub length: u16,
}

registry! {
    /// What a message is (RFC 2132, 9.6; RFC 3203; RFC 4388; RFC 6926; RFC 7724).
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
        /// DHCPBULKLEASEQUERY.
        BulkLeaseQuery = 14, "bulk-lease-query";
        /// DHCPLEASEQUERYDONE.
        LeaseQueryDone = 15, "lease-query-done";
        /// DHCPACTIVELEASEQUERY.
        ActiveLeaseQuery = 16, "active-lease-query";
        /// DHCPLEASEQUERYSTATUS.
        LeaseQueryStatus = 17, "lease-query-status";
        /// DHCPTLS.
        Tls = 18, "tls";
    }
}

/// How a message is authenticated (RFC 3118, 2; RFC 8415, 21.11). The secret part is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// The protocol: 0 token, 1 delayed, 2 delayed of DHCPv6, 3 reconfigure key.
    pub protocol: u8,
    /// The algorithm; 1 is HMAC-MD5.
    pub algorithm: u8,
    /// The method of replay detection; 0 is a number that grows.
    pub replay_detection_method: u8,
    /// The replay detection value.
    pub replay_detection: u64,
    /// Octets of the authentication information.
    pub information_length: u16,
}

/// A classless static route (RFC 3442).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The subnet, with zeros behind its prefix.
    pub destination: Ipv4Addr,
    /// Bits of its prefix, 0 to 32.
    pub prefix_len: u8,
    /// The router; 0.0.0.0 for a subnet that is on the link.
    pub router: Ipv4Addr,
}

impl OptionFact {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let code = cursor.u8()?;
        let length = cursor.u8()?;
        cursor.take(length.into())?;
        Ok(OptionFact { code, length: length.into() })
    }
}

impl Authentication {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let &[protocol, algorithm, replay_detection_method] = cursor.array()?;
        let replay_detection = u64::from_be_bytes(*cursor.array()?);
        let information_length = u16::try_from(cursor.wire_remaining()).unwrap_or(u16::MAX);
        cursor.limit(0)?;
        Ok(Authentication {
            protocol,
            algorithm,
            replay_detection_method,
            replay_detection,
            information_length,
        })
    }
}

impl Route {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let start = *cursor;
        let prefix_len = cursor.u8()?;
        if prefix_len > 32 {
            return Err(start.malformed(Kind::Value));
        }
        let significant = cursor.take(prefix_len.div_ceil(8).into())?;
        let mut destination = [0; 4];
        destination.iter_mut().zip(significant).for_each(|(to, from)| *to = *from);
        let router = cursor.u32()?.into();
        Ok(Route { destination: destination.into(), prefix_len, router })
    }
}
