//! The values of options.

use std::{fmt, net::Ipv6Addr};

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

use super::{
    MAX_DNS_LISTS, MAX_DOMAINS, MAX_OTHER_OPTIONS, MAX_PREF64, MAX_PREFIXES, MAX_ROUTES, Name, Preference,
};
use crate::{Addresses, Octets, Text, ethernet, registry::registry};

/// The options of a message. Of options that may occur once, the first one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Options<'a> {
    /// Source Link-Layer Address (RFC 4861, 4.6.1): the sender's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_link_layer_address: Option<LinkLayerAddress<'a>>,
    /// Target Link-Layer Address (RFC 4861, 4.6.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_link_layer_address: Option<LinkLayerAddress<'a>>,
    /// Prefix Information (RFC 4861, 4.6.2).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub prefixes: ArrayVec<PrefixInformation, MAX_PREFIXES>,
    /// Redirected Header (RFC 4861, 4.6.3): octets of the packet that it holds. They are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirected_header: Option<u16>,
    /// MTU (RFC 4861, 4.6.4), in octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Advertisement Interval (RFC 6275, 7.3), in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertisement_interval: Option<u32>,
    /// Home Agent Information (RFC 6275, 7.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_agent_information: Option<HomeAgentInformation>,
    /// Nonce (RFC 3971, 5.3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Octets<'a>>,
    /// Route Information (RFC 4191, 2.3).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub routes: ArrayVec<RouteInformation, MAX_ROUTES>,
    /// Recursive DNS Server (RFC 8106, 5.1).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub dns_servers: ArrayVec<DnsServers<'a>, MAX_DNS_LISTS>,
    /// DNS Search List (RFC 8106, 5.2).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub search_lists: ArrayVec<SearchList<'a>, MAX_DNS_LISTS>,
    /// RA Flags Extension (RFC 5175, 4): the 48 bits, the first one being the highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags_extension: Option<u64>,
    /// Captive Portal (RFC 8910, 2.3): the URI of its API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captive_portal: Option<Text<'a>>,
    /// PREF64 (RFC 8781, 4).
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub pref64: ArrayVec<Pref64, MAX_PREF64>,
    /// The options that are not read, in the order they were sent.
    #[serde(skip_serializing_if = "ArrayVec::is_empty")]
    pub others: ArrayVec<OptionFact, MAX_OTHER_OPTIONS>,
    /// How many entries found no room in one of the bounded lists.
    pub omitted: u32,
}

impl Options<'_> {
    /// Whether an option that is not read is there, as far as [`Options::others`] has room.
    #[must_use]
    pub fn has(&self, option_type: OptionType) -> bool {
        self.others.iter().any(|other| other.option_type == option_type)
    }
}

/// An option that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OptionFact {
    /// Its type.
    pub option_type: OptionType,
    /// Its octets, with type and length.
    pub length: u16,
}

registry! {
    /// What an option is (IANA IPv6 Neighbor Discovery option formats).
    pub enum OptionType: u8 {
        /// Source Link-layer Address.
        SourceLinkLayerAddress = 1, "source-link-layer-address";
        /// Target Link-layer Address.
        TargetLinkLayerAddress = 2, "target-link-layer-address";
        /// Prefix Information.
        PrefixInformation = 3, "prefix-information";
        /// Redirected Header.
        RedirectedHeader = 4, "redirected-header";
        /// MTU.
        Mtu = 5, "mtu";
        /// Advertisement Interval.
        AdvertisementInterval = 7, "advertisement-interval";
        /// Home Agent Information.
        HomeAgentInformation = 8, "home-agent-information";
        /// CGA (RFC 3971, 5.1). Not read.
        Cga = 11, "cga";
        /// RSA Signature (RFC 3971, 5.2). Not read.
        RsaSignature = 12, "rsa-signature";
        /// Timestamp (RFC 3971, 5.3.1). Not read.
        Timestamp = 13, "timestamp";
        /// Nonce.
        Nonce = 14, "nonce";
        /// Trust Anchor (RFC 3971, 6.4.3). Not read.
        TrustAnchor = 15, "trust-anchor";
        /// Certificate (RFC 3971, 6.4.4). Not read.
        Certificate = 16, "certificate";
        /// Route Information.
        RouteInformation = 24, "route-information";
        /// Recursive DNS Server.
        RecursiveDnsServer = 25, "recursive-dns-server";
        /// RA Flags Extension.
        FlagsExtension = 26, "ra-flags-extension";
        /// DNS Search List.
        DnsSearchList = 31, "dns-search-list";
        /// Address Registration of 6LoWPAN (RFC 6775, 4.1). Not read.
        AddressRegistration = 33, "address-registration";
        /// Context of 6LoWPAN (RFC 6775, 4.2). Not read.
        LowpanContext = 34, "6lowpan-context";
        /// Authoritative Border Router of 6LoWPAN (RFC 6775, 4.3). Not read.
        AuthoritativeBorderRouter = 35, "authoritative-border-router";
        /// 6LoWPAN Capability Indication (RFC 7400, 3.3). Not read.
        LowpanCapability = 36, "6lowpan-capability";
        /// Captive Portal.
        CaptivePortal = 37, "captive-portal";
        /// PREF64.
        Pref64 = 38, "pref64";
        /// Encrypted DNS (RFC 9463, 6.1). Not read.
        EncryptedDns = 144, "encrypted-dns";
    }
}

