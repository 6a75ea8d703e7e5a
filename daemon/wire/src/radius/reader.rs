//! How attributes are found and their values read (RFC 2865, 5).

use std::net::{Ipv4Addr, Ipv6Addr};

use arrayvec::ArrayVec;

use super::{
    AttributeFact, Attributes, EgressVlan, EgressVlanName, MAX_ATTRIBUTES, OperatorName, Prefix, Tagging,
    Tunnel, VendorSpecific,
};
use crate::{Faults, Kind, Layer, Malformed, Octets, Text, addresses::keep, cursor::Cursor, eap};

/// Reads the attributes up to the end of the message.
pub(super) fn read<'a>(mut cursor: Cursor<'a>, faults: &mut Faults) -> Attributes<'a> {
    let mut attributes = Attributes::default();
    let mut parts = Parts::default();
    for _ in 0..MAX_ATTRIBUTES {
        if cursor.is_empty() {
            break;
        }
        let Some(attribute) = faults.note(Attribute::parse(&mut cursor)) else { break };
        let result = attributes.read(attribute, &mut parts);
        let is_cut = result.is_err_and(|fault| fault.kind == Kind::NotCaptured);
        faults.note(result);
        let behind = cursor.take(attribute.value.wire_remaining());
        if behind.is_err() {
            if !is_cut {
                faults.note(behind);
            }
            break;
        }
    }
    // What the capture cut may hold more parts.
    let unseen = cursor.wire_remaining().saturating_sub(cursor.rest().len());
    parts.finish(unseen, &mut attributes, faults);
    attributes
}

/// An attribute as it is framed.
#[derive(Clone, Copy)]
struct Attribute<'a> {
    attribute_type: u8,
    /// Octets, with type and length.
    length: u8,
    /// Where it begins.
    start: Cursor<'a>,
    /// The octets behind its length. They may not all be captured.
    value: Cursor<'a>,
}

/// What several attributes say together.
#[derive(Default)]
struct Parts<'a> {
    /// The first part of an EAP packet.
    eap: Option<Cursor<'a>>,
    /// Octets of all its parts.
    eap_len: usize,
    input_octets: Option<u32>,
    output_octets: Option<u32>,
    input_gigawords: Option<u32>,
    output_gigawords: Option<u32>,
}

