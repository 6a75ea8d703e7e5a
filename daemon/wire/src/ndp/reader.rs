//! How options are found and their values read.

use std::net::Ipv6Addr;

use super::{
    DnsServers, HomeAgentInformation, LinkLayerAddress, MAX_OPTIONS, Name, OPTION_UNIT, OptionFact,
    OptionType, Options, Pref64, PrefixInformation, RouteInformation, SearchList, address, preference,
};
use crate::{Addresses, Faults, Kind, Malformed, Octets, Text, addresses::keep, cursor::Cursor, ethernet};

/// Reads the options up to the end of the message.
pub(super) fn read<'a>(mut cursor: Cursor<'a>, faults: &mut Faults) -> Options<'a> {
    let mut options = Options::default();
    for _ in 0..MAX_OPTIONS {
        if cursor.is_empty() {
            return options;
        }
        let Some(option) = faults.note(RawOption::parse(&mut cursor)) else { return options };
        let result = options.read(option, faults);
        let is_cut = result.is_err_and(|fault| fault.kind == Kind::NotCaptured);
        faults.note(result);
        let behind = cursor.take(option.value.wire_remaining());
        if behind.is_err() {
            if !is_cut {
                faults.note(behind);
            }
            return options;
        }
    }
    if !cursor.is_empty() {
        faults.note::<()>(Err(cursor.malformed(Kind::Limit)));
    }
    options
}

/// An option as it is framed (4.6).
#[derive(Clone, Copy)]
struct RawOption<'a> {
    option_type: OptionType,
    /// Octets, with type and length.
    length: u16,
    /// Where it begins.
    start: Cursor<'a>,
    /// The octets behind its length. They may not all be captured.
    value: Cursor<'a>,
}

impl<'a> RawOption<'a> {
    /// Leaves the cursor before the value.
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let start = *cursor;
        let [option_type, units] = *cursor.array()?;
        let length = u16::from(units).saturating_mul(OPTION_UNIT);
        let mut value = *cursor;
        let behind = length.checked_sub(2).ok_or_else(|| start.malformed(Kind::Length))?;
        value.limit(behind.into()).map_err(|_| start.malformed(Kind::Length))?;
        Ok(RawOption { option_type: OptionType::from(option_type), length, start, value })
    }

    fn malformed<T>(&self, kind: Kind) -> Result<T, Malformed> {
        Err(self.start.malformed(kind))
    }

    /// Fills a place that may be filled once.
    fn once<T>(&self, place: &mut Option<T>, value: T) -> Result<(), Malformed> {
        if place.is_some() {
            return self.malformed(Kind::Duplicate);
        }
        *place = Some(value);
        Ok(())
    }

    /// Says whether the option has the length of its standard.
    fn exactly(&self, length: u16) -> Result<(), Malformed> {
        if self.length == length { Ok(()) } else { self.malformed(Kind::Length) }
    }

    /// What a field that an option is too short for means: its length is wrong, unless the capture was cut.
    fn length<T>(&self, result: Result<T, Malformed>) -> Result<T, Malformed> {
        result.map_err(|fault| match fault.kind {
            Kind::Short => self.start.malformed(Kind::Length),
            _ => fault,
        })
    }
}

