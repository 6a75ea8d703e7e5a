//! The values of attributes.

use std::net::{Ipv4Addr, Ipv6Addr};

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{
    AcctAuthentic, AcctStatusType, AcctTerminateCause, ErrorCause, FramedProtocol, IngressFilters,
    MAX_INSTANCES, MAX_OTHER_ATTRIBUTES, MAX_TUNNELS, MAX_VENDOR_SPECIFIC, NasPortType, ServiceType, Tagging,
    TunnelMediumType, TunnelType, VendorSpecific,
};
use crate::{Octets, Text, eap, ethernet};

/// The attributes of a message. Of those that may occur once, the first one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attributes<'a> {
    /// User-Name (1). Names a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Text<'a>>,
    /// Calling-Station-Id (31): the device of the user, most often by its MAC address. Names a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_station_id: Option<Text<'a>>,
    /// Framed-IP-Address (8): the user's address. Names a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_ip_address: Option<Ipv4Addr>,
    /// Framed-IPv6-Address (168, RFC 6911): the user's addresses. They name a person.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub framed_ipv6_addresses: ArrayVec<Ipv6Addr, MAX_INSTANCES>,
    /// Framed-IPv6-Prefix (97, RFC 3162). They name a person.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub framed_ipv6_prefixes: ArrayVec<Prefix, MAX_INSTANCES>,
    /// Delegated-IPv6-Prefix (123, RFC 4818). They name a person.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub delegated_ipv6_prefixes: ArrayVec<Prefix, MAX_INSTANCES>,
    /// Framed-Interface-Id (96, RFC 3162): the last half of the user's IPv6 address. Names a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_interface_id: Option<Octets<'a>>,

    /// NAS-IP-Address (4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas_ip_address: Option<Ipv4Addr>,
    /// NAS-IPv6-Address (95, RFC 3162).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas_ipv6_address: Option<Ipv6Addr>,
    /// NAS-Identifier (32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas_identifier: Option<Text<'a>>,
    /// NAS-Port (5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas_port: Option<u32>,
    /// NAS-Port-Type (61).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas_port_type: Option<NasPortType>,
    /// NAS-Port-Id (87).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas_port_id: Option<Text<'a>>,
    /// Called-Station-Id (30): the access point or port, often with the name of its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called_station_id: Option<Text<'a>>,

    /// Service-Type (6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_type: Option<ServiceType>,
    /// Framed-Protocol (7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_protocol: Option<FramedProtocol>,
    /// Framed-MTU (12), in octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_mtu: Option<u32>,
    /// Filter-Id (11).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub filter_ids: ArrayVec<Text<'a>, MAX_INSTANCES>,
    /// Class (25): what the server wants repeated in accounting.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub classes: ArrayVec<Octets<'a>, MAX_INSTANCES>,
    /// Session-Timeout (27), in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_timeout: Option<u32>,
    /// Idle-Timeout (28), in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u32>,
    /// Framed-IPv6-Route (99, RFC 3162).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub framed_ipv6_routes: ArrayVec<Text<'a>, MAX_INSTANCES>,
    /// Framed-IPv6-Pool (100, RFC 3162).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_ipv6_pool: Option<Text<'a>>,
    /// Tunnel-Type (64), Tunnel-Medium-Type (65) and Tunnel-Private-Group-ID (81), by their tag (RFC 2868).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub tunnels: ArrayVec<Tunnel<'a>, MAX_TUNNELS>,
    /// Egress-VLANID (56, RFC 4675).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub egress_vlans: ArrayVec<EgressVlan, MAX_INSTANCES>,
    /// Ingress-Filters (57, RFC 4675).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress_filters: Option<IngressFilters>,
    /// Egress-VLAN-Name (58, RFC 4675).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub egress_vlan_names: ArrayVec<EgressVlanName<'a>, MAX_INSTANCES>,
    /// User-Priority-Table (59, RFC 4675): the priority that each of eight becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_priority_table: Option<Octets<'a>>,

    /// Acct-Status-Type (40).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_status_type: Option<AcctStatusType>,
    /// Acct-Delay-Time (41): seconds for which the client has tried to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_delay_time: Option<u32>,
    /// Acct-Input-Octets (42) and, above 32 bits, Acct-Input-Gigawords (52): from the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_input_octets: Option<u64>,
    /// Acct-Output-Octets (43) and, above 32 bits, Acct-Output-Gigawords (53): to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_output_octets: Option<u64>,
    /// Acct-Input-Packets (47).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_input_packets: Option<u32>,
    /// Acct-Output-Packets (48).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_output_packets: Option<u32>,
    /// Acct-Session-Id (44).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_session_id: Option<Text<'a>>,
    /// Acct-Multi-Session-Id (50).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_multi_session_id: Option<Text<'a>>,
    /// Acct-Authentic (45).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_authentic: Option<AcctAuthentic>,
    /// Acct-Session-Time (46), in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_session_time: Option<u32>,
    /// Acct-Terminate-Cause (49).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acct_terminate_cause: Option<AcctTerminateCause>,
    /// Event-Timestamp (55): seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_timestamp: Option<u32>,

    /// The first part of the EAP packet of all EAP-Message attributes (79, RFC 3579). What is in later parts
    /// is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eap: Option<eap::Message<'a>>,
    /// How many EAP-Message attributes the message has.
    pub eap_parts: u32,
    /// Error-Cause (101, RFC 5176).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_cause: Option<ErrorCause>,
    /// Operator-Name (126, RFC 5580).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub operator_names: ArrayVec<OperatorName<'a>, MAX_INSTANCES>,
    /// Vendor-Specific (26).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub vendor_specific: ArrayVec<VendorSpecific, MAX_VENDOR_SPECIFIC>,
    /// The attributes of which nothing but the presence is read.
    pub presence: Presence,
    /// All other attributes, in the order they were sent.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub others: ArrayVec<AttributeFact, MAX_OTHER_ATTRIBUTES>,
    /// How many entries found no room in one of the bounded lists.
    pub omitted: u32,
}