impl<'a> Attributes<'a> {
    fn read(&mut self, attribute: Attribute<'a>, parts: &mut Parts<'a>) -> Result<(), Malformed> {
        let omitted = &mut self.omitted;
        match attribute.attribute_type {
            1 => attribute.once(&mut self.user_name, Attribute::text),
            2 => flag(&mut self.presence.user_password),
            3 => flag(&mut self.presence.chap_password),
            4 => attribute.once(&mut self.nas_ip_address, Attribute::ipv4),
            5 => attribute.once(&mut self.nas_port, Attribute::number),
            6 => attribute.once(&mut self.service_type, Attribute::code),
            7 => attribute.once(&mut self.framed_protocol, Attribute::code),
            8 => attribute.once(&mut self.framed_ip_address, Attribute::ipv4),
            11 => attribute.several(&mut self.filter_ids, omitted, Attribute::text),
            12 => attribute.once(&mut self.framed_mtu, Attribute::number),
            17 => flag(&mut self.presence.old_password),
            25 => attribute.several(&mut self.classes, omitted, Attribute::octets),
            26 => attribute.several(&mut self.vendor_specific, omitted, Attribute::vendor_specific),
            27 => attribute.once(&mut self.session_timeout, Attribute::number),
            28 => attribute.once(&mut self.idle_timeout, Attribute::number),
            30 => attribute.once(&mut self.called_station_id, Attribute::text),
            31 => attribute.once(&mut self.calling_station_id, Attribute::text),
            32 => attribute.once(&mut self.nas_identifier, Attribute::text),
            40 => attribute.once(&mut self.acct_status_type, Attribute::code),
            41 => attribute.once(&mut self.acct_delay_time, Attribute::number),
            42 => attribute.once(&mut parts.input_octets, Attribute::number),
            43 => attribute.once(&mut parts.output_octets, Attribute::number),
            44 => attribute.once(&mut self.acct_session_id, Attribute::text),
            45 => attribute.once(&mut self.acct_authentic, Attribute::code),
            46 => attribute.once(&mut self.acct_session_time, Attribute::number),
            47 => attribute.once(&mut self.acct_input_packets, Attribute::number),
            48 => attribute.once(&mut self.acct_output_packets, Attribute::number),
            49 => attribute.once(&mut self.acct_terminate_cause, Attribute::code),
            50 => attribute.once(&mut self.acct_multi_session_id, Attribute::text),
            52 => attribute.once(&mut parts.input_gigawords, Attribute::number),
            53 => attribute.once(&mut parts.output_gigawords, Attribute::number),
            55 => attribute.once(&mut self.event_timestamp, Attribute::number),
            56 => attribute.several(&mut self.egress_vlans, omitted, Attribute::egress_vlan),
            57 => attribute.once(&mut self.ingress_filters, Attribute::code),
            58 => attribute.several(&mut self.egress_vlan_names, omitted, Attribute::egress_vlan_name),
            59 => attribute.once(&mut self.user_priority_table, Attribute::octets_8),
            60 => flag(&mut self.presence.chap_challenge),
            61 => attribute.once(&mut self.nas_port_type, Attribute::code),
            64 => {
                let (tag, code) = attribute.tagged_number()?;
                self.tunnel(tag).map_or(Ok(()), |tunnel| attribute.fill(&mut tunnel.tunnel_type, code.into()))
            }
            65 => {
                let (tag, code) = attribute.tagged_number()?;
                self.tunnel(tag).map_or(Ok(()), |tunnel| attribute.fill(&mut tunnel.medium_type, code.into()))
            }
            69 => flag(&mut self.presence.tunnel_password),
            70 | 74 | 84 => flag(&mut self.presence.arap),
            79 => {
                self.eap_parts = self.eap_parts.saturating_add(1);
                parts.add_eap(attribute)
            }
            80 => flag(&mut self.presence.message_authenticator),
            81 => {
                let (tag, group) = attribute.tagged_text()?;
                self.tunnel(tag).map_or(Ok(()), |tunnel| attribute.fill(&mut tunnel.private_group_id, group))
            }
            87 => attribute.once(&mut self.nas_port_id, Attribute::text),
            89 => flag(&mut self.presence.chargeable_user_identity),
            95 => attribute.once(&mut self.nas_ipv6_address, Attribute::ipv6),
            96 => attribute.once(&mut self.framed_interface_id, Attribute::octets_8),
            97 => attribute.several(&mut self.framed_ipv6_prefixes, omitted, Attribute::prefix),
            99 => attribute.several(&mut self.framed_ipv6_routes, omitted, Attribute::text),
            100 => attribute.once(&mut self.framed_ipv6_pool, Attribute::text),
            101 => attribute.once(&mut self.error_cause, Attribute::code),
            103 => flag(&mut self.presence.digest_response),
            123 => attribute.several(&mut self.delegated_ipv6_prefixes, omitted, Attribute::prefix),
            126 => attribute.several(&mut self.operator_names, omitted, Attribute::operator_name),
            127..=132 => flag(&mut self.presence.location),
            168 => attribute.several(&mut self.framed_ipv6_addresses, omitted, Attribute::ipv6),
            attribute_type => {
                let fact = AttributeFact { attribute_type, length: attribute.length };
                keep(&mut self.others, omitted, fact);
                Ok(())
            }
        }
    }

    /// The tunnel of a tag; `None` where the list has no room for another.
    fn tunnel(&mut self, tag: u8) -> Option<&mut Tunnel<'a>> {
        if !self.tunnels.iter().any(|tunnel| tunnel.tag == tag) {
            keep(&mut self.tunnels, &mut self.omitted, Tunnel { tag, ..Tunnel::default() });
        }
        self.tunnels.iter_mut().find(|tunnel| tunnel.tag == tag)
    }
}

