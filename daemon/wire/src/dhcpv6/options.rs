//! The options of a message between client and server (RFC 8415, 21, and others).

use std::net::Ipv6Addr;

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{
    Association, Duid, MAX_ADDRESSES, MAX_ARCHITECTURES, MAX_ASSOCIATIONS, MAX_CLASSES, MAX_DOMAINS,
    MAX_NTP_SERVERS, MAX_OPTIONS, MAX_OTHER_OPTIONS, MAX_REQUESTED, MAX_VENDOR_OPTIONS, MAX_VENDORS,
    MessageType, Status,
    reader::{RawOption, Tally, address, counted, each, rest, text},
};
use crate::{
    Kind, Layer, Malformed, Octets, Text,
    cursor::Cursor,
    dhcpv4::{self, Architecture, Authentication, NetworkInterface, is_default},
    domain::{self, Ending, Name},
};

/// The options that are read, by their numbers. Texts and identifiers are as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Options<'a> {
    /// The codes of all options as they were sent.
    pub order: ArrayVec<u16, MAX_OPTIONS>,
    /// 1: client identifier (21.2).
    #[serde(skip_serializing_if = "is_default")]
    pub client_identifier: Option<Duid<'a>>,
    /// 2: server identifier (21.3).
    #[serde(skip_serializing_if = "is_default")]
    pub server_identifier: Option<Duid<'a>>,
    /// 3, 4 and 25: identity associations (21.4, 21.5, 21.21).
    #[serde(skip_serializing_if = "is_default")]
    pub associations: ArrayVec<Association<'a>, MAX_ASSOCIATIONS>,
    /// 6: the options that the client asks for (21.7), in its order.
    #[serde(skip_serializing_if = "is_default")]
    pub request_list: ArrayVec<u16, MAX_REQUESTED>,
    /// 7: preference of the server (21.8).
    #[serde(skip_serializing_if = "is_default")]
    pub preference: Option<u8>,
    /// 8: hundredths of a second since the client began (21.9).
    #[serde(skip_serializing_if = "is_default")]
    pub elapsed_time: Option<u16>,
    /// 11: authentication (21.11).
    #[serde(skip_serializing_if = "is_default")]
    pub authentication: Option<Authentication>,
    /// 12: the address at which the client may ask the server alone (21.12).
    #[serde(skip_serializing_if = "is_default")]
    pub server_unicast: Option<Ipv6Addr>,
    /// 13: status (21.13).
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<Status<'a>>,
    /// 14: rapid commit (21.14).
    #[serde(skip_serializing_if = "is_default")]
    pub rapid_commit: bool,
    /// 15: user classes (21.15).
    #[serde(skip_serializing_if = "is_default")]
    pub user_classes: ArrayVec<Text<'a>, MAX_CLASSES>,
    /// 16: vendor classes (21.16).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_classes: ArrayVec<VendorClass<'a>, MAX_VENDORS>,
    /// 17: options of vendors (21.17).
    #[serde(skip_serializing_if = "is_default")]
    pub vendor_options: ArrayVec<VendorOptions, MAX_VENDORS>,
    /// 18: the interface of a relay agent (21.18).
    #[serde(skip_serializing_if = "is_default")]
    pub interface_id: Option<Octets<'a>>,
    /// 19: the message that the client is to send (21.19).
    #[serde(skip_serializing_if = "is_default")]
    pub reconfigure_message: Option<MessageType>,
    /// 20: the client accepts Reconfigure messages (21.20).
    #[serde(skip_serializing_if = "is_default")]
    pub reconfigure_accept: bool,
    /// 21: domain names of SIP servers (RFC 3319, 3.1).
    #[serde(skip_serializing_if = "is_default")]
    pub sip_domains: ArrayVec<Name, MAX_DOMAINS>,
    /// 22: SIP servers (RFC 3319, 3.2).
    #[serde(skip_serializing_if = "is_default")]
    pub sip_servers: ArrayVec<Ipv6Addr, MAX_ADDRESSES>,
    /// 23: recursive name servers (RFC 3646, 3).
    #[serde(skip_serializing_if = "is_default")]
    pub dns_servers: ArrayVec<Ipv6Addr, MAX_ADDRESSES>,
    /// 24: domain search list (RFC 3646, 4).
    #[serde(skip_serializing_if = "is_default")]
    pub domain_search: ArrayVec<Name, MAX_DOMAINS>,
    /// 31: SNTP servers (RFC 4075).
    #[serde(skip_serializing_if = "is_default")]
    pub sntp_servers: ArrayVec<Ipv6Addr, MAX_ADDRESSES>,
    /// 32: seconds until the client asks again for what is not leased (21.23).
    #[serde(skip_serializing_if = "is_default")]
    pub information_refresh_time: Option<u32>,
    /// 39: client FQDN (RFC 4704).
    #[serde(skip_serializing_if = "is_default")]
    pub client_fqdn: Option<ClientFqdn>,
    /// 56: time sources (RFC 5908).
    #[serde(skip_serializing_if = "is_default")]
    pub ntp_servers: ArrayVec<NtpServer, MAX_NTP_SERVERS>,
    /// 59: octets of the URL of the boot file (RFC 5970, 3.1).
    #[serde(skip_serializing_if = "is_default")]
    pub boot_file_url_length: Option<u16>,
    /// 60: octets of the parameters of the boot file (RFC 5970, 3.2).
    #[serde(skip_serializing_if = "is_default")]
    pub boot_file_parameters_length: Option<u16>,
    /// 61: client system architectures (RFC 5970, 3.3).
    #[serde(skip_serializing_if = "is_default")]
    pub architectures: ArrayVec<Architecture, MAX_ARCHITECTURES>,
    /// 62: client network interface identifier (RFC 5970, 3.4).
    #[serde(skip_serializing_if = "is_default")]
    pub network_interface: Option<NetworkInterface>,
    /// 64: the end of the tunnel that carries IPv4 (RFC 6334).
    #[serde(skip_serializing_if = "is_default")]
    pub aftr_name: Option<Name>,
    /// 80: a link of the client, for a relay agent or a query (RFC 6977, 6.2).
    #[serde(skip_serializing_if = "is_default")]
    pub link_address: Option<Ipv6Addr>,
    /// 82: most seconds between two Solicits (21.24).
    #[serde(skip_serializing_if = "is_default")]
    pub sol_max_rt: Option<u32>,
    /// 83: most seconds between two Information-requests (21.25).
    #[serde(skip_serializing_if = "is_default")]
    pub inf_max_rt: Option<u32>,
    /// 87: the DHCPv4 message that is carried (RFC 7341, 7.1).
    #[serde(skip_serializing_if = "is_default")]
    pub dhcpv4: Option<Box<dhcpv4::Message<'a>>>,
    /// 88: servers of DHCPv4 over DHCPv6 (RFC 7341, 7.2).
    #[serde(skip_serializing_if = "is_default")]
    pub dhcp4o6_servers: ArrayVec<Ipv6Addr, MAX_ADDRESSES>,
    /// 103: URI of the captive portal's API (RFC 8910, 2.2).
    #[serde(skip_serializing_if = "is_default")]
    pub captive_portal: Option<Text<'a>>,
    /// 112: URL of the device's MUD file (RFC 8520, 11).
    #[serde(skip_serializing_if = "is_default")]
    pub mud_url: Option<Text<'a>>,
    /// 148: the server takes registrations of addresses (RFC 9686, 4.1).
    #[serde(skip_serializing_if = "is_default")]
    pub address_registration: bool,
    /// The other options, in the order they were sent. What they hold is not read.
    #[serde(skip_serializing_if = "is_default")]
    pub others: ArrayVec<OptionFact, MAX_OTHER_OPTIONS>,
}

