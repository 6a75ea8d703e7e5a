//! TLVs of IEEE 802.1 (IEEE 802.1Q-2018, D.2; IEEE 802.1AX-2014, F.2).

use arrayvec::ArrayVec;
use nom::{
    Parser,
    multi::length_data,
    number::complete::{be_u8, be_u16},
};

use super::{LinkAggregation, Reading, finish, once, push};
use crate::{Kind, Text};

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x80, 0xc2];
/// Most port and protocol VLANs that are kept.
pub const MAX_PORT_PROTOCOL_VLANS: usize = 16;
/// Most VLAN names that are kept.
pub const MAX_VLAN_NAMES: usize = 64;
/// Most protocol identities that are kept.
pub const MAX_PROTOCOL_IDENTITIES: usize = 16;
/// Most octets of a VLAN's name (D.2.3.4).
pub const MAX_VLAN_NAME_LEN: usize = 32;
/// The largest VLAN identifier (IEEE 802.1Q-2018, 9.6).
pub const MAX_VID: u16 = 4094;

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extension<'a> {
    /// Port VLAN ID (D.2.1): the VLAN of untagged frames, 0 where the port has none.
    pub port_vlan: Option<u16>,
    /// Port And Protocol VLAN IDs (D.2.2).
    pub port_protocol_vlans: ArrayVec<PortProtocolVlan, MAX_PORT_PROTOCOL_VLANS>,
    /// VLAN Names (D.2.3).
    pub vlan_names: ArrayVec<VlanName<'a>, MAX_VLAN_NAMES>,
    /// Protocol Identities (D.2.4): the first octets of the protocols that the port speaks.
    pub protocol_identities: ArrayVec<&'a [u8], MAX_PROTOCOL_IDENTITIES>,
    /// Management VID (D.2.6), 0 where there is none.
    pub management_vlan: Option<u16>,
    /// Link Aggregation (IEEE 802.1AX-2014, F.2).
    pub link_aggregation: Option<LinkAggregation>,
}

/// A Port And Protocol VLAN ID (D.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortProtocolVlan {
    /// The port can do it.
    pub supported: bool,
    /// It is in use.
    pub enabled: bool,
    /// The VLAN, or 0.
    pub vid: u16,
}

/// A VLAN Name (D.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanName<'a> {
    /// The VLAN.
    pub vid: u16,
    /// Its name.
    pub name: Text<'a>,
}

impl<'a> Extension<'a> {
    pub(super) fn read(&mut self, subtype: u8, value: &'a [u8]) -> Result<Reading, Kind> {
        match subtype {
            PORT_VLAN_ID => {
                once(&mut self.port_vlan, vid(finish(be_u16.parse(value))?)?)?;
            }
            PORT_AND_PROTOCOL_VLAN_ID => {
                let (flags, id) = finish((be_u8, be_u16).parse(value))?;
                let vlan = PortProtocolVlan {
                    supported: flags & 0x02 != 0,
                    enabled: flags & 0x04 != 0,
                    vid: vid(id)?,
                };
                return Ok(push(&mut self.port_protocol_vlans, vlan));
            }
            VLAN_NAME => {
                let (id, name) = finish((be_u16, length_data(be_u8)).parse(value))?;
                if name.len() > MAX_VLAN_NAME_LEN {
                    return Err(Kind::Length);
                }
                return Ok(push(&mut self.vlan_names, VlanName { vid: vid(id)?, name: Text(name) }));
            }
            PROTOCOL_IDENTITY => {
                let protocol = finish(length_data(be_u8).parse(value))?;
                return Ok(push(&mut self.protocol_identities, protocol));
            }
            MANAGEMENT_VID => {
                once(&mut self.management_vlan, vid(finish(be_u16.parse(value))?)?)?;
            }
            LINK_AGGREGATION => {
                once(&mut self.link_aggregation, LinkAggregation::parse(value)?)?;
            }
            _ => return Ok(Reading::Unknown),
        }
        Ok(Reading::Used)
    }
}

fn vid(id: u16) -> Result<u16, Kind> {
    if id <= MAX_VID { Ok(id) } else { Err(Kind::Value) }
}

const PORT_VLAN_ID: u8 = 1;
const PORT_AND_PROTOCOL_VLAN_ID: u8 = 2;
const VLAN_NAME: u8 = 3;
const PROTOCOL_IDENTITY: u8 = 4;
const MANAGEMENT_VID: u8 = 6;
const LINK_AGGREGATION: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tlvs: &[(u8, &'static [u8])]) -> (Extension<'static>, Option<Kind>) {
        let mut extension = Extension::default();
        let mut first = None;
        for (subtype, value) in tlvs {
            first = first.or(extension.read(*subtype, value).err());
        }
        (extension, first)
    }

    #[test]
    fn every_tlv_is_read() {
        let (extension, fault) = read(&[
            (1, &[0, 10]),
            (2, &[6, 0, 20]),
            (3, &[0, 30, 5, b'v', b'o', b'i', b'c', b'e']),
            (4, &[2, 0x88, 0x8e]),
            (6, &[0, 99]),
            (7, &[3, 0, 0, 0, 5]),
        ]);
        assert_eq!(fault, None);
        assert_eq!((extension.port_vlan, extension.management_vlan), (Some(10), Some(99)));
        assert_eq!(
            extension.port_protocol_vlans[..],
            [PortProtocolVlan { supported: true, enabled: true, vid: 20 }]
        );
        assert_eq!(extension.vlan_names[..], [VlanName { vid: 30, name: Text(b"voice") }]);
        assert_eq!(extension.protocol_identities[..], [&[0x88, 0x8e][..]]);
        assert_eq!(
            extension.link_aggregation,
            Some(LinkAggregation { capable: true, enabled: true, port_id: 5 })
        );
    }

    #[test]
    fn a_vlan_name_beyond_its_tlv_or_its_limit_is_refused() {
        assert_eq!(read(&[(3, &[0, 30, 6, b'v'])]).1, Some(Kind::Short));
        static LONG: [u8; 36] = {
            let mut l = [b'x'; 36];
            l[0] = 0;
            l[2] = 33;
            l
        };
        assert_eq!(read(&[(3, &LONG)]).1, Some(Kind::Length));
    }

    #[test]
    fn a_vlan_that_cannot_be_is_refused() {
        assert_eq!(read(&[(1, &[0xff, 0xff])]).1, Some(Kind::Value));
    }

    #[test]
    fn the_first_of_two_port_vlans_counts() {
        let (extension, fault) = read(&[(1, &[0, 1]), (1, &[0, 2])]);
        assert_eq!((extension.port_vlan, fault), (Some(1), Some(Kind::Duplicate)));
    }
}