impl Attributes<'_> {
    /// The station of Calling-Station-Id, where that is the MAC address of one, in any of the forms that are in use
    /// (RFC 3580, 3.21): twelve hexadecimal digits, with marks between them or without.
    #[must_use]
    pub fn station(&self) -> Option<ethernet::Address> {
        let id = self.calling_station_id.map(|id| id.0).filter(|id| id.len() <= MAX_STATION_ID)?;
        let mut digits = ArrayVec::<u8, 12>::new();
        for character in id.iter().filter(|c| !b"-:.".contains(c)) {
            digits.try_push(u8::try_from(char::from(*character).to_digit(16)?).ok()?).ok()?;
        }
        let mut octets = [0; 6];
        for (octet, pair) in octets.iter_mut().zip(digits.into_inner().ok()?.chunks_exact(2)) {
            *octet = pair.iter().fold(0, |octet, digit| octet << 4 | digit);
        }
        Some(ethernet::Address(octets)).filter(|station| !station.is_multicast())
    }
}

/// Octets of the longest form of a MAC address, with a mark after each octet but the last.
const MAX_STATION_ID: usize = 17;

/// Which attributes are there of which neither value nor length is read: they hold secrets, what proves the
/// knowledge of one, or what follows a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// User-Password (2).
    pub user_password: bool,
    /// CHAP-Password (3).
    pub chap_password: bool,
    /// Old-Password (17), as it was once assigned.
    pub old_password: bool,
    /// CHAP-Challenge (60).
    pub chap_challenge: bool,
    /// Tunnel-Password (69, RFC 2868).
    pub tunnel_password: bool,
    /// ARAP-Password (70), ARAP-Security-Data (74) or ARAP-Challenge-Response (84) (RFC 2869).
    pub arap: bool,
    /// Message-Authenticator (80, RFC 3579).
    pub message_authenticator: bool,
    /// Chargeable-User-Identity (89, RFC 4372).
    pub chargeable_user_identity: bool,
    /// Digest-Response (103, RFC 5090).
    pub digest_response: bool,
    /// Location-Information, Location-Data, Basic-Location-Policy-Rules, Extended-Location-Policy-Rules,
    /// Location-Capable or Requested-Location-Info (127 to 132, RFC 5580).
    pub location: bool,
}

/// An attribute that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct AttributeFact {
    /// Its type (IANA RADIUS attribute types).
    pub attribute_type: u8,
    /// Its octets, with type and length.
    pub length: u8,
}

/// What a message says about one tunnel, or about the VLAN of a port (RFC 3580, 3.31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tunnel<'a> {
    /// The tag that the attributes have in common; 0 where they have none.
    pub tag: u8,
    /// Tunnel-Type.
    pub tunnel_type: Option<TunnelType>,
    /// Tunnel-Medium-Type.
    pub medium_type: Option<TunnelMediumType>,
    /// Tunnel-Private-Group-ID: for a VLAN, its number or name.
    pub private_group_id: Option<Text<'a>>,
}

/// A VLAN whose frames a port sends (RFC 4675, 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EgressVlan {
    /// Whether with a tag.
    pub tagging: Tagging,
    /// The VLAN identifier, of 12 bits.
    pub vid: u16,
}

/// A VLAN whose frames a port sends, by its name (RFC 4675, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EgressVlanName<'a> {
    /// Whether with a tag.
    pub tagging: Tagging,
    /// The VLAN's name.
    pub name: Text<'a>,
}

/// An IPv6 prefix (RFC 3162, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Prefix {
    /// Leading bits of the prefix that are valid.
    pub prefix_length: u8,
    /// The prefix, filled up with zeros where it was sent shorter.
    pub prefix: Ipv6Addr,
}

/// Who owns an access network (RFC 5580, 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorName<'a> {
    /// What the name is, as a character: 0 TADIG, 1 REALM, 2 E212, 3 ICC.
    pub namespace: Text<'a>,
    /// The name.
    pub name: Text<'a>,
}