/// A link-layer address: a MAC address where it has the length of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLayerAddress<'a> {
    /// Of Ethernet and other IEEE 802 networks with addresses of 48 bits (RFC 2464, 6).
    Mac(ethernet::Address),
    /// Of any other link, with its padding.
    Other(Octets<'a>),
}

impl LinkLayerAddress<'_> {
    /// The MAC address, where it is one.
    #[must_use]
    pub fn mac(&self) -> Option<ethernet::Address> {
        match self {
            LinkLayerAddress::Mac(address) => Some(*address),
            LinkLayerAddress::Other(_) => None,
        }
    }
}

impl fmt::Display for LinkLayerAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkLayerAddress::Mac(address) => address.fmt(f),
            LinkLayerAddress::Other(octets) => octets.fmt(f),
        }
    }
}

impl Serialize for LinkLayerAddress<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A Prefix Information option (RFC 4861, 4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PrefixInformation {
    /// Leading bits of the prefix that are valid.
    pub prefix_length: u8,
    /// L: the prefix is on the link.
    pub on_link: bool,
    /// A: hosts make addresses of the prefix by themselves.
    pub autonomous: bool,
    /// R: the prefix holds the router's whole address (RFC 6275, 7.2).
    pub router_address: bool,
    /// P: hosts ask by DHCPv6 for prefixes of their own rather than for addresses (RFC 9762).
    pub dhcpv6_pd_preferred: bool,
    /// Seconds for which the prefix is valid; all ones for ever.
    pub valid_lifetime: u32,
    /// Seconds for which addresses of the prefix are preferred; all ones for ever.
    pub preferred_lifetime: u32,
    /// The prefix, as it was sent.
    pub prefix: Ipv6Addr,
}

/// A Home Agent Information option (RFC 6275, 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HomeAgentInformation {
    /// How much this home agent is preferred; higher is more.
    pub preference: u16,
    /// Seconds for which it is one.
    pub lifetime: u16,
}

/// A Route Information option (RFC 4191, 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RouteInformation {
    /// Leading bits of the prefix that are valid.
    pub prefix_length: u8,
    /// How much the route is preferred.
    pub preference: Preference,
    /// Seconds for which the route is valid; all ones for ever.
    pub lifetime: u32,
    /// The prefix, filled up with zeros where it was sent shorter.
    pub prefix: Ipv6Addr,
}

/// A Recursive DNS Server option (RFC 8106, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DnsServers<'a> {
    /// Seconds for which the servers may be used; all ones for ever.
    pub lifetime: u32,
    /// The servers.
    pub servers: Addresses<'a, Ipv6Addr>,
}

/// A DNS Search List option (RFC 8106, 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchList<'a> {
    /// Seconds for which the domains may be used; all ones for ever.
    pub lifetime: u32,
    /// The domains.
    pub domains: ArrayVec<Name<'a>, MAX_DOMAINS>,
}

/// A PREF64 option (RFC 8781, 4): the prefix of a NAT64 translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pref64 {
    /// Seconds for which the prefix is valid, a multiple of 8.
    pub lifetime: u16,
    /// Prefix Length Code, as it was sent.
    pub prefix_length_code: u8,
    /// Bits of the prefix; `None` for the two codes that are reserved.
    pub prefix_length: Option<u8>,
    /// The prefix: the highest 96 bits.
    pub prefix: Ipv6Addr,
}