/// That an option was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OptionFact {
    /// Its code.
    pub code: u16,
    /// Octets of its value.
    pub length: u16,
}

impl From<RawOption<'_>> for OptionFact {
    fn from(option: RawOption<'_>) -> Self {
        OptionFact { code: option.code, length: option.length }
    }
}

/// A vendor's classes of a client (21.16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VendorClass<'a> {
    /// The vendor (IANA private enterprise numbers).
    pub enterprise: u32,
    /// Octets of all classes with their lengths.
    pub length: u16,
    /// The classes.
    pub classes: ArrayVec<Text<'a>, MAX_CLASSES>,
}

/// Options of a vendor (21.17).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VendorOptions {
    /// The vendor (IANA private enterprise numbers).
    pub enterprise: u32,
    /// Octets of its options.
    pub length: u16,
    /// Its options. What they hold is not read.
    pub options: ArrayVec<OptionFact, MAX_VENDOR_OPTIONS>,
}

/// A Client FQDN option (RFC 4704, 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientFqdn {
    /// The flags: bit 0 S, 1 O, 2 N (4.1).
    pub flags: u8,
    /// The domain name. It ends at its first label that is malformed or compressed.
    pub name: Name,
    /// Whether the name lacks its end: the server completes it (4.2).
    pub is_partial: bool,
}