impl<'a> Parts<'a> {
    /// An empty EAP-Message asks for an exchange to begin (RFC 3579, 2.1).
    fn add_eap(&mut self, attribute: Attribute<'a>) -> Result<(), Malformed> {
        let length = attribute.value.wire_remaining();
        if length > 0 {
            self.eap.get_or_insert(attribute.value);
            self.eap_len = self.eap_len.saturating_add(length);
        }
        Ok(())
    }

    fn finish(self, unseen: usize, attributes: &mut Attributes<'a>, faults: &mut Faults) {
        attributes.acct_input_octets = with_gigawords(self.input_octets, self.input_gigawords);
        attributes.acct_output_octets = with_gigawords(self.output_octets, self.output_gigawords);
        if let Some(first) = self.eap {
            attributes.eap =
                faults.note(eap::parse_part(first.enter(Layer::Eap), self.eap_len.saturating_add(unseen)));
        }
    }
}

impl<'a> Attribute<'a> {
    /// Leaves the cursor before the value.
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let start = *cursor;
        let [attribute_type, length] = *cursor.array()?;
        let mut value = *cursor;
        let behind = usize::from(length).checked_sub(ATTRIBUTE_HEADER_LEN);
        let behind = behind.ok_or_else(|| start.malformed(Kind::Length))?;
        value.limit(behind).map_err(|_| start.malformed(Kind::Length))?;
        Ok(Attribute { attribute_type, length, start, value })
    }

    /// Reads a value into a place that may be filled once.
    fn once<T>(
        &self,
        place: &mut Option<T>,
        read: impl FnOnce(&Self) -> Result<T, Malformed>,
    ) -> Result<(), Malformed> {
        self.fill(place, read(self)?)
    }

    fn fill<T>(&self, place: &mut Option<T>, value: T) -> Result<(), Malformed> {
        if place.is_some() {
            return self.malformed(Kind::Duplicate);
        }
        *place = Some(value);
        Ok(())
    }

    /// Reads a value into a list.
    fn several<T, const N: usize>(
        &self,
        list: &mut ArrayVec<T, N>,
        omitted: &mut u32,
        read: impl FnOnce(&Self) -> Result<T, Malformed>,
    ) -> Result<(), Malformed> {
        keep(list, omitted, read(self)?);
        Ok(())
    }

    /// A value of exactly `N` octets.
    fn fixed<const N: usize>(&self) -> Result<&'a [u8; N], Malformed> {
        if self.value.wire_remaining() != N {
            return self.malformed(Kind::Length);
        }
        { self.value }.array()
    }

    fn number(&self) -> Result<u32, Malformed> {
        self.fixed().map(|octets| u32::from_be_bytes(*octets))
    }

    fn code<T: From<u32>>(&self) -> Result<T, Malformed> {
        self.number().map(T::from)
    }

    fn ipv4(&self) -> Result<Ipv4Addr, Malformed> {
        self.fixed().map(|octets: &[u8; 4]| Ipv4Addr::from(*octets))
    }

    fn ipv6(&self) -> Result<Ipv6Addr, Malformed> {
        self.fixed().map(|octets: &[u8; 16]| Ipv6Addr::from(*octets))
    }

    /// A string has one octet at least (5).
    fn string(&self) -> Result<&'a [u8], Malformed> {
        match self.value.wire_remaining() {
            0 => self.malformed(Kind::Length),
            length => { self.value }.take(length),
        }
    }

    fn text(&self) -> Result<Text<'a>, Malformed> {
        self.string().map(Text)
    }

    fn octets(&self) -> Result<Octets<'a>, Malformed> {
        self.string().map(Octets)
    }

    fn octets_8(&self) -> Result<Octets<'a>, Malformed> {
        self.fixed::<8>().map(|octets| Octets(octets))
    }

    /// A tag and a number of three octets (RFC 2868, 3.1). A tag beyond the range of tags is none.
    fn tagged_number(&self) -> Result<(u8, u32), Malformed> {
        let [tag, n0, n1, n2] = *self.fixed()?;
        if tag > MAX_TAG {
            return self.malformed(Kind::Value);
        }
        Ok((tag, u32::from_be_bytes([0, n0, n1, n2])))
    }

    /// A tag and a text. What is beyond the range of tags is the text's first octet (RFC 2868, 3.6).
    fn tagged_text(&self) -> Result<(u8, Text<'a>), Malformed> {
        let string = self.string()?;
        Ok(match string.split_first() {
            Some((tag, text)) if *tag <= MAX_TAG => (*tag, Text(text)),
            _ => (0, Text(string)),
        })
    }

    /// The pad between tag and identifier is ignored (RFC 4675, 2.1).
    fn egress_vlan(&self) -> Result<EgressVlan, Malformed> {
        let [tagging, _, v0, v1] = *self.fixed()?;
        let vid = u16::from_be_bytes([v0 & 0x0f, v1]);
        Ok(EgressVlan { tagging: Tagging::from(tagging), vid })
    }

    fn egress_vlan_name(&self) -> Result<EgressVlanName<'a>, Malformed> {
        match self.string()?.split_first() {
            Some((tagging, name)) if !name.is_empty() => {
                Ok(EgressVlanName { tagging: Tagging::from(*tagging), name: Text(name) })
            }
            _ => self.malformed(Kind::Length),
        }
    }

    fn operator_name(&self) -> Result<OperatorName<'a>, Malformed> {
        match self.string()?.split_at_checked(1) {
            Some((namespace, name)) if !name.is_empty() => {
                Ok(OperatorName { namespace: Text(namespace), name: Text(name) })
            }
            _ => self.malformed(Kind::Length),
        }
    }

    /// A prefix of no more octets than its bits need, or of more that are zero (RFC 3162, 2.3).
    fn prefix(&self) -> Result<Prefix, Malformed> {
        let (prefix_length, octets) = match self.string()? {
            [_, prefix_length, octets @ ..] if octets.len() <= IPV6_LEN => (*prefix_length, octets),
            _ => return self.malformed(Kind::Length),
        };
        if prefix_length > 128 {
            return self.malformed(Kind::Value);
        }
        if usize::from(prefix_length) > octets.len().saturating_mul(8) {
            return self.malformed(Kind::Length);
        }
        let mut prefix = [0; IPV6_LEN];
        for (to, from) in prefix.iter_mut().zip(octets) {
            *to = *from;
        }
        Ok(Prefix { prefix_length, prefix: Ipv6Addr::from(prefix) })
    }

    fn vendor_specific(&self) -> Result<VendorSpecific, Malformed> {
        VendorSpecific::parse(self.value).map_err(|fault| match fault.kind {
            Kind::Short => self.start.malformed(Kind::Length),
            _ => fault,
        })
    }

    fn malformed<T>(&self, kind: Kind) -> Result<T, Malformed> {
        Err(self.start.malformed(kind))
    }
}

/// Keeps that an attribute is there.
fn flag(present: &mut bool) -> Result<(), Malformed> {
    *present = true;
    Ok(())
}

/// A count of octets and how often it passed 2^32 (RFC 2869, 5.1 and 5.2).
fn with_gigawords(octets: Option<u32>, gigawords: Option<u32>) -> Option<u64> {
    octets.or(gigawords)?;
    Some(u64::from(gigawords.unwrap_or(0)) << 32 | u64::from(octets.unwrap_or(0)))
}

/// Octets of an attribute's type and length.
const ATTRIBUTE_HEADER_LEN: usize = 2;
/// Highest tag (RFC 2868, 3.1).
const MAX_TAG: u8 = 0x1f;
/// Octets of an IPv6 address.
const IPV6_LEN: usize = 16;