impl<'a> Options<'a> {
    fn read(&mut self, option: RawOption<'a>, faults: &mut Faults) -> Result<(), Malformed> {
        let mut cursor = option.value;
        match option.option_type {
            OptionType::SourceLinkLayerAddress => {
                option.once(&mut self.source_link_layer_address, link_layer_address(&mut cursor)?)
            }
            OptionType::TargetLinkLayerAddress => {
                option.once(&mut self.target_link_layer_address, link_layer_address(&mut cursor)?)
            }
            OptionType::PrefixInformation => {
                let prefix = option.length(prefix_information(&mut cursor))?;
                keep(&mut self.prefixes, &mut self.omitted, prefix);
                if prefix.prefix_length > 128 {
                    return option.malformed(Kind::Value);
                }
                option.exactly(32)
            }
            OptionType::RedirectedHeader => {
                option.length(cursor.array::<6>())?;
                let length = u16::try_from(cursor.wire_remaining()).unwrap_or(u16::MAX);
                option.once(&mut self.redirected_header, length)
            }
            OptionType::Mtu => {
                let mtu = option.length(behind_reserved(&mut cursor))?;
                option.once(&mut self.mtu, mtu)?;
                option.exactly(8)
            }
            OptionType::AdvertisementInterval => {
                let interval = option.length(behind_reserved(&mut cursor))?;
                option.once(&mut self.advertisement_interval, interval)?;
                option.exactly(8)
            }
            OptionType::HomeAgentInformation => {
                let [_, _, p0, p1, l0, l1] = *option.length(cursor.array())?;
                let (preference, lifetime) = (u16::from_be_bytes([p0, p1]), u16::from_be_bytes([l0, l1]));
                option
                    .once(&mut self.home_agent_information, HomeAgentInformation { preference, lifetime })?;
                option.exactly(8)
            }
            OptionType::Nonce => option.once(&mut self.nonce, Octets(whole(&mut cursor)?)),
            OptionType::FlagsExtension => {
                let [a, b, c, d, e, f] = *option.length(cursor.array())?;
                option.once(&mut self.flags_extension, u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
            }
            OptionType::CaptivePortal => option.once(&mut self.captive_portal, Text(whole(&mut cursor)?)),
            OptionType::RouteInformation => self.read_route(option),
            OptionType::RecursiveDnsServer => self.read_dns_servers(option),
            OptionType::DnsSearchList => self.read_search_list(option, faults),
            OptionType::Pref64 => self.read_pref64(option),
            option_type => {
                let fact = OptionFact { option_type, length: option.length };
                keep(&mut self.others, &mut self.omitted, fact);
                Ok(())
            }
        }
    }

    fn read_route(&mut self, option: RawOption<'a>) -> Result<(), Malformed> {
        let mut cursor = option.value;
        let [prefix_length, flags] = *option.length(cursor.array())?;
        let lifetime = option.length(cursor.u32())?;
        let octets = cursor.take(cursor.wire_remaining().min(PREFIX_LEN))?;
        let bits = octets.len().saturating_mul(8);
        let prefix = filled_up(octets);
        let route = RouteInformation { prefix_length, preference: preference(flags), lifetime, prefix };
        keep(&mut self.routes, &mut self.omitted, route);
        match prefix_length {
            129.. => option.malformed(Kind::Value),
            length if usize::from(length) > bits || option.length > 24 => option.malformed(Kind::Length),
            _ => Ok(()),
        }
    }

    fn read_dns_servers(&mut self, option: RawOption<'a>) -> Result<(), Malformed> {
        let mut cursor = option.value;
        option.length(cursor.u16())?;
        let lifetime = option.length(cursor.u32())?;
        let count = cursor.wire_remaining().checked_div(PREFIX_LEN).unwrap_or(0);
        let (servers, result) = Addresses::parse(&mut cursor, count);
        keep(&mut self.dns_servers, &mut self.omitted, DnsServers { lifetime, servers });
        result?;
        if count == 0 || !cursor.is_empty() { option.malformed(Kind::Length) } else { Ok(()) }
    }

    fn read_search_list(&mut self, option: RawOption<'a>, faults: &mut Faults) -> Result<(), Malformed> {
        let mut cursor = option.value;
        option.length(cursor.u16())?;
        let mut list = SearchList { lifetime: option.length(cursor.u32())?, domains: Default::default() };
        let mut result = Ok(());
        for _ in 0..usize::from(option.length) {
            if cursor.is_empty() {
                break;
            }
            match Name::parse(&mut cursor) {
                Ok(Some(name)) => keep(&mut list.domains, &mut self.omitted, name),
                Ok(None) => break,
                Err(fault) => {
                    result = Err(fault);
                    break;
                }
            }
        }
        if result.is_ok() && cursor.rest().iter().any(|padding| *padding != 0) {
            faults.note::<()>(Err(cursor.malformed(Kind::Value)));
        }
        keep(&mut self.search_lists, &mut self.omitted, list);
        result
    }

    fn read_pref64(&mut self, option: RawOption<'a>) -> Result<(), Malformed> {
        let mut cursor = option.value;
        let scaled = option.length(cursor.u16())?;
        let octets: &[u8; 12] = option.length(cursor.array())?;
        let [_, low] = scaled.to_be_bytes();
        let prefix_length_code = low & 0x07;
        let prefix_length = match prefix_length_code {
            0 => Some(96),
            1 => Some(64),
            2 => Some(56),
            3 => Some(48),
            4 => Some(40),
            5 => Some(32),
            _ => None,
        };
        let pref64 = Pref64 {
            lifetime: scaled & 0xfff8,
            prefix_length_code,
            prefix_length,
            prefix: filled_up(octets),
        };
        keep(&mut self.pref64, &mut self.omitted, pref64);
        if prefix_length.is_none() {
            return option.malformed(Kind::Value);
        }
        option.exactly(16)
    }
}

fn link_layer_address<'a>(cursor: &mut Cursor<'a>) -> Result<LinkLayerAddress<'a>, Malformed> {
    let octets = whole(cursor)?;
    Ok(match <[u8; 6]>::try_from(octets) {
        Ok(address) => LinkLayerAddress::Mac(ethernet::Address(address)),
        Err(_) => LinkLayerAddress::Other(Octets(octets)),
    })
}

fn prefix_information(cursor: &mut Cursor<'_>) -> Result<PrefixInformation, Malformed> {
    let [prefix_length, flags] = *cursor.array()?;
    Ok(PrefixInformation {
        prefix_length,
        on_link: flags & 0x80 != 0,
        autonomous: flags & 0x40 != 0,
        router_address: flags & 0x20 != 0,
        dhcpv6_pd_preferred: flags & 0x10 != 0,
        valid_lifetime: cursor.u32()?,
        preferred_lifetime: cursor.u32()?,
        prefix: cursor.u32().and_then(|_| address(cursor))?,
    })
}

/// The number behind two octets that are reserved.
fn behind_reserved(cursor: &mut Cursor<'_>) -> Result<u32, Malformed> {
    cursor.u16()?;
    cursor.u32()
}

/// All octets of a value.
fn whole<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    cursor.take(cursor.wire_remaining())
}

/// An address that begins with the octets, at most [`PREFIX_LEN`], and goes on with zeros.
fn filled_up(octets: &[u8]) -> Ipv6Addr {
    let mut address = [0; PREFIX_LEN];
    for (to, from) in address.iter_mut().zip(octets) {
        *to = *from;
    }
    Ipv6Addr::from(address)
}

/// Octets of a prefix or address.
const PREFIX_LEN: usize = 16;