/// A time source (RFC 5908, 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NtpServer {
    /// 1: a server.
    Server(Ipv6Addr),
    /// 2: a multicast group.
    Multicast(Ipv6Addr),
    /// 3: the name of a server.
    Name(Name),
    /// A source of another kind.
    Other(OptionFact),
}

impl<'a> Options<'a> {
    pub(super) fn read(&mut self, option: RawOption<'a>, tally: &mut Tally) -> Result<(), Malformed> {
        tally.push(&mut self.order, option.code);
        match option.code {
            1 => duid(&mut self.client_identifier, option),
            2 => duid(&mut self.server_identifier, option),
            3 | 4 | 25 => {
                let association = Association::read(option, tally)?;
                tally.push(&mut self.associations, association);
                Ok(())
            }
            6 => option.list(&mut self.request_list, tally, Cursor::u16),
            7 => option.field(&mut self.preference, Cursor::u8),
            8 => option.field(&mut self.elapsed_time, Cursor::u16),
            11 => option.field(&mut self.authentication, Authentication::parse),
            12 => option.field(&mut self.server_unicast, address),
            13 => option.field(&mut self.status, Status::parse),
            14 => option.flag(&mut self.rapid_commit),
            15 => option.list(&mut self.user_classes, tally, |value| counted(value).map(Text)),
            16 => VendorClass::add(&mut self.vendor_classes, option, tally),
            17 => VendorOptions::add(&mut self.vendor_options, option, tally),
            18 => option.field(&mut self.interface_id, |value| rest(value).map(Octets)),
            19 => option.field(&mut self.reconfigure_message, |value| value.u8().map(MessageType::from)),
            20 => option.flag(&mut self.reconfigure_accept),
            21 => option.list(&mut self.sip_domains, tally, name),
            22 => option.list(&mut self.sip_servers, tally, address),
            23 => option.list(&mut self.dns_servers, tally, address),
            24 => option.list(&mut self.domain_search, tally, name),
            31 => option.list(&mut self.sntp_servers, tally, address),
            32 => option.field(&mut self.information_refresh_time, Cursor::u32),
            39 => ClientFqdn::set(&mut self.client_fqdn, option, tally),
            56 => {
                each(option.value, tally, |source, tally| {
                    NtpServer::add(&mut self.ntp_servers, source, tally)
                });
                Ok(())
            }
            59 => option.length_only(&mut self.boot_file_url_length),
            60 => option.length_only(&mut self.boot_file_parameters_length),
            61 => option.list(&mut self.architectures, tally, Architecture::parse),
            62 => option.field(&mut self.network_interface, |value| {
                value.array().map(|octets| NetworkInterface::from(*octets))
            }),
            64 => option.field(&mut self.aftr_name, name),
            80 => option.field(&mut self.link_address, address),
            82 => option.field(&mut self.sol_max_rt, Cursor::u32),
            83 => option.field(&mut self.inf_max_rt, Cursor::u32),
            87 => self.read_dhcpv4(option, tally),
            88 => option.list(&mut self.dhcp4o6_servers, tally, address),
            103 => option.field(&mut self.captive_portal, text),
            112 => option.field(&mut self.mud_url, text),
            148 => option.flag(&mut self.address_registration),
            _ => {
                tally.push(&mut self.others, OptionFact::from(option));
                Ok(())
            }
        }
    }

    fn read_dhcpv4(&mut self, option: RawOption<'a>, tally: &mut Tally) -> Result<(), Malformed> {
        if self.dhcpv4.is_some() {
            return Err(option.start.malformed(Kind::Duplicate));
        }
        let message = dhcpv4::parse(option.value.enter(Layer::Dhcpv4))?;
        tally.note(message.malformed.first());
        self.dhcpv4 = Some(Box::new(message));
        Ok(())
    }
}

impl<'a> VendorClass<'a> {
    fn add<const N: usize>(
        list: &mut ArrayVec<Self, N>,
        option: RawOption<'a>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        let mut cursor = option.value;
        let enterprise = cursor.u32()?;
        let length = u16::try_from(cursor.wire_remaining()).unwrap_or(u16::MAX);
        let classes = tally.list(cursor, |cursor| counted(cursor).map(Text));
        tally.push(list, VendorClass { enterprise, length, classes });
        Ok(())
    }
}

impl VendorOptions {
    pub(super) fn add<const N: usize>(
        list: &mut ArrayVec<Self, N>,
        option: RawOption<'_>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        let mut cursor = option.value;
        let enterprise = cursor.u32()?;
        let length = u16::try_from(cursor.wire_remaining()).unwrap_or(u16::MAX);
        let mut options = ArrayVec::new();
        each(cursor, tally, |option, tally| {
            tally.push(&mut options, OptionFact::from(option));
            Ok(())
        });
        tally.push(list, VendorOptions { enterprise, length, options });
        Ok(())
    }
}

impl ClientFqdn {
    /// Whether the client wants the server to update the address record: S.
    #[must_use]
    pub fn server_updates(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// Whether the server overrode what the client wanted: O.
    #[must_use]
    pub fn is_overridden(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Whether no server is to update any record: N.
    #[must_use]
    pub fn no_updates(&self) -> bool {
        self.flags & 0x04 != 0
    }

    fn set(slot: &mut Option<Self>, option: RawOption<'_>, tally: &mut Tally) -> Result<(), Malformed> {
        option.field(slot, |value| {
            let flags = value.u8()?;
            let (name, ending) = domain::read(value, None);
            let ending = tally.note(ending);
            if ending.is_none() {
                // The fault has been noted, and what follows it is not read.
                value.limit(0)?;
            }
            Ok(ClientFqdn { flags, name, is_partial: ending == Some(Ending::Partial) })
        })
    }
}

impl NtpServer {
    fn add<const N: usize>(
        list: &mut ArrayVec<Self, N>,
        source: RawOption<'_>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        let mut value = source.value;
        let server = match source.code {
            1 => NtpServer::Server(address(&mut value)?),
            2 => NtpServer::Multicast(address(&mut value)?),
            3 => NtpServer::Name(name(&mut value)?),
            _ => NtpServer::Other(OptionFact::from(source)),
        };
        tally.push(list, server);
        Ok(())
    }
}

/// A name, which may not be compressed (RFC 8415, 10).
fn name(cursor: &mut Cursor<'_>) -> Result<Name, Malformed> {
    domain::read_complete(cursor, None)
}

fn duid<'a>(slot: &mut Option<Duid<'a>>, option: RawOption<'a>) -> Result<(), Malformed> {
    if slot.is_some() {
        return Err(option.start.malformed(Kind::Duplicate));
    }
    let (duid, result) = Duid::parse(option.value);
    *slot = duid;
    result
}
